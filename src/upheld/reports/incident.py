"""The draft of a post-incident report: what a case's record says, in the order in which a reader asks. Pure.

It has two parts: what the customer may be sent, in the customer's words and time zone to the minute, and what is for
ourselves, to be taken out before. It states what is known and leaves out what is not; who signs it writes the rest.
Markdown (CommonMark, with tables).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from upheld.actions.model import Action
from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import MINUTE, SECOND, parse_instant, to_datetime
from upheld.analysis.clues import likeliest, named
from upheld.cases.earlier import Earlier
from upheld.cases.model import Case, Event
from upheld.notices.facts import verdict_facts
from upheld.notices.formats import Reader, duration, money, one_line
from upheld.notices.model import Notice
from upheld.reports.kept_promises import Held, promises_kept

_HAPPENED = {
    "opened": "Detected, and taken up",
    "worsened": "The promise was broken",
    "violated_again": "The promise was broken in another period",
    "figures_changed": "The figures changed",
    "updated": "The customer was told how far it is",
    "restored": "Good again",
    "broke_again": "Bad again",
    "asked": "The customer was asked whether it is solved",
    "answered": "The customer answered",
    "reopened": "Taken up again",
    "escalated": "Escalated",
    "closed": "Closed",
    "withdrawn": "Withdrawn",
}
_STEP = {
    "ticket": "ticket",
    "update_ticket": "update of the ticket",
    "page": "page to who is on call",
    "webhook": "call of the automation",
    "approve": "approval",
    "propose_credit": "proposal of the credit",
    "issue_credit": "credit",
    "escalate": "escalation",
}
_PROMISE = {
    "told": "Told what has happened",
    "degradation": "Told that the promise is at risk",
    "violation": "Told that the promise is broken",
    "restoration": "Told that it is good again",
    "updated": "Told how far it is",
    "fixed": "Good again",
    "asked": "Asked whether it is solved",
}
_STANDING = {
    "kept": "kept",
    "missed": "missed",
    "runs": "not due yet",
    "not promised": "not promised",
    "not sent": "nobody was told",
    "taken back": "the case ended before it was due",
}
_OUTCOME = {"confirmed": "confirmed by the customer", "unanswered": "the customer did not answer"}
_OWN = "For ourselves: to be taken out before it is sent"


def report(
    case: Case,
    verdicts: Sequence[Mapping[str, Any]],
    events: Sequence[Event],
    notices: Sequence[Notice],
    actions: Sequence[Action],
    agreement: Agreement | None,
    customer: Party | None,
    earlier: Sequence[Earlier],
    now: int,
) -> str:
    """The draft as Markdown, made at `now` (microseconds UTC). `verdicts` (as `records.case_document` has them) are
    those of the periods that the case is about, the earliest first."""
    zone = customer.time_zone if customer is not None else agreement.time_zone if agreement else ZoneInfo("UTC")
    reader = Reader("en", zone)
    kept = [] if agreement is None else promises_kept(case, events, notices, agreement, now)
    parts: list[Iterable[str]] = [
        _head(case, customer, zone),
        _impact(verdicts, agreement, reader),
        _why(case),
        _timeline(events, zone),
        () if agreement is None else _kept(kept, agreement, reader),
        _own(case, zone, now),
        _candidates(case, zone),
        _measurements(case, zone),
        _answers(case, zone),
        _told(notices, zone),
        _steps(actions, zone),
        _earlier(earlier, zone),
    ]
    return "\n".join(line for part in parts for line in part).rstrip("\n") + "\n"


def _head(case: Case, customer: Party | None, zone: ZoneInfo) -> Iterator[str]:
    yield f"# Post-incident report (draft): {_text(case.service)}, {_text(case.objective)}"
    yield ""
    yield f"- Customer: {_text(customer.name if customer else case.customer)}; agreement {_text(case.agreement)}"
    yield f"- Case: {case.id}"
    yield f"- Opened: {_when(case.opened_at, zone)}"
    if case.restored_at is not None:
        yield f"- Good again since: {_when(case.restored_at, zone)}"
    if case.closed_at is not None:
        yield f"- Closed: {_when(case.closed_at, zone)} ({_OUTCOME.get(case.outcome or '', case.outcome)})"
    if case.score is not None:
        yield f"- The customer's satisfaction: {case.score} of 5"
    yield ""


def _impact(verdicts: Sequence[Mapping[str, Any]], agreement: Agreement | None, reader: Reader) -> Iterator[str]:
    yield "## What was hit"
    yield ""
    promise = verdict_facts(verdicts[-1], agreement, reader)["promise"]
    if promise is not None:
        yield f"- Promised: {_text(_promised(promise, reader))}"
    for verdict in verdicts:
        yield from _period(verdict, agreement, reader)


def _period(verdict: Mapping[str, Any], agreement: Agreement | None, reader: Reader) -> Iterator[str]:
    """What a period came to, and what was bad in it."""
    facts = verdict_facts(verdict, agreement, reader)
    start, end = verdict["period_start"], verdict["period_end"]
    period = facts["period"] or f"{_said(start, reader.zone)} to {_said(end, reader.zone)}"
    attained = facts["attained"] or verdict["attained"] or "nothing was measured"
    yield f"- Attained: {attained} ({_status(verdict)}), {period}"
    if (bad := facts["bad"]) is not None and bad.time is not None:
        yield f"- Bad: {duration(bad.time, reader)}; {duration(bad.allowed or 0, reader)} are allowed"
    elif bad is not None:
        yield f"- Bad: {bad.events} of its events; {bad.allowed_events} are allowed"
    yield f"- Service credit: {_credit(verdict, facts['credit'], reader)}"
    intervals = [e for e in verdict.get("evidence", ()) if e["kind"] == "bad"]
    if intervals:
        yield ""
        yield "| bad from | to | lasted |"
        yield "|---|---|---|"
        for e in intervals:
            lasted = _lasted(parse_instant(e["end"]) - parse_instant(e["start"]))
            yield f"| {_said(e['start'], reader.zone)} | {_said(e['end'], reader.zone)} | {lasted} |"
    if omitted := verdict.get("evidence_omitted"):
        yield ""
        yield f"{omitted} earlier intervals are not listed."
    yield ""


def _credit(verdict: Mapping[str, Any], credit: tuple[Decimal, str] | None, reader: Reader) -> str:
    """A period that goes on has no credit yet, whatever it comes to."""
    if credit is not None:
        return f"{money(*credit, reader)}{'' if verdict.get('final') else ', as it stands now'}"
    return "none" if verdict.get("final") else "settled once the period is over"


def _promised(promise: Mapping[str, Any], reader: Reader) -> str:
    """The promise in a sentence: `at least 99.9 % of the time good, in each calendar month`."""
    sides = {"<=": "at most", "<": "below", ">=": "at least", ">": "above", "==": "exactly", "!=": "other than"}
    if promise["operator"] is not None:
        what = f"{promise['aggregate']} of {promise['metric']} {sides[promise['operator']]} {promise['target']}"
    else:
        of = {"availability": "of the time good", "ratio": "of all good", "duration": "in time"}
        what = f"at least {promise['target']} {of[promise['kind']]}"
    if promise["rolling"] is not None:
        return f"{what}, over any {duration(promise['rolling'], reader)}"
    billed = f" from day {promise['billing_day']}" if promise["billing_day"] not in (None, 1) else ""
    return f"{what}, in each calendar {promise['calendar']}{billed}"


def _status(verdict: Mapping[str, Any]) -> str:
    words = {"violated": "the promise is broken", "at_risk": "the promise is at risk", "met": "the promise is kept"}
    return words.get(verdict["status"], "nothing can be said of the promise")


def _why(case: Case) -> Iterator[str]:
    yield "## Why, and what was done"
    yield ""
    if case.resolution:
        yield f"{_text(case.resolution['cause'])}."
        if case.resolution["done"]:
            yield ""
            yield f"Done: {_text(case.resolution['done'])}."
    else:
        yield "Not put down yet."
    yield ""


def _timeline(events: Sequence[Event], zone: ZoneInfo) -> Iterator[str]:
    yield "## What happened"
    yield ""
    yield "| when | what |"
    yield "|---|---|"
    told = [event for event in events if event.type in _HAPPENED]
    for said, together in groupby(told, key=lambda event: (event.type, _detail(event))):
        first, *others = together
        times = "once" if len(others) == 1 else f"{len(others)} times"
        again = f", and {times} more until {_when(others[-1].at, zone)}" if others else ""
        yield f"| {_when(first.at, zone)} | {_HAPPENED[said[0]]}{said[1]}{again} |"
    yield ""


def _detail(event: Event) -> str:
    said = event.data.get("text") or event.data.get("comment")
    answer = "" if event.type != "answered" else ": solved" if event.data["solved"] else ": not solved"
    return answer + (f": {_text(said)}" if said else "")


def _kept(held: Sequence[Held], agreement: Agreement, reader: Reader) -> Iterator[str]:
    yield "## Whether the promises of handling were kept"
    yield ""
    yield "| promise | kept | how long it took |"
    yield "|---|---|---|"
    for one in held:
        yield f"| {_said_of(one, agreement, reader)} | {_STANDING[one.standing]} | {_took(one, reader)} |"
    yield ""


def _said_of(held: Held, agreement: Agreement, reader: Reader) -> str:
    """The promise in words: `Good again within 2 hours, by 2026-06-01 16:03 CEST`."""
    what = _PROMISE[held.kind or held.what] + (", after the customer said no" if held.after_no else "")
    if held.within is None:
        return what
    within = duration(held.within, reader)
    if held.what == "updated":
        return f"{what}, each time within {within}"
    in_hours = " of service hours" if held.what == "fixed" and agreement.service_hours is not None else ""
    by = "" if held.due is None else f", by {_when(held.due, reader.zone)}"
    return f"{what}, within {within}{in_hours}{by}"


def _took(held: Held, reader: Reader) -> str:
    if held.took is None:
        return ""
    words = duration(held.took // MINUTE * MINUTE, reader) if held.took >= MINUTE else "less than a minute"
    return f"{words} at the longest" if held.what == "updated" else words


# -- for ourselves --------------------------------------------------------------------------------------------------


def _own(case: Case, zone: ZoneInfo, now: int) -> Iterator[str]:
    yield "---"
    yield ""
    yield f"# {_OWN}"
    yield ""
    yield f"- Drafted: {_when(now, zone)}"
    if case.problem:
        yield f"- Of problem {case.problem}"
    if case.resolution:
        yield f"- What it was was put down by {_text(case.resolution['by'])}"
    yield ""


def _candidates(case: Case, zone: ZoneInfo) -> Iterator[str]:
    found = case.findings.get("cause_candidates", ())
    yield "## Likely causes, by what is known"
    yield ""
    first = likeliest(found)
    yield "No likely cause was found." if first is None else f"The likeliest cause is {_text(named(first))}."
    yield ""
    for one in found:
        score = f" (score {one['score']})" if "score" in one else ""
        yield f"- {_text(named(one))}{score}: {_text(one['reason'])}"
        for reason in one.get("reasons", ()):
            yield f"  - {_text(_in_zone(reason, zone))}"
    for change in case.findings.get("changes", ()):
        what = f"{_text(change['summary'])} ({change['kind']}, {_text(change['author'])})"
        yield f"- changed before: {_said(change['at'], zone)} {what}"
    for alarm in case.findings.get("alarms", ()):
        raised = "" if alarm["raised_at"] is None else f"{_said(alarm['raised_at'], zone)} "
        yield f"- alarm: {raised}{_text(alarm['about'])}: {_text(alarm['text'])}"
    yield ""


def _measurements(case: Case, zone: ZoneInfo) -> Iterator[str]:
    found = case.findings.get("measurements")
    if found is None:
        return
    yield "## Whether the measurements are sound"
    yield ""
    looked = f"{_said(found['start'], zone)} to {_said(found['end'], zone)}"
    yield f"{_text(_in_zone(found['text'], zone))}. Looked at from {looked}:"
    yield ""
    for check in found["checks"]:
        yield f"- {'sound' if check['sound'] else 'doubtful'}: {_text(_in_zone(check['text'], zone))}"
    yield ""


def _answers(case: Case, zone: ZoneInfo) -> Iterator[str]:
    if not case.answers:
        return
    yield "## What the customer's contacts answered"
    yield ""
    yield "| when | who | solved | satisfied | by | what followed |"
    yield "|---|---|---|---|---|---|"
    for one in case.answers:
        taken = f"{one['via']}, taken by {_text(one['taken_by'])}" if one["taken_by"] else one["via"]
        score = "" if one["score"] is None else f"{one['score']} of 5"
        effect = one["effect"].replace("_", " ") + (f" to {one['case']}" if one["case"] else "")
        solved = "yes" if one["solved"] else "no"
        yield f"| {_when(one['at'], zone)} | {_text(one['contact'])} | {solved} | {score} | {taken} | {effect} |"
    yield ""


def _told(notices: Sequence[Notice], zone: ZoneInfo) -> Iterator[str]:
    yield "## Who was told"
    yield ""
    if not notices:
        yield "Nobody."
    else:
        yield "| what | to | promised by | sent |"
        yield "|---|---|---|---|"
    for n in reversed(notices):
        promised = _when(n.due_by, zone) if n.due_by is not None else ""
        late = n.due_by is not None and n.sent_at is not None and n.sent_at > n.due_by
        sent = n.state if n.sent_at is None else _when(n.sent_at, zone) + (" (late)" if late else "")
        yield f"| {n.kind.replace('_', ' ')} | {_text(n.role)} | {promised} | {sent} |"
    yield ""


def _steps(actions: Sequence[Action], zone: ZoneInfo) -> Iterator[str]:
    if actions:
        yield "## Steps"
        yield ""
    for action in actions:
        reference = f" ({_text(action.reference)})" if action.reference else ""
        yield f"- {_when(action.requested_at, zone)} {_STEP.get(action.kind, action.kind)}: {action.state}{reference}"


def _earlier(earlier: Sequence[Earlier], zone: ZoneInfo) -> Iterator[str]:
    if earlier:
        yield ""
        yield "## Earlier cases like it"
        yield ""
    for one in earlier:
        case, lasted = one.case, "" if one.lasted is None else f", good again after {_lasted(one.lasted)}"
        opened = _when(case.opened_at, zone)
        yield f"- {case.id}, {opened} ({case.outcome}{lasted}): {_text(', '.join(one.shared))}."
        if case.resolution:
            done = f" Done: {_text(case.resolution['done'])}." if case.resolution["done"] else ""
            yield f"  It was: {_text(case.resolution['cause'])}.{done}"


# -- words ----------------------------------------------------------------------------------------------------------


def _when(at: int, zone: ZoneInfo) -> str:
    """`2026-06-01 14:03 CEST`: to the minute, as the reader's clock has it."""
    return f"{to_datetime(at).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _said(instant: str, zone: ZoneInfo) -> str:
    return _when(parse_instant(instant), zone)


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def _in_zone(text: str, zone: ZoneInfo) -> str:
    """A sentence with its instants as the reader has them."""
    return _RFC3339.sub(lambda match: _said(match[0], zone), text)


def _lasted(duration: int) -> str:
    minutes, rest = divmod(duration, MINUTE)
    return f"{minutes} min" if not rest else f"{duration // SECOND} s"


_MARKUP = re.compile(r"[\\`*\[\]<|]|(?<!\w)_|_(?!\w)")


def _text(text: object) -> str:
    """On one line, and what Markdown would take for its own as plain characters."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", one_line(str(text)))
