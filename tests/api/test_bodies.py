"""Request bodies: what is taken, what is refused and why, and that no bytes whatsoever break the reader."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.agreements.units import HOUR, parse_instant
from upheld.measurements.model import AHEAD, COLUMNS, Measurement, from_table, to_table
from upheld.readers.bodies import ARROW_STREAM, Batch, read_body
from upheld.readers.body_faults import MAX_FAULTS, MalformedBody, WrongContentType
from upheld.readers.ipc_stream import MAX_BATCHES

NOON = parse_instant("2026-06-01T12:00:00Z")
KNOWN = frozenset({("vpn-1", "reachable"), ("vpn-1", "requests"), ("vpn-2", "reachable")})
ROW: Mapping[str, Any] = {"service": "vpn-1", "metric": "reachable", "time": "2026-06-01T11:59:00Z", "value": 1}
COUNTS: Mapping[str, Any] = {**ROW, "metric": "requests", "good": 9, "total": 10, "value": None}
FIELDS = ["service", "metric", "time", "value", "good", "total"]
UTC_TIME = pa.timestamp("us", "UTC")


def lines(*rows: Mapping[str, Any] | str) -> bytes:
    return b"".join((row if isinstance(row, str) else json.dumps(row)).encode() + b"\n" for row in rows)


def read_lines(*rows: Mapping[str, Any] | str) -> Batch:
    return read_body("application/x-ndjson", lines(*rows), known=KNOWN, received_at=NOON)


def stream(table: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def read_arrow(table: pa.Table, **options: Any) -> Batch:
    return read_body(ARROW_STREAM, stream(table, **options), known=KNOWN, received_at=NOON)


def arrow_rows(values: Sequence[float | None] = (1.0,), **columns: Any) -> pa.Table:
    count = len(values)
    return pa.table(
        {
            "service": pa.array(["vpn-1"] * count),
            "metric": pa.array(["reachable"] * count),
            "time": pa.array([NOON - HOUR] * count, UTC_TIME),
            "value": pa.array(values, pa.float64()),
            **columns,
        }
    )


def told(batch: Batch) -> list[tuple[int, str]]:
    return [(fault.row, fault.field) for fault in batch.faults]


# -- JSON lines -----------------------------------------------------------------------------------------------------


def test_lines_become_a_table_of_measurements_known_now() -> None:
    batch = read_lines(ROW, COUNTS)
    assert batch.faults == ()
    assert batch.table.schema.equals(COLUMNS)
    at = parse_instant("2026-06-01T11:59:00Z")
    assert from_table(batch.table) == [
        Measurement("vpn-1", "reachable", at, 1.0, known_at=NOON),
        Measurement("vpn-1", "requests", at, good=9, total=10, known_at=NOON),
    ]


@pytest.mark.parametrize("content_type", ["application/jsonl", "Application/X-NDJSON; charset=UTF-8"])
def test_the_content_type_may_be_written_in_its_other_forms(content_type: str) -> None:
    assert read_body(content_type, lines(ROW), known=KNOWN, received_at=NOON).table.num_rows == 1


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "text/plain", "application/x-ndjson; charset=latin-1", "application/zip"]
)
def test_another_content_type_is_refused_with_what_is_allowed(content_type: str) -> None:
    with pytest.raises(WrongContentType, match=r"application/x-ndjson|utf-8"):
        read_body(content_type, lines(ROW), known=KNOWN, received_at=NOON)


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"time": "2026-06-01T11:59:00"}, "time", "no time zone"),
        ({"time": "yesterday"}, "time", "RFC 3339"),
        ({"time": 1780315140}, "time", "RFC 3339"),
        ({"time": "2026-06-02T12:00:01Z"}, "time", "future"),
        ({"time": "1969-12-31T23:59:59Z"}, "time", "1970"),
        ({"value": float("nan")}, "value", "finite"),
        ({"value": float("inf")}, "value", "finite"),
        ({"value": float("-inf")}, "value", "finite"),
        ({"value": "1"}, "value", "finite number"),
        ({"value": "NaN"}, "value", "finite number"),
        ({"value": True}, "value", "found bool"),
        ({"value": [1]}, "value", "finite number"),
        ({"value": None}, "value", "is missing"),
        ({"good": 1, "total": 2}, "value", "not both"),
        ({"value": None, "good": 1}, "total", "go together"),
        ({"value": None, "total": 1}, "good", "go together"),
        ({"value": None, "good": -1, "total": 2}, "good", "whole number from 0"),
        ({"value": None, "good": 3, "total": 2}, "good", "not more than total"),
        ({"value": None, "good": 1.0, "total": 2}, "good", "whole number"),
        ({"value": None, "good": True, "total": 2}, "good", "found bool"),
        ({"value": None, "good": 1, "total": 2**63}, "total", "9223372036854775807"),
        ({"value": None, "good": 1, "total": 10**4000}, "total", "9223372036854775807"),
        ({"valu": 1}, "valu", "unknown field; allowed: service, metric, time"),
        ({"service": "vpn-9"}, "service", "unknown service 'vpn-9'"),
        ({"service": ""}, "service", "unknown service"),
        ({"service": None}, "service", "as text"),
        ({"metric": "jitter"}, "metric", "assessed: reachable, requests"),
        ({"service": "vpn-2", "metric": "requests"}, "metric", "assessed: reachable"),
        ({"service": "x" * 5000}, "service", "..."),
    ],
)
def test_a_bad_line_is_told_by_its_row_and_field(change: Mapping[str, Any], field: str, says: str) -> None:
    batch = read_lines(ROW, {**ROW, **change}, ROW)
    assert (2, field) in told(batch)
    assert any(says in fault.message for fault in batch.faults if fault.field == field)
    assert all(len(fault.message) < 300 for fault in batch.faults)
    assert batch.table.num_rows == 2


@pytest.mark.parametrize("field", ["service", "metric", "time"])
def test_a_field_that_is_left_out_is_named(field: str) -> None:
    batch = read_lines({name: value for name, value in ROW.items() if name != field})
    assert [(f.row, f.field, f.message) for f in batch.faults] == [(1, field, "is missing")]


def test_every_field_at_fault_of_a_line_is_named() -> None:
    batch = read_lines({"x": 1, "y": 2, "z": 3, "w": 4, "metric": "m"})
    unknown = "unknown field; allowed: service, metric, time, and value, or good and total"
    assert sorted((f.field, f.message) for f in batch.faults) == [
        ("service", "is missing"),
        ("time", "is missing"),
        *((name, unknown) for name in "xyz"),
    ]


def test_a_line_that_is_broken_behind_its_first_fault_is_told_by_that() -> None:
    batch = read_body("application/jsonl", b'{"x": 1, "service": \n', known=KNOWN, received_at=NOON)
    assert [fault.row for fault in batch.faults] == [1]


def test_infinity_written_as_a_number_beyond_all_floats_is_refused() -> None:
    batch = read_lines(json.dumps(ROW).replace('"value": 1', '"value": 1e999'))
    assert told(batch) == [(1, "value")]


def test_a_last_line_that_was_cut_off_is_told_so() -> None:
    batch = read_body("application/x-ndjson", lines(ROW) + lines(ROW)[:40], known=KNOWN, received_at=NOON)
    assert [(f.row, "cut off" in f.message) for f in batch.faults] == [(2, True)]
    assert batch.table.num_rows == 1


def test_a_last_line_without_its_line_end_is_whole_where_its_object_is() -> None:
    batch = read_body("application/x-ndjson", lines(ROW).rstrip(), known=KNOWN, received_at=NOON)
    assert (batch.table.num_rows, batch.faults) == (1, ())


@pytest.mark.parametrize("text", ["[]", "1", '"x"', "null", "{}{}", "[" * 100_000, '{"a":' * 100_000])
def test_a_line_that_is_not_one_object_is_refused(text: str) -> None:
    batch = read_lines(text)
    assert [fault.row for fault in batch.faults] == [1]


def test_bytes_that_are_not_utf8_are_refused() -> None:
    body = lines(ROW).replace(b"vpn-1", b"vpn-\xff") + lines(ROW)
    batch = read_body("application/x-ndjson", body, known=KNOWN, received_at=NOON)
    assert [(f.row, f.message) for f in batch.faults] == [(1, "is not UTF-8")]
    assert batch.table.num_rows == 1


def test_blank_lines_count_as_lines_and_are_no_faults() -> None:
    batch = read_lines("", ROW, "   ", "\t\r", {**ROW, "value": None})
    assert told(batch) == [(5, "value")]


def test_line_ends_of_windows_and_a_byte_order_mark_are_taken() -> None:
    body = b"\xef\xbb\xbf" + lines(ROW).replace(b"\n", b"\r\n")
    assert read_body("application/x-ndjson", body, known=KNOWN, received_at=NOON).table.num_rows == 1


def test_a_line_is_told_of_all_of_its_faults() -> None:
    batch = read_lines({**ROW, "service": "vpn-9", "time": "2027-01-01T00:00:00Z", "value": None})
    assert told(batch) == [(1, "service"), (1, "time"), (1, "value")]


def test_how_far_ahead_a_time_may_lie_is_a_setting() -> None:
    ahead = lines({**ROW, "time": "2026-06-01T13:00:00Z"})
    for allowed, taken in ((HOUR, 1), (HOUR - 1, 0)):
        batch = read_body("application/jsonl", ahead, known=KNOWN, received_at=NOON, ahead=allowed)
        assert batch.table.num_rows == taken


def test_without_a_list_of_series_any_printable_name_is_taken() -> None:
    body = lines({**ROW, "service": "né w"}, {**ROW, "service": "a\x00b"}, {**ROW, "metric": "m" * 201})
    batch = read_body("application/jsonl", body, known=None, received_at=NOON)
    assert told(batch) == [(2, "service"), (3, "metric")]
    assert batch.table.column("service").to_pylist() == ["né w"]


def test_beyond_so_many_faults_the_reading_ends_and_nothing_is_taken() -> None:
    batch = read_lines(ROW, *["x"] * (MAX_FAULTS + 5))
    assert batch.cut
    assert len(batch.faults) == MAX_FAULTS
    assert batch.table.num_rows == 0


def test_the_names_of_refused_rows_do_not_travel_on() -> None:
    batch = read_lines(ROW, {**ROW, "service": "secret-neighbour"})
    assert batch.table.column("service").chunk(0).dictionary.to_pylist() == ["vpn-1"]


# -- Arrow ----------------------------------------------------------------------------------------------------------


def test_an_arrow_stream_becomes_the_same_table() -> None:
    table = pa.table(
        {
            "time": pa.array([NOON - HOUR, NOON - HOUR], UTC_TIME),
            "service": pa.array(["vpn-1", "vpn-1"]).dictionary_encode(),
            "metric": pa.array(["reachable", "requests"], pa.large_string()),
            "value": pa.array([1, None], pa.int32()),
            "good": pa.array([None, 9], pa.uint64()),
            "total": pa.array([None, 10], pa.int16()),
        }
    )
    batch = read_arrow(table)
    assert batch.faults == ()
    assert batch.table.schema.equals(COLUMNS)
    assert from_table(batch.table) == [
        Measurement("vpn-1", "reachable", NOON - HOUR, 1.0, known_at=NOON),
        Measurement("vpn-1", "requests", NOON - HOUR, good=9, total=10, known_at=NOON),
    ]


def test_what_polars_writes_is_taken() -> None:
    table = arrow_rows(service=pa.array(["vpn-1"], pa.string_view()), metric=pa.array(["reachable"], pa.string_view()))
    assert read_arrow(table).table.num_rows == 1


@pytest.mark.parametrize(
    ("unit", "zone", "ticks"),
    [("s", "UTC", 1), ("ms", "Europe/Berlin", 10**3), ("us", "+02:00", 10**6), ("ns", "UTC", 10**9)],
)
def test_a_timestamp_of_any_unit_and_zone_is_the_same_instant(unit: str, zone: str, ticks: int) -> None:
    times = pa.array([NOON // 10**6 * ticks], pa.timestamp(unit, zone))
    assert read_arrow(arrow_rows(time=times)).table.column("time").to_pylist() == [NOON]


def test_nanoseconds_are_cut_to_microseconds_as_text_is() -> None:
    in_arrow = read_arrow(arrow_rows(time=pa.array([NOON * 1000 + 1999], pa.timestamp("ns", "UTC"))))
    in_text = read_lines({**ROW, "time": "2026-06-01T12:00:00.000001999Z"})
    assert in_arrow.table.column("time").to_pylist() == in_text.table.column("time").to_pylist() == [NOON + 1]


@pytest.mark.parametrize(
    ("columns", "field", "says"),
    [
        ({"time": pa.array([NOON], pa.timestamp("us"))}, "time", "with a zone"),
        ({"time": pa.array([NOON])}, "time", "timestamp with a zone"),
        ({"value": pa.array(["1"])}, "value", "numbers"),
        ({"value": pa.array([True])}, "value", "numbers"),
        ({"good": pa.array([1.0])}, "good", "whole numbers"),
        ({"total": pa.array([True])}, "total", "whole numbers"),
        ({"service": pa.array([b"vpn-1"])}, "service", "text"),
        ({"service": pa.nulls(1)}, "service", "text"),
        ({"known_at": pa.array([NOON])}, "known_at", "unknown column; allowed: service"),
    ],
)
def test_a_column_of_the_wrong_type_is_a_fault_of_every_row(columns: dict[str, Any], field: str, says: str) -> None:
    batch = read_arrow(arrow_rows(**columns))
    assert [(f.row, f.field, says in f.message) for f in batch.faults] == [(0, field, True)]
    assert batch.table.num_rows == 0


def test_columns_that_are_missing_or_stand_twice_are_named() -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array([1.0]), pa.array([1.0])], ["service", "value", "value"])
    assert told(read_arrow(table)) == [(0, "metric"), (0, "time"), (0, "value")]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"value": pa.array([float("nan")])}, "value"),
        ({"value": pa.array([float("inf")], pa.float32())}, "value"),
        ({"value": pa.nulls(1)}, "value"),
        ({"value": pa.nulls(1), "good": pa.array([2]), "total": pa.array([1])}, "good"),
        ({"value": pa.nulls(1), "good": pa.array([-1]), "total": pa.array([1])}, "good"),
        ({"value": pa.nulls(1), "good": pa.array([1]), "total": pa.array([2**63], pa.uint64())}, "total"),
        ({"good": pa.array([1]), "total": pa.array([1])}, "value"),
        ({"time": pa.array([None], UTC_TIME)}, "time"),
        ({"time": pa.array([NOON + AHEAD + 1], UTC_TIME)}, "time"),
        ({"time": pa.array([2**62], pa.timestamp("s", "UTC"))}, "time"),
        ({"time": pa.array(["2026-06-01T00:00:00"])}, "time"),
        ({"service": pa.array([None], pa.string())}, "service"),
        ({"metric": pa.DictionaryArray.from_arrays([0], pa.array([None], pa.string()))}, "metric"),
        ({"service": pa.array(["vpn-9"])}, "service"),
    ],
)
def test_a_bad_row_of_arrow_is_told_by_its_row_and_field(columns: dict[str, Any], field: str) -> None:
    good = arrow_rows(**{name: pa.array(_harmless(name, array.type), array.type) for name, array in columns.items()})
    bad = arrow_rows(**columns)
    batch = read_arrow(pa.concat_tables([good, bad, good], promote_options="permissive"))
    assert (2, field) in told(batch)
    assert {fault.row for fault in batch.faults} == {2} or field in ("value", "good", "total")


def _harmless(name: str, kind: pa.DataType) -> list[Any]:
    moment = "2026-06-01T00:00:00Z" if pa.types.is_string(kind) else datetime(2026, 6, 1, tzinfo=UTC)
    return [{"service": "vpn-1", "metric": "reachable", "time": moment}.get(name)]


def test_compressed_buffers_are_refused_for_what_they_may_grow_to() -> None:
    table = arrow_rows([0.0] * 100_000)
    body = stream(table, compression="zstd")
    with pytest.raises(WrongContentType, match="without compression"):
        read_body(ARROW_STREAM, body, known=KNOWN, received_at=NOON)
    encoded = table.set_column(0, "service", table.column("service").dictionary_encode())
    with pytest.raises(WrongContentType, match="without compression"):
        read_body(ARROW_STREAM, stream(encoded, compression="lz4"), known=KNOWN, received_at=NOON)


def test_a_long_name_in_a_dictionary_is_not_copied_for_each_row() -> None:
    rows = 300_000
    names = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int8()), pa.array(["x" * 1_000_000]))
    before = pa.total_allocated_bytes()
    batch = read_body(ARROW_STREAM, stream(arrow_rows([1.0] * rows, service=names)), known=KNOWN, received_at=NOON)
    assert batch.cut
    assert pa.total_allocated_bytes() - before < 50_000_000


def test_views_that_share_a_long_text_are_refused() -> None:
    rows = 40_000
    one = pa.array(["x" * 10_000], pa.string_view())
    view, text = one.buffers()[1].to_pybytes(), one.buffers()[2]
    shared = pa.Array.from_buffers(pa.string_view(), rows, [None, pa.py_buffer(view * rows), text])
    with pytest.raises(MalformedBody, match="too long"):
        read_body(ARROW_STREAM, stream(arrow_rows([1.0] * rows, service=shared)), known=KNOWN, received_at=NOON)


def test_a_dictionary_index_out_of_bounds_is_a_malformed_body() -> None:
    forged = pa.DictionaryArray.from_arrays(pa.array([7], pa.int8()), pa.array(["vpn-1"]), safe=False)
    with pytest.raises(MalformedBody, match="Arrow IPC"):
        read_body(ARROW_STREAM, stream(arrow_rows(service=forged)), known=KNOWN, received_at=NOON)


def test_text_that_is_not_utf8_is_a_malformed_body() -> None:
    forged = pa.Array.from_buffers(pa.string(), 1, pa.array([b"vpn-\xff"]).buffers())
    with pytest.raises(MalformedBody, match=r"UTF8|UTF-8"):
        read_body(ARROW_STREAM, stream(arrow_rows(service=forged)), known=KNOWN, received_at=NOON)


def test_too_many_record_batches_are_refused() -> None:
    table = arrow_rows()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for _ in range(MAX_BATCHES + 1):
            writer.write_table(table)
    with pytest.raises(MalformedBody, match="record batches"):
        read_body(ARROW_STREAM, sink.getvalue().to_pybytes(), known=KNOWN, received_at=NOON)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xff\xff\xff\x10\x00\x00\x00", b"ARROW1\x00\x00"])
def test_bytes_that_are_no_arrow_stream_are_malformed(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        read_body(ARROW_STREAM, body, known=KNOWN, received_at=NOON)


# -- laws -----------------------------------------------------------------------------------------------------------

MEASUREMENTS = st.builds(
    Measurement,
    service=st.just("vpn-1"),
    metric=st.sampled_from(["reachable", "requests"]),
    time=st.integers(0, NOON),
    value=st.floats(allow_nan=False, allow_infinity=False),
    known_at=st.just(NOON),
) | st.builds(
    lambda time, good, bad: Measurement("vpn-1", "requests", time, None, good, good + bad, NOON),
    time=st.integers(0, NOON),
    good=st.integers(0, 2**62),
    bad=st.integers(0, 2**62),
)


def _as_line(m: Measurement) -> dict[str, Any]:
    time = datetime.fromtimestamp(0, UTC).isoformat() if m.time == 0 else _text(m.time)
    return {name: getattr(m, name) for name in FIELDS} | {"time": time}


def _text(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant // 10**6, UTC):%Y-%m-%dT%H:%M:%S}.{instant % 10**6:06d}Z"


@given(st.lists(MEASUREMENTS, max_size=20))
def test_json_lines_and_arrow_bring_the_same_measurements_exactly(sent: list[Measurement]) -> None:
    by_line = read_lines(*map(_as_line, sent))
    table = to_table(sent).drop_columns(["known_at"])
    times = table.column("time").cast(UTC_TIME)
    by_arrow = read_arrow(table.set_column(table.column_names.index("time"), "time", times))
    assert from_table(by_line.table) == from_table(by_arrow.table) == sent
    assert by_line.faults == by_arrow.faults == ()


@given(
    st.sampled_from(["2026-06-01", "20260601", "2026-W23-1", "1969-12-31", "0000-01-01", "9999-12-31", "2026-6-1"]),
    st.sampled_from(["T", " ", "t"]),
    st.sampled_from(["00:00:00", "235959", "24:00:00", "23:59:60", "12:00", "12", "12:00:00.5", "12:00:00,123456789"]),
    st.sampled_from(["Z", "z", "+02:00", "-0930", "+02", "", "+24:00", " Z", "+02:00:30"]),
)
def test_a_time_is_read_alone_as_it_is_read_among_others(day: str, between: str, time: str, zone: str) -> None:
    text = day + between + time + zone
    alone = read_lines({**ROW, "time": text})
    among = read_lines({**ROW, "time": text}, {**ROW, "time": "not a time"})
    assert alone.table.column("time").to_pylist() == among.table.column("time").to_pylist()
    try:
        expected = [parse_instant(text)]
    except ValueError:
        expected = []
    assert alone.table.column("time").to_pylist() == [t for t in expected if 0 <= t <= NOON + AHEAD]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(sorted(ROW)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, "x"]), inner, max_size=6),
    max_leaves=12,
)


@given(
    st.binary(max_size=300)
    | st.lists(JSON_VALUES.map(lambda v: json.dumps(v).encode()), max_size=5).map(b"\n".join)
    | st.fixed_dictionaries({}, optional={f: st.just(ROW.get(f)) | JSON_VALUES for f in [*FIELDS, "x"]}).map(lines)
)
def test_any_bytes_as_json_lines_give_rows_or_faults(body: bytes) -> None:
    batch = read_body("application/x-ndjson", body, known=KNOWN, received_at=NOON)
    written = [n for n, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1) if line.strip()]
    refused = {fault.row for fault in batch.faults}
    assert refused <= set(written)
    assert batch.table.num_rows == len(written) - len(refused)


VALID_STREAM = stream(
    pa.concat_tables([to_table([Measurement("vpn-1", "reachable", NOON - i, 1.0) for i in range(5)])] * 2)
    .drop_columns(["known_at", "time"])
    .append_column("time", pa.array([NOON] * 10, UTC_TIME))
)


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(VALID_STREAM) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(VALID_STREAM)),
)
def test_a_damaged_arrow_stream_gives_rows_faults_or_a_refusal(damage: list[tuple[int, int]], length: int) -> None:
    body = bytearray(VALID_STREAM)
    for place, byte in damage:
        body[place] = byte
    for content in (bytes(body), bytes(body[:length])):
        try:
            batch = read_body(ARROW_STREAM, content, known=KNOWN, received_at=NOON)
        except (MalformedBody, WrongContentType):
            continue
        for measurement in from_table(batch.table):
            assert (measurement.service, measurement.metric) in KNOWN
            assert 0 <= measurement.time <= NOON + AHEAD
