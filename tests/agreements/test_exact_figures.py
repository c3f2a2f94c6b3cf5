"""Figures of any size are written exactly, whatever precision `decimal` calculates in."""

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

import pytest

from upheld.agreements.credits import to_minor_unit
from upheld.agreements.units import decimal_text, scientific_text


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Fraction(10**40 + 1), 12, "1" + "0" * 39 + "1"),
        (Fraction(10**30) - Fraction(1, 10**12), 12, "9" * 30 + "." + "9" * 12),  # 42 digits, none rounded up
        (Fraction(999999, 1000000), 3, "0.999"),
        (Fraction(-1, 3), 2, "-0.34"),
        (Fraction(0), 12, "0"),
    ],
)
def test_a_decimal_is_cut_off_and_never_rounded_up(value: Fraction, places: int, text: str) -> None:
    assert decimal_text(value, places) == text


@pytest.mark.parametrize(
    ("amount", "currency", "money"),
    [
        (Fraction(10**40) + Fraction(5, 1000), "EUR", "1" + "0" * 40 + ".01"),
        (Fraction(10**40), "JPY", "1" + "0" * 40),
        (Fraction(1, 200), "EUR", "0.01"),
        (Fraction(1, 201), "EUR", "0.00"),
        (Fraction(120), "EUR", "120.00"),
    ],
)
def test_money_is_rounded_half_up_once(amount: Fraction, currency: str, money: str) -> None:
    assert str(to_minor_unit(amount, currency)) == money


@pytest.mark.parametrize(
    ("value", "text", "ceiling"),
    [
        ("1e30", "1e30", "1e30"),
        ("12345678", "1.234e7", "1.235e7"),
        ("9.9999e15", "9.999e15", "1e16"),
        ("-1.7976931348623157e308", "-1.798e308", "-1.797e308"),
        ("5e-324", "5e-324", "5e-324"),
        ("0", "0", "0"),
        ("-Infinity", "-∞", "-∞"),
    ],
)
def test_powers_of_ten_are_cut_to_one_side(value: str, text: str, ceiling: str) -> None:
    assert scientific_text(Decimal(value)) == text
    assert scientific_text(Decimal(value), rounding=ROUND_CEILING) == ceiling
