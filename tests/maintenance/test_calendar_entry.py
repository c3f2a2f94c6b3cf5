"""The calendar entry of a planned work, read back with the icalendar library as a customer's calendar would, and with
ics, which is another's."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import ics
import pytest
from icalendar import Calendar

from upheld.agreements.parties import Party
from upheld.agreements.units import DAY, SECOND
from upheld.maintenance.calendar import EntryWords, calendar_entry, entry_uid
from upheld.maintenance.model import Maintenance
from upheld.maintenance.window import planned_in
from upheld.notices.examples import AGREEMENT, PROVIDER, instant, work
from upheld.readers.maintnote import read_maintnote

AT = instant("2026-06-01T08:00:00.5Z")
WORDS = EntryWords("Geplante Wartung: Bremen-2", "Die Karte wird ersetzt.\nReferenz: chg-2026-118", "de")


def entry(maintenance: Maintenance, provider: Party | None = PROVIDER, at: int = AT) -> tuple[Any, Any]:
    text = calendar_entry(maintenance, AGREEMENT, provider, ("vpn-0042", "vpn-0043"), at, WORDS)
    calendar = Calendar.from_ical(text)
    (event,) = calendar.walk("VEVENT")
    return calendar, event


def test_a_planned_work_is_published() -> None:
    calendar, event = entry(work())
    assert calendar["METHOD"] == "PUBLISH"
    assert (event["STATUS"], event["SEQUENCE"], event["TRANSP"]) == ("CONFIRMED", 0, "TRANSPARENT")
    assert (event["SUMMARY"], event["SUMMARY"].params["LANGUAGE"]) == ("Geplante Wartung: Bremen-2", "de")
    assert event["DESCRIPTION"] == "Die Karte wird ersetzt.\nReferenz: chg-2026-118"
    assert event["ORGANIZER"] == "mailto:account@north.example"
    assert event["ORGANIZER"].params["CN"] == "Northern Networks"


NIGHTS = tuple((instant(f"2026-06-{day}T22:00:00Z"), instant(f"2026-06-{day + 1}T02:00:00Z")) for day in (20, 22, 24))


def events(maintenance: Maintenance, told_before: int = 1) -> tuple[str, list[Any]]:
    text = calendar_entry(maintenance, AGREEMENT, PROVIDER, ("vpn-0042",), AT, WORDS, told_before)
    calendar = Calendar.from_ical(text)
    return str(calendar["METHOD"]), list(calendar.walk("VEVENT"))


def test_each_window_is_an_event_with_a_uid_that_stays() -> None:
    nights = replace(work(), **planned_in(NIGHTS))
    method, first = events(nights)
    assert method == "PUBLISH"
    assert [event.decoded("DTSTART").day for event in first] == [20, 22, 24]
    assert len({event["UID"] for event in first}) == 3
    _, moved = events(replace(nights, sequence=1, **planned_in([(s + DAY, e + DAY) for s, e in NIGHTS])))
    assert [event["UID"] for event in moved] == [event["UID"] for event in first]
    assert {event["SEQUENCE"] for event in moved} == {1}
    assert first[0]["UID"] == events(work())[1][0]["UID"], "of one window, and of more"


def test_another_reader_sees_the_same_windows() -> None:
    nights = replace(work(), **planned_in(NIGHTS))
    read = ics.Calendar(calendar_entry(nights, AGREEMENT, PROVIDER, ("vpn-0042",), AT, WORDS))
    seen = sorted((int(e.begin.timestamp()) * SECOND, int(e.end.timestamp()) * SECOND) for e in read.events)
    assert seen == list(NIGHTS)
    assert {(e.name, e.status) for e in read.events} == {("Geplante Wartung: Bremen-2", "CONFIRMED")}


@pytest.mark.parametrize("text", ["Karte", 'a; b, c\\d: "e"', "Überholung der Stromversorgung in Bremen-2 " * 4])
@pytest.mark.parametrize("provider", [PROVIDER, None], ids=["provider", "none"])
def test_an_entry_is_as_its_library_writes_it(text: str, provider: Party | None) -> None:
    nights, words = replace(work(), **planned_in(NIGHTS)), EntryWords(text, f"{text}\n{text}", "de")
    written = calendar_entry(nights, AGREEMENT, provider, ("vpn-0043", text, "vpn-0042"), AT, words, told_before=4)
    assert Calendar.from_ical(written).to_ical().decode() == written


def test_a_window_that_there_is_no_more_is_taken_out() -> None:
    _, three = events(replace(work(), **planned_in(NIGHTS)))
    method, events_left = events(replace(work(), sequence=1, **planned_in(NIGHTS[:2])), told_before=3)
    assert method == "PUBLISH"
    assert [event["STATUS"] for event in events_left] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert [event["UID"] for event in events_left] == [event["UID"] for event in three]


def test_several_windows_are_cancelled_each_by_its_event() -> None:
    method, cancelled = events(replace(work(), state="cancelled", sequence=1, **planned_in(NIGHTS)))
    assert method == "PUBLISH", "METHOD:CANCEL may name one UID only"
    assert {event["STATUS"] for event in cancelled} == {"CANCELLED"}


def test_what_is_published_is_read_as_maintnote_with_every_window() -> None:
    text = calendar_entry(replace(work(), **planned_in(NIGHTS)), AGREEMENT, PROVIDER, ("vpn-0042",), AT, WORDS)
    notices = read_maintnote(text.encode())
    assert [(notice.start, notice.end) for notice in notices] == list(NIGHTS)
    assert len({notice.uid for notice in notices}) == 3


def test_its_times_are_utc_and_its_stamp_is_the_given_instant() -> None:
    _, event = entry(work())
    assert event.decoded("DTSTART") == datetime(2026, 6, 20, 22, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 6, 21, 2, tzinfo=UTC)
    assert event.decoded("DTSTAMP") == datetime(2026, 6, 1, 8, tzinfo=UTC)
    text = calendar_entry(work(), AGREEMENT, PROVIDER, ("vpn-0042",), AT, WORDS)
    assert "DTSTART:20260620T220000Z\r\n" in text


def test_a_cancellation_takes_the_same_entry_back() -> None:
    _, planned = entry(work())
    calendar, cancelled = entry(replace(work(), state="cancelled", sequence=1))
    assert (calendar["METHOD"], cancelled["STATUS"]) == ("CANCEL", "CANCELLED")
    assert cancelled["UID"] == planned["UID"]
    assert cancelled["SEQUENCE"] > planned["SEQUENCE"]


def test_the_uid_is_stable_and_no_one_elses() -> None:
    uid = entry_uid(work(), AGREEMENT, PROVIDER)
    assert uid == entry_uid(work(title="Another title", sequence=7), AGREEMENT, PROVIDER)
    others = {
        entry_uid(work(id="chg-2"), AGREEMENT, PROVIDER),
        entry_uid(work(), AGREEMENT.model_copy(update={"id": "silver"}), PROVIDER),
        entry_uid(work(), AGREEMENT, PROVIDER.model_copy(update={"id": "south"})),
    }
    assert len({uid, *others}) == 4


def test_it_is_a_maintnote() -> None:
    _, event = entry(work())
    assert event["X-MAINTNOTE-PROVIDER"] == "north"
    assert event["X-MAINTNOTE-ACCOUNT"] == "acme"
    assert event["X-MAINTNOTE-MAINTENANCE-ID"] == "chg-2026-118"
    assert event["X-MAINTNOTE-OBJECT-ID"] == ["vpn-0042", "vpn-0043"]
    assert event["X-MAINTNOTE-STATUS"] == "CONFIRMED"
    assert event["X-MAINTNOTE-IMPACT"] == "OUTAGE"


@pytest.mark.parametrize("provider", [None, PROVIDER.model_copy(update={"contacts": {}})])
def test_a_provider_without_an_address_still_gives_a_valid_entry(provider: Party | None) -> None:
    _, event = entry(work(), provider)
    assert event["ORGANIZER"] == "invalid:nomail"


@pytest.mark.parametrize("text", ["a\r\nATTACH:http://evil.example/x", "a\nEND:VEVENT", "x" * 500, "ä;,\\"])
def test_no_data_adds_a_property(text: str) -> None:
    plain = entry(work())[1]
    words = EntryWords(text, text, "de")
    written = calendar_entry(work(id=text), AGREEMENT, PROVIDER, (text,), AT, words)
    (odd,) = Calendar.from_ical(written).walk("VEVENT")
    assert set(odd) == set(plain)
    assert "\r\n".join(odd["SUMMARY"].splitlines()) == "\r\n".join(text.splitlines())
