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
from upheld.sources.workers import Workers


class Sources(Workers):
    """Fetches from every source that is declared. Raises MissingClient where a client is not installed."""

    def __init__(self, declared: Declaration, taking: Taking, store: Store) -> None:
        check_installed(declared.sources)
        stopping = threading.Event()
        workers = [
            Watcher(source, taking, store, stopping)
            if isinstance(source, FolderSource)
            else Consumer(source, taking, stopping)
            for source in declared.sources
        ]
        super().__init__("source", workers, stopping)

    def standing(self) -> Mapping[tuple[str, str, str], tuple[bool, int]]:
        """Of each source, by its tenant, id and kind: whether it takes what comes, and how often it was lost."""
        dead, sources = self.failing(), [worker.standing for worker in self._at_work]
        return {
            (one.tenant, one.id, one.kind): (one.state == "running" and f"source {one.id}" not in dead, one.lost)
            for one in sources
        }


def check_installed(sources: Sequence[Declared]) -> None:
    """Raises MissingClient where a client is not installed that one of the sources needs."""
    for source in sources:
        if isinstance(source, FolderSource):
            Folder(source)
        else:
            module_of(source)
