"""Agreements compiled to terms: one flat row for each promise of each service or group, ready to be assessed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from upheld.agreements.charges import charge_unit
from upheld.agreements.credits import AnyTier
from upheld.agreements.hours import ServiceHours
from upheld.agreements.indicators import Indicator
from upheld.agreements.model import Agreement
from upheld.agreements.objectives import Chronic, Objective, Period, Warning
from upheld.agreements.units import Bound


@dataclass(frozen=True, slots=True)
class Charging:
    """What credits are a share of. `amount` is the charge of the service, `total` that of all services of the
    agreement, both for one `per` (a calendar unit; None: for each period of the objective). `cap` and `total_cap` are
    the shares of the two that credits may reach, None where nothing limits them."""

    amount: Fraction
    total: Fraction
    currency: str
    per: str | None = None
    cap: Fraction | None = None
    total_cap: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Members:
    """The services that a promise is about together, by name with their weights; see `objectives.Group`."""

    rule: Literal["all", "any", "mean", "redundant"]
    services: tuple[tuple[str, int], ...]
    needs: int

    @property
    def by_slot(self) -> bool:
        """Whether the members are put together slot by slot, and not their verdicts."""
        return self.rule in ("mean", "redundant")


@dataclass(frozen=True, slots=True)
class Term:
    """One promise of one service, or of one group, whose id then stands as the service. Durations and instants in
    microseconds.

    `target` is a `Fraction` for availability, ratio and duration, a `Bound` for aggregate. `valid_to` is None where
    open. `admitted` holds the reasons that may exclude, None where the agreement does not limit them. `claim_within` is
    how long after its period a credit can be claimed, None where it is due without a claim."""

    agreement: str
    agreement_version: int
    customer: str
    objective: str
    service: str
    indicator: Indicator
    period: Period
    zone: ZoneInfo
    valid_from: int
    valid_to: int | None
    service_hours: ServiceHours | None
    admitted: frozenset[str] | None
    target: Fraction | Bound
    warning: Warning | None
    tiers: tuple[AnyTier, ...]
    charging: Charging | None
    lateness: int | None
    members: Members | None = None
    claim_within: int | None = None
    chronic: tuple[Chronic, ...] = ()
    group: str | None = None
    """Of a part of a group: the group's id."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the promise: (agreement, objective, service). The terms of an agreement and of its amendments
        share it, with validities that do not overlap."""
        return self.agreement, self.objective, self.service

    @property
    def services(self) -> tuple[str, ...]:
        """The services whose measurements the term reads."""
        return (self.service,) if self.members is None else tuple(name for name, _ in self.members.services)

    @property
    def subjects(self) -> frozenset[str]:
        """The services and groups whose exclusions concern the term."""
        return frozenset((self.service, *self.services, *(() if self.group is None else (self.group,))))

    @property
    def parts(self) -> tuple["Term", ...]:
        """The same promise of each member of a group by itself, in the group's order."""
        assert self.members is not None
        return tuple(
            replace(self, service=service, members=None, group=self.service) for service, _ in self.members.services
        )

    @property
    def weights(self) -> tuple[int, ...]:
        """The weight of each member, in the group's order."""
        assert self.members is not None
        return tuple(weight for _, weight in self.members.services)

    @property
    def series(self) -> tuple[tuple[str, str], ...]:
        """Every (service, metric) that the term reads."""
        return tuple((service, self.indicator.metric) for service in self.services)


def compile_terms(agreements: Iterable[Agreement], versions: Mapping[str, int] | None = None) -> tuple[Term, ...]:
    """Every promise of every service and group as a `Term`, in the order in which the agreements name them.

    `versions` gives the newest version of an agreement by its id, by default the number of times that it stands: an
    agreement and its amendments have successive versions, by the time from which they are valid."""
    agreements = list(agreements)
    numbers = _numbers(agreements, versions or {})
    return tuple(
        term for agreement, version in zip(agreements, numbers, strict=True) for term in _terms(agreement, version)
    )


def _numbers(agreements: Sequence[Agreement], newest: Mapping[str, int]) -> list[int]:
    starts = defaultdict(list)
    for agreement in agreements:
        starts[agreement.id].append(agreement.validity[0])
    numbers = []
    for agreement in agreements:
        later = sum(start > agreement.validity[0] for start in starts[agreement.id])
        numbers.append(max(newest.get(agreement.id, 1), len(starts[agreement.id])) - later)
    return numbers


def _terms(agreement: Agreement, version: int) -> Iterator[Term]:
    single = [promise for promise in agreement.promises if promise.group is None]
    grouped = [promise for promise in agreement.promises if promise.group is not None]
    for service in agreement.services:
        for promise in single:
            yield term_of(agreement, promise, service, version)
    for promise in grouped:
        assert promise.group is not None
        yield term_of(agreement, promise, promise.group.id, version)


def term_of(agreement: Agreement, promise: Objective, service: str, version: int = 1) -> Term:
    """One promise of an agreement for one of its services, or for the promise's group."""
    valid_from, valid_to = agreement.validity
    return Term(
        agreement=agreement.id,
        agreement_version=version,
        customer=agreement.customer,
        objective=promise.id,
        service=service,
        indicator=promise.indicator,
        period=promise.sole_period,
        zone=agreement.time_zone,
        valid_from=valid_from,
        valid_to=valid_to,
        service_hours=agreement.service_hours,
        admitted=None if agreement.exclusions is None else frozenset(agreement.exclusions),
        target=promise.target,
        warning=promise.warning,
        tiers=promise.credits,
        charging=_charging(agreement, promise, service),
        lateness=agreement.lateness,
        members=_members(agreement, promise),
        claim_within=None if agreement.claim is None else agreement.claim.within,
        chronic=promise.chronic,
    )


def _members(agreement: Agreement, promise: Objective) -> Members | None:
    if promise.group is None:
        return None
    services = promise.group.services or dict.fromkeys(agreement.services, 1)
    return Members(promise.group.rule, tuple(services.items()), promise.group.needs)


def _charging(agreement: Agreement, promise: Objective, service: str) -> Charging | None:
    """None where nothing is charged for the service, nor for any service of the group."""
    members = _members(agreement, promise)
    names = [service] if members is None or service in agreement.charge else [name for name, _ in members.services]
    charges = [agreement.charge[name] for name in names if name in agreement.charge]
    if not charges:
        return None
    caps = agreement.credit_cap
    return Charging(
        amount=Fraction(sum(charge.amount for charge in charges)),
        total=Fraction(sum(charge.amount for charge in agreement.charge.values())),
        currency=charges[0].currency,
        per=charge_unit(agreement.charge),
        cap=None if caps is None else caps.service,
        total_cap=None if caps is None else caps.agreement,
    )
