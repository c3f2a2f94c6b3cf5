"""`upheld lint`: what it finds in files, with their lines, and its exit statuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from upheld.cli import app

AGREEMENTS = """\
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-06-01}
    services: [vpn]
    objectives:
      - id: up
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: month}
        target: 99.9 %
      - id: errors
        indicator: {kind: availability, metric: requests, error_rate_over: 1 %, min_total: 10, slot: 5m}
        period: {calendar: month}
        target: 99.9 %
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(AGREEMENTS)


def upheld(*arguments):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["lint", "a.yaml", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def data(up=range(120), requests=range(0, 120, 5), total=20, more=()):
    """Two hours: a value a minute, and counts every five."""
    rows = ["service,metric,time,value,good,total"]
    rows += [f"vpn,reachable,2026-06-01T{m // 60:02}:{m % 60:02}:00Z,1,," for m in up]
    rows += [f"vpn,requests,2026-06-01T{m // 60:02}:{m % 60:02}:00Z,,{total},{total}" for m in requests]
    Path("data.csv").write_text("\n".join([*rows, *more]) + "\n")


def found(*arguments):
    result = upheld("data.csv", "--format", "json", *arguments)
    documents = json.loads(result.stdout)
    assert result.exit_code == (1 if documents else 0)
    return [(d["rule"], d["service"], d["line"], d["field"], d["text"]) for d in documents]


def test_nothing_found_ends_with_0_and_says_so():
    data()
    result = upheld("data.csv")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "upheld: nothing found\n"
    assert found() == []


def test_a_metric_that_never_came():
    data(requests=())
    assert found() == [
        (
            "never-delivered",
            "vpn",
            12,
            "agreements[0].objectives[1].indicator.metric",
            "nothing was measured of requests: the verdict is no_data",
        )
    ]


def test_values_where_counts_are_read():
    data(requests=(), more=["vpn,requests,2026-06-01T01:59:00Z,7,,"])
    assert found()[0][0::4] == (
        "other-form",
        "reads good and total, but all 1 rows of requests have values",
    )


def test_data_that_nothing_reads():
    data(more=["vpn,jitter,2026-06-01T00:00:00Z,7,,", "lan,reachable,2026-06-01T00:00:00Z,1,,"])
    assert sorted(found()) == [
        ("unread-data", "lan", None, None, "1 measurement of reachable: no agreement names its service"),
        ("unread-data", "vpn", None, None, "1 measurement of jitter: no objective of its service reads it"),
    ]


def test_events_that_nothing_reads_and_that_something_reads():
    data()
    Path("faults.csv").write_text("service,metric,opened,closed\nvpn,fault,2026-06-01T00:00:00Z,2026-06-01T02:00:00Z\n")
    assert [f[0::4] for f in found("faults.csv")] == [
        ("unread-data", "1 event of fault: no objective of its service reads it")
    ]
    Path("a.yaml").write_text(
        AGREEMENTS
        + "      - {id: repair, indicator: {kind: duration, metric: fault, limit: 4h}, period: {calendar: month}, "
        + "target: 90 %}\n"
    )
    assert found("faults.csv") == []
    assert found() == []


def test_a_metric_that_stopped():
    data(up=range(100))  # the last at 01:39, that of requests at 01:55: 16 minutes without, of which 10 are usual
    assert found()[0][0::4] == (
        "stopped",
        "reachable was last measured at 2026-06-01T01:39:00Z, 16m before the last measurement of all",
    )
    data(up=range(106))  # 10 minutes
    assert found() == []


def test_data_that_come_less_often_than_slots_last():
    data(up=range(0, 120, 4))
    assert found()[0][0::4] == (
        "sparse",
        "reachable comes every 4m: with slots of 1m about 75 % of them are missing",
    )


def test_a_min_total_that_no_slot_reaches():
    data(total=9)
    assert found()[0] == (
        "min-total-out-of-reach",
        "vpn",
        12,
        "agreements[0].objectives[1].indicator.min_total",
        "a slot counts from 10 events on, and none of requests has more than 9: none is ever bad",
    )
    data(total=5, requests=range(0, 120, 2))  # five minutes hold two or three of them: 15
    assert found() == []


def test_a_rule_can_be_left_out_and_every_rule_is_listed():
    data(requests=())
    assert found("--ignore", "never-delivered") == []
    result = upheld("--rules")
    assert result.exit_code == 0
    assert "never-delivered" in result.stdout
    assert "unmeasurable-target" in result.stdout
    wrong = upheld("--ignore", "never-deliverd")
    assert wrong.exit_code == 2
    assert "never-deliverd is no rule (did you mean never-delivered?)" in wrong.stderr


def test_the_table_has_the_line_the_rule_and_the_sentence():
    Path("a.yaml").write_text(AGREEMENTS.replace("month}\n        target: 99.9", "day}\n        target: 99.999"))
    result = upheld()
    assert result.exit_code == 1
    assert "warning unmeasurable-target  gold up" in result.stdout
    assert " 10 " in result.stdout
    assert "2 findings: 2 warnings" in result.stdout


def test_wrong_input_ends_with_2():
    Path("a.yaml").write_text(AGREEMENTS.replace("id: gold", "idd: gold"))
    result = upheld()
    assert result.exit_code == 2
    assert "a.yaml:2: agreements[0].idd: unknown field (did you mean id?)" in result.stderr


def test_the_validity_is_judged_at_an_instant():
    Path("a.yaml").write_text(AGREEMENTS.replace("{from: 2026-06-01}", "{from: 2026-06-01, to: 2026-07-01}"))
    assert upheld("--as-of", "2026-06-30T00:00:00Z").exit_code == 0
    assert upheld("--as-of", "2026-07-01T00:00:00Z").exit_code == 1
