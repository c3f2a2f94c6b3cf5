"""Intervals against the sets of whole numbers that they cover."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.intervals import Interval, minus, overlap, union

INTERVALS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(lambda one: one[0] < one[1]), max_size=6)


def covered(intervals: Sequence[Interval]) -> set[int]:
    return {instant for start, end in intervals for instant in range(start, end)}


@given(INTERVALS)
def test_a_union_is_in_order_and_apart(some: list[Interval]) -> None:
    found = union(some)
    assert covered(found) == covered(some)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(found))


@given(INTERVALS, INTERVALS)
def test_what_is_inside_and_what_is_outside_is_told_of_each(some: list[Interval], others: list[Interval]) -> None:
    inside, outside = overlap(some, others), minus(some, others)
    assert covered(inside) == covered(some) & covered(others)
    assert covered(outside) == covered(some) - covered(others)
    length = sum(end - start for start, end in some)
    assert sum(end - start for start, end in (*inside, *outside)) == length
