"""Prometheus remote write 2.0 (a snappy block of a protobuf `io.prometheus.write.v2.Request`) -> columns.

Specification: https://prometheus.io/docs/specs/prw/remote_write_spec_2_0/. A request has each text once, in its table
of symbols, and the labels of its series as references to it. Exemplars, metadata and start timestamps are passed over.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from upheld.readers.body_faults import MalformedBody
from upheld.readers.known_bytes import KnownBytes, roomy
from upheld.readers.protobuf_scan import Stopped
from upheld.readers.remote_write import (
    MAX_BYTES,
    MAX_LABELS,
    MAX_SERIES,
    WORDS,
    Labels,
    Rows,
    Samples,
    check_labels,
    decompressed,
)
from upheld.readers.remote_write_2_scan import At2, find_symbols, odd2, scan2

MAX_SYMBOLS = 1 << 20
"""A request with more symbols is refused."""


class Decoder2:
    """Decodes requests, one at a time, and knows every series that came: equal labels have equal codes, from 0 on, as
    long as the decoder lives. It holds about 50 bytes of each series, 8 of each of its labels, and about 50 bytes and
    the text of each name and value that its series use.

    More than `max_series` series, or a request of more than `max_bytes` when decompressed, are refused."""

    def __init__(self, *, max_series: int = MAX_SERIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._progress = np.zeros(len(At2), np.int64)
        self._symbols = KnownBytes(16 * max_series, "names and values of labels")
        self._known = KnownBytes(max_series, "series")
        # By code: that of the proper order of its labels.
        self._alias: npt.NDArray[np.int32] = np.arange(1 << 10, dtype=np.int32)
        self._aliased = False
        self._begins: npt.NDArray[np.int32] = np.empty(1 << 10, np.int32)
        self._key: npt.NDArray[np.int32] = np.empty(2 * MAX_LABELS, np.int32)
        self._rows = Rows()

    def __len__(self) -> int:
        """How many codes were given."""
        return len(self._known)

    def labels(self, code: int) -> Labels:
        """The labels of a series, by name. Raises IndexError for a code that was not given."""
        if not 0 <= code < len(self):
            raise IndexError(f"series {code}; there are {len(self)}")
        return tuple(self._labels(int(self._alias[code])))

    def decode(self, body: bytes) -> Samples:
        """The samples of a request's body, those that are not finite and native histograms among them. Raises
        MalformedBody where it cannot be read or is too large; nothing of it is kept then."""
        data = decompressed(body, self._max_bytes)
        symbols, series = self._symbols.mark(), self._known.mark()
        try:
            self._find_symbols(data)
            self._scan(data)
            self._check_new(symbols[0], series[0])
        except MalformedBody:
            self._symbols.go_back(symbols)
            self._known.go_back(series)
            raise
        codes, time, value = self._rows.taken(int(self._progress[At2.ROWS]))
        return Samples(
            series=self._alias[codes] if self._aliased else codes,
            time=time,
            value=value,
            stale=int(self._progress[At2.STALE]),
        )

    def _find_symbols(self, data: npt.NDArray[np.uint8]) -> None:
        self._progress[:] = 0
        while (stopped := Stopped(find_symbols(data, self._progress, self._begins))) is not Stopped.DONE:
            if stopped is not Stopped.FULL:
                raise MalformedBody(f"{_NOT} byte {self._progress[At2.BYTE]}: {WORDS[stopped]}")
            if len(self._begins) >= MAX_SYMBOLS:
                raise MalformedBody(f"more than {MAX_SYMBOLS:,} symbols in a request")
            self._begins = roomy(self._begins, len(self._begins) + 1)

    def _scan(self, data: npt.NDArray[np.uint8]) -> None:
        self._progress[At2.BYTE] = 0
        numbers = np.full(self._progress[At2.SYMBOLS], -1, np.int32)
        while (stopped := self._scan_on(data, numbers)) is not Stopped.DONE:
            if stopped is Stopped.FULL:
                self._rows.grow(int(self._progress[At2.ROWS]))
            elif stopped is Stopped.CROWDED:
                self._symbols.grow(len(data))
                self._known.grow(self._key.nbytes)
            else:
                series, byte = self._progress[[At2.SERIES, At2.BYTE]]
                raise MalformedBody(f"{_NOT} time series {series + 1}, byte {byte}: {WORDS[stopped]}")

    def _scan_on(self, data: npt.NDArray[np.uint8], numbers: npt.NDArray[np.int32]) -> Stopped:
        request = data, self._begins, numbers, self._key, self._key.view(np.uint8)
        known = *self._symbols.arrays, *self._known.arrays
        return Stopped(scan2(*(*request, *known, self._progress, *self._rows.arrays)))

    def _check_new(self, symbols: int, series: int) -> None:
        """Looks at the texts from `symbols` and the series from `series` on, and gives those whose labels are in
        another order than the specification has it the code of the proper order."""
        if (new := len(self)) == series:
            return
        self._known.check()
        self._symbols.check()
        self._check_texts(symbols)
        self._alias = roomy(self._alias, new)
        self._alias[series:new] = np.arange(series, new)
        numbers = self._known.arena[: 4 * (len(self._known.arena) // 4)].view(np.int32)
        texts = self._symbols.arena, self._symbols.starts
        for code in odd2(*(numbers, self._known.starts, series, new, *texts)).tolist():
            labels = self._labels(code)
            check_labels(labels)
            by_text = dict(zip(self._texts(code), self._numbers(code).tolist(), strict=True))
            proper = [by_text[text] for label in sorted(labels) if label[1] for text in label]
            canonical = self._known.intern(np.array(proper, np.int32).view(np.uint8))
            self._alias = roomy(self._alias, canonical + 1)
            self._alias[[canonical, code]] = canonical
            self._aliased = True

    def _check_texts(self, known: int) -> None:
        if self._symbols.since(known).isascii():
            return
        for code in range(known, len(self._symbols)):
            text = self._symbols[code]
            try:
                text.decode()
            except UnicodeDecodeError:
                raise MalformedBody(f"a label that is not UTF-8: {text!r}") from None

    def _numbers(self, code: int) -> npt.NDArray[Any]:
        return np.frombuffer(self._known[code], np.int32)

    def _texts(self, code: int) -> list[str]:
        return [self._symbols[number].decode() for number in self._numbers(code).tolist()]

    def _labels(self, code: int) -> list[tuple[str, str]]:
        texts = self._texts(code)
        return list(zip(texts[::2], texts[1::2], strict=True))


_NOT = "not an io.prometheus.write.v2.Request:"
