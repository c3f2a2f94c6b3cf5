"""B5: memory for each objective, with exact slots of 28 days and with rings of counts; and of the whole process."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from bench.fleets import AVAILABILITY, RATIO, fleet_of
from bench.table import Row

OBJECTIVES = 40_000
KINDS = {"slots": (AVAILABILITY, 10_200), "counts": (RATIO, 32 + 8 * 8_064)}
"""Each kind of ring, 28 days long, with the most bytes that an objective may take."""


def run() -> list[Row]:
    """Each kind in a process of its own, with its peak of resident memory over that of one with an empty fleet."""
    rows = []
    for kind, (_, most) in KINDS.items():
        count = OBJECTIVES if kind == "slots" else OBJECTIVES // 8
        found, empty = _measured(kind, count), _measured(kind, 8)
        own, process = found["state"] / count, found["peak"] - empty["peak"]
        name = "28 days at 1 min" if kind == "slots" else "28 days of counts at 5 min"
        rows += [
            Row(
                bar="B5",
                claim=f"{name}: state of an objective within {most:,} B",
                ours=f"{own:,.0f} B state an objective",
                peer=f"{most:,} B",
                ratio=own / most,
                limit=1.01,
                at_most=True,
                note="state: rings, tallies, newest times; 1 % over for the few slots ahead of now",
            ),
            Row(
                bar="B5",
                claim=f"{name}: the process takes at most 1.4 times the state",
                ours=f"{process / 1e6:,.0f} MB more than with 8 objectives",
                peer=f"{found['state'] / 1e6:,.0f} MB state, {count:,} objectives",
                ratio=process / found["state"],
                limit=1.4,
                at_most=True,
                note="peak resident memory, with the terms and their names",
            ),
        ]
    return rows


def _measured(kind: str, count: int) -> dict[str, int]:
    command = [sys.executable, "-m", "bench.b5_memory", kind, str(count)]
    found: dict[str, int] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603
    return found


def _measure(kind: str, count: int) -> dict[str, int]:
    """Fills every ring and says what it takes."""
    import resource

    fleet = fleet_of(count, {"rolling": "28d"}, KINDS[kind][0])
    state = fleet.newest.ticks.nbytes
    for herd in fleet.herds:
        for ring in (herd.ring, herd.goods, herd.totals):
            ring |= 0  # every page of it is there
        arrays = {id(a): a for a in vars(herd).values() if isinstance(a, np.ndarray) and a.base is None}
        state += sum(array.nbytes for array in arrays.values())
    return {"state": state, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))
