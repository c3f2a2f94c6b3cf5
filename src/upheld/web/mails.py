"""The mails of a demonstration's catcher, as the mailbox shows them."""

import mailbox
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

from upheld.agreements.units import to_microseconds

_FRAME = """<!DOCTYPE html><base target="_blank">
<style>
html { scrollbar-width: auto } ::-webkit-scrollbar { width: 12px } ::-webkit-scrollbar-thumb { background: #87939f }
</style>
"""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SHOWN_TYPES = ("text/calendar",)


@dataclass(frozen=True, slots=True)
class Attachment:
    name: str
    type: str
    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def file_name(self) -> str:
        """A name that is one on every system, and no path."""
        return _UNSAFE.sub("_", self.name).strip("._")[:100] or "attachment"

    @property
    def media_type(self) -> str:
        """What a browser is told: nothing that it would run or show by itself."""
        return self.type if self.type in _SHOWN_TYPES else "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail. `at` is its Date in microseconds UTC, or None where it has none that can be read."""

    key: str
    sender: str
    to: str
    subject: str
    message_id: str
    at: int | None
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]

    @property
    def height(self) -> int:
        """About how high its HTML is in a frame, in pixels: no script may run there to measure it."""
        return 120 + 23 * sum(1 + len(line) // 90 for line in self.text.splitlines())


def mails(catcher: Path, mine: Callable[[Mail], bool]) -> list[Mail]:
    """The mails in a Maildir that are `mine`, newest first."""
    found = [mail for mail in _all(catcher) if mine(mail)]
    return sorted(found, key=lambda mail: (mail.at or 0, mail.key), reverse=True)


def mail(catcher: Path, key: str, mine: Callable[[Mail], bool]) -> Mail | None:
    """One mail that is `mine`, by its key."""
    return next((found for found in _all(catcher) if found.key == key and mine(found)), None)


def framed(html: str) -> str:
    """A mail's HTML for a sandboxed frame: its links open in a new tab, and its scroll bar is always seen."""
    return _FRAME + html


def _all(catcher: Path) -> Iterator[Mail]:
    if not (catcher / "new").is_dir() or not (catcher / "cur").is_dir():
        return
    for key in mailbox.Maildir(catcher, create=False).keys():  # noqa: SIM118  # iterating it would read the mails
        try:
            yield _read(catcher, key)
        except (KeyError, OSError, MessageError, LookupError, ValueError):
            continue  # taken away meanwhile, or nothing that a mail reader could show


@lru_cache(maxsize=1_000)
def _read(catcher: Path, key: str) -> Mail:
    """The mail of a key, which is never given to another."""
    content = mailbox.Maildir(catcher, create=False).get_bytes(key)
    return _parsed(key, message_from_bytes(content, policy=default))


def _parsed(key: str, message: EmailMessage) -> Mail:
    html = message.get_body(("html",))
    text = message.get_body(("plain",))
    return Mail(
        key=key,
        sender=str(message["From"] or ""),
        to=str(message["To"] or ""),
        subject=str(message["Subject"] or "(no subject)"),
        message_id=str(message["Message-ID"] or "").strip("<> \t\r\n"),
        at=_date(str(message["Date"] or "")),
        text=text.get_content() if text is not None else "",
        html=html.get_content() if html is not None else None,
        attachments=tuple(
            Attachment(part.get_filename() or "unnamed", part.get_content_type(), _content(part))
            for part in message.iter_attachments()
        ),
    )


def _content(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _date(text: str) -> int | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return to_microseconds(moment) if moment.tzinfo is not None else None
