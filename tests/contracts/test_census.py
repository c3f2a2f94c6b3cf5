"""How things stand in the whole installation: the same figures on every database."""

from store_records import JUNE, a_case, a_dead_letter, an_entry, an_event

from upheld.measurements.model import Measurement, to_table
from upheld.store import SqlStore

LEASE = 60_000_000


def test_entries_are_waiting_due_or_held_and_cases_are_open_or_not(store: SqlStore) -> None:
    for tenant in ("t", "u"):
        store.add_tenant(tenant, tenant)
    with store.transaction("t") as t:
        t.schedule(an_entry(id="held", due_at=JUNE + 1))
    store.claim(JUNE + 1, LEASE, 1)
    with store.transaction("t") as t:
        for due in (2, 3, 99):
            t.schedule(an_entry(id=f"at-{due}", due_at=JUNE + due))
        t.schedule(an_entry(id="done", due_at=JUNE))
        t.finish("done")
    for tenant in ("t", "u"):
        with store.transaction(tenant) as t:
            t.save_case(a_case(state="restored"), [an_event()])
            t.save_case(a_case(id="over", service="s2", state="closed"), [an_event(case_id="over")])

    found = store.census(JUNE + 10)
    assert found.tenants == ("t", "u")
    assert found.open_cases == {(tenant, "violation", "restored"): 1 for tenant in ("t", "u")}
    assert found.agenda == {
        ("remind", "held"): (1, JUNE + 1),
        ("remind", "due"): (2, JUNE + 2),
        ("remind", "waiting"): (1, JUNE + 99),
    }
    assert ("remind", "due") in store.census(JUNE + 1 + LEASE).agenda


def test_dead_letters_that_wait_are_counted_by_tenant_and_reason(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.set_aside(a_dead_letter())
        t.set_aside(a_dead_letter(id="DL-2", reason="malformed"))
        t.set_aside(a_dead_letter(id="DL-3"))
        t.change_dead_letter(a_dead_letter(id="DL-3", state="discarded"), 2)
    found = store.census(JUNE)
    assert found.dead_letters == {("t", "refused"): 1, ("t", "malformed"): 1}
    assert found.dead_letters_dropped == {}


def test_the_backlog_is_what_stands_behind_a_position_of_this_tenant(store: SqlStore) -> None:
    assert store.backlog("t", 0) == (0, 0)
    row = Measurement("s", "m", JUNE, 1.0, known_at=JUNE)
    first = store.append("t", to_table([row, row]))
    store.append("u", to_table([row]))
    last = store.append("t", to_table([row]))
    assert store.backlog("t", 0) == (last, 3)
    assert store.backlog("t", first) == (last, 1)
    assert store.backlog("t", last) == (last, 0)
