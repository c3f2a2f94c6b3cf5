"""What the process expects of the period of an open case."""

from upheld.agreements.units import DAY, MINUTE
from upheld.app import DEFAULT_TENANT
from upheld.measurements.model import Measurement

GOOD, BAD = [1.0], [0.0]


def test_the_outlook_of_a_case_rests_on_its_own_past(world):
    start = world.clock.at
    day = [Measurement("vpn-0042", "reachable", start + n * MINUTE, float(n not in (60, 61))) for n in range(1440)]
    world.take(*day)
    world.pass_time(DAY)
    world.deliver(*GOOD * 30, *BAD * 4)
    case = world.case()
    assert case.kind == "degradation"
    found = world.process.cases.outlook(DEFAULT_TENANT, case)
    assert found.outages == 2  # that of the day before is another
    assert found.good == 1438 + 30
    assert found.bad.low >= 4
    assert 0.3 < found.chance < 1
    assert found.credit[2] is not None

    world.deliver(*BAD * 8)
    broken = world.process.cases.outlook(DEFAULT_TENANT, world.case())
    assert broken.chance == 1
    assert broken.bad.low >= 12


def test_of_an_ended_case_nothing_is_expected(world):
    world.deliver(*GOOD * 10, *BAD * 9, *GOOD * 10)
    case = world.case()
    assert world.process.cases.outlook(DEFAULT_TENANT, case) is not None
    world.process.cases.answer(DEFAULT_TENANT, case.id, case.asked, "noc@acme.example", True, "")
    assert world.case().state == "closed"
    assert world.process.cases.outlook(DEFAULT_TENANT, world.case()) is None
