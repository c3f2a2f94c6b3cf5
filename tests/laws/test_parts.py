"""The parts of a ratio: however they come, they count together what the plain rule makes of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.units import DAY, MINUTE
from upheld.measurements.model import Measurement, from_table, holding, to_table
from upheld.measurements.parts import PARTS, Part, counts, faults, named, part_of
from upheld.store import SqlStore, open_store
from upheld.taking_in.pairing import Pairing

START = 1_780_272_000_000_000
Sent = tuple[int, Part, float]
"""Minute, part, value."""


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        return self.at


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts") / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


class Log:
    """A real log, and the pairing over it."""

    def __init__(self, template: Path) -> None:
        path = template.with_name("one.db")
        for old in path.parent.glob("one.db*"):
            old.unlink()
        shutil.copy(template, path)
        self.store: SqlStore = open_store(f"sqlite:///{path}")
        self.clock = Clock()
        self.pairing = Pairing(self.store, self.clock)

    def take(self, sent: list[Sent], *, paired: bool = True) -> None:
        """With `paired` False the process is killed before it has paired what it took."""
        self.clock.at += 1_000_000
        rows = [
            Measurement("web", named("requests", part), START + at * MINUTE, value, known_at=self.clock.at)
            for at, part, value in sent
        ]
        table = to_table(rows)
        self.store.append("t", table)
        if paired:
            self.pairing.pair("t", table, self.keep)

    def keep(self, table: pa.Table) -> None:
        self.store.append("t", table)

    def counted(self) -> dict[int, tuple[int | None, int | None]]:
        rows = [row for _, batch, _ in self.store.read("t") for row in from_table(batch) if row.metric == "requests"]
        return {(row.time - START) // MINUTE: (row.good, row.total) for row in holding(rows).values()}


def expected(sent: list[Sent]) -> dict[int, tuple[int, int]]:
    """The plain rule: the last value of each part holds; good and total, or what follows from the bad ones."""
    last: dict[int, dict[Part, float]] = {}
    for at, part, value in sent:
        last.setdefault(at, {})[part] = value
    found = {}
    for at, parts in last.items():
        good, bad, total = (None if part not in parts else round(parts[part]) for part in PARTS)
        if total is None and good is not None and bad is not None:
            found[at] = (good, good + bad)
        elif total is not None and good is not None:
            found[at] = (min(good, total), total)
        elif total is not None and bad is not None:
            found[at] = (total - min(bad, total), total)
    return found


@pytest.fixture
def log(template: Path) -> Iterator[Log]:
    one = Log(template)
    yield one
    one.store.close()


minutes = st.one_of(st.integers(0, 5), st.integers(0, 600))
values = st.one_of(st.integers(0, 20).map(float), st.floats(0, 20))
sendings = st.lists(st.tuples(minutes, st.sampled_from(PARTS), values), max_size=14)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sendings, st.data())
def test_any_order_batching_repetition_and_crash_end_in_the_same_counts(
    template: Path, sent: list[Sent], data: st.DataObject
) -> None:
    log = Log(template)
    truth = {(at, part): [v for a, p, v in sent if (a, p) == (at, part)] for at, part, _ in sent}
    # Corrections of one part come one after the other; everything else comes in any order, and some of it twice.
    order = data.draw(st.permutations([key for key, corrections in truth.items() for _ in corrections]))
    left = {key: iter(corrections) for key, corrections in truth.items()}
    came: list[Sent] = [(*key, next(left[key])) for key in order]
    waiting = came
    while waiting:
        # What corrects each other is known at different instants: no two of them are in one batch.
        size = data.draw(st.integers(1, _apart(waiting)))
        batch, waiting = waiting[:size], waiting[size:]
        what = data.draw(st.sampled_from(["go on", "twice", "killed and sent again", "another process"]))
        if what == "killed and sent again":
            log.take(batch, paired=False)
        if what == "another process":
            log.pairing = Pairing(log.store, log.clock)
        log.take(batch)
        if what == "twice":
            log.take(batch)
    assert log.counted() == expected(came)
    log.store.close()


def _apart(sent: list[Sent]) -> int:
    """How many from the front on are of different identities."""
    seen = set()
    for place, (at, part, _) in enumerate(sent):
        if (at, part) in seen:
            return place
        seen.add((at, part))
    return len(sent)


def test_what_has_not_changed_is_not_kept_again(log: Log) -> None:
    for _ in range(3):
        log.take([(0, "good", 9.0), (0, "total", 10.0)])
    pairs = [row for _, batch, _ in log.store.read("t") for row in from_table(batch) if row.metric == "requests"]
    assert [(row.good, row.total) for row in pairs] == [(9, 10)]


def test_a_correction_holds_though_the_clock_went_back(log: Log) -> None:
    log.take([(0, "good", 9.0), (0, "total", 10.0)])
    log.clock.at -= DAY
    table = to_table([Measurement("web", "requests (good)", START, 4.0, known_at=START + DAY)])
    log.store.append("t", table)
    log.pairing.pair("t", table, log.keep)
    assert log.counted() == {0: (4, 10)}


def test_parts_of_other_services_and_metrics_are_not_paired(log: Log) -> None:
    rows = [("web", "requests (good)"), ("shop", "requests (total)"), ("web", "calls (total)"), ("web", "requests")]
    table = to_table(Measurement(service, metric, START, 5.0, known_at=START) for service, metric in rows)
    log.store.append("t", table)
    log.pairing.pair("t", table, log.keep)
    assert sum(batch.num_rows for _, batch, _ in log.store.read("t")) == 4


def test_the_counts_of_parts() -> None:
    assert counts({"good": 9.4, "total": 10.0}) == (9, 10)
    assert counts({"good": 11.0, "total": 10.0}) == (10, 10)
    assert counts({"bad": 11.0, "total": 10.0}) == (0, 10)
    assert counts({"good": 3.0, "bad": 2.0}) == (3, 5)
    assert counts({"good": 3.0, "bad": 9.0, "total": 4.0}) == (3, 4)
    assert counts({"good": -1.0, "bad": 1e300}) == (0, 2**53)
    assert counts({"total": 10.0}) is None


def test_parts_that_make_no_counts_are_told() -> None:
    series = [("web", "a (good)"), ("web", "a (total)"), ("web", "b (bad)"), ("web", "c"), ("shop", "a (good)")]
    unpaired = "is not paired: no series is its"
    assert faults(series) == {
        ("web", "b (bad)"): f"{unpaired} good or total part",
        ("shop", "a (good)"): f"{unpaired} bad or total part",
    }
    twice = faults([("web", "a (good)"), ("web", "a (good)"), ("web", "a (total)")])
    assert twice == {("web", "a (good)"): "2 series are its good part: let their sender add them up"}
    assert part_of("requests (good)") == ("requests", "good")
    assert part_of("requests (counter)") is None
