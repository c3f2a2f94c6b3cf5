"""The page on which an operator answers what is asked of suppliers' notices."""

from html import unescape
from typing import Any

from a_morning import DEFAULT_TENANT, World, csrf, text_of

from upheld.maintenance.model import Maintenance
from upheld.maintenance.received import NoticedWork

PAGE = "/maintenance/notices"


def waiting(world: World) -> NoticedWork:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        (window,) = t.noticed_works("waiting")
    return window


def works(world: World, window: NoticedWork) -> list[Maintenance]:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        after = t.noticed(window.id)
        assert after is not None
        return [work for work in t.maintenances() if work.id == after.work]


def answer(world: World, window: NoticedWork, **fields: Any) -> Any:
    client = world.operator()
    token = csrf(client.get(PAGE).text)
    as_shown = {"start": "2026-06-18T21:00", "end": "2026-06-18T23:00", "zone": "UTC", "node": ["vpn-0042", ""]}
    data = {"csrf": token, "step": "accept", **as_shown, **fields}
    return client.post(f"{PAGE}/{window.id}", data=data, follow_redirects=True)


def test_what_waits_is_shown_with_its_questions_and_nothing_of_it_runs(morning: World) -> None:
    html = morning.operator().get(PAGE).text
    shown = text_of(html)
    assert "lumen CHG-7 Plan a work" in shown
    assert "Nothing in the topology is known by the supplier's name XY/9-<b>" in unescape(shown)
    assert "<i>lumen" not in html
    assert "<b>" not in html.partition("To be looked at")[2]
    assert "1 to be looked at" in text_of(morning.operator().get("/maintenance").text)


def test_a_notice_is_followed_with_what_a_person_says(world: World) -> None:
    window = waiting(world)
    refused = answer(world, window)
    assert (refused.status_code, "Nothing says what XY/9-&lt;b&gt; is" in refused.text) == (422, True)
    both = answer(world, window, node=["vpn-0042", "web-riverbank"], none_of_ours=["1"])
    assert "not both" in both.text
    assert works(world, window) == []
    followed = answer(world, window, none_of_ours=["1"], title="Splice")
    assert "The notice is followed." in followed.text
    (work,) = works(world, window)
    assert (work.title, work.services, work.start) == ("Splice", ("vpn-0042",), 1_781_816_400_000_000)
    assert answer(world, window, none_of_ours=["1"]).status_code == 409


def test_another_zone_reads_the_same_times_in_it(world: World) -> None:
    window = waiting(world)
    assert answer(world, window, none_of_ours=["1"], zone="Europe/Berlin").status_code == 200
    (work,) = works(world, window)
    assert work.start == 1_781_816_400_000_000 - 2 * 3_600_000_000


def test_a_work_of_several_windows_is_one_question_and_one_of_them_may_be_left_out(world: World) -> None:
    nights = [
        f"BEGIN:VEVENT\r\nUID:{day}\r\nDTSTART:202606{day}T210000Z\r\nDTEND:202606{day}T230000Z\r\n"
        "X-MAINTNOTE-PROVIDER:level\r\nX-MAINTNOTE-MAINTENANCE-ID:CHG-9\r\nX-MAINTNOTE-OBJECT-ID:vpn-0042\r\n"
        "X-MAINTNOTE-STATUS:CONFIRMED\r\nEND:VEVENT\r\n"
        for day in (20, 21, 22)
    ]
    body = "".join(["BEGIN:VCALENDAR\r\n", *nights, "END:VCALENDAR\r\n"])
    _, (noticed,) = world.application.noticeboard.take(DEFAULT_TENANT, body.encode(), "test")
    shown = world.operator().get(PAGE).text
    assert all(f"Start of window {n}" in shown for n in (1, 2, 3))
    rows = {"start": ["2026-06-20T21:00", "", "2026-06-22T22:00"], "end": ["2026-06-20T23:00", "", "2026-06-22T23:00"]}
    half = {"start": rows["start"], "end": ["2026-06-20T23:00", "2026-06-21T23:00", "2026-06-22T23:00"]}
    assert "Window 2: give both of its times, or none." in answer(world, noticed, node=["vpn-0042"], **half).text
    assert answer(world, noticed, node=["vpn-0042"], **rows).status_code == 200
    (work,) = works(world, noticed)
    first, hour = 1_781_989_200_000_000, 3_600_000_000
    assert work.spans == ((first, first + 2 * hour), (first + 49 * hour, first + 50 * hour))


def test_a_notice_is_refused_with_a_reason(world: World) -> None:
    window = waiting(world)
    assert answer(world, window, step="refuse").status_code == 422
    assert "The notice is refused" in answer(world, window, step="refuse", reason="not ours").text
    assert "not ours" in world.operator().get(PAGE).text
    assert works(world, window) == []


def test_a_form_without_its_token_and_one_of_another_tenant_change_nothing(world: World) -> None:
    window = waiting(world)
    assert world.operator().post(f"{PAGE}/{window.id}", data={"step": "accept"}).status_code == 403
    rival = world.operator(world.rival_key)
    token = csrf(rival.get("/").text)
    data = {"csrf": token, "step": "refuse", "reason": "no"}
    assert rival.post(f"{PAGE}/{window.id}", data=data).status_code == 404
    assert world.operator().post(f"{PAGE}/{window.id}", data={"step": "burn"}).status_code in (400, 403)
    assert waiting(world) == window
