"""A planned work before it is announced: what it would do, read through the store. Nothing is kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from upheld.agreements.calendars import Interval
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.analysis.findings import is_outage
from upheld.analysis.foreseen_work import Affected, Hit, Preview
from upheld.analysis.foreseen_work import affected as foreseen
from upheld.analysis.planned_impact import Frozen, Night, freezes, in_freeze, pairs_taken, same_night
from upheld.analysis.topology import Topology
from upheld.assessment.verdict import Verdict
from upheld.assessment.windows import windows
from upheld.cases.model import State
from upheld.in_force import InForce
from upheld.maintenance.earning import Told, earned
from upheld.maintenance.impact import affected
from upheld.maintenance.model import Announcement, Maintenance
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion
from upheld.notices.planning import contacts_of
from upheld.ports import AlarmFilter, Transaction

BACK, PERIODS = 400 * DAY, 8
"""How far back, and over how many periods at most, the past of a promise is looked at."""
UNWELL: tuple[State, ...] = ("detected", "analysed", "acting", "reopened")
"""States of a case whose service is not known to be good again."""
AT_MOST = 5_000
"""Raised alarms, and open cases, that are looked at for what is down now."""
NEAR = DAY
"""Works that are so near may fall into the same night."""


def preview(t: Transaction, work: Maintenance, current: InForce | None, topology: Topology, now: int) -> Preview:
    """What `work` would do if it was announced at `now`. `current` is what is promised, None before there is any."""
    assessment = t.assessment()
    as_of = now if assessment is None else assessment.as_of
    impact = topology.hit_during(work.services, work.start, work.end)
    hit = [] if current is None else affected(work, current.portfolio.agreements, impact.hit)
    others = [one for one in t.maintenances(ending_after=now) if one.state == "planned" and one.id != work.id]
    down = _down_now(t) if topology.has_redundancy else {}
    near = [one for one in others if one.start < work.end + NEAR and work.start < one.end + NEAR]
    told: Sequence[Affected] = ()
    nights: Sequence[Night] = ()
    frozen: Sequence[Frozen] = ()
    if current is not None:
        hits = _hits(t, work, current, hit, now)
        known = _known(t, [term for one in hits for term in one.terms], as_of)
        told = list(foreseen(hits, known, as_of, _spans(work)))
        agreements = [agreement for agreement, _ in hit]
        nights = same_night(work, agreements, [(one, _hit_by(one, current.portfolio, topology)) for one in near])
        frozen = in_freeze(freezes(current.portfolio, agreements), work.start, work.end)
    return Preview(
        work=work,
        topology=topology,
        impact=impact,
        agreements=tuple(told),
        pairs=tuple(pairs_taken(topology, work, others, down)),
        nights=tuple(nights),
        frozen=tuple(frozen),
        titles={one.id: one.title for one in others},
        as_of=as_of,
        now=now,
    )


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
    t: Transaction, work: Maintenance, current: InForce, hit: Sequence[tuple[Agreement, tuple[str, ...]]], now: int
) -> list[Hit]:
    terms = _terms(current, hit)
    concerning = _by_service(t, work)
    found = []
    for agreement, services in hit:
        own = terms[agreement.id]
        subjects = {EVERY_SERVICE, *(name for term in own for name in term.subjects)}
        exclusions = [x for name in subjects for x in concerning.get(name, ()) if x.agreement in (None, agreement.id)]
        judged = would_earn(work, agreement, services, current, now)
        found.append(Hit(agreement, services, own, exclusions, judged))
    return found


def _spans(work: Maintenance) -> Sequence[Interval]:
    return work.spans


def would_earn(
    work: Maintenance, agreement: Agreement, services: Sequence[str], current: InForce, now: int
) -> Announcement:
    """What the announcement would earn if everyone whom the agreement names was told now."""
    promise = agreement.notices.maintenance
    customer, provider = current.customers.get(agreement.customer), current.portfolio.provider
    contacts = {
        role: [contact.place[1] for contact in contacts_of(role, customer, provider)]
        for role in (promise.terms_for(work.emergency).to if promise is not None else ())
    }
    told = [
        Told(role, contact, work.spans, frozenset(services), now, sequence=work.sequence)
        for role, some in contacts.items()
        for contact in some
    ]
    return earned(work, agreement, services, contacts, told, now)


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
