"""Problems as rows, their cases, and what is owed to those whom they hit. What each function promises is said in
`ports.Transaction`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, case, exists, func, literal, or_, select, union_all, update

from upheld.agreements.units import MINUTE
from upheld.cases.model import Case
from upheld.cases.performance import Kept
from upheld.cases.problems import Happened, Problem
from upheld.notices.model import Notice, Owed
from upheld.ports import Conflict
from upheld.store.rows import from_row, put, to_row
from upheld.store.tables import cases, events, notices, owed, owed_resolutions, problems

_TOLD_OF = (
    "grouped",
    "worsened",
    "examined",
    "restored",
    "asked",
    "broke_again",
    "answered",
    "reopened",
    "escalated",
    "resumed",
    "withdrawn",
    "closed",
)
"""Events of cases that are told of in the story of their problem, in this order where they are of one instant."""
_DOCUMENTS = ("verdict", "periods", "findings", "told", "resolution", "answers")
_BRIEF = [cases.c[f.name] for f in fields(Case) if f.name not in _DOCUMENTS]


def save(connection: Connection, tenant: str, problem: Problem) -> None:
    p = problems.c
    alike = (p.kind == problem.kind) & (p.cause_kind == problem.cause_kind) & (p.cause == problem.cause)
    another = select(p.id).where(p.tenant == tenant, alike, p.state == "open", p.id != problem.id)
    if problem.state == "open" and connection.execute(another).first() is not None:
        raise Conflict(f"another problem of {problem.named} is open")
    put(connection, problems, [to_row(problem) | {"tenant": tenant}])


def one(connection: Connection, tenant: str, problem_id: str, changing: bool) -> Problem | None:
    query = select(problems).where(problems.c.tenant == tenant, problems.c.id == problem_id)
    row = connection.execute(query.with_for_update() if changing else query).mappings().first()
    return None if row is None else from_row(Problem, row)


def merge(connection: Connection, tenant: str, problem_id: str, into: str, at: int) -> None:
    p, o = problems.c, owed.c
    ending = update(problems).where(p.tenant == tenant, p.id == problem_id)
    connection.execute(ending.values(state="merged", merged_into=into, closed_at=at))
    # Those merged into it before are found in one step.
    connection.execute(update(problems).where(p.tenant == tenant, p.merged_into == problem_id).values(merged_into=into))
    moving = update(owed).where(o.tenant == tenant, o.problem == problem_id, o.told.is_(None))
    connection.execute(moving.values(problem=into))


def parts_of(connection: Connection, tenant: str, problem_id: str) -> Sequence[Problem]:
    p = problems.c
    query = select(problems).where(p.tenant == tenant, p.merged_into == problem_id).order_by(p.opened_at, p.id)
    return [from_row(Problem, row) for row in connection.execute(query).mappings()]


def with_merged(
    tenant: str | ColumnElement[str], name: ColumnElement[Any], subject: str | ColumnElement[str]
) -> ColumnElement[bool]:
    """Whether `name` is that of the subject, a case or problem, or of a problem merged into it."""
    p = problems.c
    # A union, and no OR: PostgreSQL would read the whole table for that.
    merged = select(p.id).where(p.tenant == tenant, p.merged_into == subject)
    itself = select(literal(subject, Text) if isinstance(subject, str) else subject)
    return name.in_(union_all(itself, merged))


def story(connection: Connection, tenant: str, problem_id: str) -> Sequence[Happened]:
    c, e, p = cases.c, events.c, problems.c
    theirs = (c.tenant == tenant) & (c.problem == problem_id)
    joined = (e.tenant == c.tenant) & (e.case_id == c.id)
    opened = select(p.opened_at).where(p.tenant == tenant, p.id == problem_id).scalar_subquery()
    counted = (
        select(func.min(e.at).label("first"), e.type, func.count(c.id.distinct()), func.count(c.customer.distinct()))
        .select_from(cases.join(events, joined))
        # Named once more as a list, so that SQLite looks up the events of these, and does not read all there are.
        .where(
            theirs, e.tenant == tenant, e.case_id.in_(select(c.id).where(theirs)), e.type.in_(_TOLD_OF), e.at >= opened
        )
        .group_by(e.type, e.at // MINUTE)
    )
    return sorted(
        (Happened(*row) for row in connection.execute(counted)), key=lambda one: (one.at, _TOLD_OF.index(one.type))
    )


def notices_counted(connection: Connection, tenant: str, problem_id: str) -> Sequence[Happened]:
    n = notices.c
    here = (n.tenant == tenant) & with_merged(tenant, n.problem_id, problem_id)
    counted = select(func.min(n.recorded_at), n.kind, n.state, func.count()).where(here)
    rows = connection.execute(counted.group_by(n.kind, n.state, n.recorded_at // MINUTE))
    return sorted((Happened(at, f"{kind} {state}", count) for at, kind, state, count in rows), key=lambda o: o.at)


def many(connection: Connection, tenant: str, only_open: bool, limit: int | None) -> Sequence[Problem]:
    p = problems.c
    query = select(problems).where(p.tenant == tenant).order_by(p.opened_at.desc(), p.id).limit(limit)
    rows = connection.execute(query.where(p.state == "open") if only_open else query).mappings()
    return [from_row(Problem, row) for row in rows]


def open_cases(
    connection: Connection, tenant: str, alone: bool, silent: bool, limit: int | None, offset: int
) -> Sequence[Case]:
    c = cases.c
    query = select(*_BRIEF).where(c.tenant == tenant, c.is_open).order_by(c.opened_at.desc(), c.id.desc())
    if alone:
        query = query.where(c.problem.is_(None))
    if silent:
        query = query.where(c.is_silence)
    if limit is not None:
        query = query.limit(limit).offset(offset)
    return [Case(**row) for row in connection.execute(query).mappings()]


def opened(connection: Connection, tenant: str, start: int, end: int) -> Sequence[Case]:
    c = cases.c
    query = select(*_BRIEF).where(c.tenant == tenant, c.opened_at >= start, c.opened_at < end)
    rows = connection.execute(query.order_by(c.opened_at.desc(), c.id.desc())).mappings()
    return [Case(**row) for row in rows]


def during(connection: Connection, tenant: str, agreement: str, start: int, end: int) -> Sequence[Case]:
    c = cases.c
    still = or_(c.closed_at.is_(None), c.closed_at > start)
    query = select(*_BRIEF, c.resolution).where(c.tenant == tenant, c.agreement == agreement, c.opened_at < end, still)
    rows = connection.execute(query.order_by(c.opened_at, c.id)).mappings()
    return [Case(**row) for row in rows]


def notices_kept(connection: Connection, tenant: str, start: int, end: int, now: int) -> Mapping[str, Kept]:
    n = notices.c
    in_time = n.sent_at.is_not(None) & (n.sent_at <= n.due_by)
    runs = n.sent_at.is_(None) & (n.state == "recorded") & (n.due_by >= now)
    counted = select(
        n.kind,
        func.sum(case((in_time, 1), else_=0)),
        func.sum(case((in_time | runs, 0), else_=1)),
        func.sum(case((runs, 1), else_=0)),
    )
    here = (n.tenant == tenant) & (n.recorded_at >= start) & (n.recorded_at < end)
    promised = here & n.due_by.is_not(None) & (n.state != "stopped") & n.maintenance_id.is_(None)
    return {
        kind: Kept(*map(int, counts)) for kind, *counts in connection.execute(counted.where(promised).group_by(n.kind))
    }


def resolutions_kept(connection: Connection, tenant: str, start: int, end: int, now: int) -> Kept:
    r = owed_resolutions.c
    in_time = r.given_at.is_not(None) & (r.given_at <= r.due)
    runs = r.given_at.is_(None) & (r.due >= now)
    counted = select(
        func.coalesce(func.sum(case((in_time, 1), else_=0)), 0),
        func.coalesce(func.sum(case((in_time | runs, 0), else_=1)), 0),
        func.coalesce(func.sum(case((runs, 1), else_=0)), 0),
    )
    here = (r.tenant == tenant) & (r.since >= start) & (r.since < end)
    return Kept(*map(int, connection.execute(counted.where(here)).one()))


def count_open(connection: Connection, tenant: str) -> Mapping[str | None, int]:
    c = cases.c
    counted = select(c.problem, func.count()).where(c.tenant == tenant, c.is_open).group_by(c.problem)
    return {row.problem: row[1] for row in connection.execute(counted)}


def count_customers(connection: Connection, tenant: str, problem_ids: Sequence[str]) -> Mapping[str, int]:
    c = cases.c
    counted = select(c.problem, func.count(c.customer.distinct())).where(c.tenant == tenant, c.is_open)
    found = connection.execute(counted.where(c.problem.in_(problem_ids)).group_by(c.problem))
    return {row.problem: row[1] for row in found}


def cases_of(connection: Connection, tenant: str, problem_id: str, limit: int, offset: int) -> Sequence[Case]:
    c = cases.c
    query = select(*_BRIEF, c.told, c.resolution).where(c.tenant == tenant, c.problem == problem_id)
    query = query.order_by(c.is_open.desc(), c.opened_at.desc(), c.id.desc()).limit(limit).offset(offset)
    return [Case(**row) for row in connection.execute(query).mappings()]


def count_cases(connection: Connection, tenant: str, problem_id: str) -> tuple[int, int]:
    c = cases.c
    counted = select(func.coalesce(func.sum(case((c.is_open, 1), else_=0)), 0), func.count())
    still, all_ = connection.execute(counted.where(c.tenant == tenant, c.problem == problem_id)).one()
    return int(still), int(all_)


def notices_of(connection: Connection, tenant: str, case_: Case) -> Sequence[Notice]:
    n = notices.c
    own = select(notices).where(n.tenant == tenant, n.case_id == case_.id)
    found = [from_row(Notice, row) for row in connection.execute(own).mappings()]
    if case_.problem is not None:
        of_problem = with_merged(tenant, n.problem_id, case_.problem)
        theirs = or_(n.customer == case_.customer, n.customer.is_(None))
        gathered = select(notices).where(n.tenant == tenant, n.case_id.is_(None), of_problem, theirs)
        told = (from_row(Notice, row) for row in connection.execute(gathered).mappings())
        found += [notice for notice in told if case_.id in notice.cases]
    return sorted(found, key=lambda notice: (-notice.recorded_at, notice.id))


def take(connection: Connection, tenant: str, problem_id: str, told: int, parties: int) -> Sequence[Owed]:
    o = owed.c
    waiting = (o.tenant == tenant) & (o.problem == problem_id) & o.told.is_(None)
    # Two statements: in one, PostgreSQL reads the whole index for each row while it has no statistics of the table.
    chosen = select(o.party).where(waiting).distinct().order_by(o.party).limit(parties)
    theirs = connection.execute(chosen).scalars().all()
    taking = update(owed).where(waiting, o.party.in_(theirs)).values(told=told).returning(*o)
    found = [from_row(Owed, row) for row in connection.execute(taking).mappings()]
    return sorted(found, key=_in_order)


def as_told(connection: Connection, tenant: str, problem_id: str, party: str, told: int) -> Sequence[Owed]:
    o = owed.c
    query = select(owed).where(o.tenant == tenant, o.problem == problem_id, o.party == party, o.told == told)
    return sorted((from_row(Owed, row) for row in connection.execute(query).mappings()), key=_in_order)


def is_owed(connection: Connection, tenant: str, problem_id: str) -> bool:
    o = owed.c
    query = select(exists().where(o.tenant == tenant, o.problem == problem_id, o.told.is_(None)))
    return bool(connection.execute(query).scalar())


def _in_order(one: Owed) -> tuple[int, str, int]:
    return one.at, one.case_id, one.seq


def owing(connection: Connection, before: int, limit: int) -> Sequence[tuple[str, str]]:
    """Of every tenant: for the worker that tells it."""
    o = owed.c
    query = select(o.tenant, o.problem).where(o.told.is_(None), o.at <= before).distinct().limit(limit)
    return [(tenant, problem) for tenant, problem in connection.execute(query)]
