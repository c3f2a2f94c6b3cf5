"""The lifecycle of a case as data: which event moves it from which states to which, and what it leaves behind."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from upheld.cases.model import ENDED_STATES, OPEN_STATES, Case, Event, State

UNSOLVED: tuple[State, ...] = ("detected", "analysed", "acting", "reopened")
"""The states in which the service is not known to be good again."""

_ANY: tuple[State, ...] = (*OPEN_STATES, *ENDED_STATES)

MOVES: dict[str, tuple[tuple[State, ...], State | None]] = {
    # event: (states it may happen in, the state it leads to; None where it stays)
    "opened": ((), "detected"),
    "analysed": (("detected",), "analysed"),
    "examined": (OPEN_STATES, None),
    "grouped": (OPEN_STATES, None),
    "acted": (("analysed", "reopened"), "acting"),
    "step_done": (_ANY, None),
    "step_failed": (_ANY, None),
    "step_waits": (_ANY, None),
    "step_approved": (_ANY, None),
    "step_rejected": (_ANY, None),
    "step_skipped": (_ANY, None),
    "step_again": (_ANY, None),
    "step_overdue": (_ANY, None),
    "worsened": (OPEN_STATES, None),
    "violated_again": (OPEN_STATES, None),
    "figures_changed": (OPEN_STATES, None),
    "restored": (UNSOLVED, "restored"),
    "asked": (("restored", "confirming"), "confirming"),
    "reminded": (("confirming",), None),
    "broke_again": (("restored", "confirming"), "acting"),
    "answered": (("acting", "confirming", "reopened", *ENDED_STATES), None),
    "reopened": (("confirming", "closed"), "reopened"),
    "escalated": (OPEN_STATES, None),
    "updated": (UNSOLVED, None),
    "clock_warned": (_ANY, None),  # who was not told of a case in time was not, also where it has ended
    "clock_missed": (_ANY, None),
    "resolved": ((*OPEN_STATES, "closed"), None),
    "closed": (("confirming",), "closed"),
    "withdrawn": (OPEN_STATES, "withdrawn"),
    "resumed": (UNSOLVED, "closed"),
}


def evolve(case: Case, event: Event) -> Case:
    """The case after the event. An event that is not allowed in the case's state is a defect and raises."""
    allowed, leads_to = MOVES[event.type]
    assert event.seq == case.seq + 1, f"event {event.seq} does not follow {case.seq}"
    assert event.seq == 1 or case.state in allowed, f"{event.type} cannot happen to a case that is {case.state}"
    data = event.data
    case = replace(case, seq=event.seq, state=leads_to or case.state)
    if "period" in data:
        case = _of_period(case, data["period"], data["verdict"])
    match event.type:
        case "worsened":
            return replace(case, kind="violation")
        case "analysed":
            return replace(case, findings=data["findings"])
        case "examined":
            return replace(case, findings={**case.findings, **data["findings"]})
        case "grouped":
            return replace(case, problem=data["problem"])
        case "restored":
            return replace(case, restored_at=data["since"])
        case "broke_again":
            return replace(case, restored_at=None)
        case "asked":
            return replace(case, asked=data["round"])
        case "reopened":
            anew: dict[str, Any] = dict.fromkeys(("restored_at", "outcome", "closed_at", "score"))
            return replace(case, reopened_at=event.at, **anew)
        case "escalated":
            return replace(case, level=data["level"])
        case "clock_missed":
            return replace(case, missed=data["due"]) if data["clock"] == "fixed" else case
        case "updated":
            return replace(case, told={"at": event.at, **data})
        case "resolved":
            return replace(case, resolution={"at": event.at, **data})
        case "answered":
            is_of_end = data["solved"] and case.state in ("confirming", "closed") and case.score is None
            score = data["score"] if is_of_end else case.score
            return replace(case, answers=(*case.answers, {"at": event.at, **data}), score=score)
        case "closed":
            return replace(case, outcome=data["outcome"], closed_at=event.at)
        case "resumed":
            return replace(case, outcome="resumed", closed_at=event.at)
        case "withdrawn":
            return replace(case, outcome="withdrawn", closed_at=event.at)
    return case


def _of_period(case: Case, period: str, verdict: Mapping[str, Any]) -> Case:
    """The case with what one of its periods has come to. The verdict that it speaks of stays that of a violated period
    as long as the other is not violated too."""
    speaks_of_other = verdict["period_start"] != case.verdict["period_start"]
    stays = speaks_of_other and case.verdict["status"] == "violated" and verdict["status"] != "violated"
    periods = {**case.periods, period: verdict["status"]}
    return replace(case, verdict=case.verdict if stays else verdict, periods=periods)


def replay(case: Case, events: Iterable[Event]) -> Case:
    """The case after all the events, in order."""
    for event in events:
        case = evolve(case, event)
    assert (case.closed_at is None) == (case.state in OPEN_STATES)
    assert (case.outcome is None) == (case.state in OPEN_STATES), "an ended case has an outcome"
    return case


def diagram() -> str:
    """The lifecycle as a Mermaid state diagram: each state, and the events that lead from it to another."""
    lines = ["stateDiagram-v2", "    [*] --> detected: opened"]
    for event, (states, leads_to) in MOVES.items():
        lines += [f"    {state} --> {leads_to}: {event}" for state in states if leads_to not in (None, state)]
    return "\n".join([*lines, *(f"    {state} --> [*]" for state in ENDED_STATES)])
