"""From when on a changed verdict could have been there: a delay of the assessment without what waits by design.

A slot is assessed when it has ended and has waited for its data (`Rules.delay`). A verdict changes when a slot of its
period is assessed, or when a measurement comes for one that had been. So it could have changed from the earliest of

- the end of the first slot of its period that was not assessed before, plus the delay, and
- for each measurement of its series that came since, for a slot that is over: its arrival, or the slot's end plus the
  delay where that is later.

A verdict that changed for another reason (an exclusion, an amendment, an event, becoming final) has no such instant.
All are microseconds UTC of the server's own clock.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
MOST_LATE = 1_000_000
"""Late rows that are looked at in one round. Those that come behind them came later."""
_COLUMNS = ["service", "metric", "time", "known_at"]


class Arrivals:
    """What has come of one tenant since all that changed was kept: the log behind `position`, where everything up to
    `assessed_until` had been assessed (None: nothing yet)."""

    def __init__(self, position: int, assessed_until: int | None) -> None:
        self.position, self._assessed_until = position, assessed_until
        self._late: list[pa.Table] = []
        self._rows = 0

    def note(self, batch: pa.Table, position: int) -> None:
        """Takes note of the rows of the log behind `self.position` up to `position`."""
        self.position = position
        if self._assessed_until is None or self._rows >= MOST_LATE:
            return
        if pc.min(batch.column("time")).as_py() >= self._assessed_until:
            return  # nothing is late: the usual case
        late = batch.select(_COLUMNS).filter(pc.less(batch.column("time"), self._assessed_until))
        self._late.append(late)
        self._rows += late.num_rows
        self.__dict__.pop("_found", None)

    def all_kept(self, as_of: int) -> None:
        """All that changed by what has come, and by the time up to `as_of`, is kept."""
        self._assessed_until = as_of
        self._late, self._rows = [], 0
        self.__dict__.pop("_found", None)

    def due(
        self, series: Collection[tuple[str, str]], slot: int, period: tuple[int, int], as_of: int, delay: int
    ) -> int | None:
        """From when on a verdict over these series could have been as it is at `as_of`; None where neither time nor a
        measurement changed it."""
        if self._assessed_until is None:
            return None
        start, end = period
        first = (max(self._assessed_until, start) // slot + 1) * slot
        by_time = first + delay if first <= as_of and first - slot < end else None
        if not self._late or (by_time is not None and by_time <= self._found.earliest):
            return by_time
        found = [] if by_time is None else [by_time]
        for one in series:
            time, known_at = self._found.of(one)
            ends = (time // slot + 1) * slot
            mine = (time >= start) & (time < end) & (ends <= as_of)
            if mine.any():
                found.append(int(np.maximum(known_at[mine], ends[mine] + delay).min()))
        return min(found, default=None)

    @cached_property
    def _found(self) -> "_Late":
        return _late(pa.concat_tables(self._late).unify_dictionaries().combine_chunks())


@dataclass(frozen=True, slots=True)
class _Late:
    """Late rows ordered by series: where those of each begin and end."""

    time: Integers
    known_at: Integers
    places: Mapping[tuple[str, str], tuple[int, int]]
    earliest: int

    def of(self, series: tuple[str, str]) -> tuple[Integers, Integers]:
        first, end = self.places.get(series, (0, 0))
        return self.time[first:end], self.known_at[first:end]


def _late(rows: pa.Table) -> _Late:
    service, metric = (_coded(rows.column(name)) for name in ("service", "metric"))
    key = service[0].astype(np.int64) * len(metric[1]) + metric[0]
    order = np.argsort(key, kind="stable")
    keys, firsts = np.unique(key[order], return_index=True)
    ends = np.append(firsts[1:], len(order))
    names = [(service[1][k // len(metric[1])], metric[1][k % len(metric[1])]) for k in keys.tolist()]
    time, known_at = (rows.column(name).to_numpy()[order] for name in ("time", "known_at"))
    places = dict(zip(names, zip(firsts.tolist(), ends.tolist(), strict=True), strict=True))
    return _Late(time, known_at, places, int(known_at.min()))


def _coded(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], list[str]]:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0)
    return array.indices.to_numpy(), array.dictionary.to_pylist()
