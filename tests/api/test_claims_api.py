"""Credits that must be claimed, over HTTP and by the command line."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from upheld.agreements.units import DAY, format_instant
from upheld.assessment.verdict import Credit, Verdict
from upheld.cli import app
from upheld.ports import Told

from .conftest import House


def verdict(service: str, start: int, claim_by: int | None, amount: str | None = "120.00") -> Verdict:
    credit = None if amount is None else Credit(Decimal(amount), "EUR")
    return Verdict(
        agreement="gold",
        objective="availability",
        service=service,
        customer="acme",
        period_start=start,
        period_end=start + DAY,
        status="violated",
        final=True,
        attained="0.9",
        good=90,
        bad=10,
        missing=0,
        excluded=0,
        budget="1",
        spent=None,
        at_risk_at=start,
        violated_at=start,
        credit=credit,
        evidence=(),
        claim_by=claim_by,
    )


@pytest.fixture
def now(house: House, north: TestClient) -> int:
    """Of four verdicts the first can be claimed, the second could be, the third is paid, the fourth earns nothing."""
    now = house.application.clock.now()
    start = now - 5 * DAY
    found = [
        verdict("line-1", start, now + DAY),
        verdict("line-2", start, now - DAY),
        verdict("line-3", start, None),
        verdict("line-4", start, None, None),
    ]
    with house.application.store.transaction(house.tenant("north")) as t:
        t.put_verdicts([Told(one, "first assessed") for one in found], now)
    return now


def body(service: str, now: int, **more: str) -> dict[str, str]:
    start = format_instant(now - 5 * DAY)
    return {"agreement": "gold", "objective": "availability", "service": service, "period_start": start, **more}


def listed(client: TestClient, **query: str) -> list[tuple[str, str]]:
    answer = client.get("/v1/claims", params=query)
    assert answer.status_code == 200, answer.text
    return [(one["service"], one["standing"]) for one in answer.json()["claims"]]


def test_a_claim_is_made_once_and_listed(north: TestClient, south: TestClient, now: int) -> None:
    assert listed(north) == [("line-2", "expired"), ("line-1", "open")]
    first = north.post("/v1/claims", json=body("line-1", now, comment="by telephone"))
    assert first.status_code == 201, first.text
    assert (first.json()["via"], first.json()["comment"]) == ("operator", "by telephone")
    again = north.post("/v1/claims", json=body("line-1", now))
    assert (again.status_code, again.json()) == (200, first.json())
    assert listed(north, standing="claimed") == [("line-1", "claimed")]
    assert listed(north, service="line-2") == [("line-2", "expired")]
    assert listed(south) == []
    assert south.post("/v1/claims", json=body("line-2", now, exception="x")).status_code == 404


def test_what_cannot_be_claimed_is_refused_with_the_reason(north: TestClient, now: int) -> None:
    late = north.post("/v1/claims", json=body("line-2", now))
    assert late.status_code == 409
    assert late.json()["detail"] == f"the credit could be claimed until {format_instant(now - DAY)}"
    accepted = north.post("/v1/claims", json=body("line-2", now, exception="the mail was lost"))
    assert (accepted.status_code, accepted.json()["exception"]) == (201, "the mail was lost")
    for service, status, words in (
        ("line-3", 409, "needs no claim"),
        ("line-4", 409, "no credit"),
        ("x", 404, "no verdict"),
    ):
        refused = north.post("/v1/claims", json=body(service, now))
        assert (refused.status_code, words in refused.json()["detail"]) == (status, True)
    wrong = north.post("/v1/claims", json=body("line-1", now) | {"period_start": "2026-06-01T00:00:00"})
    assert wrong.status_code == 422
    assert north.post("/v1/claims", json=body("line-1", now, exception="")).status_code == 422


def test_the_list_as_csv_and_as_a_file_and_a_claim_by_the_command(
    north: TestClient, now: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(method, url, key, path, **request):
        answer = north.request(method, path, **request)
        assert answer.is_success, answer.text
        return answer.json()

    monkeypatch.setattr("upheld.cli.billing.ask", ask)
    rows = list(csv.DictReader(io.StringIO(north.get("/v1/claims", params={"format": "csv"}).text)))
    assert [(row["service"], row["amount"], row["standing"]) for row in rows] == [
        ("line-2", "120.00", "expired"),
        ("line-1", "120.00", "open"),
    ]
    run = CliRunner().invoke
    named = ["gold", "availability", "line-2", format_instant(now - 5 * DAY), "--key", "x"]
    done = run(app, ["billing", "claim", *named, "--exception", "it was lost"])
    assert done.exit_code == 0, done.output
    assert "late, accepted: it was lost" in done.output
    file = tmp_path / "claims.json"
    done = run(app, ["billing", "claims", str(file), "--standing", "claimed", "--key", "x"])
    assert done.output.endswith("1 credit\n"), done.output
    assert [one["exception"] for one in json.loads(file.read_text())] == ["it was lost"]
