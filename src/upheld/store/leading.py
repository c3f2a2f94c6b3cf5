"""Which of several processes assesses a tenant: one at a time, so that none does again what another has done.

On PostgreSQL it is the session that holds the tenant's advisory lock, from its first turn until it ends: where it dies,
the server frees the lock at once, and the next to ask has it. A SQLite file is one process's own. Were two to assess a
tenant all the same, nothing would be wrong, only done twice: whoever comes second finds it kept.
"""

import threading

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

_LOCKS = 0x5570  # "Up": the first half of every lock's key; the second is of the tenant
_TRY = text("SELECT pg_try_advisory_lock(:locks, hashtext(current_schema() || '/' || :tenant))")


class Leading:
    """The locks that this process holds, on a connection of their own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._held: set[str] = set()
        self._one_at_a_time = threading.Lock()

    def leads(self, tenant: str) -> bool:
        """Whether this process is the one that assesses the tenant, from now on if nobody else is. False also where
        the database cannot be reached."""
        if self._engine.dialect.name != "postgresql":
            return True
        with self._one_at_a_time:
            try:
                return self._leads(tenant)
            except SQLAlchemyError:
                self.close()
                return False

    def close(self) -> None:
        """Gives up every lock."""
        self._held.clear()
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _leads(self, tenant: str) -> bool:
        if self._connection is None:
            self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if tenant in self._held:
            self._connection.execute(text("SELECT 1"))  # the session is still there, and so are its locks
            return True
        if self._connection.execute(_TRY, {"locks": _LOCKS, "tenant": tenant}).scalar():
            self._held.add(tenant)
        return tenant in self._held
