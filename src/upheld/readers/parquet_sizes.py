"""What a Parquet file from a stranger would unpack to, before anything of it is unpacked.

A small file can stand for any amount of data, and its metadata can lie: so each page's own header is asked too. Both
are structs of Thrift's compact protocol, which is read here: pyarrow's own view of metadata ends the process where they
contradict themselves. Format: https://parquet.apache.org/docs/file-format/ and its parquet.thrift.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_VALUES = 1_000_000
"""So many values may the metadata have, and so many pages the file."""
_DEPTH = 16
_MAGIC = b"PAR1"
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)

# fields of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData and PageHeader
_ROWS, _GROUPS = 3, 4
_CHUNKS, _GROUP_ROWS = 1, 3
_ELSEWHERE, _TOLD = 1, 3
_UNPACKED, _PACKED, _DATA_AT, _WORDS_AT = 6, 7, 9, 11
_PAGE_UNPACKED, _PAGE_PACKED = 2, 3


class BrokenFile(Exception):
    """The bytes are no Parquet file; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The rows, the bytes of all pages when they are unpacked, and those of the largest one."""

    rows: int
    unpacked: int
    largest_page: int


def sizes(body: bytes) -> Sizes:
    """What a file holds, by its metadata and its pages' headers. Raises BrokenFile."""
    if len(body) < 12 or body[:4] != _MAGIC or body[-4:] != _MAGIC:
        raise BrokenFile("it does not begin and end as one")
    length = struct.unpack_from("<I", body, len(body) - 8)[0]
    start = len(body) - 8 - length
    if start < 4:
        raise BrokenFile("its metadata does not fit in")
    told = _Walk(body, start, len(body) - 8).fields()
    groups = _structs(told, _GROUPS)
    pages = [page for group in groups for chunk in _structs(group, _CHUNKS) for page in _pages(body, chunk)]
    rows = max(_number(told, _ROWS), sum(_number(group, _GROUP_ROWS) for group in groups))
    return Sizes(rows, sum(pages), max(pages, default=0))


def _pages(body: bytes, chunk: Mapping[int, Any]) -> Iterator[int]:
    """How many bytes each page of a column chunk unpacks to."""
    told = chunk.get(_TOLD)
    if not isinstance(told, dict) or _ELSEWHERE in chunk:
        raise BrokenFile("a column is not in the file")
    at = _number(told, _DATA_AT)
    if told.get(_WORDS_AT):
        at = min(at, _number(told, _WORDS_AT))
    end = at + _number(told, _PACKED)
    if end > len(body):
        raise BrokenFile("a column lies outside of the file")
    while at < end:
        header = _Walk(body, at, end)
        page = header.fields()
        yield _number(page, _PAGE_UNPACKED)
        at = header.at + _number(page, _PAGE_PACKED)


def _number(fields: Mapping[int, Any], field: int) -> int:
    found = fields.get(field)
    if not isinstance(found, int) or found < 0:
        raise BrokenFile("a size is missing")
    return found


def _structs(fields: Mapping[int, Any], field: int) -> list[dict[int, Any]]:
    found = fields.get(field)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BrokenFile("its metadata lacks a part")
    return found


class _Walk:
    """Reads one struct of the compact protocol; `at` is then where it ends."""

    def __init__(self, body: bytes, at: int, end: int) -> None:
        self._body, self.at, self._end = body, at, end
        self._left = MAX_VALUES

    def fields(self, depth: int = 0) -> dict[int, Any]:
        """The struct's values by their fields: numbers, structs and lists; None for what is neither."""
        found: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != _STOP:
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            kind = head & 0x0F
            found[field] = None if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self._left -= 1
        if depth > _DEPTH or self._left < 0:
            raise BrokenFile("its metadata has no end")
        if kind in (_I16, _I32, _I64):
            return self._zigzag()
        if kind == _STRUCT:
            return self.fields(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind not in (_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY):
            raise BrokenFile("its metadata has a value of no known kind")
        return self._skip({_DOUBLE: 8, _BINARY: -1}.get(kind, 1))

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = self._varint() if head >> 4 == 15 else head >> 4
        return [self._value(head & 0x0F, depth + 1) for _ in range(min(count, self._left + 1))]

    def _byte(self) -> int:
        self._skip(1)
        return self._body[self.at - 1]

    def _skip(self, size: int) -> None:
        """Goes on by so many bytes; -1: as many as stand there as a number."""
        size = self._varint() if size < 0 else size
        if size > self._end - self.at:
            raise BrokenFile("its metadata is cut off")
        self.at += size

    def _varint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
        raise BrokenFile("a number in its metadata has no end")

    def _zigzag(self) -> int:
        number = self._varint()
        return number >> 1 ^ -(number & 1)
