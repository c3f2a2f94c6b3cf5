"""The promises of how a case is handled: fixed in time, told how far it is, and what is kept of its end."""

import re
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from upheld.agreements.calendars import after_service_time
from upheld.agreements.hours import parse_service_hours
from upheld.agreements.model import Agreement
from upheld.agreements.parties import Party
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.cases.clocks import clocks
from upheld.cases.decide import Resolve, Update
from upheld.cases.model import Case
from upheld.cases.performance import Kept
from upheld.measurements.model import Measurement
from upheld.process.performing import Performer
from upheld.readers.portfolio import parse_portfolio
from upheld.reports import incident

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = parse_service_hours({"mon-fri": "08:00-18:00"})


@pytest.fixture
def handled(world):
    source = world.source.replace(
        "    exclusions: [planned_maintenance]\n",
        "    exclusions: [planned_maintenance]\n    handling: {fixed_within: 2h, update_every: 1h}\n",
    )
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    world.clock.ticks = 1  # an event is a little later than what it tells of
    return world


def broken(world) -> Case:
    """Nine bad minutes: more than the promise allows."""
    world.deliver(1, *[0] * 9)
    assert world.case().kind == "violation"
    return world.case()


def stay_bad(world, duration: int) -> None:
    """So many bad minutes, looked at every five."""
    for first in range(0, duration // MINUTE, 5):
        minutes = min(5, duration // MINUTE - first)
        at = world.clock.at
        world.take(*(Measurement("vpn-0042", "reachable", at + n * MINUTE, 0, known_at=at) for n in range(minutes)))
        world.pass_time(minutes * MINUTE)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-06-01T10:00:00+02:00", 4, "2026-06-01T14:00:00+02:00"),
        ("2026-06-01T16:00:00+02:00", 4, "2026-06-02T10:00:00+02:00"),
        ("2026-06-05T17:00:00+02:00", 4, "2026-06-08T11:00:00+02:00"),  # over a weekend
        ("2026-06-06T12:00:00+02:00", 10, "2026-06-08T18:00:00+02:00"),
        ("2026-06-01T08:00:00+02:00", 500, "2026-08-07T18:00:00+02:00"),  # fifty working days
    ],
)
def test_time_to_fix_counts_in_service_hours(start: str, hours: int, due: str) -> None:
    assert after_service_time(OFFICE, BERLIN, parse_instant(start), hours * HOUR) == parse_instant(due)


def test_without_service_hours_the_clock_never_stops() -> None:
    assert after_service_time(None, BERLIN, 5, DAY) == DAY + 5


def test_the_clock_warns_is_missed_and_escalates_while_nothing_is_fixed(handled) -> None:
    case = broken(handled)
    stay_bad(handled, 91 * MINUTE)
    assert said(handled, "clock_warned", "fixed") == 1
    assert said(handled, "clock_missed", "fixed") == 0
    stay_bad(handled, 30 * MINUTE)
    assert said(handled, "clock_missed", "fixed") == 1
    assert handled.case().level == case.level + 1
    fixed = next(clock for clock in clocks(handled.case(), agreement(handled)) if clock.name == "fixed")
    assert fixed.due == case.opened_at + 2 * HOUR
    assert fixed.standing(handled.clock.at) == "missed"


def test_what_was_fixed_in_time_stays_kept(handled) -> None:
    broken(handled)
    handled.deliver(*[1] * 6)
    handled.pass_time(3 * HOUR)
    assert "clock_missed" not in handled.event_types()
    (fixed,) = clocks(handled.case(), agreement(handled))
    assert fixed.standing(handled.clock.at) == "kept"


def test_the_customer_hears_how_far_it_is_every_hour_until_it_is_good(handled) -> None:
    broken(handled)
    stay_bad(handled, 125 * MINUTE)
    assert len(updates(handled)) == 2
    handled.deliver(*[1] * 6)
    handled.pass_time(5 * HOUR)
    assert len(updates(handled)) == 2


def test_what_breaks_again_is_told_of_and_was_not_fixed(handled) -> None:
    broken(handled)
    handled.deliver(*[1] * 6)
    assert handled.case().state == "confirming"
    handled.pass_time(90 * MINUTE)
    assert len(updates(handled)) == 0
    handled.deliver(0)
    assert handled.case().state == "acting"
    stay_bad(handled, 70 * MINUTE)
    assert said(handled, "clock_missed", "fixed") == 1
    assert len(updates(handled)) == 2, "one when it broke again, after an hour of silence, and one an hour later"


def test_an_update_is_warned_of_and_goes_out_before_its_hour_is_over(handled) -> None:
    case = broken(handled)
    stay_bad(handled, 45 * MINUTE)
    assert said(handled, "clock_warned", "update") == 1
    assert updates(handled) == []
    stay_bad(handled, 10 * MINUTE)
    assert len(updates(handled)) == 1
    with handled.transaction() as t:
        due = [notice.due_by for notice in t.notices() if notice.kind == "update"]
    assert due == 2 * [case.opened_at + HOUR]  # to the customer, and to the account manager
    found = handled.process.cases.performance(DEFAULT_TENANT, case.opened_at, handled.clock.at)
    assert found.updates == Kept(kept=2)
    assert "update" not in found.told
    assert said(handled, "clock_missed", "update") == 0


def test_what_is_not_told_in_time_is_warned_of_and_said_to_be_missed(handled) -> None:
    handled.stop_relay()
    broken(handled)
    stay_bad(handled, 10 * MINUTE)
    assert said(handled, "clock_warned", "told") == 0
    stay_bad(handled, 2 * MINUTE)
    assert (said(handled, "clock_warned", "told"), said(handled, "clock_missed", "told")) == (1, 0)
    handled.restart()
    stay_bad(handled, 10 * MINUTE)
    assert said(handled, "clock_missed", "told") == 1
    with handled.transaction() as t:
        (missed,) = [e for e in t.events(handled.case().id) if e.type == "clock_missed"]
    assert missed.data["what"] == "violation"
    assert handled.case().level == 0, "only what is not fixed is escalated by its clock"


def test_what_is_told_in_time_is_not_warned_of(handled) -> None:
    broken(handled)
    stay_bad(handled, 40 * MINUTE)
    assert (said(handled, "clock_warned", "told"), said(handled, "clock_missed", "told")) == (0, 0)


def test_the_question_is_promised_from_when_it_was_good_again(handled) -> None:
    handled.adopt(handled.source.replace("confirmation: {", "confirmation: {asked_within: 1h, "))
    case = broken(handled)
    handled.deliver(*[1] * 6)
    restored = handled.case().restored_at
    assert restored is not None
    with handled.transaction() as t:
        (question,) = [notice for notice in t.notices() if notice.kind == "question"]
    assert question.due_by == restored + HOUR
    (asked,) = [c for c in clocks(handled.case(), agreement(handled), question.sent_at) if c.name == "asked"]
    assert (asked.due, asked.standing(handled.clock.at)) == (question.due_by, "kept")
    found = handled.process.cases.performance(DEFAULT_TENANT, case.opened_at, handled.clock.at)
    assert found.asked == Kept(kept=1)
    assert "question" not in found.told


def test_a_deadline_is_missed_once_however_often_it_breaks(handled) -> None:
    broken(handled)
    handled.deliver(*[1] * 6)
    handled.deliver(0)
    stay_bad(handled, 3 * HOUR)
    assert said(handled, "clock_missed", "fixed") == 1
    assert handled.case().level == 1


def test_what_a_person_writes_takes_the_place_of_the_next_update(handled) -> None:
    case = broken(handled)
    stay_bad(handled, 45 * MINUTE)
    words = "A card is being replaced; it takes half an hour."
    assert handled.process.cases.command(DEFAULT_TENANT, case.id, Update(words, "Ada")) == "taken"
    stay_bad(handled, 30 * MINUTE)
    (mail,) = updates(handled)
    assert "A card is being replaced" in mail.get_payload()[0].get_payload(decode=True).decode()
    stay_bad(handled, 35 * MINUTE)
    assert len(updates(handled)) == 2


def test_every_clock_survives_a_kill(handled, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(handled)
    with monkeypatch.context() as away:
        away.setattr(Performer, "keep_time", lambda self: 0)
        stay_bad(handled, 121 * MINUTE)
    handled.restart()
    handled.run()
    handled.restart()
    handled.run()
    assert said(handled, "clock_missed", "fixed") == 1
    assert len(updates(handled)) == 1


def test_what_it_was_and_how_satisfied_the_customer_is_stay_with_the_case(handled) -> None:
    case = broken(handled)
    handled.deliver(*[1] * 6)
    asked = handled.case().asked
    handled.process.cases.answer(DEFAULT_TENANT, case.id, asked, "customer.noc/0", True, "fine", score=4)
    resolve = Resolve("a broken card", "replaced", "Ada")
    assert handled.process.cases.command(DEFAULT_TENANT, case.id, resolve) == "taken"
    closed = handled.case()
    assert (closed.state, closed.score) == ("closed", 4)
    assert closed.resolution["cause"] == "a broken card"
    assert handled.process.cases.command(DEFAULT_TENANT, case.id, Update("late")) == "too_late"


def test_the_report_tells_the_case_from_detection_to_its_end(handled) -> None:
    handled.clock.ticks = 0
    case = broken(handled)
    handled.process.cases.command(DEFAULT_TENANT, case.id, Update("A card is | being replaced.", "Ada"))
    handled.deliver(*[1] * 6)
    handled.process.cases.answer(DEFAULT_TENANT, case.id, handled.case().asked, "customer.noc/0", True, "", score=5)
    handled.process.cases.command(DEFAULT_TENANT, case.id, Resolve("a broken card", "replaced", "Ada"))
    report = handled.process.cases.incident_report(DEFAULT_TENANT, case.id)
    assert report is not None
    wanted = [
        "- Customer: Acme",
        f"- Case: {case.id}",
        "- The customer's satisfaction: 5 of 5",
        "- Promised: at least ",
        " % of the time good, in each calendar",
        "- Attained: ",
        "- Service credit: ",
        "a broken card.",
        "Done: replaced.",
        "| The customer was told how far it is: A card is \\| being replaced. |",
        "| The customer answered: solved |",
        "| Closed |",
        "| Good again, within 2 hours, by ",
        "# For ourselves: to be taken out before it is sent",
        "- What it was was put down by Ada",
        "| customer.noc/0 | yes | 5 of 5 | link | closed |",
        "| violation | customer.noc | 2026-05-31 22:24 UTC | 2026-05-31 22:09 UTC |",
    ]
    places = [report.find(text) for text in wanted]
    assert -1 not in places, report
    with handled.transaction() as t:
        ended, events = handled.case(), t.events(case.id)
    berlin = Party(id="acme", name="Acme", time_zone="Europe/Berlin")
    there = incident.report(ended, [ended.verdict], events, (), (), None, berlin, (), handled.clock.at)
    assert "| 2026-06-01 00:09 CEST | The promise was broken |" in there
    for_customer = report.split("\n---\n")[0]
    assert not re.search(r"\d{2}:\d{2}:\d{2}|\d\.\d{5}|step", for_customer), for_customer
    assert "default/ticket" not in for_customer
    assert handled.process.cases.incident_report(DEFAULT_TENANT, "C-0") is None


def promises_in(world) -> list[str]:
    """The rows about the promises of handling in the report's first part, without their deadlines."""
    report = world.process.cases.incident_report(DEFAULT_TENANT, world.case().id)
    part = report.split("## Whether the promises of handling were kept")[1].split("---\n\n#")[0]
    rows = [line for line in part.splitlines() if line.startswith("| ")]
    return [re.sub(r", by [-0-9]+ [:0-9]+ \w+", "", row) for row in rows[1:]]


def test_the_report_lists_every_promise_of_handling_kept_missed_and_how_long_it_took(handled) -> None:
    source = handled.source.replace("remind_after: 1d", "asked_within: 1d, remind_after: 1d").replace(
        "    exclusions: [planned_maintenance]\n",
        "    exclusions: [planned_maintenance]\n    handling: {fixed_within: 2h, update_every: 1h}\n",
    )
    handled.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))
    handled.clock.ticks = 0
    broken(handled)
    assert promises_in(handled) == [
        "| Told that the promise is broken, within 15 minutes | kept | less than a minute |",
        "| Told how far it is, each time within 1 hour | not due yet | 5 minutes at the longest |",
        "| Good again, within 2 hours | not due yet |  |",
        "| Asked whether it is solved, within 1 day | not due yet |  |",
    ]
    stay_bad(handled, 125 * MINUTE)
    handled.deliver(*[1] * 6)
    handled.process.cases.answer(DEFAULT_TENANT, handled.case().id, 1, "customer.noc/0", False, "still slow")
    handled.pass_time(10 * MINUTE)
    handled.process.cases.ask_again(DEFAULT_TENANT, handled.case().id, "ada")
    handled.run()
    assert promises_in(handled) == [
        "| Told that the promise is broken, within 15 minutes | kept | less than a minute |",
        "| Told how far it is, each time within 1 hour | kept | 55 minutes at the longest |",
        "| Good again, within 2 hours | missed | 2 hours 9 minutes |",
        "| Good again, after the customer said no, within 2 hours | kept | 10 minutes |",
        "| Asked whether it is solved, within 1 day | kept | 5 minutes |",
        "| Asked whether it is solved, within 1 day | kept | less than a minute |",
    ]


def test_the_report_says_what_was_missed_because_nobody_could_be_told_and_what_was_not_promised(handled) -> None:
    handled.clock.ticks = 0
    handled.stop_relay()
    broken(handled)
    stay_bad(handled, 75 * MINUTE)
    handled.start_relay()
    handled.pass_time(HOUR)
    rows = promises_in(handled)
    assert rows[0].startswith("| Told that the promise is broken, within 15 minutes | missed | ")
    assert re.fullmatch(
        r"\| Told how far it is, each time within 1 hour \| missed \| [12] hours? .*at the longest \|", rows[1]
    )
    assert rows[3] == "| Asked whether it is solved | not promised |  |"
    handled.adopt(handled.source)
    assert [row.split(" | ")[1] for row in promises_in(handled)][1:] == ["not promised"] * 3


def test_the_report_of_a_case_tells_of_every_period_that_it_is_about(handled) -> None:
    handled.clock.ticks = 0
    case = broken(handled)
    for _ in range(24):
        handled.pass_time(HOUR)
    handled.deliver(*[0] * 9)
    assert len(handled.case().periods) == 2
    report = handled.process.cases.incident_report(DEFAULT_TENANT, case.id)
    assert report is not None
    attained = [line for line in report.splitlines() if line.startswith("- Attained")]
    credits = [line for line in report.splitlines() if line.startswith("- Service credit")]
    assert [line.rpartition(", ")[2] for line in attained] == ["1 June 2026", "2 June 2026"]
    assert credits == [
        "- Service credit: €120.00, as it stands now",
        "- Service credit: settled once the period is over",
    ]
    assert report.count("- Promised: ") == 1
    assert report.count("| The customer was told how far it is") == 2, "before and after it was escalated"
    assert re.search(
        r"The customer was told how far it is, and \d\d times more until 2026-06-0\d \d\d:\d\d UTC \|", report
    )


def test_how_well_promises_are_kept_is_counted(handled) -> None:
    case = broken(handled)
    found = handled.process.cases.performance(DEFAULT_TENANT, case.opened_at - HOUR, case.opened_at + HOUR)
    assert (found.cases, found.fixed) == (1, Kept(runs=1))
    assert found.told["violation"] == Kept(kept=2)
    handled.deliver(*[1] * 6)
    handled.process.cases.answer(DEFAULT_TENANT, case.id, handled.case().asked, "customer.noc/0", True, "", score=2)
    handled.stop_relay()
    handled.deliver(*[0] * 3)  # broken again after it was closed, and nobody can be told of it in time
    stay_bad(handled, 3 * HOUR)
    found = handled.process.cases.performance(DEFAULT_TENANT, case.opened_at - HOUR, handled.clock.at)
    assert (found.cases, found.fixed) == (2, Kept(kept=1, missed=1))
    assert found.fixed.share == Fraction(1, 2)
    assert found.told["violation"] == Kept(kept=2, missed=2)
    assert found.scores == {1: 0, 2: 1, 3: 0, 4: 0, 5: 0}
    assert handled.process.cases.performance(DEFAULT_TENANT, 0, 1).cases == 0


def agreement(world) -> Agreement:
    found = world.process.portfolio(DEFAULT_TENANT).agreement("acme-vpn-gold", world.clock.at)
    assert found is not None
    return found


def said(world, type_: str, clock: str) -> int:
    """How often its case said something of a clock."""
    with world.transaction() as t:
        return sum(e.type == type_ and e.data["clock"] == clock for e in t.events(world.cases()[-1].id))


def updates(world):
    return [mail for mail in world.mails("noc@acme.example") if "how far we are" in mail["Subject"]]
