"""Labelled samples as JSON lines, as they are set aside: one object a line, with `labels`, `time` (RFC 3339 with its
zone) and `value`."""

from collections.abc import Sequence

import msgspec
import numpy as np

from upheld.agreements.units import format_instant, parse_instant
from upheld.readers.body_faults import MalformedBody
from upheld.readers.known_bytes import TooManySeries
from upheld.readers.remote_write import Labels, Samples

MAX_SERIES = 100_000
"""Series of one tenant that are known at once: more than one body of those that are set aside can have."""


class _Line(msgspec.Struct):
    labels: dict[str, str]
    time: str
    value: float


_lines = msgspec.json.Decoder(_Line)


def to_lines(samples: Sequence[tuple[Labels, int, float]]) -> list[bytes]:
    """Each (labels, microseconds UTC, value) as a line with its end."""
    return [msgspec.json.encode(_Line(dict(who), format_instant(at), value)) + b"\n" for who, at, value in samples]


class SampleLines:
    """Decodes bodies of such lines; see `labelled.Decoding`."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._codes: dict[Labels, int] = {}
        self._labels: list[Labels] = []

    def __len__(self) -> int:
        return len(self._labels)

    def labels(self, code: int) -> Labels:
        """The labels of a series, by name."""
        return self._labels[code]

    def decode(self, body: bytes) -> Samples:
        """Raises MalformedBody, TooManySeries among them; nothing of it is kept then."""
        try:
            lines = _lines.decode_lines(body)
            times = [parse_instant(line.time) for line in lines]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise MalformedBody(f"not lines of samples: {error}") from None
        series = self._learn([tuple(sorted(line.labels.items())) for line in lines])
        return Samples(
            series=np.array(series, np.int32),
            time=np.array(times, np.int64),
            value=np.array([line.value for line in lines], np.float64),
        )

    def _learn(self, labels: list[Labels]) -> list[int]:
        new = [one for one in dict.fromkeys(labels) if one not in self._codes]
        if len(self) + len(new) > self._max_series:
            raise TooManySeries(f"more than {self._max_series:,} series")
        for one in new:
            self._codes[one] = len(self._labels)
            self._labels.append(one)
        return [self._codes[one] for one in labels]
