"""What a case is shown with: ended cases like it and what solved them, and what else is open around it."""

import pytest
from two_customers import EVERY, portfolio

from upheld.agreements.units import DAY
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Resolve
from upheld.process.casework import related


@pytest.fixture
def hit(world):
    world.adopt(portfolio(), {None: EVERY})
    world.minute()
    return world


def one_of(world, service: str, *, is_open: bool):
    with world.transaction() as t:
        return t.cases_of_services([service], is_open=is_open, limit=1)[0]


def end_all(world, cause: str = "", done: str = "", of: str = "") -> None:
    """Good again, put down on the case of `of` what it was, and closed as nobody answers."""
    for _ in range(7):
        world.minute()
    if of:
        world.process.cases.command(DEFAULT_TENANT, one_of(world, of, is_open=True).id, Resolve(cause, done, "ada"))
    world.pass_time(4 * DAY)
    world.run()


def told(world, case) -> dict:
    with world.transaction() as t:
        whole = t.case(case.id)
    return related.to_document(world.process.cases.related_to(DEFAULT_TENANT, whole))


def test_an_ended_case_of_the_same_promise_says_what_solved_it(hit) -> None:
    hit.minute("a-1")
    end_all(hit, "a worn fibre", "spliced", of="a-1")
    first = one_of(hit, "a-1", is_open=False)
    hit.minute("a-1")
    (earlier,) = told(hit, one_of(hit, "a-1", is_open=True))["earlier"]
    assert (earlier["id"], earlier["href"]) == (first.id, f"/v1/cases/{first.id}")
    assert (earlier["cause"], earlier["done"], earlier["outcome"]) == ("a worn fibre", "spliced", "unanswered")
    assert "the same promise, availability of a-1" in earlier["shared"]
    assert earlier["steps"][0]["kind"] == "ticket"
    assert earlier["lasted_seconds"] == 0


def test_an_earlier_problem_of_the_same_cause_is_one_earlier_case_by_the_one_that_says_what_it_was(hit) -> None:
    hit.minute("a-1", "a-2", "a-3")
    end_all(hit, "a power supply", "replaced", of="a-2")
    hit.minute("a-1", "a-2", "a-3")
    for service in ("a-1", "a-2", "a-3"):
        (earlier,) = told(hit, one_of(hit, service, is_open=True))["earlier"]
        assert "the same suspected cause, switch-1" in earlier["shared"]
        if service == "a-2":
            assert earlier["done"] == "replaced"


def test_a_case_never_stands_beside_its_own_problem_and_does_beside_others(hit) -> None:
    hit.minute("a-1", "a-2", "a-3")
    hit.minute("a-1", "a-2", "a-3", "a-4")
    beside = told(hit, one_of(hit, "a-1", is_open=True))
    assert (beside["cases"], beside["problems"]) == ([], [])
    alone = told(hit, one_of(hit, "a-4", is_open=True))
    assert (alone["earlier"], alone["problems"]) == ([], [])


def test_the_report_has_the_earlier_cases(hit) -> None:
    hit.minute("a-1")
    end_all(hit, "a worn fibre", "spliced", of="a-1")
    hit.minute("a-1")
    report = hit.process.cases.incident_report(DEFAULT_TENANT, one_of(hit, "a-1", is_open=True).id)
    assert "## Earlier cases like it" in report
    assert "It was: a worn fibre. Done: spliced." in report
