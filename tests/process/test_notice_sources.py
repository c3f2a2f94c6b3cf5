"""Mailboxes and calendars from which notices of work are taken: once each, and marked as seen once they are on disk."""

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from imap_server import ImapServer, program
from process.desk import START, Desk, calendar, event
from sources.file_server import FileServer, answer
from upheld.agreements.units import DAY
from upheld.app import DEFAULT_TENANT
from upheld.readers.faults import InputError
from upheld.readers.provider_mails import PYTHON, NoParser
from upheld.sources import noticing
from upheld.sources.mailboxes import new_mails
from upheld.sources.notice_sources import CalendarSource, ImapSource, MaildirSource, read_notice_sources
from upheld.sources.noticing import Noticer, Noticers
from upheld.sources.web_files import WebFiles
from upheld.taking_in.noticeboard import MAX_BYTES

MAIL = b"From: noc@lumen.example\r\nSubject: Work\r\nContent-Type: text/calendar\r\n\r\n"


def mail(number: int = 1, status: str = "CONFIRMED") -> bytes:
    return MAIL + calendar(event(START + (number - 1) * DAY, "ABC/123", sequence=number, status=status))


_users = count(1)


class Killed(Exception):
    """Takes the place of a process that ends there."""


class Mailbox:
    """What the two kinds of mailboxes have for these tests."""

    def __init__(self, source: MaildirSource | ImapSource, server: ImapServer | None, path: Path) -> None:
        self.source, self._server, self._path = source, server, path

    def deliver(self, name: str, body: bytes) -> None:
        if self._server is not None:
            self._server.deliver(self._path.name, name, body)
        else:
            (self._path / "new" / name).write_bytes(body)

    def seen(self) -> dict[str, bool]:
        if self._server is not None:
            return self._server.seen(self._path.name)
        found = [(file.name, part == "cur") for part in ("new", "cur") for file in (self._path / part).iterdir()]
        return {name.partition(":")[0]: seen and name.endswith(":2,S") for name, seen in found}


@pytest.fixture(scope="module")
def imap() -> Iterator[ImapServer]:
    if program() is None:
        pytest.skip("dovecot is not installed: apt-get install dovecot-imapd")
    server = ImapServer()
    yield server
    server.end()


@pytest.fixture(params=["maildir", "imap", "imap with STARTTLS"])
def box(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    if request.param == "maildir":
        for name in ("new", "cur", "tmp"):
            (tmp_path / "box" / name).mkdir(parents=True)
        return Mailbox(MaildirSource(id="noc", kind="maildir", path=tmp_path / "box"), None, tmp_path / "box")
    server: ImapServer = request.getfixturevalue("imap")
    monkeypatch.setenv("IMAP_PASSWORD", "opensesame")
    starttls = request.param != "imap"
    source = ImapSource(
        id="noc",
        kind="imap",
        host="127.0.0.1",
        port=server.starttls_port if starttls else server.port,
        username=(user := f"maint{next(_users)}"),
        password="${IMAP_PASSWORD}",
        ca=server.ca,
        starttls=starttls,
    )
    return Mailbox(source, server, Path(user))


@pytest.fixture
def desk(world) -> Desk:
    return Desk(world)


def noticer(desk: Desk, source, files: WebFiles | None = None) -> Noticer:
    return Noticer(source, desk.world.application.noticeboard, files or WebFiles(MAX_BYTES), threading.Event())


def windows(desk: Desk) -> list[tuple[str, str]]:
    with desk.world.transaction() as t:
        return [(window.state, window.step) for window in reversed(t.noticed_works())]


def test_new_mails_are_taken_once_and_marked_as_seen(desk, box: Mailbox) -> None:
    box.deliver("1.a", mail())
    looking = noticer(desk, box.source)
    looking.look()
    assert box.seen() == {"1.a": True}
    assert windows(desk) == [("taken", "plan")]
    box.deliver("2.b", mail(2, "RE-SCHEDULED"))
    looking.look()
    looking.look()
    assert box.seen() == {"1.a": True, "2.b": True}
    assert windows(desk) == [("taken", "plan"), ("taken", "change")]
    assert looking.standing.messages == 2
    with desk.world.transaction() as t:
        (received,) = t.received_brief([t.noticed_works()[0].received]).values()
        whole = t.received(received.id)
    assert (received.source, received.sender) == (f"{box.source.kind} noc", "noc@lumen.example")
    assert whole.body == mail(2, "RE-SCHEDULED")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_mail_is_not_lost_and_not_taken_twice_where_the_process_ends(
    desk, box: Mailbox, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is on disk, or after that and before it is marked as seen."""
    box.deliver("1.a", mail())
    looking = noticer(desk, box.source)

    def cut_off(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if when == "before":
            patched.setattr(looking._noticeboard, "take", cut_off)
        else:
            patched.setattr(noticing, "new_mails", lambda *given: map(unmarked, new_mails(*given)))

            def unmarked(one):
                return type(one)(one.body, one.size, one.name, cut_off)

        with pytest.raises(Killed):
            looking.look()
    assert box.seen() == {"1.a": False}
    assert windows(desk) == ([] if when == "before" else [("taken", "plan")])
    noticer(desk, box.source).look()
    assert box.seen() == {"1.a": True}
    assert windows(desk) == [("taken", "plan")]


def test_a_mail_that_is_too_large_is_asked_about_and_holds_up_nothing(desk, box: Mailbox) -> None:
    box.deliver("1.a", MAIL + b"x" * MAX_BYTES)
    box.deliver("2.b", mail())
    noticer(desk, box.source).look()
    assert box.seen() == {"1.a": True, "2.b": True}
    assert windows(desk) == [("waiting", "plan"), ("taken", "plan")]
    with desk.world.transaction() as t:
        (waiting,) = t.noticed_works("waiting")
    assert "of which only the beginning was read" in waiting.questions[0]


def test_without_the_parser_mails_stay_where_they_are(desk, box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PYTHON, "/nowhere/python")
    box.deliver("1.a", b"From: a@b.example\r\n\r\nhello\r\n")
    with pytest.raises(NoParser):
        noticer(desk, box.source).look()
    assert box.seen() == {"1.a": False}
    assert windows(desk) == []


def test_what_is_lost_is_told_and_tried_again(desk, tmp_path: Path) -> None:
    looking = noticer(desk, MaildirSource(id="noc", kind="maildir", path=tmp_path / "nowhere", every="1m"))
    looking._stopping = stop_after_one_wait = threading.Event()
    stop_after_one_wait.wait = lambda _: stop_after_one_wait.set()  # type: ignore[assignment,method-assign,func-returns-value]
    looking.run()
    assert (looking.standing.lost, "No such file" in (looking.standing.error or "")) == (1, True)


def test_a_stranger_who_pretends_to_be_the_server_gets_no_password(desk, imap, monkeypatch) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "opensesame")
    source = ImapSource(
        id="noc", kind="imap", host="127.0.0.1", port=imap.port, username="m", password="${IMAP_PASSWORD}"
    )
    with pytest.raises(OSError, match="certificate verify failed"):
        noticer(desk, source).look()


# -- calendars ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.end()


def feed(server: FileServer) -> CalendarSource:
    declared = CalendarSource(id="cal", kind="calendar", url="https://lumen.example/work.ics")
    return declared.model_copy(update={"url": f"{server.url}/work.ics"})


def open_files() -> WebFiles:
    from ipaddress import ip_network

    return WebFiles(MAX_BYTES, [ip_network("127.0.0.0/8")])


def test_a_calendar_is_asked_for_what_is_newer_and_only_events_that_changed_are_taken(desk, server) -> None:
    first, second = event(START, "ABC/123", uid="a"), event(START + DAY, "1001", uid="b").replace("CHG-1", "CHG-2")
    server.answers["/work.ics"] = answer(
        200, {"content-length": str(len(body := calendar(first, second))), "etag": '"1"'}, body
    )
    looking = noticer(desk, feed(server), open_files())
    looking.look()
    assert windows(desk) == [("taken", "plan"), ("taken", "plan")]
    server.answers["/work.ics"] = lambda handler: (
        answer(304, {})(handler)
        if handler.headers["if-none-match"] == '"1"'
        else answer(500, {"content-length": "0"})(handler)
    )
    looking.look()
    moved = event(START + 2 * DAY, "ABC/123", uid="a", sequence=2)
    made_again = second.replace("DTSTAMP:2026", "DTSTAMP:2025")
    body = calendar(moved, made_again)
    server.answers["/work.ics"] = answer(200, {"content-length": str(len(body))}, body)
    looking.look()
    assert windows(desk) == [("taken", "plan"), ("taken", "plan"), ("taken", "change")]
    noticer(desk, feed(server), open_files()).look()  # after a restart nothing is known of what was taken
    assert [start for start, *_ in desk.spans()] == [START + DAY, START + 2 * DAY]


def test_events_of_one_work_in_a_calendar_are_one_notice(desk, server) -> None:
    first, second = event(START, "ABC/123", uid="a"), event(START + DAY, "ABC/123", uid="b")
    for body in (calendar(first, second), calendar(first, second, event(START + 3 * DAY, "ABC/123", uid="c"))):
        server.answers["/work.ics"] = answer(200, {"content-length": str(len(body))}, body)
        noticer(desk, feed(server), open_files()).look()
    assert windows(desk) == [("taken", "plan"), ("taken", "change")]
    assert [len(work.spans) for work in desk.planned()] == [3]
    body = calendar(second)  # what stands there no more is not cancelled
    server.answers["/work.ics"] = answer(200, {"content-length": str(len(body))}, body)
    noticer(desk, feed(server), open_files()).look()
    assert [len(work.spans) for work in desk.planned()] == [3]


def test_a_calendar_at_a_private_address_is_not_fetched(desk, server) -> None:
    server.files["/work.ics"] = calendar(event(START, "ABC/123"))
    with pytest.raises(Exception, match="not public"):
        noticer(desk, feed(server)).look()
    assert server.asked == []


def test_what_is_no_calendar_is_told(desk, server) -> None:
    server.files["/work.ics"] = b"<html>sign in</html>"
    with pytest.raises(Exception, match="not an iCalendar"):
        noticer(desk, feed(server), open_files()).look()


# -- the declaration ------------------------------------------------------------------------------------------------


def test_a_declaration_is_read_and_its_faults_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "opensesame")
    path = tmp_path / "notices.yaml"
    path.write_text(
        """notices:
  - {id: noc, kind: maildir, path: /var/mail/maint}
  - {id: imap, kind: imap, host: imap.carrier.example, username: maint, password: "${IMAP_PASSWORD}", every: 30s}
  - {id: feed, kind: calendar, url: "https://lumen.example/work.ics"}
"""
    )
    assert [source.id for source in read_notice_sources(path)] == ["noc", "imap", "feed"]
    path.write_text(
        """notices:
  - {id: noc, kind: imap, host: h, username: u, password: opensesame}
  - {id: noc, kind: calendar, url: "http://lumen.example/work.ics"}
"""
    )
    with pytest.raises(InputError) as caught:
        read_notice_sources(path)
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [
        (2, "notices[0].password"),
        (3, "notices[1].url"),
    ]
    assert "opensesame" not in str(caught.value)


def test_sources_run_beside_each_other_until_they_are_told_to_stop(desk, tmp_path: Path) -> None:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "box" / name).mkdir(parents=True)
    (tmp_path / "box" / "new" / "1.a").write_bytes(mail())
    source = MaildirSource(id="noc", kind="maildir", path=tmp_path / "box", every="50ms")
    running = Noticers([source], desk.world.application.noticeboard)
    running.start()
    waiting = threading.Event()
    while running.standing()[DEFAULT_TENANT, "noc", "maildir"] != (True, 0) and not waiting.wait(0.02):
        assert running.failing() == {}
    running.stop()
    assert [state for state, _ in windows(desk)] == ["taken"]
