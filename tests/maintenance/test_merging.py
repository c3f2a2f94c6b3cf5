"""Windows of notices laid over what earlier ones have said: which work they are, and what stands of it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.units import DAY, HOUR
from upheld.maintenance.merging import Word, laid_over, spans_of, words_document, words_of, works_told
from upheld.maintenance.notified import Circuit, WorkNotice

START = 1_781_560_800_000_000


def said(
    day: int,
    uid: str | None = None,
    sequence: int = 1,
    status: str = "CONFIRMED",
    circuits: Sequence[str] = ("A",),
    hours: int = 2,
) -> WorkNotice:
    named = tuple(Circuit(circuit, "OUTAGE") for circuit in circuits)
    start = START + day * DAY
    return WorkNotice("p", "m", status, start, start + hours * HOUR, named, uid=uid, sequence=sequence)


def days(words: Sequence[Word]) -> list[int]:
    return [(start - START) // DAY for start, _ in spans_of(words)]


WORDS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 30), st.sampled_from(["CONFIRMED", "CANCELLED"])),
    min_size=1,
    max_size=8,
)


@given(WORDS, st.randoms(use_true_random=False))
def test_whatever_the_order_of_the_words_the_newest_of_each_window_stands(told, chance) -> None:
    notices = [said(day, uid, number, status) for number, (uid, day, status) in enumerate(told)]
    newest = {notice.uid: notice for notice in notices}
    expected = sorted({(one.start - START) // DAY for one in newest.values() if one.status != "CANCELLED"})
    chance.shuffle(notices)
    words: tuple[Word, ...] = ()
    for notice in notices:
        # what comes alone with a UID that is not known takes the place of what is known without any; a sibling that is
        # known goes with it, as in a calendar
        siblings = [word.said for word in words if word.said.uid != notice.uid]
        merged = laid_over([*siblings, notice], words)
        words = merged.words if merged.age in ("newer", "unclear") else words
    assert days(words) == expected


@given(WORDS)
def test_a_notice_that_is_said_again_says_nothing_new(told) -> None:
    notices = list({uid: said(day, uid, 1, status) for uid, day, status in told}.values())
    words = laid_over(notices, ()).words
    again = laid_over(notices[::-1], words)
    assert (again.age, again.words) == ("same", words)
    assert words_of(words_document(words)) == words


def test_a_word_without_a_uid_is_about_the_window_at_its_time_or_that_it_overlaps() -> None:
    words = laid_over([said(0), said(1), said(2)], ()).words
    longer = laid_over([said(0, sequence=2), said(1, sequence=2, hours=5), said(2, sequence=2)], words)
    assert [end - start for start, end in spans_of(longer.words)] == [2 * HOUR, 5 * HOUR, 2 * HOUR]
    off = laid_over([said(1, sequence=2, status="CANCELLED")], words)
    assert (days(off.words), len(off.left_out), off.dropped) == ([0, 2], 2, False)
    fewer = laid_over([said(0, sequence=2), said(9, sequence=2)], words)
    assert (days(fewer.words), len(fewer.left_out), fewer.dropped) == ([0, 9], 1, True)


def test_a_cancellation_of_a_window_that_was_told_otherwise_is_a_stray() -> None:
    words = laid_over([said(0, "a"), said(1, "b")], ()).words
    assert laid_over([said(3, "b", 2, "CANCELLED")], words).strays
    assert not laid_over([said(1, "b", 2, "CANCELLED")], words).strays


def test_windows_are_told_apart_by_what_they_take_down() -> None:
    notices = [said(0, "a"), said(1, "b", circuits=("B",)), said(2, "c"), said(3, "d", circuits=("B",))]
    told, guessed = works_told(notices, {})
    assert (told, guessed) == ({1: [0, 2], 2: [1, 3]}, {1, 2})
    known = {part: laid_over([notices[n] for n in places], ()).words for part, places in told.items()}
    later = [said(1, "b", 2, circuits=("B",)), said(2, "c", 2, circuits=("A", "B")), said(8, "e", 2)]
    assert works_told(later, known)[0] == {2: [0], 3: [1], 1: [2]}
    assert works_told([said(5, sequence=2, circuits=("B",))], known) == ({2: [0]}, frozenset())
    assert works_told([said(3, "d", 2, "CANCELLED", circuits=())], known) == ({2: [0]}, frozenset())
    assert works_told([said(5, sequence=2, circuits=("Z",))], known) == ({1: [0]}, {1})


def test_a_window_that_is_told_elsewhere_is_none_of_this_work() -> None:
    words = laid_over([said(0, "a"), said(1, "b")], ()).words
    assert days(laid_over([said(0, "a", 2)], words, {"b"}).words) == [0]
