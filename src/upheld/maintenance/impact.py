"""Which agreements a planned work hits, and with which of their services."""

from collections.abc import Collection, Iterable

from upheld.agreements.model import Agreement, in_force
from upheld.maintenance.model import Maintenance


def affected(
    maintenance: Maintenance, agreements: Iterable[Agreement], hit: Collection[str]
) -> list[tuple[Agreement, tuple[str, ...]]]:
    """Those `agreements` that are in force at any time of the work, in their order, each with its services
    that the work hits (`hit`: all that it takes down, with what runs over that), in the agreement's order. One that is
    amended during the window is given as it is when the work begins, with the services of both."""
    found: dict[str, list[Agreement]] = {}
    for agreement in agreements:
        if any(service in hit for service in agreement.services) and _in_force(agreement, maintenance):
            found.setdefault(agreement.id, []).append(agreement)
    return [_together(stated, hit, maintenance.start) for stated in found.values()]


def _together(stated: list[Agreement], hit: Collection[str], at: int) -> tuple[Agreement, tuple[str, ...]]:
    agreement = in_force(stated, stated[0].id, at)
    assert agreement is not None
    services = dict.fromkeys(s for one in (agreement, *stated) for s in one.services if s in hit)
    return agreement, tuple(services)


def _in_force(agreement: Agreement, maintenance: Maintenance) -> bool:
    valid_from, valid_to = agreement.validity
    return valid_from < maintenance.end and (valid_to is None or maintenance.start < valid_to)
