"""When else a planned work could be done: windows of its length over the coming weeks, the best first. Pure; instants
in microseconds UTC.

A work of several windows is moved as one: each window keeps its length, and all keep their order and the time between
them. Such a plan is one piece of work in steps, with the same people night after night; whoever moves one night moves
what builds on it. And it is how such a work is moved where a customer's wish is agreed to.

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
from upheld.maintenance.model import Window

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
    minutes after midnight, are preferred for work, and may go over midnight. Of a work of several windows `duration` is
    how long it is from the first to the last, and `parts` has each window, as (start, end) after the first begins."""

    duration: int
    earliest: int
    latest: int
    hours: tuple[int, int] = NIGHT
    parts: tuple[Window, ...] = ()

    @property
    def spans(self) -> tuple[Window, ...]:
        """Each window, as (start, end) after the first begins."""
        return self.parts or ((0, self.duration),)


Earns = Callable[[Hit, Sequence[int], Sequence[int]], Sequence[bool]]
"""At which of some starts of a window (ascending) an announcement made now would be earned; and how long before it the
earlier windows of the work begin, which take of a quota by the month too."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else there is: freeze periods; windows of other works with which the work would take both of a pair; and
    windows of other works with the customers of the work that they hit too, by agreement."""

    frozen: Sequence[Frozen] = ()
    apart: Sequence[tuple[int, int]] = ()
    others: Sequence[tuple[int, int, frozenset[str]]] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A window, or several (`windows`), from the first's start to the last's end. `adds`: what the work adds there to
    the credits that are to be expected, by currency, as announced now; `adds_if_not` if no exclusion is earned;
    `breaches` and `breaches_if_not` likewise of the promises that are broken. Counts are of agreements: `late` are
    those under which it would count although it was announced now, `off_hours` those for which it lies outside of the
    preferred hours, `same_night` those whose customer has another work then, `frozen` those in a freeze period;
    `apart` says that it takes both of a pair with another work. `counting` is the time that counts against promises,
    summed over them."""

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
    windows: tuple[Window, ...] = ()


def candidates(
    wanted: Wanted,
    asked: int | None,
    hits: Sequence[Hit],
    earns: Earns,
    known: Known,
    as_of: int,
    around: Surroundings,
) -> tuple[list[Candidate], Candidate | None]:
    """The candidates that are better than the one that begins at `asked`, the best first, and that one."""
    starts = _starts(wanted, asked)
    if not len(starts):
        return [], None
    found = _Columns(starts, wanted.spans)
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
    """The best of them, each in a night of its own; of several windows that is the night of the first."""
    found: list[Candidate] = []
    for one in ranked:
        if len(found) == most:
            break
        if all(_first_end(one) + APART <= other.start or _first_end(other) + APART <= one.start for other in found):
            found.append(one)
    return found


def _first_end(one: Candidate) -> int:
    return one.windows[0][1] if one.windows else one.end


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


@dataclass(frozen=True, slots=True)
class _Earning:
    """Which windows of candidates are earned: the different `kinds`, a row a window, and the `kind` of each."""

    kinds: Flags
    kind: Numbers

    @property
    def whole(self) -> Flags:
        """Whether all windows of each candidate are."""
        found: Flags = np.all(self.kinds[:, self.kind], axis=0)
        return found


class _Columns:
    """The candidates in columns."""

    def __init__(self, starts: Numbers, spans: Sequence[Window]) -> None:
        self._starts, self._spans = starts, spans
        self._windows = [(starts + begin, starts + end) for begin, end in spans]
        self._ends = self._windows[-1][1]
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
        self._zones: dict[str, list[tuple[Numbers, Numbers]]] = {}

    def scale(self) -> Mapping[str, float]:
        return self._charged

    # -- what it costs ----------------------------------------------------------------------------------------------

    def take(
        self,
        hits: Sequence[Hit],
        earns: Earns,
        known: Known,
        as_of: int,
    ) -> None:
        stakes: list[tuple[Hit, Stake, _Earning]] = []
        for hit in hits:
            earned = self._earning(hit, earns)
            self._late += ~earned.whole
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

    def _earning(self, hit: Hit, earns: Earns) -> "_Earning":
        """Which windows of each candidate would be earned."""
        rows = []
        for number, (begin, _) in enumerate(self._spans):
            earlier = [begin - other for other, _ in self._spans[:number]]
            rows.append(np.array(earns(hit, (self._starts + begin).tolist(), earlier), np.bool_))
        if len(rows) == 1:
            return _Earning(np.array([[False, True]]), rows[0].astype(np.int64))
        kinds, kind = np.unique(np.stack(rows), axis=1, return_inverse=True)
        return _Earning(kinds, kind.reshape(-1))

    def _add(self, hit: Hit, stake: Stake, earned: "_Earning", draws: Numbers) -> None:
        """What the candidates add to a period: of each of the few different numbers of slots that their windows touch,
        earned or not, once."""
        term, width = stake.term, stake.term.indicator.slot
        touched, inside, kind = self._slots(hit, stake)
        if not touched.any():
            return
        cases, case = np.unique(kind * earned.kinds.shape[1] + earned.kind, return_inverse=True)
        of, which = np.divmod(cases, earned.kinds.shape[1])
        touched, inside, earns = touched[:, of], inside[:, of], earned.kinds[:, which]
        per_slot, per_earned, exempt = self._in_one_slot(term, hit)
        consecutive = getattr(term.indicator, "consecutive", 1)
        bad, edges = touched * per_slot, (touched - inside) * per_slot + inside * per_earned
        bad, edges = (np.asarray(some * (some >= consecutive), np.float64) for some in (bad, edges))
        counts = np.where(earns, edges, bad).sum(axis=0)
        credit_if_not, chance_if_not = self._expected(stake, draws, bad.sum(axis=0), np.zeros(len(of), np.int64))
        credit, chance = self._expected(stake, draws, counts, np.where(earns, inside, 0).sum(axis=0) * exempt)
        self._counting += (counts * width)[case].astype(np.int64)
        self._breaches_if_not += chance_if_not[case]
        self._breaches += chance[case]
        if term.charging is not None:
            currency = term.charging.currency
            for sums, more in ((self._adds_if_not, credit_if_not), (self._adds, credit)):
                sums[currency] = sums.get(currency, np.zeros(len(case))) + more[case]

    def _in_one_slot(self, term: Term, hit: Hit) -> tuple[float, float, int]:
        named = () if term.members is None else (hit.services, term.members, term.indicator.missing)
        key = term.admitted, *named
        if key not in self._one_slot:
            bad, earned, exempt = in_one_slot(term, hit.services)
            self._one_slot[key] = float(bad), float(earned), exempt
        return self._one_slot[key]

    def _slots(self, hit: Hit, stake: Stake) -> tuple[Numbers, Numbers, Numbers]:
        """How many slots of the period that count each window of the candidates touches, and how many lie wholly inside
        of it: each such set of numbers once, a row a window, and which of them each candidate has."""
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

        touched, inside, before = [], [], np.full(len(self._starts), first)
        for start, end in self._windows:
            behind = -(-end // width)
            touched.append(number(np.maximum(start // width, before), behind))  # a slot of two windows counts once
            inside.append(number(-(-start // width), end // width))
            before = behind
        rows, kind = np.unique(np.stack([*touched, *inside]), axis=1, return_inverse=True)
        found = self._touched[*key, period.start, period.end] = (
            rows[: len(touched)],
            rows[len(touched) :],
            kind.reshape(-1),
        )
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
                theirs = nights_of(start, end, zone)
                same = [(first < theirs.stop) & (theirs.start <= last) for first, last in self._nights(zone)]
                self._same += count * np.any(same, axis=0)

    def _overlaps(self, start: int, end: int) -> Flags:
        found: Flags = np.any([(starts < end) & (start < ends) for starts, ends in self._windows], axis=0)
        return found

    def _nights(self, zone: ZoneInfo) -> Sequence[tuple[Numbers, Numbers]]:
        """The first and the last night of each window of the candidates."""
        if zone.key not in self._zones:
            self._zones[zone.key] = []
            for starts, ends in self._windows:
                pairs = zip(starts.tolist(), ends.tolist(), strict=True)
                found = [nights_of(start, end, zone) for start, end in pairs]
                nights = np.array([r.start for r in found]), np.array([r.stop - 1 for r in found])
                self._zones[zone.key].append(nights)
        return self._zones[zone.key]

    def _within(self, zone: ZoneInfo, hours: tuple[int, int]) -> Flags:
        """Whether all windows of each candidate lie within the hours, by the wall clock."""
        opens, closes = hours
        length = (closes - opens) % (24 * 60) or 24 * 60
        within = np.ones(len(self._starts), np.bool_)
        for starts, ends in self._windows:
            local = (to_datetime(at).astimezone(zone) for at in starts.tolist())
            minute = np.array([at.hour * 60 + at.minute for at in local])
            duration = int(ends[0] - starts[0]) // MINUTE
            within &= (minute - opens) % (24 * 60) + duration <= length
        return within

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
                windows=tuple((int(starts[i]), int(ends[i])) for starts, ends in self._windows),
            )
            for i in range(len(self._starts))
        ]


def _by_zone(hits: Collection[Hit]) -> dict[ZoneInfo, int]:
    found: dict[ZoneInfo, int] = {}
    for hit in hits:
        found[hit.agreement.time_zone] = found.get(hit.agreement.time_zone, 0) + 1
    return found
