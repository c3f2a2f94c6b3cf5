"""Laws of the two-time ledger: the versions and their causes follow from what became known and when, and from nothing
else. DESIGN rules 2, 9 and 12."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from worlds import World, laws, worlds

from upheld.agreements.units import HOUR
from upheld.assessment.advance import assess
from upheld.assessment.history import history
from upheld.assessment.reference import assess as assess_plainly
from upheld.assessment.versions import Version
from upheld.measurements.exclusions import Exclusion, stands
from upheld.measurements.model import Measurement, to_table

TURN = 12 * HOUR
KNOWLEDGE = st.lists(st.integers(0, 400), min_size=1, max_size=6)


def told_late(world: World, delays: list[int], revoked: bool) -> tuple[list[Measurement], list[Exclusion]]:
    """The world's rows and exclusions, each known when it held or with a later delivery, of which there are two a day;
    every other exclusion revoked later."""
    rows = [
        replace(m, known_at=(max(m.time, m.known_at) // TURN + 1 + late) * TURN if late else max(m.time, m.known_at))
        for i, m in enumerate(world.measurements)
        for late in [delays[i % len(delays)] // 100]
    ]
    exclusions = [
        replace(
            x,
            known_at=x.start + delays[i % len(delays)] * HOUR,
            revoked_at=x.start + (delays[i % len(delays)] + 30) * HOUR if revoked and i % 2 == 0 else None,
            revoked_by="Hedy" if revoked and i % 2 == 0 else None,
        )
        for i, x in enumerate(world.exclusions)
    ]
    return rows, exclusions


def as_one(versions: tuple[Version, ...]) -> object:
    return replace(versions[-1].verdict, version=1)


@laws(0.5)
@given(worlds(), KNOWLEDGE, st.booleans())
def test_the_last_versions_are_the_verdicts_of_today(world: World, delays: list[int], revoked: bool) -> None:
    rows, exclusions = told_late(world, delays, revoked)
    standing = [x for x in exclusions if stands(x)]
    found = history(world.terms, to_table(rows), exclusions, world.as_of)
    assert [as_one(versions) for versions in found] == assess(world.terms, to_table(rows), standing, world.as_of)
    for versions in found:
        assert [v.verdict.version for v in versions] == list(range(1, len(versions) + 1))
        assert [v.known_at for v in versions] == sorted(v.known_at for v in versions)


@laws(0.5)
@given(worlds(), KNOWLEDGE, st.booleans(), st.integers(0, 1000))
def test_neither_order_nor_duplication_changes_a_version_or_its_cause(
    world: World, delays: list[int], revoked: bool, seed: int
) -> None:
    rows, exclusions = told_late(world, delays, revoked)
    chance = random.Random(seed)
    again = rows + [m for m in rows if chance.random() < 0.3]
    chance.shuffle(again)
    once = history(world.terms, to_table(rows), exclusions, world.as_of)
    assert history(world.terms, to_table(again), exclusions[::-1], world.as_of) == once


@laws(0.5)
@given(worlds(), KNOWLEDGE, st.booleans(), st.integers(0, 100))
def test_what_is_known_at_an_instant_is_what_was_told_by_then(
    world: World, delays: list[int], revoked: bool, share: int
) -> None:
    rows, exclusions = told_late(world, delays, revoked)
    instants = sorted({m.known_at for m in rows} | {x.known_at for x in exclusions} | {world.as_of})
    known_at = instants[share * (len(instants) - 1) // 100]
    told = [m for m in rows if m.known_at <= known_at]
    standing = [x for x in exclusions if stands(x, known_at)]
    cut = history(world.terms, to_table(rows), exclusions, world.as_of, known_at=known_at)
    assert [as_one(versions) for versions in cut] == assess_plainly(world.terms, told, standing, world.as_of)
    # What came to be known later adds versions to what was final and takes none back.
    whole = {
        versions[-1].verdict.key: versions for versions in history(world.terms, to_table(rows), exclusions, world.as_of)
    }
    for versions in cut:
        later = whole.get(versions[-1].verdict.key)
        if later is not None and versions[-1].verdict.final and versions[-1].verdict.status != "no_data":
            assert [(v.known_at, v.cause) for v in later[: len(versions)]] == [(v.known_at, v.cause) for v in versions]
