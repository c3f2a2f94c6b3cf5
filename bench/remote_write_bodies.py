"""Remote-write requests (1.0 and 2.0) as an agent sends them, made with protobuf and snappy."""

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PER_REQUEST = 500
"""Series in a request; with one sample each, Prometheus 2.42's default `max_samples_per_send`."""

_FIELD = descriptor_pb2.FieldDescriptorProto
_Fields = dict[str, list[tuple[str, int, int | str]]]
_SAMPLE: _Fields = {"Sample": [("value", 1, _FIELD.TYPE_DOUBLE), ("timestamp", 2, _FIELD.TYPE_INT64)]}
_MESSAGES: _Fields = _SAMPLE | {
    "Label": [("name", 1, _FIELD.TYPE_STRING), ("value", 2, _FIELD.TYPE_STRING)],
    "TimeSeries": [("labels", 1, "Label"), ("samples", 2, "Sample")],
    "WriteRequest": [("timeseries", 1, "TimeSeries")],
}
_REPEATED = {("TimeSeries", "labels_refs"), ("Request", "symbols")}
_MESSAGES_2: _Fields = _SAMPLE | {
    "TimeSeries": [("labels_refs", 1, _FIELD.TYPE_UINT32), ("samples", 2, "Sample")],
    "Request": [("symbols", 4, _FIELD.TYPE_STRING), ("timeseries", 5, "TimeSeries")],
}


def _request_class(package: str, messages: _Fields) -> Any:
    """The last of the messages. What refers to a message is repeated, and what is in `_REPEATED`."""
    file = descriptor_pb2.FileDescriptorProto(name=f"upheld_bench_{package}.proto", package=package, syntax="proto3")
    for message, fields in messages.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = described.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = kind
            if isinstance(kind, str) or (message, name) in _REPEATED:
                field.label = _FIELD.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{list(messages)[-1]}"))


WriteRequest: Any = _request_class("prometheus", _MESSAGES)
Request2: Any = _request_class("io.prometheus.write.v2", _MESSAGES_2)


def labels_of(i: int) -> tuple[tuple[str, str], ...]:
    """The labels of the i-th series: those of a probe of a customer's service."""
    return (
        ("__name__", "probe_success"),
        ("customer", f"customer-{i // 20:04d}"),
        ("instance", f"pe{i:06d}.example.net:9115"),
        ("job", "blackbox"),
        ("service", f"vpn-{i:06d}"),
    )


def minutes(count: int, first: int, bad: Sequence[Set[int]], apart: int = 0, every: int = 60_000) -> Sequence[bytes]:
    """The bodies of successive scrapes of `count` series, one a minute or `every` so many milliseconds, the first at
    `first`, with all the samples of a series together. Every value is 1 but, at each scrape, that of the series in its
    set, which is 0. What is in a request was scraped `apart` milliseconds after what is in the one before."""
    bad_in: dict[int, list[int]] = defaultdict(list)
    for m, those in enumerate(bad):
        for i in those:
            bad_in[i].append(m)
    bodies = []
    for begin in range(0, count, PER_REQUEST):
        request, usual = WriteRequest(), WriteRequest().timeseries.add()
        for m in range(len(bad)):
            usual.samples.add(value=1.0, timestamp=first + every * m + begin // PER_REQUEST * apart)
        for i in range(begin, min(begin + PER_REQUEST, count)):
            series = request.timeseries.add()
            for name, text in labels_of(i):
                series.labels.add(name=name, value=text)
            series.samples.extend(usual.samples)
            for m in bad_in.get(i, ()):
                series.samples[m].value = 0.0
        bodies.append(bytes(cramjam.snappy.compress_raw(request.SerializeToString())))
    return bodies


def as_2(bodies: Sequence[bytes]) -> Sequence[bytes]:
    """The same requests in remote write 2.0: each text once, numbered as the series come to it."""
    made = []
    for body in bodies:
        request, places = Request2(symbols=[""]), {"": 0}
        for series in WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body))).timeseries:
            one = request.timeseries.add()
            texts = [text for label in series.labels for text in (label.name, label.value)]
            one.labels_refs.extend(places.setdefault(text, len(places)) for text in texts)
            for sample in series.samples:
                one.samples.add(value=sample.value, timestamp=sample.timestamp)
        request.symbols[:] = places
        made.append(bytes(cramjam.snappy.compress_raw(request.SerializeToString())))
    return made
