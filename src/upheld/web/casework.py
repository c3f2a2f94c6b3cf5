"""Cases as the pages show them: the list with what is due next, and all that one case's page says."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upheld.actions.model import Action
from upheld.actions.runs import CREDIT_KINDS
from upheld.agreements.model import Agreement, Portfolio
from upheld.agreements.objectives import Objective
from upheld.agreements.parties import role_and_number
from upheld.agreements.units import parse_instant
from upheld.analysis.clues import likeliest
from upheld.assessment.verdict import Evidence, Verdict
from upheld.assessment.versions import Version
from upheld.cases.clocks import Clock, clocks, fixing_since, informed_at
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import ENDED_STATES, ROLLING, Case, Event
from upheld.notices.model import Notice
from upheld.notices.planning import asked_at
from upheld.ports import AgendaEntry, MeasurementLog, Transaction, VerdictFilter
from upheld.process.acting.stepping import ACT
from upheld.process.casework.examining import shared_findings
from upheld.process.telling.reactions import CLOCK, CLOSE, REMIND, SEND, UPDATE
from upheld.web import words
from upheld.web.chart import Chart, Restoration, Stretch, draw, incident, members_up, series_points, stretches
from upheld.web.claims import Claimable, claimable_of
from upheld.web.told import read_verdict

RECENTLY_ENDED = 25
_STEPS = (ACT, REMIND, CLOSE, SEND, UPDATE, CLOCK)


@dataclass(frozen=True, slots=True)
class Step:
    """What is to happen next in a case; `due_at` is None where it waits for something else than time."""

    text: str
    due_at: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    case: Case
    customer: str
    next_step: Step


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a case in words."""

    seq: int
    at: int
    type: str
    title: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice with what became of the promise to send it in time: `kept`, `late`, `open`, or nothing promised."""

    notice: Notice
    promise: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """All that a case's page shows. `findings` are those of the case, or what was found of the case
    `examined_for_it`, where that stands for its problem. `agreement` and `objective` are None where the portfolio has
    them no more.

    `verdict` is how things stand; where that is not kept any more, such as a rolling window that has moved on, it is
    the one that the case was last told of, and `as_told` says so; `others` are those of the other periods that it is
    about. `omitted` counts the older intervals of its evidence that are not listed. `versions` is each with since when
    it is known, why, and who approved it, newest first."""

    case: Case
    findings: Mapping[str, Any]
    has_likely_cause: bool
    examined_for_it: str | None
    customer: str
    agreement: Agreement | None
    objective: Objective | None
    verdict: Verdict
    others: tuple[Verdict, ...]
    as_told: bool
    omitted: int
    chart: Chart | None
    timeline: tuple[Entry, ...]
    actions: tuple[Action, ...]
    told: tuple[Told, ...]
    stretches: tuple[Stretch, ...]
    versions: tuple[Version, ...]
    next_step: Step
    clocks: tuple[Clock, ...]
    may_ask: bool
    may_update: bool
    said_by: str | None
    claimable: Claimable | None


def rows(t: Transaction, portfolio: Portfolio | None, cases: Sequence[Case]) -> list[Row]:
    """Cases as a list shows them, each with what is due next."""
    due: dict[str, list[AgendaEntry]] = {}
    for entry in t.agenda_of(_STEPS, [case.id for case in cases]):
        due.setdefault(entry.id.split("/")[1], []).append(entry)
    sending = [entry.data["notice"] for entries in due.values() for entry in entries if entry.kind == SEND]
    waiting = waiting_of(notice for name in sending if (notice := t.notice(name)) is not None)
    names = customer_names(portfolio)
    return [
        Row(case, names.get(case.customer, case.customer), _next_step(case, due.get(case.id, ()), waiting))
        for case in cases
    ]


def waiting_of(notices: Iterable[Notice]) -> dict[str, Notice]:
    """Those that are still to be sent, by their ids."""
    return {notice.id: notice for notice in notices if notice.state == "recorded"}


def page(t: Transaction, log: MeasurementLog, tenant: str, case: Case, portfolio: Portfolio | None, now: int) -> Page:
    """What is known of one case, read within `t`; `tenant` is whose measurements are drawn."""
    begins = parse_instant(case.verdict["period_start"])
    agreement = portfolio.agreement(case.agreement, begins) if portfolio else None
    objective = next((o for o in agreement.promises if o.id == case.objective), None) if agreement else None
    last_told = read_verdict(case.verdict)
    kept = _verdict_now(t, case)
    verdict = kept or last_told
    events = t.events(case.id)
    notices = t.notices_of(case)
    agenda = t.agenda_of(_STEPS, [case.id])
    evidence = {*last_told.evidence, *verdict.evidence}
    members = agreement.services if agreement else ()
    chart = _chart(log, tenant, case, objective, members, evidence, events, now, verdict.evidence)
    told_at = max((event.at for event in events if "verdict" in event.data), default=case.opened_at)
    shared = shared_findings(t, case)
    findings = case.findings if shared is None else {**case.findings, **shared}
    return Page(
        case=case,
        findings=findings,
        has_likely_cause=likeliest(findings.get("cause_candidates") or ()) is not None,
        examined_for_it=None if shared is None else shared["case"],
        customer=customer_name(portfolio, case.customer),
        agreement=agreement,
        objective=objective,
        verdict=verdict,
        others=_of_other_periods(t, case),
        as_told=kept is None,
        omitted=(int(case.verdict.get("evidence_omitted", 0)) if kept is None else 0) + (chart.omitted if chart else 0),
        chart=chart,
        stretches=chart.stretches if chart is not None else tuple(stretches(sorted(evidence), ())),
        timeline=tuple(entry(event) for event in reversed(events)),
        actions=tuple(t.actions(case.id)),
        told=tuple(Told(n, _promise(n, now)) for n in notices),
        versions=tuple(reversed(t.verdict_versions(kept.key))) if kept else (Version(last_told, told_at, "last told"),),
        next_step=_next_step(case, agenda, waiting_of(notices)),
        clocks=tuple(clocks(case, agreement, asked_at(case, notices))) if agreement is not None else (),
        may_ask=may_ask(case),
        may_update=case.state in UNSOLVED and case.kind != "no_data",
        said_by=said_by(events),
        claimable=claimable_of(t, verdict, now),
    )


def _of_other_periods(t: Transaction, case: Case) -> tuple[Verdict, ...]:
    """What the other calendar periods that the case is about have come to, the earliest first."""
    others = (start for start in case.periods if start not in (ROLLING, case.verdict["period_start"]))
    keys = sorted((case.agreement, case.objective, case.service, parse_instant(start)) for start in others)
    found = t.newest(keys)
    return tuple(found[key] for key in keys if key in found)


def may_ask(case: Case) -> bool:
    """Whether an operator may put the question again: after a no, the measurements alone do not."""
    return case.reopened_at is not None and case.state in ("reopened", "acting")


def said_by(events: Iterable[Event]) -> str | None:
    """Who said that the problem is solved; None where the measurements have shown the last restoration."""
    restored = [event for event in events if event.type == "restored"]
    return restored[-1].data.get("by") if restored else None


def customer_name(portfolio: Portfolio | None, customer: str) -> str:
    return customer_names(portfolio).get(customer, customer)


def customer_names(portfolio: Portfolio | None) -> dict[str, str]:
    return {party.id: party.name for party in portfolio.customers} if portfolio is not None else {}


def _verdict_now(t: Transaction, case: Case) -> Verdict | None:
    """The newest version of the verdict that the case is about; of a rolling window, how it stands while the case is
    open. None where that is not kept."""
    key = (case.agreement, case.objective, case.service, parse_instant(case.verdict["period_start"]))
    found = t.verdict(key)
    if found is not None or case.state in ENDED_STATES:
        return found
    newest = t.verdicts(VerdictFilter(agreement=case.agreement, service=case.service, newest_only=True))
    return next((v for v in newest if v.objective == case.objective), None)


def _chart(
    log: MeasurementLog,
    tenant: str,
    case: Case,
    objective: Objective | None,
    services: Collection[str],
    evidence: Collection[Evidence],
    events: Iterable[Event],
    now: int,
    whole: Collection[Evidence],
) -> Chart | None:
    """Of a service what was measured; of a group how many of its members (where it names none: `services`) are good."""
    if objective is None or objective.indicator.kind == "duration":  # events are no series of values
        return None
    start, end = incident(case, evidence, objective.indicator.slot, now)
    names = [case.service] if objective.group is None else objective.group.services or services
    series = [log.series(tenant, name, objective.indicator.metric, start, end) for name in names]
    points = series_points(series[0], objective) if objective.group is None else members_up(series, objective)
    return draw(case, objective, evidence, points, start, end, restorations(events), whole)


def restorations(events: Iterable[Event]) -> list[Restoration]:
    """Each round's restoration, oldest first."""
    return [Restoration(e.data["since"], bool(e.data.get("by"))) for e in events if e.type == "restored"]


# -- words ----------------------------------------------------------------------------------------------------


def _next_step(case: Case, agenda: Sequence[AgendaEntry], waiting: Mapping[str, Notice]) -> Step:
    due = [step for entry in agenda if (step := _due(case, entry, waiting)) is not None]
    if due:
        return min(due, key=lambda step: step.due_at or 0)
    if may_ask(case):
        return Step("Solve it, then ask the customer again")
    match case.state:
        case "detected" | "analysed" | "acting" if case.kind == "no_data":
            return Step("Find out why nothing is measured")
        case "detected" | "analysed" | "acting":
            return Step("Restore the service")
        case "restored" | "confirming":
            return Step("The customer's answer")
    return Step("Nothing: it has ended")


def _due(case: Case, entry: AgendaEntry, waiting: Mapping[str, Notice]) -> Step | None:
    data = entry.data
    if entry.kind in (REMIND, CLOSE) and data.get("case") == case.id and data.get("asked") == case.asked:
        if case.state != "confirming":
            return None
        return Step("Remind the customer" if entry.kind == REMIND else "Close as unanswered", entry.due_at)
    if entry.kind in (UPDATE, CLOCK):
        if case.state not in UNSOLVED or data.get("since") != (
            informed_at(case) if entry.kind == UPDATE else fixing_since(case)
        ):
            return None
        if entry.kind == UPDATE:
            return Step("Tell the customer how far it is", data["due"])
        return Step("Restore the service", data["due"]) if data["missed"] else None
    if entry.kind == ACT and may_ask(case) and data["do"] in CREDIT_KINDS:
        return None  # it waits among the steps: what the customer said is not solved comes first
    if entry.kind == ACT and str(data.get("action", "")).startswith(f"{case.id}/"):
        return Step(words.STEP[data["do"]], entry.due_at)
    notice = waiting.get(str(data.get("notice"))) if entry.kind == SEND else None
    if notice is not None and notice.case_id == case.id:
        return Step(f"Send: {words.NOTICE_KIND[notice.kind].lower()}", notice.due_by or entry.due_at)
    return None


def _promise(notice: Notice, now: int) -> str | None:
    if notice.due_by is None or notice.channel == "none":
        return None
    if notice.sent_at is not None:
        return "kept" if notice.sent_at <= notice.due_by else "late"
    return "open" if now <= notice.due_by and notice.state == "recorded" else "late"


def entry(event: Event) -> Entry:
    """An event in words."""
    title, detail = _words(event.type, event.data)
    return Entry(event.seq, event.at, event.type, title, detail)


def _words(type_: str, data: Mapping[str, Any]) -> tuple[str, str]:
    match type_:
        case "opened":
            return f"Case opened: {words.CASE_KIND[data['kind']].lower()}", _figures(data["verdict"])
        case "analysed":
            return "Related information attached", _found(data["findings"])
        case "updated":
            return "The customer is told how far it is", str(data["text"] or "As promised: still being worked on")
        case "clock_warned":
            return f"Most of the time {words.CLOCK[data['clock']]} has passed", _awaited(data)
        case "clock_missed":
            return f"The time {words.CLOCK[data['clock']]} is over", _awaited(data)
        case "resolved":
            return "What it was, and what was done", f"{data['cause']}: {data['done']}" if data["done"] else data[
                "cause"
            ]
        case "examined":
            return "Measurements around it examined", str(data["findings"]["measurements"]["text"])
        case "grouped":
            return "Belongs to a problem with a shared cause", str(data["problem"])
        case "acted":
            return ("Handled with its problem", "") if data["step"] == "problem" else ("Playbooks looked up", "")
        case "step_done":
            done = words.STEP_DONE[data["kind"]]
            return (done if not data.get("by") else f"{words.STEP[data['kind']]}: done by hand"), _step(data)
        case "step_failed":
            return f"{words.STEP[data['kind']]}: failed", str(data["error"])
        case "step_waits" | "step_approved" | "step_rejected" | "step_skipped" | "step_again" | "step_overdue":
            return f"{words.STEP[data['kind']]}: {words.STEP_CHANGED[type_]}", _step(data)
        case "worsened":
            return "The degradation became a violation", _figures(data["verdict"])
        case "violated_again":
            return "The promise is broken in a further period", _figures(data["verdict"])
        case "figures_changed":
            return "The figures changed", _figures(data["verdict"])
        case "restored":
            if data.get("by"):
                return "Considered solved", f"Since {words.instant(data['since'])}: said by the operator, {data['by']}"
            return "Service restored", f"Since {words.instant(data['since'])}: the measurements are good again"
        case "asked":
            return "Customer asked whether the problem is solved", f"Round {data['round']}"
        case "reminded":
            return "Customer reminded of the question", f"Round {data['round']}"
        case "broke_again":
            return "The service broke again before the customer answered", ""
        case "answered":
            said = "solved" if data["solved"] else "not solved"
            return f"The customer answered: {said}", _answer(data)
        case "reopened":
            return "Case reopened", ""
        case "escalated":
            return (
                f"Escalated to level {data['level']}",
                f"By playbook {data['playbook']}" if "playbook" in data else str(data.get("reason", "")),
            )
        case "closed":
            return "Case closed", words.OUTCOME[data["outcome"]].capitalize()
        case "resumed":
            return "Measurements come again: case closed", ""
        case "withdrawn":
            if "verdict" not in data:
                return "Case withdrawn", str(data["reason"]).capitalize()
            return "Case withdrawn: what is known of the past has changed", _figures(data["verdict"])
    return type_.replace("_", " ").capitalize(), ""


def who(answer: Mapping[str, Any]) -> str:
    """Who has given an answer, and by which way: `customer.noc, contact 1, by the link`."""
    role, number = role_and_number(str(answer["contact"]))
    name = role if number is None else f"{role}, contact {number + 1}"
    taken = f", taken by {answer['taken_by']}" if answer["taken_by"] else ""
    return f"{name}, {words.ANSWERED_BY[answer['via']]}{taken}"


def _answer(data: Mapping[str, Any]) -> str:
    """What is told of an answer beside yes and no."""
    score = f" ({data['score']} of 5)" if data["score"] else ""
    comment = f": “{data['comment']}”" if data["comment"] else ""
    effect = words.ANSWER_EFFECT[data["effect"]]
    further = f" {data['case']}" if data["case"] else ""
    return f"{who(data)}{score}{comment}" + (f". {effect}{further}" if effect else "")


def _awaited(data: Mapping[str, Any]) -> str:
    """What a clock waits for: the notice that was not sent."""
    return f"Not sent yet: {words.NOTICE_KIND[data['what']].lower()}" if "what" in data else ""


def _step(data: Mapping[str, Any]) -> str:
    """What is told of a step beside its kind: its reference, who decided it, and why."""
    reference = f"Reference {data['reference']}" if data.get("reference") else ""
    return ". ".join(part for part in (reference, str(data.get("by") or ""), str(data.get("reason") or "")) if part)


def _figures(verdict: Mapping[str, Any]) -> str:
    status = words.STATUS[verdict["status"]].lower()
    credit = verdict.get("credit")
    owed = f"; credit {words.money(credit['amount'], credit['currency'])}" if credit else ""
    return f"{verdict['objective']} of {verdict['service']} is {status}{owed}"


def _found(findings: Mapping[str, Any]) -> str:
    counted = (
        (findings.get("affected_count", 0), "other affected service"),
        (len(findings.get("cause_candidates", ())), "cause candidate"),
        (len(findings.get("changes", ())), "recent change"),
    )
    return ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for n, name in counted)
