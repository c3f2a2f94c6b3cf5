"""What customers say against planned works, over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from upheld.agreements.units import DAY, HOUR, format_instant
from upheld.maintenance.objection import Objection

from .conftest import House

WORK = "/v1/maintenance/CHG-1"


@pytest.fixture
def objected(house: House, north: TestClient) -> Objection:
    """A work of `north`, 20 days ahead, that the contact of Acme wants a day later."""
    start = (house.application.clock.now() + 20 * DAY) // HOUR * HOUR
    work = {"id": "CHG-1", "title": "New card", "services": ["vpn-1"], "approved_by": "CAB"}
    window = {"start": format_instant(start), "end": format_instant(start + HOUR)}
    assert north.post("/v1/maintenance", json={**work, **window}).status_code == 201
    told = next(n for n in north.get(WORK).json()["notices"] if n["kind"] == "maintenance")
    tenant = house.tenant("north")
    wish = start + DAY, start + DAY + HOUR
    return house.application.process.works.object_to(tenant, told["id"], wish, "stocktaking")


def answer(client: TestClient, objection: Objection, **said: Any) -> Any:
    return client.post(f"{WORK}/objections/{objection.id}/answer", json=said)


def test_a_work_says_how_many_object_and_the_list_says_what(north: TestClient, objected: Objection) -> None:
    counts = {"all": 1, "open": 1, "overdue": 0}
    assert north.get(WORK).json()["objections"] == counts
    assert north.get("/v1/maintenance").json()["maintenance"][0]["objections"] == counts
    found = north.get(f"{WORK}/objections").json()
    assert found["count"] == counts
    (one,) = found["objections"]
    assert (one["id"], one["reason"], one["state"], one["overdue"]) == (objected.id, "stocktaking", "open", False)
    assert one["wish"] == {"start": format_instant(objected.wish[0]), "end": format_instant(objected.wish[1])}
    assert north.get(f"{WORK}/objections/{objected.id}").json() == one
    assert north.get(f"{WORK}/objections", params={"state": "declined"}).json()["objections"] == []
    assert north.get(f"{WORK}/objections", params={"offset": 1}).json()["objections"] == []
    assert north.get(f"{WORK}/objections", params={"limit": 1001}).status_code == 422


def test_agreeing_moves_the_work_and_the_same_again_changes_nothing(north: TestClient, objected: Objection) -> None:
    agreed = answer(north, objected, agree=True, answer="gladly")
    assert agreed.status_code == 200, agreed.text
    assert (agreed.json()["state"], agreed.json()["agreed"]) == ("agreed", agreed.json()["wish"])
    work = north.get(WORK).json()
    assert (work["start"], work["sequence"]) == (format_instant(objected.wish[0]), 1)
    assert answer(north, objected, agree=True, answer="gladly").json() == agreed.json()
    assert north.get(WORK).json()["sequence"] == 1
    assert answer(north, objected, agree=False, answer="no").status_code == 409


def test_another_window_can_be_agreed_to(north: TestClient, objected: Objection) -> None:
    start = objected.wish[0] + DAY
    window = {"start": format_instant(start), "end": format_instant(start + HOUR)}
    assert answer(north, objected, agree=True, **window).json()["agreed"] == window


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"agree": False}, "answer"),
        ({"agree": True, "start": "2020-01-01T00:00:00Z", "end": "2020-01-01T01:00:00Z"}, "end"),
        ({"agree": True, "start": "2030-01-01T00:00:00Z"}, ""),
        ({"agree": False, "answer": "x" * 2001}, "answer"),
        ({"agree": False, "answer": "no", "start": "2030-01-01T00:00:00Z", "end": "2030-01-01T01:00:00Z"}, ""),
        ({"answer": "no"}, "agree"),
    ],
    ids=["no-words", "past", "half-a-window", "too-long", "declined-with-a-window", "neither"],
)
def test_an_answer_that_cannot_be_is_refused_with_its_field(
    north: TestClient, objected: Objection, said: dict[str, Any], field: str
) -> None:
    refused = answer(north, objected, **said)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field
    assert north.get(f"{WORK}/objections/{objected.id}").json()["state"] == "open"


def test_what_there_is_not_or_is_another_works_or_tenants_is_not_found(
    house: House, north: TestClient, objected: Objection
) -> None:
    south = house.client(house.key("south"))
    assert north.get("/v1/maintenance/none/objections").status_code == 404
    assert answer(north, objected, agree=True).status_code == 200
    for client, path in (
        (north, f"{WORK}/objections/O-NONE"),
        (north, f"/v1/maintenance/CHG-2/objections/{objected.id}"),
        (south, f"{WORK}/objections"),
        (south, f"{WORK}/objections/{objected.id}"),
    ):
        assert client.get(path).status_code == 404
    assert answer(south, objected, agree=True).status_code == 404


def test_the_link_of_the_announcement_is_not_shown(north: TestClient, objected: Objection) -> None:
    told = next(n for n in north.get(WORK).json()["notices"] if n["kind"] == "maintenance")
    assert "/planned/(not shown)" in told["text"]
