"""Spans of the process's work, sent over OTLP. Needs the extra `tracing`: imported only where traces are asked for.

Nothing is global: each application has a provider of its own. Of an exception a span has the type and never the text,
for texts carry data.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from upheld.recorder import Attribute, Recorder, Span

_W3C = TraceContextTextMapPropagator()


class _Recorded(Span):
    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    def named(self, name: str) -> None:
        self._span.update_name(name)

    def tell(self, **attributes: Attribute) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(_ATTRIBUTES.get(name, f"upheld.{name}"), value)

    def failed(self, why: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, why))


_ATTRIBUTES = {"method": "http.request.method", "route": "http.route", "status": "http.response.status_code"}
"""Where OpenTelemetry's semantic conventions have a name."""


class Traces(Recorder):
    """Records spans and sends them to `endpoint` (OTLP/HTTP), with `sample` as the share of the traces that begin here;
    of a trace that began elsewhere, its beginner has decided."""

    def __init__(self, endpoint: str, sample: float) -> None:
        resource = Resource.create({"service.name": "upheld", "service.version": version("upheld")})
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sample)), resource=resource, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=5)))
        self._tracer = self._provider.get_tracer("upheld", version("upheld"))

    @contextmanager
    def span(
        self,
        name: str,
        *,
        carried: Mapping[str, str] | None = None,
        lasting: float = 0,
        kind: str = "internal",
        **attributes: Attribute,
    ) -> Iterator[Span]:
        parent = _W3C.extract(carried, Context()) if carried else None
        span = self._tracer.start_span(
            name,
            parent,
            kind=SpanKind[kind.upper()],
            start_time=time.time_ns() - int(lasting * 1e9),
        )
        recorded = _Recorded(span)
        recorded.tell(**attributes)
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield recorded
            except Exception as error:
                recorded.failed(type(error).__name__)
                raise

    def carried(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        _W3C.inject(found)
        return found

    def trace_id(self) -> str | None:
        context = get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None

    def close(self) -> None:
        self._provider.shutdown()
