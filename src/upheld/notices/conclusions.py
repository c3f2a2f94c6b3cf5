"""What notices have said of a verdict, and whether that still holds. Pure.

A verdict can be told by several notices of several kinds: those of its case, of its credit, the summary of its month, a
correction. What counts for a contact is the last of them that was sent to it, whatever its kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from upheld.agreements.units import parse_instant
from upheld.assessment.verdict import Verdict, to_document
from upheld.notices.model import Notice

Key = tuple[str, str, str, int]
Standing = Literal["unheard", "holds", "waits", "outdated"]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a verdict came to, as it is told: in its version, and whether that was final; `attained`, `credit` and
    `claim_by` as JSON has them."""

    version: int
    final: bool
    status: str
    attained: str | None
    credit: Mapping[str, str] | None
    claim_by: str | None

    @property
    def figures(self) -> tuple[Any, ...]:
        return self.status, self.attained, self.credit, self.claim_by


@dataclass(frozen=True, slots=True)
class Word:
    """What a notice has told, or is about to tell, of a verdict."""

    notice: Notice
    told: Conclusion


def conclusion(document: Mapping[str, Any]) -> Conclusion:
    """Of a verdict as JSON has it, or of the part of it that a notice's body carries."""
    names = ("version", "final", "status", "attained", "credit", "claim_by")
    return Conclusion(*(document.get(name) for name in names))  # type: ignore[arg-type]


def of_verdict(verdict: Verdict) -> Conclusion:
    """What the verdict says now."""
    return conclusion(to_document(verdict))


def holds(told: Conclusion, now: Conclusion) -> bool:
    """Whether what was told is not wrong by what is known now. What was told of a period that went on is not wrong
    because it went on: but that a promise was broken is final."""
    if told.version >= now.version:
        return True
    if told.final:
        return told.figures == now.figures
    return told.status != "violated" or now.status == "violated"


def standing(words: Iterable[Word], now: Conclusion) -> Standing:
    """How it stands with a contact that these words (oldest first) are to: it has not heard of the verdict; what it
    heard last holds; something that does not hold is on its way, and is waited for; or it is to be corrected."""
    for word in reversed(list(words)):
        fits = holds(word.told, now)
        if word.notice.state == "recorded":
            return "holds" if fits else "waits"
        if arrived(word.notice):
            return "holds" if fits else "outdated"
    return "unheard"


def last_sent(words: Sequence[Word]) -> Word | None:
    """The last of them that was sent."""
    return next((word for word in reversed(words) if arrived(word.notice)), None)


def arrived(notice: Notice) -> bool:
    """Whether it was handed over, and has not come back."""
    return notice.state == "sent" and notice.receipt != "bounced"


def said(notice: Notice) -> dict[Key, Conclusion]:
    """What the notice says of verdicts, by their keys. What a summary says is not in it: it sums up what was known when
    it was recorded."""
    data = (notice.payload or {}).get("data", {})
    of_case = [data["verdict"]] if "verdict" in data else []
    listed = [one for name in ("cases", "credits", "corrections") for one in data.get(name, ())]
    return {key_of(one): conclusion(one) for one in (*of_case, *listed)}


def key_of(document: Mapping[str, Any]) -> Key:
    """Which verdict a document of one, or of a part of one, is about."""
    names = ("agreement", "objective", "service")
    agreement, objective, service = (str(document[name]) for name in names)
    return agreement, objective, service, parse_instant(document["period_start"])
