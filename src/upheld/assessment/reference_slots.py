"""The reference model's timeline: what each slot of a term was. DESIGN rules 4 and 5."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import cast

from upheld.agreements.indicators import Aggregate, Availability, Commitments, Ratio
from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound, format_share
from upheld.assessment.grants import Grants
from upheld.assessment.groups import State, down_reason, surely_excluded, together
from upheld.assessment.reference_figures import exact_sum
from upheld.measurements.model import Measurement


@dataclass
class Slot:
    """One slot of a term: its measurements that count, and what it is. `spends` is the budget it spends from the end
    of slot `counted_at` on; `eligible` is whether it has a place in the budget's base, and `leaves` whether it has none
    though it was to have one before it ended. `why` is why it is bad, of a group with the members that were down."""

    number: int
    state: str
    measurements: list[Measurement]
    spends: Fraction = Fraction(0)
    counted_at: int = 0
    eligible: bool = True
    leaves: bool = False
    bad: bool = False
    why: str = ""


@dataclass
class Timeline:
    """Every slot of a term from `first` that has ended, and those still undecided at the end of a run."""

    first: int
    slots: list[Slot]
    undecided: set[int] = field(default_factory=set)

    def between(self, first: int, last: int) -> list[Slot]:
        return self.slots[max(first - self.first, 0) : max(last - self.first, 0)]


def timeline_of(term: Term, measurements: list[Measurement], granted: Grants, first: int, last: int) -> Timeline:
    """The slots [first, last) of a term, given the measurements of its services in order of time."""
    timeline = Timeline(first, _slots(term, measurements, granted, first, last))
    if isinstance(term.indicator, Availability) and not is_weighed(term):
        count_runs(timeline, term.indicator)
    if term.valid_to is not None and last * term.indicator.slot >= term.valid_to:
        timeline.undecided = set()  # nothing follows that could decide it
    return timeline


def _slots(term: Term, measurements: list[Measurement], granted: Grants, first: int, last: int) -> list[Slot]:
    """Each slot by itself, before bad ones count as runs."""
    if term.members is not None:
        of_parts = []
        for part, covered in zip(term.parts, granted.parts, strict=True):
            own = [m for m in measurements if m.service == part.service]
            of_parts.append(_slots(part, own, Grants(covered, ()), first, last))
        return [_slot_together(term, slots, granted) for slots in zip(*of_parts, strict=True)]
    by_slot: dict[int, list[Measurement]] = {}
    for m in measurements:
        if term.valid_to is None or m.time < term.valid_to:  # the last slot may last longer
            by_slot.setdefault(m.time // term.indicator.slot, []).append(m)
    return [_slot(term, number, by_slot.get(number, []), granted) for number in range(first, last)]


def _slot_together(term: Term, of_parts: Sequence[Slot], granted: Grants) -> Slot:
    """A slot of a group, given that of each member."""
    assert term.members is not None
    number, policy = of_parts[0].number, term.indicator.missing
    if _excluded(number, term.indicator.slot, granted.covered):
        return Slot(number, "excluded", [], eligible=False)
    state, spends = together(term.members, policy, [cast(State, slot.state) for slot in of_parts])
    eligible = state in ("good", "bad") or (state == "missing" and policy != "exclude")
    leaves = not eligible and not foreseen(term, number, granted)
    members = list(zip(term.services, of_parts, strict=True))
    down = [service for service, slot in members if slot.bad and slot.state == "bad"]
    silent = [service for service, slot in members if slot.bad and slot.state == "missing"]
    why = down_reason(bad_reason(term), down, silent)
    return Slot(number, state, [], spends, number, eligible=eligible, leaves=leaves, bad=spends > 0, why=why)


def _slot(term: Term, number: int, measurements: list[Measurement], granted: Grants) -> Slot:
    indicator = term.indicator
    assert not isinstance(indicator, Commitments), "events have no slots"
    fitting = [m for m in measurements if _fits(indicator, m)]
    if _excluded(number, indicator.slot, granted.covered):
        return Slot(number, "excluded", [], eligible=False)
    if not fitting:
        policy = "exclude" if weighs_events(term) else indicator.missing  # no data, no events to weigh
        bad, out = policy == "bad", policy == "exclude"
        return Slot(number, "missing", [], Fraction(bad), number, eligible=not out, leaves=out, bad=bad)
    if isinstance(indicator, Availability):
        bad = _is_bad(indicator, fitting)
        return Slot(number, "bad" if bad else "good", fitting, Fraction(bad), number, bad=bad)
    if isinstance(indicator, Ratio):
        ratio = Fraction(sum(m.good or 0 for m in fitting), sum(m.total or 0 for m in fitting))
        assert isinstance(term.target, Fraction)
        return Slot(number, "value", fitting, 1 - ratio, number, bad=ratio < term.target)
    assert isinstance(term.target, Bound)
    misses = indicator.aggregate != "sum" and any(not term.target.holds(value_of(m)) for m in fitting)
    return Slot(number, "value", fitting, counted_at=number, bad=misses)


def _fits(indicator: Availability | Ratio | Aggregate, m: Measurement) -> bool:
    """Whether a measurement is of the form the indicator reads. A ratio reads nothing from a total of zero."""
    if isinstance(indicator, Ratio):
        return bool(m.total)
    if isinstance(indicator, Availability) and indicator.error_rate_over is not None:
        return m.total is not None
    return m.value is not None


def _excluded(number: int, width: int, covered: Iterable[Interval]) -> bool:
    return any(start <= number * width and (number + 1) * width <= end for start, end in covered)


def foreseen(term: Term, number: int, granted: Grants) -> bool:
    """Whether a slot is excluded whatever is measured in it, so that it never has a place in the budget's base."""
    width = term.indicator.slot
    if term.members is None or _excluded(number, width, granted.covered):
        return _excluded(number, width, granted.covered)
    return surely_excluded(term.members, sum(_excluded(number, width, covered) for covered in granted.parts))


def _is_bad(indicator: Availability, measurements: Sequence[Measurement]) -> bool:
    if indicator.error_rate_over is not None:
        good, total = sum(m.good or 0 for m in measurements), sum(m.total or 0 for m in measurements)
        return total > 0 and total >= indicator.min_total and Fraction(total - good, total) > indicator.error_rate_over
    assert indicator.good_when is not None
    values = [value_of(m) for m in sorted(measurements, key=lambda m: m.time)]
    match indicator.slot_rule:
        case "any_bad":
            return any(not indicator.good_when.holds(v) for v in values)
        case "all_bad":
            return all(not indicator.good_when.holds(v) for v in values)
        case "mean":
            return not indicator.good_when.holds(exact_sum(values) / len(values))
        case "last":
            return not indicator.good_when.holds(values[-1])


def value_of(m: Measurement) -> float:
    """The value of a measurement that has one."""
    assert m.value is not None
    return m.value


def count_runs(timeline: Timeline, indicator: Availability) -> None:
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


def is_weighed(term: Term) -> bool:
    """Whether a slot of a group is worth the share of its members that are good."""
    return term.members is not None and term.members.rule == "mean"


def weighs_events(term: Term) -> bool:
    """Whether the term's budget counts events and not slots."""
    return isinstance(term.indicator, Ratio) and term.indicator.weighting == "events"


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
