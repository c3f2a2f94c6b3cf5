"""KPN's spreadsheets of planned work, which the parser library does not know: the real one of two lines, changed."""

import io
import zipfile
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from upheld.agreements.units import format_instant
from upheld.readers.maintnote import Unreadable
from upheld.readers.provider_mails import MailParser, read_notice

REAL = Path(__file__).parent / "notices" / "library" / "kpn1.eml"
SHEET = "xl/worksheets/sheet1.xml"


def changed(*changes: tuple[str, str, int]) -> bytes:
    """The real mail, with other words in its spreadsheet; each change says how often."""
    message = message_from_bytes(REAL.read_bytes(), policy=policy.default)
    [attached] = message.iter_attachments()
    was, now = zipfile.ZipFile(io.BytesIO(attached.get_payload(decode=True))), io.BytesIO()
    with zipfile.ZipFile(now, "w") as book:
        for name in was.namelist():
            text = was.read(name).decode()
            for before, after, times in changes if name == SHEET else ():
                assert before in text
                text = text.replace(before, after, times)
            book.writestr(name, text)
    maintype, _, subtype = attached.get_content_type().partition("/")
    attached.set_content(now.getvalue(), maintype, subtype, filename="kpn.xlsx")
    return message.as_bytes()


def test_times_are_dutch_ones_in_summer_and_in_winter(parser: MailParser) -> None:
    [summer] = read_notice(REAL.read_bytes(), parser)
    [winter] = read_notice(changed(("15-09-2026", "15-12-2026", -1)), parser)
    assert [format_instant(one.start) for one in (summer, winter)] == ["2026-09-15T00:00:00Z", "2026-12-15T01:00:00Z"]


def test_lines_of_other_windows_and_works_are_notices_of_their_own(parser: MailParser) -> None:
    night = read_notice(changed(("15-09-2026", "16-09-2026", 2)), parser)
    assert [[one.circuit_id for one in notice.circuits] for notice in night] == [["A000001"], ["B000002"]]
    works = read_notice(changed(("CT00000000001", "CT00000000009", 1)), parser)
    assert [notice.maintenance_id for notice in works] == ["CT00000000009", "CT00000000001"]


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            'Aankondiging</t></is></c></row><row r="3">',
            'Wijziging</t></is></c></row><row r="3">',
            "Wijziging, is not known",
        ),
        ("Starttijd | Start time", "Starttijd", "no column start time"),
        ("15-09-2026", "25-10-2026", "put forward or back at 2026-10-25 02:00"),
        ("15-09-2026", "29-03-2026", "put forward or back at 2026-03-29 02:00"),
    ],
)
def test_what_cannot_be_known_is_not_understood(before: str, after: str, why: str, parser: MailParser) -> None:
    with pytest.raises(Unreadable, match=why):
        read_notice(changed((before, after, -1)), parser)
