"""The store and the measurement log on one SQL database."""

import shutil
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import DBAPIError

from upheld.ports import AgendaEntry, ApiKey, Census, Conflict, Outflow, StoreFailed
from upheld.recorder import Recorder
from upheld.store import log, manifest, problems, tables, verdict_news
from upheld.store.appending import Appending
from upheld.store.census import census
from upheld.store.claiming import any_due, claiming
from upheld.store.columnar import Wanted
from upheld.store.compacting import Compactor
from upheld.store.folder import Folder
from upheld.store.leading import Leading
from upheld.store.outgoing import outflow
from upheld.store.reading import Reading
from upheld.store.rows import add, from_row, put, to_row
from upheld.store.transactions import SqlTransaction

BUSY_TIMEOUT = 30
"""Seconds for which a writer waits for its turn before it fails."""

_TWO_WRITINGS = "this thread has a writing transaction open already"
_LOST_RACES = ("40001", "40P01")  # PostgreSQL: serialization_failure, deadlock_detected


class SqlStore:
    """`ports.Store` and `ports.MeasurementLog`. Made by `open_store`; to be used from any number of threads.

    A thread can have one writing transaction at a time: on SQLite a second one would wait for the first for ever, so
    it is refused on every database, with RuntimeError. `folder` is where measurements are compacted to: without it,
    they are not, and `compactor` is None."""

    def __init__(self, engine: Engine, recorder: Recorder = Recorder(), folder: Folder | None = None) -> None:
        self._engine = engine
        self._revision: tuple[str, ...] = ()
        self._writing = threading.local()
        self._found_due: set[tuple[str, ...] | None] = set()
        # SQLite lets one connection write. Threads queue here, where waking is immediate, not in its busy handler,
        # which sleeps for up to a tenth of a second at a time.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._appending = Appending(lambda: self._begin(writing=True), recorder)
        self._leading = Leading(engine)
        self._reading = Reading(lambda: self._begin(writing=False), folder)
        self.compactor = (
            None if folder is None else Compactor(lambda writing: self._begin(writing=writing), engine, folder)
        )

    def close(self) -> None:
        """Closes the connections. The store must not be used any more."""
        self._leading.close()
        self._engine.dispose()

    # -- units of work

    @contextmanager
    def transaction(self, tenant: str, *, writing: bool = True) -> Iterator[SqlTransaction]:
        """One unit of work of a tenant, committed at the end of the block, rolled back where an exception leaves it.

        With `writing=False` it sees the database as it is at its first read, waits for no writer, and whatever it
        tries to write fails."""
        with self._begin(writing=writing) as connection:
            work = SqlTransaction(connection, tenant)
            yield work
            work.end()

    @contextmanager
    def _begin(self, *, writing: bool) -> Iterator[Connection]:
        options = _MODES[self._engine.dialect.name, writing]
        with self._its_turn(writing), self._engine.connect().execution_options(**options) as connection:
            try:
                with connection.begin():
                    yield connection
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in _LOST_RACES:
                    raise Conflict("someone else changed the same rows at the same time") from error
                raise

    @contextmanager
    def _its_turn(self, writing: bool) -> Iterator[None]:
        if not writing:
            yield
            return
        if self._is_writing:
            raise RuntimeError(_TWO_WRITINGS)
        if self._turn is not None and not self._turn.acquire(timeout=BUSY_TIMEOUT):
            raise TimeoutError(f"the database was busy for {BUSY_TIMEOUT} s")
        self._writing.now = True
        try:
            yield
        finally:
            self._writing.now = False
            if self._turn is not None:
                self._turn.release()

    @property
    def _is_writing(self) -> bool:
        return getattr(self._writing, "now", False)

    def claim(self, now: int, lease: int, limit: int, kinds: Sequence[str] | None = None) -> Sequence[AgendaEntry]:
        """Takes up to `limit` due entries until `now + lease` (microseconds UTC); only those of `kinds` where it is
        given. The tenants share in them (`claiming`). They come soonest first. Where the last claim of these kinds
        found nothing, it looks before it takes a writer's turn."""
        dialect, wanted = self._engine.dialect.name, None if kinds is None else tuple(kinds)
        if wanted not in self._found_due:  # most often nothing is due; where something just was, there may be more
            with self._begin(writing=False) as connection:
                if connection.execute(any_due(dialect, wanted), {"now": now}).first() is None:
                    return []
        taking = claiming(dialect, limit, wanted)
        with self._begin(writing=True) as connection:
            found = connection.execute(taking, {"now": now, "until": now + lease}).mappings()
            taken = [from_row(AgendaEntry, row) for row in found]
        if taken:
            self._found_due.add(wanted)
        else:
            self._found_due.discard(wanted)
        return sorted(taken, key=lambda entry: (entry.due_at, entry.tenant, entry.id))

    # -- the installation

    def owing(self, before: int, limit: int) -> Sequence[tuple[str, str]]:
        with self._begin(writing=False) as connection:
            return problems.owing(connection, before, limit)

    def with_news(self, now: int, quiet: int, longest: int) -> Sequence[str]:
        with self._begin(writing=False) as connection:
            return verdict_news.tenants(connection, now, quiet, longest)

    def leads(self, tenant: str) -> bool:
        return self._leading.leads(tenant)

    def add_tenant(self, tenant: str, name: str) -> None:
        """Adds it; the same tenant again changes nothing."""
        if tenant == tables.INSTALLATION:
            raise ValueError("a tenant without a name")
        with self._begin(writing=True) as connection:
            add(connection, tables.tenants, {"tenant": tenant, "name": name})

    def tenants(self) -> Sequence[str]:
        with self._begin(writing=False) as connection:
            return sorted(connection.execute(select(tables.tenants.c.tenant)).scalars())

    def add_key(self, key: ApiKey) -> None:
        """Raises Conflict where the tenant has a key of that id, or anyone one of that digest."""
        with self._begin(writing=True) as connection:
            if not add(connection, tables.api_keys, to_row(key)):
                raise Conflict(f"the API key {key.id} is there already")

    def key_by_digest(self, digest: str) -> ApiKey | None:
        with self._begin(writing=False) as connection:
            query = select(tables.api_keys).where(tables.api_keys.c.digest == digest)
            row = connection.execute(query).mappings().first()
            return None if row is None else from_row(ApiKey, row)

    def key(self, tenant: str, key_id: str) -> ApiKey | None:
        with self._begin(writing=False) as connection:
            return _key(connection, tenant, key_id)

    def keys(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """The keys of a tenant, or of all, the revoked ones too, by tenant and age."""
        t = tables.api_keys.c
        query = select(tables.api_keys).order_by(t.tenant, t.created_at, t.id)
        with self._begin(writing=False) as connection:
            rows = connection.execute(query if tenant is None else query.where(t.tenant == tenant)).mappings()
            return [from_row(ApiKey, row) for row in rows]

    def revoke_key(self, tenant: str, key_id: str, at: int) -> ApiKey | None:
        """Revokes a key, once, and returns it as it is then; None where the tenant has no such key."""
        t = tables.api_keys.c
        this = (t.tenant == tenant, t.id == key_id, t.revoked_at.is_(None))
        with self._begin(writing=True) as connection:
            connection.execute(update(tables.api_keys).where(*this).values(revoked_at=at))
            return _key(connection, tenant, key_id)

    def setting(self, name: str, default: str) -> str:
        """The stored value of the installation, else `default`, now stored. Whoever is first decides for all."""
        t = tables.settings.c
        query = select(t.value).where(t.tenant == tables.INSTALLATION, t.name == name)
        with self._begin(writing=False) as connection:
            stored: str | None = connection.execute(query).scalar()
        if stored is not None:
            return stored
        with self._begin(writing=True) as connection:
            add(connection, tables.settings, {"tenant": tables.INSTALLATION, "name": name, "value": default})
            return str(connection.execute(query).scalar_one())

    def kept_setting(self, name: str) -> str | None:
        """The stored value of the installation; None where there is none."""
        t = tables.settings.c
        with self._begin(writing=False) as connection:
            value: str | None = connection.execute(
                select(t.value).where(t.tenant == tables.INSTALLATION, t.name == name)
            ).scalar()
            return value

    def change_setting(self, name: str, value: str) -> None:
        """Stores a value of the installation, in place of the one before."""
        with self._begin(writing=True) as connection:
            put(connection, tables.settings, [{"tenant": tables.INSTALLATION, "name": name, "value": value}])

    def ping(self) -> None:
        """Raises SQLAlchemyError where the database cannot be read, and StoreFailed where it is not of the revision
        that it was first found at."""
        with self._begin(writing=False) as connection:
            connection.execute(select(tables.tenants.c.tenant).limit(1)).all()
            heads = MigrationContext.configure(connection).get_current_heads()
        self._revision = self._revision or heads
        if heads != self._revision:
            raise StoreFailed("the database was migrated by another version of Upheld")

    def free(self) -> int | None:
        """The free bytes of the disk of a SQLite file."""
        if self._engine.dialect.name != "sqlite":
            return None
        return shutil.disk_usage(Path(str(self._engine.url.database)).absolute().parent).free

    def census(self, now: int) -> Census:
        """How things stand at `now` (microseconds UTC)."""
        with self._begin(writing=False) as connection:
            return census(connection, now)

    def outflow(self) -> Outflow:
        """How far what is told has come, of all tenants."""
        with self._begin(writing=False) as connection:
            return outflow(connection)

    # -- the measurement log

    def append(self, tenant: str, batch: pa.Table, source: str | None = None) -> int:
        """Keeps a batch, delivered by `source`, and returns its position, once it is durable; batches that come at the
        same time are committed together (`appending`). An empty batch adds nothing and gives the position of the
        tenant's last one. Raises ValueError where it has not the columns of `COLUMNS`, and NotKept."""
        if batch.num_rows == 0:
            return self._reading.end(tenant)
        packed = log.pack(batch)
        if self._is_writing:
            raise RuntimeError(_TWO_WRITINGS)
        return self._appending.append(tenant, packed, source)

    def read(self, tenant: str, after: int = 0) -> Iterator[tuple[int, pa.Table, str | None]]:
        """Every batch behind position `after`, in order, also those that arrive while it is being read. No
        transaction is open between two of them."""
        return self._reading.read(tenant, after)

    def rows(
        self,
        tenant: str,
        series: Collection[tuple[str, str]],
        *,
        start: int | None = None,
        end: int | None = None,
        upto: int | None = None,
    ) -> pa.Table:
        """All measurements of these (service, metric), and of others of the same services and metrics, with start <=
        time < end, in the batches up to position `upto`, whether they hold or were corrected, in any order."""
        services, metrics = (frozenset(pair[at] for pair in series) for at in (0, 1))
        return self._reading.rows(tenant, Wanted(services, metrics, start, end, upto=upto))

    def delivered(self, tenant: str, series: Collection[tuple[str, str]], start: int, end: int) -> pa.Table:
        """As `rows`, with who delivered each (`source`; null where that is not known)."""
        services, metrics = (frozenset(pair[at] for pair in series) for at in (0, 1))
        return self._reading.delivered(tenant, Wanted(services, metrics, start, end))

    def backlog(self, tenant: str, after: int) -> tuple[int, int]:
        """The position of the tenant's last batch, 0 before the first, and the rows behind position `after`."""
        return self._reading.backlog(tenant, after)

    def removable(self, tenant: str, before: int) -> bool:
        """Whether `remove` would remove anything."""
        last = self._reading.end(tenant)
        with self._begin(writing=False) as connection:
            in_files = self.compactor is not None and manifest.wholly_before(connection, tenant, before, last)
            return bool(in_files or log.rows_before(connection, tenant, before, last))

    def remove(self, tenant: str, before: int) -> int:
        """Removes whole files and batches in which all was measured before that instant (microseconds UTC); returns how
        many rows they had. The last stays, for positions go on behind it."""
        last = self._reading.end(tenant)
        with self._begin(writing=True) as connection:
            rows = log.rows_before(connection, tenant, before, last)
            log.remove(connection, tenant, before, last)
        return rows + (0 if self.compactor is None else self.compactor.remove(tenant, before, last))

    def sources(
        self, tenant: str, series: Collection[tuple[str, str]], start: int, end: int, *, after: int, upto: int
    ) -> Sequence[str]:
        """Who delivered measurements of one of these (service, metric) with start <= time < end (microseconds UTC) in
        the batches behind position `after` up to `upto`, by name."""
        services, metrics = ({pair[at] for pair in series} for at in (0, 1))
        return sorted(self._reading.sources(tenant, series, Wanted(services, metrics, start, end, after, upto)))

    def series(
        self, tenant: str, service: str, metric: str, start: int, end: int, *, upto: int | None = None
    ) -> pa.Table:
        """The measurements that hold of one series with start <= time < end (microseconds UTC), by time."""
        return self._reading.series(tenant, service, metric, start, end, upto)


def _key(connection: Connection, tenant: str, key_id: str) -> ApiKey | None:
    t = tables.api_keys.c
    query = select(tables.api_keys).where(t.tenant == tenant, t.id == key_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else from_row(ApiKey, row)


# How a (database, writing) transaction is begun. `begin` is for SQLite and read in `opening`.
_MODES: dict[tuple[str, bool], dict[str, Any]] = {
    ("sqlite", True): {"begin": "BEGIN IMMEDIATE"},
    ("sqlite", False): {"begin": "BEGIN"},
    ("postgresql", True): {"isolation_level": "READ COMMITTED", "postgresql_readonly": False},
    ("postgresql", False): {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
