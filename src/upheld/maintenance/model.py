"""Planned work with its windows and its affected services (TMF655 ChangeRequest). Instants in microseconds UTC."""

from dataclasses import dataclass
from typing import Literal

MaintenanceState = Literal["planned", "cancelled"]
Window = tuple[int, int]
"""[start, end)"""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """`sequence` grows with each change of the work, as an iCalendar SEQUENCE does. `approved_by` names who let the
    work happen; an exclusion that it earns carries that name. A work of several windows has them in `windows`, in
    order and apart; `start` is then the first one's and `end` the last one's."""

    id: str
    title: str
    start: int
    end: int
    services: tuple[str, ...]
    approved_by: str
    planned_at: int
    description: str = ""
    state: MaintenanceState = "planned"
    sequence: int = 0
    windows: tuple[Window, ...] = ()

    @property
    def spans(self) -> tuple[Window, ...]:
        """Every window."""
        return self.windows or ((self.start, self.end),)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Whether one agreement's announcement of a maintenance earned its exclusion, and why. DESIGN rule 13.

    `parts` are what was earned, as (service, start, end); `services` are those of them; `earned` says that this is all
    that the work hits, in all of its windows. `settled` are the windows, or parts of them, that had begun when this was
    decided: what was decided of them stands."""

    maintenance_id: str
    agreement: str
    customer: str
    earned: bool
    reason: str
    decided_at: int
    services: tuple[str, ...] = ()
    parts: tuple[tuple[str, int, int], ...] = ()
    settled: tuple[Window, ...] = ()
