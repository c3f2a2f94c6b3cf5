"""`prometheus.WriteRequest` for the real protobuf package, described here so that no file is generated."""

from collections.abc import Iterable
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_MESSAGES = {
    "Label": [("name", 1, _FIELD.TYPE_STRING), ("value", 2, _FIELD.TYPE_STRING)],
    "Sample": [("value", 1, _FIELD.TYPE_DOUBLE), ("timestamp", 2, _FIELD.TYPE_INT64)],
    "Exemplar": [("labels", 1, "Label"), ("value", 2, _FIELD.TYPE_DOUBLE), ("timestamp", 3, _FIELD.TYPE_INT64)],
    "Histogram": [("count_int", 1, _FIELD.TYPE_UINT64), ("sum", 3, _FIELD.TYPE_DOUBLE)],
    "TimeSeries": [
        ("labels", 1, "Label"),
        ("samples", 2, "Sample"),
        ("exemplars", 3, "Exemplar"),
        ("histograms", 4, "Histogram"),
    ],
    "MetricMetadata": [("type", 1, _FIELD.TYPE_INT32), ("metric_family_name", 2, _FIELD.TYPE_STRING)],
    "WriteRequest": [("timeseries", 1, "TimeSeries"), ("metadata", 3, "MetricMetadata")],
}


def _request_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="upheld_remote.proto", package="prometheus", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = described.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.label, field.type, field.type_name = (
                    _FIELD.LABEL_REPEATED,
                    _FIELD.TYPE_MESSAGE,
                    f".prometheus.{kind}",
                )
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest: Any = _request_class()

Sent = tuple[Iterable[tuple[str, str]], Iterable[tuple[int, float]]]
"""A time series: its labels, and its samples as (milliseconds, value)."""


def request(series: Iterable[Sent]) -> Any:
    """A WriteRequest with these time series, in their order and with their labels in theirs."""
    made = WriteRequest()
    for labels, samples in series:
        one = made.timeseries.add()
        for name, value in labels:
            one.labels.add(name=name, value=value)
        for timestamp, value in samples:
            one.samples.add(timestamp=timestamp, value=value)
    return made


def packed(raw: bytes) -> bytes:
    """Bytes as a snappy block, as a sender has them in the body of its request."""
    return bytes(cramjam.snappy.compress_raw(raw))


def body(series: Iterable[Sent]) -> bytes:
    """The body of a request with these time series."""
    return packed(request(series).SerializeToString())
