"""`upheld assess`: exit statuses, the three formats, and what goes to which stream."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from upheld.cli import app

AGREEMENTS = """\
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-06-01}
    services: [vpn]
    objectives:
      - id: day
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 1h}
        period: {calendar: day}
        target: 95 %
        warning: {budget_spent: 75 %}
        credits: [{below: 95 %, share: 10 %}]
    charge: {vpn: {amount: 1200.00, currency: EUR}}
    exclusions: [planned_maintenance]
"""
START = datetime(2026, 5, 31, 22, tzinfo=UTC)  # the first of June in Berlin begins

FIELDS = [
    "agreement",
    "objective",
    "service",
    "period_start",
    "period_end",
    "status",
    "final",
    "attained",
    "good",
    "bad",
    "missing",
    "excluded",
    "budget",
    "spent",
    "at_risk_at",
    "violated_at",
    "credit",
    "evidence",
    "version",
]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: bytes
    stderr: bytes


def upheld(*arguments):
    """The command in this process, in the working directory that `place` sets."""
    result = CliRunner(env={"COLUMNS": "80"}).invoke(app, [str(a) for a in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Done(result.exit_code, result.stdout_bytes, result.stderr_bytes)


def upheld_apart(*arguments):
    """The command in a process of its own."""
    environment = {"COLUMNS": "80", "PATH": "", "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "upheld.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    return Done(done.returncode, done.stdout, done.stderr)


def hours(values, start=START, service="vpn"):
    lines = ["service,metric,time,value"]
    for i, value in enumerate(values):
        lines.append(f"{service},up,{(start + timedelta(hours=i)).isoformat()},{value}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agreements.yaml").write_text(AGREEMENTS)
    (tmp_path / "good.csv").write_text(hours([1] * 24))
    (tmp_path / "bad.csv").write_text(hours([1] * 10 + [0] * 2 + [1] * 12))
    return tmp_path


def test_all_met_ends_with_0(place):
    done = upheld_apart("assess", "agreements.yaml", "good.csv")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "1 verdict: 1 met" in done.stdout.decode()


def test_a_violation_ends_with_1_and_the_table_fits_80_columns(place):
    # 95 % of 24 hours allows 1.2 bad ones; two are, from 10:00 to 12:00 in Berlin; 22 / 24 = 0.91666...
    done = upheld_apart("assess", "agreements.yaml", "bad.csv")
    assert (done.returncode, done.stderr) == (1, b"")
    lines = [" ".join(line.split()) for line in done.stdout.decode().splitlines()]
    assert max(len(line) for line in done.stdout.decode().splitlines()) <= 80
    assert "gold day violated 91.6666 % ██████████ 120.00 EUR" in lines
    assert "vpn, 2026-06-01 06-01 12:00 2 of 1.2" in lines
    assert "1 verdict: 1 violated" in lines


def test_at_risk_ends_with_1(place):
    (place / "some.csv").write_text(hours([1] * 10 + [0]))  # one bad hour of the 1.2 that the day allows
    done = upheld("assess", "agreements.yaml", "some.csv")
    assert done.returncode == 1
    assert "1 verdict: 1 at risk" in done.stdout.decode()


def test_no_data_ends_with_0_and_is_said(place):
    done = upheld("assess", "agreements.yaml", "good.csv", "--as-of", "2026-06-02T02:00:00+02:00")
    assert done.returncode == 0
    assert done.stderr == b"upheld: no data: 1 of 2 verdicts\n"
    assert "2 verdicts: 1 met, 1 no data" in done.stdout.decode()


def test_no_data_ends_with_1_where_that_is_asked_for(place):
    later = ("--as-of", "2026-06-02T02:00:00+02:00")
    assert upheld("assess", "agreements.yaml", "good.csv", *later, "--fail-on-no-data").returncode == 1
    assert upheld("assess", "agreements.yaml", "good.csv", "--fail-on-no-data").returncode == 0
    before = ("--as-of", "2020-01-01T00:00:00Z")
    assert upheld("assess", "agreements.yaml", "good.csv", *before, "--fail-on-no-data").returncode == 1


def test_that_there_is_no_verdict_is_said(place):
    done = upheld("assess", "agreements.yaml", "good.csv", "--as-of", "2020-01-01T00:00:00Z", "--format", "json")
    assert (done.returncode, done.stdout) == (0, b"[]\n")
    assert done.stderr == b"upheld: no verdict: no agreement was valid in the time that was assessed\n"


def test_json_has_the_fixed_field_names(place):
    done = upheld_apart("assess", "agreements.yaml", "bad.csv", "--format", "json")
    assert done.returncode == 1
    (verdict,) = json.loads(done.stdout)
    assert [name for name in verdict if name in FIELDS] == FIELDS
    assert set(verdict) - set(FIELDS) == {
        "customer",
        "agreement_version",
        "relative_error",
        "claim_by",
        "consequences",
    }
    assert {name: verdict[name] for name in FIELDS} == {
        "agreement": "gold",
        "objective": "day",
        "service": "vpn",
        "period_start": "2026-05-31T22:00:00Z",
        "period_end": "2026-06-01T22:00:00Z",
        "status": "violated",
        "final": True,
        "attained": "0.916666666666",
        "good": 22,
        "bad": 2,
        "missing": 0,
        "excluded": 0,
        "budget": "1.2",
        "spent": "2",
        "at_risk_at": "2026-06-01T09:00:00Z",
        "violated_at": "2026-06-01T10:00:00Z",
        "credit": {"amount": "120.00", "currency": "EUR"},
        "evidence": [
            {"start": "2026-06-01T08:00:00Z", "end": "2026-06-01T10:00:00Z", "kind": "bad", "reason": "up not >= 1"}
        ],
        "version": 1,
    }


@pytest.mark.parametrize("to_file", [True, False])
def test_parquet_has_the_same_names_with_instants_and_structs(place, to_file):
    options = ["--output", "out.parquet"] if to_file else []
    done = upheld_apart("assess", "agreements.yaml", "bad.csv", "--format", "parquet", *options)
    assert done.returncode == 1
    table = pq.read_table(place / "out.parquet" if to_file else pa.BufferReader(done.stdout))
    assert [name for name in table.column_names if name in FIELDS] == FIELDS
    assert table.schema.field("violated_at").type == pa.timestamp("us", "UTC")
    (verdict,) = table.to_pylist()
    assert verdict["period_start"] == START
    assert verdict["attained"] == "0.916666666666"
    assert verdict["credit"] == {"amount": "120.00", "currency": "EUR"}
    assert [(e["start"].hour, e["end"].hour, e["kind"], e["reason"]) for e in verdict["evidence"]] == [
        (8, 10, "bad", "up not >= 1")
    ]


def test_the_reference_model_prints_the_same(place):
    fast = upheld("assess", "agreements.yaml", "bad.csv", "--format", "json")
    plain = upheld("assess", "agreements.yaml", "bad.csv", "--format", "json", "--reference")
    assert plain.stdout == fast.stdout


def test_exclusions_count_from_their_file(place):
    (place / "x.csv").write_text(
        "service,start,end,reason,approved_by\n"
        "vpn,2026-06-01T10:00:00+02:00,2026-06-01T11:00:00+02:00,planned_maintenance,joan\n"
        "line,2026-06-01T10:00:00+02:00,2026-06-01T11:00:00+02:00,planned_maintenance,joan\n"
    )
    done = upheld("assess", "agreements.yaml", "bad.csv", "--exclusions", "x.csv", "--format", "json")
    (verdict,) = json.loads(done.stdout)
    assert (verdict["status"], verdict["bad"], verdict["excluded"]) == ("met", 1, 1)
    assert done.returncode == 0
    assert done.stderr == b"upheld: 1 exclusion of a service that no agreement names left out: line\n"
    strict = upheld("assess", "agreements.yaml", "bad.csv", "--exclusions", "x.csv", "--strict")
    assert strict.returncode == 2
    assert strict.stderr == b"x.csv:3: service: 'line' is a service that no agreement names\n"


def test_what_is_left_out_or_contradicts_itself_is_said_and_never_silent(place):
    stray = hours([1], START - timedelta(days=2000), service="line").split("\n", 1)[1]
    (place / "more.csv").write_text(hours([0, 1]) + stray)
    done = upheld("assess", "agreements.yaml", "good.csv", "more.csv", "--format", "json")
    assert done.stderr.decode().splitlines() == [
        "upheld: 1 measurement of a service that no agreement names left out: line",
        "upheld: 2 measurements contradict each other: other figures of the same service, metric, time and known_at; "
        "the greatest hold. Give known_at to say which is later",
    ]
    assert upheld("assess", "agreements.yaml", "more.csv", "good.csv", "--format", "json").stdout == done.stdout
    strict = upheld("assess", "agreements.yaml", "good.csv", "more.csv", "--strict")
    assert (strict.returncode, strict.stdout) == (2, b"")
    assert strict.stderr == b"more.csv:4: service: 'line' is a service that no agreement names\n"


LONG_VALID = AGREEMENTS.replace("2026-06-01", "2020-01-01")


def test_what_no_agreement_names_opens_no_periods(place):
    (place / "long.yaml").write_text(LONG_VALID)
    stray = hours([1], START - timedelta(days=2000), service="line").split("\n", 1)[1]
    (place / "stray.csv").write_text(hours([1] * 24) + stray)
    done = upheld("assess", "long.yaml", "stray.csv", "--format", "json")
    assert [v["period_start"] for v in json.loads(done.stdout)] == ["2026-05-31T22:00:00Z"]


def test_what_is_known_only_later_changes_nothing_of_what_was_known(place):
    (place / "long.yaml").write_text(LONG_VALID)
    (place / "late.csv").write_text(
        "service,metric,time,value,known_at\nvpn,up,2026-03-01T00:00:00Z,1,2026-08-01T00:00:00Z\n"
    )
    then = ("--known-at", "2026-07-01T00:00:00Z", "--format", "json")
    plain = upheld("assess", "long.yaml", "good.csv", *then)
    assert len(json.loads(plain.stdout)) == 1
    assert upheld("assess", "long.yaml", "good.csv", "late.csv", *then) == plain


def test_where_nothing_is_left_to_assess_there_is_no_good_end(place):
    (place / "line.csv").write_text(hours([1], service="line"))
    done = upheld("assess", "agreements.yaml", "line.csv")
    assert (done.returncode, done.stdout, done.stderr.decode().splitlines()) == (
        2,
        b"",
        [
            "upheld: 1 measurement of a service that no agreement names left out: line",
            "upheld: no measurement is left to assess; give --as-of to assess without any",
        ],
    )
    done = upheld("assess", "agreements.yaml", "good.csv", "--known-at", "2026-01-01T00:00:00Z")
    assert done.stderr == (
        b"upheld: no measurement is left to assess, as known by 2026-01-01T00:00:00Z; give --as-of to assess without "
        b"any\n"
    )
    done = upheld("assess", "agreements.yaml", "line.csv", "--as-of", "2026-06-03T00:00:00+02:00", "--format", "json")
    assert [(v["period_start"], v["status"]) for v in json.loads(done.stdout)] == [("2026-06-01T22:00:00Z", "no_data")]


def test_measurements_of_another_form_are_said(place):
    counts = "service,metric,time,good,total\nvpn,up,2026-06-01T00:00:00Z,1,1\n"
    (place / "counts.csv").write_text(counts)
    done = upheld("assess", "agreements.yaml", "good.csv", "counts.csv")
    assert done.stderr.startswith(
        b"upheld: 1 measurement of no use, with counts where the objectives read values: vpn up\n"
    )
    strict = upheld("assess", "agreements.yaml", "counts.csv", "--strict")
    assert (strict.returncode, strict.stderr) == (2, b"counts.csv:2: good: counts where the objectives read values\n")


def test_an_exclusion_for_an_agreement_that_there_is_not_is_said(place):
    (place / "x.csv").write_text(
        "service,start,end,reason,approved_by,agreement\n"
        "vpn,2026-06-01T10:00:00+02:00,2026-06-01T11:00:00+02:00,planned_maintenance,joan,gould\n"
    )
    done = upheld("assess", "agreements.yaml", "bad.csv", "--exclusions", "x.csv")
    assert done.stderr == b"upheld: 1 exclusion of an agreement that there is not left out: gould\n"
    strict = upheld("assess", "agreements.yaml", "bad.csv", "--exclusions", "x.csv", "--strict")
    assert (strict.returncode, strict.stderr) == (
        2,
        b"x.csv:2: agreement: 'gould' is not an agreement (did you mean gold?)\n",
    )


def test_a_period_that_is_not_over_is_said_and_can_be_closed(place):
    (place / "short.csv").write_text(hours([1] * 10 + [0] * 2 + [1] * 11))  # the last hour of the day is missing
    done = upheld("assess", "agreements.yaml", "short.csv")
    assert done.stderr == b"upheld: 1 period is not over at 2026-06-01T21:00:00Z; give --as-of to close it\n"
    assert ("so far" in done.stdout.decode(), "EUR" in done.stdout.decode()) == (True, False)
    closed = upheld("assess", "agreements.yaml", "short.csv", "--as-of", "2026-06-02T00:00:00+02:00")
    assert closed.stderr == b""
    assert ("so far" in closed.stdout.decode(), "120.00 EUR" in closed.stdout.decode()) == (False, True)


def test_an_instant_beyond_all_calendars_is_refused(place):
    done = upheld("assess", "agreements.yaml", "good.csv", "--as-of", "9999-12-31T23:59:59Z")
    assert done.returncode == 2
    assert "9999-12-31T23:59:59Z lies outside of the years 1970 to 2261" in done.stderr.decode()


def test_a_report_can_be_printed_as_it_was_known(place):
    text = hours([1] * 24).replace("value\n", "value,known_at\n").replace(",1\n", ",1,\n")
    late = f"vpn,up,{(START + timedelta(hours=3)).isoformat()},0,2026-06-05T00:00:00Z\n" * 1
    (place / "known.csv").write_text(text + late)
    for instant, bad in (("2026-06-04T00:00:00Z", 0), ("2026-06-05T00:00:00Z", 1)):
        done = upheld("assess", "agreements.yaml", "known.csv", "--known-at", instant, "--format", "json")
        assert json.loads(done.stdout)[0]["bad"] == bad


def test_every_fault_is_told_on_the_standard_error_and_ends_with_2(place):
    (place / "broken.csv").write_text(hours([1, "nan", 1]) + "vpn,up,2026-06")
    done = upheld_apart("assess", "agreements.yaml", "broken.csv")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines() == [
        "broken.csv:3: value: nan is not a finite number",
        "broken.csv:5: the line has 3 of 4 fields (service, metric, time, value); is it cut off?",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("missing.yaml", "good.csv"), "missing.yaml: no such file\n"),
        (("agreements.yaml", "missing.csv"), "missing.csv: no such file\n"),
        (
            ("agreements.yaml", "good.csv", "--engine", "spark"),
            "upheld: --engine spark is not available in this version; use --engine local\n",
        ),
        (
            ("agreements.yaml", "good.csv", "--format", "json", "--output", "no/such/out.json"),
            "upheld: no/such/out.json cannot be written: No such file or directory\n",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_2(place, arguments, said):
    done = upheld("assess", *arguments)
    assert (done.returncode, done.stderr.decode()) == (2, said)


def test_a_naive_instant_is_refused(place):
    done = upheld("assess", "agreements.yaml", "good.csv", "--as-of", "2026-06-02T00:00:00")
    assert done.returncode == 2
    assert "Invalid value for --as-of: 2026-06-02T00:00:00 has no time zone" in done.stderr.decode()


def test_the_default_instant_is_the_end_of_the_last_slot_with_a_measurement(place):
    (place / "some.csv").write_text(hours([1] * 30))
    done = upheld("assess", "agreements.yaml", "some.csv", "--format", "json")
    verdicts = json.loads(done.stdout)
    assert [(v["good"], v["final"]) for v in verdicts] == [(24, True), (6, False)]


def test_help_and_version_load_nothing_heavy():
    script = """
import sys
from upheld.cli import app
for arguments in (["--version"], ["--help"], ["assess", "--help"], ["test", "--help"]):
    app(arguments, standalone_mode=False)
print(sorted({"pyarrow", "numpy", "holidays", "babel", "upheld.agreements"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Example:  upheld assess agreements.yaml june.parquet" in done.stdout
    assert "Example:  upheld test scenarios/*.yaml" in done.stdout
    assert done.stdout.endswith("\n[]\n")


def test_a_mistyped_year_is_refused_before_every_slot_up_to_it_is_built(place):
    (place / "far.csv").write_text("service,metric,time,value\nvpn,up,2206-06-01T00:00:00Z,1\n")
    done = upheld("assess", "agreements.yaml", "far.csv")
    assert (done.returncode, done.stderr.decode()) == (
        2,
        "upheld: a measurement at 2206-06-01T00:00:00Z lies in the future: is its date right?\n",
    )
