"""Which agreements a planned work hits, and with which of their services."""

from upheld.agreements.model import Agreement, Portfolio, in_force
from upheld.maintenance.model import Maintenance


def affected(maintenance: Maintenance, portfolio: Portfolio) -> list[tuple[Agreement, tuple[str, ...]]]:
    """The agreements in force at any time of the work's window, in the portfolio's order, each with its services
    that the work hits, in the agreement's order. One that is amended during the window is given as it is when the work
    begins, with the services of both.

    A name in `maintenance.services` that is a resource's id stands for all that the resource carries."""
    hit = touched_services(maintenance, portfolio)
    found: dict[str, list[Agreement]] = {}
    for agreement in portfolio.agreements:
        if hit.intersection(agreement.services) and _in_force(agreement, maintenance):
            found.setdefault(agreement.id, []).append(agreement)
    return [_together(stated, hit, maintenance.start) for stated in found.values()]


def _together(stated: list[Agreement], hit: frozenset[str], at: int) -> tuple[Agreement, tuple[str, ...]]:
    agreement = in_force(stated, stated[0].id, at)
    assert agreement is not None
    services = dict.fromkeys(s for one in (agreement, *stated) for s in one.services if s in hit)
    return agreement, tuple(services)


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
