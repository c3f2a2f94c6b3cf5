"""When else a planned work could be done: windows of its length over the coming weeks, the best first. Pure; instants
in microseconds UTC.

Each candidate is judged by what the work adds there to the credits that are to be expected, as announcing it now would
let its window count or not: the same draws for all, in columns over the candidates. Then by how many agreements have
another work in the same night, for how many it lies outside of the hours that are preferred for work, each in its own
zone, and by what it adds if no exclusion is earned. What falls into a freeze period, or takes with
another work both of a pair, is no candidate.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, HOUR, MINUTE, to_datetime
from upheld.analysis.foreseen_work import AT_ONCE, FEW_DRAWS, Hit, Known, past_before
from upheld.analysis.likely_cost import drawn, steps_of
from upheld.analysis.planned_impact import Frozen, nights_of
from upheld.analysis.window_cost import Stake, eligible_until, in_one_slot, why_not_told, without_work
from upheld.assessment.exact import Flags, Floats, Numbers

STEPS = (30 * MINUTE, 60 * MINUTE, 120 * MINUTE, 360 * MINUTE)
MOST = 1500
"""Candidates at most: over a longer time they begin less often."""
NIGHT = 22 * 60, 6 * 60
"""The hours that are preferred for work where none are given, in minutes after midnight."""
EQUAL, ALIKE = 0.005, 0.01
"""Amounts that differ by less are the same; and so are those that differ by less than such a share of the most that the
work could cost: they rest on draws."""
COARSE = 5
"""What would be added if no exclusion was earned is looked at so much less closely."""
APART = 12 * HOUR
"""How far from each other windows are that are proposed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a window of `duration` that begins at `earliest` or later and ends by `latest`; `hours`, in
    minutes after midnight, are preferred for work, and may go over midnight."""

    duration: int
    earliest: int
    latest: int
    hours: tuple[int, int] = NIGHT


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else there is: freeze periods; windows of other works with which the work would take both of a pair; and
    windows of other works with the customers of the work that they hit too, by agreement."""

    frozen: Sequence[Frozen] = ()
    apart: Sequence[tuple[int, int]] = ()
    others: Sequence[tuple[int, int, frozenset[str]]] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A window. `adds`: what the work adds there to the credits that are to be expected, by currency, as announced now;
    `adds_if_not` if no exclusion is earned; `breaches` and `breaches_if_not` likewise of the promises that are broken.
    Counts are of agreements: `late` are those under which it would count although it was announced now, `off_hours`
    those for which it lies outside of the preferred hours, `same_night` those whose customer has another work then,
    `frozen` those in a freeze period; `apart` says that it takes both of a pair with another work. `counting` is the
    time that counts against promises, summed over them."""

    start: int
    end: int
    adds: Mapping[str, float]
    adds_if_not: Mapping[str, float]
    breaches: float
    breaches_if_not: float
    late: int
    off_hours: int
    same_night: int
    frozen: int
    apart: bool
    counting: int


def candidates(
    wanted: Wanted,
    asked: int | None,
    hits: Sequence[Hit],
    earns: Callable[[Hit, Sequence[int]], Sequence[bool]],
    known: Known,
    as_of: int,
    around: Surroundings,
) -> tuple[list[Candidate], Candidate | None]:
    """The candidates that are better than the one that begins at `asked`, the best first, and that one. `earns` says of
    some starts (ascending) at which of them an announcement made now would be earned."""
    starts = _starts(wanted, asked)
    if not len(starts):
        return [], None
    found = _Columns(starts, wanted.duration)
    for first in range(0, len(hits), AT_ONCE):
        found.take(hits[first : first + AT_ONCE], earns, known, as_of)
    found.look_around(hits, around, wanted.hours)
    told, scale = found.candidates(), found.scale()
    finest = max(EQUAL, ALIKE * max(cost(one.adds_if_not, scale) for one in told)) if len(scale) < 2 else ALIKE**2
    own = next((one for one in told if one.start == asked), None)

    def rank(one: Candidate) -> tuple[float, ...]:
        now, if_not = round(cost(one.adds, scale) / finest), round(cost(one.adds_if_not, scale) / finest / COARSE)
        return now, one.same_night, one.off_hours, if_not, one.late

    def fits(one: Candidate) -> bool:
        return not one.frozen and not one.apart and wanted.earliest <= one.start and one.end <= wanted.latest

    is_bar = own is not None and not own.frozen and not own.apart
    better = [one for one in told if fits(one) and (own is None or not is_bar or rank(one) < rank(own))]
    return sorted(better, key=lambda one: (*rank(one), one.start)), own


def spread(ranked: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best of them, each in a night of its own."""
    found: list[Candidate] = []
    for one in ranked:
        if len(found) == most:
            break
        if all(one.end + APART <= other.start or other.end + APART <= one.start for other in found):
            found.append(one)
    return found


def cost(adds: Mapping[str, float], scale: Mapping[str, float]) -> float:
    """One figure of several currencies: each as a share of what is charged in it; of one currency the amount."""
    if len(scale) < 2:
        return sum(amount if abs(amount) >= EQUAL else 0.0 for amount in adds.values())
    return round(sum(amount / scale[currency] for currency, amount in adds.items() if abs(amount) >= EQUAL), 6)


def _starts(wanted: Wanted, asked: int | None) -> Numbers:
    span = wanted.latest - wanted.duration - wanted.earliest
    step = next((step for step in STEPS if span // step < MOST), DAY)
    first = -(-wanted.earliest // step) * step
    starts = set(range(first, wanted.latest - wanted.duration + 1, step)) if span >= 0 else set()
    return np.array(sorted(starts | ({asked} if asked is not None else set())), np.int64)


class _Columns:
    """The candidates in columns."""

    def __init__(self, starts: Numbers, duration: int) -> None:
        self._starts, self._ends = starts, starts + duration
        self._adds: dict[str, Floats] = {}
        self._adds_if_not: dict[str, Floats] = {}
        self._charged: dict[str, float] = {}
        self._breaches, self._breaches_if_not = np.zeros(len(starts)), np.zeros(len(starts))
        self._late, self._off, self._same, self._frozen = (np.zeros(len(starts), np.int64) for _ in range(4))
        self._apart = np.zeros(len(starts), np.bool_)
        self._counting = np.zeros(len(starts), np.int64)
        self._eligible: dict[Hashable, Numbers] = {}
        self._touched: dict[Hashable, tuple[Numbers, Numbers, Numbers]] = {}
        self._one_slot: dict[Hashable, tuple[float, float, int]] = {}
        self._zones: dict[str, tuple[Numbers, Numbers]] = {}

    def scale(self) -> Mapping[str, float]:
        return self._charged

    # -- what it costs ----------------------------------------------------------------------------------------------

    def take(
        self,
        hits: Sequence[Hit],
        earns: Callable[[Hit, Sequence[int]], Sequence[bool]],
        known: Known,
        as_of: int,
    ) -> None:
        stakes: list[tuple[Hit, Stake, Flags]] = []
        starts = self._starts.tolist()
        for hit in hits:
            earned = np.array(earns(hit, starts), np.bool_)
            self._late += ~earned
            for term in hit.terms:
                if why_not_told(term) is not None or term.period.rolling is not None:
                    continue
                verdicts = {v.period_start: v for v in known.get(term.key, ())}
                span = int(self._starts[0]), int(self._ends[-1])
                stakes += [(hit, s, earned) for s in without_work(term, verdicts, hit.exclusions, as_of, *span)]
                if term.charging is not None:
                    currency = term.charging.currency
                    self._charged[currency] = self._charged.get(currency, 0.0) + float(term.charging.amount)
        pasts = [past_before(stake, known, as_of) for _, stake, _ in stakes]
        slots = [stake.term.indicator.slot for _, stake, _ in stakes]
        draws = drawn(pasts, [stake.to_come for _, stake, _ in stakes], slots, FEW_DRAWS)
        for (hit, stake, earned), row in zip(stakes, draws, strict=True):
            self._add(hit, stake, earned, row)

    def _add(self, hit: Hit, stake: Stake, earns: Flags, draws: Numbers) -> None:
        """What the candidates add to a period: of each of the few different numbers of slots that they touch once."""
        term, width = stake.term, stake.term.indicator.slot
        touched, inside, kind = self._slots(hit, stake)
        if not touched.any():
            return
        per_slot, per_earned, exempt = self._in_one_slot(term, hit)
        consecutive = getattr(term.indicator, "consecutive", 1)
        bad, edges = touched * per_slot, (touched - inside) * per_slot + inside * per_earned
        bad, edges = (np.asarray(some * (some >= consecutive), np.float64) for some in (bad, edges))
        credit, chance = self._expected(stake, draws, bad, np.zeros(len(bad), np.int64))
        credit_earned, chance_earned = self._expected(stake, draws, edges, inside * exempt)
        self._counting += np.where(earns, (edges * width)[kind], (bad * width)[kind]).astype(np.int64)
        self._breaches_if_not += chance[kind]
        self._breaches += np.where(earns, chance_earned[kind], chance[kind])
        if term.charging is not None:
            currency = term.charging.currency
            for sums, more in (
                (self._adds_if_not, credit[kind]),
                (self._adds, np.where(earns, credit_earned[kind], credit[kind])),
            ):
                sums[currency] = sums.get(currency, np.zeros(len(kind))) + more

    def _in_one_slot(self, term: Term, hit: Hit) -> tuple[float, float, int]:
        named = () if term.members is None else (hit.services, term.members, term.indicator.missing)
        key = term.admitted, *named
        if key not in self._one_slot:
            bad, earned, exempt = in_one_slot(term, hit.services)
            self._one_slot[key] = float(bad), float(earned), exempt
        return self._one_slot[key]

    def _slots(self, hit: Hit, stake: Stake) -> tuple[Numbers, Numbers, Numbers]:
        """How many slots of the period that count candidates touch, and how many lie wholly inside of them: each pair
        of these once, and which of them each candidate has."""
        term, width, period = stake.term, stake.term.indicator.slot, stake.window
        key = width, term.service_hours, term.zone.key, tuple(hit.exclusions), term.members, term.admitted
        if (*key, period.start, period.end) in self._touched:
            return self._touched[*key, period.start, period.end]
        first, last = int(self._starts[0]) // width, -(-int(self._ends[-1]) // width)
        if key not in self._eligible:
            self._eligible[key] = eligible_until(term, hit.exclusions, first, last)
        until = self._eligible[key]

        def number(begin: Numbers, behind: Numbers) -> Numbers:
            low = np.clip(np.maximum(begin, period.first) - first, 0, last - first)
            high = np.clip(np.minimum(behind, period.last) - first, 0, last - first)
            return np.where(high > low, until[np.maximum(high, low)] - until[low], 0)

        touched = number(self._starts // width, -(-self._ends // width))
        inside = number(-(-self._starts // width), self._ends // width)
        pairs, kind = np.unique(np.stack([touched, inside]), axis=1, return_inverse=True)
        found = self._touched[*key, period.start, period.end] = pairs[0], pairs[1], kind.reshape(-1)
        return found

    def _expected(self, stake: Stake, draws: Numbers, worse: Floats, less: Numbers) -> tuple[Floats, Floats]:
        """What so many more bad slots, and so many less that count, add to the credit and the chance of a breach."""
        credit, chance = np.zeros(len(worse)), np.zeros(len(worse))
        period, spent = (stake.window.start, stake.window.end), float(stake.spent)
        nothing = self._at(stake, draws, period, stake.eligible, np.array([spent]))
        for number in np.unique(less).tolist():
            which = less == number
            found = self._at(stake, draws, period, stake.eligible - number, spent + worse[which])
            credit[which], chance[which] = found[0] - nothing[0], found[1] - nothing[1]
        return credit, chance

    def _at(
        self, stake: Stake, draws: Numbers, period: tuple[int, int], eligible: int, bad: Floats
    ) -> tuple[Floats, Floats]:
        if eligible <= 0:
            return np.zeros(len(bad)), np.zeros(len(bad))
        least = np.floor(float(stake.allowed * eligible) - bad + 1e-9) + 1
        chance = 1 - np.searchsorted(draws, least) / len(draws)
        credit = np.zeros(len(bad))
        for at, more in steps_of(stake.term, period, eligible):
            credit += float(more) * (1 - np.searchsorted(draws, at - np.floor(bad)) / len(draws))
        return credit, chance

    # -- what is around ---------------------------------------------------------------------------------------------

    def look_around(self, hits: Sequence[Hit], around: Surroundings, hours: tuple[int, int]) -> None:
        for frozen in around.frozen:
            self._frozen += self._overlaps(frozen.start, frozen.end) * (
                1 if frozen.agreement is not None else max(len(hits), 1)
            )
        for start, end in around.apart:
            self._apart |= self._overlaps(start, end)
        for zone, count in _by_zone(hits).items():
            self._off += count * ~self._within(zone, hours)
        customers = {hit.agreement.customer for hit in hits}
        for start, end, hit_too in around.others:
            both = [hit for hit in hits if hit.agreement.customer in hit_too & customers]
            for zone, count in _by_zone(both).items():
                nights, (first, last) = nights_of(start, end, zone), self._nights(zone)
                self._same += count * ((first < nights.stop) & (nights.start <= last))

    def _overlaps(self, start: int, end: int) -> Flags:
        return (self._starts < end) & (start < self._ends)

    def _nights(self, zone: ZoneInfo) -> tuple[Numbers, Numbers]:
        if zone.key not in self._zones:
            found = [nights_of(s, e, zone) for s, e in zip(self._starts.tolist(), self._ends.tolist(), strict=True)]
            self._zones[zone.key] = np.array([r.start for r in found]), np.array([r.stop - 1 for r in found])
        return self._zones[zone.key]

    def _within(self, zone: ZoneInfo, hours: tuple[int, int]) -> Flags:
        """Whether each candidate lies within the hours, by the wall clock."""
        opens, closes = hours
        length = (closes - opens) % (24 * 60) or 24 * 60
        local = (to_datetime(at).astimezone(zone) for at in self._starts.tolist())
        minute = np.array([at.hour * 60 + at.minute for at in local])
        duration = int(self._ends[0] - self._starts[0]) // MINUTE
        return (minute - opens) % (24 * 60) + duration <= length

    def candidates(self) -> list[Candidate]:
        return [
            Candidate(
                start=int(self._starts[i]),
                end=int(self._ends[i]),
                adds={currency: float(amounts[i]) for currency, amounts in self._adds.items()},
                adds_if_not={currency: float(amounts[i]) for currency, amounts in self._adds_if_not.items()},
                breaches=float(self._breaches[i]),
                breaches_if_not=float(self._breaches_if_not[i]),
                late=int(self._late[i]),
                off_hours=int(self._off[i]),
                same_night=int(self._same[i]),
                frozen=int(self._frozen[i]),
                apart=bool(self._apart[i]),
                counting=int(self._counting[i]),
            )
            for i in range(len(self._starts))
        ]


def _by_zone(hits: Collection[Hit]) -> dict[ZoneInfo, int]:
    found: dict[ZoneInfo, int] = {}
    for hit in hits:
        found[hit.agreement.time_zone] = found.get(hit.agreement.time_zone, 0) + 1
    return found
