"""What fails with what: the topology agrees with a slow plain model, whatever loops and alternatives there are."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from upheld.analysis.topology import Dependency, Impact, Node, Topology

NAMES = [f"n{i}" for i in range(7)]
TIMES = st.none() | st.integers(0, 6)
DEPENDENCIES = st.lists(
    st.builds(
        Dependency,
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        st.none() | st.sampled_from(["g", "h"]),
        TIMES,
        TIMES,
    ),
    max_size=18,
)
SOME = st.sets(st.sampled_from(NAMES), max_size=3)


def plain(dependencies: Collection[Dependency], instant: int, failed: Collection[str], down: Collection[str]) -> Impact:
    """As `Standing.hit_by`: round after round over all dependencies until nothing changes."""
    standing = [
        d for d in dependencies if (d.valid_from or 0) <= instant and (d.valid_to is None or instant < d.valid_to)
    ]

    def needs(name: str) -> list[set[str]]:
        """Sets of nodes of which one each must be up."""
        own = [d for d in standing if d.dependent == name]
        groups = {d.redundancy for d in own} - {None}
        return [{d.on} for d in own if d.redundancy is None] + [
            {d.on for d in own if d.redundancy == group} for group in sorted(groups)
        ]

    hit = set(failed)
    while True:
        # What the others hit by themselves is not told: a need counts where something that is newly hit is in it.
        more = {
            name for name in NAMES if name not in hit and any(n <= hit | set(down) and n & hit for n in needs(name))
        }
        if not more:
            break
        hit |= more
    standing_up = [name for name in NAMES if name not in hit and name not in down]
    unprotected = {name for name in standing_up if any(len(n) > 1 and n & hit for n in needs(name))}
    while True:
        more = {
            name
            for name in standing_up
            if name not in unprotected and any(len(n) == 1 and n <= unprotected for n in needs(name))
        }
        if not more:
            return Impact(frozenset(hit), frozenset(unprotected))
        unprotected |= more


@given(DEPENDENCIES, st.integers(0, 6), SOME, SOME)
def test_what_a_failure_hits_is_what_the_plain_model_says(
    dependencies: list[Dependency], instant: int, failed: set[str], down: set[str]
) -> None:
    found = Topology([], dependencies).at(instant).hit_by(failed, down)
    assert found == plain(dependencies, instant, failed, down)
    assert not found.hit & found.unprotected


@given(DEPENDENCIES, st.integers(0, 6), SOME, SOME)
def test_more_that_fails_hits_no_less(
    dependencies: list[Dependency], instant: int, failed: set[str], also: set[str]
) -> None:
    standing = Topology([], dependencies).at(instant)
    assert standing.hit_by(failed).hit <= standing.hit_by(failed | also).hit


@given(DEPENDENCIES, st.integers(0, 6), st.sampled_from(NAMES))
def test_what_is_hit_or_unprotected_is_carried_and_what_it_runs_over_is_concerned(
    dependencies: list[Dependency], instant: int, name: str
) -> None:
    services = [Node(one, "service") for one in NAMES]
    standing = Topology(services, dependencies).at(instant)
    found = standing.hit_by({name})
    assert (found.hit | found.unprotected) - {name} <= standing.carried(name)
    for other in standing.carried(name):
        assert name in standing.concerned([other])


@given(DEPENDENCIES, st.lists(st.integers(0, 6), max_size=30))
def test_a_topology_stands_the_same_whatever_was_asked_before(
    dependencies: list[Dependency], instants: list[int]
) -> None:
    one = Topology([], dependencies)
    for instant in instants:
        fresh = Topology([], dependencies).at(instant)
        assert [one.at(instant).carried(name) for name in NAMES] == [fresh.carried(name) for name in NAMES]
