"""The decoders, with valid bodies of each, and what they may say to a hostile one."""

import gzip
import io
import itertools
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import cramjam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.mutating import mutated
from fuzz.oracles import STRICTER, Answer, by_protobuf
from fuzz.valid import (
    AGREEMENTS,
    ALARM,
    CALENDAR,
    CHANGE_REQUEST,
    EVENTS,
    FILES_READY,
    JOB,
    JSON_LINES,
    MAPPING,
    NOTIFICATION,
    NOW,
    SAMPLE_LINES,
    WEBHOOK,
    WORKS,
    csv,
    otlp,
    otlp_json,
    requests_1,
    requests_2,
    table,
)
from upheld.maintenance.merging import laid_over
from upheld.maintenance.received import cleaned, key_of, questions, step_of
from upheld.readers import tmf628, tmf655
from upheld.readers.alertmanager import read_webhook
from upheld.readers.bodies import ARROW_FILE, ARROW_STREAM, CSV, PARQUET, read_body
from upheld.readers.body_faults import MalformedBody
from upheld.readers.events import read_event_lines
from upheld.readers.faults import InputError
from upheld.readers.maintnote import Unreadable, read_maintnote, works_apart
from upheld.readers.mapping import parse_mapping
from upheld.readers.otlp import OtlpDecoder, from_json
from upheld.readers.portfolio import parse_portfolio
from upheld.readers.remote_write import Decoder
from upheld.readers.remote_write_2 import Decoder2
from upheld.readers.sample_lines import SampleLines
from upheld.readers.tmf642 import read_created, read_event
from upheld.readers.tmf_bodies import Unfit
from upheld.readers.work_files import read_works
from upheld.sources.unpacking import BrokenArchive, LargeArchive, unpacked

RENEWED = 200
"""So many inputs are given to one decoder that remembers its series, before it is made anew."""


REFUSALS = (MalformedBody, InputError, Unreadable, Unfit, BrokenArchive, LargeArchive)


class Defect(Exception):
    """A decoder said something that is not so."""


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder. `valid` are bodies that it takes; `make` has an input of a random generator; `take` gives one to the
    decoder and says whether it was taken: any exception but REFUSALS is a defect. `share` is how many of the inputs it
    gets."""

    valid: Sequence[bytes]
    make: Callable[[Random], bytes]
    take: Callable[[bytes], bool]
    share: int = 10


def _of(seeds: Sequence[bytes], take: Callable[[bytes], object], share: int = 10, *, words: bool = True) -> Target:
    def taken(body: bytes) -> bool:
        try:
            answer = take(body)
        except REFUSALS:
            return False
        return answer is not False

    return Target(seeds, lambda random: mutated(random, seeds, words), taken, share)


def _remote_write(version: int, make: Callable[[], Decoder | Decoder2], seeds: Sequence[bytes]) -> Target:
    """Most inputs are damaged before they are compressed; some after."""
    fresh: Iterator[Decoder | Decoder2] = itertools.chain.from_iterable(
        itertools.repeat(make(), RENEWED) for _ in itertools.count()
    )
    packed = [bytes(cramjam.snappy.compress_raw(raw)) for raw in seeds]

    def made(random: Random) -> bytes:
        if random.random() < 0.1:
            return mutated(random, packed, words=False)
        return bytes(cramjam.snappy.compress_raw(mutated(random, seeds, words=False)))

    def taken(body: bytes) -> bool:
        raw = _unpacked(body)
        expected = None if raw is None else by_protobuf(version, raw)
        decoder = next(fresh)
        try:
            samples = decoder.decode(body)
        except MalformedBody as error:
            if expected is not None and not STRICTER.search(str(error)):
                raise Defect(f"refused what protobuf reads: {error}") from None
            return False
        if expected is None:
            raise Defect("took what protobuf cannot read")
        _compare(decoder, samples, expected)
        return True

    return Target(packed, made, taken, 25)


def _unpacked(body: bytes) -> bytes | None:
    """By the library's other way to do it. Its length is looked at before: a block may claim 4 GB; and of an empty one
    the library does not see what stands behind its end."""
    try:
        claimed = cramjam.snappy.decompress_raw_len(body)
        if claimed == 0:
            return b"" if body == b"\x00" else None
        return bytes(cramjam.snappy.decompress_raw(body)) if claimed <= 1 << 25 else None
    except cramjam.DecompressionError:
        return None


def _compare(decoder: Decoder | Decoder2, samples: Any, expected: Answer) -> None:
    finite = np.isfinite(samples.value)
    columns = samples.series[finite], samples.time[finite], samples.value[finite].view(np.uint64)
    rows = [(decoder.labels(s), t, v) for s, t, v in zip(*(c.tolist() for c in columns), strict=True)]
    if (rows, samples.stale) != expected:
        raise Defect(f"decoded {(rows, samples.stale)}; protobuf has {expected}")


def _measurements(kind: str) -> Callable[[bytes], bool]:
    def take(body: bytes) -> bool:
        batch = read_body(kind, body, known=None, received_at=NOW)
        batch.table.validate(full=True)
        return not batch.faults

    return take


def _events(body: bytes) -> bool:
    _, faults = read_event_lines(body, {("line-1", "restore")}, NOW)
    return not faults


def _written(write: Callable[[io.BytesIO, pa.Table], None]) -> bytes:
    sink = io.BytesIO()
    write(sink, table())
    return sink.getvalue()


def _arrow(make: Any) -> bytes:
    def write(sink: io.BytesIO, rows: pa.Table) -> None:
        with make(sink, rows.schema) as writer:
            writer.write_table(rows)

    return _written(write)


def _zipped(content: bytes) -> bytes:
    with io.BytesIO() as sink:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("1.csv", content)
        return sink.getvalue()


def _text(parse: Callable[[str, str], object]) -> Callable[[bytes], object]:
    """As the API has it, which refuses what is not UTF-8 before."""

    def take(body: bytes) -> object:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return False
        return parse(text, "body")

    return take


def _asked_for(body: bytes) -> object:
    """What a calendar's notices say, and ask for."""
    found = [cleaned(notice) for notice in read_maintnote(body)]
    for notice in found:
        assert all(part.isprintable() for part in key_of(notice)), "it can be kept"
        merged = laid_over([notice], ())
        list(questions([notice], merged, (), None, step_of(merged.words, (), None, NOW), NOW))
    return found


def targets() -> Mapping[str, Target]:
    """Every decoder of bytes that come over the network."""
    parquet = [
        _written(lambda sink, rows, how=how: pq.write_table(rows, sink, **how))  # type: ignore[misc]
        for how in ({}, {"compression": "zstd"}, {"use_dictionary": False, "compression": "none"})
    ]
    return {
        "remote-write-1": _remote_write(1, Decoder, requests_1()),
        "remote-write-2": _remote_write(2, Decoder2, requests_2()),
        "otlp": _of([otlp()], lambda body: OtlpDecoder().decode(body), 10, words=False),
        "otlp-json": _of([otlp_json()], lambda body: OtlpDecoder().decode(from_json(body)), 8),
        "sample-lines": _of([SAMPLE_LINES], lambda body: SampleLines().decode(body), 4),
        "json-lines": _of([JSON_LINES], _measurements("application/jsonl"), 8),
        "csv": _of([csv()], _measurements(CSV), 6),
        "parquet": _of(parquet, _measurements(PARQUET), 6, words=False),
        "arrow-stream": _of([_arrow(pa.ipc.new_stream)], _measurements(ARROW_STREAM), 8, words=False),
        "arrow-file": _of([_arrow(pa.ipc.new_file)], _measurements(ARROW_FILE), 4, words=False),
        "events": _of([EVENTS], _events, 4),
        "alerts": _of([WEBHOOK], lambda body: bool(read_webhook(body, NOW)[0]), 4),
        "alarm": _of([ALARM], lambda body: read_created(body, NOW), 4),
        "alarm-event": _of([NOTIFICATION], lambda body: read_event("alarmStateChangeEvent", body, NOW), 2),
        "job": _of([JOB], lambda body: tmf628.read_created(body, NOW), 4),
        "job-event": _of([FILES_READY], tmf628.read_event, 2),
        "packed": _of([gzip.compress(csv()), _zipped(csv())], lambda body: unpacked(body, 10_000), 4, words=False),
        "mapping": _of([MAPPING], _text(parse_mapping), 4),
        "agreements": _of([AGREEMENTS], _text(parse_portfolio), 2),
        "calendar": _of([CALENDAR], _asked_for, 2),
        "calendar-feed": _of([CALENDAR], works_apart, 2),
        "works": _of([WORKS], _text(lambda text, name: read_works(text, name, {"a", "b"}, (), NOW)), 2),
        "change-request": _of([CHANGE_REQUEST], lambda body: tmf655.read_created(body, {"a"}, "me", NOW), 2),
    }
