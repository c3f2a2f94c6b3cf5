"""Figures over values: mean, min, max, sum and percentiles at many slot ends at once. DESIGN rule 5.

A nearest-rank percentile meets a bound where enough values do, so that counting decides and nothing is sorted; a
sketched one too, for the figures that stand for the values' buckets are in the order of the values."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from upheld.agreements.indicators import Aggregate
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound
from upheld.assessment.budget import Course
from upheld.assessment.columns import Series, fitting, rows_in
from upheld.assessment.exact import Flags, Floats, FloatSums, Numbers, exact_figure, scaled
from upheld.assessment.reference import PLACES, Standing
from upheld.assessment.sketch import RELATIVE_ERROR, cuts, stand_in
from upheld.assessment.timeline import EXCLUDED, Span


@dataclass(frozen=True, slots=True)
class Values:
    """Values in order of time, and the number of the slot each lies in."""

    slot: Numbers
    value: Floats


def values_in(term: Term, series: Series, span: Span) -> Values:
    """The values of a span's slots that are not excluded."""
    rows = fitting(term, rows_in(term, series, span.first, span.first + len(span)))
    slot = rows.time // term.indicator.slot
    counts = span.state[slot - span.first] != EXCLUDED
    return Values(slot, rows.value) if counts.all() else Values(slot[counts], rows.value[counts])


def calendar_course(term: Term, values: Values) -> Course:
    """The course of a calendar window over the ends of its slots that have values."""
    slot = values.slot
    ends = np.flatnonzero(np.concatenate([slot[1:] != slot[:-1], [True]])) + 1 if len(slot) else slot
    return _course(term, values.value, slot[ends - 1], np.zeros(len(ends), np.int64), ends)


def rolling_course(term: Term, values: Values, number: Numbers, length: int) -> Course:
    """The course of a rolling window of `length` slots over the ends of the slots `number` (not empty)."""
    starts = np.searchsorted(values.slot, number - length + 1)
    ends = np.searchsorted(values.slot, number, "right")
    return _course(term, values.value, number, starts, ends)


def _course(term: Term, values: Floats, number: Numbers, starts: Numbers, ends: Numbers) -> Course:
    indicator, target = term.indicator, term.target
    assert isinstance(indicator, Aggregate)
    assert isinstance(target, Bound)
    soft = term.warning.target if term.warning else None
    missed, at_risk = np.zeros(len(number), np.bool_), np.zeros(len(number), np.bool_)
    measured = np.flatnonzero(ends > starts)
    if len(measured):
        bounds = [target, soft] if isinstance(soft, Bound) else [target]
        met = _met(indicator, bounds, values, starts[measured], ends[measured])
        missed[measured] = ~met[0]
        at_risk[measured] = ~np.logical_and.reduce(met)
    if not len(number) or ends[-1] == starts[-1]:
        return Course(number, missed, at_risk, Standing(False, False, None))
    now = values[starts[-1] : ends[-1]]
    figure, error = figure_of(indicator.aggregate, now), None
    if isinstance(figure, float) and _is_sketched(indicator, len(now)):
        figure, error = stand_in(figure), RELATIVE_ERROR
    standing = Standing(bool(missed[-1]), bool(at_risk[-1]), figure, relative_error=error)
    return Course(number, missed, at_risk, standing)


def _met(indicator: Aggregate, bounds: list[Bound], values: Floats, starts: Numbers, ends: Numbers) -> list[Flags]:
    """For each bound, where the figure of values[start:end] meets it."""
    name = indicator.aggregate
    if name in ("mean", "sum"):
        sums = FloatSums(values)
        return [sums.hold(bound, starts, ends, mean=name == "mean") for bound in bounds]
    ranks = _ranks(name, ends - starts)
    sketched = ends - starts > indicator.exact_up_to if _is_sketched(indicator, len(values)) else None
    return [_rank_holds(bound, values, starts, ends, ranks, sketched) for bound in bounds]


def _is_sketched(indicator: Aggregate, count: int) -> bool:
    """Whether the figure of so many values comes from a sketch."""
    return indicator.aggregate.startswith("p") and count > indicator.exact_up_to


def _ranks(name: str, counts: Numbers) -> Numbers:
    """The nearest rank, from 1 on, of the figure among so many ordered values."""
    match name:
        case "min":
            return np.ones(len(counts), np.int64)
        case "max":
            return counts
    share = _percentile(name)
    ranks = -(-scaled(counts, share.numerator) // share.denominator)
    return np.maximum(ranks.astype(np.int64), 1)


def _percentile(name: str) -> Fraction:
    return Fraction(name[1:]) / 100


def _rank_holds(
    bound: Bound, values: Floats, starts: Numbers, ends: Numbers, ranks: Numbers, sketched: Flags | None
) -> Flags:
    """Whether the value of that rank, or where `sketched` what stands for it, meets the bound: so many values are below
    the limit, or up to it."""
    limit = float(bound.limit)
    below = _among(values < limit, starts, ends)
    up_to = _among(values <= limit, starts, ends)
    if sketched is not None:
        first, second = cuts(limit)
        below = np.where(sketched, _among(values < first, starts, ends), below)
        up_to = np.where(sketched, _among(values < second, starts, ends), up_to)
    match bound.operator:
        case "<=":
            return up_to >= ranks
        case "<":
            return below >= ranks
        case ">":
            return up_to < ranks
        case ">=":
            return below < ranks
        case "==":
            return (below < ranks) & (ranks <= up_to)
        case "!=":
            return (below >= ranks) | (ranks > up_to)


def _among(flags: Flags, starts: Numbers, ends: Numbers) -> Numbers:
    counts = np.concatenate([[0], np.cumsum(flags)])
    among: Numbers = counts[ends] - counts[starts]
    return among


def figure_of(name: str, values: Floats) -> float | Fraction:
    """The aggregate of values in order of time (at least one), printed as `reference.aggregate` is."""
    match name:
        case "sum" | "mean":
            return exact_figure(values, mean=name == "mean", places=PLACES)
    rank = int(_ranks(name, np.array([len(values)]))[0])
    figure = float(np.partition(values, rank - 1)[rank - 1])
    if figure == 0:  # 0.0 and -0.0 are alike, and stand in order of time
        figure = float(values[np.argsort(values, kind="stable")[rank - 1]])
    return figure
