# ruff: noqa: E501 - a fault is compared as the one line that it is told in
"""Measurement files of each format become the same batch, or are refused with every fault in its place."""

import gzip
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from upheld.agreements.terms import compile_terms
from upheld.agreements.units import parse_instant
from upheld.measurements.model import COLUMNS, Measurement, from_table, holding
from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio
from upheld.readers.tables import forms_read, read_measurements

T0 = parse_instant("2026-06-01T00:00:00Z")
MINUTE = 60_000_000

CSV = """\
service,metric,time,value,good,total
vpn,up,2026-06-01T00:00:00Z,1,,
vpn,up,2026-06-01T02:01:00+02:00,0.5,,
api,requests,2026-06-01T00:00:00.000001Z,,95,100
"""
ROWS = [
    Measurement("vpn", "up", T0, 1.0, None, None, T0),
    Measurement("vpn", "up", T0 + MINUTE, 0.5, None, None, T0 + MINUTE),
    Measurement("api", "requests", T0 + 1, None, 95, 100, T0 + 1),
]


def arrow_table():
    moments = [datetime.fromisoformat(t) for t in ("2026-06-01T00:00:00Z", "2026-06-01T00:01:00Z")]
    moments.append(datetime(2026, 6, 1, 0, 0, 0, 1, UTC))
    return pa.table(
        {
            "service": ["vpn", "vpn", "api"],
            "metric": ["up", "up", "requests"],
            "time": pa.array(moments, pa.timestamp("us", "Europe/Berlin")),
            "value": [1.0, 0.5, None],
            "good": pa.array([None, None, 95], pa.int32()),
            "total": pa.array([None, None, 100.0]),
        }
    )


def written(tmp_path, name):
    path, table = tmp_path / name, arrow_table()
    if name.endswith(".csv"):
        path.write_text(CSV)
    elif name.endswith(".csv.gz"):
        path.write_bytes(gzip.compress(CSV.encode()))
    elif name.endswith(".parquet"):
        pq.write_table(table, path)
    elif name.endswith(".feather"):
        pyarrow.feather.write_feather(table, path, compression="uncompressed")
    else:
        opener = pa.ipc.new_stream if name.startswith("stream") else pa.ipc.new_file
        with opener(path, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize(
    "name", ["a.csv", "a.csv.gz", "a.parquet", "a.feather", "file.arrow", "stream.arrow", "stream.ipc"]
)
def test_every_format_gives_the_same_batch(tmp_path, name):
    delivery = read_measurements([written(tmp_path, name)])
    assert delivery.batch.schema == COLUMNS
    assert from_table(delivery.batch) == ROWS
    assert (delivery.earliest, delivery.latest) == (T0, T0 + MINUTE)
    assert delivery.notes == ()


def csv_file(tmp_path, text, name="m.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def refusal(*paths, **options):
    with pytest.raises(InputError) as caught:
        read_measurements(list(paths), **options)
    return str(caught.value).replace(str(paths[0].parent) + "/", "").splitlines()


BAD_CSV = """\
service,metric,time,value,good,total
vpn,up,2026-06-01T00:00:00,1,,
vpn,up,2026-06-01T00:00:00Z,nan,,
vpn,up,2026-06-01T00:00:00Z,-inf,,

api,requests,2026-06-01T00:00:00Z,,-1,2
api,requests,2026-06-01T00:00:00Z,,3,2
api,requests,2026-06-01T00:00:00Z,,3.5,4
api,requests,2026-06-01T00:00:00Z,,,2
api,requests,2026-06-01T00:00:00Z,1,1,2
vpn,up,2026-06-01T00:00:00Z,,,
,up,2026-06-01T00:00:00Z,5,,
vpn,,2026-06-01T00:00:00Z,5,,
vpn,up,,5,,
vpn,up,2026-06-31T00:00:00Z,5,,
vpn,up,1969-12-31T23:59:59Z,5,,
vpn,up,2026-06-01T00:00:00Z,five,,
vpn,up,2026-06-01T00:00:00Z,5,
vpn,up,2026-06-01T00:0"""


def test_every_fault_of_a_csv_file_is_told_with_its_line(tmp_path):
    assert refusal(csv_file(tmp_path, BAD_CSV)) == [
        "m.csv:2: time: 2026-06-01T00:00:00 has no time zone: write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00",
        "m.csv:3: value: nan is not a finite number",
        "m.csv:4: value: -inf is not a finite number",
        "m.csv:6: good: -1 is negative",
        "m.csv:7: good: 3 is more than total",
        "m.csv:8: good: 3.5 is not a whole number",
        "m.csv:9: good: is missing; good and total belong together",
        "m.csv:10: value: 1 stands beside counts; give value, or good and total",
        "m.csv:11: value: is missing; give value, or good and total",
        "m.csv:12: service: is missing",
        "m.csv:13: metric: is missing",
        "m.csv:14: time: is missing",
        "m.csv:15: time: '2026-06-31T00:00:00Z' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
        "m.csv:16: time: 1969-12-31T23:59:59Z lies outside of the years 1970 to 2261",
        "m.csv:17: value: five is not a finite number",
        "m.csv:18: the line has 5 of 6 fields (service, metric, time, value, good, total); is it cut off?",
        "m.csv:19: the line has 3 of 6 fields (service, metric, time, value, good, total); is it cut off?",
    ]


HEAD = "service,metric,time,value\n"
LINE = "vpn,up,2026-06-01T00:00:00Z,1\n"


@pytest.mark.parametrize("fault", BAD_CSV.splitlines()[1:])
def test_a_single_faulty_line_is_enough(tmp_path, fault):
    good = "api,requests,2026-06-01T00:00:00Z,,1,2\n"
    text = BAD_CSV.splitlines()[0] + "\n" + good + fault + "\n"
    if not fault:
        assert read_measurements([csv_file(tmp_path, text)]).batch.num_rows == 1
    else:
        assert refusal(csv_file(tmp_path, text))[0].startswith("m.csv:3: ")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            "api,requests,2026-06-01T00:00:00Z,9223372036854775807,9223372036854775808",
            "total: 9223372036854775808 is more than 9223372036854775807, the largest count",
        ),
        (
            "api,requests,2026-06-01T00:00:00Z,1," + "9" * 5_000,
            f"total: {'9' * 5_000} is more than 9223372036854775807, the largest count",
        ),
        ("api,requests,2026-06-01T00:00:00Z,+1,1", "good: +1 is not a whole number"),
        (
            "api,requests,20260601T000000Z,1,1",
            "time: '20260601T000000Z' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
        ),
        (
            "api,requests, 2026-06-01T00:00:00Z,1,1",
            "time: ' 2026-06-01T00:00:00Z' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
        ),
    ],
)
def test_what_columns_cannot_hold_is_told_with_its_line_alone_and_beside_others(tmp_path, row, told):
    head = "service,metric,time,good,total\n"
    assert refusal(csv_file(tmp_path, head + row + "\n")) == [f"m.csv:2: {told}"]
    beside = head + row + "\napi,requests,2026-06-01T00:00:00Z,2,1\n"
    assert refusal(csv_file(tmp_path, beside)) == [f"m.csv:2: {told}", "m.csv:3: good: 2 is more than total"]


def test_a_half_written_last_line_is_told(tmp_path):
    assert refusal(csv_file(tmp_path, HEAD + LINE + "vpn,up,2026-06-01T00:0")) == [
        "m.csv:3: the line has 3 of 4 fields (service, metric, time, value); is it cut off?"
    ]


def test_a_last_line_that_could_be_cut_off_is_noted(tmp_path):
    path = csv_file(tmp_path, HEAD + LINE.strip())
    assert read_measurements([path]).notes == (f"{path}: the last line has no line end; was the file cut off?",)


def test_twenty_faults_are_told_and_the_rest_is_counted(tmp_path):
    told = refusal(csv_file(tmp_path, HEAD + LINE.replace(",1\n", ",nan\n") * 1_234))
    assert len(told) == 21
    assert told[19:] == ["m.csv:21: value: nan is not a finite number", "and 1,214 more faults"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["m.csv: is empty"]),
        (HEAD, ["m.csv: holds no measurement"]),
        (
            "service;metric;time;value\n",
            ["m.csv:1: the header is 'service;metric;time;value': columns are separated by commas"],
        ),
        (
            "servce,metric,time,value\n",
            [
                "m.csv: servce: unknown column (did you mean service?); allowed: service, metric, time, value, good, total, "
                "known_at",
                "m.csv: service: the column is missing",
            ],
        ),
        ("service,metric,time,value,value\n", ["m.csv: value: the column stands twice"]),
        (
            LINE,
            [
                "m.csv:1: is not a header: 'vpn,up,2026-06-01T00:00:00Z,1' names none of the columns service, metric, time, "
                "value, good, total, known_at"
            ],
        ),
        ("service,metric,time\n", ["m.csv: value: the column is missing; give value, or good and total"]),
        ("service,metric,time,good\n", ["m.csv: total: the column is missing; good and total belong together"]),
        (HEAD + '"vpn,up\n', ["m.csv:2: is not a CSV line: unexpected end of data"]),
    ],
)
def test_a_file_without_the_right_columns_is_told_them(tmp_path, text, told):
    assert refusal(csv_file(tmp_path, text)) == told


def test_text_that_is_not_utf8_is_told(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes(HEAD.encode() + LINE.encode() + b"vpn\xe9,up,2026-06-01T00:00:00Z,1\n")
    assert refusal(path) == ["m.csv:3: is not UTF-8 text"]


def test_a_cut_gzip_file_is_told(tmp_path):
    path = tmp_path / "m.csv.gz"
    path.write_bytes(gzip.compress((HEAD + LINE * 1000).encode())[:-12])
    assert refusal(path) == ["m.csv.gz: is not a whole gzip file"]


def parquet(tmp_path, **columns):
    path = tmp_path / "m.parquet"
    moment = pa.array([T0] * 3).cast(pa.timestamp("us", "UTC"))
    whole = {"service": ["vpn"] * 3, "metric": ["up"] * 3, "time": moment, **columns}
    pq.write_table(pa.table({name: column for name, column in whole.items() if column is not None}), path)
    return path


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"value": [1.0, NAN, INF]}, ["row 2: value: nan is not a finite number", "row 3: value: inf is not a finite number"]),
        ({"value": [1.0, None, 2.0]}, ["row 2: value: is missing"]),
        ({"value": ["1", "2", "3"]}, ["value: the column is of type string; numbers are wanted"]),
        ({"value": [1, 2, 3], "service": ["vpn", "", None]}, ["row 2: service: is missing", "row 3: service: is missing"]),
        ({"value": [1, 2, 3], "service": [1, 2, 3]}, ["service: the column is of type int64; strings are wanted"]),
        (
            {"value": [1, 2, 3], "time": pa.array([T0] * 3).cast(pa.timestamp("us"))},
            ["time: the timestamps have no time zone; give them one, such as UTC"],
        ),
        (
            {"value": [1, 2, 3], "time": [T0] * 3},
            ["time: the column is of type int64; a timestamp with a zone, or RFC 3339 text, is wanted"],
        ),
        (
            {"value": [1, 2, 3], "time": ["2026-06-01T00:00:00Z", "2026-06-01T00:00:00", "soon"]},
            [
                "row 2: time: 2026-06-01T00:00:00 has no time zone: write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00",
                "row 3: time: 'soon' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
            ],
        ),
        (
            {"value": [1, 2, 3], "time": pa.array([T0, None, -1]).cast(pa.timestamp("us", "UTC"))},
            ["row 2: time: is missing", "row 3: time: lies outside of the years 1970 to 2261"],
        ),
        (
            {"good": [1, -2, 3], "total": [1, 2, 2]},
            ["row 2: good: -2 is negative", "row 3: good: 3 is more than total"],
        ),
        ({"good": [1.0, 1.5, 2.0], "total": [2, 2, 2]}, ["row 2: good: 1.5 is not a whole number"]),
        ({"good": [1, None, 1], "total": [1, 1, None]}, [
            "row 2: good: is missing; good and total belong together",
            "row 3: total: is missing; good and total belong together",
        ]),
        (
            {"value": [1.0, None, 1.0], "good": [None, None, 1], "total": [None, None, 1]},
            [
                "row 2: value: is missing; give value, or good and total",
                "row 3: value: 1.0 stands beside counts; give value, or good and total",
            ],
        ),
        (
            {"value": pa.array([2**53, 2**53 + 1, -(2**53) - 2])},
            ["row 2: value: 9007199254740993 is a whole number that a 64-bit float does not hold exactly"],
        ),
        (
            {"value": pa.array([2**63, 2**64 - 1, None], pa.uint64())},
            [
                "row 2: value: 18446744073709551615 is a whole number that a 64-bit float does not hold exactly",
            ],
        ),
        ({"value": [1, 2, 3], "metric": None}, ["metric: the column is missing"]),
    ],
)  # fmt: skip
def test_faults_of_parquet_files_are_told_with_their_rows(tmp_path, columns, told):
    assert refusal(parquet(tmp_path, **columns)) == [f"m.parquet: {fault}" for fault in told]


def test_numbers_of_any_type_are_read(tmp_path):
    path = parquet(tmp_path, value=[True, False, True])
    assert [m.value for m in from_table(read_measurements([path]).batch)] == [1.0, 0.0, 1.0]
    path = parquet(tmp_path, good=pa.array([1, 2, 3], pa.uint8()), total=[4.0, 5.0, 6.0], service=["a", "b", "c"])
    assert [(m.good, m.total) for m in from_table(read_measurements([path]).batch)] == [(1, 4), (2, 5), (3, 6)]


def test_what_is_finer_than_a_microsecond_is_cut_off(tmp_path):
    moments = pa.array([T0 * 1000 + 1999] * 3).cast(pa.timestamp("ns", "UTC"))
    path = parquet(tmp_path, value=[1, 1, 1], time=moments)
    assert {m.time for m in from_table(read_measurements([path]).batch)} == {T0 + 1}
    fine = csv_file(tmp_path, HEAD + "vpn,up,2026-06-01T00:00:00.000001999Z,1\n")
    assert [m.time for m in from_table(read_measurements([fine]).batch)] == [T0 + 1]


@pytest.mark.parametrize("name", ["m.parquet", "m.arrow"])
def test_a_file_that_is_not_of_its_format_is_told(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"this is neither")
    assert "is not" in refusal(path)[0]
    assert refusal(path)[0].startswith(f"{name}: ")


def test_a_cut_arrow_stream_is_told(tmp_path):
    path = written(tmp_path, "stream.arrow")
    path.write_bytes(path.read_bytes()[:-200])
    assert refusal(path)[0].startswith("stream.arrow: is not an Arrow file or stream, or is cut off: ")


def test_a_file_of_no_known_name_or_that_is_not_there_is_told(tmp_path):
    assert refusal(tmp_path / "m.txt", tmp_path / "m.csv", tmp_path / "m.parquet") == [
        "m.txt: its name tells no format; it ends in one of .csv, .csv.gz, .parquet, .arrow, .feather, .ipc",
        "m.csv: no such file",
        "m.parquet: no such file",
    ]


CONTRADICTION = (
    "contradict each other: other figures of the same service, metric, time and known_at; the greatest hold. Give "
    "known_at to say which is later"
)


def test_what_contradicts_itself_is_counted_and_no_order_of_rows_or_files_decides(tmp_path):
    first = csv_file(tmp_path, HEAD + LINE + "vpn,up,2026-06-01T00:01:00Z,9\n" + LINE.replace(",1\n", ",7\n"), "a.csv")
    second = csv_file(tmp_path, HEAD + "vpn,up,2026-06-01T00:01:00Z,1\n" + LINE.replace(",1\n", ",7\n"), "b.csv")
    for paths in ([first, second], [second, first]):
        delivery = read_measurements(paths)
        assert {m.time - T0: m.value for m in holding(from_table(delivery.batch)).values()} == {0: 7.0, MINUTE: 9.0}
        assert delivery.notes == (f"5 measurements {CONTRADICTION}",)


def test_what_contradicts_itself_is_a_fault_with_its_row_where_strict(tmp_path):
    first = csv_file(tmp_path, HEAD + "\n" + LINE + "vpn,up,2026-06-01T00:05:00Z,1\n", "a.csv")
    second = parquet(tmp_path, value=[1, 2, 2], service=["other", "vpn", "other"])
    said = "known_at: contradicts another row of the same service, metric and time; give known_at to say which is later"
    assert refusal(first, second, strict=True) == [
        f"a.csv:3: {said}",
        *(f"m.parquet: row {row}: {said}" for row in (1, 2, 3)),
    ]


def test_a_correction_is_known_later_and_contradicts_nothing(tmp_path):
    first = csv_file(tmp_path, HEAD + LINE, "a.csv")
    text = "service,metric,time,value,known_at\nvpn,up,2026-06-01T00:00:00Z,0,2026-06-02T00:00:00Z\n"
    second = csv_file(tmp_path, text, "b.csv")
    for paths in ([first, second], [second, first]):
        delivery = read_measurements(paths, strict=True)
        assert [m.value for m in holding(from_table(delivery.batch)).values()] == [0.0]
        assert delivery.notes == ()


def test_the_same_row_again_is_no_contradiction(tmp_path):
    path = csv_file(tmp_path, HEAD + LINE + LINE)
    assert read_measurements([path, path], strict=True).notes == ()


def test_only_what_was_known_by_then_is_read(tmp_path):
    text = HEAD.replace("value", "value,known_at") + LINE.replace(",1\n", ",1,\n")
    late = (
        "vpn,up,2026-01-01T00:00:00Z,1,2026-08-01T00:00:00Z\n" + "vpn,up,2026-01-01T00:00:00Z,2,2026-08-01T00:00:00Z\n"
    )
    path = csv_file(tmp_path, text + late)
    delivery = read_measurements([path], known_at=T0, strict=True)
    assert (delivery.earliest, delivery.latest, delivery.notes) == (T0, T0, ())
    nothing = read_measurements([path], known_at=T0 - 1)
    assert (nothing.batch.num_rows, nothing.earliest, nothing.latest) == (0, None, None)
    assert read_measurements([path]).notes == (f"2 measurements {CONTRADICTION}",)


def test_known_at_is_kept_and_is_by_default_the_time(tmp_path):
    text = "service,metric,time,value,known_at\n" + LINE.strip() + ",\n" + LINE.strip() + ",2026-06-02T00:00:00Z\n"
    delivery = read_measurements([csv_file(tmp_path, text)])
    assert [m.known_at for m in from_table(delivery.batch)] == [T0, T0 + 1440 * MINUTE]
    assert delivery.notes == ()


KNOWN = {("vpn", "up"): {"values"}}
STRANGERS = HEAD + LINE + "vpm,up,2020-06-01T00:00:00Z,1\n" + "vpn,upp,2026-06-03T00:00:00Z,1\n"


def test_what_no_objective_reads_is_left_out_and_counted(tmp_path):
    delivery = read_measurements([csv_file(tmp_path, STRANGERS)], KNOWN)
    assert [(m.service, m.metric) for m in from_table(delivery.batch)] == [("vpn", "up")]
    assert (delivery.earliest, delivery.latest) == (T0, T0)
    assert delivery.notes == (
        "1 measurement of a service that no agreement names left out: vpm",
        "1 measurement of a metric that no objective of its service reads left out: vpn upp",
    )


def test_a_service_that_no_agreement_names_is_a_fault_where_strict(tmp_path):
    path = csv_file(tmp_path, STRANGERS)
    assert refusal(path, known=KNOWN, strict=True) == ["m.csv:3: service: 'vpm' is a service that no agreement names"]
    path = parquet(tmp_path, value=[1, 2, 3], service=["vpn", "x", "vpn"])
    assert refusal(path, known=KNOWN, strict=True) == [
        "m.parquet: row 2: service: 'x' is a service that no agreement names"
    ]


def test_measurements_of_a_form_that_no_objective_reads_are_counted_and_faults_where_strict(tmp_path):
    known = {("vpn", "up"): {"values"}, ("api", "requests"): {"counts"}, ("api", "both"): {"values", "counts"}}
    text = (
        CSV
        + "vpn,up,2026-06-01T00:09:00Z,,1,1\napi,requests,2026-06-01T00:09:00Z,5,,\napi,both,2026-06-01T00:09:00Z,5,,\n"
    )
    path = csv_file(tmp_path, text)
    assert read_measurements([path], known).notes == (
        "1 measurement of no use, with counts where the objectives read values: vpn up",
        "1 measurement of no use, with values where the objectives read counts: api requests",
    )
    assert refusal(path, known=known, strict=True) == [
        "m.csv:5: good: counts where the objectives read values",
        "m.csv:6: value: values where the objectives read counts",
    ]


def test_the_objectives_say_in_which_form_they_read_a_series():
    def objective(number, indicator, target="99 %"):
        return f'{{id: o{number}, indicator: {{{indicator}}}, period: {{calendar: day}}, target: "{target}"}}'

    kinds = [
        'kind: availability, metric: up, good_when: ">= 1"',
        "kind: availability, metric: requests, error_rate_over: 5 %",
        "kind: ratio, metric: both",
    ]
    listed = [objective(i, kind) for i, kind in enumerate(kinds)]
    listed.append(objective(3, "kind: aggregate, metric: both, aggregate: max", "<= 4"))
    head = "agreements: [{id: a, customer: c, valid: {from: 2026-01-01}, services: [vpn], objectives: ["
    portfolio = parse_portfolio(f"{head}{', '.join(listed)}]}}]", "a.yaml")
    assert forms_read(compile_terms(portfolio.agreements)) == {
        ("vpn", "up"): {"values"},
        ("vpn", "requests"): {"counts"},
        ("vpn", "both"): {"values", "counts"},
    }


def test_all_files_are_looked_at_before_any_is_refused(tmp_path):
    bad = HEAD + LINE.replace(",1\n", ",nan\n")
    told = refusal(csv_file(tmp_path, bad, "a.csv"), csv_file(tmp_path, bad, "b.csv"))
    assert told == ["a.csv:2: value: nan is not a finite number", "b.csv:2: value: nan is not a finite number"]


def test_a_million_rows_are_read_without_a_loop_over_them(tmp_path):
    rows = 1_000_000
    times = pa.array(range(rows)).cast(pa.int64())
    table = pa.table(
        {
            "service": pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["vpn"]),
            "metric": pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["up"]),
            "time": times.cast(pa.timestamp("us", "UTC")),
            "value": pa.array([1.0] * rows),
        }
    )
    pq.write_table(table, tmp_path / "m.parquet")
    delivery = read_measurements([tmp_path / "m.parquet"], KNOWN)
    assert delivery.batch.num_rows == rows
    assert delivery.batch.column("good").null_count == rows
