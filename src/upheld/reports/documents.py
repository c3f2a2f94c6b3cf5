"""Verdicts for other programs: JSON and Parquet, with the same field names."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from upheld.assessment.verdict import Verdict, to_document

_INSTANT = pa.timestamp("us", "UTC")
_CONSEQUENCE = pa.struct([("right", pa.string()), ("since", _INSTANT), ("reason", pa.string())])
_INTERVAL = pa.struct([("start", _INSTANT), ("end", _INSTANT), ("kind", pa.string()), ("reason", pa.string())])

VERDICT_COLUMNS = pa.schema(
    [
        pa.field("agreement", pa.string(), nullable=False),
        pa.field("objective", pa.string(), nullable=False),
        pa.field("service", pa.string(), nullable=False),
        pa.field("customer", pa.string(), nullable=False),
        pa.field("period_start", _INSTANT, nullable=False),
        pa.field("period_end", _INSTANT, nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("final", pa.bool_(), nullable=False),
        pa.field("attained", pa.string()),
        pa.field("good", pa.int64(), nullable=False),
        pa.field("bad", pa.int64(), nullable=False),
        pa.field("missing", pa.int64(), nullable=False),
        pa.field("excluded", pa.int64(), nullable=False),
        pa.field("budget", pa.string()),
        pa.field("spent", pa.string()),
        pa.field("at_risk_at", _INSTANT),
        pa.field("violated_at", _INSTANT),
        pa.field("credit", pa.struct([("amount", pa.string()), ("currency", pa.string())])),
        pa.field("evidence", pa.list_(_INTERVAL), nullable=False),
        pa.field("agreement_version", pa.int64(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("relative_error", pa.string()),
        pa.field("claim_by", _INSTANT),
        pa.field("consequences", pa.list_(_CONSEQUENCE), nullable=False),
    ]
)
"""Verdicts as an Arrow table: named as in JSON, instants as timestamps, exact figures as decimal strings."""


def to_json(verdicts: Sequence[Verdict]) -> str:
    """A JSON list of verdict documents, one verdict a line."""
    lines = (json.dumps(to_document(verdict), ensure_ascii=False) for verdict in verdicts)
    return "[\n" + ",\n".join(lines) + "\n]\n" if verdicts else "[]\n"


def to_columns(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as a table of `VERDICT_COLUMNS`."""
    columns = [pa.array([_cell(verdict, field.name) for verdict in verdicts], field.type) for field in VERDICT_COLUMNS]
    return pa.table(columns, schema=VERDICT_COLUMNS)


def to_parquet(verdicts: Sequence[Verdict]) -> bytes:
    """Verdicts as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(to_columns(verdicts), sink)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _cell(verdict: Verdict, name: str) -> Any:
    if name == "credit" and verdict.credit is not None:
        return {"amount": str(verdict.credit.amount), "currency": verdict.credit.currency}
    if name == "evidence":
        return [{"start": e.start, "end": e.end, "kind": e.kind, "reason": e.reason} for e in verdict.evidence]
    if name == "consequences":
        return [{"right": c.right, "since": c.since, "reason": c.reason} for c in verdict.consequences]
    return getattr(verdict, name)
