"""The loops by which rows come into the rings of a fleet, compiled: which of them are fresh, and what they make of the
slots that they lie in. DESIGN rules 2, 4 and 5.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from upheld.assessment.kernels import (
    ANY_BAD,
    AT_LEAST,
    AT_MOST,
    BAD,
    EQUAL,
    ERRORS,
    EXCLUDED,
    GOOD,
    LAST_ROW,
    LESS,
    MIN_TOTAL,
    MISSING,
    MORE,
    NOT_YET,
    OPERATOR,
    RULE,
    UNCOUNTED,
    Bytes,
    Floats,
    Numbers,
    Small,
    exceeds,
)

_ROWS = "Array(int32, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True)"
_VALUES = "Array(float64, 1, 'C', readonly=True)"
_COUNTS = "Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True)"
_NEWEST = "uint32[::1], int64"
_PLACE = "int64, int64, int64"
_LINKS = "int32[::1], int32[::1]"
_KINDS = "int32[::1], int64[:, ::1]"
# What comes from outside may be read-only or not: one signature for both, else each would be compiled apart.

TOO_MANY = 2**40
"""A measurement of more events than these is not for the fleet: 2**22 such slots fit an int64."""
TICK_BITS = 16
"""How new a row is, is kept in ticks of 2**16 us from a base: half the memory of an instant. Rows of one series in one
tick, or outside the 8.9 years that the ticks reach, are not told apart: such a row does not count as fresh, which costs
time and changes nothing."""
TICKS = 2**32
_AHEAD = 24
_intrinsic: Any = intrinsic

_cgutils: Any = cgutils
_BOTH = GOOD ^ BAD


@_intrinsic  # type: ignore[untyped-decorator]
def _prefetch(_: Any, array: Any, index: Any) -> Any:
    """Has the memory of an item brought near before it is asked for, so that rows need not wait for it one by one."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        form = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        instruction = _cgutils.get_or_insert_function(builder.module, form, "llvm.prefetch.p0")
        to_write, to_keep, data_cache = number(1), number(3), number(1)
        builder.call(instruction, [builder.bitcast(builder.gep(data, [given[1]]), byte), to_write, to_keep, data_cache])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@njit(cache=True, nogil=True)
def _is_fresh(tick: Any, newest: Any) -> Any:
    return tick > newest and tick < TICKS


@njit(f"void({_ROWS}, {_NEWEST}, uint8[::1])", cache=True, nogil=True)
def freshen(series: Small, time: Numbers, newest: Any, base: int, fresh: Bytes) -> None:
    """Sets for each row whether it is certain to be newer than every other of its series before it."""
    for r in range(len(series)):
        _prefetch(newest, max(series[min(r + _AHEAD, len(series) - 1)], 0))
        code = series[r]
        if code < 0:
            fresh[r] = 0
            continue
        tick = (time[r] - base) >> TICK_BITS
        fresh[r] = _is_fresh(tick, newest[code])
        if fresh[r]:
            newest[code] = tick


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
    f"int64({_ROWS}, {_VALUES}, {_NEWEST}, boolean, uint8[::1], {_PLACE}, uint8[:, ::1], {_LINKS}, {_KINDS},"
    " float64[::1], int64[::1])",
    cache=True,
    nogil=True,
)
def mark(
    series: Small,
    time: Numbers,
    value: Floats,
    newest: Any,
    base: int,
    judged: bool,
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
    has ended, are passed over and their numbers put into `late`; returns how many those are. Where the rows are not
    `judged` yet, it finds out by the way which are fresh, as `freshen` does. Where `member_of` is empty the members are
    numbered as the series are."""
    left, size, alike, direct = 0, ring.shape[0], len(kinds) == 1, len(member_of) == 0
    operator, limit, rule = kinds[0, OPERATOR], limits[0], kinds[0, RULE]
    start, line, ended = np.int64(0), ring[0], True
    for r in range(len(series)):
        coming = max(series[min(r + _AHEAD, len(series) - 1)], 0)
        _prefetch(newest, coming)
        if direct:
            _prefetch(line, coming >> 2)
        code = series[r]
        if code < 0:
            continue
        if judged:
            is_fresh = fresh[r] != 0
        else:
            tick = (time[r] - base) >> TICK_BITS
            is_fresh = _is_fresh(tick, newest[code])
            fresh[r] = is_fresh
            if is_fresh:
                newest[code] = tick
        into = time[r] - start
        if into < 0 or into >= width:
            slot = time[r] // width - zero
            start, line, ended = (slot + zero) * width, ring[slot % size], slot < done
        j = code if direct else member_of[code]
        if j < 0:
            continue
        if ended or not is_fresh:
            late[left] = r
            left += 1
            continue
        v = value[r]
        if v != v:
            continue
        while True:
            if not alike:
                k = kind[j]
                operator, limit, rule = kinds[k, OPERATOR], limits[k], kinds[k, RULE]
            found = BAD if _fails(v, operator, limit) else GOOD
            shift = (j & 3) << 1
            byte = line[j >> 2]
            before = (byte >> shift) & 3
            if before == MISSING:
                line[j >> 2] = byte | (found << shift)
            elif before != EXCLUDED and before != found and (rule == LAST_ROW or (found == BAD) == (rule == ANY_BAD)):
                line[j >> 2] = byte ^ (_BOTH << shift)
            if direct:
                break
            j = next_member[j]
            if j < 0:
                break
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
