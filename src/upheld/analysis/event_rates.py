"""Events to come of a ratio, drawn from the hours that were: how many, and how many of them bad. Pure.

Errors come in bursts, traffic by the time of day, and neither from a distribution that is known: so the future is put
together of stretches of the past (a stationary bootstrap), each from the same time of day on. How much a day of the
past weighs is drawn for each path (a Bayesian bootstrap), for the past is only one that might have been. What follows
at once is what followed hours like the last; and where it is worse than nearly all that was seen, it now and then goes
on longer than anything did. The same past gives the same paths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upheld.agreements.units import DAY, HOUR
from upheld.analysis.outages import OTHERWISE, PATHS, SEED

DAY_HOURS = 24
LEAST_DAYS = 3
"""Days of history below which nothing is said."""
STRETCH = 12
"""How many hours of the past follow each other in the mean before another stretch is drawn."""
WEIGHT = 0.5
"""The shape of a day's weight: below 1, for days are less independent than they are in number."""
DRIFT, DRIFT_WEIGHT = 0.25, 2.0
"""By how much a path is thought to be better or worse as a whole than the past (the deviation of its logarithm) before
anything is known, and how many weeks that weighs as much as."""
HALF_LIFE = 14
"""After how many days a day of the past counts half."""
ELEVATED = 10
"""An hour whose share of bad events is so many times that allowed is unlike one that is a little above it."""

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Hours:
    """What was counted in each hour up to now, the last at the end: whole days of them."""

    total: Numbers
    bad: Numbers

    @property
    def days(self) -> int:
        """How many days."""
        return len(self.total) // DAY_HOURS


def hours_of(time: Numbers, good: Numbers, total: Numbers, excluded: Sequence[tuple[int, int]], as_of: int) -> Hours:
    """The counts at these times (microseconds UTC, in order, all before `as_of`) by the hours up to `as_of`, from the
    first whole day on; without those in the `excluded` intervals."""
    counts = np.ones(len(time), np.bool_)
    for start, end in excluded:
        counts[np.searchsorted(time, start) : np.searchsorted(time, end)] = False
    time, good, total = time[counts], good[counts], total[counts]
    days = (as_of - int(time[0])) // DAY if len(time) else 0
    back = DAY_HOURS * days - 1 - (as_of - 1 - time) // HOUR
    inside = back >= 0
    sums = [np.zeros(DAY_HOURS * days, np.int64) for _ in range(2)]
    for filled, events in zip(sums, (total, total - good), strict=True):
        np.add.at(filled, back[inside], events[inside])
    return Hours(*sums)


def event_paths(hours: Hours, to_come: float, allowed: float, count: int = PATHS) -> tuple[Floats, Floats]:
    """`count` ways in which the next hours may go, the last in part where `to_come` is not whole: how many events there
    were by the end of each, and how many of them were bad; (path, hour). `allowed` is the share that may be bad."""
    draw = np.random.default_rng(SEED)
    steps = int(np.ceil(to_come))
    recent = 0.5 ** (np.arange(hours.days)[::-1] / HALF_LIFE)
    weights = np.cumsum(recent * draw.gamma(WEIGHT, 1.0, (count, hours.days)) + 1e-9, axis=1)
    weights /= weights[:, -1:]
    like, stays = _first(draw, hours, allowed, count)
    total, bad = np.zeros((count, steps)), np.zeros((count, steps))
    at, worse = like, np.exp(_drift(hours) * draw.standard_normal(count))
    for step in range(steps):
        leaps = (draw.random(count) < 1 / STRETCH) | (at >= len(hours.total) - 1)
        following = np.where(leaps, _leap(draw, weights, step), at + 1)
        at = np.where(stays > step, len(hours.total) - 1, following)
        total[:, step], bad[:, step] = hours.total[at], hours.bad[at]
    bad = np.minimum(draw.poisson(bad * worse[:, None]), total)
    whole = to_come - (steps - 1)
    total[:, -1] *= whole
    bad[:, -1] *= whole
    return np.cumsum(total, axis=1), np.cumsum(bad, axis=1)


def _first(draw: np.random.Generator, hours: Hours, allowed: float, count: int) -> tuple[Numbers, Floats]:
    """Of each path the hour that is like the last one, and for how many hours it first goes on as in the last."""
    kind = _kinds(hours, allowed)
    alike = np.flatnonzero(kind[:-1] == kind[-1])
    calm = kind[-1] == 0
    last = len(hours.total) - 1
    chosen = alike[draw.integers(len(alike), size=count)] if len(alike) else np.full(count, last)
    if calm:
        return chosen, np.zeros(count)
    run = int(np.argmax(kind[::-1] != kind[-1])) or len(kind)
    lasts = np.floor(run / np.maximum(draw.random(count), 1e-9) - run)
    unlike = draw.random(count) < OTHERWISE / (OTHERWISE + len(alike))
    return chosen, np.where(unlike, lasts, 0)


def _drift(hours: Hours) -> float:
    """How far from week to week the share of bad events goes up and down by more than chance (the deviation of its
    logarithm)."""
    days = hours.days // 7 * 7 * DAY_HOURS
    if days < 2 * 7 * DAY_HOURS:
        return DRIFT
    total, bad = (n[-days:].reshape(-1, 7 * DAY_HOURS).sum(axis=1) for n in (hours.total, hours.bad))
    logs = np.log((bad + 0.5) / (total + 1.0))
    seen = max(float(logs.var(ddof=1) - np.mean(1 / (bad + 0.5))), 0.0)
    weeks = len(logs) - 1
    return float(np.sqrt((DRIFT_WEIGHT * DRIFT**2 + weeks * seen) / (DRIFT_WEIGHT + weeks)))


def _kinds(hours: Hours, allowed: float) -> Numbers:
    """How each hour was: 0 within what is allowed, 1 above it, 2 far above."""
    share = hours.bad / np.maximum(hours.total, 1)
    return (share > allowed).astype(np.int64) + (share > ELEVATED * allowed)


def _leap(draw: np.random.Generator, weights: Floats, step: int) -> Numbers:
    """An hour of a day of the past, of the time of day that it is in so many hours."""
    day = (weights < draw.random(len(weights))[:, None]).sum(axis=1)
    return np.asarray(day * DAY_HOURS + step % DAY_HOURS, np.int64)
