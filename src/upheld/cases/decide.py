"""What a case does with a command: `decide(case, command, now) -> events`. Pure; every rule of the handling is here.

A command that comes too late, twice, or out of place gives no events: it changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.cases.lifecycle import UNSOLVED, evolve
from upheld.cases.model import ENDED_STATES, OPEN_STATES, Case, Event, Kind

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Open:
    """A soft threshold was crossed or the target broken, and no case is open: open one, with what was found."""

    verdict: Document
    findings: Document


@dataclass(frozen=True, slots=True)
class Assessed:
    """The verdict of the case's objective has changed. `restated`: not because time passed, but because what is
    known of the past has changed."""

    verdict: Document
    restated: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """How the service is: `bad_until` and `seen_until` are the ends of the last bad slot and of the last slot with
    data; `stable` is for how long it must be good to count as restored. Microseconds."""

    bad_until: int | None
    seen_until: int | None
    stable: int


@dataclass(frozen=True, slots=True)
class StepDone:
    action: str
    reference: str


@dataclass(frozen=True, slots=True)
class StepFailed:
    action: str
    error: str


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The operator says that a rejected case is solved now."""

    by: str


@dataclass(frozen=True, slots=True)
class Remind:
    asked: int


@dataclass(frozen=True, slots=True)
class CloseUnanswered:
    asked: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The customer's answer to round `asked` of the question."""

    asked: int
    contact: str
    solved: bool
    comment: str


Command = Open | Assessed | Observed | StepDone | StepFailed | AskAgain | Remind | CloseUnanswered | Answer


def decide(case: Case, command: Command, now: int) -> tuple[Case, list[Event]]:
    """The case after the command, and the events that made it so; no events where it changes nothing."""
    steps = _Steps(case, now)
    match command:
        case Open():
            _open(steps, command)
        case Assessed():
            _assessed(steps, command)
        case Observed():
            _observed(steps, command)
        case StepDone():
            steps.add("step_done", action=command.action, reference=command.reference)
        case StepFailed():
            steps.add("step_failed", action=command.action, error=command.error)
        case AskAgain():
            _ask_again(steps, command)
        case Remind():
            if _awaits(case, command.asked):
                steps.add("reminded", round=command.asked)
        case CloseUnanswered():
            if _awaits(case, command.asked):
                steps.add("closed", outcome="unanswered")
        case Answer():
            _answered(steps, command)
    return steps.case, steps.events


def new_case(case_id: str, verdict: Document, period_start: int, opened_at: int) -> Case:
    """A case that is about to be opened for a verdict; its first command is `Open`."""
    return Case(
        id=case_id,
        kind=kind_of(verdict),
        state="detected",
        agreement=verdict["agreement"],
        objective=verdict["objective"],
        service=verdict["service"],
        customer=verdict["customer"],
        period_start=period_start,
        opened_at=opened_at,
        verdict=verdict,
    )


def kind_of(verdict: Document) -> Kind:
    return "violation" if verdict["status"] == "violated" else "degradation"


class _Steps:
    """Events gathered one after the other, each applied at once."""

    def __init__(self, case: Case, now: int) -> None:
        self.case, self.now = case, now
        self.events: list[Event] = []

    def add(self, type_: str, **data: Any) -> None:
        event = Event(self.case.id, self.case.seq + 1, type_, self.now, data)
        self.case = evolve(self.case, event)
        self.events.append(event)


def _open(steps: _Steps, command: Open) -> None:
    assert steps.case.seq == 0, "a case is opened once"
    steps.add("opened", kind=steps.case.kind, verdict=command.verdict)
    steps.add("analysed", findings=command.findings)
    steps.add("acted", step="ticket")


def _assessed(steps: _Steps, command: Assessed) -> None:
    case, verdict = steps.case, command.verdict
    if case.state in ENDED_STATES:
        return
    same_period = verdict["period_start"] == case.verdict["period_start"]
    if command.restated and same_period and verdict["status"] in ("met", "no_data"):
        steps.add("withdrawn", verdict=verdict)
    elif verdict["status"] == "violated" and case.kind == "degradation":
        steps.add("worsened", verdict=verdict)
    elif verdict["status"] == "violated" and not same_period and not _rolls(verdict, case.verdict):
        steps.add("violated_again", verdict=verdict)
    elif same_period and verdict["credit"] != case.verdict["credit"]:
        steps.add("figures_changed", verdict=verdict)


def _rolls(verdict: Document, other: Document) -> bool:
    """Whether two verdicts are of one rolling window that has moved on: its condition holds since the same instant."""
    return bool(verdict["violated_at"] == other["violated_at"])


def _observed(steps: _Steps, command: Observed) -> None:
    case = steps.case
    if command.seen_until is None:
        return
    bad_until = command.bad_until if command.bad_until is not None else case.opened_at
    if case.state in ("restored", "confirming"):
        if case.restored_at is not None and bad_until > case.restored_at:
            steps.add("broke_again", since=bad_until)
        return
    rejected = case.state == "reopened" or (case.reopened_at is not None and case.state == "acting")
    if rejected and bad_until <= (case.reopened_at or 0):
        return  # the customer said that it is not solved: good figures alone do not outweigh that
    if case.state in UNSOLVED and command.seen_until - bad_until >= command.stable:
        steps.add("restored", since=bad_until)
        steps.add("asked", round=case.asked + 1)


def _ask_again(steps: _Steps, command: AskAgain) -> None:
    if steps.case.state in UNSOLVED:
        steps.add("restored", since=steps.now, by=command.by)
        steps.add("asked", round=steps.case.asked + 1)


def _awaits(case: Case, asked: int) -> bool:
    return case.state == "confirming" and case.asked == asked


def _answered(steps: _Steps, command: Answer) -> None:
    case = steps.case
    if not _awaits(case, command.asked):
        return
    if command.solved:
        steps.add("confirmed", contact=command.contact, comment=command.comment)
        steps.add("closed", outcome="confirmed")
        return
    steps.add("rejected", contact=command.contact, comment=command.comment)
    steps.add("reopened", contact=command.contact, comment=command.comment)
    steps.add("escalated", level=case.level + 1)


assert set(UNSOLVED) < set(OPEN_STATES)
