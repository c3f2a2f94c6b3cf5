"""What a mail system tells of a message that it was given: that it came back, arrived, or was read.

Delivery status notifications (RFC 3464) and disposition notifications (RFC 8098), both multipart/report (RFC 6522).
"""

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage, Message

from upheld.notices.formats import one_line
from upheld.notices.model import Receipt

LARGEST = 5 * 1024 * 1024
"""Bytes of a report: it may hold the whole message that came back."""
LONGEST_DETAIL = 500

_RECEIPTS: dict[str, Receipt] = {"failed": "bounced", "delivered": "delivered", "displayed": "read"}
"""Of the actions of RFC 3464 2.3.3 and the dispositions of RFC 8098 3.2.6.2; others, such as `delayed`, are no end."""
_OUR_ID = re.compile(r"<([0-9a-f]{40})@[^<>\s]+>")


class NoReport(ValueError):
    """The message is no report of a delivery that can be read; `str()` says why not."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """`outside_id`: of the message that it is about, what its Message-ID has before the @."""

    outside_id: str
    receipt: Receipt
    detail: str


def read_delivery_report(body: bytes) -> DeliveryReport | None:
    """A mail -> what it reports; None where that is no end yet, such as a delay. Raises NoReport."""
    if len(body) > LARGEST:
        raise NoReport(f"the report is larger than {LARGEST} bytes")
    message = email.message_from_bytes(body, policy=email.policy.default)
    if message.get_content_type() != "multipart/report" or not isinstance(message, EmailMessage):
        raise NoReport("the message is no multipart/report (RFC 6522)")
    fields = list(_fields(message))
    if not fields:
        raise NoReport("the message has no message/delivery-status and no message/disposition-notification")
    outside_id = _subject(message, fields)
    if outside_id is None:
        raise NoReport("the report names no message of ours")
    for block in fields:
        receipt = _receipt(block)
        if receipt is not None:
            return DeliveryReport(outside_id, receipt, _detail(block))
    return None


def _fields(message: Message) -> Iterator[Message]:
    """The blocks of fields of the report: of the message, and of each recipient."""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            yield from (block for block in part.get_payload() if isinstance(block, Message))
        elif part.get_content_type() == "message/disposition-notification":
            payload = part.get_payload()
            if isinstance(payload, list):
                yield from (block for block in payload if isinstance(block, Message))
            else:
                yield email.message_from_string(str(payload).strip())


def _subject(message: Message, fields: list[Message]) -> str | None:
    """Which message it is about: as the report says, or by the headers that it carries along."""
    named = [str(block["Original-Message-ID"]) for block in fields if block["Original-Message-ID"]]
    for part in message.walk():
        if part.get_content_type() == "text/rfc822-headers":
            named += re.findall(r"(?im)^message-id:\s*(<[^<>\s]+>)", _text(part))
        elif part is not message and part["Message-ID"]:  # of the whole message, as message/rfc822
            named.append(str(part["Message-ID"]))
    found = (match[1] for one in named if (match := _OUR_ID.search(one)))
    return next(found, None)


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _receipt(block: Message) -> Receipt | None:
    action = str(block["Action"] or "").strip().lower()
    disposition = str(block["Disposition"] or "").rpartition(";")[2].partition("/")[0].strip().lower()
    return _RECEIPTS.get(action) or _RECEIPTS.get(disposition)


def _detail(block: Message) -> str:
    """`5.1.1 550 no such user`, as far as it is told."""
    diagnostic = str(block["Diagnostic-Code"] or "").partition(";")[2]
    parts = (str(block["Status"] or ""), diagnostic)
    return one_line(" ".join(part.strip() for part in parts if part.strip()))[:LONGEST_DETAIL]
