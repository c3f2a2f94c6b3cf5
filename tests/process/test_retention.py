"""Old measurements go, and nobody but the disk can tell: an installation that removes them gives the same verdicts,
cases and notices as one that keeps them all."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from upheld.access import new_key
from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.cases.decide import Withdraw
from upheld.cases.model import OPEN_STATES
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.ports import VerdictFilter
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app

START = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z, a Monday
SLOT = 12 * HOUR
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-05-01}
    lateness: 2h
    services: [vpn-1, vpn-2]
    objectives:
      - id: week
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 12h, consecutive: 2, recovery: 2}
        period: {calendar: week}
        target: 90 %
        chronic: {violations: 2, within: 1 month, right: exit}
        credits: [{below: 90 %, share: 40 %}]
      - id: trend
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 12h}
        period: {rolling: 5d}
        target: 80 %
      - id: latency
        indicator: {kind: aggregate, metric: rtt, aggregate: p95, slot: 12h}
        period: {calendar: day}
        target: "<= 40"
    charge:
      vpn-1: {amount: 100.00, currency: EUR, per: month}
      vpn-2: {amount: 70.00, currency: EUR, per: month}
    credit_cap: 50 %
"""


@dataclass
class House:
    """An installation whose clock is turned by hand."""

    directory: object
    retention: float | None
    at: int = START
    slot: int = START

    def now(self) -> int:
        return self.at

    def open(self) -> None:
        """Starts on what the disk has, as after a crash."""
        self.directory.mkdir(exist_ok=True)
        settings = Settings(
            database_url=f"sqlite:///{self.directory / 'upheld.db'}",
            assessment_delay=60,
            lateness=0,
            compact_after=0,
            retention=self.retention,
        )
        self.application = Application(settings, self)
        self.process, self.store = self.application.process, self.application.store
        secret, key = new_key(DEFAULT_TENANT, f"auditor {self.at}", "operator", self.at)
        self.store.add_tenant(DEFAULT_TENANT, "Default")
        self.store.add_key(key)
        self.client = TestClient(create_app(self.application), headers={"Authorization": f"Bearer {secret}"})

    def take(self, service, metric, time, value):
        row = Measurement(service, metric, time, value, known_at=self.at)
        self.process.take_measurements(DEFAULT_TENANT, to_table([row]), "collector")

    def pass_to(self, day: int, bad=()) -> None:
        """Slot by slot up to the beginning of a day; `bad` slots of vpn-1, and always the first of each Monday."""
        while self.slot < START + day * DAY:
            number = (self.slot - START) // SLOT
            down = number in bad or number % 14 == 0
            self.take("vpn-1", "up", self.slot, 0.0 if down else 1.0)
            self.take("vpn-2", "up", self.slot, 1.0)
            self.take("vpn-1", "rtt", self.slot, 30.0 + number % 7)
            self.slot += SLOT
            self.at = self.slot + 2 * MINUTE
            self.process.pulse(DEFAULT_TENANT)
            if number % 6 == 3:
                self.application.compact()
                self.application._compacts_at = 0.0
                self.application.retention.run()
                self.process.pulse(DEFAULT_TENANT)

    def floor(self):
        with self.store.transaction(DEFAULT_TENANT, writing=False) as t:
            return t.log_floor()

    def told(self):
        """All that anyone outside is told, and the open cases."""
        with self.store.transaction(DEFAULT_TENANT, writing=False) as t:
            cases = {case.id: (case.state, case.seq) for case in t.cases(limit=10_000)}
            verdicts = t.verdicts(VerdictFilter())
            versions = [t.verdict_versions(v.key) for v in verdicts]
            return cases, verdicts, versions, len(t.notices(limit=10_000)), t.agenda(10_000)

    def files(self):
        return sorted(path.name for path in (self.directory / "upheld.log").glob("tenant=*/*/*.parquet"))

    def close_cases(self) -> None:
        with self.store.transaction(DEFAULT_TENANT, writing=False) as t:
            cases = t.cases(OPEN_STATES)
        for case in cases:
            self.process.cases.command(DEFAULT_TENANT, case.id, Withdraw("settled with the customer"))

    def oldest(self) -> int:
        """The time of the oldest measurement that is left."""
        return min(
            self.application.log.rows(DEFAULT_TENANT, {("vpn-1", "up"), ("vpn-2", "up")}).column("time").to_pylist()
        )


OUTAGE = range(2, 5)  # of the 14 slots of the first week


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """One that keeps measurements for three days, and one that keeps them all."""
    found = []
    for name, retention in (("short", 3.0), ("whole", None)):
        house = House(tmp_path_factory.mktemp("houses") / name, retention)
        house.open()
        house.process.adopt_portfolio(DEFAULT_TENANT, PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio.yaml"), "Ada")
        found.append(house)
    return found


def test_what_an_open_case_is_about_stays_until_it_is_closed(houses):
    for house in houses:
        house.pass_to(75, OUTAGE)
    short, whole = houses
    about = {case[0] for case in short.told()[0].values()}
    assert about & set(OPEN_STATES)
    assert short.told() == whole.told()
    assert short.floor() is None or short.floor().kept_from <= START
    assert short.oldest() == START
    assert short.files() == whole.files()


def test_files_go_and_verdicts_cases_and_notices_are_those_of_an_installation_that_keeps_all(houses):
    short, whole = houses
    for house in houses:
        house.close_cases()
        house.at += MINUTE
        house.application.retention.run()
        house.process.pulse(DEFAULT_TENANT)
    assert short.told() == whole.told()
    assert short.floor().kept_from > START + 20 * DAY
    assert short.oldest() > START + 20 * DAY
    assert whole.oldest() == START
    assert len(short.files()) < len(whole.files())
    for house in houses:
        house.pass_to(80)
    assert short.told() == whole.told()


def test_nothing_is_restated_and_nobody_told_after_a_restart(houses):
    short, whole = houses
    before = short.told()
    for house in houses:
        house.open()
        house.process.pulse(DEFAULT_TENANT)
    assert short.told() == before
    assert short.told() == whole.told()


def test_reports_of_earlier_days_are_the_same_or_refused(houses):
    short, whole = houses
    raised_at = short.floor().raised_at
    for at in (raised_at, short.at - HOUR, short.at):
        path = f"/v1/verdicts?known_at={format_instant(at)}"
        assert short.client.get(path).content == whole.client.get(path).content
    key = "gold/trend/vpn-1/" + next(
        format_instant(v.period_start) for v in short.told()[1] if v.key[1:3] == ("trend", "vpn-1")
    )
    assert short.client.get(f"/v1/verdicts/{key}").content == whole.client.get(f"/v1/verdicts/{key}").content
    refused = short.client.get(f"/v1/verdicts?known_at={format_instant(raised_at - DAY)}")
    assert refused.status_code == 410
    assert refused.json()["detail"].endswith(f"known_at must be {format_instant(raised_at)} or later")


def test_assessments_that_cannot_be_made_again_are_forgotten(houses):
    counts = []
    for house in houses:
        with closing(sqlite3.connect(house.directory / "upheld.db")) as database:
            counts.append(database.execute("SELECT count(*) FROM assessments").fetchone()[0])
    assert counts[0] < counts[1]


def test_what_is_settled_stays_as_it_is(houses):
    short, whole = houses
    before = short.told()
    for house in houses:
        house.take("vpn-2", "up", START + 3 * DAY, 0.0)
        house.take("vpn-2", "up", START + 3 * DAY + SLOT, 0.0)
        flood = Exclusion("vpn-1", START, START + 9 * DAY, "force_majeure", "Grace", known_at=house.at)
        house.process.grant_exclusion(DEFAULT_TENANT, "flood", flood)
        house.process.pulse(DEFAULT_TENANT)
    assert short.told() == before
    assert whole.told() != before
    page, _ = short.application.telemetry.page("text/plain")
    assert b'upheld_measurements_left_out_total{protocol="log",reason="too_old",tenant="default"} 2.0' in page


def test_a_removal_that_was_cut_off_is_ended_by_the_next_round(houses, monkeypatch):
    short, _ = houses
    short.pass_to(81)
    kept, folder, before = short.files(), short.application._compactor._folder, short.oldest()
    monkeypatch.setattr(folder, "remove", lambda name: (_ for _ in ()).throw(KeyboardInterrupt))
    log = short.application.log
    assert log.removable(DEFAULT_TENANT, short.at - DAY)
    with pytest.raises(KeyboardInterrupt):
        log.remove(DEFAULT_TENANT, short.at - DAY)
    assert short.files() == kept  # they are there, and belong to nothing
    left = short.oldest()
    assert left > before
    short.open()
    assert short.oldest() == left
    short.application.compact()
    assert short.oldest() == left
    assert len(short.files()) < len(kept)
