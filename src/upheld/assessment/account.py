"""The running account of one term: its timeline, its windows, and the verdict that each of them has come to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np

from upheld.agreements.indicators import Aggregate, Availability
from upheld.agreements.intervals import union
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.assessment import budget, figures
from upheld.assessment.budget import Course
from upheld.assessment.columns import Series, grown
from upheld.assessment.credit import Earned
from upheld.assessment.exact import Flags, Numbers
from upheld.assessment.grants import Grants, grants
from upheld.assessment.group_timeline import timeline_of
from upheld.assessment.reference import Standing, can_recover
from upheld.assessment.reference_slots import is_weighed
from upheld.assessment.timeline import Span, Timeline
from upheld.assessment.trends import lingers, standing_since
from upheld.assessment.verdict import Condition, Status, Verdict
from upheld.assessment.windows import Window, ceil_slot, settled_at, windows
from upheld.assessment.wording import evidence_of, verdict_of
from upheld.measurements.exclusions import Exclusion

Exclusions = frozenset[Exclusion]
NEVER = 2**63 - 1


@dataclass(slots=True)
class Draft:
    """A window's verdict, but for its credit; and what it earns, where it is over and credits are promised."""

    window: Window
    verdict: Verdict
    earned: Earned | None = None


class Account(Protocol):
    """What both kinds of account have in common.

    `drafts` holds the draft of each window by its start, earliest first. `wake_at` is the instant from which time
    alone may change one of them. `update` lets time pass to `as_of`, given at which times its series has rows that
    are new and, where they are others, its exclusions; it returns the drafts that it has made anew."""

    term: Term
    drafts: dict[int, Draft]
    wake_at: int
    exclusions: Exclusions

    def update(self, as_of: int, touched: Numbers | None, exclusions: Exclusions) -> list[Draft]: ...
    def condition(self, back: int = DAY) -> Condition:
        """How the service is. Where what is longer ago costs something, it is looked for in the last `back`
        microseconds, and in what is at hand."""


def open_account(term: Term, series: Sequence[Series], begin: int, lateness: int) -> Account:
    """An empty account that looks at the periods from `begin` on (microseconds UTC). `series` as `Term.series` lists
    them; of a group whose verdicts are put together, see `group_account`."""
    patience = lateness if term.lateness is None else term.lateness
    kind = CalendarAccount if term.period.rolling is None else RollingAccount
    return kind(term, series, begin, patience)


@dataclass(slots=True)
class Period:
    """A calendar window with what does not count in it; `base` counts its slots that are not excluded."""

    window: Window
    granted: Grants
    base: int
    over: bool = False


class CalendarAccount:
    """Windows that follow each other; those that are over and untouched are left as they are."""

    def __init__(self, term: Term, series: Sequence[Series], begin: int, patience: int) -> None:
        self.term, self._series, self._patience = term, series[0], patience
        self._begin = max(begin, term.valid_from)
        self._ended = term.valid_to is not None and self._begin >= term.valid_to  # before anything is looked at
        first = 0 if self._ended else windows(term, self._begin, self._begin + 1)[0].first
        self._timeline = timeline_of(term, series, first)
        self._periods: list[Period] = []
        self._unsettled: set[int] = set()
        self.drafts: dict[int, Draft] = {}
        self.exclusions: Exclusions = frozenset()
        self.wake_at = NEVER if self._ended else self._begin + 1

    def update(self, as_of: int, touched: Numbers | None, exclusions: Exclusions) -> list[Draft]:
        width, timeline = self.term.indicator.slot, self._timeline
        changed = exclusions ^ self.exclusions
        self.exclusions = exclusions
        if self._ended:
            return []
        dirty, ranges = self._grant_anew(changed)
        known = len(self._periods)
        self._open_periods(as_of)
        dirty.update(range(known, len(self._periods)))
        last = _last_slot(self.term, as_of)
        if touched is not None:
            slots = touched // width
            slots = slots[(slots >= timeline.first) & (slots < timeline.last)]
            ranges += [(int(slots[0]), int(slots[-1]) + 1)] if len(slots) else []
            dirty.update(self._periods_of(slots))
        if last > timeline.last:
            dirty.update(self._periods_of(np.array([timeline.last, last - 1])))
            ranges.append((timeline.last, last))
        for first, behind in union(ranges):
            dirty.update(self._periods_of(timeline.rewrite(first, behind)))
        decided = self.term.valid_to is not None and last * width >= self.term.valid_to
        if decided:  # nothing follows that could decide it
            timeline.undecided = timeline.undecided[:0]
        self._unsettled.update(self._periods_of(timeline.undecided))
        return self._draft_anew(dirty, as_of)

    def condition(self, back: int = DAY) -> Condition:
        return _condition(self.term, self._timeline)

    def _open_periods(self, as_of: int) -> None:
        term = self.term
        cursor = self._periods[-1].window.end if self._periods else self._begin
        if cursor >= as_of or (term.valid_to is not None and cursor >= term.valid_to):
            return
        for window in windows(term, cursor, as_of):
            self._periods.append(self._granted(window))

    def _granted(self, window: Window) -> Period:
        granted = grants(self.term, self.exclusions, window.start, window.over_at)
        return Period(window, granted, self._timeline.exclude(window.first, window.last, granted))

    def _grant_anew(self, changed: Iterable[Exclusion]) -> tuple[set[int], list[tuple[int, int]]]:
        """Applies what exclusions have changed; returns the periods they touch and the slots to rewrite."""
        dirty = {
            i
            for x in changed
            for i, p in enumerate(self._periods)
            if x.start < p.window.over_at and x.end > p.window.start
        }
        ranges = []
        for i in dirty:
            window = self._periods[i].window
            self._periods[i] = self._granted(window)
            ranges.append((window.first, min(window.last, self._timeline.last)))
        return dirty, [(first, last) for first, last in ranges if first < last]

    def _periods_of(self, slots: Numbers) -> set[int]:
        """The periods in which these slots start."""
        if not len(slots):
            return set()
        firsts = np.array([p.window.first for p in self._periods], np.int64)
        # Counted and not made unique: after a start there are very many slots, and few periods.
        return set(np.flatnonzero(np.bincount(np.searchsorted(firsts, slots, "right") - 1)).tolist())

    def _draft_anew(self, dirty: set[int], as_of: int) -> list[Draft]:
        made = []
        undecided = self._periods_of(self._timeline.undecided)
        for i in sorted(dirty | self._unsettled):
            period = self._periods[i]
            over = as_of >= period.window.over_at
            final = over and i not in undecided and as_of >= settled_at(self.term, period.window.end, self._patience)
            before = self.drafts.get(period.window.start)
            if i in dirty or before is None or over != period.over:
                period.over = over
                draft = self._draft(period, final)
            elif final != before.verdict.final:
                draft = replace(before, verdict=replace(before.verdict, final=final))
            else:
                continue
            self.drafts[period.window.start] = draft
            (self._unsettled.discard if final else self._unsettled.add)(i)
            made.append(draft)
        self.wake_at = self._next_change(as_of)
        return made

    def _next_change(self, as_of: int) -> int:
        """The first instant after `as_of` at which a slot or the patience ends, or a period begins."""
        term = self.term
        instants = [NEVER]
        cursor = self._periods[-1].window.end if self._periods else self._begin
        if term.valid_to is None or cursor < term.valid_to:
            instants.append(cursor + 1)
        for i in self._unsettled:
            window = self._periods[i].window
            next_slot = (max(self._timeline.last, window.first) + 1) * term.indicator.slot
            instants += [min(next_slot, window.over_at), window.over_at, settled_at(term, window.end, self._patience)]
        return min(instant for instant in instants if instant > as_of)

    def _draft(self, period: Period, final: bool) -> Draft:
        term, window = self.term, period.window
        span = self._timeline.span(window.first, window.last)
        if isinstance(term.indicator, Aggregate):
            course = figures.calendar_course(term, figures.values_in(term, self._series, span))
        else:
            course = budget.calendar_course(term, span, period.base)
        standing, newest = course.standing, span.first + len(span) - 1
        at_risk_at = _first_end(course.number, course.at_risk, term)
        if can_recover(term):  # until it is over
            violated_at = window.over_at if period.over and standing.missed else None
        else:
            violated_at = _first_end(course.number, course.missed, term)
        status: Status = "met"
        if standing.attained is None:
            status, at_risk_at, violated_at = "no_data", None, None
        elif violated_at is not None:
            status = "violated"
        elif not period.over and lingers(course.number, course.at_risk, newest, _clear_after(term)):
            status = "at_risk"
        evidence = evidence_of(term, window, span, period.granted)
        verdict = verdict_of(term, window, span, evidence, standing, status, at_risk_at, violated_at, final)
        return Draft(window, verdict, _earned(term, window, standing, verdict) if period.over else None)


class RollingAccount:
    """The one window that ends with the last slot that has ended. How each earlier window stood is kept, so that it
    is known since when the present standing holds."""

    def __init__(self, term: Term, series: Sequence[Series], begin: int, patience: int) -> None:
        assert term.period.rolling is not None
        width = term.indicator.slot
        self._settled_at = NEVER if term.valid_to is None else settled_at(term, term.valid_to, patience)
        self.term, self._series, self._begin = term, series[0], begin
        self._ended = term.valid_to is not None and begin >= term.valid_to  # before anything is looked at
        self._length = term.period.rolling // width
        start = max(begin // width * width - term.period.rolling, term.valid_from)
        self._timeline = timeline_of(term, series, ceil_slot(start, width))
        self._missed, self._at_risk = np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        self._known = self._timeline.first  # standings are kept of the windows that end before this slot
        self.drafts: dict[int, Draft] = {}
        self.exclusions: Exclusions = frozenset()
        self.wake_at = NEVER if self._ended else term.valid_from + 1

    def update(self, as_of: int, touched: Numbers | None, exclusions: Exclusions) -> list[Draft]:
        width, timeline = self.term.indicator.slot, self._timeline
        changed = exclusions ^ self.exclusions
        self.exclusions = exclusions
        if self._ended:
            return []
        ranges = []
        for x in changed:
            first, behind = max(x.start // width, timeline.first), min(ceil_slot(x.end, width), timeline.last)
            ranges += [(first, behind)] if first < behind else []
        last = _last_slot(self.term, as_of)
        if last > timeline.last:
            ranges.append((timeline.last, last))
        for first, behind in union(ranges):
            granted = grants(self.term, exclusions, first * width, behind * width)
            timeline.exclude(first, behind, granted)
        if touched is not None:
            slots = touched // width
            slots = slots[(slots >= timeline.first) & (slots < timeline.last)]
            ranges += [(int(slots[0]), int(slots[-1]) + 1)] if len(slots) else []
        for first, behind in union(ranges):
            timeline.rewrite(first, behind)
            self._known = min(self._known, first)  # a window that ended before cannot know of it
        self.wake_at = self._next_change(as_of)
        return self._draft_anew(as_of, bool(ranges or changed))

    def condition(self, back: int = DAY) -> Condition:
        return _condition(self.term, self._timeline)

    def _next_change(self, as_of: int) -> int:
        width, valid_to = self.term.indicator.slot, self.term.valid_to
        if valid_to is not None and as_of >= ceil_slot(valid_to, width) * width:
            return self._settled_at if as_of < self._settled_at else NEVER
        return max(as_of // width + 1, ceil_slot(self.term.valid_from, width)) * width

    def _draft_anew(self, as_of: int, changed: bool) -> list[Draft]:
        periods = windows(self.term, self._begin, as_of)
        if not periods:
            self.drafts = {}
            return []
        window, final = periods[0], as_of >= self._settled_at
        before = self.drafts.get(window.start)
        if before is not None and before.window == window and not changed and before.verdict.final == final:
            return []
        self.drafts = {window.start: Draft(window, self._verdict(window, final))}
        return list(self.drafts.values())

    def _verdict(self, window: Window, final: bool) -> Verdict:
        term = self.term
        span = self._timeline.span(window.first, window.last)
        granted = grants(term, self.exclusions, window.start, window.over_at)
        evidence = evidence_of(term, window, span, granted)
        standing = self._stand(window)
        if standing.attained is None:
            return verdict_of(term, window, span, evidence, standing, "no_data", None, None, final)
        at_risk_at = self._since(self._at_risk, window, min(_clear_after(term), self._length))
        violated_at = self._since(self._missed, window, 1)
        status: Status = "violated" if standing.missed else "at_risk" if self._is_at_risk(window) else "met"
        return verdict_of(term, window, span, evidence, standing, status, at_risk_at, violated_at, final)

    def _stand(self, window: Window) -> Standing:
        """How the window stands; the standings of all windows that end with a slot before its last are kept too."""
        first, newest = self._timeline.first, window.last - 1
        if newest < first:
            return self._course(np.zeros(0, np.int64), self._timeline.span(first, first)).standing
        begin = min(max(self._known, self._begin // self.term.indicator.slot, first), newest)
        number = np.arange(begin, newest + 1)
        course = self._course(number, self._timeline.span(begin - self._length + 1, newest + 1))
        size = newest + 1 - first
        self._missed, self._at_risk = grown(self._missed, size), grown(self._at_risk, size)
        self._missed[begin - first : size], self._at_risk[begin - first : size] = course.missed, course.at_risk
        self._known = newest + 1
        return course.standing

    def _course(self, number: Numbers, span: Span) -> Course:
        term = self.term
        if isinstance(term.indicator, Aggregate):
            values = figures.values_in(term, self._series, span)
            if not len(number):
                return figures.calendar_course(term, values)
            return figures.rolling_course(term, values, number, self._length)
        if not len(number):
            return budget.calendar_course(term, span, 0)
        return budget.rolling_course(term, span, number, self._length)

    def _is_at_risk(self, window: Window) -> bool:
        """Whether a soft threshold was crossed at the window's last slot end, or at one that still counts."""
        behind = window.last - self._timeline.first
        reach = min(_clear_after(self.term), self._length)  # what has left the window no longer counts
        begin = min(max(behind - reach, self._earliest), behind - 1)
        return behind > 0 and bool(self._at_risk[begin:behind].any())

    def _since(self, flags: Flags, window: Window, clear_after: int) -> int | None:
        """The end of the first slot of those up to the window's last since which the flag has held, breaks of fewer
        than `clear_after` slots left aside."""
        first = self._timeline.first
        start = standing_since(flags[: max(window.last - first, 0)], clear_after, self._earliest)
        return None if start is None else (first + start + 1) * self.term.indicator.slot

    @property
    def _earliest(self) -> int:
        """The index of the first slot that is assessed."""
        return max(self._begin // self.term.indicator.slot - self._timeline.first, 0)


def _last_slot(term: Term, as_of: int) -> int:
    """The slots of the term before this number have ended."""
    last = as_of // term.indicator.slot
    return last if term.valid_to is None else min(last, ceil_slot(term.valid_to, term.indicator.slot))


def _clear_after(term: Term) -> int:
    return 1 if term.warning is None else term.warning.clear_after


def _first_end(number: Numbers, flags: Flags, term: Term) -> int | None:
    """The end of the first slot whose flag is set."""
    found = int(np.argmax(flags)) if len(flags) else 0
    return (int(number[found]) + 1) * term.indicator.slot if len(flags) and flags[found] else None


def _earned(term: Term, window: Window, standing: Standing, verdict: Verdict) -> Earned | None:
    if not term.tiers or not isinstance(standing.attained, Fraction):
        return None
    bad_time: int | Fraction = verdict.bad * term.indicator.slot if isinstance(term.indicator, Availability) else 0
    if is_weighed(term) and standing.spent is not None:
        bad_time = standing.spent * term.indicator.slot
    return Earned(term, (window.start, window.end), standing.attained, bad_time)


def _condition(term: Term, timeline: Timeline) -> Condition:
    width = term.indicator.slot
    bad = timeline.last_failing()
    return Condition(None if bad is None else (bad + 1) * width, timeline.count_good(bad) * width)
