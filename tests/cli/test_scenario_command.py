# ruff: noqa: E501 - output is compared as the one line that it is told in
"""`upheld test`: what differs is printed with its place, and the exit status tells the outcome."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from upheld.cli import app

SCENARIO = """\
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-06-01}
    services: [vpn]
    objectives:
      - id: day
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: day}
        target: 99 %
start: 2026-06-01T00:00:00Z
step: 1m
series:
  - {service: vpn, metric: up, values: "1x360 0x10 _x5 1x1065"}
expect:
  - at: 2026-06-02T00:00:00Z
    verdicts:
      - EXPECTED
"""
AT = "at 2026-06-02T00:00:00Z:"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run_scenario(expected, *more):
        Path("s.yaml").write_text(SCENARIO.replace("EXPECTED", expected))
        return CliRunner().invoke(app, ["test", "s.yaml", *more])

    return run_scenario


def test_as_expected_ends_with_0(run):
    result = run("{service: vpn, status: met, bad: 10, missing: 5}")
    assert (result.exit_code, result.output) == (0, "s.yaml: 1 as expected\n")


@pytest.mark.parametrize(
    ("expected", "difference"),
    [
        ("{service: vpn, status: violated}", "vpn: status: expected violated, got met"),
        ("{service: vpn, final: false}", "vpn: final: expected false, got true"),
        ("{service: vpn, bad: 11}", "vpn: bad: expected 11, got 10"),
        ("{service: vpn, attained: 0.5}", "vpn: attained: expected 0.5, got 0.993031358885"),
        ("{service: vpn, budget: 14}", "vpn: budget: expected 14, got 14.35"),
        ("{service: vpn, violated_at: 2026-06-01T06:07:00Z}", "vpn: violated_at: expected 2026-06-01T06:07:00Z, got null"),
        ("{service: vpn, period_end: 2026-06-02T02:01:00+02:00}",
         "vpn: period_end: expected 2026-06-02T00:01:00Z, got 2026-06-02T00:00:00Z"),
        ("{service: vpn, credit: {amount: 10.00, currency: EUR}}", "vpn: credit: expected 10.00 EUR, got null"),
        ("{service: vpn, evidence: [{start: 2026-06-01T06:00:00Z, end: 2026-06-01T06:10:00Z, kind: bad}]}",
         "vpn: evidence: expected [bad 2026-06-01T06:00:00Z to 2026-06-01T06:10:00Z], got [bad 2026-06-01T06:00:00Z to "
         "2026-06-01T06:10:00Z, missing 2026-06-01T06:10:00Z to 2026-06-01T06:15:00Z]"),
        ("{service: vpn, evidence: []}",
         "vpn: evidence: expected [], got [bad 2026-06-01T06:00:00Z to 2026-06-01T06:10:00Z, missing 2026-06-01T06:10:00Z to "
         "2026-06-01T06:15:00Z]"),
        ("{objective: day, service: vpm}",
         "day vpm: there is no such verdict; the nearest of 1: gold day vpn 2026-06-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_difference_is_told_with_its_place_and_ends_with_1(run, expected, difference):
    result = run(expected)
    assert result.exit_code == 1
    assert result.output == f"s.yaml:18: {AT} {difference}\ns.yaml: 1 of 1 verdicts differ\n"


def test_equal_figures_and_instants_need_not_be_written_alike(run):
    result = run("{service: vpn, budget: 14.3500, spent: 1e1, period_end: 2026-06-02T02:00:00+02:00}")
    assert result.exit_code == 0, result.output


def test_fields_that_name_several_verdicts_are_told(run):
    Path("s.yaml").write_text(
        SCENARIO.replace("EXPECTED", "{agreement: gold}").replace("at: 2026-06-02", "at: 2026-06-03")
    )
    result = CliRunner().invoke(app, ["test", "s.yaml"])
    assert result.exit_code == 1
    assert result.output.startswith(
        "s.yaml:18: at 2026-06-03T00:00:00Z: gold: names 2 verdicts, such as gold day vpn 2026-06-01T00:00:00Z, gold day vpn "
        "2026-06-02T00:00:00Z; give more of agreement, objective, service, period_start\n"
    )


def test_the_plain_model_can_be_asked(run):
    assert run("{service: vpn, bad: 10}", "--reference").exit_code == 0
    assert run("{service: vpn, bad: 11}", "--reference").exit_code == 1


def test_a_wrong_scenario_ends_with_2_and_the_others_still_run(run):
    Path("wrong.yaml").write_text("start: now\n")
    result = run("{service: vpn, bad: 11}", "wrong.yaml", "missing.yaml")
    assert result.exit_code == 2
    assert "s.yaml: 1 of 1 verdicts differ\n" in result.stdout
    assert result.stderr.splitlines() == [
        "wrong.yaml:1: expect: is missing",
        "wrong.yaml:1: start: 'now' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
        "wrong.yaml:1: step: is missing",
        "missing.yaml: no such file",
    ]
