"""What the console's pages say, and that no tenant sees anything of another."""

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from a_morning import RIVAL, RIVAL_PORTFOLIO, START, World, csrf, text_of
from fastapi.testclient import TestClient

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.assessment.verdict import Credit
from upheld.cases.decide import Resolve
from upheld.cases.model import Event
from upheld.maintenance.model import Announcement
from upheld.ports import AgendaEntry, Told
from upheld.process.acting.stepping import ACT
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app
from upheld.web.casework import rows
from upheld.web.mails import Attachment

HIDDEN = ("hidden", "Hidden")


def page(world: World, path: str) -> str:
    answer = world.operator().get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


# -- overview


def test_the_overview_shows_every_promise_with_its_verdict(morning: World) -> None:
    words = text_of(page(morning, "/"))
    assert "2 open cases" in words
    assert "1 violated" in words
    assert "1 at risk" in words
    assert "5 promises watched" in words
    assert "In 1 day 15 h Firmware of agg-switch-3" in words
    row = "Violated vpn-0042 availability 79.71 % at least 99.5 % 277 % 14 min of 5 min 2 s 1 Jun 2026"
    assert f"{row} {morning.case().id}" in words
    assert "Met vpn-0042 latency 21.5 p95 at most 40 no budget 1 Jun 2026 none" in words
    assert "At risk vpn-0043 latency 37.2 p95 at most 40" in words
    assert "Riverbank Savings riverbank-web" in words
    assert "Met web-riverbank requests 99.97 % at least 99.9 % 30 % 480 of 1,600 events June 2026" in words


def test_the_overview_can_be_limited_to_a_status(morning: World) -> None:
    words = text_of(page(morning, "/?show=violated"))
    assert "vpn-0042 availability" in words
    assert "latency" not in words
    assert "Riverbank" not in words


def test_the_overview_refreshes_itself_and_keeps_its_limit(morning: World) -> None:
    html = page(morning, "/?show=at_risk")
    assert 'hx-get="/?show=at_risk"' in html
    assert 'hx-trigger="every 5s"' in html


def test_without_agreements_the_overview_says_what_to_do_next(tmp_path: Path) -> None:
    application = Application(Settings(database_url=f"sqlite:///{tmp_path / 'new.db'}"))
    client = TestClient(create_app(application))
    client.post("/login", data={"key": application.first_key()})
    words = text_of(client.get("/").text)
    assert "No agreement is in force yet" in words
    assert "upheld apply portfolio.yaml --url http://127.0.0.1:8470" in words
    assert "No case is open" in text_of(client.get("/cases").text)
    assert "nothing to plan for yet" in text_of(client.get("/maintenance").text)
    assert "No ticket has been opened" in text_of(client.get("/tickets").text)
    assert "Mailbox" not in client.get("/").text
    assert client.get("/mailbox").status_code == 404


# -- cases


def test_the_cases_are_listed_newest_first_with_what_is_due(morning: World) -> None:
    words = text_of(page(morning, "/cases"))
    newest, older = morning.case("vpn-0042").id, morning.case("vpn-0043").id
    assert words.index(newest) < words.index(older)
    assert (
        f"{newest} Violation vpn-0042 availability Acme Logistics GmbH Waiting for the customer "
        "2026-06-01 06:05 UTC 20 min ago 0 Remind the customer due in 23 h"
    ) in words


def test_a_case_tells_its_whole_story(morning: World) -> None:
    case = morning.case()
    words = text_of(page(morning, f"/cases/{case.id}"))
    for said in (
        "At least 99.5 % of the time good, in each calendar day.",
        "it is bad when any value of reachable is below 1",
        "79.71 % Violated",
        "At risk since 2026-06-01 06:03 UTC",
        "Violated since 2026-06-01 06:06 UTC",
        "55 good, 14 bad, 420 without data, 12 excluded",
        "Case opened: degradation",
        "The degradation became a violation",
        "Service restored Since 2026-06-01 06:14 UTC",
        "Customer asked whether the problem is solved",
        "agg-switch-3 0.33 : 2 of the 2 services that it carries were bad within ten minutes",
        "vpn-0042: reachable went from 100 % to 0 %, from 2026-06-01T06:00:00Z on",
        "The measurements Sound They look sound",
        "No case of this service or of this suspected cause has ended before.",
        "Optics of agg-switch-3 port 7 replaced",
        "Ticket opened",
        "Violation to customer.noc email: noc@acme.example 2026-06-01 06:11 UTC Sent In time",
        "Is the problem with vpn-0042 solved?",
        "Known since Cause Approved by Status Attained Bad Credit 1 2026-06-01",
        "first assessed – Violated",
        "Credit 300.00 EUR so far, provisional; known at the period’s end",
    ):
        assert said in words, said


def test_the_evidence_stands_as_a_table_too(morning: World) -> None:
    words = text_of(page(morning, f"/cases/{morning.case().id}"))
    assert "51 measurements between 0 and 1; bad for 14 min in 1 interval." in words
    assert "2026-06-01 06:00 UTC 2026-06-01 06:14 UTC 14 min Bad reachable not &gt;= 1 0 0" in words
    assert "2026-06-01 05:20 UTC 2026-06-01 05:32 UTC 12 min Does not count customer_cause" in words


def test_what_was_measured_around_a_case_can_be_looked_at_again(world: World) -> None:
    case = world.case()
    client = world.operator()
    html = client.get(f"/cases/{case.id}").text
    assert "Look again" in html
    address = re.search(r'href="(/measurements\?service=vpn-0042&amp;metric=reachable[^"]+)"', html)
    assert address is not None
    page = client.get(address[1].replace("&amp;", "&"))
    assert page.status_code == 200
    assert "measurements from 2026-06-01" in text_of(page.text)
    assert "/v1/measurements/series?service=vpn-0042&amp;metric=reachable" in page.text
    assert client.get("/measurements?service=vpn-0042&metric=reachable&start=x&end=y").status_code == 404
    answer = client.post(f"/cases/{case.id}/examine", data={"csrf": csrf(html)})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case.id}")
    with world.application.store.transaction(DEFAULT_TENANT, writing=False) as t:
        assert t.events(case.id)[-1].type == "examined"


def test_a_case_after_a_no_can_be_put_to_the_customer_again(world: World) -> None:
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", False, "Still slow")
    client = world.operator()
    html = client.get(f"/cases/{case.id}").text
    assert "Reopened by the customer" in html
    assert "Still slow" in html
    assert "Escalation level 1" in html
    answer = client.post(f"/cases/{case.id}/ask", data={"csrf": csrf(html)})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case.id}")
    assert (world.case().state, world.case().asked) == ("confirming", 2)


def test_an_ended_case_says_how_it_ended(world: World) -> None:
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", True, "")
    client = world.operator()
    assert "The customer confirmed the solution" in text_of(client.get("/cases").text)
    words = text_of(client.get(f"/cases/{case.id}").text)
    assert "Ended 2026-06-01 06:25 UTC just now : the customer confirmed the solution" in words
    assert "Next step" not in words


def test_an_answer_by_telephone_is_put_down_also_when_the_case_is_closed(world: World) -> None:
    case, client = world.case(), world.operator()
    address, token = f"/cases/{case.id}", csrf(client.get(f"/cases/{case.id}").text)
    assert "Nobody has answered yet." in text_of(client.get(address).text)
    said = {"csrf": token, "contact": " Jane Doe ", "solved": "yes", "comment": "fine", "score": "4"}
    assert client.post(f"{address}/answer", data={**said, "contact": ""}).status_code == 400
    assert client.post(f"{address}/answer", data={**said, "solved": "perhaps"}).status_code == 400
    assert client.post(f"{address}/answer", data={**said, "csrf": "x"}).status_code == 403
    assert world.case().answers == ()
    answer = client.post(f"{address}/answer", data=said)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{address}#answers")
    words = text_of(client.get(address).text)
    assert re.search(r"Solved Jane Doe, by telephone, taken by \S.* round 1, 4 of 5 “fine”", words)
    assert "A no takes the case up again until 2026-06-06 06:25 UTC" in words
    client.post(f"{address}/answer", data={**said, "contact": "John Roe", "solved": "no", "comment": "not <b>here</b>"})
    html = client.get(address).text
    assert "not &lt;b&gt;here&lt;/b&gt;" in html
    assert "Reopened by the customer" in html
    assert [(a["contact"], a["via"], a["effect"]) for a in world.case().answers] == [
        ("Jane Doe", "console", "closed"),
        ("John Roe", "console", "reopened"),
    ]
    assert client.post("/cases/C-0/answer", data=said).status_code == 404


def test_a_question_is_put_again_only_after_a_no(world: World) -> None:
    world.pass_minutes(2, vpn_0042=0.0)
    case = world.case()
    assert (case.state, case.reopened_at) == ("acting", None)
    before = world.everything()
    client = world.operator()
    client.post(f"/cases/{case.id}/ask", data={"csrf": csrf(client.get("/").text)})
    assert world.everything() == before


def test_a_case_keeps_the_marks_of_earlier_rounds(world: World) -> None:
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", False, "")
    world.clock.at += 5 * MINUTE
    world.process.cases.ask_again(DEFAULT_TENANT, case.id, "operator")
    html = world.operator().get(f"/cases/{case.id}").text
    found = re.search(r'id="chart-data">(.*?)</script>', html)
    assert found is not None
    assert [mark["label"] for mark in json.loads(found[1])["marks"]] == [
        "at risk",
        "violated",
        "restored",
        "said solved",
    ]
    assert "Considered solved since 2026-06-01 06:30 UTC" in text_of(html)


def test_the_overview_leads_to_the_case_that_has_ended(world: World) -> None:
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", True, "")
    words = text_of(world.operator().get("/").text)
    assert f"277 % 14 min of 5 min 2 s 1 Jun 2026 {case.id} closed" in words
    assert "Met vpn-0042 latency 21.5 p95 at most 40 no budget 1 Jun 2026 none" in words


ROLLING_PORTFOLIO = RIVAL_PORTFOLIO.replace("{calendar: day}", "{rolling: 2h}")


def test_a_case_of_a_window_that_has_moved_on_shows_what_was_last_told(world: World) -> None:
    world.process.adopt_portfolio(RIVAL, ROLLING_PORTFOLIO, parse_portfolio(ROLLING_PORTFOLIO, "portfolio.yaml"))
    world.pass_minutes(10)
    world.pass_minutes(4, vpn_0042=0.0)
    world.pass_minutes(8)
    case = world.case("hidden-line", RIVAL)
    assert "rolling" in case.periods
    world.process.cases.answer(RIVAL, case.id, case.asked, "customer.noc/1", True, "")
    world.pass_minutes(180)
    assert world.case("hidden-line", RIVAL).state == "closed"
    html = world.operator(world.rival_key).get(f"/cases/{case.id}").text
    words = text_of(html)
    assert "What is As it was when last told. 84.61 % Violated" in words
    assert "2026-06-01 06:00 UTC 2026-06-01 06:14 UTC 14 min Bad reachable not &gt;= 1 0 0" in words
    assert "last told – Violated" in words
    assert "none" not in words.split("Violated since")[1][:30]
    assert "No version is known" not in words


def test_a_case_says_how_many_intervals_it_does_not_carry(world: World) -> None:
    case = world.case()
    elsewhere = {**case.verdict, "period_start": "2026-05-30T22:00:00Z", "evidence_omitted": 7}
    told = Event(case.id, case.seq + 1, "figures_changed", world.clock.at, {"verdict": elsewhere, "period": "earlier"})
    with world.store.transaction(DEFAULT_TENANT) as t:
        t.save_case(replace(case, seq=told.seq, verdict=elsewhere, state="closed", closed_at=world.clock.at), [told])
    assert "7 earlier intervals are not listed" in text_of(world.operator().get(f"/cases/{case.id}").text)


def test_a_case_names_what_the_other_periods_that_it_is_about_have_come_to(world: World) -> None:
    case = world.case()
    start = parse_instant(case.verdict["period_start"])
    key = (case.agreement, case.objective, case.service, start)
    with world.store.transaction(DEFAULT_TENANT) as t:
        now = t.verdict(key)
        assert now is not None
        owed = Credit(Decimal("120.00"), "EUR")
        before = replace(now, period_start=start - DAY, period_end=start, status="violated", final=True, credit=owed)
        t.put_verdicts([Told(before, "first assessed")], world.clock.at)
        periods = {**case.periods, format_instant(before.period_start): "violated"}
        t.save_case(
            replace(case, seq=case.seq + 1, periods=periods),
            [Event(case.id, case.seq + 1, "asked", now.period_start, {"round": 1})],
        )
    words = text_of(world.operator().get(f"/cases/{case.id}").text)
    assert re.search(r"31 May 2026 [\d.]+ %, violated; credit 120\.00 EUR", words), words


# -- agreements, tickets


def test_an_agreement_is_told_in_words_with_its_verdicts(morning: World) -> None:
    words = text_of(page(morning, "/agreements/acme-vpn-gold"))
    for said in (
        "Valid from 2026-01-01, open-ended",
        "Europe/Berlin",
        "vpn-0042 1,200.00 EUR a period",
        "Violation: customer.noc and account-manager within 15 min.",
        "Planned work: customer.noc at least 5 days before it starts, with a reminder 1 day before.",
        "Below 99.5 % attained: 10 % of the service's charge",
        "P95 of rtt_ms at most 40, in each calendar day.",
        "At risk once it is above 35.",
        "vpn-0042 Period Status Attained Budget spent Bad No data Excluded Credit Version 1 Jun 2026 Violated 79.71 %",
        "Planned maintenance, customer cause, once approved.",
    ):
        assert said.replace("'", "&#39;") in words, said


def test_tickets_lead_to_their_cases(morning: World) -> None:
    html = page(morning, "/tickets")
    assert "SLA degradation: vpn-0042, availability (acme)" in html
    assert f'href="/cases/{morning.case().id}"' in html


def test_earlier_periods_are_folded(world: World) -> None:
    for _ in range(9):
        world.clock.at += 24 * HOUR - 10 * MINUTE
        world.pass_minutes(10)
    html = world.operator().get("/agreements/acme-vpn-gold").text
    assert text_of(html).count("3 earlier Period") == 4
    shown = html.split("<details")[0]
    assert "10 Jun 2026" in text_of(shown)
    assert "3 Jun 2026" not in text_of(shown).split("Violated 79.71")[0].split("vpn-0042 Period")[1]
    assert 'aria-label="10 periods: 1 violated, 9 met"' in html


# -- maintenance

FORM = {
    "title": "New line card",
    "description": "Short interruptions",
    "start": "2026-06-20T23:00",
    "end": "2026-06-21T01:30",
    "zone": "Europe/Berlin",
    "services": ["vpn-0042", "web-riverbank"],
    "approved_by": "K. Lang",
}


def test_coming_work_says_for_each_agreement_whether_it_is_excluded_and_why(morning: World) -> None:
    words = text_of(page(morning, "/maintenance"))
    assert "Counts acme-vpn-gold announced 2026-06-01 06:21 UTC, 1 day 15 hours 39 minutes before the start" in words
    assert "Does not count acme-vpn-gold announced 2026-06-01 06:21 UTC, 8 days 15 hours 39 minutes before" in words
    assert "Does not count riverbank-web" in words
    assert "2 of 2 sent" in words


def test_nothing_is_decided_while_the_announcement_is_on_its_way(world: World) -> None:
    world.plan(DEFAULT_TENANT, "MW-NEW", "New route", 12, ("vpn-0042",))
    words = text_of(world.operator().get("/maintenance").text)
    assert "Not decided yet: the announcement is on its way acme-vpn-gold" in words
    assert "was not told" not in words
    world.run()
    assert "Not decided yet" not in text_of(world.operator().get("/maintenance").text)


def test_a_cancelled_work_says_that_its_minutes_count(world: World) -> None:
    world.process.works.cancel(DEFAULT_TENANT, "MW-LATER")
    words = text_of(world.operator().get("/maintenance").text).split("Past and cancelled")[1]
    assert words.count("Cancelled: its minutes count") == 2
    assert "Does not count" not in words


def test_a_role_keeps_its_own_letters(world: World) -> None:
    reason = "customer.noc was not told: nobody is known under it"
    decided = Announcement("MW-SOON", "acme-vpn-gold", "acme", False, reason, world.clock.at)
    with world.store.transaction(DEFAULT_TENANT) as t:
        t.save_announcements([decided])
    assert f"Counts acme-vpn-gold {reason}" in text_of(world.operator().get("/maintenance").text)


def test_the_form_shows_what_a_work_would_do_and_a_better_window_is_taken_over(morning: World) -> None:
    client = morning.operator()
    token = csrf(client.get("/maintenance").text)
    day = {**FORM, "title": "", "start": "2026-06-02T10:00", "end": "2026-06-02T12:30", "csrf": token}
    html = client.post("/maintenance/preview", data=day).text
    words = text_of(html)
    assert "2 services of 2 customers: vpn-0042, web-riverbank" in words
    assert "the window costs 2 h 30 min if it counts" in words
    assert "Nothing is planned yet" not in words
    use = re.search(r'name="use" value="([^"]+)"', html)
    assert use, words
    again = client.post("/maintenance/preview", data={**day, "use": use[1]})
    start = re.search(r'name="start"[^>]* value="([^"]+)"', again.text)
    local = datetime.fromisoformat(use[1].split("/")[0]).astimezone(ZoneInfo("Europe/Berlin"))
    assert start
    assert start[1] == f"{local:%Y-%m-%dT%H:%M}"
    nights = {**day, "windows": "2026-06-03 10:00 to 2026-06-03 11:00"}
    use = re.search(r'name="use" value="([^"]+;[^"]+)"', client.post("/maintenance/preview", data=nights).text)
    assert use, "a plan of several windows is moved as one"
    again = client.post("/maintenance/preview", data={**nights, "use": use[1]})
    second = datetime.fromisoformat(use[1].split(";")[1].split("/")[0]).astimezone(ZoneInfo("Europe/Berlin"))
    assert f"{second:%Y-%m-%d %H:%M} to {second + timedelta(hours=1):%Y-%m-%d %H:%M}</textarea>" in again.text
    wrong = client.post("/maintenance/preview", data={**day, "end": day["start"]})
    assert (wrong.status_code, "The end must be later than the start" in text_of(wrong.text)) == (422, True)
    with morning.store.transaction(DEFAULT_TENANT, writing=False) as t:
        assert not [one for one in t.maintenances() if one.start == parse_instant("2026-06-02T08:00:00Z")]


def test_of_coming_works_in_one_night_the_page_warns(world: World) -> None:
    client = world.operator()
    token = csrf(client.get("/maintenance").text)
    for title in ("First card", "Second card"):
        assert client.post("/maintenance", data={**FORM, "title": title, "csrf": token}).status_code == 303
    html = client.get("/maintenance").text
    assert ('href="#plan"' in html, 'id="plan"' in html) == (True, True)  # on a phone the form is far below
    words = text_of(html)
    assert "another work in the same night: &#39;First card&#39; (M-" in words
    assert "another work in the same night: &#39;Second card&#39; (M-" in words


def test_work_is_planned_in_the_zone_that_was_chosen_and_cancelled_again(world: World) -> None:
    client = world.operator()
    token = csrf(client.get("/maintenance").text)
    urgent = {"windows": "2026-06-22 23:00 to 2026-06-23 01:30\n", "emergency": "1", "kind": "migration"}
    answer = client.post("/maintenance", data={**FORM, **urgent, "csrf": token})
    assert answer.status_code == 303
    done = client.get(answer.headers["location"]).text
    assert "“New line card” is planned. 2 notices are on the way" in text_of(done)
    with world.store.transaction(DEFAULT_TENANT) as t:
        (work,) = [m for m in t.maintenances() if m.title == "New line card"]
    assert work.start == START + 19 * DAY + 16 * HOUR  # 23:00 in Berlin's summer is 21:00 UTC
    assert [end - start for start, end in work.spans] == [150 * MINUTE] * 2
    assert (work.end - work.start, work.emergency, work.kind) == (2 * DAY + 150 * MINUTE, True, "migration")
    assert (work.services, work.approved_by) == (("vpn-0042", "web-riverbank"), "K. Lang")
    html = client.get(f"/maintenance/{work.id}/change").text
    assert 'value="New line card"' in html
    assert 'value="2026-06-20T21:00"' in html
    assert ">2026-06-22 21:00 to 2026-06-22 23:30</textarea>" in html
    later = {**FORM, "windows": "2026-06-22 23:00 to 2026-06-23 02:30", "csrf": token}
    assert client.post(f"/maintenance/{work.id}/change", data={**later, "services": []}).status_code == 422
    changed = client.post(f"/maintenance/{work.id}/change", data=later)
    assert "“New line card” is changed" in text_of(client.get(changed.headers["location"]).text)
    with world.store.transaction(DEFAULT_TENANT) as t:
        known = t.maintenance(work.id)
    assert (known.start, known.end, known.sequence) == (work.start, work.end + HOUR, 1)
    assert client.get("/maintenance/MW-NONE/change").status_code == 404
    assert client.post(f"/maintenance/{work.id}/say", data={"csrf": token, "turn": "over"}).status_code == 409
    cancelled = client.post(f"/maintenance/{work.id}/cancel", data={"csrf": token})
    words = text_of(client.get(cancelled.headers["location"]).text)
    assert "“New line card” is cancelled" in words
    assert "Past and cancelled New line card Cancelled" in words


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"title": ""}, "Say what will be done."),
        ({"approved_by": " "}, "Name who approved the work."),
        ({"start": ""}, "Give a date and a time."),
        ({"start": "yesterday"}, "Give a date and a time."),
        ({"end": "2026-06-20T22:00"}, "must be later than the start: 2026-06-20 22:00 is not after 2026-06-20 23:00."),
        ({"start": "2026-05-01T00:00", "end": "2026-05-01T01:00"}, "This is over already"),
        ({"end": "2026-07-22T23:00"}, "A window is at most 31 days long: plan longer work as several."),
        ({"start": "2036-06-20T23:00", "end": "2036-06-21T01:30"}, "This is more than five years away"),
        ({"start": "2026-06-20T23:00+02:00"}, "Give a date and a local time."),
        ({"windows": "2026-06-22 23:00"}, "Line 1 is no window: write it as 2026-06-11 22:00 to"),
        ({"windows": "2026-06-22 23:00 to 2026-06-22 22:00"}, "Line 1: The end must be later than the start"),
        ({"windows": "2026-06-21 01:00 to 2026-06-22 22:00"}, "before another one is over: join the two"),
        ({"kind": "party"}, "Choose what it is."),
        ({"zone": "Mars/Base"}, "Choose a time zone."),
        ({"services": []}, "Choose at least one service."),
        ({"services": ["hidden-line"]}, "hidden-line is neither a service of an agreement nor a resource."),
        ({"start": "2027-03-28T02:30", "end": "2027-03-28T05:00"}, "skips this time"),
        ({"start": "2026-10-25T02:30", "end": "2026-10-25T05:00"}, "makes this time happen twice"),
    ],
)
def test_a_form_that_cannot_be_is_shown_again_with_its_fault(
    morning: World, change: dict[str, object], fault: str
) -> None:
    before = morning.everything()
    client = morning.operator()
    data = {**FORM, **change, "csrf": csrf(client.get("/maintenance").text)}
    answer = client.post("/maintenance", data=data)
    assert answer.status_code == 422
    assert fault in answer.text
    assert 'value="K. Lang"' in answer.text or "approved_by" in change
    assert morning.everything() == before


def test_what_is_typed_into_a_form_is_never_markup(world: World) -> None:
    client = world.operator()
    title = "<script>alert(1)</script>"
    token = csrf(client.get("/maintenance").text)
    answer = client.post("/maintenance", data={**FORM, "title": title, "csrf": token})
    html = client.get(answer.headers["location"]).text
    assert title not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_work_on_a_resource_reaches_all_that_it_carries(world: World) -> None:
    client = world.operator()
    token = csrf(client.get("/maintenance").text)
    answer = client.post("/maintenance", data={**FORM, "services": ["agg-switch-3"], "csrf": token})
    words = text_of(client.get(answer.headers["location"]).text)
    assert "“New line card” is planned. 1 notice is on the way" in words
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        (work,) = [m for m in t.maintenances() if m.title == "New line card"]
        (notice,) = t.notices(maintenance_id=work.id)
    assert "vpn-0042" in notice.text
    assert "vpn-0043" in notice.text


def test_a_form_that_is_sent_twice_plans_one_work(world: World) -> None:
    client = world.operator()
    html = client.get("/maintenance").text
    found = re.search(r'name="id" value="(M-[0-9A-F]{10})"', html)
    assert found is not None
    for _ in range(2):
        answer = client.post("/maintenance", data={**FORM, "id": found[1], "csrf": csrf(html)})
        assert answer.headers["location"] == f"/maintenance?done={found[1]}"
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        assert len([m for m in t.maintenances() if m.title == "New line card"]) == 1
        assert len(t.notices(maintenance_id=found[1])) == 2


def test_work_that_is_over_cannot_be_cancelled(world: World) -> None:
    world.clock.at += 3 * DAY
    client = world.operator()
    html = client.get("/maintenance").text
    assert "Past and cancelled Firmware of agg-switch-3 Over" in text_of(html)
    before = world.everything()
    answer = client.post("/maintenance/MW-SOON/cancel", data={"csrf": csrf(html)})
    assert answer.status_code == 409
    assert "over already" in answer.text
    assert world.everything() == before


# -- mailbox


def test_the_mailbox_shows_what_was_caught(morning: World) -> None:
    client = morning.operator()
    html = client.get("/mailbox").text
    assert f"vpn-0042: is the problem solved? [{morning.case().id}]" in html
    assert "with maintenance.ics" in text_of(html)
    found = re.search(r'href="(/mailbox/[^"]+)">vpn-0042: is the problem solved', html)
    assert found is not None
    mail = client.get(found[1]).text
    assert "Assurance &lt;sla@assurance.example&gt;" in mail
    assert re.search(r'<a href="http://testserver/confirm/[^"]+" target="_blank" rel="noopener noreferrer">', mail)
    assert f'sandbox="allow-popups allow-popups-to-escape-sandbox" src="{found[1]}/html"' in mail
    framed = client.get(f"{found[1]}/html")
    assert framed.text.startswith('<!DOCTYPE html><base target="_blank">')
    assert framed.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "script-src" not in framed.headers["content-security-policy"]
    assert client.get("/mailbox/no-such-mail").status_code == 404
    assert client.get("/mailbox/no-such-mail/html").status_code == 404


def test_an_attachment_is_listed(morning: World) -> None:
    client = morning.operator()
    found = re.search(r'href="(/mailbox/[^"]+)">Planned maintenance', client.get("/mailbox").text)
    assert found is not None
    mail = client.get(found[1]).text
    assert re.search(r"Attachments maintenance\.ics text/calendar, [\d,]+ bytes", text_of(mail))
    link = re.search(r'href="([^"]+/attachments/0)" download="maintenance.ics"', mail)
    assert link is not None
    got = client.get(link[1])
    assert got.content.startswith(b"BEGIN:VCALENDAR")
    assert got.headers["content-type"].startswith("text/calendar")
    assert got.headers["content-disposition"] == 'attachment; filename="maintenance.ics"'
    assert got.headers["content-security-policy"].startswith("sandbox")
    assert client.get(link[1].removesuffix("0") + "1").status_code == 404
    assert morning.operator(morning.rival_key).get(link[1]).status_code == 404
    assert morning.stranger().get(link[1]).status_code == 303


@pytest.mark.parametrize(
    ("name", "type_", "safe", "told"),
    [
        ("../../etc/passwd", "text/html", "etc_passwd", "application/octet-stream"),
        ('a"; x=".html', "image/svg+xml", "a_x_.html", "application/octet-stream"),
        ("..", "text/calendar", "attachment", "text/calendar"),
        ("Wartung für Köln.ics", "text/calendar", "Wartung_f_r_K_ln.ics", "text/calendar"),
    ],
)
def test_an_attachment_is_saved_under_a_harmless_name_and_never_shown(
    name: str, type_: str, safe: str, told: str
) -> None:
    attachment = Attachment(name, type_, b"")
    assert (attachment.file_name, attachment.media_type) == (safe, told)


# -- dead letters


def test_a_dead_letter_is_shown_with_its_faults_and_replayed_or_discarded(world: World) -> None:
    client, letter = world.operator(), world.letter()
    listed = text_of(page(world, "/dead-letters"))
    assert f"{letter.id} Refused unknown service " in listed
    assert "no agreement in force names it" in listed
    assert "collector measurements" in listed
    shown = client.get(f"/dead-letters/{letter.id}").text
    assert "&lt;b&gt;vpn-0099" in shown
    assert "<b>vpn-0099" not in shown
    token = csrf(shown)
    assert client.post(f"/dead-letters/{letter.id}", data={"step": "replay"}).status_code == 403
    assert client.post(f"/dead-letters/{letter.id}", data={"csrf": token, "step": "burn"}).status_code == 400
    answer = client.post(f"/dead-letters/{letter.id}", data={"csrf": token, "step": "replay"}, follow_redirects=True)
    assert f"{letter.id} waits on (0 measurements taken): unknown service" in text_of(answer.text)
    answer = client.post(f"/dead-letters/{letter.id}", data={"csrf": token, "step": "discard"}, follow_redirects=True)
    assert f"{letter.id} is discarded." in text_of(answer.text)
    assert "Nothing waits." in text_of(answer.text)
    answer = client.post(f"/dead-letters/{letter.id}", data={"csrf": token, "step": "replay"}, follow_redirects=True)
    assert "was discarded already." in text_of(answer.text)
    assert client.get("/dead-letters/DL-NONE").status_code == 404


# -- whose data


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cases",
        "/agreements/acme-vpn-gold",
        "/maintenance",
        "/maintenance/notices",
        "/tickets",
        "/dead-letters",
        "/mailbox",
        "/cases/{case}",
    ],
)
def test_no_page_shows_anything_of_another_tenant(morning: World, path: str) -> None:
    html = page(morning, path.format(case=morning.case().id))
    visible = text_of(html)
    assert not any(word in visible for word in HIDDEN)


def test_the_other_tenant_sees_its_own_and_nothing_else(morning: World) -> None:
    client = morning.operator(morning.rival_key)
    own, foreign = morning.case("hidden-line", RIVAL), morning.case()
    assert "hidden-line" in client.get("/").text
    assert "Hidden work" in client.get("/maintenance").text
    assert client.get(f"/cases/{own.id}").status_code == 200
    for path in (
        "/",
        "/cases",
        f"/cases/{own.id}",
        "/maintenance",
        "/maintenance/notices",
        "/tickets",
        "/dead-letters",
        "/mailbox",
    ):
        assert not any(word in client.get(path).text for word in ("vpn-0042", "acme", "Acme", "northern")), path
    for path in (f"/cases/{foreign.id}", "/agreements/acme-vpn-gold"):
        assert client.get(path).status_code == 404


def test_the_other_tenants_mails_cannot_be_opened(morning: World) -> None:
    found = re.search(r'href="(/mailbox/[^"]+)"', morning.operator().get("/mailbox").text)
    assert found is not None
    rival = morning.operator(morning.rival_key)
    assert rival.get(found[1]).status_code == 404
    assert rival.get(f"{found[1]}/html").status_code == 404


def test_nothing_of_another_tenant_can_be_changed(world: World) -> None:
    before = world.everything()
    rival = world.operator(world.rival_key)
    token = csrf(rival.get("/").text)
    assert rival.post("/maintenance/MW-SOON/cancel", data={"csrf": token}).status_code == 404
    assert rival.post(f"/cases/{world.case().id}/ask", data={"csrf": token}).status_code == 404
    answer = {"csrf": token, "contact": "Jane Doe", "solved": "no"}
    assert rival.post(f"/cases/{world.case().id}/answer", data=answer).status_code == 404
    discard = {"csrf": token, "step": "discard"}
    assert rival.post(f"/dead-letters/{world.letter().id}", data=discard).status_code == 404
    assert world.everything() == before


# -- errors, headers, files


def test_an_unknown_address_is_answered_with_a_page(morning: World) -> None:
    answer = morning.operator().get("/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'aria-label="Main"' in answer.text
    unknown = morning.operator().get("/cases/C-NONE")
    assert unknown.status_code == 404
    assert "There is no such case." in unknown.text


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cases",
        "/cases/{case}",
        "/agreements/acme-vpn-gold",
        "/maintenance",
        "/maintenance/notices",
        "/tickets",
        "/dead-letters",
        "/mailbox",
        "/login",
    ],
)
def test_no_page_needs_more_than_its_own_files(morning: World, path: str) -> None:
    answer = morning.operator().get(path.format(case=morning.case().id), follow_redirects=True)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", answer.text)
    scripts = re.findall(r"<script\b([^>]*)>", answer.text)
    assert all('src="/static/' in attributes or 'type="application/json"' in attributes for attributes in scripts)
    assert all(
        address.startswith("/")
        for address in re.findall(r'<(?:link|script|img|iframe)[^>]*(?:href|src)="([^"]+)"', answer.text)
    )


def test_only_a_page_with_a_chart_loads_the_chart_library(morning: World) -> None:
    assert "echarts" not in page(morning, "/")
    assert "echarts" in page(morning, f"/cases/{morning.case().id}")


def test_pages_are_never_cached_and_files_are_kept_for_good(morning: World) -> None:
    client = morning.operator()
    answer = client.get("/")
    assert answer.headers["cache-control"] == "no-store"
    found = re.search(r'href="(/static/upheld\.css\?v=\w+)"', answer.text)
    assert found is not None
    css = morning.stranger().get(found[1])
    assert css.status_code == 200
    assert css.headers["content-type"].startswith("text/css")
    assert "immutable" in css.headers["cache-control"]
    assert "immutable" not in client.get("/static/upheld.css?v=old").headers["cache-control"]


@pytest.mark.parametrize("name", ["nothing.js", "../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "vendor"])
def test_static_gives_its_own_files_only(morning: World, name: str) -> None:
    assert morning.stranger().get(f"/static/{name}").status_code in (303, 404)


def test_the_post_incident_report_is_a_page_with_a_download(world: World) -> None:
    case = world.case()
    said = "<b>bold</b> [x](javascript:alert(1)) | being replaced"
    assert world.process.cases.command(DEFAULT_TENANT, case.id, Resolve(said, "", "ann")) == "taken"
    client = world.operator()
    html = client.get(f"/cases/{case.id}/report").text
    assert "<h1>Post-incident report (draft): vpn-0042, availability</h1>" in html
    assert "<td>" in html
    assert "&lt;b&gt;bold&lt;/b&gt; [x](javascript:alert(1)) | being replaced" in html
    words = text_of(html)
    assert "Promised: at least 99.5 % of the time good, in each calendar day" in words
    assert re.search(r"2026-06-01 08:\d\d CEST The promise was broken", words), words  # the customer's time zone
    kept = client.get(f"/cases/{case.id}/report", params={"download": True})
    assert kept.headers["content-type"].startswith("text/markdown")
    assert kept.headers["content-disposition"].endswith(f'post-incident-{case.id}.md"')
    assert kept.text.startswith("# Post-incident report")


def test_after_a_no_the_next_step_is_to_solve_it_and_not_the_credit(world: World) -> None:
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", False, "Still slow")
    with world.store.transaction(DEFAULT_TENANT) as t:
        data = {"action": f"{case.id}/credit/propose/1", "do": "propose_credit"}
        t.schedule(AgendaEntry(f"{ACT}/{case.id}/credit", ACT, world.clock.at - MINUTE, data))
        step = next(row.next_step for row in rows(t, None, [t.case(case.id)]))
    assert "credit" not in step.text.lower()
    assert "customer.noc, contact 2, by the link: “Still slow”" in text_of(page(world, f"/cases/{case.id}"))
