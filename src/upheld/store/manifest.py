"""Which files of the folder belong to the log, as rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_, update

from upheld.store.columnar import Wanted
from upheld.store.rows import add, from_row, to_row
from upheld.store.tables import log_files

State = Literal["writing", "new", "placed", "gone"]
"""A file that is `writing` does not belong to the log yet; it comes to do so as `new`, and is `placed` once it has its
name. What is `gone` belongs to the log no more, and has yet to be deleted."""
IN_LOG = log_files.c.state.in_(("new", "placed"))
"""Of the rows those whose files belong to the log."""


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
    query = select(log_files).where(t.tenant == tenant, IN_LOG)
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


def wholly_before(connection: Connection, tenant: str, before: int, behind: int) -> Sequence[LogFile]:
    """The files in which all was measured before an instant (microseconds UTC), and which end before position
    `behind`."""
    t = log_files.c
    query = select(log_files).where(t.tenant == tenant, IN_LOG, t.max_time < before, t.last_position < behind)
    rows = connection.execute(query).mappings()
    return [from_row(LogFile, row) for row in rows]


def unfinished(connection: Connection) -> Sequence[LogFile]:
    """The files of any tenant that are being written, or have yet to be put in their places or to be deleted."""
    t = log_files.c
    rows = connection.execute(select(log_files).where(t.state != "placed").order_by(t.tenant, t.name)).mappings()
    return [from_row(LogFile, row) for row in rows]


def tenants_with_files(connection: Connection) -> Sequence[str]:
    t = log_files.c
    return sorted(connection.execute(select(t.tenant).where(IN_LOG).distinct()).scalars())


def announce(connection: Connection, file: LogFile) -> bool:
    """Notes a file that is about to be written; whether there is none of that name."""
    return add(connection, log_files, to_row(file))


def admit(connection: Connection, files: Sequence[LogFile]) -> int:
    """Lets files that have been written belong to the log; returns how many of them nobody has abandoned."""
    admitting = update(log_files).where(_are(files), log_files.c.state == "writing").values(state="new")
    return connection.execute(admitting, execution_options={"preserve_rowcount": True}).rowcount


def abandon(connection: Connection, files: Collection[LogFile]) -> Sequence[str]:
    """Takes files that are being written out again, so that nobody can admit them; returns the hidden names of those
    that nobody has admitted or abandoned before."""
    abandoning = delete(log_files).where(_are(files), log_files.c.state == "writing").returning(log_files.c.hidden)
    return connection.execute(abandoning).scalars().all()


def mark(connection: Connection, files: Sequence[LogFile], state: State) -> int:
    """Gives files of the log another state; returns how many there were that had not that state."""
    changing = update(log_files).where(_are(files), IN_LOG, log_files.c.state != state).values(state=state)
    return connection.execute(changing, execution_options={"preserve_rowcount": True}).rowcount


def forget(connection: Connection, files: Collection[LogFile]) -> None:
    """Files that are gone have been deleted."""
    connection.execute(delete(log_files).where(_are(files), log_files.c.state == "gone"))


def _are(files: Collection[LogFile]) -> ColumnElement[bool]:
    # A file that is abandoned may come again under its name, but never under its hidden one.
    t = log_files.c
    return tuple_(t.tenant, t.name, t.hidden).in_([(file.tenant, file.name, file.hidden) for file in files])


def last_position(connection: Connection, tenant: str) -> int:
    """The last position that is in a file, 0 before the first."""
    t = log_files.c
    last = select(func.max(t.last_position)).where(t.tenant == tenant, t.state != "writing")
    return connection.execute(last).scalar() or 0
