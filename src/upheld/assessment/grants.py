"""Which exclusions a term grants, and why it refuses the others. DESIGN rules 4 and 13."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from upheld.agreements.calendars import outside_hours
from upheld.agreements.intervals import Interval, minus, overlap, union
from upheld.agreements.terms import Term
from upheld.assessment.verdict import Evidence
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion

OUTSIDE_SERVICE_HOURS = "outside service hours"
PART_OF_A_SLOT = "covers only part of a slot"


@dataclass(frozen=True, slots=True)
class Grants:
    """What does not count for a term: `covered`, the whole slots inside the union of all that was granted, in order and
    disjoint; and `evidence`, what each reason excludes of them, what of it covers only part of a slot and so does not
    count, and each refusal with its reason. Of a group that is put together slot by slot, `parts` is what does not
    count of each member. Instants in microseconds UTC."""

    covered: tuple[Interval, ...]
    evidence: tuple[Evidence, ...]
    parts: tuple[tuple[Interval, ...], ...] = ()


_NOTHING = Grants((), ())


def grants(term: Term, exclusions: Iterable[Exclusion], start: int, end: int) -> Grants:
    """What `term` excludes of [start, end): the time outside its service hours, and every exclusion of its service, or
    of the group that it is part of, that is approved and whose reason the agreement admits. Exclusions of a member of
    a group exclude that member; the evidence of them names it."""
    near = [x for x in exclusions if x.agreement in (term.agreement, None) and x.start < end and x.end > start]
    whole = [*_closed(term, start, end), *_decided(term, near, (term.service, term.group, EVERY_SERVICE))]
    if not whole and term.members is None:
        return _NOTHING
    covered = _covered(whole, term.indicator.slot)
    told = _told(whole, covered)
    if term.members is None or not term.members.by_slot:
        return Grants(covered, tuple(sorted(told)))
    parts = []
    for service in term.services:
        own = _decided(term, near, (service,))
        parts.append(_covered([*whole, *own], term.indicator.slot) if own else covered)
        told |= {replace(e, reason=f"{service}: {e.reason}") for e in _told(own, parts[-1])}
    return Grants(covered, tuple(sorted(told)), tuple(parts))


def _closed(term: Term, start: int, end: int) -> list[Evidence]:
    if term.service_hours is None:
        return []
    closed = outside_hours(term.service_hours, term.zone, start, end)
    return [Evidence(s, e, "excluded", OUTSIDE_SERVICE_HOURS) for s, e in closed]


def _decided(term: Term, exclusions: Iterable[Exclusion], services: Sequence[str | None]) -> list[Evidence]:
    return [_decide(term, x) for x in exclusions if x.service in services]


def _covered(evidence: Iterable[Evidence], slot: int) -> tuple[Interval, ...]:
    """The whole slots inside the union of all that is granted."""
    return tuple(_whole_slots(union((e.start, e.end) for e in evidence if e.kind == "excluded"), slot))


def _told(evidence: Sequence[Evidence], covered: Sequence[Interval]) -> set[Evidence]:
    """What each reason excludes of the covered slots, what of it covers only part of a slot, and the refusals."""
    granted = [e for e in evidence if e.kind == "excluded"]
    told = {e for e in evidence if e.kind != "excluded"}
    for reason in {e.reason for e in granted}:
        asked = union((e.start, e.end) for e in granted if e.reason == reason)
        inside, outside = overlap(asked, covered), minus(asked, covered)
        told |= {Evidence(s, e, "excluded", reason) for s, e in inside}
        told |= {Evidence(s, e, "not_excluded", f"{reason}: {PART_OF_A_SLOT}") for s, e in outside}
    return told


def _decide(term: Term, exclusion: Exclusion) -> Evidence:
    if not exclusion.approved_by:
        return Evidence(exclusion.start, exclusion.end, "not_excluded", f"{exclusion.reason}: not approved")
    if term.admitted is not None and exclusion.reason not in term.admitted:
        refusal = f"{exclusion.reason}: the agreement does not admit this reason"
        return Evidence(exclusion.start, exclusion.end, "not_excluded", refusal)
    return Evidence(exclusion.start, exclusion.end, "excluded", exclusion.reason)


def _whole_slots(intervals: Sequence[Interval], slot: int) -> list[Interval]:
    """The slots that lie wholly inside one of these intervals (disjoint and apart from each other)."""
    inner = ((-(-start // slot) * slot, end // slot * slot) for start, end in intervals)
    return [(start, end) for start, end in inner if start < end]
