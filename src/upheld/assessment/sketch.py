"""Percentiles of more values than are kept in order: a DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019). DESIGN rule 5.

A value is counted in a bucket whose width is a small share of the value, and a percentile is the middle of the bucket
in which its rank lies. Counts are whole numbers, so that sketches can be merged in any order and values taken back.

A bucket is an octave's 128th part, cut off the bits of the float: DDSketch's linearly interpolated mapping without any
rounding, so that every machine and both models of assessment put a value in the same bucket.
"""

from dataclasses import dataclass

import numpy as np

from upheld.assessment.exact import Floats, Numbers

RELATIVE_ERROR = "0.005"
"""By so much of the exact percentile a sketched one may be off at most. (By half a bucket: 2**-8 of it.)"""

SMALLEST = float(np.finfo(np.float64).smallest_normal)
"""Figures nearer to zero than this, about 2.2e-308, are counted as zero."""

_DROPPED_BITS = 52 - 7
"""Of the 52 binary places of a float seven tell the bucket."""


def keys_of(values: Floats) -> Numbers:
    """The bucket of each finite value: 0 for zero, greater the greater the value; opposite values have opposite
    keys."""
    size = np.abs(values)
    keys = np.where(size < SMALLEST, 0, size.view(np.int64) >> _DROPPED_BITS)
    return np.where(values < 0, -keys, keys)


def middles_of(keys: Numbers) -> Floats:
    """The figure that stands for each bucket: ascending with the key, 0.0 for zero."""
    bits = (np.abs(keys) << _DROPPED_BITS) + (1 << (_DROPPED_BITS - 1))
    middles = np.where(keys == 0, 0.0, bits.view(np.float64))
    return np.where(keys < 0, -middles, middles)


def stand_in(value: float) -> float:
    """The figure that stands for the bucket of a value."""
    return float(middles_of(keys_of(np.array([value])))[0])


def cuts(limit: float) -> tuple[float, float]:
    """Two values: the figure that stands for a value is less than `limit` where the value is less than the first, and
    at most `limit` where it is less than the second."""
    if np.isinf(limit):
        return limit, limit
    key, middle = int(keys_of(np.array([limit]))[0]), stand_in(limit)
    return _lowest(key + (middle < limit)), _lowest(key + (middle <= limit))


def _lowest(key: int) -> float:
    """The lowest value whose key is at least that."""
    if key <= 0:
        return float(np.nextafter(-_lowest(1 - key), 0))
    return max(float(np.array([key << _DROPPED_BITS]).view(np.float64)[0]), SMALLEST)


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many values lie in each bucket: the keys of those that are not empty, ascending, and their counts."""

    keys: Numbers
    counts: Numbers

    def __len__(self) -> int:
        """The number of values."""
        return int(self.counts.sum())


def sketch_of(values: Floats) -> Sketch:
    """The sketch of finite values in any order."""
    keys, counts = np.unique(keys_of(values), return_counts=True)
    return Sketch(keys, counts.astype(np.int64))


def merged(*sketches: Sketch) -> Sketch:
    """The sketch of all values of these sketches."""
    return _added(sketches, [1] * len(sketches))


def retracted(sketch: Sketch, gone: Sketch) -> Sketch:
    """The sketch without the values of another, all of which it has counted."""
    return _added([sketch, gone], [1, -1])


def figure_at(sketch: Sketch, rank: int) -> float:
    """The figure of that rank among the values in ascending order, from 1 on: off by at most RELATIVE_ERROR of it."""
    assert 1 <= rank <= len(sketch), "a rank is one of the values"
    at = int(np.searchsorted(np.cumsum(sketch.counts), rank))
    return float(middles_of(sketch.keys[at : at + 1])[0])


def _added(sketches: "tuple[Sketch, ...] | list[Sketch]", signs: list[int]) -> Sketch:
    every = np.concatenate([np.zeros(0, np.int64), *(s.keys for s in sketches)])
    signed = np.concatenate(
        [np.zeros(0, np.int64), *(s.counts * sign for s, sign in zip(sketches, signs, strict=True))]
    )
    keys, which = np.unique(every, return_inverse=True)
    counts = np.zeros(len(keys), np.int64)
    np.add.at(counts, which, signed)
    assert not len(counts) or int(counts.min()) >= 0, "only what was counted can be taken back"
    left = counts > 0
    return Sketch(keys[left], counts[left])
