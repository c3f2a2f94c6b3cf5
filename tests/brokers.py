"""Brokers for tests: NATS and Kafka's mock cluster of their own, a queue of its own on a RabbitMQ that runs."""

import asyncio
import os
import shutil
import socket
import subprocess
import sysconfig
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aio_pika
import nats
from confluent_kafka import Consumer, Producer, TopicPartition

Result = TypeVar("Result")
AMQP = os.environ.get("UPHELD_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672/")
_AMQP = urlsplit(AMQP)
AMQP_ADDRESS = _AMQP.hostname or "127.0.0.1", _AMQP.port or 5672
NO_AMQP = (
    f"no RabbitMQ answers on {AMQP_ADDRESS[0]}:{AMQP_ADDRESS[1]} (UPHELD_TEST_AMQP): apt-get install rabbitmq-server"
)
os.environ["UPHELD_TEST_AMQP_PASSWORD"] = _AMQP.password or "guest"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def until(true: Callable[[], bool], patience: float = 60) -> None:
    """Waits until it is so."""
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, f"it did not come about within {patience} s"
        time.sleep(0.02)


class Wire:
    """A TCP proxy on loopback: the connections through it can be cut, and no more be let in."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cuts every connection that is there now."""
        with self._lock:
            ending, self._open = self._open, []
        for one in ending:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.closed = True
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.closed:
                    near.close()
                    continue
                try:
                    far = socket.create_connection(self._target)
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(one, other), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Nats:
    """A nats-server with JetStream and one stream."""

    kind = "nats"

    def __init__(self, directory: Path) -> None:
        found = shutil.which("nats-server") or str(Path(sysconfig.get_path("scripts")) / "nats-server")
        self._command = [found, "-a", "127.0.0.1", "-js", "-sd", str(directory)]
        self.port = free_port()
        self._command += ["-p", str(self.port)]
        self.start()
        self.wire = Wire("127.0.0.1", self.port)
        self._do(lambda stream: stream.add_stream(name="MEASUREMENTS", subjects=["measurements.>"]))

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: answers("127.0.0.1", self.port))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def restart(self) -> None:
        self.kill()
        self.start()

    def end(self) -> None:
        self.wire.end()
        self.kill()

    @property
    def declaration(self) -> dict[str, Any]:
        url = f"nats://127.0.0.1:{self.wire.port}"
        return {"kind": "nats", "url": url, "subject": "measurements.lines", "ack_wait": "1s"}

    def publish(self, *bodies: bytes) -> None:
        async def send(stream: nats.js.JetStreamContext) -> None:
            for body in bodies:
                await stream.publish("measurements.lines", body)

        self._do(send)

    def outstanding(self) -> int:
        """The messages that are not acknowledged, delivered or not."""

        async def look(stream: nats.js.JetStreamContext) -> int:
            consumers = await stream.consumers_info("MEASUREMENTS")
            if not consumers:
                return (await stream.stream_info("MEASUREMENTS")).state.messages
            return (consumers[0].num_pending or 0) + (consumers[0].num_ack_pending or 0)

        return self._do(look)

    def _do(self, what: Callable[[nats.js.JetStreamContext], Awaitable[Result]]) -> Result:
        async def do() -> Result:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}")
            try:
                return await what(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(do())


class Amqp:
    """A queue of its own on a RabbitMQ."""

    kind = "amqp"

    def __init__(self) -> None:
        self.queue = f"upheld-test-{uuid.uuid4().hex}"
        self.wire = Wire(*AMQP_ADDRESS)
        self._do(lambda channel: channel.declare_queue(self.queue, durable=True))

    @staticmethod
    def runs() -> bool:
        return answers(*AMQP_ADDRESS)

    def restart(self) -> None:
        """The broker is that of the machine and is left alone: all that a consumer sees of its restart is this."""
        self.wire.cut()

    def end(self) -> None:
        self._do(lambda channel: channel.queue_delete(self.queue))
        self.wire.end()

    @property
    def declaration(self) -> dict[str, Any]:
        url = f"amqp://127.0.0.1:{self.wire.port}{_AMQP.path or '/'}"
        secret = {"username": _AMQP.username or "guest", "password": "${UPHELD_TEST_AMQP_PASSWORD}"}
        return {"kind": "amqp", "url": url, "queue": self.queue, **secret}

    def publish(self, *bodies: bytes) -> None:
        async def send(channel: Any) -> None:
            for body in bodies:
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, self.queue)

        self._do(send)

    def outstanding(self) -> int:
        """The messages that are still there once nobody consumes them."""

        async def look(channel: Any) -> int:
            count: int = (await channel.declare_queue(self.queue, passive=True)).declaration_result.message_count
            return count

        return self._do(look)

    def _do(self, what: Callable[[Any], Awaitable[Result]]) -> Result:
        async def do() -> Result:
            async with await aio_pika.connect(AMQP) as connection:
                return await what(await connection.channel())

        return asyncio.run(do())


class Kafka:
    """The mock cluster of librdkafka, which lives in one client and which others reach over TCP."""

    kind = "kafka"

    def __init__(self) -> None:
        self._cluster = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
        (broker,) = self._cluster.list_topics(timeout=10).brokers.values()
        self.server = f"{broker.host}:{broker.port}"
        making = {"allow.auto.create.topics": True, "log_level": 0}
        self._producer = Producer({"bootstrap.servers": self.server, **making})
        self.topic = f"measurements-{uuid.uuid4().hex}"
        self._sent = 0
        until(lambda: self._producer.list_topics(self.topic, timeout=10).topics[self.topic].error is None)

    def end(self) -> None:
        pass

    @property
    def declaration(self) -> dict[str, Any]:
        options = {"session.timeout.ms": "6000", "log_level": "0"}  # less than 3 s the mock does not take
        return {"kind": "kafka", "servers": [self.server], "topic": self.topic, "group": "g", "options": options}

    def publish(self, *bodies: bytes) -> None:
        for body in bodies:
            self._producer.produce(self.topic, body, partition=0)
        assert self._producer.flush(10) == 0
        self._sent += len(bodies)

    def outstanding(self) -> int:
        """The messages behind the committed offset."""
        looking = Consumer({"bootstrap.servers": self.server, "group.id": "g", "log_level": 0})
        (found,) = looking.committed([TopicPartition(self.topic, 0)], timeout=10)
        looking.close()
        return self._sent - max(int(found.offset), 0)
