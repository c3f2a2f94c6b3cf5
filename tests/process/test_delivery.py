"""Whether a notice arrives: quiet hours, who stands in for whom, other addresses of a contact, and what is reported."""

import threading

import pytest
from two_customers import EVERY, SWITCHES, portfolio

from upheld.agreements.units import HOUR, MINUTE, format_instant
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Update
from upheld.notices.templating import AS_SHIPPED, Source, Templates, put_in_use
from upheld.readers.delivery_reports import NoReport, read_delivery_report
from upheld.readers.portfolio import parse_portfolio
from upheld.sources.notice_sources import MaildirSource
from upheld.sources.noticing import Noticer
from upheld.sources.web_files import WebFiles

NOC = "{noc: [{email: noc@acme.example}]}"
NIGHT = '{outside: {mon-sun: "07:00-22:00"}}'


def adopt(world, noc: str, zone: str = "Europe/Berlin") -> None:
    source = world.source.replace(NOC, noc).replace("name: Acme GmbH", f"name: Acme GmbH\n    time_zone: {zone}")
    source = source.replace("degradation: {within: 30m, to: [account-manager]}", "degradation: {to: [customer.noc]}")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


def notices(world, kind: str):
    with world.transaction() as t:
        return [n for n in reversed(t.notices()) if n.kind == kind]


def test_what_is_not_urgent_waits_for_the_end_of_quiet_hours(world):
    adopt(world, f"{{noc: [{{email: noc@acme.example, quiet_hours: {NIGHT}}}]}}")
    world.deliver(1, *[0] * 4, 1)  # at midnight of Berlin
    (notice,) = notices(world, "degradation")
    assert (notice.state, format_instant(notice.not_before)) == ("recorded", "2026-06-01T05:00:00Z")
    assert world.mails("noc@acme.example") == []
    world.pass_time(7 * HOUR - 7 * MINUTE)
    assert world.mails("noc@acme.example") == []
    world.pass_time(MINUTE)
    assert len(world.mails("noc@acme.example")) == 1


def test_what_has_passed_by_the_end_of_quiet_hours_is_not_told(world):
    adopt(world, f"{{noc: [{{email: noc@acme.example, quiet_hours: {NIGHT}}}]}}")
    world.deliver(1, *[0] * 9)
    world.pass_time(8 * HOUR)
    (notice,) = notices(world, "degradation")
    assert notice.state == "stopped"
    assert notice.reason == "past its point: the case has become a violation, which is told instead"


def test_what_is_urgent_or_promised_breaks_quiet_hours_unless_the_contact_says_otherwise(world):
    adopt(world, f"{{noc: [{{email: noc@acme.example, quiet_hours: {NIGHT}}}]}}")
    world.deliver(1, *[0] * 9)
    assert [n.state for n in notices(world, "violation") if n.role == "customer.noc"] == ["sent"]


def test_a_contact_may_let_nothing_break_its_quiet_hours_and_the_promise_is_kept_by_their_end(world):
    quiet = '{outside: {mon-sun: "07:00-22:00"}, broken_by: []}'
    adopt(world, f"{{noc: [{{email: noc@acme.example, quiet_hours: {quiet}}}]}}")
    world.deliver(1, *[0] * 9)
    (notice,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    assert notice.state == "recorded"
    assert notice.due_by == notice.not_before


def test_who_is_away_is_stood_in_for_until_the_day_of_return(world):
    away = "absent: [{from: 2026-06-01, until: 2026-06-02, instead: deputies}]"
    adopt(world, f"{{noc: [{{email: noc@acme.example, {away}}}], deputies: [{{email: deputy@acme.example}}]}}")
    world.deliver(1, *[0] * 9)
    (notice,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    assert (notice.address, notice.instead_of) == ("deputy@acme.example", "noc@acme.example")
    assert len(world.mails("deputy@acme.example")) == 2  # of the degradation, and of the violation
    world.pass_time(24 * HOUR)
    world.deliver(1, *[0] * 9)
    assert "noc@acme.example" in {n.address for n in notices(world, "violation")}


def test_a_maintenance_announced_to_a_deputy_is_announced_to_the_contact(world):
    away = "absent: [{from: 2026-06-01, until: 2026-06-02, instead: deputies}]"
    adopt(world, f"{{noc: [{{email: noc@acme.example, {away}}}], deputies: [{{email: deputy@acme.example}}]}}")
    announce(world)
    with world.transaction() as t:
        (decision,) = t.announcements("w-1")
    assert decision.earned, decision.reason


def announce(world) -> None:
    from upheld.maintenance.model import Maintenance

    start = world.clock.at + 72 * HOUR
    work = Maintenance("w-1", "Router", start, start + HOUR, ("vpn-0042",), "Ada", world.clock.at)
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()


def bounce(world, notice) -> str | None:
    """The relay of the receiving side sends the message back."""
    report = read_delivery_report(returned(notice))
    assert report is not None
    found = world.application.notices.heard_of(DEFAULT_TENANT, report.outside_id, report.receipt, report.detail)
    world.run()
    return found


def returned(notice, action: str = "failed", whole: bool = True) -> bytes:
    """A report as Postfix writes it (RFC 3464)."""
    head = f"Message-ID: <{notice.outside_id}@carrier.example>\r\nSubject: x\r\n"
    parts = [
        ("text/plain; charset=us-ascii", "This is the mail system at host mx.acme.example."),
        (
            "message/delivery-status",
            "Reporting-MTA: dns; mx.acme.example\r\n\r\n"
            f"Final-Recipient: rfc822; {notice.address}\r\nAction: {action}\r\nStatus: 5.1.1\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 no such user",
        ),
        ("message/rfc822", f"{head}\r\nbody") if whole else ("text/rfc822-headers", head),
    ]
    body = "".join(f"--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
    header = "From: MAILER-DAEMON@mx.acme.example\r\nMIME-Version: 1.0\r\n"
    kind = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    return f"{header}{kind}{body}--b--\r\n".encode()


def test_what_comes_back_goes_to_the_next_address_and_the_account_manager_is_warned(world):
    adopt(world, "{noc: [{email: noc@acme.example, fallback: [{email: duty@acme.example}]}]}")
    world.deliver(1, *[0] * 9)
    (first,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    assert bounce(world, first) == first.id
    assert bounce(world, first) == first.id  # reported twice, as relays do
    second = next(n for n in notices(world, "violation") if n.address == "duty@acme.example")
    assert (second.state, second.instead_of, second.text) == ("sent", "noc@acme.example", first.text)
    assert [m["Subject"] for m in world.mails("duty@acme.example")] == [first.subject]
    (warning,) = notices(world, "undeliverable")
    assert (warning.role, warning.state) == ("account-manager", "sent")
    assert "duty@acme.example" in warning.text
    assert "550 5.1.1 no such user" in warning.text
    bounce(world, second)
    assert ["no other address" in n.text for n in notices(world, "undeliverable")].count(True) == 1


def test_an_announcement_that_came_back_has_earned_nothing(world):
    adopt(world, NOC)
    announce(world)
    (notice,) = notices(world, "maintenance")
    bounce(world, notice)
    with world.transaction() as t:
        (decision,) = t.announcements("w-1")
    assert not decision.earned
    assert "it came back: 5.1.1 550 5.1.1 no such user" in decision.reason


def test_of_an_announcement_that_could_not_be_sent_it_is_said_at_once_why_it_has_earned_nothing(world):
    adopt(world, "{noc: [{page: acme-sms}]}")
    announce(world)
    (notice,) = notices(world, "maintenance")
    assert notice.state == "failed"
    with world.transaction() as t:
        (decision,) = t.announcements("w-1")
    assert decision.reason == "customer.noc was not told: there is no channel acme-sms that pages"


def test_a_restart_in_between_sends_nothing_twice(world):
    adopt(world, "{noc: [{email: noc@acme.example, fallback: [{email: duty@acme.example}]}]}")
    world.deliver(1, *[0] * 9)
    (first,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    world.application.notices.heard(DEFAULT_TENANT, first.id, "bounced", "gone")
    world.restart()
    world.run()
    world.application.notices.heard(DEFAULT_TENANT, first.id, "bounced", "gone")
    world.run()
    assert len(world.mails("duty@acme.example")) == 1


def test_what_was_read_stays_read(world):
    adopt(world, NOC)
    world.deliver(1, *[0] * 9)
    (notice,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    heard = world.application.notices.heard
    assert heard(DEFAULT_TENANT, notice.id, "read", "")
    assert not heard(DEFAULT_TENANT, notice.id, "delivered", "")
    with pytest.raises(KeyError):
        heard(DEFAULT_TENANT, "another", "read", "")


def test_a_page_goes_to_its_channel_in_few_words(make_world):
    world = make_world()
    adopt(world, "{noc: [{page: noc-sms}]}")
    pager = Pages()
    world.application.channels.pagers["noc-sms"] = pager
    world.deliver(1, *[0] * 9)
    (notice,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    assert notice.state == "sent"
    title, body = pager.paged[-1]
    assert title == notice.subject
    assert body.startswith("We are sorry: the service vpn-0042 no longer meets")


class Pages:
    """A telephone that keeps what it is told."""

    def __init__(self) -> None:
        self.paged: list[tuple[str, str]] = []

    def page(self, title: str, body: str) -> None:
        self.paged.append((title, body))


def test_a_page_to_a_channel_that_is_not_declared_fails_at_once_and_goes_elsewhere(world):
    adopt(world, "{noc: [{page: nowhere, fallback: [{email: noc@acme.example}]}]}")
    world.deliver(1, *[0] * 9)
    failed = [n for n in notices(world, "violation") if n.channel == "page"]
    assert [(n.state, n.reason) for n in failed] == [("failed", "there is no channel nowhere that pages")]
    assert "violation" in {n.kind for n in notices(world, "violation") if n.address == "noc@acme.example"}


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("action", "receipt"), [("failed", "bounced"), ("delivered", "delivered"), ("delayed", None)])
def test_a_report_says_what_became_of_a_message(whole, action, receipt):
    class Sent:
        outside_id, address = "a" * 40, "noc@acme.example"

    found = read_delivery_report(returned(Sent, action, whole))
    assert (None if found is None else (found.outside_id, found.receipt)) == (receipt and ("a" * 40, receipt))


def test_a_report_that_a_message_was_read():
    report = (
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nread\r\n"
        "--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Original-Message-ID: <{'b' * 40}@carrier.example>\r\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\r\n--b--\r\n"
    )
    found = read_delivery_report(report.encode())
    assert found is not None
    assert (found.outside_id, found.receipt) == ("b" * 40, "read")


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"Subject: hello\r\n\r\nout of office", b"Content-Type: multipart/report\r\n\r\n"]
)
def test_what_is_no_report_is_refused_with_the_reason(body):
    with pytest.raises(NoReport):
        read_delivery_report(body)


def test_a_report_of_a_message_that_is_not_ours_is_refused():
    other = returned(type("Sent", (), {"outside_id": "not-ours", "address": "x@y"}))
    with pytest.raises(NoReport, match="names no message of ours"):
        read_delivery_report(other)


def test_what_may_wait_comes_together_at_the_time_of_day_that_the_contact_wants(world):
    adopt(world, '{noc: [{email: noc@acme.example, digest: {daily: "08:00"}}]}')
    for service in ("vpn-0042", "vpn-0043"):
        world.deliver(1, *[0] * 4, service=service)
    assert world.mails("noc@acme.example") == []
    world.pass_time(8 * HOUR)
    waited = notices(world, "degradation")
    (digest,) = notices(world, "digest")
    assert (digest.state, len(world.mails("noc@acme.example"))) == ("sent", 1)
    assert {(n.state, n.reason) for n in waited} == {("stopped", f"told together: in {digest.id}")}
    assert all(n.subject in " ".join(digest.text.split()) for n in waited)


def test_a_violation_does_not_wait_for_a_digest(world):
    adopt(world, '{noc: [{email: noc@acme.example, digest: {daily: "08:00", hourly: 1}}]}')
    world.deliver(1, *[0] * 9)
    assert [n.state for n in notices(world, "violation") if n.role == "customer.noc"] == ["sent"]


def test_what_comes_too_thick_is_told_together_at_the_next_full_hour_once(world):
    adopt(world, "{noc: [{email: noc@acme.example, digest: {hourly: 1}}]}")
    world.deliver(1, *[0] * 9)  # the violation is the one notice of this hour
    case = world.case()
    for words in ("A card is being replaced.", "The card is in place."):
        world.process.cases.command(DEFAULT_TENANT, case.id, Update(words, "Ada"))
        world.run()
    before = len(world.mails("noc@acme.example"))
    world.restart()
    world.pass_time(HOUR)
    world.run()
    (digest,) = notices(world, "digest")
    assert "A card is being replaced." in digest.text
    assert "The card is in place." in digest.text
    assert len(world.mails("noc@acme.example")) == before + 1


def test_a_report_in_a_mailbox_is_taken_and_no_notice_of_work(world, tmp_path):
    adopt(world, "{noc: [{email: noc@acme.example, fallback: [{email: duty@acme.example}]}]}")
    world.deliver(1, *[0] * 9)
    (first,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    for part in ("new", "cur", "tmp"):
        (tmp_path / part).mkdir()
    (tmp_path / "new" / "1").write_bytes(returned(first))
    source = MaildirSource(id="noc", kind="maildir", path=tmp_path)
    application = world.application
    noticer = Noticer(source, application.noticeboard, WebFiles(1000, ()), threading.Event(), application._heard)
    noticer.look()
    world.run()
    assert [n.state for n in notices(world, "violation") if n.address == "duty@acme.example"] == ["sent"]
    with world.transaction() as t:
        assert t.noticed_works() == []


def test_what_is_told_of_a_case_reaches_each_address_in_the_order_in_which_it_happened(world):
    adopt(world, NOC)
    world.stop_relay()
    world.deliver(1, *[0] * 9)
    world.pass_time(50 * MINUTE)  # by now the violation is tried again less and less often
    world.start_relay()
    world.process.cases.command(DEFAULT_TENANT, world.case().id, Update("A card is being replaced.", "Ada"))
    world.run()
    assert world.mails("noc@acme.example") == []
    world.clock.ticks = 1
    for _ in range(12):
        world.pass_time(10 * MINUTE)
    for role in ("customer.noc", "account-manager"):
        (violation,), (update,) = ([n for n in notices(world, k) if n.role == role] for k in ("violation", "update"))
        assert violation.attempts > 1
        assert update.attempts == 1, "waiting is no attempt"
        assert violation.sent_at < update.sent_at


def arrived(world, *kinds: str):
    """The notices of these kinds to the customer Acme, in the order in which they were sent."""
    with world.transaction() as t:
        found = [n for n in t.notices() if n.kind in kinds and n.role == "customer.noc" and n.customer == "acme"]
    return sorted((n for n in found if n.sent_at is not None), key=lambda notice: notice.sent_at)


def test_that_it_is_good_again_is_told_before_it_is_asked_though_both_are_of_one_instant(world):
    world.clock.ticks = 1
    world.deliver(1, *[0] * 9, *[1] * 6)
    restored, asked = arrived(world, "restoration", "question")
    assert (restored.kind, asked.kind) == ("restoration", "question")
    assert restored.recorded_at == asked.recorded_at
    assert asked.sent_at - asked.recorded_at < 1_000_000, "it does not wait longer than it must"


def test_of_a_problem_too_it_is_told_that_it_is_good_again_before_it_is_asked(world):
    world.clock.ticks = 1
    world.adopt(portfolio(carried={**SWITCHES, "router": ("switch-1", "switch-2")}), {None: EVERY})
    world.minute()
    world.minute(*EVERY)
    for _ in range(6):
        world.minute()
    world.gathered()
    restored, asked = arrived(world, "restoration", "question")
    assert (restored.kind, asked.kind) == ("restoration", "question")
    assert len(asked.cases) == 4
    assert restored.recorded_at == asked.recorded_at


def test_what_waited_goes_out_as_soon_as_what_it_waited_behind_is_no_more(world):
    world.stop_relay()
    world.deliver(1, *[0] * 9)
    world.pass_time(3 * MINUTE)
    world.deliver(*[1] * 6)
    world.start_relay()
    world.clock.ticks = 1
    for _ in range(20):  # until the violation is tried again
        if arrived(world, "violation"):
            break
        world.pass_time(MINUTE)
    sent = arrived(world, "violation", "restoration", "question")
    assert [n.kind for n in sent] == ["violation", "restoration", "question"]
    assert sent[-1].sent_at - sent[0].sent_at < 1_000_000


def test_what_another_worker_has_just_told_in_a_digest_is_not_told_once_more(world, monkeypatch):
    adopt(world, '{noc: [{email: noc@acme.example, digest: {daily: "08:00"}}]}')
    for service in ("vpn-0042", "vpn-0043"):
        world.deliver(1, *[0] * 4, service=service)
    world.clock.at += 8 * HOUR
    first, second = world.application.store.claim(world.clock.at, HOUR, 2, ["send_notice"])
    in_force, sender = world.process.in_force, world.application.notices

    def meanwhile(tenant):
        monkeypatch.setattr(world.process, "in_force", in_force)
        sender.send(first)
        return in_force(tenant)

    monkeypatch.setattr(world.process, "in_force", meanwhile)
    sender.send(second)
    world.run()
    assert {n.state for n in notices(world, "degradation")} == {"stopped"}
    assert len(world.mails("noc@acme.example")) == 1, "the digest alone"


def test_our_people_learn_that_a_text_of_their_own_fails_and_the_customer_is_told_in_the_shipped_one(world):
    fails = '{% extends "shipped/en/violation.jinja" %}{% block title %}Oh: {{ 1 // 0 }}{% endblock %}'
    foot = "{{ 1 // 0 }}"
    put_in_use(Templates({"en/violation.jinja": Source(fails, "own"), "en/foot.jinja": Source(foot, "own")}))
    try:
        world.deliver(1, *[0] * 9)
    finally:
        put_in_use(AS_SHIPPED)
    (notice,) = (n for n in notices(world, "violation") if n.role == "customer.noc")
    assert (notice.state, "has missed its service level" in notice.text) == ("sent", True)
    assert notice.own_text_failed == "ZeroDivisionError: integer division or modulo by zero"
    counted = world.application.telemetry.registry.get_sample_value
    failed = [counted("upheld_own_texts_failed_total", {"template": name}) for name in ("en/violation", "en/foot")]
    assert failed[0] == 2, "to the customer, and to the account manager"
    assert failed[1] is not None


def test_a_notice_that_waited_for_a_digest_was_not_tried(world):
    adopt(world, "{noc: [{email: noc@acme.example, digest: {hourly: 1}}]}")
    world.deliver(1, *[0] * 9)  # the violation is the one notice of this hour
    world.process.cases.command(DEFAULT_TENANT, world.case().id, Update("A card is being replaced.", "Ada"))
    world.run()
    world.deliver(*[1] * 6)  # it is good again, which is told instead
    world.pass_time(HOUR)
    (update,) = (n for n in notices(world, "update") if n.role == "customer.noc")
    assert (update.state, update.attempts) == ("stopped", 0)
    assert "broken off" not in (update.reason or "")
