# ruff: noqa: N815  # the names are those of TMF642
"""Alarms of TMF642 (Alarm Management API, 4.0.0) -> reports: one that is created, a change of one, and the
notifications of another system's hub.

Format: https://www.tmforum.org/oda/open-apis/directory/alarm-management-api-TMF642. Attributes that it does not know
are kept as they come.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from upheld.agreements.units import parse_instant
from upheld.analysis.alarms import CLEARED, Alarm, Report
from upheld.readers.body_faults import RowFault
from upheld.readers.tmf_bodies import Part, Unfit, check_kept, read_object, validated

EventKind = Literal["alarmCreateEvent", "alarmStateChangeEvent", "alarmAttributeValueChangeEvent", "alarmDeleteEvent"]
EVENT_KINDS: tuple[EventKind, ...] = (
    "alarmCreateEvent",
    "alarmStateChangeEvent",
    "alarmAttributeValueChangeEvent",
    "alarmDeleteEvent",
)
REQUIRED = (
    "alarmType",
    "perceivedSeverity",
    "probableCause",
    "alarmedObject",
    "sourceSystemId",
    "state",
    "alarmRaisedTime",
)
"""What Alarm_Create must have."""
UNCHANGEABLE = ("id", "href", "alarmRaisedTime", "sourceSystemId")
"""What Alarm_Update does not have."""
MAX_BYTES = 256 * 1024

Instant = Annotated[int, BeforeValidator(parse_instant)]
Identity = Annotated[str, Field(min_length=1, max_length=200)]


class Named(Part):
    id: Identity | None = None
    href: str | None = None


class Reference(Part):
    id: Identity | int
    href: str | None = None


class Placed(Part):
    role: str


class Attributes(Part):
    """The attributes of Alarm, each with its type."""

    id: Identity | int | None = None
    href: str | None = None
    ackState: str | None = None
    ackSystemId: str | None = None
    ackUserId: str | None = None
    alarmChangedTime: Instant | None = None
    alarmClearedTime: Instant | None = None
    alarmDetails: str | None = None
    alarmEscalation: bool | None = None
    alarmRaisedTime: Instant | None = None
    alarmReportingTime: Instant | None = None
    alarmType: str | None = None
    alarmedObjectType: str | None = None
    clearSystemId: str | None = None
    clearUserId: str | None = None
    externalAlarmId: Identity | None = None
    isRootCause: bool | None = None
    perceivedSeverity: Identity | None = None
    plannedOutageIndicator: str | None = None
    probableCause: str | None = None
    proposedRepairedActions: str | None = None
    reportingSystemId: str | None = None
    serviceAffecting: bool | None = None
    sourceSystemId: Identity | None = None
    specificProblem: str | None = None
    state: Identity | None = None
    affectedService: list[Named] | None = None
    alarmedObject: Named | None = None
    comment: list[dict[str, Any]] | None = None
    correlatedAlarm: list[Reference] | None = None
    crossedThresholdInformation: dict[str, Any] | None = None
    parentAlarm: list[Reference] | None = None
    place: list[Placed] | None = None

    @property
    def is_cleared(self) -> bool:
        """Whether it says, by any of its attributes, that it is cleared."""
        words = {(self.state or "").casefold(), (self.perceivedSeverity or "").casefold()}
        return CLEARED in words or self.alarmClearedTime is not None


class Notification(Part):
    """What all notifications have around their alarm."""

    eventTime: Instant | None = None
    timeOcurred: Instant | None = None
    event: dict[str, Any]


def read_created(body: bytes, latest: int) -> Report:
    """The body of `POST /alarm`. No time in it is later than `latest` (microseconds UTC). Raises MalformedBody and
    Unfit."""
    return created(read_object(body, "an alarm", MAX_BYTES), latest)


def created(document: Mapping[str, Any], latest: int) -> Report:
    """As `read_created`, of what the body holds. The source calls the alarm by its `externalAlarmId`; one that has none
    is known by what it is about, its type, cause and problem, and when it was raised."""
    missing = [name for name in REQUIRED if document.get(name) is None]
    if missing:
        raise Unfit([RowFault(1, name, "is missing") for name in missing])
    alarm = _attributes(document, latest)
    assert alarm.sourceSystemId is not None, "it is required"
    return _report(alarm, document, alarm.sourceSystemId, alarm.externalAlarmId or _number_of(alarm), None)


def read_change(known: Alarm, now: int, body: bytes, latest: int) -> Report:
    """The body of `PATCH /alarm/{id}`, a JSON merge patch of what is `known`, received `now`. Raises MalformedBody and
    Unfit."""
    document = read_object(body, "an alarm", MAX_BYTES)
    faults = [RowFault(1, name, "cannot be changed") for name in UNCHANGEABLE if name in document]
    faults += [RowFault(1, name, "cannot be taken away") for name, value in document.items() if value is None]
    if faults:
        raise Unfit(faults)
    received = max(now, known.changed_at or 0)
    return _report(_attributes(document, latest), document, known.source, known.number, received)


def read_event(kind: EventKind, body: bytes, latest: int) -> Report:
    """The body of a notification: the alarm in it as it is from then on, or those of its attributes that are told.
    Raises MalformedBody and Unfit."""
    return notified(read_object(body, "an alarm", MAX_BYTES), kind, latest)


def notified(document: Mapping[str, Any], kind: EventKind, latest: int) -> Report:
    """As `read_event`, of what the body holds. The system that sends it calls the alarm by its `id`. One that is
    deleted is over, if it was not before."""
    note = validated(Notification, document)
    told = note.event.get("alarm")
    if not isinstance(told, dict):
        raise Unfit([RowFault(1, "event.alarm", "is missing: the alarm that the notification is about")])
    alarm = _attributes(told, latest, "event.alarm.")
    if kind == "alarmDeleteEvent" and not alarm.is_cleared:
        told = {**told, "state": CLEARED}
        alarm = alarm.model_copy(update={"state": CLEARED})
    number = alarm.externalAlarmId if alarm.id is None else str(alarm.id)
    if number is None:
        raise Unfit([RowFault(1, "event.alarm.id", "is missing")])
    at = note.timeOcurred if note.eventTime is None else note.eventTime
    if at is not None and at > latest:
        raise Unfit([RowFault(1, "eventTime", "lies too far ahead")])
    return _report(alarm, told, alarm.sourceSystemId or "", number, at)


def _report(alarm: Attributes, document: Mapping[str, Any], source: str, number: str, at: int | None) -> Report:
    """`at` is when what it says holds, where the alarm itself does not say."""
    at = at if alarm.alarmChangedTime is None else alarm.alarmChangedTime
    cleared_at = alarm.alarmClearedTime
    if alarm.is_cleared and cleared_at is None:
        cleared_at = at
        if cleared_at is None:
            raise Unfit([RowFault(1, "alarmClearedTime", "is missing: the alarm is cleared")])
    if at is None:
        at = max((time for time in (alarm.alarmRaisedTime, cleared_at) if time is not None), default=None)
    severity = alarm.perceivedSeverity
    return Report(
        source=source,
        number=number,
        raised_at=alarm.alarmRaisedTime,
        cleared_at=cleared_at,
        severity=None if severity is not None and severity.casefold() == CLEARED else severity,
        at=at,
        fields={name: value for name, value in document.items() if name not in ("id", "href") and value is not None},
        clearing_told=alarm.alarmClearedTime is not None,
    )


def _number_of(alarm: Attributes) -> str:
    about = alarm.alarmedObject.id if alarm.alarmedObject is not None else None
    told = (about, alarm.alarmType, alarm.probableCause, alarm.specificProblem, alarm.alarmRaisedTime)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


# -- the body -------------------------------------------------------------------------------------------------------


def _attributes(document: Mapping[str, Any], latest: int, before: str = "") -> Attributes:
    check_kept(document)
    alarm = validated(Attributes, document, before)
    times = ("alarmRaisedTime", "alarmClearedTime", "alarmChangedTime")
    ahead = [name for name in times if (getattr(alarm, name) or 0) > latest]
    if ahead:
        raise Unfit([RowFault(1, before + name, "lies too far ahead") for name in ahead])
    return alarm
