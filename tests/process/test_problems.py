"""Cases of one cause are one problem: one ticket, and each customer told once of all that hits it."""

import re
from dataclasses import replace

import pytest
from two_customers import EVERY, SERVICES, SWITCHES, portfolio

from upheld.agreements.units import MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Update
from upheld.cases.problems import Cause, new_problem, problem_of, shared_causes
from upheld.notices.links import ProblemQuestion
from upheld.process.telling import updating

PORTFOLIO = portfolio(carried={**SWITCHES, "router": ("switch-1", "switch-2")})


@pytest.fixture
def hit(world):
    world.adopt(PORTFOLIO, {None: EVERY})
    world.minute()
    return world


def test_an_outage_of_what_services_share_is_one_problem_with_one_ticket(hit) -> None:
    hit.minute(*EVERY)
    (problem,) = hit.problems()
    with hit.transaction() as t:
        assert {case.problem for case in t.cases()} == {problem.id}
        assert t.count_open() == {problem.id: 5}
        assert t.count_customers([problem.id]) == {problem.id: 2}
        (ticket,) = t.tickets()
    assert (problem.cause, problem.state, ticket.case_id) == ("router", "open", problem.id)
    assert "5 services" in ticket.title
    assert "2 customers" in ticket.detail["description"]


def test_each_contact_is_told_once_of_all_that_hits_it(hit) -> None:
    hit.minute(*EVERY)
    assert not hit.mails()  # what is owed is gathered for a moment
    hit.gathered()
    told = {mail["To"]: mail for mail in hit.mails()}
    assert len(hit.mails()) == 3
    assert "4 services: service level broken" in told["noc@acme.example"]["Subject"]
    assert "b-1: service level broken" in told["noc@bell.example"]["Subject"]  # a single case, told as any other
    assert "5 services: service level broken" in told["am@carrier.example"]["Subject"]
    assert "router" in body(told["am@carrier.example"])
    assert "router" not in body(told["noc@acme.example"])
    assert "b-1" not in body(told["noc@acme.example"])
    hit.gathered()
    assert len(hit.mails()) == 3


def test_a_kill_between_recording_and_telling_loses_and_doubles_nothing(hit) -> None:
    hit.minute(*EVERY)
    hit.restart()
    hit.gathered()
    hit.restart()
    hit.gathered()
    assert sorted(mail["To"] for mail in hit.mails()) == ["am@carrier.example", "noc@acme.example", "noc@bell.example"]
    with hit.transaction() as t:
        notices = t.notices()
        assert all(n.due_by is not None and n.sent_at is not None and n.sent_at <= n.due_by for n in notices)
        (case,) = [case for case in t.cases() if case.service == "a-2"]
        assert {n.role for n in t.notices_of(case)} == {"customer.noc", "account-manager"}


def test_our_words_about_a_problem_reach_each_contact_once_with_their_lines(hit) -> None:
    hit.minute(*EVERY)
    hit.gathered()
    hit.pass_time(MINUTE)
    (problem,) = hit.problems()
    before = len(hit.mails())
    said = "The router is being replaced.\nNext word at 18:00.\n\nWe are <b>sorry</b>.\r\nBcc: x@evil.example"
    assert hit.process.update_problem(DEFAULT_TENANT, problem.id, said, "Ada") == 5
    hit.restart()
    hit.run()
    hit.gathered()
    assert len(hit.mails()) == before + 3
    (mail,) = [m for m in hit.mails("noc@acme.example") if "how far we are" in m["Subject"]]
    assert "4 services" in mail["Subject"]
    assert "being replaced.\nNext word at 18:00.\n\nWe are <b>sorry</b>.\nBcc: x@evil.example\n\n" in body(mail)
    assert mail["Bcc"] is None
    html = next(p for p in mail.walk() if p.get_content_type() == "text/html").get_payload(decode=True).decode()
    assert "being replaced.<br>Next word at 18:00.</p>" in html
    assert "&lt;b&gt;sorry" in html
    assert sum("being replaced" in body(mail) for mail in hit.mails("noc@bell.example")) == 1


def test_words_about_one_case_of_a_problem_stand_apart_from_what_is_told_of_the_others(hit) -> None:
    hit.minute(*EVERY)
    hit.gathered()
    with hit.transaction() as t:
        cases = {case.service: case.id for case in t.cases()}
    hit.process.cases.command(DEFAULT_TENANT, cases["a-1"], Update("Its modem is new.", "Ada"))
    for service in ("a-2", "a-3"):
        hit.process.cases.command(DEFAULT_TENANT, cases[service], Update())
    hit.gathered()
    told = [m for m in hit.mails("noc@acme.example") if "how far we are" in m["Subject"]]
    assert sorted("Its modem is new." in body(mail) for mail in told) == [False, True]


def test_a_problem_that_is_updated_a_part_at_a_time_tells_nobody_twice(hit, monkeypatch) -> None:
    monkeypatch.setattr(updating, "AT_ONCE", 2)
    hit.minute(*EVERY)
    hit.pass_time(MINUTE)
    (problem,) = hit.problems()
    hit.process.update_problem(DEFAULT_TENANT, problem.id, "The router is being replaced.", "Ada")
    at, update = hit.clock.at, Update("The router is being replaced.", "Ada")
    assert hit.process.update_some(DEFAULT_TENANT, problem.id, update, at)  # and killed before it was put down
    hit.run()
    with hit.transaction() as t:
        told = [[e.data["text"] for e in t.events(case.id) if e.type == "updated"] for case in t.cases()]
    assert told == [["The router is being replaced."]] * 5


def test_a_case_that_came_first_joins_the_problem_that_shows_later(hit) -> None:
    hit.minute("a-1")
    assert not hit.problems()
    with hit.transaction() as t:
        assert [ticket.case_id for ticket in t.tickets()] == [case.id for case in t.cases()]
    hit.minute("a-1", "a-2", "a-3")
    (problem,) = hit.problems()
    assert problem.cause == "switch-1"
    with hit.transaction() as t:
        assert {case.service: case.problem for case in t.cases()} == dict.fromkeys(["a-1", "a-2", "a-3"], problem.id)


def test_problems_of_parts_are_merged_into_the_one_of_the_whole(hit) -> None:
    hit.minute("a-1", "a-2", "a-3")
    hit.minute(*EVERY)
    part, whole = sorted(hit.problems(), key=lambda p: p.opened_at)
    assert (part.state, part.merged_into, whole.cause) == ("merged", whole.id, "router")
    with hit.transaction() as t:
        assert t.count_open() == {whole.id: 5}


def test_a_problem_is_asked_about_and_answered_as_a_whole(hit) -> None:
    hit.minute(*EVERY)
    hit.gathered()
    for _ in range(6):
        hit.minute()
    hit.gathered()
    asked = [mail for mail in hit.mails("noc@acme.example") if "solved?" in mail["Subject"]]
    assert len(asked) == 1
    token = re.search(r"/confirm/(\S+)", body(asked[0]))[1]
    question = hit.application.links.read_question(token)
    assert isinstance(question, ProblemQuestion)
    assert question.party == "acme"
    with hit.transaction() as t:
        rows = t.owed_as_told(question.problem, "acme", question.told)
        assert {row.facts["service"] for row in rows if row.kind == "question"} == set(SERVICES["acme"])
        rounds = {case.id: case.asked for case in t.cases() if case.customer == "acme"}
    for case_id, asked_round in rounds.items():
        hit.process.cases.answer(DEFAULT_TENANT, case_id, asked_round, question.contact, True, "")
    hit.run()
    assert hit.problems(only_open=True)
    with hit.transaction() as t:
        assert [ticket.state for ticket in t.tickets()] == ["open"], "of the last case there is no word yet"
        (bell,) = [case for case in t.cases() if case.customer == "bell"]
    hit.process.cases.answer(DEFAULT_TENANT, bell.id, bell.asked, "customer.noc/0", True, "")
    hit.minute()
    (problem,) = hit.problems()
    assert problem.state == "closed"
    assert problem.closed_at is not None
    with hit.transaction() as t:
        (ticket,) = t.tickets()
    assert (ticket.state, [note["text"] for note in ticket.notes]) == ("closed", ["The case has ended."])
    hit.gathered()
    (closed,) = [mail for mail in hit.mails("noc@acme.example") if "cases closed" in mail["Subject"]]
    assert "a-1" in body(closed)


def test_the_ticket_of_a_part_is_closed_with_the_last_case_of_the_whole(hit) -> None:
    hit.minute("a-1", "a-2", "a-3")
    for _ in range(2):
        hit.minute(*EVERY)
    hit.gathered()
    for _ in range(6):
        hit.minute()
    hit.gathered()
    with hit.transaction() as t:
        assert [ticket.state for ticket in t.tickets()] == ["open"]
    for case in hit.cases():
        hit.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/0", True, "")
    hit.run()
    with hit.transaction() as t:
        (ticket,) = t.tickets()
    assert (ticket.state, ticket.notes[-1]["text"]) == ("closed", "The case has ended.")


def test_the_ticket_that_a_case_had_before_it_joined_is_told_so_and_closed_with_the_last(hit) -> None:
    hit.minute("a-1")
    hit.minute("a-1", "a-2", "a-3")
    hit.gathered()
    (problem,) = hit.problems()
    with hit.transaction() as t:
        of_problem, own = t.tickets()
    assert [ticket.case_id for ticket in (of_problem, own)] == [
        problem.id,
        next(c.id for c in hit.cases() if c.service == "a-1"),
    ]
    told = (
        f"It is part of problem {problem.id} now, whose cause is switch-1. What follows is written to {of_problem.id}."
    )
    assert [note["text"] for note in own.notes] == [told]
    assert not of_problem.notes
    for _ in range(6):
        hit.minute()
    hit.gathered()
    *first, last = hit.cases()
    for case in first:
        hit.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/0", True, "")
    hit.run()
    with hit.transaction() as t:
        assert {ticket.state for ticket in t.tickets()} == {"open"}
    hit.process.cases.answer(DEFAULT_TENANT, last.id, last.asked, "customer.noc/0", True, "")
    hit.run()
    with hit.transaction() as t:
        tickets = {ticket.id: (ticket.state, [note["text"] for note in ticket.notes]) for ticket in t.tickets()}
    assert tickets == {
        own.id: ("closed", [told, "The case has ended."]),
        of_problem.id: ("closed", ["The case has ended."]),
    }


def confirming(world, customer: str):
    with world.transaction() as t:
        found = [case for case in t.cases() if case.customer == customer and case.state == "confirming"]
    return [(case, case.asked) for case in sorted(found, key=lambda case: case.service)]


def test_each_no_of_a_customer_is_escalated_once_whatever_it_says_of_how_many_cases(hit) -> None:
    hit.minute(*EVERY)
    hit.gathered()
    for _ in range(6):
        hit.minute()
    hit.gathered()
    before, acme = len(hit.mails()), confirming(hit, "acme")
    hit.process.cases.answer_together(DEFAULT_TENANT, acme[:3], "customer.noc/0", False, "still slow")
    hit.run()
    hit.gathered()
    (problem,) = hit.problems()
    assert [ticket.title for ticket in escalations(hit)] == ["Escalation, level 1: Service problem: router, 5 services"]
    said = "acme says that 3 services are not good again: a-1, a-2, a-3: still slow\n\n"
    assert escalations(hit)[0].detail["description"].startswith(said)
    assert escalations(hit)[0].case_id == problem.id
    assert len(hit.mails()) == before + 2
    with hit.transaction() as t:
        told = [(notice.role, len(notice.cases)) for notice in t.notices() if notice.kind == "reopened"]
    assert sorted(told) == [("account-manager", 3), ("customer.noc", 3)]

    ((bell, asked),) = confirming(hit, "bell")  # alone: asked, and answering, as one of no problem
    hit.process.cases.answer(DEFAULT_TENANT, bell.id, asked, "customer.noc/0", False, "")
    hit.run()
    hit.process.cases.answer_together(DEFAULT_TENANT, acme[3:], "customer.noc/0", False, "")
    hit.process.cases.answer_together(DEFAULT_TENANT, acme[3:], "customer.noc/0", False, "")
    hit.run()
    assert [ticket.detail["description"].split("\n")[0] for ticket in escalations(hit)[1:]] == [
        "bell says that b-1 is not good again",
        "acme says that a-4 is not good again",
    ]


def escalations(world):
    with world.transaction() as t:
        found = [ticket for ticket in t.tickets() if ticket.title.startswith("Escalation")]
        noted = [action.id for action in t.actions(found[0].case_id) if action.kind == "escalate"]
    assert len(noted) == len(found)
    return sorted(found, key=lambda ticket: noted.index(ticket.id))


def test_what_is_told_under_a_role_without_contact_is_kept_as_stopped(hit) -> None:
    source = PORTFOLIO.replace("contacts: {noc: [{email: noc@acme.example}]}", "contacts: {noc: []}")
    hit.adopt(source)
    hit.minute(*EVERY)
    hit.gathered()
    with hit.transaction() as t:
        stopped = [n for n in t.notices() if n.state == "stopped"]
    assert len(stopped) == 4
    assert all("no contact" in (n.reason or "") for n in stopped)


def test_half_of_what_is_known_to_run_over_a_resource_and_three_make_it_a_shared_cause() -> None:
    def found(**counts: int):
        return {"cause_candidates": [{"resource": "switch", **counts}]}

    assert shared_causes(found(bad_count=3, known=6)) == [Cause("switch")]
    assert not shared_causes(found(bad_count=3, known=7))
    assert not shared_causes(found(bad_count=2, known=2))
    first, other = new_problem("t", Cause("router"), 1), new_problem("t", Cause("switch"), 2)
    assert problem_of([Cause("switch"), Cause("router")], [first, other]) == other
    assert problem_of([Cause("router")], [replace(other, cause="far")]) is None


def body(mail) -> str:
    part = next(p for p in mail.walk() if p.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode()
