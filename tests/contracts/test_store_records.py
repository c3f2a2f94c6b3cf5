"""What goes into a store comes out equal, in the order promised, newest version first or last as promised."""

from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from store_records import (
    DAY,
    JUNE,
    KEY,
    a_case,
    a_change,
    a_collection_job,
    a_maintenance,
    a_notice,
    a_problem,
    a_service_event,
    a_ticket,
    a_verdict,
    an_action,
    an_alarm,
    an_announcement,
    an_assessment,
    an_entry,
    an_event,
    an_exclusion,
    an_objection,
)

from upheld.actions.model import Action, Ticket
from upheld.analysis.alarms import Alarm
from upheld.analysis.model import Change
from upheld.assessment.verdict import Credit, Evidence, Verdict
from upheld.assessment.versions import Version
from upheld.cases.model import Case, Event
from upheld.cases.problems import Problem
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.objection import Objection, Objections
from upheld.measurements.collection import CollectionJob
from upheld.measurements.exclusions import Exclusion
from upheld.notices.model import Notice, Owed, VerdictNews
from upheld.ports import (
    Adoption,
    AgendaEntry,
    AlarmFilter,
    ApiKey,
    Conflict,
    Kept,
    LogFloor,
    SourceFile,
    Told,
    Transaction,
    VerdictFilter,
)
from upheld.store import SqlStore, open_store, tables

INSTANTS = st.integers(-(2**62), 2**62)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FIGURES = st.none() | st.decimals(0, 10**6, places=12).map(str)
CREDITS = st.builds(Credit, st.decimals(0, 10**9, places=2), st.sampled_from(["EUR", "JPY", "KWD"]))
EVIDENCE = st.builds(
    Evidence, INSTANTS, INSTANTS, st.sampled_from(["bad", "missing", "excluded", "not_excluded"]), TEXTS
)
VERDICTS = st.builds(
    Verdict,
    agreement=TEXTS,
    objective=TEXTS,
    service=TEXTS,
    customer=TEXTS,
    period_start=INSTANTS,
    period_end=INSTANTS,
    status=st.sampled_from(["met", "at_risk", "violated", "no_data"]),
    final=st.booleans(),
    attained=FIGURES,
    good=st.integers(0, 10**18),
    bad=st.integers(0, 10**18),
    missing=st.integers(0, 10**18),
    excluded=st.integers(0, 10**18),
    budget=FIGURES,
    spent=FIGURES,
    at_risk_at=st.none() | INSTANTS,
    violated_at=st.none() | INSTANTS,
    credit=st.none() | CREDITS,
    evidence=st.lists(EVIDENCE, max_size=4).map(tuple),
    agreement_version=st.integers(1, 10**6),
    version=st.integers(1, 10**6),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(verdict=VERDICTS)
def test_every_verdict_comes_back_equal(store: SqlStore, verdict: Verdict) -> None:
    with store.transaction("t") as t:
        t.put_verdicts([Told(verdict, "first")], 1)
        back = t.verdict_versions(verdict.key)
    assert Version(verdict, 1, "first") in back
    assert repr(next(v.verdict for v in back if v.verdict.version == verdict.version)) == repr(verdict)


def test_the_newest_version_of_each_of_many_verdicts_comes_at_once(store: SqlStore) -> None:
    many = [a_verdict(service=f"vpn-{i}") for i in range(1200)]
    corrected = replace(many[7], version=2, good=1)
    with store.transaction("t") as t:
        t.put_verdicts([Told(verdict, "first") for verdict in many], 1)
        t.put_verdicts([Told(corrected, "late data")], 2)
        found = t.newest([verdict.key for verdict in many] + [("no", "such", "verdict", 0)])
    assert found == {verdict.key: verdict for verdict in many} | {corrected.key: corrected}


KINDS: dict[str, tuple[Any, Callable[[Transaction, Any], object], Callable[[Transaction], Any]]] = {
    "case": (a_case(), lambda t, r: t.save_case(r, [an_event()]), lambda t: t.case("case-1")),
    "problem": (a_problem(), lambda t, r: t.save_problem(r), lambda t: t.problem("P-1")),
    "action": (an_action(), lambda t, r: t.save_action(r), lambda t: t.action("action-1")),
    "ticket": (a_ticket(), lambda t, r: t.open_ticket(r), lambda t: t.tickets()[0]),
    "notice": (a_notice(), lambda t, r: t.save_notice(r), lambda t: t.notice("notice-1")),
    "maintenance": (a_maintenance(), lambda t, r: t.save_maintenance(r), lambda t: t.maintenance("work-1")),
    "objection": (an_objection(), lambda t, r: t.save_objection(r), lambda t: t.objection("O-1")),
    "exclusion": (an_exclusion(), lambda t, r: t.add_exclusion("exclusion-1", r), lambda t: t.exclusions()[0]),
    "change": (a_change(), lambda t, r: t.add_change(r), lambda t: t.changes(JUNE)[0]),
}
BARE = {
    "case": Case("case-1", "degradation", "detected", "a", "o", "s", "c", JUNE, JUNE, seq=1),
    "problem": Problem("P-1", "silence", "sender", "probe-1", "open", JUNE),
    "action": Action("action-1", "case-1", "ticket", "requested", JUNE),
    "ticket": Ticket("ticket-1", JUNE, "title"),
    "notice": Notice("notice-1", "closed", "noc", "none", "", "", "", "", "recorded", JUNE),
    "maintenance": Maintenance("work-1", "title", JUNE, JUNE + 1, (), "Ada", JUNE),
    "objection": Objection(
        "O-1", "work-1", "a", "c", "customer.noc", "noc@c", "n", ((JUNE, JUNE + 1),), JUNE, JUNE + 1
    ),
    "exclusion": Exclusion("*", JUNE, JUNE + 1, "reason", None),
    "change": Change("change-1", JUNE, "summary", ()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_comes_back_equal_with_every_field_given_and_with_the_least(store: SqlStore, kind: str) -> None:
    full, save, load = KINDS[kind]
    for tenant, record in (("full", full), ("bare", BARE[kind])):
        with store.transaction(tenant) as t:
            save(t, record)
        with store.transaction(tenant, writing=False) as t:
            assert load(t) == record


def test_no_field_of_the_full_records_is_left_at_its_default() -> None:
    for kind, (full, _, _) in KINDS.items():
        same = [f.name for f in fields(full) if f.default is not None and getattr(full, f.name) == f.default]
        assert same == [], f"{kind} leaves out {same}"


@pytest.mark.parametrize(
    ("record", "table"),
    [
        (Case, tables.cases),
        (Event, tables.events),
        (Problem, tables.problems),
        (Owed, tables.owed),
        (VerdictNews, tables.verdict_news),
        (Action, tables.actions),
        (Ticket, tables.tickets),
        (Notice, tables.notices),
        (Maintenance, tables.maintenances),
        (Announcement, tables.announcements),
        (Objection, tables.objections),
        (Exclusion, tables.exclusions),
        (Change, tables.changes),
        (Alarm, tables.alarms),
        (CollectionJob, tables.collection_jobs),
        (AgendaEntry, tables.agenda),
        (ApiKey, tables.api_keys),
    ],
)
def test_every_field_of_a_record_has_its_column(record: Any, table: Any) -> None:
    assert {f.name for f in fields(record)} <= {column.name for column in table.columns}


def test_saving_again_replaces_an_action_a_notice_a_maintenance_and_an_announcement(store: SqlStore) -> None:
    with store.transaction("t") as t:
        for mark in ("", "-again"):
            t.save_action(an_action(mark))
            t.save_notice(a_notice(mark))
            t.save_maintenance(a_maintenance(mark))
            t.save_announcements([an_announcement(mark)])
        assert t.actions("case-1") == [an_action("-again")]
        assert t.notices() == [a_notice("-again")]
        assert t.maintenances() == [a_maintenance("-again")]
        assert t.announcements("work-1") == [an_announcement("-again")]


def test_objections_to_a_work_come_by_time_in_pages_and_are_counted(store: SqlStore) -> None:
    first, second, third = (an_objection(id=f"O-{n}", at=JUNE + n, state="open", told_at=None) for n in (2, 1, 3))
    first, second = second, first
    of_another = an_objection(id="O-4", maintenance_id="work-2")
    with store.transaction("t") as t:
        for one in (third, second, first, of_another):
            t.save_objection(one)
        t.save_objection(replace(third, state="declined", told_at=JUNE))
    with store.transaction("t") as t:
        assert [one.id for one in t.objections("work-1")] == ["O-1", "O-2", "O-3"]
        assert t.objections("work-1", "open", limit=1, offset=1) == [second]
        assert t.objections_to_tell("work-1", 1) == [first]
        assert t.count_objections(JUNE - 1) == {"work-1": Objections(3, 2, 0), "work-2": Objections(1, 0, 0)}
        assert t.count_objections(JUNE, "work-1") == {"work-1": Objections(3, 2, 2)}
        t.lapse_objections("work-1")
        assert [one.state for one in t.objections("work-1")] == ["lapsed", "lapsed", "declined"]
        assert t.objection("O-4") == of_another


def test_adding_a_ticket_an_exclusion_or_a_change_again_changes_nothing(store: SqlStore) -> None:
    with store.transaction("t") as t:
        for mark in ("", "-again"):
            t.open_ticket(a_ticket(mark))
            t.add_exclusion("exclusion-1", an_exclusion(mark))
            t.add_change(a_change(mark))
        assert t.tickets() == [a_ticket()]
        assert t.exclusions() == [an_exclusion()]
        assert t.changes(JUNE) == [a_change()]


def test_an_announcement_needs_its_maintenance_by_the_end_of_the_transaction(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.save_announcements([an_announcement()])
        t.save_maintenance(a_maintenance())
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.transaction("t") as t:
        t.save_announcements([an_announcement(maintenance_id="unknown")])


def test_a_portfolio_gets_the_next_version_and_the_newest_is_in_force(store: SqlStore) -> None:
    with store.transaction("t") as t:
        assert t.portfolio() is None
        assert [t.save_portfolio("one: 1\n", JUNE), t.save_portfolio("two: 2\n", JUNE + 1)] == [1, 2]
        assert t.portfolio() == (2, "two: 2\n")


def test_a_verdict_is_replaced_in_its_version_and_kept_in_older_ones(store: SqlStore) -> None:
    first, corrected = a_verdict(bad=1), a_verdict(bad=2)
    restated = a_verdict(bad=3, version=2)
    with store.transaction("t") as t:
        assert t.verdict(KEY) is None
        t.put_verdicts([Told(first, "first")], 10)
        t.put_verdicts([Told(corrected, "the cause of a version stays", "and who approved it")], 11)
        t.put_verdicts([Told(restated, "late data", "collector")], 12)
        assert t.verdict(KEY) == restated
        assert t.verdicts() == [restated]
        assert t.verdict_versions(KEY) == [
            Version(corrected, 10, "first"),
            Version(restated, 12, "late data", "collector"),
        ]
        assert [t.verdicts_known(VerdictFilter(), at) for at in (9, 10, 11, 12)] == [
            [],
            *[[Kept(corrected, 10, 11)]] * 2,
            [Kept(restated, 12, 12)],
        ]
        assert t.verdicts_known(VerdictFilter(agreement="another"), 12) == []


def test_verdicts_are_filtered_and_sorted_by_their_key(store: SqlStore) -> None:
    june, july = a_verdict(), a_verdict(period_start=JUNE + 30 * DAY)
    june_restated = replace(june, version=2, bad=45)
    other_service = a_verdict(service="Vpn-1", customer="bolt")
    other_agreement = a_verdict(agreement="bolt", customer="bolt")
    with store.transaction("t") as t:
        for verdict in (july, june, other_agreement, june_restated, other_service):
            t.put_verdicts([Told(verdict, "")], 1)
        assert t.verdicts() == [other_service, june_restated, july, other_agreement]
        assert t.verdicts(VerdictFilter(newest_only=True)) == [other_service, july, other_agreement]
        assert t.verdicts(VerdictFilter(agreement="acme-gold", service="vpn-1")) == [june_restated, july]
        assert t.verdicts(VerdictFilter(customer="bolt")) == [other_service, other_agreement]
        assert t.verdicts(VerdictFilter(customer="bolt", agreement="bolt", newest_only=True)) == [other_agreement]


def test_of_a_rolling_verdict_one_window_is_kept_for_each_version(store: SqlStore) -> None:
    moving = [a_verdict(period_start=JUNE + n * DAY, bad=n) for n in range(4)]
    restated = replace(moving[3], version=2)
    others = [a_verdict(objective="latency"), a_verdict(service="vpn-2"), a_verdict(agreement="bolt")]
    amended = replace(moving[1], agreement_version=4)
    with store.transaction("t") as t:
        for at, verdict in enumerate(moving[:3]):
            t.put_verdicts([Told(verdict, f"cause {at}", f"approver {at}", JUNE)], 10 + at)
        for verdict in others:
            t.put_verdicts([Told(verdict, "", None, JUNE)], 10)
        t.put_verdicts([Told(restated, "late data", None, JUNE)], 20)
        assert t.newest_windows([(*KEY[:3], JUNE), (*KEY[:3], JUNE + 1)]) == {(*KEY[:3], JUNE): restated}
        assert sorted(t.verdicts(), key=repr) == sorted([restated, *others], key=repr)
        assert t.verdict_versions(moving[0].key) == []
        assert t.verdict_versions(restated.key) == [
            Version(moving[2], 10, "cause 0", "approver 0"),
            Version(restated, 20, "late data"),
        ]
        assert t.verdicts_known(VerdictFilter(service="vpn-2"), 15) == [Kept(others[1], 10, 10, JUNE)]
        assert Kept(moving[2], 10, 12, JUNE) in t.verdicts_known(VerdictFilter(), 19)
        t.put_verdicts([Told(amended, "", None, JUNE + DAY)], 21)  # by other terms: both stand
        assert {restated, amended} < set(t.verdicts())


def test_assessments_are_found_by_when_they_were_made_and_by_their_portfolio(store: SqlStore) -> None:
    made = [an_assessment(known_at=JUNE + n, portfolio=1 + n // 2, number=n + 1) for n in range(4)]
    with store.transaction("t") as t:
        assert t.assessment() is None
        for assessment in made:
            t.add_assessment(replace(assessment, number=0))
        assert t.assessment() == made[3]
        assert [t.assessment(JUNE + at) for at in (-1, 0, 1, 9)] == [None, made[0], made[1], made[3]]
        assert t.assessment(JUNE + 9, before_portfolio=2) == made[1]
        assert t.assessment(JUNE + 9, before_portfolio=1) is None


def test_the_floor_of_the_log_only_rises_and_forgets_what_cannot_be_made_again(store: SqlStore) -> None:
    made = [an_assessment(known_at=JUNE + n, portfolio=1 + n // 3, number=n + 1) for n in range(6)]
    with store.transaction("t") as t:
        for assessment in made:
            t.add_assessment(assessment)
        assert t.log_floor() is None
    with store.transaction("t") as t:
        assert t.raise_log_floor(LogFloor(10, 20, JUNE + 5))
    with store.transaction("other") as t:
        assert t.log_floor() is None
    with store.transaction("t") as t:
        assert t.log_floor() == LogFloor(10, 20, JUNE + 5)
        # Of each portfolio the newest that was known then, and what came to be known later.
        assert [t.assessment(JUNE + n) for n in range(6)] == [None, None, made[2], made[2], made[4], made[5]]
        assert not t.raise_log_floor(LogFloor(10, 30, JUNE + 9))
        assert t.log_floor() == LogFloor(10, 20, JUNE + 5)
        assert t.raise_log_floor(LogFloor(11, 15, JUNE + 9))
        assert t.log_floor() == LogFloor(11, 20, JUNE + 9)


def test_the_exclusions_that_stood_at_each_place(store: SqlStore) -> None:
    one, two = an_exclusion(), an_exclusion("-two", start=JUNE + 1)
    with store.transaction("t") as t:
        assert t.exclusions_place() == 0
        t.add_exclusion("one", one)
        t.add_exclusion("two", two)
        assert t.exclusions_place() == 2
        t.revoke_exclusion("one", JUNE + DAY, "Grace")
        after = t.exclusions_place()
        t.add_exclusion("one", one)
        stood = [t.exclusions_standing(place) for place in (0, 1, 2, after, t.exclusions_place())]
        assert stood == [[], [one], [one, two], [two], [one, two]]
        assert replace(one, revoked_at=JUNE + DAY, revoked_by="Grace") in t.every_exclusion()
        assert len(t.every_exclusion()) == 3


def test_a_portfolio_is_kept_with_who_applied_it_and_the_versions_of_its_agreements(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.save_portfolio("one: 1\n", JUNE, "Ada", {"gold": [1, "digest"]})
        assert t.adoption(1) == Adoption(1, "one: 1\n", JUNE, "Ada", {"gold": [1, "digest"]})
        assert t.adoption(2) is None


def test_cases_and_notices_and_tickets_come_newest_first_and_no_more_than_asked_for(store: SqlStore) -> None:
    cases = [a_case(id=f"case-{n}", service=f"vpn-{n}", opened_at=JUNE + n) for n in range(4)]
    notices = [a_notice(id=f"n-{n}", recorded_at=JUNE + n) for n in range(4)]
    tickets = [a_ticket(id=f"t-{n}", opened_at=JUNE + n) for n in range(4)]
    with store.transaction("t") as t:
        for case, notice, ticket in zip(cases, notices, tickets, strict=True):
            t.save_case(case, [an_event(case_id=case.id)])
            t.save_notice(notice)
            t.open_ticket(ticket)
        assert t.cases() == cases[::-1]
        assert t.cases(limit=2) == cases[:1:-1]
        assert t.notices() == notices[::-1]
        assert t.notices(limit=2) == notices[:1:-1]
        assert t.tickets() == tickets[::-1]
        assert t.tickets(limit=1) == tickets[:2:-1]


def test_cases_are_found_by_state_and_by_objective(store: SqlStore) -> None:
    ended = a_case(id="ended", state="closed", opened_at=JUNE)
    newer = a_case(id="open", state="acting", opened_at=JUNE + 1, period_start=JUNE + 30 * DAY)
    with store.transaction("t") as t:
        for case in (ended, newer):
            t.save_case(case, [an_event(case_id=case.id)])
        assert t.cases(["closed", "withdrawn"]) == [ended]
        assert t.cases(["acting", "closed"]) == [newer, ended]
        assert t.cases([]) == []
        assert t.open_case("acme-gold", "availability", "vpn-1") == newer
        assert t.open_case("acme-gold", "availability", "vpn-2") is None
        assert t.cases_of(*KEY[:3]) == [newer, ended]
        assert t.cases_of("acme-gold", "latency", "vpn-1") == []


def test_the_events_of_a_case_come_in_their_order(store: SqlStore) -> None:
    events = [an_event(seq=n, at=JUNE - n) for n in range(1, 5)]
    with store.transaction("t") as t:
        t.save_case(a_case(seq=2), events[:2])
        t.save_case(a_case(seq=4, state="acting"), events[2:])
        assert t.events("case-1") == events
        assert t.case("case-1") == a_case(seq=4, state="acting")
        assert t.events("case-2") == []


def test_many_notices_are_saved_at_once_and_replaced(store: SqlStore) -> None:
    many = [a_notice(id=f"n-{n}") for n in range(3)]
    with store.transaction("t") as t:
        t.save_notices([])
        t.save_notices(many)
        t.save_notices([replace(many[0], state="stopped"), a_notice(id="n-9")])
        assert t.notice("n-0") == replace(many[0], state="stopped")
        assert [t.notice(f"n-{n}") for n in (1, 2, 9)] == [*many[1:], a_notice(id="n-9")]


def test_notices_are_found_by_case_and_by_maintenance(store: SqlStore) -> None:
    of_case = a_notice(id="n-1", maintenance_id=None)
    of_work = a_notice(id="n-2", case_id=None, payload=None)
    with store.transaction("t") as t:
        t.save_notice(of_case)
        t.save_notice(of_work)
        assert t.notices(case_id="case-1") == [of_case]
        assert t.notices(maintenance_id="work-1") == [of_work]
        assert t.notices(case_id="case-2") == []


def test_actions_come_in_the_order_in_which_they_were_requested(store: SqlStore) -> None:
    later, sooner = an_action(id="a", requested_at=JUNE + 1), an_action(id="b", requested_at=JUNE)
    with store.transaction("t") as t:
        for action in (later, sooner, an_action(id="c", case_id="case-2")):
            t.save_action(action)
        assert t.actions("case-1") == [sooner, later]


def test_maintenances_come_by_start_and_without_those_that_are_over(store: SqlStore) -> None:
    over = a_maintenance(id="over", start=JUNE - DAY, end=JUNE)
    long = a_maintenance(id="long", start=JUNE - 2 * DAY, end=JUNE + 1)
    coming = a_maintenance(id="coming", start=JUNE + DAY, end=JUNE + 2 * DAY)
    with store.transaction("t") as t:
        for maintenance in (coming, over, long):
            t.save_maintenance(maintenance)
        assert t.maintenances() == [long, over, coming]
        assert t.maintenances(ending_after=JUNE) == [long, coming]


def test_a_revoked_exclusion_is_gone(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.add_exclusion("one", an_exclusion())
        t.add_exclusion("two", an_exclusion("-two", start=JUNE + 1))
        t.revoke_exclusion("one", JUNE + DAY)
        t.revoke_exclusion("unknown", JUNE + DAY)
        assert t.exclusions() == [an_exclusion("-two", start=JUNE + 1)]
        assert t.exclusion("one") is None
        assert t.exclusion("two") == an_exclusion("-two", start=JUNE + 1)


def test_a_revoked_exclusion_can_be_granted_anew_and_each_grant_is_kept(store: SqlStore) -> None:
    first, again = an_exclusion(known_at=JUNE), an_exclusion("-again", known_at=JUNE + 2)
    with store.transaction("regranted") as t:
        t.add_exclusion("one", first)
        t.revoke_exclusion("one", JUNE + 1)
        t.add_exclusion("one", again)
        t.add_exclusion("one", first)  # it stands: nothing happens
        assert t.exclusions() == [again]
        t.revoke_exclusion("one", JUNE + 3)
        t.revoke_exclusion("one", JUNE + 4)
        assert t.exclusions() == []
        t.add_exclusion("one", replace(again, known_at=JUNE + 3))  # in the same instant
        assert t.exclusions() == [replace(again, known_at=JUNE + 3)]
    x = tables.exclusions.c
    kept = select(x.reason, x.known_at, x.revoked_at).where(x.tenant == "regranted").order_by(x.granted)
    with store._engine.connect() as connection:
        assert [tuple(row) for row in connection.execute(kept)] == [
            (first.reason, JUNE, JUNE + 1),
            (again.reason, JUNE + 2, JUNE + 3),
            (again.reason, JUNE + 3, None),
        ]


def test_the_exclusions_that_a_maintenance_has_earned_are_found_by_their_ids(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.add_exclusion("by hand", an_exclusion())
        t.add_exclusion("earned", an_exclusion("-a"), "work-1")
        t.add_exclusion("taken back", an_exclusion("-b"), "work-1")
        t.add_exclusion("other", an_exclusion("-c"), "work-2")
        t.revoke_exclusion("taken back", JUNE)
        assert t.exclusions_earned("work-1") == {"earned": an_exclusion("-a")}
        assert t.exclusions_earned("work-3") == {}


def test_changes_are_those_since_an_instant_that_instant_included(store: SqlStore) -> None:
    changes = [a_change(id=f"c-{n}", at=JUNE + n) for n in range(3)]
    with store.transaction("t") as t:
        for change in reversed(changes):
            assert t.add_change(change)
        assert not t.add_change(a_change("-b", id="c-1"))
        assert t.changes(JUNE + 1) == [changes[2], changes[1]]
        assert t.changes(JUNE, limit=1) == [changes[2]]
        assert t.change("c-1") == changes[1]
        assert t.change("c-3") is None


def test_the_first_value_of_a_setting_stays(store: SqlStore) -> None:
    assert store.setting("secret", "first") == "first"
    assert store.setting("secret", "second") == "first"
    assert store.setting("other", "second") == "second"


def test_tenants_are_listed_once_and_sorted(store: SqlStore) -> None:
    for tenant in ("b", "a", "B", "b"):
        store.add_tenant(tenant, f"Tenant {tenant}")
    assert store.tenants() == ["B", "a", "b"]
    with pytest.raises(ValueError, match="without a name"):
        store.add_tenant("", "nobody")


def test_a_key_is_found_by_its_digest_and_neither_id_nor_digest_is_taken_twice(store: SqlStore) -> None:
    key = ApiKey("key-1", "t", "probe", "d1", "ingest", JUNE)
    store.add_key(key)
    store.add_key(replace(key, tenant="u", digest="d2"))
    assert store.key_by_digest("d1") == key
    assert store.key_by_digest("d2") == replace(key, tenant="u", digest="d2")
    assert store.key_by_digest("d3") is None
    for taken in (replace(key, digest="d3"), replace(key, id="key-2")):
        with pytest.raises(Conflict):
            store.add_key(taken)


def test_a_key_is_revoked_once_and_stays_listed(store: SqlStore) -> None:
    old, new = (
        ApiKey("key-1", "t", "probe", "d1", "ingest", JUNE),
        ApiKey("key-0", "t", "desk", "d2", "operator", JUNE + 1),
    )
    other = replace(old, tenant="s", digest="d3")
    for key in (new, old, other):
        store.add_key(key)
    assert store.keys() == [other, old, new]
    revoked = replace(old, revoked_at=JUNE + 5)
    assert store.revoke_key("t", "key-1", JUNE + 5) == revoked
    assert store.revoke_key("t", "key-1", JUNE + 9) == revoked
    assert store.revoke_key("u", "key-1", JUNE + 9) is None
    assert store.keys("t") == [revoked, new]
    assert (store.key("t", "key-1"), store.key("s", "key-1"), store.key("u", "key-1")) == (revoked, other, None)
    assert store.key_by_digest("d1") == revoked


def test_an_agenda_entry_comes_back_with_its_tenant(store: SqlStore) -> None:
    with store.transaction("t") as t:
        t.schedule(an_entry())
        assert t.agenda() == [an_entry(tenant="t")]


def test_money_keeps_its_digits(store: SqlStore) -> None:
    verdict = a_verdict(credit=Credit(Decimal("1E+3"), "JPY"))
    with store.transaction("t") as t:
        t.put_verdicts([Told(verdict, "")], 1)
        back = t.verdict(KEY)
    assert back is not None
    assert back.credit is not None
    assert str(back.credit.amount) == "1E+3"


def test_what_is_told_of_events_is_kept_in_its_order(store: SqlStore) -> None:
    opened = a_service_event(closed=None, known_at=JUNE)
    with store.transaction("acme") as t:
        assert t.service_events_place() == 0
        t.add_service_events([opened])
        seen = t.service_events_place()
        t.add_service_events([a_service_event()])
    with store.transaction("acme", writing=False) as t:
        assert t.service_events() == [opened, a_service_event()]
        assert t.service_events(seen) == [opened]
        assert t.service_events_place() > seen


def test_collection_jobs_are_kept_listed_and_forgotten_with_their_files(store: SqlStore) -> None:
    with store.transaction("t") as t:
        first, second = (t.save_collection_job(a_collection_job(mark)) for mark in "ab")
        changed = t.save_collection_job(replace(first, state="failed", records=()))
        assert (first.id > 0, second.id > first.id, changed.id) == (True, True, first.id)
        assert t.collection_job(first.id, changing=True) == changed
        assert t.collection_jobs() == [second, changed]
        assert t.collection_jobs(limit=1, offset=1) == [changed]
        for path, state in (("1", "taken"), ("2", "begun"), ("3", "taken")):
            t.save_source_file(SourceFile(first.source, path, "", JUNE, state))
        t.save_source_file(SourceFile(second.source, "1", "", JUNE, "begun"))
        assert t.source_file_states(first.source) == {"taken": 2, "begun": 1}
        t.forget_collection_job(changed)
        assert t.collection_job(first.id) is None
        assert (t.collection_jobs(), t.count_collection_jobs()) == ([second], 1)
        assert t.source_file_states(first.source) == {}
        assert t.source_file_states(second.source) == {"begun": 1}


def test_alarms_are_found_by_number_by_name_and_by_what_they_are(store: SqlStore) -> None:
    with store.transaction("t") as t:
        first = t.save_alarm(an_alarm(id=0))
        other = t.save_alarm(
            an_alarm(
                id=0, source="ems", cleared_at=None, clearing_known_at=None, raised_at=JUNE - 5, reported_at=JUNE + 2
            )
        )
        again = t.save_alarm(replace(first, severity="major", services=("vpn-3",)))
        with pytest.raises(Conflict):
            t.save_alarm(an_alarm(id=0))
    with store.transaction("t") as t:
        assert t.alarms_numbered("17", "nms") == [again]
        assert t.alarms_numbered("17") == [other, again]
    with store.transaction("t", writing=False) as t:
        assert t.alarm(first.id) == again
        assert t.alarm(99) is None
        assert t.alarms() == [other, again]
        assert t.alarms(AlarmFilter(limit=1, offset=1)) == [again]
        assert t.alarms(AlarmFilter(about="vpn-3")) == [again]
        assert t.alarms(AlarmFilter(raised=True)) == [other]
        assert t.count_alarms(AlarmFilter(raised=False, limit=1, offset=1)) == 1
        assert t.alarms_about(["router-7", "vpn-9"], JUNE, 5) == [again, other]
        assert t.alarms_about(["vpn-2"], JUNE + 61, 5) == [other]
        assert t.alarms_about(["router-7"], JUNE, 1) == [again]


def test_alarms_that_are_long_over_are_forgotten_with_the_names_they_are_about(store: SqlStore) -> None:
    over = {"cleared_at": JUNE, "known_at": JUNE, "reported_at": JUNE, "id": 0}
    with store.transaction("t") as t:
        old = t.save_alarm(an_alarm(number="old", **over))
        kept = [
            t.save_alarm(an_alarm(number="running", **{**over, "cleared_at": None})),
            t.save_alarm(an_alarm(number="heard of since", **{**over, "known_at": JUNE + 9})),
            t.save_alarm(an_alarm(number="late", **{**over, "cleared_at": JUNE + 9})),
        ]
        assert t.forget_alarms(JUNE) == 0
        assert [t.forget_alarms(JUNE + 1), t.forget_alarms(JUNE + 1)] == [1, 0]
        assert t.alarm(old.id) is None
        assert {alarm.id for alarm in t.alarms()} == {alarm.id for alarm in kept}
        assert {alarm.id for alarm in t.alarms_about(kept[0].services, 0, 10)} == {alarm.id for alarm in kept}
        t.save_alarm(replace(kept[0], cleared_at=JUNE, known_at=JUNE))
        t.save_alarm(an_alarm(number="another", **over))
        assert [t.forget_alarms(JUNE + 1, limit=1) for _ in range(3)] == [1, 1, 0]
    with store._engine.connect() as connection:
        named = set(connection.execute(select(tables.alarm_subjects.c.alarm)).scalars())
    assert named == {alarm.id for alarm in kept[1:]}


def test_files_that_are_gone_are_forgotten_after_a_while(store: SqlStore) -> None:
    files = [SourceFile("drop", f"/in/{n}", "1-a", JUNE + n, "taken", 1) for n in range(3)]
    other = SourceFile("other", "/in/0", "1-a", JUNE, "taken", 1)
    with store.transaction("t") as t:
        for file in (*files, other):
            t.save_source_file(file)
        assert t.forget_source_files("drop", JUNE + 2, {("/in/0", "1-a"), ("/in/1", "another")}) == 1
        found = [t.source_file(file.source, file.path, file.mark) for file in (*files, other)]
    assert found == [files[0], None, files[2], other]


def test_many_verdicts_are_looked_up_by_the_index(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/upheld.db")
    plans: list[str] = []

    def explain(connection, cursor, statement, parameters, context, many):  # type: ignore[no-untyped-def]
        if "json_each" in statement:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[-1] for row in cursor.fetchall() if "verdicts" in row[-1])

    event.listen(store._engine, "before_cursor_execute", explain)
    with store.transaction("t") as t:
        t.put_verdicts([Told(a_verdict(), "", None, JUNE)], 1)
        t.newest([KEY])
        t.newest_windows([(*KEY[:3], JUNE)])
    store.close()
    assert len(plans) == 3
    assert all("SEARCH" in plan and "agreement=? AND objective=? AND service=?" in plan for plan in plans), plans
