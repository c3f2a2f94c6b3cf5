"""Each check of a case's measurements, by itself: what it finds in sound ones, and in those of a probe at fault."""

from typing import Any

import numpy as np
import pytest

from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import MINUTE, SECOND
from upheld.analysis.series import Grid, Measured, node_of
from upheld.analysis.soundness import Peer, soundness
from upheld.measurements.senders import Sender
from upheld.readers.portfolio import parse_portfolio

START = 1_780_272_000_000_000  # 2026-06-01T00:00:00Z
GRID = Grid(START, MINUTE, 60, 20)


def rows(values: list[float], sender: str = "probe-1", delay: int = 0) -> Measured:
    time = START + np.arange(len(values), dtype=np.int64) * MINUTE
    none = np.full(len(values), -1, np.int64)
    return Measured(time, time + delay, np.array(values, float), none, none, np.array([sender] * len(values)))


def found(measured: Measured, senders: tuple[Sender, ...] = (), peers: tuple[Peer, ...] = ()) -> dict[str, Any]:
    return soundness([measured], GRID, MINUTE, GRID.end, 30 * SECOND, senders, peers)


def doubtful(document: dict[str, Any]) -> list[str]:
    return [check["check"] for check in document["checks"] if not check["sound"]]


def varying(count: int) -> list[float]:
    return [20 + 7.3 * np.sin(n) for n in range(count)]


def test_what_varies_as_ever_and_came_in_time_is_sound() -> None:
    document = found(rows(varying(80)))
    assert (document["sound"], doubtful(document), document["text"]) == (True, [], "The measurements look sound")
    assert document["senders"] == [{"name": "probe-1"}]


@pytest.mark.parametrize(
    ("measured", "check"),
    [
        (rows(varying(60) + [31.5] * 20), "still"),
        (rows([*varying(79), -4.0]), "implausible"),
        (rows(varying(65)), "missing"),
    ],
)
def test_what_speaks_against_the_probe(measured: Measured, check: str) -> None:
    document = found(measured)
    assert doubtful(document) == [check]
    assert document["text"].startswith("The probe may be at fault: ")


def test_a_switch_that_is_off_does_not_stand_still() -> None:
    assert doubtful(found(rows([1.0] * 60 + [0.0] * 20))) == []


def test_what_always_comes_late_is_no_fault_of_now() -> None:
    document = found(rows(varying(80), delay=10 * MINUTE))
    assert doubtful(document) == []
    assert {c["check"]: c["text"] for c in document["checks"]}[
        "late"
    ] == "20 of 20 measurements came late, 100 % before"


def test_a_sender_whose_clock_is_ahead_or_whose_data_were_refused_is_doubted() -> None:
    ahead = Sender("probe-1", START, hour=START, least_lag=-90 * SECOND)
    refused = Sender("probe-1", START, error="malformed row 3", error_at=GRID.case_start + MINUTE)
    assert doubtful(found(rows(varying(80)), (ahead,))) == ["clock"]
    assert doubtful(found(rows(varying(80)), (refused,))) == ["refused"]
    assert doubtful(found(rows(varying(80), sender="probe-2"), (ahead, refused))) == []  # another one's


@pytest.mark.parametrize(
    ("bad", "good", "elsewhere", "doubted"),
    [(3, 0, 0, True), (2, 0, 0, False), (4, 1, 0, True), (3, 1, 0, False), (5, 0, 4, False)],
)
def test_unrelated_services_that_fail_together_speak_against_the_probe(
    bad: int, good: int, elsewhere: int, doubted: bool
) -> None:
    same = [Peer(f"s-{n}", "probe-1", n < bad) for n in range(bad + good)]
    others = [Peer(f"o-{n}", "probe-2", n < elsewhere) for n in range(4)]
    assert ("unrelated" in doubtful(found(rows(varying(80)), peers=(*same, *others)))) is doubted


def terms() -> dict[str, Term]:
    source = """
agreements:
  - id: a
    customer: acme
    valid: {from: 2026-01-01}
    services: [s]
    objectives:
      - {id: up, indicator: {kind: availability, metric: up, good_when: ">= 1"}, period: {calendar: day}, target: 99 %}
      - {id: ok, indicator: {kind: ratio, metric: calls}, period: {calendar: day}, target: 99 %}
      - {id: rtt, indicator: {kind: aggregate, metric: rtt, aggregate: p95}, period: {calendar: day}, target: "<= 40"}
      - {id: rate, indicator: {kind: aggregate, metric: mb, aggregate: mean}, period: {calendar: day}, target: ">= 50"}
customers: [{id: acme, name: Acme}]
provider: {id: carrier, name: Carrier}
"""
    return {term.objective: term for term in compile_terms(parse_portfolio(source, "p.yaml").agreements)}


def test_every_kind_of_promise_becomes_a_series_of_what_is_bad_in_it() -> None:
    grid, found = Grid(START, 2 * MINUTE, 1, 1), terms()
    assert node_of([(found["up"], rows([1, 1, 0, 1]))], grid)["availability"].case.tolist() == [50]
    assert node_of([(found["rtt"], rows([10, 20, 30, 50]))], grid)["latency"].normal.tolist() == [15]
    assert node_of([(found["rate"], rows([80, 50, 25, 25]))], grid)["availability"].case.tolist() == [50]
    counts = Measured(
        *(START + np.arange(2, dtype=np.int64) * 2 * MINUTE,) * 2,
        np.full(2, np.nan),
        np.array([9, 0]),
        np.array([10, 0]),
        np.array(["", ""]),
    )
    node = node_of([(found["ok"], counts)], grid)
    assert node["availability"].normal.tolist() == [90]
    assert np.isnan(node["availability"].case).all()  # nobody called
    assert node["requests"].case.tolist() == [0]
