"""Every report that the process has given is given again, byte for byte, as it was known on its day. DESIGN rule 12."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from fastapi.testclient import TestClient

from upheld.access import new_key
from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app

START = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z
SLOT = 2 * HOUR
FIRST = """
agreements:
  - id: gold
    customer: acme
    time_zone: UTC
    valid: {from: 2026-05-01}
    lateness: 2h
    services: [vpn-1, vpn-2]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 2h}
        period: {calendar: day}
        target: 90 %                       # 12 slots: 1.2 may be bad
        warning: {budget_spent: 50 %}
        credits: [{below: 90 %, share: 40 %}]
      - id: trend
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 2h}
        period: {rolling: 12h}
        target: 70 %
      - id: latency
        indicator: {kind: aggregate, metric: rtt, aggregate: p95, slot: 2h}
        period: {calendar: day}
        target: "<= 40"
      - id: strict
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 2h, missing: bad}
        period: {calendar: day}
        target: 99 %
        credits: [{below: 99 %, share: 20 %}]
    charge: {vpn-1: {amount: 100.00, currency: EUR}, vpn-2: {amount: 70.00, currency: EUR}}
    credit_cap: 50 %
    exclusions: [force_majeure, planned_maintenance]
  - id: silver
    customer: bolt
    time_zone: Europe/Berlin
    valid: {from: 2026-05-01}
    services: [vpn-3]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 2h, missing: bad}
        period: {calendar: week}
        target: 95 %
"""
GOLD = FIRST[: FIRST.index("  - id: silver")]
SILVER = FIRST[FIRST.index("  - id: silver") :]
STRICTER = FIRST.replace("target: 90 %  ", "target: 95 %  ")  # of gold alone, and of the past too
GOLD_ALONE = STRICTER.replace(SILVER, "")
AMENDED = STRICTER + SILVER.replace("2026-05-01", "2026-06-03").replace("95 %", "80 %")  # from a day on


@dataclass
class House:
    """An installation whose clock is turned by hand, and every report that it has given."""

    directory: object
    at: int = START
    slot: int = START
    reports: list[tuple[int, str, bytes]] = field(default_factory=list)

    def now(self) -> int:
        return self.at

    def open(self) -> None:
        """Starts on what the disk has, as after a crash."""
        settings = Settings(
            database_url=f"sqlite:///{self.directory / 'upheld.db'}",
            assessment_delay=60,
            lateness=0,
            compact_after=0,
        )
        self.application = Application(settings, self)
        self.process, self.store = self.application.process, self.application.store
        secret, key = new_key(DEFAULT_TENANT, f"auditor {self.at}", "operator", self.at)
        self.store.add_tenant(DEFAULT_TENANT, "Default")
        self.store.add_key(key)
        headers = {"Authorization": f"Bearer {secret}"}
        self.client = TestClient(create_app(self.application), headers=headers)

    def adopt(self, source: str, by: str) -> None:
        self.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"), by)

    def measured(self, time, value, service="vpn-1", metric="reachable"):
        return Measurement(service, metric, time, value, known_at=self.at)

    def take(self, source, *rows):
        self.process.take_measurements(DEFAULT_TENANT, to_table(rows), source)

    def get(self, path: str) -> bytes:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.content

    def report(self) -> None:
        """Asks for all that there is to ask for, and keeps the answers."""
        paths = ["/v1/verdicts", "/v1/verdicts?newest=true", "/v1/verdicts?customer=acme&service=vpn-1"]
        for path in paths:
            self.reports.append((self.at, path, self.get(path)))
        for verdict in self.client.get("/v1/verdicts?agreement=gold&service=vpn-1&newest=true").json()["verdicts"]:
            path = "/".join(verdict[name] for name in ("agreement", "objective", "service", "period_start"))
            self.reports.append((self.at, f"/v1/verdicts/{path}", self.get(f"/v1/verdicts/{path}")))

    def pass_to(self, instant: int) -> None:
        """Slot by slot: an outage of vpn-1 from two to six every night, and of vpn-2 nothing is heard at eight."""
        while self.slot < instant:
            hour = (self.slot - START) % DAY // HOUR
            rows = [
                self.measured(self.slot, 0.0 if 2 <= hour < 6 else 1.0),
                self.measured(self.slot, 30.0 + hour, metric="rtt"),
                self.measured(self.slot, 1.0, "vpn-3"),
            ]
            self.take("collector", *rows, *([] if hour == 8 else [self.measured(self.slot, 1.0, "vpn-2")]))
            self.slot += SLOT
            self.at = max(self.at, self.slot)
            self.process.pulse(DEFAULT_TENANT)
            if hour % 12 == 2:
                self.now_and_report()

    def now_and_report(self) -> None:
        self.at += 2 * MINUTE
        self.process.pulse(DEFAULT_TENANT)
        if len(self.reports) % 3 == 0:  # so that much lies in files, and some not
            self.application.compact()
        self.report()
        self.at += MINUTE


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Four days with all that can restate a verdict."""
    house = House(tmp_path_factory.mktemp("house"))
    house.open()
    house.adopt(FIRST, "Ada")
    house.report()
    house.pass_to(START + 10 * HOUR)
    night = range(START + 2 * HOUR, START + 6 * HOUR, SLOT)
    house.process.grant_exclusion(
        DEFAULT_TENANT,
        "flood",
        Exclusion("vpn-1", night.start, night.stop, "force_majeure", "Grace", known_at=house.at),
    )
    house.now_and_report()
    house.pass_to(START + DAY + 8 * HOUR)  # the first day is final
    house.process.revoke_exclusion(DEFAULT_TENANT, "flood", "Hedy")
    house.now_and_report()
    house.take("corrector", house.measured(night[0], 1.0))  # a correction of what is final
    house.now_and_report()
    house.adopt(STRICTER, "Joan")
    house.now_and_report()
    house.open()
    house.now_and_report()
    house.pass_to(START + DAY + 12 * HOUR)
    house.adopt(GOLD_ALONE, "Joan")
    house.pass_to(START + DAY + 14 * HOUR)
    house.take("archive", *(house.measured(START - 3 * DAY + n * SLOT, 0.0) for n in range(9)))  # before all else
    house.now_and_report()
    house.adopt(AMENDED, "Karen")
    house.pass_to(START + 2 * DAY + 6 * HOUR)
    house.take("corrector", house.measured(night[1], 1.0))
    house.take("backlog", house.measured(START + 8 * HOUR, 0.0, "vpn-2"))  # late
    house.open()
    house.pass_to(START + 3 * DAY + 6 * HOUR)
    house.now_and_report()
    house.at += DAY
    house.process.pulse(DEFAULT_TENANT)
    return house


def test_every_earlier_report_comes_again_byte_for_byte(house):
    assert len({body for _, _, body in house.reports}) > 60
    different = [
        (format_instant(at), path)
        for at, path, body in house.reports
        if house.get(f"{path}{'&' if '?' in path else '?'}known_at={format_instant(at)}") != body
    ]
    assert different == []


def test_the_log_lies_in_files_and_in_the_database(house):
    assert list(house.directory.glob("upheld.log/tenant=default/month=2026-0[56]/*.parquet"))
    with closing(sqlite3.connect(house.directory / "upheld.db")) as database:
        assert database.execute("SELECT count(*) FROM log_batches").fetchone()[0] > 0


def test_the_report_as_known_now_is_the_report_of_now(house):
    known_at = f"known_at={format_instant(house.at)}"
    assert house.get(f"/v1/verdicts?{known_at}") == house.get("/v1/verdicts")
    assert house.client.get(f"/v1/verdicts?known_at={format_instant(START - 1)}").json() == {"verdicts": []}


def test_each_version_says_what_changed_it_and_who_stands_behind_that(house):
    versions = house.client.get("/v1/verdicts/gold/availability/vpn-1/2026-06-01T00:00:00Z").json()["versions"]
    assert [(v["cause"], v["approver"], v["verdict"]["bad"], v["verdict"]["agreement_version"]) for v in versions] == [
        # Two slots were bad, and then they were excluded.
        ("first assessed", None, 2, 1),
        ("exclusion granted: force_majeure", "Grace", 0, 1),
        ("exclusion revoked: force_majeure", "Hedy", 2, 1),
        ("corrected data", "corrector", 1, 1),
        ("the agreement was amended", "Joan", 1, 2),
        ("corrected data", "corrector", 0, 2),
    ]
    known = [v["known_at"] for v in versions]
    assert known == sorted(known)
    *_, late = house.client.get("/v1/verdicts/gold/availability/vpn-2/2026-06-01T00:00:00Z").json()["versions"]
    assert (late["cause"], late["approver"], late["verdict"]["missing"]) == ("late data", "backlog", 0)


def test_an_agreement_that_did_not_change_keeps_its_version(house):
    found = house.client.get("/v1/verdicts").json()["verdicts"]
    of_silver = {v["period_start"]: v["agreement_version"] for v in found if v["agreement"] == "silver"}
    assert set(of_silver.values()) == {1, 2}
    assert {v["agreement_version"] for v in found if v["agreement"] == "gold" and not v["final"]} == {2}


def test_a_period_under_an_amendment_falls_under_it_from_its_first_instant(house):
    found = house.client.get("/v1/verdicts?agreement=silver").json()["verdicts"]
    assert {v["period_start"] for v in found if v["agreement_version"] == 2} == {"2026-06-02T22:00:00Z"}
