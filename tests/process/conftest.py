"""A small provider with a real store, a real mail relay and a clock that is turned by hand."""

import mailbox
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from upheld.agreements.units import MINUTE, SECOND, parse_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.demo.mail import start_mail_catcher
from upheld.measurements.model import Measurement, to_table
from upheld.notices.links import Question
from upheld.readers.portfolio import parse_portfolio

PORTFOLIO = """
agreements:
  - id: acme-vpn-gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-01-01}
    services: [vpn-0042, vpn-0043]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: day}
        target: 99.5 %                     # 1,440 slots: 7.2 may be bad
        warning: {budget_spent: 50 %}      # from 4 bad slots
        credits: [{below: 99.5 %, share: 10 %}]
    charge: {vpn-0042: {amount: 1200.00, currency: EUR}}
    notices:
      violation: {within: 15m, to: [customer.noc, account-manager]}
      degradation: {within: 30m, to: [account-manager]}
      maintenance: {lead_time: 2d, reminder: 1d, to: [customer.noc]}
    confirmation: {to: [customer.noc], remind_after: 1d, close_after: 3d}
    exclusions: [planned_maintenance]
customers:
  - id: acme
    name: Acme GmbH
    contacts: {noc: [{email: noc@acme.example}]}
provider:
  id: carrier
  name: Carrier
  contacts: {account-manager: [{email: am@carrier.example}]}
resources:
  - {id: switch-1, carries: [vpn-0042, vpn-0043]}
"""
START = parse_instant("2026-06-01T00:00:00+02:00")  # a day of Berlin begins


@dataclass
class HandClock:
    at: int
    ticks: int = 0
    """By how much it goes on at each look (microseconds), as a real clock does."""

    def now(self) -> int:
        self.at += self.ticks
        return self.at


class World:
    """One installation. Minutes pass by `deliver`, one measurement each, with the process running after each."""

    source = PORTFOLIO
    measured: Mapping[str | None, Sequence[str]] = {}
    """What `minute` measures, by who delivers it."""

    def __init__(self, directory: Path, clock_ahead: int = 0) -> None:
        self.directory, self.clock = directory, HandClock(START + clock_ahead)
        self.relay = start_mail_catcher(directory / "mail")
        self.settings = Settings(
            database_url=f"sqlite:///{directory / 'upheld.db'}",
            smtp_port=self.relay.port,
            public_url="https://assurance.carrier.example",
            assessment_delay=0,
            restored_after=300,
        )
        self.application = Application(self.settings, self.clock)
        self.application.first_key()
        self.process = self.application.process
        self.adopt(PORTFOLIO)

    def adopt(self, source: str, measured: Mapping[str | None, Sequence[str]] | None = None) -> None:
        """Puts a portfolio in force; `measured` is what `minute` measures from now on."""
        self.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
        self.measured = self.measured if measured is None else measured

    def restart(self) -> None:
        """What a crash leaves: nothing but the disk."""
        self.application = Application(self.settings, self.clock)
        self.process = self.application.process

    def stop_relay(self) -> None:
        """The relay is down; stopping it twice does no harm."""
        if self.relay.loop.is_running():
            self.relay.stop()

    def start_relay(self) -> None:
        """The relay that was down is there again."""
        self.relay = start_mail_catcher(self.directory / "mail", self.relay.port)

    def run(self) -> None:
        """Lets the process do all that is to be done now."""
        self.process.pulse(DEFAULT_TENANT)
        while self.application.performer.work():
            pass

    def deliver(self, *values: float | None, service: str = "vpn-0042") -> None:
        """One minute for each value (None: nothing is measured)."""
        for value in values:
            if value is not None:
                self.take(Measurement(service, "reachable", self.clock.at, value, known_at=self.clock.at))
            self.pass_time(MINUTE)

    def minute(self, *bad: str, left_out: Sequence[str] = (), by: str | None = None) -> None:
        """A minute in which these services were bad, those `left_out` were not measured, and all others good;
        delivered by `by`, or else by whom they are `measured`."""
        at = self.clock.at
        for sender, services in self.measured.items():
            rows = [
                Measurement(name, "reachable", at, float(name not in bad), known_at=at)
                for name in services
                if name not in left_out
            ]
            self.process.take_measurements(DEFAULT_TENANT, to_table(rows), by or sender)
        self.pass_time(MINUTE)

    def gathered(self) -> None:
        """What is owed to those whom a problem hits is told. Slots begin on the minute: the clock is put back."""
        self.pass_time(11 * SECOND)
        self.clock.at -= 11 * SECOND

    def take(self, *measurements: Measurement) -> None:
        self.process.take_measurements(DEFAULT_TENANT, to_table(measurements))

    def pass_time(self, duration: int) -> None:
        self.clock.at += duration
        self.run()

    def transaction(self):
        return self.application.store.transaction(DEFAULT_TENANT, writing=False)

    def cases(self) -> Sequence[Case]:
        with self.transaction() as t:
            return t.cases()

    def problems(self, *, only_open: bool = False) -> Sequence[Problem]:
        with self.transaction() as t:
            return t.problems(only_open=only_open)

    def case(self) -> Case:
        (case,) = self.cases()
        return case

    def event_types(self) -> list[str]:
        with self.transaction() as t:
            return [e.type for e in t.events(self.case().id)]

    def mails(self, to: str | None = None) -> list[Message]:
        found = list(mailbox.Maildir(str(self.directory / "mail")))
        return sorted(
            (m for m in found if to is None or to in m["To"]), key=lambda m: (m["Date"] or "", m["Message-ID"] or "")
        )

    def answer(self, solved: bool) -> str:
        case = self.case()
        return self.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "noc@acme.example", solved, "")

    def question_in_mail(self) -> Question:
        """What the link in the newest mail with a question asks."""
        bodies = [_text(m) for m in self.mails("noc@acme.example")]
        tokens = [b.split("/confirm/")[1].split()[0] for b in bodies if "/confirm/" in b]
        return self.application.links.read_question(tokens[-1])


def _text(message: Message) -> str:
    part = next(p for p in message.walk() if p.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


@pytest.fixture
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    built: list[World] = []

    def make(clock_ahead: int = 0) -> World:
        built.append(World(tmp_path_factory.mktemp("world"), clock_ahead))
        return built[-1]

    yield make
    for world in built:
        world.stop_relay()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()
