"""A month of 43,200 one-minute slots, by the fast model, against figures worked out by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import MINUTE
from upheld.assessment.advance import advance, assess, start
from upheld.assessment.verdict import Credit, Verdict
from upheld.measurements.model import COLUMNS

JUNE = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) * 1_000_000
SLOTS = 43_200
JULY = JUNE + SLOTS * MINUTE
MONTH = {"calendar": "month"}


def terms_of(indicator: dict[str, object], target: str, **more: object) -> tuple[Term, ...]:
    objective = {"id": "o", "indicator": indicator, "period": MONTH, "target": target, **more}
    charge = {"s": {"amount": "1200.00", "currency": "EUR"}}
    agreement = {"id": "a", "customer": "c", "valid": {"from": "2026-01-01"}, "services": ["s"], "charge": charge}
    return compile_terms([Agreement.model_validate({**agreement, "objectives": [objective]})])


def batch(
    values: np.ndarray | None = None, good: np.ndarray | None = None, total: np.ndarray | None = None
) -> pa.Table:
    """One row a minute from June on."""
    none = pa.nulls(SLOTS, pa.int64())
    columns = {
        "service": pa.array(["s"] * SLOTS),
        "metric": pa.array(["m"] * SLOTS),
        "time": JUNE + np.arange(SLOTS) * MINUTE,
        "value": pa.nulls(SLOTS, pa.float64()) if values is None else values.astype(np.float64),
        "good": none if good is None else good,
        "total": none if total is None else total,
        "known_at": np.zeros(SLOTS, np.int64),
    }
    return pa.table(columns).cast(COLUMNS)


def the_verdict(terms: tuple[Term, ...], table: pa.Table) -> Verdict:
    (verdict,) = assess(terms, table, [], JULY)
    return verdict


AVAILABILITY = {"kind": "availability", "metric": "m", "good_when": ">= 1"}


@pytest.mark.parametrize(
    ("bad", "status", "credit"), [(43, "met", None), (44, "violated", Credit(Decimal("120.00"), "EUR"))]
)
def test_99_9_percent_of_a_month_allows_43_bad_minutes(bad: int, status: str, credit: Credit | None) -> None:
    values = np.ones(SLOTS)
    values[1440 : 1440 + bad] = 0
    terms = terms_of(
        AVAILABILITY, "99.9 %", warning={"budget_spent": "75 %"}, credits=[{"below": "99.9 %", "share": "10 %"}]
    )
    verdict = the_verdict(terms, batch(values))
    assert (verdict.status, verdict.bad, verdict.good, verdict.final) == (status, bad, SLOTS - bad, True)
    assert (verdict.budget, verdict.spent) == ("43.2", str(bad))
    assert verdict.at_risk_at == JUNE + (1440 + 33) * MINUTE  # the first count of at least 32.4
    assert verdict.violated_at == (JUNE + (1440 + 44) * MINUTE if bad == 44 else None)
    assert verdict.attained == {43: "0.999004629629", 44: "0.998981481481"}[bad]
    assert verdict.credit == credit
    (evidence,) = verdict.evidence
    assert (evidence.start, evidence.end) == (JUNE + 1440 * MINUTE, JUNE + (1440 + bad) * MINUTE)


def test_only_outages_of_ten_minutes_count_where_the_agreement_says_so() -> None:
    values = np.ones(SLOTS)
    for begins, length in ((100, 9), (1000, 10), (1015, 3), (9995, 12)):  # 1010 to 1015 is too short a recovery
        values[begins : begins + length] = 0
    verdict = the_verdict(terms_of({**AVAILABILITY, "consecutive": 10, "recovery": 10}, "99.9 %"), batch(values))
    assert verdict.bad == 18 + 12
    assert [(e.start - JUNE) // MINUTE for e in verdict.evidence] == [1000, 9995]
    assert verdict.status == "met"


def test_a_ratio_weighs_events_or_slots() -> None:
    total = np.tile(np.array([100, 1000]), SLOTS // 2)
    good = np.tile(np.array([90, 999]), SLOTS // 2)
    by_events = the_verdict(terms_of({"kind": "ratio", "metric": "m"}, "99 %"), batch(good=good, total=total))
    assert (by_events.good, by_events.bad) == (1089 * SLOTS // 2, 11 * SLOTS // 2)
    assert (by_events.attained, by_events.status) == ("0.99", "met")
    slots = {"kind": "ratio", "metric": "m", "weighting": "slots"}
    by_slots = the_verdict(terms_of(slots, "99 %"), batch(good=good, total=total))
    assert (by_slots.attained, by_slots.status) == ("0.9495", "violated")
    assert by_slots.spent == "2181.6"
    assert by_slots.violated_at is not None
    # each pair of slots spends 0.101 of 432: 4277 pairs spend 431.977, and the next slot spends 0.1 more
    assert (by_slots.violated_at - JUNE) // MINUTE == 2 * 4277 + 1


def test_a_percentile_is_the_value_of_its_rank() -> None:
    values = np.random.default_rng(7).permutation(np.arange(1, SLOTS + 1)) / 1000
    terms = terms_of({"kind": "aggregate", "metric": "m", "aggregate": "p95"}, "<= 41.04")
    verdict = the_verdict(terms, batch(values))
    assert (verdict.attained, verdict.status) == ("41.04", "met")  # rank 0.95 x 43,200 = 41,040
    stricter = terms_of({"kind": "aggregate", "metric": "m", "aggregate": "p95"}, "<= 41.039")
    assert the_verdict(stricter, batch(values)).violated_at == JULY


def test_a_mean_of_decimal_values_is_exact() -> None:
    terms = terms_of({"kind": "aggregate", "metric": "m", "aggregate": "mean"}, "<= 0.1")
    verdict = the_verdict(terms, batch(np.full(SLOTS, 0.1)))
    assert (verdict.attained, verdict.status, verdict.at_risk_at) == ("0.1", "met", None)


def test_minute_by_minute_ends_where_the_whole_month_ends() -> None:
    values = np.ones(SLOTS)
    values[1440:1484] = 0
    terms = terms_of(AVAILABILITY, "99.9 %", warning={"budget_spent": "75 %"})
    table = batch(values)
    state, _ = advance(start(terms, since=JUNE), table.slice(0, 1400), JUNE + 1400 * MINUTE)
    told = {}
    for minute in range(1400, 1500):
        state, changes = advance(state, table.slice(minute, 1), JUNE + (minute + 1) * MINUTE)
        told.update({(v.key, v.status): minute + 1 for v in reversed(changes) if (v.key, v.status) not in told})
    assert {status: minute for (_, status), minute in told.items()} == {
        "met": 1401,
        "at_risk": 1440 + 33,
        "violated": 1440 + 44,
    }
    state, (last,) = advance(state, table.slice(1500), JULY)
    assert last == the_verdict(terms, table)
