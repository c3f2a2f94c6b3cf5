"""The verdicts of many plain terms at once, from measurements that were condensed to slots.

Terms that differ in nothing but their service share one pass over all their slots. Nearly all slots are good, so that
what is looked at one by one are only the few that are bad or missing. The rules are those of `account`; a term is plain
where nothing but its own slots decides: calendar periods, each bad slot by itself, no service hours, no exclusions.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np

from upheld.agreements.indicators import Availability
from upheld.agreements.terms import Term
from upheld.agreements.units import decimal_text
from upheld.assessment.account import Draft
from upheld.assessment.batch import Sheet, SlotBatch, reading_of
from upheld.assessment.columns import GOOD, MISSING, States
from upheld.assessment.credit import Earned
from upheld.assessment.exact import Flags, Numbers, exceeds, reaches
from upheld.assessment.reference import PLACES, attained_text
from upheld.assessment.reference_slots import bad_reason
from upheld.assessment.verdict import Evidence, Status, Verdict
from upheld.assessment.windows import Window, ceil_slot, settled_at, windows

ROWS_AT_ONCE = 64
"""Series looked at together: so many of their slots stay in the processor's cache."""


def drafts_together(
    terms: Sequence[Term],
    batch: SlotBatch,
    begin: int,
    as_of: int,
    lateness: int,
    is_excluded: Callable[[Term], bool],
) -> dict[int, list[Draft]]:
    """The drafts of the plain ones among the terms, by position; what the account of each would have made.
    `is_excluded` says whether any exclusion concerns a term; the other arguments as in `advance.assess`."""
    cohorts: dict[object, list[int]] = {}
    for i, term in enumerate(terms):
        if _is_plain(term) and not is_excluded(term):
            shape = (reading_of(term), term.indicator.missing, term.valid_from, term.valid_to, term.zone.key)
            rules = (term.period, term.target, term.warning, term.lateness)
            cohorts.setdefault((shape, rules), []).append(i)
    found: dict[int, list[Draft]] = {}
    for positions in cohorts.values():
        members = [terms[i] for i in positions]
        reading = reading_of(members[0])
        assert reading is not None
        sheet = batch.sheets[reading]
        rows = np.array([sheet.rows[term.service, term.indicator.metric] for term in members])
        drafts = _drafts(members, sheet, rows, begin, as_of, lateness)
        found |= dict(zip(positions, drafts, strict=True))
    return found


def _is_plain(term: Term) -> bool:
    indicator, warning = term.indicator, term.warning
    return (
        isinstance(indicator, Availability)
        and (indicator.consecutive, indicator.recovery) == (1, 1)
        and term.period.rolling is None
        and term.service_hours is None
        and (warning is None or (not warning.burn_rate and warning.forecast is None and warning.clear_after == 1))
    )


def _drafts(
    members: Sequence[Term], sheet: Sheet, rows: Numbers, begin: int, as_of: int, lateness: int
) -> list[list[Draft]]:
    term = members[0]
    width = term.indicator.slot
    last = as_of // width if term.valid_to is None else min(as_of // width, ceil_slot(term.valid_to, width))
    drafts: list[list[Draft]] = [[] for _ in members]
    for window in windows(term, begin, as_of):
        ended = max(min(window.last, last) - window.first, 0)
        odd = _odd_slots(sheet, rows, window.first, ended)
        for of_member, draft in zip(drafts, _of_window(members, window, ended, odd, as_of, lateness), strict=True):
            of_member.append(draft)
    return drafts


# -- slots ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Odd:
    """The slots that are not good, by member and then by time: the member's place, the slot's place in the window, and
    whether it is missing; the others are bad."""

    member: Numbers
    slot: Numbers
    missing: Flags

    def where(self, chosen: Flags) -> tuple[Numbers, Numbers]:
        return self.member[chosen], self.slot[chosen]


def _odd_slots(sheet: Sheet, rows: Numbers, first: int, ended: int) -> _Odd:
    """Of `ended` slots from the slot `first` on; those that the sheet does not have are missing."""
    parts = []
    for start in range(0, len(rows), ROWS_AT_ONCE):
        states = _states(sheet, rows[start : start + ROWS_AT_ONCE], first, ended)
        place = np.flatnonzero((states != GOOD).ravel())
        parts.append((place // max(ended, 1) + start, place % max(ended, 1), states.ravel()[place] == MISSING))
    member, slot, missing = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Odd(member, slot, missing)


def _states(sheet: Sheet, rows: Numbers, first: int, ended: int) -> States:
    begin, size = first - sheet.first, sheet.states.shape[1]
    follow = len(rows) == rows[-1] - rows[0] + 1 and bool((np.diff(rows) == 1).all())
    chosen = sheet.states[rows[0] : rows[-1] + 1] if follow else sheet.states[rows]
    if begin >= 0 and begin + ended <= size:
        return chosen[:, begin : begin + ended]
    states = np.full((len(rows), ended), MISSING, np.int8)
    start, end = max(begin, 0), min(begin + ended, size)
    if start < end:
        states[:, start - begin : end - begin] = chosen[:, start:end]
    return states


@dataclass(frozen=True, slots=True)
class _Counts:
    """Of each member: its bad slots, its missing ones, and those that have left the budget's base; the places of the
    slots at whose end it first was at risk and first missed its target (-1: never); and whether it is at risk now."""

    bad: Numbers
    missing: Numbers
    gone: Numbers
    at_risk_in: Numbers
    missed_in: Numbers
    at_risk: Flags


def _counts(term: Term, members: int, whole: int, odd: _Odd) -> _Counts:
    """`whole` is how many slots the window has, those to come included."""
    assert isinstance(term.target, Fraction)
    policy, share, warning = term.indicator.missing, 1 - term.target, term.warning
    is_bad = ~odd.missing | (policy == "bad")
    is_gone = odd.missing & (policy == "exclude")
    counts = is_bad | is_gone
    member, slot = odd.where(counts)
    spent = _since_first(is_bad[counts], member)
    base = whole - _since_first(is_gone[counts], member)
    missed = exceeds(spent, share, base)
    at_risk = missed.copy()
    if warning is not None and warning.budget_spent is not None:
        at_risk |= (spent > 0) & reaches(spent, warning.budget_spent * share, base)
    if warning is not None and isinstance(warning.target, Fraction):
        at_risk |= exceeds(spent, 1 - warning.target, base)
    now = np.zeros(members, np.bool_)
    last = np.flatnonzero(np.append(member[1:] != member[:-1], True)) if len(member) else member
    now[member[last]] = at_risk[last]
    return _Counts(
        bad=np.bincount(odd.member[is_bad], minlength=members),
        missing=np.bincount(odd.member[odd.missing], minlength=members),
        gone=np.bincount(odd.member[is_gone], minlength=members),
        at_risk_in=_first_of_each(members, member[at_risk], slot[at_risk]),
        missed_in=_first_of_each(members, member[missed], slot[missed]),
        at_risk=now,
    )


def _since_first(flags: Flags, member: Numbers) -> Numbers:
    """How many flags of the same member are set up to each, that one included."""
    so_far = np.cumsum(flags)
    starts = np.searchsorted(member, member)
    found: Numbers = so_far - np.concatenate([[0], so_far])[starts]
    return found


def _first_of_each(members: int, member: Numbers, slot: Numbers) -> Numbers:
    found = np.full(members, -1, np.int64)
    named, first = np.unique(member, return_index=True)
    found[named] = slot[first]
    return found


def _stretches(members: int, member: Numbers, slot: Numbers) -> list[list[tuple[int, int]]]:
    """Of each member the runs of successive slots, as half-open pairs."""
    if not len(member):
        return [[] for _ in range(members)]
    breaks = np.flatnonzero((member[1:] != member[:-1]) | (slot[1:] != slot[:-1] + 1))
    firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(member) - 1)
    pairs = list(zip(slot[firsts].tolist(), (slot[lasts] + 1).tolist(), strict=True))
    bounds = np.searchsorted(member[firsts], np.arange(members + 1)).tolist()
    return [pairs[start:end] for start, end in pairwise(bounds)]


# -- verdicts ---------------------------------------------------------------------------------------------------------


def _of_window(
    members: Sequence[Term], window: Window, ended: int, odd: _Odd, as_of: int, lateness: int
) -> Iterator[Draft]:
    """The draft of each member in one window."""
    term = members[0]
    assert isinstance(term.target, Fraction)
    width, share, whole = term.indicator.slot, 1 - term.target, window.last - window.first
    counts = _counts(term, len(members), whole, odd)
    is_bad = ~odd.missing | (term.indicator.missing == "bad")
    bad_in = _stretches(len(members), *odd.where(is_bad))
    missing_in = _stretches(len(members), *odd.where(odd.missing))
    over = as_of >= window.over_at
    patience = lateness if term.lateness is None else term.lateness
    final = over and as_of >= settled_at(term, window.end, patience)
    columns = (counts.bad, counts.missing, counts.gone, counts.at_risk_in, counts.missed_in, counts.at_risk)
    for i, (member, figures) in enumerate(zip(members, zip(*(c.tolist() for c in columns), strict=True), strict=True)):
        bad, missing, gone, at_risk_in, missed_in, at_risk_now = figures
        attained, text = _attained(bad, ended - gone)
        at_risk_at, violated_at = (
            None if slot < 0 or attained is None else (window.first + slot + 1) * width
            for slot in (at_risk_in, missed_in)
        )
        status: Status = "met"
        if attained is None:
            status = "no_data"
        elif violated_at is not None:
            status = "violated"
        elif not over and at_risk_now:
            status = "at_risk"
        verdict = Verdict(
            agreement=member.agreement,
            objective=member.objective,
            service=member.service,
            customer=member.customer,
            period_start=window.start,
            period_end=window.end,
            status=status,
            final=final,
            attained=text,
            good=ended - gone - bad,
            bad=bad,
            missing=missing,
            excluded=0,
            budget=_budget(share, whole - gone),
            spent=str(bad),
            at_risk_at=at_risk_at,
            violated_at=violated_at,
            credit=None,
            evidence=_evidence(member, window.first, bad_in[i], missing_in[i]),
            agreement_version=member.agreement_version,
        )
        earned = None
        if over and member.tiers and attained is not None:
            earned = Earned(member, (window.start, window.end), attained, bad * width)
        yield Draft(window, verdict, earned)


@lru_cache(maxsize=4096)
def _attained(bad: int, measured: int) -> tuple[Fraction | None, str | None]:
    if not measured:
        return None, None
    attained = Fraction(measured - bad, measured)
    return attained, attained_text(attained)


@lru_cache(maxsize=4096)
def _budget(share: Fraction, base: int) -> str:
    return decimal_text(share * base, PLACES)


def _evidence(
    term: Term, first: int, bad: Collection[tuple[int, int]], missing: Collection[tuple[int, int]]
) -> tuple[Evidence, ...]:
    width, reason = term.indicator.slot, bad_reason(term)
    found = [Evidence((first + start) * width, (first + end) * width, "bad", reason) for start, end in bad]
    found += [Evidence((first + start) * width, (first + end) * width, "missing", "no data") for start, end in missing]
    found.sort(key=lambda e: (e.start, e.end, e.kind, e.reason))
    return tuple(found)
