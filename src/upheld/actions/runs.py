"""What becomes of playbooks: which of them a case's event begins, the steps that they then ask for, and what the end of
one step means for those that wait for it. Pure; instants in microseconds UTC.

Every step of a run is recorded when the run begins, as the playbook then had it: a playbook that is changed later
changes nothing of what has begun. What a playbook itself does begins no playbook.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from upheld.actions.model import ENDED, TICKET_KINDS, Action
from upheld.actions.playbook import Playbook, Playbooks, Step, compared, named
from upheld.actions.steps import severity
from upheld.agreements.calendars import after_service_time, outside_hours
from upheld.agreements.hours import ServiceHours
from upheld.agreements.model import Agreement
from upheld.agreements.units import HOUR
from upheld.cases.model import ENDED_STATES, Case, Event
from upheld.cases.problems import suspect

TICKETS = "tickets"
"""The channel that tickets go to where a step names none: one of that name, or the built-in list."""
CREDIT_KINDS = ("propose_credit", "issue_credit")
ENDING = ("closed", "withdrawn", "resumed")
"""Events with which a case ends; its problem ends with the last of its cases."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened to a case, as the event left it, and under which agreement; `tier` is the customer's. `last`: no
    other case of its problem is open."""

    case: Case
    event: Event
    agreement: Agreement
    tier: str | None = None
    last: bool = True


def subject_of(playbook: Playbook, moment: Moment) -> str:
    """Whose steps a playbook asks for: the problem's of a case that is one of many, so that all cases of one cause have
    them once; the case's own where it is alone, or where the steps deal with what is owed for it."""
    return moment.case.id if by_case(playbook) else moment.case.problem or moment.case.id


def by_case(playbook: Playbook) -> bool:
    """Whether each case has a playbook's steps for itself, also where it is one of many."""
    return any(step.do in CREDIT_KINDS for step in playbook.steps)


def matching(playbooks: Playbooks, moment: Moment) -> list[Playbook]:
    """The playbooks that a moment begins, in their order."""
    if moment.event.data.get("playbook"):
        return []
    return [playbook for playbook in playbooks.playbooks if holds(playbook, moment)]


def holds(playbook: Playbook, moment: Moment) -> bool:
    """Whether all of a playbook's conditions hold."""
    return all(holding for _, holding in conditions(playbook, moment))


def conditions(playbook: Playbook, moment: Moment) -> Iterator[tuple[str, bool]]:
    """A playbook's conditions by their fields, and whether each holds; a field that it leaves out is no condition."""
    when, case, agreement = playbook.when, moment.case, moment.agreement
    yield "event", moment.event.type in when.event
    for name, wanted, found in (
        ("kind", when.kind, case.kind),
        ("severity", when.severity, severity(case)),
        ("customer", when.customer, case.customer),
        ("tier", when.tier, moment.tier),
        ("agreement", when.agreement, case.agreement),
        ("objective", when.objective, case.objective),
        ("clock", when.clock, moment.event.data.get("clock")),
    ):
        if wanted is not None:
            yield name, found in wanted
    if when.service is not None:
        yield "service", named(case.service, when.service)
    if when.cause is not None:
        yield "cause", named(suspect(case.findings) or "", when.cause)
    if when.level is not None:
        yield "level", case.level >= when.level
    if when.budget_left is not None:
        yield "budget_left", (left := budget_left(case)) is not None and compared(left, when.budget_left)
    if when.time_of_day is not None:
        yield "time_of_day", _inside(when.time_of_day, agreement, moment.event.at)


def budget_left(case: Case) -> Fraction | None:
    """The share of the budget that is left in the period that the case speaks of, below 0 where more was spent; None
    where it has none."""
    budget, spent = case.verdict.get("budget"), case.verdict.get("spent")
    if budget is None or spent is None:
        return None
    if not Fraction(budget):
        return Fraction(0)
    return 1 - Fraction(spent) / Fraction(budget)


def _inside(hours: ServiceHours, agreement: Agreement, at: int) -> bool:
    return not outside_hours(hours, agreement.time_zone, at, at + 1)


# -- a run begins ---------------------------------------------------------------------------------------------------


def begun(playbook: Playbook, moment: Moment, taken: Sequence[Action]) -> list[Action]:
    """The steps of a playbook that a moment begins, to be recorded before any is attempted. `taken` are those that its
    subject has already. A problem has a playbook once, or, where an answer or a clock brings it about that concerns
    several of its cases (the event's `occasion`), once for each; on the end of cases, with the last of them. Where a
    subject would have more steps within an hour than the playbook allows, one that is skipped says so, and further ones
    are left out."""
    subject, now, occasion = subject_of(playbook, moment), moment.event.at, _occasion(moment)
    earlier = [action for action in taken if action.playbook == playbook.id]
    if subject != moment.case.id and any(occasion in (None, action.plan.get("occasion")) for action in earlier):
        return []
    if subject != moment.case.id and moment.event.type in ENDING and not moment.last:
        return []
    number = 1 + max((action.round for action in earlier), default=0)
    lately = [action for action in earlier if action.requested_at > now - HOUR]
    if len(lately) + len(playbook.steps) > playbook.at_most:
        if any(action.plan.get("held_back") for action in lately):
            return []
        held = _recorded(playbook.steps[0], playbook, moment, number)
        reason = f"held back: more than {playbook.at_most} steps of this playbook within an hour"
        return [replace(held, state="skipped", outcome=reason, done_at=now, plan={**held.plan, "held_back": True})]
    actions = [_recorded(step, playbook, moment, number) for step in playbook.steps]
    return [requested(action, now, moment.agreement) if not action.plan["after"] else action for action in actions]


def _occasion(moment: Moment) -> str | None:
    """What brings a playbook about that a problem may have more than once."""
    ends = f"ended/{moment.event.at}" if moment.event.type in ENDING else None
    return moment.event.data.get("occasion") or ends


def _recorded(step: Step, playbook: Playbook, moment: Moment, number: int) -> Action:
    return Action(
        id=f"{subject_of(playbook, moment)}/{playbook.id}/{step.id}/{number}",
        case_id=subject_of(playbook, moment),
        kind=step.do,
        state="planned",
        requested_at=moment.event.at,
        playbook=playbook.id,
        step=step.id,
        round=number,
        channel=step.to or (TICKETS if step.do in TICKET_KINDS else None),
        owner=step.owner,
        plan={
            "case": moment.case.id,
            "on_event": moment.event.type,
            **({"occasion": occasion} if (occasion := _occasion(moment)) else {}),
            **({"reason": moment.event.data["reason"]} if "reason" in moment.event.data else {}),
            "after": list(step.after),
            "on": step.on,
            "wait": step.wait,
            "within": step.within,
            "hours": step.hours,
            "unless": step.unless,
            "retries": step.retries,
            "level": step.level,
            "state": step.state,
            "text": step.text,
        },
    )


def requested(action: Action, now: int, agreement: Agreement | None) -> Action:
    """The step as it is from now on: to be taken when its wait is over (`plan["due_at"]`), with its deadline."""
    plan = action.plan
    served = plan["hours"] == "service" and agreement is not None

    def later(start: int, duration: int | None) -> int:
        if duration is None or agreement is None or not served:
            return start + (duration or 0)
        return after_service_time(agreement.service_hours, agreement.time_zone, start, duration)

    due_at = later(now, plan["wait"])
    due_by = None if plan["within"] is None else later(due_at, plan["within"])
    return replace(
        action, state="requested", requested_at=now, due_by=due_by, overdue_at=None, plan={**plan, "due_at": due_at}
    )


def moved_on(action: Action, case: Case | None) -> str | None:
    """Why a step is not to be taken any more, now that its case is as it is; None where it is."""
    unless = action.plan.get("unless")
    if case is None or unless is None:
        return None
    if case.state in ENDED_STATES:
        return f"the case is {case.state}"
    if unless == "restored" and case.state in ("restored", "confirming"):
        return "the service is restored"
    return None


# -- a step ends ----------------------------------------------------------------------------------------------------


def released(actions: Sequence[Action], now: int, agreement: Agreement | None) -> list[Action]:
    """Those of a run's steps that change, now that others have ended: they are to be taken, or are skipped where what
    they wait for has ended otherwise."""
    current = {action.step: action for action in actions}
    changed: dict[str, Action] = {}
    for action in actions:  # a step stands behind those that it waits for
        waited_for = [current[name] for name in action.plan["after"] if name in current]
        if action.state != "planned" or not all(one.state in ENDED for one in waited_for):
            continue
        failed = [one for one in waited_for if one.state == "failed" or one.plan.get("not_reached")]
        on = action.plan["on"]
        if on == "ended" or (on == "failed") == bool(failed):
            after = requested(action, now, agreement)
        else:
            reason = f"{failed[0].step} has not come to a good end" if failed else "nothing before it has failed"
            plan = {**action.plan, "not_reached": on == "done"}
            after = replace(action, state="skipped", outcome=reason, done_at=now, plan=plan)
        current[action.step] = changed[action.step] = after
    return list(changed.values())


def reopened(actions: Sequence[Action], step: str) -> list[Action]:
    """Those that were skipped because a step, which is to be taken again, had ended as it did: they wait for it
    again."""
    found, behind = [], {step}
    for action in actions:
        by_itself = action.state == "skipped" and action.by is None and action.plan["after"]
        if by_itself and behind & set(action.plan["after"]):
            behind.add(action.step)
            plan = {name: value for name, value in action.plan.items() if name != "not_reached"}
            found.append(replace(action, state="planned", outcome=None, done_at=None, plan=plan))
    return found


# -- people decide --------------------------------------------------------------------------------------------------

Verb = Literal["approve", "reject", "skip", "done", "fail", "again"]
_LEFT = ("planned", "requested", "waiting", "failed")


def changed(action: Action, verb: Verb, by: str, reason: str, reference: str | None, now: int) -> Action | None:
    """The step after what a person, or an automation, says of it; None where that cannot be said of it as it is. What
    has failed or was skipped is taken `again` under the same key; for what is done, see `once_more`."""
    asked = action.kind == "approve"
    ended = replace(action, done_at=now, by=by, error=None, outcome=reason or None)
    match verb:
        case "approve" if asked and action.state == "waiting":
            return replace(ended, state="done", outcome=reason or "approved")
        case "reject" if asked and action.state == "waiting":
            return replace(ended, state="failed", outcome=reason or "rejected")
        case "skip" if action.state in _LEFT:
            return replace(ended, state="skipped")
        case "done" if not asked and action.state in _LEFT:
            return replace(
                ended, state="done", outcome=reason or "done by hand", reference=reference or action.reference
            )
        case "fail" if not asked and action.state in ("requested", "waiting"):
            return replace(ended, state="failed", error=reason or "it was said to have failed", outcome=None)
        case "again" if action.state in ("failed", "skipped") and not action.plan.get("held_back"):
            anew = replace(ended, again=action.again + 1, attempts=0, plan=_untried(action.plan))
            return replace(anew, done_at=None, by=None, outcome=None, overdue_at=None)
    return None


def once_more(action: Action, taken: Sequence[Action]) -> Action:
    """A step that is done, as a further one under a key of its own, which waits for nothing."""
    number = 1 + max(one.round for one in taken if one.playbook == action.playbook)
    return Action(
        id=f"{action.case_id}/{action.playbook}/{action.step}/{number}",
        case_id=action.case_id,
        kind=action.kind,
        state="planned",
        requested_at=action.requested_at,
        playbook=action.playbook,
        step=action.step,
        round=number,
        channel=action.channel,
        owner=action.owner,
        plan={**_untried(action.plan), "after": [], "on": "done"},
    )


def _untried(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is noted there of tries (see `step_taking`)."""
    return {name: value for name, value in plan.items() if name not in ("cut_off", "paging")}
