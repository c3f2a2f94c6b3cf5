"""Which windows a planned work can have. One check for all who plan: the API and the console."""

from typing import Literal

from upheld.agreements.units import DAY

LONGEST = 31 * DAY
FURTHEST = 5 * 366 * DAY


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
