"""Earlier reports again, as they were known at any instant. DESIGN rule 12.

A verdict that has not gone on since is kept as it was. One that has is assessed again from what the assessment of that
day was made of: the batches of the log, the exclusions and the portfolio that it had seen, which `ports.Assessment`
names. The version that it then had is kept with when it came to be known.
"""

from collections.abc import Sequence
from dataclasses import replace

from upheld.assessment.advance import assess
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.ports import Assessment, Kept, MeasurementLog, NoLongerKnown, Store, VerdictFilter
from upheld.process.assessing.assessor import measured_since
from upheld.process.assessing.in_force import InForce, Portfolios

Key = tuple[str, str, str, int]


class AsKnown:
    """Reads the past of tenants. Raises NoLongerKnown where that needs measurements that were removed."""

    def __init__(self, store: Store, measurements: MeasurementLog, portfolios: Portfolios) -> None:
        self._store, self._measurements, self._portfolios = store, measurements, portfolios

    def verdicts(self, tenant: str, where: VerdictFilter, known_at: int) -> list[Verdict]:
        """What `Transaction.verdicts(where)` gave at `known_at` (microseconds UTC)."""
        with self._store.transaction(tenant, writing=False) as t:
            kept = t.verdicts_known(where, known_at)
        found = self._as_known(tenant, kept, known_at)
        if where.customer is not None:
            found = [verdict for verdict in found if verdict.customer == where.customer]
        found.sort(key=lambda verdict: verdict.key)
        return list({verdict.key[:3]: verdict for verdict in found}.values()) if where.newest_only else found

    def versions(self, tenant: str, key: Key, known_at: int) -> list[Version]:
        """What `Transaction.verdict_versions(key)` gave at `known_at`; of a rolling verdict by any of its windows."""
        agreement, objective, service, period_start = key
        with self._store.transaction(tenant, writing=False) as t:
            kept = t.verdicts_known(VerdictFilter(agreement=agreement, service=service), known_at)
            mine = [k for k in kept if k.verdict.objective == objective]
            newest = self._as_known(tenant, mine, known_at)
            found = [
                (k, verdict) for k, verdict in zip(mine, newest, strict=True) if verdict.period_start == period_start
            ]
            if not found:
                return []
            (last, verdict), *_ = found
            versions = [v for v in t.verdict_versions(last.verdict.key) if v.verdict.version <= verdict.version]
        return [*versions[:-1], replace(versions[-1], verdict=verdict)]

    def _as_known(self, tenant: str, kept: Sequence[Kept], known_at: int) -> list[Verdict]:
        """Each of these verdicts as it stood at `known_at`, in the same order."""
        found = {i: k.verdict for i, k in enumerate(kept) if k.written_at <= known_at}
        before_portfolio = None
        while len(found) < len(kept):
            with self._store.transaction(tenant, writing=False) as t:
                floor, made = t.log_floor(), t.assessment(known_at, before_portfolio)
                if floor is not None and (known_at < floor.raised_at or made is None):
                    raise NoLongerKnown(floor.raised_at)
                assert made is not None, "a verdict that no assessment has made"
                promised = self._portfolios.at(t, made.portfolio)
                exclusions = t.exclusions_standing(made.exclusions)
                events = t.service_events(made.events)
            missing = [i for i in range(len(kept)) if i not in found]
            chosen = [kept[i] for i in missing]
            kept_from = None if floor is None else floor.kept_from
            verdicts = self._assess(tenant, made, promised, exclusions, events, chosen, kept_from)
            with self._store.transaction(tenant, writing=False) as t:
                if t.log_floor() != floor:
                    continue  # some of the measurements may have been gone meanwhile
            again = _Again(verdicts, promised)
            for i in missing:
                verdict = again.find(kept[i])
                if verdict is not None:
                    found[i] = replace(verdict, version=kept[i].verdict.version)
            # What the portfolio of that day had no more stands as the last one left it that had it.
            before_portfolio = made.portfolio
        return [found[i] for i in range(len(kept))]

    def _assess(
        self,
        tenant: str,
        made: Assessment,
        promised: InForce,
        exclusions: Sequence[Exclusion],
        events: Sequence[ServiceEvent],
        kept: Sequence[Kept],
        kept_from: int | None,
    ) -> list[Verdict]:
        """The verdicts of the agreements of `kept` again: credits and rights hang together in an agreement."""
        agreements = {k.verdict.agreement for k in kept}
        terms = [term for term in promised.every_term if term.agreement in agreements]
        series = {key for term in terms for key in term.series}
        batch = measured_since(self._measurements.rows(tenant, series, upto=made.position), kept_from)
        since = made.since if kept_from is None else max(made.since, kept_from)
        return assess(terms, batch, exclusions, made.as_of, since=since, lateness=made.lateness, events=events)


class _Again:
    """Verdicts that were assessed again, to be found by what is kept of them."""

    def __init__(self, verdicts: Sequence[Verdict], promised: InForce) -> None:
        self._by_key = {verdict.key: verdict for verdict in verdicts}
        self._windows = {
            (*verdict.key[:3], term.valid_from): verdict
            for verdict in verdicts
            if (term := promised.term(verdict)) is not None and term.period.rolling is not None
        }

    def find(self, kept: Kept) -> Verdict | None:
        if kept.rolling_from is not None:
            return self._windows.get((*kept.verdict.key[:3], kept.rolling_from))
        return self._by_key.get(kept.verdict.key)
