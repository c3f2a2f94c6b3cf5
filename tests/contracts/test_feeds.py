"""Every broker passes the same suite: NATS against a server of our own, AMQP against RabbitMQ, Kafka against the mock
cluster of librdkafka. Nothing is acknowledged before it is on disk, and what comes again changes nothing."""

import asyncio
import json
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from brokers import NO_AMQP, Amqp, Kafka, Nats, until
from upheld.agreements.units import HOUR, MINUTE, format_instant
from upheld.app import Application, Settings
from upheld.brokers.servers import Lost
from upheld.measurements.dead_letters import DeadLetter
from upheld.ports import Busy
from upheld.readers.portfolio import parse_portfolio
from upheld.sources.consuming import Consumer
from upheld.sources.declared import Broker, Declaration
from upheld.sources.feeds import Feed, Message, open_feed, probe
from upheld.sources.taking import Taking

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: day}
        target: 99.9 %
"""
KINDS = ["nats", "amqp", "kafka"]
Anyone = Nats | Amqp | Kafka


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Anyone]:
    running: Anyone
    if request.param == "amqp":
        if not Amqp.runs():
            pytest.skip(NO_AMQP)
        running = Amqp()
    else:
        running = Nats(tmp_path / "nats") if request.param == "nats" else Kafka()
    yield running
    running.end()


every_broker = pytest.mark.parametrize("broker", KINDS, indirect=True)
every_broker_that_can_be_cut_off = pytest.mark.parametrize("broker", ["nats", "amqp"], indirect=True)


class House:
    """An installation with an agreement in force, and consumers of one source."""

    def __init__(self, directory: Path, broker: Anyone) -> None:
        self.application = Application(Settings(database_url=f"sqlite:///{directory}/upheld.db"))
        self.noon = self.application.clock.now() // HOUR * HOUR - HOUR
        self.read: list[int] = []
        self._broker = broker
        self._running: list[tuple[Consumer, threading.Event, threading.Thread]] = []

    def source(self, **changes: Any) -> Broker:
        given = {"id": "probes", "format": "jsonl", "batch_wait": "50ms", **self._broker.declaration, **changes}
        (source,) = Declaration.model_validate({"sources": [given]}).sources
        assert not isinstance(source, Mapping)
        return source  # type: ignore[return-value]

    def consume(self, connect: Callable[[Broker], Awaitable[Feed]] = open_feed, **changes: Any) -> Consumer:
        """A consumer at work."""
        application = self.application
        taking = Taking(application.process, application.ingestion, application.clock)
        read = taking.read

        def counted(source: Any, kind: Any, messages: Any) -> Any:
            self.read.append(len(messages))
            return read(source, kind, messages)

        taking.read = counted  # type: ignore[method-assign]
        stopping = threading.Event()
        consumer = Consumer(self.source(**changes), taking, stopping, connect)
        thread = threading.Thread(target=consumer.run, daemon=True)
        thread.start()
        self._running.append((consumer, stopping, thread))
        return consumer

    def stop(self) -> None:
        for _, stopping, _ in self._running:
            stopping.set()
        for _, _, thread in self._running:
            thread.join(30)
            assert not thread.is_alive()
        self._running.clear()

    def line(self, minute: int, value: float) -> bytes:
        time = format_instant(self.noon + minute * MINUTE)
        return json.dumps({"service": "line-1", "metric": "reachable", "time": time, "value": value}).encode()

    def aside(self) -> list[DeadLetter]:
        """What was set aside, oldest first, with its body."""
        with self.application.store.transaction("default", writing=False) as t:
            found = [t.dead_letter(one.id) for one in t.dead_letters()]
        return sorted((one for one in found if one is not None), key=lambda one: one.received_at)

    def values(self) -> list[float]:
        """What holds, by time."""
        start = self.noon
        held: list[float] = self.application.log.series("default", "line-1", "reachable", start, start + HOUR)[
            "value"
        ].to_pylist()
        return held

    def rows(self) -> int:
        """What the log has, with all that came again."""
        return sum(table.num_rows for _, table, _ in self.application.log.read("default"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an agreement in force: copying it costs less than making it again."""
    path = tmp_path_factory.mktemp("installed") / "upheld.db"
    application = Application(Settings(database_url=f"sqlite:///{path}"))
    application.first_key()
    application.process.adopt_portfolio("default", PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio"))
    application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close
    return path


@pytest.fixture
def house(installed: Path, tmp_path: Path, broker: Anyone) -> Iterator[House]:
    shutil.copy(installed, tmp_path)
    made = House(tmp_path, broker)
    yield made
    made.stop()


class Killed:
    """A feed that is lost after so many batches are on disk, before they are acknowledged, as where the process is
    killed; the next one is whole."""

    def __init__(self, broker: Anyone) -> None:
        self._broker = broker
        self.times = 0

    async def __call__(self, source: Broker) -> Feed:
        feed = await open_feed(source)
        acknowledge = feed.acknowledge

        async def lost(messages: list[Message]) -> None:
            if self.times:
                await acknowledge(messages)
                return
            self.times += 1
            if not isinstance(self._broker, Kafka):
                self._broker.wire.cut()
            raise Lost("killed")

        feed.acknowledge = lost  # type: ignore[method-assign,assignment]
        return feed


@every_broker
def test_what_is_published_is_taken_and_what_cannot_be_read_is_set_aside(broker: Anyone, house: House) -> None:
    stranger = house.line(4, 1).replace(b"line-1", b"line-9")
    mixed = house.line(2, 0) + b"\n" + b'{"service": "line-1"}\n'
    broker.publish(house.line(0, 1), b"\x00 poison", house.line(1, 0), mixed, stranger, house.line(3, 1))
    consumer = house.consume()
    until(lambda: broker.outstanding() == 0 or consumer.standing.messages == 6)
    house.stop()
    assert house.values() == [1, 0, 0, 1]
    aside = house.aside()
    assert [(one.caller, one.reason) for one in aside] == [("probes", "refused")] * 3
    assert [one.body for one in aside] == [b"\x00 poison", b'{"service": "line-1"}\n', stranger]
    assert "no agreement in force names it" in aside[2].detail[0]["message"]
    names = [one.detail[0]["message"].partition(": ")[0] for one in aside]
    assert all("#" in name for name in names), "each says which message it was"
    assert broker.outstanding() == 0
    standing = consumer.standing
    assert (standing.messages, standing.measurements, standing.set_aside, standing.lost) == (6, 4, 3, 0)
    span = house.noon, house.noon + HOUR
    assert house.application.log.sources("default", [("line-1", "reachable")], *span, after=0, upto=99) == ["probes"]


@every_broker
def test_killed_between_disk_and_acknowledgement_nothing_is_lost_or_told_otherwise(
    broker: Anyone, house: House
) -> None:
    """And what comes again does not undo what corrected it in the meantime."""
    killed = Killed(broker)
    broker.publish(house.line(0, 1), house.line(1, 1))
    consumer = house.consume(killed)
    until(lambda: killed.times == 1)
    broker.publish(house.line(0, 0))
    until(lambda: consumer.standing.messages == 3)
    house.stop()
    assert house.rows() == 5, "two came twice"
    assert house.values() == [0, 1]
    assert broker.outstanding() == 0


@every_broker
def test_the_order_of_corrections_outlives_a_restart(broker: Anyone, house: House) -> None:
    """Also within one batch, whose last message holds and not the one with the greatest figure."""
    broker.publish(*(house.line(0, value) for value in (5, 9, 3)))
    first = house.consume()
    until(lambda: first.standing.messages == 3)
    house.stop()
    assert house.values() == [3]
    broker.publish(*(house.line(0, value) for value in (8, 2)))
    second = house.consume()
    until(lambda: second.standing.messages == 2)
    house.stop()
    assert house.values() == [2]


@every_broker
def test_while_the_log_is_busy_few_are_held_and_none_is_acknowledged(
    broker: Anyone, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = True
    refused: list[int] = []
    take = house.application.process.take_measurements

    def hesitating(tenant: str, batch: Any, source: str | None = None) -> int:
        if busy:
            refused.append(batch.num_rows)
            raise Busy("too much waits to be written")
        return take(tenant, batch, source)

    monkeypatch.setattr(house.application.process, "take_measurements", hesitating)
    monkeypatch.setattr(Busy, "retry_after", 0.2)
    broker.publish(b"\x00 poison", *(house.line(minute, 1) for minute in range(30)))
    consumer = house.consume(in_flight=4)
    until(lambda: len(refused) >= 3)
    assert consumer.standing.state == "waiting"
    assert consumer.standing.error == "too much waits to be written"
    assert (house.rows(), consumer.standing.messages) == (0, 0)
    assert max(refused) <= 4
    assert len(house.read) == 1, "what is in hand is read once, however often it is tried"
    busy = False
    until(lambda: consumer.standing.messages == 31)
    assert max(house.read) <= 4
    house.stop()
    assert house.values() == [1] * 30
    assert house.rows() == 30, "nothing came twice"
    assert [one.times for one in house.aside()] == [1], "what is set aside counts once, however often the log refuses"
    assert broker.outstanding() == 0


@every_broker_that_can_be_cut_off
def test_a_broker_that_is_away_at_the_start_or_later_is_found_again(broker: Nats | Amqp, house: House) -> None:
    broker.publish(house.line(0, 1))
    broker.wire.closed = True
    consumer = house.consume()
    until(lambda: consumer.standing.lost >= 1)
    broker.wire.closed = False
    until(lambda: consumer.standing.messages >= 1)
    broker.restart()
    broker.publish(house.line(1, 0))
    # An acknowledgement may be lost with it: what it was for comes again.
    until(lambda: house.values() == [1, 0] and broker.outstanding() == 0)
    house.stop()
    assert house.values() == [1, 0]
    assert broker.outstanding() == 0


@every_broker
def test_nothing_is_taken_before_there_is_an_agreement(broker: Anyone, house: House) -> None:
    """What would be set aside today may be read tomorrow."""
    broker.publish(house.line(0, 1))
    consumer = house.consume(tenant="nobody")
    until(lambda: consumer.standing.state == "waiting")
    assert "no agreement in force" in (consumer.standing.error or "")
    house.stop()
    assert house.aside() == []
    until(lambda: broker.outstanding() == 1)


@every_broker
def test_probing_says_what_is_there_and_takes_nothing(broker: Anyone, house: House) -> None:
    broker.publish(house.line(0, 1))
    said = asyncio.run(probe(house.source()))
    expected = {"nats": "holds 1 messages", "amqp": "holds 1 messages for 0 consumers", "kafka": "partitions"}
    assert expected[broker.kind] in said
    assert broker.outstanding() == 1
