"""When a notice may be sent: a contact's quiet hours, and what breaks them. Pure; instants in microseconds UTC."""

from zoneinfo import ZoneInfo

from upheld.agreements.contacts import Contact
from upheld.notices.model import NoticeKind

URGENT: frozenset[NoticeKind] = frozenset({"violation", "reopened", "late_rejection", "no_data"})
"""What says that a service is broken, by the figures or by its customer, or not measured."""


def not_before(kind: NoticeKind, contact: Contact, zone: ZoneInfo, at: int, due_by: int | None) -> int:
    """From when on a notice that is recorded at `at`, and promised by `due_by`, may go out to a contact who lives in
    `zone`: the end of its quiet hours, unless it breaks them."""
    quiet = contact.quiet_hours
    if quiet is None or (kind in URGENT and "urgent" in quiet.broken_by):
        return at
    until = quiet.until(at, zone)
    promised = due_by is not None and due_by < until
    return at if promised and "promised" in quiet.broken_by else until
