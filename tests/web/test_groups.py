"""A group, its claim, its rights and an amendment as the pages and the notices tell them."""

import json
import mailbox
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from a_morning import DEFAULT_TENANT, World, text_of

from upheld.agreements.model import Portfolio
from upheld.agreements.units import DAY, MINUTE, parse_instant
from upheld.ports import VerdictFilter
from upheld.readers.portfolio import parse_portfolio
from upheld.web import standing, words

SOURCE = """
provider: {id: northern, name: Northern Networks}
customers:
  - id: acme
    name: Acme Logistics GmbH
    contacts: {noc: [{email: noc@acme.example}], desk: [{email: desk@acme.example}]}
agreements:
  - id: twin
    customer: acme
    valid: {from: 2026-01-01}
    services: [path-a, path-b]
    objectives:
      - id: connected
        group: {id: site-7, rule: redundant, needs: 1}
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: day}
        target: 99.5 %
        credits: [{below: 99.5 %, share: 10 %}]
        chronic: {violations: 1, within: 1 month, right: exit}
      - id: each
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        periods:
          - {calendar: month, billing_day: 15}
          - {rolling: 7d}
        target: 50 %
    charge: {path-a: {amount: 300, currency: EUR, per: month}, path-b: {amount: 200, currency: EUR, per: month}}
    credit_cap: {service: 50 %, agreement: 20 %}
    claim: {within: 30d}
    notices: {violation: {within: 15m, to: [customer.noc]}}
"""
AMENDMENT = """
  - id: twin
    customer: acme
    valid: {from: 2026-06-02T12:00:00Z}
    services: [path-a, path-b]
    objectives:
      - id: connected
        group: {id: site-7, rule: redundant, needs: 2}
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: day}
        target: 99.5 %
    notices: {violation: {within: 15m, to: [customer.desk]}}
"""


def adopt(world: World, source: str) -> Portfolio:
    portfolio = parse_portfolio(source, "portfolio.yaml")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, portfolio)
    return portfolio


@pytest.fixture
def site(tmp_path: Path) -> Iterator[World]:
    """Both paths of the site have been down for ten minutes, in a day that allows 7.2."""
    world = World(tmp_path / "site")
    adopt(world, SOURCE)
    for _ in range(10):
        tell(world, 0.0, 0.0)
    yield world
    world.close()


def tell(world: World, path_a: float, path_b: float) -> None:
    world.deliver(DEFAULT_TENANT, "path-a", "up", 1, path_a)
    world.deliver(DEFAULT_TENANT, "path-b", "up", 1, path_b)
    world.clock.at += MINUTE
    world.run()


def mails(world: World, to: str) -> list[str]:
    found = [m for m in mailbox.Maildir(str(world.directory / "mail")) if to in m["To"]]
    bodies = [next(p for p in m.walk() if p.get_content_type() == "text/plain").get_payload(decode=True) for m in found]
    return [b.decode() for b in bodies if isinstance(b, bytes)]


def test_the_agreement_tells_of_its_group_with_the_group_s_verdicts(site: World) -> None:
    text = text_of(site.operator().get("/agreements/twin").text)
    assert "site-7 a group of services" in text
    assert "Of all services of the agreement at least 1 must be good: only with fewer is site-7 down." in text
    assert "path-a 300 EUR a month" in text
    assert "Credits of one service in one month reach at most 50 % of its charge." in text
    assert "All credits of one month together reach at most 20 % of the charges of all services." in text
    assert "A credit is paid where it is claimed within 30 days after the period’s end." in text
    assert "1 violated period within 1 month give the right: exit." in text
    assert "Exit: violated once within 1 month: 2026-06-01" in text
    assert "each@month-15: at least 50 %" in text
    assert "15 May to 14 Jun 2026" in text
    assert "each@7d: at least 50 %" in text


def test_the_case_of_a_group_names_who_was_down_and_the_right(site: World) -> None:
    case = site.case("site-7")
    text = text_of(site.operator().get(f"/cases/{case.id}").text)
    assert "site-7: connected" in text
    assert "up not &gt;= 1: path-a, path-b" in text
    assert "Exit: violated once" in text
    (mail,) = [one for one in mails(site, "noc@acme.example") if "site-7" in one]
    assert "site-7 (path-a, path-b)" in mail
    assert "exit (1 violation within 1 month)" in " ".join(mail.split())


def test_the_chart_of_a_group_counts_its_members_that_are_good(site: World) -> None:
    tell(site, 1.0, 0.0)
    tell(site, 1.0, 1.0)
    page = site.operator().get(f"/cases/{site.case('site-7').id}").text
    found = re.search(r'id="chart-data">(.*?)</script>', page)
    assert found is not None
    chart = json.loads(found[1])
    assert [value for _, value in chart["points"]] == [0] * 10 + [1, 2]
    assert chart["threshold"] == {"value": 1, "label": "needs 1"}
    assert "services with a good up of site-7 from" in text_of(page)


def test_the_overview_has_a_row_for_each_promise_of_a_service_or_group(site: World) -> None:
    portfolio = parse_portfolio(SOURCE, "portfolio.yaml")
    with site.store.transaction(DEFAULT_TENANT, writing=False) as t:
        found = standing.standings(t, portfolio, site.clock.at)
    assert [(one.service, one.objective.id, one.status) for one in found] == [
        ("path-a", "each@month-15", "met"),
        ("path-a", "each@7d", "violated"),
        ("path-b", "each@month-15", "met"),
        ("path-b", "each@7d", "violated"),
        ("site-7", "connected", "violated"),
    ]
    so_far = standing.credit_so_far(found[-1].agreement, found[-1].objective, found[-1].verdict)  # type: ignore[arg-type]
    assert so_far is not None
    assert so_far.amount == 50  # 10 % of both charges


def test_a_credit_is_shown_with_the_end_of_its_claim(site: World) -> None:
    site.clock.at += DAY
    site.run()
    text = text_of(site.operator().get("/agreements/twin").text)
    assert "50.00 EUR to be claimed by 2026-07-02 00:00 UTC" in text


def test_each_part_of_an_amended_day_is_judged_by_its_own_terms_and_told_to_its_own_contacts(site: World) -> None:
    adopt(site, SOURCE + AMENDMENT)
    site.clock.at += DAY
    site.run()
    while site.clock.at < parse_instant("2026-06-02T11:00:00Z"):
        site.clock.at += 60 * MINUTE
    site.clock.at = parse_instant("2026-06-02T11:55:00Z")
    for _ in range(25):
        tell(site, 1.0, 0.0)
    with site.store.transaction(DEFAULT_TENANT, writing=False) as t:
        verdicts = [v for v in t.verdicts(VerdictFilter(agreement="twin")) if v.service == "site-7"]
    parts = sorted((v.period_start, v.period_end, v.status, v.agreement_version) for v in verdicts)
    second, noon = parse_instant("2026-06-02T00:00:00Z"), parse_instant("2026-06-02T12:00:00Z")
    assert [p for p in parts if p[0] == noon] == [(noon, second + DAY, "violated", 2)]
    assert [p[1] for p in parts if p[0] == second] == [noon]
    assert any("site-7" in mail for mail in mails(site, "desk@acme.example"))
    page = text_of(site.operator().get("/agreements/twin").text)
    assert "Amended 2026-06-02 12:00" in page
    assert "at least 2 must be good" in page


def test_groups_in_words() -> None:
    portfolio = parse_portfolio(SOURCE, "portfolio.yaml")
    group = portfolio.agreements[0].objectives[0].group
    assert group is not None
    weighed = group.model_copy(update={"rule": "mean", "services": {"a": 3, "b": 1, "c": 1}})
    assert words.group_words(weighed) == (
        "Each slot is worth the share of a, b and c that is good, by their weights: a (3), b (1) and c (1)."
    )
    assert words.group_words(weighed.model_copy(update={"rule": "any"})).startswith("One of a, b and c must keep it")
