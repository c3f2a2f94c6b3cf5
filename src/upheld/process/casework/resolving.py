"""What closed cases and problems were: owed by the provider's own people where nobody has said it by the closing, asked
of them, reminded of, and put down.

What a problem was, its cases were: it is asked once for all of them. Instants in microseconds UTC.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from upheld.agreements.notice_terms import ResolutionTerms
from upheld.cases.decide import Resolve
from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.cases.resolutions import OwedResolution, Stage
from upheld.notices.resolutions import plan_resolution_notices
from upheld.ports import AgendaEntry, Transaction
from upheld.process.assessing.in_force import InForce
from upheld.process.telling.reactions import Parties, outbox_entry

ASK, PASS_ON = "ask_resolution", "pass_on_resolution"
PAGE = 100
"""Cases that are read, and given their problem's resolution, at a time."""


def follow(
    t: Transaction,
    before: Case,
    after: Case,
    parties: Parties | None,
    now: int,
    give: Callable[[Case, Resolve], object],
) -> None:
    """What it means for a resolution that a case has become `after`: one that was put down is owed no more, nor is that
    of a case that is open again; one that has closed without is given what its problem was, or else that is owed."""
    if after.resolution and not before.resolution:
        _settle(t, after.id, now)
    if before.state == "closed" != after.state:
        t.forget_owed_resolution(after.id)
    if after.state != "closed" or before.state == "closed" or after.resolution:
        return
    problem = problem_of(t, after)
    if problem is not None and problem.resolution:
        give(after, _said_of(problem))
    else:
        _owe(t, after, problem, parties, now)


def problem_of(t: Transaction, case: Case, *, changing: bool = False) -> Problem | None:
    """The problem whose resolution is that of a case: of one that was merged into another, that one."""
    problem = None if case.problem is None else t.problem(case.problem, changing=changing)
    if problem is not None and problem.merged_into is not None:
        return t.problem(problem.merged_into, changing=changing)
    return problem


def owed_of(t: Transaction, case: Case) -> OwedResolution | None:
    """What is owed of a closed case, by itself or with its problem; None where it is not."""
    if case.state != "closed" or case.resolution:
        return None
    problem = problem_of(t, case)
    owed = t.owed_resolution(case.id) or (None if problem is None else t.owed_resolution(problem.id))
    return None if owed is None or owed.given_at is not None else owed


def put_down(t: Transaction, problem: Problem, said: Resolve, now: int) -> None:
    """Keeps what a problem was, and has it passed on to its cases; the last word holds."""
    resolution = {"at": now, "cause": said.cause, "done": said.done, "by": said.by}
    t.save_problem(replace(problem, resolution=resolution))
    _settle(t, problem.id, now)
    t.schedule(AgendaEntry(f"{PASS_ON}/{problem.id}/{now}", PASS_ON, now, {"problem": problem.id}))


def to_pass_on(t: Transaction, problem_id: str) -> Iterator[tuple[str, Resolve]]:
    """The cases of a problem, and of those that were merged into it, by their ids, with what it was. Each of them is
    read before the first is given; one that closes meanwhile is given it by that."""
    problem = t.problem(problem_id)
    if problem is None or not problem.resolution:
        return
    for name in (problem_id, *(part.id for part in t.parts_of(problem_id))):
        offset = 0
        while cases := t.cases_of_problem(name, PAGE, offset):
            yield from ((case.id, _said_of(problem)) for case in cases)
            offset += PAGE


def take_over(t: Transaction, part: str, problem: Problem) -> None:
    """What is owed of a problem that was merged into another is owed of that one, by the same deadline."""
    owed = t.owed_resolution(part)
    if owed is None or owed.given_at is not None:
        return
    t.forget_owed_resolution(part)
    if t.owed_resolution(problem.id) is None and not problem.resolution:
        _keep(t, replace(owed, subject=problem.id))


def remind(t: Transaction, entry: AgendaEntry, current: InForce | None, now: int) -> None:
    """The time to put down a resolution comes to its end, or has come to it: its owner, or the manager, is told; not
    where it was given, or its case is open again. Ends the entry of the agenda."""
    t.finish(entry.id)
    owed, stage = t.owed_resolution(entry.data["subject"]), entry.data["stage"]
    if owed is None or owed.given_at is not None or owed.since != entry.data["since"]:
        return
    if stage == "missed":
        t.save_owed_resolution(replace(owed, missed_at=now))
    elif now < owed.due:
        t.save_owed_resolution(replace(owed, warned_at=now))
    else:
        return  # nothing ran until it was missed: that is told, and no warning of it
    parties = None if current is None else current.parties(owed.agreement, now)
    _tell(t, owed, stage, None if not owed.is_of_problem else t.problem(owed.subject), parties, now)


def _owe(t: Transaction, case: Case, problem: Problem | None, parties: Parties | None, now: int) -> None:
    subject = case.id if problem is None else problem.id
    if problem is not None:
        t.problem(subject, changing=True)  # of cases that close together, one is the first
    known = t.owed_resolution(subject)
    if known is not None and known.given_at is None:
        return
    if parties is None:
        due = now + ResolutionTerms().within
    else:
        zone = parties.agreement.time_zone if parties.provider is None else parties.provider.time_zone
        due = parties.agreement.handling.resolution.latest(now, zone)
    owed = OwedResolution(subject, case.id, case.agreement, case.service, case.customer, now, due)
    _keep(t, owed)
    _tell(t, owed, "asked", problem, parties, now)


def _keep(t: Transaction, owed: OwedResolution) -> None:
    t.save_owed_resolution(owed)
    stages: tuple[tuple[Stage, int], ...] = ("warning", owed.warns_at), ("missed", owed.due)
    for stage, at in stages:
        data = {"subject": owed.subject, "since": owed.since, "stage": stage}
        t.schedule(AgendaEntry(f"{ASK}/{owed.subject}/{owed.since}/{stage}", ASK, at, data))


def _tell(
    t: Transaction, owed: OwedResolution, stage: Stage, problem: Problem | None, parties: Parties | None, now: int
) -> None:
    if parties is None:
        return  # nobody is named any more: it stays on the list
    for notice in plan_resolution_notices(
        owed, stage, problem, parties.agreement, parties.customer, parties.provider, now
    ):
        t.save_notice(notice)
        if notice.state == "recorded":
            t.schedule(outbox_entry(notice))


def _settle(t: Transaction, subject: str, now: int) -> None:
    owed = t.owed_resolution(subject)
    if owed is not None and owed.given_at is None:
        t.save_owed_resolution(replace(owed, given_at=now))


def _said_of(problem: Problem) -> Resolve:
    said = problem.resolution
    return Resolve(said["cause"], said["done"], said["by"], problem.id)
