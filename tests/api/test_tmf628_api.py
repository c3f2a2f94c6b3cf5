"""TMF628 over HTTP: measurement collection jobs, requests and answers as its specification has them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from upheld.measurements.collection import MAX_RECORDS

from .conftest import House
from .tmf_definitions import TMF628, faults

BASE = "/tmf-api/performance/v4"
JOBS = f"{BASE}/measurementCollectionJob"
FILE = {
    "fileLocation": "https://files.example.net/pm/",
    "fileFormat": "CSV",
    "transportProtocol": "https",
    "compressionType": {"compressionEnumType": "gzip"},
    "packingType": {"packingEnumType": "NO_PACKING"},
    "retentionPeriod": {"amount": 7, "units": "days"},
}


def job(**changes: Any) -> dict[str, Any]:
    """A job as a client makes it; None takes an attribute away."""
    document = {
        "jobId": "pm-17",
        "producingApplicationId": "nms-1",
        "granularity": "g_15mn",
        "reportingPeriod": "r_1h",
        "monitoredClassCriteria": {"monitoredObjectClass": "port", "objectInstanceFilter": "name like 'x%'"},
        "performanceIndicatorGroupSpecification": [
            {"name": "reach", "performanceIndicatorSpecification": [{"id": "1", "name": "reachable"}]}
        ],
        "scheduleDefinition": {"scheduleDefinitionStartTime": "2026-06-01T00:00:00Z"},
        "fileTransferData": [FILE],
        **changes,
    }
    return {name: value for name, value in document.items() if value is not None}


def created(client: TestClient, **changes: Any) -> dict[str, Any]:
    body = job(**changes)
    assert faults(body, "MeasurementCollectionJob_Create", TMF628) == []
    answer = client.post(JOBS, json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert faults(document, "MeasurementCollectionJob", TMF628) == []
    assert answer.headers["Location"] == document["href"]
    return document


def changed(client: TestClient, job_id: str, **changes: Any) -> dict[str, Any]:
    """Changes a job. `MeasurementCollectionJob_Update` calls fileTransferData required, which no partial update is
    asked for here."""
    assert faults({"fileTransferData": [FILE], **changes}, "MeasurementCollectionJob_Update", TMF628) == []
    answer = client.patch(f"{JOBS}/{job_id}", json=changes)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert faults(document, "MeasurementCollectionJob", TMF628) == []
    return document


def refused(answer: Response, status: int, *said: str) -> None:
    """The answer is an error as the specification has it, with these texts."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert faults(answer.json(), "Error", TMF628) == []
    assert answer.json()["code"] == str(status)
    for text in said:
        assert text in answer.json()["message"]


def told(document: dict[str, Any]) -> list[str]:
    """What the tracking records of a job say."""
    return [record["description"] for record in document["trackingRecord"]]


def test_the_addresses_are_those_of_the_specification(house: House) -> None:
    described = house.app.openapi()["paths"]
    for path, operations in TMF628["paths"].items():
        ours = TMF628["basePath"].rstrip("/") + path.replace("{id}", "{job_id}")
        assert set(operations) <= set(described[ours]), ours


def test_a_job_is_made_changed_and_forgotten(north: TestClient) -> None:
    one = created(north)
    assert {name: one[name] for name in job()} == job()
    assert (one["executionState"], one["jobPriority"], told(one)) == ("acknowledged", 5, ["created"])
    assert north.get(f"{JOBS}/{one['id']}").json() == one
    after = changed(
        north,
        one["id"],
        jobPriority=2,
        executionState="pending",
        monitoredClassCriteria={"monitoredObjectClass": "x"},
    )
    assert (after["jobPriority"], after["executionState"]) == (2, "pending")
    assert after["monitoredClassCriteria"] == {"monitoredObjectClass": "x", "objectInstanceFilter": "name like 'x%'"}
    assert told(after) == ["created", "acknowledged -> pending"]
    assert after["trackingRecord"][1]["user"] == "test"
    assert changed(north, one["id"], jobPriority=2) == after, "what changes nothing is not recorded"
    assert north.get(f"{JOBS}/{one['id']}").json() == after
    answer = north.delete(f"{JOBS}/{one['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    refused(north.get(f"{JOBS}/{one['id']}"), 404, f"no measurement collection job {one['id']}")
    refused(north.delete(f"{JOBS}/{one['id']}"), 404)


def test_only_the_files_are_required(north: TestClient) -> None:
    answer = north.post(JOBS, json={"fileTransferData": [{}]})
    assert answer.status_code == 201
    assert faults(answer.json(), "MeasurementCollectionJob", TMF628) == []


def test_what_a_client_has_recorded_stays_before_what_is_recorded_here(north: TestClient) -> None:
    one = created(north, trackingRecord=[{"id": "41", "description": "planned", "time": "2026-06-01T00:00:00Z"}])
    assert told(one) == ["planned", "created"]
    assert [record["id"] for record in one["trackingRecord"]] == ["41", "42"]


def test_a_job_keeps_the_newest_of_its_records(north: TestClient) -> None:
    one = created(north, trackingRecord=[{"description": str(number)} for number in range(100)])
    assert len(one["trackingRecord"]) == MAX_RECORDS == 100
    assert (told(one)[0], told(one)[-1]) == ("1", "created")


def test_an_attribute_is_taken_away_by_null(north: TestClient) -> None:
    one = created(north, outputFormat="CSV")
    answer = north.patch(f"{JOBS}/{one['id']}", json={"outputFormat": None})
    assert answer.status_code == 200
    assert "outputFormat" not in answer.json()


def test_lists_give_a_part_and_the_attributes_that_are_asked_for(north: TestClient) -> None:
    ids = [created(north, jobId=str(number))["id"] for number in range(3)]
    answer = north.get(JOBS, params={"offset": 1, "limit": 1, "fields": "jobId,executionState"})
    assert (answer.headers["X-Total-Count"], answer.headers["X-Result-Count"]) == ("3", "1")
    assert answer.json() == [
        {"id": ids[1], "href": f"http://127.0.0.1:8470{JOBS}/{ids[1]}", "jobId": "1", "executionState": "acknowledged"}
    ]
    assert set(north.get(f"{JOBS}/{ids[0]}", params={"fields": "jobId"}).json()) == {"id", "href", "jobId"}
    whole = north.get(JOBS).json()
    assert [document["id"] for document in whole] == ids[::-1]
    assert [found for document in whole for found in faults(document, "MeasurementCollectionJob", TMF628)] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fileTransferData": None}, "fileTransferData: is missing"),
        ({"fileTransferData": []}, "fileTransferData: "),
        ({"fileTransferData": [{}] * 1001}, "fileTransferData: "),
        ({"fileTransferData": [{"fileLocation": 7}]}, "fileTransferData[0].fileLocation: "),
        ({"fileTransferData": [{"fileLocation": "x" * 2001}]}, "fileTransferData[0].fileLocation: "),
        ({"fileTransferData": [FILE, {"compressionType": "gzip"}]}, "fileTransferData[1].compressionType: "),
        ({"executionState": "done"}, "executionState: "),
        ({"adminState": "open"}, "adminState: "),
        ({"granularity": "15min"}, "granularity: "),
        ({"reportingPeriod": "g_1h"}, "reportingPeriod: "),
        ({"jobPriority": "5"}, "jobPriority: "),
        ({"@type": 7}, "@type: "),
        ({"performanceIndicatorGroupSpecification": [{"name": "x"}]}, "performanceIndicatorGroupSpecification[0]."),
        ({"trackingRecord": [{"time": "2026-06-01T00:00:00"}]}, "has no time zone"),
        ({"jobId": "a\0b"}, "NUL"),
        ({"x": {"y": [10**18]}}, "18 digits"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(north: TestClient, changes: dict[str, Any], said: str) -> None:
    refused(north.post(JOBS, json=job(**changes)), 400, said)
    assert north.get(JOBS).json() == []


@pytest.mark.parametrize("body", ["", "7", "[]", "{", '{"a":' * 2000, "[" * 5000, '{"x": "\\ud800"}'])
def test_a_body_that_is_no_job_is_refused(north: TestClient, body: str) -> None:
    refused(north.post(JOBS, content=body, headers={"Content-Type": "application/json"}), 400)


def test_changes_that_cannot_be_are_refused_and_change_nothing(north: TestClient) -> None:
    one = created(north)
    path = f"{JOBS}/{one['id']}"
    for name in ("id", "href", "creationTime", "lastModifiedTime", "trackingRecord"):
        refused(north.patch(path, json={name: one[name], "jobPriority": 1}), 400, f"{name}: cannot be changed")
    for name in ("fileTransferData", "executionState"):
        refused(north.patch(path, json={name: None, "jobPriority": 1}), 400, f"{name}: cannot be taken away")
    refused(north.patch(path, json={"executionState": "x", "jobPriority": 1}), 400, "executionState: ")
    refused(north.patch(path, content="x", headers={"Content-Type": "text/plain"}), 415, "application/json")
    assert north.get(path).json() == one
    for unknown in ("999999", "a", "9" * 19, "²"):
        for method in ("GET", "PATCH", "DELETE"):
            refused(north.request(method, f"{JOBS}/{unknown}", json={}), 404)


def test_errors_of_every_layer_have_the_form_of_the_specification(house: House, north: TestClient) -> None:
    refused(house.client().get(JOBS), 401)
    refused(house.client().post(JOBS, json=job()), 401)
    refused(north.get(JOBS, params={"limit": 0}), 400, "limit")
    refused(north.get(JOBS, params={"executionState": "failed"}), 400, "executionState: unknown field")
    refused(north.put(JOBS, json={}), 405)
    refused(north.post(JOBS, content=b"x" * 250_000, headers={"Content-Type": "application/json"}), 413)


def test_a_source_may_make_and_change_jobs_and_nothing_else_and_tenants_are_kept_apart(
    house: House, north: TestClient, south: TestClient
) -> None:
    source = house.client(house.key("north", "ingest"))
    one = created(source)
    changed(source, one["id"], jobPriority=1)
    path = f"{JOBS}/{one['id']}"
    refused(source.get(JOBS), 403)
    refused(source.get(path), 403)
    refused(source.delete(path), 403)
    refused(house.client(house.key("north", "metrics")).post(JOBS, json=job()), 403)
    assert south.get(JOBS).json() == []
    refused(south.get(path), 404)
    refused(south.patch(path, json={"executionState": "cancelled"}), 404)
    refused(south.delete(path), 404)
    assert north.get(path).json()["executionState"] == "acknowledged"
