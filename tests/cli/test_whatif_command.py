"""`upheld whatif`: a second file and single changes, its formats and its exit statuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from upheld.cli import app

AGREEMENTS = """\
agreements:
  - id: gold/1
    customer: acme
    valid: {from: 2026-06-01}
    services: [vpn]
    objectives:
      - id: day
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 1h}
        period: {calendar: day}
        target: 90 %
        credits: [{below: 90 %, share: 10 %}]
    charge: {vpn: {amount: 300.00, currency: EUR}}
    notices: {violation: {within: 15m, to: [customer.noc]}}
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Two days of 24 hours: of the first 2 are bad (91.7 %), of the second 3 (87.5 %)."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(AGREEMENTS)
    rows = ["service,metric,time,value"]
    for day, bad in ((1, (5, 6)), (2, (1, 2, 3))):
        rows += [f"vpn,up,2026-06-{day:02}T{hour:02}:00:00Z,{int(hour not in bad)}" for hour in range(24)]
    Path("m.csv").write_text("\n".join(rows) + "\n")


def upheld(*arguments):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["whatif", "a.yaml", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def changed(*arguments):
    result = upheld(*arguments, "--format", "json")
    assert result.exit_code == 1, result.stderr
    return json.loads(result.stdout)


def test_the_same_agreements_make_no_difference():
    Path("b.yaml").write_text(AGREEMENTS)
    result = upheld("b.yaml", "m.csv")
    assert result.exit_code == 0
    assert "no difference in 2 verdicts" in result.stdout


def test_a_stricter_target_in_a_second_file():
    Path("b.yaml").write_text(AGREEMENTS.replace("90 %", "95 %"))
    found = changed("b.yaml", "m.csv")
    # 95 % of 24 hours allows 1: the first day is violated from its second bad hour on, the second one an hour sooner.
    assert [(v["period_start"], v["before"]["status"], v["after"]["status"]) for v in found["verdicts"]] == [
        ("2026-06-01T00:00:00Z", "met", "violated"),
        ("2026-06-02T00:00:00Z", "violated", "violated"),
    ]
    assert found["total"]["before"]["credits"] == {"EUR": "30.00"}
    assert found["total"]["after"]["credits"] == {"EUR": "60.00"}
    assert [n["at"] for n in found["notices"]["new"]] == ["2026-06-01T07:00:00Z"]
    assert [(m["before"]["at"], m["after"]["at"]) for m in found["notices"]["moved"]] == [
        ("2026-06-02T04:00:00Z", "2026-06-02T03:00:00Z")
    ]


def test_a_single_change_is_the_same_as_a_second_file():
    Path("b.yaml").write_text(AGREEMENTS.replace("target: 90 %", "target: 95 %"))
    assert changed("m.csv", "--set", "gold/1/day/target=95 %") == changed("b.yaml", "m.csv")


def test_changes_of_lists_and_of_the_agreement_itself():
    found = changed("m.csv", "--set", "gold/1/day/credits/0/share=50 %", "--set", "gold/1/credit_cap=20 %")
    assert found["total"]["after"]["credits"] == {"EUR": "60.00"}


def test_a_field_that_is_not_there_is_added():
    found = changed("m.csv", "--set", "gold/1/day/warning={budget_spent: 50 %}")
    assert [v["after"]["at_risk_at"] for v in found["verdicts"]] == ["2026-06-01T07:00:00Z", "2026-06-02T03:00:00Z"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("gold/1/day/target", "--set: gold/1/day/target: is written as agreement/objective/field=value"),
        ("golden/day/target=1 %", "--set: golden/day/target=1 %: there is no agreement 'golden'"),
        ("gold/1/dai/target=1 %", "--set: gold/1/dai/target=1 %: there is no objective 'dai' (did you mean day?)"),
        ("gold/1/day/credits/3/share=1 %", "--set: gold/1/day/credits/3/share=1 %: '3' is no position of a list of 1"),
        ("gold/1/day/tarket=1 %", "a.yaml, changed:7: agreements[0].objectives[0].tarket: unknown field"),
        (
            "gold/1/day/target=101 %",
            "a.yaml, changed:10: agreements[0].objectives[0].target: '101 %': a share must lie",
        ),
        ("gold/1/day/target/x=1", "--set: gold/1/day/target/x=1: target has no fields"),
        ("gold/1/day/target=[1", "--set gold/1/day/target=[1:"),
    ],
)
def test_a_wrong_change_is_refused(change, fault):
    result = upheld("m.csv", "--set", change)
    assert result.exit_code == 2
    assert fault in result.stderr


def test_changes_that_break_the_agreement_together_are_refused():
    result = upheld("m.csv", "--set", "gold/1/objectives=7", "--set", "gold/1/day/target=95 %")
    assert result.exit_code == 2
    assert "there is no objective 'day'" in result.stderr


def test_what_is_missing_is_said():
    assert "nothing is changed: give CHANGED.yaml" in upheld("m.csv").stderr
    assert "no measurements" in upheld("a.yaml").stderr
    assert upheld("m.csv").exit_code == 2


def test_exclusions_hold_for_both():
    Path("x.csv").write_text(
        "service,start,end,reason,approved_by\nvpn,2026-06-01T05:00:00Z,2026-06-01T07:00:00Z,maintenance,joan\n"
    )
    found = changed("m.csv", "--set", "gold/1/day/target=95 %", "--exclusions", "x.csv")
    assert [(v["period_start"], v["before"]["status"]) for v in found["verdicts"] if v["after"]["bad"]] == [
        ("2026-06-02T00:00:00Z", "violated")
    ]


def test_the_table_has_totals_bars_and_what_differs():
    result = upheld("m.csv", "--set", "gold/1/day/target=95 %", "--set", "gold/1/day/credits/0/below=95 %")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "2026-06 credit EUR 30.00 60.00 +30.00" in lines
    assert "Violations" in lines
    assert f"2026-06-02 before {'█' * 28} 30.00" in lines
    assert any("2 of 2 verdicts differ; notices: 1 new, 1 moved" in line for line in lines)


def test_the_page_is_written_to_a_file():
    result = upheld("m.csv", "--set", "gold/1/day/target=95 %", "--format", "html", "--output", "w.html")
    assert (result.exit_code, result.stdout) == (1, "")
    html = Path("w.html").read_text()
    assert html.startswith("<!doctype html>")
    assert "gold/1/day/target=95 %" in html
