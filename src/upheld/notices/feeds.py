"""What a customer was told, as feeds of its own: planned works as a calendar (iCalendar, RFC 5545), notices as Atom
(RFC 4287). Pure: of notices that were sent, newest first; instants in microseconds UTC."""

from collections.abc import Sequence
from datetime import timedelta
from urllib.parse import quote
from xml.etree import ElementTree

from icalendar import Calendar

from upheld.agreements.units import DAY, format_instant
from upheld.notices.formats import one_line
from upheld.notices.model import Notice
from upheld.notices.short import first_paragraph

REACHES_BACK = 400 * DAY
"""How old what a feed tells of is at most."""
LISTED = 200
"""Notices that the Atom feed has at most."""
_ATOM = "http://www.w3.org/2005/Atom"


def calendar_feed(notices: Sequence[Notice], name: str) -> str:
    """Every planned work that the customer was told of, as it was told last; one that was cancelled says so. `name` is
    what the calendar is called."""
    calendar = Calendar()
    calendar.add("prodid", "-//Upheld//Planned maintenance//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
    newest: dict[tuple[str | None, str | None], Notice] = {}
    for notice in notices:
        if notice.calendar is not None:
            newest.setdefault((notice.maintenance_id, notice.agreement), notice)
    for notice in newest.values():
        for event in Calendar.from_ical(notice.calendar or "").walk("VEVENT"):
            calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text.decode()


def atom_feed(notices: Sequence[Notice], name: str, address: str) -> str:
    """The newest notices with what each says first, once for all contacts that were told it, in whatever languages;
    `address` is the feed's own."""
    ElementTree.register_namespace("", _ATOM)
    feed = ElementTree.Element(f"{{{_ATOM}}}feed")
    once = {_told(n): n for n in sorted(notices, key=lambda n: n.id, reverse=True)}
    shown = sorted(once.values(), key=lambda n: (-n.recorded_at, n.id))[:LISTED]
    _add(feed, "id", address)
    _add(feed, "title", name)
    _add(feed, "updated", format_instant(max((n.recorded_at for n in shown), default=0)))
    _add(feed, "link", None, rel="self", href=address)
    author = _add(feed, "author", None)
    _add(author, "name", name)
    for notice in shown:
        entry = _add(feed, "entry", None)
        _add(entry, "id", f"{address}#{quote(notice.id)}")
        _add(entry, "title", one_line(notice.subject))
        _add(entry, "updated", format_instant(notice.recorded_at))
        _add(entry, "category", None, term=notice.kind)
        _add(entry, "summary", one_line(first_paragraph(notice)))
    return ElementTree.tostring(feed, encoding="unicode", xml_declaration=True)


def _told(notice: Notice) -> str:
    """What was told, by the notice's id without whom: `C-1/violation-1/customer.noc/0` -> `C-1/violation-1`."""
    return notice.id.rpartition(f"/{notice.role}/")[0] or notice.id


def _add(parent: ElementTree.Element, name: str, text: str | None, **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    element.text = text
    return element
