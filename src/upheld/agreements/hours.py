"""Service hours: the local hours in which a promise holds, by weekday, without holidays."""

import re
from collections.abc import Mapping

from upheld.agreements.fields import Document

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class ServiceHours(Document):
    """Local hours by weekday: `hours[0]` is Monday's (start, end) in minutes after midnight, or None.
    `holidays` names the country (and subdivision, as `DE-BY`) whose public holidays are outside the hours."""

    hours: tuple[tuple[int, int] | None, ...]
    holidays: str | None = None


def parse_service_hours(value: object) -> ServiceHours | None:
    """`always` -> None; `{mon-fri: "08:00-18:00", holidays: DE}` -> ServiceHours."""
    if value is None or value == "always" or isinstance(value, ServiceHours):
        return value if isinstance(value, ServiceHours) else None
    if not isinstance(value, Mapping):
        raise ValueError('is always, or days with hours such as {mon-fri: "08:00-18:00", holidays: DE}')
    if not set(value) - {"holidays"}:
        raise ValueError("names no day; give days with hours such as mon-fri: 08:00-18:00")
    hours: list[tuple[int, int] | None] = [None] * 7
    for days, text in value.items():
        if days == "holidays":
            continue
        first, _, last = str(days).partition("-")
        last = last or first
        if first not in _DAYS or last not in _DAYS or _DAYS.index(first) > _DAYS.index(last):
            raise ValueError(f"{days!r} is not a day or a range of days such as mon or mon-fri")
        match = _HOURS.fullmatch(str(text).replace(" ", ""))
        start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
        if match is None or end > 24 * 60:
            raise ValueError(f'{days}: {text!r} are not hours such as "08:00-18:00"')
        if end <= start:
            raise ValueError(
                f"{days}: {text!r}: hours must end on the same day, up to 24:00; write two days' hours instead"
            )
        for day in range(_DAYS.index(first), _DAYS.index(last) + 1):
            if hours[day] is not None:
                raise ValueError(f"{days}: {_DAYS[day]} must stand once; it has hours already")
            hours[day] = (start, end)
    return ServiceHours(hours=tuple(hours), holidays=_parse_holidays(value.get("holidays")))


NO_HOLIDAYS = "no holidays"


def parse_working_days(region: str | None) -> str | None:
    """Whose public holidays are no working days: a country or subdivision, or `no holidays`."""
    return region if region == NO_HOLIDAYS else _parse_holidays(region)


def _parse_holidays(region: object) -> str | None:
    if region is None:
        return None
    import holidays  # a second to import: only agreements that name holidays pay for it

    country, _, subdivision = str(region).partition("-")
    supported = holidays.list_supported_countries()
    if country not in supported or (subdivision and subdivision not in supported[country]):
        raise ValueError(f"holidays: {region!r} is not a country such as DE or a subdivision such as DE-BY")
    return str(region)
