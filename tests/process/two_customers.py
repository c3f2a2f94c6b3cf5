"""The portfolio of a carrier with two customers, Acme and Bell, for tests of what their services share."""

from collections.abc import Mapping, Sequence

SERVICES = {"acme": ("a-1", "a-2", "a-3", "a-4"), "bell": ("b-1",)}
SWITCHES = {"switch-1": ("a-1", "a-2", "a-3"), "switch-2": ("a-4", "b-1")}
EVERY = tuple(name for some in SERVICES.values() for name in some)
_AGREEMENT = """
  - id: {customer}-gold
    customer: {customer}
    time_zone: Europe/Berlin
    valid: {{from: 2026-01-01}}
    services: [{services}]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m{silent}}}
        period: {{calendar: day}}
        target: {target}                    # of 1,440 slots
    notices:
      violation: {{within: 15m, to: [{told}]}}
      maintenance: {{lead_time: 2d, to: [customer.noc]}}
    confirmation: {{to: [customer.noc], remind_after: 1d, close_after: 3d}}
    exclusions: [planned_maintenance]"""
_PARTIES = """
customers:
  - {id: acme, name: Acme GmbH, contacts: {noc: [{email: noc@acme.example}]}}
  - {id: bell, name: Bell Ltd, contacts: {noc: [{email: noc@bell.example}]}}
provider: {id: carrier, name: Carrier, contacts: {account-manager: [{email: am@carrier.example}]}}
"""


def portfolio(
    services: Mapping[str, Sequence[str]] = SERVICES,
    carried: Mapping[str, Sequence[str]] = SWITCHES,
    *,
    target: str = "99.99 %",
    silent_after: str | None = None,
    told: str = "customer.noc, account-manager",
) -> str:
    """As YAML: of each customer its services, which are good every minute or a violation (of 1,440 slots none may be
    bad), and what each resource carries."""
    silent = "" if silent_after is None else f", silent_after: {silent_after}"
    agreements = (
        _AGREEMENT.format(customer=customer, services=", ".join(some), silent=silent, target=target, told=told)
        for customer, some in services.items()
    )
    resources = (f"  - {{id: {name}, carries: [{', '.join(some)}]}}" for name, some in carried.items())
    return "agreements:" + "".join(agreements) + _PARTIES + "\n".join(["resources:" if carried else "", *resources])
