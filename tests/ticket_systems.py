"""Ticket systems as small real HTTP servers, each with as much of its API as Upheld uses: TMF621, ServiceNow, Jira, and
one that is told by webhooks. Each keeps tickets as {reference, key, title, notes, state}, and can be made to fail."""

import base64
import json
import re
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from standardwebhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
PASSWORD = "hunter2-hunter2"


@dataclass
class Kept:
    reference: str
    key: str
    title: str
    notes: list[str] = field(default_factory=list)
    state: str = "open"
    raw: dict[str, Any] = field(default_factory=dict)


class System(ThreadingHTTPServer):
    """`mode`: `works`; `down` answers 503; `refuses` answers 400; `cut` does what it is asked and hangs up."""

    daemon_threads = True
    prefix = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode, self.tickets, self.seen = "works", [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{self.prefix}"

    def find(self, **wanted: str) -> Kept | None:
        return next((t for t in self.tickets if all(getattr(t, k) == v for k, v in wanted.items())), None)

    def signed_in(self, headers) -> bool:
        wanted = "Basic " + base64.b64encode(f"upheld:{PASSWORD}".encode()).decode()
        return headers.get("authorization") == wanted

    def handle_request_of(self, method: str, path: str, query: dict[str, str], body: Any, headers) -> tuple[int, Any]:
        raise NotImplementedError


class _Handler(BaseHTTPRequestHandler):
    server: System
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        text = self.rfile.read(length)
        target = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        system = self.server
        system.seen.append((self.command, self.path))
        if system.mode in ("down", "refuses"):
            return self._answer(503 if system.mode == "down" else 400, {"error": "no"})
        if not system.signed_in(self.headers):
            return self._answer(401, {"error": "who are you"})
        path = unquote(target.path).removeprefix(system.prefix)
        self.text = text
        system.text = text
        status, answer = system.handle_request_of(
            self.command, path, query, json.loads(text) if text else None, self.headers
        )
        if system.mode == "cut" and self.command != "GET":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        return self._answer(status, answer)

    do_GET = do_POST = do_PATCH = _any  # noqa: N815  # the names that the library asks for

    def _answer(self, status: int, answer: Any) -> None:
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Tmf621(System):
    prefix = "/tmf-api/troubleTicket/v4"

    def handle_request_of(self, method, path, query, body, headers):
        if (method, path) == ("GET", "/troubleTicket"):
            found = [t for t in self.tickets if query.get("externalId") in (None, t.key)]
            return 200, [self._shown(t) for t in found]
        if (method, path) == ("POST", "/troubleTicket"):
            assert {"description", "severity", "ticketType"} <= set(body), "what TMF621 asks for"
            assert all("@referredType" in one for one in body["relatedEntity"])
            self.tickets.append(Kept(f"TT-{len(self.tickets) + 1}", body["externalId"], body["name"], raw=body))
            return 201, self._shown(self.tickets[-1])
        ticket = self.find(reference=path.removeprefix("/troubleTicket/"))
        if ticket is None:
            return 404, {"code": "60", "reason": "no such ticket"}
        if method == "PATCH":
            assert headers["content-type"] == "application/merge-patch+json"
            if "note" in body:
                ticket.raw["note"], ticket.notes = body["note"], [one["text"] for one in body["note"]]
            ticket.state = {"inProgress": "in_progress"}.get(body.get("status"), body.get("status") or ticket.state)
        return 200, self._shown(ticket)

    def _shown(self, ticket: Kept) -> dict[str, Any]:
        status = {"in_progress": "inProgress", "open": "acknowledged"}.get(ticket.state, ticket.state)
        return {**ticket.raw, "id": ticket.reference, "status": status}


class ServiceNow(System):
    states: ClassVar = {"1": "open", "2": "in_progress", "6": "resolved", "7": "closed"}

    def handle_request_of(self, method, path, query, body, headers):
        table = path.removeprefix("/api/now/table/")
        if table == "sys_journal_field":
            wanted = dict(re.findall(r"(element_id|value)(?:=|LIKE)([^^]*)", query["sysparm_query"]))
            ticket = next(t for t in self.tickets if t.raw["sys_id"] == wanted["element_id"])
            return 200, {"result": [{"sys_id": "j"} for note in ticket.notes if wanted["value"] in note][:1]}
        if (method, table) == ("GET", "incident"):
            name, _, value = query["sysparm_query"].partition("=")
            attribute = {"correlation_id": "key", "number": "reference"}[name]
            found = [self._shown(t) for t in self.tickets if getattr(t, attribute) == value]
            return 200, {"result": [{n: t[n] for n in query["sysparm_fields"].split(",")} for t in found]}
        if (method, table) == ("POST", "incident"):
            number = f"INC{len(self.tickets) + 1:07}"
            self.tickets.append(
                Kept(number, body["correlation_id"], body["short_description"], raw={**body, "sys_id": f"s{number}"})
            )
            return 201, {"result": self._shown(self.tickets[-1])}
        ticket = next(t for t in self.tickets if t.raw["sys_id"] == table.removeprefix("incident/"))
        ticket.notes += [body["work_notes"]] if "work_notes" in body else []
        ticket.state = self.states[body["state"]] if "state" in body else ticket.state
        return 200, {"result": self._shown(ticket)}

    def _shown(self, ticket: Kept) -> dict[str, Any]:
        state = next(number for number, name in self.states.items() if name == ticket.state)
        return {**ticket.raw, "number": ticket.reference, "state": state}


class Jira(System):
    transitions: ClassVar = [
        {"id": "11", "to": {"name": "In Progress", "statusCategory": {"key": "indeterminate"}}},
        {"id": "31", "to": {"name": "Resolved", "statusCategory": {"key": "done"}}},
        {"id": "41", "to": {"name": "Closed", "statusCategory": {"key": "done"}}},
    ]

    def handle_request_of(self, method, path, query, body, headers):
        path = path.removeprefix("/rest/api/3/")
        if path == "search/jql":
            label = re.fullmatch(r'labels = "(.*)"', query["jql"])[1]
            return 200, {"issues": [{"key": t.reference} for t in self.tickets if label in t.raw["labels"]]}
        if (method, path) == ("POST", "issue"):
            fields = body["fields"]
            assert fields["project"] == {"key": "NOC"}
            assert fields["description"]["type"] == "doc"
            assert not any(" " in label for label in fields["labels"])
            key = next(label for label in fields["labels"] if label.startswith("upheld-"))
            self.tickets.append(Kept(f"NOC-{len(self.tickets) + 1}", key, fields["summary"], raw=fields))
            return 201, {"id": "1", "key": self.tickets[-1].reference}
        reference, _, part = path.removeprefix("issue/").partition("/")
        ticket = self.find(reference=reference)
        if ticket is None:
            return 404, {"errorMessages": ["no such issue"]}
        if part == "comment" and method == "GET":
            return 200, {"comments": [{"body": comment} for comment in ticket.raw.get("comments", [])]}
        if part == "comment":
            ticket.raw.setdefault("comments", []).append(body["body"])
            ticket.notes.append(" ".join(_texts(body["body"])))
            return 201, {"id": "1"}
        if part == "transitions" and method == "GET":
            return 200, {"transitions": self.transitions}
        if part == "transitions":
            to = next(t["to"]["name"] for t in self.transitions if t["id"] == body["transition"]["id"])
            ticket.state = to.lower().replace(" ", "_")
            return 204, None
        category = {"open": "new", "in_progress": "indeterminate"}.get(ticket.state, "done")
        status = {"name": ticket.state.replace("_", " ").title(), "statusCategory": {"key": category}}
        return 200, {"key": ticket.reference, "fields": {"status": status}}


def _texts(document: Any) -> list[str]:
    own = [document["text"]] if "text" in document else []
    return own + [text for one in document.get("content", []) for text in _texts(one)]


class ByWebhook(System):
    """It drops what comes twice under the same `webhook-id`, as a receiver of Standard Webhooks does."""

    prefix = "/tickets"

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, str] = {}
        self.verified = 0

    def signed_in(self, headers) -> bool:
        return "webhook-signature" in headers

    def handle_request_of(self, method, path, query, body, headers):
        Webhook(SECRET).verify(self.text, dict(headers.items()))
        self.verified += 1
        key = headers["webhook-id"]
        if key in self.known:
            return 200, {"id": self.known[key]}
        if "name" in body:
            self.tickets.append(Kept(f"W-{len(self.tickets) + 1}", key, body["name"], raw=body))
            reference = self.tickets[-1].reference
        else:
            ticket = self.find(reference=body["id"])
            ticket.notes += [one["text"] for one in body["note"]]
            ticket.state = body.get("status", ticket.state)
            reference = ticket.reference
        self.known[key] = reference
        return 201, {"id": reference}


class Automation(System):
    """It takes what it is asked to do, and says later what came of it. `calls` are the payloads, by `webhook-id`."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[str, Any] = {}

    def signed_in(self, headers) -> bool:
        return True

    def handle_request_of(self, method, path, query, body, headers):
        if "webhook-signature" in headers:  # whose clock need not be the machine's
            at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            signed = Webhook(SECRET).sign(headers["webhook-id"], at, self.text.decode())
            assert headers["webhook-signature"] == signed
        self.calls[headers.get("webhook-id", str(len(self.calls)))] = body
        return 202, {"id": "job-7\0", "outcome": "begun"}  # the NUL is nothing to fail for
