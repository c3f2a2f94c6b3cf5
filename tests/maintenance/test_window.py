"""A window that cannot be meant is refused, with the field and what is wrong with it."""

import pytest

from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.maintenance.window import window_fault

NOW = parse_instant("2026-06-01T00:00:00Z")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW + DAY, NOW + DAY + HOUR),
        (NOW + DAY, NOW + 32 * DAY),  # 31 days are not too long
        (NOW - DAY, NOW + 1),  # it is running
        (NOW + 5 * 366 * DAY, NOW + 5 * 366 * DAY + HOUR),
    ],
)
def test_a_window_to_come_passes(start: int, end: int) -> None:
    assert window_fault(start, end, NOW) is None


@pytest.mark.parametrize(
    ("start", "end", "field", "says"),
    [
        (NOW + DAY, NOW + DAY, "end", "later than the start"),
        (NOW + DAY, NOW, "end", "later than the start"),
        (NOW - HOUR, NOW, "end", "this is over already"),
        (NOW + DAY, NOW + 32 * DAY + 1, "end", "at most 31 days long"),
        (NOW + 5 * 366 * DAY + 1, NOW + 5 * 366 * DAY + HOUR, "start", "is the year right?"),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(start: int, end: int, field: str, says: str) -> None:
    fault = window_fault(start, end, NOW)
    assert fault is not None
    assert fault[0] == field
    assert says in fault[1]
