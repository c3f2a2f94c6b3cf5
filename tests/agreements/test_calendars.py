"""Billing months, months counted back, and which agreement of an id is in force."""

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.calendars import calendar_periods, clipped, later_by, months_before
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.units import DAY, HOUR, local_midnight, parse_instant, to_datetime

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from([BERLIN, ZoneInfo("UTC"), ZoneInfo("America/St_Johns"), ZoneInfo("Pacific/Apia")])


def first_days(billing_day: int, start: str, end: str, zone: ZoneInfo = BERLIN) -> list[str]:
    span = parse_instant(start), parse_instant(end)
    found = calendar_periods("month", zone, *span, billing_day=billing_day)
    return [f"{to_datetime(begins).astimezone(zone):%Y-%m-%d %H:%M}" for begins, _ in found]


def test_a_billing_month_begins_on_its_day_or_on_the_last_of_a_short_month() -> None:
    assert first_days(31, "2026-02-01T00:00:00Z", "2026-06-01T00:00:00Z") == [
        "2026-01-31 00:00",
        "2026-02-28 00:00",
        "2026-03-31 00:00",
        "2026-04-30 00:00",
        "2026-05-31 00:00",
    ]
    assert first_days(30, "2028-02-10T00:00:00Z", "2028-03-01T00:00:00Z") == ["2028-01-30 00:00", "2028-02-29 00:00"]
    assert first_days(15, "2026-06-14T21:59:59Z", "2026-06-14T22:00:01Z") == ["2026-05-15 00:00", "2026-06-15 00:00"]


@given(ZONES, st.integers(1, 31), st.integers(0, 20_000), st.integers(1, 400))
def test_billing_months_follow_each_other_and_cover_what_is_asked(
    zone: ZoneInfo, day: int, first: int, days: int
) -> None:
    start = (first + 200) * DAY
    found = list(calendar_periods("month", zone, start, start + days * DAY, billing_day=day))
    assert found[0][0] <= start < found[0][1]
    assert found[-1][0] < start + days * DAY <= found[-1][1]
    assert all(a[1] == b[0] for a, b in pairwise(found))
    for begins, ends in found:
        local = to_datetime(begins).astimezone(zone).date()
        assert local == clipped(local.year, local.month, day)
        assert 27 * DAY < ends - begins < 32 * DAY
    assert list(calendar_periods("month", zone, start, start + 1, billing_day=1)) == list(
        calendar_periods("month", zone, start, start + 1)
    )


@pytest.mark.parametrize(
    ("end", "months", "billing_day", "begin"),
    [
        ("2026-07-01", 3, 1, "2026-04-01"),
        ("2026-01-01", 1, 1, "2025-12-01"),
        ("2026-06-30", 3, 31, "2026-03-31"),  # the end of a billing month: that of an earlier one
        ("2026-05-31", 3, 31, "2026-02-28"),
        ("2026-05-31", 3, 1, "2026-02-28"),  # any other day: the last of a shorter month
        ("2026-06-16", 12, 15, "2025-06-16"),
    ],
)
def test_months_are_counted_back_in_local_time(end: str, months: int, billing_day: int, begin: str) -> None:
    instant = local_midnight(date.fromisoformat(end), BERLIN)
    assert months_before(instant, months, BERLIN, billing_day) == local_midnight(date.fromisoformat(begin), BERLIN)


def test_the_time_of_day_stays_when_months_are_counted_back() -> None:
    noon = parse_instant("2026-04-30T12:00:00+02:00")
    assert to_datetime(months_before(noon, 2, BERLIN)) == datetime(2026, 2, 28, 11, tzinfo=UTC)


# -- amendments -------------------------------------------------------------------------------------------------------


def agreement(name: str, begins: str, **fields: object) -> dict[str, object]:
    indicator = {"kind": "availability", "metric": "up", "good_when": ">= 1"}
    objective = {"id": "o", "indicator": indicator, "period": {"calendar": "month"}, "target": "99 %"}
    plain = {"id": name, "customer": "c", "valid": {"from": begins}, "services": ["s"], "objectives": [objective]}
    return {**plain, **fields}


def test_an_agreement_is_as_it_is_amended_by_an_instant() -> None:
    documents = [agreement("b", "2026-03-01"), agreement("a", "2026-06-01"), agreement("a", "2026-01-01")]
    portfolio = Portfolio.model_validate({"agreements": documents})

    def begins(found: Agreement | None) -> str | None:
        return None if found is None else str(found.valid.from_)

    may, june = parse_instant("2026-05-31T23:59:59Z"), parse_instant("2026-06-01T00:00:00Z")
    assert begins(portfolio.agreement("a", may)) == "2026-01-01"
    assert begins(portfolio.agreement("a", june)) == "2026-06-01"
    assert begins(portfolio.agreement("a", 0)) == "2026-01-01"  # none is valid yet: the first that will be
    assert portfolio.agreement("d", june) is None
    assert [(a.id, begins(a)) for a in portfolio.current(june)] == [("b", "2026-03-01"), ("a", "2026-06-01")]


def test_what_an_agreement_is_about_are_its_services_and_its_groups() -> None:
    indicator = {"kind": "availability", "metric": "up", "good_when": ">= 1"}
    common = {"indicator": indicator, "period": {"calendar": "month"}, "target": "99 %"}
    grouped = {"id": "g", "group": {"id": "site", "rule": "all"}, **common}
    documents = agreement("a", "2026-01-01", services=["s", "t"], objectives=[{"id": "o", **common}, grouped])
    (found,) = Portfolio.model_validate({"agreements": [documents]}).agreements
    assert found.subjects == ("s", "t", "site")
    assert [o.id for o in found.promises_of("t")] == ["o"]
    assert [o.id for o in found.promises_of("site")] == ["g"]


def test_whole_days_later_are_days_of_the_calendar() -> None:
    """On 2026-03-29 a day of Berlin has 23 hours, on 2026-10-25 one has 25."""
    shown = [
        (later_by(parse_instant(at), duration, BERLIN), parse_instant(then))
        for at, duration, then in (
            ("2026-02-28T23:00:00Z", 30 * DAY, "2026-03-30T22:00:00Z"),
            ("2026-09-30T22:00:00Z", 30 * DAY, "2026-10-30T23:00:00Z"),
            ("2026-03-28T11:30:00Z", DAY + HOUR, "2026-03-29T11:30:00Z"),
            ("2026-06-30T22:00:00Z", 6 * HOUR, "2026-07-01T04:00:00Z"),
        )
    ]
    assert all(found == wanted for found, wanted in shown)
