"""What is owed of a case that has closed without anybody having said what it was and what was done. Pure; instants in
microseconds UTC.

Of the cases of a problem it is owed once: what the problem was, they were.
"""

from dataclasses import dataclass
from typing import Literal

from upheld.cases.clocks import WARNED_AT, Clock

Stage = Literal["asked", "warning", "missed"]
"""What its owner hears of it, in this order; `missed` the manager does."""


@dataclass(frozen=True, slots=True)
class OwedResolution:
    """That it is to be put down by `due` what `subject`, a case or a problem, was. `case_id` is the case that has
    closed (of a problem the first), `agreement`, `service` and `customer` are that case's. `given_at` is when it was
    put down; `warned_at` and `missed_at` are when its owner, and the manager, were reminded."""

    subject: str
    case_id: str
    agreement: str
    service: str
    customer: str
    since: int
    due: int
    warned_at: int | None = None
    missed_at: int | None = None
    given_at: int | None = None

    @property
    def is_of_problem(self) -> bool:
        return self.subject != self.case_id

    @property
    def warns_at(self) -> int:
        """When its owner is reminded."""
        done, of = WARNED_AT
        return self.since + (self.due - self.since) * done // of

    @property
    def clock(self) -> Clock:
        return Clock("resolution", self.since, self.due, self.given_at)
