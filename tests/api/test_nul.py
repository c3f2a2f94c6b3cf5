"""A NUL in any text: PostgreSQL keeps none, so it is refused wherever it comes in, the same on every store."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Text, create_engine, make_url, select
from sqlalchemy.schema import CreateSchema, DropSchema

from upheld.access import SESSION_COOKIE, authenticate, open_sessions
from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.app import Application, Settings
from upheld.cases.problems import Cause, new_problem
from upheld.clock import SystemClock
from upheld.readers.kept import NUL, nul_at
from upheld.server import create_app
from upheld.store import tables

from .conftest import PORTFOLIO, House
from .test_tmf642_api import alarm

POSTGRES = os.environ.get("UPHELD_TEST_POSTGRES", "")
NOW = SystemClock().now() // MINUTE * MINUTE
YAML = {"Content-Type": "application/yaml"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """An application on each store, with one tenant, `north`, whose agreements are in force, and with a case."""
    directory = tmp_path_factory.mktemp("nul")
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{directory / 'upheld.db'}")
        return
    if not POSTGRES:
        pytest.skip("UPHELD_TEST_POSTGRES is not set")
    engine, schema = create_engine(POSTGRES, isolation_level="AUTOCOMMIT"), f"nul_{os.getpid()}"
    with engine.connect() as connection:
        connection.execute(CreateSchema(schema))
    url = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={schema}"})
    try:
        yield from _opened(url.render_as_string(hide_password=False))
    finally:
        with engine.connect() as connection:
            connection.execute(DropSchema(schema, cascade=True))
        engine.dispose()


def _opened(url: str) -> Iterator[House]:
    application = Application(Settings(database_url=url, max_body=200_000, assessment_delay=0))
    yield House(application, create_app(application), number=1)
    application.stop()
    application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close


@pytest.fixture(scope="module")
def north(kept: House) -> TestClient:
    """Its operator, with a case open."""
    client = kept.client(kept.key("north"))
    kept.application.store.setting(f"managed_since/{kept.tenant('north')}", str(NOW - DAY))
    assert client.put("/v1/agreements", content=PORTFOLIO + EVENTS, headers=YAML).status_code == 200
    assert client.put("/v1/mapping", content=MAPPING, headers=YAML).status_code == 200
    times = [format_instant(NOW - n * MINUTE) for n in range(10, 0, -1)]
    lines = "".join(
        json.dumps({"service": "vpn-1", "metric": "reachable", "time": time, "value": 0}) + "\n" for time in times
    )
    assert client.post("/v1/measurements", content=lines, headers=LINES).status_code == 202
    kept.pulse()
    assert client.get("/v1/cases").json()["cases"]
    return client


@pytest.fixture(scope="module")
def ids(kept: House, north: TestClient) -> dict[str, str]:
    """The ids of its case, of the case's first action, and of a problem."""
    problem = new_problem("north", Cause("switch-9"), 1)
    with kept.application.store.transaction(kept.tenant("north")) as t:
        t.save_problem(problem)
    case, action = north.get("/v1/cases").json()["cases"][0], north.get("/v1/actions").json()["actions"][0]
    return {"case": case["id"], "action": action["id"], "problem": problem.id}


EVENTS = """  - id: acme-faults
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn-1]
    objectives:
      - id: restored
        indicator: {kind: duration, metric: incident, limit: 4h}
        period: {calendar: month}
        target: 95 %
"""
LINES = {"Content-Type": "application/x-ndjson"}
MAPPING = "alarms: [{labels: {alertname: Down}, service: vpn-1, metric: incident}]\n"
ALERT = {
    "version": "4",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Down", "severity": "critical"},
            "annotations": {"summary": "it is down"},
            "startsAt": format_instant(NOW - HOUR),
            "fingerprint": "f1",
        }
    ],
}
WINDOW = {"start": format_instant(NOW + HOUR), "end": format_instant(NOW + 2 * HOUR)}
BODIES: list[tuple[str, str, Any]] = [
    ("POST", "/v1/alertmanager", ALERT),
    ("POST", "/v1/cases/{case}/update", {"text": "we look into it"}),
    ("POST", "/v1/cases/{case}/resolution", {"cause": "fibre cut", "done": "spliced"}),
    ("POST", "/v1/problems/{problem}/resolution", {"cause": "fibre cut", "done": "spliced"}),
    ("POST", "/v1/actions/{action}/skip", {"reason": "not needed"}),
    (
        "POST",
        "/v1/maintenance",
        {"id": "w1", "title": "t", "description": "d", "services": ["vpn-1"], "approved_by": "b", **WINDOW},
    ),
    ("POST", "/v1/maintenance/preview", {"services": ["vpn-1"], **WINDOW}),
    (
        "POST",
        "/v1/exclusions",
        {"id": "x1", "service": "vpn-1", "reason": "force_majeure", "approved_by": "b", **WINDOW},
    ),
    (
        "POST",
        "/v1/changes",
        {"id": "c1", "services": ["vpn-1"], "at": format_instant(NOW), "summary": "s", "author": "a"},
    ),
    ("POST", "/v1/events", {"service": "vpn-1", "metric": "incident", "opened": format_instant(NOW), "event": "I1"}),
    ("POST", "/v1/measurements", {"service": "vpn-1", "metric": "reachable", "time": format_instant(NOW), "value": 1}),
    ("PUT", "/v1/topology", {"services": [{"id": "vpn-1", "name": "VPN"}], "resources": [{"id": "r", "name": "R"}]}),
    ("POST", "/tmf-api/alarm/v4/alarm", alarm()),
]


def poisoned(value: Any) -> Iterator[Any]:
    """The value once for each text in it, names of fields too, with a NUL in that."""
    if isinstance(value, str):
        yield value + "\0"
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield {(f"{one}\0" if one == name else one): other for one, other in value.items()}
            yield from ({**value, name: one} for one in poisoned(inner))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from ([*value[:number], one, *value[number + 1 :]] for one in poisoned(inner))


def is_free_of_nul(kept: House) -> bool:
    """Whether no text of any table has one, which only SQLite could keep."""
    engine = kept.application.store._engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            columns = [column for column in table.c if isinstance(column.type, Text)]
            if any("\0" in text for row in connection.execute(select(*columns)) for text in row if text):
                return False
    return True


@pytest.mark.parametrize(("method", "path", "body"), BODIES, ids=[path for _, path, _ in BODIES])
def test_a_nul_in_any_text_of_a_body_is_a_fault_of_the_body(
    kept: House, north: TestClient, ids: dict[str, str], method: str, path: str, body: Any
) -> None:
    path = path.format(**ids)
    kind = LINES if path in ("/v1/events", "/v1/measurements") else {"Content-Type": "application/json"}
    for one in poisoned(body):
        answer = north.request(method, path, content=json.dumps(one), headers=kind)
        assert 400 <= answer.status_code < 500, (one, answer.text)
    assert is_free_of_nul(kept)
    clean = north.request(method, path, content=json.dumps(body), headers=kind)
    assert clean.is_success, clean.text


def test_a_poisoned_alert_is_set_aside_and_the_others_are_taken(kept: House, north: TestClient) -> None:
    good = dict(ALERT["alerts"][0], fingerprint="f2")  # type: ignore[call-overload]
    bad = {**good, "fingerprint": "f3", "annotations": {"summary": "nul \0"}}
    answer = north.post("/v1/alertmanager", json={"version": "4", "alerts": [bad, good]})
    assert answer.status_code in (200, 202), answer.text
    assert answer.json()["rejected"] == [{"alert": 1, "field": "annotations.summary", "message": NUL}]
    letters = north.get("/v1/dead-letters").json()["dead_letters"]
    assert any(NUL in json.dumps(letter) for letter in letters)


@pytest.mark.parametrize(
    ("path", "text", "line", "field"),
    [
        ("/v1/mapping", MAPPING.replace("vpn-1", '"\\0"'), 1, "alarms[0].service"),
        (
            "/v1/playbooks",
            'playbooks:\n  - id: p\n    steps:\n      - {id: s, do: update, text: "a\\0"}\n',
            4,
            "playbooks[0].steps[0].text",
        ),
        (
            "/v1/agreements",
            PORTFOLIO.replace("customers:\n", 'customers:\n  - {id: nul, name: "n\\0"}\n', 1),
            2,
            "customers[0].name",
        ),
        ("/v1/agreements", '"agree\\0ments": []\n', 1, ""),
    ],
)
def test_a_nul_in_a_document_is_told_with_its_line(
    north: TestClient, path: str, text: str, line: int, field: str
) -> None:
    answer = north.put(path, content=text, headers=YAML)
    assert answer.status_code == 422, answer.text
    (fault,) = answer.json()["errors"]
    assert fault["message"].endswith(NUL)
    assert fault["field"] == field
    assert fault["line"] == line


@pytest.mark.parametrize(
    "address", ["/v1/cases/C-%00", "/v1/cases?customer=a%00", "/v1/verdicts?service=%00", "/confirm/%00", "/cases/%00"]
)
def test_an_address_with_a_nul_is_refused(north: TestClient, address: str) -> None:
    assert north.get(address).status_code == 422


def _urlencoded(fields: dict[str, str]) -> dict[str, Any]:
    return {"content": urlencode(fields), "headers": {"Content-Type": "application/x-www-form-urlencoded"}}


def _multipart(fields: dict[str, str]) -> dict[str, Any]:
    return {"files": {name: (None, text) for name, text in fields.items()}}


@pytest.mark.parametrize("sent", [_urlencoded, _multipart])
def test_a_form_with_a_nul_is_refused_with_a_page(
    kept: House, north: TestClient, ids: dict[str, str], sent: Callable[[dict[str, str]], dict[str, Any]]
) -> None:
    key = authenticate(kept.application.store, north.headers["Authorization"].split()[1])
    assert key is not None
    client, sessions = kept.client(), open_sessions(kept.application.store)
    cookie = sessions.issue(key, SystemClock().now())
    client.cookies.set(SESSION_COOKIE, cookie)
    fields = {"csrf": sessions.csrf_token(cookie), "text": "we look\0", "cause": "c\0", "done": "d\0", "title": "\0"}
    for path in (f"/cases/{ids['case']}/update", f"/actions/{ids['action']}", "/maintenance", "/confirm/x", "/login"):
        answer = client.post(path, **sent(fields))
        assert (answer.status_code, NUL in answer.text) == (400, True), (path, answer.text)
    assert is_free_of_nul(kept)


def test_the_first_nul_is_found_wherever_it_stands() -> None:
    deep: Any = "a\0"
    for _ in range(5000):
        deep = [deep]
    assert nul_at(deep) == (0,) * 5000
    assert nul_at({"a": [1, {"b\0": 2}]}) == ("a", 1, "b")
    assert nul_at({"a": ["\\0", 0, None, "é"]}) is None
