"""A window's slots told as a verdict: its counts, its figures as text, its evidence. DESIGN rule 10."""

from collections.abc import Iterable

import numpy as np

from upheld.agreements.indicators import Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import decimal_text
from upheld.assessment.budget import all_events
from upheld.assessment.exact import Flags
from upheld.assessment.grants import Grants
from upheld.assessment.group_timeline import bad_stretches
from upheld.assessment.reference import PLACES, Standing, attained_text
from upheld.assessment.reference_slots import bad_reason
from upheld.assessment.timeline import EXCLUDED, LEFT, MISSING, Span, counting
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
    missing, excluded, left = (int(np.count_nonzero(span.state == kind)) for kind in (MISSING, EXCLUDED, LEFT))
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
        missing=missing,
        excluded=excluded + left,
        budget=None if standing.budget is None else decimal_text(standing.budget, PLACES),
        spent=None if standing.spent is None else decimal_text(standing.spent, PLACES),
        at_risk_at=at_risk_at,
        violated_at=violated_at,
        credit=None,
        evidence=evidence,
        agreement_version=term.agreement_version,
        relative_error=standing.relative_error,
    )


def evidence_of(term: Term, window: Window, span: Span, granted: Grants) -> tuple[Evidence, ...]:
    """What the verdict rests on: the grants and refusals that touch the window, cut to it, and its stretches of bad
    and of missing slots; in order of time."""
    width = term.indicator.slot
    found = told_in(window, width, granted.evidence)
    for start, end, why in _bad_stretches(term, span, bad_reason(term)):
        found.add(Evidence((span.first + start) * width, (span.first + end) * width, "bad", why))
    for start, end in _stretches(span.state == MISSING):
        found.add(Evidence((span.first + start) * width, (span.first + end) * width, "missing", "no data"))
    return tuple(sorted(found, key=lambda e: (e.start, e.end, e.kind, e.reason)))


def _bad_stretches(term: Term, span: Span, reason: str) -> Iterable[tuple[int, int, str]]:
    if span.alone is not None:
        return bad_stretches(term, span, reason)
    return ((start, end, reason) for start, end in _stretches(span.bad))


def _stretches(flags: Flags) -> list[tuple[int, int]]:
    """Runs of set flags as half-open (first, last) pairs of indices."""
    index = np.flatnonzero(flags)
    if not len(index):
        return []
    breaks = np.flatnonzero(index[1:] != index[:-1] + 1)
    firsts, lasts = np.append(index[:1], index[breaks + 1]), np.append(index[breaks], index[-1:]) + 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
