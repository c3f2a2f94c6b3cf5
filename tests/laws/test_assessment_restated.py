"""What was settled and comes to be otherwise: the fast model follows, slot by slot as the reference does."""

from collections.abc import Sequence
from decimal import Decimal

from worlds import instant, narrow_agreement

from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import HOUR
from upheld.assessment import reference
from upheld.assessment.advance import State, advance, start, verdicts
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table

MONDAY = instant("2026-06-01T00:00")
DAY = {"calendar": "day"}


class Told:
    """A state, with all that it was told, so that the reference can be asked the same."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self.terms, self.rows, self.exclusions = terms, list[Measurement](), list[Exclusion]()
        self.state: State = start(terms, since=MONDAY)

    def hear(self, rows: Sequence[Measurement], hours: int, *exclusions: Exclusion) -> list[Verdict]:
        self.rows += rows
        self.exclusions += exclusions
        as_of = MONDAY + hours * HOUR
        self.state, changes = advance(self.state, to_table(rows), as_of, self.exclusions)
        expected = reference.assess(self.terms, self.rows, self.exclusions, as_of, since=MONDAY)
        assert verdicts(self.state) == expected
        return changes


def terms_of(*objectives: dict[str, object]) -> tuple[Term, ...]:
    return compile_terms([narrow_agreement([{"id": f"o{i}", **o} for i, o in enumerate(objectives)], MONDAY)])


def values(text: str, first: int = 0, known_at: int = 0) -> list[Measurement]:
    """One character an hour from Monday's hour `first`: 1 good, 0 bad, _ nothing."""
    return [
        Measurement("a", "m", MONDAY + (first + i) * HOUR, value=float(c), known_at=known_at)
        for i, c in enumerate(text)
        if c != "_"
    ]


AVAILABILITY = {"kind": "availability", "metric": "m", "good_when": ">= 1", "slot": "1h"}


def test_an_outage_that_goes_on_after_its_day_restates_that_day() -> None:
    told = Told(terms_of({"indicator": {**AVAILABILITY, "consecutive": 3}, "period": DAY, "target": "99 %"}))
    told.hear(values("1" * 22 + "00"), 24)
    (monday,) = verdicts(told.state)
    assert (monday.status, monday.final) == ("met", False)  # two slots wait for what Tuesday brings
    told.hear(values("0", 24), 25)
    monday, tuesday = verdicts(told.state)
    assert (monday.status, monday.bad, monday.violated_at, monday.final) == ("violated", 2, MONDAY + 25 * HOUR, True)
    assert (tuesday.status, tuesday.bad) == ("violated", 1)


def test_a_settled_day_is_open_again_when_an_exclusion_takes_what_settled_it() -> None:
    told = Told(terms_of({"indicator": {**AVAILABILITY, "consecutive": 3}, "period": DAY, "target": "99 %"}))
    told.hear(values("1" * 22 + "001"), 26)
    assert verdicts(told.state)[0].final
    tuesday = Exclusion("a", MONDAY + 24 * HOUR, MONDAY + 25 * HOUR, "maintenance", "ann")
    changes = told.hear([], 26, tuesday)
    assert not verdicts(told.state)[0].final
    assert [v.period_start for v in changes] == [MONDAY, MONDAY + 24 * HOUR]


def test_counts_corrected_to_a_value_leave_the_ratio() -> None:
    told = Told(
        terms_of({"indicator": {"kind": "ratio", "metric": "m", "slot": "1h"}, "period": DAY, "target": "90 %"})
    )
    told.hear([Measurement("a", "m", MONDAY + h * HOUR, good=9 - h, total=10) for h in range(2)], 3)
    (before,) = verdicts(told.state)
    assert (before.good, before.bad, before.status) == (17, 3, "at_risk")
    told.hear(values("1", 1, known_at=1), 3)
    (after,) = verdicts(told.state)
    assert (after.good, after.bad, after.missing, after.status) == (9, 1, 2, "met")


def test_a_credit_withdrawn_makes_room_under_the_cap_for_the_next_objective() -> None:
    objective = {"period": DAY, "target": "99 %", "credits": [{"below": "99 %", "share": "20 %"}]}
    others = {**AVAILABILITY, "metric": "n"}
    told = Told(terms_of({"indicator": AVAILABILITY, **objective}, {"indicator": others, **objective}))
    second = [Measurement("a", "n", m.time, value=m.value) for m in values("0" + "1" * 23)]
    told.hear([*values("0" + "1" * 23), *second], 24)  # the cap is 37.035
    assert [v.credit and v.credit.amount for v in verdicts(told.state)] == [Decimal("24.69"), Decimal("12.34")]
    changes = told.hear(values("1", 0, known_at=1), 24)
    assert [v.credit and v.credit.amount for v in verdicts(told.state)] == [None, Decimal("24.69")]
    assert len(changes) == 2


def test_a_rolling_window_violates_and_recovers() -> None:
    told = Told(terms_of({"indicator": AVAILABILITY, "period": {"rolling": "4h"}, "target": "50 %"}))
    found = []
    for hour, c in enumerate("1100011111"):
        (verdict,) = told.hear(values(c, hour), hour + 1)
        found.append((verdict.status, verdict.violated_at and (verdict.violated_at - MONDAY) // HOUR))
    assert [status for status, _ in found] == ["met"] * 4 + ["violated"] * 2 + ["met"] * 4
    assert found[5] == ("violated", 5)
