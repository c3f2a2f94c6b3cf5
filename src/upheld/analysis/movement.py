"""How an indicator moved to the bad side while the target of a case was bad, against what is usual for it.

What is usual comes from two places. The intervals of the case in which the target was well are the nearest witness: a
level that has drifted since normal operation was recorded drifts there too. Where the case holds no such intervals,
normal operation has to do. How much each counts is read off the target itself (`Course.within`). By how much an
indicator varies always comes from normal operation. Floats: nothing here decides a verdict or money.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Kind = Literal["latency", "availability", "requests"]
HARMFUL: tuple[Kind, ...] = ("latency", "availability")
"""Kinds that are bad for who asks."""

NOTABLE = 3.0
"""Deviations at which a movement counts half."""
LEAST = 0.05
"""The least deviation, as a share of the usual value: what never moved in normal operation is not infinitely unusual
once it does."""
ENOUGH_QUIET = 0.5
"""Intervals in which the target was well that it takes to say from them what is usual."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One indicator of a node, in normal operation and around the case, a value for each interval: `latency` in
    seconds (or any unit, the same for all), `availability` in percent, `requests` as counts. NaN: not measured. `name`
    is what it is called to people, where that says more than its kind; `latency` is then in the unit of its metric."""

    normal: Values
    case: Values
    name: str = ""


Node = Mapping[Kind, Reading]


@dataclass(frozen=True, slots=True)
class Movement:
    """`before` and `during` the target's harm; by how many robust deviations it moved to the bad side; `harm` is how
    many seconds were waited, or requests failed, or came, more in each interval; `since` is the first interval of the
    case past half of the movement. `new`: it was not measured in normal operation, though the target was."""

    before: float = math.nan
    during: float = math.nan
    deviations: float = 0.0
    harm: float = 0.0
    since: int | None = None
    new: bool = False
    name: str = ""

    @property
    def is_known(self) -> bool:
        return not math.isnan(self.before)

    @property
    def unusual(self) -> float:
        """In [0, 1]: 0 where nothing moved, one half at `NOTABLE` deviations."""
        d = max(0.0, self.deviations)
        return d * d / (d * d + NOTABLE * NOTABLE)


STILL = Movement()


@dataclass(frozen=True, slots=True)
class Course:
    """When the target was bad: a weight in [0, 1] for each interval of the case. `within`: how much of its rise is to
    be seen within the case, 1 where it began well, 0 where it was bad throughout."""

    weights: Values
    within: float
    measured: bool = True
    """Whether the target was measured in normal operation."""


def course_of(target: Node, kind: Kind, intervals: int) -> Course:
    """When a target was bad by one of its indicators; throughout, where it is not measured."""
    reading = target.get(kind)
    known = np.isfinite(reading.case) if reading is not None else np.zeros(intervals, bool)
    if reading is None or not known.any():
        return Course(np.ones(intervals), 0.0)
    bad = _sign(kind) * reading.case
    low, high = float(bad[known].min()), float(bad[known].max())
    weights = np.where(known, (bad - low) / (high - low) if high > low else 1.0, 0.0)
    measured = bool(np.isfinite(reading.normal).any())
    rise = movement_of(target, kind, Course(weights, 1.0, measured)).deviations
    level = movement_of(target, kind, Course(weights, 0.0, measured)).deviations
    return Course(weights, min(1.0, max(0.0, rise / level)) if level > 0 else 1.0, measured)


def movement_of(node: Node, kind: Kind, course: Course) -> Movement:
    """How one indicator of a node moved as the target did; `STILL` where that is not known."""
    reading = node[kind]
    normal, known = reading.normal[np.isfinite(reading.normal)], np.isfinite(reading.case)
    during = _weighted(reading.case, np.where(known, course.weights, 0.0))
    before = _before(reading.case, normal, known, course)
    new = course.measured and not len(normal)
    if new and kind == "availability" and math.isnan(before):
        before = 100.0
    if math.isnan(during) or math.isnan(before):
        return STILL
    count, usually = _counts(node.get("requests"), course)
    match kind:
        case "latency":
            spread, weight = max(_spread(normal), LEAST * abs(before)), count
            if 0 < count < usually:
                spread *= math.sqrt(usually / count)
        case "availability":
            failed = max(1.0, count * (100 - before) / 100)
            spread, weight = max(_spread(normal), 100 * math.sqrt(failed) / max(count, 1.0)), count / 100
        case "requests":
            spread, weight = max(_spread(normal), math.sqrt(max(before, 1.0)), LEAST * abs(before)), 1.0
    moved = _sign(kind) * (during - before)
    past_half = known & (_sign(kind) * (reading.case - before) >= moved / 2)
    since = int(np.argmax(past_half)) if moved > 0 and past_half.any() else None
    return Movement(before, during, moved / spread if spread > 0 else 0.0, moved * weight, since, new, reading.name)


def _before(case: Values, normal: Values, known: NDArray[np.bool_], course: Course) -> float:
    quiet = np.where(known, 1 - course.weights, 0.0)
    within = _weighted(case, quiet) if quiet.sum() > ENOUGH_QUIET else math.nan
    usual = float(np.median(normal)) if len(normal) else within
    return usual if math.isnan(within) else course.within * within + (1 - course.within) * usual


def _counts(requests: Reading | None, course: Course) -> tuple[float, float]:
    """Requests in an interval while the target was bad, and in normal operation; a hundred where none are counted, so
    that a percent of availability is one request."""
    if requests is None:
        return 100.0, 100.0
    count = _weighted(requests.case, np.where(np.isfinite(requests.case), course.weights, 0.0))
    normal = requests.normal[np.isfinite(requests.normal)]
    count = 0.0 if math.isnan(count) else count
    return count, float(np.median(normal)) if len(normal) else count


def _weighted(values: Values, weights: Values) -> float:
    total = float(weights.sum())
    return float(np.dot(np.where(weights > 0, values, 0.0), weights)) / total if total > 0 else math.nan


def _spread(values: Values) -> float:
    """A robust standard deviation: the wider of that by the middle half and that by nine tenths; 0 for no values."""
    if not len(values):
        return 0.0
    p5, p25, p75, p95 = np.percentile(values, [5, 25, 75, 95])
    return float(max((p75 - p25) / 1.349, (p95 - p5) / 3.290))


def _sign(kind: Kind) -> int:
    return -1 if kind == "availability" else 1
