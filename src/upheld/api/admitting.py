"""The layer behind the gate that lets requests in: by what their tenant may send, and as there is room."""

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.access import Caller, delivers
from upheld.api.problems import Problem, refusal
from upheld.taking_in.admission import Admission, Place, Refused

BODY_TIME = 60
"""Seconds in which a body has to come: until then its place is taken."""
_WITH_BODY = ("POST", "PUT", "PATCH")


class Admitting:
    """ASGI middleware: a body is read once there is room for it, and a delivery worked on once there is a place. A body
    that does not say its size takes the room of the largest. `state.place` is where a route is at work."""

    def __init__(self, app: ASGIApp, admission: Admission, limit: int) -> None:
        self.app, self.admission, self.limit = app, admission, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope.get("state", {}).get("caller") if scope["type"] == "http" else None
        if not isinstance(caller, Caller) or scope["method"] not in _WITH_BODY:
            await self.app(scope, receive, send)
            return
        try:
            place = await self._place(scope, caller.tenant)
        except Refused as refused:
            await refusal(refused)(scope, receive, send)
            return
        scope["state"]["place"] = place
        try:
            await self.app(scope, self._counted(place, receive), send)
        finally:
            place.leave()

    async def _place(self, scope: Scope, tenant: str) -> Place:
        declared = Headers(scope=scope).get("content-length", "")
        size = min(int(declared[:20]), self.limit) if declared.isdecimal() else self.limit
        delivery = delivers(scope["method"], scope["path"])
        if delivery:
            if self.admission.knows(tenant):
                self.admission.check(tenant)
            else:
                await run_in_threadpool(self.admission.check, tenant)
        return await self.admission.place(tenant, size, delivers=delivery)

    def _counted(self, place: Place, receive: Receive) -> Receive:
        """Counts what comes, and waits for it no longer than `BODY_TIME`."""
        until = anyio.current_time() + BODY_TIME
        whole = False

        async def counted() -> Message:
            nonlocal whole
            if whole:  # what comes now is that the client goes away
                return await receive()
            with anyio.move_on_after(until - anyio.current_time()):
                message = await receive()
                whole = not message.get("more_body", False)
                if place.delivers:
                    self.admission.charge(place.tenant, size=len(message.get("body", b"")))
                return message
            raise Problem(408, f"the body did not come within {BODY_TIME} s", headers={"Connection": "close"})

        return counted
