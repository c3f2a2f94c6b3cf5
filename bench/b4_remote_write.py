"""B4: remote write to state changes on one core: against decoding alone, and, with the log on disk, against a
Prometheus that ingests the same requests and evaluates the same objectives."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time, sleep, time

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.measuring import in_words, one_core, peak_memory
from bench.objectives import MINUTE, never_asked, service, terms
from bench.prometheus import ABSENT, Prometheus, Rule, installed, running
from bench.remote_write_bodies import minutes
from bench.table import Row
from upheld.assessment.fleet import Coded, Fleet, advance, open_fleet, verdicts
from upheld.measurements.model import COLUMNS
from upheld.readers.remote_write import Decoder, Samples
from upheld.store.opening import open_store
from upheld.store.sql import SqlStore

SERIES = 100_000
WINDOWS = ("5m", "10m", "15m", "30m", "45m", "1h")
HISTORY = 62
"""Minutes before those that are measured: more than the longest window, so that every window is full."""
WARM, MEASURED = 2, 5
ALL = HISTORY + WARM + MEASURED
REQUESTS_A_COMMIT = 20
"""A sender has many requests under way at once: what comes within a moment is made durable together."""
BAD = 0.001
"""The share of the measurements that are bad."""
COMPARED = range(0, SERIES, 997)


class Intake:
    """From the body of a request to the fleet's coded rows and to the log's batches."""

    def __init__(self, fleet: Fleet, store: SqlStore) -> None:
        self.fleet, self.store = fleet, store
        self.decoder = Decoder()
        self.names: list[str] = []
        self.codes = np.empty(0, np.int32)

    def decode(self, bodies: Sequence[bytes]) -> list[Samples]:
        """The samples of the requests, whose series' names are then known."""
        found = [self.decoder.decode(body) for body in bodies]
        for code in range(len(self.names), len(self.decoder)):
            self.names.append(dict(self.decoder.labels(code))["service"])
        if len(self.codes) < len(self.names):
            codes = [self.fleet.codes.get((name, "probe_success"), -1) for name in self.names]
            self.codes = np.array(codes, np.int32)
        return found

    def assess(self, samples: Sequence[Samples], as_of: int) -> int:
        """Lets the fleet take the rows and time pass; how many changes of standing there were."""
        rows = Coded(
            self.codes[np.concatenate([s.series for s in samples])],
            np.concatenate([s.time for s in samples]),
            np.concatenate([s.value for s in samples]),
        )
        return len(advance(self.fleet, rows, as_of))

    def recall(self, bodies: Sequence[bytes], begin: int) -> None:
        """Takes in many minutes, from `begin` on, minute by minute."""
        found = self.decode(bodies)
        series, time_, value = (
            np.concatenate([getattr(s, name) for s in found]) for name in ("series", "time", "value")
        )
        order = np.argsort(time_, kind="stable")
        ends = range(begin + MINUTE, int(time_.max()) + MINUTE + 1, MINUTE)
        for part, end in zip(np.split(order, np.searchsorted(time_[order], ends[:-1])), ends, strict=True):
            self.assess([Samples(series[part], time_[part], value[part])], end)

    def keep(self, samples: Sequence[Samples], known_at: int) -> None:
        """Makes the rows durable."""
        for first in range(0, len(samples), REQUESTS_A_COMMIT):
            self.store.append("bench", self._batch(samples[first : first + REQUESTS_A_COMMIT], known_at))

    def _batch(self, samples: Sequence[Samples], known_at: int) -> pa.Table:
        series, index = np.unique(np.concatenate([s.series for s in samples]), return_inverse=True)
        rows = len(index)
        nothing = pa.nulls(rows, pa.int64())
        columns = [
            _dictionary(index, [self.names[code] for code in series.tolist()]),
            _dictionary(np.zeros(rows, np.int32), ["probe_success"]),
            pa.array(np.concatenate([s.time for s in samples])),
            pa.array(np.concatenate([s.value for s in samples])),
            nothing,
            nothing,
            pa.array(np.full(rows, known_at)),
        ]
        return pa.Table.from_arrays(columns, schema=COLUMNS)


def run() -> list[Row]:
    """Two rows: against decoding alone, and against Prometheus."""
    with one_core(), TemporaryDirectory() as directory:
        begin = (int(time() // 60) - ALL - 1) * MINUTE
        chance = np.random.default_rng(1382)
        bad = [set(np.flatnonzero(chance.random(SERIES) < BAD).tolist()) for _ in range(ALL)]
        half = HISTORY // 2  # Prometheus refuses what is an hour behind the newest that it has
        history = [
            *minutes(SERIES, begin // 1000, bad[:half]),
            *minutes(SERIES, (begin + half * MINUTE) // 1000, bad[half:HISTORY]),
        ]
        live = begin + HISTORY * MINUTE
        bodies = [minutes(SERIES, (live + m * MINUTE) // 1000, [those]) for m, those in enumerate(bad[HISTORY:])]
        fleet = open_fleet(terms(SERIES, WINDOWS, since=begin), since=begin, rows_of=never_asked)
        intake = Intake(fleet, open_store(f"sqlite:///{Path(directory)}/log.db"))
        intake.recall(history, begin)
        alone, decoding, keeping, assessing, changes = _ours(intake, bodies, live)
        intake.store.close()
        per_sample = MEASURED * SERIES
        held = in_words(peak_memory())
        rows = [
            Row(
                bar="B4",
                claim=f"remote write to state changes, {SERIES:,} series x 6 windows, one core, against decoding alone",
                ours=f"{(decoding + assessing) / per_sample * 1e9:,.0f} ns CPU a sample",
                peer=f"{alone / per_sample * 1e9:,.0f} ns CPU a sample",
                ratio=alone / (decoding + assessing),
                limit=0.5,
                at_most=False,
                note=f"{changes / MEASURED:,.0f} changes a minute; peak memory with the bodies {held}",
            )
        ]
        total = decoding + keeping + assessing
        if not installed():
            return [*rows, _against(total / per_sample, float("nan"), ABSENT)]
        with running(cores=sorted(os.sched_getaffinity(0))) as peer:
            ingesting, evaluating = _theirs(peer, history, bodies)
            _compare(peer, fleet, begin + ALL * MINUTE)
            note = (
                f"ours: decoding {decoding / per_sample * 1e9:,.0f}, log {keeping / per_sample * 1e9:,.0f}, assessing"
                f" {assessing / per_sample * 1e9:,.0f} ns; Prometheus: ingesting {ingesting / per_sample * 1e9:,.0f},"
                f" one evaluation a minute {evaluating / SERIES * 1e9:,.0f} ns; equal figures. Peak memory: ours"
                f" {held}, Prometheus {in_words(peak_memory(peer.pid))}"
            )
        return [*rows, _against(total / per_sample, ingesting / per_sample + evaluating / SERIES, note)]


def _against(ours: float, theirs: float, note: str) -> Row:
    return Row(
        bar="B4",
        claim="the same with the log on disk, against Prometheus ingesting and evaluating the same objectives",
        ours=f"{ours * 1e6:,.2f} us CPU a sample",
        peer=f"{theirs * 1e6:,.2f} us CPU a sample",
        ratio=theirs / ours,
        limit=5,
        at_most=False,
        note=note,
    )


def _ours(intake: Intake, bodies: Sequence[Sequence[bytes]], live: int) -> tuple[float, float, float, float, int]:
    """Seconds of CPU for the measured minutes: decoding alone, and ours in three parts; and the changes there were."""
    alone = Decoder()
    spent = np.zeros(4)
    changes = 0
    for m, requests in enumerate(bodies):
        now = live + (m + 1) * MINUTE
        marks = [process_time()]
        for body in requests:
            alone.decode(body)
        marks.append(process_time())
        samples = intake.decode(requests)
        marks.append(process_time())
        intake.keep(samples, now)
        marks.append(process_time())
        changed = intake.assess(samples, now)
        marks.append(process_time())
        if m >= WARM:
            spent += np.diff(marks)
            changes += changed
    decode_alone, decoding, keeping, assessing = spent.tolist()
    return decode_alone, decoding, keeping, assessing, changes


def _theirs(peer: Prometheus, history: Sequence[bytes], bodies: Sequence[Sequence[bytes]]) -> tuple[float, float]:
    """Seconds of CPU for ingesting the measured minutes, and for one evaluation of every objective."""
    for requests in (history, *bodies[:WARM]):
        for body in requests:
            peer.write(body)
    begun = peer.cpu
    for requests in bodies[WARM:]:
        for body in requests:
            peer.write(body)
    ingesting = peer.cpu - begun
    rules = [Rule(f"slo:attained:{window}", f"avg_over_time(probe_success[{window}])") for window in WINDOWS]
    peer.evaluate([rules], "1s")
    # The first round makes the series of the results, and is left out.
    _await(lambda: peer.evaluations() >= len(WINDOWS))
    first, cpu = peer.evaluations(), peer.cpu
    _await(lambda: peer.evaluations() >= first + len(WINDOWS))
    last, spent = peer.evaluations(), peer.cpu - cpu
    peer.evaluate([], "1s")
    return ingesting, spent * len(WINDOWS) / (last - first)


def _compare(peer: Prometheus, fleet: Fleet, end: int) -> None:
    """Prometheus' values at the end must equal the verdicts', for some services at all windows."""
    chosen = "|".join(service(i) for i in COMPARED)
    which = [i * len(WINDOWS) + w for i in COMPARED for w in range(len(WINDOWS))]
    found = {(v.service, v.objective): v.good / (v.good + v.bad) for v in verdicts(fleet, which)}
    assert len(found) == len(which)
    for window in WINDOWS:
        query = f'avg_over_time(probe_success{{service=~"{chosen}"}}[{window}])'
        values = peer.values(query, end / 1e6 - 0.001)
        assert len(values) == len(COMPARED)
        for name, value in values.items():
            assert abs(found[name, window] - value) < 1e-12, (name, window, found[name, window], value)


def _dictionary(index: npt.NDArray[np.integer], names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(names, pa.string()))


def _await(reached: Callable[[], bool]) -> None:
    until = monotonic() + 120
    while not reached():
        if monotonic() > until:
            raise RuntimeError("Prometheus did not evaluate its rules in two minutes")
        sleep(0.1)
