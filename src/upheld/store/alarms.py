"""Alarms as rows, and the names that each is about. What each function promises is said in `ports.Transaction`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, or_, select, true

from upheld.analysis.alarms import Alarm
from upheld.ports import AlarmFilter, Conflict
from upheld.store.log import next_place
from upheld.store.rows import add, from_row, put, to_row
from upheld.store.tables import alarm_subjects, alarms

NAMES_AT_ONCE = 500
"""More in one statement than a database takes."""


def save(connection: Connection, tenant: str, alarm: Alarm) -> Alarm:
    """Adds an alarm whose id is 0, with its id, or replaces the row of one that has an id."""
    kept = alarm if alarm.id else replace(alarm, id=next_place(connection, tenant))
    row = to_row(kept) | {"tenant": tenant, "object": kept.object, "cause": kept.cause, "text": kept.text}
    row["places"] = [list(place) for place in kept.places]
    if alarm.id:
        put(connection, alarms, [row])
    elif not add(connection, alarms, row):
        raise Conflict(f"the alarm {alarm.number} of {alarm.source} was added by someone else")
    names = dict.fromkeys([*kept.services, *([kept.object] if kept.object else [])])
    for name in names:
        add(connection, alarm_subjects, {"tenant": tenant, "name": name, "alarm": kept.id})
    return kept


def numbered(connection: Connection, tenant: str, number: str, source: str | None, changing: bool) -> Sequence[Alarm]:
    """Those of a number, of any source where none is given."""
    t = alarms.c
    here = (t.tenant == tenant) & (t.number == number) & (true() if source is None else t.source == source)
    return _read(connection, here, by=[t.source], locking=changing)


def by_id(connection: Connection, tenant: str, alarm_id: int) -> Alarm | None:
    found = _read(connection, (alarms.c.tenant == tenant) & (alarms.c.id == alarm_id))
    return found[0] if found else None


def many(connection: Connection, tenant: str, where: AlarmFilter) -> Sequence[Alarm]:
    t = alarms.c
    return _read(connection, _wanted(tenant, where), by=[t.reported_at.desc(), t.id.desc()], window=where)


def count(connection: Connection, tenant: str, where: AlarmFilter) -> int:
    return int(connection.execute(select(func.count()).select_from(alarms).where(_wanted(tenant, where))).scalar_one())


def about(connection: Connection, tenant: str, names: Collection[str], since: int, limit: int) -> Sequence[Alarm]:
    t, s = alarms.c, alarm_subjects.c
    wanted = list(names)
    found: dict[int, Alarm] = {}
    for first in range(0, len(wanted), NAMES_AT_ONCE):
        told = select(s.alarm).where(s.tenant == tenant, s.name.in_(wanted[first : first + NAMES_AT_ONCE]))
        lately = or_(t.cleared_at.is_(None), t.cleared_at >= since)
        here = (t.tenant == tenant) & t.id.in_(told) & t.raised_at.is_not(None) & lately
        newest = _read(connection, here, by=[t.raised_at.desc(), t.id.desc()], window=AlarmFilter(limit=limit))
        found |= {alarm.id: alarm for alarm in newest}
    return sorted(found.values(), key=lambda alarm: (alarm.raised_at or 0, alarm.id), reverse=True)[:limit]


def forget(connection: Connection, tenant: str, before: int, limit: int) -> int:
    t, s = alarms.c, alarm_subjects.c
    over = (t.cleared_at < before) & (t.known_at < before) & (t.reported_at < before)
    old = select(t.id).where(t.tenant == tenant, over).order_by(t.reported_at, t.id).limit(limit)
    found = connection.execute(old).scalars().all()
    for first in range(0, len(found), NAMES_AT_ONCE):
        some = found[first : first + NAMES_AT_ONCE]
        connection.execute(delete(alarm_subjects).where(s.tenant == tenant, s.alarm.in_(some)))
        connection.execute(delete(alarms).where(t.tenant == tenant, t.id.in_(some)))
    return len(found)


def _wanted(tenant: str, where: AlarmFilter) -> ColumnElement[bool]:
    t, s = alarms.c, alarm_subjects.c
    condition: ColumnElement[bool] = t.tenant == tenant
    if where.about is not None:
        condition &= t.id.in_(select(s.alarm).where(s.tenant == tenant, s.name == where.about))
    if where.raised is not None:
        condition &= t.cleared_at.is_(None) if where.raised else t.cleared_at.is_not(None)
    return condition


def _read(
    connection: Connection,
    here: ColumnElement[bool],
    *,
    by: Sequence[ColumnElement[Any]] = (),
    window: AlarmFilter | None = None,
    locking: bool = False,
) -> list[Alarm]:
    query = select(alarms).where(here).order_by(*by)
    if window is not None:
        query = query.limit(window.limit).offset(window.offset)
    # SQLite, where one writes at a time, has no such clause and needs none.
    query = query.with_for_update() if locking else query
    return [_alarm(row) for row in connection.execute(query).mappings()]


def _alarm(row: Mapping[Any, Any]) -> Alarm:
    return from_row(Alarm, {**row, "places": [tuple(place) for place in row["places"]]})
