"""The parts of a ratio taken in: once two of them are in the log, so is what they count together
(`measurements.parts`).

The parts are made durable first, and paired from what the log has then: so a process that was killed in between, or
another process that took the other part, loses no pair, for who was not answered sends again.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.units import MINUTE
from upheld.measurements.model import Measurement, from_table, holding, to_table
from upheld.measurements.parts import PARTS, counted, named, part_of
from upheld.ports import Clock, MeasurementLog

APART = 10 * MINUTE
"""Parts further apart are looked up apart: what lies between them is not read."""


class Pairing:
    """The parts of every tenant. Corrections of one metric go through one process at a time."""

    def __init__(self, log: MeasurementLog, clock: Clock) -> None:
        self._log, self._clock = log, clock
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def pair(self, tenant: str, table: pa.Table, keep: Callable[[pa.Table], object]) -> None:
        """Gives `keep` the counts that have changed by measurements that are in the log (`model.COLUMNS`); nothing
        where there are no parts among them."""
        parts = _parts(table)
        if not parts:
            return
        with self._locks[tenant]:  # of two corrections the one that is read last is kept last
            changed = [pair for near in _near(parts) for pair in self._changed(tenant, near)]
            if changed:
                keep(to_table(changed))

    def _changed(self, tenant: str, parts: Sequence[Measurement]) -> Iterator[Measurement]:
        wanted = {(one.service, found[0], one.time) for one in parts if (found := part_of(one.metric)) is not None}
        series = {(service, name) for service, metric, _ in wanted for name in (metric, *_names(metric))}
        rows = self._log.rows(tenant, series, start=parts[0].time, end=parts[-1].time + 1)
        held = holding(from_table(rows))
        for identity, (good, total) in counted(held.values()).items():
            before = held.get(identity)
            if identity in wanted and (before is None or (before.good, before.total) != (good, total)):
                known_at = max(self._clock.now(), 0 if before is None else before.known_at + 1)
                yield Measurement(*identity, None, good, total, known_at)


def _parts(table: pa.Table) -> list[Measurement]:
    """The parts among some measurements, by time."""
    metrics = table.column("metric")
    words = {word for chunk in metrics.chunks for word in chunk.dictionary.to_pylist()}
    names = [word for word in words if part_of(word) is not None]
    if not names:
        return []
    found = from_table(table.filter(pc.is_in(metrics.cast(pa.string()), pa.array(names))))
    return sorted(found, key=lambda one: one.time)


def _names(metric: str) -> list[str]:
    return [named(metric, part) for part in PARTS]


def _near(parts: Sequence[Measurement]) -> Iterator[Sequence[Measurement]]:
    """Parts in order of time, cut where they lie far apart."""
    first = 0
    for place in range(1, len(parts) + 1):
        if place == len(parts) or parts[place].time - parts[place - 1].time > APART:
            yield parts[first:place]
            first = place
