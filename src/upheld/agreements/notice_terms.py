"""What an agreement promises to tell, whom, and how soon; and how it asks whether a problem is solved."""

from typing import Self

from pydantic import model_validator

from upheld.agreements.fields import Document, Duration, Name
from upheld.agreements.units import DAY


class Notice(Document):
    """A promise to tell: within a time after the event, to roles such as `customer.noc` or `account-manager`."""

    within: Duration | None = None
    to: tuple[Name, ...]


class MaintenanceNotice(Document):
    """A promise to announce planned work: `lead_time` before its start, with an optional reminder before it. `started`
    and `over` say that these are told of its turns too; that it runs over its window is told in any case."""

    lead_time: Duration
    reminder: Duration | None = None
    to: tuple[Name, ...]
    started: bool = False
    over: bool = False


class Notices(Document):
    """Who is told of what, and how soon."""

    violation: Notice | None = None
    degradation: Notice | None = None
    restoration: Notice | None = None
    no_data: Notice | None = None
    """That a series has fallen silent; where it is not said, the provider's own roles of the others are told."""
    maintenance: MaintenanceNotice | None = None
    credit: Notice | None = None
    """That a credit is due or can be claimed; `within` runs from when its verdict is final."""


class Handling(Document):
    """How fast a case is handled, and how often the customer hears of it until then: promises with clocks of their own.

    `fixed_within` runs from the case's opening, or from the customer's no, and counts in the agreement's service hours
    only; `update_every` runs by the calendar from what was last told."""

    fixed_within: Duration | None = None
    update_every: Duration | None = None


class Confirmation(Document):
    """How the customer is asked whether the problem is solved: reminded after, and closed as unanswered after."""

    to: tuple[Name, ...] = ("customer.noc",)
    remind_after: Duration = DAY
    close_after: Duration = 3 * DAY

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.remind_after >= self.close_after:
            raise ValueError("remind_after: must be shorter than close_after")
        return self
