"""Batches that are appended at the same time are committed together: one transaction, one wait for the disk.

Who finds nobody at work commits what waits, its own batch first, and then leaves the work to the first of those who
came meanwhile. So no thread of its own is needed, and who appends alone waits for nobody. A batch is acknowledged after
its commit, never before; one that cannot be kept fails alone.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from upheld.ports import Busy, Conflict, StoreFailed
from upheld.recorder import Recorder
from upheld.store import log

MOST_WAITING = 64 * 1024 * 1024
"""Bytes (packed) that may wait to be written; one tenant's may be half of them."""
TOGETHER = 8 * 1024 * 1024
"""Bytes (packed) that are committed together, or a single batch that is larger."""

_NO_ROOM = ("53100",)  # PostgreSQL: disk_full
_FULL = ("database or disk is full", "disk I/O error")  # SQLite; the second is what it calls a file that may not grow

_BUSY = (TimeoutError, NoConnection, Conflict)


@dataclass
class _Waiting:
    tenant: str
    packed: log.PackedBatch
    source: str | None
    woken: threading.Event = field(default_factory=threading.Event)
    position: int | None = None
    error: Exception | None = None


class Appending:
    """Appends batches in transactions that `begin` makes."""

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        recorder: Recorder = Recorder(),
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._begin, self._recorder, self._most_waiting = begin, recorder, most_waiting
        self._lock = threading.Lock()
        self._queue: deque[_Waiting] = deque()
        self._waiting: Counter[str] = Counter()
        self._is_led = False

    def append(self, tenant: str, packed: log.PackedBatch, source: str | None) -> int:
        """Appends a batch behind all others and returns its position, once it is durable. Raises NotKept."""
        mine = _Waiting(tenant, packed, source)
        with self._lock:
            self._check_room(mine)
            self._queue.append(mine)
            self._waiting[tenant] += len(packed.arrow)
            leads, self._is_led = not self._is_led, True
        if not leads:
            mine.woken.wait()
        if mine.position is None and mine.error is None:
            self._lead()
        if mine.error is not None:
            raise mine.error
        assert mine.position is not None, "who leads commits its own batch first"
        return mine.position

    def _check_room(self, one: _Waiting) -> None:
        """Refuses what would have to wait behind too much. A batch of any size is taken where nothing waits."""
        size = len(one.packed.arrow)
        mine, all_of_us = self._waiting[one.tenant], self._waiting.total()
        if mine and mine + size > self._most_waiting // 2:
            raise Busy("too many measurements of this tenant wait to be written")
        if all_of_us and all_of_us + size > self._most_waiting:
            raise Busy("too many measurements wait to be written")

    # -- committing -----------------------------------------------------------------------------------------------

    def _lead(self) -> None:
        """Commits what waits, from the front of the queue, and wakes those whose batches these are, and the next to
        lead."""
        group: Sequence[_Waiting] = ()
        try:
            with self._begin() as connection:
                group = self._next_group()  # now, when our turn has come: until then more may join
                began = time.monotonic()
                positions = log.append(connection, [(one.tenant, one.packed, one.source) for one in group])
            for one, position in zip(group, positions, strict=True):
                one.position = position
            self._recorder.log_synced(sum(len(one.packed.arrow) for one in group), time.monotonic() - began)
        except Exception as error:
            group = group or self._next_group()
            self._recover(group, error)
        except BaseException:  # this thread is being ended
            group = group or self._next_group()
            for one in group:
                one.error = StoreFailed("the server is being stopped; nothing of these measurements was kept")
            raise
        finally:
            self._hand_over(group)

    def _recover(self, group: Sequence[_Waiting], error: Exception) -> None:
        """After a transaction of several has failed, each gets one of its own, so that only what cannot be kept fails.
        Where the database itself cannot be used, that would only take longer."""
        if len(group) == 1 or not _concerns_one(error):
            for one in group:
                one.error = _explained(error)
            return
        for one in group:
            try:
                with self._begin() as connection:
                    positions = log.append(connection, [(one.tenant, one.packed, one.source)])
                [one.position] = positions
            except Exception as its_own:
                one.error = _explained(its_own)

    def _next_group(self) -> list[_Waiting]:
        with self._lock:
            group, size = [self._queue.popleft()], 0
            while self._queue and (size := size + len(group[-1].packed.arrow)) < TOGETHER:
                group.append(self._queue.popleft())
            return group

    def _hand_over(self, group: Sequence[_Waiting]) -> None:
        with self._lock:
            for one in group:
                self._waiting[one.tenant] -= len(one.packed.arrow)
                if not self._waiting[one.tenant]:
                    del self._waiting[one.tenant]
            self._is_led = bool(self._queue)
            first = self._queue[0] if self._queue else None
        for one in group:
            one.woken.set()
        if first is not None:
            first.woken.set()


def _concerns_one(error: Exception) -> bool:
    """Whether the batch of one may have made all fail: a large one where there is little room, or one with a value
    that the database refuses."""
    if isinstance(error, DBAPIError):
        return _is_full(error) or not isinstance(error, OperationalError)
    return not isinstance(error, _BUSY)


def _is_full(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) in _NO_ROOM or str(error.orig).startswith(_FULL)


def _explained(error: Exception) -> Exception:
    """What an appender is told. What the database said is the cause, for the log."""
    explained: Exception
    if isinstance(error, DBAPIError) and _is_full(error):
        explained = StoreFailed("there is no room on the disk; nothing of these measurements was kept")
    elif isinstance(error, _BUSY):
        explained = Busy("the database is busy; nothing of these measurements was kept")
    elif isinstance(error, SQLAlchemyError):
        explained = StoreFailed("the database cannot be written; nothing of these measurements was kept")
    else:
        return error
    explained.__cause__ = error
    return explained
