"""`upheld import openslo` and `upheld export openslo`: streams, files and exit statuses."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from upheld.cli import app
from upheld.readers.portfolio import parse_portfolio, read_portfolio

EXAMPLES = Path(__file__).parents[1] / "readers" / "openslo"
GOLD = """\
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn]
    objectives:
      - id: up
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
        credits: [{below: 99.9 %, share: 10 %}]
    charge: {vpn: {amount: 1200.10, currency: EUR}}
customers: [{id: acme, name: Acme, contacts: {noc: [{email: noc@acme.example}]}}]
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gold.yaml").write_text(GOLD)


def upheld(*arguments):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_an_imported_file_is_an_agreements_file_that_says_what_the_collector_delivers():
    result = upheld(
        "import", "openslo", EXAMPLES / "ratio_timeslices.yaml", "--customer", "acme", "--valid-from", "2026-01-01"
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:7] == [
        "# From ratio_timeslices.yaml, by upheld import openslo.",
        "#",
        "# What the collector delivers:",
        "#   service web-shop, metric response-code (Our main page should be available always):",
        "#     good and total, deliver counts",
        "#     good: Any: Any",
        "#     total: Any: Any",
    ]
    (agreement,) = parse_portfolio(result.stdout, "a.yaml").agreements
    assert (agreement.customer, agreement.valid.from_) == ("acme", "2026-01-01")


def test_what_is_left_out_is_said_and_ends_with_1():
    result = upheld("import", "openslo", EXAMPLES / "rolling_alerts.yaml", "--output", "a.yaml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "rolling_alerts.yaml:36: SLO test-slo: spec.alertPolicies[0]: 'foo-alert-policy' is in none" in result.stderr
    assert "upheld: 2 things not taken over as written" in result.stderr
    assert read_portfolio(Path("a.yaml")).agreements[0].id == "the-service-name"


def test_wrong_input_ends_with_2_and_writes_nothing():
    result = upheld("import", "openslo", EXAMPLES / "timeslices_slo.yaml", "no.yaml", "--output", "a.yaml")
    assert result.exit_code == 2
    assert "no.yaml: no such file" in result.stderr
    assert not Path("a.yaml").exists()


@pytest.mark.parametrize("date", ["soon", "2026-13-01"])
def test_a_date_that_is_none_is_refused(date):
    result = upheld("import", "openslo", EXAMPLES / "ratio_timeslices.yaml", "--valid-from", date)
    assert result.exit_code == 2
    assert date in result.stderr


def test_there_and_back():
    assert upheld("export", "openslo", "gold.yaml", "--output", "slo.yaml").exit_code == 0
    assert upheld("import", "openslo", "slo.yaml", "--output", "back.yaml").exit_code == 0
    assert read_portfolio(Path("back.yaml")).agreements == read_portfolio(Path("gold.yaml")).agreements


def test_an_export_says_what_other_tools_do_not_see_and_names_no_contact():
    result = upheld("export", "openslo", "gold.yaml")
    assert result.exit_code == 0
    assert "noc@acme.example" not in result.stdout
    assert result.stderr.splitlines() == [
        "upheld: customers: stays in the agreements file; OpenSLO has no contacts and no topology",
        "upheld: gold up: only in annotations, unseen by other tools: credits",
    ]


def test_version_2_has_no_months():
    result = upheld("export", "openslo", "gold.yaml", "--api-version", "v2alpha")
    assert "apiVersion: openslo.com/v2alpha" in result.stdout
    assert "gold up: OpenSLO has no words for a month in openslo.com/v2alpha" in result.stderr


def test_an_export_of_wrong_agreements_ends_with_2():
    Path("gold.yaml").write_text(GOLD.replace("month", "moon"))
    result = upheld("export", "openslo", "gold.yaml")
    assert result.exit_code == 2
    assert "gold.yaml:9: agreements[0].objectives[0].period.calendar" in result.stderr
