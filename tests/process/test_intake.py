"""Providers' notices of work taken in: planned, moved and cancelled by the newest word, or put to a person."""

import pytest

from process.desk import START, Desk, event
from upheld.agreements.units import DAY, HOUR
from upheld.app import DEFAULT_TENANT
from upheld.process.works.intake import Answer, Unanswerable
from upheld.readers.topology import parse_topology
from upheld.taking_in.noticeboard import MAX_BYTES, TooLarge


@pytest.fixture
def desk(world) -> Desk:
    return Desk(world)


def test_a_confirmed_work_is_planned_announced_and_earns_its_exclusion(desk) -> None:
    (window,) = desk.take(event(START, "abc/123"))
    assert (window.state, window.step, window.questions) == ("taken", "plan", ())
    assert desk.spans() == [(START, START + 2 * HOUR, ("fibre-7",))]
    assert desk.planned()[0].approved_by == "lumen, by its notice"
    assert desk.excluded() == [("vpn-0042", START, START + 2 * HOUR)]
    assert desk.told() == 1
    assert "lumen" not in desk.world.mails("noc@acme.example")[0].as_string()


def test_the_same_notice_twice_changes_nothing(desk) -> None:
    first = desk.take(event(START, "abc/123"))
    assert desk.take(event(START, "abc/123")) == first
    (again,) = desk.take(event(START, "abc/123", uid="another"))  # the same words in another envelope
    assert (again.state, again.work) == ("superseded", first[0].work)
    assert desk.told() == 1
    assert len(desk.planned()) == 1


@pytest.mark.parametrize("numbered", [True, False])
def test_an_older_notice_that_comes_later_changes_nothing(desk, numbered: bool) -> None:
    new, old = (2, 1) if numbered else (None, None)
    desk.take(event(START + DAY, "ABC/123", sequence=new, stamp=START - 9 * DAY))
    (older,) = desk.take(event(START, "ABC/123", sequence=old, stamp=START - 10 * DAY))
    assert older.state == "superseded"
    assert older.reason.startswith("it is older than N-")
    assert [start for start, *_ in desk.spans()] == [START + DAY]


def test_a_cancellation_that_came_before_the_announcement_stands(desk) -> None:
    (gone,) = desk.take(event(START, "ABC/123", sequence=2, status="CANCELLED"))
    assert (gone.state, gone.step) == ("taken", "note")
    assert desk.take(event(START, "ABC/123", sequence=1))[0].state == "superseded"
    assert (desk.planned(), desk.told()) == ([], 0)


def test_a_work_is_moved_extended_and_cancelled(desk) -> None:
    desk.take(event(START, "ABC/123"))
    desk.take(event(START + DAY, "ABC/123", sequence=2, status="RE-SCHEDULED"))
    assert desk.spans() == [(START + DAY, START + DAY + 2 * HOUR, ("fibre-7",))]
    (work,) = desk.planned()
    assert (work.sequence, desk.told()) == (1, 2)  # the same work, and its customer was told that it was moved
    desk.take(event(START + DAY, "ABC/123", hours=4, sequence=3))
    assert desk.spans() == [(START + DAY, START + DAY + 4 * HOUR, ("fibre-7",))]
    assert desk.excluded() == [("vpn-0042", START + DAY, START + DAY + 4 * HOUR)]
    (gone,) = desk.take(event(START + DAY, "ABC/123", hours=4, sequence=4, status="CANCELLED"))
    assert (gone.state, gone.step) == ("taken", "cancel")
    assert (desk.planned(), desk.excluded()) == ([], [])
    desk.take(event(START + 2 * DAY, "ABC/123", sequence=5))
    assert [start for start, *_ in desk.spans()] == [START + 2 * DAY]


def until(desk, instant: int) -> None:
    desk.world.pass_time(instant - desk.world.clock.at)


def life(desk) -> tuple[int | None, int | None]:
    (work,) = desk.planned()
    return work.started_at, work.ended_at


def test_a_work_begins_and_is_over_by_the_suppliers_word(desk) -> None:
    desk.take(event(START, "ABC/123"))
    until(desk, START)
    (window,) = desk.take(event(START, "ABC/123", sequence=2, status="IN-PROCESS"))
    assert (window.state, window.step, window.work) == ("taken", "note", desk.planned()[0].id), "the clock said so"
    until(desk, START + HOUR)
    over = desk.world.clock.at
    (window,) = desk.take(event(START, "ABC/123", sequence=3, status="COMPLETED", stamp=over))
    assert (window.state, window.step) == ("taken", "end")
    assert life(desk) == (START, over)
    assert desk.excluded() == [("vpn-0042", START, over)]
    (window,) = desk.take(event(START, "ABC/123", sequence=4, status="COMPLETED", stamp=over))
    assert (window.state, window.step) == ("taken", "note")
    with desk.world.transaction() as t:
        said = [window.told[0].status for window in t.noticed_about(desk.planned()[0].id)]
    assert said == ["CONFIRMED", "IN-PROCESS", "COMPLETED", "COMPLETED"]


def test_a_window_that_is_over_sooner_says_when_it_was(desk) -> None:
    desk.take(event(START, "ABC/123", hours=4))
    until(desk, START + 3 * HOUR)
    desk.take(event(START, "ABC/123", hours=2, sequence=2, status="COMPLETED"))
    assert desk.excluded() == [("vpn-0042", START, START + 2 * HOUR)]


def test_words_that_come_out_of_order_let_nothing_begin_that_is_over(desk) -> None:
    desk.take(event(START, "ABC/123"))
    until(desk, START + HOUR)
    desk.take(event(START, "ABC/123", sequence=3, status="COMPLETED"))
    known = life(desk)
    (late,) = desk.take(event(START, "ABC/123", sequence=2, status="IN-PROCESS"))
    assert late.state == "superseded"
    assert life(desk) == known
    assert known[1] is not None


@pytest.mark.parametrize(
    ("status", "start", "question"),
    [
        (
            "IN-PROCESS",
            START,
            "the provider says that the work has begun, and its window begins at 2026-06-15T22:00:00Z",
        ),
        ("COMPLETED", START, "the provider says that the work is over, and its window begins at 2026-06-15T22:00:00Z"),
    ],
)
def test_a_work_that_begins_or_is_over_before_its_window_is_asked_about(
    desk, status: str, start: int, question: str
) -> None:
    desk.take(event(START, "ABC/123"))
    (window,) = desk.take(event(start, "ABC/123", sequence=2, status=status))
    assert (window.state, window.questions) == ("waiting", (question,))
    assert life(desk) == (None, None)
    if status == "COMPLETED":
        with pytest.raises(Unanswerable, match="it cannot be so: the work had not begun"):
            desk.answer(window, Answer(True))
    else:
        desk.answer(window, Answer(True))
        assert life(desk) == (window.received_at, None)


def test_that_another_window_is_over_is_asked_about(desk) -> None:
    desk.take(event(START, "ABC/123"))
    until(desk, START + HOUR)
    (window,) = desk.take(event(START - DAY, "ABC/123", sequence=2, status="COMPLETED"))
    assert window.questions == ("the window that is over is not the one that is planned",)


def test_a_running_work_that_takes_longer_is_extended(desk) -> None:
    desk.take(event(START, "ABC/123"))
    desk.world.pass_time(START + HOUR - desk.world.clock.at)
    desk.take(event(START, "ABC/123", hours=3, sequence=2, status="IN-PROCESS"))
    assert desk.spans() == [(START, START + 3 * HOUR, ("fibre-7",))]
    assert desk.excluded() == [("vpn-0042", START, START + 2 * HOUR)]  # the third hour was not told in time
    (window,) = desk.take(event(START + HOUR, "ABC/123", hours=2, sequence=3, status="IN-PROCESS"))
    assert window.questions == ("start: the work has begun: its start stays as it was",)


def test_windows_that_take_down_something_else_are_works_of_their_own(desk) -> None:
    two = event(START, "ABC/123", uid="a"), event(START + DAY, "1001", uid="b")
    first, second = desk.take(*two)
    assert (first.part, second.part) == (1, 2)
    assert [services for *_, services in desk.spans()] == [("fibre-7",), ("fibre-8",)]
    (gone,) = desk.take(event(START, "ABC/123", uid="a", sequence=2, status="CANCELLED"))
    assert (gone.part, gone.state) == (1, "taken")
    assert desk.spans() == [(START + DAY, START + DAY + 2 * HOUR, ("fibre-8",))]


@pytest.mark.parametrize(("impact", "works"), [("OUTAGE", 1), ("DEGRADED", 1), ("REDUCED-REDUNDANCY", 0)])
def test_the_impact_decides_whether_customers_are_touched(desk, impact: str, works: int) -> None:
    (window,) = desk.take(event(START, "ABC/123", impact=impact))
    assert window.circuits == ({"circuit_id": "ABC/123", "impact": impact, "nodes": ["fibre-7"]},)
    assert (window.state, len(desk.planned())) == ("taken", works)


def test_a_suppliers_name_is_its_own(desk) -> None:
    (window,) = desk.take(event(START, "1001", provider="other"))
    assert (window.state, desk.planned()) == ("waiting", [])
    assert window.questions == ("nothing in the topology is known by the supplier's name 1001",)


def test_a_circuit_that_nobody_knows_waits_and_is_known_from_then_on(desk) -> None:
    (window,) = desk.take(event(START, "XY-9", "ABC/123"))
    assert (window.state, desk.planned(), desk.told()) == ("waiting", [], 0)
    with pytest.raises(Unanswerable, match="circuits: nothing says what XY-9 is"):
        desk.answer(window, Answer(True))
    with pytest.raises(Unanswerable, match="in force names fibre-9"):
        desk.answer(window, Answer(True, circuits={"XY-9": ["fibre-9"]}))
    with pytest.raises(Unanswerable, match="names no circuit 'zz'"):
        desk.answer(window, Answer(True, circuits={"ZZ": ["fibre-8"]}))
    assert desk.window(window.id) == window
    assert desk.answer(window, Answer(True, circuits={"xy-9": ["fibre-8"]})) == "taken"
    assert desk.answer(window, Answer(True)) == "too_late"
    assert desk.spans() == [(START, START + 2 * HOUR, ("fibre-7", "fibre-8"))]
    after = desk.window(window.id)
    assert (after.state, after.decided_by, after.answer) == ("taken", "Ada", {"circuits": {"xy-9": ["fibre-8"]}})
    (moved,) = desk.take(event(START + DAY, "XY-9", "ABC/123", sequence=2))
    assert moved.state == "taken"
    assert desk.spans() == [(START + DAY, START + DAY + 2 * HOUR, ("fibre-7", "fibre-8"))]


def test_a_circuit_that_is_none_of_ours_is_left_out(desk) -> None:
    (window,) = desk.take(event(START, "XY-9"))
    assert desk.answer(window, Answer(True, circuits={"XY-9": []})) == "taken"
    assert (desk.window(window.id).step, desk.planned()) == ("note", [])
    assert desk.take(event(START, "XY-9", sequence=2))[0].state == "taken"


@pytest.mark.parametrize("status", ["TENTATIVE", "NO-CHANGE"])
def test_what_is_not_confirmed_waits_until_it_is(desk, status: str) -> None:
    (window,) = desk.take(event(START, "ABC/123", status=status))
    assert (window.state, desk.planned()) == ("waiting", [])
    desk.take(event(START, "ABC/123", sequence=2))
    assert len(desk.planned()) == 1
    assert desk.window(window.id).state == "superseded"
    assert desk.answer(window, Answer(True)) == "too_late"


def test_a_sequence_and_a_date_that_contradict_each_other_are_asked_about(desk) -> None:
    desk.take(event(START, "ABC/123", sequence=1, stamp=START - 9 * DAY))
    (window,) = desk.take(event(START + DAY, "ABC/123", sequence=2, stamp=START - 10 * DAY))
    assert window.state == "waiting"
    assert "neither older nor newer" in window.questions[0]


def test_a_window_is_corrected_by_whoever_answers(desk) -> None:
    doubtful = event(START, "ABC/123").replace("00Z\r\nDTSTAMP", "00\r\nDTSTAMP")
    (window,) = desk.take(doubtful)
    assert "has no zone: is it UTC?" in window.questions[0]
    with pytest.raises(Unanswerable, match="the end is later than the start"):
        desk.answer(window, Answer(True, start=START + DAY))
    desk.answer(window, Answer(True, start=START - HOUR, end=START + HOUR, title="Fibre work"))
    (work,) = desk.planned()
    assert (work.start, work.end, work.title, work.approved_by) == (START - HOUR, START + HOUR, "Fibre work", "Ada")


def test_a_refusal_has_a_reason_and_plans_nothing(desk) -> None:
    (window,) = desk.take(event(START, "XY-9"))
    with pytest.raises(Unanswerable, match="reason: is missing"):
        desk.answer(window, Answer(False))
    assert desk.answer(window, Answer(False, "not our supplier")) == "taken"
    after = desk.window(window.id)
    assert (after.state, after.reason, after.decided_by) == ("refused", "not our supplier", "Ada")
    assert desk.planned() == []


def test_a_false_notice_that_is_refused_hides_no_true_one(world) -> None:
    desk = Desk(world, "always")
    (before,) = desk.take(event(START, "ABC/123", sequence=1))
    (false,) = desk.take(event(START + 9 * DAY, "ABC/123", sequence=99_999))
    (after,) = desk.take(event(START + DAY, "ABC/123", sequence=2))
    assert [desk.window(one.id).state for one in (before, false, after)] == ["superseded", "waiting", "superseded"]
    assert desk.answer(false, Answer(False, "nobody there has sent this")) == "taken"
    assert [desk.window(one.id).state for one in (before, false, after)] == ["superseded", "refused", "waiting"]
    desk.answer(after, Answer(True))
    assert [start for start, *_ in desk.spans()] == [START + DAY]
    (again,) = desk.take(event(START + 9 * DAY, "ABC/123", sequence=99_999, uid="another"))
    assert (again.state, again.reason) == ("superseded", "the same was refused")


def test_a_circuit_whose_resource_is_gone_is_asked_about_again(desk) -> None:
    (window,) = desk.take(event(START, "XY-9"))
    desk.answer(window, Answer(True, circuits={"XY-9": ["fibre-8"]}))
    without = parse_topology("resources: [{id: fibre-7}]", "yaml", "topology.yaml")
    desk.world.process.adopt_topology(DEFAULT_TENANT, without)
    (window,) = desk.take(event(START + DAY, "XY-9", sequence=2))
    assert (window.state, window.circuits[0]["nodes"]) == ("waiting", None)


def test_what_is_not_understood_waits_and_can_be_planned_by_hand(desk) -> None:
    (window,) = desk.take(body=b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    assert (window.state, window.said) == ("waiting", ())
    assert window.questions == ("it was not understood: the calendar has no VEVENT",)
    with pytest.raises(Unanswerable, match="start: and end are missing"):
        desk.answer(window, Answer(True))
    assert desk.answer(window, Answer(True, start=START, end=START + HOUR, services=("vpn-0042",))) == "taken"
    assert desk.spans() == [(START, START + HOUR, ("vpn-0042",))]


def test_a_careful_provider_lets_every_change_wait_and_nothing_else(world) -> None:
    desk = Desk(world, "always")
    (window,) = desk.take(event(START, "ABC/123"))
    assert (window.state, window.questions, desk.told()) == ("waiting", (), 0)
    desk.answer(window, Answer(True))
    assert desk.told() == 1
    assert desk.take(event(START, "ABC/123", sequence=2, status="NO-CHANGE"))[0].state == "taken"
    assert desk.take(event(START, "ABC/123", sequence=3, status="CANCELLED"))[0].state == "waiting"
    assert len(desk.planned()) == 1


def test_a_work_that_touches_nobody_any_more_is_asked_about(desk) -> None:
    desk.take(event(START, "ABC/123"))
    (window,) = desk.take(event(START, "ABC/123", sequence=2, impact="NO-IMPACT"))
    assert (window.state, window.step) == ("waiting", "cancel")
    assert len(desk.planned()) == 1
    desk.answer(window, Answer(True))
    assert desk.planned() == []


def test_a_notice_of_a_window_that_is_over_is_asked_about(desk) -> None:
    (window,) = desk.take(event(desk.world.clock.at - DAY, "ABC/123", stamp=desk.world.clock.at - 2 * DAY))
    assert window.questions == ("end: this is over already: a plan is for work to come",)


def test_what_is_too_large_is_not_taken(desk) -> None:
    with pytest.raises(TooLarge):
        desk.take(body=b"x" * (MAX_BYTES + 1))


def test_texts_of_a_notice_cannot_break_what_keeps_or_shows_them(desk) -> None:
    bad = event(START, "ABC/123").replace("CHG-1", "CHG\x00-1" + "x" * 2000)
    (window,) = desk.take(bad)
    assert window.maintenance_id.isprintable()
    assert len(window.maintenance_id) <= 500


def test_a_suppliers_work_without_a_title_is_announced_in_the_readers_words(desk) -> None:
    desk.world.adopt(desk.world.source.replace("{email: noc@acme.example}", "{email: noc@acme.example, language: de}"))
    desk.take(event(START, "ABC/123"))
    with desk.world.transaction() as t:
        (told,) = (n for n in t.notices() if n.role == "customer.noc")
    assert "Wartung durch einen Netzzulieferer" in told.subject
    assert "supplier" not in told.text + told.html + (told.calendar or "")


TWO_PATHS = """
resources:
  - {id: path-a, supplier_ids: [A]}
  - {id: path-b, supplier_ids: [B]}
dependencies:
  - {of: vpn-0042, on: [path-a, path-b], redundancy: any}
"""


def test_of_a_work_on_the_second_path_meanwhile_a_person_is_asked(desk) -> None:
    desk.world.process.adopt_topology(DEFAULT_TENANT, parse_topology(TWO_PATHS, "yaml", "topology.yaml"))
    (first,) = desk.take(event(START, "A", work="CHG-1"))
    assert first.state == "taken"
    (other,) = desk.take(event(START + HOUR, "B", work="CHG-2"))
    assert other.state == "waiting"
    (question,) = other.questions
    assert "takes down path-a and path-b, which stand in for each other under vpn-0042, at once" in question
    (apart,) = desk.take(event(START + DAY, "B", work="CHG-3"))
    assert apart.state == "taken"
