"""B8: CPU grows with measurements and with objectives as they do, from 10 k to 1 M of each."""

from __future__ import annotations

from statistics import median

from bench.fleets import fleet_of, minute_of, run_minutes
from bench.table import Row

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 9


def run() -> list[Row]:
    """CPU for each measurement, its slot end included, over the sizes; linear is the same at each."""
    by_objectives = [_each(count, 1) for count in SIZES]
    by_measurements = [_each(10_000, minutes) for minutes in (1, 10, 100)]
    return [
        _row("objectives", by_objectives, SIZES),
        _row("measurements", by_measurements, SIZES),
    ]


def _each(objectives: int, minutes: int) -> float:
    """Nanoseconds of CPU for each measurement: the median of rounds of so many minutes."""
    fleet, first, found = fleet_of(objectives, {"rolling": "5m"}), 0, []
    repeats = max(100_000 // (objectives * minutes), 1)
    for _ in range(ROUNDS + 1):
        rows = [minute_of(objectives, first + i, first + i) for i in range(minutes * repeats)]
        found.append(run_minutes(fleet, rows, first)[0] / len(rows))
        first += len(rows)
    return median(found[1:]) * 1e9 / objectives


def _row(what: str, each: list[float], sizes: tuple[int, ...]) -> Row:
    told = ", ".join(f"{ns:.1f} ns at {size:,}" for ns, size in zip(each, sizes, strict=True))
    return Row(
        bar="B8",
        claim=f"CPU grows with {what} no more than linearly, within 15 %",
        ours=told,
        peer="the cost of each at the smallest size",
        ratio=max(each[1:]) / each[0],
        limit=1.15,
        at_most=True,
        note="CPU for each measurement, with slot ends, thresholds and changes",
    )
