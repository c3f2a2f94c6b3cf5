"""What is known of a sender: when it last delivered, how many measurements, how far its clock is from ours, and how
often what it sends repeats or contradicts what came before."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.agreements.units import HOUR

Hashes = npt.NDArray[np.uint64]
MOST_ERROR = 300
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender of a tenant, by the name of its key or source; or what is to be added to what is known of it.

    `delivered_at` is when it last delivered measurements, of which it has delivered so many: `duplicates` of them were
    there already, and `conflicts` had another value than there was. `future` lay too far ahead, `refused` could not be
    taken otherwise. `lag` is the last delivery's arrival less its newest sample's time, negative where that is ahead of
    our clock; `least_lag` the least in the hour that begins at `hour`, and `least_before` in the hour before. Instants
    and durations in microseconds, instants UTC."""

    name: str
    heard_at: int
    delivered_at: int | None = None
    measurements: int = 0
    duplicates: int = 0
    conflicts: int = 0
    future: int = 0
    refused: int = 0
    lag: int | None = None
    hour: int | None = None
    least_lag: int | None = None
    least_before: int | None = None
    error: str | None = None
    error_at: int | None = None

    @property
    def skew(self) -> int | None:
        """How far its clock is behind ours at most, negative where it is ahead by at least that: the least lag in the
        last one to two hours in which it delivered. What is on its way for some time is behind by that time too."""
        return _least(self.least_lag, self.least_before)


def together(before: Sender, more: Sender) -> Sender:
    """What is known of a sender with what came to be known since."""
    counts = ("measurements", "duplicates", "conflicts", "future", "refused")
    found = replace(
        before,
        heard_at=max(before.heard_at, more.heard_at),
        **{name: getattr(before, name) + getattr(more, name) for name in counts},
    )
    if more.delivered_at is not None:
        newer = before.delivered_at is None or more.delivered_at >= before.delivered_at
        lags = _lags(before)
        for hour, lag in _lags(more).items():
            lags[hour] = min(lag, lags.get(hour, lag))
        last = max(lags)
        found = replace(
            found,
            delivered_at=more.delivered_at if newer else before.delivered_at,
            lag=more.lag if newer else before.lag,
            hour=last,
            least_lag=lags[last],
            least_before=lags.get(last - HOUR),
        )
    if more.error_at is not None and (before.error_at is None or more.error_at >= before.error_at):
        found = replace(found, error=more.error, error_at=more.error_at)
    return found


def delivery(name: str, arrived: int, newest: int, measurements: int, duplicates: int, conflicts: int) -> Sender:
    """What a delivery adds: it arrived at an instant, and its newest sample is of the instant `newest`."""
    lag = arrived - newest
    return Sender(
        name,
        arrived,
        arrived,
        measurements,
        duplicates,
        conflicts,
        lag=lag,
        hour=arrived // HOUR * HOUR,
        least_lag=lag,
    )


def failure(name: str, at: int, error: str, *, future: int = 0, refused: int = 0) -> Sender:
    """What a failure adds: why something was not taken, and how many samples or rows that were."""
    return Sender(name, at, future=future, refused=refused, error=" ".join(error.split())[:MOST_ERROR], error_at=at)


def _lags(sender: Sender) -> dict[int, int]:
    if sender.hour is None or sender.least_lag is None:
        return {}
    before = {} if sender.least_before is None else {sender.hour - HOUR: sender.least_before}
    return before | {sender.hour: sender.least_lag}


def _least(*lags: int | None) -> int | None:
    return min((lag for lag in lags if lag is not None), default=None)


class Lately:
    """The measurements that came lately, of all tenants, so that a repetition or a contradiction is noticed: a table of
    2 to the `bits` places, 16 bytes each, in which a newer one takes the place of an older."""

    def __init__(self, bits: int = 20) -> None:
        self._mask = np.uint64((1 << bits) - 1)
        self._identities: Hashes = np.zeros(1 << bits, np.uint64)
        self._figures: Hashes = np.zeros(1 << bits, np.uint64)
        self._rows = np.zeros(1 << bits, np.int64)

    def note(self, tenant: str, batch: pa.Table) -> tuple[int, int]:
        """Takes note of a batch (`measurements.model.COLUMNS`); how many of its rows repeat, and how many contradict, a
        measurement that came lately or stands in the batch too."""
        identities, figures = _hashes(tenant, batch)
        places = identities & self._mask
        self._rows[places] = np.arange(len(places))
        last = self._rows[places]  # of rows of one place the last stands for them
        here = np.flatnonzero(last == np.arange(len(places)))
        again = np.flatnonzero((last != np.arange(len(places))) & (identities[last] == identities))
        known = here[self._identities[places[here]] == identities[here]]
        conflicts = int(np.count_nonzero(figures[again] != figures[last[again]]))
        conflicts += int(np.count_nonzero(self._figures[places[known]] != figures[known]))
        self._identities[places[here]], self._figures[places[here]] = identities[here], figures[here]
        return len(again) + len(known) - conflicts, conflicts


def _hashes(tenant: str, batch: pa.Table) -> tuple[Hashes, Hashes]:
    """What stands for the identity of each row, and for its figures."""
    series = _words(batch.column("service"), tenant) * np.uint64(0x9E3779B97F4A7C15) ^ _words(batch.column("metric"))
    times, goods, totals = (
        batch.column(name).fill_null(-1).to_numpy().astype(np.int64, copy=False).view(np.uint64)
        for name in ("time", "good", "total")
    )
    values = batch.column("value").fill_null(np.inf).to_numpy() + 0.0  # 0.0 for -0.0
    return _mixed(series + _mixed(times)), _mixed(values.view(np.uint64) ^ _mixed(goods ^ _mixed(totals)))


def _words(column: pa.ChunkedArray, of: str = "") -> Hashes:
    """A number for each text of a column, of the words of its dictionary that it uses."""
    found = [_chunk(chunk, of) for chunk in column.chunks]
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def _chunk(chunk: pa.DictionaryArray, of: str) -> Hashes:
    codes = chunk.indices.to_numpy(zero_copy_only=False)
    words = chunk.dictionary
    if len(words) > len(codes):
        used, codes = np.unique(codes, return_inverse=True)
        words = words.take(pa.array(used))
    mask = (1 << 64) - 1
    hashes: Hashes = np.array([hash((of, word)) & mask for word in words.to_pylist()], np.uint64)[codes]
    return hashes


def _mixed(numbers: Hashes) -> Hashes:
    """Spread over all 64 bits (the finaliser of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = numbers ^ (numbers >> np.uint64(31))
    return mixed
