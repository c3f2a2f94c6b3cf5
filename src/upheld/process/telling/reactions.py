"""What follows from a case's events: notices to send, timers to set. Pure; committed with the events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import SECOND
from upheld.cases.clocks import (
    SENT_AT,
    WARNED_AT,
    ClockName,
    fixed_by,
    fixing_since,
    informed_at,
    share_of,
    update_by,
    warned_at,
)
from upheld.cases.model import Case, Event
from upheld.notices.gathering import owed_of
from upheld.notices.model import Notice, NoticeKind, Owed
from upheld.notices.planning import plan_case_notices, promised_by
from upheld.ports import AgendaEntry

SEND, REMIND, CLOSE = "send_notice", "remind_customer", "close_unanswered"
UPDATE, UPDATE_PROBLEM, CLOCK = "send_update", "update_problem", "run_clock"
FETCH = "fetch_file"
EXAMINE, JOINED = "examine_cases", "tell_joined"
TOGETHER, SOON = 10 * SECOND, 5 * SECOND
"""Cases that open within so long are examined together, so long after that: in one reading of the log, and behind
what those whom they hit are told."""
ARRIVED = "arrived"
"""In an entry's data: from when on the measurements gave reason for it, in microseconds UTC (see `arrivals`)."""
TRACE = "trace"
"""In an entry's data: the trace in which it was decided (W3C trace context)."""


@dataclass
class Reaction:
    """What to record and put on the agenda, in the transaction that records the events."""

    notices: list[Notice] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)
    entries: list[AgendaEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parties:
    """The agreement of a case and whom it names; a party that the portfolio does not describe is None."""

    agreement: Agreement
    customer: Party | None
    provider: Party | None


QuestionLink = Callable[[Case, str], str]
"""(case, contact) -> the signed link on which that contact answers the case's question."""

_TOLD: dict[str, NoticeKind] = {
    "worsened": "violation",
    "violated_again": "violation",
    "restored": "restoration",
    "asked": "question",
    "reminded": "reminder",
    "reopened": "reopened",
    "closed": "closed",
    "withdrawn": "withdrawn",
    "resumed": "resumed",
    "updated": "update",
}


def reaction(
    case: Case, events: Sequence[Event], parties: Parties, question_link: QuestionLink, arrived: int | None = None
) -> Reaction:
    """What follows from `events`, which left `case` as it is. What is to be told of a case of a problem is owed, and
    told with that of the others. `arrived`: see `arrivals`."""
    result = Reaction()
    for event in events:
        if event.type == "opened":
            result.entries.append(_examination(event.at))
        if event.type == "grouped":
            result.entries.append(_joining(event.data["problem"], event.at))
        kind = _kind_told(case, event)
        due_by = None if kind is None else promised_by(kind, case, parties.agreement, event.at)
        if kind is not None and due_by is not None:
            result.entries.append(_told_clock(case, event, kind, due_by))
        if kind is not None and case.problem is not None:
            result.owed += owed_of(kind, case, parties.agreement, event.seq, event.at, due_by, arrived)
        elif kind is not None:
            result.notices += case_notices(kind, case, event.seq, event.at, parties, question_link)
        result.entries += _timers(case, event, parties.agreement)
    result.entries += [outbox_entry(notice) for notice in result.notices if notice.state == "recorded"]
    return result


def outbox_entry(notice: Notice, origin: Mapping[str, Any] = MappingProxyType({})) -> AgendaEntry:
    """The agenda's entry that sends a recorded notice. `origin`: what its data tells of where it comes from."""
    return AgendaEntry(
        f"{SEND}/{notice.id}", SEND, notice.not_before or notice.recorded_at, {"notice": notice.id, **origin}
    )


def _kind_told(case: Case, event: Event) -> NoticeKind | None:
    if event.type == "answered":
        return "late_rejection" if event.data["effect"] == "late" else None
    kind: NoticeKind | None = event.data["kind"] if event.type == "opened" else _TOLD.get(event.type)
    # That an agreement is watched no more is known to those who changed it.
    return None if kind == "withdrawn" and case.kind == "no_data" else kind


def case_notices(
    kind: NoticeKind,
    case: Case,
    seq: int,
    at: int,
    parties: Parties,
    question_link: QuestionLink,
    roles: Sequence[str] | None = None,
) -> list[Notice]:
    """The notices of the event `seq` of a case to those whom its agreement names, or only to `roles`."""
    return plan_case_notices(
        kind,
        case,
        parties.agreement,
        parties.customer,
        parties.provider,
        at,
        due_by=promised_by(kind, case, parties.agreement, at),
        occasion=f"{kind}-{seq}",
        links=lambda contact: question_link(case, contact),
        roles=roles,
        seq=seq,
    )


def _timers(case: Case, event: Event, agreement: Agreement) -> list[AgendaEntry]:
    if event.type in ("opened", "reopened", "broke_again", "updated") and case.kind != "no_data":
        return [*_clock(case, event, agreement), *_next_update(case, event, agreement)]
    if event.type != "asked":
        return []
    asked = event.data["round"]
    data = {"case": case.id, "asked": asked}
    return [
        AgendaEntry(f"{REMIND}/{case.id}/{asked}", REMIND, event.at + agreement.confirmation.remind_after, data),
        AgendaEntry(f"{CLOSE}/{case.id}/{asked}", CLOSE, event.at + agreement.confirmation.close_after, data),
    ]


def _examination(at: int) -> AgendaEntry:
    """One for all cases that open in the same stretch of time."""
    start = at // TOGETHER * TOGETHER
    end = start + TOGETHER
    return AgendaEntry(f"{EXAMINE}/{start}", EXAMINE, end + SOON, {"start": start, "end": end})


def _joining(problem: str, at: int) -> AgendaEntry:
    """One for all cases that join a problem in the same stretch of time: a storm of them is told of in few events."""
    end = (at // TOGETHER + 1) * TOGETHER
    return AgendaEntry(f"{JOINED}/{problem}/{end}", JOINED, end, {"problem": problem})


def _clock(case: Case, event: Event, agreement: Agreement) -> list[AgendaEntry]:
    """The instants at which the promise to fix it is to be looked at: close to its deadline, and there. What breaks
    again was not fixed: it is looked at anew, for what was looked at while it was good counted as fixed."""
    since = fixing_since(case)
    warning, due = warned_at(agreement, since), fixed_by(agreement, since)
    if event.type == "updated" or warning is None or due is None:
        return []
    data = {"case": case.id, "clock": "fixed", "since": since, "due": due}
    return [
        AgendaEntry(f"{CLOCK}/{case.id}/{event.seq}/{stage}", CLOCK, max(at, event.at), {**data, "missed": missed})
        for stage, at, missed in (("warning", warning, False), ("missed", due, True))
        if missed or at > event.at or event.type != "broke_again"
    ]


def _next_update(case: Case, event: Event, agreement: Agreement) -> list[AgendaEntry]:
    """When it is warned of that the customer is to be told again, and when that goes out by itself: before it is
    missed."""
    since = informed_at(case)
    every, due = agreement.handling.update_every, update_by(agreement, since)
    if every is None or due is None:
        return []
    warned, sent = (since + share_of(every, share) for share in (WARNED_AT, SENT_AT))
    # What breaks again was no reason to tell anything while it was good: that goes out at once, in as much time.
    due = max(due, event.at + every - share_of(every, SENT_AT))
    data = {"case": case.id, "since": since, "due": due}
    warning = AgendaEntry(
        f"{CLOCK}/{case.id}/{event.seq}/update-warning", CLOCK, warned, {**data, "clock": "update", "missed": False}
    )
    update = AgendaEntry(f"{UPDATE}/{case.id}/{event.seq}", UPDATE, max(sent, event.at), data)
    return [*([warning] if warned > event.at else []), update]


_CLOCK_OF: dict[NoticeKind, ClockName] = {"question": "asked", "update": "update"}


def _told_clock(case: Case, event: Event, kind: NoticeKind, due_by: int) -> AgendaEntry:
    """When it is looked at whether what is to be told by `due_by` was: close to that. Of cases of a problem that are
    told of together, once."""
    subject, told = case.id, str(event.seq)
    if case.problem is not None:
        subject, told = case.problem, f"{kind}-{due_by // TOGETHER}"
    at = max(event.at, event.at + share_of(due_by - event.at, WARNED_AT))
    clock = _CLOCK_OF.get(kind, "told")
    data = {"case": case.id, "what": kind, "clock": clock, "since": event.at, "due": due_by, "missed": False}
    return AgendaEntry(f"{CLOCK}/{subject}/{told}/told", CLOCK, at, data)
