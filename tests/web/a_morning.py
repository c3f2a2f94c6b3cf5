"""Two tenants of one installation with a real store, a real relay and a clock that is turned by hand: `default` with a
morning on which a line failed, and `rival`, of which nobody else may see anything."""

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fastapi.testclient import TestClient

from upheld.access import SESSION_COOKIE, new_key
from upheld.agreements.units import HOUR, MINUTE, parse_instant
from upheld.analysis.model import Change
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.cases.model import Case
from upheld.demo.mail import start_mail_catcher
from upheld.maintenance.model import Maintenance
from upheld.measurements.dead_letters import DeadLetter
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.notices.links import Question
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app

PORTFOLIO = """
provider:
  id: northern
  name: Northern Networks
  time_zone: Europe/Berlin
  contacts: {account-manager: [{email: am@northern.example}]}
customers:
  - id: acme
    name: Acme Logistics GmbH
    time_zone: Europe/Berlin
    contacts: {noc: [{email: noc@acme.example}]}
  - id: riverbank
    name: Riverbank Savings
    contacts: {noc: [{email: desk@riverbank.example}]}
resources:
  - {id: agg-switch-3, carries: [vpn-0042, vpn-0043]}
agreements:
  - id: acme-vpn-gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-01-01}
    services: [vpn-0042, vpn-0043]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m, missing: exclude}
        period: {calendar: day}
        target: 99.5 %                     # 1,440 slots: 7.2 may be bad
        warning: {budget_spent: 50 %}      # from 4 bad slots
        credits: [{below: 99.5 %, share: 10 %}, {below: 95.0 %, share: 25 %}]
      - id: latency
        indicator: {kind: aggregate, metric: rtt_ms, aggregate: p95}
        period: {calendar: day}
        target: "<= 40"
        warning: {target: "<= 35"}
    charge: {vpn-0042: {amount: 1200.00, currency: EUR}}
    credit_cap: 50 %
    notices:
      violation: {within: 15m, to: [customer.noc, account-manager]}
      degradation: {within: 30m, to: [account-manager]}
      maintenance: {lead_time: 5d, reminder: 1d, to: [customer.noc]}
    confirmation: {to: [customer.noc], remind_after: 1d, close_after: 3d}
    exclusions: [planned_maintenance, customer_cause]
  - id: riverbank-web
    customer: riverbank
    time_zone: Europe/London
    valid: {from: 2026-01-01}
    services: [web-riverbank]
    objectives:
      - id: requests
        indicator: {kind: ratio, metric: requests, slot: 5m, weighting: events}
        period: {calendar: month}
        target: 99.9 %
        warning: {budget_spent: 75 %}
    notices:
      violation: {within: 15m, to: [customer.noc]}
      maintenance: {lead_time: 2d, to: [customer.noc]}
"""
RIVAL_PORTFOLIO = """
provider: {id: hidden-provider, name: Hidden Carrier}
customers: [{id: hidden-bank, name: Hidden Bank, contacts: {noc: [{email: noc@hidden.example}]}}]
agreements:
  - id: hidden-deal
    customer: hidden-bank
    valid: {from: 2026-01-01}
    services: [hidden-line]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: day}
        target: 99.9 %
    notices:
      violation: {within: 15m, to: [customer.noc]}
      maintenance: {lead_time: 1d, to: [customer.noc]}
"""
RIVAL = "rival"
START = parse_instant("2026-06-01T05:00:00Z")


@dataclass
class HandClock:
    at: int

    def now(self) -> int:
        return self.at


class World:
    """The installation, its two operators' keys, and what happened on the morning."""

    def __init__(self, directory: Path, after: "World | None" = None) -> None:
        """`after`: another world, whose database and keys this one goes on with."""
        self.directory, self.clock = directory, HandClock(after.clock.at if after else START)
        self.relay = start_mail_catcher(directory / "mail")
        if after is not None:
            _copy(after.directory / "upheld.db", directory / "upheld.db")
        settings = Settings(
            database_url=f"sqlite:///{directory / 'upheld.db'}",
            smtp_port=self.relay.port,
            mail_from="Assurance <sla@assurance.example>",
            public_url="http://testserver",
            assessment_delay=0,
            restored_after=300,
            mail_catcher=directory / "mail",
        )
        self.application = Application(settings, self.clock)
        self.process, self.store = self.application.process, self.application.store
        self.app = create_app(self.application)
        if after is not None:
            self.key, self.rival_key = after.key, after.rival_key
        else:
            self._begin()

    def _begin(self) -> None:
        key = self.application.first_key()
        assert key is not None
        self.key = key
        self.store.add_tenant(RIVAL, "Rival")
        self.rival_key = self.add_key(RIVAL, "operator")
        for tenant, source in ((DEFAULT_TENANT, PORTFOLIO), (RIVAL, RIVAL_PORTFOLIO)):
            self.process.adopt_portfolio(tenant, source, parse_portfolio(source, "portfolio.yaml"))

    def add_key(self, tenant: str, role: str) -> str:
        secret, key = new_key(tenant, role, role, self.clock.at)
        self.store.add_key(key)
        return secret

    # -- what happens

    def run(self) -> None:
        """Lets the process do all that is to be done now."""
        for tenant in (DEFAULT_TENANT, RIVAL):
            self.process.pulse(tenant)
        while self.application.performer.work():
            pass

    def deliver(self, tenant: str, service: str, metric: str, minutes: int, value: float) -> None:
        """`minutes` measurements of one value, from now on; the clock stays."""
        at = range(self.clock.at, self.clock.at + minutes * MINUTE, MINUTE)
        batch = [Measurement(service, metric, time, value, known_at=time) for time in at]
        self.process.take_measurements(tenant, to_table(batch))

    def pass_minutes(self, minutes: int, *, vpn_0042: float = 1.0) -> None:
        """All services deliver for some minutes, then the process runs."""
        self.deliver(DEFAULT_TENANT, "vpn-0042", "reachable", minutes, vpn_0042)
        self.deliver(DEFAULT_TENANT, "vpn-0043", "reachable", minutes, 1.0)
        self.deliver(DEFAULT_TENANT, "vpn-0042", "rtt_ms", minutes, 21.5)
        self.deliver(DEFAULT_TENANT, "vpn-0043", "rtt_ms", minutes, 37.25)
        self.deliver(RIVAL, "hidden-line", "reachable", minutes, vpn_0042)
        slots = range(-(-self.clock.at // (5 * MINUTE)), -(-(self.clock.at + minutes * MINUTE) // (5 * MINUTE)))
        counts = [Measurement("web-riverbank", "requests", s * 5 * MINUTE, None, 99_970, 100_000) for s in slots]
        if counts:
            self.process.take_measurements(DEFAULT_TENANT, to_table(counts))
        self.clock.at += minutes * MINUTE
        self.run()

    def have_the_morning(self) -> None:
        """A quiet hour with an excluded test; from 06:00 vpn-0042 is down for 14 minutes, then good, and the customer
        is asked."""
        test = Exclusion("vpn-0042", START + 20 * MINUTE, START + 32 * MINUTE, "customer_cause", "J. Meyer")
        self.process.grant_exclusion(DEFAULT_TENANT, "x-1", test)
        self.pass_minutes(50)
        swap = Change("chg-77", self.clock.at, "Optics of agg-switch-3 port 7 replaced", ("vpn-0042",), "field team")
        self.process.record_change(DEFAULT_TENANT, swap)
        self.pass_minutes(10)
        for minutes in (5, 6, 3):
            self.pass_minutes(minutes, vpn_0042=0.0)
        self.pass_minutes(7)
        self.plan(DEFAULT_TENANT, "MW-SOON", "Firmware of agg-switch-3", 2, ("vpn-0042", "vpn-0043"))
        self.plan(DEFAULT_TENANT, "MW-LATER", "Power supply in Frankfurt", 9, ("vpn-0042", "web-riverbank"))
        self.plan(RIVAL, "MW-HIDDEN", "Hidden work", 3, ("hidden-line",))
        self.notice(DEFAULT_TENANT, "lumen", "vpn-0042", "XY/9-<b>")
        self.notice(RIVAL, "hidden-supplier", "hidden-line")
        self.deliver_badly(DEFAULT_TENANT, "<b>vpn-0099")
        self.deliver_badly(RIVAL, "hidden-other")
        self.run()
        self.clock.at += 4 * MINUTE

    def deliver_badly(self, tenant: str, service: str) -> None:
        """A batch of one row, of a service that no agreement names, which is set aside."""
        row = f'{{"service": "{service}", "metric": "reachable", "time": "2026-06-01T06:00:00Z", "value": 1}}\n'
        form, ingestion = "application/x-ndjson", self.application.ingestion
        batch = ingestion.read_measurements(tenant, form, row.encode(), self.clock.at)
        ingestion.set_rows_aside(tenant, form, row.encode(), batch, self.clock.at, "collector")

    def notice(self, tenant: str, provider: str, *circuits: str) -> None:
        """A supplier's notice of work, which waits for a person."""
        lines = [
            "DTSTART:20260618T210000Z",
            "DTEND:20260618T230000Z",
            "DTSTAMP:20260601T050000Z",
            f"SUMMARY:Splice <i>{provider}</i>",
            f"X-MAINTNOTE-PROVIDER:{provider}",
            "X-MAINTNOTE-MAINTENANCE-ID:CHG-7",
            *(f"X-MAINTNOTE-OBJECT-ID:{circuit}" for circuit in circuits),
            "X-MAINTNOTE-STATUS:CONFIRMED",
        ]
        body = "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""])
        self.application.noticeboard.take(tenant, body.encode(), "calendar lumen")

    def plan(self, tenant: str, work_id: str, title: str, days: int, services: tuple[str, ...]) -> None:
        start = parse_instant("2026-06-01T22:00:00Z") + (days - 1) * 24 * HOUR
        work = Maintenance(work_id, title, start, start + 2 * HOUR, services, "Change board", self.clock.at)
        self.process.works.plan(tenant, work)

    # -- looking

    def case(self, service: str = "vpn-0042", tenant: str = DEFAULT_TENANT) -> Case:
        with self.store.transaction(tenant, writing=False) as t:
            return next(c for c in t.cases() if c.service == service)

    def letter(self) -> DeadLetter:
        with self.store.transaction(DEFAULT_TENANT, writing=False) as t:
            return t.dead_letters()[0]

    def address(self, path: str) -> str:
        """An address with the ids of what there is."""
        confirm = self.confirm_path(self.case())
        return path.format(case=self.case().id, letter=self.letter().id, confirm=confirm)

    def confirm_path(self, case: Case, contact: str = "customer.noc/1") -> str:
        question = Question(DEFAULT_TENANT, case.id, case.asked, contact)
        return self.application.links.question_url(question).removeprefix("http://testserver")

    def everything(self) -> str:
        """All that the store holds of both tenants' cases, notices, work and agenda, to compare."""
        found = []
        for tenant in (DEFAULT_TENANT, RIVAL):
            with self.store.transaction(tenant, writing=False) as t:
                cases = t.cases()
                found.append(
                    [cases, [t.events(c.id) for c in cases], t.notices(), t.maintenances(), t.agenda(), t.tickets()]
                )
        return repr(found)

    def stranger(self) -> TestClient:
        return TestClient(self.app, follow_redirects=False)

    def operator(self, key: str | None = None) -> TestClient:
        """A browser that has signed in."""
        client = self.stranger()
        answer = client.post("/login", data={"key": key or self.key, "next": "/"})
        assert answer.status_code == 303, answer.text
        assert client.cookies.get(SESSION_COOKIE)
        return client

    def close(self) -> None:
        self.relay.stop()


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def csrf(page: str) -> str:
    """The token that a page's forms carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, "the page has a form with a token"
    return found[1]


def text_of(page: str) -> str:
    """The words of a page: tags gone, white space squeezed."""
    without = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", without).split())
