"""Instants and lengths of time as the sentences about planned work say them. Microseconds, UTC."""

from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND, to_datetime


def instant_words(instant: int) -> str:
    """`2026-06-10 22:00 UTC`: cut to the minute."""
    return f"{to_datetime(instant):%Y-%m-%d %H:%M} UTC"


def duration_words(duration: int) -> str:
    """`14 days 1 hour`: cut to the minute where it is at least one, else to the second, so that it never reads as
    longer than it is."""
    units = (("day", DAY), ("hour", HOUR), ("minute", MINUTE)) if duration >= MINUTE else (("second", SECOND),)
    parts = []
    rest = duration
    for unit, size in units:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "less than a second"
