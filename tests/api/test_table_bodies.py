"""CSV, Parquet and Arrow files as request bodies: what is taken, what is refused and why, and that no bytes break the
reader."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.agreements.units import HOUR, parse_instant
from upheld.measurements.model import Measurement, from_table
from upheld.readers import body_tables
from upheld.readers.bodies import ARROW_FILE, CSV, PARQUET, Batch, read_body, rejected_part
from upheld.readers.body_faults import MalformedBody, WrongContentType

NOON = parse_instant("2026-06-01T12:00:00Z")
KNOWN = frozenset({("vpn-1", "reachable"), ("vpn-1", "requests"), ("vpn-2", "reachable")})
UTC_TIME = pa.timestamp("us", "UTC")
HEADER = "service,metric,time,value,good,total\n"
TWO = HEADER + "vpn-1,reachable,2026-06-01T11:00:00Z,1,,\nvpn-1,requests,2026-06-01T13:00:00+02:00,,9,10\n"
READ = [
    Measurement("vpn-1", "reachable", NOON - HOUR, 1.0, known_at=NOON),
    Measurement("vpn-1", "requests", NOON - HOUR, good=9, total=10, known_at=NOON),
]


def read(kind: str, body: bytes | str) -> Batch:
    given = body.encode() if isinstance(body, str) else body
    return read_body(kind, given, known=KNOWN, received_at=NOON)


def rows(count: int = 2, **columns: Any) -> pa.Table:
    """That many rows, an hour old, with columns in place of the usual ones or beside them."""
    usual: Mapping[str, Any] = {
        "service": pa.array(["vpn-1", "vpn-2"][:count] * (count // 2 or 1)),
        "metric": pa.array(["reachable"] * count),
        "time": pa.array([NOON - HOUR] * count, UTC_TIME),
        "value": pa.array([0.5] * count),
    }
    return pa.table({**usual, **columns})


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def arrow_file(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


# -- CSV ------------------------------------------------------------------------------------------------------------


def test_csv_becomes_measurements_known_now() -> None:
    batch = read(CSV, TWO)
    assert (batch.faults, from_table(batch.table)) == ((), READ)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TWO,
        TWO.replace("\n", "\r\n"),
        TWO.rstrip("\n"),
        TWO.replace("\n", "\n\n"),
        TWO.replace("vpn-1", '"vpn-1"'),
        TWO.replace(",1,,", ", 1.0 ,,").replace("9,10", " 9 ,10 "),
    ],
)
def test_csv_may_be_written_in_its_other_forms(text: str) -> None:
    batch = read(CSV, text)
    assert (batch.faults, from_table(batch.table)) == ((), READ)


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        ("vpn-1,reachable,2026-06-01T11:00:00Z,up,,", "value", "is a finite number; found 'up'"),
        ("vpn-1,reachable,2026-06-01T11:00:00Z,nan,,", "value", "is a finite number"),
        ("vpn-1,reachable,2026-06-01T11:00:00Z,,,", "value", "is missing"),
        ("vpn-1,reachable,2026-06-01T11:00:00Z,1,1,1", "value", "not both"),
        ("vpn-1,reachable,2026-06-01T11:00:00,1,,", "time", "no time zone"),
        ("vpn-1,reachable,,1,,", "time", "is missing"),
        (",reachable,2026-06-01T11:00:00Z,1,,", "service", "is missing"),
        ("vpn-9,reachable,2026-06-01T11:00:00Z,1,,", "service", "unknown service 'vpn-9'"),
        ("vpn-1,requests,2026-06-01T11:00:00Z,,1.5,2", "good", "is a whole number"),
        ("vpn-1,requests,2026-06-01T11:00:00Z,,-1,2", "good", "is a whole number"),
        (f"vpn-1,requests,2026-06-01T11:00:00Z,,1,{2**63}", "total", "is a whole number from 0 to"),
        ("vpn-1,requests,2026-06-01T11:00:00Z,,3,2", "good", "is not more than total"),
        ("vpn-1,reachable,2026-06", "", "has 3 of 6 fields; is it cut off?"),
    ],
)
def test_a_faulty_line_is_named_and_the_others_are_taken(line: str, field: str, says: str) -> None:
    batch = read(CSV, f"{TWO}\n{line}\n")
    assert [(fault.row, fault.field) for fault in batch.faults] == [(5, field)]
    assert any(says in fault.message for fault in batch.faults)
    assert from_table(batch.table) == READ


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is empty"),
        ("service;metric;time;value\nvpn-1;reachable;2026-06-01T11:00:00Z;1\n", "separated by commas"),
        (TWO.encode() + b"vpn-\xff", "line 4 is not UTF-8"),
        (TWO + '"vpn-1', "line 4 is not a CSV line"),
    ],
)
def test_a_text_that_is_no_csv_is_malformed(text: str | bytes, says: str) -> None:
    with pytest.raises(MalformedBody, match=says):
        read(CSV, text)


@pytest.mark.parametrize(
    ("header", "field", "says"),
    [
        ("service,metric,value", "time", "the column is missing"),
        ("service,metric,time,value,colour", "colour", "unknown column; allowed"),
        ("service,metric,time,value,value", "value", "stands twice"),
    ],
)
def test_a_header_that_cannot_be_is_a_fault_of_every_row(header: str, field: str, says: str) -> None:
    (fault,) = read(CSV, header + "\n" + "," * header.count(",") + "\n").faults
    assert (fault.row, fault.field) == (0, field)
    assert says in fault.message


def test_the_faulty_lines_can_be_cut_out_with_the_header_unless_some_are_quoted() -> None:
    bad = "vpn-9,reachable,2026-06-01T11:00:00Z,1,,\n"
    faults = read(CSV, TWO + bad).faults
    assert rejected_part(CSV, (TWO + bad).encode(), faults).decode() == HEADER + bad
    quoted = (TWO + bad.replace("vpn-9", '"vpn-9"')).encode()
    assert rejected_part(CSV, quoted, read(CSV, quoted).faults) == quoted


# -- Parquet --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zstd"}, {"use_dictionary": False, "data_page_version": "2.0"}, {"row_group_size": 1}],
)
def test_parquet_becomes_measurements(options: Mapping[str, Any]) -> None:
    batch = read(PARQUET, parquet(rows(), **options))
    assert batch.faults == ()
    assert [(m.service, m.time, m.value) for m in from_table(batch.table)] == [
        ("vpn-1", NOON - HOUR, 0.5),
        ("vpn-2", NOON - HOUR, 0.5),
    ]


def test_a_row_of_parquet_that_is_at_fault_is_named() -> None:
    batch = read(PARQUET, parquet(rows(value=pa.array([0.5, float("nan")]))))
    assert [(fault.row, fault.field) for fault in batch.faults] == [(2, "value")]
    assert batch.table.num_rows == 1


def test_times_may_be_text() -> None:
    table = rows(time=pa.array(["2026-06-01T11:00:00Z", "2026-06-01T13:00:00+02:00"]))
    assert [m.time for m in from_table(read(PARQUET, parquet(table)).table)] == [NOON - HOUR] * 2


@pytest.mark.parametrize(
    ("table", "field"),
    [
        (rows(time=pa.array([NOON - HOUR] * 2, pa.timestamp("us"))), "time"),
        (rows(value=pa.array(["1", "2"])), "value"),
        (rows(colour=pa.array([1, 2])), "colour"),
        (rows().drop_columns(["metric"]), "metric"),
    ],
)
def test_columns_that_cannot_be_are_faults_of_every_row(table: pa.Table, field: str) -> None:
    assert [(fault.row, fault.field) for fault in read(PARQUET, parquet(table)).faults] == [(0, field)]


def test_a_file_that_is_cut_off_is_malformed() -> None:
    with pytest.raises(MalformedBody, match="does not begin and end as one"):
        read(PARQUET, parquet(rows())[:-20])


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    many = rows(20_000, value=pa.array(np.zeros(20_000)))
    body = parquet(many, compression="gzip", use_dictionary=["service", "metric", "time"])
    assert len(body) < 5_000
    for limit, value, says in (
        ("MAX_ROWS", 19_999, "more than 19,999 rows"),
        ("MAX_UNPACKED", 100_000, "unpacks to more than 100,000 bytes"),
        ("MAX_PAGE", 100_000, "one of its pages unpacks to more than 100,000 bytes"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(body_tables, limit, value)
            with pytest.raises(MalformedBody, match=says):
                read(PARQUET, body)
    assert read(PARQUET, body).table.num_rows == 20_000


def test_a_text_that_few_bytes_repeat_is_not_written_out() -> None:
    """A megabyte, 20,000 times: 20 GB if it were."""
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000, np.int32)), pa.array(["x" * 1_000_000]))
    body = parquet(rows(20_000, service=long), compression="gzip")
    assert len(body) < 10_000
    batch = read(PARQUET, body)
    assert batch.cut
    assert batch.table.num_rows == 0


# -- Arrow files ----------------------------------------------------------------------------------------------------


def test_an_arrow_file_becomes_measurements() -> None:
    batch = read(ARROW_FILE, arrow_file(rows(service=pa.array(["vpn-1", "vpn-2"]).dictionary_encode())))
    assert [(m.service, m.value) for m in from_table(batch.table)] == [("vpn-1", 0.5), ("vpn-2", 0.5)]


def test_an_arrow_file_that_is_cut_off_is_malformed() -> None:
    body = arrow_file(rows())
    for end in (4, 200, len(body) - 1):
        with pytest.raises(MalformedBody, match="Arrow IPC"):
            read(ARROW_FILE, body[:end])


def test_compressed_buffers_are_refused() -> None:
    with pytest.raises(WrongContentType, match="without compression"):
        read(ARROW_FILE, arrow_file(rows(), compression="lz4"))


# -- over HTTP ------------------------------------------------------------------------------------------------------


def test_each_kind_is_taken_over_http(north: TestClient) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    times = [at + timedelta(minutes=minute) for minute in range(3)]
    csv = f"service,metric,time,value\nvpn-1,reachable,{times[0].isoformat()},1\n".encode()
    table = {"service": ["vpn-1"], "metric": ["reachable"], "value": [1.0]}
    bodies = {
        CSV: csv,
        PARQUET: parquet(pa.table(table | {"time": pa.array(times[1:2], UTC_TIME)})),
        ARROW_FILE: arrow_file(pa.table(table | {"time": pa.array(times[2:], UTC_TIME)})),
    }
    for kind, body in bodies.items():
        answer = north.post("/v1/measurements", content=body, headers={"Content-Type": kind})
        assert answer.json()["accepted"] == 1, answer.text
    window = {"start": (at - timedelta(hours=1)).isoformat(), "end": (at + timedelta(hours=1)).isoformat()}
    series = north.get("/v1/measurements/series", params={"service": "vpn-1", "metric": "reachable", **window})
    assert [datetime.fromisoformat(point["time"]) for point in series.json()["points"]] == times


def test_compressed_buffers_are_refused_over_http(north: TestClient) -> None:
    body = arrow_file(rows(), compression="lz4")
    answer = north.post("/v1/measurements", content=body, headers={"Content-Type": ARROW_FILE})
    assert answer.status_code == 415, answer.text


# -- strangers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CSV, PARQUET, ARROW_FILE])
@given(data=st.data())
@settings(max_examples=150)
def test_no_change_of_a_body_breaks_the_reader(kind: str, data: st.DataObject) -> None:
    body = bytearray({CSV: TWO.encode(), PARQUET: parquet(rows()), ARROW_FILE: arrow_file(rows())}[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(body), len(body) // 2, len(body) - 1]))
    try:
        batch = read(kind, bytes(body[:cut]))
    except (MalformedBody, WrongContentType):
        return
    assert batch.table.num_rows <= 2
