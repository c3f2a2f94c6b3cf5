"""Rows of a fleet as arrays: whose they are, which of them are fresh, and which members of a herd read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from upheld.assessment.marking import TICK_BITS, TICKS, freshen

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.uint8]
_HUGE_PAGE = 2**21


class Held(Protocol):
    """Rows of one series that hold, by time, as arrays: NaN for no value, -1 for no good or total."""

    @property
    def time(self) -> Numbers: ...
    @property
    def value(self) -> npt.NDArray[np.float64]: ...
    @property
    def good(self) -> Numbers: ...
    @property
    def total(self) -> Numbers: ...


@dataclass(frozen=True, slots=True)
class Coded:
    """Rows as arrays, whose series are numbers of the fleet's series; -1 where the fleet has none. `time` in
    microseconds UTC; NaN for no value, -1 for no good or total."""

    series: npt.NDArray[np.int32]
    time: Numbers
    value: npt.NDArray[np.float64] | None = None
    good: Numbers | None = None
    total: Numbers | None = None

    def __len__(self) -> int:
        return len(self.series)

    def take(self, which: Any) -> "Coded":
        """The rows that an index array, a mask or a slice chooses."""
        chosen = (None if c is None else c[which] for c in (self.value, self.good, self.total))
        return Coded(self.series[which], self.time[which], *chosen)


def _joined(parts: Sequence[Coded]) -> Coded:
    """The rows of all parts, one part after the other."""
    return Coded(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([_or_none(part.value, len(part), np.nan) for part in parts]),
        np.concatenate([_or_none(part.good, len(part), -1) for part in parts]),
        np.concatenate([_or_none(part.total, len(part), -1) for part in parts]),
    )


def _or_none(column: npt.NDArray[Any] | None, size: int, nothing: float) -> npt.NDArray[Any]:
    if column is not None:
        return column
    return np.full(size, nothing, np.float64 if nothing != nothing else np.int64)


class Newest:
    """How new the newest row of each of so many series is, in ticks after `base` (microseconds UTC; see
    `marking.TICK_BITS`). Rows come in any order of their series, so that all of it is kept in huge pages."""

    def __init__(self, count: int, base: int) -> None:
        self.base = base
        size = 4 * count
        room = np.zeros(size + 2 * _HUGE_PAGE, np.uint8)
        begin = -room.ctypes.data % _HUGE_PAGE
        self.ticks: npt.NDArray[np.uint32] = room[begin : begin + size].view(np.uint32)

    def met(self, code: int, time: int) -> None:
        """A row of this instant is there."""
        tick = min(max((time - self.base) >> TICK_BITS, 0), TICKS - 1)
        self.ticks[code] = max(int(self.ticks[code]), tick)


class Incoming:
    """Rows that come in, and which of them are fresh: newer than every other of their series before them, so that they
    cannot be late, corrected or delivered twice. That is found out once, by the first who asks: once they are `judged`,
    `flags` says it."""

    def __init__(self, rows: Coded, newest: Newest, flags: Flags | None = None) -> None:
        self.rows, self.newest, self.judged = rows, newest, flags is not None
        self.flags: Flags = np.zeros(len(rows), np.uint8) if flags is None else flags

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def last(self) -> int:
        """The latest instant of any."""
        return int(self.rows.time.max())

    def judge(self) -> Flags:
        """The flags."""
        if not self.judged:
            freshen(self.rows.series, self.rows.time, self.newest.ticks, self.newest.base, self.flags)
            self.judged = True
        return self.flags

    def take(self, which: Any) -> "Incoming":
        """Those that an index array, a mask or a slice chooses, judged."""
        flags = self.judge()
        return Incoming(self.rows.take(which), self.newest, flags[which])


def by_time(parts: Sequence[Incoming]) -> Incoming:
    """All of one fleet's, judged, by time; those of one instant in the order of the parts."""
    flags = np.concatenate([part.judge() for part in parts])
    rows = _joined([part.rows for part in parts])
    return Incoming(rows, parts[0].newest, flags).take(np.argsort(rows.time, kind="stable"))


@dataclass(frozen=True, slots=True)
class Links:
    """Which members of a herd read a series: the first by the series' number, then from member to member; -1 ends.
    Both are empty where each member reads the series of its own number."""

    member_of: npt.NDArray[np.int32]
    next_member: npt.NDArray[np.int32]

    def members(self, code: int) -> Iterator[int]:
        """The members that read a series."""
        if not len(self.member_of):
            yield from () if code < 0 else (code,)
            return
        j = int(self.member_of[code]) if code >= 0 else -1
        while j >= 0:
            yield j
            j = int(self.next_member[j])


def links_of(series: Sequence[int], count: int) -> Links:
    """The links of members that read the series of these numbers, of `count` in all."""
    if len(series) == count and (np.asarray(series) == np.arange(count)).all():
        return Links(np.zeros(0, np.int32), np.zeros(0, np.int32))
    member_of, next_member = np.full(count, -1, np.int32), np.full(len(series), -1, np.int32)
    for j in range(len(series) - 1, -1, -1):
        next_member[j] = member_of[series[j]]
        member_of[series[j]] = j
    return Links(member_of, next_member)
