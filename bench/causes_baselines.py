"""The two baselines of `bench/causes.py`, after those of the PetShop paper (Hardt et al. 2024). Both take the target's
metric alone, and call a node anomalous that is more than five deviations (median and MAD) from normal operation. Where
the paper's traversal gives no answer, for the target itself is not anomalous, ours walks all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from upheld.analysis.movement import Kind, Node, Reading, Values

ANOMALOUS = 5.0
FIRST = 2
"""The interval in which the paper looks first: it gives an issue two intervals to show."""


def by_correlation(calls: Mapping[str, Sequence[str]], nodes: Mapping[str, Node], target: str, kind: Kind) -> list[str]:
    """The anomalous nodes by the absolute correlation of their case with the target's, then the others by the same.
    The target itself is no candidate."""
    scores = _anomalies(nodes, target, kind)
    found = []
    for name, node in nodes.items():
        if name == target or kind not in node or kind not in nodes[target]:
            continue
        correlation = _correlation(nodes[target][kind].case, node[kind].case)
        if not np.isnan(correlation):
            found.append((name not in scores, -correlation, name))
    return [name for _, _, name in sorted(found)]


def by_traversal(calls: Mapping[str, Sequence[str]], nodes: Mapping[str, Node], target: str, kind: Kind) -> list[str]:
    """Walks from the target along the nodes that are anomalous in any interval of the case. First the nodes where the
    walk ends, that depend on no other anomalous one, then those it passed, each by its greatest deviation."""
    most = {n: float(max(_deviations(node[kind]), default=0.0)) for n, node in nodes.items() if kind in node}
    anomalous = {name for name, deviations in most.items() if deviations > ANOMALOUS} | {target}
    visited, queue = {target}, [target]
    while queue:
        for beneath in calls.get(queue.pop(), ()):
            if beneath in anomalous and beneath not in visited:
                visited.add(beneath)
                queue.append(beneath)
    passed = {n for n in visited if any(c in anomalous and c != n for c in calls.get(n, ()))}
    return sorted(visited, key=lambda n: (n in passed, -most.get(n, 0.0), n))


def _anomalies(nodes: Mapping[str, Node], target: str, kind: Kind) -> dict[str, float]:
    """The anomalous nodes with their scores; none where the target is not anomalous."""
    scores = {name: _deviations(node[kind]) for name, node in nodes.items() if kind in node}
    course = scores.get(target)
    if course is None:
        return {}
    at = next((i for i in range(FIRST, len(course)) if course[i] > ANOMALOUS), None)
    return {} if at is None else {name: float(s[at]) for name, s in scores.items() if s[at] > ANOMALOUS}


def _deviations(reading: Reading) -> Values:
    normal, case = reading.normal[np.isfinite(reading.normal)], reading.case
    if len(normal) < 10:
        return np.zeros(len(case))
    middle = np.median(normal)
    spread = 1.4826 * np.median(np.abs(normal - middle)) or np.std(normal)
    distance = np.nan_to_num(np.abs(case - middle))
    # As in the paper's code, a series that never changed is anomalous at once.
    return np.where(distance > 0, ANOMALOUS + distance, 0.0) if spread == 0 else distance / spread


def _correlation(a: Values, b: Values) -> float:
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(abs(np.corrcoef(a, b)[0, 1]))
