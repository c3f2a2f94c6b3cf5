"""Alarms as a state that availability is assessed by: from the webhook, or TMF642, to the verdict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from .conftest import House
from .test_alarms_api import YAML, alert, webhook

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: outage, good_when: ">= 1", slot: 1m, missing: good}
        period: {rolling: 7d}
        target: 99.9 %
      - id: restoration
        indicator: {kind: duration, metric: outage, limit: 4h}
        period: {rolling: 7d}
        target: 100 %
"""
MAPPING = """
alarms:
  - {labels: {alertname: LinkDown}, service: "{line}", metric: outage}
  - {labels: {alarmType: Communications Alarm}, service: "{affectedService.id}", metric: outage}
"""
NOW = datetime.now(UTC).replace(second=0, microsecond=0)


def ago(minutes: float) -> str:
    return (NOW - timedelta(minutes=minutes)).isoformat()


@pytest.fixture
def taking(north: TestClient) -> TestClient:
    assert north.put("/v1/agreements", content=PORTFOLIO, headers=YAML).is_success
    assert north.put("/v1/mapping", content=MAPPING, headers=YAML).is_success
    return north


def verdict(house: House, client: TestClient, objective: str = "availability") -> dict[str, Any]:
    house.pulse()
    found = client.get("/v1/verdicts", params={"service": "line-1"}).json()["verdicts"]
    [one] = [v for v in found if v["objective"] == objective]
    assert isinstance(one, dict)
    return one


def test_an_alert_is_an_outage_from_firing_to_resolved_and_a_correction_restates_it(
    house: House, taking: TestClient
) -> None:
    firing = alert(startsAt=ago(60))
    assert taking.post("/v1/alertmanager", json=webhook(firing)).json()["without_event"] == []
    still = verdict(house, taking)
    assert (still["status"], still["bad"] >= 60) == ("violated", True)
    assert taking.post("/v1/alertmanager", json=webhook({**firing, "status": "resolved", "endsAt": ago(50)})).is_success
    over = verdict(house, taking)
    assert (over["status"], over["bad"], over["missing"] > 0) == ("met", 10, True)
    bad = [e for e in over["evidence"] if e["kind"] == "bad"]
    assert [(e["start"], e["end"]) for e in bad] == [(_z(60), _z(50))]
    assert verdict(house, taking, "restoration")["good"] == 1  # the same alert, as an event


def test_an_alarm_of_tmf642_that_is_corrected_counts_as_it_was(house: House, taking: TestClient) -> None:
    alarm = {
        "alarmType": "Communications Alarm",
        "perceivedSeverity": "critical",
        "probableCause": "Loss of signal",
        "alarmedObject": {"id": "router-7"},
        "sourceSystemId": "ems-7",
        "state": "raised",
        "alarmRaisedTime": ago(30),
        "affectedService": [{"id": "line-1"}],
    }
    address = "/tmf-api/alarm/v4/alarm"
    created = taking.post(address, json=alarm).json()["id"]
    assert verdict(house, taking)["bad"] >= 30
    cleared = {"state": "cleared", "alarmClearedTime": ago(10)}
    assert taking.patch(f"{address}/{created}", json=cleared).is_success
    assert verdict(house, taking)["bad"] == 20
    assert taking.patch(f"{address}/{created}", json={"alarmClearedTime": ago(25)}).is_success
    assert verdict(house, taking)["bad"] == 5


def test_two_alarms_that_overlap_are_one_outage(house: House, taking: TestClient) -> None:
    first = alert(startsAt=ago(30), status="resolved", endsAt=ago(20))
    other = alert(startsAt=ago(25), status="resolved", endsAt=ago(10), fingerprint="other")
    for one in (other, first, other):
        assert taking.post("/v1/alertmanager", json=webhook(one)).is_success
    assert verdict(house, taking)["bad"] == 20


def test_events_that_are_posted_count_as_alarms_do(house: House, taking: TestClient) -> None:
    line = f'{{"service": "line-1", "metric": "outage", "event": "INC-1", "opened": "{_z(9)}", "closed": "{_z(6)}"}}'
    answer = taking.post("/v1/events", content=line, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 202, answer.text
    assert verdict(house, taking)["bad"] == 3


def _z(minutes: int) -> str:
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
