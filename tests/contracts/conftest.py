"""Every store passes the same suite: on SQLite, and on PostgreSQL where UPHELD_TEST_POSTGRES names a server."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from upheld.store import SqlStore, open_store
from upheld.store.tables import metadata

POSTGRES = os.environ.get("UPHELD_TEST_POSTGRES", "")
_numbers = itertools.count()


@pytest.fixture(scope="session")
def new_schema() -> Iterator[Callable[[], str]]:
    """Makes empty schemas on the PostgreSQL server, as URLs; they go with the session."""
    if not POSTGRES:
        pytest.skip("UPHELD_TEST_POSTGRES is not set: a SQLAlchemy URL such as postgresql+psycopg://USER@HOST/DATABASE")
    engine = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    made = []

    def make() -> str:
        name = f"upheld_test_{os.getpid()}_{next(_numbers)}"
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        made.append(name)
        url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_store(new_schema: Callable[[], str]) -> Iterator[SqlStore]:
    store = open_store(new_schema())
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Which database the test runs on."""
    return str(request.param)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database as opening makes it: copying it costs less than making it again."""
    path = tmp_path_factory.mktemp("sqlite") / "upheld.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(database: str, request: pytest.FixtureRequest, empty_file: Path, tmp_path: Path) -> Iterator[SqlStore]:
    """An open store with nothing in it."""
    if database == "sqlite":
        shutil.copy(empty_file, tmp_path)
        opened = open_store(f"sqlite:///{tmp_path}/upheld.db")
        yield opened
        opened.close()
        return
    opened = request.getfixturevalue("postgres_store")
    with opened._engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
    yield opened


@pytest.fixture
def new_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that nobody has opened yet."""
    if database == "sqlite":
        return f"sqlite:///{tmp_path}/new/upheld.db"
    return str(request.getfixturevalue("new_schema")())
