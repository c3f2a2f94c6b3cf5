"""Topologies -> `Topology`: YAML or JSON in the own form, CSV, and service and resource inventories (TMF638, TMF639).

Several documents may make one topology. Nothing is taken where something in one of them is wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import msgspec

from upheld.analysis.topology import Node, Topology
from upheld.readers.faults import Fault, Findings, InputError, one_of
from upheld.readers.kept import NUL, nul_at
from upheld.readers.topology_entries import Stated, of_csv, of_value, of_yaml
from upheld.readers.topology_tmf import of_inventory
from upheld.readers.yaml_source import field_text, read_text

Form = Literal["yaml", "json", "csv"]
SUFFIXES: Mapping[str, Form] = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".csv": "csv"}


def read_topology(*paths: Path) -> tuple[Topology, Mapping[str, int]]:
    """The topology that files make together, each in the form that its name tells, and how many relationships of which
    types in them say nothing of what depends on what. Raises InputError."""
    findings, stated = Findings(), []
    for path in paths:
        try:
            stated.append(_stated(_form(path), read_text(path), str(path)))
        except InputError as error:
            findings.add_error(error)
    findings.raise_any()
    unread: dict[str, int] = {}
    for kind, count in (one for some in stated for one in some.unread.items()):
        unread[kind] = unread.get(kind, 0) + count
    return _assembled(stated), unread


def parse_topology(text: str, form: Form, name: str) -> Topology:
    """The topology in a text. Raises InputError with faults under the document's `name`."""
    return _assembled([_stated(form, text, name)])


def _form(path: Path) -> Form:
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise InputError([Fault(str(path), None, "", f"its name tells no form; it ends in {one_of(list(SUFFIXES))}")])
    return form


def _stated(form: Form, text: str, name: str) -> Stated:
    if "\0" in text:
        raise InputError([Fault(name, text.count("\n", 0, text.index("\0")) + 1, "", NUL)])
    if form == "csv":
        return of_csv(text, name)
    if form == "yaml":
        return of_yaml(text, name)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError([Fault(name, None, "", f"is not JSON: {error}")]) from None
    if (place := nul_at(value)) is not None:
        raise InputError([Fault(name, None, field_text(place), NUL)])
    is_inventory = isinstance(value, list) or (isinstance(value, dict) and "id" in value)
    return of_inventory(value, name) if is_inventory else of_value(value, name)


def _assembled(documents: Sequence[Stated]) -> Topology:
    findings, nodes, places = Findings(), dict[str, Node](), dict[str, str]()
    for document in documents:
        for node, line, where in document.nodes:
            place = Fault(document.name, line, where, f"{node.id!r} stands twice")
            if node.id in nodes:
                findings.add(replace(place, message=f"{place.message}; it is also in {places[node.id]}"))
            nodes[node.id], places[node.id] = node, str(replace(place, message=""))
    findings.raise_any()
    for node in (one for document in documents for one in document.named):
        known = nodes.setdefault(node.id, node)
        if not set(node.customers) <= set(known.customers):
            nodes[node.id] = replace(known, customers=tuple(sorted({*known.customers, *node.customers})))
    return Topology(nodes.values(), (d for document in documents for d in document.dependencies))
