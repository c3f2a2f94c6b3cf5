"""Whole days of a provider, simulated with a seed: services fail one by one and together, data comes late and is
corrected, exclusions are granted, works are planned, moved and cancelled, customers answer or do not, the relay and the
ticket system are down for hours, the clock jumps, and the process is killed before and after what it commits, with two
workers at the agenda in turns.

The process, its store, its relay and its ticket system are real; only the clock, the faults and the people are not.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import event

from simulation.outside import Relay, TicketSystem
from upheld.agreements.units import HOUR, MINUTE, parse_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.cases.decide import AskAgain, Resolve, Update
from upheld.cases.model import Case
from upheld.maintenance.model import Maintenance
from upheld.maintenance.window import planned_in
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.readers.portfolio import parse_portfolio

START = parse_instant("2026-06-01T00:00:00Z")
CUSTOMERS, OF_A_CUSTOMER, OF_A_SWITCH = 4, 6, 8
SERVICES = [f"vpn-{n}" for n in range(CUSTOMERS * OF_A_CUSTOMER)]
STEP = 2
"""Minutes that pass between two looks of the process."""
SECRET = "whsec_" + "c2ltdWxhdGlvbi1zZWNyZXQtb2YtMzItYnl0ZXMtb2s="


class Killed(BaseException):
    """What `kill -9` is to the process: no handler of its own sees it."""


@dataclass
class HandClock:
    at: int
    looks: int = 0

    def now(self) -> int:
        """A little later at each look, as it is of a real clock."""
        self.looks += 1
        return self.at + self.looks % MINUTE


@dataclass
class Happened:
    """What the simulation did, to be told with a failure."""

    kills: int = 0
    outages: int = 0
    storms: int = 0
    late: int = 0
    corrected: int = 0
    exclusions: int = 0
    answers: dict[str, int] = field(default_factory=lambda: {"yes": 0, "no": 0, "none": 0})
    late_answers: dict[str, int] = field(default_factory=lambda: {"yes": 0, "no": 0})
    after_all: int = 0
    relay_down: int = 0
    tickets_down: int = 0
    jumps: int = 0
    resolved: int = 0
    works: dict[str, int] = field(default_factory=lambda: {"planned": 0, "changed": 0, "cancelled": 0})


@dataclass(frozen=True, slots=True)
class Said:
    """What a contact says to round `asked` of the question of a case, perhaps after all."""

    case: str
    asked: int
    contact: str
    solved: bool
    after_all: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The windows that a work has from `at` on; none once it is cancelled."""

    work: str
    at: int
    windows: tuple[tuple[int, int], ...]


def services_of(customer: int) -> list[str]:
    return SERVICES[customer * OF_A_CUSTOMER : (customer + 1) * OF_A_CUSTOMER]


def portfolio() -> str:
    agreements = "".join(
        f"""
  - id: sla-{n}
    customer: customer-{n}
    valid: {{from: 2026-01-01}}
    services: [{", ".join(services_of(n))}]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}}
        period: {{calendar: day}}
        target: 99.5 %
        warning: {{budget_spent: 50 %}}
        credits: [{{below: 99.5 %, share: 10 %}}]
    charge: {{{", ".join(f"{service}: {{amount: 100.00, currency: EUR}}" for service in services_of(n))}}}
    notices:
      violation: {{within: 15m, to: [customer.noc, manager]}}
      degradation: {{within: 30m, to: [manager]}}
      maintenance: {{lead_time: 2h, reminder: 1h, to: [customer.noc]}}
    handling:
      fixed_within: 4h
      update_every: 1h
      resolution: {{within: 6h, working_days: null, manager: [boss]}}
    confirmation: {{to: [customer.noc], asked_within: 2h, remind_after: 6h, close_after: 1d, reopen_within: 12h}}
    exclusions: [force_majeure]"""
        for n in range(CUSTOMERS)
    )
    parties = "".join(
        f"\n  - {{id: customer-{n}, name: Customer {n}, contacts: {{noc: "
        f"[{{email: noc@customer-{n}.example}}, {{email: it@customer-{n}.example}}]}}}}"
        for n in range(CUSTOMERS)
    )
    switches = "".join(
        f"\n  - {{id: switch-{n}, carries: [{', '.join(SERVICES[n * OF_A_SWITCH : (n + 1) * OF_A_SWITCH])}]}}"
        for n in range(len(SERVICES) // OF_A_SWITCH)
    )
    contacts = "{manager: [{email: manager@carrier.example}], boss: [{email: boss@carrier.example}]}"
    provider = f"{{id: carrier, name: Carrier, contacts: {contacts}}}"
    return f"agreements:{agreements}\ncustomers:{parties}\nprovider: {provider}\nresources:{switches}\n"


class Days:
    """One simulation. `run` lives through so many days, then lets everything that waits come to its end."""

    def __init__(self, folder: Path, seed: int, relay: Relay, tickets: TicketSystem) -> None:
        self.clock, self.happened = HandClock(START), Happened()
        # What fails is drawn apart from when the process dies, so that one more transaction of ours leaves the
        # faults of a seed as they are.
        self.draw, self.death, self.people, self.owners, self.doubts, self.planners = (
            random.Random(f"{seed} {of}") for of in ("faults", "death", "people", "owners", "doubts", "planners")
        )
        self.relay, self.tickets = relay, tickets
        self.settings = Settings(
            database_url=f"sqlite:///{folder / 'upheld.db'}",
            smtp_port=relay.port,
            public_url="https://assurance.example",
            assessment_delay=0,
            restored_after=300,
            ticket_webhook=tickets.url,
            ticket_secret=SECRET,
            allowed_callbacks=("127.0.0.0/8",),
        )
        self._mortal = False
        self._bad_until: dict[str, int] = {}
        self._held: list[tuple[int, Measurement]] = []
        self._answered: set[tuple[str, int]] = set()
        self._to_say: list[tuple[int, Said]] = []
        self.said: list[Said] = []
        self._works: dict[str, Maintenance] = {}
        self._to_plan: Maintenance | None = None
        self.plans: list[Plan] = []
        self.lived_until = START
        self._relay_up_at = self._tickets_up_at = START
        self.workers = [self._start(), self._start()]
        self.workers[0].first_key()
        source = portfolio()
        self.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))

    @property
    def process(self):  # type: ignore[no-untyped-def]
        """The process of the worker that assesses."""
        return self.workers[0].process

    def run(self, days: float) -> None:
        self._mortal = True
        for _ in range(int(days * 24 * 60 / STEP)):
            for _ in range(STEP):
                self._minute()
            self._faults()
            self._alive(self._work)
            self._alive(self._people)
            self._alive(self._planners)
        self._mortal = False
        self.lived_until = self.clock.at
        self._come_to_an_end()

    # -- the process, and its death ------------------------------------------------------------------------------

    def _start(self) -> Application:
        application = Application(self.settings, self.clock)
        engine = application.store._engine  # type: ignore[attr-defined]
        for instant in ("begin", "commit"):
            event.listen(engine, instant, self._perhaps_die)
        return application

    def _perhaps_die(self, _: object) -> None:
        if self._mortal and self.death.random() < 0.0006:
            raise Killed

    def _alive(self, work: Callable[[], None]) -> None:
        """Does some work; where the process is killed at it, both workers are gone, and are started anew."""
        try:
            work()
        except Killed:
            self.happened.kills += 1
            for worker in self.workers:
                worker.store._engine.dispose()  # type: ignore[attr-defined]
            self.workers = [self._start(), self._start()]

    def _work(self) -> None:
        self.process.pulse(DEFAULT_TENANT)
        for _ in range(200):
            if not sum(self.death.choice(self.workers).performer.work() for _ in range(2)):
                return

    # -- what happens --------------------------------------------------------------------------------------------

    def _minute(self) -> None:
        at = self.clock.at
        if self.draw.random() < 0.02:
            self.happened.outages += 1
            self._bad_until[self.draw.choice(SERVICES)] = at + self.draw.randint(2, 40) * MINUTE
        if self.draw.random() < 0.002:
            self.happened.storms += 1
            switch = self.draw.randrange(len(SERVICES) // OF_A_SWITCH)
            until = at + self.draw.randint(3, 60) * MINUTE
            self._bad_until |= dict.fromkeys(SERVICES[switch * OF_A_SWITCH : (switch + 1) * OF_A_SWITCH], until)
        rows = [row for due, row in self._held if due <= at]
        self._held = [(due, row) for due, row in self._held if due > at]
        for service in SERVICES:
            row = Measurement(service, "reachable", at, float(self._bad_until.get(service, 0) <= at), known_at=at)
            if self.draw.random() < 0.002:
                self.happened.late += 1
                self._held.append((at + self.draw.randint(5, 90) * MINUTE, row))
            else:
                rows.append(row)
            if not row.value and self.draw.random() < 0.01:
                self.happened.corrected += 1
                self._held.append((at + self.draw.randint(5, 90) * MINUTE, Measurement(service, "reachable", at, 1.0)))
        known = [Measurement(r.service, r.metric, r.time, r.value, known_at=at) for r in rows]
        self._alive(lambda: self.process.take_measurements(DEFAULT_TENANT, to_table(known)) and None)
        self.clock.at += MINUTE

    def _faults(self) -> None:
        at = self.clock.at
        if self.draw.random() < 0.004:
            self.happened.relay_down += 1
            self.relay.down()
            self._relay_up_at = at + self.draw.randint(10, 240) * MINUTE
        if at >= self._relay_up_at:
            self.relay.up()
        if self.draw.random() < 0.003:
            self.happened.tickets_down += 1
            self.tickets.is_up, self._tickets_up_at = False, at + self.draw.randint(30, 360) * MINUTE
        if at >= self._tickets_up_at:
            self.tickets.is_up = True
        if self.draw.random() < 0.0015:
            self.happened.jumps += 1
            self.clock.at += self.draw.randint(2, 30) * MINUTE
        if self.draw.random() < 0.004:
            self.happened.exclusions += 1
            start = at - self.draw.randint(10, 120) * MINUTE
            service = self.draw.choice(SERVICES)
            exclusion = Exclusion(service, start, at, "force_majeure", "Grace Hopper", known_at=at)
            self._alive(lambda: self.process.grant_exclusion(DEFAULT_TENANT, f"x-{at}", exclusion))

    def _people(self) -> None:
        """Customers who are asked answer, or do not, and some of their colleagues only when the case may be closed;
        operators write, put down what it was, or do not, and ask again what was rejected."""
        with self.workers[0].store.transaction(DEFAULT_TENANT, writing=False) as t:
            cases, owed = t.open_cases(), t.owed_resolutions()
        for one in owed:
            if self.owners.random() < 0.008:
                self.happened.resolved += 1
                resolve = self.process.cases.resolve_problem if one.is_of_problem else self.process.cases.resolve
                resolve(DEFAULT_TENANT, one.subject, Resolve("a card", "replaced", "ada"))
        for case in cases:
            if case.state == "confirming" and (case.id, case.asked) not in self._answered:
                self._answered.add((case.id, case.asked))
                self._make_up_minds(case)
            elif case.reopened_at is not None and case.state in ("reopened", "acting") and self.people.random() < 0.02:
                self.process.cases.command(DEFAULT_TENANT, case.id, AskAgain("ada"))
            elif self.people.random() < 0.005:
                self.process.cases.command(DEFAULT_TENANT, case.id, Update("A card is being replaced.", "ada"))

        self._say()

    def _make_up_minds(self, case: Case) -> None:
        """What the contacts of a case that is asked about will say, and when."""
        at = self.clock.at
        said = self.people.choices(["yes", "no", "none"], [6, 1, 3])[0]
        self.happened.answers[said] += 1
        if said != "none":
            self._to_say.append((at, Said(case.id, case.asked, "customer.noc/0", said == "yes")))
        if said == "yes" and self.doubts.random() < 0.2:
            self.happened.after_all += 1
            when = at + self.doubts.randint(10, 16 * 60) * MINUTE
            self._to_say.append((when, Said(case.id, case.asked, "customer.noc/0", False, after_all=True)))
        if self.people.random() < 0.3:
            late = self.people.choice(["yes", "no"])
            self.happened.late_answers[late] += 1
            when = at + self.people.randint(0, 40 * 60) * MINUTE
            self._to_say.append((when, Said(case.id, case.asked, "customer.noc/1", late == "yes")))

    def _say(self) -> None:
        """Says what it is time to say. Who is cut off by a kill says it again: it is on record already, or not yet."""
        for one in [one for one in self._to_say if one[0] <= self.clock.at]:
            said = one[1]
            came = self.process.cases.answer(
                DEFAULT_TENANT,
                said.case,
                said.asked,
                said.contact,
                said.solved,
                "as it is for us",
                4,
                after_all=said.after_all,
            )
            self._to_say.remove(one)
            if came != "too_late":
                self.said.append(said)

    def _planners(self) -> None:
        """Works of one to three windows are planned, moved as a whole or in their last window, and cancelled. Who is
        cut off by a kill does the same again."""
        if self._to_plan is None and self.planners.random() < 0.04:
            self._to_plan = self._thought_of()
        if self._to_plan is None:
            return
        work, works = self._to_plan, self.process.works
        what = "cancelled" if work.state == "cancelled" else "changed" if work.id in self._works else "planned"
        if what == "cancelled":
            works.cancel(DEFAULT_TENANT, work.id)
        else:
            (works.change if what == "changed" else works.plan)(DEFAULT_TENANT, work)
        self._to_plan = None
        self.happened.works[what] += 1
        self._works[work.id] = work
        self.plans.append(Plan(work.id, self.clock.at, () if what == "cancelled" else work.spans))

    def _thought_of(self) -> Maintenance:
        now, draw = self.clock.at, self.planners
        soon = now + draw.randint(20, 300) * MINUTE
        coming = [w for w in self._works.values() if w.state == "planned" and w.start > now + 30 * MINUTE]
        if not coming or draw.random() < 0.5:
            spans = [(soon + n * 90 * MINUTE, soon + n * 90 * MINUTE + HOUR) for n in range(draw.randint(1, 3))]
            number = draw.randrange(len(SERVICES) // OF_A_SWITCH)
            name = f"work-{len(self._works)}"
            return Maintenance(
                id=name,
                title=name,
                services=(f"switch-{number}",),
                approved_by="ada",
                planned_at=now,
                **planned_in(spans),
            )
        work, by = draw.choice(coming), draw.randint(5, 60) * MINUTE
        *others, last = work.spans
        match draw.choice(["move", "move the last", "drop the last", "cancel"]):
            case "move":
                return replace(work, **planned_in((start + by, end + by) for start, end in work.spans))
            case "move the last":
                return replace(work, **planned_in([*others, (last[0] + by, last[1] + by)]))
            case "drop the last" if others:
                return replace(work, **planned_in(others))
        return replace(work, state="cancelled")

    def _come_to_an_end(self) -> None:
        """All is well again for two days: what waits is done, and what is asked is answered or closed."""
        self.relay.up()
        self.tickets.is_up = True
        self._bad_until = {}
        for _ in range(10):
            self._minute()
        for row in [row for _, row in self._held]:
            known = Measurement(row.service, row.metric, row.time, row.value, known_at=self.clock.at)
            self.process.take_measurements(DEFAULT_TENANT, to_table([known]))
        self._held = []
        for _ in range(8):
            for _ in range(6):
                self._minute()
            self._work()
            self.clock.at += 6 * HOUR
            self._work()
            self._say()
            with self.workers[0].store.transaction(DEFAULT_TENANT, writing=False) as t:
                rejected = [case for case in t.open_cases() if case.reopened_at is not None]
            for case in rejected:
                self.process.cases.command(DEFAULT_TENANT, case.id, AskAgain("ada"))
        self.clock.at += 2 * HOUR
        self._work()
