"""A case, its events, and the commands that it can be given. Plain data; instants in microseconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["degradation", "violation", "no_data"]
"""`no_data`: nothing is measured any more. It is a case of its own beside one of the promise itself."""
State = Literal["detected", "analysed", "acting", "restored", "confirming", "reopened", "closed", "withdrawn"]
Outcome = Literal["confirmed", "unanswered", "withdrawn", "resumed"]

OPEN_STATES: tuple[State, ...] = ("detected", "analysed", "acting", "restored", "confirming", "reopened")
ENDED_STATES: tuple[State, ...] = ("closed", "withdrawn")


ROLLING = "rolling"
"""What a rolling window goes by among a case's periods: its start moves on with each slot."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case as its events leave it. There is at most one open case for an objective of a service,
    and one more of kind `no_data`.

    `verdict` is the document of the verdict that it was last told of (see `assessment.verdict.to_document`);
    `periods` holds the status of each period that it deals with, by the period's start, or under `ROLLING`;
    `findings` what the analysis attached; `restored_at` is when the service had last been bad; `asked` counts the
    rounds of asking the customer; `missed` is the last deadline for fixing it that was; `level` is the level of
    escalation, 0 at first; `problem` is the one that it shares with others of the same cause (see
    `cases.problems`); `told` is the last word on it that was sent to the customer (`at`, `text`, `by`);
    `resolution` what it was and what was done, as a person has put it (`cause`, `done`, `by`, `at`); `answers` every
    answer of the customer's contacts, oldest first (`at`, and the data of the event `answered`, see `cases.decide`);
    `score` how satisfied the customer was, from 1 to 5; `seq` is the number of its last event."""

    id: str
    kind: Kind
    state: State
    agreement: str
    objective: str
    service: str
    customer: str
    period_start: int
    opened_at: int
    verdict: Mapping[str, Any] = field(default_factory=dict)
    periods: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, Any] = field(default_factory=dict)
    restored_at: int | None = None
    reopened_at: int | None = None
    missed: int | None = None
    asked: int = 0
    level: int = 0
    problem: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    resolution: Mapping[str, Any] = field(default_factory=dict)
    answers: tuple[Mapping[str, Any], ...] = ()
    score: int | None = None
    outcome: Outcome | None = None
    closed_at: int | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a case. `type` is one of those that `cases.lifecycle` lists; `data` is JSON."""

    case_id: str
    seq: int
    type: str
    at: int
    data: Mapping[str, Any] = field(default_factory=dict)
