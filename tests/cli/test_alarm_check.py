"""`upheld ingest check` of alarms, as a user runs it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from upheld.cli import app

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1, line-2]
    objectives:
      - id: restoration
        indicator: {kind: duration, metric: outage, limits: {P1: 4h, P2: 8h}}
        period: {calendar: month}
        target: 100 %
      - id: delivery
        indicator: {kind: duration, metric: order, limit: 10d}
        period: {calendar: month}
        target: 95 %
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
"""
MAPPING = """
alarms:
  - labels: {alarmType: Communications Alarm}
    service: "line-{affectedService.id}"
    services: {line-old: line-2}
    metric: outage
    priority: "{perceivedSeverity}"
    priorities: {critical: P1}
  - labels: {alertname: LinkDown}
    service: "{line}"
    metric: outage
  - labels: {alertname: Fan}
    service: "{device}"
"""
ALARM = {
    "alarmType": "Communications Alarm",
    "perceivedSeverity": "critical",
    "probableCause": "Loss of signal",
    "alarmedObject": {"id": "router-7"},
    "sourceSystemId": "ems-7",
    "externalAlarmId": "4711",
    "state": "raised",
    "alarmRaisedTime": "2026-06-01T10:00:00Z",
    "affectedService": [{"id": "1"}, {"id": "old"}],
}
ALERT = {"status": "resolved", "startsAt": "2026-06-01T10:00:00Z", "endsAt": "2026-06-01T10:05:00Z"}
CLEARING = {
    "eventType": "AlarmStateChangeEvent",
    "eventTime": "2026-06-01T10:42:00Z",
    "event": {"alarm": {**ALARM, "id": 17, "state": "cleared", "affectedService": [{"id": "9"}]}},
}


def check(directory: Path, alarms: Any, mapping: str = MAPPING, portfolio: str = PORTFOLIO) -> Result:
    text = alarms if isinstance(alarms, str) else json.dumps(alarms)
    for name, content in {"mapping": mapping, "portfolio": portfolio, "alarms.json": text}.items():
        (directory / name).write_text(content)
    paths = [str(directory / name) for name in ("mapping", "portfolio", "alarms.json")]
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, ["ingest", "check", *paths])


def rows(result: Result) -> list[list[str]]:
    lines = [line for line in result.output.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_it_shows_the_events_that_alarms_would_open(tmp_path: Path) -> None:
    result = check(tmp_path, [ALARM, CLEARING])
    labels = '{affectedService.id="%s",alarmType="Communications Alarm",perceivedSeverity="critical"}'
    at, end = "2026-06-01T10:00:00Z", "2026-06-01T10:42:00Z"
    known = f"outage P1 from {at} to (open)"
    assert rows(result) == [
        [f"ems-7 4711 {labels % 1}", "line-1", known, "gold/restoration"],
        [f"ems-7 4711 {labels % 'old'}", "line-2", known, "gold/restoration"],
        [f"ems-7 17 {labels % 9}", "line-9", f"outage P1 from {at} to {end}", "- (no objective reads it)"],
    ]
    assert result.exit_code == 1


def test_it_says_which_alerts_match_nothing_and_which_objectives_no_rule_feeds(tmp_path: Path) -> None:
    named = (
        {"alertname": "LinkDown", "line": "line-1"},
        {"alertname": "Fan", "device": "router-7"},
        {"alertname": "X"},
    )
    alerts = [{**ALERT, "labels": labels, "fingerprint": str(n)} for n, labels in enumerate(named)]
    result = check(tmp_path, {"version": "4", "alerts": alerts})
    told = "outage from 2026-06-01T10:00:00Z to 2026-06-01T10:05:00Z"
    assert [(row[0].split()[-1], *row[1:]) for row in rows(result)] == [
        ('{alertname="LinkDown",line="line-1"}', "line-1", told, "gold/restoration"),
        ('{alertname="Fan",device="router-7"}', "router-7", "-", "- (the rule has no metric: no event)"),
        ('{alertname="X"}', "-", "-", "- (no rule matches)"),
    ]
    unfed = [line for line in result.output.splitlines() if line.startswith("no alarm rule")]
    assert unfed == [f"no alarm rule feeds gold/delivery (line-{n} order)" for n in (1, 2)]
    assert result.exit_code == 1


def test_all_is_well_where_every_alarm_is_read_and_every_objective_has_a_rule(tmp_path: Path) -> None:
    rule = '\n  - {labels: {alertname: Late}, service: "{line}", metric: "{what}"}\n'
    result = check(tmp_path, ALARM, mapping=MAPPING.rstrip() + rule)
    assert result.exit_code == 0, result.output
    assert "no alarm rule" not in result.output
    only = 'alarms: [{labels: {alertname: LinkDown}, service: "vpn-{line}", metric: outage}]'
    assert "no alarm rule feeds gold/restoration (line-1 outage)" in check(tmp_path, [], mapping=only).output


@pytest.mark.parametrize(
    ("alarms", "said"),
    [
        ("{", "is not JSON"),
        ({"version": "3", "alerts": []}, "only version 4"),
        ({"version": "4", "alerts": [{**ALERT, "labels": {}}]}, "alerts[0].fingerprint"),
        ([ALARM, {**ALARM, "alarmRaisedTime": "2026-06-01"}], "[1].alarmRaisedTime"),
        ([ALARM, 7], "[1]: is not an object"),
        ({"sourceSystemId": "ems-7"}, "alarmedObject: is missing"),
        ({**CLEARING, "eventType": "Other"}, "eventType: is one of alarmCreateEvent"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path: Path, alarms: Any, said: str) -> None:
    result = check(tmp_path, alarms)
    assert result.exit_code == 2
    assert said in result.output
    assert "alarms.json" in result.output
