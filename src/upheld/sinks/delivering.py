"""The events that one destination is to have, sent in their order, one at a time: the next one once the destination has
the one before, and whatever fails is tried again. So a destination that is away holds up nobody but itself.

Up to where it has them is kept; events since then may be sent a second time after a crash, with the same ids.
"""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from upheld.brokers.servers import Lost
from upheld.outgoing.model import OutgoingEvent, is_wanted
from upheld.ports import DeliveryError, Gone, Store
from upheld.sinks.sending import Message, Sender

log = structlog.get_logger("upheld.sinks")

PAGE = 50
"""Events that are held in memory at a time."""
SAVE = 0.5
"""Seconds after which it is kept how far a destination has come, while there is more to send."""
SLICE = 0.1
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds before a sending that failed is tried again; doubled each time, and shortened at random by up to a half."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the events of a tenant go that are of these `types` (all where there are none): how it is opened, and what
    an event looks like there. `place` is for people. Where it does not want any more events, `gone` is called."""

    tenant: str
    id: str
    kind: str
    place: str
    types: Sequence[str]
    open: Callable[[], Awaitable[Sender]]
    message: Callable[[OutgoingEvent], Message]
    gone: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Standing:
    """How a destination stands. `state`: `connecting`, `running`, `waiting` to try again, `gone` where it wants nothing
    more, `stopped`. How many events it has had, how often a sending failed, how many were
    removed before it could have them; when the event that is being sent happened (microseconds UTC; None where it has
    all), and what failed last."""

    state: str = "connecting"
    delivered: int = 0
    failed: int = 0
    missed: int = 0
    oldest: int | None = None
    error: str | None = None


class Moved(Exception):
    """The destination is at another position than was thought: someone replays."""


class Delivery:
    """Sends to one destination until it is told to stop. `ahead` says whether there is something to do where it has all
    up to a position: an event behind it, or another position to go on from."""

    def __init__(self, destination: Destination, store: Store, ahead: Callable[[int], bool]) -> None:
        self.destination, self._store, self._ahead = destination, store, ahead
        self._stopping = threading.Event()
        self._failures = 0
        self.standing = Standing()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        """Returns once it has stopped."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        while not self._stopping.is_set():
            sender: Sender | None = None
            try:
                sender = await self.destination.open()
                await self._deliver(sender)
            except Moved:
                continue
            except Gone as refusal:
                log.warning("destination gone", sink=self.destination.id, reason=str(refusal))
                self.standing.state, self.standing.error = "gone", str(refusal)
                self.destination.gone()
                return
            except Exception as error:  # a destination that is away is no reason to end: whatever it is, try again
                await self._wait_after(error)
            finally:
                if sender is not None:
                    await _closed(sender)
        self.standing.state = "stopped"

    async def _deliver(self, sender: Sender) -> None:
        position = self._position()
        while not self._stopping.is_set():
            self.standing.state = "running"
            events = self._next(position)
            if events:
                position = await self._send_all(sender, events, position)
                continue
            self.standing.oldest = None
            await asyncio.sleep(SLICE)  # what is known to be ahead may have been sent just now
            while not self._stopping.is_set() and not self._ahead(position):
                await asyncio.sleep(SLICE)
            position = self._position()

    async def _send_all(self, sender: Sender, events: Sequence[OutgoingEvent], position: int) -> int:
        """Sends them, keeps how far that went, also where it fails, and returns it."""
        kept, kept_at = position, time.monotonic()
        try:
            for event in events:
                if self._stopping.is_set():
                    break
                await self._send(sender, event)
                position = event.position
                if time.monotonic() - kept_at > SAVE:
                    self._keep(kept, position)
                    kept, kept_at = position, time.monotonic()
        finally:
            if position != kept:
                self._keep(kept, position)
        return position

    async def _send(self, sender: Sender, event: OutgoingEvent) -> None:
        if not is_wanted(event, self.destination.types):
            return
        self.standing.oldest = event.at
        await sender.send(self.destination.message(event))
        self.standing.delivered += 1
        self.standing.error, self._failures = None, 0

    # -- the store

    def _position(self) -> int:
        with self._store.transaction(self.destination.tenant, writing=False) as t:
            position = t.sink_position(self.destination.id)
        if position is None:
            raise Lost("it is not known how far the destination has come")
        return position

    def _next(self, position: int) -> Sequence[OutgoingEvent]:
        with self._store.transaction(self.destination.tenant, writing=False) as t:
            removed, _ = t.outgoing_span()
            events = t.outgoing_events(position, PAGE)
        if removed > position:
            self._keep(position, removed)
            self.standing.missed += removed - position
            log.error("events were removed before they were sent", sink=self.destination.id, events=removed - position)
            raise Moved
        return events

    def _keep(self, was: int, position: int) -> None:
        with self._store.transaction(self.destination.tenant) as t:
            if not t.change_sink(self.destination.id, was, position):
                raise Moved

    # -- waiting

    async def _wait_after(self, error: Exception) -> None:
        self.standing.state, self.standing.error = "waiting", told(error)
        self.standing.failed += 1
        refused = isinstance(error, DeliveryError) and error.permanent
        longest = LONGEST_WAIT if refused else min(FIRST_WAIT * 2**self._failures, LONGEST_WAIT)
        wait = longest * random.uniform(0.5, 1)  # noqa: S311  # no secret
        self._failures = min(self._failures + 1, 16)
        log.warning("events not sent", sink=self.destination.id, reason=self.standing.error, again_in=round(wait, 1))
        await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, SLICE))


async def _closed(sender: Sender) -> None:
    try:
        await asyncio.wait_for(sender.close(), 10)
    except Exception:  # it was lost before, and so it is now
        log.debug("a lost connection could not be closed")


def told(error: Exception) -> str:
    """What an error says, in one line."""
    text = (str(error).strip().splitlines() or [""])[0][:300]
    return text if isinstance(error, DeliveryError) else f"{type(error).__name__}: {text}".removesuffix(": ")
