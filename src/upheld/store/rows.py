"""Records as rows, and rows as records. A column is named as the field that it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

from upheld.assessment.verdict import Consequence, Credit, Evidence, Verdict

Record = TypeVar("Record")


def to_row(record: Any) -> dict[str, Any]:
    """The fields of a record, as columns take them."""
    return {f.name: _plain(getattr(record, f.name)) for f in fields(record)}


def from_row(kind: type[Record], row: Mapping[Any, Any]) -> Record:
    """The inverse of `to_row`; columns that are no fields are left out."""
    return kind(**{f.name: _frozen(row[f.name]) for f in fields(kind)})  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int)):  # most often, and the other questions take longer
        return value
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON that gives it back exactly: instants in microseconds, evidence as rows."""
    document = to_row(verdict)
    document["evidence"] = [[e.start, e.end, e.kind, e.reason] for e in verdict.evidence]
    document["consequences"] = [[c.right, c.since, c.reason] for c in verdict.consequences]
    if verdict.credit is not None:
        document["credit"] = [str(verdict.credit.amount), verdict.credit.currency]
    return document


def verdict_of(document: Mapping[str, Any]) -> Verdict:
    """The inverse of `verdict_document`."""
    credit = document["credit"]
    return Verdict(
        **{
            **document,
            "evidence": tuple(Evidence(*row) for row in document["evidence"]),
            "consequences": tuple(Consequence(*row) for row in document["consequences"]),
            "credit": None if credit is None else Credit(Decimal(credit[0]), credit[1]),
        }
    )


def add(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Inserts the row, unless one with the same key is there; whether it did."""
    adding = _adding(connection.dialect.name, table)
    return connection.execute(adding, row, execution_options={"preserve_rowcount": True}).rowcount == 1


def add_all(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts each row, unless one with the same key is there."""
    connection.execute(_adding(connection.dialect.name, table), rows)


STAYS = "stays"
"""Marks, in a column's `info`, what keeps its first value when a row is replaced."""


def put(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts each row, with every column, or replaces the one with the same key, but for the columns that stay."""
    connection.execute(_putting(connection.dialect.name, table), rows)


# Made once each, because making such a statement takes longer than executing it.


@cache
def _adding(dialect: str, table: Table) -> Insert:
    return _insert(dialect, table).on_conflict_do_nothing()


@cache
def _putting(dialect: str, table: Table) -> Insert:
    insert = _insert(dialect, table)
    key = [column.name for column in table.primary_key]
    replaced = {
        column.name: insert.excluded[column.name]
        for column in table.columns
        if column.name not in key and not column.info.get(STAYS)
    }
    return insert.on_conflict_do_update(index_elements=key, set_=replaced)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
