"""Which agreements a planned work hits, and with which of their services."""

from upheld.agreements.model import Agreement, Portfolio
from upheld.maintenance.model import Maintenance


def affected(maintenance: Maintenance, portfolio: Portfolio) -> list[tuple[Agreement, tuple[str, ...]]]:
    """The agreements in force at any time of the work's window, in the portfolio's order, each with its services
    that the work hits, in the agreement's order.

    A name in `maintenance.services` that is a resource's id stands for all that the resource carries."""
    hit = touched_services(maintenance, portfolio)
    found = []
    for agreement in portfolio.agreements:
        services = tuple(s for s in agreement.services if s in hit)
        if services and _in_force(agreement, maintenance):
            found.append((agreement, services))
    return found


def touched_services(maintenance: Maintenance, portfolio: Portfolio) -> frozenset[str]:
    """What the work names, and all that the resources among it carry, however deep."""
    carries = {r.id: r.carries for r in portfolio.resources}
    touched: set[str] = set()
    waiting = list(maintenance.services)
    while waiting:
        name = waiting.pop()
        if name not in touched:
            touched.add(name)
            waiting.extend(carries.get(name, ()))
    return frozenset(touched)


def _in_force(agreement: Agreement, maintenance: Maintenance) -> bool:
    valid_from, valid_to = agreement.validity
    return valid_from < maintenance.end and (valid_to is None or maintenance.start < valid_to)
