"""A window becomes an exclusion only where its announcement met the agreement."""

from typing import Any

import pytest

from notices.examples import AGREEMENT, instant, work
from upheld.agreements.model import Agreement, MaintenanceNotice, Notices
from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND
from upheld.maintenance.earning import Told, earned
from upheld.maintenance.exclusion import exclusion_id, exclusions
from upheld.maintenance.model import Announcement
from upheld.measurements.exclusions import Exclusion

START = work().start
IN_TIME = START - 10 * DAY
NOW = START - DAY
SERVICES = ("vpn-0042", "vpn-0043")


def told(**changes: Any) -> Told:
    given = {
        "role": "customer.noc",
        "contact": "noc@acme.example",
        "start": START,
        "end": work().end,
        "services": frozenset(SERVICES),
        "sent_at": IN_TIME,
    }
    return Told(**{**given, **changes})  # type: ignore[arg-type]  # a mixed dict of the right fields


def promising(*roles: str) -> Agreement:
    terms = MaintenanceNotice(lead_time="10d", to=roles)  # type: ignore[arg-type]  # parsed by the model
    return AGREEMENT.model_copy(update={"notices": Notices(maintenance=terms)})


def decide(*announcements: Told, agreement: Agreement = AGREEMENT, **changes: Any) -> Announcement:
    return earned(work(**changes), agreement, SERVICES, announcements, NOW)


def test_an_announcement_in_time_earns_the_window() -> None:
    assert decide(told()) == Announcement(
        "chg-2026-118",
        "acme-vpn-gold",
        "acme",
        True,
        "announced 2026-06-10T22:00:00Z, 10d before the start; the agreement wants 10d",
        NOW,
    )


@pytest.mark.parametrize(
    ("sent_at", "reason"),
    [
        (IN_TIME + 1, "announced 2026-06-10T22:00:00Z, 9d 23h 59m 59s before the start; the agreement wants 10d"),
        (START - 9 * DAY - 3 * HOUR, "announced 2026-06-11T19:00:00Z, 9d 3h before the start; the agreement wants 10d"),
        (START + 2 * MINUTE, "announced 2026-06-20T22:02:00Z, 2m after the start; the agreement wants 10d"),
        (START + SECOND // 2, "announced 2026-06-20T22:00:00Z, 1s after the start; the agreement wants 10d"),
    ],
)
def test_an_announcement_too_late_earns_nothing_and_says_by_how_much(sent_at: int, reason: str) -> None:
    decision = decide(told(sent_at=sent_at))
    assert (decision.earned, decision.reason) == (False, reason)


def test_the_last_contact_decides() -> None:
    late = told(contact="b@acme.example", sent_at=IN_TIME + HOUR)
    assert not decide(told(), late).earned


def test_the_first_delivery_to_a_contact_counts_not_a_repetition() -> None:
    assert decide(told(), told(sent_at=NOW)).earned


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("the webhook answered 410", "customer.noc was not told: the webhook answered 410"),
        (None, "customer.noc was not told: the announcement is not sent yet"),
    ],
)
def test_what_was_not_delivered_has_told_nobody(failure: str | None, said: str) -> None:
    decision = decide(told(), told(contact="b@acme.example", sent_at=None, failure=failure))
    assert (decision.earned, decision.reason) == (False, said)


def test_every_role_counts() -> None:
    decision = decide(told(), agreement=promising("customer.noc", "account-manager"))
    assert (decision.earned, decision.reason) == (False, "account-manager was not told")


def test_a_contact_under_two_roles_is_told_once_for_both() -> None:
    same = told(role="customer.desk", sent_at=None, failure="duplicate: the same contact is told as customer.noc")
    assert decide(told(), same, agreement=promising("customer.noc", "customer.desk")).earned


def test_an_agreement_without_terms_earns_nothing() -> None:
    agreement = AGREEMENT.model_copy(update={"notices": Notices()})
    decision = decide(told(), agreement=agreement)
    assert not decision.earned
    assert decision.reason == "the agreement has no terms for announcing planned maintenance (notices.maintenance)"


def test_terms_that_name_nobody_earn_nothing() -> None:
    assert not decide(told(), agreement=promising()).earned


def test_a_cancelled_work_earns_nothing() -> None:
    decision = decide(told(), state="cancelled")
    assert (decision.earned, decision.reason) == (False, "the work was cancelled")


@pytest.mark.parametrize(
    "narrower",
    [{"start": START + 1}, {"end": work().end - 1}, {"services": frozenset({"vpn-0042"})}],
)
def test_an_announcement_of_less_does_not_tell_the_rest(narrower: dict[str, Any]) -> None:
    decision = decide(told(**narrower))
    assert not decision.earned
    assert decision.reason == "customer.noc was told of another window or of fewer services"


def test_an_announcement_of_a_wider_window_tells_this_one_too() -> None:
    assert decide(told(start=START - HOUR, end=work().end + HOUR)).earned


def test_an_earned_window_excludes_each_service_for_this_agreement_only() -> None:
    granted = exclusions(work(), decide(told()), SERVICES, known_at=NOW)
    assert list(granted) == [exclusion_id(work(), "acme-vpn-gold", service) for service in SERVICES]
    assert list(granted.values()) == [
        Exclusion(
            service=service,
            start=START,
            end=work().end,
            reason="planned_maintenance",
            approved_by="M. Lange (work chg-2026-118)",
            agreement="acme-vpn-gold",
            known_at=NOW,
        )
        for service in SERVICES
    ]


def test_a_window_that_was_not_earned_excludes_nothing() -> None:
    assert exclusions(work(), decide(), SERVICES, known_at=NOW) == {}


def test_a_work_that_nobody_approved_does_not_pass_as_approved() -> None:
    granted = exclusions(work(approved_by=""), decide(told()), SERVICES, known_at=NOW)
    assert {x.approved_by for x in granted.values()} == {None}


def test_a_work_planned_anew_earns_under_new_ids() -> None:
    before, after = work(), work(sequence=1)
    assert exclusion_id(before, "a", "s") != exclusion_id(after, "a", "s")


def test_the_example_is_announced_ten_days_before() -> None:
    assert instant("2026-06-10T22:00:00Z") == IN_TIME
