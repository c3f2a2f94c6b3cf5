"""Cases of one cause brought together: a case that opens finds its problem, or opens it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from upheld.cases.decide import Join
from upheld.cases.model import Case
from upheld.cases.problems import Cause, Problem, new_problem, problem_of, shared_causes
from upheld.ports import Transaction

log = structlog.get_logger()
EVERY_PROBLEM = 1_000_000


@dataclass(frozen=True, slots=True)
class Reach:
    """What a cause has brought about: the services that are hit, and the resources that are hit with it."""

    services: Collection[str]
    resources: Collection[str]


def find_problem(
    t: Transaction,
    tenant: str,
    found: Mapping[str, Any],
    now: int,
    reach: Callable[[Cause], Reach],
    give: Callable[[Case, Join], object],
) -> str | None:
    """The problem that a case with these findings belongs to at `now`: opened where it is the first to show a shared
    cause; None where it shares none."""
    causes = shared_causes(found)
    if not causes:
        return None
    others = t.problems(only_open=True, limit=EVERY_PROBLEM)
    problem = problem_of(causes, others)
    if problem is None:
        problem = new_problem(tenant, causes[0], now)
        t.save_problem(problem)
        _take_over(t, reach(causes[0]), problem, others, give)
        log.info("problem opened", tenant=tenant, problem=problem.id, kind=problem.kind, cause=problem.named)
    return problem.id


def _take_over(
    t: Transaction, reach: Reach, problem: Problem, others: Sequence[Problem], give: Callable[[Case, Join], object]
) -> None:
    """Lets the open cases of services that the cause hits join its problem: those that had shown no shared cause yet,
    and those of problems of a part of it, which are merged into it. Bad and silent services stay apart."""
    parts = {
        other.id
        for other in others
        if other.kind == problem.kind and other.cause_kind == "resource" and other.cause in reach.resources
    }
    for other in others:
        if other.id in parts:
            t.save_problem(replace(other, state="merged", merged_into=problem.id, closed_at=problem.opened_at))
    for case in t.open_cases():
        alone = case.problem is None and case.service in reach.services
        if case.problem in parts or (alone and (case.kind == "no_data") == (problem.kind == "silence")):
            whole = t.case(case.id)
            assert whole is not None, "an open case that is not there"
            give(whole, Join(problem.id))


def end_problem(t: Transaction, problem: Problem, now: int) -> None:
    """Closes a problem whose cases have all ended."""
    if not t.count_cases(problem.id)[0]:
        t.save_problem(replace(problem, state="closed", closed_at=now))
