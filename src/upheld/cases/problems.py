"""Cases of one cause are one problem (TMF656 ServiceProblem): one ticket, and contacts who are told once. Pure.

What its findings say of a case's likeliest cause decides which problem it belongs to. A resource counts as a shared
cause once at least three of the services that it carries, and at least half of those of which it is known how they
are, were bad at the same time; or, of silent series, once at least three of those that it or a sender would silence,
and at least half of those that were there, fell silent together. Bad and silent are problems apart. Instants in
microseconds UTC.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from upheld.analysis.clues import is_likely, is_place

SHARED_BY = 3
"""Services that must be bad together, or series silent, before what they share counts as the cause."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What cases share: a resource, or a sender of measurements, by its name; and what that has brought about, an
    `outage` or a `silence`."""

    name: str
    kind: Literal["resource", "sender"] = "resource"
    brings: Literal["outage", "silence"] = "outage"


@dataclass(frozen=True, slots=True)
class Problem:
    """What the cases of one cause have in common: `kind`, `cause_kind` and `cause` are those of a `Cause`. It is
    `closed` once all of its cases have ended, or `merged` into the one of a cause further down (`merged_into`).
    `restored_at` is since when all of its cases are good again, and `examined` the case whose findings stand for those
    of all (see `examining`). `resolution` is what it was and what was done, as a case has it."""

    id: str
    kind: Literal["outage", "silence"]
    cause_kind: Literal["resource", "sender"]
    cause: str
    state: Literal["open", "closed", "merged"]
    opened_at: int
    closed_at: int | None = None
    merged_into: str | None = None
    restored_at: int | None = None
    examined: str | None = None
    resolution: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shared(self) -> Cause:
        """What its cases share."""
        return Cause(self.cause, self.cause_kind, self.kind)

    @property
    def named(self) -> str:
        """The cause in words."""
        return f"sender {self.cause}" if self.cause_kind == "sender" else self.cause


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to so many cases, or notices, of a problem within a minute, the first time at `at`; of
    cases, those of how many customers."""

    at: int
    type: str
    count: int
    customers: int = 0


def new_problem(tenant: str, cause: Cause, opened_at: int) -> Problem:
    """A problem under an id that is short enough to be read out on the telephone."""
    name = "\n".join((tenant, cause.brings, cause.kind, cause.name, str(opened_at)))
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Problem(f"P-{digest[:10].upper()}", cause.brings, cause.kind, cause.name, "open", opened_at)


def shared_causes(findings: Mapping[str, Any]) -> list[Cause]:
    """The causes that findings hold for what several services share, the likeliest first."""
    return [_cause(one) for one in findings["cause_candidates"] if is_place(one) and _is_shared(one)]


def _cause(candidate: Mapping[str, Any]) -> Cause:
    brings: Literal["outage", "silence"] = "silence" if "silent" in candidate else "outage"
    return Cause(candidate["resource"], candidate.get("kind", "resource"), brings)


def suspect(findings: Mapping[str, Any]) -> str | None:
    """The resource, or the sender, that findings hold for the likeliest to have failed; None where no one is likely.
    What was done is no place: two cases after a change each have nothing in common by that."""
    first = next((one for one in findings.get("cause_candidates", ()) if is_place(one)), None)
    return str(first["resource"]) if first is not None and is_likely(first) else None


def _is_shared(candidate: Mapping[str, Any]) -> bool:
    hit, known = candidate["silent_count" if "silent" in candidate else "bad_count"], candidate["known"]
    return bool(hit >= SHARED_BY and 2 * hit >= known)


def candidate_of(problem: Problem, findings: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What findings say of a problem's cause; None where they say nothing."""
    candidates = findings.get("cause_candidates", ())
    return next((one for one in candidates if is_place(one) and _cause(one) == problem.shared), None)


def problem_of(causes: Sequence[Cause], open_problems: Collection[Problem]) -> Problem | None:
    """The open problem that a case with these shared causes belongs to: that of the likeliest that has one."""
    by_cause = {problem.shared: problem for problem in open_problems}
    return next((by_cause[cause] for cause in causes if cause in by_cause), None)
