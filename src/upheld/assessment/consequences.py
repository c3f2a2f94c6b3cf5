"""What verdicts bring beyond their figures: credits with the deadline of their claim, and rights that repeated
violations give. DESIGN rule 11."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from upheld.agreements.calendars import calendar_periods, later_by, months_before
from upheld.agreements.intervals import Interval
from upheld.agreements.objectives import Chronic
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, to_datetime
from upheld.assessment.credit import Earned, credits
from upheld.assessment.verdict import Consequence, Credit, Verdict

Judged = tuple[Term, Verdict]


def settled(found: Iterable[tuple[Term, Verdict, Earned | None]]) -> list[Verdict]:
    """Verdicts, each with its term and with what it earns where its period is over, in the order of the terms -> the
    verdicts with their credits, the deadlines of these, and the rights they give; in the same order."""
    found = list(found)
    owed = credits(earned for _, _, earned in found if earned is not None)
    owed.reverse()
    paid = [
        (term, verdict if earned is None else credited(term, verdict, owed.pop())) for term, verdict, earned in found
    ]
    return with_rights(paid)


def credited(term: Term, verdict: Verdict, credit: Credit | None) -> Verdict:
    """The verdict with what is owed for it, and until when that can be claimed where it has to be."""
    if credit is None or term.claim_within is None:
        return replace(verdict, credit=credit, claim_by=None)
    return replace(verdict, credit=credit, claim_by=later_by(verdict.period_end, term.claim_within, term.zone))


def with_rights(judged: Sequence[Judged]) -> list[Verdict]:
    """The verdicts, in their order, each with the rights that it gives together with the earlier ones of the same
    promise, amended or not."""
    histories: dict[tuple[str, str, str], list[_Violated]] = defaultdict(list)
    lasting = {term.key for term, _ in judged if term.chronic}
    for term, verdict in judged:
        if term.key in lasting and verdict.status == "violated":
            histories[term.key].append(_Violated(verdict, _whole(term, verdict)))
    return [
        replace(verdict, consequences=_rights(term, verdict, histories[term.key])) if term.key in lasting else verdict
        for term, verdict in judged
    ]


@dataclass(frozen=True, slots=True)
class _Violated:
    """A violated verdict, and the whole period of which an amendment may have left it a part."""

    verdict: Verdict
    whole: Interval


def _whole(term: Term, verdict: Verdict) -> Interval:
    assert term.period.calendar is not None, "chronic rights need calendar periods"
    start = verdict.period_start
    return next(calendar_periods(term.period.calendar, term.zone, start, start + 1, term.period.billing_day))


def _rights(term: Term, verdict: Verdict, history: Sequence[_Violated]) -> tuple[Consequence, ...]:
    if verdict.status != "violated":
        return ()
    found = (_right(term, verdict, chronic, history) for chronic in term.chronic)
    return tuple(right for right in found if right is not None)


def _right(term: Term, verdict: Verdict, chronic: Chronic, history: Sequence[_Violated]) -> Consequence | None:
    """The right that so many violated periods give that end within so many months up to the end of this one; a period
    that an amendment cuts counts once."""
    assert verdict.violated_at is not None
    end = _whole(term, verdict)[1]
    begin = months_before(end, chronic.within, term.zone, term.period.billing_day)
    counted = sorted({one.whole for one in history if begin < one.whole[1] <= end})
    if len(counted) < chronic.violations:
        return None
    months = f"{chronic.within} month{'' if chronic.within == 1 else 's'}"
    times = "once" if len(counted) == 1 else f"{len(counted)} times"
    named = ", ".join(_named(term, period) for period in counted)
    return Consequence(chronic.right, verdict.violated_at, f"violated {times} within {months}: {named}")


def _named(term: Term, period: Interval) -> str:
    """A period by its first and last day: `2026-04-01 to 2026-04-30`."""
    first, last = (to_datetime(instant).astimezone(term.zone).date() for instant in (period[0], period[1] - 1))
    return f"{first}" if period[1] - period[0] < 2 * DAY and first == last else f"{first} to {last}"
