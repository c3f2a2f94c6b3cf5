"""How a budget is spent, slot end by slot end, and when a threshold is crossed. DESIGN rules 6 to 8.

A budget is a share of a base: `spent > share * base` is asked at many slot ends at once, and always decided exactly.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from upheld.agreements.credits import AttainedTier
from upheld.agreements.terms import Term
from upheld.agreements.units import decimal_text
from upheld.assessment.exact import (
    Flags,
    Integers,
    Numbers,
    cumulated,
    exceeds,
    ratios_within,
    reaches,
    sum_of_ratios,
    total_of,
)
from upheld.assessment.reference import PLACES, Standing
from upheld.assessment.timeline import MISSING, Span, counting, missing_policy, weighs_events

FINE_BITS = 36
"""Ratios are summed in units of 2**-36 where that decides: up to 2**27 slots fit an int64."""
FEW_WHOLES = 64


@dataclass(frozen=True, slots=True)
class Course:
    """Where a budget stands at the ends of some slots: the slots' numbers, in order, and at each whether the target is
    missed and whether the window is at risk. Between two of them nothing changes; before the first nothing is spent.
    `standing` is how it stands at the last."""

    number: Numbers
    missed: Flags
    at_risk: Flags
    standing: Standing


def calendar_course(term: Term, span: Span, base: int) -> Course:
    """The course of a calendar window. `span` is what has ended of it; `base` counts all its slots, those to come
    included, that are not excluded."""
    if weighs_events(term):
        assert span.total is not None
        assert span.good is not None
        ends = np.flatnonzero(span.total)
        total = cumulated(span.total[ends])[1:]
        spent = total - cumulated(span.good[ends])[1:]
        return _course(term, ends + span.first, spent, total)
    gone = _gone(term, span)
    if span.total is not None:
        shortfalls = _shortfalls(term, span)
        number = _in_order(shortfalls.number, gone) + span.first
        last = np.searchsorted(shortfalls.number + span.first, number, "right")
        budget_base = base - np.searchsorted(gone + span.first, number, "right")
        missed, at_risk = _weighed_flags(term, shortfalls, np.zeros(len(last), np.int64), last, budget_base)
        left = base - len(gone)
        return Course(number, missed, at_risk, _weighed_standing(term, shortfalls, left, _eligible(term, span)))
    counted = _counted_at(span)
    counted.sort()
    number = _in_order(counted, gone)
    spent = np.searchsorted(counted, number, "right")
    so_far = _eligible(term, span)
    return _course(term, number + span.first, spent, base - np.searchsorted(gone, number, "right"), base, so_far)


def rolling_course(term: Term, span: Span, number: Numbers, length: int) -> Course:
    """The course of a rolling window of `length` slots over the ends of the slots `number` (successive, not empty).
    `span` holds every slot that one of these windows looks at."""
    first = np.maximum(number - length + 1 - span.first, 0)
    last = number + 1 - span.first
    if weighs_events(term):
        assert span.total is not None
        assert span.good is not None
        totals, goods = cumulated(span.total), cumulated(span.good)
        total = totals[last] - totals[first]
        return _course(term, number, total - (goods[last] - goods[first]), total)
    eligible = np.concatenate([[0], np.cumsum(counting(term, span.state))])
    base = eligible[last] - eligible[first]
    if span.total is not None:
        shortfalls = _shortfalls(term, span)
        starts, ends = np.searchsorted(shortfalls.number, first), np.searchsorted(shortfalls.number, last)
        missed, at_risk = _weighed_flags(term, shortfalls, starts, ends, base)
        now = shortfalls.between(int(starts[-1]), int(ends[-1]))
        return Course(number, missed, at_risk, _weighed_standing(term, now, int(base[-1]), int(base[-1])))
    bad = np.flatnonzero(span.bad)
    counted = _counted_at(span)
    leaves = bad + length
    in_time = counted < leaves  # a run may be decided only after its first slots have left the window
    spent = np.searchsorted(np.sort(counted[in_time]), last - 1, "right") - np.searchsorted(
        leaves[in_time], last - 1, "right"
    )
    return _course(term, number, spent, base)


def _gone(term: Term, span: Span) -> Numbers:
    """Where slots without data have left the budget's base."""
    if missing_policy(term) != "exclude":
        return np.zeros(0, np.int64)
    return np.flatnonzero(span.state == MISSING)


def _eligible(term: Term, span: Span) -> int:
    return int(np.count_nonzero(counting(term, span.state)))


def _in_order(some: Numbers, others: Numbers) -> Numbers:
    return np.sort(np.concatenate([some, others])) if len(others) else some


def _counted_at(span: Span) -> Numbers:
    bad = np.flatnonzero(span.bad)
    return bad if span.late is None else bad + span.late[bad]


def _course(
    term: Term, number: Numbers, spent: Integers, base: Integers, whole: int = 0, so_far: int | None = None
) -> Course:
    """The course of a budget that is spent in whole slots or events. `whole` is the base before the first of `number`;
    `so_far` is what attained is a share of, by default the base."""
    assert isinstance(term.target, Fraction)
    share, warning = 1 - term.target, term.warning
    missed = exceeds(spent, share, base)
    at_risk = missed.copy()
    if warning is not None and warning.budget_spent is not None:
        at_risk |= (spent > 0) & reaches(spent, warning.budget_spent * share, base)
    if warning is not None and isinstance(warning.target, Fraction):
        at_risk |= exceeds(spent, 1 - warning.target, base)
    spent_now, base_now = (int(spent[-1]), int(base[-1])) if len(number) else (0, whole)
    measured = base_now if so_far is None else so_far
    attained = Fraction(measured - spent_now, measured) if measured else None
    is_missed, is_at_risk = (bool(missed[-1]), bool(at_risk[-1])) if len(number) else (False, False)
    standing = Standing(is_missed, is_at_risk, attained, share * base_now, Fraction(spent_now))
    return Course(number, missed, at_risk, standing)


# -- budgets that ratios spend: the mean of the slots' ratios ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shortfalls:
    """The slots whose ratio is below 1, by their index in a span: each spends part / whole of a slot of budget."""

    number: Numbers
    part: Integers
    whole: Integers

    def between(self, start: int, end: int) -> "Shortfalls":
        return Shortfalls(self.number[start:end], self.part[start:end], self.whole[start:end])


def _shortfalls(term: Term, span: Span) -> Shortfalls:
    assert span.total is not None
    assert span.good is not None
    part, whole = span.total - span.good, span.total
    if missing_policy(term) == "bad":
        missing = span.state == MISSING
        part, whole = np.where(missing, 1, part), np.where(missing, 1, whole)
    index = np.flatnonzero(part)
    return Shortfalls(index, part[index], whole[index])


def _weighed_flags(
    term: Term, shortfalls: Shortfalls, starts: Numbers, ends: Numbers, base: Numbers
) -> tuple[Flags, Flags]:
    """Missed and at risk, where each entry spends shortfalls[start:end] of a budget with that base."""
    assert isinstance(term.target, Fraction)
    share, warning = 1 - term.target, term.warning
    sums = _RatioSums(shortfalls)
    missed = sums.compare(starts, ends, share, base, or_equal=False)
    at_risk = missed.copy()
    if warning is not None and warning.budget_spent is not None:
        at_risk |= (ends > starts) & sums.compare(starts, ends, warning.budget_spent * share, base, or_equal=True)
    if warning is not None and isinstance(warning.target, Fraction):
        at_risk |= sums.compare(starts, ends, 1 - warning.target, base, or_equal=False)
    return missed, at_risk


class _RatioSums:
    """Compares sums over ranges of shortfalls: in fixed point where that decides, else exactly."""

    def __init__(self, shortfalls: Shortfalls) -> None:
        self._all = shortfalls
        scaled_part = _shifted(shortfalls.part)
        low = (scaled_part // shortfalls.whole).astype(np.int64)
        rest = np.asarray(scaled_part % shortfalls.whole != 0, np.int64)
        self._low, self._loose = cumulated(low), cumulated(rest)
        self._exact: dict[tuple[int, int], Fraction] = {}

    def compare(self, starts: Numbers, ends: Numbers, share: Fraction, base: Numbers, *, or_equal: bool) -> Flags:
        """Where the sum > share * base, or >= where `or_equal`."""
        bases, which = np.unique(base, return_inverse=True)
        floors = np.array([(share * b * 2**FINE_BITS).__floor__() for b in bases.tolist()], np.int64)
        limit = floors[which]  # the limit itself lies in [floor, floor + 1)
        low = self._low[ends] - self._low[starts]
        high = low + self._loose[ends] - self._loose[starts]
        found: Flags = low > limit
        open_ = ~found & (high >= limit if or_equal else high > limit)
        for i in np.flatnonzero(open_).tolist():
            spent, most = self._sum(int(starts[i]), int(ends[i])), share * int(base[i])
            found[i] = spent >= most if or_equal else spent > most
        return found

    def _sum(self, start: int, end: int) -> Fraction:
        if (start, end) not in self._exact:
            chosen = self._all.between(start, end)
            self._exact[start, end] = sum_of_ratios(chosen.part, chosen.whole)
        return self._exact[start, end]


def _shifted(part: Integers) -> Integers:
    if part.dtype != object and len(part) and int(part.max()) >> (62 - FINE_BITS):
        part = part.astype(object)
    shifted: Integers = part * 2**FINE_BITS
    return shifted


def _weighed_standing(term: Term, shortfalls: Shortfalls, base: int, so_far: int) -> Standing:
    """How a budget stands of which these shortfalls have been spent."""
    assert isinstance(term.target, Fraction)
    share = 1 - term.target
    spent = _spent(term, shortfalls, so_far)
    everything = (np.zeros(1, np.int64), np.array([len(shortfalls.number)]), np.array([base]))
    missed, at_risk = _weighed_flags(term, shortfalls, *everything)
    attained = (so_far - spent) / so_far if so_far else None
    return Standing(bool(missed[0]), bool(at_risk[0]), attained, share * base, spent)


def _spent(term: Term, shortfalls: Shortfalls, so_far: int) -> Fraction:
    """The sum of the shortfalls; where it has a great many denominators, a fraction so near to it that every figure
    printed and every credit tier is the same."""
    wholes = np.sort(shortfalls.whole)
    if np.count_nonzero(wholes[1:] != wholes[:-1]) < FEW_WHOLES or not so_far:
        return sum_of_ratios(shortfalls.part, shortfalls.whole)
    low, high = ratios_within(shortfalls.part, shortfalls.whole)
    if _figures(term, low, so_far) == _figures(term, high, so_far) and not _tier_between(term, low, high, so_far):
        return low
    return sum_of_ratios(shortfalls.part, shortfalls.whole)


def _figures(term: Term, spent: Fraction, so_far: int) -> tuple[str, str]:
    return decimal_text(spent, PLACES), decimal_text((so_far - spent) / so_far, PLACES)


def _tier_between(term: Term, low: Fraction, high: Fraction, so_far: int) -> bool:
    best, worst = (so_far - low) / so_far, (so_far - high) / so_far
    edges = [edge for t in term.tiers if isinstance(t, AttainedTier) for edge in (t.lowest, t.below)]
    return any(worst <= edge <= best for edge in edges)


def all_events(span: Span) -> tuple[int, int]:
    """The good and the total events of a span."""
    assert span.good is not None
    assert span.total is not None
    return total_of(span.good), total_of(span.total)
