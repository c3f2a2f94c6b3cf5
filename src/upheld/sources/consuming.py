"""The messages of one broker, from its connection to their acknowledgement: nothing is acknowledged before it is on
disk, and whatever fails is tried again."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from upheld.agreements.units import SECOND
from upheld.ports import NotKept
from upheld.sources.declared import Broker, place_of
from upheld.sources.feeds import Feed, Message, open_feed
from upheld.sources.taking import NotYet, Readings, Taking

Result = TypeVar("Result")
log = structlog.get_logger("upheld.sources")

IDLE = 0.5
"""Seconds that a consumer waits for a message before it looks whether it is to stop."""
SLICE = 0.1
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds before a lost connection is tried again; doubled each time, and shortened at random by up to a half."""
HOLD = 5.0
"""Seconds between two times that a broker is told that its messages are still being worked at."""
NOT_YET = 5.0
"""Seconds between two looks whether what is missing is there."""


@dataclass(slots=True)
class Standing:
    """How a source stands: what it is at, how many messages it took with how many measurements, how many it set aside,
    how often its connection was lost, and why for the last time."""

    id: str
    tenant: str
    kind: str
    state: str = "connecting"
    messages: int = 0
    measurements: int = 0
    set_aside: int = 0
    lost: int = 0
    error: str | None = None
    failures: int = 0
    """How often it was lost since it was reached for the last time, as far as that makes waiting longer."""

    def was_lost(self, why: str) -> float:
        """Notes that it was lost, and why; how many seconds to wait before it is tried again."""
        self.state, self.error = "lost", why
        self.lost += 1
        wait: float = min(FIRST_WAIT * 2**self.failures, LONGEST_WAIT) * random.uniform(0.5, 1)  # noqa: S311  # no secret
        self.failures = min(self.failures + 1, 16)
        log.warning("source lost", source=self.id, reason=why, again_in=round(wait, 1))
        return wait


class Consumer:
    """Consumes one source until it is told to stop."""

    def __init__(
        self,
        source: Broker,
        taking: Taking,
        stopping: threading.Event,
        connect: Callable[[Broker], Awaitable[Feed]] = open_feed,
    ) -> None:
        self._source, self._taking, self._stopping, self._connect = source, taking, stopping, connect
        self.standing = Standing(source.id, source.tenant, source.kind)

    def run(self) -> None:
        """Returns once it has stopped."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                feed = await self._connect(self._source)
            except Exception as error:  # a broker that is away is no reason to end: whatever it is, it is tried again
                await self._wait_after(error)
                continue
            self.standing.state = "running"
            log.info("source connected", source=self._source.id, place=place_of(self._source))
            began = time.monotonic()
            try:
                await self._consume(feed)
            except Exception as error:
                await _closed(feed)
                if time.monotonic() - began > LONGEST_WAIT:
                    self.standing.failures = 0
                await self._wait_after(error)
            else:
                await _closed(feed)
        self.standing.state = "stopped"

    async def _consume(self, feed: Feed) -> None:
        while not self._stopping.is_set():
            messages = await self._gather(feed)
            if messages and await self._take(feed, messages):
                await feed.acknowledge(messages)
                self.standing.messages += len(messages)
                self.standing.failures = 0

    async def _gather(self, feed: Feed) -> list[Message]:
        """The messages of one batch: those that come within `batch_wait` of the first."""
        source = self._source
        messages = list(await feed.receive(1, IDLE))
        size = sum(len(message.body) for message in messages)
        ends = time.monotonic() + source.batch_wait / SECOND
        while messages and size < source.batch_bytes and len(messages) < source.in_flight:
            left = ends - time.monotonic()
            if left <= 0:
                break
            more = await feed.receive(source.in_flight - len(messages), left)
            messages += more
            size += sum(len(message.body) for message in more)
        return messages

    async def _take(self, feed: Feed, messages: Sequence[Message]) -> bool:
        """Makes them durable, however long that takes; False where it has to stop before."""
        readings: Readings | None = None
        while True:
            try:
                if readings is None:
                    work = asyncio.to_thread(self._taking.read, self._source, self._source.format, messages)
                    readings = await self._held(feed, messages, work)
                kept = await self._held(feed, messages, asyncio.to_thread(self._taking.keep, self._source, readings))
            except NotYet as missing:
                patience, why = NOT_YET, str(missing)
            except NotKept as refusal:
                patience, why = float(refusal.retry_after), str(refusal)
            else:
                self.standing.state, self.standing.error = "running", None
                self.standing.measurements += kept
                self.standing.set_aside += len(readings.letters)
                return True
            if self.standing.error != why:
                self._taking.failed(self._source, why)
                log.warning("source waits", source=self._source.id, reason=why)
            self.standing.state, self.standing.error = "waiting", why
            if not await self._hold(feed, messages, patience):
                return False

    async def _held(self, feed: Feed, messages: Sequence[Message], work: Awaitable[Result]) -> Result:
        """The result of work, while which the broker is told every few seconds that it goes on."""
        running = asyncio.ensure_future(work)
        while not running.done():
            done, _ = await asyncio.wait([running], timeout=HOLD)
            if not done:
                await feed.hold(messages)
        return running.result()

    async def _hold(self, feed: Feed, messages: Sequence[Message], seconds: float) -> bool:
        """Waits with messages in hand; False where it has to stop."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            await feed.hold(messages)
            if not await self._sleep(min(left, HOLD)):
                return False
        return not self._stopping.is_set()

    async def _sleep(self, seconds: float) -> bool:
        """False where it has to stop."""
        ends = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, SLICE))
        return not self._stopping.is_set()

    async def _wait_after(self, error: Exception) -> None:
        wait = self.standing.was_lost(told(error))
        self._taking.failed(self._source, told(error))
        await self._sleep(wait)


async def _closed(feed: Feed) -> None:
    try:
        await asyncio.wait_for(feed.close(), 10)
    except Exception:  # it was lost before, and so it is now
        log.debug("a lost connection could not be closed")


def told(error: Exception) -> str:
    """What an error of a client says, in one line."""
    text = (str(error).strip().splitlines() or [""])[0][:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
