"""Files fetched from a real HTTP server on the loopback: whole or not at all, and from nowhere that is not allowed."""

import gzip
import io
import time
import zipfile
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from upheld.ports import DeliveryError
from upheld.sources import web_files
from upheld.sources.unpacking import BrokenArchive, LargeArchive, unpacked
from upheld.sources.web_files import TooLarge, WebFiles, shown

from .file_server import FileServer, answer, trickle

ONLY = (ip_network("127.0.0.1/32"),)
FILES, STRICT = WebFiles(1000, ONLY), WebFiles(1000)


@pytest.fixture
def there() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.end()


def failure(url: str, files: WebFiles = FILES) -> DeliveryError:
    with pytest.raises(DeliveryError) as fault:
        files.read(url)
    return fault.value


def test_a_file_is_fetched_as_it_is(there: FileServer) -> None:
    there.files["/pm/a%20b.csv"] = bytes(range(256))
    assert FILES.read(f"{there.url}/pm/a b.csv") == bytes(range(256))
    there.files["/pm/1.csv"] = b"x" * 1000
    assert FILES.read(f"{there.url}/pm/1.csv?signature=1") == b"x" * 1000


def test_a_file_in_chunks_is_fetched(there: FileServer) -> None:
    there.answers["/c"] = answer(200, {"transfer-encoding": "chunked"}, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert FILES.read(f"{there.url}/c") == b"abcde"


def test_what_is_too_large_is_refused_and_not_cut(there: FileServer) -> None:
    there.files["/large"] = b"x" * 1001
    assert isinstance(failure(f"{there.url}/large"), TooLarge)
    chunk = b"1f4\r\n" + b"x" * 500 + b"\r\n"
    there.answers["/chunks"] = answer(200, {"transfer-encoding": "chunked"}, chunk * 3 + b"0\r\n\r\n")
    fault = failure(f"{there.url}/chunks")
    assert isinstance(fault, TooLarge)
    assert (fault.permanent, str(fault)) == (True, "the file has more, and at most 1,000 bytes are taken")


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (400, 401, 403, 405, 410)),
        *((status, False) for status in (204, 206, 304, 404, 408, 423, 425, 429, 500, 502, 503)),
    ],
)
def test_a_refusal_is_permanent_or_not_by_its_status(there: FileServer, status: int, permanent: bool) -> None:
    there.answers["/f"] = answer(status, {"content-length": "0"})
    fault = failure(f"{there.url}/f")
    assert (fault.permanent, str(status) in str(fault)) == (permanent, True)


def test_a_file_that_is_cut_off_is_temporary(there: FileServer) -> None:
    there.answers["/short"] = answer(200, {"content-length": "10", "connection": "close"}, b"abc")
    there.answers["/endless"] = answer(200, {"connection": "close"}, b"a,b\n1,2")
    there.answers["/chunk"] = answer(200, {"transfer-encoding": "chunked", "connection": "close"}, b"a\r\nabc")
    for path in there.answers:

        def closing(handler, send=there.answers[path]):  # type: ignore[no-untyped-def]
            send(handler)
            handler.close_connection = True

        there.answers[path] = closing
        assert not failure(there.url + path).permanent


def test_a_trickle_is_given_up(there: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_files, "PATIENCE", 0.3)
    there.answers["/slow"] = trickle
    began = time.monotonic()
    fault = failure(f"{there.url}/slow", WebFiles(10_000_000, ONLY))
    assert (fault.permanent, str(fault)) == (False, "the file took too long")
    assert time.monotonic() - began < 10


def test_redirects_are_followed_and_each_is_checked(there: FileServer) -> None:
    there.files["/new"] = b"moved"
    port = there.server_address[1]
    for path, location in {
        "/old": "/new",
        "/inside": f"http://127.0.0.2:{port}/new",
        "/meta": "http://169.254.169.254/latest",
        "/file": "file:///etc/passwd",
        "/user": f"http://user:word@127.0.0.1:{port}/new",
        "/round": "/round",
        "/nowhere": "",
    }.items():
        there.answers[path] = answer(302, {"location": location, "content-length": "0"})
    assert FILES.read(f"{there.url}/old") == b"moved"
    for path in ("/inside", "/meta", "/file", "/user", "/round", "/nowhere"):
        assert failure(there.url + path).permanent, path
    assert there.asked.count("/round") == web_files.MAX_REDIRECTS + 1
    assert there.asked.count("/new") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "10.0.0.1", "169.254.169.254"])
def test_private_addresses_are_refused(there: FileServer, host: str) -> None:
    fault = failure(f"http://{host}:{there.server_address[1]}/f", STRICT)
    assert (fault.permanent, "not public" in str(fault)) == (True, True)
    assert there.asked == []


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "sftp://x/y", "/pm/1.csv", "", "http://a:b@127.0.0.1/", "http://[::1/"]
)
def test_what_is_no_address_is_refused_for_good(url: str) -> None:
    assert failure(url).permanent


def test_an_address_is_shown_without_what_may_be_secret() -> None:
    assert shown("https://me:word@files.example.net/pm/1.csv?sig=abc#x") == "https://files.example.net/pm/1.csv"
    assert shown("http://[::1/") == "an address that is not a URL"


# -- compressed -------------------------------------------------------------------------------------------------------


def zipped(*contents: bytes) -> bytes:
    with io.BytesIO() as written:
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, content in enumerate(contents):
                archive.writestr(f"{number}.csv", content)
        return written.getvalue()


def test_what_is_compressed_is_unpacked_and_the_rest_left_as_it_is() -> None:
    for body in (b"", b"a,b\n", b"x" * 1000):
        assert unpacked(body, 1000) == body
        assert unpacked(zipped(body), 1000) == body
        assert unpacked(gzip.compress(body), 1000) == body
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"b") + bytes(20), 1000) == b"ab"


def test_what_unpacks_to_more_than_is_taken_is_refused() -> None:
    bomb = b"x" * 1001
    for body in (gzip.compress(bomb), zipped(bomb), gzip.compress(b"x" * 1000) + gzip.compress(b"y")):
        with pytest.raises(LargeArchive):
            unpacked(body, 1000)


def test_what_is_broken_is_refused() -> None:
    whole = gzip.compress(bytes(range(256)) * 3)
    damaged = bytearray(zipped(bytes(range(256))))
    damaged[60] ^= 255
    for body in (
        whole[:-1],
        whole[:20],
        whole + b"x",
        whole[:-6] + b"abcdef",
        zipped(b"a", b"b"),
        zipped(b"a")[:30],
        bytes(damaged),
    ):
        with pytest.raises(BrokenArchive):
            unpacked(body, 1000)
