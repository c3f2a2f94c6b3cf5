"""Dead letters over HTTP: what is set aside, what is seen of it, and what a replay takes in."""

import base64
import json
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from readers.remote_write_request import body
from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.measurements import dead_letters
from upheld.measurements.dead_letters import dead_letter
from upheld.ports import StoreFailed
from upheld.readers.bodies import ARROW_STREAM
from upheld.taking_in.replaying import Replays

from .conftest import PORTFOLIO, House
from .test_remote_write_api import HEADERS, PROBE, logged, mapped

LINES = {"Content-Type": "application/x-ndjson"}


def waiting(client: TestClient, **query: str) -> list[dict[str, Any]]:
    found = client.get("/v1/dead-letters", params={"state": "waiting", **query}).json()["dead_letters"]
    assert isinstance(found, list)
    return found


def line(house: House, ago: int = MINUTE, **more: Any) -> str:
    at = format_instant(house.application.clock.now() - ago)
    return json.dumps({"service": "vpn-1", "metric": "reachable", "time": at, "value": 1, **more})


def test_a_request_that_cannot_be_read_is_set_aside_once_however_often_it_is_sent(
    house: House, north: TestClient
) -> None:
    mapped(north)
    for _ in range(3):
        assert north.post("/v1/remote-write", content=b"no\0snappy", headers=HEADERS).status_code == 400
    (letter,) = waiting(north)
    assert (letter["caller"], letter["protocol"], letter["format"], letter["reason"], letter["times"]) == (
        "test",
        "remote write",
        "application/x-protobuf",
        "malformed",
        3,
    )
    assert "not a snappy block" in letter["detail"][0]["message"]
    assert "base64" not in letter
    shown = north.get(f"/v1/dead-letters/{letter['id']}").json()
    assert base64.b64decode(shown["base64"]) == b"no\0snappy"
    came = north.post(f"/v1/dead-letters/{letter['id']}/replay").json()
    assert (came["state"], came["attempts"], came["taken"], came["reason"]) == ("waiting", 1, 0, "malformed")


def test_an_export_in_json_that_cannot_be_read_is_shown_as_it_was_sent(north: TestClient) -> None:
    bad = {"content": '{"resourceMetrics": 1}', "headers": {"Content-Type": "application/json"}}
    assert mapped(north).post("/v1/metrics", **bad).status_code == 400
    (letter,) = waiting(north, reason="malformed")
    assert (letter["protocol"], letter["format"]) == ("OTLP", "application/json")
    assert north.get(f"/v1/dead-letters/{letter['id']}").json()["text"] == bad["content"]


def test_rejected_rows_are_taken_once_the_agreement_names_their_service(house: House, north: TestClient) -> None:
    sent = "\n".join([line(house), line(house, service="vpn-9"), "{", line(house, metric="other"), ""])
    answer = north.post("/v1/measurements", params={"mode": "rows"}, content=sent, headers=LINES)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    (letter,) = waiting(north)
    assert letter["reason"] == "refused"
    assert [(fault["row"], fault["field"]) for fault in letter["detail"]] == [(2, "service"), (3, ""), (4, "metric")]
    assert north.get(f"/v1/dead-letters/{letter['id']}").json()["text"].count("\n") == 3

    source = PORTFOLIO.replace("vpn-2]", "vpn-2, vpn-9]", 1)
    assert source != PORTFOLIO
    assert north.put("/v1/agreements", content=source, headers={"Content-Type": "application/yaml"}).status_code == 200
    came = north.post(f"/v1/dead-letters/{letter['id']}/replay").json()
    assert (came["state"], came["taken"]) == ("waiting", 1)  # two rows are as wrong as before
    assert [fault["field"] for fault in came["detail"]] == ["", "metric"]
    row = logged(house)[-1]
    assert row["service"] == "vpn-9"
    assert format_instant(int(str(row["known_at"]))) == letter["received_at"]
    again = north.post(f"/v1/dead-letters/{letter['id']}/replay").json()
    assert (again["taken"], again["attempts"]) == (1, 2)
    assert logged(house)[-1] == row  # the same measurement: it changes nothing


def test_a_batch_that_is_refused_as_a_whole_is_not_set_aside(house: House, north: TestClient) -> None:
    sent = "\n".join([line(house), line(house, service="vpn-9")])
    assert north.post("/v1/measurements", content=sent, headers=LINES).status_code == 422
    assert north.post("/v1/measurements", content=b"x", headers={"Content-Type": ARROW_STREAM}).status_code == 400
    assert waiting(north) == []


def test_of_a_table_the_whole_body_is_set_aside_and_its_good_rows_come_again_as_the_same(
    house: House, north: TestClient
) -> None:
    at = format_instant(house.application.clock.now() - MINUTE)
    columns = {"service": ["vpn-1", "vpn-9"], "metric": ["reachable"] * 2, "time": [at] * 2, "value": [1.0, 1.0]}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.table(columns).schema) as writer:
        writer.write_table(pa.table(columns))
    content = sink.getvalue().to_pybytes()
    north.post("/v1/measurements", params={"mode": "rows"}, content=content, headers={"Content-Type": ARROW_STREAM})
    (letter,) = waiting(north)
    assert north.post(f"/v1/dead-letters/{letter['id']}/replay").json()["taken"] == 1
    assert logged(house)[0] == logged(house)[1]


def test_samples_too_far_ahead_wait_until_their_time_has_come(house: House, north: TestClient) -> None:
    now = house.application.clock.now()
    ahead = now // 1000 + DAY // 1000
    percent = [("__name__", "up_percent"), ("instance", "vpn-2")]
    sent = body([(PROBE, [(now // 1000, 1.0), (ahead, 0.5)]), (percent, [(ahead, 0.07)])])
    answer = mapped(north).post("/v1/remote-write", content=sent, headers=HEADERS)
    assert answer.headers["Upheld-Left-Out"] == "future=2"
    (letter,) = waiting(north, reason="future")
    shown = [json.loads(text) for text in north.get(f"/v1/dead-letters/{letter['id']}").json()["text"].splitlines()]
    assert shown == [
        {"labels": dict(PROBE), "time": format_instant(ahead * 1000), "value": 0.5},
        {"labels": dict(percent), "time": format_instant(ahead * 1000), "value": 0.07},
    ]
    came = north.post(f"/v1/dead-letters/{letter['id']}/replay").json()
    assert (came["state"], came["reason"], came["taken"]) == ("waiting", "future", 0)

    class Later:
        def now(self) -> int:
            return now + DAY

    app = house.application
    later = Replays(app.store, app.ingestion, app.reports, Later())
    assert later.replay(house.tenant("north"), letter["id"], "Ada").taken == 2
    assert sorted((r["service"], r["value"]) for r in logged(house)) == [("vpn-1", 0.5), ("vpn-1", 1.0), ("vpn-2", 7.0)]
    (ended,) = north.get("/v1/dead-letters", params={"state": "replayed"}).json()["dead_letters"]
    assert (ended["ended_by"], ended["ended_at"]) == ("Ada", format_instant(now + DAY))
    assert north.post(f"/v1/dead-letters/{letter['id']}/replay").status_code == 409


def test_a_correction_that_came_since_holds_against_a_replay(house: House, north: TestClient) -> None:
    tenant, at = house.tenant("north"), house.application.clock.now() - HOUR
    lines = "\n".join(line(house, ago=HOUR, value=v, service=s) for v, s in ((0, "vpn-1"), (1, "nobody")))
    time = json.loads(lines.splitlines()[0])["time"]
    letter = dead_letter(
        at,
        caller="broker",
        protocol="measurements",
        format=LINES["Content-Type"],
        reason="x",
        detail=[],
        body=lines.encode(),
    )
    house.application.ingestion.set_aside(tenant, [letter])
    corrected = json.dumps({"service": "vpn-1", "metric": "reachable", "time": time, "value": 1})
    assert north.post("/v1/measurements", content=corrected, headers=LINES).status_code == 202
    assert north.post(f"/v1/dead-letters/{letter.id}/replay").json()["taken"] == 1
    window = {"start": format_instant(at - HOUR), "end": format_instant(at + HOUR)}
    series = north.get("/v1/measurements/series", params={"service": "vpn-1", "metric": "reachable", **window}).json()
    assert [point["value"] for point in series["points"]] == [1.0]


def test_a_replay_that_the_log_cannot_keep_waits_with_its_attempt_recorded(
    house: House, north: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise StoreFailed("no room")

    app, tenant, content = house.application, house.tenant("north"), line(house).encode()
    letter = dead_letter(
        1, caller=None, protocol="measurements", format=LINES["Content-Type"], reason="x", detail=[], body=content
    )
    app.ingestion.set_aside(tenant, [letter])
    monkeypatch.setattr(app.process, "take_measurements", full)
    replays = Replays(app.store, app.ingestion, app.reports, app.clock)
    with pytest.raises(StoreFailed):
        replays.replay(tenant, letter.id, None)
    assert [(one["id"], one["attempts"]) for one in waiting(north)] == [(letter.id, 1)]


def test_what_was_too_large_to_be_kept_whole_cannot_be_replayed(
    house: House, north: TestClient, monkeypatch: Any
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_BODY", 4)
    mapped(north).post("/v1/remote-write", content=b"no snappy", headers=HEADERS)
    (letter,) = waiting(north)
    assert (letter["size"], letter["cut"]) == (9, True)
    came = north.post(f"/v1/dead-letters/{letter['id']}/replay").json()
    assert came["detail"][0]["message"] == "the body had 9 bytes, and only the first 4 were kept"


def test_what_is_discarded_is_not_replayed_and_an_ingest_key_sees_nothing(house: House, north: TestClient) -> None:
    mapped(north).post("/v1/remote-write", content=b"no snappy", headers=HEADERS)
    (letter,) = waiting(north)
    source = house.client(house.key("north", "ingest"))
    assert source.get("/v1/dead-letters").status_code == 403
    assert source.post(f"/v1/dead-letters/{letter['id']}/replay").status_code == 403
    assert north.post(f"/v1/dead-letters/{letter['id']}/discard").json()["state"] == "discarded"
    for step in ("replay", "discard"):
        answer = north.post(f"/v1/dead-letters/{letter['id']}/{step}")
        assert (answer.status_code, "discarded already" in answer.json()["detail"]) == (409, True)
        assert north.post(f"/v1/dead-letters/unknown/{step}").status_code == 404
    assert waiting(north) == []
