"""The ordeal: the server started, sent to, killed, and started again; and what came of it against what ought to."""

import mailbox
import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.progress import Progress

from crash import child
from crash.senders import Figures, History, Identity, Present, Sender, yesterday
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import format_instant
from upheld.assessment.reference import assess
from upheld.assessment.verdict import to_document
from upheld.demo.mail import start_mail_catcher
from upheld.measurements.model import Measurement
from upheld.readers.portfolio import parse_portfolio
from upheld.server import listen
from upheld.store import open_store

SERVICES = ("vpn-1", "vpn-2", "vpn-3")
DAYS = 21
PATIENCE = 240.0
COMPARED = ("status", "attained", "good", "bad", "missing", "excluded", "spent", "violated_at", "credit", "evidence")


@dataclass
class Outcome:
    """What was compared, in figures, and what differs, in words."""

    figures: dict[str, Any] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def portfolio(start: int) -> str:
    return f"""
agreements:
  - id: past
    customer: acme
    valid: {{from: "{format_instant(start)}"}}
    services: [{", ".join(SERVICES)}]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: up, good_when: ">= 1", slot: 1m, consecutive: 2}}
        period: {{calendar: day}}
        target: 99.9 %
        credits: [{{below: 99.9 %, share: 10 %}}]
      - {{id: calls, indicator: {{kind: ratio, metric: calls}}, period: {{calendar: day}}, target: 50 %}}
      - id: rtt
        indicator: {{kind: aggregate, metric: rtt, aggregate: p95}}
        period: {{calendar: day}}
        target: "<= 50"
    charge: {{vpn-1: {{amount: 100, currency: EUR}}}}
  - id: present
    customer: acme
    valid: {{from: "{format_instant(start)}"}}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: up, good_when: ">= 1", slot: 1s}}
        period: {{calendar: day}}
        target: 99.999 %
    notices: {{violation: {{within: 5m, to: [customer.noc]}}}}
customers:
  - {{id: acme, name: Acme, contacts: {{noc: [{{email: noc@acme.example}}]}}}}
"""


def ordeal(folder: Path, kills: int, seed: int, database: str | None = None, *, show: bool = False) -> Outcome:
    """Kills the server `kills` times at random instants and says what differs in the end. `database`: the SQLAlchemy
    URL of an empty database; by default a SQLite file in `folder`."""
    relay = start_mail_catcher(folder / "mail")
    url = database or f"sqlite:///{folder / 'upheld.db'}"
    running = Running(folder, {"database_url": url, "smtp_port": relay.port, "assessment_delay": 0.2})
    start, stop = yesterday(DAYS), threading.Event()
    text = portfolio(start)
    senders: list[Sender] = []
    try:
        running.start()
        api = running.client()
        _until(lambda: _ready(api))
        api.put("/v1/agreements", content=text, headers={"Content-Type": "application/yaml"}).raise_for_status()
        senders += [History(running.url, running.key, stop, name, start, seed + n) for n, name in enumerate(SERVICES)]
        senders.append(Present(running.url, running.key, stop, "line-1"))
        for sender in senders:
            sender.start()
        began = time.monotonic()
        _kill_again_and_again(running, senders, kills, random.Random(seed), show)
        took = time.monotonic() - began
        stop.set()
        for sender in senders:
            sender.join(PATIENCE)
        found = Outcome({"kills": kills, "seconds": round(took, 1)})
        _compare(found, url, api, senders, text, folder / "mail")
        return found
    finally:
        stop.set()
        running.kill()
        relay.stop()


class Running:
    """The server's process, which may be killed and started again on the same socket and data."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self._listener = listen("127.0.0.1", 0)
        port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._settings = {**settings, "port": port, "public_url": self.url, "log_level": "warning"}
        self._output = folder / "output"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([child.__name__])
        self._process: Any = None

    @property
    def key(self) -> str:
        return Path(f"{self._output}.key").read_text()

    def client(self) -> httpx.Client:
        _until(Path(f"{self._output}.key").exists)
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def start(self) -> None:
        given = (self._listener, self._settings, str(self._output))
        self._process = self._context.Process(target=child.run, args=given, daemon=True)
        self._process.start()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def died(self) -> bool:
        """Whether it ended by itself."""
        return bool(self._process.exitcode is not None)


def _kill_again_and_again(
    running: Running, senders: Sequence[Sender], kills: int, chance: random.Random, show: bool
) -> None:
    with Progress(disable=not show, transient=True) as bar:
        for _ in bar.track(range(kills), description="Killing"):
            # Half of them whatever it is at, such as starting; the others once it is at work, however slow the machine.
            if chance.random() < 0.5:
                before = _acknowledged(senders)
                _until(lambda before=before: _acknowledged(senders) > before, pause=0.02)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 1) if chance.random() < 0.9 else chance.uniform(1, 4))
            assert not running.died(), "the server ended by itself: see its output"
            running.kill()
            running.start()


def _acknowledged(senders: Sequence[Sender]) -> int:
    return sum(sender.sent.batches for sender in senders)


# -- what came of it --------------------------------------------------------------------------------------------------


def _compare(found: Outcome, url: str, api: httpx.Client, senders: Sequence[Sender], text: str, mail: Path) -> None:
    found.differences += [
        f"sender {n}: {s.fault or 'did not end'}" for n, s in enumerate(senders) if s.fault or s.is_alive()
    ]
    held: dict[Identity, Figures] = {}
    for sender in senders:
        held |= sender.sent.held
    found.figures |= {
        "batches acknowledged": _acknowledged(senders),
        "sent again": sum(s.sent.again for s in senders),
        "identities": len(held),
    }
    found.differences += _log_differs(url, held)
    expected = dict(_verdicts(text, held))
    _until(lambda: not list(_verdicts_differ(api, expected)), PATIENCE, fails=False)
    found.differences += _verdicts_differ(api, expected)
    found.figures["verdicts"] = len(expected)
    _until(lambda: not list(_notices_differ(api, mail)), 60, fails=False)
    found.differences += _notices_differ(api, mail)


def _log_differs(url: str, held: dict[Identity, Figures]) -> Iterator[str]:
    """What the log holds against what was acknowledged."""
    store = open_store(url)
    kept: dict[Identity, tuple[int, Figures]] = {}
    for _, batch, _ in store.read("default"):
        for row in batch.to_pylist():
            identity = row["service"], row["metric"], row["time"]
            figures = row["value"], row["good"], row["total"]
            if identity not in kept or kept[identity][0] <= row["known_at"]:
                kept[identity] = row["known_at"], figures
    store.close()
    for identity, figures in held.items():
        if identity not in kept:
            yield f"lost: {identity}"
        elif kept[identity][1] != figures:
            yield f"{identity} is {kept[identity][1]} and was acknowledged as {figures}"
    yield from (f"never sent: {identity}" for identity in kept if identity not in held)


def _verdicts(text: str, held: dict[Identity, Figures]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """What the reference makes of what was acknowledged, of the days that are over."""
    terms = compile_terms(parse_portfolio(text, "portfolio").agreements)
    past = [term for term in terms if term.agreement == "past"]
    rows = [Measurement(*identity, *figures) for identity, figures in held.items()]
    for verdict in assess(past, rows, [], yesterday(0)):
        if verdict.status != "no_data":
            document = to_document(verdict)
            yield _key(document), {name: document[name] for name in COMPARED}


def _key(document: dict[str, Any]) -> tuple[str, ...]:
    return document["agreement"], document["objective"], document["service"], document["period_start"]


def _verdicts_differ(api: httpx.Client, expected: dict[tuple[str, ...], dict[str, Any]]) -> Iterator[str]:
    listed = api.get("/v1/verdicts", params={"agreement": "past"}).json()["verdicts"]
    told = {_key(document): document for document in listed}
    for key, figures in expected.items():
        if key not in told:
            yield f"no verdict {key}"
            continue
        for name, figure in figures.items():
            if told[key][name] != figure:
                yield f"{key}: {name} is {told[key][name]} and not {figure}"


def _notices_differ(api: httpx.Client, mail: Path) -> Iterator[str]:
    """One case of what happens now, and each of its notices once in effect."""
    cases = api.get("/v1/cases").json()["cases"]
    if len(cases) != 1:
        yield f"{len(cases)} cases, where one is to be"
        return
    story = api.get(f"/v1/cases/{cases[0]['id']}").json()
    opened = [event for event in story["events"] if event["type"] == "opened"]
    if len(opened) != 1:
        yield f"opened {len(opened)} times"
    waiting = [n["id"] for n in story["notices"] if n["state"] not in ("sent", "stopped")]
    if waiting:
        yield f"not told: {', '.join(waiting)}"
    sent = {n["id"] for n in story["notices"] if n["state"] == "sent"}
    received = Counter(message["Message-ID"] for message in mailbox.Maildir(str(mail)))
    if len(received) != len(sent):
        yield f"{len(sent)} notices were sent, and the relay knows {len(received)}"
    if not any(n["kind"] == "violation" for n in story["notices"] if n["id"] in sent):
        yield "the violation was not told"


def _ready(api: httpx.Client) -> bool:
    try:
        return api.get("/health/ready").is_success
    except httpx.HTTPError:
        return False


def _until(holds: Callable[[], bool], patience: float = 120.0, *, fails: bool = True, pause: float = 0.5) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            assert not fails, "it did not come about in time"
            return
        time.sleep(pause)
