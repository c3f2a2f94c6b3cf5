"""How often the true cause of an issue ranks first, and among the first three: ours against two baselines.

`python bench/causes.py --data DIR [--split train]` reads a folder laid out as the PetShop data set is and prints one
JSON object. For each scenario, which is a folder with a `graph.csv` (row calls column):

    <scenario>/graph.csv
    <scenario>/noissue/metrics.csv                normal operation (may be absent)
    <scenario>/<split>/issue_N/metrics.csv        around the issue; heads: microservice, metric, statistic
    <scenario>/<split>/issue_N/target.json        target: node, metric, agg; root_cause: node

`root_cause` is read only to count. As in the data set's own evaluation the cause is its node, whatever its metric.
`--explain` prints each issue's first three candidates with their reasons instead.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import numpy as np  # noqa: E402

from bench.causes_baselines import by_correlation, by_traversal  # noqa: E402
from upheld.analysis.causes import Candidate, rank_causes  # noqa: E402
from upheld.analysis.movement import Kind, Node, Reading, Values  # noqa: E402

KINDS: dict[str, Kind] = {"latency": "latency", "availability": "availability", "requests": "requests"}
MICROSECONDS = 1_000_000
Key = tuple[str, str, str]
Graph = dict[str, list[str]]


class LayoutError(Exception):
    """The folder is not laid out as it should be; says which file, and what is wrong with it."""


@dataclass(frozen=True)
class Metrics:
    times: list[int]
    """When each interval begins, in microseconds UTC."""
    columns: dict[Key, Values]


@dataclass(frozen=True)
class Issue:
    """An issue without its answer, and the answer."""

    scenario: str
    name: str
    graph: Graph
    nodes: dict[str, Node]
    """By means, which add up."""
    alike: dict[str, Node]
    """By the target's statistic, as the baselines take them."""
    target: str
    kind: Kind
    starts: Sequence[int]
    cause: str

    def candidates(self) -> list[Candidate]:
        symptom = self.alike[self.target][self.kind]
        return rank_causes(self.graph, self.nodes, self.target, self.kind, symptom=symptom, starts=self.starts)


def rankings(issue: Issue) -> dict[str, list[str]]:
    return {
        "ours": [candidate.node for candidate in issue.candidates()],
        "correlation": by_correlation(issue.graph, issue.alike, issue.target, issue.kind),
        "traversal": by_traversal(issue.graph, issue.alike, issue.target, issue.kind),
    }


def measured(data: Path, split: str) -> dict[str, Any]:
    """What the program prints: for each ranking the shares over all issues and over each scenario and metric."""
    ranks: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for issue in issues(data, split):
        for method, ranking in rankings(issue).items():
            rank = ranking.index(issue.cause) + 1 if issue.cause in ranking else float("inf")
            ranks[method][issue.scenario, issue.kind].append(rank)
    return {
        method: {
            **_shares([rank for found in groups.values() for rank in found]),
            "by": _nested({group: _shares(found) for group, found in sorted(groups.items())}),
        }
        for method, groups in ranks.items()
    }


def _shares(ranks: list[float]) -> dict[str, float]:
    return {f"top{k}": round(sum(rank <= k for rank in ranks) / len(ranks), 4) for k in (1, 3)} | {"issues": len(ranks)}


def _nested(groups: dict[tuple[str, str], dict[str, float]]) -> dict[str, dict[str, dict[str, float]]]:
    nested: dict[str, dict[str, dict[str, float]]] = {}
    for (scenario, metric), shares in groups.items():
        nested.setdefault(scenario, {})[metric] = shares
    return nested


# -- reading --------------------------------------------------------------------------------------------------------


def issues(data: Path, split: str) -> Iterator[Issue]:
    """The issues of every scenario that has the split. Raises LayoutError."""
    found = False
    if not data.is_dir():
        raise LayoutError(f"{data}: is not a folder")
    for place in sorted(p for p in data.iterdir() if (p / split).is_dir()):
        graph = _graph(place / "graph.csv")
        usual = place / "noissue" / "metrics.csv"
        normal = _metrics(usual) if usual.is_file() else Metrics([], {})
        for folder in sorted((p for p in (place / split).iterdir() if p.is_dir() and p.name[0] != "."), key=_number):
            found = True
            yield _issue(place.name, folder, graph, normal)
    if not found:
        raise LayoutError(f"{data}: no <scenario>/{split}/<issue>/ in it")


def _number(folder: Path) -> tuple[int, str]:
    digits = "".join(c for c in folder.name if c.isdigit())
    return int(digits or 0), folder.name


def _issue(scenario: str, folder: Path, graph: Graph, normal: Metrics) -> Issue:
    told, case = _told(folder / "target.json"), _metrics(folder / "metrics.csv")
    target, kind = told["target"]["node"], KINDS.get(told["target"]["metric"])
    if kind is None:
        raise LayoutError(f"{folder / 'target.json'}: target.metric is not one of {', '.join(KINDS)}")
    nodes, alike = _nodes(normal, case), _nodes(normal, case, kind, told["target"].get("agg"))
    if kind not in nodes.get(target, {}):
        raise LayoutError(f"{folder / 'metrics.csv'}: has no {kind} of the target {target}")
    return Issue(scenario, folder.name, graph, nodes, alike, target, kind, case.times, told["root_cause"]["node"])


def _nodes(normal: Metrics, case: Metrics, of_kind: Kind | None = None, by: str | None = None) -> dict[str, Node]:
    """Each node's indicators by their means; those of one kind by another statistic, where there is one."""
    offered: dict[tuple[str, Kind], list[str]] = defaultdict(list)
    for node, metric, statistic in [*case.columns, *normal.columns]:
        if metric in KINDS and statistic not in offered[node, KINDS[metric]]:
            offered[node, KINDS[metric]].append(statistic)
    nodes: dict[str, dict[Kind, Reading]] = {}
    for (node, kind), statistics in offered.items():
        wanted = by if kind == of_kind and by in statistics else "Average"
        key = node, kind, wanted if wanted in statistics else statistics[0]
        nothing = np.full(len(case.times), np.nan)
        nodes.setdefault(node, {})[kind] = Reading(normal.columns.get(key, np.empty(0)), case.columns.get(key, nothing))
    return dict(nodes)


def _told(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        for part, names in (("target", ("node", "metric")), ("root_cause", ("node",))):
            for name in names:
                if not isinstance(told[part][name], str):
                    raise LayoutError(f"{path}: {part}.{name} is not a text")
    except OSError as error:
        raise LayoutError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise LayoutError(f"{path}: is not JSON ({error})") from None
    except (KeyError, TypeError):
        raise LayoutError(f"{path}: needs target.node, target.metric and root_cause.node") from None
    return told  # type: ignore[no-any-return]


def _graph(path: Path) -> Graph:
    rows = _rows(path)
    if not rows or len(rows[0]) < 2:
        raise LayoutError(f"{path}: the first row does not name the nodes")
    names, graph = rows[0][1:], {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(names) + 1:
            raise LayoutError(f"{path}:{number}: has {len(row)} fields, and the first row {len(names) + 1}")
        weights = [_value(text, path, number) for text in row[1:]]
        graph[row[0]] = [name for name, weight in zip(names, weights, strict=True) if weight > 0]
    return graph


def _metrics(path: Path) -> Metrics:
    rows = _rows(path)
    if len(rows) < 4 or [row[0] for row in rows[:3]] != ["microservice", "metric", "statistic"]:
        raise LayoutError(f"{path}: the first rows are not the heads microservice, metric, statistic")
    keys = list(zip(*(row[1:] for row in rows[:3]), strict=False))
    numbered = [(number, row) for number, row in enumerate(rows[3:], start=4) if any(row[1:])]
    for number, row in numbered:
        if len(row) != len(keys) + 1:
            raise LayoutError(f"{path}:{number}: has {len(row)} fields, and the heads {len(keys) + 1}")
    values = np.array([[_value(text, path, number) for text in row] for number, row in numbered], dtype=float)
    values = values.reshape(len(numbered), len(keys) + 1)
    if not np.isfinite(values[:, 0]).all():
        raise LayoutError(f"{path}: a row has no time")
    times = [round(at * MICROSECONDS) for at in values[:, 0]]
    return Metrics(times, {key: values[:, i + 1] for i, key in enumerate(keys)})


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LayoutError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _value(text: str, path: Path, number: int) -> float:
    try:
        return float(text) if text.strip() else float("nan")
    except ValueError:
        raise LayoutError(f"{path}:{number}: {text!r} is not a number") from None


# -- the program ----------------------------------------------------------------------------------------------------


def explained(data: Path, split: str) -> Iterator[str]:
    for issue in issues(data, split):
        yield f"{issue.scenario}/{issue.name}: {issue.target} {issue.kind}, caused by {issue.cause}"
        for place, candidate in enumerate(issue.candidates()[:3], start=1):
            yield f"  {place}. {candidate.node} ({candidate.score:.2f})"
            yield from (f"     - {reason}" for reason in candidate.reasons)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the scenarios")
    parser.add_argument("--split", default="train", help="which issues: a folder of each scenario (default: train)")
    parser.add_argument("--explain", action="store_true", help="print the first three candidates with their reasons")
    given = parser.parse_args(arguments)
    try:
        if given.explain:
            print("\n".join(explained(given.data, given.split)))
        else:
            print(json.dumps(measured(given.data, given.split), indent=2))
    except LayoutError as error:
        print(f"causes: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
