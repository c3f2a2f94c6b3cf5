"""Edges of the rules, each by the reference and by the fast model, against what was worked out by hand."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from worlds import instant

from upheld.agreements.model import Agreement
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.assessment import reference
from upheld.assessment.advance import advance, assess, start, verdicts
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table

MONDAY = instant("2026-06-01T00:00")
DAILY = {"calendar": "day"}
AVAILABILITY = {"kind": "availability", "metric": "m", "good_when": ">= 1", "slot": "1h"}


def agreement(*objectives: dict[str, object], **more: object) -> Agreement:
    named = [{"id": f"o{i}", "period": DAILY, "indicator": AVAILABILITY, **o} for i, o in enumerate(objectives)]
    plain = {"id": "a", "customer": "c", "valid": {"from": "2011-01-01"}, "services": ["s"]}
    return Agreement.model_validate({**plain, "objectives": named, **more})


def both(
    agreed: Agreement, rows: Sequence[Measurement], as_of: int, *exclusions: Exclusion, since: int = MONDAY
) -> list[Verdict]:
    """What both models give of one agreement."""
    terms = compile_terms([agreed])
    expected = reference.assess(terms, rows, exclusions, as_of, since=since)
    assert assess(terms, to_table(rows), exclusions, as_of, since=since) == expected
    return expected


def values(text: str, begin: int = MONDAY, step: int = HOUR) -> list[Measurement]:
    """One character a step: 1 good, 0 bad, _ nothing."""
    return [Measurement("s", "m", begin + i * step, value=float(c)) for i, c in enumerate(text) if c != "_"]


# -- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "objective",
    [
        {"target": "99.99999999999999999999 %"},
        {"target": "99.999999999 %", "warning": {"budget_spent": "66.66666667 %"}},
        {"target": "99 %", "indicator": {"kind": "ratio", "metric": "n", "slot": "1h"}},
    ],
)
def test_a_share_of_any_precision_is_exact_also_of_nothing(objective: dict[str, object]) -> None:
    counts = [Measurement("s", "n", m.time, good=0, total=0) for m in values("1" * 24)]
    (verdict,) = both(agreement(objective), [*values("1" * 24), *counts], MONDAY + DAY)
    assert verdict.status in ("met", "no_data")
    assert verdict.bad == 0


def test_a_percentile_of_any_precision_has_its_rank() -> None:
    indicator = {"kind": "aggregate", "metric": "m", "aggregate": "p99.99999999999999999999", "slot": "1h"}
    (verdict,) = both(agreement({"indicator": indicator, "target": "<= 1"}), values("01" * 12), MONDAY + DAY)
    assert verdict.attained == "1.0"


def figures(*some: float) -> list[Measurement]:
    return [Measurement("s", "m", MONDAY + i * 10 * MINUTE, value=v) for i, v in enumerate(some)]


@pytest.mark.parametrize(
    ("name", "some", "target", "attained"),
    [
        ("mean", (29.5, 65.9, 51.7, 94.2, 34.1), "<= 55.08", "55.08"),
        ("sum", (0.1, 0.2), "<= 0.3", "0.3"),
        ("sum", (0.1, 0.2), ">= 0.3", "0.3"),
        ("mean", (0.7, 0.7, 0.7), "<= 0.7", "0.7"),
        ("mean", (1.0, 0.0, 0.0), "<= 0.333333333334", "0.333333333333"),
        ("sum", (0.1234567890123456, 0.2), "<= 0.3234567890123456", "0.323456789012"),
    ],
)
def test_means_and_sums_of_decimals_that_are_exactly_at_the_target_meet_it(
    name: str, some: tuple[float, ...], target: str, attained: str
) -> None:
    indicator = {"kind": "aggregate", "metric": "m", "aggregate": name, "slot": "1h"}
    (verdict,) = both(agreement({"indicator": indicator, "target": target}), figures(*some), MONDAY + DAY)
    assert (verdict.status, verdict.attained) == ("met", attained)


def test_the_mean_of_a_slot_is_that_of_its_decimals() -> None:
    indicator = {**AVAILABILITY, "slot_rule": "mean", "good_when": "<= 55.08"}
    agreed = agreement({"indicator": indicator, "target": "99 %"})
    (verdict,) = both(agreed, figures(29.5, 65.9, 51.7, 94.2, 34.1), MONDAY + DAY)
    assert (verdict.good, verdict.bad) == (1, 0)


# -- periods ----------------------------------------------------------------------------------------------------------


def test_a_day_that_the_zone_skipped_is_no_period() -> None:
    thursday = instant("2011-12-29T10:00")  # in Apia, at -10:00; Friday 30 December did not take place
    agreed = agreement({"target": "90 %"}, time_zone="Pacific/Apia")
    found = both(agreed, values("1" * 48, thursday), thursday + 2 * DAY, since=thursday)
    assert [(v.period_start, v.period_end, v.good) for v in found] == [
        (thursday, thursday + DAY, 24),
        (thursday + DAY, thursday + 2 * DAY, 24),
    ]


def test_a_day_that_the_zone_skipped_has_no_service_hours() -> None:
    thursday = instant("2011-12-29T10:00")
    agreed = agreement({"target": "90 %"}, time_zone="Pacific/Apia", service_hours={"mon-fri": "08:00-18:00"})
    found = both(agreed, values("1" * 48, thursday), thursday + 2 * DAY, since=thursday)
    assert [v.excluded for v in found] == [14, 24]  # Thursday and Saturday


def test_what_is_measured_behind_the_validity_does_not_count_in_the_slot_that_straddles_its_end() -> None:
    until = {"from": "2026-06-01", "to": "2026-06-01T01:10:00Z"}
    rows = values("1" * 14 + "0" * 10, step=5 * MINUTE)  # bad from 01:10 on
    (verdict,) = both(agreement({"target": "99 %"}, valid=until), rows, MONDAY + DAY)
    assert (verdict.status, verdict.good, verdict.bad, verdict.final) == ("met", 2, 0, True)
    mean = {"kind": "aggregate", "metric": "m", "aggregate": "mean", "slot": "1h"}
    (verdict,) = both(agreement({"indicator": mean, "target": ">= 1"}, valid=until), rows, MONDAY + DAY)
    assert (verdict.attained, verdict.status) == ("1", "met")


@pytest.mark.parametrize(("hours", "final"), [(23, False), (24, False), (25, False), (26, True), (90, True)])
def test_a_rolling_verdict_is_final_once_validity_and_lateness_are_over(hours: int, final: bool) -> None:
    agreed = agreement(
        {"target": "50 %", "period": {"rolling": "5h"}}, valid={"from": "2026-06-01", "to": "2026-06-02"}, lateness="2h"
    )
    (verdict,) = both(agreed, values("1" * 24), MONDAY + hours * HOUR)
    assert verdict.final is final


def test_a_validity_that_ended_before_what_is_assessed_has_no_rolling_verdict() -> None:
    until = {"from": "2026-05-01", "to": "2026-06-01"}
    agreed = agreement({"target": "50 %", "period": {"rolling": "5h"}}, valid=until)
    assert both(agreed, [], MONDAY + HOUR) == []
    assert len(both(agreed, [], MONDAY + HOUR, since=MONDAY - 1)) == 1


def test_time_alone_makes_a_rolling_verdict_final() -> None:
    agreed = agreement(
        {"target": "50 %", "period": {"rolling": "5h"}}, valid={"from": "2026-06-01", "to": "2026-06-02"}, lateness="2h"
    )
    state, _ = advance(start(compile_terms([agreed]), since=MONDAY), to_table(values("1" * 24)), MONDAY + 24 * HOUR)
    state, changes = advance(state, None, MONDAY + 25 * HOUR)
    assert changes == []
    state, changes = advance(state, None, MONDAY + 26 * HOUR)
    assert [v.final for v in changes] == [True]
    assert changes == verdicts(state)


# -- evidence ---------------------------------------------------------------------------------------------------------


def told(verdict: Verdict) -> list[tuple[int, int, str, str]]:
    """The evidence in minutes since Monday."""
    return [
        ((e.start - MONDAY) // MINUTE, (e.end - MONDAY) // MINUTE, e.kind, e.reason)
        for e in verdict.evidence
        if e.kind in ("excluded", "not_excluded")
    ]


def excluded(start: int, end: int, reason: str = "works") -> Exclusion:
    """An approved exclusion, in minutes since Monday."""
    return Exclusion("s", MONDAY + start * MINUTE, MONDAY + end * MINUTE, reason, "ann")


def test_only_the_whole_slots_of_an_exclusion_are_told_as_excluded() -> None:
    (verdict,) = both(agreement({"target": "90 %"}), values("1" * 24), MONDAY + DAY, excluded(30, 190))
    assert verdict.excluded == 2
    assert told(verdict) == [
        (30, 60, "not_excluded", "works: covers only part of a slot"),
        (60, 180, "excluded", "works"),
        (180, 190, "not_excluded", "works: covers only part of a slot"),
    ]


def test_exclusions_that_cover_a_slot_together_exclude_it() -> None:
    parts = [excluded(60, 90), excluded(80, 130, "power")]
    (verdict,) = both(agreement({"target": "90 %"}), values("1" * 24), MONDAY + DAY, *parts)
    assert verdict.excluded == 1
    assert told(verdict) == [
        (60, 90, "excluded", "works"),
        (80, 120, "excluded", "power"),
        (120, 130, "not_excluded", "power: covers only part of a slot"),
    ]


def test_parts_of_slots_of_one_reason_that_touch_are_told_once() -> None:
    (verdict,) = both(agreement({"target": "90 %"}), [], MONDAY + DAY, excluded(10, 20), excluded(20, 50))
    assert told(verdict) == [(10, 50, "not_excluded", "works: covers only part of a slot")]


def test_service_hours_that_cut_a_slot_do_not_exclude_it() -> None:
    agreed = agreement({"target": "90 %"}, service_hours={"mon": "08:30-17:00"})
    (verdict,) = both(agreed, values("1" * 24), MONDAY + DAY)
    assert verdict.excluded == 15
    assert told(verdict) == [
        (0, 480, "excluded", "outside service hours"),
        (480, 510, "not_excluded", "outside service hours: covers only part of a slot"),
        (1020, 1440, "excluded", "outside service hours"),
    ]


def test_what_covers_the_end_of_a_slot_is_told_in_the_period_in_which_the_slot_begins() -> None:
    agreed = agreement({"target": "90 %"}, time_zone="Asia/Kathmandu")  # its days begin at a quarter past the hour
    exclusion = excluded(18 * 60, 20 * 60)
    first, second = both(agreed, values("1" * 40), MONDAY + 40 * HOUR, exclusion)
    assert (first.period_end - MONDAY) // MINUTE == second.period_start // MINUTE - MONDAY // MINUTE == 18 * 60 + 15
    assert told(first) == [(18 * 60, 19 * 60, "excluded", "works")]
    assert told(second) == [(19 * 60, 20 * 60, "excluded", "works")]


# -- soft thresholds --------------------------------------------------------------------------------------------------


def course_of(objective: dict[str, object], text: str, *exclusions: Exclusion) -> str:
    """How the promise stands at the end of each hour: `.` met, `r` at risk, `V` violated, `_` without data."""
    signs = {"met": ".", "at_risk": "r", "violated": "V", "no_data": "_"}
    told = ""
    for hours in range(1, len(text) + 1):
        as_of = MONDAY + hours * HOUR
        known = [m for m in values(text) if m.time < as_of]
        told += signs[both(agreement(objective), known, as_of, *exclusions)[-1].status]
    return told


def burning(rate: str, long: str, short: str, **more: object) -> dict[str, object]:
    return {"warning": {"burn_rate": {"rate": rate, "long": long, "short": short}, **more}}


def test_a_burn_rate_needs_both_windows() -> None:
    # half the time may be bad; at rate 1 that is 2 of the last 4 hours, and 1 of the last 2
    assert course_of({"target": "50 %", **burning("1", "4h", "2h")}, "1111101001111111") == "......." + "rrr" + "......"


def test_a_burn_rate_is_reached_exactly() -> None:
    third = "0.333333333333333333333333333333"  # a little less than a third
    assert course_of({"target": "0 %", **burning(third, "3h", "1h")}, "1101111") == "..r...."
    assert course_of({"target": "0 %", **burning(third[:-1] + "4", "3h", "1h")}, "1101111") == "......."


def test_hours_without_data_or_excluded_have_no_part_in_a_burn_rate() -> None:
    # the fourth hour is bad: 1 of 4; where the two before it do not count, 1 of 2
    objective = {"target": "50 %", **burning("1", "4h", "1h")}
    assert course_of(objective, "11101111") == "........"
    assert course_of(objective, "1__01111") == "...r...."
    assert course_of(objective, "11101111", excluded(60, 180)) == "...r...."


def test_a_run_is_spent_in_the_hour_that_decides_it() -> None:
    # two bad hours are a run: both are spent at the end of the second, so that the last hour has spent 2
    runs = {**AVAILABILITY, "consecutive": 2}
    objective = {"target": "0 %", "indicator": runs, **burning("1.5", "3h", "1h")}
    assert course_of(objective, "1111001111") == "." * 10  # 2 of the last 3, less than 1.5 times all of them
    objective = {"target": "25 %", "indicator": runs, **burning("0.8", "3h", "1h")}  # 1.8 of 3, 0.6 of 1
    assert course_of(objective, "1111001111") == ".....r...."
    assert course_of(objective, "1111010111") == "." * 10


def test_a_rolling_window_cuts_what_a_burn_rate_looks_at() -> None:
    # of a run that was decided late, only what is still in the window counts
    runs = {**AVAILABILITY, "consecutive": 3}
    rolling = {"period": {"rolling": "2h"}, "indicator": runs, "target": "0 %"}
    assert course_of({**rolling, **burning("1", "2h", "1h")}, "11110001111") == "......r...."
    assert course_of({**rolling, **burning("1.001", "2h", "1h")}, "11110001111") == "." * 11


def forecasting(over: str, **more: object) -> dict[str, object]:
    return {"warning": {"forecast": {"over": over}, **more}}


def test_a_forecast_waits_until_its_time_has_passed_in_the_period() -> None:
    # half of 24 hours may be bad; 1 bad of the last 2 for the rest would be 1 + 11 = 12, 2 of 2 more
    assert course_of({"target": "50 %", **forecasting("3h")}, "0000") == "..rr"
    assert course_of({"target": "50 %", **forecasting("2h")}, "011" + "1" * 4) == "......."
    assert course_of({"target": "50 %", **forecasting("2h")}, "1" * 20 + "00__") == "." * 24


def test_a_forecast_counts_only_hours_that_can_count() -> None:
    # 1 bad of 2 with data goes on as a half, though 2 more hours had no data: 1 + 20/2 = 11 of 22 x 50 %
    assert course_of({"target": "50 %", **forecasting("4h")}, "0__1") == "...."
    assert course_of({"target": "51 %", **forecasting("4h")}, "0__1") == "...r"
    assert course_of({"target": "50 %", **forecasting("2h")}, "10__11") == "..r..."  # 1 bad of 1, then of none


def test_ratios_of_slots_run_out_exactly() -> None:
    # each hour spends 1/3 of itself: at a target of 2/3, written a little below or above
    indicator = {"kind": "ratio", "metric": "m", "slot": "1h", "weighting": "slots"}
    rows = [Measurement("s", "m", MONDAY + i * HOUR, good=2, total=3) for i in range(4)]
    rows += [Measurement("s", "m", MONDAY + i * HOUR, good=4, total=6) for i in range(4, 6)]
    for target, status in (("66.6666666666666666 %", "met"), ("66.6666666666666667 %", "violated")):
        agreed = agreement({"indicator": indicator, "target": target, **forecasting("3h")})
        (verdict,) = both(agreed, rows, MONDAY + 6 * HOUR)
        assert verdict.status == {"met": "met", "violated": "at_risk"}[status]
        assert verdict.at_risk_at == (None if status == "met" else MONDAY + 3 * HOUR)


def test_what_crossed_a_soft_threshold_does_not_clear_into_the_next_period() -> None:
    warning = burning("1", "2h", "1h", clear_after=9)
    assert course_of({"target": "50 %", **warning}, "1" * 22 + "00" + "11") == "." * 22 + "r" + "..."
    assert course_of({"target": "50 %", **warning}, "1" * 10 + "00" + "1" * 12) == "." * 10 + "r" * 10 + "...."


def test_a_gap_without_data_is_bridged_by_clear_after() -> None:
    # the third hour is bad: in the window until 05:00, where it is the only one with data. 06:00 has no data at all, at
    # 07:00 the crossing of 05:00 is within the last three hours
    warning = {"budget_spent": "50 %", "clear_after": 3}
    rolling = {"period": {"rolling": "3h"}, "target": "50 %", "warning": warning}
    assert course_of(rolling, "110___1111") == "..rrV_r..."
    (verdict,) = both(agreement(rolling), values("110___1"), MONDAY + 7 * HOUR)
    assert (verdict.status, verdict.at_risk_at) == ("at_risk", MONDAY + 3 * HOUR)


def test_what_left_a_rolling_window_keeps_nothing_at_risk() -> None:
    rolling = {"period": {"rolling": "2h"}, "target": "50 %", "warning": {"budget_spent": "50 %", "clear_after": 99}}
    assert course_of(rolling, "1101111111") == "..rrr....."


def test_where_nothing_may_be_missed_events_are_violated_at_once() -> None:
    counts = {"kind": "ratio", "metric": "n", "slot": "1h"}
    rows = [Measurement("s", "n", MONDAY + i * HOUR, good=5 - (i == 3), total=5) for i in range(8)]
    (verdict,) = both(agreement({"indicator": counts, "target": "100 %"}), rows, MONDAY + 8 * HOUR)
    assert (verdict.status, verdict.violated_at) == ("violated", MONDAY + 4 * HOUR)
    (verdict,) = both(agreement({"indicator": counts, "target": "99.99 %"}), rows, MONDAY + 8 * HOUR)
    assert (verdict.status, verdict.violated_at) == ("at_risk", None)


def test_a_percentile_is_sketched_from_one_value_more_than_is_exact() -> None:
    indicator = {"kind": "aggregate", "metric": "m", "aggregate": "p50", "slot": "1h", "exact_up_to": 3}
    agreed = agreement({"indicator": indicator, "target": "<= -40.124"})
    (verdict,) = both(agreed, figures(-40.1, -40.1, -40.1), MONDAY + DAY)
    assert (verdict.attained, verdict.relative_error, verdict.status) == ("-40.1", None, "violated")
    (verdict,) = both(agreed, figures(-40.1, -40.1, -40.1, 0.0), MONDAY + DAY)
    assert (verdict.attained, verdict.relative_error, verdict.status) == ("-40.125", "0.005", "met")


# -- credits ----------------------------------------------------------------------------------------------------------


def credited(charge: str, shares: Sequence[str], cap: str | None = None) -> list[Decimal | None]:
    """The credits of one objective for each share, all missed."""
    objectives = [{"target": "99 %", "credits": [{"below": "99 %", "share": share}]} for share in shares]
    agreed = agreement(*objectives, charge={"s": {"amount": charge, "currency": "EUR"}}, credit_cap=cap)
    return [v.credit and v.credit.amount for v in both(agreed, values("0" + "1" * 23), MONDAY + DAY)]


def test_rounding_does_not_carry_the_credits_of_a_service_over_its_cap() -> None:
    assert credited("0.10", ["5 %", "5 %"], "10 %") == [Decimal("0.01"), None]
    assert credited("1.00", ["25 %"], "12.5 %") == [Decimal("0.12")]
    assert credited("1000", ["25 %", "25 %"], "30 %") == [Decimal("250.00"), Decimal("50.00")]


def test_the_credits_of_a_service_add_up_to_their_exact_sum_rounded_once() -> None:
    assert credited("100.05", ["10 %", "10 %", "10 %"]) == [Decimal("10.01"), Decimal("10.00"), Decimal("10.01")]


def daily_and_monthly(**daily: object) -> Agreement:
    return agreement({"target": "99 %", **daily}, {"target": "99 %", "period": {"calendar": "month"}, **TENTH})


TENTH: dict[str, object] = {"credits": [{"below": "99 %", "share": "10 %"}]}


def test_objectives_with_credits_have_one_period() -> None:
    assert daily_and_monthly()
    with pytest.raises(ValueError, match="'o0' by the day and 'o1' by the month give credits on the same charge"):
        daily_and_monthly(**TENTH)


def tiers(*bounds: tuple[str, str], target: str = "99.9 %") -> Agreement:
    printed = [
        {"from_attained": low, "to_attained": high, "share": f"{i + 1}0 %"} for i, (low, high) in enumerate(bounds)
    ]
    charge = {"s": {"amount": "100", "currency": "EUR"}}
    indicator = {"kind": "ratio", "metric": "m", "slot": "1h"}
    return agreement({"indicator": indicator, "target": target, "credits": printed}, charge=charge)


def owed(agreed: Agreement, good: int, total: int) -> Decimal | None:
    rows = [Measurement("s", "m", MONDAY, good=good, total=total)]
    (verdict,) = both(agreed, rows, MONDAY + DAY)
    return verdict.credit and verdict.credit.amount


def test_a_tier_printed_in_whole_percents_is_read_with_the_places_of_the_target() -> None:
    whole = tiers(("95 %", "99 %"), ("0 %", "94.99 %"))
    assert owed(whole, 9972, 10000) is None
    assert owed(whole, 99009, 100000) == 10
    assert owed(whole, 9901, 10000) is None
    fine = tiers(("95 %", "99.98 %"), ("0 %", "94.999 %"), target="99.985 %")
    assert owed(fine, 999809, 1000000) == 10
    assert owed(fine, 999810, 1000000) is None


def test_a_tier_printed_to_the_target_or_above_holds_there() -> None:
    assert owed(tiers(("0 %", "99.90 %")), 9990, 10000) == 10
    assert owed(tiers(("0 %", "99.95 %")), 9995, 10000) == 10


def test_ranges_that_printed_tiers_leave_open_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no tier holds from 96.9 % to below 97.9 %"):
        tiers(("97.90 %", "99.69 %"), ("95.90 %", "96.89 %"), ("0 %", "95.89 %"))
    assert tiers(("97.90 %", "99.69 %"), ("96.90 %", "97.89 %"), ("95.90 %", "96.89 %"), ("0 %", "95.89 %"))
    with pytest.raises(ValueError, match=r"no tier holds from 94.01 % to below 95 %"):
        tiers(("95 %", "99 %"), ("0 %", "94 %"))
