"""What a service costs, and how far and how a credit goes against it. DESIGN rule 11."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from upheld.agreements.fields import Currency, Document, Duration, Share
from upheld.agreements.objectives import Unit


class Money(Document):
    """An amount in the currency's major unit, exact."""

    amount: Annotated[Decimal, Field(ge=0, le=10**12, decimal_places=12)]
    currency: Currency


class Charge(Money):
    """What a service costs in each calendar period of the agreement's zone; where `per` is not given, in the period of
    the objectives with credits."""

    per: Unit | None = None


class Caps(Document):
    """The most that the credits of one charge period may reach: of one service as a share of its charge, and of the
    whole agreement as a share of all its charges."""

    service: Share | None = None
    agreement: Share | None = None


def parse_caps(value: object) -> object:
    """`"50 %"` is the cap of each service."""
    return {"service": value} if isinstance(value, str) else value


class Claim(Document):
    """Credits are due only where the customer claims them, within this time after the period's end."""

    within: Duration


def charge_unit(charges: Mapping[str, Charge]) -> str | None:
    """The calendar unit that the charges are given for; None where they do not say. Raises ValueError where they
    differ."""
    units = {charge.per for charge in charges.values()}
    if len(units) > 1:
        raise ValueError("charge: all charges of an agreement are per the same period")
    return next(iter(units), None)
