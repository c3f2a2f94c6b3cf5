"""A provider's notice of planned work, as a mail or a calendar -> notices of work.

A calendar with MAINTNOTE's properties is read here; the mails of providers that write in forms of their own are read by
`circuit-maintenance-parser`, in a process and an environment of its own (`provider_mail_parser`).
"""

import base64
import email
import email.policy
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from email.message import EmailMessage, Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any, Self

from upheld.agreements.units import HOUR, format_instant, to_datetime
from upheld.maintenance.notified import Circuit, WorkNotice, implausible
from upheld.readers import provider_mail_parser
from upheld.readers.maintnote import Unreadable, is_calendar, read_maintnote, windows_of
from upheld.readers.written_times import Written, written, zone_untold, zones_in_doubt

PATIENCE = 60.0
"""Seconds that the parser may take over one mail."""
PYTHON = "UPHELD_MAIL_PARSER"
"""The environment variable that names a Python with `circuit-maintenance-parser`."""
_SECOND = 1_000_000
_SUBJECT, _DATE = "email-header-subject", "email-header-date"
_BACKUP = re.compile(r"\b(?:back-?up|alternate|contingency)\b", re.IGNORECASE)
_RECURRING = re.compile(r"\bDays Recurring:\s*(\d+)")
_SPARE = re.compile(r"(?:\bthis is an? |\()(back-?up|alternate|contingency) (?:date|day|window)\b", re.IGNORECASE)
_TRIAL = re.compile(r"\bdry[- ]run\b", re.IGNORECASE)
_ONE_DAY = re.compile(r"\bDay (\d+) of (\d+)\b", re.IGNORECASE)
_IN_ERROR = re.compile(r"\bnotified\s+in\s+error\b|\b(?:not|no\s+longer)\s+impacted\s+by\s+this\s+\w+", re.IGNORECASE)
_NEW_DATE = re.compile(r"\bnew rescheduled date is ((\d{1,2})/(\d{1,2})/\d{0,2}(\d{2}))\b")
_CANCELLED = re.compile(r"\b(?:stands\s+as\s+|(?:has|have)\s+been\s+|status\W{1,80})cancell?ed\b", re.IGNORECASE)
_SUBJECT_SAYS = (
    (re.compile(r"\b(?:cancell?ed|cancellation|withdrawn)\b", re.IGNORECASE), ("CANCELLED",)),
    (re.compile(r"\b(?:completed|completion)\b", re.IGNORECASE), ("COMPLETED",)),
    (re.compile(r"\b(?:postponed|postponement|on hold)\b", re.IGNORECASE), ("CANCELLED", "RE-SCHEDULED")),
)
"""Words of subjects, and how a work must have been read then."""
_START = re.compile(r"\bStart Date (?:&|&amp;) Time:\W*((\d{1,2})/(\d{1,2})/(\d{4})\s+(\d{1,2}:\d\d))")
_TELLS_END = {"google": re.compile(r"\bEnd Time:"), "gtt": re.compile(r"\bEnd\b")}
"""Where a provider tells the end; without it an hour is assumed."""


class NoParser(Exception):
    """There is no Python with the library that reads providers' mails; the text says how to get one."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What is read of a mail: its sender's address, its parts as (type, content), calendars apart, and its text."""

    sender: str
    parts: tuple[tuple[str, bytes], ...]
    calendars: tuple[bytes, ...]
    text: str


class MailParser:
    """The process that reads providers' mails; started when the first is read, and anew where one brings it down."""

    def __init__(self, python: str | None = None, patience: float = PATIENCE) -> None:
        self._python, self._patience = python, patience
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, mail: Mail, provider: str | None) -> Mapping[str, Any]:
        """The parser's answer for a mail. Raises Unreadable where the mail brings it down, and NoParser."""
        process = self._started()
        assert process.stdin is not None
        parts = [[kind, base64.b64encode(content).decode()] for kind, content in mail.parts]
        try:
            process.stdin.write(json.dumps({"provider": provider, "sender": mail.sender, "parts": parts}) + "\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=self._patience)
        except (OSError, queue.Empty):
            answer = ""
        if not answer:
            self.close()
            raise Unreadable("the parser of providers' mails gave no answer")
        found: Mapping[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        """Ends the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._process = None

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        python = self._python or parser_python()
        self._answers = queue.Queue()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the installation's own program
                [python, "-I", "-X", "utf8", provider_mail_parser.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=tempfile.gettempdir(),
                env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1"},
                text=True,
            )
        except OSError as error:
            raise NoParser(f"{python} cannot be run: {error.strerror}; see {PYTHON}") from None
        threading.Thread(target=_pass_on, args=(self._process, self._answers), daemon=True).start()
        try:
            ready = self._answers.get(timeout=self._patience)
        except queue.Empty:
            ready = ""
        if not ready:
            self.close()
            raise NoParser(f"{python} does not run circuit-maintenance-parser: see {PYTHON}")
        return self._process


def _pass_on(process: subprocess.Popen[str], answers: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    with suppress(OSError, ValueError):
        for line in process.stdout:
            answers.put(line)
    answers.put("")  # its end


def parser_python() -> str:
    """The Python that has the parser: the one that is set, or the one that `make setup` has made. Raises NoParser."""
    named = os.environ.get(PYTHON)
    if named:
        return named
    beside = Path(sys.prefix) / "provider-mails" / "bin" / "python"
    if beside.exists():
        return str(beside)
    raise NoParser(
        "mails in a provider's own form are read by circuit-maintenance-parser, which is not here. Make an environment "
        f"for it: python -m venv DIR && DIR/bin/pip install circuit-maintenance-parser, and set {PYTHON}=DIR/bin/python"
    )


def read_notice(content: bytes, parser: MailParser, provider: str | None = None) -> list[WorkNotice]:
    """The windows of the works that a notice tells of: an iCalendar, or a mail (RFC 5322) with one, or in the form of a
    provider, who is named or known by the sender. Raises Unreadable with why, and NoParser."""
    if is_calendar(content):
        return read_maintnote(content)
    mail = _mail(content)
    times = written(mail.text)
    for calendar in mail.calendars:
        if b"X-MAINTNOTE" in calendar.upper():
            return [_beside(notice, times) for notice in read_maintnote(calendar)]
    answer = parser.read(mail, provider)
    if "why" in answer:
        raise Unreadable(answer["why"])
    doubts = [f"a zone is not known: {doubt}" for doubt in answer["doubts"]]
    if answer["guessed"]:
        sender = mail.sender or "nobody"
        doubts.append(f"the sender, {sender}, is no provider that is known: it was read as {answer['read_as']}'s")
    doubts += _mail_in_doubt(mail)
    doubts += _windows_in_doubt(mail.text, len(answer["notices"]))
    told = _TELLS_END.get(answer["read_as"])
    if told and not told.search(mail.text):
        doubts.append("the mail tells no end: an hour was assumed")
    windows = sorted(set().union(*map(windows_of, mail.calendars)))
    return [_notice(one, mail, doubts, times, windows) for one in answer["notices"]]


def sender_of(content: bytes) -> str:
    """The address that a mail says it is from, as it says it; empty where there is none."""
    if is_calendar(content):
        return ""
    # Of hostile headers some raise when they are looked at: `_header` knows.
    message = email.message_from_bytes(content, policy=email.policy.default)
    return _sender(message)[:200]


# -- mails ------------------------------------------------------------------------------------------------------------


def _mail(content: bytes) -> Mail:
    message = email.message_from_bytes(content, policy=email.policy.default)
    if not any(message[name] for name in ("From", "Subject", "Received", "Message-ID")):
        return _bare(content)
    assert isinstance(message, EmailMessage)
    message = _passed_on(message)
    parts = list(dict.fromkeys(_parts(message)))
    if not parts:
        raise Unreadable("the mail is empty")
    calendars = tuple(body for _, body in parts if is_calendar(body))
    headers = [(_SUBJECT, _header(message, "Subject").encode())]
    if date := _date(message):
        headers.append((_DATE, date.encode()))
    text = "\n".join(_plain(kind, body) for kind, body in parts if kind in ("text/plain", "text/html"))
    ordered = sorted([*parts, *headers], key=lambda part: part[0])
    return Mail(_sender(message), tuple(ordered), calendars, text)


def _passed_on(message: EmailMessage) -> EmailMessage:
    """The mail itself where another carries it as an attachment: its sender, subject and date are what counts."""
    inner = [part for part in message.walk() if part.get_content_type() == "message/rfc822"]
    carried = inner[0].get_payload() if len(inner) == 1 else None
    mails = [one for one in carried if isinstance(one, EmailMessage)] if isinstance(carried, list) else []
    return mails[0] if mails and mails[0]["From"] else message


def _bare(content: bytes) -> Mail:
    """The body of a mail without the mail: a page, a table or a text that was saved."""
    text = content.decode("utf-8", errors="replace")
    if "\x00" in text or not text.strip():
        raise Unreadable("neither an iCalendar nor a mail, nor a text")
    kind = "text/html" if re.search(r"<(html|body|table|div|p)\b", text, re.IGNORECASE) else "text/plain"
    if kind == "text/plain" and text.partition("\n")[0].count(",") > 2:
        kind = "text/csv"
    return Mail("", ((kind, content),), (), _plain(kind, content))


def _parts(message: Message) -> Iterator[tuple[str, bytes]]:
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() or part.get_content_maintype() == "image":
            continue
        body = part.get_payload(decode=True)
        if isinstance(body, bytes) and body.strip():
            yield kind, _recoded(kind, body, part.get_content_charset()) if kind.startswith("text/") else body


def _recoded(kind: str, body: bytes, charset: str | None) -> bytes:
    """A text as UTF-8, which the parser takes every text for, and a CSV, as Colt sends it, as UTF-16. One whose charset
    is wrong or unknown stays as it is."""
    try:
        text = body.decode(charset or "utf-8").removeprefix("\ufeff")
    except (LookupError, ValueError):
        return body
    return text.encode("utf-16" if kind == "text/csv" else "utf-8")


def _header(message: Message, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError):  # a header that is no header
        return ""


def _sender(message: Message) -> str:
    """The provider's address. Where a list has passed the mail on, what it has kept of the sender goes first."""
    for name in ("X-Original-From", "X-Original-Sender", "From", "Reply-To", "Sender", "Return-Path"):
        address = parseaddr(_header(message, name))[1]
        if "@" in address:
            return address
    return ""


def _date(message: Message) -> str | None:
    text = _header(message, "Date")
    try:
        parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return text


def _plain(kind: str, body: bytes) -> str:
    text = body.decode("utf-8", errors="replace")
    return re.sub(r"<[^>]*>", " ", text) if kind == "text/html" else text


# -- what was read ----------------------------------------------------------------------------------------------------


def _notice(
    found: Mapping[str, Any], mail: Mail, doubts: Sequence[str], times: Written, windows: Sequence[tuple[int, int]]
) -> WorkNotice:
    """What the parser has found of a window. `times` are those of the mail's text, and `windows` those of the calendars
    that came with it."""
    notice = WorkNotice(
        provider=found["provider"],
        account=found["account"],
        maintenance_id=found["maintenance_id"],
        status=found["status"],
        start=int(found["start"]) * _SECOND,
        end=int(found["end"]) * _SECOND,
        circuits=tuple(Circuit(one["circuit_id"], one["impact"]) for one in found["circuits"]),
        stamp=int(found["stamp"]) * _SECOND,
        sequence=int(found["sequence"]),
        organizer=found["organizer"],
        uid=None if found["uid"] == "0" else found["uid"],
        summary=found["summary"],
    )
    if notice.end <= notice.start:
        raise Unreadable(f"{notice.maintenance_id}: the window ends when it begins, or before")
    zones = (*zones_in_doubt(notice, times), *zone_untold(notice, times))
    said = (*_subject_in_doubt(notice, _subject(mail)), *_words_in_doubt(notice, mail.text))
    said = (*said, *_calendar_in_doubt(notice, windows))
    return replace(notice, doubts=(*doubts, *implausible(notice), *zones, *said))


def _beside(notice: WorkNotice, times: Written) -> WorkNotice:
    """What a calendar tells, with what the mail that carries it lets doubt of it."""
    return replace(notice, doubts=tuple(dict.fromkeys((*notice.doubts, *zones_in_doubt(notice, times)))))


def _mail_in_doubt(mail: Mail) -> Iterator[str]:
    """Questions for a person where a mail's text is damaged, so that what stands beside it may be cut, or where its
    subject calls it a trial."""
    if any(kind in ("text/plain", "text/html") and not _legible(body) for kind, body in mail.parts):
        yield "some characters of the mail cannot be read: are the names of its circuits whole?"
    if trial := _TRIAL.search(_subject(mail)):
        yield f"the subject says {trial[0]}: is there a work to be announced?"


def _subject(mail: Mail) -> str:
    return next((body.decode() for kind, body in mail.parts if kind == _SUBJECT), "")


def _legible(body: bytes) -> bool:
    try:
        body.decode()
    except ValueError:
        return False
    return True


def _windows_in_doubt(text: str, windows: int) -> Iterator[str]:
    """Questions for a person where a mail shows that its windows are not all, or not wholly, worked in, or concern
    others."""
    if windows > 1 and (backup := _BACKUP.search(text)):
        yield f"the mail speaks of a window that is {backup[0].lower()}: is this one to be announced?"
    elif spare := _SPARE.search(" ".join(text.split())):
        yield f"the mail calls its window {spare[1].lower()}: is it to be announced?"
    if (days := _RECURRING.search(text)) and int(days[1]) > 1:
        yield f"the work recurs on {int(days[1])} days: is it worked on all the time between its start and its end?"
    if (day := _ONE_DAY.search(text)) and int(day[2]) > 1:
        which = f"day {int(day[1])} of {int(day[2])}"
        yield f"this is {which} of the work: is it to be announced besides the other days, and not in their place?"
    if error := _IN_ERROR.search(text):
        yield f"the mail says {' '.join(error[0].split())!r}: does the work touch these circuits at all?"


def _subject_in_doubt(notice: WorkNotice, subject: str) -> Iterator[str]:
    """Questions for a person where the subject has a word for how a work stands, and another was read."""
    for words, states in _SUBJECT_SAYS:
        if (word := words.search(subject)) and notice.status not in states:
            yield f"the subject says {word[0]}, and the work was read as {notice.status}: how does it stand?"


def _words_in_doubt(notice: WorkNotice, text: str) -> Iterator[str]:
    """Questions for a person where the words of a mail speak against what was read, be it in its subject."""
    cancelled = _CANCELLED.search(text)
    if cancelled and notice.status not in ("CANCELLED", "COMPLETED"):
        said = " ".join(cancelled[0].split())
        yield f"the mail says {said!r}, and was read as {notice.status}: is the work cancelled?"
    if told := _START.search(text):
        start = to_datetime(notice.start)
        date, time = [int(part) for part in told.groups()[1:4]], f"{told[5]:0>5}"
        dates = ([start.day, start.month, start.year], [start.month, start.day, start.year])
        if date not in dates or time != f"{start:%H:%M}":
            yield f"the start was read as {start:%d/%m/%Y %H:%M} UTC, and the text has {told[1]}: which is it?"
    yield from _new_date_in_doubt(notice, text)


def _calendar_in_doubt(notice: WorkNotice, windows: Sequence[tuple[int, int]]) -> Iterator[str]:
    """A question for a person where a calendar came with the mail, and none of its events is at the notice's window."""
    if windows and (notice.start, notice.end) not in windows:
        start, end = (format_instant(at) for at in windows[0])
        more = f" and {len(windows) - 1} more" if len(windows) > 1 else ""
        yield f"the calendar that came with the mail has its window from {start} to {end}{more}: which is right?"


def _new_date_in_doubt(notice: WorkNotice, text: str) -> Iterator[str]:
    """A question for a person where the mail names in words another new date than the one on which its window begins,
    wherever on earth that is read."""
    if (said := _NEW_DATE.search(text)) is None:
        return
    day, month, year = (int(part) for part in said.groups()[1:])
    dates = {to_datetime(notice.start + hours * HOUR).date() for hours in (-12, 14)}
    if not any((one.year % 100, {one.day, one.month}) == (year, {day, month}) for one in dates):
        begins = to_datetime(notice.start).date()
        yield f"the mail says that the new date is {said[1]}, and its window begins on {begins}"
