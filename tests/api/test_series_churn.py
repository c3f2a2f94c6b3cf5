"""Senders whose labels change all the time: what an objective reads is taken, however many series have come."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
import structlog
from fastapi.testclient import TestClient
from httpx import Response

from readers import remote_write_2_request, remote_write_request
from upheld.readers.otlp import OtlpDecoder
from upheld.readers.remote_write import Decoder
from upheld.readers.remote_write_2 import Decoder2
from upheld.taking_in import ingesting
from upheld.taking_in.ingesting import Protocol

from . import test_otlp_api, test_remote_write_2_api, test_remote_write_api
from .conftest import House
from .test_metrics import metrics, total
from .test_otlp_api import binary
from .test_remote_write_api import PROBE, logged, mapped

Series = tuple[Sequence[tuple[str, str]], float]
Deliver = Callable[[House, TestClient, Sequence[Series]], Response]
MOST = 4


def by_remote_write(house: House, client: TestClient, series: Sequence[Series]) -> Response:
    now = house.application.clock.now() // 1000
    sent = remote_write_request.body([(labels, [(now, value)]) for labels, value in series])
    return client.post("/v1/remote-write", content=sent, headers=test_remote_write_api.HEADERS)


def by_remote_write_2(house: House, client: TestClient, series: Sequence[Series]) -> Response:
    now = house.application.clock.now() // 1000
    sent = remote_write_2_request.body([(labels, [(now, value)]) for labels, value in series])
    return client.post("/v1/remote-write", content=sent, headers=test_remote_write_2_api.HEADERS)


def by_otlp(house: House, client: TestClient, series: Sequence[Series]) -> Response:
    now = str(house.application.clock.now() * 1000)
    made = []
    for labels, value in series:
        named = dict(labels)
        attributes = [{"key": k, "value": {"stringValue": v}} for k, v in named.items() if k != "__name__"]
        point = {"timeUnixNano": now, "asDouble": value, "attributes": attributes}
        made.append({"name": named["__name__"], "gauge": {"dataPoints": [point]}})
    sent = binary({"resourceMetrics": [{"scopeMetrics": [{"metrics": made}]}]})
    return client.post("/v1/metrics", content=sent, headers=test_otlp_api.BINARY)


@pytest.fixture(params=["remote write", "remote write 2.0", "OTLP"])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Protocol:
    """A protocol by which a tenant may have `MOST` series at once."""
    decoders = {"remote write": Decoder, "remote write 2.0": Decoder2, "OTLP": OtlpDecoder}
    monkeypatch.setitem(ingesting.DECODERS, request.param, partial(decoders[request.param], max_series=MOST))
    named: Protocol = request.param
    return named


@pytest.fixture
def deliver(protocol: Protocol) -> Deliver:
    return {"remote write": by_remote_write, "remote write 2.0": by_remote_write_2, "OTLP": by_otlp}[protocol]


def pod(number: int) -> Series:
    """One that nothing maps, of the many that come and go."""
    return [("__name__", "go_goroutines"), ("pod", f"pod-{number}")], 1.0


def test_series_that_come_and_go_never_keep_out_what_an_objective_reads(
    house: House, north: TestClient, deliver: Deliver, protocol: Protocol
) -> None:
    client, tenant = mapped(north), house.tenant("north")
    percent = [("__name__", "up_percent"), ("instance", "vpn-2")]
    sent = []
    with structlog.testing.capture_logs() as told:
        for n in range(12):
            # At another place each time, so that codes change from one set of known series to the next.
            series: list[Series] = [(PROBE, float(n)), pod(n)]
            sent.append(("vpn-1", float(n)))
            if n % 3 == 0:
                series = [pod(n), (percent, n / 100), (PROBE, float(n))]
                sent.append(("vpn-2", float(n)))
            answer = deliver(house, client, series)
            assert answer.is_success, answer.text
    assert sorted((row["service"], row["value"]) for row in logged(house)) == sorted(sent)
    warned = [one for one in told if one["event"].startswith("more series than are remembered")]
    assert [(one["tenant"], one["protocol"]) for one in warned] == [(tenant, protocol)], "once, and not each time"
    named = {"tenant": tenant, "protocol": protocol.lower().replace(" ", "_")}
    assert total(metrics(north), "upheld_series_forgotten_total", **named) >= 3


def test_a_request_of_too_many_series_is_refused_and_makes_nothing_be_forgotten(
    house: House, north: TestClient, deliver: Deliver
) -> None:
    client = mapped(north)
    for _ in range(2):  # before anything is known, and after
        answer = deliver(house, client, [(PROBE, 0.5), *map(pod, range(MOST))])
        assert (answer.status_code, f"more than {MOST} " in answer.text) == (400, True)
        assert deliver(house, client, [(PROBE, 1.0), pod(0)]).is_success
    assert [row["value"] for row in logged(house)] == [1.0, 1.0]
    assert total(metrics(north), "upheld_series_forgotten_total", tenant=house.tenant("north")) == 0
