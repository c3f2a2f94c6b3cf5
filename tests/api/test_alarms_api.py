"""Alertmanager's webhook: what is taken, what is rejected with its reason, and who may do what."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from .conftest import House

MAPPING = """
alarms:
  - labels: {alertname: LinkDown}
    service: "{line}"
    metric: outage
"""
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: restoration
        indicator: {kind: duration, metric: outage, limit: 4h}
        period: {calendar: month}
        target: 100 %
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: day}
        target: 99.9 %
resources:
  - {id: router-7, carries: [line-1]}
"""
YAML = {"Content-Type": "application/yaml"}
NOW = datetime.now(UTC).replace(microsecond=0)


def alert(**changes: Any) -> dict[str, Any]:
    return {
        "status": "firing",
        "labels": {"alertname": "LinkDown", "line": "line-1", "severity": "page"},
        "annotations": {"description": "no answer"},
        "startsAt": (NOW - timedelta(hours=1)).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "a1b2",
        **changes,
    }


def webhook(*alerts: Any, version: str = "4") -> dict[str, Any]:
    return {"version": version, "groupKey": "{}:{}", "status": "firing", "receiver": "upheld", "alerts": list(alerts)}


@pytest.fixture
def taking(north: TestClient) -> TestClient:
    assert north.put("/v1/agreements", content=PORTFOLIO, headers=YAML).is_success
    assert north.put("/v1/mapping", content=MAPPING, headers=YAML).is_success
    return north


def test_what_cannot_be_taken_is_rejected_with_its_reason_and_the_rest_is_taken(taking: TestClient) -> None:
    bad = [
        alert(fingerprint="b", status="gone"),
        alert(fingerprint="c", startsAt="2026-06-01T00:00:00"),
        alert(fingerprint="d", status="resolved"),
        alert(fingerprint="e", status="resolved", endsAt="2026-01-01T00:00:00Z"),
        alert(fingerprint="f", startsAt="2100-01-01T00:00:00Z"),
        7,
    ]
    answer = taking.post("/v1/alertmanager", json=webhook(alert(), *bad))
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 1
    assert [(one["alert"], one["field"]) for one in answer.json()["rejected"]] == [
        (2, "status"),
        (3, "startsAt"),
        (4, "endsAt"),
        (5, "endsAt"),
        (6, "startsAt"),
        (7, ""),
    ]
    assert taking.post("/v1/alertmanager", json=webhook(*bad)).status_code == 422


def test_the_alerts_that_cannot_be_taken_are_set_aside_and_replayed(taking: TestClient) -> None:
    ahead = alert(fingerprint="f", startsAt="2100-01-01T00:00:00Z")
    for _ in range(2):
        assert taking.post("/v1/alertmanager", json=webhook(alert(), ahead)).is_success
    assert (
        taking.post("/v1/alertmanager", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    )
    letters = {letter["reason"]: letter for letter in taking.get("/v1/dead-letters").json()["dead_letters"]}
    assert set(letters) == {"refused", "malformed"}
    refused = letters["refused"]
    assert (refused["protocol"], refused["caller"], refused["times"]) == ("Alertmanager", "test", 2)
    assert refused["detail"] == [{"row": 2, "field": "startsAt", "message": "lies too far ahead"}]
    kept = json.loads(taking.get(f"/v1/dead-letters/{refused['id']}").json()["text"])
    assert kept["alerts"] == [ahead]
    for letter in letters.values():
        came = taking.post(f"/v1/dead-letters/{letter['id']}/replay").json()
        assert (came["state"], came["attempts"], came["taken"]) == ("waiting", 1, 0)


def test_an_alert_that_opens_no_event_is_kept_and_says_why(taking: TestClient) -> None:
    answer = taking.post("/v1/alertmanager", json=webhook(alert(labels={"alertname": "DiskFull"})))
    assert answer.json()["without_event"] == [{"reason": "no rule matches", "alerts": 1}]
    listed = taking.get("/v1/alarms", params={"raised": True, "limit": 1})
    assert listed.headers["X-Total-Count"] == "1"
    assert listed.json()["alarms"][0]["events"] == []
    assert taking.get("/v1/alarms", params={"about": "line-1"}).json()["alarms"] == []


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"version": "3", "alerts": []}', '{"alerts": 1, "version": "4"}'])
def test_what_is_no_webhook_is_refused(taking: TestClient, body: str) -> None:
    answer = taking.post("/v1/alertmanager", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text


def test_without_a_mapping_the_sender_is_asked_to_come_again(house: House) -> None:
    client = house.client(house.key("west"))
    answer = client.post("/v1/alertmanager", json=webhook(alert()))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_source_may_deliver_alarms_and_not_read_them_and_tenants_are_kept_apart(
    house: House, taking: TestClient, south: TestClient
) -> None:
    source = house.client(house.key("north", "ingest"))
    assert source.post("/v1/alertmanager", json=webhook(alert())).is_success
    assert source.get("/v1/alarms").status_code == 403
    assert len(taking.get("/v1/alarms").json()["alarms"]) == 1
    assert south.get("/v1/alarms").json()["alarms"] == []


def test_a_case_names_the_alarms_of_its_service_and_of_what_carries_it(house: House, taking: TestClient) -> None:
    rules = MAPPING + '  - {labels: {alertname: Fan}, service: "{device}"}\n'
    assert taking.put("/v1/mapping", content=rules, headers=YAML).is_success
    fan = alert(fingerprint="fan", labels={"alertname": "Fan", "device": "router-7", "severity": "warning"})
    other = alert(fingerprint="other", labels={"alertname": "Fan", "device": "router-8"})
    late = alert(startsAt=(NOW - timedelta(hours=5)).isoformat())
    assert taking.post("/v1/alertmanager", json=webhook(late, fan, other)).is_success
    house.pulse()
    [case] = taking.get("/v1/cases").json()["cases"]
    found = taking.get(f"/v1/cases/{case['id']}").json()["findings"]["alarms"]
    assert [(one["about"], one["severity"], one["text"]) for one in found] == [
        ("router-7", "warning", "no answer"),
        ("line-1", "page", "no answer"),
    ]
    browser = house.client()
    assert browser.post("/login", data={"key": house.key("north")}).status_code == 303
    page = browser.get(f"/cases/{case['id']}").text
    assert "router-7" in page
    assert "router-8" not in page
