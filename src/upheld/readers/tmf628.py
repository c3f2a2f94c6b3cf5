# ruff: noqa: N815  # the names are those of TMF628
"""Measurement collection jobs of TMF628 (Performance Management API, 4.0.0): one that is created, a change of one, and
what a performance management system says of its files.

Format: https://www.tmforum.org/oda/open-apis/directory/performance-management-api-TMF628. Attributes that it does not
know are kept as they come.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from upheld.agreements.units import parse_instant
from upheld.measurements.collection import CollectionJob, ExecutionState
from upheld.readers.body_faults import RowFault
from upheld.readers.tmf_bodies import Part, Unfit, check_kept, read_object, unfit, validated

MAX_BYTES = 1024 * 1024
MAX_FILES = 1000
"""Files of a job, or of one notification."""
UNCHANGEABLE = ("id", "href", "creationTime", "lastModifiedTime", "trackingRecord")
"""What a change of a job cannot have: Upheld keeps it."""
KEPT_APART = ("id", "href", "creationTime", "lastModifiedTime", "executionState", "trackingRecord")
"""What is not among the `fields` of a job."""
IN_EVENT = "event.measurementCollectionJob"

Instant = Annotated[int, BeforeValidator(parse_instant)]
Location = Annotated[str, Field(min_length=1, max_length=2000)]
Word = Annotated[str, Field(max_length=200)]
Granularity = Literal["g_1mn", "g_5mn", "g_15mn", "g_30mn", "g_1h", "g_24h", "g_1m", "g_1y", "na"]
Reporting = Literal["r_1mn", "r_5mn", "r_15mn", "r_30mn", "r_1h", "r_24h", "na"]


class _Typed(Part):
    base_type: str | None = Field(None, alias="@baseType")
    schema_location: str | None = Field(None, alias="@schemaLocation")
    type: str | None = Field(None, alias="@type")


class Compression(Part):
    compressionEnumType: Word | None = None


class Packing(Part):
    packingEnumType: Word | None = None


class Retention(Part):
    amount: int | None = None
    units: str | None = None


class FileTransfer(_Typed):
    fileLocation: Location | None = None
    fileFormat: Word | None = None
    transportProtocol: Word | None = None
    compressionType: Compression | None = None
    packingType: Packing | None = None
    retentionPeriod: Retention | None = None


class Characteristic(Part):
    name: str
    value: Any


class Record(_Typed):
    id: str | None = None
    description: str | None = None
    systemId: str | None = None
    time: Instant | None = None
    user: str | None = None
    characteristic: list[Characteristic] | None = None


class Monitored(_Typed):
    monitoredObjectClass: str | None = None
    objectInstanceFilter: str | None = None


class Indicator(_Typed):
    id: str | None = None
    href: str | None = None
    name: str | None = None


class Group(_Typed):
    id: str | None = None
    href: str | None = None
    name: str
    performanceIndicatorSpecification: Annotated[list[Indicator], Field(min_length=1)]


class Attributes(_Typed):
    """The attributes of MeasurementCollectionJob, each with its type."""

    id: str | int | None = None
    href: str | None = None
    consumingApplicationId: str | None = None
    creationTime: Instant | None = None
    jobId: str | None = None
    jobPriority: int | None = None
    lastModifiedTime: Instant | None = None
    outputFormat: str | None = None
    producingApplicationId: str | None = None
    adminState: Literal["locked", "unlocked"] | None = None
    executionState: ExecutionState | None = None
    fileTransferData: Annotated[list[FileTransfer], Field(min_length=1, max_length=MAX_FILES)] | None = None
    granularity: Granularity | None = None
    monitoredClassCriteria: Monitored | None = None
    monitoredInstancesCriteria: _Typed | None = None
    performanceIndicatorGroupSpecification: list[Group] | None = None
    performanceIndicatorSpecification: list[Indicator] | None = None
    reportingPeriod: Reporting | None = None
    scheduleDefinition: _Typed | None = None
    trackingRecord: Annotated[list[Record], Field(max_length=100)] | None = None


class Notification(Part):
    """What all notifications have around their job."""

    eventId: str | None = None
    eventTime: Instant | None = None
    description: str | None = None
    title: str | None = None
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Announced:
    """What a notification tells of a job: its number, the files as they are said to be (fileTransferData), and of files
    that could not be prepared why. `key` is the same when it comes again."""

    job_id: str
    files: Sequence[Mapping[str, Any]]
    reason: str
    key: str


def read_created(body: bytes, now: int) -> CollectionJob:
    """The body of `POST /measurementCollectionJob`, received `now` (microseconds UTC). Raises MalformedBody and
    Unfit."""
    document = _document(body)
    job = _attributes(document)
    if job.fileTransferData is None:
        raise unfit("fileTransferData", "is missing")
    records = tuple(record for record in document.get("trackingRecord") or () if record)
    return CollectionJob(0, job.executionState or "acknowledged", _fields(document), records, now, now)


def read_change(job: CollectionJob, body: bytes) -> tuple[Mapping[str, Any], ExecutionState]:
    """The body of `PATCH /measurementCollectionJob/{id}`, a JSON merge patch (RFC 7396) -> the fields and the state of
    the job after it. Raises MalformedBody and Unfit."""
    patch = _document(body)
    needed = [name for name in ("fileTransferData", "executionState") if name in patch and patch[name] is None]
    faults = [RowFault(1, name, "cannot be changed") for name in UNCHANGEABLE if name in patch]
    faults += [RowFault(1, name, "cannot be taken away") for name in needed]
    if faults:
        raise Unfit(faults)
    document = _patched(job.fields, patch)
    changed = _attributes(document)
    return _fields(document), changed.executionState or job.state


def read_event(body: bytes) -> Announced:
    """The body of a notification. Raises MalformedBody and Unfit."""
    document = _document(body)
    note = validated(Notification, document)
    told = note.event.get("measurementCollectionJob")
    if not isinstance(told, dict):
        raise unfit(IN_EVENT, "is missing: the job that the notification is about")
    job = _attributes(told, f"{IN_EVENT}.")
    if job.id is None:
        raise unfit(f"{IN_EVENT}.id", "is missing")
    said = [record.description for record in job.trackingRecord or () if record.description]
    reason = said[-1] if said else note.description or note.title or "no reason is told"
    files = [{k: v for k, v in file.items() if v is not None} for file in told.get("fileTransferData") or ()]
    return Announced(str(job.id), files, reason[:1000], note.eventId or hashlib.sha256(body).hexdigest()[:16])


def _document(body: bytes) -> dict[str, Any]:
    document = read_object(body, "a measurement collection job", MAX_BYTES)
    check_kept(document)
    return document


def _attributes(document: Mapping[str, Any], before: str = "") -> Attributes:
    return validated(Attributes, document, before)


def _fields(document: Mapping[str, Any]) -> dict[str, Any]:
    return _patched({}, {name: value for name, value in document.items() if name not in KEPT_APART})


def _patched(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            inner = result.get(name)
            result[name] = _patched(inner if isinstance(inner, Mapping) else {}, value)
        else:
            result[name] = value
    return result
