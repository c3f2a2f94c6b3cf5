"""A playbook as a user writes it: on which events of which cases it begins, and the steps that it then asks for.

The models take what a YAML document holds and refuse every field that they do not know, as agreements do.
"""

from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document, Duration, Name, check_unique, listed
from upheld.agreements.hours import ServiceHours, parse_service_hours
from upheld.agreements.units import parse_share
from upheld.cases.clocks import ClockName

Trigger = Literal[
    "opened",
    "worsened",
    "violated_again",
    "figures_changed",
    "restored",
    "broke_again",
    "reopened",
    "escalated",
    "clock_warned",
    "clock_missed",
    "closed",
    "withdrawn",
    "resumed",
]
"""Events of a case (`cases.lifecycle`) on which a playbook may begin."""
Do = Literal["ticket", "update_ticket", "page", "webhook", "approve", "propose_credit", "issue_credit", "escalate"]
CaseKind = Literal["degradation", "violation", "no_data"]
Severity = Literal["critical", "major", "minor"]
StepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]

MOST_STEPS = 50
MOST_PLAYBOOKS = 200
_NEEDS_CHANNEL = ("page", "webhook")
_OF_KIND = {
    "level": ("escalate",),
    "state": ("update_ticket",),
    "text": ("page", "update_ticket", "approve", "webhook", "ticket", "escalate"),
    "to": ("ticket", "update_ticket", "page", "webhook", "approve", "escalate"),
}
"""Fields that only steps of these kinds have."""


def _one_or_more(value: object) -> object:
    return value if isinstance(value, list | tuple) or value is None else [value]


def _parse_left(text: object) -> tuple[str, Fraction]:
    """`"< 25 %"` -> ("<", 1/4)."""
    if isinstance(text, str):
        for operator in ("<=", ">=", "<", ">"):
            if text.strip().startswith(operator):
                return operator, parse_share(text.strip().removeprefix(operator))
    raise ValueError('write an operator and a share, such as "< 25 %"')


Names = Annotated[tuple[Name, ...] | None, BeforeValidator(_one_or_more)]


class When(Document):
    """When a playbook begins: all that is given must hold, each by one of its values. `service` and `cause` may have
    `*` for anything. `cause` is the resource that is likeliest the cause, `budget_left` the share of the period's
    budget that is left, `time_of_day` local hours in the agreement's zone, `level` the least level of escalation,
    `clock` the promise that an event of a clock is about."""

    event: Annotated[tuple[Trigger, ...], BeforeValidator(_one_or_more), Field(min_length=1)] = ("opened",)
    kind: Annotated[tuple[CaseKind, ...] | None, BeforeValidator(_one_or_more)] = None
    severity: Annotated[tuple[Severity, ...] | None, BeforeValidator(_one_or_more)] = None
    customer: Names = None
    tier: Names = None
    agreement: Names = None
    objective: Names = None
    service: Names = None
    cause: Names = None
    budget_left: Annotated[tuple[str, Fraction] | None, BeforeValidator(_parse_left)] = None
    time_of_day: Annotated[ServiceHours | None, BeforeValidator(parse_service_hours)] = None
    level: Annotated[int, Field(ge=0, le=100)] | None = None
    clock: Annotated[tuple[ClockName, ...] | None, BeforeValidator(_one_or_more)] = None


class Step(Document):
    """One step. It is taken when those in `after` have ended as `on` says, and `wait` has passed since; not any more
    where the case has become what `unless` says. `within` is how long it may then take. Both times are counted in the
    agreement's service hours, or by the `clock`. `to` is a channel of the installation."""

    id: StepId
    do: Do
    owner: Name | None = None
    to: Name | None = None
    after: Annotated[tuple[StepId, ...], BeforeValidator(_one_or_more)] = ()
    on: Literal["done", "failed", "ended"] = "done"
    wait: Duration | None = None
    within: Duration | None = None
    hours: Literal["service", "clock"] = "service"
    unless: Literal["restored", "ended"] | None = None
    retries: Annotated[int, Field(ge=0, le=50)] | None = None
    level: Annotated[int, Field(ge=1, le=9)] | None = None
    state: Literal["in_progress", "resolved", "closed"] | None = None
    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = None

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if self.to is None and self.do in _NEEDS_CHANNEL:
            raise ValueError(f"to: is missing: {self.do} names the channel that it goes to")
        for name, kinds in _OF_KIND.items():
            if getattr(self, name) is not None and self.do not in kinds:
                raise ValueError(f"{name}: belongs to {' and '.join(kinds)}, and not to {self.do}")
        if self.on != "done" and not self.after:
            raise ValueError("on: says how the steps in after must have ended, and there are none")
        return self


class Playbook(Document):
    """Steps, and when they are asked for. It begins no more often than that it asks a case, or a problem, for `at_most`
    steps in an hour."""

    id: StepId
    when: When = When()
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MOST_STEPS)]
    at_most: Annotated[int, Field(ge=1, le=1000)] = 20

    @model_validator(mode="after")
    def _steps_fit(self) -> Self:
        check_unique("steps", [step.id for step in self.steps])
        if self.at_most < len(self.steps):
            raise ValueError(f"at_most: is less than the {len(self.steps)} steps that it has")
        known: list[str] = []
        for number, step in enumerate(self.steps):
            stranger = next((name for name in step.after if name not in known), None)
            if stranger is not None:
                before = f"; before it stand {listed(known)}" if known else "; it is the first"
                raise ValueError(f"steps.{number}.after: {stranger!r} is no step before this one{before}")
            known.append(step.id)
        return self


class Playbooks(Document):
    """A playbooks file: every playbook whose `when` holds begins."""

    playbooks: Annotated[tuple[Playbook, ...], Field(min_length=1, max_length=MOST_PLAYBOOKS)]

    @model_validator(mode="after")
    def _ids_unique(self) -> Self:
        check_unique("playbooks", [playbook.id for playbook in self.playbooks])
        return self


DEFAULT_TEXT = """\
playbooks:
  - id: default                  # a ticket for each case, or problem
    steps:
      - {id: ticket, do: ticket}
  - id: rejected                 # a customer has said that it is not solved
    when: {event: escalated}
    steps:
      - {id: escalation, do: escalate}
  - id: ended                    # the case, or the last one of a problem
    when: {event: [closed, withdrawn, resumed]}
    steps:
      - {id: ticket, do: update_ticket, state: closed, text: "The case has ended."}
"""
"""What is in force before any playbook was put in force, as a user would write it."""

DEFAULT = Playbooks(
    playbooks=(
        Playbook(id="default", steps=(Step(id="ticket", do="ticket"),)),
        Playbook(id="rejected", when=When(event=("escalated",)), steps=(Step(id="escalation", do="escalate"),)),
        Playbook(
            id="ended",
            when=When(event=("closed", "withdrawn", "resumed")),
            steps=(Step(id="ticket", do="update_ticket", state="closed", text="The case has ended."),),
        ),
    )
)


def named(value: str, wanted: tuple[str, ...] | None) -> bool:
    """Whether a name is one of those that are wanted, each with `*` for anything; None wants all."""
    return wanted is None or any(fnmatchcase(value, pattern) for pattern in wanted)


def compared(left: Fraction, bound: tuple[str, Fraction]) -> bool:
    """Whether a share keeps to a bound such as ("<", 1/4)."""
    operator, share = bound
    holds: dict[str, Any] = {"<": left < share, "<=": left <= share, ">": left > share, ">=": left >= share}
    return bool(holds[operator])
