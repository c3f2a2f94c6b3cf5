"""What is read together: within bounds, and as it would be read one by one."""

from collections.abc import Mapping, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upheld.assessment.columns import Rows, SeriesKey
from upheld.assessment.foreseen import MOST_SERIES, MOST_SLOTS, Foreseen, portions

A, B, C = ("a", "up"), ("b", "up"), ("c", "up")


def rows(*times: int) -> Rows:
    counts = np.full(len(times), -1, np.int64)
    return Rows(np.array(times, np.int64), np.ones(len(times)), counts, counts, counts)


def read(series: Sequence[SeriesKey], start: int, end: int) -> Mapping[SeriesKey, Rows]:
    held = {A: (1, 2, 3), B: (2, 9)}
    return {key: rows(*(t for t in held[key] if start <= t < end)) for key in series if key in held}


def test_what_was_read_together_is_given_in_part_and_nothing_else_is() -> None:
    foreseen = Foreseen(read)
    foreseen.read([A, C], 0, 3)
    found = foreseen.rows(A, 2, 3)
    assert found is not None
    assert found.time.tolist() == [2]
    empty = foreseen.rows(C, 0, 3)
    assert empty is not None
    assert len(empty) == 0
    assert foreseen.rows(A, 0, 4) is None, "beyond what was read"
    assert foreseen.rows(B, 0, 3) is None, "of another series"
    foreseen.read([A, B], 0, 9)
    assert foreseen.rows(C, 0, 3) is None, "of what was read before"


def test_one_series_is_not_read_ahead_nor_is_anything_where_nobody_can() -> None:
    foreseen = Foreseen(read)
    foreseen.read([A], 0, 9)
    assert foreseen.rows(A, 0, 9) is None
    foreseen = Foreseen(None)
    foreseen.read([A, B], 0, 9)
    assert foreseen.rows(A, 0, 9) is None


spans = st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)).map(lambda span: (min(span), max(span)))


@given(st.dictionaries(st.integers(0, 10**4), spans, max_size=30))
def test_portions_have_each_member_once_within_what_they_span(reads: dict[int, tuple[int, int]]) -> None:
    found = list(portions(reads))
    assert sorted(member for one in found for member in one.members) == sorted(reads)
    for one in found:
        assert all(one.first <= reads[m][0] and reads[m][1] <= one.last for m in one.members)


def test_portions_are_bounded() -> None:
    many = dict.fromkeys(range(2 * MOST_SERIES), (100, 200)) | {-1: (0, 10 * MOST_SLOTS)}
    assert [len(one.members) for one in portions(many)] == [1, MOST_SERIES, MOST_SERIES]
