"""Writes a folder of issues with a known cause, in the layout that `bench/causes.py` reads, from simulated call graphs.

`python bench/simulated_causes.py DIR [--seed N] [--scenarios N] [--issues N]`. Each scenario is another random
graph of 12 to 40 nodes under its own load, a day of normal operation, and issues of six
kinds, in leaves, in the middle and in the target itself:

- `latency`: a node answers later; `errors`: a node fails; `slow_start`: it gets worse and worse through the case;
- `throughout`: the case holds no interval from before it began;
- `overload`: a client sends a node several times as much, and it and what it calls get slower under it;
- `unseen`: as `latency`, in a node of which nothing is measured but the caller's view.

As in life, levels have drifted between normal operation and the case, values are missing, some calls are asynchronous,
and some are measured a second time from the caller's side.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
KINDS = ("latency", "errors", "slow_start", "throughout", "overload", "unseen")
STEP, DAY, CASE = 300, 288, 5
START = 1_700_000_000 // STEP * STEP


@dataclass
class World:
    """A call graph: node 0 is the target, and a node calls only those behind it."""

    names: list[str]
    often: Values
    """Calls of the column for each request of the row."""
    waits: NDArray[np.bool_]
    """Whether the row waits for the column's answer, and fails with it."""
    latency: Values
    views: list[tuple[int, int]]
    """Calls that are measured from the caller's side too: (caller, called)."""
    unseen: set[int]
    load: float


def world(random: np.random.Generator, unseen: bool) -> World:
    n = int(random.integers(12, 41))
    often = np.zeros((n, n))
    for child in range(1, n):
        for parent in random.choice(child, size=min(child, int(random.choice([1, 1, 1, 2, 3]))), replace=False):
            often[parent, child] = random.uniform(0.2, 2.0)
    edges = [(int(a), int(b)) for a, b in np.argwhere(often > 0)]
    views = [edge for edge in edges if random.random() < 0.25]
    hidden = {int(i) for i in range(1, n) if unseen and random.random() < 0.15}
    names = [f"service-{i}" for i in random.permutation(n)]
    waits = (often > 0) & (random.random((n, n)) < 0.85)
    return World(names, often, waits, random.lognormal(-4, 1.0, n), views, hidden, random.uniform(100, 2000))


def run(
    w: World, random: np.random.Generator, rows: int, slower: Values, failing: Values, extra: Values, drift: Values
) -> dict[tuple[str, str, str], Values]:
    """What is measured over some intervals; `slower` factors of own latency, `failing` own error rates, `extra`
    requests from outside, all (rows, nodes)."""
    n = len(w.names)
    requests, usual = np.zeros((rows, n)), np.zeros(n)
    requests[:, 0], usual[0] = w.load * random.lognormal(0, 0.05, rows), w.load
    requests += extra
    for i in range(n):
        requests += random.poisson(np.outer(requests[:, i], w.often[i]))
        usual += usual[i] * w.often[i]
    busy = np.maximum(1.0, requests / np.maximum(usual, 1.0) / 1.5) ** 2
    latency = w.latency * drift * slower * busy * random.lognormal(0, 0.05, (rows, n))
    error = np.clip(failing + 0.0005, 0, 1)
    for i in reversed(range(n)):
        for c in np.flatnonzero(w.waits[i]):
            latency[:, i] += w.often[i, c] * latency[:, c]
            error[:, i] = 1 - (1 - error[:, i]) * (1 - error[:, c]) ** min(w.often[i, c], 1.0)
    out: dict[tuple[str, str, str], Values] = {}
    for i, name in enumerate(w.names):
        if i not in w.unseen:
            _measure(out, name, requests[:, i], latency[:, i], error[:, i], random)
    for a, b in w.views:
        count = np.floor(requests[:, a] * w.often[a, b] * random.uniform(0.05, 0.5))
        _measure(out, f"{w.names[a]} to {w.names[b]}", count, latency[:, b] * 1.1 + 0.002, error[:, b], random)
    return out


def _measure(
    out: dict[tuple[str, str, str], Values],
    name: str,
    requests: Values,
    latency: Values,
    error: Values,
    random: np.random.Generator,
) -> None:
    count = np.floor(requests)
    some = np.maximum(count, 1)
    seen = latency * np.exp(random.normal(0, 0.5, len(latency)) / np.sqrt(some))
    good = 100 * (1 - random.binomial(count.astype(int), error) / some)
    missing = (random.random(len(count)) < 0.02) | (count == 0)
    out[name, "requests", "Sum"] = count
    out[name, "latency", "Average"] = np.where(missing, np.nan, seen)
    out[name, "latency", "p95"] = np.where(missing, np.nan, seen * 2.5 * random.lognormal(0, 0.1, len(seen)))
    out[name, "availability", "Average"] = np.where(missing, np.nan, good)


def issue(
    w: World, random: np.random.Generator, kind: str, cause: int, strength: float
) -> dict[tuple[str, str, str], Values]:
    course = {
        "slow_start": np.array([0, 0.25, 0.5, 0.75, 1.0]),
        "throughout": np.ones(CASE),
    }.get(kind, np.array([0, 1.0, 1.0, 1.0, random.choice([0.0, 1.0])]))
    n = len(w.names)
    slower, failing, extra = np.ones((CASE, n)), np.zeros((CASE, n)), np.zeros((CASE, n))
    if kind == "errors":
        failing[:, cause] = course * min(0.9, 0.02 * strength)
    elif kind == "overload":
        extra[:, cause] = course * w.load * strength * max(0.5, float(w.often[:, cause].sum()))
    else:
        slower[:, cause] = 1 + course * strength
    return run(w, random, CASE, slower, failing, extra, random.lognormal(0, 0.1, n))


def write(folder: Path, seed: int, scenarios: int, issues: int) -> int:
    """Writes the issues of which the target shows something; returns how many."""
    written = 0
    for s in range(scenarios):
        random = np.random.default_rng([seed, s])
        w = world(random, unseen=s % 2 == 1)
        n, none = len(w.names), np.zeros((DAY, len(w.names)))
        normal = run(w, random, DAY, none + 1, none, none, np.ones(n))
        place = folder / f"simulated_{s}"
        _write_graph(place, w)
        _write_metrics(place / "noissue", normal, START)
        number = 0
        for _ in range(issues * 20):
            kind = str(random.choice(KINDS))
            cause = int(random.integers(0, n))
            if (kind == "unseen") != (cause in w.unseen):
                continue
            found = issue(w, random, kind, cause, float(random.uniform(2, 12)))
            metric = "availability" if kind == "errors" else "latency"
            if not _shows(w.names[0], metric, normal, found):
                continue
            at = START + (DAY + 100 * (number + 1)) * STEP
            _write_metrics(place / "train" / f"issue_{number}", found, at)
            target = {"node": w.names[0], "metric": metric, "agg": "Average", "timestamp": at + STEP}
            told = {
                "target": target,
                "root_cause": {"node": w.names[cause], "metric": None},
                "metadata": {"kind": kind},
            }
            (place / "train" / f"issue_{number}" / "target.json").write_text(json.dumps(told) + "\n")
            number, written = number + 1, written + 1
            if number == issues:
                break
    return written


def _shows(
    target: str, metric: str, normal: dict[tuple[str, str, str], Values], case: dict[tuple[str, str, str], Values]
) -> bool:
    usual, found = normal[target, metric, "Average"], case[target, metric, "Average"]
    sign = -1 if metric == "availability" else 1
    return bool(np.nanmax(sign * found) > np.nanmedian(sign * usual) + 6 * np.nanstd(usual))


def _write_graph(place: Path, w: World) -> None:
    place.mkdir(parents=True, exist_ok=True)
    seen = [f"{w.names[a]} to {w.names[b]}" for a, b in w.views]
    names = w.names + seen
    with (place / "graph.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["", *names])
        for i, name in enumerate(names):
            calls = [float(i < len(w.names) and w.often[i, j] > 0) for j in range(len(w.names))]
            out.writerow([name, *calls, *(float(i == a) for a, _ in w.views)])


def _write_metrics(place: Path, found: dict[tuple[str, str, str], Values], start: int) -> None:
    place.mkdir(parents=True, exist_ok=True)
    with (place / "metrics.csv").open("w", newline="") as file:
        out = csv.writer(file)
        for level, head in enumerate(("microservice", "metric", "statistic")):
            out.writerow([head, *(key[level] for key in found)])
        out.writerow(["unix_timestamp", *("" for _ in found)])
        for i, row in enumerate(zip(*found.values(), strict=True)):
            out.writerow([float(start + i * STEP), *("" if np.isnan(v) else f"{v:.9g}" for v in row)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenarios", type=int, default=20)
    parser.add_argument("--issues", type=int, default=15)
    given = parser.parse_args()
    print(f"{write(given.folder, given.seed, given.scenarios, given.issues)} issues in {given.folder}")


if __name__ == "__main__":
    main()
