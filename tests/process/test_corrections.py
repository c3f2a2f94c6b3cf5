"""Credits are told to those whom the agreement names, and whoever was told what does not hold any more is told so."""

from collections.abc import Sequence

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement
from upheld.notices.model import Notice
from upheld.readers.portfolio import parse_portfolio

GOOD, BAD = [1.0], [0.0]
FIRST_DAY = parse_instant("2026-06-01T00:00:00+02:00")
NOC, BILLING, MANAGER = "noc@acme.example", "billing@acme.example", "am@carrier.example"


def adopt(world, more="", noc=NOC, billing=BILLING) -> None:
    credit = "credit: {within: 1d, to: [customer.billing, account-manager]}"
    source = world.source.replace("      degradation:", f"      {credit}\n      degradation:")
    source = source.replace("    exclusions: [planned_maintenance]", f"    exclusions: [force_majeure]\n{more}")
    source = source.replace(
        "noc: [{email: noc@acme.example}]", f"noc: [{{email: {noc}}}], billing: [{{email: {billing}}}]"
    )
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


def kinds(world, *wanted: str) -> list[tuple[str, str, str]]:
    return sorted((n.kind, n.address, n.state) for n in notices(world, *wanted))


def notices(world, *wanted: str) -> Sequence[Notice]:
    with world.transaction() as t:
        return [n for n in reversed(t.notices()) if n.kind in wanted]


def the_first_day_ends(world) -> None:
    world.pass_time(FIRST_DAY + DAY + 2 * HOUR - world.clock.at)
    gathered(world)


def gathered(world) -> None:
    world.run()
    world.pass_time(3 * MINUTE)


def exclude(world, minutes: int = 10) -> None:
    now = world.clock.at
    exclusion = Exclusion("vpn-0042", FIRST_DAY, FIRST_DAY + minutes * MINUTE, "force_majeure", "Grace", known_at=now)
    world.process.grant_exclusion(DEFAULT_TENANT, f"X-{minutes}", exclusion)
    gathered(world)


@pytest.fixture
def owing(world):
    """The first day was bad and is over: 120.00 EUR are owed, and the customer has confirmed that it is solved."""
    adopt(world)
    world.deliver(*BAD * 10, *GOOD * 8)
    world.answer(solved=True)
    assert world.case().state == "closed"
    the_first_day_ends(world)
    return world


def test_a_credit_is_told_once_to_those_whom_the_agreement_names(owing):
    assert kinds(owing, "credit", "restatement") == [("credit", MANAGER, "sent"), ("credit", BILLING, "sent")]
    told = next(n for n in notices(owing, "credit") if n.address == BILLING)
    assert told.case_id == owing.case().id
    assert "€120.00" in told.text
    assert told.due_by is not None
    assert told.due_by - told.recorded_at > 23 * HOUR
    (credit,) = told.payload["data"]["credits"]
    assert (credit["what"], credit["credit"]["amount"], credit["version"]) == ("due", "120.00", 1)
    owing.restart()
    owing.pass_time(DAY)
    assert len(notices(owing, "credit")) == 2


def test_a_correction_goes_to_exactly_those_who_were_sent_the_old_conclusion(owing):
    exclude(owing)
    assert kinds(owing, "restatement") == [
        ("restatement", MANAGER, "sent"),
        ("restatement", BILLING, "sent"),
        ("restatement", NOC, "sent"),
    ]
    told = next(n for n in notices(owing, "restatement") if n.address == BILLING)
    (found,) = told.payload["data"]["corrections"]
    assert (found["told"]["status"], found["told"]["credit"]["amount"]) == ("violated", "120.00")
    assert (found["status"], found["credit"]) == ("met", None)
    assert [one["kind"] for one in found["causes"]] == ["exclusion_granted"]
    assert found["approver"] == "Grace"
    for words in ("€120.00", "service level missed", "service level met", "force majeure", "Grace"):
        assert words in " ".join(told.text.split())
    owing.pass_time(DAY)
    assert len(notices(owing, "restatement")) == 3


def test_what_is_restated_again_corrects_what_was_said_last(owing):
    exclude(owing)
    owing.process.revoke_exclusion(DEFAULT_TENANT, "X-10", "Grace")
    gathered(owing)
    last = [n for n in notices(owing, "restatement") if n.address == NOC][-1]
    (found,) = last.payload["data"]["corrections"]
    assert (found["told"]["status"], found["status"], found["version"]) == ("met", "violated", 3)


def test_what_is_restated_there_and_back_before_it_is_told_is_not_told(owing):
    now = owing.clock.at
    exclusion = Exclusion("vpn-0042", FIRST_DAY, FIRST_DAY + 10 * MINUTE, "force_majeure", "Grace", known_at=now)
    owing.process.grant_exclusion(DEFAULT_TENANT, "X", exclusion)
    owing.run()
    owing.process.revoke_exclusion(DEFAULT_TENANT, "X", "Grace")
    gathered(owing)
    assert kinds(owing, "restatement") == []


def test_a_withdrawn_case_is_told_by_its_withdrawal_and_the_rest_by_a_correction(world):
    """Nobody has answered yet: the case is open when it turns out that nothing was broken."""
    adopt(world)
    world.deliver(*BAD * 10, *GOOD * 8)
    the_first_day_ends(world)
    assert world.case().state == "confirming"
    exclude(world)
    assert world.case().state == "withdrawn"
    assert kinds(world, "withdrawn", "restatement") == [
        ("restatement", BILLING, "sent"),
        ("withdrawn", MANAGER, "sent"),
        ("withdrawn", NOC, "sent"),
    ]


def test_who_was_sent_nothing_is_not_corrected_but_told_what_holds(world):
    adopt(world)
    world.deliver(*BAD * 10, *GOOD * 8)
    world.answer(solved=True)
    world.stop_relay()
    the_first_day_ends(world)
    assert {n.state for n in notices(world, "credit")} == {"recorded"}
    late = [Measurement("vpn-0042", "reachable", FIRST_DAY + m * MINUTE, 1.0, known_at=world.clock.at) for m in (0, 1)]
    world.take(*late)
    gathered(world)
    gathered(world)
    assert kinds(world, "restatement") == [], "it is not known yet whether the old figures reach them"
    world.pass_time(HOUR)
    world.pass_time(HOUR)
    outdated, now = notices(world, "credit")[:2], notices(world, "credit")[2:]
    assert {n.reason.split(":")[0] for n in outdated} == {"past its point"}
    assert {n.state for n in outdated} == {"stopped"}
    assert [n.payload["data"]["credits"][0]["version"] for n in now] == [2, 2]
    assert kinds(world, "restatement") == []


def test_a_credit_that_must_be_claimed_is_told_with_its_link_and_its_claim_is_told(world):
    adopt(world, more="    claim: {within: 30d}")
    world.deliver(*BAD * 10, *GOOD * 8)
    the_first_day_ends(world)
    told = next(n for n in notices(world, "credit") if n.address == BILLING)
    assert told.payload["data"]["credits"][0]["what"] == "claim"
    link = told.payload["data"]["credits"][0]["link"]
    assert link in told.text
    question = world.application.links.read_claim(link.rpartition("/")[2])
    assert (question.period_start, question.contact) == (FIRST_DAY, "customer.billing/0")
    assert "/claim/" not in next(n for n in notices(world, "credit") if n.address == MANAGER).text
    key = ("acme-vpn-gold", "availability", "vpn-0042", FIRST_DAY)
    world.process.claim_credit(DEFAULT_TENANT, key, "customer.billing/0", "link")
    gathered(world)
    claimed = [n.payload["data"]["credits"][0]["what"] for n in notices(world, "credit") if n.address == BILLING]
    assert claimed == ["claim", "claimed"]


def test_nobody_is_told_of_a_credit_where_the_agreement_does_not_say_so(world):
    world.deliver(*BAD * 10, *GOOD * 8)
    the_first_day_ends(world)
    assert kinds(world, "credit", "restatement") == []


def test_who_is_no_contact_any_more_is_not_written_to_and_the_reason_is_recorded(owing):
    adopt(owing, noc="other@acme.example", billing="another@acme.example")
    exclude(owing)
    assert {n.reason for n in notices(owing, "restatement") if n.state == "stopped"} == {
        "no contact: noc@acme.example is no contact any more",
        "no contact: billing@acme.example is no contact any more",
    }
    assert ("restatement", MANAGER, "sent") in kinds(owing, "restatement")
