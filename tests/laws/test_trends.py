"""Soft thresholds over many slot ends at once, against the plain rules they compute."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from worlds import laws, unhurried

from upheld.assessment import budget, reference_trends
from upheld.assessment.exact import added, times
from upheld.assessment.trends import Ends, Whole, lingers, standing_since

pytestmark = unhurried

_stretches = st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=8)


def told_of(stretches: list[tuple[bool, int]]) -> list[bool]:
    return [crossed for crossed, count in stretches for _ in range(count)]


@laws()
@given(_stretches, st.one_of(st.integers(1, 6), st.integers(1, 900)), st.integers(0, 40))
@example([(True, 1), (False, 300), (True, 1)], 301, 0)
@example([(True, 1), (False, 301), (True, 1)], 301, 0)
@example([(True, 1), (False, 300)], 301, 0)
@example([(True, 1), (False, 301)], 301, 0)
def test_a_standing_holds_since_its_last_break(stretches: list[tuple[bool, int]], n: int, earliest: int) -> None:
    flags = told_of(stretches)
    crossed = [i for i, flag in enumerate(flags) if flag and i >= earliest]
    expected, at, behind = None, len(flags) - 1, {i + k for i in crossed for k in range(n)}
    while at >= earliest and at in behind:
        expected, at = at, at - 1
    assert standing_since(np.array(flags, np.bool_), n, earliest) == expected


@laws()
@given(_stretches.filter(bool), st.integers(1, 900), st.integers(0, 500))
def test_what_was_crossed_lingers_also_where_only_changes_are_told(
    stretches: list[tuple[bool, int]], clear_after: int, later: int
) -> None:
    flags = told_of(stretches)
    flags += [flags[-1]] * later  # nothing changes after the last that is told
    changes = [i for i in range(len(flags)) if i == 0 or flags[i] != flags[i - 1]]
    crossed = [i for i, flag in enumerate(flags) if flag]
    newest = len(flags) - 1
    found = lingers(np.array(changes), np.array([flags[i] for i in changes]), newest, clear_after)
    assert found == reference_trends.lingers(crossed, newest, clear_after)


_wholes = st.one_of(st.integers(1, 8), st.integers(1, 2**62))
_ratios = st.lists(_wholes.flatmap(lambda w: st.tuples(st.integers(1, w), st.just(w))), min_size=1, max_size=9)


@pytest.mark.parametrize("few", [0, 64], ids=["by fractions", "in common units"])
@laws()
@given(_ratios, st.integers(0, 9), st.integers(1, 50), st.integers(0, 50), st.integers(-2, 2))
@example([(1, 3)] * 6, 3, 3, 6, 0)
def test_sums_of_ratios_that_go_on_are_compared_exactly(
    few: int, ratios: list[tuple[int, int]], lately: int, counting: int, to_come: int, beside: int
) -> None:
    part, whole = (np.array([r[i] for r in ratios], np.int64) for i in (0, 1))
    late = min(lately, len(ratios))
    total, last = (sum((Fraction(*r) for r in some), Fraction(0)) for some in (ratios, ratios[late:]))
    then = total * counting + last * to_come
    base = 7 * counting
    share = then / base + Fraction(beside, 2**80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "FEW_WHOLES", few)
        sums = budget._RatioSums(budget.Shortfalls(np.arange(len(ratios)), part, whole))
        one = (np.array([n]) for n in (0, late, len(ratios)))
        found = sums.outgrow(*one, (np.array([counting]), np.array([to_come])), share, np.array([base]))
    assert found.tolist() == [then > share * base]


_counts = st.one_of(st.integers(0, 9), st.integers(0, 2**62))


@laws()
@given(st.lists(_counts, min_size=1, max_size=8), st.lists(_counts, min_size=8, max_size=8))
def test_products_and_sums_never_overflow(some: list[int], others: list[int]) -> None:
    one, other = np.array(some, np.int64), np.array(others[: len(some)], np.int64)
    assert times(one, other).tolist() == [a * b for a, b in zip(some, others, strict=False)]
    assert added(one, other).tolist() == [a + b for a, b in zip(some, others, strict=False)]


@laws()
@given(st.lists(_counts, min_size=1, max_size=8), st.integers(1, 8), st.integers(1, 50), st.integers(0, 50))
def test_events_that_go_on_are_compared_exactly_whatever_their_size(
    spent: list[int], slots: int, counting: int, to_come: int
) -> None:
    last = np.arange(1, len(spent) + 1)
    sums = np.concatenate([[0], np.cumsum(np.array(spent, object))])
    whole = Whole(Ends(np.zeros_like(last), last), sums)
    totals = [sum(spent[:end]) * counting + sum(spent[max(end - slots, 0) : end]) * to_come for end in last]
    base = np.array([max(totals[-1], 1)] * len(spent), object)
    factors = np.full(len(spent), counting), np.full(len(spent), to_come)
    for share in (Fraction(1, 3), Fraction(1), Fraction(totals[-1] - 1, base[0]) if totals[-1] else Fraction(1)):
        found = whole.runs_over(slots, *factors, share, base)
        some = [sum(spent[max(end - slots, 0) : end]) > 0 for end in last]
        assert found.tolist() == [s and t > share * base[0] for s, t in zip(some, totals, strict=True)]
