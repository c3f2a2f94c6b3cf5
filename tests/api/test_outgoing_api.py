"""Events for other systems fetched over HTTP, and what billing has to adjust as JSON, CSV and a file."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from upheld.agreements.units import DAY, format_instant
from upheld.cli import app, server
from upheld.outgoing.billing import Adjustment
from upheld.outgoing.model import OutgoingEvent

from .conftest import House


def event(n: int, at: int = 0, type_: str = "case.opened") -> OutgoingEvent:
    return OutgoingEvent(f"org.upheld.{type_}", f"C-{n}", at, {"id": f"C-{n}"})


def adjustment(n: int, told_at: int, amount: str, service: str = "line-1") -> Adjustment:
    month = 31 * DAY
    what = told_at, "acme", "gold", "availability", service, 0, month
    return Adjustment(f"A-{n}", *what, amount, "EUR", "1.00", "due", n, "late", None)


@pytest.fixture
def told(house: House, north: TestClient) -> int:
    """Five events, of which one is of maintenance, and three adjustments; since when."""
    now = house.application.clock.now()
    with house.application.store.transaction(house.tenant("north")) as t:
        t.add_outgoing([event(n, now - DAY + n) for n in range(1, 4)])
        t.add_outgoing([event(4, now, "maintenance.announced"), event(5, now)])
        t.add_adjustments(
            [adjustment(1, now, "10.00"), adjustment(2, now + 1, "2.50"), adjustment(3, now + 2, "-12.50")]
        )
    return now


def positions(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(one["sequence"]) for one in answer.json()["events"]]


def test_events_are_fetched_from_a_position_on(north: TestClient, told: int) -> None:
    first = north.get("/v1/outgoing-events", params={"limit": 2})
    assert positions(first) == [1, 2]
    assert (first.json()["position"], first.json()["end"]) == (2, 5)
    rest = north.get("/v1/outgoing-events", params={"after": 2})
    assert positions(rest) == [3, 4, 5]
    assert rest.json()["events"][0]["data"] == {"id": "C-3"}
    nothing = north.get("/v1/outgoing-events", params={"after": 5})
    assert (positions(nothing), nothing.json()["position"]) == ([], 5)


def test_of_some_types_only_and_the_position_moves_over_the_others(north: TestClient, told: int) -> None:
    found = north.get("/v1/outgoing-events", params={"type": ["org.upheld.maintenance.*", "org.upheld.case.closed"]})
    assert positions(found) == [4]
    assert found.json()["position"] == 5
    assert north.get("/v1/outgoing-events", params={"type": "org.upheld.maint"}).status_code == 422


def test_where_events_were_removed_the_answer_says_so(house: House, north: TestClient, told: int) -> None:
    with house.application.store.transaction(house.tenant("north")) as t:
        assert t.forget_outgoing(told) == 3
    gone = north.get("/v1/outgoing-events", params={"after": 2})
    assert gone.status_code == 410
    assert "after must be 3 or more" in gone.json()["detail"]
    assert positions(north.get("/v1/outgoing-events", params={"after": 3})) == [4, 5]


def test_another_tenant_sees_nothing_of_it(south: TestClient, told: int) -> None:
    assert south.get("/v1/outgoing-events").json() == {"events": [], "position": 0, "end": 0}
    assert south.get("/v1/billing-adjustments").json() == {"adjustments": []}


def test_a_key_of_a_source_may_not_read_it(house: House, north: TestClient) -> None:
    source = house.client(house.key("north", "ingest"))
    for path in ("/v1/outgoing-events", "/v1/billing-adjustments"):
        assert source.get(path).status_code == 403


def test_adjustments_as_json_and_as_csv_are_the_same(north: TestClient, told: int) -> None:
    found = north.get("/v1/billing-adjustments").json()["adjustments"]
    assert [one["id"] for one in found] == ["A-1", "A-2", "A-3"]
    assert found[0]["told_at"] == format_instant(told)
    answer = north.get("/v1/billing-adjustments", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert rows == [{name: "" if value is None else str(value) for name, value in one.items()} for one in found]
    assert sum(Decimal(row["amount"]) for row in rows) == 0


def test_windows_are_half_open_and_overlap_by_the_same_ids(north: TestClient, told: int) -> None:
    def ids(**window: str) -> list[str]:
        return [one["id"] for one in north.get("/v1/billing-adjustments", params=window).json()["adjustments"]]

    early, middle = format_instant(told), format_instant(told + 1)
    assert ids(since=early, until=middle) == ["A-1"]
    assert ids(since=middle) == ["A-2", "A-3"]
    assert ids(until=middle) == ["A-1"]
    wrong = north.get("/v1/billing-adjustments", params={"since": middle, "until": early})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "until"


def test_a_text_is_no_formula_in_a_table(house: House, north: TestClient) -> None:
    with house.application.store.transaction(house.tenant("north")) as t:
        t.add_adjustments([adjustment(7, 1, "-1.00", service="=HYPERLINK(1)")])
    (row,) = csv.DictReader(io.StringIO(north.get("/v1/billing-adjustments", params={"format": "csv"}).text))
    assert (row["service"], row["amount"]) == ("'=HYPERLINK(1)", "-1.00")


@pytest.fixture
def asked(north: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command speaks to the server of these tests."""

    def request(method: str, url: str, **more: Any) -> Any:
        more.pop("timeout")
        more.pop("headers")
        return north.request(method, url.removeprefix("http://127.0.0.1:8470"), **more)

    monkeypatch.setattr("httpx.request", request)


def test_the_command_writes_a_file_in_one_go(asked: None, north: TestClient, told: int, tmp_path: Path) -> None:
    window = ["--from", format_instant(told + 1), "--to", format_instant(told + 3), "--key", "uph_"]
    for name in ("june.csv", "june.json"):
        done = CliRunner().invoke(app, ["billing", "export", str(tmp_path / name), *window])
        assert done.exit_code == 0
        assert done.output.endswith(f"{tmp_path / name}: 2 adjustments\n")
    rows = list(csv.DictReader((tmp_path / "june.csv").open(newline="")))
    assert [row["id"] for row in rows] == ["A-2", "A-3"]
    assert [row["amount"] for row in rows] == [
        one["amount"] for one in json.loads((tmp_path / "june.json").read_text())
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["june.csv", "june.json"]
    wrong = CliRunner().invoke(app, ["billing", "export", str(tmp_path / "june.xls"), *window])
    assert (wrong.exit_code, "must end in .csv or .json" in wrong.output) == (2, True)
    bad = CliRunner().invoke(app, ["billing", "export", str(tmp_path / "a.csv"), "--from", "June", "--key", "uph_"])
    assert bad.exit_code == server.WRONG_INPUT
    assert "since" in bad.output
