"""Reminders of planned works: one before each window, and none of a window that is none any more."""

from dataclasses import replace

import pytest

from process.test_changed_works import change, notices
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.maintenance.window import planned_in


@pytest.fixture
def planned(world) -> Maintenance:
    """Three nights: in four, five and eight days."""
    first = world.clock.at + 4 * DAY
    spans = [(first + n * DAY, first + n * DAY + 2 * HOUR) for n in (0, 1, 4)]
    work = Maintenance(
        id="work-1", title="Line card", services=("vpn-0042",), approved_by="ada", planned_at=0, **planned_in(spans)
    )
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()
    return work


def reminded(world) -> list[int]:
    """The starts of the windows of which the customer was reminded, in order."""
    with world.transaction() as t:
        found = [n for n in t.notices(maintenance_id="work-1") if n.kind == "maintenance_reminder"]
    assert {n.state for n in found} <= {"sent"}
    return sorted(parse_instant(n.payload["data"]["window"]["start"]) for n in found)


def until(world, instant: int) -> None:
    world.pass_time(instant + MINUTE - world.clock.at)


def test_there_is_a_reminder_before_each_window(world, planned) -> None:
    starts = [start for start, _ in planned.spans]
    for number, start in enumerate(starts):
        until(world, start - DAY - 2 * MINUTE)
        assert reminded(world) == starts[:number]
        until(world, start - DAY)
        assert reminded(world) == starts[: number + 1]
    until(world, planned.end)
    assert reminded(world) == starts
    with world.transaction() as t:
        second = next(n for n in t.notices(maintenance_id="work-1") if "/maintenance_reminder-0-2/" in n.id)
    assert second.due_by is not None
    assert second.due_by - (starts[1] - DAY) <= 2 * MINUTE
    assert "The next window is number 2 of 3" in second.text
    assert "2026-06-06" not in second.subject


def test_the_same_reminder_again_tells_nobody(world, planned) -> None:
    start = planned.spans[1][0]
    until(world, start - DAY)
    before = reminded(world)
    world.process.works.remind(DEFAULT_TENANT, "work-1", "acme-vpn-gold", 0, start)
    world.run()
    assert reminded(world) == before


def test_a_window_that_is_moved_or_dropped_is_reminded_of_as_it_is(world, planned) -> None:
    (first, second, third) = planned.spans
    until(world, first[0] - DAY)
    assert reminded(world) == [first[0]]
    moved = (second[0] + DAY, second[1] + DAY)
    changed = change(world, planned, **planned_in([first, moved, third]))
    until(world, second[0] - DAY)
    assert reminded(world) == [first[0]], "neither of the old window, nor of the first once more"
    until(world, moved[0] - DAY)
    assert reminded(world) == [first[0], moved[0]]
    change(world, changed, **planned_in([first, moved]))
    until(world, third[0])
    assert reminded(world) == [first[0], moved[0]]


def test_a_cancelled_work_and_one_that_is_over_are_reminded_of_no_more(world, planned) -> None:
    until(world, planned.spans[0][0] - DAY)
    until(world, planned.spans[0][0] + HOUR)
    known = reminded(world)
    assert len(known) == 2, "of the second night it was reminded when the first began"
    world.process.works.say(DEFAULT_TENANT, "work-1", "over", world.clock.at)
    until(world, planned.end)
    assert reminded(world) == known
    other = replace(planned, id="work-2", **planned_in((a + 20 * DAY, b + 20 * DAY) for a, b in planned.spans))
    world.process.works.plan(DEFAULT_TENANT, other)
    world.process.works.cancel(DEFAULT_TENANT, "work-2")
    until(world, other.end)
    assert notices(world, "maintenance_reminder") == [("noc@acme.example", "sent")] * 2


def test_a_window_whose_reminder_is_due_before_the_work_is_planned_has_none(world) -> None:
    start = world.clock.at + 12 * HOUR
    spans = [(start, start + HOUR), (start + 3 * DAY, start + 3 * DAY + HOUR)]
    world.process.works.plan(
        DEFAULT_TENANT,
        Maintenance(
            id="work-1", title="Line card", services=("vpn-0042",), approved_by="ada", planned_at=0, **planned_in(spans)
        ),
    )
    until(world, start + 2 * DAY)
    assert reminded(world) == [start + 3 * DAY]
