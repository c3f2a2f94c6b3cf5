"""The laws of the sketch: its error, that it is the same however its values come together, and that they can be taken
back. Against the values themselves, and against the package `ddsketch`."""

from fractions import Fraction

import numpy as np
import pytest
from ddsketch import DDSketch
from hypothesis import example, given
from hypothesis import strategies as st
from worlds import laws, unhurried

from upheld.assessment.sketch import (
    RELATIVE_ERROR,
    SMALLEST,
    Sketch,
    cuts,
    figure_at,
    keys_of,
    merged,
    middles_of,
    retracted,
    sketch_of,
    stand_in,
)

pytestmark = unhurried

ERROR = Fraction(RELATIVE_ERROR)
_values = st.lists(
    st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(-100, 100),
        st.sampled_from([0.0, -0.0, 1.0, 1.5, 40.0, -40.0, SMALLEST, -SMALLEST, 5e-324, 1.7976931348623157e308]),
    ),
    max_size=40,
)
_some_values = _values.filter(bool)


def same(one: Sketch, other: Sketch) -> bool:
    return one.keys.tolist() == other.keys.tolist() and one.counts.tolist() == other.counts.tolist()


def of(values: list[float]) -> Sketch:
    return sketch_of(np.array(values, np.float64))


def is_near(figure: float, exact: float) -> bool:
    """Whether a figure is within the stated error of the exact one, or both are as good as zero."""
    if abs(exact) < SMALLEST:
        return figure == 0
    return abs(Fraction(figure) - Fraction(exact)) <= ERROR * abs(Fraction(exact))


@laws()
@given(_some_values)
@example([1.0, 1.0078124999999998])
@example([1.7976931348623157e308])
def test_a_figure_of_any_rank_is_within_the_stated_error(values: list[float]) -> None:
    for rank, exact in enumerate(sorted(values), 1):
        assert is_near(figure_at(of(values), rank), exact)


@laws()
@given(_some_values)
def test_a_value_is_nearer_to_the_middle_of_its_bucket_than_the_error_and_middles_keep_their_order(
    values: list[float],
) -> None:
    keys = keys_of(np.array(sorted(values)))
    assert (np.diff(keys) >= 0).all()
    middles = middles_of(keys)
    assert (np.diff(middles) >= 0).all()
    assert keys_of(middles).tolist() == keys.tolist()
    assert keys_of(-middles).tolist() == (-keys).tolist()


_limits = st.one_of(
    _some_values.map(lambda some: some[0]), st.sampled_from([1e-310, -1e-310, float("inf"), -float("inf")])
)


@laws()
@given(_some_values, _limits, st.booleans())
@example([SMALLEST, 5e-324, 0.0, -5e-324, -SMALLEST], 0.0, False)
@example([40.0, 40.1, 40.24, 40.25], 40.1, True)
@example([-40.0, -40.1, -40.24, -40.25], -40.1, True)
@example([1.7976931348623157e308, -1.7976931348623157e308], 1.7976931348623157e308, True)
def test_what_stands_for_a_value_is_below_a_limit_where_the_value_is_below_its_cut(
    values: list[float], limit: float, at_a_middle: bool
) -> None:
    limit = stand_in(limit) if at_a_middle and abs(limit) != float("inf") else limit
    first, second = cuts(limit)
    for value in [*values, first, second, float(np.nextafter(first, -1)), float(np.nextafter(second, -1))]:
        if abs(value) != float("inf"):
            assert (stand_in(value) < limit) == (value < first)
            assert (stand_in(value) <= limit) == (value < second)


@laws()
@given(st.lists(_values, max_size=5), st.randoms(use_true_random=False))
def test_parts_in_any_order_make_the_whole(parts: list[list[float]], random) -> None:
    whole = [value for part in parts for value in part]
    random.shuffle(whole)
    sketches = [of(part) for part in parts]
    random.shuffle(sketches)
    assert same(merged(*sketches), of(whole))
    assert len(merged(*sketches)) == len(whole)


@laws()
@given(_values, _values)
def test_values_that_are_taken_back_leave_no_trace(kept: list[float], gone: list[float]) -> None:
    assert same(retracted(of(kept + gone), of(gone)), of(kept))
    assert same(merged(retracted(of(kept + gone), of(gone)), of(gone)), of(gone + kept))


def test_what_was_not_counted_cannot_be_taken_back() -> None:
    with pytest.raises(AssertionError, match="only what was counted can be taken back"):
        retracted(of([1.0]), of([2.0]))


@laws(0.5)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), st.integers(1, 60))
def test_it_is_as_near_as_the_package_promises_to_be(values: list[float], cut: int) -> None:
    theirs, other = DDSketch(float(ERROR)), DDSketch(float(ERROR))
    for value in values[:cut]:
        theirs.add(value)
    for value in values[cut:]:
        other.add(value)
    theirs.merge(other)
    ours = merged(of(values[:cut]), of(values[cut:]))
    assert len(ours) == theirs.count
    for rank, exact in enumerate(sorted(values), 1):
        # the package looks up the rank q (n - 1), from 0 on; in floats, whose rounding is allowed for here
        quantile = (rank - 1) / (len(values) - 1) if len(values) > 1 else 0.0
        if quantile * (len(values) - 1) == rank - 1 and abs(exact) > SMALLEST * 1.02:
            assert abs(theirs.get_quantile_value(quantile) - exact) <= (float(ERROR) + 1e-9) * abs(exact)
        assert is_near(figure_at(ours, rank), exact)


def test_a_latency_of_a_million_measurements_is_told_in_few_buckets() -> None:
    values = np.random.default_rng(5).lognormal(3, 1, 1_000_000)
    sketch = sketch_of(values)
    assert len(sketch) == len(values)
    assert len(sketch.keys) < 2_500
    exact = np.partition(values, 949_999)[949_999]
    assert is_near(figure_at(sketch, 950_000), float(exact))
