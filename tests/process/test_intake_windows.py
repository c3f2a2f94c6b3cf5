"""Providers' notices that name several windows for one work: one planned work, changed window by window."""

from itertools import pairwise

import pytest

from process.desk import NOTICES, START, Desk, event
from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.process.works.intake import Answer, Unanswerable
from upheld.readers.provider_mails import NoParser, parser_python
from upheld.readers.topology import parse_topology

TOPOLOGY = """
resources:
  - {id: fibre-9, kind: line, supplier_ids: ["LON1-PAR1-001"]}
dependencies:
  - {of: vpn-0042, on: [fibre-9]}
"""


@pytest.fixture
def desk(world) -> Desk:
    return Desk(world)


def night(number: int, *circuits: str, uid: str | None = None, **given) -> str:
    """One night's window, by default of the one circuit, with a UID of its own."""
    return event(START + number * DAY, *(circuits or ("ABC/123",)), uid=uid or f"u{number}", **given)


def without_uids(*events: str) -> tuple[str, ...]:
    return tuple("\r\n".join(line for line in one.split("\r\n") if not line.startswith("UID")) for one in events)


def nights(desk: Desk) -> list[list[float]]:
    """The nights in which each planned work is done, counted from the first one."""
    return [[(start - START) / DAY for start, _ in work.spans] for work in desk.planned()]


def test_a_work_of_several_windows_is_announced_once_and_each_is_earned_by_itself(desk) -> None:
    (noticed,) = desk.take(night(0), night(1), night(2))
    assert (noticed.state, noticed.step, noticed.questions) == ("taken", "plan", ())
    assert nights(desk) == [[0, 1, 2]]
    assert desk.told() == 1
    spans = [(start, end) for _, start, end in desk.excluded()]
    assert spans == [(START + n * DAY, START + n * DAY + 2 * HOUR) for n in range(3)]
    (mail,) = desk.world.mails("noc@acme.example")
    (entry,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    assert entry.get_payload(decode=True).count(b"BEGIN:VEVENT") == 3


def test_a_window_that_is_announced_too_late_counts_and_the_others_do_not(desk) -> None:
    early = START - 5 * DAY
    desk.world.clock.at = early
    desk.take(event(early + DAY, "ABC/123", uid="a"), event(early + 12 * DAY, "ABC/123", uid="b"))
    assert [start for _, start, _ in desk.excluded()] == [early + 12 * DAY]


@pytest.mark.parametrize("with_uids", [True, False])
def test_windows_are_added_moved_and_dropped_by_later_notices(desk, with_uids: bool) -> None:
    def take(*events: str) -> None:
        desk.take(*(events if with_uids else without_uids(*events)))

    take(night(0), night(1))
    take(night(0, sequence=2), night(1, sequence=2), night(2, sequence=2))
    assert nights(desk) == [[0, 1, 2]]
    take(night(0, sequence=3), night(1, sequence=3), event(START + 4 * DAY, "ABC/123", uid="u2", sequence=3))
    assert nights(desk) == [[0, 1, 4]]
    take(
        night(0, sequence=4),
        night(1, sequence=4, status="CANCELLED"),
        event(START + 4 * DAY, "ABC/123", uid="u2", sequence=4),
    )
    assert nights(desk) == [[0, 4]]
    assert [work.sequence for work in desk.planned()] == [3], "one work all the while, changed three times"
    assert desk.told() == 4
    cancelled = {"sequence": 5, "status": "CANCELLED"}
    take(night(0, **cancelled), event(START + 4 * DAY, "ABC/123", uid="u2", **cancelled))
    assert (desk.planned(), desk.excluded()) == ([], [])
    assert desk.told() == 5


def test_one_window_alone_is_changed_by_its_uid_and_the_others_stay(desk) -> None:
    desk.take(night(0), night(1), night(2))
    (moved,) = desk.take(event(START + 5 * DAY, "ABC/123", uid="u1", sequence=2))
    assert (moved.state, moved.questions, nights(desk)) == ("taken", (), [[0, 2, 5]])
    (off,) = desk.take(night(2, sequence=2, status="CANCELLED"))
    assert (off.state, off.step, nights(desk)) == ("taken", "change", [[0, 5]])
    (further,) = desk.take(night(7), night(0, sequence=2))
    assert (further.state, nights(desk)) == ("taken", [[0, 5, 7]])


def test_each_window_has_its_newest_word_in_whatever_order_the_words_come(desk) -> None:
    desk.take(night(0), night(1))
    desk.take(event(START + 5 * DAY, "ABC/123", uid="u1", sequence=3))
    (older,) = desk.take(event(START + 4 * DAY, "ABC/123", uid="u1", sequence=2))
    assert (older.state, nights(desk)) == ("superseded", [[0, 5]])
    (mixed,) = desk.take(
        event(START + 6 * DAY, "ABC/123", uid="u0", sequence=2), event(START + 4 * DAY, "ABC/123", uid="u1", sequence=2)
    )
    assert (mixed.state, nights(desk)) == ("taken", [[5, 6]]), "of one it is newer, of the other older"


def test_an_older_notice_without_uids_brings_no_window_back(desk) -> None:
    desk.take(*without_uids(night(0, sequence=3), night(1, sequence=3)))
    (older,) = desk.take(*without_uids(night(0, sequence=2), night(1, sequence=2), night(2, sequence=2)))
    assert (older.state, nights(desk)) == ("superseded", [[0, 1]])
    (same,) = desk.take(*without_uids(night(1, sequence=3), night(0, sequence=3)))
    assert (same.state, nights(desk)) == ("superseded", [[0, 1]])


def test_a_notice_that_leaves_out_a_window_without_saying_which_is_asked_about(desk) -> None:
    desk.take(*without_uids(night(0), night(1)))
    (noticed,) = desk.take(*without_uids(night(1, sequence=2)))
    assert noticed.questions == (
        "earlier notices told of windows that this one leaves out: are they off (2026-06-15 22:00 UTC to 2026-06-16 "
        "00:00 UTC)?",
    )
    assert (nights(desk), desk.told()) == ([[0, 1]], 1)
    assert desk.answer(noticed, Answer(True)) == "taken"
    assert (nights(desk), desk.told()) == ([[1]], 2)


def test_a_cancellation_of_some_windows_without_saying_which_is_asked_about(desk) -> None:
    desk.take(*without_uids(night(0), night(1)))
    (noticed,) = desk.take(*without_uids(night(1, sequence=2, status="CANCELLED")))
    assert noticed.questions[0].startswith("of the windows of this work it cancels 1: are the others (2026-06-15")
    desk.answer(noticed, Answer(True))
    assert nights(desk) == [[0]]


def test_windows_of_several_works_in_one_notice_stay_apart(desk) -> None:
    found = desk.take(night(0), night(1, "1001"), night(2), night(3, "1001"))
    assert [(one.part, len(one.said)) for one in found] == [(1, 2), (2, 2)]
    assert nights(desk) == [[0, 2], [1, 3]]
    split = desk.take(night(0, sequence=2), night(2, "1001", "ABC/123", sequence=2))
    assert [one.state for one in split] == ["taken", "taken"]
    assert sorted(nights(desk)) == [[0], [1, 3], [2]], "a window that takes down something else is a work of its own"


def test_a_circuit_that_loses_only_redundancy_in_one_window_is_down_in_the_other_alone(desk) -> None:
    desk.take(night(0), night(1, impact="REDUCED-REDUNDANCY"))
    assert nights(desk) == [[0]]


def test_a_person_answers_for_all_windows_at_once_and_may_leave_one_out(world) -> None:
    desk = Desk(world, "always")
    (noticed,) = desk.take(night(0), night(1), night(2))
    assert (noticed.state, desk.told()) == ("waiting", 0)
    first = (START - HOUR, START + HOUR)
    with pytest.raises(Unanswerable, match="windows: are 1, and the notice tells of 3: say of each"):
        desk.answer(noticed, Answer(True, windows=(first,)))
    with pytest.raises(Unanswerable, match="windows: are 3, by this notice: say of each when it is"):
        desk.answer(noticed, Answer(True, start=START))
    with pytest.raises(Unanswerable, match="windows: name none in which there is work"):
        desk.answer(noticed, Answer(True, windows=(None, None, None)))
    third = (START + 2 * DAY, START + 2 * DAY + 2 * HOUR)
    assert desk.answer(noticed, Answer(True, windows=(first, None, third))) == "taken"
    (work,) = desk.planned()
    assert (work.spans, work.approved_by, desk.told()) == ((first, third), "Ada", 1)
    assert desk.window(noticed.id).answer["windows"][1] is None
    (restated,) = desk.take(night(0, sequence=2), night(1, sequence=2), night(2, sequence=2))
    assert (restated.state, restated.step) == ("taken", "note"), "what a person has read otherwise stays so"
    assert desk.planned()[0].spans == (first, third)


def test_what_waits_is_taken_over_by_a_newer_notice_with_its_questions(desk) -> None:
    desk.take(night(0), night(1))
    tentative = event(START + 4 * DAY, "ABC/123", uid="u0", sequence=2, status="TENTATIVE")
    (waits,) = desk.take(tentative)
    assert waits.questions == ("the provider has not confirmed it yet",)
    (newer,) = desk.take(night(1, sequence=2, hours=3))
    assert desk.window(waits.id).state == "superseded"
    assert (newer.state, newer.questions) == ("waiting", ("the provider has not confirmed it yet",))


def test_the_windows_to_come_are_off_where_one_is_over(desk) -> None:
    desk.take(night(0), night(1))
    desk.world.pass_time(START + 5 * HOUR - desk.world.clock.at)
    (off,) = desk.take(night(1, sequence=2, status="CANCELLED"))
    assert (off.state, off.step) == ("taken", "change")
    assert nights(desk) == [[0]]
    assert [start for _, start, _ in desk.excluded()] == [START], "what was worked on stays earned"
    assert desk.told() == 3, "whoever was reminded of the second night is told that it is off"
    desk.world.run()
    assert desk.planned()[0].ended_at == START + 2 * HOUR


def test_a_work_is_over_with_its_last_window(desk) -> None:
    desk.take(night(0), night(1))
    desk.world.pass_time(START + HOUR - desk.world.clock.at)
    over = desk.world.clock.at
    (first,) = desk.take(night(0, sequence=2, status="COMPLETED", stamp=over))
    assert (first.state, first.step, desk.planned()[0].ended_at) == ("taken", "note", None)
    desk.world.pass_time(START + DAY + HOUR - desk.world.clock.at)
    over = desk.world.clock.at
    (last,) = desk.take(night(1, sequence=2, status="COMPLETED", stamp=over))
    assert (last.step, desk.planned()[0].ended_at) == ("end", over)


def test_a_first_window_that_was_shorter_than_planned_counts_from_its_end(desk) -> None:
    desk.take(night(0, hours=4), night(1))
    desk.world.pass_time(START + 3 * HOUR - desk.world.clock.at)
    desk.take(night(0, hours=2, sequence=2, status="COMPLETED"))
    assert desk.excluded()[0] == ("vpn-0042", START, START + 2 * HOUR)


def test_that_a_work_is_over_before_its_last_window_is_asked_about(desk) -> None:
    desk.take(*without_uids(night(0), night(1)))
    desk.world.pass_time(START + HOUR - desk.world.clock.at)
    done = {"sequence": 2, "status": "COMPLETED"}
    (noticed,) = desk.take(*without_uids(night(0, **done), night(1, **done)))
    assert noticed.questions == (
        "the provider says that the work is over, and its window begins at 2026-06-16T22:00:00Z",
    )


def test_windows_that_follow_each_other_at_once_are_one(desk) -> None:
    desk.take(night(0), event(START + 2 * HOUR, "ABC/123", uid="b"))
    assert desk.spans() == [(START, START + 4 * HOUR, ("fibre-7",))]


def test_a_mail_with_several_timeslots_is_one_work(world) -> None:
    try:
        parser_python()
    except NoParser as missing:
        pytest.skip(str(missing))
    desk = Desk(world)
    world.process.adopt_topology(DEFAULT_TENANT, parse_topology(TOPOLOGY, "yaml", "topology.yaml"))
    (bso,) = desk.take(body=(NOTICES / "bso.eml").read_bytes())
    assert (bso.state, bso.questions) == ("taken", ())
    (work,) = desk.planned()
    assert [start for start, _ in work.spans] == [
        parse_instant("2026-06-15T22:00:00Z"),
        parse_instant("2026-06-16T22:00:00Z"),
    ]
    assert all(end - start == 6 * HOUR for start, end in work.spans)
    assert desk.told() == 1


@pytest.mark.parametrize("name", ["lumen8.eml", "telxius1.eml"])
def test_real_mails_of_several_windows_are_one_work_of_which_a_person_is_asked(world, name: str) -> None:
    try:
        parser_python()
    except NoParser as missing:
        pytest.skip(str(missing))
    desk = Desk(world)
    (noticed,) = desk.take(body=(NOTICES / "library" / name).read_bytes())
    assert (noticed.state, len(noticed.said)) == ("waiting", 2)
    assert any("window that is" in question for question in noticed.questions)
    assert all(one.end < other.start for one, other in pairwise(noticed.told))
