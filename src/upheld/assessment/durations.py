"""The account of a `duration` term: the clocks of all its events as columns, and the verdicts they come to.

The rules are those of `reference_durations`; its moments (half microseconds) are used here too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from upheld.agreements.indicators import Commitments
from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, MINUTE
from upheld.assessment.account import NEVER, Draft, Exclusions
from upheld.assessment.credit import Earned
from upheld.assessment.exact import Flags, Numbers, exceeds, reaches
from upheld.assessment.grants import Grants, grants
from upheld.assessment.reference_durations import (
    LOOK_AHEAD,
    Clock,
    Tally,
    at,
    counted_in,
    just_after,
    left_behind,
    verdict_of,
)
from upheld.assessment.verdict import Condition, Status
from upheld.assessment.windows import Window, settled_at, windows
from upheld.measurements.events import ServiceEvent, holding_events

Moments = Numbers
_NEVER = 2**62


@dataclass(slots=True)
class EventSeries:
    """The events of one (service, metric), as they were last told."""

    events: list[ServiceEvent] = field(default_factory=list)


def events_by_series(events: Iterable[ServiceEvent]) -> dict[tuple[str, str], EventSeries]:
    """Events by their (service, metric)."""
    found: dict[tuple[str, str], EventSeries] = {}
    for event in events:
        found.setdefault((event.service, event.metric), EventSeries()).events.append(event)
    return found


@dataclass(frozen=True, slots=True)
class Clocks:
    """The events of a promise by their opening, one array a column; `_NEVER` stands for what never happens. An event is
    there in the moments [opens, leaves), bad from `bad_from` on, near to its limit in [near_from, near_to)."""

    clocks: tuple[Clock, ...]
    opens: Moments
    leaves: Moments
    closes: Moments
    good: Flags
    bad_from: Moments
    near_from: Moments
    near_to: Moments

    def of(self, window: Window) -> "Clocks":
        """Those of the events that open in a window."""
        first, last = np.searchsorted(self.opens, [at(window.start), at(window.end)]).tolist()
        columns = (getattr(self, name)[first:last] for name in Clocks.__slots__)
        return Clocks(*columns)

    def tally(self, moment: int) -> Tally:
        there = (self.opens <= moment) & (moment < self.leaves)
        good = there & self.good & (self.closes <= moment)
        bad = there & (self.bad_from <= moment)
        near = there & (self.near_from <= moment) & (moment < self.near_to)
        return Tally(*(int(np.count_nonzero(flags)) for flags in (there, good, bad, near)))


def clocks_of(term: Term, events: Sequence[ServiceEvent], paused: Sequence[Interval]) -> Clocks:
    """The clocks of a term's events (by their opening), which stand still in the `paused` intervals."""
    indicator, share = term.indicator, None if term.warning is None else term.warning.elapsed
    assert isinstance(indicator, Commitments)
    limits = [None if indicator.by_due else indicator.limit_of(event.priority) for event in events]
    chosen = [i for i, e in enumerate(events) if (e.due if indicator.by_due else limits[i]) is not None]
    events, limits = [events[i] for i in chosen], [limits[i] for i in chosen]
    opened = np.array([e.opened for e in events], np.int64)
    closed = np.array([_NEVER // 2 if e.closed is None else e.closed for e in events], np.int64)
    if indicator.by_due:
        deadline = np.array([e.due for e in events], np.int64)
        near = np.array(
            [e.opened + -(-(d - e.opened) * (share or 1) // 1) for e, d in zip(events, deadline.tolist(), strict=True)]
        )
    else:
        deadline = _after(opened, np.array(limits, np.int64), paused)
        near = _after(opened, np.array([-(-(limit or 0) * (share or 1) // 1) for limit in limits], np.int64), paused)
    passes = np.where(deadline == _NEVER, _NEVER, 2 * np.minimum(deadline, _NEVER // 2) + 1)
    opens = 2 * opened + 1
    left = [left_behind(term, event) for event in events]
    leaves = np.array([_NEVER if instant is None else just_after(instant) for instant in left], np.int64)
    closes = np.where(closed == _NEVER // 2, _NEVER, 2 * closed)
    good = (closes < passes) & (closes != _NEVER)
    nears = np.full(len(events), _NEVER) if share is None else 2 * np.minimum(near, _NEVER // 2)
    return Clocks(
        clocks=tuple(
            Clock(e, limit, None if d == _NEVER else d, None if share is None or n == _NEVER else n)
            for e, limit, d, n in zip(events, limits, deadline.tolist(), near.tolist(), strict=True)
        ),
        opens=opens,
        leaves=leaves,
        closes=closes,
        good=good,
        bad_from=np.where(good, _NEVER, np.maximum(passes, opens)),
        near_from=np.maximum(nears, opens),
        near_to=np.minimum(closes, passes),
    )


def _after(start: Numbers, time: Numbers, paused: Sequence[Interval]) -> Numbers:
    """The instants at which so much time has run since each start; `_NEVER` where that takes too long."""
    begins, ends = np.array(paused, np.int64).reshape(-1, 2).T
    stood = np.concatenate([[0], np.cumsum(ends - begins)])  # for how long the clocks stood, up to each pause
    ran_until = begins - stood[:-1]  # the time that has run when a pause begins, in the clock's own count
    behind = np.searchsorted(ends, start, "right")
    inside = np.zeros(len(start), np.bool_)
    if len(begins):
        inside = (behind < len(begins)) & (begins[np.minimum(behind, len(begins) - 1)] <= start)
    first = np.where(inside, begins[np.minimum(behind, max(len(begins) - 1, 0))], start) if len(begins) else start
    until = first - stood[behind] + time
    found = until + stood[np.searchsorted(ran_until, until, "left")]
    return np.where(found < start + LOOK_AHEAD, found, _NEVER)


@dataclass(frozen=True, slots=True)
class _Course:
    """How some clocks stand at moments, in order: from each on, until the next."""

    moments: Moments
    missed: Flags
    at_risk: Flags

    def first(self, flags: Flags, earliest: int) -> int | None:
        found = np.flatnonzero(flags & (self.moments >= earliest))
        return int(self.moments[found[0]]) // 2 if len(found) else None

    def since(self, flags: Flags) -> int | None:
        """The instant from which the flag has been set without a break, up to the last moment."""
        breaks = np.flatnonzero(~flags)
        first = int(breaks[-1]) + 1 if len(breaks) else 0
        return int(self.moments[first]) // 2 if first < len(flags) else None


def _course(term: Term, clocks: Clocks, marks: Sequence[int], until: int) -> _Course:
    """The course of these clocks at every moment up to `until` at which one of them changes, and at the `marks`."""
    spans = [
        (clocks.opens, clocks.leaves),
        (clocks.bad_from, clocks.leaves),
        (np.maximum(clocks.near_from, clocks.opens), np.minimum(clocks.near_to, clocks.leaves)),
    ]
    everything = np.concatenate([np.array(marks, np.int64), clocks.closes, *(m for span in spans for m in span)])
    moments = np.unique(everything[everything <= until])
    events, bad, near = (_among(start, end, moments) for start, end in spans)
    missed, at_risk = _stand(term, events, bad, near)
    return _Course(moments, missed, at_risk)


def _among(start: Moments, end: Moments, moments: Moments) -> Numbers:
    """How many of the spans [start, end), empty ones left out, each moment lies in."""
    real = start < end
    began = np.searchsorted(np.sort(start[real]), moments, "right")
    return began - np.searchsorted(np.sort(end[real]), moments, "right")


def _stand(term: Term, events: Numbers, bad: Numbers, near: Numbers) -> tuple[Flags, Flags]:
    """Where the target is missed, and where the term is at risk."""
    assert isinstance(term.target, Fraction)
    share, warning = 1 - term.target, term.warning
    missed = exceeds(bad, share, events)
    at_risk = missed.copy()
    if warning is not None and warning.budget_spent is not None:
        at_risk |= (bad > 0) & reaches(bad, warning.budget_spent * share, events)
    if warning is not None and isinstance(warning.target, Fraction):
        at_risk |= exceeds(bad, 1 - warning.target, events)
    if warning is not None:
        at_risk |= near > 0
    return missed, at_risk


def open_clocks(term: Term, series: Sequence[EventSeries], begin: int, lateness: int) -> "DurationAccount":
    """An empty account that looks at the periods from `begin` on; as `account.open_account`."""
    return DurationAccount(term, series, begin, lateness if term.lateness is None else term.lateness)


class DurationAccount:
    """The windows of a `duration` term; see `account.Account`. `touched` says that events were told anew."""

    def __init__(self, term: Term, series: Sequence[EventSeries], begin: int, patience: int) -> None:
        self.term, self._series, self._begin, self._patience = term, series, begin, patience
        self._clocks: Clocks | None = None
        self._as_of = begin
        self.drafts: dict[int, Draft] = {}
        self.exclusions: Exclusions = frozenset()
        self.wake_at = 0

    def update(self, as_of: int, touched: Numbers | None, exclusions: Exclusions) -> list[Draft]:
        rolling = self.term.period.rolling is not None
        as_of = as_of // MINUTE * MINUTE if rolling else as_of
        self.exclusions, self._as_of = exclusions, as_of
        begin = min(self._begin, as_of)
        periods = windows(self.term, begin, as_of)
        told = holding_events(e for s in self._series for e in s.events)
        events = [e for e in told if e.opened < as_of]
        start = min([self._begin, *(w.start for w in periods[:1]), *(e.opened for e in events[:1])])
        granted = grants(counted_in(self.term), exclusions, start, as_of + LOOK_AHEAD)
        clocks = self._clocks = clocks_of(self.term, events, granted.covered)
        course = self._rolling_course(clocks, begin, as_of) if rolling else None
        drafts = {window.start: self._draft(window, clocks, granted, course, as_of) for window in periods}
        made = [draft for begins, draft in drafts.items() if draft != self.drafts.get(begins)]
        self.drafts = drafts
        foretold = (instant for e in told for instant in (e.opened + 1, e.closed) if instant and instant > as_of)
        self.wake_at = min([self._next_change(as_of), *foretold])
        return made

    def condition(self, back: int = DAY) -> Condition:
        """An event that is late and open, or near to its limit, fails now; one that closed late failed until then."""
        clocks = self._clocks
        if clocks is None:
            return Condition(None, 0)
        now = at(self._as_of)
        fails = ((clocks.bad_from <= now) & (clocks.closes > now)) | (
            (clocks.near_from <= now) & (now < clocks.near_to)
        )
        if fails.any():
            return Condition(self._as_of, 0)
        late = clocks.closes[(clocks.bad_from <= now) & (clocks.closes <= now)]
        if not len(late):
            return Condition(None, max(self._as_of - self._begin, 0))
        until = int(late.max()) // 2
        return Condition(until, self._as_of - until)

    def _rolling_course(self, clocks: Clocks, since: int, as_of: int) -> _Course:
        valid = clocks.opens > at(self.term.valid_from) - 1
        inside = Clocks(clocks.clocks, *(getattr(clocks, name)[valid] for name in Clocks.__slots__[1:]))
        course = _course(self.term, inside, [at(since), at(as_of)], at(as_of))
        late = course.moments >= at(since)
        return _Course(course.moments[late], course.missed[late], course.at_risk[late])

    def _draft(self, window: Window, clocks: Clocks, granted: Grants, rolling: _Course | None, as_of: int) -> Draft:
        term, own = self.term, clocks.of(window)
        tally = own.tally(at(as_of))
        running = tally.events - tally.good - tally.bad
        over = rolling is None and as_of >= window.over_at
        if rolling is None:
            course = _course(term, own, [at(window.over_at)], at(as_of))
            earliest = window.start if term.target == 1 else window.over_at
            at_risk_at, violated_at = course.first(course.at_risk, 0), course.first(course.missed, at(earliest))
            ends = window.end
        else:
            at_risk_at, violated_at = rolling.since(rolling.at_risk), rolling.since(rolling.missed)
            ends = NEVER // 2 if term.valid_to is None else term.valid_to
        final = (over or rolling is not None) and not running and as_of >= settled_at(term, ends, self._patience)
        status: Status = "met"
        if violated_at is not None:
            status = "violated"
        elif not over and _at_risk_now(term, tally):
            status = "at_risk"
        verdict = verdict_of(term, window, tally, own.clocks, granted, status, at_risk_at, violated_at, final, as_of)
        earned = None
        if over and term.tiers and tally.good + tally.bad:
            attained = Fraction(tally.good, tally.good + tally.bad)
            earned = Earned(term, (window.start, window.end), attained, 0)
        return Draft(window, verdict, earned)

    def _next_change(self, as_of: int) -> int:
        """The next minute while a clock runs or a window moves; else when a period begins, ends or is settled."""
        term = self.term
        if term.valid_to is not None and as_of < term.valid_from:
            return term.valid_from + 1
        evidence = (e for draft in self.drafts.values() for e in draft.verdict.evidence)
        ended = term.valid_to is not None and as_of >= settled_at(term, term.valid_to, self._patience)
        if any(e.kind == "running" for e in evidence) or (term.period.rolling is not None and not ended):
            return (as_of // MINUTE + 1) * MINUTE
        bounds = [NEVER]
        for draft in self.drafts.values():
            if not draft.verdict.final:
                bounds += [draft.window.over_at, settled_at(term, draft.window.end, self._patience)]
        last = max((draft.window.end for draft in self.drafts.values()), default=max(term.valid_from, self._begin))
        if term.valid_to is None or last < term.valid_to:
            bounds.append(last + 1)
        return min(bound for bound in bounds if bound > as_of)


def _at_risk_now(term: Term, tally: Tally) -> bool:
    _, at_risk = _stand(term, *(np.array([count]) for count in (tally.events, tally.bad, tally.near)))
    return bool(at_risk[0])
