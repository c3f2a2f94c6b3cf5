"""Where all is kept, and the clock."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import pyarrow as pa

from upheld.ports.records import (
    AgendaEntry,
    ApiKey,
    Census,
    Outflow,
)
from upheld.ports.transaction import Transaction


class Store(Protocol):
    """Where all but measurements is kept."""

    def transaction(self, tenant: str, *, writing: bool = True) -> AbstractContextManager[Transaction]:
        """With `writing=False` it waits for no writer, and what it tries to write fails. A thread has one writing
        transaction at a time."""

    def claim(self, now: int, lease: int, limit: int, kinds: Sequence[str] | None = None) -> Sequence[AgendaEntry]:
        """Takes up to `limit` due entries of any tenant for `lease` microseconds, by a conditional update: no two
        workers get the same one, and one whose worker died is free again when the lease is over. `kinds` limits it to
        entries of these kinds."""

    def owing(self, before: int, limit: int) -> Sequence[tuple[str, str]]:
        """(tenant, problem) of up to so many problems of which something that happened before that instant
        (microseconds UTC) is still to be told."""

    def with_news(self, now: int, quiet: int, longest: int) -> Sequence[str]:
        """The tenants of which `Transaction.take_news` would give something."""

    def leads(self, tenant: str) -> bool:
        """Whether this process is the one that assesses the tenant: of several on one database, one at a time."""

    def add_tenant(self, tenant: str, name: str) -> None: ...
    def tenants(self) -> Sequence[str]: ...
    def add_key(self, key: ApiKey) -> None: ...
    def key_by_digest(self, digest: str) -> ApiKey | None: ...
    def key(self, tenant: str, key_id: str) -> ApiKey | None: ...
    def keys(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """The keys of a tenant, or of all, the revoked ones too, by tenant and age."""

    def revoke_key(self, tenant: str, key_id: str, at: int) -> ApiKey | None:
        """Revokes a key, once: whoever asks first says since when. None where the tenant has no such key."""

    def setting(self, name: str, default: str) -> str:
        """A value of the installation that is kept from its first start on: the stored one, else `default`, now
        stored."""

    def kept_setting(self, name: str) -> str | None:
        """The stored value of the installation as it is now."""

    def change_setting(self, name: str, value: str) -> None:
        """Stores a value of the installation in place of the one before."""

    def ping(self) -> None:
        """Raises where the store cannot be used: it does not answer, or it is of another version."""

    def free(self) -> int | None:
        """The free bytes where it is kept; None where that cannot be known from here."""

    def outflow(self) -> Outflow:
        """How far what is told has come."""

    def census(self, now: int) -> Census:
        """How things stand at `now`."""


class MeasurementLog(Protocol):
    """The append-only log of what was delivered."""

    def append(self, tenant: str, batch: pa.Table, source: str | None = None) -> int:
        """Keeps a batch (columns: `measurements.model.COLUMNS`) that `source` delivered, and returns its position,
        once it is durable. Raises ValueError where it has other columns, and NotKept."""

    def read(self, tenant: str, after: int = 0) -> Iterator[tuple[int, pa.Table, str | None]]:
        """Every batch behind position `after`, in order, as (position, batch, who delivered it)."""

    def backlog(self, tenant: str, after: int) -> tuple[int, int]:
        """The position of the tenant's last batch, 0 before the first, and the rows behind position `after`."""

    def rows(
        self,
        tenant: str,
        series: Collection[tuple[str, str]],
        *,
        start: int | None = None,
        end: int | None = None,
        upto: int | None = None,
    ) -> pa.Table:
        """All measurements of these (service, metric), and of others of the same services and metrics, with start <=
        time < end, in the batches up to position `upto` (None does not limit), whether they hold or were corrected, in
        any order."""

    def delivered(self, tenant: str, series: Collection[tuple[str, str]], start: int, end: int) -> pa.Table:
        """As `rows`, with a column `source` of who delivered each, null where that is not known."""

    def removable(self, tenant: str, before: int) -> bool:
        """Whether `remove` would remove anything."""

    def remove(self, tenant: str, before: int) -> int:
        """Removes whole files and batches, never the last, in which all was measured before that instant (microseconds
        UTC); returns how many rows they had. What lies in files is removed by one process at a time."""

    def sources(
        self, tenant: str, series: Collection[tuple[str, str]], start: int, end: int, *, after: int, upto: int
    ) -> Sequence[str]:
        """Who delivered measurements of one of these (service, metric) with start <= time < end in the batches behind
        position `after` up to `upto`, by name."""

    def series(
        self, tenant: str, service: str, metric: str, start: int, end: int, *, upto: int | None = None
    ) -> pa.Table:
        """The measurements that hold of one series with start <= time < end, by time; of the batches up to position
        `upto` where that is given."""


class Clock(Protocol):
    def now(self) -> int: ...
