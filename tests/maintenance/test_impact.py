"""Which agreements a planned work hits."""

from typing import Any

import pytest

from upheld.agreements.model import Portfolio, Validity
from upheld.agreements.parties import Resource
from upheld.analysis.topology import joined
from upheld.maintenance.impact import affected
from upheld.maintenance.model import Maintenance
from upheld.notices.examples import AGREEMENT, PORTFOLIO, instant, work


def portfolio(**changes: Any) -> Portfolio:
    return PORTFOLIO.model_copy(update=changes)


def hit(services: tuple[str, ...], **changes: Any) -> list[tuple[str, tuple[str, ...]]]:
    planned, whole = work(services=services), portfolio(**changes)
    return [(a.id, found) for a, found in affected(planned, whole.agreements, reached(planned, whole))]


def reached(planned: Maintenance, whole: Portfolio) -> frozenset[str]:
    topology = joined(None, whole.resources, {})
    return topology.hit_during(planned.services, planned.start, planned.end).hit


def test_an_agreement_is_hit_with_those_of_its_services_that_the_work_names() -> None:
    assert hit(("vpn-0043", "line-9")) == [("acme-vpn-gold", ("vpn-0043",))]


def test_an_agreement_without_a_service_of_the_work_is_not_hit() -> None:
    assert hit(("line-9",)) == []


def test_a_service_of_two_agreements_hits_both() -> None:
    silver = AGREEMENT.model_copy(update={"id": "acme-silver"})
    assert hit(("vpn-0042",), agreements=(AGREEMENT, silver)) == [
        ("acme-vpn-gold", ("vpn-0042",)),
        ("acme-silver", ("vpn-0042",)),
    ]


def test_a_resource_stands_for_all_that_it_carries_however_deep() -> None:
    resources = (
        Resource(id="switch", carries=("line", "vpn-0043")),
        Resource(id="line", carries=("vpn-0042", "switch")),  # a loop in the records must not hang
    )
    assert hit(("switch",), resources=resources) == [("acme-vpn-gold", ("vpn-0042", "vpn-0043"))]


@pytest.mark.parametrize(
    ("valid", "is_hit"),
    [
        ({"from": "2026-01-01"}, True),
        ({"from": "2026-06-21T02:00:00Z"}, False),  # begins as the work ends
        ({"from": "2026-06-21T01:59:00Z"}, True),
        ({"from": "2026-01-01", "to": "2026-06-20T22:00:00Z"}, False),  # ends as the work begins
        ({"from": "2026-01-01", "to": "2026-06-20T22:01:00Z"}, True),
    ],
)
def test_only_agreements_in_force_in_the_window_are_hit(valid: dict[str, str], is_hit: bool) -> None:
    agreement = AGREEMENT.model_copy(update={"valid": Validity.model_validate(valid)})
    assert bool(hit(("vpn-0042",), agreements=(agreement,))) == is_hit


def test_the_window_of_the_example_is_four_hours() -> None:
    assert work().end - work().start == instant("2026-06-21T02:00:00Z") - instant("2026-06-20T22:00:00Z")


def test_an_agreement_that_is_amended_during_the_work_is_hit_once_as_it_is_when_the_work_begins() -> None:
    begins = "2026-06-21T00:30:00Z"
    planned = work(services=("vpn-0042", "vpn-0044"))
    assert planned.start < instant(begins) < planned.end
    before = AGREEMENT.model_copy(update={"valid": Validity.model_validate({"from": "2026-01-01", "to": begins})})
    amended = AGREEMENT.model_copy(
        update={"valid": Validity.model_validate({"from": begins}), "services": ("vpn-0042", "vpn-0044")}
    )
    found = affected(planned, (amended, before), planned.services)
    assert found == [(before, ("vpn-0042", "vpn-0044"))]
