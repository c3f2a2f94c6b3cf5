"""What is to be expected of a period that is not over: when its budget runs out, and what credit is at stake.

The past tells how often a service was bad and for how long. Neither is known exactly, and an interval that took them
for known would be too narrow: so the rate of outages is a Gamma distribution (the conjugate of a Poisson process),
and how long they last is a Dirichlet process, which draws again what was seen, a little blurred, and now and then
something else from a distribution with a long tail. An outage that goes on is as long as those that had lasted at
least as long already.

The paths into the future are drawn from a fixed seed: the same past gives the same outlook. `python -m bench.outlook`
shows how often what came lay within the interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from upheld.agreements.terms import Term
from upheld.agreements.units import MINUTE, format_instant
from upheld.assessment.credit import Earned, credits
from upheld.assessment.verdict import Credit, Verdict

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
"""The interval holds four of five; ten of a hundred lie below it and ten above."""
NAMES = ("low", "middle", "high")
PATHS = 2000
MOST_OUTAGES = 4000
SEED = 0x5570
USUAL_LENGTH = 15 * MINUTE
USUAL_RATE = 0.5
"""Outages in `USUAL_SPAN`: what is thought of a service of which nothing is known yet."""
USUAL_SPAN = 20_160 * MINUTE
TRUST = 0.5
"""How much of the past counts: outages come in bunches, and are fewer in truth than they are in number."""
OTHERWISE = 2.0
"""How many outages that were seen weigh as much as what was never seen."""
BLUR = 0.35
"""By how much an outage that was seen is drawn longer or shorter (the deviation of its logarithm)."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Past:
    """What a service has done, in slots: how long each outage was that is over, how long the one is that goes on (0
    where none does), and how many slots were good."""

    lengths: tuple[int, ...]
    running: int
    good: int


@dataclass(frozen=True, slots=True)
class Range:
    """What one of ten lies below, what one of two does, and what nine of ten do."""

    low: int
    middle: int
    high: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected by the end of a period. `chance` is how likely the budget is overspent then, a share.
    `runs_out`: the instants (microseconds UTC) by which one, five and nine of ten paths have overspent it; None where
    fewer do. `bad` is how many slots are bad in the end, `credit` what is owed then, None where nothing is. `outages`
    and `good` say what it rests on: how many outages were seen, in how many good slots."""

    chance: float
    runs_out: tuple[int | None, int | None, int | None]
    bad: Range
    credit: tuple[Credit | None, Credit | None, Credit | None]
    outages: int
    good: int


def outlook(term: Term, verdict: Verdict, earlier: Sequence[Verdict], as_of: int) -> Outlook | None:
    """The outlook of a verdict whose calendar period is not over at `as_of` (microseconds UTC), up to when it was
    assessed. `earlier` are verdicts of the same promise in other periods. None where that is no promise whose slots are
    good or bad: of ratios, aggregates, durations and weighted means, and of rolling windows, which can recover."""
    left = _slots_left(term, verdict, as_of)
    if left is None:
        return None
    eligible, to_come = left
    assert isinstance(term.target, Fraction)
    past = past_of([*earlier, verdict], term.indicator.slot, as_of)
    allowed = ((1 - term.target) * eligible).__floor__()
    bad, overspent = paths(past, to_come, allowed - verdict.bad, term.indicator.slot)
    ends = np.quantile(bad, (LOW, MIDDLE, HIGH), method="inverted_cdf")
    totals = [verdict.bad + round(float(end)) for end in ends]
    pace = Fraction(verdict.period_end - as_of, to_come)
    return Outlook(
        chance=float(np.mean(np.isfinite(overspent))) if verdict.bad <= allowed else 1.0,
        runs_out=_instants(overspent, as_of, pace),
        bad=Range(*totals),
        credit=_credits(term, verdict, eligible, totals),
        outages=len(past.lengths) + (past.running > 0),
        good=past.good,
    )


def _slots_left(term: Term, verdict: Verdict, as_of: int) -> tuple[int, int] | None:
    """(slots that count in the whole period, those of them that are still to come); None where there is no telling."""
    told = term.indicator.kind == "availability" and term.period.rolling is None
    by_slot = term.members is None or term.members.rule == "redundant"
    if not (told and by_slot and isinstance(term.target, Fraction)) or verdict.final or verdict.budget is None:
        return None
    allowed = 1 - term.target
    if not allowed or as_of >= verdict.period_end:
        return None
    eligible = round(Fraction(verdict.budget) / allowed)
    to_come = eligible - verdict.good - verdict.bad
    return (eligible, to_come) if to_come > 0 else None


def past_of(verdicts: Sequence[Verdict], slot: int, as_of: int) -> Past:
    """What the evidence of some verdicts tells of the past. An outage that goes over the end of a period is one."""
    found = sorted({(e.start, e.end) for v in verdicts for e in v.evidence if e.kind == "bad"})
    joined: list[tuple[int, int]] = found[:1]
    for (_, before), (start, end) in pairwise(found):
        if start <= before:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    goes_on = bool(joined) and joined[-1][1] > as_of - slot
    lengths = tuple(max((end - start) // slot, 1) for start, end in joined)
    running = lengths[-1] if goes_on else 0
    return Past(lengths[:-1] if goes_on else lengths, running, sum(v.good for v in verdicts))


def paths(past: Past, to_come: int, left: int, slot: int, count: int = PATHS) -> tuple[Floats, Floats]:
    """`count` ways in which the next `to_come` slots may go: how many of them are bad, and after how many slots more
    than `left` of them were (infinite where that does not come about)."""
    draw = np.random.default_rng(SEED)
    rate = _rates(draw, past, slot, count)
    at, bad, overspent = np.zeros(count), np.zeros(count), np.full(count, np.inf)
    length = _remaining(draw, past, slot, count)
    for _ in range(MOST_OUTAGES):
        length = np.minimum(length, to_come - at)
        crosses = (bad <= left) & (bad + length > left)
        overspent[crosses] = (at + (left + 1 - bad))[crosses]
        bad += length
        at += length + np.ceil(draw.exponential(1 / rate))
        if not (at < to_come).any():
            break
        length = np.where(at < to_come, _lengths(draw, past, slot, count), 0)
        at = np.minimum(at, to_come)
    return bad, overspent


def _rates(draw: np.random.Generator, past: Past, slot: int, count: int) -> Floats:
    """How many outages begin in a good slot."""
    seen = len(past.lengths) + (past.running > 0)
    shape, span = USUAL_RATE + TRUST * seen, USUAL_SPAN / slot + TRUST * past.good
    return np.asarray(np.maximum(draw.gamma(shape, 1 / span, count), 1e-12), np.float64)


def _usual(past: Past, slot: int) -> float:
    """The length that half of the outages exceed which are not like any that was seen."""
    logs = np.log(np.array([max(USUAL_LENGTH / slot, 1.0)] * 2 + list(past.lengths)))
    return float(np.exp(logs.mean()))


def _lengths(draw: np.random.Generator, past: Past, slot: int, count: int) -> Floats:
    """How long new outages are, in whole slots."""
    usual, seen = _usual(past, slot), np.array(past.lengths, np.float64)
    new = usual / np.maximum(draw.random(count), 1e-9) - usual
    if len(seen):
        like = seen[draw.integers(len(seen), size=count)] * np.exp(BLUR * draw.standard_normal(count))
        new = np.where(draw.random(count) < OTHERWISE / (OTHERWISE + len(seen)), new, like)
    return np.asarray(np.maximum(np.ceil(new), 1), np.float64)


def _remaining(draw: np.random.Generator, past: Past, slot: int, count: int) -> Floats:
    """How much longer the outage lasts that goes on; nothing where none does."""
    if not past.running:
        return np.zeros(count)
    usual, running = _usual(past, slot), past.running
    longer = np.array([length for length in past.lengths if length > running], np.float64)
    whole = (usual + running) / np.maximum(draw.random(count), 1e-9) - usual
    if len(longer):
        like = longer[draw.integers(len(longer), size=count)]
        unlike = OTHERWISE * usual / (usual + running)
        whole = np.where(draw.random(count) < unlike / (unlike + len(longer)), whole, like)
    return np.asarray(np.maximum(np.ceil(whole - running), 1), np.float64)


def _instants(overspent: Floats, as_of: int, pace: Fraction) -> tuple[int | None, int | None, int | None]:
    """The quantiles of when the budget was overspent. `pace` is how much time a slot that counts takes up: more than
    its width where service hours or exclusions lie between."""
    low, middle, high = (
        as_of + int(slots * pace) if np.isfinite(slots) else None
        for slots in np.quantile(overspent, (LOW, MIDDLE, HIGH), method="inverted_cdf")
    )
    return low, middle, high


def _credits(
    term: Term, verdict: Verdict, eligible: int, totals: Sequence[int]
) -> tuple[Credit | None, Credit | None, Credit | None]:
    period = verdict.period_start, verdict.period_end
    low, middle, high = (
        credits([Earned(term, period, Fraction(eligible - bad, eligible), bad * term.indicator.slot)])[0]
        for bad in totals
    )
    return low, middle, high


def to_document(found: Outlook) -> dict[str, Any]:
    """The outlook as JSON has it: instants as RFC 3339, credits as {amount, currency} or None."""
    runs_out, owed = found.runs_out, found.credit
    return {
        "chance": round(found.chance, 3),
        "runs_out": dict(zip(NAMES, (None if at is None else format_instant(at) for at in runs_out), strict=True)),
        "bad": dict(zip(NAMES, (found.bad.low, found.bad.middle, found.bad.high), strict=True)),
        "credit": dict(zip(NAMES, (_money(credit) for credit in owed), strict=True)),
        "interval": f"{HIGH - LOW:.0%}",
        "outages": found.outages,
        "good": found.good,
    }


def _money(credit: Credit | None) -> dict[str, str] | None:
    return None if credit is None else {"amount": str(credit.amount), "currency": credit.currency}
