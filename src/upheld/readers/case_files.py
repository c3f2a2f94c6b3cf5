"""A case as the API gives it (`GET /v1/cases/{id}`) -> the case as it was before its first event, and its events."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upheld.agreements.units import parse_instant
from upheld.cases.lifecycle import MOVES, evolve
from upheld.cases.model import Case, Event
from upheld.readers.faults import Fault, InputError
from upheld.readers.yaml_source import read_text

_OF_VERDICT = ("status", "period_start", "period_end", "attained", "bad")
_NAMES = ("id", "agreement", "objective", "service", "customer")


def read_case(path: Path) -> tuple[Case, list[Event]]:
    """As `case_of`, from a file. Raises InputError."""
    try:
        document = json.loads(read_text(path))
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise InputError([Fault(str(path), line, "", f"is not JSON: {getattr(error, 'msg', error)}")]) from None
    return case_of(document, str(path))


def case_of(document: Any, name: str) -> tuple[Case, list[Event]]:
    """The case of a document, and its events in their order. Raises InputError under the document's `name`."""
    if not isinstance(document, Mapping):
        raise InputError([Fault(name, None, "", "is not a case as GET /v1/cases/{id} gives it")])
    missing = [
        field for field in (*_NAMES, "opened_at", "period_start", "verdict", "events") if not document.get(field)
    ]
    if missing:
        raise InputError(
            [Fault(name, None, field, "is missing: a case as GET /v1/cases/{id} gives it") for field in missing]
        )
    events = [_event(document, number, one, name) for number, one in enumerate(document["events"])]
    opened = events[0]
    if opened.type != "opened" or not isinstance(opened.data.get("verdict"), Mapping):
        raise InputError([Fault(name, None, "events.0", "is not the opening of the case, with its verdict")])
    unsaid = [field for field in _OF_VERDICT if field not in opened.data["verdict"]]
    if unsaid:
        said = "is missing: a verdict as GET /v1/cases/{id} gives it"
        raise InputError([Fault(name, None, f"events.0.data.verdict.{field}", said) for field in unsaid])
    case = Case(
        id=str(document["id"]),
        kind=opened.data.get("kind", "degradation"),
        state="detected",
        agreement=str(document["agreement"]),
        objective=str(document["objective"]),
        service=str(document["service"]),
        customer=str(document["customer"]),
        period_start=_instant(document["period_start"], name, "period_start"),
        opened_at=_instant(document["opened_at"], name, "opened_at"),
        verdict=opened.data["verdict"],
    )
    try:
        after = case
        for event in events:
            after = evolve(after, event)
    except (AssertionError, KeyError, TypeError) as error:
        raise InputError([Fault(name, None, "events", f"are not those of a case: {error}")]) from None
    return case, events


def _event(document: Mapping[str, Any], number: int, one: Any, name: str) -> Event:
    field = f"events.{number}"
    if not isinstance(one, Mapping) or one.get("type") not in MOVES or not isinstance(one.get("data", {}), Mapping):
        raise InputError([Fault(name, None, field, "is not an event of a case: seq, type, at, data")])
    seq = one.get("seq")
    if seq != number + 1:
        raise InputError([Fault(name, None, f"{field}.seq", f"is {seq}: events are numbered from 1 in their order")])
    return Event(
        str(document["id"]),
        number + 1,
        str(one["type"]),
        _instant(one.get("at"), name, f"{field}.at"),
        one.get("data", {}),
    )


def _instant(text: Any, name: str, field: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InputError([Fault(name, None, field, str(error))]) from None
