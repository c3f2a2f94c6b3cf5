"""What holds of an alarm, whatever the order in which its reports come, and the events that follow."""

from dataclasses import replace
from itertools import permutations

import pytest

from upheld.agreements.units import MINUTE
from upheld.analysis.alarms import LATE, Alarm, Contradiction, Outcome, Report, taken
from upheld.measurements.events import ServiceEvent, holding_events
from upheld.readers.mapping import parse_mapping

NOON = 1_780_000_000_000_000
MAPPING = parse_mapping(
    """
alarms:
  - labels: {perceivedSeverity: [critical, major]}
    service: "{affectedService.id}"
    metric: outage
    priority: "{perceivedSeverity}"
    priorities: {critical: P1}
  - labels: {alertname: {regex: "Link.*"}}
    service: "{line}"
    metric: outage
""",
    "mapping",
)
READ = {("vpn-1", "outage"), ("vpn-2", "outage")}
FIRING = Report("alertmanager", "f1", NOON, None, labels={"alertname": "LinkDown", "line": "vpn-1"}, reopens=True)
RESOLVED = replace(FIRING, cleared_at=NOON + 5 * MINUTE)
ALARM = {"affectedService": [{"id": "vpn-1"}, {"id": "vpn-2"}], "perceivedSeverity": "critical"}
RAISED = Report("nms", "17", NOON, None, "critical", at=NOON, fields=ALARM)
CLEARED = Report("nms", "17", None, NOON + 9 * MINUTE, None, at=NOON + 9 * MINUTE, fields={"state": "cleared"})


def told(*reports: Report, step: int = MINUTE) -> tuple[Alarm | None, list[ServiceEvent]]:
    """What is known after these reports, `step` apart, and what holds of the events."""
    known, events = None, []
    for number, report in enumerate(reports):
        outcome: Outcome = taken(known, report, MAPPING, READ, NOON + number * step)
        known = outcome.alarm
        events += outcome.events
    return known, holding_events(events)


def spans(*reports: Report, step: int = MINUTE) -> set[tuple[str, int, int | None, str | None]]:
    return {(e.service, e.opened, e.closed, e.priority) for e in told(*reports, step=step)[1]}


def test_an_alert_opens_an_event_and_its_resolving_closes_it() -> None:
    assert spans(FIRING) == {("vpn-1", NOON, None, None)}
    assert spans(FIRING, FIRING, RESOLVED, RESOLVED) == {("vpn-1", NOON, NOON + 5 * MINUTE, None)}


def test_the_same_report_again_changes_nothing() -> None:
    known, _ = told(FIRING)
    outcome = taken(known, FIRING, MAPPING, READ, NOON + MINUTE)
    assert (outcome.changed, outcome.events, outcome.alarm) == (False, (), known)


def test_what_was_on_its_way_does_not_open_again_what_was_resolved_and_what_fires_later_does() -> None:
    assert spans(RESOLVED, FIRING) == {("vpn-1", NOON, NOON + 5 * MINUTE, None)}
    assert spans(RESOLVED, FIRING, step=LATE + 1) == {("vpn-1", NOON, None, None)}


def test_an_alarm_opens_an_event_for_each_service_that_it_affects() -> None:
    end = NOON + 9 * MINUTE
    assert spans(RAISED, CLEARED) == {("vpn-1", NOON, end, "P1"), ("vpn-2", NOON, end, "P1")}


def test_the_order_of_notifications_does_not_matter() -> None:
    milder = replace(RAISED, severity="minor", at=NOON + MINUTE, fields={**ALARM, "perceivedSeverity": "minor"})
    for order in permutations([RAISED, CLEARED, RAISED, milder]):
        alarm, events = told(*order)
        assert alarm is not None
        assert alarm.cleared_at == NOON + 9 * MINUTE
        assert {(event.service, event.opened, event.closed, event.priority) for event in events} == {
            ("vpn-1", NOON, NOON + 9 * MINUTE, "P1"),
            ("vpn-2", NOON, NOON + 9 * MINUTE, "P1"),
        }
    assert len(spans(RAISED, milder, CLEARED)) == 2, "an event that was opened is closed, though no rule matches now"


def test_a_number_that_is_used_again_after_the_clearing_is_another_event() -> None:
    again = replace(RAISED, raised_at=NOON + 20 * MINUTE, at=NOON + 20 * MINUTE)
    assert {s for s in spans(RAISED, CLEARED, again) if s[0] == "vpn-1"} == {
        ("vpn-1", NOON, NOON + 9 * MINUTE, "P1"),
        ("vpn-1", NOON + 20 * MINUTE, None, "P1"),
    }


def test_a_later_word_on_the_clearing_corrects_it() -> None:
    assert spans(FIRING, RESOLVED, replace(RESOLVED, cleared_at=NOON + 7 * MINUTE)) == {
        ("vpn-1", NOON, NOON + 7 * MINUTE, None)
    }


def test_a_clearing_before_the_raising_is_refused() -> None:
    known, _ = told(RAISED)
    with pytest.raises(Contradiction, match="before it was raised"):
        taken(known, replace(CLEARED, cleared_at=NOON - 1), MAPPING, READ, NOON)


def test_what_opens_no_event_says_why() -> None:
    for labels, said in (
        ({"alertname": "DiskFull"}, "no rule matches"),
        ({"alertname": "LinkDown"}, "rule 2: the alarm has no label line"),
        ({"alertname": "LinkDown", "line": "vpn-9"}, "no objective reads events of 'outage' of 'vpn-9'"),
    ):
        outcome = taken(None, replace(FIRING, labels=labels), MAPPING, READ, NOON)
        assert (outcome.events, outcome.reasons) == ((), (said,))


def test_what_only_says_that_it_is_cleared_moves_no_clearing_that_was_told() -> None:
    end = NOON + 9 * MINUTE
    exact = replace(CLEARED, fields={"state": "cleared", "alarmClearedTime": "told"})
    acknowledged = replace(CLEARED, cleared_at=end + MINUTE, at=end + MINUTE, clearing_told=False)
    commented = replace(CLEARED, cleared_at=end + 2 * MINUTE, at=end + 2 * MINUTE, clearing_told=False)
    for order in permutations([RAISED, exact, acknowledged, commented]):
        assert {span[2] for span in spans(*order)} == {end}
    for order in permutations([RAISED, acknowledged, commented]):
        assert {span[2] for span in spans(*order)} == {end + MINUTE}, "of those, the first says the most"
