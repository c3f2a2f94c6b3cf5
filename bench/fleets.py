"""Fleets and measurements for the benches of the kernel: many objectives of one agreement, and rows as they come in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import numpy.typing as npt

from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import DAY, MINUTE
from upheld.assessment import kernels
from upheld.assessment.columns import Rows
from upheld.assessment.fleet import Coded, Fleet, advance, open_fleet
from upheld.measurements.exclusions import Exclusion

START = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, in microseconds."""
AVAILABILITY: dict[str, object] = {"kind": "availability", "metric": "reachable", "good_when": ">= 1", "slot": "1m"}
RATIO: dict[str, object] = {"kind": "ratio", "metric": "requests", "slot": "5m"}


def terms_of(count: int, period: dict[str, str], indicator: dict[str, object] = AVAILABILITY) -> tuple[Term, ...]:
    """So many objectives, one for each service, with a soft threshold and a target."""
    agreement = Agreement.model_validate(
        {
            "id": "bench",
            "customer": "bench",
            "valid": {"from": "2025-01-01"},
            "services": ["s0"],
            "objectives": [
                {
                    "id": "promise",
                    "indicator": indicator,
                    "period": period,
                    "target": "99.9 %",
                    "warning": {"budget_spent": "75 %"},
                }
            ],
        }
    )
    (term,) = compile_terms([agreement])
    return tuple(replace(term, service=f"s{i}") for i in range(count))


def nothing_held(service: str, metric: str, start: int, end: int) -> Rows:
    """For benches whose rows all come in order: nothing has to be derived again."""
    none = np.zeros(0, np.int64)
    return Rows(none, np.zeros(0, np.float64), none, none, none)


def fleet_of(count: int, period: dict[str, str], indicator: dict[str, object] = AVAILABILITY) -> Fleet:
    """An open fleet, with an exclusion of an hour for each thousandth service."""
    fleet = open_fleet(terms_of(count, period, indicator), since=START, rows_of=nothing_held)
    excluded = [
        Exclusion(f"s{i}", START + 10 * MINUTE, START + 70 * MINUTE, "maintenance", "ann")
        for i in range(0, count, 1000)
    ]
    advance(fleet, None, START + 1, excluded)
    return fleet


def filled(fleet: Fleet, days: int) -> Fleet:
    """The fleet so many days later, as if each slot until then had been good: the window is full."""
    advance(fleet, None, START + days * DAY)
    for herd in fleet.herds:
        herd.ring[:] = kernels.ALL_GOOD
        herd.ring[np.arange(herd.done, herd.head) % len(herd.ring)] = 0
        herd.missing[:] = herd.excluded[:] = 0
        herd.alert[:] = 1
    return fleet


def minute_of(count: int, minute: int, seed: int, shuffled: bool = False) -> Coded:
    """The rows of one minute: each service reports once but for one in 500, and one row in 1,000 is bad. In the order
    of the services, or in none."""
    draw = np.random.default_rng(seed)
    series = np.flatnonzero(draw.random(count) > 0.002).astype(np.int32)
    if shuffled:
        draw.shuffle(series)
    at = np.full(len(series), START + minute * MINUTE, np.int64) + draw.integers(0, MINUTE, len(series))
    return Coded(series, at, (draw.random(len(series)) > 0.001).astype(np.float64))


def run_minutes(fleet: Fleet, minutes: list[Coded], first: int) -> tuple[float, int]:
    """CPU seconds (this thread's) to take in the minutes from number `first` on, each with its slot's end; and how many
    standings changed."""
    changes, began = 0, time.thread_time()
    for i, rows in enumerate(minutes):
        changes += len(advance(fleet, rows, START + (first + i + 1) * MINUTE))
    return time.thread_time() - began, changes


def paired(one: Callable[[], float], other: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """The medians of two measurements taken in turns, and the median of their ratios (one / other)."""
    pairs = [(one(), other()) for _ in range(rounds)]
    return median(a for a, _ in pairs), median(b for _, b in pairs), median(a / b for a, b in pairs)


def copy_of(rows: Coded) -> Callable[[], float]:
    """CPU seconds to copy the bytes of some rows once, into memory that is there already."""
    assert rows.value is not None
    columns: list[npt.NDArray[np.generic]] = [rows.series, rows.time, rows.value]
    into = [np.empty_like(column) for column in columns]
    for target in into:
        target[:] = 0

    def run() -> float:
        began = time.thread_time()
        for source, target in zip(columns, into, strict=True):
            np.copyto(target, source)
        return time.thread_time() - began

    return run
