"""Cases of one cause are one problem (TMF656 ServiceProblem): one ticket, and customers who are told once. Pure.

What its findings say of a case's likeliest cause decides which problem it belongs to. A resource counts as a shared
cause once at least three of the services that it carries, and at least half of those of which it is known how they
are, were bad at the same time. Instants in microseconds UTC.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SHARED_BY = 3
"""Services that must be bad together before what they share counts as the cause."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What the cases of one cause have in common. `cause` is a resource. It is `closed` once all of its cases have
    ended, or `merged` into the one of a cause further down (`merged_into`)."""

    id: str
    cause: str
    state: Literal["open", "closed", "merged"]
    opened_at: int
    closed_at: int | None = None
    merged_into: str | None = None


def new_problem(tenant: str, cause: str, opened_at: int) -> Problem:
    """A problem under an id that is short enough to be read out on the telephone."""
    digest = hashlib.sha256("\n".join((tenant, cause, str(opened_at))).encode()).hexdigest()
    return Problem(f"P-{digest[:10].upper()}", cause, "open", opened_at)


def shared_causes(findings: Mapping[str, Any]) -> list[str]:
    """The resources that findings hold for a cause that several services share, the likeliest first."""
    return [candidate["resource"] for candidate in findings["cause_candidates"] if _is_shared(candidate)]


def suspect(findings: Mapping[str, Any]) -> str | None:
    """The resource that findings hold for the likeliest cause; None where nothing speaks for any."""
    first = next(iter(findings.get("cause_candidates", ())), None)
    return str(first["resource"]) if first is not None and first.get("score", 0) > 0 else None


def _is_shared(candidate: Mapping[str, Any]) -> bool:
    bad, known = candidate["bad_count"], candidate["known"]
    return bool(bad >= SHARED_BY and 2 * bad >= known)


def problem_of(causes: Sequence[str], open_problems: Collection[Problem]) -> Problem | None:
    """The open problem that a case with these shared causes belongs to: that of the likeliest that has one."""
    by_cause = {problem.cause: problem for problem in open_problems}
    return next((by_cause[cause] for cause in causes if cause in by_cause), None)
