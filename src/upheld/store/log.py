"""The head of the measurement log: every accepted batch is one row, with its place in the order and its Arrow stream,
until it is compacted (`compacting`).

A reader that has seen a position never later finds a lower one. The position comes from a counter row, and the
transaction holds that row until it is committed or gone; so the batch with the next position cannot become visible
first, however many processes append.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select

from upheld.measurements.model import COLUMNS
from upheld.store.columnar import Wanted, chosen
from upheld.store.rows import add
from upheld.store.tables import INSTALLATION, log_batches, log_head

# Quick to write: what is old is compressed better in Parquet. Threads would cost more than they save on small batches.
_WRITING = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_PAGE = 16
_PAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """A batch as it is kept: the first and the last instant in it (microseconds UTC), its rows, and its Arrow IPC
    stream, compressed with LZ4."""

    min_time: int
    max_time: int
    rows: int
    arrow: bytes


def pack(batch: pa.Table) -> PackedBatch:
    """Packs a batch of at least one row. Raises ValueError where a column of `COLUMNS` is missing, has another type
    or lacks a value that it needs."""
    missing = [name for name in COLUMNS.names if name not in batch.column_names]
    if missing:
        raise ValueError(f"a batch without {', '.join(missing)}; the columns are {', '.join(COLUMNS.names)}")
    lacking = [f.name for f in COLUMNS if not f.nullable and batch.column(f.name).null_count]
    if lacking:
        raise ValueError(f"a batch with empty {', '.join(lacking)}")
    try:
        table = batch.select(COLUMNS.names).cast(COLUMNS).unify_dictionaries().combine_chunks()
    except pa.ArrowException as error:
        raise ValueError(f"a batch with other types than {COLUMNS.names} have: {error}") from error
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, COLUMNS, options=_WRITING) as stream:
        stream.write_table(table)
    times = pc.min_max(table.column("time")).as_py()
    return PackedBatch(times["min"], times["max"], table.num_rows, sink.getvalue().to_pybytes())


def unpack(arrow: bytes) -> pa.Table:
    """The batch of an Arrow IPC stream."""
    return pa.ipc.open_stream(arrow).read_all()


def next_place(connection: Connection, tenant: str, count: int = 1) -> int:
    """The last of the next `count` numbers of a tenant's counter, which nobody else can take before this transaction
    has ended: who sees a number never later finds a lower one. `INSTALLATION` counts the batches, a tenant its
    exclusions and events."""
    place = connection.execute(_AHEAD, {"of": tenant, "count": count}).scalar()
    if place is None:
        # The first of all. Where someone else is just adding the counter, `add` waits for it and adds nothing.
        add(connection, log_head, {"tenant": tenant, "position": 0})
        return next_place(connection, tenant, count)
    return int(place)


# Made once, because making it takes longer than executing it.
_AHEAD = (
    log_head.update()
    .where(log_head.c.tenant == bindparam("of"))
    .values(position=log_head.c.position + bindparam("count"))
    .returning(log_head.c.position)
)
_INSERT = insert(log_batches)


def append(connection: Connection, batches: Sequence[tuple[str, PackedBatch, str | None]]) -> Sequence[int]:
    """Adds batches, each (tenant, batch, who delivered it), behind all others and returns their positions."""
    last = next_place(connection, INSTALLATION, len(batches))
    positions = range(last - len(batches) + 1, last + 1)
    rows = [
        {
            "tenant": tenant,
            "position": position,
            "min_time": batch.min_time,
            "max_time": batch.max_time,
            "rows": batch.rows,
            "source": source,
            "arrow": batch.arrow,
        }
        for position, (tenant, batch, source) in zip(positions, batches, strict=True)
    ]
    connection.execute(_INSERT, rows)
    return positions


def end(connection: Connection, tenant: str) -> int:
    """The position of the last batch of the tenant that the database holds, 0 where it holds none."""
    t = log_batches.c
    last = select(t.position).where(t.tenant == tenant).order_by(t.position.desc()).limit(1)
    return connection.execute(last).scalar() or 0


def rows_before(connection: Connection, tenant: str, before: int, behind: int) -> int:
    """How many rows there are in batches before position `behind` in which all was measured before an instant
    (microseconds UTC)."""
    counting = select(func.sum(log_batches.c.rows)).where(_wholly_before(tenant, before, behind))
    return int(connection.execute(counting).scalar() or 0)


def remove(connection: Connection, tenant: str, before: int, behind: int) -> None:
    """Removes the batches that `rows_before` counts."""
    connection.execute(delete(log_batches).where(_wholly_before(tenant, before, behind)))


def _wholly_before(tenant: str, before: int, behind: int) -> ColumnElement[bool]:
    t = log_batches.c
    return (t.tenant == tenant) & (t.max_time < before) & (t.position < behind)


def rows_behind(connection: Connection, tenant: str, after: int) -> int:
    """How many rows the database holds behind position `after`."""
    t = log_batches.c
    counting = select(func.sum(t.rows)).where(t.tenant == tenant, t.position > after)
    return int(connection.execute(counting).scalar() or 0)


def page(connection: Connection, tenant: str, after: int) -> Sequence[tuple[int, bytes, str | None]]:
    """The next few batches behind `after`, in order, as (position, Arrow stream, who delivered it): no more than
    `_PAGE` of them, and of no more than `_PAGE_BYTES` where the first is not larger itself."""
    t = log_batches.c
    here = (t.tenant == tenant) & (t.position > after)
    sizes = select(t.position, func.length(t.arrow)).where(here).order_by(t.position).limit(_PAGE)
    upto = size = 0
    for position, length in connection.execute(sizes).all():
        size += length
        if upto and size > _PAGE_BYTES:
            break
        upto = position
    query = select(t.position, t.arrow, t.source).where(here, t.position <= upto).order_by(t.position)
    return [(row.position, row.arrow, row.source) for row in connection.execute(query)]


def parts(
    connection: Connection, tenant: str, wanted: Wanted, *, sourced: bool = False
) -> Iterator[tuple[str | None, pa.Table]]:
    """What each batch in the database has that is wanted, with who delivered it, in order; with `sourced` only of
    batches of which that is known."""
    t = log_batches.c
    query = select(t.arrow, t.source).where(t.tenant == tenant)
    if wanted.start is not None:
        query = query.where(t.max_time >= wanted.start)
    if wanted.end is not None:
        query = query.where(t.min_time < wanted.end)
    if wanted.after is not None:
        query = query.where(t.position > wanted.after)
    if wanted.upto is not None:
        query = query.where(t.position <= wanted.upto)
    if sourced:
        query = query.where(t.source.is_not(None))
    within = replace(wanted, after=None, upto=None)
    for row in connection.execute(query.order_by(t.position).execution_options(yield_per=_PAGE)):
        found = chosen(unpack(row.arrow), within)
        if found.num_rows:
            yield row.source, found


def holding(rows: pa.Table) -> pa.Table:
    """Of each instant of one series the measurement that holds, by the same rule as `measurements.model.holding`:
    the latest knowledge, then the greatest figures, then a value before counts of nothing and 0.0 before -0.0."""
    if rows.num_rows == 0:
        return COLUMNS.empty_table()
    rows = rows.unify_dictionaries().combine_chunks()
    time = rows.column("time").to_numpy()
    if (time[1:] > time[:-1]).all():
        return rows
    time, known_at, value, total, good = (
        rows.column(name).fill_null(0).to_numpy() for name in ("time", "known_at", "value", "total", "good")
    )
    has_value = rows.column("value").is_valid().to_numpy()
    order = np.lexsort([~np.signbit(value), has_value, good, total, value, known_at, time])
    ordered = time[order]
    last_of_its_instant = np.append(ordered[1:] != ordered[:-1], True)
    return rows.take(pa.array(order[last_of_its_instant]))
