"""Where everything is kept: one SQL database, SQLite embedded or PostgreSQL, migrated to its newest form on opening.

store = open_store("sqlite:////var/lib/upheld/upheld.db")
store = open_store("postgresql+psycopg://upheld@db.example.net/upheld")
"""

from upheld.store.opening import UnusableStore, open_store
from upheld.store.sql import SqlStore

__all__ = ["SqlStore", "UnusableStore", "open_store"]
