"""The units an agreement is written in: shares, bounds, durations, instants.

Every figure is read exactly: a share is a `Fraction`, a bound a `Decimal`, a duration or an instant an `int` of
microseconds. Nothing here goes through a binary float.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

END_OF_TIME = 9_214_646_400_000_000
"""2262-01-01 in microseconds: nanoseconds in 64 bits end soon after. Time begins with the Unix epoch."""

OUTSIDE = "lies outside of the years 1970 to 2261"

HUGE = 10**15
"""From here on a figure is written in powers of ten: nobody counts more digits."""

_UNITS = {"ms": 1_000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdw]))+")
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdw])")
_BOUND = re.compile(r"(<=|>=|==|!=|<|>)\s*(.+)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Operator = Literal["<=", ">=", "<", ">", "==", "!="]


@dataclass(frozen=True, slots=True)
class Bound:
    """A comparison such as `<= 40`. `limit` is exact, and an exact figure is compared with it; a measured float is
    compared with the float nearest to it, so that a value written as 0.1 meets the bound `<= 0.1`."""

    operator: Operator
    limit: Decimal

    def holds(self, value: float | Fraction) -> bool:
        limit = Fraction(self.limit) if isinstance(value, Fraction) else float(self.limit)
        match self.operator:
            case "<=":
                return value <= limit
            case ">=":
                return value >= limit
            case "<":
                return value < limit
            case ">":
                return value > limit
            case "==":
                return value == limit
            case "!=":
                return value != limit

    def __str__(self) -> str:
        return f"{self.operator} {self.limit}"


def parse_share(text: object) -> Fraction:
    """`"99.9 %"` -> Fraction(999, 1000). Raises ValueError on anything else, or outside 0 to 100 %."""
    if not isinstance(text, str) or not text.strip().endswith("%"):
        raise ValueError('write a share with its sign, such as "99.9 %"')
    share = Fraction(_decimal(text.strip()[:-1])) / 100
    if not 0 <= share <= 1:
        raise ValueError("a share must lie between 0 % and 100 %")
    return share


def format_share(share: Fraction) -> str:
    """The inverse of `parse_share`, for people: Fraction(999, 1000) -> "99.9 %"."""
    return f"{decimal_text(share * 100, 10)} %"


def parse_bound(text: object) -> Bound:
    """`"<= 40"` -> Bound("<=", Decimal(40)). Raises ValueError on anything else."""
    match = _BOUND.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError('write a bound as an operator and a number, such as "<= 40"')
    return Bound(match[1], _decimal(match[2]))  # type: ignore[arg-type]  # the pattern admits operators only


def parse_duration(text: object) -> int:
    """`"1h30m"` -> microseconds. Units: ms, s, m, h, d (24 h), w. Raises ValueError on anything else, or on zero."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text.replace(" ", "")):
        raise ValueError('write a duration as number and unit (ms, s, m, h, d, w), such as "5m" or "28d"')
    duration = sum(int(n) * _UNITS[unit] for n, unit in _DURATION_PART.findall(text.replace(" ", "")))
    if duration <= 0:
        raise ValueError("a duration must be longer than zero")
    if duration > END_OF_TIME:
        raise ValueError("a duration must be shorter than the years 1970 to 2261")
    return duration


def format_duration(duration: int) -> str:
    """The inverse of `parse_duration`: the fewest parts, largest unit first; 0 -> "0s"."""
    parts = []
    rest = duration
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", 1_000)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"


def parse_instant(text: object) -> int:
    """An RFC 3339 time with its zone -> microseconds since the Unix epoch, UTC. Raises ValueError on a naive time, and
    on one outside of the years 1970 to 2261."""
    if isinstance(text, datetime):
        moment = text
    elif isinstance(text, str) and "\0" not in text:  # Python reads over one at the end
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-06-01T00:00:00Z") from None
    else:
        raise ValueError(f"{text!r} is not an RFC 3339 time such as 2026-06-01T00:00:00Z")
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone: write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00")
    instant = to_microseconds(moment)
    if not 0 <= instant < END_OF_TIME:
        raise ValueError(f"{text} {OUTSIDE}")
    return instant


def parse_instant_or_date(text: object, zone: ZoneInfo) -> int:
    """As `parse_instant`; a bare date such as 2026-01-01 is the local midnight that begins it in `zone`."""
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
        text = date.fromisoformat(text.strip())
    if not isinstance(text, date) or isinstance(text, datetime):
        return parse_instant(text)
    if not 1970 <= text.year < 2262:
        raise ValueError(f"{text} {OUTSIDE}")
    return local_midnight(text, zone)


def format_instant(instant: int) -> str:
    """Microseconds -> RFC 3339 in UTC with Z: whole seconds where that is exact, else microseconds."""
    return to_datetime(instant).isoformat().replace("+00:00", "Z")


def to_microseconds(moment: datetime) -> int:
    """An aware datetime -> microseconds since the Unix epoch, in integers."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def to_datetime(instant: int) -> datetime:
    """Microseconds since the Unix epoch -> an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def local_midnight(day: date, zone: ZoneInfo) -> int:
    """The instant at which `day` begins in `zone`. Where a clock change skips midnight, the first instant after it."""
    return to_microseconds(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def decimal_text(value: Fraction, places: int) -> str:
    """`value` as a decimal of at most `places` places, cut off and never rounded up, without trailing zeros: a
    figure that is printed never looks better than it is (0.99899999 never prints as 0.999)."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 10**places
    text = format(Decimal(f"{scaled.numerator // scaled.denominator}E-{places}"), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scientific_text(value: Decimal, digits: int = 4, rounding: str = ROUND_FLOOR) -> str:
    """`value` in powers of ten, such as `1.235e30`, with so many digits that count; `∞` beyond every number. Cut off
    downwards unless `rounding` (of `decimal`) says otherwise."""
    if not value.is_finite():
        return "-∞" if value < 0 else "∞"
    if not value:
        return "0"
    cut = Context(prec=digits, rounding=rounding).plus(value)
    mantissa = format(Decimal((cut.is_signed(), cut.as_tuple().digits, 1 - len(cut.as_tuple().digits))), "f")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{cut.adjusted()}"


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text.strip()!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text.strip()!r} is not a finite number")
    if number and not 0 < abs(float(number)) < float("inf"):
        raise ValueError(f"{text.strip()!r} is beyond what can be measured")
    return number
