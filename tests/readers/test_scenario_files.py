# ruff: noqa: E501 - a fault is compared as the one line that it is told in
"""Scenario files: compact series, what was known when, and faults in their place."""

import pytest

from upheld.agreements.units import MINUTE, parse_instant
from upheld.measurements.model import Measurement, from_table
from upheld.readers.faults import InputError
from upheld.readers.scenario import read_scenario
from upheld.readers.series import parse_values, series_table

T0 = parse_instant("2026-06-01T00:00:00Z")

AGREEMENTS = """\
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn]
    objectives:
      - id: day
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: day}
        target: 99 %
"""
REST = """\
start: 2026-06-01T00:00:00Z
step: 1m
series:
  - {service: vpn, metric: up, values: "1x3 0 _x2 1"}
expect:
  - at: 2026-06-02T00:00:00Z
    verdicts:
      - {service: vpn, status: met}
"""


def written(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text)
    return path


def refusal(tmp_path, text):
    with pytest.raises(InputError) as caught:
        read_scenario(written(tmp_path, text))
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_a_compact_series_is_unfolded():
    table = series_table("vpn", "up", T0, MINUTE, parse_values("1x2 _x3 39.5 -1e2 95/100x2 _"))
    assert from_table(table) == [
        Measurement("vpn", "up", T0, 1.0, None, None, T0),
        Measurement("vpn", "up", T0 + MINUTE, 1.0, None, None, T0 + MINUTE),
        Measurement("vpn", "up", T0 + 5 * MINUTE, 39.5, None, None, T0 + 5 * MINUTE),
        Measurement("vpn", "up", T0 + 6 * MINUTE, -100.0, None, None, T0 + 6 * MINUTE),
        Measurement("vpn", "up", T0 + 7 * MINUTE, None, 95, 100, T0 + 7 * MINUTE),
        Measurement("vpn", "up", T0 + 8 * MINUTE, None, 95, 100, T0 + 8 * MINUTE),
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("", 'write values as text, such as "1x1440 0x44 _x5" or "95/100x12"'),
        (5, 'write values as text, such as "1x1440 0x44 _x5" or "95/100x12"'),
        ("1x", "'1x' is not a value such as 1, 0x44, 39.5x60, _x5 or 95/100x12"),
        ("1 nan", "'nan' is not a value such as 1, 0x44, 39.5x60, _x5 or 95/100x12"),
        ("1e999", "'1e999' is larger than a number can be here"),
        ("3/2", "'3/2' has more good than total"),
        ("1x10000000 0", "the series has 10,000,001 slots, more than 10,000,000"),
    ],
)
def test_values_that_cannot_be_read_are_told(values, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse_values(values)
    assert str(caught.value) == message


def test_only_what_was_known_then_counts(tmp_path):
    text = AGREEMENTS + REST.replace(
        "expect:",
        '  - {service: vpn, metric: up, values: "0x2", known_at: 2026-06-03T00:00:00Z}\n'
        "exclusions:\n"
        "  - {service: vpn, start: 2026-06-01T00:00:00Z, end: 2026-06-01T01:00:00Z, reason: x, approved_by: y,\n"
        "     known_at: 2026-06-03T00:00:00Z}\n"
        "expect:",
    )
    scenario = read_scenario(written(tmp_path, text))
    before, after = parse_instant("2026-06-02T23:59:59Z"), parse_instant("2026-06-03T00:00:00Z")
    assert [len(facts) for facts in scenario.known(T0 + MINUTE)] == [2, 0]
    assert [len(facts) for facts in scenario.known(before)] == [5, 0]
    assert [len(facts) for facts in scenario.known(after)] == [7, 1]


def test_the_agreements_can_stand_in_a_file_beside_the_scenario(tmp_path):
    (tmp_path / "agreements.yaml").write_text(AGREEMENTS)
    scenario = read_scenario(written(tmp_path, "agreements_file: agreements.yaml\n" + REST))
    assert [term.key for term in scenario.terms] == [("gold", "day", "vpn")]
    (tmp_path / "agreements.yaml").write_text(AGREEMENTS.replace("99 %", "99"))
    assert refusal(tmp_path, "agreements_file: agreements.yaml\n" + REST) == [
        'agreements.yaml:10: agreements[0].objectives[0].target: 99: write a share with its sign, such as "99.9 %", or a '
        'bound, such as "<= 40"'
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("status: met", "stats: met", "s.yaml:18: expect[0].verdicts[0].stats: unknown field (did you mean status?); allowed: "
         "agreement, objective, service, customer, period_start, period_end, status, final, attained, good, bad, missing, "
         "excluded, budget, spent, at_risk_at, violated_at, credit, evidence, relative_error, claim_by, consequences"),
        ("status: met", "status: broken", "s.yaml:18: expect[0].verdicts[0].status: 'broken' is not met, at_risk, violated or "
         "no_data"),
        ("status: met", "bad: 1.5", "s.yaml:18: expect[0].verdicts[0].bad: 1.5 is not a whole number"),
        ("status: met", "attained: most", "s.yaml:18: expect[0].verdicts[0].attained: 'most' is not a finite number"),
        ("service: vpn, metric", "service: vpm, metric", "s.yaml:14: series[0].service: 'vpm' is a service that no agreement "
         "names (did you mean vpn?)"),
        ("metric: up, values", "metric: upp, values", "s.yaml:14: series[0].metric: no objective of vpn reads 'upp' (did you "
         "mean up?); they read up"),
        ("1x3 0 _x2 1", "1x3 0 =", "s.yaml:14: series[0].values: '1x3 0 =': '=' is not a value such as 1, 0x44, 39.5x60, _x5 "
         "or 95/100x12"),
        ("step: 1m", "step: 1", 's.yaml:12: step: 1: write a duration as number and unit (ms, s, m, h, d, w), such as "5m" or '
         '"28d"'),
        ("start: 2026-06-01T00:00:00Z", "start: 2026-06-01T00:00:00", "s.yaml:11: start: 2026-06-01T00:00:00 has no time zone: "
         "write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00"),
        ("at: 2026-06-02", "at: 2026-05-02", "s.yaml:16: expect[0].at: must be later than start"),
        ('_x2 1"}', '_x2 1", known_at: 2026-06-01T00:05:00Z}', "s.yaml:14: series[0].known_at: must not be before the last time of "
         "the series"),
        ("1x3 0 _x2 1", "1x3 1/2", "s.yaml:14: series[0].values: has counts where the objectives read values"),
        ("step: 1m", "step: 5000w", "s.yaml:14: series[0].values: the last lies outside of the years 1970 to 2261"),
        ("at: 2026-06-02", "at: 9999-06-02", "s.yaml:16: expect[0].at: 9999-06-02T00:00:00Z lies outside of the years 1970 to "
         "2261"),
        ("expect:", '  - {service: vpn, metric: up, values: "1x4"}\nexpect:', "s.yaml:15: series[1]: tells of a time that the "
         "series on line 14 tells of; give known_at where it corrects that"),
        ("expect:", "exclusions: [{service: x, start: 2026-06-01T00:00:00Z, end: 2026-06-01T01:00:00Z, reason: y}]\nexpect:",
         "s.yaml:15: exclusions[0].service: 'x' is a service that no agreement names"),
        ("agreements:", "agreement:", "s.yaml:1: agreement: unknown field (did you mean agreements?); allowed: agreements, "
         "customers, provider, resources, freeze, agreements_file, start, step, series, events, exclusions, expect"),
    ],
)  # fmt: skip
def test_a_fault_of_a_scenario_is_told_with_its_line(tmp_path, old, new, told):
    text = AGREEMENTS + REST
    assert old in text
    assert refusal(tmp_path, text.replace(old, new, 1)) == [told]


def test_a_scenario_has_its_agreements_in_one_place(tmp_path):
    assert refusal(tmp_path, REST) == ["s.yaml:1: give either agreements or agreements_file"]
