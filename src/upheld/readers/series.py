"""Series written compactly, as in scenarios: `1x1440 0x44 _x5` is 1,440 slots of 1, then 44 of 0, then 5 without data;
`95/100x12` is 12 slots with 95 good of 100."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.measurements.model import COLUMNS

MAX_SLOTS = 10_000_000
"""The longest series that is read: 19 years of minutes."""

_TOKEN = re.compile(
    r"(?:(?P<gap>_)|(?P<good>\d{1,18})/(?P<total>\d{1,18})|(?P<value>-?\d{1,300}(?:\.\d{1,300})?(?:[eE][-+]?\d{1,3})?))"
    r"(?:x(?P<times>\d{1,18}))?"
)


@dataclass(frozen=True, slots=True)
class Values:
    """One entry for each slot: NaN in `value` is no value, -1 in `total` are no counts; both is a gap."""

    value: npt.NDArray[np.float64]
    good: npt.NDArray[np.int64]
    total: npt.NDArray[np.int64]


def parse_values(text: object) -> Values:
    """The compact form -> `Values`. Raises ValueError with the part that it cannot read."""
    if not isinstance(text, str) or not text.split():
        raise ValueError('write values as text, such as "1x1440 0x44 _x5" or "95/100x12"')
    parsed = [_token(part) for part in text.split()]
    times = [count for *_, count in parsed]
    if sum(times) > MAX_SLOTS:
        raise ValueError(f"the series has {sum(times):,} slots, more than {MAX_SLOTS:,}")
    value, good, total = (np.repeat([entry[i] for entry in parsed], times) for i in range(3))
    return Values(value, good.astype(np.int64), total.astype(np.int64))


def _token(part: str) -> tuple[float, int, int, int]:
    match = _TOKEN.fullmatch(part)
    if match is None:
        raise ValueError(f"{part!r} is not a value such as 1, 0x44, 39.5x60, _x5 or 95/100x12")
    times = int(match["times"] or 1)
    if match["gap"]:
        return float("nan"), 0, -1, times
    if match["total"]:
        good, total = int(match["good"]), int(match["total"])
        if good > total:
            raise ValueError(f"{part!r} has more good than total")
        return float("nan"), good, total, times
    value = float(match["value"])
    if abs(value) == float("inf"):
        raise ValueError(f"{part!r} is larger than a number can be here")
    return value, 0, -1, times


def series_table(
    service: str, metric: str, start: int, step: int, values: Values, known_at: int | None = None
) -> pa.Table:
    """The measurements of a series as a batch of `COLUMNS`: one each `step` from `start` on (microseconds), known when
    it was taken, or at `known_at`."""
    there = np.flatnonzero(~np.isnan(values.value) | (values.total >= 0))
    times = start + step * there.astype(np.int64)
    known = times if known_at is None else np.full(len(there), known_at)
    counted = values.total[there] >= 0
    columns = [
        _same(service, len(there)),
        _same(metric, len(there)),
        times,
        pa.array(values.value[there], from_pandas=True),
        pa.array(values.good[there], mask=~counted),
        pa.array(values.total[there], mask=~counted),
        known,
    ]
    return pa.table([pa.array(column) for column in columns], schema=COLUMNS)


def _same(word: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [word])
