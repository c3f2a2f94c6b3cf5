"""What a provider's notice says of its planned work: read, not yet taken in. Instants in microseconds UTC.

The fields are those of MAINTNOTE (https://github.com/jda/maintnote-std, draft-gunter-calext-maintenance-notifications).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant, parse_instant

STATUSES = ("TENTATIVE", "CONFIRMED", "CANCELLED", "IN-PROCESS", "COMPLETED", "RE-SCHEDULED", "NO-CHANGE")
IMPACTS = ("NO-IMPACT", "REDUCED-REDUNDANCY", "DEGRADED", "OUTAGE")
LONG, SHORT, FAR = 21 * DAY, MINUTE, 400 * DAY
"""Real works take up to two weeks; a day and a month that were swapped make most often more."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """Something that the work touches, by the provider's name for it, and how (one of `IMPACTS`)."""

    circuit_id: str
    impact: str


@dataclass(frozen=True, slots=True)
class WorkNotice:
    """One window of one work, as a notice tells it. `status` is one of `STATUSES`. `stamp` is when the notice was made,
    `sequence` grows with each notice of the work (None where it says neither). `doubts` are questions for a person:
    what was understood, and may yet be meant otherwise."""

    provider: str
    maintenance_id: str
    status: str
    start: int
    end: int
    circuits: tuple[Circuit, ...]
    account: str | None = None
    stamp: int | None = None
    sequence: int | None = None
    organizer: str | None = None
    uid: str | None = None
    summary: str = ""
    doubts: tuple[str, ...] = ()


def same_circuit(circuit_id: str) -> str:
    """A circuit's name as names are compared."""
    return " ".join(circuit_id.split()).casefold()


def implausible(notice: WorkNotice) -> list[str]:
    """What of a notice a person ought to look at before anyone is told of the work."""
    doubts = []
    length = notice.end - notice.start
    if length > LONG:
        doubts.append(f"the window is {length // DAY} days long")
    if length < SHORT:
        doubts.append("the window is shorter than a minute")
    if notice.stamp is not None and abs(notice.start - notice.stamp) > FAR:
        doubts.append(f"the window is more than a year from the notice of {format_instant(notice.stamp)}")
    if not notice.circuits and notice.status not in ("CANCELLED", "COMPLETED"):
        doubts.append("no circuit is named")
    announces = notice.status in ("TENTATIVE", "CONFIRMED", "RE-SCHEDULED")
    if announces and notice.stamp is not None and notice.stamp > notice.end + HOUR:
        doubts.append("the window was over when the notice was made")
    return doubts


def to_document(notice: WorkNotice) -> Mapping[str, Any]:
    """The notice as JSON has it: instants as RFC 3339."""
    return {
        "provider": notice.provider,
        "account": notice.account,
        "maintenance_id": notice.maintenance_id,
        "status": notice.status,
        "start": format_instant(notice.start),
        "end": format_instant(notice.end),
        "circuits": [{"circuit_id": circuit.circuit_id, "impact": circuit.impact} for circuit in notice.circuits],
        "stamp": None if notice.stamp is None else format_instant(notice.stamp),
        "sequence": notice.sequence,
        "organizer": notice.organizer,
        "uid": notice.uid,
        "summary": notice.summary,
        "doubts": list(notice.doubts),
    }


def of_document(said: Mapping[str, Any]) -> WorkNotice:
    """The inverse of `to_document`."""
    times = {name: None if said[name] is None else parse_instant(said[name]) for name in ("start", "end", "stamp")}
    circuits = tuple(Circuit(one["circuit_id"], one["impact"]) for one in said["circuits"])
    return WorkNotice(**{**said, **times, "circuits": circuits, "doubts": tuple(said["doubts"])})
