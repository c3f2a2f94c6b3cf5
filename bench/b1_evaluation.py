"""B1: CPU for each evaluation of a 28-day availability objective, against Prometheus' recording rules: over the raw
samples, and over hourly rollups as someone who tunes would have them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import sleep, time

import numpy as np
import numpy.typing as npt

from bench.measuring import cpu_of, in_words, peak_memory
from bench.objectives import MINUTE, never_asked, planned, service, terms
from bench.prometheus import ABSENT, Prometheus, Rule, installed, running
from bench.table import Row
from upheld.agreements.units import DAY
from upheld.assessment.fleet import Coded, Fleet, advance, open_fleet, verdicts
from upheld.measurements.exclusions import Exclusion

SERIES = 20
COPIES = 100
"""Ours assesses the same series this many times over: a fleet of one would measure the call and not the objective."""
SLOTS = 28 * 1440
LIVE = 60
"""So many minutes of the end are measured one by one; the rest comes as days."""
ROUNDS = 3
WORK = 120 * MINUTE
MISSING, BAD, GOOD = -1, 0, 1

Slots = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Past:
    """28 days up to the last full hour: `slots` by series and minute (GOOD, BAD or MISSING), and what is excluded."""

    end: int
    slots: Slots
    exclusions: list[Exclusion]

    @property
    def start(self) -> int:
        return self.end - SLOTS * MINUTE

    @property
    def counted(self) -> Slots:
        """The slots without those that are excluded: Prometheus knows no exclusions and is given data without them."""
        slots = self.slots.copy()
        for x in self.exclusions:
            first, behind = (x.start - self.start) // MINUTE, (x.end - self.start) // MINUTE
            slots[int(x.service.rpartition("-")[2]), first:behind] = MISSING
        return slots


def run() -> list[Row]:
    """Two rows: against the raw rule, and against the rollup."""
    if not installed():
        return [_row("the raw rule", 1_000, float("nan"), float("nan"), ABSENT)]
    past = _past()
    fleet = _fleet(past)
    live = iter(range(SLOTS - LIVE, SLOTS))
    with TemporaryDirectory() as directory:
        file = Path(directory) / "past.om"
        with file.open("w") as out:
            out.writelines(_openmetrics(past))
        with running(file) as peer:
            file.unlink()
            prepared = [_rows(past, slot, slot + 1) for slot in range(SLOTS)[-LIVE:]]
            each = LIVE // ROUNDS
            rounds = []
            for _ in range(ROUNDS):
                idle = _rate(peer, [], "1s", 3)[0]
                raw, rollup = _cost(peer, _raw_rules(), "1s", 5, idle), _cost(peer, _rollup_rules(), "200ms", 5, idle)
                minutes = [next(live) for _ in range(each)]
                ours = cpu_of(partial(_advance, fleet, past, minutes, prepared))
                rounds.append((ours / each / len(fleet.terms), raw, rollup))
            _compare(peer, fleet, past)
            held = peak_memory(peer.pid)
    took, raw, rollup = (median(r[i] for r in rounds) for i in range(3))
    note = (
        f"{len(fleet.terms):,} objectives advanced minute by minute, with exclusions, gaps and a soft threshold; equal"
        f" figures. Peak memory: ours and the rows' source {in_words(peak_memory())}, Prometheus {in_words(held)}"
    )
    return [
        _row("the raw rule", 1_000, took, raw, note),
        _row("the tuned hourly rollup", 50, took, rollup, "one rule a service, as SLO tools generate them"),
    ]


def _row(peer: str, limit: float, ours: float, theirs: float, note: str) -> Row:
    return Row(
        bar="B1",
        claim=f"an evaluation of a 28-day objective against Prometheus, {peer}",
        ours=f"{ours * 1e6:.3f} us CPU",
        peer=f"{theirs * 1e6:,.1f} us CPU",
        ratio=theirs / ours,
        limit=limit,
        at_most=False,
        note=note,
    )


# The past, for both


def _past() -> Past:
    end = int(time() // 3600 * 3600) * 1_000_000
    chance = np.random.default_rng(1382)
    slots = np.where(chance.random((SERIES, SLOTS)) < 0.0008, BAD, GOOD).astype(np.int8)
    slots[chance.random((SERIES, SLOTS)) < 0.002] = MISSING
    works = {i: end - (1 + i) * DAY for i in range(0, SERIES, 4)}
    for i, start in works.items():  # down while it was worked on, as it would be
        first = SLOTS - (end - start) // MINUTE
        slots[i, first : first + WORK // MINUTE] = BAD
    return Past(end, slots, planned(works, WORK))


def _openmetrics(past: Past) -> Iterator[str]:
    """The past as OpenMetrics: the probes, and of every hour the rollups that a rule would have recorded at its end."""
    counted = past.counted
    hourly = {
        "good": (counted == GOOD).reshape(SERIES, -1, 60).sum(axis=2),
        "total": (counted != MISSING).reshape(SERIES, -1, 60).sum(axis=2),
    }
    begun = past.start // 1_000_000
    yield "# TYPE probe_success gauge\n"
    for i in range(SERIES):
        for slot in np.flatnonzero(counted[i] != MISSING).tolist():
            yield f'probe_success{{service="vpn-{i:06d}"}} {counted[i, slot]} {begun + 60 * slot}\n'
    for name, figures in hourly.items():
        yield f"# TYPE probe_{name}_1h gauge\n"
        for i in range(SERIES):
            for hour, figure in enumerate(figures[i].tolist()):
                yield f'probe_{name}_1h{{service="vpn-{i:06d}"}} {figure} {begun + 3600 * (hour + 1)}\n'
    yield "# EOF\n"


# Ours


def _fleet(past: Past) -> Fleet:
    """A fleet that has taken in everything but the last `LIVE` minutes."""
    promises = terms(SERIES * COPIES, ["28d"], since=past.start)
    fleet = open_fleet(promises, since=past.start, rows_of=never_asked)
    works = {int(x.service.rpartition("-")[2]): x.start for x in past.exclusions}
    exclusions = planned({i + SERIES * copy: start for i, start in works.items() for copy in range(COPIES)}, WORK)
    behind = SLOTS - LIVE
    for first in range(0, behind, 360):
        last = min(first + 360, behind)
        advance(fleet, _rows(past, first, last), past.start + last * MINUTE, exclusions if first == 0 else None)
    return fleet


def _rows(past: Past, first: int, last: int) -> Coded:
    """The rows of the slots [first, last), in order of time, for every copy of every series."""
    slots = np.tile(past.slots[:, first:last], (COPIES, 1)).T
    slot, series = np.nonzero(slots != MISSING)
    value = slots[slot, series].astype(np.float64)
    return Coded(series.astype(np.int32), past.start + (first + slot) * MINUTE, value)


def _advance(fleet: Fleet, past: Past, minutes: Sequence[int], prepared: Sequence[Coded]) -> None:
    """Takes these last minutes in, one after the other, each at its end."""
    for slot in minutes:
        advance(fleet, prepared[slot - SLOTS], past.start + (slot + 1) * MINUTE)


# Prometheus


def _raw_rules() -> list[list[Rule]]:
    """One rule for each service, each in a group of its own."""
    return [[Rule("slo:attained", f"avg_over_time({_of('probe_success', i)}[28d])")] for i in range(SERIES)]


def _rollup_rules() -> list[list[Rule]]:
    """The same over the rollups, several times over, since each takes so little."""
    return [[Rule(f"slo:attained:{copy}", _rollup(i)) for copy in range(20)] for i in range(SERIES)]


def _rollup(i: int) -> str:
    good, total = _of("probe_good_1h", i), _of("probe_total_1h", i)
    return f"sum_over_time({good}[28d]) / sum_over_time({total}[28d])"


def _of(metric: str, i: int) -> str:
    return f'{metric}{{service="{service(i)}"}}'


def _cost(peer: Prometheus, rules: Sequence[Sequence[Rule]], interval: str, seconds: float, idle: float) -> float:
    """Seconds of CPU for each evaluation, beyond what an idle server takes."""
    rate, evaluations = _rate(peer, rules, interval, seconds)
    return (rate - idle) / evaluations


def _rate(peer: Prometheus, rules: Sequence[Sequence[Rule]], interval: str, seconds: float) -> tuple[float, float]:
    """CPU and evaluations per second while these rules are evaluated."""
    peer.evaluate(rules, interval)
    sleep(1.5)  # groups begin at different instants of their interval
    counted, cpu, begun = peer.evaluations(), peer.cpu, time()
    sleep(seconds)
    took, spent, evaluated = time() - begun, peer.cpu - cpu, peer.evaluations() - counted
    return spent / took, evaluated / took


def _compare(peer: Prometheus, fleet: Fleet, past: Past) -> None:
    """Prometheus' values at the end of the past must equal the verdicts'. Its ranges include both of their ends."""
    end = past.end / 1e6
    raw = peer.values("avg_over_time(probe_success[28d])", end - 0.001)
    rollup = peer.values("sum_over_time(probe_good_1h[28d]) / sum_over_time(probe_total_1h[28d])", end + 0.001)
    found = verdicts(fleet)
    assert len(found) == SERIES * COPIES
    for i, verdict in enumerate(found):
        counted = past.counted[i % SERIES]
        assert (verdict.good, verdict.bad) == ((counted == GOOD).sum(), (counted == BAD).sum()), verdict
        attained = verdict.good / (verdict.good + verdict.bad)
        assert rollup[service(i % SERIES)] == attained, (verdict, rollup)
        # A running mean of 40,320 floats is a few units in the last place off.
        assert abs(raw[service(i % SERIES)] - attained) < 1e-12, (verdict, raw)
