"""What planned works have earned (DESIGN rule 13), through the store: judged, granted, and taken back."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from upheld.agreements.intervals import minus, overlap, union
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.parties import Party, contacts_of
from upheld.analysis.topology import Topology
from upheld.maintenance.earning import earned
from upheld.maintenance.exclusion import exclusions
from upheld.maintenance.impact import affected
from upheld.maintenance.model import Announcement, Maintenance, Window
from upheld.maintenance.objection import Consent, consent_of
from upheld.measurements.exclusions import Exclusion
from upheld.notices.model import Notice
from upheld.notices.planning import told
from upheld.ports import Transaction

EVERY_NOTICE = 1_000_000
Parts = tuple[tuple[str, int, int], ...]


def decide(
    t: Transaction,
    work: Maintenance,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
    agreement: str | None = None,
) -> None:
    """Decides for each agreement, or for one, what the announcements that were sent by now have earned: grants it and
    takes back what is not. What was decided of a window once it had begun stands."""
    before = {a.agreement: a for a in t.announcements(work.id, agreement)}
    standing: dict[str | None, dict[str, Exclusion]] = {}
    for name, exclusion in t.exclusions_earned(work.id, agreement).items():
        standing.setdefault(exclusion.agreement, {})[name] = exclusion
    decided = []
    for decision, services in _decisions(t, work, portfolio, topology, before, now, agreement):
        last = before.get(decision.agreement)
        settled = last.settled if last is not None else ()
        undecided = minus(work.worked, settled)
        kept = _kept(last, work.worked, services, now)
        fresh = within(decision.parts, undecided)
        if last is not None and not undecided and kept == last.parts and (kept or decision.parts):
            continue  # where as little is earned as before, the reason may be a better one
        parts = _in_order((*kept, *fresh))
        agreed = [one for one in last.by_agreement if within(kept, [one[:2]])] if last is not None else []
        for start, end, word in decision.by_agreement:
            agreed += [(*cut, word) for cut in overlap([(start, end)], undecided)]
        begun = [window for window in undecided if window[0] <= now]
        decision = replace(
            decision,
            earned=bool(services) and all(_of(parts, service) == union(work.worked) for service in services),
            services=tuple(dict.fromkeys(service for service, *_ in parts)),
            parts=parts,
            settled=union((*settled, *begun)),
            by_agreement=tuple(dict.fromkeys(agreed)),
        )
        _grant(t, work, decision, standing.get(decision.agreement, {}), now)
        decided.append(decision)
    t.save_announcements(decided)


def settle(t: Transaction, work: Maintenance, now: int) -> None:
    """Before a work is changed: what was decided of its windows that have begun stands, whatever becomes of the
    others."""
    begun = [window for window in work.worked if window[0] <= now]
    if begun:
        decided = t.announcements(work.id)
        t.save_announcements([replace(one, settled=union((*one.settled, *begun))) for one in decided])


def take_back(t: Transaction, work: Maintenance, reason: str, now: int) -> None:
    """Lets everything that a work has earned count again."""
    for granted in t.exclusions_earned(work.id):
        t.revoke_exclusion(granted, now, f"maintenance {work.id}")
    t.save_announcements([_unearned(decision, reason, now) for decision in t.announcements(work.id)])


def hit_by(
    work: Maintenance, portfolio: Portfolio | None, topology: Topology, only: str | None = None
) -> Sequence[tuple[Agreement, tuple[str, ...]]]:
    """The agreements that a work hits (`only`: that one, if it is), each with its services that it does. What it leaves
    without redundancy stands: nobody is told of an outage, and none is excluded."""
    if portfolio is None:
        return ()
    asked = [a for a in portfolio.agreements if only in (None, a.id)]
    return affected(work, asked, topology.hit_during(work.services, work.start, work.end).hit)


class Parties:
    """Those of a portfolio, found by the agreement."""

    def __init__(self, portfolio: Portfolio | None) -> None:
        self._provider = portfolio.provider if portfolio is not None else None
        self._customers = {c.id: c for c in portfolio.customers} if portfolio is not None else {}

    def of(self, agreement: Agreement) -> tuple[Party | None, Party | None]:
        """(customer, provider), as far as the portfolio describes them."""
        return self._customers.get(agreement.customer), self._provider


def by_agreement(notices: Iterable[Notice]) -> dict[str | None, list[Notice]]:
    """The notices of each agreement."""
    found: dict[str | None, list[Notice]] = {}
    for notice in notices:
        found.setdefault(notice.agreement, []).append(notice)
    return found


def within(parts: Parts, windows: Sequence[Window]) -> Parts:
    """What of `parts` lies in the windows."""
    return tuple((service, *cut) for service, start, end in parts for cut in overlap([(start, end)], windows))


def _decisions(
    t: Transaction,
    work: Maintenance,
    portfolio: Portfolio | None,
    topology: Topology,
    before: Mapping[str, Announcement],
    now: int,
    only: str | None,
) -> Iterator[tuple[Announcement, tuple[str, ...]]]:
    """What each agreement that the work hits has earned, and by which services it is hit; nothing where it hit one and
    does so no more."""
    notices = by_agreement(t.notices(maintenance_id=work.id, agreement=only, limit=EVERY_NOTICE))
    parties, hit, consents = Parties(portfolio), set(), consents_to(t, work)
    for agreement, services in hit_by(work, portfolio, topology, only):
        hit.add(agreement.id)
        own = told(notices.get(agreement.id, ()))
        addresses = addresses_of(agreement, parties, work.emergency)
        taken = taken_under(t, work, agreement)
        agreed = consents.get(agreement.id, ())
        yield earned(work, agreement, services, addresses, own, now, taken, agreed), services
    for decision in before.values():
        if decision.agreement not in hit:
            yield _unearned(decision, "the work hits no service of the agreement any more", now), ()


def _kept(last: Announcement | None, spans: Sequence[Window], services: Sequence[str], now: int) -> Parts:
    """What stands of an earlier decision; of a service that the work does not hit any more, what has passed."""
    if last is None:
        return ()
    stands = overlap(last.settled, spans)
    past = overlap(stands, [(0, now)])
    return tuple(one for part in last.parts for one in within((part,), stands if part[0] in services else past))


def _in_order(parts: Parts) -> Parts:
    """By service, in the order in which they stand first; neighbours of one service as one."""
    services = dict.fromkeys(service for service, *_ in parts)
    return tuple((service, *window) for service in services for window in _of(parts, service))


def _of(parts: Parts, service: str) -> tuple[Window, ...]:
    return union((start, end) for name, start, end in parts if name == service)


def _grant(t: Transaction, work: Maintenance, decision: Announcement, standing: Collection[str], now: int) -> None:
    granted = exclusions(work, decision, now)
    for name in standing:
        if name not in granted:
            t.revoke_exclusion(name, now, f"maintenance {work.id}")
    for name, exclusion in granted.items():
        if name not in standing:
            t.add_exclusion(name, exclusion, work.id)


def _unearned(decision: Announcement, reason: str, now: int) -> Announcement:
    return replace(decision, earned=False, services=(), parts=(), by_agreement=(), reason=reason, decided_at=now)


def consents_to(t: Transaction, work: Maintenance) -> Mapping[str, Sequence[Consent]]:
    """What customers have asked for of a work themselves, and were agreed with, by the agreement."""
    found: dict[str, list[Consent]] = {}
    for objection in t.objections(work.id, "agreed", EVERY_NOTICE):
        if (consent := consent_of(objection, work)) is not None:
            found.setdefault(objection.agreement, []).append(consent)
    return found


def taken_under(t: Transaction, work: Maintenance, agreement: Agreement) -> list[int]:
    """The starts of the windows that other works have earned under an agreement that allows so many a month."""
    promise = agreement.notices.maintenance
    if promise is None or promise.terms_for(work.emergency).per_month is None:
        return []
    found = []
    for decision in t.announcements_of(agreement.id):
        other = (
            t.maintenance(decision.maintenance_id) if decision.parts and decision.maintenance_id != work.id else None
        )
        if other is not None and other.emergency == work.emergency:
            parts = [(start, end) for _, start, end in decision.parts]
            found += [window[0] for window in other.spans if overlap([window], parts)]
    return found


def addresses_of(agreement: Agreement, parties: Parties, emergency: bool) -> dict[str, list[str]]:
    """The addresses of each role that the agreement wants told of planned work."""
    customer, provider = parties.of(agreement)
    promise = agreement.notices.maintenance
    return {
        role: [contact.place[1] for contact in contacts_of(role, customer, provider)]
        for role in (promise.terms_for(emergency).to if promise is not None else ())
    }
