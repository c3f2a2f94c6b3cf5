"""Cases and what belongs to them, in a transaction of one tenant: problems, steps, tickets, notices. What each method
promises is said in `ports.Transaction`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    delete,
    false,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from upheld.actions.model import Action, Ticket
from upheld.cases.model import ENDED_STATES, OPEN_STATES, Case, Event, State
from upheld.cases.performance import Kept as KeptInTime
from upheld.cases.problems import Happened, Problem, suspect
from upheld.cases.resolutions import OwedResolution
from upheld.notices.model import Notice, NoticeState, Owed, VerdictNews
from upheld.ports import Conflict
from upheld.store import problems, related, steps, tables, verdict_news
from upheld.store.rows import from_row, put, to_row
from upheld.store.tenant_rows import TenantRows


class Casework(TenantRows):
    """The part of a transaction that is about cases."""

    _open_problems: Sequence[Problem] | None = None
    """All of them, once they were asked for: for each case that opens, the same few."""
    _steps: tuple[str, Sequence[Action]] | None = None
    """The problem or case whose steps were asked for last, and they: for each case of a problem, the same."""

    # -- cases

    def save_case(self, case: Case, events: Sequence[Event]) -> None:
        before = events[0].seq - 1
        assert [e.seq for e in events] == list(range(before + 1, case.seq + 1)), "events that do not follow each other"
        assert all(e.case_id == case.id for e in events), "an event of another case"
        row = to_row(case) | {
            "is_open": case.state in OPEN_STATES,
            "is_silence": case.kind == "no_data",
            "is_resolved": bool(case.resolution),
            "suspect": suspect(case.findings),
        }
        if not (self._add(tables.cases, row) if before == 0 else self._advance_case(row, before)):
            raise Conflict(f"case {case.id} is not at {before}, or another case of the objective is open")
        self._add_later(tables.events, [to_row(e) for e in events])

    def _advance_case(self, row: dict[str, Any], before: int) -> bool:
        changed = {**row, "of_tenant": self._tenant, "of_id": row["id"], "before": before}
        if not row["is_open"]:  # nothing can conflict with that
            return self._connection.execute(_ADVANCE, changed).rowcount == 1
        try:
            # A savepoint, so that a caller who catches the conflict can go on in this transaction.
            with self._connection.begin_nested():
                return self._connection.execute(_ADVANCE, changed).rowcount == 1
        except IntegrityError as error:
            raise Conflict(f"case {row['id']}: another case of the objective is open") from error

    def case(self, case_id: str) -> Case | None:
        row = self._connection.execute(_CASE, self._row({"id": case_id})).mappings().first()
        return None if row is None else from_row(Case, row)

    def open_case(self, agreement: str, objective: str, service: str, *, silence: bool = False) -> Case | None:
        found = self._of_objective(_OPEN_CASE, agreement, objective, service, silence)
        assert len(found) <= 1, "two open cases of one objective"
        return found[0] if found else None

    def cases(self, states: Sequence[State] | None = None, limit: int = 500) -> Sequence[Case]:
        t = tables.cases.c
        wanted = [] if states is None else [_IN_STATES.get(frozenset(states), t.state.in_(states))]
        return self._list(Case, tables.cases, *wanted, by=[t.opened_at.desc(), t.id.desc()], limit=limit)

    def cases_of(self, agreement: str, objective: str, service: str) -> Sequence[Case]:
        return self._of_objective(_CASES_OF, agreement, objective, service, silence=False)

    def _of_objective(
        self, query: Select[Any], agreement: str, objective: str, service: str, silence: bool
    ) -> list[Case]:
        key = {"agreement": agreement, "objective": objective, "service": service, "is_silence": silence}
        return [from_row(Case, row) for row in self._connection.execute(query, self._row(key)).mappings()]

    def events(self, case_id: str) -> Sequence[Event]:
        self._settle()
        t = tables.events.c
        return self._list(Event, tables.events, t.case_id == case_id, by=[t.seq])

    def open_cases(
        self, *, alone: bool = False, silent: bool = False, limit: int | None = None, offset: int = 0
    ) -> Sequence[Case]:
        return problems.open_cases(self._connection, self._tenant, alone, silent, limit, offset)

    def cases_opened(self, start: int, end: int) -> Sequence[Case]:
        return problems.opened(self._connection, self._tenant, start, end)

    def notices_kept(self, start: int, end: int, now: int) -> Mapping[str, KeptInTime]:
        return problems.notices_kept(self._connection, self._tenant, start, end, now)

    def count_open(self) -> Mapping[str | None, int]:
        return problems.count_open(self._connection, self._tenant)

    def count_customers(self, problem_ids: Sequence[str]) -> Mapping[str, int]:
        return problems.count_customers(self._connection, self._tenant, problem_ids)

    def cases_of_services(self, services: Collection[str], *, is_open: bool, limit: int) -> Sequence[Case]:
        return related.of_services(self._connection, self._tenant, services, is_open, limit)

    def cases_during(self, agreement: str, start: int, end: int) -> Sequence[Case]:
        return problems.during(self._connection, self._tenant, agreement, start, end)

    def cases_suspecting(self, cause: str, limit: int) -> Sequence[Case]:
        return related.suspecting(self._connection, self._tenant, cause, limit)

    # -- problems

    def problems_of(self, causes: Collection[str], *, is_open: bool, limit: int) -> Sequence[Problem]:
        return related.problems_of(self._connection, self._tenant, causes, is_open, limit)

    def save_problem(self, problem: Problem) -> None:
        self._open_problems = None
        problems.save(self._connection, self._tenant, problem)

    def merge_problem(self, problem_id: str, into: Problem, at: int) -> None:
        self._settle()
        self._open_problems = self._steps = None
        problems.merge(self._connection, self._tenant, problem_id, into.id, at)

    def parts_of(self, problem_id: str) -> Sequence[Problem]:
        return problems.parts_of(self._connection, self._tenant, problem_id)

    def problem_story(self, problem_id: str) -> Sequence[Happened]:
        self._settle()
        return problems.story(self._connection, self._tenant, problem_id)

    def notices_counted(self, problem_id: str) -> Sequence[Happened]:
        return problems.notices_counted(self._connection, self._tenant, problem_id)

    def problem(self, problem_id: str, *, changing: bool = False) -> Problem | None:
        return problems.one(self._connection, self._tenant, problem_id, changing)

    def problems(self, *, only_open: bool = False, limit: int = 500) -> Sequence[Problem]:
        if not only_open:
            return problems.many(self._connection, self._tenant, only_open, limit)
        if self._open_problems is None:
            self._open_problems = problems.many(self._connection, self._tenant, only_open, None)
        return self._open_problems[:limit]

    def cases_of_problem(self, problem_id: str, limit: int = 500, offset: int = 0) -> Sequence[Case]:
        return problems.cases_of(self._connection, self._tenant, problem_id, limit, offset)

    def count_cases(self, problem_id: str) -> tuple[int, int]:
        return problems.count_cases(self._connection, self._tenant, problem_id)

    def owe(self, owed: Sequence[Owed]) -> None:
        self._add_later(tables.owed, [to_row(one) for one in owed])

    def take_owed(self, problem_id: str, told: int, parties: int) -> Sequence[Owed]:
        self._settle()
        return problems.take(self._connection, self._tenant, problem_id, told, parties)

    def owed_as_told(self, problem_id: str, party: str, told: int) -> Sequence[Owed]:
        self._settle()
        return problems.as_told(self._connection, self._tenant, problem_id, party, told)

    def is_owed(self, problem_id: str) -> bool:
        self._settle()
        return problems.is_owed(self._connection, self._tenant, problem_id)

    # -- what closed cases and problems were

    def save_owed_resolution(self, owed: OwedResolution) -> None:
        self._put(tables.owed_resolutions, to_row(owed))

    def forget_owed_resolution(self, subject: str) -> None:
        r = tables.owed_resolutions
        self._connection.execute(delete(r).where(self._where(r, r.c.subject == subject)))

    def owed_resolution(self, subject: str) -> OwedResolution | None:
        r = tables.owed_resolutions
        return self._find(OwedResolution, r, r.c.subject == subject)

    def owed_resolutions(self, after: tuple[int, str] | None = None, limit: int = 500) -> Sequence[OwedResolution]:
        r = tables.owed_resolutions
        wanted: list[ColumnElement[bool]] = [r.c.given_at.is_(None)]
        if after is not None:
            wanted.append(tuple_(r.c.due, r.c.subject) > tuple_(literal(after[0]), literal(after[1])))
        return self._list(OwedResolution, r, *wanted, by=[r.c.due, r.c.subject], limit=limit)

    def resolutions_kept(self, start: int, end: int, now: int) -> KeptInTime:
        return problems.resolutions_kept(self._connection, self._tenant, start, end, now)

    def cases_unresolved(self, limit: int = 500) -> Sequence[Case]:
        t = tables.cases.c
        # Literally what the index is of.
        wanted = t.state == literal_column("'closed'"), t.is_resolved == false()
        return self._list(Case, tables.cases, *wanted, by=[t.opened_at.desc(), t.id.desc()], limit=limit)

    # -- what verdicts have come to

    def add_news(self, news: Sequence[VerdictNews]) -> None:
        self._add_later(tables.verdict_news, [to_row(one) for one in news])

    def take_news(self, now: int, quiet: int, longest: int, limit: int) -> Sequence[VerdictNews]:
        self._settle()
        return verdict_news.take(self._connection, self._tenant, now, quiet, longest, limit)

    def save_news(self, news: VerdictNews) -> None:
        self._put(tables.verdict_news, to_row(news))

    def news_of(self, key: tuple[str, str, str, int], party: str) -> Sequence[VerdictNews]:
        self._settle()
        return verdict_news.of_verdict(self._connection, self._tenant, key, party)

    def told_of_case(self, case_id: str) -> Sequence[Notice]:
        return verdict_news.told_of_case(self._connection, self._tenant, case_id)

    def told_of_problem(self, problem_id: str, party: str) -> Sequence[Notice]:
        return verdict_news.told_of_problem(self._connection, self._tenant, problem_id, party)

    def summaries_told(self, agreement: str, since: int) -> Sequence[Notice]:
        return verdict_news.summaries(self._connection, self._tenant, agreement, since)

    # -- actions and tickets

    def save_action(self, action: Action) -> None:
        self._steps = None
        self._put(tables.actions, to_row(action))

    def action(self, action_id: str) -> Action | None:
        return self._find(Action, tables.actions, tables.actions.c.id == action_id)

    def actions(self, case_id: str) -> Sequence[Action]:
        t = tables.actions.c
        theirs = problems.with_merged(self._tenant, t.case_id, case_id)
        return self._list(Action, tables.actions, theirs, by=[t.requested_at, t.id])

    def actions_brief(self, case_id: str) -> Sequence[Action]:
        if self._steps is None or self._steps[0] != case_id:
            self._steps = case_id, steps.brief(self._connection, self._tenant, case_id)
        return self._steps[1]

    def tickets_of_cases(self, problem_id: str) -> Sequence[Action]:
        return steps.tickets_of_cases(self._connection, self._tenant, problem_id)

    def actions_to_do(self, limit: int = 500) -> Sequence[Action]:
        return steps.to_do(self._connection, self._tenant, limit)

    def first_held(self, channel: str, before: tuple[int, str] | None = None) -> Action | None:
        return steps.first_held(self._connection, self._tenant, channel, before)

    def open_ticket(self, ticket: Ticket) -> None:
        self._add(tables.tickets, to_row(ticket))

    def note_on_ticket(self, ticket_id: str, note: Mapping[str, Any], state: str | None) -> bool:
        return steps.note_on_ticket(self._connection, self._tenant, ticket_id, note, state)

    def tickets(self, limit: int = 500) -> Sequence[Ticket]:
        t = tables.tickets.c
        return self._list(Ticket, tables.tickets, by=[t.opened_at.desc(), t.id.desc()], limit=limit)

    # -- notices

    def save_notice(self, notice: Notice) -> None:
        self._put(tables.notices, to_row(notice))

    def save_notices(self, notices: Sequence[Notice]) -> None:
        if notices:
            put(self._connection, tables.notices, [self._row(to_row(notice)) for notice in notices])

    def notice(self, notice_id: str) -> Notice | None:
        return self._find(Notice, tables.notices, tables.notices.c.id == notice_id)

    def notice_known_as(self, outside_id: str) -> Notice | None:
        return self._find(Notice, tables.notices, tables.notices.c.outside_id == outside_id)

    def notices(
        self,
        *,
        case_id: str | None = None,
        maintenance_id: str | None = None,
        problem_id: str | None = None,
        state: NoticeState | None = None,
        customer: str | None = None,
        agreement: str | None = None,
        limit: int = 500,
    ) -> Sequence[Notice]:
        t = tables.notices.c
        wanted = [] if case_id is None else [t.case_id == case_id]
        wanted += [] if problem_id is None else [problems.with_merged(self._tenant, t.problem_id, problem_id)]
        wanted += [] if maintenance_id is None else [t.maintenance_id == maintenance_id]
        wanted += [] if state is None else [t.state == state]
        wanted += [] if customer is None else [t.customer == customer]
        wanted += [] if agreement is None else [t.agreement == agreement]
        return self._list(Notice, tables.notices, *wanted, by=[t.recorded_at.desc(), t.id.desc()], limit=limit)

    def notices_together(self, digest: str) -> Sequence[Notice]:
        t = tables.notices.c
        return self._list(Notice, tables.notices, t.together == digest, by=[t.recorded_at, t.id])

    def unsent_before(self, notice: Notice, since: int, now: int) -> Notice | None:
        t = tables.notices.c
        before = tuple_(t.recorded_at, t.seq) < tuple_(literal(notice.recorded_at), literal(notice.seq))
        return self._first_unsent(notice, t.recorded_at.between(since, notice.recorded_at) & before, now)

    def unsent_after(self, notice: Notice, now: int) -> Notice | None:
        t = tables.notices.c
        after = tuple_(t.recorded_at, t.seq) > tuple_(literal(notice.recorded_at), literal(notice.seq))
        return self._first_unsent(notice, (t.recorded_at >= notice.recorded_at) & after, now)

    def _first_unsent(self, notice: Notice, when: ColumnElement[bool], now: int) -> Notice | None:
        """Of those about the same case or problem and to the same address."""
        t = tables.notices.c
        wanted = (
            t.problem_id == notice.problem_id if notice.case_id is None else t.case_id == notice.case_id,
            t.customer == notice.customer,
            when,
            t.channel == notice.channel,
            t.address == notice.address,
            t.state == "recorded",
            t.together.is_(None),
            func.coalesce(t.not_before, now) <= now,
        )
        found = self._list(Notice, tables.notices, *wanted, by=[t.recorded_at, t.seq, t.id], limit=1)
        return found[0] if found else None

    def count_sent(self, channel: str, address: str, since: int) -> int:
        t = tables.notices.c
        where = self._where(tables.notices, t.address == address, t.channel == channel, t.sent_at >= since)
        return int(self._connection.execute(select(func.count()).where(where)).scalar_one())

    def told_customer(self, customer: str, since: int, limit: int) -> Sequence[Notice]:
        t = tables.notices.c
        sent = t.customer == customer, t.recorded_at >= since, t.state == "sent", t.role.startswith("customer.")
        return self._list(Notice, tables.notices, *sent, by=[t.recorded_at.desc(), t.id.desc()], limit=limit)

    def feed_number(self, customer: str) -> int:
        return int(self._setting(f"feed/{customer}") or 0)

    def change_feed_number(self, customer: str, number: int) -> None:
        self._put(tables.settings, {"name": f"feed/{customer}", "value": str(number)})

    def add_unsubscription(self, channel: str, address: str, kind: str, at: int) -> None:
        self._add(tables.unsubscribed, {"channel": channel, "address": address, "kind": kind, "at": at})

    def forget_unsubscription(self, channel: str, address: str, kind: str) -> None:
        self._connection.execute(delete(tables.unsubscribed).where(self._wanted_no_more(channel, address, kind)))

    def unsubscribed_at(self, channel: str, address: str, kind: str) -> int | None:
        stopped = select(tables.unsubscribed.c.at).where(self._wanted_no_more(channel, address, kind))
        return self._connection.execute(stopped).scalar()

    def _wanted_no_more(self, channel: str, address: str, kind: str) -> ColumnElement[bool]:
        t = tables.unsubscribed.c
        return self._where(tables.unsubscribed, t.channel == channel, t.address == address, t.kind == kind)

    def notices_promised(self, after: tuple[int, str] | None, limit: int) -> Sequence[Notice]:
        self._settle()
        t = tables.notices.c
        wanted = [t.state == literal_column("'recorded'"), t.due_by.is_not(None)]
        if after is not None:
            wanted.append(tuple_(t.due_by, t.id) > tuple_(literal(after[0]), literal(after[1])))
        return self._list(Notice, tables.notices, *wanted, by=[t.due_by, t.id], limit=limit)

    def notices_of(self, case: Case) -> Sequence[Notice]:
        return problems.notices_of(self._connection, self._tenant, case)


_c = tables.cases.c
# By what their indexes are of.
_IN_STATES = {frozenset(OPEN_STATES): _c.is_open == true(), frozenset(ENDED_STATES): _c.is_open == false()}
# Made once, because making them takes longer than executing them.
_CASE = select(tables.cases).where(_c.tenant == bindparam("tenant"), _c.id == bindparam("id"))
_ADVANCE = update(tables.cases).where(
    _c.tenant == bindparam("of_tenant"), _c.id == bindparam("of_id"), _c.seq == bindparam("before")
)
_CASES_OF = (
    select(tables.cases)
    .where(*(_c[name] == bindparam(name) for name in ("tenant", "agreement", "objective", "service", "is_silence")))
    .order_by(_c.opened_at.desc(), _c.is_open.desc(), _c.id.desc())
)
_OPEN_CASE = _CASES_OF.where(_c.is_open)
