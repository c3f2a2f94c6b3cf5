"""Planned works, exclusions, events, changes and alarms, in a transaction of one tenant. What each method promises is
said in `ports.Transaction`."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import and_, case, func, insert, select, update

from upheld.analysis.alarms import Alarm
from upheld.analysis.model import Change
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.objection import Objection, Objections, ObjectionState
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.ports import AlarmFilter, Stated
from upheld.store import alarms, log, tables
from upheld.store.rows import from_row, put, to_row
from upheld.store.tenant_rows import TenantRows, setting_row

_STATED = "stated"


class Works(TenantRows):
    """The part of a transaction that is about what was planned, excluded, changed, and raised."""

    # -- maintenance

    def save_maintenance(self, maintenance: Maintenance) -> None:
        self._put(tables.maintenances, to_row(maintenance))

    def maintenance(self, maintenance_id: str) -> Maintenance | None:
        return self._find(Maintenance, tables.maintenances, tables.maintenances.c.id == maintenance_id)

    def maintenances(self, ending_after: int | None = None) -> Sequence[Maintenance]:
        t = tables.maintenances.c
        wanted = [] if ending_after is None else [t.end > ending_after]
        return self._list(Maintenance, tables.maintenances, *wanted, by=[t.start, t.id])

    def save_announcements(self, announcements: Sequence[Announcement]) -> None:
        if announcements:
            put(self._connection, tables.announcements, [self._row(to_row(one)) for one in announcements])

    def works_during(self, agreement: str, start: int, end: int) -> Sequence[tuple[Maintenance, Announcement]]:
        a, m = tables.announcements, tables.maintenances
        own = select(a.c.maintenance_id).where(self._where(a, a.c.agreement == agreement))
        here = (m.c.end > start, m.c.start < end, m.c.id.in_(own))
        works = self._list(Maintenance, m, *here, by=[m.c.start, m.c.id])
        decided = {one.maintenance_id: one for one in self.announcements_of(agreement)}
        return [(work, decided[work.id]) for work in works]

    def announcements(self, maintenance_id: str, agreement: str | None = None) -> Sequence[Announcement]:
        t = tables.announcements.c
        one = [] if agreement is None else [t.agreement == agreement]
        return self._list(
            Announcement, tables.announcements, t.maintenance_id == maintenance_id, *one, by=[t.agreement]
        )

    def announcements_of(self, agreement: str) -> Sequence[Announcement]:
        t = tables.announcements.c
        return self._list(Announcement, tables.announcements, t.agreement == agreement, by=[t.maintenance_id])

    # -- what customers say against planned works

    def save_objection(self, objection: Objection) -> None:
        self._put(tables.objections, to_row(objection))

    def objection(self, objection_id: str, *, changing: bool = False) -> Objection | None:
        t = tables.objections
        query = select(t).where(self._where(t, t.c.id == objection_id))
        row = self._connection.execute(query.with_for_update() if changing else query).mappings().first()
        return None if row is None else from_row(Objection, row)

    def objections(
        self, maintenance_id: str, state: ObjectionState | None = None, limit: int = 500, offset: int = 0
    ) -> Sequence[Objection]:
        t = tables.objections.c
        wanted = [] if state is None else [t.state == state]
        here = (t.maintenance_id == maintenance_id, *wanted)
        return self._list(Objection, tables.objections, *here, by=[t.at, t.id], limit=limit, offset=offset)

    def objections_to_tell(self, maintenance_id: str, limit: int) -> Sequence[Objection]:
        t = tables.objections.c
        waiting = (t.maintenance_id == maintenance_id, t.state == "open", t.told_at.is_(None))
        return self._list(Objection, tables.objections, *waiting, by=[t.at, t.id], limit=limit)

    def lapse_objections(self, maintenance_id: str) -> None:
        t = tables.objections
        here = self._where(t, t.c.maintenance_id == maintenance_id, t.c.state == "open")
        self._connection.execute(update(t).where(here).values(state="lapsed"))

    def count_objections(self, now: int, maintenance_id: str | None = None) -> Mapping[str, Objections]:
        t = tables.objections
        is_open = t.c.state == "open"
        counts = [func.sum(case((one, 1), else_=0)) for one in (is_open, and_(is_open, t.c.answer_by < now))]
        here = self._where(t, *([] if maintenance_id is None else [t.c.maintenance_id == maintenance_id]))
        query = select(t.c.maintenance_id, func.count(), *counts).where(here).group_by(t.c.maintenance_id)
        return {work: Objections(*found) for work, *found in self._connection.execute(query)}

    # -- exclusions, events, changes

    def add_exclusion(self, exclusion_id: str, exclusion: Exclusion, maintenance_id: str | None = None) -> None:
        t = tables.exclusions
        grants = select(func.coalesce(func.max(t.c.granted), 0)).where(self._where(t, t.c.id == exclusion_id))
        granted: int = self._connection.execute(grants).scalar_one() + 1
        # While a grant stands, the index one_standing_exclusion keeps another out.
        row = to_row(exclusion) | {"id": exclusion_id, "granted": granted, "maintenance_id": maintenance_id}
        row |= {"granted_as": log.next_place(self._connection, self._tenant), "revoked_as": None}
        self._add(t, row)

    def revoke_exclusion(self, exclusion_id: str, at: int, by: str | None = None) -> None:
        t = tables.exclusions
        here = self._where(t, t.c.id == exclusion_id, t.c.revoked_at.is_(None))
        place = log.next_place(self._connection, self._tenant)
        self._connection.execute(update(t).where(here).values(revoked_at=at, revoked_by=by, revoked_as=place))

    def exclusion(self, exclusion_id: str) -> Exclusion | None:
        t = tables.exclusions.c
        return self._find(Exclusion, tables.exclusions, t.id == exclusion_id, t.revoked_at.is_(None))

    def exclusions(self) -> Sequence[Exclusion]:
        t = tables.exclusions.c
        return self._list(Exclusion, tables.exclusions, t.revoked_at.is_(None), by=[t.start, t.id])

    def exclusions_place(self) -> int:
        t = tables.exclusions
        newest = select(func.max(t.c.granted_as), func.max(t.c.revoked_as)).where(self._where(t))
        return max(place or 0 for place in self._connection.execute(newest).one())

    def exclusions_standing(self, place: int) -> Sequence[Exclusion]:
        t = tables.exclusions.c
        stood = (t.granted_as <= place) & (t.revoked_as.is_(None) | (t.revoked_as > place))
        found = self._list(Exclusion, tables.exclusions, stood, by=[t.start, t.id])
        return [replace(exclusion, revoked_at=None, revoked_by=None) for exclusion in found]

    def every_exclusion(self) -> Sequence[Exclusion]:
        t = tables.exclusions.c
        return self._list(Exclusion, tables.exclusions, by=[t.start, t.id, t.granted])

    def add_service_events(self, events: Sequence[ServiceEvent]) -> None:
        for event in events:
            place = log.next_place(self._connection, self._tenant)
            self._connection.execute(insert(tables.service_events), self._row(to_row(event) | {"place": place}))

    def service_events(self, place: int | None = None) -> Sequence[ServiceEvent]:
        t = tables.service_events.c
        upto = [] if place is None else [t.place <= place]
        return self._list(ServiceEvent, tables.service_events, *upto, by=[t.place])

    def service_events_place(self) -> int:
        t = tables.service_events
        return self._connection.execute(select(func.max(t.c.place)).where(self._where(t))).scalar() or 0

    def save_stated(self, stated: Stated) -> None:
        self._put(tables.settings, setting_row(_STATED, stated))

    def stated(self) -> Stated | None:
        value = self._setting(_STATED)
        return None if value is None else Stated(**json.loads(value))

    def exclusions_earned(self, maintenance_id: str, agreement: str | None = None) -> Mapping[str, Exclusion]:
        t = tables.exclusions
        one = [] if agreement is None else [t.c.agreement == agreement]
        here = self._where(t, t.c.maintenance_id == maintenance_id, t.c.revoked_at.is_(None), *one)
        rows = self._connection.execute(select(t).where(here).order_by(t.c.id)).mappings()
        return {row["id"]: from_row(Exclusion, row) for row in rows}

    def add_change(self, change: Change) -> bool:
        return self._add(tables.changes, to_row(change))

    def change(self, change_id: str) -> Change | None:
        return self._find(Change, tables.changes, tables.changes.c.id == change_id)

    def changes(self, since: int, limit: int | None = None) -> Sequence[Change]:
        t = tables.changes.c
        return self._list(Change, tables.changes, t.at >= since, by=[t.at.desc(), t.id], limit=limit)

    # -- alarms

    def save_alarm(self, alarm: Alarm) -> Alarm:
        return alarms.save(self._connection, self._tenant, alarm)

    def alarms_numbered(self, number: str, source: str | None = None, *, changing: bool = False) -> Sequence[Alarm]:
        return alarms.numbered(self._connection, self._tenant, number, source, changing)

    def alarm(self, alarm_id: int) -> Alarm | None:
        return alarms.by_id(self._connection, self._tenant, alarm_id)

    def alarms(self, where: AlarmFilter = AlarmFilter()) -> Sequence[Alarm]:
        return alarms.many(self._connection, self._tenant, where)

    def forget_alarms(self, before: int, limit: int = 5000) -> int:
        return alarms.forget(self._connection, self._tenant, before, limit)

    def count_alarms(self, where: AlarmFilter = AlarmFilter()) -> int:
        return alarms.count(self._connection, self._tenant, where)

    def alarms_about(self, names: Collection[str], since: int, limit: int) -> Sequence[Alarm]:
        return alarms.about(self._connection, self._tenant, names, since, limit)
