"""A notice: one message to one contact, with its delivery record. Instants in microseconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

NoticeKind = Literal[
    "degradation",
    "violation",
    "restoration",
    "question",
    "reminder",
    "reopened",
    "late_rejection",
    "closed",
    "resolution_owed",
    "withdrawn",
    "no_data",
    "resumed",
    "update",
    "maintenance",
    "maintenance_changed",
    "maintenance_reminder",
    "maintenance_cancelled",
    "maintenance_started",
    "maintenance_over",
    "maintenance_overrun",
    "objection",
    "objection_answered",
    "undeliverable",
    "digest",
    "credit",
    "restatement",
    "summary",
]
Channel = Literal["email", "webhook", "page", "none"]
NoticeState = Literal["recorded", "sent", "failed", "stopped"]
Receipt = Literal["delivered", "bounced", "read"]

ANNOUNCING: tuple[NoticeKind, ...] = ("maintenance", "maintenance_changed", "maintenance_cancelled")
"""What tells a contact when there is work, or that there is none."""

OWN_FAILED = ", for the provider's own failed: "
"""In a text's version: before why the text that is shipped stands in its place."""


@dataclass(frozen=True, slots=True)
class Notice:
    """`id` is the idempotency key under which it is sent once. `role` is the agreement's word for whom (such as
    `customer.noc`). `due_by` is until when it was promised. `reason` says why it was stopped or has failed.
    One of a problem tells of several of its `cases` at once. `calendar` is an iCalendar text to attach. `payload` is
    the body of a webhook. `text_version`: which text it was written with, and a hash of that. A contact's secret is
    never here.

    `not_before`: it waits for the end of the contact's quiet hours. `instead_of`: the address that it would have gone
    to, where it goes to who stands in for it, or to another one of the same contact. `outside_id`: what the receiving
    side calls it, such as a Message-ID. `receipt`: what became of it there, as far as that is told; handed over is what
    `sent` says. `acknowledged_at`: when the contact said that it was read, with its comment.
    `together`: the digest that it waits for, with what else does. `seq`: its place among those of one case, or problem,
    that are recorded at one instant: they reach an address in that order."""

    id: str
    kind: NoticeKind
    role: str
    channel: Channel
    address: str
    subject: str
    text: str
    html: str
    state: NoticeState
    recorded_at: int
    customer: str | None = None
    agreement: str | None = None
    case_id: str | None = None
    maintenance_id: str | None = None
    problem_id: str | None = None
    cases: tuple[str, ...] = ()
    calendar: str | None = None
    payload: Mapping[str, Any] | None = None
    due_by: int | None = None
    sent_at: int | None = None
    attempts: int = 0
    reason: str | None = None
    text_version: str | None = None
    reply_to: str | None = None
    not_before: int | None = None
    instead_of: str | None = None
    outside_id: str | None = None
    receipt: Receipt | None = None
    receipt_at: int | None = None
    receipt_detail: str = ""
    acknowledged_at: int | None = None
    acknowledgement: str = ""
    together: str | None = None
    seq: int = 0

    @property
    def link(self) -> str | None:
        """The signed link on which it asks for an answer; None where it asks for none."""
        return ((self.payload or {}).get("data") or {}).get("link")

    @property
    def own_text_failed(self) -> str | None:
        """Why the provider's own text could not be used, so that it says what is shipped; None where that did not
        happen."""
        return (self.text_version or "").partition(OWN_FAILED)[2] or None

    @property
    def language(self) -> str:
        """That it is written in (a key of `formats.LOCALES`), by its text's version."""
        return (self.text_version or "en/").partition("/")[0]


@dataclass(frozen=True, slots=True)
class Owed:
    """That `roles` of one party are to be told of an event of a case that shares its problem with others: what is owed
    to a party is gathered for a moment and told in one notice. `party` is a customer, or "" for the provider's own.
    `facts` (JSON) is what the notice says of the case. `arrived`: see `arrivals`. `told` is when it was (None: not
    yet)."""

    problem: str
    case_id: str
    seq: int
    kind: NoticeKind
    party: str
    customer: str
    agreement: str
    roles: tuple[str, ...]
    at: int
    due_by: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrived: int | None = None
    told: int | None = None

    @property
    def words(self) -> str:
        """What our people wrote, where that is to be told."""
        return str(self.facts.get("update", ""))


@dataclass(frozen=True, slots=True)
class VerdictNews:
    """That a verdict has come to something that a party may have to be told: a credit, or other figures than it was
    told before. It is gathered for a moment, and then looked at, no sooner than `not_before`. `party` is a customer, or
    "" for the provider's own. `occasion`: in the version `version` it was `restated`, or is `final`, or its credit was
    claimed (`claim`). `at` is when that came to be known, `told` when it was last looked at (None: it is still to be),
    and `notices` are the ids of those that tell of it."""

    agreement: str
    objective: str
    service: str
    period_start: int
    version: int
    occasion: Literal["restated", "final", "claim"]
    party: str
    customer: str
    at: int
    not_before: int
    told: int | None = None
    notices: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, int]:
        """The verdict's."""
        return self.agreement, self.objective, self.service, self.period_start
