"""A network operations centre to which providers' notices of work come."""

from collections.abc import Sequence
from pathlib import Path

from upheld.agreements.units import DAY, HOUR, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.maintenance.received import NoticedWork
from upheld.process.works.intake import Answer
from upheld.readers.topology import parse_topology

NOTICES = Path(__file__).parents[1] / "readers" / "notices"
TOPOLOGY = """
services: [{id: vpn-0042}, {id: vpn-0043}]
resources:
  - {id: fibre-7, kind: line, supplier_ids: ["ABC/123"]}
  - {id: fibre-8, kind: line, supplier_ids: [{supplier: lumen, id: "1001"}]}
dependencies:
  - {of: vpn-0042, on: [fibre-7]}
  - {of: vpn-0043, on: [fibre-8]}
"""
START = parse_instant("2026-06-15T22:00:00Z")


def event(
    start: int = START,
    *circuits: str,
    hours: int = 2,
    sequence: int | None = 1,
    stamp: int = START - 10 * DAY,
    status: str = "CONFIRMED",
    uid: str = "u1",
    impact: str = "OUTAGE",
    provider: str = "lumen",
    work: str = "CHG-1",
) -> str:
    """One window of work as MAINTNOTE writes it."""
    lines = [
        f"DTSTART:{_basic(start)}",
        f"DTEND:{_basic(start + hours * HOUR)}",
        f"DTSTAMP:{_basic(stamp)}",
        f"UID:{uid}",
        *([f"SEQUENCE:{sequence}"] if sequence is not None else []),
        f"X-MAINTNOTE-PROVIDER:{provider}",
        "X-MAINTNOTE-ACCOUNT:42",
        f"X-MAINTNOTE-MAINTENANCE-ID:{work}",
        *(f"X-MAINTNOTE-OBJECT-ID:{circuit}" for circuit in circuits),
        f"X-MAINTNOTE-IMPACT:{impact}",
        f"X-MAINTNOTE-STATUS:{status}",
    ]
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def _basic(instant: int) -> str:
    return format_instant(instant).replace("-", "").replace(":", "")


def calendar(*events: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *events, "END:VCALENDAR", ""]).encode()


class Desk:
    """A network operations centre whose notices are read, with a policy of its own."""

    def __init__(self, world, approval: str = "doubts") -> None:
        self.world = world
        world.application.noticeboard._approval = approval
        topology = parse_topology(TOPOLOGY, "yaml", "topology.yaml")
        world.process.adopt_topology(DEFAULT_TENANT, topology)

    def take(self, *events: str, body: bytes | None = None) -> Sequence[NoticedWork]:
        body = calendar(*events) if body is None else body
        found = self.world.application.noticeboard.take(DEFAULT_TENANT, body, "test")[1]
        self.world.run()
        return found

    def answer(self, window: NoticedWork, said: Answer) -> str:
        came = self.world.process.works.answer_notice(DEFAULT_TENANT, window.id, said, "Ada")
        self.world.run()
        return came

    def window(self, window_id: str) -> NoticedWork:
        with self.world.transaction() as t:
            return t.noticed(window_id)

    def planned(self) -> list[Maintenance]:
        with self.world.transaction() as t:
            return [work for work in t.maintenances() if work.state == "planned"]

    def spans(self) -> list[tuple[int, int, tuple[str, ...]]]:
        return [(work.start, work.end, work.services) for work in self.planned()]

    def excluded(self) -> list[tuple[str, int, int]]:
        with self.world.transaction() as t:
            return [(x.service, x.start, x.end) for x in t.exclusions()]

    def told(self) -> int:
        return len(self.world.mails("noc@acme.example"))
