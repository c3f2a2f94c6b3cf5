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
    where counting can go on later. The same rule, slot by slot, is `reference_slots.count_runs`."""
    bad, late = np.zeros(len(raw), np.bool_), np.zeros(len(raw), np.int32)
    parts = _Parts(takes_part)
    if not len(parts):
        return Runs(bad, late, np.zeros(0, np.int64), [Resume(stop, down) for stop in stops.tolist()])
    starts, kind = _alternating(parts.ranks(np.flatnonzero(raw & takes_part)), len(parts))
    lengths = np.append(starts[1:], len(parts)) - starts
    limits = np.where(kind, consecutive, recovery)
    long = lengths >= limits  # a long run sets what is on, a short one changes nothing
    last_long = np.maximum.accumulate(np.where(long, np.arange(len(starts)), -1))
    was_down = np.full(len(starts), down)
    was_down[1:] = np.where(last_long[:-1] >= 0, kind[last_long[:-1]], down)
    counts = np.where(kind, was_down | long, was_down & ~long)
    counts[-1] &= kind[-1]  # whether a recovery is short is not known before it has ended

    bad[parts.slots(_ranges(starts[counts], lengths[counts]))] = True
    pauses = np.flatnonzero(counts & ~kind)  # short recoveries count once the outage goes on
    if len(pauses):
        paused = parts.slots(_ranges(starts[pauses], lengths[pauses]))
        late[paused] = np.repeat(parts.slots(starts[pauses + 1]), lengths[pauses]) - paused
    onsets = starts[counts & kind & ~was_down]
    if len(onsets):
        begun = parts.slots(_ranges(onsets, np.full(len(onsets), consecutive)))
        late[begun] = np.repeat(parts.slots(onsets + consecutive - 1), consecutive) - begun

    waits = kind[-1] != was_down[-1] and not long[-1]
    undecided = parts.slots(np.arange(starts[-1], len(parts))) if waits else np.zeros(0, np.int64)
    behind = parts.ranks(stops)
    run = np.maximum(np.searchsorted(starts, behind - 1, "right") - 1, 0)  # in which each stop lies
    turned = (kind[run] != was_down[run]) & (behind - starts[run] >= limits[run])
    waiting = (behind > 0) & (kind[run] != was_down[run]) & ~turned
    on = np.where(behind > 0, was_down[run] ^ turned, down)
    index = np.where(waiting, parts.slots(starts[run]), stops)
    return Runs(bad, late, undecided, list(map(Resume, index.tolist(), on.tolist())))


class _Parts:
    """The slots that take part, ranked from 0 on. Kept as the gaps between them, which are few."""

    def __init__(self, takes_part: Flags) -> None:
        self._gaps = np.flatnonzero(~takes_part)
        self._gap_ranks = self._gaps - np.arange(len(self._gaps))
        self._size = len(takes_part) - len(self._gaps)

    def __len__(self) -> int:
        return self._size

    def ranks(self, slots: Numbers) -> Numbers:
        """How many slots that take part lie before each of these."""
        return slots - np.searchsorted(self._gaps, slots) if len(self._gaps) else slots

    def slots(self, ranks: Numbers) -> Numbers:
        """The inverse for slots that take part."""
        return ranks + np.searchsorted(self._gap_ranks, ranks, "right") if len(self._gaps) else ranks


def _alternating(bad: Numbers, size: int) -> tuple[Numbers, Flags]:
    """The starts of the runs of slots that are alike, of `size` slots (one at least) of which these are bad, and of
    each run whether it is of bad ones."""
    heads = np.concatenate([[True], bad[1:] != bad[:-1] + 1]) if len(bad) else np.zeros(0, np.bool_)
    first = np.flatnonzero(heads)
    edges = np.empty(2 * len(first), np.int64)
    edges[::2] = bad[first]
    edges[1::2] = bad[np.append(first[1:], len(bad)) - 1] + 1 if len(first) else 0
    kind = np.ones(len(edges), np.bool_)
    kind[1::2] = False
    if not len(edges) or edges[0] > 0:
        edges, kind = np.concatenate([[0], edges]), np.concatenate([[False], kind])
    return (edges[:-1], kind[:-1]) if edges[-1] == size else (edges, kind)


def _ranges(starts: Numbers, lengths: Numbers) -> Numbers:
    """The numbers of all ranges that begin at `starts`, one after the other."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + lengths, lengths) + np.arange(total)
