"""A topology as a document, what is amiss in one, and what a failure would do."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from upheld.agreements.units import format_instant
from upheld.analysis.topology import RESOURCE, Impact, Topology

NAMED = 50
"""Names that are given at most of those that there are."""


def topology_document(topology: Topology) -> dict[str, Any]:
    """As JSON in the own form (docs/formats.md). Read again it is the same topology."""
    nodes = topology.nodes.values()
    return {
        "services": [
            _given(
                id=n.id,
                name=n.name,
                customers=list(n.customers),
                supplier_ids=_supplier_ids(n.supplier_ids),
                valid=_valid(n.valid_from, n.valid_to),
            )
            for n in nodes
            if n.is_service
        ],
        "resources": [
            _given(
                id=n.id,
                kind="" if n.kind == RESOURCE else n.kind,
                name=n.name,
                site=n.site,
                supplier_ids=_supplier_ids(n.supplier_ids),
                valid=_valid(n.valid_from, n.valid_to),
            )
            for n in nodes
            if not n.is_service
        ],
        "dependencies": list(_dependencies(topology)),
    }


def _dependencies(topology: Topology) -> Iterator[dict[str, Any]]:
    """Each group of what has the same validity in one entry. A group that no name was given to has one of its own."""
    together: dict[tuple[str, str | None, int | None, int | None], list[str]] = {}
    for d in topology.dependencies:
        together.setdefault((d.dependent, d.redundancy, d.valid_from, d.valid_to), []).append(d.on)
    for (dependent, group, begins, ends), on in together.items():
        redundancy = "" if group is None else "any"
        named = group if group is not None and not group.startswith("/") else ""
        said = _given(redundancy=redundancy, group=named, valid=_valid(begins, ends))
        yield {"of": dependent, "on": list(dict.fromkeys(on)), **said}


def _supplier_ids(ids: Iterable[tuple[str, str]]) -> list[str | dict[str, str]]:
    return [{"supplier": supplier, "id": name} if supplier else name for supplier, name in ids]


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def _valid(begins: int | None, ends: int | None) -> dict[str, str]:
    ends_at = {} if ends is None else {"to": format_instant(ends)}
    return ends_at if begins is None else {"from": format_instant(begins), **ends_at}


def counts(topology: Topology) -> dict[str, int]:
    """How many there are of each."""
    services = sum(node.is_service for node in topology.nodes.values())
    return {
        "services": services,
        "resources": len(topology.nodes) - services,
        "dependencies": len(topology.dependencies),
        "redundant": sum(d.redundancy is not None for d in topology.dependencies),
    }


def doubts(topology: Topology, services: Collection[str], unread: Mapping[str, int]) -> Iterator[str]:
    """What is to be looked at, a sentence each: names that nothing describes where other names are described, services
    (those of a portfolio) that run over nothing, alternatives that are none, and relationships (`unread`, by type) that
    say nothing of what depends on what."""
    if any(node.described for node in topology.nodes.values()):
        used = {d.dependent for d in topology.dependencies} | {d.on for d in topology.dependencies}
        dangling = sorted(name for name in used if not topology.nodes[name].described)
        if dangling:
            yield f"named, and nowhere described: {_listed(dangling)}"
    bare = sorted(name for name in services if name not in topology.beneath)
    if bare:
        yield f"services of agreements that run over nothing: {_listed(bare)}"
    groups: dict[tuple[str, str], set[str]] = {}
    for d in topology.dependencies:
        if d.redundancy is not None:
            groups.setdefault((d.dependent, d.redundancy), set()).add(d.on)
    alone = sorted({dependent for (dependent, _), members in groups.items() if len(members) == 1})
    if alone:
        yield f"redundant with nothing beside it: what is stated of {_listed(alone)}"
    for kind, count in sorted(unread.items()):
        yield f"relationships of the type {kind!r} say nothing of what depends on what: {count:,}"


def _listed(names: Collection[str], most: int = 10) -> str:
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def impact_document(topology: Topology, failed: Collection[str], instant: int) -> dict[str, Any]:
    """What the failing of some nodes at an instant hits, and what it leaves unprotected."""
    found = topology.at(instant).hit_by(failed)
    return {"nodes": sorted(failed), "at": format_instant(instant), **reach_document(topology, found)}


def reach_document(topology: Topology, found: Impact) -> dict[str, Any]:
    """The services and customers of an impact, all of them counted and the first of them named. A customer that is hit
    is not told as unprotected too."""
    hit, unprotected = topology.services(found.hit), topology.services(found.unprotected)
    customers = topology.customers(hit)
    exposed = [name for name in topology.customers(unprotected) if name not in set(customers)]
    return {
        "hit": {"services": _counted(hit), "customers": _counted(customers)},
        "unprotected": {"services": _counted(unprotected), "customers": _counted(exposed)},
    }


def _counted(names: Iterable[str]) -> dict[str, Any]:
    found = sorted(names)
    return {"count": len(found), "names": found[:NAMED]}
