"""What is known around a case when it opens: other services hit, what they share, what was changed just before."""

from collections.abc import Mapping, Sequence
from typing import Any

from upheld.agreements.parties import Resource
from upheld.agreements.units import HOUR, MINUTE, format_instant
from upheld.analysis.model import Change
from upheld.assessment.verdict import Condition
from upheld.maintenance.model import Maintenance

SAME_TIME = 10 * MINUTE
LOOK_BACK = 24 * HOUR
TermKey = tuple[str, str, str]


def findings(
    service: str,
    conditions: Mapping[TermKey, Condition],
    resources: Sequence[Resource],
    changes: Sequence[Change],
    maintenances: Sequence[Maintenance],
    now: int,
    members: Sequence[str] = (),
) -> dict[str, Any]:
    """JSON with `affected` (the other services that were bad in the last ten minutes), `cause_candidates` (the
    resources that the service runs over, the most widely bad first, each with its reason) and `changes` (what was
    changed or worked on in the last day, the nearest first).

    `conditions`: how each (agreement, objective, service) is. `now` in microseconds UTC. Of a group, `members` are its
    services: those that are known to be bad are its own, all of them where none is."""
    bad = {
        key[2]
        for key, condition in conditions.items()
        if condition.bad_until is not None and condition.bad_until >= now - SAME_TIME
    }
    services = frozenset(members or (service,))
    affected = sorted(bad - {service, *members})
    return {
        "affected": affected,
        "cause_candidates": _candidates(services, frozenset((bad & services) or services).union(affected), resources),
        "changes": _recent(_beneath({service, *services}, resources), changes, maintenances, now),
    }


def _candidates(services: frozenset[str], bad: frozenset[str], resources: Sequence[Resource]) -> list[dict[str, Any]]:
    found = [
        {
            "resource": resource.id,
            "bad": sorted(bad & set(resource.carries)),
            "carries": len(resource.carries),
            "reason": f"{len(bad & set(resource.carries))} of the {len(resource.carries)} services that it carries "
            "were bad at the same time",
        }
        for resource in resources
        if services.intersection(resource.carries)
    ]
    return sorted(found, key=lambda c: (-len(c["bad"]) / c["carries"], -len(c["bad"]), c["resource"]))


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


def _beneath(services: set[str], resources: Sequence[Resource]) -> frozenset[str]:
    """The services' names and those of the resources that carry them, however deep: what a change may be told of."""
    names = set(services)
    while found := {r.id for r in resources if r.id not in names and names.intersection(r.carries)}:
        names |= found
    return frozenset(names)
