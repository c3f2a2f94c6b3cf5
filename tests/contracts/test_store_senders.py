"""What is known of senders: added to by several processes at once, and bounded."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from store_records import JUNE, a_sender

from upheld.measurements.senders import delivery, failure, together
from upheld.store import SqlStore
from upheld.store import senders as rows


def test_what_is_added_is_added_up_whoever_adds_it(store: SqlStore) -> None:
    def add(number: int) -> None:
        with store.transaction("t") as t:
            t.add_to_senders([delivery("probe", JUNE + number, JUNE, 10, 1, 2)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    with store.transaction("t", writing=False) as t:
        [found] = t.senders()
    assert (found.measurements, found.duplicates, found.conflicts) == (400, 40, 80)
    assert (found.delivered_at, found.lag, found.skew) == (JUNE + 39, 39, 0)


def test_they_are_heard_of_last_first_and_the_first_to_fall_silent_go(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST", 3)
    with store.transaction("t") as t:
        for number in range(5):
            t.add_to_senders([failure(f"probe {number}", JUNE + number, "503: away")])
        t.add_to_senders([failure("probe 2", JUNE + 9, "503: away")])
        assert [sender.name for sender in t.senders()] == ["probe 2", "probe 4", "probe 3"]


def test_a_record_comes_back_as_it_was_added(store: SqlStore) -> None:
    more = replace(a_sender(), heard_at=JUNE + 1)
    with store.transaction("t") as t:
        t.add_to_senders([a_sender()])
        t.add_to_senders([more])
        assert t.senders() == [together(a_sender(), more)]
