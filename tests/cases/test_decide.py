"""What a case does with the commands that it is given."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.units import MINUTE
from upheld.cases.decide import (
    Answer,
    AskAgain,
    Assessed,
    CloseUnanswered,
    Command,
    Observed,
    Open,
    Remind,
    StepDone,
    StepFailed,
    Withdraw,
    decide,
    new_case,
)
from upheld.cases.lifecycle import MOVES, replay
from upheld.cases.model import ENDED_STATES, Case

STABLE = 5 * MINUTE


def verdict(status="violated", **changes):
    return {
        "agreement": "acme-vpn-gold",
        "objective": "availability",
        "service": "vpn-0042",
        "customer": "acme",
        "period_start": "2026-06-01T00:00:00Z",
        "violated_at": "2026-06-10T10:00:00Z" if status == "violated" else None,
        "status": status,
        "credit": None,
        **changes,
    }


def after(*commands: Command, status="violated", start=0) -> Case:
    """The case after `Open` and the commands, one a minute."""
    case = new_case("C-1", verdict(status), 0, start)
    for minute, command in enumerate((Open(verdict(status), {}), *commands)):
        case, _ = decide(case, command, start + minute * MINUTE)
    return case


def types(case: Case, command: Command, now=100 * MINUTE) -> list[str]:
    return [event.type for event in decide(case, command, now)[1]]


RESTORED = Observed(bad_until=0, good_for=STABLE, stable=STABLE)
NOT_SOLVED = Answer(1, "noc@acme.example", False, "still slow")
SOLVED = Answer(1, "noc@acme.example", True, "")


def test_opening_analyses_and_asks_for_a_ticket_at_once():
    case = new_case("C-1", verdict(), 0, 0)
    assert types(case, Open(verdict(), {"affected": []})) == ["opened", "analysed", "acted"]
    assert after().state == "acting"


def test_a_degradation_that_becomes_a_violation_worsens():
    case = after(status="at_risk")
    assert case.kind == "degradation"
    worse, events = decide(case, Assessed(verdict("violated"), restated=False), MINUTE)
    assert [e.type for e in events] == ["worsened"]
    assert worse.kind == "violation"
    assert types(worse, Assessed(verdict("violated"), restated=False)) == []


def test_a_violation_in_the_next_period_is_told_in_the_same_case():
    july = verdict(period_start="2026-07-01T00:00:00Z", violated_at="2026-07-02T00:00:00Z")
    assert types(after(), Assessed(july, restated=False)) == ["violated_again"]


def test_a_rolling_window_that_moves_on_is_not_violated_again():
    case = rolling_case()
    moved = verdict(period_start="2026-06-01T00:01:00Z", violated_at="2026-06-10T10:07:00Z")
    assert types(case, Assessed(moved, restated=False, rolling=True)) == []


def test_a_rolling_window_that_recovered_is_violated_again():
    case, _ = decide(rolling_case(), Assessed(verdict("met"), restated=False, rolling=True), MINUTE)
    assert case.state == "acting"
    assert types(case, Assessed(verdict(), restated=False, rolling=True)) == ["violated_again"]


def test_a_period_that_was_told_is_not_told_again_when_another_changes():
    case, _ = decide(after(), Assessed(verdict(period_start="2026-07-01T00:00:00Z"), restated=False), MINUTE)
    final = verdict(final=True)
    assert types(case, Assessed(final, restated=False)) == []


def test_a_case_of_two_periods_is_withdrawn_only_when_neither_is_bad_any_more():
    july = "2026-07-01T00:00:00Z"
    case, _ = decide(after(), Assessed(verdict(period_start=july), restated=False), MINUTE)
    case, events = decide(case, Assessed(verdict("met", period_start=july), restated=True), MINUTE)
    assert [e.type for e in events] == ["figures_changed"]
    assert types(case, Assessed(verdict("met"), restated=True)) == ["withdrawn"]


def test_a_case_whose_promise_is_not_in_force_any_more_is_withdrawn_with_the_reason():
    case, (event,) = decide(after(), Withdraw("not promised any more"), MINUTE)
    assert (case.state, case.outcome, event.data["reason"]) == ("withdrawn", "withdrawn", "not promised any more")


def rolling_case() -> Case:
    case = new_case("C-1", verdict(), 0, 0, rolling=True)
    return decide(case, Open(verdict(), {}), 0)[0]


def test_a_restatement_that_takes_the_violation_back_withdraws_the_case():
    assert types(after(), Assessed(verdict("met"), restated=True)) == ["withdrawn"]
    assert types(after(), Assessed(verdict("met"), restated=False)) == []


def test_the_customer_is_asked_only_after_a_stable_time():
    almost = Observed(bad_until=0, good_for=STABLE - 1, stable=STABLE)
    assert types(after(), almost) == []
    assert types(after(), RESTORED) == ["restored", "asked"]


def test_time_without_good_measurements_is_not_restoration():
    assert types(after(), Observed(bad_until=0, good_for=0, stable=STABLE)) == []


def test_yes_closes_the_case_as_confirmed():
    case = after(RESTORED, SOLVED)
    assert (case.state, case.outcome) == ("closed", "confirmed")


def test_no_reopens_and_escalates():
    case = after(RESTORED)
    assert types(case, NOT_SOLVED) == ["rejected", "reopened", "escalated"]
    case = after(RESTORED, NOT_SOLVED)
    assert (case.state, case.level, case.closed_at) == ("reopened", 1, None)


def test_after_a_no_good_figures_alone_do_not_ask_again():
    case = after(RESTORED, NOT_SOLVED)
    assert types(case, replace(RESTORED, good_for=90 * MINUTE)) == []
    assert types(case, AskAgain("noc")) == ["restored", "asked"]


def test_after_a_no_a_new_outage_that_ends_asks_again():
    case = after(RESTORED, NOT_SOLVED)
    again = Observed(bad_until=50 * MINUTE, good_for=10 * MINUTE, stable=STABLE)
    assert types(case, again) == ["restored", "asked"]


def test_an_answer_to_an_earlier_question_comes_too_late():
    case = after(RESTORED, NOT_SOLVED, AskAgain("noc"))
    assert case.asked == 2
    assert types(case, SOLVED) == []
    assert types(case, replace(SOLVED, asked=2)) == ["confirmed", "closed"]


def test_an_answer_counts_once():
    assert types(after(RESTORED, SOLVED), SOLVED) == []
    assert types(after(RESTORED, SOLVED), NOT_SOLVED) == []


def test_silence_is_reminded_and_then_closed_with_that_reason():
    case = after(RESTORED)
    assert types(case, Remind(1)) == ["reminded"]
    closed, _ = decide(case, CloseUnanswered(1), 0)
    assert (closed.state, closed.outcome) == ("closed", "unanswered")


def test_a_timer_of_an_earlier_question_does_nothing():
    case = after(RESTORED, NOT_SOLVED)
    assert types(case, Remind(1)) == []
    assert types(case, CloseUnanswered(1)) == []


def test_a_service_that_breaks_while_the_customer_is_asked_is_acted_on_again():
    case = after(RESTORED)
    assert types(case, Observed(bad_until=MINUTE, good_for=0, stable=STABLE)) == ["broke_again"]


def test_an_outcome_of_a_step_is_noted_even_after_the_end():
    assert types(after(RESTORED, SOLVED), StepDone("C-1/ticket", "INC-7")) == ["step_done"]


def test_an_event_out_of_place_is_a_defect():
    case = after(RESTORED, SOLVED)
    with pytest.raises(AssertionError, match="cannot happen to a case that is closed"):
        replay(case, [replace(decide(after(), RESTORED, 0)[1][0], seq=case.seq + 1)])


COMMANDS = st.one_of(
    st.builds(
        Assessed,
        st.builds(verdict, st.sampled_from(["met", "at_risk", "violated", "no_data"])),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(Withdraw, st.just("not promised any more")),
    st.builds(
        Observed,
        st.one_of(st.none(), st.integers(0, 60 * MINUTE)),
        st.integers(0, 90 * MINUTE),
        st.just(STABLE),
    ),
    st.builds(Answer, st.integers(0, 3), st.just("noc"), st.booleans(), st.text(max_size=3)),
    st.builds(Remind, st.integers(0, 3)),
    st.builds(CloseUnanswered, st.integers(0, 3)),
    st.builds(AskAgain, st.just("noc")),
    st.builds(StepDone, st.just("C-1/ticket"), st.just("INC-7")),
    st.builds(StepFailed, st.just("C-1/ticket"), st.just("refused")),
)


@given(st.lists(COMMANDS, max_size=30), st.sampled_from(["at_risk", "violated"]))
def test_any_commands_leave_a_case_that_its_events_explain(given_commands, status):
    first = new_case("C-1", verdict(status), 0, 0)
    case, history = first, []
    for minute, command in enumerate((Open(verdict(status), {}), *given_commands)):
        ended = case.state in ENDED_STATES
        case, events = decide(case, command, minute * MINUTE)
        history += events
        assert not ended or {e.type for e in events} <= {"step_done", "step_failed"}, "an ended case stays ended"
    assert replay(first, history) == case
    assert [e.seq for e in history] == list(range(1, len(history) + 1))
    assert {e.type for e in history} <= set(MOVES)
