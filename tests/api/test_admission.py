"""What is let in: a tenant's own limits, places and memory, and what a sender is told that has to wait."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from upheld.access import Caller, new_key
from upheld.agreements.units import MINUTE, format_instant, parse_instant
from upheld.api.admitting import Admitting
from upheld.app import Application, Settings
from upheld.cli import app as commands
from upheld.ports import Busy, StoreFailed
from upheld.server import create_app
from upheld.taking_in.admission import LOOK_AGAIN, MOST_WAITING, Admission, Crowded, Limits, TooMuch, own_limits

PORTFOLIO = (Path(__file__).parent / "portfolio.yaml").read_text()
JSON_LINES = {"Content-Type": "application/x-ndjson"}
START = parse_instant("2026-06-01T00:00:00Z")


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def an_admission(limits: Limits = Limits(), **changes: object) -> Admission:
    given = {"most_at_once": 3, "most_bytes": 1000, "own_limits": lambda _: {}, "behind": lambda _: 0, "now": Clock()}
    return Admission(limits, **{**given, "patience": 0.05, **changes})  # type: ignore[arg-type]


# -- rates --------------------------------------------------------------------------------------------------------


def test_what_was_sent_beyond_a_rate_is_waited_for() -> None:
    clock = Clock()
    admission = an_admission(Limits(samples_per_second=10), now=clock)
    admission.check("t")
    admission.charge("t", samples=100)  # ten seconds' worth may come at once
    admission.check("t")
    admission.charge("t", samples=45)
    for passed, retry_after in ((0, 5), (4.4, 1), (0.09, 1)):
        clock.at += passed
        with pytest.raises(TooMuch, match="more than 10 samples a second") as refused:
            admission.check("t")
        assert refused.value.retry_after == retry_after
    admission.check("another")
    clock.at += 0.02
    admission.check("t")


def test_no_rate_is_saved_beyond_ten_seconds() -> None:
    clock = Clock()
    admission = an_admission(Limits(requests_per_second=1, bytes_per_second=0), now=clock)
    admission.check("t")
    clock.at += 3600
    admission.charge("t", size=10**12)
    for _ in range(11):  # the eleventh is owed
        admission.check("t")
    with pytest.raises(TooMuch, match="more than 1 requests a second"):
        admission.check("t")


def test_a_limit_of_its_own_is_taken_up_while_the_server_runs_and_none_is_looked_up_for_each_request() -> None:
    clock, own, asked = Clock(), {}, []
    admission = an_admission(own_limits=lambda tenant: asked.append(tenant) or dict(own), now=clock)
    admission.check("t")
    own |= {"samples_per_second": 1, "of another version": 7}
    admission.check("t")
    assert admission.limits_of("t") == Limits()
    assert asked == ["t"]
    clock.at += LOOK_AGAIN
    assert admission.limits_of("t") == Limits(samples_per_second=1)
    admission.charge("t", samples=12)
    with pytest.raises(TooMuch):
        admission.check("t")


def test_limits_stay_as_they_were_while_the_store_is_away() -> None:
    def away(_: str) -> dict[str, float]:
        raise OSError("gone")

    admission = an_admission(Limits(backlog_rows=5), own_limits=away, behind=lambda _: 6)
    with pytest.raises(Crowded, match="6 measurements wait for their assessment; 5 may") as refused:
        admission.check("t")
    assert refused.value.retry_after == 10


# -- places -------------------------------------------------------------------------------------------------------


def test_a_noisy_tenant_leaves_a_place_to_the_others_and_waits_itself() -> None:
    async def story() -> None:
        admission = an_admission(Limits(requests_at_once=2), patience=30)
        noisy = [asyncio.create_task(admission.place("noisy", 1, delivers=True)) for _ in range(5)]
        await asyncio.sleep(0)
        quiet = await admission.place("quiet", 1, delivers=True)
        assert [task.done() for task in noisy] == [True, True, False, False, False]
        # All three are taken now. Who has none at work has the next one, though others came first.
        another = asyncio.create_task(admission.place("another", 1, delivers=True))
        await asyncio.sleep(0)
        noisy[0].result().leave()
        assert (await another).tenant == "another"
        quiet.leave()
        await noisy[2]
        assert [task.done() for task in noisy] == [True, True, True, False, False]
        for task in noisy:
            (await task).leave()

    asyncio.run(story())


def test_who_finds_no_place_in_time_is_to_come_again_and_holds_nothing() -> None:
    async def story() -> None:
        admission = an_admission(Limits(requests_at_once=1))
        first = await admission.place("t", 400, delivers=True)
        with pytest.raises(Crowded) as refused:
            await admission.place("t", 1, delivers=True)
        assert refused.value.retry_after == 2
        waiting = [asyncio.create_task(admission.place("t", 1, delivers=True)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Crowded, match="wait already"):
            await admission.place("t", 1, delivers=True)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        first.leave()
        await admission.place("t", 1, delivers=True)
        for _ in range(500):  # what delivers nothing needs memory alone
            await admission.place("u", 1, delivers=False)

    asyncio.run(story())


def test_bodies_share_the_memory_and_no_tenant_has_more_than_half_of_it() -> None:
    async def story() -> None:
        admission = an_admission()
        mine = await admission.place("t", 300, delivers=False)
        with pytest.raises(Crowded):
            await admission.place("t", 201, delivers=False)
        mine.resize(500)
        with pytest.raises(Crowded, match="memory"):
            mine.resize(501)
        other = await admission.place("u", 500, delivers=False)
        with pytest.raises(Crowded):
            await admission.place("v", 1, delivers=False)
        mine.resize(100)
        other.leave()
        mine.leave()
        # One that is larger than all of it is taken alone.
        await admission.place("t", 5000, delivers=False)

    asyncio.run(story())


def test_what_finds_no_room_is_refused_unread() -> None:
    async def story() -> None:
        admission = an_admission()
        await admission.place("u", 900, delivers=False)
        answered = []

        async def receive() -> dict[str, object]:
            raise AssertionError("it was read")

        async def send(message: dict[str, object]) -> None:
            answered.append(message)

        for headers in ([(b"content-length", b"200")], []):  # one that does not say its size may be of any
            scope = {"type": "http", "method": "PUT", "path": "/v1/agreements", "headers": headers}
            scope["state"] = {"caller": Caller("k", "t", "operator")}
            await Admitting(receive, admission, limit=1000)(scope, receive, send)  # type: ignore[arg-type]
            assert answered[0]["status"] == 503
            assert (b"retry-after", b"2") in answered[0]["headers"]
            assert json.loads(answered[1]["body"])["detail"].startswith("the server works on other requests")
            answered.clear()

    asyncio.run(story())


# -- over HTTP ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Application]:
    """An application of its own whose tenants may send little."""
    url = f"sqlite:///{tmp_path / 'upheld.db'}"
    limits = {"tenant_samples_per_second": 10, "tenant_backlog_rows": 150}
    application = Application(Settings(database_url=url, assessment_delay=0, **limits))
    application.admission._now = Clock()
    yield application
    application.stop()
    application.store.close()  # type: ignore[attr-defined]


def client_of(application: Application, tenant: str) -> TestClient:
    secret, key = new_key(tenant, "test", "operator", application.clock.now())
    application.store.add_tenant(tenant, tenant)
    application.store.add_key(key)
    client = TestClient(create_app(application), headers={"Authorization": f"Bearer {secret}"})
    answer = client.put("/v1/agreements", content=PORTFOLIO, headers={"Content-Type": "application/yaml"})
    assert answer.is_success, answer.text
    return client


def lines(first: int, count: int) -> str:
    times = [format_instant(START + minute * MINUTE) for minute in range(first, first + count)]
    rows = [{"service": "vpn-1", "metric": "reachable", "time": time, "value": 1} for time in times]
    return "\n".join(map(json.dumps, rows))


def test_a_sender_is_told_when_to_come_again_and_another_tenant_is_not_touched(small: Application) -> None:
    north, south = client_of(small, "north"), client_of(small, "south")

    def deliver(client: TestClient, first: int, count: int) -> tuple[int, str | None]:
        answer = client.post("/v1/measurements", content=lines(first, count), headers=JSON_LINES)
        return answer.status_code, answer.headers.get("retry-after")

    assert deliver(north, 0, 120) == (202, None)
    assert deliver(north, 120, 1) == (429, "2")
    assert deliver(south, 0, 1) == (202, None)
    assert north.get("/v1/verdicts").status_code == 200
    small.admission._now.at += 2  # type: ignore[attr-defined]
    assert deliver(north, 120, 60) == (202, None)
    small.admission._now.at += 6  # type: ignore[attr-defined]
    small.turns.go_round()
    assert small.process.behind("north") == 0
    page = client_of(small, "south").get("/metrics").text
    assert 'tenant="north"' not in page
    page = north.get("/metrics").text
    assert 'upheld_requests_refused_total{cause="samples",tenant="north"} 1.0' in page


def test_who_is_far_behind_with_its_assessment_is_to_wait(small: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    from upheld.process.assessing import assessor

    monkeypatch.setattr(assessor, "ROWS_AT_ONCE", 10)
    north = client_of(small, "north")
    for first in range(0, 200, 10):
        small.process.take_measurements("north", read(small, lines(first, 10)))
    while not 0 < small.process.behind("north") <= 190:
        small.turns.go_round()
    answer = north.post("/v1/measurements", content=lines(200, 1), headers=JSON_LINES)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "190 measurements wait for their assessment; 150 may" in answer.json()["detail"]
    while small.turns.go_round():
        pass
    assert north.post("/v1/measurements", content=lines(200, 1), headers=JSON_LINES).status_code == 202


def read(application: Application, body: str):
    return application.ingestion.read_measurements(
        "north", JSON_LINES["Content-Type"], body.encode(), application.clock.now()
    ).table


@pytest.mark.parametrize(
    ("fault", "retry_after"), [(Busy("the database is busy"), "2"), (StoreFailed("no room"), "10")]
)
def test_what_the_log_cannot_take_is_to_be_sent_again(
    small: Application, monkeypatch: pytest.MonkeyPatch, fault: Exception, retry_after: str
) -> None:
    north = client_of(small, "north")

    def fails(*_: object) -> None:
        raise fault

    monkeypatch.setattr(small.log, "append", fails)
    answer = north.post("/v1/measurements", content=lines(0, 1), headers=JSON_LINES)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, retry_after)
    assert answer.json()["detail"] == str(fault)


# -- the commands -------------------------------------------------------------------------------------------------


def test_a_tenant_is_given_limits_of_its_own(small: Application) -> None:
    small.store.add_tenant("north", "North")
    url = ["--database-url", small.settings.database_url]

    def run(*given: str) -> tuple[int, str]:
        ended = CliRunner().invoke(commands, ["tenant", *given, *url])
        return ended.exit_code, ended.output

    code, output = run("limit", "north", "--samples-per-second", "2500", "--backlog-rows", "0")
    assert code == 0
    assert " * samples per second: 2,500\n" in output
    assert " * backlog rows: no limit\n" in output
    assert "   requests at once: 16\n" in output
    assert own_limits(small.store, "north") == {"samples_per_second": 2500, "backlog_rows": 0}
    assert run("limit", "north", "--requests-at-once", "3")[0] == 0
    assert run("list")[1].startswith("north\n * samples per second: 2,500\n")
    assert run("limit", "north", "--reset", "--requests-at-once", "4")[0] == 0
    assert own_limits(small.store, "north") == {"requests_at_once": 4}
    code, output = run("limit", "nort")
    assert code == 2
    assert "there is no tenant 'nort'; there are: north" in output
