"""How a budget is spent, slot end by slot end, and when a threshold is crossed. DESIGN rules 6 to 8.

A budget is a share of a base: `spent > share * base` is asked at many slot ends at once, and always decided exactly.
"""

import math
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
    added,
    cumulated,
    exceeds,
    ratios_within,
    reaches,
    sum_of_ratios,
    times,
    total_of,
)
from upheld.assessment.reference import PLACES, Standing
from upheld.assessment.timeline import LEFT, MISSING, Span, counting, missing_policy, weighs_events
from upheld.assessment.trends import (
    Ends,
    Outlook,
    Spending,
    Whole,
    looks_back,
    reaches_some,
    trends_crossed,
)

FINE_BITS = 36
"""Ratios are summed in units of 2**-36 where that decides: up to 2**27 slots fit an int64."""
FEW_WHOLES = 64


@dataclass(frozen=True, slots=True)
class Course:
    """Where a budget stands at the ends of some slots: the slots' numbers, in order, and at each whether the target is
    missed and whether the window is at risk: a soft threshold crossed there, or the target missed. Between two of them
    nothing changes; before the first nothing is spent. `standing` is how it stands at the last."""

    number: Numbers
    missed: Flags
    at_risk: Flags
    standing: Standing


def calendar_course(term: Term, span: Span, base: int) -> Course:
    """The course of a calendar window. `span` is what has ended of it; `base` counts all its slots, those to come
    included, that are not excluded."""
    every = np.arange(len(span)) if looks_back(term) else None
    if weighs_events(term):
        return _calendar_events(term, span, base, every)
    if span.total is not None:
        return _calendar_ratios(term, span, base, every)
    gone = _gone(term, span)
    counted = _counted_at(span)
    counted.sort()
    number = _in_order(counted, gone) if every is None else np.append(every, counted[counted >= len(span)])
    spent = np.searchsorted(counted, number, "right")
    left = base - np.searchsorted(gone, number, "right")
    course = _course(term, number + span.first, spent, left, base, _eligible(term, span))
    if every is None:
        return course
    decided = np.bincount(counted[counted < len(span)], minlength=len(span))
    return _joined(
        course, _calendar_trends(term, span, base, Whole(Ends(np.zeros_like(every), every + 1), cumulated(decided)))
    )


def _calendar_events(term: Term, span: Span, base: int, every: Numbers | None) -> Course:
    assert span.total is not None
    assert span.good is not None
    index = np.flatnonzero(span.total) if every is None else every
    total = cumulated(span.total[index])[1:]
    spent = total - cumulated(span.good[index])[1:]
    course = _course(term, index + span.first, spent, total)
    if every is None:
        return course
    spending = Whole(Ends(np.zeros_like(every), every + 1), cumulated(span.total - span.good))
    return _joined(course, _calendar_trends(term, span, base, spending))


def _calendar_ratios(term: Term, span: Span, base: int, every: Numbers | None) -> Course:
    gone = _gone(term, span)
    shortfalls = _shortfalls(term, span)
    number = _in_order(shortfalls.number, gone) if every is None else every
    last = np.searchsorted(shortfalls.number, number, "right")
    left = base - np.searchsorted(gone, number, "right")
    missed, at_risk = _weighed_flags(term, shortfalls, np.zeros(len(last), np.int64), last, left)
    standing = _weighed_standing(term, shortfalls, base - len(gone), _eligible(term, span))
    course = Course(number + span.first, missed, at_risk, standing)
    if every is None:
        return course
    spending = Weighed(Ends(np.zeros_like(every), every + 1), shortfalls.number, _RatioSums(shortfalls))
    return _joined(course, _calendar_trends(term, span, base, spending))


def rolling_course(term: Term, span: Span, number: Numbers, length: int) -> Course:
    """The course of a rolling window of `length` slots over the ends of the slots `number` (successive, not empty).
    `span` holds every slot that one of these windows looks at."""
    first = np.maximum(number - length + 1 - span.first, 0)
    last = number + 1 - span.first
    ends, back = Ends(first, last), looks_back(term)
    if weighs_events(term):
        assert span.total is not None
        assert span.good is not None
        totals, goods = cumulated(span.total), cumulated(span.good)
        total = totals[last] - totals[first]
        course = _course(term, number, total - (goods[last] - goods[first]), total)
        return _joined(course, _rolling_trends(term, Whole(ends, totals - goods), totals)) if back else course
    eligible = np.concatenate([[0], np.cumsum(counting(term, span.state))])
    base = eligible[last] - eligible[first]
    if span.total is not None:
        shortfalls = _shortfalls(term, span)
        starts, stops = np.searchsorted(shortfalls.number, first), np.searchsorted(shortfalls.number, last)
        missed, at_risk = _weighed_flags(term, shortfalls, starts, stops, base)
        now = shortfalls.between(int(starts[-1]), int(stops[-1]))
        standing = _weighed_standing(term, now, int(base[-1]), int(base[-1]))
        course = Course(number, missed, at_risk, standing)
        if not back:
            return course
        spending = Weighed(ends, shortfalls.number, _RatioSums(shortfalls))
        return _joined(course, _rolling_trends(term, spending, eligible))
    counted = Counted(ends, _counted_at(span), np.flatnonzero(span.bad) + length)
    course = _course(term, number, counted.within(), base)
    return _joined(course, _rolling_trends(term, counted, eligible)) if back else course


def _joined(course: Course, trends: Flags) -> Course:
    """The course with trends, told at its first slot ends, as further soft thresholds."""
    if len(course.number):
        course.at_risk[: len(trends)] |= trends
        course.standing.at_risk = bool(course.at_risk[-1])
    return course


def _calendar_trends(term: Term, span: Span, whole: int, spending: Spending) -> Flags:
    """At the end of which slots of a calendar window's span a trend is crossed."""
    each = np.arange(1, len(span) + 1)
    counts = _summed(counting(term, span.state))
    left = whole - np.searchsorted(_gone(term, span), each)
    to_come = left - counts[1:]
    if weighs_events(term):
        assert span.total is not None
        outlook = Outlook(counts, cumulated(span.total), to_come)
    else:
        outlook = Outlook(counts, counts, to_come, left)
    return trends_crossed(term, Ends(np.zeros_like(each), each), spending, outlook)


def _rolling_trends(term: Term, spending: "Whole | Weighed | Counted", base: Integers) -> Flags:
    return trends_crossed(term, spending.ends, spending, Outlook(base, base))


def _summed(flags: Flags) -> Numbers:
    return np.concatenate([[0], np.cumsum(flags)])


def _gone(term: Term, span: Span) -> Numbers:
    """Where slots have left the budget's base: without data, or excluded though that was not foreseen."""
    left = span.state == LEFT
    return np.flatnonzero(left | (span.state == MISSING) if missing_policy(term) == "exclude" else left)


def _eligible(term: Term, span: Span) -> int:
    return int(np.count_nonzero(counting(term, span.state)))


def _in_order(some: Numbers, others: Numbers) -> Numbers:
    return np.sort(np.concatenate([some, others])) if len(others) else some


def _counted_at(span: Span) -> Numbers:
    bad = np.flatnonzero(span.bad)
    return bad if span.late is None else bad + span.late[bad]


@dataclass(frozen=True, slots=True)
class Counted:
    """Spending in slots: each counts from the end of slot `decided` until the end of slot `leaves`, where it is no
    longer in the window; both by their index in a span, `leaves` ascending."""

    ends: Ends
    decided: Numbers
    leaves: Numbers

    def within(self, slots: int | None = None) -> Numbers:
        """What each whole window has spent, or the last `slots` before its end."""
        leaves = self.leaves if slots is None else np.minimum(self.leaves, self.decided + slots)
        in_time = self.decided < leaves  # a run may be decided only after its first slots have left the window
        gone = leaves[in_time] if slots is None else np.sort(leaves[in_time])
        begun = np.searchsorted(np.sort(self.decided[in_time]), self.ends.last - 1, "right")
        return begun - np.searchsorted(gone, self.ends.last - 1, "right")

    def reaches(self, slots: int, share: Fraction, base: Integers) -> Flags:
        return reaches_some(self.within(slots), share, base)

    def runs_over(self, slots: int, counting: Numbers, to_come: Numbers, share: Fraction, base: Integers) -> Flags:
        raise AssertionError("a rolling window has no end to look ahead to")


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
        self._common: _Common | None = None
        self._has_looked = False

    def compare(self, starts: Numbers, ends: Numbers, share: Fraction, base: Numbers, *, or_equal: bool) -> Flags:
        """Where the sum > share * base, or >= where `or_equal`."""
        bases, which = np.unique(base, return_inverse=True)
        floors = np.array([min((share * b * 2**FINE_BITS).__floor__(), 2**62) for b in bases.tolist()], np.int64)
        limit = floors[which]  # the limit itself lies in [floor, floor + 1)
        low = self._low[ends] - self._low[starts]
        high = low + self._loose[ends] - self._loose[starts]
        found: Flags = low > limit
        open_ = ~found & (high >= limit if or_equal else high > limit)
        near = np.flatnonzero(open_)
        common = self._in_common_units() if len(near) else None
        if common is not None:
            spent = common.sums[ends[near]] - common.sums[starts[near]]
            found[near] = (reaches if or_equal else exceeds)(spent, share * common.unit, base[near])
            return found
        for i in near.tolist():
            exact, most = self._sum(int(starts[i]), int(ends[i])), share * int(base[i])
            found[i] = exact >= most if or_equal else exact > most
        return found

    def outgrow(
        self,
        starts: Numbers,
        lately: Numbers,
        ends: Numbers,
        factors: tuple[Numbers, Numbers],
        share: Fraction,
        base: Integers,
    ) -> Flags:
        """Where the sum of [start, end) times the first factor and that of [lately, end) times the second, together,
        are > share * base. Floats decide far from the limit."""
        then, slack = (
            sum(((s[ends] - s[at]).astype(np.float64) * by for at, by in zip((starts, lately), factors, strict=True)))
            for s in (self._low, self._loose)
        )
        limit = float(share) * base.astype(np.float64) * 2.0**FINE_BITS
        off = np.asarray(then - limit, np.float64)
        margin = np.asarray((then + limit) * 2.0**-40 + slack * 1.001, np.float64)
        found: Flags = off > margin
        near = np.flatnonzero(~found & (off >= -margin))
        common = self._in_common_units() if len(near) else None
        if common is not None:
            total, late = (common.sums[ends[near]] - common.sums[at[near]] for at in (starts, lately))
            both = added(times(total, factors[0][near]), times(late, factors[1][near]))
            found[near] = exceeds(both, share * common.unit, base[near])
            return found
        for i in near.tolist():
            parts = (
                self._sum(int(at[i]), int(ends[i])) * int(by[i])
                for at, by in zip((starts, lately), factors, strict=True)
            )
            found[i] = sum(parts) > share * int(base[i])
        return found

    def _sum(self, start: int, end: int) -> Fraction:
        if (start, end) not in self._exact:
            chosen = self._all.between(start, end)
            self._exact[start, end] = sum_of_ratios(chosen.part, chosen.whole)
        return self._exact[start, end]

    def _in_common_units(self) -> "_Common | None":
        """All parts in one unit; None where that would be too small."""
        if not self._has_looked:
            self._has_looked, unit = True, _common_multiple(self._all.whole)
            if unit is not None:
                self._common = _Common(cumulated(self._all.part * (unit // self._all.whole)), unit)
        return self._common


@dataclass(frozen=True, slots=True)
class _Common:
    """Cumulated sums of parts in one unit, of which `unit` are a whole."""

    sums: Integers
    unit: int


def _common_multiple(wholes: Integers) -> int | None:
    different = np.unique(wholes)
    if len(different) > FEW_WHOLES:
        return None
    multiple = math.lcm(*different.tolist())
    return multiple if multiple <= 2**FINE_BITS else None


@dataclass(frozen=True, slots=True)
class Weighed:
    """Spending in parts of slots."""

    ends: Ends
    number: Numbers
    sums: _RatioSums

    def reaches(self, slots: int, share: Fraction, base: Integers) -> Flags:
        starts, ends = self._ranges(self.ends.back(slots))
        return (ends > starts) & self.sums.compare(starts, ends, share, base, or_equal=True)

    def runs_over(self, slots: int, counting: Numbers, to_come: Numbers, share: Fraction, base: Integers) -> Flags:
        lately, ends = self._ranges(self.ends.back(slots))
        starts, _ = self._ranges(self.ends.first)
        return (ends > lately) & self.sums.outgrow(starts, lately, ends, (counting, to_come), share, base)

    def _ranges(self, firsts: Numbers) -> tuple[Numbers, Numbers]:
        return np.searchsorted(self.number, firsts), np.searchsorted(self.number, self.ends.last)


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
    few = np.count_nonzero(wholes[1:] != wholes[:-1]) < FEW_WHOLES
    if few or not so_far or term.members is not None:  # a group's bad time is made of the sum
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
