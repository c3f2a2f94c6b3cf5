"""What people say of a step: by the console's buttons, or by a signed link."""

import pytest
from a_morning import World, csrf, text_of

from upheld.actions.model import Action
from upheld.app import DEFAULT_TENANT
from upheld.notices.links import StepQuestion

ASKING = """
playbooks:
  - id: ask
    when: {event: [opened, broke_again]}
    steps:
      - {id: approval, do: approve, owner: Ada, within: 1d, text: "Switch over?"}
      - {id: ticket, do: ticket, after: approval}
"""


@pytest.fixture
def asked(world: World) -> World:
    """The morning's line breaks again, and an approval is asked for."""
    world.process.steps.adopt_playbooks(DEFAULT_TENANT, ASKING)
    world.pass_minutes(6, vpn_0042=0.0)
    assert step(world, "approval").state == "waiting"
    return world


def step(world: World, name: str) -> Action:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        return next(a for a in t.actions(world.case().id) if a.step == name and a.playbook == "ask")


def link(world: World, action: Action) -> str:
    return world.application.links.step_url(StepQuestion(DEFAULT_TENANT, action.id)).removeprefix("http://testserver")


def test_a_case_shows_its_steps_with_what_can_be_said_of_each(asked: World) -> None:
    html = asked.operator().get(f"/cases/{asked.case().id}").text
    words = text_of(html)
    assert "Awaits an answer Approval" in words
    assert "Ada; due in" in words
    assert "Switch over?" in words
    for button in ("Approve", "Reject", "Skip", "Done by hand", "Take it again"):
        assert f">{button}</button>" in html


def test_a_step_is_approved_by_a_button_once_and_the_next_is_taken(asked: World) -> None:
    client, case = asked.operator(), asked.case().id
    token, path = csrf(client.get(f"/cases/{case}").text), f"/actions/{step(asked, 'approval').id}"
    assert client.post(path, data={"verb": "approve"}).status_code == 403
    assert client.post(path, data={"csrf": token, "verb": "bless"}).status_code == 400
    assert client.post(path, data={"csrf": token, "verb": "skip", "reason": " "}).status_code == 400
    answer = client.post(path, data={"csrf": token, "verb": "approve", "reason": "it <b>burns</b>"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case}")
    assert client.post(path, data={"csrf": token, "verb": "reject", "reason": "no"}).status_code == 409
    asked.run()
    assert step(asked, "ticket").state == "done"
    html = client.get(f"/cases/{case}").text
    assert "it &lt;b&gt;burns&lt;/b&gt;" in html
    assert "Approval: approved" in text_of(html)


def test_nobody_else_reaches_a_step(asked: World) -> None:
    path = f"/actions/{step(asked, 'approval').id}"
    rival = asked.operator(asked.rival_key)
    data = {"csrf": csrf(rival.get("/").text), "verb": "approve"}
    assert rival.post(path, data=data).status_code == 404
    assert asked.stranger().post(path, data=data).status_code in (303, 401)
    assert step(asked, "approval").state == "waiting"


def test_a_link_asks_and_its_buttons_decide(asked: World) -> None:
    action = step(asked, "approval")
    client, path = asked.stranger(), link(asked, action)
    page = client.get(path)
    assert "Switch over?" in text_of(page.text)
    assert "noindex" in page.headers["x-robots-tag"]
    assert step(asked, "approval") == action, "looking decides nothing"
    assert "who you are" in client.post(path, data={"verb": "approve"}).text
    assert client.post(path, data={"verb": "skip", "by": "Eve", "reason": "x"}).status_code == 400
    assert "say why" in client.post(path, data={"verb": "reject", "by": "Ada"}).text
    assert step(asked, "approval") == action
    assert client.post(path, data={"verb": "approve", "by": "Ada"}).status_code == 200
    assert step(asked, "approval").state == "done"
    assert (step(asked, "approval").by or "").startswith("Ada, by the link")
    assert "nothing to decide any more" in client.get(path).text
    assert "nothing to decide any more" in client.post(path, data={"verb": "reject", "by": "A", "reason": "x"}).text
    assert step(asked, "approval").state == "done"


def test_a_link_that_is_not_ours_decides_nothing(asked: World) -> None:
    path = link(asked, step(asked, "approval"))
    for other in (path[:-2] + "xx", "/decide/x", path.replace("/decide/", "/confirm/")):
        assert asked.stranger().get(other).status_code == 404
    confirming = asked.confirm_path(asked.case()).replace("/confirm/", "/decide/")
    assert asked.stranger().post(confirming, data={"verb": "approve", "by": "x"}).status_code == 404
    assert step(asked, "approval").state == "waiting"
