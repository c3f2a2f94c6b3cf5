"""What the fleet keeps of a term, told as verdicts with their figures and evidence. DESIGN rules 7 and 10."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from upheld.agreements.indicators import Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import decimal_text
from upheld.assessment import courses, kernels
from upheld.assessment.account import Draft
from upheld.assessment.courses import Slots
from upheld.assessment.credit import Earned
from upheld.assessment.grants import Grants
from upheld.assessment.herd import STATUSES, Herd
from upheld.assessment.kernels import LAST, NOT_YET, POLICY
from upheld.assessment.reference import PLACES, attained_text
from upheld.assessment.reference_slots import bad_reason
from upheld.assessment.verdict import Evidence, Verdict
from upheld.assessment.windows import Window, settled_at, told_in, windows

Granted = Callable[[int, int], Grants]
"""What a term's exclusions come to in [start, end)."""


def tell(herd: Herd, j: int, since: int, as_of: int, granted: Granted) -> list[Draft]:
    """The drafts of a member, by period: of a rolling period that of the window now, of a calendar one those of the
    periods whose slots are still held."""
    term, k = herd.terms[j], int(herd.kind[j])
    if term.period.rolling is not None:
        found = windows(term, since, as_of)
        final = term.valid_to is not None and as_of >= settled_at(term, term.valid_to, herd.shape.patience)
        return [Draft(window, _verdict(herd, j, 0, window, granted, final)) for window in found]
    told = []
    for row, window in herd.held(k):
        if window.start >= as_of:
            continue
        over = as_of >= window.over_at
        final = over and as_of >= settled_at(term, window.end, herd.shape.patience) and not herd.waits(j, window)
        verdict = _verdict(herd, j, row, window, granted, final)
        told.append(Draft(window, verdict, _earned(herd, j, row, window, verdict) if over else None))
    begun = herd.begun(k, as_of)
    return told if begun is None else [*told, Draft(begun, _verdict(herd, j, None, begun, granted, False))]


def _figures(herd: Herd, j: int, row: int | None, window: Window) -> tuple[int, int, int]:
    """Spent, the budget's base, and what attained is a share of; `row` is that of the window's tallies, None where none
    of its slots has ended."""
    if row is None:
        return 0, herd.base_of(j, window), 0
    spent, base = int(herd.spent[row, j]), int(herd.base[row, j])
    if herd.shape.form == "counts":
        return spent, base, base
    ended = max(min(herd.done, window.last - herd.zero) - (window.first - herd.zero), 0)
    rules = herd.kinds[herd.kind[j]]
    gone = int(herd.missing[row, j]) if rules[POLICY] == kernels.EXCLUDE else 0
    so_far = ended - int(herd.excluded[row, j]) - gone
    return spent, so_far if herd.shape.length else base, so_far


def _verdict(herd: Herd, j: int, row: int | None, window: Window, granted: Granted, final: bool) -> Verdict:
    term = herd.terms[j]
    assert isinstance(term.target, Fraction)
    spent, base, so_far = _figures(herd, j, row, window)
    first, last = window.first - herd.zero, max(min(window.last - herd.zero, herd.done), window.first - herd.zero)
    slots = herd.history(j, first, last)
    assert slots is not None, "a member whose counts no ring can hold is a stray"
    bad = _bad(herd, j, slots)
    crossed = (NOT_YET, NOT_YET) if row is None else (int(herd.risk[row, j]), int(herd.missed[row, j]))
    at_risk_at, violated_at = (_instant(herd, slot) if so_far else None for slot in crossed)
    events = isinstance(term.indicator, Ratio)
    good = so_far - spent
    return Verdict(
        agreement=term.agreement,
        objective=term.objective,
        service=term.service,
        customer=term.customer,
        period_start=window.start,
        period_end=window.end,
        status="no_data" if row is None else STATUSES[herd.now[row, j]],
        final=final,
        attained=attained_text(Fraction(good, so_far)) if so_far else None,
        good=good,
        bad=spent if events else int(np.count_nonzero(bad)),
        missing=int(np.count_nonzero(slots.codes == kernels.MISSING)),
        excluded=int(np.count_nonzero(slots.codes == kernels.EXCLUDED)),
        budget=decimal_text((1 - term.target) * base, PLACES),
        spent=decimal_text(Fraction(spent), PLACES),
        at_risk_at=at_risk_at,
        violated_at=violated_at,
        credit=None,
        evidence=_evidence(term, window, slots, bad, herd.zero, granted(window.start, window.over_at)),
        agreement_version=term.agreement_version,
    )


def _bad(herd: Herd, j: int, slots: Slots) -> courses.Flags:
    rules = herd.kinds[herd.kind[j]]
    if slots.totals is None or slots.goods is None:
        return herd.counted(j, slots)
    here = np.flatnonzero(slots.totals > 0)
    bad = np.zeros(len(slots.codes), np.bool_)
    bad[here] = courses.all_exceed(slots.totals[here] - slots.goods[here], slots.totals[here], rules)
    return bad


def _instant(herd: Herd, slot: int) -> int | None:
    return None if slot == NOT_YET else (slot + 1 + herd.zero) * herd.shape.width


def _evidence(
    term: Term, window: Window, slots: Slots, bad: courses.Flags, zero: int, granted: Grants
) -> tuple[Evidence, ...]:
    width = term.indicator.slot
    found = told_in(window, width, granted.evidence)
    begin, reason = slots.first + zero, bad_reason(term)
    for first, last in courses.stretches(bad):
        found.add(Evidence((begin + first) * width, (begin + last) * width, "bad", reason))
    for first, last in courses.stretches(slots.codes == kernels.MISSING):
        found.add(Evidence((begin + first) * width, (begin + last) * width, "missing", "no data"))
    return tuple(sorted(found))


def _earned(herd: Herd, j: int, row: int, window: Window, verdict: Verdict) -> Earned | None:
    term = herd.terms[j]
    spent, _, so_far = _figures(herd, j, row, window)
    if not term.tiers or not so_far:
        return None
    bad_time = 0 if herd.shape.form == "counts" else verdict.bad * term.indicator.slot
    return Earned(term, (window.start, window.end), Fraction(so_far - spent, so_far), bad_time)


assert LAST == 1
