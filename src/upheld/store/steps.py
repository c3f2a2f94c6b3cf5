"""Steps of cases as rows, and the built-in list of tickets. What each function promises is said in
`ports.Transaction`."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection, Text, bindparam, or_, select, tuple_

from upheld.actions.model import TICKET_KINDS, Action, Ticket
from upheld.actions.tickets import OPENING
from upheld.store.problems import with_merged
from upheld.store.rows import from_row, put, to_row
from upheld.store.tables import actions, cases, tickets

_TENANT = bindparam("tenant", type_=Text)
_SUBJECT = bindparam("subject", type_=Text)
# Made once, because making them takes longer than executing them.
_BRIEF = (
    select(*(actions.c[f.name] for f in fields(Action) if f.name != "detail"))
    .where(actions.c.tenant == _TENANT)
    .order_by(actions.c.requested_at, actions.c.id)
)
_BRIEFLY = _BRIEF.where(with_merged(_TENANT, actions.c.case_id, _SUBJECT))
_OF_PROBLEM = select(cases.c.id).where(cases.c.tenant == _TENANT, with_merged(_TENANT, cases.c.problem, _SUBJECT))
_TICKETS = _BRIEF.where(actions.c.kind.in_(OPENING), actions.c.case_id.in_(_OF_PROBLEM))


def brief(connection: Connection, tenant: str, subject: str) -> Sequence[Action]:
    rows = connection.execute(_BRIEFLY, {"tenant": tenant, "subject": subject}).mappings()
    return [Action(**row) for row in rows]


def tickets_of_cases(connection: Connection, tenant: str, problem_id: str) -> Sequence[Action]:
    rows = connection.execute(_TICKETS, {"tenant": tenant, "subject": problem_id}).mappings()
    return [Action(**row) for row in rows]


def to_do(connection: Connection, tenant: str, limit: int) -> Sequence[Action]:
    a = actions.c
    open_ones = a.state.in_(("requested", "waiting"))
    query = select(actions).where(a.tenant == tenant, open_ones).order_by(a.requested_at, a.id).limit(limit)
    return [from_row(Action, row) for row in connection.execute(query).mappings()]


def first_held(connection: Connection, tenant: str, channel: str, before: tuple[int, str] | None) -> Action | None:
    a = actions.c
    query = select(actions).where(
        a.tenant == tenant,
        a.state == "requested",
        a.channel == channel,
        a.kind.in_(TICKET_KINDS),
        a.error.is_not(None),
    )
    if before is not None:
        query = query.where(or_(tuple_(a.requested_at, a.id) < tuple_(*before)))
    row = connection.execute(query.order_by(a.requested_at, a.id).limit(1)).mappings().first()
    return None if row is None else from_row(Action, row)


def note_on_ticket(
    connection: Connection, tenant: str, ticket_id: str, note: Mapping[str, Any], state: str | None
) -> bool:
    t = tickets.c
    query = select(tickets).where(t.tenant == tenant, t.id == ticket_id).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        return False
    ticket = from_row(Ticket, row)
    if not any(known["id"] == note["id"] for known in ticket.notes):
        changed = replace(ticket, notes=(*ticket.notes, dict(note)), state=state or ticket.state)
        put(connection, tickets, [to_row(changed) | {"tenant": tenant}])
    return True
