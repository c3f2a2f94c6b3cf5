"""The bytes of a `prometheus.WriteRequest` -> columns, in one pass of compiled code.

    WriteRequest  1: repeated TimeSeries        (3: metadata, passed over)
    TimeSeries    1: repeated Label, 2: repeated Sample, 4: histograms, counted   (3: exemplars, passed over)
    Sample        1: double value, 2: int64 timestamp in milliseconds

What stands in the bytes is never trusted: every length is checked against the end of what holds it before a byte
behind it is read. A series is known by the bytes of its labels: its code is found by their hash and confirmed by
comparing the bytes themselves.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

STALE = 0x7FF0000000000002
"""The bits of the value by which Prometheus says that a series has ended."""

LATEST = 253_402_300_799_999
EARLIEST = -62_135_596_800_000
"""The last and first millisecond that a date can name: year 9999 and year 1."""


class Stopped(IntEnum):
    """Why a scan ended. From `FULL` on nothing is wrong: there was no room, and it goes on after there is."""

    DONE = 0
    TRUNCATED = 1
    BAD_VARINT = 2
    BAD_FIELD = 3
    BAD_WIRE_TYPE = 4
    NO_LABELS = 5
    BAD_TIME = 6
    FULL = 7
    CROWDED = 8


class At(IntEnum):
    """The places of `progress`, what a scan reads and writes of where it is."""

    BYTE = 0
    """The start of the next field of the request; after a fault, the byte where it was found."""
    SERIES = 1
    """Time series that were finished."""
    ROWS = 2
    """Rows written."""
    STALE = 3
    NOT_FINITE = 4
    HISTOGRAMS = 5
    CODES = 6
    """Codes given so far."""
    ARENA = 7
    """Bytes of the arena in use."""
    LAST = 8
    """The code of the series before, or -1."""


# Compiled code takes plain numbers faster than members.
_DONE, _TRUNCATED, _BAD_VARINT, _BAD_FIELD, _BAD_WIRE_TYPE = 0, 1, 2, 3, 4
_NO_LABELS, _BAD_TIME, _FULL, _CROWDED = 5, 6, 7, 8
_BYTE, _SERIES, _ROWS, _STALE, _NOT_FINITE, _HISTOGRAMS, _CODES, _ARENA, _LAST = 0, 1, 2, 3, 4, 5, 6, 7, 8
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(0xD6E8FEB86659FD93)


def _load_word(_typing: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(view.data, [arguments[1]])
        loaded = builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(array, index), generate


_word: Any = intrinsic(_load_word)
"""Eight bytes of an array from an index on, as an unsigned integer, least first. The caller has checked that they are
there: nothing else does."""


@njit(cache=True)
def _varint(data: Any, at: int, end: int) -> Any:
    """The varint at `at` and the byte behind it; -1 where it is cut off by `end`, -2 where it is too long."""
    value = np.uint64(0)
    shift = np.uint64(0)
    behind = -1 if end - at < 10 else -2
    for i in range(at, min(end, at + 10)):
        byte = data[i]
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            behind = i + 1
            break
        shift += np.uint64(7)
    return value, behind


@njit(cache=True)
def _length(data: Any, at: int, end: int) -> Any:
    """The end of the length-delimited content whose length stands at `at`, and where it begins: (begin, end), or
    (a `Stopped` negated, 0)."""
    if at < end and data[at] < 0x80:
        begin = at + 1
        length: Any = np.int64(data[at])
    else:
        wide, begin = _varint(data, at, end)
        if begin < 0:
            return (-_TRUNCATED if begin == -1 else -_BAD_VARINT), np.int64(0)
        if wide > np.uint64(end - begin):
            return -_TRUNCATED, np.int64(0)
        length = np.int64(wide)
    if length > end - begin:
        return -_TRUNCATED, np.int64(0)
    return begin, begin + length


@njit(cache=True)
def _skip(data: Any, at: int, end: int, wire: int) -> Any:
    """The byte behind the content of an unknown field, or a `Stopped` negated."""
    if wire == _VARINT:
        _, behind = _varint(data, at, end)
        if behind < 0:
            return -_TRUNCATED if behind == -1 else -_BAD_VARINT
        return behind
    if wire == _LENGTH:
        begin, behind = _length(data, at, end)
        return begin if begin < 0 else behind
    if wire == _FIXED64:
        return at + 8 if end - at >= 8 else -_TRUNCATED
    if wire == _FIXED32:
        return at + 4 if end - at >= 4 else -_TRUNCATED
    return -_BAD_WIRE_TYPE


@njit(cache=True)
def _tag(data: Any, at: int, end: int) -> Any:
    """Field number, wire type and the byte behind the tag at `at` (before `end`); (0, 0, a `Stopped` negated) where
    there is none."""
    if data[at] < 0x80:
        tag: Any = np.int64(data[at])
        behind = at + 1
    else:
        wide, behind = _varint(data, at, end)
        if behind < 0:
            return 0, 0, (-_TRUNCATED if behind == -1 else -_BAD_VARINT)
        if wide > np.uint64(0xFFFFFFFF):
            return 0, 0, -_BAD_FIELD
        tag = np.int64(wide)
    if tag >> 3 == 0:
        return 0, 0, -_BAD_FIELD
    return tag >> 3, tag & 7, behind


@njit(cache=True)
def _sample(data: Any, at: int, end: int) -> Any:
    """The bits of the value and the milliseconds of a Sample, and `end`; or (0, 0, a `Stopped` negated)."""
    bits = np.uint64(0)
    millis = np.int64(0)
    while at < end:
        field, wire, at = _tag(data, at, end)
        if at < 0:
            return np.uint64(0), np.int64(0), at
        if field == 1:
            if wire != _FIXED64:
                return np.uint64(0), np.int64(0), -_BAD_WIRE_TYPE
            if end - at < 8:
                return np.uint64(0), np.int64(0), -_TRUNCATED
            bits = _word(data, at)
            at += 8
        elif field == 2:
            if wire != _VARINT:
                return np.uint64(0), np.int64(0), -_BAD_WIRE_TYPE
            wide, at = _varint(data, at, end)
            if at < 0:
                return np.uint64(0), np.int64(0), (-_TRUNCATED if at == -1 else -_BAD_VARINT)
            millis = np.int64(wide)
        else:
            at = _skip(data, at, end, wire)
            if at < 0:
                return np.uint64(0), np.int64(0), at
    return bits, millis, end


@njit(cache=True)
def _hash(data: Any, begin: int, end: int, seed: np.uint64) -> Any:
    """A hash of these bytes that nobody can aim at who does not know the seed."""
    mixed = seed ^ (np.uint64(end - begin) * _FOLD)
    at = begin
    while end - at >= 8:
        mixed = (mixed ^ _word(data, at)) * _MIX
        mixed ^= mixed >> np.uint64(29)
        at += 8
    tail = np.uint64(0)
    while at < end:
        tail = (tail << np.uint64(8)) | np.uint64(data[at])
        at += 1
    mixed = (mixed ^ tail ^ seed) * _FOLD
    return mixed ^ (mixed >> np.uint64(32))


@njit(cache=True)
def _same(data: Any, begin: int, arena: Any, start: int, length: int) -> Any:
    at = 0
    while length - at >= 8:
        if _word(data, begin + at) != _word(arena, start + at):
            return False
        at += 8
    while at < length:
        if data[begin + at] != arena[start + at]:
            return False
        at += 1
    return True


@njit(cache=True)
def _code(
    data: Any, begin: int, end: int, seed: np.uint64, table: Any, hashes: Any, starts: Any, arena: Any, progress: Any
) -> Any:
    """The code of the series with these label bytes, a new one where none has it, or -1 where there is no room."""
    length: Any = end - begin
    hashed = _hash(data, begin, end, seed)
    mask = len(table) - 1
    slot: Any = np.int64(hashed & np.uint64(mask))
    while table[slot] != 0:
        code = np.int64(table[slot]) - 1
        if (
            hashes[code] == hashed
            and starts[code + 1] - starts[code] == length
            and _same(data, begin, arena, starts[code], length)
        ):
            return code
        slot = (slot + 1) & mask
    code = progress[_CODES]
    used = progress[_ARENA]
    if 2 * (code + 1) > len(table) or code + 1 >= len(starts) or length > len(arena) - used:
        return -1
    for i in range(length):
        arena[used + i] = data[begin + i]
    starts[code] = used
    starts[code + 1] = used + length
    hashes[code] = hashed
    table[slot] = code + 1
    progress[_CODES] = code + 1
    progress[_ARENA] = used + length
    return code


@njit(cache=True)
def intern(data: Any, seed: np.uint64, table: Any, hashes: Any, starts: Any, arena: Any, progress: Any) -> Any:
    """The code of the series whose label bytes are all of `data`, or -1 where there is no room."""
    return _code(data, 0, len(data), seed, table, hashes, starts, arena, progress)


@njit(cache=True)
def odd(arena: Any, starts: Any, first: int, last: int) -> Any:
    """Those of the codes from `first` to before `last` whose label bytes are not plainly what the specification wants:
    names that ascend, each with a value, all of less than 128 bytes. Whether the text is UTF-8 is not looked at."""
    found = np.empty(last - first, np.int64)
    count = 0
    for code in range(first, last):
        if not _plain(arena, starts[code], starts[code + 1]):
            found[count] = code
            count += 1
    return found[:count]


@njit(cache=True)
def _plain(arena: Any, at: int, end: int) -> Any:
    name_before: Any = at
    size_before: Any = 0
    while at < end:
        if end - at < 4 or arena[at] != 0x0A or arena[at + 2] != 0x0A:
            return False
        name_size: Any = np.int64(arena[at + 3])
        name = at + 4
        value = name + name_size + 2
        if value > end or name_size == 0 or arena[value - 2] != 0x12:
            return False
        value_size = np.int64(arena[value - 1])
        content = 4 + name_size + value_size
        if value_size == 0 or content > 0x7F or arena[at + 1] != content or value + value_size > end:
            return False
        if not _before(arena, name_before, size_before, name, name_size):
            return False
        name_before = name
        size_before = name_size
        at = value + value_size
    return True


@njit(cache=True)
def _before(arena: Any, a: int, a_size: int, b: int, b_size: int) -> Any:
    """Whether the first text is before the second, by their bytes."""
    for i in range(min(a_size, b_size)):
        if arena[a + i] != arena[b + i]:
            return bool(arena[a + i] < arena[b + i])
    return bool(a_size < b_size)


@njit(cache=True)
def enter(hashes: Any, codes: int, table: Any) -> None:
    """Fills an empty table with the codes from 0 on, in their order."""
    mask = len(table) - 1
    for code in range(codes):
        slot: Any = np.int64(hashes[code] & np.uint64(mask))
        while table[slot] != 0:
            slot = (slot + 1) & mask
        table[slot] = code + 1


@njit(cache=True)
def forget(hashes: Any, keep: int, codes: int, table: Any) -> None:
    """Takes the codes from `keep` on out of the table. The last to come goes first, so that none is cut off from
    the slot where its search begins."""
    mask = len(table) - 1
    for code in range(codes - 1, keep - 1, -1):
        slot: Any = np.int64(hashes[code] & np.uint64(mask))
        while table[slot] != code + 1:
            slot = (slot + 1) & mask
        table[slot] = 0


@njit(cache=True)
def _gather(data: Any, at: int, end: int, gathered: Any) -> Any:
    """Copies the Label fields of a TimeSeries that was read before one behind the other, and returns their length."""
    used = 0
    while at < end:
        begin = at
        field, wire, at = _tag(data, at, end)
        at = _skip(data, at, end, wire)
        if field == 1:
            for i in range(begin, at):
                gathered[used] = data[i]
                used += 1
    return used


@njit(cache=True)
def scan(
    data: Any,
    seed: np.uint64,
    table: Any,
    hashes: Any,
    starts: Any,
    follows: Any,
    arena: Any,
    progress: Any,
    series: Any,
    time: Any,
    bits: Any,
) -> Any:
    """Reads the request on from `progress` and returns why it ended, a `Stopped`.

    Each sample is a row: the code of its series, its instant in microseconds and the bits of its value; samples with
    the staleness marker and those that are not finite only count. `follows` has for each code the one that came
    behind it last time: senders keep their order, so this guess is mostly right and spares the search. On `FULL` (the
    rows) and `CROWDED` (the codes) the time series that did not fit has left no rows and is read again."""
    size = len(data)
    at = progress[_BYTE]
    while at < size:
        field, wire, behind = _tag(data, at, size)
        if behind < 0:
            progress[_BYTE] = at
            return -behind
        if field != 1:
            after = _skip(data, behind, size, wire)
            if after < 0:
                progress[_BYTE] = at
                return -after
            at = after
            progress[_BYTE] = at
            continue
        if wire != _LENGTH:
            progress[_BYTE] = at
            return _BAD_WIRE_TYPE
        begin, end = _length(data, behind, size)
        if begin < 0:
            progress[_BYTE] = at
            return -begin

        first = progress[_ROWS]
        row = first
        stale = 0
        not_finite = 0
        histograms = 0
        labels_begin = -1
        labels_end = -1
        scattered = False
        at = begin
        last = progress[_LAST]
        code: Any = np.int64(follows[last]) if last >= 0 else np.int64(-1)
        if 0 <= code < progress[_CODES]:
            guessed = starts[code + 1] - starts[code]
            if guessed <= end - begin and _same(data, begin, arena, starts[code], guessed):
                labels_begin = begin
                at = labels_end = begin + guessed
            else:
                code = np.int64(-1)
        else:
            code = np.int64(-1)
        while at < end:
            field_at = at
            field, wire, behind = _tag(data, at, end)
            if behind < 0:
                progress[_BYTE] = at
                return -behind
            if field > 2:
                at = _skip(data, behind, end, wire)
                if at < 0:
                    progress[_BYTE] = field_at
                    return -at
                histograms += field == 4
                continue
            if wire != _LENGTH:
                progress[_BYTE] = at
                return _BAD_WIRE_TYPE
            inner, at = _length(data, behind, end)
            if inner < 0:
                progress[_BYTE] = field_at
                return -inner
            if field == 1:
                if labels_begin < 0:
                    labels_begin = field_at
                elif labels_end != field_at:
                    scattered = True
                labels_end = at
                code = np.int64(-1)
                continue
            raw, millis, done = _sample(data, inner, at)
            if done < 0:
                progress[_BYTE] = field_at
                return -done
            if (raw >> np.uint64(52)) & np.uint64(0x7FF) == np.uint64(0x7FF):
                if raw == np.uint64(STALE):
                    stale += 1
                else:
                    not_finite += 1
                continue
            if millis < EARLIEST or millis > LATEST:
                progress[_BYTE] = field_at
                return _BAD_TIME
            if row >= len(time):
                return _FULL
            time[row] = millis * 1000
            bits[row] = raw
            row += 1

        if labels_begin < 0:
            progress[_BYTE] = begin
            return _NO_LABELS
        if row > first:
            if code < 0 and scattered:
                gathered = np.empty(end - begin, np.uint8)
                used = _gather(data, begin, end, gathered)
                code = _code(gathered, 0, used, seed, table, hashes, starts, arena, progress)
            elif code < 0:
                code = _code(data, labels_begin, labels_end, seed, table, hashes, starts, arena, progress)
            if code < 0:
                return _CROWDED
            if last >= 0:
                follows[last] = code
            progress[_LAST] = code
            for i in range(first, row):
                series[i] = code
        progress[_ROWS] = row
        progress[_STALE] += stale
        progress[_NOT_FINITE] += not_finite
        progress[_HISTOGRAMS] += histograms
        progress[_SERIES] += 1
        progress[_BYTE] = end
        at = end
    progress[_BYTE] = at
    return _DONE
