"""Measurements as columns: the rows of a series that hold, by time, and what they make of each slot. DESIGN rule 2."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.agreements.indicators import Aggregate, Availability, Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound
from upheld.assessment.exact import Flags, Floats, FloatSums, Integers, Numbers, exceeds, grouped, holds
from upheld.measurements.model import COLUMNS

SeriesKey = tuple[str, str]
"""(service, metric)."""

NO_COUNT = -1

States = npt.NDArray[np.int8]
GOOD, BAD, MISSING, EXCLUDED, LEFT = range(5)
"""What a slot is; LEFT is excluded too, though that was not foreseen: see `group_timeline`."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Measurements of one series, one array a column. NaN stands for no value, NO_COUNT for no good or total."""

    time: Numbers
    value: Floats
    good: Numbers
    total: Numbers
    known_at: Numbers

    def __len__(self) -> int:
        return len(self.time)

    def take(self, which: Any) -> "Rows":
        """The rows that an index array, a mask or a slice chooses."""
        return Rows(self.time[which], self.value[which], self.good[which], self.total[which], self.known_at[which])


def series_in(batch: pa.Table, wanted: Container[SeriesKey]) -> Iterator[tuple[SeriesKey, Rows]]:
    """The rows of each wanted series of a batch (columns: `measurements.model.COLUMNS`), one series after the other.
    Rows of a series stay in the order of the batch."""
    if not batch.num_rows:
        return
    if batch.schema.types != COLUMNS.types or batch.schema.names != COLUMNS.names:
        batch = batch.select(COLUMNS.names).cast(COLUMNS)
    batch = batch.unify_dictionaries()
    services, service_codes = _codes(batch.column("service"))
    metrics, metric_codes = _codes(batch.column("metric"))
    codes = service_codes.astype(np.int64) * len(metrics) + metric_codes
    rows = rows_of(batch)
    order = None if (codes[1:] >= codes[:-1]).all() else _stable_order(codes)
    if order is not None:
        codes = codes[order]
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(codes)], strict=True):
        service, metric = divmod(int(codes[start]), len(metrics))
        key = services[service].as_py(), metrics[metric].as_py()
        if key in wanted:
            yield key, rows.take(slice(start, end) if order is None else order[start:end])


def _codes(column: pa.ChunkedArray) -> tuple[pa.Array, Numbers]:
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    return chunks[0].dictionary, np.concatenate([chunk.indices.to_numpy() for chunk in chunks])


def _stable_order(codes: Numbers) -> Numbers:
    lowest = int(codes.min())
    if int(codes.max()) - lowest < 2**16:
        return np.argsort((codes - lowest).astype(np.uint16), kind="stable")  # small codes sort in linear time
    return np.argsort(codes, kind="stable")


def rows_of(batch: pa.Table) -> Rows:
    """The rows of a batch (columns: `measurements.model.COLUMNS`), in its order, whatever their series."""
    value = batch.column("value").to_numpy().astype(np.float64, copy=False)
    good, total = _counts(batch.column("good")), _counts(batch.column("total"))
    return Rows(batch.column("time").to_numpy(), value, good, total, batch.column("known_at").to_numpy())


def _counts(column: pa.ChunkedArray) -> Numbers:
    if column.null_count == len(column):
        return np.broadcast_to(np.int64(NO_COUNT), len(column))
    counts: Numbers = (column.fill_null(NO_COUNT) if column.null_count else column).to_numpy()
    return counts


# -- which rows hold --------------------------------------------------------------------------------------------


def settled(rows: Rows) -> Rows:
    """The rows that hold, by time, as `measurements.model.holding` has it; of rows alike in all, the first given."""
    if _ascends(rows.time):
        return rows
    order = np.argsort(rows.time, kind="stable")
    if not _ascends(rows.time[order]):
        order = _by_precedence(rows)
        time = rows.time[order]
        order = order[np.concatenate([time[1:] != time[:-1], [True]])]
    return rows.take(order)


def _ascends(time: Numbers) -> bool:
    return bool((time[1:] > time[:-1]).all())


def _by_precedence(rows: Rows) -> Numbers:
    """The order by time and then by what holds, the row that holds last. The keys are `_precedence` of the model."""
    has_value = ~np.isnan(rows.value)
    value = np.where(has_value, rows.value, 0.0)
    first_given_last = -np.arange(len(rows))
    keys = (
        first_given_last,
        ~np.signbit(value),
        has_value,
        np.maximum(rows.good, 0),
        np.maximum(rows.total, 0),
        value + 0.0,  # -0.0 and 0.0 are one value here
        rows.known_at,
        rows.time,
    )
    return np.lexsort(keys)


class Series:
    """The rows of one series that hold, by time, in arrays that grow."""

    def __init__(self) -> None:
        self._size = 0
        none = np.empty(0, np.int64)
        self._rows = Rows(none, np.empty(0, np.float64), none, none, none)

    def take_in(self, new: Rows) -> Numbers:
        """Adds rows, or lets them correct what is there; returns the times given, ascending."""
        new = settled(new)
        if not len(new):
            return new.time
        keep = int(np.searchsorted(self._rows.time[: self._size], new.time[0]))
        tail = new
        if keep < self._size:
            tail = settled(_joined(self._rows.take(slice(keep, self._size)), new))
        self._write(keep, tail)
        return new.time

    def between(self, start: int, end: int) -> Rows:
        """The rows with start <= time < end (microseconds UTC)."""
        first, last = np.searchsorted(self._rows.time[: self._size], [start, end]).tolist()
        return self._rows.take(slice(first, last))

    def _write(self, at: int, tail: Rows) -> None:
        size = at + len(tail)
        columns = []
        for name in Rows.__slots__:
            column = grown(getattr(self._rows, name), size)
            column[at:size] = getattr(tail, name)
            columns.append(column)
        self._rows, self._size = Rows(*columns), size


class SlotSeries(Series):
    """A series of which no rows were kept, but what they made of each slot: `readings` has, by the width of the slots
    and the bound that their values are to meet, the number of the first slot and the states from there on: GOOD, BAD
    or MISSING, as all slots are that lie outside."""

    def __init__(self, readings: Mapping[tuple[int, Bound], tuple[int, States]]) -> None:
        super().__init__()
        self._readings = readings

    def states(self, term: Term, first: int, last: int) -> States:
        """The states of the slots [first, last) as the term reads them."""
        assert isinstance(term.indicator, Availability)
        assert term.indicator.good_when is not None
        begin, states = self._readings[term.indicator.slot, term.indicator.good_when]
        if first >= begin and last <= begin + len(states):
            return states[first - begin : last - begin].copy()
        found = np.full(last - first, MISSING, np.int8)
        start, end = max(first, begin), min(last, begin + len(states))
        if start < end:
            found[start - first : end - first] = states[start - begin : end - begin]
        return found

    def last_slot(self, term: Term) -> int | None:
        """The last slot with data, as the term reads them."""
        assert isinstance(term.indicator, Availability)
        assert term.indicator.good_when is not None
        begin, states = self._readings[term.indicator.slot, term.indicator.good_when]
        found = np.flatnonzero(states != MISSING)
        return begin + int(found[-1]) if len(found) else None

    def take_in(self, new: Rows) -> Numbers:
        raise AssertionError("no rows can be added to slots")

    def between(self, start: int, end: int) -> Rows:
        raise AssertionError("no rows were kept")


def _joined(first: Rows, second: Rows) -> Rows:
    return Rows(*(np.concatenate([getattr(first, n), getattr(second, n)]) for n in Rows.__slots__))


def grown(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """`array` with room for `size` entries: itself, or a copy with a quarter to spare and zeros behind what it held."""
    if size <= len(array):
        return array
    longer = np.zeros(size + size // 4, array.dtype) if len(array) else np.zeros(size, array.dtype)
    longer[: len(array)] = array
    return longer


# -- what the rows make of slots --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Columns:
    """What the rows of some slots come to: the numbers of the slots that have data, ascending; whether each is bad by
    its own figures; its good and total counts (None where the indicator reads values)."""

    number: Numbers
    bad: Flags
    good: Integers | None = None
    total: Integers | None = None


def fitting(term: Term, rows: Rows) -> Rows:
    """The rows of the form that the term's indicator reads."""
    indicator = term.indicator
    if isinstance(indicator, Ratio):
        fits = rows.total > 0
    elif isinstance(indicator, Availability) and indicator.error_rate_over is not None:
        fits = rows.total >= 0
    else:
        fits = ~np.isnan(rows.value)
    return rows if fits.all() else rows.take(fits)


def rows_in(term: Term, series: Series, first: int, last: int) -> Rows:
    """The rows of the slots [first, last) from within the agreement's validity, where a slot may outlast that."""
    start, end = first * term.indicator.slot, last * term.indicator.slot
    return series.between(start, end if term.valid_to is None else min(end, max(term.valid_to, start)))


def columns_of(term: Term, rows: Rows) -> Columns:
    """What rows that hold, in order of time, make of the slots they lie in."""
    indicator = term.indicator
    rows = fitting(term, rows)
    slots = rows.time // indicator.slot
    starts = np.flatnonzero(np.concatenate([[True], slots[1:] != slots[:-1]])) if len(slots) else slots
    number = slots[starts]
    if not len(number):
        return Columns(number, np.zeros(0, np.bool_), number, number)
    if isinstance(indicator, Aggregate):
        assert isinstance(term.target, Bound)
        if indicator.aggregate == "sum":  # no single value can miss a bound on the sum
            return Columns(number, np.zeros(len(number), np.bool_))
        return Columns(number, np.logical_or.reduceat(~holds(term.target, rows.value), starts))
    if isinstance(indicator, Availability) and indicator.good_when is not None:
        return Columns(number, _bad_by_value(indicator, indicator.good_when, rows.value, starts))
    total = grouped(rows.total, starts)
    good = grouped(np.maximum(rows.good, 0), starts)
    if isinstance(indicator, Ratio):
        assert not isinstance(term.target, Bound)
        return Columns(number, exceeds(total - good, 1 - term.target, total), good, total)
    assert isinstance(indicator, Availability)
    assert indicator.error_rate_over is not None
    over = exceeds(total - good, indicator.error_rate_over, total)
    return Columns(number, over & (total >= max(indicator.min_total, 1)).astype(np.bool_), good, total)


def _bad_by_value(indicator: Availability, bound: Bound, values: Floats, starts: Numbers) -> Flags:
    ends = np.append(starts[1:], len(values))
    match indicator.slot_rule:
        case "any_bad":
            return np.logical_or.reduceat(~holds(bound, values), starts)
        case "all_bad":
            return np.logical_and.reduceat(~holds(bound, values), starts)
        case "last":
            return ~holds(bound, values[ends - 1])
        case "mean":
            return ~FloatSums(values).hold(bound, starts, ends, mean=True)


def scattered(columns: Columns, figures: Integers, first: int, last: int) -> Integers:
    """Figures of slots with data as an array over the slots [first, last), 0 where there is none."""
    spread = np.zeros(last - first, figures.dtype)
    spread[columns.number - first] = figures
    return spread
