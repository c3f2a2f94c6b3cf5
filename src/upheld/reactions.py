"""What follows from a case's events: notices to send, steps to take, timers to set. Pure; committed with the events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from upheld.actions.model import Action
from upheld.actions.steps import steps_for
from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.cases.model import Case, Event
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import plan_case_notices, promised_by
from upheld.ports import AgendaEntry

SEND, ACT, REMIND, CLOSE = "send_notice", "take_step", "remind_customer", "close_unanswered"
ARRIVED = "arrived"
"""In an entry's data: from when on the measurements gave reason for it, in microseconds UTC (see `arrivals`)."""
TRACE = "trace"
"""In an entry's data: the trace in which it was decided (W3C trace context)."""


@dataclass
class Reaction:
    """What to record and put on the agenda, in the transaction that records the events."""

    notices: list[Notice] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
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
}


def reaction(case: Case, events: Sequence[Event], parties: Parties, question_link: QuestionLink) -> Reaction:
    """What follows from `events`, which left `case` as it is."""
    result = Reaction()
    for event in events:
        result.notices += _notices(case, event, parties, question_link)
        result.actions += steps_for(case, event)
        result.entries += _timers(case, event, parties.agreement)
    result.entries += [outbox_entry(notice) for notice in result.notices if notice.state == "recorded"]
    result.entries += [
        AgendaEntry(f"{ACT}/{action.id}", ACT, action.requested_at, {"action": action.id}) for action in result.actions
    ]
    return result


def outbox_entry(notice: Notice) -> AgendaEntry:
    """The agenda's entry that sends a recorded notice."""
    return AgendaEntry(f"{SEND}/{notice.id}", SEND, notice.recorded_at, {"notice": notice.id})


def _notices(case: Case, event: Event, parties: Parties, question_link: QuestionLink) -> list[Notice]:
    kind = event.data["kind"] if event.type == "opened" else _TOLD.get(event.type)
    if kind is None or (kind == "withdrawn" and case.kind == "no_data"):
        return []  # that an agreement is watched no more is known to those who changed it
    agreement = parties.agreement
    return plan_case_notices(
        kind,
        case,
        agreement,
        parties.customer,
        parties.provider,
        event.at,
        due_by=promised_by(kind, agreement, event.at),
        occasion=f"{kind}-{event.seq}",
        links=lambda contact: question_link(case, contact),
    )


def _timers(case: Case, event: Event, agreement: Agreement) -> list[AgendaEntry]:
    if event.type != "asked":
        return []
    asked = event.data["round"]
    data = {"case": case.id, "asked": asked}
    return [
        AgendaEntry(f"{REMIND}/{case.id}/{asked}", REMIND, event.at + agreement.confirmation.remind_after, data),
        AgendaEntry(f"{CLOSE}/{case.id}/{asked}", CLOSE, event.at + agreement.confirmation.close_after, data),
    ]
