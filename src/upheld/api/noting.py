"""The layer that takes note of deliveries that were refused, for those who look after the senders."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.access import Caller, delivers
from upheld.ports import Clock
from upheld.taking_in.senders import Senders

MOST = 64 * 1024
"""Bytes of an answer that are read."""


class Noting:
    """ASGI middleware behind the gate: what a delivery is refused with is its sender's last error."""

    def __init__(self, app: ASGIApp, senders: Senders, clock: Clock) -> None:
        self.app, self.senders, self.clock = app, senders, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = scope.get("state", {}).get("caller") if scope["type"] == "http" else None
        if not isinstance(caller, Caller) or not delivers(scope["method"], scope["path"]):
            await self.app(scope, receive, send)
            return
        status, body = 0, b""

        async def heard(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status >= 400 and len(body) < MOST:
                body += message.get("body", b"")
            await send(message)

        await self.app(scope, receive, heard)
        if status >= 400:
            error = f"{status}: {_said(body)}"
            await run_in_threadpool(self.senders.failed, caller.tenant, caller.name, self.clock.now(), error)


def _said(body: bytes) -> str:
    """What a problem says, with the first of what it lists."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        return "refused"
    first: dict[str, Any] = next(iter(document.get("rejected") or document.get("errors") or ()), {})
    place = [f"row {first['row']}"] if first.get("row") else []
    found = ": ".join(str(part) for part in (*place, first.get("field"), first.get("message")) if part)
    return "; ".join(part for part in (str(document.get("detail", "refused")), found) if part)
