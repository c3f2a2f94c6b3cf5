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
from numba import njit

from upheld.readers.known_bytes import before, code_of, same
from upheld.readers.protobuf_scan import (
    BAD_TIME,
    BAD_VARINT,
    BAD_WIRE_TYPE,
    CROWDED,
    DONE,
    FIXED64,
    FULL,
    LENGTH,
    NO_LABELS,
    TRUNCATED,
    VARINT,
    length,
    skip,
    tag,
    varint,
    word,
)

STALE = 0x7FF0000000000002
"""The bits of the value by which Prometheus says that a series has ended."""
HISTOGRAM = 0x7FF8000000000003
"""The bits of a value that stands for a native histogram: a NaN. A sample that has them comes out as another NaN."""

LATEST = 253_402_300_799_999
EARLIEST = -62_135_596_800_000
"""The last and first millisecond that a date can name: year 9999 and year 1."""


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


# Compiled code takes plain numbers faster than members.
_BYTE, _SERIES, _ROWS, _STALE, _NOT_FINITE, _HISTOGRAMS = 0, 1, 2, 3, 4, 5
_CODES, _LAST = 0, 2


@njit(cache=True, inline="always")
def sample(data: Any, at: int, end: int) -> Any:
    """The bits of the value and the milliseconds of a Sample, and `end`; or (0, 0, a `Stopped` negated)."""
    bits = np.uint64(0)
    millis = np.int64(0)
    while at < end:
        field, wire, at = tag(data, at, end)
        if at < 0:
            return np.uint64(0), np.int64(0), at
        if field == 1:
            if wire != FIXED64:
                return np.uint64(0), np.int64(0), -BAD_WIRE_TYPE
            if end - at < 8:
                return np.uint64(0), np.int64(0), -TRUNCATED
            bits = word(data, at)
            at += 8
        elif field == 2:
            if wire != VARINT:
                return np.uint64(0), np.int64(0), -BAD_WIRE_TYPE
            wide, at = varint(data, at, end)
            if at < 0:
                return np.uint64(0), np.int64(0), (-TRUNCATED if at == -1 else -BAD_VARINT)
            millis = np.int64(wide)
        else:
            at = skip(data, at, end, wire)
            if at < 0:
                return np.uint64(0), np.int64(0), at
    return bits, millis, end


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
        if not before(arena, name_before, size_before, name, name_size):
            return False
        name_before = name
        size_before = name_size
        at = value + value_size
    return True


@njit(cache=True)
def _gather(data: Any, at: int, end: int, gathered: Any) -> Any:
    """Copies the Label fields of a TimeSeries that was read before one behind the other, and returns their length."""
    used = 0
    while at < end:
        begin = at
        field, wire, at = tag(data, at, end)
        at = skip(data, at, end, wire)
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
    held: Any,
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
        field, wire, behind = tag(data, at, size)
        if behind < 0:
            progress[_BYTE] = at
            return -behind
        if field != 1:
            after = skip(data, behind, size, wire)
            if after < 0:
                progress[_BYTE] = at
                return -after
            at = after
            progress[_BYTE] = at
            continue
        if wire != LENGTH:
            progress[_BYTE] = at
            return BAD_WIRE_TYPE
        begin, end = length(data, behind, size)
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
        last = held[_LAST]
        code: Any = np.int64(follows[last]) if last >= 0 else np.int64(-1)
        if 0 <= code < held[_CODES]:
            guessed = starts[code + 1] - starts[code]
            if guessed <= end - begin and same(data, begin, arena, starts[code], guessed):
                labels_begin = begin
                at = labels_end = begin + guessed
            else:
                code = np.int64(-1)
        else:
            code = np.int64(-1)
        while at < end:
            field_at = at
            field, wire, behind = tag(data, at, end)
            if behind < 0:
                progress[_BYTE] = at
                return -behind
            if field > 2:
                at = skip(data, behind, end, wire)
                if at < 0:
                    progress[_BYTE] = field_at
                    return -at
                histograms += field == 4
                continue
            if wire != LENGTH:
                progress[_BYTE] = at
                return BAD_WIRE_TYPE
            inner, at = length(data, behind, end)
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
            raw, millis, done = sample(data, inner, at)
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
                return BAD_TIME
            if row >= len(time):
                return FULL
            time[row] = millis * 1000
            bits[row] = raw
            row += 1

        if labels_begin < 0:
            progress[_BYTE] = begin
            return NO_LABELS
        if row > first:
            if code < 0 and scattered:
                gathered = np.empty(end - begin, np.uint8)
                used = _gather(data, begin, end, gathered)
                code = code_of(gathered, 0, used, seed, table, hashes, starts, arena, held)
            elif code < 0:
                code = code_of(data, labels_begin, labels_end, seed, table, hashes, starts, arena, held)
            if code < 0:
                return CROWDED
            if last >= 0:
                follows[last] = code
            held[_LAST] = code
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
    return DONE
