"""What is told of events stated as measurements, for objectives that assess a metric's values (`measurements.states`).

With each pulse: what was told since the last one is stated from the opening of the event on, whatever it corrects; and
what is open still, up to now. Up to which telling that is done is kept, and doing it twice changes nothing: so a crash
in between is made good by the next pulse.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from upheld.agreements.units import DAY
from upheld.measurements.events import ServiceEvent, holding_events
from upheld.measurements.model import from_table, holding, to_table
from upheld.measurements.states import SUFFIX, instants, restated
from upheld.ports import Clock, MeasurementLog, Stated, Store
from upheld.process.assessing.in_force import InForce

Series = tuple[str, str]
BACK = 400 * DAY
"""How far back an event is stated."""
AT_ONCE = 31 * DAY
"""The log is read, and added to, for so long a time at once."""


@dataclass
class _Tenant:
    """What is stated of a tenant, and the events that were not over at `upto`, by their series."""

    stated: Stated
    upto: int
    running: Mapping[Series, Sequence[ServiceEvent]] = field(default_factory=dict)


class Stating:
    """The states of every tenant. `keep(tenant, measurements)` makes them durable."""

    def __init__(
        self, store: Store, log: MeasurementLog, clock: Clock, keep: Callable[[str, pa.Table], object]
    ) -> None:
        self._store, self._log, self._clock, self._keep = store, log, clock, keep
        self._tenants: dict[str, _Tenant] = {}

    def run(self, tenant: str, current: InForce) -> None:
        """States what there is to state."""
        slots = current.states
        if not slots:
            return
        known, now = self._tenants.get(tenant), self._clock.now()
        with self._store.transaction(tenant, writing=False) as t:
            stated = Stated(t.service_events_place(), current.version)
            if known is not None and known.stated == stated:
                self._go_on(tenant, slots, known, now)
                return
            before, floor = t.stated(), t.log_floor()
            told = _of(slots, t.service_events())
            is_same = before is not None and before.portfolio == stated.portfolio
            old = len(_of(slots, t.service_events(before.place))) if before is not None and is_same else 0
        running = _running(told, now)
        begins = _begins(told, told[old:])
        if known is None:  # what was running when the process ended has not been stated since
            for series, events in running.items():
                begins[series] = min(begins.get(series, now), *(event.opened for event in events))
        else:
            self._go_on(tenant, slots, known, now, but=begins)
        since = max(now - BACK, 0 if floor is None else floor.settled)
        for series, start in begins.items():
            self._state(tenant, series, slots[series], _of((series,), told), max(start, since), now)
        with self._store.transaction(tenant) as t:
            t.save_stated(stated)
        self._tenants[tenant] = _Tenant(stated, now, running)

    def _go_on(
        self,
        tenant: str,
        slots: Mapping[Series, Sequence[int]],
        known: _Tenant,
        now: int,
        but: Collection[Series] = (),
    ) -> None:
        """States what has been running since the last time, but what is stated anew."""
        for series, events in known.running.items():
            down = instants(events, slots.get(series, ()), known.upto + 1, now + 1)
            rows = restated(series, down, (), now)
            if rows and series not in but:
                self._keep(tenant, to_table(rows))
        known.upto = now

    def _state(
        self,
        tenant: str,
        series: Series,
        slots: Sequence[int],
        told: Sequence[ServiceEvent],
        start: int,
        now: int,
    ) -> None:
        """States a series anew from an instant on."""
        service, metric = series
        events = holding_events(told)
        for first in range(start, now + 1, AT_ONCE):
            end = min(first + AT_ONCE, now + 1)
            names = {(service, metric), (service, metric + SUFFIX)}
            held = holding(from_table(self._log.rows(tenant, names, start=first, end=end))).values()
            rows = restated(series, instants(events, slots, first, end), held, now)
            if rows:
                self._keep(tenant, to_table(rows))


def _of(series: Collection[Series], told: Iterable[ServiceEvent]) -> list[ServiceEvent]:
    """What was told of some series."""
    return [event for event in told if (event.service, event.metric) in series]


def _begins(told: Sequence[ServiceEvent], news: Sequence[ServiceEvent]) -> dict[Series, int]:
    """From when on each series is to be stated anew for what is news: from the first opening that was ever told of
    these events."""
    changed = {event.identity for event in news}
    found: dict[Series, int] = {}
    for event in told:
        if event.identity in changed:
            key = event.service, event.metric
            found[key] = min(event.opened, found.get(key, event.opened))
    return found


def _running(told: Sequence[ServiceEvent], now: int) -> dict[Series, list[ServiceEvent]]:
    """What is not over yet, by its series."""
    found: defaultdict[Series, list[ServiceEvent]] = defaultdict(list)
    for event in holding_events(told):
        if event.closed is None or event.closed > now:
            found[event.service, event.metric].append(event)
    return dict(found)
