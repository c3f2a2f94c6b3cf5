"""The reference, the fast model and the oracle in SQL, which shares no code with them, come to the same verdicts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import duckdb
import pytest
from hypothesis import given, settings
from worlds import World, instant, laws, unhurried, worlds

from oracle import Question, ask, connect, differences, unknown
from upheld.agreements.model import Agreement
from upheld.agreements.objectives import Period
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import DAY, HOUR
from upheld.assessment import advance, reference
from upheld.assessment.verdict import Verdict
from upheld.measurements.model import Measurement, to_table

pytestmark = unhurried

BATCH = 100
"""So many worlds are asked about at once: a question alone takes the oracle as long as fifty."""


@pytest.fixture(scope="module")
def oracle() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as connection:
        yield connection


def drawn(how_often: settings) -> list[World]:
    """Random worlds, the same each time unless somebody asks for a number of them."""
    found: list[World] = []

    @how_often
    @given(worlds())
    def draw(world: World) -> None:
        found.append(world)

    draw()
    return found


def question(world: World) -> Question:
    terms = tuple(term for term in world.terms if unknown(term) is None)
    return Question(terms, world.measurements, world.exclusions, world.as_of, world.since, world.lateness)


def by_both(asked: Question) -> tuple[list[Verdict], list[Verdict]]:
    """What the reference says, and what the fast model says."""
    table, more = to_table(asked.measurements), {"lateness": asked.lateness}
    return (
        reference.assess(asked.terms, asked.measurements, asked.exclusions, asked.as_of, since=asked.since, **more),
        advance.assess(asked.terms, table, asked.exclusions, asked.as_of, since=asked.since, **more),
    )


def assert_agree(oracle: duckdb.DuckDBPyConnection, questions: Sequence[Question]) -> int:
    """How many verdicts were compared."""
    compared = 0
    for first in range(0, len(questions), BATCH):
        batch = questions[first : first + BATCH]
        for asked, answers in zip(batch, ask(oracle, batch), strict=True):
            plain, fast = by_both(asked)
            assert differences(asked, answers, plain) == [], f"the reference differs: {asked}"
            assert differences(asked, answers, fast) == [], f"the fast model differs: {asked}"
            compared += len(plain)
    return compared


def test_three_models_agree_on_random_worlds(oracle: duckdb.DuckDBPyConnection) -> None:
    some = drawn(laws(0.8))
    assert assert_agree(oracle, [question(world) for world in some]) > len(some), "there was little to compare"


def long_term(term: Term, unit: str) -> Term:
    """The promise with a longer calendar period and slots of six hours, and without credits."""
    indicator = term.indicator.model_copy(update={"slot": 6 * HOUR})
    return replace(term, indicator=indicator, period=Period(calendar=unit), tiers=())


def test_three_models_agree_on_long_periods(oracle: duckdb.DuckDBPyConnection) -> None:
    questions = []
    for i, world in enumerate(drawn(laws(0.2))):
        units = ("month", "quarter", "year", "week")
        asked = question(world)
        terms = tuple(long_term(term, units[(i + n) % 4]) for n, term in enumerate(asked.terms))
        questions.append(replace(asked, terms=terms, as_of=world.as_of + (i % 3) * 60 * DAY))
    assert_agree(oracle, questions)


# -- by hand ----------------------------------------------------------------------------------------------------------


def agreement(objective: dict[str, object], **more: object) -> tuple[Term, ...]:
    plain = {"id": "a", "customer": "c", "valid": {"from": "2026-01-01"}, "services": ["s"]}
    return compile_terms([Agreement.model_validate({**plain, "objectives": [{"id": "o", **objective}], **more})])


MONTHLY = {
    "indicator": {"kind": "availability", "metric": "m", "good_when": ">= 1", "slot": "1m"},
    "period": {"calendar": "month"},
    "target": "99.9 %",
}


@pytest.mark.parametrize(("bad", "status"), [(43, "met"), (44, "violated")])
def test_a_month_of_minutes_allows_43_bad_ones(oracle: duckdb.DuckDBPyConnection, bad: int, status: str) -> None:
    """30 x 1,440 = 43,200 minutes; 0.1 % of them are 43.2."""
    june, july = instant("2026-06-01T00:00"), instant("2026-07-01T00:00")
    rows = [Measurement("s", "m", june + i * 60_000_000, value=float(i >= bad)) for i in range(43_200)]
    asked = Question(agreement(MONTHLY), rows, (), july)
    ((answer,),) = ask(oracle, [asked])
    assert (answer.status, answer.good, answer.bad) == (status, 43_200 - bad, bad)
    assert answer.violated_at == (june + 44 * 60_000_000 if status == "violated" else None)


def test_holidays_and_a_change_of_clocks_leave_the_same_hours(oracle: duckdb.DuckDBPyConnection) -> None:
    """Berlin, 2026-03-23 to 2026-04-06: the clocks change on March 29, Good Friday is April 3, Easter Monday April 6.
    The week from March 30 has four days of 10 hours, 08:00 in Berlin being 06:00 UTC by then."""
    objective = {**MONTHLY, "indicator": {**MONTHLY["indicator"], "slot": "1h"}, "period": {"calendar": "week"}}  # type: ignore[dict-item]
    terms = agreement(objective, time_zone="Europe/Berlin", service_hours={"mon-fri": "08:00-18:00", "holidays": "DE"})
    first, end = instant("2026-03-30T06:00"), instant("2026-04-05T22:00")
    rows = [Measurement("s", "m", first + i * HOUR, value=1.0) for i in range(10)]
    asked = Question(terms, [*rows, Measurement("s", "m", first - HOUR, value=0.0)], (), end)
    ((answer,),) = ask(oracle, [asked])
    assert (answer.good, answer.bad, answer.missing, answer.excluded) == (10, 0, 30, 7 * 24 - 40)
    assert_agree(oracle, [asked])


def test_the_comparison_sees_every_field_that_differs(oracle: duckdb.DuckDBPyConnection) -> None:
    june = instant("2026-06-01T00:00")
    rows = [Measurement("s", "m", june + i * HOUR, value=0.0) for i in range(3)]
    asked = Question(agreement(MONTHLY), rows, (), june + 5 * HOUR)
    (answers,) = ask(oracle, [asked])
    (verdict,) = by_both(asked)[0]
    assert differences(asked, answers, [verdict]) == []
    for wrong in (
        {"status": "violated"},
        {"attained": "0.5"},
        {"good": 1},
        {"bad": verdict.bad + 1},
        {"missing": 0},
        {"excluded": 1},
        {"budget": "43.2000000001"},
        {"spent": "2"},
        {"at_risk_at": june},
        {"violated_at": june},
        {"final": True},
        {"service": "t"},
    ):
        assert differences(asked, answers, [replace(verdict, **wrong)]), wrong  # type: ignore[arg-type]
    assert differences(asked, answers, []) == [f"{verdict.key}: only the oracle has a verdict"]
