"""Planned work in an iCalendar with MAINTNOTE's properties -> notices of work.

Standard: RFC 5545, and https://github.com/jda/maintnote-std for the properties that begin with X-MAINTNOTE.
"""

import base64
import binascii
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from icalendar import Calendar, Event
from icalendar.error import BrokenCalendarProperty
from icalendar.timezone import tzp

from upheld.agreements.units import format_instant, to_microseconds
from upheld.maintenance.notified import IMPACTS, STATUSES, Circuit, WorkNotice, implausible
from upheld.readers.written_times import written, zones_in_doubt

_BEGIN = re.compile(rb"^\s*BEGIN:VCALENDAR", re.IGNORECASE)
_ZONES = threading.Lock()
"""`icalendar` keeps the zones that calendars define for the whole process."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
_BROKEN = re.compile(rb"(\r?\n)(?![ \t]|[A-Za-z0-9-]+[;:]|\s*(?:\Z|\r?\n))")
"""Before a line that is neither a property nor marked as the rest of one: some providers break lines without a mark."""


class Unreadable(Exception):
    """What a notice says cannot be understood, and why."""


def is_calendar(content: bytes) -> bool:
    """Whether this is an iCalendar, perhaps in base64."""
    return _BEGIN.match(_plain(content)) is not None


def read_maintnote(content: bytes) -> list[WorkNotice]:
    """The windows that a calendar tells of, in its order. Raises Unreadable where it is no calendar, or one of its
    events is no notice of work."""
    with _ZONES:
        events = _events(content)
        if not events:
            raise Unreadable("the calendar has no VEVENT")
        return [_notice(event, number, cancelled) for number, (event, cancelled) in enumerate(events, 1)]


def windows_of(content: bytes) -> set[tuple[int, int]]:
    """The starts and ends of a calendar's events, whether they are notices of work or not, where no event leaves any
    doubt of them; empty else, and where it is no calendar."""
    found, doubts = set(), list[str]()
    with _ZONES, suppress(Unreadable):
        for event, _ in _events(content):
            start = _instant(event, "DTSTART", "", doubts)
            found.add((start, _end(event, start, "", doubts)))
        return set() if doubts else found
    return set()


def _events(content: bytes) -> list[tuple[Event, bool]]:
    """A calendar's events, and whether it was sent to cancel them. Zones are right as long as `_ZONES` is held. Raises
    Unreadable."""
    tzp.use_zoneinfo()  # forgets the zones that other calendars have defined: they go before this one's own
    try:
        text = _BROKEN.sub(rb"\1 ", _plain(content))
        calendars: Any = Calendar.from_ical(text, multiple=True)
        return [(event, _cancels(calendar)) for calendar in calendars for event in calendar.walk("VEVENT")]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable(f"not an iCalendar: {error}") from None


def works_apart(content: bytes) -> list[tuple[str, bytes, bytes]]:
    """Each work of a calendar, all its events, as a calendar of its own, with what stands around the events, as (name,
    what tells two states of it apart, calendar). Events are of one work by MAINTNOTE's ids; one without them is by
    itself. Feeds are made anew each time that they are asked for: when that was, DTSTAMP says, tells no states apart.
    Raises Unreadable."""
    lines = _plain(content).splitlines(keepends=True)
    if not is_calendar(content):
        raise Unreadable("not an iCalendar")
    events: list[list[bytes]] = []
    before: list[bytes] = []
    after: list[bytes] = []
    inside = False
    for line in lines:
        word = line.strip().upper()
        if word == b"BEGIN:VEVENT":
            events.append([])
            inside = True
        if inside:
            events[-1].append(line)
        else:
            (after if events else before).append(line)
        inside = inside and word != b"END:VEVENT"
    works: dict[tuple[bytes, ...], list[bytes]] = {}
    for number, event in enumerate(events, 1):
        told = [_first(event, b"X-MAINTNOTE-" + part) for part in (b"MAINTENANCE-ID", b"PROVIDER", b"ACCOUNT")]
        alone = (_first(event, b"UID") or f"event {number}".encode(),)
        works.setdefault(tuple(told) if told[0] else alone, []).extend(event)
    found = []
    for (name, *_), work in works.items():
        same = b"".join(line for line in work if not line.upper().startswith(b"DTSTAMP"))
        found.append((name.decode("utf-8", errors="replace"), same, b"".join([*before, *work, *after])))
    return found


def _first(event: Sequence[bytes], name: bytes) -> bytes:
    """What the first property of this name says, as far as it stands on its first line."""
    return next((line.partition(b":")[2].strip() for line in event if line.upper().startswith(name)), b"")


def _cancels(calendar: Any) -> bool:
    """Whether the calendar was sent to cancel its events (RFC 5546, 3.2.5)."""
    return str(calendar.get("METHOD", "")).strip().upper() == "CANCEL"


def _plain(content: bytes) -> bytes:
    """A calendar without its base64, where it is in that, and without a byte order mark."""
    plain = content
    if not _BEGIN.match(content) and _BASE64.fullmatch(content):
        with suppress(binascii.Error):
            plain = base64.b64decode(content, validate=False)
    return plain.removeprefix(b"\xef\xbb\xbf")


def _notice(event: Event, number: int, cancelled: bool) -> WorkNotice:
    place = f"VEVENT {number}"
    doubts = [f"{name} is not read: the work may have more windows" for name in ("RRULE", "RDATE") if name in event]
    start = _instant(event, "DTSTART", place, doubts)
    end = _end(event, start, place, doubts)
    if end <= start:
        raise Unreadable(f"{place}: DTEND is not after DTSTART")
    notice = WorkNotice(
        provider=_needed(event, "X-MAINTNOTE-PROVIDER", place),
        account=_text(event, "X-MAINTNOTE-ACCOUNT"),
        maintenance_id=_needed(event, "X-MAINTNOTE-MAINTENANCE-ID", place),
        status=_status(event, place, cancelled),
        start=start,
        end=end,
        circuits=tuple(_circuits(event, place)),
        stamp=_instant(event, "DTSTAMP", place, doubts) if event.get("DTSTAMP") is not None else None,
        sequence=_sequence(event, place),
        organizer=_text(event, "ORGANIZER"),
        uid=_text(event, "UID"),
        summary=_text(event, "SUMMARY") or "",
    )
    doubts += [*implausible(notice), *zones_in_doubt(notice, written(_words(event)))]
    return replace(notice, doubts=tuple(dict.fromkeys(doubts)))


def _words(event: Event) -> str:
    """What an event says to people."""
    found = (event.get(name, []) for name in ("SUMMARY", "DESCRIPTION", "COMMENT"))
    return "\n".join(str(text) for some in found for text in (some if isinstance(some, list) else [some]))


def _text(event: Event, name: str) -> str | None:
    found = event.get(name)
    if isinstance(found, list):
        found = found[0] if found else None
    text = "" if found is None else str(found).strip()
    return text or None


def _needed(event: Event, name: str, place: str) -> str:
    text = _text(event, name)
    if text is None:
        raise Unreadable(f"{place}: {name} is missing")
    return text


def _status(event: Event, place: str, cancelled: bool) -> str:
    """MAINTNOTE's own status. A calendar that cancels by iCalendar's STATUS alone, or by its METHOD whatever status it
    has besides, means it all the same."""
    status = (_text(event, "X-MAINTNOTE-STATUS") or "").upper()
    if status and status not in STATUSES:
        raise Unreadable(f"{place}: X-MAINTNOTE-STATUS {status!r} is none of {', '.join(STATUSES)}")
    if cancelled or (not status and (_text(event, "STATUS") or "").upper() == "CANCELLED"):
        return "CANCELLED"
    return status or "NO-CHANGE"


def _sequence(event: Event, place: str) -> int | None:
    text = _text(event, "SEQUENCE")
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}", text):
        raise Unreadable(f"{place}: SEQUENCE {text!r} is no whole number")
    return int(text)


def _circuits(event: Event, place: str) -> Iterator[Circuit]:
    """The objects, each with its own impact where it has one, else the work's."""
    found = event.get("X-MAINTNOTE-OBJECT-ID", [])
    common = (_text(event, "X-MAINTNOTE-IMPACT") or "OUTAGE").upper()
    for one in found if isinstance(found, list) else [found]:
        circuit = str(one).strip()
        impact = str(getattr(one, "params", {}).get("X-MAINTNOTE-OBJECT-IMPACT", common)).strip().upper()
        if impact not in IMPACTS:
            raise Unreadable(f"{place}: the impact {impact!r} is none of {', '.join(IMPACTS)}")
        if circuit:
            yield Circuit(circuit, impact)


def _end(event: Event, start: int, place: str, doubts: list[str]) -> int:
    if event.get("DTEND") is not None:
        return _instant(event, "DTEND", place, doubts)
    if event.get("DURATION") is None:
        raise Unreadable(f"{place}: neither DTEND nor DURATION")
    lasts = _value(event, "DURATION", place)
    if not isinstance(lasts, timedelta):
        raise Unreadable(f"{place}: DURATION is no length of time")
    return start + lasts // timedelta(microseconds=1)


def _value(event: Event, name: str, place: str) -> Any:
    """What the first property of this name is read as; None where there is none, or one of another kind."""
    found = event.get(name)
    one = found[0] if isinstance(found, list) and found else found
    try:
        return getattr(one, "dt", None)
    except BrokenCalendarProperty:
        raise Unreadable(f"{place}: {name} cannot be read: {str(one)[:100]!r}") from None


def _instant(event: Event, name: str, place: str, doubts: list[str]) -> int:
    """An instant. One without a zone is read as UTC, and asked about; a day without a time is refused."""
    moment = _value(event, name, place)
    if not isinstance(moment, datetime):
        what = "is missing" if moment is None else f"is a day, {moment.isoformat()}, and no instant"
        raise Unreadable(f"{place}: {name} {what}" if isinstance(moment, date | None) else f"{place}: {name}")
    if moment.tzinfo is None:
        zone = _zone_named(event, name)
        what = f"the zone {zone!r}, which is not known" if zone else "no zone"
        doubts.append(f"{name} {moment.isoformat()} has {what}: is it UTC?")
        moment = moment.replace(tzinfo=UTC)
    if not 1970 <= moment.year <= 9999:
        raise Unreadable(f"{place}: {name} lies in the year {moment.year}")
    doubts += _clocks_put(moment, name)
    return to_microseconds(moment)


def _clocks_put(moment: datetime, name: str) -> list[str]:
    """What is to be asked of a local time at which the clocks of its zone are put forward or back. It is read by the
    offset from before they are."""
    first, second = moment.replace(fold=0), moment.replace(fold=1)
    if first.utcoffset() == second.utcoffset():
        return []
    there = first.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == first.replace(tzinfo=None)
    wall, taken = first.replace(tzinfo=None).isoformat(), format_instant(to_microseconds(first))
    if there:
        return [f"{name} {wall} is there twice, for the clocks are put back: is it the first, {taken}?"]
    return [f"{name} {wall} does not exist, for the clocks are put forward: is it {taken}?"]


def _zone_named(event: Event, name: str) -> str:
    found = event.get(name)
    one = found[0] if isinstance(found, list) and found else found
    return str(getattr(one, "params", {}).get("TZID", ""))
