"""The promises that run, the one that is missed first first, and how they were kept."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from a_morning import PORTFOLIO, World, text_of

from upheld.agreements.units import HOUR, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.notices.model import Notice
from upheld.readers.portfolio import parse_portfolio
from upheld.web.promises import months


@pytest.fixture
def promised(world: World) -> World:
    """The other line is down, and is to be good again within four hours, with an update every hour."""
    handling = "    handling: {fixed_within: 4h, update_every: 1h}\n    confirmation:"
    source = PORTFOLIO.replace("    confirmation:", handling, 1)
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    world.deliver(DEFAULT_TENANT, "vpn-0043", "reachable", 10, 0.0)
    world.clock.at += 10 * MINUTE
    world.run()
    return world


def rows(page: str) -> list[str]:
    return [text_of(row) for row in re.findall(r"<tr>(.*?)</tr>", page, re.S)][1:]


def test_what_is_missed_first_stands_first(promised: World) -> None:
    operator = promised.operator()
    case = promised.case("vpn-0043")
    update, fixed = rows(operator.get("/promises").text)
    assert "in 60 min" in update or "in 1 h" in update
    assert f"Next update to the customer {case.id} vpn-0043: availability Acme Logistics GmbH" in update
    assert f"Good again {case.id}" in fixed
    assert [f"Good again {case.id}" in row for row in rows(operator.get("/promises?show=fixed").text)] == [True]
    assert len(rows(operator.get("/promises?show=update").text)) == 1


def test_a_clock_that_the_case_has_overtaken_is_not_shown(promised: World) -> None:
    promised.deliver(DEFAULT_TENANT, "vpn-0043", "reachable", 10, 1.0)
    promised.clock.at += 10 * MINUTE
    promised.run()
    assert promised.case("vpn-0043").state == "confirming"
    assert "No promise runs here." in text_of(promised.operator().get("/promises").text)


def test_notices_that_wait_are_listed_by_their_promise_page_by_page(promised: World) -> None:
    with promised.store.transaction(DEFAULT_TENANT) as t:
        for n in range(60):
            name, due = f"waits-{n:02}", promised.clock.at + (60 - n) * HOUR
            notice = Notice(
                name, "violation", "customer.noc", "email", "a@b.example", "", "", "", "recorded", 1, "acme"
            )
            t.save_notice(replace(notice, due_by=due, case_id="C-1"))
    operator = promised.operator()
    first = operator.get("/promises?show=told")
    assert (len(rows(first.text)), "in 60 min" in rows(first.text)[0] or "in 1 h" in rows(first.text)[0]) == (50, True)
    further = re.search(r'href="(/promises\?show=told&amp;after=[^"]+)" rel="next"', first.text)
    assert further is not None
    assert len(rows(operator.get(further[1].replace("&amp;", "&")).text)) == 10
    assert operator.get("/promises?show=told&after=x").status_code == 404


def test_the_performance_of_each_month_is_told_and_drawn(promised: World) -> None:
    page = promised.operator().get("/performance").text
    drawn = json.loads(re.search(r'id="months-data">(.*?)</script>', page)[1])
    assert drawn["months"][-1] == "2026-06"
    assert len(drawn["months"]) == 6
    assert drawn["series"][0]["values"][-1] == 100.0
    assert drawn["series"][0]["values"][0] is None
    newest = rows(page)[0]
    assert newest.startswith("2026-06 ")
    assert "100.0 %" in newest


def test_the_months_end_with_this_one_and_follow_each_other() -> None:
    found = list(months(1_790_000_000_000_000, 6))
    assert [name for name, _, _ in found] == ["2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09"]
    assert all(before[2] == after[1] for before, after in pairwise(found))
