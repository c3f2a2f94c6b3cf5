"""Agreements compiled to terms: one flat row for each objective of each service, ready to be assessed."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from zoneinfo import ZoneInfo

from upheld.agreements.credits import AnyTier
from upheld.agreements.model import Agreement, Indicator, Period, ServiceHours, Warning
from upheld.agreements.units import Bound


@dataclass(frozen=True, slots=True)
class Term:
    """One objective of one service. Durations and instants in microseconds.

    `target` is a `Fraction` for availability and ratio, a `Bound` for aggregate. `valid_to` is None where open.
    `admitted` holds the reasons that may exclude, None where the agreement does not limit them. `charge` is the
    service's charge in the period, None where the agreement names none; `cap` the largest share of it that the
    credits of one service may reach in a period."""

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
    charge: Fraction | None
    currency: str | None
    cap: Fraction | None
    lateness: int | None

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the term: (agreement, objective, service)."""
        return self.agreement, self.objective, self.service


def compile_terms(agreements: Iterable[Agreement], version: int = 1) -> tuple[Term, ...]:
    """Every (agreement, objective, service) as a `Term`, in the order in which the agreements name them."""
    return tuple(
        _term(agreement, position, service, version)
        for agreement in agreements
        for service in agreement.services
        for position in range(len(agreement.objectives))
    )


def _term(agreement: Agreement, position: int, service: str, version: int) -> Term:
    objective = agreement.objectives[position]
    valid_from, valid_to = agreement.validity
    charge = agreement.charge.get(service)
    return Term(
        agreement=agreement.id,
        agreement_version=version,
        customer=agreement.customer,
        objective=objective.id,
        service=service,
        indicator=objective.indicator,
        period=objective.period,
        zone=agreement.time_zone,
        valid_from=valid_from,
        valid_to=valid_to,
        service_hours=agreement.service_hours,
        admitted=None if agreement.exclusions is None else frozenset(agreement.exclusions),
        target=objective.target,
        warning=objective.warning,
        tiers=objective.credits,
        charge=None if charge is None else Fraction(charge.amount),
        currency=None if charge is None else charge.currency,
        cap=agreement.credit_cap,
        lateness=agreement.lateness,
    )
