"""TMF688 over HTTP: hubs registered, told and removed, and events listed; requests and answers as its specification has
them. What is posted goes to a real receiver on the loopback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from brokers import until
from receivers import Came, WebhookReceiver
from upheld.access import new_key
from upheld.app import Application, Settings
from upheld.cli import app
from upheld.outgoing.model import OutgoingEvent
from upheld.server import create_app

from .tmf_definitions import TMF688, faults

BASE = "/tmf-api/event/v4"


class Desk:
    """An installation whose hubs may be on the loopback, and a client of it."""

    def __init__(self, directory: Path) -> None:
        self.application = Application(
            Settings(database_url=f"sqlite:///{directory}/upheld.db", allowed_callbacks=["127.0.0.0/8"])  # type: ignore[arg-type]
        )
        secret = self.application.first_key()
        self._app = create_app(self.application)
        self.client = self.as_key(secret or "")

    def as_key(self, secret: str) -> TestClient:
        return TestClient(self._app, headers={"Authorization": f"Bearer {secret}"})

    def another(self, tenant: str, role: str = "operator") -> TestClient:
        secret, key = new_key(tenant, "another", role, 1)
        self.application.store.add_tenant(tenant, tenant)
        self.application.store.add_key(key)
        return self.as_key(secret)

    def tell(self, *types: str, tenant: str = "default") -> None:
        now = self.application.clock.now()
        with self.application.store.transaction(tenant) as t:
            t.add_outgoing([OutgoingEvent(f"org.upheld.{type_}", "C-1", now, {"id": "C-1"}) for type_ in types])

    def look(self) -> bool:
        self.application.sinks.look()
        return True


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.application.sinks.stop()
    made.application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    running = WebhookReceiver()
    yield running
    running.end()


def registered(client: TestClient, callback: str, query: str | None = None, path: str = "/hub") -> dict[str, Any]:
    body = {"callback": callback} | ({} if query is None else {"query": query})
    assert faults(body, "EventSubscriptionInput", TMF688) == []
    answer = client.post(f"{BASE}{path}", json=body)
    assert answer.status_code == 201, answer.text
    hub: dict[str, Any] = answer.json()
    assert faults(hub, "EventSubscription", TMF688) == faults(hub, "Hub", TMF688) == []
    assert answer.headers["Location"].endswith(f"/hub/{hub['id']}")
    return hub


@pytest.mark.parametrize("path", ["/hub", "/topic/upheld/hub"])
def test_a_hub_is_told_what_it_asks_for_from_then_on_until_it_is_removed(
    desk: Desk, receiver: WebhookReceiver, path: str
) -> None:
    desk.tell("case.opened")
    hub = registered(desk.client, receiver.url, "eventType=org.upheld.case.*,org.upheld.credit.adjusted", path)
    receiver.secret = hub["secret"]
    desk.tell("case.closed", "maintenance.announced", "credit.adjusted")
    until(lambda: desk.look() and len(receiver.received()) == 2)
    for came, type_ in zip(receiver.received(), ("case.closed", "credit.adjusted"), strict=True):
        assert faults(came.document, "Event", TMF688) == []
        assert came.document["eventType"] == f"org.upheld.{type_}"
        assert came.document["event"] == {"id": "C-1"}
        assert (came.document["eventId"], came.media_type) == (came.id, "application/json")
    assert desk.client.delete(f"{BASE}{path}/{hub['id']}").status_code == 204
    assert desk.client.delete(f"{BASE}{path}/{hub['id']}").status_code == 404
    until(lambda: desk.look() and not desk.application.sinks.of("default"))
    desk.tell("case.opened")
    until(lambda: desk.look() and not desk.application.sinks._at_work)
    assert len(receiver.received()) == 2
    assert desk.application.store.outflow().places == {}


def test_hubs_are_listed_without_their_secrets_and_apart_by_tenant(desk: Desk) -> None:
    hub = registered(desk.client, "https://127.0.0.1/hook", "eventType=org.upheld.case.opened")
    shown = {name: value for name, value in hub.items() if name != "secret"}
    assert desk.client.get(f"{BASE}/hub").json() == desk.client.get(f"{BASE}/topic/upheld/hub").json() == [shown]
    assert desk.client.get(f"{BASE}/hub/{hub['id']}").json() == shown
    other = desk.another("other")
    assert other.get(f"{BASE}/hub").json() == []
    assert other.get(f"{BASE}/hub/{hub['id']}").status_code == 404
    assert other.delete(f"{BASE}/hub/{hub['id']}").status_code == 404
    assert (
        desk.another("third", "ingest").post(f"{BASE}/hub", json={"callback": "https://127.0.0.1/"}).status_code == 403
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "callback"),
        ({"callback": "ftp://127.0.0.1/"}, "callback: the webhook's address does not begin with http"),
        ({"callback": "http://10.0.0.1/"}, "callback: the webhook's address is not public"),
        ({"callback": "https://me:secret@127.0.0.1/"}, "callback: the webhook's address carries a user"),
        ({"callback": "https://127.0.0.1/", "query": "eventType=nothing"}, "'nothing' is no type of event"),
        ({"callback": "https://127.0.0.1/", "query": "severity=1"}, "'severity' cannot be asked for; eventType can"),
        ({"callback": "https://127.0.0.1/", "query": "everything"}, "query: is eventType="),
        ({"callback": "https://127.0.0.1/", "querry": "eventType=a"}, "querry: unknown field"),
    ],
)
def test_what_cannot_be_a_hub_is_refused_by_its_field(desk: Desk, body: dict[str, str], said: str) -> None:
    answer = desk.client.post(f"{BASE}/hub", json=body)
    assert answer.status_code == 400
    assert faults(answer.json(), "Error", TMF688) == []
    assert said in answer.json()["message"]
    assert "secret" not in answer.json()["message"]
    assert desk.client.get(f"{BASE}/hub").json() == []


def test_a_hub_may_have_the_attributes_that_the_specification_gives_it(desk: Desk) -> None:
    body = {"callback": "https://127.0.0.1/", "@type": "Hub", "@baseType": "Hub"}
    assert faults(body, "Hub_Create", TMF688) == []
    assert desk.client.post(f"{BASE}/topic/upheld/hub", json=body).status_code == 201


def test_there_are_no_more_hubs_than_a_tenant_may_have(desk: Desk) -> None:
    for n in range(20):
        registered(desk.client, f"https://127.0.0.1/{n}")
    assert desk.client.post(f"{BASE}/hub", json={"callback": "https://127.0.0.1/"}).status_code == 409


def test_a_hub_that_says_it_is_gone_is_removed(desk: Desk, receiver: WebhookReceiver) -> None:
    hub = registered(desk.client, receiver.url)
    receiver.secret, receiver.status = hub["secret"], 410
    desk.tell("case.opened")
    until(lambda: desk.look() and desk.client.get(f"{BASE}/hub").json() == [])
    assert (receiver.refused, desk.application.failing()) == (1, {})


def test_events_are_listed_as_the_specification_has_them(desk: Desk) -> None:
    desk.tell("case.opened", "case.closed", "credit.adjusted")
    for path in ("", "/topic/upheld"):
        answer = desk.client.get(f"{BASE}{path}/event", params={"offset": 1, "limit": 2})
        assert [event["eventId"] for event in answer.json()] == ["default/2", "default/3"]
        assert [faults(event, "Event", TMF688) for event in answer.json()] == [[], []]
        assert (answer.headers["X-Total-Count"], answer.headers["X-Result-Count"]) == ("3", "2")
        some = desk.client.get(f"{BASE}{path}/event", params={"eventType": "org.upheld.case.*"})
        assert len(some.json()) == 2
        one = desk.client.get(f"{BASE}{path}/event/default/2")
        assert one.json() == answer.json()[0]
        assert desk.client.get(f"{BASE}{path}/event/default/9").status_code == 404
        assert desk.client.get(f"{BASE}{path}/event/other/2").status_code == 404
    assert desk.another("other").get(f"{BASE}/event").json() == []


def test_there_is_one_topic(desk: Desk) -> None:
    (topic,) = desk.client.get(f"{BASE}/topic").json()
    assert faults(topic, "Topic", TMF688) == []
    assert desk.client.get(f"{BASE}/topic/{topic['id']}").json() == topic
    for path in ("/topic/none", "/topic/none/hub", "/topic/none/event"):
        missing = desk.client.get(f"{BASE}{path}")
        assert (missing.status_code, faults(missing.json(), "Error", TMF688)) == (404, [])


def test_destinations_are_listed_and_sent_again_to(
    desk: Desk, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def request(method: str, url: str, **more: Any) -> Any:
        kept = {name: value for name, value in more.items() if name in ("json", "params")}
        return desk.client.request(method, url.removeprefix("http://127.0.0.1:8470"), **kept)

    monkeypatch.setattr("httpx.request", request)
    hub = registered(desk.client, receiver.url)
    receiver.secret = hub["secret"]
    desk.tell("case.opened", "case.closed")
    until(lambda: desk.look() and len(receiver.received()) == 2)
    until(lambda: desk.client.get("/v1/event-sinks").json()["sinks"][0]["lag"] == 0)
    (shown,) = desk.client.get("/v1/event-sinks").json()["sinks"]
    assert (shown["id"], shown["kind"], shown["place"], shown["state"]) == (hub["id"], "hub", receiver.url, "running")
    assert (shown["delivered"], shown["failed"], shown["error"]) == (2, 0, None)
    listed = CliRunner().invoke(app, ["events", "status", "--key", "uph_"])
    assert f"{hub['id']}: hub, {receiver.url}, running, 0 behind\n" in listed.output
    again = CliRunner().invoke(app, ["events", "replay", "--sink", hub["id"], "--from", "2", "--key", "uph_"])
    assert f"{hub['id']} goes on from position 2: 1 to be sent\n" in again.output
    until(lambda: desk.look() and len(receiver.received()) == 3)
    came: list[Came] = receiver.received()
    assert [one.id for one in came] == ["default/1", "default/2", "default/2"]
    for start, status in ((0, 422), (4, 422), (3, 200)):
        assert desk.client.post(f"/v1/event-sinks/{hub['id']}/replay", json={"from": start}).status_code == status
    assert desk.client.post("/v1/event-sinks/none/replay", json={"from": 1}).status_code == 404
    other = desk.another("other")
    assert other.get("/v1/event-sinks").json() == {"sinks": []}
    assert other.post(f"/v1/event-sinks/{hub['id']}/replay", json={"from": 1}).status_code == 404


def test_metrics_tell_how_each_destination_stands(desk: Desk, receiver: WebhookReceiver) -> None:
    hub = registered(desk.client, receiver.url)
    receiver.secret = hub["secret"]
    labels = f'{{kind="hub",sink="{hub["id"]}",tenant="default"}}'

    def metric(name: str) -> float | None:
        page = desk.client.get("/metrics").text.splitlines()
        ordered = [line for line in page if line.startswith(f"upheld_sink_{name}{{")]
        found = [line for line in ordered if all(label in line for label in labels.strip("{}").split(","))]
        return float(found[0].rpartition(" ")[2]) if found else None

    desk.tell("case.opened")
    until(lambda: desk.look() and metric("events_total") == 1)
    assert (metric("up"), metric("failures_total"), metric("missed_total")) == (1, 0, 0)
    until(lambda: (metric("lag_events"), metric("lag_seconds")) == (0, 0))
    receiver.go_away()
    desk.tell("case.closed")
    until(lambda: desk.look() and metric("up") == 0)
    assert metric("lag_events") == 1
    assert (metric("lag_seconds") or 0) > 0
    assert (metric("failures_total") or 0) >= 1
