"""Planned work with its window and its affected services (TMF655 ChangeRequest). Instants in microseconds UTC."""

from dataclasses import dataclass
from typing import Literal

MaintenanceState = Literal["planned", "cancelled"]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """`sequence` grows with each change of the work, as an iCalendar SEQUENCE does. `approved_by` names who let the
    work happen; an exclusion that it earns carries that name."""

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


@dataclass(frozen=True, slots=True)
class Announcement:
    """Whether one agreement's announcement of a maintenance earned its exclusion, and why. DESIGN rule 13.

    `services` are those that the exclusion was earned for; `earned` says that these are all that the work hits."""

    maintenance_id: str
    agreement: str
    customer: str
    earned: bool
    reason: str
    decided_at: int
    services: tuple[str, ...] = ()
