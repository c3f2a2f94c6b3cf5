"""B9: a year's evidence as a chart: one series of 525,600 minutes of many, out of the log's files and over HTTP."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import duckdb
import numpy as np
import pyarrow as pa
from fastapi.testclient import TestClient

from bench.measuring import in_words, peak_memory
from bench.table import Row
from upheld.access import new_key
from upheld.agreements.units import DAY, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.measurements.model import COLUMNS
from upheld.server import create_app
from upheld.store.compacting import When

SERVICES = 50
START = parse_instant("2025-01-01T00:00:00Z")
DAYS = 365
DAYS_TOGETHER = 5
ROUNDS = 7
SERVICE, METRIC = "vpn-0017", "rtt"


def run() -> list[Row]:
    """Two rows, by CPU and by the clock: from the request to the answer with 2,000 points; they must lie between the
    same extremes as DuckDB finds in the same files."""
    with TemporaryDirectory() as directory:
        application = Application(Settings(database_url=f"sqlite:///{Path(directory)}/upheld.db"))
        application.store.add_tenant(DEFAULT_TENANT, "Default")
        rows = sum(_deliver(application, day) for day in range(0, DAYS, DAYS_TOGETHER))
        secret, key = new_key(DEFAULT_TENANT, "bench", "operator", application.clock.now())
        application.store.add_key(key)
        client = TestClient(create_app(application), headers={"Authorization": f"Bearer {secret}"})
        query = {"service": SERVICE, "metric": METRIC, "start": format_instant(START)}
        query |= {"end": format_instant(START + DAYS * DAY), "points": "2000"}
        took, found = [], {}
        for _ in range(ROUNDS):
            began, cpu = perf_counter(), process_time()
            answer = client.get("/v1/measurements/series", params=query)
            took.append((process_time() - cpu, perf_counter() - began))
            found = answer.raise_for_status().json()
        files = f"{Path(directory)}/upheld.log/*/*/*.parquet"
        began, cpu = perf_counter(), process_time()
        asked = "SELECT count(*), min(value), max(value) FROM read_parquet(?) WHERE service = ? AND metric = ?"
        count, low, high = duckdb.execute(asked, [files, SERVICE, METRIC]).fetchall()[0]
        peer = process_time() - cpu, perf_counter() - began
        values = [point["value"] for point in found["points"]]
        assert (found["measurements"], min(values), max(values)) == (count, low, high), "they differ"
        assert count == DAYS * DAY // MINUTE
        number = len(list(Path(directory).glob("upheld.log/*/*/*.parquet")))
    cpu, wall = (median(each) for each in zip(*took, strict=True))
    slowest = max(wall for _, wall in took)
    note = f"{rows / 1e6:.1f} M rows in {number} files, {len(values):,} points of {count:,}"
    memory = f"{in_words(peak_memory())} at most in memory"
    return [
        _row("a second of CPU", cpu, f"{cpu:.2f} s CPU; {memory}", f"{peer[0]:.2f} s CPU", note),
        _row("a second by the clock", wall, f"{wall:.2f} s", f"{peer[1]:.2f} s", f"the slowest {slowest:.2f} s"),
    ]


def _row(within: str, took: float, ours: str, peer: str, note: str) -> Row:
    return Row(
        bar="B9",
        claim=f"a year of one of {SERVICES} series as a chart, over HTTP, in less than {within}",
        ours=ours,
        peer=f"DuckDB, its extremes alone: {peer}",
        ratio=took,
        limit=1,
        at_most=True,
        note=note,
    )


def _deliver(application: Application, day: int) -> int:
    """Days of all series, in the order in which they are measured; compacted at once."""
    minutes = DAYS_TOGETHER * DAY // MINUTE
    time = np.repeat(START + day * DAY + np.arange(minutes) * MINUTE, SERVICES)
    chance = np.random.default_rng(day)
    names = pa.array([f"vpn-{n:04d}" for n in range(SERVICES)])
    batch = pa.table(
        {
            "service": pa.DictionaryArray.from_arrays(np.tile(np.arange(SERVICES, dtype=np.int32), minutes), names),
            "metric": pa.DictionaryArray.from_arrays(np.zeros(len(time), np.int32), pa.array([METRIC])),
            "time": time,
            "value": np.round(chance.gamma(4, 5, len(time)), 2),
            "good": pa.nulls(len(time), pa.int64()),
            "total": pa.nulls(len(time), pa.int64()),
            "known_at": time + 1_000_000,
        },
        schema=COLUMNS,
    )
    application.log.append(DEFAULT_TENANT, batch, "probe")
    assert application._compactor is not None
    return application._compactor.run(START + 2 * DAYS * DAY, When(age=0, rows=1))
