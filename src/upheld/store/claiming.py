"""Which entries of the agenda are claimed next: the soonest of each tenant, then the second of each, and so on.

So a tenant with a hundred thousand notices to send leaves room in every claim for the one notice of another. What a
claim costs grows with the number of tenants that have something to do, and not with how much they have.
"""

from functools import cache

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Update,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    tuple_,
    update,
)

from upheld.store.tables import agenda

SPARE = 12
"""Entries of one tenant that are looked at beyond those to be claimed: others may just be claiming the first ones."""

_NOW, _UNTIL = bindparam("now", type_=BigInteger), bindparam("until", type_=BigInteger)


@cache  # making it takes longer than executing it
def claiming(dialect: str, limit: int, kinds: tuple[str, ...] | None) -> Update:
    """Takes up to `limit` entries of these kinds that are due at `:now` and free, until `:until` (microseconds UTC);
    returns them in any order."""
    t, chosen = agenda.c, _chosen(dialect, limit, kinds).cte("chosen")
    return (
        update(agenda)
        .where(tuple_(t.tenant, t.id).in_(select(chosen.c.tenant, chosen.c.id)))
        .values(attempts=t.attempts + 1, leased_until=_UNTIL)
        .returning(*t)
    )


@cache
def any_due(dialect: str, kinds: tuple[str, ...] | None) -> Select[tuple[str]]:
    """A row where anything of these kinds is due at `:now` and free. A look takes no writer's turn."""
    return select(_soonest_of_each(dialect, 1, kinds).c.id).limit(1)


def _chosen(dialect: str, limit: int, kinds: tuple[str, ...] | None) -> Select[tuple[str, str]]:
    """The (tenant, id) of the entries to be claimed. On PostgreSQL they are locked, and those that another worker is
    claiming are left to it; SQLite, where one writes at a time, needs no such thing."""
    waiting = _soonest_of_each(dialect, limit + SPARE, kinds)
    w = waiting.c
    place = func.row_number().over(partition_by=w.tenant, order_by=(w.due_at, w.id)).label("place")
    ranked = select(w.tenant, w.id, w.due_at, place).subquery("ranked").c
    order = ranked.place, ranked.due_at, ranked.tenant, ranked.id
    if dialect != "postgresql":
        return select(ranked.tenant, ranked.id).order_by(*order).limit(limit)
    first = select(ranked.tenant, ranked.id).order_by(*order).cte("first")
    t = agenda.c
    # Once more what makes it free: until it is locked, another may have claimed or ended it.
    here = and_(t.tenant == first.c.tenant, t.id == first.c.id, t.ended_as.is_(None), _is_free(agenda))
    locked = select(t.tenant, t.id).where(here).with_for_update(skip_locked=True).lateral("locked")
    return select(locked.c.tenant, locked.c.id).select_from(first.join(locked, true())).limit(limit)


def _soonest_of_each(dialect: str, count: int, kinds: tuple[str, ...] | None) -> Subquery:
    """(tenant, id, due_at) of the soonest `count` entries of each tenant."""
    tenants, one = _tenants(), agenda.alias("one")
    is_wanted = true() if kinds is None else one.c.kind.in_(kinds)
    its = (
        select(one.c.tenant, one.c.id, one.c.due_at)
        .where(one.c.tenant == tenants.c.tenant, one.c.ended_as.is_(None), one.c.due_at <= _NOW)
        .where(_is_free(one), is_wanted)
        .order_by(one.c.due_at, one.c.id)
        .limit(count)
    )
    if dialect == "postgresql":
        soonest = its.lateral("soonest")
        return select(soonest).select_from(tenants.join(soonest, true())).subquery("waiting")
    each = agenda.alias("each")
    ids = its.with_only_columns(one.c.id).correlate(tenants)
    here = and_(each.c.tenant == tenants.c.tenant, each.c.id.in_(ids))
    return select(each.c.tenant, each.c.id, each.c.due_at).select_from(tenants).join(each, here).subquery("waiting")


def _tenants() -> CTE:
    """Every tenant that has something to do: a step along the index `agenda_to_do` for each, then a NULL."""
    t, further = agenda.c, agenda.alias("further").c
    found = select(func.min(t.tenant).label("tenant")).where(t.ended_as.is_(None)).cte("tenants", recursive=True)
    following = select(func.min(further.tenant)).where(further.ended_as.is_(None), further.tenant > found.c.tenant)
    return found.union_all(select(following.scalar_subquery()).where(found.c.tenant.is_not(None)))


def _is_free(entries: FromClause) -> ColumnElement[bool]:
    return or_(entries.c.leased_until.is_(None), entries.c.leased_until <= _NOW)
