"""Runs one bar's program, in a process of its own."""

import pkgutil
import resource
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from time import monotonic

import bench
from bench.measuring import peak_memory
from bench.table import Row


@dataclass(frozen=True)
class Ran:
    """What a bar's program gave: its rows, what was wrong where it gave none, and its process's cost."""

    rows: list[Row]
    fault: str = ""
    cpu: float = 0.0
    peak: int = 0
    wall: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the bar was measured and every claim of it holds."""
        return bool(self.rows) and not self.fault and all(row.holds for row in self.rows)


def measure(bar: str) -> Ran:
    """Runs a bar's program in a process of its own, so that no bar inherits another's memory or compiled code."""
    names = [m.name for m in pkgutil.iter_modules(bench.__path__) if m.name.startswith(f"{bar.lower()}_")]
    if not names:
        return Ran([], "missing: there is no program for this bar")
    begun = monotonic()
    try:
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            rows, fault, cpu, peak = process.submit(_measure, names).result()
    except Exception as error:  # the process itself has died
        return Ran([], f"died: {error}", wall=monotonic() - begun)
    return Ran(rows, fault, cpu, peak, monotonic() - begun)


def _measure(names: Sequence[str]) -> tuple[list[Row], str, float, int]:
    """The rows of these programs; what was wrong; and the CPU and the peak memory of this process and its children."""
    rows: list[Row] = []
    fault = ""
    try:
        for name in names:
            run: Callable[[], list[Row]] = import_module(f"bench.{name}").run
            rows += run()
    except Exception:
        fault = traceback.format_exc()
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return rows, fault, sum(u.ru_utime + u.ru_stime for u in usage), peak_memory()
