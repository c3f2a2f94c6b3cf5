"""The reference model of assessment for `duration`: clocks of events, run as plainly as they can be. DESIGN rule 5.

An event is good where it closes within its limit, bad from the instant at which its limit has passed without that, and
running until one of the two. How a period stands is looked at afresh at every instant at which one of its events
opens, closes, comes near to its limit or passes it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from upheld.agreements.indicators import Commitments
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, MINUTE, decimal_text, format_duration, format_instant
from upheld.assessment.credit import Earned
from upheld.assessment.grants import OUTSIDE_SERVICE_HOURS, Grants, grants
from upheld.assessment.verdict import Evidence, Status, Verdict
from upheld.assessment.windows import Window, settled_at, told_in, windows
from upheld.measurements.events import ServiceEvent, holding_events
from upheld.measurements.exclusions import Exclusion

PLACES = 12
LOOK_AHEAD = 400 * DAY
"""A limit that has not passed after so long a time is taken never to."""


def at(instant: int) -> int:
    """An instant as a moment. Moments are counted in half microseconds, for some things are so only just after their
    instant: an event that closes when its limit passes is good, and one that opens at an instant comes just after."""
    return 2 * instant


def just_after(instant: int) -> int:
    """The moment that follows an instant."""
    return 2 * instant + 1


@dataclass(frozen=True, slots=True)
class Clock:
    """An event of the promise: its limit passes at `deadline` and it comes near to it at `near` (microseconds UTC; None
    where that never happens); `limit` is None where it is due at an instant of its own."""

    event: ServiceEvent
    limit: int | None
    deadline: int | None
    near: int | None

    def is_closed(self, moment: int) -> bool:
        return self.event.closed is not None and moment >= at(self.event.closed)

    def is_good(self, moment: int) -> bool:
        in_time = self.event.closed is not None and (self.deadline is None or self.event.closed <= self.deadline)
        return in_time and self.is_closed(moment)

    def is_bad(self, moment: int) -> bool:
        return self.deadline is not None and moment >= just_after(self.deadline) and not self.is_good(moment)

    def is_near(self, moment: int) -> bool:
        near = self.near is not None and moment >= at(self.near)
        return near and not self.is_closed(moment) and not self.is_bad(moment)


@dataclass(frozen=True, slots=True)
class Tally:
    """The events of a window at a moment: how many there are, and how many are good, bad, and near to their limit."""

    events: int
    good: int
    bad: int
    near: int


def assess_durations(
    term: Term,
    events: Iterable[ServiceEvent],
    exclusions: Iterable[Exclusion],
    since: int,
    as_of: int,
    lateness: int,
) -> list[tuple[Verdict, Earned | None]]:
    """One verdict, with what it earns, for each period of `term` that overlaps [since, as_of). Arguments as in
    `reference.assess`; a rolling window ends with the last whole minute."""
    as_of = as_of if term.period.rolling is None else as_of // MINUTE * MINUTE
    since = min(since, as_of)
    periods = windows(term, since, as_of)
    own = [e for e in holding_events(events) if (e.service, e.metric) in term.series and e.opened < as_of]
    if not periods:
        return []
    begin = min([periods[0].start, *(e.opened for e in own)])
    granted = grants(counted_in(term), exclusions, begin, as_of + LOOK_AHEAD)
    clocks = [c for e in own if (c := clock_of(term, e, granted.covered)) is not None]
    patience = lateness if term.lateness is None else term.lateness
    return [_assess_window(term, clocks, window, granted, since, as_of, patience) for window in periods]


def counted_in(term: Term) -> Term:
    """The term with the service hours in which its clocks run."""
    assert isinstance(term.indicator, Commitments)
    return term if term.indicator.hours == "service" else replace(term, service_hours=None)


# -- clocks -----------------------------------------------------------------------------------------------------------


def clock_of(term: Term, event: ServiceEvent, paused: Sequence[tuple[int, int]]) -> Clock | None:
    """The clock of an event, which stands still in the `paused` intervals; None where it is no part of the promise."""
    indicator, share = term.indicator, None if term.warning is None else term.warning.elapsed
    assert isinstance(indicator, Commitments)
    if indicator.by_due:
        if event.due is None:
            return None
        near = None if share is None else event.opened + -(-(event.due - event.opened) * share // 1)
        return Clock(event, None, event.due, near)
    limit = indicator.limit_of(event.priority)
    if limit is None:
        return None
    near = None if share is None else _after(event.opened, -(-limit * share // 1), paused)
    return Clock(event, limit, _after(event.opened, limit, paused), near)


def _after(start: int, time: int, paused: Sequence[tuple[int, int]]) -> int | None:
    """The instant at which so much time has run since `start`."""
    now = start
    for begins, ends in paused:
        if ends <= now:
            continue
        if begins >= now + time:
            break
        time -= max(begins - now, 0)
        now = ends
    return now + time if now + time < start + LOOK_AHEAD else None


# -- windows ----------------------------------------------------------------------------------------------------------


def _assess_window(
    term: Term, clocks: list[Clock], window: Window, granted: Grants, since: int, as_of: int, patience: int
) -> tuple[Verdict, Earned | None]:
    own = [c for c in clocks if window.start <= c.event.opened < window.end]
    tally = _tally(own, at(as_of))
    running = len(own) - tally.good - tally.bad
    over = term.period.rolling is None and as_of >= window.over_at
    if term.period.rolling is None:
        at_risk_at, violated_at = _calendar_crossings(term, own, window, as_of)
        final = over and not running and as_of >= settled_at(term, window.end, patience)
    else:
        at_risk_at, violated_at = _rolling_crossings(term, clocks, since, as_of)
        final = term.valid_to is not None and not running and as_of >= settled_at(term, term.valid_to, patience)
    status: Status = "met"
    if violated_at is not None:
        status = "violated"
    elif not over and is_at_risk(term, tally):
        status = "at_risk"
    verdict = verdict_of(term, window, tally, own, granted, status, at_risk_at, violated_at, final, as_of)
    earned = None
    if over and term.tiers and tally.good + tally.bad:
        earned = Earned(term, (window.start, window.end), Fraction(tally.good, tally.good + tally.bad), 0)
    return verdict, earned


def _tally(clocks: Sequence[Clock], moment: int) -> Tally:
    there = [c for c in clocks if moment >= just_after(c.event.opened)]
    good, bad = sum(c.is_good(moment) for c in there), sum(c.is_bad(moment) for c in there)
    return Tally(len(there), good, bad, sum(c.is_near(moment) for c in there))


def is_missed(term: Term, tally: Tally) -> bool:
    """Whether more events are bad than the target allows of those that there are."""
    assert isinstance(term.target, Fraction)
    return tally.bad > (1 - term.target) * tally.events


def is_at_risk(term: Term, tally: Tally) -> bool:
    """Whether the target is missed, or a soft threshold crossed."""
    assert isinstance(term.target, Fraction)
    warning, budget = term.warning, (1 - term.target) * tally.events
    if warning is None:
        return is_missed(term, tally)
    spent = warning.budget_spent is not None and tally.bad > 0 and tally.bad >= warning.budget_spent * budget
    soft = isinstance(warning.target, Fraction) and tally.bad > (1 - warning.target) * tally.events
    return is_missed(term, tally) or spent or soft or tally.near > 0


def _moments(term: Term, clocks: Sequence[Clock]) -> set[int]:
    """Every moment at which a tally may change."""
    found: set[int] = set()
    for c in clocks:
        found |= {at(instant) for instant in (c.event.closed, c.near) if instant is not None}
        passing = (c.event.opened, c.deadline, left_behind(term, c.event))
        found |= {just_after(instant) for instant in passing if instant is not None}
    return found


def left_behind(term: Term, event: ServiceEvent) -> int | None:
    """The instant just after which an event leaves the rolling window; None where it does not: a window moves no
    further once the agreement has ended."""
    if term.period.rolling is None:
        return None
    leaves = event.opened + term.period.rolling
    return leaves if term.valid_to is None or leaves < term.valid_to else None


def _calendar_crossings(
    term: Term, clocks: Sequence[Clock], window: Window, as_of: int
) -> tuple[int | None, int | None]:
    """When the window first was at risk, and since when it is violated: where nothing may be late from its first bad
    event on, else from its end on, for until then it can recover."""
    earliest = at(window.start if term.target == 1 else window.over_at)
    moments = sorted(m for m in _moments(term, clocks) | {at(window.over_at)} if m <= at(as_of))
    at_risk = (m // 2 for m in moments if is_at_risk(term, _tally(clocks, m)))
    missed = (m // 2 for m in moments if m >= earliest and is_missed(term, _tally(clocks, m)))
    return next(at_risk, None), next(missed, None)


def _rolling_crossings(term: Term, clocks: Sequence[Clock], since: int, as_of: int) -> tuple[int | None, int | None]:
    """Since when, without a break, the window that ends at each moment has been at risk, and missed its target."""
    moments = sorted(m for m in _moments(term, clocks) | {at(since), at(as_of)} if at(since) <= m <= at(as_of))

    def is_inside(clock: Clock, moment: int) -> bool:
        leaves = left_behind(term, clock.event)
        return clock.event.opened >= term.valid_from and (leaves is None or moment < just_after(leaves))

    def began(crossed: Callable[[Term, Tally], bool]) -> int | None:
        first = None
        for moment in reversed(moments):
            if not crossed(term, _tally([c for c in clocks if is_inside(c, moment)], moment)):
                break
            first = moment // 2
        return first

    return began(is_at_risk), began(is_missed)


# -- verdicts ---------------------------------------------------------------------------------------------------------


def verdict_of(
    term: Term,
    window: Window,
    tally: Tally,
    clocks: Sequence[Clock],
    granted: Grants,
    status: Status,
    at_risk_at: int | None,
    violated_at: int | None,
    final: bool,
    as_of: int,
) -> Verdict:
    """The verdict of a window with these clocks in it, without its credit."""
    assert isinstance(term.target, Fraction)
    decided = tally.good + tally.bad
    return Verdict(
        agreement=term.agreement,
        objective=term.objective,
        service=term.service,
        customer=term.customer,
        period_start=window.start,
        period_end=window.end,
        status=status,
        final=final,
        attained=decimal_text(Fraction(tally.good, decided), PLACES) if decided else None,
        good=tally.good,
        bad=tally.bad,
        missing=0,
        excluded=0,
        budget=decimal_text((1 - term.target) * tally.events, PLACES),
        spent=str(tally.bad),
        at_risk_at=at_risk_at,
        violated_at=violated_at,
        credit=None,
        evidence=tuple(sorted(_pauses(window, granted) | set(_evidence(term, clocks, as_of)))),
        agreement_version=term.agreement_version,
    )


def _pauses(window: Window, granted: Grants) -> set[Evidence]:
    """What exclusions were granted or refused. The service hours, which stop every clock each day, stand in the
    agreement and are not told here."""
    return {e for e in told_in(window, 1, granted.evidence) if e.reason != OUTSIDE_SERVICE_HOURS}


def _evidence(term: Term, clocks: Iterable[Clock], as_of: int) -> Iterable[Evidence]:
    for c in clocks:
        if c.is_bad(at(as_of)):
            closed = c.event.closed if c.is_closed(at(as_of)) else None
            assert c.deadline is not None
            yield Evidence(c.event.opened, c.deadline if closed is None else closed, "bad", _late(term, c, closed))
        elif not c.is_good(at(as_of)) and c.deadline is not None:
            yield Evidence(c.event.opened, c.deadline, "running", f"{_name(term, c)}: to close by the end of this")


def _late(term: Term, clock: Clock, closed: int | None) -> str:
    limit = f"by {format_instant(clock.deadline or 0)}"
    if clock.limit is not None:
        assert isinstance(term.indicator, Commitments)
        hours = " of service time" if term.service_hours is not None and term.indicator.hours == "service" else ""
        limit = f"within {format_duration(clock.limit)}{hours}"
    return f"{_name(term, clock)}: {'not closed' if closed is None else 'closed too late, not'} {limit}"


def _name(term: Term, clock: Clock) -> str:
    parts = (term.indicator.metric, clock.event.event, clock.event.priority)
    return " ".join(part for part in parts if part is not None)
