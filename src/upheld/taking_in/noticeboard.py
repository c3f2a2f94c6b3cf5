"""Providers' notices of planned work, read and taken in by whichever way they come."""

import hashlib
import threading
from collections.abc import Sequence

from upheld.maintenance.notified import WorkNotice
from upheld.maintenance.received import NoticedWork, Received, cleaned
from upheld.ports import Clock, Store
from upheld.process.process import Process
from upheld.process.works.intake import Approval
from upheld.readers.maintnote import Unreadable
from upheld.readers.provider_mails import MailParser, NoParser, read_notice, sender_of

MAX_BYTES = 8 * 1024 * 1024
"""A notice that is larger is not taken: a real one has some kilobytes, with all its pictures a megabyte."""
_LONGEST = 200


class TooLarge(Exception):
    """A notice has more than `MAX_BYTES`."""


class Noticeboard:
    """Takes notices in. What is in a mail came from outside: it is read in a process of its own, one at a time."""

    def __init__(self, process: Process, store: Store, clock: Clock, approval: Approval) -> None:
        self._process, self._store, self._clock, self._approval = process, store, clock, approval
        self._parser, self._reading = MailParser(), threading.Lock()

    def take(
        self, tenant: str, body: bytes, source: str, name: str = "", provider: str | None = None
    ) -> tuple[Received, Sequence[NoticedWork]]:
        """Takes in a notice that came by `source`, where it is called `name`, and returns it with its windows: once it
        returns, it is on disk. One that cannot be understood waits for a person. The same again changes nothing.
        Raises NoParser and TooLarge, and then nothing is taken."""
        if len(body) > MAX_BYTES:
            raise TooLarge(f"it has {len(body):,} bytes, and a notice at most {MAX_BYTES:,}")
        received = self._received(body, source, name)
        with self._store.transaction(tenant, writing=False) as t:
            known = t.received(received.id)
            windows = [] if known is None else t.noticed_in(received.id)
        if known is not None:
            return known, windows
        return received, self._process.works.take_notice(tenant, received, self._read(body, provider), self._approval)

    def set_aside(self, tenant: str, head: bytes, source: str, name: str, why: str) -> None:
        """Lets a notice wait for a person of which only the beginning, `head`, was read."""
        self._process.works.take_notice(tenant, self._received(head, source, name), why, self._approval)

    def close(self) -> None:
        """Ends the process that reads mails."""
        with self._reading:
            self._parser.close()

    def _received(self, body: bytes, source: str, name: str) -> Received:
        digest = hashlib.sha256(body).hexdigest()
        return Received(
            id=f"N-{digest[:20].upper()}",
            digest=digest,
            received_at=self._clock.now(),
            source=source[:_LONGEST],
            name=_line(name),
            sender=_line(sender_of(body)),
            body=body,
        )

    def _read(self, body: bytes, provider: str | None) -> list[WorkNotice] | str:
        try:
            with self._reading:
                found = read_notice(body, self._parser, provider)
        except NoParser:
            raise
        except Exception as error:  # whatever a mail makes a parser do, it must not hold up those behind it
            return _line(str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}")
        return [cleaned(notice) for notice in found] or "it tells of no window"


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST]
