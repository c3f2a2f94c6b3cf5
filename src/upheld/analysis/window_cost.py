"""What a window in which services are down costs the promises about them, if it counts and if it does not. Pure.

It is the assessment of one future: all that is known by now stands, the services that are hit are bad in every slot
that the window touches, and everything else is good until the period ends. Of that future the figures are exact: they
are what `assess` says of it (`tests/laws/test_window_cost.py`). Told are promises whose slots are good or bad: those of
availability, also of a group that is put together slot by slot.

Slots that the window only touches at its edges are bad and stay so where its exclusion is earned, for an exclusion
covers whole slots (DESIGN rule 4). A run of bad slots (`consecutive`) is taken to begin and to end with the window.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

import numpy as np

from upheld.agreements.indicators import Availability
from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.assessment.credit import Earned, credits
from upheld.assessment.exact import Flags, Numbers
from upheld.assessment.grants import Grants, grants
from upheld.assessment.groups import State, together
from upheld.assessment.verdict import Credit, Verdict
from upheld.assessment.windows import Window, ceil_slot, windows
from upheld.maintenance.exclusion import PLANNED_MAINTENANCE
from upheld.measurements.exclusions import Exclusion

FINEST = 10**10
"""Parts of a slot that the places of a verdict still tell apart."""


@dataclass(frozen=True, slots=True)
class Stake:
    """A period of a promise that a window touches, in slots; of a group with weights the slots that are spent may be
    parts. `window` is the period; of a rolling one that which ends with the window, where it stands worst.

    `eligible` slots count in the whole period, the window's among them; `to_come` of them are still to come, `before`
    of these before the window; `spent` is bad by now. The window spends `cost` if it counts, and `edges` where its
    exclusion is earned: then `exempt` slots count no more."""

    term: Term
    window: Window
    eligible: int
    to_come: int
    before: int
    spent: Fraction
    cost: Fraction
    edges: Fraction
    exempt: int

    @property
    def allowed(self) -> Fraction:
        """The share of the slots that may be bad."""
        assert isinstance(self.term.target, Fraction)
        return 1 - self.term.target


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a period ends: `budget` and `bad` in slots, `attained` None where nothing counts."""

    budget: Fraction
    bad: Fraction
    attained: Fraction | None
    violated: bool
    earned: Earned | None


def why_not_told(term: Term) -> str | None:
    """Why nothing is told of what a window costs a promise; None where it is told."""
    if isinstance(term.indicator, Availability) and (term.members is None or term.members.by_slot):
        return None
    if term.members is not None and not term.members.by_slot:
        return "the members of the group are judged each by itself"
    return {
        "ratio": "how many requests would fail is not known: it depends on who asks while the service is down",
        "aggregate": "what is down gives no values: the figure is about what is measured before and after",
        "duration": "it is about how long faults take, not about how long the service is down",
    }[term.indicator.kind]


def outcome(stake: Stake, *, earned: bool, more: Fraction | int = 0) -> Outcome:
    """How the period ends if the window's exclusion is earned, or if it is not, and `more` slots are bad besides."""
    eligible = stake.eligible - (stake.exempt if earned else 0)
    bad = min(stake.spent + (stake.edges if earned else stake.cost) + more, Fraction(eligible))
    budget = stake.allowed * eligible
    if not eligible:
        return Outcome(budget, bad, None, False, None)
    attained = Fraction(eligible - bad) / eligible
    term, period = stake.term, (stake.window.start, stake.window.end)
    owes = bool(term.tiers) and term.period.rolling is None
    found = Earned(term, period, attained, _time(bad, term)) if owes else None
    return Outcome(budget, bad, attained, bad > budget, found)


def _time(bad: Fraction, term: Term) -> int | Fraction:
    spent = bad * term.indicator.slot
    return spent if term.members is not None and term.members.rule == "mean" else int(spent)


def credits_of(outcomes: Sequence[Outcome], others: Iterable[Earned] = ()) -> list[Credit | None]:
    """What each outcome owes, of one agreement, in the order of its terms: within the caps that they share with each
    other and with what other periods have earned already."""
    told = [found.earned for found in outcomes if found.earned is not None]
    given = iter(credits([*others, *told])[-len(told) :] if told else ())
    return [None if found.earned is None else next(given) for found in outcomes]


def earned_of(term: Term, verdict: Verdict) -> Earned | None:
    """What a period that the window leaves alone has earned, by its verdict; None where it earns nothing."""
    if not term.tiers or term.period.rolling is not None or not verdict.good + verdict.bad:
        return None
    is_slots = isinstance(term.indicator, Availability) and (term.members is None or term.members.rule != "mean")
    attained = Fraction(verdict.good, verdict.good + verdict.bad) if is_slots else Fraction(verdict.attained or 0)
    spent = Fraction(verdict.spent or 0) if term.members is not None else Fraction(verdict.bad)
    bad_time = _time(spent, term) if isinstance(term.indicator, Availability) else 0
    return Earned(term, (verdict.period_start, verdict.period_end), attained, bad_time)


def stakes_of(
    term: Term,
    down: Collection[str],
    known: Mapping[int, Verdict],
    exclusions: Iterable[Exclusion],
    as_of: int,
    spans: Iterable[Interval],
) -> list[Stake]:
    """Each period of `term` that the windows `spans` touch in which the services `down` are bad; none where none of
    them is the term's, or of what is told nothing of. `known` holds the verdicts of the term by the start of their
    period, of a rolling one its newest; `exclusions` is all that stands, without those of the windows. `as_of`: from
    when on nothing is known where there is no verdict. Microseconds UTC."""
    if why_not_told(term) is not None or not set(down).intersection(term.services):
        return []
    width, near, windows_ = term.indicator.slot, list(exclusions), sorted(spans)
    own = [
        Exclusion(name, start, end, PLANNED_MAINTENANCE, "the window")
        for name in term.services
        if name in down
        for start, end in windows_
    ]
    ranges = _slots_touched(term, windows_)
    counted = [_Slots(term, near, first, last, down) for first, last in ranges]
    spared = [_Slots(term, [*near, *own], first, last, down) for first, last in ranges]
    if not ranges:
        return []
    found = []
    for period in windows(term, ranges[0][0] * width, ranges[-1][1] * width):
        known_to, eligible, spent = _so_far(term, known, period, as_of)
        parts = [(max(period.first, first, known_to), min(period.last, last)) for first, last in ranges]
        if all(begins >= behind for begins, behind in parts):
            continue
        there = sum(slots.eligible(*part) for slots, part in zip(counted, parts, strict=True))
        before, *around = (_eligible(term, near, *gap) for gap in _gaps(known_to, period.last, parts))
        found.append(
            Stake(
                term=term,
                window=period,
                eligible=eligible + before + sum(around) + there,
                to_come=before + sum(around) + there,
                before=before,
                spent=spent,
                cost=sum((slots.spent(*part) for slots, part in zip(counted, parts, strict=True)), Fraction(0)),
                edges=sum((slots.spent(*part) for slots, part in zip(spared, parts, strict=True)), Fraction(0)),
                exempt=there - sum(slots.eligible(*part) for slots, part in zip(spared, parts, strict=True)),
            )
        )
    return found


def without_work(
    term: Term, known: Mapping[int, Verdict], exclusions: Iterable[Exclusion], as_of: int, start: int, end: int
) -> list[Stake]:
    """Each calendar period of `term` that overlaps [start, end), as it stands if nothing is worked on. The rest as in
    `stakes_of`."""
    near, found = list(exclusions), []
    for period in windows(term, start, end):
        known_to, eligible, spent = _so_far(term, known, period, as_of)
        to_come = _eligible(term, near, known_to, period.last)
        nothing = Fraction(0)
        found.append(Stake(term, period, eligible + to_come, to_come, to_come, spent, nothing, nothing, 0))
    return found


def in_one_slot(term: Term, down: Collection[str]) -> tuple[Fraction, Fraction, int]:
    """What a slot that would count spends where the services `down` are bad in it: if it counts, and if its exclusion
    is earned; and how many slots less count then (one or none)."""
    plain = replace(term, service_hours=None)
    width = term.indicator.slot
    own = [Exclusion(name, 0, width, PLANNED_MAINTENANCE, "the window") for name in term.services if name in down]
    counted, spared = (_Slots(plain, some, 0, 1, down, as_run=False) for some in ([], own))
    return counted.spent(0, 1), spared.spent(0, 1), counted.eligible(0, 1) - spared.eligible(0, 1)


def eligible_until(term: Term, exclusions: Iterable[Exclusion], first: int, last: int) -> Numbers:
    """How many of the slots [first, last) that are to come count before each of them, and before `last`; of a group
    those that are not excluded for all of it."""
    width = term.indicator.slot
    granted = grants(term, exclusions, first * width, last * width)
    return np.concatenate([[0], np.cumsum(~_excluded(granted.covered, first, last, width))])


def _slots_touched(term: Term, spans: Sequence[Interval]) -> list[Interval]:
    """The slots [first, last) of the term that each window touches, in order and disjoint."""
    width, valid_to = term.indicator.slot, term.valid_to
    begins, ends = ceil_slot(term.valid_from, width), None if valid_to is None else ceil_slot(valid_to, width)
    found: list[Interval] = []
    for start, end in spans:
        first, last = max(start // width, begins), ceil_slot(end, width)
        last = last if ends is None else min(last, ends)
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        elif first < last:
            found.append((first, last))
    return found


def _gaps(first: int, last: int, parts: Sequence[Interval]) -> Iterator[Interval]:
    """What of [first, last) lies before each part that is one, and behind the last."""
    for begins, behind in parts:
        if begins < behind:
            yield first, begins
            first = behind
    yield first, last


# -- what is known by now -------------------------------------------------------------------------------------------


def _so_far(term: Term, known: Mapping[int, Verdict], period: Window, as_of: int) -> tuple[int, int, Fraction]:
    """(the first slot that nothing is known of, slots that count before it, what is spent of them)."""
    if term.period.rolling is not None:
        return _so_far_of_rolling(term, known, period, as_of)
    verdict = known.get(period.start)
    if verdict is None:
        return max(period.first, min(as_of // term.indicator.slot, period.last)), 0, Fraction(0)
    missing = verdict.missing if term.indicator.missing == "exclude" else 0
    seen = verdict.good + verdict.bad + verdict.excluded + missing
    return period.first + seen, verdict.good + verdict.bad, _spent(term, verdict.spent)


def _spent(term: Term, text: str | None) -> Fraction:
    """What a verdict says is spent. It is cut off at so many places: of weights it is a multiple of what any of their
    sums goes into, unless that is too fine to tell."""
    spent = Fraction(text or 0)
    if term.members is None or term.members.rule != "mean":
        return spent
    sums = {0}
    for weight in term.weights:
        sums |= {one + weight for one in sums}
    parts = lcm(*(one for one in sums if one))
    return Fraction(round(spent * parts), parts) if parts < FINEST else spent


def _so_far_of_rolling(
    term: Term, known: Mapping[int, Verdict], period: Window, as_of: int
) -> tuple[int, int, Fraction]:
    """What of the newest window's evidence is still in the period."""
    width = term.indicator.slot
    verdict = known.get(max(known)) if known else None
    if verdict is None:
        return max(period.first, as_of // width), 0, Fraction(0)
    upto = max(verdict.period_end // width, period.first)
    begins = max(period.first, ceil_slot(verdict.period_start, width))
    bad, out = np.zeros(max(upto - begins, 0), np.bool_), np.zeros(max(upto - begins, 0), np.bool_)
    for e in verdict.evidence:
        part = slice(max(e.start // width - begins, 0), max(e.end // width - begins, 0))
        if e.kind == "bad":
            bad[part] = True
        elif e.kind == "excluded" or (e.kind == "missing" and term.indicator.missing == "exclude"):
            out[part] = True
    out &= ~bad
    return upto, len(out) - int(out.sum()), Fraction(int(bad.sum()))


# -- slots to come --------------------------------------------------------------------------------------------------


class _Slots:
    """The slots [first, last) in which the services `down` are bad and all others good: of each whether it counts, and
    what it spends. `as_run`: only where they make a run that is long enough."""

    def __init__(
        self,
        term: Term,
        exclusions: Sequence[Exclusion],
        first: int,
        last: int,
        down: Collection[str],
        *,
        as_run: bool = True,
    ) -> None:
        width = term.indicator.slot
        self._first = first
        self._kinds, self._table = _kinds(
            term, grants(term, exclusions, first * width, last * width), first, last, down
        )
        assert isinstance(term.indicator, Availability)
        is_weighed = term.members is not None and term.members.rule == "mean"
        if as_run and not is_weighed and self.spent(first, last) < term.indicator.consecutive:
            self._table = [(counts, Fraction(0)) for counts, _ in self._table]

    def eligible(self, first: int, last: int) -> int:
        """How many of [first, last) count."""
        return sum(number for number, (counts, _) in self._within(first, last) if counts)

    def spent(self, first: int, last: int) -> Fraction:
        """What those of [first, last) spend."""
        return sum((number * spends for number, (_, spends) in self._within(first, last)), Fraction(0))

    def _within(self, first: int, last: int) -> Iterator[tuple[int, tuple[bool, Fraction]]]:
        kinds = self._kinds[max(first - self._first, 0) : max(last - self._first, 0)]
        return zip(np.bincount(kinds, minlength=len(self._table)).tolist(), self._table, strict=True)


def _kinds(
    term: Term, granted: Grants, first: int, last: int, down: Collection[str]
) -> tuple[Numbers, list[tuple[bool, Fraction]]]:
    """Of each slot of [first, last) which kind it is, and of each kind whether it counts and what it spends."""
    whole = _excluded(granted.covered, first, last, term.indicator.slot)
    if term.members is None:
        return whole.astype(np.int64), [(True, Fraction(term.service in down)), (False, Fraction(0))]
    parts = [_excluded(covered, first, last, term.indicator.slot) for covered in granted.parts]
    different, kinds = np.unique(np.stack([whole, *parts]), axis=1, return_inverse=True)
    table = []
    for closed, *out in different.T.tolist():
        states: list[State] = [
            "excluded" if is_out else "bad" if name in down else "good"
            for name, is_out in zip(term.services, out, strict=True)
        ]
        state, spends = together(term.members, term.indicator.missing, states)
        table.append((False, Fraction(0)) if closed else (state in ("good", "bad"), spends))
    return kinds.reshape(-1).astype(np.int64), table


def _excluded(covered: Sequence[Interval], first: int, last: int, width: int) -> Flags:
    out = np.zeros(last - first, np.bool_)
    for start, end in covered:
        out[max(start // width - first, 0) : max(end // width - first, 0)] = True
    return out


def _eligible(term: Term, exclusions: Sequence[Exclusion], first: int, last: int) -> int:
    """How many slots of [first, last) count if everything is good."""
    width = term.indicator.slot
    if first >= last:
        return 0
    if term.members is not None:
        return _Slots(term, exclusions, first, last, ()).eligible(first, last)
    covered = grants(term, exclusions, first * width, last * width).covered
    return last - first - sum(max(min(e // width, last) - max(s // width, first), 0) for s, e in covered)
