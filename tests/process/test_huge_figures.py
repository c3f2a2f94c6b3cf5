"""A finite measurement of any size is assessed, told and shown; it holds up neither its own objective nor another."""

import pytest

from upheld.agreements.units import MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.measurements.model import Measurement
from upheld.readers.portfolio import parse_portfolio

PORTFOLIO = """
agreements:
  - id: acme-vpn-gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn-0042, vpn-0043]
    objectives:
      - id: level
        indicator: {kind: aggregate, metric: level, aggregate: AGGREGATE, slot: 1m}
        period: {rolling: 3m}
        target: "BOUND 40"
        warning: {target: "BOUND SOFT"}
    notices: {violation: {within: 15m, to: [customer.noc]}, degradation: {within: 15m, to: [customer.noc]}}
customers:
  - {id: acme, name: Acme GmbH, contacts: {noc: [{email: noc@acme.example}]}}
"""


@pytest.mark.parametrize(
    ("value", "aggregate", "bound", "shown"),
    [
        (1e30, "p95", "<=", "1e30"),
        (1.7e308, "p95", "<=", "1.7e308"),
        (1.7e308, "sum", "<=", "1.7e308"),
        (-1.23456e300, "mean", ">=", "-1.235e300"),
        (5e-324, "p95", ">=", "0"),
    ],
)
def test_a_figure_of_any_size_is_told(world, value, aggregate, bound, shown):
    source = PORTFOLIO.replace("AGGREGATE", aggregate).replace("BOUND", bound)
    source = source.replace("SOFT", "35" if bound == "<=" else "45")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    for _ in range(4):
        world.take(
            Measurement("vpn-0042", "level", world.clock.at, value, known_at=world.clock.at),
            Measurement("vpn-0043", "level", world.clock.at, 50.0 if bound == "<=" else 10.0, known_at=world.clock.at),
        )
        world.pass_time(MINUTE)
    assert sorted(c.service for c in world.cases()) == ["vpn-0042", "vpn-0043"]
    told = [m for m in world.mails("noc@acme.example") if "vpn-0042" in str(m["Subject"])]
    assert told
    text = next(part for part in told[0].walk() if part.get_content_type() == "text/plain")
    assert shown in text.get_payload(decode=True).decode()
