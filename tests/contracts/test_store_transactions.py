"""All of a transaction or nothing; whoever comes second is told; a reader waits for nobody."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError
from store_records import JUNE, KEY, a_case, a_notice, a_problem, a_verdict, an_action, an_entry, an_event, an_owed

from upheld.cases.model import Case, Event
from upheld.cases.problems import Happened
from upheld.ports import Conflict, Told, Transaction
from upheld.store import SqlStore


class Interrupted(Exception):
    pass


def test_an_exception_leaves_nothing_of_the_transaction(store: SqlStore) -> None:
    with pytest.raises(Interrupted), store.transaction("t") as t:  # noqa: PT012
        t.save_portfolio("one: 1\n", JUNE)
        t.put_verdicts([Told(a_verdict(), "")], JUNE)
        t.save_case(a_case(), [an_event()])
        t.save_notice(a_notice())
        t.schedule(an_entry())
        raise Interrupted
    with store.transaction("t") as t:
        assert (t.portfolio(), t.verdicts(), t.cases(), t.events("case-1")) == (None, [], [], [])
        assert (t.notices(), t.agenda()) == ([], [])
        t.schedule(an_entry())
        assert len(t.agenda()) == 1


def step(store: SqlStore, case: Case, events: list[Event], ready: threading.Barrier) -> str:
    ready.wait(10)
    try:
        with store.transaction("t") as t:
            t.save_case(case, events)
            t.schedule(an_entry(id=f"told of {case.id} by {events[-1].type}"))
    except Conflict:
        return "conflict"
    return "saved"


def race(store: SqlStore, runners: list[tuple[Case, list[Event]]]) -> list[str]:
    ready = threading.Barrier(len(runners))
    with ThreadPoolExecutor(len(runners)) as threads:
        running = [threads.submit(step, store, case, events, ready) for case, events in runners]
        return sorted(future.result() for future in running)


def test_of_those_who_advance_a_case_from_the_same_state_one_wins(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.save_case(a_case(), [an_event()])
    runners = [(a_case(state="acting", level=n, seq=2), [an_event(seq=2, type=f"by {n}")]) for n in range(4)]
    assert race(store, runners) == ["conflict"] * 3 + ["saved"]
    with store.transaction("t") as t:
        case, events = t.case("case-1"), t.events("case-1")
        assert case is not None
        assert [e.type for e in events] == ["opened", f"by {case.level}"]
        assert [e.id for e in t.agenda()] == [f"told of case-1 by by {case.level}"]


def test_of_those_who_open_a_case_of_one_objective_one_wins(store: SqlStore) -> None:
    runners = [(a_case(id=f"case-{n}"), [an_event(case_id=f"case-{n}")]) for n in range(4)]
    assert race(store, runners) == ["conflict"] * 3 + ["saved"]
    with store.transaction("t") as t:
        assert len(t.cases()) == len(t.agenda()) == 1


@pytest.mark.parametrize(
    ("case", "event"),
    [
        pytest.param(a_case(seq=3), an_event(seq=3), id="too far ahead"),
        pytest.param(a_case(seq=1), an_event(seq=1), id="opened again"),
        pytest.param(a_case(id="other", seq=1), an_event(case_id="other"), id="a second open one"),
        pytest.param(a_case(id="none", seq=2), an_event(case_id="none", seq=2), id="unknown"),
        pytest.param(a_case(id="ended", seq=2, state="reopened"), an_event(case_id="ended", seq=2), id="reopened"),
    ],
)
def test_a_conflict_leaves_the_case_alone_and_the_transaction_usable(store: SqlStore, case: Case, event: Event) -> None:
    with store.transaction("t") as t:
        t.save_case(a_case(id="ended", state="closed"), [an_event(case_id="ended")])
        t.save_case(a_case(), [an_event()])
        with pytest.raises(Conflict):
            t.save_case(case, [event])
        t.schedule(an_entry())
    with store.transaction("t") as t:
        assert t.case("case-1") == a_case()
        assert {c.id for c in t.cases()} == {"case-1", "ended"}
        assert [len(t.events(c)) for c in ("case-1", "ended", "other", "none")] == [1, 1, 0, 0]
        assert len(t.agenda()) == 1


@pytest.mark.parametrize("state", ["closed", "withdrawn"])
def test_an_ended_case_makes_room_for_the_next(store: SqlStore, state: str) -> None:
    with store.transaction("t") as t:
        t.save_case(a_case(), [an_event()])
        t.save_case(a_case(state=state, seq=2), [an_event(seq=2)])
        t.save_case(a_case(id="next"), [an_event(case_id="next")])
        assert t.open_case(*KEY[:3]) == a_case(id="next")


def test_events_that_do_not_lead_to_the_case_are_refused(store: SqlStore) -> None:
    for case, events in (
        (a_case(seq=2), [an_event(seq=1)]),
        (a_case(seq=3), [an_event(seq=1), an_event(seq=3)]),
        (a_case(seq=1), [an_event(case_id="case-2")]),
    ):
        with pytest.raises(AssertionError), store.transaction("t") as t:
            t.save_case(case, events)


def test_portfolios_saved_at_the_same_time_get_different_versions_or_a_conflict(store: SqlStore) -> None:
    ready = threading.Barrier(4)

    def save(n: int) -> int | None:
        ready.wait(10)
        try:
            with store.transaction("t") as t:
                return t.save_portfolio(f"n: {n}\n", n)
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as threads:
        versions = [v for v in threads.map(save, range(4)) if v is not None]
    assert sorted(versions) == list(range(1, len(versions) + 1))
    assert versions


def test_all_who_ask_for_a_new_setting_at_the_same_time_get_the_same_value(store: SqlStore) -> None:
    ready = threading.Barrier(8)

    def ask(n: int) -> str:
        ready.wait(10)
        return store.setting("secret", f"of {n}")

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1


def test_a_reader_waits_for_no_writer_and_sees_what_was_committed(store: SqlStore) -> None:
    with store.transaction("t") as writer:
        writer.schedule(an_entry())
        with store.transaction("t", writing=False) as reader:
            assert reader.agenda() == []


def test_a_reader_sees_one_state_of_the_database_throughout(store: SqlStore) -> None:
    with store.transaction("t", writing=False) as reader:
        assert reader.agenda() == []
        with store.transaction("t") as writer:
            writer.schedule(an_entry())
        assert reader.agenda() == []


def test_a_reader_cannot_write_and_the_next_writer_can(store: SqlStore) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read.?only"), store.transaction("t", writing=False) as t:
        t.schedule(an_entry())
    with store.transaction("t") as t:
        t.schedule(an_entry())
        assert len(t.agenda()) == 1


def test_a_second_writing_transaction_of_one_thread_is_refused_at_once(store: SqlStore) -> None:
    with store.transaction("t") as t:
        with pytest.raises(RuntimeError, match="open already"), store.transaction("t"):
            raise AssertionError("it was let in")
        t.schedule(an_entry())
    with store.transaction("t") as t:
        assert len(t.agenda()) == 1


def test_threads_that_write_at_the_same_time_all_get_their_turn(store: SqlStore) -> None:
    def write(n: int) -> None:
        for m in range(5):
            with store.transaction("t") as t:
                t.schedule(an_entry(id=f"{n}-{m}"))

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(write, range(12)))
    with store.transaction("t") as t:
        assert len(t.agenda()) == 60


# On SQLite one writes at a time, so that no deadlock can be.
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_deadlock_is_a_conflict_for_one_and_nothing_for_the_other(store: SqlStore) -> None:
    both_hold_one = threading.Barrier(2)

    def swap(first: str, second: str) -> str:
        def save(t: Transaction, notice_id: str) -> None:
            t.save_notice(replace(a_notice(), id=notice_id))

        try:
            with store.transaction("t") as t:
                save(t, first)
                both_hold_one.wait(10)
                save(t, second)
        except Conflict:
            return "conflict"
        return "saved"

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(swap, ["x", "y"], ["y", "x"])) == ["conflict", "saved"]


def test_what_is_owed_is_taken_once_for_some_parties_at_a_time(store: SqlStore) -> None:
    rows = [an_owed(case_id=f"case-{n}", party=party, at=JUNE - n) for n in range(3) for party in ("a", "b", "c")]
    with store.transaction("acme") as t:
        t.owe(rows)
        taken = t.take_owed("P-1", JUNE + 5, parties=2)
        assert [(row.party, row.case_id, row.told) for row in taken] == [
            (party, f"case-{n}", JUNE + 5) for n in (2, 1, 0) for party in ("a", "b")
        ]
        assert t.is_owed("P-1")
        assert {row.party for row in t.take_owed("P-1", JUNE + 6, parties=2)} == {"c"}
        assert not t.is_owed("P-1")
        assert not t.take_owed("P-1", JUNE + 7, parties=2)
        assert len(t.owed_as_told("P-1", "a", JUNE + 5)) == 3
        t.owe([an_owed(seq=2)])
    assert store.owing(JUNE, 10) == [("acme", "P-1")]
    assert not store.owing(JUNE - 1, 10)


def test_what_happened_to_the_cases_of_a_problem_is_counted_minute_by_minute(store: SqlStore) -> None:
    minute, opened = 60_000_000, a_problem().opened_at
    for tenant, customers in (("t", ("a", "b", "b")), ("u", ("c",))):
        with store.transaction(tenant) as t:
            t.save_problem(a_problem(merged_into=None))
            for n, customer in enumerate(customers):
                case = a_case(id=f"case-{n}", service=f"vpn-{n}", customer=customer, seq=2)
                told = [("grouped", opened - 1), ("restored", opened + (n // 2) * minute)]
                events = [
                    an_event(case_id=case.id, seq=seq, type=what, at=at) for seq, (what, at) in enumerate(told, 1)
                ]
                t.save_case(replace(case, seq=1), events[:1])
                t.save_case(case, events[1:])
    with store.transaction("t") as t:
        expected = [Happened(opened, "restored", 2, 2), Happened(opened + minute, "restored", 1, 1)]
        assert t.problem_story("P-1") == expected


def test_what_is_owed_and_recorded_under_a_merged_problem_is_found_under_the_other(store: SqlStore) -> None:
    whole, part = a_problem(id="P-3", merged_into=None), a_problem("b", id="P-2", merged_into=None)
    with store.transaction("t") as t:
        for problem in (whole, part, a_problem("c", merged_into=None)):
            t.save_problem(problem)
        t.owe([an_owed(), an_owed(party="told", told=JUNE)])
        t.save_action(an_action(case_id="P-1"))
        t.save_notice(a_notice(case_id=None))
        t.merge_problem("P-1", part, JUNE)
        t.merge_problem("P-2", whole, JUNE + 1)
    with store.transaction("t") as t:
        assert {problem.id: problem.merged_into for problem in t.problems()} == {
            "P-1": "P-3",
            "P-2": "P-3",
            "P-3": None,
        }
        assert {problem.id for problem in t.parts_of("P-3")} == {"P-1", "P-2"}
        assert t.owed_as_told("P-1", "told", JUNE) == [an_owed(party="told", told=JUNE)]
        assert t.take_owed("P-3", JUNE, 9) == [an_owed(problem="P-3", told=JUNE)]
        assert t.actions("P-3") == [an_action(case_id="P-1")]
        assert [action.id for action in t.actions_brief("P-3")] == ["action-1"]
        assert t.notices(problem_id="P-3") == [a_notice(case_id=None)]
        assert t.notices_of(a_case(problem="P-3", customer="acme")) == [a_notice(case_id=None)]
        assert t.notices_counted("P-3") == [Happened(JUNE, "violation sent", 1)]
        assert not t.actions("P-2")


def test_of_one_cause_one_problem_is_open(store: SqlStore) -> None:
    with store.transaction("acme") as t:
        t.save_problem(a_problem())
        with pytest.raises(Conflict):
            t.save_problem(a_problem(id="P-2"))
        t.save_problem(a_problem(state="closed"))
        t.save_problem(a_problem(id="P-2"))
        assert [problem.id for problem in t.problems(only_open=True)] == ["P-2"]
