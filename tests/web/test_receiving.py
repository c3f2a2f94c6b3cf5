"""The receiver's page of a notice: looking changes nothing, a button or one click of a mail program does."""

import mailbox
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import Message
from html import unescape

from a_morning import World, text_of

from upheld.agreements.units import MINUTE, format_instant
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Update
from upheld.notices.consent import OPTIONAL
from upheld.notices.links import Receipt
from upheld.notices.model import OWN_FAILED, Notice
from upheld.reports.records import notice_document


def notices(world: World) -> list[Notice]:
    with world.store.transaction(DEFAULT_TENANT, writing=False) as t:
        return list(t.notices())


def path_of(world: World, notice: Notice, tenant: str = DEFAULT_TENANT) -> str:
    return world.application.links.receipt_url(Receipt(tenant, notice.id)).removeprefix("http://testserver")


def mail_of(world: World, notice: Notice) -> Message:
    found = [m for m in mailbox.Maildir(str(world.directory / "mail")) if m["To"] == notice.address]
    return next(
        m for m in found if "".join(str(make_header(decode_header(m["Subject"]))).splitlines()) == notice.subject
    )


def bodies(mail: Message) -> list[str]:
    """What the parts of a mail that are read say: its text, and its HTML."""
    parts = [part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text"]
    return [part.decode() for part in parts if isinstance(part, bytes)]


def told_how_far_it_is(world: World) -> Notice:
    """Tells the customer of an open case how far it is; the newest notice of it."""
    case = world.case()
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/0", False, "")
    world.process.cases.command(DEFAULT_TENANT, case.id, Update("A card is being replaced.", "Ada"))
    world.run()
    return next(n for n in notices(world) if n.kind == "update" and n.role == "customer.noc")


def test_looking_changes_nothing(world: World) -> None:
    notice = told_how_far_it_is(world)
    before = world.everything()
    client, path = world.stranger(), path_of(world, notice)
    seen = client.get(path)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        client.request(method, f"{path}?wish=stop")
    assert world.everything() == before
    assert notice.subject in text_of(seen.text)
    assert (seen.headers["cache-control"], seen.headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_that_it_was_read_is_kept_once_with_the_first_comment_and_shown(world: World) -> None:
    notice = next(n for n in notices(world) if n.kind == "violation" and n.role == "customer.noc")
    client, path = world.stranger(), path_of(world, notice)
    assert "Thank you" in text_of(client.post(path, data={"wish": "read", "comment": " seen "}).text)
    read_at, after = world.clock.at, world.everything()
    world.clock.at += MINUTE
    client.post(path, data={"wish": "read", "comment": "another"})
    assert world.everything() == after, "what was said holds, and nobody is told of it again"
    kept = next(n for n in notices(world) if n.id == notice.id)
    said = (kept.receipt, kept.receipt_at, kept.acknowledged_at, kept.acknowledgement)
    assert said == ("read", read_at, read_at, "seen")
    document = notice_document(kept)
    assert document["acknowledged_at"] == document["receipt_at"] == format_instant(read_at)
    operator = world.operator()
    page = text_of(operator.get(f"/cases/{notice.case_id}").text)
    assert ("Read, with a comment" in page, "The reader’s comment seen" in page) == (True, True)


def test_who_has_read_what_had_been_delivered_or_come_back_has_it(world: World) -> None:
    notice = next(n for n in notices(world) if n.kind == "violation" and n.role == "customer.noc")
    world.application.notices.heard(DEFAULT_TENANT, notice.id, "bounced", "550 no such user")
    world.stranger().post(path_of(world, notice), data={"wish": "read"})
    kept = next(n for n in notices(world) if n.id == notice.id)
    assert (kept.receipt, kept.receipt_detail, kept.acknowledged_at) == ("read", "", world.clock.at)


def test_the_page_of_a_case_shows_what_came_back_and_who_was_warned(world: World) -> None:
    notice = next(n for n in notices(world) if n.kind == "violation" and n.role == "customer.noc")
    world.application.notices.heard(DEFAULT_TENANT, notice.id, "bounced", "550 no such user")
    page = text_of(world.operator().get(f"/cases/{notice.case_id}").text)
    assert ("Came back" in page, "Could not be told to account-manager" in page) == (True, True)


def test_the_page_of_a_case_says_that_an_own_text_failed(world: World) -> None:
    notice = next(n for n in notices(world) if n.kind == "violation" and n.role == "customer.noc")
    with world.store.transaction(DEFAULT_TENANT) as t:
        t.save_notice(replace(notice, text_version=f"en/violation 0f3a{OWN_FAILED}ZeroDivisionError: <b>"))
    page = text_of(world.operator().get(f"/cases/{notice.case_id}").text)
    assert "Your own text failed: ZeroDivisionError: <b>" in unescape(page)


def test_the_page_of_a_case_says_what_a_notice_waits_for_and_in_whose_place_it_is(world: World) -> None:
    notice = next(n for n in notices(world) if n.kind == "violation" and n.role == "customer.noc")
    with world.store.transaction(DEFAULT_TENANT) as t:
        quiet = replace(
            notice, id="quiet", state="recorded", not_before=world.clock.at + MINUTE, instead_of="a@b.example"
        )
        t.save_notice(quiet)
        t.save_notice(replace(quiet, id="together", together="digest/1"))
    page = text_of(world.operator().get(f"/cases/{notice.case_id}").text)
    assert "In place of a@b.example" in page
    assert ("for the contact’s quiet hours" in page, "to be told with others" in page) == (True, True)


def test_a_mail_leads_to_the_page_and_what_is_kept_of_it_does_not(world: World) -> None:
    began = world.clock.at
    told_how_far_it_is(world)
    told = [n for n in notices(world) if n.recorded_at >= began and n.role == "customer.noc"]
    assert {n.kind for n in told} == {"reopened", "update"}
    for notice in told:
        text, html = bodies(mail_of(world, notice))
        url = world.application.links.receipt_url(Receipt(DEFAULT_TENANT, notice.id))
        assert f"I have read this:\n{url}" in text
        assert f'<a href="{url}">I have read this</a>' in html
        may_stop = notice.kind in OPTIONAL
        assert ("Stop notices like this one:" in text, "Stop notices like this one" in html) == (may_stop, may_stop)
        assert "/notice/" not in notice.text + notice.html, "who sees the notice elsewhere cannot say that it was read"


def test_a_mail_program_stops_such_notices_by_one_click(world: World) -> None:
    notice = told_how_far_it_is(world)
    mail = mail_of(world, notice)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = "".join(mail["List-Unsubscribe"].split()).strip("<>")
    world.stranger().post(url.removeprefix("http://testserver"), data={"List-Unsubscribe": "One-Click"})
    world.clock.at += MINUTE
    world.process.cases.command(DEFAULT_TENANT, world.case().id, Update("It is nearly done.", "Ada"))
    world.run()
    stopped = next(n for n in notices(world) if n.kind == "update" and n.role == "customer.noc")
    assert stopped.state == "stopped"
    assert stopped.reason is not None
    assert stopped.reason.startswith("unsubscribed: the contact stopped these at 2026-06-01")
    others = [n for n in notices(world) if n.kind == "update" and n.role != "customer.noc"]
    assert {n.state for n in others} == {"sent"}, "who did not stop them still gets them"


def test_what_was_stopped_goes_on_by_the_same_page(world: World) -> None:
    notice = told_how_far_it_is(world)
    client, path = world.stranger(), path_of(world, notice)
    assert "These mails stop" in text_of(client.post(path, data={"wish": "stop"}).text)
    assert "Send them again" in text_of(client.get(path).text)
    assert "These mails go on" in text_of(client.post(path, data={"wish": "resume"}).text)
    assert "Stop notices like this one" in text_of(client.get(path).text)


def test_what_an_agreement_promises_cannot_be_stopped(world: World) -> None:
    told_how_far_it_is(world)
    notice = next(n for n in notices(world) if n.kind == "reopened" and n.role == "customer.noc")
    client, path = world.stranger(), path_of(world, notice)
    assert "Stop notices" not in client.get(path).text
    assert client.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 400
    mail = mail_of(world, notice)
    assert mail["List-Unsubscribe"] is None


def test_a_link_of_another_notice_tenant_or_purpose_is_none(world: World) -> None:
    notice = told_how_far_it_is(world)
    client, path = world.stranger(), path_of(world, notice)
    for bad in (path[:-1], path_of(world, notice, "rival"), path.replace("/notice/", "/confirm/")):
        assert client.get(bad).status_code == 404
        assert client.post(bad, data={"wish": "stop"}).status_code == 404
    wrong = world.confirm_path(world.case()).replace("/confirm/", "/notice/")
    assert client.get(wrong).status_code == 404
