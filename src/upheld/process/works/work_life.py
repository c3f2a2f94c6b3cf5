"""The life of a planned work, through the store: that it has started, that it is over, that it runs over its window."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.notice_terms import MaintenanceNotice
from upheld.agreements.units import format_instant
from upheld.analysis.topology import Topology
from upheld.maintenance.model import Maintenance
from upheld.notices.model import Notice, NoticeKind
from upheld.outgoing.happened import of_maintenance
from upheld.ports import Transaction
from upheld.process.works.announcing import notices_for, occasion_of, record
from upheld.process.works.earned_windows import EVERY_NOTICE, Parties, by_agreement, decide, hit_by

Turn = Literal["started", "over", "overrun"]
TURNS: tuple[Turn, ...] = get_args(Turn)
PROVIDER_ROLE = "account-manager"
"""The provider's role that is warned of a work that runs over."""
_KINDS: Mapping[Turn, NoticeKind] = {
    "started": "maintenance_started",
    "over": "maintenance_over",
    "overrun": "maintenance_overrun",
}


class OutOfTurn(ValueError):
    """What is said of a work cannot be, or not any more."""


def say(
    t: Transaction,
    work_id: str,
    turn: Turn,
    at: int,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
) -> list[Notice]:
    """Takes in that a work has started, is over, or runs over its window, since `at`, and tells whom an agreement
    wants told: an overrun always, with a warning to the provider. Minutes after the end of a work that is over early
    count again. Said again it changes nothing. Returns the notices. Raises KeyError, and OutOfTurn where it cannot
    be."""
    work = t.maintenance(work_id)
    if work is None:
        raise KeyError(work_id)
    if _is_known(work, turn):
        return []
    if (fault := turn_fault(work, turn, at, now)) is not None:
        raise OutOfTurn(fault)
    work = _turned(work, turn, at)
    t.save_maintenance(work)
    t.add_outgoing([of_maintenance(work, turn, now)])
    told = _tell(t, work, turn, portfolio, topology, now)
    if turn == "over" and at < work.end:
        decide(t, work, portfolio, topology, now)
    return told


def by_the_clock(
    t: Transaction,
    work_id: str,
    turn: Turn,
    sequence: int,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
) -> list[Notice]:
    """What is so of itself, unless somebody has said otherwise, or the work was changed since: it starts at its
    announced start, and is over at its announced end."""
    work = t.maintenance(work_id)
    if work is None or work.sequence != sequence or work.state == "cancelled" or work.overrun_at is not None:
        return []
    at = work.start if turn == "started" else work.end
    return [] if turn_fault(work, turn, at, now) else say(t, work_id, turn, at, portfolio, topology, now)


def turn_fault(work: Maintenance, turn: Turn, at: int, now: int) -> str | None:
    """Why that cannot be said of a work; None where it can."""
    begun = work.started_at if work.started_at is not None else min(work.start, at)
    if work.state == "cancelled":
        return "the work was cancelled"
    if work.ended_at is not None:
        return f"the work is over since {format_instant(work.ended_at)}"
    if at > now:
        return f"{format_instant(at)} is still to come"
    if turn == "started" and at >= work.end:
        return "the window is over"
    if turn == "over" and (at < begun or at < work.start):
        return "the work had not begun: cancel it, or change its window"
    if turn == "overrun" and not work.interrupts:
        return "a service that ends does not run over its window"
    if turn == "overrun" and now < work.end:
        return "the window is not over: extend it"
    return None


def _is_known(work: Maintenance, turn: Turn) -> bool:
    known = {"started": work.started_at, "over": work.ended_at, "overrun": work.overrun_at}
    return known[turn] is not None


def _turned(work: Maintenance, turn: Turn, at: int) -> Maintenance:
    if turn == "started":
        return replace(work, started_at=at)
    return replace(work, ended_at=at) if turn == "over" else replace(work, overrun_at=max(at, work.end))


def _tell(
    t: Transaction, work: Maintenance, turn: Turn, portfolio: Portfolio | None, topology: Topology, now: int
) -> list[Notice]:
    earlier = by_agreement(t.notices(maintenance_id=work.id, limit=EVERY_NOTICE))
    kind, parties = _KINDS[turn], Parties(portfolio)
    told: list[Notice] = []
    warned = False
    for agreement, services in hit_by(work, portfolio, topology) if work.interrupts else ():
        own = earlier.get(agreement.id, [])
        roles = _roles(agreement, work.emergency, turn, own)
        if turn == "overrun" and not warned and parties.of(agreement)[1] is not None:
            roles, warned = (*roles, PROVIDER_ROLE), True  # once, however many agreements there are
        occasion = occasion_of(kind, [n for n in own if n.kind == kind])
        told += record(t, notices_for(kind, work, agreement, services, parties, now, occasion=occasion, roles=roles))
    return told


def _roles(agreement: Agreement, emergency: bool, turn: Turn, own: list[Notice]) -> tuple[str, ...]:
    promise = agreement.notices.maintenance
    if promise is None or not _is_wanted(promise, turn, own):
        return ()
    return tuple(dict.fromkeys(promise.terms_for(emergency).to))


def _is_wanted(promise: MaintenanceNotice, turn: Turn, own: list[Notice]) -> bool:
    """Who was told that a work runs over hears of its end too."""
    if turn == "started":
        return promise.started
    return turn == "overrun" or promise.over or any(n.kind == "maintenance_overrun" for n in own)
