"""Event Management API, TMF688 4.0.0: who wants to be told at an address registers it as a hub, with a query for the
types of events. There is one topic, which has them all."""

import secrets
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from upheld.access import EVENT_API
from upheld.api.inputs import Asking, Input, json_body
from upheld.api.problems import Problem, field_problem
from upheld.app import Application
from upheld.outgoing.model import check_types, event_id, is_wanted, tmf_event
from upheld.ports import DeliveryError, Hub
from upheld.sinks.webhooks import hub_secret

TOPIC = "upheld"
HUBS_AT_MOST = 20
"""Hubs that a tenant may have: each has a thread of its own."""
EventType = Annotated[str, Field(max_length=1000)]
Id = Annotated[str, Path(max_length=300)]


class HubInput(Input):
    """`callback`: the address; `query`: `eventType=` and the types that are wanted, with commas, which may end in `.*`.
    Attributes that begin with @ are passed over."""

    model_config = ConfigDict(populate_by_name=True)

    callback: Annotated[str, Field(min_length=1, max_length=2000)]
    query: Annotated[str, Field(max_length=2000)] | None = None
    base_type: Annotated[str | None, Field(alias="@baseType")] = None
    schema_location: Annotated[str | None, Field(alias="@schemaLocation")] = None
    type: Annotated[str | None, Field(alias="@type")] = None


class ManyQuery(Input):
    """Which of the events that are kept, the oldest first; those of the `eventType` given where one is."""

    offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    eventType: EventType | None = None  # noqa: N815  # as the specification has it


def router(application: Application) -> APIRouter:
    """`/tmf-api/event/v4`."""
    routes = APIRouter(prefix=EVENT_API, tags=["TMF688"])
    store = application.store

    # The specification has hubs and events of a topic, and hubs of all.
    def _check_topic(topic: Id) -> None:
        if topic != TOPIC:
            raise Problem(404, f"there is no topic {topic}; there is {TOPIC}")

    for prefix in ("", "/topic/{topic}"):
        of_topic = [Depends(_check_topic)] if prefix else []

        @routes.post(f"{prefix}/hub", status_code=201, dependencies=[*of_topic, Depends(json_body)])
        def register(caller: Asking, wanted: HubInput) -> JSONResponse:
            """Registers an address. What is posted there is signed (Standard Webhooks) with the `secret` of the answer,
            which is shown this once. It begins with what happens from now on."""
            hub = Hub(
                f"hub.{secrets.token_hex(8)}",
                wanted.callback,
                wanted.query,
                _types(wanted.query),
                application.clock.now(),
            )
            try:
                application.webhooks.check(hub.callback)
            except DeliveryError as fault:
                raise field_problem("callback", str(fault)) from None
            with store.transaction(caller.tenant) as t:
                if len(t.hubs()) >= HUBS_AT_MOST:
                    raise Problem(409, f"there are {HUBS_AT_MOST} hubs already: delete one")
                t.add_hub(hub)
                t.add_sink(hub.id, t.outgoing_span()[1])
            secret = hub_secret(application.secret, caller.tenant, hub.id)
            return JSONResponse({**_hub(hub), "secret": secret}, 201, {"Location": f"{EVENT_API}/hub/{hub.id}"})

        @routes.get(f"{prefix}/hub", dependencies=of_topic)
        def hubs(caller: Asking) -> list[dict[str, Any]]:
            """The hubs, the oldest first."""
            with store.transaction(caller.tenant, writing=False) as t:
                return [_hub(hub) for hub in t.hubs()]

        @routes.get(f"{prefix}/hub/{{hub_id}}", dependencies=of_topic)
        def hub(caller: Asking, hub_id: Id) -> dict[str, Any]:
            """One hub."""
            with store.transaction(caller.tenant, writing=False) as t:
                found = t.hub(hub_id)
            if found is None:
                raise Problem(404, f"there is no hub {hub_id}")
            return _hub(found)

        @routes.delete(f"{prefix}/hub/{{hub_id}}", status_code=204, dependencies=of_topic)
        def remove(caller: Asking, hub_id: Id) -> None:
            """Removes a hub: nothing more is posted to it."""
            with store.transaction(caller.tenant) as t:
                if t.hub(hub_id) is None:
                    raise Problem(404, f"there is no hub {hub_id}")
                t.forget_hub(hub_id)

        @routes.get(f"{prefix}/event", dependencies=of_topic)
        def events(caller: Asking, query: Annotated[ManyQuery, Query()], answer: Response) -> list[dict[str, Any]]:
            """Events that are kept, the oldest first; how many there are in all stands in `X-Total-Count`."""
            types = _types(None if query.eventType is None else f"eventType={query.eventType}")
            with store.transaction(caller.tenant, writing=False) as t:
                removed, last = t.outgoing_span()
                found = t.outgoing_events(removed + query.offset, query.limit)
            wanted = [tmf_event(event, caller.tenant) for event in found if is_wanted(event, types)]
            answer.headers["X-Total-Count"] = str(last - removed)
            answer.headers["X-Result-Count"] = str(len(wanted))
            return wanted

        @routes.get(f"{prefix}/event/{{of}}/{{position}}", dependencies=of_topic)
        def event(caller: Asking, of: Id, position: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> dict[str, Any]:
            """One event, by its `eventId`."""
            with store.transaction(caller.tenant, writing=False) as t:
                found = t.outgoing_event(position)
            if found is None or event_id(caller.tenant, found) != f"{of}/{position}":
                raise Problem(404, f"there is no event {of}/{position}")
            return tmf_event(found, caller.tenant)

    @routes.get("/topic")
    def topics() -> list[dict[str, Any]]:
        """The one topic."""
        return [_topic()]

    @routes.get("/topic/{topic}", dependencies=[Depends(_check_topic)])
    def topic() -> dict[str, Any]:
        """The one topic."""
        return _topic()

    return routes


def _types(query: str | None) -> tuple[str, ...]:
    """The types that a query wants: `eventType=a,b&eventType=c`; none is all."""
    if not query:
        return ()
    try:
        pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True, strict_parsing=True)
    except ValueError:
        raise field_problem("query", "is eventType= and types of events, with commas") from None
    other = [name for name, _ in pairs if name != "eventType"]
    if other:
        raise field_problem("query", f"{other[0][:100]!r} cannot be asked for; eventType can")
    try:
        return check_types(one.strip() for _, value in pairs for one in value.split(","))
    except ValueError as error:
        raise field_problem("query", str(error)) from None


def _hub(hub: Hub) -> dict[str, Any]:
    return {
        "id": hub.id,
        "callback": hub.callback,
        **({} if hub.query is None else {"query": hub.query}),
        "@type": "Hub",
    }


def _topic() -> dict[str, Any]:
    return {"id": TOPIC, "href": f"{EVENT_API}/topic/{TOPIC}", "name": "Events of Upheld", "@type": "Topic"}
