"""Senders as rows. What each function promises is said in `ports.Transaction`."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from upheld.measurements.senders import Sender, together
from upheld.store.rows import add, from_row, put, to_row
from upheld.store.tables import senders

MOST = 1_000
"""Senders of a tenant that are known at once."""


def add_to(connection: Connection, tenant: str, more: Sequence[Sender]) -> None:
    """Adds to what is known of senders; those heard of longest ago make way for new ones."""
    t = senders.c
    for sender in more:
        row = {"tenant": tenant, **to_row(sender)}
        if add(connection, senders, row):
            continue
        mine = (t.tenant == tenant) & (t.name == sender.name)
        # SQLite, where one writes at a time, has no such clause and needs none.
        before = connection.execute(select(senders).where(mine).with_for_update()).mappings().one()
        put(connection, senders, [{"tenant": tenant, **to_row(together(from_row(Sender, before), sender))}])
    kept = select(t.name).where(t.tenant == tenant).order_by(t.heard_at.desc(), t.name).limit(MOST)
    connection.execute(delete(senders).where(t.tenant == tenant, t.name.not_in(kept)))


def known(connection: Connection, tenant: str) -> Sequence[Sender]:
    t = senders.c
    rows = select(senders).where(t.tenant == tenant).order_by(t.heard_at.desc(), t.name)
    return [from_row(Sender, row) for row in connection.execute(rows).mappings()]
