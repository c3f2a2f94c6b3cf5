"""TMF655 over HTTP: planned works as change requests, as its specification has them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from upheld.agreements.units import DAY, HOUR, format_instant

from .test_api import NOW
from .tmf_definitions import TMF655, faults

BASE = "/tmf-api/changeManagement/v4/changeRequest"
START, END = NOW + 20 * DAY, NOW + 20 * DAY + 2 * HOUR


def request(**changes: Any) -> dict[str, Any]:
    """A change request as another system creates it; None takes an attribute away."""
    document = {
        "description": "Router swap\nNew line cards",
        "plannedStartTime": format_instant(START),
        "plannedEndTime": format_instant(END),
        "priority": "2",
        "requestType": "Normal",
        "specification": {"id": "17"},
        "targetEntity": [{"id": "vpn-1", "role": "target", "@referredType": "Service"}],
        "externalReference": [{"id": "CHG-42", "externalReferenceType": "ticket"}],
        "relatedParty": [{"id": "7", "name": "Ada", "role": "approver", "@referredType": "Individual"}],
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def created(client: TestClient, **changes: Any) -> dict[str, Any]:
    body = request(**changes)
    assert faults(body, "ChangeRequest_Create", TMF655) == []
    answer = client.post(BASE, json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert faults(document, "ChangeRequest", TMF655) == []
    assert answer.headers["location"] == document["href"]
    return document


def told(answer: Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == str(status)
    return str(answer.json()["message"])


def test_a_change_request_is_a_planned_work(north: TestClient) -> None:
    document = created(north)
    assert document["status"] == "scheduled"
    assert [one["id"] for one in document["impactEntity"]] == ["vpn-1"]
    work = north.get(f"/v1/maintenance/{document['id']}").json()
    assert (work["title"], work["services"], work["approved_by"]) == ("Router swap", ["vpn-1"], "Ada")
    assert [notice["state"] for notice in work["notices"]] == ["recorded", "recorded"]
    assert north.get(f"{BASE}/{document['id']}").json() == document
    listed = north.get(BASE, params={"fields": "status"})
    assert listed.json() == [{name: document[name] for name in ("id", "href", "status")}]
    assert listed.headers["x-total-count"] == "1"


def test_the_same_request_again_is_the_same_resource(north: TestClient) -> None:
    assert created(north) == created(north)
    assert "is another work" in told(north.post(BASE, json=request(description="Other")), 409)
    assert created(north, externalReference=None)["id"] != created(north, externalReference=None)["id"]


def test_what_it_has_an_impact_on_goes_before_what_it_is_made_to(north: TestClient) -> None:
    impact = [{"id": "vpn-2", "role": "impacted", "@referredType": "Service"}]
    assert [one["id"] for one in created(north, impactEntity=impact)["targetEntity"]] == ["vpn-2"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"priority": None}, "priority: is missing"),
        ({"description": None}, "description: is missing: it is what customers read"),
        ({"targetEntity": []}, "targetEntity"),
        (
            {"targetEntity": [{"id": "vpn-9"}]},
            "targetEntity: no agreement, resource or topology in force names 'vpn-9'",
        ),
        ({"plannedEndTime": format_instant(START)}, "plannedEndTime: the end is later than the start"),
        ({"plannedStartTime": "2026-06-01T00:00:00"}, "plannedStartTime: 2026-06-01T00:00:00 has no time zone"),
        ({"description": "a\0"}, "a text in the body has a NUL character"),
    ],
)
def test_a_request_that_cannot_be_is_told_by_its_attribute(
    north: TestClient, changes: dict[str, Any], message: str
) -> None:
    assert message in told(north.post(BASE, json=request(**changes)))
    assert north.get("/v1/maintenance").json()["maintenance"] == []


def test_a_request_is_moved_and_cancelled(north: TestClient) -> None:
    address = f"{BASE}/{created(north)['id']}"
    later = {"plannedStartTime": format_instant(START + DAY), "plannedEndTime": format_instant(END + DAY)}
    moved = north.patch(address, json=later, headers={"Content-Type": "application/merge-patch+json"}).json()
    assert faults(moved, "ChangeRequest", TMF655) == []
    assert (moved["plannedStartTime"], moved["status"]) == (later["plannedStartTime"], "scheduled")
    assert moved["description"] == "Router swap\nNew line cards"
    assert north.patch(address, json={"status": "scheduled"}).json() == moved
    for _ in range(2):
        assert north.patch(address, json={"status": "cancelled"}).json()["status"] == "cancelled"
    assert "is cancelled and cannot be changed" in told(north.patch(address, json={"description": "x"}), 409)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "completed"}, "status: it is scheduled: only cancelled can be said of it"),
        ({"id": "T-1"}, "id: cannot be changed"),
        ({"plannedEndTime": None}, "plannedEndTime: cannot be taken away"),
        ({"plannedEndTime": format_instant(START)}, "plannedEndTime: the end is later than the start"),
    ],
)
def test_a_change_that_cannot_be_is_told(north: TestClient, change: dict[str, Any], message: str) -> None:
    document = created(north)
    assert message in told(north.patch(f"{BASE}/{document['id']}", json=change))
    assert north.get(f"{BASE}/{document['id']}").json() == document


def test_a_request_is_deleted_by_cancelling_its_work(north: TestClient) -> None:
    place = f"{BASE}/{created(north)['id']}"
    assert north.delete(place).status_code == 204
    assert north.get(place).json()["status"] == "cancelled"
    assert north.delete(place).status_code == 204
    assert north.delete(f"{BASE}/T-404").status_code == 404


def test_the_times_of_a_work_of_several_windows_are_not_made_one(north: TestClient) -> None:
    windows = [{"start": format_instant(START + day * DAY), "end": format_instant(END + day * DAY)} for day in (0, 2)]
    work = {"id": "CHG-2", "title": "Two nights", "windows": windows, "services": ["vpn-1"], "approved_by": "Ada"}
    assert north.post("/v1/maintenance", json=work).status_code == 201
    moved = north.patch(f"{BASE}/CHG-2", json={"plannedEndTime": format_instant(END + 3 * DAY)})
    assert told(moved) == "plannedEndTime: the work has 2 windows: change them by /v1/maintenance"
    assert north.patch(f"{BASE}/CHG-2", json={"description": "Still two nights"}).status_code == 200
    assert north.get("/v1/maintenance/CHG-2").json()["windows"] == windows


def test_another_tenants_requests_are_not_there(north: TestClient, south: TestClient) -> None:
    address = f"{BASE}/{created(north)['id']}"
    told(south.get(address), 404)
    told(south.patch(address, json={"status": "cancelled"}), 404)
    assert south.get(BASE).json() == []
