"""What a customer's contact says against the window of a planned work, and what becomes of it. Pure; instants in
microseconds UTC."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from upheld.maintenance.model import Maintenance, Window
from upheld.maintenance.window import Place, planned_in, windows_fault

ObjectionState = Literal["open", "agreed", "declined", "lapsed"]
"""Lapsed: the work was cancelled, or got other windows, before anyone had answered."""
LONGEST_WORDS = 2_000


@dataclass(frozen=True, slots=True)
class Objection:
    """A contact (its address) of a `customer`, told of a work as `role` under an `agreement`, objects to its `windows`:
    for a `reason`, and with the `wish` of another window, or one of both. `notice` is the id of the announcement whose
    link it came by. `at` is when it was first said, `said_at` when as it stands; `answer_by` is until when an answer is
    owed, `told_at` when the provider was told of it. An answer has the window that was `agreed`, and in which planning
    of the work (`agreed_in`, its sequence), or the words with which it was declined (`answer`)."""

    id: str
    maintenance_id: str
    agreement: str
    customer: str
    role: str
    contact: str
    notice: str
    windows: tuple[Window, ...]
    at: int
    answer_by: int
    wish: Window | None = None
    reason: str = ""
    state: ObjectionState = "open"
    told_at: int | None = None
    answered_at: int | None = None
    answered_by: str | None = None
    answer: str = ""
    agreed: Window | None = None
    said_at: int | None = None
    agreed_in: int | None = None

    def is_overdue(self, now: int) -> bool:
        """Whether an answer was owed before `now`."""
        return self.state == "open" and self.answer_by < now


@dataclass(frozen=True, slots=True)
class Objections:
    """How many there are of a work: all, those that are open, and of these the ones whose answer is overdue."""

    all: int = 0
    open: int = 0
    overdue: int = 0


NO_OBJECTIONS = Objections()


def objection_id(maintenance_id: str, agreement: str, contact: str, windows: Sequence[Window]) -> str:
    """A contact objects once to the windows of a work, by whichever announcement of them."""
    key = json.dumps([maintenance_id, agreement, contact, [list(window) for window in windows]])
    return f"O-{hashlib.sha256(key.encode()).hexdigest()[:12].upper()}"


def same_words(known: Objection | None, said: Objection) -> bool:
    """Whether what is said stands already."""
    return known is not None and known.state == "open" and (known.wish, known.reason) == (said.wish, said.reason)


def wish_fault(work: Maintenance, wish: Window, now: int) -> tuple[Place, str] | None:
    """The field that is wrong with a window that a contact asks for in place of a work's, and what is; None where
    nothing is."""
    spans = moved(work, wish).spans
    if wish[0] <= now < wish[1]:
        return "start", "this has passed: ask for a time to come"
    if spans == work.spans:
        return "start", "this is the window as it is announced"
    return windows_fault(spans, now)


@dataclass(frozen=True, slots=True)
class Consent:
    """That a customer's contact asked for `windows` itself, and was agreed with: whose word, and when (microseconds
    UTC). `sequence` is the planning of the work in which it was agreed."""

    windows: tuple[Window, ...]
    contact: str
    role: str
    asked_at: int
    agreed_at: int
    agreed_by: str
    sequence: int


def consent_of(objection: Objection, work: Maintenance) -> Consent | None:
    """What the contact has agreed to itself: the window of its own wish; None where it was offered another one, or
    nothing was agreed. `work` is that which it objected to, whenever it was planned."""
    if objection.agreed is None or objection.agreed != objection.wish or objection.answered_at is None:
        return None
    assert objection.agreed_in is not None, "what was agreed was planned"
    before = replace(work, **planned_in(objection.windows))
    return Consent(
        windows=moved(before, objection.agreed).spans,
        contact=objection.contact,
        role=objection.role,
        asked_at=objection.at if objection.said_at is None else objection.said_at,
        agreed_at=objection.answered_at,
        agreed_by=objection.answered_by or "",
        sequence=objection.agreed_in,
    )


def moved(work: Maintenance, window: Window) -> Maintenance:
    """The work in another window: one of several windows keeps their distances where the whole is as long as before."""
    start, end = window
    by = start - work.start
    spans = [(a + by, b + by) for a, b in work.spans] if end - start == work.end - work.start else [window]
    return replace(work, **planned_in(spans))
