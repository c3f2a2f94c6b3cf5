"""Edges of groups, caps and rights, each by both models, against what was worked out by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from worlds import instant

from upheld.agreements.model import Portfolio
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR
from upheld.assessment import reference
from upheld.assessment.advance import advance, assess, conditions, start, verdicts
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table

MONDAY = instant("2026-06-01T00:00")
UP = {"kind": "availability", "metric": "m", "good_when": ">= 1", "slot": "1h"}


def agreement(*objectives: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = [{"id": f"o{i}", "period": {"calendar": "day"}, "indicator": UP, **o} for i, o in enumerate(objectives)]
    plain = {"id": "a", "customer": "c", "valid": {"from": "2026-01-01"}, "services": ["s", "t"]}
    return {**plain, "objectives": named, **more}


def both(
    rows: Sequence[Measurement], as_of: int, exclusions: Sequence[Exclusion], *documents: dict[str, Any]
) -> list[Verdict]:
    """What both models give, the fast one at once and hour by hour."""
    terms = compile_terms(Portfolio.model_validate({"agreements": documents}).agreements)
    expected = reference.assess(terms, rows, exclusions, as_of, since=MONDAY)
    assert assess(terms, to_table(rows), exclusions, as_of, since=MONDAY) == expected
    state = start(terms, since=MONDAY)
    for at in range(MONDAY + HOUR, as_of + 1, HOUR):
        own = [m for m in rows if at - HOUR <= m.time < at]
        state, _ = advance(state, to_table(own) if own else None, at, exclusions)
    assert verdicts(state) == expected
    return expected


def values(service: str, text: str) -> list[Measurement]:
    """One character an hour: 1 good, 0 bad, _ nothing."""
    return [Measurement(service, "m", MONDAY + i * HOUR, value=float(c)) for i, c in enumerate(text) if c != "_"]


def group(rule: str, **more: Any) -> dict[str, Any]:
    return {"target": "90 %", "group": {"id": "g", "rule": rule, **more}}


def hours(verdict: Verdict, kind: str) -> list[tuple[int, int, str]]:
    found = [e for e in verdict.evidence if e.kind == kind]
    return [((e.start - MONDAY) // HOUR, (e.end - MONDAY) // HOUR, e.reason) for e in found]


@pytest.mark.parametrize(
    ("policy", "needs", "counts"),
    [
        # s: 1 1 0 0 _ _ _     t: 1 0 0 _ 1 0 _     each six times, so (good, bad, missing, excluded) in the seven kinds
        ("exclude", 1, (3, 1, 3, 0)),  # 3: bad and unknown; 5: unknown and bad; 6: unknown: none of them decides
        ("exclude", 2, (1, 4, 2, 0)),  # one that is bad is enough: 1, 2, 3, 5; the good one of 4 is not
        ("bad", 1, (3, 4, 1, 0)),  # in the last nothing is known: bad, and told as missing
        ("bad", 2, (1, 6, 1, 0)),
        ("good", 1, (6, 1, 1, 0)),
        ("good", 2, (3, 4, 1, 0)),
    ],
)
def test_a_member_without_data_counts_by_the_policy(policy: str, needs: int, counts: tuple[int, ...]) -> None:
    rows = [*values("s", "1100___"), *values("t", "100_10_")]
    objective = {**group("redundant", needs=needs), "indicator": {**UP, "missing": policy}}
    (verdict,) = both(rows, MONDAY + 7 * HOUR, [], agreement(objective))
    assert (verdict.good, verdict.bad, verdict.missing, verdict.excluded) == counts


def test_an_exclusion_of_a_member_is_that_of_the_member_and_one_of_the_group_of_the_whole() -> None:
    rows = [*values("s", "111000111"), *values("t", "110011001")]
    own = Exclusion("s", MONDAY + 3 * HOUR, MONDAY + 5 * HOUR, "works", "ann")
    whole = Exclusion("g", MONDAY + 5 * HOUR, MONDAY + 6 * HOUR, "move", "ann")
    other = Exclusion("t", MONDAY + 7 * HOUR, MONDAY + 8 * HOUR, "works", None)
    (verdict,) = both(rows, MONDAY + 9 * HOUR, [own, whole, other], agreement(group("redundant", needs=1)))
    # 0, 1, 2, 6, 7, 8: one is up; 3: t is down, s might have been up; 4: t is up; 5: excluded
    assert (verdict.good, verdict.bad, verdict.excluded) == (7, 0, 2)
    assert hours(verdict, "excluded") == [(3, 5, "s: works"), (5, 6, "move")]
    assert hours(verdict, "not_excluded") == [(7, 8, "t: works: not approved")]
    (weighed,) = both(rows, MONDAY + 9 * HOUR, [own, whole, other], agreement(group("mean")))
    # 2, 6 and 7: one of two, half a slot each; 3: t alone and down, a whole one; 4: t alone and up
    assert (weighed.good, weighed.bad, weighed.excluded) == (4, 4, 1)
    assert weighed.spent == "2.5"


def test_an_outage_of_the_group_is_a_run_of_its_slots_together() -> None:
    # both down at 2, 3 and 4; the run of s alone is longer, that of t shorter than three
    rows = [*values("s", "110000011111"), *values("t", "110001111111")]
    objective = {**group("redundant", needs=1), "indicator": {**UP, "consecutive": 3, "recovery": 2}}
    (verdict,) = both(rows, MONDAY + 12 * HOUR, [], agreement(objective))
    assert verdict.bad == 3
    assert hours(verdict, "bad") == [(2, 5, "m not >= 1: s, t")]
    # t is up for one hour in between: too short for a recovery, and nobody is down in it
    rows = [*values("s", "110000000111"), *values("t", "110001000111")]
    (verdict,) = both(rows, MONDAY + 12 * HOUR, [], agreement(objective))
    assert hours(verdict, "bad") == [(2, 5, "m not >= 1: s, t"), (5, 6, "m not >= 1: s"), (6, 9, "m not >= 1: s, t")]


def test_a_slot_that_no_figure_can_decide_is_no_part_of_the_budget_from_the_beginning() -> None:
    works = [Exclusion(s, MONDAY + 20 * HOUR, MONDAY + 22 * HOUR, "works", "ann") for s in "st"]
    rows = [*values("s", "1"), *values("t", "1")]
    (verdict,) = both(rows, MONDAY + HOUR, works, agreement(group("redundant")))
    assert verdict.budget == "2.2"  # 10 % of 22
    (verdict,) = both(rows, MONDAY + HOUR, works[:1], agreement(group("redundant")))
    assert verdict.budget == "2.4"  # t may decide
    (verdict,) = both(rows, MONDAY + HOUR, works[:1], agreement(group("redundant", needs=2)))
    assert verdict.budget == "2.4"  # t may be down
    for needs, budget in ((1, "2.4"), (2, "2.2"), (3, "2.4")):  # u alone may be enough, decides nothing, or may be down
        three = agreement(group("redundant", needs=needs), services=["s", "t", "u"])
        (verdict,) = both([*rows, *values("u", "1")], MONDAY + HOUR, works, three)
        assert verdict.budget == budget


def test_a_group_recovers_when_its_slots_do() -> None:
    terms = compile_terms(
        Portfolio.model_validate(
            {"agreements": [agreement(group("redundant"), group("mean"), group("any"))]}
        ).agreements
    )
    rows = [*values("s", "1001111111"), *values("t", "1000001111")]
    state, _ = advance(start(terms, since=MONDAY), to_table(rows), MONDAY + 10 * HOUR)
    found = conditions(state)
    assert found["a", "o0", "g"].bad_until == MONDAY + 3 * HOUR
    assert found["a", "o0", "g"].good_for == 7 * HOUR
    assert found["a", "o1", "g"].bad_until == MONDAY + 6 * HOUR  # until both are up it is worth less than 90 %
    assert found["a", "o1", "g"].good_for == 4 * HOUR
    assert found["a", "o2", "g"].bad_until == MONDAY + 3 * HOUR


def test_what_ends_first_is_paid_first() -> None:
    objectives = [
        {"target": "99 %", "period": {"calendar": "week"}, "credits": [{"below": "99 %", "share": "20 %"}]},
        {"target": "99 %", "credits": [{"below": "99 %", "share": "15 %"}]},
    ]
    charge = {"s": {"amount": "100", "currency": "EUR", "per": "week"}}
    document = agreement(*objectives, services=["s"], charge=charge, credit_cap="30 %")
    found = both(values("s", "00" + "1" * 166), MONDAY + 7 * DAY, [], document)
    week, monday = found[0], found[1]
    assert (monday.credit and monday.credit.amount, week.credit and week.credit.amount) == (Decimal(15), Decimal(15))


def test_a_right_counts_a_period_once_that_an_amendment_cuts() -> None:
    week = {"target": "99 %", "period": {"calendar": "week"}, "chronic": {"violations": 2, "within": "1 month"}}
    first = agreement(week, services=["s"])
    second = agreement(week, services=["s"], valid={"from": "2026-06-03"})
    rows = values("s", "0" + "1" * 71 + "00" + "1" * 94 + "00")
    found = both(rows, MONDAY + 7 * DAY + 2 * HOUR, [], first, second)
    assert [(v.status, len(v.consequences)) for v in found] == [("violated", 0), ("violated", 0), ("violated", 1)]
    assert found[2].consequences[0].reason == (
        "violated 2 times within 1 month: 2026-06-01 to 2026-06-07, 2026-06-08 to 2026-06-14"
    )
    assert [v.agreement_version for v in found] == [1, 2, 2]
