"""What is known around a case when it opens: other services hit, what they share, what was changed just before."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from typing import Any

from upheld.agreements.parties import Resource
from upheld.agreements.units import HOUR, MINUTE, format_instant
from upheld.analysis.alarms import Alarm
from upheld.analysis.causes import Candidate, rank_causes
from upheld.analysis.model import Change
from upheld.assessment.verdict import Condition
from upheld.maintenance.model import Maintenance

SAME_TIME = 10 * MINUTE
LOOK_BACK = 24 * HOUR
WITNESSES = 40
"""Services by which a resource is judged at most, in proportion: enough to tell, and a storm of
cases from one resource stays cheap."""
NAMED = 50
"""Services that findings name at most of those that were hit; how many there were is always said."""
NOTHING_FOUND: Mapping[str, Any] = {
    "affected": [],
    "affected_count": 0,
    "cause_candidates": [],
    "changes": [],
    "alarms": [],
}
TermKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Scene:
    """How all services are at an instant (`now`, microseconds UTC), and what was done around it: made once for all
    cases that open then. `bad`: the services that were bad in the last ten minutes, `known` those of which it is known
    how they are. `carries`: what each resource carries, `carriers` the inverse."""

    now: int
    bad: frozenset[str]
    in_order: Sequence[str]
    known: frozenset[str]
    carries: Mapping[str, frozenset[str]]
    carriers: Mapping[str, Sequence[str]]
    changes: Sequence[Change]
    maintenances: Sequence[Maintenance]
    ranked: dict[tuple[str, ...], list[dict[str, Any]]] = field(default_factory=dict)
    within: dict[str, frozenset[str]] = field(default_factory=dict)

    def concerned(self, names: Collection[str]) -> frozenset[str]:
        """The names and those of the resources that carry them, however deep: what a change may be told of."""
        found, queue = set(names), list(names)
        while queue:
            above = [carrier for carrier in self.carriers.get(queue.pop(), ()) if carrier not in found]
            found.update(above)
            queue += above
        return frozenset(found)

    def carried(self, resource: str) -> frozenset[str]:
        """The services that a resource carries, directly or by way of other resources."""
        if resource not in self.within:
            self.within[resource] = _within(resource, self.carries)
        return self.within[resource]


def scene(
    conditions: Mapping[TermKey, Condition],
    resources: Sequence[Resource],
    changes: Sequence[Change],
    maintenances: Sequence[Maintenance],
    now: int,
) -> Scene:
    """`conditions`: how each (agreement, objective, service) is. `now` in microseconds UTC."""
    bad = frozenset(
        key[2]
        for key, condition in conditions.items()
        if condition.bad_until is not None and condition.bad_until >= now - SAME_TIME
    )
    carries = {r.id: frozenset(r.carries) for r in resources}
    carriers: dict[str, list[str]] = {}
    for resource in resources:
        for name in resource.carries:
            carriers.setdefault(name, []).append(resource.id)
    known = frozenset(key[2] for key in conditions)
    return Scene(now, bad, sorted(bad), known, carries, carriers, changes, maintenances)


def findings(scene: Scene, service: str, members: Sequence[str] = (), alarms: Sequence[Alarm] = ()) -> dict[str, Any]:
    """JSON with `affected` (the other services that were bad in the last ten minutes, the first by name, and
    `affected_count`), `cause_candidates` (the resources that the service runs over, directly or by way of others, the
    likeliest cause first, each with its score in [0, 1] and its reason), `changes` (what was changed or worked on in
    the last day, the nearest first) and `alarms` (those of `alarms`, in their order).

    Of a group, `members` are its services: those that are known to be bad are its own, all of them where none is."""
    services, own = frozenset(members or (service,)), frozenset({service, *members})
    affected = list(islice((name for name in scene.in_order if name not in own), NAMED))
    return {
        "affected": affected,
        "affected_count": len(scene.bad) - len(scene.bad & own),
        "cause_candidates": _candidates(scene, services, own),
        "changes": _recent(scene, scene.concerned(own)),
        "alarms": [_alarm(alarm) for alarm in alarms if (alarm.raised_at or 0) <= scene.now],
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    raised_at, cleared_at = (None if at is None else format_instant(at) for at in (alarm.raised_at, alarm.cleared_at))
    about = alarm.object or ", ".join(alarm.services)
    said = {"about": about, "severity": alarm.severity, "text": alarm.text, "source": alarm.source}
    return {"id": alarm.id, **said, "raised_at": raised_at, "cleared_at": cleared_at}


def _candidates(scene: Scene, services: frozenset[str], own: frozenset[str]) -> list[dict[str, Any]]:
    """The resources beneath some services, ranked as `rank_causes` judges what is not measured: by the services that
    depend on it. What lies beneath two single services in the same way is judged alike."""
    beneath = scene.concerned(services) - services
    alike = (*sorted(beneath), str(scene.bad.isdisjoint(services)))
    if len(services) > 1 or alike not in scene.ranked:
        judged = ((scene.bad & services) or services) | (scene.bad - own)
        ranked = _ranked(scene, services, judged, [name for name in beneath if name in scene.carries])
        if len(services) > 1:
            return ranked
        scene.ranked[alike] = ranked
    return scene.ranked[alike]


def _ranked(
    scene: Scene, services: frozenset[str], bad: frozenset[str], beneath: Collection[str]
) -> list[dict[str, Any]]:
    known = scene.known | bad
    calls: dict[str, set[str]] = {}
    for name in beneath:
        for witness in _witnesses(scene.carried(name), services, bad, known):
            calls.setdefault(witness, set()).add(name)
    states = {name: float(name in bad) for name in calls.keys() & known}
    target = min(services & bad or services)
    ranked = rank_causes(calls, {}, target, "availability", states=states, among=list(beneath))
    return [_candidate(found, scene.carried(found.node), bad, known) for found in ranked]


def _candidate(found: Candidate, carried: frozenset[str], bad: frozenset[str], known: frozenset[str]) -> dict[str, Any]:
    hit = carried & bad
    return {
        "resource": found.node,
        "score": round(found.score, 3),
        "bad": nsmallest(NAMED, hit),
        "bad_count": len(hit),
        "known": len(carried & known),
        "carries": len(carried),
        "reason": f"{len(hit)} of the {len(carried)} services that it carries were bad at the same time",
    }


def _within(name: str, carried: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The services that a resource carries, directly or by way of other resources."""
    found, passed, queue = set(carried[name]), {name}, [name]
    while queue:
        for other in carried[queue.pop()] & carried.keys() - passed:
            passed.add(other)
            queue.append(other)
            found |= carried[other]
    return frozenset(found - carried.keys())


def _witnesses(
    carried: frozenset[str], services: frozenset[str], bad: frozenset[str], known: frozenset[str]
) -> frozenset[str]:
    """Those of the carried services by which their resource is judged: the case's own, and of the others the bad and
    the good in their proportion, the first of each by name."""
    others = (carried & known) - services
    parts = [others & bad, others - bad]
    kept = min(1.0, WITNESSES / max(1, len(others)))
    return (carried & services).union(*(nsmallest(math.ceil(len(part) * kept), part) for part in parts))


def _recent(scene: Scene, names: frozenset[str]) -> list[dict[str, Any]]:
    now = scene.now
    found = [
        (c.at, c.id, c.summary, c.author, "change")
        for c in scene.changes
        if now - LOOK_BACK <= c.at <= now and (not c.services or names.intersection(c.services))
    ]
    found += [
        (m.start, m.id, m.title, m.approved_by, "maintenance")
        for m in scene.maintenances
        if m.state == "planned" and m.start <= now and m.end >= now - LOOK_BACK and names.intersection(m.services)
    ]
    return [
        {"id": name, "at": format_instant(at), "summary": summary, "author": author, "kind": kind}
        for at, name, summary, author, kind in sorted(found, reverse=True)
    ]
