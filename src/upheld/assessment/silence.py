"""Silence: a series that had measurements and has none any more, for longer than its indicator's `silent_after`.

A pure function of the newest measurement of each series, the exclusions and the time: no order of arrival matters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from upheld.agreements.terms import Term
from upheld.agreements.units import DAY
from upheld.assessment.grants import grants
from upheld.measurements.exclusions import Exclusion

LOOK_BACK = 35 * DAY
"""So much of a silence is looked at."""

SeriesKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Silence:
    """`since` is the end of the slot of the last measurement (microseconds UTC), the earliest where several `services`
    of a group are silent; `at` is when the silence had lasted for `silent_after`."""

    since: int
    at: int
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was last heard of a series: the end of the slot of its last measurement (`since`, microseconds UTC), who
    delivered that (None where nobody knows), and whether it is `quiet`: nothing has come for at least half of the time
    after which it is silent."""

    service: str
    metric: str
    since: int
    sender: str | None
    quiet: bool


def heard(
    terms: Iterable[Term], newest: Mapping[SeriesKey, int], senders: Mapping[SeriesKey, str], as_of: int
) -> list[Heard]:
    """What was last heard, by `as_of`, of each series of these terms that ever had a measurement: the time of its
    newest is in `newest`, who delivered that in `senders`. Only of terms that are valid then, and say when they are
    silent."""
    found: dict[SeriesKey, Heard] = {}
    for term in terms:
        after, slot = term.indicator.silent_after, term.indicator.slot
        if after is None or not is_valid(term, as_of):
            continue
        for series in term.series:
            last = newest.get(series)
            if last is None or (series in found and found[series].quiet):
                continue
            since = max(last // slot * slot + slot, term.valid_from)
            found[series] = Heard(*series, since, senders.get(series), 2 * (as_of - since) >= after)
    return list(found.values())


def silence(
    term: Term, newest: Mapping[SeriesKey, int], exclusions: Sequence[Exclusion], as_of: int
) -> Silence | int | None:
    """The silence of a term at `as_of`; or else the first instant at which it can be silent; None where it never can
    be, as long as nothing is measured. `newest` is the time of the newest measurement of each series (all in
    microseconds UTC).

    Time that does not count (outside the service hours, or excluded) is no silence. A series that never had a
    measurement is not silent, and neither is one of a promise that is not valid."""
    after = term.indicator.silent_after
    if after is None or not is_valid(term, as_of):
        return None
    slot = term.indicator.slot
    silent: list[tuple[int, str]] = []
    soonest: int | None = None
    for place, series in enumerate(term.series):
        last = newest.get(series)
        if last is None:
            continue
        since = max(last // slot * slot + slot, term.valid_from, as_of - LOOK_BACK)
        lasted = as_of - since
        if lasted >= after:
            lasted -= _excluded(term, place, exclusions, since, as_of)
        if lasted >= after:
            silent.append((max(last // slot * slot + slot, term.valid_from), series[0]))
        else:
            due = as_of + after - lasted
            soonest = due if soonest is None else min(soonest, due)
    if not silent:
        return soonest
    since = min(silent)[0]
    return Silence(since, since + after, tuple(service for _, service in silent))


def is_valid(term: Term, at: int) -> bool:
    """Whether a term is valid at an instant."""
    return term.valid_from <= at and (term.valid_to is None or at < term.valid_to)


def _excluded(term: Term, place: int, exclusions: Sequence[Exclusion], start: int, end: int) -> int:
    """How much of [start, end) does not count for the member of that place, or for the term as a whole."""
    granted = grants(term, exclusions, start, end)
    covered = granted.parts[place] if granted.parts else granted.covered
    return sum(max(min(e, end) - max(s, start), 0) for s, e in covered)
