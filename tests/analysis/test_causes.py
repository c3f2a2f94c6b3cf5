"""The ranking of causes: where it points in small worlds worked out by hand, and what must not change it."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.analysis.causes import Candidate, rank_causes
from upheld.analysis.movement import Kind, Node, Reading

CALLS = {"shop": ["search", "pay"], "search": ["table"], "pay": ["bank"]}
NAMES = ("shop", "search", "pay", "table", "bank")
RISE = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
HOUR = 3_600_000_000


def series(usual: float, added: float = 0.0, rise: np.ndarray = RISE, seed: int = 0) -> Reading:
    noise = np.random.default_rng(seed).normal(0, 0.03, 105)
    return Reading(usual * (1 + noise[:100]), usual * (1 + noise[100:]) + added * rise)


def node(latency: float = 0.0, failing: float = 0.0, requests: float = 0.0, seed: int = 0) -> Node:
    """A node that answers 1000 requests in 0.1 s, and what is added to that while the target is bad."""
    return {
        "latency": series(0.1, latency, seed=seed),
        "availability": Reading(np.full(100, 100.0), 100 - failing * RISE),
        "requests": series(1000, requests, seed=seed + 1),
    }


def world(**changed: Node) -> dict[str, Node]:
    return {name: changed.get(name, node(seed=10 * i)) for i, name in enumerate(NAMES)}


def first(nodes: Mapping[str, Node], kind: Kind = "latency", **more: object) -> Candidate:
    return rank_causes(CALLS, nodes, "shop", kind, **more)[0]  # type: ignore[arg-type]


def test_the_deepest_node_whose_harm_nothing_beneath_accounts_for_comes_first() -> None:
    slow = world(shop=node(0.2), search=node(0.2), table=node(0.2))
    assert first(slow).node == "table"
    assert first(world(shop=node(0.2), search=node(0.2))).node == "search"
    assert first(world(shop=node(0.2))).node == "shop"


def test_errors_are_followed_as_lateness_is() -> None:
    failing = world(shop=node(failing=5), pay=node(failing=5), bank=node(failing=5))
    assert first(failing, "availability").node == "bank"


def test_what_changed_at_another_time_or_to_the_better_is_no_cause() -> None:
    faster = {**node(), "latency": series(0.1, -0.05)}
    earlier = {**node(), "latency": series(0.1, 0.5, np.array([1.0, 0.2, 0.0, 0.0, 0.0]))}
    ranking = rank_causes(CALLS, world(shop=node(0.2), search=node(0.2), pay=faster, bank=earlier), "shop", "latency")
    assert ranking[0].node == "search"
    assert all(c.score < 0.05 for c in ranking if c.node in ("pay", "bank"))


def test_a_level_that_has_drifted_since_normal_operation_is_no_cause() -> None:
    drifted = {**node(), "latency": Reading(series(0.1).normal, series(0.5).case)}
    assert first(world(shop=node(0.2), search=node(0.2), bank=drifted)).node == "search"


def test_a_case_that_was_bad_throughout_is_held_against_normal_operation() -> None:
    def throughout(added: float) -> Node:
        return {**node(), "latency": series(0.1, added, np.ones(5))}

    assert first(world(shop=throughout(0.2), search=throughout(0.2))).node == "search"


def test_harm_that_is_too_small_to_matter_to_the_target_comes_after_what_matters() -> None:
    few = {**node(), "latency": series(0.1, 5.0), "requests": series(4)}
    assert first(world(shop=node(0.2), search=node(0.2), bank=few)).node == "search"


def test_load_that_enters_at_a_node_is_followed_to_where_it_enters() -> None:
    busy = world(shop=node(0.4), search=node(0.3, requests=3000), table=node(0.3, requests=3000))
    found = first(busy)
    assert found.node == "search"
    assert any("which its callers' own load does not account for" in reason for reason in found.reasons)


def test_a_dependency_that_was_not_called_before_is_its_callers_doing() -> None:
    wrong = {"availability": Reading(np.empty(0), np.array([np.nan, 0, 0, 0, np.nan])), "requests": series(50)}
    calls = {**CALLS, "search": ["table", "wrong"]}
    nodes = {**world(shop=node(failing=5), search=node(failing=5)), "wrong": wrong}
    assert [c.node for c in rank_causes(calls, nodes, "shop", "availability")][:2] == ["search", "wrong"]


def test_what_is_not_measured_is_judged_by_those_that_depend_on_it() -> None:
    calls = {f"line-{i}": ["switch", f"modem-{i}"] for i in range(9)}
    states = {f"line-{i}": 1.0 for i in range(8)} | {"line-8": 0.0}
    found = rank_causes(calls, {}, "line-0", "availability", states=states)
    assert found[0].node == "switch"
    (reason,) = found[0].reasons
    assert reason == "nothing is measured of it; 8 of the 9 measured that depend on it got worse when line-0 did"
    alone = rank_causes(calls, {}, "line-0", "availability", states={**states, **dict.fromkeys(list(states)[1:], 0.0)})
    assert [c.node for c in alone][:2] == ["line-0", "modem-0"]


def test_a_percentile_says_when_the_target_was_bad_and_means_say_how_bad() -> None:
    late = np.array([0.0, 0.0, 0.0, 1.0, 1.0])
    nodes = world(search={**node(), "latency": series(0.1, 0.2, late)}, bank=node(0.2))
    assert first(nodes, symptom=series(0.3, 9.0, late)).node == "search"
    assert first(nodes, symptom=series(0.3, 9.0)).node == "bank"


def test_the_reasons_hold_the_figures() -> None:
    found = first(world(shop=node(0.2), search=node(0.2)), starts=[i * HOUR for i in range(5)])
    assert found.reasons[0].startswith("latency went from 0.106 s to 0.299 s while shop was bad: ")
    assert found.reasons[0].endswith(" deviations of normal operation, from 1970-01-01T01:00:00Z on")
    assert "s waited more in each interval, against" in found.reasons[1]


def test_a_cycle_of_dependencies_ends() -> None:
    calls = {**CALLS, "table": ["search", "shop"]}
    nodes = world(shop=node(0.2), search=node(0.2))
    assert {c.node for c in rank_causes(calls, nodes, "shop", "latency")} == set(NAMES)


# -- laws -----------------------------------------------------------------------------------------------------------

HARMS = st.fixed_dictionaries({name: st.sampled_from([0.0, 0.02, 0.2, 1.0]) for name in NAMES})


@settings(max_examples=25)
@given(HARMS, st.permutations(NAMES), st.sampled_from([0.001, 1000.0]))
def test_neither_the_order_and_names_of_nodes_nor_the_unit_matters(
    harms: dict[str, float], names: list[str], unit: float
) -> None:
    renamed = dict(zip(NAMES, names, strict=True))
    nodes = {name: node(harm, seed=10 * i) for i, (name, harm) in enumerate(harms.items())}
    other = {
        renamed[name]: {**n, "latency": Reading(n["latency"].normal * unit, n["latency"].case * unit)}
        for name, n in reversed(nodes.items())
    }
    calls = {renamed[name]: [renamed[c] for c in found] for name, found in CALLS.items()}
    scores = {renamed[c.node]: c.score for c in rank_causes(CALLS, nodes, "shop", "latency")}
    again = {c.node: c.score for c in rank_causes(calls, other, renamed["shop"], "latency")}
    assert again == pytest.approx(scores, abs=1e-9)


FIGURES = st.sampled_from([0.0, 1.0, 100.0, -3.0, 1e12, float("nan")])
ANYTHING = st.builds(
    lambda normal, case: Reading(np.array(normal, float), np.array(case, float)),
    st.lists(FIGURES, max_size=6),
    st.lists(FIGURES, min_size=3, max_size=3),
)
ANY_NODES = st.dictionaries(
    st.sampled_from([*NAMES, "elsewhere"]),
    st.dictionaries(st.sampled_from(["latency", "availability", "requests"]), ANYTHING),
)


@settings(max_examples=50)
@given(ANY_NODES, st.sampled_from(["latency", "availability", "requests"]))
def test_gaps_constants_and_nonsense_give_scores_and_the_same_ones_again(nodes: dict[str, Node], kind: Kind) -> None:
    found = rank_causes(CALLS, nodes, "shop", kind)
    assert {c.node for c in found} == {*NAMES, *nodes}
    assert all(0 <= c.score <= 1 for c in found)
    assert found == rank_causes(CALLS, nodes, "shop", kind)
