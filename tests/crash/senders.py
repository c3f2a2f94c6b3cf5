"""Who sends to the server: each batch is sent again until it is acknowledged, whatever happens meanwhile."""

import json
import random
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from upheld.agreements.units import DAY, MINUTE, format_instant

Identity = tuple[str, str, int]
Figures = tuple[float | None, int | None, int | None]
HEADERS = {"Content-Type": "application/x-ndjson"}


@dataclass
class Sent:
    """What one sender has had acknowledged: the last figures of each identity; how often it had to send again."""

    held: dict[Identity, Figures] = field(default_factory=dict)
    batches: int = 0
    again: int = 0


class Sender(threading.Thread, ABC):
    """Posts batches until told to stop; what it began is acknowledged when it ends."""

    def __init__(self, url: str, key: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.sent = Sent()
        self.fault: str | None = None
        self._stop_asked = stop
        self._client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}", **HEADERS}, timeout=10)

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._deliver(self.batch())
                self._stop_asked.wait(0.02)
        except Exception as error:
            self.fault = f"{type(error).__name__}: {error}"

    @abstractmethod
    def batch(self) -> dict[Identity, Figures]:
        """The next rows to send."""

    def _deliver(self, rows: dict[Identity, Figures]) -> None:
        body = "\n".join(_line(identity, figures) for identity, figures in rows.items())
        while True:
            try:
                answer = self._client.post("/v1/measurements", content=body)
            except httpx.HTTPError:
                self.sent.again += 1
                time.sleep(0.02)
                continue
            if answer.status_code in (429, 503, 507):
                self.sent.again += 1
                time.sleep(min(float(answer.headers["Retry-After"]), 0.5))
                continue
            assert answer.status_code == 202, answer.text
            self.sent.held |= rows
            self.sent.batches += 1
            return


class History(Sender):
    """Days gone by of one service, minute by minute: now and then late, corrected, or sent again."""

    def __init__(self, url: str, key: str, stop: threading.Event, service: str, start: int, seed: int) -> None:
        super().__init__(url, key, stop)
        self._service, self._start, self._chance = service, start, random.Random(seed)
        self._at = 0

    def batch(self) -> dict[Identity, Figures]:
        chance, rows = self._chance, {}
        for _ in range(chance.randint(1, 60)):
            self._at += 1 if chance.random() < 0.97 else 3  # what is left out comes late, or never
            rows |= self._minute(self._at)
        for _ in range(chance.randint(0, 5)):  # late, corrected, or the same again
            rows |= self._minute(chance.randint(max(self._at - 3000, 1), self._at))
        return rows

    def _minute(self, number: int) -> dict[Identity, Figures]:
        chance, at = self._chance, self._start + number % (20 * 1440) * MINUTE
        total = chance.randint(0, 20)
        return {
            (self._service, "up", at): (float(chance.random() < 0.99), None, None),
            (self._service, "rtt", at): (round(chance.expovariate(1 / 20), 3), None, None),
            (self._service, "calls", at): (None, chance.randint(0, total), total),
        }


class Present(Sender):
    """What happens now: a service that is down at first and good from then on."""

    def __init__(self, url: str, key: str, stop: threading.Event, service: str) -> None:
        super().__init__(url, key, stop)
        self._service = service

    def batch(self) -> dict[Identity, Figures]:
        self._stop_asked.wait(0.2)
        now = datetime.now(UTC)
        at = int(now.timestamp()) * 1_000_000 + now.microsecond
        return {(self._service, "up", at): (float(self.sent.batches > 5), None, None)}


def _line(identity: Identity, figures: Figures) -> str:
    service, metric, at = identity
    value, good, total = figures
    told = {"value": value} if value is not None else {"good": good, "total": total}
    return json.dumps({"service": service, "metric": metric, "time": format_instant(at), **told})


def yesterday(days: int) -> int:
    """The midnight (UTC) so many days before today."""
    return (int(time.time()) * 1_000_000 // DAY - days) * DAY
