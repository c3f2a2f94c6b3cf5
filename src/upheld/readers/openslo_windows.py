"""OpenSLO's time windows and durations -> periods of agreements."""

import re
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from upheld.agreements.units import DAY, HOUR, MINUTE, format_duration
from upheld.readers.faults import Fault, InputError
from upheld.readers.openslo_documents import Calendar, Placed, SloSpec, TimeWindow

_zones = cache(available_timezones)  # it walks the whole database of zones
_SIZES = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_ABOUT = {"M": 30, "Q": 90, "Y": 365}
_CALENDAR = {"1d": "day", "1w": "week", "7d": "week", "1M": "month", "1Q": "quarter", "3M": "quarter", "1Y": "year"}
_CALENDAR |= {"12M": "year", "4Q": "year"}
_FIRST_DAYS = {
    "day": "each day",
    "week": "a Monday",
    "month": "its first day, or of its billing day,",
    "quarter": "the first of January, April, July or October",
    "year": "the first of January",
}
_SHORTHAND = re.compile(r"([1-9]\d{0,5})([mhdwMQY])")


def shorthand(text: str) -> tuple[int, str]:
    """`"4w"` -> (4, "w"). Raises ValueError where it is no duration-shorthand of OpenSLO."""
    match = _SHORTHAND.fullmatch(text)
    if match is None:
        raise ValueError("is not a duration such as 5m, 12h, 28d, 4w, 1M, 1Q or 1Y")
    return int(match[1]), match[2]


def whole_minutes(duration: tuple[int, str]) -> int:
    """A duration-shorthand of fixed length -> microseconds. Raises ValueError for months, quarters and years."""
    number, unit = duration
    if unit not in _SIZES:
        raise ValueError("has no fixed length; give minutes, hours, days or weeks")
    return number * _SIZES[unit]


def period_of(slo: Placed, spec: SloSpec) -> tuple[str | None, dict[str, Any], list[Fault]]:
    """(the time zone of a calendar window, the period as an agreement says it, what of it could not be taken over).
    Raises InputError where there is no such period."""
    place = ("spec", "timeWindow")
    if len(spec.timeWindow) != 1:
        message = "is missing; give one rolling or calendar window" if not spec.timeWindow else "has one window only"
        raise InputError([slo.fault(place, message)])
    window = spec.timeWindow[0]
    rolling = window.isRolling if window.isRolling is not None else window.calendar is None
    try:
        number, unit = shorthand(window.duration)
    except ValueError as error:
        raise InputError([slo.fault((*place, 0, "duration"), f"{window.duration!r} {error}")]) from None
    if rolling and window.calendar is not None:
        raise InputError([slo.fault((*place, 0, "calendar"), "does not go with isRolling: true")])
    if rolling:
        return _rolling(slo, number, unit)
    return _calendar(slo, window)


def _rolling(slo: Placed, number: int, unit: str) -> tuple[None, dict[str, Any], list[Fault]]:
    if unit in _SIZES:
        return None, {"rolling": format_duration(number * _SIZES[unit]).replace(" ", "")}, []
    days = number * _ABOUT[unit]
    said = f"a rolling window of {number}{unit} has no fixed length; it is taken as {days}d"
    return None, {"rolling": f"{days}d"}, [slo.fault(("spec", "timeWindow", 0, "duration"), said)]


def _calendar(slo: Placed, window: TimeWindow) -> tuple[str, dict[str, Any], list[Fault]]:
    place, calendar = ("spec", "timeWindow", 0), window.calendar
    if calendar is None:
        raise InputError([slo.fault((*place, "calendar"), "is missing; a window that is not rolling needs it")])
    unit = _CALENDAR.get(window.duration)
    if unit is None:
        hint = " (1m is one minute, 1M one month)" if window.duration.endswith("m") else ""
        message = f"{window.duration!r} is not a calendar period: 1d, 1w, 1M, 1Q or 1Y{hint}"
        raise InputError([slo.fault((*place, "duration"), message)])
    if calendar.timeZone not in _zones():
        message = f"{calendar.timeZone!r} is not an IANA time zone such as Europe/Berlin or UTC"
        raise InputError([slo.fault((*place, "calendar", "timeZone"), message)])
    period: dict[str, Any] = {"calendar": unit}
    start = _start(slo, place, calendar)
    odd = _odd_start(unit, start)
    if unit == "month" and not odd and start.day != 1:
        period["billing_day"] = start.day
    faults = [slo.fault((*place, "calendar", "startTime"), f"{calendar.startTime}: {odd}")] if odd else []
    return calendar.timeZone, period, faults


def _start(slo: Placed, place: tuple[str | int, ...], calendar: Calendar) -> datetime:
    try:
        start = datetime.fromisoformat(calendar.startTime)
    except ValueError:
        message = f"{calendar.startTime!r} is not a date and time such as 2026-01-01 00:00:00"
        raise InputError([slo.fault((*place, "calendar", "startTime"), message)]) from None
    if start.tzinfo is not None:
        message = f"{calendar.startTime!r} has a zone; OpenSLO's startTime is local, in timeZone"
        raise InputError([slo.fault((*place, "calendar", "startTime"), message)])
    return start


def _odd_start(unit: str, start: datetime) -> str:
    """What is said of a start at which none of our periods begins; empty where one does."""
    if start.hour or start.minute or start.second or start.microsecond:
        return f"a {unit} begins at the local midnight of {_FIRST_DAYS[unit]} here"
    match unit:
        case "week":
            odd = start.weekday() != 0
        case "quarter":
            odd = (start.month - 1) % 3 != 0 or start.day != 1
        case "year":
            odd = (start.month, start.day) != (1, 1)
        case _:
            odd = False
    return f"a {unit} begins on {_FIRST_DAYS[unit]} here" if odd else ""
