"""A soak: the server under a steady load for a long time, and whether its memory stays flat.

Services are measured every minute; some go down and come back, so that cases open, are told of, asked about and closed
as unanswered; some measurements come late, some are corrected; series with new labels keep appearing; what cannot be
read is set aside; pages of the API are read. Memory, threads and open files are looked at every ten seconds. Flat is
where the least that is held grows by less than 2 % of itself, or 10 MB, in an hour.

    make soak MINUTES=60
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import cramjam

from bench.measuring import in_words, resident
from bench.remote_write_bodies import WriteRequest
from bench.serving import REMOTE_WRITE, Served, serving
from upheld.agreements.units import MINUTE, format_instant
from upheld.clock import SystemClock

SERVICES, OF_A_CUSTOMER = 400, 10
LOOK_EVERY, SEND_EVERY = 10.0, 5.0
DOWN_A_MINUTE = 3
LATE, CORRECTED = 0.01, 0.005
BY = 20 * MINUTE
NEW_SERIES = 20
FLAT_SHARE, FLAT_BYTES = 0.02, 10_000_000
SETTINGS = {
    "ASSESSMENT_DELAY": "5",
    "RESTORED_AFTER": "60",
    "COMPACT_AFTER": "600",
    "STUCK_AFTER": "300",
}


@dataclass
class Seen:
    """What was seen of the server: seconds since the beginning, bytes in memory, threads, open files, bytes on disk."""

    at: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    disk: int = 0

    def look(self, ours: Served, since: float) -> None:
        process = Path(f"/proc/{ours.pid}")
        self.at.append(time.monotonic() - since)
        self.memory.append(resident(ours.pid))
        self.threads.append(len(list((process / "task").iterdir())))
        self.files.append(len(list((process / "fd").iterdir())))
        self.disk = sum(f.stat().st_size for f in ours.folder.rglob("*") if f.is_file())

    def growth(self) -> float:
        """Bytes in an hour by which the least that was held grew, from the second quarter to the last. What comes and
        goes, as while a month is compacted, raises the most; what is never given back raises the least."""
        quarter = self.at[-1] / 4
        seen = list(zip(self.at, self.memory, strict=True))
        second = min(held for at, held in seen if quarter <= at < 2 * quarter)
        last = min(held for at, held in seen if at >= 3 * quarter)
        return (last - second) / (2 * quarter) * 3600

    @property
    def is_flat(self) -> bool:
        half = len(self.memory) // 2
        allowed = max(FLAT_SHARE * fmean(self.memory[half:]), FLAT_BYTES)
        return self.growth() < allowed and max(self.files[half:]) <= max(self.files[:half]) + 10


def portfolio() -> dict[str, object]:
    """An agreement for each customer; what is promised of an hour is broken by one bad minute."""
    indicator = {"kind": "availability", "metric": "reachable", "good_when": ">= 1", "slot": "1m"}
    objectives = [
        {"id": "hour", "indicator": indicator, "period": {"rolling": "1h"}, "target": "99.9 %"},
        {"id": "month", "indicator": indicator, "period": {"calendar": "month"}, "target": "95 %"},
    ]
    customers = [f"customer-{n}" for n in range(SERVICES // OF_A_CUSTOMER)]
    return {
        "agreements": [
            {
                "id": customer,
                "customer": customer,
                "valid": {"from": "2026-01-01T00:00:00Z"},
                "services": [f"vpn-{n * OF_A_CUSTOMER + i}" for i in range(OF_A_CUSTOMER)],
                "objectives": objectives,
                "notices": {"violation": {"within": "15m", "to": ["customer.noc"]}},
                "confirmation": {"to": ["customer.noc"], "remind_after": "2m", "close_after": "4m"},
            }
            for n, customer in enumerate(customers)
        ],
        "customers": [
            {"id": customer, "name": customer, "contacts": {"noc": [{"email": f"noc@{customer}.example"}]}}
            for customer in customers
        ],
        "resources": [
            {"id": f"switch-{n}", "carries": [f"vpn-{n * 20 + i}" for i in range(20)]} for n in range(SERVICES // 20)
        ],
    }


MAPPING = {"series": [{"labels": {"__name__": "probe_success"}, "service": "{service}", "metric": "reachable"}]}


class Load:
    """What is sent, drawn with a seed."""

    def __init__(self, ours: Served, seed: int) -> None:
        self._ours, self._draw, self._clock = ours, random.Random(seed), SystemClock()  # noqa: S311  # a load, no secret
        self._down: dict[int, int] = {}
        self._late: list[tuple[int, str]] = []
        self._series = 0

    def minute(self, at: int) -> None:
        """The measurements of the minute that begins at `at`, with what was held back of an earlier one."""
        for _ in range(DOWN_A_MINUTE):
            self._down.setdefault(self._draw.randrange(SERVICES), self._draw.randint(1, 4))
        due, self._late = [row for row in self._late if row[0] <= at], [row for row in self._late if row[0] > at]
        rows = [row for _, row in due]
        for n in range(SERVICES):
            row = f"vpn-{n},reachable,{format_instant(at)},{int(n not in self._down)}"
            if self._draw.random() < LATE:
                self._late.append((at + BY, row))
            else:
                rows.append(row)
            if self._draw.random() < CORRECTED:
                self._late.append((at + BY, f"vpn-{n},reachable,{format_instant(at)},1"))
        self._down = {n: left - 1 for n, left in self._down.items() if left > 1}
        self._post("/v1/measurements", "service,metric,time,value\n" + "\n".join(rows) + "\n", "text/csv", 202)

    def tick(self) -> None:
        """New series, what cannot be read, and looks at what there is."""
        request = WriteRequest()
        for _ in range(NEW_SERIES):
            self._series += 1
            series = request.timeseries.add()
            for name, text in (("__name__", "probe_success"), ("pod", f"p{self._series}"), ("service", "vpn-0")):
                series.labels.add(name=name, value=text)
            at = self._clock.now() // 1000 - self._draw.randrange(60_000)
            series.samples.add(value=1.0, timestamp=at)
        body = bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
        self._ours.client.post("/v1/remote-write", content=body, headers=REMOTE_WRITE)
        self._post("/v1/metrics", f"not json {self._series}", "application/json", 400)
        for path in ("/v1/cases?open=true&limit=50", "/v1/verdicts?service=vpn-0&newest=true", "/metrics"):
            self._ours.client.get(path).raise_for_status()

    def _post(self, path: str, body: str, form: str, wanted: int) -> None:
        answer = self._ours.client.post(path, content=body, headers={"Content-Type": form})
        if answer.status_code not in (wanted, 429, 503):
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")


def soak(minutes: float, seed: int) -> Iterator[tuple[Seen, Served]]:
    """Gives what was seen so far, once a minute and at the end."""
    with serving(**SETTINGS) as ours:
        ours.put("/v1/agreements", portfolio())
        ours.put("/v1/mapping", MAPPING)
        load, seen, clock, since = Load(ours, seed), Seen(), SystemClock(), time.monotonic()
        minute, looked, sent = clock.now() // MINUTE, 0.0, 0.0
        while (passed := time.monotonic() - since) < minutes * 60:
            if passed >= looked:
                seen.look(ours, since)
                looked += LOOK_EVERY
            if passed >= sent:
                load.tick()
                sent += SEND_EVERY
            if clock.now() // MINUTE > minute:
                load.minute(minute * MINUTE)
                minute += 1
                yield seen, ours
            time.sleep(0.2)
        seen.look(ours, since)
        yield seen, ours


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 1 where memory, or open files, are not flat."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", type=float, nargs="?", default=60)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    for seen, ours in soak(given.minutes, given.seed):
        page = ours.page()
        cases, waiting = page.get("upheld_open_cases", 0), page["upheld_log_backlog_rows"]
        print(
            f"{seen.at[-1] / 60:5.1f} min  {in_words(seen.memory[-1])} in memory, {seen.threads[-1]} threads, "
            f"{seen.files[-1]} files, {in_words(seen.disk)} on disk, {cases:.0f} open cases, "
            f"{len(ours.mails.came):,} mails, {waiting:.0f} rows wait",
            flush=True,
        )
    found = {
        "minutes": given.minutes,
        "memory at half time": in_words(seen.memory[len(seen.memory) // 2]),
        "memory at the end": in_words(seen.memory[-1]),
        "most": in_words(max(seen.memory)),
        "growth of the least in an hour": f"{seen.growth() / 1e6:.1f} MB",
        "threads": [min(seen.threads), max(seen.threads)],
        "open files": [min(seen.files), max(seen.files)],
        "on disk": in_words(seen.disk),
        "mails": len(ours.mails.came),
        "flat": seen.is_flat,
    }
    print(json.dumps(found, indent=2))
    return 0 if seen.is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
