"""How long it takes to say what a work would do that hits very many customers: `python -m bench.work_preview`.

A store with an agreement of its own for each customer, in 20 time zones, half of them with service hours, and the
verdicts of four months with outages of their own. One switch carries all of them.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.parties import Resource
from upheld.agreements.terms import Term, compile_terms
from upheld.agreements.units import DAY, HOUR, parse_instant
from upheld.analysis.better_slot import Wanted
from upheld.analysis.topology import joined
from upheld.assessment.verdict import Evidence, Verdict
from upheld.assessment.windows import windows
from upheld.maintenance.model import Maintenance
from upheld.ports import Told
from upheld.process.assessing.in_force import InForce
from upheld.process.works.foreseeing import preview
from upheld.reports.work_preview import preview_document
from upheld.store import open_store

NOW = parse_instant("2026-06-15T09:30:00Z")
ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Paris", "Europe/Madrid", "Europe/Helsinki", "Europe/Istanbul",
    "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/Sao_Paulo",
    "America/Bogota", "Asia/Tokyo", "Asia/Kolkata", "Asia/Singapore", "Asia/Dubai", "Asia/Shanghai", "Australia/Sydney",
    "Africa/Johannesburg", "Pacific/Auckland",
)  # fmt: skip


def agreement(number: int) -> Agreement:
    hours: Any = "always" if number % 2 else {"mon-fri": "08:00-18:00"}
    return Agreement.model_validate(
        {
            "id": f"sla-{number}",
            "customer": f"customer-{number}",
            "time_zone": ZONES[number % len(ZONES)],
            "valid": {"from": "2026-01-01"},
            "service_hours": hours,
            "services": [f"vpn-{number}"],
            "objectives": [
                {
                    "id": "availability",
                    "indicator": {"kind": "availability", "metric": "up", "good_when": ">= 1"},
                    "period": {"calendar": "month"},
                    "target": "99.9 %",
                    "credits": [{"below": "99.9 %", "share": "10 %"}, {"below": "99 %", "share": "25 %"}],
                }
            ],
            "charge": {f"vpn-{number}": {"amount": 100 + number % 900, "currency": ("EUR", "USD", "GBP")[number % 3]}},
            "notices": {"maintenance": {"lead_time": f"{3 + number % 10}d", "to": ["noc"]}},
        }
    )


def verdicts(term: Term, draw: random.Random) -> list[Verdict]:
    """The months of a promise up to now, with some outages each."""
    found = []
    for window in windows(term, NOW - 110 * DAY, NOW):
        slots = min(window.last, NOW // 60_000_000) - window.first
        at = sorted(draw.randrange(slots) for _ in range(draw.choice((0, 0, 1, 2))))
        evidence = tuple(
            Evidence(
                (window.first + n) * 60_000_000, (window.first + n + draw.randint(1, 12)) * 60_000_000, "bad", "down"
            )
            for n in at
        )
        bad = sum((e.end - e.start) // 60_000_000 for e in evidence)
        excluded = 0 if term.service_hours is None else slots * 7 // 10
        budget = str((slots - excluded) // 1000)
        found.append(
            Verdict(
                *term.key,
                term.customer,
                window.start,
                window.end,
                "met",
                window.end <= NOW,
                "0.999",
                slots - bad - excluded,
                bad,
                0,
                excluded,
                budget,
                str(bad),
                None,
                None,
                None,
                evidence,
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    draw = random.Random(asked.seed)  # noqa: S311  # not for secrets
    agreements = tuple(agreement(n) for n in range(asked.customers))
    carries = tuple(f"vpn-{n}" for n in range(asked.customers))
    portfolio = Portfolio(agreements=agreements, resources=(Resource(id="switch", carries=carries),))
    terms = {term.key: [term] for term in compile_terms(agreements)}
    topology = joined(None, portfolio.resources, {a.services[0]: (a.customer,) for a in agreements})
    current = InForce(1, portfolio, terms, frozenset(), topology=topology)
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(f"sqlite:///{Path(directory) / 'bench.db'}")
        store.add_tenant("bench", "bench")
        with store.transaction("bench") as t:
            told = [Told(v, "measured", None) for some in terms.values() for v in verdicts(some[0], draw)]
            t.put_verdicts(told, NOW)
        start = NOW + 12 * DAY
        work = Maintenance("", "", start, start + 4 * HOUR, ("switch",), "", NOW)
        for wanted in (None, Wanted(work.end - work.start, NOW, start + 28 * DAY)):
            began = time.process_time()
            with store.transaction("bench", writing=False) as t:
                found = preview(t, work, current, topology, NOW, wanted)
            took = time.process_time() - began
            print(
                f"{len(found.agreements):,} agreements{', with better windows' if wanted else ''}: {took:.1f} s of CPU"
            )
        print(preview_document(found, 0)["total"])


if __name__ == "__main__":
    main()
