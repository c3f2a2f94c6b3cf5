"""Every kind of notice, rendered, against the files in tests/golden/notices/: text, HTML and calendar entry.

After a wanted change of a text, renew the files with `UPHELD_RENEW_GOLDEN=1 pytest tests/golden` and read the
difference before committing it: a customer will.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from notices.examples import AGREEMENT, CUSTOMER, PROVIDER, case, instant, link, verdict, work
from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.maintenance.model import Maintenance
from upheld.notices.fallback import undeliverable
from upheld.notices.gathering import gathered_notices
from upheld.notices.model import Notice, NoticeKind, Owed
from upheld.notices.planning import plan_case_notices, plan_maintenance_notices

FILES = Path(__file__).parent / "notices"
RENEW = os.environ.get("UPHELD_RENEW_GOLDEN") == "1"

AT = instant("2026-06-01T22:45:00Z")
RESTORED = instant("2026-06-01T22:44:00Z")
CLOSED = instant("2026-06-02T07:15:30Z")
SOLVED = instant("2026-06-02T09:30:00Z")
AT_RISK = verdict(status="at_risk", bad=33, spent="33", attained="0.977083333333", violated_at=None, evidence=[])
CREDITED = verdict(final=True, attained="0.998981481481", credit={"amount": "120.00", "currency": "EUR"})
MET = verdict(status="met", attained="0.999069444444", bad=40, spent="40", violated_at=None, evidence=[])
SILENT = {"silence": {"since": "2026-06-01T22:34:00Z", "services": ["vpn-0042"], "metric": "reachable"}}

CASES: dict[str, tuple[NoticeKind, Case]] = {
    "degradation": ("degradation", case(kind="degradation", verdict=AT_RISK)),
    "violation": ("violation", case()),
    "violation-of-latency": (
        "violation",
        case(
            objective="latency",
            verdict=verdict(attained="40.00001", budget=None, spent=None, final=True, bad=3, evidence=[]),
        ),
    ),
    "violation-of-requests": (
        "violation",
        case(objective="requests", verdict=verdict(attained="0.993999999999", budget="1500.5", spent="1800", bad=1800)),
    ),
    "restoration": ("restoration", case(state="restored", restored_at=RESTORED)),
    "restoration-of-degradation": (
        "restoration",
        case(kind="degradation", state="restored", restored_at=RESTORED, verdict=AT_RISK),
    ),
    "question": ("question", case(state="confirming", restored_at=RESTORED, asked=1)),
    "reminder": ("reminder", case(state="confirming", restored_at=RESTORED, asked=1)),
    "restoration-after-a-no": (
        "restoration",
        case(state="restored", restored_at=SOLVED, reopened_at=CLOSED, level=1, asked=1),
    ),
    "question-after-a-no": (
        "question",
        case(state="confirming", restored_at=SOLVED, reopened_at=CLOSED, level=1, asked=2),
    ),
    "reopened": ("reopened", case(state="acting", reopened_at=CLOSED, level=1, asked=1)),
    "update": ("update", case(state="acting")),
    "update-in-words": (
        "update",
        case(state="acting", told={"at": AT, "text": "A card is being replaced.", "by": "Ada"}),
    ),
    "closed": ("closed", case(state="closed", restored_at=RESTORED, closed_at=CLOSED, outcome="confirmed")),
    "closed-unanswered": (
        "closed",
        case(state="closed", restored_at=RESTORED, closed_at=CLOSED, outcome="unanswered", verdict=CREDITED),
    ),
    "no_data": ("no_data", case(kind="no_data", verdict=MET, findings=SILENT)),
    "resumed": (
        "resumed",
        case(kind="no_data", verdict=MET, findings=SILENT, state="closed", closed_at=CLOSED, outcome="resumed"),
    ),
    "withdrawn": ("withdrawn", case(state="withdrawn", closed_at=CLOSED, outcome="withdrawn", verdict=MET)),
}
WORKS: dict[str, tuple[NoticeKind, Maintenance, int]] = {
    "maintenance": ("maintenance", work(), work().planned_at),
    "maintenance_reminder": ("maintenance_reminder", work(), work().start - 86_400_000_000),
    "maintenance_cancelled": (
        "maintenance_cancelled",
        replace(work(), state="cancelled", sequence=1),
        instant("2026-06-12T09:00:00Z"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_notice_of_a_case_reads_as_agreed(name: str) -> None:
    kind, about = CASES[name]
    notices = plan_case_notices(
        kind, about, AGREEMENT, CUSTOMER, PROVIDER, AT, due_by=None, occasion=f"{kind}-1", links=link
    )
    compare(name, notices[0])


def test_the_provider_reads_it_in_its_own_zone_and_in_the_third_person() -> None:
    notices = plan_case_notices(
        "violation", case(), AGREEMENT, CUSTOMER, PROVIDER, AT, due_by=None, occasion="violation-1", links=None
    )
    compare("violation-to-account-manager", notices[-1])


@pytest.mark.parametrize(
    "kind", ["degradation", "violation", "update", "restoration", "question", "reopened", "closed"]
)
@pytest.mark.parametrize("role", ["customer.noc", "account-manager"])
def test_a_notice_of_several_cases_of_a_problem_reads_as_agreed(kind: NoticeKind, role: str) -> None:
    party = CUSTOMER.id if role.startswith("customer.") else ""
    facts = {"status": "violated", "objective": "availability", "asked": 1}
    facts["answer_by"] = AT + 86_400_000_000 if kind == "question" else None
    credit = {"amount": "120.00", "currency": "EUR"}
    rows = [
        Owed(
            problem="P-0FB0746D1A",
            case_id=f"C-00000000{n}",
            seq=1,
            kind=kind,
            party=party,
            customer=CUSTOMER.id,
            agreement=AGREEMENT.id,
            roles=(role,),
            at=AT,
            facts={**facts, "service": f"vpn-004{n}", "credit": credit if kind == "violation" else None},
        )
        for n in range(3)
    ]
    problem = Problem("P-0FB0746D1A", "outage", "resource", "agg-1", "open", AT)
    told = gathered_notices(
        problem, rows, {CUSTOMER.id: CUSTOMER}, PROVIDER, AT, lambda row, contact: link(f"{row.problem}/{contact}")
    )
    compare(f"problem-{kind}-{'customer' if party else 'provider'}", told[0])


@pytest.mark.parametrize("name", WORKS)
def test_a_notice_of_a_planned_work_reads_as_agreed(name: str) -> None:
    kind, about, at = WORKS[name]
    services = ("vpn-0042", "vpn-0043")
    notices = plan_maintenance_notices(
        kind, about, AGREEMENT, CUSTOMER, PROVIDER, services, at, due_by=None, occasion=kind
    )
    compare(name, notices[0])


@pytest.mark.parametrize("has_another", [True, False])
def test_what_an_account_manager_reads_of_a_customer_who_could_not_be_told(has_another: bool) -> None:
    notices = plan_case_notices(
        "violation", case(), AGREEMENT, CUSTOMER, PROVIDER, AT, due_by=None, occasion="violation-1", links=None
    )
    further = replace(notices[0], address="duty@acme.example") if has_another else None
    why = "it came back: 5.1.1 550 5.1.1 no such user"
    (told,) = undeliverable(notices[0], why, further, CUSTOMER, PROVIDER, AT)
    compare("undeliverable" if has_another else "undeliverable-anywhere", told)


def test_every_kind_has_a_golden_text() -> None:
    shown = {kind for kind, *_ in (*CASES.values(), *WORKS.values())} | {"undeliverable"}
    assert shown == set(get_args(NoticeKind))


def compare(name: str, notice: Notice) -> None:
    forms = {"txt": f"Subject: {notice.subject}\n\n{notice.text}", "html": notice.html}
    if notice.calendar is not None:
        forms["ics"] = notice.calendar
    for form, rendered in forms.items():
        file = FILES / f"{name}.{form}"
        if RENEW:
            file.write_bytes(rendered.encode())
        assert rendered.encode() == file.read_bytes(), f"{file.name} reads otherwise; see how to renew it above"
