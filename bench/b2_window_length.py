"""B2: what a measurement and a slot end cost does not grow with the window: 28 days against 5 minutes."""

from __future__ import annotations

from bench.fleets import filled, fleet_of, minute_of, paired, run_minutes
from bench.table import Row

OBJECTIVES = 20_000
DAYS = 28
BEGIN = DAYS * 24 * 60
MINUTES = 10
ROUNDS = 9


def run() -> list[Row]:
    """The CPU of taking in minutes and ending their slots, each round of both windows in turn on rows of one kind."""
    long, short = (filled(fleet_of(OBJECTIVES, {"rolling": window}), DAYS) for window in ("28d", "5m"))
    minutes = [minute_of(OBJECTIVES, BEGIN + i, i) for i in range(20 + ROUNDS * MINUTES)]
    for fleet in (long, short):  # until both are warm
        run_minutes(fleet, minutes[:20], BEGIN)
    at = {id(long): 20, id(short): 20}

    def step(fleet: object) -> float:
        first = at[id(fleet)]
        at[id(fleet)] += MINUTES
        return run_minutes(fleet, minutes[first : first + MINUTES], BEGIN + first)[0]  # type: ignore[arg-type]

    ours, peer, ratio = paired(lambda: step(long), lambda: step(short), ROUNDS)
    each = 1e9 / (OBJECTIVES * MINUTES)
    return [
        Row(
            bar="B2",
            claim="a window of 28 days costs no more than 1.5 times what one of 5 minutes does",
            ours=f"{ours * each:.1f} ns CPU a measurement, 28 d",
            peer=f"{peer * each:.1f} ns CPU a measurement, 5 min",
            ratio=ratio,
            limit=1.5,
            at_most=True,
            note="rows into rings, slot ends, thresholds and changes, on windows that are full",
        )
    ]
