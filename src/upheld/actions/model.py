"""One tracked step of a case. Instants in microseconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ActionState = Literal["requested", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Action:
    """`id` is the idempotency key under which the step is done once. `kind`: `ticket` or `escalation`. `case_id` is the
    case that it is a step of, or the problem.
    `reference` is what the outside names it by, once done (a ticket's number)."""

    id: str
    case_id: str
    kind: str
    state: ActionState
    requested_at: int
    detail: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    done_at: int | None = None
    reference: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket in the built-in list, for a provider that has no ticket system of its own."""

    id: str
    opened_at: int
    title: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    case_id: str | None = None
