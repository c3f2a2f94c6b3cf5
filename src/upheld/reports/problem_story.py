"""What happened to a problem and when: of its cases and notices in counts, for there may be very many. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from upheld.actions.model import Action
from upheld.agreements.units import format_instant
from upheld.cases.problems import Happened, Problem


@dataclass(frozen=True, slots=True)
class Told:
    """An entry of the story, in words: at an instant (microseconds UTC). `type` is what happened: of the problem
    itself, to its cases (`cases.lifecycle`), a step (`step_done`) or a notice (`notice_sent`). `count` is of cases or
    notices."""

    at: int
    type: str
    text: str
    count: int | None = None


_CASES = {
    "grouped": "joined",
    "worsened": "became violations",
    "examined": "examined by what was measured around it",
    "restored": "good again",
    "asked": "asked about: is it solved?",
    "broke_again": "bad again",
    "answered": "got an answer",
    "reopened": "taken up again",
    "escalated": "escalated",
    "resumed": "measured again, and ended",
    "withdrawn": "withdrawn",
    "closed": "closed",
}


def story(
    problem: Problem,
    parts: Sequence[Problem],
    happened: Sequence[Happened],
    notices: Sequence[Happened],
    steps: Sequence[Action],
) -> list[Told]:
    """The story, oldest first. `parts` are the problems that were merged into it; `happened` and `notices` are what
    happened to its cases, and its notices, counted."""
    found = [Told(problem.opened_at, "opened", f"Opened: {problem.named}")]
    found += [Told(one.closed_at or one.opened_at, "merged", f"{one.id} ({one.named}) is part of it") for one in parts]
    found += [Told(one.at, one.type, _of_cases(one), one.count) for one in happened]
    found += [_of_step(step) for step in steps]
    found += [_of_notices(one) for one in notices]
    if problem.restored_at is not None:
        found.append(Told(problem.restored_at, "all_restored", "The services of all open cases are good again"))
    if problem.closed_at is not None:
        merged = problem.merged_into is not None
        text = f"Merged into {problem.merged_into}" if merged else "Closed: all of its cases have ended"
        found.append(Told(problem.closed_at, "merged_into" if merged else "ended", text))
    return sorted(found, key=lambda told: told.at)


def story_document(told: Sequence[Told]) -> list[dict[str, Any]]:
    """As JSON."""
    return [{"at": format_instant(one.at), "type": one.type, "text": one.text, "count": one.count} for one in told]


def _of_cases(one: Happened) -> str:
    of = f" of {_many(one.customers, 'customer')}" if one.customers > 1 else ""
    return f"{_many(one.count, 'case')}{of} {_CASES[one.type]}"


def _of_step(step: Action) -> Told:
    reference = f": {step.reference}" if step.reference else f": {step.outcome}" if step.outcome else ""
    what = f"{step.kind.replace('_', ' ').capitalize()} ({step.playbook})"
    at = step.requested_at if step.done_at is None else step.done_at
    return Told(at, f"step_{step.state}", f"{what} {step.state}{reference}")


def _of_notices(one: Happened) -> Told:
    kind, _, state = one.type.rpartition(" ")
    text = f"{_many(one.count, 'notice')} of several cases each, {kind.replace('_', ' ')}: {state}"
    return Told(one.at, f"notice_{state}", text, one.count)


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
