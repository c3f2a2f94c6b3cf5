"""Good and total events of a ratio from two labelled series: from remote write to the verdict."""

from collections.abc import Sequence

import pytest
from fastapi.testclient import TestClient

from readers.remote_write_request import body
from upheld.agreements.units import MINUTE
from upheld.ports import StoreFailed

from .conftest import House
from .test_remote_write_api import HEADERS, logged, mapped

MAPPING = """
series:
  - {labels: {__name__: good_total}, service: "{line}", metric: requests, part: good, counter: true}
  - {labels: {__name__: all_total}, service: "{line}", metric: requests, part: total, counter: true}
  - {labels: {__name__: "service:failed:increase1m"}, service: "{line}", metric: requests, part: bad}
  - {labels: {__name__: "service:all:increase1m"}, service: "{line}", metric: requests, part: total}
"""


def write(house: House, client: TestClient, name: str, *samples: tuple[int, float], line: str = "vpn-1") -> None:
    """Samples, each so many minutes before now."""
    labels = [("__name__", name), ("line", line)]
    now = house.application.clock.now() // MINUTE * MINUTE
    sent = body([(labels, [((now - ago * MINUTE) // 1000, value) for ago, value in samples])])
    answer = client.post("/v1/remote-write", content=sent, headers=HEADERS)
    assert (answer.status_code, answer.headers.get("Upheld-Left-Out")) == (204, None), answer.text


def verdict(house: House, client: TestClient, line: str = "vpn-1") -> Sequence[object]:
    house.pulse()
    found = client.get("/v1/verdicts", params={"service": line}).json()["verdicts"]
    [one] = [v for v in found if v["objective"] == "requests"]
    return one["good"], one["bad"], one["attained"]


def test_two_counters_are_one_ratio_and_a_late_sample_restates_it(house: House, north: TestClient) -> None:
    mapped(north, MAPPING)
    write(house, north, "all_total", (9, 1000), (7, 1300))
    write(house, north, "good_total", (9, 700), (7, 990))
    assert verdict(house, north) == (290, 10, "0.966666666666")
    write(house, north, "good_total", (8, 790))  # splits what rose by 290; its pair is not there yet
    write(house, north, "all_total", (8, 1100))
    assert verdict(house, north) == (290, 10, "0.966666666666")
    write(house, north, "all_total", (6, 1400))
    write(house, north, "good_total", (6, 1080))
    assert verdict(house, north) == (380, 20, "0.95")


def test_recorded_increases_are_rounded_to_whole_events_and_corrected(house: House, north: TestClient) -> None:
    mapped(north, MAPPING)
    write(house, north, "service:all:increase1m", (3, 99.7), (2, 100.2), line="vpn-2")
    write(house, north, "service:failed:increase1m", (3, 0.0), (2, 4.1), line="vpn-2")
    assert verdict(house, north, "vpn-2") == (196, 4, "0.98")
    write(house, north, "service:failed:increase1m", (2, 1.0), line="vpn-2")
    assert verdict(house, north, "vpn-2") == (199, 1, "0.995")
    pairs = [(row["good"], row["total"]) for row in logged(house) if row["metric"] == "requests"]
    assert pairs == [(100, 100), (96, 100), (99, 100)]


def test_a_part_that_is_alone_is_told_until_the_other_comes(house: House, north: TestClient) -> None:
    mapped(north, MAPPING)
    write(house, north, "good_total", (1, 5))
    [found] = north.get("/v1/mapping/series").json()["series"]
    assert (found["metric"], found["read"]) == ("requests (good)", False)
    assert found["reason"] == "is not paired: no series is its bad or total part"
    write(house, north, "all_total", (1, 5))
    assert [one["read"] for one in north.get("/v1/mapping/series").json()["series"]] == [True, True]


def test_a_pair_that_could_not_be_kept_is_kept_when_its_part_is_sent_again(
    house: House, north: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped(north, MAPPING)
    write(house, north, "service:all:increase1m", (2, 10.0))
    process, times = house.application.process, 0
    take = process.take_measurements

    def full(*given: object) -> int:
        nonlocal times
        times += 1
        if times == 2:
            raise StoreFailed("there is no room on the disk")
        return take(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "take_measurements", full)
    labels = [("__name__", "service:failed:increase1m"), ("line", "vpn-1")]
    at = house.application.clock.now() // MINUTE * MINUTE - 2 * MINUTE
    sent = {"content": body([(labels, [(at // 1000, 1.0)])]), "headers": HEADERS}
    assert north.post("/v1/remote-write", **sent).status_code == 503
    assert north.post("/v1/remote-write", **sent).status_code == 204
    assert [(r["good"], r["total"]) for r in logged(house) if r["metric"] == "requests"] == [(9, 10)]
