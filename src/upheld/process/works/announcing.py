"""Planned maintenance through the store: announced to whom it hits, changed, cancelled, and reminded of."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from upheld.agreements.intervals import minus
from upheld.agreements.model import Agreement, Portfolio
from upheld.analysis.topology import Topology
from upheld.maintenance.model import GRACE, Maintenance, Window
from upheld.notices.model import ANNOUNCING, Notice, NoticeKind
from upheld.notices.planning import WorkLink, maintenance_promised_by, plan_maintenance_notices
from upheld.notices.stages import stop_reason
from upheld.notices.word_of_works import NOTHING_EARLIER, Earlier, as_told, whom
from upheld.outgoing.happened import of_maintenance
from upheld.ports import AgendaEntry, Transaction
from upheld.process.telling.reactions import outbox_entry
from upheld.process.works.earned_windows import EVERY_NOTICE, Parties, by_agreement, decide, hit_by, settle, take_back

JUDGE, REMIND_MAINTENANCE = "judge_maintenance", "remind_of_maintenance"
FOLLOW = "follow_maintenance"


def plan(
    t: Transaction, maintenance: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int, link: WorkLink
) -> list[Notice]:
    """Keeps a new work, records its announcements and puts them, the reminders and the final judgement on the agenda.
    Returns the announcements; those of a work that is already there are as they were, and whoever ought to have been
    told since is told now."""
    known = t.maintenance(maintenance.id)
    if known is not None:
        earlier = [n for n in _notices(t, known) if n.kind == "maintenance"]
        return [*earlier, *_catch_up_with(t, known, portfolio, topology, now, link)]
    t.save_maintenance(maintenance)
    t.add_outgoing([of_maintenance(maintenance, "announced", now)])
    announced = _announce(t, maintenance, portfolio, topology, now, link)
    _judge_at_each_start(t, maintenance, now)
    _follow(t, maintenance, now)
    decide(t, maintenance, portfolio, topology, now)
    return announced


def change(
    t: Transaction, wanted: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int, link: WorkLink
) -> list[Notice]:
    """Changes a planned work to what `wanted` says of it: title, description, windows and services (its state, sequence
    and `planned_at` stay the work's own). Whoever had been told what is not so any more is told what it was and what it
    is; whoever is newly hit has it announced; whoever it does not hit any more is told so. What was not sent yet is
    stopped, reminders are moved, and what is earned is judged anew (`maintenance.earning`): only what was decided of
    windows that have begun stands. Objections to windows that are not any more lapse. Returns the notices. The same
    again changes nothing, and who approved it alone is no news to a customer. Raises KeyError for an unknown work, and
    ValueError for one that is cancelled."""
    known = t.maintenance(wanted.id)
    if known is None:
        raise KeyError(wanted.id)
    if known.state == "cancelled":
        raise ValueError("the work was cancelled: plan a new one")
    work = replace(
        wanted,
        state=known.state,
        sequence=known.sequence,
        planned_at=known.planned_at,
        started_at=known.started_at,
        ended_at=known.ended_at,
        overrun_at=None if wanted.end > now else known.overrun_at,
    )
    if replace(work, approved_by=known.approved_by) == known:
        t.save_maintenance(work)
        return []
    work = replace(work, sequence=known.sequence + 1)
    settle(t, known, now)
    t.save_maintenance(work)
    t.add_outgoing([of_maintenance(work, "changed", now)])
    _stop_unsent(t, work, now)
    if work.spans != known.spans:
        t.lapse_objections(work.id)
    told = [*_announce(t, work, portfolio, topology, now, link), *_release(t, work, portfolio, topology, now)]
    _judge_at_each_start(t, work, now, before=known)
    _follow(t, work, now)
    decide(t, work, portfolio, topology, now)
    return told


def catch_up(t: Transaction, portfolio: Portfolio | None, topology: Topology, now: int, link: WorkLink) -> list[Notice]:
    """Brings every planned work that is not over up to a portfolio that has just been adopted: whoever a work hits now
    and was not told of it is told, and what was earned is judged anew where the window has not begun. Done again, it
    does nothing. Returns the announcements that it added."""
    works = t.maintenances(ending_after=now)
    return [n for work in works for n in _catch_up_with(t, work, portfolio, topology, now, link)]


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
    take_back(t, cancelled, "the work was cancelled", now)
    _stop_unsent(t, cancelled, now)
    t.lapse_objections(cancelled.id)
    return _tell_of_cancellation(t, cancelled, portfolio, now)


def remind(
    t: Transaction,
    maintenance_id: str,
    agreement_id: str,
    sequence: int,
    start: int,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
) -> None:
    """Tells those whom an agreement names, once, that the window of a planned work that begins at `start` is near;
    nobody where it has begun, the work is over, or it was changed since (`sequence` is that of the work when the
    reminder was put on the agenda)."""
    known = t.maintenance(maintenance_id)
    if known is None or known.state != "planned" or known.sequence != sequence or known.ended_at is not None:
        return
    number, window = next(((n, one) for n, one in enumerate(known.spans, 1) if one[0] == start), (0, None))
    if window is None or start <= now:
        return
    kind: NoticeKind = "maintenance_reminder"
    occasion = kind if (sequence, number) == (0, 1) else f"{kind}-{sequence}-{number}"
    there = {n.id for n in _notices(t, known, agreement_id)}
    for agreement, services in hit_by(known, portfolio, topology, agreement_id):
        planned = notices_for(
            kind, known, agreement, services, Parties(portfolio), now, occasion=occasion, window=window
        )
        record(t, [notice for notice in planned if notice.id not in there])


def judge(
    t: Transaction,
    maintenance_id: str,
    portfolio: Portfolio | None,
    topology: Topology,
    now: int,
    agreement: str | None = None,
) -> None:
    """Decides for each agreement, or for one, what was earned by now (`earned_windows.decide`). An announcement that
    was on its way when the work was cancelled is followed by the cancellation."""
    known = t.maintenance(maintenance_id)
    if known is None:
        return
    if known.state == "cancelled":
        _tell_of_cancellation(t, known, portfolio, now)
    else:
        decide(t, known, portfolio, topology, now, agreement)


# -- who is told ----------------------------------------------------------------------------------------------------


def _catch_up_with(
    t: Transaction, work: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int, link: WorkLink
) -> list[Notice]:
    if work.state != "planned" or work.end <= now:
        return []
    announced = _announce(t, work, portfolio, topology, now, link)
    if announced or now < work.spans[-1][0]:
        decide(t, work, portfolio, topology, now)
    return announced


def _announce(
    t: Transaction, work: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int, link: WorkLink
) -> list[Notice]:
    """Announces a work to whoever it hits and who was not told of it, or not as it is now, and puts the reminders on
    the agenda."""
    earlier, parties = by_agreement(_notices(t, work)), Parties(portfolio)
    announced: list[Notice] = []
    for agreement, services in hit_by(work, portfolio, topology):
        own = [n for n in earlier.get(agreement.id, ()) if n.kind in ANNOUNCING]
        announced += _announcements(work, agreement, services, own, parties, now, link)
        promise = agreement.notices.maintenance
        if promise is not None and promise.reminder is not None:
            due = [(start, start - promise.reminder) for start, _ in work.spans]
            for start, at in due:
                if at > now:
                    t.schedule(_reminder(work, agreement, start, at))
    return record(t, announced)


def _announcements(
    work: Maintenance,
    agreement: Agreement,
    services: tuple[str, ...],
    own: Sequence[Notice],
    parties: Parties,
    now: int,
    link: WorkLink,
) -> Iterator[Notice]:
    """What is to be told under an agreement, beside its notices `own` that announced, changed or cancelled it."""
    announced = [n for n in own if n.kind != "maintenance_cancelled"]
    known = [n for n in announced if n.payload is None or _tells(n, work, services)]
    was = {
        contact: as_told(notice)
        for contact, notice in _last_told(own).items()
        if notice.kind != "maintenance_cancelled" and as_told(notice).sequence < work.sequence
    }
    known += [n for n in _last_told(own).values() if n in announced and as_told(n).holds_of(work, services)]
    changed = Earlier(occasion_of("maintenance_changed", [n for n in own if n.kind == "maintenance_changed"]), was)
    occasion = occasion_of("maintenance", [n for n in own if n.kind == "maintenance"])
    planned = notices_for(
        "maintenance", work, agreement, services, parties, now, occasion=occasion, earlier=changed, link=link
    )
    yield from _not_told(planned, known)


def _not_told(planned: Iterable[Notice], there: Sequence[Notice]) -> Iterator[Notice]:
    """What is left to tell: the planned announcements without those that there are already, whatever came of them. A
    contact that was told under another role is not told again."""
    roles = {(n.role, whom(n)) for n in there}
    told_as = {whom(n): n.role for n in reversed(there) if n.payload is not None}
    for notice in planned:
        if (notice.role, whom(notice)) in roles:
            continue
        role = told_as.get(whom(notice))
        if role is not None and notice.state == "recorded":
            notice = replace(notice, state="stopped", reason=f"duplicate: the same contact is told as {role}")
        yield notice


def _tells(announcement: Notice, work: Maintenance, services: tuple[str, ...]) -> bool:
    said = as_told(announcement)
    return said.sequence == work.sequence and set(services) <= set(said.services)


def _last_told(notices: Iterable[Notice]) -> Mapping[str, Notice]:
    """By contact (`whom`) the last word of a work that was sent: of the newest planning, and of that the last."""
    sent = [n for n in notices if n.kind in ANNOUNCING and n.state == "sent" and n.payload is not None]
    return {whom(n): n for n in sorted(sent, key=lambda n: (as_told(n).sequence, n.recorded_at))}


def _release(
    t: Transaction, work: Maintenance, portfolio: Portfolio | None, topology: Topology, now: int
) -> list[Notice]:
    """Tells those who expect a work, and whom it does not hit any more, that it is none of theirs."""
    hit = {agreement.id for agreement, _ in hit_by(work, portfolio, topology)}
    return _call_off(t, work, portfolio, now, lambda agreement: agreement.id not in hit, released=True)


def _tell_of_cancellation(t: Transaction, work: Maintenance, portfolio: Portfolio | None, now: int) -> list[Notice]:
    """Tells that a work is cancelled to those to whom its announcement was sent, each once."""
    return _call_off(t, work, portfolio, now, lambda agreement: True, released=False)


def _call_off(
    t: Transaction,
    work: Maintenance,
    portfolio: Portfolio | None,
    now: int,
    concerns: Callable[[Agreement], bool],
    released: bool,
) -> list[Notice]:
    """Tells whoever expects a work that it is off for them, each once. One who is no contact of the agreement any more
    is not written to again."""
    notices, parties = by_agreement(_notices(t, work)), Parties(portfolio)
    informed: list[Notice] = []
    for agreement in portfolio.current(now) if portfolio is not None else ():
        own = [n for n in notices.get(agreement.id, ()) if n.kind in ANNOUNCING]
        off = [n for n in own if n.kind == "maintenance_cancelled"]
        at_work = {whom(n) for n in off if n.payload is not None and as_told(n).sequence == work.sequence}
        expected = [n for contact, n in _last_told(own).items() if n not in off and contact not in at_work]
        if not expected or not concerns(agreement):
            continue
        services = tuple(dict.fromkeys(s for n in expected for s in as_told(n).services))
        told_of = as_told(expected[-1])
        start, end = told_of.windows[0][0], told_of.windows[-1][1]
        was = replace(work, state="cancelled", title=told_of.title, start=start, end=end, windows=told_of.windows)
        occasion = occasion_of("maintenance_cancelled", off)
        kind: NoticeKind = "maintenance_cancelled"
        planned = notices_for(kind, was, agreement, services, parties, now, occasion=occasion, released=released)
        waiting = {whom(n) for n in expected}
        informed += record(t, (n for n in planned if n.state == "recorded" and whom(n) in waiting))
    return informed


def _stop_unsent(t: Transaction, work: Maintenance, now: int) -> None:
    for notice in _notices(t, work):
        if notice.state == "recorded":
            reason = stop_reason(notice, None, work, now) or "past its point: the work is told of anew"
            t.save_notice(replace(notice, state="stopped", reason=reason))


def occasion_of(kind: NoticeKind, known: Sequence[Notice]) -> str:
    """What tells the ids of later notices of a kind under an agreement from those that are there: theirs stay."""
    return f"{kind}-{len(known) + 1}" if known else kind


def notices_for(
    kind: NoticeKind,
    work: Maintenance,
    agreement: Agreement,
    services: tuple[str, ...],
    parties: Parties,
    now: int,
    *,
    occasion: str,
    earlier: Earlier = NOTHING_EARLIER,
    released: bool = False,
    roles: Sequence[str] | None = None,
    link: WorkLink | None = None,
    window: Window | None = None,
) -> list[Notice]:
    """The notices of a kind under one agreement that is hit, to whom it names, or to these `roles`. A reminder is of
    one `window`."""
    due_by = maintenance_promised_by(kind, work, agreement, window)
    return plan_maintenance_notices(
        kind,
        work,
        agreement,
        *parties.of(agreement),
        services,
        now,
        due_by=due_by,
        occasion=occasion,
        earlier=earlier,
        released=released,
        roles=roles,
        link=link,
        window=window,
    )


def record(t: Transaction, notices: Iterable[Notice]) -> list[Notice]:
    """Records notices, and puts those that are to be sent on the agenda."""
    recorded = list(notices)
    t.save_notices(recorded)
    for notice in recorded:
        if notice.state == "recorded":
            t.schedule(outbox_entry(notice))
    return recorded


def _reminder(work: Maintenance, agreement: Agreement, start: int, at: int) -> AgendaEntry:
    data = {"maintenance": work.id, "agreement": agreement.id, "sequence": work.sequence, "start": start}
    name = f"{REMIND_MAINTENANCE}/{work.id}/{work.sequence}/{agreement.id}/{start}"
    return AgendaEntry(name, REMIND_MAINTENANCE, at, data)


def _judge_at_each_start(t: Transaction, work: Maintenance, now: int, before: Maintenance | None = None) -> None:
    """What was earned is decided for good once a window begins, or what was added to one."""
    for start, _ in minus(work.spans, () if before is None else before.spans):
        name = f"{JUDGE}/{work.id}/{work.sequence}/{start}"
        t.schedule(AgendaEntry(name, JUDGE, max(start, now), {"maintenance": work.id}))


def _follow(t: Transaction, work: Maintenance, now: int) -> None:
    """That it starts, and that it is over, are looked at when they ought to be (`work_life.by_the_clock`)."""
    for turn, at in (("started", work.start), ("over", work.end + GRACE)):
        data = {"maintenance": work.id, "turn": turn, "sequence": work.sequence}
        t.schedule(AgendaEntry(f"{FOLLOW}/{work.id}/{work.sequence}/{turn}", FOLLOW, max(at, now), data))


def _notices(t: Transaction, work: Maintenance, agreement: str | None = None) -> Sequence[Notice]:
    return t.notices(maintenance_id=work.id, agreement=agreement, limit=EVERY_NOTICE)
