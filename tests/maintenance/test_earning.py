"""A window becomes an exclusion only where its announcement met the agreement."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import MaintenanceNotice, Notices
from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND
from upheld.maintenance.earning import Told, earned
from upheld.maintenance.exclusion import exclusion_id, exclusions
from upheld.maintenance.model import Announcement
from upheld.maintenance.objection import Consent
from upheld.measurements.exclusions import Exclusion
from upheld.notices.examples import AGREEMENT, instant, work

START = work().start
IN_TIME = START - 10 * DAY
NOW = START - DAY
SERVICES = ("vpn-0042", "vpn-0043")


def told(**changes: Any) -> Told:
    given = {
        "role": "customer.noc",
        "contact": "noc@acme.example",
        "windows": work().spans,
        "services": frozenset(SERVICES),
        "sent_at": IN_TIME,
    }
    return Told(**{**given, **changes})  # type: ignore[arg-type]  # a mixed dict of the right fields


def promising(*roles: str) -> Agreement:
    terms = MaintenanceNotice(lead_time="10d", to=roles)  # type: ignore[arg-type]  # parsed by the model
    return AGREEMENT.model_copy(update={"notices": Notices(maintenance=terms)})


def decide(
    *announcements: Told,
    agreement: Agreement = AGREEMENT,
    contacts: Mapping[str, Sequence[str]] = {"customer.noc": ("noc@acme.example",)},
    **changes: Any,
) -> Announcement:
    return earned(work(**changes), agreement, SERVICES, contacts, announcements, NOW)


def noc(*addresses: str) -> dict[str, Sequence[str]]:
    return {"customer.noc": addresses}


def test_an_announcement_in_time_earns_the_window() -> None:
    assert decide(told()) == Announcement(
        "chg-2026-118",
        "acme-vpn-gold",
        "acme",
        True,
        "announced 2026-06-10 22:00 UTC, 10 days before the start; the agreement wants 10 days",
        NOW,
        SERVICES,
        tuple((service, START, work().end) for service in SERVICES),
    )


@pytest.mark.parametrize(("kind", "earns"), [("migration", True), ("test", True), ("end_of_service", False)])
def test_other_events_earn_as_a_maintenance_does_but_for_an_end_of_service(kind: str, earns: bool) -> None:
    judged = decide(told(), kind=kind)
    assert (judged.earned, bool(judged.parts)) == (earns, earns)
    assert earns or judged.reason == "an end of service excludes nothing"


@pytest.mark.parametrize(
    ("sent_at", "reason"),
    [
        (IN_TIME + 1, "announced 2026-06-10 22:00 UTC, 9 days 23 hours 59 minutes before the start"),
        (START - 9 * DAY - 3 * HOUR, "announced 2026-06-11 19:00 UTC, 9 days 3 hours before the start"),
        (START - HOUR - MINUTE - 7 * SECOND, "announced 2026-06-20 20:58 UTC, 1 hour 1 minute before the start"),
        (START - 7 * SECOND, "announced 2026-06-20 21:59 UTC, 7 seconds before the start"),
        (START + 2 * MINUTE, "announced 2026-06-20 22:02 UTC, 2 minutes after the start"),
        (START + SECOND // 2, "announced 2026-06-20 22:00 UTC, less than a second after the start"),
    ],
)
def test_an_announcement_too_late_earns_nothing_and_says_by_how_much(sent_at: int, reason: str) -> None:
    decision = decide(told(sent_at=sent_at))
    assert (decision.earned, decision.services) == (False, ())
    assert decision.reason == f"{reason}; the agreement wants 10 days"


def test_the_last_contact_decides() -> None:
    late = told(contact="b@acme.example", sent_at=IN_TIME + HOUR)
    assert not decide(told(), late, contacts=noc("noc@acme.example", "b@acme.example")).earned


def test_who_is_no_contact_any_more_does_not_matter() -> None:
    assert decide(told(), told(contact="b@acme.example", sent_at=None, failure="no such user")).earned


def test_the_contacts_that_the_agreement_has_now_are_to_be_told() -> None:
    decision = decide(told(), contacts=noc("new@acme.example"))
    assert not decision.earned
    assert decision.reason == "customer.noc was not told: the contact has changed since the announcement"


@pytest.mark.parametrize("contacts", [{}, noc()])
def test_a_role_without_a_contact_was_not_told(contacts: Mapping[str, Sequence[str]]) -> None:
    decision = decide(told(), contacts=contacts)
    assert (decision.earned, decision.reason) == (False, "customer.noc was not told: nobody is known under it")


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
    unsent = told(contact="b@acme.example", sent_at=None, failure=failure)
    decision = decide(told(), unsent, contacts=noc("noc@acme.example", "b@acme.example"))
    assert (decision.earned, decision.reason) == (False, said)


def test_every_role_counts() -> None:
    contacts = noc("noc@acme.example") | {"account-manager": ("am@north.example",)}
    decision = decide(told(), agreement=promising("customer.noc", "account-manager"), contacts=contacts)
    assert not decision.earned
    assert decision.reason == "account-manager was not told: there is no announcement of this window"


def test_a_contact_under_two_roles_is_told_once_for_both() -> None:
    same = told(role="customer.desk", sent_at=None, failure="duplicate: the same contact is told as customer.noc")
    both = promising("customer.noc", "customer.desk")
    contacts = noc("noc@acme.example") | {"customer.desk": ("noc@acme.example",)}
    assert decide(told(), same, agreement=both, contacts=contacts).earned
    decision = decide(told(sent_at=None), same, agreement=both, contacts=contacts)
    assert decision.reason == "customer.noc was not told: the announcement is not sent yet"


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


@pytest.mark.parametrize("narrower", [(START + HOUR, work().end), (START, work().end - HOUR)])
def test_an_announcement_of_a_narrower_window_earns_that_and_not_the_rest(narrower: tuple[int, int]) -> None:
    decision = decide(told(windows=(narrower,), sent_at=IN_TIME - DAY))
    assert not decision.earned
    assert decision.parts == tuple((service, *narrower) for service in SERVICES)
    assert "customer.noc was not told: there is no announcement of this window" in decision.reason


def test_of_a_window_that_is_extended_late_what_was_announced_in_time_stays_earned() -> None:
    later = (START, work().end + 2 * HOUR)
    changed = told(windows=(later,), sent_at=NOW, sequence=1)
    decision = decide(told(), changed, end=later[1], sequence=1)
    assert (decision.earned, decision.services) == (False, SERVICES)
    assert decision.parts == tuple((service, START, work().end) for service in SERVICES)
    assert decision.reason == (
        "from 2026-06-20 22:00 UTC to 2026-06-21 02:00 UTC: announced 2026-06-10 22:00 UTC, 10 days before the start; "
        "the agreement wants 10 days; from 2026-06-21 02:00 UTC to 2026-06-21 04:00 UTC: announced 2026-06-19 22:00 "
        "UTC, 1 day 4 hours before the start; the agreement wants 10 days"
    )


def test_a_window_that_is_moved_away_and_back_earns_by_the_last_word_alone() -> None:
    elsewhere = told(windows=((START + 7 * DAY, START + 7 * DAY + HOUR),), sent_at=IN_TIME + DAY, sequence=1)
    back = told(sent_at=IN_TIME + 2 * DAY, sequence=2)
    assert decide(told(), elsewhere, back, sequence=2).parts == ()


def test_who_was_told_that_the_work_is_none_of_theirs_earns_by_the_next_announcement() -> None:
    off = told(windows=(), sent_at=IN_TIME + DAY, sequence=1)
    assert decide(told(sent_at=IN_TIME - DAY), off, sequence=1).parts == ()
    again = told(sent_at=IN_TIME + 2 * DAY, sequence=2)
    assert decide(told(sent_at=IN_TIME - DAY), off, again, sequence=2).parts == ()


def test_a_change_that_names_a_service_no_more_takes_it_back() -> None:
    changed = told(services=frozenset({"vpn-0042"}), sent_at=IN_TIME + DAY, sequence=1)
    assert decide(told(), changed, sequence=1).services == ("vpn-0042",)


def test_an_announcement_that_came_after_its_change_does_not_undo_it() -> None:
    late = told(windows=((START - 7 * DAY, START - 6 * DAY),), sent_at=IN_TIME + HOUR)
    assert decide(late, told(sequence=1), sequence=1).earned


def test_each_of_several_windows_is_judged_by_its_own_start() -> None:
    nights = ((START, START + HOUR), (START + 2 * DAY, START + 2 * DAY + HOUR))
    one = told(windows=nights, sent_at=IN_TIME + DAY)
    decision = decide(one, start=START, end=nights[1][1], windows=nights)
    assert decision.parts == tuple((service, *nights[1]) for service in SERVICES)


def test_a_service_that_was_not_announced_counts_and_the_others_do_not() -> None:
    decision = decide(told(services=frozenset({"vpn-0042"})))
    assert (decision.earned, decision.services) == (False, ("vpn-0042",))
    assert decision.reason == (
        "vpn-0042: announced 2026-06-10 22:00 UTC, 10 days before the start; the agreement wants 10 days. "
        "vpn-0043: customer.noc was not told: the announcement did not name this service"
    )
    assert [x.service for x in exclusions(work(), decision, known_at=NOW).values()] == ["vpn-0042"]


def test_a_service_that_was_announced_later_is_judged_by_its_own_announcement() -> None:
    first = told(services=frozenset({"vpn-0042"}))
    assert decide(first, told(sent_at=NOW)).services == ("vpn-0042",)
    assert decide(first, told(sent_at=IN_TIME)).services == SERVICES


def test_an_announcement_of_a_wider_window_tells_this_one_too() -> None:
    assert decide(told(windows=((START - HOUR, work().end + HOUR),), sent_at=IN_TIME)).earned


def test_an_earned_window_excludes_each_service_for_this_agreement_only() -> None:
    granted = exclusions(work(), decide(told()), known_at=NOW)
    assert list(granted) == [exclusion_id(work(), "acme-vpn-gold", service, START, work().end) for service in SERVICES]
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
    assert exclusions(work(), decide(), known_at=NOW) == {}


def test_a_work_that_nobody_approved_does_not_pass_as_approved() -> None:
    granted = exclusions(work(approved_by=""), decide(told()), known_at=NOW)
    assert {x.approved_by for x in granted.values()} == {None}


def test_a_work_that_is_moved_earns_under_new_ids() -> None:
    assert exclusion_id(work(), "a", "s", 0, 2) != exclusion_id(work(), "a", "s", 1, 2)


def test_the_example_is_announced_ten_days_before() -> None:
    assert instant("2026-06-10T22:00:00Z") == IN_TIME


# -- what the customer itself asked for -------------------------------------------------------------------------------


def consent(**changes: Any) -> Consent:
    given = {
        "windows": work().spans,
        "contact": "noc@acme.example",
        "role": "customer.noc",
        "asked_at": START - 3 * DAY,
        "agreed_at": START - 2 * DAY,
        "agreed_by": "Ada",
        "sequence": 0,
    }
    return Consent(**{**given, **changes})  # type: ignore[arg-type]  # a mixed dict of the right fields


def by_consent(*announcements: Told, agreed: Consent, **terms: Any) -> Announcement:
    promise = MaintenanceNotice(lead_time="10d", to=("customer.noc",), **terms)
    agreement = AGREEMENT.model_copy(update={"notices": Notices(maintenance=promise)})
    contacts = noc(*{one.contact for one in announcements})
    return earned(work(), agreement, SERVICES, contacts, announcements, NOW, (), (agreed,))


LATE = told(sent_at=START - 2 * DAY)


def test_a_window_that_the_customer_asked_for_needs_no_lead_time() -> None:
    decision = by_consent(LATE, agreed=consent())
    word = "noc@acme.example (customer.noc), who asked for it 2026-06-17 22:00 UTC"
    assert (decision.earned, decision.by_agreement) == (True, ((START, work().end, word),))
    assert decision.reason == (
        f"by agreement with {word}, and Ada agreed 2026-06-18 22:00 UTC; announced 2026-06-18 22:00 UTC, 2 days before "
        "the start; the agreement wants 10 days"
    )
    (granted, _) = exclusions(work(), decision, NOW).values()
    assert granted.approved_by == f"M. Lange (work chg-2026-118; by agreement with {word})"


def test_what_was_announced_in_time_needs_no_consent() -> None:
    decision = by_consent(told(), agreed=consent())
    assert (decision.earned, decision.by_agreement, "by agreement" in decision.reason) == (True, (), False)


@pytest.mark.parametrize(
    ("announcements", "agreed", "terms"),
    [
        ([LATE], consent(), {"by_agreement": False}),
        ([LATE], consent(), {"per_month": 0}),
        ([LATE, told(contact="it@acme.example", sent_at=None, failure="the relay is away")], consent(), {}),
        ([told(sent_at=START + MINUTE)], consent(), {}),
        ([LATE, told(sent_at=START - DAY, sequence=1, windows=((START + DAY, START + DAY + HOUR),))], consent(), {}),
        ([LATE], consent(windows=((START - DAY, START - HOUR),)), {}),
    ],
    ids=["ruled out", "over the quota", "not told", "told too late", "told otherwise since", "another window"],
)
def test_a_consent_waives_the_lead_time_and_nothing_else(
    announcements: list[Told], agreed: Consent, terms: dict[str, Any]
) -> None:
    decision = by_consent(*announcements, agreed=agreed, **terms)
    assert (decision.earned, decision.parts, decision.by_agreement) == (False, (), ())
    assert "by agreement" not in decision.reason or "per_month" in terms


def test_of_a_window_that_was_extended_what_was_asked_for_is_by_agreement() -> None:
    half = START, START + HOUR
    decision = by_consent(LATE, agreed=consent(windows=(half,)))
    assert decision.parts == tuple((service, *half) for service in SERVICES)
    assert [(start, end) for start, end, _ in decision.by_agreement] == [half]
    assert decision.reason.count("announced") == 2
