"""Alarms as other systems tell of them: what holds of one after many reports, and the events that it opens.

Reports come again, late, and in any order. Instants in microseconds UTC; `fields` are those of the resource Alarm of
TMF642 (https://www.tmforum.org/oda/open-apis/directory/alarm-management-api-TMF642), as JSON has them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from upheld.agreements.units import MINUTE, format_instant
from upheld.measurements.events import ServiceEvent
from upheld.measurements.mapping import AlarmPlace, Unmapped, alarm_place
from upheld.measurements.mapping import Mapping as SampleMapping

T = TypeVar("T")
CLEARED = "cleared"
LATE = 5 * MINUTE
"""A report that an alarm is raised, that comes within this time after we learnt that it was cleared, was on its way
before. One that comes later says that it is raised again."""


class Contradiction(Exception):
    """What a report says cannot be, and why."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `source` tells of its alarm `number`: the fields that it gives, and what is in them: when it was raised and
    cleared (None: not told, or not cleared), how severe it is. `at` is when that held at the source, where it says so.
    `labels` are those of a source that has labels. `reopens` says that a cleared alarm can be raised again;
    `clearing_told`, that it is the source that says when it was cleared, and not only that it is."""

    source: str
    number: str
    raised_at: int | None
    cleared_at: int | None
    severity: str | None = None
    at: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    reopens: bool = False
    clearing_told: bool = True


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is known of an alarm: `id` is ours, `number` the one that its source calls it by. `severity` is the last
    before it was cleared. `places` are (service, metric, priority) of the events that it opened, and `services` the
    services and resources that it concerns. `changed_at` is when what is known of it held at the source,
    `clearing_known_at` when we learnt that it was cleared, `known_at` when we last learnt anything new. `occurrence`
    counts how often it was raised under its number."""

    id: int
    source: str
    number: str
    raised_at: int | None
    cleared_at: int | None
    severity: str | None
    fields: Mapping[str, Any]
    labels: Mapping[str, str]
    services: tuple[str, ...]
    places: tuple[tuple[str, str, str | None], ...]
    changed_at: int | None
    clearing_known_at: int | None
    reported_at: int
    known_at: int
    occurrence: int = 1

    @property
    def object(self) -> str | None:
        """The managed object that it is about."""
        return _inner(self.fields.get("alarmedObject"), "id")

    @property
    def cause(self) -> str | None:
        return _text(self.fields.get("probableCause"))

    @property
    def text(self) -> str:
        """What it says, for people."""
        told = (self.fields.get(name) for name in ("alarmDetails", "specificProblem", "probableCause", "alarmType"))
        return next((text for text in told if isinstance(text, str) and text), "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a report came to: the alarm as it is now, whether that is another than before, and what is to be told of
    events. `reasons` say why something of it opens no event."""

    alarm: Alarm
    changed: bool
    events: tuple[ServiceEvent, ...] = ()
    reasons: tuple[str, ...] = ()


def taken(
    known: Alarm | None,
    report: Report,
    mapping: SampleMapping,
    read: Iterable[tuple[str, str]],
    now: int,
) -> Outcome:
    """What holds of an alarm once a report has come. `known` is what held before, None where it is the first; its id is
    still 0 then. `read` are the (service, metric) whose events an objective reads. Raises Contradiction."""
    if known is None:
        alarm = _first(report, now)
    elif _again(known, report):
        alarm = replace(_first(report, now), id=known.id, occurrence=known.occurrence + 1)
    else:
        alarm = _merged(known, report, now)
    if alarm.raised_at is not None and alarm.cleared_at is not None and alarm.cleared_at < alarm.raised_at:
        times = format_instant(alarm.cleared_at), format_instant(alarm.raised_at)
        raise Contradiction("cleared at {}, which is before it was raised, at {}".format(*times))
    told_of = replace(alarm, fields={**alarm.fields, **report.fields}, severity=report.severity or alarm.severity)
    alarm, reasons = _placed(alarm, told_of, mapping, frozenset(read))
    before = () if known is None else _events(known)
    told = tuple(replace(event, known_at=now) for event in _events(alarm) if event not in before)
    if known is not None and replace(alarm, known_at=known.known_at) == known:
        return Outcome(known, changed=False, reasons=reasons)
    return Outcome(alarm, changed=True, events=told, reasons=reasons)


def _first(report: Report, now: int) -> Alarm:
    return Alarm(
        id=0,
        source=report.source,
        number=report.number,
        raised_at=report.raised_at,
        cleared_at=report.cleared_at,
        severity=report.severity,
        fields=dict(report.fields),
        labels=dict(report.labels),
        services=(),
        places=(),
        changed_at=report.at,
        clearing_known_at=None if report.cleared_at is None else now,
        reported_at=now,
        known_at=now,
    )


def _again(known: Alarm, report: Report) -> bool:
    """Whether a number that stood for an alarm that was cleared stands for another one now."""
    if known.cleared_at is None or report.raised_at is None or report.raised_at <= known.cleared_at:
        return False
    return report.cleared_at is None or report.cleared_at >= report.raised_at


def _merged(known: Alarm, report: Report, now: int) -> Alarm:
    """A report takes the place of what is known, field by field; one that is older only adds what is not known yet (of
    two of those, the one that came first).
    That an alarm was cleared stays, whatever comes later of its being raised."""
    older = report.at is not None and known.changed_at is not None and report.at < known.changed_at
    fields = {**report.fields, **known.fields} if older else {**known.fields, **report.fields}
    alarm = replace(
        known,
        raised_at=_prior(known.raised_at, report.raised_at, older),
        severity=_prior(known.severity, report.severity, older),
        fields=fields,
        labels={**known.labels, **report.labels},
        changed_at=known.changed_at if older or report.at is None else report.at,
        known_at=now,
    )
    if report.cleared_at is not None:
        cleared_at = _cleared_at(known, report, report.cleared_at, older)
        since = known.clearing_known_at if cleared_at == known.cleared_at else now
        return replace(alarm, cleared_at=cleared_at, clearing_known_at=since)
    if known.clearing_known_at is None:
        return alarm
    if report.reopens and now - known.clearing_known_at > LATE:
        return replace(alarm, cleared_at=None, clearing_known_at=None)
    return replace(alarm, fields={**fields, **_of_clearing(known.fields)})


def _cleared_at(known: Alarm, report: Report, cleared_at: int, older: bool) -> int:
    """When it was cleared. What only says that it is, says no more than that it was by then."""
    was_told = "alarmClearedTime" in known.fields
    if report.clearing_told or known.cleared_at is None:
        return _prior(known.cleared_at, cleared_at, older and was_told) or cleared_at
    return known.cleared_at if was_told else min(known.cleared_at, cleared_at)


def _prior(known: T | None, told: T | None, older: bool) -> T | None:
    first, second = (known, told) if older else (told, known)
    return second if first is None else first


def _of_clearing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that say that an alarm is cleared."""
    names = ("state", "perceivedSeverity", "alarmClearedTime", "clearSystemId", "clearUserId")
    return {name: fields[name] for name in names if name in fields}


# -- what it concerns ---------------------------------------------------------------------------------------------


def label_sets(alarm: Alarm | Report) -> Iterator[dict[str, str]]:
    """The labels by which rules are found: those that it has, or its fields, with a dot before what stands in another
    (`alarmedObject.id`). An alarm that affects several services has a set for each, with its `affectedService.id`.
    Its severity is the last before it was cleared."""
    if alarm.labels:
        yield dict(alarm.labels)
        return
    flat = dict(_flat(alarm.fields))
    flat.pop("perceivedSeverity", None)
    if alarm.severity is not None:
        flat["perceivedSeverity"] = alarm.severity
    affected = _affected(alarm.fields)
    for service in affected:
        yield {**flat, "affectedService.id": service}
    if not affected:
        yield flat


def _flat(fields: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, bool):
            yield before + name, "true" if value else "false"
        elif isinstance(value, str | int):
            yield before + name, str(value)


def _affected(fields: Mapping[str, Any]) -> list[str]:
    listed = fields.get("affectedService")
    found = [_inner(one, "id") for one in listed] if isinstance(listed, list) else []
    return list(dict.fromkeys(name for name in found if name))


def _placed(
    alarm: Alarm, told_of: Alarm, mapping: SampleMapping, read: frozenset[tuple[str, str]]
) -> tuple[Alarm, tuple[str, ...]]:
    """The alarm with the services that it concerns and the places of its events, by what a report has told of it, also
    a late one. The places that it has stay, so that an event that was opened under another mapping, or another
    severity, is closed all the same."""
    places = {(service, metric): priority for service, metric, priority in alarm.places}
    services, reasons = dict.fromkeys(alarm.services), []
    for labels in label_sets(told_of):
        found = alarm_place(mapping, labels)
        if isinstance(found, Unmapped):
            reasons.append(found.reason)
            continue
        services[found.service] = None
        if found.metric is None:
            continue
        if (found.service, found.metric) not in read:
            reasons.append(f"no objective reads events of {found.metric!r} of {found.service!r}")
        else:
            places[found.service, found.metric] = found.priority
    services |= dict.fromkeys(_affected(alarm.fields))
    kept = tuple((*key, priority) for key, priority in places.items())
    return replace(alarm, services=tuple(services), places=kept), tuple(dict.fromkeys(reasons))


def _events(alarm: Alarm) -> tuple[ServiceEvent, ...]:
    """What its places say of events; `known_at` is 0. Nothing where it is not told yet when it was raised."""
    if alarm.raised_at is None:
        return ()
    number = f"{alarm.source}/{alarm.number}" + (f"#{alarm.occurrence}" if alarm.occurrence > 1 else "")
    return tuple(
        ServiceEvent(service, metric, alarm.raised_at, alarm.cleared_at, priority, event=number)
        for service, metric, priority in alarm.places
    )


def places_of(report: Report, mapping: SampleMapping) -> list[tuple[Mapping[str, str], AlarmPlace | Unmapped]]:
    """What a report by itself would become: each set of its labels, with its place."""
    return [(labels, alarm_place(mapping, labels)) for labels in label_sets(report)]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _inner(value: object, name: str) -> str | None:
    found = value.get(name) if isinstance(value, Mapping) else None
    return str(found) if found is not None else None
