"""Which steps a case's events ask for, and what a ticket says."""

from collections.abc import Mapping, Sequence
from typing import Any

from upheld.actions.model import Action, Ticket
from upheld.cases.model import Case, Event
from upheld.cases.problems import Problem

SERVICES_NAMED = 10
CUSTOMERS_NAMED = 200
"""What a problem's ticket names at most of those that are hit; it says how many there are."""


def steps_for(case: Case, event: Event) -> list[Action]:
    """The actions that `event` asks for, to be recorded before they are attempted. `case` is as the event left it."""
    match event.type:
        case "acted" if event.data["step"] == "ticket":
            return [_step(case, event, "ticket", f"{case.id}/ticket")]
        case "escalated":
            return [_step(case, event, "escalation", f"{case.id}/escalation-{event.data['level']}")]
    return []


def _step(case: Case, event: Event, kind: str, action_id: str) -> Action:
    return Action(action_id, case.id, kind, "requested", event.at, detail=ticket_detail(case, kind))


def problem_step(problem: Problem, findings: Mapping[str, Any], customers: Sequence[str]) -> Action:
    """The one ticket of all cases of a problem. `findings` are those of the case that it was opened with, `customers`
    all who have a service that its cause carries."""
    found = next(c for c in findings["cause_candidates"] if c["resource"] == problem.cause)
    detail = {
        "name": f"Service problem: {problem.cause}, {found['bad_count']} services",
        "description": (
            f"{found['reason'].capitalize()}: {', '.join(found['bad'][:SERVICES_NAMED])}"
            f"{', ...' if found['bad_count'] > SERVICES_NAMED else ''}. {len(customers)} customers have services that "
            f"run over {problem.cause}."
        ),
        "severity": "Critical",
        "ticketType": "SLA",
        "externalId": problem.id,
        "relatedEntity": [
            {"id": problem.cause, "role": "resource"},
            *({"id": customer, "role": "customer"} for customer in customers[:CUSTOMERS_NAMED]),
        ],
        "findings": findings,
    }
    return Action(f"{problem.id}/ticket", problem.id, "ticket", "requested", problem.opened_at, detail=detail)


def ticket_detail(case: Case, kind: str) -> dict[str, Any]:
    """A ticket's content (TMF621 TroubleTicket: name, description, severity, relatedEntity), as JSON."""
    what = {"violation": "SLA violation", "no_data": "No measurements"}.get(case.kind, "SLA degradation")
    name = f"{what}: {case.service}, {case.objective} ({case.customer})"
    if kind == "escalation":
        name = f"Escalation, level {case.level}: {name}"
    return {
        "name": name,
        "description": _silence(case) if case.kind == "no_data" else _description(case.verdict),
        "severity": "Critical" if kind == "escalation" else "Major" if case.kind == "violation" else "Minor",
        "ticketType": "SLA",
        "externalId": case.id,
        "relatedEntity": [
            {"id": case.service, "role": "service"},
            {"id": case.agreement, "role": "agreement"},
            {"id": case.customer, "role": "customer"},
        ],
        "findings": case.findings,
    }


def _silence(case: Case) -> str:
    found = case.findings["silence"]
    return (
        f"Nothing is measured of {found['metric']} of {', '.join(found['services'])} since {found['since']}: objective "
        f"{case.objective} of agreement {case.agreement} cannot be assessed from then on."
    )


def _description(verdict: Mapping[str, Any]) -> str:
    return (
        f"Objective {verdict['objective']} of agreement {verdict['agreement']} is {verdict['status']} in the period "
        f"from {verdict['period_start']} to {verdict['period_end']}: attained {verdict['attained']}, "
        f"{verdict['spent']} spent of a budget of {verdict['budget']}."
        if verdict["budget"] is not None
        else f"Objective {verdict['objective']} of agreement {verdict['agreement']} is {verdict['status']} in the "
        f"period from {verdict['period_start']} to {verdict['period_end']}: attained {verdict['attained']}."
    )


def listed_ticket(action: Action, at: int) -> Ticket:
    """The entry of the built-in ticket list for an action."""
    return Ticket(action.id, at, str(action.detail["name"]), action.detail, action.case_id)
