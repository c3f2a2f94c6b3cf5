"""How well the outlook of a case is calibrated: `python -m bench.outlook [--services N] [--seed N]`.

Services of five kinds live through a quarter of history and a month that is assessed: outages that are short and
frequent, of a long tail, of two kinds, in bunches, and all of one length. Each is looked at once in the month: at the
end of a slot in which a case would be opened (three quarters of the budget spent) where there is one, else at any
slot. What the outlook says then is compared with what comes. One JSON object: `within` is how often the bad slots at
the month's end lay within the interval that is to hold four of five, `below` and `above` how often outside of it;
`brier` is the mean squared error of the chance that the promise is broken, for ours, for the present trend drawn out
to the end, and for the share that was broken in all (a forecast that knows nothing of the service); `reliability`
says of how many of those to which a chance was given it came about. `windows` and `events` tell the same of rolling
windows and of ratios: `bench.outlook_windows`, `bench.outlook_events`.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from upheld.agreements.units import MINUTE
from upheld.analysis.outages import Past, paths
from upheld.analysis.outlook import HIGH, LOW

MONTH, HISTORY = 43_200, 129_600
ALLOWED = 43
Flags = npt.NDArray[np.bool_]
Draw = np.random.Generator


def _gaps(draw: Draw, mean: float) -> int:
    return 1 + int(draw.exponential(mean))


def _alternating(draw: Draw, gap: Callable[[], int], length: Callable[[], float]) -> Flags:
    bad = np.zeros(HISTORY + MONTH, np.bool_)
    at = gap()
    while at < len(bad):
        lasts = max(int(length()), 1)
        bad[at : at + lasts] = True
        at += lasts + gap()
    return bad


def service(kind: str, draw: Draw) -> Flags:
    """Which slots of a quarter and a month are bad."""
    mean = float(np.exp(draw.normal(np.log(14 * 1440), 0.9)))
    match kind:
        case "short and frequent":
            return _alternating(draw, lambda: _gaps(draw, mean / 8), lambda: draw.exponential(4))
        case "of a long tail":
            return _alternating(draw, lambda: _gaps(draw, mean), lambda: 3 * (1 + draw.pareto(1.1)))
        case "of two kinds":
            return _alternating(
                draw, lambda: _gaps(draw, mean / 2), lambda: draw.exponential(120) if draw.random() < 0.2 else 2
            )
        case "in bunches":
            near = lambda: _gaps(draw, 90 if draw.random() < 0.6 else mean * 2)  # noqa: E731
            return _alternating(draw, near, lambda: np.exp(draw.normal(1.8, 0.8)))
    return _alternating(draw, lambda: _gaps(draw, mean), lambda: 15)


KINDS = ("short and frequent", "of a long tail", "of two kinds", "in bunches", "of one length")


def past_of(bad: Flags) -> Past:
    """What these slots tell of the past."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False])).astype(np.int8)))
    lengths = (edges[1::2] - edges[::2]).tolist()
    running = lengths.pop() if len(bad) and bad[-1] else 0
    return Past(tuple(lengths), running, int(len(bad) - bad.sum()))


def _looked_at(bad: Flags, draw: Draw) -> int:
    """After how many slots of the month it is looked at."""
    spent = np.cumsum(bad)
    warned = int(np.searchsorted(spent, ALLOWED * 0.75)) + 1
    return warned if warned < MONTH - 60 else int(draw.integers(1440, MONTH - 1440))


def _one(kind: str, draw: Draw) -> dict[str, Any]:
    bad = service(kind, draw)
    month = bad[HISTORY:]
    at = _looked_at(month, draw)
    spent, to_come = int(month[:at].sum()), MONTH - at
    future, overspent = paths(past_of(bad[: HISTORY + at]), to_come, ALLOWED - spent, MINUTE)
    low, high = np.quantile(future, (LOW, HIGH), method="inverted_cdf")
    came = int(month[at:].sum())
    return {
        "kind": kind,
        "below": came < low,
        "above": came > high,
        "chance": float(np.isfinite(overspent).mean()) if spent <= ALLOWED else 1.0,
        "trend": float(spent * MONTH / at > ALLOWED),
        "broken": bool(spent + came > ALLOWED),
    }


def _summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    below, above = (float(np.mean([one[name] for one in found])) for name in ("below", "above"))
    broken = np.array([one["broken"] for one in found], np.float64)
    chance = np.array([one["chance"] for one in found])
    trend = np.array([one["trend"] for one in found])
    bins = np.minimum((chance * 5).astype(int), 4)
    return {
        "services": len(found),
        "within": round(1 - below - above, 3),
        "below": round(below, 3),
        "above": round(above, 3),
        "brier": {
            "ours": round(float(np.mean((chance - broken) ** 2)), 4),
            "trend": round(float(np.mean((trend - broken) ** 2)), 4),
            "all alike": round(float(np.mean((broken.mean() - broken) ** 2)), 4),
        },
        "reliability": {
            f"{n * 20}-{n * 20 + 20} %": {
                "given": round(float(chance[bins == n].mean()), 3),
                "came": round(float(broken[bins == n].mean()), 3),
                "services": int((bins == n).sum()),
            }
            for n in range(5)
            if (bins == n).any()
        },
    }


def calibration(services: int, seed: int) -> dict[str, Any]:
    """The summary of `services` of each kind, over all and by kind."""
    draw = np.random.default_rng(seed)
    found = [_one(kind, draw) for kind in KINDS for _ in range(services)]
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found:
        by[one["kind"]].append(one)
    return {**_summary(found), "by": {kind: _summary(some) for kind, some in by.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=200, help="services of each kind")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    from bench import outlook_events, outlook_windows

    parts = {"periods": calibration, "windows": outlook_windows.calibration, "events": outlook_events.calibration}
    print(json.dumps({name: part(given.services, given.seed) for name, part in parts.items()}, indent=2))


if __name__ == "__main__":
    main()
