"""The live assessment of one tenant: its state in memory, fed from the measurement log.

The log is the truth and the state only what follows from it: after a restart, or when the portfolio changes or older
data arrives, the state is built again from the log, slice by slice: time goes on with what is read, and from the first
slice on the fleet carries what it can, so that of that the rows of no more than a slice are held. Of a log that goes
far back and forth in time all rows are held until it is read: what the fleet has left behind would be read again and
again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.assessment.advance import State, advance, conditions, start
from upheld.assessment.carried import hand_over
from upheld.assessment.columns import Rows, SeriesKey, rows_of, series_in, settled
from upheld.assessment.silence import Heard, Silence
from upheld.assessment.verdict import Condition, Verdict
from upheld.assessment.windows import settled_at, windows
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.ports import MeasurementLog
from upheld.process.assessing.arrivals import Arrivals
from upheld.process.assessing.silences import Watch
from upheld.recorder import Recorder

ROWS_AT_ONCE = 500_000
"""Rows of the log that are taken in at one time, and what the last batch has beyond them: so much is held in memory of
what waits, and for so long other tenants wait."""
HISTORY = 400 * DAY
"""How far back measurements are assessed that are older than the portfolio."""
LEAP = 31 * DAY
"""The steps in which the state begins further back for older measurements: history often comes newest first. Where it
begins follows from the earliest measurement alone, so that a restart begins there too."""


FAR_BACK, FEW = DAY, 100
"""A slice in which more than one of so many rows lies so far before what was read is not in order."""


class Assessor:
    """Assesses one tenant's terms as its log grows and time passes."""

    def __init__(self, log: MeasurementLog, tenant: str, lateness: int, recorder: Recorder = Recorder()) -> None:
        self._log, self._tenant, self._lateness, self._recorder = log, tenant, lateness, recorder
        self._version: int | None = None
        self._terms: Sequence[Term] = ()
        self._state: State | None = None
        self._handed_over = self._has_passed = False
        self._is_in_order = True
        self._first = self._since = self._floor = 0
        self._kept_from: int | None = None
        self._position = 0
        self._reading: Iterator[tuple[int, pa.Table, str | None]] | None = None
        self._exclusions: Sequence[Exclusion] | None = None
        self._events: Sequence[ServiceEvent] = ()
        self._told: Sequence[ServiceEvent] | None = None
        self.events_place = 0
        """Up to which place it has been told of events."""
        self._changed: dict[tuple[str, str, str, int], Verdict] = {}
        self._conditions: dict[int, Mapping[tuple[str, str, str], Condition]] = {}
        self._watch = Watch(())
        self._listens_since: int | None = None
        self.arrivals: Arrivals | None = None
        """Takes note of what is read of the log for the first time."""

    @property
    def version(self) -> int | None:
        """The version of the portfolio that is being assessed; None before the first."""
        return self._version

    @property
    def kept_from(self) -> int | None:
        """From when on it looks at measurements: what was measured before may be gone. None where nothing is."""
        return self._kept_from

    @property
    def position(self) -> int:
        """Up to which position of the log it has read."""
        return self._position

    @property
    def since(self) -> int:
        """From when it assesses, in microseconds UTC."""
        return self._since

    @property
    def as_of(self) -> int:
        """Up to when it has assessed, in microseconds UTC."""
        assert self._state_now.as_of is not None, "advance comes first"
        return self._state_now.as_of

    @property
    def _state_now(self) -> State:
        assert self._state is not None, "adopt comes first"
        return self._state

    def adopt(self, version: int, terms: Sequence[Term], since: int, kept_from: int | None = None) -> None:
        """Assess these terms from now on, from `since`, or from the earliest measurement if that is earlier, but no
        more than `HISTORY` before `since`, and in no case before `kept_from`."""
        self._version, self._terms, self._kept_from = version, terms, kept_from
        self._first, self._floor = since, since - HISTORY if kept_from is None else max(since - HISTORY, kept_from)
        self._restart(max(since, self._floor))

    def advance(
        self, exclusions: Sequence[Exclusion], as_of: int, events: Sequence[ServiceEvent] | None = None
    ) -> list[Verdict]:
        """Takes in what the log has and what `exclusions` (all of them) and `events` (all that was told, None where
        that is as before) say, lets time pass to `as_of` (microseconds UTC), and returns the verdicts that have
        changed."""
        end, _ = self._log.backlog(self._tenant, self._position)
        while self.take_in(end, exclusions, as_of, events):
            pass
        return self.tell(exclusions, as_of)

    def take_in(
        self, upto: int, exclusions: Sequence[Exclusion], as_of: int, events: Sequence[ServiceEvent] | None = None
    ) -> bool:
        """Takes in the next slice of the log, of `ROWS_AT_ONCE` rows, up to position `upto`; whether there is more. The
        rest is as in `advance`, which is this until there is no more, and `tell`."""
        if events is not None:
            self._events = events
        self._begin_by(min((event.opened for event in self._events), default=self._since))
        batch = self._next_batch(upto)
        if batch is None and self._position < upto:
            batch = self._next_batch(upto)  # from where it now begins
        if batch is not None:
            if self._goes_back(batch):
                self._is_in_order = False
                self._restart(self._since)
                return True
            if self._is_in_order and self._position < upto:
                self._take_in_order(batch, exclusions, as_of)
            else:
                self._take(batch, exclusions, as_of)
            self._recorder.batch_assessed(self._tenant, self._position)
        return self._position < upto

    def tell(self, exclusions: Sequence[Exclusion], as_of: int) -> list[Verdict]:
        """The verdicts that have changed by what was taken in and by time that has passed to `as_of`."""
        self._take(None, exclusions, as_of)
        self._hand_over()
        changed, self._changed = self._changed, {}
        passed, self._has_passed = self._has_passed, False
        if passed:  # of rolling windows those that ended on the way are none to tell of
            state = self._state_now
            rolling = {term.key for term in state.terms if term.period.rolling is not None}
            now = {v.key for current in state.current for v in current.values() if v.key[:3] in rolling}
            changed = {key: v for key, v in changed.items() if key[:3] not in rolling or key in now}
        return list(changed.values())

    def conditions(self, back: int = DAY) -> Mapping[tuple[str, str, str], Condition]:
        """How each (agreement, objective, service) is right now, by at least its last `back` microseconds."""
        if back not in self._conditions:
            self._conditions[back] = {} if self._state is None else conditions(self._state, back)
        return self._conditions[back]

    def newest(self, keys: Collection[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Verdict]:
        """The verdict of the newest period of each of these promises, as far as there is one."""
        found: dict[tuple[str, str, str], Verdict] = {}
        for term, current in zip(self._state_now.terms, self._state_now.current, strict=True):
            if term.key in keys and current:
                verdict = current[max(current)]
                if term.key not in found or found[term.key].period_start < verdict.period_start:
                    found[term.key] = verdict
        return found

    # -- silence ------------------------------------------------------------------------------------------------

    def watches(self, key: tuple[str, str, str]) -> bool:
        """Whether a promise is valid and says when it is silent."""
        return self._watch.watches(key, self.as_of)

    def silence(self, key: tuple[str, str, str]) -> Silence | int | None:
        """The silence of a promise; see `assessment.silence`."""
        return self._watch.of(key, self._exclusions or (), self.as_of)

    def heard(self) -> list[Heard]:
        """What was last heard of each series that is watched."""
        return self._watch.heard(self.as_of)

    def silent(self, known: Collection[tuple[str, str, str]]) -> list[tuple[tuple[str, str, str], Silence]]:
        """The promises that are silent and not among those `known` to be."""
        if self._listens_since is None:
            self._listens_since = self.as_of
        return self._watch.silent(self._exclusions or (), self.as_of, known, self._listens_since)

    # -- what was taken in, again -------------------------------------------------------------------------------

    def rows(self, service: str, metric: str, start: int, end: int) -> Rows:
        """See `carried.Source`."""
        start = start if self._kept_from is None else max(start, self._kept_from)
        return rows_of(self._log.series(self._tenant, service, metric, start, end, upto=self._position))

    def rows_together(self, series: Collection[SeriesKey], start: int, end: int) -> Mapping[SeriesKey, Rows]:
        """See `carried.Source`."""
        start = start if self._kept_from is None else max(start, self._kept_from)
        found = self._log.rows(self._tenant, series, start=start, end=end, upto=self._position)
        return {key: settled(rows) for key, rows in series_in(found, frozenset(series))}

    def every_row(self, series: Collection[SeriesKey]) -> Iterator[tuple[SeriesKey, Rows]]:
        """See `carried.Source`."""
        found = self._log.rows(self._tenant, series, upto=self._position)
        return series_in(measured_since(found, self._kept_from), series)

    # -- taking in ----------------------------------------------------------------------------------------------

    def _take(self, batch: pa.Table | None, exclusions: Sequence[Exclusion], as_of: int) -> None:
        news = None if exclusions == self._exclusions else exclusions
        self._state, changes = advance(
            self._state_now, batch, as_of, news, None if self._told is self._events else self._events
        )
        self._told, self._exclusions, self._conditions = self._events, exclusions, {}
        self._changed |= {verdict.key: verdict for verdict in changes}

    def _take_in_order(self, batch: pa.Table, exclusions: Sequence[Exclusion], as_of: int) -> None:
        """Takes in a slice behind which there are more: up to each instant at which verdicts become final, for they are
        to be so before the fleet leaves their period behind."""
        self._has_passed = True
        batch = batch.sort_by("time")
        times = batch.column("time").to_numpy()
        last = min(max(int(times[-1]), self._since + 1), as_of)
        since = max(self._since, self._state_now.as_of or 0)
        stops = [at for at in self._final_at(since, last) if since < at < last]
        cuts = [0, *np.searchsorted(times, stops).tolist(), len(times)]
        for (first, end), until in zip(pairwise(cuts), [*stops, last], strict=True):
            self._take(batch.slice(first, end - first), exclusions, until)
            self._hand_over()

    def _final_at(self, start: int, end: int) -> list[int]:
        """The instants from `start` to `end` at which verdicts of calendar periods become final."""
        calendars = {
            (term.period, term.zone.key, term.valid_from, term.valid_to, term.indicator.slot, term.lateness): term
            for term in self._terms
            if term.period.rolling is None and term.indicator.kind != "duration"
        }
        found = set()
        for term in calendars.values():
            patience = self._lateness if term.lateness is None else term.lateness
            over = windows(term, start - patience - DAY, end)
            found |= {settled_at(term, window.end, patience) for window in over}
        return sorted(at for at in found if start <= at <= end)

    def _goes_back(self, batch: pa.Table) -> bool:
        """Whether much of a slice lies long before what was handed over already while the log was still read."""
        if not self._has_passed or not self._handed_over or not batch.num_rows:
            return False
        before = pc.less(batch.column("time"), self.as_of - FAR_BACK)
        return bool((pc.sum(before).as_py() or 0) * FEW > batch.num_rows)

    def _hand_over(self) -> None:
        if not self._handed_over and self.as_of > self._since:
            hand_over(self._state_now, self)
            self._handed_over = True

    def _next_batch(self, upto: int) -> pa.Table | None:
        """The next slice of the log; None where there is none, or where the assessment has to begin anew for it."""
        news: list[tuple[int, pa.Table]] = []
        delivered: list[tuple[int, str | None]] = []
        rows, position = 0, self._position
        # One reading goes on where it was until it has caught up, for it reads ahead; after a failure it begins again.
        reading, self._reading = self._reading or self._log.read(self._tenant, self._position), None
        for position, batch, sender in reading:
            news.append((position, batch))
            delivered.append((batch.num_rows, sender))
            rows += batch.num_rows
            if rows >= ROWS_AT_ONCE or position >= upto:
                break
        if not news:
            self._position = max(self._position, upto)
            return None
        table = pa.concat_tables([batch for _, batch in news]).unify_dictionaries()
        if self._begin_by(pc.min(table.column("time")).as_py()):
            return None
        self._position, self._reading = position, reading if position < upto else None
        self._watch.note(table, delivered)
        if self.arrivals is not None and position > self.arrivals.position:
            fresh = [batch for place, batch in news if place > self.arrivals.position]
            whole = table if len(fresh) == len(news) else pa.concat_tables(fresh).unify_dictionaries()
            self.arrivals.note(whole, position)
        return measured_since(table, self._kept_from)

    def _begin_by(self, earliest: int) -> bool:
        """Lets the assessment begin early enough for what is of that instant; whether it had to begin anew."""
        earliest = max(earliest, self._floor)
        if earliest >= self._since:
            return False
        leaps = -((earliest - self._first) // LEAP)
        self._restart(max(self._first - leaps * LEAP, self._floor))
        return True

    def _restart(self, since: int) -> None:
        self._since, self._position, self._exclusions, self._told = since, 0, None, None
        self._reading, self._watch = None, Watch(self._terms)
        self._state, self._handed_over = start(self._terms, since=since, lateness=self._lateness), False


def measured_since(batch: pa.Table, instant: int | None) -> pa.Table:
    """What of a batch was measured at an instant (microseconds UTC; None: at any) or later."""
    if instant is None or not batch.num_rows or pc.min(batch.column("time")).as_py() >= instant:
        return batch
    return batch.filter(pc.greater_equal(batch.column("time"), instant))
