"""Labelled samples as JSON lines, as they are set aside: one object a line, with `labels`, `time` (RFC 3339 with its
zone) and `value`."""

from collections.abc import Sequence

import msgspec
import numpy as np

from upheld.agreements.units import format_instant, parse_instant
from upheld.readers.bodies import MalformedBody
from upheld.readers.remote_write import Labels, Samples


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

    def __init__(self) -> None:
        self._codes: dict[Labels, int] = {}
        self._labels: list[Labels] = []

    def __len__(self) -> int:
        return len(self._labels)

    def labels(self, code: int) -> Labels:
        """The labels of a series, by name."""
        return self._labels[code]

    def decode(self, body: bytes) -> Samples:
        """Raises MalformedBody; nothing of it is kept then."""
        try:
            lines = _lines.decode_lines(body)
            times = [parse_instant(line.time) for line in lines]
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise MalformedBody(f"not lines of samples: {error}") from None
        series = [self._code(tuple(sorted(line.labels.items()))) for line in lines]
        return Samples(
            series=np.array(series, np.int32),
            time=np.array(times, np.int64),
            value=np.array([line.value for line in lines], np.float64),
        )

    def _code(self, labels: Labels) -> int:
        if labels not in self._codes:
            self._codes[labels] = len(self._labels)
            self._labels.append(labels)
        return self._codes[labels]
