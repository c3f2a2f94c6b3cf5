"""The OpenTelemetry SDK exports to a real server."""

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from .conftest import Server
from .test_prometheus import PORTFOLIO

MAPPING = """
series:
  - labels: {__name__: line.reachable, service.name: prober}
    service: "{line}"
    metric: reachable
  - labels: {__name__: line.delay}
    service: "{line}"
    metric: rtt
    scale: 1000
"""


def exported(server: Server, compression: Compression) -> bool:
    """A provider with three instruments, flushed once; whether the exporter was told that all went well."""
    exporter = OTLPMetricExporter(
        endpoint=f"{server.url}/v1/metrics",
        headers={"Authorization": f"Bearer {server.key}"},
        compression=compression,
        timeout=20,
    )
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], Resource.create({"service.name": "prober"}))
    meter = provider.get_meter("test")
    meter.create_gauge("line.reachable").set(1, {"line": "line-1"})
    meter.create_gauge("line.delay").set(0.07, {"line": "line-1"})
    meter.create_histogram("line.jitter").record(3, {"line": "line-1"})
    flushed = provider.force_flush()
    provider.shutdown()
    return flushed


def test_what_the_sdk_exports_is_there(server: Server) -> None:
    server.put("/v1/agreements", PORTFOLIO)
    server.put("/v1/mapping", MAPPING)
    assert exported(server, Compression.NoCompression)
    # The SDK exports when it is flushed and once more when it is shut down.
    assert {point["value"] for point in server.points("line-1", "reachable")} == {1}
    assert {point["value"] for point in server.points("line-1", "rtt")} == {70}
    assert exported(server, Compression.Gzip)
    assert exported(server, Compression.Deflate)
    assert len(server.points("line-1", "rtt")) >= 3
    became = server.client.get("/v1/mapping/series").json()["series"]
    assert {one["labels"]["__name__"]: one["read"] for one in became} == {"line.delay": True, "line.reachable": True}
    assert all(one["labels"]["service.name"] == "prober" for one in became)
