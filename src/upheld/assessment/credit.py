"""The credit that a period's verdict earns, within the caps. DESIGN rule 11."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from upheld.agreements.credits import credit_share, to_minor_unit
from upheld.agreements.terms import Term
from upheld.assessment.verdict import Credit


@dataclass(frozen=True, slots=True)
class Earned:
    """What a period that is over came to: `attained` as an exact share, `bad_time` in microseconds."""

    term: Term
    period: tuple[int, int]
    attained: Fraction
    bad_time: int


def credits(earned: Iterable[Earned]) -> list[Credit | None]:
    """The credit of each entry, in order; None where none is owed or the agreement names no charge.

    The credits of one service in one period share a pot and its cap, in the order of the agreement's objectives. What
    is rounded is the pot's running total, and each entry gets the difference: so the credits add up to their exact sum
    rounded once, and never to more than the cap."""
    pots: dict[tuple[str, str, tuple[int, int]], tuple[Fraction, Decimal]] = {}
    owed: list[Credit | None] = []
    for entry in earned:
        term, pot = entry.term, (entry.term.agreement, entry.term.service, entry.period)
        if term.charge is None or term.currency is None:
            owed.append(None)
            continue
        exact, given = pots.get(pot, (Fraction(0), Decimal(0)))
        exact += term.charge * credit_share(term.tiers, entry.attained, entry.bad_time)
        total = _payable(exact, None if term.cap is None else term.charge * term.cap, term.currency)
        pots[pot] = exact, total
        owed.append(Credit(total - given, term.currency) if total > given else None)
    return owed


def _payable(exact: Fraction, cap: Fraction | None, currency: str) -> Decimal:
    """The sum of a pot in the currency's minor unit: rounded half-up, or the cap cut off where that is less."""
    total = to_minor_unit(exact, currency)
    return total if cap is None else min(total, to_minor_unit(cap, currency, cut_off=True))
