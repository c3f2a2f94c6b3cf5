"""What other systems are told, in its order; how far each destination has come; and the hubs that want it. What each
function promises is said in `ports.Transaction`.

A reader that has seen a position never later finds a lower one, and there are no gaps: the position comes from the
tenant's head, which the transaction holds from then on until it ends. So it is taken last of all (`SqlTransaction`
adds the events when it is about to be committed), and nobody waits long for it, or for another who waits for it.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from upheld.outgoing.billing import Adjustment
from upheld.outgoing.model import OutgoingEvent
from upheld.ports import Hub, Outflow
from upheld.store.rows import add, from_row, to_row
from upheld.store.tables import adjustments, claims, hubs, outgoing_events, outgoing_heads, sinks


def append(connection: Connection, tenant: str, events: Sequence[OutgoingEvent]) -> None:
    """Adds events behind all others of the tenant."""
    last = _ahead(connection, tenant, len(events))
    first = last - len(events) + 1
    rows = [to_row(event) | {"tenant": tenant, "position": at} for at, event in enumerate(events, first)]
    connection.execute(_ADDING, rows)


def _ahead(connection: Connection, tenant: str, count: int) -> int:
    position = connection.execute(_AHEAD, {"of": tenant, "count": count}).scalar()
    if position is None:
        # The first of all. Where someone else is just adding the head, `add` waits for it and adds nothing.
        add(connection, outgoing_heads, {"tenant": tenant, "position": 0, "removed": 0})
        return _ahead(connection, tenant, count)
    return int(position)


# Made once, because making it takes longer than executing it.
_AHEAD = (
    outgoing_heads.update()
    .where(outgoing_heads.c.tenant == bindparam("of"))
    .values(position=outgoing_heads.c.position + bindparam("count"))
    .returning(outgoing_heads.c.position)
)
_ADDING = insert(outgoing_events)


def behind(connection: Connection, tenant: str, after: int, limit: int) -> Sequence[OutgoingEvent]:
    t = outgoing_events.c
    query = select(outgoing_events).where(t.tenant == tenant, t.position > after).order_by(t.position).limit(limit)
    return [from_row(OutgoingEvent, row) for row in connection.execute(query).mappings()]


def one(connection: Connection, tenant: str, position: int) -> OutgoingEvent | None:
    t = outgoing_events.c
    row = connection.execute(select(outgoing_events).where(t.tenant == tenant, t.position == position)).mappings()
    found = row.first()
    return None if found is None else from_row(OutgoingEvent, found)


def span(connection: Connection, tenant: str) -> tuple[int, int]:
    t = outgoing_heads.c
    row = connection.execute(select(t.removed, t.position).where(t.tenant == tenant)).first()
    return (0, 0) if row is None else (row.removed, row.position)


def forget(connection: Connection, tenant: str, before: int) -> int:
    """Removes the oldest events, up to the first that is not older than that, and counts them."""
    t, head = outgoing_events.c, outgoing_heads.c
    removed, last = span(connection, tenant)
    young = select(func.min(t.position)).where(t.tenant == tenant, t.position > removed, t.at >= before)
    first_kept = connection.execute(young).scalar() or last + 1
    if first_kept == removed + 1:
        return 0
    connection.execute(delete(outgoing_events).where(t.tenant == tenant, t.position < first_kept))
    connection.execute(update(outgoing_heads).where(head.tenant == tenant).values(removed=first_kept - 1))
    return int(first_kept - 1 - removed)


# -- adjustments


def adjusted(connection: Connection, tenant: str, since: int | None, until: int | None) -> Sequence[Adjustment]:
    t = adjustments.c
    wanted: list[ColumnElement[bool]] = [t.tenant == tenant]
    wanted += [] if since is None else [t.told_at >= since]
    wanted += [] if until is None else [t.told_at < until]
    query = select(adjustments).where(*wanted).order_by(t.told_at, t.id)
    return [from_row(Adjustment, row) for row in connection.execute(query).mappings()]


# -- claims


_CLAIMS = claims.c
BY_CLAIM = (_CLAIMS.claimed_at, _CLAIMS.agreement, _CLAIMS.objective, _CLAIMS.service, _CLAIMS.period_start)
"""Oldest first."""


def is_claim_of(key: tuple[str, str, str, int]) -> ColumnElement[bool]:
    agreement, objective, service, period_start = key
    named = (_CLAIMS.agreement == agreement) & (_CLAIMS.objective == objective) & (_CLAIMS.service == service)
    return named & (_CLAIMS.period_start == period_start)


# -- destinations


def place(connection: Connection, tenant: str, sink: str) -> int | None:
    position: int | None = connection.execute(select(sinks.c.position).where(_of(tenant, sink))).scalar()
    return position


def move(connection: Connection, tenant: str, sink: str, was: int, now: int) -> bool:
    changing = update(sinks).where(_of(tenant, sink), sinks.c.position == was).values(position=now)
    return connection.execute(changing).rowcount == 1


def drop(connection: Connection, tenant: str, sink: str) -> None:
    connection.execute(delete(sinks).where(_of(tenant, sink)))


def _of(tenant: str, sink: str) -> ColumnElement[bool]:
    return (sinks.c.tenant == tenant) & (sinks.c.sink == sink)


# -- of all tenants


def outflow(connection: Connection) -> Outflow:
    """See `ports.Outflow`."""
    h, s = outgoing_heads.c, sinks.c
    return Outflow(
        heads={row[0]: row[1] for row in connection.execute(select(h.tenant, h.position))},
        places={(row[0], row[1]): row[2] for row in connection.execute(select(s.tenant, s.sink, s.position))},
        hubs=[(row["tenant"], from_row(Hub, row)) for row in connection.execute(select(hubs)).mappings()],
    )
