# ruff: noqa: E501 - a finding is compared as the one sentence that it is told in
"""Each rule of lint with an agreement that it finds something in, and one beside it in which it finds nothing."""

from textwrap import dedent

import pytest

from upheld.agreements.lint import RULES, lint
from upheld.agreements.units import parse_instant
from upheld.readers.portfolio import parse_portfolio

NOW = parse_instant("2026-07-01T00:00:00Z")

CLEAN = """\
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn]
    objectives:
      - id: up
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: month}
        target: 99.9 %
"""


def agreement(objective="", more="", indicator="", target="99.9 %", period="{calendar: month}"):
    """`CLEAN` with other fields of its objective and of the agreement."""
    text = CLEAN.replace("slot: 1m}", f"slot: 1m{indicator}}}").replace("99.9 %", target)
    text = text.replace("{calendar: month}", period)
    for lines, indent in ((objective, "        "), (more, "    ")):
        text += "".join(f"{indent}{line}\n" for line in dedent(lines).splitlines())
    return text


def found(text):
    return [(f.rule, f.text) for f in lint(parse_portfolio(text, "a.yaml"), NOW)]


def rules(text):
    return [rule for rule, _ in found(text)]


def test_nothing_is_found_in_a_plain_agreement():
    assert found(CLEAN) == []


CHARGED = "charge: {vpn: {amount: 100, currency: EUR}}\n"
PEOPLE = "customers: [{id: acme, name: Acme, contacts: {noc: [{email: noc@acme.example}]}}]\n"
TOLD = "notices: {credit: {within: 1h, to: [customer.noc]}}\n"
EARNED = "credits: [{below: 99.9 %, share: 25 %}]"
WEEKDAYS = 'service_hours: {mon-fri: "08:00-18:00"}\n'

CASES = {
    # 0.001 % of 25 h (the day on which the clock is set back) of 1 min = 1,500 slots: 0.015 of a slot.
    # One slot of s ms: 86,400,000 x (25/24) x 0.00001 = 900 ms; the longest divisor of a day up to it is 900 ms.
    "unmeasurable-target": (
        agreement(target="99.999 %", period="{calendar: day}"),
        agreement(target="99.999 %", indicator="", period="{calendar: quarter}"),
        "99.999 % of a day allows 0.015 of 1,500 slots of 1m: less than one, so that a single bad slot breaks it; "
        "slots of 900ms or less can",
    ),
    # 99.9 % of a day of up to 1,500 slots allows 1.5: 75 % of it, 1.125, is spent at slot 2, which breaks the target.
    "warning-never-first": (
        agreement("warning: {budget_spent: 75 %}", period="{calendar: day}"),
        agreement("warning: {budget_spent: 75 %}"),
        "99.9 % of a day allows 1.5 bad slots: the warning is crossed at slot 2, the target is broken at slot 2; "
        "it is at risk and violated at once",
    ),
    # At a target of 90 % an outage burns 1 / 10 % = 10 times too fast at most.
    "burn-rate-out-of-reach": (
        agreement("warning: {burn_rate: {rate: 14.4, long: 1h, short: 5m}}", target="90 %"),
        agreement("warning: {burn_rate: {rate: 10, long: 1h, short: 5m}}", target="90 %"),
        "with a target of 90 % an outage without a break burns 10 times too fast, never 14.4 times",
    ),
    # 14.4 x 3 days = 43.2 days of a budget made for 28: 154.2 %.
    "burn-rate-too-late": (
        agreement("warning: {burn_rate: {rate: 14.4, long: 3d, short: 5m}}", period="{rolling: 28d}"),
        agreement("warning: {burn_rate: {rate: 14.4, long: 1d, short: 5m}}", period="{rolling: 28d}"),
        "3d at 14.4 times use up 154.2 % of the budget: it is broken before the whole long window burns so fast",
    ),
    "never-clears": (
        agreement("warning: {budget_spent: 50 %, clear_after: 10080}", period="{rolling: 7d}", target="99 %"),
        agreement("warning: {budget_spent: 50 %, clear_after: 10079}", period="{rolling: 7d}", target="99 %"),
        "10,080 slots of 1m are not shorter than the period of 7d: what is at risk stays so to its end",
    ),
    # 0.1 % of a month of up to 31 x 1,440 + 60 = 44,700 slots: 44.7.
    "run-longer-than-budget": (
        agreement(indicator=", consecutive: 45"),
        agreement(indicator=", consecutive: 44"),
        "a run counts from 45 slots on, and 99.9 % of a month allows 44.7 bad ones: the first run that counts breaks it",
    ),
    # Of 23 to 25 slots of an hour 0, 1 or 2 are bad: 100 %, 95.6 to 96 %, 91.3 to 92 %; nothing from 93 to 95 %.
    "tier-out-of-reach": (
        agreement(
            "credits: [{below: 96 %, share: 5 %}, {below: 95 %, share: 10 %}, {below: 93 %, share: 20 %}]", CHARGED, target="96 %",
            period="{calendar: day}",
        ).replace("slot: 1m", "slot: 1h"),
        agreement(
            "credits: [{below: 96 %, share: 5 %}, {below: 93 %, share: 10 %}]", CHARGED, target="96 %",
            period="{calendar: day}",
        ).replace("slot: 1m", "slot: 1h"),
        "no number of bad slots attains 93 % to below 95 %: one of 25 slots is already 4 %",
    ),
    "tier-behind-cap": (
        agreement(
            "credits: [{below: 99.9 %, share: 25 %}, {below: 99 %, share: 50 %}]", CHARGED + "credit_cap: 25 %\n"
        ),
        agreement(
            "credits: [{below: 99.9 %, share: 24 %}, {below: 99 %, share: 50 %}]", CHARGED + "credit_cap: 25 %\n"
        ),
        "gives 50 %, but a milder tier already reaches the cap of 25 %",
    ),
    "miss-without-credit": (
        agreement("credits: [{below: 99 %, share: 25 %}]", CHARGED),
        agreement("credits: [{below: 99.9 %, share: 25 %}]", CHARGED),
        "a period from 99 % to below 99.9 % misses the target and earns no credit",
    ),
    "credit-without-miss": (
        agreement("credits: [{below: 99.95 %, share: 25 %}]", CHARGED),
        agreement("credits: [{below: 99.9 %, share: 25 %}]", CHARGED),
        "a period from 99.9 % to below 99.95 % meets the target and earns a credit of 25 %",
    ),
    "no-charge": (
        agreement("credits: [{below: 99.9 %, share: 25 %}]"),
        agreement("credits: [{below: 99.9 %, share: 25 %}]", CHARGED),
        "promises credits, but nothing is charged for vpn: there is nothing that they are a share of",
    ),
    "claim-before-final": (
        agreement("credits: [{below: 99.9 %, share: 25 %}]", CHARGED + TOLD + "claim: {within: 1d}\nlateness: 2d\n") + PEOPLE,
        agreement("credits: [{below: 99.9 %, share: 25 %}]", CHARGED + TOLD + "claim: {within: 3d}\nlateness: 2d\n") + PEOPLE,
        "a credit can be claimed for 1d after its period, but its verdict is final only after 2d",
    ),
    "right-out-of-reach": (
        agreement("chronic: {violations: 4, within: 3 months, right: exit}"),
        agreement("chronic: {violations: 3, within: 3 months, right: exit}"),
        "the right to exit needs 4 violated periods, and only 3 end within 3 months",
    ),
    "notice-before-slot": (
        agreement(more="notices: {violation: {within: 30s, to: [customer.noc]}}") + PEOPLE,
        agreement(more="notices: {violation: {within: 1m, to: [customer.noc]}}") + PEOPLE,
        "notices.violation is due 30s after the event, but what happens in a slot of 1m is known only when it has ended",
    ),
    "reminder-before-announcement": (
        agreement(more="notices: {maintenance: {lead_time: 1d, reminder: 2d, to: [customer.noc]}}") + PEOPLE,
        agreement(more="notices: {maintenance: {lead_time: 10d, reminder: 2d, to: [customer.noc]}}") + PEOPLE,
        "reminds 2d before the work, when it need not be announced before 1d",
    ),
    "lead-time-beyond-validity": (
        agreement(more="notices: {maintenance: {lead_time: 365d, to: [customer.noc]}}").replace(
            "{from: 2026-01-01}", "{from: 2026-01-01, to: 2027-01-01}"
        )
        + PEOPLE,
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc]}}").replace(
            "{from: 2026-01-01}", "{from: 2026-01-01, to: 2027-01-01}"
        )
        + PEOPLE,
        "work is to be announced 365d before, and the agreement is valid for 365d: no work can earn its exclusion",
    ),
    "emergency-no-shorter": (
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc], emergency: {lead_time: 10d}}}") + PEOPLE,
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc], emergency: {lead_time: 4h}}}") + PEOPLE,
        "emergency work is to be announced 10d before, and other work 10d: an emergency is judged no easier",
    ),
    "no-window-a-month": (
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc], per_month: 0}}") + PEOPLE,
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc], per_month: 1}}") + PEOPLE,
        "allows no window in a month: no work can earn its exclusion",
    ),
    "maintenance-counts": (
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc]}}\nexclusions: [force_majeure]")
        + PEOPLE,
        agreement(more="notices: {maintenance: {lead_time: 10d, to: [customer.noc]}}\nexclusions: [planned_maintenance]")
        + PEOPLE,
        "planned work is announced, but exclusions: do not admit planned_maintenance: it counts as bad",
    ),
    "no-cut-short": (
        agreement(more="confirmation: {close_after: 3d, reopen_within: 2d}") + PEOPLE,
        agreement(more="confirmation: {close_after: 3d, reopen_within: 3d}") + PEOPLE,
        "the customer has 3d to answer, but once one contact has said yes the no of another counts for 2d only",
    ),
    "validity-ended": (
        CLEAN.replace("{from: 2026-01-01}", "{from: 2026-01-01, to: 2026-07-01}"),
        CLEAN.replace("{from: 2026-01-01}", "{from: 2026-01-01, to: 2026-07-02}"),
        "is valid until 2026-07-01T00:00:00Z only: nothing is assessed from then on",
    ),
    "nobody-to-tell": (
        agreement(more="notices: {violation: {within: 1h, to: [customer.noc]}}"),
        agreement(more="notices: {violation: {within: 1h, to: [customer.noc]}}") + PEOPLE,
        "notices.violation are for customer.noc, but customer acme is not described: they go nowhere",
    ),
    "credit-untold": (
        agreement(EARNED, CHARGED + "claim: {within: 3d}\n"),
        agreement(EARNED, CHARGED + TOLD + "claim: {within: 3d}\n") + PEOPLE,
        "credits must be claimed within 3d, and notices.credit tells no role of the customer that there is one",
    ),
    "credit-told-late": (
        agreement(EARNED, CHARGED + TOLD.replace("1h", "3d") + "claim: {within: 3d}\n") + PEOPLE,
        agreement(EARNED, CHARGED + TOLD.replace("1h", "2d") + "claim: {within: 3d}\n") + PEOPLE,
        "notices.credit is due 3d after the verdict is final, when a credit must be claimed within 3d after the period",
    ),
    "credit-notice-without-credit": (
        agreement(more=TOLD) + PEOPLE,
        agreement(EARNED, CHARGED + TOLD) + PEOPLE,
        "notices.credit promises to tell of credits, and no objective has any",
    ),
}  # fmt: skip


def test_every_rule_has_its_case():
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_it_is_for(rule):
    faulty, _, text = CASES[rule]
    assert found(faulty) == [(rule, text)]


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_nothing_next_to_it(rule):
    assert rules(CASES[rule][1]) == []


def test_service_hours_leave_fewer_slots():
    # 10 h on 5 days: 600 slots a day; a week allows 0.01 % of 3,000 slots.
    text = agreement(target="99.99 %", period="{calendar: week}", more=WEEKDAYS)
    assert found(text) == [
        (
            "unmeasurable-target",
            "99.99 % of a week allows 0.3 of 3,000 slots of 1m: less than one, so that a single bad slot breaks it; "
            "slots of 18s or less can",
        )
    ]


def test_an_amended_agreement_has_not_ended():
    other = CLEAN.removeprefix("agreements:\n").replace("2026-01-01", "2026-06-01")
    assert rules(CLEAN + other) == []


def test_a_softer_target_may_be_crossed_only_with_the_hard_one():
    # 99.9 % of 1,500 slots allows 1, 99.95 % none: slot 1 crosses the warning, slot 2 breaks the target; on 99.91 %
    # both are slot 2.
    day = "{calendar: day}"
    assert rules(agreement("warning: {target: 99.95 %}", period=day)) == []
    assert rules(agreement("warning: {target: 99.91 %}", period=day)) == ["warning-never-first"]


def test_a_first_time_tier_behind_the_budget_leaves_a_miss_without_credit():
    # 99.9 % of 28 to 31 days of 1 min allows 40 to 44 min: 45 min break it.
    def tier(limit):
        return agreement(f"credits: [{{over: {limit}, share: 5 %}}]", CHARGED)

    assert found(tier("4h")) == [
        (
            "miss-without-credit",
            "45m of bad time miss the target and earn no credit: the first tier begins at 4h",
        )
    ]
    assert found(tier("30m")) == [
        ("credit-without-miss", "40m of bad time meet the target and earn a credit of 5 %"),
    ]
    assert found(tier("44m")) == []


def test_a_finding_says_where_it_stands():
    text = agreement(
        "warning: {burn_rate: [{rate: 2, long: 1h, short: 5m}, {rate: 20, long: 1h, short: 5m}]}", target="90 %"
    )
    (finding,) = lint(parse_portfolio(text, "a.yaml"), NOW)
    assert finding.path == ("agreements", 0, "objectives", 0, "warning", "burn_rate", 1, "rate")


def test_one_of_several_periods_is_found_where_it_stands():
    text = CLEAN.replace("period: {calendar: month}", "periods: [{calendar: month}, {calendar: day, target: 99.999 %}]")
    (finding,) = lint(parse_portfolio(text, "a.yaml"), NOW)
    assert (finding.objective, finding.rule) == ("up@day", "unmeasurable-target")
    assert finding.path == ("agreements", 0, "objectives", 0, "periods", 1, "target")


def test_the_mean_of_a_group_can_be_bad_in_part():
    text = agreement("group: {id: both, rule: mean}", target="99.999 %", period="{calendar: day}")
    assert rules(text.replace("[vpn]", "[vpn, lan]")) == []
    assert rules(text.replace("[vpn]", "[vpn, lan]").replace("mean", "redundant")) == ["unmeasurable-target"]
