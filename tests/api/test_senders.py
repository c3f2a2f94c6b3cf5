"""Who delivers, as an operator sees it."""

import json
from typing import Any

from fastapi.testclient import TestClient

from readers.remote_write_request import body
from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND, format_instant, parse_instant
from upheld.app import Application, Settings

from .conftest import House
from .test_remote_write_api import HEADERS, PROBE, mapped

LINES = {"Content-Type": "application/x-ndjson"}


def line(at: int, value: float = 1, **more: Any) -> str:
    row = {"service": "vpn-1", "metric": "reachable", "time": format_instant(at), "value": value, **more}
    return json.dumps(row) + "\n"


def send(client: TestClient, *lines: str, mode: str = "rows") -> int:
    return client.post("/v1/measurements", params={"mode": mode}, content="".join(lines), headers=LINES).status_code


def sender(client: TestClient) -> dict[str, Any]:
    [found] = client.get("/v1/senders").json()["senders"]
    assert isinstance(found, dict)
    return found


def test_repetitions_contradictions_and_what_is_too_early_are_counted_apart(house: House, north: TestClient) -> None:
    now = house.application.clock.now()
    assert send(north, line(now - MINUTE), line(now - 2 * MINUTE)) == 202
    assert send(north, line(now - MINUTE), line(now - 2 * MINUTE, 0), line(now - 3 * MINUTE)) == 202
    assert send(north, line(now - 4 * MINUTE), line(now - 4 * MINUTE, 0)) == 202
    assert send(north, line(now + DAY), line(now - 5 * MINUTE), line(now - MINUTE, service="nobody")) == 202
    found = sender(north)
    assert found["measurements"] == 8
    assert (found["duplicates"], found["conflicts"]) == (1, 2)
    assert (found["future"], found["refused"]) == (1, 1)
    assert found["error"].startswith("row 1: time: lies too far in the future")


def test_a_clock_that_is_ahead_and_one_that_is_behind_are_told(house: House, north: TestClient) -> None:
    now = house.application.clock.now()
    assert send(north, line(now - HOUR - DAY), line(now - HOUR)) == 202
    assert HOUR / SECOND <= sender(north)["skew_seconds"] < HOUR / SECOND + 60
    assert send(north, line(house.application.clock.now() + 5 * MINUTE)) == 202
    found = sender(north)
    assert -300 <= found["skew_seconds"] < -240
    assert found["lag_seconds"] == found["skew_seconds"]
    assert send(north, line(now - 2 * HOUR)) == 202  # older data, which says nothing of the clock
    assert sender(north)["skew_seconds"] == found["skew_seconds"]
    assert sender(north)["lag_seconds"] > 7000


def test_labelled_samples_count_as_they_were_sent_counters_too(house: House, north: TestClient) -> None:
    rule = "series: [{labels: {__name__: probe_success}, service: vpn-1, metric: reachable, counter: true}]"
    mapped(north, rule)
    now = house.application.clock.now() // 1000
    early = [(now + 2 * DAY // 1000, 3.0)]
    for samples in ([(now - 120_000, 1.0), (now, 5.0)], [(now - 60_000, 4.0), (now, 5.0), *early]):
        sent = body([(PROBE, samples)])
        assert north.post("/v1/remote-write", content=sent, headers=HEADERS).status_code == 204
    found = sender(north)
    # The sample in between corrects what the counter rose by: that is no contradiction of its sender's.
    assert (found["measurements"], found["duplicates"], found["conflicts"], found["future"]) == (4, 1, 0, 1)
    assert "1 samples of a request: lies too far in the future" in found["error"]


def test_what_a_delivery_is_refused_with_is_the_last_error(house: House, north: TestClient) -> None:
    now = house.application.clock.now()
    for status, said, sent in (
        (422, "422: 1 row was refused; nothing was taken; row 1: service: ", line(now, service="nobody")),
        (422, "422: 1 row was refused; nothing was taken; row 2: value: ", line(now) + line(now - MINUTE, value="x")),
    ):
        assert send(north, sent, mode="whole") == status
        assert sender(north)["error"].startswith(said)
    assert north.post("/v1/remote-write", content=b"?", headers=HEADERS).status_code == 503
    assert sender(north)["error"].startswith("503: there is no mapping yet")
    mapped(north)
    assert north.post("/tmf-api/alarm/v4/alarm", json={}).status_code == 400
    found = sender(north)
    assert found["error"] == "400: the alarm cannot be taken; alarmType: is missing"
    assert (found["measurements"], found["delivered_at"], found["skew_seconds"]) == (0, None, None)
    assert now <= parse_instant(found["error_at"])


def test_a_key_that_delivers_reads_no_senders_and_a_tenant_sees_its_own_only(
    house: House, north: TestClient, south: TestClient
) -> None:
    taking = house.client(house.key("north", "ingest"))
    assert send(taking, line(house.application.clock.now())) == 202
    assert taking.get("/v1/senders").status_code == 403
    assert house.client().get("/v1/senders").status_code == 401
    assert sender(north)["measurements"] == 1
    assert south.get("/v1/senders").json() == {"senders": []}


def test_the_tally_outlasts_a_restart(house: House, north: TestClient) -> None:
    now = house.application.clock.now()
    assert send(north, line(now - MINUTE)) == 202
    house.application.tally()
    again = Application(Settings(database_url=house.application.settings.database_url))
    try:
        [found] = again.senders.of(house.tenant("north"))
        assert (found.name, found.measurements) == ("test", 1)
    finally:
        again.store.close()  # type: ignore[attr-defined]
    assert send(north, line(now - 2 * MINUTE)) == 202
    assert sender(north)["measurements"] == 2
