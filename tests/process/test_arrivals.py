"""The delay from a measurement's arrival to its verdict and to its notice, by a clock that is turned by hand."""

import pytest

from process.conftest import START, World
from upheld.agreements.units import MINUTE, SECOND
from upheld.app import DEFAULT_TENANT
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.process.assessing.arrivals import Arrivals

DELAY = 30 * SECOND
PERIOD = START, START + 1440 * MINUTE
REACHABLE = ("vpn-0042", "reachable")


def rows(*came: tuple[float, float], series: tuple[str, str] = REACHABLE):
    """(minute measured, minute it came at) after START."""
    return to_table(
        [
            Measurement(*series, START + int(at * MINUTE), 1.0, known_at=START + int(known * MINUTE))
            for at, known in came
        ]
    )


def due(arrivals: Arrivals, until: float, period: tuple[int, int] = PERIOD) -> float | None:
    """In minutes after START."""
    found = arrivals.due([REACHABLE], MINUTE, period, START + int(until * MINUTE), DELAY)
    return None if found is None else (found - START) / MINUTE


def test_a_slot_that_has_ended_was_due_after_its_delay() -> None:
    arrivals = Arrivals(0, START + 90 * SECOND)
    assert due(arrivals, 1.9) is None
    assert due(arrivals, 2) == 2.5
    assert due(arrivals, 7) == 2.5  # the first of them
    arrivals.all_kept(START + 7 * MINUTE)
    assert due(arrivals, 7.5) is None


def test_a_late_measurement_was_due_when_it_came() -> None:
    arrivals = Arrivals(0, START + 10 * MINUTE)
    arrivals.note(rows((3, 10.6), (4, 10.55), (10.2, 10.58)), position=7)
    arrivals.note(rows((5, 10.51), series=("vpn-0043", "reachable")), position=8)
    assert arrivals.position == 8
    assert due(arrivals, 10.2) == 10.55
    assert due(arrivals, 11) == 10.55
    arrivals.all_kept(START + int(10.2 * MINUTE))
    assert due(arrivals, 10.3) is None


def test_what_came_before_its_slot_could_be_assessed_was_due_with_the_slot() -> None:
    arrivals = Arrivals(0, START + 10 * MINUTE + 50 * SECOND)
    arrivals.note(rows((10.5, 11.2)), position=1)
    assert due(arrivals, 10.95) is None  # its slot is not over
    assert due(arrivals, 11) == 11.5


def test_nothing_of_another_period_or_series_counts() -> None:
    arrivals = Arrivals(0, START + 10 * MINUTE)
    arrivals.note(rows((3, 10.6)), position=1)
    arrivals.note(rows((3, 10.1), series=("vpn-0042", "rtt_ms")), position=2)
    assert due(arrivals, 10.5) == 10.6
    yesterday = START - 1440 * MINUTE, START
    assert due(arrivals, 12, yesterday) is None
    arrivals.note(rows((-3, 10.7)), position=3)
    assert due(arrivals, 12, yesterday) == 10.7


def test_before_the_first_assessment_nothing_is_late() -> None:
    arrivals = Arrivals(0, None)
    arrivals.note(rows((3, 10.6)), position=1)
    assert due(arrivals, 12) is None


class Waiting(World):
    """With a delay of half a minute, and a process that runs only when it is told to."""

    def __init__(self, directory, clock_ahead=0):
        super().__init__(directory, clock_ahead)
        self.settings = self.settings.model_copy(update={"assessment_delay": 30.0})
        self.restart()

    def at(self, minute: int, second: float = 0.0) -> "Waiting":
        self.clock.at = START + minute * MINUTE + int(second * SECOND)
        return self

    def pulse(self) -> None:
        self.process.pulse(DEFAULT_TENANT)

    def measure(self, minute: int, value: float) -> None:
        self.take(Measurement(*REACHABLE, START + minute * MINUTE, value, known_at=self.clock.at))

    def told(self, histogram: str) -> tuple[float, float]:
        """(how many, seconds in all) of a histogram, over its labels."""
        found = {"count": 0.0, "sum": 0.0}
        for family in self.application.telemetry.registry.collect():
            for sample in family.samples:
                for part in found:
                    if sample.name == f"{histogram}_{part}":
                        found[part] += sample.value
        return found["count"], round(found["sum"], 6)


@pytest.fixture
def waiting(tmp_path):
    world = Waiting(tmp_path)
    yield world
    world.stop_relay()


TO_VERDICT, TO_NOTICE = "upheld_arrival_to_verdict_seconds", "upheld_arrival_to_notice_seconds"


def test_the_delays_to_the_verdict_and_to_the_notice(waiting: Waiting) -> None:
    waiting.at(0, 5).measure(0, 1.0)
    waiting.at(2).pulse()
    assert waiting.told(TO_VERDICT) == (0, 0)  # the first look at all: nobody could have been quicker

    for minute in range(2, 5):
        waiting.at(minute, 5).measure(minute, 0.0)
    waiting.at(4, 32).pulse()  # up to 4:02; two services, due since the slot of minute 1 ended at 2:00
    assert waiting.told(TO_VERDICT) == (2, 2 * 122)
    waiting.at(5, 32).pulse()  # each slot was due two seconds ago
    assert waiting.told(TO_VERDICT) == (4, 2 * 122 + 2 * 2)

    waiting.at(5, 40).measure(1, 0.0)  # late, and the fourth bad slot: half of the budget is spent
    waiting.at(5, 44).pulse()
    assert waiting.told(TO_VERDICT) == (5, 248 + 4)
    assert waiting.told(TO_NOTICE) == (0, 0)
    waiting.stop_relay()
    waiting.at(5, 47).application.performer.work()  # nobody takes the mail
    assert waiting.told(TO_NOTICE) == (0, 0)


def test_a_notice_that_goes_out_is_told_with_its_delay_also_after_a_restart(waiting: Waiting) -> None:
    waiting.at(0, 5).measure(0, 1.0)
    waiting.at(5).pulse()
    waiting.at(5, 1).measure(0, 0.0)
    for minute in range(1, 4):
        waiting.measure(minute, 0.0)
    waiting.at(5, 4).pulse()
    waiting.restart()
    waiting.at(5, 11).pulse()
    assert waiting.told(TO_VERDICT) == (0, 0)  # the restart has changed no verdict
    while waiting.application.performer.work():
        pass
    assert [mail["To"] for mail in waiting.mails()] == ["am@carrier.example"]
    assert waiting.told(TO_NOTICE) == (1, 10)


def test_an_exclusion_that_changes_a_verdict_is_no_arrival(waiting: Waiting) -> None:
    waiting.at(0, 5).measure(0, 0.0)
    waiting.at(5).pulse()
    waiting.at(5, 3)
    waiting.process.grant_exclusion(
        DEFAULT_TENANT,
        "x",
        Exclusion("vpn-0042", START, START + MINUTE, "force majeure", approved_by="ops", known_at=waiting.clock.at),
    )
    changed = waiting.process.pulse(DEFAULT_TENANT)
    assert changed == 1
    assert waiting.told(TO_VERDICT) == (0, 0)
