"""A planned work as a calendar entry (iCalendar, RFC 5545 and 5546), readable by machines too (MAINTNOTE)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from uuid import NAMESPACE_URL, uuid5

from icalendar import Calendar, Event, vCalAddress, vText, vUri
from icalendar.parser import Contentline, Contentlines

from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import to_datetime
from upheld.maintenance.model import Maintenance

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
    calendar = Calendar()
    calendar.add("prodid", "-//Upheld//Planned maintenance//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "CANCEL" if cancelled and len(spans) == 1 and not gone else "PUBLISH")
    for number, (start, end) in enumerate([*spans, *gone], 1):
        event = Event()
        event.add("uid", entry_uid(maintenance, agreement, provider, number))
        event.add("sequence", maintenance.sequence)
        event.add("dtstamp", to_datetime(at).replace(microsecond=0))
        event.add("dtstart", to_datetime(start).replace(microsecond=0))
        event.add("dtend", to_datetime(end).replace(microsecond=0))
        event.add("summary", words.summary, parameters={"LANGUAGE": words.language})
        event.add("description", words.description, parameters={"LANGUAGE": words.language})
        status = "CANCELLED" if cancelled or number > len(spans) else "CONFIRMED"
        event.add("status", status)
        event.add("transp", "TRANSPARENT")
        event.add("categories", [maintenance.kind.replace("_", "-").upper()])
        event.add("organizer", _organizer(provider))
        event.add("x-maintnote-provider", vText(provider.id if provider else "provider"))
        event.add("x-maintnote-account", vText(agreement.customer))
        event.add("x-maintnote-maintenance-id", vText(maintenance.id))
        for service in services_hit:
            event.add("x-maintnote-object-id", vText(service))
        event.add("x-maintnote-impact", vText("OUTAGE"))
        event.add("x-maintnote-status", vText(status))
        calendar.add_component(event)
    return "".join(_folded(str(line)) for line in calendar.content_lines() if line)


@lru_cache(maxsize=1_000)
def _folded(line: str) -> str:
    """A line as `Contentline.to_ical` writes it. Entries of one work share most of theirs, and folding takes long."""
    return Contentlines([Contentline(line)]).to_ical().decode()  # type: ignore[no-untyped-call, no-any-return]


def entry_uid(maintenance: Maintenance, agreement: Agreement, provider: Party | None, number: int = 1) -> str:
    """Globally unique, and the same for the whole life of the work's `number`-th window under the agreement."""
    name = f"upheld:{provider.id if provider else ''}/{agreement.id}/{maintenance.id}"
    return str(uuid5(NAMESPACE_URL, name if number == 1 else f"{name}/{number}"))


def _organizer(provider: Party | None) -> vCalAddress | vUri:
    if provider is None:
        return vUri(NO_ADDRESS)
    addresses = [c.email for contacts in provider.contacts.values() for c in contacts if c.email]
    organizer = vCalAddress(f"mailto:{addresses[0]}" if addresses else NO_ADDRESS)
    organizer.params["CN"] = vText(provider.name)
    return organizer
