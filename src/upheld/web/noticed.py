"""Providers' notices of work that wait for a person, and the form by which they are answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.agreements.units import parse_instant, to_datetime
from upheld.maintenance.received import NoticedWindow, Received
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

    window: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    nodes: Sequence[str] = ()
    none_of_ours: frozenset[str] = frozenset()
    faults: Mapping[str, str] = field(default_factory=dict)
    accepts: bool = True

    def value(self, window: NoticedWindow, name: str) -> str:
        """What a field shows: what was filled in, else what was understood, in UTC."""
        if self.window == window.id and (self.accepts or name == "reason"):
            return self.values.get(name, "")
        if name in ("start", "end") and window.said:
            return _local(window, name)
        return "UTC" if name == "zone" else ""

    def node(self, window: NoticedWindow, circuit: int) -> str:
        """What a circuit is said to be."""
        if self.window == window.id and self.accepts and circuit < len(self.nodes):
            return self.nodes[circuit]
        return ", ".join(window.circuits[circuit]["nodes"] or ())


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/maintenance/notices`: GET shows what waits and what was dealt with, POST answers one."""
    visit, submit = signed_in(site), form_of(site)
    process, store = site.application.process, site.application.store

    def show(request: Request, visitor: Visitor, filled: Filled, status: int = 200, done: str = "") -> HTMLResponse:
        current = process.in_force(visitor.tenant)
        topology = process.topology(visitor.tenant)
        with store.transaction(visitor.tenant, writing=False) as t:
            waiting = t.noticed_windows("waiting", SHOWN)
            others = [window for window in t.noticed_windows(limit=2 * SHOWN) if window.state != "waiting"][:SHOWN]
            received: Mapping[str, Received] = t.received_brief({window.received for window in [*waiting, *others]})
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

    @routes.post("/maintenance/notices/{window_id}")
    def answer(
        request: Request,
        window_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        step: Annotated[str, Form()],
        start: Words = "",
        end: Words = "",
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
            window = t.noticed(window_id)
        if window is None:
            raise HTTPException(404, "There is no such notice.")
        given = {
            "start": start,
            "end": end,
            "zone": zone,
            "title": title,
            "services": services,
            "reason": reason,
            "emergency": emergency,
        }
        values = {name: text.strip() for name, text in given.items()}
        filled = Filled(window_id, values, node, frozenset(none_of_ours), accepts=step == "accept")
        try:
            said = _answer(filled, window) if step == "accept" else Answer(False, values["reason"])
            came = process.works.answer_notice(visitor.tenant, window_id, said, visitor.caller.name)
        except Unanswerable as error:
            faults = {error.field: f"{sentence(error.message)}."}
            return show(request, visitor, replace(filled, faults=faults), 422)
        if came != "taken":
            raise HTTPException(409, "This notice was answered already, or a newer one has taken its place.")
        done = "The notice is followed." if step == "accept" else "The notice is refused: nobody is told."
        return RedirectResponse(f"/maintenance/notices?{urlencode({'done': done})}", status_code=303)


def _answer(filled: Filled, window: NoticedWindow) -> Answer:
    """What the form says of a notice that is accepted. Raises Unanswerable."""
    values = filled.values
    if len(values["title"]) > LONGEST_LINE or not values["title"].isprintable():
        raise Unanswerable("title", f"has at most {LONGEST_LINE} printable characters")
    circuits: dict[str, Sequence[str]] = {}
    for number, circuit in enumerate(window.circuits):
        typed = filled.nodes[number] if number < len(filled.nodes) else ""
        nodes, is_none = _names(typed), str(number) in filled.none_of_ours
        if nodes and is_none:
            raise Unanswerable("circuits", f"{circuit['circuit_id']} is {typed}, or none of ours: not both")
        if (nodes or is_none) and nodes != circuit["nodes"]:
            circuits[circuit["circuit_id"]] = nodes
    start, end = (_instant(filled, window, name) for name in ("start", "end"))
    return Answer(
        True,
        values["reason"],
        start,
        end,
        circuits,
        tuple(_names(values["services"])),
        values["title"],
        bool(values["emergency"]),
    )


def _instant(filled: Filled, window: NoticedWindow, name: str) -> int | None:
    """The instant that a field says; None where it is as it was understood."""
    if not filled.values[name]:
        return None
    if window.said and (filled.values[name], filled.values["zone"]) == (_local(window, name), "UTC"):
        return None
    faults: dict[str, str] = {}
    found = instant_of(filled.values, name, faults)
    if found is None:
        where, message = next(iter(faults.items()))
        raise Unanswerable(where, message.rstrip("."))
    return found


def _local(window: NoticedWindow, name: str) -> str:
    """What was understood, as a field for local times has it: in UTC, to the minute."""
    return f"{to_datetime(parse_instant(window.said[name])):%Y-%m-%dT%H:%M}"


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
