"""Remote write decoded a second time, by the protobuf package, from requests of which only what matters is opened."""

import math
import re
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from readers.remote_write_2_request import Unopened
from upheld.readers.remote_write import Labels
from upheld.readers.remote_write_scan import STALE

_FIELD = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, list[tuple[str, int, int, str]]] = {
    "Label": [("name", 1, _FIELD.TYPE_BYTES, ""), ("value", 2, _FIELD.TYPE_BYTES, "")],
    "Sample": [("value", 1, _FIELD.TYPE_DOUBLE, ""), ("timestamp", 2, _FIELD.TYPE_INT64, "")],
    "TimeSeries": [("labels", 1, _FIELD.TYPE_BYTES, "*"), ("samples", 2, _FIELD.TYPE_MESSAGE, "Sample")],
    "WriteRequest": [("timeseries", 1, _FIELD.TYPE_MESSAGE, "TimeSeries")],
}
Row = tuple[Labels, int, int]
"""Labels, microseconds and the bits of the value."""
Answer = tuple[list[Row], int]
"""The rows, and how many staleness markers there were."""

STRICTER = re.compile(
    "of another type|without labels|without a name|two labels|timestamp that is not|other fields than|unknown type"
    "|not UTF-8|symbol that is not there|without its value|more than [0-9,]+ (?!bytes)"
)
"""Why a decoder may refuse what the protobuf package reads."""


def _classes() -> tuple[Any, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="upheld_fuzz.proto", package="fuzz", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind, of in fields:
            field = described.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
            if of:
                field.label = _FIELD.LABEL_REPEATED
            if kind == _FIELD.TYPE_MESSAGE:
                field.type_name = f".fuzz.{of}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"fuzz.{n}")) for n in ("WriteRequest", "Label")
    ]
    return found[0], found[1]


_WriteRequest, _Label = _classes()


def by_protobuf(version: int, raw: bytes) -> Answer | None:
    """What a request holds; None where it cannot be read."""
    try:
        return _of_1(raw) if version == 1 else _of_2(raw)
    except (DecodeError, UnicodeDecodeError, IndexError, ValueError):
        return None


def _of_1(raw: bytes) -> Answer:
    rows: list[Row] = []
    stale = 0
    for series in _WriteRequest.FromString(raw).timeseries:
        bits = _bits(series)
        kept = [(s.timestamp, b) for s, b in zip(series.samples, bits, strict=True) if math.isfinite(s.value)]
        stale += bits.count(STALE)
        if kept:
            pairs = [_Label.FromString(label) for label in series.labels]
            labels = _sorted([(pair.name.decode(), pair.value.decode()) for pair in pairs])
            rows += [(labels, millis * 1000, b) for millis, b in kept]
    return rows, stale


def _of_2(raw: bytes) -> Answer:
    """Native histograms are left out of the rows."""
    request = Unopened.FromString(raw)
    symbols = list(request.symbols)
    rows: list[Row] = []
    stale = 0
    for series in request.timeseries:
        bits = _bits(series)
        kept = [(s.timestamp, b) for s, b in zip(series.samples, bits, strict=True) if b != STALE]
        stale += bits.count(STALE)
        if kept:
            texts = [symbols[reference].decode() for reference in series.labels_refs]
            labels = _sorted(list(zip(texts[::2], texts[1::2], strict=True)))
            rows += [(labels, millis * 1000, b) for millis, b in kept if math.isfinite(_value(b))]
    return rows, stale


def _bits(series: Any) -> list[int]:
    values: list[int] = np.array([s.value for s in series.samples], np.float64).view(np.uint64).tolist()
    return values


def _value(bits: int) -> float:
    return float(np.uint64(bits).view(np.float64))


def _sorted(labels: list[tuple[str, str]]) -> Labels:
    return tuple(sorted(label for label in labels if label[1]))
