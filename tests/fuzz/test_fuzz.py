"""A few hostile inputs to each decoder, and what earlier ones have found; `make fuzz N=1000000` tries more."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fuzz.targets import Defect, targets
from fuzz.valid import NOW, table
from fuzz.worker import BOARD, input_of, run
from upheld.readers.bodies import PARQUET, read_body
from upheld.readers.body_faults import MalformedBody
from upheld.readers.faults import InputError
from upheld.readers.maintnote import Unreadable, read_maintnote
from upheld.readers.mapping import parse_mapping
from upheld.readers.tables import read_measurements

EACH = 150


@pytest.mark.parametrize("name", targets())
def test_hostile_input_is_taken_or_refused_and_no_more(name: str) -> None:
    answer = run(name, 2, 0, EACH, bytearray(BOARD.size), limited=False)
    assert "defect" not in answer, answer["said"]
    assert answer["taken"] + answer["refused"] == EACH
    assert 0 < answer["taken"] < EACH


def test_an_input_is_the_same_each_time() -> None:
    assert input_of("csv", 1, 7) == input_of("csv", 1, 7) != input_of("csv", 1, 8)


def test_a_decoder_that_is_wrong_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    body = targets()["remote-write-1"].valid[1]
    monkeypatch.setattr("fuzz.targets.by_protobuf", lambda version, raw: ([], 0))
    with pytest.raises(Defect, match="protobuf has"):
        targets()["remote-write-1"].take(body)
    monkeypatch.setattr("fuzz.targets.by_protobuf", lambda version, raw: None)
    with pytest.raises(Defect, match="took what protobuf cannot read"):
        targets()["remote-write-1"].take(body)


@pytest.mark.parametrize("name", ["events", "sample-lines", "json-lines", "otlp-json", "alerts", "alarm"])
def test_json_that_is_nested_without_end_is_refused(name: str) -> None:
    take = targets()[name].take
    assert not any(take(begin + b"[" * 50_000) for begin in (b"", b'{"a":', b'{"labels":{"a":'))


def test_an_unknown_field_of_a_pattern_is_named() -> None:
    text = 'series:\n  - labels: {a: {regexp: "b"}}\n    service: s\n    metric: m\n'
    with pytest.raises(InputError, match="unknown field"):
        parse_mapping(text, "mapping")


def test_a_parquet_file_whose_zone_is_not_utf_8(tmp_path: Path) -> None:
    sink = io.BytesIO()
    rows = table().set_column(2, "time", table()["time"].cast(pa.timestamp("us", "Europe/Berlin")))
    pq.write_table(rows.select(["service", "metric", "time", "value"]), sink)
    # The zone stands in the schema of Arrow that the file has with it, in base64.
    schema = re.search(rb"ARROW:schema.*?([A-Za-z0-9+/]{100,}=*)", sink.getvalue(), re.DOTALL)
    assert schema is not None
    broken = base64.b64encode(base64.b64decode(schema[1]).replace(b"Europe", b"E\xf4rope"))
    body = sink.getvalue().replace(schema[1], broken)
    assert body != sink.getvalue()
    with pytest.raises(MalformedBody, match="the schema has a name or a zone that is not UTF-8"):
        read_body(PARQUET, body, known=None, received_at=NOW)
    path = tmp_path / "measurements.parquet"
    path.write_bytes(body)
    for terms in (None, []):
        with pytest.raises(InputError, match="its schema has a name or a zone that is not UTF-8"):
            read_measurements([path], terms=terms)


@pytest.mark.parametrize("name", ["DTSTART", "DTEND", "DTSTAMP", "DURATION"])
def test_a_calendar_with_a_property_that_cannot_be_read(name: str) -> None:
    (valid,) = targets()["calendar"].valid
    other = valid.replace(b"DTEND:20260602T020000Z", b"DURATION:PT4H") if name == "DURATION" else valid
    broken = re.sub(rb"\n%s:[^\r]*" % name.encode(), b"\n%s:2.T12Z" % name.encode(), other)
    with pytest.raises(Unreadable, match=f"VEVENT 1: {name} cannot be read: '2.T12Z'"):
        read_maintnote(broken)


def test_the_program_says_what_it_found() -> None:
    command = [sys.executable, "-m", "fuzz", "40", "--only", "mapping"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "no crash, no hang, no wrong answer" in done.stdout
