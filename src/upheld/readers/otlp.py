"""OpenTelemetry metrics (an `ExportMetricsServiceRequest` of OTLP 1) -> samples with labels.

Specification: https://opentelemetry.io/docs/specs/otlp/. A point's labels are the attributes of its resource and its
own, its own before the resource's; the metric's name is the label `__name__`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags

from upheld.measurements.mapping import DELTA, TEMPORALITY
from upheld.readers.body_faults import MalformedBody
from upheld.readers.known_bytes import TooManySeries
from upheld.readers.remote_write import Labels, Samples

MAX_SERIES = 200_000
_LATEST = 253_402_300_799_999_999
"""The end of the year 9999, in microseconds UTC."""
_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_SHAPED = ("histogram", "exponential_histogram", "summary")


def from_json(body: bytes) -> bytes:
    """A request in OTLP's JSON form -> the same in its binary form. Raises MalformedBody."""
    try:
        return Parse(body, ExportMetricsServiceRequest(), ignore_unknown_fields=True).SerializeToString()
    except (ParseError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(f"not an ExportMetricsServiceRequest in JSON: {str(error)[:200]}") from None


class OtlpDecoder:
    """Decodes requests, one at a time, and knows every series that came: equal labels have equal codes, from 0 on."""

    def __init__(self, *, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._codes: dict[Labels, int] = {}
        self._labels: list[Labels] = []

    def __len__(self) -> int:
        """How many codes were given."""
        return len(self._labels)

    def labels(self, code: int) -> Labels:
        """The labels of a series, by name."""
        return self._labels[code]

    def decode(self, body: bytes) -> Samples:
        """The gauges and sums of a request in the binary form; of the others `histograms` counts the points. Raises
        MalformedBody where it cannot be read, TooManySeries among them; nothing of it is kept then."""
        request = ExportMetricsServiceRequest()
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            raise MalformedBody(f"not an ExportMetricsServiceRequest: {error}") from None
        points, stale, histograms = [], 0, 0
        for own, metric in _metrics(request):
            kind = metric.WhichOneof("data")
            if kind in _SHAPED:
                histograms += len(getattr(metric, kind).data_points)
                continue
            for point in getattr(metric, kind).data_points if kind else ():
                if point.flags & _NO_VALUE:
                    stale += 1
                    continue
                labels = _labels(metric.name, own, point.attributes, delta=_tells_rises(metric))
                points.append((labels, _time(point), _value(point)))
        codes = self._learn([labels for labels, _, _ in points])
        values = np.array([value for _, _, value in points], np.float64)
        finite = np.isfinite(values)
        return Samples(
            series=np.array(codes, np.int32)[finite],
            time=np.array([time for _, time, _ in points], np.int64)[finite],
            value=values[finite],
            stale=stale,
            not_finite=int(np.count_nonzero(~finite)),
            histograms=histograms,
        )

    def _learn(self, labels: list[Labels]) -> list[int]:
        new = [one for one in dict.fromkeys(labels) if one not in self._codes]
        if len(self) + len(new) > self._max_series:
            raise TooManySeries(f"more than {self._max_series:,} series")
        for one in new:
            self._codes[one] = len(self._labels)
            self._labels.append(one)
        return [self._codes[one] for one in labels]


def _metrics(request: ExportMetricsServiceRequest) -> Iterator[tuple[Mapping[str, str], Any]]:
    """Each metric with the attributes of its resource."""
    for resource in request.resource_metrics:
        own = {one.key: _text(one.value) for one in resource.resource.attributes}
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield own, metric


def _tells_rises(metric: Any) -> bool:
    """Whether a sum tells by how much it rose, and not how much it has come to."""
    temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    return metric.WhichOneof("data") == "sum" and bool(metric.sum.aggregation_temporality == temporality)


def _labels(name: str, own: Mapping[str, str], attributes: Any, *, delta: bool) -> Labels:
    if not name:
        raise MalformedBody("a metric without a name")
    labels = {**own, **{one.key: _text(one.value) for one in attributes}, "__name__": name}
    if delta:
        labels[TEMPORALITY] = DELTA
    return tuple(sorted((label, text) for label, text in labels.items() if label and text))


def _time(point: Any) -> int:
    at = int(point.time_unix_nano) // 1000
    if not 0 < at <= _LATEST:
        raise MalformedBody(f"a point of time_unix_nano {point.time_unix_nano}: must lie between 1970 and 9999")
    return at


def _value(point: Any) -> float:
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _text(value: Any) -> str:
    """An attribute's value as a label has it: lists and maps as JSON."""
    kind = value.WhichOneof("value")
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind in ("array_value", "kvlist_value", "bytes_value"):
        return json.dumps(_plain(value), sort_keys=True)
    return str(getattr(value, kind)) if kind else ""


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {one.key: _plain(one.value) for one in value.kvlist_value.values}
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return getattr(value, kind) if kind else None
