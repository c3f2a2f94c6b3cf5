"""What closed cases and problems were: owed, reminded of, missed, and put down, once for all cases of a problem."""

import pytest
from two_customers import EVERY, SWITCHES, portfolio

from upheld.agreements.units import DAY, HOUR, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.cases.decide import Resolve
from upheld.cases.performance import Kept
from upheld.process.performing import Performer
from upheld.readers.faults import InputError
from upheld.readers.portfolio import parse_portfolio

RESOLVE = Resolve("a broken card", "replaced", "Ada")
TERMS = "    exclusions: [planned_maintenance]\n    handling: {resolution: {within: 2d, to: [noc], manager: [boss]}}\n"
CONTACTS = (
    "{account-manager: [{email: am@carrier.example}], noc: [{email: own-noc@carrier.example}], "
    "boss: [{email: boss@carrier.example}]}"
)


@pytest.fixture
def asking(world):
    source = world.source.replace("    exclusions: [planned_maintenance]\n", TERMS)
    world.adopt(source.replace("{account-manager: [{email: am@carrier.example}]}", CONTACTS))
    return world


def closed(world):
    """A case that the customer has confirmed, on Monday 1 June 2026."""
    world.deliver(1, *[0] * 9)
    world.deliver(*[1] * 6)
    assert world.answer(True) == "taken"
    world.run()
    assert world.case().state == "closed"
    return world.case()


def owed(world):
    with world.transaction() as t:
        return list(t.owed_resolutions())


def asked(world, address: str) -> list[str]:
    found = [str(mail["Subject"]) for mail in world.mails(address)]
    return [subject for subject in found if "was " in subject]


def test_a_case_that_closes_without_a_word_owes_one_within_two_working_days(asking) -> None:
    case = closed(asking)
    (one,) = owed(asking)
    assert (one.subject, one.case_id, one.is_of_problem) == (case.id, case.id, False)
    assert (one.since, one.due - one.since) == (case.closed_at, 2 * DAY)
    assert asked(asking, "own-noc@carrier.example") == [f"What was vpn-0042? [{case.id}]"]
    assert asked(asking, "boss@carrier.example") == []
    assert asked(asking, "noc@acme.example") == []


def test_a_case_of_which_it_is_known_what_it_was_owes_nothing(asking) -> None:
    asking.deliver(1, *[0] * 9)
    assert asking.process.cases.resolve(DEFAULT_TENANT, asking.case().id, RESOLVE) == "taken"
    asking.deliver(*[1] * 6)
    asking.answer(True)
    asking.run()
    assert asking.case().state == "closed"
    assert owed(asking) == []


def test_it_is_warned_of_before_and_the_manager_is_told_once_it_is_missed(asking) -> None:
    case = closed(asking)
    asking.pass_time(36 * HOUR)
    assert asked(asking, "own-noc@carrier.example")[1:] == [f"Reminder: what was vpn-0042? [{case.id}]"]
    (one,) = owed(asking)
    assert one.warned_at is not None
    assert one.missed_at is None
    asking.pass_time(13 * HOUR)
    assert asked(asking, "boss@carrier.example") == [f"Overdue: what was vpn-0042? [{case.id}]"]
    (one,) = owed(asking)
    assert one.clock.standing(asking.clock.at) == "missed"
    asking.pass_time(10 * DAY)
    assert len(asked(asking, "own-noc@carrier.example")) == 2
    found = asking.process.cases.performance(DEFAULT_TENANT, case.opened_at, asking.clock.at)
    assert found.resolved == Kept(missed=1)


def test_what_is_put_down_is_owed_no_more(asking) -> None:
    case = closed(asking)
    assert asking.process.cases.resolve(DEFAULT_TENANT, case.id, RESOLVE) == "taken"
    assert owed(asking) == []
    asking.pass_time(3 * DAY)
    assert len(asked(asking, "own-noc@carrier.example")) == 1
    assert asked(asking, "boss@carrier.example") == []
    found = asking.process.cases.performance(DEFAULT_TENANT, case.opened_at, asking.clock.at)
    assert found.resolved == Kept(kept=1)


def test_silence_closes_a_case_and_owes_it_too(asking) -> None:
    asking.deliver(1, *[0] * 9)
    asking.deliver(*[1] * 6)
    asking.pass_time(3 * DAY)
    assert asking.case().outcome == "unanswered"
    (one,) = owed(asking)
    assert format_instant(one.since)[:10] == "2026-06-03", "a Wednesday, local"
    assert one.due - one.since == 2 * DAY


def test_a_kill_asks_and_reminds_once(asking, monkeypatch: pytest.MonkeyPatch) -> None:
    case = closed(asking)
    with monkeypatch.context() as away:
        away.setattr(Performer, "keep_time", lambda self: 0)
        asking.pass_time(5 * DAY)
    asking.restart()
    asking.run()
    asking.restart()
    asking.run()
    assert asked(asking, "own-noc@carrier.example") == [f"What was vpn-0042? [{case.id}]"]  # too late for a warning
    assert asked(asking, "boss@carrier.example") == [f"Overdue: what was vpn-0042? [{case.id}]"]


def test_where_no_role_is_named_those_of_ours_who_hear_of_it_are_asked(world) -> None:
    case = closed(world)
    assert asked(world, "am@carrier.example") == [f"What was vpn-0042? [{case.id}]"]


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        ("{within: 36h}", "working days are whole days, such as 2d; by the clock with working_days: null"),
        ("{to: [customer.noc]}", "names roles of the provider; no customer is asked what was done"),
        ("{manager: [nobody]}", "'nobody' is no role of carrier"),
        ("{working_days: XX}", "is not a country such as DE"),
    ],
)
def test_terms_that_cannot_be_are_refused_by_name(world, terms: str, fault: str) -> None:
    wrong = f"    exclusions: [planned_maintenance]\n    handling: {{resolution: {terms}}}\n"
    with pytest.raises(InputError) as refused:
        parse_portfolio(world.source.replace("    exclusions: [planned_maintenance]\n", wrong), "portfolio.yaml")
    assert fault in str(refused.value)
    assert "handling.resolution" in str(refused.value)


def test_by_the_clock_a_weekend_counts() -> None:
    from zoneinfo import ZoneInfo

    from upheld.agreements.notice_terms import ResolutionTerms

    friday, berlin = parse_instant("2026-06-05T10:00:00+02:00"), ZoneInfo("Europe/Berlin")
    assert ResolutionTerms().latest(friday, berlin) == parse_instant("2026-06-09T10:00:00+02:00")
    by_clock = ResolutionTerms.model_validate({"within": "36h", "working_days": None})
    assert by_clock.latest(friday, berlin) == friday + 36 * HOUR


# -- problems -------------------------------------------------------------------------------------------------------


@pytest.fixture
def hit(world):
    """Five services of one router are down, and good again; those of one problem are asked of their customers."""
    world.adopt(portfolio(carried={**SWITCHES, "router": ("switch-1", "switch-2")}), {None: EVERY})
    world.minute()
    world.minute(*EVERY)
    for _ in range(8):
        world.minute()
    assert {case.state for case in world.cases()} == {"confirming"}
    return world


def confirm(world, *services: str) -> None:
    for case in world.cases():
        if case.service in services:
            world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "customer.noc/0", True, "")
    world.run()


def test_of_the_cases_of_a_problem_it_is_owed_once(hit) -> None:
    (problem,) = hit.problems()
    confirm(hit, "a-1")
    (one,) = owed(hit)
    assert (one.subject, one.is_of_problem) == (problem.id, True)
    confirm(hit, *EVERY)
    assert owed(hit) == [one]
    assert asked(hit, "am@carrier.example") == [f"What was router? [{problem.id}]"]


def test_what_a_problem_was_its_cases_were_also_one_that_closes_later(hit) -> None:
    (problem,) = hit.problems()
    confirm(hit, "a-1", "a-2")
    (odd,) = [case for case in hit.cases() if case.service == "a-2"]
    assert hit.process.cases.resolve_problem(DEFAULT_TENANT, problem.id, RESOLVE) == "taken"
    hit.process.cases.resolve(DEFAULT_TENANT, odd.id, Resolve("its own card too", "", "Bob"))
    hit.run()
    confirm(hit, *EVERY)
    assert owed(hit) == []
    by_service = {case.service: case.resolution for case in hit.cases()}
    assert by_service.pop("a-2")["cause"] == "its own card too"
    assert {(said["cause"], said["done"], said["problem"]) for said in by_service.values()} == {
        ("a broken card", "replaced", problem.id)
    }
    hit.minute()
    assert (
        hit.process.cases.resolve_problem(DEFAULT_TENANT, problem.id, Resolve("a fibre", "spliced", "Ada")) == "taken"
    )
    hit.run()
    assert {case.resolution["cause"] for case in hit.cases()} == {"a fibre", "its own card too"}
    assert hit.process.cases.resolve_problem(DEFAULT_TENANT, "P-0", RESOLVE) == "unknown"


def test_the_first_word_on_one_of_its_cases_is_that_of_the_problem(hit) -> None:
    (problem,) = hit.problems()
    confirm(hit, *EVERY)
    (case,) = [case for case in hit.cases() if case.service == "b-1"]
    assert hit.process.cases.resolve(DEFAULT_TENANT, case.id, RESOLVE) == "taken"
    hit.run()
    assert owed(hit) == []
    assert {case.resolution["cause"] for case in hit.cases()} == {"a broken card"}
    assert hit.problems()[0].resolution["by"] == "Ada"
    assert problem.id == hit.problems()[0].id


def test_what_is_owed_of_a_part_is_owed_of_the_problem_that_takes_it_over(world) -> None:
    world.adopt(portfolio(carried={**SWITCHES, "router": ("switch-1", "switch-2")}), {None: EVERY})
    world.minute()
    world.minute("a-1", "a-2", "a-3")
    for _ in range(8):
        world.minute()
    confirm(world, "a-1")
    (before,) = owed(world)
    world.minute(*EVERY)
    (problem,) = world.problems(only_open=True)
    (after,) = owed(world)
    assert before.subject != after.subject == problem.id
    assert after.due == before.due
    assert world.process.cases.resolve_problem(DEFAULT_TENANT, before.subject, RESOLVE) == "too_late"
    assert world.process.cases.resolve_problem(DEFAULT_TENANT, problem.id, RESOLVE) == "taken"
    world.run()
    assert {case.resolution.get("cause") for case in world.cases()} == {"a broken card"}
