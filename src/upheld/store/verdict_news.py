"""What verdicts have come to, as rows, and the notices that have told of them. What each function promises is said in
`ports.Transaction`."""

from collections.abc import Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select, update

from upheld.notices.model import Notice, VerdictNews
from upheld.store.rows import from_row
from upheld.store.tables import notices, problems, verdict_news

_TEXTS = ("text", "html")
_BRIEF = [literal("").label(f.name) if f.name in _TEXTS else notices.c[f.name] for f in fields(Notice)]


def take(connection: Connection, tenant: str, now: int, quiet: int, longest: int, limit: int) -> Sequence[VerdictNews]:
    n = verdict_news.c
    ripe = select(n.party, func.count()).where(n.tenant == tenant).group_by(n.party).order_by(n.party)
    chosen: list[str] = []
    rows = 0
    for party, count in connection.execute(_ripe(ripe, now, quiet, longest)).all():
        if chosen and rows + count > limit:
            break
        chosen.append(party)
        rows += count
    if not chosen:
        return []
    here = (n.tenant == tenant) & n.told.is_(None) & (n.not_before <= now) & n.party.in_(chosen)
    taken = connection.execute(update(verdict_news).where(here).values(told=now).returning(*n))
    return sorted(
        (from_row(VerdictNews, row) for row in taken.mappings()), key=lambda one: (one.party, one.at, one.key)
    )


def tenants(connection: Connection, now: int, quiet: int, longest: int) -> Sequence[str]:
    """Of every tenant: for the worker that tells it."""
    n = verdict_news.c
    parties = _ripe(select(n.tenant).group_by(n.tenant, n.party), now, quiet, longest)
    return list(dict.fromkeys(connection.execute(parties).scalars()))


def _ripe(query, now: int, quiet: int, longest: int):  # type: ignore[no-untyped-def]
    """Parties with something to look at, of which nothing was added lately, or something long ago."""
    n = verdict_news.c
    settled = or_(func.max(n.at) <= now - quiet, func.min(n.at) <= now - longest)
    return query.where(n.told.is_(None)).having(func.min(n.not_before) <= now, settled)


def of_verdict(
    connection: Connection, tenant: str, key: tuple[str, str, str, int], party: str
) -> Sequence[VerdictNews]:
    n = verdict_news.c
    names = (n.agreement, n.objective, n.service, n.period_start)
    is_it: ColumnElement[bool] = n.tenant == tenant
    for column, value in zip(names, key, strict=True):
        is_it &= column == value
    query = select(verdict_news).where(is_it, n.party == party).order_by(n.version, n.at)
    return [from_row(VerdictNews, row) for row in connection.execute(query).mappings()]


# -- notices that tell of verdicts


def told_of_case(connection: Connection, tenant: str, case_id: str) -> Sequence[Notice]:
    return _brief(connection, (notices.c.tenant == tenant) & (notices.c.case_id == case_id))


def told_of_problem(connection: Connection, tenant: str, problem_id: str, party: str) -> Sequence[Notice]:
    n, p = notices.c, problems.c
    merged = select(p.id).where(p.tenant == tenant, p.merged_into == problem_id)
    of_problem = or_(n.problem_id == problem_id, n.problem_id.in_(merged))
    theirs = n.customer == party if party else n.customer.is_(None)
    return _brief(connection, (n.tenant == tenant) & of_problem & theirs & n.case_id.is_(None))


def summaries(connection: Connection, tenant: str, agreement: str, since: int) -> Sequence[Notice]:
    n, begins = notices.c, f"summary/{agreement}/"
    of_agreement = (n.id >= begins) & (n.id < begins[:-1] + "0")
    of_agreement &= n.agreement == agreement  # a name may have a slash in it
    return _brief(connection, (n.tenant == tenant) & of_agreement & (n.recorded_at >= since))


def _brief(connection: Connection, here: ColumnElement[bool]) -> Sequence[Notice]:
    query = select(*_BRIEF).where(here).order_by(notices.c.recorded_at, notices.c.id)
    return [from_row(Notice, row) for row in connection.execute(query).mappings()]
