"""The windows that a notice tells of, put together as works and laid over what earlier notices have said of them. Pure.

A supplier writes of one piece of work in several windows, all in one notice or each in one of its own, with a UID for
each window or without. Windows of one work that take down the same are one planned work of ours.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from upheld.agreements.intervals import overlap, union
from upheld.agreements.units import format_instant, parse_instant
from upheld.maintenance.model import Window
from upheld.maintenance.notified import WorkNotice, of_document, same_circuit, to_document

HITTING = ("OUTAGE", "DEGRADED")
"""The impacts by which a service is touched: what only loses redundancy goes on, and its minutes count."""
Age = Literal["newer", "older", "same", "unclear"]
Signature = frozenset[tuple[str, bool]]
"""What a window takes down: the circuits, and whether each is hit."""
_NOT_COMPARED = ("doubts", "organizer", "uid", "summary")
_ANNOUNCING = ("TENTATIVE", "CONFIRMED", "RE-SCHEDULED")
"""The statuses with which a notice says when the work is; the others say what becomes of windows that are known."""


@dataclass(frozen=True, slots=True)
class Word:
    """The newest word of one window of a work, and the `window` that is meant by it: what a person has corrected it
    to, else what it says; None where it is not worked in."""

    said: WorkNotice
    window: Window | None


@dataclass(frozen=True, slots=True)
class Merged:
    """What stands of a work once a notice is followed. `age` is how the notice stands to what was known; `left_out` are
    windows that were told before, and that it does not name: `dropped` says whether they are none any more by that.
    `strays` are windows that it cancels, and that were told otherwise. `restates` says that nothing of what was known
    stands beside it."""

    words: tuple[Word, ...]
    age: Age
    left_out: tuple[Word, ...] = ()
    dropped: bool = False
    strays: bool = False
    restates: bool = True


def age_of(notice: WorkNotice, known: WorkNotice) -> Age:
    """How a notice stands to what is known of the same window: by its sequence, else by when it was made. One without
    either is as new as it is received. Unclear where the two contradict each other, or both are the same and it says
    something else."""
    ours, theirs = to_document(notice), to_document(known)
    if all(ours[name] == theirs[name] for name in ours if name not in _NOT_COMPARED):
        return "same"
    later, made_later = _order(notice.sequence, known.sequence), _order(notice.stamp, known.stamp)
    if later is None and made_later is None:
        return "newer"
    if later and made_later and later != made_later:
        return "unclear"
    order = later or made_later
    return "unclear" if not order else "newer" if order > 0 else "older"


def _order(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else (one > other) - (one < other)


# -- which work -----------------------------------------------------------------------------------------------------


def works_told(
    notices: Sequence[WorkNotice], known: Mapping[int, Sequence[Word]]
) -> tuple[Mapping[int, list[int]], frozenset[int]]:
    """Which of a supplier's numbered works the windows of one notice are, as their places in it by the work's number,
    each in the order in which they begin; and the numbers that were only guessed. `known` has the words of each work.

    Windows that take down the same are one work. A window stays with the work that its UID was told under, as long as
    it takes down the same, or says nothing of that, or that it is off or over. What is left is the work whose UIDs it
    has, the one that takes down the same, or, by the order in which they begin, the next one."""
    uids, owners = [uid or "" for uid in _own_uids(notices)], _owners(known)
    taking_down = {part: _signature_of(words) for part, words in known.items()}
    told: dict[int, list[int]] = {}
    left: dict[Signature, list[int]] = {}
    for place in sorted(range(len(notices)), key=lambda n: (notices[n].start, notices[n].end)):
        part, signature = owners.get(uids[place]), signature_of(notices[place])
        is_off = notices[place].status in ("CANCELLED", "COMPLETED")
        if part is not None and (is_off or not signature or signature == taking_down[part]):
            told.setdefault(part, []).append(place)
        else:
            left.setdefault(signature, []).append(place)
    owned = {s: [owners[uid] for n in places if (uid := uids[n]) in owners] for s, places in left.items()}
    unknown: list[list[int]] = []
    for signature, places in sorted(left.items(), key=lambda group: bool(owned[group[0]])):
        alike = [part for part in taking_down if signature and taking_down[part] == signature]
        unnamed = sorted(told or known) if not signature and len(told or known) == 1 else []
        apart = [max([*known, *told]) + 1] if owned[signature] else []
        found = [part for part in owned[signature] if part not in told] or alike or unnamed or apart
        if found:
            told.setdefault(found[0], []).extend(places)
        else:
            unknown.append(places)
    guessed = set()
    for places in unknown:
        part = next(number for number in range(1, len(notices) + len(known) + 2) if number not in told)
        told[part] = list(places)
        guessed.add(part)
    in_order = {part: sorted(places, key=lambda n: (notices[n].start, notices[n].end)) for part, places in told.items()}
    return in_order, frozenset(guessed)


def signature_of(notice: WorkNotice) -> Signature:
    """What a window takes down."""
    return frozenset((same_circuit(one.circuit_id), one.impact in HITTING) for one in notice.circuits)


def _signature_of(words: Sequence[Word]) -> Signature:
    named = (signature_of(word.said) for word in words if word.said.circuits)
    return next(named, frozenset())


def _own_uids(notices: Sequence[WorkNotice]) -> list[str | None]:
    """The UID of each window; None where it has none of its own."""
    uids = [notice.uid for notice in notices]
    return [uid if uid and uids.count(uid) == 1 else None for uid in uids]


def _owners(known: Mapping[int, Sequence[Word]]) -> Mapping[str, int]:
    """The work that each UID was told under."""
    found = [(word.said.uid, part) for part, words in known.items() for word in words if word.said.uid]
    names = [uid for uid, _ in found]
    return {uid: part for uid, part in found if names.count(uid) == 1}


# -- what stands ----------------------------------------------------------------------------------------------------


def laid_over(told: Sequence[WorkNotice], known: Sequence[Word], elsewhere: Collection[str] = ()) -> Merged:
    """What stands of a work once the windows that a notice tells of it, `told`, are laid over what is `known`. Windows
    with a UID in `elsewhere` are told under another work by now.

    Each window is laid over its own: the one of its UID, else the one at the same time, one that it overlaps, or the
    next in order. Where UIDs say which window is which, what a notice does not name stays as it is, and a UID that is
    new is a further window. Without them a notice that says when the work is names all of its windows: others are
    further ones, if it is newer than all that is known, and what it leaves out is left out."""
    known = [word for word in known if word.said.uid not in elsewhere]
    pairs = _pairs(told, known)
    by_uid = any(_same_uid(told[one], known[other].said) for one, other in pairs.items())
    ages = {one: age_of(told[one], known[other].said) for one, other in pairs.items()}
    fresh = {one for one, age in ages.items() if age in ("newer", "unclear")}
    is_old = not by_uid and ("older" in ages.values() or any(_is_older(one, known) for one in told))
    further = [] if is_old else [one for one in range(len(told)) if one not in pairs]
    words = [_laid(told, known, pairs, ages, other) for other in range(len(known))]
    unnamed = [] if by_uid or is_old else [n for n in range(len(known)) if n not in pairs.values()]
    open_ones = [n for n in unnamed if known[n].window is not None]
    dropped = bool(fresh or further) and any(told[one].status in _ANNOUNCING for one in range(len(told)))
    stands = [word for n, word in enumerate(words) if not (dropped and n in unnamed)]
    stands += [_word(told[one]) for one in further]
    if not known or further or fresh:
        age: Age = "unclear" if "unclear" in ages.values() else "newer"
    else:
        age = "older" if "older" in ages.values() or not pairs else "same"
    return Merged(
        words=tuple(sorted(stands, key=lambda word: (word.said.start, word.said.end))),
        age=age,
        left_out=tuple(known[n] for n in open_ones),
        dropped=dropped,
        strays=any(_strays(told[one], known[other]) for one, other in pairs.items()),
        restates=len(pairs) == len(known),
    )


def _laid(
    told: Sequence[WorkNotice], known: Sequence[Word], pairs: Mapping[int, int], ages: Mapping[int, Age], place: int
) -> Word:
    """The word of a window that is known, or the one that takes its place."""
    for one, other in pairs.items():
        if other == place and ages[one] in ("newer", "unclear"):
            return _word(told[one], known[place])
    return known[place]


def _word(notice: WorkNotice, known: Word | None = None) -> Word:
    """A window as it is said; one that is over was as it had been planned, or ended sooner, and one that is said again
    at the same time is what a person has read it as."""
    if notice.status == "CANCELLED":
        return Word(notice, None)
    if known is not None and known.said.status != "CANCELLED" and _span(notice) == _span(known.said):
        return Word(notice, known.window)
    if notice.status == "COMPLETED" and known is not None and known.window is not None:
        start, end = known.window
        return Word(notice, (start, min(end, notice.end) if notice.end > start else end))
    return Word(notice, (notice.start, notice.end))


def _pairs(told: Sequence[WorkNotice], known: Sequence[Word]) -> dict[int, int]:
    """Which window of what is known each window of a notice is, by their places."""
    pairs: dict[int, int] = {}
    uids, theirs = _own_uids(told), _own_uids([word.said for word in known])

    def pair(fits: Callable[[int, int], bool]) -> None:
        for one in range(len(told)):
            found = (n for n in range(len(known)) if n not in pairs.values() and fits(one, n))
            if one not in pairs and (other := next(found, None)) is not None:
                pairs[one] = other

    pair(lambda one, other: uids[one] is not None and uids[one] == theirs[other])
    by_uid = bool(pairs)
    pair(lambda one, other: _span(told[one]) == _span(known[other].said))
    pair(lambda one, other: bool(overlap([_span(told[one])], [_span(known[other].said)])))
    if not by_uid:
        pair(lambda one, other: True)
    return pairs


def _span(notice: WorkNotice) -> Window:
    return notice.start, notice.end


def _same_uid(notice: WorkNotice, known: WorkNotice) -> bool:
    return notice.uid is not None and notice.uid == known.uid


def _is_older(notice: WorkNotice, known: Sequence[Word]) -> bool:
    """Whether something of what is known was said later."""
    for word in known:
        order = _order(notice.sequence, word.said.sequence) or _order(notice.stamp, word.said.stamp)
        if order is not None and order < 0:
            return True
    return False


def _strays(notice: WorkNotice, known: Word) -> bool:
    """Whether a window is cancelled that was told, and is planned, otherwise."""
    if notice.status != "CANCELLED" or known.window is None:
        return False
    return _span(notice) not in (_span(known.said), known.window)


def spans_of(words: Sequence[Word]) -> tuple[Window, ...]:
    """The windows in which a work is done; those that touch each other as one."""
    return union(word.window for word in words if word.window is not None)


def corrected(told: Sequence[WorkNotice], words: Sequence[Word], meant: Sequence[Window | None]) -> tuple[Word, ...]:
    """The words of a work whose windows, as a notice has `told` them, a person reads as those that are `meant`."""
    by_notice = {to_key(one): window for one, window in zip(told, meant, strict=True) if one.status != "CANCELLED"}
    return tuple(
        replace(word, window=by_notice[to_key(word.said)]) if to_key(word.said) in by_notice else word for word in words
    )


def to_key(notice: WorkNotice) -> tuple[Any, ...]:
    """What tells two windows of one notice apart."""
    return notice.start, notice.end, notice.uid, notice.status, notice.sequence, notice.stamp


def words_document(words: Sequence[Word]) -> tuple[Mapping[str, Any], ...]:
    """Words as JSON has them."""
    return tuple(
        {
            "said": to_document(word.said),
            "window": None if word.window is None else [format_instant(at) for at in word.window],
        }
        for word in words
    )


def words_of(document: Sequence[Mapping[str, Any]]) -> tuple[Word, ...]:
    """The inverse of `words_document`."""
    return tuple(
        Word(of_document(one["said"]), None if one["window"] is None else _window(one["window"])) for one in document
    )


def _window(said: Sequence[str]) -> Window:
    start, end = (parse_instant(at) for at in said)
    return start, end
