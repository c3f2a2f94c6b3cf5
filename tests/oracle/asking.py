"""Asks DuckDB: raw rows and the plain figures of terms in, exact figures out. The rules are in assess.sql.

Nothing here decides anything: agreements are read for their fields, decimals and shares are written out as text, and
the whole numbers that come back are put together as fractions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from upheld.agreements.indicators import Aggregate, Availability, Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import Bound
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Question:
    """What is asked of one world: every promise in it, as of an instant. As the arguments of `reference.assess`."""

    terms: Sequence[Term]
    measurements: Sequence[Measurement]
    exclusions: Sequence[Exclusion]
    as_of: int
    since: int | None = None
    lateness: int = 0


@dataclass(frozen=True)
class Answer:
    """What a term came to in a period. Instants in microseconds UTC; `attained`, `budget` and `spent` are exact."""

    term: int
    """The position of the term in its question."""
    period_start: int
    period_end: int
    status: str
    final: bool
    attained: Fraction | None
    good: int
    bad: int
    missing: int
    excluded: int
    budget: Fraction | None
    spent: Fraction | None
    at_risk_at: int | None
    violated_at: int | None


def connect() -> duckdb.DuckDBPyConnection:
    """A database in memory with the macros and the empty tables."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    # Joins run as they are written: with a join inside the build side of another, DuckDB 2.0.0 can fail (duckdb#24807).
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    for name in ("exact.sql", "tables.sql"):
        connection.execute((_HERE / name).read_text())
    return connection


def ask(connection: duckdb.DuckDBPyConnection, questions: Sequence[Question]) -> list[list[Answer]]:
    """The answers to each question, in the order of its terms and of their periods. Raises ValueError where a term
    promises what the oracle does not know: events, groups, burn rates, forecasts, `clear_after`, billing days."""
    numbered = [(world, i, term) for world, q in enumerate(questions) for i, term in enumerate(q.terms)]
    rows: dict[str, list[dict[str, Any]]] = {
        "delivered": [_delivered(world, m) for world, q in enumerate(questions) for m in q.measurements],
        "excluding": [_excluding(world, x) for world, q in enumerate(questions) for x in q.exclusions],
        "term": [_asked(n, world, questions[world], term) for n, (world, _, term) in enumerate(numbered)],
        "opening": [row for n, (_, _, term) in enumerate(numbered) for row in _opening(n, term)],
        "holiday": [row for n, (world, _, term) in enumerate(numbered) for row in _holidays(n, term, questions[world])],
    }
    for table, made in rows.items():
        _fill(connection, table, made)
    connection.execute(_rules())
    cursor = connection.execute("FROM answer ORDER BY term, period_start")
    names = [column[0] for column in cursor.description or ()]
    answers: list[list[Answer]] = [[] for _ in questions]
    for row in cursor.fetchall():
        found = dict(zip(names, row, strict=True))
        world, position, term = numbered[found["term"]]
        answers[world].append(_answer(position, term, found))
    return answers


@cache
def _rules() -> str:
    return (_HERE / "assess.sql").read_text()


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = connection.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [table]).fetchall()
    connection.execute(f"DELETE FROM {table}")
    if rows:
        assert {name for (name,) in columns} == set(rows[0]), table
        connection.register("given", pa.Table.from_pylist(list(rows)))
        connection.execute(f"INSERT INTO {table} BY NAME FROM given")
        connection.unregister("given")


# -- what is asked ----------------------------------------------------------------------------------------------------


def _delivered(world: int, m: Measurement) -> dict[str, Any]:
    return {
        "world": world,
        "service": m.service,
        "metric": m.metric,
        "time": m.time,
        "value": None if m.value is None else _decimal(Decimal(repr(m.value))),
        "good": m.good,
        "total": m.total,
        "known_at": m.known_at,
    }


def _excluding(world: int, x: Exclusion) -> dict[str, Any]:
    return {
        "world": world,
        "service": x.service,
        "starts": x.start,
        "ends": x.end,
        "reason": x.reason,
        "approved_by": x.approved_by,
        "agreement": x.agreement,
    }


def _asked(number: int, world: int, question: Question, term: Term) -> dict[str, Any]:
    if why := unknown(term):
        raise ValueError(f"the oracle does not know {why}")
    warning = term.warning
    return {
        "world": world,
        "term": number,
        "agreement": term.agreement,
        "service": term.service,
        "metric": term.indicator.metric,
        "as_of": question.as_of,
        "since": question.since,
        "lateness": question.lateness if term.lateness is None else term.lateness,
        "zone": term.zone.key,
        "valid_from": term.valid_from,
        "valid_to": term.valid_to,
        "unit": term.period.calendar,
        "rolling": term.period.rolling,
        "has_hours": term.service_hours is not None,
        "admitted": None if term.admitted is None else sorted(term.admitted),
        **_indicator(term),
        **_threshold("target", term.target),
        **_threshold("soft", None if warning is None else warning.target),
        **_share("share", None if warning is None else warning.budget_spent),
    }


def unknown(term: Term) -> str | None:
    """What the oracle does not know of what a term promises; None where it knows all of it."""
    warning = term.warning
    if not isinstance(term.indicator, Availability | Ratio | Aggregate):
        return f"indicators of kind {term.indicator.kind}"
    if term.members is not None:
        return "groups"
    if term.period.billing_day != 1:
        return "billing days"
    if warning is not None and (warning.burn_rate or warning.forecast is not None or warning.clear_after != 1):
        return "burn rates, forecasts and clear_after"
    return None


def _indicator(term: Term) -> dict[str, Any]:
    indicator = term.indicator
    is_availability = isinstance(indicator, Availability)
    good_when = indicator.good_when if is_availability else None
    figure = indicator.aggregate if isinstance(indicator, Aggregate) else None
    rank = Fraction(figure[1:]) / 100 if figure is not None and figure.startswith("p") else None
    return {
        "kind": indicator.kind,
        "slot": indicator.slot,
        "missing": indicator.missing,
        "good_op": None if good_when is None else good_when.operator,
        "good_limit": None if good_when is None else _decimal(good_when.limit),
        "slot_rule": indicator.slot_rule if is_availability else None,
        **_share("error", indicator.error_rate_over if is_availability else None),
        "min_total": indicator.min_total if is_availability else None,
        "consecutive": indicator.consecutive if is_availability else None,
        "recovery": indicator.recovery if is_availability else None,
        "weighting": indicator.weighting if isinstance(indicator, Ratio) else None,
        "aggregate": figure,
        "rank_num": None if rank is None else str(rank.numerator),
        "rank_den": None if rank is None else str(rank.denominator),
    }


def _threshold(name: str, target: Fraction | Bound | None) -> dict[str, Any]:
    is_bound = isinstance(target, Bound)
    return {
        **_share(name, None if is_bound else target),
        f"{name}_op": target.operator if is_bound else None,
        f"{name}_limit": _decimal(target.limit) if is_bound else None,
    }


def _share(name: str, share: Fraction | None) -> dict[str, Any]:
    return {
        f"{name}_num": None if share is None else str(share.numerator),
        f"{name}_den": None if share is None else str(share.denominator),
    }


def _decimal(number: Decimal) -> str:
    return format(number, "f")


def _opening(number: int, term: Term) -> Iterable[dict[str, Any]]:
    hours = () if term.service_hours is None else term.service_hours.hours
    for weekday, span in enumerate(hours):
        if span is not None:
            yield {"term": number, "weekday": weekday, "opens": span[0], "closes": span[1]}


def _holidays(number: int, term: Term, question: Question) -> Iterable[dict[str, Any]]:
    region = None if term.service_hours is None else term.service_hours.holidays
    if region is None:
        return
    import holidays

    country, _, subdivision = region.partition("-")
    begins = min([m.time for m in question.measurements] + [question.as_of])
    year = 365 * 24 * 3600 * 1_000_000
    years = range(1970 + (begins - (term.period.rolling or 0)) // year - 2, 1970 + question.as_of // year + 3)
    for day in sorted(holidays.country_holidays(country, subdiv=subdivision or None, years=years)):
        yield {"term": number, "day": day}


# -- what comes back --------------------------------------------------------------------------------------------------


def _answer(position: int, term: Term, found: Mapping[str, Any]) -> Answer:
    attained = budget = spent = None
    if found["kind"] == "aggregate":
        attained = _figure(term, found) if found["told"] else None
    else:
        assert isinstance(term.target, Fraction)
        base, so_far, parts = (int(found[name]) for name in ("base", "so_far", "parts"))
        spent = Fraction(int(found["spent"]), parts)
        budget = (1 - term.target) * base
        attained = (so_far - spent) / so_far if found["told"] else None
    plain = ("period_start", "period_end", "status", "final", "missing", "excluded", "at_risk_at", "violated_at")
    return Answer(
        term=position,
        attained=attained,
        good=int(found["good"]),
        bad=int(found["bad"]),
        budget=budget,
        spent=spent,
        **{name: found[name] for name in plain},
    )


def _figure(term: Term, found: Mapping[str, Any]) -> Fraction:
    assert isinstance(term.indicator, Aggregate)
    if term.indicator.aggregate not in ("sum", "mean"):
        return Fraction(repr(found["figure"]))
    total = Fraction(int(found["total"]), 10 ** found["places"])
    return total / found["number"] if term.indicator.aggregate == "mean" else total
