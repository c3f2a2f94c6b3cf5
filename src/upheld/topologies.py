"""What the services of each tenant run over: the topology in force, joined with what the portfolio says of it."""

import json
from collections.abc import Callable

from upheld.analysis.topology import Topology, joined
from upheld.in_force import InForce
from upheld.ports import Transaction
from upheld.reports.topology import topology_document


class Topologies:
    """The topologies of all tenants, each parsed once, and joined once with each version of the portfolio: with all
    indexes, they are looked at for each case that opens. `parse` reads a topology's JSON text."""

    def __init__(self, parse: Callable[[str], Topology]) -> None:
        self._parse = parse
        self._newest: dict[str, tuple[int, Topology]] = {}
        self._joined: dict[str, tuple[tuple[int | None, int | None], Topology]] = {}

    def newest(self, t: Transaction, tenant: str, current: InForce | None) -> Topology:
        """The one in force with the portfolio `current`; an empty one before the first of both."""
        versions = t.topology_version(), None if current is None else current.version
        known = self._joined.get(tenant)
        if known is None or known[0] != versions:
            portfolio = () if current is None else current.portfolio.resources
            customers = {} if current is None else current.carried_customers
            known = self._joined[tenant] = versions, joined(self._own(t, tenant, versions[0]), portfolio, customers)
        return known[1]

    def _own(self, t: Transaction, tenant: str, version: int | None) -> Topology | None:
        """The one of that version, which is the newest."""
        if version is None:
            return None
        known = self._newest.get(tenant)
        if known is None or known[0] != version:
            newest = t.topology()
            assert newest is not None, "it has a version"
            known = self._newest[tenant] = newest[0], self._parse(newest[1])
        return known[1]


def adopt(t: Transaction, topology: Topology, known_at: int, applied_by: str | None) -> int:
    """Puts a topology in force, and returns its version; the same again is the same version."""
    source = json.dumps(topology_document(topology))
    newest = t.topology()
    if newest is not None and newest[1] == source:
        return newest[0]
    return t.save_topology(source, known_at, applied_by)
