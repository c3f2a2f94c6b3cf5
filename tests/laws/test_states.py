"""Events as a state: however they are told, and whenever it is looked, a slot is bad where an event touches it."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.units import DAY, MINUTE
from upheld.measurements.events import ServiceEvent
from upheld.measurements.model import Measurement, from_table, holding, to_table
from upheld.ports import Adoption
from upheld.process.assessing.in_force import InForce, in_force
from upheld.process.assessing.stating import BACK, Stating
from upheld.readers.portfolio import parse_portfolio
from upheld.store import SqlStore, open_store
from upheld.store.transactions import SqlTransaction

START = 1_780_272_000_000_000
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [web, shop]
    objectives:
      - id: by-minute
        indicator: {kind: availability, metric: outage, good_when: ">= 1", slot: 1m, missing: good}
        period: {calendar: month}
        target: 99.9 %
      - id: by-three
        indicator: {kind: availability, metric: outage, good_when: ">= 1", slot: 3m, missing: good}
        period: {calendar: month}
        target: 99.9 %
      - id: alerts
        indicator: {kind: availability, metric: firing, good_when: "< 1", slot: 1m, missing: good}
        period: {calendar: month}
        target: 99.9 %
"""


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        return self.at


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("states") / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


def current(version: int = 1) -> InForce:
    return in_force(Adoption(version, PORTFOLIO, START), parse_portfolio(PORTFOLIO, "portfolio"))


class Log:
    def __init__(self, template: Path) -> None:
        path = template.with_name("one.db")
        for old in path.parent.glob("one.db*"):
            old.unlink()
        shutil.copy(template, path)
        self.store: SqlStore = open_store(f"sqlite:///{path}")
        self.clock, self.current = Clock(), current()
        self.restart()

    def restart(self) -> None:
        self.stating = Stating(self.store, self.store, self.clock, lambda tenant, rows: self.store.append(tenant, rows))

    def tell(self, *events: ServiceEvent) -> None:
        with self.store.transaction("t") as t:
            t.add_service_events(events)

    def run(self) -> None:
        self.stating.run("t", self.current)

    def bad(self, slot: int, service: str = "web") -> set[int]:
        """The slots, by their number since the start, that have a measurement that is bad."""
        rows = [row for _, batch, _ in self.store.read("t") for row in from_table(batch)]
        held = [row for row in holding(rows).values() if (row.service, row.metric) == (service, "outage")]
        return {(row.time - START) // slot for row in held if row.value == 0}


def event(number: int, opened: int, closed: int | None, known_at: int, service: str = "web") -> ServiceEvent:
    return ServiceEvent(service, "outage", opened, closed, event=str(number), known_at=known_at)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int | None]:
    """An opening and a closing in seconds from the start."""
    opened = draw(st.integers(0, 1200))
    return opened, draw(st.one_of(st.none(), st.integers(opened, opened + 900)))


tellings = st.lists(st.tuples(st.integers(1, 3), spans(), st.integers(0, 400)), min_size=1, max_size=8)
SECOND = 1_000_000


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tellings, st.data())
def test_whatever_is_corrected_and_whenever_it_is_looked_a_slot_is_bad_where_an_event_touches_it(
    template: Path, told: list[tuple[int, tuple[int, int | None], int]], data: st.DataObject
) -> None:
    log = Log(template)
    log.clock.at = START + 1200 * SECOND
    last: dict[int, tuple[int, int | None]] = {}
    for number, (opened, closed), wait in told:
        log.clock.at += wait * SECOND
        what = data.draw(st.sampled_from(["look", "no look", "restart", "killed", "store away"]))
        if what in ("killed", "store away"):  # what it came to is in the log, and not that it came so far
            log.tell(event(9, START, START, log.clock.at))  # touches nothing
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(SqlTransaction, "save_stated", away)
                with pytest.raises(OSError, match="away"):
                    log.run()
        if what in ("killed", "restart"):
            log.restart()
        if what != "no look":
            log.run()
        shut = None if closed is None else START + closed * SECOND
        log.tell(event(number, START + opened * SECOND, shut, log.clock.at))
        log.clock.at += 1
        last[number] = opened, closed
    log.run()
    now = (log.clock.at - START) / SECOND
    for slot in (60, 180):
        expected = {
            number
            for number in range(int(now // slot) + 1)
            for opened, closed in last.values()
            if _touches(number * slot, slot, opened, now + 1e-6 if closed is None else min(closed, now + 1e-6))
        }
        assert log.bad(slot * SECOND) == expected
    before = sum(batch.num_rows for _, batch, _ in log.store.read("t"))
    log.restart()
    log.run()
    assert sum(batch.num_rows for _, batch, _ in log.store.read("t")) == before  # nothing is stated twice
    log.store.close()


def away(*_: object) -> None:
    raise OSError("the store is away")


def _touches(start: float, length: float, opened: float, closed: float) -> bool:
    return max(start, opened) < min(start + length, closed)


def test_what_others_measure_of_the_metric_stays_as_it_is(template: Path) -> None:
    log = Log(template)
    probe = Measurement("web", "outage", START + 5 * SECOND, 0.0, known_at=START)
    log.store.append("t", to_table([probe]))
    log.clock.at += 10 * MINUTE
    log.tell(event(1, START, START + 3 * MINUTE, log.clock.at))
    log.run()
    log.tell(event(1, START + 2 * MINUTE, START + 3 * MINUTE, log.clock.at + 1))
    log.run()
    assert log.bad(MINUTE) == {0, 2}  # the probe's, and what is left of the event
    log.store.close()


def test_only_what_an_objective_reads_as_down_is_stated_and_no_further_back_than_is_assessed(template: Path) -> None:
    log = Log(template)
    assert set(log.current.states) == {("web", "outage"), ("shop", "outage")}
    assert log.current.states["web", "outage"] == [MINUTE, 3 * MINUTE]
    log.clock.at = START + BACK
    log.tell(event(1, START - 9 * DAY, START + MINUTE, START), event(2, START, None, START, service="shop"))
    log.run()
    rows = [row for _, batch, _ in log.store.read("t") for row in from_table(batch)]
    assert min(row.time for row in rows) == START
    assert {row.service for row in rows if row.time > START + MINUTE} == {"shop"}
    log.store.close()


def test_a_portfolio_that_reads_it_now_is_given_what_was_told_before(template: Path) -> None:
    log = Log(template)
    log.clock.at += 10 * MINUTE
    log.current = in_force(Adoption(1, "", START), parse_portfolio(PORTFOLIO.replace("outage", "other"), "portfolio"))
    log.tell(event(1, START, START + 2 * MINUTE, START))
    log.run()
    assert log.bad(MINUTE) == set()
    log.current = current(version=2)
    log.run()
    assert log.bad(MINUTE) == {0, 1}
    log.store.close()
