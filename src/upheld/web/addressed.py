"""To whom the page of a signed link is addressed: in whose language and time zone it speaks, and for whom."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_timedelta
from fastapi import Request

from upheld.agreements.contacts import Contact
from upheld.agreements.model import Portfolio
from upheld.agreements.parties import CUSTOMER, Party, contact_at, contacts_of, role_and_number
from upheld.notices.facts import branded
from upheld.notices.fallback import contact_of
from upheld.notices.formats import LOCALES, Reader, moment, money, span
from upheld.notices.model import Notice
from upheld.web.phrases import Phrases

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with what was sent from a page: a phrase, and what is put in. Programs read it in English."""

    phrase: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(Phrases("en")(self.phrase, **self.values))


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who reads a page, the name of the provider that asks them (None where that is not known), and how they reach it:
    lines of text."""

    reader: Reader
    provider: str | None = None
    reach: Sequence[str] = ()

    def words(self, now: int) -> dict[str, Any]:
        """What a template writes with: `say` (see `Phrases`), and figures and instants as the reader has them."""
        say = Phrases(self.reader.language)
        return {
            "say": say,
            "call": say("confirm.reach", reach="; ".join(self.reach)) if self.reach else say("confirm.call"),
            "language": self.reader.language,
            "provider": self.provider,
            "moment": lambda at: moment(at, self.reader),
            "moments": lambda start, end: span((start, end), self.reader),
            "money": lambda amount, currency: money(Decimal(amount), currency, self.reader),
            "relative": lambda at: _relative(at - now, self.reader.locale),
        }


OUR_PEOPLE = Addressee(Reader("en", UTC))
"""Whom steps are decided by: our own pages are in English."""


def addressee(portfolio: Portfolio | None, customer: str | None, contact: str) -> Addressee:
    """The contact that a link names as `<role>/<number>`, the first is 0; where it is not there any more, the first of
    its role."""

    def find(party: Party | None, provider: Party | None) -> Contact | None:
        first = next(iter(contacts_of(role_and_number(contact)[0], party, provider)), None)
        return contact_at(contact, party, provider) or first

    return _addressee(portfolio, customer, contact.startswith(CUSTOMER), find)


def receiver(portfolio: Portfolio | None, notice: Notice) -> Addressee:
    """Whom a notice was sent to."""

    def find(party: Party | None, provider: Party | None) -> Contact | None:
        return contact_of(notice, party, provider)

    return _addressee(portfolio, notice.customer, notice.role.startswith(CUSTOMER), find)


def stranger(request: Request) -> Addressee:
    """Someone of whom only the browser is known, whose link is none of ours."""
    return Addressee(Reader(_accepted(request.headers.get("accept-language", "")), UTC))


def _addressee(
    portfolio: Portfolio | None,
    customer: str | None,
    is_customer: bool,
    find: Callable[[Party | None, Party | None], Contact | None],
) -> Addressee:
    parties = portfolio.customers if portfolio is not None else ()
    party = next((one for one in parties if one.id == customer), None)
    provider = portfolio.provider if portfolio is not None else None
    contact, home = find(party, provider), party if is_customer else provider
    zone = contact.time_zone if contact is not None else None
    zone = zone or (home.time_zone if home is not None else UTC)
    reader = Reader(contact.language if contact is not None else "en", zone)
    brand = branded(provider, reader)
    reach = (*brand.signature, *([brand.reply_to] if brand.reply_to else []))
    return Addressee(reader, provider.name if provider is not None else None, reach)


def _accepted(header: str) -> str:
    """The language that `Accept-Language` (RFC 9110, 12.5.4) wants most of those that there are phrases in."""
    wanted: Mapping[str, float] = dict(_ranges(header))
    best = max(LOCALES, key=lambda language: wanted.get(language, 0.0))
    return best if wanted.get(best, 0.0) > 0 else "en"


def _ranges(header: str) -> list[tuple[str, float]]:
    found = []
    for part in reversed(header[:1000].split(",")):  # the first of two for one language holds
        tag, _, weight = part.partition(";")
        try:
            found.append((tag.strip().lower().partition("-")[0], float(weight.strip().removeprefix("q=") or 1)))
        except ValueError:
            continue
    return found


def _relative(distance: int, locale: str) -> str:
    """Microseconds as `5 minutes ago`, `in 3 days`."""
    return str(format_timedelta(timedelta(microseconds=distance), add_direction=True, locale=locale))
