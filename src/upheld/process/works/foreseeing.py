"""A planned work before it is announced: what it would do, read through the store. Nothing is kept."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from upheld.agreements.intervals import overlap
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, MINUTE
from upheld.analysis.better_slot import Candidate, Surroundings, Wanted, candidates, spread
from upheld.analysis.findings import is_outage
from upheld.analysis.foreseen_work import Hit, Known
from upheld.analysis.foreseen_work import affected as foreseen
from upheld.analysis.planned_impact import freezes, in_freeze, pairs_taken, same_night
from upheld.analysis.topology import Topology
from upheld.analysis.work_preview import Preview
from upheld.assessment.verdict import Verdict
from upheld.assessment.windows import windows
from upheld.cases.model import State
from upheld.maintenance.earning import Told, earned
from upheld.maintenance.impact import affected
from upheld.maintenance.model import Announcement, Maintenance, Window
from upheld.maintenance.objection import Consent
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion
from upheld.ports import AlarmFilter, Transaction
from upheld.process.assessing.in_force import InForce
from upheld.process.works.earned_windows import Parties, addresses_of, taken_under

BACK, PERIODS = 400 * DAY, 8
"""How far back, and over how many periods at most, the past of a promise is looked at."""
UNWELL: tuple[State, ...] = ("detected", "analysed", "acting", "reopened")
"""States of a case whose service is not known to be good again."""
AT_MOST = 5_000
"""Raised alarms, and open cases, that are looked at for what is down now."""
WORKS = 200
"""Other planned works, the next ones, that are looked at for whom they hit."""
LOOKED_AT = 10
"""Promises of an agreement by which an alternative is judged."""
EVERY_OBJECTION = 1_000_000
NOBODY: Mapping[str, Consent] = MappingProxyType({})
PROPOSED = 5
"""Better windows that are told."""


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a preview rests on: the agreements that the work hits, other planned works with those that they hit, and up
    to when verdicts are known."""

    work: Maintenance
    current: InForce
    topology: Topology
    hits: Sequence[Hit]
    known: Known
    others: Sequence[tuple[Maintenance, Sequence[Agreement]]]
    as_of: int
    now: int


def concerns(
    t: Transaction,
    works: Sequence[Maintenance],
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
) -> list[Preview]:
    """What there is to be warned of in each of `works`, whether it is planned already or not, and nothing of what it
    would cost: both of a pair taken at once, other works in the same night, freeze periods."""
    down = _down_now(t) if topology.has_redundancy else {}
    planned = [one for one in t.maintenances(ending_after=now) if one.state == "planned"]
    reached: dict[str, Sequence[Agreement]] = {}
    found = []
    for work in works:
        near = [one for one in planned if one.id != work.id and _is_near(one, work)][:WORKS]
        if portfolio is not None:
            reached |= {one.id: _hit_by(one, portfolio, topology) for one in near if one.id not in reached}
        ours = _hit_by(work, portfolio, topology) if portfolio is not None and work.interrupts else []
        frozen = freezes(portfolio, ours) if portfolio is not None and work.interrupts else []
        found.append(
            Preview(
                work=work,
                topology=topology,
                impact=topology.hit_during(work.services, work.start, work.end),
                pairs=tuple(pairs_taken(topology, work, near, down if work.start > now else {})),
                titles={one.id: one.title for one in near},
                as_of=now,
                now=now,
                nights=tuple(same_night(work, ours, [(one, reached.get(one.id, ())) for one in near])),
                frozen=tuple(in_freeze(frozen, work.spans)),
            )
        )
    return found


def _is_near(one: Maintenance, other: Maintenance) -> bool:
    """Whether two works may be in one night somewhere."""
    return one.start < other.end + 2 * DAY and other.start < one.end + 2 * DAY


def preview(
    t: Transaction,
    work: Maintenance,
    current: InForce | None,
    topology: Topology,
    now: int,
    wanted: Wanted | None = None,
    agreeing: bool = False,
) -> Preview:
    """What `work` would do if it was announced at `now`. `current` is what is promised, None before there is any.
    `wanted`: where a better window is looked for, or better windows, if the work has several; None: nowhere.
    `agreeing`: with whoever objects and has asked for just these windows."""
    assessment = t.assessment()
    as_of = now if assessment is None else assessment.as_of
    impact = topology.hit_during(work.services, work.start, work.end)
    others = _others(t, work, now)
    found = Preview(
        work=work,
        topology=topology,
        impact=impact,
        pairs=tuple(pairs_taken(topology, work, others, _down_now(t) if topology.has_redundancy else {})),
        titles={one.id: one.title for one in others},
        as_of=as_of,
        now=now,
    )
    if current is None:
        return found
    consents = _wishes(t, work, now) if agreeing else NOBODY
    hit = current.portfolio.agreements if work.interrupts else ()
    ground = _ground(t, work, current, topology, now, hit, consents=consents)
    agreements = [hit.agreement for hit in ground.hits]
    ranked, asked = ([], None) if wanted is None or not agreements else _ranked(ground, wanted, work.start)
    return replace(
        found,
        agreements=tuple(foreseen(ground.hits, ground.known, as_of, work.spans)),
        nights=tuple(same_night(work, agreements, ground.others)),
        frozen=tuple(in_freeze(freezes(current.portfolio, agreements), work.spans)),
        better=tuple(spread(ranked, PROPOSED)),
        asked=asked,
        wanted=wanted,
    )


def alternatives(
    t: Transaction,
    work: Maintenance,
    current: InForce,
    topology: Topology,
    now: int,
    wanted: Wanted,
    agreement: str,
) -> list[Window]:
    """Windows in which a work could be done instead of its own, the best for one agreement first, each in a night of
    its own; they need not be better than the work's own, which is bad for a reason that nobody can foresee. Of many
    promises the first ones stand for all, because whoever has the link can ask as often as it likes. None are looked
    for where the work has several windows: a wish is one window."""
    if work.windows:
        return []
    stated = [one for one in current.portfolio.agreements if one.id == agreement]
    ranked, _ = _ranked(_ground(t, work, current, topology, now, stated, LOOKED_AT), wanted, None)
    others = [one for one in ranked if not overlap(one.windows, work.spans)]
    return [(one.start, one.end) for one in spread(others, PROPOSED)]


def _ground(
    t: Transaction,
    work: Maintenance,
    current: InForce,
    topology: Topology,
    now: int,
    agreements: Iterable[Agreement],
    most: int | None = None,
    consents: Mapping[str, Consent] = NOBODY,
) -> _Ground:
    """What a work rests on as far as it hits these agreements, by `most` promises of each, or all."""
    assessment = t.assessment()
    as_of = now if assessment is None else assessment.as_of
    hit = affected(work, agreements, topology.hit_during(work.services, work.start, work.end).hit)
    hits = [replace(one, terms=one.terms[:most]) for one in _hits(t, work, current, hit, now, consents)]
    known = _known(t, [term for one in hits for term in one.terms], as_of)
    others = _others(t, work, now)[:WORKS]
    theirs = [(one, _hit_by(one, current.portfolio, topology)) for one in others]
    return _Ground(work, current, topology, hits, known, theirs, as_of, now)


def _others(t: Transaction, work: Maintenance, now: int) -> list[Maintenance]:
    """The other planned works, the next ones first."""
    return [one for one in t.maintenances(ending_after=now) if one.state == "planned" and one.id != work.id]


def _ranked(ground: _Ground, wanted: Wanted, asked: int | None) -> tuple[list[Candidate], Candidate | None]:
    """Windows that are better than the one that begins at `asked`, the best first, and that one, judged likewise; all
    where it is None."""
    work, others = ground.work, ground.others
    known: dict[Hashable, Sequence[bool]] = {}

    def earns(hit: Hit, starts: Sequence[int], earlier: Sequence[int]) -> Sequence[bool]:
        own = hit.agreement.customer if hit.agreement.customer in ground.current.customers else None
        key = own, hit.agreement.notices.maintenance, hit.agreement.time_zone.key, hit.taken, len(earlier)
        if key not in known:
            known[key] = _earning_starts(ground, hit, starts, earlier)
        return known[key]

    around = Surroundings(
        frozen=freezes(ground.current.portfolio, [hit.agreement for hit in ground.hits]),
        apart=[span for one, _ in others if _takes_pairs(ground.topology, work, one) for span in one.spans],
        others=[(*span, frozenset(a.customer for a in theirs)) for one, theirs in others for span in one.spans],
    )
    if work.windows:
        parts = tuple((start - work.start, end - work.start) for start, end in work.spans)
        wanted = replace(wanted, duration=work.end - work.start, parts=parts)
    return candidates(wanted, asked, ground.hits, earns, ground.known, ground.as_of, around)


def _earning_starts(ground: _Ground, hit: Hit, starts: Sequence[int], earlier: Sequence[int]) -> Sequence[bool]:
    """At which of a window's starts (ascending) an announcement made now would be earned: from the first that is in
    time on, but where others have taken of a quota by the month: other works, or `earlier` windows of this one, each by
    how long before it begins."""
    promise = hit.agreement.notices.maintenance
    has_quota = promise is not None and promise.terms_for(ground.work.emergency).per_month is not None
    is_shared = has_quota and bool(hit.taken or earlier)

    def is_earned(start: int) -> bool:
        moved = replace(ground.work, start=start, end=start + MINUTE, windows=())
        taken = (*hit.taken, *(start - before for before in earlier)) if has_quota else ()
        return would_earn(moved, hit.agreement, hit.services, ground.current, ground.now, taken).earned

    first = bisect_left(starts, True, key=is_earned) if not is_shared else 0
    return [place >= first and (not is_shared or is_earned(start)) for place, start in enumerate(starts)]


def _takes_pairs(topology: Topology, work: Maintenance, other: Maintenance) -> bool:
    """Whether the work takes both of a pair with another one if they go on at the same time."""
    moved = replace(work, start=other.start, end=other.end, windows=())
    return any(pair.work == other.id for pair in pairs_taken(topology, moved, [other], {}))


def _hit_by(work: Maintenance, portfolio: Portfolio, topology: Topology) -> list[Agreement]:
    hit = topology.hit_during(work.services, work.start, work.end).hit
    return [agreement for agreement, _ in affected(work, portfolio.agreements, hit)]


def _down_now(t: Transaction) -> dict[str, str]:
    """What is down, or bad, now, and how that is known."""
    found: dict[str, str] = {}
    for alarm in t.alarms(AlarmFilter(raised=True, limit=AT_MOST)):
        if is_outage(alarm):
            found |= {name: "an alarm is raised about it" for name in (*alarm.services, alarm.object) if name}
    for case in t.cases(UNWELL, AT_MOST):
        if case.kind != "no_data":
            found[case.service] = f"case {case.id} is open"
    for problem in t.problems(only_open=True, limit=AT_MOST):
        if problem.kind == "outage" and problem.cause_kind == "resource":
            found[problem.cause] = f"problem {problem.id} is open"
    return found


# -- what the agreements come to ------------------------------------------------------------------------------------


def _hits(
    t: Transaction,
    work: Maintenance,
    current: InForce,
    hit: Sequence[tuple[Agreement, tuple[str, ...]]],
    now: int,
    consents: Mapping[str, Consent],
) -> list[Hit]:
    terms = _terms(current, hit)
    concerning = _by_service(t, work)
    found = []
    for agreement, services in hit:
        own = terms[agreement.id]
        subjects = {EVERY_SERVICE, *(name for term in own for name in term.subjects)}
        exclusions = [x for name in subjects for x in concerning.get(name, ()) if x.agreement in (None, agreement.id)]
        taken = tuple(taken_under(t, work, agreement))
        consent = consents.get(agreement.id)
        judged = would_earn(work, agreement, services, current, now, taken, () if consent is None else (consent,))
        found.append(Hit(agreement, services, own, exclusions, judged, taken))
    return found


def would_earn(
    work: Maintenance,
    agreement: Agreement,
    services: Sequence[str],
    current: InForce,
    now: int,
    taken: Sequence[int] = (),
    consents: Sequence[Consent] = (),
) -> Announcement:
    """What the announcement would earn if everyone whom the agreement names was told now. `taken` and `consents` as in
    `earned`."""
    contacts = addresses_of(agreement, Parties(current.portfolio), work.emergency)
    told = [
        Told(role, contact, work.spans, frozenset(services), now, sequence=work.sequence)
        for role, some in contacts.items()
        for contact in some
    ]
    return earned(work, agreement, services, contacts, told, now, taken, consents)


def _wishes(t: Transaction, work: Maintenance, now: int) -> dict[str, Consent]:
    """What would be agreed with those who have asked for the windows of a work, by the agreement."""
    open_ones = t.objections(work.id, "open", EVERY_OBJECTION)
    wished = [one for one in open_ones if one.wish == (work.start, work.end)]
    return {
        one.agreement: Consent(work.spans, one.contact, one.role, one.said_at or one.at, now, "", work.sequence)
        for one in wished
    }


def _terms(current: InForce, hit: Iterable[tuple[Agreement, tuple[str, ...]]]) -> dict[str, list[Term]]:
    """The promises of each agreement about a service that is hit."""
    services = {agreement.id: frozenset(names) for agreement, names in hit}
    found: dict[str, list[Term]] = {name: [] for name in services}
    for term in current.every_term:
        if term.agreement in services and not services[term.agreement].isdisjoint(term.services):
            found[term.agreement].append(term)
    return found


def _known(t: Transaction, terms: Sequence[Term], as_of: int) -> Mapping[tuple[str, str, str], Sequence[Verdict]]:
    """Of each promise the verdicts of this period and of the last before it; of a rolling one the newest."""
    rolling = [(*term.key, term.valid_from) for term in terms if term.period.rolling is not None]
    calendar = [
        (*term.key, window.start)
        for term in terms
        if term.period.rolling is None and term.indicator.kind == "availability"
        for window in windows(term, as_of - BACK, as_of)[-PERIODS:]
    ]
    found: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in (*t.newest(calendar).values(), *t.newest_windows(rolling).values()):
        found[verdict.key[:3]].append(verdict)
    return found


def _by_service(t: Transaction, work: Maintenance) -> Mapping[str, Sequence[Exclusion]]:
    """All exclusions that stand, but for what the work itself has earned."""
    own = frozenset(t.exclusions_earned(work.id).values())
    found: dict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in t.exclusions():
        if exclusion not in own:
            found[exclusion.service].append(exclusion)
    return found
