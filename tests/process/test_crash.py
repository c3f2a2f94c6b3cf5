"""A real server, killed in the middle of its work: nothing acknowledged is lost, nothing happens twice in effect."""

import json
import mailbox
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from upheld.demo.mail import start_mail_catcher
from upheld.store import open_store

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 1s}
        period: {calendar: day}
        target: 99.999 %                     # no second of a day may be bad
        warning: {budget_spent: 50 %}
    notices: {violation: {within: 1m, to: [customer.noc]}}
    confirmation: {to: [customer.noc], remind_after: 8s, close_after: 16s}
customers:
  - {id: acme, name: Acme, contacts: {noc: [{email: noc@acme.example}]}}
"""
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class TicketSystem(ThreadingHTTPServer):
    """Opens one ticket for each webhook-id, as a real one that knows doubled requests would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Ticket)
        self.tickets: Counter[str] = Counter()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Ticket(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tickets[self.headers["webhook-id"]] += 1
        body = json.dumps({"id": f"INC-{len(self.server.tickets)}"}).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server:
    """`upheld serve` in a process of its own, on one database, that can be killed and started again."""

    def __init__(self, directory: Path, smtp_port: int, ticket_port: int) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output = directory / "output"
        self.environment = {
            **os.environ,
            "UPHELD_DATABASE_URL": f"sqlite:///{directory / 'upheld.db'}",
            "UPHELD_PORT": str(self.port),
            "UPHELD_PUBLIC_URL": self.url,
            "UPHELD_SMTP_PORT": str(smtp_port),
            "UPHELD_TICKET_WEBHOOK": f"http://127.0.0.1:{ticket_port}/tickets",
            "UPHELD_TICKET_SECRET": SECRET,
            "UPHELD_ALLOWED_CALLBACKS": '["127.0.0.0/8"]',
            "UPHELD_ASSESSMENT_DELAY": "0.2",
            "UPHELD_RESTORED_AFTER": "2",
            "UPHELD_CLOCK_SPEED": "1",
            "UPHELD_COMPACT_AFTER": "0",  # with every start, so that kills meet it
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.output.open("ab") as output:
            command = [sys.executable, "-m", "upheld.cli", "serve"]
            self.process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=output)
        _until(lambda: _answers(self.url), 120)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def key(self) -> str:
        (line,) = [x for x in self.output.read_text().splitlines() if x.startswith("The first API key")]
        return line.split(": ")[1]


@pytest.mark.timeout(290)
def test_killed_again_and_again_it_loses_nothing_and_doubles_nothing(tmp_path):
    tickets, relay = TicketSystem(), start_mail_catcher(tmp_path / "mail")
    server = Server(tmp_path, relay.port, tickets.server_port)
    chance = random.Random(1382)
    server.start()
    api = httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {server.key()}"}, timeout=5)
    api.put("/v1/agreements", content=PORTFOLIO, headers={"Content-Type": "application/yaml"}).raise_for_status()
    attempted: dict[str, float] = {}
    acknowledged: dict[str, float] = {}
    try:
        deadline = time.monotonic() + 200
        kills = [8, 20, 30, 40, 50]  # after so many measurements, a random moment later
        killing: list[threading.Timer] = []
        while (kills or not _done(api)) and time.monotonic() < deadline:
            if kills and len(acknowledged) >= kills[0]:
                kills.pop(0)
                killing.append(threading.Timer(chance.random(), server.kill))
                killing[-1].start()
            if not server.runs():
                server.start()
            _deliver(api, attempted, acknowledged, 0.0 if 12 <= len(acknowledged) < 24 else 1.0)
            time.sleep(0.1)
        for timer in killing:
            timer.join()
        if not server.runs():
            server.start()
        (case,) = api.get("/v1/cases").json()["cases"]
        story = api.get(f"/v1/cases/{case['id']}").json()
    finally:
        server.kill()
        relay.stop()
        tickets.shutdown()

    assert not kills, "the server was killed as often as was meant"
    assert (case["state"], case["outcome"], case["kind"]) == ("closed", "unanswered", "violation")
    steps = {key.split("/", 2)[2] for key in tickets.tickets}
    assert {"default/ticket/1"} <= steps <= {"default/ticket/1", "ended/ticket/1"}, "one ticket, and perhaps its end"
    types = Counter(event["type"] for event in story["events"])
    assert {t: types[t] for t in ("opened", "restored", "asked", "reminded", "closed")} == dict.fromkeys(
        ("opened", "restored", "asked", "reminded", "closed"), 1
    )
    sent = {notice["id"] for notice in story["notices"] if notice["state"] == "sent"}
    ids = Counter(mail["Message-ID"] for mail in mailbox.Maildir(str(tmp_path / "mail")))
    assert len(ids) == len(sent), "each notice that was sent reached the customer"
    untold = [notice for notice in story["notices"] if notice["id"] not in sent]
    assert all(notice["state"] == "stopped" and notice["reason"] for notice in untold), "or it says why it was not sent"
    assert {"violation", "closed"} <= {n["kind"] for n in story["notices"] if n["id"] in sent}
    log = open_store(server.environment["UPHELD_DATABASE_URL"])
    kept = [row for _, batch, _ in log.read("default") for row in batch.to_pylist()]
    held = {_text(row["time"]): row["value"] for row in kept}
    assert acknowledged.items() <= held.items(), "nothing that was acknowledged is lost"
    assert held.items() <= attempted.items(), "what is held was delivered; a kill may have cut off the acknowledgement"
    assert len(kept) == len({row["time"] for row in kept}), "nothing is counted twice"


def _deliver(api: httpx.Client, attempted: dict[str, float], acknowledged: dict[str, float], value: float) -> None:
    at = datetime.now(UTC).isoformat()
    attempted[at] = value
    line = json.dumps({"service": "line-1", "metric": "up", "time": at, "value": value})
    try:
        answer = api.post("/v1/measurements", content=line + "\n", headers={"Content-Type": "application/x-ndjson"})
    except httpx.HTTPError:
        return
    assert answer.status_code == 202, answer.text
    acknowledged[at] = value


def _done(api: httpx.Client) -> bool:
    """Whether the case is closed and all that was to be told of it has been sent, or stopped as told too late."""
    try:
        cases = api.get("/v1/cases").json()["cases"]
        if not cases or any(case["state"] != "closed" for case in cases):
            return False
        stories = [api.get(f"/v1/cases/{case['id']}").json() for case in cases]
    except httpx.HTTPError:
        return False
    return all(notice["state"] in ("sent", "stopped") for story in stories for notice in story["notices"])


def _text(instant: int) -> str:
    return datetime.fromtimestamp(instant // 1_000_000, UTC).replace(microsecond=instant % 1_000_000).isoformat()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", timeout=1).is_success
    except httpx.HTTPError:
        return False


def _until(holds, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
