"""Byte strings that are known by a code: equal bytes have equal codes, from 0 on.

A code is found by the hash of the bytes and confirmed by comparing the bytes themselves.
"""

import secrets
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from upheld.readers.body_faults import MalformedBody
from upheld.readers.protobuf_scan import word


class Held(IntEnum):
    """The places of `KnownBytes.held`, what compiled code reads and writes of it."""

    CODES = 0
    """Codes given so far."""
    ARENA = 1
    """Bytes of the arena in use."""
    LAST = 2
    """The code of the string before, or -1."""


# Compiled code takes plain numbers faster than members.
_CODES, _ARENA = 0, 1

_MIX = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.uint64(0xD6E8FEB86659FD93)


class TooManySeries(MalformedBody):
    """A request has more series than may be known, with those that are known already."""


class KnownBytes:
    """The strings of one sender. More than `most` of them are refused as TooManySeries, under the name `what`."""

    # By code: the hash of its bytes, where they start in the arena, the code that came behind it last time.
    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    follows: npt.NDArray[np.int32]
    arena: npt.NDArray[np.uint8]
    table: npt.NDArray[np.int32]
    held: npt.NDArray[np.int64]

    def __init__(self, most: int, what: str) -> None:
        self._most, self._what = most, what
        # Without a seed that nobody knows, a sender could choose strings that all have one hash.
        self._seed = np.uint64(secrets.randbits(64))
        self.held = np.zeros(len(Held), np.int64)
        self.held[Held.LAST] = -1
        self.arena = np.empty(1 << 16, np.uint8)
        self._make_room(1 << 10)

    def __len__(self) -> int:
        """How many codes were given."""
        return int(self.held[Held.CODES])

    def __getitem__(self, code: int) -> bytes:
        return self.arena[self.starts[code] : self.starts[code + 1]].tobytes()

    @property
    def arrays(self) -> tuple[Any, ...]:
        """All of it, in the order in which compiled code takes it."""
        return self._seed, self.table, self.hashes, self.starts, self.follows, self.arena, self.held

    def mark(self) -> tuple[int, int]:
        """What is known now, for `go_back`."""
        return len(self), int(self.held[Held.ARENA])

    def go_back(self, mark: tuple[int, int]) -> None:
        """Forgets what has come since."""
        codes, arena = mark
        forget(self.hashes, codes, len(self), self.table)
        self.held[:] = codes, arena, -1

    def since(self, code: int) -> bytes:
        """The bytes of the strings from this code on, one behind the other."""
        return self.arena[self.starts[code] : self.starts[len(self)]].tobytes()

    def check(self) -> None:
        """Raises TooManySeries where there are too many."""
        if len(self) > self._most:
            raise TooManySeries(f"more than {self._most:,} {self._what}")

    def intern(self, block: npt.NDArray[np.uint8]) -> int:
        """The code of these bytes."""
        while (code := intern(block, *self._searched())) < 0:
            self.grow(len(block))
        return int(code)

    def grow(self, more: int) -> None:
        """Twice the room for codes where it is used up, and room for `more` bytes."""
        self.check()
        self.arena = roomy(self.arena, int(self.held[Held.ARENA]) + more)
        if 2 * (len(self) + 1) > len(self.table):
            self._make_room(2 * (len(self.starts) - 1))

    def _searched(self) -> tuple[Any, ...]:
        return self._seed, self.table, self.hashes, self.starts, self.arena, self.held

    def _make_room(self, codes: int) -> None:
        old, size = len(self), codes + 1
        hashes, starts = np.zeros(size, np.uint64), np.zeros(size, np.int64)
        follows = np.full(size, -1, np.int32)
        if old:
            hashes[:old], starts[: old + 1] = self.hashes[:old], self.starts[: old + 1]
            follows[:old] = self.follows[:old]
        self.hashes, self.starts, self.follows = hashes, starts, follows
        self.table = np.zeros(2 * codes, np.int32)
        enter(hashes, old, self.table)


def roomy(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The array, with at least `size` places."""
    if size <= len(array):
        return array
    larger = np.empty(max(size, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger


@njit(cache=True)
def _hash(data: Any, begin: int, end: int, seed: np.uint64) -> Any:
    """A hash of these bytes that nobody can aim at who does not know the seed."""
    mixed = seed ^ (np.uint64(end - begin) * _FOLD)
    at = begin
    while end - at >= 8:
        mixed = (mixed ^ word(data, at)) * _MIX
        mixed ^= mixed >> np.uint64(29)
        at += 8
    tail = np.uint64(0)
    while at < end:
        tail = (tail << np.uint64(8)) | np.uint64(data[at])
        at += 1
    mixed = (mixed ^ tail ^ seed) * _FOLD
    return mixed ^ (mixed >> np.uint64(32))


@njit(cache=True)
def same(data: Any, begin: int, arena: Any, start: int, length: int) -> Any:
    """Whether so many bytes from `begin` and from `start` on are the same."""
    at = 0
    while length - at >= 8:
        if word(data, begin + at) != word(arena, start + at):
            return False
        at += 8
    if length >= 8:
        # The last eight, some of them again.
        return bool(word(data, begin + length - 8) == word(arena, start + length - 8))
    while at < length:
        if data[begin + at] != arena[start + at]:
            return False
        at += 1
    return True


@njit(cache=True)
def code_of(
    data: Any, begin: int, end: int, seed: np.uint64, table: Any, hashes: Any, starts: Any, arena: Any, held: Any
) -> Any:
    """The code of these bytes, a new one where none has it, or -1 where there is no room."""
    length: Any = end - begin
    hashed = _hash(data, begin, end, seed)
    mask = len(table) - 1
    slot: Any = np.int64(hashed & np.uint64(mask))
    while table[slot] != 0:
        code = np.int64(table[slot]) - 1
        if (
            hashes[code] == hashed
            and starts[code + 1] - starts[code] == length
            and same(data, begin, arena, starts[code], length)
        ):
            return code
        slot = (slot + 1) & mask
    code = held[_CODES]
    used = held[_ARENA]
    if 2 * (code + 1) > len(table) or code + 1 >= len(starts) or length > len(arena) - used:
        return -1
    for i in range(length):
        arena[used + i] = data[begin + i]
    starts[code] = used
    starts[code + 1] = used + length
    hashes[code] = hashed
    table[slot] = code + 1
    held[_CODES] = code + 1
    held[_ARENA] = used + length
    return code


@njit(cache=True)
def intern(data: Any, seed: np.uint64, table: Any, hashes: Any, starts: Any, arena: Any, held: Any) -> Any:
    """The code of all of `data`, or -1 where there is no room."""
    return code_of(data, 0, len(data), seed, table, hashes, starts, arena, held)


@njit(cache=True)
def before(arena: Any, a: int, a_size: int, b: int, b_size: int) -> Any:
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
