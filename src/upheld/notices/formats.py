"""Instants, durations, figures and money as a reader sees them: in the reader's language and time zone (Babel).

Figures never look better than they are: a figure is cut to a few places in the direction that is worse for the promise.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from upheld.agreements.units import DAY, HOUR, HUGE, MINUTE, SECOND, scientific_text, to_datetime

LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES"}
"""The Babel locale of each language that there are texts in (a folder under templates/)."""


@dataclass(frozen=True, slots=True)
class _Usage:
    """How a language puts instants and figures together, which Babel does not say."""

    moment: str = "{day}, {time}"
    hours: str = "{day}, {start} to {end}"
    """From one time of a day to another."""
    moments: str = "{start} to {end}"
    """From one moment to another."""
    days: str = "{start} to {end}"
    percent: str = "{figure}\u00a0%"
    colon: str = ":"
    semicolon: str = ";"
    zones: Mapping[str, str] = field(default_factory=dict)
    """What is written for an abbreviation of a time zone, where it is another."""


_GERMAN_ZONES = {"CET": "MEZ", "CEST": "MESZ", "WET": "WEZ", "WEST": "WESZ", "EET": "OEZ", "EEST": "OESZ"}
_USAGE = {
    "en": _Usage(percent="{figure} %"),
    "de": _Usage(
        moment="{day}, {time}\u00a0Uhr",
        hours="{day}, {start} bis {end}\u00a0Uhr",
        moments="{start} bis {end}",
        days="{start} bis {end}",
        zones=_GERMAN_ZONES,
    ),
    "fr": _Usage(
        moment="{day} à {time}",
        hours="le {day} de {start} à {end}",
        moments="du {start} au {end}",
        days="du {start} au {end}",
        colon="\u00a0:",
        semicolon="\u00a0;",
    ),
    "es": _Usage(
        moment="{day} a las {time}",
        hours="el {day} de {start} a {end}",
        moments="del {start} al {end}",
        days="del {start} al {end}",
    ),
}

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

    @property
    def usage(self) -> _Usage:
        return usage(self.language)


def usage(language: str) -> _Usage:
    """How a language (a key of LOCALES) puts things together."""
    return _USAGE[language]


def one_line(text: str) -> str:
    """`text` without control characters, line ends and characters that reorder what follows; blanks squeezed."""
    if text.isprintable():
        return " ".join(text.split())
    visible = (" " if unicodedata.category(c) in _INVISIBLE else c for c in _BIDI.sub("", text))
    return " ".join("".join(visible).split())


def lines(text: str) -> str:
    """What a person wrote, with its line ends: each line as `one_line` has it."""
    return "\n".join(one_line(line) for line in text.strip().splitlines())


@lru_cache(4096)
def moment(instant: int, reader: Reader) -> str:
    """`1 June 2026, 14:03 CEST (UTC+02:00)`; seconds only where there are some."""
    local = _local(instant, reader)
    return f"{_day_and_time(local, reader)} {_zone_name(local, reader)}"


@lru_cache(4096)
def span(interval: tuple[int, int], reader: Reader) -> str:
    """`1 June 2026, 22:00 to 23:30 CEST (UTC+02:00)`, with the day of the end, or its offset, where it is another."""
    start, end = interval
    first, last = _local(start, reader), _local(end, reader)
    zone = _zone_name(last, reader)
    if _zone_name(first, reader) != zone:
        return reader.usage.moments.format(start=moment(start, reader), end=moment(end, reader))
    if first.date() == last.date():
        hours = reader.usage.hours.format(day=_day(first.date(), reader), start=_time(first), end=_time(last))
        return f"{hours} {zone}"
    from_to = reader.usage.moments.format(start=_day_and_time(first, reader), end=_day_and_time(last, reader))
    return f"{from_to} {zone}"


def spans(intervals: Sequence[tuple[int, int]], reader: Reader) -> str:
    """Several, as `span` has each."""
    return f"{reader.usage.semicolon} ".join(span(one, reader) for one in intervals)


def span_utc(interval: tuple[int, int], reader: Reader) -> str:
    """As `span`, in UTC: the one that two readers in different zones can compare."""
    return span(interval, replace(reader, zone=ZoneInfo("UTC")))


def days(start: int, end: int, reader: Reader, zone: ZoneInfo) -> str:
    """A period [start, end) by its first and last day in `zone`: `1 June 2026 to 30 June 2026`."""
    first, last = (_day(to_datetime(at).astimezone(zone).date(), reader) for at in (start, end - 1))
    return first if first == last else reader.usage.days.format(start=first, end=last)


def duration(length: int, reader: Reader) -> str:
    """Microseconds as `1 day 2 hours`: at most the three largest units, cut off; less than a second as `0 seconds`."""
    parts = []
    rest = length
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", SECOND)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(_count_of(count, unit, reader.locale))
    return " ".join(parts[:3]) or _count_of(0, "second", reader.locale)


def whole(count: int, reader: Reader) -> str:
    return str(format_decimal(count, locale=reader.locale))


def percent(share: Decimal, reader: Reader, places: int = 3) -> str:
    """A share as `99.898 %`, cut off after `places` places, never rounded up."""
    return reader.usage.percent.format(figure=_cut(share * 100, places, ROUND_FLOOR, reader))


def figure(value: Decimal, reader: Reader, *, places: int, lower_is_better: bool) -> str:
    """A value in its metric's unit, cut to `places` places towards the worse; in powers of ten, such as `1.235e30`,
    where it is HUGE, or too small for MOST_PLACES places."""
    return _cut(value, places, ROUND_CEILING if lower_is_better else ROUND_FLOOR, reader)


def money(amount: Decimal, currency: str, reader: Reader) -> str:
    return _money(amount, currency, reader.locale)


def _cut(value: Decimal, places: int, rounding: str, reader: Reader) -> str:
    lost = places > MOST_PLACES and 0 < abs(value) < _SMALL
    if not value.is_finite() or value.copy_abs() >= HUGE or lost:
        return scientific_text(value, rounding=rounding)
    places = min(places, MOST_PLACES)
    cut = value.quantize(Decimal(f"1E-{places}"), rounding=rounding)
    return str(format_decimal(cut, format="#,##0." + "#" * max(places, 1), locale=reader.locale))


@lru_cache(1024)
def _money(amount: Decimal, currency: str, locale: str) -> str:
    return str(format_currency(amount, currency, locale=locale))


@lru_cache(1024)
def _count_of(count: int, unit: str, locale: str) -> str:
    return str(format_unit(count, f"duration-{unit}", "long", locale=locale))


def _local(instant: int, reader: Reader) -> datetime:
    return to_datetime(instant).astimezone(reader.zone)


def _day_and_time(local: datetime, reader: Reader) -> str:
    text = reader.usage.moment.format(day=_day(local.date(), reader), time=_time(local))
    return text.replace(" a las 01:", " a la 01:") if reader.language == "es" else text


def _day(day: date, reader: Reader) -> str:
    return _long_day(day, reader.locale)


@lru_cache(1024)
def _long_day(day: date, locale: str) -> str:
    """The first of a month is an ordinal in French, which the CLDR's pattern does not say. No line ends after the day
    where that would stand alone."""
    text = str(format_date(day, "d MMMM y" if locale == "en_GB" else "long", locale=locale))
    if locale == "fr_FR":
        text = re.sub("^1 ", "1er ", text)
    return text.replace(" ", "\u00a0", 1) if locale in ("de_DE", "fr_FR") else text


def _time(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local.hour:02}:{local.minute:02}"


def _zone_name(local: datetime, reader: Reader) -> str:
    name, offset = local.tzname() or "", local.strftime("%z")
    written = f"UTC{offset[:3]}:{offset[3:5]}"
    if name == "UTC":
        return "UTC"
    return f"{reader.usage.zones.get(name, name)} ({written})" if name.isalpha() else f"({written})"
