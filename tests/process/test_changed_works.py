"""A planned work that is changed after it was announced: told to whom it concerns, and earned anew. DESIGN rule 13."""

from dataclasses import replace

import pytest

from process.test_maintenance import WITH_BETA, adopt, decision, excluded, notices, outage_in, plan
from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.ports import VerdictFilter


def change(world, work: Maintenance, **what) -> Maintenance:
    changed = replace(work, **what)
    world.process.works.change(DEFAULT_TENANT, changed)
    world.run()
    return changed


def windows_excluded(world) -> list[tuple[int, int]]:
    with world.transaction() as t:
        return sorted((x.start, x.end) for x in t.exclusions())


def newest(world, kind: str):
    with world.transaction() as t:
        return next(n for n in t.notices(maintenance_id="work-1") if n.kind == kind)


def test_a_work_that_is_moved_is_told_with_both_windows_and_earns_anew(world):
    work = plan(world, 4 * DAY)
    moved = change(world, work, start=work.start + DAY, end=work.end + DAY)
    assert notices(world, "maintenance_changed") == [("noc@acme.example", "sent")]
    notice = newest(world, "maintenance_changed")
    text = " ".join(notice.text.split())
    assert "It takes place 5 June 2026, 22:00 to 23:00 UTC, and not, as we had said, 4 June 2026" in text
    assert "SEQUENCE:1" in notice.calendar
    assert windows_excluded(world) == [(moved.start, moved.end)]
    with world.transaction() as t:
        events = [e.type for e in t.outgoing_events(0, 100)]
    assert events.count("org.upheld.maintenance.changed") == 1


def test_a_work_that_is_moved_too_late_is_told_and_earns_nothing(world):
    work = plan(world, 3 * DAY)
    world.pass_time(2 * DAY)
    moved = change(world, work, start=work.start + 2 * HOUR, end=work.end + 2 * HOUR)
    assert excluded(world) == []
    assert outage_in(world, moved).excluded == 0


def test_the_same_change_again_tells_nobody(world):
    work = plan(world, 4 * DAY)
    moved = change(world, work, start=work.start + DAY, end=work.end + DAY)
    assert world.process.works.change(DEFAULT_TENANT, moved) == []
    change(world, moved, approved_by="another")
    assert notices(world, "maintenance_changed") == [("noc@acme.example", "sent")]


def test_reminders_move_with_the_work(world):
    work = plan(world, 4 * DAY)
    change(world, work, start=work.start + 3 * DAY, end=work.end + 3 * DAY)
    world.pass_time(4 * DAY)
    assert notices(world, "maintenance_reminder") == []
    world.pass_time(2 * DAY + MINUTE)
    assert notices(world, "maintenance_reminder") == [("noc@acme.example", "sent")]


def test_an_extension_in_mid_work_leaves_what_was_earned_and_the_rest_counts(world):
    work = plan(world, 3 * DAY)
    world.pass_time(work.start - world.clock.at)
    world.pass_time(50 * MINUTE)
    change(world, work, end=work.end + HOUR)
    assert windows_excluded(world) == [(work.start, work.end)]
    assert notices(world, "maintenance_changed") == [("noc@acme.example", "sent")]
    world.pass_time(work.end - world.clock.at)
    world.deliver(*[0.0] * 10)
    with world.transaction() as t:
        verdict = next(v for v in t.verdicts(VerdictFilter(service="vpn-0042")) if v.period_end > work.end)
    assert (verdict.bad, verdict.status) == (10, "violated")


def test_an_extension_in_mid_work_is_earned_where_the_agreement_wants_no_more_than_was_given(world):
    adopt(world, WITH_BETA.replace("lead_time: 2d", "lead_time: 5m"))
    work = plan(world, 3 * DAY)
    world.pass_time(work.start - world.clock.at)
    world.pass_time(50 * MINUTE)
    change(world, work, end=work.end + HOUR)
    assert set(windows_excluded(world)) == {(work.start, work.end + HOUR)}


def test_a_work_that_is_cut_short_counts_from_its_new_end(world):
    work = plan(world, 3 * DAY)
    world.pass_time(work.start - world.clock.at)
    world.pass_time(10 * MINUTE)
    change(world, work, end=work.start + 20 * MINUTE)
    assert windows_excluded(world) == [(work.start, work.start + 20 * MINUTE)]


def test_whoever_is_newly_hit_has_it_announced_and_whoever_is_hit_no_more_is_told_so(world):
    beta = WITH_BETA.replace("services: [vpn-0042]\n", "services: [vpn-0099]\n")
    assert beta != WITH_BETA
    adopt(world, beta)
    work = plan(world, 4 * DAY)
    change(world, work, services=("vpn-0099",))
    assert notices(world, "maintenance") == [("noc@acme.example", "sent"), ("noc@beta.example", "sent")]
    assert notices(world, "maintenance_changed") == []
    assert notices(world, "maintenance_cancelled") == [("noc@acme.example", "sent")]
    released = newest(world, "maintenance_cancelled")
    assert "does not affect you any more" in released.text.replace("\n", " ")
    assert "METHOD:CANCEL" in released.calendar
    assert excluded(world) == [("beta-gold", "vpn-0099")]
    assert decision(world).parts == ()
    back = change(world, replace(work, services=("vpn-0099",)), services=("vpn-0042", "vpn-0099"))
    assert ("noc@acme.example", "sent") in notices(world, "maintenance")[:2]
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042"), ("beta-gold", "vpn-0099")]
    assert notices(world, "maintenance_changed") == []  # beta's window and services are as they were
    world.process.works.cancel(DEFAULT_TENANT, back.id)
    world.run()
    assert notices(world, "maintenance_cancelled") == [("noc@acme.example", "sent")] * 2 + [
        ("noc@beta.example", "sent")
    ]


def test_what_was_not_sent_yet_is_stopped_and_the_change_announced_in_its_place(world):
    start = world.clock.at + 4 * DAY
    work = Maintenance("work-1", "Switch upgrade", start, start + HOUR, ("vpn-0042",), "change board", world.clock.at)
    world.process.works.plan(DEFAULT_TENANT, work)
    change(world, work, start=start + DAY, end=start + DAY + HOUR)
    assert notices(world, "maintenance") == [("noc@acme.example", "sent"), ("noc@acme.example", "stopped")]
    assert notices(world, "maintenance_changed") == []
    assert len(world.mails("noc@acme.example")) == 1


def test_a_cancelled_work_cannot_be_changed(world):
    work = plan(world, 4 * DAY)
    world.process.works.cancel(DEFAULT_TENANT, work.id)
    with pytest.raises(ValueError, match="cancelled"):
        world.process.works.change(DEFAULT_TENANT, replace(work, end=work.end + HOUR))
