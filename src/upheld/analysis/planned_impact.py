"""What there is to be warned of before a planned work is announced: both of two things taken that stand in for each
other, several works of one night, freeze periods. Pure; instants in microseconds UTC."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from upheld.agreements.intervals import overlap
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.units import HOUR, to_datetime
from upheld.analysis.topology import Standing, Topology
from upheld.maintenance.model import Maintenance, Window

MORNING = 12 * HOUR
"""A night goes from noon to noon."""
Redundancy = tuple[str, frozenset[str]]
"""(what depends on them, things of which any is enough for it)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Things of which any would be enough for each of `dependents`, and all of which are down at once: by the work
    alone, together with another work (`work`), or with what is down now (`down`, by name why)."""

    members: tuple[str, ...]
    dependents: tuple[str, ...]
    work: str | None = None
    down: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Frozen:
    """A freeze period that the window falls into: the provider's, or that of an agreement."""

    start: int
    end: int
    reason: str
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class Night:
    """Another work that hits the same customers in the same night of their agreements' zones: its first window that
    does, from `start` to `end`."""

    work: str
    title: str
    start: int
    end: int
    customers: tuple[str, ...]


# -- what stands in for what ------------------------------------------------------------------------------------------


def pairs_taken(
    topology: Topology, work: Maintenance, others: Iterable[Maintenance], down: Mapping[str, str]
) -> list[Pair]:
    """What stands in for each other and is taken at once: by the work alone at any time of its window, by it and
    another while both go on, and by it and what is down now (`down`, by name why). What is lost without the work is not
    told, nor what another work has no part in."""
    if not topology.has_redundancy:
        return []
    alone = _lost_during(topology, work.services, (), work.spans)
    found = list(_together(alone))
    for other in others:
        common = overlap(work.spans, other.spans)
        if other.id == work.id or not common:
            continue
        both = _lost_during(topology, [*work.services, *other.services], (), common)
        either = alone | _lost_during(topology, other.services, (), common)
        found += _together(both - either, work=other.id)
    known = [name for name in down if name in topology.nodes and name not in work.services]
    if known:
        with_down = _lost_during(topology, work.services, known, work.spans) - alone
        reach = {name: topology.at(work.start).hit_by([name]).hit for name in known}
        for pair in _together(with_down):
            guilty = [name for name in known if not reach[name].isdisjoint(pair.members)]
            found.append(replace(pair, down=tuple((name, down[name]) for name in guilty or known)))
    return found


def _lost_during(
    topology: Topology, failed: Collection[str], down: Collection[str], spans: Iterable[Window]
) -> frozenset[Redundancy]:
    lost = (_lost(standing, failed, down) for span in spans for standing in topology.during(*span))
    return frozenset[Redundancy]().union(*lost)


def _lost(standing: Standing, failed: Collection[str], down: Collection[str]) -> set[Redundancy]:
    """The alternatives of which none is left if some nodes fail while others are down, and some of which fail by the
    former."""
    ours = standing.hit_by([*failed, *down]).hit
    without = standing.hit_by(down).hit if down else frozenset[str]()
    return {
        (dependent, members)
        for dependent in ours
        for members in standing.alternatives(dependent).values()
        if len(members) > 1 and members <= ours and not members <= without
    }


def _together(lost: Collection[Redundancy], work: str | None = None) -> Iterator[Pair]:
    """A pair for each set of alternatives, with all that depends on them, the most dependents first."""
    by_members: dict[frozenset[str], list[str]] = {}
    for dependent, members in sorted(lost, key=lambda one: one[0]):
        by_members.setdefault(members, []).append(dependent)
    for members, dependents in sorted(by_members.items(), key=lambda one: (-len(one[1]), sorted(one[0]))):
        yield Pair(tuple(sorted(members)), tuple(dependents), work)


# -- nights and freezes -----------------------------------------------------------------------------------------------


def nights_of(start: int, end: int, zone: ZoneInfo) -> range:
    """The nights that [start, end) touches in a zone, as the ordinals of the days on whose noon they begin."""
    first, last = (
        (to_datetime(at).astimezone(zone) - timedelta(microseconds=MORNING)).toordinal() for at in (start, end - 1)
    )
    return range(first, last + 1)


def same_night(
    work: Maintenance,
    hit: Iterable[Agreement],
    others: Iterable[tuple[Maintenance, Iterable[Agreement]]],
) -> list[Night]:
    """Other works, each with the agreements that it hits, that hit customers of `hit` in the same night of theirs."""
    ours = {agreement.id: agreement for agreement in hit}
    by_customer: dict[str, list[Agreement]] = {}
    for agreement in ours.values():
        by_customer.setdefault(agreement.customer, []).append(agreement)
    found = []
    for other, theirs in others:
        if other.id == work.id:
            continue
        reached = {agreement.customer for agreement in theirs}
        shared = {
            customer: [span for a in agreements for span in _in_a_night_of(work, other, a.time_zone)]
            for customer, agreements in by_customer.items()
            if customer in reached
        }
        if spans := sorted(span for some in shared.values() for span in some):
            customers = tuple(sorted(customer for customer, some in shared.items() if some))
            found.append(Night(other.id, other.title, *spans[0], customers))
    return found


def _in_a_night_of(work: Maintenance, other: Maintenance, zone: ZoneInfo) -> list[Window]:
    """The windows of `other` that share a night with one of `work`."""
    ours = [nights_of(*span, zone) for span in work.spans]
    theirs = [(span, nights_of(*span, zone)) for span in other.spans]
    return [span for span, b in theirs if any(a.start < b.stop and b.start < a.stop for a in ours)]


def freezes(portfolio: Portfolio, hit: Iterable[Agreement]) -> list[Frozen]:
    """Every freeze period of the provider, and of the agreements that are hit."""
    zone = portfolio.provider.time_zone if portfolio.provider is not None else ZoneInfo("UTC")
    own = [Frozen(*one.span(zone), one.reason) for one in portfolio.freeze]
    return own + [Frozen(*one.span(a.time_zone), one.reason, a.id) for a in hit for one in a.freeze]


def in_freeze(found: Sequence[Frozen], spans: Sequence[Window]) -> list[Frozen]:
    """Those into which one of the windows falls."""
    return [one for one in found if any(one.start < end and start < one.end for start, end in spans)]
