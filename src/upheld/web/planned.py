"""Planned work as the page shows it, and the form by which it is planned."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from upheld.agreements.model import Portfolio
from upheld.agreements.units import parse_instant, to_datetime, to_microseconds
from upheld.analysis.topology import Topology
from upheld.maintenance.model import KINDS, Announcement, Maintenance
from upheld.maintenance.objection import NO_OBJECTIONS, Objections
from upheld.maintenance.window import change_fault, planned_in, windows_fault
from upheld.notices.model import ANNOUNCING, Notice
from upheld.ports import Transaction
from upheld.web.words import sentence

LISTED = 300
"""Resources that are offered at most."""
LONGEST_LINE = 200
LONGEST_TEXT = 2_000
_OWN_ID = re.compile(r"M-[0-9A-F]{10}")
EXAMPLE = "2026-06-11 22:00 to 2026-06-12 02:00"
_LINE = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d) *(?:to|-|–) *(\d{4}-\d\d-\d\d[ T]\d\d:\d\d)")
_TIMES = {"start", "end", "windows", "zone"}


@dataclass(frozen=True, slots=True)
class Work:
    """A planned work with what its announcements earned, what was sent, and the services that it leaves without
    redundancy. `objections`: how many contacts object to it."""

    maintenance: Maintenance
    announcements: tuple[Announcement, ...]
    notices: tuple[Notice, ...]
    unprotected: tuple[str, ...] = ()
    objections: Objections = NO_OBJECTIONS

    def standing(self, announcement: Announcement) -> tuple[str, str, str]:
        """(tone of the badge, its word, why): whether the window counts under an agreement. Nothing is decided while an
        announcement is on its way and the window has not begun."""
        if self.maintenance.state == "cancelled":
            return "no_data", "Cancelled: its minutes count", ""
        if announcement.earned:
            return "met", "Does not count", announcement.reason
        own = (n for n in self.notices if n.agreement == announcement.agreement and n.kind in ANNOUNCING)
        if announcement.decided_at < self.maintenance.start and any(n.state == "recorded" for n in own):
            return "info", "Not decided yet: the announcement is on its way", ""
        return "at_risk", "Counts in part" if announcement.services else "Counts", announcement.reason

    @property
    def sent(self) -> int:
        return sum(notice.state == "sent" for notice in self.notices)


@dataclass(frozen=True, slots=True)
class Form:
    """The form as it was filled in, with the faults of its fields."""

    values: Mapping[str, str] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)


def new_id() -> str:
    """An id for a work. The form carries it, so that sending the form twice plans one work."""
    return f"M-{secrets.token_hex(5).upper()}"


def works(t: Transaction, topology: Topology, now: int) -> tuple[list[Work], list[Work]]:
    """Coming and running work by start, and past or cancelled work, newest first."""
    coming: list[Work] = []
    past: list[Work] = []
    objections = t.count_objections(now)
    for one in t.maintenances():
        is_coming = one.runs_over or (one.end > now and one.state == "planned" and one.ended_at is None)
        exposed = topology.hit_during(one.services, one.start, one.end).unprotected if is_coming else ()
        unprotected = tuple(sorted(topology.services(exposed)))
        told = tuple(t.announcements(one.id)), tuple(t.notices(maintenance_id=one.id))
        work = Work(one, *told, unprotected, objections.get(one.id, NO_OBJECTIONS))
        (coming if is_coming else past).append(work)
    return coming, past[::-1]


def choices_of(portfolio: Portfolio | None, topology: Topology) -> list[tuple[str, list[str]]]:
    """What a work can touch, to choose from: (customer's name, services) for every customer with an agreement, and
    the resources, each of which stands for all that it carries: only the portfolio's, where the topology has more than
    a page should list."""
    if portfolio is None:
        return []
    names = {party.id: party.name for party in portfolio.customers}
    found: dict[str, set[str]] = {}
    for agreement in portfolio.agreements:
        found.setdefault(names.get(agreement.customer, agreement.customer), set()).update(agreement.services)
    groups = [(customer, sorted(services)) for customer, services in sorted(found.items())]
    resources = sorted(name for name in topology.above if not topology.nodes[name].is_service)
    if len(resources) > LISTED:
        resources = sorted(resource.id for resource in portfolio.resources)
    return [*groups, ("Resources, with all that they carry", resources)] if resources else groups


def zones_of(portfolio: Portfolio | None) -> tuple[list[str], list[str]]:
    """The time zones that the portfolio names, and all others."""
    used = {"UTC"}
    if portfolio is not None:
        used |= {agreement.time_zone.key for agreement in portfolio.agreements}
        used |= {portfolio.provider.time_zone.key} if portfolio.provider else set()
    return sorted(used), [zone for zone in _every_zone() if zone not in used]


@cache
def _every_zone() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


def read_form(
    values: Mapping[str, str], services: Sequence[str], topology: Topology, now: int, known: Maintenance | None = None
) -> Maintenance | Form:
    """The work that the form describes, or the form again with what is wrong with it. `known`: what it changes."""
    faults: dict[str, str] = {}
    for name, what in (("title", "Say what will be done."), ("approved_by", "Name who approved the work.")):
        if not values[name]:
            faults[name] = what
        elif len(values[name]) > LONGEST_LINE or not values[name].isprintable():
            faults[name] = f"Use at most {LONGEST_LINE} printable characters."
    kind = next((kind for kind in KINDS if kind == values["kind"]), None)
    if known is None and kind is None:
        faults["kind"] = "Choose what it is."
    description = "\n".join(values["description"].splitlines())
    if len(description) > LONGEST_TEXT or not description.replace("\n", "").isprintable():
        faults["description"] = f"Use at most {LONGEST_TEXT:,} printable characters."
    spans = _spans(values, faults)
    if spans and not faults.keys() & _TIMES and (fault := windows_fault(spans, now)) is not None:
        faults[fault[0]] = f"{sentence(fault[1])}."
    chosen = tuple(sorted(set(services)))
    if not chosen:
        faults["services"] = "Choose at least one service."
    elif unknown := sorted(set(chosen) - topology.nodes.keys()):
        faults["services"] = f"{unknown[0]} is neither a service of an agreement nor a resource."
    if faults:
        return Form(values, chosen, faults)
    wanted = Maintenance(
        id=known.id if known else values["id"] if _OWN_ID.fullmatch(values["id"]) else new_id(),
        title=values["title"],
        services=chosen,
        approved_by=values["approved_by"],
        planned_at=now,
        description=description,
        emergency=known.emergency if known is not None else bool(values["emergency"]),
        kind=known.kind if known is not None else kind or "maintenance",
        **planned_in(spans),
    )
    if known is not None and (fault := change_fault(known, wanted, now)) is not None:
        return Form(values, chosen, {fault[0]: f"{sentence(fault[1])}."})
    return wanted


def _spans(values: Mapping[str, str], faults: dict[str, str]) -> list[tuple[int, int]]:
    """The windows that the form describes; what is wrong with one is added to the faults."""
    found = [_span(values, faults)]
    for number, line in enumerate(filter(None, map(str.strip, values["windows"].splitlines())), 1):
        read, own = _LINE.fullmatch(line), dict[str, str]()
        if read is None:
            faults["windows"] = f"Line {number} is no window: write it as {EXAMPLE}."
            break
        found.append(_span({**values, "start": read[1], "end": read[2]}, own))
        if own:
            faults["windows"] = f"Line {number}: {next(iter(own.values()))}"
    return [span for span in found if span is not None]


def _span(values: Mapping[str, str], faults: dict[str, str]) -> tuple[int, int] | None:
    start, end = instant_of(values, "start", faults), instant_of(values, "end", faults)
    if start is None or end is None:
        return None
    if end <= start:
        typed = f"{values['end']} is not after {values['start']}".replace("T", " ")
        faults["end"] = f"The end must be later than the start: {typed}."
    return start, end


def form_for(work: Maintenance) -> Form:
    """The form that changes a work: as it is now, in UTC."""
    (start, end), *others = (tuple(f"{to_datetime(at):%Y-%m-%dT%H:%M}" for at in span) for span in work.spans)
    values = {"title": work.title, "description": work.description, "approved_by": work.approved_by}
    lines = "\n".join(" to ".join(span).replace("T", " ") for span in others)
    return Form({**values, "id": work.id, "start": start, "end": end, "windows": lines, "zone": "UTC"}, work.services)


def in_window(values: Mapping[str, str], windows: str) -> dict[str, str]:
    """The form with other windows, each `START/END` in RFC 3339 and `;` between them, in its own zone; where the form
    cannot say them so, in UTC."""
    try:
        spans = [tuple(parse_instant(text) for text in window.split("/", 1)) for window in windows.split(";")]
    except ValueError:
        return dict(values)
    for zone in (values["zone"], "UTC"):
        if zone in available_timezones():
            (first, *others) = (_in_words(span, ZoneInfo(zone)) for span in spans)
            lines = "\n".join(" to ".join(texts).replace("T", " ") for texts in others)
            found = {**values, "zone": zone, **dict(zip(("start", "end"), first, strict=False)), "windows": lines}
            if _spans(found, {}) == spans:
                return found
    return dict(values)


def _in_words(span: Sequence[int], zone: ZoneInfo) -> list[str]:
    """The local times of a window, as the form's fields have them."""
    return [to_datetime(at).astimezone(zone).strftime("%Y-%m-%dT%H:%M") for at in span]


def instant_of(values: Mapping[str, str], name: str, faults: dict[str, str]) -> int | None:
    """A field's local time in the chosen zone. A local time that a clock change skips or repeats is a fault."""
    if values["zone"] not in available_timezones():
        faults["zone"] = "Choose a time zone."
        return None
    try:
        wall = datetime.fromisoformat(values[name])
    except ValueError:
        faults[name] = "Give a date and a time."
        return None
    if wall.tzinfo is not None or not 1990 <= wall.year < 2200:
        faults[name] = "Give a date and a local time."
        return None
    zone = ZoneInfo(values["zone"])
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall:
        faults[name] = f"The clock change in {values['zone']} skips this time: choose another, or use UTC."
        return None
    if first.utcoffset() != second.utcoffset():
        faults[name] = f"The clock change in {values['zone']} makes this time happen twice: give it in UTC."
        return None
    return to_microseconds(first)
