"""Figures, instants and states in words."""

from fractions import Fraction
from typing import get_args

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND, parse_bound, parse_instant
from upheld.notices.model import NoticeKind
from upheld.web import words
from upheld.web.site import local_path

NOW = parse_instant("2026-06-01T12:00:00Z")


@pytest.mark.parametrize(
    ("attained", "shown"),
    [
        (None, "–"),
        ("1", "100 %"),
        ("0", "0 %"),
        ("0.9997", "99.97 %"),
        ("0.998981481481", "99.89 %"),  # cut off, never rounded up
        ("0.999", "99.9 %"),  # exactly what was promised
        ("0.9989999", "99.89 %"),
        ("0.99899999999", "99.89 %"),
        ("0.99900001", "99.900001 %"),  # two digits would say that it is just what was promised
        ("0.99999999", "99.99 %"),
    ],
)
def test_a_share_has_as_many_digits_as_tell_it_from_its_target(attained: str | None, shown: str) -> None:
    assert words.figure(attained, Fraction(999, 1000)) == shown


@pytest.mark.parametrize(
    ("attained", "shown"), [("37.25", "37.2"), ("40", "40"), ("40.004", "40.004"), ("39.96", "39.9")]
)
def test_a_measured_figure_has_as_many_digits_as_tell_it_from_its_bound(attained: str, shown: str) -> None:
    assert words.figure(attained, parse_bound("<= 40")) == shown


@pytest.mark.parametrize(
    ("attained", "bound", "shown"),
    [
        ("1" + 30 * "0", "<= 40", "1e30"),
        ("123456" + 30 * "0", "<= 40", "1.234e35"),
        ("-17976931348623157" + 292 * "0", ">= 40", "-1.798e308"),
        ("1000001" + 12 * "0", "<= 1e18", "1.000001e18"),  # four digits would say that it is just what was promised
        ("0." + 323 * "0" + "5", "<= 40", "0"),
        ("0." + 323 * "0" + "5", "<= 0", "5e-324"),
        ("Infinity", "<= 40", "∞"),
    ],
)
def test_a_measured_figure_of_any_size_is_readable(attained: str, bound: str, shown: str) -> None:
    assert words.figure(attained, parse_bound(bound)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1e30, "1e30"), (1.7e308, "1.7e308"), (5e-324, "4.94066e-324"), (1234567.0, "1234570"), (0.0, "0")],
)
def test_a_value_of_any_size_is_readable(value: float, shown: str) -> None:
    assert words.plain(value) == shown


@pytest.mark.parametrize(
    ("distance", "shown"),
    [
        (3 * SECOND, "just now"),
        (45 * SECOND, "in 45 s"),
        (80 * SECOND, "in 1 min 20 s"),
        (5 * MINUTE + 59 * SECOND, "in 5 min"),
        (HOUR + 20 * MINUTE, "in 1 h 20 min"),
        (26 * HOUR, "in 1 day 2 h"),
        (3 * DAY + 23 * HOUR, "in 3 days"),
        (-(HOUR + 20 * MINUTE), "1 h 20 min ago"),
        (-8 * DAY, "8 days ago"),
    ],
)
def test_an_instant_is_told_relative_to_now(distance: int, shown: str) -> None:
    assert words.relative(NOW + distance, NOW) == shown


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (0, "less than 1 s"),
        (1_500_000, "1 s"),
        (43 * MINUTE + 12 * SECOND, "43 min 12 s"),
        (2 * DAY + 5 * MINUTE, "2 days"),
        (DAY + 2 * HOUR, "1 day 2 h"),
    ],
)
def test_a_length_of_time_is_told_in_its_two_largest_units(duration: int, shown: str) -> None:
    assert words.span(duration) == shown


def test_a_text_is_escaped_and_its_addresses_are_links() -> None:
    text = 'See https://a.example/x?a=1&b=2. <b> "https://b.example">'
    html = words.linked(text, lambda part: part.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    link = '<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>'
    first, second = link.format("https://a.example/x?a=1&amp;b=2"), link.format("https://b.example")
    assert html == f'See {first}. &lt;b&gt; "{second}"&gt;'


def test_instants_inside_a_sentence_are_written_for_people() -> None:
    assert words.humane("announced 2026-06-01T06:21:00Z, late") == "announced 2026-06-01 06:21 UTC, late"


@pytest.mark.parametrize("target", ["/cases", "/?show=violated", "/cases/C-1?x=/y"])
def test_a_path_on_this_site_is_one(target: str) -> None:
    assert local_path(target) == target


@pytest.mark.parametrize("target", ["", "cases", "//evil", "/\\evil", "http:/x", "/a\nb", "https://evil/"])
def test_anything_else_is_not(target: str) -> None:
    assert local_path(target) == "/"


def test_each_kind_of_notice_has_a_name_on_the_pages() -> None:
    assert words.NOTICE_KIND.keys() == {*get_args(NoticeKind)}
