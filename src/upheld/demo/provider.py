"""A simulated provider: what its twelve services measure, minute by minute, with the outages of a plan.

Everything that it tells Upheld goes through the HTTP API, as a real collector's would.
"""

import io
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import httpx
import pyarrow as pa
import structlog

from upheld.agreements.model import Portfolio
from upheld.agreements.units import DAY, MINUTE, format_instant
from upheld.demo.plan import FAILING, Plan
from upheld.measurements.model import Measurement
from upheld.ports import Clock

log = structlog.get_logger()

PATIENCE = 30.0
"""Seconds for which a minute that the server does not take is delivered again."""

BODY = pa.schema(
    [
        ("service", pa.string()),
        ("metric", pa.string()),
        ("time", pa.timestamp("us", "UTC")),
        ("value", pa.float64()),
        ("good", pa.int64()),
        ("total", pa.int64()),
    ]
)


class Provider:
    """Streams the measurements of every service of a portfolio to a server until it is stopped. What the server does
    not take raises httpx.HTTPError."""

    def __init__(self, url: str, key: str, portfolio: Portfolio, clock: Clock, plan: Plan, seed: int = 1382) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self._clock, self._random = clock, random.Random(seed)  # noqa: S311  # a simulation, nothing to guess
        self._series = sorted(
            {
                (service, objective.indicator.metric)
                for agreement in portfolio.agreements
                for service in agreement.services
                for objective in agreement.promises
            }
        )
        self._plan, self._began = plan, plan.began
        self._stopping = threading.Event()

    def deliver_history(self, progress: Callable[[float], None]) -> None:
        """Delivers the month so far, a day at a time, so that the budgets stand where a running month's do.
        `progress` is told the share that is done."""
        start = self._plan.history
        for day in range(start, self._began, DAY):
            rows = self._minutes(day, min(day + DAY, self._began))
            self._post_arrow(rows)
            progress(min((day + DAY - start) / (self._began - start), 1.0))

    def announce_maintenance(self) -> None:
        """Plans two works: one announced in good time, one too late to count as excluded."""
        night = self._began // DAY * DAY + 23 * 60 * MINUTE
        for title, days, services in (
            ("Software upgrade of agg-switch-fra-3", 14, ["vpn-acme-frankfurt", "vpn-acme-hamburg"]),
            ("Replacement of a faulty line card in lon-1", 2, ["vpn-riverbank-london", "vpn-riverbank-leeds"]),
        ):
            work = {
                "title": title,
                "start": format_instant(night + days * DAY),
                "end": format_instant(night + days * DAY + 120 * MINUTE),
                "services": services,
                "approved_by": "change-advisory-board",
                "description": "Short interruptions of up to ten minutes are to be expected within the window.",
            }
            self._http.post("/v1/maintenance", json=work).raise_for_status()

    def record_change(self) -> None:
        """Records the change that the analysis of the outage will find."""
        change = {
            "id": "CHG-2041",
            "at": format_instant(self._began),
            "summary": "Routing policy of the Frankfurt core changed",
            "services": [FAILING, "vpn-acme-hamburg"],
            "author": "core-network team",
        }
        self._http.post("/v1/changes", json=change).raise_for_status()

    def stream(self) -> None:
        """Delivers each minute of the clock once it is over, until `stop`. A server that is away or busy is tried again
        for a while; raises httpx.HTTPError where it refuses, or stays away."""
        next_minute, delivered = self._began, time.monotonic()
        while not self._stopping.is_set():
            complete = self._clock.now() // MINUTE * MINUTE
            if complete > next_minute:
                try:
                    self._post_lines(self._minutes(next_minute, complete))
                    next_minute, delivered = complete, time.monotonic()
                except httpx.HTTPError as fault:
                    if _refused(fault) or time.monotonic() - delivered > PATIENCE:
                        raise
                    log.warning("measurements not delivered, trying again", reason=type(fault).__name__)
            self._stopping.wait(0.2)

    def stop(self) -> None:
        """Lets `stream` end; what is under way is given up."""
        self._stopping.set()
        self._http.close()

    @property
    def stopped(self) -> bool:
        return self._stopping.is_set()

    # -- what the services measure --------------------------------------------------------------------------------

    def _minutes(self, start: int, end: int) -> Iterator[Measurement]:
        for minute in range(start, end, MINUTE):
            for service, metric in self._series:
                measured = self._measure(service, metric, minute + 5_000_000)
                if measured is not None:
                    yield measured

    def _measure(self, service: str, metric: str, at: int) -> Measurement | None:
        down = self._plan.is_down(service, at)
        if metric == "requests":
            total = self._random.randint(800, 1200)
            failed = total if down else sum(self._random.random() < 0.0003 for _ in range(3))
            return Measurement(service, metric, at, good=total - failed, total=total)
        if metric == "rtt_ms":  # what does not answer has no round trip
            return None if down else Measurement(service, metric, at, value=round(self._random.gauss(14, 2), 2))
        return Measurement(service, metric, at, value=0.0 if down else 1.0)

    # -- how they are delivered -----------------------------------------------------------------------------------

    def _post_arrow(self, rows: Iterable[Measurement]) -> None:
        columns = [(m.service, m.metric, m.time, m.value, m.good, m.total) for m in rows]
        arrays = [pa.array(c, t) for c, t in zip(zip(*columns, strict=True), BODY.types, strict=True)]
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, BODY) as writer:
            writer.write_table(pa.table(arrays, schema=BODY))
        self._post(sink.getvalue(), "application/vnd.apache.arrow.stream")

    def _post_lines(self, rows: Iterable[Measurement]) -> None:
        lines = (_json_line(m) for m in rows)
        self._post("".join(lines).encode(), "application/x-ndjson")

    def _post(self, body: bytes, content_type: str) -> None:
        answer = self._http.post("/v1/measurements", content=body, headers={"Content-Type": content_type})
        answer.raise_for_status()


def _refused(fault: httpx.HTTPError) -> bool:
    return isinstance(fault, httpx.HTTPStatusError) and fault.response.is_client_error


def _json_line(m: Measurement) -> str:
    figures = f'"value":{m.value}' if m.value is not None else f'"good":{m.good},"total":{m.total}'
    return f'{{"service":"{m.service}","metric":"{m.metric}","time":"{format_instant(m.time)}",{figures}}}\n'
