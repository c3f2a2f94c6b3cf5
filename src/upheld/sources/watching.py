"""A folder that is watched: each file is taken once, and moved away or remembered once it is on disk.

Before a file is taken it is written down that it will be, and when it became known: where that is cut off, the file is
taken again as the same measurements, which changes nothing.
"""

import errno
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from upheld.agreements.units import DAY, SECOND
from upheld.brokers.servers import Lost
from upheld.ports import NotKept, SourceFile, Store
from upheld.sources.consuming import NOT_YET, Standing, told
from upheld.sources.declared import SUFFIXES, FolderSource, Format
from upheld.sources.feeds import Message
from upheld.sources.files import Folder, Found
from upheld.sources.taking import NotYet, Taking, letter

log = structlog.get_logger("upheld.sources")

TAKEN, REFUSED = "done", "failed"
"""The folders that files are moved into."""
REMEMBERED = 30 * DAY
"""For so long a file that is gone is known: put back later, it is another one."""
FORGETS_EVERY = 3600.0
"""Seconds between two times that files that are gone are forgotten."""
_ELSEWHERE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE, errno.ENETUNREACH, errno.EHOSTUNREACH)
"""Errors of opening a file that are no fault of the file."""


class Watcher:
    """Watches one folder until it is told to stop."""

    def __init__(self, source: FolderSource, taking: Taking, store: Store, stopping: threading.Event) -> None:
        self._source, self._taking, self._store, self._stopping = source, taking, store, stopping
        self._folder: Folder | None = None
        self._since: dict[tuple[str, str], float] = {}
        """When a file was first seen with its mark, on the monotonic clock, in seconds."""
        self._ended: set[tuple[str, str]] = set()
        """The files that were taken or refused and stay where they are."""
        self._amiss: dict[tuple[str, str], str] = {}
        """What is the matter with files that could not be opened or moved."""
        self._forgets_at = 0.0
        self.standing = Standing(source.id, source.tenant, source.kind)

    def run(self) -> None:
        """Returns once it has stopped."""
        while not self._stopping.is_set():
            wait = self._source.every / SECOND
            try:
                amiss = self.look()
                self.standing.state, self.standing.error, self.standing.failures = "running", amiss, 0
            except NotYet as missing:
                wait = self._waits(str(missing), NOT_YET)
            except NotKept as refusal:
                wait = self._waits(str(refusal), refusal.retry_after)
            except Exception as error:  # a folder that is away is no reason to end: whatever it is, it is tried again
                wait = self._lost(error)
            self._stopping.wait(wait)
        self.standing.state = "stopped"

    def look(self) -> str | None:
        """Takes every file that is there and complete, by name. A file that cannot be opened, or moved, holds up none
        of those behind it; returns what is the matter with the last of them."""
        if self._folder is None:
            self._folder = Folder(self._source)
        files = self._folder.look()
        now = time.monotonic()
        self._since = {(f.path, f.mark): self._since.get((f.path, f.mark), now) for f in files}
        self._ended &= set(self._since)
        self._amiss = {key: why for key, why in self._amiss.items() if key in self._since}
        for file in files:
            if self._stopping.is_set():
                break
            if (file.path, file.mark) not in self._ended and self._age(file) >= self._source.settle / SECOND:
                self._take(self._folder, file)
        self._forget(files)
        return next(reversed(self._amiss.values()), None)

    def _forget(self, files: Sequence[Found]) -> None:
        """Forgets, once an hour, what was come upon long ago and is not there any more."""
        if time.monotonic() < self._forgets_at:
            return
        self._forgets_at = time.monotonic() + FORGETS_EVERY
        still = {(file.path, file.mark) for file in files}
        with self._store.transaction(self._source.tenant) as t:
            t.forget_source_files(self._source.id, self._taking.now() - REMEMBERED, still)

    def _age(self, file: Found) -> float:
        return time.monotonic() - self._since[file.path, file.mark]

    def _take(self, folder: Folder, file: Found) -> None:
        with self._store.transaction(self._source.tenant, writing=False) as t:
            known = t.source_file(self._source.id, file.path, file.mark)
        if known is None or known.state == "begun":
            known = self._taken(folder, file, known)
        if known is not None:
            self._put_away(folder, file, known)

    def _taken(self, folder: Folder, file: Found, known: SourceFile | None) -> SourceFile | None:
        """Takes a file in; None where it is not complete yet."""
        kind = self._source.format or _format(file.name)
        if kind is None:
            why = f"its name ends in none of {', '.join(SUFFIXES)}"
            return self._refused(file, known, "unknown_format", why, kind)
        if file.size > self._source.max_bytes:
            why = f"it has {file.size:,} bytes, and at most {self._source.max_bytes:,} are taken"
            return self._refused(file, known, "too_large", why, kind)
        patient = self._age(file) < self._source.patience / SECOND
        try:
            body = folder.read(file)
        except FileNotFoundError:
            return None  # someone has taken it away
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError) or error.errno in _ELSEWHERE:
                raise
            why = f"it cannot be opened: {_why(error)}"
            self._is_amiss(file, why)
            return None if patient else self._refused(file, known, "unreadable", why, kind)
        if body is None or (patient and kind in ("csv", "jsonl") and not body.endswith(b"\n")):
            return None
        if known is None:
            known = SourceFile(self._source.id, file.path, file.mark, self._taking.now(), "begun")
            self._save(known)
        readings = self._taking.read(self._source, kind, [Message(body, file.name, None, known.known_at)])
        if patient and readings.none_taken:
            return None
        rows = self._taking.keep(self._source, readings)
        self.standing.messages += 1
        self.standing.measurements += rows
        self.standing.set_aside += len(readings.letters)
        log.info("file taken", source=self._source.id, file=file.name, measurements=rows, whole=not readings.letters)
        ended = replace(known, state="refused" if readings.none_taken else "taken", measurements=rows)
        self._save(ended)
        return ended

    def _refused(self, file: Found, known: SourceFile | None, reason: str, why: str, kind: Format | None) -> SourceFile:
        """A file that is not even read: nothing of it is in its letter."""
        at = self._taking.now() if known is None else known.known_at
        where = f"goes to {REFUSED}/" if self._source.afterwards == "move" else "stays where it is"
        message = f"{file.name}: {why}; it is not read and {where}"
        unread = f"{file.path}\0{file.mark}", file.size
        self._taking.set_aside(self._source, [letter(self._source, kind or "jsonl", b"", at, reason, message, unread)])
        self.standing.set_aside += 1
        ended = SourceFile(self._source.id, file.path, file.mark, at, "refused")
        self._save(ended)
        return ended

    def _put_away(self, folder: Folder, file: Found, known: SourceFile) -> None:
        if self._source.afterwards == "keep":
            self._ended.add((file.path, file.mark))
            self._amiss.pop((file.path, file.mark), None)
            return
        into = TAKEN if known.state == "taken" else REFUSED
        try:
            folder.move(file, into)
        except (OSError, Lost) as error:  # it is not taken again, and the next look tries to move it again
            self._is_amiss(file, f"it cannot be moved to {into}/: {_why(error)}")
        else:
            self._amiss.pop((file.path, file.mark), None)

    def _is_amiss(self, file: Found, why: str) -> None:
        told = f"{file.name}: {why}"
        if self._amiss.get((file.path, file.mark)) != told:
            self._taking.failed(self._source, told)
            log.warning("file held up", source=self._source.id, file=file.name, reason=why)
        self._amiss[file.path, file.mark] = told

    def _save(self, file: SourceFile) -> None:
        with self._store.transaction(self._source.tenant) as t:
            t.save_source_file(file)

    def _waits(self, why: str, seconds: float) -> float:
        if self.standing.error != why:
            self._taking.failed(self._source, why)
            log.warning("source waits", source=self._source.id, reason=why)
        self.standing.state, self.standing.error = "waiting", why
        return seconds

    def _lost(self, error: Exception) -> float:
        self._folder = None
        self._taking.failed(self._source, told(error))
        return self.standing.was_lost(told(error))


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or told(error)


def _format(name: str) -> Format | None:
    return next((kind for suffix, kind in SUFFIXES.items() if name.lower().endswith(suffix)), None)
