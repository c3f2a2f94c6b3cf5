"""Counters: however their samples come, what is measured is what the plain rule makes of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.units import MINUTE
from upheld.measurements.counters import GAP, SUFFIX, Count, rise, rises_of
from upheld.measurements.model import from_table, holding
from upheld.store import SqlStore, open_store
from upheld.taking_in.counting import KEPT, Counting

Sample = tuple[int, float]
START = 1_780_272_000_000_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("counters") / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


class Log:
    """A real log, and the counting over it, which may be begun anew as after a restart or in another process."""

    def __init__(self, template: Path) -> None:
        path = template.with_name("one.db")
        for old in path.parent.glob("one.db*"):
            old.unlink()
        shutil.copy(template, path)
        self.store: SqlStore = open_store(f"sqlite:///{path}")
        self.counting = Counting(self.store)
        self.now = START

    def take(self, samples: list[Sample]) -> None:
        self.now += 1_000_000
        self.counting.take("t", _counts(samples), self.now, self.keep)

    def keep(self, table: pa.Table) -> None:
        self.store.append("t", table)

    def measured(self, metric: str = "drops") -> dict[int, float]:
        rows = [row for _, batch, _ in self.store.read("t") for row in from_table(batch) if row.metric == metric]
        held = holding(rows).values()
        return {(row.time - START) // MINUTE: row.value for row in held if row.value is not None}


def _counts(samples: list[Sample]) -> list[Count]:
    return [Count("vpn-1", "drops", START + at * MINUTE, value) for at, value in samples]


def expected(samples: list[Sample]) -> dict[int, float]:
    plain = rises_of((START + at * MINUTE, value) for at, value in samples)
    return {(at - START) // MINUTE: value for at, value in plain.items()}


@pytest.fixture
def log(template: Path) -> Iterator[Log]:
    one = Log(template)
    yield one
    one.store.close()


values = st.integers(0, 50).map(float)
minutes = st.one_of(st.integers(0, 90), st.integers(0, 600))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(minutes, values, max_size=14), st.data())
def test_any_order_batching_repetition_and_restart_end_in_the_same_rises(
    template: Path, truth: dict[int, float], data: st.DataObject
) -> None:
    log = Log(template)
    samples = data.draw(st.permutations(sorted(truth.items())))
    samples += data.draw(st.lists(st.sampled_from(samples), max_size=4)) if samples else []
    while samples:
        size = data.draw(st.integers(1, len(samples)))
        batch, samples = samples[:size], samples[size:]
        what = data.draw(st.sampled_from(["go on", "restart", "refuse and repeat"]))
        if what == "restart":
            log.counting = Counting(log.store)
        if what == "refuse and repeat":
            with pytest.raises(OSError, match="no room"):
                log.counting.take("t", _counts(batch), log.now, refuse)
        log.take(batch)
    assert log.measured() == expected(list(truth.items()))
    assert log.measured("drops" + SUFFIX) == truth
    log.store.close()


def refuse(_: pa.Table) -> None:
    raise OSError("no room")


def test_a_counter_that_begins_anew_has_risen_by_what_it_shows(log: Log) -> None:
    log.take([(0, 10.0), (1, 13.0), (2, 4.0), (3, 4.0)])
    assert log.measured() == {1: 3.0, 2: 4.0, 3: 0.0}
    assert rise(5.0, 5.0) == 0


def test_a_late_sample_splits_the_rise_behind_it(log: Log) -> None:
    log.take([(0, 10.0), (2, 16.0)])
    assert log.measured() == {2: 6.0}
    log.take([(1, 12.0)])
    assert log.measured() == {1: 2.0, 2: 4.0}


def test_what_comes_very_late_is_compared_with_what_the_log_has(log: Log) -> None:
    late = KEPT // MINUTE * 3
    log.take([(0, 1.0), (2, 5.0)])
    log.take([(late, 100.0), (late + 1, 101.0)])
    log.take([(1, 2.0)])
    assert log.measured() == {1: 1.0, 2: 3.0, late + 1: 1.0}


def test_after_a_gap_a_counter_begins_anew(log: Log) -> None:
    log.take([(0, 1.0), (GAP // MINUTE + 1, 5.0), (GAP // MINUTE + 2, 6.0)])
    assert log.measured() == {GAP // MINUTE + 2: 1.0}


def test_two_processes_that_take_in_by_turns_count_nothing_twice(log: Log) -> None:
    one, other = log.counting, Counting(log.store)
    for at in range(8):
        log.counting = (one, other)[at % 2]
        log.take([(at, float(at * at))])
    assert log.measured() == {at: float(at * at - (at - 1) ** 2) for at in range(1, 8)}


def test_the_clock_may_go_back_and_a_correction_still_holds(log: Log) -> None:
    log.take([(0, 10.0), (2, 16.0)])
    log.now -= 3_600_000_000
    log.counting = Counting(log.store)
    log.take([(1, 12.0)])
    assert log.measured() == {1: 2.0, 2: 4.0}
