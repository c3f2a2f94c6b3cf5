"""Counters taken in: each sample becomes a measurement of what the counter rose by, and is kept in the log itself.

What was counted before is what the log holds: it is read at the first sample of a counter and followed from then on, so
that a restart, a delivery that was repeated, or another process that takes measurements in changes no rise.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.units import MINUTE
from upheld.measurements.counters import GAP, SUFFIX, Count, Track
from upheld.measurements.model import COLUMNS, Measurement, from_table, holding, to_table
from upheld.ports import MeasurementLog

KEPT = 2 * GAP + 10 * MINUTE
"""How far behind its newest sample a counter's samples are held in memory."""
SeriesKey = tuple[str, str]


@dataclass
class _Tenant:
    """The counters of one tenant, as the log has them up to `position`. `known_at`: the last instant that was given to
    a rise, so that a correction is always known later than what it corrects."""

    position: int
    tracks: dict[SeriesKey, Track] = field(default_factory=dict)
    known_at: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Counting:
    """The counters of every tenant."""

    def __init__(self, log: MeasurementLog) -> None:
        self._log = log
        self._tenants: dict[str, _Tenant] = {}
        self._lock = threading.Lock()

    def take(self, tenant: str, counts: Sequence[Count], now: int, keep: Callable[[pa.Table], None]) -> None:
        """Gives `keep` the measurements of samples that are learnt of at `now` (microseconds UTC), together with the
        samples. What `keep` raises is raised, and nothing was counted then that is not counted again."""
        with self._lock:
            state = self._tenants.get(tenant) or self._tenants.setdefault(tenant, _Tenant(self._end(tenant)))
        with state.lock:  # two samples of one counter at the same time would both be compared with the one before
            self._follow(tenant, state)
            self._learn(tenant, state, counts)
            state.known_at = max(now, state.known_at + 1)
            keep(to_table(self._measured(tenant, state, counts)))

    def _end(self, tenant: str) -> int:
        return self._log.backlog(tenant, 2**62)[0]

    def _follow(self, tenant: str, state: _Tenant) -> None:
        """Takes in what has come to the log since, from here or from elsewhere."""
        for position, batch, _ in self._log.read(tenant, state.position):
            for one in _samples(batch):
                state.known_at = max(state.known_at, one.known_at)
                track = state.tracks.get((one.service, one.metric.removesuffix(SUFFIX)))
                if track is not None and one.value is not None and one.time >= track.since:
                    track.put(one.time, one.value)
            state.position = position

    def _learn(self, tenant: str, state: _Tenant, counts: Iterable[Count]) -> None:
        """Reads of the log what it holds of counters that are seen for the first time."""
        new = {one.series for one in counts if one.series not in state.tracks}
        if new:
            since = min(one.time for one in counts if one.series in new) - GAP
            state.tracks |= {series: Track(since) for series in new}
            self._read(tenant, state, new, since, None)

    def _read(self, tenant: str, state: _Tenant, series: Set[SeriesKey], start: int, end: int | None) -> None:
        names = {(service, metric + SUFFIX) for service, metric in series}
        held = holding(_samples(self._log.rows(tenant, names, start=start, end=end)))
        for (service, metric, time), one in held.items():
            state.known_at = max(state.known_at, one.known_at)
            key = service, metric.removesuffix(SUFFIX)
            if key in series and one.value is not None:
                state.tracks[key].put(time, one.value)

    def _measured(self, tenant: str, state: _Tenant, counts: Sequence[Count]) -> Iterator[Measurement]:
        """The samples, and by how much the counters rose up to them and to those behind them."""
        rises: dict[tuple[str, str, int], float] = {}
        held = {(one.series, one.time): one for one in sorted(counts, key=lambda count: count.value)}
        for one in sorted(held.values(), key=lambda count: count.time):
            track = self._track(tenant, state, one)
            track.put(one.time, one.value)
            rises |= {(*one.series, time): value for time, value in track.rises(one.time)}
            yield Measurement(one.service, one.metric + SUFFIX, one.time, one.value, known_at=state.known_at)
        for identity, value in rises.items():
            yield Measurement(*identity, value, known_at=state.known_at)
        for series in {one.series for one in counts}:
            state.tracks[series].forget(state.tracks[series].times[-1] - KEPT)

    def _track(self, tenant: str, state: _Tenant, one: Count) -> Track:
        """The samples around one. For one that comes very late they are read of the log again."""
        track = state.tracks[one.series]
        if one.time - GAP < track.since:
            before, track.since = track.since, one.time - GAP
            self._read(tenant, state, {one.series}, track.since, before)
        return track


def _samples(table: pa.Table) -> list[Measurement]:
    """The samples of counters among some measurements."""
    ends = pc.ends_with(table.column("metric").cast(pa.string()), SUFFIX)
    return from_table(table.filter(ends).select(COLUMNS.names))
