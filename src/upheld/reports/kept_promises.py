"""How the promises of handling were kept in one case: its customer told, kept informed and asked, its service mended.
Pure; instants and durations in microseconds (UTC)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import Notice as Terms
from upheld.agreements.parties import CUSTOMER
from upheld.cases.clocks import fixed_by
from upheld.cases.model import Case, Event
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import case_roles

What = Literal["told", "updated", "fixed", "asked"]
Standing = Literal["kept", "missed", "runs", "not promised", "not sent", "taken back"]
"""`not sent`: there was nobody to be told, or it was told otherwise; `taken back`: the case ended before it was due."""
_BEGINS: Mapping[NoticeKind, tuple[str, ...]] = {
    "degradation": ("opened",),
    "violation": ("opened", "worsened", "violated_again"),
    "restoration": ("restored",),
}
"""The events that are to be told, by the kind of notice."""
_BAD, _GOOD = ("opened", "reopened", "broke_again"), ("restored", "closed", "withdrawn", "resumed")


@dataclass(frozen=True, slots=True)
class Held:
    """A promise, and what became of it. `kind` is of what was to be told; `within` what was promised (None: nothing),
    and `due` until when that was. `took`: how long it took; of updates, the longest that the customer waited for one.
    `after_no`: it counts from a customer's no."""

    what: What
    standing: Standing
    took: int | None = None
    within: int | None = None
    due: int | None = None
    kind: NoticeKind | None = None
    after_no: bool = False


def promises_kept(
    case: Case, events: Sequence[Event], notices: Sequence[Notice], agreement: Agreement, now: int
) -> list[Held]:
    """All four promises to the customer of a case, as things stand at `now`; each at least once, also where the
    agreement promises nothing of the kind."""
    heard = [n for n in notices if n.role.startswith(CUSTOMER) and n.state != "stopped"]
    return [
        *_told(case, events, heard, agreement, now),
        _updated(case, events, heard, agreement, now),
        *_fixed(case, events, agreement, now),
        *_asked(case, events, heard, agreement, now),
    ]


def _told(
    case: Case, events: Sequence[Event], heard: Sequence[Notice], agreement: Agreement, now: int
) -> Iterator[Held]:
    found = False
    for kind, begin in _BEGINS.items():
        terms = _terms(kind, agreement)
        begins = [event.at for event in events if event.type in begin]
        for since, notices in _occasions(kind, begins, heard):
            found = True
            yield _of_notices("told", since, notices, terms.within if terms else None, now, kind)
    if not found:
        terms = _terms(case.kind, agreement)
        promised = terms is not None and terms.within is not None and _is_for_customer(terms.to)
        yield Held("told", "not sent" if promised else "not promised")


def _terms(kind: str, agreement: Agreement) -> Terms | None:
    promised = agreement.notices
    return {
        "degradation": promised.degradation,
        "violation": promised.violation,
        "restoration": promised.restoration,
    }.get(kind)


def _is_for_customer(roles: Iterable[str]) -> bool:
    return any(role.startswith(CUSTOMER) for role in roles)


def _asked(
    case: Case, events: Sequence[Event], heard: Sequence[Notice], agreement: Agreement, now: int
) -> Iterator[Held]:
    within = agreement.confirmation.asked_within
    good = {event.at: int(event.data["since"]) for event in events if event.type == "restored"}
    asked = list(_occasions("question", list(good), heard))
    if within is None or case.kind == "no_data" or not _is_for_customer(case_roles("question", case, agreement)):
        yield Held("asked", "not promised")
    elif asked:
        yield from (_of_notices("asked", good[at], notices, within, now, None) for at, notices in asked)
    else:
        yield Held("asked", "not sent" if good else "runs" if case.closed_at is None else "taken back", within=within)


def _occasions(kind: NoticeKind, begins: Sequence[int], heard: Sequence[Notice]) -> Iterator[tuple[int, list[Notice]]]:
    """Each of the instants that was to be told, with the notices that tell it."""
    theirs = [notice for notice in heard if notice.kind == kind and notice.due_by is not None]
    for start, end in pairwise([*begins, None]):
        assert start is not None, "only the end is open"
        told = [n for n in theirs if start <= n.recorded_at and (end is None or n.recorded_at < end)]
        if told:
            yield start, told


def _of_notices(
    what: What, since: int, notices: Sequence[Notice], within: int | None, now: int, kind: NoticeKind | None
) -> Held:
    """It counts as kept where each contact was told in time; how long it took is until the last was."""
    due = max(notice.due_by or 0 for notice in notices)
    sent = [notice.sent_at for notice in notices if notice.sent_at is not None]
    took = max(sent) - since if len(sent) == len(notices) else None
    standings = {_standing(notice.sent_at, notice.due_by or 0, now) for notice in notices}
    return Held(what, _worst(standings), took, within, due, kind)


def _updated(case: Case, events: Sequence[Event], heard: Sequence[Notice], agreement: Agreement, now: int) -> Held:
    every = agreement.handling.update_every
    if every is None or case.kind == "no_data" or not _is_for_customer(case_roles("update", case, agreement)):
        return Held("updated", "not promised")
    theirs = [notice for notice in heard if notice.kind == "update"]
    sent = sorted({notice.sent_at for notice in theirs if notice.sent_at is not None})
    waits = [
        later - earlier
        for start, end in _bad_stretches(events, now)
        for earlier, later in pairwise([start, *(at for at in sent if start <= at <= end), end])
    ]
    standings = {_standing(notice.sent_at, notice.due_by, now) for notice in theirs if notice.due_by is not None}
    longest = max(waits, default=0)
    worst: Standing = "missed" if longest > every else _worst(standings | {"kept"})
    goes_on = worst == "kept" and case.restored_at is None and case.closed_at is None
    return Held("updated", "runs" if goes_on else worst, longest, every)


def _bad_stretches(events: Sequence[Event], now: int) -> Iterator[tuple[int, int]]:
    """From when until when the service was known to be bad, or by a customer's no not good."""
    since: int | None = None
    for event in events:
        if event.type in _BAD and since is None:
            since = event.at
        elif event.type in _GOOD and since is not None:
            yield since, event.at
            since = None
    if since is not None:
        yield since, now


def _fixed(case: Case, events: Sequence[Event], agreement: Agreement, now: int) -> Iterator[Held]:
    """One for the opening, and one for each no that took the case up again."""
    begins = [event for event in events if event.type in ("opened", "reopened")]
    within = agreement.handling.fixed_within
    for begin, following in pairwise([*begins, None]):
        assert begin is not None, "only the end is open"
        last = case.seq if following is None else following.seq - 1
        good: int | None = None
        for event in events[begin.seq - 1 : last]:
            good = int(event.data["since"]) if event.type == "restored" else None if event.type in _BAD else good
        due, after_no = fixed_by(agreement, begin.at), begin.type == "reopened"
        took = None if good is None else max(good - begin.at, 0)
        if due is None or case.kind == "no_data":
            yield Held("fixed", "not promised", took, after_no=after_no)
            continue
        over_at = case.closed_at if following is None else None
        standing = _standing(good, due, now)
        if good is None and over_at is not None and over_at <= due:
            standing = "taken back"
        yield Held("fixed", standing, took, within, due, after_no=after_no)


def _standing(met_at: int | None, due: int, now: int) -> Standing:
    if met_at is not None:
        return "kept" if met_at <= due else "missed"
    return "runs" if now <= due else "missed"


def _worst(standings: set[Standing]) -> Standing:
    return next(one for one in ("missed", "runs", "kept") if one in standings)
