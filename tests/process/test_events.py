"""Events from delivery to verdict, case and earlier report: the clocks of `duration` objectives on the server."""

import json

import pytest
from fastapi.testclient import TestClient

from upheld.access import new_key
from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT, Application, Settings
from upheld.ports import VerdictFilter
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app

START = parse_instant("2026-06-01T08:00:00Z")
PORTFOLIO = """
agreements:
  - id: care
    customer: acme
    valid: {from: 2026-01-01}
    services: [vpn-1]
    objectives:
      - id: restored
        indicator: {kind: duration, metric: fault, limits: {P1: 4h, P2: 8h}}
        period: {calendar: month}
        target: 100 %
        warning: {elapsed: 75 %}
"""


class Desk:
    """An installation whose clock is turned by hand, and its help desk that delivers events."""

    def __init__(self, directory):
        self.at = START
        self.directory = directory
        self.open()
        self.process.adopt_portfolio(DEFAULT_TENANT, PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio.yaml"))

    def now(self):
        return self.at

    def open(self):
        url = f"sqlite:///{self.directory / 'upheld.db'}"
        settings = Settings(database_url=url, assessment_delay=0, restored_after=300)
        self.application = Application(settings, self)
        self.process, self.store = self.application.process, self.application.store
        secret, key = new_key(DEFAULT_TENANT, f"desk {self.at}", "ingest", self.at)
        self.store.add_tenant(DEFAULT_TENANT, "Default")
        self.store.add_key(key)
        self.client = TestClient(create_app(self.application), headers={"Authorization": f"Bearer {secret}"})

    def deliver(self, *events, **query):
        lines = "\n".join(json.dumps(event) for event in events)
        return self.client.post(
            "/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson"}, params=query
        )

    def pass_to(self, instant):
        while self.at < instant:
            self.at += 30 * MINUTE
            self.process.pulse(DEFAULT_TENANT)

    def verdict(self, known_at=None):
        (verdict,) = self.process.verdicts(DEFAULT_TENANT, VerdictFilter(newest_only=True), known_at)
        return verdict

    def cases(self):
        with self.store.transaction(DEFAULT_TENANT, writing=False) as t:
            return t.cases()


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def _fault(number, opened, closed=None, priority="P1"):
    told = {"service": "vpn-1", "metric": "fault", "event": number, "priority": priority}
    return told | {"opened": format_instant(opened)} | ({"closed": format_instant(closed)} if closed else {})


def test_a_clock_runs_out_over_a_restart_and_its_case_is_restored_by_the_closing(desk):
    assert desk.deliver(_fault("F1", START)).json() == {"accepted": 1, "rejected": []}
    desk.pass_to(START + 2 * HOUR)
    assert (desk.verdict().status, desk.cases()) == ("met", [])
    desk.open()
    desk.pass_to(START + 3 * HOUR)
    assert (desk.verdict().status, desk.verdict().at_risk_at) == ("at_risk", START + 3 * HOUR)
    (case,) = desk.cases()
    assert (case.kind, case.state) == ("degradation", "acting")
    desk.open()
    desk.pass_to(START + 5 * HOUR)
    late = desk.verdict()
    assert (late.status, late.bad, late.violated_at) == ("violated", 1, START + 4 * HOUR)
    assert desk.cases()[0].kind == "violation"
    desk.deliver(_fault("F1", START, START + 5 * HOUR))
    desk.pass_to(START + 6 * HOUR)
    assert (desk.cases()[0].restored_at is not None, desk.verdict().status) == (True, "violated")
    assert [e.reason for e in desk.verdict().evidence] == ["fault F1 P1: closed too late, not within 4h"]


def test_an_earlier_report_and_a_restatement_by_what_is_told_late(desk):
    desk.deliver(_fault("F1", START))
    desk.pass_to(START + 5 * HOUR)
    told, on_that_day = desk.verdict(), desk.at
    desk.deliver(_fault("F1", START, START + 2 * HOUR))  # it had been restored long ago
    desk.pass_to(START + 6 * HOUR)
    now = desk.verdict()
    assert (told.status, now.status, now.version) == ("violated", "met", told.version + 1)
    assert desk.verdict(known_at=on_that_day) == told
    versions = desk.process.verdict_versions(DEFAULT_TENANT, now.key)
    assert [v.verdict.status for v in versions] == ["violated", "met"]


def test_what_was_opened_before_the_first_portfolio_counts_too(desk):
    desk.deliver(_fault("F0", START - 6 * HOUR))
    desk.pass_to(START + HOUR)
    assert (desk.verdict().status, desk.verdict().violated_at) == ("violated", START - 2 * HOUR)


def test_rows_that_are_wrong_are_refused_with_their_reasons(desk):
    bad = [
        _fault("F1", START, START - HOUR),
        _fault("F2", START) | {"metric": "falut"},
        _fault("F3", START) | {"opened": "2026-06-01T08:00:00"},
        _fault("F4", START) | {"known_at": "2026-06-01T08:00:00Z"},
    ]
    whole = desk.deliver(_fault("F0", START), *bad)
    assert whole.status_code == 422
    assert [(r["row"], r["field"]) for r in whole.json()["rejected"]] == [
        (2, ""),
        (3, "metric"),
        (4, "opened"),
        (5, "known_at"),
    ]
    desk.pass_to(START + 5 * HOUR)
    assert desk.process.verdicts(DEFAULT_TENANT, VerdictFilter(newest_only=True))[0].bad == 0
    some = desk.deliver(_fault("F0", START), *bad, mode="rows")
    assert (some.status_code, some.json()["accepted"]) == (202, 1)
    desk.pass_to(START + 6 * HOUR)
    assert desk.verdict().bad == 1


def test_the_pages_tell_of_clocks(desk):
    desk.deliver(_fault("F1", START), _fault("F2", START, priority="P2"))
    desk.pass_to(START + 5 * HOUR)
    secret, key = new_key(DEFAULT_TENANT, "operator", "operator", desk.at)
    desk.store.add_key(key)
    browser = TestClient(create_app(desk.application))
    assert browser.post("/login", data={"key": secret, "next": "/"}).status_code == 200
    case = browser.get(f"/cases/{desk.cases()[0].id}")
    assert case.status_code == 200
    assert "fault F1 P1: not closed within 4h" in case.text
    assert "Open, within its limit" in case.text
    assert "in time where it closes within the limit of its priority" in browser.get("/agreements/care").text


def test_a_key_for_deliveries_may_do_nothing_else(desk):
    assert desk.client.get("/v1/verdicts").status_code == 403
