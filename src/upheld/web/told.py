"""The verdict that a case carries, read back from its document: what was last told of it."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from upheld.agreements.units import parse_instant
from upheld.assessment.verdict import Consequence, Credit, Evidence, Verdict


def read_verdict(document: Mapping[str, Any]) -> Verdict:
    """What `assessment.verdict.to_document` wrote. Further members, such as `evidence_omitted`, are passed over."""
    values = {field.name: document[field.name] for field in fields(Verdict)}
    for name in ("period_start", "period_end", "at_risk_at", "violated_at", "claim_by"):
        values[name] = None if values[name] is None else parse_instant(values[name])
    credit = values["credit"]
    values["credit"] = None if credit is None else Credit(Decimal(credit["amount"]), credit["currency"])
    values["evidence"] = tuple(
        Evidence(parse_instant(e["start"]), parse_instant(e["end"]), e["kind"], e["reason"])
        for e in document["evidence"]
    )
    values["consequences"] = tuple(
        Consequence(c["right"], parse_instant(c["since"]), c["reason"]) for c in document["consequences"]
    )
    return Verdict(**values)
