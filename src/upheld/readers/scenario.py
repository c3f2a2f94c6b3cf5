"""Scenario files: agreements, what was measured, and the verdicts that are expected at some instants."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, model_validator

from upheld.agreements.fields import Document, Duration, Name
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import END_OF_TIME, OUTSIDE
from upheld.assessment.verdict import Credit, Status
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion, stands
from upheld.measurements.model import COLUMNS
from upheld.readers.events import EventEntry
from upheld.readers.exclusions import ExclusionEntry, Instant
from upheld.readers.faults import Fault, InputError, did_you_mean
from upheld.readers.portfolio import read_portfolio
from upheld.readers.series import Values, parse_values, series_table
from upheld.readers.tables import Form, forms_read
from upheld.readers.validation import validate
from upheld.readers.yaml_source import Source, parse_yaml, read_text
from upheld.reports.differences import Expected


class SeriesEntry(Document):
    """A series of measurements, one each step. `known_at` is when all of it became known: a correction has one."""

    service: Name
    metric: Name
    values: Annotated[Values, BeforeValidator(parse_values)]
    start: Instant | None = None
    known_at: Instant | None = None


class ExpectedCredit(Document):
    amount: Decimal
    currency: str


class ExpectedEvidence(Document):
    start: Instant
    end: Instant
    kind: Literal["bad", "missing", "excluded", "not_excluded", "running"]
    reason: str = ""


class ExpectedConsequence(Document):
    right: str
    since: Instant | None = None
    reason: str | None = None


class ExpectedVerdict(Document):
    """The fields of a verdict; only those given are compared."""

    agreement: str | None = None
    objective: str | None = None
    service: str | None = None
    customer: str | None = None
    period_start: Instant | None = None
    period_end: Instant | None = None
    status: Status | None = None
    final: bool | None = None
    attained: Decimal | None = None
    good: int | None = None
    bad: int | None = None
    missing: int | None = None
    excluded: int | None = None
    budget: Decimal | None = None
    spent: Decimal | None = None
    at_risk_at: Instant | None = None
    violated_at: Instant | None = None
    credit: ExpectedCredit | None = None
    evidence: tuple[ExpectedEvidence, ...] | None = None
    relative_error: Decimal | None = None
    claim_by: Instant | None = None
    consequences: tuple[ExpectedConsequence, ...] | None = None


class ExpectEntry(Document):
    """What is expected at an instant, as known then."""

    at: Instant
    verdicts: Annotated[tuple[ExpectedVerdict, ...], Field(min_length=1)]


class ScenarioFile(Portfolio):
    """A scenario as a user writes it; its agreements stand in it, or in a file named beside it."""

    agreements: tuple[Agreement, ...] = ()
    agreements_file: str | None = None
    start: Instant
    step: Duration
    series: tuple[SeriesEntry, ...] = ()
    events: tuple[EventEntry, ...] = ()
    exclusions: tuple[ExclusionEntry, ...] = ()
    expect: Annotated[tuple[ExpectEntry, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _agreements_once(self) -> Self:
        if bool(self.agreements) == (self.agreements_file is not None):
            raise ValueError("give either agreements or agreements_file")
        if not self.series and not self.events:
            raise ValueError("series: give series of measurements, or events, or both")
        return self


@dataclass(frozen=True, slots=True)
class Expectation:
    """The verdicts expected at `at`, in the order of the file."""

    at: int
    verdicts: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario, ready to be run. `batch` has the columns of `COLUMNS`; instants in microseconds UTC."""

    name: str
    terms: tuple[Term, ...]
    since: int
    batch: pa.Table
    events: tuple[ServiceEvent, ...]
    exclusions: tuple[Exclusion, ...]
    expect: tuple[Expectation, ...]

    def known(self, at: int) -> tuple[pa.Table, list[Exclusion]]:
        """The measurements and exclusions that were known at `at`."""
        rows = self.batch.filter(pc.less_equal(self.batch.column("known_at"), at))
        return rows, [x for x in self.exclusions if stands(x, at)]

    def known_events(self, at: int) -> list[ServiceEvent]:
        """The events that were known at `at`."""
        return [event for event in self.events if event.known_at <= at]


def read_scenario(path: Path) -> Scenario:
    """A scenario file -> `Scenario`. Raises InputError with every fault of it."""
    source = parse_yaml(read_text(path), str(path))
    written = validate(ScenarioFile, source)
    agreements = written.agreements
    if written.agreements_file is not None:
        agreements = read_portfolio(path.parent / written.agreements_file).agreements
    terms = compile_terms(agreements)
    if beyond := list(_beyond_time(source, written)):
        raise InputError(beyond)
    tables = [_table(written, entry) for entry in written.series]
    faults = [*_series_faults(source, written, terms, tables), *_other_faults(source, written, terms)]
    if faults:
        raise InputError(faults)
    return Scenario(
        name=str(path),
        terms=terms,
        since=min([written.start, *(s.start for s in written.series if s.start is not None)]),
        batch=pa.concat_tables([COLUMNS.empty_table(), *tables]).unify_dictionaries(),
        events=tuple(entry.service_event() for entry in written.events),
        exclusions=tuple(entry.exclusion() for entry in written.exclusions),
        expect=tuple(_expectation(source, i, entry) for i, entry in enumerate(written.expect)),
    )


def _beyond_time(source: Source, written: ScenarioFile) -> Iterator[Fault]:
    for i, entry in enumerate(written.series):
        start = written.start if entry.start is None else entry.start
        if start + written.step * (len(entry.values.value) - 1) >= END_OF_TIME:
            yield Fault(source.name, source.line(("series", i, "values")), f"series[{i}].values", f"the last {OUTSIDE}")


def _table(written: ScenarioFile, entry: SeriesEntry) -> pa.Table:
    start = written.start if entry.start is None else entry.start
    return series_table(entry.service, entry.metric, start, written.step, entry.values, entry.known_at)


def _expectation(source: Source, position: int, entry: ExpectEntry) -> Expectation:
    return Expectation(
        entry.at,
        tuple(
            Expected(source.line(("expect", position, "verdicts", i)), _fields(verdict))
            for i, verdict in enumerate(entry.verdicts)
        ),
    )


def _fields(verdict: ExpectedVerdict) -> dict[str, Any]:
    fields = {name: getattr(verdict, name) for name in ExpectedVerdict.model_fields if name in verdict.model_fields_set}
    if verdict.credit is not None:
        fields["credit"] = Credit(verdict.credit.amount, verdict.credit.currency)
    for name in ("evidence", "consequences"):
        if (entries := getattr(verdict, name)) is not None:
            fields[name] = [{f: getattr(e, f) for f in sorted(e.model_fields_set)} for e in entries]
    return fields


def _series_faults(
    source: Source, written: ScenarioFile, terms: tuple[Term, ...], tables: list[pa.Table]
) -> Iterator[Fault]:
    forms = forms_read(terms)
    metrics: dict[str, set[str]] = {}
    for service, metric in forms:
        metrics.setdefault(service, set()).add(metric)
    for i, (entry, table) in enumerate(zip(written.series, tables, strict=True)):
        if entry.service not in metrics:
            yield _unnamed(source, ("series", i, "service"), entry.service, metrics)
        elif entry.metric not in metrics[entry.service]:
            read = sorted(metrics[entry.service])
            near = did_you_mean(entry.metric, read)
            said = f"no objective of {entry.service} reads {entry.metric!r}{near}; they read {', '.join(read)}"
            yield Fault(source.name, source.line(("series", i, "metric")), f"series[{i}].metric", said)
        elif unread := _forms(table) - forms[entry.service, entry.metric]:
            line, has = source.line(("series", i, "values")), " and ".join(sorted(unread))
            said = f"has {has} where the objectives read {' and '.join(sorted(forms[entry.service, entry.metric]))}"
            yield Fault(source.name, line, f"series[{i}].values", said)
        span = pc.min_max(table.column("time")).as_py()
        if entry.known_at is not None and span["max"] is not None and entry.known_at < span["max"]:
            line = source.line(("series", i, "known_at"))
            yield Fault(source.name, line, f"series[{i}].known_at", "must not be before the last time of the series")
    for i, j in _overlaps(written, tables):
        first = source.line(("series", i))
        said = f"tells of a time that the series on line {first} tells of; give known_at where it corrects that"
        yield Fault(source.name, source.line(("series", j)), f"series[{j}]", said)


def _forms(table: pa.Table) -> set[Form]:
    of_form: dict[Form, str] = {"values": "value", "counts": "total"}
    return {form for form, column in of_form.items() if table.column(column).null_count < len(table)}


def _overlaps(written: ScenarioFile, tables: list[pa.Table]) -> Iterator[tuple[int, int]]:
    """Pairs of series of which neither is known to correct the other."""
    same: dict[tuple[str, str, int | None], list[int]] = {}
    for j, entry in enumerate(written.series):
        others = same.setdefault((entry.service, entry.metric, entry.known_at), [])
        times = tables[j].column("time")
        for i in others:
            if pc.any(pc.is_in(times, tables[i].column("time"))).as_py():
                yield i, j
                break
        others.append(j)


def _other_faults(source: Source, written: ScenarioFile, terms: tuple[Term, ...]) -> Iterator[Fault]:
    services = {name for term in terms for name in term.subjects}
    for i, exclusion in enumerate(written.exclusions):
        if exclusion.service != EVERY_SERVICE and exclusion.service not in services:
            yield _unnamed(source, ("exclusions", i, "service"), exclusion.service, services)
    for i, entry in enumerate(written.expect):
        if entry.at <= written.start:
            yield Fault(source.name, source.line(("expect", i, "at")), f"expect[{i}].at", "must be later than start")


def _unnamed(source: Source, path: tuple[str, int, str], service: str, services: Iterable[str]) -> Fault:
    said = f"{service!r} is a service that no agreement names{did_you_mean(service, services)}"
    return Fault(source.name, source.line(path), f"{path[0]}[{path[1]}].{path[2]}", said)
