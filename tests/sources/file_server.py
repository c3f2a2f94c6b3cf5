"""A little HTTP server that has files, and answers as it is told."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer(ThreadingHTTPServer):
    """`files` by their path; `answers` are paths that answer by a function of their own. `asked` are the paths in the
    order in which they were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is expected here."""


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(path)
        if path in self.server.answers:
            with suppress(OSError):
                self.server.answers[path](self)
            return
        body = self.server.files.get(path)
        status = 404 if body is None else 200
        answer(status, {"content-length": str(len(body or b""))}, body or b"")(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def answer(status: int, headers: dict[str, str], body: bytes = b"") -> Callable[[BaseHTTPRequestHandler], None]:
    """Sends that, and nothing that is not said."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for ever."""
    answer(200, {"content-length": "1000000"})(handler)
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.02)
