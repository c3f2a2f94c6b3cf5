"""Who is told what and why."""

from dataclasses import replace
from typing import Any

import pytest

from upheld.agreements.contacts import Contact, Language
from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import Confirmation, MaintenanceNotice, Notices
from upheld.agreements.notice_terms import Notice as Promise
from upheld.agreements.objectives import Chronic
from upheld.agreements.units import DAY, MINUTE
from upheld.maintenance.model import WorkKind
from upheld.notices.examples import (
    AGREEMENT,
    CUSTOMER,
    PORTFOLIO,
    PROVIDER,
    case,
    in_language,
    instant,
    link,
    verdict,
    work,
)
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import (
    case_roles,
    maintenance_promised_by,
    plan_case_notices,
    plan_maintenance_notices,
    promised_by,
    signing_secret,
    told,
)

AT = instant("2026-06-01T22:45:00Z")


def plan(kind: NoticeKind, **changes: Any) -> list[Notice]:
    given: dict[str, Any] = {
        "case": case(),
        "agreement": AGREEMENT,
        "customer": CUSTOMER,
        "provider": PROVIDER,
        "due_by": AT + 15 * MINUTE,
        "occasion": kind,
        "links": link,
    } | changes
    return plan_case_notices(
        kind,
        given["case"],
        given["agreement"],
        given["customer"],
        given["provider"],
        AT,
        due_by=given["due_by"],
        occasion=given["occasion"],
        links=given["links"],
    )


def promising(**promises: Any) -> Agreement:
    return AGREEMENT.model_copy(update={"notices": Notices(**promises)})


def test_each_contact_of_each_promised_role_gets_one_notice() -> None:
    notices = plan("violation")
    assert [(n.id, n.channel, n.address, n.state) for n in notices] == [
        ("case-7f3a/violation/customer.noc/0", "email", "noc@acme.example", "recorded"),
        ("case-7f3a/violation/customer.noc/1", "webhook", "https://hooks.acme.example/sla", "recorded"),
        ("case-7f3a/violation/account-manager/0", "email", "account@north.example", "recorded"),
    ]
    assert {(n.kind, n.case_id, n.agreement, n.customer, n.recorded_at, n.due_by) for n in notices} == {
        ("violation", "case-7f3a", "acme-vpn-gold", "acme", AT, AT + 15 * MINUTE)
    }


def test_planning_twice_gives_the_same_notices() -> None:
    assert plan("violation") == plan("violation")


@pytest.mark.parametrize("customer", [None, CUSTOMER.model_copy(update={"contacts": {}})])
def test_a_role_without_a_contact_is_recorded_as_stopped_with_its_reason(customer: Any) -> None:
    first, *others = plan("violation", customer=customer)
    assert (first.channel, first.state, first.role) == ("none", "stopped", "customer.noc")
    assert first.reason == "no contact: the customer has no contact for the role customer.noc"
    assert [n.state for n in others] == ["recorded"]


def test_a_role_without_the_prefix_is_the_providers() -> None:
    (notice,) = plan("degradation", case=case(kind="degradation"), provider=None)
    assert notice.reason == "no contact: the provider has no contact for the role account-manager"


def test_a_contact_under_two_roles_is_told_once() -> None:
    same = (Contact(email="noc@acme.example"),)
    customer = CUSTOMER.model_copy(update={"contacts": {"noc": same, "desk": same}})
    first, second = plan(
        "violation", agreement=promising(violation=Promise(to=("customer.noc", "customer.desk"))), customer=customer
    )
    assert (first.state, second.state) == ("recorded", "stopped")
    assert second.reason == "duplicate: the same contact is told as customer.noc"


@pytest.mark.parametrize("kind", ["violation", "degradation", "restoration", "closed", "withdrawn", "reopened"])
def test_nobody_is_told_what_was_not_promised(kind: NoticeKind) -> None:
    assert plan(kind, agreement=promising()) == []


def test_the_end_is_told_to_those_who_were_promised_the_beginning() -> None:
    violation, degradation = case(), case(kind="degradation")
    assert case_roles("closed", violation, AGREEMENT) == ("customer.noc", "account-manager")
    assert case_roles("closed", degradation, AGREEMENT) == ("account-manager",)
    assert case_roles("restoration", violation, AGREEMENT) == ("customer.noc", "account-manager")
    assert case_roles("restoration", degradation, AGREEMENT) == ("account-manager",)
    own = promising(restoration=Promise(to=("customer.desk",)), violation=Promise(to=("customer.noc",)))
    assert case_roles("restoration", violation, own) == ("customer.desk",)
    worsened = promising(violation=Promise(to=("customer.noc",)), degradation=Promise(to=("account-manager",)))
    assert case_roles("withdrawn", violation, worsened) == ("customer.noc", "account-manager")


@pytest.mark.parametrize("kind", ["question", "reminder"])
def test_each_contact_is_asked_with_a_link_of_its_own(kind: NoticeKind) -> None:
    asked = plan(kind, case=case(state="confirming", asked=1))
    links = [link("customer.noc/0"), link("customer.noc/1")]
    assert [n.role for n in asked] == ["customer.noc", "customer.noc"]
    for notice, own, other in zip(asked, links, reversed(links), strict=True):
        assert own in notice.text
        assert f'href="{own}"' in notice.html
        assert other not in notice.text + notice.html
        assert notice.payload is not None
        assert notice.payload["data"]["link"] == own


def test_a_question_without_links_is_refused() -> None:
    with pytest.raises(ValueError, match="needs links"):
        plan("question", links=None)


def test_nothing_but_a_question_carries_a_link() -> None:
    assert all(n.payload and n.payload["data"]["link"] is None for n in plan("violation"))


def test_the_question_names_until_when_it_waits_and_the_reminder_the_same_instant() -> None:
    terms = Confirmation(remind_after="1d", close_after="3d")  # type: ignore[arg-type]  # parsed by the model
    agreement = AGREEMENT.model_copy(update={"confirmation": terms})
    asked = case(state="confirming", asked=1)
    question, reminder = plan("question", case=asked, agreement=agreement), plan("reminder", case=asked)
    assert "5 June 2026, 00:45 CEST" in question[0].text
    assert "4 June 2026, 00:45 CEST" in reminder[0].text  # planned at the same instant here, a day later in life


def test_the_payload_carries_what_a_machine_needs() -> None:
    payload = plan("violation")[1].payload
    assert payload is not None
    assert (payload["type"], payload["time"]) == ("org.upheld.notice.violation", "2026-06-01T22:45:00Z")
    data = payload["data"]
    assert data["id"] == "case-7f3a/violation/customer.noc/1"
    assert data["due_by"] == "2026-06-01T23:00:00Z"
    assert data["case"]["service"] == "vpn-0042"
    assert data["verdict"] == verdict()


def test_no_notice_names_what_the_analysis_found_with_other_customers() -> None:
    found = {"affected": ["other-customers-line"], "cause_candidates": [{"resource": "secret-switch"}], "changes": []}
    for notice in plan("violation", case=case(findings=found)):
        assert "other-customers-line" not in f"{notice.text}{notice.html}{notice.payload}"
        assert "secret-switch" not in f"{notice.text}{notice.html}{notice.payload}"


def test_no_notice_holds_a_contacts_secret() -> None:
    assert not any("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" in repr(n) for n in plan("violation"))


def test_the_signing_secret_is_looked_up_by_role_and_address() -> None:
    mail, hook, _ = plan("violation")
    assert signing_secret(hook, CUSTOMER, PROVIDER) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert signing_secret(mail, CUSTOMER, PROVIDER) is None
    assert signing_secret(hook, None, PROVIDER) is None
    assert signing_secret(replace(hook, role="account-manager"), CUSTOMER, PROVIDER) is None


def test_an_amended_agreement_without_the_objective_still_gives_a_text() -> None:
    (notice, *_) = plan("violation", case=case(objective="gone"))
    assert "Promised:           gone" in notice.text


def test_a_verdict_without_figures_still_gives_a_text() -> None:
    bare = verdict(attained=None, budget=None, spent=None, at_risk_at=None, violated_at=None, evidence=[])
    assert "vpn-0042" in plan("violation", case=case(verdict=bare))[0].text
    assert "vpn-0042" in plan("violation", case=case(verdict={}))[0].text


def test_promise_clocks_run_from_the_event() -> None:
    assert promised_by("violation", case(), AGREEMENT, AT) == AT + 15 * MINUTE
    assert promised_by("degradation", case(), AGREEMENT, AT) == AT + 30 * MINUTE
    assert promised_by("restoration", case(), AGREEMENT, AT) is None
    assert promised_by("closed", case(), AGREEMENT, AT) is None


def test_maintenance_clocks_run_backwards_from_the_start() -> None:
    start = work().start
    assert maintenance_promised_by("maintenance", work(), AGREEMENT) == start - 10 * DAY
    assert maintenance_promised_by("maintenance_reminder", work(), AGREEMENT) == start - DAY
    assert maintenance_promised_by("maintenance_cancelled", work(), AGREEMENT) is None
    assert maintenance_promised_by("maintenance", work(), promising()) is None


def announce(agreement: Agreement = AGREEMENT, **changes: Any) -> list[Notice]:
    about = work(**changes)
    return plan_maintenance_notices(
        "maintenance", about, agreement, CUSTOMER, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion="maintenance"
    )


def test_a_work_is_announced_to_the_promised_roles_with_its_calendar_entry() -> None:
    notices = announce()
    assert [n.id for n in notices] == [
        "chg-2026-118/maintenance/acme-vpn-gold/customer.noc/0",
        "chg-2026-118/maintenance/acme-vpn-gold/customer.noc/1",
    ]
    assert all(n.calendar and "BEGIN:VEVENT" in n.calendar for n in notices)
    assert all(n.maintenance_id == "chg-2026-118" and n.case_id is None for n in notices)


OTHER_EVENTS: dict[WorkKind, dict[Language, tuple[str, str]]] = {
    "migration": {
        "en": ("Planned migration", "We are going to migrate the service vpn-0042"),
        "de": ("Geplante Migration", "Wir ziehen den Dienst vpn-0042 um"),
        "fr": ("Migration programmée", "Nous allons migrer le service vpn-0042"),
        "es": ("Migración programada", "Vamos a migrar el servicio vpn-0042"),
    },
    "test": {
        "en": ("Planned test", "We are going to run tests on the infrastructure of the service vpn-0042"),
        "de": ("Geplanter Test", "Wir führen Tests an der Infrastruktur des Dienstes vpn-0042 durch"),
        "fr": ("Test programmé", "Nous allons effectuer un test de l’infrastructure"),
        "es": ("Prueba programada", "Vamos a realizar pruebas en la infraestructura"),
    },
    "end_of_service": {
        "en": ("End of service", "The service vpn-0042 ends on"),
        "de": ("Ende des Dienstes", "Der Dienst vpn-0042 endet am"),
        "fr": ("Fin de service", "Le service vpn-0042 prend fin le"),
        "es": ("Fin del servicio", "El servicio vpn-0042 finaliza el"),
    },
}


@pytest.mark.parametrize("language", ["en", "de", "fr", "es"])
@pytest.mark.parametrize("kind", list(OTHER_EVENTS))
def test_other_events_are_announced_in_words_of_their_own(kind: WorkKind, language: Language) -> None:
    customer = in_language(CUSTOMER, language)
    called, happens = OTHER_EVENTS[kind][language]
    told_of: tuple[NoticeKind, ...] = ("maintenance", "maintenance_reminder", "maintenance_cancelled")
    for told_as in told_of:
        about = work(kind=kind, state="cancelled" if told_as == "maintenance_cancelled" else "planned")
        first, *_ = plan_maintenance_notices(
            told_as, about, AGREEMENT, customer, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion=told_as
        )
        words = " ".join(first.text.replace("\u00a0", " ").split())
        assert called.lower() in first.subject.lower()
        assert f"SUMMARY;LANGUAGE={language}:{called}" in str(first.calendar)
        assert happens in words or told_as != "maintenance"
    assert first.payload is not None
    assert first.payload["data"]["maintenance"]["kind"] == kind


def test_an_agreement_without_maintenance_terms_announces_nothing() -> None:
    assert announce(promising()) == []


def test_a_reminder_is_only_announced_where_it_still_lies_ahead() -> None:
    assert "remind you 1 day before" in " ".join(announce()[0].text.split())
    assert "remind you" not in " ".join(announce(start=AT + DAY // 2)[0].text.split())


def test_what_was_told_is_read_back_from_the_notices() -> None:
    first, second = announce()
    sent = replace(first, state="sent", sent_at=AT)
    failed = replace(second, state="failed", reason="the webhook answered 410", sent_at=None)
    one, other = told([sent, failed, plan("violation")[0]])
    assert (one.role, one.contact, one.sent_at) == ("customer.noc", "noc@acme.example", AT)
    assert (one.windows, one.services) == (work().spans, frozenset({"vpn-0042"}))
    assert (other.sent_at, other.failure) == (None, "the webhook answered 410")


def test_a_maintenance_role_without_a_contact_is_stopped() -> None:
    terms = MaintenanceNotice(lead_time="10d", to=("customer.nobody",))  # type: ignore[arg-type]  # parsed by the model
    (notice,) = announce(promising(maintenance=terms))
    assert (notice.state, notice.channel) == ("stopped", "none")
    assert told([notice]) == []


def test_the_example_portfolio_is_whole() -> None:
    assert [a.id for a in PORTFOLIO.agreements] == ["acme-vpn-gold"]


def test_a_contact_is_told_in_its_own_language_and_zone() -> None:
    tokyo = Contact(email="tokyo@acme.example", language="de", time_zone="Asia/Tokyo")
    customer = CUSTOMER.model_copy(update={"contacts": {"noc": (tokyo, *CUSTOMER.contacts["noc"])}})
    first, second, *_ = plan("violation", customer=customer)
    assert "2. Juni 2026, 07:44 Uhr JST (UTC+09:00)" in first.text.replace("\u00a0", " ").replace("\n", " ")
    assert "2 June 2026, 00:44 CEST (UTC+02:00)" in second.text.replace("\n", " ")


def test_each_language_gets_its_own_calendar_entry() -> None:
    contacts = (Contact(email="a@acme.example", language="fr"), Contact(email="b@acme.example", language="es"))
    customer = CUSTOMER.model_copy(update={"contacts": {"noc": contacts}})
    french, spanish = plan_maintenance_notices(
        "maintenance", work(), AGREEMENT, customer, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion="maintenance"
    )
    assert "SUMMARY;LANGUAGE=fr:Maintenance programmée" in str(french.calendar)
    assert "SUMMARY;LANGUAGE=es:Mantenimiento programado" in str(spanish.calendar)


def test_a_right_is_worded_as_the_agreement_gives_it_and_not_as_the_verdict_says_it() -> None:
    chronic = Chronic.model_validate({"violations": 3, "within": "3 months", "right": "exit"})
    availability = AGREEMENT.objectives[0].model_copy(update={"chronic": (chronic,)})
    agreement = AGREEMENT.model_copy(update={"objectives": (availability, *AGREEMENT.objectives[1:])})
    rights = [{"right": "exit", "reason": "violated 3 times within 3 months: 2026-04-01 to 2026-04-30"}]
    contact = Contact(email="noc@acme.example", language="de")
    customer = CUSTOMER.model_copy(update={"contacts": {"noc": (contact,)}})
    broken = case(verdict=verdict(consequences=rights))
    now, amended = (
        plan("violation", case=broken, agreement=one, customer=customer)[0].text for one in (agreement, AGREEMENT)
    )
    assert "exit (3 Verletzungen innerhalb von 3 Monaten)" in now
    assert "Recht:              exit\n" in amended
    assert "violated" not in now + amended
