"""Which conformance periods a term is assessed over, in slots. DESIGN rules 3 and 7."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from zoneinfo import ZoneInfo

from upheld.agreements.calendars import calendar_periods
from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.assessment.verdict import Evidence


@dataclass(frozen=True, slots=True)
class Window:
    """A period cut to the agreement's validity, and the slots [first, last) that start in it.

    `start` and `end` in microseconds UTC; a slot is its number since the Unix epoch. `over_at` is the instant from
    which every slot of it has ended."""

    start: int
    end: int
    first: int
    last: int
    over_at: int


def windows(term: Term, since: int, as_of: int) -> list[Window]:
    """The periods of `term` that overlap [since, as_of), in order; a rolling period gives the one window that ends
    with the last whole slot before `as_of`. Empty where the agreement was not valid then."""
    start = max(since, term.valid_from)
    end = as_of if term.valid_to is None else min(as_of, term.valid_to)
    if start >= end:
        return []
    if term.period.rolling is not None:
        return _rolling(term, term.period.rolling, end)
    assert term.period.calendar is not None
    return [
        _window(term, max(begins, term.valid_from), ends if term.valid_to is None else min(ends, term.valid_to))
        for begins, ends in _calendar(term.period.calendar, term.zone, start, end, term.period.billing_day)
    ]


@lru_cache(maxsize=1024)
def _calendar(unit: str, zone: ZoneInfo, start: int, end: int, billing_day: int) -> tuple[Interval, ...]:
    """`calendar_periods`, which the terms of one agreement ask for alike."""
    return tuple(calendar_periods(unit, zone, start, end, billing_day=billing_day))


def _rolling(term: Term, length: int, end: int) -> list[Window]:
    slot = term.indicator.slot
    end = end // slot * slot
    start = max(end - length, term.valid_from)
    return [_window(term, start, end)] if start < end else []


def _window(term: Term, start: int, end: int) -> Window:
    slot = term.indicator.slot
    first, last = ceil_slot(start, slot), ceil_slot(end, slot)
    return Window(start, end, first, last, max(end, last * slot))


def horizon(term: Term, since: int, as_of: int) -> tuple[int, int]:
    """The slots [first, last) that assessing `term` from `since` to `as_of` looks at: from the first slot of the
    first period, or of the first rolling window that ends after `since`, to the last slot that has ended."""
    slot = term.indicator.slot
    last = as_of // slot
    if term.valid_to is not None:
        last = min(last, ceil_slot(term.valid_to, slot))
    if term.period.rolling is not None:
        start = max(since // slot * slot - term.period.rolling, term.valid_from)
    else:
        periods = windows(term, since, as_of)
        start = periods[0].start if periods else as_of
    return min(ceil_slot(start, slot), last), last


def settled_at(term: Term, end: int, patience: int) -> int:
    """When a verdict on what ends at `end` is final: once its last slot has ended and the patience has passed."""
    return max(end + patience, ceil_slot(end, term.indicator.slot) * term.indicator.slot)


def told_in(window: Window, slot: int, evidence: Iterable[Evidence]) -> set[Evidence]:
    """What of the evidence concerns the slots that start in the window, cut to them."""
    start, end = window.first * slot, window.last * slot
    return {
        replace(e, start=max(e.start, start), end=min(e.end, end)) for e in evidence if e.start < end and e.end > start
    }


def ceil_slot(instant: int, slot: int) -> int:
    """The number of the first slot that starts at `instant` or later."""
    return -(-instant // slot)
