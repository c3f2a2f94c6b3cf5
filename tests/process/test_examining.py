"""Cases examined by what was measured: causes ranked by series, and whether the measurements look sound."""

import pytest
from two_customers import portfolio

from upheld.agreements.units import MINUTE, SECOND
from upheld.analysis.alarms import Report
from upheld.app import DEFAULT_TENANT
from upheld.measurements.mapping import Mapping, Rule
from upheld.measurements.model import Measurement, to_table

SERVICES = {"acme": ("a-1", "a-2", "a-3"), "bell": ("b-1", "b-2", "b-3", "b-4", "b-5")}
EVERY = [*SERVICES["acme"], *SERVICES["bell"]]
CARRIED = {"switch-1": ("a-1", "a-2", "a-3"), "modem-1": ("a-1",)}


@pytest.fixture
def hit(world):
    adopt(world)
    return world


def adopt(world, silent: str | None = None) -> None:
    source = portfolio(SERVICES, CARRIED, target="99.8 %", silent_after=silent)  # of 1,440 slots two may be bad
    world.adopt(source, {"probe-1": EVERY})


def broken(world, *bad: str, **how) -> dict[str, object]:
    """Three quarters of an hour of quiet and three bad minutes; what is found of the first service's case then."""
    for _ in range(45):
        world.minute(**how)
    for _ in range(3):
        world.minute(*bad, **how)
    world.pass_time(20 * SECOND)
    return findings(world, bad[0])


def findings(world, service: str):
    with world.transaction() as t:
        return t.cases_of_services([service], is_open=True, limit=1)[0].findings


def check(found, name: str) -> dict[str, object]:
    (one,) = [c for c in found["measurements"]["checks"] if c["check"] == name]
    return one


def test_sound_measurements_are_said_to_be(hit) -> None:
    found = broken(hit, "a-1")
    sound = found["measurements"]
    assert (sound["sound"], sound["text"]) == (True, "The measurements look sound")
    assert check(found, "missing")["text"].startswith("0 of ")
    assert check(found, "unrelated")["text"].startswith("0 of 5 services that probe-1 measures too")
    assert [sender["name"] for sender in sound["senders"]] == ["probe-1"]


def test_the_series_rank_the_causes_and_reasons_name_figures(hit) -> None:
    first, second = broken(hit, "a-1")["cause_candidates"]
    assert (first["resource"], second["resource"]) == ("modem-1", "switch-1")
    assert (first["score"], second["score"]) == (pytest.approx(0.5, abs=0.01), pytest.approx(0.25, abs=0.01))
    assert any("reachable went from 100 % to 0 %" in reason for reason in first["reasons"])
    assert any(
        reason.startswith("a-2: did not get worse meanwhile (reachable stayed at 100 %)")
        for reason in second["reasons"]
    )


def test_unrelated_services_of_one_probe_that_go_bad_together_speak_against_the_probe(hit) -> None:
    found = broken(hit, "a-1", *SERVICES["bell"])
    assert not found["measurements"]["sound"]
    assert found["measurements"]["text"].startswith(
        "The probe may be at fault: 5 of 5 services that probe-1 measures too"
    )


def test_it_is_not_the_probe_where_what_others_measure_goes_bad_too(hit) -> None:
    hit.measured = {"probe-1": SERVICES["acme"], "probe-2": SERVICES["bell"]}
    found = broken(hit, "a-1", *SERVICES["bell"])
    assert found["measurements"]["sound"]


def test_missing_and_late_measurements_are_counted_and_doubted(hit) -> None:
    for _ in range(45):
        hit.minute()
    for _ in range(2):
        hit.minute("a-1")
    start = hit.clock.at
    for _ in range(12):
        hit.minute(left_out=("a-1",))
    late = [Measurement("a-1", "reachable", start, 0.0, known_at=hit.clock.at)]
    hit.process.take_measurements(DEFAULT_TENANT, to_table(late), "probe-1")
    hit.run()
    hit.pass_time(20 * SECOND)
    found = findings(hit, "a-1")
    assert not check(found, "missing")["sound"]
    assert check(found, "late")["text"].startswith("1 of ")


def test_corrections_and_duplicates_are_told_apart(hit) -> None:
    for _ in range(45):
        hit.minute()
    at = hit.clock.at
    hit.minute("a-1")
    hit.minute()
    again = [Measurement("a-1", "reachable", at, 0.0, known_at=hit.clock.at)]
    other = [Measurement("a-1", "reachable", at + MINUTE, 0.0, known_at=hit.clock.at - 1)]
    for rows in (again, other):
        hit.process.take_measurements(DEFAULT_TENANT, to_table(rows), "probe-1")
    hit.minute("a-1")
    hit.pass_time(20 * SECOND)
    found = findings(hit, "a-1")
    assert check(found, "corrected")["text"].startswith("1 of ")
    assert check(found, "duplicates")["text"].startswith("1 of ")


def test_a_problem_has_its_first_case_examined_and_the_others_not(hit) -> None:
    for _ in range(45):
        hit.minute()
    for _ in range(3):
        hit.minute(*SERVICES["acme"])
    hit.pass_time(20 * SECOND)
    examined = [name for name in SERVICES["acme"] if "measurements" in findings(hit, name)]
    assert len(examined) == 1
    other = next(name for name in SERVICES["acme"] if name not in examined)
    with hit.transaction() as t:
        case = t.cases_of_services([other], is_open=True, limit=1)[0]
    assert hit.process.cases.examine_again(DEFAULT_TENANT, case.id) == "taken"
    assert findings(hit, other)["measurements"]["sound"]
    assert hit.process.cases.examine_again(DEFAULT_TENANT, "C-NONE") == "unknown"
    (first, *_) = findings(hit, examined[0])["cause_candidates"]
    assert first["resource"] == "switch-1"
    assert first["score"] == pytest.approx(0.75, abs=0.01)  # of three witnesses, one voice held back


def test_a_silence_of_all_that_a_probe_measures_speaks_against_it(world) -> None:
    adopt(world, "5m")
    for _ in range(45):
        world.minute()
    world.pass_time(6 * MINUTE)
    world.pass_time(20 * SECOND)
    found = [findings(world, name) for name in EVERY]
    assert any("The probe may be at fault" in f["measurements"]["text"] for f in found if "measurements" in f)


def test_the_report_and_the_timeline_tell_of_it(hit) -> None:
    broken(hit, "a-1")
    with hit.transaction() as t:
        case = t.cases_of_services(["a-1"], is_open=True, limit=1)[0]
        assert "examined" in [event.type for event in t.events(case.id)]
    report = hit.process.cases.incident_report(DEFAULT_TENANT, case.id)
    assert "## Whether the measurements are sound" in report
    assert "  - a-1: reachable went from 100 % to 0 %" in report


def test_an_alarm_that_comes_after_the_case_speaks_for_its_resource_once_it_is_examined_again(hit) -> None:
    broken(hit, "a-1")
    with hit.transaction() as t:
        case = t.cases_of_services(["a-1"], is_open=True, limit=1)[0]
    fields = {"alarmedObject": {"id": "switch-1"}, "alarmDetails": "fan tray failed"}
    at = hit.clock.at
    unread = Mapping(series=(Rule(labels={"a": "b"}, service="s", metric="m"),))
    hit.process.take_alarms(DEFAULT_TENANT, [Report("nms", "17", at, None, "critical", at, fields)], unread)
    assert hit.process.cases.examine_again(DEFAULT_TENANT, case.id) == "taken"
    first, second = findings(hit, "a-1")["cause_candidates"]
    assert (first["resource"], second["resource"]) == ("switch-1", "modem-1")
    assert first["reasons"][0].endswith("after a-1 went bad: fan tray failed")
    assert hit.process.cases.examine_again(DEFAULT_TENANT, case.id) == "taken"
    assert findings(hit, "a-1")["cause_candidates"][0]["score"] == first["score"]  # the alarm counts once
