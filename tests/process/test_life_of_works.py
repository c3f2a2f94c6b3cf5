"""A planned work starts, is over, or runs over its window: as a person, the clock or the measurements say."""

import pytest

from process.conftest import PORTFOLIO
from process.test_changed_works import change, windows_excluded
from process.test_maintenance import adopt, notices, plan
from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import GRACE
from upheld.ports import VerdictFilter
from upheld.process.works.work_life import OutOfTurn

WANTED = PORTFOLIO.replace(
    "reminder: 1d, to: [customer.noc]", "reminder: 1d, to: [customer.noc], started: true, over: true"
)


def say(world, turn: str, at: int | None = None):
    told = world.process.works.say(DEFAULT_TENANT, "work-1", turn, world.clock.at if at is None else at)
    world.run()
    return told


def known(world):
    with world.transaction() as t:
        return t.maintenance("work-1")


def until(world, instant: int) -> None:
    world.pass_time(instant - world.clock.at)


def verdict_at(world, instant: int):
    with world.transaction() as t:
        found = t.verdicts(VerdictFilter(service="vpn-0042"))
    return next(v for v in found if v.period_start <= instant < v.period_end)


def test_by_the_clock_a_work_starts_and_is_over_as_announced(world):
    work = plan(world, 3 * DAY)
    until(world, work.start + MINUTE)
    assert known(world).started_at == work.start
    until(world, work.end + MINUTE)
    assert known(world).ended_at is None
    until(world, work.end + GRACE + MINUTE)
    assert (known(world).ended_at, known(world).overrun_at) == (work.end, None)
    assert windows_excluded(world) == [(work.start, work.end)]
    assert notices(world, "maintenance_started") == notices(world, "maintenance_over") == []


def test_who_wants_to_is_told_that_it_has_started_and_is_over(world):
    adopt(world, WANTED)
    work = plan(world, 3 * DAY)
    until(world, work.start + 2 * MINUTE)
    assert notices(world, "maintenance_started") == [("noc@acme.example", "sent")]
    say(world, "over")
    assert notices(world, "maintenance_over") == [("noc@acme.example", "sent")]
    assert say(world, "over") == []


def test_an_end_of_service_is_announced_reminded_of_and_excludes_nothing(world):
    adopt(world, WANTED)
    work = plan(world, 3 * DAY, kind="end_of_service")
    assert notices(world, "maintenance") == [("noc@acme.example", "sent")]
    until(world, work.start - DAY + MINUTE)
    assert notices(world, "maintenance_reminder") == [("noc@acme.example", "sent")]
    until(world, work.start)
    world.deliver(*[0.0] * 65)
    assert windows_excluded(world) == []
    assert verdict_at(world, work.start).bad == 65
    assert (known(world).overrun_at, notices(world, "maintenance_overrun")) == (None, [])
    assert notices(world, "maintenance_started") == notices(world, "maintenance_over") == []
    with pytest.raises(OutOfTurn, match="does not run over"):
        say(world, "overrun", work.end)


def test_what_happens_after_a_work_was_over_early_counts(world):
    work = plan(world, 3 * DAY)
    until(world, work.start)
    world.deliver(*[0.0] * 10)
    say(world, "over")
    ended = world.clock.at
    assert windows_excluded(world) == [(work.start, ended)]
    world.deliver(*[0.0] * 10)
    verdict = verdict_at(world, work.start)
    assert (verdict.excluded, verdict.bad) == (10, 10)


def test_a_work_that_runs_over_is_found_by_its_first_bad_minute_and_named_by_the_case(world):
    work = plan(world, 3 * DAY)
    until(world, work.start)
    world.deliver(*[0.0] * 60)
    assert verdict_at(world, work.start).bad == 0
    assert not world.cases()
    world.deliver(0.0)
    assert known(world).overrun_at == work.end
    assert notices(world, "maintenance_overrun") == [("am@carrier.example", "sent"), ("noc@acme.example", "sent")]
    verdict = verdict_at(world, work.start)
    assert (verdict.bad, verdict.status, world.case().kind) == (1, "met", "degradation")
    first = world.case().findings["changes"][0]
    assert (first["id"], first["kind"]) == ("work-1", "overrun")
    world.deliver(*[0.0] * 7)
    verdict = verdict_at(world, work.start)
    assert (verdict.excluded, verdict.bad, verdict.status) == (60, 8, "violated")
    (evidence,) = [e for e in verdict.evidence if e.kind == "bad"]
    assert evidence.start == work.end
    assert world.case().kind == "violation"
    world.deliver(*[1.0] * 20)
    assert known(world).ended_at is None  # the clock has no say any more
    say(world, "over")
    assert notices(world, "maintenance_over") == [("noc@acme.example", "sent")]
    assert windows_excluded(world) == [(work.start, work.end)]


def test_the_case_of_an_overrun_lives_as_any_other_and_comes_once(world):
    work = plan(world, 3 * DAY)
    until(world, work.end)
    say(world, "overrun")
    assert not world.cases()
    world.deliver(0.0)
    opened = world.case()
    assert opened.verdict["status"] == "met"
    world.deliver(*[1.0] * 10)
    assert world.case().state == "confirming"
    world.answer(solved=True)
    world.deliver(*[1.0] * 10)
    assert [(case.id, case.state) for case in world.cases()] == [(opened.id, "closed")]
    world.deliver(0.0)
    assert len(world.cases()) == 2


def test_of_a_work_that_begins_early_what_is_bad_before_the_window_opens_a_case(world):
    work = plan(world, 3 * DAY + 6 * HOUR)
    until(world, work.start - 30 * MINUTE)
    world.deliver(0.0)
    assert not world.cases()
    world.deliver(1.0)
    say(world, "started")
    world.deliver(1.0, 0.0)
    assert verdict_at(world, work.start).status == "met"
    assert world.case().kind == "degradation"


def test_what_breaks_after_a_work_was_over_is_no_overrun(world):
    work = plan(world, 3 * DAY)
    until(world, work.start)
    world.deliver(*[0.0] * 50, *[1.0] * 10)
    say(world, "over")
    world.deliver(*[0.0] * 5)
    assert known(world).overrun_at is None
    assert notices(world, "maintenance_overrun") == []


def test_a_work_that_runs_over_can_be_extended(world):
    work = plan(world, 3 * DAY)
    until(world, work.end)
    say(world, "overrun")
    change(world, work, end=work.end + HOUR)
    assert (known(world).overrun_at, known(world).end) == (None, work.end + HOUR)
    assert windows_excluded(world) == [(work.start, work.end)]


@pytest.mark.parametrize(
    ("turn", "shift", "says"),
    [
        ("over", -HOUR, "had not begun"),
        ("overrun", -HOUR, "the window is not over"),
        ("started", 2 * HOUR, "is still to come"),
    ],
)
def test_what_cannot_be_is_refused(world, turn, shift, says):
    work = plan(world, 3 * DAY)
    until(world, work.start - HOUR)
    with pytest.raises(OutOfTurn, match=says):
        say(world, turn, work.start + shift)


def test_nothing_is_said_of_a_work_that_was_cancelled(world):
    plan(world, 3 * DAY)
    world.process.works.cancel(DEFAULT_TENANT, "work-1")
    with pytest.raises(OutOfTurn, match="cancelled"):
        say(world, "started")
