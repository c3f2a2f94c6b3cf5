"""The credit that a period's verdict earns, within the caps. DESIGN rule 11."""

from collections.abc import Iterable
from dataclasses import dataclass
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

    The credits of one service in one period share its cap, in the order of the agreement's objectives."""
    spent: dict[tuple[str, str, tuple[int, int]], Fraction] = {}
    owed = []
    for entry in earned:
        pot = (entry.term.agreement, entry.term.service, entry.period)
        amount = _amount(entry, spent.get(pot, Fraction(0)))
        spent[pot] = spent.get(pot, Fraction(0)) + amount
        rounded = to_minor_unit(amount, entry.term.currency) if entry.term.currency else None
        owed.append(Credit(rounded, entry.term.currency) if rounded and entry.term.currency else None)
    return owed


def _amount(entry: Earned, already: Fraction) -> Fraction:
    term = entry.term
    if term.charge is None:
        return Fraction(0)
    amount = term.charge * credit_share(term.tiers, entry.attained, entry.bad_time)
    return amount if term.cap is None else min(amount, term.charge * term.cap - already)
