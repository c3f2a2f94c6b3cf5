"""The reference model of assessment: the rules of DESIGN.md as plainly as they can be run. Slow on purpose.

Everything starts from one list, the timeline: what each slot of a term was, and how much budget it spends and leaves
(`reference_slots`). From there the thresholds are looked for slot end by slot end. How fast a budget is spent is told
in `reference_trends`, figures over values in `reference_figures`, promises for each event in `reference_durations`.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import groupby

from upheld.agreements.indicators import Aggregate, Availability, Commitments, Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound, decimal_text
from upheld.assessment.consequences import settled
from upheld.assessment.credit import Earned
from upheld.assessment.grants import Grants, grants
from upheld.assessment.groups import combined
from upheld.assessment.reference_durations import assess_durations
from upheld.assessment.reference_figures import figure_of
from upheld.assessment.reference_slots import (
    Slot,
    Timeline,
    bad_reason,
    foreseen,
    is_weighed,
    timeline_of,
    value_of,
    weighs_events,
)
from upheld.assessment.reference_trends import Step, burns, lingers, runs_out
from upheld.assessment.verdict import Evidence, Status, Verdict
from upheld.assessment.windows import Window, horizon, settled_at, told_in, windows
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, holding

PLACES = 12


def assess(
    terms: Sequence[Term],
    measurements: Iterable[Measurement],
    exclusions: Iterable[Exclusion],
    as_of: int,
    *,
    since: int | None = None,
    lateness: int = 0,
    events: Iterable[ServiceEvent] = (),
) -> list[Verdict]:
    """One verdict for each term and each of its periods that overlaps [since, as_of), as everything given tells.

    `as_of` and `since` in microseconds UTC; `since` is by default the time of the earliest measurement or event.
    `lateness` (microseconds) is how long after a period its verdict waits to be final where the agreement does not
    say."""
    held = sorted(holding(measurements).values(), key=lambda m: m.time)
    exclusions, events = list(exclusions), list(events)
    earliest = min([*(m.time for m in held[:1]), *(e.opened for e in events)], default=as_of - 1)
    begin = min(earliest if since is None else since, as_of - 1)
    found = []
    for term in terms:
        if isinstance(term.indicator, Commitments):
            of_clocks = assess_durations(term, events, exclusions, begin, as_of, lateness)
            found += [(term, verdict, earned) for verdict, earned in of_clocks]
            continue
        own = [m for m in held if (m.service, m.metric) in term.series]
        for verdict, earned in _assess_term(term, own, exclusions, begin, as_of, lateness):
            found.append((term, verdict, earned))
    return settled(found)


@dataclass
class Tally:
    """What is known of a window at the end of one of its slots. `base` is what the budget is a share of, slots to come
    included; `so_far` is what attained is a share of; `to_come` counts the slots still to come that are not excluded.
    `steps` has one entry for each slot, from the slot `first` on."""

    first: int
    base: int = 0
    to_come: int = 0
    spent: Fraction = Fraction(0)
    so_far: int = 0
    values: list[float] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def end_slot(self, term: Term, slot: Slot) -> None:
        """Takes in a slot that has just ended; what it spends follows by `spend`, once that is decided."""
        self.to_come -= slot.eligible or slot.leaves
        if isinstance(term.indicator, Aggregate):
            for m in slot.measurements:
                insort(self.values, value_of(m))
        elif weighs_events(term):
            good, total = _events([slot])
            self.spent += total - good
            self.so_far += total
            self.base = self.so_far
            self.steps.append(Step(total, slot.eligible, Fraction(total - good)))
        else:
            self.so_far += slot.eligible
            self.base -= slot.leaves
            self.steps.append(Step(int(slot.eligible), slot.eligible))

    def spend(self, term: Term, slot: Slot) -> None:
        """Counts what a slot spends at the end of the slot that decided it, which may lie behind the window."""
        if not weighs_events(term):
            self.spent += slot.spends
            if slot.spends and slot.counted_at < self.first + len(self.steps):
                self.steps[slot.counted_at - self.first].spent += slot.spends


@dataclass
class Standing:
    """How a window stands at the end of a slot. `attained` is None where nothing has been measured; `relative_error`
    is by how much it may be off, None where it is exact. `at_risk`: a soft threshold is crossed there, or the target
    missed."""

    missed: bool
    at_risk: bool
    attained: Fraction | float | None
    budget: Fraction | None = None
    spent: Fraction | None = None
    relative_error: str | None = None


def _stands(term: Term, tally: Tally) -> Standing:
    if isinstance(term.indicator, Aggregate):
        return _stands_aggregate(term, term.indicator, tally.values)
    assert isinstance(term.target, Fraction)
    budget = (1 - term.target) * tally.base
    at_risk = _is_at_risk(term, 1 - term.target, tally)
    attained = Fraction(tally.so_far - tally.spent) / tally.so_far if tally.so_far else None
    missed = tally.spent > budget
    return Standing(missed, at_risk or missed, attained, budget, tally.spent)


def _is_at_risk(term: Term, allowed: Fraction, tally: Tally) -> bool:
    """Whether a soft threshold of a budget is crossed, any of them."""
    warning, slot = term.warning, term.indicator.slot
    if warning is None:
        return False
    base = None if weighs_events(term) else tally.base
    return (
        (warning.budget_spent is not None and 0 < tally.spent >= warning.budget_spent * allowed * tally.base)
        or (isinstance(warning.target, Fraction) and tally.spent > (1 - warning.target) * tally.base)
        or any(burns(burn, allowed, tally.steps, slot) for burn in warning.burn_rate)
        or (
            warning.forecast is not None and runs_out(warning.forecast, allowed, tally.steps, slot, tally.to_come, base)
        )
    )


def _stands_aggregate(term: Term, indicator: Aggregate, values: Sequence[float]) -> Standing:
    if not values:
        return Standing(False, False, None)
    attained, relative_error = figure_of(indicator, values)
    assert isinstance(term.target, Bound)
    soft = term.warning.target if term.warning else None
    missed = not term.target.holds(attained)
    at_risk = missed or (isinstance(soft, Bound) and not soft.holds(attained))
    return Standing(missed, at_risk, attained, relative_error=relative_error)


def _assess_term(
    term: Term,
    measurements: list[Measurement],
    exclusions: list[Exclusion],
    since: int,
    as_of: int,
    lateness: int,
) -> list[tuple[Verdict, Earned | None]]:
    if term.members is not None and not term.members.by_slot:
        of_parts = []
        for part in term.parts:
            own = [m for m in measurements if m.service == part.service]
            of_parts.append(_assess_term(part, own, exclusions, since, as_of, lateness))
        return combined(term, of_parts)
    first, last = horizon(term, since, as_of)
    periods = windows(term, since, as_of)
    if not periods:
        return []
    width = term.indicator.slot
    begin = min(first * width, periods[0].start)  # a period may begin before its first slot does
    granted = grants(term, exclusions, begin, max(periods[-1].last, last) * width)
    timeline = timeline_of(term, measurements, granted, first, last)
    patience = lateness if term.lateness is None else term.lateness
    if term.period.rolling is not None:
        final = term.valid_to is not None and as_of >= settled_at(term, term.valid_to, patience)
        return [(_rolling_verdict(term, timeline, periods[0], granted, since // width, final), None)]
    return [_calendar_verdict(term, timeline, window, granted, as_of, patience) for window in periods]


def _calendar_verdict(
    term: Term, timeline: Timeline, window: Window, granted: Grants, as_of: int, lateness: int
) -> tuple[Verdict, Earned | None]:
    width = term.indicator.slot
    ended = timeline.between(window.first, window.last)
    over = as_of >= window.over_at
    at_risk_at, violated_at, standing = _crossings(term, window, ended, granted)
    if can_recover(term):  # until it is over
        violated_at = window.over_at if over and standing.missed else None
    status: Status = "met"
    if standing.attained is None:
        status, at_risk_at, violated_at = "no_data", None, None
    elif violated_at is not None:
        status = "violated"
    elif not over and standing.at_risk:
        status = "at_risk"
    undecided = any(window.first <= number < window.last for number in timeline.undecided)
    final = over and not undecided and as_of >= settled_at(term, window.end, lateness)
    verdict = _verdict(term, window, ended, granted, standing, status, at_risk_at, violated_at, final)
    if not over or not term.tiers or not isinstance(standing.attained, Fraction):
        return verdict, None
    bad_time: int | Fraction = verdict.bad * width if isinstance(term.indicator, Availability) else 0
    if is_weighed(term) and standing.spent is not None:
        bad_time = standing.spent * width
    return verdict, Earned(term, (window.start, window.end), standing.attained, bad_time)


def _crossings(
    term: Term, window: Window, ended: Sequence[Slot], granted: Grants
) -> tuple[int | None, int | None, Standing]:
    """When the window first was at risk, when it first missed its target, and how it stands now.
    A run that began in the window may be counted only after it, so the look goes on past the window's end."""
    width, behind = term.indicator.slot, window.first + len(ended)
    whole = sum(not foreseen(term, n, granted) for n in range(window.first, window.last))
    tally = Tally(window.first, 0 if weighs_events(term) else whole, whole)  # the events to come are not known
    standing = _stands(term, tally)
    crossed, missed = [], []
    counted: dict[int, list[Slot]] = {}
    for slot in ended:
        counted.setdefault(slot.counted_at, []).append(slot)
    for at in range(window.first, max([behind - 1, *counted], default=-1) + 1):
        if at < behind:
            tally.end_slot(term, ended[at - window.first])
        for slot in counted.get(at, []):
            tally.spend(term, slot)
        standing = _stands(term, tally)
        if standing.at_risk:
            crossed.append(at)
        if standing.missed:
            missed.append(at)
    standing.at_risk = lingers(crossed, behind - 1, _clear_after(term))
    return _end_of(crossed[:1], width), _end_of(missed[:1], width), standing


def _end_of(slots: Sequence[int], width: int) -> int | None:
    return (slots[0] + 1) * width if slots else None


def _clear_after(term: Term) -> int:
    return term.warning.clear_after if term.warning is not None else 1


def _rolling_verdict(
    term: Term, timeline: Timeline, window: Window, granted: Grants, since: int, final: bool
) -> Verdict:
    """A rolling window stands as it does at its end; since when is found by going back slot end by slot end."""
    assert term.period.rolling is not None
    length = term.period.rolling // term.indicator.slot
    earliest, newest = max(since, timeline.first), window.last - 1

    @cache
    def at_end_of(number: int) -> Standing:
        slots = timeline.between(number - length + 1, number + 1)
        tally = Tally(slots[0].number if slots else number, sum(s.eligible or s.leaves for s in slots))
        for slot in slots:
            tally.end_slot(term, slot)
        for slot in slots:
            if slot.counted_at <= number:
                tally.spend(term, slot)
        return _stands(term, tally)

    def at_risk(number: int) -> bool:
        reach = min(_clear_after(term), length)  # what has left the window no longer counts
        look = [*range(max(number - reach + 1, earliest), number), number]
        return lingers([n for n in look if at_end_of(n).at_risk], number, reach)

    def began(holds: Callable[[int], bool]) -> int | None:
        start = None
        for number in range(newest, earliest - 1, -1):
            if not holds(number):
                break
            start = (number + 1) * term.indicator.slot
        return start

    ended = timeline.between(window.first, window.last)
    standing = at_end_of(newest)
    if standing.attained is None:
        return _verdict(term, window, ended, granted, standing, "no_data", None, None, final)
    status: Status = "violated" if standing.missed else "at_risk" if at_risk(newest) else "met"
    violated_at = began(lambda number: at_end_of(number).missed)
    return _verdict(term, window, ended, granted, standing, status, began(at_risk), violated_at, final)


def can_recover(term: Term) -> bool:
    """Whether a calendar period that misses its target may still meet it in the end: a budget grows with the events to
    come, unless nothing at all may be missed."""
    return isinstance(term.indicator, Aggregate) or (weighs_events(term) and term.target != 1)


def _events(slots: Iterable[Slot]) -> tuple[int, int]:
    counted = [m for s in slots for m in s.measurements]
    return sum(m.good or 0 for m in counted), sum(m.total or 0 for m in counted)


def _verdict(
    term: Term,
    window: Window,
    ended: Sequence[Slot],
    granted: Grants,
    standing: Standing,
    status: Status,
    at_risk_at: int | None,
    violated_at: int | None,
    final: bool,
) -> Verdict:
    if isinstance(term.indicator, Ratio):
        good, total = _events(ended)
        bad = total - good
    else:
        bad = sum(s.bad for s in ended)
        good = sum(s.eligible for s in ended) - bad
    return Verdict(
        agreement=term.agreement,
        objective=term.objective,
        service=term.service,
        customer=term.customer,
        period_start=window.start,
        period_end=window.end,
        status=status,
        final=final,
        attained=None if standing.attained is None else attained_text(standing.attained),
        good=good,
        bad=bad,
        missing=sum(s.state == "missing" for s in ended),
        excluded=sum(s.state == "excluded" for s in ended),
        budget=None if standing.budget is None else decimal_text(standing.budget, PLACES),
        spent=None if standing.spent is None else decimal_text(standing.spent, PLACES),
        at_risk_at=at_risk_at,
        violated_at=violated_at,
        credit=None,
        evidence=_evidence(term, window, ended, granted),
        agreement_version=term.agreement_version,
        relative_error=standing.relative_error,
    )


def attained_text(attained: Fraction | float) -> str:
    """An exact figure cut off at 12 places; a measured one with every digit it has."""
    if isinstance(attained, Fraction):
        return decimal_text(attained, PLACES)
    return format(Decimal(repr(attained)), "f")


def _evidence(term: Term, window: Window, ended: Sequence[Slot], granted: Grants) -> tuple[Evidence, ...]:
    width = term.indicator.slot
    found = told_in(window, width, granted.evidence)
    for why in {s.why for s in ended if s.bad}:
        for start, end in _stretches([s.number for s in ended if s.bad and s.why == why]):
            found.add(Evidence(start * width, end * width, "bad", why or bad_reason(term)))
    for start, end in _stretches([s.number for s in ended if s.state == "missing"]):
        found.add(Evidence(start * width, end * width, "missing", "no data"))
    return tuple(sorted(found))


def _stretches(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of successive slot numbers as half-open [first, last) pairs."""
    stretches = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        stretches.append((run[0], run[-1] + 1))
    return stretches
