"""Who delivers: a tally of each sender in memory, which is added to the store every few seconds."""

from collections.abc import Sequence
from threading import Lock

import pyarrow as pa
import pyarrow.compute as pc

from upheld.measurements.senders import Lately, Sender, delivery, failure, together
from upheld.ports import Store

MOST_WAITING = 10_000
"""Senders that are tallied in memory at once; others count from when these are in the store."""


class Senders:
    """The senders of all tenants. What is in memory alone is lost when the process is killed."""

    def __init__(self, store: Store) -> None:
        self._store, self._lately = store, Lately()
        self._lock = Lock()
        self._waiting: dict[tuple[str, str], Sender] = {}

    def delivered(self, tenant: str, name: str | None, batch: pa.Table) -> None:
        """Measurements (`measurements.model.COLUMNS`) of a sender are durable."""
        if name is None or not batch.num_rows:
            return
        arrived, newest = pc.max(batch.column("known_at")).as_py(), pc.max(batch.column("time")).as_py()
        with self._lock:
            duplicates, conflicts = self._lately.note(tenant, batch)
            self._add(tenant, delivery(name, arrived, newest, batch.num_rows, duplicates, conflicts))

    def failed(self, tenant: str, name: str | None, at: int, error: str, *, future: int = 0, refused: int = 0) -> None:
        """Something of a sender was not taken at an instant, and why: so many samples or rows."""
        if name is not None:
            with self._lock:
                self._add(tenant, failure(name, at, error, future=future, refused=refused))

    def _add(self, tenant: str, more: Sender) -> None:
        known = self._waiting.get((tenant, more.name))
        if known is not None:
            self._waiting[tenant, more.name] = together(known, more)
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[tenant, more.name] = more

    def flush(self) -> int:
        """Adds what is in memory to the store; how many senders that were."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        done = 0
        try:
            for tenant in dict.fromkeys(tenant for tenant, _ in waiting):
                with self._store.transaction(tenant) as t:
                    t.add_to_senders([sender for (of, _), sender in waiting.items() if of == tenant])
                waiting = {key: sender for key, sender in waiting.items() if key[0] != tenant}
                done += 1
        finally:
            with self._lock:  # what the store has not taken goes with what came meanwhile
                came, self._waiting = self._waiting, waiting
                for (tenant, _), sender in came.items():
                    self._add(tenant, sender)
        return done

    def of(self, tenant: str) -> Sequence[Sender]:
        """The senders of a tenant, heard of last first."""
        self.flush()
        with self._store.transaction(tenant, writing=False) as t:
            return t.senders()
