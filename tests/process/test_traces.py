"""Traces as a real receiver of OTLP gets them: what hangs together, and that nothing of a customer is in them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from process.conftest import World
from upheld.access import new_key
from upheld.agreements.units import MINUTE, format_instant
from upheld.app import DEFAULT_TENANT, Application
from upheld.measurements.model import Measurement
from upheld.server import create_app

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Takes spans as an OpenTelemetry Collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.spans: list[Span] = []
        self.resource: dict[str, str] = {}
        self.raw = b""

    def one(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.resource = {a.key: a.value.string_value for a in resource.resource.attributes}
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    running = Collector()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


class Traced(World):
    def traced(self, collector: Collector, sample: float = 1.0) -> "Traced":
        endpoint = f"http://127.0.0.1:{collector.server_port}/v1/traces"
        changed = {"traces_endpoint": endpoint, "traces_sample": sample}
        self.settings = self.settings.model_copy(update=changed)
        self.restart()
        return self

    def client(self) -> TestClient:
        secret, key = new_key(DEFAULT_TENANT, "test", "operator", self.clock.now())
        self.application.store.add_key(key)
        return TestClient(create_app(self.application), headers={"Authorization": f"Bearer {secret}"})

    def degrade(self) -> None:
        """Four bad minutes: half of the budget."""
        for minute in range(4):
            at = self.clock.at + minute * MINUTE
            self.take(Measurement("vpn-0042", "reachable", at, 0.0, known_at=at))
        self.clock.at += 5 * MINUTE
        self.process.pulse(DEFAULT_TENANT)


@pytest.fixture
def world(tmp_path) -> Iterator[Traced]:
    made = Traced(tmp_path)
    yield made
    made.stop_relay()


def attributes(span: Span) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def test_a_notice_hangs_together_with_the_pulse_that_caused_it(world: Traced, collector: Collector) -> None:
    world.traced(collector).degrade()
    for _ in range(2):
        world.application.performer.work()
    world.application.stop()

    pulse, send, deliver = (collector.one(name) for name in ("pulse", "send_notice", "deliver"))
    decide = next(
        span for span in collector.spans if span.name == "decide" and attributes(span)["upheld.command"] == "Open"
    )
    assert decide.parent_span_id == pulse.span_id
    assert (send.trace_id, send.parent_span_id) == (pulse.trace_id, decide.span_id)
    assert deliver.parent_span_id == send.span_id
    assert send.kind == Span.SPAN_KIND_CONSUMER
    case, (notice,) = world.case(), world_notices(world)
    assert attributes(send) == {"upheld.tenant": DEFAULT_TENANT, "upheld.notice": notice.id}
    assert attributes(decide)["upheld.case"] == case.id
    assert attributes(deliver) == {"upheld.channel": "email", "upheld.attempt": 1}
    assert attributes(pulse)["upheld.changed"] >= 1
    assert collector.resource["service.name"] == "upheld"
    assert len([span for span in collector.spans if span.name == "append"]) == 4
    for private in (b"carrier.example", b"acme.example", b"Acme", b"/confirm/"):
        assert private not in collector.raw


def world_notices(world: World):
    with world.transaction() as t:
        return t.notices()


def test_the_trace_is_carried_over_a_restart(world: Traced, collector: Collector) -> None:
    world.traced(collector).degrade()
    world.application.stop()
    world.restart()
    world.application.performer.work()
    world.application.stop()
    assert collector.one("send_notice").trace_id == collector.one("pulse").trace_id


def test_a_sending_that_fails_says_so_and_quotes_nothing(world: Traced, collector: Collector) -> None:
    world.traced(collector).degrade()
    world.stop_relay()
    world.application.performer.work()
    world.application.stop()
    deliver = collector.one("deliver")
    assert (deliver.status.code, deliver.status.message) == (Status.STATUS_CODE_ERROR, "DeliveryError")
    assert not deliver.events


def test_a_senders_trace_goes_on_in_ours(world: Traced, collector: Collector) -> None:
    client = world.traced(collector, sample=0.0).client()
    row = f'{{"service": "vpn-0042", "metric": "reachable", "time": "{format_instant(world.clock.at)}", "value": 1}}\n'
    sent = {"Content-Type": "application/x-ndjson", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    answer = client.post("/v1/measurements", content=row, headers=sent)
    assert answer.status_code == 202
    client.post("/v1/measurements", content=row, headers={"Content-Type": "application/x-ndjson"})  # not sampled
    world.application.stop()
    request, append = collector.one("POST /v1/measurements"), collector.one("append")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert request.kind == Span.SPAN_KIND_SERVER
    assert append.parent_span_id == request.span_id
    told = attributes(request)
    assert told.pop("upheld.key")
    assert told == {
        "http.request.method": "POST",
        "http.route": "/v1/measurements",
        "http.response.status_code": 202,
        "upheld.tenant": DEFAULT_TENANT,
    }


def test_nobody_without_a_key_has_anything_traced(world: Traced, collector: Collector) -> None:
    client = world.traced(collector).client()
    sent = {"traceparent": f"00-{TRACE}-{PARENT}-01", "Authorization": "Bearer uph_no"}
    assert client.get("/v1/cases", headers=sent).status_code == 401
    assert client.get("/health/live", headers=sent).status_code == 200
    world.application.stop()
    assert not collector.spans


def test_without_an_endpoint_nothing_is_recorded(world: Traced) -> None:
    world.degrade()
    with world.application.telemetry.span("anything") as span:
        span.tell(case="C-1")
        assert world.application.telemetry.carried() == {}
    with world.transaction() as t:
        assert all("trace" not in entry.data for entry in t.agenda())


def test_what_is_missing_is_named(world: Traced, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "upheld.tracing", None)
    world.settings = world.settings.model_copy(update={"traces_endpoint": "http://127.0.0.1:1/v1/traces"})
    with pytest.raises(ValueError, match=r"pip install 'upheld\[tracing\]'"):
        Application(world.settings, world.clock)
