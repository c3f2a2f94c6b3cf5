"""Cases and problems that have something in common with another, by its services and its suspected causes. What each
function promises is said in `ports.Transaction`."""

from collections.abc import Collection, Sequence
from dataclasses import fields

from sqlalchemy import ColumnElement, Connection, false, select, true

from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.store.rows import from_row
from upheld.store.tables import cases, problems

_LEFT_OUT = ("verdict", "periods", "told", "answers")
_COLUMNS = [cases.c[f.name] for f in fields(Case) if f.name not in _LEFT_OUT]


def of_services(
    connection: Connection, tenant: str, services: Collection[str], is_open: bool, limit: int
) -> Sequence[Case]:
    c = cases.c
    how = c.is_open == (true() if is_open else false())
    return _cases(connection, tenant, c.service.in_(services) & how, limit)


def suspecting(connection: Connection, tenant: str, cause: str, limit: int) -> Sequence[Case]:
    c = cases.c
    alone = (c.suspect == cause) & (c.is_open == false()) & c.problem.is_(None)
    return _cases(connection, tenant, alone, limit)


def _cases(connection: Connection, tenant: str, wanted: ColumnElement[bool], limit: int) -> Sequence[Case]:
    c = cases.c
    query = select(*_COLUMNS).where(c.tenant == tenant, wanted).order_by(c.opened_at.desc(), c.id).limit(limit)
    return [Case(**row) for row in connection.execute(query).mappings()]


def problems_of(
    connection: Connection, tenant: str, causes: Collection[str], is_open: bool, limit: int
) -> Sequence[Problem]:
    p = problems.c
    wanted = p.cause.in_(causes) & (p.state == ("open" if is_open else "closed"))
    query = select(problems).where(p.tenant == tenant, wanted).order_by(p.opened_at.desc(), p.id).limit(limit)
    return [from_row(Problem, row) for row in connection.execute(query).mappings()]
