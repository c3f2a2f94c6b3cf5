"""Errors in the form of the TM Forum's Open APIs (TMF630, `Error`), for what is asked under their addresses."""

import json
from http import HTTPStatus
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upheld.api.problems import TMF_API


class TmfErrors:
    """ASGI middleware: a problem+json that anything further in answers with becomes an `Error` with `code`, `reason`
    and `message`. What is 422 elsewhere is 400 here, for the specifications know no other."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(TMF_API):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def told(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                if not _is_problem(message):
                    await send(message)
                    return
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _answer(start, body, send)

        await self.app(scope, receive, told)


def _is_problem(start: Message) -> bool:
    return MutableHeaders(scope=start).get("content-type", "").startswith("application/problem+json")


async def _answer(start: Message, body: bytes, send: Send) -> None:
    status = 400 if start["status"] == 422 else start["status"]
    document = json.dumps(_error(status, json.loads(body))).encode() if body else b""
    message = {**start, "status": status}
    headers = MutableHeaders(scope=message)
    headers["content-type"] = "application/json"
    headers["content-length"] = str(len(document))
    await send(message)
    await send({"type": "http.response.body", "body": document})


def _error(status: int, problem: dict[str, Any]) -> dict[str, str]:
    found = [
        f"{one['field']}: {one['message']}" if one.get("field") else one["message"] for one in problem.get("errors", [])
    ]
    detail = str(problem.get("detail", ""))
    return {
        "code": str(status),
        "reason": HTTPStatus(status).phrase,
        "message": "; ".join(found)[:2000] or detail,
        "status": str(status),
        "@type": "Error",
    }
