"""Files that come compressed: what is in them, bounded.

Whether and how a file is compressed is seen in its first bytes: no format of measurements begins as gzip or zip does,
and what is said of a file is often said of what is in it.
"""

import io
import zipfile
import zlib

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"


class BrokenArchive(Exception):
    """It cannot be unpacked; `str()` says why."""


class LargeArchive(Exception):
    """It unpacks to more than is taken; `str()` says so."""


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """What a file of gzip, or the only file in one of zip, holds; any other is given back as it is. Raises
    BrokenArchive and LargeArchive."""
    if body.startswith(GZIP):
        return _gunzipped(body, max_bytes)
    return _unzipped(body, max_bytes) if body.startswith(ZIP) else body


def _gunzipped(body: bytes, max_bytes: int) -> bytes:
    """gzip may hold several members, one behind the other."""
    found, rest = bytearray(), body
    while rest:
        stream = zlib.decompressobj(wbits=31)
        try:
            found += stream.decompress(rest, max_bytes - len(found) + 1)
        except zlib.error as error:
            raise BrokenArchive(f"it is not gzip throughout: {error}") from None
        if len(found) > max_bytes:
            raise _too_large(max_bytes)
        if not stream.eof:
            raise BrokenArchive("its gzip is cut off")
        rest = stream.unused_data.lstrip(b"\0")  # which some writers fill a block up with
    return bytes(found)


def _unzipped(body: bytes, max_bytes: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(files) != 1:
                raise BrokenArchive(f"its zip holds {len(files)} files, and one is taken")
            with archive.open(files[0]) as opened:
                found = opened.read(max_bytes + 1)
    except BrokenArchive:
        raise
    except Exception as error:  # of a damaged one zipfile raises whatever it stumbles over
        raise BrokenArchive(f"its zip cannot be read: {type(error).__name__}") from None
    if len(found) > max_bytes:
        raise _too_large(max_bytes)
    return found


def _too_large(max_bytes: int) -> LargeArchive:
    return LargeArchive(f"it unpacks to more than {max_bytes:,} bytes, which are taken at most")
