"""One tenant with much to do holds up no other; and what is assessed in slices comes to the same."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.units import DAY, HOUR, MINUTE, SECOND, parse_instant
from upheld.app import DEFAULT_TENANT
from upheld.assessment.verdict import Verdict
from upheld.measurements.model import Measurement, to_table
from upheld.ports import Assessment
from upheld.process.assessing import assessor as assessors
from upheld.process.assessing import pulse
from upheld.process.assessing.assessor import Assessor
from upheld.process.turns import PAUSE, Turns
from upheld.readers.portfolio import parse_portfolio
from upheld.store import open_store

START = parse_instant("2026-06-01T00:00:00+02:00")  # as the fixture `world` begins
NOISY = "a noisy one"  # has its turn before `default`
SLICE = 100
BATCHES = 40
BAD = 0.0


def rows(services: Sequence[str], first: int, last: int, value: float = 1.0) -> list[Measurement]:
    """One row a minute of each service, of the minutes from `first` to before `last`."""
    return [
        Measurement(service, "reachable", START + minute * MINUTE, value, known_at=START)
        for service in services
        for minute in range(first, last)
    ]


@pytest.fixture
def crowded(world, monkeypatch: pytest.MonkeyPatch):
    """A noisy tenant with `BATCHES` slices of rows in its log, which has just been started again."""
    monkeypatch.setattr(assessors, "ROWS_AT_ONCE", SLICE)
    world.application.store.add_tenant(NOISY, "Noisy")
    world.process.adopt_portfolio(NOISY, world.source, parse_portfolio(world.source, "portfolio.yaml"))
    for batch in range(BATCHES):
        minutes = batch * SLICE // 2, (batch + 1) * SLICE // 2
        world.process.take_measurements(NOISY, to_table(rows(["vpn-0042", "vpn-0043"], *minutes, BAD)))
    world.restart()
    return world


def turns_of(world) -> Turns:
    return Turns(world.process, world.application.store, now=lambda: world.clock.at / SECOND)


def kept(world, tenant: str) -> Sequence[Verdict]:
    with world.application.store.transaction(tenant, writing=False) as t:
        return t.verdicts()


def journal(world, tenant: str) -> Assessment | None:
    with world.application.store.transaction(tenant, writing=False) as t:
        return t.assessment()


def test_a_quiet_tenant_has_its_verdict_after_one_turn_of_a_noisy_one(crowded) -> None:
    turns = turns_of(crowded)
    crowded.clock.at += BATCHES * HOUR
    delays = []
    for minute in range(0, BATCHES - 2, 2):
        crowded.take(*rows(["vpn-0042"], minute, minute + 2))
        crowded.clock.at += MINUTE
        waited = 0
        good = sum(v.good for v in kept(crowded, DEFAULT_TENANT))
        while sum(v.good for v in kept(crowded, DEFAULT_TENANT)) == good:
            assert turns.go_round() == 1, "the noisy one has caught up, and the test shows nothing"
            waited += 1
        delays.append(waited)
    assert set(delays) == {1}


def test_what_has_not_caught_up_with_the_log_is_not_told(crowded) -> None:
    turns = turns_of(crowded)
    end, waiting = crowded.application.log.backlog(NOISY, 0)
    assert waiting == BATCHES * SLICE
    crowded.clock.at += 2 * DAY
    began = crowded.clock.at
    rounds = 0
    while turns.go_round():
        rounds += 1
        crowded.clock.at += MINUTE
        assert journal(crowded, NOISY) is None
        assert not kept(crowded, NOISY)
        assert crowded.process.behind(NOISY) == waiting - rounds * SLICE
        if rounds == 3:  # comes while the pulse is under way, and waits for the next one
            late = rows(["vpn-0042"], 10, 12)
            crowded.process.take_measurements(NOISY, to_table(late))
            waiting += len(late)
    made = journal(crowded, NOISY)
    assert made is not None
    assert (made.position, made.as_of) == (end, began)
    assert made.known_at > began
    assert crowded.process.behind(NOISY) == 2
    violated = [v for v in kept(crowded, NOISY) if v.status == "violated"]
    assert sum(v.bad for v in violated) == BATCHES * SLICE
    # And the report of that instant can be printed again, whatever came afterwards.
    crowded.clock.at += MINUTE
    turns.go_round()
    assert crowded.process.behind(NOISY) == 0
    again = crowded.process.verdicts(NOISY, pulse.VerdictFilter(), made.known_at)
    assert [v for v in again if v.status == "violated"] == violated


def test_keeping_many_verdicts_is_cut_into_turns(crowded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assessors, "ROWS_AT_ONCE", 1_000_000)
    monkeypatch.setattr(pulse, "TOGETHER", 1)
    crowded.clock.at += DAY
    turns = 1
    while crowded.process.turn(NOISY):
        turns += 1
    assert turns == len([v for v in kept(crowded, NOISY) if v.status == "violated"]) > 1


def test_a_tenant_rests_between_two_pulses_and_a_pulse_that_failed_begins_again(
    crowded, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = turns_of(crowded)
    crowded.clock.at += BATCHES * HOUR
    began: list[str] = []
    begin = crowded.process.in_force
    monkeypatch.setattr(crowded.process, "in_force", lambda tenant: began.append(tenant) or begin(tenant))
    turns.go_round()
    turns.go_round()
    assert began == [NOISY, DEFAULT_TENANT]
    with monkeypatch.context() as broken:
        broken.setattr(assessors.Assessor, "_next_batch", fails)
        assert turns.go_round() == 0
    crowded.clock.at += round(PAUSE * SECOND)
    assert turns.go_round() == 1
    assert began == [NOISY, DEFAULT_TENANT] * 2
    while turns.go_round():
        pass
    assert sum(v.bad for v in kept(crowded, NOISY)) == BATCHES * SLICE


def fails(*_: object) -> None:
    raise OSError("the disk is gone")


measured = st.builds(
    lambda service, minute, value, known: Measurement(
        service, "reachable", START + minute * MINUTE, value, known_at=START + known * MINUTE
    ),
    st.sampled_from(["vpn-0042", "vpn-0043"]),
    # Also before the portfolio, so that the assessment has to begin anew, once or several times.
    st.one_of(st.integers(0, 600), st.integers(-60 * 1440, 0)),
    st.sampled_from([0.0, 1.0]),
    st.integers(0, 5),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(measured, min_size=1, max_size=6), max_size=12), st.integers(1, 8))
def test_verdicts_are_the_same_whatever_the_size_of_a_slice(
    world,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    batches: list[list[Measurement]],
    size: int,
) -> None:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('slices') / 'upheld.db'}")
    terms = world.process.in_force(DEFAULT_TENANT).every_term

    def assessed(rows_at_once: int) -> dict[tuple[str, str, str, int], Verdict]:
        monkeypatch.setattr(assessors, "ROWS_AT_ONCE", rows_at_once)
        one = Assessor(store, "t", HOUR)
        one.adopt(1, terms, START)
        return {verdict.key: verdict for verdict in one.advance([], START + DAY)}

    for batch in batches:
        store.append("t", to_table(batch))
    assert assessed(size) == assessed(1_000_000)
    store.close()
