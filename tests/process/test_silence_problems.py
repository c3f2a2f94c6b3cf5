"""Series that fall silent of one cause are one problem: one ticket, each contact told once; and silent is not bad."""

from contextlib import contextmanager

import pytest
from two_customers import portfolio

from upheld.agreements.units import MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.cases.problems import Cause
from upheld.measurements.model import Measurement, to_table

DELIVERED = {"probe-a": ("a-1", "a-2", "a-3", "a-4"), "probe-b": ("b-1", "b-2", "b-3", "b-4", "b-5")}
EVERY = [name for some in DELIVERED.values() for name in some]
SERVICES = {"acme": ("a-1", "a-2", "a-3", "b-1", "b-2"), "bell": ("a-4", "b-3", "b-4", "b-5")}
PORTFOLIO = portfolio(SERVICES, {"switch-1": ("b-1", "b-2", "b-3")}, silent_after="10m")


@pytest.fixture
def watched(world):
    world.adopt(PORTFOLIO, DELIVERED)
    world.minute()
    return world


def silence(world, *services: str, minutes: int = 10) -> None:
    for _ in range(minutes):
        world.minute(left_out=services)


def by_problem(world):
    with world.transaction() as t:
        return {(case.kind, case.service): case.problem for case in t.open_cases()}


def test_what_a_dead_collector_delivered_is_one_problem_with_one_ticket_and_one_notice(watched) -> None:
    silence(watched, *DELIVERED["probe-a"])
    watched.gathered()
    (problem,) = watched.problems()
    assert problem.shared == Cause("probe-a", "sender", "silence")
    assert by_problem(watched) == {("no_data", name): problem.id for name in DELIVERED["probe-a"]}
    with watched.transaction() as t:
        (ticket,) = t.tickets()
        found = t.case(t.open_cases()[0].id).findings
    assert ticket.title == "No measurements: sender probe-a, 4 series"
    why = "4 of 4 series of sender probe-a fell silent at 2026-05-31T22:01:00Z"
    assert ticket.detail["description"].startswith(f"{why}: a-1 reachable, a-2 reachable")
    assert "what 2 customers were promised" in ticket.detail["description"]
    assert found["cause_candidates"][0]["reason"] == why
    assert found["customers_hit"] == ["acme", "bell"]
    (mail,) = watched.mails()  # and no customer
    assert mail["To"] == "am@carrier.example"
    assert "4 services: nothing is measured any more" in mail["Subject"]

    silence(watched, *DELIVERED["probe-a"], minutes=5)
    watched.restart()
    silence(watched, *DELIVERED["probe-a"], minutes=5)
    assert len(watched.problems()) == 1
    silence(watched, minutes=2)
    watched.gathered()
    (problem,) = watched.problems()
    assert problem.state == "closed"
    asked, again = (str(mail["Subject"]) for mail in watched.mails()[1:])
    assert f"What was sender probe-a? [{problem.id}]" in asked
    assert "4 services: measured again" in again


def test_what_falls_silent_by_itself_stands_alone(watched) -> None:
    silence(watched, "a-1", "b-1", "b-2")  # 1 of 4, and 2 of 5
    assert not watched.problems()
    assert by_problem(watched) == {("no_data", name): None for name in ("a-1", "b-1", "b-2")}
    with watched.transaction() as t:
        assert len(t.tickets()) == 3


def test_what_went_first_joins_and_what_went_long_ago_does_not_count(watched) -> None:
    silence(watched, "b-1", "b-2")
    assert not watched.problems()
    silence(watched, *DELIVERED["probe-b"])  # within ten minutes of the two
    (problem,) = watched.problems()
    assert by_problem(watched) == {("no_data", name): problem.id for name in DELIVERED["probe-b"]}

    silence(watched, minutes=2)
    silence(watched, "a-1", "a-2", minutes=60)
    silence(watched, *DELIVERED["probe-a"])  # the other two, much later
    assert len(watched.problems()) == 1
    assert set(by_problem(watched).values()) == {None}


def test_those_that_fall_silent_a_little_later_are_counted_before_they_are_due(watched) -> None:
    watched.minute(left_out=["a-1"])  # the collector dies within a minute, and a-1 was next
    silence(watched, *DELIVERED["probe-a"], minutes=9)
    (problem,) = watched.problems()
    assert by_problem(watched) == {("no_data", "a-1"): problem.id}
    watched.minute(left_out=DELIVERED["probe-a"])
    assert by_problem(watched) == {("no_data", name): problem.id for name in DELIVERED["probe-a"]}
    with watched.transaction() as t:
        assert len(t.tickets()) == 1


def test_silent_services_of_one_resource_are_one_problem_where_their_sender_is_alive(watched) -> None:
    watched.minute(by="collector")
    for _ in range(10):
        watched.minute(left_out=["b-1", "b-2", "b-3"], by="collector")  # 3 of the 9 that it delivers
    (problem,) = watched.problems()
    assert problem.shared == Cause("switch-1", "resource", "silence")
    assert by_problem(watched) == {("no_data", name): problem.id for name in ("b-1", "b-2", "b-3")}
    with watched.transaction() as t:
        (ticket,) = t.tickets()
    assert ticket.title == "No measurements: switch-1, 3 services"


def test_silent_and_bad_services_of_one_resource_are_problems_apart(watched) -> None:
    watched.minute("b-1", "b-2", "b-3")
    (outage,) = watched.problems()
    assert outage.shared == Cause("switch-1")
    silence(watched, "b-1", "b-2", "b-3", minutes=11)
    assert {problem.kind for problem in watched.problems(only_open=True)} == {"outage", "silence"}
    assert {kind: problem == outage.id for (kind, _), problem in by_problem(watched).items()} == {
        "violation": True,
        "no_data": False,
    }


def test_silence_is_no_witness_against_a_resource(watched) -> None:
    silence(watched, "b-1", "b-2", "b-3", minutes=11)
    watched.minute("b-1", left_out=["b-2", "b-3"])
    with watched.transaction() as t:
        (bad,) = [t.case(one.id) for one in t.open_cases() if one.kind != "no_data"]
    (switch,) = bad.findings["cause_candidates"]
    assert (switch["resource"], switch["bad_count"]) == ("switch-1", 1)
    assert bad.problem is None


def test_very_many_are_opened_in_few_transactions_and_none_of_them_reads_the_log(watched, monkeypatch) -> None:
    many = [f"c-{number}" for number in range(60)]
    source = PORTFOLIO.replace("[a-4,", f"[{', '.join(many)}, a-4,")
    watched.adopt(source)
    at = watched.clock.at
    rows = to_table([Measurement(name, "reachable", at, 1.0, known_at=at) for name in many])
    watched.process.take_measurements(DEFAULT_TENANT, rows, "probe-c")
    silence(watched, minutes=10)
    store, written, read = watched.application.store, [], []
    transaction = store.transaction

    @contextmanager
    def counting(tenant, *, writing=True):
        with transaction(tenant, writing=writing) as t:
            written.append(writing)
            yield t

    monkeypatch.setattr(store, "transaction", counting)
    for name in ("rows", "series", "sources"):
        monkeypatch.setattr(store, name, lambda *args, of=name, **named: read.append(of))
    minutes_before = watched.clock.at
    watched.clock.at = minutes_before + MINUTE
    watched.process.pulse(DEFAULT_TENANT)
    (problem,) = watched.problems()
    assert problem.shared == Cause("probe-c", "sender", "silence")
    assert len(by_problem(watched)) == 60
    assert sum(written) <= 60 // 25 + 5
    assert not read
