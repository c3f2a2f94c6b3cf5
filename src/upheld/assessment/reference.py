"""The reference model of assessment: the rules of DESIGN.md as plainly as they can be run. Slow on purpose.

Everything starts from one list, the timeline: what each slot of a term was. From there each indicator says how much
budget a slot spends and how much it leaves, and the thresholds are looked for slot end by slot end.
"""

import math
from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

from upheld.agreements.indicators import Aggregate, Availability, Commitments, Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound, decimal_text, format_share
from upheld.assessment.credit import Earned, credits
from upheld.assessment.grants import Grants, grants
from upheld.assessment.verdict import Evidence, Status, Verdict
from upheld.assessment.windows import Window, horizon, settled_at, told_in, windows
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
) -> list[Verdict]:
    """One verdict for each term and each of its periods that overlaps [since, as_of), as everything given tells.

    `as_of` and `since` in microseconds UTC; `since` is by default the time of the earliest measurement. `lateness`
    (microseconds) is how long after a period its verdict waits to be final where the agreement does not say."""
    held = sorted(holding(measurements).values(), key=lambda m: m.time)
    begin = since if since is not None else (held[0].time if held else as_of - 1)
    begin = min(begin, as_of - 1)
    exclusions = list(exclusions)
    found = []
    for term in terms:
        own = [m for m in held if (m.service, m.metric) == (term.service, term.indicator.metric)]
        found += _assess_term(term, own, exclusions, begin, as_of, lateness)
    owed = credits(earned for _, earned in found if earned is not None)
    owed.reverse()
    return [verdict if earned is None else replace(verdict, credit=owed.pop()) for verdict, earned in found]


# -- slots ----------------------------------------------------------------------------------------------------


@dataclass
class Slot:
    """One slot of a term: its measurements that count, and what it is. `spends` is the budget it spends from the end
    of slot `counted_at` on; `eligible` is whether it has a place in the budget's base."""

    number: int
    state: str
    measurements: list[Measurement]
    spends: Fraction = Fraction(0)
    counted_at: int = 0
    eligible: bool = True
    bad: bool = False


@dataclass
class Timeline:
    """Every slot of a term from `first` that has ended, and those still undecided at the end of a run."""

    first: int
    slots: list[Slot]
    undecided: set[int] = field(default_factory=set)

    def between(self, first: int, last: int) -> list[Slot]:
        return self.slots[max(first - self.first, 0) : max(last - self.first, 0)]


def _timeline(term: Term, measurements: list[Measurement], granted: Grants, first: int, last: int) -> Timeline:
    by_slot: dict[int, list[Measurement]] = {}
    for m in measurements:
        if term.valid_to is None or m.time < term.valid_to:  # the last slot may last longer
            by_slot.setdefault(m.time // term.indicator.slot, []).append(m)
    slots = [_slot(term, number, by_slot.get(number, []), granted) for number in range(first, last)]
    timeline = Timeline(first, slots)
    if isinstance(term.indicator, Availability):
        _count_runs(timeline, term.indicator)
    if term.valid_to is not None and last * term.indicator.slot >= term.valid_to:
        timeline.undecided = set()  # nothing follows that could decide it
    return timeline


def _slot(term: Term, number: int, measurements: list[Measurement], granted: Grants) -> Slot:
    indicator = term.indicator
    assert not isinstance(indicator, Commitments), "events have no slots"
    fitting = [m for m in measurements if _fits(indicator, m)]
    if _excluded(number, indicator.slot, granted):
        return Slot(number, "excluded", [], eligible=False)
    if not fitting:
        policy = "exclude" if _weighs_events(term) else indicator.missing  # no data, no events to weigh
        bad = policy == "bad"
        return Slot(number, "missing", [], Fraction(bad), number, eligible=policy != "exclude", bad=bad)
    if isinstance(indicator, Availability):
        bad = _is_bad(indicator, fitting)
        return Slot(number, "bad" if bad else "good", fitting, Fraction(bad), number, bad=bad)
    if isinstance(indicator, Ratio):
        ratio = Fraction(sum(m.good or 0 for m in fitting), sum(m.total or 0 for m in fitting))
        assert isinstance(term.target, Fraction)
        return Slot(number, "value", fitting, 1 - ratio, number, bad=ratio < term.target)
    assert isinstance(term.target, Bound)
    misses = indicator.aggregate != "sum" and any(not term.target.holds(_value(m)) for m in fitting)
    return Slot(number, "value", fitting, counted_at=number, bad=misses)


def _fits(indicator: Availability | Ratio | Aggregate, m: Measurement) -> bool:
    """Whether a measurement is of the form the indicator reads. A ratio reads nothing from a total of zero."""
    if isinstance(indicator, Ratio):
        return bool(m.total)
    if isinstance(indicator, Availability) and indicator.error_rate_over is not None:
        return m.total is not None
    return m.value is not None


def _excluded(number: int, width: int, granted: Grants) -> bool:
    return any(start <= number * width and (number + 1) * width <= end for start, end in granted.covered)


def _is_bad(indicator: Availability, measurements: Sequence[Measurement]) -> bool:
    if indicator.error_rate_over is not None:
        good, total = sum(m.good or 0 for m in measurements), sum(m.total or 0 for m in measurements)
        return total > 0 and total >= indicator.min_total and Fraction(total - good, total) > indicator.error_rate_over
    assert indicator.good_when is not None
    values = [_value(m) for m in sorted(measurements, key=lambda m: m.time)]
    match indicator.slot_rule:
        case "any_bad":
            return any(not indicator.good_when.holds(v) for v in values)
        case "all_bad":
            return all(not indicator.good_when.holds(v) for v in values)
        case "mean":
            return not indicator.good_when.holds(exact_sum(values) / len(values))
        case "last":
            return not indicator.good_when.holds(values[-1])


def _value(m: Measurement) -> float:
    assert m.value is not None
    return m.value


def _count_runs(timeline: Timeline, indicator: Availability) -> None:
    """Lets bad slots count only as runs of `consecutive`, ended by `recovery` slots that are not bad (MEF 10.4).

    Until a run is long enough its slots count as good, and so do the slots after it until it goes on: what is
    undecided never counts against the provider, and what once counted as bad stays so."""
    down = False
    waiting: list[Slot] = []
    for slot in timeline.slots:
        if slot.state == "excluded" or (slot.state == "missing" and indicator.missing == "exclude"):
            continue
        was_bad, slot.bad, slot.spends = slot.bad, False, Fraction(0)
        if was_bad == down:
            _count(waiting if down else [], slot.number)
            waiting = []
            if down:
                _count([slot], slot.number)
            continue
        waiting.append(slot)
        if len(waiting) >= (indicator.recovery if down else indicator.consecutive):
            if not down:
                _count(waiting, slot.number)
            down, waiting = not down, []
    timeline.undecided = {slot.number for slot in waiting}


def _count(slots: Iterable[Slot], at: int) -> None:
    for slot in slots:
        slot.bad, slot.spends, slot.counted_at = True, Fraction(1), at


# -- verdicts -------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What is known of a window at the end of one of its slots. `base` is what the budget is a share of, slots to come
    included; `so_far` is what attained is a share of."""

    spent: Fraction = Fraction(0)
    base: int = 0
    so_far: int = 0
    values: list[float] = field(default_factory=list)

    def end_slot(self, term: Term, slot: Slot) -> None:
        """Takes in a slot that has just ended; what it spends follows by `spend`, once that is decided."""
        if isinstance(term.indicator, Aggregate):
            for m in slot.measurements:
                insort(self.values, _value(m))
        elif _weighs_events(term):
            good, total = _events([slot])
            self.spent += total - good
            self.so_far += total
            self.base = self.so_far
        else:
            self.so_far += slot.eligible
            self.base -= slot.state != "excluded" and not slot.eligible

    def spend(self, term: Term, slot: Slot) -> None:
        if not _weighs_events(term):
            self.spent += slot.spends


@dataclass
class Standing:
    """How a window stands at the end of a slot. `attained` is None where nothing has been measured."""

    missed: bool
    at_risk: bool
    attained: Fraction | float | None
    budget: Fraction | None = None
    spent: Fraction | None = None


def _stands(term: Term, tally: Tally) -> Standing:
    if isinstance(term.indicator, Aggregate):
        return _stands_aggregate(term, term.indicator, tally.values)
    assert isinstance(term.target, Fraction)
    budget = (1 - term.target) * tally.base
    warning, at_risk = term.warning, False
    if warning is not None and warning.budget_spent is not None:
        at_risk = tally.spent > 0 and tally.spent >= warning.budget_spent * budget
    if warning is not None and isinstance(warning.target, Fraction):
        at_risk = at_risk or tally.spent > (1 - warning.target) * tally.base
    attained = Fraction(tally.so_far - tally.spent) / tally.so_far if tally.so_far else None
    missed = tally.spent > budget
    return Standing(missed, at_risk or missed, attained, budget, tally.spent)


def _stands_aggregate(term: Term, indicator: Aggregate, values: Sequence[float]) -> Standing:
    if not values:
        return Standing(False, False, None)
    attained = aggregate(indicator.aggregate, values)
    assert isinstance(term.target, Bound)
    soft = term.warning.target if term.warning else None
    missed = not term.target.holds(attained)
    return Standing(missed, missed or (isinstance(soft, Bound) and not soft.holds(attained)), attained)


def _assess_term(
    term: Term,
    measurements: list[Measurement],
    exclusions: list[Exclusion],
    since: int,
    as_of: int,
    lateness: int,
) -> list[tuple[Verdict, Earned | None]]:
    first, last = horizon(term, since, as_of)
    periods = windows(term, since, as_of)
    if not periods:
        return []
    width = term.indicator.slot
    begin = min(first * width, periods[0].start)  # a period may begin before its first slot does
    granted = grants(term, exclusions, begin, max(periods[-1].last, last) * width)
    timeline = _timeline(term, measurements, granted, first, last)
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
    if isinstance(term.indicator, Aggregate) or _weighs_events(term):
        violated_at = window.over_at if over and standing.missed else None  # until then it can recover
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
    bad_time = verdict.bad * width if isinstance(term.indicator, Availability) else 0
    return verdict, Earned(term, (window.start, window.end), standing.attained, bad_time)


def _crossings(
    term: Term, window: Window, ended: Sequence[Slot], granted: Grants
) -> tuple[int | None, int | None, Standing]:
    """When the window first was at risk, when it first missed its target, and how it stands now.
    A run that began in the window may be counted only after it, so the look goes on past the window's end."""
    width = term.indicator.slot
    at_risk_at = violated_at = None
    tally = Tally()
    if not _weighs_events(term):  # the events to come are not known, the slots to come are
        tally.base = sum(not _excluded(n, width, granted) for n in range(window.first, window.last))
    standing = _stands(term, tally)
    counted: dict[int, list[Slot]] = {}
    for slot in ended:
        counted.setdefault(slot.counted_at, []).append(slot)
    for at in range(window.first, max([window.first + len(ended) - 1, *counted], default=-1) + 1):
        if at < window.first + len(ended):
            tally.end_slot(term, ended[at - window.first])
        for slot in counted.get(at, []):
            tally.spend(term, slot)
        standing = _stands(term, tally)
        if at_risk_at is None and standing.at_risk:
            at_risk_at = (at + 1) * width
        if violated_at is None and standing.missed:
            violated_at = (at + 1) * width
    return at_risk_at, violated_at, standing


def _rolling_verdict(
    term: Term, timeline: Timeline, window: Window, granted: Grants, since: int, final: bool
) -> Verdict:
    """A rolling window stands as it does at its end; since when is found by going back slot end by slot end."""
    width = term.indicator.slot
    assert term.period.rolling is not None
    length = term.period.rolling // width

    def at_end_of(number: int) -> Standing:
        tally = Tally()
        slots = timeline.between(number - length + 1, number + 1)
        tally.base = sum(s.state != "excluded" for s in slots)
        for slot in slots:
            tally.end_slot(term, slot)
            if slot.counted_at <= number:
                tally.spend(term, slot)
        return _stands(term, tally)

    def began(holds: Callable[[Standing], bool]) -> int | None:
        start = None
        for number in range(window.last - 1, max(since, timeline.first) - 1, -1):
            if not holds(at_end_of(number)):
                break
            start = (number + 1) * width
        return start

    ended = timeline.between(window.first, window.last)
    standing = at_end_of(window.last - 1)
    status: Status = "violated" if standing.missed else "at_risk" if standing.at_risk else "met"
    if standing.attained is None:
        return _verdict(term, window, ended, granted, standing, "no_data", None, None, final)
    at_risk_at = began(lambda s: s.attained is not None and s.at_risk)
    violated_at = began(lambda s: s.attained is not None and s.missed)
    return _verdict(term, window, ended, granted, standing, status, at_risk_at, violated_at, final)


def _weighs_events(term: Term) -> bool:
    return isinstance(term.indicator, Ratio) and term.indicator.weighting == "events"


def aggregate(name: str, ordered: Sequence[float]) -> float | Fraction:
    """mean, min, max, sum or pNN of values in ascending order (at least one). A sum or a mean is exact; a percentile is
    the nearest-rank one."""
    match name:
        case "min":
            return ordered[0]
        case "max":
            return ordered[-1]
        case "sum":
            return exact_sum(ordered)
        case "mean":
            return exact_sum(ordered) / len(ordered)
    return ordered[max(math.ceil(Fraction(name[1:]) / 100 * len(ordered)), 1) - 1]


def exact_sum(values: Sequence[float]) -> Fraction:
    """The sum of finite values, each taken as the decimal it is written as: 0.1 and 0.2 are 0.3."""
    return sum((Fraction(repr(value)) for value in values), Fraction(0))


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
    )


def attained_text(attained: Fraction | float) -> str:
    """An exact figure cut off at 12 places; a measured one with every digit it has."""
    if isinstance(attained, Fraction):
        return decimal_text(attained, PLACES)
    return format(Decimal(repr(attained)), "f")


def _evidence(term: Term, window: Window, ended: Sequence[Slot], granted: Grants) -> tuple[Evidence, ...]:
    width = term.indicator.slot
    found = told_in(window, width, granted.evidence)
    for start, end in _stretches([s.number for s in ended if s.bad]):
        found.add(Evidence(start * width, end * width, "bad", bad_reason(term)))
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


def bad_reason(term: Term) -> str:
    """Why a slot of this term is bad, for people."""
    indicator = term.indicator
    if isinstance(indicator, Availability):
        if indicator.error_rate_over is not None:
            return f"{indicator.metric}: error rate over {format_share(indicator.error_rate_over)}"
        return f"{indicator.metric} not {indicator.good_when}"
    if isinstance(indicator, Ratio):
        assert isinstance(term.target, Fraction)
        return f"{indicator.metric} below {format_share(term.target)}"
    return f"{indicator.metric} not {term.target}"
