"""What providers' mails say of how a work stands, in the subject or elsewhere, be it against what was read."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from upheld.agreements.units import format_instant
from upheld.readers.maintnote import Unreadable
from upheld.readers.provider_mails import MailParser, read_notice

LIBRARY = Path(__file__).parent / "notices" / "library"
SCHEDULED = (LIBRARY / "telxius1.eml").read_bytes()


def test_a_work_that_telxius_cancels_by_the_subject_alone_is_cancelled(parser: MailParser) -> None:
    content = SCHEDULED.replace(b"Subject: SCHEDULED", b"Subject: [CANCELLED] SCHEDULED")
    assert {notice.status for notice in read_notice(content, parser)} == {"CANCELLED"}


@pytest.mark.parametrize(
    ("word", "asked"), [("POSTPONED", True), ("WITHDRAWN", True), ("ON HOLD", True), ("REMINDER", False)]
)
def test_a_subject_that_speaks_against_what_was_read_is_asked_about(word: str, asked: bool, parser: MailParser) -> None:
    content = SCHEDULED.replace(b"Subject: SCHEDULED", f"Subject: [{word}] SCHEDULED".encode())
    doubt = f"the subject says {word}, and the work was read as CONFIRMED: how does it stand?"
    assert {doubt in notice.doubts for notice in read_notice(content, parser)} == {asked}


def test_a_status_in_the_text_that_was_not_understood_is_asked_about(parser: MailParser) -> None:
    content = (LIBRARY / "summitig.eml").read_bytes()
    assert content.count(b'">Scheduled</td>') == 2
    [notice] = read_notice(content.replace(b'">Scheduled</td>', b'">Cancelled</td>'), parser)
    assert notice.doubts == ("the mail says 'Status Cancelled', and was read as TENTATIVE: is the work cancelled?",)


def cancellation(*times: str) -> bytes:
    """A cancellation in the form of Telxius's, whose subject lacks `SCHEDULED`."""
    message = EmailMessage()
    message["From"], message["Date"] = "sworks@telxius.com", "Mon, 10 Aug 2026 19:44:21 +0000"
    message["Subject"] = "[CANCELLED]  Maintenance Notification: SWX0030000 - Example Corp"
    windows = "".join(f"<li>{time}</li>" for time in times)
    message.set_content(
        "<p>We inform you that this scheduled work has been cancelled.</p><b>NOTIFICATION NUMBER // NUMERO DE "
        "NOTIFICACION:</b> SWX0030000 <br><b>NOTIFICATION TYPE // TIPO DE NOTIFICACION:</b> Cancelled // Cancelado "
        f"<br><b>SCHEDULE // VENTANA(S) DE TRABAJO (UTC):</b><ul>{windows}</ul>",
        subtype="html",
    )
    return message.as_bytes()


def test_a_cancellation_of_telxius_has_each_time_on_a_line_of_its_own(parser: MailParser) -> None:
    [notice] = read_notice(
        cancellation("Start Time: 12/August/2026 03:30 UTC", "EndTime: 12/August/2026 09:00 UTC"), parser
    )
    assert (notice.maintenance_id, notice.status, notice.account) == ("SWX0030000", "CANCELLED", "Example Corp")
    assert (format_instant(notice.start), format_instant(notice.end)) == (
        "2026-08-12T03:30:00Z",
        "2026-08-12T09:00:00Z",
    )
    assert notice.doubts == ()


def test_a_window_that_is_itself_a_backup_is_asked_about(parser: MailParser) -> None:
    times = (
        "Start Time: 12/August/2026 03:30 UTC (Backup Window)",
        "EndTime: 12/August/2026 09:00 UTC (Backup Window)",
    )
    [notice] = read_notice(cancellation(*times), parser)
    assert notice.doubts == ("the mail calls its window backup: is it to be announced?",)


@pytest.mark.parametrize(
    "times",
    [
        ("Start Time: 12/August/2026 03:30 UTC",),
        ("EndTime: 12/August/2026 09:00 UTC", "Start Time: 12/August/2026 03:30 UTC"),
        ("Start Time: 12/August/2026 03:30 UTC", "EndTime: 12/August/2026 09:00 CET"),
    ],
)
def test_times_of_telxius_that_are_no_windows_are_refused(times: tuple[str, ...], parser: MailParser) -> None:
    with pytest.raises(Unreadable):
        read_notice(cancellation(*times), parser)
