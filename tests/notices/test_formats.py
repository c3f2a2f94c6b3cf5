"""Instants, durations and figures as a reader sees them."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND
from upheld.notices.examples import instant
from upheld.notices.formats import Reader, days, duration, figure, moment, money, percent, span, span_utc

BERLIN = Reader("en", ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "zone", "shown"),
    [
        ("2026-06-01T12:03:00Z", "Europe/Berlin", "1 June 2026, 14:03 CEST (UTC+02:00)"),
        ("2026-06-01T12:03:07Z", "Europe/Berlin", "1 June 2026, 14:03:07 CEST (UTC+02:00)"),
        ("2026-06-01T12:03:00Z", "UTC", "1 June 2026, 12:03 UTC"),
        ("2026-06-01T12:03:00Z", "America/New_York", "1 June 2026, 08:03 EDT (UTC-04:00)"),
        ("2026-06-01T12:03:00Z", "America/Sao_Paulo", "1 June 2026, 09:03 (UTC-03:00)"),
        ("2026-06-01T12:03:00Z", "Asia/Kathmandu", "1 June 2026, 17:48 (UTC+05:45)"),
    ],
)
def test_a_moment_names_its_zone(text: str, zone: str, shown: str) -> None:
    assert moment(instant(text), Reader("en", ZoneInfo(zone))) == shown


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    once, twice = moment(instant("2026-10-25T00:30:00Z"), BERLIN), moment(instant("2026-10-25T01:30:00Z"), BERLIN)
    assert once == "25 October 2026, 02:30 CEST (UTC+02:00)"
    assert twice == "25 October 2026, 02:30 CET (UTC+01:00)"


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2026-06-01T20:00:00Z", "2026-06-01T21:30:00Z", "1 June 2026, 22:00 to 23:30 CEST (UTC+02:00)"),
        ("2026-06-01T20:00:00Z", "2026-06-02T00:00:00Z", "1 June 2026, 22:00 to 2 June 2026, 02:00 CEST (UTC+02:00)"),
        (
            "2026-10-25T00:00:00Z",
            "2026-10-25T02:00:00Z",
            "25 October 2026, 02:00 CEST (UTC+02:00) to 25 October 2026, 03:00 CET (UTC+01:00)",
        ),
    ],
)
def test_a_span_says_no_more_than_it_must(start: str, end: str, shown: str) -> None:
    assert span((instant(start), instant(end)), BERLIN) == shown


def test_a_span_in_utc_is_in_utc() -> None:
    window = (instant("2026-06-01T20:00:00Z"), instant("2026-06-01T21:30:00Z"))
    assert span_utc(window, BERLIN) == "1 June 2026, 20:00 to 21:30 UTC"


def test_a_period_is_named_by_its_first_and_last_day() -> None:
    start, end = instant("2026-05-31T22:00:00Z"), instant("2026-06-30T22:00:00Z")
    assert days(start, end, BERLIN, ZoneInfo("Europe/Berlin")) == "1 June 2026 to 30 June 2026"
    assert days(start, start + DAY, BERLIN, ZoneInfo("Europe/Berlin")) == "1 June 2026"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (44 * MINUTE, "44 minutes"),
        (HOUR, "1 hour"),
        (DAY + 2 * HOUR + 3 * MINUTE + 4 * SECOND, "1 day 2 hours 3 minutes"),
        (0, "0 seconds"),
        (999_999, "0 seconds"),
    ],
)
def test_a_duration_is_put_into_words(length: int, shown: str) -> None:
    assert duration(length, BERLIN) == shown


@pytest.mark.parametrize(
    ("share", "places", "shown"),
    [
        ("0.999999999999", 3, "99.999 %"),
        ("0.99899999", 3, "99.899 %"),
        ("1", 3, "100 %"),
        ("0.9999999", 5, "99.99999 %"),
        ("0", 3, "0 %"),
    ],
)
def test_a_share_never_looks_better_than_it_is(share: str, places: int, shown: str) -> None:
    assert percent(Decimal(share), BERLIN, places) == shown


def test_a_figure_is_cut_towards_the_worse() -> None:
    assert figure(Decimal("40.00001"), BERLIN, places=3, lower_is_better=True) == "40.001"
    assert figure(Decimal("99.9999"), BERLIN, places=3, lower_is_better=False) == "99.999"
    assert figure(Decimal("1234567.5"), BERLIN, places=3, lower_is_better=True) == "1,234,567.5"


def test_money_has_its_currencys_places() -> None:
    assert money(Decimal("1200.00"), "EUR", BERLIN) == "€1,200.00"
    assert money(Decimal("1200"), "JPY", BERLIN) == "JP¥1,200"


@pytest.mark.parametrize(
    ("value", "places", "lower_is_better", "shown"),
    [
        ("1e30", 3, True, "1e30"),
        ("1.23456e30", 3, True, "1.235e30"),
        ("1.23456e30", 3, False, "1.234e30"),
        ("9.9999e30", 3, True, "1e31"),
        ("-1.7976931348623157e308", 3, False, "-1.798e308"),
        ("5e-324", 3, True, "0.001"),
        ("5e-324", 3, False, "0"),
        ("999999999999999.99999999999999", 12, False, "999,999,999,999,999.999999999999"),
        ("999999999999999.99999999999999", 12, True, "1,000,000,000,000,000"),
        ("40.5", 302, True, "40.5"),
        ("2e-300", 302, True, "2e-300"),
        ("Infinity", 3, True, "∞"),
    ],
)
def test_a_figure_of_any_size_is_readable(value: str, places: int, lower_is_better: bool, shown: str) -> None:
    assert figure(Decimal(value), BERLIN, places=places, lower_is_better=lower_is_better) == shown


TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("language", "at", "hours", "nights", "period"),
    [
        (
            "de",
            "1. Juni 2026, 14:03 Uhr MESZ (UTC+02:00)",
            "1. Juni 2026, 22:00 bis 23:30 Uhr MESZ (UTC+02:00)",
            "1. Juni 2026, 22:00 Uhr bis 2. Juni 2026, 02:00 Uhr MESZ (UTC+02:00)",
            "1. Juni 2026 bis 30. Juni 2026",
        ),
        (
            "fr",
            "1er juin 2026 à 14:03 CEST (UTC+02:00)",
            "le 1er juin 2026 de 22:00 à 23:30 CEST (UTC+02:00)",
            "du 1er juin 2026 à 22:00 au 2 juin 2026 à 02:00 CEST (UTC+02:00)",
            "du 1er juin 2026 au 30 juin 2026",
        ),
        (
            "es",
            "1 de junio de 2026 a las 14:03 CEST (UTC+02:00)",
            "el 1 de junio de 2026 de 22:00 a 23:30 CEST (UTC+02:00)",
            "del 1 de junio de 2026 a las 22:00 al 2 de junio de 2026 a las 02:00 CEST (UTC+02:00)",
            "del 1 de junio de 2026 al 30 de junio de 2026",
        ),
    ],
)
def test_instants_read_as_the_language_writes_them(
    language: str, at: str, hours: str, nights: str, period: str
) -> None:
    reader = Reader(language, ZoneInfo("Europe/Berlin"))
    ten = instant("2026-06-01T20:00:00Z")
    start, end = instant("2026-05-31T22:00:00Z"), instant("2026-06-30T22:00:00Z")
    shown = (
        moment(instant("2026-06-01T12:03:00Z"), reader),
        span((ten, ten + 90 * MINUTE), reader),
        span((ten, ten + 4 * HOUR), reader),
        days(start, end, reader, reader.zone),
    )
    assert tuple(" ".join(text.split()) for text in shown) == (at, hours, nights, period)


def test_one_oclock_is_singular_in_spanish() -> None:
    assert moment(instant("2026-06-01T01:30:00Z"), Reader("es", ZoneInfo("UTC"))) == "1 de junio de 2026 a la 01:30 UTC"


@pytest.mark.parametrize(
    ("language", "share", "paid", "lasted"),
    [
        ("de", "99,899\u00a0%", "1.200,00\u00a0€", "1 Tag 2 Stunden"),
        ("fr", "99,899\u00a0%", "1\u202f200,00\u00a0€", "1\u00a0jour 2\u00a0heures"),
        ("es", "99,899\u00a0%", "1.200,00\u00a0€", "1 día 2 horas"),
    ],
)
def test_figures_read_as_the_language_writes_them(language: str, share: str, paid: str, lasted: str) -> None:
    reader = Reader(language, TOKYO)
    assert percent(Decimal("0.99899999"), reader) == share
    assert money(Decimal("1200.00"), "EUR", reader) == paid
    assert duration(DAY + 2 * HOUR, reader) == lasted
