"""Destinations of events for tests: a webhook of their own, and the brokers of `brokers`, with what they were sent."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aio_pika
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from nats.js.client import JetStreamContext
from standardwebhooks import Webhook

from brokers import Amqp, Kafka, Nats

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Came:
    """A message: its body, by what the receiver knows a doubled one, its media type, and the rest of what is said of
    it by its kind."""

    body: bytes
    id: str
    media_type: str
    key: str = ""

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class WebhookReceiver(ThreadingHTTPServer):
    """Takes what is signed with `secret`, and answers with `status`, or with what `answer` says."""

    kind = "webhook"
    daemon_threads = True

    def __init__(self, secret: str = SECRET) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[Came] = []
        self.status = 200
        self.secret = secret
        self.refused = 0
        self.answer: Callable[[Came], int] = lambda _: self.status
        self.lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed hangs up."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/events"

    @property
    def declaration(self) -> dict[str, Any]:
        return {"kind": "webhook", "url": self.url, "secret": "${UPHELD_TEST_WEBHOOK_SECRET}"}

    def received(self) -> list[Came]:
        with self.lock:
            return list(self.came)

    def go_away(self) -> None:
        self.status = 503

    def come_back(self) -> None:
        self.status = 200

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: WebhookReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        signed = {name.lower(): value for name, value in self.headers.items()}
        Webhook(self.server.secret).verify(body, signed)
        came = Came(body, signed["webhook-id"], signed["content-type"])
        with self.server.lock:
            status = self.server.answer(came)
            if status < 300:
                self.server.came.append(came)
            else:
                self.server.refused += 1
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class NatsReceiver(Nats):
    """A stream that has every subject of measurements."""

    @property
    def declaration(self) -> dict[str, Any]:
        return {"kind": "nats", "url": f"nats://127.0.0.1:{self.wire.port}", "subject": "measurements.{type}"}

    def received(self) -> list[Came]:
        async def read(stream: JetStreamContext) -> list[Came]:
            count = (await stream.stream_info("MEASUREMENTS")).state.messages
            found = [await stream.get_msg("MEASUREMENTS", seq) for seq in range(1, count + 1)]
            return [
                Came(m.data or b"", m.headers["Nats-Msg-Id"], m.headers["Content-Type"], m.subject or "")
                for m in found
                if m.headers is not None
            ]

        return self._do(read)

    def go_away(self) -> None:
        self.wire.closed = True
        self.wire.cut()

    def come_back(self) -> None:
        self.wire.closed = False


class AmqpReceiver(Amqp):
    """A queue, reached by its name."""

    def __init__(self) -> None:
        super().__init__()
        self._came: list[Came] = []

    @property
    def declaration(self) -> dict[str, Any]:
        declared = super().declaration
        return {name: value for name, value in declared.items() if name != "queue"} | {"routing_key": self.queue}

    def received(self) -> list[Came]:
        async def read(channel: Any) -> list[Came]:
            queue = await channel.get_queue(self.queue)
            found = []
            while (message := await queue.get(fail=False)) is not None:
                assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
                kind = message.content_type or "", message.type or ""
                found.append(Came(message.body, message.message_id or "", *kind))
                await message.ack()
            return found

        self._came += self._do(read)
        return list(self._came)

    def go_away(self) -> None:
        self.wire.closed = True
        self.wire.cut()

    def come_back(self) -> None:
        self.wire.closed = False


class KafkaReceiver(Kafka):
    """A topic."""

    @property
    def declaration(self) -> dict[str, Any]:
        return {"kind": "kafka", "servers": [self.server], "topic": self.topic, "options": {"log_level": "0"}}

    def received(self) -> list[Came]:
        """All that the partitions have, in the order of the events' positions where that is the partitions' own."""
        settings = {"bootstrap.servers": self.server, "group.id": "reader", "log_level": 0}
        reader = Consumer(settings | {"auto.offset.reset": "earliest", "enable.auto.commit": False})
        partitions = len(reader.list_topics(self.topic, timeout=10).topics[self.topic].partitions)
        assigned = [TopicPartition(self.topic, n, OFFSET_BEGINNING) for n in range(partitions)]
        ends = sum(reader.get_watermark_offsets(one, timeout=10)[1] for one in assigned)
        reader.assign(assigned)
        found: list[Came] = []
        while len(found) < ends:
            for record in reader.consume(100, 1):
                assert record.error() is None
                headers = dict(record.headers() or [])
                body, key = record.value() or b"", (record.key() or b"").decode()
                found.append(Came(body, json.loads(body)["id"], headers["content-type"].decode(), key))
        reader.close()
        return found


Receiver = WebhookReceiver | NatsReceiver | AmqpReceiver | KafkaReceiver
KINDS = ("webhook", "nats", "amqp", "kafka")


def make_receiver(kind: str, directory: Path) -> Receiver:
    match kind:
        case "webhook":
            return WebhookReceiver()
        case "nats":
            return NatsReceiver(directory / "nats")
        case "amqp":
            return AmqpReceiver()
    return KafkaReceiver()
