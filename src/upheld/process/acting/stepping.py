"""What playbooks ask for, recorded: steps that begin with a case's events, and what follows where one of them ends. All
of it in the transaction of the decision. Instants in microseconds UTC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import get_args

from upheld.actions.model import TICKET_KINDS, Action
from upheld.actions.playbook import DEFAULT, Playbooks, Trigger
from upheld.actions.runs import (
    ENDING,
    Moment,
    Verb,
    begun,
    changed,
    matching,
    once_more,
    released,
    reopened,
    requested,
    subject_of,
)
from upheld.actions.steps import Shared, detail_of
from upheld.actions.tickets import handed_over, to_hand_over
from upheld.agreements.model import Agreement
from upheld.cases.decide import Command, StepChanged, StepDone, StepFailed
from upheld.cases.model import ENDED_STATES, Case, Event
from upheld.cases.problems import Problem
from upheld.ports import AgendaEntry, Transaction
from upheld.process.assessing.in_force import InForce
from upheld.process.telling.reactions import Parties

ACT, OVERDUE = "take_step", "step_overdue"
_TRIGGERS = frozenset(get_args(Trigger))


@dataclass(frozen=True, slots=True)
class Around:
    """What steps are taken within: the portfolio in force, and who has a service that depends on a resource."""

    current: InForce | None
    customers_over: Callable[[str], Sequence[str]]


class Books:
    """The playbooks of all tenants, each version parsed once. `parse` reads a document's YAML text."""

    def __init__(self, parse: Callable[[str], Playbooks]) -> None:
        self._parse = parse
        self._newest: dict[str, tuple[int, Playbooks]] = {}

    def newest(self, t: Transaction, tenant: str) -> Playbooks:
        """Those in force: the built-in ones before the first."""
        newest = t.playbooks()
        if newest is None:
            return DEFAULT
        known = self._newest.get(tenant)
        if known is None or known[0] != newest[0]:
            known = self._newest[tenant] = newest[0], self._parse(newest[1])
        return known[1]


def begin(
    t: Transaction, playbooks: Playbooks, case: Case, events: Sequence[Event], parties: Parties, around: Around
) -> list[AgendaEntry]:
    """Records the steps that playbooks ask for on these events, which left `case` as it is; returns what is to be put
    on the agenda."""
    entries: list[AgendaEntry] = []
    tier = None if parties.customer is None else parties.customer.tier
    for event in events:
        if event.type not in _TRIGGERS:
            continue
        moment = Moment(case, event, parties.agreement, tier)
        begins = matching(playbooks, moment)
        if begins and event.type in ENDING:
            moment = replace(moment, last=_is_last(t, case))
        for playbook in begins:
            for action in begun(playbook, moment, t.actions_brief(subject_of(playbook, moment))):
                entries += _save(t, action, case, around)
    return entries


def _is_last(t: Transaction, case: Case) -> bool:
    """Whether no case of its problem is open any more."""
    if case.problem is None:
        return True
    return all(one.state in ENDED_STATES for one in t.cases_of_problem(case.problem, limit=1))


def end(t: Transaction, action: Action, around: Around, now: int) -> list[AgendaEntry]:
    """Records what became of a step, and lets those go on that waited for it; returns what is to be put on the
    agenda."""
    t.save_action(action)
    run, case = _run_of(t, action), t.case(action.plan["case"])
    entries: list[AgendaEntry] = []
    for one in released(_in_order(run), now, _agreement(around, case, now)):
        entries += _save(t, one, case, around)
    return entries


def change(
    t: Transaction,
    action: Action,
    verb: Verb,
    by: str,
    reason: str,
    reference: str | None,
    around: Around,
    now: int,
) -> tuple[Command, list[AgendaEntry]] | None:
    """Records what a person or an automation says of a step; what the case is told of it, and what is to be put on the
    agenda. None where that cannot be said of it as it is."""
    case = t.case(action.plan["case"])
    agreement = _agreement(around, case, now)
    if verb == "again" and action.state == "done":
        taken = t.actions_brief(action.case_id)
        fresh = requested(once_more(action, taken), now, agreement)
        return StepChanged("step_again", fresh.id, action.kind, by, reason), _save(t, fresh, case, around)
    after = changed(action, verb, by, reason, reference, now)
    if after is None:
        return None
    if verb == "again":
        for one in reopened(_in_order(_run_of(t, action)), action.step):
            t.save_action(one)
        entries = _save(t, requested(after, now, agreement), case, around)
        return StepChanged("step_again", action.id, action.kind, by, reason), entries
    return _told(after, verb, by, reason), end(t, after, around, now)


def _run_of(t: Transaction, action: Action) -> list[Action]:
    """The steps of the same run: a problem that others were merged into may have another one of the same playbook."""
    run = action.case_id, action.playbook, action.round
    return [one for one in t.actions(action.case_id) if (one.case_id, one.playbook, one.round) == run]


def _told(action: Action, verb: Verb, by: str, reason: str) -> Command:
    match verb:
        case "done":
            return StepDone(action.id, action.reference, action.kind, by, reason)
        case "fail":
            return StepFailed(action.id, f"{by}: {action.error}", action.kind)
        case "approve":
            return StepChanged("step_approved", action.id, action.kind, by, reason)
        case "reject":
            return StepChanged("step_rejected", action.id, action.kind, by, reason)
    return StepChanged("step_skipped", action.id, action.kind, by, reason)


def prepared(t: Transaction, action: Action, around: Around) -> Action:
    """The step with what it says made anew and recorded, of its case as it is now."""
    case = t.case(action.plan["case"])
    fresh = _with_detail(t, action, case, around)
    t.save_action(fresh)
    return fresh


def hand_over(t: Transaction, problem: Problem, now: int) -> None:
    """Tells the tickets that go on under a problem what they are part of now, each once: those of problems that were
    merged into it, and those that its cases had before they were of it."""
    steps = t.actions_brief(problem.id)
    parts = [one for one in steps if one.case_id != problem.id]
    for ticket in to_hand_over([*parts, *t.tickets_of_cases(problem.id)]):
        note = handed_over(ticket, problem, steps, now)
        if t.action(note.id) is None:
            t.save_action(note)
            t.schedule(AgendaEntry(entry_id(note), ACT, now, {"action": note.id, "do": note.kind}))


def entry_id(action: Action) -> str:
    """The id of the agenda's entry that takes a step: another one each time that it is put there anew."""
    return f"{ACT}/{action.id}" + (f"#{action.again}" if action.again else "")


def wake_next(t: Transaction, action: Action, now: int) -> None:
    """Lets the next step go on that waited behind this one for the same ticket system."""
    if action.kind in TICKET_KINDS and action.channel is not None:
        held = t.first_held(action.channel)
        if held is not None:
            t.retry(entry_id(held), now, held.error or "")


def _save(t: Transaction, action: Action, case: Case | None, around: Around) -> list[AgendaEntry]:
    if action.state != "requested":
        t.save_action(action)
        return []
    action = _with_detail(t, action, case, around)
    t.save_action(action)
    data = {"action": action.id, "do": action.kind}
    entries = [AgendaEntry(entry_id(action), ACT, action.plan["due_at"], data)]
    if action.due_by is not None:
        overdue = entry_id(action).replace(ACT, OVERDUE, 1)
        entries.append(AgendaEntry(overdue, OVERDUE, action.due_by, {"action": action.id}))
    return entries


def _with_detail(t: Transaction, action: Action, case: Case | None, around: Around) -> Action:
    if case is None:
        return action
    problem = t.problem(action.case_id) if action.case_id != case.id else None
    if problem is not None and problem.merged_into is not None:
        problem = t.problem(problem.merged_into)
    shared = None if problem is None else _shared(problem, case, around)
    return replace(action, detail=detail_of(action, case, shared))


def _shared(problem: Problem, case: Case, around: Around) -> Shared:
    if problem.kind == "silence":
        return Shared(problem, case.findings.get("customers_hit", ()), case.findings.get("customers_hit_count", 0))
    customers = around.customers_over(problem.cause)
    return Shared(problem, customers, len(customers))


def _agreement(around: Around, case: Case | None, now: int) -> Agreement | None:
    parties = around.current.parties(case.agreement, now) if around.current and case is not None else None
    return None if parties is None else parties.agreement


def _in_order(run: Sequence[Action]) -> list[Action]:
    """Each step behind those that it waits for."""
    ordered: list[Action] = []
    left = list(run)
    while left:
        names = {one.step for one in left}
        ready = [one for one in left if not names & set(one.plan["after"])]
        assert ready, "steps that wait for each other"
        ordered += ready
        left = [one for one in left if one not in ready]
    return ordered
