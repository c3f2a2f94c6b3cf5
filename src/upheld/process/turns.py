"""Fair turns: each tenant is assessed a bounded piece at a time, so that one with much to do holds up no other.

Who has begun a pulse has one turn in each round until it has ended; who has ended rests until `PAUSE` after it began.
So a tenant with little to do waits for its verdicts no longer than one turn of each of the others takes, however much
lies in their logs.
"""

import time
from collections.abc import Callable

import structlog

from upheld.ports import Store
from upheld.process.process import Process
from upheld.recorder import Recorder

log = structlog.get_logger()

PAUSE = 0.4
"""Seconds between the beginnings of two pulses of one tenant; a little less than idle rounds are apart."""


class Turns:
    """Gives the tenants their turns. `now` tells the time in seconds."""

    def __init__(
        self, process: Process, store: Store, recorder: Recorder = Recorder(), now: Callable[[], float] = time.monotonic
    ) -> None:
        self._process, self._store, self._recorder, self._now = process, store, recorder, now
        self._rests_until: dict[str, float] = {}
        self._busy: set[str] = set()
        self._waited_for: set[str] | None = None
        self.elsewhere: set[str] = set()
        """The tenants that another process assesses."""

    @property
    def has_caught_up(self) -> bool:
        """Whether every tenant that was there in the first round has ended a pulse since, or failed to."""
        return self._waited_for is not None and not self._waited_for

    def go_round(self) -> int:
        """A turn for each tenant that does not rest; returns how many have more to do."""
        tenants = self._store.tenants()
        if self._waited_for is None:
            self._waited_for = set(tenants)
        for tenant in tenants:
            now = self._now()
            if tenant not in self._busy:
                if now < self._rests_until.get(tenant, now):
                    continue
                self._rests_until[tenant] = now + PAUSE
            self._busy.discard(tenant)
            if not self._store.leads(tenant):
                self.elsewhere.add(tenant)
                self._waited_for.discard(tenant)
                continue
            self.elsewhere.discard(tenant)
            if self._turn(tenant):
                self._busy.add(tenant)
            else:
                self._waited_for.discard(tenant)
        return len(self._busy)

    def _turn(self, tenant: str) -> bool:
        with structlog.contextvars.bound_contextvars(tenant=tenant):
            try:
                return self._process.turn(tenant)
            except Exception:  # one tenant that cannot be assessed must not hold up the others
                log.exception("assessment failed")
                self._recorder.pulse_failed(tenant)
                return False
