"""Planned work with its windows and its affected services (TMF655 ChangeRequest). Instants in microseconds UTC."""

from dataclasses import dataclass
from typing import Literal, get_args

from upheld.agreements.units import DAY, MINUTE

MaintenanceState = Literal["planned", "cancelled"]
WorkKind = Literal["maintenance", "migration", "test", "end_of_service"]
KINDS: tuple[WorkKind, ...] = get_args(WorkKind)
Window = tuple[int, int]
"""[start, end)"""
GRACE = 10 * MINUTE
"""So long after its window a work is watched: where nobody has said a word by then, and its services are good, it was
over when it ought to be."""


WATCHED = DAY
"""So long after its window it is looked at what a work does that is known to run over."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A planned work, or another scheduled event that is told as one (`kind`). `sequence` grows with each change of
    the work, as an iCalendar SEQUENCE does. `approved_by` names who let the work happen; an exclusion that it earns
    carries that name. A work of several windows has them in `windows`, in order and apart; `start` is then the first
    one's and `end` the last one's. `started_at` and `ended_at` are as a person or the clock said; `overrun_at` is since
    when it is known to run over its window."""

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
    started_at: int | None = None
    ended_at: int | None = None
    overrun_at: int | None = None
    emergency: bool = False
    kind: WorkKind = "maintenance"

    @property
    def interrupts(self) -> bool:
        """Whether it is worked on what runs on afterwards. Where a service ends, nothing is excluded or runs over."""
        return self.kind != "end_of_service"

    @property
    def spans(self) -> tuple[Window, ...]:
        """Every window."""
        return self.windows or ((self.start, self.end),)

    @property
    def worked(self) -> tuple[Window, ...]:
        """Every window, up to when the work was over."""
        if self.ended_at is None:
            return self.spans
        return tuple((start, min(end, self.ended_at)) for start, end in self.spans if start < self.ended_at)

    @property
    def runs_over(self) -> bool:
        """Whether it is known to run over its window, and not to be over."""
        return self.state == "planned" and self.overrun_at is not None and self.ended_at is None

    def may_run_over(self, now: int) -> bool:
        """Whether its window is over, and neither a person nor the clock has said that the work is."""
        return self.runs_over or (
            self.state == "planned" and self.ended_at is None and self.end <= now < self.end + GRACE
        )

    def may_be_outside(self, now: int) -> bool:
        """Whether it may be worked on outside of the announced windows: after the last, or, where it was said to have
        begun early, before the first."""
        begun_early = self.state == "planned" and self.ended_at is None and self._begun_early and now <= self.start
        return begun_early or self.may_run_over(now)

    def is_outside(self, bad_until: int) -> bool:
        """Whether what was bad up to an instant was so outside of the announced windows, while it may have been worked
        on."""
        return bad_until > self.end or (self._begun_early and (self.started_at or 0) < bad_until <= self.start)

    @property
    def _begun_early(self) -> bool:
        return self.started_at is not None and self.started_at < self.start


_PLANNED = ("title", "start", "end", "services", "approved_by", "description", "windows", "emergency", "kind")


def is_same_plan(known: Maintenance, wanted: Maintenance) -> bool:
    """Whether a work that is there is planned as `wanted` says, whatever has become of it since."""
    return known.state == "planned" and all(getattr(known, name) == getattr(wanted, name) for name in _PLANNED)


@dataclass(frozen=True, slots=True)
class Announcement:
    """Whether one agreement's announcement of a maintenance earned its exclusion, and why. DESIGN rule 13.

    `parts` are what was earned, as (service, start, end); `services` are those of them; `earned` says that this is all
    that the work hits, in all of its windows. `settled` are the windows, or parts of them, that had begun when this was
    decided: what was decided of them stands. `by_agreement` are those windows, as (start, end, by whose word), that are
    earned although they were announced late, for the customer itself had asked for them."""

    maintenance_id: str
    agreement: str
    customer: str
    earned: bool
    reason: str
    decided_at: int
    services: tuple[str, ...] = ()
    parts: tuple[tuple[str, int, int], ...] = ()
    settled: tuple[Window, ...] = ()
    by_agreement: tuple[tuple[int, int, str], ...] = ()
