"""The customer's page of a planned work, and the operator's pages of what customers say against it."""

import pytest
from a_morning import RIVAL, World, csrf, text_of

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.maintenance.objection import Objection
from upheld.notices.links import WorkQuestion
from upheld.notices.model import Notice
from upheld.notices.objections import GATHER

JSON = {"Accept": "application/json"}


@pytest.fixture
def planned(world: World) -> World:
    """A work is announced to Acme, eight days ahead."""
    start = world.clock.at + 8 * DAY - world.clock.at % HOUR
    work = Maintenance(
        "M/1", "Exchange of a card", start, start + 2 * HOUR, ("agg-switch-3",), "CAB", world.clock.at, "Slot 4."
    )
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()
    return world


def announcement(world: World, kind: str = "maintenance") -> Notice:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        return next(n for n in t.notices(maintenance_id="M/1") if n.kind == kind)


def work_of(world: World) -> Maintenance:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        work = t.maintenance("M/1")
    assert work is not None
    return work


def objections(world: World) -> list[Objection]:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        return list(t.objections("M/1"))


def path_of(world: World, kind: str = "maintenance", tenant: str = DEFAULT_TENANT) -> str:
    url = world.application.links.work_url(WorkQuestion(tenant, announcement(world, kind).id))
    return url.removeprefix("http://testserver")


def test_the_page_shows_the_work_in_the_readers_zone_and_looking_says_nothing(planned: World) -> None:
    client, path, before = planned.stranger(), path_of(planned), planned.everything()
    seen = client.get(path)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        client.request(method, f"{path}?wish=object&reason=x")
    assert planned.everything() == before
    text = text_of(seen.text)
    assert "Work Exchange of a card" in text
    assert "CEST (UTC+02:00) 2 hours" in text
    assert "Your services vpn-0042, vpn-0043" in text
    assert "Details Slot 4." in text
    assert "Another time, in Europe/Berlin" in text
    assert (seen.headers["cache-control"], seen.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert seen.headers["x-robots-tag"] == "noindex, nofollow"


def test_that_it_was_read_is_kept(planned: World) -> None:
    client, path = planned.stranger(), path_of(planned)
    assert "We have noted that you have read it" in text_of(client.post(path, data={"wish": "read"}).text)
    planned.clock.at += MINUTE
    client.post(path, data={"wish": "read"})
    assert announcement(planned).acknowledged_at == planned.clock.at - MINUTE
    assert "I have read it" not in text_of(client.get(path).text)
    assert objections(planned) == []


def test_that_it_was_read_is_kept_with_a_comment(planned: World) -> None:
    client, path = planned.stranger(), path_of(planned)
    refused = client.post(path, data={"wish": "read", "comment": "x" * 2001})
    assert refused.status_code == 400
    assert "Nothing is sent yet." in text_of(refused.text)
    assert announcement(planned).acknowledged_at is None
    client.post(path, data={"wish": "read", "comment": " we switch over before "})
    assert announcement(planned).acknowledgement == "we switch over before"
    assert "– we switch over before" in text_of(client.get(path).text)
    assert client.get(path, headers=JSON).json()["comment"] == "we switch over before"
    assert "The reader’s comment we switch over before" in text_of(planned.operator().get("/maintenance").text)


def test_the_page_calls_a_work_what_its_announcement_calls_it(world: World) -> None:
    start = world.clock.at + 8 * DAY
    work = Maintenance("M/1", "Move", start, start + HOUR, ("agg-switch-3",), "CAB", world.clock.at, kind="migration")
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()
    assert "Planned migration" in text_of(world.stranger().get(path_of(world)).text)


def test_the_customer_objects_asks_for_an_offered_time_and_sees_it_agreed(planned: World) -> None:
    client, path = planned.stranger(), path_of(planned)
    offered = client.get(path, headers=JSON).json()["offered"]
    assert len(offered) == 5
    window = f"{offered[1]['start']}/{offered[1]['end']}"
    assert window in client.get(path).text
    said = {"wish": "object", "reason": " stocktaking ", "window": window}
    assert "Your objection is with us" in text_of(client.post(path, data=said).text)
    client.post(path, data=said)
    (kept,) = objections(planned)
    assert (kept.reason, kept.contact) == ("stocktaking", "noc@acme.example")
    planned.clock.at += GATHER
    planned.run()
    operator = planned.operator()
    assert "1 to be answered 1 objection" in text_of(operator.get("/maintenance").text)
    page = "/maintenance/M%2F1/objections"
    assert "Acme Logistics GmbH To be answered" in text_of(operator.get(page).text)
    one = operator.get(f"{page}/{kept.id}")
    assert "What it would do Taken down 2 services of 1 customer" in text_of(one.text)
    assert "Announced now Does not count under the agreement" in text_of(one.text)
    token = csrf(one.text)
    fields = {name: field_of(one.text, name) for name in ("start", "end")} | {"zone": "Europe/Berlin"}
    looked = operator.post(f"{page}/{kept.id}", data={**fields, "step": "look", "csrf": token})
    assert looked.status_code == 200
    assert objections(planned)[0].state == "open", "to look changes nothing"
    done = operator.post(f"{page}/{kept.id}", data={**fields, "step": "agree", "words": "gladly", "csrf": token})
    assert done.status_code == 303
    assert "Agreed: the work is moved" in text_of(operator.get(done.headers["location"]).text)
    assert [format_instant(at) for at in work_of(planned).spans[0]] == [offered[1]["start"], offered[1]["end"]]
    seen = text_of(client.get(path).text)
    assert "Agreed: there is a new window" in seen
    assert "gladly" in seen


def test_who_writes_a_time_asks_for_it_also_without_choosing_the_button(planned: World) -> None:
    own = {"wish": "object", "start": "2026-06-20T01:00", "end": "2026-06-20T03:00"}
    assert planned.stranger().post(path_of(planned), data=own).status_code == 200
    assert [format_instant(at) for at in objections(planned)[0].wish or ()] == [
        "2026-06-19T23:00:00Z",
        "2026-06-20T01:00:00Z",
    ]


def field_of(text: str, name: str) -> str:
    return text.split(f'name="{name}"')[1].split('value="')[1].split('"')[0]


def test_the_customer_writes_a_time_of_its_own_and_reads_why_it_cannot_be(planned: World) -> None:
    client, path = planned.stranger(), path_of(planned)
    own = {"wish": "object", "window": "own", "start": "2026-06-20T01:00", "end": "2026-06-20T03:00"}
    text = text_of(client.post(path, data=own).text)
    assert "Asked for 20 June 2026, 01:00 to 03:00 CEST (UTC+02:00)" in text
    assert "Our answer not yet" in text
    (kept,) = objections(planned)
    assert [format_instant(at) for at in kept.wish or ()] == ["2026-06-19T23:00:00Z", "2026-06-20T01:00:00Z"]
    operator, page = planned.operator(), f"/maintenance/M%2F1/objections/{kept.id}"
    token = csrf(operator.get(page).text)
    nothing = operator.post(page, data={"step": "decline", "csrf": token})
    assert nothing.status_code == 422
    assert "Say why, in at most 2000 characters" in text_of(nothing.text)
    assert operator.post(page, data={"step": "decline", "words": "no"}).status_code == 403
    assert operator.post(page, data={"step": "decline", "words": "One night only.", "csrf": token}).status_code == 303
    seen = text_of(client.get(path).text)
    assert "We cannot move this work It takes place as announced. One night only." in seen
    again = operator.post(page, data={"step": "decline", "words": "no", "csrf": token})
    assert again.status_code == 409
    assert "The objection is answered: declined" in text_of(again.text)
    assert "Declined" in text_of(operator.get(page).text)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({}, "Say why, or ask for another time."),
        ({"reason": "x" * 2001}, "Has at most 2000 characters."),
        ({"window": "own"}, "Give a date and a time."),
        ({"window": "own", "start": "2026-06-20T03:00", "end": "2026-06-20T01:00"}, "The end is later than the start."),
        ({"window": "tomorrow"}, "Is START/END, each as RFC 3339 has it."),
        ({"window": "2026-05-01T00:00:00Z/2026-05-01T01:00:00Z"}, "This is over already"),
    ],
    ids=["nothing", "too-long", "no-time", "turned", "no-window", "past"],
)
def test_what_cannot_be_asked_for_is_said_at_its_field(planned: World, said: dict[str, str], fault: str) -> None:
    answer = planned.stranger().post(path_of(planned), data={"wish": "object", **said})
    assert answer.status_code == 400
    assert fault in text_of(answer.text)
    as_json = planned.stranger().post(path_of(planned), data={"wish": "object", **said}, headers=JSON)
    assert as_json.status_code == 400
    assert set(as_json.json()) == {"error", "field", "standing"}
    assert objections(planned) == []


def test_a_program_objects_by_the_link_and_is_answered_in_json(planned: World) -> None:
    client, path, work = planned.stranger(), path_of(planned), work_of(planned)
    seen = client.get(path, headers=JSON).json()
    assert (seen["standing"], seen["services"], seen["objection"]) == ("open", ["vpn-0042", "vpn-0043"], None)
    assert seen["windows"] == [{"start": format_instant(work.start), "end": format_instant(work.end)}]
    own = {"wish": "object", "window": "own"}
    own |= {"start": "2026-06-20T01:00:00+02:00", "end": "2026-06-20T03:00:00+02:00"}
    first, again = (client.post(path, data=own, headers=JSON) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    said = first.json()["objection"]
    assert said["wish"] == {"start": "2026-06-19T23:00:00Z", "end": "2026-06-20T01:00:00Z"}
    assert (said["state"], said["overdue"], "answered_by" in said) == ("open", False, False)
    assert client.post(path[:-2] + "xx", headers=JSON).status_code == 404
    planned.process.works.cancel(DEFAULT_TENANT, "M/1")
    late = client.post(path, data=own, headers=JSON)
    assert late.status_code == 409
    assert late.json() == {"error": "the window can no longer be objected to", "standing": "cancelled"}


def test_a_link_that_is_forged_anothers_or_of_another_purpose_is_none(planned: World) -> None:
    client, path = planned.stranger(), path_of(planned)
    reminder = planned.application.links.work_url(WorkQuestion(DEFAULT_TENANT, "no such notice"))
    told = planned.confirm_path(planned.case())
    for bad in (
        path[:-1],
        path_of(planned, tenant=RIVAL),
        told.replace("/confirm/", "/planned/"),
        path.replace("/planned/", "/notice/"),
        reminder.removeprefix("http://testserver"),
    ):
        for answer in (client.get(bad), client.post(bad, data={"wish": "object", "reason": "x"})):
            assert answer.status_code == 404
            assert "This link cannot be used" in text_of(answer.text)
    assert objections(planned) == []


def test_a_link_that_does_not_hold_any_more_says_so_and_takes_nothing(planned: World) -> None:
    client, path, work = planned.stranger(), path_of(planned), work_of(planned)
    moved = {"start": work.start + DAY, "end": work.end + DAY}
    planned.process.works.change(DEFAULT_TENANT, Maintenance(**{**fields_of(work), **moved}))
    planned.run()
    assert "This work has changed" in text_of(client.get(path).text)
    newest = path_of(planned, "maintenance_changed")
    assert "Is the window bad for you?" in text_of(client.get(newest).text)
    planned.clock.at = work.start + DAY
    assert "This work has begun" in text_of(client.get(newest).text)
    for each in (path, newest):
        refused = client.post(each, data={"wish": "object", "reason": "x"})
        assert refused.status_code == 409
        assert "The window can no longer be objected to" in text_of(refused.text)
    assert objections(planned) == []


def fields_of(work: Maintenance) -> dict[str, object]:
    return {name: getattr(work, name) for name in Maintenance.__dataclass_fields__}


def test_an_overdue_answer_is_seen_by_both(planned: World) -> None:
    client, path = planned.stranger(), path_of(planned)
    client.post(path, data={"wish": "object", "reason": "stocktaking"})
    planned.clock.at += 2 * DAY + MINUTE
    assert "Our answer overdue it was owed by" in text_of(client.get(path).text)
    operator = planned.operator()
    assert "1 overdue 1 objection" in text_of(operator.get("/maintenance").text)
    assert "Answer overdue" in text_of(operator.get("/maintenance/M%2F1/objections").text)


def test_another_tenants_operator_sees_nothing_of_it(planned: World) -> None:
    planned.stranger().post(path_of(planned), data={"wish": "object", "reason": "stocktaking"})
    (kept,) = objections(planned)
    rival = planned.operator(planned.rival_key)
    assert rival.get("/maintenance/M%2F1/objections").status_code == 404
    assert rival.get(f"/maintenance/M%2F1/objections/{kept.id}").status_code == 404


def test_many_objections_are_shown_in_part(planned: World) -> None:
    planned.stranger().post(path_of(planned), data={"wish": "object", "reason": "stocktaking"})
    (kept,) = objections(planned)
    with planned.store.transaction(DEFAULT_TENANT) as t:
        for n in range(60):
            values = {name: getattr(kept, name) for name in Objection.__dataclass_fields__}
            t.save_objection(Objection(**{**values, "id": f"O-{n}"}))
    text = text_of(planned.operator().get("/maintenance/M%2F1/objections").text)
    assert "61 objections, 61 open" in text
    assert "and 11 more; the API lists all" in text
