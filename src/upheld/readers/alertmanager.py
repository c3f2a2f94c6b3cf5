"""The webhook of Alertmanager, version 4 -> reports of alarms.

Format: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. It is sent again until it is answered,
and at every group_interval or repeat_interval as long as something of it fires.
"""

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from upheld.agreements.units import format_instant, parse_instant
from upheld.analysis.alarms import Report
from upheld.readers.body_faults import MalformedBody, RowFault
from upheld.readers.kept import NUL, nul_at
from upheld.readers.yaml_source import field_text

SOURCE = "alertmanager"
NO_TIME = "0001-01-01T00:00:00Z"
"""How Go writes a time that is not set."""


def _end(text: object) -> object:
    return None if text == NO_TIME else parse_instant(text)


class Alert(BaseModel):
    """One alert; what else stands in it is not read."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: Annotated[int, BeforeValidator(parse_instant), Field(alias="startsAt")]
    ends_at: Annotated[int | None, BeforeValidator(_end), Field(alias="endsAt")] = None
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]


def read_webhook(body: bytes, latest: int) -> tuple[list[Report], list[RowFault]]:
    """The alerts of a request's body, and the faults of those that cannot be read, by their number from 1. None
    of them began after `latest` (microseconds UTC). Raises MalformedBody."""
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("alerts"), list):
        raise MalformedBody("the body is not a webhook of Alertmanager: it has no list of alerts")
    if document.get("version") != "4":
        raise MalformedBody("version: only version 4 of Alertmanager's webhook is read")
    reports: list[Report] = []
    faults: list[RowFault] = []
    for row, entry in enumerate(document["alerts"], 1):
        found = _report(row, entry, latest)
        if isinstance(found, Report):
            reports.append(found)
        else:
            faults += found
    return reports, faults


def webhook_of(body: bytes, rows: Collection[int]) -> bytes:
    """A webhook with some of the alerts of one that was read, by their number from 1."""
    alerts = json.loads(body)["alerts"]
    return json.dumps({"version": "4", "alerts": [alerts[row - 1] for row in sorted(rows)]}).encode()


def _report(row: int, entry: object, latest: int) -> Report | list[RowFault]:
    if (place := nul_at(entry)) is not None:
        return [RowFault(row, field_text(place), NUL)]
    try:
        alert = Alert.model_validate(entry)
    except ValidationError as error:
        return [RowFault(row, field_text(one["loc"]), one["msg"]) for one in error.errors(include_url=False)]
    if alert.starts_at > latest:
        return [RowFault(row, "startsAt", "lies too far ahead")]
    if alert.status == "resolved" and alert.ends_at is None:
        return [RowFault(row, "endsAt", "is missing: the alert is resolved")]
    cleared_at = alert.ends_at if alert.status == "resolved" else None
    if cleared_at is not None and cleared_at < alert.starts_at:
        return [RowFault(row, "endsAt", "is before startsAt")]
    return Report(
        source=SOURCE,
        number=f"{alert.fingerprint}/{format_instant(alert.starts_at)}",
        raised_at=alert.starts_at,
        cleared_at=cleared_at,
        severity=alert.labels.get("severity"),
        fields=_fields(alert, cleared_at),
        labels=alert.labels,
        reopens=True,
    )


def _fields(alert: Alert, cleared_at: int | None) -> Mapping[str, Any]:
    """The alert as the fields of an alarm of TMF642, as far as it says them."""
    told = {
        "sourceSystemId": SOURCE,
        "externalAlarmId": alert.fingerprint,
        "specificProblem": alert.labels.get("alertname"),
        "perceivedSeverity": alert.labels.get("severity"),
        "alarmDetails": alert.annotations.get("summary") or alert.annotations.get("description"),
        "alarmRaisedTime": format_instant(alert.starts_at),
        "alarmClearedTime": None if cleared_at is None else format_instant(cleared_at),
        "state": "raised" if cleared_at is None else "cleared",
    }
    return {name: value for name, value in told.items() if value is not None}
