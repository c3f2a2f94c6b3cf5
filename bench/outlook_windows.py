"""Rolling windows of services as those of `bench.outlook`: how well it is foreseen when the budget of a window runs
out, and when one that is overspent has it back. `within` is how often that came within the interval that is to hold
four of five; what does not come about in the window's length counts as later than everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.outlook import KINDS, Draw, Flags, past_of, service
from upheld.agreements.units import MINUTE
from upheld.analysis.outages import window_paths
from upheld.analysis.outlook import HIGH, LOW

WINDOW, ALLOWED = 40_320, 40


def _one(kind: str, draw: Draw) -> list[dict[str, Any]]:
    """What is foreseen when three quarters of the budget are spent, and when it first is overspent."""
    bad = service(kind, draw)
    so_far = np.concatenate([np.zeros(WINDOW, np.int64), np.cumsum(bad)])
    within = so_far[WINDOW:] - so_far[:-WINDOW]
    can = np.arange(len(bad))
    can = (can >= WINDOW) & (can < len(bad) - WINDOW)
    near = np.flatnonzero(can & (within >= 0.75 * ALLOWED) & (within <= ALLOWED))
    any_time = np.flatnonzero(can & (within <= ALLOWED))
    over = np.flatnonzero(can & (within > ALLOWED))
    found = []
    if len(near) or len(any_time):
        at = int(near[0]) if len(near) else int(draw.choice(any_time))
        found.append(_look(kind, "runs out", bad, within, at))
    if len(over):
        found.append(_look(kind, "recovers", bad, within, int(over[0])))
    return found


def _look(kind: str, what: str, bad: Flags, within: npt.NDArray[np.int64], at: int) -> dict[str, Any]:
    window = bad[at + 1 - WINDOW : at + 1].astype(np.int64)
    still_in = window.sum() - np.concatenate([[0], np.cumsum(window)])
    paths = window_paths(past_of(bad[at + 1 - WINDOW : at + 1]), still_in, ALLOWED, MINUTE)
    steps = paths[0] if what == "runs out" else paths[1]
    came = within[at + 1 : at + 1 + WINDOW]
    reached = np.flatnonzero(came > ALLOWED if what == "runs out" else came <= ALLOWED)
    first = float(reached[0] + 1) if len(reached) else np.inf
    low, high = np.quantile(steps, (LOW, HIGH), method="inverted_cdf")
    return {
        "kind": kind,
        "what": what,
        "below": bool(first < low),
        "above": bool(first > high),
        "chance": float(np.isfinite(steps).mean()),
        "came": bool(np.isfinite(first)),
    }


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    below, above = (float(np.mean([one[name] for one in found])) for name in ("below", "above"))
    chance, came = (np.array([one[name] for one in found], np.float64) for name in ("chance", "came"))
    return {
        "looks": len(found),
        "within": round(1 - below - above, 3),
        "below": round(below, 3),
        "above": round(above, 3),
        "brier": {
            "ours": round(float(np.mean((chance - came) ** 2)), 4),
            "all alike": round(float(np.mean((came.mean() - came) ** 2)), 4),
        },
    }


def calibration(services: int, seed: int) -> dict[str, Any]:
    """The summary of `services` of each kind, for each thing that is foreseen, over all and by kind."""
    draw = np.random.default_rng(seed)
    found = [one for kind in KINDS for _ in range(services) for one in _one(kind, draw)]
    return {
        what: {
            **_summary([one for one in found if one["what"] == what]),
            "by": {
                kind: _summary(some)
                for kind in KINDS
                if (some := [one for one in found if (one["what"], one["kind"]) == (what, kind)])
            },
        }
        for what in ("runs out", "recovers")
    }
