"""What is known around a case when it opens: other services hit, what they share, what was changed just before."""

import math
from collections.abc import Mapping, Sequence
from heapq import nsmallest
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
NOTHING_FOUND: Mapping[str, Any] = {"affected": [], "cause_candidates": [], "changes": [], "alarms": []}
TermKey = tuple[str, str, str]


def findings(
    service: str,
    conditions: Mapping[TermKey, Condition],
    resources: Sequence[Resource],
    changes: Sequence[Change],
    maintenances: Sequence[Maintenance],
    now: int,
    members: Sequence[str] = (),
    alarms: Sequence[Alarm] = (),
) -> dict[str, Any]:
    """JSON with `affected` (the other services that were bad in the last ten minutes), `cause_candidates` (the
    resources that the service runs over, directly or by way of others, the likeliest cause first, each with its score
    in [0, 1] and its reason), `changes` (what was changed or worked on in the last day, the nearest first) and
    `alarms` (those of `alarms`, in their order).

    `conditions`: how each (agreement, objective, service) is. `now` in microseconds UTC. Of a group, `members` are its
    services: those that are known to be bad are its own, all of them where none is."""
    bad = {
        key[2]
        for key, condition in conditions.items()
        if condition.bad_until is not None and condition.bad_until >= now - SAME_TIME
    }
    services = frozenset(members or (service,))
    affected = sorted(bad - {service, *members})
    judged = frozenset((bad & services) or services).union(affected)
    return {
        "affected": affected,
        "cause_candidates": _candidates(services, judged, judged.union(key[2] for key in conditions), resources),
        "changes": _recent(concerned({service, *services}, resources), changes, maintenances, now),
        "alarms": [_alarm(alarm) for alarm in alarms if (alarm.raised_at or 0) <= now],
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    raised_at, cleared_at = (None if at is None else format_instant(at) for at in (alarm.raised_at, alarm.cleared_at))
    about = alarm.object or ", ".join(alarm.services)
    said = {"about": about, "severity": alarm.severity, "text": alarm.text, "source": alarm.source}
    return {"id": alarm.id, **said, "raised_at": raised_at, "cleared_at": cleared_at}


def _candidates(
    services: frozenset[str], bad: frozenset[str], known: frozenset[str], resources: Sequence[Resource]
) -> list[dict[str, Any]]:
    """The resources beneath some services, ranked as `rank_causes` judges what is not measured: by the services that
    depend on it. `known`: the services of which it is known how they are."""
    beneath = concerned(set(services), resources)
    carried = {r.id: frozenset(r.carries) for r in resources if r.id in beneath - services}
    within = {name: _within(name, carried) for name in carried}
    calls: dict[str, set[str]] = {}
    for name, all_carried in within.items():
        for witness in _witnesses(all_carried, services, bad, known):
            calls.setdefault(witness, set()).add(name)
    states = {name: float(name in bad) for name in calls.keys() & known}
    target = min(services & bad or services)
    ranked = rank_causes(calls, {}, target, "availability", states=states, among=list(carried))
    return [_candidate(found, within[found.node], bad) for found in ranked]


def _candidate(found: Candidate, carried: frozenset[str], bad: frozenset[str]) -> dict[str, Any]:
    hit = sorted(bad & carried)
    return {
        "resource": found.node,
        "score": round(found.score, 3),
        "bad": hit,
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


def _recent(
    names: frozenset[str], changes: Sequence[Change], maintenances: Sequence[Maintenance], now: int
) -> list[dict[str, Any]]:
    found = [
        (c.at, c.id, c.summary, c.author, "change")
        for c in changes
        if now - LOOK_BACK <= c.at <= now and (not c.services or names.intersection(c.services))
    ]
    found += [
        (m.start, m.id, m.title, m.approved_by, "maintenance")
        for m in maintenances
        if m.state == "planned" and m.start <= now and m.end >= now - LOOK_BACK and names.intersection(m.services)
    ]
    return [
        {"id": name, "at": format_instant(at), "summary": summary, "author": author, "kind": kind}
        for at, name, summary, author, kind in sorted(found, reverse=True)
    ]


def concerned(services: set[str], resources: Sequence[Resource]) -> frozenset[str]:
    """The services' names and those of the resources that carry them, however deep: what a change may be told of."""
    names = set(services)
    while found := {r.id for r in resources if r.id not in names and names.intersection(r.carries)}:
        names |= found
    return frozenset(names)
