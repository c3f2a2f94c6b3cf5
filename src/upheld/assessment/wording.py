"""A window's slots told as a verdict: its counts, its figures as text, its evidence. DESIGN rule 10."""

import numpy as np

from upheld.agreements.indicators import Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import decimal_text
from upheld.assessment.budget import all_events
from upheld.assessment.exact import Flags
from upheld.assessment.grants import Grants
from upheld.assessment.reference import PLACES, Standing, attained_text, bad_reason
from upheld.assessment.timeline import EXCLUDED, MISSING, Span, counting
from upheld.assessment.verdict import Evidence, Status, Verdict
from upheld.assessment.windows import Window, told_in


def verdict_of(
    term: Term,
    window: Window,
    span: Span,
    evidence: tuple[Evidence, ...],
    standing: Standing,
    status: Status,
    at_risk_at: int | None,
    violated_at: int | None,
    final: bool,
) -> Verdict:
    """The verdict of a window, without its credit. `span` is what has ended of it."""
    states = np.bincount(span.state, minlength=EXCLUDED + 1).tolist()
    if isinstance(term.indicator, Ratio):
        good, total = all_events(span)
        bad = total - good
    else:
        bad = int(np.count_nonzero(span.bad))
        good = int(np.count_nonzero(counting(term, span.state))) - bad
    return Verdict(
        agreement=term.agreement,
        objective=term.objective,
        service=term.service,
        customer=term.customer,
        period_start=window.start,
        period_end=window.end,
        status=status,
        final=final,
        attained=None if standing.attained is None else attained_text(standing.attained),
        good=good,
        bad=bad,
        missing=states[MISSING],
        excluded=states[EXCLUDED],
        budget=None if standing.budget is None else decimal_text(standing.budget, PLACES),
        spent=None if standing.spent is None else decimal_text(standing.spent, PLACES),
        at_risk_at=at_risk_at,
        violated_at=violated_at,
        credit=None,
        evidence=evidence,
        agreement_version=term.agreement_version,
    )


def evidence_of(term: Term, window: Window, span: Span, granted: Grants) -> tuple[Evidence, ...]:
    """What the verdict rests on: the grants and refusals that touch the window, cut to it, and its stretches of bad
    and of missing slots; in order of time."""
    width = term.indicator.slot
    found = told_in(window, width, granted.evidence)
    reason = bad_reason(term)
    for start, end in _stretches(span.bad):
        found.add(Evidence((span.first + start) * width, (span.first + end) * width, "bad", reason))
    for start, end in _stretches(span.state == MISSING):
        found.add(Evidence((span.first + start) * width, (span.first + end) * width, "missing", "no data"))
    return tuple(sorted(found, key=lambda e: (e.start, e.end, e.kind, e.reason)))


def _stretches(flags: Flags) -> list[tuple[int, int]]:
    """Runs of set flags as half-open (first, last) pairs of indices."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
