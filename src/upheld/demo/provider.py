"""A simulated provider: what its twelve services measure, minute by minute, with an outage in the first minute.

Everything that it tells Upheld goes through the HTTP API, as a real collector's would.
"""

import io
import random
import threading
from collections.abc import Callable, Iterable, Iterator

import httpx
import pyarrow as pa
import structlog

from upheld.agreements.model import Portfolio
from upheld.agreements.units import DAY, MINUTE, format_instant, to_datetime, to_microseconds
from upheld.measurements.model import Measurement
from upheld.ports import Clock

log = structlog.get_logger()

FAILING = "vpn-acme-frankfurt"
OUTAGE_AFTER, OUTAGE_MINUTES = 8, 24
"""The outage of `FAILING`: how many minutes of the clock after the start, and how long."""
EARLIER_BAD_MINUTES = 30
"""What the failing service had already spent of its month's 43 minutes."""
SWITCH_AFTER, SWITCH_MINUTES = 150, 4
"""A short outage of a whole switch, later on: three services of two customers at once."""
SWITCH = ("vpn-riverbank-london", "vpn-riverbank-leeds", "internet-riverbank-london")

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
    """Streams the measurements of every service of a portfolio to a server until it is stopped."""

    def __init__(self, url: str, key: str, portfolio: Portfolio, clock: Clock, seed: int = 1382) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self._clock, self._random = clock, random.Random(seed)  # noqa: S311  # a simulation, nothing to guess
        self._series = sorted(
            {
                (service, objective.indicator.metric)
                for agreement in portfolio.agreements
                for service in agreement.services
                for objective in agreement.objectives
            }
        )
        self._began = clock.now() // MINUTE * MINUTE
        self._stopping = threading.Event()

    def deliver_history(self, progress: Callable[[float], None]) -> None:
        """Delivers the month so far, a day at a time, so that the budgets stand where a running month's do.
        `progress` is told the share that is done."""
        start = to_microseconds(to_datetime(self._began).replace(day=1, hour=0, minute=0))
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
        """Delivers each minute of the clock once it is over, until `stop`."""
        next_minute = self._began
        while not self._stopping.is_set():
            complete = self._clock.now() // MINUTE * MINUTE
            if complete > next_minute:
                try:
                    self._post_lines(self._minutes(next_minute, complete))
                    next_minute = complete
                except httpx.HTTPError as fault:
                    log.warning("measurements not delivered, trying again", reason=type(fault).__name__)
            self._stopping.wait(0.2)

    def stop(self) -> None:
        self._stopping.set()
        self._http.close()

    # -- what the services measure --------------------------------------------------------------------------------

    def _minutes(self, start: int, end: int) -> Iterator[Measurement]:
        for minute in range(start, end, MINUTE):
            for service, metric in self._series:
                yield self._measure(service, metric, minute + 5_000_000)

    def _measure(self, service: str, metric: str, at: int) -> Measurement:
        down = self._is_down(service, at)
        if metric == "requests":
            total = self._random.randint(800, 1200)
            failed = total if down else sum(self._random.random() < 0.0003 for _ in range(3))
            return Measurement(service, metric, at, good=total - failed, total=total)
        if metric == "rtt_ms":
            return Measurement(service, metric, at, value=round(self._random.gauss(14, 2) + 60 * down, 2))
        return Measurement(service, metric, at, value=0.0 if down else 1.0)

    def _is_down(self, service: str, at: int) -> bool:
        minute = (at - self._began) // MINUTE
        if service == FAILING:
            earlier = -EARLIER_BAD_MINUTES - 400 <= minute < -400
            return earlier or OUTAGE_AFTER <= minute < OUTAGE_AFTER + OUTAGE_MINUTES
        return service in SWITCH and SWITCH_AFTER <= minute < SWITCH_AFTER + SWITCH_MINUTES

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


def _json_line(m: Measurement) -> str:
    figures = f'"value":{m.value}' if m.value is not None else f'"good":{m.good},"total":{m.total}'
    return f'{{"service":"{m.service}","metric":"{m.metric}","time":"{format_instant(m.time)}",{figures}}}\n'
