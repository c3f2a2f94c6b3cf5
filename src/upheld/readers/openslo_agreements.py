"""The objectives of many SLOs -> agreements: those that Service documents state, and one a service for the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upheld.agreements.model import Portfolio
from upheld.readers.faults import Fault, Findings, InputError
from upheld.readers.openslo_documents import Placed
from upheld.readers.validation import validate
from upheld.readers.yaml_source import Node, Source, field_text
from upheld.reports.openslo import PREFIX, slug


@dataclass(slots=True)
class Promise:
    """An objective as it is read: whose it is, and what it says as plain data."""

    slo: Placed
    place: tuple[str | int, ...]
    service: str
    agreement: str | None
    valid_from: str | None
    zone: str | None
    plain: dict[str, Any]


Origins = dict[tuple[int, int | None], tuple[Placed, tuple[str | int, ...]]]
"""Where an agreement, or an objective of it, comes from, by their positions."""


def assembled(
    findings: Findings,
    promises: Sequence[Promise],
    heads: Sequence[tuple[Placed, dict[str, Any]]],
    customer: str,
    valid_from: str,
) -> tuple[list[dict[str, Any]], Origins]:
    """The agreements of all promises as plain data, and where their parts come from. `heads` are those that Service
    documents state; `customer` and `valid_from` are for the others, where no annotation says."""
    stated = {(head["id"], str(head["valid"].get("from"))): (service, head) for service, head in heads}
    members: dict[tuple[str, str | None], list[Promise]] = {key: [] for key in stated}
    for promise in promises:
        if promise.agreement is None:
            key: tuple[str, str | None] = (_agreement_id(promise, members), None)
        else:
            key = (promise.agreement, promise.valid_from)
        members.setdefault(key, []).append(promise)
    agreements: list[dict[str, Any]] = []
    origins: Origins = {}
    for found, grouped in members.items():
        place = len(agreements)
        head = stated.get(found) if found[1] is not None else None  # type: ignore[arg-type]
        if head is not None:
            agreement, where = _stated(findings, head, grouped)
            origins[place, None] = head[0], ()
        else:
            agreement, where = _gathered(findings, found[0], grouped, customer, valid_from)
            origins[place, None] = grouped[0].slo, ()
        origins |= {(place, number): one for number, one in where.items()}
        agreements.append(agreement)
    return agreements, origins


def _agreement_id(promise: Promise, members: Mapping[tuple[str, str | None], Sequence[Promise]]) -> str:
    """Objectives of a service belong together, as far as they have the same time zone."""
    for (name, version), others in members.items():
        if version is None and others and others[0].service == promise.service:
            zones = {other.zone for other in others if other.zone is not None}
            if promise.zone is None or not zones or zones == {promise.zone}:
                return name
    taken = any(name == promise.service for name, _ in members)
    return f"{promise.service}-{slug(promise.zone or 'rolling')}" if taken else promise.service


def _gathered(
    findings: Findings, name: str, promises: Sequence[Promise], customer: str, valid_from: str
) -> tuple[dict[str, Any], dict[int, tuple[Placed, tuple[str | int, ...]]]]:
    """An agreement of SLOs that name none, or one that is not stated as a whole."""
    zone = next((p.zone for p in promises if p.zone is not None), None)
    of = [(p.slo.object.metadata.annotations or {}).get(f"{PREFIX}customer") for p in promises]
    since = next((p.valid_from for p in promises if p.valid_from is not None), valid_from)
    agreement: dict[str, Any] = {"id": name, "customer": next((c for c in of if c), customer)}
    if zone is not None:
        agreement["time_zone"] = zone
    agreement |= {"valid": {"from": since}, "services": list(dict.fromkeys(p.service for p in promises))}
    objectives, where = _objectives(findings, promises, agreement["services"])
    agreement["objectives"] = list(objectives.values())
    return agreement, dict(enumerate(where))


def _stated(
    findings: Findings, head: tuple[Placed, dict[str, Any]], promises: Sequence[Promise]
) -> tuple[dict[str, Any], dict[int, tuple[Placed, tuple[str | int, ...]]]]:
    """An agreement that a Service document states: its objectives are those of the SLOs, in the order stated."""
    service, agreement = head[0], dict(head[1])
    zone = agreement.get("time_zone", "UTC")
    for promise in promises:
        if promise.zone not in (None, zone):
            place = ("spec", "timeWindow", 0, "calendar", "timeZone")
            message = f"{promise.zone} differs from {zone}, the zone of agreement {agreement['id']}"
            findings.add(promise.slo.fault(place, message))
    objectives, places = _objectives(findings, promises, agreement.get("services") or [])
    origins = dict(zip(objectives, places, strict=True))
    ordered: list[Any] = []
    where: dict[int, tuple[Placed, tuple[str | int, ...]]] = {}
    for stated in agreement.get("objectives") or []:
        if isinstance(stated, str) and stated not in objectives:
            message = f"objective {stated!r} of {agreement['id']}: its SLO is in none of the files"
            findings.add(service.fault(["metadata", "annotations", f"{PREFIX}agreements"], message))
            continue
        if isinstance(stated, str):
            where[len(ordered)] = origins.pop(stated)
            ordered.append(objectives.pop(stated))
        else:
            ordered.append(stated)
    for name, objective in objectives.items():  # added by hand
        where[len(ordered)] = origins[name]
        ordered.append(objective)
    agreement["objectives"] = ordered
    return agreement, where


def _objectives(
    findings: Findings, promises: Sequence[Promise], services: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], list[tuple[Placed, tuple[str | int, ...]]]]:
    """The objectives by id. One of several services stands once; each of them must say the same of it."""
    objectives: dict[str, dict[str, Any]] = {}
    places: list[tuple[Placed, tuple[str | int, ...]]] = []
    told: dict[str, set[str]] = {}
    for promise in promises:
        name = promise.plain["id"]
        told.setdefault(name, set()).add(promise.service)
        if name not in objectives:
            objectives[name] = promise.plain
            places.append((promise.slo, promise.place))
        elif objectives[name] != promise.plain:
            differing = [k for k in promise.plain if promise.plain[k] != objectives[name].get(k)]
            message = f"objective {name!r} has another {' and '.join(differing)} for another service of its agreement"
            findings.add(promise.slo.fault(promise.place, message))
    for (name, found), (slo, place) in zip(told.items(), places, strict=True):
        lacking = [service for service in services if service not in found]
        if lacking:
            message = f"objective {name!r} has no SLO for {', '.join(lacking)}, a service of the same agreement"
            findings.add(slo.fault(place, message))
    return objectives, places


def validate_agreements(document: dict[str, Any], origins: Origins) -> None:
    """Raises InputError where the agreements do not hold together, each fault at the SLO that it comes from."""
    nodes = []
    for number, agreement in enumerate(document["agreements"]):
        slo, _ = origins[number, None]
        node = _node(agreement, slo.source.root.line)
        nodes.append(node)
    root = Node({"agreements": document["agreements"]}, 1)
    root.children = {"agreements": Node(document["agreements"], 1, nodes)}
    try:
        validate(Portfolio, Source("agreements", root))
    except InputError as error:
        raise InputError([_traced(fault, origins) for fault in error.faults], error.more) from None


def _node(value: Any, line: int) -> Node:
    if isinstance(value, dict):
        return Node(value, line, {str(k): _node(v, line) for k, v in value.items()})
    if isinstance(value, list):
        return Node(value, line, [_node(v, line) for v in value])
    return Node(value, line)


def _traced(fault: Fault, origins: Origins) -> Fault:
    """A fault of the agreements made, as one of the object that they are made of."""
    for (agreement, objective), (placed, place) in sorted(
        origins.items(), key=lambda item: item[0][1] is None
    ):  # the objectives before the whole
        steps: tuple[str | int, ...] = ("agreements", agreement)
        if objective is not None:
            steps = (*steps, "objectives", objective)
        within = field_text(steps)
        if fault.field == within or fault.field.startswith((f"{within}.", f"{within}[")):
            rest = fault.field.removeprefix(within).removeprefix(".")
            return placed.fault(place, f"{rest}: {fault.message}" if rest else fault.message)
    first = next(iter(origins.values()))[0]
    return first.fault([], f"{fault.field}: {fault.message}" if fault.field else fault.message)
