"""A topology in the own form, YAML or JSON, and dependencies as CSV -> what a topology is made of."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from upheld.agreements.fields import Document, Name, check_unique
from upheld.agreements.units import parse_instant
from upheld.analysis.topology import RESOURCE, SERVICE, Dependency, Node
from upheld.readers import yaml_source
from upheld.readers.columns import column_faults
from upheld.readers.faults import Fault, Findings, InputError
from upheld.readers.validation import validate, validate_record
from upheld.readers.yaml_source import parse_yaml

Instant = Annotated[int, BeforeValidator(parse_instant)]
_KINDLESS = "a service stands among the services, and a resource is of another kind"


@dataclass
class Stated:
    """What one document states: nodes with their place in it (line, field), and dependencies. `named` are nodes that
    it speaks of without describing them; `unread` counts relationships that say nothing of what depends on what."""

    name: str
    nodes: list[tuple[Node, int | None, str]] = field(default_factory=list)
    named: list[Node] = field(default_factory=list)
    dependencies: list[Dependency] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)


# -- the own form ---------------------------------------------------------------------------------------------------


class Valid(Document):
    """From an instant, until an instant; an end that is left out is open."""

    from_: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ is not None and self.to is not None and self.to <= self.from_:
            raise ValueError("to: must be later than from")
        return self


class SupplierId(Document):
    """What one supplier calls it."""

    supplier: Name
    id: Name


SupplierIds = Annotated[tuple[Name | SupplierId, ...], Field(max_length=100)]
"""What suppliers call it in their notices: a name alone is any supplier's."""


def _pairs(ids: SupplierIds) -> tuple[tuple[str, str], ...]:
    return tuple((one.supplier, one.id) if isinstance(one, SupplierId) else ("", one) for one in ids)


class ServiceEntry(Document):
    """A service, with its customer where no agreement says whose it is."""

    id: Name
    name: str = ""
    customer: Name | None = None
    customers: tuple[Name, ...] = ()
    supplier_ids: SupplierIds = ()
    valid: Valid = Valid()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.customer is not None and self.customers:
            raise ValueError("customers: give customer or customers, and not both")
        return self


class ResourceEntry(Document):
    """A resource of any kind, at a site."""

    id: Name
    kind: Name = RESOURCE
    name: str = ""
    site: Name | None = None
    supplier_ids: SupplierIds = ()
    valid: Valid = Valid()

    @model_validator(mode="after")
    def _no_service(self) -> Self:
        if self.kind == SERVICE:
            raise ValueError(f"kind: {_KINDLESS}")
        return self


class DependencyEntry(Document):
    """What one node depends on: on `all`, or on `any` of these, which with other entries of the same `group` stand in
    for each other."""

    of: Name
    on: Annotated[tuple[Name, ...], Field(min_length=1)]
    redundancy: Literal["all", "any"] = "all"
    group: Name | None = None
    valid: Valid = Valid()

    @model_validator(mode="after")
    def _grouped(self) -> Self:
        if self.group is not None and self.redundancy == "all":
            raise ValueError("group: needs redundancy: any")
        check_unique("on", self.on)
        return self


class TopologyFile(Document):
    """A whole topology in the own form."""

    services: tuple[ServiceEntry, ...] = ()
    resources: tuple[ResourceEntry, ...] = ()
    dependencies: tuple[DependencyEntry, ...] = ()

    @model_validator(mode="after")
    def _ids_unique(self) -> Self:
        check_unique("services", [one.id for one in self.services])
        check_unique("resources", [one.id for one in self.resources])
        services = {one.id for one in self.services}
        for number, one in enumerate(self.resources):
            if one.id in services:
                raise ValueError(f"resources.{number}.id: {one.id!r} is a service too")
        return self


def of_yaml(text: str, name: str) -> Stated:
    """What a YAML document states. Raises InputError."""
    source = parse_yaml(text, name)
    return _of_entries(validate(TopologyFile, source), name, source)


def of_value(value: object, name: str) -> Stated:
    """What a value of JSON in the own form states. Raises InputError, by field."""
    try:
        return _of_entries(TopologyFile.model_validate(value), name, None)
    except ValidationError:
        return _of_entries(_said_by_field(value, name), name, None)


def _said_by_field(value: object, name: str) -> TopologyFile:
    """Raises InputError: JSON has fields, and no lines."""
    try:
        return validate(TopologyFile, yaml_source.Source(name, _tree(value)))
    except InputError as error:
        raise InputError([replace(fault, line=None) for fault in error.faults], error.more) from None


def _tree(value: object) -> yaml_source.Node:
    if isinstance(value, dict):
        return yaml_source.Node(value, 0, {key: _tree(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return yaml_source.Node(value, 0, [_tree(inner) for inner in value])
    return yaml_source.Node(value, 0)


def _of_entries(read: TopologyFile, name: str, source: yaml_source.Source | None) -> Stated:
    stated = Stated(name)

    def add(node: Node, place: tuple[str, int]) -> None:
        line = None if source is None else source.line(place)
        stated.nodes.append((node, line, f"{place[0]}[{place[1]}].id"))

    for number, service in enumerate(read.services):
        customers = service.customers if service.customer is None else (service.customer,)
        valid = service.valid.from_, service.valid.to
        node = Node(
            service.id, SERVICE, service.name, None, customers, *valid, supplier_ids=_pairs(service.supplier_ids)
        )
        add(node, ("services", number))
    for number, one in enumerate(read.resources):
        valid, ids = (one.valid.from_, one.valid.to), _pairs(one.supplier_ids)
        add(Node(one.id, one.kind, one.name, one.site, (), *valid, supplier_ids=ids), ("resources", number))
    for number, entry in enumerate(read.dependencies):
        # A name never begins with a slash: a group that has none of its own is told from all that have.
        group = (entry.group or f"/{name}/{number}") if entry.redundancy == "any" else None
        valid = entry.valid.from_, entry.valid.to
        stated.dependencies += [Dependency(entry.of, on, group, *valid) for on in entry.on]
    return stated


# -- CSV ------------------------------------------------------------------------------------------------------------


class Line(Document):
    """A line of CSV: one dependency. `kind` is that of what it is `on`, `customer` the dependent's."""

    dependent: Name
    on: Name
    redundancy: Name | None = None
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    kind: Name | None = None
    customer: Name | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from is not None and self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to: must be later than valid_from")
        return self


COLUMNS = tuple(Line.model_fields)
_NEEDED = ("dependent", "on")


def of_csv(text: str, name: str) -> Stated:
    """What lines of CSV state, of which each is a dependency. Raises InputError."""
    findings, stated = Findings(), Stated(name)
    kinds: dict[str, tuple[str, int]] = {}
    customers: dict[str, set[str]] = {}
    for number, record in _records(text, name):
        line = validate_record(Line, record, partial(Fault, name, number))
        if not isinstance(line, Line):
            findings.add(*line)
            continue
        if line.kind is not None:
            kind, first = kinds.setdefault(line.on, (line.kind, number))
            if kind != line.kind:
                said = f"{line.on!r} is of the kind {line.kind!r} here, and of the kind {kind!r} on line {first}"
                findings.add(Fault(name, number, "kind", said))
        customers.setdefault(line.dependent, set()).update({line.customer} if line.customer else ())
        valid = line.valid_from, line.valid_to
        stated.dependencies.append(Dependency(line.dependent, line.on, line.redundancy, *valid))
    findings.raise_any()
    below = {d.on for d in stated.dependencies}
    for node_id in dict.fromkeys([*customers, *below]):
        kind = kinds[node_id][0] if node_id in kinds else RESOURCE if node_id in below else SERVICE
        of = tuple(sorted(customers.get(node_id, ())))
        stated.named.append(Node(node_id, kind, customers=of, described=False))
    return stated


def _records(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, the fields that are given) of each line that is not blank."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in filter(None, rows):
            if header is None:
                header = row
                if faults := column_faults(name, header, _NEEDED, COLUMNS):
                    raise InputError(faults)
            elif len(row) != len(header):
                said = f"the line has {len(row)} of {len(header)} fields ({', '.join(header)}); is it cut off?"
                raise InputError([Fault(name, rows.line_num, "", said)])
            else:
                yield rows.line_num, {c: s.strip() for c, s in zip(header, row, strict=True) if s.strip()}
    except csv.Error as error:
        raise InputError([Fault(name, rows.line_num, "", f"is not a CSV line: {error}")]) from None
    if header is None:
        raise InputError([Fault(name, None, "", "is empty")])
