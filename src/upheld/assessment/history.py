"""Every version that a verdict ever had, from measurements and exclusions that say when they became known. DESIGN rules
9 and 12.

Knowledge is replayed in its order. Only few of its instants can make a version: those at which a verdict becomes final,
those at which something becomes known of time that was settled, and those at which an exclusion is granted or revoked.
All that comes in between is taken in at once.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from upheld.agreements.terms import Term
from upheld.assessment.advance import advance, start, verdicts
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version, approver, in_words, is_restated, numbered
from upheld.assessment.windows import settled_at, windows
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion, stands

Key = tuple[str, str, str, int]
Numbers = npt.NDArray[np.int64]


def history(
    terms: Sequence[Term],
    batch: pa.Table,
    exclusions: Sequence[Exclusion],
    as_of: int,
    *,
    known_at: int | None = None,
    lateness: int = 0,
    events: Sequence[ServiceEvent] = (),
) -> list[tuple[Version, ...]]:
    """The versions of each verdict that `assess` gives of these terms, measurements (columns:
    `measurements.model.COLUMNS`), exclusions and events at `as_of`, oldest first, in the order in which it gives
    them: the last version of each is what it gives. `known_at` leaves out what became known later (all in microseconds
    UTC).

    A verdict has its first version once it is final, or as it stands at the end; one that is without data until then
    has it once it has some. It is restated by what becomes known after that."""
    if known_at is not None:
        batch = batch.filter(pc.less_equal(batch.column("known_at"), known_at))
        exclusions = [x for x in exclusions if x.known_at <= known_at]
        events = [event for event in events if event.known_at <= known_at]
    rows = batch.sort_by("known_at")
    known = rows.column("known_at").to_numpy()
    earliest = pc.min(rows.column("time")).as_py()
    since = min([as_of - 1, *(event.opened for event in events), *([] if earliest is None else [earliest])])
    ledger = _Ledger(terms, exclusions)
    state, fed, standing, before = start(terms, since=since, lateness=lateness), 0, None, None
    for at in _steps(terms, rows, exclusions, events, since, as_of, known_at, lateness):
        ends = int(np.searchsorted(known, at, side="right"))
        stood = [x for x in exclusions if stands(x, at)]
        news = rows.slice(fed, ends - fed) if ends > fed else None
        told = [event for event in events if event.known_at <= at]
        state, changed = advance(state, news, min(at, as_of), None if stood == standing else stood, told)
        for verdict in changed:
            ledger.take(verdict, at, before, closing=False)
        fed, standing, before = ends, stood, min(at, as_of)
    return [
        ledger.close(verdict, max(as_of, _last(known, exclusions, events, known_at))) for verdict in verdicts(state)
    ]


def _last(known: Numbers, exclusions: Sequence[Exclusion], events: Sequence[ServiceEvent], known_at: int | None) -> int:
    """The newest instant at which anything became known."""
    told = [at for x in exclusions for at in (x.known_at, x.revoked_at) if at is not None]
    told += [event.known_at for event in events]
    return max([int(known[-1]) if len(known) else 0, *(at for at in told if known_at is None or at <= known_at)])


# -- versions as they come about ------------------------------------------------------------------------------


@dataclass
class _Blank:
    """A final verdict without data, and since when it stands: it becomes a version where nothing follows."""

    verdict: Verdict
    at: int


class _Ledger:
    """The versions so far, of a calendar period by its key, of a rolling window by its term."""

    def __init__(self, terms: Sequence[Term], exclusions: Sequence[Exclusion]) -> None:
        self._exclusions = exclusions
        self._terms: dict[tuple[str, str, str], list[Term]] = defaultdict(list)
        for term in terms:
            self._terms[term.key].append(term)
        self._versions: dict[Key, list[Version]] = defaultdict(list)
        self._blank: dict[Key, _Blank] = {}

    def take(self, verdict: Verdict, at: int, assessed_until: int | None, *, closing: bool) -> Key:
        """Takes in a verdict that has changed at the instant of knowledge `at`; `closing`: it has come to stay."""
        term = self._term(verdict)
        rolling = term.period.rolling is not None
        key: Key = (*verdict.key[:3], term.valid_from if rolling else verdict.period_start)
        versions = self._versions[key]
        if not versions and not (verdict.final or closing or rolling):
            return key
        if not versions and verdict.status == "no_data" and not closing:
            if verdict.final:
                self._blank.setdefault(key, _Blank(verdict, at)).verdict = verdict
            return key
        before = versions[-1].verdict if versions else None
        newest, found = numbered(
            before,
            verdict,
            rolling=rolling,
            assessed_until=assessed_until,
            events=term.indicator.kind == "duration",
        )
        if before is not None and newest.version == before.version:
            versions[-1] = replace(versions[-1], verdict=newest)
        else:
            who = approver(found, self._exclusions, term.subjects) if is_restated(found) else None
            versions.append(Version(newest, at, in_words(found), who))
        return key

    def close(self, verdict: Verdict, at: int) -> tuple[Version, ...]:
        """All versions of a verdict, of which this is the last."""
        blank = self._blank.get(verdict.key)
        if blank is not None and blank.verdict == verdict:
            at = blank.at
        return tuple(self._versions[self.take(verdict, at, None, closing=True)])

    def _term(self, verdict: Verdict) -> Term:
        return next(
            term
            for term in self._terms[verdict.key[:3]]
            if term.valid_from <= verdict.period_start
            and (term.valid_to is None or verdict.period_start < term.valid_to)
        )


# -- the instants that matter ---------------------------------------------------------------------------------


def _steps(
    terms: Sequence[Term],
    rows: pa.Table,
    exclusions: Sequence[Exclusion],
    events: Sequence[ServiceEvent],
    since: int,
    as_of: int,
    known_at: int | None,
    lateness: int,
) -> list[int]:
    """The instants of knowledge to stop at, in order; the last one is that at which all is known and all time has
    passed. `rows` by known_at."""
    known = rows.column("known_at").to_numpy()
    settled = {i: _settled(term, since, as_of, lateness) for i, term in enumerate(terms)}
    finals = {int(at) for _, at_of in settled.values() for at in at_of if at <= as_of}
    revised = {at for x in exclusions for at in (x.known_at, x.revoked_at) if at is not None}
    revised |= {event.known_at for event in events}
    places = _places(rows)
    for i, term in enumerate(terms):
        for series in term.series:
            if series in places:
                revised |= _late(term, rows, places[series], *settled[i])
    if known_at is not None:
        revised = {at for at in revised if at <= known_at}
    every = np.unique(np.concatenate([known, np.array(sorted(finals | revised), dtype=np.int64)])).tolist()
    # What was known just before is told from what it became.
    just_before = {every[place - 1] for at in revised if (place := bisect_left(every, at))}
    last = max(as_of, _last(known, exclusions, events, known_at))
    return sorted({at for at in finals | revised | just_before if since < at < last} | {last})


def _settled(term: Term, since: int, as_of: int, lateness: int) -> tuple[Numbers, Numbers]:
    """Where the calendar periods of a term end, and when each verdict is final; empty for a rolling window."""
    if term.period.rolling is not None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    patience = lateness if term.lateness is None else term.lateness
    ends = [window.end for window in windows(term, since, as_of)]
    return np.array(ends, np.int64), np.array([settled_at(term, end, patience) for end in ends], np.int64)


def _places(rows: pa.Table) -> Mapping[tuple[str, str], Numbers]:
    """Where the rows of each (service, metric) are, in their order."""
    services, metrics = (_encoded(rows.column(name)) for name in ("service", "metric"))
    codes = services.indices.to_numpy().astype(np.int64) * max(len(metrics.dictionary), 1) + metrics.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    firsts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    return {
        (services[int(part[0])].as_py(), metrics[int(part[0])].as_py()): part
        for part in np.split(order, firsts[1:])
        if len(part)
    }


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return pa.concat_arrays(column.cast(pa.string()).chunks or [pa.array([], pa.string())]).dictionary_encode()


def _late(term: Term, rows: pa.Table, places: Numbers, ends: Numbers, settled: Numbers) -> set[int]:
    """When something became known of the past of a series: after the verdict on its time was final; and where a verdict
    hangs together across periods, as runs and rolling windows do, whatever did not come in the order of time."""
    time = rows.column("time").to_numpy()[places]
    known = rows.column("known_at").to_numpy()[places]
    late = np.zeros(len(places), bool)
    if len(ends):
        period = np.searchsorted(ends, time, side="right")
        over = period < len(ends)
        late[over] = known[over] > settled[period[over]]
    if _hangs_together(term):
        order = np.lexsort((time, known))
        times, at = time[order], known[order]
        newest = np.maximum.accumulate(times)
        # What is told twice at one instant is told once.
        behind = (times[1:] < newest[:-1]) | ((times[1:] == newest[:-1]) & (at[1:] > at[:-1]))
        late[order[1:]] |= behind
    return set(known[late].tolist())


def _hangs_together(term: Term) -> bool:
    indicator = term.indicator
    runs = indicator.kind == "availability" and (indicator.consecutive > 1 or indicator.recovery > 1)
    return runs or term.period.rolling is not None
