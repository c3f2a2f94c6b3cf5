"""What customers say against the windows of planned works, through the store: taken in, told to the provider, and
answered. Instants in microseconds UTC."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.notice_terms import ANSWER_WITHIN
from upheld.agreements.parties import CUSTOMER
from upheld.agreements.units import DAY
from upheld.analysis.topology import Topology
from upheld.maintenance.model import Maintenance, Window
from upheld.maintenance.objection import (
    LONGEST_WORDS,
    Objection,
    moved,
    objection_id,
    same_words,
    wish_fault,
)
from upheld.maintenance.window import change_fault
from upheld.notices.model import Notice
from upheld.notices.objections import GATHER, plan_answer, plan_objections
from upheld.notices.planning import WorkLink
from upheld.notices.word_of_works import as_told, whom
from upheld.outgoing.happened import of_objection
from upheld.ports import AgendaEntry, Transaction
from upheld.process.works.announcing import change, record
from upheld.process.works.earned_windows import Parties, hit_by

TELL_OBJECTIONS = "tell_objections"
TOLD_AT_ONCE = 1_000
"""Objections that one notice counts at most."""
EVERY_OBJECTION = 1_000_000
AHEAD = 28 * DAY
"""Over so long a time a window is looked for that may be asked for instead."""

Standing = Literal["open", "objected", "agreed", "declined", "changed", "cancelled", "begun", "released"]
"""How an announcement stands: to be answered; its contact has objected, and that is agreed, declined or not answered
yet; or why it cannot be answered any more (`released`: the work hits nothing under the agreement)."""


class Refused(ValueError):
    """What is said cannot be taken. `field` is what is wrong with it; None where nothing of the kind can be said."""

    def __init__(self, field: str | None, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


@dataclass(frozen=True, slots=True)
class Asked:
    """What the contact of an announcement is asked about: the work as it is, the services of the agreement that it
    hits, and what the contact has said."""

    notice: Notice
    work: Maintenance
    agreement: Agreement | None
    services: tuple[str, ...]
    objection: Objection | None
    standing: Standing


def look(
    t: Transaction,
    notice_id: str,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
    *,
    changing: bool = False,
) -> Asked | None:
    """What an announcement asks of its contact, and how that stands; None where it is no announcement to a customer.
    `changing`: nobody else changes what the contact has said until the transaction has ended."""
    notice = t.notice(notice_id)
    if notice is None or notice.kind not in ("maintenance", "maintenance_changed") or notice.payload is None:
        return None
    if notice.maintenance_id is None or notice.agreement is None or not notice.role.startswith(CUSTOMER):
        return None
    windows = as_told(notice).windows
    said = objection_id(notice.maintenance_id, notice.agreement, whom(notice), windows)
    objection = t.objection(said, changing=changing)  # before the work: whoever answers changes that afterwards
    work = t.maintenance(notice.maintenance_id)
    if work is None:
        return None
    hit = hit_by(work, portfolio, topology, notice.agreement)
    agreement, services = hit[0] if hit else (None, ())
    return Asked(notice, work, agreement, services, objection, _standing(work, windows, services, objection, now))


def _standing(
    work: Maintenance, windows: Sequence[Window], services: Sequence[str], objection: Objection | None, now: int
) -> Standing:
    if work.state == "cancelled":
        return "cancelled"
    if objection is not None and objection.agreed is not None and objection.agreed == (work.start, work.end):
        return "agreed"
    if work.spans != tuple(windows):
        return "changed"
    if not services:
        return "released"
    if objection is not None and objection.state == "declined":
        return "declined"
    if work.start <= now or work.started_at is not None:
        return "begun"
    return "objected" if objection is not None and objection.state == "open" else "open"


def object_to(t: Transaction, asked: Asked, wish: Window | None, reason: str, now: int) -> Objection:
    """Takes in that the contact objects, with the wish of another window or without. The same again changes nothing;
    said otherwise, it takes the place of what was said, until it is answered. Raises Refused."""
    if asked.standing not in ("open", "objected"):
        raise Refused(None, "the window can no longer be objected to")
    if wish is None and not reason:
        raise Refused("reason", "say why, or ask for another time")
    if len(reason) > LONGEST_WORDS:
        raise Refused("reason", f"has at most {LONGEST_WORDS} characters")
    if wish is not None and (fault := wish_fault(asked.work, wish, now)) is not None:
        raise Refused(*fault)
    said = _said(asked, wish, reason, now)
    if same_words(asked.objection, said):
        assert asked.objection is not None, "what is said already is an objection"
        return asked.objection
    t.save_objection(said)
    t.add_outgoing([of_objection(said, "objected", now)])
    _tell_later(t, said.maintenance_id, f"{said.id}/{now}", now)
    return said


def _said(asked: Asked, wish: Window | None, reason: str, now: int) -> Objection:
    assert asked.agreement is not None, "who is hit has an agreement"
    work, notice = asked.work, asked.notice
    contact = whom(notice)
    first = asked.objection.at if asked.objection is not None and asked.objection.state == "open" else now
    return Objection(
        id=objection_id(work.id, asked.agreement.id, contact, work.spans),
        maintenance_id=work.id,
        agreement=asked.agreement.id,
        customer=asked.agreement.customer,
        role=notice.role,
        contact=contact,
        notice=notice.id,
        windows=work.spans,
        at=first,
        answer_by=min(first + answer_within(asked.agreement), work.start),
        wish=wish,
        reason=reason,
        said_at=now,
    )


def answer_within(agreement: Agreement) -> int:
    """How soon whoever objects under an agreement is answered (microseconds)."""
    promise = agreement.notices.maintenance
    return ANSWER_WITHIN if promise is None else promise.answer_within


def tell(t: Transaction, maintenance_id: str, portfolio: Portfolio | None, now: int) -> list[Notice]:
    """Tells the provider of objections to a work that it was not told of; returns the notices."""
    work, waiting = t.maintenance(maintenance_id), t.objections_to_tell(maintenance_id, TOLD_AT_ONCE)
    if work is None or not waiting:
        return []
    customers = {} if portfolio is None else {party.id: party for party in portfolio.customers}
    provider = None if portfolio is None else portfolio.provider
    for objection in waiting:
        t.save_objection(replace(objection, told_at=now))
    if len(waiting) == TOLD_AT_ONCE:
        _tell_later(t, maintenance_id, str(now), now)
    return record(t, plan_objections(waiting, work, customers, provider, now))


def _tell_later(t: Transaction, maintenance_id: str, occasion: str, now: int) -> None:
    name = f"{TELL_OBJECTIONS}/{maintenance_id}/{occasion}"
    t.schedule(AgendaEntry(name, TELL_OBJECTIONS, now + GATHER, {"maintenance": maintenance_id}))


def decline(
    t: Transaction, objection: Objection, words: str, by: str, portfolio: Portfolio | None, topology: Topology, now: int
) -> Objection:
    """Leaves the work as it is, and tells the contact why. Raises Refused."""
    work = _answerable(t, objection)
    if not words or len(words) > LONGEST_WORDS:
        raise Refused("answer", f"say why, in at most {LONGEST_WORDS} characters")
    return _answered(t, replace(objection, state="declined"), work, words, by, portfolio, topology, now)


def agree(
    t: Transaction,
    objection: Objection,
    window: Window,
    words: str,
    by: str,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
    link: WorkLink,
) -> Objection:
    """Moves the work to a window, approved by whoever agrees (`announcing.change`: all whom it hits are told, and lead
    times are judged from then), and tells the contact, and others who asked for that very window. Raises Refused."""
    work = _answerable(t, objection)
    if len(words) > LONGEST_WORDS:
        raise Refused("answer", f"has at most {LONGEST_WORDS} characters")
    wanted = replace(moved(work, window), approved_by=by)
    if wanted.spans == work.spans:
        raise Refused("start", "this is the window as it is")
    if (fault := change_fault(work, wanted, now)) is not None:
        raise Refused(*fault)
    alike = [one.id for one in t.objections(work.id, "open", EVERY_OBJECTION) if one.wish == window]
    others = (t.objection(one, changing=True) for one in alike if one != objection.id)
    found = (objection, *(one for one in others if one is not None and one.state == "open"))
    pleased = [replace(one, state="agreed", agreed=window, agreed_in=work.sequence + 1) for one in found]
    for one in pleased:  # before the change lets what is open lapse
        t.save_objection(one)
    change(t, wanted, portfolio, topology, now, link)
    changed = t.maintenance(work.id)
    assert changed is not None, "a work that was changed is gone"
    answered = [_answered(t, one, changed, words, by, portfolio, topology, now) for one in pleased]
    return answered[0]


def _answerable(t: Transaction, objection: Objection) -> Maintenance:
    """The work that an open objection is about. Raises Refused."""
    if objection.state != "open":
        became = "lapsed: the work has changed" if objection.state == "lapsed" else f"answered: {objection.state}"
        raise Refused(None, f"the objection is {became}")
    work = t.maintenance(objection.maintenance_id)
    assert work is not None, "an objection to a work that is not there"
    return work


def _answered(
    t: Transaction,
    objection: Objection,
    work: Maintenance,
    words: str,
    by: str,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
) -> Objection:
    objection = replace(objection, answered_at=now, answered_by=by, answer=words)
    t.save_objection(objection)
    t.add_outgoing([of_objection(objection, "objection_answered", now)])
    for agreement, services in hit_by(work, portfolio, topology, objection.agreement):
        parties = Parties(portfolio).of(agreement)
        record(t, plan_answer(objection, work, agreement, *parties, services, now))
    return objection
