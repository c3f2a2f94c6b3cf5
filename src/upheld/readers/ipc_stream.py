"""An Arrow IPC stream from a stranger -> record batches that are safe to look into.

A stream can lie: about its offsets, its dictionary indices, and, where its buffers are compressed, about how large they
grow. So compressed buffers are refused before anything is unpacked, and every batch is validated in full.
"""

import struct
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

MAX_BATCHES = 1_000
MAX_VIEWED = 256 * 1024 * 1024
"""So many bytes of text may an array of views stand for."""


class CompressedBuffers(Exception):
    """The stream has compressed buffers."""


class BrokenStream(Exception):
    """The bytes are not a valid stream; `str()` says why."""


def read_stream(body: bytes) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema of a stream and its batches, each valid. Raises CompressedBuffers or BrokenStream, the latter also
    while the batches are read. At most `MAX_BATCHES` batches are taken."""
    try:
        _refuse_compressed(body)
        reader = pa.ipc.open_stream(pa.py_buffer(body))
        for field in reader.schema:  # nothing has validated the texts of a schema: decoding them does
            _ = field.name, getattr(field.type, "tz", None)
        return reader.schema, _valid_batches(reader)
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError, struct.error) as error:
        raise BrokenStream(_first_line(error)) from None


def _valid_batches(reader: pa.RecordBatchStreamReader) -> Iterator[pa.RecordBatch]:
    try:
        for number, batch in enumerate(reader, 1):
            if number > MAX_BATCHES:
                raise BrokenStream(f"more than {MAX_BATCHES:,} record batches; put more rows into each")
            batch.validate(full=True)
            yield batch
    except (pa.ArrowException, OSError, EOFError) as error:
        raise BrokenStream(_first_line(error)) from None


def plain_text(array: pa.Array) -> pa.Array:
    """An array of text without views. Views can share text, so that few bytes stand for any amount of it: raises
    BrokenStream beyond `MAX_VIEWED`."""
    if not pa.types.is_string_view(array.type):
        return array
    views = array.buffers()[1]
    end = array.offset + len(array)
    lengths = np.frombuffer(views, np.int32, 4 * end)[::4][array.offset :]
    given = array.is_valid().to_numpy(zero_copy_only=False)
    if int(lengths[given].sum(dtype=np.int64)) > MAX_VIEWED:
        raise BrokenStream("its text is too long")
    return array.cast(pa.large_string())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200]


# -- the few bytes of Message.fbs that say whether buffers are compressed -----------------------------------------

_HEADER_TYPE, _HEADER = 1, 2  # fields of table Message
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3  # members of union MessageHeader
_DATA = 1  # field of table DictionaryBatch
_COMPRESSION = 3  # field of table RecordBatch


def _refuse_compressed(body: bytes) -> None:
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        metadata = message.metadata.to_pybytes()
        if _is_compressed(metadata):
            raise CompressedBuffers


def _is_compressed(metadata: bytes) -> bool:
    root = struct.unpack_from("<I", metadata, 0)[0]
    header_type, header = _field(metadata, root, _HEADER_TYPE), _field(metadata, root, _HEADER)
    if header_type is None or header is None:
        return False
    kind, table = metadata[header_type], _target(metadata, header)
    if kind == _DICTIONARY_BATCH:
        data = _field(metadata, table, _DATA)
        if data is None:
            return False
        table = _target(metadata, data)
    elif kind != _RECORD_BATCH:
        return False
    return _field(metadata, table, _COMPRESSION) is not None


def _field(buffer: bytes, table: int, index: int) -> int | None:
    """Where field `index` of the flatbuffers table stands; None where the table leaves it out."""
    vtable = table - struct.unpack_from("<i", buffer, table)[0]
    if vtable < 0:
        raise struct.error("vtable outside of the message")
    slot = 4 + 2 * index
    if slot + 2 > struct.unpack_from("<H", buffer, vtable)[0]:
        return None
    offset = struct.unpack_from("<H", buffer, vtable + slot)[0]
    return table + offset if offset else None


def _target(buffer: bytes, position: int) -> int:
    return position + int(struct.unpack_from("<I", buffer, position)[0])
