"""What services run over: nodes (services and resources), what each depends on, since when and until when, and what
stands in for what. Pure.

A failure spreads from what is depended on to what depends on it. Dependencies of one dependent that have the same
`redundancy` are alternatives: the dependent is hit only where all of them have failed, and is unprotected where some
have. Loops in the records do no harm: failing spreads along each dependency once.

Instants are microseconds UTC, intervals [from, to); None leaves an end open.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from upheld.agreements.parties import Resource

SERVICE, RESOURCE = "service", "resource"
KEPT = 8
"""Stretches of time of which a topology remembers how it stood."""


@dataclass(frozen=True, slots=True)
class Node:
    """A service, or a resource of any other `kind`, such as `switch`. `customers` are those of a service.
    `supplier_ids` are what suppliers call it, as (supplier, name): an empty supplier is any. One that is not
    `described` is only named by others."""

    id: str
    kind: str = RESOURCE
    name: str = ""
    site: str | None = None
    customers: tuple[str, ...] = ()
    valid_from: int | None = None
    valid_to: int | None = None
    described: bool = True
    supplier_ids: tuple[tuple[str, str], ...] = ()

    @property
    def is_service(self) -> bool:
        return self.kind == SERVICE


@dataclass(frozen=True, slots=True)
class Dependency:
    """That `dependent` runs over `on`. Of those of a dependent with one `redundancy` any is enough; None: it is needed
    whatever else there is."""

    dependent: str
    on: str
    redundancy: str | None = None
    valid_from: int | None = None
    valid_to: int | None = None

    def holds(self, instant: int) -> bool:
        begins, ends = self.valid_from, self.valid_to
        return (begins is None or begins <= instant) and (ends is None or instant < ends)


@dataclass(frozen=True, slots=True)
class Impact:
    """What a failure does: the nodes that it hits, what has failed itself among them, and those that stand, but have
    lost what would stand in for the rest."""

    hit: frozenset[str]
    unprotected: frozenset[str]


class Topology:
    """All nodes and dependencies of all times. A name that only dependencies use is a node too: a resource where
    something depends on it, else a service. A dependency holds while both of its ends are there."""

    def __init__(self, nodes: Iterable[Node] = (), dependencies: Iterable[Dependency] = ()) -> None:
        self.stated: Mapping[str, Node] = {node.id: node for node in nodes}
        self.dependencies: Sequence[Dependency] = tuple(dependencies)
        used = {d.dependent: SERVICE for d in self.dependencies} | {d.on: RESOURCE for d in self.dependencies}
        named = {name: Node(name, used[name], described=False) for name in sorted(used.keys() - self.stated.keys())}
        self.nodes: Mapping[str, Node] = {**self.stated, **named}
        self.has_redundancy = any(d.redundancy is not None for d in self.dependencies)
        self.beneath: dict[str, list[Dependency]] = {}
        self.above: dict[str, list[Dependency]] = {}
        for dependency in map(self._while_its_ends_are_there, self.dependencies):
            self.beneath.setdefault(dependency.dependent, []).append(dependency)
            self.above.setdefault(dependency.on, []).append(dependency)
        ends = {at for some in self.above.values() for d in some for at in (d.valid_from, d.valid_to) if at is not None}
        self.changes: Sequence[int] = sorted(ends)
        """When a dependency begins or ends."""
        self._standing: dict[int, Standing] = {}
        self._supplier_ids: dict[tuple[str, str], set[str]] | None = None

    def at(self, instant: int) -> "Standing":
        """How it stands then. Between two changes it is the same, with all that was found out about it."""
        stretch = bisect_right(self.changes, instant)
        known = self._standing.get(stretch)
        if known is None:
            kept = list(self._standing.items())[1 - KEPT :]
            known = Standing(self, instant)
            self._standing = {**dict(kept), stretch: known}
        return known

    def during(self, start: int, end: int) -> Iterator["Standing"]:
        """How it stands at `start`, and after each change until `end`."""
        yield self.at(start)
        yield from (self.at(change) for change in self.changes if start < change < end)

    def hit_during(self, failed: Collection[str], start: int, end: int) -> Impact:
        """What is hit at any time in [start, end) if some nodes fail for as long, and what else is unprotected."""
        found = [standing.hit_by(failed) for standing in self.during(start, end)]
        hit = frozenset[str]().union(*(one.hit for one in found))
        return Impact(hit, frozenset[str]().union(*(one.unprotected for one in found)) - hit)

    def called(self, supplier: str, name: str) -> frozenset[str]:
        """The nodes that a supplier means by a name: those that it is declared for, else the one of this very id.
        Neither case nor spaces tell names apart."""
        if self._supplier_ids is None:
            found: dict[tuple[str, str], set[str]] = {}
            for node in self.nodes.values():
                for by, theirs in node.supplier_ids:
                    found.setdefault((_folded(by), _folded(theirs)), set()).add(node.id)
            for node_id in self.nodes:
                found.setdefault(("", _folded(node_id)), {node_id})
            self._supplier_ids = found
        own = self._supplier_ids.get((_folded(supplier), _folded(name)), set())
        return frozenset(own or self._supplier_ids.get(("", _folded(name)), set()))

    def services(self, names: Collection[str]) -> frozenset[str]:
        """Those of the names that are services."""
        return frozenset(name for name in names if name in self.nodes and self.nodes[name].is_service)

    def customers(self, names: Collection[str]) -> list[str]:
        """The customers of these services, by name."""
        return sorted({customer for name in names if name in self.nodes for customer in self.nodes[name].customers})

    def _while_its_ends_are_there(self, dependency: Dependency) -> Dependency:
        ends = self.nodes[dependency.dependent], self.nodes[dependency.on]
        if all(node.valid_from is None and node.valid_to is None for node in ends):
            return dependency
        begins = [one.valid_from for one in (dependency, *ends) if one.valid_from is not None]
        stops = [one.valid_to for one in (dependency, *ends) if one.valid_to is not None]
        return replace(dependency, valid_from=max(begins, default=None), valid_to=min(stops, default=None))


class Standing:
    """A topology as it stands at an instant. What nothing is known of depends on nothing and carries nothing."""

    def __init__(self, topology: Topology, instant: int) -> None:
        self.topology, self.instant = topology, instant
        self._carried: dict[str, frozenset[str]] = {}
        self._alternatives: dict[str, Mapping[str, frozenset[str]]] = {}

    def beneath(self, name: str) -> list[Dependency]:
        """What a node depends on by itself."""
        return [d for d in self.topology.beneath.get(name, ()) if d.holds(self.instant)]

    def above(self, name: str) -> list[Dependency]:
        """What depends on a node by itself."""
        return [d for d in self.topology.above.get(name, ()) if d.holds(self.instant)]

    def alternatives(self, name: str) -> Mapping[str, frozenset[str]]:
        """Of each redundancy of a node, what may stand in for what."""
        if name not in self._alternatives:
            found: dict[str, set[str]] = {}
            for d in self.beneath(name):
                if d.redundancy is not None:
                    found.setdefault(d.redundancy, set()).add(d.on)
            self._alternatives[name] = {redundancy: frozenset(some) for redundancy, some in found.items()}
        return self._alternatives[name]

    def concerned(self, names: Collection[str]) -> frozenset[str]:
        """The names and all that they depend on, however deep: what a change or an alarm may be told of."""
        found, queue = set(names), list(names)
        while queue:
            below = {d.on for d in self.beneath(queue.pop())} - found
            found |= below
            queue += below
        return frozenset(found)

    def carried(self, name: str) -> frozenset[str]:
        """The services that depend on a node, however deep, also those that have an alternative."""
        if name not in self._carried:
            self._carried[name] = self._all_above(name)
        return self._carried[name]

    def hit_by(self, failed: Collection[str], down: Collection[str] = ()) -> Impact:
        """What the failing of some nodes does, where others (`down`) stand in for nothing any more, for they have
        failed too."""
        hit, others = set(failed), frozenset(down)
        left: dict[tuple[str, str], int] = {}  # how many alternatives are left in each group that has lost one
        counted: set[tuple[str, str, str]] = set()
        queue = list(hit)
        while queue:
            for d in self.above(queue.pop()):
                if d.redundancy is not None and not self._is_lost(d, (hit, others), left, counted):
                    continue
                if d.dependent not in hit:
                    hit.add(d.dependent)
                    queue.append(d.dependent)
        exposed = {dependent for dependent, _ in left} - hit - others
        return Impact(frozenset(hit), self._with_all_that_need_them(exposed, hit | others))

    def _is_lost(
        self,
        lost: Dependency,
        gone: tuple[Collection[str], Collection[str]],
        left: dict[tuple[str, str], int],
        counted: set[tuple[str, str, str]],
    ) -> bool:
        """Whether with this dependency the last of its alternatives is lost."""
        assert lost.redundancy is not None, "it has alternatives"
        group = lost.dependent, lost.redundancy
        if (*group, lost.on) not in counted:
            if group not in left:
                members = self.alternatives(lost.dependent)[lost.redundancy]
                already = {name for name in members if name != lost.on and any(name in some for some in gone)}
                counted |= {(*group, name) for name in already}
                left[group] = len(members) - len(already)
            counted.add((*group, lost.on))
            left[group] -= 1
        return left[group] == 0

    def _with_all_that_need_them(self, exposed: Collection[str], gone: Collection[str]) -> frozenset[str]:
        """Those that stand on what is exposed, and on nothing else in its place, are as exposed."""
        found, queue = set(exposed), list(exposed)
        while queue:
            for d in self.above(queue.pop()):
                if d.dependent not in found and d.dependent not in gone and self._is_alone(d):
                    found.add(d.dependent)
                    queue.append(d.dependent)
        return frozenset(found)

    def _is_alone(self, one: Dependency) -> bool:
        return one.redundancy is None or len(self.alternatives(one.dependent)[one.redundancy]) == 1

    def _all_above(self, name: str) -> frozenset[str]:
        found, queue = {name}, [name]
        while queue:
            above = {d.dependent for d in self.above(queue.pop())} - found
            found |= above
            queue += above
        return self.topology.services(found - {name})


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def joined(
    topology: Topology | None, resources: Sequence[Resource], customers: Mapping[str, Sequence[str]]
) -> Topology:
    """A topology with what a portfolio says: its resources and what they carry, a simple form of a topology, and the
    customers of each service (`customers`). What the topology says of a node, or of how one depends on another, is not
    changed by what the portfolio says of the same."""
    stated = {} if topology is None else dict(topology.stated)
    known = () if topology is None else topology.dependencies
    pairs = {(d.dependent, d.on) for d in known}
    plain = [Dependency(name, one.id) for one in resources for name in one.carries if (name, one.id) not in pairs]
    for one in resources:
        stated.setdefault(one.id, Node(one.id))
    for service, of in customers.items():
        node = stated.setdefault(service, Node(service, SERVICE))
        stated[service] = replace(node, customers=tuple(sorted({*node.customers, *of})), described=True)
    return Topology(stated.values(), (*known, *plain))
