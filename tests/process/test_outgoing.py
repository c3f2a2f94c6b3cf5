"""What other systems are told while the process runs, and what billing is."""

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat

from upheld.agreements.units import DAY, HOUR, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement
from upheld.outgoing.billing import Adjustment
from upheld.outgoing.model import MEDIA_TYPE, TYPES, OutgoingEvent, cloud_event
from upheld.ports import VerdictFilter
from upheld.reports.records import record_document

GOOD, BAD = [1.0], [0.0]


def told(world) -> Sequence[OutgoingEvent]:
    with world.transaction() as t:
        return t.outgoing_events(0, 1000)


def types(world) -> list[str]:
    return [event.type.removeprefix("org.upheld.") for event in told(world)]


def adjustments(world) -> Sequence[Adjustment]:
    with world.transaction() as t:
        return t.adjustments()


def credit(world) -> Decimal:
    """What the first day of the service is owed now."""
    with world.transaction() as t:
        verdict = min(t.verdicts(VerdictFilter(service="vpn-0042")), key=lambda v: v.period_start)
    return verdict.credit.amount if verdict.credit is not None else Decimal(0)


def days_pass(world, days: int = 2) -> None:
    for _ in range(days * 24):
        world.pass_time(HOUR)


def test_a_case_is_told_from_its_beginning_to_its_end(world):
    world.deliver(*GOOD * 10, *BAD * 4)
    assert types(world) == ["case.opened"]
    world.deliver(*BAD * 4)
    while "case.restored" not in types(world):  # how often open cases are looked after depends on this machine
        world.deliver(*GOOD)
    assert types(world) == ["case.opened", "case.worsened", "case.restored"]
    world.answer(solved=False)
    world.process.cases.ask_again(DEFAULT_TENANT, world.case().id, "operator")
    world.answer(solved=True)
    no = ["case.answered", "case.reopened", "case.escalated"]
    assert types(world)[3:] == [*no, "case.restored", "case.answered", "case.closed"]
    assert [event.position for event in told(world)] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert {event.subject for event in told(world)} == {world.case().id}


def test_each_event_carries_the_case_as_it_was_then(world):
    world.deliver(*GOOD * 10, *BAD * 4)
    assert told(world)[0].data["findings"] == world.case().findings
    assert (told(world)[0].data["kind"], told(world)[0].data["state"]) == ("degradation", "acting")
    world.deliver(*BAD * 5)
    newest = json.loads(json.dumps(record_document(world.case())))
    assert told(world)[-1].data == newest | {"seq": told(world)[-1].data["seq"]}
    assert told(world)[0].data["kind"] == "degradation", "it stays as it was"


def test_what_is_told_is_a_cloud_event_by_the_word_of_another(world):
    """The library of the CloudEvents project reads it, and checks what the specification asks for."""
    world.deliver(*GOOD * 10, *BAD * 9)
    for event in told(world):
        body = json.dumps(cloud_event(event, "nördlich/1", "https://sla.example.net/")).encode()
        read = from_structured(HTTPMessage({"content-type": MEDIA_TYPE}, body), JSONFormat())
        assert read.get_id() == f"n%C3%B6rdlich%2F1/{event.position}"
        assert read.get_source() == "https://sla.example.net/tenants/n%C3%B6rdlich%2F1"
        assert read.get_type() in TYPES
        assert read.get_subject() == read.get_extension("partitionkey") == world.case().id
        assert format_instant(round(read.get_time().timestamp() * 1_000_000)) == format_instant(event.at)
        assert read.get_extension("sequence") == f"{event.position:019}"
        assert read.get_data()["id"] == world.case().id


def test_a_planned_work_is_told_and_its_cancellation(world):
    start = world.clock.at + 5 * DAY
    work = Maintenance("M-1", "new line card", start, start + HOUR, ("switch-1",), "CAB", world.clock.at)
    for _ in range(2):
        world.process.works.plan(DEFAULT_TENANT, work)
    world.process.works.cancel(DEFAULT_TENANT, "M-1")
    assert types(world) == ["maintenance.announced", "maintenance.cancelled"]
    assert [event.data["state"] for event in told(world)] == ["planned", "cancelled"]
    assert told(world)[0].data["start"] == format_instant(start)


@pytest.fixture
def owed(world):
    """A day is over, and its credit due."""
    world.deliver(*BAD * 20, *GOOD * 20)
    assert not adjustments(world), "nothing is owed before the verdict is final"
    days_pass(world)
    assert credit(world) == Decimal("120.00")
    return world


def test_a_credit_is_told_once_when_it_is_due(owed):
    (adjustment,) = adjustments(owed)
    assert (adjustment.amount, adjustment.credit, adjustment.currency) == ("120.00", "120.00", "EUR")
    assert (adjustment.reason, adjustment.customer, adjustment.service) == ("due", "acme", "vpn-0042")
    assert (adjustment.agreement, adjustment.objective) == ("acme-vpn-gold", "availability")
    assert adjustment.period_start == parse_instant("2026-06-01T00:00:00+02:00")
    (event,) = [event for event in told(owed) if event.type == "org.upheld.credit.adjusted"]
    assert event.data["id"] == adjustment.id
    assert event.subject == "acme-vpn-gold/availability/vpn-0042/2026-05-31T22:00:00Z"
    owed.restart()
    days_pass(owed, 1)
    assert len(adjustments(owed)) == 1


def test_a_credit_that_is_taken_back_and_given_again_is_told_as_differences(owed):
    start = parse_instant("2026-06-01T00:00:00+02:00")
    span, now = (start, start + 20 * MINUTE), owed.clock.at
    exclusion = Exclusion("vpn-0042", *span, "planned_maintenance", "legal", known_at=now)
    owed.process.grant_exclusion(DEFAULT_TENANT, "X-1", exclusion)
    owed.run()
    owed.restart()
    owed.process.revoke_exclusion(DEFAULT_TENANT, "X-1", "legal")
    owed.run()
    found = adjustments(owed)
    assert [(one.amount, one.credit, one.reason) for one in found] == [
        ("120.00", "120.00", "due"),
        ("-120.00", "0.00", "withdrawn"),
        ("120.00", "120.00", "due"),
    ]
    assert [one.verdict_version for one in found] == [1, 2, 3]
    assert [one.approver for one in found] == [None, "legal", "legal"]
    assert len({one.id for one in found}) == 3
    restated = [event for event in told(owed) if event.type == "org.upheld.verdict.restated"]
    assert [(e.data["before"]["version"], e.data["verdict"]["version"]) for e in restated] == [(1, 2), (2, 3)]
    assert restated[0].data["before"]["credit"]["amount"] == "120.00"
    assert restated[0].data["verdict"]["credit"] is None
    assert "planned_maintenance" in restated[0].data["cause"]


def test_nothing_is_told_where_the_transaction_fails(owed, monkeypatch):
    before = len(told(owed)), len(adjustments(owed))
    start = parse_instant("2026-06-01T00:00:00+02:00")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    slots, now = range(start, start + 20 * MINUTE, MINUTE), owed.clock.at
    owed.take(*(Measurement("vpn-0042", "reachable", slot, 1.0, known_at=now) for slot in slots))
    with monkeypatch.context() as patched:
        patched.setattr("upheld.store.outgoing.append", fail)
        owed.process.pulse(DEFAULT_TENANT)
    assert (len(told(owed)), len(adjustments(owed))) == before
    assert credit(owed) == Decimal("120.00")
    owed.run()
    assert credit(owed) == 0
    assert [one.amount for one in adjustments(owed)] == ["120.00", "-120.00"]


def test_old_events_go_whether_they_were_fetched_or_not(world):
    world.deliver(*GOOD * 10, *BAD * 4)
    assert world.application.remove() == 0
    world.clock.at += 91 * DAY
    world.application.forgetting.run()
    assert told(world) == []
    with world.transaction() as t:
        assert t.outgoing_span() == (1, 1)
