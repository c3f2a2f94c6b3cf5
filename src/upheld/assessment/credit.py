"""The credit that a period's verdict earns, within the caps. DESIGN rule 11."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from upheld.agreements.calendars import calendar_periods
from upheld.agreements.credits import credit_share, to_minor_unit
from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Charging, Term
from upheld.agreements.units import DAY
from upheld.assessment.verdict import Credit


@dataclass(frozen=True, slots=True)
class Earned:
    """What a period that is over came to: `attained` as an exact share, `bad_time` in microseconds, which of a weighted
    mean need not be whole."""

    term: Term
    period: Interval
    attained: Fraction
    bad_time: int | Fraction

    @property
    def pot(self) -> "Pot":
        """What its credit goes against."""
        return pot_of(self.term, self.period)


@dataclass(frozen=True, slots=True)
class Pot:
    """The charge periods [start, end) that a credit goes against, how many they are, and how many days they have."""

    start: int
    end: int
    charges: int
    days: int


def pot_of(term: Term, period: Interval) -> Pot:
    """What the credit of `period` (microseconds UTC) is a share of: the charge of every charge period that it touches,
    a whole one each. Where the charges do not say what they are for, that is the whole calendar period, of which an
    amendment may have left a part. Months begin on the billing day of the objective's period."""
    unit = None if term.charging is None else term.charging.per
    return _pot(unit or term.period.calendar or "month", term.zone, period, term.period.billing_day)


@lru_cache(maxsize=65_536)
def _pot(unit: str, zone: ZoneInfo, period: Interval, billing_day: int) -> Pot:
    spans = list(calendar_periods(unit, zone, *period, billing_day=billing_day))
    start, end = spans[0][0], spans[-1][1]
    return Pot(start, end, len(spans), max(round((end - start) / DAY), 1))


def credits(earned: Iterable[Earned]) -> list[Credit | None]:
    """The credit of each entry, in order; None where none is owed or the agreement names no charge.

    The credits of one service that go against the same charge share a pot and its cap, in the order in which their
    periods end, and those that end together in the order given; those of one agreement share the cap of its whole.
    What is rounded is the pot's running total, and each entry gets the difference: so the credits add up to their exact
    sum rounded once, and never to more than the caps."""
    entries = list(earned)
    exact: dict[tuple[str, str, Pot], Fraction] = {}
    given: dict[tuple[str, str, Pot], Decimal] = {}
    given_together: dict[tuple[str, Pot], Decimal] = {}
    owed: list[Credit | None] = [None] * len(entries)
    for position in sorted(range(len(entries)), key=lambda i: entries[i].period[1]):
        entry = entries[position]
        charging, pot = entry.term.charging, entry.pot
        if charging is None:
            continue
        own, together = (entry.term.agreement, entry.term.service, pot), (entry.term.agreement, pot)
        share = credit_share(entry.term.tiers, entry.attained, entry.bad_time, pot.days)
        exact[own] = exact.get(own, Fraction(0)) + charging.amount * pot.charges * share
        more = payable(exact[own], charging, pot) - given.get(own, Decimal(0))
        more = max(min(more, _left_together(charging, pot, given_together.get(together, Decimal(0)))), Decimal(0))
        given[own] = given.get(own, Decimal(0)) + more
        given_together[together] = given_together.get(together, Decimal(0)) + more
        owed[position] = Credit(more, charging.currency) if more > 0 else None
    return owed


def payable(exact: Fraction, charging: Charging, pot: Pot) -> Decimal:
    """The sum of a pot in the currency's minor unit: rounded half-up, or the service's cap cut off where it is less."""
    total = to_minor_unit(exact, charging.currency)
    if charging.cap is None:
        return total
    return min(total, to_minor_unit(charging.amount * pot.charges * charging.cap, charging.currency, cut_off=True))


def _left_together(charging: Charging, pot: Pot, given: Decimal) -> Decimal:
    """What the cap of the whole agreement leaves."""
    if charging.total_cap is None:
        return Decimal("Infinity")
    most = charging.total * pot.charges * charging.total_cap
    return to_minor_unit(most, charging.currency, cut_off=True) - given
