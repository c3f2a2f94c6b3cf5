"""Valid bytes -> hostile ones, as a seeded random generator has it."""

from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[Random, bytearray, Sequence[bytes]], bytearray]

_NUMBERS = (
    b"\x00", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xff" * 8, b"\xff" * 9 + b"\x01",
    b"\xff" * 10, b"\x80" * 5 + b"\x01", b"\x00\x00\x00\x00\x00\x00\xf0\x7f", b"\x02\x00\x00\x00\x00\x00\xf0\x7f",
    b"\x00\x00\x00\x00\x00\x00\xf8\x7f",
)  # fmt: skip
_WORDS = (
    b"null", b"true", b"-1", b"1e999", b"NaN", b"-0", b"9" * 40, b"0x", b'"', b"'", b"{", b"}", b"[" * 50, b"]", b",",
    b":", b"\n", b"\r\n", b"\t", b"&a ", b"*a", b"!!python/object:os.system ", b"<<: ", b"\\u0000", b"\\ud800", b"|\n ",
    b"\xef\xbb\xbf", b"\xed\xa0\x80", b"2026-06-01T00:00:00Z", b"9999-12-31T23:59:60+24:00", b"- - - ", b"% ",
    b"0001-01-01T00:00:00+14:00", b"(?:a+)+$", b"{instance}", b"{}", b"service", b"metric", b"value", b"good", b"total",
    b"time", b"[" * 3000, b'{"a":' * 3000, b"- " * 3000,
)  # fmt: skip


def mutated(random: Random, seeds: Sequence[bytes], words: bool) -> bytes:
    """One of `seeds` with one to eight changes; `words` of text are put in too where the format is one of text. At most
    64 KB."""
    data = bytearray(random.choice(seeds))
    known = (*_NUMBERS, *_WORDS) if words else _NUMBERS
    for _ in range(min(8, 1 + int(random.expovariate(0.7)))):
        data = random.choice(_MUTATIONS)(random, data, known if random.random() < 0.7 else seeds)
    return bytes(data[:65_536])


def _span(random: Random, data: bytearray, most: int = 64) -> slice:
    begin = random.randint(0, len(data))
    return slice(begin, min(len(data), begin + random.randint(1, most)))


def _flip(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return data


def _set(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)
    return data


def _add(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    """A length one more or less than it was is the usual way to read behind an end."""
    if data:
        at = random.randrange(len(data))
        data[at] = (data[at] + random.randint(-3, 3)) % 256
    return data


def _remove(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    del data[_span(random, data)]
    return data


def _repeat(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    span = _span(random, data)
    data[span] = data[span] * random.choice((2, 2, 3, 20, 300))
    return data


def _move(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    span = _span(random, data)
    part = data[span]
    del data[span]
    at = random.randint(0, len(data))
    data[at:at] = part
    return data


def _put(random: Random, data: bytearray, known: Sequence[bytes]) -> bytearray:
    part = random.choice(known)
    at = random.randint(0, len(data))
    data[at : at + random.choice((0, 0, len(part)))] = part
    return data


def _cut(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    return data[: random.randint(0, len(data))]


def _noise(random: Random, data: bytearray, _: Sequence[bytes]) -> bytearray:
    data[_span(random, data, 8)] = random.randbytes(random.randint(1, 8))
    return data


_MUTATIONS: Sequence[Mutation] = (_flip, _set, _set, _add, _add, _remove, _repeat, _move, _put, _put, _cut, _noise)
