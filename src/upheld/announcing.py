"""Planned maintenance through the store: announced to whom it hits, judged by the agreement, excluded where earned."""

from collections.abc import Iterable
from dataclasses import replace

from upheld.agreements.model import Agreement, Party, Portfolio
from upheld.maintenance.earning import earned
from upheld.maintenance.exclusion import exclusion_id, exclusions
from upheld.maintenance.impact import affected
from upheld.maintenance.model import Maintenance
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import maintenance_promised_by, plan_maintenance_notices, told
from upheld.ports import AgendaEntry, Transaction
from upheld.reactions import outbox_entry

JUDGE, REMIND_MAINTENANCE = "judge_maintenance", "remind_of_maintenance"


def plan(t: Transaction, maintenance: Maintenance, portfolio: Portfolio | None, now: int) -> list[Notice]:
    """Keeps a new work, records its announcements and puts them, the reminders and the final judgement on the agenda.
    Returns the announcements; those of a work that is already there are as they were."""
    known = t.maintenance(maintenance.id)
    if known is not None:
        return [n for n in t.notices(maintenance_id=maintenance.id) if n.kind == "maintenance"]
    t.save_maintenance(maintenance)
    announced: list[Notice] = []
    for agreement, services in _affected(maintenance, portfolio):
        promise = agreement.notices.maintenance
        announced += _tell(t, "maintenance", maintenance, agreement, services, portfolio, now)
        if promise is not None and promise.reminder is not None and maintenance.start - promise.reminder > now:
            t.schedule(_reminder(maintenance, agreement, maintenance.start - promise.reminder))
    t.schedule(AgendaEntry(f"{JUDGE}/{maintenance.id}", JUDGE, maintenance.start, {"maintenance": maintenance.id}))
    judge(t, maintenance.id, portfolio, now)
    return announced


def cancel(t: Transaction, maintenance_id: str, portfolio: Portfolio | None, now: int) -> list[Notice]:
    """Cancels a work: takes back its exclusions and tells whom it had been announced to. Raises KeyError."""
    known = t.maintenance(maintenance_id)
    if known is None:
        raise KeyError(maintenance_id)
    if known.state == "cancelled":
        return []
    cancelled = replace(known, state="cancelled", sequence=known.sequence + 1)
    t.save_maintenance(cancelled)
    informed: list[Notice] = []
    for agreement, services in _affected(known, portfolio):
        for service in services:
            t.revoke_exclusion(exclusion_id(known, agreement.id, service), now)
        informed += _tell(t, "maintenance_cancelled", cancelled, agreement, services, portfolio, now)
    return informed


def remind(t: Transaction, maintenance_id: str, agreement_id: str, portfolio: Portfolio | None, now: int) -> None:
    """Tells those whom an agreement names that a planned work is near."""
    known = t.maintenance(maintenance_id)
    if known is None or known.state != "planned":
        return
    for agreement, services in _affected(known, portfolio):
        if agreement.id == agreement_id:
            _tell(t, "maintenance_reminder", known, agreement, services, portfolio, now)


def judge(t: Transaction, maintenance_id: str, portfolio: Portfolio | None, now: int) -> None:
    """Decides for each agreement whether what was sent by now has earned the exclusion, and grants it if so."""
    known = t.maintenance(maintenance_id)
    if known is None or known.state != "planned":
        return
    notices = t.notices(maintenance_id=maintenance_id, limit=100_000)
    for agreement, services in _affected(known, portfolio):
        announcement = earned(known, agreement, services, told(n for n in notices if n.agreement == agreement.id), now)
        t.save_announcement(announcement)
        for name, exclusion in exclusions(known, announcement, services, now).items():
            t.add_exclusion(name, exclusion)


def _affected(maintenance: Maintenance, portfolio: Portfolio | None) -> Iterable[tuple[Agreement, tuple[str, ...]]]:
    return () if portfolio is None else affected(maintenance, portfolio)


def _tell(
    t: Transaction,
    kind: NoticeKind,
    maintenance: Maintenance,
    agreement: Agreement,
    services: tuple[str, ...],
    portfolio: Portfolio | None,
    now: int,
) -> list[Notice]:
    customer: Party | None = None
    if portfolio is not None:
        customer = next((c for c in portfolio.customers if c.id == agreement.customer), None)
    provider = portfolio.provider if portfolio is not None else None
    due_by = maintenance_promised_by(kind, maintenance, agreement)
    notices = plan_maintenance_notices(
        kind, maintenance, agreement, customer, provider, services, now, due_by=due_by, occasion=kind
    )
    for notice in notices:
        t.save_notice(notice)
        if notice.state == "recorded":
            t.schedule(outbox_entry(notice))
    return notices


def _reminder(maintenance: Maintenance, agreement: Agreement, at: int) -> AgendaEntry:
    data = {"maintenance": maintenance.id, "agreement": agreement.id}
    return AgendaEntry(f"{REMIND_MAINTENANCE}/{maintenance.id}/{agreement.id}", REMIND_MAINTENANCE, at, data)
