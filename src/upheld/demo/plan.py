"""When the demonstration's services fail: so that one promise is broken within a minute or so of any start."""

from dataclasses import dataclass
from fractions import Fraction

from upheld.agreements.intervals import Interval
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.objectives import Objective
from upheld.agreements.units import DAY, MINUTE, local_midnight, to_datetime, to_microseconds

FAILING, OBJECTIVE = "vpn-acme-frankfurt", "availability"
"""The service that fails, and the promise (a share of each calendar month) that it breaks."""
SWITCH = ("vpn-riverbank-london", "vpn-riverbank-leeds", "internet-riverbank-london")
"""What a switch carries that fails later on: services of a second customer, all at once."""

OUTAGE_AFTER, OUTAGE_LENGTH = 8 * MINUTE, 24 * MINUTE
"""The outage of a service that had spent two thirds of its budget before."""
LONG_AFTER = 4 * MINUTE
SPARE = 4 * MINUTE
"""How much longer than the whole budget the outage is of a service that had spent nothing before."""
EARLIER_BEFORE, QUIET = 430 * MINUTE, 60 * MINUTE
"""The earlier outage: how long before the start it begins at most, and how long it is over by then at least."""
CALM = 10 * MINUTE
"""What is left of the month after the outage at least, in which the service is restored."""
SWITCH_AFTER, SWITCH_LENGTH = 150 * MINUTE, 4 * MINUTE


@dataclass(frozen=True, slots=True)
class Plan:
    """Instants in microseconds UTC, each interval half-open. `began` is when the demonstration starts; what is before
    it, from `history` on, is delivered at once. `earlier` is None where the month is too young for it."""

    began: int
    history: int
    earlier: Interval | None
    outage: Interval
    switch: Interval

    def is_down(self, service: str, at: int) -> bool:
        """Whether a service does not work at an instant."""
        if service == FAILING:
            return _within(self.outage, at) or (self.earlier is not None and _within(self.earlier, at))
        return service in SWITCH and _within(self.switch, at)


def plan(began: int, portfolio: Portfolio) -> Plan:
    """The plan of a demonstration that starts at `began`, a full minute.

    The outage comes soon after the start where the month, in the agreement's zone, leaves room for it and for the
    restoration, else right after the month's end. It goes beyond the budget: with what an earlier outage of the same
    month had spent, or alone where the month is too young to have had one."""
    agreement, objective = _promise(portfolio)
    history = to_microseconds(to_datetime(began).replace(day=1, hour=0, minute=0))
    month, after = _month(began, agreement)
    late = began + OUTAGE_AFTER + OUTAGE_LENGTH + CALM > after
    if late:
        month, after = after, _month(after, agreement)[1]
    budget = _budget(objective, month, after)
    switch = (began + SWITCH_AFTER, began + SWITCH_AFTER + SWITCH_LENGTH)
    earlier = None if late else _earlier(max(month, history), began, budget * 2 // 3)
    if earlier is not None:
        start = began + OUTAGE_AFTER
        return Plan(began, history, earlier, (start, start + OUTAGE_LENGTH), switch)
    start = max(began + LONG_AFTER, month)
    return Plan(began, history, None, (start, start + budget * MINUTE + SPARE), switch)


def _promise(portfolio: Portfolio) -> tuple[Agreement, Objective]:
    agreement = next(a for a in portfolio.agreements if FAILING in a.services)
    return agreement, next(o for o in agreement.promises if o.id == OBJECTIVE)


def _budget(objective: Objective, start: int, end: int) -> int:
    """The bad minutes that the promise allows in a month."""
    assert isinstance(objective.target, Fraction)
    return int((1 - objective.target) * ((end - start) // MINUTE))


def _month(at: int, agreement: Agreement) -> Interval:
    zone = agreement.time_zone
    first = to_datetime(at).astimezone(zone).date().replace(day=1)
    later = to_datetime(local_midnight(first, zone) + 40 * DAY).astimezone(zone).date()
    return local_midnight(first, zone), local_midnight(later.replace(day=1), zone)


def _earlier(since: int, began: int, minutes: int) -> Interval | None:
    start = max(since, began - EARLIER_BEFORE)
    end = start + minutes * MINUTE
    return (start, end) if end <= began - QUIET else None


def _within(interval: Interval, at: int) -> bool:
    return interval[0] <= at < interval[1]
