"""Providers' notices of planned work, through the store: what each asks for is done, or waits for a person's answer.

Each window of a provider's work is one planned work of ours. The newest word of it holds, in whatever order the words
come; what is older, or says nothing new, is kept and changes nothing.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from upheld.agreements.intervals import overlap
from upheld.agreements.model import Portfolio
from upheld.agreements.units import format_instant
from upheld.analysis.topology import Topology
from upheld.maintenance.model import Maintenance
from upheld.maintenance.notified import WorkNotice, of_document, to_document
from upheld.maintenance.received import (
    MOST_WINDOWS,
    Key,
    NoticedWindow,
    Received,
    Step,
    age_of,
    key_of,
    matched,
    parts_of,
    questions,
    same_circuit,
    span_fault,
    step_of,
    touched,
    turned_at,
    unmatched,
)
from upheld.notices.facts import SUPPLIERS_WORK
from upheld.notices.planning import WorkLink
from upheld.ports import Transaction
from upheld.process.works import announcing, work_life

Approval = Literal["always", "doubts"]
TURNS: Mapping[Step, work_life.Turn] = {"start": "started", "end": "over"}
TITLE = SUPPLIERS_WORK["en"]
"""What customers read where nobody has said it better: neither who the supplier is nor what it calls its work."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What is promised, and what that runs over; `link` makes the links on which works are answered."""

    portfolio: Portfolio | None
    topology: Topology
    link: WorkLink


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says of a notice that waits: whether to follow it, and what of it is to be read otherwise.
    `circuits` says what the supplier's circuits are (nothing: they are none of ours), for this and later notices;
    `services` are what the work takes down, whatever circuits are named; `emergency`: a work that is planned by this
    cannot wait. Instants in microseconds UTC."""

    accept: bool
    reason: str = ""
    start: int | None = None
    end: int | None = None
    circuits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    title: str = ""
    emergency: bool = False


class Unanswerable(Exception):
    """An answer does not do, by its field."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.field, self.message = name, message


def take(
    t: Transaction,
    received: Received,
    read: Sequence[WorkNotice] | str,
    ground: Ground,
    approval: Approval,
    now: int,
) -> Sequence[NoticedWindow]:
    """Takes in what was `read` of a notice (a text says why nothing was), and returns its windows. What was received
    before changes nothing."""
    place = t.add_received(received)
    if place is None:
        return t.noticed_in(received.id)
    if isinstance(read, str) or len(read) > MOST_WINDOWS:
        why = (
            read if isinstance(read, str) else f"it tells of {len(read)} windows, and at most {MOST_WINDOWS} are taken"
        )
        blank = NoticedWindow(f"{received.id}-1", received.id, place, now, "", "", "", 1, "waiting", "plan", {})
        t.save_noticed(replace(blank, questions=(f"it was not understood: {why}",)))
        return t.noticed_in(received.id)
    for key, numbers in _by_key(read).items():
        known = t.noticed_of(key)
        newest = _newest(known)
        notices = [read[number] for number in numbers]
        parts = parts_of(notices, _uids(newest))
        missing = _missing(newest, parts, notices)
        for number, notice, part in zip(numbers, notices, parts, strict=True):
            window = NoticedWindow(
                f"{received.id}-{number + 1}",
                received.id,
                place,
                now,
                *key,
                part,
                "waiting",
                "note",
                to_document(notice),
            )
            if any(one.part == part and _same(window, one) for one in known if one.state == "refused"):
                t.save_noticed(replace(window, state="superseded", reason="the same was refused", decided_at=now))
            else:
                _take_window(t, window, newest.get(part), ground, approval, missing, now)
    return t.noticed_in(received.id)


def answer(
    t: Transaction, window_id: str, said: Answer, ground: Ground, by: str, now: int
) -> Literal["taken", "too_late", "unknown"]:
    """Does what a person says of a notice that waits; `too_late` where it waits no more. Raises Unanswerable."""
    window = t.noticed(window_id)
    if window is None:
        return "unknown"
    if window.state != "waiting":
        return "too_late"
    decided = replace(window, decided_at=now, decided_by=by, reason=said.reason)
    if not said.accept:
        if not said.reason:
            raise Unanswerable("reason", "is missing: why is the notice not followed?")
        if not t.change_noticed(replace(decided, state="refused")):
            return "too_late"
        _look_again(t, decided, ground, now)
        return "taken"
    decided = _corrected(t, decided, said, ground, now)
    return "taken" if t.change_noticed(_done(t, decided, said, ground, by, now)) else "too_late"


# -- a window of a notice -------------------------------------------------------------------------------------------


def _take_window(
    t: Transaction,
    window: NoticedWindow,
    known: NoticedWindow | None,
    ground: Ground,
    approval: Approval,
    missing: Sequence[str],
    now: int,
) -> None:
    notice = of_document(window.said)
    work = None if known is None or known.work is None else t.maintenance(known.work)
    window = replace(window, work=None if known is None else known.work)
    asked: list[str] = []
    if known is not None:
        age = age_of(notice, of_document(known.said))
        if age in ("older", "same"):
            why = "says nothing new beside" if age == "same" else "is older than"
            t.save_noticed(replace(window, state="superseded", reason=f"it {why} {known.id}", decided_at=now))
            return
        if age == "unclear":
            asked.append(f"by its sequence and its date it is neither older nor newer than {known.id}: does it hold?")
    circuits = matched(notice.circuits, _nodes(t, window.provider, notice, ground.topology))
    step = step_of(notice, circuits, work, now)
    asked += questions(notice, circuits, work, step, now)
    asked += missing if step in ("plan", "change", "start", "end") else ()
    asked += _doubts_of_turn(notice, work, step, window.received_at, now)
    if known is not None and known.state == "waiting":
        t.change_noticed(replace(known, state="superseded", reason=f"{window.id} came after it", decided_at=now))
    window = replace(window, circuits=circuits, step=step, questions=tuple(asked))
    if asked or (approval == "always" and step != "note"):
        t.save_noticed(window)
        return
    by = f"{window.provider}, by its notice"
    decided = replace(window, decided_at=now, decided_by=by)
    t.save_noticed(_done(t, decided, Answer(True), ground, by, now))


def _doubts_of_turn(notice: WorkNotice, work: Maintenance | None, step: Step, heard: int, now: int) -> Iterator[str]:
    """What a person has to say before a work has begun, or is over, by a provider's word."""
    if work is None or not (step in TURNS or (step == "change" and notice.status == "IN-PROCESS")):
        return
    is_over = notice.status == "COMPLETED"
    at, turn = turned_at(notice, work, heard), "is over" if is_over else "has begun"
    if at < min(work.start, notice.start):
        yield f"the provider says that the work {turn}, and its window begins at {format_instant(work.start)}"
    elif is_over and not overlap([(notice.start, notice.end)], work.spans):
        yield "the window that is over is not the one that is planned"
    elif step in TURNS and (fault := work_life.turn_fault(work, TURNS[step], at, now)) is not None:
        yield fault


def _look_again(t: Transaction, refused: NoticedWindow, ground: Ground, now: int) -> None:
    """What a notice had taken the place of, or had let look old, is looked at again once it is refused: whoever refuses
    a false notice must not lose the true ones."""
    known = t.noticed_of((refused.provider, refused.account, refused.maintenance_id)) if refused.said else ()
    for window in known:
        if window.part == refused.part and window.state == "superseded" and refused.id in window.reason.split():
            newest = _newest(t.noticed_of((window.provider, window.account, window.maintenance_id)))
            again = replace(window, state="waiting", reason="", decided_at=None)
            _take_window(t, again, newest.get(window.part), ground, "always", (), now)


def _corrected(t: Transaction, window: NoticedWindow, said: Answer, ground: Ground, now: int) -> NoticedWindow:
    """The window as a person says that it is meant; what circuits are is kept for later notices."""
    names = {*said.services, *(name for some in said.circuits.values() for name in some)}
    if unknown := sorted(names - ground.topology.nodes.keys()):
        raise Unanswerable("services", f"no agreement, resource or topology in force names {', '.join(unknown[:8])}")
    named = {same_circuit(one["circuit_id"]) for one in window.circuits}
    nodes = {same_circuit(circuit): tuple(sorted(set(some))) for circuit, some in said.circuits.items()}
    if strange := sorted(set(nodes) - named):
        raise Unanswerable("circuits", f"the notice names no circuit {strange[0]!r}")
    for circuit, some in nodes.items():
        t.save_circuit(window.provider, circuit, some, now, window.decided_by or "")
    circuits = tuple(
        {**one, "nodes": list(nodes[same_circuit(one["circuit_id"])])}
        if same_circuit(one["circuit_id"]) in nodes
        else one
        for one in window.circuits
    )
    corrected = {
        **({"start": format_instant(said.start)} if said.start is not None else {}),
        **({"end": format_instant(said.end)} if said.end is not None else {}),
        **({"circuits": {circuit: list(some) for circuit, some in nodes.items()}} if nodes else {}),
        **({"services": sorted(set(said.services))} if said.services else {}),
        **({"title": said.title} if said.title else {}),
        **({"emergency": True} if said.emergency else {}),
    }
    return replace(window, circuits=circuits, answer=corrected)


def _done(t: Transaction, window: NoticedWindow, said: Answer, ground: Ground, by: str, now: int) -> NoticedWindow:
    """Does what a window asks for. Raises Unanswerable where that cannot be done as it is said."""
    work = None if window.work is None else t.maintenance(window.work)
    start, end, step = _meant(window, said, work, now)
    window = replace(window, state="taken", step=step)
    if step == "note":
        return window
    if step == "cancel":
        assert work is not None, "there is something to cancel"
        announcing.cancel(t, work.id, ground.portfolio, now)
        return window
    if step in TURNS:
        _turn(t, window, replace(of_document(window.said), start=start, end=end), work, step, ground, now)
        return window
    if not said.services and (names := unmatched(window.circuits)):
        raise Unanswerable(
            "circuits", f"nothing says what {', '.join(names[:8])} is: name it, or nothing for none of ours"
        )
    services = tuple(sorted(set(said.services))) or touched(window.circuits)
    services = services or (work.services if work is not None else ())
    if not services:
        raise Unanswerable("services", "are missing: what does the work take down?")
    if (fault := span_fault(start, end, work if step == "change" else None, now)) is not None:
        raise Unanswerable(*fault)
    if step == "change":
        assert work is not None, "there is something to change"
        title = said.title or work.title
        wanted = replace(work, title=title, start=start, end=end, services=services, approved_by=by, windows=())
        announcing.change(t, wanted, ground.portfolio, ground.topology, now, ground.link)
        meant = replace(of_document(window.said), start=start, end=end)
        if step_of(meant, (), wanted, now) == "start" and turned_at(meant, wanted, window.received_at) >= start:
            _turn(t, window, meant, wanted, "start", ground, now)
        return window
    planned = Maintenance(
        _work_id(t, window), said.title or TITLE, start, end, services, by, now, emergency=said.emergency
    )
    announcing.plan(t, planned, ground.portfolio, ground.topology, now, ground.link)
    return replace(window, work=planned.id)


def _turn(
    t: Transaction,
    window: NoticedWindow,
    meant: WorkNotice,
    work: Maintenance | None,
    step: Step,
    ground: Ground,
    now: int,
) -> None:
    """Lets a work have begun, or be over, as if a person had said so. Raises Unanswerable."""
    assert work is not None, "there is something that turns"
    at = turned_at(meant, work, window.received_at)
    try:
        work_life.say(t, work.id, TURNS[step], at, ground.portfolio, ground.topology, now)
    except work_life.OutOfTurn as fault:
        raise Unanswerable("accept", f"it cannot be so: {fault}") from None


def _meant(window: NoticedWindow, said: Answer, work: Maintenance | None, now: int) -> tuple[int, int, Step]:
    """The window that is meant, and what that asks for."""
    if not window.said:
        if said.start is None or said.end is None:
            raise Unanswerable("start", "and end are missing: nothing of the notice was understood")
        return said.start, said.end, "plan"
    notice = of_document(window.said)
    start = notice.start if said.start is None else said.start
    end = notice.end if said.end is None else said.end
    meant = replace(notice, start=start, end=end)
    step = step_of(meant, window.circuits, work, now)
    if said.services and step in ("note", "cancel", "start") and notice.status not in ("CANCELLED", "COMPLETED"):
        stands = work is not None and work.state == "planned" and work.end > now
        step = "change" if stands else "plan"
    return start, end, step


# -- what is known --------------------------------------------------------------------------------------------------


def _by_key(read: Sequence[WorkNotice]) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for number, notice in enumerate(read):
        found.setdefault(key_of(notice), []).append(number)
    return found


def _newest(known: Sequence[NoticedWindow]) -> dict[int, NoticedWindow]:
    """The newest word of each window that was not refused."""
    return {window.part: window for window in known if window.state in ("taken", "waiting")}


def _same(one: NoticedWindow, other: NoticedWindow) -> bool:
    return age_of(of_document(one.said), of_document(other.said)) == "same"


def _uids(newest: Mapping[int, NoticedWindow]) -> dict[str, int]:
    uids = [(window.said["uid"], part) for part, window in newest.items() if window.said["uid"]]
    names = [uid for uid, _ in uids]
    return {uid: part for uid, part in uids if names.count(uid) == 1}


def _missing(newest: Mapping[int, NoticedWindow], parts: Sequence[int], notices: Sequence[WorkNotice]) -> list[str]:
    """A question where a notice says nothing of windows that were told before, and does not say which it means."""
    left = [part for part, window in newest.items() if part not in parts and window.said["status"] != "CANCELLED"]
    uids = _uids(newest)
    if not left or all(notice.uid in uids for notice in notices):
        return []
    return [f"earlier notices told of {len(newest)} windows of this work, and this one of {len(parts)}: which is it?"]


def _nodes(t: Transaction, provider: str, notice: WorkNotice, topology: Topology) -> dict[str, Sequence[str]]:
    """What is known of the circuits of a notice: what a person has said, else what the topology declares."""
    said = t.said_circuits(provider)
    found: dict[str, Sequence[str]] = {}
    for circuit in notice.circuits:
        name = same_circuit(circuit.circuit_id)
        nodes: Any = said.get(name)
        if nodes is None or not set(nodes) <= topology.nodes.keys():
            nodes = topology.called(provider, circuit.circuit_id) or None
        if nodes is not None:
            found[name] = nodes
    return found


def _work_id(t: Transaction, window: NoticedWindow) -> str:
    """An id for a work that is planned from notices: the next one of its window, once the one before was cancelled."""
    key = window.provider, window.account, window.maintenance_id
    earlier = {one.work for one in t.noticed_of(key) if one.part == window.part and one.work} if window.said else ()
    told = (*key, window.part, len(earlier)) if window.said else (window.id,)
    return f"S-{hashlib.sha256(repr(told).encode()).hexdigest()[:10].upper()}"
