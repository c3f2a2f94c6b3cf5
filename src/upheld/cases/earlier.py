"""Ended cases that are like one, and how far. Pure; instants in microseconds UTC.

Each thing in common counts what `COUNTS` gives it. How alike two cases are is what they share over what they could
share: nobody loses by what the case does not have, such as an alarm or a suspected cause.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upheld.agreements.units import DAY, HOUR
from upheld.cases.model import Case
from upheld.cases.problems import suspect

WEEK = 7 * DAY
FROM_MONDAY = 4 * DAY
"""The epoch began on a Thursday: so long before the first Monday."""
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
COUNTS: Mapping[str, int] = {"cause": 4, "promise": 2, "service": 2, "alarms": 2, "kind": 1, "week": 1}
"""What each thing in common counts: the suspected cause; the promise (of another service, half), the service, an alarm
about the same with the same words (the share of the case's that were there), the kind of case, the time of the week
within an hour."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An ended case, `alike` in [0, 1], and what it shares with the other, a few words each. `lasted` is from its
    opening until the service was good again (microseconds; None: it never was known to be, or had been before)."""

    case: Case
    alike: float
    shared: tuple[str, ...]

    @property
    def lasted(self) -> int | None:
        return None if self.case.restored_at is None else max(0, self.case.restored_at - self.case.opened_at)


def alike(
    case: Case, others: Iterable[Case], causes: Mapping[str, str] | None = None, most: int | None = None
) -> list[Earlier]:
    """The `others`, the likest first, of one likeness those of which it was put down what it was, then the newest; of
    the cases of one problem the likest alone. `causes` are those of problems by their ids."""
    known = causes or {}
    found = [_compared(case, other, known) for other in others if other.id != case.id]
    ordered = sorted(found, key=lambda e: (-e.alike, not e.case.resolution, -e.case.opened_at, e.case.id))
    by_event: dict[str, Earlier] = {}
    for one in ordered:
        by_event.setdefault(one.case.problem or one.case.id, one)
    return list(by_event.values())[:most]


def _compared(case: Case, other: Case, causes: Mapping[str, str]) -> Earlier:
    shared, could = list(_shared(case, other, causes)), _could_share(case, causes)
    return Earlier(other, round(sum(points for points, _ in shared) / could, 2), tuple(text for _, text in shared))


def _could_share(case: Case, causes: Mapping[str, str]) -> float:
    missing = {"cause": not _cause(case, causes), "alarms": not _alarms(case)}
    return float(sum(points for name, points in COUNTS.items() if not missing.get(name)))


def _shared(case: Case, other: Case, causes: Mapping[str, str]) -> Iterator[tuple[float, str]]:
    cause, service = _cause(case, causes), case.service == other.service
    if cause and cause == _cause(other, causes):
        yield COUNTS["cause"], f"the same suspected cause, {cause}"
    if service and (case.agreement, case.objective) == (other.agreement, other.objective):
        yield COUNTS["promise"] + COUNTS["service"], f"the same promise, {case.objective} of {case.service}"
    else:
        if case.objective == other.objective:
            yield COUNTS["promise"] / 2, f"the same objective, {case.objective}"
        if service:
            yield COUNTS["service"], f"the same service, {case.service}"
    alarms = _alarms(case)
    if both := alarms & _alarms(other):
        said = ", ".join(sorted(about for about, _ in both)[:3])
        yield COUNTS["alarms"] * len(both) / len(alarms), f"the same alarm of {said}"
    if case.kind == other.kind:
        yield COUNTS["kind"], f"a {case.kind.replace('_', ' ')} too" if case.kind != "no_data" else "nothing measured"
    apart = (case.opened_at - other.opened_at) % WEEK
    if min(apart, WEEK - apart) <= HOUR:
        day, hour = divmod((other.opened_at - FROM_MONDAY) % WEEK, DAY)
        yield COUNTS["week"], f"the same time of the week, {DAYS[day]} about {hour // HOUR:02}:00 UTC"


def _cause(case: Case, causes: Mapping[str, str]) -> str | None:
    of_problem = None if case.problem is None else causes.get(case.problem)
    return of_problem or suspect(case.findings)


def _alarms(case: Case) -> frozenset[tuple[str, str]]:
    found: Iterable[Mapping[str, Any]] = case.findings.get("alarms", ())
    return frozenset((alarm["about"], alarm["text"]) for alarm in found)
