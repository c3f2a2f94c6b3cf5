"""What fetches from one source at a time, a thread each, ended together."""

import threading
from collections.abc import Sequence
from typing import Protocol

from upheld.sources.consuming import Standing


class Worker(Protocol):
    """Fetches from one source until it is told to stop."""

    standing: Standing

    def run(self) -> None:
        """Returns once it has stopped."""


class Workers:
    """Workers that `stopping` tells to stop; `kind` is what their threads are called by."""

    def __init__(self, kind: str, workers: Sequence[Worker], stopping: threading.Event) -> None:
        self._kind, self._at_work, self._stopping = kind, workers, stopping
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for worker in self._at_work:
            thread = threading.Thread(target=worker.run, name=f"{self._kind} {worker.standing.id}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, patience: float = 15) -> None:
        """Lets each end what it is at, and give back what it has not acknowledged."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(patience)

    def failing(self) -> dict[str, str]:
        """The threads that have ended before they were told to, and that."""
        if self._stopping.is_set():
            return {}
        return {thread.name: "ended" for thread in self._threads if not thread.is_alive()}
