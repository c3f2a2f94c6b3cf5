"""What is to be expected of a promise: laws of the paths, plain cases, and that the interval is calibrated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import outlook_events, outlook_windows
from bench.outlook import calibration
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.analysis.event_rates import Hours, hours_of
from upheld.analysis.outages import Past, past_of, paths, window_paths
from upheld.analysis.outlook import NotForeseen, OpenEvents, Outlook, outlook, to_document
from upheld.assessment.reference import assess
from upheld.assessment.verdict import Evidence, Verdict
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
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
    assert isinstance(found, Outlook)
    assert found.chance < 0.1
    assert (found.bad.low, found.bad.middle) == (0, 0)
    assert found.runs_out == (None, None, None)
    assert found.credit[:2] == (None, None)


def test_an_outage_that_goes_on_is_told_with_when_the_budget_runs_out() -> None:
    as_of = JUNE + 100 * HOUR
    found = outlook(TERM, assessed(100, *range(10, 13), *range(97, 100)), [], as_of)
    assert isinstance(found, Outlook)
    assert found.chance > 0.5
    low, middle, _ = found.runs_out
    assert low == as_of + 2 * HOUR  # the eighth bad hour breaks the promise, and is over at the earliest then
    assert middle is not None
    assert middle >= low
    assert to_document(found)["credit"]["middle"] == {"amount": "100.00", "currency": "EUR"}


def test_what_is_broken_stays_broken_and_a_worse_credit_is_at_stake() -> None:
    found = outlook(TERM, assessed(100, *range(60, 100)), [], JUNE + 100 * HOUR)
    assert isinstance(found, Outlook)
    assert found.chance == 1.0
    assert [str(credit.amount) for credit in found.credit if credit] == ["500.00"] * 3


def test_earlier_periods_are_part_of_the_past() -> None:
    verdict = assessed(240)
    worse = Verdict(
        **{**fields(verdict), "evidence": tuple(bad(JUNE - n * DAY, JUNE - n * DAY + HOUR) for n in range(1, 30))}
    )
    calm, uneasy = (outlook(TERM, verdict, earlier, JUNE + 240 * HOUR) for earlier in ([], [worse]))
    assert isinstance(calm, Outlook)
    assert isinstance(uneasy, Outlook)
    assert uneasy.outages == 29
    assert uneasy.chance > calm.chance
    assert uneasy.bad.middle > calm.bad.middle


def test_an_outage_over_the_end_of_a_period_is_one() -> None:
    before = Verdict(**{**fields(assessed(1)), "evidence": (bad(JUNE - 2 * HOUR, JUNE),)})
    after = Verdict(**{**fields(assessed(2)), "evidence": (bad(JUNE, JUNE + HOUR),)})
    assert past_of([before, after], HOUR, JUNE + 9 * HOUR).lengths == (3,)
    assert past_of([before, after], HOUR, JUNE + HOUR).running == 3


def other(indicator: str, period: str = "{calendar: month}", target: str = "99 %", more: str = ""):
    """The term of the agreement with another objective."""
    head, _, rest = AGREEMENT.partition("      - id: availability\n")
    text = (
        f"{head}      - id: another\n        indicator: {indicator}\n"
        f"        period: {period}\n        target: {target}\n" + rest[rest.index("    charge:") :] + more
    )
    [term] = compile_terms(parse_portfolio(text, "agreement.yaml").agreements)
    return term


AVAILABLE = '{kind: availability, metric: reachable, good_when: ">= 1", slot: 1h}'
COUNTED = "{kind: ratio, metric: requests, slot: 1h"
OPENED = "{kind: duration, metric: restore, limit: 4h}"


@pytest.mark.parametrize(
    ("term", "why"),
    [
        (other(AVAILABLE, target="100 %"), "no slot may be bad"),
        (other(AVAILABLE, "{rolling: 28d}", more='    service_hours: {mon-fri: "08:00-18:00"}\n'), "service hours"),
        (other("{kind: aggregate, metric: reachable, aggregate: p95}", target='"<= 40"'), "how the values go on"),
        (other(COUNTED + ", weighting: slots}"), "each slot weighs the same"),
        (other(COUNTED + ", weighting: events}", "{rolling: 28d}"), "rolling window"),
        (other(COUNTED + ", weighting: events}"), "less than 3 days"),
    ],
)
def test_where_there_is_no_telling_the_reason_is_told(term, why: str) -> None:
    found = outlook(term, assessed(240, 3), [], JUNE + 240 * HOUR)
    assert isinstance(found, NotForeseen)
    assert why in found.why
    assert to_document(found) == {"not_foreseen": found.why}


def test_of_a_period_that_is_over_nothing_is_told() -> None:
    assert outlook(TERM, assessed(720, 3), [], JUNE + 720 * HOUR) == NotForeseen("the period is over")


# -- rolling windows

WINDOW = other(AVAILABLE, "{rolling: 10d}")  # of 240 hours 2 may be bad


def of_window(hours: int, *bad: int, term=WINDOW) -> Verdict:
    rows = [
        Measurement("vpn-1", "reachable", JUNE + n * HOUR, float(n not in bad), known_at=JUNE) for n in range(hours)
    ]
    return assess([replace(term, valid_from=JUNE)], rows, [], JUNE + hours * HOUR)[-1]


def test_a_window_that_is_overspent_has_its_budget_back_when_enough_has_left_it() -> None:
    found = outlook(WINDOW, of_window(240, 30, 31, 32), [], JUNE + 240 * HOUR)
    assert isinstance(found, Outlook)
    assert (found.chance, found.runs_out) == (1.0, (None, None, None))
    assert found.recovers is not None
    low, middle, _ = found.recovers
    assert low == middle == JUNE + (240 + 31) * HOUR, "the first bad hour leaves after 31 more"


def test_a_window_with_budget_left_is_told_when_that_runs_out() -> None:
    calm = outlook(WINDOW, of_window(240), [], JUNE + 240 * HOUR)
    near = outlook(WINDOW, of_window(240, 236, 238, 239), [], JUNE + 240 * HOUR)
    spent = outlook(WINDOW, of_window(240, 238, 239), [], JUNE + 240 * HOUR)
    assert isinstance(calm, Outlook)
    assert isinstance(spent, Outlook)
    assert isinstance(near, Outlook)
    assert near.recovers is not None
    assert calm.chance < spent.chance
    assert spent.runs_out[0] == JUNE + 241 * HOUR, "the outage goes on for an hour at least"
    assert spent.until == JUNE + 480 * HOUR


def test_of_a_window_that_is_not_full_nothing_is_told() -> None:
    found = outlook(WINDOW, of_window(100, 3), [], JUNE + 100 * HOUR)
    assert isinstance(found, NotForeseen)
    assert "not full" in found.why


@given(
    st.lists(st.integers(0, 199), max_size=40, unique=True),
    st.integers(0, 20),
    st.lists(st.integers(1, 30), max_size=5),
    st.integers(0, 2_000),
)
def test_window_paths_are_as_if_each_slot_was_looked_at(
    bad: list[int], allowed: int, lengths: list[int], good: int
) -> None:
    window = np.zeros(200, np.int64)
    window[bad] = 1
    still_in = window.sum() - np.concatenate([[0], np.cumsum(window)])
    over, back = window_paths(Past(tuple(lengths), 0, good), still_in, allowed, MINUTE, count=40)
    if len(bad) > allowed:
        assert (back >= np.flatnonzero(still_in <= allowed)[0]).all(), "never before what is bad now has left"
    else:
        assert (over[np.isfinite(over)] > allowed - len(bad)).all()
    assert ((over <= 200) | np.isinf(over)).all()
    assert ((back <= 200) | np.isinf(back)).all()


# -- events

REQUESTS = other(COUNTED + ", weighting: events}")


def counted(days: int, per_hour: int, bad_per_hour: int) -> Hours:
    return Hours(np.full(24 * days, per_hour), np.full(24 * days, bad_per_hour))


def of_events(good: int, bad: int) -> Verdict:
    return replace(assessed(240), good=good, bad=bad, violated_at=None)


def test_a_ratio_goes_on_as_it_went() -> None:
    as_of = JUNE + 240 * HOUR
    well = outlook(REQUESTS, of_events(238_800, 1_200), [], as_of, counted(10, 1_000, 5))
    badly = outlook(REQUESTS, of_events(237_700, 2_300), [], as_of, counted(10, 1_000, 30))
    assert isinstance(well, Outlook)
    assert isinstance(badly, Outlook)
    assert (well.counted, well.share, well.allowed) == ("events", 0.005, pytest.approx(0.01))
    assert well.chance < 0.1 < 0.95 < badly.chance
    assert well.bad is not None
    assert well.bad.low <= 1_200 + 480 * 5 <= well.bad.high
    low, middle, high = badly.runs_out
    assert low is not None
    assert middle is not None
    assert as_of < low <= middle <= (high or middle) <= as_of + 24 * HOUR, "a hundred are left: five hours' worth"


def test_what_was_counted_is_told_by_the_hour_and_what_is_excluded_is_not() -> None:
    at = np.arange(0, 75 * HOUR, 30 * MINUTE)
    good, total = np.full(len(at), 9), np.full(len(at), 10)
    hours = hours_of(at, good, total, [(74 * HOUR, 75 * HOUR)], 75 * HOUR)
    assert (hours.days, hours.total[-1], hours.total[-2], hours.bad[-2]) == (3, 0, 20, 2)
    assert hours.total.sum() == 71 * 20
    assert hours_of(at[:0], at[:0], at[:0], [], HOUR).days == 0


# -- open events


def test_an_open_event_is_told_with_when_it_is_late() -> None:
    term = other(OPENED, target="95 %", more='    service_hours: {mon-fri: "08:00-18:00"}\n')
    as_of = JUNE + 17 * HOUR  # Monday at five
    told = [
        ServiceEvent("vpn-1", "restore", JUNE + 16 * HOUR, None, event="INC-1"),
        ServiceEvent("vpn-1", "restore", JUNE + 9 * HOUR, JUNE + 10 * HOUR, event="INC-0"),
    ]
    [verdict] = assess([term], [], [], as_of, events=told)
    pause = Exclusion("vpn-1", JUNE + 33 * HOUR, JUNE + 34 * HOUR, "customer_cause", "j.doe", known_at=JUNE)
    found = outlook(term, verdict, [], as_of, exclusions=[])
    assert isinstance(found, OpenEvents)
    (one,) = found.events
    assert (one.named, one.opened) == ("restore INC-1", JUNE + 16 * HOUR)
    assert one.due == JUNE + 34 * HOUR, "two hours on Monday, two on Tuesday"
    assert (one.left, one.breaks) == (3 * HOUR, True)
    [paused] = assess([term], [], [pause], as_of, events=told)
    later = outlook(term, paused, [], as_of, exclusions=[pause])
    assert isinstance(later, OpenEvents)
    assert (later.events[0].due, later.events[0].left) == (JUNE + 35 * HOUR, 3 * HOUR)
    assert to_document(later)["events"][0]["left_seconds"] == 10_800


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


def test_windows_and_events_are_calibrated_too() -> None:
    windows = outlook_windows.calibration(services=12, seed=11)
    assert all(windows[what]["within"] >= 0.78 for what in ("runs out", "recovers"))
    assert windows["runs out"]["brier"]["ours"] < windows["runs out"]["brier"]["all alike"]
    events = outlook_events.calibration(services=15, seed=11)
    assert events["within"] >= 0.78
    assert events["runs out within"] >= 0.78
    assert events["brier"]["ours"] < events["brier"]["trend"]


def bad(start: int, end: int) -> Evidence:
    return Evidence(start, end, "bad")


def fields(verdict: Verdict) -> dict:
    return {name: getattr(verdict, name) for name in verdict.__dataclass_fields__}
