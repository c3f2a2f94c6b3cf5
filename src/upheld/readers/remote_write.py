"""Prometheus remote write 1.0 (a snappy block of a protobuf `prometheus.WriteRequest`) -> columns.

Specification: https://prometheus.io/docs/specs/prw/remote_write_spec/. A sender repeats the labels of a series with
every sample. Here they are read once, when the series first comes; after that its bytes are recognised.
"""

from dataclasses import dataclass
from typing import Any

import cramjam
import numpy as np
import numpy.typing as npt

from upheld.readers.body_faults import MalformedBody
from upheld.readers.known_bytes import KnownBytes, roomy
from upheld.readers.protobuf_scan import Stopped
from upheld.readers.remote_write_scan import At, odd, scan

Labels = tuple[tuple[str, str], ...]
"""The (name, value) of a series by name; the metric's name is the value of `__name__`."""

MAX_BYTES = 32 * 2**20
"""A request that is longer than this when it is decompressed is refused, as Prometheus does."""
MAX_SERIES = 4_000_000
MAX_SAMPLES = 1 << 20
"""A request with more samples is refused: a hostile sender needs a tenth of the bytes that they take here."""
MAX_LABELS = 2048
"""A series with more is refused where its labels come as references."""

WORDS = {
    Stopped.TRUNCATED: "it ends in the middle of a field",
    Stopped.BAD_VARINT: "a number of more than 10 bytes",
    Stopped.BAD_FIELD: "a field number that no message has",
    Stopped.BAD_WIRE_TYPE: "a field of another type than the message of remote write has",
    Stopped.NO_LABELS: "a time series without labels",
    Stopped.HALF_LABEL: "the name of a label without its value",
    Stopped.NO_SYMBOL: "a reference to a symbol that is not there",
    Stopped.MANY_LABELS: f"a series of more than {MAX_LABELS:,} labels",
    Stopped.BAD_TIME: "a timestamp that is not between the years 1 and 9999 (milliseconds)",
}


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a request as columns, in the order of the request: the code of the series (int32), the instant
    (int64, microseconds UTC) and the value (float64). `stale` counts the samples that only said that their series has
    ended, `not_finite` those whose value was NaN or infinite, `histograms` the native histograms: these are left out.

    A decoder whose protocol tells the sender what of it was taken has no such numbers of the last two: there they are
    rows as well, the value of a native histogram having the bits `HISTOGRAM`."""

    series: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    stale: int = 0
    not_finite: int = 0
    histograms: int = 0


class Decoder:
    """Decodes requests, one at a time, and knows every series that came: equal labels have equal codes, from 0 on, as
    long as the decoder lives. It holds about 50 bytes and the labels' bytes of each series.

    More than `max_series` series, or a request of more than `max_bytes` when decompressed, are refused."""

    def __init__(self, *, max_series: int = MAX_SERIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._progress = np.zeros(len(At), np.int64)
        self._known = KnownBytes(max_series, "series")
        # By code: that of the proper spelling of its labels.
        self._alias: npt.NDArray[np.int32] = np.arange(1 << 10, dtype=np.int32)
        self._aliased = False
        self._rows = Rows()

    def __len__(self) -> int:
        """How many codes were given."""
        return len(self._known)

    def labels(self, code: int) -> Labels:
        """The labels of a series, by name. Raises IndexError for a code that was not given."""
        if not 0 <= code < len(self):
            raise IndexError(f"series {code}; there are {len(self)}")
        return tuple(_labels(self._known[int(self._alias[code])]))

    def decode(self, body: bytes) -> Samples:
        """The samples of a request's body. Raises MalformedBody where it cannot be read or is too large; nothing of it
        is kept then."""
        data = decompressed(body, self._max_bytes)
        before = self._known.mark()
        try:
            self._scan(data)
            self._check_new(before[0])
        except MalformedBody:
            self._known.go_back(before)
            raise
        series, time, value = self._rows.taken(int(self._progress[At.ROWS]))
        return Samples(
            series=self._alias[series] if self._aliased else series,
            time=time,
            value=value,
            stale=int(self._progress[At.STALE]),
            not_finite=int(self._progress[At.NOT_FINITE]),
            histograms=int(self._progress[At.HISTOGRAMS]),
        )

    def _scan(self, data: npt.NDArray[np.uint8]) -> None:
        self._progress[:] = 0
        while (stopped := self._scan_on(data)) is not Stopped.DONE:
            if stopped is Stopped.FULL:
                self._rows.grow(int(self._progress[At.ROWS]))
            elif stopped is Stopped.CROWDED:
                self._known.grow(len(data))
            else:
                series, byte = self._progress[[At.SERIES, At.BYTE]]
                raise MalformedBody(
                    f"not a prometheus.WriteRequest: time series {series + 1}, byte {byte}: {WORDS[stopped]}"
                )

    def _scan_on(self, data: npt.NDArray[np.uint8]) -> Stopped:
        return Stopped(scan(*(data, *self._known.arrays, self._progress, *self._rows.arrays)))

    def _check_new(self, known: int) -> None:
        """Looks at the labels of the series from `known` on, and gives those that are spelt in another way than the
        specification has it (another order of names) the code of the proper spelling."""
        if (new := len(self)) == known:
            return
        self._known.check()
        self._alias = roomy(self._alias, new)
        self._alias[known:new] = np.arange(known, new)
        for code in self._to_look_at(known, new):
            block = self._known[code]
            proper = _spelt(_labels(block))
            if proper != block:
                canonical = self._known.intern(np.frombuffer(bytearray(proper), np.uint8))
                self._alias = roomy(self._alias, canonical + 1)
                self._alias[[canonical, code]] = canonical
                self._aliased = True

    def _to_look_at(self, known: int, new: int) -> list[int]:
        """The codes whose labels have to be read one by one: mostly none."""
        try:
            # Between two texts of plain labels there is an ASCII byte: if all is UTF-8, each of them is.
            self._known.since(known).decode()
        except UnicodeDecodeError:
            return list(range(known, new))
        return [int(code) for code in odd(self._known.arena, self._known.starts, known, new)]


class Rows:
    """Room for the rows of the request that is being read, kept for the next one."""

    def __init__(self) -> None:
        self._room(1 << 10)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Series, time and the bits of the value, as compiled code takes them."""
        return self._series, self._time, self._bits

    def taken(self, rows: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The rows that were written: series, time and value."""
        return self._series[:rows].copy(), self._time[:rows].copy(), self._bits[:rows].view(np.float64).copy()

    def grow(self, written: int) -> None:
        """Twice the room; the rows that are written stay. Raises MalformedBody where a request has too many."""
        old, room = self.arrays, 2 * len(self._time)
        if room > MAX_SAMPLES:
            raise MalformedBody(f"more than {MAX_SAMPLES:,} samples in a request")
        self._room(room)
        for mine, before in zip(self.arrays, old, strict=True):
            mine[:written] = before[:written]

    def _room(self, rows: int) -> None:
        self._series: npt.NDArray[np.int32] = np.empty(rows, np.int32)
        self._time: npt.NDArray[np.int64] = np.empty(rows, np.int64)
        self._bits: npt.NDArray[np.uint64] = np.empty(rows, np.uint64)


def claimed_length(body: bytes) -> int:
    """How many bytes a snappy block says that it has when it is decompressed. Raises MalformedBody."""
    claimed = shift = 0
    for byte in body[:5]:
        claimed |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return claimed
    raise MalformedBody("not a snappy block: it does not begin with a length")


def decompressed(body: bytes, most: int) -> npt.NDArray[np.uint8]:
    """The content of a snappy block. The length that it claims is looked at before anything is allocated for it."""
    claimed = claimed_length(body)
    if claimed > most:
        raise MalformedBody(f"{claimed:,} bytes when decompressed; at most {most:,} are taken")
    data = np.empty(claimed, np.uint8)
    if claimed == 0:
        # The library takes an empty block for an error, and an empty request is none.
        if len(body) > 1:
            raise MalformedBody("not a snappy block: bytes behind its end")
        return data
    try:
        written = cramjam.snappy.decompress_raw_into(body, data.data)
    except cramjam.DecompressionError as error:
        raise MalformedBody(f"not a snappy block: {error}") from None
    assert written == claimed
    return data


def _labels(block: bytes) -> list[tuple[str, str]]:
    """The Label fields of a TimeSeries, which stand one behind the other in `block`, as (name, value)."""
    labels = []
    at = 0
    while at < len(block):
        _, at = _number(block, at, len(block))
        length, at = _number(block, at, len(block))
        labels.append(_label(block, at, at + length))
        at += length
    return labels


def _label(block: bytes, at: int, end: int) -> tuple[str, str]:
    parts = {1: b"", 2: b""}
    while at < end:
        tag, at = _number(block, at, end)
        field, wire = tag >> 3, tag & 7
        if field == 0 or (field in parts and wire != 2):
            raise MalformedBody("not a prometheus.WriteRequest: a label with other fields than a name and a value")
        if wire == 0:
            _, at = _number(block, at, end)
            continue
        if wire == 2:
            length, at = _number(block, at, end)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise MalformedBody("not a prometheus.WriteRequest: a label with a field of an unknown type")
        if length > end - at:
            raise MalformedBody("not a prometheus.WriteRequest: a label ends in the middle of a field")
        if field in parts:
            parts[field] = block[at : at + length]
        at += length
    try:
        return parts[1].decode(), parts[2].decode()
    except UnicodeDecodeError:
        raise MalformedBody(f"a label that is not UTF-8: {parts[1]!r}, {parts[2]!r}") from None


def _number(block: bytes, at: int, end: int) -> tuple[int, int]:
    """The varint at `at`, and the byte behind it."""
    value = 0
    for i, byte in enumerate(block[at : min(end, at + 10)]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise MalformedBody("not a prometheus.WriteRequest: a label ends in the middle of a number")


def _spelt(labels: list[tuple[str, str]]) -> bytes:
    """The labels as the specification wants them: by name, in the shortest form, without those that have no value and
    so are as good as not there. Raises MalformedBody where they cannot be the labels of a series."""
    check_labels(labels)
    return b"".join(
        b"\x0a" + _sized(b"\x0a" + _sized(name.encode()) + b"\x12" + _sized(value.encode()))
        for name, value in sorted(labels)
        if value
    )


def check_labels(labels: list[tuple[str, str]]) -> None:
    """Raises MalformedBody where they cannot be the labels of a series."""
    names = [name for name, _ in labels]
    if "" in names:
        raise MalformedBody("a label without a name")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedBody(f"a series with two labels {twice!r}")
    if not any(value for _, value in labels):
        raise MalformedBody("a time series without labels")


def _sized(content: bytes) -> bytes:
    length, head = len(content), b""
    while length > 0x7F:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + content
