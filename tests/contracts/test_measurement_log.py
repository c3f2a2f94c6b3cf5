"""The measurement log: durable when it says so, in order for every reader, and corrected as corrections say."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.measurements.model import COLUMNS, Measurement, from_table, holding, to_table
from upheld.store import SqlStore, log, manifest, open_store
from upheld.store.compacting import When
from upheld.store.folder import Folder

MINUTE = 60_000_000
AT_ONCE = When(age=0, rows=1)


class Compacting(SqlStore):
    """A store that compacts its log after every so many batches, 0: never."""

    every = 0
    appended = 0

    def append(self, tenant: str, batch: pa.Table, source: str | None = None) -> int:
        position = super().append(tenant, batch, source)
        self.appended += 1
        if self.every and self.appended % self.every == 0:
            assert self.compactor is not None
            if self.compactor.run(0, AT_ONCE):
                with self._begin(writing=False) as connection:
                    assert manifest.last_position(connection, tenant) >= position
        return position


@pytest.fixture(params=["in the database", "partly in files", "in files"])
def store(
    store: SqlStore, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Compacting]:
    """What holds of the log holds wherever its batches lie."""
    monkeypatch.setattr("upheld.store.folder.os.fsync", lambda _: None)  # takes most of the time; no test here needs it
    made = Compacting(store._engine, folder=Folder(f"{tmp_path}/files"))
    made.every = {"in files": 1, "partly in files": 3}.get(request.param, 0)
    yield made
    with made._begin(writing=False) as connection:
        files = manifest.tenants_with_files(connection)
    assert bool(files) == (made.every > 0 and made.appended >= made.every), "compacted as was meant"


def measured(value: float, time: int = 0, service: str = "vpn-1", known_at: int = 0) -> Measurement:
    return Measurement(service, "reachable", time, value=value, known_at=known_at)


def test_what_was_appended_is_read_back_in_order_with_its_positions(store: SqlStore) -> None:
    batches = [[measured(n, n * MINUTE), measured(n, n * MINUTE, "vpn-2")] for n in range(40)]
    senders = [("probe-1", None, "probe-2")[n % 3] for n in range(40)]
    positions = [store.append("t", to_table(batch), who) for batch, who in zip(batches, senders, strict=True)]
    read = list(store.read("t"))
    assert [position for position, _, _ in read] == positions == sorted(set(positions))
    assert [from_table(table) for _, table, _ in read] == batches
    assert [who for _, _, who in read] == senders
    assert all(table.schema.equals(COLUMNS) for _, table, _ in read)
    assert positions[0] > 0


def test_a_reader_goes_on_behind_the_position_it_has_seen(store: SqlStore) -> None:
    first, second = (store.append("t", to_table([measured(n)])) for n in range(2))
    assert [position for position, _, _ in store.read("t", after=first)] == [second]
    assert list(store.read("t", after=second)) == []
    third = store.append("t", to_table([measured(3)]))
    assert [position for position, _, _ in store.read("t", after=second)] == [third]


def test_what_was_delivered_is_read_with_who_delivered_it_and_with_what_was_corrected(store: SqlStore) -> None:
    for n, source in enumerate(["probe-1", None, "probe-2"]):
        store.append("t", to_table([measured(n, known_at=n), measured(n, MINUTE, known_at=n)]), source)
    store.append("u", to_table([measured(9)]), "probe-9")
    found = store.delivered("t", {("vpn-1", "reachable")}, 0, MINUTE)
    assert found.column_names == [*COLUMNS.names, "source"]
    told = zip(found.column("value").to_pylist(), found.column("source").to_pylist(), strict=True)
    assert sorted(told, key=lambda one: one[0]) == [(0.0, "probe-1"), (1.0, None), (2.0, "probe-2")]
    assert store.delivered("nobody", {("vpn-1", "reachable")}, 0, MINUTE).num_rows == 0


def test_a_tenant_reads_its_own_batches_only(store: SqlStore) -> None:
    mine, other = [measured(1)], [measured(2)]
    store.append("t", to_table(mine))
    store.append("u", to_table(other))
    assert [from_table(table) for _, table, _ in store.read("t")] == [mine]
    assert [from_table(table) for _, table, _ in store.read("u")] == [other]
    assert list(store.read("nobody")) == []
    assert from_table(store.series("t", "vpn-1", "reachable", 0, 1)) == mine
    assert from_table(store.rows("t", {("vpn-1", "reachable")})) == mine
    assert store.rows("nobody", {("vpn-1", "reachable")}).num_rows == 0
    assert store.series("nobody", "vpn-1", "reachable", 0, 1).num_rows == 0


def test_every_kind_of_measurement_comes_back_equal(store: SqlStore) -> None:
    batch = [
        Measurement("vpn-1", "reachable", -5, value=1e-300, known_at=2**62),
        Measurement("vpn-1", "requests", 7, good=0, total=2**62, known_at=1),
        Measurement("Störung ✓", "", 2**62, value=-0.0),
    ]
    store.append("t", to_table(batch))
    [(_, table, _)] = store.read("t")
    assert from_table(table) == batch


def test_a_batch_of_several_chunks_or_of_plain_texts_is_taken_as_well(store: SqlStore) -> None:
    parts = [to_table([measured(1, 1, "vpn-1")]), to_table([measured(2, 2, "vpn-2"), measured(3, 3, "vpn-1")])]
    store.append("t", pa.concat_tables(parts))
    plain = parts[1].set_column(0, "service", pa.array(["vpn-3", "vpn-4"]))
    store.append("t", plain)
    services = [[m.service for m in from_table(table)] for _, table, _ in store.read("t")]
    assert services == [["vpn-1", "vpn-2", "vpn-1"], ["vpn-3", "vpn-4"]]


def test_an_empty_batch_adds_nothing_and_gives_the_last_position(store: SqlStore) -> None:
    assert store.append("t", COLUMNS.empty_table()) == 0
    last = store.append("t", to_table([measured(1)]))
    assert store.append("t", COLUMNS.empty_table()) == last
    assert len(list(store.read("t"))) == 1


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (to_table([measured(1)]).drop_columns(["known_at"]), "without known_at"),
        (to_table([measured(1)]).set_column(2, "time", pa.array([None], pa.int64())), "empty time"),
        (to_table([measured(1)]).set_column(2, "time", pa.array(["noon"])), "other types"),
        (to_table([measured(1)]).set_column(3, "value", pa.array([[1.0]])), "other types"),
    ],
)
def test_a_batch_with_other_columns_is_refused_with_the_reason(store: SqlStore, batch: pa.Table, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        store.append("t", batch)
    assert list(store.read("t")) == []


# -- what holds of a series

FIGURES = st.one_of(
    st.builds(lambda v: {"value": v}, st.sampled_from([-1.0, -0.0, 0.0, 1.0])),
    st.builds(lambda good, more: {"good": good, "total": good + more}, st.integers(0, 2), st.integers(0, 2)),
)
MEASUREMENTS = st.builds(
    lambda service, metric, time, known_at, figures: Measurement(service, metric, time, known_at=known_at, **figures),
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(["m1", "m2"]),
    st.integers(0, 4),
    st.integers(0, 2),
    FIGURES,
)
_tenants = (f"tenant-{n}" for n in itertools.count())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(MEASUREMENTS, max_size=6), max_size=5), start=st.integers(0, 3), end=st.integers(0, 6))
def test_a_series_is_what_holds_of_all_that_was_delivered(
    store: SqlStore, batches: list[list[Measurement]], start: int, end: int
) -> None:
    tenant = next(_tenants)
    for batch in batches:
        store.append(tenant, to_table(batch))
    held = holding(m for batch in batches for m in batch).values()
    for service, metric in (("s1", "m1"), ("s2", "m2"), ("s3", "m1")):
        expected = [m for m in held if (m.service, m.metric) == (service, metric) and start <= m.time < end]
        table = store.series(tenant, service, metric, start, end)
        # Compared as text, which tells 0.0 from -0.0.
        assert repr(from_table(table)) == repr(sorted(expected, key=lambda m: m.time))
        assert table.schema.equals(COLUMNS)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(MEASUREMENTS, min_size=1, max_size=6), min_size=1, max_size=7),
    seen=st.integers(0, 7),
    start=st.integers(0, 3),
    end=st.integers(0, 6),
    data=st.data(),
)
def test_all_that_is_asked_of_a_part_of_the_log_is_found_in_that_part(
    store: SqlStore, batches: list[list[Measurement]], seen: int, start: int, end: int, data: st.DataObject
) -> None:
    tenant = next(_tenants)
    told = [(batch, data.draw(st.sampled_from([None, "a", "b"]))) for batch in batches]
    positions = [store.append(tenant, to_table(batch), source) for batch, source in told]
    assert [(place, (from_table(table), source)) for place, table, source in store.read(tenant)] == list(
        zip(positions, told, strict=True)
    )
    seen = min(seen, len(positions))
    upto = positions[seen - 1] if seen else 0
    read = [(place, from_table(table)) for place, table, _ in store.read(tenant, upto)]
    assert read == list(zip(positions, batches, strict=True))[seen:]
    held = holding(m for batch in batches[:seen] for m in batch).values()
    mine = sorted((m for m in held if (m.service, m.metric) == ("s1", "m2") and start <= m.time < end), key=_time)
    assert repr(from_table(store.series(tenant, "s1", "m2", start, end, upto=upto))) == repr(mine)
    wanted = {("s1", "m1"), ("s1", "m2")}
    rows = from_table(store.rows(tenant, wanted, upto=upto))
    assert sorted(map(repr, rows)) == sorted(repr(m) for batch in batches[:seen] for m in batch if m.service == "s1")
    behind = told[seen:]
    delivered = {
        source
        for batch, source in behind
        if source and any((m.service, m.metric) in wanted and start <= m.time < end for m in batch)
    }
    assert store.sources(tenant, wanted, start, end, after=upto, upto=positions[-1]) == sorted(delivered)


def _time(measurement: Measurement) -> int:
    return measurement.time


def test_a_correction_holds_by_its_knowledge_time_and_not_by_its_arrival(store: SqlStore) -> None:
    for value, known_at in ((1.0, 10), (3.0, 30), (2.0, 20)):
        store.append("t", to_table([measured(value, known_at=known_at)]))
    assert from_table(store.series("t", "vpn-1", "reachable", 0, 1)) == [measured(3.0, known_at=30)]


@pytest.mark.parametrize("store", ["in the database"], indirect=True)
def test_a_series_unpacks_only_the_batches_that_overlap_its_time(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(10):
        store.append("t", to_table([measured(n, n * MINUTE), measured(n, n * MINUTE + 1)]))
    unpacked = []
    unpack = log.unpack
    monkeypatch.setattr(log, "unpack", lambda arrow: unpacked.append(arrow) or unpack(arrow))
    found = store.series("t", "vpn-1", "reachable", 3 * MINUTE + 1, 5 * MINUTE)
    assert [m.time for m in from_table(found)] == [3 * MINUTE + 1, 4 * MINUTE, 4 * MINUTE + 1]
    assert len(unpacked) == 2


# -- order among those who append at the same time


def test_a_batch_cannot_become_visible_before_one_with_a_lower_position(store: SqlStore) -> None:
    first, second = log.pack(to_table([measured(1)])), to_table([measured(2)])
    store.append("t", to_table([measured(0)]))
    with ThreadPoolExecutor(1) as other:
        with store._begin(writing=True) as connection:
            [lower] = log.append(connection, [("t", first, None)])
            overtaking = other.submit(store.append, "t", second)
            time.sleep(0.2)
            assert not overtaking.done()
            assert len(list(store.read("t"))) == 1
        higher = overtaking.result(10)
    assert [position for position, _, _ in store.read("t")][1:] == [lower, higher]
    assert lower < higher


def test_a_reader_who_follows_many_writers_misses_nothing(store: SqlStore) -> None:
    writers, each = 6, 15
    done = threading.Event()

    def follow() -> list[float]:
        seen, position = [], 0
        while True:
            ending = done.is_set()
            for found, table, _ in store.read("t", after=position):
                assert found > position
                position = found
                seen.append(table.column("value")[0].as_py())
            if ending:
                return seen

    def write(writer: int) -> None:
        for n in range(each):
            store.append("t", to_table([measured(writer * each + n)]))

    with ThreadPoolExecutor(writers + 1) as threads:
        following = threads.submit(follow)
        list(threads.map(write, range(writers)))
        done.set()
        assert sorted(following.result(30)) == list(range(writers * each))


def test_an_append_that_was_rolled_back_leaves_nothing(store: SqlStore) -> None:
    with pytest.raises(ZeroDivisionError), store._begin(writing=True) as connection:  # noqa: PT012
        log.append(connection, [("t", log.pack(to_table([measured(1)])), None)])
        raise ZeroDivisionError
    assert list(store.read("t")) == []
    position = store.append("t", to_table([measured(2)]))
    assert [found for found, _, _ in store.read("t")] == [position]


# -- durability

WRITER = """
import sys
from upheld.measurements.model import Measurement, to_table
from upheld.store import open_store
store = open_store(sys.argv[1])
n = 0
while True:
    rows = [Measurement("vpn-1", "reachable", n, value=float(n), known_at=m) for m in range(200)]
    print(store.append("t", to_table(rows)), n, flush=True)
    n += 1
"""


def test_every_acknowledged_batch_outlives_kill_9_of_the_process_that_wrote_it(new_url: str) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, new_url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [writer.stdout.readline() for _ in range(25)]
    writer.send_signal(signal.SIGKILL)
    acknowledged += writer.stdout.readlines()
    assert writer.wait(10) == -signal.SIGKILL
    store = open_store(new_url)
    kept = {position: from_table(table) for position, table, _ in store.read("t")}
    for line in acknowledged:
        if line.endswith("\n"):
            position, n = map(int, line.split())
            assert [m.time for m in kept[position]] == [n] * 200
    assert len(kept) >= 25
    assert store.append("t", to_table([measured(1)])) > max(kept)
    store.close()
