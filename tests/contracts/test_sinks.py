"""Every kind of destination passes the same suite: a webhook, NATS against a server of our own, AMQP against RabbitMQ,
Kafka against the mock cluster of librdkafka. Nothing is lost, the order of a case holds, and what comes twice has the
same id."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from cloudevents.core.formats.json import JSONFormat

from brokers import NO_AMQP, Amqp, until
from receivers import KINDS, SECRET, Came, KafkaReceiver, Receiver, WebhookReceiver, make_receiver
from upheld.app import Application, Settings
from upheld.outgoing.model import MEDIA_TYPE, OutgoingEvent
from upheld.sinks.delivering import Standing

VICTIM = Path(__file__).parent / "sink_victim.py"


@pytest.fixture
def receiver(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("UPHELD_TEST_WEBHOOK_SECRET", SECRET)
    if request.param == "amqp" and not Amqp.runs():
        pytest.skip(NO_AMQP)
    running = make_receiver(request.param, tmp_path)
    yield running
    running.end()


every_kind = pytest.mark.parametrize("receiver", KINDS, indirect=True)
every_kind_that_can_be_away = pytest.mark.parametrize("receiver", ["webhook", "nats", "amqp"], indirect=True)


class House:
    """An installation with a file of sinks, of which one is called `bus`."""

    def __init__(self, directory: Path, receiver: Receiver) -> None:
        self.directory, self._receiver = directory, receiver
        self.database = f"sqlite:///{directory}/upheld.db"
        self.declare()
        self._running: Application | None = None

    @property
    def file(self) -> Path:
        return self.directory / "sinks.yaml"

    def declare(self, *more: dict[str, Any], **changes: Any) -> None:
        sink = {"id": "bus", "start": "kept", **self._receiver.declaration, **changes}
        self.file.write_text(yaml.safe_dump({"sinks": [sink, *more]}))

    @property
    def application(self) -> Application:
        if self._running is None:
            settings = {"database_url": self.database, "allowed_callbacks": ["127.0.0.0/8"], "events": self.file}
            self._running = Application(Settings(**settings))  # type: ignore[arg-type]
        return self._running

    def look(self) -> bool:
        self.application.sinks.look()
        return True

    def stop(self) -> None:
        if self._running is not None:
            self._running.sinks.stop()
            self._running.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close
            self._running = None

    def tell(self, *subjects: str, type_: str = "case.opened") -> None:
        """Puts down one event for each subject."""
        now = self.application.clock.now()
        with self.application.store.transaction("default") as t:
            t.add_outgoing([OutgoingEvent(f"org.upheld.{type_}", s, now, {"id": s, "ü": "€"}) for s in subjects])

    def position(self, sink: str = "bus") -> int | None:
        with self.application.store.transaction("default", writing=False) as t:
            return t.sink_position(sink)

    def standing(self, sink: str = "bus") -> Standing:
        (found,) = [standing for one, standing, _ in self.application.sinks.of("default") if one.id == sink]
        assert found is not None
        return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("installed") / "upheld.db"
    application = Application(Settings(database_url=f"sqlite:///{path}"))
    application.first_key()
    application.store.close()  # type: ignore[attr-defined]
    return path


@pytest.fixture
def house(installed: Path, tmp_path: Path, receiver: Receiver) -> Iterator[House]:
    shutil.copy(installed, tmp_path)
    made = House(tmp_path, receiver)
    yield made
    made.stop()


def places(came: Sequence[Came]) -> list[int]:
    return [int(one.document["sequence"]) for one in came]


def by_key(came: Sequence[Came]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in came:
        found.setdefault(one.document["subject"], []).append(int(one.document["sequence"]))
    return found


def firsts(numbers: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


@every_kind
def test_every_event_comes_in_order_as_a_cloud_event(receiver: Receiver, house: House) -> None:
    subjects = [f"C-{n % 3}" for n in range(12)]
    house.tell(*subjects)
    until(lambda: house.look() and house.position() == 12)
    came = receiver.received()
    assert by_key(came) == {f"C-{k}": [n + 1 for n in range(12) if n % 3 == k] for k in range(3)}
    if not isinstance(receiver, KafkaReceiver):  # where only those of one key are in order
        assert places(came) == list(range(1, 13))
    for one in came:
        event = JSONFormat().read(None, one.body)
        assert (event.get_id(), event.get_type()) == (one.id, "org.upheld.case.opened")
        assert event.get_id() == f"default/{int(one.document['sequence'])}"
        assert event.get_data() == {"id": event.get_subject(), "ü": "€"}
        assert one.media_type == MEDIA_TYPE
        if isinstance(receiver, KafkaReceiver):
            assert one.key == event.get_subject()
        elif receiver.kind == "nats":
            assert one.key == "measurements.case.opened"
    standing = house.standing()
    assert (standing.state, standing.delivered, standing.failed, standing.oldest) == ("running", 12, 0, None)
    assert {sent.lag for sent in house.application.sinks.standing().values()} == {0}


@every_kind
def test_only_what_is_wanted_is_sent_and_the_position_moves_over_the_rest(receiver: Receiver, house: House) -> None:
    house.declare(types=["org.upheld.credit.*", "org.upheld.case.closed"])
    for type_ in ("case.opened", "credit.adjusted", "case.closed", "maintenance.announced"):
        house.tell("X", type_=type_)
    until(lambda: house.look() and house.position() == 4)
    assert sorted(places(receiver.received())) == [2, 3]


@every_kind
def test_after_a_restart_it_goes_on_where_it_was(receiver: Receiver, house: House) -> None:
    house.tell("C-1", "C-1")
    until(lambda: house.look() and house.position() == 2)
    house.stop()
    house.tell("C-1")
    until(lambda: house.look() and house.position() == 3)
    assert places(receiver.received()) == [1, 2, 3]


@every_kind
def test_killed_at_any_moment_nothing_is_lost_and_what_comes_twice_has_the_same_id(
    receiver: Receiver, house: House
) -> None:
    count = 200
    house.tell(*("C-1" for _ in range(count)))
    house.stop()
    for killed_at in (30, 90, None):
        command = [sys.executable, str(VICTIM), house.database, str(house.file)]
        victim = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            enough = count if killed_at is None else killed_at
            until(lambda: len(set(places(receiver.received()))) >= enough, 120)  # noqa: B023  # it is called here only
        finally:
            victim.kill()
            victim.wait(30)
    came = receiver.received()
    assert firsts(places(came)) == list(range(1, count + 1)), "each came, and the first time in its order"
    assert {one.id for one in came} == {f"default/{n}" for n in range(1, count + 1)}
    same = {one.id: one.body for one in came}
    assert all(same[one.id] == one.body for one in came), "what comes twice is the same, byte for byte"
    if receiver.kind == "nats":
        assert len(came) == count, "the stream drops what it has by the message's id"


@every_kind
def test_it_is_sent_again_from_a_position_where_that_is_asked_for(receiver: Receiver, house: House) -> None:
    house.tell("C-1", "C-1", "C-1")
    until(lambda: house.look() and house.position() == 3)
    with house.application.store.transaction("default") as t:
        assert t.change_sink("bus", 3, 1)
    until(lambda: house.look() and (house.standing().delivered, house.position()) == (5, 3))
    again = [1, 2, 3] if receiver.kind == "nats" else [1, 2, 3, 2, 3]  # the stream has them already
    assert places(receiver.received()) == again


@every_kind_that_can_be_away
def test_a_destination_that_is_away_holds_up_only_itself_and_gets_all_in_order_later(
    receiver: Receiver, house: House
) -> None:
    assert not isinstance(receiver, KafkaReceiver)
    other = WebhookReceiver()
    house.declare({"id": "other", "start": "kept", **other.declaration})
    house.tell("C-1", "C-2")
    until(lambda: house.look() and house.position() == 2 and house.position("other") == 2)
    receiver.go_away()
    house.tell("C-1", "C-2", "C-1")
    until(lambda: house.look() and house.position("other") == 5)
    until(lambda: house.standing().failed >= 1)
    assert (house.standing().state, house.position()) == ("waiting", 2)
    assert house.standing().error
    assert house.application.sinks.standing()["default", "bus", receiver.kind].up is False
    receiver.come_back()
    until(lambda: house.look() and house.position() == 5)
    assert firsts(places(receiver.received())) == [1, 2, 3, 4, 5]
    assert places(other.received()) == [1, 2, 3, 4, 5]
    other.end()


@pytest.mark.parametrize("receiver", ["webhook"], indirect=True)
def test_while_one_event_is_refused_none_overtakes_it(receiver: WebhookReceiver, house: House) -> None:
    tries: dict[str, int] = {}

    def answer(came: Came) -> int:
        tries[came.id] = tries.get(came.id, 0) + 1
        return 200 if tries[came.id] > int(came.id[-1]) % 3 else 500

    receiver.answer = answer
    house.tell(*["C-1"] * 5)
    until(lambda: house.look() and house.position() == 5)
    assert places(receiver.received()) == [1, 2, 3, 4, 5]
    assert receiver.refused == sum(n % 3 for n in range(1, 6))


@pytest.mark.parametrize("receiver", ["webhook"], indirect=True)
def test_what_was_removed_before_it_was_sent_is_counted_and_left_behind(
    receiver: WebhookReceiver, house: House
) -> None:
    receiver.go_away()
    house.tell("C-1", "C-1")
    until(lambda: house.look() and house.standing().failed >= 1)
    with house.application.store.transaction("default") as t:
        assert t.forget_outgoing(house.application.clock.now() + 1) == 2
    house.tell("C-1")
    receiver.come_back()
    until(lambda: house.look() and house.position() == 3)
    assert places(receiver.received()) == [3]
    assert house.standing().missed == 2


@pytest.mark.parametrize("receiver", ["webhook"], indirect=True)
def test_a_new_sink_begins_with_what_happens_from_then_on(receiver: WebhookReceiver, house: House) -> None:
    house.tell("C-1", "C-1")
    house.declare(start="new")
    house.stop()
    house.look()
    house.tell("C-1")
    until(lambda: house.look() and house.position() == 3)
    assert places(receiver.received()) == [3]


@pytest.mark.parametrize("receiver", ["webhook"], indirect=True)
def test_nothing_is_posted_to_a_private_address_that_is_not_allowed(receiver: WebhookReceiver, house: House) -> None:
    settings = Settings(database_url=house.database, events=house.file)
    house.tell("C-1")
    house.stop()
    application = Application(settings)
    until(lambda: application.sinks.look() == 0 and next(iter(application.sinks.of()))[1] is not None)
    until(lambda: (standing := next(iter(application.sinks.of()))[1]) is not None and standing.failed >= 1)
    standing = next(iter(application.sinks.of()))[1]
    assert standing is not None
    assert "not public" in (standing.error or "")
    assert (receiver.received(), receiver.refused) == ([], 0)
    application.sinks.stop()


@pytest.mark.parametrize("receiver", ["amqp"], indirect=True)
def test_what_no_queue_takes_is_not_taken_for_sent(receiver: Receiver, house: House) -> None:
    house.declare(routing_key="nobody-{type}")
    house.tell("C-1")
    until(lambda: house.look() and house.standing().failed >= 1)
    assert house.position() == 0
    assert json.dumps(house.standing().error)


@pytest.mark.parametrize("receiver", ["webhook"], indirect=True)
def test_of_two_servers_one_sends_and_the_other_goes_on_where_it_ended(
    receiver: WebhookReceiver, house: House, new_schema: Callable[[], str]
) -> None:
    url = new_schema()
    settings = Settings(database_url=url, events=house.file, allowed_callbacks=["127.0.0.0/8"])  # type: ignore[arg-type]
    first, second = Application(settings), Application(settings)
    first.first_key()
    servers = [first, second]

    def tell(count: int) -> bool:
        with second.store.transaction("default") as t:
            t.add_outgoing([OutgoingEvent("org.upheld.case.opened", "C-1", 1, {}) for _ in range(count)])
        return True

    def sent(count: int) -> bool:
        for server in servers:
            server.sinks.look()
        return len(receiver.received()) >= count

    tell(3)
    until(lambda: sent(3))
    assert [standing for _, standing, _ in second.sinks.of()] == [None], "it is sent by the other"
    servers.remove(first)
    first.sinks.stop()
    first.store.close()  # type: ignore[attr-defined]
    tell(2)
    until(lambda: sent(5))
    assert places(receiver.received()) == [1, 2, 3, 4, 5]
    second.sinks.stop()
    second.store.close()  # type: ignore[attr-defined]
