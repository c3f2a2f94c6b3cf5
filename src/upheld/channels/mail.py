"""Notices by e-mail, over SMTP (RFC 5321, 5322)."""

import contextlib
import email.policy
import hashlib
import re
import smtplib
import ssl
from collections.abc import Callable
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from upheld.agreements.units import to_datetime
from upheld.notices.consent import OPTIONAL
from upheld.notices.formats import one_line
from upheld.notices.model import Notice
from upheld.notices.texts import Letter
from upheld.ports import DeliveryError

TIMEOUT = 30.0
"""Seconds that any one answer of the relay may take."""

ToLetter = Callable[[str, Notice], Letter]
"""(tenant, notice) -> the notice with what its receiver can say of it, under a signed link."""


class _Unfolded(UnstructuredHeader, BaseHeader):
    """A header of one address, on a line of its own: folding would encode what is longer than a line, and no mail
    program reads an address so."""

    def fold(self, *, policy: email.policy.Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _Unfolded)
_POLICY = email.policy.default.clone(header_factory=_HEADERS)

_ADDRESS = re.compile(r"([^@\s<>,;:\"]+)@([^@\s<>,;:\"]+)")


class SmtpMailer:
    """Hands notices to a relay; implements `ports.Mailer`.

    `sender` is an address, with or without a name (`Northern Networks <sla@north.example>`). With `starttls` the relay
    must offer TLS and prove its name; a password is never sent without it. Raises ValueError for settings that cannot
    work."""

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        *,
        username: str | None = None,
        password: str | None = None,
        starttls: bool = False,
        to_letter: ToLetter | None = None,
    ) -> None:
        if (username is None) != (password is None):
            raise ValueError("mail: give both a user name and a password, or neither")
        if password is not None and not starttls:
            raise ValueError("mail: a password is sent over TLS only: turn STARTTLS on")
        self._host, self._port = host, port
        self._sender = _sender(sender)
        self._username, self._password = username, password
        self._tls = ssl.create_default_context() if starttls else None
        self._to_letter = to_letter

    def send(self, tenant: str, notice: Notice) -> str:
        """One message to one address; returns what its Message-ID has before the @. Raises DeliveryError: permanent
        where the notice itself cannot be sent or the relay refuses it for good (5xx); temporary where the relay cannot
        be reached, does not let us in, or asks us to come back (4xx)."""
        message = compose(tenant, notice, self._sender, self._to_letter)
        relay = self._connect()
        try:
            _hand_over(relay, message)
            with contextlib.suppress(OSError, smtplib.SMTPException):
                relay.quit()  # the relay has the message: how the farewell goes changes nothing
        finally:
            relay.close()
        return outside_id(tenant, notice)

    def _connect(self) -> smtplib.SMTP:
        """A relay that is ready to take a message. What goes wrong here is the relay's or the settings' fault and never
        the notice's, so it is temporary."""
        where = f"the mail relay {self._host}:{self._port}"
        try:
            relay = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        except smtplib.SMTPResponseException as fault:
            raise DeliveryError(f"{where} greeted us with {fault.smtp_code}") from None
        except (OSError, UnicodeError, smtplib.SMTPException) as fault:
            raise DeliveryError(f"{where} cannot be reached: {_said(fault)}") from None
        try:
            if self._tls is not None:
                relay.starttls(context=self._tls)
            if self._username is not None and self._password is not None:
                relay.login(self._username, self._password)
        except smtplib.SMTPResponseException as fault:  # its answer may repeat what we said: only the code is told
            relay.close()
            raise DeliveryError(f"{where} did not let us in: it answered {fault.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as fault:
            relay.close()
            raise DeliveryError(f"{where} did not let us in: {_said(fault)}") from None
        except ValueError:  # what it says may repeat the password
            relay.close()
            raise DeliveryError(f"{where} did not let us in: user name and password are of ASCII only") from None
        return relay


def compose(tenant: str, notice: Notice, sender: Address, to_letter: ToLetter | None = None) -> EmailMessage:
    """The notice as a message: text and HTML as alternatives, with their foot, the calendar entry attached.

    It is dated from when on it may go out, the same at each try. The Message-ID is made of the tenant and the notice's
    id, so that a receiver can drop one that comes twice; all messages of one case, or of one planned work, refer to the
    same root and so make one thread. Raises DeliveryError (permanent) for an address or a subject that no message can
    carry."""
    receiver = _mailbox(notice.address)
    if receiver is None:
        raise DeliveryError("the contact's address is not an e-mail address", permanent=True)
    if one_line(notice.subject) != notice.subject:
        raise DeliveryError("the subject has control characters", permanent=True)
    message = EmailMessage(_POLICY)
    message["From"] = sender
    message["To"] = receiver
    if notice.reply_to is not None:
        message["Reply-To"] = _mailbox(notice.reply_to) or sender
    message["Subject"] = notice.subject
    message["Date"] = format_datetime(to_datetime(notice.not_before or notice.recorded_at))
    message["Message-ID"] = message_id(tenant, notice, sender.domain)
    root = thread_root(tenant, notice, sender.domain)
    message["In-Reply-To"] = root
    message["References"] = root
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers, please
    message["X-Auto-Response-Suppress"] = "All"
    shown = notice if to_letter is None else to_letter(tenant, notice)
    if isinstance(shown, Letter) and notice.kind in OPTIONAL:
        message["List-Unsubscribe"] = f"<{shown.receipt}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    message.set_content(shown.text, charset="utf-8", cte="quoted-printable")
    message.add_alternative(shown.html, subtype="html", charset="utf-8", cte="quoted-printable")
    if notice.calendar is not None:
        _attach_calendar(message, notice)
    return message


def message_id(tenant: str, notice: Notice, domain: str) -> str:
    return f"<{outside_id(tenant, notice)}@{domain}>"


def outside_id(tenant: str, notice: Notice) -> str:
    """What a notice is called where it is delivered: the same at each try, and not to be guessed."""
    return _digest("notice", tenant, notice.id, notice.address)


def thread_root(tenant: str, notice: Notice, domain: str) -> str:
    """What all messages to one address about one case, problem or work refer to. Nothing is ever sent under this id."""
    subject = notice.case_id or notice.problem_id or notice.maintenance_id or notice.id
    return f"<{_digest('thread', tenant, subject, notice.address)}@{domain}>"


def _attach_calendar(message: EmailMessage, notice: Notice) -> None:
    assert notice.calendar is not None
    cancelled = notice.kind == "maintenance_cancelled"
    message.add_attachment(
        notice.calendar.encode(),
        maintype="text",
        subtype="calendar",
        filename="cancelled.ics" if cancelled else "maintenance.ics",
        params={"method": "CANCEL" if cancelled else "PUBLISH", "charset": "utf-8"},
        cte="base64",
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:40]


def _mailbox(address: str, name: str = "") -> Address | None:
    """The address as a header carries it; None where it is not exactly one."""
    match = _ADDRESS.fullmatch(address)
    if match is None or one_line(address) != address or one_line(name) != name:
        return None
    return Address(display_name=name, username=match[1], domain=match[2])


def _sender(text: str) -> Address:
    name, address = parseaddr(text)
    mailbox = _mailbox(address, name) if one_line(text) == text else None
    if mailbox is None:
        raise ValueError(f"mail: {text!r} is not a sender such as Northern Networks <sla@north.example>")
    return mailbox


def _hand_over(relay: smtplib.SMTP, message: EmailMessage) -> None:
    try:
        relay.send_message(message)
    except smtplib.SMTPRecipientsRefused as fault:
        code, said = next(iter(fault.recipients.values()))
        raise _refused(code, said) from None
    except smtplib.SMTPResponseException as fault:
        raise _refused(fault.smtp_code, fault.smtp_error) from None
    except smtplib.SMTPNotSupportedError:
        raise DeliveryError("the mail relay takes no address in other letters than ASCII", permanent=True) from None
    except (OSError, smtplib.SMTPException) as fault:
        raise DeliveryError(f"the mail relay broke off: {_said(fault)}") from None


def _refused(code: int, said: bytes | str) -> DeliveryError:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return DeliveryError(f"the mail relay answered {code} {one_line(text)[:200]}", permanent=500 <= code < 600)


def _said(fault: Exception) -> str:
    return one_line(str(fault))[:200] or type(fault).__name__
