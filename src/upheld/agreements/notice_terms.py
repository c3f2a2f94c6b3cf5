"""What an agreement promises to tell, whom, and how soon; and how it asks whether a problem is solved."""

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from upheld.agreements.calendars import working_days_after, working_days_before
from upheld.agreements.fields import Document, Duration, Name
from upheld.agreements.hours import NO_HOLIDAYS, parse_working_days
from upheld.agreements.objectives import Unit
from upheld.agreements.units import DAY

ANSWER_WITHIN = 2 * DAY
"""How soon an objection to planned work is answered where an agreement does not say."""


class Notice(Document):
    """A promise to tell: within a time after the event, to roles such as `customer.noc` or `account-manager`."""

    within: Duration | None = None
    to: tuple[Name, ...]


class WorkTerms(Document):
    """When and to whom a planned work is to be announced, for its windows not to count. `working_days`: `lead_time` is
    of days from Monday to Friday without the public holidays of that country (or subdivision, as `DE-BY`), or with `no
    holidays`. `per_month`: so many windows may begin in a month of the agreement's zone. `by_agreement`: a window that
    the customer itself asked for, and that was agreed to, needs no lead time."""

    lead_time: Duration
    working_days: Annotated[str | None, AfterValidator(parse_working_days)] = None
    per_month: Annotated[int | None, Field(ge=0)] = None
    to: tuple[Name, ...] = ()
    by_agreement: bool = True

    @model_validator(mode="after")
    def _whole_days(self) -> Self:
        if self.working_days is not None and self.lead_time % DAY:
            raise ValueError("lead_time: working days are whole days, such as 10d")
        return self

    def latest(self, start: int, zone: ZoneInfo) -> int:
        """Until when a window that begins at `start` is to be announced (microseconds UTC)."""
        if self.working_days is None:
            return start - self.lead_time
        region = None if self.working_days == NO_HOLIDAYS else self.working_days
        return working_days_before(start, self.lead_time // DAY, region, zone)


class MaintenanceNotice(WorkTerms):
    """A promise to announce planned work, with an optional reminder before it. `started` and `over` say that these are
    told of its turns too; that it runs over its window is told in any case. `answer_within`: so soon is whoever objects
    to a window answered, and in any case before it begins. `emergency`: terms of their own for emergency work; nobody
    named means the same as for other work."""

    reminder: Duration | None = None
    to: tuple[Name, ...]
    started: bool = False
    over: bool = False
    answer_within: Duration = ANSWER_WITHIN
    emergency: WorkTerms | None = None

    def terms_for(self, emergency: bool) -> WorkTerms:
        """What holds for a work: where nothing is agreed for an emergency, what holds for all."""
        if not emergency or self.emergency is None:
            return self
        return self.emergency.model_copy(update={"to": self.emergency.to or self.to})


class SummaryNotice(Document):
    """A promise to sum up what each calendar period came to, once all of its verdicts are final. A month begins on the
    billing day of the agreement's objectives, where they have the same."""

    to: tuple[Name, ...]
    every: Unit = "month"


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
    summary: SummaryNotice | None = None


class ResolutionTerms(Document):
    """Until when it is to be put down what a case that has closed was, and what was done: a promise of our own, which
    no customer hears of. `within` runs from the closing; with `working_days`, as `WorkTerms` has them, it is of working
    days. `to` are the provider's roles that are asked (none: its own of those who hear of violations and degradations),
    and `manager` those who are told that it was missed (none: who was asked)."""

    within: Duration = 2 * DAY
    working_days: Annotated[str | None, AfterValidator(parse_working_days)] = NO_HOLIDAYS
    to: tuple[Name, ...] = ()
    manager: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _ours(self) -> Self:
        if self.working_days is not None and self.within % DAY:
            raise ValueError("within: working days are whole days, such as 2d; by the clock with working_days: null")
        for field, roles in (("to", self.to), ("manager", self.manager)):
            if any(role.startswith("customer.") for role in roles):
                raise ValueError(f"{field}: names roles of the provider; no customer is asked what was done")
        return self

    def latest(self, closed_at: int, zone: ZoneInfo) -> int:
        """Until when it is to be put down of what closed at `closed_at` (microseconds UTC)."""
        if self.working_days is None:
            return closed_at + self.within
        region = None if self.working_days == NO_HOLIDAYS else self.working_days
        return working_days_after(closed_at, self.within // DAY, region, zone)


class Handling(Document):
    """How fast a case is handled, and how often the customer hears of it until then: promises with clocks of their own.

    `fixed_within` runs from the case's opening, or from the customer's no, and counts in the agreement's service hours
    only; `update_every` runs by the calendar from what was last told; `resolution` from the case's closing."""

    fixed_within: Duration | None = None
    update_every: Duration | None = None
    resolution: ResolutionTerms = ResolutionTerms()


class Confirmation(Document):
    """How the customer is asked whether the problem is solved: reminded after, and closed as unanswered after. For
    `reopen_within` after a case was closed, a no takes it up again. `asked_within` is the promise of when, from when
    the service was good again."""

    to: tuple[Name, ...] = ("customer.noc",)
    asked_within: Duration | None = None
    remind_after: Duration = DAY
    close_after: Duration = 3 * DAY
    reopen_within: Duration = 5 * DAY

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.remind_after >= self.close_after:
            raise ValueError("remind_after: must be shorter than close_after")
        return self
