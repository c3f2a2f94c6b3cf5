"""What was done and what alarms tell, as evidence for a cause, in small worlds worked out by hand."""

from typing import Any

import pytest

from upheld.agreements.parties import Resource
from upheld.agreements.units import HOUR, MINUTE
from upheld.analysis.alarms import Alarm
from upheld.analysis.clues import likeliest, named
from upheld.analysis.findings import findings, scene
from upheld.analysis.model import Change
from upheld.analysis.topology import joined
from upheld.assessment.verdict import Condition
from upheld.cases.problems import shared_causes, suspect
from upheld.maintenance.model import Maintenance

NOW = 30_000 * MINUTE
SINCE = NOW - 10 * MINUTE
BAD, GOOD = Condition(NOW, 0), Condition(NOW - 100 * MINUTE, 100 * MINUTE)
SWITCH = (Resource(id="sw-1", carries=("vpn-1", "vpn-2", "vpn-3")),)
ONE_BAD = {("x", "o", "vpn-1"): GOOD, ("x", "o", "vpn-2"): BAD, ("x", "o", "vpn-3"): GOOD}
CUSTOMERS = {"vpn-1": ["acme"], "vpn-2": ["bell"]}


def found(*alarms: Alarm, changes: Any = (), works: Any = (), conditions: Any = ONE_BAD) -> dict[str, Any]:
    around = scene(conditions, joined(None, SWITCH, CUSTOMERS).at(NOW), changes, works, NOW)
    return findings(around, "vpn-2", (), alarms, SINCE)


def alarm(
    about: str = "sw-1", severity: str | None = "critical", raised: int = SINCE, cleared: int | None = None
) -> Alarm:
    fields = {"alarmedObject": {"id": about}, "alarmDetails": "fan tray failed"}
    return Alarm(7, "nms", "17", raised, cleared, severity, fields, {}, (), (), raised, None, raised, raised)


def change(minutes_before: int, *services: str) -> Change:
    return Change("CHG-1", SINCE - minutes_before * MINUTE, "new routing policy", services, "core team")


def work(start: int, end: int, **more: Any) -> Maintenance:
    return Maintenance("W-1", "Splicing", start, end, ("sw-1",), "board", 0, **more)


def test_where_hardly_anything_speaks_for_a_cause_no_one_is_likely_nobody_is_said_to_be_hit() -> None:
    told = found()
    (switch,) = told["cause_candidates"]
    assert (switch["resource"], switch["score"]) == ("sw-1", 0.25)
    assert likeliest(told["cause_candidates"]) is None
    assert suspect(told) is None
    assert (told["customers_hit"], told["customers_hit_by"]) == ([], None)


def test_an_alarm_about_a_resource_speaks_for_it_with_its_reason_and_link() -> None:
    told = found(alarm(raised=SINCE - 2 * MINUTE))
    (switch,) = told["cause_candidates"]
    # 0.8 for critical, two minutes of an hour old, a third of what it carries bad: 0.8 / (1 + 1/30) * (1 + 1/3) / 2
    assert switch["score"] == pytest.approx(1 - 0.75 * (1 - 0.8 / (31 / 30) * 2 / 3), abs=0.001)
    assert switch["reasons"] == [
        "critical alarm about it from nms, raised 2 min before vpn-2 went bad: fan tray failed"
    ]
    assert switch["alarms"][0]["href"] == "/tmf-api/alarm/v4/alarm/7"
    assert (suspect(told), told["customers_hit_by"]) == ("sw-1", "sw-1")


def score(*alarms: Alarm) -> float:
    return float(found(*alarms)["cause_candidates"][0]["score"])


def test_an_alarm_counts_by_severity_and_age_and_not_once_it_is_over() -> None:
    assert score(alarm()) > score(alarm(severity="major")) > score(alarm(severity="warning")) > score()
    assert score(alarm()) > score(alarm(raised=SINCE - HOUR)) > score(alarm(raised=SINCE - 20 * HOUR)) > score()
    assert score(alarm(raised=SINCE + MINUTE)) == score(alarm())  # told a little late
    assert score(alarm(raised=SINCE - HOUR, cleared=SINCE - HOUR // 2)) == score()
    assert score(alarm("sw-9")) == score()
    assert score(alarm(), alarm(severity="major")) == score(alarm())  # two of the same trouble are not twice as much


def test_a_change_shortly_before_of_just_what_went_bad_is_the_likeliest_cause() -> None:
    told = found(changes=(change(8, "vpn-2"),))
    first, second = told["cause_candidates"]
    assert (first["resource"], first["kind"], second["resource"]) == ("CHG-1", "change", "sw-1")
    assert first["score"] == pytest.approx(0.8 / (1 + 8 / 60), abs=0.001)
    assert first["reason"] == (
        "changed 8 min before vpn-2 went bad; 1 of the 1 services that it touches were bad within ten minutes"
    )
    assert named(first) == "change CHG-1 (new routing policy)"
    assert [c["id"] for c in told["changes"]] == ["CHG-1"]


def test_changes_lose_by_time_and_by_what_they_touch_that_is_good() -> None:
    def score(one: Change) -> float:
        (found_one,) = [c for c in found(changes=(one,))["cause_candidates"] if c.get("kind") == "change"]
        return float(found_one["score"])

    assert score(change(8, "vpn-2")) > score(change(120, "vpn-2"))
    assert score(change(8, "vpn-2")) > score(change(8, "sw-1")) == pytest.approx(0.8 / (1 + 8 / 60) / 3, abs=0.001)


def test_what_was_changed_after_it_went_bad_or_touches_only_what_is_good_is_no_cause() -> None:
    for one in (change(-6, "vpn-2"), change(8, "vpn-1")):
        assert [c["resource"] for c in found(changes=(one,))["cause_candidates"]] == ["sw-1"]


def test_works_are_candidates_while_they_go_on_and_more_so_past_their_window() -> None:
    going_on = found(works=(work(SINCE - HOUR, NOW + HOUR),))["cause_candidates"][0]
    assert (going_on["resource"], going_on["kind"], going_on["score"]) == ("W-1", "maintenance", 0.267)
    assert going_on["reason"].startswith("worked on, under way when vpn-2 went bad; 1 of the 3 services")
    assert going_on["href"] == "/v1/maintenance/W-1"
    over = found(works=(work(SINCE - HOUR, SINCE + MINUTE),))["cause_candidates"][0]
    assert (over["kind"], over["score"]) == ("overrun", pytest.approx(0.95 / 3, abs=0.001))
    ended = found(works=(work(SINCE - 3 * HOUR, SINCE - 2 * HOUR, ended_at=SINCE - 2 * HOUR),))["cause_candidates"]
    assert [(c["resource"], c["score"]) for c in ended] == [("sw-1", 0.25), ("W-1", 0.089)]


def test_what_was_done_is_never_the_cause_that_makes_a_problem() -> None:
    every = dict.fromkeys(ONE_BAD, BAD)
    told = found(changes=(change(0, "vpn-1", "vpn-2", "vpn-3"),), conditions=every)
    assert [c["resource"] for c in told["cause_candidates"]] == ["CHG-1", "sw-1"]
    assert [cause.name for cause in shared_causes(told)] == ["sw-1"]
    assert suspect(told) == "sw-1"
