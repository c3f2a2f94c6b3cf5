"""What a case is shown with: ended cases like it and what solved them, and what else is open around it."""

import pytest

from upheld import related
from upheld.agreements.units import DAY, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Resolve
from upheld.measurements.model import Measurement
from upheld.readers.portfolio import parse_portfolio

AGREEMENT = """
  - id: {customer}-gold
    customer: {customer}
    valid: {{from: 2026-01-01}}
    services: [{services}]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}}
        period: {{calendar: day}}
        target: 99.99 %                    # of 1,440 slots none may be bad
    notices: {{violation: {{within: 15m, to: [customer.noc]}}}}
    confirmation: {{to: [customer.noc], remind_after: 1d, close_after: 3d}}"""
SERVICES = {"acme": ("a-1", "a-2", "a-3", "a-4"), "bell": ("b-1",)}
PORTFOLIO = (
    "agreements:"
    + "".join(AGREEMENT.format(customer=name, services=", ".join(some)) for name, some in SERVICES.items())
    + """
customers:
  - {id: acme, name: Acme GmbH, contacts: {noc: [{email: noc@acme.example}]}}
  - {id: bell, name: Bell Ltd, contacts: {noc: [{email: noc@bell.example}]}}
provider: {id: carrier, name: Carrier, contacts: {account-manager: [{email: am@carrier.example}]}}
resources:
  - {id: switch-1, carries: [a-1, a-2, a-3]}
  - {id: switch-2, carries: [a-4, b-1]}
"""
)
EVERY = [name for some in SERVICES.values() for name in some]


@pytest.fixture
def hit(world):
    world.process.adopt_portfolio(DEFAULT_TENANT, PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio.yaml"))
    minute(world)
    return world


def minute(world, *bad: str) -> None:
    at = world.clock.at
    world.take(*(Measurement(name, "reachable", at, float(name not in bad), known_at=at) for name in EVERY))
    world.pass_time(MINUTE)


def one_of(world, service: str, *, is_open: bool):
    with world.transaction() as t:
        return t.cases_of_services([service], is_open=is_open, limit=1)[0]


def end_all(world, cause: str = "", done: str = "", of: str = "") -> None:
    """Good again, put down on the case of `of` what it was, and closed as nobody answers."""
    for _ in range(7):
        minute(world)
    if of:
        world.process.command(DEFAULT_TENANT, one_of(world, of, is_open=True).id, Resolve(cause, done, "ada"))
    world.pass_time(4 * DAY)
    world.run()


def told(world, case) -> dict:
    with world.transaction() as t:
        whole = t.case(case.id)
    return related.to_document(world.process.related_to(DEFAULT_TENANT, whole))


def test_an_ended_case_of_the_same_promise_says_what_solved_it(hit) -> None:
    minute(hit, "a-1")
    end_all(hit, "a worn fibre", "spliced", of="a-1")
    first = one_of(hit, "a-1", is_open=False)
    minute(hit, "a-1")
    (earlier,) = told(hit, one_of(hit, "a-1", is_open=True))["earlier"]
    assert (earlier["id"], earlier["href"]) == (first.id, f"/v1/cases/{first.id}")
    assert (earlier["cause"], earlier["done"], earlier["outcome"]) == ("a worn fibre", "spliced", "unanswered")
    assert "the same promise, availability of a-1" in earlier["shared"]
    assert earlier["steps"][0]["kind"] == "ticket"
    assert earlier["lasted_seconds"] == 0


def test_an_earlier_problem_of_the_same_cause_is_one_earlier_case_by_the_one_that_says_what_it_was(hit) -> None:
    minute(hit, "a-1", "a-2", "a-3")
    end_all(hit, "a power supply", "replaced", of="a-2")
    minute(hit, "a-1", "a-2", "a-3")
    for service in ("a-1", "a-2", "a-3"):
        (earlier,) = told(hit, one_of(hit, service, is_open=True))["earlier"]
        assert "the same suspected cause, switch-1" in earlier["shared"]
        if service == "a-2":
            assert earlier["done"] == "replaced"


def test_a_case_never_stands_beside_its_own_problem_and_does_beside_others(hit) -> None:
    minute(hit, "a-1", "a-2", "a-3")
    minute(hit, "a-1", "a-2", "a-3", "a-4")
    beside = told(hit, one_of(hit, "a-1", is_open=True))
    assert (beside["cases"], beside["problems"]) == ([], [])
    alone = told(hit, one_of(hit, "a-4", is_open=True))
    assert (alone["earlier"], alone["problems"]) == ([], [])


def test_the_report_has_the_earlier_cases(hit) -> None:
    minute(hit, "a-1")
    end_all(hit, "a worn fibre", "spliced", of="a-1")
    minute(hit, "a-1")
    report = hit.process.incident_report(DEFAULT_TENANT, one_of(hit, "a-1", is_open=True).id)
    assert "## Earlier cases like it" in report
    assert "It was: a worn fibre. Done: spliced." in report
