"""A month at once: measurements condensed, while they are read, to what each slot of each series is.

Where every series has at most one value a slot, in whatever order, no row has to be kept: a byte a slot says all that
the verdicts of availability need. What does not fit that is `Irregular`, and goes the way of `columns` instead, whose
verdicts are the same. DESIGN rules 2 to 5.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from upheld.agreements.indicators import Availability
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound
from upheld.assessment.columns import MISSING, SeriesKey, SlotSeries, States
from upheld.assessment.exact import Floats, Numbers, holds

Codes = npt.NDArray[np.int32]


class Irregular(Exception):
    """Measurements that cannot be condensed; what is wrong or odd about them is not decided here."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a slot's one value is read: slots `width` microseconds wide, good where the value meets `bound`."""

    width: int
    bound: Bound


def reading_of(term: Term) -> Reading | None:
    """How the term reads its series, slot by slot and value by value; None where more than that decides: counts,
    figures over a period, groups, or a validity that ends inside a slot."""
    indicator = term.indicator
    if not isinstance(indicator, Availability) or indicator.good_when is None or term.members is not None:
        return None
    if term.valid_to is not None and term.valid_to % indicator.slot:
        return None
    return Reading(indicator.slot, indicator.good_when)


def readings_of(terms: Iterable[Term]) -> dict[SeriesKey, set[Reading]] | None:
    """How each series is read; None where one of the terms reads otherwise than slot by slot."""
    found: dict[SeriesKey, set[Reading]] = {}
    for term in terms:
        reading = reading_of(term)
        if reading is None:
            return None
        found.setdefault((term.service, term.indicator.metric), set()).add(reading)
    return found


@dataclass(frozen=True, slots=True)
class Sheet:
    """All series that are read alike: their states by series and by slot, from the slot `first` on; `rows` says which
    row is whose."""

    first: int
    states: States
    rows: Mapping[SeriesKey, int]


@dataclass(frozen=True, slots=True)
class SlotBatch:
    """Measurements as slots: `series` of each (service, metric), and the same by how they are read; the number of rows
    that it was made of, and the earliest and the latest of their times (microseconds UTC)."""

    series: Mapping[SeriesKey, SlotSeries]
    sheets: Mapping[Reading, Sheet]
    num_rows: int
    earliest: int
    latest: int

    def last_end(self, terms: Iterable[Term]) -> int | None:
        """The end of the last slot of any of the terms that holds a measurement; None where none does."""
        ends = []
        for term in terms:
            for key in term.series:
                slot = self.series[key].last_slot(term)
                ends += [] if slot is None else [(slot + 1) * term.indicator.slot]
        return max(ends, default=None)


CHUNK = 1 << 15
"""Rows looked at together: so many stay in the processor's cache."""
TILE = 64


@dataclass(slots=True)
class _Sheet:
    """The states of all series that one reading reads, in one array: those of the slots from `first` on, by series, or
    by slot where the rows come so. `row_of` is the row by position of the series, -1 where it is not read so; `taken`
    counts the rows that were marked."""

    reading: Reading
    first: int
    row_of: Numbers
    rows: int
    slots: int
    states: States
    by_slot: bool
    taken: int = 0

    def mark(self, rows: Numbers, codes: Codes, times: Numbers, values: Floats) -> tuple[int, int]:
        """Writes what the values are into the slots in which the times lie, of the series in `rows` by code; returns
        the earliest and the latest time. Of a slot that is written twice, one state is lost. Raises Irregular where a
        time lies outside of the sheet."""
        width, base = self.reading.width, self.first * self.reading.width
        by_row, by_slot = (1, self.rows) if self.by_slot else (self.slots, 1)
        if self.by_slot and not (np.diff(rows) == 1).all():
            rows, codes = np.arange(self.rows), rows.astype(np.int32)[codes]
        if self.by_slot:  # stretches of successive series at one time, or of one series at successive times
            breaks = np.flatnonzero((codes[1:] - codes[:-1] != 1) | (times[1:] != times[:-1])) + 1
        else:
            breaks = np.flatnonzero((codes[1:] != codes[:-1]) | (times[1:] - times[:-1] != width)) + 1
        regular = len(breaks) <= len(codes) // 8
        starts = np.concatenate([[0], breaks])
        edges = np.concatenate([times[starts], times[breaks - 1], times[-1:]]) if regular else times
        earliest, latest = int(edges.min()), int(edges.max())
        if earliest < base or latest >= base + self.slots * width:
            raise Irregular
        states = (~holds(self.reading.bound, values)).view(np.int8)  # GOOD is 0 and BAD is 1
        if not regular:
            self.states[rows[codes] * by_row + (times - base) // width * by_slot] = states
            return earliest, latest
        places = rows[codes[starts]] * by_row + (times[starts] - base) // width * by_slot
        ends = [*breaks.tolist(), len(codes)]
        for place, start, end in zip(places.tolist(), starts.tolist(), ends, strict=True):
            self.states[place : place + end - start] = states[start:end]
        return earliest, latest

    def marked(self) -> int:
        """How many slots have been written."""
        parts = (self.states[start : start + CHUNK] for start in range(0, len(self.states), CHUNK))
        return sum(int(np.count_nonzero(part != MISSING)) for part in parts)

    def by_series(self) -> States:
        """The states as an array of two dimensions: series and slots."""
        if not self.by_slot:
            return self.states.reshape(self.rows, self.slots)
        sheet, turned = self.states.reshape(self.slots, self.rows), np.empty((self.rows, self.slots), np.int8)
        for start in range(0, self.slots, TILE):
            turned[:, start : start + TILE] = sheet[start : start + TILE].T
        return turned


class Condenser:
    """Takes in blocks of rows, in any order and from any thread, and keeps the states of the slots they lie in."""

    def __init__(self, readings: Mapping[SeriesKey, set[Reading]], earliest: int, latest: int) -> None:
        """`earliest` and `latest` bound the times to come (microseconds UTC)."""
        self._readings = readings
        self._position = {key: position for position, key in enumerate(readings)}
        self._bounds = earliest, latest
        self._sheets: dict[Reading, _Sheet] = {}
        self._rows = 0
        self._earliest, self._latest = latest, earliest
        self._lock = Lock()

    def position(self, service: str, metric: str) -> int:
        """The position of a series among those that are read. Raises Irregular where it is none of them."""
        try:
            return self._position[service, metric]
        except KeyError:
            raise Irregular from None

    def take_in(self, positions: Numbers, codes: Codes, times: Numbers, values: Floats) -> None:
        """Takes in rows: `positions` of the series by code, and of each row its code, its time (microseconds UTC) and
        its value. Raises Irregular where a value is not finite or a time lies outside of the bounds' slots."""
        if not len(times):
            return
        with self._lock:
            if not self._sheets:
                self._lay_out(by_slot=2 * int(np.count_nonzero(codes[1:] != codes[:-1])) > len(codes))
        for start in range(0, len(times), CHUNK):
            here = slice(start, start + CHUNK)
            self._take_in(positions, codes[here], times[here], values[here])

    def _take_in(self, positions: Numbers, codes: Codes, times: Numbers, values: Floats) -> None:
        if not np.isfinite(values.sum()):  # one value that is not finite is enough for that
            raise Irregular
        for sheet in self._sheets.values():
            rows = sheet.row_of[positions]
            if (rows >= 0).all():
                self._note(sheet, len(codes), *sheet.mark(rows, codes, times, values))
            elif (read := rows[codes] >= 0).any():
                bounds = sheet.mark(rows, codes[read], times[read], values[read])
                self._note(sheet, int(np.count_nonzero(read)), *bounds)
        with self._lock:
            self._rows += len(times)

    def _note(self, sheet: _Sheet, rows: int, earliest: int, latest: int) -> None:
        """Notes that rows were marked, and their bounds in time."""
        with self._lock:
            sheet.taken += rows
            self._earliest, self._latest = min(self._earliest, earliest), max(self._latest, latest)

    def condensed(self) -> SlotBatch:
        """All that was taken in. Raises Irregular where a slot of a series had more than one row."""
        for sheet in self._sheets.values():
            if sheet.marked() != sheet.taken:
                raise Irregular
        states = {reading: sheet.by_series() for reading, sheet in self._sheets.items()}

        def slots(reading: Reading, position: int) -> tuple[int, States]:
            sheet = self._sheets[reading]
            return sheet.first, states[reading][sheet.row_of[position]]

        series = {
            key: SlotSeries({(r.width, r.bound): slots(r, position) for r in self._readings[key]})
            for key, position in self._position.items()
        }
        sheets = {reading: self._sheet(reading, states[reading]) for reading in states}
        return SlotBatch(series, sheets, self._rows, self._earliest, self._latest)

    def _sheet(self, reading: Reading, states: States) -> Sheet:
        sheet = self._sheets[reading]
        rows = {key: int(sheet.row_of[i]) for key, i in self._position.items() if reading in self._readings[key]}
        return Sheet(sheet.first, states, rows)

    def _lay_out(self, *, by_slot: bool) -> None:
        members: dict[Reading, list[int]] = {}
        for position, readings in enumerate(self._readings.values()):
            for reading in readings:
                members.setdefault(reading, []).append(position)
        for reading, positions in members.items():
            first, last = (time // reading.width for time in self._bounds)
            row_of = np.full(len(self._readings), -1, np.int64)
            row_of[positions] = np.arange(len(positions))
            rows, slots = len(positions), last - first + 1
            states = np.full(rows * slots, MISSING, np.int8)
            self._sheets[reading] = _Sheet(reading, first, row_of, rows, slots, states, by_slot)


def size_of(readings: Mapping[SeriesKey, set[Reading]], earliest: int, latest: int) -> int:
    """How many bytes condensing takes for times from `earliest` to `latest`."""
    return sum((latest // r.width - earliest // r.width + 1) for chosen in readings.values() for r in chosen)
