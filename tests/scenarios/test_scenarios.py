"""Every scenario of this folder comes out as it expects, by both models of assessment.

The expected figures are derived by hand in each file. cloud-compute-month and object-storage-month are the published
SLAs of Safespring (2026-04-15) and of Amazon S3 Standard."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from upheld.assessment import advance, reference
from upheld.cli import app
from upheld.measurements.model import from_table
from upheld.readers.scenario import read_scenario

SCENARIOS = sorted(Path(__file__).parent.glob("*.yaml"))
LONG = {"clock-change-march", "clock-change-october", "cloud-compute-month", "object-storage-month"}
"""Whole months of minutes: the reference model is slow."""


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_comes_out_as_it_expects(path):
    result = CliRunner().invoke(app, ["test", str(path)])
    assert result.exit_code == 0, result.output
    assert result.output.endswith("as expected\n")


@pytest.mark.parametrize("path", [p for p in SCENARIOS if p.stem not in LONG], ids=lambda path: path.stem)
def test_both_models_give_the_same_verdicts_in_every_field(path):
    scenario = read_scenario(path)
    for expectation in scenario.expect:
        batch, exclusions = scenario.known(expectation.at)
        plain = reference.assess(
            scenario.terms, from_table(batch), exclusions, expectation.at, since=scenario.since, lateness=0
        )
        assert plain
        assert (
            advance.assess(scenario.terms, batch, exclusions, expectation.at, since=scenario.since, lateness=0) == plain
        )
