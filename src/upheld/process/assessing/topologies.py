"""What the services of each tenant run over: the topology in force, joined with what the portfolio says of it."""

import json
from collections.abc import Callable, Mapping

from upheld.agreements.model import Portfolio
from upheld.analysis.topology import Topology, joined
from upheld.ports import Transaction
from upheld.reports.topology import topology_document


class Topologies:
    """The topologies of all tenants, each parsed once, and joined once with each version of the portfolio: with all
    indexes, they are looked at for each case that opens. `parse` reads a topology's JSON text."""

    def __init__(self, parse: Callable[[str], Topology]) -> None:
        self._parse = parse
        self._newest: dict[str, tuple[int, Topology]] = {}
        self._joined: dict[str, tuple[tuple[int | None, int], Topology]] = {}

    def newest(self, t: Transaction, tenant: str, version: int, portfolio: Portfolio | None) -> Topology:
        """The one in force with the portfolio of that version; an empty one before the first of both."""
        versions = t.topology_version(), version
        known = self._joined.get(tenant)
        if known is None or known[0] != versions:
            known = self._joined[tenant] = versions, over(self.own(t, tenant), portfolio)
        return known[1]

    def own(self, t: Transaction, tenant: str) -> Topology | None:
        """The one in force by itself; None before the first."""
        version = t.topology_version()
        if version is None:
            return None
        known = self._newest.get(tenant)
        if known is None or known[0] != version:
            newest = t.topology()
            assert newest is not None, "it has a version"
            known = self._newest[tenant] = newest[0], self._parse(newest[1])
        return known[1]


def over(topology: Topology | None, portfolio: Portfolio | None) -> Topology:
    """What both say together."""
    return (
        joined(topology, (), {}) if portfolio is None else joined(topology, portfolio.resources, _customers(portfolio))
    )


def adopt(t: Transaction, topology: Topology, known_at: int, applied_by: str | None) -> int:
    """Puts a topology in force, and returns its version; the same again is the same version."""
    source = json.dumps(topology_document(topology))
    newest = t.topology()
    if newest is not None and newest[1] == source:
        return newest[0]
    return t.save_topology(source, known_at, applied_by)


def _customers(portfolio: Portfolio) -> Mapping[str, list[str]]:
    """The customers of each service, by name."""
    found: dict[str, set[str]] = {}
    for agreement in portfolio.agreements:
        for service in agreement.services:
            found.setdefault(service, set()).add(agreement.customer)
    return {service: sorted(customers) for service, customers in found.items()}
