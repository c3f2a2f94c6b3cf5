"""Issues of Jira, by its REST API v3."""

import hashlib
from collections.abc import Mapping
from typing import Any

from upheld.channels.json_api import JsonApi, quoted
from upheld.ports import DeliveryError

_NAMED = {
    "in_progress": ("in progress", "indeterminate"),
    "resolved": ("resolved", "done"),
    "closed": ("closed", "done"),
}
"""Of a state, the name of the one that a transition leads to in Jira, or else the category of that."""


class JiraTickets:
    """Implements `ports.Tickets`. An issue carries its key as a label, by which it is looked up before another is
    opened, and goes by its own key such as `NOC-17`; a comment ends with its key."""

    def __init__(self, api: JsonApi, project: str, issue_type: str) -> None:
        self._api, self._project, self._issue_type = api, project, issue_type

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        label = f"upheld-{hashlib.sha256(f'{tenant}/{key}'.encode()).hexdigest()[:32]}"
        params = {"jql": f'labels = "{label}"', "fields": "key", "maxResults": "1"}
        known = (self._api.get("/rest/api/3/search/jql", params) or {}).get("issues") or []
        if known:
            return _key(known[0])
        fields = {
            "project": {"key": self._project},
            "issuetype": {"name": self._issue_type},
            "summary": str(ticket["name"]).replace("\n", " ")[:255],
            "description": _document(f"{ticket['description']}\n\n{ticket['externalId']}"),
            "labels": ["upheld", label, f"severity-{str(ticket['severity']).lower()}"],
        }
        return _key(self._api.post("/rest/api/3/issue", {"fields": fields}))

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        issue, mark = f"/rest/api/3/issue/{quoted(reference)}", f"[{tenant}/{key}]"
        comments = (self._api.get(f"{issue}/comment", {"maxResults": "500", "orderBy": "-created"}) or {}).get(
            "comments"
        )
        if not any(mark in _plain(one.get("body")) for one in comments or [] if isinstance(one, dict)):
            self._api.post(f"{issue}/comment", {"body": _document(f"{note}\n\n{mark}")})
        if state is not None:
            self._move(issue, state)

    def _move(self, issue: str, state: str) -> None:
        """By the transition that leads there; where there is none, the issue is there already, or its workflow does not
        lead there from where it is."""
        name, category = _NAMED[state]
        found = (self._api.get(f"{issue}/transitions") or {}).get("transitions") or []
        leads = {str(one["to"].get("name", "")).lower(): one["id"] for one in reversed(found)}
        categories = {_category(one["to"]): one["id"] for one in reversed(found)}
        transition = leads.get(name, categories.get(category))
        status = ((self._api.get(issue, {"fields": "status"}) or {}).get("fields") or {}).get("status") or {}
        there = str(status.get("name", "")).lower() == name or _category(status) == category
        if transition is not None and not there:
            self._api.post(f"{issue}/transitions", {"transition": {"id": transition}})


def _category(status: Mapping[str, Any]) -> str:
    return str((status.get("statusCategory") or {}).get("key", ""))


def _document(text: str) -> dict[str, Any]:
    """A text in Atlassian's document format."""
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    return {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": part}]} for part in paragraphs],
    }


def _plain(document: Any) -> str:
    """The text in a document of Atlassian's format, or in a text of older versions."""
    if isinstance(document, str):
        return document
    if isinstance(document, dict):
        return str(document.get("text", "")) + "".join(_plain(one) for one in document.get("content") or [])
    return ""


def _key(issue: Any) -> str:
    found = issue.get("key") if isinstance(issue, dict) else None
    if not found:
        raise DeliveryError("the ticket system did not say the key of the issue")
    return str(found)[:200]
