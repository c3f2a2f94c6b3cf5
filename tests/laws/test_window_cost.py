"""What a window would cost is what the assessment says once its slots really are bad, to the slot and the cent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from laws.worlds import laws
from upheld.agreements.model import Agreement
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, decimal_text
from upheld.analysis.window_cost import Stake, credits_of, earned_of, outcome, stakes_of
from upheld.assessment.advance import assess
from upheld.assessment.credit import credits
from upheld.assessment.reference import attained_text
from upheld.assessment.verdict import Credit, Verdict
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table

SERVICES = ("a", "b", "c")
BEGIN = int(datetime(2026, 3, 26, tzinfo=UTC).timestamp()) * 1_000_000
HOURS = ["always", {"mon-fri": "08:00-18:00"}, {"mon-sun": "06:30-22:00", "holidays": "DE"}]
GROUPS = [None, {"id": "g", "rule": "redundant", "needs": 2}, {"id": "g", "rule": "mean", "services": {"a": 3, "b": 1}}]
CREDITS = [
    [],
    [{"below": "99 %", "share": "10 %"}, {"below": "90 %", "share": "33.333 %"}],
    [{"over": "1h", "share": "5 %"}, {"from": "3h", "share": "40 %"}],
    [{"per_started": "1h", "days": 1}],
]


@dataclass(frozen=True)
class Future:
    """An agreement, what was measured of it by `as_of`, and a window that comes."""

    terms: tuple[Term, ...]
    past: tuple[Measurement, ...]
    exclusions: tuple[Exclusion, ...]
    as_of: int
    spans: tuple[tuple[int, int], ...]
    down: frozenset[str]


def agreement(draw: st.DrawFn, slot: int) -> Agreement:
    rolling, hours = draw(st.booleans()), draw(st.sampled_from(HOURS))
    runs = {"consecutive": draw(st.integers(1, 4)), "recovery": draw(st.integers(1, 3))} if hours == "always" else {}
    indicator = {"kind": "availability", "metric": "up", "good_when": ">= 1", "slot": f"{slot // MINUTE}m", **runs}
    indicator["missing"] = draw(st.sampled_from(["exclude", "exclude", "bad", "good"]))
    unit = draw(st.sampled_from(["day", "week", "month"]))

    def objective(name: str, group: object, rolling: bool) -> dict[str, object]:
        period = {"rolling": draw(st.sampled_from(["1d", "36h", "7d"]))} if rolling else {"calendar": unit}
        if group is not None and group["rule"] == "mean":  # type: ignore[index]
            own = {name: value for name, value in indicator.items() if name not in ("consecutive", "recovery")}
        else:
            own = indicator
        target = draw(st.sampled_from(["100 %", "99.9 %", "99 %", "95 %", "80 %"]))
        tiers = [] if rolling else draw(st.sampled_from(CREDITS))
        return {
            "id": name,
            "indicator": own,
            "period": period,
            "target": target,
            **({"group": group} if group else {}),
            **({"credits": tiers} if tiers else {}),
        }

    objectives = [objective("own", None, rolling), objective("second", draw(st.sampled_from(GROUPS)), False)]
    return Agreement.model_validate(
        {
            "id": "one",
            "customer": "acme",
            "time_zone": draw(st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"])),
            "valid": {"from": "2026-03-01", **({"to": "2026-04-03T10:20:00Z"} if draw(st.booleans()) else {})},
            "service_hours": hours,
            "services": list(SERVICES),
            "objectives": objectives,
            "charge": {"a": {"amount": 100, "currency": "EUR"}, "b": {"amount": 33, "currency": "EUR"}},
            "credit_cap": draw(st.sampled_from([None, "20 %", {"agreement": "15 %"}])),
            "exclusions": draw(st.sampled_from([None, ["planned_maintenance"], ["force_majeure"]])),
        }
    )


@st.composite
def futures(draw: st.DrawFn) -> Future:
    slot = draw(st.sampled_from([15 * MINUTE, HOUR]))
    terms = compile_terms([agreement(draw, slot)])
    as_of = BEGIN + draw(st.integers(12, 60)) * HOUR
    draws = st.lists(st.sampled_from("gggggggb_"), min_size=1, max_size=40)
    patterns = {service: draw(draws) for service in SERVICES}
    past = []
    for service, pattern in patterns.items():
        for number, at in enumerate(range(BEGIN, as_of, slot)):
            kind = pattern[number % len(pattern)] if at < as_of - 6 * slot else "g"
            if kind != "_":
                past.append(Measurement(service, "up", at, 1.0 if kind == "g" else 0.0))
    start = as_of + draw(st.integers(60, 60 * 80)) * MINUTE
    end = start + draw(st.integers(1, 60 * 12)) * MINUTE
    again = end + draw(st.integers(3 * 60, 60 * 30)) * MINUTE
    spans = [(start, end), (again, again + draw(st.integers(1, 60 * 5)) * MINUTE)][: draw(st.integers(1, 2))]
    down = frozenset(draw(st.sets(st.sampled_from(SERVICES), min_size=1)))
    other_at = BEGIN + draw(st.integers(0, 150)) * HOUR
    others = [Exclusion(draw(st.sampled_from([*SERVICES, "*"])), other_at, other_at + 5 * HOUR, "force_majeure", "ann")]
    return Future(terms, tuple(past), tuple(others if draw(st.booleans()) else ()), as_of, tuple(spans), down)


def come_true(future: Future, until: int, *, earned: bool) -> list[Verdict]:
    """What is assessed once the window was bad, and all else good, up to `until`."""
    slot = future.terms[0].indicator.slot

    def touched(at: int) -> bool:
        return any(at < end and at + slot > start for start, end in future.spans)

    went = [
        Measurement(name, "up", at, 0.0 if name in future.down and touched(at) else 1.0)
        for name in SERVICES
        for at in range(future.as_of, until, slot)
    ]
    own = [Exclusion(n, *span, "planned_maintenance", "cab") for n in sorted(future.down) for span in future.spans]
    excluded = [*future.exclusions, *(own if earned else ())]
    return assess(future.terms, to_table([*future.past, *went]), excluded, until, since=BEGIN)


def foreseen(future: Future) -> list[Stake]:
    now = assess(future.terms, to_table(future.past), future.exclusions, future.as_of, since=BEGIN)
    known = {term.key: {v.period_start: v for v in now if v.key[:3] == term.key} for term in future.terms}
    return [
        stake
        for term in future.terms
        for stake in stakes_of(term, future.down, known[term.key], future.exclusions, future.as_of, future.spans)
    ]


@laws(0.7)
@given(futures(), st.booleans())
def test_a_foreseen_period_is_the_one_that_comes(future: Future, earned: bool) -> None:
    stakes = foreseen(future)
    # a day more: what is undecided at the end of a run is decided then
    until = {s.term.key: s.window.end if s.term.period.rolling else s.window.over_at + DAY for s in stakes}
    came = {at: come_true(future, at, earned=earned) for at in set(until.values())}
    for stake in stakes:
        (verdict,) = [
            v
            for v in came[until[stake.term.key]]
            if v.key[:3] == stake.term.key and v.period_start == stake.window.start
        ]
        found = outcome(stake, earned=earned)
        said = f"{stake}\n{found}\n{verdict}"
        assert found.violated == (verdict.status == "violated"), said
        assert (None if found.attained is None else attained_text(found.attained)) == verdict.attained, said
        if found.attained is not None:
            assert decimal_text(found.budget, 12) == verdict.budget, said
            assert decimal_text(found.bad, 12) == verdict.spent, said
    if stakes:
        check_credits(future, stakes, earned)


def check_credits(future: Future, stakes: Sequence[Stake], earned: bool) -> None:
    """All credits of the agreement together, within the caps that its services share."""
    came = come_true(future, max(stake.window.over_at for stake in stakes) + DAY, earned=earned)
    terms = {term.key: term for term in future.terms}
    ours = {(*stake.term.key, stake.window.start) for stake in stakes}
    others = [one for v in came if v.key not in ours and (one := earned_of(terms[v.key[:3]], v)) is not None]
    outcomes = [outcome(stake, earned=earned) for stake in stakes]
    told = [one.earned for one in outcomes if one.earned is not None]
    before = owed(credits(others))
    assert before + owed(credits_of(outcomes, others)) == owed(credits([*others, *told]))
    assert owed(credits([*others, *told])) == owed([v.credit for v in came]), f"{outcomes}\n{came}"


def owed(found: Sequence[Credit | None]) -> Decimal:
    return sum((one.amount for one in found if one is not None), Decimal(0))
