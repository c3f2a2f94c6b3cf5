"""The fast model of assessment: the rules of `reference.assess` over columns, kept up as data comes in and time passes.

    rows of a batch -> series (columns) -> slots of a term (timeline, runs) -> course of its budget or figure
    (budget, figures) -> verdict of a window (account, wording) -> credit

Only what new rows, other exclusions or the passing of time touch is computed again. No clock and no I/O.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.indicators import Commitments
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.assessment.account import NEVER, Account, Draft, Exclusions
from upheld.assessment.batch import SlotBatch
from upheld.assessment.cohort import drafts_together
from upheld.assessment.columns import Rows, Series, SeriesKey, series_in
from upheld.assessment.consequences import settled
from upheld.assessment.credit import Earned
from upheld.assessment.durations import EventSeries, events_by_series, open_clocks
from upheld.assessment.exact import Numbers
from upheld.assessment.group_account import open_any
from upheld.assessment.settlement import Place, Settlement
from upheld.assessment.verdict import Condition, Verdict
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion


class Carrier(Protocol):
    """What carries some of a state's terms: see `carried`."""

    def take(self, batch: pa.Table | None, as_of: int, exclusions: Sequence[Exclusion] | None) -> set[int]:
        """Takes in a batch and lets time pass; returns the positions of the terms whose accounts are to be updated
        whether or not time wakes them."""


@dataclass
class State:
    """All that has been taken in, and what it has come to. Opaque: read it with `verdicts` and `conditions`."""

    terms: tuple[Term, ...]
    since: int
    lateness: int
    as_of: int | None = None
    begin: int | None = None
    series: dict[SeriesKey, Series] = field(default_factory=dict)
    events: dict[SeriesKey, EventSeries] = field(default_factory=dict)
    accounts: list[Account] = field(default_factory=list)
    granted: list[Exclusions] = field(default_factory=list)
    """The exclusions that concern each term."""
    settlement: Settlement = field(default_factory=lambda: Settlement(()))
    current: list[dict[int, Verdict]] = field(default_factory=list)
    """The verdicts last returned of each term, by the start of their period."""
    wake_at: int = 0
    """The instant before which time alone changes no account."""
    readers: dict[SeriesKey, list[int]] = field(default_factory=dict)
    """The positions of the terms that read each series."""
    places: dict[tuple[str, str, str], list[int]] = field(default_factory=dict)
    """The positions of the terms of each promise, by (agreement, objective, service)."""
    carrier: Carrier | None = None
    """What carries the terms of whose series `series` holds nothing."""


def start(terms: Sequence[Term], *, since: int, lateness: int = 0) -> State:
    """The state before anything was measured. `since` and `lateness` (microseconds) as in `reference.assess`."""
    state = State(tuple(terms), since, lateness)
    state.series = {key: Series() for term in terms for key in term.series}
    state.events = {key: EventSeries() for term in terms if _has_clocks(term) for key in term.series}
    state.granted = [frozenset() for _ in terms]
    state.current = [{} for _ in terms]
    for i, term in enumerate(terms):
        state.places.setdefault(term.key, []).append(i)
        for key in term.series:
            state.readers.setdefault(key, []).append(i)
    return state


def advance(
    state: State,
    batch: pa.Table | None,
    as_of: int,
    exclusions: Sequence[Exclusion] | None = None,
    events: Sequence[ServiceEvent] | None = None,
) -> tuple[State, list[Verdict]]:
    """Takes in a batch and lets time pass to `as_of` (microseconds UTC; an instant before the state's is the state's).

    `batch` has the columns `measurements.model.COLUMNS`, in any order of rows, with duplicates and corrections;
    series that no term assesses are passed over. `exclusions` is every exclusion there is, and `events` everything told
    of any event, or None where they are as before. Returns the state and every verdict that is new or differs from the
    one last returned for its key, in the order of the terms. The state given is changed in place and must not be used
    again."""
    rows = () if batch is None else series_in(batch, state.series)
    as_of = as_of if state.as_of is None else max(as_of, state.as_of)
    restated = set() if state.carrier is None else state.carrier.take(batch, as_of, exclusions)
    return state, _advance(state, rows, as_of, exclusions, events, restated)


def verdicts(state: State) -> list[Verdict]:
    """Every current verdict: what `reference.assess` gives of all that was taken in, in the same order."""
    return [
        current[start]
        for account, current in zip(state.accounts, state.current, strict=True)
        for start in account.drafts
    ]


def conditions(state: State, back: int = DAY) -> "Conditions":
    """How each term's service does at the state's instant, by (agreement, objective, service); of a term that was
    amended, by the terms that are valid then. `back` as in `account.Account`."""
    return Conditions(state, back)


class Conditions(Mapping[tuple[str, str, str], Condition]):
    """Found out when they are asked for, and once; to be asked before the state advances."""

    def __init__(self, state: State, back: int) -> None:
        self._state, self._back = state, back
        self._found: dict[tuple[str, str, str], Condition] = {}

    def __getitem__(self, key: tuple[str, str, str]) -> Condition:
        if key not in self._found:
            self._found[key] = self._account(key).condition(self._back)
        return self._found[key]

    def _account(self, key: tuple[str, str, str]) -> Account:
        """Of the last that has begun; before any has, of the first."""
        as_of, accounts = self._state.as_of, self._state.accounts
        places = sorted(self._state.places[key], key=lambda i: accounts[i].term.valid_from)
        begun = [i for i in places if as_of is None or accounts[i].term.valid_from < as_of]
        return accounts[begun[-1] if begun else places[0]]

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return iter(self._state.places)

    def __len__(self) -> int:
        return len(self._state.places)


def assess(
    terms: Sequence[Term],
    batch: pa.Table | SlotBatch | None,
    exclusions: Sequence[Exclusion],
    as_of: int,
    *,
    since: int | None = None,
    lateness: int = 0,
    events: Sequence[ServiceEvent] = (),
) -> list[Verdict]:
    """What `reference.assess` gives of these terms, measurements, exclusions and events. The measurements have the
    columns `measurements.model.COLUMNS`, or have been condensed to the slots of these terms. One service is assessed
    after the other, so that beyond the batch little is held at a time."""
    begin = min(_earliest(batch, events, as_of) if since is None else since, as_of - 1)
    excluded_of = _by_service(exclusions)
    found: list[list[tuple[Term, Verdict, Earned | None]]] = [[] for _ in terms]
    told = events_by_series(events)
    plain: Mapping[int, list[Draft]] = {}
    if isinstance(batch, SlotBatch):
        plain = drafts_together(terms, batch, begin, as_of, lateness, lambda term: bool(_concerning(term, excluded_of)))
    for i, drafts in plain.items():
        found[i] = [(terms[i], draft.verdict, draft.earned) for draft in drafts]
    for i, series in _in_turn(terms, batch, plain):
        account = _open(terms[i], series, told, begin, lateness)
        account.update(as_of, None, _concerning(terms[i], excluded_of))
        found[i] = [(terms[i], draft.verdict, draft.earned) for draft in account.drafts.values()]
    return settled(entry for of_term in found for entry in of_term)


def _in_turn(
    terms: Sequence[Term], batch: pa.Table | SlotBatch | None, done: Container[int]
) -> Iterator[tuple[int, list[Series]]]:
    """Each term that is not done, by position, with its series, as soon as all rows of its services have passed."""
    if isinstance(batch, SlotBatch):
        for i, term in enumerate(terms):
            if i in done:
                continue
            yield i, [] if _has_clocks(term) else [batch.series[key] for key in term.series]
        return
    awaited = {i: set(term.services) for i, term in enumerate(terms)}
    readers: dict[str, list[int]] = defaultdict(list)
    for i, services in awaited.items():
        for service in services:
            readers[service].append(i)
    held: dict[SeriesKey, Series] = {}
    rows = () if batch is None else series_in(batch, {key for term in terms for key in term.series})
    for service, arrived in groupby(rows, key=lambda pair: pair[0][0]):
        for key, new in arrived:
            held[key] = Series()
            held[key].take_in(new)
        for i in readers[service]:
            awaited[i].discard(service)
            if not awaited[i]:
                del awaited[i]
                yield i, [held.get(key, Series()) for key in terms[i].series]
        if not any(i in awaited for i in readers[service]):
            held = {key: series for key, series in held.items() if key[0] != service}
    yield from ((i, [held.get(key, Series()) for key in terms[i].series]) for i in awaited)


def _open(
    term: Term, series: Sequence[Series], events: Mapping[SeriesKey, EventSeries], begin: int, lateness: int
) -> Account:
    if _has_clocks(term):
        return open_clocks(term, [events.get(key, EventSeries()) for key in term.series], begin, lateness)
    return open_any(term, series, begin, lateness)


def _has_clocks(term: Term) -> bool:
    return isinstance(term.indicator, Commitments)


def _earliest(batch: pa.Table | SlotBatch | None, events: Sequence[ServiceEvent], as_of: int) -> int:
    instants = [event.opened for event in events]
    if batch is not None and batch.num_rows:
        instants.append(batch.earliest if isinstance(batch, SlotBatch) else pc.min(batch.column("time")).as_py())
    return min(instants, default=as_of - 1)


def _advance(
    state: State,
    rows: Iterable[tuple[SeriesKey, Rows]],
    as_of: int,
    exclusions: Sequence[Exclusion] | None,
    events: Sequence[ServiceEvent] | None,
    restated: Set[int],
) -> list[Verdict]:
    state.as_of = as_of
    touched = {key: state.series[key].take_in(new) for key, new in rows}
    if events is not None:
        touched |= _tell(state, events)
    if exclusions is not None:
        excluded_of = _by_service(exclusions)
        state.granted = [_concerning(term, excluded_of) for term in state.terms]
        state.wake_at = 0
    begin = min(state.since, as_of - 1)
    if begin != state.begin:
        state.begin = begin
        state.accounts = [
            _open(term, [state.series[key] for key in term.series], state.events, begin, state.lateness)
            for term in state.terms
        ]
        state.settlement = Settlement(state.terms)
        state.wake_at = 0
    return _changes(state, touched, as_of, restated)


def _tell(state: State, events: Sequence[ServiceEvent]) -> dict[SeriesKey, Numbers]:
    """Takes in what is told of events; the series of which something else is told than before, each with no times."""
    told = events_by_series(events)
    touched = {}
    for key, series in state.events.items():
        now = told[key].events if key in told else []
        if series.events != now:
            series.events = now
            touched[key] = np.zeros(0, np.int64)
    return touched


def _by_service(exclusions: Iterable[Exclusion]) -> dict[str, list[Exclusion]]:
    found: dict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in exclusions:
        found[exclusion.service].append(exclusion)
    return found


def _concerning(term: Term, excluded_of: dict[str, list[Exclusion]]) -> Exclusions:
    return frozenset(
        x
        for service in (*term.subjects, EVERY_SERVICE)
        for x in excluded_of.get(service, ())
        if x.agreement in (term.agreement, None)
    )


def _changes(state: State, touched: Mapping[SeriesKey, Numbers], as_of: int, restated: Set[int]) -> list[Verdict]:
    """Updates every account that has a reason to, and returns the verdicts that differ from those last returned."""
    made: dict[Place, tuple[Verdict, Earned | None]] = {}
    time_wakes = as_of >= state.wake_at
    roused = {*restated, *(i for key in touched for i in state.readers[key])}
    state.wake_at = NEVER if time_wakes else state.wake_at
    for i in range(len(state.accounts)) if time_wakes else sorted(roused):
        account = state.accounts[i]
        times = _touching(account.term, touched)
        awake = times is not None or as_of >= account.wake_at or i in restated
        if not awake and state.granted[i] == account.exclusions:
            state.wake_at = min(state.wake_at, account.wake_at)
            continue
        for draft in account.update(as_of, times, state.granted[i]):
            made[i, draft.window.start] = draft.verdict, draft.earned
        state.wake_at = min(state.wake_at, account.wake_at)
        if account.term.period.rolling is not None:
            state.current[i] = {begins: v for begins, v in state.current[i].items() if begins in account.drafts}
    changed = []
    for (i, begins), verdict in sorted(state.settlement.settle(made, state.current).items()):
        if state.current[i].get(begins) != verdict:
            state.current[i][begins] = verdict
            changed.append(verdict)
    return changed


def _touching(term: Term, touched: Mapping[SeriesKey, Numbers]) -> Numbers | None:
    """The times at which any of the term's series has new rows, ascending; None where none has."""
    times = [touched[key] for key in term.series if key in touched]
    if len(times) < 2:
        return times[0] if times else None
    return np.unique(np.concatenate(times))
