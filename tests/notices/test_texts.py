"""What holds for every text: nothing from data acts as markup or as a header, and nothing is loaded from elsewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from markupsafe import escape

from upheld.notices.examples import AGREEMENT, CUSTOMER, PROVIDER, case, instant, link, work
from upheld.notices.formats import one_line
from upheld.notices.model import Notice, NoticeKind
from upheld.notices.planning import plan_case_notices, plan_maintenance_notices

AT = instant("2026-06-01T22:45:00Z")
CASE_KINDS: list[NoticeKind] = [
    "degradation", "violation", "restoration", "question", "reminder", "reopened", "closed", "withdrawn",
]  # fmt: skip
WORK_KINDS: list[NoticeKind] = ["maintenance", "maintenance_reminder", "maintenance_cancelled"]
EVIL = "<script>alert(1)</script>\"'&"


def all_notices(text: str) -> list[Notice]:
    """One notice of every kind, with `text` in every name that data can bring."""
    agreement = AGREEMENT.model_copy(update={"services": (text,), "id": text})
    customer = CUSTOMER.model_copy(update={"name": text})
    provider = PROVIDER.model_copy(update={"name": text})
    about = case(
        service=text, objective=text, restored_at=AT, reopened_at=AT, closed_at=AT, outcome="confirmed", id=text
    )
    planned = replace(work(), title=text, description=text, id=text)
    notices = [
        plan_case_notices(kind, about, agreement, customer, provider, AT, due_by=None, occasion="x", links=link)[0]
        for kind in CASE_KINDS
    ]
    return notices + [
        plan_maintenance_notices(kind, planned, agreement, customer, provider, (text,), AT, due_by=None, occasion="x")[
            0
        ]
        for kind in WORK_KINDS
    ]


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "hr", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_data_never_becomes_markup() -> None:
    harmless = [set(Tags(n.html).opened) for n in all_notices("plain")]
    for notice, tags in zip(all_notices(EVIL), harmless, strict=True):
        assert set(Tags(notice.html).opened) == tags, notice.kind
        assert "&lt;script&gt;" in notice.html
        assert "<script" not in notice.html


def test_a_plain_text_shows_data_as_it_is() -> None:
    assert all(EVIL in notice.text for notice in all_notices(EVIL))


@pytest.mark.parametrize("text", ["a\r\nBcc: all@acme.example", "a\x00b", "a\u2028b", "a\x1b[31mb"])
def test_no_data_adds_a_line_to_a_subject(text: str) -> None:
    for notice in all_notices(text):
        assert re.search(r"[\x00-\x1f\x7f\u2028\u2029]", notice.subject) is None
        assert one_line(notice.subject) == notice.subject


def test_the_details_of_a_work_keep_their_lines_and_paragraphs() -> None:
    planned = replace(work(), description=f"Slot 4:\n- the card\n- {EVIL}\n\nNo more.")
    notice, *_ = plan_maintenance_notices(
        "maintenance", planned, AGREEMENT, CUSTOMER, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion="x"
    )
    margin = " " * 20
    assert f"Details:            Slot 4:\n{margin}- the card\n{margin}- {EVIL}\n{margin}No more.\n" in notice.text
    assert f"Slot 4:<br>- the card<br>- {escape(EVIL)}<br><br>No more.</td>" in notice.html
    assert notice.calendar is not None
    entry = Calendar.from_ical(notice.calendar).walk("VEVENT")[0]
    assert str(entry["DESCRIPTION"]).startswith(f"Slot 4:\n- the card\n- {EVIL}\nNo more.\n")


def test_a_subject_stays_short() -> None:
    assert all(len(n.subject) <= 200 for n in all_notices("x" * 199))


def test_a_subject_that_is_cut_keeps_its_reference() -> None:
    planned = replace(work(), title="Exchange of a card " * 20)
    notice, *_ = plan_maintenance_notices(
        "maintenance", planned, AGREEMENT, CUSTOMER, PROVIDER, ("vpn-0042",), AT, due_by=None, occasion="x"
    )
    assert notice.subject.endswith("… [chg-2026-118]")
    assert len(notice.subject) <= 200


def test_no_character_reorders_what_follows() -> None:
    assert one_line("safe\u202egnp.exe") == "safegnp.exe"


def test_html_is_whole_and_loads_nothing() -> None:
    for notice in all_notices("plain"):
        tags = Tags(notice.html)
        assert tags.open == [], notice.kind
        assert not {"img", "link", "script", "iframe", "object", "video"} & set(tags.opened)
        assert "url(" not in notice.html
        assert {name for name, _ in tags.attributes if name.startswith("on")} == set()


def test_html_says_its_language_and_that_it_can_be_dark() -> None:
    for notice in all_notices("plain"):
        attributes = Tags(notice.html).attributes
        assert ("lang", "en") in attributes
        assert ("content", "light dark") in attributes
        assert notice.html.count("<h1") == 1
        assert notice.html.count('scope="row"') == notice.html.count("<td")


def test_lines_of_a_text_fit_a_terminal() -> None:
    for notice in all_notices("vpn-0042"):
        assert all(len(line) <= 72 for line in notice.text.splitlines()), notice.kind


def test_instants_are_told_in_the_readers_zone() -> None:
    customer = CUSTOMER.model_copy(update={"time_zone": ZoneInfo("Asia/Tokyo")})
    notice = plan_case_notices(
        "violation", case(), AGREEMENT, customer, PROVIDER, AT, due_by=None, occasion="x", links=None
    )[0]
    assert "2 June 2026, 07:44 JST (UTC+09:00)" in " ".join(notice.text.split())


def test_a_party_that_is_not_described_is_told_in_the_agreements_zone() -> None:
    provider = PROVIDER.model_copy(update={"contacts": {"account-manager": CUSTOMER.contacts["noc"]}})
    agreement = AGREEMENT.model_copy(update={"time_zone": ZoneInfo("Asia/Tokyo")})
    notice = plan_case_notices(
        "violation", case(), agreement, None, provider, AT, due_by=None, occasion="x", links=None
    )[1]
    assert "UTC" in notice.text
    assert "JST" not in notice.text
