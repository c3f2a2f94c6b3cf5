"""What may be removed of the measurements, and which verdicts are settled for that: nothing that an unclosed or
disputed period needs.

Two instants. Verdicts that are final of periods before `settled` stay as they are, whatever comes. What was measured
before `kept_from` is needed for none of the others, and may go.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from upheld.agreements.calendars import calendar_periods, months_before
from upheld.agreements.indicators import Availability
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.assessment.credit import pot_of
from upheld.assessment.verdict import Verdict

Judged = tuple[Term, Verdict]
VerdictKey = tuple[str, str, str, int]
Place = tuple[str, str, str, int]
"""A term, by its promise and from when it is valid."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Up to when the measurements may go, and verdicts are settled, in microseconds UTC; `kept_from` is never later."""

    kept_from: int
    settled: int


def floor(
    terms: Sequence[Term],
    judged: Sequence[Judged],
    disputed: Collection[VerdictKey],
    assessed_until: int,
    now: int,
    keep: int,
) -> Floor | None:
    """The latest floor that is younger than nothing measured in the last `keep` (microseconds) before `now`, nor than
    what verdicts need that are not final, `disputed`, or of which the credit may still be claimed.

    `judged` holds the newest verdict of each period of `terms`, each with its term, of which those are assessed up to
    `assessed_until`. None where a term is not assessed yet."""
    latest, of_term = min(now - keep, assessed_until), defaultdict[Place, list[Verdict]](list)
    for term, verdict in judged:
        of_term[_place(term)].append(verdict)
    for term in terms:
        if term.valid_from >= assessed_until or (term.valid_to is not None and term.valid_to <= assessed_until):
            continue  # what has ended has all its verdicts
        if _place(term) not in of_term:
            return None
        latest = min(latest, max(verdict.period_end for verdict in of_term[_place(term)]))
    unclosed = [(t, v) for t, v in judged if not v.final or v.key in disputed or (v.claim_by or 0) > now]
    settled = min((latest, *(verdict.period_start for _, verdict in unclosed))) // DAY * DAY
    live = [(t, v) for t, v in judged if v.period_start >= settled or not v.final]
    chronic = _chronic_months(terms)
    needed = min((settled, *(_needed(term, verdict, chronic.get(term.key, 0)) for term, verdict in live)))
    kept_from = min((needed, *(_runs_told_from(t, of_term[_place(t)], needed) for t in terms if _has_runs(t))))
    return Floor(kept_from, settled)


def _place(term: Term) -> Place:
    return (*term.key, term.valid_from)


def _needed(term: Term, verdict: Verdict, months: int) -> int:
    """From when on measurements matter to a verdict, but for runs that began before: its own, those of the periods
    whose credits share a pot with it, and of those that count towards a right with it."""
    if term.period.rolling is not None:
        # How long it has stood as it does is found by going back over the windows that ended before.
        crossed = [at for at in (verdict.at_risk_at, verdict.violated_at) if at is not None]
        cleared = 1 if term.warning is None else term.warning.clear_after
        earliest = min((verdict.period_start, *(at - term.period.rolling for at in crossed)))
        return earliest - (cleared + 1) * term.indicator.slot
    needed = [verdict.period_start]
    if term.tiers and term.charging is not None:
        needed.append(pot_of(term, (verdict.period_start, verdict.period_end)).start)
    if months:
        begins = months_before(_whole(term, verdict.period_start)[1], months, term.zone, term.period.billing_day)
        needed.append(_whole(term, begins)[0])
    return min(needed)


def _whole(term: Term, instant: int) -> tuple[int, int]:
    assert term.period.calendar is not None, "a rolling period has no calendar"
    return next(calendar_periods(term.period.calendar, term.zone, instant, instant + 1, term.period.billing_day))


def _chronic_months(terms: Iterable[Term]) -> dict[tuple[str, str, str], int]:
    """How many months the rights of each promise look back at most."""
    found: dict[tuple[str, str, str], int] = {}
    for term in terms:
        for chronic in term.chronic:
            found[term.key] = max(found.get(term.key, 0), chronic.within)
    return found


def _has_runs(term: Term) -> bool:
    indicator = term.indicator
    return isinstance(indicator, Availability) and (indicator.consecutive, indicator.recovery) != (1, 1)


def _runs_told_from(term: Term, verdicts: Sequence[Verdict], needed: int) -> int:
    """From when on slots are to be read so that the runs of bad slots from `needed` on are those that they are with
    all slots: from the start of a period in which a slot counted as good and none as bad.

    Whoever begins to read anywhere before finds no run that there is not; nothing bad is missed there; and with the
    good slot both agree. Where verdicts cannot tell, everything is needed: of rolling windows, of which one is kept, of
    groups whose members have runs of their own, and where what was removed would itself count as bad."""
    in_parts = term.members is not None and not term.members.by_slot
    if term.period.rolling is not None or in_parts or term.indicator.missing == "bad":
        return min(term.valid_from, needed)
    starts = sorted(verdicts, key=lambda verdict: verdict.period_start)
    first = next((v.period_start for v in starts if v.period_start >= needed), needed)
    calm = [v.period_start for v in starts if v.period_start <= first and v.final and v.good and not v.bad]
    return min(max((term.valid_from, *calm)), needed)
