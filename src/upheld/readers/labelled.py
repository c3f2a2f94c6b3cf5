"""Samples with labels -> measurements, by a mapping. Each series is looked up in the mapping once."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.measurements.counters import Count
from upheld.measurements.mapping import Mapping, Place, Unmapped, place
from upheld.measurements.model import AHEAD, COLUMNS
from upheld.readers.known_bytes import TooManySeries
from upheld.readers.remote_write import Labels, Samples
from upheld.readers.remote_write_scan import HISTOGRAM

SeriesKey = tuple[str, str]
UNMAPPED, UNREAD = -1, -2
"""What stands for a series that no rule maps, and for one that is mapped to what no objective reads."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a request came to: `table` (columns `measurements.model.COLUMNS`) has what an objective reads. Of the rest
    the numbers: `unmapped` and `unread` samples, `stale` markers, values that are `not_finite`, native `histograms`,
    and those too far in the `future`: these also stand in `too_early`, as (labels, time in microseconds UTC, value).
    `counts` are the samples of counters: what they rose by is yet to be found (`counting`).

    `samples_taken` and `histograms_taken` are those that were understood, kept or left out as the mapping has it: what
    the sender need not hear of. `refused` counts the others, where the decoder has a row for each.

    `anew` where it had more series than could be known with those that had come before: these are forgotten."""

    table: pa.Table
    unmapped: int = 0
    unread: int = 0
    stale: int = 0
    not_finite: int = 0
    histograms: int = 0
    future: int = 0
    too_early: Sequence[tuple[Labels, int, float]] = ()
    counts: Sequence[Count] = ()
    samples_taken: int = 0
    histograms_taken: int = 0
    anew: bool = False

    @property
    def refused(self) -> dict[str, int]:
        """What could not be taken though an objective reads its series, by the reason; only where there is some."""
        reasons = ("not_finite", "histograms", "future")
        return {reason: count for reason in reasons if (count := getattr(self, reason))}

    @property
    def left_out(self) -> dict[str, int]:
        """The samples that were left out, by their reason; only those of which there are some."""
        reasons = ("unmapped", "unread", "stale", "not_finite", "histograms", "future")
        return {reason: count for reason in reasons if (count := getattr(self, reason))}


@dataclass
class _Places:
    """Where each series goes, by its code, under one mapping and one set of series that are read."""

    mapping: Mapping
    read: Set[SeriesKey]
    services: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, int] = field(default_factory=dict)
    service: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    metric: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    scales: dict[int, Decimal] = field(default_factory=dict)
    """Of the series whose values are multiplied."""
    counters: set[int] = field(default_factory=set)
    """The series that are counters."""

    def learn(self, decoder: "Decoding") -> None:
        """Looks up the series that have come since."""
        known = len(self.service)
        if len(decoder) == known:
            return
        found = [self._place(code, decoder.labels(code)) for code in range(known, len(decoder))]
        self.service = np.concatenate([self.service, np.array([service for service, _ in found], np.int32)])
        self.metric = np.concatenate([self.metric, np.array([metric for _, metric in found], np.int32)])

    def _place(self, code: int, labels: Labels) -> tuple[int, int]:
        found = place(self.mapping, dict(labels))
        if isinstance(found, Unmapped):
            return UNMAPPED, UNMAPPED
        if (found.service, found.metric) not in self.read:
            return UNREAD, UNREAD
        if found.scale != 1:
            self.scales[code] = found.scale
        if found.counter:
            self.counters.add(code)
        service = self.services.setdefault(found.service, len(self.services))
        return service, self.metrics.setdefault(found.metric, len(self.metrics))

    def scaled(self, series: npt.NDArray[np.int32], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The values multiplied, each as the decimal that it is written as: 0.07 times 100 is 7."""
        if not self.scales:
            return values
        for at in np.flatnonzero(np.isin(series, list(self.scales))).tolist():
            values[at] = float(Decimal(repr(float(values[at]))) * self.scales[int(series[at])])
        return values


class Decoding(Protocol):
    """What reads the requests of one protocol, one at a time, and knows every series that came by its code. Raises
    TooManySeries where it cannot know more."""

    def __len__(self) -> int: ...
    def labels(self, code: int) -> Labels: ...
    def decode(self, body: bytes) -> Samples: ...


class Receiver:
    """The requests of one tenant by one protocol, from any thread. When a decoder of `make` knows as many series as it
    may, it gives way to a new one, which knows those that still come."""

    def __init__(self, make: Callable[[], Decoding]) -> None:
        self._make, self._decoder, self._lock = make, make(), Lock()
        self._places: _Places | None = None

    def read(
        self, body: bytes, mapping: Mapping, read: Set[SeriesKey], received_at: int, ahead: int = AHEAD
    ) -> Received:
        """The measurements of a request's body, learnt of at `received_at`; those more than `ahead` after it are left
        out (both in microseconds). `read` are the series that objectives read. Raises MalformedBody; nothing of the
        request is kept then."""
        with self._lock:
            samples, anew = self._decoded(body)
            places = self._places
            if places is None or places.mapping is not mapping or places.read is not read:
                places = self._places = _Places(mapping, read)
            places.learn(self._decoder)
            received = _received(samples, places, received_at, ahead)
            return replace(received, too_early=self._too_early(samples, places, received_at + ahead), anew=anew)

    def _decoded(self, body: bytes) -> tuple[Samples, bool]:
        """The samples of a body, and whether all series that were known had to be forgotten for them."""
        try:
            return self._decoder.decode(body), False
        except TooManySeries:
            if not len(self._decoder):
                raise
        decoder = self._make()
        samples = decoder.decode(body)  # a request that is too large by itself makes nothing be forgotten
        self._decoder, self._places = decoder, None  # places go by the codes of one decoder
        return samples, True

    def _too_early(self, samples: Samples, places: _Places, latest: int) -> list[tuple[Labels, int, float]]:
        future = (samples.time > latest) & np.isfinite(samples.value)
        at = np.flatnonzero(future & (places.service[samples.series] >= 0))
        found = zip(samples.series[at].tolist(), samples.time[at].tolist(), samples.value[at].tolist(), strict=True)
        return [(self._decoder.labels(code), time, value) for code, time, value in found]

    def series(self, mapping: Mapping, limit: int) -> list[tuple[Labels, Place | Unmapped]]:
        """The first series that have come, of those that are known still, and what they are mapped to."""
        with self._lock:
            known = [self._decoder.labels(code) for code in range(min(len(self._decoder), limit))]
        return [(labels, place(mapping, dict(labels))) for labels in dict.fromkeys(known)]


def _received(samples: Samples, places: _Places, received_at: int, ahead: int) -> Received:
    service = places.service[samples.series]
    histogram = samples.value.view(np.uint64) == np.uint64(HISTOGRAM)
    read = service >= 0
    future = (samples.time > received_at + ahead) & np.isfinite(samples.value)
    taken = np.flatnonzero(read & ~future & ~histogram)
    series = samples.series[taken]
    value = places.scaled(series, samples.value[taken])
    finite = np.isfinite(value)
    if not finite.all():
        taken, series, value = taken[finite], series[finite], value[finite]
    counts: Sequence[Count] = ()
    if places.counters:
        counted = np.isin(series, list(places.counters))
        counts = _counts(places, series[counted], samples.time[taken[counted]], value[counted])
        taken, series, value = taken[~counted], series[~counted], value[~counted]
    rows = len(taken)
    table = pa.table(
        [
            _words(service[taken], places.services),
            _words(places.metric[series], places.metrics),
            pa.array(samples.time[taken]),
            pa.array(value),
            pa.nulls(rows, pa.int64()),
            pa.nulls(rows, pa.int64()),
            pa.array(np.full(rows, received_at, np.int64)),
        ],
        schema=COLUMNS,
    )
    not_finite, beyond = _count(~finite), _count(future & read)
    histograms, unkept = _count(histogram), _count(histogram & read)
    return Received(
        table,
        unmapped=_count(service == UNMAPPED),
        unread=_count(service == UNREAD),
        stale=samples.stale,
        not_finite=samples.not_finite + not_finite,
        histograms=samples.histograms + unkept,
        future=beyond,
        counts=counts,
        samples_taken=len(samples.series) - histograms + samples.stale - not_finite - beyond,
        histograms_taken=histograms - unkept,
    )


def _counts(
    places: _Places, series: npt.NDArray[np.int32], times: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> list[Count]:
    services, metrics = list(places.services), list(places.metrics)
    found = zip(series.tolist(), times.tolist(), values.tolist(), strict=True)
    return [
        Count(services[places.service[code]], metrics[places.metric[code]], time, value) for code, time, value in found
    ]


def _count(mask: npt.NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def _words(codes: npt.NDArray[np.int32], words: dict[str, int]) -> pa.DictionaryArray:
    """Codes as a dictionary of those words alone that they use."""
    used, places = np.unique(codes, return_inverse=True)
    names = list(words)
    return pa.DictionaryArray.from_arrays(
        pa.array(places.astype(np.int32)), pa.array([names[code] for code in used.tolist()], pa.string())
    )
