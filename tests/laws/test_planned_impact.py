"""What a planned work takes at once of what stands in for each other: as a plain look at every instant says."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from laws.test_topology_laws import DEPENDENCIES, NAMES, SOME, plain
from upheld.analysis.planned_impact import pairs_taken
from upheld.analysis.topology import Dependency, Topology
from upheld.maintenance.model import Maintenance

WINDOWS = st.tuples(st.integers(0, 6), st.integers(1, 4)).map(lambda one: (one[0], one[0] + one[1]))
Lost = set[tuple[str, frozenset[str]]]


def lost_at(
    dependencies: Collection[Dependency], instant: int, failed: Collection[str], down: Collection[str] = ()
) -> Lost:
    """Each group of alternatives that is gone, some of it by what fails."""
    gone = plain(dependencies, instant, [*failed, *down], ()).hit
    without = plain(dependencies, instant, down, ()).hit
    groups: dict[tuple[str, str], set[str]] = {}
    for d in dependencies:
        if d.redundancy is not None and d.holds(instant):
            groups.setdefault((d.dependent, d.redundancy), set()).add(d.on)
    return {
        (dependent, frozenset(members))
        for (dependent, _), members in groups.items()
        if len(members) > 1 and members <= gone and not members <= without
    }


def lost(
    dependencies: Collection[Dependency], window: tuple[int, int], failed: Collection[str], down: Collection[str] = ()
) -> Lost:
    return set().union(*(lost_at(dependencies, instant, failed, down) for instant in range(*window)))


def work(name: str, window: tuple[int, int], touched: Collection[str]) -> Maintenance:
    return Maintenance(name, name, *window, tuple(sorted(touched)), "cab", 0)


@given(DEPENDENCIES, WINDOWS, SOME, WINDOWS, SOME, st.sets(st.sampled_from(NAMES), max_size=2))
def test_pairs_are_what_every_instant_says(
    dependencies: list[Dependency],
    window: tuple[int, int],
    touched: set[str],
    other_window: tuple[int, int],
    other: set[str],
    down: set[str],
) -> None:
    topology = Topology([], dependencies)
    works = work("ours", window, touched), work("theirs", other_window, other)
    found = pairs_taken(topology, works[0], [works[1]], dict.fromkeys(down, "a case is open"))
    told: dict[str, Lost] = {"alone": set(), "theirs": set(), "down": set()}
    for pair in found:
        kind = "down" if pair.down else pair.work or "alone"
        told[kind] |= {(dependent, frozenset(pair.members)) for dependent in pair.dependents}
    alone = lost(dependencies, window, touched)
    both = max(window[0], other_window[0]), min(window[1], other_window[1])
    assert told["alone"] == alone
    assert told["theirs"] == lost(dependencies, both, touched | other) - alone - lost(dependencies, both, other)
    known = (down & topology.nodes.keys()) - touched
    assert told["down"] == (lost(dependencies, window, touched, known) - alone if known else set())
