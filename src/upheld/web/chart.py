"""A case's evidence as a chart and as a table: the measured series around the incident, and what was made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from upheld.agreements.indicators import Availability, Ratio
from upheld.agreements.objectives import Objective
from upheld.agreements.units import HOUR, Bound, format_share, parse_instant
from upheld.assessment.verdict import Evidence
from upheld.cases.model import Case
from upheld.measurements.thinning import Floats, extremes
from upheld.web import words

Points = list[tuple[int, float]]
MOST_POINTS = 1_600
MOST_ROWS = 500
"""Bad intervals outside a chart that stand in the table beside it, the newest."""
KINDS = {
    "bad": "Bad",
    "missing": "No data",
    "excluded": "Does not count",
    "not_excluded": "Counts: exclusion refused",
    "running": "Open, within its limit",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A row of the table beside the chart: an interval of the evidence with the values measured in it; `outside` says
    that the chart does not show it, and its values were not read."""

    evidence: Evidence
    kind: str
    lowest: str
    highest: str
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Restoration:
    """When the service was good again (microseconds UTC): as measured, or `said` by an operator."""

    at: int
    said: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """`document` is JSON for the chart's script; `summary` says in words what the chart shows, and what was bad
    besides; `omitted` counts the bad intervals that are not among the `stretches`."""

    document: dict[str, Any]
    summary: str
    stretches: tuple[Stretch, ...]
    omitted: int = 0


def incident(case: Case, evidence: Iterable[Evidence], slot: int, now: int) -> tuple[int, int]:
    """[start, end) of what a chart of the case shows: from before its first bad slot until after its restoration."""
    begins = disturbed_since(case, ((e.start, e.end) for e in evidence if e.kind == "bad"))
    ends = case.restored_at or case.closed_at or now
    padding = max(30 * slot, (ends - begins) // 3)
    return (begins - padding) // slot * slot, min(ends + padding, max(now, begins + slot))


def disturbed_since(case: Case, bad: Iterable[tuple[int, int]]) -> int:
    """When what the case is about began: the first bad slot of those that lie no more than an hour apart and lead up
    to its opening."""
    begins = case.opened_at
    for start, end in sorted((interval for interval in bad if interval[0] <= case.opened_at), reverse=True):
        if end < begins - HOUR and begins != case.opened_at:
            break
        begins = min(begins, start)
    return begins


def series_points(series: pa.Table, objective: Objective) -> Points:
    """The values of a series by time; good and total counts as the percentage that the objective speaks of."""
    counts_errors = isinstance(objective.indicator, Availability) and objective.indicator.error_rate_over is not None
    time, value, good, total = (
        series.column(name).fill_null(0).to_numpy() for name in ("time", "value", "good", "total")
    )
    has_value = series.column("value").is_valid().to_numpy()
    share = 100 * ((total - good if counts_errors else good) / np.maximum(total, 1))
    shown = has_value | (total > 0)
    return list(zip(time[shown].tolist(), np.where(has_value, value, share)[shown].tolist(), strict=True))


def members_up(series: Iterable[pa.Table], objective: Objective) -> Points:
    """How many members of a group are good in each slot that any of them was measured in, by the slot's begin. A member
    is good where none of its values in the slot fails."""
    indicator = objective.indicator
    good: dict[int, int] = {}
    for one in series:
        worst: dict[int, bool] = {}
        for time, value in series_points(one, objective):
            slot = time // indicator.slot * indicator.slot
            worst[slot] = worst.get(slot, True) and _is_good(value, objective)
        for slot, fine in worst.items():
            good[slot] = good.get(slot, 0) + fine
    return [(slot, float(count)) for slot, count in sorted(good.items())]


def _is_good(value: float, objective: Objective) -> bool:
    indicator = objective.indicator
    if not isinstance(indicator, Availability):
        return isinstance(objective.target, Bound) and objective.target.holds(value)
    if indicator.error_rate_over is not None:
        return value <= float(indicator.error_rate_over * 100)
    return indicator.good_when is not None and indicator.good_when.holds(value)


def draw(
    case: Case,
    objective: Objective,
    evidence: Iterable[Evidence],
    points: Points,
    start: int,
    end: int,
    restored: Iterable[Restoration] = (),
    whole: Iterable[Evidence] = (),
) -> Chart:
    """The chart of [start, end), with a mark for each restoration, and its table, to which the other bad intervals of
    the verdict are added (`whole`: its evidence)."""
    slot = objective.indicator.slot
    shown = [e for e in sorted(set(evidence)) if e.start < end and e.end > start]
    bad = [e for e in sorted(set(whole)) if e.kind == "bad"]
    outside = [e for e in bad if e.end <= start or e.start >= end]
    listed = outside[-MOST_ROWS:]
    rows = [*stretches(shown, points), *(Stretch(e, KINDS[e.kind], "–", "–", outside=True) for e in listed)]
    marks = [
        {"at": at // 1000, "label": label, "kind": kind}
        for at, label, kind in _marks(case, restored)
        if at is not None and start <= at <= end
    ]
    document = {
        "metric": _drawn(objective),
        "unit": _unit(objective),
        "start": start // 1000,
        "end": end // 1000,
        "points": [
            [time // 1000, None if value is None else round(value, 6)]
            for time, value in _with_gaps(_thinned(points), slot)
        ],
        "threshold": _threshold(objective),
        "bands": [
            {
                "from": max(e.start, start) // 1000,
                "to": min(e.end, end) // 1000,
                "kind": e.kind,
                "label": f"{KINDS[e.kind]}: {e.reason}" if e.reason else KINDS[e.kind],
            }
            for e in shown
        ],
        "marks": marks,
    }
    summary = _summary(case, objective, shown, points, start, end)
    if outside:
        summary += (
            f" In all of the period: bad for {words.span(sum(e.end - e.start for e in bad))} in {len(bad)} intervals."
        )
    return Chart(document, summary, tuple(sorted(rows, key=lambda row: row.evidence)), len(outside) - len(listed))


def _marks(case: Case, restored: Iterable[Restoration]) -> list[tuple[int | None, str, str]]:
    return [
        (_instant(case.verdict.get("at_risk_at")), "at risk", "at_risk"),
        (_instant(case.verdict.get("violated_at")), "violated", "violated"),
        *((one.at, "said solved" if one.said else "restored", "restored") for one in restored),
    ]


def _instant(text: str | None) -> int | None:
    return None if text is None else parse_instant(text)


def _drawn(objective: Objective) -> str:
    """What the line shows."""
    metric = objective.indicator.metric
    return metric if objective.group is None else f"services with a good {metric}"


def _unit(objective: Objective) -> str:
    if objective.group is not None:
        return ""
    if isinstance(objective.indicator, Ratio):
        return "% good"
    if isinstance(objective.indicator, Availability) and objective.indicator.error_rate_over is not None:
        return "% errors"
    return ""


def _threshold(objective: Objective) -> dict[str, Any] | None:
    indicator, group = objective.indicator, objective.group
    if group is not None:
        return {"value": group.needs, "label": f"needs {group.needs}"} if group.rule == "redundant" else None
    if isinstance(indicator, Availability):
        if indicator.error_rate_over is not None:
            rate = indicator.error_rate_over
            return {"value": float(rate * 100), "label": f"bad above {format_share(rate)}"}
        assert indicator.good_when is not None
        return {"value": float(indicator.good_when.limit), "label": f"good when {indicator.good_when}"}
    if isinstance(objective.target, Bound):
        return {"value": float(objective.target.limit), "label": f"promised {objective.target}"}
    return {"value": float(objective.target * 100), "label": f"promised {format_share(objective.target)}"}


def _thinned(points: Points) -> Points:
    """At most about MOST_POINTS of the points: of each bucket its lowest and its highest, so that no dip is lost."""
    return [points[at] for at in extremes(_values(points), MOST_POINTS).tolist()]


def _values(points: Sequence[tuple[int, float]]) -> Floats:
    return np.fromiter((value for _, value in points), np.float64, len(points))


def _with_gaps(points: Points, slot: int) -> list[tuple[int, float | None]]:
    """The points with a hole where slots have no data, so that the line does not lead across it."""
    steps = sorted(b[0] - a[0] for a, b in pairwise(points))
    usual = max(slot, steps[len(steps) // 2] if steps else slot)
    drawn: list[tuple[int, float | None]] = []
    for time, value in points:
        if drawn and time - drawn[-1][0] > 2 * usual:
            drawn.append((drawn[-1][0] + usual, None))
        drawn.append((time, value))
    return drawn


def stretches(shown: Iterable[Evidence], points: Sequence[tuple[int, float]]) -> Iterable[Stretch]:
    """The rows of the table."""
    time, values = np.fromiter((time for time, _ in points), np.int64, len(points)), _values(points)
    for e in shown:
        first, last = np.searchsorted(time, [e.start, e.end])
        within = values[first:last]
        yield Stretch(
            e,
            KINDS[e.kind],
            words.plain(float(within.min())) if len(within) else "–",
            words.plain(float(within.max())) if len(within) else "–",
        )


def _summary(case: Case, objective: Objective, shown: Sequence[Evidence], points: Points, start: int, end: int) -> str:
    bad = [e for e in shown if e.kind == "bad"]
    bad_time = sum(min(e.end, end) - max(e.start, start) for e in bad)
    text = (
        f"{_drawn(objective)} of {case.service} from {words.instant(start)} to {words.instant(end)}: "
        f"{len(points)} measurements"
    )
    if points:
        values = [value for _, value in points]
        text += f" between {words.plain(min(values))} and {words.plain(max(values))} {_unit(objective)}".rstrip()
    if bad:
        return f"{text}; bad for {words.span(bad_time)} in {len(bad)} interval{'s' if len(bad) > 1 else ''}."
    return f"{text}; no bad slot in view."
