"""The agenda: what is due is claimed once, comes back when its worker dies, and once done is never done again."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from sqlalchemy import Connection
from store_records import JUNE, an_entry

from upheld.ports import AgendaEntry
from upheld.store import SqlStore

LEASE = 60_000_000


@pytest.fixture
def three_due(store: SqlStore) -> SqlStore:
    """Entries due at JUNE + 2, + 1 and + 3, of two tenants."""
    for tenant, entry_id, due in (("t", "second", 2), ("u", "first", 1), ("t", "third", 3)):
        with store.transaction(tenant) as t:
            t.schedule(an_entry(id=entry_id, due_at=JUNE + due))
    return store


def ids(entries: object) -> list[str]:
    assert isinstance(entries, list)
    return [entry.id for entry in entries]


def test_a_claim_takes_what_is_due_of_every_tenant_soonest_first(three_due: SqlStore) -> None:
    assert three_due.claim(JUNE, LEASE, 10) == []
    claimed = three_due.claim(JUNE + 2, LEASE, 10)
    assert claimed == [
        AgendaEntry("first", "remind", JUNE + 1, {"case": "case-1", "round": 2}, attempts=1, tenant="u"),
        AgendaEntry("second", "remind", JUNE + 2, {"case": "case-1", "round": 2}, attempts=1, tenant="t"),
    ]


def test_a_claim_takes_no_more_than_its_limit(three_due: SqlStore) -> None:
    assert three_due.claim(JUNE + 9, LEASE, 10, ["another kind"]) == []
    assert ids(three_due.claim(JUNE + 9, LEASE, 2)) == ["first", "second"]
    assert ids(three_due.claim(JUNE + 9, LEASE, 2)) == ["third"]
    assert three_due.claim(JUNE + 9, LEASE, 2) == []


def test_a_storm_of_one_tenant_leaves_room_in_every_claim_for_the_others(store: SqlStore) -> None:
    with store.transaction("noisy") as t:
        for n in range(300):
            t.schedule(an_entry(id=f"noisy-{n:03}", due_at=JUNE + n // 100))
    for tenant, count in (("quiet", 3), ("a third", 1)):
        with store.transaction(tenant) as t:
            for n in range(count):
                t.schedule(an_entry(id=f"{tenant}-{n}", due_at=JUNE + 50))
    store.claim(JUNE + 99, LEASE, 20, ["another kind"])
    assert ids(store.claim(JUNE + 99, LEASE, 4)) == ["noisy-000", "noisy-001", "a third-0", "quiet-0"]
    assert ids(store.claim(JUNE + 99, LEASE, 4)) == ["noisy-002", "noisy-003", "quiet-1", "quiet-2"]
    assert ids(store.claim(JUNE + 99, LEASE, 3)) == ["noisy-004", "noisy-005", "noisy-006"]


def test_a_claimed_entry_comes_back_when_its_lease_is_over_and_counts_the_attempt(three_due: SqlStore) -> None:
    assert ids(three_due.claim(JUNE + 1, LEASE, 10)) == ["first"]
    assert three_due.claim(JUNE + 1 + LEASE - 1, LEASE, 1) == [
        an_entry(id="second", due_at=JUNE + 2, attempts=1, tenant="t")
    ]
    again = three_due.claim(JUNE + 1 + LEASE, LEASE, 1)
    assert again == [an_entry(id="first", due_at=JUNE + 1, attempts=2, tenant="u")]


def test_no_entry_is_claimed_by_two_of_eight_workers(store: SqlStore) -> None:
    with store.transaction("t") as t:
        for n in range(200):
            t.schedule(an_entry(id=f"entry-{n}", due_at=JUNE + n % 7))

    def work(_: int) -> list[str]:
        mine: list[str] = []
        while taken := ids(store.claim(JUNE + 9, LEASE, 7)):
            mine += taken
        return mine

    with ThreadPoolExecutor(8) as threads:
        taken = Counter(entry for mine in threads.map(work, range(8)) for entry in mine)
    # On PostgreSQL a worker skips what others are just claiming, so that the last may end before all is taken.
    taken.update(ids(store.claim(JUNE + 9, LEASE, 200)))
    assert taken == Counter(f"entry-{n}" for n in range(200))


def test_an_id_that_is_waiting_cannot_be_scheduled_again(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
    with store.transaction("t") as t:
        t.schedule(an_entry("-again", due_at=JUNE + 5))
        assert t.agenda() == [an_entry(tenant="t")]


@pytest.mark.parametrize("end", ["finish", "give_up"])
def test_an_id_that_has_ended_stays_known_and_cannot_be_scheduled_again(store: SqlStore, end: str) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
    store.claim(JUNE, LEASE, 1)
    with store.transaction("t") as t:
        t.finish("entry-1") if end == "finish" else t.give_up("entry-1", "no such address")
    with store.transaction("t") as t:
        t.schedule(an_entry())
        assert t.agenda() == []
    assert store.claim(JUNE + 10 * LEASE, LEASE, 10) == []


def test_an_entry_can_be_finished_before_it_was_claimed_and_an_unknown_one_too(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
        t.finish("entry-1")
        t.finish("unknown")
    assert store.claim(JUNE, LEASE, 10) == []


def test_a_retried_entry_is_due_later_whatever_its_lease_and_keeps_its_attempts(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
    store.claim(JUNE, 10 * LEASE, 1)
    with store.transaction("t") as t:
        t.retry("entry-1", JUNE + LEASE, "connection refused")
        assert t.agenda() == [an_entry(due_at=JUNE + LEASE, attempts=1, tenant="t")]
    assert store.claim(JUNE + LEASE - 1, LEASE, 1) == []
    assert store.claim(JUNE + LEASE, LEASE, 1) == [an_entry(due_at=JUNE + LEASE, attempts=2, tenant="t")]


def test_an_entry_that_is_put_back_was_not_attempted(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
    store.claim(JUNE, 10 * LEASE, 1)
    with store.transaction("t") as t:
        t.put_back("entry-1", JUNE + LEASE, "waits behind another")
    assert store.claim(JUNE + LEASE - 1, LEASE, 1) == []
    assert store.claim(JUNE + LEASE, LEASE, 1) == [an_entry(due_at=JUNE + LEASE, attempts=1, tenant="t")]


def test_an_entry_that_is_hastened_is_due_unless_somebody_has_claimed_it(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry(due_at=JUNE + LEASE))
        t.hasten("entry-1", JUNE + 2 * LEASE)
    assert store.claim(JUNE, LEASE, 1) == []
    with store.transaction("t") as t:
        t.hasten("entry-1", JUNE)
    assert store.claim(JUNE, LEASE, 1) == [an_entry(attempts=1, tenant="t")]
    with store.transaction("t") as t:
        t.hasten("entry-1", JUNE - 1)
    assert store.claim(JUNE, LEASE, 1) == []


@pytest.mark.parametrize("late", ["retry", "give_up", "put_back"])
def test_a_worker_who_comes_late_cannot_undo_what_another_finished(store: SqlStore, late: str) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
    store.claim(JUNE, LEASE, 1)
    store.claim(JUNE + LEASE, LEASE, 1)
    with store.transaction("t") as t:
        t.finish("entry-1")
    with store.transaction("t") as t:
        t.give_up("entry-1", "timed out") if late == "give_up" else getattr(t, late)("entry-1", JUNE, "timed out")
        assert t.agenda() == []
    assert store.claim(JUNE + 9 * LEASE, LEASE, 1) == []


def test_the_agenda_is_what_is_still_to_do_soonest_first_claimed_or_not(three_due: SqlStore) -> None:
    three_due.claim(JUNE + 9, LEASE, 2)
    with three_due.transaction("t") as t:
        t.schedule(an_entry(id="done", due_at=JUNE))
        t.finish("done")
        claimed = an_entry(id="second", due_at=JUNE + 2, attempts=1, tenant="t")
        waiting = an_entry(id="third", due_at=JUNE + 3, tenant="t")
        assert t.agenda() == [claimed, waiting]
        assert t.agenda(limit=1) == [claimed]


def test_the_tenant_of_a_scheduled_entry_is_that_of_the_transaction(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(replace(an_entry(), tenant="u"))
    assert [entry.tenant for entry in store.claim(JUNE, LEASE, 1)] == ["t"]


def test_only_a_claim_after_one_that_found_nothing_looks_before_it_takes_a_writers_turn(
    three_due: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert three_due.claim(JUNE, LEASE, 2) == []
    begin, begun = three_due._begin, []

    def counted(*, writing: bool) -> AbstractContextManager[Connection]:
        begun.append("writes" if writing else "looks")
        return begin(writing=writing)

    monkeypatch.setattr(three_due, "_begin", counted)
    claims = []
    for _ in range(4):
        claims.append((ids(three_due.claim(JUNE + 9, LEASE, 2)), begun[:]))
        begun.clear()
    assert claims == [
        (["first", "second"], ["looks", "writes"]),
        (["third"], ["writes"]),
        ([], ["writes"]),
        ([], ["looks"]),
    ]


def test_what_is_to_do_is_read_page_by_page_soonest_first(store: SqlStore) -> None:
    with store.transaction("t") as t:
        for n in range(6):
            t.schedule(an_entry(id=f"clock/c/{n}/missed", kind="clock", due_at=JUNE + 10 - n // 2))
            t.schedule(an_entry(id=f"clock/c/{n}/warning", kind="clock", due_at=JUNE + n))
        t.schedule(an_entry(id="other/missed", kind="other", due_at=JUNE))
    with store.transaction("t", writing=False) as t:
        found, after = [], None
        while page := t.agenda_from(["clock"], ["/missed"], after, 2):
            found += [entry.id.split("/")[2] for entry in page]
            after = page[-1].due_at, page[-1].id
        assert found == ["4", "5", "2", "3", "0", "1"]
        assert len(t.agenda_from(["clock", "other"], [], None, 99)) == 13
