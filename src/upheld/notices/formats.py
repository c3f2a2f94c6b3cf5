"""Instants, durations, figures and money as a reader sees them: in the reader's language and time zone (Babel).

Figures never look better than they are: a figure is cut to a few places in the direction that is worse for the promise.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from upheld.agreements.units import DAY, HOUR, HUGE, MINUTE, SECOND, scientific_text, to_datetime

LOCALES = {"en": "en_GB"}
"""The Babel locale of each language that there are texts in (a folder under templates/)."""

MOST_PLACES = 12
"""With these a figure below HUGE has at most 28 digits, which is what `decimal`, and Babel with it, calculates in."""

_SMALL = Decimal("1e-6")
_INVISIBLE = {"Cc", "Zl", "Zp"}
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a text: the language (a key of LOCALES) and the time zone that it is written for."""

    language: str
    zone: ZoneInfo

    @property
    def locale(self) -> str:
        return LOCALES[self.language]


def one_line(text: str) -> str:
    """`text` without control characters, line ends and characters that reorder what follows; blanks squeezed."""
    visible = (" " if unicodedata.category(c) in _INVISIBLE else c for c in _BIDI.sub("", text))
    return " ".join("".join(visible).split())


def moment(instant: int, reader: Reader) -> str:
    """`1 June 2026, 14:03 CEST (UTC+02:00)`; seconds only where there are some."""
    local = _local(instant, reader)
    return f"{_day_and_time(local, reader)} {_zone_name(local)}"


def span(interval: tuple[int, int], reader: Reader) -> str:
    """`1 June 2026, 22:00 to 23:30 CEST (UTC+02:00)`, with the day of the end, or its offset, where it is another."""
    start, end = interval
    first, last = _local(start, reader), _local(end, reader)
    if _zone_name(first) != _zone_name(last):
        return f"{moment(start, reader)} to {moment(end, reader)}"
    until = _time(last) if first.date() == last.date() else _day_and_time(last, reader)
    return f"{_day_and_time(first, reader)} to {until} {_zone_name(last)}"


def span_utc(interval: tuple[int, int], reader: Reader) -> str:
    """As `span`, in UTC: the one that two readers in different zones can compare."""
    return span(interval, replace(reader, zone=ZoneInfo("UTC")))


def days(start: int, end: int, reader: Reader, zone: ZoneInfo) -> str:
    """A period [start, end) by its first and last day in `zone`: `1 June 2026 to 30 June 2026`."""
    first = format_date(to_datetime(start).astimezone(zone).date(), "d MMMM y", reader.locale)
    last = format_date(to_datetime(end - 1).astimezone(zone).date(), "d MMMM y", reader.locale)
    return first if first == last else f"{first} to {last}"


def duration(length: int, reader: Reader) -> str:
    """Microseconds as `1 day 2 hours`: at most the three largest units, cut off; less than a second as `0 seconds`."""
    parts = []
    rest = length
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(format_unit(count, f"duration-{unit}", "long", locale=reader.locale))
    return " ".join(parts[:3]) or format_unit(0, "duration-second", "long", locale=reader.locale)


def whole(count: int, reader: Reader) -> str:
    return str(format_decimal(count, locale=reader.locale))


def percent(share: Decimal, reader: Reader, places: int = 3) -> str:
    """A share as `99.898 %`, cut off after `places` places, never rounded up."""
    return f"{_cut(share * 100, places, ROUND_FLOOR, reader)} %"


def figure(value: Decimal, reader: Reader, *, places: int, lower_is_better: bool) -> str:
    """A value in its metric's unit, cut to `places` places towards the worse; in powers of ten, such as `1.235e30`,
    where it is HUGE, or too small for MOST_PLACES places."""
    return _cut(value, places, ROUND_CEILING if lower_is_better else ROUND_FLOOR, reader)


def money(amount: Decimal, currency: str, reader: Reader) -> str:
    return str(format_currency(amount, currency, locale=reader.locale))


def _cut(value: Decimal, places: int, rounding: str, reader: Reader) -> str:
    lost = places > MOST_PLACES and 0 < abs(value) < _SMALL
    if not value.is_finite() or value.copy_abs() >= HUGE or lost:
        return scientific_text(value, rounding=rounding)
    places = min(places, MOST_PLACES)
    cut = value.quantize(Decimal(f"1E-{places}"), rounding=rounding)
    return str(format_decimal(cut, format="#,##0." + "#" * max(places, 1), locale=reader.locale))


def _local(instant: int, reader: Reader) -> datetime:
    return to_datetime(instant).astimezone(reader.zone)


def _day_and_time(local: datetime, reader: Reader) -> str:
    # the clock face only: an aware value would be shifted once more
    return f"{format_datetime(local.replace(tzinfo=None), 'd MMMM y', locale=reader.locale)}, {_time(local)}"


def _time(local: datetime) -> str:
    return local.strftime("%H:%M:%S" if local.second else "%H:%M")


def _zone_name(local: datetime) -> str:
    name, offset = local.tzname() or "", local.strftime("%z")
    written = f"UTC{offset[:3]}:{offset[3:5]}"
    if name == "UTC":
        return "UTC"
    return f"{name} ({written})" if name.isalpha() else f"({written})"
