"""Outages to come, drawn from those that were: how often a service fails and for how long. Pure.

Neither is known exactly, and an interval that took them for known would be too narrow: so the rate of outages is a
Gamma distribution (the conjugate of a Poisson process), and how long they last is a Dirichlet process, which draws
again what was seen, a little blurred, and now and then something else from a distribution with a long tail. An outage
that goes on is as long as those that had lasted at least as long already.

The paths into the future are drawn from a fixed seed: the same past gives the same paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from upheld.agreements.units import MINUTE
from upheld.assessment.verdict import Verdict

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
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Past:
    """What a service has done, in slots: how long each outage was that is over, how long the one is that goes on (0
    where none does), and how many slots were good."""

    lengths: tuple[int, ...]
    running: int
    good: int


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


def window_paths(past: Past, still_in: Numbers, allowed: int, slot: int, count: int = PATHS) -> tuple[Floats, Floats]:
    """`count` ways in which a trailing window may go on: after how many slots it first holds more than `allowed` that
    are bad, and after how many no more than that, each infinite where that does not come about. Of those that are bad
    in it now, `still_in[i]` are after i more slots; as far as that goes is looked. A way is told of the first where
    the budget is not overspent now, and of the second where it is."""
    draw = np.random.default_rng(SEED)
    rate, reach = _rates(draw, past, slot, count), len(still_in) - 1
    at, new = np.zeros(count), np.zeros(count)
    over, back = np.full(count, np.inf), np.full(count, np.inf)
    in_outage = still_in + np.arange(reach + 1)  # what leaves is made up for by what comes: it never falls
    length = _remaining(draw, past, slot, count)
    for _ in range(MOST_OUTAGES):
        length = np.minimum(length, reach - at)
        crosses = np.maximum(np.searchsorted(in_outage, allowed - new + at, "right"), at + 1)
        over = np.where(crosses <= at + length, np.minimum(over, crosses), over)
        new += length
        at += length
        begins = np.minimum(at + np.ceil(draw.exponential(1 / rate)), reach)
        returns = np.maximum(np.searchsorted(-still_in, new - allowed, "left"), at)
        back = np.where(returns <= begins, np.minimum(back, returns), back)
        at = begins
        if not (at < reach).any():
            break
        length = np.where(at < reach, _lengths(draw, past, slot, count), 0)
    return over, back


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
