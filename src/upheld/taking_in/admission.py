"""Who may send now: what each tenant may send, and how much the server works on and holds in memory at once.

A request of a source is let in, waits a little for a place, or is refused with how long its sender is to wait. What a
tenant sends beyond its own rates is refused as that (`TooMuch`); where the server is busy, also with this tenant's
other requests or its backlog, it says so (`Crowded`): senders try that again on their own, and lose nothing.

Rates are paid afterwards: how many samples a body has is known only once it was read, so that a request is let in while
nothing is owed. What is owed then delays the next one.
"""

import json
import math
import time
from asyncio import AbstractEventLoop, Future, get_running_loop, wait_for
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from threading import Lock
from typing import Any, Self

import structlog

from upheld.ports import Store
from upheld.recorder import Recorder

log = structlog.get_logger()

BURST = 10
"""Seconds' worth of its rate that a tenant may send at once."""
PATIENCE = 5.0
"""Seconds that a request waits for a place."""
MOST_WAITING = 64
"""Requests of one tenant that may wait for a place."""
LOOK_AGAIN = 10.0
"""Seconds for which the limits of a tenant are not looked up again."""


class Refused(Exception):
    """A request that is not let in: why, and after how many seconds it may be sent again. `cause` is what it is counted
    as."""

    def __init__(self, cause: str, reason: str, retry_after: float) -> None:
        super().__init__(reason)
        self.cause, self.retry_after = cause, max(1, math.ceil(retry_after))


class TooMuch(Refused):
    """The tenant has sent more than it may."""


class Crowded(Refused):
    """There is no room for the request now."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a tenant may do; 0 does not limit. `backlog_rows` may wait in the log for their assessment."""

    samples_per_second: float = 1_000_000
    bytes_per_second: float = 128 * 1024 * 1024
    requests_per_second: float = 2_000
    requests_at_once: int = 16
    backlog_rows: int = 20_000_000

    def but(self, own: Mapping[str, float]) -> Self:
        """With a tenant's own limits in place of these; names that are none are passed over."""
        mine: dict[str, Any] = {f.name: own[f.name] for f in fields(self) if f.name in own}
        return replace(self, **mine)


NAMES = tuple(asdict(Limits()))


def own_limits(store: Store, tenant: str) -> Mapping[str, float]:
    """The limits that a tenant has of its own."""
    kept = store.kept_setting(f"limits/{tenant}")
    found: Mapping[str, float] = {} if kept is None else json.loads(kept)
    return found


def keep_own_limits(store: Store, tenant: str, own: Mapping[str, float]) -> None:
    """Gives a tenant limits of its own, in place of those that it had. A server that runs takes them up within
    `LOOK_AGAIN` seconds."""
    store.change_setting(f"limits/{tenant}", json.dumps(dict(own)))


@dataclass
class Bucket:
    """What is left of a rate (a second), at most `BURST` seconds' worth of it; less than nothing is owed."""

    rate: float
    at: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.rate * BURST

    def owed_for(self, now: float) -> float:
        """For how many seconds from `now` on nothing more may be sent."""
        self._fill(now)
        return -self.left / self.rate if self.rate and self.left < 0 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Sends that much, also beyond what is left."""
        self._fill(now)
        if self.rate:
            self.left -= amount

    def _fill(self, now: float) -> None:
        self.left = min(self.rate * BURST, self.left + max(now - self.at, 0) * self.rate)
        self.at = max(self.at, now)


@dataclass
class _Tenant:
    """What is known of a tenant: its limits, until when they hold, and what is left of each rate, by its name."""

    limits: Limits
    until: float
    buckets: dict[str, Bucket]


_RATES = {"samples": "samples_per_second", "bytes": "bytes_per_second", "requests": "requests_per_second"}


class Place:
    """Where a request is worked on: so many bytes of memory, until it leaves."""

    def __init__(self, admission: "Admission", tenant: str, size: int, *, delivers: bool) -> None:
        self._admission, self.tenant, self.size, self.delivers = admission, tenant, size, delivers

    def resize(self, size: int) -> None:
        """Holds that many bytes from now on. Raises Crowded where they are not to be had."""
        self._admission.resize(self, size)

    def leave(self) -> None:
        """Makes room for the next."""
        self._admission.leave(self)


@dataclass(eq=False)
class _Waiting:
    place: Place
    loop: AbstractEventLoop
    let_in: "Future[None]"


class Admission:
    """Lets requests in, from any thread and event loop. `own_limits` gives what a tenant may do other than `limits`;
    `behind` the rows that wait for their assessment; `now` is in seconds."""

    def __init__(
        self,
        limits: Limits,
        most_at_once: int,
        most_bytes: int,
        own_limits: Callable[[str], Mapping[str, float]],
        behind: Callable[[str], int],
        recorder: Recorder = Recorder(),
        now: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._limits, self._most_at_once, self._most_bytes = limits, most_at_once, most_bytes
        self._own_limits, self._behind, self._recorder, self._now = own_limits, behind, recorder, now
        self._patience = patience
        self._lock = Lock()
        self._tenants: dict[str, _Tenant] = {}
        self._at_work: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    # -- rates ----------------------------------------------------------------------------------------------------

    def check(self, tenant: str) -> None:
        """Whether a tenant may send anything now. Raises TooMuch and Crowded."""
        known = self._known(tenant)
        with self._lock:
            now = self._now()
            owed = {name: bucket.owed_for(now) for name, bucket in known.buckets.items()}
            name = max(owed, key=lambda name: owed[name])
            if not owed[name]:
                known.buckets["requests"].take(1, now)
        if owed[name]:
            most = getattr(known.limits, _RATES[name])
            raise self._refuse(tenant, TooMuch(name, f"more than {most:,.15g} {name} a second were sent", owed[name]))
        behind, most_behind = self._behind(tenant), known.limits.backlog_rows
        if most_behind and behind > most_behind:
            reason = f"{behind:,} measurements wait for their assessment; {most_behind:,} may"
            raise self._refuse(tenant, Crowded("backlog", reason, 10))

    def charge(self, tenant: str, *, samples: int = 0, size: int = 0) -> None:
        """Counts what a request that was let in has sent."""
        known = self._known(tenant)
        with self._lock:
            now = self._now()
            known.buckets["samples"].take(samples, now)
            known.buckets["bytes"].take(size, now)

    def limits_of(self, tenant: str) -> Limits:
        """What a tenant may do."""
        return self._known(tenant).limits

    def knows(self, tenant: str) -> bool:
        """Whether the limits of a tenant need not be looked up now, which may take a while."""
        known = self._tenants.get(tenant)
        return known is not None and self._now() < known.until

    def _known(self, tenant: str) -> _Tenant:
        known, now = self._tenants.get(tenant), self._now()
        if known is not None and now < known.until:
            return known
        try:
            limits = self._limits.but(self._own_limits(tenant))
        except Exception:  # a store that is away is told of where something is to be kept
            log.exception("limits not looked up", tenant=tenant)
            limits = self._limits if known is None else known.limits
        with self._lock:
            known = self._tenants.get(tenant)
            if known is None or known.limits != limits:
                buckets = {name: Bucket(getattr(limits, rate), now) for name, rate in _RATES.items()}
                known = self._tenants[tenant] = _Tenant(limits, now, buckets)
            known.until = now + LOOK_AGAIN
            return known

    # -- places ---------------------------------------------------------------------------------------------------

    async def place(self, tenant: str, size: int, *, delivers: bool) -> Place:
        """A place for a request with a body of up to `size` bytes, as soon as there is one. One that `delivers`
        measurements counts among those at work. Raises Crowded."""
        one = Place(self, tenant, size, delivers=delivers)
        with self._lock:
            if self._fits(one):
                self._occupy(one)
                return one
            full = sum(other.place.tenant == tenant for other in self._waiting) >= MOST_WAITING
            if not full:
                loop = get_running_loop()
                waiting = _Waiting(one, loop, loop.create_future())
                self._waiting.append(waiting)
        if full:
            raise self._refuse(tenant, Crowded("places", "too many requests of this tenant wait already", 2))
        try:
            await wait_for(waiting.let_in, self._patience)
        except BaseException as ended:
            with self._lock:
                is_in = waiting not in self._waiting
                if not is_in:
                    self._waiting.remove(waiting)
            if is_in and isinstance(ended, TimeoutError):
                return one  # it was let in just when its time ran out
            if is_in:
                one.leave()
            if isinstance(ended, TimeoutError):
                raise self._refuse(tenant, Crowded("places", "the server works on other requests", 2)) from None
            raise
        return one

    def resize(self, one: Place, size: int) -> None:
        """See `Place.resize`."""
        with self._lock:
            if size > one.size and not self._has_room(one.tenant, size - one.size):
                refused = Crowded("memory", "the server holds too much in memory for another body of this size", 2)
            else:
                self._held[one.tenant] += size - one.size
                one.size = size
                self._let_in()
                return
        raise self._refuse(one.tenant, refused)

    def leave(self, one: Place) -> None:
        """See `Place.leave`."""
        with self._lock:
            self._held[one.tenant] -= one.size
            self._at_work[one.tenant] -= one.delivers
            for counted in (self._held, self._at_work):
                if not counted[one.tenant]:
                    del counted[one.tenant]
            self._let_in()

    def _let_in(self) -> None:
        """Gives free places to those that wait: to tenants of whom the fewest requests are at work first."""
        while True:
            fitting = [one for one in self._waiting if self._fits(one.place)]
            if not fitting:
                return
            chosen = min(fitting, key=lambda one: self._at_work[one.place.tenant])
            self._waiting.remove(chosen)
            self._occupy(chosen.place)
            chosen.loop.call_soon_threadsafe(_settle, chosen.let_in)

    def _fits(self, one: Place) -> bool:
        return (not one.delivers or self._has_place(one.tenant)) and self._has_room(one.tenant, one.size)

    def _has_place(self, tenant: str) -> bool:
        known = self._tenants.get(tenant)
        most = (self._limits if known is None else known.limits).requests_at_once or self._most_at_once
        return self._at_work[tenant] < most and self._at_work.total() < self._most_at_once

    def _has_room(self, tenant: str, more: int) -> bool:
        """Whether so many more bytes may be held: by one tenant no more than half of all, but for a single body."""
        mine, held = self._held[tenant], self._held.total()
        return (not mine or mine + more <= self._most_bytes // 2) and (not held or held + more <= self._most_bytes)

    def _occupy(self, one: Place) -> None:
        self._held[one.tenant] += one.size
        self._at_work[one.tenant] += one.delivers

    def _refuse(self, tenant: str, refused: Refused) -> Refused:
        self._recorder.request_refused(tenant, refused.cause)
        return refused


def _settle(future: "Future[None]") -> None:
    if not future.done():
        future.set_result(None)
