"""Planned maintenance: announced, and excluded only where the announcement earned it. DESIGN rule 13."""

from dataclasses import replace

import pytest

from process.conftest import PORTFOLIO
from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.demo.mail import start_mail_catcher
from upheld.maintenance.model import Maintenance, WorkKind
from upheld.ports import VerdictFilter
from upheld.process.assessing.topologies import over
from upheld.process.works import announcing
from upheld.process.works.works import Differs
from upheld.readers.portfolio import parse_portfolio

BETA = """
  - id: beta-gold
    customer: beta
    valid: {from: 2026-01-01}
    services: [vpn-0042]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: day}
        target: 99.5 %
    notices: {maintenance: {lead_time: 2d, reminder: 1d, to: [customer.noc]}}
    exclusions: [planned_maintenance]
customers:
  - id: beta
    name: Beta
    contacts: {noc: [{email: noc@beta.example}]}
"""
WITH_BETA = PORTFOLIO.replace("\ncustomers:\n", BETA)


def link(notice: str) -> str:
    return f"https://assurance.carrier.example/planned/{notice}"


def plan(world, lead: int, *services: str, kind: WorkKind = "maintenance") -> Maintenance:
    start, touched = world.clock.at + lead, services or ("vpn-0042",)
    work = Maintenance(
        "work-1", "Switch upgrade", start, start + HOUR, touched, "change board", world.clock.at, kind=kind
    )
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()
    return work


def adopt(world, text: str) -> None:
    """Puts another portfolio in force, with what it brings for the works that are planned."""
    assert text != PORTFOLIO
    portfolio = parse_portfolio(text, "portfolio.yaml")
    world.process.adopt_portfolio(DEFAULT_TENANT, text, portfolio)
    with world.application.store.transaction(DEFAULT_TENANT) as t:
        announcing.catch_up(t, portfolio, over(None, portfolio), world.clock.at, link)
    world.run()


def excluded(world) -> list[tuple[str | None, str]]:
    with world.transaction() as t:
        return [(x.agreement, x.service) for x in t.exclusions()]


def decision(world, agreement: str = "acme-vpn-gold"):
    with world.transaction() as t:
        (found,) = [a for a in t.announcements("work-1") if a.agreement == agreement]
    return found


def notices(world, kind: str) -> list[tuple[str, str]]:
    with world.transaction() as t:
        found = [n for n in t.notices(maintenance_id="work-1") if n.kind == kind]
    return sorted((n.address, n.state) for n in found)


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
    assert "1 day before the start; the agreement wants 2 days" in announcement.reason


def test_a_cancelled_work_excludes_nothing(world):
    work = plan(world, 3 * DAY)
    world.process.works.cancel(DEFAULT_TENANT, work.id)
    world.run()
    assert outage_in(world, work).status == "violated"
    assert len(world.mails("noc@acme.example")) >= 2


def test_a_work_is_announced_once_however_often_it_is_planned(world):
    work = plan(world, 3 * DAY)
    world.process.works.plan(DEFAULT_TENANT, work)
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


# -- exclusions that are taken back


def test_a_cancelled_work_excludes_nothing_also_where_it_would_hit_something_else_today(world):
    plan(world, 3 * DAY, "switch-1")
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042"), ("acme-vpn-gold", "vpn-0043")]
    text = PORTFOLIO.replace("carries: [vpn-0042, vpn-0043]", "carries: [vpn-0043]")
    world.process.adopt_portfolio(DEFAULT_TENANT, text, parse_portfolio(text, "portfolio.yaml"))
    world.process.works.cancel(DEFAULT_TENANT, "work-1")
    assert excluded(world) == []
    assert (decision(world).earned, decision(world).reason) == (False, "the work was cancelled")


def test_whoever_the_work_hits_no_more_is_told_that_it_is_cancelled(world):
    plan(world, 3 * DAY, "switch-1")
    adopt(world, PORTFOLIO.replace("carries: [vpn-0042, vpn-0043]", "carries: [vpn-0099]"))
    assert excluded(world) == []
    assert decision(world).reason == "the work hits no service of the agreement any more"
    world.process.works.cancel(DEFAULT_TENANT, "work-1")
    world.run()
    assert notices(world, "maintenance_cancelled") == [("noc@acme.example", "sent")]


def test_a_longer_lead_time_agreed_before_the_start_takes_the_exclusion_back(world):
    plan(world, 3 * DAY)
    adopt(world, PORTFOLIO.replace("lead_time: 2d", "lead_time: 5d"))
    assert excluded(world) == []
    assert decision(world).reason.endswith("3 days before the start; the agreement wants 5 days")
    assert not decision(world).earned


def test_what_is_taken_back_and_earned_again_is_excluded_again(world):
    work = plan(world, 3 * DAY)
    adopt(world, PORTFOLIO.replace("lead_time: 2d", "lead_time: 5d"))
    world.pass_time(HOUR)
    adopt(world, PORTFOLIO.replace("lead_time: 2d", "lead_time: 1d"))
    with world.transaction() as t:
        (exclusion,) = t.exclusions()
    assert exclusion.known_at == world.clock.at
    verdict = outage_in(world, work)
    assert (verdict.bad, verdict.excluded) == (0, 30)


@pytest.mark.parametrize("later", [0, 30 * MINUTE])
def test_what_was_decided_at_the_start_stands(world, later):
    work = plan(world, 3 * DAY)
    world.pass_time(work.start - world.clock.at)
    world.pass_time(later)
    adopt(world, PORTFOLIO.replace("lead_time: 2d", "lead_time: 5d"))
    world.process.works.judge(DEFAULT_TENANT, work.id)
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042")]
    assert decision(world).earned


def test_a_shorter_lead_time_agreed_after_the_start_earns_nothing(world):
    work = plan(world, DAY)
    world.pass_time(work.start - world.clock.at)
    world.pass_time(MINUTE)
    adopt(world, PORTFOLIO.replace("lead_time: 2d", "lead_time: 1h"))
    world.process.works.judge(DEFAULT_TENANT, work.id)
    assert excluded(world) == []
    assert decision(world).reason.endswith("the agreement wants 2 days")


def test_another_contact_must_have_been_told_in_time_too(world):
    plan(world, 3 * DAY)
    world.pass_time(HOUR)
    adopt(world, PORTFOLIO.replace("noc@acme.example", "new@acme.example"))
    assert notices(world, "maintenance") == [("new@acme.example", "sent"), ("noc@acme.example", "sent")]
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042")]
    assert decision(world).reason.startswith("announced 2026-05-31 23:00 UTC, 2 days 23 hours before the start")
    world.pass_time(DAY)
    adopt(world, PORTFOLIO.replace("noc@acme.example", "latest@acme.example"))
    assert excluded(world) == []
    assert not decision(world).earned


# -- who comes later


def test_an_agreement_that_comes_later_is_announced_the_work_once(world):
    work = plan(world, 10 * DAY)
    with world.transaction() as t:
        (before,) = t.notices()
    for _ in range(2):
        adopt(world, WITH_BETA)
        world.process.works.plan(DEFAULT_TENANT, work)
        world.run()
    assert notices(world, "maintenance") == [("noc@acme.example", "sent"), ("noc@beta.example", "sent")]
    with world.transaction() as t:
        assert t.notice(before.id) == before
    assert len(world.mails("noc@beta.example")) == len(world.mails("noc@acme.example")) == 1
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042"), ("beta-gold", "vpn-0042")]
    world.pass_time(9 * DAY + MINUTE)
    assert len(world.mails("noc@beta.example")) == 2  # the reminder


def test_planning_the_work_again_tells_whoever_was_not_told_and_returns_all_announcements(world):
    work = plan(world, 10 * DAY)
    world.process.adopt_portfolio(DEFAULT_TENANT, WITH_BETA, parse_portfolio(WITH_BETA, "portfolio.yaml"))
    announced = world.process.works.plan(DEFAULT_TENANT, work)
    assert sorted(n.address for n in announced) == ["noc@acme.example", "noc@beta.example"]


def test_a_service_that_comes_later_is_announced_and_counts_until_it_is_earned_for_itself(world):
    narrow = PORTFOLIO.replace("carries: [vpn-0042, vpn-0043]", "carries: [vpn-0042]")
    adopt(world, narrow)
    plan(world, 3 * DAY, "switch-1")
    world.pass_time(2 * DAY)
    portfolio = parse_portfolio(PORTFOLIO, "portfolio.yaml")
    world.process.adopt_portfolio(DEFAULT_TENANT, PORTFOLIO, portfolio)
    with world.application.store.transaction(DEFAULT_TENANT) as t:
        announcing.catch_up(t, portfolio, over(None, portfolio), world.clock.at, link)
    world.run()
    assert notices(world, "maintenance") == [("noc@acme.example", "sent")] * 2
    assert excluded(world) == [("acme-vpn-gold", "vpn-0042")]
    assert (decision(world).earned, decision(world).services) == (False, ("vpn-0042",))
    assert "vpn-0043: announced 2026-06-02 22:00 UTC, 1 day before the start" in decision(world).reason


@pytest.mark.parametrize("ending", ["over", "cancelled"])
def test_a_work_that_will_not_be_is_announced_to_nobody_later(world, ending):
    work = plan(world, 3 * DAY)
    if ending == "over":
        world.pass_time(work.end - world.clock.at)
    else:
        world.process.works.cancel(DEFAULT_TENANT, work.id)
    adopt(world, WITH_BETA)
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()
    assert not world.mails("noc@beta.example")


def test_a_role_without_a_contact_is_noted_once_however_often_the_portfolio_is_adopted(world):
    empty = PORTFOLIO.replace("noc: [{", "desk: [], noc: [{")
    adopt(world, empty.replace("reminder: 1d, to: [customer.noc]", "reminder: 1d, to: [customer.noc, customer.desk]"))
    plan(world, 3 * DAY)
    for lead in ("2d", "1d"):
        asked = f"lead_time: {lead}, to: [customer.noc, customer.desk]"
        adopt(world, empty.replace("lead_time: 2d, reminder: 1d, to: [customer.noc]", asked))
    assert notices(world, "maintenance") == [("", "stopped"), ("noc@acme.example", "sent")]
    assert decision(world).reason == "customer.desk was not told: nobody is known under it"


def test_a_contact_under_a_role_that_was_added_is_not_told_twice(world):
    plan(world, 3 * DAY)
    both = PORTFOLIO.replace("reminder: 1d, to: [customer.noc]", "reminder: 1d, to: [customer.desk, customer.noc]")
    adopt(world, both.replace("noc: [{", "desk: [{email: noc@acme.example}], noc: [{"))
    assert notices(world, "maintenance") == [("noc@acme.example", "sent"), ("noc@acme.example", "stopped")]
    assert decision(world).earned


# -- who is told of a cancellation


def test_whoever_was_not_told_of_a_work_is_not_told_that_it_is_cancelled(world):
    port = world.settings.smtp_port
    world.stop_relay()
    work = plan(world, 3 * DAY)
    assert world.process.works.cancel(DEFAULT_TENANT, work.id) == []
    assert notices(world, "maintenance") == [("noc@acme.example", "stopped")]
    world.relay = start_mail_catcher(world.directory / "mail", port)
    world.pass_time(HOUR)
    assert not world.mails()
    with world.transaction() as t:
        (stopped,) = t.notices()
    assert stopped.reason == "past its point: the work was cancelled"


def test_an_announcement_that_was_on_its_way_is_followed_by_the_cancellation_once(world):
    start = world.clock.at + 3 * DAY
    work = Maintenance("work-1", "Switch upgrade", start, start + HOUR, ("vpn-0042",), "change board", world.clock.at)
    (notice,) = world.process.works.plan(DEFAULT_TENANT, work)
    assert world.process.works.cancel(DEFAULT_TENANT, work.id) == []
    with world.application.store.transaction(DEFAULT_TENANT) as t:
        t.save_notice(replace(notice, state="sent", sent_at=world.clock.at))
    for _ in range(2):
        world.process.works.judge(DEFAULT_TENANT, work.id)
        world.run()
    assert notices(world, "maintenance_cancelled") == [("noc@acme.example", "sent")]
    assert excluded(world) == []


def test_a_work_that_has_begun_can_be_handed_in_again(world) -> None:
    """Whoever hands in their plans every day hands in those that are running too."""
    work = plan(world, 3 * DAY)
    world.pass_time(3 * DAY + MINUTE)
    with world.transaction() as t:
        assert t.maintenance(work.id).started_at is not None
    world.process.works.plan_all(DEFAULT_TENANT, [work])
    with pytest.raises(Differs, match="is another work"):
        world.process.works.plan_all(DEFAULT_TENANT, [replace(work, title="Another")])
