"""Which files of the folder belong to the log, as rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, tuple_, update

from upheld.store.columnar import Wanted
from upheld.store.rows import from_row, to_row
from upheld.store.tables import log_files

State = Literal["new", "placed", "gone"]


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file: its name, and the one that it has until it is in its place; its month (`2026-06`, UTC); the positions
    and instants (microseconds UTC) that its rows lie between, both included."""

    tenant: str
    name: str
    hidden: str
    state: State
    month: str
    first_position: int
    last_position: int
    min_time: int
    max_time: int
    rows: int


def files(connection: Connection, tenant: str, wanted: Wanted) -> Sequence[LogFile]:
    """The files that may hold rows that are wanted, by month and then by position."""
    t = log_files.c
    query = select(log_files).where(t.tenant == tenant, t.state != "gone")
    if wanted.start is not None:
        query = query.where(t.max_time >= wanted.start)
    if wanted.end is not None:
        query = query.where(t.min_time < wanted.end)
    if wanted.after is not None:
        query = query.where(t.last_position > wanted.after)
    if wanted.upto is not None:
        query = query.where(t.first_position <= wanted.upto)
    rows = connection.execute(query.order_by(t.month, t.first_position)).mappings()
    return [from_row(LogFile, row) for row in rows]


def unfinished(connection: Connection) -> Sequence[LogFile]:
    """The files of any tenant that have yet to be put in their places, or to be deleted."""
    t = log_files.c
    rows = connection.execute(select(log_files).where(t.state != "placed").order_by(t.tenant, t.name)).mappings()
    return [from_row(LogFile, row) for row in rows]


def tenants_with_files(connection: Connection) -> Sequence[str]:
    t = log_files.c
    return sorted(connection.execute(select(t.tenant).where(t.state != "gone").distinct()).scalars())


def add(connection: Connection, files: Sequence[LogFile]) -> None:
    """Lets files belong to the log."""
    connection.execute(insert(log_files), [to_row(file) for file in files])


def mark(connection: Connection, files: Sequence[LogFile], state: State) -> int:
    """Gives files another state; returns how many there were that had not that state, and were not gone."""
    t = log_files.c
    changing = update(log_files).where(_are(files), t.state != "gone", t.state != state).values(state=state)
    return connection.execute(changing, execution_options={"preserve_rowcount": True}).rowcount


def forget(connection: Connection, files: Collection[LogFile]) -> None:
    """Files that are gone have been deleted."""
    connection.execute(delete(log_files).where(_are(files), log_files.c.state == "gone"))


def _are(files: Collection[LogFile]) -> ColumnElement[bool]:
    return tuple_(log_files.c.tenant, log_files.c.name).in_([(file.tenant, file.name) for file in files])


def last_position(connection: Connection, tenant: str) -> int:
    """The last position that is in a file, 0 before the first."""
    t = log_files.c
    return connection.execute(select(func.max(t.last_position)).where(t.tenant == tenant)).scalar() or 0
