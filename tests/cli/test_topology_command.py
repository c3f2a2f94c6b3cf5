"""`upheld topology check`, as a user runs it."""

from pathlib import Path

from typer.testing import CliRunner, Result

from upheld.cli import app

PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn-1, vpn-2, vpn-3]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
resources:
  - {id: modem, carries: [vpn-2]}
"""
LINES = "dependent,on,redundancy\nvpn-1,line-1,paths\nvpn-1,line-2,paths\n"
INVENTORY = """[
  {"id": "line-1", "@type": "PhysicalResource", "resourceRelationship":
    [{"id": "switch", "relationshipType": "reliesOn"}, {"id": "x", "relationshipType": "targets"}]},
  {"id": "line-2", "@type": "PhysicalResource"}
]"""


def check(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["topology", "check", *map(str, arguments)])


def test_a_topology_in_which_nothing_is_amiss_is_counted(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(LINES)
    result = check(tmp_path / "lines.csv")
    assert (result.exit_code, result.output) == (
        0,
        "1 service, 2 resources, 2 dependencies, 2 of them redundant\n",
    )


def test_what_is_to_be_looked_at_is_said(tmp_path: Path) -> None:
    for name, text in (("lines.csv", LINES + "vpn-2,line-1,alone\n"), ("lines.json", INVENTORY), ("p.yaml", PORTFOLIO)):
        (tmp_path / name).write_text(text)
    result = check(tmp_path / "lines.csv", tmp_path / "lines.json", "--agreements", tmp_path / "p.yaml")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "3 services, 4 resources, 5 dependencies, 3 of them redundant",
        "named, and nowhere described: switch",
        "services of agreements that run over nothing: vpn-3",
        "redundant with nothing beside it: what is stated of vpn-2",
        "relationships of the type 'targets' say nothing of what depends on what: 1",
    ]


def test_faults_of_all_files_are_told_and_the_status_is_2(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("dependent\n")
    (tmp_path / "b.txt").write_text("")
    result = check(tmp_path / "a.csv", tmp_path / "b.txt")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{tmp_path / 'a.csv'}: on: the column is missing",
        f"{tmp_path / 'b.txt'}: its name tells no form; it ends in .yaml, .yml, .json or .csv",
    ]
