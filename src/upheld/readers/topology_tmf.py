# ruff: noqa: N815  # the names are those of TMF638 and TMF639
"""Services of TMF638 and resources of TMF639 (Service and Resource Inventory Management, versions 4 and 5), as the
inventories list them -> what a topology is made of.

Formats: https://www.tmforum.org/oda/open-apis/directory (TMF638, TMF639). A service depends on its supporting services
and resources, and on those of its relationships whose type says so; attributes that it does not know are passed over.
The specifications have no word for redundancy: a characteristic named `redundancy` gives the groups of what stands in
for each other, {"uplink": ["line-1", "line-2"]}.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from upheld.agreements.fields import Name
from upheld.agreements.units import parse_instant
from upheld.analysis.topology import RESOURCE, SERVICE, Dependency, Node
from upheld.readers.faults import Fault, Findings
from upheld.readers.tmf_bodies import Part, Unfit, unfit, validated
from upheld.readers.topology_entries import Stated

Instant = Annotated[int, BeforeValidator(parse_instant)]

ON_IT = frozenset(
    ("reliesOn dependsOn requires uses bundled supportedBy carriedBy hostedBy hostedOn runsOn containedIn partOf")
    .casefold()
    .split()
)
"""Types of relationship by which the one that has it depends on the other; also with `is` before."""
ON_THE_FIRST = frozenset("supports carries hosts requiredBy usedBy reliedOnBy".casefold().split())
"""Types by which the other depends on the one that has it."""
_GENERAL = {"resource", "physicalresource", "logicalresource", "service"}


class Period(Part):
    startDateTime: Instant | None = None
    endDateTime: Instant | None = None


class Reference(Part):
    id: Name
    name: str | None = None
    validFor: Period = Period()


class Relationship(Part):
    """With another service, or with another resource: by its `id` itself in version 4 of TMF639."""

    relationshipType: str
    id: Name | None = None
    service: Reference | None = None
    resource: Reference | None = None
    validFor: Period = Period()


class PartyRole(Part):
    id: Name


class RelatedParty(Part):
    """A party: itself in version 4, within `partyOrPartyRole` in version 5."""

    id: Name | None = None
    role: str | None = None
    partyOrPartyRole: PartyRole | None = None


class Characteristic(Part):
    name: str | None = None
    value: Any = None


class Entity(Part):
    id: Name
    name: str | None = None
    category: str | None = None
    type: str | None = Field(None, alias="@type")
    place: Any = None
    validFor: Period = Period()


class Service(Entity):
    startDate: Instant | None = None
    endDate: Instant | None = None
    supportingService: list[Reference] = Field(default_factory=list)
    supportingResource: list[Reference] = Field(default_factory=list)
    serviceRelationship: list[Relationship] = Field(default_factory=list)
    relatedParty: list[RelatedParty] = Field(default_factory=list)
    serviceCharacteristic: list[Characteristic] = Field(default_factory=list)


class Resource(Entity):
    startOperatingDate: Instant | None = None
    endOperatingDate: Instant | None = None
    resourceRelationship: list[Relationship] = Field(default_factory=list)
    resourceCharacteristic: list[Characteristic] = Field(default_factory=list)


def of_inventory(value: object, name: str) -> Stated:
    """What a service or a resource, or a list of them, states. Raises InputError."""
    findings, stated = Findings(), Stated(name)
    listed = value if isinstance(value, list) else [value]
    for number, document in enumerate(listed):
        before = f"[{number}]" if isinstance(value, list) else ""
        try:
            _add(stated, document, before)
        except Unfit as error:
            findings.add(*(Fault(name, None, f"{before}.{f.field}".strip("."), f.message) for f in error.faults))
    findings.raise_any()
    return stated


def _add(stated: Stated, document: object, before: str) -> None:
    if not isinstance(document, dict):
        raise unfit("", "is not an object: a service of TMF638 or a resource of TMF639")
    document = {name: value for name, value in document.items() if value is not None}
    if _is_of(document) == SERVICE:
        service = validated(Service, document)
        begins, ends = _period(service.startDate, service.endDate, service.validFor, "endDate")
        customers = tuple(sorted({party for party in map(_customer, service.relatedParty) if party is not None}))
        node = Node(service.id, SERVICE, service.name or "", _site(service.place), customers, begins, ends)
        dependencies = list(_of_service(stated, service))
        groups = _groups(service.serviceCharacteristic, "serviceCharacteristic")
    else:
        resource = validated(Resource, document)
        operating = resource.startOperatingDate, resource.endOperatingDate
        begins, ends = _period(*operating, resource.validFor, "endOperatingDate")
        node = Node(resource.id, _kind(resource), resource.name or "", _site(resource.place), (), begins, ends)
        dependencies = list(_related(stated, resource.id, resource.resourceRelationship, "resourceRelationship"))
        groups = _groups(resource.resourceCharacteristic, "resourceCharacteristic")
    stated.dependencies += _grouped(node.id, dependencies, groups)
    stated.nodes.append((node, None, f"{before}.id".strip(".")))


def _is_of(document: Mapping[str, Any]) -> Literal["service", "resource"]:
    """Which of both it is: by its type, or else by its attributes. A ResourceFacingService is a service."""
    for attribute in ("@type", "@baseType"):
        called = str(document.get(attribute, ""))
        if called.endswith("Service"):
            return "service"
        if called.endswith("Resource"):
            return "resource"
    if any(name.startswith(("service", "supporting")) for name in document):
        return "service"
    if any(name.startswith("resource") or name.endswith("OperatingDate") for name in document):
        return "resource"
    raise unfit("@type", "is neither a service (TMF638) nor a resource (TMF639), and no attribute tells which it is")


def _of_service(stated: Stated, service: Service) -> Iterator[Dependency]:
    supporting = ((service.supportingService, SERVICE, "supportingService"),)
    for references, kind, where in (*supporting, (service.supportingResource, RESOURCE, "supportingResource")):
        for number, one in enumerate(references):
            stated.named.append(Node(one.id, kind, one.name or "", described=False))
            valid = _period(None, None, one.validFor, f"{where}[{number}].validFor.endDateTime")
            yield Dependency(service.id, one.id, None, *valid)
    yield from _related(stated, service.id, service.serviceRelationship, "serviceRelationship")


def _related(stated: Stated, node_id: str, relationships: Sequence[Relationship], where: str) -> Iterator[Dependency]:
    for number, one in enumerate(relationships):
        place = f"{where}[{number}]"
        other, kind = _other(one, where)
        if other is None:
            raise unfit(f"{place}.{kind}", "is missing")
        said = re.sub("[^a-z]", "", one.relationshipType.casefold())
        said = said if said in ON_IT | ON_THE_FIRST else said.removeprefix("is")
        valid = _period(None, None, one.validFor, f"{place}.validFor.endDateTime")
        if said in ON_IT:
            yield Dependency(node_id, other.id, None, *valid)
        elif said in ON_THE_FIRST:
            yield Dependency(other.id, node_id, None, *valid)
        else:
            stated.unread[one.relationshipType] = stated.unread.get(one.relationshipType, 0) + 1
            continue
        stated.named.append(Node(other.id, kind, other.name or "", described=False))


def _other(one: Relationship, where: str) -> tuple[Reference | None, Literal["service", "resource"]]:
    """What it is with, and what that is."""
    if where == "serviceRelationship":
        return one.service, "service"
    return one.resource or (None if one.id is None else Reference(id=one.id)), "resource"


def _groups(characteristics: Sequence[Characteristic], where: str) -> dict[str, tuple[str, str]]:
    """The redundancy of each id that has one, with the place that says so."""
    found: dict[str, tuple[str, str]] = {}
    for number, one in enumerate(characteristics):
        if (one.name or "").casefold() != "redundancy":
            continue
        place = f"{where}[{number}].value"
        groups = {"redundancy": one.value} if isinstance(one.value, list) else one.value
        if not isinstance(groups, dict) or not all(_are_ids(ids) for ids in groups.values()):
            raise unfit(place, 'must be groups of ids, such as {"uplink": ["line-1", "line-2"]}')
        for group, ids in groups.items():
            for other in ids:
                if other in found:
                    raise unfit(place, f"{other!r} stands in two groups")
                found[other] = group, place
    return found


def _are_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _grouped(
    node_id: str, dependencies: Sequence[Dependency], groups: Mapping[str, tuple[str, str]]
) -> list[Dependency]:
    own = {d.on for d in dependencies if d.dependent == node_id}
    for other, (_, place) in groups.items():
        if other not in own:
            raise unfit(place, f"{node_id!r} does not depend on {other!r}")
    return [
        Dependency(d.dependent, d.on, groups[d.on][0], d.valid_from, d.valid_to)
        if d.dependent == node_id and d.on in groups
        else d
        for d in dependencies
    ]


def _period(begins: int | None, ends: int | None, valid: Period, where: str) -> tuple[int | None, int | None]:
    """What both say of when it is there: the later beginning, and the earlier end."""
    first = max((at for at in (begins, valid.startDateTime) if at is not None), default=None)
    last = min((at for at in (ends, valid.endDateTime) if at is not None), default=None)
    if first is not None and last is not None and last <= first:
        raise unfit(where, "must be later than the beginning")
    return first, last


def _customer(party: RelatedParty) -> str | None:
    if (party.role or "").casefold() != "customer":
        return None
    return party.partyOrPartyRole.id if party.partyOrPartyRole is not None else party.id


def _kind(resource: Resource) -> str:
    for called in (resource.category, resource.type):
        if called and called.casefold() not in _GENERAL:
            return called
    return RESOURCE


def _site(place: Any) -> str | None:
    """Where it is: `place` is one in TMF639 version 4, and a list elsewhere; version 5 has it within `place`."""
    one = place[0] if isinstance(place, list) and place else place
    inner = one.get("place", one) if isinstance(one, dict) else None
    found = (inner.get("name") or inner.get("id")) if isinstance(inner, dict) else None
    return found if isinstance(found, str) else None
