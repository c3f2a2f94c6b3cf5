"""The rows of a body of measurements as columns, and what holds of each row whatever it was written as."""

import heapq
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.measurements.model import COLUMNS
from upheld.readers.body_faults import ALLOWED, MAX_NAME, TOO_EARLY, Faults, Integers, Mask

Series = tuple[str, str]
Coded = tuple[Integers, list[str]]
"""Text by rows: codes into a list of texts, -1 where there is none."""

_FIGURES = ("value", "good", "total")


@dataclass(slots=True)
class Rows:
    """Rows as columns. `numbers`: each row's number. `time` in microseconds where `timed`. `value`, `good` and `total`
    each with a mask of where they are given."""

    numbers: Integers
    service: Coded
    metric: Coded
    time: Integers
    timed: Mask
    value: tuple[npt.NDArray[np.float64], Mask]
    good: tuple[Integers, Mask]
    total: tuple[Integers, Mask]


def check(rows: Rows, faults: Faults, known: Set[Series] | None, received_at: int, ahead: int) -> Mask:
    """Notes the faults of rows whose fields are of the right types, and returns which rows have none."""
    before = {fault.row for fault in faults}
    bad = np.isin(rows.numbers, list(before)) if before else np.zeros(len(rows.numbers), np.bool_)
    unread = {fault.row for fault in faults if fault.field in _FIGURES}
    told = np.isin(rows.numbers, list(unread)) if unread else np.zeros(len(rows.numbers), np.bool_)
    for mask, field, message in _findings(rows, told, received_at, ahead):
        faults.note_each(mask, rows.numbers, field, message)
        bad |= mask
    bad |= _check_names(rows, faults, known)
    return ~bad


def _findings(rows: Rows, told: Mask, received_at: int, ahead: int) -> Iterator[tuple[Mask, str, str]]:
    """What is wrong with which rows. Of those that are `told` a figure could not be read: it is not missing."""
    value, has_value = rows.value
    good, has_good = rows.good
    total, has_total = rows.total
    counted = has_good | has_total
    yield rows.timed & (rows.time > received_at + ahead), "time", TOO_EARLY
    yield rows.timed & (rows.time < 0), "time", "lies before 1970"
    yield has_value & ~np.isfinite(value), "value", ALLOWED["value"]
    yield has_value & counted, "value", "give value, or good and total, and not both"
    yield ~has_value & ~counted & ~told, "value", "is missing: give value, or good and total"
    yield has_total & ~has_good & ~told, "good", "is missing: good and total go together"
    yield has_good & ~has_total & ~told, "total", "is missing: good and total go together"
    yield has_good & (good < 0), "good", ALLOWED["good"]
    yield has_total & (total < 0), "total", ALLOWED["total"]
    yield has_good & has_total & (good > total), "good", "is not more than total"


def _check_names(rows: Rows, faults: Faults, known: Set[Series] | None) -> Mask:
    """Which rows have a name that is missing, impossible or not known."""
    (service, services), (metric, metrics) = rows.service, rows.metric
    faults.note_each(service < 0, rows.numbers, "service", "is missing")
    faults.note_each(metric < 0, rows.numbers, "metric", "is missing")
    bad: Mask = (service < 0) | (metric < 0)
    named = np.flatnonzero(~bad)
    width = max(len(metrics), 1)
    pairs, places = np.unique(service[named] * width + metric[named], return_inverse=True)
    found = [(services[int(pair) // width], metrics[int(pair) % width]) for pair in pairs]
    wrong = [_impossible(*pair) for pair in found] if known is None else _unknown(found, known)
    is_wrong = np.array([fault is not None for fault in wrong], np.bool_)
    for position in np.flatnonzero(is_wrong[places]):
        fault = wrong[places[position]]
        assert fault is not None
        faults.note(int(rows.numbers[named[position]]), *fault)
        bad[named[position]] = True
    return bad


def _impossible(service: str, metric: str) -> tuple[str, str] | None:
    """(field, what is wrong) where a name cannot be one."""
    for field, name in (("service", service), ("metric", metric)):
        if not 0 < len(name) <= MAX_NAME or not name.isprintable():
            return field, f"is a name of 1 to {MAX_NAME} printable characters"
    return None


def _unknown(found: list[Series], known: Set[Series]) -> list[tuple[str, str] | None]:
    """(field, what is wrong) for each series that is not known."""
    if all(pair in known for pair in found):
        return [None] * len(found)
    assessed: dict[str, set[str]] = {}
    for service, metric in known:
        assessed.setdefault(service, set()).add(metric)
    return [None if pair in known else _stranger(*pair, assessed.get(pair[0])) for pair in found]


def _stranger(service: str, metric: str, assessed: set[str] | None) -> tuple[str, str]:
    if assessed is None:
        return "service", f"unknown service {_shown(service)}: no agreement in force names it"
    names = ", ".join(heapq.nsmallest(8, assessed)) + (", ..." if len(assessed) > 8 else "")
    return "metric", f"no objective of service {_shown(service)} assesses {_shown(metric)}; assessed: {names}"


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:77]}...")


def to_measurements(rows: Rows, ok: Mask, received_at: int) -> pa.Table:
    """The rows of the mask as a table of `measurements.model.COLUMNS`, known at `received_at`, microseconds UTC."""

    def figures(column: tuple[npt.NDArray[Any], Mask], kind: pa.DataType) -> pa.Array:
        return pa.array(column[0][ok], kind, mask=~column[1][ok])

    count = int(ok.sum())
    return pa.Table.from_arrays(
        [
            _dictionary(rows.service, ok),
            _dictionary(rows.metric, ok),
            pa.array(rows.time[ok], pa.int64()),
            figures(rows.value, pa.float64()),
            figures(rows.good, pa.int64()),
            figures(rows.total, pa.int64()),
            pa.array(np.full(count, received_at, np.int64)),
        ],
        schema=COLUMNS,
    )


def _dictionary(column: Coded, ok: Mask) -> pa.DictionaryArray:
    """The rows' names as a dictionary of those names only that they use."""
    codes, names = column
    used, places = np.unique(codes[ok], return_inverse=True)
    return pa.DictionaryArray.from_arrays(
        pa.array(places, pa.int32()), pa.array([names[code] for code in used], pa.string())
    )
