"""The demonstration's service breaks soon after any start, at whichever instant of a month that is."""

from importlib.resources import files

import numpy as np
import pyarrow as pa
import pytest

from upheld.agreements.terms import compile_terms
from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_instant
from upheld.assessment.advance import advance, start, verdicts
from upheld.demo.plan import FAILING, OBJECTIVE, SWITCH, plan
from upheld.demo.provider import Provider
from upheld.measurements.model import Measurement, to_table
from upheld.readers.portfolio import parse_portfolio

PORTFOLIO = parse_portfolio(files("upheld.demo").joinpath("portfolio.yaml").read_text(), "portfolio.yaml")
DELAY = 2 * MINUTE
"""For how long the demonstration waits for a slot's data, and a little more."""


class HandClock:
    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


def measured(planned, until: int) -> pa.Table:
    """What the failing service measures from the beginning of the history on."""
    times = range(planned.history, until, MINUTE)
    values = pa.array([0.0 if planned.is_down(FAILING, at) else 1.0 for at in times], pa.float64())
    one = to_table([Measurement(FAILING, "reachable", planned.history, 1.0)])
    rows = one.take(np.zeros(len(times), np.int64))
    for name, column in (("time", pa.array(times, one["time"].type)), ("value", values)):
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def verdicts_at(planned, at: int):
    """The promise's verdicts as of an instant, oldest first."""
    terms = [t for t in compile_terms(PORTFOLIO.agreements) if (t.service, t.objective) == (FAILING, OBJECTIVE)]
    state, _ = advance(start(terms, since=planned.history), measured(planned, at), at)
    return verdicts(state)


@pytest.mark.parametrize(
    "began",
    [
        "2026-11-22T12:00:00Z",  # in mid-month
        "2026-11-30T22:18:00Z",  # the last minute of Berlin's November that leaves room
        "2026-11-29T23:30:00Z",
        "2026-12-01T06:00:00Z",  # a young month, with room for an earlier outage
        "2026-12-01T01:30:00Z",
        "2026-12-01T01:27:00Z",
        "2026-12-01T00:00:00Z",  # UTC's month begins, and with it the history
        "2026-11-30T23:30:00Z",  # Berlin's December, UTC's November
        "2026-11-30T23:00:00Z",
        "2026-02-28T12:00:00Z",  # the shortest month has the smallest budget
        "2026-02-01T05:00:00Z",
        "2026-10-31T22:00:00Z",  # the longest one
        "2026-03-31T21:00:00Z",  # of 31 days less one hour
    ],
)
def test_the_service_degrades_and_breaks_within_a_minute_of_the_start(began: str) -> None:
    at = parse_instant(began)
    planned = plan(at, PORTFOLIO)
    assert all(v.status in ("met", "no_data") for v in verdicts_at(planned, at))
    (broken,) = [
        v for v in verdicts_at(planned, at + HOUR - DELAY) if v.period_start <= planned.outage[0] < v.period_end
    ]
    assert broken.status == "violated"
    assert broken.at_risk_at is not None
    assert broken.violated_at is not None
    assert at < broken.at_risk_at < broken.violated_at
    assert planned.outage[1] + 5 * MINUTE < broken.period_end  # it is restored in the same month


@pytest.mark.parametrize(
    "began", ["2026-11-30T22:19:00Z", "2026-11-30T22:40:00Z", "2026-11-30T22:59:00Z", "2026-06-30T21:45:00Z"]
)
def test_in_the_last_minutes_of_a_month_the_service_breaks_in_the_next(began: str) -> None:
    at = parse_instant(began)
    planned = plan(at, PORTFOLIO)
    assert all(v.status in ("met", "no_data") for v in verdicts_at(planned, at))
    before = verdicts_at(planned, planned.outage[0])[-1]
    broken = verdicts_at(planned, planned.outage[0] + HOUR - DELAY)[-1]
    assert (broken.status, before.status) == ("violated", "met")
    assert broken.period_start <= planned.outage[0] < broken.period_start + 10 * MINUTE
    assert broken.violated_at < at + 90 * MINUTE


@pytest.mark.parametrize("hours", range(0, 24 * 31, 7))
def test_there_is_no_start_without_a_plan(hours: int) -> None:
    at = parse_instant("2026-12-01T00:00:00Z") + hours * HOUR + 11 * MINUTE
    planned = plan(at, PORTFOLIO)
    assert planned.history <= at < planned.outage[0] < planned.outage[1], format_instant(at)
    assert planned.earlier is None or planned.history <= planned.earlier[0] < planned.earlier[1] < at
    assert planned.is_down(FAILING, planned.outage[0])
    assert not planned.is_down(FAILING, planned.outage[1])
    assert [planned.is_down(service, planned.switch[0]) for service in SWITCH] == [True] * 3


def test_what_is_down_answers_no_ping() -> None:
    at = parse_instant("2026-11-22T01:00:00Z")
    planned = plan(at, PORTFOLIO)
    provider = Provider("http://127.0.0.1:1", "key", PORTFOLIO, HandClock(at), planned)
    rows = list(provider._minutes(planned.outage[0], planned.outage[0] + MINUTE))
    own = {row.metric: row.value for row in rows if row.service == FAILING}
    assert own == {"reachable": 0.0}
    assert {row.metric for row in rows if row.service == "vpn-acme-munich"} == {"reachable", "rtt_ms"}
    provider.stop()
