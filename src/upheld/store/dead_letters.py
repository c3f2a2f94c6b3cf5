"""The dead letters of a tenant as rows. What each function promises is said in `ports.Transaction`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, literal, select, update

from upheld.measurements.dead_letters import MAX_BYTES, MAX_LETTERS, DeadLetter, DeadLetterState
from upheld.ports import Conflict
from upheld.store.rows import add, from_row, to_row
from upheld.store.tables import dead_letters, dead_letters_dropped


def set_aside(connection: Connection, tenant: str, letter: DeadLetter) -> None:
    """Adds it, or counts it once more; drops what is too much then."""
    t = dead_letters
    if not add(connection, t, to_row(letter) | {"tenant": tenant, "kept_bytes": len(letter.body)}):
        again = {
            "received_at": letter.received_at,
            "reason": letter.reason,
            "detail": [dict(fault) for fault in letter.detail],
            "times": t.c.times + 1,
            "state": "waiting",
            "ended_at": None,
            "ended_by": None,
        }
        connection.execute(update(t).where(t.c.tenant == tenant, t.c.id == letter.id).values(again))
        return
    while _too_much(connection, tenant):
        _drop_one(connection, tenant)


def _too_much(connection: Connection, tenant: str) -> bool:
    t = dead_letters.c
    letters, size = connection.execute(
        select(func.count(), func.coalesce(func.sum(t.kept_bytes), 0)).where(t.tenant == tenant)
    ).one()
    return bool(letters > MAX_LETTERS or size > MAX_BYTES)


def _drop_one(connection: Connection, tenant: str) -> None:
    """Drops the oldest of those that were dealt with; where there is none, of the reason that has most letters, so
    that a sender that fails at one thing does not push out what others failed at. Only those still waiting count."""
    t = dead_letters
    dealt_with = t.c.state != "waiting"
    most = (
        select(t.c.reason)
        .where(t.c.tenant == tenant, t.c.state == "waiting")
        .group_by(t.c.reason)
        .order_by(func.count().desc(), t.c.reason)
        .limit(1)
        .scalar_subquery()
    )
    for these in (dealt_with, t.c.reason == most):
        oldest = select(t.c.id, t.c.state).where(t.c.tenant == tenant, these).order_by(t.c.received_at, t.c.id)
        row = connection.execute(oldest.limit(1)).first()
        if row is None:
            continue
        gone = connection.execute(delete(t).where(t.c.tenant == tenant, t.c.id == row.id)).rowcount
        if gone and row.state == "waiting":
            dropped = dead_letters_dropped
            add(connection, dropped, {"tenant": tenant, "letters": 0})
            more = update(dropped).where(dropped.c.tenant == tenant).values(letters=dropped.c.letters + 1)
            connection.execute(more)
        return


def one(connection: Connection, tenant: str, letter_id: str) -> DeadLetter | None:
    """The letter with its body."""
    t = dead_letters
    row = connection.execute(select(t).where(t.c.tenant == tenant, t.c.id == letter_id)).mappings().first()
    return None if row is None else from_row(DeadLetter, row)


def listed(
    connection: Connection, tenant: str, state: DeadLetterState | None, reason: str | None, limit: int
) -> Sequence[DeadLetter]:
    """Newest first, without their bodies."""
    t = dead_letters
    columns: list[ColumnElement[Any]] = [column for column in t.columns if column.name != "body"]
    wanted = [t.c.tenant == tenant]
    wanted += [] if state is None else [t.c.state == state]
    wanted += [] if reason is None else [t.c.reason == reason]
    query = select(*columns, literal(b"").label("body")).where(*wanted)
    rows = connection.execute(query.order_by(t.c.received_at.desc(), t.c.id.desc()).limit(limit)).mappings()
    return [from_row(DeadLetter, row) for row in rows]


def dropped(connection: Connection, tenant: str) -> int:
    """How many waiting ones were dropped."""
    t = dead_letters_dropped.c
    return connection.execute(select(t.letters).where(t.tenant == tenant)).scalar() or 0


def change(connection: Connection, tenant: str, letter: DeadLetter, attempts: int) -> None:
    """Raises Conflict where it is not waiting with so many attempts."""
    t = dead_letters
    row = {name: value for name, value in to_row(letter).items() if name not in ("id", "body", "size", "times")}
    here = (t.c.tenant == tenant, t.c.id == letter.id, t.c.state == "waiting", t.c.attempts == attempts)
    if connection.execute(update(t).where(*here).values(row)).rowcount != 1:
        raise Conflict(f"the dead letter {letter.id} was dealt with by someone else")
