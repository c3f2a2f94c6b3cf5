"""What is found around the case of a group: its members and what they share."""

from upheld.agreements.parties import Resource
from upheld.agreements.units import MINUTE
from upheld.analysis.findings import findings
from upheld.analysis.model import Change
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
    found = findings("site-7", CONDITIONS, RESOURCES, changes, (), NOW, ("path-a", "path-b"))
    assert found["affected"] == ["elsewhere"]
    assert [(c["resource"], c["bad"]) for c in found["cause_candidates"]] == [("switch", ["path-a"])]
    assert [c["id"] for c in found["changes"]] == ["c"]


def test_where_nothing_tells_which_members_are_bad_all_may_be() -> None:
    found = findings("site-7", {("x", "o", "site-7"): BAD}, RESOURCES, (), (), NOW, ("path-a", "path-b"))
    assert [(c["resource"], c["bad"]) for c in found["cause_candidates"]] == [("switch", ["path-a", "path-b"])]


def test_a_service_by_itself_is_found_as_ever() -> None:
    found = findings("path-a", CONDITIONS, RESOURCES, (), (), NOW)
    assert found["affected"] == ["elsewhere", "site-7"]
    assert [(c["resource"], c["bad"]) for c in found["cause_candidates"]] == [("switch", ["path-a"])]
