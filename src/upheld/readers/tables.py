"""Measurement files -> one batch of `measurements.model.COLUMNS`.

The good path is columnar throughout. Only where something is wrong is a CSV file read again, line by line, to say
where. Among rows of the same service, metric, time and time of knowledge the last one holds: a file that says nothing
of when it was known is read as its own history.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.terms import Term
from upheld.readers.columns import (
    csv_header,
    ends_mid_line,
    first_line,
    format_of,
    read_columnar,
    read_csv_columns,
)
from upheld.readers.csv_faults import csv_faults
from upheld.readers.faults import Fault, Findings, InputError
from upheld.readers.measurement_columns import CSV_TYPES, check_header, measurement_columns

Series = tuple[str, str]
"""(service, metric)."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the files held: `batch` has the columns of `COLUMNS`; `earliest` and `latest` are the times of the first
    and last measurement, those left out included (microseconds UTC); `notes` say what was left out or replaced."""

    batch: pa.Table
    earliest: int
    latest: int
    notes: tuple[str, ...] = ()


def read_measurements(
    paths: Sequence[Path],
    known: Collection[Series] | None = None,
    *,
    strict: bool = False,
    on_file: Callable[[Path], None] = lambda path: None,
) -> Delivery:
    """Reads files of any format, one after the other, and calls `on_file` before each. Only series in `known` are kept
    (None keeps all); a service that is in none of them is a fault where `strict`. Raises InputError: at most 20
    faults, and the number of the rest."""
    findings = Findings()
    tables: list[pa.Table] = []
    notes: list[str] = []
    services = {service for service, _ in known} if strict and known is not None else None
    for path in paths:
        on_file(path)
        try:
            tables.append(_read_file(path, services))
            if format_of(path) == "csv" and ends_mid_line(path):
                notes.append(f"{path}: the last line has no line end; was the file cut off?")
        except InputError as error:
            findings.add_error(error)
    findings.raise_any()
    batch, replaced = holding_rows(pa.concat_tables(tables).unify_dictionaries())
    if replaced:
        rows = "1 measurement was" if replaced == 1 else f"{replaced:,} measurements were"
        notes.append(f"{rows} replaced by a later row of the same service, metric and time")
    span = pc.min_max(batch.column("time")).as_py()
    if known is not None:
        batch, left_out = keep_known(batch, known)
        notes += left_out
    return Delivery(batch, span["min"], span["max"], tuple(notes))


def _read_file(path: Path, services: Collection[str] | None) -> pa.Table:
    kind = format_of(path)
    if kind == "csv":
        return _read_csv(path, services)
    raw = read_columnar(path, kind, dictionaries=("service", "metric"))
    return measurement_columns(raw, str(path), services)


def _read_csv(path: Path, services: Collection[str] | None) -> pa.Table:
    name = str(path)
    header = csv_header(path)
    check_header(name, header)
    try:
        raw = read_csv_columns(path, {column: CSV_TYPES[column] for column in header})
        return measurement_columns(raw, name, services)
    except (pa.ArrowException, OSError) as error:
        unplaced = [Fault(name, None, "", f"cannot be read: {first_line(error)}")]
    except InputError as error:
        unplaced = error.faults
    csv_faults(path, header, services).raise_any()
    raise InputError(unplaced)


# -- what holds, and what is assessed --------------------------------------------------------------------------


def holding_rows(batch: pa.Table) -> tuple[pa.Table, int]:
    """The batch without the rows that a later one of the same service, metric, time and known_at replaces, and how
    many of them had other figures. Row order is kept."""
    series, times, known = _series(batch), _numbers(batch, "time"), _numbers(batch, "known_at")
    if _increases(times, series) or _increases(series, times):
        return batch, 0
    order = np.lexsort((known, times, series))  # stable: the last row stays behind those that it replaces
    before, after = order[:-1], order[1:]
    same = (series[before] == series[after]) & (times[before] == times[after]) & (known[before] == known[after])
    if not same.any():
        return batch, 0
    dropped, successors = before[same], after[same]
    figures = batch.select(["value", "good", "total"])
    differs = np.zeros(len(dropped), bool)
    for old, new in zip(figures.take(dropped).columns, figures.take(successors).columns, strict=True):
        differs |= pc.fill_null(pc.not_equal(old, new), False).to_numpy()
        differs |= pc.xor(old.is_null(), new.is_null()).to_numpy()
    kept = np.ones(len(batch), bool)
    kept[dropped] = False
    return batch.filter(pa.array(kept)), int(differs.sum())


def keep_known(batch: pa.Table, known: Collection[Series]) -> tuple[pa.Table, list[str]]:
    """The rows of the series in `known`, and for people how many others there were."""
    services, metrics = _words(batch, "service"), _words(batch, "metric")
    assessed = set(known)
    named = {service for service, _ in assessed}
    wanted = np.array([(s, m) in assessed for s in services for m in metrics])
    if wanted.all():
        return batch, []
    series = _series(batch)
    counts = np.bincount(series[~wanted[series]], minlength=len(wanted)).reshape(len(services), len(metrics))
    notes = []
    stranger = np.array([s not in named for s in services])
    if counts[stranger].any():
        found = [s for s, rows in zip(services, counts.sum(axis=1), strict=True) if rows and s not in named]
        notes.append(_left_out(int(counts[stranger].sum()), "service that no agreement names", found))
    if counts[~stranger].any():
        found = [f"{services[s]} {metrics[m]}" for s, m in np.argwhere(counts) if not stranger[s]]
        notes.append(_left_out(int(counts[~stranger].sum()), "metric that no objective of its service reads", found))
    return batch.filter(pa.array(wanted[series])), notes


def last_slot_end(batch: pa.Table, terms: Iterable[Term]) -> int | None:
    """The end of the last slot of any of the terms that holds a measurement; None where none does."""
    last = batch.select(["service", "metric", "time"]).group_by(["service", "metric"]).aggregate([("time", "max")])
    times = {(row["service"], row["metric"]): row["time_max"] for row in last.to_pylist()}
    ends = []
    for term in terms:
        time, slot = times.get((term.service, term.indicator.metric)), term.indicator.slot
        if time is not None:
            ends.append((time // slot + 1) * slot)
    return max(ends, default=None)


def _left_out(rows: int, what: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return f"{rows:,} {'measurement' if rows == 1 else 'measurements'} of a {what} left out: {shown}"


def _series(batch: pa.Table) -> Codes:
    """A number for each row's (service, metric): the position among all pairs of the two dictionaries."""
    return _codes(batch, "service") * len(_words(batch, "metric")) + _codes(batch, "metric")


def _words(batch: pa.Table, column: str) -> list[str]:
    return batch.column(column).chunk(0).dictionary.to_pylist()  # type: ignore[no-any-return]


def _codes(batch: pa.Table, column: str) -> Codes:
    return np.concatenate([chunk.indices.to_numpy() for chunk in batch.column(column).chunks]).astype(np.int64)


def _numbers(batch: pa.Table, column: str) -> Codes:
    return batch.column(column).to_numpy()  # type: ignore[no-any-return]


def _increases(major: Codes, minor: Codes) -> bool:
    """Whether the pairs (major, minor) are strictly ascending: then no two are alike."""
    step = np.diff(major)
    return bool(((step > 0) | ((step == 0) & (np.diff(minor) > 0))).all())
