"""The fast model of assessment: the rules of `reference.assess` over columns, kept up as data comes in and time passes.

    rows of a batch -> series (columns) -> slots of a term (timeline, runs) -> course of its budget or figure
    (budget, figures) -> verdict of a window (account, wording) -> credit

Only what new rows, other exclusions or the passing of time touch is computed again. No clock and no I/O.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.terms import Term
from upheld.assessment.account import Account, Draft, Exclusions, open_account
from upheld.assessment.columns import Rows, Series, SeriesKey, series_in
from upheld.assessment.credit import credits
from upheld.assessment.exact import Numbers
from upheld.assessment.verdict import Condition, Verdict
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion


@dataclass
class State:
    """All that has been taken in, and what it has come to. Opaque: read it with `verdicts` and `conditions`."""

    terms: tuple[Term, ...]
    since: int
    lateness: int
    as_of: int | None = None
    begin: int | None = None
    series: dict[SeriesKey, Series] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    granted: list[Exclusions] = field(default_factory=list)
    """The exclusions that concern each term."""
    current: list[dict[int, Verdict]] = field(default_factory=list)
    """The verdicts last returned of each term, by the start of their period."""


def start(terms: Sequence[Term], *, since: int, lateness: int = 0) -> State:
    """The state before anything was measured. `since` and `lateness` (microseconds) as in `reference.assess`."""
    state = State(tuple(terms), since, lateness)
    state.series = {(term.service, term.indicator.metric): Series() for term in terms}
    state.granted = [frozenset() for _ in terms]
    state.current = [{} for _ in terms]
    return state


def advance(
    state: State, batch: pa.Table | None, as_of: int, exclusions: Sequence[Exclusion] | None = None
) -> tuple[State, list[Verdict]]:
    """Takes in a batch and lets time pass to `as_of` (microseconds UTC; an instant before the state's is the state's).

    `batch` has the columns `measurements.model.COLUMNS`, in any order of rows, with duplicates and corrections;
    series that no term assesses are passed over. `exclusions` is every exclusion there is, or None where they are as
    before. Returns the state and every verdict that is new or differs from the one last returned for its key, in the
    order of the terms. The state given is changed in place and must not be used again."""
    rows = () if batch is None else series_in(batch, state.series)
    return state, _advance(state, rows, as_of, exclusions)


def verdicts(state: State) -> list[Verdict]:
    """Every current verdict: what `reference.assess` gives of all that was taken in, in the same order."""
    return [
        current[start]
        for account, current in zip(state.accounts, state.current, strict=True)
        for start in account.drafts
    ]


def conditions(state: State) -> dict[tuple[str, str, str], Condition]:
    """How each term's service does at the state's instant, by (agreement, objective, service)."""
    return {account.term.key: account.condition() for account in state.accounts}


def assess(
    terms: Sequence[Term],
    batch: pa.Table | None,
    exclusions: Sequence[Exclusion],
    as_of: int,
    *,
    since: int | None = None,
    lateness: int = 0,
) -> list[Verdict]:
    """What `reference.assess` gives of these terms, measurements (columns: `measurements.model.COLUMNS`) and
    exclusions. One service is assessed after the other, so that beyond the batch little is held at a time."""
    if since is None:
        since = pc.min(batch.column("time")).as_py() if batch is not None and batch.num_rows else as_of - 1
    of_service: dict[str, list[int]] = defaultdict(list)
    for i, term in enumerate(terms):
        of_service[term.service].append(i)
    found: list[list[Verdict]] = [[] for _ in terms]
    wanted = {(term.service, term.indicator.metric) for term in terms}
    excluded_of = _by_service(exclusions)

    def assess_service(service: str, rows: Iterable[tuple[SeriesKey, Rows]]) -> None:
        positions = of_service.pop(service)
        state = start([terms[i] for i in positions], since=since, lateness=lateness)
        _advance(state, rows, as_of, [*excluded_of[service], *excluded_of[EVERY_SERVICE]])
        for i, account, current in zip(positions, state.accounts, state.current, strict=True):
            found[i] = [current[begins] for begins in account.drafts]

    if batch is not None:
        for service, rows in groupby(series_in(batch, wanted), key=lambda pair: pair[0][0]):
            assess_service(service, rows)
    for service in list(of_service):
        assess_service(service, ())
    return [verdict for of_term in found for verdict in of_term]


def _advance(
    state: State, rows: Iterable[tuple[SeriesKey, Rows]], as_of: int, exclusions: Sequence[Exclusion] | None
) -> list[Verdict]:
    as_of = as_of if state.as_of is None else max(as_of, state.as_of)
    state.as_of = as_of
    touched = {key: state.series[key].take_in(new) for key, new in rows}
    if exclusions is not None:
        excluded_of = _by_service(exclusions)
        state.granted = [_concerning(term, excluded_of) for term in state.terms]
    begin = min(state.since, as_of - 1)
    if begin != state.begin:
        state.begin = begin
        state.accounts = [
            open_account(term, state.series[term.service, term.indicator.metric], begin, state.lateness)
            for term in state.terms
        ]
    return _changes(state, touched, as_of)


def _by_service(exclusions: Iterable[Exclusion]) -> dict[str, list[Exclusion]]:
    found: dict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in exclusions:
        found[exclusion.service].append(exclusion)
    return found


def _concerning(term: Term, excluded_of: dict[str, list[Exclusion]]) -> Exclusions:
    return frozenset(
        x
        for service in (term.service, EVERY_SERVICE)
        for x in excluded_of.get(service, ())
        if x.agreement in (term.agreement, None)
    )


def _changes(state: State, touched: dict[SeriesKey, Numbers], as_of: int) -> list[Verdict]:
    """Updates every account that has a reason to, and returns the verdicts that differ from those last returned."""
    made: list[tuple[int, Draft]] = []
    for i, account in enumerate(state.accounts):
        times = touched.get((account.term.service, account.term.indicator.metric))
        if times is None and as_of < account.wake_at and state.granted[i] == account.exclusions:
            continue
        made += [(i, draft) for draft in account.update(as_of, times, state.granted[i])]
        if account.term.period.rolling is not None:
            state.current[i] = {begins: v for begins, v in state.current[i].items() if begins in account.drafts}
    changed = []
    for (i, begins), verdict in sorted(_credited(state, made).items()):
        if state.current[i].get(begins) != verdict:
            state.current[i][begins] = verdict
            changed.append(verdict)
    return changed


def _credited(state: State, made: list[tuple[int, Draft]]) -> dict[tuple[int, int], Verdict]:
    """The verdicts of these drafts with their credits, and those of every other draft that shares a cap with one, by
    (position of the term, start of the period)."""
    found = {(i, draft.window.start): draft.verdict for i, draft in made}
    shares_cap = defaultdict(list)
    if any(state.terms[i].tiers for i, _ in made):
        for i, term in enumerate(state.terms):
            shares_cap[term.agreement, term.service].append(i)
    pots = {
        (state.terms[i].agreement, state.terms[i].service, draft.window.start, draft.window.end): None
        for i, draft in made
        if state.terms[i].tiers
    }
    for agreement, service, begins, ends in pots:
        entries = [
            (i, draft)
            for i in shares_cap[agreement, service]
            if (draft := state.accounts[i].drafts.get(begins)) and draft.earned and draft.window.end == ends
        ]
        earned = [draft.earned for _, draft in entries if draft.earned is not None]
        for (i, draft), credit in zip(entries, credits(earned), strict=True):
            found[i, begins] = replace(draft.verdict, credit=credit)
    return found
