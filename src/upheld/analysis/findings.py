"""What is known around a case when it opens: other services hit, what they share, what was changed just before."""

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from upheld.agreements.units import HOUR, MINUTE, format_instant
from upheld.analysis.alarms import Alarm
from upheld.analysis.causes import Candidate, rank_causes
from upheld.analysis.clues import MOST, Done, is_likely, is_place, of_done, supported
from upheld.analysis.model import Change
from upheld.analysis.topology import Impact, Standing
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
    "redundant": [],
    "changes": [],
    "alarms": [],
    "customers_hit": [],
    "customers_hit_count": 0,
    "customers_hit_by": None,
    "unprotected_count": 0,
}
_OF_CAUSE = ("customers_hit", "customers_hit_count", "customers_hit_by", "unprotected_count")
HARMLESS = ("warning", "minor", "info", "information", "indeterminate")
"""Severities of alarms about what still works."""
TermKey = tuple[str, str, str]
Parts = tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Scene:
    """How all services are at an instant (`now`, microseconds UTC), and what was done around it: made once for all
    cases that open then. `bad`: the services that were bad in the last ten minutes, `known` those of which it is known
    how they are. `standing` is what they run over, `down` what of it is known to be down, or can only be."""

    now: int
    bad: frozenset[str]
    in_order: Sequence[str]
    known: frozenset[str]
    standing: Standing
    down: frozenset[str]
    changes: Sequence[Change]
    maintenances: Sequence[Maintenance]
    ranked: dict[tuple[str, ...], list[dict[str, Any]]] = field(default_factory=dict)
    impacts: dict[str, Impact] = field(default_factory=dict)
    takings: dict[str, frozenset[str]] = field(default_factory=dict)
    customers: dict[str, Sequence[str]] = field(default_factory=dict)
    unprotected: dict[str, frozenset[str]] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)
    touched: dict[tuple[str, str], Parts] = field(default_factory=dict)

    def concerned(self, names: Collection[str]) -> frozenset[str]:
        """The names and all that they run over, however deep: what a change or an alarm may be told of."""
        return self.standing.concerned(names)

    def impact(self, node: str) -> Impact:
        """What the failing of a node does: with what is down besides where it is known to be down itself, and alone
        where it may as well be up."""
        if node not in self.impacts:
            self.impacts[node] = self.standing.hit_by({node}, self.down if node in self.down else ())
        return self.impacts[node]

    def taken(self, node: str) -> frozenset[str]:
        """The services that the failing of a node takes down: see `impact`."""
        if not self.standing.topology.has_redundancy:
            return self.standing.carried(node)
        if node not in self.takings:
            self.takings[node] = self.standing.topology.services(self.impact(node).hit - {node})
        return self.takings[node]

    def parts_of(self, node: str, bad: frozenset[str]) -> Parts:
        """Of the services that a node takes down, the `bad` and the good, as far as it is known how they are, by name:
        found once for all cases for which those are bad that are."""
        if bad is not self.bad:
            return _parts(self.taken(node), bad, self.known | bad)
        if node not in self.parts:
            self.parts[node] = _parts(self.taken(node), bad, self.known)
        return self.parts[node]

    def touched_by(self, one: Done, bad: frozenset[str]) -> Parts:
        """Of the services that something done touches, the `bad` and the good: of all, where it names none."""
        if bad is self.bad and (one.kind, one.id) in self.touched:
            return self.touched[one.kind, one.id]
        known = self.known | bad
        reached = known if not one.services else frozenset(one.services).union(*map(self.taken, one.services))
        found = _parts(reached, bad, known)
        if bad is self.bad:
            self.touched[one.kind, one.id] = found
        return found

    def left_unprotected(self, node: str) -> frozenset[str]:
        """The services that the failing of a node alone leaves without what would stand in for the rest."""
        if not self.standing.topology.has_redundancy:
            return frozenset()
        if node not in self.unprotected:
            topology = self.standing.topology
            self.unprotected[node] = topology.services(self.standing.hit_by({node}).unprotected)
        return self.unprotected[node]

    def customers_of(self, node: str) -> Sequence[str]:
        """The customers of these services, by name."""
        if node not in self.customers:
            self.customers[node] = self.standing.topology.customers(self.taken(node))
        return self.customers[node]


def scene(
    conditions: Mapping[TermKey, Condition],
    standing: Standing,
    changes: Sequence[Change],
    maintenances: Sequence[Maintenance],
    now: int,
    alarms: Sequence[Alarm] = (),
) -> Scene:
    """`conditions`: how each (agreement, objective, service) is. `alarms`: those that are raised, as far as something
    stands in for something. `now` in microseconds UTC."""
    bad = frozenset(
        key[2]
        for key, condition in conditions.items()
        if condition.bad_until is not None and condition.bad_until >= now - SAME_TIME
    )
    down = frozenset[str]()
    if standing.topology.has_redundancy:
        works = (m for m in maintenances if m.state == "planned" and m.start <= now < m.end)
        told = [name for alarm in alarms if is_outage(alarm) for name in (*alarm.services, alarm.object) if name]
        seen = {*bad, *told, *(name for work in works for name in work.services)}
        down = standing.hit_by(seen & standing.topology.nodes.keys()).hit
    known = frozenset(key[2] for key in conditions)
    return Scene(now, bad, sorted(bad), known, standing, down, changes, maintenances)


def is_outage(alarm: Alarm) -> bool:
    """Whether what an alarm is about may be down: it is raised, and more than a warning."""
    return alarm.cleared_at is None and (alarm.severity or "").casefold() not in HARMLESS


def findings(
    scene: Scene, service: str, members: Sequence[str] = (), alarms: Sequence[Alarm] = (), since: int | None = None
) -> dict[str, Any]:
    """JSON with `affected` (the other services that were bad in the last ten minutes, the first by name, and
    `affected_count`), `cause_candidates` (what the service runs over, directly or by way of others, and what was done,
    the likeliest cause first, each with its score in [0, 1] and its reason; see `clues`), `redundant` (what alone is no
    cause: something can stand in for it), `changes` (what was changed or worked on in the last day, the nearest first;
    before all a work that runs over its window, of kind `overrun`), `alarms` (those of `alarms`, in their order), and
    of the likeliest cause, where that is a resource (`customers_hit_by`), `customers_hit` (the first by name, and
    `customers_hit_count`) and `unprotected_count`, the services that it leaves without what would stand in.

    `since` is when the service went bad, microseconds UTC (now, where that is not known). Of a group, `members` are its
    services: those that are known to be bad are its own, all of them where none is."""
    services, own = frozenset(members or (service,)), frozenset({service, *members})
    since = scene.now if since is None else since
    below = scene.concerned(services) - services
    alone = sorted(name for name in below if services.isdisjoint(scene.taken(name)))
    candidates = supported(_candidates(scene, services, own, below.difference(alone)), alarms, service, since)
    done = _done_candidates(scene, service, services, own, since)
    candidates = sorted([*candidates, *done], key=lambda c: -c["score"])
    return {
        **around(scene, service, members, alarms),
        "cause_candidates": candidates,
        "redundant": [_redundant(scene, services, name) for name in alone[:NAMED]],
        **_reach(scene, candidates),
    }


def _done_candidates(
    scene: Scene, service: str, services: frozenset[str], own: frozenset[str], since: int
) -> list[dict[str, Any]]:
    """What was done as candidates, the likeliest first. What touches nothing that takes the case's own services down,
    for something stands in for it, is none."""
    found, bad = [], _judged(scene, services, own)
    for one in _done(scene, scene.concerned(own)):
        hit, good = scene.touched_by(one, bad)
        if any(_is_in(name, hit) for name in own):
            found.append(of_done(one, (hit, len(hit) + len(good)), service, since))
    return sorted(filter(None, found), key=lambda c: -c["score"])[:MOST]


def around(scene: Scene, service: str, members: Sequence[str], alarms: Sequence[Alarm]) -> dict[str, Any]:
    """The part of findings that is no judgement: `affected`, `changes` and `alarms`."""
    own = frozenset({service, *members})
    return {
        "affected": list(islice((name for name in scene.in_order if name not in own), NAMED)),
        "affected_count": len(scene.bad) - len(scene.bad & own),
        "changes": [_done_document(one) for one in _done(scene, scene.concerned(own))],
        "alarms": [_alarm(alarm) for alarm in alarms if (alarm.raised_at or 0) <= scene.now],
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    raised_at, cleared_at = (None if at is None else format_instant(at) for at in (alarm.raised_at, alarm.cleared_at))
    about = alarm.object or ", ".join(alarm.services)
    said = {"about": about, "severity": alarm.severity, "text": alarm.text, "source": alarm.source}
    return {"id": alarm.id, **said, "raised_at": raised_at, "cleared_at": cleared_at}


def _reach(scene: Scene, candidates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the likeliest cause does, as far as there is one that is a resource."""
    first = next(iter(candidates), None)
    if first is None or not (is_place(first) and is_likely(first)):
        return {name: NOTHING_FOUND[name] for name in _OF_CAUSE}
    cause = first["resource"]
    customers = scene.customers_of(cause)
    return {
        "customers_hit": list(customers[:NAMED]),
        "customers_hit_count": len(customers),
        "customers_hit_by": cause,
        "unprotected_count": len(scene.left_unprotected(cause)),
    }


def _judged(scene: Scene, services: frozenset[str], own: frozenset[str]) -> frozenset[str]:
    """What counts as bad for a case of these services."""
    same = own == services and services <= scene.bad
    return scene.bad if same else ((scene.bad & services) or services) | (scene.bad - own)


def _candidates(
    scene: Scene, services: frozenset[str], own: frozenset[str], beneath: frozenset[str]
) -> list[dict[str, Any]]:
    """What takes some services down, ranked as `rank_causes` judges what is not measured: by the services that it
    takes down. What lies beneath two single services in the same way is judged alike."""
    alike = (*sorted(beneath), str(scene.bad.isdisjoint(services)))
    if len(services) > 1 or alike not in scene.ranked:
        ranked = _ranked(scene, services, _judged(scene, services, own), beneath)
        if len(services) > 1:
            return ranked
        scene.ranked[alike] = ranked
    return scene.ranked[alike]


def _ranked(
    scene: Scene, services: frozenset[str], bad: frozenset[str], beneath: Collection[str]
) -> list[dict[str, Any]]:
    calls: dict[str, set[str]] = {}
    for name in beneath:
        for witness in _witnesses(scene.taken(name), scene.parts_of(name, bad), services):
            calls.setdefault(witness, set()).add(name)
    states = {name: float(name in bad) for name in calls if name in scene.known or name in bad}
    target = min(services & bad or services)
    ranked = rank_causes(calls, {}, target, "availability", states=states, among=list(beneath))
    concerned = scene.concerned(services) if scene.down else ()
    return [_candidate(scene, found, bad, concerned) for found in ranked]


def _candidate(scene: Scene, found: Candidate, bad: frozenset[str], concerned: Collection[str]) -> dict[str, Any]:
    taken, (hit, good) = scene.taken(found.node), scene.parts_of(found.node, bad)
    besides = _others(scene, scene.impact(found.node).hit, concerned, down=True) if concerned else []
    reason = f"{len(hit)} of the {len(taken)} services that it carries were bad within ten minutes"
    return {
        "resource": found.node,
        "score": round(found.score, 3),
        "bad": list(hit[:NAMED]),
        "bad_count": len(hit),
        "known": len(hit) + len(good),
        "carries": len(taken),
        "reason": f"{reason}, with {_listed(besides)} down too" if besides else reason,
    }


def _redundant(scene: Scene, services: frozenset[str], name: str) -> dict[str, Any]:
    """What alone takes none of the services down: it leaves them unprotected at most."""
    hit, concerned = scene.impact(name).hit, scene.concerned(services)
    others = _others(scene, hit, concerned, down=False)
    besides = others or _others(scene, hit, concerned, down=True)
    exposed = len(scene.left_unprotected(name))
    why = (
        f"{_listed(besides)} can stand in for it"
        if others
        else f"{_listed(besides)} is down, and it is not known to be"
    )
    return {
        "resource": name,
        "unprotected_count": exposed,
        "reason": f"alone it is no cause: {why}; its loss leaves {exposed} service{'s' * (exposed != 1)} unprotected",
    }


def _others(scene: Scene, hit: frozenset[str], among: Collection[str], *, down: bool) -> list[str]:
    """What stands in for what is hit, for a node `among` these: what of it is down, or what is not."""
    found: set[str] = set()
    for node in among:
        for members in scene.standing.alternatives(node).values():
            if members & hit:
                found.update(name for name in members - hit if (name in scene.down) == down)
    return sorted(found)


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = " and ".join(
        filter(None, (", ".join(names[: min(most, len(names)) - 1]), names[min(most, len(names)) - 1]))
    )
    return shown if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most:,} more"


def _parts(taken: frozenset[str], bad: frozenset[str], known: frozenset[str]) -> Parts:
    return sorted(taken & bad), sorted((taken & known) - bad)


def _is_in(name: str, part: Sequence[str]) -> bool:
    at = bisect_left(part, name)
    return at < len(part) and part[at] == name


def _witnesses(taken: frozenset[str], parts: Parts, services: frozenset[str]) -> frozenset[str]:
    """Those of the services that a resource takes down by which it is judged: the case's own, and of the others the bad
    and the good in their proportion, the first of each by name."""
    own = taken & services
    sizes = [len(part) - sum(_is_in(name, part) for name in own) for part in parts]
    kept = min(1.0, WITNESSES / max(1, sum(sizes)))
    others = ((name for name in part if name not in own) for part in parts)
    return own.union(*(islice(some, math.ceil(size * kept)) for some, size in zip(others, sizes, strict=True)))


def _done(scene: Scene, names: frozenset[str]) -> list[Done]:
    """What was changed or worked on in the last day, the nearest first, before all a work that runs over its window."""
    now = scene.now
    found = [
        Done(c.id, "change", c.at, c.at, c.summary, c.author, c.services)
        for c in scene.changes
        if now - LOOK_BACK <= c.at <= now and (not c.services or names.intersection(c.services))
    ]
    found += [
        _work(m, now)
        for m in scene.maintenances
        if m.state == "planned" and m.start <= now and m.end >= now - LOOK_BACK and names.intersection(m.services)
    ]
    return sorted(found, key=lambda one: (one.kind == "overrun", one.start, one.id), reverse=True)


def _work(m: Maintenance, now: int) -> Done:
    """A work as far as it has come: the last of its windows that has begun."""
    if m.may_run_over(now):
        return Done(m.id, "overrun", m.start, None, m.title, m.approved_by, m.services)
    begun = [window for window in m.worked if window[0] <= now] or [(m.start, m.start)]
    end = begun[-1][1] if begun[-1][1] <= now else None
    return Done(m.id, "maintenance", begun[-1][0], end, m.title, m.approved_by, m.services)


def _done_document(one: Done) -> dict[str, Any]:
    said = {"summary": one.summary, "author": one.author, "kind": one.kind}
    return {"id": one.id, "at": format_instant(one.start), **said}
