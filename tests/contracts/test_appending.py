"""Batches that come at the same time: committed together, refused alone, and never more waiting than may wait."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import event

from upheld.measurements.model import Measurement, to_table
from upheld.ports import Busy, NotKept
from upheld.store import SqlStore, log, open_store
from upheld.store.appending import Appending

UNWRITABLE = "\ud800"  # no text that a database takes


def batch(value: float = 1.0, rows: int = 1):
    return to_table([Measurement("vpn-1", "reachable", n, value=value) for n in range(rows)])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


class Gathered:
    """Appends that all wait while a writer holds the database."""

    def __init__(self, store: SqlStore, threads: ThreadPoolExecutor) -> None:
        self.store, self.threads = store, threads
        self.commits = 0

    def append(self, appends: list[tuple[str, str | None]]) -> list[Future[int]]:
        """Lets (tenant, source) append one batch each, all of them before the first can be committed."""
        appending = self.store._appending
        with self.store._begin(writing=True) as connection:
            log.next_place(connection, "")  # on PostgreSQL too, whoever appends waits for this
            first = self.threads.submit(self.store.append, appends[0][0], batch(0), appends[0][1])
            until(lambda: appending._is_led)
            rest = [
                self.threads.submit(self.store.append, tenant, batch(n), source)
                for n, (tenant, source) in enumerate(appends[1:], 1)
            ]
            size = sum(len(log.pack(batch(n)).arrow) for n in range(len(appends)))
            until(lambda: appending._waiting.total() == size)
            event.listen(self.store._engine, "commit", self._count)
        done = [first, *rest]
        for future in done:
            future.exception(30)
        event.remove(self.store._engine, "commit", self._count)
        return done

    def _count(self, _: object) -> None:
        self.commits += 1


@pytest.fixture
def gathered(store: SqlStore):
    with ThreadPoolExecutor(40) as threads:
        yield Gathered(store, threads)


def test_batches_that_wait_are_committed_together_each_with_its_own_position(gathered: Gathered) -> None:
    done = gathered.append([(f"tenant-{n % 3}", None) for n in range(30)])
    positions = [future.result() for future in done]
    assert len(set(positions)) == 30
    read = {
        place: table["value"][0].as_py() for n in range(3) for place, table, _ in gathered.store.read(f"tenant-{n}")
    }
    assert read == dict(zip(positions, map(float, range(30)), strict=True))
    assert gathered.commits <= 3, "the writer's own, that of who came first, and that of all others"


def test_one_that_cannot_be_kept_fails_alone(gathered: Gathered) -> None:
    done = gathered.append([("t", UNWRITABLE if n in (0, 7) else f"source-{n}") for n in range(12)])
    assert [n for n, future in enumerate(done) if future.exception()] == [0, 7]
    assert sorted(table["value"][0].as_py() for _, table, _ in gathered.store.read("t")) == [
        1,
        2,
        3,
        4,
        5,
        6,
        8,
        9,
        10,
        11,
    ]
    assert gathered.store.append("t", batch()) > max(f.result() for f in done if not f.exception())


def test_more_than_may_wait_is_refused_and_taken_once_there_is_room(store: SqlStore) -> None:
    packed = log.pack(batch(rows=1000))
    appending = Appending(lambda: store._begin(writing=True), most_waiting=5 * len(packed.arrow))
    with ThreadPoolExecutor(8) as threads:
        with store._begin(writing=True) as connection:
            log.next_place(connection, "")
            waiting = []
            for tenant in ("a", "a", "b", "b", "c"):
                waiting.append(threads.submit(appending.append, tenant, packed, None))
                until(lambda: sum(appending._waiting.values()) >= len(waiting) * len(packed.arrow))
            with pytest.raises(Busy, match="of this tenant"):
                appending.append("a", packed, None)
            with pytest.raises(Busy, match="too many measurements wait") as refused:
                appending.append("d", packed, None)
            assert refused.value.retry_after > 0
        assert len({future.result(30) for future in waiting}) == 5
    assert appending.append("d", packed, None) > max(future.result() for future in waiting)
    assert not appending._waiting
    assert [sum(1 for _ in store.read(tenant)) for tenant in "abcd"] == [2, 2, 1, 1]


def test_who_has_a_transaction_open_cannot_append_and_wait_for_itself(store: SqlStore) -> None:
    with store.transaction("t"), pytest.raises(RuntimeError, match="open already"):
        store.append("t", batch())


# -- a full disk

FULL = """
import random, resource, sys
from upheld.measurements.model import Measurement, to_table
from upheld.ports import NotKept
from upheld.store import open_store

store = open_store(sys.argv[1])
n, chance = 0, random.Random(1)
def append():
    global n
    n += 1
    rows = [Measurement("vpn-1", "reachable", n, chance.random(), known_at=m) for m in range(500)]
    position = store.append("t", to_table(rows))
    print("kept", position, n, flush=True)

append()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
refused = 0
while refused < 5:
    try:
        append()
    except NotKept as error:
        refused += 1
        print("refused", error.retry_after, str(error), flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
append()
print("closing", flush=True)
"""


def test_a_full_disk_refuses_with_the_reason_loses_nothing_and_goes_on_once_there_is_room(tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/upheld.db"
    ran = subprocess.run([sys.executable, "-c", FULL, url], capture_output=True, text=True, timeout=120)
    lines = [line.split(" ", 2) for line in ran.stdout.splitlines()]
    assert lines[-1] == ["closing"], ran.stderr
    refusals = [line for line in lines if line[0] == "refused"]
    assert len(refusals) == 5
    assert all("no room on the disk" in why and int(after) > 0 for _, after, why in refusals)
    kept = {int(position): int(n) for word, position, n in (line for line in lines if line[0] == "kept")}
    assert len(kept) > 20
    store = open_store(url)
    assert {position: table["time"][0].as_py() for position, table, _ in store.read("t")} == kept
    store.close()


def test_threads_that_append_while_the_process_ends_are_told_that_nothing_was_kept(store: SqlStore) -> None:
    def begin():
        raise SystemExit

    appending = Appending(begin)
    refused: list[BaseException] = []

    def append() -> None:
        try:
            appending.append("t", log.pack(batch()), None)
        except (SystemExit, NotKept) as error:
            refused.append(error)

    thread = threading.Thread(target=append)
    thread.start()
    thread.join(30)
    assert [type(error) for error in refused] == [SystemExit]
    assert not appending._waiting
    assert not appending._is_led
