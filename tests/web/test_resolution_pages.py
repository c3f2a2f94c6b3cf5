"""What closed cases were: listed while it is owed, and put down in the case's or the problem's page."""

import html
import re

import pytest
from a_morning import World, csrf, text_of

from upheld.agreements.units import DAY
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Join
from upheld.cases.problems import Cause, new_problem


@pytest.fixture
def closed(world: World) -> World:
    """The customer says that the morning's line is good again, and nobody has said what it was."""
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", True, "")
    world.run()
    return world


def test_a_closed_case_that_owes_its_resolution_is_listed_and_says_so(closed: World) -> None:
    client, case = closed.operator(), closed.case()
    assert f"{case.id} vpn-0042 Acme Logistics GmbH" in text_of(client.get("/cases").text)
    assert f"What it was put down {case.id} vpn-0042" in text_of(client.get("/promises?show=resolution").text)
    words = text_of(client.get(f"/cases/{case.id}").text)
    assert "Resolution owed" in words
    assert "Nobody has said yet what it was and what was done" in words
    closed.clock.at += 4 * DAY
    closed.run()
    assert "Resolution overdue" in text_of(client.get(f"/cases/{case.id}").text)
    rival = closed.operator(closed.rival_key)
    assert case.id not in rival.get("/cases").text + rival.get("/promises?show=resolution").text


def test_the_ranked_causes_are_offered_and_the_chosen_one_is_put_down(closed: World) -> None:
    client, case = closed.operator(), closed.case()
    page = client.get(f"/cases/{case.id}").text
    offered = [html.unescape(one) for one in re.findall(r'type="radio" name="cause" value="([^"]+)"', page)]
    assert offered
    assert offered[0].startswith("change chg-77 (Optics of agg-switch-3")
    address, token = f"/cases/{case.id}/resolution", csrf(page)
    assert client.post(address, data={"cause": offered[0]}).status_code == 403
    assert client.post(address, data={"csrf": token, "cause": "", "other": " "}).status_code == 422
    answer = client.post(address, data={"csrf": token, "cause": offered[0], "done": "put back"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case.id}")
    assert (closed.case().resolution["cause"], closed.case().resolution["done"]) == (offered[0], "put back")
    words = text_of(client.get(f"/cases/{case.id}").text)
    assert "Resolution owed" not in words
    assert "What was done put back" in words
    assert "nobody has said what it was" not in client.get("/cases").text


def test_what_none_of_the_causes_says_is_written(closed: World) -> None:
    client, case = closed.operator(), closed.case()
    data = {"csrf": csrf(client.get("/").text), "cause": "", "other": "a digger"}
    client.post(f"/cases/{case.id}/resolution", data=data)
    assert closed.case().resolution["cause"] == "a digger"
    assert 'value="a digger"' in client.get(f"/cases/{case.id}").text
    assert client.post("/cases/C-0/resolution", data=data).status_code == 404
    rival = closed.operator(closed.rival_key)
    assert (
        rival.post(f"/cases/{case.id}/resolution", data={**data, "csrf": csrf(rival.get("/").text)}).status_code == 404
    )


def test_a_problem_is_asked_for_all_of_its_cases(world: World) -> None:
    problem = new_problem(DEFAULT_TENANT, Cause("agg-switch-3"), world.clock.at)
    with world.store.transaction(DEFAULT_TENANT) as t:
        t.save_problem(problem)
    case = world.case()
    world.process.cases.command(DEFAULT_TENANT, case.id, Join(problem.id))
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/1", True, "")
    world.run()
    client, address = world.operator(), f"/problems/{problem.id}"
    assert f"{problem.id} agg-switch-3 several" in text_of(client.get("/cases").text)
    page = client.get(address).text
    assert "It holds for all of its cases" in page
    assert "Resolution owed" in page
    data = {"csrf": csrf(page), "cause": "", "other": "a card", "done": "replaced"}
    answer = client.post(f"{address}/resolution", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    world.run()
    assert "Resolution owed" not in client.get(address).text
    assert world.case().resolution["cause"] == "a card"
    assert f'of <a href="{address}">the problem</a>' in client.get(f"/cases/{case.id}").text
    assert client.post("/problems/P-0/resolution", data=data).status_code == 404
