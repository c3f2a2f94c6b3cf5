"""Remote write 2.0 against the real protobuf package, and against bytes that no honest sender makes."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from readers.remote_write_2_request import Request, Unopened, body, request
from readers.remote_write_request import Sent, packed
from readers.remote_write_request import body as body_of_1
from readers.test_remote_write import DOWN, JUNE, STALE, UP, Row, some_requests, some_series
from upheld.readers.body_faults import MalformedBody
from upheld.readers.remote_write import MAX_SAMPLES, Decoder, Labels, Samples
from upheld.readers.remote_write_2 import MAX_SYMBOLS, Decoder2
from upheld.readers.remote_write_scan import HISTOGRAM


def rows(decoder: Decoder2, samples: Samples) -> list[Row]:
    """The samples as (labels, microseconds, value)."""
    columns = samples.series.tolist(), samples.time.tolist(), samples.value.tolist()
    return [(decoder.labels(code), time, value) for code, time, value in zip(*columns, strict=True)]


def decoded(series: list[Sent]) -> list[Row]:
    decoder = Decoder2()
    return rows(decoder, decoder.decode(body(series)))


@settings(deadline=None)  # the first example waits for the compiler
@given(some_requests, st.lists(st.text(max_size=10), max_size=5))
def test_what_was_sent_comes_out_in_its_order(
    requests: list[list[tuple[Labels, list[tuple[int, float]]]]], first: list[str]
) -> None:
    """Whatever numbers the symbols have in each request."""
    decoder = Decoder2()
    for at, sent in enumerate(requests):
        expected = [(of, millis * 1000, value) for of, samples in sent for millis, value in samples]
        got = rows(decoder, decoder.decode(body(sent, first[at:])))
        assert got == expected
        assert [math.copysign(1, value) for *_, value in got] == [math.copysign(1, value) for *_, value in expected]


@settings(deadline=None)  # the first example waits for the compiler
@given(some_requests)
def test_both_versions_of_the_protocol_say_the_same(requests: list[list[Any]]) -> None:
    one, two = Decoder(), Decoder2()
    for sent in requests:
        by_1, by_2 = one.decode(body_of_1(sent)), two.decode(body(sent))
        assert by_1.series.tolist() == by_2.series.tolist()
        assert [one.labels(code) for code in range(len(one))] == [two.labels(code) for code in range(len(two))]


def test_the_bytes_of_the_specification_written_by_hand() -> None:
    """Field by field after the wire format and types.proto, with none of the encoders above: the time series with its
    start timestamp in the sample (2.0-rc.4), and created_timestamp, metadata and exemplars of earlier senders."""
    symbols = b"".join(b"\x22" + bytes([len(text)]) + text for text in (b"", b"__name__", b"up", b"job", b"a"))
    value, millis = b"\x09" + struct.pack("<d", 1.5), b"\x10\x80\xd8\xeb\x83\xe8\x33"
    sample = value + millis + b"\x18\x01"
    labels = b"\x0a\x04\x01\x02\x03\x04"
    exemplar = b"\x22\x0b\x0a\x00\x11" + bytes(8)
    content = labels + b"\x12" + bytes([len(sample)]) + sample + exemplar + b"\x2a\x04\x08\x02\x18\x04" + b"\x30\x07"
    raw = symbols + b"\x2a" + bytes([len(content)]) + content
    decoder = Decoder2()
    expected = [((("__name__", "up"), ("job", "a")), JUNE * 1000, 1.5)]
    assert rows(decoder, decoder.decode(packed(raw))) == expected
    (series,) = Request.FromString(raw).timeseries
    assert (list(series.labels_refs), series.samples[0].start_timestamp, series.created_timestamp) == (
        [1, 2, 3, 4],
        1,
        7,
    )
    # Symbols may stand behind what refers to them, and references one by one.
    behind = b"\x2a" + bytes([len(content)]) + content + symbols
    assert rows(decoder, decoder.decode(packed(behind))) == expected
    single = b"\x08\x01\x08\x02\x0a\x01\x03\x08\x84\x80\x00" + content[6:]
    assert rows(decoder, decoder.decode(packed(symbols + b"\x2a" + bytes([len(single)]) + single))) == expected
    assert len(decoder) == 1


def test_many_series_in_a_changing_order() -> None:
    # More than the decoder has room for at first, so that its tables grow in the middle of a request.
    decoder = Decoder2()
    sent = [((("__name__", "up"), ("instance", f"pe{i}")), [(JUNE, float(i))]) for i in range(5_000)]
    first = decoder.decode(body(sent))
    again = decoder.decode(body(sent[::-1]))
    assert first.series.tolist() == list(range(5_000))
    assert again.series.tolist() == list(range(5_000))[::-1]
    assert again.value.tolist() == [float(i) for i in range(5_000)][::-1]
    assert decoder.labels(4_321) == (("__name__", "up"), ("instance", "pe4321"))
    assert len(decoder) == 5_000


def test_labels_in_another_order_are_the_same_series() -> None:
    decoder = Decoder2()
    first = decoder.decode(body([(UP[::-1], [(JUNE, 1)]), (UP, [(JUNE, 2)])]))
    assert first.series[0] == first.series[1]
    assert decoder.labels(int(first.series[0])) == UP
    assert rows(decoder, decoder.decode(body([(UP[::-1], [(JUNE, 3)])]))) == [(UP, JUNE * 1000, 3.0)]


def test_a_label_without_a_value_is_as_good_as_none() -> None:
    assert decoded([((*UP, ("zone", "")), [(JUNE, 1)])]) == [(UP, JUNE * 1000, 1.0)]


def test_a_symbol_that_stands_twice_in_the_table_is_one() -> None:
    made = request([(UP, [(JUNE, 1)])])
    made.symbols.extend(["up", "instance"])
    made.timeseries.add(labels_refs=[1, 5, 6, 4]).samples.add(timestamp=JUNE, value=2)
    decoder = Decoder2()
    assert rows(decoder, decoder.decode(packed(made.SerializeToString()))) == [
        (UP, JUNE * 1000, 1.0),
        (UP, JUNE * 1000, 2.0),
    ]
    assert len(decoder) == 1


def test_what_is_no_measurement_is_told_with_its_series() -> None:
    made = request([(UP, [(JUNE, 1), (JUNE, STALE), (JUNE, math.nan), (JUNE, -math.inf)]), (DOWN, [(1, STALE)])])
    made.timeseries.add(labels_refs=made.timeseries[1].labels_refs).histograms.add(count_int=3, timestamp=JUNE)
    forged = struct.unpack("<d", struct.pack("<Q", HISTOGRAM))[0]
    made.timeseries[0].samples.add(timestamp=JUNE, value=forged)
    decoder = Decoder2()
    samples = decoder.decode(packed(made.SerializeToString()))
    assert [decoder.labels(code) for code in samples.series.tolist()] == [UP, UP, UP, UP, DOWN]
    assert np.isfinite(samples.value).tolist() == [True, False, False, False, False]
    assert (samples.value.view(np.uint64) == HISTOGRAM).tolist() == [False, False, False, False, True]
    assert (samples.stale, samples.not_finite, samples.histograms) == (2, 0, 0)


def test_symbols_that_no_series_uses_are_not_kept() -> None:
    """Exemplars bring a new text with every sample."""
    decoder = Decoder2()
    for at in range(20):
        made = request([(UP, [(JUNE, 1)])], [f"trace-{at}-{i}" for i in range(100)])
        made.timeseries[0].exemplars.add(labels_refs=[1, 2], value=1, timestamp=JUNE)
        decoder.decode(packed(made.SerializeToString()))
    assert len(decoder._symbols) == 4


def test_an_empty_request_and_one_of_1_0() -> None:
    assert len(Decoder2().decode(packed(b"")).series) == 0
    assert len(Decoder2().decode(body_of_1([(UP, [(JUNE, 1)])])).series) == 0


good = request([(UP, [(JUNE, 1)])]).SerializeToString()


def with_refs(*refs: int) -> bytes:
    made = request([(UP, [(JUNE, 1)])])
    made.timeseries[0].labels_refs[:] = refs
    return bytes(made.SerializeToString())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (good[:-1], "not an io.prometheus.write.v2.Request: byte 31: it ends in the middle of a field"),
        (b"\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "byte 0: a number of more than 10 bytes"),
        (b"\x00\x00", "byte 0: a field number that no message has"),
        (b"\x2b\x0c", "byte 0: a field of another type"),
        (b"\x28\x01", "byte 0: a field of another type"),
        (b"\x20\x01", "byte 0: a field of another type"),
        (b"\x2a\x02\x10\x01", "time series 1, byte 2: a field of another type"),
        (b"\x2a\x09\x09" + bytes(8), "time series 1, byte 2: a field of another type"),
        (b"\x2a\x01\x08", "time series 1, byte 2: it ends in the middle of a field"),
        (b"\x22\x00\x2a\x05\x0a\x02\x00\x80\x10", "time series 1, byte 4: it ends in the middle of a field"),
        (b"\x2a\x00", "time series 1, byte 2: a time series without labels"),
        (with_refs(), "a time series without labels"),
        (with_refs(1, 2, 3), "time series 1, byte 33: the name of a label without its value"),
        (with_refs(1, 5), "time series 1, byte 33: a reference to a symbol that is not there"),
        (with_refs(1, 2**32 - 1), "a reference to a symbol that is not there"),
        (with_refs(*[1, 2] * 2049), "time series 1, byte 34: a series of more than 2,048 labels"),
        (with_refs(1, 0), "a time series without labels"),
        (with_refs(0, 2), "a label without a name"),
        (with_refs(1, 2, 1, 4), "a series with two labels '__name__'"),
        (request([(UP, [(2**62, 1)])]).SerializeToString(), "a timestamp that is not between the years 1 and 9999"),
        (good.replace(b"pe1", b"p\xff1"), "a label that is not UTF-8: b'p\\xff1'"),
        (good.replace(b"e\x22\x03pe1", b"\xc3\x22\x03\xa9e1"), "a label that is not UTF-8: b'instanc\\xc3'"),
        (b"\x22\x00" * (MAX_SYMBOLS + 1), "more than 1,048,576 symbols in a request"),
    ],
)
def test_malformed_requests(raw: bytes, message: str) -> None:
    decoder = Decoder2()
    decoder.decode(body([(DOWN, [(JUNE, 1)])]))
    known = len(decoder._symbols)
    with pytest.raises(MalformedBody) as refused:
        decoder.decode(packed(raw))
    assert message in str(refused.value)
    assert (len(decoder), len(decoder._symbols)) == (1, known)


@pytest.mark.parametrize("decoder", [Decoder(), Decoder2()])
def test_a_request_of_very_many_samples_is_refused(decoder: Decoder | Decoder2) -> None:
    """Two bytes each, which snappy makes a tenth of a byte of."""
    samples = b"\x12\x00" * (MAX_SAMPLES + 1)
    content = (b"\x0a\x02\x01\x02" if isinstance(decoder, Decoder2) else b"\x0a\x06\x0a\x01a\x12\x01b") + samples
    length = bytes(len(content) >> 7 * i & 0x7F | (0x80 if i < 3 else 0) for i in range(4))
    symbols = b"\x22\x00\x22\x01a\x22\x01b" if isinstance(decoder, Decoder2) else b""
    with pytest.raises(MalformedBody, match="more than 1,048,576 samples in a request"):
        decoder.decode(packed(symbols + (b"\x2a" if symbols else b"\x0a") + length + content))


def test_more_series_than_are_allowed() -> None:
    decoder = Decoder2(max_series=2)
    decoder.decode(body([(UP, [(JUNE, 1)]), (DOWN, [(JUNE, 1)])]))
    with pytest.raises(MalformedBody, match="more than 2 series"):
        decoder.decode(body([((("instance", "third"),), [(JUNE, 1)])]))
    assert len(decoder.decode(body([(DOWN, [(JUNE, 1)])])).series) == 1


def settle(decoder: Decoder2, raw: bytes) -> list[Row] | None:
    """What the decoder makes of these bytes; None where it refuses them in the one way that it may."""
    try:
        return rows(decoder, decoder.decode(packed(raw)))
    except MalformedBody:
        return None


@settings(deadline=None)  # the first example waits for the compiler
@given(st.lists(some_series, min_size=1, max_size=4), st.data())
def test_truncated_and_mutated_requests(sent: list[Any], data: st.DataObject) -> None:
    """They decode to what protobuf has of them, or are refused; and the decoder is as good as before."""
    raw = bytearray(request(sent).SerializeToString())
    decoder = Decoder2()
    decoder.decode(packed(bytes(raw)))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    got = settle(decoder, bytes(raw))
    if got is not None:
        finite = [row for row in got if math.isfinite(row[2])]
        assert finite == by_protobuf(bytes(raw))
    assert rows(decoder, decoder.decode(body([(UP, [(JUNE, 5)])]))) == [(UP, JUNE * 1000, 5.0)]


def by_protobuf(raw: bytes) -> list[Row]:
    """The same by the protobuf package; a request that it cannot read must have been refused."""
    try:
        parsed = Unopened.FromString(raw)
    except DecodeError:
        pytest.fail(f"decoded what protobuf refuses: {raw!r}")
    return [(_labels(parsed, one), s.timestamp * 1000, s.value) for one in parsed.timeseries for s in _finite(one)]


def _finite(series: Any) -> list[Any]:
    return [sample for sample in series.samples if math.isfinite(sample.value)]


def _labels(parsed: Any, series: Any) -> Labels:
    texts = [parsed.symbols[reference].decode() for reference in series.labels_refs]
    return tuple(sorted((name, value) for name, value in zip(texts[::2], texts[1::2], strict=True) if value))
