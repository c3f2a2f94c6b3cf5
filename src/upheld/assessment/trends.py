"""Burn rates and forecasts at many slot ends at once. DESIGN rule 8; slot by slot they are told in `reference_trends`.

What a slot spends counts from the slot end that decides it, as in the budget itself. A trailing time lies
within the period, or the rolling window, that ends with the same slot: nothing is crossed before it has passed
there."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from upheld.agreements.terms import Term
from upheld.assessment.exact import Flags, Integers, Numbers, added, exceeds, reaches, times


@dataclass(frozen=True, slots=True)
class Ends:
    """Some slot ends, by the slots [first, last) of the period or rolling window that ends there; counted from the
    beginning of a span, so that they are places in cumulated sums over it."""

    first: Numbers
    last: Numbers

    def back(self, slots: int) -> Numbers:
        """Where the last `slots` begin at each end."""
        return np.maximum(self.last - slots, self.first)

    def within(self, sums: Integers, slots: int) -> Integers:
        """What the last `slots` come to, by cumulated sums."""
        among: Integers = sums[self.last] - sums[self.back(slots)]
        return among


class Spending(Protocol):
    """What a budget has spent at the slot ends of an `Ends`."""

    def reaches(self, slots: int, share: Fraction, base: Integers) -> Flags:
        """Where the last `slots` have spent something, and at least share * base."""

    def runs_over(self, slots: int, counting: Numbers, to_come: Numbers, share: Fraction, base: Integers) -> Flags:
        """Where more than share * base / counting is spent in the end, if `to_come` slots are still to come and each
        spends what the last `slots` have for each of the `counting` (above zero) among them, which is not nothing."""


@dataclass(frozen=True, slots=True)
class Whole:
    """Spending in whole slots or events, by cumulated sums over a span."""

    ends: Ends
    sums: Integers

    def reaches(self, slots: int, share: Fraction, base: Integers) -> Flags:
        return reaches_some(self.ends.within(self.sums, slots), share, base)

    def runs_over(self, slots: int, counting: Numbers, to_come: Numbers, share: Fraction, base: Integers) -> Flags:
        total = self.sums[self.ends.last] - self.sums[self.ends.first]
        lately = self.ends.within(self.sums, slots)
        then = added(times(total, counting), times(lately, to_come))
        return np.asarray(lately > 0, np.bool_) & exceeds(then, share, base)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What trends are told by. `counting` and `base` are cumulated sums over a span: how many slots could spend
    anything, and what a budget is a share of. `to_come` counts at each end the slots still to come that are not
    excluded; `base_then` is what the budget is a share of at the period's end, None where that goes on as the spending
    does, for events. Both matter to forecasts only."""

    counting: Numbers
    base: Integers
    to_come: Numbers | None = None
    base_then: Integers | None = None


def looks_back(term: Term) -> bool:
    """Whether a soft threshold of the term looks at how fast its budget is being spent."""
    return term.warning is not None and (bool(term.warning.burn_rate) or term.warning.forecast is not None)


def trends_crossed(term: Term, ends: Ends, spending: Spending, outlook: Outlook) -> Flags:
    """At which slot ends a burn rate or the forecast of the term is crossed."""
    warning, width = term.warning, term.indicator.slot
    assert warning is not None
    assert isinstance(term.target, Fraction)
    allowed = 1 - term.target
    crossed = np.zeros(len(ends.last), np.bool_)
    for burn in warning.burn_rate:
        long, short = (
            spending.reaches(slots, burn.rate * allowed, ends.within(outlook.base, slots))
            for slots in (burn.long // width, burn.short // width)
        )
        crossed |= long & short & (ends.last - ends.first >= burn.long // width)
    if warning.forecast is not None:
        crossed |= _runs_out(allowed, warning.forecast.over // width, ends, spending, outlook)
    return crossed


def _runs_out(allowed: Fraction, slots: int, ends: Ends, spending: Spending, outlook: Outlook) -> Flags:
    assert outlook.to_come is not None
    counting = ends.within(outlook.counting, slots)
    if outlook.base_then is None:
        so_far = outlook.base[ends.last] - outlook.base[ends.first]
        base = added(times(so_far, counting), times(ends.within(outlook.base, slots), outlook.to_come))
    else:
        base = times(outlook.base_then, counting)
    told = (ends.last - ends.first >= slots) & (counting > 0)
    return told & spending.runs_over(slots, counting, outlook.to_come, allowed, base)


def reaches_some(spent: Integers, share: Fraction, base: Integers) -> Flags:
    """Where something was spent, and at least share * base."""
    return np.asarray(spent > 0, np.bool_) & reaches(spent, share, base)


def lingers(number: Numbers, crossed: Flags, newest: int, clear_after: int) -> bool:
    """Whether a soft threshold counts as crossed at the end of slot `newest`: it was at the end of one of the last
    `clear_after` slots, that one included. `crossed` is told at the ends of the slots `number`, and changes only
    there; before them nothing is crossed."""
    begin = max(int(np.searchsorted(number, newest - clear_after + 1, "right")) - 1, 0)
    return bool(crossed[begin:].any())


def standing_since(crossed: Flags, clear_after: int, earliest: int) -> int | None:
    """The index of the first slot end, `earliest` or later, since which a soft threshold has counted as crossed up to
    the last one, gaps shorter than `clear_after` included; None where it does not at the last."""
    end, step = len(crossed), 256
    while True:
        begin = max(end - step, earliest)
        found = np.flatnonzero(crossed[begin:end]) + begin
        if not len(found):
            if end - begin >= clear_after or begin == earliest:
                return None
        elif end - int(found[-1]) > clear_after:
            return None
        else:
            gaps = np.flatnonzero(np.diff(found) > clear_after)
            if len(gaps):
                return int(found[gaps[-1] + 1])
            if begin == earliest or int(found[0]) - begin >= clear_after:
                return int(found[0])
        step *= 2
