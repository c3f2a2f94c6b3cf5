"""Notices of planned work: calendars read here, mails read by the parser in an environment of its own."""

import base64
import json
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from typer.testing import CliRunner

from upheld.agreements.units import DAY, HOUR, format_instant, parse_instant
from upheld.cli import app
from upheld.maintenance.notified import Circuit, WorkNotice, implausible
from upheld.readers.maintnote import Unreadable, read_maintnote
from upheld.readers.provider_mails import MailParser, NoParser, parser_python, read_notice

NOTICES = Path(__file__).parent / "notices"
CALENDAR = (NOTICES / "maintnote-1.ics").read_bytes()


def times(notice: WorkNotice) -> tuple[str, str]:
    return format_instant(notice.start), format_instant(notice.end)


# -- calendars --------------------------------------------------------------------------------------------------------


def test_two_notices_of_one_work() -> None:
    first, second = (read_maintnote((NOTICES / f"maintnote-{n}.ics").read_bytes())[0] for n in (1, 2))
    assert first == WorkNotice(
        provider="example.com",
        account="137.035999173",
        maintenance_id="WorkOrder-31415",
        status="TENTATIVE",
        start=1_444_464_000_000_000,
        end=1_444_471_200_000_000,
        circuits=(Circuit("acme-widgets-as-a-service", "NO-IMPACT"),),
        stamp=1_444_435_800_000_000,
        sequence=1,
        organizer="mailto:noone@example.com",
        uid="42",
        summary="Maint Note Example",
    )
    assert (second.status, second.sequence, second.start) == ("CONFIRMED", 2, 1_444_636_800_000_000)
    assert second.maintenance_id == first.maintenance_id


def changed(*changes: tuple[str, str]) -> bytes:
    text = CALENDAR.decode()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text.encode()


def test_each_object_may_have_an_impact_of_its_own() -> None:
    two = "X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=OUTAGE:line-1\nX-MAINTNOTE-OBJECT-ID:line-2"
    [notice] = read_maintnote(changed(("X-MAINTNOTE-OBJECT-ID:acme-widgets-as-a-service", two)))
    assert notice.circuits == (Circuit("line-1", "OUTAGE"), Circuit("line-2", "NO-IMPACT"))


def test_several_windows_come_in_their_order_and_in_base64_too() -> None:
    event = CALENDAR.decode().partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    later = event.replace("20151010T08", "20151011T08").replace("20151010T10", "20151011T10")
    calendar = changed(("END:VEVENT", f"END:VEVENT\nBEGIN:VEVENT{later}END:VEVENT"))
    for content in (calendar, base64.encodebytes(calendar), b"\xef\xbb\xbf" + calendar):
        assert [times(n)[0] for n in read_notice(content, MailParser())] == [
            "2015-10-10T08:00:00Z",
            "2015-10-11T08:00:00Z",
        ]


def test_local_times_with_their_zone_and_a_duration() -> None:
    calendar = changed(
        ("DTSTART;VALUE=DATE-TIME:20151010T080000Z", "DTSTART;TZID=Europe/Berlin:20151010T080000"),
        ("DTEND;VALUE=DATE-TIME:20151010T100000Z", "DURATION:PT90M"),
    )
    [notice] = read_maintnote(calendar)
    assert times(notice) == ("2015-10-10T06:00:00Z", "2015-10-10T07:30:00Z")
    assert notice.doubts == ()


def test_a_time_without_a_zone_is_asked_about() -> None:
    [notice] = read_maintnote(changed(("20151010T080000Z", "20151010T080000")))
    assert notice.doubts == ("DTSTART 2015-10-10T08:00:00 has no zone: is it UTC?",)


def test_a_cancellation_in_icalendars_own_words() -> None:
    assert read_maintnote(changed(("X-MAINTNOTE-STATUS:TENTATIVE", "STATUS:CANCELLED")))[0].status == "CANCELLED"
    assert read_maintnote(changed(("X-MAINTNOTE-STATUS:TENTATIVE\n", "")))[0].status == "NO-CHANGE"


LOCAL = (
    ("DTSTART;VALUE=DATE-TIME:20151010T080000Z", "DTSTART;TZID=ZONE:20151010T080000"),
    ("DTEND;VALUE=DATE-TIME:20151010T100000Z", "DTEND;TZID=ZONE:20151010T100000"),
)
OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Head Office
BEGIN:STANDARD
DTSTART:16010101T000000
TZOFFSETFROM:-0230
TZOFFSETTO:-0230
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT"""


@pytest.mark.parametrize(
    ("zone", "start", "more"),
    [
        ("W. Europe Standard Time", "2015-10-10T06:00:00Z", ()),
        ('"Eastern Standard Time"', "2015-10-10T12:00:00Z", ()),
        ("Head Office", "2015-10-10T10:30:00Z", (("BEGIN:VEVENT", OWN_ZONE),)),
    ],
)
def test_zones_of_outlook_and_of_the_calendar_itself(zone: str, start: str, more: tuple[tuple[str, str], ...]) -> None:
    [notice] = read_maintnote(changed(*LOCAL, ("ZONE", zone), *more))
    assert times(notice)[0] == start
    assert notice.doubts == ()


@pytest.mark.parametrize(
    ("day", "doubt"),
    [
        ("20150329", "2015-03-29T02:30:00 does not exist, for the clocks are put forward: is it 2015-03-29T01:30:00Z?"),
        (
            "20151025",
            "2015-10-25T02:30:00 is there twice, for the clocks are put back: is it the first, 2015-10-25T00:30:00Z?",
        ),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "W. Europe Standard Time"])
def test_a_local_time_at_which_the_clocks_are_put_is_asked_about(zone: str, day: str, doubt: str) -> None:
    window = (("20151010T080000", f"{day}T023000"), ("20151010T100000", f"{day}T040000"))
    [notice] = read_maintnote(changed(*LOCAL, ("ZONE", zone), *window))
    assert f"DTSTART {doubt}" in notice.doubts
    assert not any(one.startswith("DTEND") for one in notice.doubts)


def test_a_zone_that_one_calendar_defines_is_not_the_next_ones() -> None:
    other = OWN_ZONE.replace("-0230", "+0500")
    starts = [
        times(read_maintnote(changed(*LOCAL, ("ZONE", "Head Office"), ("BEGIN:VEVENT", zone)))[0])[0]
        for zone in (OWN_ZONE, other)
    ]
    assert starts == ["2015-10-10T10:30:00Z", "2015-10-10T03:00:00Z"]


def test_a_zone_that_is_not_known_is_asked_about_by_its_name() -> None:
    [notice] = read_maintnote(changed(*LOCAL, ("ZONE", "Head Office")))
    assert notice.doubts[0] == "DTSTART 2015-10-10T08:00:00 has the zone 'Head Office', which is not known: is it UTC?"


@pytest.mark.parametrize("status", ["X-MAINTNOTE-STATUS:TENTATIVE\n", ""])
def test_a_calendar_that_was_sent_to_cancel(status: str) -> None:
    calendar = changed(("BEGIN:VEVENT", "METHOD:CANCEL\nBEGIN:VEVENT"), ("X-MAINTNOTE-STATUS:TENTATIVE\n", status))
    assert read_maintnote(calendar)[0].status == "CANCELLED"


def test_windows_that_recur_are_asked_about() -> None:
    [notice] = read_maintnote(changed(("SEQUENCE:1", "SEQUENCE:1\nRRULE:FREQ=DAILY;COUNT=3")))
    assert notice.doubts == ("RRULE is not read: the work may have more windows",)


def test_a_sequence_below_zero_is_refused() -> None:
    with pytest.raises(Unreadable, match="SEQUENCE '-1' is no whole number"):
        read_maintnote(changed(("SEQUENCE:1", "SEQUENCE:-1")))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("X-MAINTNOTE-PROVIDER:example.com\n", "", "VEVENT 1: X-MAINTNOTE-PROVIDER is missing"),
        ("X-MAINTNOTE-MAINTENANCE-ID:WorkOrder-31415\n", "", "VEVENT 1: X-MAINTNOTE-MAINTENANCE-ID is missing"),
        ("STATUS:TENTATIVE", "STATUS:PERHAPS", "VEVENT 1: X-MAINTNOTE-STATUS 'PERHAPS' is none of TENTATIVE"),
        ("IMPACT:NO-IMPACT", "IMPACT:SOME", "VEVENT 1: the impact 'SOME' is none of NO-IMPACT"),
        ("20151010T100000Z", "20151010T080000Z", "VEVENT 1: DTEND is not after DTSTART"),
        ("DTSTART;VALUE=DATE-TIME:20151010T080000Z", "DTSTART;VALUE=DATE:20151010", "DTSTART is a day, 2015-10-10"),
        ("DTEND;VALUE=DATE-TIME:20151010T100000Z\n", "", "VEVENT 1: neither DTEND nor DURATION"),
        ("SEQUENCE:1", "SEQUENCE:one", "SEQUENCE 'one' is no whole number"),
        ("BEGIN:VEVENT", "BEGIN:VTODO", ""),
    ],
)
def test_what_is_no_notice_is_refused_with_why(before: str, after: str, why: str) -> None:
    changes = [(before, after)]
    if "VTODO" in after:
        changes.append(("END:VEVENT", "END:VTODO"))
        why = "the calendar has no VEVENT"
    with pytest.raises(Unreadable) as error:
        read_maintnote(changed(*changes))
    assert why in str(error.value)


# -- what is looked at twice ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({}, ()),
        ({"end": DAY * 15}, ()),
        ({"end": DAY * 29}, ("the window is 29 days long",)),
        ({"circuits": ()}, ("no circuit is named",)),
        ({"circuits": (), "status": "CANCELLED"}, ()),
        ({"stamp": 2 * DAY}, ("the window was over when the notice was made",)),
        ({"stamp": 2 * DAY, "status": "COMPLETED"}, ()),
        ({"stamp": -500 * DAY}, (f"the window is more than a year from the notice of {format_instant(-400 * DAY)}",)),
    ],
)
def test_what_is_implausible_is_asked_about(change: dict, doubt: tuple[str, ...]) -> None:
    plain = {"status": "CONFIRMED", "start": 0, "end": 4 * HOUR, "circuits": (Circuit("line-1", "OUTAGE"),)}
    shifted = 100 * DAY
    given = {**plain, **change}
    for name in ("start", "end", "stamp"):
        if name in given:
            given[name] += shifted
    assert implausible(WorkNotice("p", "CHG-1", **given)) == list(doubt)


# -- mails ------------------------------------------------------------------------------------------------------------


def test_a_mail_in_a_providers_own_form(parser: MailParser) -> None:
    [notice] = read_notice((NOTICES / "aws.eml").read_bytes(), parser)
    assert (notice.provider, notice.account, notice.status) == ("aws", "123456789012", "CONFIRMED")
    assert times(notice) == ("2026-10-20T08:00:00Z", "2026-10-20T14:00:00Z")
    assert [c.circuit_id for c in notice.circuits] == ["dxcon-00000001", "dxcon-00000002"]
    assert notice.doubts == ()


def test_a_date_that_begins_with_the_month_and_the_time_of_a_place(parser: MailParser) -> None:
    """10 p.m. in Minneapolis, whose summer time has ended two days before."""
    [notice] = read_notice((NOTICES / "cogent.eml").read_bytes(), parser)
    assert times(notice) == ("2026-11-04T04:00:00Z", "2026-11-04T11:00:00Z")
    assert (notice.maintenance_id, notice.circuits[0].circuit_id) == ("VN12345", "1-300999999")


def page(sender: str, body: str) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = sender, "Planned work"
    message["Date"] = "Thu, 29 Oct 2026 11:44:00 +0000"
    message.set_content(body, subtype="html")
    return message.as_bytes()


def cells(*texts: str) -> str:
    return "<tr>" + "".join(f"<td><span>{text}</span></td>" for text in texts) + "</tr>"


SLOT = [("Timeslot start time", "{} 05:00 UTC"), ("Timeslot end time", "{} 11:00 UTC"), ("Expected impact level",)]


def bso(*days: str) -> bytes:
    """In BSO's form: tables in tables, of which the fifth has the title."""
    slots = "".join(
        cells(*(text.format(day) for text in line)) for day in days for line in [*SLOT, ("BSO-1", "Hard Down")]
    )
    details = f"<table><tbody>{cells('Maintenance ID', '55555')}{slots}</tbody></table>"
    return page(
        "no-reply@bso.co",
        "<table><tr><td><table><tr><td><table><tr><td><table><tr><td><table><tbody>"
        f"{cells('', 'Maintenance Reminder_')}<tr><td><table><tbody><tr><td>"
        "<table><tbody><tr><td>Maintenance Details</td></tr></tbody></table></td></tr><tr><td>"
        f"<table><tbody><tr><td>{details}</td></tr></tbody></table></td></tr></tbody></table></td></tr>"
        "</tbody></table></td></tr></table></td></tr></table></td></tr></table></td></tr></table>",
    )


CIRION = page(
    "customer-report@ciriontechnologies.com",
    "<p><span>2026-10-29 11:40:00 GMT - This maintenance is Scheduled</span></p><p><span>CHG0082938</span></p><table>"
    + cells("Start", "End")
    + cells("2026-11-03 03:00:00(Greenwich Mean Time)", "2026-11-03 10:00:00(Greenwich Mean Time)")
    + cells("2026-11-05 03:00:00(Greenwich Mean Time)", "2026-11-05 10:00:00(Greenwich Mean Time)")
    + "</table><table>"
    + cells("Customer Name", "Circuit ID", "Alt Circuit ID", "Bandwidth", "A", "Z", "Impact Type", "Maximum Duration")
    + cells("Acme", "_", "81-EXAMPLE", "_", "C1427", "_", "Outage", "4 Hours")
    + "</table>",
)
FLAG = (NOTICES / "library" / "flag1.eml").read_bytes()
FLAG_IMPACT = b"Service Interruption</td><td"
FLAG_ROW = FLAG[FLAG.index(b'<tr><td style="border: 1px') : FLAG.index(b"</table>")]


@pytest.mark.parametrize(
    ("words", "impact"),
    [
        (b"Service Interruption", "OUTAGE"),
        (b"Loss of Resiliency", "REDUCED-REDUNDANCY"),
        (b"Resiliency Loss", "REDUCED-REDUNDANCY"),
        (b"No Impact", "NO-IMPACT"),
        (b"At Risk", "REDUCED-REDUNDANCY"),
    ],
)
def test_an_impact_in_a_providers_own_words(words: bytes, impact: str, parser: MailParser) -> None:
    before, after = FLAG.split(FLAG_IMPACT)
    [notice] = read_notice(before + words + FLAG_IMPACT.removeprefix(b"Service Interruption") + after, parser)
    assert [circuit.impact for circuit in notice.circuits] == [impact]


@pytest.mark.parametrize(
    ("notice", "windows"),
    [
        (bso("Nov 19, 2026"), [("2026-11-19T05:00:00Z", "2026-11-19T11:00:00Z")]),
        (
            bso("Nov 19, 2026", "Nov 20, 2026"),
            [("2026-11-19T05:00:00Z", "2026-11-19T11:00:00Z"), ("2026-11-20T05:00:00Z", "2026-11-20T11:00:00Z")],
        ),
        (CIRION, [("2026-11-03T03:00:00Z", "2026-11-03T10:00:00Z"), ("2026-11-05T03:00:00Z", "2026-11-05T10:00:00Z")]),
        (
            FLAG.replace(FLAG_ROW, FLAG_ROW + FLAG_ROW.replace(b"29-May", b"30-May")),
            [("2026-05-29T04:01:00Z", "2026-05-29T10:00:00Z"), ("2026-05-30T04:01:00Z", "2026-05-30T10:00:00Z")],
        ),
    ],
)
def test_each_of_several_windows_is_read_by_itself(
    notice: bytes, windows: list[tuple[str, str]], parser: MailParser
) -> None:
    found = read_notice(notice, parser)
    assert [times(one) for one in found] == windows
    assert len({(one.maintenance_id, one.circuits) for one in found}) == 1
    assert len(found[0].circuits) == 1


def test_circuits_are_found_in_a_table_of_any_width(parser: MailParser) -> None:
    notice = (NOTICES / "library" / "equinix7.eml").read_bytes().replace(b"=\n", b"")
    title, cell = b"Service Serial #</th>", b"EC1234.1</td>"
    notice = notice.replace(title, title + b"<th>ECX Port</th>").replace(cell, cell + b"<td>PORT-1</td>")
    [found] = read_notice(notice, parser)
    assert (found.account, found.circuits) == ("555555", (Circuit("EC1234.1", "OUTAGE"),))


@pytest.mark.parametrize(
    ("span", "said", "window"),
    [
        (
            "31-DEC-2023 - 31-DEC-2023",
            "MONDAY, 01 JAN 02:00 - MONDAY, 01 JAN 06:00",
            ("2024-01-01T02", "2024-01-01T06"),
        ),
        (
            "01-JAN-2024 - 01-JAN-2024",
            "SUNDAY, 31 DEC 15:00 - SUNDAY, 31 DEC 21:00",
            ("2023-12-31T15", "2023-12-31T21"),
        ),
        (
            "31-DEC-2023 - 01-JAN-2024",
            "SUNDAY, 31 DEC 22:00 - MONDAY, 01 JAN 04:00",
            ("2023-12-31T22", "2024-01-01T04"),
        ),
    ],
)
def test_the_year_of_a_day_at_new_year(span: str, said: str, window: tuple[str, str], parser: MailParser) -> None:
    """Equinix writes the year of the days at the place of the work, and times in UTC without one."""
    notice = (NOTICES / "library" / "equinix7.eml").read_bytes().replace(b"=\n", b"")
    notice = notice.replace(b"10-JAN-2024 - 11-JAN-2024", span.encode())
    notice = notice.replace(b"WEDNESDAY, 10 JAN 22:00 - THURSDAY, 11 JAN 06:00", said.encode())
    [found] = read_notice(notice, parser)
    assert times(found) == tuple(f"{time}:00:00Z" for time in window)


def mail(body: str, sender: str, *, calendar: bytes | None = None) -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = sender, "Planned work"
    message["Date"] = "Thu, 29 Oct 2026 11:44:00 +0000"
    message.set_content(body)
    if calendar is not None:
        message.add_attachment(calendar, maintype="text", subtype="calendar", filename="work.ics")
    return message.as_bytes()


def test_a_calendar_in_a_mail_goes_before_the_mail() -> None:
    [notice] = read_notice(mail("See the calendar.", "noc@unknown.example", calendar=CALENDAR), MailParser())
    assert notice.maintenance_id == "WorkOrder-31415"


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Window: 10 Oct 2015 08:00 - 10:00 CET", "CET"),
        ("Von 08:00 Uhr bis 10:00 Uhr MESZ", "MESZ"),
        ("08:00 UTC+2 to 10:00 UTC+2", "UTC+2"),
        ("8:00 AM to 10:00 AM local time", "local time"),
        ("Start 08:00, end 10:00. All times are Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_local_times_that_a_calendar_has_as_utc_are_asked_about(text: str, zone: str) -> None:
    doubts = [f"the {end} was read as {at} UTC, and the text has {at} {zone}" for end, at in WRITTEN]
    described = changed(("SUMMARY:Maint Note Example", f"SUMMARY:Maint Note Example\nDESCRIPTION:{text}"))
    beside = mail(text, "noc@unknown.example", calendar=CALENDAR)
    for content in (described, beside):
        [notice] = read_notice(content, MailParser())
        assert list(notice.doubts) == [f"{doubt}: is it UTC?" for doubt in doubts]


WRITTEN = (("start", "08:00"), ("end", "10:00"))


@pytest.mark.parametrize(
    "text",
    [
        "Window: 08:00 - 10:00 UTC (10:00 - 12:00 CEST)",
        "From 08:00 to 10:00",
        "08:00 GMT+0 to 10:00 +00:00",
        "Sent at 06:12 CEST. Start 08:00, end 10:00. All times are UTC",
    ],
)
def test_times_that_a_text_has_in_utc_too_are_not_asked_about(text: str) -> None:
    [notice] = read_notice(mail(text, "noc@unknown.example", calendar=CALENDAR), MailParser())
    assert notice.doubts == ()


def test_a_form_that_fits_is_taken_with_a_doubt_where_the_sender_is_unknown(parser: MailParser) -> None:
    content = (NOTICES / "aws.eml").read_bytes().replace(b"amazon.com", b"list.example")
    [notice] = read_notice(content, parser)
    assert times(notice)[0] == "2026-10-20T08:00:00Z"
    assert any("it was read as aws's" in doubt for doubt in notice.doubts)


def test_a_time_of_another_zone_that_was_taken_for_utc_is_asked_about(parser: MailParser) -> None:
    content = (NOTICES / "aws.eml").read_bytes().replace(b"08:00:00 GMT", b"08:00:00 CST")
    [notice] = read_notice(content, parser)
    assert any("08:00 CST" in doubt for doubt in notice.doubts), notice.doubts


def event(*lines: str) -> bytes:
    return "\r\n".join(("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", "")).encode()


OTHER_WINDOW = (
    "the calendar that came with the mail has its window from 2025-02-21T04:00:00Z to 2025-02-21T10:00:00Z: "
    "which is right?"
)


@pytest.mark.parametrize(
    ("calendar", "doubts"),
    [
        (event("DTSTART:20250221T050000Z", "DTEND:20250221T110000Z"), ()),
        (event("DTSTART;TZID=America/New_York:20250221T000000", "DURATION:PT6H"), ()),
        (event("DTSTART:20250221T040000Z", "DTEND:20250221T100000Z"), (OTHER_WINDOW,)),
        (event("DTSTART:20250221T040000", "DTEND:20250221T100000"), ()),  # says no zone, so nothing
        (event("DTSTART;VALUE=DATE:20250221"), ()),
    ],
)
def test_a_mail_and_a_calendar_with_another_window_are_asked_about(
    calendar: bytes, doubts: tuple[str, ...], parser: MailParser
) -> None:
    message = message_from_bytes((NOTICES / "library" / "summitig.eml").read_bytes(), policy=policy.default)
    [part] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    part.set_content(calendar, maintype="text", subtype="calendar", filename="outageWindow.ics")
    [notice] = read_notice(message.as_bytes(), parser)
    assert times(notice) == ("2025-02-21T05:00:00Z", "2025-02-21T11:00:00Z")
    assert notice.doubts == doubts


def test_a_mail_that_a_person_passes_on_as_an_attachment_is_read_as_its_senders(parser: MailParser) -> None:
    inner = message_from_bytes((NOTICES / "aws.eml").read_bytes(), policy=policy.default)
    outer = EmailMessage()
    outer["From"], outer["Subject"] = "someone@customer.example", "Fwd: Planned work"
    outer.set_content("See below.")
    outer.add_attachment(inner)
    assert read_notice(outer.as_bytes(), parser) == read_notice((NOTICES / "aws.eml").read_bytes(), parser)


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("transfer", ["base64", "quoted-printable"])
def test_charsets_and_transfer_encodings(charset: str, transfer: str, parser: MailParser) -> None:
    plain = message_from_bytes((NOTICES / "aws.eml").read_bytes(), policy=policy.default)
    encoded = EmailMessage()
    for name in ("From", "Subject", "Date"):
        encoded[name] = plain[name]
    body = plain.get_content().replace("New York", "Zürich")
    encoded.set_content(body.encode(charset), maintype="text", subtype="plain", cte=transfer)
    encoded.set_param("charset", charset)
    [notice] = read_notice(encoded.as_bytes(), parser)
    assert times(notice) == ("2026-10-20T08:00:00Z", "2026-10-20T14:00:00Z")
    assert [c.circuit_id for c in notice.circuits] == ["dxcon-00000001", "dxcon-00000002"]


@pytest.mark.parametrize("name", ["Date", "Subject"])
def test_a_mail_without_what_the_form_needs_is_told_why(name: str, parser: MailParser) -> None:
    message = message_from_bytes((NOTICES / "aws.eml").read_bytes(), policy=policy.default)
    del message[name]
    with pytest.raises(Unreadable, match="aws: "):
        read_notice(message.as_bytes(), parser)


@pytest.mark.parametrize(
    "content", [mail("Dear all, lunch is at noon.", "noc@unknown.example"), b"", b"\x00\xff\x00", b"just a text"]
)
def test_what_is_no_notice_of_work_is_told_so(content: bytes, parser: MailParser) -> None:
    with pytest.raises(Unreadable) as error:
        read_notice(content, parser)
    assert str(error.value)


def test_a_mail_that_brings_the_parser_down_is_told_so_and_the_next_is_read(parser: MailParser) -> None:
    with MailParser(patience=0.001) as hasty, pytest.raises((Unreadable, NoParser)):
        read_notice((NOTICES / "aws.eml").read_bytes(), hasty)
    assert parser._process is not None
    parser._process.kill()
    parser._process.wait()
    assert read_notice((NOTICES / "aws.eml").read_bytes(), parser)


def test_without_the_parser_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPHELD_MAIL_PARSER", "/bin/true")
    with MailParser() as none, pytest.raises(NoParser, match="circuit-maintenance-parser"):
        read_notice((NOTICES / "aws.eml").read_bytes(), none)
    monkeypatch.delenv("UPHELD_MAIL_PARSER")
    monkeypatch.setattr("sys.prefix", "/nowhere")
    with pytest.raises(NoParser, match="pip install circuit-maintenance-parser"):
        parser_python()


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_what_was_understood(parser: MailParser, tmp_path: Path) -> None:
    text = tmp_path / "note.txt"
    text.write_text("no notice")
    files = [str(NOTICES / "maintnote-1.ics"), str(NOTICES / "aws.eml")]
    answer = CliRunner().invoke(app, ["maintenance", "read", *files])
    assert answer.exit_code == 0
    calendar, amazon = json.loads(answer.stdout)
    assert calendar["notices"][0]["start"] == "2015-10-10T08:00:00Z"
    assert parse_instant(amazon["notices"][0]["end"]) == parse_instant("2026-10-20T14:00:00Z")
    answer = CliRunner().invoke(app, ["maintenance", "read", *files, str(text)])
    assert answer.exit_code == 1
    assert json.loads(answer.stdout)[2]["why"]
    answer = CliRunner().invoke(app, ["maintenance", "read", str(tmp_path / "missing.eml")])
    assert answer.exit_code == 2
    assert "missing.eml: No such file" in answer.stderr


def test_the_command_reads_in_the_form_that_is_named(parser: MailParser) -> None:
    answer = CliRunner().invoke(app, ["maintenance", "read", "--provider", "zayo", str(NOTICES / "aws.eml")])
    assert answer.exit_code == 1
    assert "zayo" in json.loads(answer.stdout)[0]["why"]
