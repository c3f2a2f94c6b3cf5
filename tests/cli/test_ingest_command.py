"""`upheld ingest check`, as a user runs it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from upheld.cli import app

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1, line-2]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
      - id: errors
        indicator: {kind: ratio, metric: requests}
        period: {calendar: month}
        target: 99 %
"""
MAPPING = """
series:
  - {labels: {__name__: probe_success}, service: "{line}", metric: reachable}
  - {labels: {__name__: rtt_seconds}, service: "{line}", metric: rtt, scale: 1000}
  - {labels: {__name__: requests_total}, service: "{line}", metric: requests}
"""
COUNTS = "objectives read good and total counts of it"
SAMPLES = """
probe_success{line="line-1"} 1
rtt_seconds{line="line-1"} 0.07
requests_total{line="line-1"} 12
go_goroutines 9
"""


def check(directory: Path, **files: str) -> Result:
    for name, text in {"mapping": MAPPING, "portfolio": PORTFOLIO, "samples": SAMPLES, **files}.items():
        (directory / name).write_text(text)
    paths = [str(directory / name) for name in ("mapping", "portfolio", "samples")]
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, ["ingest", "check", *paths])


def test_it_shows_what_each_sample_becomes_and_what_no_sample_is_for(tmp_path: Path) -> None:
    result = check(tmp_path)
    assert result.exit_code == 1
    rows = {line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:6]] for line in _lines(result)}
    assert rows == {
        'probe_success{line="line-1"}': ["line-1", "reachable", "1", "gold/availability"],
        'rtt_seconds{line="line-1"}': ["line-1", "rtt", "70", "- (no objective reads it)"],
        'requests_total{line="line-1"}': [
            "line-1",
            "requests",
            "12",
            "- (objectives read good and total counts of it)",
        ],
        "go_goroutines": ["-", "-", "-", "- (no rule matches)"],
    }
    assert "no sample is for gold/availability (line-2 reachable)" in result.output
    assert "no sample is for gold/errors (line-1 requests)" in result.output


def _lines(result: Result) -> list[str]:
    return [line for line in result.output.splitlines() if line.startswith("│")]


def test_all_is_well_where_every_sample_is_read_and_every_objective_has_one(tmp_path: Path) -> None:
    portfolio = PORTFOLIO[: PORTFOLIO.index("      - id: errors")].replace("[line-1, line-2]", "[line-1]")
    result = check(tmp_path, portfolio=portfolio, samples='probe_success{line="line-1"} 0\n')
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"mapping": MAPPING.replace("scale: 1000", "scale: 0")}, "series[1].scale"),
        ({"samples": "rtt{"}, "is not in Prometheus' text form"),
        ({"portfolio": "agreements: 1"}, "agreements"),
    ],
)
def test_a_wrong_input_is_named(tmp_path: Path, files: dict[str, str], said: str) -> None:
    result = check(tmp_path, **files)
    assert result.exit_code == 2
    assert said in result.output


PARTS = """
series:
  - {labels: {__name__: good_total}, service: "{line}", metric: requests, part: good, counter: true}
  - {labels: {__name__: all_total}, service: "{line}", metric: requests, part: total, counter: true}
  - {labels: {__name__: bad_total}, service: "{line}", metric: reachable, part: bad}
"""


def test_parts_of_a_ratio_are_read_in_pairs_and_one_that_is_alone_is_told(tmp_path: Path) -> None:
    samples = 'good_total{line="line-1"} 9\nall_total{line="line-1"} 10\nall_total{line="line-2"} 10\n'
    result = check(tmp_path, mapping=PARTS, samples=samples + 'bad_total{line="line-1"} 1\n')
    rows = {line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:6]] for line in _lines(result)}
    alone = "is not paired: no series is its"
    assert rows == {
        'good_total{line="line-1"}': ["line-1", "requests (good)", "9", "gold/errors"],
        'all_total{line="line-1"}': ["line-1", "requests (total)", "10", "gold/errors"],
        'all_total{line="line-2"}': ["line-2", "requests (total)", "10", f"- ({alone} good or bad part)"],
        'bad_total{line="line-1"}': ["line-1", "reachable (bad)", "1", f"- ({alone} good or total part)"],
    }
    assert result.exit_code == 1
    assert "no sample is for gold/errors (line-2 requests)" in result.output
    assert "(line-1 requests)" not in result.output
    twice = check(tmp_path, mapping=PARTS, samples=samples + 'good_total{line="line-1",code="204"} 4\n')
    assert "2 series are its good part: let their sender add them up" in twice.output
    wrong = check(tmp_path, mapping=PARTS.replace("part: bad", "part: worst"))
    assert (wrong.exit_code, "series[2].part" in wrong.output) == (2, True), wrong.output
