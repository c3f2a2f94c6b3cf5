"""Ratios of events of services of five kinds, with four weeks of history and a month that is assessed: how well it is
foreseen how many are bad in the end, whether the promise is broken, and when the budget runs out. Their traffic goes by
the time of day. Errors are steady, in bursts, by the time of day too, drifting, or in bursts of a long tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.outlook import Draw
from upheld.analysis.event_rates import Hours, event_paths
from upheld.analysis.outlook import HIGH, LOW

MONTH, HISTORY = 30 * 24, 28 * 24
ALLOWED = 0.001
KINDS = ("steady", "in bursts", "by the time of day", "drifting", "bursts of a long tail")
Numbers = npt.NDArray[np.int64]


def _service(kind: str, draw: Draw) -> tuple[Numbers, Numbers]:
    """How many events each hour had, and how many of them were bad."""
    hour = np.arange(HISTORY + MONTH)
    usual = 2_000 * np.exp(draw.normal())
    total = draw.poisson(usual * (1 + 0.7 * np.sin(2 * np.pi * hour / 24))) + 1
    base = ALLOWED * np.exp(draw.normal(-1.2, 0.6))
    share = np.full(len(hour), base)
    match kind:
        case "in bursts":
            _burst(share, draw, 24 * 7, lambda: draw.exponential(3), lambda: np.exp(draw.normal(2.5, 1)))
        case "by the time of day":
            share *= 1 + 0.9 * np.sin(2 * np.pi * (hour - 6) / 24)
        case "drifting":
            walk = np.cumsum(draw.normal(0, 0.1 / np.sqrt(24), len(hour)))
            share *= np.exp(walk - walk[HISTORY])
        case "bursts of a long tail":
            _burst(share, draw, 24 * 14, lambda: draw.pareto(1.3), lambda: 5 * (1 + draw.pareto(1.0)))
    bad = draw.poisson(total * np.minimum(share, 1))
    return np.asarray(total, np.int64), np.asarray(np.minimum(bad, total), np.int64)


def _burst(share: npt.NDArray[np.float64], draw: Draw, gap: float, length: Any, height: Any) -> None:
    at = 1 + int(draw.exponential(gap))
    while at < len(share):
        lasts = 1 + int(length())
        share[at : at + lasts] = min(0.5, ALLOWED * height())
        at += lasts + 1 + int(draw.exponential(gap))


def _one(kind: str, draw: Draw) -> dict[str, Any]:
    total, bad = _service(kind, draw)
    so_far, spent = np.cumsum(total[HISTORY:]), np.cumsum(bad[HISTORY:])
    warned = np.flatnonzero((spent >= 0.75 * ALLOWED * so_far)[24 : MONTH - 24])
    at = 25 + int(warned[0]) if len(warned) else int(draw.integers(24, MONTH - 24))
    known = slice(HISTORY + at - HISTORY // 24 * 24, HISTORY + at)
    totals, bads = event_paths(Hours(total[known], bad[known]), MONTH - at, ALLOWED)
    missed = spent[at - 1] + bads > ALLOWED * (so_far[at - 1] + totals)
    low, high = np.quantile(bads[:, -1], (LOW, HIGH), method="inverted_cdf")
    came = int(spent[-1] - spent[at - 1])
    first = np.where(missed.any(axis=1), missed.argmax(axis=1), np.inf)
    over = np.flatnonzero((spent > ALLOWED * so_far)[at:])
    early, late = np.quantile(first, (LOW, HIGH), method="inverted_cdf")
    ran_out = float(over[0]) if len(over) else np.inf
    return {
        "kind": kind,
        "below": came < low,
        "above": came > high,
        "before": ran_out < early,
        "after": ran_out > late,
        "chance": float(missed[:, -1].mean()),
        "trend": float(spent[at - 1] > ALLOWED * so_far[at - 1]),
        "broken": bool(spent[-1] > ALLOWED * so_far[-1]),
    }


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    below, above, before, after = (
        float(np.mean([one[name] for one in found])) for name in ("below", "above", "before", "after")
    )
    chance, trend, broken = (
        np.array([one[name] for one in found], np.float64) for name in ("chance", "trend", "broken")
    )
    return {
        "services": len(found),
        "within": round(1 - below - above, 3),
        "below": round(below, 3),
        "above": round(above, 3),
        "runs out within": round(1 - before - after, 3),
        "brier": {
            "ours": round(float(np.mean((chance - broken) ** 2)), 4),
            "trend": round(float(np.mean((trend - broken) ** 2)), 4),
            "all alike": round(float(np.mean((broken.mean() - broken) ** 2)), 4),
        },
    }


def calibration(services: int, seed: int) -> dict[str, Any]:
    """The summary of `services` of each kind, over all and by kind."""
    draw = np.random.default_rng(seed)
    found = [_one(kind, draw) for kind in KINDS for _ in range(services)]
    by = {kind: _summary([one for one in found if one["kind"] == kind]) for kind in KINDS}
    return {**_summary(found), "by": by}
