"""Cases over the ends of periods, restatements, rolling windows, soft thresholds, and promises that go away."""

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND
from upheld.app import DEFAULT_TENANT
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement
from upheld.ports import VerdictFilter
from upheld.process.turns import Turns
from upheld.readers.portfolio import parse_portfolio

GOOD, BAD = [1.0], [0.0]
AVAILABILITY = """      - id: availability
        indicator: {kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}
        period: {calendar: day}
        target: 99.5 %                     # 1,440 slots: 7.2 may be bad
        warning: {budget_spent: 50 %}      # from 4 bad slots
        credits: [{below: 99.5 %, share: 10 %}]
"""
LATENCY = """      - id: latency
        indicator: {kind: aggregate, metric: reachable, aggregate: p95}
        period: {calendar: day}
        target: "<= 40"
        warning: {target: "<= 35"}
"""
ROLLING_LATENCY = LATENCY.replace("{calendar: day}", "{rolling: 30m}")
RATIO = """      - id: requests
        indicator: {kind: ratio, metric: reachable}
        period: {calendar: day}
        target: 99.0 %
        warning: {target: 99.5 %}
"""


def adopt(world, objective):
    source = world.source.replace(AVAILABILITY, objective)
    assert source != world.source
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


def correct(world, start, minutes, value):
    """What was measured in those minutes is corrected now."""
    rows = (Measurement("vpn-0042", "reachable", start + n * MINUTE, value, known_at=world.clock.at) for n in minutes)
    world.take(*rows)
    world.run()


def count(world, event_type):
    return world.event_types().count(event_type)


@pytest.fixture
def over_midnight(world):
    """An outage from ten minutes before midnight to ten minutes after, with each day's budget broken."""
    midnight = world.clock.at + DAY
    world.pass_time(DAY - 15 * MINUTE)
    world.deliver(*GOOD * 5, *BAD * 20, *GOOD)
    return midnight


def test_an_outage_over_midnight_is_one_case_that_tells_each_days_violation_once(world, over_midnight):
    world.deliver(*GOOD * 80)  # the first day's verdict becomes final meanwhile
    assert (world.case().kind, count(world, "violated_again")) == ("violation", 1)
    assert set(world.case().periods.values()) == {"violated"}


def test_after_the_customers_yes_the_same_outage_opens_no_second_case(world, over_midnight):
    world.deliver(*GOOD * 5)
    world.answer(solved=True)
    world.deliver(*GOOD * 90)
    assert [c.state for c in world.cases()] == ["closed"]


def test_a_case_is_not_withdrawn_while_one_of_its_periods_is_violated(world, over_midnight):
    whole = Exclusion("vpn-0042", over_midnight, over_midnight + 11 * MINUTE, "planned_maintenance", "the board")
    world.process.grant_exclusion(DEFAULT_TENANT, "x-1", whole)
    world.run()
    assert world.case().state != "withdrawn"
    assert sorted(world.case().periods.values()) == ["met", "violated"] or "no_data" in world.case().periods.values()


def test_a_degradation_that_is_corrected_away_is_withdrawn(world):
    start = world.clock.at
    world.deliver(*BAD * 5)
    correct(world, start, range(5), 1.0)
    assert world.case().state == "withdrawn"


def test_a_violation_that_is_corrected_away_and_back_has_a_case_and_three_versions(world):
    start = world.clock.at
    world.deliver(*BAD * 8, *GOOD * 2)
    correct(world, start, range(8), 1.0)
    world.deliver(*GOOD)
    correct(world, start, range(8), 0.0)
    assert [c.state for c in world.cases()] == ["acting", "withdrawn"]
    with world.transaction() as t:
        (newest,) = t.verdicts(VerdictFilter(service="vpn-0042"))
        versions = [(v.verdict.status, v.cause) for v in t.verdict_versions(newest.key)]
    assert versions == [
        ("violated", "first assessed"),
        ("met", "corrected data"),
        ("violated", "corrected data"),
    ]


def test_mails_and_case_carry_the_figures_of_now_and_not_of_the_first_minute(world):
    world.deliver(*BAD * 12, *GOOD * 5)
    assert world.case().verdict["bad"] == 12
    with world.transaction() as t:
        (question,) = [n for n in t.notices(case_id=world.case().id) if n.kind == "question"]
    assert question.payload["data"]["verdict"]["bad"] == 12


def test_a_gap_in_the_measurements_is_no_stable_time(world):
    world.deliver(*BAD * 8, *[None] * 10, *GOOD)
    assert world.case().state == "acting"
    world.deliver(*GOOD * 4)
    assert world.case().state == "confirming"


def test_a_customer_who_was_told_of_no_degradation_is_not_asked_about_it(world):
    world.deliver(*BAD * 5, *GOOD * 5)
    assert (world.case().kind, world.case().state) == ("degradation", "confirming")
    assert not world.mails("noc@acme.example")
    assert any("/confirm/" in m.as_string() for m in world.mails("am@carrier.example"))


@pytest.mark.parametrize("objective", [LATENCY, ROLLING_LATENCY])
def test_a_service_that_stays_over_its_soft_threshold_is_not_restored(world, objective):
    adopt(world, objective)
    world.deliver(*[20.0] * 3, *[38.0] * 12)
    assert (world.case().kind, world.case().state) == ("degradation", "acting")
    world.deliver(*[20.0] * 5)
    assert world.case().state == "confirming"


def test_a_ratio_that_stays_under_its_soft_target_is_not_restored(world):
    adopt(world, RATIO)
    for _ in range(12):
        at = world.clock.at
        world.take(Measurement("vpn-0042", "reachable", at, good=9930, total=10000, known_at=at))
        world.pass_time(MINUTE)
    assert world.case().state == "acting"


def test_a_rolling_window_that_is_at_risk_again_opens_a_case_again(world):
    adopt(world, ROLLING_LATENCY)
    world.deliver(*[20.0] * 3, *[38.0] * 8, *[20.0] * 6)
    world.answer(solved=True)
    world.deliver(*[20.0] * 40, *[38.0] * 6)
    assert [c.state for c in world.cases()] == ["acting", "closed"]


def test_a_case_of_a_promise_that_is_taken_away_is_withdrawn_and_said_so(world):
    world.deliver(*BAD * 8)
    adopt(world, AVAILABILITY.replace("id: availability", "id: uptime"))
    world.deliver(*GOOD)
    old = next(c for c in world.cases() if c.objective == "availability")
    assert old.state == "withdrawn"


def test_history_that_is_delivered_late_opens_no_case(world):
    start = world.clock.at
    world.pass_time(10 * DAY)
    correct(world, start, range(5 * 1440), 0.0)
    assert not world.cases()
    with world.transaction() as t:
        assert sum(v.status == "violated" for v in t.verdicts()) == 5


def test_an_amendment_of_the_past_bothers_nobody(world):
    start = world.clock.at
    rows = [Measurement("vpn-0042", "reachable", start + n * MINUTE, float(n > 1), known_at=start) for n in range(1440)]
    world.take(*rows)
    world.pass_time(2 * DAY)
    adopt(world, AVAILABILITY.replace("99.5 %", "99.99 %"))
    world.run()
    assert not world.cases()
    with world.transaction() as t:
        (past,) = [v for v in t.verdicts(VerdictFilter(service="vpn-0042")) if v.status == "violated"]
        assert t.verdict_versions(past.key)[-1].cause == "the agreement was amended"


def test_a_verdict_that_cannot_be_kept_now_is_kept_by_the_next_pulse(world, monkeypatch):
    world.deliver(*GOOD * 3)
    with monkeypatch.context() as patch:
        patch.setattr("upheld.process.deciding.decide", _fails)
        world.deliver(*BAD * 8)
    assert not world.cases()
    world.run()
    assert world.case().kind == "violation"


def _fails(*_):
    raise OSError("the disk is full")


def test_a_clock_that_was_ahead_at_the_first_start_hides_no_violation(world, make_world):
    ahead = make_world(clock_ahead=365 * DAY)
    ahead.clock.at -= 365 * DAY
    ahead.restart()
    ahead.deliver(*BAD * 8)
    assert ahead.case().kind == "violation"


def test_one_tenant_that_cannot_be_assessed_does_not_hold_up_the_others(world):
    store = world.application.store
    store.add_tenant("aaa", "A tenant whose portfolio cannot be read")
    with store.transaction("aaa") as t:
        t.save_portfolio("this is no portfolio", world.clock.at)
    turns = Turns(world.process, store, now=lambda: world.clock.at / SECOND)
    for value in BAD * 8:
        world.take(Measurement("vpn-0042", "reachable", world.clock.at, value, known_at=world.clock.at))
        world.clock.at += MINUTE
        turns.go_round()
    assert world.case().kind == "violation"


def test_what_came_of_a_step_is_recorded_with_the_end_of_the_step_or_not_at_all(world, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(world.process.steps, "record", _fails)
        world.deliver(*BAD * 4)
    world.pass_time(HOUR)
    assert count(world, "step_done") == 1
    with world.transaction() as t:
        assert len(t.tickets()) == 1
