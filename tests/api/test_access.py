"""Keys, sessions, and the gate before every route."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from upheld.access import (
    DELIVERIES,
    SESSION_COOKIE,
    Caller,
    Sessions,
    authenticate,
    digest,
    new_key,
    open_sessions,
    signed_in,
)
from upheld.agreements.units import HOUR, format_instant
from upheld.api.gate import PUBLIC, PUBLIC_PAGES
from upheld.cases.problems import Cause, new_problem
from upheld.clock import SystemClock

from .conftest import PORTFOLIO, House

OPEN = {
    "/health/live",
    "/health/ready",
    "/static/{name:path}",
    "/login",
    "/session",
    "/claim/{token}",
    "/notice/{token}",
    "/planned/{token}",
    "/feed/{token}/{file}",
    "/confirm/{token}",
    "/decide/{token}",
}
"""Every route that wants no key."""

YAML = {"Content-Type": "application/yaml"}
MARKS = ("acme", "vpn-1", "vpn-2", "sleeper", "fibre")
"""What one tenant has and nobody else may see."""

EXAMPLES = {
    "job_id": "1",
    "topic": "upheld",
    "name:path": "upheld.css",
    "token": "forged",
    "agreement": "acme-gold",
    "objective": "availability",
    "service": "vpn-1",
    "period_start": "2026-06-01T00:00:00Z",
    "agreement_id:path": "acme-gold",
    "alarm_id": "12",
}


def routes(house: House) -> list[tuple[str, str]]:
    """(method, path template) of every route there is."""
    found = [
        (method, context.path)
        for context in iter_route_contexts(house.app.routes)
        for method in sorted(context.methods or ())
        if method != "HEAD"
    ]
    assert len(found) > 25
    return found


def example(path: str) -> str:
    """An address of a path template."""
    while "{" in path:
        before, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        path = before + EXAMPLES.get(name, "C-1") + after
    return path


# -- keys -----------------------------------------------------------------------------------------------------------


def test_a_key_is_known_by_its_secret_and_only_its_digest_is_kept(house: House) -> None:
    secret, key = new_key(house.tenant("north"), "probe", "ingest", 5)
    assert secret.startswith("uph_")
    assert len(secret) == 47
    assert key.digest == digest(secret)
    assert secret not in repr(key)
    house.application.store.add_tenant(key.tenant, "North")
    house.application.store.add_key(key)
    assert authenticate(house.application.store, secret) == key


@pytest.mark.parametrize("secret", ["", "uph_", "uph_" + "A" * 43, "A" * 47, "uph_" + "é" * 43, "uph_" + "A" * 10_000])
def test_a_secret_that_is_not_ours_opens_nothing(house: House, secret: str) -> None:
    house.key("north")
    assert authenticate(house.application.store, secret) is None


def test_a_digest_does_not_open_what_its_secret_opens(house: House) -> None:
    assert authenticate(house.application.store, digest(house.key("north"))) is None


def test_two_keys_are_never_the_same() -> None:
    assert len({new_key("t", "n", "operator", 0)[0] for _ in range(100)}) == 100


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="operator, ingest"):
        new_key("north", "probe", "admin", 0)


# -- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_says_whose_it_is_until_it_runs_out() -> None:
    sessions = Sessions("secret", lifetime=HOUR)
    _, key = new_key("north", "n", "operator", 0)
    cookie = sessions.issue(key, 10)
    assert sessions.read(cookie, 10 + HOUR - 1) == Caller(key.id, "north", "operator", by_session=True)
    assert sessions.read(cookie, 10 + HOUR) is None
    assert sessions.read(cookie, 9) is None
    assert Sessions("other secret", lifetime=HOUR).read(cookie, 10) is None


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")), st.integers(0, 100), st.characters())
def test_no_forged_or_altered_cookie_is_another_session(text: str, place: int, character: str) -> None:
    sessions = Sessions("secret")
    cookie = sessions.issue(new_key("north", "n", "operator", 0)[1], 0)
    altered = cookie[:place] + character + cookie[place + 1 :]
    assert sessions.read(text, 0) is None
    # Base64 lets some letters of a signature change without changing it; whom the cookie names never changes.
    assert sessions.read(altered, 0) in (None, sessions.read(cookie, 0))


def test_a_cookie_with_another_name_in_it_is_no_session() -> None:
    sessions = Sessions("secret")
    north, south = (sessions.issue(new_key(t, "n", "operator", 0)[1], 0) for t in ("north", "south"))
    assert sessions.read(f"{south.split('.')[0]}.{north.split('.')[1]}", 0) is None


def test_a_csrf_token_belongs_to_one_session() -> None:
    sessions = Sessions("secret")
    mine, other = (sessions.issue(new_key("north", "n", "operator", 0)[1], at) for at in (1, 2))
    assert sessions.csrf_holds(mine, sessions.csrf_token(mine))
    assert not sessions.csrf_holds(mine, sessions.csrf_token(other))
    assert not sessions.csrf_holds(mine, "")
    assert not sessions.csrf_holds(mine, "\ud800é")


def test_the_sessions_of_an_installation_outlive_a_restart(house: House) -> None:
    cookie = open_sessions(house.application.store).issue(new_key("north", "n", "operator", 0)[1], 0)
    assert open_sessions(house.application.store).read(cookie, 1) is not None


def test_a_revoked_key_opens_nothing_and_its_sessions_are_over(house: House) -> None:
    secret, client = house.key("north"), house.client()
    key = authenticate(house.application.store, secret)
    assert key is not None
    client.cookies.set(SESSION_COOKIE, open_sessions(house.application.store).issue(key, SystemClock().now()))
    other = house.client(house.key("north"))
    asked = [house.client(secret).get("/v1/cases"), client.get("/v1/cases"), client.get("/cases")]
    assert [answer.status_code for answer in asked] == [200, 200, 200]
    assert client.get("/session").text == "in"
    house.application.store.revoke_key(key.tenant, key.id, 7)
    asked = [house.client(secret).get("/v1/cases"), client.get("/v1/cases"), client.get("/cases")]
    assert [answer.status_code for answer in asked] == [401, 401, 303]
    assert client.get("/session").text == "out"
    assert client.post("/login", data={"key": secret}).status_code == 403
    assert other.get("/v1/cases").status_code == 200


def test_a_session_has_the_name_and_the_role_of_its_key_as_it_is(house: House) -> None:
    store, sessions = house.application.store, open_sessions(house.application.store)
    key = authenticate(store, house.key("north"))
    assert key is not None
    found = signed_in(store, sessions, sessions.issue(replace(key, role="metrics"), 10), 11)
    assert found == Caller(key.id, key.tenant, "operator", by_session=True, key_name="test")
    assert found.name == "test"
    for unknown in (replace(key, id="0" * 16), replace(key, tenant="elsewhere")):
        assert signed_in(store, sessions, sessions.issue(unknown, 10), 11) is None


def session_client(house: House, role: str = "operator", name: str = "north") -> TestClient:
    key = authenticate(house.application.store, house.key(name, role))
    assert key is not None
    client = house.client()
    client.cookies.set(SESSION_COOKIE, open_sessions(house.application.store).issue(key, SystemClock().now()))
    return client


# -- the gate -------------------------------------------------------------------------------------------------------


def test_every_route_but_the_few_open_ones_wants_a_key(house: House) -> None:
    client = house.client()
    seen_open = set()
    for method, path in routes(house):
        answer = client.request(method, example(path))
        if path in OPEN:
            seen_open.add(path)
            assert "www-authenticate" not in answer.headers, path
        elif path.startswith(("/v1/", "/tmf-api/", "/metrics", "/openapi")):
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"].startswith("Bearer")
            form = "application/json" if path.startswith("/tmf-api/") else "application/problem+json"
            assert answer.headers["content-type"] == form
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login?next=")
    assert seen_open == OPEN


def test_the_docs_name_all_that_is_open_to_all() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    paragraph = text[text.index("Open to all are") :].partition(". A browser")[0]
    named = {address.removesuffix("...") for address in re.findall(r"`(/[^`]*)`", paragraph)}
    assert named == {*PUBLIC, *PUBLIC_PAGES}


def test_what_is_not_known_is_closed_too(house: House) -> None:
    assert house.client().get("/v1/whatever").status_code == 401
    assert house.client().get("/openapi.json").status_code == 401
    assert house.client().get("/whatever").status_code == 303


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer uph_" + "A" * 43,
        "Basic dXNlcjpwYXNz",
        "uph_" + "A" * 43,
        "Bearer \xe9",
        "Bearer a b",
    ],
)
def test_a_wrong_authorization_is_401_on_every_route(house: House, authorization: str) -> None:
    client = house.client()
    for method, path in routes(house):
        if path not in OPEN:
            answer = client.request(method, example(path), headers={"Authorization": authorization.encode("latin-1")})
            assert answer.status_code == 401, path


def test_a_malformed_body_of_a_stranger_is_not_looked_at(house: House) -> None:
    answer = house.client().post("/v1/maintenance", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_an_ingest_key_may_deliver_and_nothing_else(house: House, north: TestClient) -> None:
    client = house.client(house.key("north", "ingest"))
    alarms, jobs = "/tmf-api/alarm/v4", "/tmf-api/performance/v4/measurementCollectionJob"
    events = "/tmf-api/performance/v4/listener/measurementCollectionJob"
    kinds = ("Create", "StateChange", "AttributeValueChange", "Delete")
    delivering = {("POST", path) for path in (*DELIVERIES, f"{alarms}/alarm")} | {
        *(("POST", f"{alarms}/listener/alarm{kind}Event") for kind in kinds),
        ("PATCH", f"{alarms}/alarm/{{alarm_id}}"),
        ("POST", jobs),
        *(("POST", f"{events}Files{kind}Event") for kind in ("Ready", "PreparationError")),
        ("PATCH", f"{jobs}/{{job_id}}"),
    }
    assert delivering <= set(routes(house))
    for method, path in routes(house):
        if path in OPEN:
            continue
        status = client.request(method, example(path)).status_code
        assert status == (415 if (method, path) in delivering else 403), (method, path)


def test_a_session_may_read_the_api_and_not_write_it(house: House) -> None:
    client = session_client(house)
    assert client.get("/v1/verdicts").status_code == 200
    answer = client.put("/v1/agreements", content=PORTFOLIO, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 403
    assert client.get("/v1/agreements").json()["version"] is None


def test_a_form_from_another_site_is_refused_though_the_session_holds(house: House) -> None:
    answer = session_client(house).post("/logout", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_session_of_an_ingest_key_opens_nothing(house: House) -> None:
    client = session_client(house, "ingest")
    assert client.get("/v1/verdicts").status_code == 403
    assert client.post("/v1/measurements").status_code == 403


def test_a_wrong_key_is_not_outvoted_by_a_session(house: House) -> None:
    answer = session_client(house).get("/v1/verdicts", headers={"Authorization": "Bearer uph_x"})
    assert answer.status_code == 401


# -- tenants --------------------------------------------------------------------------------------------------------


def test_no_tenant_sees_anything_of_another(house: House, north: TestClient) -> None:
    marks = fill(house, north)
    ours, theirs = session_client(house, name="north"), session_client(house, name="south")
    seen_by_us = ""
    for method, path in routes(house):
        if method != "GET" or path in OPEN or path.startswith("/mailbox"):
            continue
        for address in addresses(path, marks):
            own = ours.get(address)
            assert own.status_code == 200, (address, own.status_code)
            seen_by_us += own.text
            foreign = theirs.get(address)
            assert foreign.status_code in (200, 404, 409), (address, foreign.status_code)
            for mark in MARKS:
                assert mark not in _without_echo(foreign.text, address), (address, mark)
    assert all(mark in seen_by_us for mark in MARKS)


def test_no_tenant_changes_anything_of_another(house: House, north: TestClient, south: TestClient) -> None:
    marks = fill(house, north)
    before = north.get(f"/v1/maintenance/{marks['maintenance_id']}").json()
    assert south.delete(f"/v1/maintenance/{marks['maintenance_id']}").status_code == 404
    assert north.get(f"/v1/maintenance/{marks['maintenance_id']}").json() == before
    for step in ("replay", "discard"):
        assert south.post(f"/v1/dead-letters/{marks['letter_id']}/{step}").status_code == 404
    mapping = {"content": "series: [{labels: {a: b}, service: s, metric: m}]", "headers": YAML}
    assert south.put("/v1/mapping", **mapping).is_success
    assert south.patch(f"/tmf-api/alarm/v4/alarm/{marks['alarm_id']}", json={"state": "cleared"}).status_code == 404
    assert north.get(f"/tmf-api/alarm/v4/alarm/{marks['alarm_id']}").json()["state"] == "raised"
    job = f"/tmf-api/performance/v4/measurementCollectionJob/{marks['job_id']}"
    assert south.patch(job, json={"executionState": "cancelled"}).status_code == 404
    assert south.delete(job).status_code == 404
    assert north.get(job).json()["executionState"] == "acknowledged"
    assert north.get(f"/v1/dead-letters/{marks['letter_id']}").json()["attempts"] == 0
    line = {"service": "vpn-1", "metric": "reachable", "time": "2026-06-01T00:00:00Z", "value": 1}
    answer = south.post("/v1/measurements", content=json.dumps(line), headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 422
    assert "unknown service" in answer.json()["rejected"][0]["message"]


def fill(house: House, client: TestClient) -> dict[str, str]:
    """Gives a tenant one of everything and returns the ids."""
    from .test_api import NOW, instant, outage

    outage(client)
    house.pulse()
    mapping = "series: [{name: sleeper, labels: {__name__: sleeper}, service: '{instance}', metric: sleeper}]"
    assert client.put("/v1/mapping", content=mapping, headers=YAML).status_code < 300
    topology = {"dependencies": [{"of": "vpn-1", "on": ["fibre-sleeper"]}]}
    assert client.put("/v1/topology", json=topology).status_code == 200
    window = {"start": instant(NOW + 24 * HOUR), "end": instant(NOW + 25 * HOUR), "services": ["vpn-2"]}
    work = {**window, "title": "fibre work", "approved_by": "sleeper"}
    maintenance = client.post("/v1/maintenance", json=work).json()["id"]
    notice = {"content": _calendar("sleeper", "fibre", NOW), "headers": {"Content-Type": "text/calendar"}}
    received = client.post("/v1/maintenance/notices", **notice).json()["id"]
    change = {"at": instant(NOW), "summary": "fibre", "services": ["vpn-1"], "author": "sleeper"}
    assert client.post("/v1/changes", json=change).status_code == 201
    bad = {"content": "fibre, sleeper", "headers": {"Content-Type": "application/json"}}
    assert client.post("/v1/metrics", **bad).status_code == 400
    letter = client.get("/v1/dead-letters").json()["dead_letters"][0]
    case = client.get("/v1/cases").json()["cases"][0]
    told = dict.fromkeys(("alarmType", "perceivedSeverity", "probableCause", "sourceSystemId"), "sleeper")
    alarm = {**told, "state": "raised", "alarmRaisedTime": instant(NOW), "alarmedObject": {"id": "fibre"}}
    alarm_id = client.post("/tmf-api/alarm/v4/alarm", json=alarm).json()["id"]
    told = next(n for n in client.get("/v1/notices").json()["notices"] if n["kind"] == "maintenance")
    process, tenant = house.application.process, house.tenant("north")
    objection = process.works.object_to(tenant, told["id"], None, "sleeper").id
    problem = new_problem("north", Cause("sleeper"), NOW)
    with house.application.store.transaction(house.tenant("north")) as t:
        t.save_problem(problem)
    job = {"jobId": "fibre", "producingApplicationId": "sleeper", "fileTransferData": [{"fileFormat": "CSV"}]}
    job_id = client.post("/tmf-api/performance/v4/measurementCollectionJob", json=job).json()["id"]
    hub = client.post("/tmf-api/event/v4/hub", json={"callback": "https://8.8.8.8/sleeper"}).json()
    of, _, position = client.get("/tmf-api/event/v4/event").json()[0]["eventId"].rpartition("/")
    ids = {
        "hub_id": hub["id"],
        "of": of,
        "position": position,
        "problem_id": problem.id,
        "maintenance_id": maintenance,
        "objection_id": objection,
        "request_id": maintenance,
        "received_id": received,
        "case_id": case["id"],
        "customer": case["customer"],
        "letter_id": letter["id"],
        "alarm_id": alarm_id,
        "job_id": job_id,
    }
    return {**ids, "period_start": case["period_start"]}


def _calendar(provider: str, circuit: str, now: int) -> bytes:
    times = {"DTSTART": now + 24 * HOUR, "DTEND": now + 25 * HOUR, "DTSTAMP": now}
    named = {"PROVIDER": provider, "MAINTENANCE-ID": "1", "OBJECT-ID": circuit, "STATUS": "CONFIRMED"}
    lines = [f"{name}:{format_instant(at).replace('-', '').replace(':', '')}" for name, at in times.items()]
    lines += [f"X-MAINTNOTE-{name}:{value}" for name, value in named.items()]
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"]).encode()


def addresses(path: str, marks: dict[str, str]) -> list[str]:
    """A path template with the other tenant's own ids, and its filters."""
    for name, mark in marks.items():
        path = path.replace(f"{{{name}}}", mark).replace(f"{{{name}:path}}", mark)
    address = example(path)
    if address == "/v1/verdicts":
        return [address, f"{address}?service=vpn-1", f"{address}?agreement=acme-gold&newest=true"]
    if address == "/v1/performance":
        return [f"{address}?start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"]
    if address == "/v1/topology/impact":
        return [f"{address}?node=fibre-sleeper"]
    if address in ("/measurements", "/v1/measurements/series"):
        window = "start=2020-01-01T00:00:00Z&end=2100-01-01T00:00:00Z"
        return [f"{address}?service=vpn-1&metric=reachable&{window}"]
    return [address]


def _without_echo(text: str, address: str) -> str:
    """An answer without what it repeats of the question."""
    if "/measurements/series" in address:
        document: dict[str, Any] = json.loads(text)
        return json.dumps(document["points"])
    if address.startswith("/measurements?"):
        return "".join(re.findall(r'id="chart-data">(.*?)</script>', text, re.S))
    text = text.replace("fibre-sleeper", "") if "/topology/impact" in address else text
    return text.replace(address, "").replace(address.replace("&", "&amp;"), "")
