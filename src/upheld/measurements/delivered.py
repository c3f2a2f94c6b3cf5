"""Whether what was delivered is what the agreements wait for: promises whose data never arrived, and data that no
promise reads. Pure; the rows are columns of `measurements.model.COLUMNS`."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from upheld.agreements.indicators import Availability, Commitments
from upheld.agreements.lint import Finding
from upheld.agreements.terms import Term
from upheld.agreements.units import format_duration, format_instant

RULES: Mapping[str, str] = {
    "never-delivered": "a promise whose metric was never measured",
    "other-form": "values where an indicator reads good and total counts, or the reverse",
    "unread-data": "measurements that no objective reads",
    "stopped": "a metric of which nothing came for long before the end",
    "sparse": "data that come less often than a slot lasts, so that most slots are missing",
    "min-total-out-of-reach": "a min_total that no slot reaches, so that none is ever bad",
}
"""Every rule with what it finds."""

STOPPED_AFTER = 10
"""A metric has stopped where so many of its usual intervals passed without a measurement."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of one (service, metric): the number of rows with a value and of those with counts, the times of the
    first and last row, the interval at which most rows come (their median; 0 of a single row); all microseconds."""

    values: int
    counts: int
    first: int
    last: int
    interval: int
    times: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    totals: "np.ndarray[tuple[int], np.dtype[np.int64]]"


Series = tuple[str, str]


def delivered(batch: pa.Table) -> dict[Series, Delivered]:
    """What a batch holds, by (service, metric)."""
    services, metrics = (batch.column(name).combine_chunks().dictionary_encode() for name in ("service", "metric"))
    named = [_words(column) for column in (services, metrics)]
    codes = [_codes(column) for column in (services, metrics)]
    time = batch.column("time").to_numpy()
    total = batch.column("total").fill_null(-1).to_numpy()
    series = codes[0] * len(named[1]) + codes[1]
    order = np.lexsort((time, series))
    starts = np.flatnonzero(np.r_[True, np.diff(series[order]) != 0]) if len(order) else np.array([], np.int64)
    found: dict[Series, Delivered] = {}
    for rows in np.split(order, starts[1:]) if len(order) else []:
        code = int(series[rows[0]])
        times, totals = time[rows], total[rows]
        steps = np.diff(np.unique(times))
        counted = int((totals >= 0).sum())
        found[named[0][code // len(named[1])], named[1][code % len(named[1])]] = Delivered(
            values=len(rows) - counted,
            counts=counted,
            first=int(times[0]),
            last=int(times[-1]),
            interval=int(np.sort(steps)[len(steps) // 2]) if len(steps) else 0,
            times=times,
            totals=np.maximum(totals, 0),
        )
    return found


def _words(column: pa.Array) -> list[str]:
    return column.dictionary.to_pylist()  # type: ignore[no-any-return]


def _codes(column: pa.Array) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return column.indices.to_numpy().astype(np.int64)  # type: ignore[no-any-return]


def lint_delivered(
    terms: Sequence[Term],
    places: Mapping[tuple[str, str], tuple[str | int, ...]],
    found: Mapping[Series, Delivered],
    events: Mapping[Series, int],
) -> list[Finding]:
    """What is odd about the data of these terms. `places` gives the place of (agreement, objective) in its file,
    `events` how many events came of each series; that none came of one is nothing odd."""
    timed = {series for term in terms if isinstance(term.indicator, Commitments) for series in term.series}
    terms = [term for term in terms if not isinstance(term.indicator, Commitments)]
    latest = max((one.last for one in found.values()), default=0)
    findings: list[Finding] = []
    for term in terms:
        for service, metric in term.series:
            path = (*places[term.agreement, term.objective], "indicator", "metric")
            findings += _of_series(term, service, metric, found.get((service, metric)), latest, path)
    read = {series for term in terms for series in term.series}
    services = {service for service, _ in read | timed}
    rows = {series: data.values + data.counts for series, data in found.items()}
    findings += _unread(rows, read, services, "measurement")
    findings += _unread(events, timed, services, "event")
    return list(dict.fromkeys(findings))


def _of_series(
    term: Term, service: str, metric: str, data: Delivered | None, latest: int, path: tuple[str | int, ...]
) -> Iterator[Finding]:
    def finding(rule: str, text: str, field: str = "metric") -> Finding:
        return Finding(rule, "warning", term.agreement, term.objective, service, (*path[:-1], field), text)

    if data is None:
        yield finding("never-delivered", f"nothing was measured of {metric}: the verdict is no_data")
        return
    indicator = term.indicator
    by_counts = indicator.kind == "ratio" or (isinstance(indicator, Availability) and indicator.good_when is None)
    if (data.counts if by_counts else data.values) == 0:
        wanted, have = ("good and total", "values") if by_counts else ("values", "good and total")
        yield finding(
            "other-form", f"reads {wanted}, but all {data.values + data.counts:,} rows of {metric} have {have}"
        )
        return
    if data.interval > indicator.slot:
        share = 100 - 100 * indicator.slot // data.interval
        text = (
            f"{metric} comes every {format_duration(data.interval)}: with slots of {format_duration(indicator.slot)} "
            f"about {share} % of them are missing"
        )
        yield finding("sparse", text, "slot")
    silent = latest - data.last
    if silent > max(data.interval, indicator.slot) * STOPPED_AFTER:
        text = (
            f"{metric} was last measured at {format_instant(data.last)}, {format_duration(silent // 1_000 * 1_000)} "
            f"before the last measurement of all"
        )
        yield finding("stopped", text)
    if isinstance(indicator, Availability) and indicator.min_total:
        most = _most_in_a_slot(data, indicator.slot)
        if most < indicator.min_total:
            text = (
                f"a slot counts from {indicator.min_total:,} events on, and none of {metric} has more than {most:,}: "
                f"none is ever bad"
            )
            yield finding("min-total-out-of-reach", text, "min_total")


def _most_in_a_slot(data: Delivered, slot: int) -> int:
    """The most events of any slot; rows of one instant count once, by the greatest."""
    times, place = np.unique(data.times, return_inverse=True)
    greatest = np.zeros(len(times), np.int64)
    np.maximum.at(greatest, place, data.totals)
    sums: dict[int, int] = defaultdict(int)
    for begins, total in zip((times // slot).tolist(), greatest.tolist(), strict=True):
        sums[begins] += total
    return max(sums.values(), default=0)


def _unread(found: Mapping[Series, int], read: set[Series], services: Collection[str], word: str) -> Iterator[Finding]:
    for (service, metric), rows in found.items():
        if (service, metric) in read:
            continue
        why = "no objective of its service reads it" if service in services else "no agreement names its service"
        text = f"{rows:,} {word if rows == 1 else word + 's'} of {metric}: {why}"
        yield Finding("unread-data", "note", "", None, service, (), text)
