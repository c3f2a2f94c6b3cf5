"""A storm: one cause breaks the promises of very many services within a minute, and everyone is told.

Real servers (as many as workers) on one database, a mail relay that counts, and collectors that deliver a minute of
measurements of each service as CSV: first all good, then all bad. Measured from the end of the bad minute, when its
last slot could be known to be bad, until nothing is left to do: every service has its case, all of one problem, every
customer was told, and no notice, ticket or step waits. How far it has come is told on standard error every few
seconds; a phase that does not end in five minutes is given up, with exit status 1.

    python -m bench.storm [--services 10000] [--customers 400] [--workers 1] [--database URL]
"""

import argparse
import json
import os
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine, create_engine, func, select

from bench.measuring import cpu_of_process, peak_memory
from upheld.access import new_key
from upheld.agreements.units import MINUTE, SECOND, format_instant
from upheld.clock import SystemClock
from upheld.demo.mail import free_port
from upheld.ports import Store
from upheld.store import open_store
from upheld.store.tables import verdicts

PATIENCE, TELLS = 300.0, 5.0
"""Seconds for which a phase is waited for, and between two times that it is told how far it has come."""
MEGABYTE = 1024 * 1024
TENANT = "storm"
RELAY = """
import sys, aiosmtpd.smtp, asyncio
told = set()
class Relay:
    async def handle_DATA(self, server, session, envelope):
        told.update(envelope.rcpt_tos)
        counts[0] += 1
        return "250 OK"
counts = [0]
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: aiosmtpd.smtp.SMTP(Relay(), loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(counts[0], len(told), flush=True)
asyncio.run(main())
"""


@dataclass
class Stormed:
    """What came of a storm. Seconds are from the end of the bad minute; CPU is that of all workers together from its
    beginning, in seconds; memory is the largest of any worker, in MB."""

    services: int
    customers: int
    workers: int
    cases: int
    problems: int
    tickets: int
    mails: int
    customers_told: int
    cases_open_after: float
    nothing_left_after: float
    cpu: float
    peak_memory: float


def portfolio(services: int, customers: int) -> str:
    """One agreement for each customer, the services shared out evenly, and all of them on one switch."""
    of = [[f"vpn-{n}" for n in range(first, services, customers)] for first in range(customers)]
    agreements = "".join(
        f"""
  - id: sla-{number}
    customer: customer-{number}
    valid: {{from: 2026-01-01}}
    services: [{", ".join(names)}]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}}
        period: {{calendar: day}}
        target: 99.99 %
    notices:
      violation: {{within: 15m, to: [customer.noc]}}
    confirmation: {{to: [customer.noc]}}"""
        for number, names in enumerate(of)
    )
    parties = "".join(
        f"\n  - {{id: customer-{n}, name: Customer {n}, contacts: {{noc: [{{email: noc@customer-{n}.example}}]}}}}"
        for n in range(customers)
    )
    carried = ", ".join(f"vpn-{n}" for n in range(services))
    return f"agreements:{agreements}\ncustomers:{parties}\nresources:\n  - {{id: agg-1, carries: [{carried}]}}\n"


class Workers:
    """The servers, and a client of the first."""

    def __init__(self, folder: Path, url: str, count: int, smtp_port: int, secret: str) -> None:
        self._processes, self._logs = [], []
        ports = [free_port() for _ in range(count)]
        for number, port in enumerate(ports):
            log = (folder / f"server-{number}.log").open("w")
            env = {
                **os.environ,
                "UPHELD_DATABASE_URL": url,
                "UPHELD_PORT": str(port),
                "UPHELD_SMTP_PORT": str(smtp_port),
                "UPHELD_ASSESSMENT_DELAY": "5",
                "UPHELD_DRAIN": "0",
                "UPHELD_LOG_LEVEL": "warning",
            }
            command = [sys.executable, "-m", "upheld.cli", "serve"]
            server = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)  # noqa: S603  # ours
            self._processes.append(server)
            self._logs.append(log)
        bearer = {"Authorization": f"Bearer {secret}"}
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{ports[0]}", headers=bearer, timeout=120)
        _await("servers to start", lambda: sum(not _is_live(port) for port in ports))

    def cpu(self) -> float:
        """Seconds of all together, so far."""
        return sum(cpu_of_process(process.pid) for process in self._processes)

    def peak_memory(self) -> float:
        """Megabytes of the largest (VmHWM)."""
        return max(peak_memory(process.pid) for process in self._processes) / MEGABYTE

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(30)


def storm(folder: Path, services: int, customers: int, workers: int, database: str | None) -> Stormed:
    """Has a storm, with all that it keeps in `folder`."""
    url = database or f"sqlite:///{folder / 'upheld.db'}"
    store, clock = open_store(url), SystemClock()
    secret, key = new_key(TENANT, "storm", "operator", clock.now())
    store.add_tenant(TENANT, "Storm")
    store.add_key(key)
    relay = subprocess.Popen(  # noqa: S603  # ours
        [sys.executable, "-c", RELAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert relay.stdin is not None
    assert relay.stdout is not None
    smtp_port = int(relay.stdout.readline())
    smtplib.SMTP("127.0.0.1", smtp_port).quit()
    running = Workers(folder, url, workers, smtp_port, secret)
    try:
        yaml = {"Content-Type": "application/yaml"}
        running.api.put("/v1/agreements", content=portfolio(services, customers), headers=yaml).raise_for_status()
        _deliver(running.api, services, clock.now() // MINUTE * MINUTE - MINUTE, 1)
        watching = create_engine(url)
        _await("verdicts of a good minute to come", lambda: services - _count_verdicts(watching))
        watching.dispose()
        _sleep_until(clock.now() // MINUTE * MINUTE + MINUTE)
        bad, cpu_before = clock.now() // MINUTE * MINUTE, running.cpu()
        _deliver(running.api, services, bad, 0, over=50 * SECOND)
        ended = bad + MINUTE
        _sleep_until(ended)
        _await("cases to open", lambda: services - _count_cases(store))
        cases_open = (clock.now() - ended) / SECOND
        _await("entries to perform and parties to tell", lambda: _left(store, clock.now()))
        nothing_left = (clock.now() - ended) / SECOND
        cases, cpu, peak = _count_cases(store), running.cpu() - cpu_before, running.peak_memory()
        with store.transaction(TENANT, writing=False) as t:
            problems, tickets = len(t.problems()), len(t.tickets(1_000_000))
    finally:
        running.stop()
        relay.stdin.close()
        mails, told = map(int, relay.stdout.read().split())
        store.close()
    return Stormed(
        services,
        customers,
        workers,
        cases,
        problems,
        tickets,
        mails,
        told,
        round(cases_open, 1),
        round(nothing_left, 1),
        round(cpu, 1),
        round(peak),
    )


def _count_verdicts(database: Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(verdicts)).scalar_one())


def _count_cases(store: Store) -> int:
    with store.transaction(TENANT, writing=False) as t:
        return sum(t.count_open().values())


def _left(store: Store, now: int) -> int:
    """How much is due and not done."""
    with store.transaction(TENANT, writing=False) as t:
        owed = sum(t.is_owed(problem.id) for problem in t.problems(only_open=True))
    agenda = store.census(now).agenda.items()
    return owed + sum(count for (kind, state), (count, _) in agenda if state in ("due", "held") and kind)


def _deliver(api: httpx.Client, services: int, at: int, value: int, over: int = 0) -> None:
    """A measurement of each service at `at`, in ten deliveries spread over so many microseconds."""
    began, parts = time.monotonic(), 10
    for part in range(parts):
        rows = "".join(f"vpn-{n},reachable,{format_instant(at)},{value}\n" for n in range(part, services, parts))
        body = "service,metric,time,value\n" + rows
        api.post("/v1/measurements", content=body, headers={"Content-Type": "text/csv"}).raise_for_status()
        time.sleep(max(0.0, began + (part + 1) * over / SECOND / parts - time.monotonic()))


def _is_live(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=5).is_success
    except httpx.TransportError:
        return False


def _await(what: str, count: Callable[[], int]) -> None:
    """Waits until none is left. Raises TimeoutError."""
    began = tells = time.monotonic()
    while (left := count()) > 0:
        now = time.monotonic()
        if now - began > PATIENCE:
            raise TimeoutError(f"after {now - began:.0f} s there are still {left} {what}")
        if now >= tells:
            print(f"{now - began:5.0f} s: {left} {what}", file=sys.stderr, flush=True)
            tells = now + TELLS
        time.sleep(1.0)


def _sleep_until(at: int) -> None:
    time.sleep(max(0.0, (at - SystemClock().now()) / SECOND))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.storm", description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--customers", type=int, default=400)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--database", help="SQLAlchemy URL of an empty database; by default a SQLite file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="upheld-storm-") as folder:
        found = storm(Path(folder), given.services, given.customers, given.workers, given.database)
    print(json.dumps(asdict(found), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
