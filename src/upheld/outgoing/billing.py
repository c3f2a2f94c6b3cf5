"""What billing is told of credits: adjustments, each against what it was told before. DESIGN rules 9 and 11.

A credit is owed once its verdict is final. What is owed by a verdict is what all its adjustments add up to, whatever
came in between: each is the difference of two versions of the verdict that follow each other.
"""

import csv
import hashlib
import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal

from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Credit, Verdict
from upheld.outgoing.happened import verdict_name
from upheld.outgoing.model import PREFIX, OutgoingEvent


@dataclass(frozen=True, slots=True)
class Adjustment:
    """By how much what a customer is owed for a service and a period has changed: `amount` (a decimal; less than 0
    where it is less than before), after which it is `credit` in all. `id` is the same whenever it is told, and no other
    adjustment has it. `verdict_version` brought it about, because of `cause`, which `approver` stands behind. Instants
    in microseconds UTC."""

    id: str
    told_at: int
    customer: str
    agreement: str
    objective: str
    service: str
    period_start: int
    period_end: int
    amount: str
    currency: str
    credit: str
    reason: Literal["due", "changed", "withdrawn"]
    verdict_version: int
    cause: str
    approver: str | None = None


_INSTANTS = ("told_at", "period_start", "period_end")
COLUMNS = tuple(field.name for field in fields(Adjustment))


def owed(verdict: Verdict | None, claimed: bool = False) -> Credit | None:
    """What a verdict lets the customer have: nothing before it is final, or where it must be claimed and is not."""
    due = verdict is not None and verdict.final and (claimed or verdict.claim_by is None)
    return verdict.credit if verdict is not None and due else None


def adjustments(
    tenant: str,
    before: Verdict | None,
    after: Verdict,
    cause: str,
    approver: str | None,
    at: int,
    claimed: bool = False,
) -> list[Adjustment]:
    """What a tenant's billing is told where `after` takes the place of `before`: nothing where the same is owed. In
    another currency, what was owed is taken back first. `claimed`: what both earn had been claimed."""
    return _told(tenant, after, owed(before, claimed), owed(after, claimed), cause, approver, at)


def of_a_claim(tenant: str, verdict: Verdict, approver: str | None, at: int) -> list[Adjustment]:
    """What billing is told where the credit of a verdict, as it stands, has been claimed; `approver` accepted that it
    was late."""
    was, now = owed(verdict), owed(verdict, claimed=True)
    return _told(tenant, verdict, was, now, "the customer has claimed it", approver, at, state="claimed")


def _told(
    tenant: str,
    after: Verdict,
    old: Credit | None,
    new: Credit | None,
    cause: str,
    approver: str | None,
    at: int,
    state: str | None = None,
) -> list[Adjustment]:
    currencies = dict.fromkeys(credit.currency for credit in (old, new) if credit is not None)
    found = []
    for currency in currencies:
        was, now = (_in(credit, currency) for credit in (old, new))
        if was == now:
            continue
        reason: Literal["due", "changed", "withdrawn"] = "changed" if was and now else "due" if now else "withdrawn"
        found.append(
            Adjustment(
                id=_id(tenant, after, currency, state or ("final" if after.final else "open")),
                told_at=at,
                customer=after.customer,
                agreement=after.agreement,
                objective=after.objective,
                service=after.service,
                period_start=after.period_start,
                period_end=after.period_end,
                amount=str(now - was),
                currency=currency,
                credit=str(now if now else was - was),  # 0 with the currency's places
                reason=reason,
                verdict_version=after.version,
                cause=cause,
                approver=approver,
            )
        )
    return found


def of_adjustment(adjustment: Adjustment) -> OutgoingEvent:
    """What other systems are told of it."""
    subject = f"{adjustment.agreement}/{adjustment.objective}/{adjustment.service}/"
    subject += format_instant(adjustment.period_start)
    return OutgoingEvent(f"{PREFIX}credit.adjusted", subject, adjustment.told_at, to_document(adjustment))


def to_document(adjustment: Adjustment) -> dict[str, Any]:
    """The adjustment as JSON has it: instants as RFC 3339, money as decimals in text."""
    document = {name: getattr(adjustment, name) for name in COLUMNS}
    return {name: format_instant(value) if name in _INSTANTS else value for name, value in document.items()}


def to_csv(documents: Iterable[Mapping[str, Any]]) -> str:
    """Documents of adjustments as a table with a header, one a row."""
    return as_csv(COLUMNS, documents, ("amount", "credit", "verdict_version"))


def as_csv(columns: Sequence[str], documents: Iterable[Mapping[str, Any]], figures: Collection[str]) -> str:
    """Documents as a table with a header, one a row. A text that a spreadsheet would take for a formula has a ' before
    it; `figures` are the columns that are none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for document in documents:
        writer.writerow([_cell(document[name], name not in figures) for name in columns])
    return text.getvalue()


def _cell(value: object, is_text: bool) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if is_text and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _in(credit: Credit | None, currency: str) -> Decimal:
    return credit.amount if credit is not None and credit.currency == currency else Decimal(0)


def _id(tenant: str, verdict: Verdict, currency: str, state: str) -> str:
    """Once a version of a verdict is final, only a new version can be owed otherwise, or that it is claimed, which is
    done once: so there is one adjustment of it in a currency and state, `final`, `claimed`, and `open` where it is not
    final and the version before was."""
    name = "\n".join((tenant, verdict_name(verdict), str(verdict.version), state, currency))
    return "A-" + hashlib.sha256(name.encode()).hexdigest()[:20].upper()
