"""Remote-write requests as an agent sends them, made with protobuf and snappy."""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PER_REQUEST = 500
"""Series in a request; with one sample each, Prometheus 2.42's default `max_samples_per_send`."""

_FIELD = descriptor_pb2.FieldDescriptorProto
_MESSAGES: dict[str, list[tuple[str, int, int | str]]] = {
    "Label": [("name", 1, _FIELD.TYPE_STRING), ("value", 2, _FIELD.TYPE_STRING)],
    "Sample": [("value", 1, _FIELD.TYPE_DOUBLE), ("timestamp", 2, _FIELD.TYPE_INT64)],
    "TimeSeries": [("labels", 1, "Label"), ("samples", 2, "Sample")],
    "WriteRequest": [("timeseries", 1, "TimeSeries")],
}


def _request_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="upheld_bench.proto", package="prometheus", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = described.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".prometheus.{kind}"
                field.label = _FIELD.LABEL_REPEATED
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))


WriteRequest: Any = _request_class()


def labels_of(i: int) -> tuple[tuple[str, str], ...]:
    """The labels of the i-th series: those of a probe of a customer's service."""
    return (
        ("__name__", "probe_success"),
        ("customer", f"customer-{i // 20:04d}"),
        ("instance", f"pe{i:06d}.example.net:9115"),
        ("job", "blackbox"),
        ("service", f"vpn-{i:06d}"),
    )


def minutes(count: int, first: int, bad: Sequence[Set[int]]) -> Sequence[bytes]:
    """The bodies of successive 1-minute scrapes of `count` series, the first at `first` (milliseconds), with all the
    samples of a series together. Every value is 1 but, in each minute, that of the series in its set, which is 0."""
    usual = WriteRequest().timeseries.add()
    for m in range(len(bad)):
        usual.samples.add(value=1.0, timestamp=first + 60_000 * m)
    bad_in: dict[int, list[int]] = defaultdict(list)
    for m, those in enumerate(bad):
        for i in those:
            bad_in[i].append(m)
    bodies = []
    for begin in range(0, count, PER_REQUEST):
        request = WriteRequest()
        for i in range(begin, min(begin + PER_REQUEST, count)):
            series = request.timeseries.add()
            for name, text in labels_of(i):
                series.labels.add(name=name, value=text)
            series.samples.extend(usual.samples)
            for m in bad_in.get(i, ()):
                series.samples[m].value = 0.0
        bodies.append(bytes(cramjam.snappy.compress_raw(request.SerializeToString())))
    return bodies
