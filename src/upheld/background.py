"""The threads that keep the process going, and whether they do: each gives a sign of life with every round."""

import threading
import time
from collections.abc import Callable, Mapping

import structlog

log = structlog.get_logger()

TICK = 0.5
"""Seconds between two looks at the log and the agenda."""
PAUSE = 5
"""Seconds before what has failed is tried again."""


class Background:
    """Threads that repeat a step each, by their names: at once while it says that it has done something, else after a
    tick. One whose round takes longer than `stuck_after` seconds counts as stuck."""

    def __init__(self, steps: Mapping[str, Callable[[], int]], stuck_after: float) -> None:
        self._steps, self._stuck_after = steps, stuck_after
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._alive_at: dict[str, float] = {}

    def start(self) -> None:
        """Starts them all."""
        for name, step in self._steps.items():
            self._alive_at[name] = time.monotonic()
            thread = threading.Thread(target=self._repeat, args=(name, step), name=name, daemon=True)
            self._threads[name] = thread
            thread.start()

    def stop(self) -> None:
        """Lets them end what they are at."""
        self._stopping.set()
        for thread in self._threads.values():
            thread.join(timeout=10)

    @property
    def has_started(self) -> bool:
        return bool(self._threads)

    def silences(self) -> dict[str, float]:
        """For how many seconds each has given no sign of life."""
        now = time.monotonic()
        return {name: now - at for name, at in list(self._alive_at.items())}

    def failing(self) -> dict[str, str]:
        """Those that do not keep going, and why."""
        if self._stopping.is_set():
            return {}
        dead = {name: "ended" for name, thread in self._threads.items() if not thread.is_alive()}
        silent = {name: seconds for name, seconds in self.silences().items() if seconds > self._stuck_after}
        return {name: f"no sign of life for {seconds:.0f} s" for name, seconds in silent.items()} | dead

    def _repeat(self, name: str, step: Callable[[], int]) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                while self._once(name, step):
                    if self._stopping.is_set():
                        return
            except Exception:  # what fails now, such as a database that is away, is tried again
                log.exception("background work failed", part=name)
                self._stopping.wait(PAUSE)
            self._stopping.wait(max(TICK - (time.monotonic() - began), 0.05))

    def _once(self, name: str, step: Callable[[], int]) -> int:
        self._alive_at[name] = time.monotonic()
        return step()
