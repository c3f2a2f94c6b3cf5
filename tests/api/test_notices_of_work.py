"""Providers' notices of work, and works as CSV, by HTTP; and the questions about them."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from upheld.agreements.units import DAY, HOUR, format_instant
from upheld.readers.provider_mails import PYTHON
from upheld.taking_in.noticeboard import MAX_BYTES

from .conftest import House
from .test_access import _calendar
from .test_api import NOW

ICS = {"Content-Type": "text/calendar; charset=utf-8"}
CSV = {"Content-Type": "text/csv"}
HEADER = "id,title,start,end,services,approved_by,description\n"


def post(client: TestClient, body: bytes, name: str = "n.ics") -> dict[str, Any]:
    answer = client.post("/v1/maintenance/notices", content=body, headers=ICS, params={"name": name})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_notice_waits_for_a_person_and_is_planned_by_the_answer(north: TestClient) -> None:
    body = _calendar("lumen", "vpn-1", NOW)
    taken = post(north, body)
    assert post(north, body, "again.ics") == taken
    (window,) = taken["works"]
    assert (window["state"], window["asks_for"], window["questions"]) == ("waiting", "plan", [])
    assert window["circuits"] == [{"circuit_id": "vpn-1", "impact": "OUTAGE", "nodes": ["vpn-1"]}]
    assert north.get("/v1/maintenance").json()["maintenance"] == []
    assert [one["id"] for one in north.get("/v1/maintenance/questions").json()["questions"]] == [window["id"]]
    assert north.get(f"/v1/maintenance/notices/{taken['id']}/body").content == body
    said = {"accept": True, "title": "Fibre", "emergency": True}
    answered = north.post(f"/v1/maintenance/questions/{window['id']}", json=said)
    assert (answered.json()["state"], answered.json()["decided_by"]) == ("taken", "test")
    work = north.get(f"/v1/maintenance/{answered.json()['maintenance']}").json()
    assert (work["title"], work["services"], work["approved_by"]) == ("Fibre", ["vpn-1"], "test")
    assert work["emergency"]
    assert north.post(f"/v1/maintenance/questions/{window['id']}", json={"accept": True}).status_code == 409
    assert north.get("/v1/maintenance/questions").json() == {"questions": []}
    assert north.get("/v1/maintenance/notices", params={"state": "taken"}).json()["works"] == [answered.json()]


def test_times_that_were_local_are_read_again_in_their_zone(north: TestClient) -> None:
    (window,) = post(north, _calendar("lumen", "vpn-1", NOW))["works"]
    path = f"/v1/maintenance/questions/{window['id']}"
    both = {"accept": True, "zone": "Asia/Tokyo", "start": format_instant(NOW + DAY)}
    assert "zone: start says already" in north.post(path, json=both).json()["detail"]
    answered = north.post(path, json={"accept": True, "zone": "Asia/Tokyo"}).json()
    assert answered["corrected"]["start"] == format_instant(NOW + 15 * HOUR)


def test_a_work_of_several_windows_is_answered_as_one(north: TestClient) -> None:
    nights = [_calendar("lumen", "vpn-1", NOW + n * DAY).decode() for n in range(3)]
    events = [night[night.index("BEGIN:VEVENT") : night.index("END:VCALENDAR")] for night in nights]
    body = "".join([nights[0].partition("BEGIN:VEVENT")[0], *events, "END:VCALENDAR\r\n"])
    (work,) = post(north, body.encode())["works"]
    path = f"/v1/maintenance/questions/{work['id']}"
    told = [{"start": one["start"], "end": one["end"]} for one in work["understood"]["windows"]]
    assert (len(told), work["windows"]) == (3, told)
    one_of_them = north.post(path, json={"accept": True, "windows": told[:1]})
    assert "windows: are 1, and the notice tells of 3: say of each" in one_of_them.json()["detail"]
    answered = north.post(path, json={"accept": True, "windows": [told[0], None, told[2]]}).json()
    assert (answered["windows"], answered["corrected"]["windows"]) == ([told[0], None, told[2]],) * 2
    planned = north.get(f"/v1/maintenance/{answered['maintenance']}").json()
    assert planned["windows"] == [told[0], told[2]]


def test_local_times_of_several_windows_are_read_again_in_their_zone(north: TestClient) -> None:
    nights = [_calendar("lumen", "vpn-1", NOW + n * DAY).decode() for n in range(2)]
    events = [night[night.index("BEGIN:VEVENT") : night.index("END:VCALENDAR")] for night in nights]
    body = "".join([nights[0].partition("BEGIN:VEVENT")[0], *events, "END:VCALENDAR\r\n"])
    (work,) = post(north, body.encode())["works"]
    path = f"/v1/maintenance/questions/{work['id']}"
    answered = north.post(path, json={"accept": True, "zone": "Asia/Tokyo"}).json()
    assert [one["start"] for one in answered["windows"]] == [format_instant(NOW + h * HOUR) for h in (15, 39)]


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"accept": False}, "reason: is missing"),
        (
            {"accept": True, "services": ["nowhere"]},
            "services: no agreement, resource or topology in force names nowhere",
        ),
        ({"accept": True, "start": "2026-01-01T00:00:00"}, "start"),
        ({"accept": True, "title": "a\nBcc: b"}, "title"),
    ],
)
def test_an_answer_that_does_not_do_is_told_by_its_field(north: TestClient, said: dict[str, Any], detail: str) -> None:
    (window,) = post(north, _calendar("lumen", "vpn-1", NOW))["works"]
    answer = north.post(f"/v1/maintenance/questions/{window['id']}", json=said)
    assert answer.status_code == 422
    assert detail in answer.text
    assert north.get("/v1/maintenance/questions").json()["questions"] == [window]


def test_a_tenant_cannot_answer_for_another(north: TestClient, south: TestClient) -> None:
    taken = post(north, _calendar("lumen", "vpn-1", NOW))
    path = f"/v1/maintenance/questions/{taken['works'][0]['id']}"
    assert south.post(path, json={"accept": False, "reason": "no"}).status_code == 404
    assert south.get(f"/v1/maintenance/notices/{taken['id']}").status_code == 404
    assert south.get(f"/v1/maintenance/notices/{taken['id']}/body").status_code == 404
    assert north.get("/v1/maintenance/questions").json()["questions"] == taken["works"]


def test_without_the_parser_a_mail_is_not_taken_and_can_be_sent_again(
    house: House, north: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.application.noticeboard.close()
    monkeypatch.setenv(PYTHON, "/nowhere/python")
    mail = {"content": b"From: a@b.example\n\nhello", "headers": {"Content-Type": "message/rfc822"}}
    answer = north.post("/v1/maintenance/notices", **mail)
    assert (answer.status_code, "/nowhere/python" in answer.json()["detail"]) == (503, True)
    assert north.get("/v1/maintenance/notices").json() == {"works": []}


def test_a_body_of_another_type_is_refused(north: TestClient) -> None:
    answer = north.post("/v1/maintenance/notices", json={})
    assert answer.status_code == 415
    assert MAX_BYTES > 200_000, "what the server takes at all is limited before"


# -- works as CSV ---------------------------------------------------------------------------------------------------


def line(work: str, services: str = "vpn-1;vpn-2", start: int = NOW + DAY, end: int = NOW + DAY + HOUR) -> str:
    return f'{work},"Router, swapped",{format_instant(start)},{format_instant(end)},{services},Ada,\n'


def test_works_of_a_file_are_planned_once(north: TestClient) -> None:
    body = HEADER + line("W-1") + line("W-2", "vpn-2")
    for _ in range(2):
        answer = north.post("/v1/maintenance/notices", content=body, headers=CSV)
        assert answer.status_code == 201, answer.text
        assert [work["id"] for work in answer.json()["maintenance"]] == ["W-1", "W-2"]
    works = north.get("/v1/maintenance").json()["maintenance"]
    assert [(work["id"], work["title"], work["services"]) for work in works] == [
        ("W-1", "Router, swapped", ["vpn-1", "vpn-2"]),
        ("W-2", "Router, swapped", ["vpn-2"]),
    ]


def test_a_work_of_a_file_has_as_many_windows_as_starts_and_may_be_an_emergency(north: TestClient) -> None:
    starts = [format_instant(NOW + day * DAY) for day in (1, 2)]
    ends = [format_instant(NOW + day * DAY + HOUR) for day in (1, 2)]
    header = HEADER.replace("\n", ",emergency,kind\n")
    work = f"W-1,Router,{';'.join(starts)},{'; '.join(ends)},vpn-1,Ada,,true,migration\n"
    answer = north.post("/v1/maintenance/notices", content=header + work, headers=CSV)
    (planned,) = answer.json()["maintenance"]
    assert planned["windows"] == [{"start": s, "end": e} for s, e in zip(starts, ends, strict=True)]
    assert (planned["emergency"], planned["kind"]) == (True, "migration")
    faulty = work.replace(ends[1], "").replace("W-1", "W-2") + work.replace(ends[1], starts[1]).replace("W-1", "W-3")
    answer = north.post("/v1/maintenance/notices", content=header + faulty, headers=CSV)
    assert [(e["line"], e["field"], e["message"]) for e in answer.json()["errors"]] == [
        (2, "", "end: holds 1 instants, and start 2: one of each a window"),
        (3, "", "end: must be later than start"),
    ]


def test_of_a_file_with_a_fault_nothing_is_planned(north: TestClient) -> None:
    over = line("W-2", start=NOW - 2 * DAY, end=NOW - DAY)
    body = HEADER + line("W-1") + over + line("W-1", "vpn-9") + 'W-4,x,2026-06-01T00:00:00,tomorrow,,Ada,\n"W-5",x\n'
    answer = north.post("/v1/maintenance/notices", content=body, headers=CSV)
    assert answer.status_code == 422
    assert [(e["line"], e["field"], e["message"]) for e in answer.json()["errors"]] == [
        (3, "end", "this is over already: a plan is for work to come"),
        (4, "services", "'vpn-9' is no service or resource in force (did you mean vpn-2?)"),
        (4, "id", "'W-1' stands twice"),
        (5, "start", "2026-06-01T00:00:00 has no time zone: write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00"),
        (5, "end", "'tomorrow' is not an RFC 3339 time such as 2026-06-01T00:00:00Z"),
        (5, "services", "is missing"),
        (6, "", "the line has 2 of 7 fields (id, title, start, end, services, approved_by, description)"),
    ]
    assert north.get("/v1/maintenance").json()["maintenance"] == []


def test_a_work_that_is_planned_otherwise_refuses_the_file(north: TestClient) -> None:
    assert north.post("/v1/maintenance/notices", content=HEADER + line("W-1"), headers=CSV).status_code == 201
    changed = HEADER + line("W-0") + line("W-1", "vpn-2")
    answer = north.post("/v1/maintenance/notices", content=changed, headers=CSV)
    assert answer.json()["errors"][0]["message"] == "'W-1' is another work; give a new id"
    assert len(north.get("/v1/maintenance").json()["maintenance"]) == 1


@pytest.mark.parametrize("body", ["", HEADER, "id,title\n", "a" * 10, HEADER + '"open'])
def test_what_is_no_file_of_works_is_told(north: TestClient, body: str) -> None:
    answer = north.post("/v1/maintenance/notices", content=body, headers=CSV)
    assert (answer.status_code, bool(answer.json()["errors"])) == (422, True)
