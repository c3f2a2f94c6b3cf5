"""Planned maintenance: announced, and excluded only where the announcement earned it. DESIGN rule 13."""

from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.ports import VerdictFilter


def plan(world, lead: int) -> Maintenance:
    start = world.clock.at + lead
    work = Maintenance("work-1", "Switch upgrade", start, start + HOUR, ("vpn-0042",), "change board", world.clock.at)
    world.process.plan_maintenance(DEFAULT_TENANT, work)
    world.run()
    return work


def outage_in(world, work: Maintenance, minutes: int = 20):
    """Lets the service fail within the window and gives the day's verdict."""
    world.pass_time(work.start - world.clock.at)
    world.deliver(*[0.0] * minutes, *[1.0] * 10)
    with world.transaction() as t:
        (verdict,) = [
            v for v in t.verdicts(VerdictFilter(service="vpn-0042")) if v.period_start <= work.start < v.period_end
        ]
    return verdict


def test_an_announcement_in_time_earns_the_exclusion(world):
    verdict = outage_in(world, plan(world, 3 * DAY))
    assert (verdict.bad, verdict.excluded, verdict.status) == (0, 30, "no_data")
    assert not world.cases()
    (mail,) = [
        m for m in world.mails("noc@acme.example") if any(p.get_content_type() == "text/calendar" for p in m.walk())
    ]
    assert "Switch upgrade" in str(mail["Subject"]) or "maintenance" in str(mail["Subject"]).lower()


def test_an_announcement_too_late_earns_nothing_and_says_why(world):
    work = plan(world, DAY)
    verdict = outage_in(world, work)
    assert (verdict.bad, verdict.excluded, verdict.status) == (20, 0, "violated")
    with world.transaction() as t:
        (announcement,) = t.announcements(work.id)
    assert not announcement.earned
    assert "the agreement wants 2d" in announcement.reason


def test_a_cancelled_work_excludes_nothing(world):
    work = plan(world, 3 * DAY)
    world.process.cancel_maintenance(DEFAULT_TENANT, work.id)
    world.run()
    assert outage_in(world, work).status == "violated"
    assert len(world.mails("noc@acme.example")) >= 2


def test_a_work_is_announced_once_however_often_it_is_planned(world):
    work = plan(world, 3 * DAY)
    world.process.plan_maintenance(DEFAULT_TENANT, work)
    world.run()
    assert len(world.mails("noc@acme.example")) == 1


def test_the_customer_is_reminded_before_the_start(world):
    plan(world, 3 * DAY)
    world.pass_time(2 * DAY + MINUTE)
    with world.transaction() as t:
        kinds = [n.kind for n in t.notices(maintenance_id="work-1")]
    assert sorted(kinds) == ["maintenance", "maintenance_reminder"]


def test_an_announcement_that_reached_nobody_earns_nothing(world):
    world.stop_relay()
    work = plan(world, 3 * DAY)
    with world.transaction() as t:
        (announcement,) = t.announcements(work.id)
        assert not announcement.earned
        assert not t.exclusions()
