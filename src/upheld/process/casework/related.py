"""What a case may be seen with: ended cases like it and what solved them, and what is open of the services that it
concerns.

It is gathered when a case is looked at, and not when it opens: what is read is bounded, but a storm would read it
thousands of times for nobody; and what ends, or opens, meanwhile is in it. Instants in microseconds UTC.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from upheld.actions.model import TICKET_KINDS, Action
from upheld.agreements.units import SECOND, format_instant
from upheld.analysis.topology import Topology
from upheld.cases.earlier import Earlier, alike
from upheld.cases.model import Case
from upheld.cases.problems import Problem, suspect
from upheld.ports import Transaction

SHOWN = 5
"""Earlier cases that are told of, and open ones of each kind."""
READ = 20
"""Cases that are read for each way in which they may be like one."""


@dataclass(frozen=True, slots=True)
class Past:
    """An ended case like another, what was suspected to be its cause, and the steps that were done in it, or in its
    problem."""

    earlier: Earlier
    cause: str | None
    done: Sequence[Action]


@dataclass(frozen=True, slots=True)
class Beside:
    """An open case or problem, with the tickets of it (steps that have a reference)."""

    about: Case | Problem
    tickets: Sequence[Action]


@dataclass(frozen=True, slots=True)
class Related:
    """`earlier`: the likest first. `cases` and `problems`: those that are open, the newest first, without the case
    itself and its problem."""

    earlier: Sequence[Past]
    cases: Sequence[Beside]
    problems: Sequence[Beside]


def related(t: Transaction, case: Case, members: Collection[str], topology: Topology) -> Related:
    """What is related to a case, by the topology as it stood when it opened. Of a group, `members` are its services."""
    concerned = topology.at(case.opened_at).concerned({case.service, *members})
    return Related(_earlier(t, case), _open_cases(t, case, concerned), _open_problems(t, case, concerned))


def _earlier(t: Transaction, case: Case) -> list[Past]:
    found: dict[str, Case] = {c.id: c for c in t.cases_of_services([case.service], is_open=False, limit=READ)}
    own = None if case.problem is None else t.problem(case.problem)
    suspects = sorted({cause for cause in (suspect(case.findings), own and own.cause) if cause})
    for cause in suspects:
        found |= {c.id: c for c in t.cases_suspecting(cause, READ)}
    for problem in t.problems_of(suspects, is_open=False, limit=SHOWN):
        if problem.id != case.problem:
            found |= _representative(t.cases_of_problem(problem.id, READ), found)
    before = [c for c in found.values() if c.opened_at <= case.opened_at and c.problem in (None, *_others(c, case))]
    of_theirs = {one: t.problem(one) for one in {c.problem for c in (case, *before)} if one is not None}
    causes = {one: problem.cause for one, problem in of_theirs.items() if problem is not None}
    return [_past(t, one, causes) for one in alike(case, before, causes, SHOWN)]


def _others(other: Case, case: Case) -> tuple[str | None, ...]:
    return () if other.problem == case.problem else (other.problem,)


def _representative(cases: Sequence[Case], known: Mapping[str, Case]) -> dict[str, Case]:
    """Of the cases of a problem one that says what it was, or else any; none where one of them is known already that
    says so."""
    if any(c.id in known and c.resolution for c in cases):
        return {}
    first = next((c for c in cases if c.resolution), next(iter(cases), None))
    return {} if first is None else {first.id: known.get(first.id, first)}


def _past(t: Transaction, one: Earlier, causes: Mapping[str, str]) -> Past:
    problem = one.case.problem
    cause = suspect(one.case.findings) if problem is None else causes.get(problem)
    steps = chain.from_iterable(t.actions_brief(of) for of in (one.case.id, problem) if of is not None)
    return Past(one, cause, [step for step in steps if step.state == "done"])


def _open_cases(t: Transaction, case: Case, concerned: frozenset[str]) -> list[Beside]:
    """Those of its services, of what they run over, and, where it shares its cause with nobody yet, of what was bad at
    the same time over its likeliest cause."""
    candidates = case.findings.get("cause_candidates", ())
    likeliest = candidates[0].get("bad", ()) if candidates and case.problem is None else ()
    found = t.cases_of_services({*concerned, *likeliest}, is_open=True, limit=READ)
    others = [c for c in found if c.id != case.id and (c.problem is None or c.problem != case.problem)]
    return [Beside(c, _tickets(t, c.id)) for c in others[:SHOWN]]


def _open_problems(t: Transaction, case: Case, concerned: frozenset[str]) -> list[Beside]:
    found = t.problems_of(concerned, is_open=True, limit=SHOWN + 1)
    return [Beside(p, _tickets(t, p.id)) for p in found if p.id != case.problem][:SHOWN]


def _tickets(t: Transaction, subject: str) -> list[Action]:
    return [a for a in t.actions_brief(subject) if a.kind in TICKET_KINDS and a.reference is not None]


# -- as JSON ------------------------------------------------------------------------------------------------------


def to_document(found: Related) -> dict[str, Any]:
    """As JSON has it: instants as RFC 3339, durations in seconds, `href` where each can be read."""
    return {
        "earlier": [_past_document(past) for past in found.earlier],
        "cases": [
            {**_of_case(one.about), "state": one.about.state, "problem": one.about.problem, **_ticketed(one)}
            for one in found.cases
            if isinstance(one.about, Case)
        ],
        "problems": [
            {
                "id": one.about.id,
                "href": f"/v1/problems/{one.about.id}",
                "cause": one.about.cause,
                "opened_at": format_instant(one.about.opened_at),
                **_ticketed(one),
            }
            for one in found.problems
            if isinstance(one.about, Problem)
        ],
    }


def _past_document(past: Past) -> dict[str, Any]:
    case, lasted = past.earlier.case, past.earlier.lasted
    return {
        **_of_case(case),
        "alike": past.earlier.alike,
        "shared": list(past.earlier.shared),
        "outcome": case.outcome,
        "closed_at": None if case.closed_at is None else format_instant(case.closed_at),
        "lasted_seconds": None if lasted is None else lasted // SECOND,
        "suspected": past.cause,
        "cause": case.resolution.get("cause"),
        "done": case.resolution.get("done"),
        "steps": [{"kind": step.kind, "reference": step.reference, "outcome": step.outcome} for step in past.done],
    }


def _of_case(case: Case) -> dict[str, Any]:
    return {
        "id": case.id,
        "href": f"/v1/cases/{case.id}",
        "service": case.service,
        "objective": case.objective,
        "kind": case.kind,
        "opened_at": format_instant(case.opened_at),
    }


def _ticketed(one: Beside) -> dict[str, Any]:
    return {"tickets": [{"reference": step.reference, "channel": step.channel} for step in one.tickets]}
