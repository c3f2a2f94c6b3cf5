"""The outside of a simulated provider: a mail relay and a ticket system that fail for hours, and what they got."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from upheld.demo.mail import free_port


class Relay:
    """A mail relay that can be down. `came` counts the mails by Message-ID."""

    def __init__(self) -> None:
        self.came: Counter[str] = Counter()
        self.port = free_port()
        self._running: Controller | None = None
        self.up()

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        """As aiosmtpd calls it."""
        self.came[str(message_from_bytes(envelope.content)["Message-ID"])] += 1
        return "250 OK"

    def up(self) -> None:
        if self._running is None:
            self._running = Controller(self, hostname="127.0.0.1", port=self.port)
            self._running.start()

    def down(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None


class TicketSystem:
    """A ticket system behind the signed webhook. `came` counts what it took, by the webhook's id, and `states` has each
    ticket's, by the webhook's id that opened it."""

    def __init__(self) -> None:
        self.came: Counter[str] = Counter()
        self.states: dict[str, str] = {}
        self.is_up = True
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not system.is_up:
                    self.send_error(503)
                    return
                system.came[self.headers["webhook-id"]] += 1
                answer = json.dumps({"id": system.take(self.headers["webhook-id"], sent)}).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, key: str, sent: dict[str, Any]) -> str:
        """Opens a ticket, or takes a word on one; its number. What comes again under a key changes nothing."""
        if "name" in sent:
            self.states.setdefault(key, "open")
            return f"INC{list(self.states).index(key):07}"
        opened = list(self.states)[int(str(sent["id"]).removeprefix("INC"))]
        self.states[opened] = sent.get("status", self.states[opened])
        return str(sent["id"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/tickets"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def outside() -> Iterator[tuple[Relay, TicketSystem]]:
    relay, tickets = Relay(), TicketSystem()
    try:
        yield relay, tickets
    finally:
        relay.down()
        tickets.close()
