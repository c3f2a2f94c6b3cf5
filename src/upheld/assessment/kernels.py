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

_ROWS = "Array(int32, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True)"
_VALUES = "Array(float64, 1, 'C', readonly=True)"
_COUNTS = "Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True)"
_PLACE = "int64, int64, int64"
_LINKS = "int32[::1], int32[::1]"
_KINDS = "int32[::1], int64[:, ::1]"
# What comes from outside may be read-only or not: one signature for both, else each would be compiled apart.

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_SMALL = 2**31


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


# -- rows that come in ------------------------------------------------------------------------------------------------

TOO_MANY = 2**40
"""A measurement of more events than these is not for the fleet: 2**22 such slots fit an int64."""


@njit(cache=True, nogil=True)
def rate_code(good: int, total: int, kind: Numbers) -> int:
    """GOOD or BAD by the counts of a slot."""
    over = exceeds(total - good, kind[ERRORS + 1], total, kind[ERRORS])
    return BAD if over and total > 0 and total >= kind[MIN_TOTAL] else GOOD


@njit(cache=True, nogil=True)
def set_code(ring: Bytes, slot: int, j: int, code: int) -> None:
    """Sets what a member's slot is, unless it is excluded."""
    row, shift = slot % ring.shape[0], (j & 3) << 1
    byte = ring[row, j >> 2]
    before = (byte >> shift) & 3
    if before != EXCLUDED:
        ring[row, j >> 2] = byte ^ ((before ^ code) << shift)


@njit(f"int64({_ROWS}, int64[::1], uint8[::1])", cache=True, nogil=True)
def freshen(series: Small, time: Numbers, newest: Numbers, fresh: Bytes) -> int:
    """Sets for each row whether it is newer than every other of its series before it; returns how many are not."""
    stale = 0
    for r in range(len(series)):
        code = series[r]
        if code < 0:
            fresh[r] = 0
            continue
        is_newer = time[r] > newest[code]
        fresh[r] = is_newer
        if is_newer:
            newest[code] = time[r]
        else:
            stale += 1
    return stale


@njit(cache=True, nogil=True)
def _fails(value: float, operator: int, limit: float) -> bool:
    if operator == AT_LEAST:
        return value < limit
    if operator == AT_MOST:
        return value > limit
    if operator == LESS:
        return value >= limit
    if operator == MORE:
        return value <= limit
    if operator == EQUAL:
        return value != limit
    return value == limit


@njit(
    f"int64({_ROWS}, {_VALUES}, uint8[::1], {_PLACE}, uint8[:, ::1], {_LINKS}, {_KINDS}, float64[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def mark(
    series: Small,
    time: Numbers,
    value: Floats,
    fresh: Bytes,
    width: int,
    zero: int,
    done: int,
    ring: Bytes,
    member_of: Small,
    next_member: Small,
    kind: Small,
    kinds: Numbers,
    limits: Floats,
    late: Numbers,
) -> int:
    """Sets the slots that rows with a value lie in, all before the ring's head. Rows that are not fresh, or whose slot
    has ended, are passed over and their numbers put into `late`; returns how many those are. Where `member_of` is empty
    the members are numbered as the series are."""
    left, size, alike, direct = 0, ring.shape[0], len(kinds) == 1, len(member_of) == 0
    operator, limit, rule = kinds[0, OPERATOR], limits[0], kinds[0, RULE]
    start, row, ended = np.int64(0), 0, True
    for r in range(len(series)):
        code = series[r]
        if code < 0:
            continue
        j = code if direct else member_of[code]
        if j < 0:
            continue
        into = time[r] - start
        if into < 0 or into >= width:
            slot = time[r] // width - zero
            start, row, ended = (slot + zero) * width, slot % size, slot < done
        if ended or not fresh[r]:
            late[left] = r
            left += 1
            continue
        v = value[r]
        if v != v:
            continue
        while j >= 0:
            if not alike:
                k = kind[j]
                operator, limit, rule = kinds[k, OPERATOR], limits[k], kinds[k, RULE]
            found = BAD if _fails(v, operator, limit) else GOOD
            shift = (j & 3) << 1
            byte = ring[row, j >> 2]
            before = (byte >> shift) & 3
            if before != EXCLUDED and (
                before == MISSING
                or rule == LAST_ROW
                or (rule == ANY_BAD and found == BAD)
                or (rule == ALL_BAD and found == GOOD)
            ):
                ring[row, j >> 2] = byte ^ ((before ^ found) << shift)
            j = NOT_YET if direct else next_member[j]
    return left


@njit(
    f"int64({_ROWS}, {_COUNTS}, uint8[::1], {_PLACE}, uint8[:, ::1], {_LINKS}, {_KINDS}, "
    "int32[::1], int64[::1], int64[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def mark_rates(
    series: Small,
    time: Numbers,
    good: Numbers,
    total: Numbers,
    fresh: Bytes,
    width: int,
    zero: int,
    done: int,
    ring: Bytes,
    member_of: Small,
    next_member: Small,
    kind: Small,
    kinds: Numbers,
    open_slot: Small,
    open_good: Numbers,
    open_total: Numbers,
    late: Numbers,
) -> int:
    """As `mark`, for rows with counts: a slot is bad by the error rate of its rows, of which the newest slot's are kept
    as `open_good` and `open_total`."""
    left, direct = 0, len(member_of) == 0
    for r in range(len(series)):
        code = series[r]
        j = code if direct or code < 0 else member_of[code]
        if j < 0:
            continue
        slot = time[r] // width - zero
        if slot < done or not fresh[r] or total[r] > TOO_MANY:
            late[left] = r
            left += 1
            continue
        if total[r] < 0:
            continue
        while j >= 0:
            if open_slot[j] != slot:
                open_slot[j], open_good[j], open_total[j] = slot, 0, 0
            open_good[j] += good[r]
            open_total[j] += total[r]
            set_code(ring, slot, j, rate_code(open_good[j], open_total[j], kinds[kind[j]]))
            j = NOT_YET if direct else next_member[j]
    return left


@njit(
    [
        f"int64({_ROWS}, {_COUNTS}, uint8[::1], {_PLACE}, int64, {r}, {r}, {_LINKS}, int64[::1])"
        for r in ("int32[:, ::1]", "int64[:, ::1]")
    ],
    cache=True,
    nogil=True,
)
def add(
    series: Small,
    time: Numbers,
    good: Numbers,
    total: Numbers,
    fresh: Bytes,
    width: int,
    zero: int,
    done: int,
    most: int,
    goods: Any,
    totals: Any,
    member_of: Small,
    next_member: Small,
    late: Numbers,
) -> int:
    """Adds counts to the slots they lie in, as `mark` does; what would make a slot's total more than `most` is late."""
    left, size, direct = 0, totals.shape[0], len(member_of) == 0
    start, row, ended = np.int64(0), 0, True
    for r in range(len(series)):
        code = series[r]
        if code < 0:
            continue
        j = code if direct else member_of[code]
        if j < 0:
            continue
        into = time[r] - start
        if into < 0 or into >= width:
            slot = time[r] // width - zero
            start, row, ended = (slot + zero) * width, slot % size, slot < done
        if ended or not fresh[r] or total[r] + totals[row, j] > most:
            late[left] = r
            left += 1
            continue
        if total[r] <= 0:
            continue
        while j >= 0:
            if totals[row, j] != UNCOUNTED:
                goods[row, j] += good[r]
                totals[row, j] += total[r]
            j = NOT_YET if direct else next_member[j]
    return left


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
    are passed over four members at a time: for those no `alert` is set."""
    size, members = ring.shape[0], len(kind)
    alerts = alert.view(np.uint32)
    for n in range(first, last):
        row, gone_row = n % size, (n - length) % size
        leaving, steady = length > 0 and n >= length, n >= grown_at
        for q in range(ring.shape[1]):
            byte = ring[row, q]
            gone_byte = ring[gone_row, q] if leaving else np.uint8(ALL_GOOD)
            if byte == gone_byte and alerts[q] == 0 and (steady or byte == ALL_GOOD):
                continue
            for x in range(4):
                j = 4 * q + x
                if j >= members:
                    break
                code, gone = (byte >> (2 * x)) & 3, (gone_byte >> (2 * x)) & 3
                if code == gone and alert[j] == 0 and (steady or code == GOOD):
                    continue
                p = kinds[kind[j]]
                if n < p[FIRST] or n >= p[LAST]:
                    continue
                if length == 0:
                    w = p[ROW]
                    if _enter(code, p[POLICY], tally[w, j], n + 1 - p[FIRST]):
                        alert[j] = 0
                        now[w, j] = _stand_calendar(n, p, tally[w, j])
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
