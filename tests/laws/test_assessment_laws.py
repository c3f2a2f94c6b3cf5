"""The laws of assessment: the fast model is the reference model, however its input comes in. See DESIGN: rule 2."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import SERVICES, World, laws, unhurried, worlds

from upheld.agreements.indicators import Aggregate, Ratio
from upheld.agreements.terms import Term
from upheld.agreements.units import HOUR, MINUTE, Bound
from upheld.assessment import budget, reference, timeline
from upheld.assessment.advance import State, advance, assess, conditions, start, verdicts
from upheld.assessment.grants import PART_OF_A_SLOT
from upheld.assessment.reference_slots import Slot, timeline_of
from upheld.assessment.verdict import Evidence, Verdict
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion
from upheld.measurements.model import Measurement, to_table

pytestmark = unhurried


@pytest.fixture(scope="module", autouse=True)
def _small_blocks() -> Iterator[None]:
    """Worlds are small: what the fast model does in blocks of thousands, it does here in blocks of a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "RUN_BLOCK", 8)
        patch.setattr(budget, "FEW_WHOLES", 2)
        yield


def referred(world: World) -> list[Verdict]:
    return reference.assess(
        world.terms, world.measurements, world.exclusions, world.as_of, since=world.since, lateness=world.lateness
    )


def begin_of(world: World) -> int:
    if world.since is not None:
        return world.since
    return min((m.time for m in world.measurements), default=world.as_of - 1)


@laws(2.0)
@given(st.booleans().flatmap(worlds))
def test_the_fast_model_gives_what_the_reference_gives(world: World) -> None:
    table = to_table(world.measurements)
    found = assess(world.terms, table, world.exclusions, world.as_of, since=world.since, lateness=world.lateness)
    assert found == referred(world)


@st.composite
def journeys(draw: st.DrawFn, world: World) -> list[tuple[list[Measurement], int, Sequence[Exclusion] | None]]:
    """The world in any order, some of it twice, cut into batches, with pulses between and exclusions at any time."""
    rows = draw(st.permutations(world.measurements)) if draw(st.booleans()) else list(world.measurements)
    if rows and draw(st.booleans()):
        rows = [*rows, *draw(st.lists(st.sampled_from(rows), max_size=6))]
    steps = draw(st.integers(1, 7))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), min_size=steps - 1, max_size=steps - 1)))
    batches = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    back = st.integers(0, 100 * 60).map(lambda minutes: world.as_of - minutes * MINUTE)
    instants = sorted(draw(st.lists(back, min_size=steps, max_size=steps)), reverse=not draw(st.integers(0, 4)))
    known = st.one_of(st.none(), st.just(world.exclusions), st.just(world.exclusions[:1]), st.just(()))
    journey = [(batch, as_of, draw(known)) for batch, as_of in zip(batches, instants, strict=True)]
    return [*journey, ([], world.as_of, world.exclusions)]


@pytest.mark.parametrize("restarts", [False, True], ids=["at once", "restarted"])
@laws()
@given(st.data())
def test_split_order_duplication_pulses_and_restart_end_where_the_reference_ends(
    restarts: bool, data: st.DataObject
) -> None:
    world = data.draw(worlds(trends=data.draw(st.booleans())))
    journey = data.draw(journeys(world))
    restart_at = data.draw(st.integers(0, len(journey))) if restarts else None
    log: list[pa.Table] = []
    state = start(world.terms, since=begin_of(world), lateness=world.lateness)
    told: dict[tuple[str, str, str, int], Verdict] = {}
    for step, (rows, as_of, exclusions) in enumerate(journey):
        batch = to_table(rows) if rows else None
        if step == restart_at:
            state = start(world.terms, since=begin_of(world), lateness=world.lateness)
            for logged in log:
                state, changes = advance(state, logged, as_of)
                told.update((verdict.key, verdict) for verdict in changes)
        state, changes = advance(state, batch, as_of, exclusions)
        log += [] if batch is None else [batch]
        assert len({v.key for v in changes}) == len(changes)
        if restart_at is None:
            assert all(told.get(v.key) != v for v in changes), "told again though nothing had changed"
        told.update((verdict.key, verdict) for verdict in changes)
    expected = referred(world)
    assert verdicts(state) == expected
    assert [told[v.key] for v in expected] == expected, "the last change told of a key is its verdict"


@laws(0.5)
@given(worlds())
def test_shards_by_service_give_the_same_verdicts(world: World) -> None:
    since, sharded = begin_of(world), []
    for service in SERVICES:
        terms = [t for t in world.terms if t.service == service]
        rows = to_table([m for m in world.measurements if m.service == service])
        exclusions = [x for x in world.exclusions if x.service in (service, EVERY_SERVICE)]
        sharded += assess(terms, rows, exclusions, world.as_of, since=since, lateness=world.lateness)
    assert {v.key: v for v in sharded} == {v.key: v for v in referred(world)}


@laws(0.5)
@given(worlds())
def test_conditions_tell_the_last_bad_slot_and_the_good_time_since(world: World) -> None:
    since = begin_of(world)
    state, _ = advance(
        start(world.terms, since=since, lateness=0), to_table(world.measurements), world.as_of, world.exclusions
    )
    found = conditions(state)
    assert set(found) == {term.key for term in world.terms}
    for term in world.terms:
        slots = reference_slots(term, world, since)
        width = term.indicator.slot
        bad = [(s.number + 1) * width for s in slots if s.bad or misses_softly(term, s)]
        good = [s for s in slots if s.state in ("good", "value") and (not bad or (s.number + 1) * width > bad[-1])]
        assert found[term.key].bad_until == (bad[-1] if bad else None)
        assert found[term.key].good_for == len(good) * width


def misses_softly(term: Term, slot: Slot) -> bool:
    """Whether a slot's own figures miss the softer target of its term."""
    soft = term.warning.target if term.warning is not None else None
    if isinstance(term.indicator, Aggregate) and isinstance(soft, Bound):
        return term.indicator.aggregate != "sum" and any(not soft.holds(m.value or 0.0) for m in slot.measurements)
    if isinstance(term.indicator, Ratio) and isinstance(soft, Fraction):
        return slot.state == "value" and slot.spends > 1 - soft
    return False


def reference_slots(term: Term, world: World, since: int) -> list[Slot]:
    """The reference's slots of a term, over all that assessing it looks at."""
    begin = min(since, world.as_of - 1)
    first, last = reference.horizon(term, begin, world.as_of)
    width = term.indicator.slot
    periods = reference.windows(term, begin, world.as_of)
    if not periods:
        return []
    held = sorted(reference.holding(world.measurements).values(), key=lambda m: m.time)
    own = [m for m in held if (m.service, m.metric) == (term.service, term.indicator.metric)]
    granted = reference.grants(term, world.exclusions, first * width, max(last, periods[-1].last) * width)
    return timeline_of(term, own, granted, first, last).slots


@laws(0.5)
@given(worlds())
def test_the_evidence_tells_what_is_excluded_slot_by_slot(world: World) -> None:
    terms = {term.key: term for term in world.terms}
    for verdict in referred(world):
        width = terms[verdict.key[:3]].indicator.slot
        slots = range(-(-verdict.period_start // width), -(-verdict.period_end // width))
        ended = [n for n in slots if (n + 1) * width <= world.as_of]
        told = [e for e in verdict.evidence if e.kind == "excluded"]
        assert all(e.start % width == 0 == e.end % width for e in _joined(told))
        assert sum(any(e.start <= n * width < e.end for e in _joined(told)) for n in ended) == verdict.excluded
        for part in (e for e in verdict.evidence if e.reason.endswith(PART_OF_A_SLOT)):
            assert part.kind == "not_excluded"
            assert all(part.end <= e.start or e.end <= part.start for e in told)


def _joined(told: Sequence[Evidence]) -> list[Evidence]:
    """Stretches that overlap or touch as one, whatever their reasons."""
    joined: list[Evidence] = []
    for e in sorted(told):
        if joined and e.start <= joined[-1].end:
            joined[-1] = replace(joined[-1], end=max(e.end, joined[-1].end))
        else:
            joined.append(e)
    return joined


@laws(0.5)
@given(worlds())
def test_what_was_measured_outside_of_the_validity_changes_nothing(world: World) -> None:
    for term in world.terms:
        valid = [
            m
            for m in world.measurements
            if term.valid_from <= m.time and (term.valid_to is None or m.time < term.valid_to)
        ]
        since = begin_of(world)
        found = assess([term], to_table(world.measurements), world.exclusions, world.as_of, since=since)
        assert found == assess([term], to_table(valid), world.exclusions, world.as_of, since=since)


@laws(0.5)
@given(worlds())
def test_the_credits_of_a_period_stay_within_the_cap(world: World) -> None:
    terms, paid = {term.key: term for term in world.terms}, defaultdict[tuple[str, str, int], Fraction](Fraction)
    for verdict in referred(world):
        if verdict.credit is not None:
            assert verdict.credit.amount > 0
            paid[verdict.agreement, verdict.service, verdict.period_start] += Fraction(verdict.credit.amount)
    for (agreement, service, _), amount in paid.items():
        term = next(t for key, t in terms.items() if (key[0], key[2]) == (agreement, service))
        assert term.charging is not None
        assert term.charging.cap is None or amount <= term.charging.amount * term.charging.cap


def test_time_never_runs_backwards() -> None:
    state = start((), since=0)
    state, _ = advance(state, None, 5 * HOUR)
    state, _ = advance(state, None, 2 * HOUR)
    assert isinstance(state, State)
    assert state.as_of == 5 * HOUR
