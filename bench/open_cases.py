"""Very many cases open at once: how long the console's lists take, and what looking after all of them costs.

The cases are put into the store as the process does (half of them in problems of a thousand), then a real server shows
its pages; each page is asked for many times, and the 95th percentile is what counts. What the process reads of every
open case in each of its rounds is measured apart.

    python -m bench.open_cases [--cases 100000] [--database URL]
"""

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import httpx

from bench.storm import TENANT, Workers
from upheld.access import new_key
from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND, format_instant
from upheld.cases.decide import Open, decide, new_case
from upheld.cases.problems import Cause, new_problem
from upheld.clock import SystemClock
from upheld.ports import AgendaEntry
from upheld.process.telling.reactions import CLOCK, UPDATE
from upheld.store import SqlStore, open_store

TIMES = 30
IN_A_PROBLEM = 1_000
AT_ONCE = 2_000
LIMIT_MS = 200


def fill(store: SqlStore, count: int, now: int) -> str:
    """Opens so many cases, the newest last; returns the id of one of their problems."""
    problem = None
    for first in range(0, count, AT_ONCE):
        with store.transaction(TENANT) as t:
            for number in range(first, min(first + AT_ONCE, count)):
                if number % (2 * IN_A_PROBLEM) == 0:
                    problem = new_problem(TENANT, Cause(f"agg-{number}"), now)
                    t.save_problem(problem)
                assert problem is not None
                in_problem = number // IN_A_PROBLEM % 2 == 0
                at = now - (count - number) * SECOND
                verdict = _verdict(number, at)
                case = new_case(f"C-{number:08X}", verdict, at, at)
                t.save_case(*decide(case, Open(verdict, _findings(number), problem.id if in_problem else None), at))
                for entry in _clocks(case.id, at, now):
                    t.schedule(entry)
    assert problem is not None
    return problem.id


def _clocks(case_id: str, at: int, now: int) -> list[AgendaEntry]:
    """The promises of handling that run for it: they are warned of in a day at the earliest, and missed later."""
    due = now + 2 * DAY + (at - now) // 10
    fixed = {"case": case_id, "clock": "fixed", "since": at, "due": due}
    return [
        AgendaEntry(f"{CLOCK}/{case_id}/1/warning", CLOCK, due - HOUR, {**fixed, "missed": False}),
        AgendaEntry(f"{CLOCK}/{case_id}/1/missed", CLOCK, due, {**fixed, "missed": True}),
        AgendaEntry(f"{UPDATE}/{case_id}/1", UPDATE, due - 2 * HOUR, {"case": case_id, "since": at, "due": due - HOUR}),
    ]


def _verdict(number: int, at: int) -> dict[str, object]:
    bad = [
        {"start": format_instant(at - n * MINUTE), "end": format_instant(at), "kind": "bad", "reason": "reachable < 1"}
        for n in range(10)
    ]
    return {
        "agreement": f"sla-{number % 400}",
        "objective": "availability",
        "service": f"vpn-{number}",
        "customer": f"customer-{number % 400}",
        "period_start": format_instant(at),
        "period_end": format_instant(at + 1_000 * MINUTE),
        "status": "violated",
        "final": False,
        "attained": "0.9871",
        "good": 900,
        "bad": 12,
        "missing": 0,
        "excluded": 0,
        "budget": "10",
        "spent": "12",
        "at_risk_at": format_instant(at),
        "violated_at": format_instant(at),
        "credit": {"amount": "12.00", "currency": "EUR"},
        "evidence": bad,
        "consequences": [],
        "version": 1,
    }


def _findings(number: int) -> dict[str, object]:
    bad, reason = [f"vpn-{n}" for n in range(50)], "1000 of the 1000 services it carries are bad"
    candidate = {"resource": f"agg-{number}", "score": 0.9, "bad": bad, "bad_count": 1000, "reason": reason}
    affected = [f"vpn-{n}" for n in range(50)]
    return {"affected": affected, "cause_candidates": [candidate], "changes": [], "alarms": []}


def measure(folder: Path, count: int, database: str | None) -> dict[str, object]:
    """Seconds, milliseconds (95th percentile) and megabytes, by what they are of."""
    url = database or f"sqlite:///{folder / 'upheld.db'}"
    store, now = open_store(url), SystemClock().now()
    secret, key = new_key(TENANT, "bench", "operator", now)
    store.add_tenant(TENANT, "Bench")
    store.add_key(key)
    began = time.monotonic()
    problem = fill(store, count, now)
    filled = time.monotonic() - began
    running = Workers(folder, url, 1, 25, secret)
    try:
        console = httpx.Client(base_url=running.api.base_url, timeout=60)
        console.post("/login", data={"key": secret})
        pages = {
            "cases": "/cases",
            "cases, in the middle": f"/cases?page={count // 200}",
            "promises": "/promises",
            "promises, fixed": "/promises?show=fixed",
            "promises, told": "/promises?show=told",
            "problem": f"/problems/{problem}",
            "problem, its last cases": f"/problems/{problem}?page={IN_A_PROBLEM // 50}",
        }
        took = {name: _p95(partial(_get, console, path)) for name, path in pages.items()}
        took["API, open cases"] = _p95(partial(_get, running.api, "/v1/cases?open=true&limit=100"))
        peak = running.peak_memory()
    finally:
        running.stop()
    began = time.monotonic()
    with store.transaction(TENANT, writing=False) as t:
        t.open_cases()
        read = time.monotonic() - began
        tracemalloc.start()
        found = t.open_cases()
    memory, _ = tracemalloc.get_traced_memory()
    store.close()
    return {
        "open cases": len(found),
        "seconds to open them": round(filled),
        "milliseconds, 95th percentile": took,
        "limit": LIMIT_MS,
        "holds": max(took.values()) < LIMIT_MS,
        "server's peak memory, MB": round(peak),
        "reading all open cases": {"seconds": round(read, 2), "MB": round(memory / 1e6)},
    }


def _get(client: httpx.Client, path: str) -> None:
    client.get(path).raise_for_status()


def _p95(ask: Callable[[], object]) -> float:
    took = []
    for _ in range(TIMES):
        began = time.monotonic()
        ask()
        took.append(time.monotonic() - began)
    return round(sorted(took)[int(TIMES * 0.95)] * 1_000, 1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 where a list takes longer than it may."""
    parser = argparse.ArgumentParser(prog="python -m bench.open_cases", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--database", help="SQLAlchemy URL of an empty database; by default a SQLite file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="upheld-cases-") as folder:
        found = measure(Path(folder), given.cases, given.database)
    print(json.dumps(found, indent=2))
    return 0 if found["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
