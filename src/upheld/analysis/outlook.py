"""What is to be expected of a promise that an open case is about: when its budget runs out or comes back, when an open
event is late, and what credit is at stake. Pure.

What a service did is drawn again into the future: outages (`outages`), or the counts of its hours (`event_rates`). Of
open events nothing is drawn: when they are late is known. Of what cannot be said honestly, why is said instead.
`python -m bench.outlook` shows how often what came lay within the interval.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from upheld.agreements.indicators import Commitments
from upheld.agreements.terms import Term
from upheld.agreements.units import HOUR, format_instant
from upheld.analysis.event_rates import LEAST_DAYS, Hours, event_paths
from upheld.analysis.outages import past_of, paths, window_paths
from upheld.assessment.credit import Earned, credits
from upheld.assessment.grants import grants
from upheld.assessment.reference_durations import counted_in
from upheld.assessment.verdict import Credit, Verdict
from upheld.measurements.exclusions import Exclusion

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
"""The interval holds four of five; ten of a hundred lie below it and ten above."""
NAMES = ("low", "middle", "high")

Floats = npt.NDArray[np.float64]
Instants = tuple[int | None, int | None, int | None]
NEVER: Instants = (None, None, None)


@dataclass(frozen=True, slots=True)
class Range:
    """What one of ten lies below, what one of two does, and what nine of ten do."""

    low: int
    middle: int
    high: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected up to `until`: the end of a period, or of a rolling window the instant at which all that
    is in it now has left. `chance` is how likely the budget is overspent: in a period at its end, of a window at any
    time. `runs_out`: the instants (microseconds UTC) by which one, five and nine of ten paths have overspent it;
    `recovers`: of a window that is overspent, by which they have it back; None where fewer do. `bad` is how many slots,
    or events, are bad in the end of a period, `credit` what is owed then, None where nothing is. `outages` and `good`
    say what it rests on: how many outages were seen, in how many good slots; of events, in how many hours."""

    counted: Literal["slots", "events"]
    until: int
    chance: float
    runs_out: Instants = NEVER
    recovers: Instants | None = None
    bad: Range | None = None
    credit: tuple[Credit | None, Credit | None, Credit | None] = (None, None, None)
    outages: int = 0
    good: int = 0
    share: float | None = None
    """Of events, which share was bad in the last day."""
    allowed: float | None = None
    """And which may be."""


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An event that has not closed: since when, by what it is told from others, when it is late (`due`), how much time
    is left of that by its clock, in microseconds, and whether the promise is broken by it alone, all else being as it
    is. Exact."""

    opened: int
    named: str
    due: int
    left: int
    breaks: bool


@dataclass(frozen=True, slots=True)
class OpenEvents:
    """The events that run, the one that is late first first."""

    events: tuple[OpenEvent, ...]


@dataclass(frozen=True, slots=True)
class NotForeseen:
    """Nothing is said, and why not."""

    why: str


AnyOutlook = Outlook | OpenEvents | NotForeseen


def outlook(
    term: Term,
    verdict: Verdict,
    earlier: Sequence[Verdict],
    as_of: int,
    hours: Hours | None = None,
    exclusions: Iterable[Exclusion] = (),
) -> AnyOutlook:
    """The outlook of a verdict that was assessed up to `as_of` (microseconds UTC). `earlier` are verdicts of the same
    promise in other periods; `hours` what was counted in the hours up to then, of a promise that `needs_hours`;
    `exclusions` those that stand, for which the clocks of open events do."""
    rolling = term.period.rolling is not None
    over = not rolling and as_of >= verdict.period_end
    if isinstance(term.indicator, Commitments):
        return _open_events(term, verdict, as_of, list(exclusions))
    if over or (verdict.final and not rolling):
        return NotForeseen("the period is over")
    match term.indicator.kind:
        case "aggregate":
            return NotForeseen("its figure is one over all values of the period, and how the values go on is not drawn")
        case "ratio":
            return _of_events(term, verdict, as_of, hours)
    if term.members is not None and term.members.rule != "redundant":
        return NotForeseen("the services of the group are weighed: they do not fail as one")
    return _of_window(term, verdict, as_of) if rolling else _of_period(term, verdict, earlier, as_of)


# -- slots, in a calendar period -----------------------------------------------------------------------------------


def _of_period(term: Term, verdict: Verdict, earlier: Sequence[Verdict], as_of: int) -> Outlook | NotForeseen:
    left = _slots_left(term, verdict)
    if left is None:
        return NotForeseen("no slot may be bad, or none is to come that counts")
    eligible, to_come = left
    assert isinstance(term.target, Fraction)
    past = past_of([*earlier, verdict], term.indicator.slot, as_of)
    allowed = ((1 - term.target) * eligible).__floor__()
    bad, overspent = paths(past, to_come, allowed - verdict.bad, term.indicator.slot)
    totals = [verdict.bad + round(end) for end in _quantiles(bad)]
    pace = Fraction(verdict.period_end - as_of, to_come)
    attained = [(Fraction(eligible - n, eligible), n * term.indicator.slot) for n in totals]
    return Outlook(
        counted="slots",
        until=verdict.period_end,
        chance=float(np.mean(np.isfinite(overspent))) if verdict.bad <= allowed else 1.0,
        runs_out=_instants(overspent, as_of, pace),
        bad=Range(*totals),
        credit=_credits(term, verdict, attained),
        outages=len(past.lengths) + (past.running > 0),
        good=past.good,
    )


def _slots_left(term: Term, verdict: Verdict) -> tuple[int, int] | None:
    """(slots that count in the whole period, those of them that are still to come); None where there are none."""
    assert isinstance(term.target, Fraction)
    allowed = 1 - term.target
    if verdict.budget is None or not allowed:
        return None
    eligible = round(Fraction(verdict.budget) / allowed)
    to_come = eligible - verdict.good - verdict.bad
    return (eligible, to_come) if to_come > 0 else None


# -- slots, in a rolling window ------------------------------------------------------------------------------------


def _of_window(term: Term, verdict: Verdict, as_of: int) -> Outlook | NotForeseen:
    slot, length = term.indicator.slot, term.period.rolling
    assert length is not None
    if term.service_hours is not None:
        return NotForeseen("outside of the service hours the window moves on, and nothing in it counts")
    if verdict.period_end - verdict.period_start < length:
        return NotForeseen("the window is not full yet: nothing leaves it")
    if verdict.budget is None:
        return NotForeseen("nothing was measured")
    past, allowed = past_of([verdict], slot, as_of), Fraction(verdict.budget).__floor__()
    over, back = window_paths(past, still_in(verdict, length // slot, slot), allowed, slot)
    overspent = verdict.bad > allowed
    return Outlook(
        counted="slots",
        until=verdict.period_end + length,
        chance=1.0 if overspent else float(np.mean(np.isfinite(over))),
        runs_out=NEVER if overspent else _instants(over, verdict.period_end, Fraction(slot)),
        recovers=_instants(back, verdict.period_end, Fraction(slot)) if overspent else None,
        outages=len(past.lengths) + (past.running > 0),
        good=past.good,
    )


def still_in(verdict: Verdict, length: int, slot: int) -> npt.NDArray[np.int64]:
    """Of the slots that are bad in a window of `length` slots now, how many are still in it after 0, 1, ... more."""
    leaves = np.zeros(length + 1, np.int64)
    for one in verdict.evidence:
        if one.kind == "bad":
            first, last = ((at - verdict.period_start) // slot for at in (one.start, one.end))
            leaves[max(first, 0) + 1 : last + 1] += 1
    return np.asarray(leaves.sum() - np.cumsum(leaves), np.int64)


# -- events: their share, and those that are open ------------------------------------------------------------------


def needs_hours(term: Term) -> bool:
    """Whether the outlook of a term rests on the counts of its hours."""
    return why_no_hours(term) is None


def why_no_hours(term: Term) -> str | None:
    """Why nothing is drawn from the hours of a ratio; None where it is."""
    indicator = term.indicator
    if indicator.kind != "ratio":
        return "it counts no events"
    if indicator.weighting != "events":
        return "each slot weighs the same, however many events it has: their share alone tells too little"
    if term.period.rolling is not None:
        return "of events that leave a rolling window, the counts are not kept with the verdict"
    if term.members is not None:
        return "the services of the group are counted together"
    if term.service_hours is not None:
        return "its hours count only in part: within the service hours"
    return None if isinstance(term.target, Fraction) and term.target < 1 else "no event may be bad"


def _of_events(term: Term, verdict: Verdict, as_of: int, hours: Hours | None) -> Outlook | NotForeseen:
    why = why_no_hours(term)
    if why is not None:
        return NotForeseen(why)
    if hours is None or hours.days < LEAST_DAYS or not hours.total.any():
        return NotForeseen(f"less than {LEAST_DAYS} days were counted before")
    assert isinstance(term.target, Fraction)
    allowed = float(1 - term.target)
    total, bad = event_paths(hours, (verdict.period_end - as_of) / HOUR, allowed)
    so_far = verdict.good + verdict.bad
    missed = verdict.bad + bad > allowed * (so_far + total)
    first = np.where(missed.any(axis=1), missed.argmax(axis=1) + 1.0, np.inf)
    ends, whole = verdict.bad + bad[:, -1], np.maximum(so_far + total[:, -1], 1)
    attained = [(Fraction(1 - share).limit_denominator(10**9), 0) for share in _quantiles(ends / whole)]
    overspent = verdict.bad > allowed * so_far
    last_day = int(hours.total[-24:].sum())
    return Outlook(
        counted="events",
        until=verdict.period_end,
        chance=float(missed[:, -1].mean()),
        runs_out=NEVER if overspent else _instants(first, as_of, Fraction(HOUR), verdict.period_end),
        bad=Range(*(round(end) for end in _quantiles(ends))),
        credit=_credits(term, verdict, attained),
        outages=0,
        good=len(hours.total),
        share=float(hours.bad[-24:].sum() / last_day) if last_day else None,
        allowed=allowed,
    )


def _open_events(term: Term, verdict: Verdict, as_of: int, exclusions: Sequence[Exclusion]) -> OpenEvents | NotForeseen:
    assert isinstance(term.target, Fraction)
    running = sorted((e.end, e.start, e.reason) for e in verdict.evidence if e.kind == "running" and e.end > as_of)
    if not running:
        return NotForeseen("no event is open that is not late")
    events = verdict.good + verdict.bad + len(running)
    breaks = verdict.bad <= (1 - term.target) * events < verdict.bad + 1
    return OpenEvents(
        tuple(
            OpenEvent(opened, reason.partition(": ")[0], due, _time_left(term, exclusions, as_of, due), breaks)
            for due, opened, reason in running
        )
    )


def _time_left(term: Term, exclusions: Sequence[Exclusion], as_of: int, due: int) -> int:
    """How long the clock of an event still runs up to when it is due: without what does not count."""
    assert isinstance(term.indicator, Commitments)
    if term.indicator.by_due:
        return due - as_of
    stands = grants(counted_in(term), exclusions, as_of, due).covered
    return due - as_of - sum(max(min(end, due) - max(start, as_of), 0) for start, end in stands)


# -- figures -------------------------------------------------------------------------------------------------------


def _quantiles(values: Floats) -> list[float]:
    return [float(value) for value in np.quantile(values, (LOW, MIDDLE, HIGH), method="inverted_cdf")]


def _instants(steps: Floats, as_of: int, pace: Fraction, latest: int | None = None) -> Instants:
    """The quantiles of after how many steps something came about, as instants. `pace` is how much time a step takes
    up: of a slot that counts more than its width where service hours or exclusions lie between."""
    low, middle, high = (
        min(as_of + int(step * pace), latest or 2**62) if np.isfinite(step) else None for step in _quantiles(steps)
    )
    return low, middle, high


def _credits(
    term: Term, verdict: Verdict, came_to: Sequence[tuple[Fraction, int]]
) -> tuple[Credit | None, Credit | None, Credit | None]:
    """What is owed where the period comes to each of these: the share attained, and the bad time."""
    period = verdict.period_start, verdict.period_end
    low, middle, high = (credits([Earned(term, period, attained, bad)])[0] for attained, bad in came_to)
    return low, middle, high


def to_document(found: AnyOutlook) -> dict[str, Any]:
    """The outlook as JSON has it: instants as RFC 3339, credits as {amount, currency} or None; of what is not foreseen
    why not."""
    if isinstance(found, NotForeseen):
        return {"not_foreseen": found.why}
    if isinstance(found, OpenEvents):
        return {"events": [_event(one) for one in found.events]}
    bad = found.bad
    return {
        "counted": found.counted,
        "until": format_instant(found.until),
        "chance": round(found.chance, 3),
        "runs_out": _three(found.runs_out),
        "recovers": None if found.recovers is None else _three(found.recovers),
        "bad": None if bad is None else dict(zip(NAMES, (bad.low, bad.middle, bad.high), strict=True)),
        "credit": dict(zip(NAMES, (_money(credit) for credit in found.credit), strict=True)),
        "interval": f"{HIGH - LOW:.0%}",
        "outages": found.outages,
        "good": found.good,
        "share": found.share,
        "allowed": found.allowed,
    }


def _event(one: OpenEvent) -> dict[str, Any]:
    return {
        "opened": format_instant(one.opened),
        "named": one.named,
        "due": format_instant(one.due),
        "left_seconds": one.left // 1_000_000,
        "breaks": one.breaks,
    }


def _three(instants: Instants) -> dict[str, str | None]:
    return dict(zip(NAMES, (None if at is None else format_instant(at) for at in instants), strict=True))


def _money(credit: Credit | None) -> dict[str, str] | None:
    return None if credit is None else {"amount": str(credit.amount), "currency": credit.currency}
