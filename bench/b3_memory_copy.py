"""B3: the kernel against a copy of the same rows in memory, with a million objectives, in order and shuffled."""

from __future__ import annotations

from bench.fleets import copy_of, fleet_of, minute_of, paired, run_minutes
from bench.table import Row

OBJECTIVES = 1_000_000
WINDOW = 60
ROUNDS = 11


def run() -> list[Row]:
    """Each round takes in one minute of every objective and ends its slot, then copies that minute's rows."""
    fleet = fleet_of(OBJECTIVES, {"rolling": f"{WINDOW}m"})
    filling = [minute_of(OBJECTIVES, i, i) for i in range(4)]
    first = 0
    while first < WINDOW + 12:  # until the window is full and the exclusions have left it
        rows = [_moved(filling[i % 4], first + i) for i in range(4)]
        run_minutes(fleet, rows, first)
        first += 4
    rows_of_bar = []
    for name, shuffled in (("in order", False), ("shuffled", True)):
        minutes = [minute_of(OBJECTIVES, first + i, first + i, shuffled) for i in range(ROUNDS + 1)]
        run_minutes(fleet, minutes[:1], first)
        turns = iter(range(1, ROUNDS + 1))
        begun = first

        def ours(minutes: list = minutes, begun: int = begun, turns: object = turns) -> float:  # type: ignore[type-arg]
            turn = next(turns)  # type: ignore[call-overload]
            return run_minutes(fleet, [minutes[turn]], begun + turn)[0]

        copy = copy_of(minutes[0])
        copy()
        peer, own, ratio = paired(copy, ours, ROUNDS)
        first += ROUNDS + 1
        rows_of_bar.append(
            Row(
                bar="B3",
                claim=f"rows {name} are assessed at 20 % or more of the speed at which they are copied",
                ours=f"{OBJECTIVES / own / 1e6:.1f} M measurements/s of CPU ({own / OBJECTIVES * 1e9:.1f} ns each)",
                peer=f"{OBJECTIVES / peer / 1e6:.0f} M rows/s copied ({peer / OBJECTIVES * 1e9:.2f} ns for 20 B)",
                ratio=ratio,
                limit=0.2,
                at_most=False,
                note="ours: dedupe, good_when, ring, slot end with missing and excluded slots, thresholds, changes; the"
                " copy is of the rows alone, not of the state that they change",
            )
        )
    return rows_of_bar


def _moved(rows, minute: int):  # type: ignore[no-untyped-def]
    """The rows of one minute as those of another."""
    from bench.fleets import START
    from upheld.agreements.units import MINUTE
    from upheld.assessment.fleet import Coded

    return Coded(rows.series, (rows.time - START) % MINUTE + START + minute * MINUTE, rows.value)
