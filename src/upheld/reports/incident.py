"""The draft of a post-incident report: what a case's record says, in the order in which a reader asks. Pure.

It states what is known and leaves out what is not; who signs it writes the rest. Markdown, times in UTC.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from upheld.actions.model import Action
from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import MINUTE, SECOND, format_instant, parse_instant
from upheld.analysis.clues import likeliest, named
from upheld.cases.clocks import clocks
from upheld.cases.earlier import Earlier
from upheld.cases.model import Case, Event
from upheld.notices.formats import one_line
from upheld.notices.model import Notice

_HAPPENED = {
    "opened": "Detected, and a case opened",
    "worsened": "The promise was broken",
    "violated_again": "The promise was broken in another period",
    "figures_changed": "The figures changed",
    "grouped": "Found to share its cause with others",
    "step_done": "A step was done",
    "step_failed": "A step failed",
    "updated": "The customer was told how far it is",
    "clock_warned": "Most of the time to fix it had passed",
    "clock_missed": "The time to fix it was over",
    "restored": "Good again",
    "broke_again": "Bad again",
    "asked": "The customer was asked whether it is solved",
    "confirmed": "The customer confirmed that it is solved",
    "rejected": "The customer said that it is not solved",
    "escalated": "Escalated",
    "resolved": "What it was, and what was done, was put down",
    "closed": "Closed",
    "withdrawn": "Withdrawn",
}


def report(
    case: Case,
    events: Sequence[Event],
    notices: Sequence[Notice],
    actions: Sequence[Action],
    agreement: Agreement | None,
    customer: Party | None,
    earlier: Sequence[Earlier],
    now: int,
) -> str:
    """The draft as Markdown, made at `now` (microseconds UTC)."""
    parts = [
        _head(case, customer, now),
        _impact(case),
        _cause(case),
        _measurements(case),
        _timeline(events),
        _told(notices),
        _kept(case, agreement, now),
        _steps(actions),
        _earlier(earlier),
    ]
    return "\n".join(line for part in parts for line in part).rstrip("\n") + "\n"


def _head(case: Case, customer: Party | None, now: int) -> Iterator[str]:
    yield f"# Post-incident report (draft): {_text(case.service)}, {_text(case.objective)}"
    yield ""
    yield f"- Case: {case.id}{f', of problem {case.problem}' if case.problem else ''}"
    yield f"- Customer: {_text(customer.name if customer else case.customer)}; agreement {_text(case.agreement)}"
    yield f"- Opened: {format_instant(case.opened_at)}"
    if case.restored_at is not None:
        yield f"- Good again since: {format_instant(case.restored_at)}"
    if case.closed_at is not None:
        yield f"- Closed: {format_instant(case.closed_at)} ({case.outcome})"
    if case.score is not None:
        yield f"- The customer's satisfaction: {case.score} of 5"
    yield f"- Drafted: {format_instant(now)}"
    yield ""


def _impact(case: Case) -> Iterator[str]:
    verdict = case.verdict
    yield "## What was hit"
    yield ""
    yield (
        f"The promise is {verdict['status']} in the period from {verdict['period_start']} to {verdict['period_end']}: "
        f"attained {verdict['attained']}, {verdict['bad']} bad, {verdict['missing']} without data, "
        f"{verdict['excluded']} excluded"
        + (f"; {verdict['spent']} spent of a budget of {verdict['budget']}." if verdict.get("budget") else ".")
    )
    if credit := verdict.get("credit"):
        final = "" if verdict.get("final") else ", as it stands now"
        yield f"Service credit: {credit['amount']} {credit['currency']}{final}."
    bad = [e for e in verdict.get("evidence", ()) if e["kind"] == "bad"]
    if bad:
        yield ""
        yield "| from | to | lasted |"
        yield "|---|---|---|"
        for e in bad:
            yield f"| {e['start']} | {e['end']} | {_lasted(parse_instant(e['end']) - parse_instant(e['start']))} |"
    yield ""


def _cause(case: Case) -> Iterator[str]:
    yield "## Why, and what was done"
    yield ""
    found = case.findings.get("cause_candidates", ())
    if case.resolution:
        yield f"{_text(case.resolution['cause'])} (put down by {_text(case.resolution['by'])})."
        if case.resolution["done"]:
            yield f"Done: {_text(case.resolution['done'])}."
    elif first := likeliest(found):
        yield f"Not put down yet. The likeliest cause by what is known: {_text(named(first))}."
    else:
        yield "Not put down yet, and no likely cause was found."
    for one in found:
        yield f"- {_text(named(one))} (score {one['score']}): {_text(one['reason'])}"
        for reason in one.get("reasons", ()):
            yield f"  - {_text(reason)}"
    for change in case.findings.get("changes", ()):
        what = f"{_text(change['summary'])} ({change['kind']}, {_text(change['author'])})"
        yield f"- changed before: {change['at']} {what}"
    for alarm in case.findings.get("alarms", ()):
        yield f"- alarm: {alarm['raised_at']} {_text(alarm['about'])}: {_text(alarm['text'])}"
    yield ""


def _measurements(case: Case) -> Iterator[str]:
    found = case.findings.get("measurements")
    if found is None:
        return
    yield "## Whether the measurements are sound"
    yield ""
    yield f"{_text(found['text'])}. Looked at from {found['start']} to {found['end']}:"
    for check in found["checks"]:
        yield f"- {'sound' if check['sound'] else 'doubtful'}: {_text(check['text'])}"
    yield ""


def _timeline(events: Sequence[Event]) -> Iterator[str]:
    yield "## What happened"
    yield ""
    yield "| when | what |"
    yield "|---|---|"
    for event in events:
        if event.type in _HAPPENED:
            yield f"| {format_instant(event.at)} | {_HAPPENED[event.type]}{_detail(event.data)} |"
    yield ""


def _detail(data: Mapping[str, Any]) -> str:
    words = [data.get("text"), data.get("comment"), data.get("reference"), data.get("problem"), data.get("cause")]
    said = next((str(word) for word in words if word), "")
    return f": {_text(said)}" if said else ""


def _told(notices: Sequence[Notice]) -> Iterator[str]:
    yield "## Who was told"
    yield ""
    if not notices:
        yield "Nobody."
    else:
        yield "| what | to | promised by | sent |"
        yield "|---|---|---|---|"
    for n in reversed(notices):
        promised = format_instant(n.due_by) if n.due_by is not None else ""
        late = n.due_by is not None and n.sent_at is not None and n.sent_at > n.due_by
        sent = n.state if n.sent_at is None else format_instant(n.sent_at) + (" (late)" if late else "")
        yield f"| {n.kind} | {_text(n.role)} | {promised} | {sent} |"
    yield ""


def _kept(case: Case, agreement: Agreement | None, now: int) -> Iterator[str]:
    running = [] if agreement is None else [clock for clock in clocks(case, agreement) if clock.name == "fixed"]
    if running:
        yield "## Whether the promises of handling were kept"
        yield ""
    for clock in running:
        yield f"- Good again by {format_instant(clock.due)}: {clock.standing(now)}"
        yield ""


def _steps(actions: Sequence[Action]) -> Iterator[str]:
    if actions:
        yield "## Steps"
        yield ""
    for action in actions:
        reference = f" ({_text(action.reference)})" if action.reference else ""
        yield f"- {format_instant(action.requested_at)} {action.kind}: {action.state}{reference}"


def _earlier(earlier: Sequence[Earlier]) -> Iterator[str]:
    if earlier:
        yield ""
        yield "## Earlier cases like it"
        yield ""
    for one in earlier:
        case, lasted = one.case, "" if one.lasted is None else f", good again after {_lasted(one.lasted)}"
        yield f"- {case.id}, {format_instant(case.opened_at)} ({case.outcome}{lasted}): {_text(', '.join(one.shared))}."
        if case.resolution:
            done = f" Done: {_text(case.resolution['done'])}." if case.resolution["done"] else ""
            yield f"  It was: {_text(case.resolution['cause'])}.{done}"


def _lasted(duration: int) -> str:
    minutes, rest = divmod(duration, MINUTE)
    return f"{minutes} min" if not rest else f"{duration // SECOND} s"


def _text(text: object) -> str:
    """On one line, and without what Markdown would take for its own."""
    return one_line(str(text)).replace("|", "\\|").replace("<", "&lt;")
