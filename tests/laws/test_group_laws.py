"""The laws of assessment hold of groups, several periods, billing days, caps, rights and amendments too."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_assessment_laws import begin_of, journeys, referred
from world_groups import group_worlds
from worlds import World, laws, unhurried

from upheld.agreements.terms import Term
from upheld.assessment import budget, timeline
from upheld.assessment.advance import advance, assess, start, verdicts
from upheld.assessment.credit import pot_of
from upheld.assessment.verdict import Verdict
from upheld.measurements.model import to_table

pytestmark = unhurried


@pytest.fixture(scope="module", autouse=True)
def _small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "RUN_BLOCK", 8)
        patch.setattr(budget, "FEW_WHOLES", 2)
        yield


@laws(0.7)
@given(group_worlds())
def test_the_fast_model_gives_what_the_reference_gives(world: World) -> None:
    table = to_table(world.measurements)
    found = assess(world.terms, table, world.exclusions, world.as_of, since=world.since, lateness=world.lateness)
    assert found == referred(world)


@laws(0.7)
@given(st.data())
def test_split_order_duplication_and_pulses_end_where_the_reference_ends(data: st.DataObject) -> None:
    world = data.draw(group_worlds())
    state = start(world.terms, since=begin_of(world), lateness=world.lateness)
    told: dict[tuple[str, str, str, int], Verdict] = {}
    for rows, as_of, exclusions in data.draw(journeys(world)):
        state, changes = advance(state, to_table(rows) if rows else None, as_of, exclusions)
        assert all(told.get(v.key) != v for v in changes), "told again though nothing had changed"
        told.update((verdict.key, verdict) for verdict in changes)
    expected = referred(world)
    assert verdicts(state) == expected
    assert [told[v.key] for v in expected] == expected


def term_of(world: World, verdict: Verdict) -> Term:
    return next(
        term
        for term in world.terms
        if term.key == verdict.key[:3]
        and term.valid_from <= verdict.period_start
        and (term.valid_to is None or verdict.period_start < term.valid_to)
    )


@laws(0.4)
@given(group_worlds())
def test_credits_stay_within_the_caps_of_the_service_and_of_the_agreement(world: World) -> None:
    paid = defaultdict[tuple[object, ...], Fraction](Fraction)
    most: dict[tuple[object, ...], Fraction] = {}
    for verdict in referred(world):
        term = term_of(world, verdict)
        if verdict.credit is None:
            assert verdict.claim_by is None
            continue
        charging, pot = term.charging, pot_of(term, (verdict.period_start, verdict.period_end))
        assert charging is not None
        assert (verdict.claim_by is None) == (term.claim_within is None)
        for place, share, charge in (
            (("service", term.service, pot), charging.cap, charging.amount),
            (("agreement", pot), charging.total_cap, charging.total),
        ):
            paid[place] += Fraction(verdict.credit.amount)
            if share is not None:
                most[place] = max(most.get(place, Fraction(0)), charge * pot.charges * share)
    assert all(paid[place] <= limit for place, limit in most.items())


@laws(0.2)
@given(group_worlds())
def test_the_parts_of_an_amended_promise_adjoin_and_are_told_once(world: World) -> None:
    by_promise = defaultdict[tuple[str, str, str], list[Verdict]](list)
    for verdict in referred(world):
        by_promise[verdict.key[:3]].append(verdict)
    for parts in by_promise.values():
        if term_of(world, parts[0]).period.rolling is not None:
            continue
        parts.sort(key=lambda v: v.period_start)
        assert all(a.period_end == b.period_start for a, b in pairwise(parts))


@laws(0.2)
@given(group_worlds())
def test_the_evidence_of_a_group_that_is_down_names_members_that_are(world: World) -> None:
    for verdict in referred(world):
        members = term_of(world, verdict).members
        if members is None or not members.by_slot or term_of(world, verdict).indicator.recovery > 1:  # type: ignore[union-attr]
            continue
        for bad in (e for e in verdict.evidence if e.kind == "bad"):
            named = bad.reason.rpartition(": ")[2].replace(" without data", "").split(", ")
            services = [name for name, _ in members.services]
            assert set(named) <= set(services)
            assert members.rule == "mean" or len(services) - len(named) < members.needs
