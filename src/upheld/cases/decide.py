"""What a case does with a command: `decide(case, command, now) -> events`. Pure; every rule of the handling is here.

A command that comes too late, twice, or out of place gives no events: it changes nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from upheld.agreements.units import format_instant
from upheld.cases.answers import Via, effect_of, is_given
from upheld.cases.clocks import ClockName, fixing_since, informed_at
from upheld.cases.lifecycle import UNSOLVED, evolve
from upheld.cases.model import ENDED_STATES, OPEN_STATES, ROLLING, Case, Event, Kind

Document = Mapping[str, Any]
SERVICES_SAID = 10
"""Services that a reason names."""


@dataclass(frozen=True, slots=True)
class Open:
    """A soft threshold was crossed, the target broken, or a planned work has left its window, and no case is open: open
    one, with what was found, as one of the cases of `problem` where its cause is shared."""

    verdict: Document
    findings: Document
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Join:
    """The case was found to be one of the cases of a problem."""

    problem: str


@dataclass(frozen=True, slots=True)
class Examined:
    """The measurements around the case were looked at: what was found takes the place of those findings."""

    findings: Document


@dataclass(frozen=True, slots=True)
class Assessed:
    """A verdict of the case's objective has changed. `restated`: not because time passed, but because what is known of
    the past has changed. `rolling`: its period is a window that moves on."""

    verdict: Document
    restated: bool
    rolling: bool = False


@dataclass(frozen=True, slots=True)
class Observed:
    """How the service is: `bad_until` is the end of its last bad slot, `good_for` how much good time was measured since
    then; `stable` is how much of it a service needs to count as restored. Microseconds."""

    bad_until: int | None
    good_for: int
    stable: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step was taken: by `by` where a person did it."""

    action: str
    reference: str | None
    kind: str = "ticket"
    by: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StepFailed:
    action: str
    error: str
    kind: str = "ticket"


@dataclass(frozen=True, slots=True)
class StepChanged:
    """Something else became of a step: who said so, where a person did, and why."""

    what: Literal["step_waits", "step_approved", "step_rejected", "step_skipped", "step_again", "step_overdue"]
    action: str
    kind: str
    by: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Escalate:
    """A step of a playbook raises the case to a level; to one that it has not reached yet."""

    level: int
    playbook: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """What the case is about is not promised any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """What had fallen silent is measured again."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The operator says that a rejected case is solved now."""

    by: str


@dataclass(frozen=True, slots=True)
class Update:
    """The customer is told how far it is: by a person in words of their own, or, where nobody has since `since`
    (microseconds UTC), as the promise to keep them informed wants it by `due`."""

    text: str = ""
    by: str | None = None
    since: int | None = None
    due: int | None = None


@dataclass(frozen=True, slots=True)
class ClockRuns:
    """The clock of a promise, running since `since`, comes close to its deadline `due`, or (`missed`) has reached it.
    `what` is the kind of notice that waits, where it is one."""

    since: int
    due: int
    missed: bool
    clock: ClockName = "fixed"
    what: str | None = None


@dataclass(frozen=True, slots=True)
class Resolve:
    """A person says what it was, and what was done: of the case, or of all cases of its `problem`."""

    cause: str
    done: str
    by: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Remind:
    asked: int


@dataclass(frozen=True, slots=True)
class CloseUnanswered:
    asked: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of one of the customer's contacts to round `asked` of the question, and by which way it came:
    `taken_by` is who put it down for them. A no takes a closed case up again until `reopens_within` (microseconds)
    after that, as one of `problem`; not where another one of the same promise is open (`beside`). A no that is said of
    several cases at once has one `occasion` for all of them, and `reason` says of which services. `after_all`: a no of
    one who knows that they have said yes."""

    asked: int
    contact: str
    solved: bool
    comment: str
    score: int | None = None
    via: Via = "link"
    taken_by: str | None = None
    reopens_within: int | None = None
    beside: str | None = None
    problem: str | None = None
    occasion: str = ""
    reason: str = ""
    after_all: bool = False


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A customer has said no to an ended case of the same promise."""

    answer: Answer


Command = (
    Open
    | Join
    | Examined
    | Assessed
    | Observed
    | Resumed
    | StepDone
    | StepFailed
    | StepChanged
    | Escalate
    | Withdraw
    | AskAgain
    | Remind
    | CloseUnanswered
    | Update
    | ClockRuns
    | Resolve
    | Answer
    | PassedOn
)


def decide(case: Case, command: Command, now: int) -> tuple[Case, list[Event]]:
    """The case after the command, and the events that made it so; no events where it changes nothing."""
    steps = _Steps(case, now)
    match command:
        case Open():
            _open(steps, command)
        case Join():
            if case.state in OPEN_STATES and case.problem != command.problem:
                steps.add("grouped", problem=command.problem)
        case Examined():
            if case.state in OPEN_STATES and command.findings:
                steps.add("examined", findings=command.findings)
        case Assessed():
            _assessed(steps, command)
        case Observed():
            _observed(steps, command)
        case StepDone():
            said = {"by": command.by, "reason": command.reason} if command.by is not None else {}
            steps.add("step_done", action=command.action, reference=command.reference, kind=command.kind, **said)
        case StepFailed():
            steps.add("step_failed", action=command.action, error=command.error, kind=command.kind)
        case StepChanged():
            said = {"by": command.by} if command.by is not None else {}
            steps.add(command.what, action=command.action, kind=command.kind, reason=command.reason, **said)
        case Escalate():
            if case.state in OPEN_STATES and case.level < command.level:
                steps.add("escalated", level=command.level, playbook=command.playbook)
        case Withdraw():
            if case.state in OPEN_STATES:
                steps.add("withdrawn", reason=command.reason)
        case Resumed():
            if case.kind == "no_data" and case.state in UNSOLVED:
                steps.add("resumed")
        case AskAgain():
            _ask_again(steps, command)
        case Remind():
            if _awaits(case, command.asked):
                steps.add("reminded", round=command.asked)
        case CloseUnanswered():
            if _awaits(case, command.asked):
                steps.add("closed", outcome="unanswered")
        case Update():
            if case.state in UNSOLVED and command.since in (None, informed_at(case)):
                promised = {} if command.due is None else {"due": command.due}
                steps.add("updated", text=command.text, by=command.by, since=informed_at(case), **promised)
        case ClockRuns():
            _clock_runs(steps, command)
        case Resolve():
            _resolved(steps, command)
        case Answer():
            _answered(steps, command)
        case PassedOn(answer):
            if case.state in OPEN_STATES:
                occasion, reason = _complaint(case, answer)
                steps.add("escalated", level=case.level + 1, occasion=occasion, reason=reason)
    return steps.case, steps.events


def answers(
    asked: Sequence[tuple[Case, int]], said: Answer, now: int, after_all: Collection[str] = ()
) -> list[tuple[str, Answer]]:
    """One answer to the questions of several cases of one customer, each with its round: by the cases' ids. The round
    of `said` is of none; it is a no `after_all` to the cases of these ids."""
    if not asked:
        return []
    first, services = asked[0][0], sorted({case.service for case, _ in asked})
    what = f"{len(services)} services are" if len(services) > 1 else f"{services[0]} is"
    named = f": {', '.join(services[:SERVICES_SAID])}" if len(services) > 1 else ""
    more = ", ..." if len(services) > SERVICES_SAID else ""
    occasion, reason = f"answer/{first.id}/{now}", f"{first.customer} says that {what} not good again{named}{more}"
    alike = replace(said, occasion=occasion, reason=reason)
    return [(case.id, replace(alike, asked=number, after_all=case.id in after_all)) for case, number in asked]


def new_case(
    case_id: str,
    verdict: Document,
    period_start: int,
    opened_at: int,
    *,
    rolling: bool = False,
    silent: bool = False,
    crossed: bool = True,
) -> Case:
    """A case that is about to be opened for a verdict; its first command is `Open`. With `silent` it is about nothing
    being measured any more, and deals with no period; nor does it yet where no threshold is `crossed`."""
    return Case(
        id=case_id,
        kind="no_data" if silent else kind_of(verdict),
        state="detected",
        agreement=verdict["agreement"],
        objective=verdict["objective"],
        service=verdict["service"],
        customer=verdict["customer"],
        period_start=period_start,
        opened_at=opened_at,
        verdict=verdict,
        periods={} if silent or not crossed else {period_of(verdict, rolling=rolling): verdict["status"]},
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
    if command.problem is None:
        steps.add("acted", step="playbooks")
    else:
        steps.add("grouped", problem=command.problem)
        steps.add("acted", step="problem")


def _assessed(steps: _Steps, command: Assessed) -> None:
    case, verdict = steps.case, command.verdict
    if case.state in ENDED_STATES or case.kind == "no_data":
        return
    period, status = period_of(verdict, rolling=command.rolling), verdict["status"]
    told = case.periods.get(period)
    if status == "violated" and told != "violated":
        again = case.kind == "violation"
        steps.add("violated_again" if again else "worsened", verdict=verdict, period=period)
    elif command.restated and told is not None and status in _HARMLESS:
        others = [s for p, s in case.periods.items() if p != period and s not in _HARMLESS]
        steps.add("figures_changed" if others else "withdrawn", verdict=verdict, period=period)
    elif _is_news(command, told) or _only_credit_differs(verdict, case.verdict):
        steps.add("figures_changed", verdict=verdict, period=period)


_HARMLESS = ("met", "no_data")


def _is_news(command: Assessed, told: str | None) -> bool:
    """Whether the case keeps the new status of a period without telling anybody: a period that it deals with from now
    on, a rolling window that has recovered, a restatement."""
    status = command.verdict["status"]
    if told is None:
        return status not in _HARMLESS
    return status != told and (command.restated or (command.rolling and told == "violated"))


def period_of(verdict: Document, *, rolling: bool) -> str:
    """What the verdict's period goes by among a case's periods."""
    return ROLLING if rolling else str(verdict["period_start"])


def _only_credit_differs(verdict: Document, other: Document) -> bool:
    return bool(verdict["period_start"] == other["period_start"] and verdict["credit"] != other["credit"])


def _observed(steps: _Steps, command: Observed) -> None:
    case = steps.case
    if case.kind == "no_data":
        return
    bad_until = command.bad_until if command.bad_until is not None else case.opened_at
    if case.state in ("restored", "confirming"):
        if case.restored_at is not None and bad_until > case.restored_at:
            steps.add("broke_again", since=bad_until)
        return
    rejected = case.state == "reopened" or (case.reopened_at is not None and case.state == "acting")
    if rejected and bad_until <= (case.reopened_at or 0):
        return  # the customer said that it is not solved: good figures alone do not outweigh that
    if case.state in UNSOLVED and command.good_for >= command.stable:
        steps.add("restored", since=bad_until)
        steps.add("asked", round=case.asked + 1)


def _ask_again(steps: _Steps, command: AskAgain) -> None:
    if steps.case.state in UNSOLVED and steps.case.kind != "no_data":
        steps.add("restored", since=steps.now, by=command.by)
        steps.add("asked", round=steps.case.asked + 1)


def _clock_runs(steps: _Steps, command: ClockRuns) -> None:
    case = steps.case
    runs_since = fixing_since(case) if command.clock == "fixed" else informed_at(case)
    overtaken = case.state not in UNSOLVED or command.since != runs_since or command.due == case.missed
    if command.what is None and overtaken:
        return  # a notice that waits is waited for, whatever has become of its case
    said = {} if command.what is None else {"what": command.what}
    steps.add("clock_missed" if command.missed else "clock_warned", clock=command.clock, due=command.due, **said)
    if command.missed and command.clock == "fixed":
        level, until = case.level + 1, format_instant(command.due)
        reason = f"{case.service} is not good again, which was promised by {until}"
        steps.add("escalated", level=level, occasion=f"clock/{level}", reason=reason)


def _resolved(steps: _Steps, command: Resolve) -> None:
    """What is said of all cases of a problem is not said of one of which something else was."""
    known, said = steps.case.resolution, {"cause": command.cause, "done": command.done, "by": command.by}
    if steps.case.state == "withdrawn":
        return
    if command.problem is None:
        steps.add("resolved", **said)
    elif not known or ("problem" in known and any(known[name] != said[name] for name in said)):
        steps.add("resolved", **said, problem=command.problem)


def _awaits(case: Case, asked: int) -> bool:
    return case.state == "confirming" and case.asked == asked


def _answered(steps: _Steps, command: Answer) -> None:
    case = steps.case
    is_newest = case.asked and command.asked == case.asked
    if not is_newest or is_given(case, command.asked, command.contact, command.solved, command.via, command.after_all):
        return
    effect = effect_of(case, command.solved, steps.now, command.reopens_within, command.beside)
    steps.add(
        "answered",
        round=command.asked,
        contact=command.contact,
        solved=command.solved,
        comment=command.comment,
        score=command.score,
        via=command.via,
        taken_by=command.taken_by,
        effect=effect,
        case=command.beside if effect == "passed_on" else None,
    )
    if effect == "closed":
        steps.add("closed", outcome="confirmed")
    if effect == "reopened":
        occasion, reason = _complaint(case, command)
        said = {"contact": command.contact, "comment": command.comment}
        steps.add("reopened", **said, occasion=occasion, reason=reason)
        if command.problem not in (None, case.problem):
            steps.add("grouped", problem=command.problem)
        steps.add("escalated", level=case.level + 1, occasion=occasion, reason=reason)


def _complaint(case: Case, answer: Answer) -> tuple[str, str]:
    """The occasion of a no, and its reason in words."""
    reason = answer.reason or f"{case.customer} says that {case.service} is not good again"
    occasion = answer.occasion or f"answer/{case.id}/{answer.asked}"
    return occasion, f"{reason}: {answer.comment}" if answer.comment else reason


assert set(UNSOLVED) < set(OPEN_STATES)
