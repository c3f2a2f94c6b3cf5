"""Providers' notices as they were received: which work each tells of, what is to be done, and what a person has to be
asked first. Pure; instants in microseconds UTC."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, Literal
from zoneinfo import ZoneInfo

from upheld.agreements.units import to_datetime, to_microseconds
from upheld.maintenance.merging import HITTING, Merged, Word, spans_of, words_of
from upheld.maintenance.model import Maintenance, Window
from upheld.maintenance.notified import Circuit, WorkNotice, of_document, same_circuit
from upheld.maintenance.window import Place, change_fault, planned_in, windows_fault
from upheld.maintenance.wording import instant_words

ReceivedState = Literal["taken", "waiting", "refused", "superseded"]
Step = Literal["plan", "change", "cancel", "start", "end", "note"]
Key = tuple[str, str, str]
"""(provider, account, the provider's id of the work): whose works are numbered together."""

MOST_WINDOWS, MOST_CIRCUITS, LONGEST = 200, 10_000, 500
"""More windows, circuits or characters of a text than these are no notice of work that anyone would write."""


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
class NoticedWork:
    """One work that a received notice tells of, the `part`-th of those that its provider has under one id, or, where
    nothing is `said`, a notice that was not understood. `said` has its windows, as the notice tells them, and `words`
    the newest word of each window of the work, this notice followed (`merging.Word`). `circuits` are each with its
    `impact` and its `nodes`, what it is in the topology: None where nobody knows. `step` is what the notice asks for,
    `work` the planned work that it is about; `answer` what a person has corrected. `place` is the order in which they
    came."""

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
    said: tuple[Mapping[str, Any], ...]
    words: tuple[Mapping[str, Any], ...] = ()
    circuits: tuple[Mapping[str, Any], ...] = ()
    questions: tuple[str, ...] = ()
    work: str | None = None
    decided_at: int | None = None
    decided_by: str | None = None
    reason: str = ""
    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> tuple[WorkNotice, ...]:
        """The windows as the notice tells them."""
        return tuple(of_document(one) for one in self.said)

    @property
    def newest(self) -> tuple[Word, ...]:
        """The newest word of each window of the work."""
        return words_of(self.words)


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
    """Whose works are numbered together. Providers are not consistent in how they write their names."""
    return notice.provider.strip().casefold(), (notice.account or "").strip(), notice.maintenance_id.strip()


# -- what is to be done ---------------------------------------------------------------------------------------------


def touched(circuits: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What a work takes down, as the topology calls it."""
    return tuple(sorted({node for one in circuits if one["impact"] in HITTING for node in one["nodes"] or ()}))


def unmatched(circuits: Sequence[Mapping[str, Any]]) -> list[str]:
    """The circuits of which nobody knows what they are, but for those that notice nothing of the work."""
    return [one["circuit_id"] for one in circuits if one["nodes"] is None and one["impact"] != "NO-IMPACT"]


def matched(circuits: Sequence[Circuit], nodes: Mapping[str, Collection[str]]) -> tuple[Mapping[str, Any], ...]:
    """Circuits, each once, with what they are; `nodes` goes by `same_circuit`."""
    circuits = tuple(dict.fromkeys(circuits))
    found = ((one, nodes.get(same_circuit(one.circuit_id))) for one in circuits)
    return tuple(
        {"circuit_id": one.circuit_id, "impact": one.impact, "nodes": None if some is None else sorted(some)}
        for one, some in found
    )


def step_of(words: Sequence[Word], circuits: Sequence[Mapping[str, Any]], work: Maintenance | None, now: int) -> Step:
    """What is to be done so that a work is as its `words` say, where `work` is what is planned for it (None or
    cancelled: nothing). Who names no circuits at all means those of before. That a work is over may be said of one
    whose last window is over too, as long as nobody knows it."""
    is_planned = work is not None and work.state == "planned"
    stands = work is not None and is_planned and work.end > now
    spans = spans_of(words)
    if not spans:
        return "cancel" if stands else "note"
    if is_completed(words):
        return "end" if work is not None and is_planned and work.ended_at is None else "note"
    if is_planned and not stands:
        return "note"
    hits = touched(circuits)
    hitting = not circuits or any(one["impact"] in HITTING and one["nodes"] != [] for one in circuits)
    if work is None or not stands:
        return "plan" if hitting else "note"
    if not hitting:
        return "cancel"
    if spans != work.spans or (circuits and set(hits) != set(work.services)):
        return "change"
    has_begun = any(word.said.status == "IN-PROCESS" for word in words if word.window is not None)
    return "start" if has_begun and work.started_at is None else "note"


def is_completed(words: Sequence[Word]) -> bool:
    """Whether every window of a work is said to be over."""
    return all(word.said.status == "COMPLETED" for word in words if word.window is not None)


def turned_at(notice: WorkNotice, work: Maintenance, heard: int) -> int:
    """Since when a work has begun (IN-PROCESS), or is over (COMPLETED), by a notice that came at `heard`: when the
    notice was made, if that can be, for some providers keep the date of their first. A window that is over sooner than
    planned tells when it was; one that is over later was over at its end, unless it is known to have run over."""
    is_dated = notice.stamp is not None and work.start <= notice.stamp <= heard
    said = notice.stamp if is_dated and notice.stamp is not None else heard
    last = work.spans[-1][0]
    if notice.status == "IN-PROCESS" or work.overrun_at is not None or said < last:
        return said
    return min(said, work.end, notice.end if notice.end > last else work.end)


def questions(
    told: Sequence[WorkNotice],
    merged: Merged,
    circuits: Sequence[Mapping[str, Any]],
    work: Maintenance | None,
    step: Step,
    now: int,
) -> Iterator[str]:
    """What a person has to say before a notice is followed. Where nothing is to be done but to keep it, doubts of its
    times ask for nothing."""
    off = all(notice.status == "CANCELLED" for notice in told)
    over = off or all(notice.status == "COMPLETED" for notice in told)
    names = [] if over else unmatched(circuits)
    if names:
        yield f"nothing in the topology is known by the supplier's name {', '.join(names[:8])}{_more(names, 8)}"
    if step in ("note", "start", "end"):
        return
    if merged.strays:
        yield "the window that is cancelled is not the one that is planned"
    if off and merged.left_out:
        others = _times(merged.left_out)
        yield f"of the windows of this work it cancels {len(told)}: are the others ({others}) worked in?"
    if step == "cancel":
        assert work is not None, "there is something to cancel"
        if spans_of(merged.words):
            yield "nothing that was planned loses its service any more: is the work off for the customers?"
        return
    if not off:
        yield from dict.fromkeys(doubt for notice in told for doubt in notice.doubts)
    if merged.dropped and merged.left_out:
        yield f"earlier notices told of windows that this one leaves out: are they off ({_times(merged.left_out)})?"
    if any(notice.status == "TENTATIVE" for notice in told):
        yield "the provider has not confirmed it yet"
    if step == "plan" and any(notice.status == "NO-CHANGE" for notice in told):
        yield "the notice does not say whether the work is confirmed, and none is known before it"
    if (fault := spans_fault(spans_of(merged.words), work if step == "change" else None, now)) is not None:
        yield f"{fault[0]}: {fault[1]}"


def spans_fault(spans: Sequence[Window], work: Maintenance | None, now: int) -> tuple[Place, str] | None:
    """What is wrong with these as the windows of a new work, or of `work` where that is changed, by its field."""
    if work is None:
        return windows_fault(spans, now)
    return change_fault(work, replace(work, **planned_in(spans)), now)


def _times(words: Sequence[Word]) -> str:
    spans = spans_of(words)
    shown = ", ".join(f"{instant_words(start)} to {instant_words(end)}" for start, end in spans[:4])
    return shown + _more([str(span) for span in spans], 4)


def _more(names: Sequence[str], shown: int) -> str:
    return f" and {len(names) - shown} more" if len(names) > shown else ""


def in_zone(instant: int, zone: ZoneInfo) -> int | None:
    """The instant whose time of day in `zone` is the one that was read as UTC; None where a clock change skips that
    time or lets it happen twice."""
    wall = to_datetime(instant).replace(tzinfo=None)
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    is_there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
    return to_microseconds(first) if is_there and first.utcoffset() == second.utcoffset() else None
