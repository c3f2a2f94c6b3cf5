"""An agreement as a user writes it (TMF623 SLA, TMF657 ServiceLevelObjective), validated.

The models take what a YAML document holds (strings, numbers as `Decimal`, lists, mappings) and refuse every field that
they do not know. Fractions, bounds, durations (microseconds) and instants (microseconds, UTC) are exact: see `units`.
"""

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from babel.numbers import list_currencies
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from upheld.agreements.credits import AnyTier, BadTimeTier, check_tiers, parse_tier, settled_tiers
from upheld.agreements.units import (
    DAY,
    HOUR,
    Bound,
    format_duration,
    format_share,
    parse_bound,
    parse_duration,
    parse_instant_or_date,
    parse_share,
)

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s*/][^\x00-\x1f]*$")]
Share = Annotated[Fraction, BeforeValidator(parse_share)]
Duration = Annotated[int, BeforeValidator(parse_duration)]
Limit = Annotated[Bound, BeforeValidator(parse_bound)]


def _parse_target(text: object) -> Fraction | Bound:
    if not isinstance(text, str):
        raise ValueError('write a share with its sign, such as "99.9 %", or a bound, such as "<= 40"')
    return parse_share(text) if text.strip().endswith("%") else parse_bound(text)


_zones = cache(available_timezones)  # it walks the whole database of zones


def _parse_zone(name: object) -> ZoneInfo:
    if not isinstance(name, str) or name not in _zones():
        raise ValueError("is not an IANA time zone such as Europe/Berlin or UTC")
    return ZoneInfo(name)


def _parse_currency(code: object) -> str:
    if not isinstance(code, str) or code not in list_currencies():
        raise ValueError("is not an ISO 4217 currency code such as EUR")
    return code


Target = Annotated[Fraction | Bound, BeforeValidator(_parse_target)]
Zone = Annotated[ZoneInfo, BeforeValidator(_parse_zone)]
Currency = Annotated[str, BeforeValidator(_parse_currency)]
MissingPolicy = Literal["exclude", "bad", "good"]

MAX_SLOTS = 10_000_000
"""So many slots a period may have."""

_DAYS_AT_MOST = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
_SET_BACK = 2 * HOUR
"""By so much a change of clocks lengthens a period at most."""


class Document(BaseModel):
    """What every part of an agreement shares: it cannot be changed, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Availability(Document):
    """A slot is good or bad; attained = good / (good + bad). DESIGN rule 5."""

    kind: Literal["availability"]
    metric: Name
    slot: Duration = 60_000_000
    missing: MissingPolicy = "exclude"
    good_when: Limit | None = None
    slot_rule: Literal["any_bad", "all_bad", "mean", "last"] = "any_bad"
    error_rate_over: Share | None = None
    min_total: Annotated[int, Field(ge=0, strict=True)] = 0
    consecutive: Annotated[int, Field(ge=1, strict=True)] = 1
    recovery: Annotated[int, Field(ge=1, strict=True)] = 1

    @model_validator(mode="after")
    def _one_way_to_tell_bad(self) -> Self:
        if (self.good_when is None) == (self.error_rate_over is None):
            raise ValueError("give either good_when (for values) or error_rate_over (for good and total counts)")
        if self.error_rate_over is None and self.min_total:
            raise ValueError("min_total belongs to error_rate_over")
        if self.error_rate_over is not None and "slot_rule" in self.model_fields_set:
            raise ValueError("slot_rule belongs to good_when")
        return self


class Ratio(Document):
    """Good of total events, over the period's events or as the mean of its slots' ratios. DESIGN rule 5."""

    kind: Literal["ratio"]
    metric: Name
    slot: Duration = 60_000_000
    missing: MissingPolicy = "exclude"
    weighting: Literal["events", "slots"] = "events"

    @model_validator(mode="after")
    def _missing_can_count(self) -> Self:
        if self.missing != "exclude" and self.weighting == "events":
            raise ValueError(
                f"missing: {self.missing} needs weighting: slots, for a slot without data has no events to count"
            )
        return self


def _parse_aggregate(text: object) -> str:
    if isinstance(text, str):
        if text in ("mean", "min", "max", "sum"):
            return text
        if re.fullmatch(r"p\d{1,2}(\.\d+)?", text) and Decimal(text[1:]) > 0:
            return text
    raise ValueError("is mean, min, max, sum, or a percentile such as p95 or p99.9")


class Aggregate(Document):
    """mean, min, max, sum or pNN of the period's values, in the metric's unit. DESIGN rule 5."""

    kind: Literal["aggregate"]
    metric: Name
    aggregate: Annotated[str, BeforeValidator(_parse_aggregate)]
    slot: Duration = 60_000_000
    missing: Literal["exclude"] = "exclude"


Indicator = Annotated[Availability | Ratio | Aggregate, Field(discriminator="kind")]


class Period(Document):
    """A conformance period: `{calendar: month}` in the agreement's zone, or `{rolling: 28d}`."""

    calendar: Literal["day", "week", "month", "quarter", "year"] | None = None
    rolling: Duration | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.calendar is None) == (self.rolling is None):
            raise ValueError("give either calendar (day, week, month, quarter, year) or rolling (such as 28d)")
        return self


class Warning(Document):
    """The soft threshold. Any of its conditions makes the objective at_risk. DESIGN rule 8."""

    budget_spent: Share | None = None
    target: Target | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.budget_spent is None and self.target is None:
            raise ValueError("give budget_spent or target")
        return self


def _parse_tier(value: object) -> AnyTier:
    tier = parse_tier(value)
    if not tier.share:
        raise ValueError("share: must be more than 0 %; leave the tier out")
    return tier


def _is_stricter(warning: Fraction | Bound, target: Fraction | Bound) -> bool:
    """Whether what misses the target has missed the warning before, and the two are not the same."""
    if not isinstance(warning, Bound) or not isinstance(target, Bound):
        return isinstance(warning, Fraction) and isinstance(target, Fraction) and warning > target
    if warning.operator[0] != target.operator[0]:
        return False
    if warning.limit == target.limit:
        return len(warning.operator) < len(target.operator)  # < 40 is stricter than <= 40
    return (warning.limit < target.limit) == (target.operator[0] == "<")


class Objective(Document):
    """One promise: how it is measured, over which period, with which target, threshold and credits."""

    id: Name
    indicator: Indicator
    period: Period
    target: Target
    warning: Warning | None = None
    credits: tuple[Annotated[AnyTier, BeforeValidator(_parse_tier)], ...] = ()

    @field_validator("credits")
    @classmethod
    def _settle(cls, tiers: tuple[AnyTier, ...], info: ValidationInfo) -> tuple[AnyTier, ...]:
        return settled_tiers(tiers, info.data.get("target"))

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        is_bound = self.indicator.kind == "aggregate"
        wanted = 'a bound in the metric\'s unit, such as "<= 40"' if is_bound else 'a share, such as "99.9 %"'
        if isinstance(self.target, Bound) != is_bound:
            raise ValueError(f"target: of an objective of kind {self.indicator.kind} must be {wanted}")
        if isinstance(self.target, Bound) and self.target.operator in ("==", "!="):
            raise ValueError("target: must begin with one of <=, <, >=, >")
        self._check_warning(is_bound, wanted)
        self._check_period()
        check_tiers(self.credits, counts_slots=self.indicator.kind == "availability", has_attained=not is_bound)
        return self

    def _check_warning(self, is_bound: bool, wanted: str) -> None:
        if self.warning is None:
            return
        if self.warning.target is not None and isinstance(self.warning.target, Bound) != is_bound:
            raise ValueError(f"warning.target: of an objective of kind {self.indicator.kind} must be {wanted}")
        if isinstance(self.warning.target, Bound) and self.warning.target.operator in ("==", "!="):
            raise ValueError("warning.target: must begin with one of <=, <, >=, >")
        if self.warning.budget_spent is not None and is_bound:
            raise ValueError("warning.budget_spent: an aggregate has no budget; give warning.target")
        if self.warning.target is not None and not _is_stricter(self.warning.target, self.target):
            if isinstance(self.target, Bound):
                raise ValueError(f"warning.target: must be stricter than the target {self.target}, in its direction")
            raise ValueError(f"warning.target: must be more than the target {format_share(self.target)}")

    def _check_period(self) -> None:
        slot, rolling = self.indicator.slot, self.period.rolling
        if rolling is not None:
            if rolling % slot:
                raise ValueError(f"period.rolling: must be a whole number of slots of {format_duration(slot)}")
            if self.credits:
                raise ValueError("credits: need a calendar period, for a rolling one never ends")
        elif slot > DAY or DAY % slot:
            raise ValueError("indicator.slot: must divide a day evenly, such as 1m, 5m or 1h")
        longest = _DAYS_AT_MOST[self.period.calendar] * DAY + _SET_BACK if self.period.calendar else rolling or 0
        slots = -(-longest // slot)
        if slots > MAX_SLOTS:
            smallest = format_duration(_smallest_slot(longest, DAY if rolling is None else rolling))
            raise ValueError(f"indicator.slot: must be at least {smallest}: a period has at most {MAX_SLOTS:,} slots")
        for tier in self.credits:
            if isinstance(tier, BadTimeTier) and not tier.holds(slots * slot):
                never = f"the tier at {format_duration(tier.limit)} can never hold"
                raise ValueError(f"credits: {never}, for no {self.period.calendar} is that long")


def _smallest_slot(longest: int, divided: int) -> int:
    """The shortest slot (a part of a day, in whole ms) that cuts `longest` into at most MAX_SLOTS slots and `divided`
    into a whole number of them; `divided` itself where there is none."""
    day = DAY // 1_000
    sizes = (day // parts * 1_000 for parts in range(day, 0, -1) if day % parts == 0)
    return next((size for size in sizes if size * MAX_SLOTS >= longest and divided % size == 0), divided)


class Money(Document):
    """An amount in the currency's major unit, exact."""

    amount: Annotated[Decimal, Field(ge=0, le=10**12, decimal_places=12)]
    currency: Currency


class Notice(Document):
    """A promise to tell: within a time after the event, to roles such as `customer.noc` or `account-manager`."""

    within: Duration | None = None
    to: tuple[Name, ...]


class MaintenanceNotice(Document):
    """A promise to announce planned work: `lead_time` before its start, with an optional reminder before it."""

    lead_time: Duration
    reminder: Duration | None = None
    to: tuple[Name, ...]


class Notices(Document):
    """Who is told of what, and how soon."""

    violation: Notice | None = None
    degradation: Notice | None = None
    restoration: Notice | None = None
    maintenance: MaintenanceNotice | None = None


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


def _check_moment(text: object) -> object:
    parse_instant_or_date(text, ZoneInfo("UTC"))  # read again in the agreement's zone, which only the agreement knows
    return text


Moment = Annotated[Any, AfterValidator(_check_moment)]


class Validity(Document):
    """From an instant, until an instant or open; a bare date is its local midnight in the agreement's zone."""

    from_: Moment = Field(alias="from")
    to: Moment | None = None


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class ServiceHours(Document):
    """Local hours by weekday: `hours[0]` is Monday's (start, end) in minutes after midnight, or None.
    `holidays` names the country (and subdivision, as `DE-BY`) whose public holidays are outside the hours."""

    hours: tuple[tuple[int, int] | None, ...]
    holidays: str | None = None


def _parse_service_hours(value: object) -> ServiceHours | None:
    """`always` -> None; `{mon-fri: "08:00-18:00", holidays: DE}` -> ServiceHours."""
    if value is None or value == "always" or isinstance(value, ServiceHours):
        return value if isinstance(value, ServiceHours) else None
    if not isinstance(value, Mapping):
        raise ValueError('is always, or days with hours such as {mon-fri: "08:00-18:00", holidays: DE}')
    if not set(value) - {"holidays"}:
        raise ValueError("names no day; give days with hours such as mon-fri: 08:00-18:00")
    hours: list[tuple[int, int] | None] = [None] * 7
    for days, text in value.items():
        if days == "holidays":
            continue
        first, _, last = str(days).partition("-")
        last = last or first
        if first not in _DAYS or last not in _DAYS or _DAYS.index(first) > _DAYS.index(last):
            raise ValueError(f"{days!r} is not a day or a range of days such as mon or mon-fri")
        match = _HOURS.fullmatch(str(text).replace(" ", ""))
        start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
        if match is None or end > 24 * 60:
            raise ValueError(f'{days}: {text!r} are not hours such as "08:00-18:00"')
        if end <= start:
            raise ValueError(
                f"{days}: {text!r}: hours must end on the same day, up to 24:00; write two days' hours instead"
            )
        for day in range(_DAYS.index(first), _DAYS.index(last) + 1):
            if hours[day] is not None:
                raise ValueError(f"{days}: {_DAYS[day]} must stand once; it has hours already")
            hours[day] = (start, end)
    return ServiceHours(hours=tuple(hours), holidays=_parse_holidays(value.get("holidays")))


def _parse_holidays(region: object) -> str | None:
    if region is None:
        return None
    import holidays  # a second to import: only agreements that name holidays pay for it

    country, _, subdivision = str(region).partition("-")
    supported = holidays.list_supported_countries()
    if country not in supported or (subdivision and subdivision not in supported[country]):
        raise ValueError(f"holidays: {region!r} is not a country such as DE or a subdivision such as DE-BY")
    return str(region)


def _parse_lateness(text: object) -> int:
    """As `parse_duration`, and also no time at all, such as `0s`."""
    none = isinstance(text, str) and re.fullmatch(r"(?:0+(?:ms|[smhdw]))+", text.replace(" ", ""))
    return 0 if none else parse_duration(text)


class Agreement(Document):
    """An SLA between the provider and one customer."""

    id: Name
    customer: Name
    time_zone: Zone = ZoneInfo("UTC")
    valid: Validity
    service_hours: Annotated[ServiceHours | None, BeforeValidator(_parse_service_hours)] = None
    services: Annotated[tuple[Name, ...], Field(min_length=1)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    charge: Mapping[Name, Money] = Field(default_factory=dict)
    credit_cap: Share | None = None
    notices: Notices = Notices()
    confirmation: Confirmation = Confirmation()
    exclusions: tuple[Name, ...] | None = None
    """Reasons that this agreement lets count as exclusions; None where it does not limit them."""
    lateness: Annotated[int, BeforeValidator(_parse_lateness)] | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        _unique("services", self.services)
        _unique("objectives", [o.id for o in self.objectives])
        strangers = sorted(set(self.charge) - set(self.services))
        if strangers:
            raise ValueError(f"charge: unknown service {strangers[0]!r}; the agreement has {_listed(self.services)}")
        if len({m.currency for m in self.charge.values()}) > 1:
            raise ValueError("charge: an agreement has one currency")
        start, end = self.validity
        if end is not None and end <= start:
            raise ValueError("valid.to: must be later than from")
        self._check_credited_periods()
        return self

    def _check_credited_periods(self) -> None:
        """A charge is that of one period: credits of a day and of a month would be shares of different charges."""
        credited = [o for o in self.objectives if o.credits]
        for other in credited[1:]:
            if other.period != credited[0].period:
                first, second = (f"{o.id!r} by the {o.period.calendar}" for o in (credited[0], other))
                raise ValueError(
                    f"objectives: {first} and {second} give credits on the same charge, which is that of one period: "
                    "all objectives with credits have the same period"
                )

    @property
    def validity(self) -> tuple[int, int | None]:
        """(from, to) in microseconds; to is None where the agreement is open."""
        end = self.valid.to
        return (
            parse_instant_or_date(self.valid.from_, self.time_zone),
            None if end is None else parse_instant_or_date(end, self.time_zone),
        )


class Contact(Document):
    """One address of a role. Exactly one channel each."""

    email: Annotated[str, Field(pattern=r"^[^@\s<>,;:\"]+@[^@\s<>,;:\"]+$", max_length=254)] | None = None
    webhook: Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2000)] | None = None
    secret: Annotated[str | None, Field(min_length=24, repr=False)] = None
    """The webhook's signing secret (Standard Webhooks, `whsec_...`)."""
    language: Literal["en"] = "en"

    @model_validator(mode="after")
    def _one_channel(self) -> Self:
        if (self.email is None) == (self.webhook is None):
            raise ValueError("give either email or webhook")
        if self.webhook is not None and self.secret is None:
            raise ValueError("a webhook has a secret to sign with")
        if self.secret is not None:
            _check_secret(self.secret)
        return self


def _check_secret(secret: str) -> None:
    """Standard Webhooks: base64 of 24 to 64 random bytes, after `whsec_`. The fault never repeats the secret."""
    try:
        encoded = secret.removeprefix("whsec_").rstrip("=")
        size = len(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except ValueError:
        size = 0
    if not 24 <= size <= 64:
        raise ValueError("secret: must be whsec_ and the base64 of 24 to 64 random bytes")


class Party(Document):
    """A customer, or the provider itself: its name and its contacts by role."""

    id: Name
    name: str
    time_zone: Zone = ZoneInfo("UTC")
    contacts: Mapping[Name, tuple[Contact, ...]] = Field(default_factory=dict)


class Resource(Document):
    """Something that services run over, such as a switch or a line; its failure hits all that it carries."""

    id: Name
    carries: Annotated[tuple[Name, ...], Field(min_length=1)]


class Portfolio(Document):
    """A whole agreements file: the agreements, whom they name, and what the services run over."""

    agreements: Annotated[tuple[Agreement, ...], Field(min_length=1)]
    customers: tuple[Party, ...] = ()
    provider: Party | None = None
    resources: tuple[Resource, ...] = ()

    @model_validator(mode="after")
    def _ids_unique(self) -> Self:
        _unique("agreements", [a.id for a in self.agreements])
        _unique("customers", [c.id for c in self.customers])
        _unique("resources", [r.id for r in self.resources])
        return self

    @model_validator(mode="after")
    def _roles_exist(self) -> Self:
        """A promise to tell a role that nobody has would be broken unseen. What is not described is not checked."""
        customers = {customer.id: customer for customer in self.customers}
        for number, agreement in enumerate(self.agreements):
            for field, roles in _roles_told(agreement):
                for role in roles:
                    of_customer = role.startswith("customer.")
                    party = customers.get(agreement.customer) if of_customer else self.provider
                    if party is not None and role.removeprefix("customer.") not in party.contacts:
                        has = _listed(party.contacts) or "none"
                        raise ValueError(
                            f"agreements.{number}.{field}: {role!r} is no role of {party.id}; its contacts have: {has}"
                        )
        return self


def _roles_told(agreement: Agreement) -> list[tuple[str, tuple[str, ...]]]:
    """Each field of an agreement that names roles, with the roles."""
    notices = agreement.notices
    told = [
        (f"notices.{name}.to", promise.to)
        for name in ("violation", "degradation", "restoration", "maintenance")
        if (promise := getattr(notices, name)) is not None
    ]
    return [
        *told,
        ("confirmation.to", agreement.confirmation.to if "confirmation" in agreement.model_fields_set else ()),
    ]


def _unique(field: str, names: Any) -> None:
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{field}: {name!r} stands twice")
        seen.add(name)


def _listed(names: Any) -> str:
    shown = list(names)[:8]
    return ", ".join(shown) + (", ..." if len(shown) < len(names) else "")
