"""Providers' notices of planned work, through the store: what each asks for is done, or waits for a person's answer.

A provider's work is one planned work of ours, with all of its windows; where it takes down something else in some of
them, those are a work of their own. The newest word of each window holds, in whatever order the words come; what is
older, or says nothing new, is kept and changes nothing.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from upheld.agreements.intervals import overlap
from upheld.agreements.model import Portfolio
from upheld.agreements.units import format_instant
from upheld.analysis.topology import Topology
from upheld.maintenance.merging import (
    Word,
    age_of,
    corrected,
    laid_over,
    spans_of,
    to_key,
    words_document,
    works_told,
)
from upheld.maintenance.model import Maintenance, Window
from upheld.maintenance.notified import WorkNotice, same_circuit, to_document
from upheld.maintenance.received import (
    MOST_WINDOWS,
    Key,
    NoticedWork,
    Received,
    Step,
    key_of,
    matched,
    questions,
    spans_fault,
    step_of,
    touched,
    turned_at,
    unmatched,
)
from upheld.maintenance.window import planned_in
from upheld.notices.facts import SUPPLIERS_WORK
from upheld.notices.planning import WorkLink
from upheld.ports import Transaction
from upheld.process.works import announcing, foreseeing, work_life
from upheld.reports.work_preview import warnings

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
    `start` and `end` are those of a notice of one window, or of none that was understood; `windows` has one for each
    window that is told, None where it is not worked in. `circuits` says what the supplier's circuits are (nothing: they
    are none of ours), for this and later notices; `services` are what the work takes down, whatever circuits are named;
    `emergency`: a work that is planned by this cannot wait. Instants in microseconds UTC."""

    accept: bool
    reason: str = ""
    start: int | None = None
    end: int | None = None
    windows: tuple[Window | None, ...] = ()
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
) -> Sequence[NoticedWork]:
    """Takes in what was `read` of a notice (a text says why nothing was), and returns its windows. What was received
    before changes nothing."""
    place_in_order = t.add_received(received)
    if place_in_order is None:
        return t.noticed_in(received.id)
    if isinstance(read, str) or len(read) > MOST_WINDOWS:
        why = (
            read if isinstance(read, str) else f"it tells of {len(read)} windows, and at most {MOST_WINDOWS} are taken"
        )
        blank = NoticedWork(f"{received.id}-1", received.id, place_in_order, now, "", "", "", 1, "waiting", "plan", ())
        t.save_noticed(replace(blank, questions=(f"it was not understood: {why}",)))
        return t.noticed_in(received.id)
    for key, numbers in _by_key(read).items():
        known = t.noticed_of(key)
        newest = _newest(known)
        notices = [read[number] for number in numbers]
        parts, guessed = works_told(notices, {part: work.newest for part, work in newest.items()})
        which = _which(newest, parts, guessed)
        for part, places in parts.items():
            told = tuple(to_document(notices[place]) for place in places)
            name = f"{received.id}-{numbers[places[0]] + 1}"
            noticed = NoticedWork(name, received.id, place_in_order, now, *key, part, "waiting", "note", told)
            if any(one.part == part and _same(noticed, one) for one in known if one.state == "refused"):
                t.save_noticed(replace(noticed, state="superseded", reason="the same was refused", decided_at=now))
            else:
                elsewhere = {n.uid for n in notices if n.uid} - {n.uid for n in noticed.told}
                _take_work(t, noticed, newest.get(part), ground, approval, which, elsewhere, now)
    return t.noticed_in(received.id)


def answer(
    t: Transaction, noticed_id: str, said: Answer, ground: Ground, by: str, now: int
) -> Literal["taken", "too_late", "unknown"]:
    """Does what a person says of a notice that waits; `too_late` where it waits no more. Raises Unanswerable."""
    noticed = t.noticed(noticed_id)
    if noticed is None:
        return "unknown"
    if noticed.state != "waiting":
        return "too_late"
    decided = replace(noticed, decided_at=now, decided_by=by, reason=said.reason)
    if not said.accept:
        if not said.reason:
            raise Unanswerable("reason", "is missing: why is the notice not followed?")
        if not t.change_noticed(replace(decided, state="refused")):
            return "too_late"
        _look_again(t, decided, ground, now)
        return "taken"
    decided = _corrected(t, decided, said, ground, now)
    return "taken" if t.change_noticed(_done(t, decided, said, ground, by, now)) else "too_late"


# -- a work of a notice ---------------------------------------------------------------------------------------------


def _take_work(
    t: Transaction,
    noticed: NoticedWork,
    known: NoticedWork | None,
    ground: Ground,
    approval: Approval,
    which: Sequence[str],
    elsewhere: Collection[str],
    now: int,
) -> None:
    told = noticed.told
    work = None if known is None or known.work is None else t.maintenance(known.work)
    merged = laid_over(told, () if known is None else known.newest, elsewhere)
    noticed = replace(noticed, work=None if known is None else known.work, words=words_document(merged.words))
    asked: list[str] = []
    if known is not None:
        if merged.age in ("older", "same"):
            why = "says nothing new beside" if merged.age == "same" else "is older than"
            t.save_noticed(replace(noticed, state="superseded", reason=f"it {why} {known.id}", decided_at=now))
            return
        if merged.age == "unclear":
            asked.append(f"by its sequence and its date it is neither older nor newer than {known.id}: does it hold?")
    named = next((one for one in told if one.circuits), told[0])
    circuits = matched(named.circuits, _nodes(t, noticed.provider, named, ground.topology))
    step = step_of(merged.words, circuits, work, now)
    asked += questions(told, merged, circuits, work, step, now)
    asked += which if step in ("plan", "change", "start", "end") else ()
    asked += _clashes(t, merged.words, circuits, work, ground, now) if step in ("plan", "change") else ()
    asked += _doubts_of_turn(told, work, step, noticed.received_at, now)
    if known is not None and known.state == "waiting":
        asked += [] if merged.restates else known.questions
        t.change_noticed(replace(known, state="superseded", reason=f"{noticed.id} came after it", decided_at=now))
    noticed = replace(noticed, circuits=circuits, step=step, questions=tuple(dict.fromkeys(asked)))
    if asked or (approval == "always" and step != "note"):
        t.save_noticed(noticed)
        return
    by = f"{noticed.provider}, by its notice"
    decided = replace(noticed, decided_at=now, decided_by=by)
    t.save_noticed(_done(t, decided, Answer(True), ground, by, now))


def _clashes(
    t: Transaction,
    words: Sequence[Word],
    circuits: Sequence[Mapping[str, Any]],
    work: Maintenance | None,
    ground: Ground,
    now: int,
) -> Iterator[str]:
    """What a person has to say of a work that takes down all that stands in for each other, or falls into a freeze
    period."""
    spans, services = spans_of(words), touched(circuits)
    if not spans or not services:
        return
    known = "" if work is None else work.id
    meant = Maintenance(known, TITLE, services=services, approved_by="", planned_at=now, **planned_in(spans))
    for concern in foreseeing.concerns(t, [meant], ground.portfolio, ground.topology, now):
        found = [one["text"] for one in warnings(concern) if one["kind"] in ("both_paths", "freeze")]
        yield from (f"{text}: shall it be followed all the same?" for text in found)


def _doubts_of_turn(
    told: Sequence[WorkNotice], work: Maintenance | None, step: Step, heard: int, now: int
) -> Iterator[str]:
    """What a person has to say before a work has begun, or is over, by a provider's word."""
    notice = _turning(told)
    if work is None or not (step in TURNS or (step == "change" and notice.status == "IN-PROCESS")):
        return
    is_over = notice.status == "COMPLETED"
    begins = work.spans[-1][0] if is_over else work.start
    at, turn = turned_at(notice, work, heard), "is over" if is_over else "has begun"
    if at < min(begins, notice.start):
        yield f"the provider says that the work {turn}, and its window begins at {format_instant(begins)}"
    elif is_over and not overlap([(notice.start, notice.end)], work.spans):
        yield "the window that is over is not the one that is planned"
    elif step in TURNS and (fault := work_life.turn_fault(work, TURNS[step], at, now)) is not None:
        yield fault


def _turning(told: Sequence[WorkNotice]) -> WorkNotice:
    """The window by which a work turns: the last one that is over, else the first that has begun."""
    over = [notice for notice in told if notice.status == "COMPLETED"]
    begun = [notice for notice in told if notice.status == "IN-PROCESS"]
    return over[-1] if over else begun[0] if begun else told[-1]


def _look_again(t: Transaction, refused: NoticedWork, ground: Ground, now: int) -> None:
    """What a notice had taken the place of, or had let look old, is looked at again once it is refused: whoever refuses
    a false notice must not lose the true ones."""
    known = t.noticed_of((refused.provider, refused.account, refused.maintenance_id)) if refused.said else ()
    for noticed in known:
        if noticed.part == refused.part and noticed.state == "superseded" and refused.id in noticed.reason.split():
            newest = _newest(t.noticed_of((noticed.provider, noticed.account, noticed.maintenance_id)))
            again = replace(noticed, state="waiting", reason="", decided_at=None)
            _take_work(t, again, newest.get(noticed.part), ground, "always", (), (), now)


def _corrected(t: Transaction, noticed: NoticedWork, said: Answer, ground: Ground, now: int) -> NoticedWork:
    """The work as a person says that it is meant; what circuits are is kept for later notices."""
    names = {*said.services, *(name for some in said.circuits.values() for name in some)}
    if unknown := sorted(names - ground.topology.nodes.keys()):
        raise Unanswerable("services", f"no agreement, resource or topology in force names {', '.join(unknown[:8])}")
    named = {same_circuit(one["circuit_id"]) for one in noticed.circuits}
    nodes = {same_circuit(circuit): tuple(sorted(set(some))) for circuit, some in said.circuits.items()}
    if strange := sorted(set(nodes) - named):
        raise Unanswerable("circuits", f"the notice names no circuit {strange[0]!r}")
    for circuit, some in nodes.items():
        t.save_circuit(noticed.provider, circuit, some, now, noticed.decided_by or "")
    circuits = tuple(
        {**one, "nodes": list(nodes[same_circuit(one["circuit_id"])])}
        if same_circuit(one["circuit_id"]) in nodes
        else one
        for one in noticed.circuits
    )
    told_otherwise = {
        **({"start": format_instant(said.start)} if said.start is not None else {}),
        **({"end": format_instant(said.end)} if said.end is not None else {}),
        **({"windows": [_shown(window) for window in said.windows]} if said.windows else {}),
        **({"circuits": {circuit: list(some) for circuit, some in nodes.items()}} if nodes else {}),
        **({"services": sorted(set(said.services))} if said.services else {}),
        **({"title": said.title} if said.title else {}),
        **({"emergency": True} if said.emergency else {}),
    }
    return replace(noticed, circuits=circuits, answer=told_otherwise)


def _shown(window: Window | None) -> Mapping[str, str] | None:
    return None if window is None else {"start": format_instant(window[0]), "end": format_instant(window[1])}


def _done(t: Transaction, noticed: NoticedWork, said: Answer, ground: Ground, by: str, now: int) -> NoticedWork:
    """Does what a notice of a work asks for. Raises Unanswerable where that cannot be done as it is said."""
    work = None if noticed.work is None else t.maintenance(noticed.work)
    words = _meant(noticed, said)
    step = _step_meant(noticed, words, said, work, now)
    noticed = replace(noticed, state="taken", step=step, words=words_document(words) if noticed.said else ())
    if step == "note":
        return noticed
    if step == "cancel":
        assert work is not None, "there is something to cancel"
        announcing.cancel(t, work.id, ground.portfolio, now)
        return noticed
    if step in TURNS:
        _turn(t, noticed, _turning(_as_meant(noticed, words)), work, step, ground, now)
        return noticed
    if not said.services and (names := unmatched(noticed.circuits)):
        raise Unanswerable(
            "circuits", f"nothing says what {', '.join(names[:8])} is: name it, or nothing for none of ours"
        )
    services = tuple(sorted(set(said.services))) or touched(noticed.circuits)
    services = services or (work.services if work is not None else ())
    if not services:
        raise Unanswerable("services", "are missing: what does the work take down?")
    spans = spans_of(words)
    if not spans:
        raise Unanswerable("windows", "name none in which there is work: say when it is")
    if (fault := spans_fault(spans, work if step == "change" else None, now)) is not None:
        raise Unanswerable(*fault)
    if step == "change":
        assert work is not None, "there is something to change"
        title = said.title or work.title
        wanted = replace(work, title=title, services=services, approved_by=by, **planned_in(spans))
        announcing.change(t, wanted, ground.portfolio, ground.topology, now, ground.link)
        turning = _turning(_as_meant(noticed, words))
        has_begun = step_of(words, (), wanted, now) == "start"
        if has_begun and turned_at(turning, wanted, noticed.received_at) >= wanted.start:
            _turn(t, noticed, turning, wanted, "start", ground, now)
        return noticed
    planned = Maintenance(
        id=_work_id(t, noticed),
        title=said.title or TITLE,
        services=services,
        approved_by=by,
        planned_at=now,
        emergency=said.emergency,
        **planned_in(spans),
    )
    announcing.plan(t, planned, ground.portfolio, ground.topology, now, ground.link)
    return replace(noticed, work=planned.id)


def _turn(
    t: Transaction,
    noticed: NoticedWork,
    meant: WorkNotice,
    work: Maintenance | None,
    step: Step,
    ground: Ground,
    now: int,
) -> None:
    """Lets a work have begun, or be over, as if a person had said so. Raises Unanswerable."""
    assert work is not None, "there is something that turns"
    at = turned_at(meant, work, noticed.received_at)
    try:
        work_life.say(t, work.id, TURNS[step], at, ground.portfolio, ground.topology, now)
    except work_life.OutOfTurn as fault:
        raise Unanswerable("accept", f"it cannot be so: {fault}") from None


def _meant(noticed: NoticedWork, said: Answer) -> tuple[Word, ...]:
    """The windows that are meant, with what was said of them."""
    if not noticed.said:
        if said.start is None or said.end is None:
            raise Unanswerable("start", "and end are missing: nothing of the notice was understood")
        if said.end <= said.start:
            raise Unanswerable("end", "the end is later than the start")
        return (_by_hand(said.start, said.end),)
    told = noticed.told
    if said.windows:
        if len(said.windows) != len(told):
            raise Unanswerable("windows", f"are {len(said.windows)}, and the notice tells of {len(told)}: say of each")
        if not any(said.windows):
            raise Unanswerable("windows", "name none in which there is work: refuse the notice, or say when")
        if any(end <= start for start, end in filter(None, said.windows)):
            raise Unanswerable("windows", "the end is later than the start")
        return corrected(told, noticed.newest, said.windows)
    if said.start is None and said.end is None:
        return noticed.newest
    if len(told) > 1:
        raise Unanswerable("windows", f"are {len(told)}, by this notice: say of each when it is")
    (one,) = told
    start, end = (one.start if said.start is None else said.start), (one.end if said.end is None else said.end)
    if end <= start:
        raise Unanswerable("end", "the end is later than the start")
    return corrected(told, noticed.newest, [(start, end)])


def _by_hand(start: int, end: int) -> Word:
    return Word(WorkNotice("", "", "CONFIRMED", start, end, ()), (start, end))


def _as_meant(noticed: NoticedWork, words: Sequence[Word]) -> tuple[WorkNotice, ...]:
    """The windows that a notice tells of, at the times that are meant."""
    meant = {to_key(word.said): word.window for word in words}
    found = ((one, meant.get(to_key(one))) for one in noticed.told)
    return tuple(
        one if window is None or one.status == "COMPLETED" else replace(one, start=window[0], end=window[1])
        for one, window in found
    )


def _step_meant(noticed: NoticedWork, words: Sequence[Word], said: Answer, work: Maintenance | None, now: int) -> Step:
    """What the windows that are meant ask for."""
    if not noticed.said:
        return "plan"
    step = step_of(words, noticed.circuits, work, now)
    is_off = all(notice.status in ("CANCELLED", "COMPLETED") for notice in noticed.told)
    if said.services and step in ("note", "cancel", "start") and not is_off:
        stands = work is not None and work.state == "planned" and work.end > now
        step = "change" if stands else "plan"
    return step


# -- what is known --------------------------------------------------------------------------------------------------


def _by_key(read: Sequence[WorkNotice]) -> dict[Key, list[int]]:
    found: dict[Key, list[int]] = {}
    for number, notice in enumerate(read):
        found.setdefault(key_of(notice), []).append(number)
    return found


def _newest(known: Sequence[NoticedWork]) -> dict[int, NoticedWork]:
    """The newest notice of each work that was not refused."""
    return {noticed.part: noticed for noticed in known if noticed.state in ("taken", "waiting")}


def _same(one: NoticedWork, other: NoticedWork) -> bool:
    """Whether two notices say the same."""
    ours, theirs = one.told, other.told
    return len(ours) == len(theirs) and all(age_of(a, b) == "same" for a, b in zip(ours, theirs, strict=True))


def _which(newest: Mapping[int, NoticedWork], parts: Collection[int], guessed: Collection[int]) -> list[str]:
    """A question where a notice says nothing of works that were told before, and does not say which it means."""
    left = [part for part, noticed in newest.items() if part not in parts and spans_of(noticed.newest)]
    if not left or not guessed & newest.keys():
        return []
    return [f"earlier notices told of {len(newest)} works under this id, and this one of {len(parts)}: which is it?"]


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


def _work_id(t: Transaction, noticed: NoticedWork) -> str:
    """An id for a work that is planned from notices: the next one of its part, once the one before was cancelled."""
    key = noticed.provider, noticed.account, noticed.maintenance_id
    earlier = {one.work for one in t.noticed_of(key) if one.part == noticed.part and one.work} if noticed.said else ()
    told = (*key, noticed.part, len(earlier)) if noticed.said else (noticed.id,)
    return f"S-{hashlib.sha256(repr(told).encode()).hexdigest()[:10].upper()}"
