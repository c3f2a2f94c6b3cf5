"""How a party is reached: addresses, the hours in which a contact is not to be disturbed, and who stands in for it."""

import base64
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.calendars import after_service_time, local_minute
from upheld.agreements.fields import Document, Name, Zone
from upheld.agreements.hours import ServiceHours, parse_service_hours
from upheld.agreements.units import local_midnight, to_datetime

Language = Literal["en", "de", "fr", "es"]
"""The languages that notices are written in."""
Medium = Literal["email", "webhook", "page"]
"""What carries a notice to an address; `page` is SMS, chat or a telephone, by way of Apprise."""


Email = Annotated[str, Field(pattern=r"^[^@\s<>,;:\"]+@[^@\s<>,;:\"]+$", max_length=254)]


class Address(Document):
    """One place where a notice can be sent to: exactly one of its media."""

    email: Email | None = None
    webhook: Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2000)] | None = None
    secret: Annotated[str | None, Field(min_length=24, repr=False)] = None
    """The webhook's signing secret (Standard Webhooks, `whsec_...`)."""
    page: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] | None = None
    """The id of a channel of kind `apprise` (docs/playbooks.md), which holds the telephone number or the room."""

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        if sum(given is not None for given in (self.email, self.webhook, self.page)) != 1:
            raise ValueError("give one of email, webhook and page")
        if self.webhook is not None and self.secret is None:
            raise ValueError("a webhook has a secret to sign with")
        if self.secret is not None:
            _check_secret(self.secret)
        return self

    @property
    def place(self) -> tuple[Medium, str]:
        """The medium, and the address there."""
        if self.email is not None:
            return "email", self.email
        return ("webhook", self.webhook) if self.webhook is not None else ("page", self.page or "")


def _check_secret(secret: str) -> None:
    """Standard Webhooks: base64 of 24 to 64 random bytes, after `whsec_`. The fault never repeats the secret."""
    try:
        encoded = secret.removeprefix("whsec_").rstrip("=")
        size = len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except ValueError:
        size = 0
    if not 24 <= size <= 64:
        raise ValueError("secret: must be whsec_ and the base64 of 24 to 64 random bytes")


class QuietHours(Document):
    """When a contact wants to be left alone: outside of these hours of its own zone. `broken_by`: what goes out all the
    same; `urgent` is what says that a service is broken (`notices.quiet.URGENT`), and `promised` what the agreement
    wants told before the hours are over."""

    outside: Annotated[ServiceHours, BeforeValidator(parse_service_hours)]
    broken_by: tuple[Literal["urgent", "promised"], ...] = ("urgent", "promised")

    def until(self, at: int, zone: ZoneInfo) -> int:
        """When the quiet hours are over that it is at an instant; the instant itself where it is none (microseconds
        UTC)."""
        return after_service_time(self.outside, zone, at, 0)


_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def _minute_of_day(text: object) -> object:
    if isinstance(text, int):
        return text
    match = _TIME_OF_DAY.fullmatch(str(text))
    if match is None:
        raise ValueError('is not a time of day such as "08:00"')
    return int(match[1]) * 60 + int(match[2])


class Digest(Document):
    """What may wait, told together. `daily`: a time of day of the contact's zone (minutes after midnight) at which all
    goes out that has come since. `hourly`: beyond so many notices in an hour, what follows waits for the next full
    hour."""

    daily: Annotated[int | None, BeforeValidator(_minute_of_day)] = None
    hourly: Annotated[int | None, Field(ge=1, le=1000)] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.daily is None and self.hourly is None:
            raise ValueError("give daily, hourly or both")
        return self

    def next_daily(self, at: int, zone: ZoneInfo) -> int | None:
        """The first time of the day at or after an instant (microseconds UTC)."""
        if self.daily is None:
            return None
        today = to_datetime(at).astimezone(zone).date()
        for day in (today, today + timedelta(days=1), today + timedelta(days=2)):
            due = local_minute(day, self.daily, zone, local_midnight(day, zone))
            if due >= at:
                return due
        raise AssertionError("two days on is later")


class Absence(Document):
    """Local days, from the first to before the last, on which somebody else is told: the first contact of `instead`, a
    role of the same party."""

    first: Annotated[date, Field(alias="from")]
    until: date
    instead: Name

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until <= self.first:
            raise ValueError("until: must be later than from")
        return self

    def holds(self, at: int, zone: ZoneInfo) -> bool:
        """Whether an instant (microseconds UTC) lies in it."""
        return local_midnight(self.first, zone) <= at < local_midnight(self.until, zone)


class Contact(Address):
    """One contact of a role. `fallback`: where a notice goes to, in this order, that cannot be delivered."""

    language: Language = "en"
    time_zone: Zone | None = None
    """The zone that it lives in; the party's, where it has none of its own."""
    quiet_hours: QuietHours | None = None
    absent: tuple[Absence, ...] = ()
    fallback: tuple[Address, ...] = ()
    digest: Digest | None = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        places = [self.place, *(one.place for one in self.fallback)]
        if len(set(places)) < len(places):
            raise ValueError("fallback: each address stands once")
        return self


def standing_in(
    contact: Contact, contacts: Mapping[str, tuple[Contact, ...]], at: int, zone: ZoneInfo
) -> tuple[Contact, ...]:
    """Who is told at an instant in place of each other, from the contact itself to the one that is there. Where a role
    has nobody, or everyone is away in a circle, the last that was found is told."""
    chain = [contact]
    while (
        role := next((a.instead for a in chain[-1].absent if a.holds(at, chain[-1].time_zone or zone)), None)
    ) is not None:
        found = contacts.get(role, ())
        if not found or found[0] in chain:
            break
        chain.append(found[0])
    return tuple(chain)
