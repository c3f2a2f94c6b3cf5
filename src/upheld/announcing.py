"""Planned maintenance through the store: announced to whom it hits, judged by the agreement, excluded where earned."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.parties import Party
from upheld.analysis.topology import Topology
from upheld.maintenance.earning import earned
from upheld.maintenance.exclusion import exclusions
from upheld.maintenance.impact import affected
from upheld.maintenance.model import Announcement, Maintenance
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import contacts_of, maintenance_promised_by, plan_maintenance_notices, told
from upheld.notices.stages import stop_reason
from upheld.outgoing.happened import of_maintenance
from upheld.ports import AgendaEntry, Transaction
from upheld.reactions import outbox_entry

JUDGE, REMIND_MAINTENANCE = "judge_maintenance", "remind_of_maintenance"
EVERY_NOTICE = 1_000_000


def plan(
    t: Transaction, maintenance: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int
) -> list[Notice]:
    """Keeps a new work, records its announcements and puts them, the reminders and the final judgement on the agenda.
    Returns the announcements; those of a work that is already there are as they were, and whoever ought to have been
    told since is told now."""
    known = t.maintenance(maintenance.id)
    if known is not None:
        earlier = [n for n in _notices(t, known) if n.kind == "maintenance"]
        return [*earlier, *_catch_up_with(t, known, portfolio, topology, now)]
    t.save_maintenance(maintenance)
    t.add_outgoing([of_maintenance(maintenance, "announced", now)])
    announced = _announce(t, maintenance, portfolio, topology, now)
    t.schedule(AgendaEntry(f"{JUDGE}/{maintenance.id}", JUDGE, maintenance.start, {"maintenance": maintenance.id}))
    judge(t, maintenance.id, portfolio, topology, now)
    return announced


def catch_up(t: Transaction, portfolio: Portfolio | None, topology: Topology, now: int) -> list[Notice]:
    """Brings every planned work that is not over up to a portfolio that has just been adopted: whoever a work hits now
    and was not told of it is told, and what was earned is judged anew where the window has not begun. Done again, it
    does nothing. Returns the announcements that it added."""
    return [n for work in t.maintenances(ending_after=now) for n in _catch_up_with(t, work, portfolio, topology, now)]


def cancel(t: Transaction, maintenance_id: str, portfolio: Portfolio | None, now: int) -> list[Notice]:
    """Cancels a work: takes back all exclusions that it has earned, stops what was not sent yet, and tells whom it had
    been announced to. Returns the notices that tell so. Raises KeyError."""
    known = t.maintenance(maintenance_id)
    if known is None:
        raise KeyError(maintenance_id)
    if known.state == "cancelled":
        return []
    cancelled = replace(known, state="cancelled", sequence=known.sequence + 1)
    t.save_maintenance(cancelled)
    t.add_outgoing([of_maintenance(cancelled, "cancelled", now)])
    for granted in t.exclusions_earned(maintenance_id):
        t.revoke_exclusion(granted, now, f"maintenance {maintenance_id}")
    for decision in t.announcements(maintenance_id):
        t.save_announcement(_unearned(decision, "the work was cancelled", now))
    for notice in _notices(t, cancelled):
        if notice.state == "recorded":
            t.save_notice(replace(notice, state="stopped", reason=stop_reason(notice, None, cancelled, now)))
    return _tell_of_cancellation(t, cancelled, portfolio, now)


def remind(
    t: Transaction, maintenance_id: str, agreement_id: str, portfolio: Portfolio | None, topology: Topology, now: int
) -> None:
    """Tells those whom an agreement names that a planned work is near."""
    known = t.maintenance(maintenance_id)
    if known is None or known.state != "planned":
        return
    for agreement, services in _affected(known, portfolio, topology):
        if agreement.id == agreement_id:
            kind: NoticeKind = "maintenance_reminder"
            _record(t, _planned(kind, known, agreement, services, portfolio, now, occasion=kind))


def judge(t: Transaction, maintenance_id: str, portfolio: Portfolio | None, topology: Topology, now: int) -> None:
    """Decides for each agreement whether what was sent by now has earned the exclusion: grants what is earned and takes
    back what is not. What was decided once the window has begun stands. An announcement that was on its way when the
    work was cancelled is followed by the cancellation."""
    known = t.maintenance(maintenance_id)
    if known is None:
        return
    if known.state == "cancelled":
        _tell_of_cancellation(t, known, portfolio, now)
        return
    before = {a.agreement: a for a in t.announcements(known.id)}
    for decision in _decisions(t, known, portfolio, topology, before, now):
        last = before.get(decision.agreement)
        if last is None or last.decided_at < known.start:
            _grant(t, known, decision, now)
        elif not last.services and not decision.services:
            t.save_announcement(decision)  # as little earned as before, but the reason may be a better one


# -- who is told ----------------------------------------------------------------------------------------------------


def _catch_up_with(
    t: Transaction, work: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int
) -> list[Notice]:
    if work.state != "planned" or work.end <= now:
        return []
    announced = _announce(t, work, portfolio, topology, now)
    if announced or now < work.start:
        judge(t, work.id, portfolio, topology, now)
    return announced


def _announce(
    t: Transaction, work: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int
) -> list[Notice]:
    """Announces a work to whoever it hits and who was not told of it, and puts the reminders on the agenda."""
    earlier = [n for n in _notices(t, work) if n.kind == "maintenance"]
    announced: list[Notice] = []
    for agreement, services in _affected(work, portfolio, topology):
        known = [n for n in earlier if n.agreement == agreement.id]
        occasion = _occasion("maintenance", known)
        planned = _planned("maintenance", work, agreement, services, portfolio, now, occasion=occasion)
        announced += _record(t, _not_told(planned, known, work, services))
        promise = agreement.notices.maintenance
        if promise is not None and promise.reminder is not None and work.start - promise.reminder > now:
            t.schedule(_reminder(work, agreement, work.start - promise.reminder))
    return announced


def _not_told(
    planned: Iterable[Notice], known: Sequence[Notice], work: Maintenance, services: tuple[str, ...]
) -> Iterator[Notice]:
    """What is left to tell: the planned announcements without those that there are already, whatever came of them. A
    contact that was told under another role is not told again."""
    there = [n for n in known if n.payload is None or _tells(n, work, services)]
    roles = {(n.role, n.channel, n.address) for n in there}
    told_as = {(n.channel, n.address): n.role for n in reversed(there) if n.payload is not None}
    for notice in planned:
        if (notice.role, notice.channel, notice.address) in roles:
            continue
        role = told_as.get((notice.channel, notice.address))
        if role is not None and notice.state == "recorded":
            notice = replace(notice, state="stopped", reason=f"duplicate: the same contact is told as {role}")
        yield notice


def _tells(announcement: Notice, work: Maintenance, services: tuple[str, ...]) -> bool:
    data = (announcement.payload or {})["data"]
    return bool(data["maintenance"]["sequence"] == work.sequence) and set(services) <= set(data["services"])


def _tell_of_cancellation(t: Transaction, work: Maintenance, portfolio: Portfolio | None, now: int) -> list[Notice]:
    """Tells that a work is cancelled to those to whom its announcement was sent, each once. One who is no contact of
    the agreement any more is not written to again."""
    notices = _notices(t, work)
    informed: list[Notice] = []
    for agreement in portfolio.current(now) if portfolio is not None else ():
        own = [n for n in notices if n.agreement == agreement.id]
        announced = [n for n in own if n.kind == "maintenance" and n.state == "sent" and n.payload is not None]
        if not announced:
            continue
        known = [n for n in own if n.kind == "maintenance_cancelled"]
        waiting = {(n.channel, n.address) for n in announced} - {(n.channel, n.address) for n in known}
        services = tuple(dict.fromkeys(s for n in reversed(announced) for s in (n.payload or {})["data"]["services"]))
        occasion = _occasion("maintenance_cancelled", known)
        planned = _planned("maintenance_cancelled", work, agreement, services, portfolio, now, occasion=occasion)
        informed += _record(t, (n for n in planned if n.state == "recorded" and (n.channel, n.address) in waiting))
    return informed


def _occasion(kind: NoticeKind, known: Sequence[Notice]) -> str:
    """What tells the ids of later notices of a kind under an agreement from those that are there: theirs stay."""
    return f"{kind}-{len(known) + 1}" if known else kind


def _planned(
    kind: NoticeKind,
    work: Maintenance,
    agreement: Agreement,
    services: tuple[str, ...],
    portfolio: Portfolio | None,
    now: int,
    *,
    occasion: str,
) -> list[Notice]:
    customer, provider = _parties(agreement, portfolio)
    due_by = maintenance_promised_by(kind, work, agreement)
    return plan_maintenance_notices(
        kind, work, agreement, customer, provider, services, now, due_by=due_by, occasion=occasion
    )


def _record(t: Transaction, notices: Iterable[Notice]) -> list[Notice]:
    recorded = list(notices)
    for notice in recorded:
        t.save_notice(notice)
        if notice.state == "recorded":
            t.schedule(outbox_entry(notice))
    return recorded


def _reminder(work: Maintenance, agreement: Agreement, at: int) -> AgendaEntry:
    data = {"maintenance": work.id, "agreement": agreement.id}
    return AgendaEntry(f"{REMIND_MAINTENANCE}/{work.id}/{agreement.id}", REMIND_MAINTENANCE, at, data)


# -- what is earned -------------------------------------------------------------------------------------------------


def _decisions(
    t: Transaction,
    work: Maintenance,
    portfolio: Portfolio | None,
    topology: Topology,
    before: Mapping[str, Announcement],
    now: int,
) -> Iterator[Announcement]:
    """What each agreement that the work hits has earned; nothing where it hit one and does so no more."""
    notices = _notices(t, work)
    hit = set()
    for agreement, services in _affected(work, portfolio, topology):
        hit.add(agreement.id)
        own = told(n for n in notices if n.agreement == agreement.id)
        yield earned(work, agreement, services, _addresses(agreement, portfolio), own, now)
    for decision in before.values():
        if decision.agreement not in hit:
            yield _unearned(decision, "the work hits no service of the agreement any more", now)


def _grant(t: Transaction, work: Maintenance, decision: Announcement, now: int) -> None:
    t.save_announcement(decision)
    granted = exclusions(work, decision, now)
    for name, exclusion in t.exclusions_earned(work.id).items():
        if exclusion.agreement == decision.agreement and name not in granted:
            t.revoke_exclusion(name, now, f"maintenance {work.id}")
    for name, exclusion in granted.items():
        t.add_exclusion(name, exclusion, work.id)


def _unearned(decision: Announcement, reason: str, now: int) -> Announcement:
    return replace(decision, earned=False, services=(), reason=reason, decided_at=now)


# -- whom it is about -----------------------------------------------------------------------------------------------


def _affected(
    work: Maintenance, portfolio: Portfolio | None, topology: Topology
) -> Sequence[tuple[Agreement, tuple[str, ...]]]:
    """Those that the work hits. What it leaves without redundancy stands: nobody is told of an outage, and none is
    excluded."""
    if portfolio is None:
        return ()
    return affected(work, portfolio, topology.hit_during(work.services, work.start, work.end).hit)


def _parties(agreement: Agreement, portfolio: Portfolio | None) -> tuple[Party | None, Party | None]:
    """(customer, provider), as far as the portfolio describes them."""
    if portfolio is None:
        return None, None
    return next((c for c in portfolio.customers if c.id == agreement.customer), None), portfolio.provider


def _addresses(agreement: Agreement, portfolio: Portfolio | None) -> dict[str, list[str]]:
    """The addresses of each role that the agreement wants told of planned work."""
    customer, provider = _parties(agreement, portfolio)
    promise = agreement.notices.maintenance
    return {
        role: [contact.place[1] for contact in contacts_of(role, customer, provider)]
        for role in (promise.to if promise is not None else ())
    }


def _notices(t: Transaction, work: Maintenance) -> Sequence[Notice]:
    return t.notices(maintenance_id=work.id, limit=EVERY_NOTICE)
