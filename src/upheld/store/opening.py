"""Opening a database: its engine, its settings, and its migration to the newest form."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from upheld.recorder import Recorder
from upheld.store.folder import Folder
from upheld.store.sql import BUSY_TIMEOUT, SqlStore

_MIGRATION_LOCK = 0x557068656C64  # "Upheld": the advisory lock that openers of one PostgreSQL database queue for


class UnusableStore(Exception):
    """The database cannot be opened, and why. The text never carries a password."""


def open_store(url: str, recorder: Recorder = Recorder(), log_files: str | None = None) -> SqlStore:
    """Opens the database of a SQLAlchemy URL, `sqlite:///PATH` (made where there is none, readable by its owner only)
    or `postgresql+psycopg://USER@HOST/DATABASE`, and migrates it to the newest form; several processes may do so at
    once. `log_files` is the folder, a path or an fsspec URL, of the measurements that are compacted to files: where it
    is not given, `PATH` with the suffix `.log` for SQLite, and none for PostgreSQL. Raises UnusableStore."""
    checked = _checked(url)
    try:
        engine = _sqlite(checked) if checked.get_backend_name() == "sqlite" else _postgresql(checked)
    except ModuleNotFoundError as error:
        raise UnusableStore(f"{_public(checked)} needs {error.name}: pip install 'upheld[postgres]'") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise UnusableStore(f"{_public(checked)}: {_reason(error)}") from None
    try:
        _migrate(engine)
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise UnusableStore(f"{_public(checked)}: {_reason(error)}") from None
    except UnusableStore:
        engine.dispose()
        raise
    return SqlStore(engine, recorder, _folder(checked, log_files))


def _folder(url: URL, log_files: str | None) -> Folder | None:
    if log_files is None and url.get_backend_name() == "sqlite":
        log_files = str(Path(str(url.database)).with_suffix(".log").absolute())
    if log_files is None:
        return None
    try:
        return Folder(log_files)
    except (ValueError, ImportError, OSError) as error:
        raise UnusableStore(f"the folder of measurements, UPHELD_LOG_FILES: {error}") from None


def _checked(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise UnusableStore("the database URL cannot be read; it is sqlite:///PATH or postgresql://...") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            raise UnusableStore("SQLite needs the path of a file, as in sqlite:///upheld.db: memory is not durable")
        return url.set(drivername="sqlite+pysqlite")
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    raise UnusableStore(f"{url.drivername} is not a database for Upheld: sqlite or postgresql (with psycopg)")


def _public(url: URL) -> str:
    """The URL without what may be secret: its password, and its options, which can hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def _reason(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


# -- SQLite


def _sqlite(url: URL) -> Engine:
    path = Path(str(url.database))
    path.parent.mkdir(parents=True, exist_ok=True)
    # It holds the installation's secrets. SQLite gives its -wal and -shm files the mode of the file itself.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    _write_ahead(path)
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False},
        hide_parameters=True,
        pool_size=8,
        max_overflow=56,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # `_begin` says when a transaction begins, not the driver
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")  # what is committed is on the disk


def _begin(connection: Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN IMMEDIATE")
    connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if begin == 'BEGIN' else 'OFF'}")
    connection.exec_driver_sql(begin)


def _write_ahead(path: Path) -> None:
    """Turns on write-ahead logging, which stays with the file. SQLite does not wait for others here, so this does."""
    give_up = time.monotonic() + BUSY_TIMEOUT
    with closing(sqlite3.connect(path)) as connection:
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(0.01)


# -- PostgreSQL


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_pre_ping=True,  # a server that was restarted is found again
        pool_size=8,
        max_overflow=56,
    )
    event.listen(engine, "connect", _set_up_session)
    return engine


def _set_up_session(connection: Any, _: object) -> None:
    # What is committed is on the disk, also where the server's default is not to wait for that.
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    # A plan that was made while a table was empty reads all of it for each row, and a prepared statement, or a foreign
    # key, would keep that plan while ten thousand cases come in: until the server next looks at the table.
    connection.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


# -- migration


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", "upheld.store:migrations")
    script = ScriptDirectory.from_config(config)
    with engine.connect().execution_options(begin="BEGIN") as connection:
        if _is_newest(connection, script):
            return
    with _alone(engine) as connection:
        if not _is_newest(connection, script):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A transaction in which no other process migrates. It makes all of a migration or nothing of it."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        yield connection


def _is_newest(connection: Connection, script: ScriptDirectory) -> bool:
    at = MigrationContext.configure(connection).get_current_heads()
    known = {revision.revision for revision in script.walk_revisions()}
    unknown = set(at) - known
    if unknown:
        raise UnusableStore(f"the database is at revision {min(unknown)}, made by a newer version of Upheld")
    return at == tuple(script.get_heads())
