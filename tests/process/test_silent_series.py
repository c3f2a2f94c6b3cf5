"""A series that silently stops: a case of its own, told to the provider, which ends by itself."""

import pytest

from upheld.agreements.units import HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement
from upheld.readers.portfolio import parse_portfolio

GOOD, BAD, NOTHING = [1.0], [0.0], [None]
BEFORE = "slot: 1m}"


def adopt(world, watched=", silent_after: 10m", notices=""):
    source = world.source.replace(BEFORE, f"slot: 1m{watched}}}").replace(
        "    confirmation:", f"{notices}    confirmation:"
    )
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


def kinds(world):
    return [(case.kind, case.state, case.outcome) for case in world.cases()]


def silence_of(world):
    return next(case for case in world.cases() if case.kind == "no_data")


@pytest.fixture
def watched(world):
    adopt(world)
    return world


def test_a_series_that_stops_opens_a_case_that_ends_when_it_is_measured_again(watched):
    world = watched
    world.deliver(*GOOD * 5, *NOTHING * 9)
    assert kinds(world) == []
    world.deliver(*NOTHING * 2)
    case = world.case()
    assert (case.kind, case.state, case.findings["silence"]["services"]) == ("no_data", "acting", ["vpn-0042"])
    assert case.periods == {}
    told = [(mail["To"], mail["Subject"]) for mail in world.mails()]
    assert [to for to, _ in told] == ["am@carrier.example"]  # and not the customer
    assert "nothing is measured any more" in told[0][1]
    with world.transaction() as t:
        (ticket,) = t.tickets()
    assert ticket.title == "No measurements: vpn-0042, availability (acme)"
    assert "Nothing is measured of reachable of vpn-0042 since 2026-05-31T22:05:00Z" in ticket.detail["description"]

    world.deliver(*NOTHING * 30)
    assert len(world.cases()) == 1
    world.deliver(*GOOD * 2)
    assert kinds(world) == [("no_data", "closed", "resumed")]
    assert world.event_types() == ["opened", "analysed", "acted", "step_done", "examined", "resumed", "step_done"]
    assert any("measured again" in mail["Subject"] for mail in world.mails("am@carrier.example"))
    assert world.mails("noc@acme.example") == []
    world.deliver(*NOTHING * 12)
    assert kinds(world) == [("no_data", "acting", None), ("no_data", "closed", "resumed")]


def test_it_stands_beside_a_case_of_the_promise_and_neither_touches_the_other(watched):
    world = watched
    world.deliver(*BAD * 5, *NOTHING * 12)
    assert sorted(kinds(world)) == [("degradation", "acting", None), ("no_data", "acting", None)]
    world.deliver(*BAD * 4)
    assert sorted(kinds(world)) == [("no_data", "closed", "resumed"), ("violation", "acting", None)]
    world.deliver(*GOOD * 6)
    assert sorted(kinds(world)) == [("no_data", "closed", "resumed"), ("violation", "confirming", None)]
    world.deliver(*NOTHING * 12)
    assert sorted(kinds(world))[0] == ("no_data", "acting", None)


def test_the_operator_is_not_asked_to_ask_the_customer_about_it(watched):
    world = watched
    world.deliver(*GOOD, *NOTHING * 12)
    assert world.process.cases.ask_again(DEFAULT_TENANT, world.case().id, "Ada") == "too_late"
    assert world.case().state == "acting"


def test_planned_work_is_no_silence(watched):
    world = watched
    begins = world.clock.at + 2 * MINUTE
    work = Exclusion("vpn-0042", begins, begins + HOUR, "planned_maintenance", "Ada")
    world.process.grant_exclusion(DEFAULT_TENANT, "x-1", work)
    world.deliver(*GOOD * 2, *NOTHING * 68)
    assert kinds(world) == []
    world.deliver(*NOTHING * 3)
    assert kinds(world) == [("no_data", "acting", None)]


def test_a_restart_in_the_silence_opens_no_second_case_and_late_data_end_it(watched):
    world = watched
    world.deliver(*GOOD, *NOTHING * 12)
    world.restart()
    world.deliver(*NOTHING * 3)
    assert kinds(world) == [("no_data", "acting", None)]
    late = Measurement("vpn-0042", "reachable", world.clock.at - 2 * MINUTE, 1.0, known_at=world.clock.at)
    world.take(late)
    world.run()
    assert kinds(world) == [("no_data", "closed", "resumed")]
    world.restart()
    world.deliver(*NOTHING * 3)
    assert len(world.cases()) == 1


def test_who_is_told_can_be_said_and_by_default_nothing_is_watched(world):
    world.deliver(*GOOD, *NOTHING * 30)
    assert kinds(world) == []
    adopt(world, notices="      no_data: {within: 5m, to: [customer.noc]}\n")
    world.deliver(*GOOD, *NOTHING * 12)
    assert [mail["To"] for mail in world.mails()] == ["noc@acme.example"]
    adopt(world, watched="")
    world.run()
    assert kinds(world) == [("no_data", "withdrawn", "withdrawn")]
    assert len(world.mails()) == 1


def test_what_was_silent_before_it_was_managed_is_history(world):
    start = world.clock.at - 3 * HOUR
    world.take(Measurement("vpn-0042", "reachable", start, 1.0, known_at=start))
    adopt(world)
    world.deliver(*NOTHING * 15)
    assert kinds(world) == []


def test_after_the_server_was_away_its_senders_have_time_to_catch_up(watched):
    world = watched
    world.deliver(*GOOD * 3)
    world.clock.at += 2 * HOUR
    world.restart()
    world.deliver(*NOTHING * 9)
    assert kinds(world) == []
    world.deliver(*NOTHING * 2)
    assert kinds(world) == [("no_data", "acting", None)]
