"""A verdict: what an objective of a service came to in a period, with its figures and its evidence."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from upheld.agreements.units import format_instant

Status = Literal["met", "at_risk", "violated", "no_data"]


@dataclass(frozen=True, slots=True)
class Credit:
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """[start, end) in microseconds. kind: `bad` (counted against the promise), `missing` (no data), `excluded`
    (does not count, for `reason`), `not_excluded` (asked for but not granted, for `reason`), `running` (an event that
    is open and within its limit until `end`)."""

    start: int
    end: int
    kind: Literal["bad", "missing", "excluded", "not_excluded", "running"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Consequence:
    """A right beyond a credit that a verdict gives, such as `exit`: `since` (microseconds UTC) is when it arose,
    `reason` what it rests on, for people."""

    right: str
    since: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The fields of DESIGN's output, exact. Instants in microseconds UTC.

    `attained`, `budget` and `spent` are decimals cut off (never rounded up) at 12 places; None where there is
    nothing to state. `good` and `bad` count slots for availability, events for ratio and duration, slots with a value
    that meets or misses the bound for aggregate; `missing` and `excluded` count slots. `relative_error` is by how much
    `attained` may be off (a share such as 0.01) where a sketch gave it; None where it is exact. `claim_by` is the last
    instant at which the credit can be claimed; None where there is none or it is due without a claim."""

    agreement: str
    objective: str
    service: str
    customer: str
    period_start: int
    period_end: int
    status: Status
    final: bool
    attained: str | None
    good: int
    bad: int
    missing: int
    excluded: int
    budget: str | None
    spent: str | None
    at_risk_at: int | None
    violated_at: int | None
    credit: Credit | None
    evidence: tuple[Evidence, ...]
    agreement_version: int = 1
    version: int = 1
    relative_error: str | None = None
    claim_by: int | None = None
    consequences: tuple[Consequence, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What names the verdict: (agreement, objective, service, period_start)."""
        return self.agreement, self.objective, self.service, self.period_start


@dataclass(frozen=True, slots=True)
class Condition:
    """How a service does by one objective right now: the end of its last slot that was bad, or missed the softer target
    where one is set (microseconds UTC; None where there was none), and how much good time was measured since then
    (microseconds; time without data and excluded time is no good time)."""

    bad_until: int | None
    good_for: int


def to_document(verdict: Verdict) -> dict[str, Any]:
    """The verdict as JSON has it: instants as RFC 3339, the credit as {amount, currency} or None."""
    return {
        "agreement": verdict.agreement,
        "objective": verdict.objective,
        "service": verdict.service,
        "customer": verdict.customer,
        "period_start": format_instant(verdict.period_start),
        "period_end": format_instant(verdict.period_end),
        "status": verdict.status,
        "final": verdict.final,
        "attained": verdict.attained,
        "good": verdict.good,
        "bad": verdict.bad,
        "missing": verdict.missing,
        "excluded": verdict.excluded,
        "budget": verdict.budget,
        "spent": verdict.spent,
        "at_risk_at": _instant(verdict.at_risk_at),
        "violated_at": _instant(verdict.violated_at),
        "credit": None
        if verdict.credit is None
        else {"amount": str(verdict.credit.amount), "currency": verdict.credit.currency},
        "evidence": [
            {
                "start": format_instant(e.start),
                "end": format_instant(e.end),
                "kind": e.kind,
                "reason": e.reason,
            }
            for e in verdict.evidence
        ],
        "agreement_version": verdict.agreement_version,
        "version": verdict.version,
        "relative_error": verdict.relative_error,
        "claim_by": _instant(verdict.claim_by),
        "consequences": [
            {"right": c.right, "since": format_instant(c.since), "reason": c.reason} for c in verdict.consequences
        ],
    }


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)
