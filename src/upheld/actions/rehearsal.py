"""What playbooks would do with a case that has already happened: each step with its instant. Pure; nothing is taken.

Each step is thought to end well at once; whether a step is skipped because the case had moved on is known from the
case's own events. Instants in microseconds UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

from upheld.actions.model import Action
from upheld.actions.playbook import Playbooks, Trigger
from upheld.actions.runs import Moment, begun, conditions, matching, moved_on, released, requested
from upheld.agreements.model import Agreement
from upheld.cases.lifecycle import evolve
from upheld.cases.model import Case, Event

_TRIGGERS = frozenset(get_args(Trigger))


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A step that an event of a case would ask for, as it would become: with the instant at which it would be taken, or
    skipped."""

    event: Event
    action: Action
    at: int


def rehearse(
    playbooks: Playbooks, case: Case, events: Sequence[Event], agreement: Agreement, tier: str | None
) -> list[Rehearsed]:
    """The steps that the events would ask for, by their instants. `case` is as it was before the first of them."""
    taken: list[Action] = []
    found: list[Rehearsed] = []
    course = [case]
    for event in events:
        course.append(evolve(course[-1], event))
    for event, after in zip(events, course[1:], strict=True):
        if event.type not in _TRIGGERS:
            continue
        moment = Moment(after, event, agreement, tier)
        for playbook in matching(playbooks, moment):
            run = begun(playbook, moment, taken)
            taken += run
            found += [Rehearsed(event, action, at) for action, at in _played(run, events, course, agreement)]
    return sorted(found, key=lambda one: (one.at, one.event.seq))


def unmet(
    playbooks: Playbooks, case: Case, events: Sequence[Event], agreement: Agreement, tier: str | None
) -> list[tuple[str, tuple[str, ...]]]:
    """Of each playbook the conditions that kept it from beginning, at the event at which the fewest did: `event` alone
    where none of its events happened."""
    found: dict[str, tuple[str, ...]] = {one.id: ("event",) for one in playbooks.playbooks}
    closest: dict[str, int] = {}
    after = case
    for event in events:
        after = evolve(after, event)
        moment = Moment(after, event, agreement, tier)
        for playbook in playbooks.playbooks:
            failed = tuple(name for name, holding in conditions(playbook, moment) if not holding)
            if "event" not in failed and len(failed) < closest.get(playbook.id, len(failed) + 1):
                found[playbook.id], closest[playbook.id] = failed, len(failed)
    return list(found.items())


def _played(
    run: Sequence[Action], events: Sequence[Event], course: Sequence[Case], agreement: Agreement
) -> list[tuple[Action, int]]:
    """Each step of a run as it ends, and when."""
    ended: dict[str, tuple[Action, int]] = {}
    for action in run:  # a step stands behind those that it waits for
        start = max((ended[name][1] for name in action.plan["after"]), default=action.requested_at)
        if action.state == "planned":
            [action] = released([*(one for one, _ in ended.values()), action], start, agreement)
        if action.state != "requested":
            ended[action.step] = action, start
            continue
        at = int(requested(action, start, agreement).plan["due_at"])
        reason = moved_on(action, _as_at(at, events, course))
        if reason is not None:
            ended[action.step] = replace(action, state="skipped", outcome=reason, done_at=at), at
        else:
            ended[action.step] = replace(action, state="done", done_at=at), at
    return list(ended.values())


def _as_at(at: int, events: Sequence[Event], course: Sequence[Case]) -> Case:
    """The case as it was at an instant."""
    return course[sum(1 for event in events if event.at <= at)]
