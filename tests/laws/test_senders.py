"""What is known of senders: repetitions and contradictions against a plain count, and sums that no order changes."""

from functools import reduce

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.units import HOUR
from upheld.measurements.model import Measurement, to_table
from upheld.measurements.senders import Lately, Sender, delivery, failure, together

SMALL = st.integers(0, 3)


@st.composite
def rows(draw: st.DrawFn) -> Measurement:
    service, metric, time = f"s{draw(SMALL)}", f"m{draw(SMALL)}", draw(SMALL)
    if draw(st.booleans()):
        return Measurement(service, metric, time, draw(st.sampled_from([0.0, -0.0, 1.0, 2.5])))
    total = draw(SMALL)
    return Measurement(service, metric, time, good=draw(st.integers(0, total)), total=total)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.lists(rows(), max_size=8)), max_size=8))
def test_what_repeats_and_what_contradicts_is_counted_as_one_by_one(
    batches: list[tuple[str, list[Measurement]]],
) -> None:
    lately = Lately(bits=16)
    held: dict[tuple[str, tuple[str, str, int]], tuple[object, ...]] = {}
    for tenant, batch in batches:
        repeats, conflicts = _plain(tenant, batch, held)
        table = to_table(batch)
        half = len(batch) // 2
        in_chunks = pa.concat_tables([table.slice(0, half), table.slice(half)])  # as a reader may give it
        assert lately.note(tenant, in_chunks) == (repeats, conflicts)


def _plain(
    tenant: str, batch: list[Measurement], held: dict[tuple[str, tuple[str, str, int]], tuple[object, ...]]
) -> tuple[int, int]:
    """The rows of each identity compared with its last one, and that with what came before."""
    repeats = conflicts = 0
    by_identity: dict[tuple[str, str, int], list[tuple[object, ...]]] = {}
    for m in batch:
        by_identity.setdefault(m.identity, []).append((m.value, m.good, m.total))
    for identity, figures in by_identity.items():
        before = held.get((tenant, identity))
        for other in [*figures[:-1], *([] if before is None else [before])]:
            repeats += other == figures[-1]
            conflicts += other != figures[-1]
        held[tenant, identity] = figures[-1]
    return repeats, conflicts


def test_what_was_pushed_out_of_a_small_table_is_new_again_and_no_conflict() -> None:
    lately = Lately(bits=1)
    first, many = Measurement("s", "m", 0, 1.0), [Measurement("s", "m", n, 1.0) for n in range(1, 200)]
    assert lately.note("t", to_table([first])) == (0, 0)
    assert lately.note("t", to_table(many)) == (0, 0)
    assert lately.note("t", to_table([Measurement("s", "m", 0, 2.0)])) == (0, 0)


@st.composite
def news(draw: st.DrawFn) -> Sender:
    at = draw(st.integers(0, 4 * HOUR))
    if draw(st.booleans()):
        return failure("probe", at, f"error {at}", future=draw(SMALL), refused=draw(SMALL))
    return delivery("probe", at, at - draw(st.integers(-HOUR, HOUR)), 5, draw(SMALL), draw(SMALL))


@given(st.lists(news(), min_size=1, max_size=8, unique_by=lambda n: n.heard_at), st.randoms())
def test_news_add_up_to_the_same_in_any_order(found: list[Sender], chance: object) -> None:
    in_order = sorted(found, key=lambda one: one.heard_at)
    expected, shuffled = reduce(together, in_order), found.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    came = reduce(together, shuffled)
    # Out of order the lags of an hour that has passed are forgotten, or still there; all else is the same.
    assert came.measurements == expected.measurements == 5 * sum(one.measurements > 0 for one in found)
    assert (came.conflicts, came.duplicates) == (expected.conflicts, expected.duplicates)
    assert (came.future, came.refused) == (expected.future, expected.refused)
    assert (came.delivered_at, came.lag, came.error, came.error_at) == (
        expected.delivered_at,
        expected.lag,
        expected.error,
        expected.error_at,
    )
    assert (came.hour, came.skew) == (expected.hour, expected.skew)


def test_a_clock_that_was_set_right_is_right_after_two_hours_at_most() -> None:
    wrong, right = delivery("probe", HOUR, HOUR + 5, 1, 0, 0), delivery("probe", 2 * HOUR, 2 * HOUR - 3, 1, 0, 0)
    later = delivery("probe", 3 * HOUR, 3 * HOUR - 4, 1, 0, 0)
    assert together(wrong, right).skew == -5
    assert together(together(wrong, right), later).skew == 3
    assert together(wrong, later).skew == 4
