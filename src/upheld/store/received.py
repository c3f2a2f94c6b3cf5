"""Received notices of planned work as rows. What each method promises is said in `ports.Transaction`."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, select, update

from upheld.maintenance.received import Key, NoticedWork, Received, ReceivedState
from upheld.store import log, tables
from upheld.store.rows import to_row
from upheld.store.tenant_rows import TenantRows

_UNREAD = b""


class ReceivedNotices(TenantRows):
    """The part of a transaction that is about notices of planned work."""

    def add_received(self, received: Received) -> int | None:
        place = log.next_place(self._connection, self._tenant)
        return place if self._add(tables.received_notices, to_row(received)) else None

    def received(self, received_id: str) -> Received | None:
        return self._find(Received, tables.received_notices, tables.received_notices.c.id == received_id)

    def received_brief(self, ids: Collection[str]) -> Mapping[str, Received]:
        t = tables.received_notices
        columns = [column for column in t.c if column is not t.c.body]
        query = select(*columns).where(self._where(t, t.c.id.in_(ids)))
        rows = self._connection.execute(query).mappings()
        return {
            row["id"]: Received(**{name: row[name] for name in row if name != "tenant"}, body=_UNREAD) for row in rows
        }

    def save_noticed(self, noticed: NoticedWork) -> None:
        self._put(tables.noticed_works, to_row(noticed))

    def noticed(self, noticed_id: str) -> NoticedWork | None:
        return self._find(NoticedWork, tables.noticed_works, tables.noticed_works.c.id == noticed_id)

    def noticed_in(self, received_id: str) -> Sequence[NoticedWork]:
        t = tables.noticed_works.c
        known = self._list(NoticedWork, tables.noticed_works, t.id.startswith(f"{received_id}-", autoescape=True))
        return sorted(known, key=lambda noticed: int(noticed.id.rpartition("-")[2]))

    def noticed_of(self, key: Key) -> Sequence[NoticedWork]:
        t = tables.noticed_works.c
        ours = (t.provider == key[0]) & (t.account == key[1]) & (t.maintenance_id == key[2])
        return self._list(NoticedWork, tables.noticed_works, ours, by=[t.place, t.id])

    def noticed_about(self, work: str) -> Sequence[NoticedWork]:
        t = tables.noticed_works.c
        return self._list(NoticedWork, tables.noticed_works, t.work == work, by=[t.place, t.id])

    def noticed_works(self, state: ReceivedState | None = None, limit: int = 500) -> Sequence[NoticedWork]:
        t = tables.noticed_works.c
        wanted = [] if state is None else [t.state == state]
        by = [t.place, t.id] if state == "waiting" else [t.place.desc(), t.id]
        return self._list(NoticedWork, tables.noticed_works, *wanted, by=by, limit=limit)

    def count_waiting_notices(self) -> int:
        t = tables.noticed_works
        waiting = select(func.count()).select_from(t).where(self._where(t, t.c.state == "waiting"))
        return self._connection.execute(waiting).scalar_one()

    def change_noticed(self, noticed: NoticedWork) -> bool:
        t = tables.noticed_works
        here = self._where(t, t.c.id == noticed.id, t.c.state == "waiting")
        return self._connection.execute(update(t).where(here).values(to_row(noticed))).rowcount == 1

    def save_circuit(self, provider: str, circuit: str, nodes: Sequence[str], at: int, by: str) -> None:
        row = {"provider": provider, "circuit": circuit, "nodes": list(nodes), "said_at": at, "said_by": by}
        self._put(tables.supplier_circuits, row)

    def said_circuits(self, provider: str) -> Mapping[str, Sequence[str]]:
        t = tables.supplier_circuits
        rows = self._connection.execute(select(t.c.circuit, t.c.nodes).where(self._where(t, t.c.provider == provider)))
        return {row.circuit: tuple(row.nodes) for row in rows}
