"""Exact arithmetic over arrays: integers that never overflow, sums of ratios, sums of floats rounded once.

An array of integers is int64 wherever every figure fits, and of Python integers (dtype object) otherwise; both take
the same operations. Nothing is decided by a rounded figure: an interval that holds the exact figure decides where it
can, and the exact figure decides elsewhere.
"""

from fractions import Fraction
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from upheld.agreements.units import Bound

Integers = npt.NDArray[Any]
"""int64, or Python integers in an array of objects."""
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_INT64 = 2**63 - 1


def scaled(numbers: Integers, factor: int) -> Integers:
    """numbers * factor, for numbers and a factor that are not negative."""
    if numbers.dtype != object and len(numbers) and int(numbers.max()) * factor > _INT64:
        numbers = numbers.astype(object)
    return numbers * factor


def cumulated(numbers: Integers) -> Integers:
    """The sums of the first 0, 1, 2, ... of numbers that are not negative: one longer than `numbers`."""
    if numbers.dtype != object and len(numbers) and int(numbers.max()) * len(numbers) > _INT64:
        numbers = numbers.astype(object)
    sums = np.zeros(len(numbers) + 1, numbers.dtype)
    np.cumsum(numbers, out=sums[1:])
    return sums


def grouped(numbers: Integers, starts: Numbers) -> Integers:
    """The sums of the groups that begin at `starts` (ascending, the first is 0) of numbers that are not negative."""
    if not len(starts):
        return numbers[:0]
    if numbers.dtype != object and int(numbers.max()) * len(numbers) > _INT64:
        numbers = numbers.astype(object)
    sums: Integers = np.add.reduceat(numbers, starts)
    return sums


def total_of(numbers: Integers) -> int:
    """The sum of numbers that are not negative."""
    return int(cumulated(numbers)[-1])


def exceeds(spent: Integers, share: Fraction, base: Integers) -> Flags:
    """Where spent > share * base."""
    return np.asarray(scaled(spent, share.denominator) > scaled(base, share.numerator), np.bool_)


def reaches(spent: Integers, share: Fraction, base: Integers) -> Flags:
    """Where spent >= share * base."""
    return ~exceeds(scaled(base, share.numerator), Fraction(share.denominator), spent)


def sum_of_ratios(parts: Integers, wholes: Integers) -> Fraction:
    """The exact sum of parts[i] / wholes[i], for wholes above zero."""
    sums = [Fraction(part, whole) for whole, part in _by_whole(parts, wholes)]
    while len(sums) > 1:  # in pairs, so that the denominators grow as late as they can
        sums = [reduce(Fraction.__add__, sums[i : i + 2]) for i in range(0, len(sums), 2)]
    return sums[0] if sums else Fraction(0)


def ratios_within(parts: Integers, wholes: Integers) -> tuple[Fraction, Fraction]:
    """Two bounds, lowest first, of the sum of parts[i] / wholes[i], where parts[i] <= wholes[i]; each ratio adds at
    most 2**-108 between them."""
    low, rest = 0, parts
    for _ in range(3):
        shifted = scaled(rest, 2**36)
        low = (low << 36) + total_of(shifted // wholes)
        rest = shifted % wholes
    loose = int(np.count_nonzero(rest))
    return Fraction(low, 2**108), Fraction(low + loose, 2**108)


def _by_whole(parts: Integers, wholes: Integers) -> list[tuple[int, int]]:
    """Each different whole with the sum of its parts."""
    order = np.argsort(wholes, kind="stable")
    ordered = wholes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ordered) else order
    return list(zip(ordered[starts].tolist(), grouped(parts[order], starts).tolist(), strict=True))


def holds(bound: Bound, figures: Floats) -> Flags:
    """`Bound.holds` of each figure."""
    limit = float(bound.limit)
    match bound.operator:
        case "<=":
            return figures <= limit
        case ">=":
            return figures >= limit
        case "<":
            return figures < limit
        case ">":
            return figures > limit
        case "==":
            return np.equal(figures, limit)
        case "!=":
            return np.not_equal(figures, limit)


class FloatSums:
    """Exact sums and means over ranges of one array of finite floats, rounded once."""

    def __init__(self, values: Floats) -> None:
        self._values = values
        with np.errstate(over="ignore", invalid="ignore"):
            self._rough = np.concatenate([[0.0], np.cumsum(values)])
            size = float(np.abs(values).sum())
        self._whole = size < 2.0**53 and bool((values == np.floor(values)).all())
        self._error = 0.0 if self._whole else size * (len(values) + 8) * 2.0**-51 + 1e-300
        self._exact: tuple[list[int], int] | None = None

    def hold(self, bound: Bound, starts: Numbers, ends: Numbers, *, mean: bool) -> Flags:
        """Whether the sum, or the mean, of values[start:end] meets the bound, for each (not empty) range."""
        counts = ends - starts if mean else np.ones(len(ends), np.int64)
        with np.errstate(over="ignore", invalid="ignore"):
            figures = (self._rough[ends] - self._rough[starts]) / counts
            met = holds(bound, figures)
            if self._whole:
                return met
            limit = float(bound.limit)
            margin = self._error / counts + (np.abs(figures) + abs(limit)) * 2.0**-50
            open_ = ~(np.abs(figures - limit) > margin)
        if open_.any() and self._exact is None:
            self._exact = _running_sums(self._values)
        for i in np.flatnonzero(open_).tolist():
            assert self._exact is not None
            sums, exponent = self._exact
            met[i] = bound.holds(_rounded(sums[ends[i]] - sums[starts[i]], exponent, int(counts[i])))
        return met


def exact_figure(values: Floats, *, mean: bool) -> float:
    """The sum, or the mean, of finite floats (at least one): the exact one, rounded once; infinite where a sum is
    beyond every float."""
    mantissas, exponents, exponent = _integers(values)
    high, low = mantissas >> 27, mantissas & (2**27 - 1)  # sums of halves stay exact in a float, up to 2**26 values
    total = 0
    for halves, bits in ((high, 27), (low, 0)):
        sums = np.bincount(exponents, weights=halves)
        total += sum(int(sums[i]) << (i + bits) for i in np.flatnonzero(sums).tolist())
    return _rounded(total, exponent, len(values) if mean else 1)


def _rounded(total: int, exponent: int, count: int) -> float:
    """total * 2**exponent / count, rounded once."""
    try:
        return (total << max(exponent, 0)) / (count << max(-exponent, 0))
    except OverflowError:
        return float("inf") if total > 0 else float("-inf")


def _integers(values: Floats) -> tuple[Numbers, Numbers, int]:
    """Floats as mantissas * 2**(exponents + exponent), with exponents from 0 on."""
    mantissas, exponents = np.frexp(values)
    lowest = int(exponents.min())
    return np.ldexp(mantissas, 53).astype(np.int64), exponents - lowest, lowest - 53


def _running_sums(values: Floats) -> tuple[list[int], int]:
    """The exact sums of the first 0, 1, 2, ... values (at least one) as integers, in units of 2**exponent."""
    mantissas, exponents, exponent = _integers(values)
    whole = (m << e for m, e in zip(mantissas.tolist(), exponents.tolist(), strict=True))
    return list(accumulate(whole, initial=0)), exponent
