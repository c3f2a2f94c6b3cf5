"""Topologies from files: the own form as YAML and JSON, CSV, and the inventories of TMF638 and TMF639."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tmf_definitions import TMF638, TMF639, faults
from upheld.agreements.units import parse_instant
from upheld.analysis.topology import Dependency, Impact, Node, Topology, joined
from upheld.readers.faults import InputError
from upheld.readers.topology import Form, parse_topology, read_topology
from upheld.reports.topology import topology_document

INVENTORIES = Path(__file__).parent / "inventories"
MAY, JULY = parse_instant("2026-05-01T00:00:00Z"), parse_instant("2026-07-01T00:00:00Z")
OWN = """
services:
  - {id: vpn-1, name: VPN of Acme, customer: acme}
  - {id: vpn-2, customers: [acme, bell]}
resources:
  - {id: line-1, kind: line, site: Frankfurt}
  - {id: line-2, kind: line, valid: {to: 2026-06-01T00:00:00Z}}
  - {id: switch}
dependencies:
  - {of: vpn-1, on: [line-1, line-2], redundancy: any}
  - {of: vpn-2, on: [line-1], redundancy: any, group: paths}
  - {of: vpn-2, on: [radio], redundancy: any, group: paths, valid: {from: 2026-06-01T00:00:00Z}}
  - {of: line-1, on: [switch]}
"""


def wrong(text: str, form: Form) -> list[str]:
    with pytest.raises(InputError) as refused:
        parse_topology(text, form, f"topology.{form}")
    return str(refused.value).splitlines()


def hit(topology: Topology, at: int, *failed: str) -> tuple[list[str], list[str]]:
    found = topology.at(at).hit_by(failed)
    return sorted(found.hit - set(failed)), sorted(found.unprotected)


def test_yaml_says_what_stands_in_for_what_and_when() -> None:
    topology = parse_topology(OWN, "yaml", "topology.yaml")
    assert topology.nodes["vpn-1"] == Node("vpn-1", "service", "VPN of Acme", None, ("acme",))
    assert (topology.nodes["line-1"].kind, topology.nodes["line-1"].site) == ("line", "Frankfurt")
    assert not topology.nodes["radio"].described
    assert hit(topology, MAY, "switch") == (["line-1", "vpn-2"], ["vpn-1"])
    assert hit(topology, JULY, "switch") == (["line-1", "vpn-1"], ["vpn-2"])  # line-2 is gone, the radio has come
    assert topology.customers(topology.at(MAY).carried("switch")) == ["acme", "bell"]


def test_the_same_comes_back_from_its_document_as_json() -> None:
    topology = parse_topology(OWN, "yaml", "topology.yaml")
    document = topology_document(topology)
    again = parse_topology(json.dumps(document), "json", "body")
    assert topology_document(again) == document
    for at in (MAY, JULY):
        for name in topology.nodes:
            assert again.at(at).hit_by({name}) == topology.at(at).hit_by({name})


NAMES = st.sampled_from(["a", "b", "c", "d"])
TIMES = st.none() | st.sampled_from([MAY, JULY])


@given(
    st.lists(st.builds(Dependency, NAMES, NAMES, st.none() | st.sampled_from(["g", "/f/1", "/f/2"])), max_size=12),
    st.sets(NAMES),
    st.sets(NAMES),
)
def test_a_document_says_all_of_a_topology(
    dependencies: list[Dependency], services: set[str], failed: set[str]
) -> None:
    topology = Topology([Node(name, "service") for name in sorted(services)], dependencies)
    again = parse_topology(json.dumps(topology_document(topology)), "json", "body")
    assert again.at(MAY).hit_by(failed) == topology.at(MAY).hit_by(failed)
    assert {n.id for n in again.nodes.values() if n.is_service} == {
        n.id for n in topology.nodes.values() if n.is_service
    }


def test_csv_has_a_dependency_a_line() -> None:
    text = """dependent,on,redundancy,valid_from,valid_to,kind,customer
vpn-1,line-1,uplink,,,line,acme
vpn-1,line-2,uplink,,2026-06-01T00:00:00Z,line,
vpn-1,dns,,,,service,

line-1,switch,,,,,
"""
    topology = parse_topology(text, "csv", "topology.csv")
    assert {name: node.kind for name, node in topology.nodes.items()} == {
        "vpn-1": "service",
        "line-1": "line",
        "line-2": "line",
        "dns": "service",
        "switch": "resource",
    }
    assert topology.nodes["vpn-1"].customers == ("acme",)
    assert hit(topology, MAY, "switch") == (["line-1"], ["vpn-1"])
    assert hit(topology, JULY, "switch") == (["line-1", "vpn-1"], [])
    assert hit(topology, MAY, "dns") == (["vpn-1"], [])


def inventory(name: str) -> Any:
    return json.loads((INVENTORIES / name).read_text())


def test_the_inventories_here_are_as_the_specifications_have_them() -> None:
    for document in inventory("tmf638_v4.json"):
        assert not faults(document, "Service", TMF638)
    for document in inventory("tmf639_v4.json"):
        assert not faults(document, "Resource", TMF639)


def test_inventories_of_services_and_resources_make_one_topology() -> None:
    files = [INVENTORIES / name for name in ("tmf638_v4.json", "tmf638_v5.json", "tmf639_v4.json")]
    topology, unread = read_topology(*files)
    assert unread == {"isTargeted": 1, "targets": 1}
    assert topology.nodes["vpn-0042"].customers == ("acme",)
    assert topology.nodes["vpn-0043"] == Node(
        "vpn-0043", "service", "IP VPN Bremen", "Bremen, Am Wall 5", ("bell",), parse_instant("2026-01-01T00:00:00Z")
    )
    assert (topology.nodes["switch-1"].kind, topology.nodes["switch-1"].site) == ("switch", "PoP Hamburg")
    assert (topology.nodes["cpe-0042"].kind, topology.nodes["line-1"].kind) == ("resource", "line")
    assert {name for name, node in topology.nodes.items() if not node.described} == {"dns-core", "line-3"}
    assert topology.nodes["dns-core"].is_service
    # card-1 is in switch-1; line-2 stands in for line-1 until it is gone.
    assert hit(topology, MAY, "switch-1") == (["card-1", "line-1", "line-3"], ["acc-0042", "vpn-0042"])
    assert hit(topology, JULY, "switch-1") == (["acc-0042", "card-1", "line-1", "line-3", "vpn-0042"], [])
    assert hit(topology, MAY, "switch-2") == (["line-2", "vpn-0043"], ["acc-0042", "vpn-0042"])
    assert hit(topology, JULY, "switch-2") == ([], [])
    assert hit(topology, parse_instant("2031-01-01T00:00:00Z"), "cpe-0042") == ([], [])  # the access has ended


def test_a_portfolio_is_a_simple_form_of_the_same(tmp_path: Path) -> None:
    from upheld.agreements.parties import Resource

    topology = parse_topology(OWN, "yaml", "topology.yaml")
    resources = (Resource(id="line-1", carries=("vpn-1", "vpn-9")), Resource(id="router", carries=("switch",)))
    whole = joined(topology, resources, {"vpn-1": ["zeta"], "vpn-9": ["acme"]})
    assert hit(whole, MAY, "router") == (["line-1", "switch", "vpn-2", "vpn-9"], ["vpn-1"])
    assert whole.customers(["vpn-1", "vpn-9"]) == ["acme", "zeta"]
    assert joined(None, resources, {}).at(MAY).hit_by(["router"]) == Impact(
        frozenset(("router", "switch")), frozenset()
    )


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        (
            "services:\n  - {id: a}\n  - {id: a}\n",
            "yaml",
            ["topology.yaml:3: services: 'a' stands twice"],
        ),
        (
            "services: [{id: a}]\nresources:\n  - {id: a}\n",
            "yaml",
            ["topology.yaml:3: resources[0].id: 'a' is a service too"],
        ),
        (
            "resources:\n  - {id: b, kind: service}\ndependencies:\n  - {of: a, on: [b], redundancy: some}\n",
            "yaml",
            [
                "topology.yaml:2: resources[0].kind: "
                "a service stands among the services, and a resource is of another kind",
                "topology.yaml:4: dependencies[0].redundancy: 'some' is not all or any",
            ],
        ),
        (
            "dependencies:\n  - {of: a, on: [b], valid: {from: 2026-06-01T00:00:00Z, to: 2026-01-01T00:00:00Z}}\n"
            "  - {of: a, on: [c], group: x}\n",
            "yaml",
            [
                "topology.yaml:2: dependencies[0].valid.to: must be later than from",
                "topology.yaml:3: dependencies[1].group: needs redundancy: any",
            ],
        ),
        (
            '{"services": [{"id": 1}], "resources": [{"id": "a", "valid": {"from": "2026-01-01"}}], "nodes": []}',
            "json",
            [
                "topology.json: nodes: unknown field; allowed: services, resources, dependencies",
                "topology.json: resources[0].valid.from: 2026-01-01 has no time zone: "
                "write 2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00",
                "topology.json: services[0].id: 1 is not text; write it in quotes",
            ],
        ),
        ("[1]", "json", ["topology.json: [0]: is not an object: a service of TMF638 or a resource of TMF639"]),
        ("{", "json", ["topology.json: is not JSON: Input data was truncated"]),
        (
            '[{"id": "a"}, {"id": "b", "@type": "Service", "endDate": "soon"},'
            ' {"id": "c", "@type": "PhysicalResource", "resourceRelationship": [{"relationshipType": "reliesOn"}]},'
            ' {"id": "d", "serviceType": "VPN", "startDate": "2026-02-01T00:00:00Z",'
            ' "endDate": "2026-01-01T00:00:00Z"},'
            ' {"id": "e", "@type": "Service", "serviceCharacteristic":'
            ' [{"name": "redundancy", "value": {"g": ["x"]}}]}]',
            "json",
            [
                "topology.json: [0].@type: is neither a service (TMF638) nor a resource (TMF639), "
                "and no attribute tells which it is",
                "topology.json: [1].endDate: 'soon' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
                "topology.json: [2].resourceRelationship[0].resource: is missing",
                "topology.json: [3].endDate: must be later than the beginning",
                "topology.json: [4].serviceCharacteristic[0].value: 'e' does not depend on 'x'",
            ],
        ),
        (
            "dependent,on,valid_to,kind\na,b,2026,\n,c,,\nd,c,,line\ne,c,,switch\n",
            "csv",
            [
                "topology.csv:2: valid_to: '2026' is not an RFC 3339 time such as 2026-06-01T00:00:00Z",
                "topology.csv:3: dependent: is missing",
                "topology.csv:5: kind: 'c' is of the kind 'switch' here, and of the kind 'line' on line 4",
            ],
        ),
        (
            "dependent;on\n",
            "csv",
            ["topology.csv:1: the header is 'dependent;on': columns are separated by commas"],
        ),
        ("dependent,on\na\n", "csv", ["topology.csv:2: the line has 1 of 2 fields (dependent, on); is it cut off?"]),
        ("", "csv", ["topology.csv: is empty"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, form: Form, said: list[str]) -> None:
    assert wrong(text, form) == said


def test_what_stands_in_two_files_is_told_and_nothing_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("services:\n  - {id: vpn-1}\n")
    (tmp_path / "b.json").write_text('[{"id": "vpn-1", "@type": "Service"}]')
    with pytest.raises(InputError) as refused:
        read_topology(tmp_path / "a.yaml", tmp_path / "b.json")
    first, second = tmp_path / "a.yaml", tmp_path / "b.json"
    assert str(refused.value) == f"{second}: [0].id: 'vpn-1' stands twice; it is also in {first}:2: services[0].id"


def test_alternatives_of_several_files_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    for name, lines in (("a", "a-1, a-2"), ("b", "b-1, b-2")):
        text = f"dependencies: [{{of: vpn, on: [{lines}], redundancy: any}}]\n"
        (tmp_path / f"{name}.yaml").write_text(text)
    topology, _ = read_topology(tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert hit(topology, MAY, "a-1", "a-2") == (["vpn"], [])
    assert hit(topology, MAY, "a-1", "b-1") == ([], ["vpn"])
