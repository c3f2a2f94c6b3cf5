"""Tenants are kept apart: each sees and touches its own rows only, also where ids are the same."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from store_records import (
    JUNE,
    KEY,
    a_brief_case,
    a_case,
    a_change,
    a_claim,
    a_collection_job,
    a_dead_letter,
    a_hub,
    a_maintenance,
    a_notice,
    a_noticed_work,
    a_problem,
    a_received,
    a_sender,
    a_service_event,
    a_source_file,
    a_ticket,
    a_verdict,
    an_action,
    an_adjustment,
    an_alarm,
    an_announcement,
    an_assessment,
    an_entry,
    an_event,
    an_exclusion,
    an_objection,
    an_outgoing_event,
    an_owed,
    an_owed_resolution,
    some_news,
)

from upheld.actions.model import Action
from upheld.assessment.versions import Version
from upheld.cases.model import Case
from upheld.cases.problems import Happened
from upheld.maintenance.objection import Objections
from upheld.notices.model import Notice
from upheld.ports import Adoption, Kept, LogFloor, Stated, Told, Transaction, VerdictFilter
from upheld.store import SqlStore, tables
from upheld.store.transactions import SqlTransaction

# Every reading method with what it gives to the tenant whose rows carry the mark.
READS: dict[str, tuple[Callable[[Transaction], Any], Callable[[str], Any]]] = {
    "portfolio": (lambda t: t.portfolio(), lambda mark: (1, f"# {mark}\n")),
    "mapping": (lambda t: t.mapping(), lambda mark: (1, f"# {mark}\n")),
    "playbooks": (lambda t: t.playbooks(), lambda mark: (1, f"# {mark}\n")),
    "topology": (lambda t: t.topology(), lambda mark: (1, f'{{"{mark}": 1}}')),
    "topology_version": (lambda t: t.topology_version(), lambda mark: 1),
    "log_floor": (lambda t: t.log_floor(), lambda mark: a_floor(mark)),
    "stated": (lambda t: t.stated(), lambda mark: Stated(ord(mark), 1)),
    "dead_letter": (lambda t: t.dead_letter("DL-1"), a_dead_letter),
    "dead_letters": (lambda t: t.dead_letters(), lambda mark: [a_dead_letter(mark, body=b"")]),
    "dead_letters_dropped": (lambda t: t.dead_letters_dropped(), lambda mark: 0),
    "senders": (lambda t: t.senders(), lambda mark: [a_sender(mark)]),
    "source_file": (lambda t: t.source_file("drop", "/in/a.csv", "1-a"), a_source_file),
    "source_file_states": (
        lambda t: t.source_file_states("drop") | t.source_file_states("TMF628/4"),
        lambda mark: {f"begun{mark}": 1, "taken": 1},
    ),
    "collection_job": (lambda t: t.collection_job(4), lambda mark: a_collection_job(mark, id=4)),
    "collection_jobs": (lambda t: t.collection_jobs(), lambda mark: [a_collection_job(mark, id=4)]),
    "count_collection_jobs": (lambda t: t.count_collection_jobs(), lambda mark: 1),
    "verdict": (lambda t: t.verdict(KEY), a_verdict),
    "newest": (lambda t: list(t.newest([KEY]).values()), lambda mark: [a_verdict(mark)]),
    "verdicts": (
        lambda t: t.verdicts(VerdictFilter(newest_only=True)),
        lambda mark: [a_verdict(mark), a_verdict(mark, objective="rolling")],
    ),
    "verdict_versions": (
        lambda t: t.verdict_versions(KEY),
        lambda mark: [Version(a_verdict(mark), JUNE, "first", mark)],
    ),
    "verdicts_known": (
        lambda t: [k for k in t.verdicts_known(VerdictFilter(), JUNE) if k.rolling_from is None],
        lambda mark: [Kept(a_verdict(mark), JUNE, JUNE)],
    ),
    "newest_windows": (
        lambda t: list(t.newest_windows([("acme-gold", "rolling", "vpn-1", JUNE)]).values()),
        lambda mark: [a_verdict(mark, objective="rolling")],
    ),
    "assessment": (lambda t: t.assessment(), lambda mark: an_assessment(mark, number=1)),
    "adoption": (lambda t: t.adoption(1), lambda mark: Adoption(1, f"# {mark}\n", JUNE, mark, {"a": [1, mark]})),
    "case": (lambda t: t.case("case-1"), a_case),
    "open_case": (lambda t: t.open_case(*KEY[:3]), a_case),
    "cases_of": (lambda t: t.cases_of(*KEY[:3]), lambda mark: [a_case(mark)]),
    "cases": (lambda t: t.cases(), lambda mark: [a_case(mark), an_ended_case(mark)]),
    "open_cases": (lambda t: t.open_cases(), lambda mark: [a_brief_case(mark)]),
    "cases_of_services": (
        lambda t: t.cases_of_services(["vpn-1"], is_open=True, limit=5),
        lambda mark: [as_related(a_case(mark))],
    ),
    "cases_suspecting": (
        lambda t: t.cases_suspecting("switch-1", 5),
        lambda mark: [as_related(an_ended_case(mark))],
    ),
    "problems_of": (
        lambda t: t.problems_of(["switcha", "switchb"], is_open=True, limit=5),
        lambda mark: [a_problem(mark)],
    ),
    "cases_opened": (lambda t: t.cases_opened(JUNE, JUNE + 10**12), lambda mark: [a_brief_case(mark)]),
    "notices_kept": (lambda t: t.notices_kept(JUNE, JUNE + 1, JUNE), lambda mark: {}),
    "count_open": (lambda t: t.count_open(), lambda mark: {"P-1": 1}),
    "count_customers": (lambda t: t.count_customers(["P-1"]), lambda mark: {"P-1": 1}),
    "problem": (lambda t: t.problem("P-1"), a_problem),
    "problems": (lambda t: t.problems(only_open=True), lambda mark: [a_problem(mark)]),
    "parts_of": (lambda t: t.parts_of("P-0"), lambda mark: [a_problem(mark)]),
    "problem_story": (lambda t: t.problem_story("P-1"), lambda mark: []),  # see test_what_happened_to_the_cases...
    "notices_counted": (lambda t: t.notices_counted("P-1"), lambda mark: [Happened(JUNE, "violation sent", 1)]),
    "cases_of_problem": (
        lambda t: t.cases_of_problem("P-1"),
        lambda mark: [replace(a_brief_case(mark), told=a_case(mark).told, resolution=a_case().resolution)],
    ),
    "count_cases": (lambda t: t.count_cases("P-1")[1] or None, lambda mark: 1),
    "owed_resolution": (lambda t: t.owed_resolution("P-1"), an_owed_resolution),
    "owed_resolutions": (lambda t: t.owed_resolutions((JUNE, "")), lambda mark: [an_owed_resolution(mark)]),
    "resolutions_kept": (lambda t: t.resolutions_kept(JUNE, JUNE + 1, JUNE).runs, lambda mark: 1),
    "cases_unresolved": (lambda t: t.cases_unresolved(), lambda mark: [an_ended_case(mark)]),
    "is_owed": (lambda t: t.is_owed("P-1"), lambda mark: True),
    "owed_as_told": (
        lambda t: t.owed_as_told("P-1", "told", JUNE),
        lambda mark: [an_owed(mark, party="told", told=JUNE)],
    ),
    "news_of": (lambda t: t.news_of(KEY, "acme"), lambda mark: [some_news(mark)]),
    "told_of_case": (lambda t: t.told_of_case("case-1"), lambda mark: [a_notice(mark, text="", html="")]),
    "told_of_problem": (lambda t: t.told_of_problem("P-2", "acme"), lambda mark: [told_of_problem(mark)]),
    "summaries_told": (lambda t: t.summaries_told("acme-gold", JUNE), lambda mark: [a_summary(mark)]),
    "notices_of": (lambda t: t.notices_of(a_case()), lambda mark: [a_notice(mark)]),
    "notices_promised": (lambda t: t.notices_promised(None, 5), lambda mark: []),
    "agenda_of": (
        lambda t: t.agenda_of(["send"], ["case-1"]),
        lambda mark: [an_entry(mark, id="send/case-1/1", tenant=mark)],
    ),
    "events": (lambda t: t.events("case-1"), lambda mark: [an_event(mark)]),
    "action": (lambda t: t.action("action-1"), an_action),
    "actions": (lambda t: t.actions("case-1"), lambda mark: [an_action(mark)]),
    "actions_brief": (lambda t: t.actions_brief("case-1"), lambda mark: [an_action(mark, detail={})]),
    "tickets_of_cases": (lambda t: t.tickets_of_cases("P-1"), lambda mark: [an_action(mark, detail={})]),
    "actions_to_do": (lambda t: t.actions_to_do(), lambda mark: [a_held_step(mark)]),
    "first_held": (lambda t: t.first_held("tickets", (JUNE + 1, "")), lambda mark: a_held_step(mark)),
    "tickets": (lambda t: t.tickets(), lambda mark: [a_ticket(mark)]),
    "notice": (lambda t: t.notice("notice-1"), a_notice),
    "notices_together": (lambda t: t.notices_together("digest/1"), lambda mark: [a_notice(mark)]),
    "unsent_before": (
        lambda t: (
            t.unsent_before(an_unsent_notice("b", id="later", recorded_at=JUNE + 1), JUNE, JUNE)
            or t.unsent_before(an_unsent_notice("a", id="later", recorded_at=JUNE + 1), JUNE, JUNE)
        ),
        lambda mark: an_unsent_notice(mark),
    ),
    "unsent_after": (
        lambda t: (
            t.unsent_after(an_unsent_notice("b", id="earlier", seq=3), JUNE)
            or t.unsent_after(an_unsent_notice("a", id="earlier", seq=3), JUNE)
        ),
        lambda mark: an_unsent_notice(mark),
    ),
    "count_sent": (
        lambda t: t.count_sent("email", "noca@acme.example", 0) - t.count_sent("email", "nocb@acme.example", 0),
        lambda mark: {"a": 1, "b": -1}[mark],
    ),
    "told_customer": (
        lambda t: [n for n in t.told_customer("acme", 0, 10) if n.id == "notice-1"],
        lambda mark: [a_notice(mark)],
    ),
    "feed_number": (lambda t: t.feed_number("acme"), lambda mark: ord(mark)),
    "unsubscribed_at": (
        lambda t: t.unsubscribed_at("email", "noc@acme.example", "update"),
        lambda mark: JUNE + ord(mark),
    ),
    "notice_known_as": (lambda t: t.notice_known_as("outside-1"), a_notice),
    "notices": (lambda t: t.notices(case_id="case-1"), lambda mark: [a_notice(mark)]),
    "maintenance": (lambda t: t.maintenance("work-1"), a_maintenance),
    "maintenances": (lambda t: t.maintenances(), lambda mark: [a_maintenance(mark)]),
    "objection": (lambda t: t.objection("O-1"), an_objection),
    "objections": (lambda t: t.objections("work-1", "agreed"), lambda mark: [an_objection(mark)]),
    "objections_to_tell": (
        lambda t: t.objections_to_tell("work-1", 5),
        lambda mark: [an_objection(mark, id="O-2", state="open", told_at=None)],
    ),
    "count_objections": (lambda t: t.count_objections(JUNE) or None, lambda mark: {"work-1": Objections(2, 1, 1)}),
    "announcements_of": (lambda t: t.announcements_of("acme-gold"), lambda mark: [an_announcement(mark)]),
    "works_during": (
        lambda t: t.works_during("acme-gold", 0, 10**18),
        lambda mark: [(a_maintenance(mark), an_announcement(mark))],
    ),
    "cases_during": (
        lambda t: t.cases_during("acme-gold", 0, 10**18),
        lambda mark: [
            replace(as_related(an_ended_case(mark)), findings={}),
            replace(a_brief_case(mark), resolution=a_case().resolution),
        ],
    ),
    "announcements": (lambda t: t.announcements("work-1"), lambda mark: [an_announcement(mark)]),
    "exclusion": (lambda t: t.exclusion("exclusion-1"), an_exclusion),
    "exclusions": (lambda t: t.exclusions(), lambda mark: [an_exclusion(mark)]),
    "exclusions_place": (lambda t: t.exclusions_place(), lambda mark: 1),
    "exclusions_standing": (lambda t: t.exclusions_standing(1), lambda mark: [an_exclusion(mark)]),
    "every_exclusion": (lambda t: t.every_exclusion(), lambda mark: [an_exclusion(mark)]),
    "service_events": (lambda t: t.service_events(), lambda mark: [a_service_event(mark)]),
    "service_events_place": (lambda t: t.service_events_place(), lambda mark: 2),
    "exclusions_earned": (
        lambda t: list(t.exclusions_earned("work-1").values()),
        lambda mark: [an_exclusion(mark)],
    ),
    "received": (lambda t: t.received("N-1"), a_received),
    "received_brief": (lambda t: list(t.received_brief(["N-1"]).values()), lambda mark: [a_received(mark, body=b"")]),
    "noticed": (lambda t: t.noticed("N-1-1"), a_noticed_work),
    "noticed_in": (lambda t: t.noticed_in("N-1"), lambda mark: [a_noticed_work(mark)]),
    "noticed_of": (lambda t: t.noticed_of(("lumen", "42", "CHG-1")), lambda mark: [a_noticed_work(mark)]),
    "noticed_about": (lambda t: t.noticed_about("work-1"), lambda mark: [a_noticed_work(mark)]),
    "noticed_works": (lambda t: t.noticed_works("waiting"), lambda mark: [a_noticed_work(mark)]),
    "count_waiting_notices": (lambda t: t.count_waiting_notices(), lambda mark: 1),
    "said_circuits": (lambda t: t.said_circuits("lumen"), lambda mark: {"abc": (f"fibre{mark}",)}),
    "change": (lambda t: t.change("change-1"), lambda mark: a_change(mark)),
    "changes": (lambda t: t.changes(0), lambda mark: [a_change(mark)]),
    "alarms_numbered": (lambda t: t.alarms_numbered("17"), lambda mark: [an_alarm(mark, id=3)]),
    "alarm": (lambda t: t.alarm(3), lambda mark: an_alarm(mark, id=3)),
    "alarms": (lambda t: t.alarms(), lambda mark: [an_alarm(mark, id=3)]),
    "count_alarms": (lambda t: t.count_alarms(), lambda mark: 1),
    "alarms_about": (lambda t: t.alarms_about(["router-7"], JUNE, 5), lambda mark: [an_alarm(mark, id=3)]),
    "outgoing_events": (lambda t: t.outgoing_events(0, 5), lambda mark: [an_outgoing_event(mark)]),
    "outgoing_event": (lambda t: t.outgoing_event(1), an_outgoing_event),
    "outgoing_span": (lambda t: t.outgoing_span() if t.outgoing_span()[1] else None, lambda mark: (0, 1)),
    "claim_of": (lambda t: t.claim_of(KEY), a_claim),
    "claims": (lambda t: t.claims(service="vpn-1"), lambda mark: [a_claim(mark)]),
    "new_claims": (lambda t: t.new_claims(), lambda mark: [a_claim(mark)]),
    "adjustments": (lambda t: t.adjustments(0, JUNE + 1), lambda mark: [an_adjustment(mark)]),
    "hub": (lambda t: t.hub("hub-1"), a_hub),
    "hubs": (lambda t: t.hubs(), lambda mark: [a_hub(mark)]),
    "sink_position": (lambda t: t.sink_position("crm"), ord),
    "agenda_from": (
        lambda t: t.agenda_from([f"remind{mark}" for mark in ("a", "b", "c")], ["/1"], None, 5),
        lambda mark: [an_entry(mark, id="send/case-1/1", tenant=mark)],
    ),
    "agenda": (
        lambda t: t.agenda(),
        lambda mark: [an_entry(mark, tenant=mark), an_entry(mark, id="send/case-1/1", tenant=mark)],
    ),
}


def fill(t: Transaction, mark: str) -> None:
    t.save_portfolio(f"# {mark}\n", JUNE, mark, {"a": [1, mark]})
    t.save_mapping(f"# {mark}\n", JUNE, mark)
    t.save_playbooks(f"# {mark}\n", JUNE, mark)
    t.save_topology(f'{{"{mark}": 1}}', JUNE, mark)
    t.add_to_senders([a_sender(mark)])
    t.save_source_file(a_source_file(mark))
    t.set_aside(a_dead_letter(mark))
    t.put_verdicts([Told(a_verdict(mark), "first", mark)], JUNE)
    t.put_verdicts([Told(a_verdict(mark, objective="rolling"), "first", mark, JUNE)], JUNE)
    t.add_assessment(an_assessment(mark))
    t.save_case(a_case(mark), [an_event(mark)])
    t.save_case(an_ended_case(mark), [an_event(mark, case_id="case-9")])
    t.save_problem(a_problem(mark))
    t.save_owed_resolution(an_owed_resolution(mark))
    t.owe([an_owed(mark), an_owed(mark, party="told", told=JUNE)])
    t.add_news([some_news(mark)])
    t.save_notice(replace(told_of_problem(mark), text="text"))
    t.save_notice(replace(a_summary(mark), text="text"))
    t.save_action(an_action(mark))
    t.save_action(a_held_step(mark))
    t.open_ticket(a_ticket(mark))
    t.save_notice(a_notice(mark))
    t.save_notice(an_unsent_notice(mark))
    t.change_feed_number("acme", ord(mark))
    t.add_unsubscription("email", "noc@acme.example", "update", JUNE + ord(mark))
    t.save_maintenance(a_maintenance(mark))
    t.save_announcements([an_announcement(mark)])
    t.save_objection(an_objection(mark, id="O-2", state="open", told_at=None))
    t.save_objection(an_objection(mark))
    t.add_exclusion("exclusion-1", an_exclusion(mark), "work-1")
    t.add_service_events([a_service_event(mark)])
    t.add_change(a_change(mark))
    t.save_alarm(an_alarm(mark, id=0))
    job = t.save_collection_job(a_collection_job(mark))
    t.save_source_file(replace(a_source_file(), source=job.source, state="taken"))
    t.add_received(a_received(mark))
    t.save_noticed(a_noticed_work(mark))
    t.save_circuit("lumen", "abc", [f"fibre{mark}"], JUNE, "Ada")
    t.schedule(an_entry(mark))
    t.schedule(an_entry(mark, id="send/case-1/1"))
    t.raise_log_floor(a_floor(mark))
    t.save_stated(Stated(ord(mark), 1))
    t.add_outgoing([an_outgoing_event(mark, position=0)])
    t.add_adjustments([an_adjustment(mark)])
    assert t.add_claim(a_claim(mark))
    t.add_hub(a_hub(mark))
    t.add_sink("crm", ord(mark))


def an_ended_case(mark: str) -> Case:
    """One before the others, of no problem, with a suspected cause, of which nobody has said what it was."""
    suspected = {"cause_candidates": [{"resource": "switch-1", "score": 0.9}]}
    return a_case(
        mark,
        id="case-9",
        service="vpn-9",
        state="closed",
        problem=None,
        findings=suspected,
        opened_at=JUNE - 1,
        resolution={},
    )


def told_of_problem(mark: str) -> Notice:
    """One to a customer of several cases of a problem, without its texts."""
    return a_notice(
        mark,
        id="notice-2",
        case_id=None,
        problem_id="P-2",
        customer="acme",
        text="",
        html="",
        outside_id="outside-2",
        together=None,
        sent_at=None,
    )


def an_unsent_notice(mark: str, **changes: object) -> Notice:
    """One of a case of another customer, which waits for nothing."""
    unsent = a_notice(
        mark,
        id="notice-5",
        state="recorded",
        customer="beta",
        case_id="case-8",
        maintenance_id=None,
        problem_id=None,
        due_by=None,
        sent_at=None,
        not_before=None,
        together=None,
        outside_id="outside-5",
    )
    return replace(unsent, **changes)  # type: ignore[arg-type]


def a_summary(mark: str) -> Notice:
    """One of an agreement, without its texts."""
    name = "summary/acme-gold/2026-06-01T00:00:00Z/customer.noc/0"
    return a_notice(
        mark,
        id=name,
        kind="credit",
        case_id=None,
        problem_id=None,
        text="",
        html="",
        outside_id="outside-3",
        together=None,
        sent_at=None,
    )


def as_related(case: Case) -> Case:
    return replace(case, verdict={}, periods={}, told={}, answers=())


def a_held_step(mark: str) -> Action:
    return an_action(mark, id="step-2", case_id="case-2", state="requested")


def a_floor(mark: str) -> LogFloor:
    """Raised before anything that `fill` adds was known, so that nothing is forgotten."""
    return LogFloor(kept_from=ord(mark), settled=ord(mark), raised_at=1)


def touch_everything(t: Transaction) -> None:
    """Every change that a tenant can make to rows that are there."""
    t.save_portfolio("# touched\n", JUNE)
    t.save_mapping("# touched\n", JUNE)
    t.save_playbooks("# touched\n", JUNE)
    t.save_topology("{}", JUNE)
    t.add_to_senders([a_sender("-touched")])
    t.save_source_file(a_source_file("-touched"))
    t.set_aside(a_dead_letter("-touched"))
    t.change_dead_letter(a_dead_letter("-touched", state="discarded"), 2)
    t.put_verdicts([Told(a_verdict("-touched"), "touched")], JUNE)
    t.put_verdicts(
        [Told(a_verdict("-touched", objective="rolling", period_start=JUNE + 1), "touched", None, JUNE)], JUNE
    )
    t.add_assessment(an_assessment("-touched"))
    t.save_case(a_case("-touched", seq=2), [an_event("-touched", seq=2)])
    t.save_problem(a_problem("-touched"))
    t.save_owed_resolution(an_owed_resolution("-touched"))
    t.forget_owed_resolution("P-1")
    t.take_owed("P-1", JUNE, 10)
    t.merge_problem("P-1", a_problem(id="P-2"), JUNE)
    t.save_news(some_news("-touched"))
    t.take_news(JUNE + 10**12, 1, 1, 10)
    t.save_action(an_action("-touched"))
    t.note_on_ticket("ticket-1", {"id": "touched", "text": "", "state": None}, "closed")
    t.save_notice(a_notice("-touched"))
    t.change_feed_number("acme", 1)
    t.forget_unsubscription("email", "noc@acme.example", "update")
    t.save_maintenance(a_maintenance("-touched"))
    t.save_announcements([an_announcement("-touched")])
    t.save_objection(an_objection("-touched"))
    t.lapse_objections("work-1")
    assert t.change_noticed(a_noticed_work("-touched"))
    t.save_noticed(a_noticed_work("-touched"))
    t.save_circuit("lumen", "abc", ["touched"], JUNE, "Bob")
    t.revoke_exclusion("exclusion-1", JUNE)
    t.add_service_events([a_service_event("-touched")])
    t.save_alarm(an_alarm("-touched", id=3))
    t.forget_collection_job(a_collection_job(id=4))
    t.save_collection_job(a_collection_job("-touched", id=4))
    t.retry("entry-1", JUNE + 1, "touched")
    t.give_up("entry-1", "touched")
    t.finish("entry-1")
    t.add_outgoing([an_outgoing_event("-touched", position=0)])
    t.add_adjustments([an_adjustment("-touched", id="A-2")])
    t.change_claim(a_claim(), JUNE)
    t.add_hub(a_hub("-touched", id="hub-2"))
    t.forget_hub("hub-1")
    t.add_sink("hub-1", 1)
    assert t.change_sink("crm", ord("a"), 8)
    t.forget_outgoing(JUNE + 1)
    t.raise_log_floor(LogFloor(kept_from=JUNE, settled=JUNE, raised_at=1))
    t.save_stated(Stated(JUNE, 2))
    t.forget_source_files("drop", 2**62, ())
    t.forget_alarms(2**62)


@pytest.fixture
def shared(store: SqlStore) -> SqlStore:
    """A store in which the tenants a and b have rows with the same ids."""
    for mark in ("a", "b"):
        with store.transaction(mark) as t:
            fill(t, mark)
    return store


def test_a_tenant_reads_its_own_rows_and_no_others(shared: SqlStore) -> None:
    for mark in ("a", "b"):
        with shared.transaction(mark, writing=False) as t:
            for read, (ask, expected) in READS.items():
                assert ask(t) == expected(mark), read
    with shared.transaction("nobody", writing=False) as t:
        for read, (ask, _) in READS.items():
            assert not ask(t), read


def test_every_reading_method_is_among_those_tested() -> None:
    methods = {name for name in dir(Transaction) if not name.startswith("_")}
    writing = re.compile(
        "save_|raise_|merge_|put_|add_|open_ticket|revoke_|forget_|note_on_|set_aside|change_|lapse_|schedule|finish|retry|hasten|give_up|owe$|take_"
    )
    assert {name for name in methods if not writing.match(name)} == set(READS)
    assert methods <= set(dir(SqlTransaction))


def test_no_change_of_one_tenant_touches_another(shared: SqlStore) -> None:
    with shared.transaction("a") as t:
        touch_everything(t)
    with shared.transaction("b", writing=False) as t:
        for ask, expected in READS.values():
            assert ask(t) == expected("b")


def test_the_same_ids_are_free_to_every_tenant_also_for_one_open_case_each(shared: SqlStore) -> None:
    for tenant in ("a", "b"):
        with shared.transaction(tenant) as t:
            found = t.open_case(*KEY[:3])
        assert found is not None
        assert found.id == "case-1"


@pytest.fixture
def statements(shared: SqlStore) -> Iterator[list[str]]:
    """The SQL that is executed during the test."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(shared._engine, "before_cursor_execute", note)
    yield seen
    event.remove(shared._engine, "before_cursor_execute", note)


def test_every_statement_of_a_transaction_names_the_tenant(shared: SqlStore, statements: list[str]) -> None:
    with shared.transaction("a") as t:
        touch_everything(t)
        for ask, _ in READS.values():
            ask(t)
    with shared.transaction("c") as t:
        fill(t, "c")
    list(shared.read("a"))
    shared.series("a", "vpn-1", "reachable", 0, 1)
    named = [s for s in statements if re.search(rf"\b(FROM|INTO|UPDATE) ({'|'.join(tables.metadata.tables)})\b", s)]
    limited = re.compile(r"(INSERT INTO \w+ \(tenant, |WHERE (\w+\.)?tenant = )")
    assert len(named) > 40
    assert [s for s in named if not limited.search(s)] == []


def test_the_tenant_is_the_first_column_of_every_key_and_of_every_index_but_the_two_that_serve_all() -> None:
    serve_all = {"api_keys_by_digest", "agenda_to_claim"}
    for table in tables.metadata.tables.values():
        assert next(iter(table.primary_key)).name == "tenant", table.name
        for index in table.indexes:
            assert next(iter(index.columns)).name == "tenant" or index.name in serve_all, index.name
