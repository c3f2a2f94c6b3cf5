"""The bytes of an `io.prometheus.write.v2.Request` -> columns, in two passes of compiled code.

    Request       4: repeated string symbols, 5: repeated TimeSeries
    TimeSeries    1: repeated uint32 labels_refs, 2: repeated Sample, 3: repeated Histogram
                  (4: exemplars, 5: metadata, 6: created timestamp; passed over)
    Sample        1: double value, 2: int64 timestamp in milliseconds   (3: start timestamp, passed over)

The symbols may stand anywhere, so that they are found first. A symbol has another number in each request: one that a
series uses is known by its bytes under a number that stays, and a series by the numbers of its names and values.
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
    FULL,
    HALF_LABEL,
    LENGTH,
    MANY_LABELS,
    NO_LABELS,
    NO_SYMBOL,
    TRUNCATED,
    VARINT,
    length,
    skip,
    tag,
    varint,
)
from upheld.readers.remote_write_scan import EARLIEST, HISTOGRAM, LATEST, STALE, sample

_NAN = 0x7FF8000000000001


class At2(IntEnum):
    """The places of `progress`, what a scan reads and writes of where it is."""

    BYTE = 0
    """The start of the next field of the request; after a fault, the byte where it was found."""
    SERIES = 1
    """Time series that were finished."""
    ROWS = 2
    """Rows written."""
    STALE = 3
    SYMBOLS = 4
    """Symbols of the request."""


# Compiled code takes plain numbers faster than members.
_BYTE, _SERIES, _ROWS, _STALE, _SYMBOLS = 0, 1, 2, 3, 4
_CODES, _LAST = 0, 2
_SYMBOL_TAG = 0x22


@njit(cache=True)
def find_symbols(data: Any, progress: Any, begins: Any) -> Any:
    """Writes where the length of each symbol stands, and returns why it ended, a `Stopped`. On `FULL` (`begins`) it
    goes on where it was."""
    size = len(data)
    at = progress[_BYTE]
    count = progress[_SYMBOLS]
    while at < size:
        if data[at] == _SYMBOL_TAG and size - at > 1 and data[at + 1] <= 0x7F and count < len(begins):
            # A short symbol, as nearly all are.
            after = at + 2 + np.int64(data[at + 1])
            if after <= size:
                begins[count] = at + 1
                count += 1
                at = after
                continue
        progress[_BYTE] = at
        progress[_SYMBOLS] = count
        field, wire, behind = tag(data, at, size)
        if behind < 0:
            return -behind
        if (field == 4 or field == 5) and wire != LENGTH:
            return BAD_WIRE_TYPE
        after = skip(data, behind, size, wire)
        if after < 0:
            return -after
        if field == 4:
            if count == len(begins):
                return FULL
            begins[count] = behind
            count += 1
        at = after
    progress[_BYTE] = at
    progress[_SYMBOLS] = count
    return DONE


@njit(cache=True, inline="always")
def _references(data: Any, at: int, end: int, wire: int, key: Any, count: int, symbols: int) -> Any:
    """Writes the references of a `labels_refs` field into `key` behind the first `count`: (how many there are then, the
    byte behind the field), or (0, a `Stopped` negated)."""
    if wire == VARINT:
        begin: Any = at
        behind: Any = end
    elif wire == LENGTH:
        begin, behind = length(data, at, end)
        if begin < 0:
            return np.int64(0), begin
    else:
        return np.int64(0), -BAD_WIRE_TYPE
    at = begin
    while at < behind:
        low = data[at]
        if low < 0x80:
            reference: Any = np.int64(low)
            at += 1
        elif behind - at > 1 and data[at + 1] < 0x80:
            reference = np.int64(low & 0x7F) | (np.int64(data[at + 1]) << 7)
            at += 2
        else:
            wide, at = varint(data, at, behind)
            if at < 0:
                return np.int64(0), (-TRUNCATED if at == -1 else -BAD_VARINT)
            reference = np.int64(wide & np.uint64(0xFFFFFFFF))
        if reference >= symbols:
            return np.int64(0), -NO_SYMBOL
        if count == len(key):
            return np.int64(0), -MANY_LABELS
        key[count] = reference
        count += 1
        if wire == VARINT:
            break
    if at == begin and wire == VARINT:
        return np.int64(0), -TRUNCATED
    return count, at


@njit(cache=True)
def scan2(
    data: Any,
    begins: Any,
    numbers: Any,
    key: Any,
    key_bytes: Any,
    symbol_seed: Any,
    symbol_table: Any,
    symbol_hashes: Any,
    symbol_starts: Any,
    symbol_follows: Any,
    symbol_arena: Any,
    symbol_held: Any,
    seed: Any,
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

    `begins` are the symbols as `find_symbols` found them, `numbers` the lasting number of each that was used so far
    (else -1); `key` and `key_bytes` are the same room for the references of one time series. Rows, `follows` and what
    happens on `FULL` and `CROWDED` are as in `remote_write_scan.scan`; but samples that are not finite, and native
    histograms as the value `HISTOGRAM` of no time, are rows too."""
    size = len(data)
    symbols = progress[_SYMBOLS]
    at = progress[_BYTE]
    while at < size:
        progress[_BYTE] = at
        # find_symbols has read all fields of the request before: their lengths hold.
        field, wire, behind = tag(data, at, size)
        if field != 5:
            at = skip(data, behind, size, wire)
            continue
        begin, end = length(data, behind, size)

        first = progress[_ROWS]
        row = first
        stale = 0
        count: Any = np.int64(0)
        at = begin
        while at < end:
            field_at = at
            field, wire, behind = tag(data, at, end)
            if behind < 0:
                progress[_BYTE] = at
                return -behind
            if field == 1:
                count, at = _references(data, behind, end, wire, key, count, symbols)
                if at < 0:
                    progress[_BYTE] = field_at
                    return -at
                continue
            if field > 3:
                at = skip(data, behind, end, wire)
                if at < 0:
                    progress[_BYTE] = field_at
                    return -at
                continue
            if wire != LENGTH:
                progress[_BYTE] = at
                return BAD_WIRE_TYPE
            inner, at = length(data, behind, end)
            if inner < 0:
                progress[_BYTE] = field_at
                return -inner
            if field == 3:
                raw = np.uint64(HISTOGRAM)
                millis: Any = np.int64(0)
            else:
                raw, millis, done = sample(data, inner, at)
                if done < 0:
                    progress[_BYTE] = field_at
                    return -done
                if raw == np.uint64(STALE):
                    stale += 1
                    continue
                if raw == np.uint64(HISTOGRAM):
                    raw = np.uint64(_NAN)
                if millis < EARLIEST or millis > LATEST:
                    progress[_BYTE] = field_at
                    return BAD_TIME
            if row >= len(time):
                # The key is written anew when the time series is read again.
                return FULL
            time[row] = millis * 1000
            bits[row] = raw
            row += 1

        if count == 0:
            progress[_BYTE] = begin
            return NO_LABELS
        if count % 2 == 1:
            progress[_BYTE] = begin
            return HALF_LABEL
        if row > first:
            for i in range(count):
                reference = key[i]
                number: Any = np.int64(numbers[reference])
                if number < 0:
                    symbol, symbol_end = length(data, begins[reference], size)
                    last = symbol_held[_LAST]
                    number = np.int64(symbol_follows[last]) if last >= 0 else np.int64(-1)
                    if not (
                        0 <= number < symbol_held[_CODES]
                        and symbol_starts[number + 1] - symbol_starts[number] == symbol_end - symbol
                        and same(data, symbol, symbol_arena, symbol_starts[number], symbol_end - symbol)
                    ):
                        number = code_of(
                            data,
                            symbol,
                            symbol_end,
                            symbol_seed,
                            symbol_table,
                            symbol_hashes,
                            symbol_starts,
                            symbol_arena,
                            symbol_held,
                        )
                        if number < 0:
                            return CROWDED
                        if last >= 0:
                            symbol_follows[last] = number
                    symbol_held[_LAST] = number
                    numbers[reference] = number
                key[i] = number
            last = held[_LAST]
            code: Any = np.int64(follows[last]) if last >= 0 else np.int64(-1)
            if not (
                0 <= code < held[_CODES]
                and starts[code + 1] - starts[code] == 4 * count
                and same(key_bytes, 0, arena, starts[code], 4 * count)
            ):
                code = code_of(key_bytes, 0, 4 * count, seed, table, hashes, starts, arena, held)
                if code < 0:
                    return CROWDED
                if last >= 0:
                    follows[last] = code
            held[_LAST] = code
            for i in range(first, row):
                series[i] = code
        progress[_ROWS] = row
        progress[_STALE] += stale
        progress[_SERIES] += 1
        at = end
    progress[_BYTE] = at
    return DONE


@njit(cache=True)
def odd2(numbers: Any, starts: Any, first: int, last: int, arena: Any, symbol_starts: Any) -> Any:
    """Those of the series from `first` to before `last` whose labels are not as the specification wants them: names
    that ascend, none empty, each with a value. `numbers` are those of their symbols, from 4 times `starts` bytes on."""
    found = np.empty(last - first, np.int64)
    count = 0
    for code in range(first, last):
        begin = starts[code] // 4
        end = starts[code + 1] // 4
        for i in range(begin, end, 2):
            name = numbers[i]
            value = numbers[i + 1]
            size = symbol_starts[name + 1] - symbol_starts[name]
            plain = size > 0 and symbol_starts[value + 1] > symbol_starts[value]
            if plain and i > begin:
                ahead = numbers[i - 2]
                ahead_size = symbol_starts[ahead + 1] - symbol_starts[ahead]
                plain = before(arena, symbol_starts[ahead], ahead_size, symbol_starts[name], size)
            if not plain:
                found[count] = code
                count += 1
                break
    return found[:count]
