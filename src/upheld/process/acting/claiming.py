"""Credits claimed through the store: once each, in time or by an operator's exception. Billing is told by the pulse."""

from dataclasses import dataclass

from upheld.outgoing.claims import Claim, Refused, Via, claimed, of_claim
from upheld.ports import Transaction

Key = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim that stands; `new` where it was made just now."""

    claim: Claim
    new: bool


def claim(
    t: Transaction, key: Key, at: int, by: str, via: Via, comment: str = "", exception: str | None = None
) -> Taken | Refused:
    """Claims what the verdict of that key earns, and tells other systems. What has been claimed before stays as it
    was, whoever claims it again."""
    known = t.claim_of(key)
    if known is not None:
        return Taken(known, new=False)
    verdict = t.verdict(key)
    found = claimed(verdict, at, by, via, comment, exception)
    if isinstance(found, Refused):
        return found
    assert verdict is not None, "what is claimed is a verdict's"
    if not t.add_claim(found):  # someone else was quicker
        first = t.claim_of(key)
        assert first is not None, "a claim that was there is gone"
        return Taken(first, new=False)
    t.add_outgoing([of_claim(found, verdict)])
    return Taken(found, new=True)
