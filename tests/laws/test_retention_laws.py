"""The floor of the log lies above nothing that an unclosed or disputed period needs, and what is removed below it
changes no verdict that is not settled."""

import random
from dataclasses import replace

import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR
from upheld.assessment.advance import assess
from upheld.assessment.retention import floor
from upheld.measurements.model import Measurement, to_table
from upheld.readers.portfolio import parse_portfolio

START = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z, a Monday
SLOT = 12 * HOUR
DAYS = 100
OBJECTIVES = (
    "period: {calendar: week}, target: 80 %",
    "period: {calendar: month}, target: 90 %, credits: [{below: 90 %, share: 40 %}]",
    "period: {calendar: week}, target: 80 %, credits: [{below: 80 %, share: 15 %}]",
    "period: {calendar: day}, target: 80 %, chronic: {violations: 2, within: 1 month}",
    "period: {rolling: 5d}, target: 80 %",
    "period: {rolling: 5d}, target: 60 %, warning: {target: 75 %, clear_after: 3}",
)


def portfolio(objectives, runs, missing, per):
    text = "agreements:\n  - {id: gold, customer: acme, time_zone: Europe/Berlin, valid: {from: 2026-06-01},\n"
    text += f"     services: [a], charge: {{a: {{amount: 100.00, currency: EUR, per: {per}}}}}, credit_cap: 30 %,\n"
    text += "     objectives: ["
    for number, objective in enumerate(objectives):
        kind = f"kind: availability, metric: up, good_when: '>= 1', slot: 12h, missing: {missing}, {runs}"
        text += f"{{id: o{number}, indicator: {{{kind}}}, {objective}}}, "
    return parse_portfolio(text.rstrip(", ") + "]}\n", "portfolio.yaml")


def series(seed, stays):
    """Good and bad slots and some without data, each mostly as the one before."""
    draw, value = random.Random(seed), 1.0
    for _ in range(2 * DAYS):
        value = value if draw.random() < stays else draw.choice([1.0, 1.0, 1.0, 0.0, None])
        yield value


@settings(max_examples=150, deadline=None)
@given(
    objectives=st.lists(st.sampled_from(OBJECTIVES), min_size=1, max_size=3),
    runs=st.sampled_from(["consecutive: 1", "consecutive: 2", "consecutive: 3, recovery: 2"]),
    missing=st.sampled_from(["exclude", "bad", "good"]),
    per=st.sampled_from(["month", "quarter"]),
    seed=st.integers(0, 1_000_000),
    stays=st.sampled_from([0.5, 0.7, 0.9]),
    keep=st.integers(1, 40),
    days=st.integers(30, DAYS - 10),
    picked=st.integers(0, 5),
)
def test_what_is_removed_changes_nothing_that_is_not_settled(
    objectives, runs, missing, per, seed, stays, keep, days, picked
):
    terms = compile_terms(portfolio(objectives, runs, missing, per).agreements)
    rows = [Measurement("a", "up", START + n * SLOT, v) for n, v in enumerate(series(seed, stays)) if v is not None]
    batch = to_table(rows)
    now, later = START + days * DAY, START + DAYS * DAY
    known = assess(terms, batch, [], now, since=START)
    judged = [(next(t for t in terms if t.key == v.key[:3]), v) for v in known]
    disputed = {known[-min(picked, len(known))].key} if picked else set()
    found = floor(terms, judged, disputed, now, now, keep * DAY)
    assert found is not None
    assert found.kept_from <= found.settled <= now - keep * DAY
    for _, verdict in judged:
        if not verdict.final or verdict.key in disputed:
            assert found.settled <= verdict.period_start
    left = batch.filter(pc.greater_equal(batch.column("time"), found.kept_from))
    before, after = (
        {
            v.key: v
            for v in assess(terms, kept, [], at, since=since)
            if v.period_start >= found.settled or v.key in {k.key for k in known if not k.final}
        }
        for kept, at, since in ((batch, later, START), (left, later, max(found.kept_from, START)))
    )
    assert after == before


def test_what_is_not_assessed_yet_is_kept():
    terms = compile_terms(portfolio(OBJECTIVES[:2], "consecutive: 1", "exclude", "month").agreements)
    batch = to_table([Measurement("a", "up", START + n * SLOT, 1.0) for n in range(2 * DAYS)])
    now = START + DAYS * DAY
    known = assess(terms, batch, [], now, since=START)
    judged = [(next(t for t in terms if t.key == v.key[:3]), v) for v in known]
    assert floor(terms, judged, (), now, now, DAY) is not None
    assert floor(terms, [pair for pair in judged if pair[0] is terms[0]], (), now, now, DAY) is None
    until = [(t, v) for t, v in judged if v.period_end <= START + 50 * DAY]
    held = floor(terms, until, (), now, now, DAY)
    assert held is not None
    assert held.settled <= max(v.period_end for t, v in until if t is terms[1])
    claimable = [(t, replace(v, claim_by=now + 1) if v.period_start == START - 2 * HOUR else v) for t, v in judged]
    settled = floor(terms, claimable, (), now, now, DAY)
    assert settled is not None
    assert settled.settled <= START


def told_of_the_rest(terms, batch, now, disputed=()):
    """The newest verdict of each promise, and those that are disputed, by all measurements, and by those that the floor
    keeps."""
    known = assess(terms, batch, [], now, since=START)
    judged = [(next(t for t in terms if t.key == v.key[:3]), v) for v in known]
    found = floor(terms, judged, disputed, now, now, DAY)
    assert found is not None
    left = batch.filter(pc.greater_equal(batch.column("time"), found.kept_from))
    assert left.num_rows < batch.num_rows  # something goes
    again = assess(terms, left, [], now, since=found.kept_from)
    newest = {v.key[:3]: v.key for v in known}
    wanted = {*newest.values(), *disputed}
    return [{v.key: v for v in verdicts if v.key in wanted} for verdicts in (known, again)]


def test_a_run_that_began_in_a_settled_period_is_kept_with_the_good_slots_before_it():
    terms = compile_terms(portfolio(OBJECTIVES[:1], "consecutive: 4, recovery: 2", "exclude", "month").agreements)
    first = 2 * 28  # the first slot of the fifth week; Berlin is two hours ahead, and its Monday begins before
    bad = {*range(first - 3, first + 1), first + 2}  # the run goes on over a good slot, for one does not end it
    batch = to_table([Measurement("a", "up", START + n * SLOT, float(n not in bad)) for n in range(first + 6)])
    known, again = told_of_the_rest(terms, batch, START + (first + 6) * SLOT)
    [verdict] = known.values()
    assert (verdict.bad, verdict.final) == (3, False)  # of a run of six; without what was before there is none
    assert again == known


def test_a_disputed_period_is_kept_with_the_run_that_it_began_in():
    terms = compile_terms(portfolio(OBJECTIVES[:1], "consecutive: 4, recovery: 2", "exclude", "month").agreements)
    first = 2 * 28
    bad = set(range(first - 3, first + 1))
    batch = to_table([Measurement("a", "up", START + n * SLOT, float(n not in bad)) for n in range(first + 40)])
    week = ("gold", "o0", "a", START + 28 * DAY - 2 * HOUR)
    known, again = told_of_the_rest(terms, batch, START + (first + 40) * SLOT, {week})
    assert (known[week].bad, known[week].good > 0, known[week].final) == (1, True, True)
    assert again == known


def test_a_rolling_window_is_kept_with_those_in_which_it_came_to_stand_as_it_does():
    terms = compile_terms(portfolio(OBJECTIVES[4:], "consecutive: 1", "exclude", "month").agreements)
    bad = {n for n in range(60) if n >= 24 and n % 2}
    batch = to_table([Measurement("a", "up", START + n * SLOT, float(n not in bad)) for n in range(60)])
    known, again = told_of_the_rest(terms, batch, START + 60 * SLOT)
    for verdict in known.values():
        assert verdict.violated_at is not None
        assert verdict.violated_at < verdict.period_start  # it was crossed in a window that is over
    assert again == known
