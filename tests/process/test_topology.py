"""What services run over, in the process: what stands in for what, when it held, whom it hits."""

from typing import Any

import pytest
from two_customers import portfolio

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.analysis.alarms import Report
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.measurements.mapping import Mapping, Rule
from upheld.readers.topology import parse_topology

SERVICES = {"acme": ("a-1", "a-2", "a-3"), "bell": ("b-1",)}
EVERY = [*SERVICES["acme"], *SERVICES["bell"]]
UNREAD = Mapping(series=(Rule(labels={"a": "b"}, service="s", metric="m"),))
PAIR = "dependencies:" + "".join(
    f"\n  - {{of: {name}, on: [line-1, line-2], redundancy: any}}" for name in ("a-1", "a-2", "a-3")
)


@pytest.fixture
def carrier(world):
    world.adopt(portfolio(SERVICES, {}, told="account-manager"), {None: EVERY})
    world.minute()
    return world


def adopt(world, text: str) -> None:
    world.process.adopt_topology(DEFAULT_TENANT, parse_topology(text, "yaml", "topology.yaml"))


def alarm(world, about: str, severity: str = "critical", cleared: bool = False) -> None:
    at = world.clock.at
    fields = {"alarmedObject": {"id": about}, "alarmType": "communicationsAlarm"}
    report = Report("nms", about, at, at + 1 if cleared else None, severity, at, fields)
    world.process.take_alarms(DEFAULT_TENANT, [report], UNREAD)


def findings(world, service: str = "a-1") -> Any:
    return next(case for case in world.cases() if case.service == service).findings


def test_an_outage_of_one_of_two_redundant_lines_groups_nothing(carrier) -> None:
    adopt(carrier, PAIR)
    alarm(carrier, "line-1")
    carrier.minute("a-1", "a-2", "a-3")
    assert not carrier.problems()
    found = findings(carrier)
    assert found["cause_candidates"] == []
    assert {c["resource"]: (c["unprotected_count"], c["reason"]) for c in found["redundant"]} == {
        "line-1": (3, "alone it is no cause: line-2 can stand in for it; its loss leaves 3 services unprotected"),
        "line-2": (
            3,
            "alone it is no cause: line-1 is down, and it is not known to be; its loss leaves 3 services unprotected",
        ),
    }
    assert found["customers_hit"] == []


def test_an_outage_of_both_of_them_is_one_problem(carrier) -> None:
    adopt(carrier, PAIR)
    alarm(carrier, "line-1")
    alarm(carrier, "line-2")
    carrier.minute("a-1", "a-2", "a-3")
    (problem,) = carrier.problems()
    assert problem.cause == "line-1"
    found = findings(carrier, "a-3")
    assert found["cause_candidates"][0]["reason"] == (
        "3 of the 3 services that it carries were bad within ten minutes, with line-2 down too"
    )
    assert (found["customers_hit"], found["customers_hit_count"]) == (["acme"], 1)
    with carrier.transaction() as t:
        assert {case.problem for case in t.cases()} == {problem.id}
        (ticket,) = t.tickets()
    assert "1 customers have services that run over line-1" in ticket.detail["description"]


@pytest.mark.parametrize("how", [{"severity": "warning"}, {"cleared": True}])
def test_what_still_works_or_works_again_is_not_down(carrier, how: dict[str, Any]) -> None:
    adopt(carrier, PAIR)
    alarm(carrier, "line-1")
    alarm(carrier, "line-2", **how)
    if "cleared" in how:
        carrier.clock.at += MINUTE
    carrier.minute("a-1", "a-2", "a-3")
    assert not carrier.problems()


def test_what_the_redundant_lines_share_is_the_cause(carrier) -> None:
    adopt(carrier, PAIR + "\n  - {of: line-1, on: [duct]}\n  - {of: line-2, on: [duct]}\n  - {of: b-1, on: [line-1]}")
    carrier.minute(*EVERY)
    (problem,) = carrier.problems()
    assert problem.cause == "duct"
    found = findings(carrier)
    assert found["customers_hit"] == ["acme", "bell"]
    assert [c["resource"] for c in found["redundant"]] == ["line-1", "line-2"]


def test_a_dependency_that_ended_yesterday_is_no_cause_today(carrier) -> None:
    ended = format_instant(carrier.clock.at - DAY)
    adopt(carrier, f"dependencies:\n  - {{of: a-1, on: [old], valid: {{to: {ended}}}}}\n  - {{of: a-1, on: [new]}}\n")
    carrier.minute("a-1")
    assert [c["resource"] for c in findings(carrier)["cause_candidates"]] == ["new"]


def test_a_new_version_holds_from_the_next_case_on(carrier) -> None:
    adopt(carrier, "dependencies: [{of: a-1, on: [before]}, {of: a-2, on: [before]}]\n")
    carrier.minute("a-1")
    adopt(carrier, "dependencies: [{of: a-1, on: [after]}, {of: a-2, on: [after]}]\n")
    carrier.minute("a-1", "a-2")
    assert [c["resource"] for c in findings(carrier, "a-1")["cause_candidates"]] == ["before"]
    assert [c["resource"] for c in findings(carrier, "a-2")["cause_candidates"]] == ["after"]
    carrier.restart()
    carrier.minute(*EVERY[:3])
    assert [c["resource"] for c in findings(carrier, "a-3")["cause_candidates"]] == []


def work(world, *names: str) -> Maintenance:
    start = world.clock.at + 3 * DAY
    return Maintenance("work-1", "Splicing", start, start + 4 * HOUR, names, "board", world.clock.at)


def announced(world) -> list[str]:
    with world.transaction() as t:
        return sorted(n.address for n in t.notices(maintenance_id="work-1"))


def test_planned_work_on_a_redundant_line_is_announced_to_those_alone_whom_it_hits(carrier) -> None:
    adopt(carrier, PAIR + "\n  - {of: b-1, on: [line-1]}")
    carrier.process.works.plan(DEFAULT_TENANT, work(carrier, "line-1"))
    assert announced(carrier) == ["noc@bell.example"]
    carrier.run()
    carrier.process.works.judge(DEFAULT_TENANT, "work-1")
    with carrier.transaction() as t:
        assert {e.service for e in t.exclusions()} == {"b-1"}


def test_whom_a_new_topology_lets_a_planned_work_hit_is_told_then(carrier) -> None:
    adopt(carrier, PAIR)
    carrier.process.works.plan(DEFAULT_TENANT, work(carrier, "line-1"))
    assert announced(carrier) == []
    begins = format_instant(carrier.clock.at + 3 * DAY + HOUR)
    gone = f"resources:\n  - {{id: line-2, valid: {{to: {begins}}}}}\n"
    adopt(carrier, gone + PAIR)  # an hour into the work nothing stands in for the line any more
    assert announced(carrier) == ["noc@acme.example"]
    adopt(carrier, gone + PAIR)
    assert announced(carrier) == ["noc@acme.example"]
