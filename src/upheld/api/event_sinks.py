"""Where events for other systems are sent: how each destination stands, and sending again from a position."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, Input, Name, json_body
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.sinks.delivering import Destination, Standing


class Replay(Input):
    """`from`: the position of the first event that is sent again; or of the next, behind all that are left out."""

    start: Annotated[int, Field(ge=1, le=2**63 - 1, alias="from")]


def router(application: Application) -> APIRouter:
    """`/v1/event-sinks`."""
    routes = APIRouter(prefix="/v1/event-sinks", tags=["outgoing events"])
    store = application.store

    @routes.get("")
    def many(caller: Asking) -> dict[str, Any]:
        """Every destination: the sinks of `UPHELD_EVENTS` and the hubs. `lag` is how many events it does not have yet;
        the rest is of this process since its start, and null where another process sends to it."""
        found = application.sinks.of(caller.tenant)
        return {"sinks": [_document(one, standing, lag) for one, standing, lag in found]}

    @routes.post("/{sink}/replay", dependencies=[Depends(json_body)])
    def replay(caller: Asking, sink: Name, wanted: Replay) -> dict[str, Any]:
        """Sends again from a position, with the same ids; or leaves out what is before it. It goes on from there."""
        with store.transaction(caller.tenant) as t:
            was = t.sink_position(sink)
            if was is None:
                raise Problem(404, "there is no destination of that id")
            removed, last = t.outgoing_span()
            if not removed < wanted.start <= last + 1:
                raise field_problem("from", f"lies between {removed + 1} and {last + 1}: other events are not there")
            if not t.change_sink(sink, was, wanted.start - 1):
                raise Problem(409, "the destination has just moved on; try again")
        return {"id": sink, "position": wanted.start - 1, "end": last}

    return routes


def _document(one: Destination, standing: Standing | None, lag: int) -> dict[str, Any]:
    known = None if standing is None else standing.oldest
    here = {name: None if standing is None else getattr(standing, name) for name in _SHOWN}
    oldest = None if known is None else format_instant(known)
    return {
        "id": one.id,
        "kind": one.kind,
        "place": one.place,
        "types": list(one.types),
        "lag": lag,
        **here,
        "oldest": oldest,
    }


_SHOWN = ("state", "delivered", "failed", "missed", "error")
