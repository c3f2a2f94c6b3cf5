"""What is delivered again later, as the same, is no correction: no verdict has another version, and nobody is told."""

import pytest

from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.measurements.model import Measurement
from upheld.ports import VerdictFilter
from upheld.readers.portfolio import parse_portfolio

START = parse_instant("2026-06-01T00:00:00+02:00")
LATENCY = """
      - id: latency
        indicator: {kind: aggregate, metric: rtt, aggregate: p95, slot: 1m}
        period: {calendar: day}
        target: "<= 40"
"""


@pytest.mark.parametrize("restart", [False, True])
def test_the_same_again_once_the_verdict_is_final_changes_nothing(world, restart):
    source = world.source.replace("    charge:", LATENCY.strip("\n") + "\n    charge:")
    world.process.adopt_portfolio(DEFAULT_TENANT, source, parse_portfolio(source, "portfolio.yaml"))

    def measured(known_at: int) -> list[Measurement]:
        times = [START + minute * MINUTE for minute in range(30)]
        down = [Measurement("vpn-0042", "reachable", at, float(at >= START + 9 * MINUTE)) for at in times]
        slow = [Measurement("vpn-0042", "rtt", at, 50.0) for at in times]
        return [Measurement(m.service, m.metric, m.time, m.value, known_at=known_at) for m in down + slow]

    world.clock.at = START + HOUR
    world.take(*measured(world.clock.at))
    world.run()
    world.pass_time(2 * DAY)
    before, mails = versions(world), len(world.mails())
    assert mails
    assert {objective for objective, *_ in before} == {"availability", "latency"}
    world.pass_time(HOUR)
    if restart:
        world.restart()
    world.take(*measured(world.clock.at))
    world.pass_time(MINUTE)
    world.pass_time(HOUR)
    old = {key: found for key, found in versions(world).items() if key in before}
    assert old == before
    assert len(world.mails()) == mails


def versions(world):
    """Of each verdict of the first day its versions and figures."""
    with world.transaction() as t:
        first = [v for v in t.verdicts(VerdictFilter()) if v.period_start == START]
        return {
            (v.objective, v.service, v.period_start): [
                (made.verdict.version, made.known_at, made.cause, made.verdict.status, made.verdict.bad)
                for made in t.verdict_versions(v.key)
            ]
            for v in first
        }
