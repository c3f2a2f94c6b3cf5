"""B6: a month of 1,000 services at 1-minute slots, from a Parquet file to verdicts, against decoding that file alone
and against DuckDB's answer.

Each contestant runs in a process of its own, alternately, three times; the median counts: of the CPU time on one
thread, which is the time that passes where nothing else runs, and of the time that passes on two. What is timed begins
when everything is imported and the agreements are read, and ends with the verdicts (ours), the figures of each service
(DuckDB), or the last row group (decoding). Ours has the evidence, the exclusions, the missing slots and the checks of
the rows in it; DuckDB takes for granted that no value is wrong, and with runs that each row is a slot of its own. What
DuckDB takes to count good and bad rows, whatever their times, is told beside: that is no answer to what is asked.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from bench.table import Row

FOLDER = Path(__file__).resolve().parent.parent / "var" / "bench" / "b6"
SERVICES, SLOTS, MINUTE = 1000, 43_200, 60_000_000
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
START = int(JUNE.timestamp()) * 1_000_000
JULY = START + SLOTS * MINUTE
TIMES = 3
ORDERS = ("by-service", "by-time")

Figures = dict[str, list[Any]]
"""Of each service: good and bad slots, and whether the target is violated."""


# -- data ---------------------------------------------------------------------------------------------------------


def prepare() -> None:
    """Writes the files that are not there yet: the measurements in both orders of rows, the agreements, the
    exclusions."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    names = [f"svc-{s:04d}" for s in range(SERVICES)]
    for rule, more in (("runs", ", consecutive: 10, recovery: 10"), ("plain", "")):
        (FOLDER / f"{rule}.yaml").write_text(_agreements(names, more))
    (FOLDER / "exclusions.csv").write_text(_exclusions(names))
    missing = [order for order in ORDERS if not (FOLDER / f"{order}.parquet").exists()]
    if missing:
        _write_measurements(names, missing)


def _agreements(names: Sequence[str], runs: str) -> str:
    charges = ", ".join(f"{name}: {{amount: 1200.00, currency: EUR}}" for name in names)
    return f"""agreements:
  - id: month
    customer: month
    time_zone: UTC
    valid: {{from: 2026-01-01}}
    services: [{", ".join(names)}]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m, missing: exclude{runs}}}
        period: {{calendar: month}}
        target: 99.9 %
        warning: {{budget_spent: 75 %}}
        credits: [{{below: 99.9 %, share: 10 %}}, {{below: 99.0 %, share: 25 %}}]
    charge: {{{charges}}}
    exclusions: [planned_maintenance]
"""


def _exclusions(names: Sequence[str]) -> str:
    """Two windows of maintenance for each service."""
    lines = ["service,start,end,reason,approved_by"]
    for s, name in enumerate(names):
        for k in range(2):
            begin = JUNE + timedelta(minutes=(s * 7919 + k * 20_011) % 43_000)
            end = begin + timedelta(minutes=5 + (s * 31 + k * 17) % 195)
            lines.append(f"{name},{begin:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ},planned_maintenance,ann")
    return "\n".join(lines) + "\n"


def _write_measurements(names: Sequence[str], orders: Sequence[str]) -> None:
    """Rows seven seconds behind each minute: single bad minutes, outages of 5 to 90 and gaps of 1 to 40 minutes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    value, measured = np.ones((SERVICES, SLOTS)), np.ones((SERVICES, SLOTS), bool)
    for s in range(SERVICES):
        chance = np.random.default_rng(1000 + s)
        value[s, chance.random(SLOTS) < 0.0005] = 0
        for _ in range(chance.integers(0, 4)):
            begin = chance.integers(0, SLOTS)
            value[s, begin : begin + chance.integers(5, 90)] = 0
        for _ in range(chance.integers(0, 3)):
            begin = chance.integers(0, SLOTS)
            measured[s, begin : begin + chance.integers(1, 40)] = False
    word = pa.dictionary(pa.int32(), pa.string())
    columns = {"service": word, "metric": word, "time": pa.timestamp("us", "UTC"), "value": pa.float64()}
    schema = pa.schema(list(columns.items()))

    def table(code: Any, slot: Any) -> pa.Table:
        zeros = np.zeros(len(code), np.int32)
        arrays = [
            pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), pa.array(names)),
            pa.DictionaryArray.from_arrays(pa.array(zeros), pa.array(["reachable"])),
            pa.array(START + slot * MINUTE + 7_000_000).cast(pa.timestamp("us", "UTC")),
            pa.array(value[code, slot]),
        ]
        return pa.table(arrays, schema=schema)

    for order in orders:
        unfinished = FOLDER / f"{order}.unfinished"
        with pq.ParquetWriter(unfinished, schema) as writer:
            if order == "by-service":
                for s in range(0, SERVICES, 25):
                    code, slot = np.nonzero(measured[s : s + 25])
                    writer.write_table(table(code + s, slot))
            else:
                for t in range(0, SLOTS, 1080):
                    slot, code = np.nonzero(measured[:, t : t + 1080].T)
                    writer.write_table(table(code, slot + t))
        unfinished.rename(FOLDER / f"{order}.parquet")


# -- contestants: each prepares, and returns what is timed --------------------------------------------------------


def _ours(path: Path, rule: str, exclusions: Path | None) -> Callable[[], Figures]:
    from upheld.agreements.terms import compile_terms
    from upheld.assessment.advance import assess
    from upheld.readers.exclusions import read_exclusions
    from upheld.readers.portfolio import read_portfolio
    from upheld.readers.tables import forms_read, read_measurements

    terms = compile_terms(read_portfolio(FOLDER / f"{rule}.yaml").agreements)

    def work() -> Figures:
        excluded = [] if exclusions is None else read_exclusions(exclusions)
        delivery = read_measurements([path], forms_read(terms), terms=terms)
        verdicts = assess(terms, delivery.batch, excluded, JULY, since=delivery.earliest)
        return {v.service: [v.good, v.bad, v.status == "violated"] for v in verdicts}

    return work


def _decoded(path: Path, threads: int, *, whole: bool) -> Callable[[], Figures]:
    import pyarrow.parquet as pq

    def work() -> Figures:
        words = ["service", "metric"]
        if whole:
            pq.read_table(path, read_dictionary=words, use_threads=threads > 1)
            return {}
        with pq.ParquetFile(path, memory_map=True, read_dictionary=words) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, use_threads=threads > 1)
        return {}

    return work


COUNT = """
    SELECT service, count(*) FILTER (value >= 1) AS good, count(*) FILTER (value < 1) AS bad
    FROM '{path}' WHERE metric = 'reachable' GROUP BY service
"""
PLAIN = """
    WITH slots AS (
        SELECT service, epoch_us(time) // 60000000 AS slot, bool_or(value < 1) AS bad
        FROM '{path}'
        WHERE metric = 'reachable' AND time >= TIMESTAMPTZ '2026-06-01' AND time < TIMESTAMPTZ '2026-07-01'
        GROUP BY service, slot
    )
    SELECT service, count(*) FILTER (NOT bad) AS good, count(*) FILTER (bad) AS bad FROM slots GROUP BY service
"""
RUNS = """
    WITH excluded AS (
        SELECT service, unnest(range(epoch_us("start") // 60000000, epoch_us("end") // 60000000)) AS slot
        FROM read_csv('{exclusions}', types = {{'start': 'TIMESTAMPTZ', 'end': 'TIMESTAMPTZ'}})
    ),
    counted AS (
        SELECT service, epoch_us(time) // 60000000 AS slot, value < 1 AS bad
        FROM '{path}' AS m ANTI JOIN (SELECT DISTINCT service, slot FROM excluded) AS e
        ON e.service = m.service AND e.slot = epoch_us(m.time) // 60000000
        WHERE metric = 'reachable'
    ),
    numbered AS (
        SELECT service, bad, row_number() OVER w AS n, lag(bad) OVER w AS before
        FROM counted WINDOW w AS (PARTITION BY service ORDER BY slot)
    ),
    sizes AS (SELECT service, count(*) AS size FROM counted GROUP BY service),
    runs AS (
        SELECT service, bad, n, lead(n) OVER (PARTITION BY service ORDER BY n) AS next
        FROM numbered WHERE before IS DISTINCT FROM bad
    ),
    measured AS (
        SELECT service, bad, n, size, next IS NULL AS is_last, coalesce(next, size + 1) - n AS length
        FROM runs JOIN sizes USING (service)
    ),
    judged AS (
        SELECT *, length >= 10 AS long, coalesce(last_value(CASE WHEN length >= 10 THEN bad END IGNORE NULLS) OVER (
            PARTITION BY service ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS was_down
        FROM measured
    )
    SELECT service, any_value(size) - coalesce(sum(length) FILTER (counts), 0) AS good,
        coalesce(sum(length) FILTER (counts), 0) AS bad
    FROM (SELECT *, CASE WHEN bad THEN was_down OR long ELSE was_down AND NOT long AND NOT is_last END AS counts
          FROM judged)
    GROUP BY service
"""
"""Gaps and islands: only the rows at which something changes are kept; from there on the table is small."""


def _duckdb(path: Path, threads: int, query: str, exclusions: Path | None) -> Callable[[], Figures]:
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}; SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    asked = query.format(path=path, exclusions=exclusions)

    def work() -> Figures:
        found = connection.execute(asked).fetchall()
        return {service: [int(good), int(bad), bad * 1000 > good + bad] for service, good, bad in found}

    return work


# -- running ------------------------------------------------------------------------------------------------------


def _run_child(contestant: str, order: str, rule: str, threads: int) -> None:
    """Runs a contestant in this process and prints what it took, as JSON."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import pyarrow as pa

    pa.set_cpu_count(threads)
    path, exclusions = FOLDER / f"{order}.parquet", FOLDER / "exclusions.csv" if rule == "runs" else None
    path.read_bytes()  # from now on the file lies in memory, for everybody
    work = {
        "ours": lambda: _ours(path, rule, exclusions),
        "decode": lambda: _decoded(path, threads, whole=False),
        "table": lambda: _decoded(path, threads, whole=True),
        "duckdb": lambda: _duckdb(path, threads, RUNS if rule == "runs" else PLAIN, exclusions),
        "count": lambda: _duckdb(path, threads, COUNT, None),
    }[contestant]()
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    figures = work()
    took, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    json.dump({"took": took, "cpu": cpu, "peak": after.ru_maxrss / 1024, "figures": figures}, sys.stdout)


def _measured(contestants: Sequence[str], order: str, rule: str, threads: int) -> dict[str, dict[str, Any]]:
    """The median run of each contestant; they take turns. Raises RuntimeError where their figures differ."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for _ in range(TIMES):
        for name in contestants:
            command = [sys.executable, "-m", "bench.b6_month", name, order, rule, str(threads)]
            done = subprocess.run(command, cwd=FOLDER.parents[2], check=True, capture_output=True)  # noqa: S603
            runs[name].append(json.loads(done.stdout))
    figures = [one["figures"] for of_one in runs.values() for one in of_one if one["figures"]]
    if any(other != figures[0] for other in figures):
        raise RuntimeError(f"B6: the contestants' figures differ ({order}, {rule}, threads: {threads})")
    found = {}
    for name, of_one in runs.items():
        for one in of_one:
            one["counts"] = one["cpu"] if threads == 1 else one["took"]
        middle = median(one["counts"] for one in of_one)
        found[name] = next(one for one in of_one if one["counts"] == middle)
    return found


def _told(run: dict[str, Any]) -> str:
    return f"{run['took']:.2f} s, CPU {run['cpu']:.2f} s, peak {run['peak']:,.0f} MB"


def run() -> list[Row]:
    """The rows of B6."""
    prepare()
    return [row for order in ORDERS for threads in (1, 2) for row in _rows(order, threads)]


def _rows(order: str, threads: int) -> Iterator[Row]:
    place = f"{order}, {threads} thread{'s' * (threads > 1)}"
    runs = _measured(("ours", "table", "decode", "duckdb"), order, "runs", threads)
    ours, took = runs["ours"], {name: run["counts"] for name, run in runs.items()}
    claim = f"a month with runs against decoding the file, {place}"
    note = (
        f"{took['ours'] / took['decode']:.2f}x of decoding block by block and keeping nothing ({_told(runs['decode'])})"
    )
    yield Row("B6", claim, _told(ours), _told(runs["table"]), took["ours"] / took["table"], 1.25, True, note)
    claim = f"DuckDB's time for the same with runs, {place}"
    limit = 4.0 if threads == 1 else 2.5
    yield Row("B6", claim, _told(ours), _told(runs["duckdb"]), took["duckdb"] / took["ours"], limit, False)
    runs = _measured(("ours", "duckdb", "count"), order, "plain", threads)
    claim = f"availability alone against DuckDB's by slots, {place}"
    took = {name: run["counts"] for name, run in runs.items()}
    note = (
        f"{took['ours'] / took['count']:.2f}x of counting rows, with no times, slots or period ({_told(runs['count'])})"
    )
    yield Row("B6", claim, _told(runs["ours"]), _told(runs["duckdb"]), took["ours"] / took["duckdb"], 1.2, True, note)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=["ours", "decode", "table", "duckdb", "count"])
    parser.add_argument("order", choices=ORDERS)
    parser.add_argument("rule", choices=["runs", "plain"])
    parser.add_argument("threads", type=int)
    given = parser.parse_args()
    _run_child(given.contestant, given.order, given.rule, given.threads)
