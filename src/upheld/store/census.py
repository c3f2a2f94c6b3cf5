"""How things stand in the store, of all tenants at once: for those who run the installation."""

from sqlalchemy import Connection, case, func, select

from upheld.ports import Census
from upheld.store.tables import agenda, cases, dead_letters, dead_letters_dropped, tenants


def census(connection: Connection, now: int) -> Census:
    """See `ports.Census`, at `now` (microseconds UTC)."""
    c, a = cases.c, agenda.c
    opened = select(c.tenant, c.kind, c.state, func.count()).where(c.is_open).group_by(c.tenant, c.kind, c.state)
    state = case((a.leased_until > now, "held"), (a.due_at <= now, "due"), else_="waiting")
    each = select(a.kind, state.label("state"), a.due_at).where(a.ended_as.is_(None)).subquery().c
    to_do = select(each.kind, each.state, func.count(), func.min(each.due_at)).group_by(each.kind, each.state)
    d, dropped = dead_letters.c, dead_letters_dropped.c
    waiting = select(d.tenant, d.reason, func.count()).where(d.state == "waiting").group_by(d.tenant, d.reason)
    return Census(
        tenants=tuple(sorted(connection.execute(select(tenants.c.tenant)).scalars())),
        open_cases={(row[0], row[1], row[2]): row[3] for row in connection.execute(opened)},
        agenda={(row[0], row[1]): (row[2], row[3]) for row in connection.execute(to_do)},
        dead_letters={(row[0], row[1]): row[2] for row in connection.execute(waiting)},
        dead_letters_dropped={
            row[0]: int(row[1]) for row in connection.execute(select(dropped.tenant, dropped.letters))
        },
    )
