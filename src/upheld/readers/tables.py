"""Measurement files -> one batch of `measurements.model.COLUMNS`.

The good path is columnar throughout. Only where something is wrong is a file looked at again, row by row, to say
where. Which row holds where several tell of one service, metric and time is not decided here: it is the rule of
`measurements.model.holding`, whatever the order of rows and files.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.terms import Term
from upheld.assessment.batch import SlotBatch
from upheld.measurements.model import COLUMNS
from upheld.readers.columns import (
    csv_header,
    csv_lines,
    ends_mid_line,
    first_line,
    format_of,
    read_columnar,
    read_csv_columns,
)
from upheld.readers.condensing import condensed
from upheld.readers.csv_faults import csv_faults
from upheld.readers.faults import SHOWN, Fault, Findings, InputError
from upheld.readers.measurement_columns import CSV_TYPES, check_header, measurement_columns

Series = tuple[str, str]
"""(service, metric)."""

Form = Literal["values", "counts"]
"""What a measurement has: a value, or good and total."""

Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the files held: `batch` has the columns of `COLUMNS`, or is condensed to slots; `earliest` and `latest` are
    the times of its first and last measurement (microseconds UTC; None where it is empty); `notes` say what was left
    out, what is of no use and what contradicts itself."""

    batch: pa.Table | SlotBatch
    earliest: int | None
    latest: int | None
    notes: tuple[str, ...] = ()


def forms_read(terms: Iterable[Term]) -> dict[Series, frozenset[Form]]:
    """The series that the terms read, each with the forms of measurement that count for it."""
    forms: dict[Series, frozenset[Form]] = {}
    for term in terms:
        indicator = term.indicator
        if indicator.kind == "duration":
            continue  # it reads events
        counts = indicator.kind == "ratio" or (indicator.kind == "availability" and indicator.good_when is None)
        for series in term.series:
            forms[series] = forms.get(series, frozenset()) | {"counts" if counts else "values"}
    return forms


def read_measurements(
    paths: Sequence[Path],
    known: Mapping[Series, Collection[Form]] | None = None,
    *,
    terms: Sequence[Term] | None = None,
    known_at: int | None = None,
    strict: bool = False,
    on_file: Callable[[Path], None] = lambda path: None,
) -> Delivery:
    """Reads files of any format, one after the other, and calls `on_file` before each.

    Only series in `known` (see `forms_read`) are kept, None keeps all; and only what was known by `known_at`
    (microseconds UTC). Where `strict`, these are faults: a service that is in none of the series, a measurement of a
    form that its series is not read in, and measurements that contradict each other. Where `terms` are given,
    nothing but to assess these is meant: large files of regular measurements then come condensed, see `condensing`.
    Raises InputError: at most 20 faults, and the number of the rest."""
    slots = condensed(paths, terms) if terms is not None and known_at is None else None
    if slots is not None:
        return Delivery(slots, slots.earliest, slots.latest)
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
    if not tables:  # files of events alone
        return Delivery(COLUMNS.empty_table(), None, None)
    batch = pa.concat_tables(tables).unify_dictionaries()
    kept = np.ones(len(batch), bool)
    if known is not None:
        kept, left_out = _of_known_series(batch, known)
        notes += left_out
    if known_at is not None:
        kept &= _numbers(batch, "known_at") <= known_at
    places = np.flatnonzero(kept)
    if len(places) < len(batch):
        batch = batch.filter(pa.array(kept))
    odd = [*_of_other_form(batch, known or {}), *_contradicting(batch)] if len(batch) else []
    if strict:
        _raise_odd(paths, tables, places, odd)
    notes += [one.note for one in odd]
    span = pc.min_max(batch.column("time")).as_py()
    return Delivery(batch, span["min"], span["max"], tuple(notes))


def _read_file(path: Path, services: Collection[str] | None) -> pa.Table:
    kind = format_of(path)
    if kind == "csv":
        return _read_csv(path, services)
    raw = read_columnar(path, kind, dictionaries=("service", "metric"))
    return measurement_columns(raw, str(path), services)


def _read_csv(path: Path, services: Collection[str] | None) -> pa.Table:
    name = str(path)
    header = csv_header(path, COLUMNS.names)
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


# -- what is assessed, and what is odd about it -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Odd:
    """Rows of a batch that are of no use or contradict others: what a note says of all of them, and a fault of one."""

    rows: Codes
    note: str
    field: str
    fault: str


def _of_known_series(batch: pa.Table, known: Collection[Series]) -> tuple[Mask, list[str]]:
    """Which rows are of the series in `known`, and for people how many others there are."""
    services, metrics = _words(batch, "service"), _words(batch, "metric")
    assessed = set(known)
    named = {service for service, _ in assessed}
    wanted = np.array([(s, m) in assessed for s in services for m in metrics])
    if wanted.all():
        return np.ones(len(batch), bool), []
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
    return wanted[series], notes


def _of_other_form(batch: pa.Table, known: Mapping[Series, Collection[Form]]) -> Iterator[_Odd]:
    """The rows that have counts where only values are read of their series, and the reverse."""
    names = [(s, m) for s in _words(batch, "service") for m in _words(batch, "metric")]
    by_value = batch.column("value").is_valid().to_numpy()
    for form, read, have in (("counts", "values", ~by_value), ("values", "counts", by_value)):
        unread = np.array([form not in known.get(name, (form,)) for name in names])
        if not (unread.any() and have.any()):
            continue
        series = _series(batch)
        rows = np.flatnonzero(have & unread[series])
        if len(rows):
            found = [" ".join(names[code]) for code in np.unique(series[rows])]
            said = f"{_measurements(len(rows))} of no use, with {form} where the objectives read {read}: {_some(found)}"
            yield _Odd(rows, said, "value" if form == "values" else "good", f"{form} where the objectives read {read}")


def _contradicting(batch: pa.Table) -> Iterator[_Odd]:
    """The rows of one service, metric, time and known_at that do not have the same figures."""
    series, times, known = _series(batch), _numbers(batch, "time"), _numbers(batch, "known_at")
    if _increases(times, series) or _increases(series, times):
        return
    order = np.lexsort((known, times, series))
    alike = np.ones(len(order) - 1, bool)
    for column in (series, times, known):
        alike &= np.diff(column[order]) == 0
    if not alike.any():
        return
    differs = alike.copy()
    differs[alike] = _differ(batch, order[:-1][alike], order[1:][alike])
    group = np.cumsum(np.concatenate([[True], ~alike]))
    rows = np.sort(order[np.isin(group, group[1:][differs])])
    if len(rows):
        said = (
            f"{_measurements(len(rows))} contradict each other: other figures of the same service, metric, time and "
            f"known_at; the greatest hold. Give known_at to say which is later"
        )
        fault = "contradicts another row of the same service, metric and time; give known_at to say which is later"
        yield _Odd(rows, said, "known_at", fault)


def _differ(batch: pa.Table, some: Codes, others: Codes) -> Mask:
    figures = batch.select(["value", "good", "total"])
    differs = np.zeros(len(some), bool)
    for one, other in zip(figures.take(some).columns, figures.take(others).columns, strict=True):
        differs |= pc.fill_null(pc.not_equal(one, other), False).to_numpy()
        differs |= pc.xor(one.is_null(), other.is_null()).to_numpy()
    return differs


def _raise_odd(paths: Sequence[Path], tables: Sequence[pa.Table], places: Codes, odd: Iterable[_Odd]) -> None:
    """Raises InputError for odd rows. `places` are those of the batch's rows in all tables, one after the other."""
    findings = Findings()
    starts = [0, *accumulate(len(table) for table in tables)]
    for one in odd:
        told = []
        for place in places[one.rows[:SHOWN]]:
            file = int(np.searchsorted(starts, place, "right")) - 1
            told.append(_row_fault(paths[file], int(place) - starts[file], one))
        findings.add_some(told, len(one.rows))
    findings.raise_any()


def _row_fault(path: Path, position: int, odd: _Odd) -> Fault:
    if format_of(path) != "csv":
        return Fault(str(path), position + 1, odd.field, odd.fault, "row")
    line, _ = next(islice(csv_lines(path), position + 1, None))  # the header comes first
    return Fault(str(path), line, odd.field, odd.fault)


def last_slot_end(batch: pa.Table | SlotBatch, terms: Iterable[Term]) -> int | None:
    """The end of the last slot of any of the terms that holds a measurement; None where none does."""
    if isinstance(batch, SlotBatch):
        return batch.last_end(terms)
    last = batch.select(["service", "metric", "time"]).group_by(["service", "metric"]).aggregate([("time", "max")])
    times = {(row["service"], row["metric"]): row["time_max"] for row in last.to_pylist()}
    ends = []
    for term in terms:
        slot = term.indicator.slot
        ends += [(times[series] // slot + 1) * slot for series in term.series if series in times]
    return max(ends, default=None)


def _left_out(rows: int, what: str, names: Sequence[str]) -> str:
    return f"{_measurements(rows)} of a {what} left out: {_some(names)}"


def _measurements(rows: int) -> str:
    return f"{rows:,} {'measurement' if rows == 1 else 'measurements'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


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
    rises = (major[1:] == major[:-1]) & (minor[1:] > minor[:-1])
    return bool(((major[1:] > major[:-1]) | rises).all())
