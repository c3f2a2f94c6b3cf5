"""The process from a measurement to the customer's answer, with every part real."""

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant
from upheld.analysis.model import Change
from upheld.app import DEFAULT_TENANT
from upheld.assessment.verdict import to_document
from upheld.demo.mail import start_mail_catcher
from upheld.measurements.model import Measurement
from upheld.ports import VerdictFilter

GOOD, BAD = [1.0], [0.0]


def test_good_service_opens_no_case_and_tells_nobody(world):
    world.deliver(*GOOD * 30)
    assert not world.cases()
    assert not world.mails()


def test_the_soft_threshold_opens_a_degradation_and_tells_the_account_manager_only(world):
    world.deliver(*GOOD * 10, *BAD * 4)
    assert world.case().kind == "degradation"
    assert len(world.mails()) == len(world.mails("am@carrier.example")) == 1


def test_the_broken_target_worsens_the_same_case_and_tells_the_customer(world):
    world.deliver(*GOOD * 10, *BAD * 8)
    assert world.case().kind == "violation"
    assert world.event_types()[:4] == ["opened", "analysed", "acted", "step_done"]
    assert "worsened" in world.event_types()
    assert len(world.mails("noc@acme.example")) == 1
    assert len(world.mails("am@carrier.example")) == 2


def test_a_verdict_says_when_each_threshold_was_crossed(world):
    world.deliver(*GOOD * 10, *BAD * 8)
    with world.transaction() as t:
        (verdict,) = t.verdicts(VerdictFilter(service="vpn-0042"))
    document = to_document(verdict)
    assert (document["at_risk_at"], document["violated_at"]) == ("2026-05-31T22:14:00Z", "2026-05-31T22:18:00Z")
    assert (document["bad"], document["good"], document["version"]) == (8, 10, 1)


def test_a_ticket_is_opened_in_the_built_in_list_once(world):
    world.deliver(*BAD * 9, *GOOD * 3)
    with world.transaction() as t:
        (ticket,) = t.tickets()
        (action,) = t.actions(world.case().id)
    assert action.state == "done"
    assert ticket.title == "SLA degradation: vpn-0042, availability (acme)"


def test_the_case_knows_the_other_services_their_common_cause_and_the_change_before(world):
    world.process.record_change(
        DEFAULT_TENANT, Change("CHG-1", world.clock.at - HOUR, "new routing policy", ("vpn-0042",), "core team")
    )
    for _ in range(4):
        world.take(Measurement("vpn-0043", "reachable", world.clock.at, 0.0, known_at=world.clock.at))
        world.deliver(*BAD)
    found = next(c for c in world.cases() if c.service == "vpn-0042").findings
    assert found["affected"] == ["vpn-0043"]
    assert found["cause_candidates"][0]["resource"] == "switch-1"
    assert found["cause_candidates"][0]["score"] == 0.667
    assert (found["customers_hit"], found["customers_hit_count"]) == (["acme"], 1)
    assert [c["id"] for c in found["changes"]] == ["CHG-1"]


def test_an_analysis_that_fails_keeps_no_case_from_opening(world, monkeypatch):
    def fails(*_args):
        raise ZeroDivisionError

    monkeypatch.setattr("upheld.process.casework.opening.findings", fails)
    world.deliver(*GOOD * 10, *BAD * 8)
    assert world.case().kind == "violation"
    assert {name: found for name, found in world.case().findings.items() if name != "measurements"} == {
        "affected": [],
        "affected_count": 0,
        "cause_candidates": [],
        "redundant": [],
        "changes": [],
        "alarms": [],
        "customers_hit": [],
        "customers_hit_count": 0,
        "customers_hit_by": None,
        "unprotected_count": 0,
    }
    assert len(world.mails("noc@acme.example")) == 1


def test_after_a_stable_time_the_customer_is_asked_by_a_signed_link(world):
    world.deliver(*BAD * 8, *GOOD * 4)
    assert world.case().state == "acting"
    world.deliver(*GOOD)
    assert world.case().state == "confirming"
    question = world.question_in_mail()
    assert (question.case_id, question.asked) == (world.case().id, 1)


def test_yes_closes_the_case(world):
    world.deliver(*BAD * 8, *GOOD * 5)
    assert world.answer(solved=True) == "taken"
    assert (world.case().state, world.case().outcome) == ("closed", "confirmed")
    assert world.answer(solved=False) == "given"
    world.deliver(*GOOD * 30)
    assert len(world.cases()) == 1


def test_no_reopens_and_escalates_it(world):
    world.deliver(*BAD * 8, *GOOD * 5)
    world.answer(solved=False)
    world.deliver(*GOOD * 10)
    assert (world.case().state, world.case().level) == ("reopened", 1)
    with world.transaction() as t:
        assert {a.kind: a.state for a in t.actions(world.case().id)} == {"ticket": "done", "escalate": "done"}


def test_silence_is_reminded_and_then_closed_with_that_reason(world):
    world.deliver(*BAD * 8, *GOOD * 5)
    before = len(world.mails("noc@acme.example"))
    world.pass_time(DAY)
    assert "reminded" in world.event_types()
    assert len(world.mails("noc@acme.example")) == before + 1
    world.pass_time(2 * DAY)
    assert (world.case().state, world.case().outcome) == ("closed", "unanswered")


def test_a_new_outage_in_the_violated_period_opens_a_new_case(world):
    world.deliver(*BAD * 8, *GOOD * 5)
    world.answer(solved=True)
    world.deliver(*GOOD * 5, *BAD)
    assert [c.state for c in world.cases()] == ["acting", "closed"]


def test_a_correction_that_takes_the_violation_back_withdraws_the_case_under_a_new_version(world):
    start = world.clock.at
    world.deliver(*BAD * 8, *GOOD * 2)
    world.take(
        *(Measurement("vpn-0042", "reachable", start + n * MINUTE, 1.0, known_at=world.clock.at) for n in range(8))
    )
    world.run()
    assert world.case().state == "withdrawn"
    with world.transaction() as t:
        (newest,) = t.verdicts(VerdictFilter(service="vpn-0042"))
        versions = t.verdict_versions(newest.key)
    assert [v.verdict.status for v in versions] == ["violated", "met"]
    assert versions[-1].cause == "corrected data"


def test_the_credit_follows_when_the_period_is_over(world):
    world.deliver(*BAD * 8, *GOOD * 5)
    world.pass_time(DAY + HOUR)
    with world.transaction() as t:
        over = [v for v in t.verdicts(VerdictFilter(service="vpn-0042")) if v.final]
    assert [str(v.credit.amount) for v in over if v.credit] == ["120.00"]


def test_a_restart_at_any_moment_changes_nothing(world, make_world):
    undisturbed = make_world()
    values = [*GOOD * 3, *BAD * 9, *GOOD * 7]
    for value in values:
        undisturbed.deliver(value)
        world.deliver(value)
        world.restart()
    assert world.event_types() == undisturbed.event_types()
    assert sorted(m["Message-ID"] for m in world.mails()) == sorted(m["Message-ID"] for m in undisturbed.mails())
    with world.transaction() as a, undisturbed.transaction() as b:
        assert a.verdicts() == b.verdicts()


def test_a_relay_that_is_down_is_tried_again_until_it_takes_the_notice(world):
    port = world.settings.smtp_port
    world.stop_relay()
    world.deliver(*BAD * 8)
    with world.transaction() as t:
        waiting = [n for n in t.notices(case_id=world.case().id) if n.kind == "violation"]
    assert {n.state for n in waiting} == {"recorded"}
    assert all(n.attempts >= 1 and n.reason for n in waiting)

    world.relay = start_mail_catcher(world.directory / "mail", port)
    world.pass_time(HOUR)
    with world.transaction() as t:
        told = t.notices(case_id=world.case().id)
    assert {n.state for n in told if n.kind == "violation"} == {"sent"}
    assert [n.reason for n in told if n.kind == "degradation"] == [
        "past its point: the case has become a violation, which is told instead"
    ]


def test_each_notice_carries_until_when_it_was_promised(world):
    world.deliver(*BAD * 8)
    with world.transaction() as t:
        told = [n for n in t.notices(case_id=world.case().id) if n.kind == "violation"]
    assert [n.due_by for n in told] == [n.recorded_at + 15 * MINUTE for n in told]
    assert all(n.sent_at is not None and n.sent_at <= n.due_by for n in told)
    assert format_instant(told[0].recorded_at) == "2026-05-31T22:08:00Z"
