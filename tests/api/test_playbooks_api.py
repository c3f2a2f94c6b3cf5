"""Playbooks over HTTP: put in force, read, and what is said of the steps that they ask for."""

import json
from datetime import UTC, datetime, timedelta

import pytest

YAML = {"Content-Type": "application/yaml"}
ASKING = """
playbooks:
  - id: ask
    steps:
      - {id: approval, do: approve, owner: noc, text: "Open one?"}
      - {id: ticket, do: ticket, after: approval}
"""


@pytest.fixture
def asked(house, north):
    """An approval that is awaited, of a case of `north`."""
    assert north.put("/v1/playbooks", content=ASKING, headers=YAML).json() == {"version": 1, "playbooks": ["ask"]}
    begin = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=40)
    rows = [
        {"service": "vpn-1", "metric": "reachable", "time": (begin + timedelta(minutes=n)).isoformat(), "value": 0}
        for n in range(30)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    sent = north.post("/v1/measurements", content=lines, headers={"Content-Type": "application/x-ndjson"})
    assert sent.status_code == 202, sent.text
    house.pulse()
    while house.application.performer.work():
        pass
    (action,) = [a for a in north.get("/v1/actions").json()["actions"] if a["state"] == "waiting"]
    return action


def test_the_built_in_ones_are_in_force_before_the_first(north):
    answer = north.get("/v1/playbooks").json()
    assert answer["version"] is None
    assert [playbook["id"] for playbook in answer["playbooks"]] == ["default", "rejected", "ended"]


def test_the_same_text_is_the_same_version_and_each_tenant_has_its_own(house, north):
    for version in (1, 1):
        assert north.put("/v1/playbooks", content=ASKING, headers=YAML).json()["version"] == version
    assert north.put("/v1/playbooks", content=ASKING + "# \n", headers=YAML).json()["version"] == 2
    assert north.get("/v1/playbooks").json()["playbooks"][0]["id"] == "ask"
    assert house.client(house.key("south")).get("/v1/playbooks").json()["version"] is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("playbooks: [{id: a, steps: [{id: t, do: tickets}]}]", "playbooks[0].steps[0].do"),
        ("playbooks: [{id: a, steps: [{id: t, do: page, to: night}]}]", "playbooks[0].steps[0].to"),
        ("playbooks: [", ""),
    ],
)
def test_what_cannot_be_put_in_force_is_refused_with_its_field(north, text, field):
    answer = north.put("/v1/playbooks", content=text, headers=YAML)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    assert north.get("/v1/playbooks").json()["version"] is None


def test_an_approval_is_given_once_and_recorded_with_who_and_why(north, asked):
    url = f"/v1/actions/{asked['id']}"
    assert asked["detail"]["question"] == "Open one?"
    assert north.post(f"{url}/approve", json={"reason": "it is bad"}).json()["state"] == "done"
    again = north.post(f"{url}/approve", json={})
    assert (again.status_code, again.json()["detail"]) == (409, "an approval that is awaited can be approved")
    events = north.get(f"/v1/cases/{asked['case_id']}").json()["events"]
    (given,) = [event["data"] for event in events if event["type"] == "step_approved"]
    assert (given["by"], given["reason"]) == ("test", "it is bad")


def test_a_reason_is_needed_where_a_step_is_left_out(north, asked):
    answer = north.post(f"/v1/actions/{asked['id']}/skip", json={"reason": "  "})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "reason")
    assert north.post(f"/v1/actions/{asked['id']}/skip", json={"reason": "known"}).json()["state"] == "skipped"


def test_nobody_else_can_say_anything_of_it(house, north, asked):
    url = f"/v1/actions/{asked['id']}/approve"
    assert house.client(house.key("south")).post(url, json={}).status_code == 404
    assert house.client(house.key("north", "ingest")).post(url, json={}).status_code == 403
    assert house.client().post(url, json={}).status_code == 401
    assert north.post("/v1/actions/no/such/approve", json={}).status_code == 404
    assert north.post(f"/v1/actions/{asked['id']}/bless", json={}).status_code in (404, 422)
    assert north.post(url, json={"why": "x"}).status_code == 422
