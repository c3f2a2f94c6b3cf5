"""A planned work as a calendar entry (iCalendar, RFC 5545 and 5546), readable by machines too (MAINTNOTE)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5

from icalendar import Calendar, vCalAddress, vDatetime, vInt, vText, vUri
from icalendar.parser import Contentline, Parameters

from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import to_datetime
from upheld.maintenance.model import Maintenance

_TIMES = ("dtstart", "dtend", "dtstamp")
NO_ADDRESS = "invalid:nomail"  # RFC 5546 wants an organizer; this is how calendars write one that has no address


@dataclass(frozen=True, slots=True)
class EntryWords:
    """What an entry says to people, and in which language (RFC 5646)."""

    summary: str
    description: str
    language: str


def calendar_entry(
    maintenance: Maintenance,
    agreement: Agreement,
    provider: Party | None,
    services_hit: Sequence[str],
    at: int,
    words: EntryWords,
    told_before: int = 1,
) -> str:
    """The work as one agreement's customer sees it, an event for each of its windows: METHOD:PUBLISH, or METHOD:CANCEL
    for a cancelled work.

    Times are UTC; `at` (microseconds) becomes DTSTAMP. The UID of the n-th window is the same for every notice of the
    work under the agreement and SEQUENCE grows with `maintenance.sequence`, so that a calendar moves or removes the
    entry it has. `told_before` is how many windows the work had as it was told before: what it has no more is taken
    out by an event that is cancelled. As METHOD:CANCEL may name one UID only (RFC 5546, 3.2.5), several events are
    published as cancelled. The X-MAINTNOTE fields follow https://github.com/jda/maintnote-std; how hard the work hits
    is not known to the plan, so the impact is stated as the worst, OUTAGE."""
    spans = maintenance.spans
    gone = [spans[-1]] * (told_before - len(spans))
    cancelled = maintenance.state == "cancelled"
    method = "CANCEL" if cancelled and len(spans) == 1 and not gone else "PUBLISH"
    shared = [
        _line("categories", maintenance.kind.replace("_", "-").upper()),
        _line("description", words.description, words.language),
        _organizer(provider),
    ]
    named = [
        _line("transp", "TRANSPARENT"),
        _line("x-maintnote-account", agreement.customer),
        _line("x-maintnote-impact", "OUTAGE"),
        _line("x-maintnote-maintenance-id", maintenance.id),
        *(_line("x-maintnote-object-id", service) for service in services_hit),
        _line("x-maintnote-provider", provider.id if provider else "provider"),
    ]
    lines = [*_head(method)]
    for number, (start, end) in enumerate([*spans, *gone], 1):
        status = "CANCELLED" if cancelled or number > len(spans) else "CONFIRMED"
        lines += [
            "BEGIN:VEVENT\r\n",
            _line("summary", words.summary, words.language),
            _line("dtstart", start),
            _line("dtend", end),
            _line("dtstamp", at),
            _line("uid", entry_uid(maintenance, agreement, provider, number)),
            _line("sequence", maintenance.sequence),
            *shared,
            _line("status", status),
            *named,
            _line("x-maintnote-status", status),
            "END:VEVENT\r\n",
        ]
    return "".join([*lines, "END:VCALENDAR\r\n"])


@lru_cache(maxsize=2)
def _head(method: str) -> Sequence[str]:
    calendar = Calendar()
    calendar.add("prodid", "-//Upheld//Planned maintenance//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method)
    return [_folded(line) for line in calendar.content_lines() if line][:-1]


@lru_cache(maxsize=1_000)
def _line(name: str, value: str | int, language: str | None = None) -> str:
    """A property of an event, as icalendar writes it. Entries of one work share most of theirs, and writing them takes
    longer than all else. Of times, `value` is microseconds UTC."""
    parameters = Parameters({"LANGUAGE": language} if language else {})
    return _folded(Contentline.from_parts(name.upper(), parameters, _encoded(name, value)))


def _encoded(name: str, value: str | int) -> vText | vInt | vDatetime:
    if name in _TIMES:
        return vDatetime(to_datetime(int(value)).replace(microsecond=0))
    return vInt(value) if isinstance(value, int) else vText(value)


@lru_cache(maxsize=100)
def _organizer_line(address: str, name: str | None) -> str:
    parameters = Parameters({} if name is None else {"CN": vText(name)})
    return _folded(
        Contentline.from_parts("ORGANIZER", parameters, vUri(address) if name is None else vCalAddress(address))
    )


def _folded(line: Contentline) -> str:
    """A line with its end (RFC 5545, 3.1)."""
    return f"{line.to_ical().decode()}\r\n"  # type: ignore[no-untyped-call]


def entry_uid(maintenance: Maintenance, agreement: Agreement, provider: Party | None, number: int = 1) -> str:
    """Globally unique, and the same for the whole life of the work's `number`-th window under the agreement."""
    name = f"upheld:{provider.id if provider else ''}/{agreement.id}/{maintenance.id}"
    return str(uuid5(NAMESPACE_URL, name if number == 1 else f"{name}/{number}"))


def _organizer(provider: Party | None) -> str:
    if provider is None:
        return _organizer_line(NO_ADDRESS, None)
    addresses = [c.email for contacts in provider.contacts.values() for c in contacts if c.email]
    return _organizer_line(f"mailto:{addresses[0]}" if addresses else NO_ADDRESS, provider.name)
