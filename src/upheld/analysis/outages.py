"""Outages to come, drawn from those that were: how often a service fails and for how long. Pure.

Neither is known exactly, and an interval that took them for known would be too narrow: so the rate of outages is a
Gamma distribution (the conjugate of a Poisson process), and how long they last is a Dirichlet process, which draws
again what was seen, a little blurred, and now and then something else from a distribution with a long tail. An outage
that goes on is as long as those that had lasted at least as long already.

The paths into the future are drawn from a fixed seed: the same past gives the same paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

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
    bad, overspent = paths_of_many([past], [to_come], [left], [slot], count)
    return bad[0], overspent[0]


def paths_of_many(
    pasts: Sequence[Past], to_come: Sequence[int], left: Sequence[int], slots: Sequence[int], count: int
) -> tuple[Floats, Floats]:
    """As `paths`, of many at once, in a row each: only those paths are gone on with that have not come to their end."""
    draw, many = np.random.default_rng(SEED), _Pasts(pasts, slots)
    rows = np.repeat(np.arange(len(pasts)), count)
    ends, most = np.array(to_come, np.float64), np.array(left, np.float64)
    rate = many.rates(draw, rows)
    at, bad, overspent = np.zeros(len(rows)), np.zeros(len(rows)), np.full(len(rows), np.inf)
    going, length = np.arange(len(rows)), many.remaining(draw, rows)
    for _ in range(MOST_OUTAGES):
        of = rows[going]
        length = np.minimum(length, ends[of] - at[going])
        crosses = (bad[going] <= most[of]) & (bad[going] + length > most[of])
        over = going[crosses]
        overspent[over] = at[over] + (most[rows[over]] + 1 - bad[over])
        bad[going] += length
        at[going] += length + np.ceil(draw.standard_exponential(len(going)) / rate[going])
        going = going[at[going] < ends[of]]
        if not len(going):
            break
        length = many.lengths(draw, rows[going])
    shape = len(pasts), count
    return bad.reshape(shape), overspent.reshape(shape)


def window_paths(past: Past, still_in: Numbers, allowed: int, slot: int, count: int = PATHS) -> tuple[Floats, Floats]:
    """`count` ways in which a trailing window may go on: after how many slots it first holds more than `allowed` that
    are bad, and after how many no more than that, each infinite where that does not come about. Of those that are bad
    in it now, `still_in[i]` are after i more slots; as far as that goes is looked. A way is told of the first where
    the budget is not overspent now, and of the second where it is."""
    draw, own, row = np.random.default_rng(SEED), _Pasts([past], [slot]), np.zeros(count, np.int64)
    rate, reach = own.rates(draw, row), len(still_in) - 1
    at, new = np.zeros(count), np.zeros(count)
    over, back = np.full(count, np.inf), np.full(count, np.inf)
    in_outage = still_in + np.arange(reach + 1)  # what leaves is made up for by what comes: it never falls
    length = own.remaining(draw, row)
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
        length = np.where(at < reach, own.lengths(draw, row), 0)
    return over, back


class _Pasts:
    """Pasts in columns. `_shape` and `_span` are those of the rate's Gamma distribution; `_usual` is the length that
    half of the outages exceed which are not like any that was seen."""

    def __init__(self, pasts: Sequence[Past], slots: Sequence[int]) -> None:
        seen = np.array([len(past.lengths) for past in pasts], np.float64)
        self._running = np.array([past.running for past in pasts], np.float64)
        width = np.array(slots, np.float64)
        good = np.array([past.good for past in pasts], np.float64)
        self._shape = USUAL_RATE + TRUST * (seen + (self._running > 0))
        self._span = USUAL_SPAN / width + TRUST * good
        usual = np.log(np.maximum(USUAL_LENGTH / width, 1.0))
        logs = np.array([np.log(past.lengths).sum() if past.lengths else 0.0 for past in pasts])
        self._usual: Floats = np.exp((2 * usual + logs) / (2 + seen))
        self._lengths = _Ragged([past.lengths for past in pasts])
        self._longer = _Ragged([[n for n in past.lengths if n > past.running] for past in pasts])

    def rates(self, draw: np.random.Generator, rows: Numbers) -> Floats:
        """How many outages begin in a good slot."""
        return np.asarray(np.maximum(draw.standard_gamma(self._shape[rows]) / self._span[rows], 1e-12), np.float64)

    def lengths(self, draw: np.random.Generator, rows: Numbers) -> Floats:
        """How long new outages are, in whole slots."""
        usual, seen = self._usual[rows], self._lengths.counts[rows]
        new = usual / np.maximum(draw.random(len(rows)), 1e-9) - usual
        like = self._lengths.any_of(draw, rows) * np.exp(BLUR * draw.standard_normal(len(rows)))
        new = np.where(draw.random(len(rows)) < OTHERWISE / (OTHERWISE + seen), new, like)
        return np.asarray(np.maximum(np.ceil(new), 1), np.float64)

    def remaining(self, draw: np.random.Generator, rows: Numbers) -> Floats:
        """How much longer the outage lasts that goes on; nothing where none does."""
        left = np.zeros(len(rows))
        on = np.flatnonzero(self._running[rows])
        rows = rows[on]
        usual, running, longer = self._usual[rows], self._running[rows], self._longer.counts[rows]
        whole = (usual + running) / np.maximum(draw.random(len(rows)), 1e-9) - usual
        like = self._longer.any_of(draw, rows)
        unlike = OTHERWISE * usual / (usual + running)
        whole = np.where(draw.random(len(rows)) < unlike / (unlike + longer), whole, like)
        left[on] = np.maximum(np.ceil(whole - running), 1)
        return left


class _Ragged:
    """Numbers of figures, of which one is drawn; of a row without any, nothing that counts."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self.counts = np.array([len(row) for row in rows], np.int64)
        self._first = np.cumsum(self.counts) - self.counts
        self._flat = np.array([*chain.from_iterable(rows), 1], np.float64)

    def any_of(self, draw: np.random.Generator, rows: Numbers) -> Floats:
        found: Floats = self._flat[self._first[rows] + (draw.random(len(rows)) * self.counts[rows]).astype(np.int64)]
        return found
