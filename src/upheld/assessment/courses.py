"""How a window stands, from all of its slots at once: what the kernels keep up slot by slot. DESIGN rules 5 to 8.

Used where what was settled comes to be otherwise, and where a verdict is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from upheld.assessment import kernels
from upheld.assessment.kernels import AS_BAD, BAD, EXCLUDE, EXCLUDED, FIRST, GOOD, MISSING, NOT_YET, POLICY, SINCE
from upheld.assessment.marking import TOO_MANY

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(slots=True)
class Slots:
    """What the slots from `first` on are: GOOD, BAD, MISSING or EXCLUDED each. Of counts also their sums: a total is 0
    where there is no data and -1 where the slot is excluded, and GOOD then says that there are events."""

    first: int
    codes: npt.NDArray[np.uint8]
    goods: Numbers | None = None
    totals: Numbers | None = None

    @property
    def last(self) -> int:
        return self.first + len(self.codes)

    def exclude(self, first: int, last: int) -> None:
        """Excludes the slots [first, last)."""
        here = slice(max(first - self.first, 0), max(last - self.first, 0))
        self.codes[here] = EXCLUDED
        if self.goods is not None and self.totals is not None:
            self.goods[here], self.totals[here] = 0, kernels.UNCOUNTED

    def joined(self, newer: "Slots") -> "Slots":
        """These slots and those that follow them."""
        codes = np.concatenate([self.codes, newer.codes])
        if self.goods is None or self.totals is None or newer.goods is None or newer.totals is None:
            return Slots(self.first, codes)
        goods, totals = np.concatenate([self.goods, newer.goods]), np.concatenate([self.totals, newer.totals])
        return Slots(self.first, codes, goods, totals)


def of_counts(first: int, goods: Numbers, totals: Numbers) -> Slots:
    """Slots of a ring of counts."""
    codes = np.where(totals > 0, GOOD, np.where(totals < 0, EXCLUDED, MISSING)).astype(np.uint8)
    return Slots(first, codes, goods, totals)


def slots_of(form: str, rows: Any, indicator: Any, first: int, last: int, zero: int) -> Slots | None:
    """What rows that hold, by time, make of the slots [first, last); None where one has too many events for a ring."""
    fits = ~np.isnan(rows.value) if form == "values" else rows.total >= (1 if form == "counts" else 0)
    time = rows.time[fits]
    slots = time // indicator.slot - zero - first
    codes = np.zeros(last - first, np.uint8)
    starts = np.flatnonzero(np.concatenate([[True], slots[1:] != slots[:-1]])) if len(slots) else slots
    at = slots[starts]
    if form == "values":
        if len(at):
            codes[at] = np.where(_bad_by_value(indicator, rows.value[fits], starts), BAD, GOOD)
        return Slots(first, codes)
    goods, totals = np.zeros(last - first, np.int64), np.zeros(last - first, np.int64)
    if len(at):
        if int(rows.total[fits].max()) > TOO_MANY:
            return None
        goods[at], totals[at] = np.add.reduceat(rows.good[fits], starts), np.add.reduceat(rows.total[fits], starts)
    if form == "counts":
        return of_counts(first, goods, totals)
    over = _over(indicator.error_rate_over, totals[at] - goods[at], totals[at])
    codes[at] = np.where(over & (totals[at] >= max(indicator.min_total, 1)), BAD, GOOD)
    return Slots(first, codes, goods, totals)


def _over(share: Fraction, part: Numbers, whole: Numbers) -> Flags:
    return _exceeds(part, share.denominator, whole, share.numerator)


def _bad_by_value(indicator: Any, values: npt.NDArray[np.float64], starts: Numbers) -> Flags:
    limit = float(indicator.good_when.limit)
    compare = {
        "<=": np.greater,
        ">=": np.less,
        "<": np.greater_equal,
        ">": np.less_equal,
        "==": np.not_equal,
        "!=": np.equal,
    }
    fails = compare[indicator.good_when.operator](values, limit)
    if indicator.slot_rule == "any_bad":
        return np.asarray(np.logical_or.reduceat(fails, starts))
    if indicator.slot_rule == "all_bad":
        return np.asarray(np.logical_and.reduceat(fails, starts))
    return np.asarray(fails[np.append(starts[1:], len(values)) - 1])


# -- where a budget stands --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Course:
    """How a window stands after its last slot that has ended. `risk` and `missed` are the slots at whose end it first
    was at risk and missed its target (of a rolling window: since which it is), NOT_YET where it was not."""

    spent: int
    base: int
    missing: int
    excluded: int
    risk: int
    missed: int
    status: int
    misses: bool


def calendar(slots: Slots, rules: Numbers, base: int) -> Course:
    """The course of a calendar window, of whose slots these have ended (at least one); `base` counts those of all its
    slots, to come included, that are not excluded. Where events are weighed it is not asked for."""
    codes = slots.codes
    missing, excluded = int(np.count_nonzero(codes == MISSING)), int(np.count_nonzero(codes == EXCLUDED))
    if slots.totals is not None and slots.goods is not None:
        spent, bases = np.cumsum(_bad_events(slots)), np.cumsum(np.maximum(slots.totals, 0))
        so_far = int(bases[-1])
    else:
        spent = np.cumsum(bad_by_themselves(codes, rules))
        gone = codes == MISSING if rules[POLICY] == EXCLUDE else np.zeros(len(codes), np.bool_)
        bases = base - np.cumsum(gone)
        so_far = len(codes) - excluded - int(np.count_nonzero(gone))
    misses, warns = _flags(spent, bases, rules)
    risk, missed = _first(misses | warns), _first(misses)
    stands = bool(misses[-1]) if slots.totals is not None else missed != NOT_YET
    at_risk = bool(misses[-1] | warns[-1]) if slots.totals is not None else risk != NOT_YET
    status = kernels.NO_DATA if not so_far else kernels.AT_RISK if at_risk else kernels.MET
    if status != kernels.NO_DATA and stands and slots.totals is None:
        status = kernels.VIOLATED
    return Course(
        int(spent[-1]),
        int(bases[-1]),
        missing,
        excluded,
        risk if risk == NOT_YET else risk + slots.first,
        missed if missed == NOT_YET else missed + slots.first,
        status,
        stands,
    )


def rolling(slots: Slots, rules: Numbers, length: int, from_origin: bool) -> Course | None:
    """The course of a rolling window that ends with the last of these slots. They begin with the first that counts
    (`from_origin`) or somewhere behind it; None where they do not reach back far enough to tell since when."""
    last = slots.last
    begin = slots.first if from_origin else slots.first + length - 1
    begin = min(max(begin, int(rules[SINCE])), last - 1)
    number = np.arange(begin, last)
    high = number + 1 - slots.first
    low = np.maximum(high - length, 0)

    def within(each: Any) -> Numbers:
        sums = np.concatenate([[0], np.cumsum(each, dtype=np.int64)])
        return np.asarray(sums[high] - sums[low])

    if slots.totals is not None:
        spent, base = within(_bad_events(slots)), within(np.maximum(slots.totals, 0))
    else:
        spent = within(bad_by_themselves(slots.codes, rules))
        base = within(slots.codes < EXCLUDED) - (within(slots.codes == MISSING) if rules[POLICY] == EXCLUDE else 0)
    misses, warns = _flags(spent, base, rules)
    risks = misses | warns
    is_early = last - 1 < rules[SINCE]
    since = [NOT_YET if is_early else _since(flags, begin) for flags in (risks, misses)]
    reaches = begin == max(int(rules[FIRST]), int(rules[SINCE])) or is_early
    if not reaches and begin in since:
        return None
    missing = int(within(slots.codes == MISSING)[-1])
    excluded = int(within(slots.codes == EXCLUDED)[-1])
    standing = kernels.VIOLATED if misses[-1] else kernels.AT_RISK if risks[-1] else kernels.MET
    status = standing if base[-1] else kernels.NO_DATA
    return Course(int(spent[-1]), int(base[-1]), missing, excluded, since[0], since[1], status, bool(misses[-1]))


def bad_by_themselves(codes: npt.NDArray[np.uint8], rules: Numbers) -> Flags:
    """Which slots are bad, runs aside."""
    bad: Flags = codes == BAD
    return bad | (codes == MISSING) if rules[POLICY] == AS_BAD else bad


def _bad_events(slots: Slots) -> Numbers:
    assert slots.totals is not None
    assert slots.goods is not None
    return np.maximum(slots.totals, 0) - slots.goods


def _flags(spent: Numbers, base: Numbers, rules: Numbers) -> tuple[Flags, Flags]:
    misses = all_exceed(spent, base, rules)
    warns = np.zeros(len(spent), np.bool_)
    if rules[kernels.SPENT + 1]:
        warns |= (spent > 0) & ~_exceeds(base, rules[kernels.SPENT], spent, rules[kernels.SPENT + 1])
    if rules[kernels.SOFTER + 1]:
        warns |= _exceeds(spent, rules[kernels.SOFTER + 1], base, rules[kernels.SOFTER])
    return misses, warns


def all_exceed(spent: Any, base: Any, rules: Numbers) -> Flags:
    """Where more than the budget of a base is spent."""
    return _exceeds(spent, rules[kernels.TARGET + 1], base, rules[kernels.TARGET])


def _exceeds(a: Any, b: Any, c: Any, d: Any) -> Flags:
    """Where a * b > c * d, for arrays a and c and numbers b and d, none of them negative."""
    if not len(a):
        return np.zeros(0, np.bool_)
    b, d = int(b), int(d)
    if max(int(a.max()) * b, int(c.max()) * d, b, d) < 2**63:
        return np.asarray(a.astype(np.int64) * b > c.astype(np.int64) * d)
    return np.asarray(a.astype(object) * b > c.astype(object) * d, np.bool_)


def _first(flags: Flags) -> int:
    found = int(np.argmax(flags))
    return found if flags[found] else NOT_YET


def _since(flags: Flags, begin: int) -> int:
    """The first of the flags that have been set without a break up to the last one, as a slot."""
    breaks = np.flatnonzero(~flags)
    start = begin + (int(breaks[-1]) + 1 if len(breaks) else 0)
    return start if start < begin + len(flags) else NOT_YET


def stretches(flags: Flags) -> Iterable[tuple[int, int]]:
    """Runs of set flags as half-open pairs of indices."""
    if not flags.any():  # most often
        return ()
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
