"""How likely a promise is to be broken once a planned work has been, and what credit is to be expected. Pure.

What else goes wrong until the period ends is drawn from the service's own past (`outages.paths_of_many`), the same
draws whether the window counts or not, and wherever it lies: so that what differs between two windows is the windows.
A credit grows in steps with the slots that are bad; what is expected is each step by the share of the draws that reach
it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from upheld.agreements.credits import AnyTier, credit_share
from upheld.agreements.terms import Charging, Term
from upheld.analysis.outages import Past, paths_of_many
from upheld.analysis.window_cost import Stake
from upheld.assessment.credit import Pot, payable, pot_of
from upheld.assessment.exact import Numbers

NO_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class Likely:
    """`chance`: the share of the draws in which the promise is broken. `credit`: what is owed on average, not rounded,
    in the currency of the charge."""

    chance: float
    credit: Fraction


def drawn(pasts: Sequence[Past], to_come: Sequence[int], slots: Sequence[int], count: int) -> Numbers:
    """How many slots (of a width in microseconds) are bad of the next ones of each past, a row each of `count` draws,
    ascending."""
    bad, _ = paths_of_many(pasts, to_come, [NO_LIMIT] * len(pasts), slots, count)
    return np.sort(bad.astype(np.int64), axis=1)


def likely(stake: Stake, draws: Numbers, *, earned: bool) -> Likely:
    """What is to be expected of a period in which the window's exclusion is earned, or is not."""
    eligible = stake.eligible - (stake.exempt if earned else 0)
    bad = stake.spent + (stake.edges if earned else stake.cost)
    if not eligible:
        return Likely(0.0, Fraction(0))
    over = (stake.allowed * eligible - bad).__floor__() + 1
    amounts = steps_of(stake.term, (stake.window.start, stake.window.end), eligible)
    credit = sum((more * reached(draws, at - bad.__floor__()) for at, more in amounts), Fraction(0))
    return Likely(float(reached(draws, over)), credit)


def reached(draws: Numbers, least: int) -> Fraction:
    """The share of the draws with at least so many bad slots."""
    return Fraction(len(draws) - int(np.searchsorted(draws, least)), len(draws))


def steps_of(term: Term, period: tuple[int, int], eligible: int) -> Sequence[tuple[int, Fraction]]:
    """(slots that are bad, by how much more is owed from then on) of a period by itself, ascending."""
    if not term.tiers or term.charging is None or term.period.rolling is not None:
        return ()
    return _steps(term.tiers, term.charging, pot_of(term, period), term.indicator.slot, eligible)


@lru_cache(maxsize=65_536)
def _steps(
    tiers: tuple[AnyTier, ...], charging: Charging, pot: Pot, slot: int, eligible: int
) -> Sequence[tuple[int, Fraction]]:
    found, before = [], Fraction(0)
    for at, share in _shares(tiers, pot.days, slot, eligible):
        owed = Fraction(payable(charging.amount * pot.charges * share, charging, pot))
        found.append((at, owed - before))
        before = owed
    return tuple(found)


@lru_cache(maxsize=8192)
def _shares(tiers: tuple[AnyTier, ...], days: int, slot: int, eligible: int) -> Sequence[tuple[int, Fraction]]:
    """(slots that are bad, the share of the charge that is owed from then on), ascending: a share never falls."""

    def share(bad: int) -> Fraction:
        return credit_share(tiers, Fraction(eligible - bad, eligible), bad * slot, days)

    def rises(low: int, high: int, at_low: Fraction, at_high: Fraction) -> Iterator[tuple[int, Fraction]]:
        if at_low == at_high:
            return
        if high - low == 1:
            yield high, at_high
            return
        middle = (low + high) // 2
        at_middle = share(middle)
        yield from rises(low, middle, at_low, at_middle)
        yield from rises(middle, high, at_middle, at_high)

    return tuple(rises(-1, eligible, Fraction(0), share(eligible)))


def within_caps(expected: Sequence[tuple[Stake, Fraction]]) -> Fraction:
    """The sum of what is expected of the periods of one agreement, within the caps of its services and of its whole.
    (The average of what is capped is at most that: what is told is never too little.)"""
    by_service: dict[tuple[str, Pot], Fraction] = {}
    charging: dict[tuple[str, Pot], Charging] = {}
    for stake, credit in expected:
        if stake.term.charging is not None and credit:
            place = stake.term.service, pot_of(stake.term, (stake.window.start, stake.window.end))
            by_service[place] = by_service.get(place, Fraction(0)) + credit
            charging[place] = stake.term.charging
    by_pot: dict[Pot, Fraction] = {}
    for (service, pot), credit in by_service.items():
        terms = charging[service, pot]
        most = None if terms.cap is None else terms.amount * pot.charges * terms.cap
        by_pot[pot] = by_pot.get(pot, Fraction(0)) + (credit if most is None else min(credit, most))
    total = Fraction(0)
    for pot, credit in by_pot.items():
        terms = next(of for (_, own), of in charging.items() if own == pot)
        total += credit if terms.total_cap is None else min(credit, terms.total * pot.charges * terms.total_cap)
    return total
