"""The laws of what the fleet carries among the accounts: all that is told of any period is what the reference comes to,
wherever the fleet takes over, and whatever comes late for periods that it holds no more."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from worlds import World, laws, unhurried, worlds

from upheld.agreements.units import DAY, END_OF_TIME, MINUTE
from upheld.assessment import reference
from upheld.assessment.advance import advance, conditions, start, verdicts
from upheld.assessment.carried import hand_over
from upheld.assessment.columns import Rows, SeriesKey
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, holding, to_table

pytestmark = unhurried


class Log:
    """The measurements that have come in."""

    def __init__(self) -> None:
        self._rows: dict[SeriesKey, list[Measurement]] = defaultdict(list)

    def append(self, rows: Sequence[Measurement]) -> None:
        for m in rows:
            self._rows[m.service, m.metric].append(m)

    def rows(self, service: str, metric: str, start: int, end: int) -> Rows:
        held = sorted(holding(self._rows[service, metric]).values(), key=lambda m: m.time)
        own = [m for m in held if start <= m.time < end]
        return Rows(
            np.array([m.time for m in own], np.int64),
            np.array([np.nan if m.value is None else m.value for m in own], np.float64),
            np.array([-1 if m.good is None else m.good for m in own], np.int64),
            np.array([-1 if m.total is None else m.total for m in own], np.int64),
            np.array([m.known_at for m in own], np.int64),
        )

    def rows_together(self, series: Collection[SeriesKey], start: int, end: int) -> Mapping[SeriesKey, Rows]:
        return {key: self.rows(*key, start, end) for key in series}

    def every_row(self, series: Collection[SeriesKey]) -> Iterator[tuple[SeriesKey, Rows]]:
        for key in series:
            yield key, self.rows(*key, 0, END_OF_TIME)


@st.composite
def journeys(draw: st.DrawFn, world: World, begin: int) -> list[tuple[list[Measurement], int, Sequence[Exclusion]]]:
    """The world in any order, some of it twice, and a pulse after each part, days or minutes after the one before."""
    rows = draw(st.permutations(world.measurements)) if draw(st.booleans()) else list(world.measurements)
    if rows and draw(st.booleans()):
        rows = [*rows, *draw(st.lists(st.sampled_from(rows), max_size=6))]
    steps = draw(st.integers(1, 6))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), min_size=steps - 1, max_size=steps - 1)))
    batches = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    known = st.sampled_from([world.exclusions, world.exclusions[:1], ()])
    journey, as_of = [], begin + draw(st.integers(1, 100)) * MINUTE
    for batch in batches:
        journey.append((batch, as_of, draw(known)))
        as_of += draw(
            st.one_of(st.integers(0, 200).map(lambda n: n * MINUTE), st.integers(0, 9).map(lambda n: n * DAY))
        )
    return [*journey, ([], max(as_of, world.as_of), world.exclusions)]


@laws(0.7)
@given(st.data())
def test_what_was_told_last_of_each_period_is_what_the_reference_gives(data: st.DataObject) -> None:
    world = data.draw(worlds())
    if not world.measurements:
        return
    begin = world.since if world.since is not None else min(m.time for m in world.measurements)
    journey = data.draw(journeys(world, begin))
    taken_over_at = data.draw(st.integers(0, len(journey) - 1))
    log, heard, told = Log(), list[Measurement](), dict[tuple[str, str, str, int], Verdict]()
    state = start(world.terms, since=begin, lateness=world.lateness)
    for at, (rows, as_of, exclusions) in enumerate(journey):
        log.append(rows)
        heard += rows
        state, changed = advance(state, to_table(rows) if rows else None, as_of, exclusions)
        told |= {verdict.key: verdict for verdict in changed}
        expected = reference.assess(world.terms, heard, exclusions, as_of, since=begin, lateness=world.lateness)
        for verdict in expected:
            assert asdict(told[verdict.key]) == asdict(verdict)
        assert [v.key for v in verdicts(state)] == [v.key for v in expected]
        if at == taken_over_at:
            hand_over(state, log)


@laws(0.7)
@given(st.data())
def test_the_fleet_tells_how_a_service_is_as_its_account_would(data: st.DataObject) -> None:
    world = data.draw(worlds())
    if not world.measurements:
        return
    begin = world.since if world.since is not None else min(m.time for m in world.measurements)
    log, carried = Log(), start(world.terms, since=begin, lateness=world.lateness)
    alone = start(world.terms, since=begin, lateness=world.lateness)
    for rows, as_of, exclusions in data.draw(journeys(world, begin)):
        log.append(rows)
        table = to_table(rows) if rows else None
        carried, _ = advance(carried, table, as_of, exclusions)
        alone, _ = advance(alone, table, as_of, exclusions)
        found = conditions(carried)
        for key, condition in conditions(alone).items():
            recent = condition.bad_until is not None and condition.bad_until > as_of - DAY
            if recent:
                assert found[key] == condition
        hand_over(carried, log)
