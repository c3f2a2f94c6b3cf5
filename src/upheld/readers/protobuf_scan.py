"""The wire format of protobuf, read by compiled code. Specification: https://protobuf.dev/programming-guides/encoding/.

What stands in the bytes is never trusted: every length is checked against the end of what holds it before a byte
behind it is read. The functions are copied into what calls them: a call would take longer than what they do.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic


class Stopped(IntEnum):
    """Why the scan of a remote-write request ended. With `FULL` and `CROWDED` nothing is wrong: there was no room, and
    it goes on after there is."""

    DONE = 0
    TRUNCATED = 1
    BAD_VARINT = 2
    BAD_FIELD = 3
    BAD_WIRE_TYPE = 4
    NO_LABELS = 5
    BAD_TIME = 6
    FULL = 7
    CROWDED = 8
    HALF_LABEL = 9
    NO_SYMBOL = 10
    MANY_LABELS = 11


# Compiled code takes plain numbers faster than members.
DONE, TRUNCATED, BAD_VARINT, BAD_FIELD, BAD_WIRE_TYPE = 0, 1, 2, 3, 4
NO_LABELS, BAD_TIME, FULL, CROWDED, HALF_LABEL, NO_SYMBOL, MANY_LABELS = 5, 6, 7, 8, 9, 10, 11
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def _load_word(_typing: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(view.data, [arguments[1]])
        loaded = builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()))
        loaded.align = 1
        return loaded

    return types.uint64(array, index), generate


word: Any = intrinsic(_load_word)
"""Eight bytes of an array from an index on, as an unsigned integer, least first. The caller has checked that they are
there: nothing else does."""


@njit(cache=True, inline="always")
def varint(data: Any, at: int, end: int) -> Any:
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


@njit(cache=True, inline="always")
def length(data: Any, at: int, end: int) -> Any:
    """The end of the length-delimited content whose length stands at `at`, and where it begins: (begin, end), or
    (a `Stopped` negated, 0)."""
    if at < end and data[at] < 0x80:
        begin = at + 1
        length: Any = np.int64(data[at])
    else:
        wide, begin = varint(data, at, end)
        if begin < 0:
            return (-TRUNCATED if begin == -1 else -BAD_VARINT), np.int64(0)
        if wide > np.uint64(end - begin):
            return -TRUNCATED, np.int64(0)
        length = np.int64(wide)
    if length > end - begin:
        return -TRUNCATED, np.int64(0)
    return begin, begin + length


@njit(cache=True, inline="always")
def skip(data: Any, at: int, end: int, wire: int) -> Any:
    """The byte behind the content of an unknown field, or a `Stopped` negated."""
    if wire == VARINT:
        _, behind = varint(data, at, end)
        if behind < 0:
            return -TRUNCATED if behind == -1 else -BAD_VARINT
        return behind
    if wire == LENGTH:
        begin, behind = length(data, at, end)
        return begin if begin < 0 else behind
    if wire == FIXED64:
        return at + 8 if end - at >= 8 else -TRUNCATED
    if wire == FIXED32:
        return at + 4 if end - at >= 4 else -TRUNCATED
    return -BAD_WIRE_TYPE


@njit(cache=True, inline="always")
def tag(data: Any, at: int, end: int) -> Any:
    """Field number, wire type and the byte behind the tag at `at` (before `end`); (0, 0, a `Stopped` negated) where
    there is none."""
    if data[at] < 0x80:
        tag: Any = np.int64(data[at])
        behind = at + 1
    else:
        wide, behind = varint(data, at, end)
        if behind < 0:
            return 0, 0, (-TRUNCATED if behind == -1 else -BAD_VARINT)
        if wide > np.uint64(0xFFFFFFFF):
            return 0, 0, -BAD_FIELD
        tag = np.int64(wide)
    if tag >> 3 == 0:
        return 0, 0, -BAD_FIELD
    return tag >> 3, tag & 7, behind
