"""Freeze periods: when the provider, or a customer, wants nothing to be worked on."""

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from upheld.agreements.fields import Document, Moment
from upheld.agreements.units import format_instant, parse_instant_or_date


class Freeze(Document):
    """From an instant until an instant; a bare date is the local midnight that begins it, in the zone of whoever
    declares it, so that a freeze of Christmas Day alone reads `{from: 2026-12-25, to: 2026-12-26}`."""

    from_: Moment = Field(alias="from")
    to: Moment
    reason: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]

    def span(self, zone: ZoneInfo) -> tuple[int, int]:
        """[from, to) in microseconds UTC."""
        return parse_instant_or_date(self.from_, zone), parse_instant_or_date(self.to, zone)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = self.span(ZoneInfo("UTC"))
        if end <= start:
            raise ValueError(f"to: must be later than from; {format_instant(end)} is not after {format_instant(start)}")
        return self
