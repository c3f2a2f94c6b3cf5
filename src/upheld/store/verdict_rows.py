"""Verdicts as they are kept: many are looked up, and many replaced, by one statement each.

SQLite looks up many keys of several columns by its index only where they are joined to the table, and in that order. So
the keys come as a JSON list whose elements are the keys' parts, and the table is joined to that."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from upheld.assessment.verdict import Verdict
from upheld.ports import Told
from upheld.store.rows import put, verdict_document, verdict_of
from upheld.store.tables import verdicts

Key = tuple[str, str, str, int]
KEY = ("agreement", "objective", "service", "period_start", "version")
WINDOW = ("agreement", "objective", "service", "rolling_from")
"""What a rolling verdict is told from others by."""
_COLUMNS = (*KEY, "period_end", "customer", "status", "final")
_STAYS = ("known_at", "cause", "approver")
_ONE = delete(verdicts).where(and_(*(verdicts.c[name] == bindparam(f"_{name}") for name in ("tenant", *KEY))))

_NEWEST = (
    select(verdicts.c.document)
    .where(*(verdicts.c[name] == bindparam(name) for name in ("tenant", *KEY[:4])))
    .order_by(verdicts.c.version.desc())
    .limit(1)
)


def one(connection: Connection, tenant: str, key: Key) -> Verdict | None:
    """The newest version of it."""
    found = connection.execute(_NEWEST, {"tenant": tenant, **dict(zip(KEY[:4], key, strict=True))}).first()
    return None if found is None else verdict_of(found.document)


def newest(connection: Connection, tenant: str, keys: Sequence[Key]) -> Mapping[Key, Verdict]:
    """The newest version of each of these (agreement, objective, service, period_start) that is there."""
    return _newest(_found(connection, tenant, KEY[:4], keys, "version", "document"))


def newest_windows(connection: Connection, tenant: str, keys: Sequence[Key]) -> Mapping[Key, Verdict]:
    """The same of rolling verdicts: (agreement, objective, service, rolling_from)."""
    return _newest(_found(connection, tenant, WINDOW, keys, "version", "document"))


def _newest(found: Iterator[tuple[Any, ...]]) -> Mapping[Key, Verdict]:
    documents: dict[Any, tuple[int, Any]] = {}
    for *key, version, document in found:
        place = tuple(key)
        if place not in documents or documents[place][0] <= version:
            documents[place] = version, document
    return {key: verdict_of(document) for key, (_, document) in documents.items()}


def keep(connection: Connection, tenant: str, told: Sequence[Told], known_at: int) -> None:
    """See `ports.Transaction.put_verdicts`."""
    if not told:
        return
    stays = _moved_on(connection, tenant, [one for one in told if one.rolling_from is not None])
    rows = []
    for one in told:
        row = {name: getattr(one.verdict, name) for name in _COLUMNS} | {"tenant": tenant}
        row |= {"known_at": known_at, "cause": one.cause, "approver": one.approver, "written_at": known_at}
        row |= {"rolling_from": one.rolling_from, "document": verdict_document(one.verdict)}
        rows.append(row | stays.get(_version_of(one), {}))
    put(connection, verdicts, rows)


def _moved_on(connection: Connection, tenant: str, told: Sequence[Told]) -> Mapping[tuple[Any, ...], dict[str, Any]]:
    """Drops the rows of the same versions over earlier windows, and returns what of them stays."""
    begins = {_version_of(one): one.verdict.period_start for one in told}
    stays, gone = {}, []
    for *parts, begin, known_at, cause, approver in _found(
        connection, tenant, (*WINDOW, "version"), list(begins), "period_start", *_STAYS
    ):
        place = tuple(parts)
        if begin != begins[place]:
            stays[place] = dict(zip(_STAYS, (known_at, cause, approver), strict=True))
            gone.append(dict(zip(("tenant", *KEY), (tenant, *place[:3], begin, place[4]), strict=True)))
    if gone:
        connection.execute(_ONE, [{f"_{name}": value for name, value in row.items()} for row in gone])
    return stays


def _version_of(one: Told) -> tuple[Any, ...]:
    v = one.verdict
    return v.agreement, v.objective, v.service, one.rolling_from, v.version


# -- by many keys at once -----------------------------------------------------------------------------------------


def _found(
    connection: Connection, tenant: str, by: Sequence[str], keys: Sequence[Sequence[Any]], *columns: str
) -> Iterator[tuple[Any, ...]]:
    """The rows of the tenant whose columns `by` are one of the keys: those columns, and the others that are asked
    for."""
    if keys:
        looking = _looking(connection.dialect.name, tuple(by), columns)
        for row in connection.execute(looking, {"of": tenant, "keys": json.dumps(keys)}):
            if row[0] is not None:  # a key that is not there
                yield tuple(row)


@cache
def _looking(dialect: str, by: Sequence[str], columns: Sequence[str]) -> Select[Any]:
    """Made once each, because making it takes longer than executing it."""
    keys: Any = bindparam("keys")
    if dialect == "postgresql":
        wanted = func.jsonb_array_elements(cast(keys, JSONB)).table_valued(column("value", JSONB), name="wanted")
    else:
        wanted = func.json_each(keys).table_valued(column("value", JSON), name="wanted")
    parts: list[ColumnElement[Any]] = [
        cast(wanted.c.value.op("->>")(literal_column(str(place))), verdicts.c[name].type)
        for place, name in enumerate(by)
    ]
    same = [verdicts.c[name] == part for name, part in zip(by, parts, strict=True)]
    joined = wanted.outerjoin(verdicts, and_(verdicts.c.tenant == bindparam("of"), *same))
    return select(*(verdicts.c[name] for name in (*by, *columns))).select_from(joined)
