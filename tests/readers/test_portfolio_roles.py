"""A portfolio whose agreements promise to tell somebody whom it does not have."""

import pytest

from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio

PORTFOLIO = """agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [line-1]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
    notices:
      violation: {within: 15m, to: [customer.noc, account-manager]}
customers:
  - {id: acme, name: Acme, contacts: {noc: [{email: noc@acme.example}]}}
provider:
  {id: carrier, name: Carrier, contacts: {account-manager: [{email: am@carrier.example}]}}
"""


@pytest.mark.parametrize(
    ("wrong", "right", "party", "has"),
    [
        ("customer.nok", "customer.noc", "acme", "noc"),
        ("acount-manager", "account-manager", "carrier", "account-manager"),
    ],
)
def test_a_role_that_nobody_has_is_a_fault_with_its_line(wrong, right, party, has):
    with pytest.raises(InputError) as raised:
        parse_portfolio(PORTFOLIO.replace(f"[{right}", f"[{wrong}").replace(f", {right}]", f", {wrong}]"), "p.yaml")
    assert str(raised.value) == (
        f"p.yaml:12: agreements[0].notices.violation.to: {wrong!r} is no role of {party}; its contacts have: {has}"
    )


def test_who_is_not_described_is_not_checked():
    alone = PORTFOLIO[: PORTFOLIO.index("customers:")]
    assert parse_portfolio(alone, "p.yaml").agreements[0].notices.violation is not None
