"""The laws of the fleet: what it carries ends where the reference ends, however its input comes in. DESIGN rule 2."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from worlds import World, instant, laws, unhurried, worlds

from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import HOUR, MINUTE
from upheld.assessment import reference
from upheld.assessment.columns import Rows
from upheld.assessment.fleet import STATUSES, Changed, Fleet, advance, carries, open_fleet, pulse, take, verdicts
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, holding, to_table

pytestmark = unhurried


class Log:
    """The measurements that have come in: what a fleet asks for the rows of a slot."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[Measurement]] = defaultdict(list)

    def append(self, rows: Sequence[Measurement]) -> None:
        for m in rows:
            self.rows[m.service, m.metric].append(m)

    def rows_of(self, service: str, metric: str, start: int, end: int) -> Rows:
        held = sorted(holding(self.rows[service, metric]).values(), key=lambda m: m.time)
        own = [m for m in held if start <= m.time < end]
        return Rows(
            np.array([m.time for m in own], np.int64),
            np.array([np.nan if m.value is None else m.value for m in own], np.float64),
            np.array([-1 if m.good is None else m.good for m in own], np.int64),
            np.array([-1 if m.total is None else m.total for m in own], np.int64),
            np.array([m.known_at for m in own], np.int64),
        )


def carried(world: World) -> tuple[Term, ...]:
    return tuple(term for term in world.terms if carries(term))


def begin_of(world: World) -> int:
    return world.since if world.since is not None else min(m.time for m in world.measurements)


def referred(
    world: World, terms: Sequence[Term], rows: Sequence[Measurement], exclusions: Sequence[Exclusion], as_of: int
) -> list[Verdict]:
    return reference.assess(terms, rows, exclusions, as_of, since=begin_of(world), lateness=world.lateness)


def assert_alike(found: Sequence[Verdict], expected: Sequence[Verdict]) -> None:
    """The fleet holds the newest periods of each term; what it holds is as expected."""
    held = {v.key for v in found}
    assert len(held) == len(found)
    for one, other in zip(found, [v for v in expected if v.key in held], strict=True):
        assert asdict(one) == asdict(other)
    assert all(v.key in held or v.final for v in expected), "a period that is not final is held"


@laws(1.5)
@given(worlds())
def test_the_fleet_gives_what_the_reference_gives(world: World) -> None:
    terms = carried(world)
    if not (terms and world.measurements and world.as_of > begin_of(world)):
        return
    log = Log()
    log.append(world.measurements)
    fleet = open_fleet(terms, since=begin_of(world), lateness=world.lateness, rows_of=log.rows_of)
    advance(fleet, to_table(world.measurements), world.as_of, world.exclusions)
    assert_alike(verdicts(fleet), referred(world, terms, world.measurements, world.exclusions, world.as_of))


@st.composite
def journeys(draw: st.DrawFn, world: World) -> list[tuple[list[Measurement], int, Sequence[Exclusion]]]:
    """The world in any order, some of it twice, with a pulse after each part and exclusions granted and revoked."""
    rows = draw(st.permutations(world.measurements)) if draw(st.booleans()) else list(world.measurements)
    if rows and draw(st.booleans()):
        rows = [*rows, *draw(st.lists(st.sampled_from(rows), max_size=6))]
    steps = draw(st.integers(1, 7))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), min_size=steps - 1, max_size=steps - 1)))
    batches = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    back = st.integers(0, 100 * 60).map(lambda minutes: world.as_of - minutes * MINUTE)
    instants = [max(i, begin_of(world) + 1) for i in sorted(draw(st.lists(back, min_size=steps, max_size=steps)))]
    known = st.sampled_from([world.exclusions, world.exclusions[:1], ()])
    journey = [(batch, as_of, draw(known)) for batch, as_of in zip(batches, instants, strict=True)]
    return [*journey, ([], world.as_of, world.exclusions)]


@laws(1.5)
@given(st.data())
def test_at_every_pulse_the_fleet_is_where_the_reference_is(data: st.DataObject) -> None:
    world = data.draw(worlds())
    terms = carried(world)
    if not (terms and world.measurements and world.as_of > begin_of(world)):
        return
    log, heard = Log(), list[Measurement]()
    fleet = open_fleet(terms, since=begin_of(world), lateness=world.lateness, rows_of=log.rows_of)
    for rows, as_of, exclusions in data.draw(journeys(world)):
        log.append(rows)
        heard += rows
        advance(fleet, to_table(rows) if rows else None, as_of, exclusions)
        assert_alike(verdicts(fleet), referred(world, terms, heard, exclusions, as_of))


Told = list[tuple[tuple[str, str, str], int, int, int, int]]


def told(fleet: Fleet, changed: Changed) -> Told:
    """Changes with the keys of their terms instead of the positions."""
    columns = (changed.period_start, changed.instant, changed.before, changed.after)
    keys = [fleet.terms[i].key for i in changed.term.tolist()]
    return sorted(zip(keys, *(column.tolist() for column in columns), strict=True))


@laws(0.7)
@given(st.data())
def test_batching_order_duplicates_and_shards_change_no_change(data: st.DataObject) -> None:
    world = data.draw(worlds())
    terms = carried(world)
    if not (terms and world.measurements and world.as_of > begin_of(world)):
        return
    since = begin_of(world)
    whole, split, sharded = Log(), Log(), Log()
    fleet, other = (
        open_fleet(terms, since=since, lateness=world.lateness, rows_of=log.rows_of) for log in (whole, split)
    )
    shards = [
        open_fleet(own, since=since, lateness=world.lateness, rows_of=sharded.rows_of)
        for service in ("a", "b")
        if (own := [t for t in terms if t.service == service])
    ]
    for rows, as_of, exclusions in data.draw(journeys(world)):
        whole.append(rows)
        sharded.append(rows)
        changes = told(fleet, advance(fleet, to_table(rows) if rows else None, as_of, exclusions))
        again = data.draw(st.permutations(rows + rows[:2]))
        cut = data.draw(st.integers(0, len(again)))
        for part in (again[:cut], again[cut:]):
            split.append(part)
            if part:
                take(other, to_table(part))
        assert told(other, pulse(other, as_of, exclusions)) == changes
        in_shards = [told(s, advance(s, to_table(rows) if rows else None, as_of, exclusions)) for s in shards]
        assert sorted(change for of_shard in in_shards for change in of_shard) == changes
    assert verdicts(other) == verdicts(fleet)


@laws(0.5)
@given(st.data())
def test_what_was_told_last_is_how_it_stands(data: st.DataObject) -> None:
    world = data.draw(worlds())
    terms = tuple(t for t in carried(world) if t.period.rolling is None)
    if not (terms and world.measurements and world.as_of > begin_of(world)):
        return
    log, standing = Log(), dict[tuple[tuple[str, str, str], int], str]()
    fleet = open_fleet(terms, since=begin_of(world), lateness=world.lateness, rows_of=log.rows_of)
    for rows, as_of, exclusions in data.draw(journeys(world)):
        log.append(rows)
        changed = advance(fleet, to_table(rows) if rows else None, as_of, exclusions)
        for key, start, at, before, after in told(fleet, changed):
            assert standing.get((key, start), "no_data") == STATUSES[before]
            standing[key, start] = STATUSES[after]
            found = [v for v in verdicts(fleet) if v.key == (*key, start)]
            if found and after == 3:
                assert found[0].violated_at == at
        for v in verdicts(fleet):
            assert standing.get((v.key[:3], v.period_start), "no_data") == v.status


def test_a_day_that_begins_within_a_slot_is_told_from_its_begin() -> None:
    agreed = Agreement.model_validate(
        {
            "id": "a",
            "customer": "c",
            "time_zone": "Asia/Kolkata",
            "valid": {"from": "2026-01-01"},
            "services": ["a"],
            "objectives": [
                {
                    "id": "o",
                    "indicator": {"kind": "availability", "metric": "m", "good_when": ">= 1", "slot": "1h"},
                    "target": "50 %",
                    "period": {"calendar": "day"},
                }
            ],
        }
    )
    noon = instant("2026-06-01T12:00")
    rows = tuple(Measurement("a", "m", noon + i * HOUR, value=1.0) for i in range(7))
    as_of = instant("2026-06-01T18:45")
    world = World(compile_terms([agreed]), rows, (), as_of, noon, 0)
    log = Log()
    log.append(rows)
    fleet = open_fleet(world.terms, since=noon, rows_of=log.rows_of)
    advance(fleet, to_table(rows), as_of)
    before, begun = verdicts(fleet)
    assert (begun.period_start, begun.status) == (instant("2026-06-01T18:30"), "no_data")
    assert_alike([before, begun], referred(world, world.terms, rows, (), as_of))
