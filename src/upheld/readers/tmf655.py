# ruff: noqa: N815  # the names are those of TMF655
"""Change requests of TMF655 (Change Management API, 4.0.0) -> planned works: one that is created, and a change of one.

Format: https://www.tmforum.org/oda/open-apis/directory/change-management-api-TMF655. What a planned work has no place
for, such as a priority, is checked and not kept.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from upheld.agreements.units import parse_instant
from upheld.maintenance.model import Maintenance
from upheld.maintenance.window import change_fault, window_fault
from upheld.readers.body_faults import RowFault
from upheld.readers.tmf_bodies import Part, Unfit, check_kept, read_object, unfit, validated

MAX_BYTES = 256 * 1024
LONGEST_TITLE = 200
REQUIRED = ("targetEntity", "priority", "specification", "plannedStartTime", "plannedEndTime", "requestType")
"""What ChangeRequest_Create must have."""
UNCHANGEABLE = ("id", "href", "requestDate")
CANCELLED = "cancelled"

Instant = Annotated[int, BeforeValidator(parse_instant)]
Identity = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Entity(Part):
    id: Identity


class Reference(Part):
    id: Identity | None = None
    externalReferenceType: str | None = None


class InvolvedParty(Part):
    id: Identity
    name: Identity | None = None
    role: str | None = None


class Attributes(Part):
    """The attributes of ChangeRequest that are read, each with its type."""

    description: Annotated[str, Field(min_length=1, max_length=10_000)] | None = None
    plannedStartTime: Instant | None = None
    plannedEndTime: Instant | None = None
    priority: str | None = None
    requestType: str | None = None
    specification: dict[str, Any] | None = None
    status: str | None = None
    externalReference: list[Reference] | None = None
    impactEntity: list[Entity] | None = None
    targetEntity: Annotated[list[Entity], Field(min_length=1)] | None = None
    relatedParty: list[InvolvedParty] | None = None

    @property
    def touched(self) -> tuple[str, ...]:
        """What is taken down: what the request says that it has an impact on, else what it is made to."""
        return tuple(dict.fromkeys(one.id for one in self.impactEntity or self.targetEntity or ()))

    @property
    def approver(self) -> str | None:
        """Who has approved it, where a party has that role."""
        found = [one for one in self.relatedParty or () if "approv" in (one.role or "").casefold()]
        return (found[0].name or found[0].id) if found else None


def read_created(body: bytes, nodes: Collection[str], sender: str, now: int) -> Maintenance:
    """The body of `POST /changeRequest` of a `sender`, received `now`: what is not approved by someone it names was by
    them. `nodes` are what a work may touch. With an external reference, the same request again is the same work. Raises
    MalformedBody and Unfit."""
    document, asked = _attributes(body)
    missing = [name for name in REQUIRED if document.get(name) is None]
    if asked.description is None:
        missing.append("description")
    if missing:
        raise Unfit([RowFault(1, name, _missing(name)) for name in missing])
    assert asked.plannedStartTime is not None, "it is required"
    assert asked.plannedEndTime is not None, "it is required"
    if (fault := window_fault(asked.plannedStartTime, asked.plannedEndTime, now)) is not None:
        raise unfit(_PLANNED[fault[0]], fault[1])
    title, description = _texts(asked.description or "")
    return Maintenance(
        id=_id(asked.externalReference or ()),
        title=title,
        start=asked.plannedStartTime,
        end=asked.plannedEndTime,
        services=_known(asked.touched, nodes, asked),
        approved_by=asked.approver or sender,
        planned_at=now,
        description=description,
    )


def read_change(known: Maintenance, shown: str, body: bytes, nodes: Collection[str], now: int) -> Maintenance | None:
    """The body of `PATCH /changeRequest/{id}`, a JSON merge patch of a work whose status is `shown`: the work as it is
    wanted, None where it is to be cancelled. Raises MalformedBody and Unfit."""
    document, asked = _attributes(body)
    faults = [RowFault(1, name, "cannot be changed") for name in UNCHANGEABLE if name in document]
    faults += [RowFault(1, name, "cannot be taken away") for name, value in document.items() if value is None]
    if asked.status not in (None, CANCELLED, shown):
        said = f"it is {shown}: only {CANCELLED} can be said of it"
        faults.append(RowFault(1, "status", said))
    if faults:
        raise Unfit(faults)
    if asked.status == CANCELLED:
        return None
    title, description = _texts(asked.description) if asked.description else (known.title, known.description)
    start = known.start if asked.plannedStartTime is None else asked.plannedStartTime
    end = known.end if asked.plannedEndTime is None else asked.plannedEndTime
    if known.windows and (start, end) != (known.start, known.end):
        changed = "plannedStartTime" if start != known.start else "plannedEndTime"
        raise unfit(changed, f"the work has {len(known.windows)} windows: change them by /v1/maintenance")
    wanted = replace(
        known,
        title=title,
        description=description,
        start=start,
        end=end,
        services=_known(asked.touched, nodes, asked) if asked.touched else known.services,
        approved_by=asked.approver or known.approved_by,
    )
    if (fault := change_fault(known, wanted, now)) is not None:
        raise unfit(_PLANNED[fault[0]], fault[1])
    return wanted


_PLANNED = {"start": "plannedStartTime", "end": "plannedEndTime", "windows": "plannedStartTime"}


def _attributes(body: bytes) -> tuple[dict[str, Any], Attributes]:
    document = read_object(body, "a change request", MAX_BYTES)
    check_kept(document)
    return document, validated(Attributes, {name: value for name, value in document.items() if value is not None})


def _missing(name: str) -> str:
    return "is missing: it is what customers read" if name == "description" else "is missing"


def _texts(description: str) -> tuple[str, str]:
    """(title, description): the first line, and all where there is more."""
    lines = description.strip().splitlines() or [""]
    title = "".join(c if c.isprintable() else " " for c in lines[0])[:LONGEST_TITLE].strip() or "Change"
    return title, description if description.strip() != title else ""


def _known(names: Sequence[str], nodes: Collection[str], asked: Attributes) -> tuple[str, ...]:
    unknown = [name for name in names if name not in nodes]
    if unknown:
        where = "impactEntity" if asked.impactEntity else "targetEntity"
        raise unfit(where, f"no agreement, resource or topology in force names {', '.join(map(repr, unknown[:8]))}")
    return tuple(names)


def _id(references: Sequence[Reference]) -> str:
    told = [(one.externalReferenceType, one.id) for one in references if one.id]
    if not told:
        return f"T-{secrets.token_hex(5).upper()}"
    return f"T-{hashlib.sha256(repr(told[0]).encode()).hexdigest()[:10].upper()}"
