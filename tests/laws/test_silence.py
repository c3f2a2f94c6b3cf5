"""When a series is silent: cases derived by hand, and that no order, splitting or repetition of the log matters."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.assessment.silence import Silence, silence
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.process.assessing.silences import Watch
from upheld.readers.portfolio import parse_portfolio

MONDAY = parse_instant("2026-06-01T00:00:00Z")
SOURCE = """
agreements:
  - id: gold
    customer: acme
    valid: {from: 2026-01-01, to: 2026-07-01}
    services: [vpn-1, vpn-2]
    SERVICE_HOURS
    objectives:
      - id: availability
        indicator: {kind: availability, metric: up, good_when: ">= 1", silent_after: 10m}
        period: {calendar: day}
        target: 99 %
      - id: pair
        group: {id: pair, rule: redundant}
        indicator: {kind: availability, metric: up, good_when: ">= 1", silent_after: 10m}
        period: {calendar: day}
        target: 99 %
      - id: unwatched
        indicator: {kind: availability, metric: up, good_when: ">= 1"}
        period: {calendar: day}
        target: 99 %
    exclusions: [planned_maintenance]
"""


def terms(hours: str = "") -> dict[tuple[str, str], Term]:
    portfolio = parse_portfolio(SOURCE.replace("SERVICE_HOURS", hours), "portfolio.yaml")
    return {(term.objective, term.service): term for term in compile_terms(portfolio.agreements)}


def asked(
    last: int | None,
    as_of: int,
    *,
    exclusions: Sequence[Exclusion] = (),
    hours: str = "",
    of: tuple[str, str] = ("availability", "vpn-1"),
) -> Silence | int | None:
    newest = {} if last is None else {("vpn-1", "up"): last, ("vpn-2", "up"): as_of}
    return silence(terms(hours)[of], newest, exclusions, as_of)


NOON = MONDAY + 12 * HOUR
LAST = NOON + 30_000_000  # its slot ends at 12:01
DUE = NOON + 11 * MINUTE


def test_a_series_is_silent_once_its_slots_were_empty_for_so_long() -> None:
    assert asked(LAST, NOON) == DUE
    assert asked(LAST, DUE - 1) == DUE
    assert asked(LAST, DUE) == Silence(NOON + MINUTE, DUE, ("vpn-1",))
    assert asked(LAST, DUE + 13 * DAY) == Silence(NOON + MINUTE, DUE, ("vpn-1",))


def test_what_never_had_data_what_is_not_watched_and_what_is_not_valid_is_not_silent() -> None:
    assert asked(None, NOON) is None
    assert asked(LAST, NOON + DAY, of=("unwatched", "vpn-1")) is None
    assert asked(LAST, MONDAY + 30 * DAY) is None  # the agreement has ended
    assert asked(LAST, MONDAY - 200 * DAY) is None  # it has not begun


def test_excluded_time_and_time_outside_the_service_hours_is_no_silence() -> None:
    work = Exclusion("vpn-1", NOON + 5 * MINUTE, NOON + HOUR, "planned_maintenance", "Ada")
    assert asked(LAST, NOON + HOUR, exclusions=[work]) == NOON + HOUR + 6 * MINUTE
    silent = asked(LAST, NOON + HOUR + 6 * MINUTE, exclusions=[work])
    assert silent == Silence(NOON + MINUTE, DUE, ("vpn-1",))
    hours = 'service_hours: {mon-fri: "08:00-18:00"}'
    evening = MONDAY + 17 * HOUR + 58 * MINUTE  # its slot ends a minute before the hours do
    morning = MONDAY + DAY + 8 * HOUR
    assert asked(evening, morning, hours=hours) == morning + 9 * MINUTE
    assert isinstance(asked(evening, morning + 9 * MINUTE, hours=hours), Silence)


def test_of_a_group_the_silent_members_are_named() -> None:
    assert asked(LAST, DUE, of=("pair", "pair")) == Silence(NOON + MINUTE, DUE, ("vpn-1",))


@pytest.mark.parametrize("text", ["0s", "32d", "soon"])
def test_how_long_is_bounded(text: str) -> None:
    with pytest.raises(Exception, match="silent_after"):
        parse_portfolio(
            SOURCE.replace("silent_after: 10m", f"silent_after: {text}", 1).replace("SERVICE_HOURS", ""), "p"
        )


ROWS = st.lists(
    st.builds(
        Measurement,
        service=st.sampled_from(["vpn-1", "vpn-2", "vpn-3"]),
        metric=st.sampled_from(["up", "down"]),
        time=st.integers(0, 40).map(lambda minute: NOON + minute * MINUTE),
        value=st.just(1.0),
        known_at=st.integers(0, 3),
    ),
    max_size=12,
)


@given(rows=ROWS, data=st.data())
def test_who_delivered_last_is_known_whatever_the_order_and_the_batches(
    rows: list[Measurement], data: st.DataObject
) -> None:
    every = list(terms().values())
    delivered = [(row, data.draw(st.sampled_from(["probe-a", "probe-b", None]))) for row in rows]
    watch, left = Watch(every), data.draw(st.permutations([*delivered, *delivered[:3]]))
    while left:
        batch, left = left[: (size := data.draw(st.integers(1, 4)))], left[size:]
        watch.note(to_table([row for row, _ in batch]), [(1, who) for _, who in batch])
    as_of = NOON + 30 * MINUTE
    for one in watch.heard(as_of):
        of_it = [(row.time, who) for row, who in delivered if (row.service, row.metric) == (one.service, one.metric)]
        last = max(time for time, _ in of_it)
        assert one.since == last + MINUTE
        assert one.sender == min((who for time, who in of_it if time == last and who is not None), default=None)
        assert one.quiet == (as_of - one.since >= 5 * MINUTE)
    heard = {(one.service, one.metric) for one in watch.heard(as_of)}
    assert heard == {(row.service, row.metric) for row in rows} & {("vpn-1", "up"), ("vpn-2", "up")}


@given(rows=ROWS, data=st.data())
def test_no_order_splitting_repetition_or_time_of_looking_matters(rows: list[Measurement], data: st.DataObject) -> None:
    every = list(terms().values())
    as_of = NOON + 60 * MINUTE
    at_once = Watch(every)
    at_once.note(to_table(rows))
    pieces = data.draw(st.permutations([*rows, *rows[:3]]))
    piecemeal, looked = Watch(every), NOON
    for row in pieces:
        piecemeal.note(to_table([row]))
        looked = min(looked + data.draw(st.integers(0, 10)) * MINUTE, as_of)
        piecemeal.silent((), looked, known=())
    assert sorted(piecemeal.silent((), as_of, known=())) == sorted(at_once.silent((), as_of, known=()))
    newest = {(r.service, r.metric): max(s.time for s in rows if s.identity[:2] == r.identity[:2]) for r in rows}
    expected = {t.key for t in every if isinstance(silence(t, newest, (), as_of), Silence)}
    assert {key for key, _ in at_once.silent((), as_of, known=())} == expected
    for key in expected:
        assert isinstance(at_once.of(key, (), as_of), Silence)
    assert at_once.silent((), as_of, known=expected) == []
