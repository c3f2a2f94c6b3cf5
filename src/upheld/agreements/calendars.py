"""Calendar periods and service hours in local time. DESIGN rule 3.

Instants are int microseconds UTC, intervals half-open (start, end). A local day can have 23 or 25 hours.
"""

from calendar import monthrange
from collections.abc import Container, Iterator
from datetime import UTC, date, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from upheld.agreements.hours import ServiceHours
from upheld.agreements.intervals import Interval
from upheld.agreements.units import DAY, MINUTE, local_midnight, to_datetime, to_microseconds

LOOK_AHEAD = 32 * DAY
SATURDAY = 5
"""By so much at a time service hours are looked for: every region has some in it."""


def calendar_periods(unit: str, zone: ZoneInfo, start: int, end: int, billing_day: int = 1) -> Iterator[Interval]:
    """Every whole period of `unit` (day, week, month, quarter, year) that overlaps [start, end), in order.
    A week begins on Monday (ISO 8601). A month begins on its `billing_day`, or on its last where it is too short for
    that. A day that a zone has skipped (Pacific/Apia had no 2011-12-30) is no period."""
    first = _first_day(unit, to_datetime(start).astimezone(zone).date(), billing_day)
    while (begins := local_midnight(first, zone)) < end:
        following = _next_first_day(unit, first, billing_day)
        ends = local_midnight(following, zone)
        if begins < ends:
            yield begins, ends
        first = following


def _first_day(unit: str, day: date, billing_day: int) -> date:
    match unit:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            begins = clipped(day.year, day.month, billing_day)
            return begins if begins <= day else _months_on(begins, -1, billing_day)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case "year":
            return day.replace(month=1, day=1)
    raise ValueError(f"unknown calendar unit {unit!r}")


def _next_first_day(unit: str, first: date, billing_day: int) -> date:
    match unit:
        case "day":
            return first + timedelta(days=1)
        case "week":
            return first + timedelta(days=7)
        case "month":
            return _months_on(first, 1, billing_day)
        case "quarter":
            return _months_on(first, 3, 1)
    return first.replace(year=first.year + 1)


def _months_on(day: date, months: int, wanted: int) -> date:
    """The day of the month numbered `wanted`, or the month's last, so many months after that of `day`."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return clipped(year, month + 1, wanted)


def clipped(year: int, month: int, wanted: int) -> date:
    """The day of a month numbered `wanted`, or its last where it is too short for that."""
    return date(year, month, min(wanted, monthrange(year, month)[1]))


def months_before(instant: int, months: int, zone: ZoneInfo, billing_day: int = 1) -> int:
    """So many calendar months before an instant, in local time: the end of a month that begins on `billing_day` gives
    the end of an earlier one, any other the same local day and time, or the last day of a month too short for it."""
    local = to_datetime(instant).astimezone(zone)
    day = local.date()
    at_boundary = day == clipped(day.year, day.month, billing_day) and instant == local_midnight(day, zone)
    earlier = _months_on(day, -months, billing_day if at_boundary else day.day)
    if at_boundary:
        return local_midnight(earlier, zone)
    return to_microseconds(local.replace(year=earlier.year, month=earlier.month, day=earlier.day))


def later_by(instant: int, duration: int, zone: ZoneInfo) -> int:
    """So much (microseconds) after an instant: its whole days by the calendar of the zone, whose days can have 23 or
    25 hours, and the rest by the clock."""
    days, rest = divmod(duration, DAY)
    local = to_datetime(instant).astimezone(zone)
    if local.time() == time.min:
        return local_midnight(local.date() + timedelta(days=days), zone) + rest
    return to_microseconds((local + timedelta(days=days)).astimezone(UTC)) + rest


def outside_hours(hours: ServiceHours, zone: ZoneInfo, start: int, end: int) -> list[Interval]:
    """The intervals of [start, end) that lie outside the service hours, in order and disjoint."""
    outside: list[Interval] = []
    closed_since = start
    for opens, closes in _open_intervals(hours, zone, start, end):
        if opens > closed_since:
            outside.append((closed_since, min(opens, end)))
        closed_since = max(closed_since, closes)
    if closed_since < end:
        outside.append((closed_since, end))
    return outside


def after_service_time(hours: ServiceHours | None, zone: ZoneInfo, start: int, duration: int) -> int:
    """The instant at which so much time (microseconds) has passed within the service hours since `start`; of none, by
    the clock alone."""
    if hours is None:
        return start + duration
    left, begins = duration, start
    while True:
        ends = begins + LOOK_AHEAD
        for opens, closes in _open_intervals(hours, zone, begins, ends):
            counted = min(closes, ends) - max(opens, begins)
            if counted > 0 and left <= counted:
                return max(opens, begins) + left
            left -= max(counted, 0)
        begins = ends


def working_days_before(instant: int, days: int, region: str | None, zone: ZoneInfo) -> int:
    """The same time of day so many working days earlier, in local time: days from Monday to Friday without the public
    holidays of `region` (None: with them)."""
    return _working_days_on(instant, days, timedelta(days=-1), region, zone)


def working_days_after(instant: int, days: int, region: str | None, zone: ZoneInfo) -> int:
    """The same so many working days later."""
    return _working_days_on(instant, days, timedelta(days=1), region, zone)


def _working_days_on(instant: int, days: int, step: timedelta, region: str | None, zone: ZoneInfo) -> int:
    closed_days = _holidays(region)
    local = to_datetime(instant).astimezone(zone)
    day, left = local.date(), days
    while left:
        day += step
        left -= day.weekday() < SATURDAY and day not in closed_days
    return to_microseconds(local.replace(year=day.year, month=day.month, day=day.day, fold=0))


def _open_intervals(hours: ServiceHours, zone: ZoneInfo, start: int, end: int) -> Iterator[Interval]:
    closed_days = _holidays(hours.holidays)
    day = to_datetime(start).astimezone(zone).date() - timedelta(days=1)
    while (midnight := local_midnight(day, zone)) < end:
        span = hours.hours[day.weekday()]
        skipped = local_midnight(day + timedelta(days=1), zone) == midnight  # there was no such day
        if span is not None and day not in closed_days and not skipped:
            yield local_minute(day, span[0], zone, midnight), local_minute(day, span[1], zone, midnight)
        day += timedelta(days=1)


def local_minute(day: date, minute: int, zone: ZoneInfo, midnight: int) -> int:
    """The instant of a wall-clock minute of `day`; 24:00 is the next midnight."""
    if minute == 0:
        return midnight
    if minute == 24 * 60:
        return local_midnight(day + timedelta(days=1), zone)
    wall = to_datetime(midnight).astimezone(zone).replace(hour=minute // 60, minute=minute % 60)
    return to_microseconds(wall) // MINUTE * MINUTE


@cache
def _holidays(region: str | None) -> Container[date]:
    if region is None:
        return frozenset()
    import holidays

    country, _, subdivision = region.partition("-")
    days: Container[date] = holidays.country_holidays(country, subdiv=subdivision or None)
    return days
