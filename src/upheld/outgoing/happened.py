"""Which events of cases, verdicts and maintenance other systems are told, and with what. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Verdict
from upheld.cases.model import Case, Event
from upheld.cases.problems import Problem
from upheld.maintenance.model import Maintenance
from upheld.maintenance.objection import Objection
from upheld.outgoing.model import PREFIX, OutgoingEvent
from upheld.reports.records import case_document, objection_document, record_document

_OF_CASES: Mapping[str, str] = {
    "opened": "opened",
    "worsened": "worsened",
    "violated_again": "violated_again",
    "figures_changed": "figures_changed",
    "restored": "restored",
    "broke_again": "broke_again",
    "answered": "answered",
    "reopened": "reopened",
    "escalated": "escalated",
    "clock_warned": "clock_warned",
    "clock_missed": "clock_missed",
    "closed": "closed",
    "resumed": "closed",
    "withdrawn": "withdrawn",
}
"""By the event of a case (`cases.lifecycle`): what others are told. Of the rest, the case itself tells."""


def of_case(case: Case, events: Sequence[Event]) -> list[OutgoingEvent]:
    """What is told of `events`, which left `case` as it is; each with the case as the API shows it, and that of an
    answer with the answer."""
    document = record_document(case)
    return [
        OutgoingEvent(f"{PREFIX}case.{_OF_CASES[event.type]}", case.id, event.at, {**document, **_more(event)})
        for event in events
        if event.type in _OF_CASES
    ]


def _more(event: Event) -> Mapping[str, Any]:
    """With that of an answer, the answer; with that of a clock which promise it is, its deadline, and the kind of
    notice that waits (`what`)."""
    data = event.data
    if event.type == "answered":
        return {"answer": {"at": format_instant(event.at), **data}}
    if event.type in ("clock_warned", "clock_missed"):
        return {"clock": data["clock"], "due": format_instant(data["due"]), "what": data.get("what")}
    return {}


def of_problem(
    problem: Problem,
    what: Literal["opened", "cases_joined", "cause_changed", "restored", "broke_again", "merged", "closed", "reopened"],
    at: int,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> OutgoingEvent:
    """What has become of a problem, as the API shows it, with `more`; never with its cases, which may be very many."""
    return OutgoingEvent(f"{PREFIX}problem.{what}", problem.id, at, {**record_document(problem), **more})


def of_restatement(before: Verdict, after: Verdict, cause: str, approver: str | None, at: int) -> OutgoingEvent:
    """A new version of a verdict beside the one that it takes the place of."""
    data = {"verdict": case_document(after), "before": case_document(before), "cause": cause, "approver": approver}
    return OutgoingEvent(f"{PREFIX}verdict.restated", verdict_name(after), at, data)


def of_maintenance(
    work: Maintenance, what: Literal["announced", "changed", "cancelled", "started", "over", "overrun"], at: int
) -> OutgoingEvent:
    """A planned work, as the API shows it."""
    return OutgoingEvent(f"{PREFIX}maintenance.{what}", work.id, at, record_document(work))


def of_objection(objection: Objection, what: Literal["objected", "objection_answered"], at: int) -> OutgoingEvent:
    """What a contact says against a planned work, as the API shows it, and what was answered."""
    data = objection_document(objection, at)
    return OutgoingEvent(f"{PREFIX}maintenance.{what}", objection.maintenance_id, at, data)


def verdict_name(verdict: Verdict) -> str:
    """What a verdict goes by: the path under which the API has it."""
    return "/".join((*verdict.key[:3], format_instant(verdict.period_start)))
