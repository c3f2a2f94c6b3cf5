"""CPU and memory as the bars measure them: CPU time and not wall time, medians of turns taken one after the other."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import process_time

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(work: Callable[[], object]) -> float:
    """Seconds of CPU that this process takes for `work`, in all its threads."""
    begun = process_time()
    work()
    return process_time() - begun


def alternating(ours: Callable[[], object], peer: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """The median CPU seconds of both, which take turns, so that what else the machine does hits both alike."""
    turns = [(cpu_of(ours), cpu_of(peer)) for _ in range(rounds)]
    return median(t[0] for t in turns), median(t[1] for t in turns)


def peak_memory(pid: int | str = "self") -> int:
    """The most bytes that a process has held in memory so far (VmHWM)."""
    return _status(pid, "VmHWM")


def resident(pid: int | str = "self") -> int:
    """The bytes that a process holds in memory now (VmRSS)."""
    return _status(pid, "VmRSS")


def cpu_of_process(pid: int) -> float:
    """Seconds of CPU that a running process has taken so far, in all its threads."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps this process, and what it starts, to one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def in_words(size: float) -> str:
    """`1536` -> `1.5 kB`: bytes for people."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _status(pid: int | str, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/status has no {field}")
