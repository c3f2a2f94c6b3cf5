"""E-mail through a real SMTP server on the loopback."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from icalendar import Calendar

from upheld.agreements.units import HOUR
from upheld.channels.mail import SmtpMailer
from upheld.notices.examples import AGREEMENT, CUSTOMER, PROVIDER, case, instant, work
from upheld.notices.model import Notice
from upheld.notices.planning import plan_case_notices, plan_maintenance_notices
from upheld.ports import DeliveryError, Mailer

AT = instant("2026-06-01T22:45:00Z")
TENANT = "north"
SENDER = "Northern Networks <sla@north.example>"
NOTICE = plan_case_notices(
    "violation", case(), AGREEMENT, CUSTOMER, PROVIDER, AT, due_by=None, occasion="violation-1", links=None
)[0]


class Inbox:
    """What has arrived; `answers` overrides what the server says to a command."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.answers: dict[str, str] = {}

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.answers.get("RCPT", "250 OK")

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.get("DATA", "250 OK")
        if answer == "cut":
            server.transport.abort()
        elif answer.startswith("250"):
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return answer

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        return self.answers.get("QUIT", "221 Bye")


Relay = Callable[..., int]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def relay(inbox: Inbox) -> Iterator[Relay]:
    """Starts a server with the given settings, and gives its port."""
    running: list[Controller] = []

    def start(**settings: Any) -> int:
        port = free_port()
        controller = Controller(inbox, hostname="127.0.0.1", port=port, **settings)
        controller.start()
        running.append(controller)
        return port

    yield start
    for controller in running:
        controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def mailer(port: int, **settings: Any) -> Mailer:
    return SmtpMailer("127.0.0.1", port, SENDER, **settings)


def announcement(**changes: Any) -> Notice:
    kind = "maintenance_cancelled" if changes.get("state") == "cancelled" else "maintenance"
    return plan_maintenance_notices(
        kind, work(**changes), AGREEMENT, CUSTOMER, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion=kind
    )[0]


def failure(port: int, notice: Notice = NOTICE, **settings: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as fault:
        mailer(port, **settings).send(TENANT, notice)
    return fault.value


def test_a_notice_arrives_as_text_and_html(relay: Relay, inbox: Inbox) -> None:
    mailer(relay()).send(TENANT, NOTICE)
    (message,) = inbox.messages
    assert inbox.envelopes == [("sla@north.example", ["noc@acme.example"])]
    assert (message["From"], message["To"]) == (SENDER, "noc@acme.example")
    assert message["Subject"] == NOTICE.subject
    assert message["Date"].datetime.isoformat() == "2026-06-01T22:45:00+00:00"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert plain.get_content().replace("\r\n", "\n") == NOTICE.text
    assert html.get_content().replace("\r\n", "\n") == NOTICE.html
    assert "Söhne" in NOTICE.text


def test_what_waited_for_the_end_of_quiet_hours_is_dated_by_then(relay: Relay, inbox: Inbox) -> None:
    mailer(relay()).send(TENANT, replace(NOTICE, not_before=NOTICE.recorded_at + 9 * HOUR))
    assert inbox.messages[0]["Date"].datetime.isoformat() == "2026-06-02T07:45:00+00:00"


def test_answers_go_to_where_the_provider_wants_them(relay: Relay, inbox: Inbox) -> None:
    mailer(relay()).send(TENANT, replace(NOTICE, reply_to="noc@north.example"))
    mailer(relay()).send(TENANT, NOTICE)
    assert [message["Reply-To"] for message in inbox.messages] == ["noc@north.example", None]


def test_an_announcement_carries_its_calendar_entry(relay: Relay, inbox: Inbox) -> None:
    notice = announcement()
    mailer(relay()).send(TENANT, notice)
    (message,) = inbox.messages
    (part,) = message.iter_attachments()
    assert part.get_content_type() == "text/calendar"
    assert part["Content-Type"].params["method"] == "PUBLISH"
    assert part.get_filename() == "maintenance.ics"
    assert part.get_payload(decode=True).decode() == notice.calendar
    assert {p.get_content_type() for p in message.walk()} >= {"text/plain", "text/html", "text/calendar"}


def test_a_cancellation_says_so_to_the_calendar(relay: Relay, inbox: Inbox) -> None:
    mailer(relay()).send(TENANT, announcement(state="cancelled", sequence=1))
    (part,) = inbox.messages[0].iter_attachments()
    assert part["Content-Type"].params["method"] == "CANCEL"
    assert Calendar.from_ical(part.get_payload(decode=True))["METHOD"] == "CANCEL"


def test_a_notice_sent_twice_has_one_message_id(relay: Relay, inbox: Inbox) -> None:
    port = relay()
    mailer(port).send(TENANT, NOTICE)
    mailer(port).send(TENANT, NOTICE)
    first, second = inbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Message-ID"].endswith("@north.example>")


def test_the_same_notice_of_another_tenant_is_another_message_and_thread(relay: Relay, inbox: Inbox) -> None:
    port = relay()
    mailer(port).send(TENANT, NOTICE)
    mailer(port).send("south", NOTICE)
    one, other = inbox.messages
    assert one["Message-ID"] != other["Message-ID"]
    assert one["References"] != other["References"]


def test_all_messages_of_a_case_are_one_thread(relay: Relay, inbox: Inbox) -> None:
    port = relay()
    for notice in (
        NOTICE,
        replace(NOTICE, id="case-7f3a/closed/customer.noc/0"),
        replace(NOTICE, case_id="case-other"),
    ):
        mailer(port).send(TENANT, notice)
    one, same, other = inbox.messages
    assert one["Message-ID"] != same["Message-ID"]
    assert one["References"] == one["In-Reply-To"] == same["References"]
    assert other["References"] != one["References"]


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("550 5.1.1 no such user", True), ("451 4.7.1 greylisted", False), ("421 closing", False)],
)
def test_a_refusal_is_permanent_with_5xx_only(
    relay: Relay, inbox: Inbox, command: str, answer: str, permanent: bool
) -> None:
    inbox.answers[command] = answer
    fault = failure(relay())
    assert (fault.permanent, str(fault)) == (permanent, f"the mail relay answered {answer}")
    assert inbox.messages == []


def test_a_relay_that_is_away_is_temporary() -> None:
    fault = failure(free_port())
    assert not fault.permanent
    assert "cannot be reached" in str(fault)


def test_a_relay_that_breaks_off_is_temporary(relay: Relay, inbox: Inbox) -> None:
    inbox.answers["DATA"] = "cut"
    fault = failure(relay())
    assert not fault.permanent
    assert "broke off" in str(fault)


@pytest.mark.parametrize("answer", ["500 rude", "421 tired"])
def test_a_bad_farewell_does_not_undo_a_delivery(relay: Relay, inbox: Inbox, answer: str) -> None:
    inbox.answers["QUIT"] = answer
    mailer(relay()).send(TENANT, NOTICE)
    assert len(inbox.messages) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "ok\r\nBcc: all@acme.example"},
        {"subject": "ok\nX: y"},
        {"subject": "a\x00b"},
        {"address": "noc@acme.example\r\nBcc: all@acme.example"},
        {"address": "noc@acme.example, all@acme.example"},
        {"address": "Someone <noc@acme.example>"},
        {"address": "noc"},
        {"address": ""},
    ],
)
def test_what_would_forge_a_header_is_refused_for_good(relay: Relay, inbox: Inbox, changes: dict[str, str]) -> None:
    assert failure(relay(), replace(NOTICE, **changes)).permanent  # type: ignore[arg-type]  # fields of a Notice
    assert inbox.messages == []


def test_an_address_beyond_ascii_goes_where_the_relay_takes_it(relay: Relay, inbox: Inbox) -> None:
    beyond = replace(NOTICE, address="störung@acme.example")
    fault = failure(relay(enable_SMTPUTF8=False), beyond)
    assert (fault.permanent, "ASCII" in str(fault)) == (True, True)
    mailer(relay(enable_SMTPUTF8=True)).send(TENANT, beyond)
    assert inbox.envelopes[0][1] == ["störung@acme.example"]


class Door:
    """Lets in who has the right password."""

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data == LoginPassword(b"upheld", b"right-password"), handled=False)


def test_a_login_goes_over_tls_that_proves_the_relays_name(relay: Relay, inbox: Inbox, trusted: Any) -> None:
    port = relay(tls_context=trusted.issue("127.0.0.1"), authenticator=Door(), auth_required=True)
    mailer(port, username="upheld", password="right-password", starttls=True).send(TENANT, NOTICE)
    assert len(inbox.messages) == 1


def test_a_wrong_password_is_temporary_and_not_repeated(relay: Relay, inbox: Inbox, trusted: Any) -> None:
    port = relay(tls_context=trusted.issue("127.0.0.1"), authenticator=Door(), auth_required=True)
    fault = failure(port, username="upheld", password="wrong-password", starttls=True)
    assert (fault.permanent, "535" in str(fault)) == (False, True)
    assert "wrong-password" not in str(fault)
    assert inbox.messages == []


@pytest.mark.parametrize("password", ["wröng-password", "wrong-\npassword", "wr\udcffong-password"])
def test_a_password_that_cannot_be_sent_is_temporary_and_not_repeated(
    relay: Relay, inbox: Inbox, trusted: Any, password: str
) -> None:
    port = relay(tls_context=trusted.issue("127.0.0.1"), authenticator=Door(), auth_required=True)
    fault = failure(port, username="upheld", password=password, starttls=True)
    assert (fault.permanent, "did not let us in" in str(fault)) == (False, True)
    assert "ong-" not in str(fault)
    assert inbox.messages == []


def test_a_relay_that_has_no_name_to_look_up_is_temporary() -> None:
    with pytest.raises(DeliveryError, match="cannot be reached") as fault:
        SmtpMailer("a" * 64 + ".example", 25, SENDER).send(TENANT, NOTICE)
    assert not fault.value.permanent


def test_a_relay_under_another_name_gets_nothing(relay: Relay, inbox: Inbox, trusted: Any) -> None:
    port = relay(tls_context=trusted.issue("mail.elsewhere.example"))
    fault = failure(port, starttls=True)
    assert (fault.permanent, "did not let us in" in str(fault)) == (False, True)
    assert inbox.messages == []


def test_a_relay_without_tls_gets_no_password(relay: Relay, inbox: Inbox) -> None:
    fault = failure(relay(), username="upheld", password="right-password", starttls=True)
    assert (fault.permanent, "STARTTLS" in str(fault)) == (False, True)
    assert inbox.messages == []


@pytest.mark.parametrize(
    "settings",
    [
        {"username": "upheld"},
        {"password": "right-password", "starttls": True},
        {"username": "upheld", "password": "right-password"},
    ],
)
def test_settings_that_would_leak_or_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="mail:") as fault:
        mailer(25, **settings)
    assert "right-password" not in str(fault.value)


@pytest.mark.parametrize("sender", ["", "nobody", "a@b\r\nBcc: c@d", "Name <>"])
def test_a_sender_that_is_no_address_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="is not a sender"):
        SmtpMailer("127.0.0.1", 25, sender)
