"""What billing is told of a verdict adds up to what the verdict owes, whatever restated it, in whatever order, and
whenever the process began anew; and whoever takes files that overlap, each row once by its id, has that sum too."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upheld.agreements.units import DAY, HOUR, MINUTE, parse_instant
from upheld.app import Application, Settings
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.model import Measurement, to_table
from upheld.outgoing.billing import Adjustment, owed, to_csv, to_document
from upheld.readers.portfolio import parse_portfolio

START = parse_instant("2026-06-01T00:00:00Z")
SERVICES = ("line-1", "line-2")
SLOT = 4 * HOUR
PORTFOLIO = """
agreements:
  - id: gold
    customer: acme
    valid: {{from: 2026-01-01}}
    services: [line-1, line-2]
    objectives:
      - id: availability
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 4h}}
        period: {{calendar: day}}
        target: 99 %
        credits: [{{below: 99 %, share: {share} %}}, {{below: 60 %, share: 25 %}}]
      - id: uptime
        indicator: {{kind: availability, metric: reachable, good_when: ">= 1", slot: 4h}}
        period: {{calendar: day}}
        target: 90 %
        credits: [{{below: 90 %, share: 7 %}}]
    charge:
      line-1: {{amount: 333.33, currency: {currency}, per: day}}
      line-2: {{amount: 70, currency: {currency}, per: day}}
    credit_cap: 30 %
    exclusions: [force_majeure]{claim}
"""
CLAIM = "\n    claim: {within: 1d}"
Key = tuple[str, str, str, int, str]

slots = st.tuples(st.sampled_from(SERVICES), st.integers(0, 11))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("measure"), st.lists(st.tuples(slots, st.sampled_from([0.0, 1.0])), min_size=1, max_size=6)),
        st.tuples(st.just("exclude"), slots),
        st.tuples(st.just("revoke"), slots),
        st.tuples(
            st.just("amend"),
            st.tuples(st.sampled_from([10, 20]), st.sampled_from(["EUR", "CHF"]), st.sampled_from(["", CLAIM])),
        ),
        st.tuples(st.just("claim"), slots),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 30)),
    ),
    min_size=3,
    max_size=9,
)


class HandClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        return self.at


class House:
    """An installation that two days of measurements lie behind, so that their verdicts are final."""

    def __init__(self, directory: Path) -> None:
        self._settings = Settings(database_url=f"sqlite:///{directory / 'upheld.db'}", assessment_delay=0, lateness=0)
        self.clock = HandClock()
        self.restart(None)
        self.application.first_key()
        self.amend((10, "EUR", ""))
        self.wait(1)
        self.measure([((service, slot), 1.0) for service in SERVICES for slot in range(12)])
        self.wait(60)

    def restart(self, _: None) -> None:
        self.application = Application(self._settings, self.clock)

    def amend(self, to: tuple[int, str, str]) -> None:
        text = PORTFOLIO.format(share=to[0], currency=to[1], claim=to[2])
        self.application.process.adopt_portfolio("default", text, parse_portfolio(text, "portfolio"))

    def measure(self, came: list[tuple[tuple[str, int], float]]) -> None:
        now = self.clock.at
        rows = [Measurement(s, "reachable", START + n * SLOT, value, known_at=now) for (s, n), value in came]
        self.application.process.take_measurements("default", to_table(rows))

    def exclude(self, slot: tuple[str, int]) -> None:
        service, n = slot
        start = START + n * SLOT
        exclusion = Exclusion(service, start, start + SLOT, "force_majeure", "legal", known_at=self.clock.at)
        self.application.process.grant_exclusion("default", f"{service}-{n}", exclusion)

    def revoke(self, slot: tuple[str, int]) -> None:
        self.application.process.revoke_exclusion("default", f"{slot[0]}-{slot[1]}", "legal")

    def claim(self, slot: tuple[str, int]) -> None:
        """Both promises of the service on that day, late or not."""
        day = START + slot[1] * SLOT // DAY * DAY
        for objective in ("availability", "uptime"):
            key = "gold", objective, slot[0], day
            self.application.process.claim_credit("default", key, "am", "operator", exception="accepted")

    def wait(self, hours: int) -> None:
        self.clock.at += hours * HOUR

    def do(self, step: tuple[str, Any]) -> None:
        getattr(self, step[0])(step[1])
        self.clock.at += MINUTE
        self.application.process.pulse("default")

    def told(self) -> list[Adjustment]:
        with self.application.store.transaction("default", writing=False) as t:
            return list(t.adjustments())

    def owed(self) -> dict[Key, Decimal]:
        with self.application.store.transaction("default", writing=False) as t:
            claimed = {claim.key for claim in t.claims()}
            found = [(verdict.key, owed(verdict, verdict.key in claimed)) for verdict in t.verdicts()]
        return {(*key, credit.currency): credit.amount for key, credit in found if credit is not None}


def summed(rows: Iterable[Mapping[str, Any]]) -> dict[Key, Decimal]:
    """What rows add up to for each verdict and currency, without those that add up to nothing."""
    sums: dict[Key, Decimal] = defaultdict(Decimal)
    for row in rows:
        start = parse_instant(row["period_start"])
        sums[row["agreement"], row["objective"], row["service"], start, row["currency"]] += Decimal(row["amount"])
    return {key: amount for key, amount in sums.items() if amount}


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps, st.integers(0, 10_000))
def test_the_adjustments_of_a_verdict_add_up_to_what_it_owes(
    tmp_path_factory: Any, some: list[tuple[str, Any]], cut: int
) -> None:
    house = House(tmp_path_factory.mktemp("law"))
    for step in some:
        house.do(step)
        told = house.told()
        assert len({one.id for one in told}) == len(told), "an id is that of one adjustment"
        assert summed(to_document(one) for one in told) == house.owed()
    rows = [to_document(one) for one in told]
    first, second = rows[: max(cut % (len(rows) + 1), len(rows) // 2)], rows[len(rows) // 3 :]
    taken = [row for file in (first, first, second) for row in csv.DictReader(io.StringIO(to_csv(file), newline=""))]
    assert summed({row["id"]: row for row in taken}.values()) == house.owed()
    credits = {(row["id"], row["credit"]) for row in taken}
    assert credits == {(one.id, one.credit) for one in told}
    house.application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close


def test_the_law_is_about_something(tmp_path: Path) -> None:
    """The worlds above do come to credits, and to some that are taken back."""
    house = House(tmp_path)
    for value in (0.0, 1.0):
        house.do(("measure", [(("line-1", slot), value) for slot in range(3)]))
    amounts = sorted(Decimal(one.amount) for one in house.told())
    assert amounts == [Decimal(amount) for amount in ("-83.33", "-16.66", "16.66", "83.33")]
    assert house.owed() == {}
    assert (house.clock.at - START) // DAY == 2
