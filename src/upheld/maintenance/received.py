"""Providers' notices as they were received: which window of which work each tells of, which is the newest word of it,
what is to be done, and what a person has to be asked first. Pure; instants in microseconds UTC."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, Literal
from zoneinfo import ZoneInfo

from upheld.agreements.units import to_datetime, to_microseconds
from upheld.maintenance.model import Maintenance
from upheld.maintenance.notified import Circuit, WorkNotice, to_document
from upheld.maintenance.window import change_fault, window_fault

ReceivedState = Literal["taken", "waiting", "refused", "superseded"]
Step = Literal["plan", "change", "cancel", "start", "end", "note"]
Age = Literal["newer", "older", "same", "unclear"]
Key = tuple[str, str, str]
"""(provider, account, the provider's id of the work): whose windows are numbered together."""

HITTING = ("OUTAGE", "DEGRADED")
"""The impacts by which a service is touched: what only loses redundancy goes on, and its minutes count."""
MOST_WINDOWS, MOST_CIRCUITS, LONGEST = 200, 10_000, 500
"""More windows, circuits or characters of a text than these are no notice of work that anyone would write."""
_NOT_COMPARED = ("doubts", "organizer", "uid", "summary")


@dataclass(frozen=True, slots=True)
class Received:
    """What came, as it came. `id` is made of its `digest`, the SHA-256 of the body: the same again is the same.
    `source` says by which way, `name` what it is called there, `sender` whose it claims to be."""

    id: str
    digest: str
    received_at: int
    source: str
    name: str
    sender: str
    body: bytes


@dataclass(frozen=True, slots=True)
class NoticedWindow:
    """One window that a received notice tells of, the `part`-th of its work, or, with an empty `said`, a notice that
    was not understood. `circuits` are each with its `impact` and its `nodes`, what it is in the topology: None where
    nobody knows. `step` is what it asks for, `work` the planned work that it is about; `answer` what a person has
    corrected. `place` is the order in which they came."""

    id: str
    received: str
    place: int
    received_at: int
    provider: str
    account: str
    maintenance_id: str
    part: int
    state: ReceivedState
    step: Step
    said: Mapping[str, Any]
    circuits: tuple[Mapping[str, Any], ...] = ()
    questions: tuple[str, ...] = ()
    work: str | None = None
    decided_at: int | None = None
    decided_by: str | None = None
    reason: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)


def cleaned(notice: WorkNotice) -> WorkNotice:
    """A notice whose texts can be kept and shown: without control characters, and none too long."""
    shown = {name: None if text is None else _line(text) for name, text in _texts(notice).items()}
    circuits = tuple(Circuit(_line(one.circuit_id), one.impact) for one in notice.circuits[:MOST_CIRCUITS])
    doubts = tuple(_line(doubt) for doubt in notice.doubts)
    if len(notice.circuits) > MOST_CIRCUITS:
        doubts += (f"it names {len(notice.circuits):,} circuits, of which {MOST_CIRCUITS:,} are read",)
    return replace(notice, **shown, circuits=circuits, doubts=doubts)  # type: ignore[arg-type]


def _texts(notice: WorkNotice) -> dict[str, str | None]:
    names = ("provider", "account", "maintenance_id", "organizer", "uid", "summary")
    return {name: getattr(notice, name) for name in names}


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST]


def key_of(notice: WorkNotice) -> Key:
    """Whose windows are numbered together. Providers are not consistent in how they write their names."""
    return notice.provider.strip().casefold(), (notice.account or "").strip(), notice.maintenance_id.strip()


def same_circuit(circuit_id: str) -> str:
    """A circuit's name as names are compared."""
    return " ".join(circuit_id.split()).casefold()


def parts_of(notices: Sequence[WorkNotice], known: Mapping[str, int]) -> list[int]:
    """Which windows of a work the windows of one notice are: by their UID where that is `known` (UID -> part), else in
    the order in which they begin."""
    uids = [notice.uid for notice in notices]
    found = [known.get(uid) if uid is not None and uids.count(uid) == 1 else None for uid in uids]
    taken = {part for part in found if part is not None}
    if len(taken) < sum(part is not None for part in found):
        found, taken = [None] * len(notices), set()
    left = (number for number in range(1, len(notices) + len(taken) + 1) if number not in taken)
    for index in sorted(range(len(notices)), key=lambda n: (notices[n].start, notices[n].end)):
        if found[index] is None:
            found[index] = next(left)
    return [part for part in found if part is not None]


def age_of(notice: WorkNotice, known: WorkNotice) -> Age:
    """How a notice stands to what is known of the same window: by its sequence, else by when it was made. One without
    either is as new as it is received. Unclear where the two contradict each other, or both are the same and it says
    something else."""
    ours, theirs = to_document(notice), to_document(known)
    if all(ours[name] == theirs[name] for name in ours if name not in _NOT_COMPARED):
        return "same"
    later, made_later = _order(notice.sequence, known.sequence), _order(notice.stamp, known.stamp)
    if later is None and made_later is None:
        return "newer"
    if later and made_later and later != made_later:
        return "unclear"
    order = later or made_later
    return "unclear" if not order else "newer" if order > 0 else "older"


def _order(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else (one > other) - (one < other)


# -- what is to be done ---------------------------------------------------------------------------------------------


def touched(circuits: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What a work takes down, as the topology calls it."""
    return tuple(sorted({node for one in circuits if one["impact"] in HITTING for node in one["nodes"] or ()}))


def unmatched(circuits: Sequence[Mapping[str, Any]]) -> list[str]:
    """The circuits of which nobody knows what they are, but for those that notice nothing of the work."""
    return [one["circuit_id"] for one in circuits if one["nodes"] is None and one["impact"] != "NO-IMPACT"]


def matched(circuits: Sequence[Circuit], nodes: Mapping[str, Collection[str]]) -> tuple[Mapping[str, Any], ...]:
    """Circuits with what they are; `nodes` goes by `same_circuit`."""
    found = ((one, nodes.get(same_circuit(one.circuit_id))) for one in circuits)
    return tuple(
        {"circuit_id": one.circuit_id, "impact": one.impact, "nodes": None if some is None else sorted(some)}
        for one, some in found
    )


def step_of(notice: WorkNotice, circuits: Sequence[Mapping[str, Any]], work: Maintenance | None, now: int) -> Step:
    """What a notice asks for, where `work` is what is planned for its window (None or cancelled: nothing). Who names no
    circuits at all means those of before. That a work is over may be said of one whose window is over too, as long as
    nobody knows it."""
    stands = work is not None and work.state == "planned" and work.end > now
    if notice.status == "COMPLETED" and work is not None and work.state == "planned" and work.ended_at is None:
        return "end"
    if notice.status == "CANCELLED":
        return "cancel" if stands else "note"
    if notice.status == "COMPLETED" or (work is not None and work.state == "planned" and not stands):
        return "note"
    hits = touched(circuits)
    hitting = not circuits or any(one["impact"] in HITTING and one["nodes"] != [] for one in circuits)
    if work is None or not stands:
        return "plan" if hitting else "note"
    if not hitting:
        return "cancel"
    moved = (notice.start, notice.end) != (work.start, work.end)
    if moved or (circuits and set(hits) != set(work.services)):
        return "change"
    return "start" if notice.status == "IN-PROCESS" and work.started_at is None else "note"


def turned_at(notice: WorkNotice, work: Maintenance, heard: int) -> int:
    """Since when a work has begun (IN-PROCESS), or is over (COMPLETED), by a notice that came at `heard`: when the
    notice was made, if that can be, for some providers keep the date of their first. A window that is over sooner than
    planned tells when it was; one that is over later was over at its end, unless it is known to have run over."""
    is_dated = notice.stamp is not None and work.start <= notice.stamp <= heard
    said = notice.stamp if is_dated and notice.stamp is not None else heard
    if notice.status == "IN-PROCESS" or work.overrun_at is not None or said < work.start:
        return said
    return min(said, work.end, notice.end if notice.end > work.start else work.end)


def questions(
    notice: WorkNotice,
    circuits: Sequence[Mapping[str, Any]],
    work: Maintenance | None,
    step: Step,
    now: int,
) -> Iterator[str]:
    """What a person has to say before a notice is followed. Where nothing is to be done but to keep it, doubts of its
    times ask for nothing."""
    over = notice.status in ("CANCELLED", "COMPLETED")
    names = [] if over else unmatched(circuits)
    if names:
        yield f"nothing in the topology is known by the supplier's name {', '.join(names[:8])}{_more(names, 8)}"
    if step in ("note", "start", "end"):
        return
    if step == "cancel":
        assert work is not None, "there is something to cancel"
        if not over:
            yield "nothing that was planned loses its service any more: is the work off for the customers?"
        elif (notice.start, notice.end) != (work.start, work.end):
            yield "the window that is cancelled is not the one that is planned"
        return
    yield from notice.doubts
    if notice.status == "TENTATIVE":
        yield "the provider has not confirmed it yet"
    if notice.status == "NO-CHANGE" and step == "plan":
        yield "the notice does not say whether the work is confirmed, and none is known before it"
    if (fault := span_fault(notice.start, notice.end, work if step == "change" else None, now)) is not None:
        yield f"{fault[0]}: {fault[1]}"


def span_fault(start: int, end: int, work: Maintenance | None, now: int) -> tuple[str, str] | None:
    """What is wrong with [start, end) as the window of a new work, or of `work` where that is changed, by its field."""
    if work is None:
        return window_fault(start, end, now)
    return change_fault(work, replace(work, start=start, end=end, windows=()), now)


def _more(names: Sequence[str], shown: int) -> str:
    return f" and {len(names) - shown} more" if len(names) > shown else ""


def in_zone(instant: int, zone: ZoneInfo) -> int | None:
    """The instant whose time of day in `zone` is the one that was read as UTC; None where a clock change skips that
    time or lets it happen twice."""
    wall = to_datetime(instant).replace(tzinfo=None)
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    is_there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
    return to_microseconds(first) if is_there and first.utcoffset() == second.utcoffset() else None
