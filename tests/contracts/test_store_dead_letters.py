"""Dead letters: kept once each, bounded, dropped fairly, and changed by one at a time."""

from dataclasses import replace

import pytest
from store_records import JUNE, a_dead_letter

from upheld.measurements import dead_letters
from upheld.measurements.dead_letters import DeadLetter, dead_letter
from upheld.ports import Conflict
from upheld.store import SqlStore
from upheld.store import dead_letters as rows


def made(body: bytes, at: int = JUNE, reason: str = "malformed", caller: str | None = "prometheus") -> DeadLetter:
    return dead_letter(
        at,
        caller=caller,
        protocol="remote write",
        format="application/x-protobuf",
        reason=reason,
        detail=[{"message": "not a snappy block"}],
        body=body,
    )


def test_the_same_body_again_is_counted_and_waits_again(store: SqlStore) -> None:
    first, again = made(b"x"), made(b"x", JUNE + 5, "future")
    assert first.id == again.id
    assert len({made(b"x", caller=caller).id for caller in (None, "a", "b")} | {made(b"y").id}) == 4
    with store.transaction("t") as t:
        t.set_aside(first)
        t.change_dead_letter(replace(first, state="discarded", ended_at=JUNE + 1, ended_by="Ada"), 0)
        t.set_aside(again)
        assert t.dead_letter(first.id) == replace(again, times=2)
        assert t.dead_letters_dropped() == 0


def test_they_are_listed_newest_first_by_state_and_reason_and_without_bodies(store: SqlStore) -> None:
    letters = [made(b"%d" % n, JUNE + n, "future" if n % 2 else "malformed") for n in range(4)]
    with store.transaction("t") as t:
        for letter in letters:
            t.set_aside(letter)
        t.change_dead_letter(replace(letters[3], state="replayed"), 0)
        bare = [replace(letter, body=b"") for letter in letters]
        assert t.dead_letters() == [replace(bare[3], state="replayed"), *bare[2::-1]]
        assert t.dead_letters(state="waiting", reason="malformed", limit=1) == [bare[2]]
        assert t.dead_letters(state="discarded") == []
        assert t.dead_letter("DL-unknown") is None


def test_a_letter_is_changed_by_whoever_is_first_and_its_body_stays(store: SqlStore) -> None:
    letter = a_dead_letter()
    with store.transaction("t") as t:
        t.set_aside(letter)
        t.change_dead_letter(replace(letter, attempts=3, body=b"another"), 2)
        assert t.dead_letter(letter.id) == replace(letter, attempts=3)
        with pytest.raises(Conflict):
            t.change_dead_letter(replace(letter, attempts=3), 2)
        t.change_dead_letter(replace(letter, attempts=3, state="replayed"), 3)
        with pytest.raises(Conflict):
            t.change_dead_letter(replace(letter, attempts=4), 3)


def test_what_is_too_much_is_dropped_the_oldest_of_the_most_frequent_reason_first(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_LETTERS", 4)
    rare = made(b"rare", JUNE, "refused")
    dealt_with = made(b"dealt with", JUNE + 100)
    with store.transaction("t") as t:
        for letter in (rare, dealt_with, made(b"1", JUNE + 1), made(b"2", JUNE + 2)):
            t.set_aside(letter)
        t.change_dead_letter(replace(dealt_with, state="discarded"), 0)
        t.set_aside(made(b"3", JUNE + 3))  # in place of what was dealt with: nothing is lost
        assert t.dead_letters_dropped() == 0
        for n in (4, 5, 6):
            t.set_aside(made(b"%d" % n, JUNE + n))
        assert [letter.received_at - JUNE for letter in t.dead_letters()] == [6, 5, 4, 0]
        assert t.dead_letters_dropped() == 3


def test_bodies_are_bounded_each_and_together(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MAX_BODY", 10)
    monkeypatch.setattr(rows, "MAX_BYTES", 25)
    with store.transaction("t") as t:
        for n in range(3):
            t.set_aside(made(b"%d" % n * 15, JUNE + n))
        kept = t.dead_letters()
        assert [(letter.received_at - JUNE, letter.size, letter.cut) for letter in kept] == [
            (2, 15, True),
            (1, 15, True),
        ]
        newest = t.dead_letter(kept[0].id)
        assert newest is not None
        assert newest.body == b"2" * 10
        assert t.dead_letters_dropped() == 1
