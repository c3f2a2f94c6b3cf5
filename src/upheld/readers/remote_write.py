"""Prometheus remote write 1.0 (a snappy block of a protobuf `prometheus.WriteRequest`) -> columns.

Specification: https://prometheus.io/docs/specs/prw/remote_write_spec/. A sender repeats the labels of a series with
every sample. Here they are read once, when the series first comes; after that its bytes are recognised.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import cramjam
import numpy as np
import numpy.typing as npt

from upheld.readers.bodies import MalformedBody
from upheld.readers.remote_write_scan import At, Stopped, enter, forget, intern, odd, scan

Labels = tuple[tuple[str, str], ...]
"""The (name, value) of a series by name; the metric's name is the value of `__name__`."""

MAX_BYTES = 32 * 2**20
"""A request that is longer than this when it is decompressed is refused, as Prometheus does."""
MAX_SERIES = 4_000_000

_WORDS = {
    Stopped.TRUNCATED: "it ends in the middle of a field",
    Stopped.BAD_VARINT: "a number of more than 10 bytes",
    Stopped.BAD_FIELD: "a field number that no message has",
    Stopped.BAD_WIRE_TYPE: "a field of another type than a prometheus.WriteRequest of remote write 1.0 has",
    Stopped.NO_LABELS: "a time series without labels",
    Stopped.BAD_TIME: "a timestamp that is not between the years 1 and 9999 (milliseconds)",
}


@dataclass(frozen=True, slots=True)
class Samples:
    """The samples of a request as columns, in the order of the request: the code of the series (int32), the instant
    (int64, microseconds UTC) and the value (float64, finite). `stale` counts the samples that only said that their
    series has ended, `not_finite` those whose value was NaN or infinite, `histograms` the native histograms: all of
    these are left out."""

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

    # By code: the hash of its label bytes, where they start in the arena, the code that came behind it last time, the
    # code of the proper spelling of its labels.
    _hashes: npt.NDArray[np.uint64]
    _starts: npt.NDArray[np.int64]
    _follows: npt.NDArray[np.int32]
    _alias: npt.NDArray[np.int32]
    _arena: npt.NDArray[np.uint8]
    _table: npt.NDArray[np.int32]
    # The rows of the request that is being read; their room is kept for the next.
    _series: npt.NDArray[np.int32]
    _time: npt.NDArray[np.int64]
    _bits: npt.NDArray[np.uint64]

    def __init__(self, *, max_series: int = MAX_SERIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_series, self._max_bytes = max_series, max_bytes
        # Without a seed that nobody knows, a sender could choose labels that all have one hash.
        self._seed = np.uint64(secrets.randbits(64))
        self._progress = np.zeros(len(At), np.int64)
        self._progress[At.LAST] = -1
        self._arena = np.empty(1 << 16, np.uint8)
        self._make_room(1 << 10)
        self._alias = np.arange(1 << 10, dtype=np.int32)
        self._aliased = False
        self._rows(1 << 10)

    def __len__(self) -> int:
        """How many codes were given."""
        return int(self._progress[At.CODES])

    def labels(self, code: int) -> Labels:
        """The labels of a series, by name. Raises IndexError for a code that was not given."""
        if not 0 <= code < len(self):
            raise IndexError(f"series {code}; there are {len(self)}")
        return tuple(_labels(self._block(self._alias[code])))

    def decode(self, body: bytes) -> Samples:
        """The samples of a request's body. Raises MalformedBody where it cannot be read or is too large; nothing of it
        is kept then."""
        data = _decompress(body, self._max_bytes)
        known, arena = len(self), int(self._progress[At.ARENA])
        try:
            self._scan(data)
            self._check_new(known)
        except MalformedBody:
            forget(self._hashes, known, len(self), self._table)
            self._progress[[At.CODES, At.ARENA, At.LAST]] = known, arena, -1
            raise
        rows = int(self._progress[At.ROWS])
        series = self._series[:rows]
        return Samples(
            series=self._alias[series] if self._aliased else series.copy(),
            time=self._time[:rows].copy(),
            value=self._bits[:rows].view(np.float64).copy(),
            stale=int(self._progress[At.STALE]),
            not_finite=int(self._progress[At.NOT_FINITE]),
            histograms=int(self._progress[At.HISTOGRAMS]),
        )

    def _scan(self, data: npt.NDArray[np.uint8]) -> None:
        self._progress[[At.BYTE, At.SERIES, At.ROWS, At.STALE, At.NOT_FINITE, At.HISTOGRAMS]] = 0
        while (stopped := self._scan_on(data)) is not Stopped.DONE:
            if stopped is Stopped.FULL:
                self._rows(2 * len(self._time))
            elif stopped is Stopped.CROWDED:
                self._grow(len(data))
            else:
                series, byte = self._progress[[At.SERIES, At.BYTE]]
                raise MalformedBody(
                    f"not a prometheus.WriteRequest: time series {series + 1}, byte {byte}: {_WORDS[stopped]}"
                )

    def _scan_on(self, data: npt.NDArray[np.uint8]) -> Stopped:
        known = self._seed, self._table, self._hashes, self._starts, self._follows, self._arena, self._progress
        return Stopped(scan(data, *known, self._series, self._time, self._bits))

    def _check_new(self, known: int) -> None:
        """Looks at the labels of the series from `known` on, and gives those that are spelt in another way than the
        specification has it (another order of names) the code of the proper spelling."""
        if (new := len(self)) == known:
            return
        if new > self._max_series:
            raise MalformedBody(f"more than {self._max_series:,} series")
        self._alias = _roomy(self._alias, new)
        self._alias[known:new] = np.arange(known, new)
        for code in self._to_look_at(known, new):
            block = self._block(code)
            proper = _spelt(_labels(block))
            if proper != block:
                canonical = self._intern(np.frombuffer(bytearray(proper), np.uint8))
                self._alias = _roomy(self._alias, canonical + 1)
                self._alias[[canonical, code]] = canonical
                self._aliased = True

    def _to_look_at(self, known: int, new: int) -> list[int]:
        """The codes whose labels have to be read one by one: mostly none."""
        try:
            # Between two texts of plain labels there is an ASCII byte: if all is UTF-8, each of them is.
            self._arena[self._starts[known] : self._starts[new]].tobytes().decode()
        except UnicodeDecodeError:
            return list(range(known, new))
        return [int(code) for code in odd(self._arena, self._starts, known, new)]

    def _intern(self, block: npt.NDArray[np.uint8]) -> int:
        known = self._seed, self._table, self._hashes, self._starts
        while (code := intern(block, *known, self._arena, self._progress)) < 0:
            self._grow(len(block))
            known = self._seed, self._table, self._hashes, self._starts
        return int(code)

    def _block(self, code: int) -> bytes:
        return self._arena[self._starts[code] : self._starts[code + 1]].tobytes()

    def _rows(self, rows: int) -> None:
        """Room for so many rows; those that are there stay."""
        written = int(self._progress[At.ROWS])
        series, time, bits = np.empty(rows, np.int32), np.empty(rows, np.int64), np.empty(rows, np.uint64)
        if written:
            series[:written], time[:written] = self._series[:written], self._time[:written]
            bits[:written] = self._bits[:written]
        self._series, self._time, self._bits = series, time, bits

    def _grow(self, more: int) -> None:
        """Twice the room for codes where it is used up, and room for `more` bytes of labels."""
        codes = len(self)
        if codes > self._max_series:
            raise MalformedBody(f"more than {self._max_series:,} series")
        self._arena = _roomy(self._arena, int(self._progress[At.ARENA]) + more)
        if 2 * (codes + 1) > len(self._table):
            self._make_room(2 * (len(self._starts) - 1))

    def _make_room(self, codes: int) -> None:
        old, size = len(self), codes + 1
        hashes, starts = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        follows = np.full(size, -1, np.int32)
        if old:
            hashes[:old], starts[: old + 1] = self._hashes[:old], self._starts[: old + 1]
            follows[:old] = self._follows[:old]
        self._hashes, self._starts, self._follows = hashes, starts, follows
        self._table = np.zeros(2 * codes, np.int32)
        enter(hashes, old, self._table)


def _roomy(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The array, with at least `size` places."""
    if size <= len(array):
        return array
    larger = np.empty(max(size, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger


def _decompress(body: bytes, most: int) -> npt.NDArray[np.uint8]:
    """The content of a snappy block. The length that it claims is looked at before anything is allocated for it."""
    claimed = shift = 0
    for byte in body[:5]:
        claimed |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    else:
        raise MalformedBody("not a snappy block: it does not begin with a length")
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
    names = [name for name, _ in labels]
    if "" in names:
        raise MalformedBody("a label without a name")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedBody(f"a series with two labels {twice!r}")
    if not any(value for _, value in labels):
        raise MalformedBody("a time series without labels")
    return b"".join(
        b"\x0a" + _sized(b"\x0a" + _sized(name.encode()) + b"\x12" + _sized(value.encode()))
        for name, value in sorted(labels)
        if value
    )


def _sized(content: bytes) -> bytes:
    length, head = len(content), b""
    while length > 0x7F:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return head + bytes([length]) + content
