"""The table of verdicts, as people see it."""

import io
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from upheld.agreements.units import parse_instant
from upheld.assessment.verdict import Credit, Verdict
from upheld.reports.documents import VERDICT_COLUMNS, to_columns, to_json
from upheld.reports.table import attained_text, period_text, verdict_table

BERLIN = ZoneInfo("Europe/Berlin")

VIOLATED = Verdict(
    agreement="acme-vpn-gold",
    objective="availability",
    service="vpn-0042",
    customer="acme",
    period_start=parse_instant("2026-05-31T22:00:00Z"),
    period_end=parse_instant("2026-06-30T22:00:00Z"),
    status="violated",
    final=True,
    attained="0.998999999999",
    good=43156,
    bad=44,
    missing=12,
    excluded=0,
    budget="43.2",
    spent="44",
    at_risk_at=parse_instant("2026-06-02T00:33:00Z"),
    violated_at=parse_instant("2026-06-02T00:44:00Z"),
    credit=Credit(Decimal("1200.00"), "EUR"),
    evidence=(),
)
MET = replace(
    VIOLATED, service="vpn-0043", status="met", final=False, attained="1", bad=0, spent="0", missing=0, credit=None
)
AGGREGATE = replace(MET, objective="latency", status="at_risk", attained="38.25", budget=None, spent=None)
NO_DATA = replace(MET, status="no_data", attained=None, missing=43200, budget="0")


def shown(verdicts, width=80):
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(verdict_table(verdicts, {"acme-vpn-gold": BERLIN}))
    return console.file.getvalue()


def test_the_table_tells_status_figures_and_credit_within_80_columns():
    text = shown([VIOLATED, MET, AGGREGATE, NO_DATA])
    assert max(len(line) for line in text.splitlines()) <= 80
    words = [" ".join(line.split()) for line in text.splitlines()]
    assert words[4:-2] == [
        "acme-vpn-gold violated 99.8999 % ██████████ 1,200.00 EUR",
        "availability 06-02 02:44 12 missing 44 of 43.2",
        "vpn-0042, 2026-06",
        "acme-vpn-gold met 100 % ░░░░░░░░░░",
        "availability so far 0 of 43.2",
        "vpn-0043, 2026-06",
        "acme-vpn-gold latency at risk 38.25 -",
        "vpn-0043, 2026-06 06-02 02:33",
        "so far",
        "acme-vpn-gold no data - ░░░░░░░░░░",
        "availability so far 43,200 missing 0 of 0",
        "vpn-0043, 2026-06",
    ]
    assert words[-1] == "4 verdicts: 1 met, 1 at risk, 1 violated, 1 no data"


def test_with_more_room_a_verdict_has_two_lines():
    words = [" ".join(line.split()) for line in shown([VIOLATED], width=120).splitlines()]
    assert words[4:6] == [
        "acme-vpn-gold availability violated 99.8999 % ██████████ 1,200.00 EUR",
        "vpn-0042, 2026-06 06-02 02:44 12 missing 44 of 43.2",
    ]


def test_attained_never_looks_better_than_it_is():
    assert attained_text(replace(VIOLATED, attained="0.999999999999")) == "99.9999 %"


@pytest.mark.parametrize(
    ("attained", "text"),
    [
        ("38.250000000000003", "38.250000000000003"),
        ("1" + 30 * "0", "1e30"),
        ("-17976931348623157" + 292 * "0", "-1.7976931348623157e308"),
        ("0." + 323 * "0" + "5", "5e-324"),
        ("Infinity", "∞"),
    ],
)
def test_a_measured_figure_of_any_size_is_readable(attained, text):
    assert attained_text(replace(VIOLATED, attained=attained, budget=None)) == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "2026-04-05T22:00:00Z", "2026-03-30 to 2026-04-05"),
        ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-03"),
        ("2026-03-31T22:00:00Z", "2026-06-30T22:00:00Z", "2026-04-01 to 2026-06-30"),
        ("2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z", "2026"),
        ("2026-06-14T22:00:00Z", "2026-06-30T22:00:00Z", "2026-06-15 to 2026-06-30"),
        ("2026-06-01T10:30:00Z", "2026-06-29T10:30:00Z", "28d to 2026-06-29 12:30"),
    ],
)
def test_a_period_is_told_in_local_time(start, end, text):
    assert period_text(parse_instant(start), parse_instant(end), BERLIN) == text


def test_no_verdicts_are_an_empty_table_list_and_file():
    assert "0 verdicts" in shown([])
    assert to_json([]) == "[]\n"
    assert to_columns([]).schema == VERDICT_COLUMNS
