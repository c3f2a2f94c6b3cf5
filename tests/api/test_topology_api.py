"""The topology over HTTP: put in each form, kept in versions, read again, and asked what a failure hits."""

from fastapi.testclient import TestClient

from api.conftest import House
from upheld.agreements.units import HOUR, format_instant

YAML = """
services: [{id: vpn-1, customer: zeta}]
dependencies:
  - {of: vpn-1, on: [line-1, line-2], redundancy: any}
  - {of: vpn-2, on: [line-1], valid: {to: 2026-06-01T00:00:00Z}}
"""
CSV = "dependent,on,redundancy\nvpn-1,line-1,any\nvpn-1,line-2,any\n"


def put(client: TestClient, text: str, kind: str = "application/yaml"):
    return client.put("/v1/topology", content=text, headers={"Content-Type": kind})


def test_a_topology_is_kept_in_versions(north: TestClient, south: TestClient) -> None:
    assert north.get("/v1/topology").json() == {
        "version": None,
        "services": [],
        "resources": [],
        "dependencies": [],
    }
    answer = put(north, YAML)
    assert answer.json() == {"version": 1, "services": 2, "resources": 2, "dependencies": 3, "redundant": 2}
    assert put(north, YAML).json()["version"] == 1
    assert put(north, CSV, "text/csv").json()["version"] == 2
    document = north.get("/v1/topology").json()
    assert document.pop("version") == 2
    assert document["dependencies"] == [
        {"of": "vpn-1", "on": ["line-1", "line-2"], "redundancy": "any", "group": "any"}
    ]
    again = north.put("/v1/topology", json=document)
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert south.get("/v1/topology").json()["version"] is None


def test_it_says_what_is_hit_and_what_is_left_without_redundancy_at_an_instant(north: TestClient) -> None:
    put(north, YAML)
    asked = {"node": "line-1", "at": "2026-05-01T00:00:00Z"}
    assert north.get("/v1/topology/impact", params=asked).json() == {
        "nodes": ["line-1"],
        "at": "2026-05-01T00:00:00Z",
        "hit": {"services": {"count": 1, "names": ["vpn-2"]}, "customers": {"count": 1, "names": ["acme"]}},
        "unprotected": {"services": {"count": 1, "names": ["vpn-1"]}, "customers": {"count": 1, "names": ["zeta"]}},
    }
    now = north.get("/v1/topology/impact", params={"node": ["line-1", "line-2"]}).json()
    assert now["hit"]["services"]["names"] == ["vpn-1"]
    assert now["hit"]["customers"]["names"] == ["acme", "zeta"]  # the agreement's, and the topology's
    assert now["unprotected"]["services"]["count"] == 0


def test_what_cannot_be_taken_is_told_with_its_place_and_nothing_is_changed(north: TestClient, house: House) -> None:
    put(north, YAML)
    bad = put(north, "dependencies:\n  - {of: vpn-1}\n")
    assert bad.status_code == 422
    assert bad.json()["errors"] == [{"line": 2, "field": "dependencies[0].on", "message": "is missing"}]
    assert put(north, '[{"id": "x"}]', "application/json").json()["errors"][0]["field"] == "[0].@type"
    assert put(north, "dependent,on\nx\n", "text/csv").json()["errors"][0]["line"] == 2
    assert put(north, "x", "application/xml").status_code == 415
    assert north.get("/v1/topology").json()["version"] == 1
    unknown = north.get("/v1/topology/impact", params={"node": "line-9"})
    assert (unknown.status_code, "'line-9'" in unknown.json()["detail"]) == (404, True)
    assert north.get("/v1/topology/impact").status_code == 422
    source = house.client(house.key("north", "ingest"))
    assert put(source, YAML).status_code == 403


def test_a_planned_work_says_what_it_hits_and_what_it_leaves_without_redundancy(
    north: TestClient, house: House
) -> None:
    assert put(north, "dependencies:\n  - {of: vpn-1, on: [line-1, line-2], redundancy: any}\n").is_success
    now = house.application.clock.now()
    window = {"start": format_instant(now + 24 * HOUR), "end": format_instant(now + 25 * HOUR)}
    work = {**window, "title": "Splicing", "services": ["line-1"], "approved_by": "board", "id": "work-1"}
    planned = north.post("/v1/maintenance", json=work)
    assert planned.status_code == 201
    nothing, vpn = {"count": 0, "names": []}, {"count": 1, "names": ["vpn-1"]}
    impact = {
        "hit": {"services": nothing, "customers": nothing},
        "unprotected": {"services": vpn, "customers": {"count": 1, "names": ["acme"]}},
    }
    assert (planned.json()["impact"], planned.json()["notices"]) == (impact, [])
    assert north.get("/v1/maintenance/work-1").json()["impact"] == impact
    stranger = north.post("/v1/maintenance", json={**work, "services": ["line-9"], "id": "work-2"})
    assert (stranger.status_code, "'line-9'" in stranger.text) == (422, True)
