"""`io.prometheus.write.v2.Request` for the real protobuf package, described here so that no file is generated.

After Prometheus' prompb/io/prometheus/write/v2/types.proto, with the start timestamp of a sample as the specification
of 2.0-rc.4 has it.
"""

from collections.abc import Iterable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from readers.remote_write_request import Sent, packed

_FIELD = descriptor_pb2.FieldDescriptorProto
_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
_MESSAGES: dict[str, list[tuple[str, int, int | str, bool]]] = {
    "Sample": [
        ("value", 1, _FIELD.TYPE_DOUBLE, False),
        ("timestamp", 2, _FIELD.TYPE_INT64, False),
        ("start_timestamp", 3, _FIELD.TYPE_INT64, False),
    ],
    "Histogram": [
        ("count_int", 1, _FIELD.TYPE_UINT64, False),
        ("sum", 3, _FIELD.TYPE_DOUBLE, False),
        ("schema", 4, _FIELD.TYPE_SINT32, False),
        ("positive_deltas", 12, _FIELD.TYPE_SINT64, True),
        ("timestamp", 15, _FIELD.TYPE_INT64, False),
    ],
    "Exemplar": [
        ("labels_refs", 1, _FIELD.TYPE_UINT32, True),
        ("value", 2, _FIELD.TYPE_DOUBLE, False),
        ("timestamp", 3, _FIELD.TYPE_INT64, False),
    ],
    "Metadata": [
        ("type", 1, _FIELD.TYPE_INT32, False),
        ("help_ref", 3, _FIELD.TYPE_UINT32, False),
        ("unit_ref", 4, _FIELD.TYPE_UINT32, False),
    ],
    "TimeSeries": [
        ("labels_refs", 1, _FIELD.TYPE_UINT32, True),
        ("samples", 2, "Sample", True),
        ("histograms", 3, "Histogram", True),
        ("exemplars", 4, "Exemplar", True),
        ("metadata", 5, "Metadata", False),
        ("created_timestamp", 6, _FIELD.TYPE_INT64, False),
    ],
    "Request": [("symbols", 4, _FIELD.TYPE_STRING, True), ("timeseries", 5, "TimeSeries", True)],
}


_PASSED_OVER = {"histograms", "exemplars", "metadata"}


def _request_class(package: str, *, opened: bool) -> Any:
    """With all that a request may hold; or, not `opened`, with texts that need not be UTF-8, and what no measurement is
    made of as plain bytes: what a reader may take that looks at nothing that it does not need."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            field = described.field.add(name=name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if repeated:
                field.label = _REPEATED
            if not opened and (name in _PASSED_OVER or name == "symbols"):
                field.type = _FIELD.TYPE_BYTES
            elif isinstance(kind, str):
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                field.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Request"))


Request: Any = _request_class("io.prometheus.write.v2", opened=True)
Unopened: Any = _request_class("io.prometheus.write.v2", opened=False)


class Symbols:
    """The table of a request that is being made."""

    def __init__(self, request: Any, texts: Iterable[str] = ("",)) -> None:
        self._table, self._places = request.symbols, {}
        for text in texts:
            self.of(text)

    def of(self, text: str) -> int:
        if text not in self._places:
            self._places[text] = len(self._table)
            self._table.append(text)
        return self._places[text]


def request(series: Iterable[Sent], first: Iterable[str] = ()) -> Any:
    """A Request with these time series, in their order and with their labels in theirs; `first` are texts that stand
    before theirs in its table."""
    made = Request()
    symbols = Symbols(made, ("", *first))
    for labels, samples in series:
        one = made.timeseries.add()
        one.labels_refs.extend(symbols.of(text) for label in labels for text in label)
        for timestamp, value in samples:
            one.samples.add(timestamp=timestamp, value=value)
    return made


def body(series: Iterable[Sent], first: Iterable[str] = ()) -> bytes:
    """The body of a request with these time series."""
    return packed(request(series, first).SerializeToString())
