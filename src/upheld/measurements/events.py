"""An event that a commitment is about, such as a fault from report to restoration. DESIGN rule 5, `duration`."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceEvent:
    """An event of a metric of a service: `opened`, and `closed` or still open (None). `priority` chooses the limit that
    it has; `due` is the instant by which it is to close, where it names one. `event` is its number where it was
    recorded (a ticket's, an order's). `known_at` is when we learnt of it. Instants in microseconds UTC."""

    service: str
    metric: str
    opened: int
    closed: int | None = None
    priority: str | None = None
    due: int | None = None
    event: str | None = None
    known_at: int = 0

    @property
    def identity(self) -> tuple[str, str, str]:
        """(service, metric, number), and where it has no number the instant of its opening."""
        return self.service, self.metric, str(self.opened) if self.event is None else f"#{self.event}"


def _precedence(event: ServiceEvent) -> tuple[int, int, int, int, str]:
    """Orders what was told of one event: the latest knowledge holds; at the same instant, the later closing does (none
    is the latest), so that no order of arrival can matter."""
    still_open = 2**62
    return (
        event.known_at,
        still_open if event.closed is None else event.closed,
        event.opened,
        event.due or 0,
        event.priority or "",
    )


def last_told(events: Iterable[ServiceEvent]) -> int | None:
    """The instant just after the last opening or closing that is told of; None where there is none."""
    return max((max(event.opened, event.closed or 0) + 1 for event in events), default=None)


def holding_events(events: Iterable[ServiceEvent]) -> list[ServiceEvent]:
    """What holds of each event, by the instant of its opening."""
    held: dict[tuple[str, str, str], ServiceEvent] = {}
    for event in events:
        other = held.get(event.identity)
        if other is None or _precedence(event) > _precedence(other):
            held[event.identity] = event
    return sorted(held.values(), key=lambda e: (e.opened, e.identity))
