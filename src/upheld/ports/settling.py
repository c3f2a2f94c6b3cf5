"""A transaction that is tried again where someone else came first."""

from collections.abc import Callable
from typing import TypeVar

from upheld.ports.failures import Conflict
from upheld.ports.store import Store
from upheld.ports.transaction import Transaction

T = TypeVar("T")
TRIES = 5


def settled(store: Store, tenant: str, work: Callable[[Transaction], T]) -> T:
    """Does `work` in a transaction, again where someone else came first."""
    for _ in range(TRIES - 1):
        try:
            with store.transaction(tenant) as t:
                return work(t)
        except Conflict:
            continue
    with store.transaction(tenant) as t:
        return work(t)
