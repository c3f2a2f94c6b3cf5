"""What becomes of problems: told to other systems in order and in few events, merged with all that belongs to them, and
told as a story."""

import pytest
from two_customers import EVERY, SERVICES, SWITCHES, portfolio

from upheld.agreements.units import parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.outgoing.model import PREFIX
from upheld.process.casework.examining import shared_findings
from upheld.reports.problem_story import story

CARRIED = {**SWITCHES, "router": ("switch-1", "switch-2")}


@pytest.fixture
def hit(world):
    world.adopt(portfolio(carried=CARRIED), {None: EVERY})
    world.minute()
    return world


def told(world, problem) -> list[str]:
    return [event.type.removeprefix(f"{PREFIX}problem.") for event in of_problem(world, problem)]


def of_problem(world, problem):
    with world.transaction() as t:
        return [event for event in t.outgoing_events(0, 1000) if event.subject == problem.id]


def answered(world) -> None:
    for case in world.cases():
        if case.state == "confirming":
            world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/0", True, "")
    world.run()


def story_of(world, problem):
    with world.transaction() as t:
        happened = t.problem_story(problem.id), t.notices_counted(problem.id)
        return story(t.problem(problem.id), t.parts_of(problem.id), *happened, t.actions(problem.id))


def test_a_problem_s_life_is_told_in_its_order_and_its_cases_in_one_event(hit) -> None:
    hit.minute(*EVERY)
    hit.gathered()
    (problem,) = hit.problems()
    for _ in range(6):
        hit.minute()
    hit.minute("a-1")
    for _ in range(6):
        hit.minute()
    hit.gathered()
    answered(hit)
    hit.minute()
    assert told(hit, problem) == ["opened", "cases_joined", "restored", "broke_again", "restored", "closed"]
    joined, closed = (of_problem(hit, problem)[n].data for n in (1, -1))
    assert (joined["cause"], joined["open_cases"], joined["all_cases"], joined["customers"]) == ("router", 5, 5, 2)
    assert (closed["state"], closed["open_cases"], closed["all_cases"]) == ("closed", 0, 5)
    assert "cases" not in joined

    texts = [one.text for one in story_of(hit, problem)]
    assert texts[:2] == ["Opened: router", "5 cases of 2 customers joined"]
    for text in (
        "5 cases of 2 customers good again",
        "1 case bad again",
        "2 notices of several cases each, violation: sent",
        "5 cases of 2 customers got an answer",
    ):
        assert text in texts
    assert any(text.startswith("Ticket (default) done: ") for text in texts)
    assert "Closed: all of its cases have ended" in texts


def test_what_is_merged_goes_on_with_its_ticket_and_nobody_is_told_twice(hit) -> None:
    hit.minute("a-1", "a-2", "a-3")
    hit.minute(*EVERY)  # before the first are told
    hit.gathered()
    part, whole = sorted(hit.problems(), key=lambda problem: problem.opened_at)
    assert told(hit, part)[-1] == "merged"
    assert of_problem(hit, part)[-1].data["merged_into"] == whole.id
    assert told(hit, whole) == ["opened", "cases_joined"]
    assert of_problem(hit, whole)[-1].data["all_cases"] == 5
    with hit.transaction() as t:
        (ticket,) = t.tickets()
        assert [note["text"] for note in ticket.notes] == [
            f"It is part of problem {whole.id} now, whose cause is router."
        ]
        assert [action.state for action in t.actions(whole.id)] == ["done", "done"]
        kinds = [(n.role, n.kind, sorted(n.cases) or [n.case_id]) for n in t.notices()]
    of_acme = sorted(case.id for case in hit.cases() if case.customer == "acme")
    assert ("customer.noc", "violation", of_acme) in kinds
    assert len(kinds) == 3
    assert len(hit.mails()) == 3
    assert f"{part.id} (switch-1) is part of it" in [one.text for one in story_of(hit, whole)]


def test_a_silent_sender_is_part_of_the_resource_that_silences_others_too(world) -> None:
    delivered = {"probe-a": SERVICES["acme"], "probe-b": ("b-1", "b-2", "b-3", "b-4")}
    services = {"acme": SERVICES["acme"], "bell": delivered["probe-b"]}
    every = [*delivered["probe-a"], *delivered["probe-b"]]
    world.adopt(portfolio(services, {"core": every}, silent_after="10m"), delivered)
    world.minute()
    for _ in range(6):
        world.minute(left_out=delivered["probe-a"])
    for _ in range(4):
        world.minute(left_out=every)
    world.gathered()
    (sender,) = world.problems()
    assert sender.named == "sender probe-a"
    mails = len(world.mails())
    for _ in range(6):
        world.minute(left_out=every)
    world.gathered()
    sender, resource = sorted(world.problems(), key=lambda problem: problem.opened_at)
    assert (resource.cause, resource.kind, sender.state, sender.merged_into) == (
        "core",
        "silence",
        "merged",
        resource.id,
    )
    assert {case.problem for case in world.cases()} == {resource.id}
    with world.transaction() as t:
        (ticket,) = t.tickets()
        assert f"part of problem {resource.id}" in ticket.notes[0]["text"]
        newest = t.notices(problem_id=resource.id)[0]
        cases = {case.id: case.service for case in t.open_cases()}
    assert len(world.mails()) == mails + 1
    assert {cases[name] for name in newest.cases} == set(delivered["probe-b"])


def test_a_problem_is_examined_once_and_what_was_found_stands_for_all_its_cases(hit) -> None:
    for _ in range(25):
        hit.minute()
    hit.minute(*EVERY)
    hit.clock.at = hit.clock.at // 20_000_000 * 20_000_000
    hit.pass_time(20_000_000)
    (problem,) = hit.problems()
    cases = [case for case in hit.cases() if "measurements" in case.findings]
    assert [case.id for case in cases] == [problem.examined]
    others = [case for case in hit.cases() if case.id != problem.examined]
    with hit.transaction() as t:
        assert shared_findings(t, cases[0]) is None
        for case in others:
            found = shared_findings(t, case)
            assert found is not None
            assert found["case"] == problem.examined
            assert found["cause_candidates"] == cases[0].findings["cause_candidates"]
            assert found["measurements"] == cases[0].findings["measurements"]
    assert "cause_changed" not in told(hit, problem)

    candidates = [{"resource": "switch-2", "score": 0.9, "reasons": ["it was late first"]}]
    seen = {**cases[0].findings["measurements"]}
    hit.process.cases.take_findings(DEFAULT_TENANT, others[0], {"measurements": seen, "cause_candidates": candidates})
    changed = of_problem(hit, problem)[-1]
    assert changed.type == f"{PREFIX}problem.cause_changed"
    assert (changed.data["was"], changed.data["likeliest"]) == ("router", "switch-2")
    assert changed.data["reasons"] == ["it was late first"]
    assert parse_instant(changed.data["opened_at"]) == problem.opened_at
