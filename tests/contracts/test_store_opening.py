"""Opening: by several at once, at the newest form, durable, private, and with a clear word where it cannot be."""

import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, make_url, text

from upheld.store import SqlStore, UnusableStore, open_store, opening
from upheld.store.tables import metadata

OPENER = """
import sys
from upheld.analysis.model import Change
from upheld.store import open_store
print("ready", flush=True)
sys.stdin.readline()
store = open_store(sys.argv[1])
print(store.setting("first", sys.argv[2]))
with store.transaction("t") as t:
    t.add_change(Change(sys.argv[2], 1, "opened", ()))
"""


def test_two_processes_open_a_new_database_at_once_and_agree(new_url: str) -> None:
    def opener(name: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OPENER, new_url, name]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    openers = [opener(str(n)) for n in range(2)]
    for process in openers:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in openers:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60) for process in openers]
    assert [errors for _, errors in said] == [""] * 2
    assert len({answer for answer, _ in said}) == 1
    with open_store(new_url).transaction("t") as t:
        assert len(t.changes(0)) == 2


def test_threads_that_open_a_new_database_at_once_make_it_once(new_url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        stores = list(threads.map(open_store, [new_url] * 6))
    assert len({store.setting("first", str(n)) for n, store in enumerate(stores)}) == 1
    for store in stores:
        store.close()


def test_what_was_kept_is_there_when_the_database_is_opened_again(new_url: str) -> None:
    for version in (1, 2):
        store = open_store(new_url)
        store.ping()
        with store.transaction("t") as t:
            assert t.save_portfolio("a: 1\n", 1) == version
        store.close()


def test_the_tables_are_those_that_the_migrations_make(store: SqlStore) -> None:
    with store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


SQLITE_FORM = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL"
POSTGRES_FORM = """
    SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
    UNION ALL
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = current_schema()::regnamespace
    UNION ALL
    SELECT table_name, column_name, concat_ws(' ', data_type, is_nullable, column_default, ordinal_position)
    FROM information_schema.columns WHERE table_schema = current_schema()
"""


def form(connection: Connection, schema: str) -> set[tuple[str, ...]]:
    """Every table, column, key and index, as the database itself describes them."""
    query = SQLITE_FORM if connection.dialect.name == "sqlite" else POSTGRES_FORM
    rows = [tuple(" ".join(str(value).split()) for value in row) for row in connection.execute(text(query))]
    plain = [tuple(value.replace(f"{schema}.", "").replace('"', "") for value in row) for row in rows]
    return {row for row in plain if "alembic" not in row[0]}


def test_keys_and_conditions_of_indexes_are_those_that_the_migrations_make_too(
    store: SqlStore, database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/plain.db" if database == "sqlite" else request.getfixturevalue("new_schema")()
    plain = create_engine(url)
    metadata.create_all(plain)
    schemas = [str(e.url.query.get("options", "")).rpartition("=")[2] or "main" for e in (plain, store._engine)]
    with plain.connect() as wanted, store._engine.connect() as made:
        assert form(made, schemas[1]) == form(wanted, schemas[0])
        assert len(form(made, schemas[1])) > 30
    plain.dispose()


def test_a_database_of_a_newer_version_is_left_alone(new_url: str) -> None:
    store = open_store(new_url)
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(UnusableStore, match="revision 9999, made by a newer version"):
        open_store(new_url)


def test_a_migration_that_fails_leaves_nothing_half_made(new_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine_of: dict[str, Callable[[Any], Any]] = {"sqlite": opening._sqlite, "postgresql": opening._postgresql}

    def failing(url: Any) -> Any:
        engine = engine_of[url.get_backend_name()](url)

        @event.listens_for(engine, "before_cursor_execute")
        def fail(_c: object, _cursor: object, statement: str, *_: object) -> None:
            if "CREATE TABLE notices" in statement:
                raise OSError("the disk is full")

        return engine

    with monkeypatch.context() as broken:
        broken.setattr(opening, "_sqlite", failing)
        broken.setattr(opening, "_postgresql", failing)
        with pytest.raises(UnusableStore, match="the disk is full"):
            open_store(new_url)
    engine = create_engine(new_url)
    with engine.connect() as connection:
        assert form(connection, "") == set()
    engine.dispose()
    store = open_store(new_url)
    store.ping()
    store.close()


def test_sqlite_is_durable_at_commit_and_private_to_its_owner(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new/upheld.db")
    pragmas = ("journal_mode", "synchronous", "foreign_keys")
    with store._begin(writing=True) as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    assert found == ["wal", 2, 1]
    with store.transaction("t") as t:
        t.save_portfolio("a: 1\n", 1)
        files = sorted((tmp_path / "new").iterdir())
        assert [f.name for f in files] == ["upheld.db", "upheld.db-shm", "upheld.db-wal"]
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    store.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://", "needs the path of a file"),
        ("sqlite:///:memory:", "needs the path of a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "needs the path of a file"),
        ("mysql://root:hunter2@localhost/upheld", "mysql is not a database for Upheld"),
        ("postgresql+asyncpg://u:hunter2@localhost/upheld", r"asyncpg is not a database for Upheld"),
        ("not a url with hunter2", "cannot be read"),
        ("postgresql://u:hunter2@localhost:port/upheld", "cannot be read"),
        ("sqlite:////dev/null/upheld.db", "/dev/null"),
        ("postgresql://u:hunter2@127.0.0.1:1/upheld?connect_timeout=2&sslpassword=hunter2", "127.0.0.1"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named_with_the_reason_and_without_its_password(
    url: str, reason: str
) -> None:
    with pytest.raises(UnusableStore, match=reason) as raised:
        open_store(url)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database " * 100)
    with pytest.raises(UnusableStore, match="file is not a database"):
        open_store(f"sqlite:///{file}")
    assert file.read_text() == "not a database " * 100


def test_an_error_of_a_statement_does_not_print_its_values(store: SqlStore) -> None:
    with pytest.raises(Exception, match="hidden") as raised, store._begin(writing=True) as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:v)"), {"v": "hunter2"})
    assert "hunter2" not in str(raised.value)


def test_ping_raises_where_the_database_has_gone(new_url: str, database: str) -> None:
    store = open_store(new_url)
    with store._engine.begin() as connection:
        connection.execute(text("DROP TABLE tenants"))
    with pytest.raises(Exception, match="tenants"):
        store.ping()
    store.close()


def test_a_plain_postgresql_url_means_psycopg() -> None:
    for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        assert opening._checked(f"{scheme}://u@h/d") == make_url("postgresql+psycopg://u@h/d")
