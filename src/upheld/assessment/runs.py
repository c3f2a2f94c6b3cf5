"""Bad slots that count only as runs: `consecutive` slots begin an outage, `recovery` slots end it. DESIGN rule 5."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from upheld.assessment.exact import Flags, Numbers

Lateness = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Resume:
    """A place from which counting can go on: slot `index`, before which no slot waits to be decided, and whether an
    outage is on there."""

    index: int
    down: bool


@dataclass(frozen=True, slots=True)
class Runs:
    """Slots counted as runs, by index. `bad`: the slot counts as bad; `late`: by how many slots later that was decided;
    `undecided`: the indices that wait for what follows."""

    bad: Flags
    late: Lateness
    undecided: Numbers
    resumes: list[Resume]


def count_runs(raw: Flags, takes_part: Flags, consecutive: int, recovery: int, down: bool, stops: Numbers) -> Runs:
    """Counts slots that are bad by themselves (`raw`) as runs; slots that take no part neither end nor extend one.

    `down` is whether an outage is on before the first slot. `stops` are the indices, ascending, for which to tell from
    where counting can go on later. The same rule, slot by slot, is `reference._count_runs`."""
    bad, late = np.zeros(len(raw), np.bool_), np.zeros(len(raw), np.int32)
    index = np.flatnonzero(takes_part)
    if not len(index):
        return Runs(bad, late, index, [Resume(stop, down) for stop in stops.tolist()])
    part = raw[index]
    starts = np.flatnonzero(np.concatenate([[True], part[1:] != part[:-1]]))
    lengths = np.diff(starts, append=len(index))
    kind = part[starts]  # of each run: its slots are bad
    long = lengths >= np.where(kind, consecutive, recovery)  # a long run sets what is on, a short one changes nothing
    last_long = np.maximum.accumulate(np.where(long, np.arange(len(starts)), -1))
    before = np.concatenate([[-1], last_long[:-1]])
    was_down = np.where(before >= 0, kind[before], down)
    is_last = np.arange(len(starts)) == len(starts) - 1
    counts = np.where(kind, was_down | long, was_down & ~long & ~is_last)

    bad[index] = np.repeat(counts, lengths)
    decided_at = index.copy()
    next_start = index[np.append(starts[1:], 0)]
    pauses = np.repeat(counts & ~kind, lengths)  # short recoveries count once the outage goes on
    decided_at[pauses] = np.repeat(next_start, lengths)[pauses]
    onsets = counts & kind & ~was_down
    for start in starts[onsets].tolist():
        decided_at[start : start + consecutive] = index[start + consecutive - 1]
    late[index] = decided_at - index

    waits = kind[-1] != was_down[-1] and not long[-1]
    undecided = index[starts[-1] :] if waits else index[:0]
    limits = np.where(kind, consecutive, recovery)
    resumes = []
    for stop in stops.tolist():
        behind = int(np.searchsorted(index, stop))  # slots that take part before the stop
        if not behind:
            resumes.append(Resume(stop, down))
            continue
        run = int(np.searchsorted(starts, behind - 1, "right")) - 1
        on = bool(was_down[run])
        if bool(kind[run]) == on:
            resumes.append(Resume(stop, on))
        elif behind - starts[run] >= limits[run]:
            resumes.append(Resume(stop, not on))
        else:
            resumes.append(Resume(int(index[starts[run]]), on))
    return Runs(bad, late, undecided, resumes)
