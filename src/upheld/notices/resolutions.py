"""That it is still to be put down what a closed case was and what was done, told to the provider's own. Pure; instants
in microseconds UTC."""

from typing import Any

from upheld.agreements.model import Agreement
from upheld.agreements.parties import CUSTOMER, Party
from upheld.agreements.units import format_instant
from upheld.cases.problems import Problem
from upheld.cases.resolutions import OwedResolution, Stage
from upheld.notices.facts import branded
from upheld.notices.formats import Reader, one_line
from upheld.notices.model import Notice
from upheld.notices.planning import contacts_at, nobody, once_each, recorded
from upheld.notices.texts import render


def owners(agreement: Agreement, stage: Stage) -> tuple[str, ...]:
    """The roles that are asked, or reminded."""
    terms, notices = agreement.handling.resolution, agreement.notices
    told = [promise.to for promise in (notices.violation, notices.degradation) if promise is not None]
    own = tuple(dict.fromkeys(role for roles in told for role in roles if not role.startswith(CUSTOMER)))
    asked = terms.to or own
    return (terms.manager or asked) if stage == "missed" else asked


def plan_resolution_notices(
    owed: OwedResolution,
    stage: Stage,
    problem: Problem | None,
    agreement: Agreement,
    customer: Party | None,
    provider: Party | None,
    at: int,
) -> list[Notice]:
    """One notice for each contact of each role; none where there is no such role. The id is
    `<subject>/resolution-<stage>-<since>/<role>/<n>`. `problem` is the subject, where it is one."""
    notices: list[Notice] = []
    for role, number, contact, wanted in contacts_at(owners(agreement, stage), customer, provider, at):
        key = f"{owed.subject}/resolution-{stage}-{owed.since}/{role}/{number}"
        about: dict[str, Any] = (
            {"problem_id": owed.subject, "cases": (owed.case_id,)} if owed.is_of_problem else {"case_id": owed.subject}
        )
        common = {"agreement": agreement.id, **about}
        if contact is None:
            notices.append(nobody(key, "resolution_owed", role, at, None, common))
            continue
        assert provider is not None, "a contact of nobody"
        reader = Reader(contact.language, contact.time_zone or provider.time_zone)
        context = {
            "reader": reader,
            "role": one_line(role),
            "reference": owed.subject,
            "stage": stage,
            "cause": None if problem is None else one_line(problem.named),
            "service": one_line(owed.service),
            "customer": one_line(customer.name if customer else owed.customer),
            "closed_at": owed.since,
            "due": owed.due,
            "provider": one_line(provider.name),
            "brand": branded(provider, reader),
            "to_customer": False,
        }
        named = {"agreement": agreement.id, "customer": owed.customer}
        data = {
            "stage": stage,
            "case": None if owed.is_of_problem else owed.case_id,
            "problem": owed.subject if owed.is_of_problem else None,
            "closed_at": format_instant(owed.since),
            "put_down_by": format_instant(owed.due),
        }
        text = render("resolution_owed", context)
        zone = reader.zone
        notices.append(
            recorded(key, "resolution_owed", role, contact, wanted, zone, text, at, None, common, named, data)
        )
    return once_each(notices)
