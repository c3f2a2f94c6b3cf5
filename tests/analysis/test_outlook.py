"""What is to be expected of a period: laws of the paths, plain cases, and that the interval is calibrated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.outlook import calibration
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.analysis.outlook import Past, outlook, past_of, paths, to_document
from upheld.assessment.reference import assess
from upheld.assessment.verdict import Evidence, Verdict
from upheld.measurements.model import Measurement
from upheld.readers.portfolio import parse_portfolio

AGREEMENT = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1h}
        period: {calendar: month}
        target: 99 %                       # of 720 hours 7 may be bad
        credits: [{below: 99 %, share: 10 %}, {below: 95 %, share: 50 %}]
    charge: {vpn-1: {amount: 1000.00, currency: EUR}}
"""
JUNE = parse_instant("2026-06-01T00:00:00Z")
[TERM] = compile_terms(parse_portfolio(AGREEMENT, "agreement.yaml").agreements)


def assessed(hours: int, *bad: int, term=TERM) -> Verdict:
    """The verdict of June after so many hours, of which those numbered were bad."""
    rows = [
        Measurement("vpn-1", "reachable", JUNE + n * HOUR, float(n not in bad), known_at=JUNE) for n in range(hours)
    ]
    return next(v for v in assess([term], rows, [], JUNE + hours * HOUR) if v.period_start == JUNE)


def test_of_a_service_that_was_never_bad_little_is_to_be_feared() -> None:
    found = outlook(TERM, assessed(480), [], JUNE + 480 * HOUR)
    assert found is not None
    assert found.chance < 0.1
    assert (found.bad.low, found.bad.middle) == (0, 0)
    assert found.runs_out == (None, None, None)
    assert found.credit[:2] == (None, None)


def test_an_outage_that_goes_on_is_told_with_when_the_budget_runs_out() -> None:
    as_of = JUNE + 100 * HOUR
    found = outlook(TERM, assessed(100, *range(10, 13), *range(97, 100)), [], as_of)
    assert found is not None
    assert found.chance > 0.5
    low, middle, _ = found.runs_out
    assert low == as_of + 2 * HOUR  # the eighth bad hour breaks the promise, and is over at the earliest then
    assert middle is not None
    assert middle >= low
    assert to_document(found)["credit"]["middle"] == {"amount": "100.00", "currency": "EUR"}


def test_what_is_broken_stays_broken_and_a_worse_credit_is_at_stake() -> None:
    found = outlook(TERM, assessed(100, *range(60, 100)), [], JUNE + 100 * HOUR)
    assert found is not None
    assert found.chance == 1.0
    assert [str(credit.amount) for credit in found.credit if credit] == ["500.00"] * 3


def test_earlier_periods_are_part_of_the_past() -> None:
    verdict = assessed(240)
    worse = Verdict(
        **{**fields(verdict), "evidence": tuple(bad(JUNE - n * DAY, JUNE - n * DAY + HOUR) for n in range(1, 30))}
    )
    calm, uneasy = (outlook(TERM, verdict, earlier, JUNE + 240 * HOUR) for earlier in ([], [worse]))
    assert calm is not None
    assert uneasy is not None
    assert uneasy.outages == 29
    assert uneasy.chance > calm.chance
    assert uneasy.bad.middle > calm.bad.middle


def test_an_outage_over_the_end_of_a_period_is_one() -> None:
    before = Verdict(**{**fields(assessed(1)), "evidence": (bad(JUNE - 2 * HOUR, JUNE),)})
    after = Verdict(**{**fields(assessed(2)), "evidence": (bad(JUNE, JUNE + HOUR),)})
    assert past_of([before, after], HOUR, JUNE + 9 * HOUR).lengths == (3,)
    assert past_of([before, after], HOUR, JUNE + HOUR).running == 3


@pytest.mark.parametrize("change", ["period: {rolling: 28d}", "period: {calendar: month}\n        target: 100 %"])
def test_where_there_is_no_telling_nothing_is_told(change: str) -> None:
    text = AGREEMENT.replace("        target: 99 %                       # of 720 hours 7 may be bad\n", "")
    text = text.replace("        credits: [{below: 99 %, share: 10 %}, {below: 95 %, share: 50 %}]\n", "")
    text = text.replace(
        "period: {calendar: month}", change if "target" in change else f"{change}\n        target: 99 %"
    )
    [term] = compile_terms(parse_portfolio(text, "agreement.yaml").agreements)
    assert outlook(term, assessed(240, 3), [], JUNE + 240 * HOUR) is None


def test_of_a_period_that_is_over_nothing_is_told() -> None:
    assert outlook(TERM, assessed(720, 3), [], JUNE + 720 * HOUR) is None


@given(
    st.lists(st.integers(1, 500), max_size=20),
    st.integers(0, 300),
    st.integers(0, 100_000),
    st.integers(1, 44_640),
    st.integers(-50, 500),
)
def test_paths_keep_to_what_is_possible(lengths: list[int], running: int, good: int, to_come: int, left: int) -> None:
    past = Past(tuple(lengths), running, good)
    bad_slots, overspent = paths(past, to_come, left, MINUTE, count=50)
    assert ((bad_slots >= 0) & (bad_slots <= to_come)).all()
    over = bad_slots > left
    if left >= 0:
        assert (np.isfinite(overspent) == over).all()
        assert (overspent[over] <= to_come).all()
        assert (overspent[over] >= left + 1).all()
    again = paths(past, to_come, left, MINUTE, count=50)
    assert np.array_equal(bad_slots, again[0])


def test_the_interval_holds_four_of_five_and_the_chance_is_better_than_the_trend() -> None:
    found = calibration(services=40, seed=11)
    assert 0.78 <= found["within"] <= 0.93
    assert found["brier"]["ours"] < 0.75 * found["brier"]["trend"]
    assert found["brier"]["ours"] < 0.5 * found["brier"]["all alike"]


def bad(start: int, end: int) -> Evidence:
    return Evidence(start, end, "bad")


def fields(verdict: Verdict) -> dict:
    return {name: getattr(verdict, name) for name in verdict.__dataclass_fields__}
