"""A sender that was away sends what it has kept, of many services at once, for slots that were assessed without it."""

import pytest

from process.conftest import START, World
from upheld.agreements.units import MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.measurements.model import Measurement
from upheld.ports import VerdictFilter
from upheld.readers.portfolio import parse_portfolio

MANY = 40
PORTFOLIO = f"""
agreements:
  - id: many
    customer: acme
    time_zone: Europe/Berlin
    valid: {{from: 2026-01-01}}
    services: [{", ".join(f"vpn-{n}" for n in range(MANY))}]
    objectives:
      - id: hour
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}}
        period: {{rolling: 1h}}
        target: 95 %
      - id: day
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 1m}}
        period: {{calendar: day}}
        target: 99.5 %
"""


def send(world: World, first: int, last: int, bad: int) -> None:
    """A value a minute of each service, the one in `bad` being bad."""
    world.take(
        *(
            Measurement(f"vpn-{n}", "reachable", START + m * MINUTE, float(m != bad), known_at=world.clock.at)
            for n in range(MANY)
            for m in range(first, last)
        )
    )


def test_the_log_is_read_for_all_of_them_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.process.adopt_portfolio(DEFAULT_TENANT, PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio.yaml"))
    world.clock.at = START + 10 * MINUTE
    send(world, 0, 10, bad=-1)
    world.run()
    world.pass_time(100 * MINUTE)
    store, count = world.application.store, 0
    for name in ("series", "rows"):
        once = getattr(store, name)

        def counted(*given, once=once, **named):  # type: ignore[no-untyped-def]
            nonlocal count
            count += 1
            return once(*given, **named)

        monkeypatch.setattr(store, name, counted)
    send(world, 10, 110, bad=90)
    world.run()
    assert 1 <= count <= 4, "a reading or two for each objective, and not for each service"
    verdicts = world.process.verdicts(DEFAULT_TENANT, VerdictFilter(agreement="many"))
    assert {(v.objective, v.good, v.bad, v.missing) for v in verdicts} == {("hour", 59, 1, 0), ("day", 109, 1, 0)}
    assert len(verdicts) == 2 * MANY
