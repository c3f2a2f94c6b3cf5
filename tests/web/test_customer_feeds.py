"""A customer's own feeds: the usual parsers read them, whoever has the address, and nobody once it is renewed."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from a_morning import World
from icalendar import Calendar

from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.notices.feeds import atom_feed
from upheld.notices.links import Feed

ATOM = "{http://www.w3.org/2005/Atom}"


def announce(world: World, name: str, days: int) -> Maintenance:
    start = world.clock.at + days * DAY
    work = Maintenance(name, "Line card", start, start + HOUR, ("agg-switch-3",), "Ada", world.clock.at)
    world.process.works.plan(DEFAULT_TENANT, work)
    world.run()
    return work


def path_of(world: World, file: str, customer: str = "acme", number: int = 0, tenant: str = DEFAULT_TENANT) -> str:
    return world.application.links.feed_url(Feed(tenant, customer, number), file).removeprefix("http://testserver")


def test_the_calendar_has_every_work_as_it_was_told_last(world: World) -> None:
    announce(world, "MW-A", 20)
    cancelled = announce(world, "MW-B", 30)
    world.clock.at += HOUR
    world.process.works.cancel(DEFAULT_TENANT, cancelled.id)
    world.run()
    answer = world.stranger().get(path_of(world, "maintenance.ics"))
    assert answer.headers["content-type"].startswith("text/calendar")
    events = {str(e["X-MAINTNOTE-MAINTENANCE-ID"]): e for e in Calendar.from_ical(answer.text).walk("VEVENT")}
    assert str(events["MW-A"]["STATUS"]) == "CONFIRMED"
    assert (str(events["MW-B"]["STATUS"]), events["MW-B"]["SEQUENCE"]) == ("CANCELLED", 1)
    other = Calendar.from_ical(world.stranger().get(path_of(world, "maintenance.ics", "riverbank")).text)
    assert "MW-A" not in {str(e["X-MAINTNOTE-MAINTENANCE-ID"]) for e in other.walk("VEVENT")}


def test_the_notices_are_an_atom_feed(world: World) -> None:
    answer = world.stranger().get(path_of(world, "notices.atom"))
    feed = ElementTree.fromstring(answer.text)  # our own
    assert feed.findtext(f"{ATOM}title") == "Northern Networks"
    entries = feed.findall(f"{ATOM}entry")
    assert "violation" in {entry.find(f"{ATOM}category").attrib["term"] for entry in entries}
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    assert "/confirm/" not in answer.text, "a link that answers for a contact is not told to all"


def test_what_several_contacts_were_told_stands_in_the_feed_once(world: World) -> None:
    with world.application.store.transaction(DEFAULT_TENANT, writing=False) as t:
        told = next(n for n in t.notices(customer="acme") if n.kind == "violation" and n.role.startswith("customer."))
    head, _, number = told.id.rpartition(f"/{told.role}/")
    german = replace(told, id=f"{head}/{told.role}/{int(number) + 1}", subject="Zusage verletzt")
    further = replace(told, id=f"C-../<b> ?/violation-9/{told.role}/0")
    feed = ElementTree.fromstring(atom_feed([german, told, further], "North", "https://n.example/feed"))  # our own
    entries = feed.findall(f"{ATOM}entry")
    assert sorted(entry.findtext(f"{ATOM}title") for entry in entries) == [told.subject] * 2
    for entry in entries:
        assert re.fullmatch(r"https://n.example/feed#[A-Za-z0-9/._%-]+", entry.findtext(f"{ATOM}id"))


def test_what_has_not_changed_is_not_sent_again(world: World) -> None:
    client, path = world.stranger(), path_of(world, "maintenance.ics")
    tag = client.get(path).headers["etag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_renewed_addresses_make_the_earlier_ones_void(world: World) -> None:
    client, url = world.stranger(), "/v1/customers/acme/feeds"
    key = {"Authorization": f"Bearer {world.key}"}
    before = client.get(url, headers=key).json()["calendar"].removeprefix("http://testserver")
    assert client.get(before).status_code == 200
    after = client.post(url, headers=key).json()["calendar"].removeprefix("http://testserver")
    assert (client.get(before).status_code, client.get(after).status_code) == (404, 200)
    assert client.get("/v1/customers/nobody/feeds", headers=key).status_code == 404


@pytest.mark.parametrize(
    "change", [{"tenant": "rival"}, {"customer": "hidden-bank"}, {"number": 1}, {"file": "other.txt"}]
)
def test_an_address_of_anything_else_is_none(world: World, change: dict[str, str]) -> None:
    path = path_of(world, **{"file": "maintenance.ics", **change})
    assert world.stranger().get(path).status_code == 404
    assert world.stranger().get(path_of(world, "maintenance.ics").replace("/feed/", "/feed/x")).status_code == 404
