# ruff: noqa: E501 - a fault is compared as the one line that it is told in
"""Faults of groups, several periods, billing days, charges, caps, claims, rights and amendments: line, field, reason."""

import pytest

from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio

GOOD = """\
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01}
    services: [a, b, c]
    objectives:
      - id: up
        group: {id: site, rule: redundant, services: [a, b], needs: 1}
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        periods: [{calendar: month, billing_day: 15}, {calendar: day, credits: []}]
        target: 99.9 %
        credits: [{days: 1, per_started: 1h, over: 4h}]
        chronic: {violations: 3, within: 3 months, right: exit}
    charge: {a: {amount: 100, currency: EUR, per: month}, site: {amount: 10, currency: EUR, per: month}}
    credit_cap: {service: 50 %, agreement: 30 %}
    claim: {within: 30d}
  - id: gold
    customer: acme
    valid: {from: 2026-06-16}
    services: [a]
    objectives:
      - id: up
        indicator: {kind: ratio, metric: calls}
        period: {calendar: month}
        target: 99 %
"""
OBJECTIVE = "agreements[0].objectives[0]"


def faults(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_portfolio(text, "a.yaml")
    return [str(fault) for fault in caught.value.faults]


def with_line(number: int, text: str) -> str:
    lines = GOOD.splitlines()
    indent = len(lines[number - 1]) - len(lines[number - 1].lstrip(" -"))
    lines[number - 1] = lines[number - 1][:indent] + text
    return "\n".join(lines)


def test_the_good_file_is_good() -> None:
    portfolio = parse_portfolio(GOOD, "a.yaml")
    assert [o.id for o in portfolio.agreements[0].promises] == ["up@month-15", "up@day"]
    assert portfolio.agreements[0].validity[1] == portfolio.agreements[1].validity[0]


@pytest.mark.parametrize(
    ("line", "text", "fault"),
    [
        (8, "group: {id: site, rule: most}", f"{OBJECTIVE}.group.rule: 'most' is not all, any, mean or redundant"),
        (8, "group: {rule: all}", f"{OBJECTIVE}.group.id: is missing"),
        (8, "group: {id: site, rule: all, servces: [a, b]}", f"{OBJECTIVE}.group.servces: unknown field (did you mean services?); allowed: id, rule, services, needs"),
        (8, "group: {id: site, rule: all, needs: 2}", f"{OBJECTIVE}.group.needs: belongs to rule: redundant"),
        (8, "group: {id: site, rule: redundant, needs: 0}", f"{OBJECTIVE}.group.needs: 0 is less than 1"),
        (8, "group: {id: site, rule: redundant, needs: 4}", f"{OBJECTIVE}.group.needs: must be at most 3, the number of services"),
        (8, "group: {id: site, rule: redundant, services: [a, b], needs: 3}", f"{OBJECTIVE}.group.needs: must be at most 2, the number of services"),
        (8, "group: {id: site, rule: all, services: [a]}", f"{OBJECTIVE}.group.services: a group has at least two"),
        (8, "group: {id: site, rule: all, services: [a, d]}", f"{OBJECTIVE}.group.services: unknown service 'd'; the agreement has a, b, c"),
        (8, "group: {id: site, rule: all, services: {a: 1, b: 2}}", f"{OBJECTIVE}.group.services: weights belong to rule: mean"),
        (8, "group: {id: site, rule: mean, services: {a: 1, b: 0}}", f"{OBJECTIVE}.group.services.b: 0 is less than 1"),
        (8, "group: {id: c, rule: all, services: [a, b]}", f"{OBJECTIVE}.group.id: 'c' is a service; the group needs a name of its own"),
        (10, "periods: [{calendar: month, billing_day: 32}]", f"{OBJECTIVE}.periods[0].billing_day: 32 is more than 31"),
        (10, "periods: [{calendar: month, billing_day: 0}]", f"{OBJECTIVE}.periods[0].billing_day: 0 is less than 1"),
        (10, "periods: [{calendar: week, billing_day: 15}]", f"{OBJECTIVE}.periods[0].billing_day: belongs to calendar: month"),
        (10, "periods: [{calendar: month}, {calendar: month}]", f"{OBJECTIVE}.periods[1]: an earlier one is month too"),
        (10, "periods: []", f"{OBJECTIVE}: give either period, or several in periods"),
        (10, "periods: [{calendar: day}, {rolling: 28d, credits: [{below: 99 %, share: 1 %}]}]", f"{OBJECTIVE}.periods[1].credits: need a calendar period, for a rolling one never ends"),
        (10, "periods: [{calendar: day, targt: 99 %}]", f"{OBJECTIVE}.periods[0].targt: unknown field (did you mean target?); allowed: calendar, rolling, billing_day, target, warning, credits"),
        (12, "credits: [{days: 0, per_started: 1h}]", f"{OBJECTIVE}.credits[0].days: must be more than 0 and at most 366"),
        (12, "credits: [{days: 1, per_started: 0h}]", f"{OBJECTIVE}.credits[0]: a duration must be longer than zero"),
        (13, "chronic: {violations: 0, within: 3 months}", f"{OBJECTIVE}.chronic.violations: 0 is less than 1"),
        (13, "chronic: {violations: 3, within: 90d}", f"{OBJECTIVE}.chronic.within: '90d' is not a number of months such as \"3 months\" or \"1 year\", up to 10 years"),
        (13, "chronic: {violations: 3}", f"{OBJECTIVE}.chronic.within: is missing"),
        (14, "charge: {a: {amount: 100, currency: EUR, per: fortnight}}", "agreements[0].charge.a.per: 'fortnight' is not day, week, month, quarter or year"),
        (14, "charge: {a: {amount: 100, currency: EUR, per: month}, b: {amount: 100, currency: EUR}}", "agreements[0].charge: all charges of an agreement are per the same period"),
        (14, "charge: {sites: {amount: 100, currency: EUR}}", "agreements[0].charge: unknown service 'sites'; the agreement has a, b, c"),
        (15, "credit_cap: {agreement: 130 %}", "agreements[0].credit_cap.agreement: '130 %': a share must lie between 0 % and 100 %"),
        (15, "credit_cap: {contract: 30 %}", "agreements[0].credit_cap.contract: unknown field; allowed: service, agreement"),
        (16, "claim: {within: 0d}", "agreements[0].claim.within: '0d': a duration must be longer than zero"),
        (16, "claim: {}", "agreements[0].claim.within: is missing"),
        (19, "valid: {from: 2026-01-01}", "agreements: 'gold' stands twice"),
        (18, "customer: other", "agreements: 'gold' stands for 'acme' and for 'other'"),
        (4, "valid: {from: 2026-01-01, to: 2026-07-01}", "agreements: 'gold' is amended from 2026-06-16T00:00:00Z, but what it amends is valid until 2026-07-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_field_and_what_is_allowed(line: int, text: str, fault: str) -> None:
    told = faults(with_line(line, text))
    assert [one.partition(": ")[2] for one in told] == [fault]
    elsewhere = {
        "agreements: 'gold' stands twice": 17,
        "agreements: ": 1,
        f"{OBJECTIVE}: ": 7,
        f"{OBJECTIVE}.chronic: ": 13,
    }
    line = next((at for field, at in elsewhere.items() if fault.startswith(field)), line)
    assert told[0].startswith(f"a.yaml:{line}: ")


def test_what_a_period_comes_to_in_the_end_is_for_the_calendar_periods_alone() -> None:
    text = GOOD.replace("{calendar: day, credits: []}", "{rolling: 28d}")
    month, rolling = parse_portfolio(text, "a.yaml").agreements[0].promises
    assert (bool(month.credits), bool(month.chronic)) == (True, True)
    assert (rolling.id, rolling.credits, rolling.chronic) == ("up@28d", (), ())
    assert faults(with_line(10, "periods: [{rolling: 28d}]")) == [
        f"a.yaml:12: {OBJECTIVE}.credits: need a calendar period, for a rolling one never ends"
    ]


def test_a_group_that_is_weighed_has_no_runs() -> None:
    text = GOOD.replace("rule: redundant, services: [a, b], needs: 1", "rule: mean").replace(
        '">= 1"}', '">= 1", recovery: 2}'
    )
    assert faults(text) == [
        f"a.yaml:9: {OBJECTIVE}.indicator.recovery: does not go with a group of rule mean, whose slots are shares"
    ]


def test_a_group_of_slots_needs_slots_that_are_good_or_bad() -> None:
    text = with_line(9, "indicator: {kind: ratio, metric: calls}").replace(
        "days: 1, per_started: 1h, over: 4h", "below: 99 %, share: 10 %"
    )
    assert faults(text) == [
        f"a.yaml:8: {OBJECTIVE}.group: the rules mean and redundant need an indicator of kind availability"
    ]


def test_a_group_has_the_same_services_wherever_it_stands() -> None:
    second = """\
      - id: second
        group: {id: site, rule: all, services: [a, c]}
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: day}
        target: 99 %
"""
    text = GOOD.replace("    charge:", second + "    charge:", 1)
    assert faults(text) == ["a.yaml:15: agreements[0].objectives[1].group.id: 'site' names other services before"]
    assert parse_portfolio(text.replace("services: [a, c]}", "services: [b, a]}"), "a.yaml")
