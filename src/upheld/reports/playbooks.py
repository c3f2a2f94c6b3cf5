"""A rehearsal of playbooks for people: a line for each step, and why no playbook begins."""

from collections.abc import Iterator, Sequence

from upheld.actions.playbook import Playbooks
from upheld.actions.rehearsal import Rehearsed
from upheld.agreements.units import MINUTE, format_instant


def rehearsal_lines(rows: Sequence[Rehearsed]) -> Iterator[str]:
    """Under each event with its instant the steps that it asks for: what each does, to whom it goes, when it is taken
    and by when, who owns it, and what would become of it. Lines of words, which fit a terminal of any width."""
    heading = None
    for row in sorted(rows, key=lambda one: (one.event.seq, one.at)):
        action = row.action
        if heading != row.event.seq:
            heading = row.event.seq
            yield f"{_minute(row.event.at)} {row.event.type}"
        outcome = "taken" if action.state == "done" else f"skipped: {action.outcome}"
        yield f"  {action.playbook}/{action.step}: {action.kind}{f' to {action.channel}' if action.channel else ''}"
        due_by = "" if action.due_by is None else f", due by {_minute(action.due_by)}"
        yield f"    {_minute(row.at)} {outcome}{due_by}{f', owner {action.owner}' if action.owner else ''}"


def unmet_lines(playbooks: Playbooks, found: Sequence[tuple[str, Sequence[str]]]) -> Iterator[str]:
    """Why none begins: of each playbook the conditions that did not hold."""
    wanted = {one.id: one.when for one in playbooks.playbooks}
    for name, failed in found:
        if tuple(failed) == ("event",):
            yield f"  {name}: event: none of {', '.join(wanted[name].event)} happened"
        elif failed:
            yield f"  {name}: {', '.join(failed)} did not hold when {' or '.join(wanted[name].event)} happened"


def _minute(at: int) -> str:
    """`2026-06-01T12:08Z`: to the minute."""
    return f"{format_instant(at // MINUTE * MINUTE)[:16]}Z"
