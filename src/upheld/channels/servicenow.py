"""ServiceNow's incidents, by its Table API."""

from collections.abc import Mapping
from typing import Any

from upheld.channels.json_api import JsonApi, quoted
from upheld.ports import DeliveryError

_PATH = "/api/now/table/incident"
_STATE = {"in_progress": "2", "resolved": "6", "closed": "7"}
_IMPACT = {"Critical": "1", "Major": "2"}


class ServiceNowTickets:
    """Implements `ports.Tickets`. An incident carries its key as `correlation_id`, by which it is looked up before
    another is opened, and goes by its number; a note ends with its key, by which it is found in the journal."""

    def __init__(self, api: JsonApi) -> None:
        self._api = api

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        key = f"{tenant}/{key}"
        known = self._find(f"correlation_id={_value(key)}", "number")
        if known:
            return _text(known[0], "number")
        level = _IMPACT.get(str(ticket["severity"]), "3")
        document = {
            "short_description": str(ticket["name"])[:160],
            "description": f"{ticket['description']}\n\n{ticket['externalId']}",
            "impact": level,
            "urgency": level,
            "correlation_id": key,
            "correlation_display": "Upheld",
        }
        return _text((self._api.post(_PATH, document) or {}).get("result"), "number")

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        key = f"{tenant}/{key}"
        found = self._find(f"number={_value(reference)}", "sys_id,state")
        if not found:
            raise DeliveryError("the ticket system has no such incident", permanent=True)
        incident = _text(found[0], "sys_id")
        change = {}
        if not self._is_noted(incident, key):
            change["work_notes"] = f"{note}\n\n[{key}]"
        if state is not None and found[0].get("state") != _STATE[state]:
            change["state"] = _STATE[state]
            if state != "in_progress":
                change |= {"close_code": "Solved (Permanently)", "close_notes": note}
        if change:
            self._api.patch(f"{_PATH}/{quoted(incident)}", change)

    def _is_noted(self, incident: str, key: str) -> bool:
        query = f"element_id={_value(incident)}^element=work_notes^valueLIKE[{_value(key)}]"
        params = {"sysparm_query": query, "sysparm_limit": "1", "sysparm_fields": "sys_id"}
        return bool((self._api.get("/api/now/table/sys_journal_field", params) or {}).get("result"))

    def _find(self, query: str, fields: str) -> list[dict[str, Any]]:
        params = {"sysparm_query": query, "sysparm_limit": "1", "sysparm_fields": fields}
        result = (self._api.get(_PATH, params) or {}).get("result")
        return [one for one in result if isinstance(one, dict)] if isinstance(result, list) else []


def _value(text: str) -> str:
    """A value in an encoded query, in which `^` would begin another condition."""
    return text.replace("^", "")


def _text(record: Any, name: str) -> str:
    found = record.get(name) if isinstance(record, dict) else None
    if not found:
        raise DeliveryError(f"the ticket system did not say the {name} of the incident")
    return str(found)[:200]
