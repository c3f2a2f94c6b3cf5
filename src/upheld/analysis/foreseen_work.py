"""What a planned work would do to the agreements that it hits: the budgets, the breaches and the credits, if its
windows count as excluded and if they do not. Pure; instants in microseconds UTC."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from upheld.agreements.intervals import Interval
from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term
from upheld.analysis.likely_cost import Likely, drawn, likely, within_caps
from upheld.analysis.outages import Past, past_of
from upheld.analysis.outlook import HIGH, LOW, MIDDLE
from upheld.analysis.window_cost import Outcome, Stake, credits_of, earned_of, outcome, stakes_of, why_not_told
from upheld.assessment.credit import Earned, pot_of
from upheld.assessment.exact import Numbers
from upheld.assessment.verdict import Credit, Verdict
from upheld.maintenance.model import Announcement
from upheld.measurements.exclusions import Exclusion

Known = Mapping[tuple[str, str, str], Sequence[Verdict]]
"""Verdicts by (agreement, objective, service)."""
DRAWS, FEW_DRAWS, MANY = 2000, 400, 200
"""Of more than so many promises fewer futures are drawn."""
AT_ONCE = 500
"""Agreements whose futures are drawn at one time."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An agreement with those of its services that windows take down, the promises about them, the exclusions that
    concern it, but for those of the windows, and whether announcing them now would be earned. `taken`: the starts of
    windows that other works have earned under it."""

    agreement: Agreement
    services: tuple[str, ...]
    terms: Sequence[Term]
    exclusions: Sequence[Exclusion]
    announcement: Announcement
    taken: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a period ends with the windows: exactly, if everything else is good (`outcome`, `credit`), and with what is
    to be expected besides."""

    outcome: Outcome
    credit: Credit | None
    likely: Likely


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A period of a promise that the windows touch. `earns`: its exclusion would be earned. `left_then`: the slots of
    the budget that are left when the first window begins, in one of ten, of two and of ten futures; `outages` were seen
    in `good` slots, on which that rests."""

    stake: Stake
    earns: bool
    if_earned: Ending
    if_not: Ending
    left_then: tuple[int, int, int]
    outages: int
    good: int

    @property
    def likely(self) -> Likely:
        """As things stand with the announcement."""
        return self.if_earned.likely if self.earns else self.if_not.likely


@dataclass(frozen=True, slots=True)
class Affected:
    """What the work does to one agreement. `announcement`: whether its exclusion would be earned if it was announced
    now, and why. Expected credits in major units of `currency` (None where nothing is charged), not rounded.
    `not_told`: promises of which nothing is told, and why."""

    agreement: Agreement
    services: tuple[str, ...]
    announcement: Announcement
    promises: tuple[Foreseen, ...]
    not_told: tuple[tuple[Term, str], ...]
    currency: str | None
    expected_if_earned: Fraction
    expected_if_not: Fraction
    expected: Fraction


def affected(
    hits: Sequence[Hit], known: Known, as_of: int, spans: Sequence[Interval], draws: int | None = None
) -> Iterator[Affected]:
    """What windows do to agreements some of whose services they take down. `known`: of each of their promises the
    verdicts of this period and of earlier ones, up to `as_of`, of a rolling one its newest."""
    draws = draws or (DRAWS if sum(len(hit.terms) for hit in hits) <= MANY else FEW_DRAWS)
    for first in range(0, len(hits), AT_ONCE):
        some = hits[first : first + AT_ONCE]
        stakes = [_stakes(hit, known, as_of, spans) for hit in some]
        flat = [stake for own in stakes for stake in own]
        pasts = [past_before(stake, known, as_of) for stake in flat]
        slots = [stake.term.indicator.slot for stake in flat]
        whole = iter(drawn(pasts, [stake.to_come for stake in flat], slots, draws))
        before = iter(drawn(pasts, [stake.before for stake in flat], slots, draws))
        rest = iter(pasts)
        for hit, own in zip(some, stakes, strict=True):
            futures = [_Future(next(rest), next(before), next(whole)) for _ in own]
            yield _affected(hit, spans, own, futures, _others(own, known))


@dataclass(frozen=True, slots=True)
class _Future:
    """What a promise has done, and how many slots are bad besides the windows until they begin, and until the end."""

    past: Past
    before: Numbers
    whole: Numbers


def _stakes(hit: Hit, known: Known, as_of: int, spans: Sequence[Interval]) -> list[Stake]:
    found = []
    for term in hit.terms:
        verdicts = {v.period_start: v for v in known.get(term.key, ())}
        found += stakes_of(term, hit.services, verdicts, hit.exclusions, as_of, spans)
    return found


def _affected(
    hit: Hit,
    spans: Sequence[Interval],
    stakes: Sequence[Stake],
    futures: Sequence[_Future],
    others: Sequence[Earned],
) -> Affected:
    if_earned, if_not = (_endings(stakes, futures, others, earned=earned) for earned in (True, False))
    won = _won(hit.announcement, spans)
    promises = tuple(
        Foreseen(
            stake=stake,
            earns=won.issuperset(set(hit.services) & set(stake.term.services)),
            if_earned=if_earned[i],
            if_not=if_not[i],
            left_then=_left_then(stake, futures[i].before),
            outages=len(futures[i].past.lengths) + (futures[i].past.running > 0),
            good=futures[i].past.good,
        )
        for i, stake in enumerate(stakes)
    )
    told = ((term, why_not_told(term)) for term in hit.terms)
    currencies = [stake.term.charging.currency for stake in stakes if stake.term.charging is not None]
    return Affected(
        agreement=hit.agreement,
        services=hit.services,
        announcement=hit.announcement,
        promises=promises,
        not_told=tuple((term, why) for term, why in told if why is not None),
        currency=currencies[0] if currencies else None,
        expected_if_earned=within_caps([(one.stake, one.if_earned.likely.credit) for one in promises]),
        expected_if_not=within_caps([(one.stake, one.if_not.likely.credit) for one in promises]),
        expected=within_caps([(one.stake, one.likely.credit) for one in promises]),
    )


def _won(announcement: Announcement, spans: Sequence[Interval]) -> frozenset[str]:
    """The services for which all of the windows would be earned."""
    if announcement.earned:
        return frozenset(announcement.services)
    parts = announcement.parts
    return frozenset(
        service
        for service in announcement.services
        if all(any(name == service and s <= start and end <= e for name, s, e in parts) for start, end in spans)
    )


def _others(stakes: Sequence[Stake], known: Known) -> list[Earned]:
    """What other periods of these promises have earned against the same charge."""
    ours = {(*stake.term.key, stake.window.start) for stake in stakes}
    found = []
    for term in {stake.term.key: stake.term for stake in stakes}.values():
        pots = {
            pot_of(s.term, (s.window.start, s.window.end))
            for s in stakes
            if s.term.key == term.key and s.term.period.rolling is None
        }
        for verdict in known.get(term.key, ()):
            if verdict.key not in ours and (one := earned_of(term, verdict)) is not None and one.pot in pots:
                found.append(one)
    return found


def _endings(
    stakes: Sequence[Stake], futures: Sequence[_Future], others: Sequence[Earned], *, earned: bool
) -> list[Ending]:
    outcomes = [outcome(stake, earned=earned) for stake in stakes]
    owed = credits_of(outcomes, others)
    return [
        Ending(outcomes[i], owed[i], likely(stake, futures[i].whole, earned=earned)) for i, stake in enumerate(stakes)
    ]


def past_before(stake: Stake, known: Known, as_of: int) -> Past:
    """What the service has done. An outage that goes on now is over when a period begins that is yet to come."""
    past = past_of(known.get(stake.term.key, ()), stake.term.indicator.slot, as_of)
    if stake.window.start > as_of and past.running:
        return replace(past, lengths=(*past.lengths, past.running), running=0)
    return past


def _left_then(stake: Stake, bad: Numbers) -> tuple[int, int, int]:
    budget = stake.allowed * stake.eligible - stake.spent
    low, middle, high = (
        (budget - int(bad[min(int(len(bad) * share), len(bad) - 1)])).__floor__() for share in (HIGH, MIDDLE, LOW)
    )
    return low, middle, high
