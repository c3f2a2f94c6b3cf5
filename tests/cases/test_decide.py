"""What a case does with the commands that it is given."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.units import DAY, MINUTE
from upheld.cases.decide import (
    Answer,
    AskAgain,
    Assessed,
    CloseUnanswered,
    Command,
    Join,
    Observed,
    Open,
    PassedOn,
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
    assert types(case, NOT_SOLVED) == ["answered", "reopened", "escalated"]
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
    assert types(case, replace(SOLVED, asked=2)) == ["answered", "closed"]


def effects(case: Case) -> list[str]:
    return [answer["effect"] for answer in case.answers]


def test_each_contact_answers_once_by_its_link():
    case = after(RESTORED, SOLVED)
    assert types(case, SOLVED) == []
    assert types(case, replace(SOLVED, solved=False)) == []
    assert [(a["contact"], a["solved"], a["via"]) for a in case.answers] == [("noc@acme.example", True, "link")]


def test_a_later_yes_is_recorded_and_changes_nothing():
    case = after(RESTORED, replace(SOLVED, score=4), replace(SOLVED, contact="it", score=1, comment="slow"))
    assert effects(case) == ["closed", "kept"]
    assert (case.state, case.outcome, case.score) == ("closed", "confirmed", 4)
    assert (case.answers[1]["comment"], case.answers[1]["score"]) == ("slow", 1)


def late_no(**changes: object) -> Answer:
    return replace(Answer(1, "it", False, "bad again", reopens_within=DAY), **changes)


@pytest.mark.parametrize("ended", [SOLVED, CloseUnanswered(1)], ids=["confirmed", "unanswered"])
def test_a_no_in_time_takes_a_closed_case_up_again(ended: Command):
    case = after(RESTORED, ended)
    reopened, events = decide(case, late_no(), (case.closed_at or 0) + DAY)
    assert [event.type for event in events] == ["answered", "reopened", "escalated"]
    assert (reopened.state, reopened.level, reopened.restored_at) == ("reopened", 1, None)
    assert (reopened.outcome, reopened.closed_at, reopened.score) == (None, None, None)
    assert types(reopened, AskAgain("ada")) == ["restored", "asked"]


def test_a_no_that_comes_later_is_kept_and_told():
    case = after(RESTORED, SOLVED)
    kept, events = decide(case, late_no(), (case.closed_at or 0) + DAY + 1)
    assert [event.type for event in events] == ["answered"]
    assert (kept.state, effects(kept)) == ("closed", ["closed", "late"])
    unpromised, _ = decide(case, late_no(reopens_within=None), case.closed_at or 0)
    assert effects(unpromised) == ["closed", "late"]


def test_a_no_to_a_withdrawn_case_is_kept_and_told():
    case = after(RESTORED, Assessed(verdict("met"), restated=True))
    kept, events = decide(case, late_no(), 10 * MINUTE)
    assert ([event.type for event in events], kept.state, effects(kept)) == (["answered"], "withdrawn", ["late"])


def test_a_no_to_a_case_that_another_one_follows_escalates_that_one_once():
    case = after(RESTORED, SOLVED)
    kept, (answered,) = decide(case, late_no(beside="C-2"), 10 * MINUTE)
    assert (answered.data["effect"], answered.data["case"], kept.state) == ("passed_on", "C-2", "closed")
    kept, _ = decide(kept, late_no(contact="boss", beside="C-2"), 11 * MINUTE)
    assert effects(kept) == ["closed", "passed_on", "kept"]
    assert types(after(), PassedOn(late_no())) == ["escalated"]
    assert types(case, PassedOn(late_no())) == []


def test_what_is_answered_while_the_service_is_known_to_be_bad_is_kept():
    for command in (NOT_SOLVED, Observed(bad_until=MINUTE, good_for=0, stable=STABLE)):
        case = after(RESTORED, command)
        assert types(case, replace(SOLVED, contact="it")) == ["answered"]
        assert types(case, replace(NOT_SOLVED, contact="it")) == ["answered"]


def test_whom_our_people_have_on_the_telephone_may_think_otherwise():
    said = Answer(1, "Jane Doe", True, "", via="console", taken_by="ada", reopens_within=DAY)
    case = after(RESTORED, said)
    assert types(case, said) == []
    assert types(case, replace(said, solved=False), now=10 * MINUTE) == ["answered", "reopened", "escalated"]


def test_a_case_that_was_never_asked_about_takes_no_answer():
    assert types(after(), replace(SOLVED, asked=0)) == []


def test_the_case_of_a_problem_joins_the_one_that_there_is_when_it_is_taken_up_again():
    case = after(Join("P-1"), RESTORED, SOLVED)
    assert types(case, late_no(problem="P-1"), now=10 * MINUTE) == ["answered", "reopened", "escalated"]
    assert types(case, late_no(problem="P-2"), now=10 * MINUTE) == ["answered", "reopened", "grouped", "escalated"]


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
    st.builds(
        Answer,
        st.integers(0, 3),
        st.sampled_from(["noc", "it", "boss"]),
        st.booleans(),
        st.text(max_size=3),
        via=st.sampled_from(["link", "console"]),
        reopens_within=st.sampled_from([None, 0, 3 * MINUTE, DAY]),
        beside=st.sampled_from([None, "C-2"]),
    ),
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
        types_of = {e.type for e in events}
        by_a_no = case.state == "reopened" and types_of == {"answered", "reopened", "escalated"}
        assert not ended or by_a_no or types_of <= {"step_done", "step_failed", "answered"}, "an ended case stays so"
    assert replay(first, history) == case
    assert [e.seq for e in history] == list(range(1, len(history) + 1))
    assert {e.type for e in history} <= set(MOVES)
    assert len(case.answers) == [e.type for e in history].count("answered")
    links = [(a["round"], a["contact"]) for a in case.answers if a["via"] == "link"]
    assert len(links) == len(set(links)), "a link answers once for each round"
