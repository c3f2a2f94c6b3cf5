"""The rows of one tenant: what every part of a transaction reads and writes them by."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from upheld.store import tables
from upheld.store.rows import Record, add, add_all, from_row, put, to_row


class TenantRows:
    """An open connection, and the tenant whose rows are read and written: rows go in by `_row`, and come out and are
    changed by a condition from `_where`."""

    def __init__(self, connection: Connection, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._waiting: dict[Table, list[dict[str, Any]]] = {}

    def _setting(self, name: str) -> str | None:
        t = tables.settings.c
        return self._connection.execute(select(t.value).where(self._where(tables.settings, t.name == name))).scalar()

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"tenant": self._tenant}

    def _where(self, table: Table, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = table.c.tenant == self._tenant
        for another in conditions:
            condition &= another
        return condition

    def _add(self, table: Table, row: dict[str, Any]) -> bool:
        return add(self._connection, table, self._row(row))

    def _put(self, table: Table, row: dict[str, Any]) -> None:
        put(self._connection, table, [self._row(row)])

    def _add_later(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Adds rows, unless they are there: when the transaction is committed or before `_settle`, those of many cases
        by one statement."""
        self._waiting.setdefault(table, []).extend(map(self._row, rows))

    def _settle(self) -> None:
        """Adds what waits, for those who are about to read it."""
        for table, rows in self._waiting.items():
            if rows:
                add_all(self._connection, table, rows)
        self._waiting.clear()

    def _find(self, kind: type[Record], table: Table, *conditions: ColumnElement[bool]) -> Record | None:
        found = self._list(kind, table, *conditions)
        assert len(found) <= 1, f"{len(found)} rows of {table.name} where a key names one"
        return found[0] if found else None

    def _list(
        self,
        kind: type[Record],
        table: Table,
        *conditions: ColumnElement[bool],
        by: Sequence[ColumnElement[Any]] = (),
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Record]:
        query = select(table).where(self._where(table, *conditions)).order_by(*by).limit(limit).offset(offset)
        return [from_row(kind, row) for row in self._connection.execute(query).mappings()]


def setting_row(name: str, record: Any) -> dict[str, Any]:
    """A record as a setting of the tenant."""
    return {"name": name, "value": json.dumps(to_row(record))}
