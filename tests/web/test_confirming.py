"""The customer's page: looking answers nothing, a button answers once, and a link says no more than it must."""

import re
from dataclasses import replace

import pytest
from a_morning import PORTFOLIO, RIVAL, World, text_of

from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT
from upheld.cases.model import Event
from upheld.cases.problems import Cause, new_problem
from upheld.notices.links import ProblemQuestion, Question
from upheld.notices.model import Owed
from upheld.readers.portfolio import parse_portfolio


def test_the_question_names_the_facts_and_nothing_else(morning: World) -> None:
    case = morning.case()
    answer = morning.stranger().get(morning.confirm_path(case))
    words = text_of(answer.text)
    assert answer.status_code == 200
    assert "Is the problem solved?" in words
    assert "Service vpn-0042" in words
    assert "Disturbed since 1 June 2026, 08:00 CEST (UTC+02:00)" in words
    assert "Good again since 1 June 2026, 08:14 CEST (UTC+02:00)" in words
    assert f"Reference {case.id}" in words
    assert re.findall(r'name="solved" value="(\w+)"', answer.text) == ["yes", "no"]
    for secret in ("vpn-0043", "agg-switch", "acme-vpn-gold", "am@northern", "Riverbank", "79.71", "Overview"):
        assert secret not in answer.text


def test_looking_answers_nothing(morning: World) -> None:
    before = morning.everything()
    client = morning.stranger()
    path = morning.confirm_path(morning.case())
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        client.request(method, path)
        client.request(method, f"{path}?solved=yes")
    assert morning.everything() == before


def test_the_page_is_not_indexed_kept_or_referred_to(morning: World) -> None:
    answer = morning.stranger().get(morning.confirm_path(morning.case()))
    assert "noindex" in answer.headers["x-robots-tag"]
    assert 'name="robots" content="noindex' in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers


def test_yes_closes_the_case(world: World) -> None:
    client, path = world.stranger(), world.confirm_path(world.case())
    answer = client.post(path, data={"solved": "yes", "comment": " All good "})
    assert "Thank you" in text_of(answer.text)
    case = world.case()
    assert (case.state, case.outcome) == ("closed", "confirmed")
    with world.store.transaction(DEFAULT_TENANT) as t:
        (answered,) = [e for e in t.events(case.id) if e.type == "answered"]
    assert (answered.data["comment"], answered.data["contact"]) == ("All good", "customer.noc/1")
    assert [a["comment"] for a in case.answers] == ["All good"]
    again = text_of(client.get(path).text)
    assert "You have answered: solved" in again
    assert "Until 6 June 2026, 08:25 CEST (UTC+02:00) you can tell us here, and we take the case up again." in again
    assert "– All good" in again
    assert "Yes, it is solved" not in again


def test_no_reopens_the_case_and_says_what_happens_next(world: World) -> None:
    client, path = world.stranger(), world.confirm_path(world.case())
    answer = client.post(path, data={"solved": "no", "comment": "Still dropping"})
    assert "open again and has been escalated" in text_of(answer.text)
    assert (world.case().state, world.case().level) == ("reopened", 1)
    assert "not solved" in text_of(client.get(path).text)


def test_a_second_answer_changes_nothing(world: World) -> None:
    client, path = world.stranger(), world.confirm_path(world.case())
    client.post(path, data={"solved": "yes"})
    before = world.everything()
    answer = client.post(path, data={"solved": "no"})
    assert "You have answered: solved" in text_of(answer.text)
    assert world.everything() == before


def form_in(page: str) -> dict[str, str]:
    """What the last button of a page's form sends."""
    return dict(re.findall(r'name="(after_all|solved)" value="([^"]+)"', page))


def test_who_has_said_yes_can_say_no_after_all_by_the_same_page_once(world: World) -> None:
    case, client = world.case(), world.stranger()
    path = world.confirm_path(case)
    client.post(path, data={"solved": "yes", "comment": "fine", "score": "5"})
    page = client.get(path).text
    assert re.findall(r'name="solved" value="(\w+)"', page) == ["no"]
    world.clock.at += DAY
    said = client.post(path, data={**form_in(page), "comment": "down again"})
    words = text_of(said.text)
    assert "open again and has been escalated" in words
    assert "– fine" in words
    assert "– down again" in words
    after = world.case()
    assert (after.state, after.level) == ("reopened", 1)
    assert [(a["solved"], a["comment"], a["effect"]) for a in after.answers] == [
        (True, "fine", "closed"),
        (False, "down again", "reopened"),
    ]
    before = world.everything()
    for again in ({**form_in(page), "comment": "down again"}, {"solved": "yes"}, {"solved": "no"}):
        client.post(path, data=again)
    assert world.everything() == before


def test_a_no_after_all_is_none_of_another_case_link_or_answer(world: World) -> None:
    case, client = world.case(), world.stranger()
    path = world.confirm_path(case)
    client.post(path, data={"solved": "yes"})
    before = world.everything()
    for forged in (
        {"solved": "no", "after_all": "C-OTHER"},
        {"solved": "yes", "after_all": case.id},
    ):
        client.post(path, data=forged)
    assert client.post(path + "x", data={"solved": "no", "after_all": case.id}).status_code == 404
    assert world.everything() == before


def test_after_the_time_nothing_is_offered_and_a_form_from_before_is_kept_and_told(world: World) -> None:
    client, path = world.stranger(), world.confirm_path(world.case())
    client.post(path, data={"solved": "yes"})
    page = client.get(path).text
    world.clock.at += 5 * DAY + HOUR
    assert 'name="solved"' not in client.get(path).text
    assert "it came too late" in text_of(client.post(path, data=form_in(page)).text)
    assert [a["effect"] for a in world.case().answers] == ["closed", "late"]


@pytest.mark.parametrize(
    ("language", "words", "button"),
    [
        (
            "de",
            "können Sie es uns hier sagen, dann nehmen wir den Vorgang wieder auf",
            "Nein, sie ist doch nicht behoben",
        ),
        ("fr", "vous pouvez nous le dire ici, et nous rouvrons le dossier", "Non, il n’est finalement pas résolu"),
        ("es", "puede decírnoslo aquí, y reabriremos el caso", "No, al final no está resuelta"),
    ],
)
def test_a_no_after_all_is_offered_in_the_contact_s_language(
    world: World, language: str, words: str, button: str
) -> None:
    case = world.case()
    source = re.sub(r"(noc: \[\{email: \S+?)\}", rf"\1, language: {language}}}", PORTFOLIO)
    source = re.sub(r", (\{email: [^,}]+)\}\]", rf", \1, language: {language}}}]", source)
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    client, path = world.stranger(), world.confirm_path(case)
    said = text_of(client.post(path, data={"solved": "yes"}).text)
    assert words in said
    assert button in said


def test_another_contact_is_told_how_it_stands_and_may_still_say_no(world: World) -> None:
    case = world.case()
    world.stranger().post(world.confirm_path(case), data={"solved": "yes"})
    client, path = world.stranger(), world.confirm_path(case, "customer.noc/0")
    words = text_of(client.get(path).text)
    assert "Someone has confirmed that the problem is solved, and the case is closed. You may answer too." in words
    assert "With a no by 6 June 2026, 08:25 CEST (UTC+02:00) we take the case up again." in words
    world.clock.at += 4 * DAY
    said = text_of(client.post(path, data={"solved": "no", "comment": "not for us"}).text)
    assert "open again and has been escalated" in said
    assert "– not for us" in said
    assert (world.case().state, world.case().closed_at) == ("reopened", None)
    words = text_of(world.stranger().get(world.confirm_path(case)).text)
    assert "You have confirmed that the problem is solved." in words
    assert "The case is closed" not in words


def test_a_no_that_comes_too_late_is_kept_and_says_how_to_reach_us(world: World) -> None:
    case = world.case()
    world.stranger().post(world.confirm_path(case), data={"solved": "yes"})
    world.clock.at += 5 * DAY + HOUR
    client, path = world.stranger(), world.confirm_path(case, "customer.noc/0")
    assert "Until 6 June 2026, 08:25 CEST (UTC+02:00) a no would have" in text_of(client.get(path).text)
    said = text_of(client.post(path, data={"solved": "no", "comment": "down again"}).text)
    assert "it came too late to take this case up again by itself" in said
    assert "Please call us and name the reference" in said
    assert world.case().state == "closed"
    assert world.case().answers[-1]["effect"] == "late"
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        (told,) = [notice for notice in t.notices(case_id=case.id) if notice.kind == "late_rejection"]
    assert (told.role, told.state) == ("account-manager", "recorded")
    assert "down again" in told.text


def test_a_provider_that_says_how_to_be_reached_is_named_so(world: World) -> None:
    brand = '{color: "#7a1f5c", signature: "Call +49 421 555 0", reply_to: noc@northern.example}'
    source = PORTFOLIO.replace("provider:", f"provider:\n  brand: {brand}", 1)
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    client, path = world.stranger(), world.confirm_path(world.case())
    client.post(path, data={"solved": "yes"})
    world.clock.at += 6 * DAY
    said = text_of(client.post(path, data={"solved": "no", "after_all": world.case().id}).text)
    assert "Please reach us (Call +49 421 555 0; noc@northern.example) and name the reference" in said


def test_a_program_is_asked_and_answers_in_json(world: World) -> None:
    case = world.case()
    client, path = world.stranger(), world.confirm_path(case)
    client.headers["Accept"] = "application/json"
    asked = client.get(path).json()
    assert {name: asked[name] for name in ("case", "round", "contact", "standing", "became", "answer")} == {
        "case": case.id,
        "round": 1,
        "contact": "customer.noc/1",
        "standing": "open",
        "became": "asked",
        "answer": None,
    }
    assert client.post(path, json={"solved": "maybe"}).status_code == 422
    assert client.post(path, json=["solved"]).json() == {
        "error": "The body is not an object with solved, comment, score, unsolved and after_all."
    }
    assert client.post(path, content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
    assert client.post(path, json={"solved": True, "comment": "a\0b"}).status_code == 422
    half = b'{"solved": true, "comment": "\\ud800"}'
    assert client.post(path, content=half, headers={"Content-Type": "application/json"}).status_code == 422
    assert world.case().answers == ()
    said = client.post(path, json={"solved": True, "comment": "fine", "score": 5}).json()
    assert {**said["answer"], "at": ""} == {
        "at": "",
        "round": 1,
        "solved": True,
        "comment": "fine",
        "score": 5,
        "effect": "closed",
    }
    assert (said["standing"], said["became"], said["after_all"]) == ("given", "confirmed", True)
    before = world.everything()
    assert client.post(path, json={"solved": False}).json() == said == client.get(path).json()
    assert world.everything() == before
    other = world.stranger().post(
        world.confirm_path(case, "customer.noc/0"), data={"solved": "no"}, headers={"Accept": "application/json"}
    )
    assert other.json()["answer"]["effect"] == "reopened"
    assert client.post(path, json={"solved": False, "after_all": case.id}).status_code == 422
    changed = client.post(path, json={"solved": False, "after_all": [case.id]}).json()
    assert (changed["answer"]["effect"], changed["after_all"]) == ("kept", False)  # it is open again by another's no
    assert client.get(path[:-2]).status_code == 404
    assert client.get(path[:-2]).json() == {"error": "the link is not a question's"}


def test_an_older_link_points_to_the_newer_one(world: World) -> None:
    case = world.case()
    path = world.confirm_path(case)
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", False, "")
    world.process.cases.ask_again(DEFAULT_TENANT, case.id, "operator")
    before = world.everything()
    for answer in (world.stranger().get(path), world.stranger().post(path, data={"solved": "yes"})):
        assert "link in our newest mail" in text_of(answer.text)
    assert world.everything() == before


def test_what_an_operator_said_is_not_told_as_measured(world: World) -> None:
    case = world.case()
    assert "By our measurements it is good again" in text_of(world.stranger().get(world.confirm_path(case)).text)
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", False, "")
    world.clock.at += HOUR
    world.process.cases.ask_again(DEFAULT_TENANT, case.id, "operator")
    words = text_of(world.stranger().get(world.confirm_path(world.case())).text)
    assert "We consider the problem solved now" in words
    assert "Considered solved since 1 June 2026, 09:25 CEST" in words
    assert "measurements" not in words
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        told = [n for n in t.notices(case_id=case.id) if n.recorded_at == world.clock.at]
    assert {n.kind for n in told} == {"restoration", "question"}
    assert not any("measurements show" in n.text or "Good again" in n.text for n in told)


def test_a_link_that_comes_too_late_says_so(world: World) -> None:
    path = world.confirm_path(world.case())
    world.clock.at += 4 * DAY
    while world.application.performer.work():
        pass
    assert world.case().outcome == "unanswered"
    assert "We had no answer in the time" in text_of(world.stranger().get(path).text)
    assert "Your answer is kept" in text_of(world.stranger().post(path, data={"solved": "yes"}).text)
    assert (world.case().outcome, world.case().answers[0]["effect"]) == ("unanswered", "kept")


def test_a_service_that_broke_again_is_not_asked_about(world: World) -> None:
    path = world.confirm_path(world.case())
    world.pass_minutes(2, vpn_0042=0.0)
    assert world.case().state == "acting"
    assert "It has broken again since we asked" in text_of(world.stranger().get(path).text)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_invalid_link_is_explained_and_tells_nothing(morning: World, method: str) -> None:
    path = morning.confirm_path(morning.case())
    for broken in (path[:-3], path + "x", "/confirm/abc", "/confirm/" + "a" * 5000):
        answer = morning.stranger().request(method, broken, data={"solved": "yes"} if method == "POST" else None)
        assert answer.status_code == 404
        assert "This link cannot be used" in answer.text
        assert "vpn-0042" not in answer.text


def test_a_link_to_a_case_that_is_not_the_tenants_leads_nowhere(morning: World) -> None:
    question = Question(RIVAL, morning.case().id, 1, "customer.noc/1")
    path = morning.application.links.question_url(question).removeprefix("http://testserver")
    assert "This link cannot be used" in morning.stranger().get(path).text
    assert "This link cannot be used" in morning.stranger().post(path, data={"solved": "yes"}).text


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({}, "choose one of the two answers"),
        ({"solved": "maybe"}, "choose one of the two answers"),
        ({"solved": "yes", "comment": "x" * 2001}, "to 2000 characters; it has 2001."),
    ],
)
def test_an_answer_that_is_none_is_asked_for_again(morning: World, data: dict[str, str], fault: str) -> None:
    before = morning.everything()
    answer = morning.stranger().post(morning.confirm_path(morning.case()), data=data)
    assert answer.status_code == 400
    assert fault in answer.text
    assert morning.everything() == before


def test_a_problem_is_answered_on_one_page_for_all_or_for_those_that_are_not_good(world: World) -> None:
    """A link that asks about two cases: a no names one, the other stays to be answered with a yes."""
    tenant, case = DEFAULT_TENANT, world.case()
    other = replace(case, id="C-OTHER", service="vpn-0099", seq=1)
    problem = new_problem(tenant, Cause("switch-9"), case.opened_at)
    rows = [
        Owed(
            problem.id,
            c.id,
            1,
            "question",
            c.customer,
            c.customer,
            c.agreement,
            ("customer.noc",),
            1,
            told=5,
            facts={"asked": c.asked},
        )
        for c in (case, other)
    ]
    with world.store.transaction(tenant) as t:
        t.save_problem(problem)
        t.save_case(other, [Event(other.id, 1, "opened", 1)])
        t.owe(rows)
    question = ProblemQuestion(tenant, problem.id, case.customer, 5, "customer.noc/0")
    path = "/confirm/" + world.application.links.question_url(question).split("/confirm/")[1]
    client = world.stranger()
    page = client.get(path)
    assert page.status_code == 200
    assert "vpn-0099" in page.text
    assert client.post(path, data={"solved": "no"}).status_code == 400
    said = client.post(path, data={"solved": "no", "unsolved": [case.id], "comment": "still slow"})
    assert "sorry" in said.text
    with world.store.transaction(tenant, writing=False) as t:
        assert t.case(case.id).state == "reopened"
        assert t.case(other.id).state == "confirming"
    thanks = client.post(path, data={"solved": "yes", "score": "4"})
    assert "You have confirmed" in thanks.text
    with world.store.transaction(tenant, writing=False) as t:
        assert t.case(case.id).state == "reopened"
        assert (t.case(other.id).outcome, t.case(other.id).score) == ("confirmed", 4)
    page = client.get(path).text
    assert "Is one of them not good after all?" in page
    assert re.findall(r'name="(after_all|unsolved|solved)" value="([^"]+)"', page) == [
        ("after_all", other.id),
        ("solved", "no"),
    ]
    colleague = world.stranger()
    of_colleague = replace(question, contact="customer.noc/1")
    theirs = "/confirm/" + world.application.links.question_url(of_colleague).split("/confirm/")[1]
    assert "closed, with a no by" in text_of(colleague.get(theirs).text)
    said = text_of(colleague.post(theirs, data={"solved": "no", "unsolved": [case.id, other.id]}).text)
    assert "open again and escalated" in said
    with world.store.transaction(tenant, writing=False) as t:
        reopened, ours = t.case(other.id), t.case(case.id)
        assert (reopened.state, [a["effect"] for a in reopened.answers]) == ("reopened", ["closed", "reopened"])
        assert [a["effect"] for a in ours.answers] == ["reopened", "kept"]
    page = text_of(client.get(path).text)
    assert "There is nothing to answer any more" in page, "it is open again already"
    told = colleague.get(theirs, headers={"Accept": "application/json"}).json()
    assert [(one["case"], one["answer"]["solved"]) for one in told["cases"]] == [(case.id, False), (other.id, False)]
    assert client.get(path[:-1]).status_code == 404
    of_another = replace(question, party="riverbank")
    theirs = "/confirm/" + world.application.links.question_url(of_another).split("/confirm/")[1]
    for answer in (client.get(theirs), client.post(theirs, data={"solved": "no", "unsolved": [case.id]})):
        assert answer.status_code == 404
        assert "vpn-0099" not in answer.text


def test_of_a_problem_too_a_no_after_all_takes_up_again_what_it_names_and_nothing_else(world: World) -> None:
    tenant, case = DEFAULT_TENANT, world.case()
    problem = new_problem(tenant, Cause("switch-9"), case.opened_at)
    others = [replace(case, id=f"C-OTHER-{n}", service=f"vpn-010{n}", seq=1) for n in range(2)]
    facts, roles = {"asked": case.asked}, ("customer.noc",)
    of = case.customer, case.customer, case.agreement, roles, 1
    rows = [Owed(problem.id, c.id, 1, "question", *of, told=5, facts=facts) for c in (case, *others)]
    with world.store.transaction(tenant) as t:
        t.save_problem(problem)
        for other in others:
            t.save_case(other, [Event(other.id, 1, "opened", 1)])
        t.owe(rows)
    question = ProblemQuestion(tenant, problem.id, case.customer, 5, "customer.noc/0")
    path = "/confirm/" + world.application.links.question_url(question).split("/confirm/")[1]
    client = world.stranger()
    client.post(path, data={"solved": "yes"})
    first, second = others
    client.post(path, data={"solved": "no", "unsolved": [first.id]})  # a form from before the yes
    with world.store.transaction(tenant, writing=False) as t:
        assert {t.case(c.id).state for c in (case, *others)} == {"closed"}
    assert client.post(path, data={"solved": "no"}).status_code == 400
    said = text_of(client.post(path, data={"solved": "no", "after_all": [first.id], "comment": "slow"}).text)
    assert "open again and escalated" in said
    with world.store.transaction(tenant, writing=False) as t:
        assert [t.case(c.id).state for c in (case, first, second)] == ["closed", "reopened", "closed"]
        before = t.case(first.id)
    client.post(path, data={"solved": "no", "after_all": [first.id], "comment": "slow"})
    with world.store.transaction(tenant, writing=False) as t:
        assert t.case(first.id) == before
