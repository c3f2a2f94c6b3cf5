"""A measurement, its identity, and the columns it travels in. DESIGN rules 1 and 2."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import copysign

import pyarrow as pa

from upheld.agreements.units import MINUTE

AHEAD = 10 * MINUTE
"""How far ahead of our clock a measurement may lie, where it is not set otherwise: clocks differ, but what is further
ahead was measured by none that runs right."""

COLUMNS = pa.schema(
    [
        pa.field("service", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("metric", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("time", pa.int64(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("good", pa.int64()),
        pa.field("total", pa.int64()),
        pa.field("known_at", pa.int64(), nullable=False),
    ]
)
"""A batch of measurements as an Arrow table. `time` and `known_at` in microseconds UTC; either `value` (finite) is
given, or `good` and `total` (0 <= good <= total) are."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value of a metric of a service at an instant; `known_at` is when we learnt of it (microseconds UTC)."""

    service: str
    metric: str
    time: int
    value: float | None = None
    good: int | None = None
    total: int | None = None
    known_at: int = 0

    @property
    def identity(self) -> tuple[str, str, int]:
        return self.service, self.metric, self.time


def _precedence(m: Measurement) -> tuple[int, float, int, int, bool, float]:
    """Orders measurements of one identity: the latest knowledge holds; at the same instant, the greatest figures do
    (a value before counts of nothing, 0.0 before -0.0), so that no order of arrival can matter."""
    sign = copysign(1.0, 0.0 if m.value is None else m.value)
    return m.known_at, m.value or 0.0, m.total or 0, m.good or 0, m.value is not None, sign


def holding(measurements: Iterable[Measurement]) -> dict[tuple[str, str, int], Measurement]:
    """The measurement that holds for each identity: a correction replaces what it corrects."""
    held: dict[tuple[str, str, int], Measurement] = {}
    for m in measurements:
        other = held.get(m.identity)
        if other is None or _precedence(m) > _precedence(other):
            held[m.identity] = m
    return held


def to_table(measurements: Iterable[Measurement]) -> pa.Table:
    """Measurements as a table of `COLUMNS`."""
    rows = list(measurements)
    return pa.table(
        {name: pa.array([getattr(m, name) for m in rows], _plain(COLUMNS.field(name).type)) for name in COLUMNS.names}
    ).cast(COLUMNS)


def from_table(table: pa.Table) -> list[Measurement]:
    """The inverse of `to_table`."""
    columns = [table.column(name).to_pylist() for name in COLUMNS.names]
    return [Measurement(*row) for row in zip(*columns, strict=True)]


def _plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_
