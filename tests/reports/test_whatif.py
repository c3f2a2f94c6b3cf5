"""What a changed agreement would have made of the same past: differences, notices, sums, and the page that shows it."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from upheld.agreements.units import MINUTE, parse_instant
from upheld.assessment.verdict import Credit, Verdict
from upheld.readers.portfolio import parse_portfolio
from upheld.reports.whatif import compare, notices_of, to_document
from upheld.reports.whatif_page import whatif_page
from upheld.reports.whatif_table import difference, summary

AGREEMENTS = """\
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-01-01}
    services: [vpn, lan]
    objectives:
      - id: up
        indicator: {kind: availability, metric: reachable, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
    notices:
      violation: {within: 15m, to: [customer.noc, account-manager, customer.noc]}
      degradation: {to: [account-manager]}
"""
BEFORE = parse_portfolio(AGREEMENTS, "a.yaml")
QUIET = parse_portfolio(AGREEMENTS[: AGREEMENTS.index("    notices:")], "b.yaml")
JUNE, JULY, AUGUST = (parse_instant(f"2026-{month:02}-01T00:00:00+02:00") for month in (6, 7, 8))
AT = parse_instant("2026-06-10T12:00:00Z")


def verdict(service="vpn", start=JUNE, end=JULY, status="met", credit=None, **fields):
    return Verdict(
        agreement="gold",
        objective="up",
        service=service,
        customer="acme",
        period_start=start,
        period_end=end,
        status=status,
        final=True,
        attained="0.9995",
        good=43178,
        bad=22,
        missing=0,
        excluded=0,
        budget="43.2",
        spent="22",
        at_risk_at=fields.get("at_risk_at"),
        violated_at=fields.get("violated_at"),
        credit=None if credit is None else Credit(Decimal(credit), "EUR"),
        evidence=(),
    )


def violated(at=AT, credit="120.00", **fields):
    return verdict(status="violated", violated_at=at, credit=credit, **fields)


def test_nothing_differs_between_the_same():
    found = compare(BEFORE, BEFORE, [verdict(), violated(service="lan")], [verdict(), violated(service="lan")])
    assert not found.differs
    assert found.alike == 2
    assert summary(found) == "no difference in 2 verdicts"


def test_a_verdict_that_differs_is_told_with_both_sides():
    found = compare(BEFORE, BEFORE, [verdict(), verdict(service="lan")], [violated(), verdict(service="lan")])
    (change,) = found.changes
    assert (change.before.status, change.after.status) == ("met", "violated")
    assert found.alike == 1
    assert summary(found) == "1 of 2 verdicts differs; notices: 2 new"


def test_a_period_of_only_one_side_is_a_difference():
    week = verdict(end=JUNE + 7 * 24 * 60 * MINUTE)
    found = compare(BEFORE, BEFORE, [verdict()], [week])
    assert [(c.before is None, c.after is None) for c in found.changes] == [(True, False), (False, True)]


def test_another_budget_alone_is_a_change_without_another_outcome():
    found = compare(BEFORE, BEFORE, [verdict()], [replace(verdict(), budget="21.6")])
    assert (len(found.changes), found.telling) == (1, ())
    assert summary(found) == "1 of 1 verdict differs, 1 of them in budget and soft threshold only"


def test_notices_follow_from_the_terms_and_the_instants():
    told = notices_of(BEFORE, [violated(at_risk_at=AT - MINUTE)])
    assert [(n.kind, n.role, n.at, n.due_by) for n in told] == [
        ("degradation", "account-manager", AT - MINUTE, None),
        ("violation", "customer.noc", AT, AT + 15 * MINUTE),
        ("violation", "account-manager", AT, AT + 15 * MINUTE),
    ]


def test_what_is_at_risk_and_violated_at_once_is_told_as_a_violation_only():
    assert {n.kind for n in notices_of(BEFORE, [violated(at_risk_at=AT)])} == {"violation"}


def test_without_notice_terms_nobody_is_told():
    assert notices_of(QUIET, [violated(at_risk_at=AT - MINUTE)]) == []


def test_an_amendment_tells_by_the_terms_that_were_valid_then():
    amended = AGREEMENTS + AGREEMENTS.removeprefix("agreements:\n").replace("2026-01-01", "2026-06-10").replace(
        "within: 15m", "within: 1h"
    )
    portfolio = parse_portfolio(amended, "a.yaml")
    assert {n.due_by - n.at for n in notices_of(portfolio, [violated()])} == {60 * MINUTE}
    early = parse_instant("2026-06-09T00:00:00Z")
    assert {n.due_by - n.at for n in notices_of(portfolio, [violated(at=early)])} == {15 * MINUTE}


def test_a_notice_at_another_time_is_moved_and_not_new():
    found = compare(BEFORE, BEFORE, [violated()], [violated(at=AT - 5 * MINUTE)])
    assert (found.new_notices, found.lost_notices) == ((), ())
    assert [(one.at, other.at) for one, other in found.moved_notices] == [(AT, AT - 5 * MINUTE)] * 2


def test_notices_that_are_no_longer_promised_are_gone():
    found = compare(BEFORE, QUIET, [violated()], [violated()])
    assert found.changes == ()
    assert [n.role for n in found.lost_notices] == ["account-manager", "customer.noc"]
    assert found.differs


def test_sums_are_by_month_of_the_agreements_zone_and_add_up():
    before = [violated(), violated(service="lan", start=JULY, end=AUGUST, at=AT + 30 * 24 * 60 * MINUTE)]
    after = [verdict(), violated(service="lan", start=JULY, end=AUGUST, at=AT + 30 * 24 * 60 * MINUTE, credit="300.50")]
    found = compare(BEFORE, BEFORE, before, after)
    assert [m.label for m in found.months] == ["2026-06", "2026-07"]
    june, july = found.months
    assert (june.before.credits["EUR"], june.after.credits.get("EUR")) == (Decimal("120.00"), None)
    assert (july.before.credits["EUR"], july.after.credits["EUR"]) == (Decimal("120.00"), Decimal("300.50"))
    assert (june.before.notices, june.after.notices) == (2, 0)
    assert found.total.before.credits["EUR"] == Decimal("240.00")
    assert (found.total.before.statuses["violated"], found.total.after.statuses["violated"]) == (2, 1)


def test_few_days_are_shown_one_by_one():
    day = 24 * 60 * MINUTE
    days = [verdict(start=JUNE + n * day, end=JUNE + (n + 1) * day) for n in range(3)]
    found = compare(BEFORE, BEFORE, days, days)
    assert [pair.label for pair in found.bars] == ["2026-06-01", "2026-06-02", "2026-06-03"]
    assert [pair.label for pair in found.months] == ["2026-06"]


def test_the_document_has_exact_figures():
    found = to_document(compare(BEFORE, BEFORE, [verdict()], [violated()]), JULY)
    assert found["as_of"] == "2026-06-30T22:00:00Z"
    assert found["total"]["after"] == {
        "met": 0, "at_risk": 0, "violated": 1, "no_data": 0, "notices": 2, "credits": {"EUR": "120.00"},
    }  # fmt: skip
    (changed,) = found["verdicts"]
    assert changed["before"]["credit"] is None
    assert changed["after"]["credit"] == {"amount": "120.00", "currency": "EUR"}
    assert changed["after"]["violated_at"] == "2026-06-10T12:00:00Z"
    assert found["notices"]["new"][1] == {
        "kind": "violation", "agreement": "gold", "objective": "up", "service": "vpn", "role": "customer.noc",
        "at": "2026-06-10T12:00:00Z", "due_by": "2026-06-10T12:15:00Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "text"), [("1", "1", "–"), ("1", "2.50", "+1.50"), ("1000.00", "0", "−1,000.00")]
)
def test_a_difference_has_its_sign(before, after, text):
    assert difference(Decimal(before), Decimal(after)) == text


# -- the page ---------------------------------------------------------------------------------------------------------


class _Balanced(HTMLParser):
    VOID = ("meta", "br", "rect", "line")

    def __init__(self):
        super().__init__()
        self.open, self.wrong, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def page(before, after, made=("gold/up/target=99.95 %",)):
    return whatif_page(compare(BEFORE, BEFORE, before, after), JULY, "a.yaml", made)


def drawings(html):
    return [ET.fromstring(part[: part.index("</svg>")] + "</svg>") for part in _after(html, "<svg")]


def _after(html, mark):
    return [mark + part for part in html.split(mark)[1:]]


def test_the_page_is_whole_and_without_script_or_network():
    html = page([verdict()], [violated()])
    parser = _Balanced()
    parser.feed(html)
    assert (parser.open, parser.wrong) == ([], [])
    assert "<script" not in html
    assert "http" not in html
    assert "prefers-color-scheme: dark" in html


def test_each_chart_has_a_title_a_description_and_a_table():
    html = page([verdict(), violated(service="lan")], [violated(), violated(service="lan", credit="60.00")])
    credit, violations = drawings(html)
    assert credit.find("title").text == "Credit, EUR, before and after"
    assert credit.find("desc").text == (
        "Credit, EUR by period: 120.00 before and 180.00 after in all. The largest difference is in 2026-06: "
        "120.00 before, 180.00 after."
    )
    assert violations.find("title").text == "Violations, before and after"
    assert html.count("The same as a table") == 2
    labels = credit.attrib["aria-labelledby"].split()
    assert labels == [credit.find("title").attrib["id"], credit.find("desc").attrib["id"]]


def test_bars_are_as_long_as_their_figures():
    (credit, _) = drawings(page([violated(credit="60.00")], [violated(credit="120.00")]))
    lengths = {rect.attrib["class"]: float(rect.attrib["width"].rstrip("%")) for rect in credit.iter("rect")}
    assert lengths["before"] * 2 == lengths["after"]
    assert [text.text for text in credit.iter("text")] == ["2026-06", "60.00", "120.00"]


def test_nothing_that_a_user_writes_is_markup():
    html = page([verdict()], [violated()], made=["<img src=x onerror=alert(1)>"])
    assert "<img" not in html
    assert "&lt;img" in html


def test_no_difference_has_a_page_too():
    html = page([verdict()], [verdict()])
    assert "no difference in 1 verdict." in html
    assert "<svg" not in html
