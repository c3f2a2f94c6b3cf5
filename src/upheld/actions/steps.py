"""What the steps of a case say to those whom they reach: tickets, pages, questions, credits. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from upheld.actions.model import Action
from upheld.actions.playbook import Severity
from upheld.cases.model import Case
from upheld.cases.problems import Problem, candidate_of

SERVICES_NAMED = 10
CUSTOMERS_NAMED = 200
"""What a problem's ticket names at most of those that are hit; it says how many there are."""


@dataclass(frozen=True, slots=True)
class Shared:
    """The problem whose step it is, and the customers who have a service that its cause carries, or has silenced: how
    many, and at least the first by name."""

    problem: Problem
    customers: Sequence[str]
    customer_count: int


def severity(case: Case) -> Severity:
    """How severe a case is: critical once it was escalated, else major for a violation, and minor."""
    return "critical" if case.level else "major" if case.kind == "violation" else "minor"


def detail_of(action: Action, case: Case, shared: Shared | None) -> dict[str, Any]:
    """What a step says, or deals with, as JSON: made when it is to be taken, of the case as it then is."""
    plan, ticket = action.plan, _ticket(action, case, shared)
    text = plan.get("text")
    match action.kind:
        case "ticket" | "escalate":
            return ticket if text is None else {**ticket, "description": f"{text}\n\n{ticket['description']}"}
        case "update_ticket":
            return {"note": text or ticket["description"], "state": plan.get("state")}
        case "page":
            return {
                "title": ticket["name"],
                "body": f"{text}\n\n{ticket['description']}" if text else ticket["description"],
            }
        case "approve":
            return {
                "question": text or f"May the steps that follow in playbook {action.playbook} be taken?",
                **_brief(ticket),
            }
        case "webhook":
            return {"text": text, "case": case.id, "problem": case.problem, "kind": case.kind, **ticket}
    return {"credit": case.verdict.get("credit"), **{name: case.verdict[name] for name in _PERIOD}}


_PERIOD = ("agreement", "objective", "service", "period_start", "period_end", "version", "final")


def _brief(ticket: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ticket[name] for name in ("name", "description", "severity")}


def _ticket(action: Action, case: Case, shared: Shared | None) -> dict[str, Any]:
    level = action.plan.get("level")
    told = case if level is None else replace(case, level=max(case.level, level))
    ticket = ticket_detail(told, action.kind) if shared is None else _of_problem(shared, case.findings)
    if shared is not None and action.kind == "escalate":
        ticket |= {"name": f"Escalation, level {told.level}: {ticket['name']}", "severity": "Critical"}
    reason = action.plan.get("reason")
    return {**ticket, "description": f"{reason}\n\n{ticket['description']}"} if reason else ticket


def _of_problem(shared: Shared, findings: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the one ticket of all cases of a problem. `findings` are those of the case that began the step."""
    problem, customers = shared.problem, shared.customers
    found = candidate_of(problem, findings) or {}
    silent, of = problem.kind == "silence", "series" if problem.cause_kind == "sender" else "services"
    names = found.get("silent" if silent else "bad", ())
    count = found.get("silent_count" if silent else "bad_count", 0)
    described = (
        f"{found['reason'][:1].upper()}{found['reason'][1:]}: {', '.join(names[:SERVICES_NAMED])}"
        f"{', ...' if count > SERVICES_NAMED else ''}. "
        if names
        else ""
    )
    told = (
        f"Whether what {shared.customer_count} customers were promised for them is kept cannot be said from then on."
        if silent
        else f"{shared.customer_count} customers have services that run over {problem.cause}."
    )
    return {
        "name": f"{'No measurements' if silent else 'Service problem'}: {problem.named}"
        + (f", {count} {of}" if names else ""),
        "description": described + told,
        "severity": "Major" if silent else "Critical",
        "ticketType": "SLA",
        "externalId": problem.id,
        "relatedEntity": [
            {"id": problem.cause, "role": problem.cause_kind},
            *({"id": customer, "role": "customer"} for customer in customers[:CUSTOMERS_NAMED]),
        ],
        "findings": findings,
    }


def ticket_detail(case: Case, kind: str) -> dict[str, Any]:
    """A ticket's content (TMF621 TroubleTicket: name, description, severity, relatedEntity), as JSON."""
    what = {"violation": "SLA violation", "no_data": "No measurements"}.get(case.kind, "SLA degradation")
    name = f"{what}: {case.service}, {case.objective} ({case.customer})"
    if kind == "escalate":
        name = f"Escalation, level {case.level}: {name}"
    return {
        "name": name,
        "description": _silence(case) if case.kind == "no_data" else _description(case.verdict),
        "severity": "Critical" if kind == "escalate" else severity(case).capitalize(),
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
