"""The fleet: very many objectives assessed in place. For each a ring of slots and a few integers, so that a measurement
and the end of a slot each cost the same whatever the window's length. DESIGN rules 2 to 10.

    rows (Arrow, or coded arrays) -> herds, one for each shape of term -> changes of standing, as columns
    verdicts on demand, as `reference.assess` has them

Rows that are newer than all of their series before go straight into the rings. Those that are not (late, corrected or
delivered twice) make the fleet ask for the rows of their slots again: the measurements themselves it does not keep.
No clock and no I/O but through the callback.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from upheld.agreements.intervals import Interval
from upheld.agreements.terms import Term
from upheld.agreements.units import DAY, END_OF_TIME
from upheld.assessment.account import Account, Draft, open_account
from upheld.assessment.coded import Coded, Held, Incoming, Links, Newest, links_of
from upheld.assessment.columns import Rows, Series
from upheld.assessment.consequences import settled
from upheld.assessment.foreseen import Foreseen, RowsTogether
from upheld.assessment.grants import Grants, grants
from upheld.assessment.herd import STATUSES, Changed, Herd, RowsOf
from upheld.assessment.kinds import Shape, carries, shape_of
from upheld.assessment.telling import tell
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion
from upheld.measurements.model import COLUMNS

__all__ = ["STATUSES", "Changed", "Coded", "Fleet", "advance", "carries", "open_fleet", "pulse", "take", "verdicts"]

SeriesKey = tuple[str, str]
_BACK = 400 * DAY
"""How far before `since` it can tell which rows are the newest of their series."""
_NOTHING = Coded(np.zeros(0, np.int32), np.zeros(0, np.int64))


@dataclass
class Fleet:
    """Every objective that the fleet carries, and how it stands. Opaque: read it with `verdicts`.

    `codes` numbers the series (service, metric) whose rows it takes, for whoever codes rows himself."""

    terms: tuple[Term, ...]
    since: int
    lateness: int
    codes: dict[SeriesKey, int]
    newest: Newest
    herds: list[Herd]
    links: list[Links]
    place: npt.NDArray[np.int32]
    """Of each term: its herd, and its place in it."""
    rows_of: RowsOf
    foreseen: Foreseen
    excluded_of: dict[int, frozenset[Exclusion]]
    as_of: int | None = None

    def rows(self, index: int, start: int, end: int) -> Held:
        """The rows that hold of a term's series with start <= time < end."""
        term = self.terms[index]
        code = self.codes[term.service, term.indicator.metric]
        key = term.service, term.indicator.metric
        foreseen = self.foreseen.rows(key, start, end)
        held = self.rows_of(*key, start, end) if foreseen is None else foreseen
        if len(held.time):  # whatever the source has already is not added again when it comes
            self.newest.met(code, int(held.time[-1]))
        return held

    def foresee(self, indices: Sequence[int], start: int, end: int) -> None:
        """Has the rows of these terms' series with start <= time < end ready for `rows`, until it is called again."""
        series = ((self.terms[i].service, self.terms[i].indicator.metric) for i in indices)
        self.foreseen.read(series, start, end)

    def covered(self, index: int, start: int, end: int) -> Sequence[Interval]:
        """What does not count for a term in [start, end)."""
        return self.granted(index, start, end).covered

    def granted(self, index: int, start: int, end: int) -> Grants:
        """What a term's exclusions and service hours come to in [start, end)."""
        return grants(self.terms[index], self.excluded_of.get(index, ()), start, end)


def open_fleet(
    terms: Sequence[Term],
    *,
    since: int,
    lateness: int = 0,
    rows_of: RowsOf,
    rows_together: RowsTogether | None = None,
) -> Fleet:
    """A fleet of terms for each of which `carries` holds, before anything was measured. `since` and `lateness`
    (microseconds) as in `reference.assess`. `rows_of` gives rows that hold, of those taken in at least; so does
    `rows_together`, of many series at once, where that costs less."""
    if refused := [term.key for term in terms if not carries(term)]:
        raise ValueError(f"the fleet cannot carry {refused[0]}: see `carries`")
    terms = tuple(terms)
    codes: dict[SeriesKey, int] = {}
    for term in terms:
        codes.setdefault((term.service, term.indicator.metric), len(codes))
    newest = Newest(len(codes), since - _BACK)
    place = np.zeros((len(terms), 2), np.int32)
    fleet = Fleet(terms, since, lateness, codes, newest, [], [], place, rows_of, Foreseen(rows_together), {})
    of_shape: dict[Shape, list[int]] = defaultdict(list)
    shapes: dict[tuple[object, ...], Shape] = {}  # terms of one agreement share their parts
    for i, term in enumerate(terms):
        parts = id(term.indicator), id(term.period), term.lateness
        if parts not in shapes:
            shapes[parts] = shape_of(term, lateness)
        of_shape[shapes[parts]].append(i)
    for shape, index in of_shape.items():
        place[index, 0], place[index, 1] = len(fleet.herds), np.arange(len(index))
        own = [terms[i] for i in index]
        fleet.links.append(links_of([codes[t.service, t.indicator.metric] for t in own], len(codes)))
        fleet.herds.append(Herd(shape, own, index, since, fleet))
    return fleet


def code(fleet: Fleet, batch: pa.Table) -> Coded:
    """A batch (columns: `measurements.model.COLUMNS`) as coded rows; -1 codes a series that no term reads."""
    if batch.schema.types != COLUMNS.types or batch.schema.names != COLUMNS.names:
        batch = batch.select(COLUMNS.names).cast(COLUMNS)
    batch = batch.unify_dictionaries().combine_chunks()
    names, codes = [], []
    for column in ("service", "metric"):
        coded = batch.column(column).combine_chunks()
        coded = coded.chunk(0) if isinstance(coded, pa.ChunkedArray) else coded
        names.append(coded.dictionary.to_pylist())
        codes.append(coded.indices.to_numpy().astype(np.int64))
    services, metrics = names
    pairs = codes[0] * max(len(metrics), 1) + codes[1]
    found, inverse = np.unique(pairs, return_inverse=True)
    series = [fleet.codes.get((services[p // len(metrics)], metrics[p % len(metrics)]), -1) for p in found.tolist()]
    value = batch.column("value").to_numpy().astype(np.float64, copy=False)
    good, total = (batch.column(name).fill_null(-1).to_numpy() for name in ("good", "total"))
    return Coded(np.array(series, np.int32)[inverse], batch.column("time").to_numpy(), value, good, total)


def take(fleet: Fleet, rows: pa.Table | Coded) -> None:
    """Takes in measurements, without letting time pass; the fleet's `rows_of` must have them already."""
    _take(
        fleet,
        rows if isinstance(rows, Coded) else code(fleet, rows),
        fleet.since if fleet.as_of is None else fleet.as_of,
    )


def pulse(fleet: Fleet, as_of: int, exclusions: Sequence[Exclusion] | None = None) -> Changed:
    """Lets time pass to `as_of` (microseconds UTC, after `since`; never back) and returns the changes of standing since
    the last pulse, by term and period. `exclusions` is every exclusion there is, or None where they are as before."""
    return _pulse(fleet, _NOTHING, as_of, exclusions)


def advance(
    fleet: Fleet, rows: pa.Table | Coded | None, as_of: int, exclusions: Sequence[Exclusion] | None = None
) -> Changed:
    """`take` and `pulse` in one."""
    if rows is None:
        rows = _NOTHING
    return _pulse(fleet, rows if isinstance(rows, Coded) else code(fleet, rows), as_of, exclusions)


def _take(fleet: Fleet, rows: Coded, as_of: int) -> None:
    incoming = Incoming(rows, fleet.newest)
    for herd, links in zip(fleet.herds, fleet.links, strict=True):
        herd.take_in(incoming, links, as_of)


def _pulse(fleet: Fleet, rows: Coded, as_of: int, exclusions: Sequence[Exclusion] | None) -> Changed:
    if as_of <= fleet.since:
        raise ValueError("as_of: must be after the instant since which the fleet assesses")
    fleet.as_of = as_of if fleet.as_of is None else max(as_of, fleet.as_of)
    if exclusions is not None:
        _exclude(fleet, exclusions)
    _take(fleet, rows, fleet.as_of)
    _assess_strays(fleet)
    found = [changed for herd in fleet.herds for changed in herd.changes()]
    return _in_order(found)


def _exclude(fleet: Fleet, exclusions: Sequence[Exclusion]) -> None:
    of_service: dict[str, list[Exclusion]] = defaultdict(list)
    for exclusion in exclusions:
        of_service[exclusion.service].append(exclusion)
    concerned = range(len(fleet.terms)) if of_service.get(EVERY_SERVICE) else _of_services(fleet, of_service)
    others: dict[int, set[int]] = defaultdict(set)
    for i in {*concerned, *fleet.excluded_of}:
        term = fleet.terms[i]
        found = frozenset(
            x
            for service in (term.service, EVERY_SERVICE)
            for x in of_service.get(service, ())
            if x.agreement in (term.agreement, None)
        )
        if found != fleet.excluded_of.get(i, frozenset()):
            fleet.excluded_of[i] = found
            others[int(fleet.place[i, 0])].add(int(fleet.place[i, 1]))
    for at, members in others.items():
        fleet.herds[at].exclude_anew(members)


def _of_services(fleet: Fleet, services: Iterable[str]) -> list[int]:
    wanted = set(services)
    return [i for i, term in enumerate(fleet.terms) if term.service in wanted] if wanted else []


def _in_order(found: Sequence[Changed]) -> Changed:
    columns = [
        np.concatenate([getattr(c, name) for c in found] or [np.zeros(0, np.int64)]) for name in Changed.__slots__
    ]
    order = np.lexsort((columns[1], columns[0]))
    return Changed(*(column[order] for column in columns))


def verdicts(fleet: Fleet, which: Iterable[int] | None = None) -> list[Verdict]:
    """The verdicts of these terms (by default of all), by term and period, equal to those of `reference.assess` for the
    periods whose slots the fleet still holds: the present one and those before it that may not be final yet.

    Credits of one agreement may share a cap: they are right where `which` has all of an agreement's terms with tiers
    or none of them."""
    assert fleet.as_of is not None, "a pulse comes first"
    found = []
    for i in range(len(fleet.terms)) if which is None else which:
        found += [(fleet.terms[i], draft.verdict, draft.earned) for draft in drafts(fleet, i)]
    return settled(found)


def drafts(fleet: Fleet, index: int) -> list[Draft]:
    """The drafts of the term at this position, for the periods whose slots the fleet still holds, earliest first."""
    assert fleet.as_of is not None, "a pulse comes first"
    at, j = fleet.place[index].tolist()
    herd = fleet.herds[at]
    if j in herd.strays:
        begun = herd.begun(int(herd.kind[j]), fleet.as_of)
        held = {*herd.starts(j), *(() if begun is None else (begun.start,))}
        return [draft for start, draft in account_of(fleet, index).drafts.items() if start in held]
    return tell(herd, j, fleet.since, fleet.as_of, partial(fleet.granted, index))


def account_of(fleet: Fleet, index: int) -> Account:
    """The account of a term whose counts no ring can hold, from all of its rows."""
    term, as_of = fleet.terms[index], fleet.as_of
    assert as_of is not None
    held = fleet.rows_of(term.service, term.indicator.metric, 0, END_OF_TIME)
    series = Series()
    series.take_in(Rows(held.time, held.value, held.good, held.total, np.zeros(len(held.time), np.int64)))
    account = open_account(term, [series], fleet.since, fleet.lateness)
    account.update(as_of, None, fleet.excluded_of.get(index, frozenset()))
    return account


def _assess_strays(fleet: Fleet) -> None:
    """Lets the herds know how the terms stand whose counts no ring can hold."""
    for herd in fleet.herds:
        for j in herd.strays:
            herd.set_standings(j, [draft.verdict for draft in drafts(fleet, int(herd.index[j]))])
