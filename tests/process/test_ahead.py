"""Measurements that lie ahead of our clock, and those that contradict each other at one instant."""

from itertools import permutations

from upheld.agreements.units import MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.measurements.model import Measurement
from upheld.ports import VerdictFilter


def counted(world):
    with world.transaction() as t:
        (verdict,) = t.verdicts(VerdictFilter(service="vpn-0042", newest_only=True))
    return verdict.good, verdict.bad


def test_a_slot_is_not_assessed_before_it_has_ended_however_early_its_measurement_came(world):
    start = world.clock.at
    ahead = [Measurement("vpn-0042", "reachable", start + n * MINUTE, 0.0, known_at=start) for n in range(9)]
    world.take(*ahead)
    for minute in range(1, 9):
        world.pass_time(MINUTE)
        assert counted(world) == (0, minute)
        assert [case.kind for case in world.cases()] == (
            [] if minute < 4 else ["degradation" if minute < 8 else "violation"]
        )


def test_of_two_values_of_one_instant_and_knowledge_the_same_holds_whatever_their_order(make_world):
    for values in permutations((0.0, 1.0, 0.5)):
        world = make_world()
        at = world.clock.at
        for value in values:
            world.take(Measurement("vpn-0042", "reachable", at, value, known_at=at))
            world.run()
        world.pass_time(MINUTE)
        assert counted(world) == (1, 0)
        series = world.application.log.series(DEFAULT_TENANT, "vpn-0042", "reachable", at, at + 1)
        assert series.column("value").to_pylist() == [1.0]
