"""An agreement as a user writes it (TMF623 SLA), validated, and the portfolio of all agreements.

The models take what a YAML document holds (strings, numbers as `Decimal`, lists, mappings) and refuse every field that
they do not know. Shares, bounds, durations (microseconds) and instants (microseconds, UTC) are exact: see `units`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from upheld.agreements.charges import Caps, Charge, Claim, charge_unit, parse_caps
from upheld.agreements.fields import Document, Moment, Name, Zone, check_unique, listed
from upheld.agreements.freezes import Freeze
from upheld.agreements.hours import ServiceHours, parse_service_hours
from upheld.agreements.notice_terms import Confirmation, Handling, Notices
from upheld.agreements.objectives import Objective, check_group
from upheld.agreements.parties import Party, Resource
from upheld.agreements.units import format_instant, parse_duration, parse_instant_or_date


class Validity(Document):
    """From an instant, until an instant or open; a bare date is its local midnight in the agreement's zone."""

    from_: Moment = Field(alias="from")
    to: Moment | None = None


def _parse_lateness(text: object) -> int:
    """As `parse_duration`, and also no time at all, such as `0s`."""
    none = isinstance(text, str) and re.fullmatch(r"(?:0+(?:ms|[smhdw]))+", text.replace(" ", ""))
    return 0 if none else parse_duration(text)


class Agreement(Document):
    """An SLA between the provider and one customer. An amendment is the same agreement once more, under its `id`, with
    its new terms and the instant from which they are valid."""

    id: Name
    customer: Name
    time_zone: Zone = ZoneInfo("UTC")
    valid: Validity
    service_hours: Annotated[ServiceHours | None, BeforeValidator(parse_service_hours)] = None
    services: Annotated[tuple[Name, ...], Field(min_length=1)]
    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
    charge: Mapping[Name, Charge] = Field(default_factory=dict)
    """By service; a group without a charge of its own has the charges of its services."""
    credit_cap: Annotated[Caps | None, BeforeValidator(parse_caps)] = None
    claim: Claim | None = None
    notices: Notices = Notices()
    confirmation: Confirmation = Confirmation()
    handling: Handling = Handling()
    exclusions: tuple[Name, ...] | None = None
    """Reasons that this agreement lets count as exclusions; None where it does not limit them."""
    lateness: Annotated[int, BeforeValidator(_parse_lateness)] | None = None
    freeze: tuple[Freeze, ...] = ()
    """When the customer wants nothing to be worked on; a bare date is a midnight of the agreement's zone."""

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        check_unique("services", self.services)
        check_unique("objectives", [o.id for o in self.objectives])
        check_unique("objectives", [o.id for o in self.promises])
        for number, objective in enumerate(self.objectives):
            try:
                check_group(objective, self.services)
            except ValueError as error:
                raise ValueError(f"objectives.{number}.{error}") from None
        self._check_groups()
        groups = {o.group.id for o in self.objectives if o.group is not None}
        strangers = sorted(set(self.charge) - set(self.services) - groups)
        if strangers:
            raise ValueError(f"charge: unknown service {strangers[0]!r}; the agreement has {listed(self.services)}")
        if len({m.currency for m in self.charge.values()}) > 1:
            raise ValueError("charge: an agreement has one currency")
        start, end = self.validity
        if end is not None and end <= start:
            raise ValueError("valid.to: must be later than from")
        if charge_unit(self.charge) is None:
            self._check_credited_periods()
        return self

    def _check_groups(self) -> None:
        """A group's id names its services: they are the same wherever it stands."""
        of_group: dict[str, frozenset[str]] = {}
        for number, objective in enumerate(self.objectives):
            if (group := objective.group) is not None:
                members = frozenset(group.services or self.services)
                if of_group.setdefault(group.id, members) != members:
                    raise ValueError(f"objectives.{number}.group.id: {group.id!r} names other services before")

    def _check_credited_periods(self) -> None:
        """A charge is that of one period: credits of a day and of a month would be shares of different charges."""
        credited = [o for o in self.promises if o.credits]
        for other in credited[1:]:
            if other.period != credited[0].period:
                first, second = (f"{o.id!r} by the {o.sole_period.calendar}" for o in (credited[0], other))
                raise ValueError(
                    f"objectives: {first} and {second} give credits on the same charge; say which period it is for: "
                    "charge: {SERVICE: {amount: ..., currency: ..., per: month}}"
                )

    @property
    def promises(self) -> tuple[Objective, ...]:
        """Every objective with one period each: those with several are taken apart."""
        return tuple(promise for objective in self.objectives for promise in objective.promises())

    @property
    def subjects(self) -> tuple[str, ...]:
        """What its verdicts are about: its services, and its groups by their ids."""
        groups = (o.group.id for o in self.objectives if o.group is not None)
        return (*self.services, *dict.fromkeys(groups))

    def promises_of(self, subject: str) -> tuple[Objective, ...]:
        """What is promised of a service by itself, or of a group."""
        if subject in self.services:
            return tuple(promise for promise in self.promises if promise.group is None)
        return tuple(promise for promise in self.promises if promise.group is not None and promise.group.id == subject)

    @property
    def validity(self) -> tuple[int, int | None]:
        """(from, to) in microseconds; to is None where the agreement is open."""
        end = self.valid.to
        return _instant(self.valid.from_, self.time_zone), None if end is None else _instant(end, self.time_zone)


# Asked for again and again, of the same few dates.
_instant = lru_cache(16_384)(parse_instant_or_date)


class Portfolio(Document):
    """A whole agreements file: the agreements, whom they name, and what the services run over."""

    agreements: Annotated[tuple[Agreement, ...], Field(min_length=1)]
    customers: tuple[Party, ...] = ()
    provider: Party | None = None
    resources: tuple[Resource, ...] = ()
    freeze: tuple[Freeze, ...] = ()
    """When the provider wants nothing to be worked on; a bare date is a midnight of the provider's zone."""

    @field_validator("agreements")
    @classmethod
    def _amend(cls, agreements: tuple[Agreement, ...]) -> tuple[Agreement, ...]:
        """Ends each agreement that says no end of its own where its amendment begins."""
        by_id = defaultdict(list)
        for agreement in agreements:
            by_id[agreement.id].append(agreement)
        ended = {}
        for stated in by_id.values():
            stated.sort(key=lambda a: a.validity[0])
            for earlier, later in pairwise(stated):
                ended[id(earlier)] = _ended_by(earlier, later)
        return tuple(ended.get(id(agreement), agreement) for agreement in agreements)

    def agreement(self, agreement_id: str, at: int) -> Agreement | None:
        """See `in_force`."""
        return in_force(self.agreements, agreement_id, at)

    def current(self, at: int) -> tuple[Agreement, ...]:
        """Each agreement once, in the order of the file, as it is amended by `at` (microseconds UTC)."""
        names = dict.fromkeys(agreement.id for agreement in self.agreements)
        return tuple(found for name in names if (found := self.agreement(name, at)) is not None)

    @model_validator(mode="after")
    def _ids_unique(self) -> Self:
        check_unique("customers", [c.id for c in self.customers])
        check_unique("resources", [r.id for r in self.resources])
        for number, customer in enumerate(self.customers):
            if customer.brand is not None:
                raise ValueError(f"customers.{number}.brand: is the provider's only")
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
                        has = listed(party.contacts) or "none"
                        raise ValueError(
                            f"agreements.{number}.{field}: {role!r} is no role of {party.id}; its contacts have: {has}"
                        )
        return self


def in_force(agreements: Iterable[Agreement], agreement_id: str, at: int) -> Agreement | None:
    """The agreement of that id as it is amended by `at` (microseconds UTC): the one valid then; where none is, the last
    that was, or else the first that will be. None where there is none of that id."""
    stated = sorted((a for a in agreements if a.id == agreement_id), key=lambda a: a.validity[0])
    begun = [a for a in stated if a.validity[0] <= at]
    return begun[-1] if begun else next(iter(stated), None)


def _ended_by(earlier: Agreement, later: Agreement) -> Agreement:
    """`earlier`, ended where its amendment begins. Raises ValueError where the two do not fit."""
    (start, end), (begins, _) = earlier.validity, later.validity
    if start == begins:
        raise ValueError(f"{later.id!r} stands twice")
    if earlier.customer != later.customer:
        raise ValueError(f"{later.id!r} stands for {earlier.customer!r} and for {later.customer!r}")
    if end is not None and end > begins:
        at, until = format_instant(begins), format_instant(end)
        raise ValueError(f"{later.id!r} is amended from {at}, but what it amends is valid until {until}")
    if end is not None:
        return earlier
    return earlier.model_copy(update={"valid": Validity(**{"from": earlier.valid.from_, "to": format_instant(begins)})})


def _roles_told(agreement: Agreement) -> list[tuple[str, tuple[str, ...]]]:
    """Each field of an agreement that names roles, with the roles."""
    notices = agreement.notices
    told = [
        (f"notices.{name}.to", promise.to)
        for name in ("violation", "degradation", "restoration", "no_data", "maintenance", "credit", "summary")
        if (promise := getattr(notices, name)) is not None
    ]
    return [
        *told,
        ("confirmation.to", agreement.confirmation.to if "confirmation" in agreement.model_fields_set else ()),
        ("handling.resolution.to", agreement.handling.resolution.to),
        ("handling.resolution.manager", agreement.handling.resolution.manager),
    ]
