"""Which windows a planned work can have, one check for all who plan.

A window is [start, end) in microseconds UTC. Where there are several, they are in order and apart."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal, TypedDict

from upheld.agreements.units import DAY, format_instant
from upheld.maintenance.model import Maintenance, Window

LONGEST = 31 * DAY
FURTHEST = 5 * 366 * DAY
MOST = 100
"""Windows that a work has at most."""
Place = Literal["start", "end", "windows"]


class PlannedIn(TypedDict):
    """The fields of a `Maintenance` that say when it is."""

    start: int
    end: int
    windows: tuple[Window, ...]


def window_fault(start: int, end: int, now: int) -> tuple[Literal["start", "end"], str] | None:
    """The field that is wrong with the window [start, end) of a work to be planned at `now`, and what is (all in
    microseconds UTC); None where nothing is. A window that is running may be planned: whoever was not told has earned
    nothing by it."""
    if end <= start:
        return "end", "the end is later than the start"
    if end <= now:
        return "end", "this is over already: a plan is for work to come"
    if end - start > LONGEST:
        return "end", f"a window is at most {LONGEST // DAY} days long: plan longer work as several"
    if start - now > FURTHEST:
        return "start", "this is more than five years away: is the year right?"
    return None


def windows_fault(spans: Sequence[Window], now: int) -> tuple[Place, str] | None:
    """The same of all windows of a work, one or several: those lie apart, and only the last one is not over. What
    concerns several is said of `windows`, by number."""
    if len(spans) == 1:
        return window_fault(*spans[0], now)
    if len(spans) > MOST:
        return "windows", f"a work has at most {MOST} windows"
    for number, (start, end) in enumerate(spans, 1):
        if (fault := window_fault(start, end, min(now, end - 1))) is not None:
            return "windows", f"window {number}: {fault[1]}"
    in_order = sorted(spans)
    for one, other in pairwise(in_order):
        if other[0] <= one[1]:
            return "windows", f"a window begins at {format_instant(other[0])} before another one is over: join the two"
    return window_fault(*in_order[-1], now)


def planned_in(spans: Iterable[Window]) -> PlannedIn:
    """The windows of a work, as it keeps them."""
    in_order = tuple(sorted(spans))
    return {
        "start": in_order[0][0],
        "end": in_order[-1][1],
        "windows": in_order if len(in_order) > 1 else (),
    }


def change_fault(known: Maintenance, wanted: Maintenance, now: int) -> tuple[Place, str] | None:
    """The field that is wrong with changing `known` to `wanted` at `now`, and what is; None where nothing is. A work
    that has begun keeps its start: it may be extended or cut short, also so that nothing of it is to come."""
    if known.ended_at is not None or (known.end <= now and not known.runs_over):
        return "end", "the work is over: plan another"
    if known.start <= now and wanted.start != known.start:
        return "start", "the work has begun: its start stays as it was"
    if not set(wanted.spans) <= set(known.spans):
        return windows_fault(wanted.spans, now)
    return None
