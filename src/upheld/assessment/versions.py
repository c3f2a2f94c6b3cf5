"""Versions of a verdict: what time alone brings keeps its version, a restatement gets a new one, with its causes and
who approved it. DESIGN rules 9 and 12.

Which version, and why, follows from the verdict before and the verdict after and from nothing else; so that whoever
has the same knowledge in the same order comes to the same versions, however it was delivered.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from upheld.agreements.intervals import Interval, minus, union
from upheld.assessment.verdict import Verdict
from upheld.measurements.exclusions import EVERY_SERVICE, Exclusion

CauseKind = Literal[
    "first_assessed",
    "time_passed",
    "amended",
    "exclusion_granted",
    "exclusion_revoked",
    "late_data",
    "corrected",
    "related",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a verdict is not as it was before. Of an exclusion: the `reason` it gives, and the `intervals` (microseconds
    UTC) that count no longer, or again."""

    kind: CauseKind
    reason: str = ""
    intervals: tuple[Interval, ...] = ()

    @property
    def text(self) -> str:
        """The cause in words."""
        return _WORDS[self.kind] + (f": {self.reason}" if self.reason else "")


_WORDS: dict[CauseKind, str] = {
    "first_assessed": "first assessed",
    "time_passed": "time has passed",
    "amended": "the agreement was amended",
    "exclusion_granted": "exclusion granted",
    "exclusion_revoked": "exclusion revoked",
    "late_data": "late data",
    "corrected": "corrected data",
    "related": "a related verdict was restated",
}
FIRST_ASSESSED, TIME_PASSED, AMENDED = Cause("first_assessed"), Cause("time_passed"), Cause("amended")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a verdict: since when it was known (microseconds UTC), why it came about, and who approved it: of an
    exclusion, who granted or revoked it; of an amendment, who applied it; of data, who delivered it. None where that
    is not known, or nobody had to. `verdict` has the last figures of the version."""

    verdict: Verdict
    known_at: int
    cause: str
    approver: str | None = None


@dataclass(frozen=True, slots=True)
class Restatement:
    """A version beside the one that it took the place of: the old figures, the new ones, why, and who approved it."""

    old: Verdict
    new: Verdict
    cause: str
    approver: str | None
    known_at: int


def restatements(versions: Sequence[Version]) -> list[Restatement]:
    """What each version of one verdict (oldest first) changed in the one before."""
    return [Restatement(a.verdict, b.verdict, b.cause, b.approver, b.known_at) for a, b in pairwise(versions)]


def numbered(
    before: Verdict | None, verdict: Verdict, *, rolling: bool, assessed_until: int | None, events: bool = False
) -> tuple[Verdict, tuple[Cause, ...]]:
    """The verdict with its version, and why it is not as `before`; `before` itself where nothing has changed.

    A final verdict cannot change by time alone, nor can the past: an instant at which a threshold had been crossed,
    and that none had been crossed up to `assessed_until` (microseconds UTC; None where that is not known). Where it
    does, the verdict is restated. A rolling window can leave a crossing behind as it moves on; but one that is told
    now, was not before, and lies in what had been assessed, restates it too. `events` says that the indicator counts
    events and not slots.

    An amendment that changes no figure is no restatement: what was final stays under the version of the agreement that
    it was assessed by, what goes on goes on under the new one."""
    if before is None:
        return verdict, (FIRST_ASSESSED,)
    same_version = verdict if verdict.version == before.version else replace(verdict, version=before.version)
    if same_version == before or (before.final and _without_terms(same_version) == _without_terms(before)):
        return before, (TIME_PASSED,)
    if events and assessed_until is not None:
        assessed_until -= 1  # a limit that passes at an instant is over just after it
    crossings = ((before.at_risk_at, verdict.at_risk_at), (before.violated_at, verdict.violated_at))
    rewritten = any(_is_rewritten(old, new, assessed_until, rolling) for old, new in crossings)
    settled = before.final and not (rolling and before.period_start != verdict.period_start)
    if not (settled or rewritten):
        return same_version, (TIME_PASSED,)
    until = None if settled else assessed_until
    return replace(verdict, version=before.version + 1), causes(before, verdict, until, events=events)


def is_restated(found: Iterable[Cause]) -> bool:
    """Whether it takes more than time to explain the change."""
    return all(cause not in (FIRST_ASSESSED, TIME_PASSED) for cause in found)


def in_words(found: Iterable[Cause]) -> str:
    """Causes as one text."""
    return ", ".join(cause.text for cause in found)


def causes(before: Verdict, after: Verdict, until: int | None = None, *, events: bool = False) -> tuple[Cause, ...]:
    """What made `after` of `before`, from their evidence up to `until` (microseconds UTC; None: all of it): an
    amendment, which explains all; else each exclusion that was granted or revoked, by its reason, and data that came
    late; else, where another verdict can have done it (a shared cap, a chronic right), that; else a corrected value."""
    if after.agreement_version != before.agreement_version:
        return (AMENDED,)
    found = [*_exclusions(before, after, until)]
    if _came_late(before, after, until, events=events):
        found.append(Cause("late_data"))
    if not found:
        related = replace(before, credit=after.credit, claim_by=after.claim_by, consequences=after.consequences)
        found.append(Cause("related" if replace(related, version=after.version) == after else "corrected"))
    return tuple(found)


def approver(
    found: Iterable[Cause],
    exclusions: Iterable[Exclusion],
    services: Collection[str],
    *,
    applied_by: str | None = None,
    delivered_by: Iterable[str] = (),
) -> str | None:
    """Who stands behind the causes, in alphabetical order: of an exclusion of one of the `services` (`exclusions` with
    those that were revoked) who granted or revoked it, of an amendment `applied_by`, of data `delivered_by`."""
    known = [x for x in exclusions if x.service in services or x.service == EVERY_SERVICE]
    names: set[str | None] = set()
    for cause in found:
        match cause.kind:
            case "amended":
                names.add(applied_by)
            case "exclusion_granted":
                names |= {x.approved_by for x in known if _is_meant(cause, x)}
            case "exclusion_revoked":
                names |= {x.revoked_by for x in known if x.revoked_at is not None and _is_meant(cause, x)}
            case "late_data" | "corrected":
                names |= set(delivered_by)
    return ", ".join(sorted(name for name in names if name)) or None


def _is_meant(cause: Cause, exclusion: Exclusion) -> bool:
    overlaps = any(start < exclusion.end and exclusion.start < end for start, end in cause.intervals)
    named = (exclusion.reason, f"{exclusion.service}: {exclusion.reason}")  # of a group, with its member
    return cause.reason in named and overlaps


def _without_terms(verdict: Verdict) -> Verdict:
    return replace(verdict, agreement_version=0)


def _is_rewritten(old: int | None, new: int | None, assessed_until: int | None, rolling: bool) -> bool:
    if old is not None and not rolling:
        return new != old
    return new is not None and new != old and assessed_until is not None and new <= assessed_until


# -- evidence compared ----------------------------------------------------------------------------------------


def _exclusions(before: Verdict, after: Verdict, until: int | None) -> list[Cause]:
    reasons = sorted({e.reason for v in (before, after) for e in v.evidence if e.kind == "excluded"})
    found: list[Cause] = []
    for reason in reasons:
        old, new = (_told(v, before, until, "excluded", reason) for v in (before, after))
        granted, revoked = minus(new, old), minus(old, new)
        found += [Cause("exclusion_granted", reason, tuple(granted))] if granted else []
        found += [Cause("exclusion_revoked", reason, tuple(revoked))] if revoked else []
    return found


def _came_late(before: Verdict, after: Verdict, until: int | None, *, events: bool) -> bool:
    """Whether there is data where there was none: time that was missing and is neither missing nor excluded now; of
    events, whether there are more."""
    if events:
        return after.good + after.bad > before.good + before.bad
    now = _told(after, before, until, "missing") + _told(after, before, until, "excluded")
    return bool(minus(_told(before, before, until, "missing"), union(now)))


def _told(
    verdict: Verdict, other: Verdict, until: int | None, kind: str, reason: str | None = None
) -> tuple[Interval, ...]:
    """What the evidence tells of a kind (and a reason), in the time that the verdict shares with the other."""
    start = max(verdict.period_start, other.period_start)
    end = max(verdict.period_end, other.period_end) if until is None else until
    return union(
        (max(e.start, start), min(e.end, end))
        for e in verdict.evidence
        if e.kind == kind and reason in (None, e.reason) and e.start < end and e.end > start
    )
