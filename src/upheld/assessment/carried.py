"""What the fleet can carry goes to it once all that lies in the log has been taken in: then no row has to be held.

Its terms keep an account among the others (`advance.State`), so that credits, versions and cases see no difference.
What concerns periods that the fleet holds no more is assessed again from all rows of those series, which the source
still has.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice, takewhile
from typing import Protocol

import numpy as np
import pyarrow as pa

from upheld.agreements.indicators import Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, END_OF_TIME
from upheld.assessment import fleet as fleets
from upheld.assessment import kernels
from upheld.assessment.account import NEVER, Account, Draft, Exclusions, open_account
from upheld.assessment.advance import State
from upheld.assessment.coded import Coded
from upheld.assessment.columns import Rows, Series, SeriesKey
from upheld.assessment.courses import Slots
from upheld.assessment.exact import Flags, Numbers, exceeds
from upheld.assessment.fleet import Fleet, account_of, carries, code, drafts, open_fleet
from upheld.assessment.herd import Herd
from upheld.assessment.verdict import Condition
from upheld.assessment.windows import ceil_slot, settled_at
from upheld.measurements.exclusions import Exclusion

TOGETHER = 500
"""Series whose rows are read from the source at one time."""


class Source(Protocol):
    """Where the rows that were taken in can be had again, as they hold."""

    def rows(self, service: str, metric: str, start: int, end: int) -> Rows:
        """Those of one series with start <= time < end (microseconds UTC), by time."""

    def rows_together(self, series: Collection[SeriesKey], start: int, end: int) -> Mapping[SeriesKey, Rows]:
        """The same of each of many series that has some, in one reading."""

    def every_row(self, series: Collection[SeriesKey]) -> Iterator[tuple[SeriesKey, Rows]]:
        """All of these series."""


def hand_over(state: State, source: Source) -> None:
    """Lets the fleet carry every term that it can, from the state's instant on. Nothing happens where there is none, or
    where the state has not yet come to the instant since which it assesses."""
    chosen = [i for i, term in enumerate(state.terms) if carries(term)]
    if state.carrier is not None or not chosen or state.as_of is None or state.as_of <= state.since:
        return
    fleet = open_fleet(
        [state.terms[i] for i in chosen],
        since=state.since,
        lateness=state.lateness,
        rows_of=source.rows,
        rows_together=source.rows_together,
    )
    exclusions = frozenset(x for i in chosen for x in state.granted[i])
    fleets.advance(fleet, _all_rows(fleet, state), state.as_of, sorted(exclusions, key=_place))
    carried = {i: Carried(fleet, at, state.accounts[i]) for at, i in enumerate(chosen)}
    state.accounts = [carried.get(i, account) for i, account in enumerate(state.accounts)]
    state.carrier = Carrier(fleet, source, list(carried.values()), chosen)
    state.series = {key: state.series[key] for i, t in enumerate(state.terms) if i not in carried for key in t.series}


def _place(exclusion: Exclusion) -> tuple[str, int, int]:
    return exclusion.service, exclusion.start, exclusion.end


def _all_rows(fleet: Fleet, state: State) -> Coded:
    """Every row of the fleet's series that the state holds, by time."""
    held = [(number, state.series[key].between(0, END_OF_TIME)) for key, number in fleet.codes.items()]
    series = np.repeat(np.array([number for number, _ in held], np.int32), [len(rows) for _, rows in held])
    columns = (np.concatenate([getattr(rows, name) for _, rows in held]) for name in ("time", "value", "good", "total"))
    rows = Coded(series, *columns)
    return rows.take(np.argsort(rows.time, kind="stable"))


class Carrier:
    """The fleet of a state with the accounts of its terms; `positions` are their places in the state."""

    def __init__(self, fleet: Fleet, source: Source, accounts: Sequence["Carried"], positions: Sequence[int]) -> None:
        self._fleet, self._source, self._accounts, self._positions = fleet, source, accounts, positions
        self._names = list(fleet.codes)
        self._codes = [
            np.array([fleet.codes[t.service, t.indicator.metric] for t in herd.terms]) for herd in fleet.herds
        ]
        self._horizons = [self._horizons_of(herd) for herd in fleet.herds]
        self._horizon = self._of_series()

    def take(self, batch: pa.Table | None, as_of: int, exclusions: Sequence[Exclusion] | None) -> set[int]:
        """See `advance.Carrier`."""
        fleet, granted = self._fleet, dict(self._fleet.excluded_of)
        rows = None if batch is None else code(fleet, batch)
        fleets.advance(fleet, rows, as_of, exclusions)
        behind = self._left()
        if rows is not None:
            behind |= self._older(rows)
        if exclusions is not None:
            behind |= self._excluded_before(granted)
        self._recall(sorted(behind), as_of)
        for herd in fleet.herds:
            behind |= {int(herd.index[j]) for j in herd.restated}
            herd.restated.clear()
        return {self._positions[at] for at in behind}

    def _left(self) -> set[int]:
        """The terms of which a period has left the fleet before it was final."""
        found = set()
        for h, herd in enumerate(self._fleet.herds):
            before, self._horizons[h] = self._horizons[h], self._horizons_of(herd)
            moved = np.flatnonzero((self._horizons[h] != before)[herd.kind])
            found |= {at for at in herd.index[moved].tolist() if self._accounts[at].lacks()}
            if len(moved):
                self._horizon = self._of_series()
        return found

    def _horizons_of(self, herd: Herd) -> Numbers:
        return np.array([herd.horizon(k) for k in range(len(herd.opened))], np.int64)

    def _of_series(self) -> Numbers:
        """The instant from which on rows of each series concern only what the fleet holds."""
        found = np.zeros(len(self._names), np.int64)
        for herd, horizons, codes in zip(self._fleet.herds, self._horizons, self._codes, strict=True):
            np.maximum.at(found, codes, horizons[herd.kind])
        return found

    def _older(self, rows: Coded) -> set[int]:
        """The terms that read rows older than what the fleet holds."""
        older = (rows.series >= 0) & (rows.time < self._horizon[rows.series])
        found = set()
        for number in np.unique(rows.series[older]).tolist():
            earliest = int(rows.time[older & (rows.series == number)].min())
            for herd, links in zip(self._fleet.herds, self._fleet.links, strict=True):
                members = [j for j in links.members(number) if earliest < herd.horizon(int(herd.kind[j]))]
                found |= {int(herd.index[j]) for j in members}
        return found

    def _excluded_before(self, granted: Mapping[int, Exclusions]) -> set[int]:
        """The terms of which exclusions have changed that begin before what the fleet holds."""
        now, none = self._fleet.excluded_of, frozenset[Exclusion]()
        return {at for at in now if any(x.start < self._accounts[at].horizon for x in now[at] ^ granted.get(at, none))}

    def _recall(self, which: Iterable[int], as_of: int) -> None:
        """Assesses these terms again from all rows of their series."""
        of_series: dict[SeriesKey, list[Carried]] = defaultdict(list)
        for at in which:
            term = self._fleet.terms[at]
            of_series[term.service, term.indicator.metric].append(self._accounts[at])
        names = iter(of_series)
        while chosen := set(islice(names, TOGETHER)):
            found = dict(self._source.every_row(chosen))
            for key in chosen:
                series = Series()
                if key in found:
                    series.take_in(found[key])
                for account in of_series[key]:
                    account.recall(series, as_of)


class Carried:
    """The account of a term that the fleet carries: see `account.Account`. `drafts` holds those of all periods."""

    def __init__(self, fleet: Fleet, index: int, before: Account) -> None:
        self._fleet, self._index = fleet, index
        at, self._member = fleet.place[index].tolist()
        self._herd: Herd = fleet.herds[at]
        self.term, self.drafts, self.exclusions = before.term, before.drafts, before.exclusions
        self.wake_at = before.wake_at
        self._recalled: list[Draft] | None = None

    @property
    def horizon(self) -> int:
        """The instant before which the fleet does not hold the slots of the term's periods (microseconds UTC)."""
        return self._herd.horizon(int(self._herd.kind[self._member]))

    def lacks(self) -> bool:
        """Whether a period has left the fleet before it was told, or before it was final."""
        first = self.horizon // self.term.indicator.slot
        opened = reversed(self._herd.opened[int(self._herd.kind[self._member])])
        untold = takewhile(lambda window: window.start not in self.drafts, opened)
        return any(window.first < first for window in untold) or any(
            draft.window.first < first and not draft.verdict.final for draft in self.drafts.values()
        )

    def recall(self, series: Series, as_of: int) -> None:
        """Makes the drafts of all periods again from all rows; the next `update` returns them."""
        account = open_account(self.term, [series], self._fleet.since, self._fleet.lateness)
        account.update(as_of, None, self._fleet.excluded_of.get(self._index, frozenset()))
        self._recalled = list(account.drafts.values())

    def update(self, as_of: int, touched: Numbers | None, exclusions: Exclusions) -> list[Draft]:
        self.exclusions = exclusions
        told = drafts(self._fleet, self._index) if self._recalled is None else self._recalled
        self._recalled = None
        made = [draft for draft in told if self.drafts.get(draft.window.start) != draft]
        if self.term.period.rolling is None:
            self.drafts |= {draft.window.start: draft for draft in made}
        else:
            self.drafts = {draft.window.start: draft for draft in told}
        self.wake_at = self._next_change(as_of)
        return made

    def _next_change(self, as_of: int) -> int:
        """The first instant after `as_of` at which a slot or the patience ends, or a period begins."""
        term, herd, width = self.term, self._herd, self.term.indicator.slot
        ended = term.valid_to is not None and as_of >= ceil_slot(term.valid_to, width) * width
        instants = [] if ended else [max(as_of // width + 1, ceil_slot(term.valid_from, width)) * width]
        patience = herd.shape.patience
        if term.period.rolling is not None:
            instants += [] if term.valid_to is None else [settled_at(term, term.valid_to, patience)]
        else:
            for _, window in herd.held(int(herd.kind[self._member])):
                instants += [window.start + 1, window.end + 1, settled_at(term, window.end, patience)]
        return min((instant for instant in instants if instant > as_of), default=NEVER)

    def condition(self, back: int = DAY) -> Condition:
        """See `account.Account`: at hand is what the fleet holds."""
        herd, j, width = self._herd, self._member, self.term.indicator.slot
        if j in herd.strays:
            return account_of(self._fleet, self._index).condition(back)
        opened, kind = herd.opened[int(herd.kind[j])], herd.kinds[herd.kind[j]]
        begins = opened[0].first - herd.zero if opened else int(kind[kernels.FIRST])
        ends = NEVER if self.term.valid_to is None else ceil_slot(self.term.valid_to, width) - herd.zero
        last = max(min(herd.done, ends), 0)
        held = min(max(begins, herd.head - len(herd.ring), 0), last)
        found = self._condition(herd.slots(j, held, last))
        before = max(begins, last - back // width)
        if found.bad_until is not None or before >= held:
            return found
        slots = herd.history(j, before, last)
        return found if slots is None else self._condition(slots)

    def _condition(self, slots: Slots) -> Condition:
        width, bad = self.term.indicator.slot, self._herd.counted(self._member, slots)
        if slots.goods is not None and slots.totals is not None:
            bad = _misses(self.term, np.maximum(slots.totals, 0) - slots.goods, np.maximum(slots.totals, 0))
        found = np.flatnonzero(bad)
        after = int(found[-1]) + 1 if len(found) else 0
        good = int(np.count_nonzero(slots.codes[after:] == kernels.GOOD))
        until = (slots.first + after + self._herd.zero) * width if len(found) else None
        return Condition(until, good * width)


def _misses(term: Term, bad: Numbers, total: Numbers) -> Flags:
    """Which slots miss the target, or the softer one where one is set, by themselves."""
    soft = None if term.warning is None else term.warning.target
    assert isinstance(term.indicator, Ratio)
    assert isinstance(term.target, Fraction)
    missed = exceeds(bad, 1 - term.target, total)
    return missed | exceeds(bad, 1 - soft, total) if isinstance(soft, Fraction) else missed
