"""The fields that agreements are made of: names, shares, bounds, durations, zones and currencies, each read exactly."""

from fractions import Fraction
from functools import cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from babel.numbers import list_currencies
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from upheld.agreements.units import Bound, parse_bound, parse_duration, parse_instant_or_date, parse_share

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s*/][^\x00-\x1f]*$")]
Share = Annotated[Fraction, BeforeValidator(parse_share)]
Duration = Annotated[int, BeforeValidator(parse_duration)]
Limit = Annotated[Bound, BeforeValidator(parse_bound)]


def _parse_target(text: object) -> Fraction | Bound:
    if not isinstance(text, str):
        raise ValueError('write a share with its sign, such as "99.9 %", or a bound, such as "<= 40"')
    return parse_share(text) if text.strip().endswith("%") else parse_bound(text)


_zones = cache(available_timezones)  # it walks the whole database of zones


def _parse_zone(name: object) -> ZoneInfo:
    if not isinstance(name, str) or name not in _zones():
        raise ValueError("is not an IANA time zone such as Europe/Berlin or UTC")
    return ZoneInfo(name)


def _parse_currency(code: object) -> str:
    if not isinstance(code, str) or code not in list_currencies():
        raise ValueError("is not an ISO 4217 currency code such as EUR")
    return code


Target = Annotated[Fraction | Bound, BeforeValidator(_parse_target)]
Zone = Annotated[ZoneInfo, BeforeValidator(_parse_zone)]
Currency = Annotated[str, BeforeValidator(_parse_currency)]


class Document(BaseModel):
    """What every part of an agreement shares: it cannot be changed, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


def _check_moment(text: object) -> object:
    parse_instant_or_date(text, ZoneInfo("UTC"))  # read again in the agreement's zone, which only the agreement knows
    return text


Moment = Annotated[Any, AfterValidator(_check_moment)]


def listed(names: Any) -> str:
    """Names for a message: the first few, and dots where there are more."""
    shown = list(names)[:8]
    return ", ".join(shown) + (", ..." if len(shown) < len(names) else "")


def check_unique(field: str, names: Any) -> None:
    """Raises ValueError for the first name that stands twice."""
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{field}: {name!r} stands twice")
        seen.add(name)
