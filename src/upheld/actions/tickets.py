"""The tickets of cases and problems: which of them a step writes to, and what is written to one whose case, or problem,
has become part of another problem. Pure; instants in microseconds UTC."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from upheld.actions.model import Action
from upheld.cases.problems import Problem

OPENING = ("ticket", "escalate")
"""Steps that open a ticket, where their channel is a ticket system."""
OVER = ("resolved", "closed")
"""States to which all tickets of a case or problem are moved: also those of problems that were merged into it, and
those that its cases had before they were of it."""
_AT_ONCE: Mapping[str, Any] = {"after": [], "wait": None, "level": None, "unless": None}
_ALIVE = ("planned", "requested", "done")


def written_to(step: Action, steps: Iterable[Action], now: int) -> tuple[list[str], bool]:
    """The tickets that a step writes to, by their references, the one that it is mostly about first; and, where there
    is none yet, whether one is coming. `steps` are those of its case or problem, and those that opened tickets for its
    cases before they were of it, in front. What ends them all waits for each that is about to be opened."""
    tickets = [
        one
        for one in steps
        if one.kind in OPENING and one.channel == step.channel and one.requested_at <= step.requested_at
    ]
    if (meant := step.plan.get("ticket")) is not None:
        tickets = [one for one in tickets if one.id == meant]
    coming = [one for one in tickets if one.state in ("planned", "requested")]
    is_over = step.detail["state"] in OVER
    if is_over and any(one.state == "requested" and one.plan["due_at"] <= now for one in coming):
        return [], True
    mostly = step.reference or _last_opened(tickets)
    if mostly is None:
        return [], bool(coming)
    others = [one.reference for one in tickets if _is_open(one) and one.reference is not None] if is_over else []
    return list(dict.fromkeys([mostly, *others])), False


def handed_over(ticket: Action, problem: Problem, steps: Sequence[Action], now: int) -> Action:
    """The step that writes to a ticket, given by the step that opens it, that it is part of a problem now; the
    problem's `steps` say where the words on that go to."""
    follows = _last_opened([one for one in steps if one.kind == "ticket" and one.channel == ticket.channel])
    further = "" if follows in (None, ticket.reference) else f" What follows is written to {follows}."
    return replace(
        ticket,
        id=f"{ticket.id}/part-of/{problem.id}",
        kind="update_ticket",
        state="requested",
        requested_at=now,
        step="part-of",
        attempts=0,
        done_at=None,
        due_by=None,
        reference=None,
        outcome=None,
        by=None,
        again=0,
        error=None,
        detail={
            "note": f"It is part of problem {problem.id} now, whose cause is {problem.named}.{further}",
            "state": None,
        },
        plan={**ticket.plan, **_AT_ONCE, "ticket": ticket.id, "due_at": now},
    )


def to_hand_over(steps: Iterable[Action]) -> list[Action]:
    """Those of the steps that have opened a ticket, or will."""
    return [one for one in steps if one.kind == "ticket" and one.state in _ALIVE]


def _is_open(ticket: Action) -> bool:
    return ticket.state == "done" and ticket.reference is not None


def _last_opened(tickets: Sequence[Action]) -> str | None:
    """The reference of the last of them that is there; of an escalation where there is nothing else."""
    opened = sorted((one for one in tickets if _is_open(one)), key=lambda one: one.kind == "ticket")
    return opened[-1].reference if opened else None
