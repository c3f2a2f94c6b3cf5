"""Events for other systems in the store: in one order without gaps, whoever adds them, and gone from the old end."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from store_records import DAY, JUNE, KEY, a_case, a_claim, an_adjustment, an_event, an_outgoing_event

from upheld.ports import Conflict
from upheld.store import SqlStore


def positions(store: SqlStore, tenant: str = "t") -> list[int]:
    with store.transaction(tenant, writing=False) as t:
        return [event.position for event in t.outgoing_events(0, 10_000)]


def test_positions_are_without_gaps_for_each_tenant_whatever_is_rolled_back(store: SqlStore) -> None:
    def add(n: int) -> None:
        def one() -> None:
            with store.transaction("t") as t:
                t.add_outgoing([an_outgoing_event(f"-{n}"), an_outgoing_event(f"-{n}")])
                if n % 3 == 0:
                    raise ZeroDivisionError

        with suppress(ZeroDivisionError):
            one()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(add, range(60)))
    assert positions(store) == list(range(1, 81))
    with store.transaction("t", writing=False) as t:
        subjects = [event.subject for event in t.outgoing_events(0, 100)]
        assert t.outgoing_span() == (0, 80)
    assert subjects[::2] == subjects[1::2], "those of one transaction stand together"
    assert positions(store, "another") == []


def test_who_has_seen_a_position_never_later_finds_a_lower_one(store: SqlStore) -> None:
    stop = threading.Event()
    seen: list[list[int]] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(positions(store))

    def write(n: int) -> None:
        with store.transaction("t") as t:
            t.add_outgoing([an_outgoing_event(f"-{n}")])

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(100)))
    stop.set()
    reader.join()
    assert positions(store) == list(range(1, 101))
    assert all(found == list(range(1, len(found) + 1)) for found in seen)


def test_an_event_is_there_exactly_when_what_caused_it_is(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.save_case(a_case(), [an_event()])
        t.add_outgoing([an_outgoing_event()])

    def lose() -> None:
        with store.transaction("t") as t:
            t.add_outgoing([an_outgoing_event("-lost")])
            t.save_case(a_case(), [an_event()])

    with pytest.raises(Conflict):
        lose()
    assert positions(store) == [1]


def test_old_events_go_from_the_old_end_and_positions_go_on(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.add_outgoing([an_outgoing_event(at=JUNE + day * DAY) for day in (0, 1, 3, 2, 4)])
    with store.transaction("t") as t:
        assert t.forget_outgoing(JUNE) == 0
        assert t.forget_outgoing(JUNE + 3 * DAY) == 2, "the fourth is old, but stands behind one that is not"
        assert t.outgoing_span() == (2, 5)
        assert t.forget_outgoing(JUNE + 3 * DAY) == 0
        assert t.outgoing_event(2) is None
        assert t.forget_outgoing(JUNE + 9 * DAY) == 3
        assert t.outgoing_span() == (5, 5)
    with store.transaction("t") as t:
        t.add_outgoing([an_outgoing_event()])
    assert positions(store) == [6]


def test_the_place_of_a_destination_is_changed_by_one_of_those_who_try(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.add_sink("crm", 7)
        t.add_sink("crm", 1)

    def move(n: int) -> bool:
        with store.transaction("t") as t:
            return t.change_sink("crm", 7, 10 + n)

    with ThreadPoolExecutor(6) as threads:
        moved = list(threads.map(move, range(12)))
    assert sum(moved) == 1
    assert store.outflow().places == {("t", "crm"): 10 + moved.index(True)}


def test_an_adjustment_is_added_once_and_told_by_when_it_was_told(store: SqlStore) -> None:
    told = [an_adjustment(id=f"A-{n}", told_at=JUNE + n) for n in range(4)]
    with store.transaction("t") as t:
        t.add_adjustments(told)
    with store.transaction("t", writing=False) as t:
        assert t.adjustments() == told
        assert t.adjustments(JUNE + 1, JUNE + 3) == told[1:3]
    with pytest.raises(Conflict), store.transaction("t") as t:
        t.add_adjustments([an_adjustment(id="A-2")])


def test_a_credit_is_claimed_once_and_the_first_claim_stays(store: SqlStore) -> None:
    with store.transaction("t") as t:
        assert t.add_claim(a_claim())
        assert t.add_claim(a_claim(service="vpn-0"))
    with store.transaction("t") as t:
        assert not t.add_claim(a_claim(claimed_by="someone else", claimed_at=JUNE + 1))
        assert t.claim_of(KEY) == a_claim()
        assert t.claim_of((*KEY[:3], KEY[3] + 1)) is None
        assert t.claims(agreement=KEY[0]) == t.new_claims() == [a_claim(service="vpn-0"), a_claim()]
        assert t.claims(agreement="another") == []
        t.change_claim(a_claim(), JUNE + 2)
        assert t.new_claims() == [a_claim(service="vpn-0")]
        assert t.claim_of(KEY) == a_claim(told_at=JUNE + 2)
