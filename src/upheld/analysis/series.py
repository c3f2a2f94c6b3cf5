"""Rows of the log as series: what was measured of one (service, metric), and what that says of how it was, interval by
interval. Instants in microseconds UTC."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from upheld.agreements.indicators import Aggregate, Availability
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound
from upheld.analysis.movement import Kind, Node, Reading, Values

Numbers = NDArray[np.int64]
Series = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was delivered of one series, by time, and of one instant as we learnt it. `value`, or `good` and `total`, is
    NaN, or -1, where it is not given; `sender` is "" where it is not known."""

    time: Numbers
    known_at: Numbers
    value: Values
    good: Numbers
    total: Numbers
    sender: NDArray[np.str_]

    def holding(self) -> "Measured":
        """Of each instant what we learnt last."""
        last = np.append(self.time[1:] != self.time[:-1], True) if len(self.time) else np.zeros(0, bool)
        return self.where(last)

    def where(self, which: NDArray[np.bool_] | Numbers) -> "Measured":
        fields = ("time", "known_at", "value", "good", "total", "sender")
        return replace(self, **{name: getattr(self, name)[which] for name in fields})

    def during(self, start: int, end: int) -> "Measured":
        return self.where((self.time >= start) & (self.time < end))


NOTHING = Measured(
    *(np.zeros(0, np.int64),) * 2, np.zeros(0), *(np.zeros(0, np.int64),) * 2, np.zeros(0, np.dtype("<U1"))
)


def measured(table: pa.Table) -> dict[Series, Measured]:
    """The rows of a table of `measurements.model.COLUMNS` and `source`, by their series."""
    if not table.num_rows:
        return {}
    table = table.unify_dictionaries().combine_chunks()
    columns = [table.column(name).combine_chunks() for name in ("service", "metric", "source")]
    services, metrics, sources = (np.array(c.dictionary.to_pylist() or [""], dtype=str) for c in columns)
    service, metric = (c.indices.to_numpy() for c in columns[:2])
    source = columns[2].indices.fill_null(-1).to_numpy(zero_copy_only=False)
    whole = Measured(
        time=table.column("time").to_numpy(),
        known_at=table.column("known_at").to_numpy(),
        value=table.column("value").fill_null(np.nan).to_numpy(),
        good=table.column("good").fill_null(-1).to_numpy(),
        total=table.column("total").fill_null(-1).to_numpy(),
        sender=np.where(source < 0, "", sources[np.maximum(source, 0)]),
    )
    code = service.astype(np.int64) * len(metrics) + metric
    order = np.lexsort((whole.known_at, whole.time, code))
    cuts = np.flatnonzero(np.diff(code[order])) + 1
    return {
        (str(services[code[rows[0]] // len(metrics)]), str(metrics[code[rows[0]] % len(metrics)])): whole.where(rows)
        for rows in np.split(order, cuts)
    }


@dataclass(frozen=True, slots=True)
class Grid:
    """Intervals of `step`: `normal` of them from `start` on before a case, and `case` around it."""

    start: int
    step: int
    normal: int
    case: int

    @property
    def case_start(self) -> int:
        return self.start + self.normal * self.step

    @property
    def end(self) -> int:
        return self.case_start + self.case * self.step


def node_of(found: Iterable[tuple[Term, Measured]], grid: Grid) -> Node:
    """What is known of a service by what some promises read of it; of two of one kind the first counts."""
    node: dict[Kind, Reading] = {}
    for term, rows in found:
        for kind, reading in _readings(term, rows.holding().during(grid.start, grid.end), grid):
            node.setdefault(kind, reading)
    return node


def kind_of(term: Term) -> Kind:
    """Of which kind a promise's series is: what should be low is `latency`, all else `availability` in percent."""
    target = term.target
    is_low = isinstance(term.indicator, Aggregate) and isinstance(target, Bound) and target.operator in ("<=", "<")
    return "latency" if is_low else "availability"


def _readings(term: Term, rows: Measured, grid: Grid) -> list[tuple[Kind, Reading]]:
    metric, interval = term.indicator.metric, (rows.time - grid.start) // grid.step
    if isinstance(term.indicator, Availability) and term.indicator.good_when is not None:
        good = np.array([term.indicator.good_when.holds(value) for value in rows.value.tolist()], np.float64)
        return [("availability", _reading(_means(100 * good, interval, grid), grid, metric))]
    if isinstance(term.indicator, Aggregate) and isinstance(term.target, Bound):
        if kind_of(term) == "latency":
            return [("latency", _reading(_means(rows.value, interval, grid), grid, metric))]
        # In percent of what is promised, so that less is worse by as much as it falls short.
        share = 100 * np.clip(rows.value / max(float(term.target.limit), 1e-12), 0, 1)
        return [("availability", _reading(_means(share, interval, grid), grid, metric))]
    total, good = _sums(np.maximum(rows.total, 0), interval, grid), _sums(np.maximum(rows.good, 0), interval, grid)
    share = 100 * np.divide(good, total, out=np.full(len(total), np.nan), where=total > 0)
    counts = np.where(_sums(rows.total >= 0, interval, grid) > 0, total, np.nan)
    return [("availability", _reading(share, grid, metric)), ("requests", _reading(counts, grid, metric))]


def _reading(values: Values, grid: Grid, name: str) -> Reading:
    return Reading(values[: grid.normal], values[grid.normal :], name)


def _means(values: Values, interval: Numbers, grid: Grid) -> Values:
    known = np.isfinite(values)
    count = _sums(known, interval, grid)
    found: Values = np.full(len(count), np.nan)
    np.divide(_sums(np.where(known, values, 0.0), interval, grid), count, out=found, where=count > 0)
    return found


def _sums(values: NDArray[np.generic], interval: Numbers, grid: Grid) -> Values:
    found: Values = np.zeros(grid.normal + grid.case)
    np.add.at(found, interval, np.asarray(values, np.float64))
    return found
