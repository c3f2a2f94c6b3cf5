"""What is to be expected of the promise that an open case is about, from what the store and the log hold."""

import numpy as np

from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, parse_instant
from upheld.analysis.event_rates import Hours, hours_of
from upheld.analysis.outlook import AnyOutlook, NotForeseen, needs_hours, outlook
from upheld.assessment.verdict import Verdict
from upheld.cases.model import ENDED_STATES, Case
from upheld.ports import MeasurementLog, Transaction, VerdictFilter
from upheld.process.assessing.in_force import InForce

LOOK_BACK = 28 * DAY


def foreseen(
    t: Transaction, log: MeasurementLog, tenant: str, current: InForce | None, case: Case
) -> AnyOutlook | None:
    """None where the case has ended, or its promise is not in force any more."""
    if case.state in ENDED_STATES or current is None:
        return None
    if case.kind == "no_data":
        return NotForeseen("nothing is measured any more")
    of_service = t.verdicts(VerdictFilter(agreement=case.agreement, service=case.service))
    told = [verdict for verdict in of_service if verdict.objective == case.objective]
    verdict, made = _verdict_of(case, told), t.assessment()
    term = None if verdict is None else current.term(verdict)
    if term is None or verdict is None or made is None:
        return None
    earlier = [v for v in told if v.period_start < verdict.period_start]
    hours = _hours(log, tenant, term, [*earlier, verdict], made.as_of) if needs_hours(term) else None
    return outlook(term, verdict, earlier, made.as_of, hours, t.exclusions())


def _verdict_of(case: Case, told: list[Verdict]) -> Verdict | None:
    """That of the period that the case is about; of a rolling window, which has moved on, the newest."""
    begins = parse_instant(case.verdict["period_start"])
    newest = max(told, key=lambda verdict: verdict.period_start, default=None)
    return next((verdict for verdict in told if verdict.period_start == begins), newest)


def _hours(log: MeasurementLog, tenant: str, term: Term, told: list[Verdict], as_of: int) -> Hours:
    rows = log.series(tenant, term.service, term.indicator.metric, as_of - LOOK_BACK, as_of)
    time, good, total = (
        np.asarray(rows.column(name).fill_null(0).to_numpy(), np.int64) for name in ("time", "good", "total")
    )
    excluded = sorted({(e.start, e.end) for verdict in told for e in verdict.evidence if e.kind == "excluded"})
    return hours_of(time, good, total, excluded, as_of)
