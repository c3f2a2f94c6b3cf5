"""What a month, or another calendar period, came to is told once, whatever crashes and however long nothing ran."""

from collections.abc import Sequence

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.maintenance.model import Maintenance
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement
from upheld.notices.model import Notice
from upheld.readers.portfolio import parse_portfolio

GOOD, BAD = [1.0], [0.0]
FIRST_DAY = parse_instant("2026-06-01T00:00:00+02:00")
NOC, MANAGER = "noc@acme.example", "am@carrier.example"


def adopt(world, every="day", to="customer.noc, account-manager") -> None:
    summary = f"summary: {{every: {every}, to: [{to}]}}"
    source = world.source.replace("      degradation:", f"      {summary}\n      degradation:")
    source = source.replace("exclusions: [planned_maintenance]", "exclusions: [planned_maintenance, force_majeure]")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))


def summaries(world, kind="summary") -> Sequence[Notice]:
    with world.transaction() as t:
        return [n for n in reversed(t.notices()) if n.kind == kind]


def told(world, kind="summary") -> list[tuple[str, str, str]]:
    return sorted(
        (n.id.split("/")[2][:10] if kind == "summary" else "", n.address, n.state) for n in summaries(world, kind)
    )


def run_until(world, instant: int) -> None:
    world.pass_time(instant - world.clock.at)
    world.run()


@pytest.fixture
def month(world):
    adopt(world, "month")
    work = Maintenance(
        "CHG-1", "line card", FIRST_DAY + 5 * DAY, FIRST_DAY + 5 * DAY + HOUR, ("switch-1",), "CAB", FIRST_DAY
    )
    world.run()
    world.process.works.plan(DEFAULT_TENANT, work)
    world.deliver(*BAD * 10, *GOOD * 8)
    world.answer(solved=True)
    return world


def test_a_month_is_summed_up_once_its_verdicts_are_final(month):
    end = parse_instant("2026-07-01T00:00:00+02:00")
    run_until(month, end + 30 * MINUTE)
    assert summaries(month) == [], "data may still come late"
    run_until(month, end + HOUR)
    run_until(month, end + HOUR + MINUTE)
    assert told(month) == [("2026-05-31", MANAGER, "sent"), ("2026-05-31", NOC, "sent")]
    document = next(n for n in summaries(month) if n.address == NOC).payload["data"]["summary"]
    assert (document["period_start"], document["period_end"]) == ("2026-05-31T22:00:00Z", "2026-06-30T22:00:00Z")
    line, other = document["objectives"]
    assert (other["service"], other["unmeasured"]) == ("vpn-0043", other["periods"])
    assert (line["service"], line["missed"], line["status"]) == ("vpn-0042", 1, "violated")
    assert line["credits"] == [{"amount": "120.00", "currency": "EUR"}]
    assert line["bad_time"] == 600
    (case,) = document["cases"]
    assert (case["reference"], case["lasted"] > 0) == (month.case().id, True)
    (work,) = document["maintenance"]
    assert (work["id"], work["excluded"]) == ("CHG-1", "all")
    month.restart()
    run_until(month, end + 5 * DAY)
    assert len(summaries(month)) == 2


def test_each_summary_is_compared_with_the_period_before(world):
    adopt(world)
    world.deliver(*GOOD * 5)
    run_until(world, FIRST_DAY + DAY + 2 * HOUR)
    world.deliver(*BAD * 10)
    run_until(world, FIRST_DAY + 2 * DAY + 2 * HOUR)
    world.run()
    first, second = (n.payload["data"]["summary"]["objectives"][0] for n in summaries(world) if n.address == NOC)
    assert (first["status"], first["before"]) == ("met", None)
    assert (second["status"], second["before"]["status"], second["before"]["attained"]) == ("violated", "met", "1")


def test_what_ended_while_nothing_ran_is_summed_up_afterwards_each_once(world):
    adopt(world)
    world.deliver(*GOOD * 5)
    world.clock.at = FIRST_DAY + 3 * DAY + 2 * HOUR
    world.restart()
    world.run()
    world.restart()
    world.run()
    sent = [one for one in told(world) if one[2] == "sent"]
    assert sent == [("2026-05-31", MANAGER, "sent"), ("2026-05-31", NOC, "sent")]
    stopped = {n.id.split("/")[2][:10]: n.reason for n in summaries(world) if n.state == "stopped"}
    assert stopped == dict.fromkeys(["2026-06-01", "2026-06-02"], "nothing to tell: nothing was assessed in the period")


def test_a_crash_after_a_summary_was_recorded_does_not_double_it(world):
    adopt(world)
    world.deliver(*GOOD * 5)
    world.clock.at = FIRST_DAY + DAY + 2 * HOUR
    world.process.pulse(DEFAULT_TENANT)
    world.application.performer.keep_time()  # recorded, and then nothing more
    assert {n.state for n in summaries(world)} == {"recorded"}
    world.restart()
    world.run()
    run_until(world, FIRST_DAY + DAY + 8 * HOUR)
    assert told(world) == [("2026-05-31", MANAGER, "sent"), ("2026-05-31", NOC, "sent")]
    assert len(world.mails(NOC)) == 1


def test_a_summary_of_what_is_restated_is_corrected(world):
    """Nothing was ever told of the day but in its summary."""
    adopt(world, to="customer.noc")
    values = [0.0, *GOOD * 400]
    known = world.clock.at
    slots = [(known + n * MINUTE, value) for n, value in enumerate(values)]
    world.take(*(Measurement("vpn-0042", "reachable", slot, value, known_at=known) for slot, value in slots))
    run_until(world, FIRST_DAY + DAY + 2 * HOUR)
    world.run()
    assert told(world) == [("2026-05-31", NOC, "sent")]
    now = world.clock.at
    exclusion = Exclusion("vpn-0042", FIRST_DAY, FIRST_DAY + MINUTE, "force_majeure", "Grace", known_at=now)
    world.process.grant_exclusion(DEFAULT_TENANT, "X", exclusion)
    world.run()
    world.pass_time(3 * MINUTE)
    assert told(world, "restatement") == [("", NOC, "sent")]
    (correction,) = summaries(world, "restatement")
    (found,) = correction.payload["data"]["corrections"]
    assert (found["told"]["attained"], found["attained"]) == ("0.997506234413", "1")
    assert found["told"]["notice"] == summaries(world)[0].id


def test_an_agreement_that_promises_none_is_summed_up_to_nobody(world):
    world.deliver(*GOOD * 5)
    run_until(world, FIRST_DAY + 40 * DAY)
    assert summaries(world) == []
