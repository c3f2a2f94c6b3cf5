"""Whether the measurements that a case rests on look sound, or the probe may be at fault. Pure.

Each check looks at one thing and says in figures what it found, so that a person can look it up. What was usual is what
came just before the case. Instants in microseconds UTC.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from upheld.agreements.units import MINUTE, SECOND, format_instant
from upheld.analysis.series import Grid, Measured
from upheld.measurements.senders import Sender

CLOCK_OFF = MINUTE
"""How far a sender's clock may be off before it counts; behind it may also be on its way for so long."""
MANY = 0.2
"""A share of missing, late or corrected measurements, more than is usual, that counts."""
TOGETHER, NEARLY_ALL = 3, 0.8
"""So many unrelated services of one sender, and this share of those looked at, that go bad at once speak against it."""
STILL = 5
"""Equal values in a row, where they always varied before, that count as standing still."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another service that by the topology shares nothing with the case's: by whom it is measured, and whether it went
    bad, or silent, as the case's did."""

    service: str
    sender: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    is_sound: bool
    text: str


def soundness(
    rows: Sequence[Measured],
    grid: Grid,
    slot: int,
    until: int,
    patience: int,
    senders: Sequence[Sender],
    peers: Sequence[Peer],
) -> dict[str, Any]:
    """`rows`: the series of the case, each as it was delivered. Its slots have their measurements by `until`; one that
    came more than `patience` after its slot is late. `senders` are those known. The result as JSON: `sound`, `text` (a
    verdict in words), `checks`, each {check, sound, text}, the window, and the `senders` that delivered."""
    own = [one.during(grid.start, until) for one in rows]
    by_name = {sender.name: sender for sender in senders}
    names = sorted({str(name) for one in own for name in np.unique(one.sender) if name})
    known = [by_name[name] for name in names if name in by_name]
    checks = [
        *_slots(own, grid, slot, until),
        *_came(own, grid, slot, patience),
        *_values(own, grid),
        *(check for sender in known for check in _sender(sender, grid)),
        *_unrelated(names, peers),
    ]
    faults = [check.text for check in checks if not check.is_sound]
    return {
        "sound": not faults,
        "text": f"The probe may be at fault: {'; '.join(faults)}" if faults else "The measurements look sound",
        "start": format_instant(grid.case_start),
        "end": format_instant(until),
        "checks": [{"check": c.name, "sound": c.is_sound, "text": c.text} for c in checks],
        "senders": [_told(sender) for sender in known] + [{"name": n} for n in names if n not in by_name],
    }


def _slots(own: Sequence[Measured], grid: Grid, slot: int, until: int) -> Iterator[Check]:
    """Counted is from the first measurement on: a new service has no past."""
    first = min((int(one.time[0]) for one in own if len(one.time)), default=grid.case_start) // slot * slot
    usual, _, before = _missing(own, first, grid.case_start, slot)
    share, missing, slots = _missing(own, max(first, grid.case_start), until, slot)
    if slots:
        usually = f"{100 * usual:.0f} % before" if before else "and nothing was measured before"
        text = f"{missing:,} of {slots:,} slots have no measurement, {usually}"
        yield Check("missing", share <= usual + MANY, text)


def _missing(own: Sequence[Measured], start: int, end: int, slot: int) -> tuple[float, int, int]:
    """The share of the whole slots in [start, end) that have nothing, and how many of how many."""
    first, last = -(-start // slot), end // slot
    each = max(0, last - first)
    filled = sum(len(np.unique(one.during(first * slot, last * slot).time // slot)) for one in own)
    slots = each * len(own)
    return (1 - filled / slots if slots else 0.0), slots - filled, slots


def _came(own: Sequence[Measured], grid: Grid, slot: int, patience: int) -> Iterator[Check]:
    def late(one: Measured) -> int:
        return int((one.known_at > one.time // slot * slot + slot + patience).sum())

    yield from _share("late", own, grid, late, "came late")
    yield from _share("corrected", own, grid, _corrections, "were corrected or contradicted")
    yield from _share("duplicates", own, grid, _duplicates, "came more than once", harmless=True)


def _share(
    name: str,
    own: Sequence[Measured],
    grid: Grid,
    count: Callable[[Measured], int],
    words: str,
    *,
    harmless: bool = False,
) -> Iterator[Check]:
    before, during = (
        [one.during(*span) for one in own] for span in ((grid.start, grid.case_start), (grid.case_start, 2**62))
    )
    rows, found = sum(len(one.time) for one in during), sum(map(count, during))
    usual = sum(map(count, before)) / max(1, sum(len(one.time) for one in before))
    if rows and (found or not harmless):
        text = f"{found:,} of {rows:,} measurements {words}, {100 * usual:.0f} % before"
        yield Check(name, harmless or found / rows <= usual + MANY, text)


def _again(one: Measured) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Of each row behind the first, whether it is of the instant of the one before, and whether it says the same."""
    same = (
        (one.good[1:] == one.good[:-1])
        & (one.total[1:] == one.total[:-1])
        & ((one.value[1:] == one.value[:-1]) | (np.isnan(one.value[1:]) & np.isnan(one.value[:-1])))
    )
    return one.time[1:] == one.time[:-1], same


def _corrections(one: Measured) -> int:
    again, same = _again(one)
    return int((again & ~same).sum())


def _duplicates(one: Measured) -> int:
    again, same = _again(one)
    return int((again & same).sum())


def _values(own: Sequence[Measured], grid: Grid) -> Iterator[Check]:
    for one in own:
        held = one.holding()
        before, during = held.during(grid.start, grid.case_start).value, held.during(grid.case_start, 2**62).value
        before, during = before[np.isfinite(before)], during[np.isfinite(during)]
        if len(before) < STILL or len(during) < STILL:
            continue
        tail = during[-STILL:]
        stands = len(np.unique(before)) > len(before) / 2 and len(np.unique(tail)) == 1
        if stands:
            yield Check("still", False, f"the last {STILL} values are all {tail[0]:g}, where they always varied before")
        if (before >= 0).all() and (during < 0).any():
            yield Check("implausible", False, f"values went below zero, down to {during.min():g}, which they never did")


def _sender(sender: Sender, grid: Grid) -> Iterator[Check]:
    skew = sender.skew
    if skew is not None:
        off = skew < -CLOCK_OFF
        which = "ahead" if skew < 0 else "behind at most"
        yield Check("clock", not off, f"the clock of {sender.name} is {abs(skew) // SECOND} s {which}")
    if sender.error_at is not None and sender.error_at >= grid.case_start:
        when = format_instant(sender.error_at)
        yield Check("refused", False, f"something that {sender.name} sent was not taken at {when}: {sender.error}")


def _unrelated(names: Sequence[str], peers: Sequence[Peer]) -> Iterator[Check]:
    """Whether services that share nothing but the sender went bad together."""
    same, others = ([p for p in peers if p.sender and (p.sender in names) == mine] for mine in (True, False))
    bad, elsewhere = ([p for p in some if p.is_bad] for some in (same, others))
    if not same:
        return
    text = (
        f"{len(bad)} of {len(same)} services that {' or '.join(names)} measures too, and that share nothing "
        f"with this one by the topology, went bad at the same time"
    )
    if bad:
        text += f" ({', '.join(p.service for p in bad[:5])}{', ...' if len(bad) > 5 else ''})"
    if others:
        text += f"; {len(elsewhere)} of {len(others)} that others measure"
    everywhere = bool(others) and len(elsewhere) >= NEARLY_ALL * len(others)
    yield Check("unrelated", len(bad) < TOGETHER or len(bad) < NEARLY_ALL * len(same) or everywhere, text)


def _told(sender: Sender) -> Mapping[str, Any]:
    return {
        "name": sender.name,
        "measurements": sender.measurements,
        "skew_seconds": None if sender.skew is None else round(sender.skew / SECOND, 1),
        "error": sender.error,
        "error_at": None if sender.error_at is None else format_instant(sender.error_at),
    }
