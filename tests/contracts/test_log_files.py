"""The files of the measurement log: others read them directly, a crash at any instant leaves them whole, and whoever is
second does not compact a second time."""

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import log_victim
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Connection, text

from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.measurements.model import COLUMNS, Measurement, from_table, to_table
from upheld.store import SqlStore, open_store
from upheld.store import compacting as compaction
from upheld.store.compacting import Compactor, When, mergeable
from upheld.store.folder import FileMissing, Folder, hidden_name
from upheld.store.manifest import LogFile
from upheld.store.reading import Reading

NOW = When(age=0, rows=1)
JUNE = parse_instant("2026-06-01T00:00:00Z")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "files"))


@pytest.fixture
def store(store: SqlStore, folder: Folder) -> SqlStore:
    return SqlStore(store._engine, folder=folder)


def deliver(store: SqlStore, tenant: str, batches: int, start: int = JUNE, step: int = MINUTE) -> list[Measurement]:
    """A batch a minute of three services, and returns what was delivered."""
    delivered = []
    for n in range(batches):
        at = start + n * step
        batch = [Measurement(f"vpn-{s}", "rtt", at, value=n + s / 10, known_at=at + 5) for s in (3, 1, 2)]
        batch.append(Measurement("web", "requests", at, good=n, total=n + 1, known_at=at + 7))
        store.append(tenant, to_table(batch), None if n % 5 == 0 else "probe")
        delivered += batch
    return delivered


def placed(folder: Folder) -> list[Path]:
    return sorted(Path(folder.root).glob("tenant=*/month=*/*.parquet"))


def logged(store: SqlStore, tenant: str) -> list[Measurement]:
    return [m for _, table, _ in store.read(tenant) for m in from_table(table)]


# -- what others see


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_duckdb_and_polars_read_the_folder_as_it_is(store: SqlStore, folder: Folder) -> None:
    delivered = {tenant: deliver(store, tenant, 40, JUNE - 20 * MINUTE) for tenant in ("north", "a/b =ü")}
    store.compactor.run(0, NOW)
    assert {path.parent.name for path in placed(folder)} == {"month=2026-05", "month=2026-06"}
    expected = sorted(
        (tenant, m.service, m.metric, m.time, m.value, m.good, m.total, m.known_at)
        for tenant, rows in delivered.items()
        for m in rows
        if m.value is not None
    )
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    query = f"""
        SELECT tenant, service, metric, epoch_us(time), value, good, total, epoch_us(known_at)
        FROM read_parquet('{folder.root}/*/*/*.parquet', hive_partitioning = true)
        WHERE value IS NOT NULL ORDER BY ALL"""
    assert connection.execute(query).fetchall() == expected
    count = f"SELECT count(DISTINCT position), count(source) FROM read_parquet('{folder.root}/*/*/*.parquet')"
    assert connection.execute(count).fetchone() == (80, 2 * 32 * 4)

    frame = polars.scan_parquet(f"{folder.root}/*/*/*.parquet", hive_partitioning=True).filter(
        polars.col("value").is_not_null()
    )
    columns = ["tenant", "service", "metric", "time", "value", "good", "total", "known_at"]
    rows = frame.select(columns).collect().rows()
    assert sorted((*row[:3], _microseconds(row[3]), *row[4:7], _microseconds(row[7])) for row in rows) == expected


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_queries_of_the_page_about_the_log_take_the_latest_of_each_measurement(
    store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "log.md").read_text()
    for known_at, value in ((1, 7.0), (3, 5.0), (2, 9.0)):
        store.append("default", to_table([Measurement("vpn-1", "rtt", JUNE, value=value, known_at=known_at)]))
    store.compactor.run(0, NOW)
    (tmp_path / "upheld.log").symlink_to(tmp_path / "files")
    monkeypatch.chdir(tmp_path)
    [(zone, sql)] = re.findall(r"```sql\n(SET .*?;)\n(SELECT.*?)```", page, re.DOTALL)
    connection = duckdb.connect()
    connection.execute(zone)
    figures = f"""SELECT service, "avg(rtt)" FROM ({sql.strip().removesuffix(";")})"""
    assert connection.execute(figures).fetchall() == [("vpn-1", 5.0)]
    [python] = re.findall(r"```python\n(import polars.*?)```", page, re.DOTALL)
    exec(python, {})
    assert "│ vpn-1   ┆ 2026-06-01 00:00:00 UTC ┆ 5.0   │" in capsys.readouterr().out


def _microseconds(instant: datetime) -> int:
    assert instant.tzinfo is not None
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_file_is_sorted_by_series_and_its_statistics_tell_series_apart(
    store: SqlStore, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upheld.store.folder.ROW_GROUP", 50)
    deliver(store, "t", 200)
    store.compactor.run(0, NOW)
    [path] = placed(folder)
    assert oct(path.stat().st_mode & 0o077) == "0o0" or oct(Path(folder.root).stat().st_mode & 0o077) == "0o0"
    file = pq.ParquetFile(path)
    rows = file.read().select(["service", "metric", "time", "position", "row"]).to_pylist()
    assert rows == sorted(rows, key=lambda row: tuple(row.values()))
    read = []
    real = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_groups", lambda f, groups, **k: read.append(groups) or real(f, groups, **k)
    )
    found = store.series("t", "vpn-2", "rtt", JUNE + 10 * MINUTE, JUNE + 20 * MINUTE)
    assert [m.value for m in from_table(found)] == [n + 0.2 for n in range(10, 20)]
    assert len(read) == 1
    assert len(read[0]) == 1 < file.metadata.num_row_groups


def test_a_folder_of_another_file_system_holds_the_log_as_well(store: SqlStore, request: pytest.FixtureRequest) -> None:
    folder = Folder(f"memory://upheld-{request.node.name}")
    elsewhere = SqlStore(store._engine, folder=folder)
    delivered = deliver(elsewhere, "t", 20)
    assert elsewhere.compactor.run(0, NOW) == len(delivered)
    assert logged(elsewhere, "t") == delivered
    assert not list(folder.hidden())
    more = deliver(elsewhere, "t", 5, JUNE + DAY)
    elsewhere.compactor.run(0, NOW)
    assert logged(elsewhere, "t") == delivered + more
    without = SqlStore(store._engine)
    with pytest.raises(FileMissing, match="UPHELD_LOG_FILES"):
        list(without.read("t"))


# -- when


def test_what_is_young_and_little_stays_in_the_database(store: SqlStore, folder: Folder) -> None:
    deliver(store, "old", 3)
    deliver(store, "young", 3, JUNE + DAY)
    assert store.compactor.run(JUNE + DAY, When(age=DAY // 2, rows=10_000)) == 12
    assert [path.parent.parent.name for path in placed(folder)] == ["tenant=old"]
    assert store.compactor.run(JUNE + DAY, When(age=DAY // 2, rows=10_000)) == 0
    assert store.compactor.run(JUNE + DAY, When(age=DAY // 2, rows=12)) == 12


def test_a_round_moves_a_bounded_number_of_rows_and_small_files_become_one(
    store: SqlStore, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "AT_ONCE", 10)
    delivered = deliver(store, "t", 64)
    assert store.compactor.run(0, NOW) == 8
    while store.compactor.run(0, NOW):
        pass
    assert logged(store, "t") == delivered
    assert len(placed(folder)) <= 6, "32 rounds, each of 8 rows, and merged four at a time"
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in placed(folder)) == len(delivered)


def test_files_are_merged_that_are_alike_in_size_and_together_not_too_large() -> None:
    def files(*rows: int) -> list[LogFile]:
        return [LogFile("t", str(n), "", "placed", "2026-06", n, n, 0, 0, count) for n, count in enumerate(rows)]

    def merged(*rows: int) -> list[int]:
        return [file.rows for file in mergeable(files(*rows))]

    assert merged(10, 10, 10) == []
    assert merged(10, 10, 10, 10) == [10, 10, 10, 10]
    assert merged(1000, 10, 10, 10) == []
    assert merged(1000, 10, 10, 10, 10) == [10, 10, 10, 10]
    assert merged(60, 10, 10, 10) == [60, 10, 10, 10] or merged(60, 10, 10, 10) == []
    assert merged(1_900_000, 900_000, 500_000, 300_000, 200_000) == [900_000, 500_000, 300_000, 200_000]
    assert merged(5, 5, 5, 5, 1_999_999) == [5, 5, 5, 5]


def test_reading_from_one_end_to_the_other_holds_a_part_at_a_time(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = deliver(store, "t", 100)
    backlog = [Measurement("vpn-9", "rtt", JUNE + n, value=1.0) for n in range(300)]
    store.append("t", to_table(backlog))
    delivered += backlog + deliver(store, "t", 50, JUNE + 40 * DAY)
    store.compactor.run(0, NOW)
    held = []
    real = Reading._rows_between
    monkeypatch.setattr("upheld.store.reading.AT_ONCE", 40)
    monkeypatch.setattr(
        Reading, "_rows_between", lambda *given: ((found := real(*given)) and held.append(found.num_rows)) or found
    )
    assert logged(store, "t") == delivered
    assert sum(held) == len(delivered)
    assert max(held) == 300 or max(held) <= 460, "one batch is never divided"
    assert len(held) > 5


# -- several at once


def test_two_do_not_compact_the_same_batches(store: SqlStore, folder: Folder) -> None:
    delivered = deliver(store, "t", 60)
    others = [SqlStore(store._engine, folder=Folder(folder.root)) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda other: other.compactor.run(0, NOW), others))
    assert sum(counts) == len(delivered)
    assert logged(store, "t") == delivered
    with store.compactor._alone() as first, others[0].compactor._alone() as second:
        assert (first, second) == (True, False)


def test_where_the_lock_was_lost_the_database_decides_and_nothing_is_doubled(store: SqlStore, folder: Folder) -> None:
    delivered = deliver(store, "t", 10)
    late = SqlStore(store._engine, folder=Folder(folder.root)).compactor
    real = late._folder.write

    def overtaken(rows: pa.Table, hidden: str) -> None:
        real(rows, hidden)
        assert store.compactor.run(0, NOW) == len(delivered)

    late._folder.write = overtaken
    with pytest.raises(RuntimeError, match="another process"):
        late._compact("t", 10**6)
    assert logged(store, "t") == delivered
    assert not list(folder.hidden())


@pytest.mark.parametrize("merging", [False, True], ids=["compacting", "merging"])
@pytest.mark.parametrize("others", [(), ("south",), ("north", "south")], ids=["none", "another", "both"])
def test_where_the_lock_was_lost_no_file_belongs_to_the_log_that_another_has_thrown_away(
    store: SqlStore, folder: Folder, others: Sequence[str], merging: bool
) -> None:
    # The second begins a round between the writing of the first one's file and its commit, and then does so much.
    delivered = {tenant: deliver(store, tenant, 10) for tenant in {"north", *others}}
    late = SqlStore(store._engine, folder=Folder(folder.root)).compactor
    for n in range(3 if merging else 0):
        late._compact("north", 10**6)
        delivered["north"] += deliver(store, "north", 10, JUNE + (n + 1) * HOUR)
    if merging:
        late._compact("north", 10**6)
    real = late._folder.write

    def overtaken(rows: pa.Table, hidden: str) -> None:
        real(rows, hidden)
        store.compactor.finish()
        for tenant in others:
            store.compactor._compact(tenant, 10**6)
            store.compactor._merge(tenant)

    late._folder.write = overtaken
    with pytest.raises(RuntimeError, match="another process"):
        late._merge("north") if merging else late._compact("north", 10**6)
    late._folder.write = real
    for _ in range(2):
        assert {tenant: logged(store, tenant) for tenant in delivered} == delivered
        late.run(0, NOW)
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in placed(folder)) == sum(map(len, delivered.values()))
    assert not list(folder.hidden())


def test_a_file_that_another_writes_while_a_round_begins_is_not_taken_for_left_behind(
    store: SqlStore, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = deliver(store, "t", 10)
    other = SqlStore(store._engine, folder=Folder(folder.root)).compactor
    looking = Folder.hidden
    working = []

    def looks_at(folder: Folder) -> Iterator[str]:
        if folder is store.compactor._folder and not working:
            working.append(other._compact("t", 10**6))
        return looking(folder)

    def settles_later(*_: object) -> None:
        pass

    monkeypatch.setattr(other, "_settle", settles_later)
    monkeypatch.setattr(Folder, "hidden", looks_at)
    store.compactor.finish()
    assert working == [len(delivered)]
    assert logged(store, "t") == delivered
    assert len(placed(folder)) == 1


@pytest.mark.parametrize("merging", [False, True], ids=["compacting", "merging"])
def test_a_commit_that_is_done_though_the_connection_broke_keeps_its_file(
    store: SqlStore, folder: Folder, merging: bool
) -> None:
    delivered = []
    compactor = SqlStore(store._engine, folder=Folder(folder.root)).compactor
    for n in range(4):
        delivered += deliver(store, "t", 5, JUNE + n * HOUR)
        if merging:
            compactor._compact("t", 10**6)
    real, admitted = compactor._begin, []

    @contextmanager
    def breaking(writing: bool) -> Iterator[Connection]:
        with real(writing) as connection:
            yield connection
            files = connection.execute(text("SELECT count(*) FROM log_files WHERE state = 'new'")).scalar()
        if files and not admitted:
            admitted.append(files)
            raise ConnectionError("server closed the connection unexpectedly")

    compactor._begin = breaking
    with pytest.raises(ConnectionError):
        compactor._merge("t") if merging else compactor._compact("t", 10**6)
    assert admitted == [1]
    for _ in range(2):
        assert logged(store, "t") == delivered
        store.compactor.finish()
    assert len(placed(folder)) == 1
    assert not list(folder.hidden())


def test_readers_and_writers_notice_nothing_of_files_that_come_and_go(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "AT_ONCE", 12)
    deadline = time.monotonic() + 2.5

    def compact() -> None:
        while time.monotonic() < deadline:
            store.compactor.run(0, NOW)

    def append() -> int:
        count = 0
        while time.monotonic() < deadline:
            store.append("t", to_table([Measurement("vpn-1", "rtt", JUNE + count, value=1.0)]))
            count += 1
        return count

    def read() -> None:
        most = 0
        while time.monotonic() < deadline:
            found = [m.time - JUNE for m in logged(store, "t")]
            assert found == list(range(len(found)))
            assert len(found) >= most
            most = store.series("t", "vpn-1", "rtt", 0, 2 * JUNE).num_rows
            assert most >= len(found)

    with ThreadPoolExecutor(4) as threads:
        working = [threads.submit(work) for work in (compact, read, read)]
        count = threads.submit(append).result(60)
        for one in working:
            one.result(60)
    assert len(logged(store, "t")) == count


# -- faults

STEPS = ["announced", "written", "committed", "removed", "placed"]


class Killed(BaseException):
    """The process is gone: nothing after this happens."""


@pytest.mark.parametrize("merging", [False, True], ids=["compacting", "merging"])
@pytest.mark.parametrize("step", STEPS)
def test_cut_off_at_any_step_nothing_is_missing_or_doubled_and_the_next_round_finishes(
    store: SqlStore, folder: Folder, step: str, merging: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = []
    for n in range(3 if merging else 1):
        delivered += deliver(store, "t", 5, JUNE + n * DAY)
        store.compactor.run(0, NOW)
    delivered += deliver(store, "t", 5, JUNE + 4 * DAY)

    def dying(*_: object, **__: object) -> None:
        raise Killed

    victim = Compactor(store.compactor._begin, store._engine, Folder(folder.root))
    if merging:
        victim._compact("t", 10**9)
        work = lambda: victim._merge("t")  # noqa: E731
    else:
        work = lambda: victim._compact("t", 10**9)  # noqa: E731
    if step == "written":
        monkeypatch.setattr(compaction.manifest, "admit", dying)
    else:
        at = {
            "announced": ("write", victim._folder),
            "committed": ("_settle", victim),
            "removed": ("place", victim._folder),
        }
        name, owner = at.get(step, ("", None))
        if owner is not None:
            setattr(owner, name, dying)
        else:
            monkeypatch.setattr(compaction.manifest, "forget", dying)
    with pytest.raises(Killed):
        work()
    monkeypatch.undo()

    assert logged(store, "t") == delivered, "already before the next round"
    assert from_table(store.series("t", "vpn-1", "rtt", 0, 2 * JUNE)) == [m for m in delivered if m.service == "vpn-1"]
    store.compactor.run(0, When(age=10**18, rows=10**9))
    assert logged(store, "t") == delivered
    assert not list(folder.hidden())
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in placed(folder)) == len(delivered) - (
        20 if step in ("announced", "written") and not merging else 0
    )
    assert store.compactor.run(0, NOW) == (20 if step in ("announced", "written") and not merging else 0)
    assert logged(store, "t") == delivered


def test_a_file_whose_writing_was_torn_is_discarded(store: SqlStore, folder: Folder) -> None:
    delivered = deliver(store, "t", 5)
    hidden = hidden_name()
    folder.write(to_table(delivered), hidden)
    torn = Path(folder.root) / hidden
    os.truncate(torn, torn.stat().st_size // 2)
    store.compactor.run(0, NOW)
    assert logged(store, "t") == delivered
    assert not torn.exists()


def test_a_folder_that_cannot_be_written_stops_compaction_and_nothing_else(
    store: SqlStore, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = deliver(store, "t", 5)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("upheld.store.folder.os.fsync", full)
        assert store.compactor.run(0, NOW) == 0
    assert not list(folder.hidden())
    assert logged(store, "t") == delivered
    assert store.compactor.run(0, NOW) == len(delivered)


def test_killed_20_times_while_appending_compacting_and_merging_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    url, chance = f"sqlite:///{tmp_path}/upheld.db", random.Random(4)
    acknowledged: dict[int, int] = {}
    next_one = 0
    command = [sys.executable, log_victim.__file__, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victims:
        for turn in range(20):
            print(next_one, chance.random() * 0.15, file=victims.stdin, flush=True)
            told = [line.split() for line in iter(victims.stdout.readline, "killed\n")]
            assert told, "it had begun"
            acknowledged |= {int(position): int(n) for position, n in told}
            if turn % 5 == 4:  # the last write is torn as well: what was not acknowledged may lie half on the disk
                with (tmp_path / "upheld.db-wal").open("ab") as wal:
                    wal.write(chance.randbytes(chance.randrange(1, 6000)))
            next_one = max(acknowledged.values()) + 2  # the one that was cut off may be there
    store = open_store(url)
    kept = [(place, from_table(table)) for place, table, _ in store.read("t")]
    assert [place for place, _ in kept] == sorted({place for place, _ in kept}), "nothing twice"
    by_place = dict(kept)
    for place, n in acknowledged.items():
        assert [m.time for m in by_place[place]] == [n * 10 + m for m in range(10)]
    assert len(kept) <= len(acknowledged) + 20, "at most what a kill has cut off the acknowledgement of"
    while store.compactor.run(0, NOW):
        pass
    root = tmp_path / "upheld.log"
    in_files = [tuple(row.values()) for path in root.glob("*/*/*.parquet") for row in _rows(path)]
    assert sorted(in_files) == sorted((m.time, m.value) for _, rows in kept for m in rows)
    assert not list((root / "_writing").iterdir())
    store.close()


def _rows(path: Path) -> Iterator[dict[str, object]]:
    yield from (
        pq.ParquetFile(path)
        .read(columns=["time", "value"])
        .cast(pa.schema([("time", pa.int64()), COLUMNS.field("value")]))
        .to_pylist()
    )


def test_what_lies_wholly_before_an_instant_is_removed_from_files_and_database(store: SqlStore, folder: Folder) -> None:
    deliver(store, "t", 3, JUNE - 40 * DAY)
    deliver(store, "other", 3, JUNE - 40 * DAY)
    assert store.compactor is not None
    store.compactor.run(JUNE, NOW)
    deliver(store, "t", 3, JUNE - 20 * DAY)
    kept = deliver(store, "t", 3)
    assert not store.removable("t", JUNE - 50 * DAY)
    assert not store.removable("t", JUNE - 40 * DAY + MINUTE)  # a file straddles it
    assert store.remove("t", JUNE - 40 * DAY + MINUTE) == 0
    assert store.removable("t", JUNE)
    assert store.remove("t", JUNE) == 24
    assert sorted(m.time for _, b, _ in store.read("t") for m in from_table(b)) == sorted(m.time for m in kept)
    assert [path.parent.parent.name for path in placed(folder)] == ["tenant=other"]
    assert store.remove("t", JUNE + DAY) == 8  # the last batch stays
    assert [position for position, _, _ in store.read("t")] == [store.backlog("t", 0)[0]]
