"""Other windows for a planned work: what each is said to add is what the forecast of that window says."""

from typing import Any

import pytest

from upheld.agreements.model import Agreement
from upheld.agreements.terms import compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.analysis.better_slot import Candidate, Surroundings, Wanted, candidates, spread
from upheld.analysis.foreseen_work import FEW_DRAWS, Hit, affected, past_before
from upheld.analysis.likely_cost import drawn, likely
from upheld.analysis.planned_impact import Frozen
from upheld.analysis.window_cost import without_work
from upheld.assessment.verdict import Evidence, Verdict
from upheld.maintenance.model import Announcement

NOW = parse_instant("2026-06-02T09:00:00Z")
ASKED = parse_instant("2026-06-10T10:00:00Z")  # a Wednesday, at noon in Berlin
MONTH = parse_instant("2026-05-31T22:00:00Z"), parse_instant("2026-06-30T22:00:00Z")


def hit(earned: bool = True, **changes: Any) -> Hit:
    agreement = Agreement.model_validate(
        {
            "id": "gold",
            "customer": "acme",
            "time_zone": "Europe/Berlin",
            "valid": {"from": "2026-01-01"},
            "services": ["vpn"],
            "objectives": [
                {
                    "id": "availability",
                    "indicator": {"kind": "availability", "metric": "up", "good_when": ">= 1"},
                    "period": {"calendar": "month"},
                    "target": "99.5 %",
                    "credits": [{"below": "99.5 %", "share": "10 %"}, {"below": "99 %", "share": "30 %"}],
                }
            ],
            "charge": {"vpn": {"amount": 1000, "currency": "EUR"}},
            **changes,
        }
    )
    won = ("vpn",) if earned else ()
    announcement = Announcement("", "gold", "acme", earned, "", NOW, won)
    return Hit(agreement, ("vpn",), compile_terms([agreement]), (), announcement)


def known(one: Hit) -> dict[tuple[str, str, str], list[Verdict]]:
    """The month up to now: 70 slots were bad, in three outages."""
    (term,) = one.terms
    (stake,) = without_work(term, {}, (), MONTH[0], MONTH[0], MONTH[0] + 1)
    seen = (NOW - MONTH[0]) // MINUTE
    counting = stake.eligible - without_work(term, {}, (), NOW, NOW, NOW + 1)[0].eligible
    begins = [NOW - 9 * HOUR, NOW - 5 * HOUR, NOW - 2 * HOUR]
    lengths = (40, 20, 10)
    evidence = tuple(Evidence(at, at + n * MINUTE, "bad") for at, n in zip(begins, lengths, strict=True))
    verdict = Verdict(
        *term.key, "acme", *MONTH, "met", False, "0.9", counting - 70, 70, 0, seen - counting, "1", "70", None, None,
        None, evidence,
    )  # fmt: skip
    return {term.key: [verdict]}


def look(
    one: Hit, in_time_from: int | None = NOW, around: Surroundings = Surroundings()
) -> tuple[list[Candidate], Any]:
    wanted = Wanted(4 * HOUR, NOW, NOW + 20 * DAY)
    return candidates(
        wanted,
        ASKED,
        [one],
        lambda _, starts, __: [in_time_from is not None and at >= in_time_from for at in starts],
        known(one),
        NOW,
        around,
    )


@pytest.mark.parametrize("hours", ["always", {"mon-fri": "08:00-18:00"}])
@pytest.mark.parametrize("admitted", [None, ["force_majeure"]])
def test_what_a_window_adds_is_what_the_forecast_of_it_says(hours: object, admitted: object) -> None:
    one = hit(service_hours=hours, exclusions=admitted)
    before = known(one)
    _, asked = look(one)
    assert asked is not None
    everything, _ = candidates(
        Wanted(4 * HOUR, NOW, NOW + 20 * DAY),
        None,
        [one],
        lambda _, starts, __: [True] * len(starts),
        before,
        NOW,
        Surroundings(),
    )
    (stake,) = without_work(one.terms[0], {v.period_start: v for v in before[one.terms[0].key]}, (), NOW, NOW, NOW + 1)
    row = drawn([past_before(stake, before, NOW)], [stake.to_come], [MINUTE], FEW_DRAWS)[0]
    nothing = likely(stake, row, earned=False)
    for candidate in [asked, *everything[::40]]:
        (found,) = affected([one], before, NOW, [(candidate.start, candidate.end)], FEW_DRAWS)
        credit = (found.expected_if_not, found.expected_if_earned) if found.promises else (nothing.credit,) * 2
        said = candidate.adds_if_not["EUR"], candidate.adds["EUR"]
        assert said == pytest.approx([float(c - nothing.credit) for c in credit], abs=1e-9)
        if found.promises:
            chances = found.promises[0].if_not.likely.chance, found.promises[0].if_earned.likely.chance
            wanted = [chance - nothing.chance for chance in chances]
            assert (candidate.breaches_if_not, candidate.breaches) == pytest.approx(wanted, abs=1e-9)


NIGHTS = ((0, 4 * HOUR), (DAY, DAY + 2 * HOUR), (3 * DAY, 3 * DAY + 5 * HOUR))
PLAN = Wanted(3 * DAY + 5 * HOUR, NOW, NOW + 24 * DAY, parts=NIGHTS)


@pytest.mark.parametrize("consecutive", [1, 150])
@pytest.mark.parametrize("earned", [(True, True, True), (False, False, False), (False, True, True)])
def test_what_several_windows_add_is_what_the_forecast_of_them_says(earned: tuple[bool, ...], consecutive: int) -> None:
    indicator = {"kind": "availability", "metric": "up", "good_when": ">= 1", "consecutive": consecutive}
    credits = [{"below": "99.5 %", "share": "10 %"}, {"below": "99 %", "share": "30 %"}]
    promise = {"id": "availability", "indicator": indicator, "period": {"calendar": "month"}, "target": "99.5 %"}
    one = hit(objectives=[{**promise, "credits": credits}])
    before = known(one)
    ranked, asked = candidates(PLAN, ASKED, [one], by_window(earned), before, NOW, Surroundings())
    assert asked is not None
    (stake,) = without_work(one.terms[0], {v.period_start: v for v in before[one.terms[0].key]}, (), NOW, NOW, NOW + 1)
    row = drawn([past_before(stake, before, NOW)], [stake.to_come], [MINUTE], FEW_DRAWS)[0]
    nothing = likely(stake, row, earned=False)
    within = [one for one in [asked, *ranked[::40]] if one.end <= MONTH[1]]
    assert within
    for candidate in within:
        spans = [(candidate.start + a, candidate.start + b) for a, b in NIGHTS]
        assert list(candidate.windows) == spans
        (all_of_them,) = affected([one], before, NOW, spans, FEW_DRAWS)
        assert candidate.adds_if_not["EUR"] == pytest.approx(float(all_of_them.expected_if_not - nothing.credit))
        if len(set(earned)) == 1:
            expected = all_of_them.expected_if_earned if all(earned) else all_of_them.expected_if_not
            assert candidate.adds["EUR"] == pytest.approx(float(expected - nothing.credit), abs=1e-9)
        else:  # the first alone counts, and the budget is that of a month without the others
            (first,) = affected([one], before, NOW, spans[:1], FEW_DRAWS)
            assert 0 <= candidate.adds["EUR"] - float(first.expected_if_not - nothing.credit) < 5
            assert candidate.adds["EUR"] < candidate.adds_if_not["EUR"] - 20
        assert candidate.late == (not all(earned))


def by_window(earned: tuple[bool, ...]) -> Any:
    return lambda _, starts, earlier: [earned[len(earlier)]] * len(starts)


def test_several_windows_keep_their_lengths_their_order_and_their_distances() -> None:
    frozen = Frozen(ASKED + 5 * DAY, ASKED + 6 * DAY, "year end")
    apart = ASKED + 10 * DAY, ASKED + 11 * DAY
    around = Surroundings([frozen], [apart])
    ranked, asked = candidates(PLAN, ASKED, [hit()], by_window((True,) * 3), known(hit()), NOW, around)
    assert asked is not None
    assert asked.off_hours == 1  # at noon in Berlin
    assert ranked
    for one in ranked:
        assert [(a - one.start, b - one.start) for a, b in one.windows] == list(NIGHTS)
        assert one.end <= PLAN.latest
        for start, end in one.windows:
            assert end <= frozen.start or start >= frozen.end, "no window of it is in a freeze"
            assert end <= apart[0] or start >= apart[1]
    assert ranked[0].off_hours == 0, "each of them at night"
    lies_around = [one for one in ranked if one.start < frozen.start and one.end > frozen.end]
    assert lies_around, "what lies between two windows is free"
    best = spread(ranked, 3)
    assert all(abs(one.start - other.start) >= 16 * HOUR for one in best for other in best if one != other)


def test_a_window_that_is_not_earned_goes_outside_of_the_service_hours() -> None:
    ranked, asked = look(hit(earned=False, service_hours={"mon-fri": "08:00-18:00"}), in_time_from=None)
    assert asked.adds["EUR"] > 50
    assert asked.late == 1
    best = ranked[0]
    assert best.adds["EUR"] == 0
    assert best.counting == 0
    assert best.off_hours == 0  # and at night, in Berlin
    assert (best.start // HOUR) % 24 >= 20


def test_a_window_that_is_late_moves_until_it_is_in_time() -> None:
    ranked, asked = look(hit(), in_time_from=ASKED + 2 * DAY)
    assert asked.late == 1
    assert ranked
    assert min(one.start for one in spread(ranked, 5)) >= ASKED + 2 * DAY


def test_freeze_periods_and_what_takes_both_of_a_pair_are_no_candidates() -> None:
    frozen = Frozen(ASKED - 2 * DAY, ASKED + 4 * DAY, "year end")
    apart = ASKED + 5 * DAY, ASKED + 6 * DAY
    ranked, asked = look(hit(), around=Surroundings([frozen], [apart]))
    assert asked.frozen
    assert ranked
    for one in ranked:
        assert one.end <= frozen.start or one.start >= frozen.end
        assert one.end <= apart[0] or one.start >= apart[1]


def test_another_work_of_the_night_makes_a_window_worse() -> None:
    others = [(at, at + HOUR, frozenset({"acme"})) for at in range(ASKED - 7 * DAY, ASKED + 9 * DAY, DAY)]
    ranked, _ = look(hit(), around=Surroundings(others=others))
    assert ranked[0].same_night == 0
    assert not any(ranked[0].start < end + 2 * HOUR and start - 2 * HOUR < ranked[0].end for start, end, _ in others)


def test_what_is_best_has_nothing_better() -> None:
    ranked, _ = look(hit())
    best = ranked[0].start
    wanted = Wanted(4 * HOUR, NOW, NOW + 20 * DAY)
    again, own = candidates(
        wanted, best, [hit()], lambda _, starts, __: [True] * len(starts), known(hit()), NOW, Surroundings()
    )
    assert own is not None
    assert own.start == best
    assert again == []
