"""Cases of one cause brought together: a case that opens finds its problem, or opens it; and what becomes of problems,
told to other systems."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import structlog

from upheld.cases.decide import Join
from upheld.cases.model import Case
from upheld.cases.problems import Cause, Problem, new_problem, problem_of, shared_causes, suspect
from upheld.outgoing.happened import of_problem
from upheld.ports import Transaction
from upheld.process.acting import stepping
from upheld.process.casework import resolving

log = structlog.get_logger()
EVERY_PROBLEM = 1_000_000


@dataclass(frozen=True, slots=True)
class Reach:
    """What a cause has brought about: the services that are hit, and the resources that are hit with it."""

    services: Set[str]
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
        t.add_outgoing([of_problem(problem, "opened", now)])
        _take_over(t, reach(causes[0]), problem, others, give)
        log.info("problem opened", tenant=tenant, problem=problem.id, kind=problem.kind, cause=problem.named)
    return problem.id


def _take_over(
    t: Transaction, reach: Reach, problem: Problem, others: Sequence[Problem], give: Callable[[Case, Join], object]
) -> None:
    """Lets the open cases of services that the cause hits join its problem: those that had shown no shared cause yet,
    and those of problems of a part of it, which are merged into it. Bad and silent services stay apart."""
    services: dict[str | None, set[str]] = defaultdict(set)
    cases = t.open_cases()
    for case in cases:
        services[case.problem].add(case.service)
    parts = {one.id: one for one in others if one.kind == problem.kind and _is_part(one, reach, services[one.id])}
    for part in parts.values():
        t.merge_problem(part.id, problem, problem.opened_at)
        resolving.take_over(t, part.id, problem)
        merged = replace(part, state="merged", merged_into=problem.id, closed_at=problem.opened_at)
        t.add_outgoing([of_problem(merged, "merged", problem.opened_at)])
    for case in cases:
        alone = case.problem is None and case.service in reach.services
        if case.problem in parts or (alone and (case.kind == "no_data") == (problem.kind == "silence")):
            whole = t.case(case.id)
            assert whole is not None, "an open case that is not there"
            give(whole, Join(problem.id))


def _is_part(other: Problem, reach: Reach, services: Set[str]) -> bool:
    """Whether what another problem holds for its cause is down with the cause; or, of silence, whether all that is
    silent of it, by whichever sender or over whichever resource, is silenced by the cause."""
    beneath = other.cause_kind == "resource" and other.cause in reach.resources
    return beneath or (other.kind == "silence" and bool(services) and services <= reach.services)


def note_restored(t: Transaction, problem_id: str, restored: bool, now: int) -> None:
    """Notes whether all open cases of a problem are good again."""
    problem = t.problem(problem_id, changing=True)
    if problem is None or problem.state != "open" or (problem.restored_at is not None) == restored:
        return
    problem = replace(problem, restored_at=now if restored else None)
    t.save_problem(problem)
    told = of_problem(problem, "restored" if restored else "broke_again", now, counted(t, problem))
    t.add_outgoing([told])


def end_problem(t: Transaction, problem: Problem, now: int) -> None:
    """Closes a problem whose cases have all ended."""
    known = t.problem(problem.id, changing=True)
    if known is not None and known.state == "open" and not t.count_cases(problem.id)[0]:
        closed = replace(known, state="closed", closed_at=now)
        t.save_problem(closed)
        t.add_outgoing([of_problem(closed, "closed", now, counted(t, closed))])


def problem_to_join(t: Transaction, problem_id: str) -> Problem:
    """The problem of a case that ended, now that the case is taken up again: its own, the one that it was merged into,
    or another one of the same cause that is open by now."""
    problem = t.problem(problem_id, changing=True)
    if problem is not None and problem.merged_into is not None:
        problem = t.problem(problem.merged_into, changing=True)
    assert problem is not None, "a case of a problem that is not there"
    if problem.state == "open":
        return problem
    alike = (one for one in t.problems(only_open=True, limit=EVERY_PROBLEM) if one.shared == problem.shared)
    return next(alike, problem)


def open_again(t: Transaction, problem: Problem, now: int) -> None:
    """Opens a problem again of which a case was taken up again; one that is open stays so."""
    if problem.state == "closed":
        anew = replace(problem, state="open", closed_at=None, restored_at=None)
        t.save_problem(anew)
        t.add_outgoing([of_problem(anew, "reopened", now, counted(t, anew))])


def tell_joined(t: Transaction, problem_id: str, now: int) -> None:
    """Tells other systems how many cases a problem has by now, and the tickets that these had before what they are part
    of."""
    problem = t.problem(problem_id)
    if problem is not None and problem.state != "merged":
        t.add_outgoing([of_problem(problem, "cases_joined", now, counted(t, problem))])
        stepping.hand_over(t, problem, now)


def note_examined(t: Transaction, before: Case, found: Mapping[str, Any], now: int) -> None:
    """Notes that what was found of a case stands for all of its problem; and tells where the cause that is held for the
    likeliest has changed with that."""
    problem = None if before.problem is None else t.problem(before.problem, changing=True)
    if problem is None:
        return
    earlier = (
        before if problem.examined == before.id else None if problem.examined is None else t.case(problem.examined)
    )
    was = problem.cause if earlier is None else suspect(earlier.findings)
    problem = replace(problem, examined=before.id)
    t.save_problem(problem)
    candidates = found.get("cause_candidates", ())
    likeliest = suspect({"cause_candidates": candidates})
    if likeliest is not None and likeliest != was:
        more = {"was": was, "likeliest": likeliest, "reasons": candidates[0].get("reasons", [])}
        t.add_outgoing([of_problem(problem, "cause_changed", now, more)])


def counted(t: Transaction, problem: Problem) -> dict[str, int]:
    """How many cases a problem has, how many of them are open, and of how many customers."""
    still, every = t.count_cases(problem.id)
    return {"open_cases": still, "all_cases": every, "customers": t.count_customers([problem.id]).get(problem.id, 0)}
