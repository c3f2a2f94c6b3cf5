"""A long log is read in slices: what is told in the end is what a plain assessment of all of it gives, and of what the
fleet carries no row is held meanwhile."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR
from upheld.assessment.fleet import carries
from upheld.assessment.reference import assess
from upheld.measurements.model import Measurement, to_table
from upheld.process.assessing import assessor as assessors
from upheld.process.assessing.assessor import Assessor
from upheld.readers.portfolio import parse_portfolio
from upheld.store import SqlStore, open_store

START = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z
SLOT = 6 * HOUR
LATENESS = 2 * HOUR
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-06-01, to: 2026-07-20}
    services: [a, b]
    objectives: &objectives
      - id: month
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 6h}
        period: {calendar: month}
        target: 90 %
      - id: week
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 6h, consecutive: 2}
        period: {calendar: week}
        target: 80 %
        credits: [{below: 80 %, share: 10 %}]
      - id: trend
        indicator: {kind: availability, metric: up, good_when: ">= 1", slot: 6h}
        period: {rolling: 5d}
        target: 80 %
        warning: {budget_spent: 50 %}
      - id: mean
        indicator: {kind: aggregate, metric: up, aggregate: mean, slot: 6h}
        period: {calendar: day}
        target: ">= 0.5"
    charge: {a: {amount: 100.00, currency: EUR}, b: {amount: 100.00, currency: EUR}}
  - id: gold
    customer: acme
    time_zone: Europe/Berlin
    valid: {from: 2026-07-20}
    services: [a, b]
    objectives: *objectives
    charge: {a: {amount: 100.00, currency: EUR}, b: {amount: 100.00, currency: EUR}}
"""
TERMS = compile_terms(parse_portfolio(PORTFOLIO, "portfolio").agreements)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs") / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def store(template: Path) -> Iterator[SqlStore]:
    opened = opened_anew(template)
    yield opened
    opened.close()


def opened_anew(template: Path) -> SqlStore:
    path = template.with_name("one.db")
    for old in path.parent.glob("one.db*"):
        old.unlink()
    shutil.copy(template, path)
    return open_store(f"sqlite:///{path}")


def row(slot: int, service: str, value: float, known_at: int = START) -> Measurement:
    return Measurement(service, "up", START + slot * SLOT, value, known_at=known_at)


slots = st.integers(0, 4 * 70)
late = st.lists(st.tuples(slots, st.sampled_from("ab"), st.sampled_from([0.0, 1.0])), max_size=6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.booleans(), min_size=40, max_size=280), late, st.integers(2, 90), st.integers(0, 40), st.data())
def test_what_is_told_is_what_a_plain_assessment_of_the_whole_log_gives(
    template: Path, up: list[bool], late: list[tuple[int, str, float]], at_once: int, mixing: int, data: st.DataObject
) -> None:
    store = opened_anew(template)
    rows = [row(slot, service, float(good)) for slot, good in enumerate(up) for service in "ab"]
    for number, (slot, service, value) in enumerate(late):
        place = data.draw(st.integers(0, len(rows)))
        rows.insert(place, row(slot, service, value, START + 1 + number))
    if mixing > 20:  # a log that goes back and forth
        rows = rows[1::2] + rows[::2]
    for first in range(0, len(rows), 5):
        store.append("t", to_table(rows[first : first + 5]))
    as_of = START + (len(up) + mixing) * SLOT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assessors, "ROWS_AT_ONCE", at_once)
        assessor = Assessor(store, "t", LATENESS)
        assessor.adopt(1, TERMS, START)
        told = assessor.advance((), as_of)
    expected = assess(TERMS, rows, (), as_of, since=assessor.since, lateness=LATENESS)
    assert {v.key: v for v in told} == {v.key: v for v in expected}
    store.close()


def test_while_a_long_log_is_read_no_row_is_held_of_what_the_fleet_carries(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = [term for term in TERMS if carries(term)]
    assert {term.objective for term in terms} >= {"month", "trend"}
    for slot in range(200):
        store.append("t", to_table([row(slot, service, 1.0) for service in "ab"]))
    monkeypatch.setattr(assessors, "ROWS_AT_ONCE", 20)
    assessor = Assessor(store, "t", LATENESS)
    assessor.adopt(1, terms, START)
    end, _ = store.backlog("t", 0)
    slices = 0
    while assessor.take_in(end, (), START + 60 * DAY):
        slices += 1
        assert not assessor._state_now.series  # the series of which rows are held
    assert slices > 15


def test_a_log_that_goes_back_and_forth_is_read_once_more_and_not_again_and_again(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in "ab":
        for slot in range(100):
            store.append("t", to_table([row(slot, service, 1.0)]))
    begun, read = [], store.read

    def counted(tenant: str, after: int = 0) -> Iterator[tuple[int, pa.Table]]:
        begun.append(after)
        return read(tenant, after)

    monkeypatch.setattr(store, "read", counted)
    monkeypatch.setattr(assessors, "ROWS_AT_ONCE", 10)
    assessor = Assessor(store, "t", LATENESS)
    assessor.adopt(1, TERMS, START)
    assert assessor.advance((), START + 30 * DAY)
    assert begun == [0, 0]
