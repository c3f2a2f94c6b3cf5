"""When a verdict gets a new version, why, and by whose word. DESIGN rules 9 and 12."""

from dataclasses import replace

import pytest

from upheld.assessment.verdict import Evidence, Verdict
from upheld.assessment.versions import AMENDED, FIRST_ASSESSED, TIME_PASSED, Cause, approver, causes, in_words, numbered
from upheld.measurements.exclusions import Exclusion

BEFORE = Verdict(
    agreement="gold",
    objective="availability",
    service="vpn-1",
    customer="acme",
    period_start=0,
    period_end=100,
    status="violated",
    final=True,
    attained="0.9",
    good=90,
    bad=10,
    missing=10,
    excluded=0,
    budget="5",
    spent="10",
    at_risk_at=30,
    violated_at=40,
    credit=None,
    evidence=(Evidence(20, 40, "bad"), Evidence(60, 70, "missing")),
)
FLOOD = Evidence(20, 40, "excluded", "flood")


def told(*evidence: Evidence) -> Verdict:
    """The verdict with other evidence, and other figures."""
    return replace(BEFORE, bad=5, evidence=evidence)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (told(FLOOD, Evidence(60, 70, "missing")), "exclusion granted: flood"),
        (told(Evidence(20, 40, "bad")), "late data"),
        (told(FLOOD), "exclusion granted: flood, late data"),
        (told(Evidence(20, 40, "bad"), Evidence(60, 70, "excluded", "flood")), "exclusion granted: flood"),
        (told(Evidence(20, 30, "bad"), Evidence(60, 70, "missing")), "corrected data"),
        (told(Evidence(20, 40, "bad"), Evidence(50, 70, "missing")), "corrected data"),
        (replace(BEFORE, claim_by=500), "a related verdict was restated"),
        (replace(told(FLOOD), agreement_version=2), "the agreement was amended"),
    ],
)
def test_the_cause_is_told_from_the_two_verdicts(after: Verdict, words: str) -> None:
    restated, found = numbered(BEFORE, after, rolling=False, assessed_until=None)
    assert (restated, in_words(found)) == (replace(after, version=2), words)


def test_what_is_no_more_excluded_was_revoked() -> None:
    assert in_words(causes(told(FLOOD), BEFORE)) == "exclusion revoked: flood"


def test_of_events_more_of_them_are_late() -> None:
    assert in_words(causes(BEFORE, replace(BEFORE, good=91), events=True)) == "late data"
    assert in_words(causes(BEFORE, replace(BEFORE, good=91, bad=9), events=True)) == "corrected data"


def test_what_came_after_what_had_been_assessed_is_no_cause() -> None:
    before, after = replace(BEFORE, final=False, violated_at=None), replace(told(FLOOD), final=False, violated_at=35)
    assert in_words(causes(before, after, 50)) == "exclusion granted: flood"
    assert in_words(causes(before, after, 10)) == "corrected data"


def test_time_alone_gives_no_version_and_an_amendment_without_figures_none_either() -> None:
    running = replace(BEFORE, final=False)
    later = replace(running, good=91, agreement_version=2)
    assert numbered(None, BEFORE, rolling=False, assessed_until=None) == (BEFORE, (FIRST_ASSESSED,))
    assert numbered(running, later, rolling=False, assessed_until=99) == (later, (TIME_PASSED,))
    assert numbered(BEFORE, replace(BEFORE, agreement_version=2), rolling=False, assessed_until=99)[0] == BEFORE


def test_a_rolling_window_may_leave_a_crossing_behind_but_gets_none_in_the_past() -> None:
    window = replace(BEFORE, final=False, at_risk_at=None)
    moved = replace(window, period_start=10, period_end=110, violated_at=None)
    assert numbered(window, moved, rolling=True, assessed_until=100)[1] == (TIME_PASSED,)
    crossed = replace(moved, violated_at=105)
    assert numbered(moved, crossed, rolling=True, assessed_until=100)[1] == (TIME_PASSED,)
    restated, found = numbered(moved, replace(moved, violated_at=95), rolling=True, assessed_until=100)
    assert (restated.version, in_words(found)) == (2, "corrected data")


def test_who_stands_behind_a_cause() -> None:
    granted = Exclusion("vpn-1", 0, 50, "flood", "Grace")
    revoked = Exclusion("*", 30, 60, "flood", "Ada", revoked_at=80, revoked_by="Hedy")
    others = [Exclusion("vpn-2", 0, 50, "flood", "Joan"), Exclusion("vpn-1", 40, 50, "flood", "Karen")]
    known = [granted, revoked, *others]
    grant, revocation = (
        Cause("exclusion_granted", "flood", ((20, 40),)),
        Cause("exclusion_revoked", "flood", ((20, 40),)),
    )
    assert approver([grant], known, {"vpn-1"}) == "Ada, Grace"
    assert approver([revocation], known, {"vpn-1"}) == "Hedy"
    assert approver([AMENDED], known, {"vpn-1"}, applied_by="Katherine") == "Katherine"
    assert approver([Cause("late_data")], known, {"vpn-1"}, delivered_by=["probe", "archive"]) == "archive, probe"
    assert approver([Cause("corrected")], known, {"vpn-1"}) is None
