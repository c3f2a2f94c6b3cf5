"""What is old is removed: events for other systems after a time, and of the log of measurements what no verdict needs
any more (`assessment.retention`).

    find the floor -> commit it: from now on nothing before it is looked at, taken or restated -> remove the files

The floor is committed first: whatever is cut off after that is done by the next round.
"""

from collections.abc import Iterable

import structlog

from upheld.agreements.units import DAY, format_instant, parse_instant
from upheld.assessment.retention import VerdictKey, floor
from upheld.cases.model import OPEN_STATES, ROLLING, Case
from upheld.ports import Clock, LogFloor, MeasurementLog, Store, Transaction
from upheld.process.assessing.pulse import EVERY_CASE
from upheld.process.process import Process

log = structlog.get_logger()


class Retention:
    """Removes measurements that are older than `keep` (microseconds; None: never)."""

    def __init__(
        self, process: Process, store: Store, measurements: MeasurementLog, clock: Clock, keep: int | None
    ) -> None:
        self._process, self._store, self._log, self._clock, self._keep = process, store, measurements, clock, keep

    def run(self) -> int:
        """A round over all tenants; returns how many rows were removed."""
        count = 0
        for tenant in self._store.tenants() if self._keep is not None else ():
            try:
                count += self._remove(tenant, self._keep or 0)
            except Exception:  # what stays does no harm, and must not hold up other tenants
                log.exception("removal of old measurements failed", tenant=tenant)
        return count

    def _remove(self, tenant: str, keep: int) -> int:
        now = self._clock.now()
        with self._store.transaction(tenant, writing=False) as t:
            before = t.log_floor()
        if self._log.removable(tenant, (now - keep) // DAY * DAY):
            found = self._floor(tenant, now, keep)
            is_higher = found is not None and (before is None or found.kept_from > before.kept_from)
            if found is not None and is_higher and self._log.removable(tenant, found.kept_from):
                with self._store.transaction(tenant) as t:
                    t.raise_log_floor(found)
                before = found
                log.info("the floor of the log was raised", tenant=tenant, kept_from=format_instant(found.kept_from))
        if before is None:
            return 0
        self._forget_alarms(tenant, before.kept_from)
        count = self._log.remove(tenant, before.kept_from)
        if count:
            log.info("old measurements were removed", tenant=tenant, rows=count)
        return count

    def _forget_alarms(self, tenant: str, before: int) -> None:
        while True:
            with self._store.transaction(tenant) as t:
                if not t.forget_alarms(before):
                    return

    def _floor(self, tenant: str, now: int, keep: int) -> LogFloor | None:
        current = self._process.in_force(tenant)
        with self._store.transaction(tenant, writing=False) as t:
            made, verdicts, disputed = t.assessment(), t.verdicts(), _disputed(t)
        if current is None or made is None or made.portfolio != current.version:
            return None
        # A promise that is not in force any more is not assessed: what it came to stays.
        judged = [(term, v) for v in verdicts if (term := current.term(v)) is not None]
        found = floor(current.every_term, judged, disputed, made.as_of, now, keep)
        return None if found is None else LogFloor(found.kept_from, found.settled, now)


class Forgetting:
    """Removes events for other systems that are older than `keep` (microseconds), whether they were fetched or not: a
    destination that is away for ever must not fill the store."""

    def __init__(self, store: Store, clock: Clock, keep: int) -> None:
        self._store, self._clock, self._keep = store, clock, keep

    def run(self) -> int:
        """A round over all tenants; returns how many events were removed."""
        count = 0
        before = self._clock.now() - self._keep
        for tenant in self._store.tenants():
            try:
                with self._store.transaction(tenant) as t:
                    count += t.forget_outgoing(before)
            except Exception:  # as above
                log.exception("removal of old events failed", tenant=tenant)
        return count


def _disputed(t: Transaction) -> set[VerdictKey]:
    """The verdicts that open cases are about."""
    return {
        (case.agreement, case.objective, case.service, period)
        for case in t.cases(OPEN_STATES, EVERY_CASE)
        for period in _periods(case)
    }


def _periods(case: Case) -> Iterable[int]:
    yield case.period_start
    yield from (parse_instant(period) for period in case.periods if period != ROLLING)
