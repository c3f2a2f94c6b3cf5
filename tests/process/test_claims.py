"""Credits that must be claimed: once, in time, or by an exception; and what billing is told of them."""

from decimal import Decimal

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.measurements.exclusions import Exclusion
from upheld.outgoing.claims import Refused
from upheld.process.acting.claiming import Taken
from upheld.readers.portfolio import parse_portfolio

GOOD, BAD = [1.0], [0.0]
FIRST_DAY = parse_instant("2026-06-01T00:00:00+02:00")
KEY = ("acme-vpn-gold", "availability", "vpn-0042", FIRST_DAY)
DEADLINE = FIRST_DAY + 4 * DAY


def ask_for_claims(world) -> None:
    """From now on credits must be claimed, within three days."""
    claimed = "    exclusions: [planned_maintenance, force_majeure]\n    claim: {within: 3d}"
    source = world.source.replace("    exclusions: [planned_maintenance]", claimed)
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


@pytest.fixture
def owing(world):
    """The first day is over and broken, and its verdict final: 120.00 EUR can be claimed."""
    ask_for_claims(world)
    world.deliver(*GOOD * 5, *BAD * 9)
    world.pass_time(FIRST_DAY + DAY + 2 * HOUR - world.clock.at)
    assert adjusted(world) == []
    return world


def claim(world, by="am", via="operator", exception=None):
    return world.process.claim_credit(DEFAULT_TENANT, KEY, by, via, "", exception)


def adjusted(world) -> list[tuple[Decimal, str]]:
    with world.transaction() as t:
        return [(Decimal(one.amount), one.reason) for one in t.adjustments()]


def test_a_claim_is_told_to_billing_once_by_whomever_it_is_made_again(owing):
    taken = claim(owing, "customer.noc/1", "link")
    assert isinstance(taken, Taken)
    assert taken.new
    again = claim(owing)
    assert again == Taken(taken.claim, new=False)
    owing.run()
    owing.run()
    assert adjusted(owing) == [(Decimal("120.00"), "due")]
    with owing.transaction() as t:
        told = [e for e in t.outgoing_events(0, 1000) if e.type.startswith("org.upheld.credit.")]
        (due,) = t.adjustments()
    assert [e.type for e in told] == ["org.upheld.credit.claimed", "org.upheld.credit.adjusted"]
    assert told[0].data["credit"] == {"amount": "120.00", "currency": "EUR"}
    assert (due.cause, due.approver) == ("the customer has claimed it", None)


def test_what_was_claimed_before_a_crash_is_told_after_it(owing):
    claim(owing)
    owing.restart()
    owing.run()
    assert adjusted(owing) == [(Decimal("120.00"), "due")]


def test_the_deadline_itself_is_in_time_and_the_next_second_is_not(owing):
    owing.clock.at = DEADLINE + 1
    late = claim(owing)
    assert late == Refused("too_late", DEADLINE)
    assert late.text == "the credit could be claimed until 2026-06-04T22:00:00Z"
    owing.clock.at = DEADLINE
    assert isinstance(claim(owing), Taken)


def test_a_late_claim_stands_by_an_exception_and_whose(owing):
    owing.clock.at = DEADLINE + SECOND
    assert isinstance(claim(owing), Refused)
    taken = claim(owing, "j.doe", exception="the mail was lost")
    assert isinstance(taken, Taken)
    assert taken.claim.exception == "the mail was lost"
    owing.run()
    with owing.transaction() as t:
        (due,) = t.adjustments()
    assert (due.amount, due.approver) == ("120.00", "j.doe")


def test_a_claim_in_time_needs_no_exception_and_has_none(owing):
    taken = claim(owing, exception="to be sure")
    assert isinstance(taken, Taken)
    assert taken.claim.exception is None


def test_a_restatement_corrects_what_was_claimed_and_nothing_else(owing):
    excluded = Exclusion("vpn-0042", FIRST_DAY, FIRST_DAY + HOUR, "force_majeure", "legal", known_at=owing.clock.at)
    claim(owing)
    owing.run()
    owing.process.grant_exclusion(DEFAULT_TENANT, "x-1", excluded)
    owing.pass_time(MINUTE)
    assert adjusted(owing) == [(Decimal("120.00"), "due"), (Decimal("-120.00"), "withdrawn")]
    owing.process.revoke_exclusion(DEFAULT_TENANT, "x-1", "legal")
    owing.pass_time(10 * DAY)  # what is claimed stays so, also after the deadline
    assert [amount for amount, _ in adjusted(owing)] == [120, -120, 120]


def test_what_is_not_claimed_is_never_adjusted_whatever_is_restated(owing):
    excluded = Exclusion("vpn-0042", FIRST_DAY, FIRST_DAY + HOUR, "force_majeure", "legal", known_at=owing.clock.at)
    owing.process.grant_exclusion(DEFAULT_TENANT, "x-1", excluded)
    owing.pass_time(MINUTE)
    assert claim(owing) == Refused("nothing")
    owing.process.revoke_exclusion(DEFAULT_TENANT, "x-1", "legal")
    owing.pass_time(MINUTE)
    assert adjusted(owing) == []


def test_what_is_claimed_before_it_is_final_is_adjusted_once_it_is(world):
    ask_for_claims(world)
    world.deliver(*GOOD * 5, *BAD * 9)
    assert claim(world) == Refused("nothing"), "the period is not over"
    world.pass_time(FIRST_DAY + DAY + 10 * MINUTE - world.clock.at)
    assert isinstance(claim(world), Taken)
    world.run()
    assert adjusted(world) == []
    world.pass_time(2 * HOUR)
    assert adjusted(world) == [(Decimal("120.00"), "due")]


def test_what_is_due_by_itself_needs_no_claim_and_what_is_unknown_has_none(world):
    world.deliver(*GOOD * 5, *BAD * 9)
    world.pass_time(FIRST_DAY + DAY + 2 * HOUR - world.clock.at)
    assert claim(world) == Refused("automatic")
    unknown = world.process.claim_credit(DEFAULT_TENANT, (*KEY[:3], 0), "am", "operator")
    assert unknown == Refused("unknown")


def test_an_amendment_that_asks_for_claims_takes_back_and_the_claim_gives_again(world):
    """Both are of the same version of the verdict: their ids differ."""
    world.deliver(*GOOD * 5, *BAD * 9)
    world.pass_time(FIRST_DAY + DAY + 2 * HOUR - world.clock.at)
    ask_for_claims(world)
    world.pass_time(MINUTE)
    claim(world)
    world.pass_time(MINUTE)
    assert [amount for amount, _ in adjusted(world)] == [120, -120, 120]
