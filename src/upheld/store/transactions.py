"""One unit of work of one tenant. What each method promises is said in `ports.Transaction`."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Table,
    Text,
    case,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
    values,
)

from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version
from upheld.measurements.collection import CollectionJob
from upheld.measurements.dead_letters import DeadLetter, DeadLetterState
from upheld.measurements.senders import Sender
from upheld.outgoing.billing import Adjustment
from upheld.outgoing.claims import Claim
from upheld.outgoing.model import OutgoingEvent
from upheld.ports import (
    Adoption,
    AgendaEntry,
    Assessment,
    Conflict,
    Hub,
    Kept,
    LogFloor,
    SourceFile,
    Told,
    VerdictFilter,
)
from upheld.store import collection_jobs, dead_letters, outgoing, senders, tables, verdict_rows
from upheld.store.casework import Casework
from upheld.store.received import ReceivedNotices
from upheld.store.rows import from_row, to_row, verdict_of
from upheld.store.tenant_rows import setting_row
from upheld.store.works import Works

_LOG_FLOOR = "log_floor"
RANGES_AT_ONCE = 200
"""Ranges of ids in one statement: a database takes no more than so many hundreds of terms."""


class SqlTransaction(Casework, Works, ReceivedNotices):
    """`ports.Transaction` on an open connection."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        super().__init__(connection, tenant)
        self._newest_portfolio: tuple[int, str] | None = None
        # Of playbooks and topologies, whether there are any and which: asked for once for each case.
        self._newest_sources: dict[Table, tuple[int, str] | None] = {}
        self._newest_versions: dict[Table, int | None] = {}
        self._outgoing: list[OutgoingEvent] = []

    def end(self) -> None:
        """Does what is to be done last, before the transaction is committed."""
        self._settle()
        if self._outgoing:
            outgoing.append(self._connection, self._tenant, self._outgoing)
            self._outgoing = []

    # -- agreements

    def save_portfolio(
        self,
        source: str,
        known_at: int,
        applied_by: str | None = None,
        agreements: Mapping[str, Sequence[Any]] = MappingProxyType({}),
    ) -> int:
        newest = select(func.coalesce(func.max(tables.portfolios.c.version), 0))
        version: int = self._connection.execute(newest.where(self._where(tables.portfolios))).scalar_one() + 1
        if not self._add(tables.portfolios, to_row(Adoption(version, source, known_at, applied_by, agreements))):
            raise Conflict(f"version {version} of the portfolio was saved by someone else")
        self._newest_portfolio = None
        return version

    def portfolio(self) -> tuple[int, str] | None:
        if self._newest_portfolio is not None:  # it is long, and asked for once for each case
            return self._newest_portfolio
        t = tables.portfolios.c
        newest = select(t.version, t.source).where(self._where(tables.portfolios)).order_by(t.version.desc()).limit(1)
        row = self._connection.execute(newest).first()
        self._newest_portfolio = None if row is None else (row.version, row.source)
        return self._newest_portfolio

    def adoption(self, version: int) -> Adoption | None:
        return self._find(Adoption, tables.portfolios, tables.portfolios.c.version == version)

    # -- the mapping of labelled samples, playbooks and the topology

    def save_mapping(self, source: str, known_at: int, applied_by: str | None = None) -> int:
        return self._save_source(tables.mappings, "mapping", source, known_at, applied_by)

    def mapping(self) -> tuple[int, str] | None:
        return self._newest_source(tables.mappings)

    def save_playbooks(self, source: str, known_at: int, applied_by: str | None = None) -> int:
        return self._save_source(tables.playbooks, "playbooks", source, known_at, applied_by)

    def playbooks(self) -> tuple[int, str] | None:
        return self._newest_source(tables.playbooks)

    def save_topology(self, source: str, known_at: int, applied_by: str | None = None) -> int:
        return self._save_source(tables.topologies, "topology", source, known_at, applied_by)

    def topology(self) -> tuple[int, str] | None:
        return self._newest_source(tables.topologies)

    def topology_version(self) -> int | None:
        return self._newest_version(tables.topologies)

    def _save_source(self, table: Table, called: str, source: str, known_at: int, applied_by: str | None) -> int:
        version = (self._newest_version(table) or 0) + 1
        self._newest_sources.pop(table, None)
        self._newest_versions.pop(table, None)
        row = {"version": version, "source": source, "known_at": known_at, "applied_by": applied_by}
        if not self._add(table, row):
            raise Conflict(f"version {version} of the {called} was saved by someone else")
        return version

    def _newest_source(self, table: Table) -> tuple[int, str] | None:
        if table not in self._newest_sources:
            newest = select(table.c.version, table.c.source).where(self._where(table)).order_by(table.c.version.desc())
            row = self._connection.execute(newest.limit(1)).first()
            self._newest_sources[table] = None if row is None else (row.version, row.source)
        return self._newest_sources[table]

    def _newest_version(self, table: Table) -> int | None:
        if table not in self._newest_versions:
            newest = select(func.max(table.c.version)).where(self._where(table))
            self._newest_versions[table] = self._connection.execute(newest).scalar()
        return self._newest_versions[table]

    # -- dead letters

    def set_aside(self, letter: DeadLetter) -> None:
        dead_letters.set_aside(self._connection, self._tenant, letter)

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        return dead_letters.one(self._connection, self._tenant, letter_id)

    def dead_letters(
        self, *, state: DeadLetterState | None = None, reason: str | None = None, limit: int = 500
    ) -> Sequence[DeadLetter]:
        return dead_letters.listed(self._connection, self._tenant, state, reason, limit)

    def dead_letters_dropped(self) -> int:
        return dead_letters.dropped(self._connection, self._tenant)

    def change_dead_letter(self, letter: DeadLetter, attempts: int) -> None:
        dead_letters.change(self._connection, self._tenant, letter, attempts)

    # -- senders

    def add_to_senders(self, more: Sequence[Sender]) -> None:
        senders.add_to(self._connection, self._tenant, more)

    def senders(self) -> Sequence[Sender]:
        return senders.known(self._connection, self._tenant)

    # -- files of sources

    def save_source_file(self, file: SourceFile) -> None:
        self._put(tables.source_files, to_row(file))

    def source_file(self, source: str, path: str, mark: str) -> SourceFile | None:
        t = tables.source_files.c
        return self._find(SourceFile, tables.source_files, t.source == source, t.path == path, t.mark == mark)

    def source_file_states(self, source: str) -> Mapping[str, int]:
        return collection_jobs.file_states(self._connection, self._tenant, source)

    # -- measurement collection jobs

    def save_collection_job(self, job: CollectionJob) -> CollectionJob:
        return collection_jobs.save(self._connection, self._tenant, job)

    def collection_job(self, job_id: int, *, changing: bool = False) -> CollectionJob | None:
        return collection_jobs.by_id(self._connection, self._tenant, job_id, changing)

    def collection_jobs(self, limit: int = 100, offset: int = 0) -> Sequence[CollectionJob]:
        return collection_jobs.many(self._connection, self._tenant, limit, offset)

    def count_collection_jobs(self) -> int:
        return collection_jobs.count(self._connection, self._tenant)

    def forget_collection_job(self, job: CollectionJob) -> None:
        collection_jobs.forget(self._connection, self._tenant, job)

    def forget_source_files(self, source: str, before: int, still: Collection[tuple[str, str]]) -> int:
        t = tables.source_files.c
        old = self._where(tables.source_files, t.source == source, t.known_at < before)
        found = self._connection.execute(select(t.path, t.mark).where(old)).all()
        gone = [(path, mark) for path, mark in found if (path, mark) not in still]
        for path, mark in gone:
            self._connection.execute(delete(tables.source_files).where(old, t.path == path, t.mark == mark))
        return len(gone)

    # -- verdicts

    def put_verdicts(self, told: Sequence[Told], known_at: int) -> None:
        verdict_rows.keep(self._connection, self._tenant, told, known_at)

    def newest(self, keys: Sequence[verdict_rows.Key]) -> Mapping[verdict_rows.Key, Verdict]:
        return verdict_rows.newest(self._connection, self._tenant, keys)

    def newest_windows(self, keys: Sequence[verdict_rows.Key]) -> Mapping[verdict_rows.Key, Verdict]:
        return verdict_rows.newest_windows(self._connection, self._tenant, keys)

    def verdict(self, key: tuple[str, str, str, int]) -> Verdict | None:
        return verdict_rows.one(self._connection, self._tenant, key)

    def verdicts(self, where: VerdictFilter = VerdictFilter()) -> Sequence[Verdict]:
        newest = self._newest(where, newest_only=where.newest_only).c
        wanted = [newest.age == 1] + ([] if where.customer is None else [newest.customer == where.customer])
        found = [verdict_of(d) for d in self._connection.execute(select(newest.document).where(*wanted)).scalars()]
        # Sorted here, because databases differ in how they order texts.
        return sorted(found, key=lambda verdict: verdict.key)

    def _newest(self, where: VerdictFilter, *conditions: ColumnElement[bool], newest_only: bool) -> Subquery:
        """The rows of verdicts, each with its `age` among those of its period (of its rolling window, wherever that
        begins), or of its objective and service: 1 is the newest."""
        t = tables.verdicts.c
        wanted = [t[name] == value for name in ("agreement", "service") if (value := getattr(where, name)) is not None]
        if where.ends_after is not None:
            wanted += [t.period_end > where.ends_after, t.rolling_from.is_(None)]
        if where.ends_by is not None:
            wanted += [t.period_end <= where.ends_by, t.rolling_from.is_(None)]
        among: list[ColumnElement[Any]] = [t.agreement, t.objective, t.service]
        if not newest_only:
            among += [t.rolling_from, case((t.rolling_from.is_(None), t.period_start), else_=0)]
        age = func.row_number().over(partition_by=among, order_by=[t.period_start.desc(), t.version.desc()])
        rows = select(t.customer, t.known_at, t.written_at, t.rolling_from, t.document, age.label("age"))
        return rows.where(self._where(tables.verdicts, *wanted, *conditions)).subquery("newest")

    def verdicts_known(self, where: VerdictFilter, known_at: int) -> Sequence[Kept]:
        newest = self._newest(where, tables.verdicts.c.known_at <= known_at, newest_only=False).c
        columns = select(newest.document, newest.known_at, newest.written_at, newest.rolling_from)
        rows = self._connection.execute(columns.where(newest.age == 1))
        return [Kept(verdict_of(r.document), r.known_at, r.written_at, r.rolling_from) for r in rows]

    def verdict_versions(self, key: tuple[str, str, str, int]) -> Sequence[Version]:
        t = tables.verdicts.c
        rolling_from = self._connection.execute(self._versions(key).with_only_columns(t.rolling_from)).scalar()
        versions = self._versions(key)
        if rolling_from is not None:
            columns = (t.document, t.known_at, t.cause, t.approver)
            same = (t.agreement == key[0]) & (t.objective == key[1]) & (t.service == key[2])
            versions = select(*columns).where(self._where(tables.verdicts, same, t.rolling_from == rolling_from))
        rows = self._connection.execute(versions.order_by(t.version))
        return [Version(verdict_of(r.document), r.known_at, r.cause, r.approver) for r in rows]

    def _versions(self, key: tuple[str, str, str, int]) -> Select[Any]:
        t = tables.verdicts.c
        agreement, objective, service, period_start = key
        return select(t.document, t.known_at, t.cause, t.approver).where(
            self._where(tables.verdicts),
            t.agreement == agreement,
            t.objective == objective,
            t.service == service,
            t.period_start == period_start,
        )

    # -- what was assessed

    def add_assessment(self, assessment: Assessment) -> None:
        t = tables.assessments
        newest = select(func.coalesce(func.max(t.c.number), 0)).where(self._where(t))
        number: int = self._connection.execute(newest).scalar_one() + 1
        if not self._add(t, to_row(replace(assessment, number=number))):
            raise Conflict(f"assessment {number} was added by someone else")

    def assessment(self, known_at: int | None = None, before_portfolio: int | None = None) -> Assessment | None:
        t = tables.assessments.c
        wanted = [] if known_at is None else [t.known_at <= known_at]
        wanted += [] if before_portfolio is None else [t.portfolio < before_portfolio]
        found = self._list(Assessment, tables.assessments, *wanted, by=[t.number.desc()], limit=1)
        return found[0] if found else None

    # -- what may be removed of the log

    def log_floor(self) -> LogFloor | None:
        value = self._setting(_LOG_FLOOR)
        return None if value is None else LogFloor(**json.loads(value))

    def raise_log_floor(self, floor: LogFloor) -> bool:
        if not self._add(tables.settings, setting_row(_LOG_FLOOR, floor)):
            # Whoever raises it at the same time waits here, and then sees what this has left.
            mine = self._where(tables.settings, tables.settings.c.name == _LOG_FLOOR)
            self._connection.execute(update(tables.settings).where(mine).values(name=_LOG_FLOOR))
            before = self.log_floor()
            assert before is not None, "a floor that was there is gone"
            if floor.kept_from <= before.kept_from:
                return False
            # What is settled stays so, also where another promise has come that is not.
            self._put(
                tables.settings, setting_row(_LOG_FLOOR, replace(floor, settled=max(floor.settled, before.settled)))
            )
        t = tables.assessments
        newest = select(func.max(t.c.number)).where(self._where(t)).group_by(t.c.portfolio)
        old = self._where(t, t.c.known_at < floor.raised_at)
        before_raising = newest.where(t.c.known_at < floor.raised_at)
        self._connection.execute(delete(t).where(old, t.c.number.not_in(before_raising)))
        return True

    # -- events for other systems

    def add_outgoing(self, events: Sequence[OutgoingEvent]) -> None:
        self._outgoing += events

    def outgoing_events(self, after: int, limit: int) -> Sequence[OutgoingEvent]:
        return outgoing.behind(self._connection, self._tenant, after, limit)

    def outgoing_event(self, position: int) -> OutgoingEvent | None:
        return outgoing.one(self._connection, self._tenant, position)

    def outgoing_span(self) -> tuple[int, int]:
        return outgoing.span(self._connection, self._tenant)

    def forget_outgoing(self, before: int) -> int:
        return outgoing.forget(self._connection, self._tenant, before)

    def add_adjustments(self, found: Sequence[Adjustment]) -> None:
        for adjustment in found:
            if not self._add(tables.adjustments, to_row(adjustment)):
                raise Conflict(f"the adjustment {adjustment.id} was added by someone else")

    def adjustments(self, since: int | None = None, until: int | None = None) -> Sequence[Adjustment]:
        return outgoing.adjusted(self._connection, self._tenant, since, until)

    # -- claims of credits

    def add_claim(self, claim: Claim) -> bool:
        return self._add(tables.claims, to_row(claim))

    def claim_of(self, key: tuple[str, str, str, int]) -> Claim | None:
        return self._find(Claim, tables.claims, outgoing.is_claim_of(key))

    def claims(self, agreement: str | None = None, service: str | None = None) -> Sequence[Claim]:
        t = tables.claims.c
        limits = ((t.agreement, agreement), (t.service, service))
        wanted = [column == value for column, value in limits if value is not None]
        return self._list(Claim, tables.claims, *wanted, by=outgoing.BY_CLAIM)

    def new_claims(self) -> Sequence[Claim]:
        return self._list(Claim, tables.claims, tables.claims.c.told_at.is_(None), by=outgoing.BY_CLAIM)

    def change_claim(self, claim: Claim, at: int) -> None:
        here = self._where(tables.claims, outgoing.is_claim_of(claim.key))
        self._connection.execute(update(tables.claims).where(here).values(told_at=at))

    def add_hub(self, hub: Hub) -> None:
        self._add(tables.hubs, to_row(hub))

    def hub(self, hub_id: str) -> Hub | None:
        return self._find(Hub, tables.hubs, tables.hubs.c.id == hub_id)

    def hubs(self) -> Sequence[Hub]:
        t = tables.hubs.c
        return self._list(Hub, tables.hubs, by=[t.created_at, t.id])

    def forget_hub(self, hub_id: str) -> None:
        self._connection.execute(delete(tables.hubs).where(self._where(tables.hubs, tables.hubs.c.id == hub_id)))
        outgoing.drop(self._connection, self._tenant, hub_id)

    def add_sink(self, sink: str, position: int) -> None:
        self._add(tables.sinks, {"sink": sink, "position": position})

    def sink_position(self, sink: str) -> int | None:
        return outgoing.place(self._connection, self._tenant, sink)

    def change_sink(self, sink: str, was: int, now: int) -> bool:
        return outgoing.move(self._connection, self._tenant, sink, was, now)

    # -- the agenda

    def agenda_from(
        self, kinds: Collection[str], ending: Collection[str], after: tuple[int, str] | None, limit: int
    ) -> Sequence[AgendaEntry]:
        self._settle()
        t = tables.agenda.c
        wanted: list[ColumnElement[bool]] = [t.ended_as.is_(None), t.kind.in_(kinds)]
        if ending:
            wanted.append(or_(*(t.id.endswith(end, autoescape=True) for end in ending)))
        if after is not None:
            wanted.append(tuple_(t.due_at, t.id) > tuple_(literal(after[0]), literal(after[1])))
        return self._list(AgendaEntry, tables.agenda, *wanted, by=[t.due_at, t.id], limit=limit)

    def agenda_of(self, kinds: Collection[str], subjects: Collection[str]) -> Sequence[AgendaEntry]:
        self._settle()
        t = tables.agenda.c
        begins = [f"{kind}/{subject}/" for kind in kinds for subject in subjects]
        found: list[AgendaEntry] = []
        for first in range(0, len(begins), RANGES_AT_ONCE):
            # Joined, each range is looked up by the key; of ranges with OR between them SQLite makes a scan.
            some = [(begin, begin[:-1] + "0") for begin in begins[first : first + RANGES_AT_ONCE]]
            of = values(column("low", Text), column("high", Text), name="ranges").data(some).cte("ranges")
            here = (t.tenant == self._tenant) & (t.id >= of.c.low) & (t.id < of.c.high)
            query = select(tables.agenda).select_from(of.join(tables.agenda, here)).where(t.ended_as.is_(None))
            found += [from_row(AgendaEntry, row) for row in self._connection.execute(query).mappings()]
        return sorted(found, key=lambda entry: (entry.due_at, entry.id))

    def schedule(self, entry: AgendaEntry) -> None:
        self._add_later(tables.agenda, [to_row(entry)])

    def finish(self, entry_id: str) -> None:
        self._end(entry_id, "finished", None)

    def give_up(self, entry_id: str, error: str) -> None:
        self._end(entry_id, "given_up", error)

    def retry(self, entry_id: str, due_at: int, error: str) -> None:
        self._settle()
        here = self._to_do(tables.agenda.c.id == entry_id)
        later = {"due_at": due_at, "error": error, "leased_until": None}
        self._connection.execute(update(tables.agenda).where(here).values(later))

    def put_back(self, entry_id: str, due_at: int, reason: str) -> None:
        self._settle()
        t = tables.agenda.c
        later = {"due_at": due_at, "error": reason, "leased_until": None, "attempts": t.attempts - 1}
        self._connection.execute(update(tables.agenda).where(self._to_do(t.id == entry_id)).values(later))

    def hasten(self, entry_id: str, due_at: int) -> None:
        self._settle()
        t = tables.agenda.c
        here = self._to_do((t.id == entry_id) & (t.due_at > due_at) & t.leased_until.is_(None))
        self._connection.execute(update(tables.agenda).where(here).values(due_at=due_at))

    def agenda(self, limit: int = 500) -> Sequence[AgendaEntry]:
        self._settle()
        t = tables.agenda.c
        return self._list(AgendaEntry, tables.agenda, t.ended_as.is_(None), by=[t.due_at, t.id], limit=limit)

    def _end(self, entry_id: str, ended_as: str, error: str | None) -> None:
        self._settle()
        here = self._to_do(tables.agenda.c.id == entry_id)
        end = {"ended_as": ended_as, "error": error, "leased_until": None}
        self._connection.execute(update(tables.agenda).where(here).values(end))

    def _to_do(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return self._where(tables.agenda, condition, tables.agenda.c.ended_as.is_(None))
