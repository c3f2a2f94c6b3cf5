"""An objective: one promise with its indicator, its period, its target, its soft threshold and what a miss brings.

TMF657 ServiceLevelObjective, with its conformancePeriod, conformanceTarget and thresholdTarget."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from upheld.agreements.credits import AnyTier, BadTimeTier, DayTier, check_tiers, parse_tier, settled_tiers
from upheld.agreements.fields import Document, Duration, Name, Share, Target, listed
from upheld.agreements.indicators import Aggregate, Availability, Commitments, Indicator
from upheld.agreements.units import DAY, HOUR, Bound, format_duration, format_share

MAX_SLOTS = 10_000_000
"""So many slots a period may have."""

Unit = Literal["day", "week", "month", "quarter", "year"]

_DAYS_AT_MOST = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_SET_BACK = 2 * HOUR
"""By so much a change of clocks lengthens a period at most."""


class Period(Document):
    """A conformance period: `{calendar: month}` in the agreement's zone, or `{rolling: 28d}`. A month may begin on
    another day than its first, as bills do: `{calendar: month, billing_day: 15}`; where a month is too short for that
    day, on its last."""

    calendar: Unit | None = None
    rolling: Duration | None = None
    billing_day: Annotated[int, Field(ge=1, le=31, strict=True)] = 1

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.calendar is None) == (self.rolling is None):
            raise ValueError("give either calendar (day, week, month, quarter, year) or rolling (such as 28d)")
        if self.billing_day != 1 and self.calendar != "month":
            raise ValueError("billing_day: belongs to calendar: month")
        return self

    @property
    def label(self) -> str:
        """A short name that tells the periods of one objective apart: `month`, `month-15`, `28d`."""
        if self.rolling is not None:
            return format_duration(self.rolling).replace(" ", "")
        assert self.calendar is not None
        return self.calendar if self.billing_day == 1 else f"{self.calendar}-{self.billing_day}"


# -- soft thresholds: DESIGN rule 8 -----------------------------------------------------------------------------------


def _parse_rate(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float | str):
        raise ValueError("is not a rate such as 14.4")
    try:
        rate = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError("is not a rate such as 14.4") from None
    if not 0 < rate <= 1_000_000:
        raise ValueError("a rate must lie between 0 and 1,000,000")
    return rate


class BurnRate(Document):
    """Crossed where, over the last `long` and also over the last `short` time, the budget was spent at least `rate`
    times as fast as would use it up exactly (Google SRE workbook, chapter 5); not before `long` has passed within the
    period."""

    rate: Annotated[Fraction, BeforeValidator(_parse_rate)]
    long: Duration
    short: Duration

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.short >= self.long:
            raise ValueError("short: must be shorter than long")
        return self


class Forecast(Document):
    """Crossed where the budget runs out before the period ends if it goes on as over the last `over` time."""

    over: Duration


def _one_or_many(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


class Warning(Document):
    """The soft threshold: any of its conditions makes the objective at_risk, and it stays so until none has held at the
    end of `clear_after` slots in a row."""

    budget_spent: Share | None = None
    target: Target | None = None
    burn_rate: Annotated[tuple[BurnRate, ...], BeforeValidator(_one_or_many)] = ()
    forecast: Forecast | None = None
    elapsed: Share | None = None
    """Of `duration`: the share of its limit that an open event has used up."""
    clear_after: Annotated[int, Field(ge=1, le=100_000, strict=True)] = 1

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.model_fields_set - {"clear_after"}):
            raise ValueError("give budget_spent, target, burn_rate, forecast or (for a duration) elapsed")
        return self


def _is_stricter(warning: Fraction | Bound, target: Fraction | Bound) -> bool:
    """Whether what misses the target has missed the warning before, and the two are not the same."""
    if not isinstance(warning, Bound) or not isinstance(target, Bound):
        return isinstance(warning, Fraction) and isinstance(target, Fraction) and warning > target
    if warning.operator[0] != target.operator[0]:
        return False
    if warning.limit == target.limit:
        return len(warning.operator) < len(target.operator)  # < 40 is stricter than <= 40
    return (warning.limit < target.limit) == (target.operator[0] == "<")


# -- what is promised of several services together --------------------------------------------------------------------


def _parse_members(value: object) -> object:
    """A list of services, or services with their weights -> services with weights."""
    return dict.fromkeys(value, 1) if isinstance(value, list | tuple) else value


class Group(Document):
    """A promise about several services together; its verdict bears the group's `id` as its service.

    By slot: `redundant` is down only where fewer than `needs` of them are up (availability only); `mean` weighs in each
    slot which of them are up (availability only). By period: `all` is met where each of them meets the target, `any`
    where at least one does."""

    id: Name
    rule: Literal["all", "any", "mean", "redundant"]
    services: Annotated[
        Mapping[Name, Annotated[int, Field(ge=1, le=1_000_000, strict=True)]], BeforeValidator(_parse_members)
    ] = Field(default_factory=dict)
    """By name, with the weight of each; by default every service of the agreement with the weight 1."""
    needs: Annotated[int, Field(ge=1, strict=True)] = 1

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if "needs" in self.model_fields_set and self.rule != "redundant":
            raise ValueError("needs: belongs to rule: redundant")
        if self.services and len(self.services) < 2:
            raise ValueError("services: a group has at least two")
        if self.services and self.needs > len(self.services):
            raise ValueError(f"needs: must be at most {len(self.services)}, the number of services")
        if self.rule != "mean" and any(weight != 1 for weight in self.services.values()):
            raise ValueError("services: weights belong to rule: mean")
        return self


# -- rights beyond credits --------------------------------------------------------------------------------------------

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def _parse_months(text: object) -> int:
    """`"3 months"`, `"1 year"` -> months."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = re.fullmatch(r"(\d{1,3})\s*(month|quarter|year)s?", text.strip()) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) * _MONTHS[match[2]] <= 120:
        raise ValueError('is not a number of months such as "3 months" or "1 year", up to 10 years')
    return int(match[1]) * _MONTHS[match[2]]


class Chronic(Document):
    """A right that arises where so many periods were violated whose ends lie within so many calendar months, the
    present period's included: `{violations: 3, within: 3 months, right: exit}`. `within` in months."""

    violations: Annotated[int, Field(ge=1, le=1_000, strict=True)]
    within: Annotated[int, BeforeValidator(_parse_months)]
    right: Name = "exit"


# -- the objective ----------------------------------------------------------------------------------------------------


def _parse_tier(value: object) -> AnyTier:
    tier = parse_tier(value)
    if isinstance(tier, DayTier):
        return tier
    if not tier.share:
        raise ValueError("share: must be more than 0 %; leave the tier out")
    return tier


Tiers = tuple[Annotated[AnyTier, BeforeValidator(_parse_tier)], ...]


class PeriodTerms(Period):
    """One of several periods of an objective; what it names of its own replaces what the objective says."""

    target: Target | None = None
    warning: Warning | None = None
    credits: Tiers | None = None


class Objective(Document):
    """One promise: how it is measured, over which period, with which target, threshold and credits.

    An objective with `periods` is as many promises, each named after its period: `availability@month`,
    `availability@28d` (see `promises`)."""

    id: Name
    indicator: Indicator
    period: Period | None = None
    periods: tuple[PeriodTerms, ...] = ()
    target: Target
    warning: Warning | None = None
    credits: Tiers = ()
    group: Group | None = None
    chronic: Annotated[tuple[Chronic, ...], BeforeValidator(_one_or_many)] = ()

    @field_validator("credits")
    @classmethod
    def _settle(cls, tiers: tuple[AnyTier, ...], info: ValidationInfo) -> tuple[AnyTier, ...]:
        return settled_tiers(tiers, info.data.get("target"))

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if (self.period is None) == (not self.periods):
            raise ValueError("give either period, or several in periods")
        if self.periods and not any(p.calendar for p in self.periods):
            for name, needs in (("credits", "need"), ("chronic", "needs")):
                if getattr(self, name):
                    raise ValueError(f"{name}: {needs} a calendar period, for a rolling one never ends")
        labels = [p.label for p in self.periods]
        for number, label in enumerate(labels):
            if label in labels[:number]:
                raise ValueError(f"periods.{number}: an earlier one is {label} too")
        if self.group is not None and isinstance(self.indicator, Commitments):
            raise ValueError("group: an indicator of kind duration has none; each service keeps its own clocks")
        by_slot = self.group is not None and self.group.rule in ("mean", "redundant")
        if by_slot and not isinstance(self.indicator, Availability):
            raise ValueError("group: the rules mean and redundant need an indicator of kind availability")
        if self.group is not None and self.group.rule == "mean" and isinstance(self.indicator, Availability):
            for name in ("consecutive", "recovery"):
                if getattr(self.indicator, name) != 1:
                    raise ValueError(f"indicator.{name}: does not go with a group of rule mean, whose slots are shares")
        for number, promise in enumerate(self.promises()):
            place = "" if self.period is not None else f"periods.{number}."
            _check(promise, place)
        return self

    def promises(self) -> tuple["Objective", ...]:
        """The objective with its one period; or, where it has several, one objective for each, in their order."""
        if self.period is not None:
            return (self,)
        return tuple(self._over(terms) for terms in self.periods)

    def _over(self, terms: PeriodTerms) -> "Objective":
        target = self.target if terms.target is None else terms.target
        closes = terms.calendar is not None  # what a period comes to in the end is nothing for one that never ends
        tiers = terms.credits if terms.credits is not None else self.credits if closes else ()
        own = {
            "id": f"{self.id}@{terms.label}",
            "period": Period.model_construct(
                calendar=terms.calendar, rolling=terms.rolling, billing_day=terms.billing_day
            ),
            "periods": (),
            "target": target,
            "warning": self.warning if terms.warning is None else terms.warning,
            "credits": settled_tiers(tiers, target),
            "chronic": self.chronic if closes else (),
        }
        return self.model_copy(update=own)

    @property
    def sole_period(self) -> Period:
        """The period of a promise."""
        assert self.period is not None, "an objective with several periods is taken apart by promises()"
        return self.period


def _check(promise: Objective, place: str) -> None:
    """Raises ValueError, its message beginning with the field, where the parts of a promise do not fit."""
    is_bound = isinstance(promise.indicator, Aggregate)
    kind = promise.indicator.kind
    wanted = 'a bound in the metric\'s unit, such as "<= 40"' if is_bound else 'a share, such as "99.9 %"'
    target = promise.target
    if isinstance(target, Bound) != is_bound:
        raise ValueError(f"target: of an objective of kind {kind} must be {wanted}")
    if isinstance(target, Bound) and target.operator in ("==", "!="):
        raise ValueError("target: must begin with one of <=, <, >=, >")
    _check_warning(promise, is_bound, wanted)
    _check_period(promise, place)
    counts_time = isinstance(promise.indicator, Availability)
    check_tiers(promise.credits, counts_slots=counts_time, has_attained=not is_bound)
    if promise.chronic and promise.sole_period.calendar is None:
        raise ValueError("chronic: needs a calendar period, for a rolling one never ends")


def _check_warning(promise: Objective, is_bound: bool, wanted: str) -> None:
    warning, target, kind = promise.warning, promise.target, promise.indicator.kind
    if warning is None:
        return
    soft = warning.target
    if soft is not None and isinstance(soft, Bound) != is_bound:
        raise ValueError(f"warning.target: of an objective of kind {kind} must be {wanted}")
    if isinstance(soft, Bound) and soft.operator in ("==", "!="):
        raise ValueError("warning.target: must begin with one of <=, <, >=, >")
    if is_bound:
        for name in ("budget_spent", "burn_rate", "forecast"):
            if getattr(warning, name):
                raise ValueError(f"warning.{name}: an aggregate has no budget; give warning.target")
    if soft is not None and not _is_stricter(soft, target):
        if isinstance(target, Bound):
            raise ValueError(f"warning.target: must be stricter than the target {target}, in its direction")
        raise ValueError(f"warning.target: must be more than the target {format_share(target)}")
    _check_trends(promise, warning)


def _check_trends(promise: Objective, warning: Warning) -> None:
    """Burn rates and forecasts look at slots; only a duration has clocks that run."""
    of_events = isinstance(promise.indicator, Commitments)
    if of_events and (warning.burn_rate or warning.forecast is not None or warning.clear_after != 1):
        raise ValueError("warning: a duration has no slots; give elapsed, budget_spent or target")
    if warning.elapsed is not None and not of_events:
        raise ValueError("warning.elapsed: belongs to an indicator of kind duration")
    if warning.elapsed == 0:
        raise ValueError("warning.elapsed: must be more than 0 %")
    slot, rolling = promise.indicator.slot, promise.sole_period.rolling
    windows = [("burn_rate", w) for burn in warning.burn_rate for w in (burn.long, burn.short)]
    if warning.forecast is not None:
        windows.append(("forecast", warning.forecast.over))
        if rolling is not None:
            raise ValueError("warning.forecast: needs a calendar period, for a rolling one has no end to look ahead to")
    longest = rolling or _DAYS_AT_MOST[promise.sole_period.calendar or "day"] * DAY
    for name, window in windows:
        if window % slot:
            raise ValueError(f"warning.{name}: {format_duration(window)} must be a whole number of slots")
        if window > longest:
            raise ValueError(f"warning.{name}: {format_duration(window)} is longer than the period")


def _check_period(promise: Objective, place: str) -> None:
    period, slot = promise.sole_period, promise.indicator.slot
    rolling = period.rolling
    longest = _DAYS_AT_MOST[period.calendar] * DAY + _SET_BACK if period.calendar else rolling or 0
    if not isinstance(promise.indicator, Commitments):
        _check_slots(slot, rolling, longest, place or "period.")
    if rolling is not None and promise.credits:
        raise ValueError(f"{place}credits: need a calendar period, for a rolling one never ends")
    for tier in promise.credits:
        if isinstance(tier, BadTimeTier) and not tier.holds(-(-longest // slot) * slot):
            never = f"the tier at {format_duration(tier.limit)} can never hold"
            raise ValueError(f"{place}credits: {never}, for no {period.calendar} is that long")


def _check_slots(slot: int, rolling: int | None, longest: int, where: str) -> None:
    if rolling is not None:
        if rolling % slot:
            raise ValueError(f"{where}rolling: must be a whole number of slots of {format_duration(slot)}")
    elif slot > DAY or DAY % slot:
        raise ValueError("indicator.slot: must divide a day evenly, such as 1m, 5m or 1h")
    if -(-longest // slot) > MAX_SLOTS:
        smallest = format_duration(_smallest_slot(longest, DAY if rolling is None else rolling))
        raise ValueError(f"indicator.slot: must be at least {smallest}: a period has at most {MAX_SLOTS:,} slots")


def _smallest_slot(longest: int, divided: int) -> int:
    """The shortest slot (a part of a day, in whole ms) that cuts `longest` into at most MAX_SLOTS slots and `divided`
    into a whole number of them; `divided` itself where there is none."""
    day = DAY // 1_000
    sizes = (day // parts * 1_000 for parts in range(day, 0, -1) if day % parts == 0)
    return next((size for size in sizes if size * MAX_SLOTS >= longest and divided % size == 0), divided)


def check_group(objective: Objective, services: Sequence[str]) -> None:
    """Raises ValueError where an objective's group does not fit the services of its agreement."""
    group = objective.group
    if group is None:
        return
    if group.id in services:
        raise ValueError(f"group.id: {group.id!r} is a service; the group needs a name of its own")
    strangers = sorted(set(group.services) - set(services))
    if strangers:
        raise ValueError(f"group.services: unknown service {strangers[0]!r}; the agreement has {listed(services)}")
    members = len(group.services or services)
    if members < 2:
        raise ValueError("group: needs at least two services")
    if group.needs > members:
        raise ValueError(f"group.needs: must be at most {members}, the number of services")
