"""Rows of many series read at one time, for those who ask for them one by one: a log is read once for all of them, and
not once for each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from upheld.assessment.columns import Rows, SeriesKey

RowsTogether = Callable[[Sequence[SeriesKey], int, int], Mapping[SeriesKey, Rows]]
"""(series, start, end) -> of each that has some, the rows that hold with start <= time < end (microseconds UTC)."""

MOST_SERIES, MOST_SLOTS = 500, 2_000_000
"""How much is read at one time."""


class Foreseen:
    """What was read last. Nothing is, where there is nobody who can read many series together."""

    def __init__(self, read: RowsTogether | None) -> None:
        self._read = read
        self._known: Mapping[SeriesKey, Rows] = {}
        self._wanted: frozenset[SeriesKey] = frozenset()
        self._start = self._end = 0

    def read(self, series: Iterable[SeriesKey], start: int, end: int) -> None:
        """Reads the rows of these series with start <= time < end, in place of those that were read before."""
        self._wanted, self._known = frozenset(series), {}
        self._start, self._end = start, end
        if self._read is None or len(self._wanted) < 2:
            self._wanted = frozenset()
        else:
            self._known = self._read(sorted(self._wanted), start, end)

    def rows(self, key: SeriesKey, start: int, end: int) -> Rows | None:
        """The rows of a series with start <= time < end; None where they were not read."""
        if key not in self._wanted or start < self._start or end > self._end:
            return None
        rows = self._known.get(key, _NONE)
        first, last = np.searchsorted(rows.time, [start, end]).tolist()
        return rows.take(slice(first, last))


@dataclass(frozen=True, slots=True)
class Portion:
    """Members that are read at one time, over the slots [first, last)."""

    members: Sequence[int]
    first: int
    last: int


def portions(reads: Mapping[int, tuple[int, int]]) -> Iterator[Portion]:
    """Members in portions that are not too much at one time, by the slots [first, last) that each is read over; those
    that go far back apart from those that do not."""
    rest = sorted(reads, key=lambda member: reads[member])
    while rest:
        first, last = reads[rest[0]]
        some = rest[: max(min(MOST_SERIES, MOST_SLOTS // max(last - first, 1)), 1)]
        yield Portion(some, first, max(reads[member][1] for member in some))
        rest = rest[len(some) :]


_NOTHING = np.zeros(0, np.int64)
_NONE = Rows(_NOTHING, np.zeros(0, np.float64), _NOTHING, _NOTHING, _NOTHING)
