"""B7: a remote-write request into columns, against snappy + protobuf (upb) + a Python loop over the messages; for both
versions of the protocol."""

from collections.abc import Callable, Sequence

import cramjam
from google.protobuf.internal import api_implementation

from bench.measuring import alternating, cpu_of, in_words, peak_memory
from bench.remote_write_bodies import Request2, WriteRequest, as_2, minutes
from bench.table import Row
from upheld.readers.remote_write import Decoder, Labels
from upheld.readers.remote_write_2 import Decoder2

SERIES = 20_000
MINUTES = 3
START = 1_780_272_000_000

Columns = tuple[list[int], list[int], list[float]]
Codes = dict[Labels, int]


def run() -> list[Row]:
    """A row for each version: both decode the same minutes, whose series both know already, and must come to the same
    columns."""
    assert api_implementation.Type() == "upb", "the peer is protobuf's fast implementation"
    scrapes = [minutes(SERIES, START + 60_000 * m, [set(range(m, SERIES, 97))]) for m in range(MINUTES)]
    return [
        _row("remote write", scrapes, Decoder, _by_protobuf),
        _row("remote write 2.0", [as_2(scrape) for scrape in scrapes], Decoder2, _by_protobuf_2),
    ]


def _row(
    what: str,
    scrapes: Sequence[Sequence[bytes]],
    made: Callable[[], Decoder | Decoder2],
    by_protobuf: Callable[[Sequence[bytes], Codes], Columns],
) -> Row:
    bodies = [body for scrape in scrapes for body in scrape]
    made().decode(bodies[0])  # compiles
    decoder = made()
    codes: Codes = {}
    first = cpu_of(lambda: [decoder.decode(body) for body in scrapes[0]])
    for body in bodies:
        samples = decoder.decode(body)
        expected = by_protobuf([body], codes)
        assert (samples.series.tolist(), samples.time.tolist(), samples.value.tolist()) == expected, "they differ"
    assert all(decoder.labels(code) == labels for labels, code in codes.items()), "the labels differ"
    ours, peer = alternating(
        lambda: [decoder.decode(body) for body in bodies], lambda: by_protobuf(bodies, codes), rounds=5
    )
    rows = SERIES * MINUTES
    return Row(
        bar="B7",
        claim=f"decoding {what} against snappy + protobuf (upb) + a Python loop",
        ours=f"{ours / rows * 1e9:.0f} ns CPU a sample",
        peer=f"{peer / rows * 1e9:,.0f} ns CPU a sample",
        ratio=peer / ours,
        limit=20,
        at_most=False,
        note=f"{SERIES:,} known series, 500 a request; the first time {first / SERIES * 1e9:,.0f} ns;"
        f" both in one process of at most {in_words(peak_memory())}",
    )


def _by_protobuf(bodies: Sequence[bytes], codes: Codes) -> Columns:
    series: list[int] = []
    time: list[int] = []
    value: list[float] = []
    for body in bodies:
        request = WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))
        for one in request.timeseries:
            code = codes.setdefault(tuple([(label.name, label.value) for label in one.labels]), len(codes))
            for sample in one.samples:
                series.append(code)
                time.append(sample.timestamp * 1000)
                value.append(sample.value)
    return series, time, value


def _by_protobuf_2(bodies: Sequence[bytes], codes: Codes) -> Columns:
    series: list[int] = []
    time: list[int] = []
    value: list[float] = []
    for body in bodies:
        request = Request2.FromString(bytes(cramjam.snappy.decompress_raw(body)))
        symbols = list(request.symbols)
        for one in request.timeseries:
            texts = [symbols[reference] for reference in one.labels_refs]
            code = codes.setdefault(tuple(zip(texts[::2], texts[1::2], strict=True)), len(codes))
            for sample in one.samples:
                series.append(code)
                time.append(sample.timestamp * 1000)
                value.append(sample.value)
    return series, time, value
