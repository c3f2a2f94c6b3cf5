# ruff: noqa: E501 - a fault is compared as the one line that it is told in
"""A faulty agreements file is refused with every fault: its line, its field, what was found and what is allowed."""

from decimal import Decimal
from textwrap import dedent

import pytest

from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio, read_portfolio

GOOD = """\
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-01-01}
    services: [vpn]
    service_hours: {mon-fri: 08:00-18:00, holidays: DE}
    objectives:
      - id: month
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: month}
        target: 99.9 %
        credits: [{below: 99.9 %, share: 10 %}]
    charge: {vpn: {amount: 1200.10, currency: EUR}}
    notices: {violation: {within: 15m, to: [customer.noc]}}
customers:
  - id: acme
    name: Acme
    contacts: {noc: [{email: noc@acme.example}]}
"""


def faults(text):
    with pytest.raises(InputError) as caught:
        parse_portfolio(text, "a.yaml")
    return str(caught.value).splitlines()


def with_line(number, text):
    lines = GOOD.splitlines()
    lines[number - 1] = lines[number - 1][: len(lines[number - 1]) - len(lines[number - 1].lstrip())] + text
    return "\n".join(lines)


def test_a_good_file_is_read_with_exact_money():
    portfolio = parse_portfolio(GOOD, "a.yaml")
    assert portfolio.agreements[0].charge["vpn"].amount == Decimal("1200.10")
    assert portfolio.agreements[0].service_hours.hours[0] == (480, 1080)


AGREEMENT_FIELDS = (
    "id, customer, time_zone, valid, service_hours, services, objectives, charge, credit_cap, claim, notices, confirmation, "
    "handling, exclusions, lateness, freeze"
)


@pytest.mark.parametrize(
    ("line", "text", "fault"),
    [
        (
            4,
            "time_zon: UTC",
            f"agreements[0].time_zon: unknown field (did you mean time_zone?); allowed: {AGREEMENT_FIELDS}",
        ),
        (
            4,
            "time_zone: CET+1",
            "agreements[0].time_zone: 'CET+1' is not an IANA time zone such as Europe/Berlin or UTC",
        ),
        (5, "valid: {}", "agreements[0].valid.from: is missing"),
        (
            5,
            "valid: {from: 2026-01-01T00:00:00}",
            "agreements[0].valid.from: 2026-01-01T00:00:00 has no time zone: write "
            "2026-06-01T00:00:00Z or 2026-06-01T00:00:00+02:00",
        ),
        (
            5,
            "valid: {from: 0001-01-01}",
            "agreements[0].valid.from: 0001-01-01 lies outside of the years 1970 to 2261",
        ),
        (
            5,
            "valid: {from: 2026-01-01, to: 9999-12-31T23:59:59+02:00}",
            "agreements[0].valid.to: 9999-12-31T23:59:59+02:00 lies outside of the years 1970 to 2261",
        ),
        (
            7,
            "service_hours: {mon-fri: 22:00-06:00}",
            "agreements[0].service_hours.mon-fri: '22:00-06:00': hours must end on the same day, up to 24:00; write two "
            "days' hours instead",
        ),
        (
            7,
            "service_hours: {mon-fri: 08:00-18:00, fri: 09:00-12:00}",
            "agreements[0].service_hours.fri: fri must stand once; it has hours already",
        ),
        (
            7,
            "service_hours: {holidays: DE}",
            "agreements[0].service_hours: names no day; give days with hours such as mon-fri: 08:00-18:00",
        ),
        (
            10,
            'indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 1ms}',
            "agreements[0].objectives[0].indicator.slot: must be at least 270ms: a period has at most 10,000,000 slots",
        ),
        (
            10,
            "indicator: {kind: ratio, metric: up, missing: bad}",
            "agreements[0].objectives[0].indicator.missing: bad needs weighting: slots, for a slot without data has no "
            "events to count",
        ),
        (
            11,
            "period: {rolling: 90s}",
            "agreements[0].objectives[0].period.rolling: must be a whole number of slots of 1m",
        ),
        (
            13,
            "credits: [{below: 99.9 %, share: 10 %}, {below: 99 %, share: 0 %}]",
            "agreements[0].objectives[0].credits[1].share: must be more than 0 %; leave the tier out",
        ),
        (
            13,
            "credits: [{over: 45d, share: 10 %}]",
            "agreements[0].objectives[0].credits: the tier at 45d can never hold, for no month is that long",
        ),
        (
            15,
            "confirmation: {remind_after: 3d}",
            "agreements[0].confirmation.remind_after: must be shorter than close_after",
        ),
        (5, "valid: {from: 2026-02-01, to: 2026-01-01}", "agreements[0].valid.to: must be later than from"),
        (6, "services: [1001]", "agreements[0].services[0]: 1001 is not text; write it in quotes"),
        (6, "services: []", "agreements[0].services: an empty list has fewer than 1 entry"),
        (6, "services: [vpn, x, vpn]", "agreements[0].services: 'vpn' stands twice"),
        (
            6,
            'services: [vpn, " x"]',
            "agreements[0].services[1]: ' x' is not a name: it begins with neither a space nor * nor /, and holds no "
            "control characters",
        ),
        (
            7,
            "service_hours: {mon: 08:00-25:00}",
            "agreements[0].service_hours.mon: '08:00-25:00' are not hours such as \"08:00-18:00\"",
        ),
        (
            7,
            "service_hours: {mon: 08:00-18:00, holidays: XX}",
            "agreements[0].service_hours.holidays: 'XX' is not a country such as DE or a subdivision such as DE-BY",
        ),
        (
            10,
            "indicator: {kind: availabilty, metric: up}",
            "agreements[0].objectives[0].indicator.kind: 'availabilty' is not availability, ratio, aggregate or duration "
            "(did you mean availability?)",
        ),
        (
            10,
            'indicator: {kind: availability, metric: up, good_when: ">= 1", consecutiv: 5}',
            "agreements[0].objectives[0].indicator.consecutiv: unknown field (did you mean consecutive?); allowed: kind, "
            "metric, slot, missing, good_when, slot_rule, error_rate_over, min_total, consecutive, recovery, silent_after",
        ),
        (
            10,
            'indicator: {kind: availability, metric: up, good_when: ">= 1", consecutive: 2.5}',
            "agreements[0].objectives[0].indicator.consecutive: 2.5 is not a whole number",
        ),
        (
            10,
            'indicator: {kind: availability, metric: up, good_when: ">= 1", consecutive: 0}',
            "agreements[0].objectives[0].indicator.consecutive: 0 is less than 1",
        ),
        (
            10,
            'indicator: {kind: availability, metric: up, good_when: ">= 1", missing: NO}',
            "agreements[0].objectives[0].indicator.missing: 'NO' is not exclude, bad or good",
        ),
        (
            10,
            'indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 7m}',
            "agreements[0].objectives[0].indicator.slot: must divide a day evenly, such as 1m, 5m or 1h",
        ),
        (
            10,
            "indicator: {kind: availability, metric: up}",
            "agreements[0].objectives[0].indicator: give either good_when (for values) or error_rate_over (for good and "
            "total counts)",
        ),
        (
            11,
            "period: {calendar: fortnight}",
            "agreements[0].objectives[0].period.calendar: 'fortnight' is not day, week, month, quarter or year",
        ),
        (
            12,
            "target: 99.9",
            'agreements[0].objectives[0].target: 99.9: write a share with its sign, such as "99.9 %", or a bound, such as '
            '"<= 40"',
        ),
        (
            12,
            "target: 101 %",
            "agreements[0].objectives[0].target: '101 %': a share must lie between 0 % and 100 %",
        ),
        (
            12,
            'target: "<= 40"',
            'agreements[0].objectives[0].target: of an objective of kind availability must be a share, such as "99.9 %"',
        ),
        (
            14,
            "charge: {vpn: {amount: .nan, currency: EUR}}",
            "agreements[0].charge.vpn.amount: '.nan' is not a finite number",
        ),
        *(
            (
                10,
                f'indicator: {{kind: availability, metric: up, good_when: ">= 1", {field}: {value}}}',
                f"agreements[0].objectives[0].indicator.{field}: {shown} is not a whole number",
            )
            for field in ("consecutive", "recovery", "min_total")
            for value, shown in (("true", "true"), ('"5"', "'5'"), ("5.0", "5.0"))
        ),
        (
            12,
            'target: "<= 1e400"',
            "agreements[0].objectives[0].target: '<= 1e400': '1e400' is beyond what can be measured",
        ),
        (
            12,
            "target: 1e-999999999 %",
            "agreements[0].objectives[0].target: '1e-999999999 %': '1e-999999999' is beyond what can be measured",
        ),
        (
            14,
            "charge: {vpn: {amount: 1e30, currency: EUR}}",
            "agreements[0].charge.vpn.amount: 1E+30 is more than 1000000000000",
        ),
        (
            14,
            "charge: {vpn: {amount: 1e-13, currency: EUR}}",
            "agreements[0].charge.vpn.amount: 1E-13 has more than 12 decimal places",
        ),
        (
            14,
            "charge: {vpn: {amount: true, currency: EUR}}",
            "agreements[0].charge.vpn.amount: true is not a finite number",
        ),
        (14, "charge: {vpn: {amount: -1, currency: EUR}}", "agreements[0].charge.vpn.amount: -1 is less than 0"),
        (
            14,
            "charge: {vpn: {amount: 1, currency: EUX}}",
            "agreements[0].charge.vpn.currency: 'EUX' is not an ISO 4217 currency code such as EUR",
        ),
        (
            14,
            "charge: {vpm: {amount: 1, currency: EUR}}",
            "agreements[0].charge: unknown service 'vpm'; the agreement has vpn",
        ),
        (
            15,
            "notices: {violation: {within: 15, to: customer.noc}}",
            "agreements[0].notices.violation.to: 'customer.noc' is not a list",
        ),
        (18, "name: true", "customers[0].name: true is not text; write it in quotes"),
        (
            19,
            "contacts: {noc: [{email: acme}]}",
            "customers[0].contacts.noc[0].email: 'acme' is not an e-mail address such as noc@example.net",
        ),
        (
            19,
            "contacts: {noc: [{webhook: ftp://acme, secret: 123456789012345678901234}]}",
            "customers[0].contacts.noc[0].webhook: 'ftp://acme' is not an address such as https://example.net/hook",
        ),
    ],
)
def test_a_fault_is_told_with_line_field_and_what_is_allowed(line, text, fault):
    assert f"a.yaml:{line}: {fault}" in faults(with_line(line, text))


@pytest.mark.parametrize("operator", ["==", "!="])
def test_a_softer_target_is_a_side_to_be_on(operator):
    indicator = with_line(10, "indicator: {kind: aggregate, metric: rtt_ms, aggregate: p95}")
    text = indicator.replace("target: 99.9 %", 'target: "<= 40"').replace(
        "credits: [{below: 99.9 %, share: 10 %}]", f'warning: {{target: "{operator} 35"}}'
    )
    where = "agreements[0].objectives[0].warning.target"
    assert faults(text) == [f"a.yaml:13: {where}: must begin with one of <=, <, >=, >"]
    assert parse_portfolio(text.replace(operator, "<"), "a.yaml")


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        (
            "[{from_attained: 97.90 %, to_attained: 99.69 %, share: 10 %}, "
            "{from_attained: 95.90 %, to_attained: 96.89 %, share: 25 %}, {from_attained: 0.00 %, to_attained: 95.89 %, share: 50 %}]",
            "no tier holds from 96.9 % to below 97.9 %",
        ),
        (
            "[{from_attained: 97.00 %, to_attained: 99.69 %, share: 10 %}, "
            "{from_attained: 0.00 %, to_attained: 97.50 %, share: 25 %}]",
            "two tiers hold from 97 % to below 97.51 %",
        ),
        (
            "[{below: 99.9 %, share: 25 %}, {below: 99 %, share: 10 %}]",
            "the tier below 99 % gives 10 %, not more than the 25 % of the tier below 99.9 %",
        ),
        ("[{below: 99.9 %, share: 25 %}, {below: 99.9 %, share: 10 %}]", "two tiers below 99.9 %"),
        (
            "[{over: 1h, share: 25 %}, {over: 2h, share: 10 %}]",
            "the tier at 2h gives 10 %, not more than the 25 % at 1h",
        ),
    ],
)
def test_tiers_that_contradict_or_leave_a_range_open_name_the_range(tiers, message):
    assert faults(with_line(13, f"credits: {tiers}")) == [f"a.yaml:13: agreements[0].objectives[0].credits: {message}"]


def test_a_tier_of_another_form_is_told_the_forms():
    assert faults(with_line(13, "credits: [{under: 99 %, share: 10 %}]")) == [
        "a.yaml:13: agreements[0].objectives[0].credits[0]: a tier is {below: 99.9 %, share: 10 %}, {over: 4h, share: 10 %}, "
        "{from: 4h, share: 10 %}, {from_attained: 97.90 %, to_attained: 99.69 %, share: 10 %} or "
        "{days: 1, per_started: 1h, over: 4h}; this one has under, share"
    ]


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_its_lines():
    text = dedent("""\
        agreements:
          - id: gold
            id: silver
            customer: 5
            valid: {from: 2026-01-01}
            services: [vpn]
            objectives: []
        nottices: {}
        """)
    assert faults(text) == [
        "a.yaml:3: agreements[0].id: stands twice; it is also on line 2",
        "a.yaml:4: agreements[0].customer: 5 is not text; write it in quotes",
        "a.yaml:7: agreements[0].objectives: an empty list has fewer than 1 entry",
        "a.yaml:8: nottices: unknown field; allowed: agreements, customers, provider, resources, freeze",
    ]


def test_the_second_of_two_agreements_with_one_id_is_named_by_its_line():
    second = GOOD.replace("agreements:\n", "").split("customers:")[0]
    text = GOOD.replace("customers:", second + "customers:")
    assert faults(text) == ["a.yaml:16: agreements: 'gold' stands twice"]


def test_a_file_that_is_no_mapping_is_told_the_fields():
    assert faults("- 1\n") == [
        "a.yaml:1: is a mapping with the fields agreements, customers, provider, resources, freeze"
    ]


def test_a_secret_is_never_shown():
    told = faults(with_line(19, "contacts: {noc: [{webhook: https://acme.example, secret: hunter2}]}"))
    assert told == ["a.yaml:19: customers[0].contacts.noc[0].secret: has fewer than 24 characters"]


def test_a_secret_is_in_no_repr():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    contact = f"contacts: {{noc: [{{webhook: https://acme.example, secret: {secret}}}]}}"
    portfolio = parse_portfolio(with_line(19, contact), "a.yaml")
    assert portfolio.customers[0].contacts["noc"][0].secret == secret
    assert secret not in repr(portfolio)


def test_files_that_are_not_there_or_not_text_are_faults(tmp_path):
    with pytest.raises(InputError, match=r"missing\.yaml: no such file$"):
        read_portfolio(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(InputError, match=r"latin\.yaml:2: is not UTF-8 text$"):
        read_portfolio(tmp_path / "latin.yaml")
    with pytest.raises(InputError, match=r": cannot be read: Is a directory$"):
        read_portfolio(tmp_path)


RTT = "indicator: {kind: aggregate, metric: rtt_ms, aggregate: p95}"


@pytest.mark.parametrize(
    ("target", "stricter", "refused"),
    [
        ("<= 40", ["<= 39", "< 40", "< 1"], ["<= 40", "<= 41", ">= 39", "> 50"]),
        ("< 40", ["<= 39", "< 39"], ["<= 40", "< 40"]),
        (">= 40", [">= 41", "> 40"], [">= 40", "> 39", "<= 41"]),
        ("> 40", [">= 41"], [">= 40", "> 40"]),
        ("99.9 %", ["99.91 %", "100 %"], ["99.9 %", "0 %"]),
    ],
)
def test_a_warning_is_crossed_before_the_target(target, stricter, refused):
    text = (
        GOOD if "%" in target else with_line(10, RTT).replace("        credits: [{below: 99.9 %, share: 10 %}]\n", "")
    )

    def written(warning):
        return text.replace("target: 99.9 %", f'target: "{target}"\n        warning: {{target: "{warning}"}}')

    for warning in stricter:
        assert parse_portfolio(written(warning), "a.yaml")
    wanted = (
        f"more than the target {target}" if "%" in target else f"stricter than the target {target}, in its direction"
    )
    for warning in refused:
        assert faults(written(warning)) == [f"a.yaml:13: agreements[0].objectives[0].warning.target: must be {wanted}"]


@pytest.mark.parametrize(
    ("period", "slot", "smallest"),
    [
        ("{calendar: month}", "250ms", "270ms"),
        ("{calendar: year}", "3s", "3s 200ms"),
        ("{rolling: 28d}", "240ms", "250ms"),
    ],
)
def test_the_smallest_slot_that_is_named_is_taken(period, slot, smallest):
    def written(size):
        indicator = f'indicator: {{kind: availability, metric: up, good_when: ">= 1", slot: {size}}}'
        text = with_line(10, indicator).replace("{calendar: month}", period)
        return text.replace("credits: [{below: 99.9 %, share: 10 %}]", "credits: []")

    assert faults(written(slot)) == [
        f"a.yaml:10: agreements[0].objectives[0].indicator.slot: must be at least {smallest}: a period has at most "
        "10,000,000 slots"
    ]
    assert parse_portfolio(written(smallest), "a.yaml")


@pytest.mark.parametrize("tier", ["{over: 31d, share: 10 %}", "{from: 31d1h, share: 10 %}"])
def test_a_tier_that_the_longest_month_reaches_is_taken(tier):
    assert parse_portfolio(with_line(13, f"credits: [{tier}]"), "a.yaml")  # a month in which clocks are set back


def test_a_verdict_need_not_wait_for_late_data():
    assert parse_portfolio(with_line(15, "lateness: 0s"), "a.yaml").agreements[0].lateness == 0
    assert faults(with_line(15, "notices: {violation: {within: 0s, to: [customer.noc]}}")) == [
        "a.yaml:15: agreements[0].notices.violation.within: '0s': a duration must be longer than zero"
    ]


def test_a_validity_may_begin_with_time_itself():
    text = with_line(5, "valid: {from: 1970-01-01, to: 2261-12-31}")
    assert parse_portfolio(text, "a.yaml").agreements[0].validity[0] == -3_600_000_000  # midnight in Berlin
