"""Which exclusions a term grants, and why it refuses the others. DESIGN rules 4 and 13."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from upheld.agreements.calendars import Interval, outside_hours
from upheld.agreements.terms import Term
from upheld.assessment.verdict import Evidence
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion

OUTSIDE_SERVICE_HOURS = "outside service hours"


@dataclass(frozen=True, slots=True)
class Grants:
    """What does not count for a term: `covered`, the union of all that was granted, in order and disjoint; and
    `evidence`, each grant and each refusal with its reason. Instants in microseconds UTC."""

    covered: tuple[Interval, ...]
    evidence: tuple[Evidence, ...]


def grants(term: Term, exclusions: Iterable[Exclusion], start: int, end: int) -> Grants:
    """What `term` excludes of [start, end): the time outside its service hours, and every exclusion of its service
    that is approved and whose reason the agreement admits."""
    evidence = []
    if term.service_hours is not None:
        evidence += [
            Evidence(s, e, "excluded", OUTSIDE_SERVICE_HOURS)
            for s, e in outside_hours(term.service_hours, term.zone, start, end)
        ]
    evidence += [
        _decide(term, x)
        for x in exclusions
        if x.service in (term.service, EVERY_SERVICE)
        and x.agreement in (term.agreement, None)
        and x.start < end
        and x.end > start
    ]
    granted = sorted((e.start, e.end) for e in evidence if e.kind == "excluded")
    return Grants(tuple(_union(granted)), tuple(sorted(set(evidence))))


def _decide(term: Term, exclusion: Exclusion) -> Evidence:
    if not exclusion.approved_by:
        return Evidence(exclusion.start, exclusion.end, "not_excluded", f"{exclusion.reason}: not approved")
    if term.admitted is not None and exclusion.reason not in term.admitted:
        refusal = f"{exclusion.reason}: the agreement does not admit this reason"
        return Evidence(exclusion.start, exclusion.end, "not_excluded", refusal)
    return Evidence(exclusion.start, exclusion.end, "excluded", exclusion.reason)


def _union(intervals: Sequence[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for start, end in intervals:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
