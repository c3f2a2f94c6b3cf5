"""Claims of credits that are due only where they are claimed: who may still claim what, and what was claimed. DESIGN
rule 11. Pure; instants in microseconds UTC.

A credit is claimed once, for whatever it comes to: where its verdict is restated, what is owed for it changes as if it
were due by itself. What of a claim decides is its instant against the deadline of the verdict as it stands then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Verdict, to_document
from upheld.outgoing.billing import as_csv
from upheld.outgoing.model import PREFIX, OutgoingEvent

Via = Literal["link", "operator"]
Standing = Literal["open", "claimed", "expired"]
Why = Literal["unknown", "nothing", "automatic", "too_late"]
LONGEST_WORDS = 2_000
_INSTANTS = ("period_start", "claimed_at", "claim_by", "told_at")


@dataclass(frozen=True, slots=True)
class Claim:
    """The claim of what the verdict of an objective of a service in a period earns. `claimed_by` is the contact whose
    link it came by (`customer.noc/1`), or the operator who put it down, `via` which of both; `claim_by` the deadline
    that it had. A late one stands only with an `exception`: why the operator accepts it all the same. `told_at` is
    since when billing is told of it; None until the next pulse."""

    agreement: str
    objective: str
    service: str
    period_start: int
    customer: str
    claimed_at: int
    claimed_by: str
    via: Via
    claim_by: int
    comment: str = ""
    exception: str | None = None
    told_at: int | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """The verdict's."""
        return self.agreement, self.objective, self.service, self.period_start


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing was claimed: `unknown`, there is no such verdict; `nothing`, it earns no credit; `automatic`, its
    credit is paid without a claim; `too_late`, with the deadline."""

    why: Why
    claim_by: int | None = None

    @property
    def text(self) -> str:
        """The reason as a sentence without its end."""
        match self.why:
            case "unknown":
                return "there is no verdict for that agreement, objective, service and period"
            case "nothing":
                return "no credit is owed for that verdict as it stands"
            case "automatic":
                return "the credit of that verdict is due by itself and needs no claim"
        assert self.claim_by is not None, "what came too late had a deadline"
        return f"the credit could be claimed until {format_instant(self.claim_by)}"


def claimed(
    verdict: Verdict | None, at: int, by: str, via: Via, comment: str = "", exception: str | None = None
) -> Claim | Refused:
    """The claim of what a verdict earns, at that instant; or why there is none. The deadline itself is still in time.
    A claim in time needs no exception, and has none."""
    if verdict is None:
        return Refused("unknown")
    if verdict.credit is None:
        return Refused("nothing")
    if verdict.claim_by is None:
        return Refused("automatic")
    late = at > verdict.claim_by
    if late and not exception:
        return Refused("too_late", verdict.claim_by)
    return Claim(*verdict.key, verdict.customer, at, by, via, verdict.claim_by, comment, exception if late else None)


def standing(verdict: Verdict, claim: Claim | None, now: int) -> Standing | None:
    """How the claim of a verdict's credit stands; None where it has none that must be claimed."""
    if claim is not None:
        return "claimed"
    if verdict.credit is None or verdict.claim_by is None:
        return None
    return "open" if now <= verdict.claim_by else "expired"


def claim_document(claim: Claim) -> dict[str, Any]:
    """The claim as JSON has it."""
    document = {field.name: getattr(claim, field.name) for field in fields(Claim)}
    return {name: _shown(value) if name in _INSTANTS else value for name, value in document.items()}


def claimable_document(verdict: Verdict, claim: Claim | None, now: int) -> dict[str, Any]:
    """A credit that must be claimed, with how that stands, as a list of them has it; flat, for a table too."""
    shown = to_document(verdict)
    names = ("customer", "agreement", "objective", "service", "period_start", "period_end")
    credit = shown["credit"] or {"amount": None, "currency": None}
    return {
        **{name: shown[name] for name in names},
        **credit,
        "final": verdict.final,
        "claim_by": _shown(verdict.claim_by if claim is None else claim.claim_by),
        "standing": standing(verdict, claim, now),
        "claimed_at": None if claim is None else _shown(claim.claimed_at),
        "claimed_by": None if claim is None else claim.claimed_by,
        "exception": None if claim is None else claim.exception,
    }


CLAIMABLE = (
    *("customer", "agreement", "objective", "service", "period_start", "period_end", "amount", "currency", "final"),
    *("claim_by", "standing", "claimed_at", "claimed_by", "exception"),
)
"""The columns of a list of credits that must be claimed."""


def claimable(
    verdicts: Iterable[Verdict], claims: Mapping[tuple[str, str, str, int], Claim], now: int, wanted: Standing | None
) -> list[tuple[Verdict, Claim | None]]:
    """The verdicts whose credit must be claimed or was, each with its claim, by their deadlines; only those that stand
    so where `wanted` says how."""
    found = [(verdict, claims.get(verdict.key)) for verdict in verdicts]
    stand = [(v, c) for v, c in found if (how := standing(v, c, now)) is not None and wanted in (None, how)]
    return sorted(stand, key=lambda one: (_deadline(*one), one[0].key))


def _deadline(verdict: Verdict, claim: Claim | None) -> int:
    return claim.claim_by if claim is not None else verdict.claim_by or 0


def claimable_csv(documents: Sequence[Mapping[str, Any]]) -> str:
    """Documents of `claimable_document` as a table with a header, one a row."""
    return as_csv(CLAIMABLE, documents, ("amount",))


def of_claim(claim: Claim, verdict: Verdict) -> OutgoingEvent:
    """What other systems are told of a claim: it, and the verdict that it is about as it stood."""
    subject = "/".join((*claim.key[:3], format_instant(claim.period_start)))
    shown = to_document(verdict)
    made = {name: value for name, value in claim_document(claim).items() if name != "told_at"}
    data = {**made, "credit": shown["credit"], "final": verdict.final, "version": verdict.version}
    return OutgoingEvent(f"{PREFIX}credit.claimed", subject, claim.claimed_at, data)


def _shown(at: int | None) -> str | None:
    return None if at is None else format_instant(at)
