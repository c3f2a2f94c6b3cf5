"""One tracked step of a case. Instants in microseconds UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ActionState = Literal["planned", "requested", "waiting", "done", "failed", "skipped"]
"""`planned`: it waits for other steps; `requested`: it is to be taken once it is due; `waiting`: it was taken, and
waits for an answer from outside; the rest have ended."""
ENDED: tuple[ActionState, ...] = ("done", "failed", "skipped")
TICKET_KINDS = ("ticket", "update_ticket", "escalate")
"""Kinds that reach a ticket system: of one system, they are taken in their order once one has failed."""


@dataclass(frozen=True, slots=True)
class Action:
    """`id` is the idempotency key under which the step is done once: `case/playbook/step/round`. `kind` is what the
    playbook's step does (`playbook.Do`). `case_id` is the case that it is a step of, or the problem.

    `channel` names where it reaches outside, `plan` how the playbook has it be taken (see `runs`), `detail` what it
    says there. `due_by` is its deadline, `overdue_at` when that was found to have passed. `reference` is what the
    outside names it by, once done (a ticket's number); `outcome` what came of it in words, `by` who decided it, where a
    person did. `again` counts how often it was put on the agenda anew."""

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
    playbook: str = ""
    step: str = ""
    round: int = 1
    channel: str | None = None
    owner: str | None = None
    due_by: int | None = None
    overdue_at: int | None = None
    outcome: str | None = None
    by: str | None = None
    again: int = 0
    plan: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket in the built-in list, for a provider that has no ticket system of its own. `notes` are what was written
    to it since, each {id, text, state}, oldest first."""

    id: str
    opened_at: int
    title: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    case_id: str | None = None
    state: str = "open"
    notes: tuple[Mapping[str, Any], ...] = ()
