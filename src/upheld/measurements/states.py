"""Events as a state: while an event of a metric is open, the metric is `DOWN`, as measurements at instants that make
every slot bad that the event touches.

Those are the event's opening, and the start of each slot until its closing. What comes to be known otherwise is
corrected to `UP`. The same measurements stand in the log under the metric's name with `SUFFIX`, so that what others
measure of the metric is never taken for ours.
"""

from collections.abc import Iterable, Sequence

from upheld.measurements.events import ServiceEvent
from upheld.measurements.model import Measurement

DOWN, UP = 0.0, 1.0
SUFFIX = " (events)"


def instants(events: Iterable[ServiceEvent], slots: Sequence[int], start: int, end: int) -> set[int]:
    """The instants with start <= instant < end at which one of the events makes its metric down, for slots of these
    lengths (all in microseconds)."""
    found: set[int] = set()
    for event in events:
        closed = end if event.closed is None else min(event.closed, end)
        if start <= event.opened < closed:
            found.add(event.opened)
        for slot in slots:
            first = -(-max(event.opened, start) // slot) * slot
            found.update(range(first, closed, slot))
    return found


def restated(series: tuple[str, str], down: set[int], held: Iterable[Measurement], known_at: int) -> list[Measurement]:
    """What is to be measured so that the metric is down at these instants and at no others. `held` is what holds of it
    under its own name and that with `SUFFIX`, where it may be otherwise."""
    service, metric = series
    ours = {one.time: one.value for one in held if one.metric == metric + SUFFIX}
    was_down = {time for time, value in ours.items() if value == DOWN}
    since = max((one.known_at for one in held), default=0)
    at = max(known_at, since + 1)
    changes = [(time, DOWN) for time in down - was_down] + [(time, UP) for time in was_down - down]
    return [
        Measurement(service, name, time, value, known_at=at)
        for name in (metric, metric + SUFFIX)
        for time, value in sorted(changes)
    ]
