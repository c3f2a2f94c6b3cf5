"""A planned work before it is announced: what it would do, and that nothing comes of asking."""

from dataclasses import replace
from typing import Any

import pytest

from process.conftest import PORTFOLIO, START, World
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.analysis.better_slot import Wanted
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.maintenance.window import planned_in
from upheld.measurements.model import Measurement
from upheld.ports import VerdictFilter
from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio
from upheld.readers.topology import parse_topology
from upheld.reports.work_preview import preview_document

TWO_PATHS = """
dependencies:
  - {of: vpn-0042, on: [line-a, line-b], redundancy: any}
"""


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.stop_relay()


def work(start: int, *touched: str, length: int = HOUR, name: str = "") -> Maintenance:
    return Maintenance(name, name, start, start + length, touched or ("vpn-0042",), "change board", 0)


def preview(world: World, planned: Maintenance) -> dict[str, Any]:
    return preview_document(world.process.works.preview(DEFAULT_TENANT, planned), 10)


def promise(found: dict[str, Any], service: str = "vpn-0042") -> dict[str, Any]:
    (one,) = [p for a in found["agreements"] for p in a["promises"] if p["service"] == service]
    return one


def kinds(found: dict[str, Any]) -> list[str]:
    return [warning["kind"] for warning in found["warnings"]]


def adopt(world: World, text: str) -> None:
    world.process.adopt_portfolio(DEFAULT_TENANT, text, parse_portfolio(text, "portfolio.yaml"))


def test_a_window_of_today_costs_what_the_day_then_has(world: World) -> None:
    """What is foreseen of the day is what its verdict says once the window was bad."""
    world.deliver(*[1.0] * 20, 0.0, 0.0, *[1.0] * 8)  # 2 of 7.2 are spent
    planned = work(world.clock.at + 30 * MINUTE, length=4 * MINUTE)
    found = promise(preview(world, planned))
    assert found["budget"]["whole"] == "7.2"
    assert found["budget"]["spent"] == "2"
    assert found["window"] == {"costs": "4", "costs_if_earned": "0"}
    assert not found["if_not_earned"]["violated"]
    assert found["if_not_earned"]["bad"] == "6"
    longer = promise(preview(world, work(planned.start, length=6 * MINUTE)))
    assert longer["if_not_earned"]["violated"]
    assert longer["if_not_earned"]["chance"] == 1
    assert longer["if_not_earned"]["credit"] == {"amount": "120.00", "currency": "EUR"}
    assert not longer["if_earned"]["violated"]
    assert longer["if_earned"]["credit"] is None

    world.deliver(*[1.0] * 30, *[0.0] * 6)
    rest = range(world.clock.at, START + DAY, MINUTE)
    world.take(*(Measurement("vpn-0042", "reachable", at, 1.0, known_at=at) for at in rest))
    world.pass_time(START + DAY - world.clock.at)
    with world.transaction() as t:
        (day,) = [v for v in t.verdicts(VerdictFilter(service="vpn-0042")) if v.period_start == START]
    assert (day.status, str(day.bad), day.budget) == ("violated", longer["if_not_earned"]["bad"], "7.2")
    assert day.credit is not None
    assert str(day.credit.amount) == "120.00"


def test_announced_too_late_the_window_would_count(world: World) -> None:
    soon, later = (preview(world, work(world.clock.at + lead)) for lead in (DAY, 3 * DAY))
    assert "the agreement wants 2 days" in soon["agreements"][0]["announcement"]["reason"]
    assert kinds(soon) == ["not_excluded"]
    assert kinds(later) == []
    assert soon["total"]["as_announced"]["credit"] == {"EUR": "120.00"}
    assert float(later["total"]["as_announced"]["credit"]["EUR"]) < 20
    assert later["total"]["if_not_earned"]["credit"] == soon["total"]["if_not_earned"]["credit"]


def test_a_late_work_is_proposed_at_night_and_in_time(world: World) -> None:
    start = START + DAY + 12 * HOUR  # noon in Berlin
    wanted = Wanted(HOUR, world.clock.at, world.clock.at + 10 * DAY)
    found = preview_document(world.process.works.preview(DEFAULT_TENANT, work(start), wanted), 10)["better"]
    assert found["asked"]["late"] == found["asked"]["off_hours"] == 1
    assert len(found["slots"]) == 5
    for slot in found["slots"]:
        begins = parse_instant(slot["start"])
        assert begins - world.clock.at >= 2 * DAY
        assert (begins - START) % DAY in range(22 * HOUR, 24 * HOUR) or (begins - START) % DAY <= 5 * HOUR
        assert any(reason.startswith("announced now, it would count under 0 of 1") for reason in slot["reasons"])


def test_a_quota_that_another_work_has_used_up_counts(world: World) -> None:
    adopt(world, PORTFOLIO.replace("lead_time: 2d,", "lead_time: 2d, per_month: 1,"))
    evening = START + 5 * DAY + 20 * HOUR
    assert not [one for one in kinds(preview(world, work(evening))) if one == "not_excluded"]
    world.process.works.plan(DEFAULT_TENANT, work(evening, name="first"))
    world.run()
    wanted = Wanted(HOUR, world.clock.at, world.clock.at + 40 * DAY)
    found = world.process.works.preview(DEFAULT_TENANT, work(evening + 3 * DAY), wanted)
    (affected,) = found.agreements
    assert not affected.announcement.earned
    assert "month" in affected.announcement.reason
    assert found.better
    assert all(one.start >= START + 30 * DAY for one in found.better)  # July begins in Berlin


def test_a_late_plan_of_several_nights_is_moved_as_one_until_all_of_it_is_in_time(world: World) -> None:
    spans = [(START + days * DAY + 12 * HOUR, START + days * DAY + 13 * HOUR) for days in (1, 2, 4)]
    planned = replace(work(spans[0][0]), **planned_in(spans))
    wanted = Wanted(planned.end - planned.start, world.clock.at, world.clock.at + 14 * DAY)
    found = preview_document(world.process.works.preview(DEFAULT_TENANT, planned, wanted), 10)["better"]
    assert found["asked"]["late"] == found["asked"]["off_hours"] == 1
    assert found["slots"]
    for slot in found["slots"]:
        starts = [parse_instant(one["start"]) for one in slot["windows"]]
        assert [at - starts[0] for at in starts] == [0, DAY, 3 * DAY]
        assert (slot["late"], slot["off_hours"]) == (0, 0)
        assert starts[0] - world.clock.at >= 2 * DAY


def test_windows_of_one_plan_take_of_a_quota_too(world: World) -> None:
    adopt(world, PORTFOLIO.replace("lead_time: 2d,", "lead_time: 2d, per_month: 1,"))
    spans = [(START + days * DAY + 21 * HOUR, START + days * DAY + 22 * HOUR) for days in (5, 6)]
    planned = replace(work(spans[0][0]), **planned_in(spans))
    wanted = Wanted(planned.end - planned.start, world.clock.at, world.clock.at + 40 * DAY)
    found = preview_document(world.process.works.preview(DEFAULT_TENANT, planned, wanted), 10)["better"]
    assert found["asked"]["late"] == 1, "the second night is one too many in June"
    in_time = [slot for slot in found["slots"] if not slot["late"]]
    assert in_time, "one night in June and one in July"
    for slot in in_time:
        first, second = (parse_instant(one["start"]) for one in slot["windows"])
        assert first < START + 30 * DAY <= second


def test_a_freeze_period_is_warned_of(world: World) -> None:
    frozen = 'freeze: [{from: 2026-06-05, to: 2026-06-06, reason: "quarter end"}]'
    adopt(world, PORTFOLIO.replace("    exclusions:", f"    {frozen}\n    exclusions:"))
    inside = START + 4 * DAY  # the fifth begins in Berlin
    assert kinds(preview(world, work(inside - HOUR))) == []
    (warning,) = preview(world, work(inside - HOUR, length=61 * MINUTE))["warnings"]
    assert warning["agreement"] == "acme-vpn-gold"
    assert "quarter end" in warning["text"]
    adopt(world, PORTFOLIO + "\n" + frozen + "\n")  # the provider's, in its zone: UTC
    assert kinds(preview(world, work(inside))) == []
    (warning,) = preview(world, work(inside + 3 * HOUR))["warnings"]
    assert warning["agreement"] is None
    assert warning["start"] == "2026-06-05T00:00:00Z"


def test_a_freeze_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InputError, match=r"freeze\[0\]\.to: must be later than from"):
        parse_portfolio(PORTFOLIO + "freeze: [{from: 2026-06-05, to: 2026-06-05, reason: x}]\n", "portfolio.yaml")


def test_two_works_of_one_night_are_warned_of(world: World) -> None:
    evening = START + 5 * DAY + 20 * HOUR
    world.process.works.plan(DEFAULT_TENANT, work(evening, "vpn-0043", name="first"))
    (warning,) = preview(world, work(evening + 8 * HOUR))["warnings"]  # 04:00 of the same night
    assert (warning["kind"], warning["work"], warning["customers"]) == ("same_night", "first", ["acme"])
    assert kinds(preview(world, work(evening + 18 * HOUR))) == []


def test_the_second_path_is_warned_of_together_with_another_work_and_with_what_is_down(world: World) -> None:
    adopt(world, PORTFOLIO.split("resources:")[0])
    world.process.adopt_topology(DEFAULT_TENANT, parse_topology(TWO_PATHS, "yaml", "topology"))
    start = world.clock.at + 3 * DAY
    alone = preview(world, work(start, "line-a"))
    assert alone["impact"]["unprotected"]["services"]["names"] == ["vpn-0042"]
    assert not alone["agreements"]
    assert kinds(alone) == []
    both = preview(world, work(start, "line-a", "line-b"))
    (pair,) = [w for w in both["warnings"] if w["kind"] == "both_paths"]
    assert pair["members"] == ["line-a", "line-b"]
    assert pair["dependents"] == ["vpn-0042"]

    world.process.works.plan(DEFAULT_TENANT, work(start + 30 * MINUTE, "line-b", name="other"))
    (pair,) = preview(world, work(start, "line-a"))["warnings"]
    assert (pair["kind"], pair["work"]) == ("both_paths", "other")
    assert kinds(preview(world, work(start - HOUR, "line-a"))) == []  # over as the other begins


def test_asking_keeps_nothing_and_tells_nobody(world: World) -> None:
    with world.application.store.transaction(DEFAULT_TENANT) as t:
        before = [entry.id for entry in t.agenda()]
    preview(world, work(world.clock.at + 3 * DAY, name="thought-of"))
    world.run()
    with world.transaction() as t:
        assert t.maintenance("thought-of") is None
        assert not t.maintenances()
        assert not t.notices()
        assert [entry.id for entry in t.agenda()] == before


def test_what_nothing_is_told_of_is_named_with_the_reason(world: World) -> None:
    latency = """
      - id: latency
        indicator: {kind: aggregate, metric: rtt_ms, aggregate: p95}
        period: {calendar: day}
        target: "<= 40"
"""
    adopt(world, PORTFOLIO.replace("    charge:", latency + "    charge:"))
    (agreement,) = preview(world, work(world.clock.at + 3 * DAY))["agreements"]
    assert [(one["objective"], one["service"]) for one in agreement["not_foreseen"]] == [("latency", "vpn-0042")]
