"""Mailboxes and calendars that are looked into: what is new is taken in, a thread each, and whatever fails is tried
again. A mail is marked as seen once it is on disk; cut off in between, it is taken again as the same, which changes
nothing."""

import threading
from collections.abc import Callable, Mapping, Sequence

import structlog

from upheld.agreements.units import SECOND
from upheld.channels.public_addresses import AnyNetwork
from upheld.readers.delivery_reports import DeliveryReport, NoReport, read_delivery_report
from upheld.readers.maintnote import Unreadable, works_apart
from upheld.readers.provider_mails import NoParser
from upheld.sources.consuming import Standing, told
from upheld.sources.mailboxes import new_mails
from upheld.sources.notice_sources import CalendarSource, NoticeSource
from upheld.sources.web_files import WebFiles
from upheld.sources.workers import Workers
from upheld.taking_in.noticeboard import MAX_BYTES, Noticeboard

log = structlog.get_logger("upheld.sources")


Heard = Callable[[str, DeliveryReport], str | None]
"""Takes what a mail system tells a tenant of one of its notices; which one that is, if any."""


class Noticer:
    """Looks into one source until it is told to stop."""

    def __init__(
        self,
        source: NoticeSource,
        noticeboard: Noticeboard,
        files: WebFiles,
        stopping: threading.Event,
        heard: Heard | None = None,
    ) -> None:
        self._source, self._noticeboard, self._files, self._stopping = source, noticeboard, files, stopping
        self._heard = heard
        self._tag: str | None = None
        self._known: dict[str, bytes] = {}
        """Of each work of a calendar, by its name, what was taken of it last."""
        self.standing = Standing(source.id, source.tenant, source.kind)

    def run(self) -> None:
        """Returns once it has stopped."""
        while not self._stopping.is_set():
            wait = self._source.every / SECOND
            try:
                self.look()
                self.standing.state, self.standing.error, self.standing.failures = "running", None, 0
            except Exception as error:  # a server that is away is no reason to end: whatever it is, it is tried again
                wait = self.standing.was_lost(str(error) if isinstance(error, NoParser | Unreadable) else told(error))
            self._stopping.wait(wait)
        self.standing.state = "stopped"

    def look(self) -> None:
        """Takes all that is new. Raises whatever fails; what was taken by then is taken."""
        if isinstance(self._source, CalendarSource):
            self._look_into_calendar(self._source)
            return
        for mail in new_mails(self._source, MAX_BYTES):
            if self._stopping.is_set():
                return
            if mail.size > MAX_BYTES:
                why = f"it has {mail.size:,} bytes, of which only the beginning was read"
                self._noticeboard.set_aside(self._source.tenant, mail.body, self._way, mail.name, why)
                self.standing.set_aside += 1
            elif not self._is_report(mail.body):
                self._take(mail.body, mail.name)
            mail.seen()
            self.standing.messages += 1

    @property
    def _way(self) -> str:
        return f"{self._source.kind} {self._source.id}"

    def _is_report(self, body: bytes) -> bool:
        """Whether a mail tells what became of one of ours, which is taken then, and of no work."""
        if self._heard is None:
            return False
        try:
            report = read_delivery_report(body)
        except NoReport:
            return False
        notice = None if report is None else self._heard(self._source.tenant, report)
        log.info("delivery report taken", source=self._source.id, notice=notice)
        return True

    def _take(self, body: bytes, name: str) -> None:
        received, windows = self._noticeboard.take(self._source.tenant, body, self._way, name, self._source.provider)
        states = sorted({window.state for window in windows})
        log.info("notice taken", source=self._source.id, notice=received.id, name=name[:100], states=states)

    def _look_into_calendar(self, source: CalendarSource) -> None:
        newer = self._files.newer(source.url, self._tag)
        if newer is None:
            return
        body, tag = newer
        for name, same, work in works_apart(body):
            if self._stopping.is_set():
                return
            if self._known.get(name) != same:
                self._take(work, name)
                self._known[name] = same
                self.standing.messages += 1
        self._tag = tag


class Noticers(Workers):
    """Looks into every source of notices that is declared."""

    def __init__(
        self,
        declared: Sequence[NoticeSource],
        noticeboard: Noticeboard,
        allowed: Sequence[AnyNetwork] = (),
        heard: Heard | None = None,
    ) -> None:
        stopping, files = threading.Event(), WebFiles(MAX_BYTES, allowed)
        workers = [Noticer(source, noticeboard, files, stopping, heard) for source in declared]
        super().__init__("notices", workers, stopping)

    def standing(self) -> Mapping[tuple[str, str, str], tuple[bool, int]]:
        """Of each source, by its tenant, id and kind: whether it is reached, and how often it was lost."""
        standings = (worker.standing for worker in self._at_work)
        return {(one.tenant, one.id, one.kind): (one.state == "running", one.lost) for one in standings}
