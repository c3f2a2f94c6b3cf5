"""Cases, notices and the rest as JSON: instants as RFC 3339, and no secret."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from upheld.actions.model import Action, Ticket
from upheld.agreements.units import format_instant
from upheld.analysis.alarms import Alarm
from upheld.analysis.model import Change
from upheld.assessment.verdict import Verdict, to_document
from upheld.cases.model import Case, Event
from upheld.cases.problems import Problem
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.objection import Objection
from upheld.measurements.exclusions import Exclusion
from upheld.notices.links import SIGNED_PATHS
from upheld.notices.model import Notice

Document = dict[str, Any]

_INSTANTS = {
    "acknowledged_at",
    "answer_by",
    "answered_at",
    "at",
    "closed_at",
    "decided_at",
    "done_at",
    "due_by",
    "ended_at",
    "end",
    "known_at",
    "missed",
    "not_before",
    "opened_at",
    "overrun_at",
    "overdue_at",
    "period_start",
    "planned_at",
    "receipt_at",
    "recorded_at",
    "reopened_at",
    "requested_at",
    "restored_at",
    "revoked_at",
    "said_at",
    "sent_at",
    "start",
    "started_at",
    "told_at",
}
_SIGNED_LINK = re.compile(rf"(/(?:{'|'.join(SIGNED_PATHS)})/)[^\s\"'<>)\]]+")
NOT_SHOWN = "(not shown)"
EVIDENCE_CARRIED = 50


def record_document(
    record: Case | Problem | Event | Action | Ticket | Maintenance | Announcement | Objection | Exclusion | Change,
) -> Document:
    """A record with its own field names."""
    return {field.name: _shown(field.name, getattr(record, field.name)) for field in fields(record)}


def objection_document(objection: Objection, now: int) -> Document:
    """What a contact says against a work, whether its answer is overdue at `now`, and what became of it."""
    return {**record_document(objection), "overdue": objection.is_overdue(now)}


def alarm_document(alarm: Alarm) -> Document:
    """An alarm: what it is about, how severe it was, since when and until when, and what its source says of it."""
    instants = {name: getattr(alarm, name) for name in ("raised_at", "cleared_at", "reported_at", "known_at")}
    return {
        "id": alarm.id,
        "source": alarm.source,
        "number": alarm.number,
        "object": alarm.object,
        "services": list(alarm.services),
        "severity": alarm.severity,
        "cause": alarm.cause,
        "text": alarm.text,
        **{name: None if at is None else format_instant(at) for name, at in instants.items()},
        "labels": dict(alarm.labels),
        "events": [{"service": s, "metric": m, "priority": p} for s, m, p in alarm.places],
    }


def notice_document(notice: Notice) -> Document:
    """A notice without its HTML, its attachment, its webhook body and its place among others. The customer's signed
    link is not shown: whoever has it can answer in the customer's name."""
    left_out = ("html", "calendar", "payload", "seq")
    document = {f.name: _shown(f.name, getattr(notice, f.name)) for f in fields(notice) if f.name not in left_out}
    return {**document, "text": _SIGNED_LINK.sub(rf"\1{NOT_SHOWN}", notice.text)}


def case_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as a case, its events and its notices carry it: of long evidence only the newest part, so that they
    stay readable. The verdict itself keeps all."""
    document = to_document(verdict)
    omitted = len(document["evidence"]) - EVIDENCE_CARRIED
    if omitted > 0:
        document["evidence"] = document["evidence"][omitted:]
        document["evidence_omitted"] = omitted
    return document


def as_written(value: Any) -> Any:
    """A YAML document's data as JSON can hold it: numbers with a fraction as exact text, secrets not shown."""
    if isinstance(value, Mapping):
        return {key: NOT_SHOWN if key == "secret" else as_written(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_written(inner) for inner in value]
    return str(value) if isinstance(value, Decimal) else value


def _shown(name: str, value: Any) -> Any:
    if name in _INSTANTS and value is not None:
        return format_instant(value)
    if name in ("told", "resolution") and value:  # of a case: when it was said is among its members
        return value | {part: format_instant(value[part]) for part in ("at", "since", "due") if part in value}
    if name == "answers":
        return [{**one, "at": format_instant(one["at"])} for one in value]
    if name in ("windows", "settled"):
        return [{"start": format_instant(start), "end": format_instant(end)} for start, end in value]
    if name in ("wish", "agreed") and value is not None:
        return {"start": format_instant(value[0]), "end": format_instant(value[1])}
    if name == "by_agreement":
        return [{"start": format_instant(start), "end": format_instant(end), "with": who} for start, end, who in value]
    if name == "parts":
        return [{"service": s, "start": format_instant(start), "end": format_instant(end)} for s, start, end in value]
    return list(value) if isinstance(value, tuple) else value
