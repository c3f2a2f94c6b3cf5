"""Which node most likely caused what a case is about: a ranking with a score and reasons that a person can check.

A node is a service, a part of one, or what it runs over; the graph says what each depends on. Lateness and errors
travel from the node that is asked to the node that asks, load the other way. So the cause is a node that got worse as
the target did, by enough to matter to it, and by more than its dependencies and its callers' load account for. The
score of a measured node is a product of shares in [0, 1]:

- `unusual`: by how many deviations of normal operation it moved to the bad side (`movement`);
- `enough`: its harm, seconds waited or requests failed, against the target's (the square root, for harm is diluted on
  its way by calls that are not made each time);
- `own`: the part of its harm that its dependencies do not account for;
- `unsent`: the part that more load from its callers does not account for;
- `linked`: how unusual the least unusual node is on the best way from the target to it.

A node of which nothing is measured is judged by the nodes that depend on it: by how many of them got worse without
another explanation. `docs/analysis.md` tells all of it in plain words, with an example.
"""

import math
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from upheld.agreements.units import format_instant
from upheld.analysis.movement import HARMFUL, STILL, Kind, Movement, Node, Reading, course_of, movement_of

OTHER_KIND = 0.5
"""What harm of another kind than the target's counts: errors where the target is late, or the reverse."""
KEPT = 0.1
"""What a node keeps of its harm however much its dependencies account for: what is accounted for is an estimate."""
MUCH_LOAD = 0.5
"""More requests, as a share of the usual ones, that count fully as more load."""
UNLINKED = 0.1
"""What a node counts on which the target does not depend by the graph, for graphs have gaps."""
SELECTED = 0.5
"""What the target itself counts: that it is bad is why we look, and no evidence against it."""
SILENT = 0.1
"""The share of its usual requests below which a node counts as one of which nothing is heard."""
NEWCOMER = 0.5
"""What a node counts that was not there in normal operation: that it is called at all is its caller's doing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node that may be the cause, its score in [0, 1], and what speaks for it, a sentence each."""

    node: str
    score: float
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Evidence:
    target: str
    kind: Kind
    calls: Mapping[str, Sequence[str]]
    callers: Mapping[str, Sequence[str]]
    moved: Mapping[str, Mapping[Kind, Movement]]
    states: Mapping[str, float]
    starts: Sequence[int]
    load: dict[str, float] = field(default_factory=dict)
    sent: dict[str, float] = field(default_factory=dict)

    def movement(self, name: str, kind: Kind) -> Movement:
        return self.moved.get(name, {}).get(kind, STILL)

    def is_measured(self, name: str) -> bool:
        """Whether there is something to judge a node by itself. One that was not called is judged too; one that was
        called in normal operation, and of which nothing is heard now, is not."""
        requests = self.movement(name, "requests")
        called = requests.is_known and not (requests.before >= 1 and requests.during < SILENT * requests.before)
        return name in self.states or called or any(m.is_known for m in self._harms(name))

    def unusual(self, name: str) -> float:
        """How unusual a node was by any of its indicators, or by what else is known of it."""
        return max([self.states.get(name, 0.0), *(m.unusual for m in self._harms(name))])

    def _harms(self, name: str) -> Iterator[Movement]:
        return (m for k, m in self.moved.get(name, {}).items() if k in HARMFUL)


def rank_causes(
    calls: Mapping[str, Collection[str]],
    nodes: Mapping[str, Node],
    target: str,
    kind: Kind,
    *,
    symptom: Reading | None = None,
    states: Mapping[str, float] | None = None,
    starts: Sequence[int] = (),
    among: Collection[str] | None = None,
) -> list[Candidate]:
    """Every node, or those `among` which the cause is looked for, the likeliest first; those of one score by their
    distance from the target and by name.

    `calls`: what each node depends on. `nodes`: what was measured of each, over the same intervals of the case.
    `kind`: the target's indicator that went bad. `symptom`: its series that says when, where that is another than the
    target's in `nodes`: harm adds up in means, and not in percentiles. `states`: how bad a node was, in [0, 1], where
    that is known without a series. `starts`: when each interval begins (microseconds UTC), for the reasons."""
    graph = {name: sorted(set(found) - {name}) for name, found in calls.items()}
    intervals = max((len(r.case) for node in nodes.values() for r in node.values()), default=1)
    seen = nodes.get(target, {})
    course = course_of(seen if symptom is None else {**seen, kind: symptom}, kind, intervals)
    moved = {name: {k: movement_of(node, k, course) for k in node} for name, node in nodes.items()}
    evidence = _Evidence(target, kind, graph, _reversed(graph), moved, states or {}, starts)
    everyone = {target, *nodes, *graph, *evidence.callers}
    evidence.load = {name: _load(evidence.movement(name, "requests")) for name in everyone}
    evidence.sent = {
        name: evidence.load[name] * max((evidence.load[c] for c in evidence.callers.get(name, ())), default=0.0)
        for name in everyone
    }
    steps, linked = _steps(graph, target), _linked(evidence)
    found = [_candidate(evidence, name, linked.get(name)) for name in (everyone if among is None else among)]
    return sorted(found, key=lambda c: (-c.score, steps.get(c.node, len(everyone)), c.node))


def _candidate(evidence: _Evidence, name: str, linked: float | None) -> Candidate:
    if evidence.is_measured(name):
        score, reasons = _measured(evidence, name)
    else:
        score, reasons = _judged_by_others(evidence, name)
    if name == evidence.target:
        score *= SELECTED
    if linked is None:
        score, reasons = score * UNLINKED, [*reasons, f"by the graph {evidence.target} does not depend on it"]
    elif linked < 0.5 and name != evidence.target:
        reasons = [*reasons, f"what lies between {evidence.target} and it hardly changed"]
    return Candidate(name, score * (1.0 if linked is None else linked), tuple(reasons) if score > 0 else ())


# -- nodes that are measured ----------------------------------------------------------------------------------------


def _measured(evidence: _Evidence, name: str) -> tuple[float, list[str]]:
    """The score by the node's worst indicator, and what it rests on."""
    shared = 1 - max((_by_others(evidence, c, but=name) for c in _unmeasured_beneath(evidence, name)), default=0.0)
    unsent = 1 - evidence.sent[name]
    best, worst = evidence.states.get(name, 0.0) * shared, None
    for kind in HARMFUL:
        m = evidence.movement(name, kind)
        if m.harm <= 0:
            continue
        score = m.unusual * math.sqrt(_enough(evidence, kind, m)) * _own(evidence, name, kind) * unsent * shared
        score *= (1.0 if kind == evidence.kind else OTHER_KIND) * (NEWCOMER if m.new else 1.0)
        if score > best:
            best, worst = score, kind
    if worst is None:
        return best, ["was bad at the same time"] if best > 0 else []
    return best, list(_reasons(evidence, name, worst))


def _enough(evidence: _Evidence, kind: Kind, movement: Movement) -> float:
    whole = evidence.movement(evidence.target, kind).harm
    return min(1.0, movement.harm / whole) if kind == evidence.kind and whole > 0 else 1.0


def _own(evidence: _Evidence, name: str, kind: Kind) -> float:
    """What part of a node's harm its dependencies do not account for. A dependency that was given more load by the node
    is no excuse for it, nor is one that it did not have before."""
    harm = evidence.movement(name, kind).harm
    beneath = sum(_handed_up(evidence, c, kind) for c in evidence.calls.get(name, ()))
    return max(KEPT, 1 - beneath / harm) if harm > 0 else KEPT


def _handed_up(evidence: _Evidence, name: str, kind: Kind) -> float:
    m = evidence.movement(name, kind)
    return 0.0 if m.new else max(0.0, m.harm) * m.unusual * (1 - evidence.sent[name])


def _load(requests: Movement) -> float:
    """How far a node was asked more than usual, in [0, 1]."""
    if requests.harm <= 0:
        return 0.0
    return requests.unusual * min(1.0, requests.harm / (MUCH_LOAD * max(requests.before, 1.0)))


# -- nodes of which nothing is measured -----------------------------------------------------------------------------


def _judged_by_others(evidence: _Evidence, name: str) -> tuple[float, list[str]]:
    witnesses = _witnesses(evidence, name)
    score = _by_others(evidence, name)
    bad = [w for w in witnesses if evidence.unusual(w) >= 0.5]
    those = f"{len(bad)} of the {len(witnesses)} measured that depend on it got worse"
    text = f"nothing is measured of it; {those} when {evidence.target} did"
    return score, [text] if bad else []


def _by_others(evidence: _Evidence, name: str, but: str | None = None) -> float:
    """How bad a node must be by what depends on it: each that got worse without another explanation speaks for it, each
    that did not against it, and one voice is held back, for a single witness may be the cause itself."""
    witnesses = [w for w in _witnesses(evidence, name) if w != but]
    return sum(_unexplained(evidence, w) for w in witnesses) / (len(witnesses) + 1)


def _unexplained(evidence: _Evidence, name: str) -> float:
    """How unusual a measured node was by what neither its dependencies nor its callers' load account for."""
    parts = [evidence.movement(name, k).unusual * _own(evidence, name, k) for k in HARMFUL]
    return max([evidence.states.get(name, 0.0), *parts]) * (1 - evidence.sent[name])


def _witnesses(evidence: _Evidence, name: str) -> list[str]:
    """The measured nodes that depend on a node, directly or by way of others that are not measured."""
    return _reach(evidence, name, evidence.callers, measured=True)


def _unmeasured_beneath(evidence: _Evidence, name: str) -> list[str]:
    """What a node depends on that is not measured, directly or by way of others that are not."""
    return _reach(evidence, name, evidence.calls, measured=False)


def _reach(evidence: _Evidence, name: str, edges: Mapping[str, Sequence[str]], *, measured: bool) -> list[str]:
    found: dict[str, bool] = {}
    queue = [name]
    while queue:
        for other in edges.get(queue.pop(), ()):
            if other not in found and other != name:
                found[other] = evidence.is_measured(other)
                if not found[other]:
                    queue.append(other)
    return sorted(other for other, is_measured in found.items() if is_measured is measured)


# -- the reasons, in words ------------------------------------------------------------------------------------------


def _reasons(evidence: _Evidence, name: str, kind: Kind) -> Iterator[str]:
    m = evidence.movement(name, kind)
    since = ""
    if m.since is not None and m.since < len(evidence.starts):
        since = f", from {format_instant(evidence.starts[m.since])} on"
    unusual = f"{m.deviations:.0f} deviations of normal operation{since}"
    yield f"{in_words(kind, m)} while {evidence.target} was bad: {unusual}"
    if m.new:
        yield "it was not called in normal operation"
    whole = evidence.movement(evidence.target, kind).harm
    if name != evidence.target and kind == evidence.kind and whole > 0:
        what = "requests failed" if kind == "availability" else m.name or "s waited"
        yield f"{m.harm:.3g} {what} more in each interval, against {whole:.3g} of {evidence.target}"
    beneath = [c for c in evidence.calls.get(name, ()) if evidence.movement(c, kind).is_known]
    worst = max(beneath, key=lambda c: _handed_up(evidence, c, kind), default=None)
    part = 1 - _own(evidence, name, kind)
    if worst is not None and part >= 0.005:
        yield f"what it depends on accounts for {part:.0%} of that, {worst} for most"
    elif beneath:
        yield f"nothing that it depends on accounts for it ({len(beneath)} measured)"
    yield from _load_reasons(evidence, name)


def _load_reasons(evidence: _Evidence, name: str) -> Iterator[str]:
    if evidence.load[name] < 0.5:
        return
    m = evidence.movement(name, "requests")
    asked = f"it was asked {m.during:.0f} times in each interval instead of {m.before:.0f}"
    yield f"{asked}, which its callers' own load {'accounts' if evidence.sent[name] >= 0.5 else 'does not account'} for"


def in_words(kind: Kind, movement: Movement) -> str:
    """How an indicator moved, with its unit as far as that is known: `rtt_ms went from 20 to 95`."""
    before, during = (
        f"{value:.4g} %" if kind == "availability" else f"{value:.3g}" + ("" if movement.name else " s")
        for value in (movement.before, movement.during)
    )
    name = movement.name or kind
    return f"{name} stayed at {during}" if before == during else f"{name} went from {before} to {during}"


# -- the graph ------------------------------------------------------------------------------------------------------


def _linked(evidence: _Evidence) -> dict[str, float]:
    """For each node on which the target depends, the best way to it: the least unusual node between the two. One that
    is not measured does not count against the way."""
    best = {evidence.target: 1.0}
    queue = deque([evidence.target])
    while queue:
        name = queue.popleft()
        passing = best[name]
        if name != evidence.target and evidence.is_measured(name):
            passing = min(passing, evidence.unusual(name))
        for beneath in evidence.calls.get(name, ()):
            if passing > best.get(beneath, -1.0):
                best[beneath] = passing
                queue.append(beneath)
    return best


def _steps(calls: Mapping[str, Sequence[str]], target: str) -> dict[str, int]:
    steps, queue = {target: 0}, deque([target])
    while queue:
        name = queue.popleft()
        for beneath in calls.get(name, ()):
            if beneath not in steps:
                steps[beneath] = steps[name] + 1
                queue.append(beneath)
    return steps


def _reversed(calls: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    callers: dict[str, list[str]] = {}
    for name in sorted(calls):
        for beneath in calls[name]:
            callers.setdefault(beneath, []).append(name)
    return callers
