"""No log carries a secret, wherever in an exception it is: in a variable, in its message, in its cause."""

import io
import json

import pytest
import structlog
from fastapi.testclient import TestClient
from sqlalchemy import text

from upheld.access import new_key
from upheld.agreements.units import MINUTE
from upheld.app import DEFAULT_TENANT, configure_logging
from upheld.measurements.model import Measurement
from upheld.notices.links import SIGNED_PATHS
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
API_KEY = "uph_" + "k3y-" * 10 + "abc"
TOKEN = "WyJkZWZhdWx0IiwiQy0xIl0.c2lnbmF0dXJl-_x"
PASSWORD = "correct-horse"
SECRETS = (WEBHOOK_SECRET, API_KEY, TOKEN, PASSWORD)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=[io.StringIO, Terminal], ids=["json", "console"])
def written(request, monkeypatch):
    """What is logged, as elsewhere and as in a terminal."""
    stream = request.param()
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging("info")
    yield stream
    structlog.configure(**before)


def fail(**_variables):
    raise RuntimeError("it cannot be done")


def quote(secret):
    raise ValueError(f"{secret!r} is not understood")


def test_variables_are_not_logged(written):
    password = PASSWORD
    try:
        fail(secret=WEBHOOK_SECRET, links=[f"https://a.example/confirm/{TOKEN}"], key={"key": API_KEY, "pw": password})
    except RuntimeError:
        structlog.get_logger().exception("work failed", tenant="default")
    logged = written.getvalue()
    assert "it cannot be done" in logged
    assert "test_logs.py" in logged  # where it happened is told all the same
    assert not [secret for secret in SECRETS if secret in logged]


@pytest.mark.parametrize(
    "said",
    [
        WEBHOOK_SECRET,
        f"Bearer {API_KEY}",
        *(f"https://a.example/{path}/{TOKEN}" for path in SIGNED_PATHS),
        f"postgresql+psycopg://upheld:{PASSWORD}@db.example/upheld",
    ],
)
def test_a_message_that_quotes_a_secret_is_blotted(written, said):
    try:
        try:
            quote(said)
        except ValueError as fault:
            raise RuntimeError("it cannot be done") from fault
    except RuntimeError as fault:
        structlog.get_logger().exception("work failed", reason=f"{fault.__cause__}")
    logged = written.getvalue()
    assert "is not understood" in logged
    assert not [secret for secret in SECRETS if secret in logged]
    if not written.isatty():
        assert json.loads(logged)["event"] == "work failed"


def test_a_failure_with_a_contact_at_hand_does_not_log_its_secret(written, world):
    contact = f'noc: [{{webhook: "https://hooks.acme.example/x", secret: "{WEBHOOK_SECRET}"}}]'
    with world.transaction() as t:
        source = t.portfolio()[1].replace("noc: [{email: noc@acme.example}]", contact)
    portfolio = parse_portfolio(source, "portfolio.yaml")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, portfolio)
    world.application.notices._webhooks = None  # what nobody has thought of
    for minute in range(9):
        at = world.clock.at
        world.take(Measurement("vpn-0042", "reachable", at, 0.0 if minute < 8 else 1.0, known_at=at))
        world.pass_time(MINUTE)
    structlog.get_logger().warning("portfolio", portfolio=portfolio)
    logged = written.getvalue()
    assert "entry of the agenda failed" in logged
    assert "hooks.acme.example" in logged  # the portfolio is there, without the secret
    assert WEBHOOK_SECRET[6:] not in logged


@pytest.mark.parametrize("written", [io.StringIO], indirect=True, ids=["json"])
def test_a_failed_request_names_the_places_in_our_own_code(written, world):
    secret, key = new_key(DEFAULT_TENANT, "test", "operator", 0)
    world.application.store.add_key(key)
    with world.application.store._engine.begin() as connection:
        connection.execute(text("ALTER TABLE cases RENAME TO lost"))
    client = TestClient(create_app(world.application), headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/v1/cases").status_code == 500
    (line,) = lines(written, "request failed")
    *own, innermost = line["places"]
    assert all("/upheld/" in place for place in own)
    assert "/store/" in own[-1]
    assert any("/api/cases.py" in place for place in own)
    assert "sqlalchemy" in innermost


def lines(written, event):
    """The logged lines of that event."""
    return [line for line in map(json.loads, written.getvalue().splitlines()) if line["event"] == event]


@pytest.mark.parametrize("written", [io.StringIO], indirect=True, ids=["json"])
def test_the_log_of_a_sending_names_tenant_entry_notice_and_case(written, world):
    world.deliver(*[0.0] * 5)
    case = world.case()
    with world.transaction() as t:
        (notice,) = t.notices()
    (line,) = lines(written, "notice sent")
    told = {name: line[name] for name in ("tenant", "entry", "notice", "case", "kind", "channel")}
    assert told == {
        "tenant": DEFAULT_TENANT,
        "entry": f"send_notice/{notice.id}",
        "notice": notice.id,
        "case": case.id,
        "kind": "degradation",
        "channel": "email",
    }
    assert lines(written, "case opened")[0]["tenant"] == DEFAULT_TENANT
    assert "am@carrier.example" not in written.getvalue()


@pytest.mark.parametrize("written", [io.StringIO], indirect=True, ids=["json"])
def test_a_request_is_logged_under_its_id_which_the_answer_tells(written, world):
    client = TestClient(create_app(world.application))
    assert (
        client.get("/health/live", headers={"X-Request-Id": "from-proxy.7"}).headers["x-request-id"] == "from-proxy.7"
    )
    own = client.get("/health/live", headers={"X-Request-Id": "two words"}).headers["x-request-id"]
    assert len(own) == 16
    logged = lines(written, "request")
    assert [line["request_id"] for line in logged] == ["from-proxy.7", own]
    assert logged[0].items() >= {"method": "GET", "route": "/health/live", "status": 200, "level": "info"}.items()


def test_the_form_of_the_log_can_be_set(monkeypatch):
    stream = Terminal()
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logging("info", "json")
    structlog.get_logger().info("said")
    structlog.configure(**before)
    assert json.loads(stream.getvalue())["event"] == "said"
