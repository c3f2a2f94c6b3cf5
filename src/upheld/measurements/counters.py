"""Counters, which count up and begin anew now and then: what a counter rose by from one sample to the next.

The samples themselves stay in the log, under the metric's name with `SUFFIX`; what they rose by is the measurement. A
sample that comes late splits the rise that was told of the sample behind it, which is corrected: so any order of the
samples ends in the same measurements. The rise belongs to the instant of the later sample. Where the counter is lower
than before it has begun anew, at zero, and has risen by what it shows (Prometheus' `increase` reads it so too).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from upheld.agreements.units import HOUR

SUFFIX = " (counter)"
GAP = HOUR
"""Samples further apart than this are not compared: the later one begins anew, and nothing is measured by it."""


@dataclass(frozen=True, slots=True)
class Count:
    """A sample of the counter that a metric of a service is measured by, at `time` (microseconds UTC)."""

    service: str
    metric: str
    time: int
    value: float

    @property
    def series(self) -> tuple[str, str]:
        return self.service, self.metric


@dataclass(slots=True)
class Track:
    """The samples of one counter from `since` on (microseconds UTC), by time."""

    since: int
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def put(self, time: int, value: float) -> None:
        """Adds a sample; one of the same instant is replaced."""
        place = bisect_left(self.times, time)
        if place < len(self.times) and self.times[place] == time:
            self.values[place] = value
            return
        self.times.insert(place, time)
        self.values.insert(place, value)

    def rises(self, time: int) -> Iterator[tuple[int, float]]:
        """What is measured by the sample of that instant and by the one behind it: (instant, rise) each."""
        place = bisect_left(self.times, time)
        for later in (place, place + 1):
            if 0 < later < len(self.times) and self.times[later] - self.times[later - 1] <= GAP:
                yield self.times[later], rise(self.values[later - 1], self.values[later])

    def forget(self, before: int) -> None:
        """Lets go of the samples before an instant."""
        if before > self.since:
            place = bisect_left(self.times, before)
            del self.times[:place], self.values[:place]
            self.since = before


def rise(before: float, after: float) -> float:
    """By how much a counter rose from one sample to the next."""
    return after - before if after >= before else after


def rises_of(samples: Iterable[tuple[int, float]]) -> dict[int, float]:
    """The plain rule, for reading: what all samples of one counter, in any order, come to, by instant. Of samples of
    one instant the last holds."""
    held = sorted(dict(samples).items())
    return {time: rise(before, value) for (earlier, before), (time, value) in pairwise(held) if time - earlier <= GAP}
