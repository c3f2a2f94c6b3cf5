"""TMF642 over HTTP: requests and answers as its specification has them, and the events that alarms open and close."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from upheld.agreements.units import parse_instant
from upheld.measurements.dead_letters import held
from upheld.measurements.events import holding_events

from .conftest import House
from .test_alarms_api import NOW, PORTFOLIO, YAML
from .tmf_definitions import TMF642, faults

BASE = "/tmf-api/alarm/v4"
MAPPING = """
alarms:
  - labels: {alarmType: Communications Alarm, perceivedSeverity: [critical, major]}
    service: "{affectedService.id}"
    metric: outage
  - labels: {sourceSystemId: ems-7}
    service: "{alarmedObject.id}"
"""


def ago(**past: float) -> str:
    return (NOW - timedelta(**past)).isoformat()


RAISED = ago(hours=3)
KINDS = [path.rpartition("/")[2] for path in TMF642["paths"] if "listener" in path]


def alarm(**changes: Any) -> dict[str, Any]:
    """An alarm as its source creates it; None takes an attribute away."""
    document = {
        "alarmType": "Communications Alarm",
        "perceivedSeverity": "critical",
        "probableCause": "Loss of signal",
        "alarmedObject": {"id": "router-7"},
        "sourceSystemId": "ems-7",
        "externalAlarmId": "4711",
        "state": "raised",
        "alarmRaisedTime": RAISED,
        "affectedService": [{"id": "line-1"}],
        "alarmDetails": "no light on port 3",
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def event(kind: str, at: str | None = None, **told: Any) -> tuple[str, dict[str, Any]]:
    """A notification: its path and its body."""
    body = {"eventId": "1", "eventType": kind[0].upper() + kind[1:], "eventTime": at, "event": {"alarm": told}}
    return f"{BASE}/listener/{kind}", {name: value for name, value in body.items() if value is not None}


@pytest.fixture
def taking(north: TestClient) -> TestClient:
    assert north.put("/v1/agreements", content=PORTFOLIO, headers=YAML).is_success
    assert north.put("/v1/mapping", content=MAPPING, headers=YAML).is_success
    return north


def created(client: TestClient, **changes: Any) -> dict[str, Any]:
    body = alarm(**changes)
    assert faults(body, "Alarm_Create") == []
    answer = client.post(f"{BASE}/alarm", json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert faults(document, "Alarm") == []
    assert answer.headers["Location"] == document["href"]
    return document


def changed(client: TestClient, alarm_id: str, **changes: Any) -> dict[str, Any]:
    assert faults(changes, "Alarm_Update") == []
    answer = client.patch(f"{BASE}/alarm/{alarm_id}", json=changes)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert faults(document, "Alarm") == []
    return document


def notified(client: TestClient, *notes: tuple[str, dict[str, Any]]) -> None:
    for path, body in notes:
        assert faults(body, body["eventType"]) == []
        answer = client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        assert faults(answer.json(), "EventSubscription") == []


def spans(house: House) -> list[tuple[str, int, int | None]]:
    """What is held of events: service, opening and closing."""
    with house.application.store.transaction(house.tenant("north"), writing=False) as t:
        told = t.service_events()
    return [(event.service, event.opened, event.closed) for event in holding_events(told)]


def refused(answer: Response, status: int, *said: str) -> None:
    """The answer is an error as the specification has it, with these texts."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert faults(answer.json(), "Error") == []
    assert answer.json()["code"] == str(status)
    for text in said:
        assert text in answer.json()["message"]


def test_the_addresses_are_those_of_the_specification(house: House) -> None:
    described = house.app.openapi()["paths"]
    for path, operations in TMF642["paths"].items():
        ours = TMF642["basePath"].rstrip("/") + path.replace("{id}", "{alarm_id}")
        assert set(operations) <= set(described[ours]), ours


def test_an_alarm_opens_an_event_and_its_clearing_closes_it(house: House, taking: TestClient) -> None:
    one = created(taking)
    assert spans(house) == [("line-1", parse_instant(RAISED), None)]
    assert (one["state"], one["perceivedSeverity"], one["alarmDetails"]) == ("raised", "critical", "no light on port 3")
    end = ago(hours=1)
    cleared = changed(taking, one["id"], state="cleared", alarmClearedTime=end, clearUserId="sam")
    assert (cleared["state"], cleared["perceivedSeverity"], cleared["clearUserId"]) == ("cleared", "cleared", "sam")
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(end))]
    assert created(taking) == cleared, "the creation sent again is the same resource, and opens nothing anew"
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(end))]


def test_an_alarm_becomes_a_case_that_names_it(house: House, taking: TestClient) -> None:
    created(taking, alarmRaisedTime=ago(hours=5))
    house.pulse()
    [case] = taking.get("/v1/cases").json()["cases"]
    [found] = taking.get(f"/v1/cases/{case['id']}").json()["findings"]["alarms"]
    assert (found["severity"], found["text"]) == ("critical", "no light on port 3")


def test_what_is_cleared_without_a_time_is_cleared_when_that_is_received_and_stays_so(
    house: House, taking: TestClient
) -> None:
    one = created(taking)
    before = house.application.clock.now()
    first = changed(taking, one["id"], perceivedSeverity="cleared")
    [(_, _, closed)] = spans(house)
    assert closed is not None
    assert before <= closed <= house.application.clock.now()
    assert changed(taking, one["id"], perceivedSeverity="cleared")["alarmClearedTime"] == first["alarmClearedTime"]
    told = changed(taking, one["id"], state="cleared", alarmClearedTime=ago(hours=2))
    assert parse_instant(told["alarmClearedTime"]) == parse_instant(ago(hours=2)), "what the source tells holds"
    again = changed(taking, one["id"], state="cleared", comment=[{"comment": "fibre spliced"}])
    assert again["alarmClearedTime"] == told["alarmClearedTime"]
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(ago(hours=2)))]


def test_an_alarm_without_a_number_is_known_by_what_it_is_about(taking: TestClient) -> None:
    one = created(taking, externalAlarmId=None)
    assert created(taking, externalAlarmId=None)["id"] == one["id"]
    assert created(taking, externalAlarmId=None, alarmedObject={"id": "router-8"})["id"] != one["id"]


def test_notifications_in_any_order_come_to_the_same(house: House, taking: TestClient) -> None:
    end = ago(hours=1)
    whole = alarm(externalAlarmId=None)
    for number, order in enumerate(permutations(range(3))):
        notes = [
            event("alarmCreateEvent", RAISED, id=number, **whole),
            event("alarmAttributeValueChangeEvent", ago(hours=2), id=number, **{**whole, "perceivedSeverity": "minor"}),
            event("alarmStateChangeEvent", end, id=number, **{**whole, "state": "cleared", "alarmClearedTime": end}),
        ]
        notified(taking, *(notes[place] for place in order), notes[0])
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(end))] * 6


def test_a_notification_may_tell_only_what_has_changed(house: House, taking: TestClient) -> None:
    notified(taking, event("alarmCreateEvent", RAISED, id="a-1", **alarm()))
    notified(taking, event("alarmStateChangeEvent", ago(hours=2), id="a-1", state="cleared"))
    notified(taking, event("alarmAttributeValueChangeEvent", ago(hours=1), id="a-1", state="cleared", ackState="ok"))
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(ago(hours=2)))]
    notified(taking, event("alarmDeleteEvent", ago(minutes=5), id="a-1"))
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(ago(hours=2)))]


def test_an_alarm_that_is_deleted_is_over(house: House, taking: TestClient) -> None:
    notified(taking, event("alarmDeleteEvent", ago(hours=2), id="a-2", sourceSystemId="ems-7"))
    notified(taking, event("alarmCreateEvent", RAISED, id="a-2", **alarm()))
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(ago(hours=2)))]


def test_lists_give_a_part_and_the_attributes_that_are_asked_for(taking: TestClient) -> None:
    ids = [created(taking, externalAlarmId=str(number))["id"] for number in range(3)]
    answer = taking.get(f"{BASE}/alarm", params={"offset": 1, "limit": 1, "fields": "state,alarmType"})
    assert (answer.headers["X-Total-Count"], answer.headers["X-Result-Count"]) == ("3", "1")
    [one] = answer.json()
    assert one == {
        "id": ids[1],
        "href": f"http://127.0.0.1:8470{BASE}/alarm/{ids[1]}",
        "state": "raised",
        "alarmType": "Communications Alarm",
    }
    assert set(taking.get(f"{BASE}/alarm/{ids[0]}", params={"fields": "state"}).json()) == {"id", "href", "state"}
    whole = taking.get(f"{BASE}/alarm").json()
    assert [found for document in whole for found in faults(document, "Alarm")] == []


def test_alerts_are_listed_as_alarms_too(taking: TestClient) -> None:
    from .test_alarms_api import alert, webhook

    assert taking.post("/v1/alertmanager", json=webhook(alert())).is_success
    [one] = taking.get(f"{BASE}/alarm").json()
    assert faults(one, "Alarm") == []
    assert (one["sourceSystemId"], one["perceivedSeverity"], one["state"]) == ("alertmanager", "page", "raised")


@pytest.mark.parametrize("name", TMF642["definitions"]["Alarm_Create"]["required"])
def test_what_the_specification_requires_must_be_there(taking: TestClient, name: str) -> None:
    refused(taking.post(f"{BASE}/alarm", json=alarm(**{name: None})), 400, f"{name}: is missing")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"alarmRaisedTime": "2026-06-01T00:00:00"}, 400, "has no time zone"),
        ({"alarmRaisedTime": "2100-01-01T00:00:00Z"}, 400, "alarmRaisedTime: lies too far ahead"),
        ({"alarmChangedTime": "2100-01-01T00:00:00Z"}, 400, "alarmChangedTime: lies too far ahead"),
        ({"perceivedSeverity": 3}, 400, "perceivedSeverity: "),
        ({"alarmedObject": "router-7"}, 400, "alarmedObject: "),
        ({"affectedService": [{"id": 7}]}, 400, "affectedService[0].id: "),
        ({"serviceAffecting": "yes"}, 400, "serviceAffecting: "),
        ({"state": "cleared"}, 400, "alarmClearedTime: is missing"),
        ({"alarmClearedTime": "2026-01-01T00:00:00Z"}, 409, "before it was raised"),
        ({"alarmDetails": "a\0b"}, 400, "NUL"),
        ({"x": {"y": [10**18]}}, 400, "18 digits"),
        ({"externalAlarmId": "x" * 201}, 400, "externalAlarmId: "),
        ({"place": [{"id": "site-1"}]}, 400, "place[0].role: "),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    taking: TestClient, changes: dict[str, Any], status: int, said: str
) -> None:
    refused(taking.post(f"{BASE}/alarm", json=alarm(**changes)), status, said)
    assert taking.get(f"{BASE}/alarm").json() == []


@pytest.mark.parametrize(
    "body",
    ["", "7", "[]", "{", '{"a":' * 2000, "[" * 5000, '{"a":' * 500 + "1" + "}" * 500, '"\\ud800"', '{"x": "\\ud800"}'],
)
@pytest.mark.parametrize("path", ["/alarm", "/listener/alarmCreateEvent"])
def test_a_body_that_is_no_alarm_is_refused(taking: TestClient, path: str, body: str) -> None:
    refused(taking.post(BASE + path, content=body, headers={"Content-Type": "application/json"}), 400)


def test_notifications_that_cannot_be_taken_are_refused(taking: TestClient) -> None:
    path, body = event("alarmStateChangeEvent", ago(hours=1), id="9", state="cleared")
    refused(taking.post(path, json=body), 409, "no alarm is known by the number 9")
    refused(taking.post(path, json={"event": {}}), 400, "event.alarm: is missing")
    refused(taking.post(path, json={}), 400, "event: ")
    refused(taking.post(path, json=event("x", ago(hours=1), state="raised")[1]), 400, "event.alarm.id: is missing")
    refused(taking.post(path, json=event("x", "2100-01-01T00:00:00Z", id="9")[1]), 400, "eventTime: lies too far ahead")
    refused(taking.post(path, json=event("x", None, id="9", alarmRaisedTime=7)[1]), 400, "event.alarm.alarmRaisedTime")


def test_changes_that_cannot_be_are_refused(taking: TestClient) -> None:
    one = created(taking)
    path = f"{BASE}/alarm/{one['id']}"
    for name in ("id", "alarmRaisedTime", "sourceSystemId"):
        refused(taking.patch(path, json={name: RAISED}), 400, f"{name}: cannot be changed")
    refused(taking.patch(path, json={"alarmDetails": None}), 400, "alarmDetails: cannot be taken away")
    refused(taking.patch(path, json={"alarmClearedTime": ago(hours=4)}), 409, "before it was raised")
    refused(taking.patch(path, content="x", headers={"Content-Type": "text/plain"}), 415, "application/json")
    for unknown in ("999999", "a", "9" * 19, "²"):
        refused(taking.patch(f"{BASE}/alarm/{unknown}", json={}), 404)
        refused(taking.get(f"{BASE}/alarm/{unknown}"), 404)


def test_errors_of_every_layer_have_the_form_of_the_specification(house: House, taking: TestClient) -> None:
    refused(house.client().get(f"{BASE}/alarm"), 401)
    refused(taking.get(f"{BASE}/alarm", params={"limit": 0}), 400, "limit")
    refused(taking.get(f"{BASE}/alarm", params={"severity": "major"}), 400, "severity: unknown field")
    refused(taking.delete(f"{BASE}/alarm"), 405)
    refused(taking.get(f"{BASE}/nothing"), 404)
    refused(taking.post(f"{BASE}/alarm", content=b"x" * 250_000, headers={"Content-Type": "application/json"}), 413)
    west = house.client(house.key("west"))
    answer = west.post(f"{BASE}/alarm", json=alarm())
    refused(answer, 503, "there is no mapping yet")
    assert answer.headers["Retry-After"] == "30"


def test_a_source_may_report_alarms_and_nothing_else_and_tenants_are_kept_apart(
    house: House, taking: TestClient, south: TestClient
) -> None:
    source = house.client(house.key("north", "ingest"))
    one = created(source)
    changed(source, one["id"], perceivedSeverity="major")
    notified(source, *(event(kind, ago(hours=1), id="5", **alarm()) for kind in KINDS))
    refused(source.get(f"{BASE}/alarm"), 403)
    refused(source.get(f"{BASE}/alarm/{one['id']}"), 403)
    refused(source.delete(f"{BASE}/alarm/{one['id']}"), 403)
    refused(source.post(f"{BASE}/alarm/{one['id']}", json={}), 403)
    refused(source.put(f"{BASE}/alarm/{one['id']}", json={}), 403)
    assert house.client(house.key("north", "metrics")).post(f"{BASE}/alarm", json=alarm()).status_code == 403
    assert south.get(f"{BASE}/alarm").json() == []
    refused(south.get(f"{BASE}/alarm/{one['id']}"), 404)
    assert south.put("/v1/mapping", content=MAPPING, headers=YAML).is_success
    refused(south.patch(f"{BASE}/alarm/{one['id']}", json={"state": "cleared"}), 404)


def test_what_could_not_be_taken_is_set_aside_and_taken_by_a_replay(house: House, taking: TestClient) -> None:
    path, cleared = event("alarmStateChangeEvent", ago(hours=1), id="31", state="cleared")
    for _ in range(2):
        refused(taking.post(path, json=cleared), 409)
    [letter] = taking.get("/v1/dead-letters").json()["dead_letters"]
    assert (letter["protocol"], letter["reason"], letter["times"]) == ("TMF642 alarmStateChangeEvent", "refused", 2)
    notified(taking, event("alarmCreateEvent", RAISED, id="31", **alarm()))
    came = taking.post(f"/v1/dead-letters/{letter['id']}/replay").json()
    assert (came["state"], came["taken"], held(came["protocol"])) == ("replayed", 1, "alarm")
    assert spans(house) == [("line-1", parse_instant(RAISED), parse_instant(ago(hours=1)))]


def test_what_is_refused_or_opens_no_event_is_counted(house: House, taking: TestClient) -> None:
    def counted(protocol: str, reason: str) -> float:
        text = house.client(house.key("north", "metrics")).get("/metrics").text
        named = f'{{protocol="{protocol}",reason="{reason}",tenant="{house.tenant("north")}"}}'
        found = [line for line in text.splitlines() if line.startswith(f"upheld_measurements_left_out_total{named}")]
        return float(found[0].split()[-1]) if found else 0

    refused(taking.post(f"{BASE}/alarm", json=alarm(alarmRaisedTime="x", state=3)), 400)
    created(taking, perceivedSeverity="minor")
    assert counted("tmf642_alarm", "refused") == 1
    assert counted("tmf642_alarm", "without_event") == 0, "it concerns router-7, as the second rule has it"
    created(taking, externalAlarmId="2", perceivedSeverity="minor", sourceSystemId="ems-8")
    assert counted("tmf642_alarm", "without_event") == 1
