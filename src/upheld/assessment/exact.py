"""Exact arithmetic over arrays: integers that never overflow, sums of ratios, sums of floats as decimals.

An array of integers is int64 wherever every figure fits, and of Python integers (dtype object) otherwise; both take
the same operations. Nothing is decided by a rounded figure: an interval that holds the exact figure decides where it
can, and the exact figure decides elsewhere.
"""

import operator
from collections.abc import Callable, Iterator
from decimal import Context, Decimal, Inexact
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
_EXACTLY = Context(prec=1000, Emin=-2000, Emax=2000, traps=[Inexact])
"""Holds every sum of floats as they are written: they reach from 309 digits before the point to 341 behind it."""


def scaled(numbers: Integers, factor: int) -> Integers:
    """numbers * factor, for numbers and a factor that are not negative."""
    largest = max(int(numbers.max()), 1) if len(numbers) else 1  # the factor has to fit by itself
    if numbers.dtype != object and largest * factor > _INT64:
        numbers = numbers.astype(object)
    return numbers * factor


def times(some: Integers, others: Integers) -> Integers:
    """some * others, of numbers that are not negative."""
    if object not in (some.dtype, others.dtype) and _largest(some) * _largest(others) > _INT64:
        some = some.astype(object)
    product: Integers = some * others
    return product


def added(some: Integers, others: Integers) -> Integers:
    """some + others, of numbers that are not negative."""
    if object not in (some.dtype, others.dtype) and _largest(some) + _largest(others) > _INT64:
        some = some.astype(object)
    together: Integers = some + others
    return together


def _largest(numbers: Integers) -> int:
    return int(numbers.max()) if len(numbers) else 0


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
    """Sums and means over ranges of one array of finite floats, each taken as the decimal it is written as, compared
    exactly. Where the decimals are short, integers are added up; else floats decide far from the limit."""

    def __init__(self, values: Floats) -> None:
        self._values = values
        self._short = short_decimals(values)
        if self._short is not None:
            self._sums = np.concatenate([[0], np.cumsum(self._short[0])])
            return
        with np.errstate(over="ignore", invalid="ignore"):
            self._rough = np.concatenate([[0.0], np.cumsum(values)])
            size = float(np.abs(values).sum())
        self._error = size * (len(values) + 8) * 2.0**-51 + 1e-300
        self._exact: list[Decimal] | None = None

    def hold(self, bound: Bound, starts: Numbers, ends: Numbers, *, mean: bool) -> Flags:
        """Whether the sum, or the mean, of values[start:end] meets the bound, for each (not empty) range."""
        counts = ends - starts if mean else np.ones(len(ends), np.int64)
        if self._short is not None:
            return _decimals_hold(bound, self._sums[ends] - self._sums[starts], self._short[1], counts)
        with np.errstate(over="ignore", invalid="ignore"):
            figures = (self._rough[ends] - self._rough[starts]) / counts
            met = holds(bound, figures)
            limit = float(bound.limit)
            margin = self._error / counts + (np.abs(figures) + abs(limit)) * 2.0**-50
            open_ = ~(np.abs(figures - limit) > margin)
        if open_.any() and self._exact is None:
            self._exact = list(accumulate(_decimals(self._values), _EXACTLY.add, initial=Decimal(0)))
        for i in np.flatnonzero(open_).tolist():
            assert self._exact is not None
            total = _EXACTLY.subtract(self._exact[ends[i]], self._exact[starts[i]])
            met[i] = bound.holds(Fraction(total) / int(counts[i]))
        return met


def exact_figure(values: Floats, *, mean: bool, places: int) -> Fraction:
    """The sum, or the mean, of finite floats (at least one), each taken as the decimal it is written as; or a figure so
    near to it that it is the same when cut off at `places`."""
    count = len(values) if mean else 1
    short = short_decimals(values)
    if short is not None:
        return Fraction(int(short[0].sum()), 10 ** short[1]) / count
    near, off = _binary_sum(values), _decimals_off(values)
    low, high = ((near + side * off) / count * 10**places for side in (-1, 1))
    if low.__floor__() == high.__floor__():
        return near / count
    return Fraction(reduce(_EXACTLY.add, _decimals(values))) / count


def short_decimals(values: Floats) -> tuple[Numbers, int] | None:
    """The values as whole numbers of 10**-places, and the places, where each is written with at most 9 places and 15
    digits and no sum of them leaves an int64; else None. A float is the nearest to at most one decimal so short, so
    that dividing back proves it."""
    if not len(values):
        return np.zeros(0, np.int64), 0
    largest = float(np.abs(values).max())
    for places in (0, 1, 2, 3, 6, 9):
        if largest * 10.0**places >= 1e15 or largest * 10.0**places * len(values) >= 2.0**62:
            return None
        scaled = np.rint(values * 10.0**places)
        if (scaled / 10.0**places == values).all():
            return scaled.astype(np.int64), places
    return None


def _decimals_hold(bound: Bound, sums: Numbers, places: int, counts: Numbers) -> Flags:
    """Whether sums * 10**-places / counts meet the bound."""
    limit = Fraction(bound.limit) * 10**places
    left, right = _times(sums, limit.denominator), _times(counts, limit.numerator)
    return np.asarray(_COMPARISONS[bound.operator](left, right), np.bool_)


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}


def _times(numbers: Numbers, factor: int) -> Integers:
    largest = max(int(np.abs(numbers).max()), 1) if len(numbers) else 1
    product: Integers = (numbers.astype(object) if largest * abs(factor) > _INT64 else numbers) * factor
    return product


def _decimals(values: Floats) -> Iterator[Decimal]:
    """Each value as the decimal it is written as."""
    return map(Decimal, map(repr, values.tolist()))


def _decimals_off(values: Floats) -> Fraction:
    """The most by which the sum of floats is off that of the decimals they are written as: half a unit in the last
    place of each, and the rounding of this sum itself."""
    _, exponents = np.frexp(values)
    largest = int(exponents.max())
    return Fraction(len(values)) * Fraction(2) ** max(largest - 54, -1075)


def _binary_sum(values: Floats) -> Fraction:
    """The exact sum of floats (at least one) as what they are in binary."""
    mantissas, exponents = np.frexp(values)
    lowest = int(exponents.min())
    whole, exponents = np.ldexp(mantissas, 53).astype(np.int64), exponents - lowest
    high, low = whole >> 27, whole & (2**27 - 1)  # sums of halves stay exact in a float, up to 2**26 values
    total = 0
    for halves, bits in ((high, 27), (low, 0)):
        sums = np.bincount(exponents, weights=halves)
        total += sum(int(sums[i]) << (i + bits) for i in np.flatnonzero(sums).tolist())
    return total * Fraction(2) ** (lowest - 53)
