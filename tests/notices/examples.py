"""A provider, a customer and a case for the tests of notices."""

from collections.abc import Mapping
from typing import Any

import yaml

from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.parties import Party
from upheld.agreements.units import parse_instant
from upheld.cases.model import Case
from upheld.maintenance.model import Maintenance

PORTFOLIO = Portfolio.model_validate(
    yaml.safe_load("""
provider:
  id: north
  name: Northern Networks
  time_zone: UTC
  contacts:
    account-manager: [{email: account@north.example}]
customers:
  - id: acme
    name: Acme & Söhne GmbH
    time_zone: Europe/Berlin
    contacts:
      noc:
        - {email: noc@acme.example}
        - {webhook: "https://hooks.acme.example/sla", secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
agreements:
  - id: acme-vpn-gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: "2026-01-01"}
    services: [vpn-0042, vpn-0043]
    objectives:
      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
        warning: {budget_spent: 75 %}
        credits: [{below: 99.9 %, share: 10 %}]
      - id: latency
        indicator: {kind: aggregate, metric: rtt_ms, aggregate: p95}
        period: {calendar: day}
        target: "<= 40"
      - id: requests
        indicator: {kind: ratio, metric: http_requests}
        period: {rolling: 28d}
        target: 99.5 %
    charge: {vpn-0042: {amount: "1200.00", currency: EUR}}
    notices:
      violation: {within: 15m, to: [customer.noc, account-manager]}
      degradation: {within: 30m, to: [account-manager]}
      maintenance: {lead_time: 10d, reminder: 1d, to: [customer.noc]}
    confirmation: {to: [customer.noc], remind_after: 1d, close_after: 3d}
""")
)
AGREEMENT: Agreement = PORTFOLIO.agreements[0]
CUSTOMER: Party = PORTFOLIO.customers[0]
assert PORTFOLIO.provider is not None
PROVIDER: Party = PORTFOLIO.provider


def instant(text: str) -> int:
    return parse_instant(text)


def verdict(**changes: Any) -> Mapping[str, Any]:
    """June 2026 in Berlin, broken by an outage of 44 minutes of which 43 are allowed."""
    return {
        "agreement": "acme-vpn-gold",
        "objective": "availability",
        "service": "vpn-0042",
        "customer": "acme",
        "period_start": "2026-05-31T22:00:00Z",
        "period_end": "2026-06-30T22:00:00Z",
        "status": "violated",
        "final": False,
        "attained": "0.969444444444",
        "good": 1396,
        "bad": 44,
        "missing": 0,
        "excluded": 0,
        "budget": "43.2",
        "spent": "44",
        "at_risk_at": "2026-06-01T22:33:00Z",
        "violated_at": "2026-06-01T22:44:00Z",
        "credit": None,
        "evidence": [
            {"start": "2026-06-01T22:00:00Z", "end": "2026-06-01T22:44:00Z", "kind": "bad", "reason": ""},
            {
                "start": "2026-06-03T00:00:00Z",
                "end": "2026-06-03T02:00:00Z",
                "kind": "excluded",
                "reason": "customer_cause",
            },
        ],
        "agreement_version": 1,
        "version": 1,
        "relative_error": None,
        "claim_by": None,
        "consequences": [],
    } | changes


def case(**changes: Any) -> Case:
    return Case(
        **{
            "id": "case-7f3a",
            "kind": "violation",
            "state": "acting",
            "agreement": "acme-vpn-gold",
            "objective": "availability",
            "service": "vpn-0042",
            "customer": "acme",
            "period_start": parse_instant("2026-05-31T22:00:00Z"),
            "opened_at": parse_instant("2026-06-01T22:33:00Z"),
            "verdict": verdict(),
            "seq": 5,
        }
        | changes
    )


def work(**changes: Any) -> Maintenance:
    return Maintenance(
        **{
            "id": "chg-2026-118",
            "title": "Exchange of the line card in Bremen-2",
            "start": parse_instant("2026-06-20T22:00:00Z"),
            "end": parse_instant("2026-06-21T02:00:00Z"),
            "services": ("vpn-0042", "vpn-0043"),
            "approved_by": "M. Lange",
            "planned_at": parse_instant("2026-06-01T08:00:00Z"),
            "description": "The card of slot 4 is replaced. Traffic moves to the second path for most of the time.",
        }
        | changes
    )


def link(contact: str) -> str:
    return f"https://sla.north.example/confirm/token-of-{contact.replace('/', '-')}"
