"""What is found around the case of a group: its members and what they share."""

import pytest

from upheld.agreements.parties import Resource
from upheld.agreements.units import MINUTE
from upheld.analysis.findings import findings, scene
from upheld.analysis.model import Change
from upheld.analysis.topology import joined
from upheld.assessment.verdict import Condition

NOW = 1_000 * MINUTE
BAD, LONG_GOOD = Condition(NOW, 0), Condition(NOW - 100 * MINUTE, 100 * MINUTE)
RESOURCES = (Resource(id="switch", carries=("path-a", "path-b", "other")), Resource(id="far", carries=("elsewhere",)))
CONDITIONS = {
    ("x", "o", "site-7"): BAD,
    ("x", "o", "path-a"): BAD,
    ("x", "o", "path-b"): LONG_GOOD,
    ("x", "o", "elsewhere"): BAD,
}


def test_the_members_of_a_group_are_no_other_services_and_count_where_they_are_bad() -> None:
    changes = (Change(id="c", at=NOW - MINUTE, summary="new card", services=("path-b",), author="ann"),)
    found = findings(
        scene(CONDITIONS, joined(None, RESOURCES, {}).at(NOW), changes, (), NOW), "site-7", ("path-a", "path-b")
    )
    assert found["affected"] == ["elsewhere"]
    assert [(c["resource"], c["bad"]) for c in found["cause_candidates"]] == [("switch", ["path-a"])]
    assert [c["id"] for c in found["changes"]] == ["c"]


def test_where_nothing_tells_which_members_are_bad_all_may_be() -> None:
    found = findings(
        scene({("x", "o", "site-7"): BAD}, joined(None, RESOURCES, {}).at(NOW), (), (), NOW),
        "site-7",
        ("path-a", "path-b"),
    )
    assert [(c["resource"], c["bad"]) for c in found["cause_candidates"]] == [("switch", ["path-a", "path-b"])]


def test_a_service_by_itself_is_found_as_ever() -> None:
    found = findings(scene(CONDITIONS, joined(None, RESOURCES, {}).at(NOW), (), (), NOW), "path-a")
    assert found["affected"] == ["elsewhere", "site-7"]
    assert [(c["resource"], c["bad"]) for c in found["cause_candidates"]] == [("switch", ["path-a"])]


def test_what_is_shared_by_more_of_the_bad_comes_first_and_resources_may_carry_resources() -> None:
    lines = tuple(f"line-{i}" for i in range(400))
    resources = (
        Resource(id="modem", carries=("line-7",)),
        Resource(id="switch", carries=lines),
        Resource(id="router", carries=("switch", "far-1", "far-2", "far-3")),
    )
    conditions = {("x", "o", name): BAD for name in lines}
    conditions |= {("x", "o", f"far-{i}"): LONG_GOOD for i in (1, 2, 3)}
    found = findings(scene(conditions, joined(None, resources, {}).at(NOW), (), (), NOW), "line-7")["cause_candidates"]
    assert [(c["resource"], c["bad_count"], c["carries"]) for c in found] == [
        ("switch", 400, 400),
        ("router", 400, 403),
        ("modem", 1, 1),
    ]
    assert [c["score"] for c in found] == pytest.approx([0.976, 0.952, 0.5], abs=0.002)
    assert found[0]["score"] > found[1]["score"]
    assert found[1]["reason"] == "400 of the 403 services that it carries were bad within ten minutes"


def test_a_service_that_is_bad_alone_does_not_accuse_what_it_shares() -> None:
    conditions = {("x", "o", "path-a"): BAD} | {("x", "o", f"other-{i}"): LONG_GOOD for i in range(9)}
    resources = (
        Resource(id="switch", carries=("path-a", *(f"other-{i}" for i in range(9)))),
        Resource(id="modem", carries=("path-a",)),
    )
    found = findings(scene(conditions, joined(None, resources, {}).at(NOW), (), (), NOW), "path-a")["cause_candidates"]
    assert [(c["resource"], c["score"]) for c in found] == [("modem", 0.5), ("switch", 0.091)]
