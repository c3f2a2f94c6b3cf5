"""The parts of the fast model, each against the plain rule it computes."""

import itertools
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from worlds import laws, unhurried

from upheld.agreements.indicators import Availability
from upheld.agreements.units import Bound, decimal_text
from upheld.assessment import budget, exact, reference_slots
from upheld.assessment.columns import Series, series_in
from upheld.assessment.runs import count_runs
from upheld.measurements.model import Measurement, holding, to_table

pytestmark = unhurried

# -- runs -----------------------------------------------------------------------------------------------------------

BAD, GOOD, GAP = "bad", "good", "excluded"


def counted(states: list[str], consecutive: int, recovery: int) -> tuple[list[int], list[int], list[int]]:
    """Of the reference: which slots count as bad, when each was counted, and which are undecided."""
    slots = [reference_slots.Slot(i, s, [], Fraction(s == BAD), i, bad=s == BAD) for i, s in enumerate(states)]
    timeline = reference_slots.Timeline(0, slots)
    rule = {"kind": "availability", "metric": "m", "good_when": ">= 1"}
    reference_slots.count_runs(timeline, Availability(**rule, consecutive=consecutive, recovery=recovery))
    bad = [s for s in slots if s.bad]
    return [s.number for s in bad], [s.counted_at for s in bad], sorted(timeline.undecided)


@laws()
@given(st.lists(st.sampled_from([BAD, GOOD, GAP]), max_size=40), st.integers(1, 4), st.integers(1, 4))
@example([BAD, BAD, GOOD, BAD, GAP, GOOD, GOOD, BAD, BAD], 2, 2)
def test_runs_are_counted_as_slot_by_slot_and_can_be_taken_up_anywhere(
    states: list[str], consecutive: int, recovery: int
) -> None:
    expected = counted(states, consecutive, recovery)
    raw = np.array([s == BAD for s in states], np.bool_)
    takes_part = np.array([s != GAP for s in states], np.bool_)
    stops = np.arange(len(states) + 1)
    runs = count_runs(raw, takes_part, consecutive, recovery, False, stops)
    bad = np.flatnonzero(runs.bad)
    assert (bad.tolist(), (bad + runs.late[bad]).tolist(), runs.undecided.tolist()) == expected
    for stop, resume in zip(stops, runs.resumes, strict=True):
        assert resume.index <= stop
        rest = count_runs(
            raw[resume.index :], takes_part[resume.index :], consecutive, recovery, resume.down, stops[:0]
        )
        assert rest.bad.tolist() == runs.bad[resume.index :].tolist()
        assert rest.late.tolist() == runs.late[resume.index :].tolist()


# -- exact figures --------------------------------------------------------------------------------------------------

_shares = st.fractions(0, 1, max_denominator=1000)
_bases = st.one_of(st.integers(0, 60), st.integers(0, 2**63 - 1))


@laws()
@given(_shares, st.lists(st.tuples(_bases, _bases), max_size=6))
def test_shares_are_compared_exactly_whatever_the_size(share: Fraction, pairs: list[tuple[int, int]]) -> None:
    spent, base = (np.array([p[i] for p in pairs], np.int64) for i in (0, 1))
    assert exact.exceeds(spent, share, base).tolist() == [s > share * b for s, b in pairs]
    assert exact.reaches(spent, share, base).tolist() == [s >= share * b for s, b in pairs]


_wholes = st.one_of(st.integers(1, 8), st.integers(1, 2**62))
_ratios = st.lists(_wholes.flatmap(lambda w: st.tuples(st.integers(1, w), st.just(w))), min_size=1, max_size=9)


@laws()
@given(_ratios, st.lists(st.integers(0, 12), min_size=1, max_size=3), st.sampled_from([Fraction(1, 4), Fraction(1, 3)]))
def test_sums_of_ratios_are_compared_exactly_also_where_they_tie(
    ratios: list[tuple[int, int]], bases: list[int], share: Fraction
) -> None:
    part, whole = (np.array([r[i] for r in ratios], np.int64) for i in (0, 1))
    sums = budget._RatioSums(budget.Shortfalls(np.arange(len(ratios)), part, whole))
    ranges = list(itertools.combinations(range(len(ratios) + 1), 2)) * len(bases)
    base = np.resize(np.array(bases), len(ranges))
    starts, ends = np.array(ranges).T
    spent = [sum((Fraction(*r) for r in ratios[a:b]), Fraction(0)) for a, b in ranges]
    limits = [share * int(b) for b in base]
    over = sums.compare(starts, ends, share, base, or_equal=False)
    reached = sums.compare(starts, ends, share, base, or_equal=True)
    assert over.tolist() == [s > limit for s, limit in zip(spent, limits, strict=True)]
    assert reached.tolist() == [s >= limit for s, limit in zip(spent, limits, strict=True)]
    low, high = exact.ratios_within(part, whole)
    assert low <= exact.sum_of_ratios(part, whole) == spent[len(ratios) - 1] <= high
    assert high - low <= Fraction(len(ratios), 2**108)


_floats = st.one_of(
    st.sampled_from([0.1, 0.2, 0.3, 1.0, -1.0, 1e16, 1e-16, 1e308, -1e308, 5e-324, -0.0]),
    st.sampled_from(
        [29.5, 65.9, 51.7, 94.2, 34.1, 55.08, 0.30000000000000004, 1e15, 123456.789, 1e-9, 999999999999999.0]
    ),
    st.decimals(-1000, 1000, places=2).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
)
_operators = st.sampled_from(["<=", ">=", "<", ">", "==", "!="])


@laws(2.0)
@given(st.lists(_floats, min_size=1, max_size=8), st.booleans(), _operators)
@example([0.1, 0.1, 0.1], True, "<=")
@example([0.1, 0.2], False, "<=")
@example([29.5, 65.9, 51.7, 94.2, 34.1], True, "<=")
@example([1e308, 1e308, -1e308], False, "<=")
@example([0.1 + 0.2, 5e-324], False, ">=")
def test_sums_and_means_are_those_of_the_decimals_that_were_written(
    values: list[float], mean: bool, operator: str
) -> None:
    array = np.array(values)

    def plain(some: list[float]) -> Fraction:
        return sum(map(Fraction, map(repr, some)), Fraction(0)) / (len(some) if mean else 1)

    found = exact.exact_figure(array, mean=mean, places=12)
    assert decimal_text(found, 12) == decimal_text(plain(values), 12)
    ranges = list(itertools.combinations(range(len(values) + 1), 2))
    starts, ends = np.array(ranges).T
    limits = [repr(v) for v in values] + [decimal_text(plain(values), 340), "0.30000000000000000001"]
    for limit in limits:
        bound = Bound(operator, Decimal(limit))
        met = exact.FloatSums(array).hold(bound, starts, ends, mean=mean)
        assert met.tolist() == [bound.holds(plain(values[a:b])) for a, b in ranges]


@laws()
@given(st.lists(_floats, max_size=4))
@example([0.1, 12.25])
def test_decimals_that_are_short_are_found_as_they_were_written(values: list[float]) -> None:
    found = exact.short_decimals(np.array(values, np.float64))
    if found is not None:
        assert [Fraction(n, 10 ** found[1]) for n in found[0].tolist()] == [Fraction(repr(v)) for v in values]
    elif values:
        assert any(
            -Decimal(repr(v)).as_tuple().exponent > 9 or abs(v) * 10.0**9 * len(values) >= 1e15  # type: ignore[operator]
            for v in values
        )


# -- rows -----------------------------------------------------------------------------------------------------------

_figures: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"value": v} for v in (0.0, -0.0, 1.0, -1.0)]
    + [{"good": g, "total": t} for g, t in ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2))]
)
_rows = st.builds(
    lambda time, known_at, figures: Measurement("s", "m", time, known_at=known_at, **figures),
    st.integers(0, 4),
    st.integers(0, 1),
    _figures,
)


@laws()
@given(st.lists(st.lists(_rows, max_size=6), min_size=1, max_size=4))
def test_the_rows_that_hold_are_those_of_the_model(batches: list[list[Measurement]]) -> None:
    series = Series()
    for batch in batches:
        for _, rows in series_in(to_table(batch), {("s", "m")}):
            touched = series.take_in(rows)
            assert touched.tolist() == sorted({m.time for m in batch})
    found = series.between(-1, 99)
    held = sorted(holding(itertools.chain(*batches)).values(), key=lambda m: m.time)
    assert found.time.tolist() == [m.time for m in held]
    assert found.known_at.tolist() == [m.known_at for m in held]
    assert [None if math.isnan(v) else repr(v) for v in found.value.tolist()] == [
        None if m.value is None else repr(m.value) for m in held
    ]
    assert found.total.tolist() == [-1 if m.total is None else m.total for m in held]
    assert found.good.tolist() == [-1 if m.good is None else m.good for m in held]


def test_rows_come_apart_by_series_and_others_are_passed_over() -> None:
    rows = [Measurement(s, m, t, value=float(t)) for t in range(3) for s in "ba" for m in ("x", "y", "z")]
    found = {key: rows.time.tolist() for key, rows in series_in(to_table(rows), {("a", "x"), ("b", "z")})}
    assert found == {("a", "x"): [0, 1, 2], ("b", "z"): [0, 1, 2]}


@pytest.mark.parametrize("order", [(0.0, -0.0), (-0.0, 0.0)])
def test_the_order_of_arrival_decides_nothing_not_even_the_sign_of_zero(order: tuple[float, float]) -> None:
    (held,) = holding(Measurement("s", "m", 0, value=value) for value in order).values()
    assert repr(held.value) == "0.0"
