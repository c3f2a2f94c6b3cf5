"""Whole days of a provider, simulated with faults, and audited."""

from pathlib import Path

from simulation.auditor import audit
from simulation.days import Days
from simulation.outside import outside
from upheld.app import DEFAULT_TENANT


def simulate(folder: Path, days: float, seed: int) -> tuple[Days, list[str], dict[str, int]]:
    """Lives through so many days with a seed. Returns the simulation, what the auditor found, and how much there
    was."""
    with outside() as (relay, tickets):
        lived = Days(folder, seed, relay, tickets)
        lived.run(days)
    with lived.workers[0].store.transaction(DEFAULT_TENANT, writing=False) as t:
        counts = {"cases": len(t.cases(limit=1_000_000)), "problems": len(t.problems(limit=1_000_000))}
    came = relay.came, tickets.came
    left_open = [key for key, state in tickets.states.items() if state not in ("resolved", "closed")]
    said = [(one.case, one.asked, one.contact, one.solved) for one in lived.said]
    plans = [(one.work, one.at, one.windows) for one in lived.plans]
    now = lived.clock.at
    found = audit(folder / "upheld.db", now, *came, left_open, lived.happened.kills, said, plans, lived.lived_until)
    return lived, found, counts | {"mails": len(relay.came), "tickets": len(tickets.came)}
