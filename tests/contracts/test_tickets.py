"""Every ticket system passes one suite: one ticket, and one note, for a key, whatever was cut off before."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from ticket_systems import PASSWORD, SECRET, ByWebhook, Jira, Kept, ServiceNow, System, Tmf621
from upheld.channels.listed_tickets import ListedTickets
from upheld.channels.webhook import SignedWebhooks
from upheld.clock import SystemClock
from upheld.declared_channels import opened, read_channels
from upheld.ports import DeliveryError, Tickets
from upheld.store import open_store

TICKET: dict[str, Any] = {
    "name": "SLA violation: vpn-1, availability (acme)",
    "description": "Objective availability is violated: attained 0.98.",
    "severity": "Major",
    "ticketType": "SLA",
    "externalId": "C-1",
    "relatedEntity": [{"id": "vpn-1", "role": "service"}, {"id": "acme", "role": "customer"}],
    "findings": {"cause_candidates": []},
}
HOME = IPv4Network("127.0.0.0/8")
SIGNED_IN = "username: upheld, password: '${TICKET_PASSWORD}'"
KINDS: dict[str, tuple[type[System], str]] = {
    "tmf621": (Tmf621, SIGNED_IN),
    "servicenow": (ServiceNow, SIGNED_IN),
    "jira": (Jira, f"{SIGNED_IN}, project: NOC"),
    "webhook": (ByWebhook, "tickets: true, secret: '${TICKET_SECRET}'"),
}


@dataclass
class Place:
    """A ticket system, and what speaks to it. `kept` are the tickets that it has."""

    tickets: Tickets
    kept: Callable[[], list[Kept]]
    system: System | None = None
    guarded: Tickets | None = None


@pytest.fixture(params=[*KINDS, "list"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    if request.param == "list":
        store = open_store(f"sqlite:///{tmp_path / 'upheld.db'}")
        yield Place(ListedTickets(store, SystemClock()), lambda: _listed(store))
        store.close()
        return
    made, fields = KINDS[request.param]
    system = made()
    monkeypatch.setenv("TICKET_PASSWORD", PASSWORD)
    monkeypatch.setenv("TICKET_SECRET", SECRET)
    (tmp_path / "channels.yaml").write_text(
        f"channels: [{{id: tickets, kind: {request.param}, url: {system.url}, {fields}}}]"
    )
    declared, clock = read_channels(tmp_path / "channels.yaml"), SystemClock()
    open_, guarded = (
        opened(declared, allowed, SignedWebhooks(allowed), None, clock).tickets["tickets"]  # type: ignore[arg-type]
        for allowed in ([HOME], [])
    )
    yield Place(open_, lambda: system.tickets, system, guarded)
    system.shutdown()
    system.server_close()


def _listed(store: Any) -> list[Kept]:
    found = []
    for tenant in ("north", "south"):
        with store.transaction(tenant, writing=False) as t:
            found += [
                Kept(x.id, x.id, x.title, [note["text"] for note in x.notes], x.state) for x in reversed(t.tickets())
            ]
    return found


over_a_network = pytest.mark.parametrize("place", [*KINDS], indirect=True)
"""All but the built-in list."""


def test_a_ticket_is_opened_once_for_a_key(place: Place) -> None:
    first = place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
    assert first
    assert place.tickets.open("north", "C-1/gold/ticket/1", TICKET) == first
    (kept,) = place.kept()
    assert kept.title == TICKET["name"]
    other = place.tickets.open("north", "C-1/gold/ticket/2", TICKET)
    assert other != first
    assert place.kept()[0].reference == first


def test_the_same_key_of_another_tenant_is_another_ticket(place: Place) -> None:
    place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
    place.tickets.open("south", "C-1/gold/ticket/1", TICKET)
    assert len(place.kept()) == 2


def test_a_note_is_written_once_for_a_key_and_moves_the_ticket(place: Place) -> None:
    reference = place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
    for _ in range(2):
        place.tickets.update("north", "C-1/gold/note/1", reference, "It is worked on.", "in_progress")
    (kept,) = place.kept()
    assert kept.state == "in_progress"
    place.tickets.update("north", "C-1/gold/note/2", reference, "It is over.", "resolved")
    place.tickets.update("north", "C-1/gold/note/3", reference, "Thank you.", None)
    (kept,) = place.kept()
    assert kept.state == "resolved"
    said = ("It is worked on.", "It is over.", "Thank you.")
    assert [text for text, note in zip(said, kept.notes, strict=True) if text in note] == list(said)


@over_a_network
def test_what_was_cut_off_after_it_was_done_is_not_done_again(place: Place) -> None:
    assert place.system is not None
    place.system.mode = "cut"
    with pytest.raises(DeliveryError) as cut:
        place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
    assert not cut.value.permanent
    place.system.mode = "works"
    reference = place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
    place.system.mode = "cut"
    with pytest.raises(DeliveryError):
        place.tickets.update("north", "C-1/gold/note/1", reference, "It is over.", "resolved")
    place.system.mode = "works"
    place.tickets.update("north", "C-1/gold/note/1", reference, "It is over.", "resolved")
    (kept,) = place.kept()
    assert (len(kept.notes), kept.state) == (1, "resolved")


@over_a_network
def test_a_system_that_is_away_is_tried_again_and_one_that_refuses_is_not(place: Place) -> None:
    assert place.system is not None
    for mode, permanent in (("down", False), ("refuses", True)):
        place.system.mode = mode
        with pytest.raises(DeliveryError) as fault:
            place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
        assert fault.value.permanent == permanent
        said = str(fault.value)
        assert PASSWORD not in said
        assert str(place.system.server_port) not in said
    place.system.shutdown()
    place.system.server_close()
    with pytest.raises(DeliveryError) as gone:
        place.tickets.open("north", "C-1/gold/ticket/1", TICKET)
    assert not gone.value.permanent
    assert not place.kept()


@over_a_network
def test_a_private_address_is_reached_only_where_it_is_allowed(place: Place) -> None:
    assert place.guarded is not None
    assert place.system is not None
    with pytest.raises(DeliveryError) as refused:
        place.guarded.open("north", "C-1/gold/ticket/1", TICKET)
    assert refused.value.permanent
    assert not place.system.seen


@pytest.mark.parametrize("place", ["tmf621", "servicenow", "jira", "list"], indirect=True)
def test_a_note_on_a_ticket_that_is_not_there_fails_for_good(place: Place) -> None:
    """What becomes of one by webhook is the receiver's to say."""
    with pytest.raises(DeliveryError) as fault:
        place.tickets.update("north", "C-1/gold/note/1", "TT-404", "Hello?", None)
    assert fault.value.permanent
