"""All sources of an installation, a thread each."""

import threading
from collections.abc import Mapping, Sequence

from upheld.ports import Store
from upheld.sources.consuming import Consumer
from upheld.sources.declared import Declaration, Declared, FolderSource
from upheld.sources.feeds import module_of
from upheld.sources.files import Folder
from upheld.sources.taking import Taking
from upheld.sources.watching import Watcher


class Sources:
    """Fetches from every source that is declared. Raises MissingClient where a client is not installed."""

    def __init__(self, declared: Declaration, taking: Taking, store: Store) -> None:
        check_installed(declared.sources)
        self._stopping = threading.Event()
        self._at_work = [
            Watcher(source, taking, store, self._stopping)
            if isinstance(source, FolderSource)
            else Consumer(source, taking, self._stopping)
            for source in declared.sources
        ]
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for worker in self._at_work:
            name = f"source {worker.standing.id}"
            thread = threading.Thread(target=worker.run, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, patience: float = 15) -> None:
        """Lets each end what it is at, and give back what it has not acknowledged."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(patience)

    def standing(self) -> Mapping[tuple[str, str, str], tuple[bool, int]]:
        """Of each source, by its tenant, id and kind: whether it takes what comes, and how often it was lost."""
        dead, sources = self.failing(), [worker.standing for worker in self._at_work]
        return {
            (one.tenant, one.id, one.kind): (one.state == "running" and f"source {one.id}" not in dead, one.lost)
            for one in sources
        }

    def failing(self) -> dict[str, str]:
        """The threads that have ended before they were told to, and that."""
        if self._stopping.is_set():
            return {}
        return {thread.name: "ended" for thread in self._threads if not thread.is_alive()}


def check_installed(sources: Sequence[Declared]) -> None:
    """Raises MissingClient where a client is not installed that one of the sources needs."""
    for source in sources:
        if isinstance(source, FolderSource):
            Folder(source)
        else:
            module_of(source)
