"""Several contacts answer one question, some after the case was closed: what each brings about; none is lost."""

import pytest
from two_customers import EVERY, SWITCHES, portfolio

from upheld.agreements.units import DAY, HOUR, SECOND
from upheld.app import DEFAULT_TENANT
from upheld.cases.clocks import clocks
from upheld.readers.portfolio import parse_portfolio

GOOD, BAD = [1.0], [0.0]
FIRST, SECOND_ONE = "customer.noc/0", "customer.noc/1"


@pytest.fixture
def asked(world):
    """A customer is asked who was promised repair in 2 h, word every hour, and 5 days to say no."""
    source = world.source.replace(
        "    exclusions: [planned_maintenance]\n",
        "    exclusions: [planned_maintenance]\n    handling: {fixed_within: 2h, update_every: 1h}\n",
    )
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    world.deliver(*BAD * 8, *GOOD * 5)
    assert world.case().state == "confirming"
    return world


def says(world, contact: str, solved: bool, comment: str = "", case=None) -> str:
    case = case or world.case()
    came = world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, contact, solved, comment)
    world.run()
    return came


def effects(world) -> list[str]:
    return [answer["effect"] for answer in world.case().answers]


def notices(world, kind: str):
    with world.transaction() as t:
        return [notice for notice in t.notices() if notice.kind == kind]


def test_every_contact_answers_once_and_every_answer_is_kept(asked):
    assert says(asked, FIRST, True, "fine") == "taken"
    assert says(asked, FIRST, True, "fine") == "given"
    assert says(asked, FIRST, False) == "given"
    assert says(asked, SECOND_ONE, True, "here too") == "taken"
    kept = [(a["contact"], a["solved"], a["comment"], a["round"], a["via"]) for a in asked.case().answers]
    assert kept == [(FIRST, True, "fine", 1, "link"), (SECOND_ONE, True, "here too", 1, "link")]
    assert effects(asked) == ["closed", "kept"]
    assert asked.event_types().count("closed") == 1
    with asked.transaction() as t:
        told = [e.data["answer"] for e in t.outgoing_events(0, 1000) if e.type == "org.upheld.case.answered"]
    assert [answer["contact"] for answer in told] == [FIRST, SECOND_ONE]


def test_a_no_after_the_yes_of_another_takes_the_case_up_again(asked):
    before = asked.case()
    says(asked, FIRST, True)
    asked.pass_time(5 * DAY)
    with asked.transaction() as t:
        owed, versions = t.adjustments(0, 100), t.verdict_versions(_key(before))
    assert says(asked, SECOND_ONE, False, "not in our branch") == "taken"
    case = asked.case()
    assert (case.state, case.level, case.outcome, case.closed_at) == ("reopened", 1, None, None)
    assert effects(asked) == ["closed", "reopened"]
    with asked.transaction() as t:
        steps = {action.kind: action for action in t.actions(case.id)}
        assert (t.adjustments(0, 100), t.verdict_versions(_key(before))) == (owed, versions)
        agreement = asked.process.in_force(DEFAULT_TENANT).parties(case.agreement, asked.clock.at).agreement
    assert steps["escalate"].state == "done"
    assert "not in our branch" in steps["escalate"].detail["description"]
    assert {notice.role for notice in notices(asked, "reopened")} == {"customer.noc", "account-manager"}
    assert {clock.name: clock.due - (case.reopened_at or 0) for clock in clocks(case, agreement)} == {
        "fixed": 2 * HOUR,
        "update": HOUR,
    }
    for _ in range(3):
        asked.pass_time(HOUR)
    assert asked.case().level == 2  # nobody has fixed it in time
    assert asked.event_types().count("updated") == 3
    asked.process.cases.ask_again(DEFAULT_TENANT, case.id, "ada")
    assert says(asked, SECOND_ONE, True) == "taken"
    assert (asked.case().outcome, [a["round"] for a in asked.case().answers]) == ("confirmed", [1, 1, 2])


def _key(case):
    return case.agreement, case.objective, case.service, case.period_start


def test_a_no_after_silence_takes_the_case_up_again(asked):
    asked.pass_time(3 * DAY)
    assert asked.case().outcome == "unanswered"
    says(asked, FIRST, False)
    assert asked.case().state == "reopened"


def test_a_no_after_the_time_is_kept_and_told_to_the_providers_people(asked):
    says(asked, FIRST, True)
    asked.clock.at += 5 * DAY + SECOND
    before = len(asked.mails("noc@acme.example"))
    assert says(asked, SECOND_ONE, False, "down since yesterday") == "taken"
    assert (asked.case().state, asked.case().level, effects(asked)) == ("closed", 0, ["closed", "late"])
    (told,) = notices(asked, "late_rejection")
    assert (told.role, told.state) == ("account-manager", "sent")
    assert "down since yesterday" in told.text
    assert len(asked.mails("noc@acme.example")) == before


def test_how_long_a_no_counts_is_agreed(asked):
    source = asked.source.replace("close_after: 3d}", "close_after: 3d, reopen_within: 1h}")
    asked.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    says(asked, FIRST, True)
    asked.clock.at += HOUR + SECOND
    says(asked, SECOND_ONE, False)
    assert effects(asked) == ["closed", "late"]


def test_a_no_to_a_case_that_another_one_followed_escalates_that_one(asked):
    first = asked.case()
    says(asked, FIRST, True)
    asked.deliver(*GOOD * 5, *BAD)
    newer = next(case for case in asked.cases() if case.id != first.id)
    assert says(asked, SECOND_ONE, False, "still bad", first) == "taken"
    assert says(asked, "customer.noc/2", False, "yes, bad", first) == "taken"
    states = {case.id: (case.state, case.level) for case in asked.cases()}
    assert states == {first.id: ("closed", 0), newer.id: ("acting", 1)}
    with asked.transaction() as t:
        answers = t.case(first.id).answers
        escalations = [a.detail["description"] for a in t.actions(newer.id) if a.kind == "escalate"]
    assert [(a["effect"], a["case"]) for a in answers] == [("closed", None), ("passed_on", newer.id), ("kept", None)]
    assert len(escalations) == 1
    assert "still bad" in escalations[0]


def test_an_answer_outlives_a_crash_between_it_and_what_follows(asked):
    says(asked, FIRST, True)
    case = asked.case()
    asked.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, SECOND_ONE, False, "")
    asked.restart()
    assert says(asked, SECOND_ONE, False) == "given"
    assert (asked.case().state, effects(asked)) == ("reopened", ["closed", "reopened"])
    assert {notice.state for notice in notices(asked, "reopened")} == {"sent"}


# -- problems ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def solved(world):
    """A router had failed under all services; it was good again, and everybody has said so."""
    world.adopt(portfolio(carried={**SWITCHES, "router": ("switch-1", "switch-2")}), {None: EVERY})
    world.minute()
    world.minute(*EVERY)
    for _ in range(6):
        world.minute()
    world.gathered()
    for case in world.cases():
        world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, FIRST, True, "")
    world.minute()
    (problem,) = world.problems()
    assert problem.state == "closed"
    return world


def of_acme(world):
    return [(case, case.asked) for case in sorted(world.cases(), key=lambda c: c.service) if case.customer == "acme"]


def test_a_no_to_some_cases_of_a_closed_problem_opens_it_again_and_is_escalated_once(solved):
    solved.process.cases.answer_together(DEFAULT_TENANT, of_acme(solved)[:3], SECOND_ONE, False, "not for us")
    solved.run()
    solved.gathered()
    (problem,) = solved.problems()
    assert (problem.state, problem.closed_at, problem.restored_at) == ("open", None, None)
    states = {case.service: (case.state, case.problem) for case in solved.cases()}
    assert states == {
        **dict.fromkeys(("a-1", "a-2", "a-3"), ("reopened", problem.id)),
        **dict.fromkeys(("a-4", "b-1"), ("closed", problem.id)),
    }
    with solved.transaction() as t:
        escalations = [action for action in t.actions(problem.id) if action.kind == "escalate"]
        types = [e.type for e in t.outgoing_events(0, 1000) if e.subject == problem.id]
        told = [(n.role, len(n.cases)) for n in t.notices() if n.kind == "reopened"]
    assert len(escalations) == 1
    assert types[-1] == "org.upheld.problem.reopened"
    assert types.count("org.upheld.problem.reopened") == 1
    assert sorted(told) == [("account-manager", 3), ("customer.noc", 3)]
    for case, _ in of_acme(solved)[:3]:
        solved.process.cases.ask_again(DEFAULT_TENANT, case.id, "ada")
        says(solved, SECOND_ONE, True, case=solved_case(solved, case.id))
    solved.minute()
    (problem,) = solved.problems()
    assert problem.state == "closed"


def solved_case(world, case_id: str):
    with world.transaction() as t:
        return t.case(case_id)


def test_a_no_that_comes_too_late_for_a_whole_problem_is_told_in_one(solved):
    solved.clock.at += 6 * DAY
    solved.process.cases.answer_together(DEFAULT_TENANT, of_acme(solved)[:3], SECOND_ONE, False, "not for us")
    solved.run()
    solved.gathered()
    (told,) = notices(solved, "late_rejection")
    assert (told.role, len(told.cases), told.state) == ("account-manager", 3, "sent")
    assert solved.problems()[0].state == "closed"


def test_a_case_that_is_taken_up_again_joins_the_problem_of_its_cause_that_is_open_by_then(solved):
    (first,) = solved.problems()
    solved.minute(*EVERY[1:])  # a-1 stays good
    (newer,) = solved.problems(only_open=True)
    assert newer.id != first.id
    case = next(case for case, _ in of_acme(solved) if case.service == "a-1" and case.state == "closed")
    assert says(solved, SECOND_ONE, False, case=case) == "taken"
    after = solved_case(solved, case.id)
    assert (after.state, after.problem) == ("reopened", newer.id)
    assert {p.id: p.state for p in solved.problems()} == {first.id: "closed", newer.id: "open"}


def test_a_case_of_a_merged_problem_is_taken_up_again_under_the_whole(world):
    world.adopt(portfolio(carried={**SWITCHES, "router": ("switch-1", "switch-2")}), {None: EVERY})
    world.minute()
    world.minute("a-1", "a-2", "a-3")
    for _ in range(6):
        world.minute()
    early = next(case for case in world.cases() if case.service == "a-1")
    says(world, FIRST, True, case=early)
    world.minute(*EVERY[1:])
    part, whole = sorted(world.problems(), key=lambda p: p.opened_at)
    assert (part.state, part.merged_into) == ("merged", whole.id)
    assert solved_case(world, early.id).problem == part.id
    says(world, SECOND_ONE, False, case=early)
    assert (solved_case(world, early.id).state, solved_case(world, early.id).problem) == ("reopened", whole.id)
