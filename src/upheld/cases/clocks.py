"""The clocks of a case: what was promised of its handling, until when, and whether that was kept. Pure.

Whether somebody was told in time stands with each notice (`due_by`). Here are the promises of the agreement's
`handling`: to fix it within a time that counts in service hours, and to say how far it is every so often; and that of
its `confirmation`, to ask the customer. Instants and durations in microseconds.
"""

from dataclasses import dataclass
from typing import Literal

from upheld.agreements.calendars import after_service_time
from upheld.agreements.model import Agreement
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import Case

ClockName = Literal["told", "fixed", "update", "asked"]
"""The promises of which a case says that they come close to their deadline."""
WARNED_AT = (3, 4)
"""The share of its time after which a clock warns, as a fraction."""
SENT_AT = (9, 10)
"""The share of its time after which the next update goes out by itself, so that it is there in time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A promise that runs: `met_at` is when it was met, None while it is not."""

    name: Literal["fixed", "update", "asked", "resolution"]
    since: int
    due: int
    met_at: int | None = None

    def standing(self, now: int) -> Literal["kept", "missed", "runs"]:
        """How it stands at `now`."""
        if self.met_at is not None:
            return "kept" if self.met_at <= self.due else "missed"
        return "runs" if now <= self.due else "missed"


def fixing_since(case: Case) -> int:
    """From when on the promise to fix it counts: the opening, or the customer's last no."""
    return case.reopened_at or case.opened_at


def informed_at(case: Case) -> int:
    """When the customer was last told how far it is."""
    return max(fixing_since(case), int(case.told.get("at", 0)))


def fixed_by(agreement: Agreement, since: int) -> int | None:
    """Until when a case that was opened, or not solved, at `since` is to be fixed; None where that is not promised."""
    return _within(agreement, since, (1, 1))


def warned_at(agreement: Agreement, since: int) -> int | None:
    """When that clock warns."""
    return _within(agreement, since, WARNED_AT)


def _within(agreement: Agreement, since: int, share: tuple[int, int]) -> int | None:
    promised = agreement.handling.fixed_within
    if promised is None:
        return None
    counted = share_of(promised, share)
    return after_service_time(agreement.service_hours, agreement.time_zone, since, counted)


def share_of(duration: int, share: tuple[int, int]) -> int:
    """So much of a time, rounded down."""
    return duration * share[0] // share[1]


def update_by(agreement: Agreement, informed: int) -> int | None:
    """Until when a customer who was told at `informed` is to be told again; None where that is not promised."""
    every = agreement.handling.update_every
    return None if every is None else informed + every


def asked_by(agreement: Agreement, case: Case) -> int | None:
    """Until when the customer of a case that is good again is to be asked; None where that is not promised."""
    within = agreement.confirmation.asked_within
    return None if within is None or case.restored_at is None else case.restored_at + within


def clocks(case: Case, agreement: Agreement, asked_at: int | None = None) -> list[Clock]:
    """The clocks of a case as it stands. That of the next update runs only while the case is not solved; `asked_at` is
    when the last round's question went out."""
    if case.kind == "no_data":
        return []
    found = []
    since = fixing_since(case)
    due = fixed_by(agreement, since)
    if due is not None:
        found.append(Clock("fixed", since, due, case.restored_at))
    due = update_by(agreement, informed_at(case))
    if due is not None and case.state in UNSOLVED:
        found.append(Clock("update", informed_at(case), due))
    due = asked_by(agreement, case)
    if due is not None and case.restored_at is not None:
        found.append(Clock("asked", case.restored_at, due, asked_at))
    return found
