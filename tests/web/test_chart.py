"""What the evidence chart is drawn from."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.model import Portfolio
from upheld.agreements.units import HOUR, MINUTE, parse_instant
from upheld.assessment.verdict import Evidence
from upheld.cases.model import Case
from upheld.measurements.model import Measurement, to_table
from upheld.measurements.thinning import extremes
from upheld.web.chart import MOST_POINTS, MOST_ROWS, draw, incident, series_points

OPENED = parse_instant("2026-06-01T06:05:00Z")


def objective_of(indicator: dict[str, object], target: str):
    agreement = {
        "id": "a",
        "customer": "c",
        "valid": {"from": "2026-01-01"},
        "services": ["s"],
        "objectives": [{"id": "o", "indicator": indicator, "period": {"calendar": "day"}, "target": target}],
    }
    return Portfolio.model_validate({"agreements": [agreement]}).agreements[0].objectives[0]


AVAILABILITY = objective_of({"kind": "availability", "metric": "reachable", "good_when": ">= 1"}, "99.9 %")


def case(**fields: object) -> Case:
    return Case("C-1", "violation", "acting", "a", "o", "s", "c", 0, OPENED, **fields)  # type: ignore[arg-type]


def bad(start: int, end: int) -> Evidence:
    return Evidence(OPENED + start * MINUTE, OPENED + end * MINUTE, "bad", "reachable not >= 1")


def test_a_chart_begins_before_the_incident_and_ends_now() -> None:
    now = OPENED + 10 * MINUTE
    start, end = incident(case(), [bad(-5, 0)], MINUTE, now)
    assert (start, end) == (OPENED - 35 * MINUTE, now)


def test_a_chart_reaches_back_over_interruptions_of_less_than_an_hour_only() -> None:
    evidence = [bad(-5, 0), bad(-40, -35), bad(-300, -290)]
    start, _ = incident(case(), evidence, MINUTE, OPENED + 10 * MINUTE)
    assert start == OPENED - 70 * MINUTE


def test_a_chart_of_a_restored_case_ends_after_its_restoration() -> None:
    restored = OPENED + HOUR
    _, end = incident(case(restored_at=restored), [bad(-5, 60)], MINUTE, OPENED + 48 * HOUR)
    assert end == restored + 30 * MINUTE


def test_no_dip_is_lost_where_there_are_more_points_than_a_chart_can_show() -> None:
    points = [(OPENED + n * MINUTE, 0.0 if n == 12_345 else 1.0) for n in range(40_000)]
    chart = draw(case(), AVAILABILITY, [], points, OPENED, OPENED + 40_000 * MINUTE)
    drawn = chart.document["points"]
    assert len(drawn) <= MOST_POINTS + 2
    assert [OPENED // 1000 + 12_345 * 60_000, 0.0] in drawn


def test_the_line_does_not_lead_across_slots_without_data() -> None:
    points = [(OPENED + n * MINUTE, 1.0) for n in (0, 1, 2, 9, 10)]
    chart = draw(case(), AVAILABILITY, [], points, OPENED, OPENED + 11 * MINUTE)
    assert [value for _, value in chart.document["points"]] == [1.0, 1.0, 1.0, None, 1.0, 1.0]


def test_bands_are_cut_to_the_chart_and_the_table_is_not() -> None:
    chart = draw(case(), AVAILABILITY, [bad(-90, 5)], [(OPENED, 0.0)], OPENED, OPENED + 10 * MINUTE)
    (band,) = chart.document["bands"]
    assert (band["from"], band["to"]) == (OPENED // 1000, OPENED // 1000 + 300_000)
    assert band["label"] == "Bad: reachable not >= 1"
    (stretch,) = chart.stretches
    assert stretch.evidence.start == OPENED - 90 * MINUTE
    assert (stretch.lowest, stretch.highest) == ("0", "0")
    assert chart.summary.endswith("bad for 5 min in 1 interval.")


def test_bad_intervals_outside_the_chart_are_listed_and_counted_too() -> None:
    begun, other = bad(0, 24), bad(-300, -272)
    chart = draw(case(), AVAILABILITY, [begun], [], OPENED, OPENED + 60 * MINUTE, (), [begun, other])
    assert [(s.evidence, s.outside) for s in chart.stretches] == [(other, True), (begun, False)]
    assert chart.summary.endswith("bad for 24 min in 1 interval. In all of the period: bad for 52 min in 2 intervals.")
    assert len(chart.document["bands"]) == 1
    many = [bad(-3 * n, -3 * n + 1) for n in range(1, MOST_ROWS + 11)]
    long = draw(case(), AVAILABILITY, [], [], OPENED, OPENED + 60 * MINUTE, (), many)
    assert (len(long.stretches), long.omitted) == (MOST_ROWS, 10)
    assert long.stretches[-1].evidence == bad(-3, -2)


def test_good_and_total_counts_are_drawn_as_the_share_that_was_promised() -> None:
    requests = objective_of({"kind": "ratio", "metric": "requests"}, "99.9 %")
    errors = objective_of({"kind": "availability", "metric": "requests", "error_rate_over": "5 %"}, "99.9 %")
    series = to_table(
        [Measurement("s", "requests", OPENED, None, 90, 100), Measurement("s", "requests", 0, None, 0, 0)]
    )
    assert series_points(series, requests) == [(OPENED, 90.0)]
    assert series_points(series, errors) == [(OPENED, 10.0)]


@given(
    st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0, 1e300]) | st.floats(-5, 5), max_size=300), st.integers(2, 60)
)
def test_thinned_points_are_few_in_order_and_keep_every_extreme(values: list[float], most: int) -> None:
    kept = extremes(np.array(values, np.float64), most).tolist()
    assert len(kept) <= max(most, 0)
    assert kept == sorted(set(kept))
    if len(values) <= most:
        assert kept == list(range(len(values)))
        return
    size = -(-len(values) // (most // 2))
    for first in range(0, len(values), size):
        run = values[first : first + size]
        mine = [values[at] for at in kept if first <= at < first + size]
        assert (min(mine), max(mine)) == (min(run), max(run))
