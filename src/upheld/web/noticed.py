"""Providers' notices of work that wait for a person, and the form by which they are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.agreements.units import to_datetime
from upheld.maintenance.model import Window
from upheld.maintenance.received import NoticedWork, Received
from upheld.process.works.intake import Answer, Unanswerable
from upheld.web.planned import LISTED, LONGEST_LINE, instant_of, zones_of
from upheld.web.site import Site, Visitor, form_of, signed_in
from upheld.web.words import sentence

SHOWN = 50
"""Notices that wait, of which the page shows the oldest; and of those that were dealt with, the newest."""
Words = Annotated[str, Form(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Filled:
    """The form of one notice as it was filled in, with the faults of its fields."""

    noticed: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[tuple[str, str]] = ()
    nodes: Sequence[str] = ()
    none_of_ours: frozenset[str] = frozenset()
    faults: Mapping[str, str] = field(default_factory=dict)
    accepts: bool = True

    def value(self, noticed: NoticedWork, name: str) -> str:
        """What a field shows: what was filled in."""
        if self.noticed == noticed.id and (self.accepts or name == "reason"):
            return self.values.get(name, "")
        return "UTC" if name == "zone" else ""

    def windows(self, noticed: NoticedWork) -> Sequence[tuple[str, str]]:
        """The start and the end of each window: what was filled in, else what was understood, in UTC."""
        if self.noticed == noticed.id and self.accepts and self.rows:
            return self.rows
        return _rows(noticed)

    def node(self, noticed: NoticedWork, circuit: int) -> str:
        """What a circuit is said to be."""
        if self.noticed == noticed.id and self.accepts and circuit < len(self.nodes):
            return self.nodes[circuit]
        return ", ".join(noticed.circuits[circuit]["nodes"] or ())


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/maintenance/notices`: GET shows what waits and what was dealt with, POST answers one."""
    visit, submit = signed_in(site), form_of(site)
    process, store = site.application.process, site.application.store

    def show(request: Request, visitor: Visitor, filled: Filled, status: int = 200, done: str = "") -> HTMLResponse:
        current = process.in_force(visitor.tenant)
        topology = process.topology(visitor.tenant)
        with store.transaction(visitor.tenant, writing=False) as t:
            waiting = t.noticed_works("waiting", SHOWN)
            others = [noticed for noticed in t.noticed_works(limit=2 * SHOWN) if noticed.state != "waiting"][:SHOWN]
            received: Mapping[str, Received] = t.received_brief({noticed.received for noticed in [*waiting, *others]})
        names = sorted(topology.nodes)
        return site.page(
            request,
            "notices_of_work.html",
            visitor,
            status,
            waiting=waiting,
            others=others,
            received=received,
            filled=filled,
            names=names if len(names) <= LISTED else [],
            zones=zones_of(None if current is None else current.portfolio),
            done=done[:200],
        )

    @routes.get("/maintenance/notices")
    def notices(request: Request, visitor: Annotated[Visitor, Depends(visit)], done: str = "") -> Response:
        return show(request, visitor, Filled(), done=done)

    @routes.post("/maintenance/notices/{noticed_id}")
    def answer(
        request: Request,
        noticed_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        step: Annotated[str, Form()],
        start: Annotated[tuple[Words, ...], Form()] = (),
        end: Annotated[tuple[Words, ...], Form()] = (),
        zone: Words = "UTC",
        title: Words = "",
        services: Words = "",
        reason: Words = "",
        emergency: Words = "",
        node: Annotated[tuple[str, ...], Form()] = (),
        none_of_ours: Annotated[tuple[str, ...], Form()] = (),
    ) -> Response:
        if step not in ("accept", "refuse"):
            raise HTTPException(400)
        with store.transaction(visitor.tenant, writing=False) as t:
            noticed = t.noticed(noticed_id)
        if noticed is None:
            raise HTTPException(404, "There is no such notice.")
        given = {
            "zone": zone,
            "title": title,
            "services": services,
            "reason": reason,
            "emergency": emergency,
        }
        values = {name: text.strip() for name, text in given.items()}
        rows = [(one.strip(), other.strip()) for one, other in zip_longest(start, end, fillvalue="")]
        filled = Filled(noticed_id, values, rows, node, frozenset(none_of_ours), accepts=step == "accept")
        try:
            said = _answer(filled, noticed) if step == "accept" else Answer(False, values["reason"])
            came = process.works.answer_notice(visitor.tenant, noticed_id, said, visitor.caller.name)
        except Unanswerable as error:
            faults = {error.field: f"{sentence(error.message)}."}
            return show(request, visitor, replace(filled, faults=faults), 422)
        if came != "taken":
            raise HTTPException(409, "This notice was answered already, or a newer one has taken its place.")
        done = "The notice is followed." if step == "accept" else "The notice is refused: nobody is told."
        return RedirectResponse(f"/maintenance/notices?{urlencode({'done': done})}", status_code=303)


def _answer(filled: Filled, noticed: NoticedWork) -> Answer:
    """What the form says of a notice that is accepted. Raises Unanswerable."""
    values = filled.values
    if len(values["title"]) > LONGEST_LINE or not values["title"].isprintable():
        raise Unanswerable("title", f"has at most {LONGEST_LINE} printable characters")
    circuits: dict[str, Sequence[str]] = {}
    for number, circuit in enumerate(noticed.circuits):
        typed = filled.nodes[number] if number < len(filled.nodes) else ""
        nodes, is_none = _names(typed), str(number) in filled.none_of_ours
        if nodes and is_none:
            raise Unanswerable("circuits", f"{circuit['circuit_id']} is {typed}, or none of ours: not both")
        if (nodes or is_none) and nodes != circuit["nodes"]:
            circuits[circuit["circuit_id"]] = nodes
    start, end, windows = _times(filled, noticed)
    return Answer(
        True,
        values["reason"],
        start,
        end,
        windows,
        circuits,
        tuple(_names(values["services"])),
        values["title"],
        bool(values["emergency"]),
    )


def _times(filled: Filled, noticed: NoticedWork) -> tuple[int | None, int | None, tuple[Window | None, ...]]:
    """The start and the end that the form gives to the one window of a notice, or the windows, where there are several;
    None and none where they are as they were understood. One of several that is left empty is not worked in."""
    shown, rows = _rows(noticed), filled.rows
    if not rows or (noticed.said and (list(rows), filled.values["zone"]) == (shown, "UTC")):
        return None, None, ()
    if len(shown) == 1:
        start, end = (_instant(filled, name, text) for name, text in zip(("start", "end"), rows[0], strict=True))
        return start, end, ()
    found: list[Window | None] = []
    for number, row in enumerate(rows, 1):
        start, end = (_instant(filled, "windows", text, f"Window {number}: ") for text in row)
        if (start is None) != (end is None):
            raise Unanswerable("windows", f"Window {number}: give both of its times, or none")
        found.append(None if start is None or end is None else (start, end))
    return None, None, tuple(found)


def _instant(filled: Filled, name: str, text: str, before: str = "") -> int | None:
    """The instant that a field says; None where it is empty."""
    if not text:
        return None
    faults: dict[str, str] = {}
    found = instant_of({**filled.values, name: text}, name, faults)
    if found is None:
        where, message = next(iter(faults.items()))
        raise Unanswerable(where, f"{before if where == name else ''}{message.rstrip('.')}")
    return found


def _rows(noticed: NoticedWork) -> list[tuple[str, str]]:
    """What was understood, as fields for local times have it: in UTC, to the minute."""
    rows = [(_local(one.start), _local(one.end)) for one in noticed.told]
    return rows or [("", "")]


def _local(instant: int) -> str:
    return f"{to_datetime(instant):%Y-%m-%dT%H:%M}"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
