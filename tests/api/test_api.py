"""The API as its clients use it, over the real process on a real database."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant, parse_instant
from upheld.cases.decide import Join
from upheld.cases.problems import Cause, new_problem
from upheld.clock import SystemClock
from upheld.maintenance.model import Maintenance

from .conftest import PORTFOLIO, House

NOW = SystemClock().now() // MINUTE * MINUTE
NDJSON = {"Content-Type": "application/x-ndjson"}
YAML = {"Content-Type": "application/yaml"}


def instant(at: int) -> str:
    return format_instant(at)


def line(minutes_ago: int = 5, value: float | None = 1, **change: Any) -> dict[str, Any]:
    time = instant(NOW - minutes_ago * MINUTE)
    return {"service": "vpn-1", "metric": "reachable", "time": time, "value": value, **change}


def deliver(client: TestClient, *rows: Mapping[str, Any], mode: str | None = None) -> Any:
    content = "".join(json.dumps(row) + "\n" for row in rows)
    address = "/v1/measurements" if mode is None else f"/v1/measurements?mode={mode}"
    return client.post(address, content=content, headers=NDJSON)


def outage(client: TestClient) -> None:
    """Two hours of vpn-1, the second half of it down."""
    rows = [line(minute, 1 if minute > 60 else 0) for minute in range(120, 0, -1)]
    assert deliver(client, *rows).status_code == 202


def availability(client: TestClient) -> dict[str, Any]:
    """The newest verdict on the availability of vpn-1."""
    found = client.get("/v1/verdicts", params={"service": "vpn-1", "newest": True}).json()["verdicts"]
    (verdict,) = (verdict for verdict in found if verdict["objective"] == "availability")
    return dict(verdict)


def is_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= document.keys()
    return document


# -- measurements ---------------------------------------------------------------------------------------------------


def test_a_batch_is_in_the_log_when_the_answer_comes(house: House, north: TestClient) -> None:
    answer = deliver(north, line(5), line(4))
    assert answer.status_code == 202
    position = answer.json()["position"]
    assert answer.json() == {"accepted": 2, "rejected": [], "position": position}
    ((logged_at, logged, _),) = house.application.log.read(house.tenant("north"))
    assert (logged_at, logged.num_rows) == (position, 2)


def test_by_default_one_bad_row_refuses_the_whole_batch(house: House, north: TestClient) -> None:
    document = is_problem(deliver(north, line(), line(value=None)), 422)
    assert document["accepted"] == 0
    assert document["rejected"] == [
        {"row": 2, "field": "value", "message": "is missing: give value, or good and total"}
    ]
    assert house.batches() == []


def test_row_by_row_the_good_ones_are_taken_and_the_bad_ones_come_back(house: House, north: TestClient) -> None:
    answer = deliver(north, line(), line(service="vpn-9"), line(4), mode="rows")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 2
    assert [(bad["row"], bad["field"]) for bad in answer.json()["rejected"]] == [(2, "service")]
    assert house.batches() == [2]


def test_row_by_row_with_no_good_row_is_refused(north: TestClient) -> None:
    document = is_problem(deliver(north, line(service="vpn-9"), mode="rows"), 422)
    assert [bad["row"] for bad in document["rejected"]] == [1]


def test_an_empty_batch_is_taken_and_leaves_nothing(north: TestClient) -> None:
    assert deliver(north).json() == {"accepted": 0, "rejected": [], "position": None}


def test_an_unknown_mode_is_told_what_is_allowed(north: TestClient) -> None:
    document = is_problem(deliver(north, line(), mode="some"), 422)
    assert document["errors"][0]["field"] == "mode"
    assert "'whole' or 'rows'" in document["errors"][0]["message"]


def test_arrow_is_taken_as_json_lines_are(north: TestClient) -> None:
    table = pa.table(
        {
            "service": ["vpn-1"],
            "metric": ["requests"],
            "time": pa.array([NOW - HOUR], pa.timestamp("us", "UTC")),
            "good": [98],
            "total": [100],
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    content = sink.getvalue().to_pybytes()
    assert north.post("/v1/measurements", content=content, headers=headers).json()["accepted"] == 1
    window = {"start": instant(NOW - DAY), "end": instant(NOW)}
    series = north.get("/v1/measurements/series", params={"service": "vpn-1", "metric": "requests", **window})
    assert series.json()["points"] == [{"time": instant(NOW - HOUR), "good": 98, "total": 100}]
    is_problem(north.post("/v1/measurements", content=content[:200], headers=headers), 400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "application/jsonl; charset=utf-16", ""])
def test_another_content_type_is_415_with_what_is_taken(north: TestClient, content_type: str) -> None:
    answer = north.post("/v1/measurements", content=b"x", headers={"Content-Type": content_type})
    problem = is_problem(answer, 415)
    assert " must be " in problem["detail"]
    assert problem["detail"].endswith(f"it is {content_type!r}" if content_type else "it is missing")
    assert "application/x-ndjson" in answer.headers["accept"]


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "br", "identity, gzip"])
def test_a_compressed_body_is_415(north: TestClient, encoding: str) -> None:
    answer = north.post("/v1/measurements", content=b"x", headers={**NDJSON, "Content-Encoding": encoding})
    is_problem(answer, 415)
    assert answer.headers["accept-encoding"] == "identity"


def test_a_declared_body_beyond_the_limit_is_413(house: House, north: TestClient) -> None:
    limit = house.application.settings.max_body
    answer = north.post("/v1/measurements", content=b"\n" * (limit + 1), headers=NDJSON)
    assert f"{limit:,}" in is_problem(answer, 413)["detail"]
    assert north.post("/v1/measurements", content=b"\n" * limit, headers=NDJSON).status_code == 202


def test_a_stranger_may_send_little(house: House) -> None:
    is_problem(house.client().post("/login", content=b"x" * 70_000), 413)


def test_a_correction_is_what_the_series_shows(north: TestClient) -> None:
    deliver(north, line(5, 0), line(4, 1))
    deliver(north, line(5, 1))
    query = {"service": "vpn-1", "metric": "reachable", "start": instant(NOW - HOUR), "end": instant(NOW)}
    answer = north.get("/v1/measurements/series", params=query).json()
    assert [point["value"] for point in answer["points"]] == [1.0, 1.0]
    assert (answer["service"], answer["start"]) == ("vpn-1", instant(NOW - HOUR))


def test_a_series_of_few_points_keeps_its_dips_and_peaks(north: TestClient) -> None:
    deliver(north, *(line(50 - n, {17: -3.0, 31: 9.0}.get(n, n / 100)) for n in range(50)))
    query = {"service": "vpn-1", "metric": "reachable", "start": instant(NOW - HOUR), "end": instant(NOW)}
    whole = north.get("/v1/measurements/series", params=query).json()
    thin = north.get("/v1/measurements/series", params={**query, "points": 10}).json()
    assert "measurements" not in whole
    assert thin["measurements"] == len(whole["points"]) == 50
    assert len(thin["points"]) <= 10
    assert [point for point in whole["points"] if point in thin["points"]] == thin["points"]
    assert {-3.0, 9.0} <= {point["value"] for point in thin["points"]}


@pytest.mark.parametrize("body", [[], [1], "text", 7, None, True])
def test_a_body_that_is_no_object_is_told_so(north: TestClient, body: Any) -> None:
    document = is_problem(
        north.post("/v1/changes", content=json.dumps(body), headers={"Content-Type": "application/json"}), 422
    )
    assert document["detail"].startswith("the body is not an object of JSON; its fields: at, summary")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"points": "1"}, "points"),
        ({"start": "2026-06-01T00:00:00"}, "start"),
        ({"start": "soon"}, "start"),
        ({"end": "2020-01-01T00:00:00Z"}, "end"),
        ({"service": ""}, "service"),
        ({"service": "a\x00b"}, "service"),
        ({"step": "5m"}, "step"),
    ],
)
def test_a_series_query_names_the_parameter_at_fault(north: TestClient, change: dict[str, str], field: str) -> None:
    good = {"service": "a", "metric": "b", "start": "2026-06-01T00:00:00Z", "end": "2026-06-02T00:00:00Z"}
    document = is_problem(north.get("/v1/measurements/series", params={**good, **change}), 422)
    assert [(e["in"], e["field"]) for e in document["errors"]] == [("query", field)]


# -- agreements -----------------------------------------------------------------------------------------------------


def test_agreements_come_back_as_written_without_secrets(north: TestClient) -> None:
    answer = north.get("/v1/agreements")
    assert answer.json()["version"] == 1
    assert answer.json()["agreements"][0]["charge"]["vpn-1"] == {"amount": "1200.00", "currency": "EUR"}
    assert answer.json()["customers"][0]["contacts"]["noc"][1]["secret"] == "(not shown)"
    assert "whsec_" not in answer.text


def test_the_same_agreements_again_are_the_same_version_and_others_the_next(north: TestClient) -> None:
    assert north.put("/v1/agreements", content=PORTFOLIO, headers=YAML).json() == {
        "version": 1,
        "agreements": ["acme-gold"],
    }
    other = PORTFOLIO.replace("99.0 %", "98.0 %")
    assert north.put("/v1/agreements", content=other, headers=YAML).json()["version"] == 2


def test_a_fault_in_an_agreement_is_told_with_its_line_and_nothing_changes(north: TestClient) -> None:
    wrong = PORTFOLIO.replace("target: 99.9 %", "targt: 99.9 %")
    document = is_problem(north.put("/v1/agreements", content=wrong, headers=YAML), 422)
    number = wrong.split("\n").index("        targt: 99.9 %") + 1
    assert any(e["line"] == number and "target" in e["message"] for e in document["errors"])
    assert north.get("/v1/agreements").json()["version"] == 1


def test_a_secret_is_not_repeated_by_the_error_that_it_causes(north: TestClient) -> None:
    wrong = PORTFOLIO.replace("whsec_bm90LXJlYWxseS1hLXNlY3JldC1hdC1hbGw=", "short-secret")
    answer = north.put("/v1/agreements", content=wrong, headers=YAML)
    is_problem(answer, 422)
    assert "short-secret" not in answer.text


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[" * 50_000, b"&a [*a]", b"a: &a [1]\nb: [*a, *a]", b"{}", b"- 1", b"\x00"]
)
def test_any_text_that_is_no_portfolio_is_422(north: TestClient, content: bytes) -> None:
    assert is_problem(north.put("/v1/agreements", content=content, headers=YAML), 422)["errors"]


def test_agreements_are_taken_as_yaml_only(north: TestClient) -> None:
    answer = north.put("/v1/agreements", content=PORTFOLIO, headers={"Content-Type": "application/json"})
    is_problem(answer, 415)


# -- verdicts and cases ---------------------------------------------------------------------------------------------


def test_an_outage_becomes_a_verdict_and_a_case_with_its_story(house: House, north: TestClient) -> None:
    outage(north)
    house.pulse()
    verdict = availability(north)
    assert (verdict["status"], verdict["bad"], verdict["customer"]) == ("violated", 60, "acme")
    assert verdict["evidence"]
    place = "/".join(verdict[name] for name in ("agreement", "objective", "service", "period_start"))
    one = north.get(f"/v1/verdicts/{place}").json()
    assert one["verdict"] == verdict
    assert one["versions"][-1]["verdict"] == verdict
    assert one["versions"][-1]["cause"]

    (case,) = north.get("/v1/cases", params={"open": True}).json()["cases"]
    assert (case["kind"], case["service"], case["customer"]) == ("violation", "vpn-1", "acme")
    story = north.get(f"/v1/cases/{case['id']}").json()
    assert story["events"][0]["seq"] == 1
    assert {"actions", "notices", "findings"} <= story.keys()
    assert {notice["role"] for notice in story["notices"]} == {"customer.noc", "account-manager"}
    assert not any({"html", "payload", "calendar"} & notice.keys() for notice in story["notices"])
    assert north.get("/v1/tickets").json() == {"tickets": []}


def test_the_filters_of_verdicts_limit_what_comes(house: House, north: TestClient) -> None:
    outage(north)
    house.pulse()
    for query, some in (
        ({"agreement": "acme-gold"}, True),
        ({"agreement": "other"}, False),
        ({"customer": "acme", "newest": True}, True),
        ({"customer": "other"}, False),
        ({"service": "vpn-9"}, False),
    ):
        assert bool(north.get("/v1/verdicts", params=query).json()["verdicts"]) is some, query


def test_a_misspelt_filter_is_not_passed_over(north: TestClient) -> None:
    document = is_problem(north.get("/v1/verdicts?agrement=acme-gold"), 422)
    assert document["errors"][0]["field"] == "agrement"
    assert "agreement, service, customer, newest" in document["errors"][0]["message"]


def test_cases_are_filtered_by_state(house: House, north: TestClient) -> None:
    outage(north)
    house.pulse()
    state = north.get("/v1/cases").json()["cases"][0]["state"]
    assert len(north.get("/v1/cases", params={"state": [state, "closed"]}).json()["cases"]) == 1
    assert north.get("/v1/cases", params={"state": "closed"}).json()["cases"] == []
    is_problem(north.get("/v1/cases", params={"state": "lost"}), 422)
    is_problem(north.get("/v1/cases", params={"state": "closed", "open": True}), 422)


@pytest.mark.parametrize(
    "address",
    [
        "/v1/cases/C-404",
        "/v1/maintenance/M-404",
        "/v1/verdicts/acme-gold/availability/vpn-1/2026-06-01T00:00:00Z",
        "/v1/nothing",
    ],
)
def test_what_is_not_there_is_a_404_problem(north: TestClient, address: str) -> None:
    is_problem(north.get(address), 404)


def test_the_customers_signed_link_is_not_shown_to_the_operator(house: House, north: TestClient) -> None:
    from upheld.notices.links import Question
    from upheld.notices.model import Notice
    from upheld.reports.records import notice_document

    link = house.application.links.question_url(Question("north", "C-1", 1, "noc@acme.example"))
    notice = Notice(
        "n1", "question", "customer.noc", "email", "noc@acme.example", "?", f"See {link}.", link, "sent", NOW
    )
    text = json.dumps(notice_document(notice))
    assert link.rsplit("/", 1)[1] not in text
    assert "/confirm/(not shown)" in text


# -- maintenance, exclusions, changes -------------------------------------------------------------------------------

WORK = {
    "title": "Replace a line card",
    "start": instant(NOW + 20 * DAY),
    "end": instant(NOW + 20 * DAY + 2 * HOUR),
    "services": ["vpn-1"],
    "approved_by": "change board",
}


def test_a_maintenance_is_planned_announced_and_found_again(north: TestClient) -> None:
    answer = north.post("/v1/maintenance", json=WORK)
    assert answer.status_code == 201
    planned = answer.json()
    assert {n["kind"] for n in planned["notices"]} == {"maintenance"}
    assert {n["role"] for n in planned["notices"]} == {"customer.noc"}
    assert answer.headers["location"] == f"/v1/maintenance/{planned['id']}"
    found = north.get(answer.headers["location"]).json()
    assert (found["title"], found["start"], found["services"]) == (WORK["title"], WORK["start"], ["vpn-1"])
    assert [(a["agreement"], bool(a["reason"])) for a in found["announcements"]] == [("acme-gold", True)]
    assert [work["id"] for work in north.get("/v1/maintenance").json()["maintenance"]] == [planned["id"]]
    later = {"ending_after": instant(NOW + 21 * DAY)}
    assert north.get("/v1/maintenance", params=later).json()["maintenance"] == []


def test_a_maintenance_may_have_slashes_in_its_id(north: TestClient) -> None:
    planned = north.post("/v1/maintenance", json={**WORK, "id": "CHG/2026/17"})
    place = planned.headers["location"]
    assert place == "/v1/maintenance/CHG%2F2026%2F17"
    assert north.get(place).json()["id"] == "CHG/2026/17"
    assert north.get(f"{place}/objections").json()["objections"] == []
    assert north.patch(place, json={"title": "Another"}).json()["title"] == "Another"
    assert north.post(f"{place}/over", json={}).status_code == 409
    assert north.get("/tmf-api/changeManagement/v4/changeRequest/CHG%2F2026%2F17").json()["id"] == "CHG/2026/17"
    assert north.delete(place).json()["state"] == "cancelled"


def test_of_works_of_one_night_and_of_both_paths_is_warned_when_they_are_planned(north: TestClient) -> None:
    paths = b"dependencies:\n  - {of: vpn-1, on: [line-a, line-b], redundancy: any}\n"
    assert north.put("/v1/topology", content=paths, headers={"Content-Type": "application/yaml"}).is_success
    quiet = north.post("/v1/maintenance", json={**WORK, "id": "A", "services": ["line-a"]})
    assert quiet.json()["warnings"] == []
    (pair,) = north.post("/v1/maintenance", json={**WORK, "id": "B", "services": ["line-b"]}).json()["warnings"]
    assert (pair["kind"], pair["work"], pair["members"]) == ("both_paths", "A", ["line-a", "line-b"])
    assert north.get("/v1/maintenance/A").json()["warnings"][0]["work"] == "B"
    north.post("/v1/maintenance", json={**WORK, **LATER, "id": "C"})
    moved = north.patch("/v1/maintenance/B", json={**LATER, "services": ["vpn-1"]}).json()
    assert [(one["kind"], one["work"], one["customers"]) for one in moved["warnings"]] == [
        ("same_night", "C", ["acme"])
    ]
    assert north.get("/v1/maintenance/A").json()["warnings"] == []


LATER = {"start": instant(NOW + 21 * DAY), "end": instant(NOW + 21 * DAY + HOUR)}
NIGHTS = [{"start": instant(NOW + day * DAY), "end": instant(NOW + day * DAY + 2 * HOUR)} for day in (20, 22)]
SEVERAL = {name: value for name, value in WORK.items() if name not in ("start", "end")}


def test_a_maintenance_of_several_windows_is_told_changed_and_weighed_with_all_of_them(north: TestClient) -> None:
    planned = north.post("/v1/maintenance", json={**SEVERAL, "id": "CHG-9", "windows": NIGHTS[::-1]}).json()
    assert (planned["start"], planned["end"]) == (NIGHTS[0]["start"], NIGHTS[1]["end"])
    assert planned["windows"] == NIGHTS
    assert "Window 2" in planned["notices"][0]["text"]
    assert north.post("/v1/maintenance", json={**SEVERAL, "id": "CHG-9", "windows": NIGHTS}).status_code == 200
    preview = north.post("/v1/maintenance/preview", json={"windows": NIGHTS, "services": ["vpn-1"]}).json()
    assert (preview["windows"], preview["better"]["asked"]["windows"]) == (NIGHTS, NIGHTS)
    for slot in preview["better"]["slots"]:
        (first, second) = ([parse_instant(one[name]) for name in ("start", "end")] for one in slot["windows"])
        assert (second[0] - first[0], first[1] - first[0], second[1] - second[0]) == (2 * DAY, 2 * HOUR, 2 * HOUR)
    later = north.patch("/v1/maintenance/CHG-9", json={"end": instant(NOW + 22 * DAY + 3 * HOUR)})
    assert is_problem(later, 422)["errors"][0]["message"] == "the work has 2 windows: give them all, as windows"
    assert north.get("/v1/maintenance/CHG-9").json()["windows"] == NIGHTS
    changed = north.patch("/v1/maintenance/CHG-9", json={"windows": NIGHTS[1:]}).json()
    assert (changed["start"], changed["windows"]) == (NIGHTS[1]["start"], [])


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"windows": [NIGHTS[0], NIGHTS[0]]}, "windows", "before another one is over"),
        ({"windows": [NIGHTS[0], {**NIGHTS[1], "end": NIGHTS[1]["start"]}]}, "windows.1.end", "must be later"),
        ({"windows": NIGHTS, "start": NIGHTS[0]["start"]}, "windows", "give start and end, or windows"),
        ({"windows": [NIGHTS[0], {**NIGHTS[1], "end": instant(NOW + 60 * DAY)}]}, "windows", "window 2: a window is"),
        ({"windows": []}, "windows", "at least 1"),
        ({}, "start", "Field required"),
    ],
)
def test_windows_that_cannot_be_are_told_by_their_place(
    north: TestClient, change: dict[str, Any], field: str, says: str
) -> None:
    document = is_problem(north.post("/v1/maintenance", json={**SEVERAL, **change}), 422)
    assert [(e["field"], says in e["message"]) for e in document["errors"]] == [(field, True)], document


def test_a_maintenance_sent_twice_under_one_id_is_planned_once(north: TestClient) -> None:
    first = north.post("/v1/maintenance", json={**WORK, "id": "CHG-7"})
    again = north.post("/v1/maintenance", json={**WORK, "id": "CHG-7"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert {n["id"] for n in first.json()["notices"]} == {n["id"] for n in again.json()["notices"]}
    is_problem(north.post("/v1/maintenance", json={**WORK, "id": "CHG-7", "title": "Another"}), 409)


def test_a_cancelled_maintenance_tells_whom_it_had_told(house: House, north: TestClient) -> None:
    planned = north.post("/v1/maintenance", json={**WORK, "id": "CHG-8"}).json()
    with house.application.store.transaction(house.tenant("north")) as t:
        for notice in t.notices(maintenance_id="CHG-8"):
            t.save_notice(replace(notice, state="sent", sent_at=NOW))
    cancelled = north.delete("/v1/maintenance/CHG-8").json()
    assert cancelled["state"] == "cancelled"
    assert {n["kind"] for n in cancelled["notices"]} == {"maintenance_cancelled"}
    assert [n["address"] for n in cancelled["notices"]] == [n["address"] for n in planned["notices"]]
    assert north.get("/v1/maintenance/CHG-8").json()["state"] == "cancelled"
    assert north.delete("/v1/maintenance/CHG-8").json()["notices"] == []
    is_problem(north.post("/v1/maintenance", json={**WORK, "id": "CHG-8"}), 409)


def test_a_changed_maintenance_is_told_with_what_it_was(house: House, north: TestClient) -> None:
    north.post("/v1/maintenance", json={**WORK, "id": "CHG-10"})
    with house.application.store.transaction(house.tenant("north")) as t:
        for notice in t.notices(maintenance_id="CHG-10"):
            t.save_notice(replace(notice, state="sent", sent_at=NOW))
    later = {"end": instant(NOW + 20 * DAY + 3 * HOUR)}
    changed = north.patch("/v1/maintenance/CHG-10", json=later).json()
    assert (changed["start"], changed["end"], changed["sequence"]) == (WORK["start"], later["end"], 1)
    assert {n["kind"] for n in changed["notices"]} == {"maintenance_changed"}
    assert north.patch("/v1/maintenance/CHG-10", json=later).json()["notices"] == []
    assert north.get("/v1/maintenance/CHG-10").json()["sequence"] == 1
    for wrong, field in (({"end": WORK["start"]}, "end"), ({"services": ["vpn-9"]}, "services"), ({"at": 1}, "at")):
        problem = is_problem(north.patch("/v1/maintenance/CHG-10", json=wrong), 422)
        assert problem["errors"][0]["field"] == field
    is_problem(north.patch("/v1/maintenance/CHG-11", json=later), 404)
    north.delete("/v1/maintenance/CHG-10")
    is_problem(north.patch("/v1/maintenance/CHG-10", json=later), 409)


def test_it_is_said_that_a_maintenance_has_started_and_is_over(house: House, north: TestClient) -> None:
    start, end = NOW - HOUR, NOW + HOUR
    work = Maintenance("CHG-13", WORK["title"], start, end, ("vpn-1",), WORK["approved_by"], NOW - 4 * HOUR)
    house.application.process.works.plan(house.tenant("north"), work)
    address = "/v1/maintenance/CHG-13"
    assert north.post(f"{address}/started", json={"at": instant(start)}).json()["started_at"] == instant(start)
    assert "the window is not over" in is_problem(north.post(f"{address}/overrun", json={}), 409)["detail"]
    assert "is still to come" in is_problem(north.post(f"{address}/over", json={"at": instant(end)}), 409)["detail"]
    assert north.post(f"{address}/over", json={"at": instant(NOW)}).json()["ended_at"] == instant(NOW)
    is_problem(north.post(f"{address}/paused", json={}), 422)
    same = {**WORK, "id": "CHG-13", "start": instant(start), "end": instant(end)}
    assert north.post("/v1/maintenance", json=same).status_code == 200
    is_problem(north.post("/v1/maintenance/CHG-14/over", json={}), 404)
    is_problem(north.patch(address, json={"end": instant(NOW + 2 * HOUR)}), 422)


def test_a_maintenance_that_has_begun_keeps_its_start(house: House, north: TestClient) -> None:
    start, end = NOW - HOUR, NOW + HOUR
    work = Maintenance("CHG-12", WORK["title"], start, end, ("vpn-1",), WORK["approved_by"], NOW - 4 * HOUR)
    house.application.process.works.plan(house.tenant("north"), work)
    moved = {"start": instant(NOW + HOUR), "end": instant(NOW + 2 * HOUR)}
    problem = is_problem(north.patch("/v1/maintenance/CHG-12", json=moved), 422)
    assert problem["detail"] == "start: the work has begun: its start stays as it was"
    assert north.patch("/v1/maintenance/CHG-12", json={"end": instant(NOW + 2 * HOUR)}).status_code == 200


def test_a_maintenance_that_is_over_can_neither_be_cancelled_nor_planned(house: House, north: TestClient) -> None:
    start, end = NOW - 3 * HOUR, NOW - 2 * HOUR
    work = Maintenance("CHG-9", WORK["title"], start, end, ("vpn-1",), WORK["approved_by"], NOW - 4 * HOUR)
    house.application.process.works.plan(house.tenant("north"), work)
    is_problem(north.delete("/v1/maintenance/CHG-9"), 409)
    same = {**WORK, "start": instant(start), "end": instant(end)}
    assert north.post("/v1/maintenance", json={**same, "id": "CHG-9"}).status_code == 200
    assert "this is over already" in is_problem(north.post("/v1/maintenance", json=same), 422)["detail"]


@pytest.mark.parametrize(
    ("address", "good", "change", "field", "says"),
    [
        ("/v1/maintenance", WORK, {"services": ["vpn-1", "vpn-9"]}, "services", "'vpn-9'"),
        ("/v1/maintenance", WORK, {"services": []}, "services", "at least 1"),
        ("/v1/maintenance", WORK, {"start": "2026-06-01T00:00:00"}, "start", "no time zone"),
        ("/v1/maintenance", WORK, {"end": WORK["start"]}, "end", "must be later than start: "),
        ("/v1/maintenance", WORK, {"end": instant(NOW + 52 * DAY)}, "end", "at most 31 days long"),
        (
            "/v1/maintenance",
            WORK,
            {"start": "2199-01-01T00:00:00Z", "end": "2199-01-01T01:00:00Z"},
            "start",
            "the year",
        ),
        ("/v1/maintenance", WORK, {"end": 5}, "end", "RFC 3339"),
        ("/v1/maintenance", WORK, {"approved_by": ""}, "approved_by", "at least 1"),
        ("/v1/maintenance", WORK, {"approver": "me"}, "approver", "allowed: start, end, windows, title"),
        ("/v1/maintenance", WORK, {"title": "a\x00b"}, "title", "NUL"),
        ("/v1/maintenance", WORK, {"id": "x" * 201}, "id", "at most 200"),
        ("/v1/exclusions", None, {"service": "vpn-9"}, "service", "'vpn-9'"),
        ("/v1/exclusions", None, {"agreement": "other"}, "agreement", "'other'"),
        ("/v1/exclusions", None, {"approved_by": None}, "approved_by", "string"),
        (
            "/v1/exclusions",
            None,
            {"end": "2026-01-01T00:00:00Z"},
            "end",
            "must be later than start: 2026-01-01T00:00:00Z is not after",
        ),
        ("/v1/changes", None, {"services": ["vpn-9"]}, "services", "'vpn-9'"),
        ("/v1/changes", None, {"at": "2026-06-01"}, "at", "no time zone"),
        ("/v1/changes", None, {"summary": ""}, "summary", "at least 1"),
    ],
)
def test_a_faulty_document_is_told_field_by_field(
    north: TestClient, address: str, good: dict[str, Any] | None, change: dict[str, Any], field: str, says: str
) -> None:
    good = good or (EXCLUSION if address == "/v1/exclusions" else CHANGE)
    document = is_problem(north.post(address, json={**good, **change}), 422)
    assert [(e["field"], says in e["message"]) for e in document["errors"]] == [(field, True)]


EXCLUSION = {
    "service": "vpn-1",
    "start": instant(NOW - HOUR),
    "end": instant(NOW),
    "reason": "force_majeure",
    "approved_by": "duty manager",
}
CHANGE = {"at": instant(NOW - HOUR), "summary": "firmware 4.2", "services": ["vpn-1"]}


def test_an_exclusion_restates_what_it_touches(house: House, north: TestClient) -> None:
    outage(north)
    house.pulse()
    assert north.post("/v1/exclusions", json=EXCLUSION).status_code == 201
    house.pulse()
    verdict = availability(north)
    assert verdict["status"] == "met"
    assert verdict["excluded"] == 60


def test_an_exclusion_that_another_id_has_does_not_stand_in_for_it(north: TestClient) -> None:
    other = {**EXCLUSION, "reason": "customer_cause"}
    for body in ({**EXCLUSION, "id": "X-1"}, {**other, "id": "X-2"}):
        assert north.post("/v1/exclusions", json=body).status_code == 201
    is_problem(north.post("/v1/exclusions", json={**other, "id": "X-1"}), 409)
    assert len(north.get("/v1/exclusions").json()["exclusions"]) == 2
    same = north.post("/v1/exclusions", json={**EXCLUSION, "id": "X-3"})
    assert (same.status_code, same.json()["id"]) == (201, "X-3")


def test_an_exclusion_under_a_used_id_is_a_conflict_unless_it_is_the_same(north: TestClient) -> None:
    first = north.post("/v1/exclusions", json={**EXCLUSION, "id": "X-1"})
    again = north.post("/v1/exclusions", json={**EXCLUSION, "id": "X-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    is_problem(north.post("/v1/exclusions", json={**EXCLUSION, "id": "X-1", "service": "vpn-2"}), 409)
    assert len(north.get("/v1/exclusions").json()["exclusions"]) == 1


def test_a_revoked_exclusion_stands_no_more_and_may_be_granted_anew(north: TestClient) -> None:
    north.post("/v1/exclusions", json={**EXCLUSION, "id": "X-1"})
    assert north.delete("/v1/exclusions/X-1").status_code == 204
    assert north.get("/v1/exclusions").json() == {"exclusions": []}
    is_problem(north.delete("/v1/exclusions/X-1"), 404)
    assert north.post("/v1/exclusions", json={**EXCLUSION, "id": "X-1"}).status_code == 201


def test_an_exclusion_may_be_for_every_service(north: TestClient) -> None:
    assert north.post("/v1/exclusions", json={**EXCLUSION, "service": "*"}).json()["service"] == "*"


def test_a_change_becomes_part_of_what_a_case_knows(house: House, north: TestClient) -> None:
    change = north.post("/v1/changes", json=CHANGE)
    assert change.status_code == 201
    outage(north)
    house.pulse()
    case = north.get("/v1/cases").json()["cases"][0]
    assert "firmware 4.2" in json.dumps(case["findings"])


def test_a_change_is_recorded_once_under_its_id_and_listed(north: TestClient) -> None:
    mine = {**CHANGE, "id": "CH-1"}
    assert [north.post("/v1/changes", json=mine).status_code for _ in range(2)] == [201, 200]
    is_problem(north.post("/v1/changes", json={**mine, "summary": "firmware 4.3"}), 409)
    assert north.post("/v1/changes", json={**CHANGE, "at": instant(NOW), "id": "CH-2"}).status_code == 201

    def listed(**query: Any) -> list[tuple[str, str]]:
        answer = north.get("/v1/changes", params=query)
        assert answer.status_code == 200
        return [(c["id"], c["summary"]) for c in answer.json()["changes"]]

    assert listed() == [("CH-2", "firmware 4.2"), ("CH-1", "firmware 4.2")]
    assert listed(since=instant(NOW)) == listed(limit=1) == [("CH-2", "firmware 4.2")]
    is_problem(north.get("/v1/changes", params={"since": "2026-06-01"}), 422)


@pytest.mark.parametrize("address", ["/v1/maintenance", "/v1/exclusions", "/v1/changes"])
@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"id": ' + b"1" * 5000 + b"}", "application/json", 400),
        (b"", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"title": "\\ud800"}', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"{}", "application/xml", 415),
        (b"{}", "application/json; charset=utf-16", 415),
    ],
)
def test_a_body_that_is_no_document_is_a_problem(
    north: TestClient, address: str, content: bytes, content_type: str, status: int
) -> None:
    is_problem(north.post(address, content=content, headers={"Content-Type": content_type}), status)


# -- the edge -------------------------------------------------------------------------------------------------------


def test_health_is_open_and_says_when_the_store_is_gone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client = house.client()
    assert client.get("/health/live").json() == {"status": "ok"}
    assert client.get("/health/ready").json() == {"status": "ok"}

    def gone() -> None:
        raise OSError("password=hunter2 refused")

    monkeypatch.setattr(house.application.process, "ready", gone)
    answer = client.get("/health/ready")
    is_problem(answer, 503)
    assert "hunter2" not in answer.text
    assert client.get("/health/live").status_code == 200


@pytest.mark.parametrize("address", ["/health/live", "/v1/verdicts", "/login", "/nowhere", "/"])
def test_every_answer_protects_the_browser(north: TestClient, address: str) -> None:
    headers = north.get(address).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_a_failure_inside_says_nothing_of_the_inside(
    house: House, north: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("whsec_very_secret")

    monkeypatch.setattr(house.application.process, "known_series", fail)
    answer = deliver(north, line())
    is_problem(answer, 500)
    assert "nosniff" in answer.headers["x-content-type-options"]
    logged = capsys.readouterr().out
    assert "RuntimeError" in logged
    assert "measurements.py" in logged
    assert "whsec" not in answer.text + logged
    assert "Traceback" not in answer.text


def test_the_log_of_requests_holds_no_token_no_query_and_no_key(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = house.key("north")
    client = house.client(secret)
    client.get("/v1/verdicts?service=confidential-service")
    client.get("/confirm/token-of-a-customer?x=confidential-query")
    client.get("/confirm/token-of-a-customer/too/long")
    client.get("/unknown/token-of-a-customer")
    logged = capsys.readouterr().out
    assert logged.count("status=") == 4
    assert "/v1/verdicts" in logged
    assert "/confirm/{token}" in logged
    for hidden in (secret, secret[4:], "confidential", "token-of-a-customer"):
        assert hidden not in logged


def test_the_description_of_the_api_names_every_endpoint(north: TestClient) -> None:
    paths = north.get("/openapi.json").json()["paths"]
    assert {"/v1/measurements", "/v1/agreements", "/v1/cases/{case_id}", "/v1/maintenance/{maintenance_id}"} <= set(
        paths
    )
    assert "application/vnd.apache.arrow.stream" in paths["/v1/measurements"]["post"]["requestBody"]["content"]


# -- anything at all ------------------------------------------------------------------------------------------------

CONTENT_TYPES = st.sampled_from(
    [
        "application/x-ndjson",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
        "text/csv",
        "application/yaml",
        "application/json",
        "application/json; charset=\xff",
        "",
        ";",
    ]
)
FIELDS = ["title", "start", "end", "services", "approved_by", "id", "service", "reason", "at", "summary", "agreement"]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["vpn-1", "*", WORK["start"], WORK["end"], "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    request=st.sampled_from(
        [
            ("POST", "/v1/measurements"),
            ("POST", "/v1/measurements?mode=rows"),
            ("POST", "/v1/events"),
            ("PUT", "/v1/agreements"),
            ("POST", "/v1/maintenance"),
            ("POST", "/v1/exclusions"),
            ("POST", "/v1/changes"),
        ]
    ),
    content_type=CONTENT_TYPES,
    body=st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8).map(lambda d: json.dumps(d).encode()),
)
def test_any_bytes_give_a_clean_answer(
    north: TestClient, request: tuple[str, str], content_type: str, body: bytes
) -> None:
    headers = {"Content-Type": content_type.encode("latin-1")}
    answer = north.request(*request, content=body, headers=headers)
    assert answer.status_code in (200, 201, 202, 400, 409, 415, 422), answer.text
    if answer.status_code >= 400:
        is_problem(answer, answer.status_code)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.sampled_from(
        [
            "/v1/verdicts",
            "/v1/verdicts/{}/b/c/2026-06-01T00:00:00Z",
            "/v1/verdicts/a/b/c/{}",
            "/v1/cases",
            "/v1/cases/{}",
            "/v1/tickets",
            "/v1/maintenance",
            "/v1/maintenance/{}",
            "/v1/measurements/series",
        ]
    ),
    text=st.text(min_size=1, max_size=12),
    query=st.dictionaries(
        st.sampled_from(["agreement", "service", "newest", "state", "limit", "ending_after", "start", "end", "metric"]),
        st.text(max_size=12) | st.sampled_from(["true", "1", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]),
        max_size=4,
    ),
)
def test_any_question_gives_a_clean_answer(north: TestClient, path: str, text: str, query: dict[str, str]) -> None:
    from urllib.parse import quote

    answer = north.get(path.replace("{}", quote(text, safe="")), params=query)
    assert answer.status_code in (200, 404, 405, 422), answer.text


def test_a_customers_answer_by_telephone_is_taken_where_it_was_asked_for(house: House, north: TestClient) -> None:
    outage(north)
    house.pulse()
    case = north.get("/v1/cases").json()["cases"][0]
    address = f"/v1/cases/{case['id']}"
    yes = {"solved": True, "contact": "Ms Berg, by telephone", "comment": " fine ", "score": 4}
    is_problem(north.post(f"{address}/answer", json=yes), 409)
    assert north.post(f"{address}/ask").status_code == 204
    is_problem(north.post(f"{address}/ask"), 409)
    assert north.post(f"{address}/answer", json=yes).status_code == 204
    now = north.get(address).json()
    assert (now["state"], now["outcome"], now["score"]) == ("closed", "confirmed", 4)
    (answer,) = now["answers"]
    said = {name: answer[name] for name in ("contact", "solved", "comment", "via", "effect")}
    assert said == {
        "contact": "Ms Berg, by telephone",
        "solved": True,
        "comment": "fine",
        "via": "api",
        "effect": "closed",
    }
    assert answer["taken_by"]
    assert [event["data"]["contact"] for event in now["events"] if event["type"] == "answered"] == [answer["contact"]]
    assert now["reopens_until"] > now["closed_at"] == answer["at"]
    assert north.post(f"{address}/answer", json=yes).status_code == 204
    assert north.get(address).json()["answers"] == [answer]
    assert north.post(f"{address}/answer", json={**yes, "solved": False}).status_code == 204
    now = north.get(address).json()
    assert (now["state"], now["closed_at"], now["reopens_until"]) == ("reopened", None, None)
    assert [one["effect"] for one in now["answers"]] == ["closed", "reopened"]
    is_problem(north.post(f"{address}/answer", json={**yes, "score": 6}), 422)
    is_problem(north.post("/v1/cases/C-0/answer", json=yes), 404)


def test_people_put_their_words_to_a_case_and_read_its_report(
    house: House, north: TestClient, south: TestClient
) -> None:
    outage(north)
    house.pulse()
    case = north.get("/v1/cases").json()["cases"][0]
    address = f"/v1/cases/{case['id']}"
    assert north.post(f"{address}/update", json={"text": "A card is being replaced."}).status_code == 204
    resolution = {"cause": "a broken card", "done": "replaced"}
    assert north.post(f"{address}/resolution", json=resolution).status_code == 204
    now = north.get(address).json()
    assert now["told"]["text"] == "A card is being replaced."
    assert now["told"]["at"].endswith("Z")
    assert {name: now["resolution"][name] for name in resolution} == resolution
    assert now["resolution"]["by"]
    assert "update" in {notice["kind"] for notice in now["notices"]}
    report = north.get(f"{address}/report")
    assert report.headers["content-type"].startswith("text/markdown")
    assert "a broken card" in report.text
    is_problem(north.post(f"{address}/update", json={"text": " \n "}), 422)
    for path, body in (("update", {"text": "x"}), ("resolution", {"cause": "x"})):
        is_problem(north.post(f"{address}/{path}", json={}), 422)
        is_problem(south.post(f"{address}/{path}", json=body), 404)
    is_problem(south.get(f"{address}/report"), 404)


def test_what_closed_cases_were_is_owed_until_it_is_put_down(
    house: House, north: TestClient, south: TestClient
) -> None:
    outage(north)
    house.pulse()
    address = f"/v1/cases/{north.get('/v1/cases').json()['cases'][0]['id']}"
    assert north.get(address).json()["resolution_owed"] is None
    assert north.post(f"{address}/ask").status_code == 204
    north.post(f"{address}/answer", json={"solved": True, "contact": "Ms Berg"})
    (owed,) = north.get("/v1/resolutions").json()["resolutions"]
    assert (owed["href"], owed["promise"], owed["standing"]) == (address, "resolution", "runs")
    assert north.get(address).json()["resolution_owed"] == owed
    (listed,) = north.get("/v1/cases", params={"resolution": "owed"}).json()["cases"]
    assert (listed["id"], listed["outcome"]) == (owed["case"], "confirmed")
    assert south.get("/v1/resolutions").json()["resolutions"] == []
    is_problem(north.get("/v1/cases", params={"resolution": "owed", "open": True}), 422)
    assert north.post(f"{address}/resolution", json={"cause": "a broken card"}).status_code == 204
    assert north.get("/v1/resolutions").json()["resolutions"] == []
    assert north.get("/v1/cases", params={"resolution": "owed"}).json()["cases"] == []
    window = {"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    kept = north.get("/v1/performance", params=window).json()["resolved"]
    assert kept == {"kept": 1, "missed": 0, "runs": 0, "share": "1.0000"}


def test_what_a_problem_was_is_put_down_by_its_own_address(house: House, north: TestClient, south: TestClient) -> None:
    outage(north)
    house.pulse()
    problem = new_problem("north", Cause("switch-9"), NOW)
    with house.application.store.transaction(house.tenant("north")) as t:
        t.save_problem(problem)
    address, said = f"/v1/problems/{problem.id}", {"cause": "a broken card", "done": "replaced"}
    assert north.get(address).json()["resolution_owed"] is None
    assert north.post(f"{address}/resolution", json=said).status_code == 204
    assert north.get(address).json()["resolution"]["cause"] == "a broken card"
    is_problem(south.post(f"{address}/resolution", json=said), 404)
    is_problem(north.post(f"{address}/resolution", json={"done": "replaced"}), 422)


def test_problems_are_listed_with_their_cases(house: House, north: TestClient, south: TestClient) -> None:
    outage(north)
    house.pulse()
    problem = new_problem("north", Cause("switch-9"), NOW)
    with house.application.store.transaction(house.tenant("north")) as t:
        t.save_problem(problem)
    case = north.get("/v1/cases").json()["cases"][0]
    house.application.process.cases.command(house.tenant("north"), case["id"], Join(problem.id))
    (listed,) = north.get("/v1/problems", params={"open": True}).json()["problems"]
    assert (listed["id"], listed["cause"], listed["open_cases"]) == (problem.id, "switch-9", 1)
    assert (listed["kind"], listed["cause_kind"]) == ("outage", "resource")
    found = north.get(f"/v1/problems/{problem.id}").json()
    assert [one["id"] for one in found["cases"]] == [case["id"]]
    assert (found["open_cases"], found["all_cases"]) == (1, 1)
    assert north.get(f"/v1/problems/{problem.id}", params={"offset": 1}).json()["cases"] == []
    assert south.get("/v1/problems").json()["problems"] == []
    is_problem(south.get(f"/v1/problems/{problem.id}"), 404)


def test_everyone_whom_a_problem_hits_is_told_how_far_it_is(house: House, north: TestClient, south: TestClient) -> None:
    outage(north)
    house.pulse()
    problem = new_problem("north", Cause("switch-9"), NOW)
    with house.application.store.transaction(house.tenant("north")) as t:
        t.save_problem(problem)
    case, address = north.get("/v1/cases").json()["cases"][0], f"/v1/problems/{problem.id}/update"
    is_problem(north.post(address, json={"text": "A card is being replaced."}), 409)
    house.application.process.cases.command(house.tenant("north"), case["id"], Join(problem.id))
    is_problem(north.post(address, json={"text": " "}), 422)
    is_problem(south.post(address, json={"text": "x"}), 404)
    told = north.post(address, json={"text": "A card is being replaced."})
    assert (told.status_code, told.json()) == (202, {"cases": 1})
    while house.application.performer.keep_time():
        pass
    updates = [e["data"] for e in north.get(f"/v1/cases/{case['id']}").json()["events"] if e["type"] == "updated"]
    assert [(said["text"], said["by"]) for said in updates] == [("A card is being replaced.", "test")]


def test_how_well_promises_of_handling_are_kept(house: House, north: TestClient, south: TestClient) -> None:
    outage(north)
    house.pulse()
    window = {"start": instant(NOW - DAY), "end": instant(NOW + DAY)}
    found = north.get("/v1/performance", params=window).json()
    assert found["cases"] == 1
    assert found["fixed"] == {"kept": 0, "missed": 0, "runs": 0, "share": None}
    assert found["satisfaction"]["mean"] is None
    nothing = south.get("/v1/performance", params=window).json()
    assert (nothing["cases"], nothing["told"]) == (0, {})
    is_problem(north.get("/v1/performance", params={**window, "end": window["start"]}), 422)
