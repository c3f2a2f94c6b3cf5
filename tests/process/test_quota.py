"""Windows a month: what other works have earned under an agreement takes its quota."""

from dataclasses import replace

from process.conftest import PORTFOLIO
from process.test_changed_works import windows_excluded
from process.test_maintenance import adopt, plan
from upheld.agreements.units import DAY
from upheld.app import DEFAULT_TENANT


def test_a_second_window_in_a_month_counts_until_the_first_is_cancelled(world):
    adopt(world, PORTFOLIO.replace("lead_time: 2d,", "lead_time: 2d, per_month: 1, emergency: {lead_time: 1d},"))
    first = plan(world, 3 * DAY)
    second = replace(first, id="work-2", start=first.start + DAY, end=first.end + DAY)
    world.process.works.plan(DEFAULT_TENANT, second)
    urgent = replace(second, id="work-3", emergency=True, start=first.start + 2 * DAY, end=first.end + 2 * DAY)
    world.process.works.plan(DEFAULT_TENANT, urgent)
    world.run()
    assert windows_excluded(world) == [(first.start, first.end), (urgent.start, urgent.end)]
    with world.transaction() as t:
        (refused,) = t.announcements("work-2")
    assert refused.reason == "the agreement allows 1 window a month, and others have taken them"
    world.process.works.cancel(DEFAULT_TENANT, first.id)
    world.run()
    world.pass_time(second.start - world.clock.at)
    assert windows_excluded(world) == [(second.start, second.end), (urgent.start, urgent.end)]
