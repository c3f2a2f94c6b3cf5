"""Files of alarms, as JSON -> reports: a webhook of Alertmanager, or alarms and notifications of TMF642, one or a
list."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from upheld.agreements.units import END_OF_TIME
from upheld.analysis.alarms import Report
from upheld.readers.alertmanager import read_webhook
from upheld.readers.body_faults import MalformedBody, RowFault
from upheld.readers.faults import Fault, InputError
from upheld.readers.tmf642 import EVENT_KINDS, EventKind, created, notified
from upheld.readers.tmf_bodies import Unfit
from upheld.readers.yaml_source import read_text


def read_alarms(path: Path) -> list[Report]:
    """The alarms of a file, whenever they were. Raises InputError."""
    text = read_text(path)
    try:
        document: Any = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError([Fault(str(path), None, "", f"is not JSON: {error}")]) from None
    try:
        if isinstance(document, dict) and "alerts" in document:
            reports, faults = read_webhook(text.encode(), END_OF_TIME)
            places = [f"alerts[{fault.row - 1}]." for fault in faults]
        else:
            reports, faults, places = _of_tmf642(document)
    except MalformedBody as error:
        raise InputError([Fault(str(path), None, "", str(error))]) from None
    if faults:
        told = [
            Fault(str(path), None, (at + f.field).rstrip("."), f.message) for at, f in zip(places, faults, strict=True)
        ]
        raise InputError(told)
    return reports


def _of_tmf642(document: object) -> tuple[list[Report], list[RowFault], list[str]]:
    reports: list[Report] = []
    faults: list[RowFault] = []
    places: list[str] = []
    for number, one in enumerate(document if isinstance(document, list) else [document]):
        place = f"[{number}]." if isinstance(document, list) else ""
        try:
            if not isinstance(one, dict):
                raise Unfit([RowFault(number + 1, "", "is not an object of JSON")])
            reports.append(_report(one))
        except Unfit as error:
            faults += error.faults
            places += [place] * len(error.faults)
    return reports, faults, places


def _report(document: Mapping[str, Any]) -> Report:
    if "event" not in document:
        return created(document, END_OF_TIME)
    return notified(document, _kind(document.get("eventType")), END_OF_TIME)


def _kind(event_type: object) -> EventKind:
    """What a notification calls itself, in which its first letter is a capital."""
    for kind in EVENT_KINDS:
        if isinstance(event_type, str) and event_type.casefold() == kind.casefold():
            return kind
    raise Unfit([RowFault(1, "eventType", f"is one of {', '.join(EVENT_KINDS)}")])
