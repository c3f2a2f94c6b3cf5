"""The loops of the fleet, compiled: rows into rings of slots, and slots that end into standings. DESIGN rules 4 to 8.

A ring holds one row for each slot and in it one place for each member of a herd, so that a slot of all of them lies
together in memory. Slots are numbers counted from the herd's zero. Nothing is rounded: a share is a pair of integers.
Loading this module takes about a second; whoever does not assess should not load it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Small = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Shorts = npt.NDArray[np.int8]

MISSING, GOOD, BAD, EXCLUDED = range(4)
"""What a slot is, in two bits. A ring of zeros is one of slots without data."""
NO_DATA, MET, AT_RISK, VIOLATED = range(4)
"""How a window stands, as it is kept."""
NOT_YET = -1
UNCOUNTED = -1
ALL_GOOD = 0b01010101
GOOD_WORD = np.uint64(0x5555555555555555)

EXCLUDE, AS_BAD, AS_GOOD = range(3)
ANY_BAD, ALL_BAD, LAST_ROW = range(3)
AT_MOST, AT_LEAST, LESS, MORE, EQUAL, UNEQUAL = range(6)

(
    FIRST,  # the current window's slots are [FIRST, LAST); of a rolling period, all that ever count
    LAST,
    ROW,  # which row of the tallies is the current window's
    SINCE,  # of a rolling period: a standing is looked for back to the end of this slot
    POLICY,
    TARGET,  # shares as numerator and denominator: each takes two places
    _,
    SOFTER,
    _,
    SPENT,
    _,
    CONSECUTIVE,
    RECOVERY,
    RULE,  # how a slot's values make it bad; of counts: whether a period that misses its target cannot recover
    OPERATOR,
    ERRORS,
    _,
    MIN_TOTAL,
    PLACES,
) = range(19)
"""The columns of a table of kinds: what members have in common."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_SMALL = 2**31
_CODE, _STEP = np.uint64(3), np.uint64(2)


@njit(cache=True, nogil=True)
def exceeds(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Whether a * b > c * d, for integers from 0 up to 2**63 - 1, in 128 bits where that is needed."""
    if a < _SMALL and b < _SMALL and c < _SMALL and d < _SMALL:
        return a * b > c * d
    high, low = _product(a, b)
    other_high, other_low = _product(c, d)
    return high > other_high or (high == other_high and low > other_low)


@njit(cache=True, nogil=True)
def _product(a: int, b: int) -> tuple[Any, Any]:
    x, y = np.uint64(a), np.uint64(b)
    a_low, a_high, b_low, b_high = x & _LOW, x >> _HALF, y & _LOW, y >> _HALF
    low, middle = a_low * b_low, a_high * b_low
    carried = (low >> _HALF) + (middle & _LOW) + a_low * b_high
    return a_high * b_high + (middle >> _HALF) + (carried >> _HALF), x * y


@njit(cache=True, nogil=True)
def misses(spent: Any, base: Any, kind: Numbers) -> Any:
    """Whether more than the budget of a base is spent."""
    return exceeds(spent, kind[TARGET + 1], base, kind[TARGET])


@njit(cache=True, nogil=True)
def warns(spent: Any, base: Any, kind: Numbers) -> Any:
    """Whether a soft threshold is crossed."""
    if kind[SPENT + 1] and spent > 0 and not exceeds(base, kind[SPENT], spent, kind[SPENT + 1]):
        return True
    return kind[SOFTER + 1] > 0 and exceeds(spent, kind[SOFTER + 1], base, kind[SOFTER])


# -- slots that end: good, bad, missing or excluded -------------------------------------------------------------------

SPENT_, BASE_, MISSING_, EXCLUDED_, RISK_, MISSED_ = range(6)
"""The places of a member's tally, which lie together in memory. A rolling window's base follows from the others."""


@njit(cache=True, nogil=True)
def end_slots(
    ring: Bytes,
    first: int,
    last: int,
    length: int,
    grown_at: int,
    kind: Small,
    kinds: Numbers,
    tally: Small,
    now: Shorts,
    alert: Bytes,
) -> None:
    """Ends the slots [first, last) for every member. `length` is that of a rolling window in slots, 0 for a calendar
    one; `grown_at` the slot from which each rolling window is as long as that. Slots at whose end nothing can change
    are passed over 32 members at a time: for those no `alert` is set."""
    size, members = ring.shape[0], len(kind)
    words, alerts = ring.view(np.uint64), alert.view(np.uint64)
    for n in range(first, last):
        row, gone_row = n % size, (n - length) % size
        leaving, steady = length > 0 and n >= length, n >= grown_at
        for w in range(words.shape[1]):
            word = words[row, w]
            gone_word = words[gone_row, w] if leaving else GOOD_WORD
            alerted = alerts[4 * w] | alerts[4 * w + 1] | alerts[4 * w + 2] | alerts[4 * w + 3]
            if word == gone_word and (steady or word == GOOD_WORD) and alerted == 0:
                continue
            for j in range(32 * w, min(32 * w + 32, members)):
                code, gone = word & _CODE, gone_word & _CODE
                word, gone_word = word >> _STEP, gone_word >> _STEP
                if code == gone and alert[j] == 0 and (steady or code == GOOD):
                    continue
                p = kinds[kind[j]]
                if n < p[FIRST] or n >= p[LAST]:
                    continue
                if length == 0:
                    at = p[ROW]
                    if _enter(code, p[POLICY], tally[at, j], n + 1 - p[FIRST]):
                        alert[j] = 0
                        now[at, j] = _stand_calendar(n, p, tally[at, j])
                    continue
                _move(code, 1, p[POLICY], tally[0, j])
                if n - length >= p[FIRST]:
                    _move(gone, -1, p[POLICY], tally[0, j])
                ended = n + 1 - p[FIRST]
                now[0, j] = _stand_rolling(n, p, tally[0, j], min(ended, length))
                # a growing window may stand otherwise with each good slot, if anything in it is bad; and at SINCE what
                # holds already begins to be told
                alert[j] = (ended < length or n < p[SINCE]) and (now[0, j] == NO_DATA or tally[0, j, SPENT_] > 0)


@njit(cache=True, nogil=True)
def _enter(code: Any, policy: int, own: Small, ended: int) -> Any:
    """Lets a slot enter a calendar window; returns whether anything in it counts."""
    if code == BAD:
        own[SPENT_] += 1
    elif code == MISSING:
        own[MISSING_] += 1
        if policy == EXCLUDE:
            own[BASE_] -= 1
        elif policy == AS_BAD:
            own[SPENT_] += 1
    elif code == EXCLUDED:
        own[EXCLUDED_] += 1
    return ended > own[EXCLUDED_] + (own[MISSING_] if policy == EXCLUDE else 0)


@njit(cache=True, nogil=True)
def _stand_calendar(n: int, p: Numbers, own: Small) -> int:
    if own[MISSED_] == NOT_YET and misses(own[SPENT_], own[BASE_], p):
        own[MISSED_] = n
    if own[RISK_] == NOT_YET and (own[MISSED_] == n or warns(own[SPENT_], own[BASE_], p)):
        own[RISK_] = n
    return VIOLATED if own[MISSED_] != NOT_YET else AT_RISK if own[RISK_] != NOT_YET else MET


@njit(cache=True, nogil=True)
def _move(code: Any, by: int, policy: int, own: Small) -> None:
    """Lets a slot enter a rolling window (by 1) or leave it (by -1)."""
    if code == EXCLUDED:
        own[EXCLUDED_] += by
        return
    if code == MISSING:
        own[MISSING_] += by
    if code == BAD or (code == MISSING and policy == AS_BAD):
        own[SPENT_] += by


@njit(cache=True, nogil=True)
def _stand_rolling(n: int, p: Numbers, own: Small, ended: int) -> int:
    base = ended - own[EXCLUDED_] - (own[MISSING_] if p[POLICY] == EXCLUDE else 0)
    is_missed = misses(own[SPENT_], base, p)
    is_at_risk = is_missed or warns(own[SPENT_], base, p)
    own[MISSED_] = _since(is_missed, own[MISSED_], n, p)
    own[RISK_] = _since(is_at_risk, own[RISK_], n, p)
    return NO_DATA if base == 0 else VIOLATED if is_missed else AT_RISK if is_at_risk else MET


@njit(cache=True, nogil=True)
def _since(holds: bool, since: int, n: int, p: Numbers) -> int:
    """Since the end of which slot something holds that does or does not at the end of slot n."""
    if not holds:
        return NOT_YET
    return n if since == NOT_YET and n >= p[SINCE] else since


# -- slots that end: good of total events -----------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def end_counts(
    goods: Any,
    totals: Any,
    first: int,
    last: int,
    length: int,
    kind: Small,
    kinds: Numbers,
    spent: Numbers,
    base: Numbers,
    risk: Small,
    missed: Small,
    now: Shorts,
) -> None:
    """As `end_slots`, where events are weighed: `spent` are the bad events of a window and `base` all of them."""
    size, members = totals.shape[0], len(kind)
    for n in range(first, last):
        row, gone = n % size, (n - length) % size
        for j in range(members):
            total = totals[row, j]
            left = totals[gone, j] if length else 0
            p = kinds[kind[j]]
            if n < p[FIRST] or n >= p[LAST] or (total <= 0 and left <= 0 and (length == 0 or n > p[SINCE])):
                continue
            w = p[ROW]
            if total > 0:
                spent[w, j] += total - goods[row, j]
                base[w, j] += total
            if left > 0 and n - length >= p[FIRST]:
                spent[w, j] -= left - goods[gone, j]
                base[w, j] -= left
            if length:
                is_missed = misses(spent[0, j], base[0, j], p)
                is_at_risk = is_missed or warns(spent[0, j], base[0, j], p)
                missed[0, j] = _since(is_missed, missed[0, j], n, p)
                risk[0, j] = _since(is_at_risk, risk[0, j], n, p)
                standing = VIOLATED if is_missed else AT_RISK if is_at_risk else MET
                now[0, j] = standing if base[0, j] else NO_DATA
                continue
            is_missed = misses(spent[w, j], base[w, j], p)
            is_at_risk = is_missed or warns(spent[w, j], base[w, j], p)
            if is_at_risk and risk[w, j] == NOT_YET:
                risk[w, j] = n
            if is_missed and p[RULE] and missed[w, j] == NOT_YET:
                missed[w, j] = n
            is_lost = missed[w, j] != NOT_YET
            now[w, j] = VIOLATED if is_lost else AT_RISK if is_at_risk else MET if base[w, j] else NO_DATA


# -- one member's places in a ring ------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def codes_of(ring: Bytes, j: int, first: int, last: int) -> Bytes:
    """What the slots [first, last) of a member are."""
    codes = np.empty(last - first, np.uint8)
    size, shift = ring.shape[0], (j & 3) << 1
    row = first % size
    for i in range(last - first):
        codes[i] = (ring[row, j >> 2] >> shift) & 3
        row += 1
        if row == size:
            row = 0
    return codes


@njit(cache=True, nogil=True)
def write_codes(ring: Bytes, j: int, first: int, codes: Bytes) -> None:
    """Overwrites what the slots of a member from `first` on are."""
    size, shift = ring.shape[0], (j & 3) << 1
    for i in range(len(codes)):
        row = (first + i) % size
        byte = ring[row, j >> 2]
        ring[row, j >> 2] = (byte & ~(3 << shift)) | (codes[i] << shift)


@njit(cache=True, nogil=True)
def lay(ring: Bytes, j: Small, starts: Small, ends: Small, first: int, last: int) -> None:
    """Excludes those of the slots [first, last) that the stretches [starts, ends) of the members j cover."""
    size = ring.shape[0]
    for i in range(len(j)):
        shift = (j[i] & 3) << 1
        for n in range(max(starts[i], first), min(ends[i], last)):
            ring[n % size, j[i] >> 2] |= EXCLUDED << shift


@njit(cache=True, nogil=True)
def unlike(now: Shorts, told: Shorts) -> tuple[Numbers, Numbers]:
    """The rows and columns at which two tables differ, whose rows are a multiple of eight bytes long."""
    one, other = now.view(np.int64), told.view(np.int64)
    words = 0
    for row in range(one.shape[0]):
        for q in range(one.shape[1]):
            words += one[row, q] != other[row, q]
    rows, columns, found = np.empty(8 * words, np.int64), np.empty(8 * words, np.int64), 0
    for row in range(one.shape[0]):
        for q in range(one.shape[1]):
            if one[row, q] != other[row, q]:
                for j in range(8 * q, 8 * q + 8):
                    if now[row, j] != told[row, j]:
                        rows[found], columns[found] = row, j
                        found += 1
    return rows[:found], columns[:found]
