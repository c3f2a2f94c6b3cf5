"""Remote write against the real protobuf package, and against bytes that no honest sender makes."""

import contextlib
import math
import struct
from typing import Any

import cramjam
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from readers.remote_write_request import Sent, WriteRequest, body, packed, request
from upheld.readers.body_faults import MalformedBody
from upheld.readers.remote_write import Decoder, Labels, Samples

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
UP: Labels = (("__name__", "up"), ("instance", "pe1"))
DOWN: Labels = (("__name__", "up"), ("instance", "pe2"))
JUNE = 1_780_272_000_000
"""2026-06-01T00:00:00Z in milliseconds."""

Row = tuple[Labels, int, float]


def rows(decoder: Decoder, samples: Samples) -> list[Row]:
    """The samples as (labels, microseconds, value)."""
    columns = samples.series.tolist(), samples.time.tolist(), samples.value.tolist()
    return [(decoder.labels(code), time, value) for code, time, value in zip(*columns, strict=True)]


def decoded(series: list[Sent]) -> list[Row]:
    decoder = Decoder()
    return rows(decoder, decoder.decode(body(series)))


names = st.text(min_size=1, max_size=200)
labels = st.dictionaries(names, st.text(min_size=1, max_size=20), min_size=1, max_size=8)
times = st.integers(-62_135_596_800_000, 253_402_300_799_999)
values = st.floats(allow_nan=False, allow_infinity=False)
some_series = st.tuples(
    labels.map(lambda of: tuple(sorted(of.items()))),
    st.lists(st.tuples(times, values), max_size=5),
)
some_requests = st.lists(st.lists(some_series, max_size=8), min_size=1, max_size=4)


@settings(deadline=None)  # the first example waits for the compiler
@given(some_requests)
def test_what_was_sent_comes_out_in_its_order(requests: list[list[tuple[Labels, list[tuple[int, float]]]]]) -> None:
    decoder = Decoder()
    for sent in requests:
        expected = [(of, millis * 1000, value) for of, samples in sent for millis, value in samples]
        got = rows(decoder, decoder.decode(body(sent)))
        assert got == expected
        assert [math.copysign(1, value) for *_, value in got] == [math.copysign(1, value) for *_, value in expected]


@settings(deadline=None)  # the first example waits for the compiler
@given(some_requests)
def test_equal_labels_have_equal_codes_and_others_have_others(requests: list[list[Any]]) -> None:
    decoder = Decoder()
    code_of: dict[Labels, int] = {}
    for sent in requests:
        codes = decoder.decode(body(sent)).series.tolist()
        for of, code in zip([of for of, samples in sent for _ in samples], codes, strict=True):
            assert code_of.setdefault(of, code) == code
    assert len(set(code_of.values())) == len(code_of)


def test_many_series_in_a_changing_order() -> None:
    # More than the decoder has room for at first, so that its tables grow in the middle of a request.
    decoder = Decoder()
    sent = [((("__name__", "up"), ("instance", f"pe{i}")), [(JUNE, float(i))]) for i in range(5_000)]
    first = decoder.decode(body(sent))
    again = decoder.decode(body(sent[::-1]))
    assert first.series.tolist() == list(range(5_000))
    assert again.series.tolist() == list(range(5_000))[::-1]
    assert again.value.tolist() == [float(i) for i in range(5_000)][::-1]
    assert decoder.labels(4_321) == (("__name__", "up"), ("instance", "pe4321"))
    assert len(decoder) == 5_000


def test_one_series_with_many_samples() -> None:
    assert decoded([(UP, [(JUNE + i, i) for i in range(10_000)])]) == [
        (UP, (JUNE + i) * 1000, float(i)) for i in range(10_000)
    ]


def test_labels_in_another_order_are_the_same_series() -> None:
    decoder = Decoder()
    first = decoder.decode(body([(UP[::-1], [(JUNE, 1)]), (UP, [(JUNE, 2)])]))
    assert first.series[0] == first.series[1]
    assert decoder.labels(int(first.series[0])) == UP
    assert rows(decoder, decoder.decode(body([(UP[::-1], [(JUNE, 3)])]))) == [(UP, JUNE * 1000, 3.0)]


def test_a_label_without_a_value_is_as_good_as_none() -> None:
    assert decoded([((*UP, ("zone", "")), [(JUNE, 1)])]) == [(UP, JUNE * 1000, 1.0)]


def test_long_labels_and_labels_that_are_not_ascii() -> None:
    long = (("München", "Straße" * 40), ("__name__", "up"))
    assert decoded([(long, [(JUNE, 1)])]) == [(long, JUNE * 1000, 1.0)]


def test_labels_between_and_behind_the_samples() -> None:
    def split(*fields: bytes) -> bytes:
        content = b"".join(fields)
        return b"\x0a" + bytes([len(content)]) + content

    one, two = (request([([pair], [])]).SerializeToString()[2:] for pair in UP)
    samples = [request([([], [(JUNE + i, float(i))])]).SerializeToString()[2:] for i in range(2)]
    decoder = Decoder()
    for made in (split(one, samples[0], two, samples[1]), split(*samples, one, two), split(one, two, *samples)):
        assert rows(decoder, decoder.decode(packed(made))) == [(UP, JUNE * 1000, 0.0), (UP, (JUNE + 1) * 1000, 1.0)]
    assert len(decoder) == 1


def test_what_is_no_measurement_is_counted_and_left_out() -> None:
    sent = [
        (UP, [(JUNE, 1), (JUNE, STALE), (JUNE, math.nan), (JUNE, math.inf), (JUNE, -math.inf)]),
        (DOWN, [(1, STALE)]),
    ]
    samples = Decoder().decode(body(sent))
    assert samples.value.tolist() == [1.0]
    assert (samples.stale, samples.not_finite, samples.histograms) == (2, 3, 0)


def test_metadata_exemplars_and_unknown_fields_are_passed_over_and_histograms_counted() -> None:
    made = request([(UP, [(JUNE, 1)])])
    made.metadata.add(type=1, metric_family_name="up")
    made.timeseries[0].exemplars.add(value=1.0, timestamp=JUNE)
    made.timeseries[0].histograms.add(count_int=3)
    unknown = b"\x50\x96\x01" + b"\x59" + bytes(8) + b"\x5d" + bytes(4) + b"\x62\x02hi"
    decoder = Decoder()
    samples = decoder.decode(packed(unknown + made.SerializeToString() + unknown))
    assert rows(decoder, samples) == [(UP, JUNE * 1000, 1.0)]
    assert samples.histograms == 1


def test_an_empty_request() -> None:
    assert len(Decoder().decode(packed(b"")).series) == 0
    assert len(Decoder().decode(b"\x00").series) == 0


series_at = b"\x0a\x06up\x12\x00"
good = request([(UP, [(JUNE, 1)])]).SerializeToString()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (good[:-1], "not a prometheus.WriteRequest: time series 1, byte 0: it ends in the middle of a field"),
        (good + good[:-1], "time series 2, byte "),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a number of more than 10 bytes"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "it ends in the middle of a field"),
        (b"\x00\x00", "a field number that no message has"),
        (b"\x0b\x0c", "a field of another type"),
        (b"\x08\x01", "a field of another type"),
        (b"\x0a\x02\x08\x01", "a field of another type"),
        (b"\x0a\x00", "a time series without labels"),
        (request([([], [(JUNE, 1)])]).SerializeToString(), "a time series without labels"),
        (request([([("a", "")], [(JUNE, 1)])]).SerializeToString(), "a time series without labels"),
        (request([([("", "x")], [(JUNE, 1)])]).SerializeToString(), "a label without a name"),
        (request([([("a", "x"), ("a", "y")], [(JUNE, 1)])]).SerializeToString(), "a series with two labels 'a'"),
        (request([(UP, [(2**62, 1)])]).SerializeToString(), "byte 35: a timestamp that is not between the years 1 and"),
        (request([(UP, [(-(2**63), 1)])]).SerializeToString(), "a timestamp that is not between the years 1 and 9999"),
        (good.replace(b"pe1", b"p\xff1"), "a label that is not UTF-8: b'instance', b'p\\xff1'"),
    ],
)
def test_malformed_requests(raw: bytes, message: str) -> None:
    with pytest.raises(MalformedBody) as refused:
        Decoder().decode(packed(raw))
    assert message in str(refused.value)


def test_what_is_not_snappy() -> None:
    for broken in (b"", b"\xff" * 20, packed(good)[:-1], packed(good) + b"\x00", b"\x00\x00"):
        with pytest.raises(MalformedBody, match="not a snappy block"):
            Decoder().decode(broken)


def test_a_large_claim_is_refused_before_anything_is_allocated() -> None:
    with pytest.raises(MalformedBody, match="4,294,967,295 bytes when decompressed; at most 33,554,432 are taken"):
        Decoder().decode(b"\xff\xff\xff\xff\x0f\x00")
    with pytest.raises(MalformedBody, match="at most 10 are taken"):
        Decoder(max_bytes=10).decode(packed(good))


def test_a_refused_request_leaves_no_series_behind() -> None:
    decoder = Decoder()
    fresh = [((("instance", f"new{i}"),), [(JUNE, 1)]) for i in range(3_000)]
    decoder.decode(body([(UP, [(JUNE, 1)])]))
    for _ in range(2):
        with pytest.raises(MalformedBody):
            decoder.decode(packed(request(fresh).SerializeToString() + b"\x00\x00"))
        assert len(decoder) == 1
    assert rows(decoder, decoder.decode(body([*fresh, (UP, [(JUNE, 2)])])))[-2:] == [
        ((("instance", "new2999"),), JUNE * 1000, 1.0),
        (UP, JUNE * 1000, 2.0),
    ]
    with pytest.raises(IndexError):
        decoder.labels(3_001)


def test_more_series_than_are_allowed() -> None:
    decoder = Decoder(max_series=2)
    decoder.decode(body([(UP, [(JUNE, 1)]), (DOWN, [(JUNE, 1)])]))
    with pytest.raises(MalformedBody, match="more than 2 series"):
        decoder.decode(body([((("instance", "third"),), [(JUNE, 1)])]))
    assert len(decoder.decode(body([(DOWN, [(JUNE, 1)])])).series) == 1


def settle(decoder: Decoder, raw: bytes) -> list[Row] | None:
    """What the decoder makes of these bytes; None where it refuses them in the one way that it may."""
    try:
        return rows(decoder, decoder.decode(packed(raw)))
    except MalformedBody:
        return None


@settings(deadline=None)  # the first example waits for the compiler
@given(st.binary(max_size=300))
def test_random_bytes(raw: bytes) -> None:
    settle(Decoder(), raw)
    with contextlib.suppress(MalformedBody):
        Decoder().decode(raw)


@settings(deadline=None)  # the first example waits for the compiler
@given(st.lists(some_series, min_size=1, max_size=4), st.data())
def test_truncated_and_mutated_requests(sent: list[Any], data: st.DataObject) -> None:
    """They decode to what protobuf has of them, or are refused; and the decoder is as good as before."""
    raw = bytearray(request(sent).SerializeToString())
    decoder = Decoder()
    decoder.decode(packed(bytes(raw)))
    for _ in range(data.draw(st.integers(1, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    got = settle(decoder, bytes(raw))
    if got is not None:
        assert got == by_protobuf(bytes(raw))
    assert rows(decoder, decoder.decode(body([(UP, [(JUNE, 5)])]))) == [(UP, JUNE * 1000, 5.0)]


def by_protobuf(raw: bytes) -> list[Row]:
    """The same by the protobuf package; a request that it cannot read must have been refused."""
    try:
        parsed = WriteRequest.FromString(raw)
    except DecodeError:
        pytest.fail(f"decoded what protobuf refuses: {raw!r}")
    return [
        (tuple(sorted((x.name, x.value) for x in one.labels if x.value)), s.timestamp * 1000, s.value)
        for one in parsed.timeseries
        for s in one.samples
        if math.isfinite(s.value)
    ]


@settings(deadline=None)  # the first example waits for the compiler
@given(st.binary(max_size=100), st.data())
def test_mutated_snappy_blocks(noise: bytes, data: st.DataObject) -> None:
    block = bytearray(packed(good + good + noise))
    block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    try:
        raw = bytes(cramjam.snappy.decompress_raw(bytes(block))) if block[0] < 0x80 else None
    except cramjam.DecompressionError:
        raw = None
    try:
        Decoder().decode(bytes(block))
    except MalformedBody:
        return
    assert raw is not None or block[0] >= 0x80
