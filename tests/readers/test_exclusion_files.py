# ruff: noqa: E501 - a fault is compared as the one line that it is told in
"""Exclusions are read from CSV, Parquet, Arrow and YAML, or refused with every fault in its place."""

from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from upheld.agreements.units import parse_instant
from upheld.measurements.exclusions import Exclusion, stands
from upheld.readers.exclusions import read_exclusions
from upheld.readers.faults import InputError

START, END = parse_instant("2026-06-01T10:00:00Z"), parse_instant("2026-06-01T11:00:00Z")
EXPECTED = [
    Exclusion("vpn", START, END, "planned_maintenance", "joan"),
    Exclusion("*", START, END, "force_majeure", None, agreement="gold", known_at=END),
]

CSV = """\
service,start,end,reason,approved_by,agreement,known_at
vpn,2026-06-01T10:00:00Z,2026-06-01T11:00:00Z,planned_maintenance,joan,,
*,2026-06-01T12:00:00+02:00,2026-06-01T11:00:00Z,force_majeure,,gold,2026-06-01T11:00:00Z
"""
YAML = """\
exclusions:
  - {service: vpn, start: 2026-06-01T10:00:00Z, end: 2026-06-01T11:00:00Z, reason: planned_maintenance, approved_by: joan}
  - service: "*"
    start: 2026-06-01T12:00:00+02:00
    end: 2026-06-01T11:00:00Z
    reason: force_majeure
    agreement: gold
    known_at: 2026-06-01T11:00:00Z
"""


def written(tmp_path, name, text=None):
    path = tmp_path / name
    if text is not None or name.endswith((".csv", ".yaml")):
        path.write_text(text or (CSV if name.endswith(".csv") else YAML))
        return path
    moments = [datetime.fromisoformat(t) for t in ("2026-06-01T10:00:00Z", "2026-06-01T11:00:00Z")]
    table = pa.table(
        {
            "service": ["vpn", "*"],
            "start": [moments[0]] * 2,
            "end": [moments[1]] * 2,
            "reason": ["planned_maintenance", "force_majeure"],
            "approved_by": ["joan", None],
            "agreement": [None, "gold"],
            "known_at": pa.array([None, moments[1]], pa.timestamp("ms", "UTC")),
        }
    )
    if name.endswith(".parquet"):
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    return path


def refusal(path, services=None):
    with pytest.raises(InputError) as caught:
        read_exclusions(path, services)
    return str(caught.value).replace(str(path.parent) + "/", "").splitlines()


@pytest.mark.parametrize("name", ["x.csv", "x.yaml", "x.parquet", "x.arrow"])
def test_every_format_gives_the_same_exclusions(tmp_path, name):
    assert read_exclusions(written(tmp_path, name)) == EXPECTED


def test_faults_of_a_csv_file_are_told_with_their_lines(tmp_path):
    text = (
        "service,start,end,reason,approved_by\n"
        "vpn,2026-06-01T10:00:00,2026-06-01T11:00:00Z,planned_maintenance,joan\n"
        "vpn,2026-06-01T11:00:00Z,2026-06-01T10:00:00Z,planned_maintenance,joan\n"
        "vpn,2026-06-01T11:00:00Z,2026-06-01T11:00:00Z,planned_maintenance,joan\n"
        ",2026-06-01T10:00:00Z,tomorrow,,\n"
    )
    assert refusal(written(tmp_path, "x.csv", text)) == [
        "x.csv:2: start: 2026-06-01T10:00:00 has no time zone: write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00",
        "x.csv:3: end: must be later than start",
        "x.csv:4: end: must be later than start",
        "x.csv:5: service: is missing",
        "x.csv:5: end: 'tomorrow' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
        "x.csv:5: reason: is missing",
    ]


def test_faults_of_a_yaml_file_are_told_with_their_lines(tmp_path):
    text = "exclusions:\n  - {service: vpn, begin: 2026-06-01T10:00:00Z, end: 2026-06-01T11:00:00Z, reason: x}\n"
    assert refusal(written(tmp_path, "x.yaml", text)) == [
        "x.yaml:2: exclusions[0].begin: unknown field; allowed: service, start, end, reason, approved_by, agreement, known_at, revoked_at, revoked_by",
        "x.yaml:2: exclusions[0].start: is missing",
    ]


def test_columns_that_are_unknown_or_missing_are_told(tmp_path):
    assert refusal(written(tmp_path, "x.csv", "service,begin,end,reason,approved_by\n")) == [
        "x.csv: begin: unknown column; allowed: service, start, end, reason, approved_by, agreement, known_at, revoked_at, revoked_by",
        "x.csv: start: the column is missing",
    ]


def test_a_half_written_line_is_told(tmp_path):
    assert refusal(written(tmp_path, "x.csv", CSV + "vpn,2026-06-01T10:0")) == [
        "x.csv:4: the line has 2 of 7 fields (service, start, end, reason, approved_by, agreement, known_at); is it cut off?"
    ]


def test_a_parquet_file_with_naive_times_is_told(tmp_path):
    table = pa.table(
        {
            "service": ["vpn"],
            "start": pa.array([START]).cast(pa.timestamp("us")),
            "end": pa.array([END]).cast(pa.timestamp("us", "UTC")),
            "reason": ["x"],
            "approved_by": ["joan"],
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    assert refusal(tmp_path / "x.parquet") == [
        "x.parquet: row 1: start: 2026-06-01 10:00:00 has no time zone: write 2026-06-01T00:00:00Z or "
        "2026-06-01T00:00:00+02:00"
    ]


@pytest.mark.parametrize(
    ("name", "place"), [("x.csv", "x.csv:2: service"), ("x.yaml", "x.yaml:2: exclusions[0].service")]
)
def test_a_service_that_no_agreement_names_can_be_refused(tmp_path, name, place):
    path = written(tmp_path, name)
    assert refusal(path, {"line"}) == [f"{place}: 'vpn' is a service that no agreement names"]
    assert read_exclusions(path, {"vpn"}) == EXPECTED


@pytest.mark.parametrize(
    ("name", "place"), [("x.csv", "x.csv:3: agreement"), ("x.yaml", "x.yaml:7: exclusions[1].agreement")]
)
def test_an_agreement_that_there_is_not_can_be_refused(tmp_path, name, place):
    path = written(tmp_path, name)
    with pytest.raises(InputError) as caught:
        read_exclusions(path, None, {"golden", "silver"})
    assert str(caught.value) == f"{tmp_path}/{place}: 'gold' is not an agreement (did you mean golden?)"
    assert read_exclusions(path, None, {"gold"}) == EXPECTED


def test_a_line_that_is_no_header_is_one_fault(tmp_path):
    assert refusal(written(tmp_path, "x.csv", CSV.split("\n", 1)[1])) == [
        "x.csv:1: is not a header: 'vpn,2026-06-01T10:00:00Z,2026-06-01T11:00:00Z,planned_maintenance,joan,,' names none of "
        "the columns service, start, end, reason, approved_by, agreement, known_at, revoked_at, revoked_by"
    ]


def test_an_empty_file_or_one_of_no_known_name_is_told(tmp_path):
    (tmp_path / "x.csv").write_text("")
    assert refusal(tmp_path / "x.csv") == ["x.csv: is empty"]
    assert refusal(tmp_path / "x.txt") == [
        "x.txt: its name tells no format; it ends in one of .csv, .csv.gz, .parquet, .arrow, .feather, .ipc, .yaml, .yml"
    ]


def test_a_revoked_exclusion_says_when_and_by_whom(tmp_path):
    path = tmp_path / "x.csv"
    header = "service,start,end,reason,approved_by,known_at,revoked_at,revoked_by\n"
    row = "a,2026-06-01T10:00:00Z,2026-06-01T11:00:00Z,flood,Ada,2026-06-02T00:00:00Z,"
    path.write_text(f"{header}{row}2026-06-03T00:00:00Z,Hedy\n")
    (read,) = read_exclusions(path)
    assert (read.revoked_at - read.known_at, read.revoked_by) == (86_400_000_000, "Hedy")
    assert [stands(read, read.known_at + at) for at in (-1, 0, 86_399_999_999, 86_400_000_000)] == [
        False,
        True,
        True,
        False,
    ]
    assert not stands(read)
    for revoked, said in (
        ("2026-06-02T00:00:00Z,", "revoked_at: must be later than known_at"),
        (",Hedy", "revoked_by: needs revoked_at"),
    ):
        path.write_text(f"{header}{row}{revoked}\n")
        with pytest.raises(InputError, match=f"x.csv:2: {said}"):
            read_exclusions(path)
