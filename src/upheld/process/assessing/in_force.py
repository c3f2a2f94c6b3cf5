"""What a tenant has promised: the portfolios that were put in force, the versions of their agreements, their terms."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from upheld.agreements.indicators import Availability
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.model import in_force as in_force_at
from upheld.agreements.parties import Party
from upheld.agreements.terms import Term, compile_terms
from upheld.analysis.topology import Topology
from upheld.assessment.verdict import Verdict
from upheld.cases.model import Case
from upheld.measurements.states import DOWN, UP
from upheld.ports import Adoption, Transaction
from upheld.process.assessing.topologies import Topologies
from upheld.process.telling.reactions import Parties

TermKey = tuple[str, str, str]


@dataclass(frozen=True)
class InForce:
    """A tenant's portfolio in a version, with what is derived from it. `terms` by (agreement, objective, service): one
    for an agreement and each of its amendments. `applied_by` is who put it in force. `topology` is what the services
    run over, as the portfolio and the topology in force say it together."""

    version: int
    portfolio: Portfolio
    terms: Mapping[TermKey, Sequence[Term]]
    series: frozenset[tuple[str, str]]
    applied_by: str | None = None
    topology: Topology = field(default_factory=Topology)

    @cached_property
    def customers(self) -> Mapping[str, Party]:
        return {customer.id: customer for customer in self.portfolio.customers}

    @cached_property
    def _agreements(self) -> Mapping[str, Sequence[Agreement]]:
        """Each agreement with its amendments, by its id."""
        found: dict[str, list[Agreement]] = defaultdict(list)
        for agreement in self.portfolio.agreements:
            found[agreement.id].append(agreement)
        return found

    @cached_property
    def states(self) -> Mapping[tuple[str, str], Sequence[int]]:
        """The (service, metric) that events make bad, with the lengths of the slots that they are assessed in."""
        found: dict[tuple[str, str], set[int]] = defaultdict(set)
        for term in filter(reads_events, self.every_term):
            for series in term.series:
                found[series].add(term.indicator.slot)
        return {series: sorted(slots) for series, slots in found.items()}

    @property
    def every_term(self) -> list[Term]:
        """All terms, each key's together."""
        return [term for terms in self.terms.values() for term in terms]

    def term(self, verdict: Verdict) -> Term | None:
        """The term that a verdict's period falls under; None where the portfolio has it no more."""
        for term in self.terms.get(verdict.key[:3], ()):
            ends = term.valid_to
            if term.valid_from <= verdict.period_start and (ends is None or verdict.period_start < ends):
                return term
        return None

    def members(self, case: Case) -> Sequence[str]:
        """The services of the group that a case is about; none where it is about a service by itself."""
        terms = self.terms.get((case.agreement, case.objective, case.service), ())
        return next((term.services for term in terms if term.members is not None), ())

    def validity(self, agreement: str) -> tuple[int, int | None]:
        """From when until when an agreement that is there is valid, with its amendments (microseconds UTC)."""
        stated = [one.validity for one in self._agreements[agreement]]
        ends = [end for _, end in stated]
        return min(start for start, _ in stated), None if None in ends else max(end for end in ends if end is not None)

    def parties(self, agreement: str, at: int) -> Parties | None:
        """The agreement of that id with its parties, as amended by `at` (microseconds UTC); None where the portfolio
        has it no more."""
        found = in_force_at(self._agreements.get(agreement, ()), agreement, at)
        return None if found is None else Parties(found, self.customers.get(found.customer), self.portfolio.provider)


class Portfolios:
    """The portfolios of all tenants, each parsed once. `parse` reads a portfolio's YAML text."""

    def __init__(self, parse: Callable[[str], Portfolio], topologies: Topologies) -> None:
        self._parse, self._topologies = parse, topologies
        self._newest: dict[str, InForce] = {}

    def newest(self, t: Transaction, tenant: str) -> InForce | None:
        """The one in force; None before the first."""
        newest = t.portfolio()
        if newest is None:
            return None
        known = self._newest.get(tenant)
        if known is None or known.version != newest[0]:
            known = self._newest[tenant] = self.at(t, newest[0])
        topology = self._topologies.newest(t, tenant, known.version, known.portfolio)
        if known.topology is not topology:
            known = self._newest[tenant] = replace(known, topology=topology)
        return known

    def ground(self, t: Transaction, tenant: str) -> tuple[Portfolio | None, Topology]:
        """What is promised, and what that runs over."""
        current = self.newest(t, tenant)
        if current is None:
            return None, self._topologies.newest(t, tenant, 0, None)
        return current.portfolio, current.topology

    def at(self, t: Transaction, version: int) -> InForce:
        """The one of that version."""
        adoption = t.adoption(version)
        assert adoption is not None, f"there is no portfolio of version {version}"
        return in_force(adoption, self._parse(adoption.source))


def in_force(adoption: Adoption, portfolio: Portfolio) -> InForce:
    """A portfolio as it was adopted, with its terms under the versions of its agreements."""
    versions = {agreement: int(version) for agreement, (version, _) in adoption.agreements.items()}
    terms: dict[TermKey, list[Term]] = defaultdict(list)
    for term in compile_terms(portfolio.agreements, versions):
        terms[term.key].append(term)
    measured = [term for stated in terms.values() for term in stated if term.indicator.kind != "duration"]
    series = frozenset(series for term in measured for series in term.series)
    return InForce(adoption.version, portfolio, dict(terms), series, adoption.applied_by)


def reads_events(term: Term) -> bool:
    """Whether events of its metric make a term's slots bad: it reads values, of which `DOWN` is bad and `UP` good."""
    good_when = term.indicator.good_when if isinstance(term.indicator, Availability) else None
    return good_when is not None and good_when.holds(UP) and not good_when.holds(DOWN)


def agreement_versions(portfolio: Portfolio, before: Adoption | None) -> dict[str, list[Any]]:
    """[version, digest] of each agreement that there ever was: an agreement's version rises when what it says, with its
    amendments, is not what it said before (DESIGN rule 9)."""
    found = {} if before is None else {agreement: list(known) for agreement, known in before.agreements.items()}
    stated: dict[str, list[Agreement]] = defaultdict(list)
    for agreement in portfolio.agreements:
        stated[agreement.id].append(agreement)
    for name, agreements in stated.items():
        version, known = found.get(name, (0, ""))
        digest = _digest(agreements)
        if digest != known:
            found[name] = [max(version + 1, len(agreements)), digest]
    return found


def _digest(agreements: Sequence[Agreement]) -> str:
    """What agreements say, whatever their text looks like: defaults and the order of keys make no difference."""
    said = [a.model_dump(mode="json", exclude_defaults=True) for a in sorted(agreements, key=lambda a: a.validity[0])]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
