"""Mailboxes: their new mails one after the other, each of which is marked as seen by whoever has taken it."""

import imaplib
import os
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from upheld.brokers.secrets import resolved
from upheld.brokers.servers import Lost
from upheld.sources.notice_sources import ImapSource, MaildirSource

PATIENCE = 60.0
"""Seconds that a server may take to answer."""
HEAD = 64 * 1024
"""Bytes that are read of a mail that is too large to be taken."""
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that waits: its content, or where it has more bytes than are taken only its beginning, its `size`, what
    it is called there, and what marks it as seen."""

    body: bytes
    size: int
    name: str
    seen: Callable[[], None]


def new_mails(source: MaildirSource | ImapSource, max_bytes: int) -> Iterator[Mail]:
    """The mails that nobody has seen, the oldest first. Raises OSError, Lost, NoSecret and imaplib's errors."""
    return _maildir(source.path, max_bytes) if isinstance(source, MaildirSource) else _imap(source, max_bytes)


# -- Maildir --------------------------------------------------------------------------------------------------------


def _maildir(path: Path, max_bytes: int) -> Iterator[Mail]:
    """Whoever delivers a mail moves it to `new/` when it is complete (https://cr.yp.to/proto/maildir.html)."""
    found = []
    for entry in os.scandir(path / "new"):
        # A link may lead anywhere, and a pipe never ends: neither is a mail.
        if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
            found.append((entry.stat().st_mtime_ns, entry.name))
    for _, name in sorted(found):
        file = path / "new" / name
        with suppress(FileNotFoundError):  # someone else has read it, and moved it
            size = file.stat().st_size
            with file.open("rb") as content:
                body = content.read(size if size <= max_bytes else HEAD)
            yield Mail(body, size, name, lambda file=file: _move(file, path / "cur"))  # type: ignore[misc]


def _move(file: Path, into: Path) -> None:
    with suppress(FileNotFoundError):
        file.rename(into / f"{file.name.partition(':')[0]}:2,S")


# -- IMAP (RFC 3501) ------------------------------------------------------------------------------------------------


def _imap(source: ImapSource, max_bytes: int) -> Iterator[Mail]:
    with closing(_Server(source)) as server:
        for uid in server.unseen():
            size = server.size(uid)
            if size is not None:
                body = server.body(uid, None if size <= max_bytes else HEAD)
                yield Mail(body, size, f"{source.folder}/{uid}", lambda uid=uid: server.seen(uid))  # type: ignore[misc]


class _Server:
    """A connection with a folder open."""

    def __init__(self, source: ImapSource) -> None:
        context = ssl.create_default_context(cafile=None if source.ca is None else str(source.ca))
        if source.starttls:
            self._client = imaplib.IMAP4(source.host, source.port, timeout=PATIENCE)
            self._client.starttls(context)
        else:
            self._client = imaplib.IMAP4_SSL(source.host, source.port, ssl_context=context, timeout=PATIENCE)
        try:
            self._client.login(source.username, resolved(source.password))
            self._answer(self._client.select(f'"{source.folder}"'))
        except BaseException:
            self.close()
            raise

    def unseen(self) -> list[str]:
        """The mails that are not seen, by their numbers, which stay the same."""
        found = self._answer(self._client.uid("SEARCH", "UNSEEN UNDELETED"))
        return sorted((uid.decode() for line in found if line for uid in line.split()), key=int)

    def size(self, uid: str) -> int | None:
        """The bytes of a mail; None where it is gone."""
        for line in self._answer(self._client.uid("FETCH", uid, "(RFC822.SIZE)")):
            text = line if isinstance(line, bytes) else b""
            if match := _SIZE.search(text):
                return int(match[1])
        return None

    def body(self, uid: str, most: int | None) -> bytes:
        """A mail, or its beginning, which leaves it unseen."""
        part = "(BODY.PEEK[])" if most is None else f"(BODY.PEEK[]<0.{most}>)"
        for line in self._answer(self._client.uid("FETCH", uid, part)):
            if isinstance(line, tuple):
                return bytes(line[1])
        raise Lost(f"mail {uid} was there, and is no more")

    def seen(self, uid: str) -> None:
        self._answer(self._client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error):
            self._client.logout()

    def _answer(self, answered: tuple[str, list]) -> list:  # type: ignore[type-arg]
        status, lines = answered
        if status != "OK":
            said = lines[0].decode(errors="replace") if lines and isinstance(lines[0], bytes) else ""
            raise Lost(f"the server answered {status} {said}"[:300])
        return lines
