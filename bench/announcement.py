"""One planned work that hits very many customers: how long announcing it takes, and how often each is told.

The work is planned as the API plans it, in one process, over SQLite, or the database that is given: every customer's
announcement rendered, in its language and time zone, with its calendar entry, and recorded with what is to be done.
Then another process sends them to a relay, is killed (SIGKILL) several times on the way, and is started again. A mail
that was cut off between the relay and our record goes out again under the same Message-ID, by which it
is dropped.

    python -m bench.announcement [--customers 5000] [--kills 3] [--database URL]
"""

import argparse
import mailbox
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT, Application, Settings, configure_logging
from upheld.demo.mail import start_mail_catcher
from upheld.maintenance.model import Maintenance
from upheld.readers.portfolio import parse_portfolio

LIMIT = 10
LANGUAGES = ("en", "de", "fr", "es")
ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Madrid", "Europe/Paris", "Europe/Helsinki", "Europe/Istanbul",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo",
    "America/Bogota", "Asia/Tokyo", "Asia/Kolkata", "Asia/Singapore", "Asia/Dubai", "Asia/Kathmandu",
    "Australia/Sydney", "Africa/Johannesburg", "Pacific/Auckland",
)  # fmt: skip


def portfolio(customers: int) -> str:
    """A customer with a service of its own each, all of them carried by one line."""
    zones = [ZONES[n % len(ZONES)] for n in range(customers)]
    agreements = [
        f"  - {{id: a-{n}, customer: c-{n}, time_zone: {zone}, valid: {{from: 2026-01-01}}, services: [s-{n}], "
        "objectives: [{id: up, indicator: {kind: availability, metric: reachable, good_when: '>= 1'}, "
        "period: {calendar: month}, target: 99.9 %}], "
        "notices: {maintenance: {lead_time: 10d, reminder: 1d, to: [customer.noc]}}}"
        for n, zone in enumerate(zones)
    ]
    parties = [
        f"  - {{id: c-{n}, name: Customer {n}, time_zone: {zone}, contacts: {{noc: [{{email: noc@c{n}.example, "
        f"language: {LANGUAGES[n // len(ZONES) % len(LANGUAGES)]}}}]}}}}"
        for n, zone in enumerate(zones)
    ]
    carried = ", ".join(f"s-{n}" for n in range(customers))
    lines = ["agreements:", *agreements, "customers:", *parties, f"resources: [{{id: line-1, carries: [{carried}]}}]"]
    return "\n".join([*lines, "provider: {id: north, name: Northern Networks}", ""])


def open_application(database: str, port: int) -> Application:
    return Application(Settings(database_url=database, smtp_port=port, public_url="https://sla.north.example"))


def prepare(application: Application, customers: int) -> tuple[float, float]:
    """Plans the work; the seconds, and of these those of the CPU, that it took. The portfolio is known already, as to a
    server that runs."""
    source = portfolio(customers)
    application.first_key()
    application.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    application.process.in_force(DEFAULT_TENANT)
    now = application.clock.now()
    work = Maintenance(
        "W-1", "Exchange of a line card", now + 14 * DAY, now + 14 * DAY + HOUR, ("line-1",), "board", now
    )
    began, cpu = time.monotonic(), time.process_time()
    notices = application.process.works.plan(DEFAULT_TENANT, work)
    took = time.monotonic() - began, time.process_time() - cpu
    assert len(notices) == customers, f"{len(notices)} announcements"
    return took


def send(application: Application) -> None:
    """Sends what there is to send."""
    while application.performer.send():
        pass


def count_mails(maildir: Path) -> int:
    return len(os.listdir(maildir / "new"))


def send_with_kills(database: str, port: int, maildir: Path, customers: int, kills: int) -> None:
    """Has all sent by processes that are killed on the way; the last one waits for the leases of those (5 minutes)."""
    command = [sys.executable, "-m", "bench.announcement", "--send", database, str(port)]
    for number in range(1, kills + 1):
        sender = subprocess.Popen(command)  # noqa: S603  # ours
        while count_mails(maildir) < customers * number // (kills + 1):
            assert sender.poll() is None, "the sender ended"
            time.sleep(0.005)
        sender.kill()
        sender.wait()
        print(f"killed after {count_mails(maildir):,} mails", file=sys.stderr)
    subprocess.run(command, check=True, timeout=3_600)  # noqa: S603  # ours


def main() -> int:
    """Exit status 0: prepared in time, and each told under one Message-ID; 1: not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--database")
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    configure_logging("warning")
    if given.send:
        database, port = given.send
        application = open_application(database, int(port))
        left = True
        while left:  # what was claimed by one that was killed is free once its lease has ended
            send(application)
            with application.store.transaction(DEFAULT_TENANT, writing=False) as t:
                left = any(notice.state == "recorded" for notice in t.notices(maintenance_id="W-1", limit=10**6))
            time.sleep(1 if left else 0)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        relay = start_mail_catcher(Path(folder) / "mail")
        database = given.database or f"sqlite:///{folder}/upheld.db"
        application = open_application(database, relay.port)
        took, cpu = prepare(application, given.customers)
        print(f"prepared for {given.customers:,} customers of {len(ZONES)} zones in {took:.1f} s ({cpu:.1f} s of CPU)")
        send_with_kills(database, relay.port, Path(folder) / "mail", given.customers, given.kills)
        relay.stop()
        mails = list(mailbox.Maildir(str(Path(folder) / "mail")))
        to, ids = Counter(m["To"] for m in mails), {m["Message-ID"] for m in mails}
        print(f"{len(mails):,} mails, {len(ids):,} Message-IDs, to {len(to):,} customers; killed {given.kills} times")
    return 0 if took <= LIMIT and len(to) == len(ids) == given.customers else 1


if __name__ == "__main__":
    sys.exit(main())
