"""Figures, instants and states in words, as the pages show them. Pure; instants in microseconds UTC."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import chain
from zoneinfo import ZoneInfo

from upheld.actions.model import Action
from upheld.actions.runs import Verb
from upheld.agreements.calendars import calendar_periods
from upheld.agreements.charges import Charge
from upheld.agreements.credits import AnyTier, AttainedTier, DayTier
from upheld.agreements.hours import ServiceHours
from upheld.agreements.indicators import Aggregate, Availability, Commitments, Ratio
from upheld.agreements.model import Agreement
from upheld.agreements.notice_terms import Notice, WorkTerms
from upheld.agreements.objectives import Chronic, Group, Objective, Period
from upheld.agreements.units import (
    DAY,
    HOUR,
    HUGE,
    MINUTE,
    SECOND,
    Bound,
    decimal_text,
    format_share,
    parse_instant,
    scientific_text,
    to_datetime,
)
from upheld.assessment.verdict import Consequence, Verdict

STATUS = {"met": "Met", "at_risk": "At risk", "violated": "Violated", "no_data": "No data"}
CASE_KIND = {"degradation": "Degradation", "violation": "Violation", "no_data": "No data"}
CASE_STATE = {
    "detected": "Detected",
    "analysed": "Analysed",
    "acting": "Being worked on",
    "restored": "Restored",
    "confirming": "Waiting for the customer",
    "reopened": "Reopened by the customer",
    "closed": "Closed",
    "withdrawn": "Withdrawn",
}
OUTCOME = {
    "confirmed": "the customer confirmed the solution",
    "unanswered": "the customer did not answer",
    "withdrawn": "restated figures: the promise was kept",
    "resumed": "it is measured again",
}
WORK_KIND = {
    "maintenance": "Maintenance",
    "migration": "Migration",
    "test": "Test",
    "end_of_service": "End of service (excludes nothing)",
}
ANSWERED_BY = {"link": "by the link", "console": "by telephone", "api": "by the API"}
ANSWER_EFFECT = {
    "closed": "",
    "reopened": "",
    "passed_on": "The case of the same promise that is open is escalated instead:",
    "late": "Too late to take the case up again: our people are told",
    "kept": "On record; it changes nothing",
}
CLOCK = {"told": "to tell", "fixed": "to fix it", "update": "to tell how far it is", "asked": "to ask the customer"}
NOTICE_KIND = {
    "degradation": "Degradation",
    "violation": "Violation",
    "restoration": "Restoration",
    "question": "Question to the customer",
    "reminder": "Reminder of the question",
    "reopened": "Case reopened",
    "late_rejection": "A no after the end",
    "closed": "Case closed",
    "resolution_owed": "What it was is asked",
    "withdrawn": "Case withdrawn",
    "no_data": "Nothing is measured",
    "resumed": "Measured again",
    "maintenance": "Announcement",
    "maintenance_changed": "Change",
    "maintenance_started": "Start",
    "maintenance_over": "End",
    "maintenance_overrun": "Overrun",
    "maintenance_reminder": "Reminder",
    "maintenance_cancelled": "Cancellation",
    "objection": "Objection",
    "objection_answered": "Answer to an objection",
    "undeliverable": "Could not be told",
    "digest": "Several in one",
    "update": "Update",
    "credit": "Credit",
    "restatement": "Correction",
    "summary": "Summary",
}
NOTICE_STATE = {"recorded": "Waiting to be sent", "sent": "Sent", "failed": "Failed", "stopped": "Not sent"}
RECEIPT = {"delivered": "Delivered", "bounced": "Came back", "read": "Read"}
ACTION_STATE = {
    "planned": "Planned",
    "requested": "Requested",
    "waiting": "Awaits an answer",
    "done": "Done",
    "failed": "Failed",
    "skipped": "Skipped",
}
STEP = {
    "ticket": "Open the ticket",
    "update_ticket": "Update the ticket",
    "page": "Page",
    "webhook": "Call the automation",
    "approve": "Approval",
    "propose_credit": "Propose the credit",
    "issue_credit": "Issue the credit",
    "escalate": "Deliver the escalation",
}
STEP_DONE = {
    "ticket": "Ticket opened",
    "update_ticket": "Ticket updated",
    "page": "Paged",
    "webhook": "Automation called",
    "approve": "Approved",
    "propose_credit": "Credit proposed",
    "issue_credit": "Credit issued",
    "escalate": "Escalation delivered",
}
VERB: dict[Verb, str] = {
    "approve": "Approve",
    "reject": "Reject",
    "done": "Done by hand",
    "skip": "Skip",
    "fail": "It has failed",
    "again": "Take it again",
}
STEP_CHANGED = {
    "step_waits": "awaits an answer",
    "step_approved": "approved",
    "step_rejected": "rejected",
    "step_skipped": "skipped",
    "step_again": "to be taken again",
    "step_overdue": "overdue",
}
_SIZES = (("day", DAY), ("h", HOUR), ("min", MINUTE), ("s", SECOND))
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def verbs_of(action: Action) -> list[Verb]:
    """What can be said of a step as it is."""
    if action.state == "waiting" and action.kind == "approve":
        return ["approve", "reject", "skip"]
    held_back = bool(action.plan.get("held_back"))
    by_hand: list[Verb] = [] if action.kind == "approve" else ["done"]
    match action.state:
        case "waiting":
            return [*by_hand, "fail", "skip"]
        case "planned" | "requested":
            return [*by_hand, "skip"]
        case "failed":
            return ["again", *by_hand, "skip"]
        case "done":
            return [] if action.kind == "approve" else ["again"]
        case "skipped":
            return [] if held_back else ["again"]
    return []


def instant(at: int) -> str:
    """2026-06-01 14:05 UTC; seconds only where they are not zero."""
    moment = to_datetime(at)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.second else f"{moment:%Y-%m-%d %H:%M} UTC"


def local(at: int, zone: ZoneInfo) -> str:
    """A day in a zone, with the time where it is not midnight: `2026-01-01`."""
    moment = to_datetime(at).astimezone(zone)
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%d %H:%M}"


def humane(text: str) -> str:
    """A sentence whose RFC 3339 instants in UTC are written as `instant` writes them."""
    return _RFC3339.sub(lambda match: instant(parse_instant(match[0])), text)


def span(duration: int) -> str:
    """A length of time for people, in its two largest units: `1 h 5 min`; cut off, never rounded up."""
    parts = []
    rest = max(duration, 0)
    for unit, size in _SIZES:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
        elif parts:
            break
    return " ".join(parts[:2]) or "less than 1 s"


def relative(at: int, now: int) -> str:
    """`5 min ago`, `in 3 days`, `just now`."""
    distance = abs(now - at)
    if distance < 10 * SECOND:
        return "just now"
    at_place = next(n for n, (_, size) in enumerate(_SIZES) if distance >= size)
    if distance < 2 * _SIZES[at_place][1] and at_place + 1 < len(_SIZES):
        at_place += 1  # 1 h 20 min says more than 1 h
    size = _SIZES[at_place][1]
    words = span(distance // size * size)
    return f"in {words}" if at > now else f"{words} ago"


def figure(attained: str | None, target: Fraction | Bound) -> str:
    """What was attained, cut off to as few digits as still tell it from the target: a share as percent, another
    figure in its metric's unit. `–` where nothing was measured."""
    if attained is None:
        return "–"
    if not isinstance(target, Bound):
        return f"{_digits(Fraction(attained) * 100, target * 100, 2)} %"
    value = Decimal(attained)
    if not value.is_finite():  # a sum beyond every number
        return scientific_text(value)
    return _digits(Fraction(value), Fraction(target.limit), 1)


def _digits(value: Fraction, promised: Fraction, least: int) -> str:
    forms: Iterable[str] = ()
    if abs(value) < HUGE:
        if value == int(value):
            return str(int(value))
        forms = (decimal_text(value, places) for places in range(least, 13))
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    for text in chain(forms, (scientific_text(exact, digits) for digits in range(4, 18))):
        if (Fraction(text) < promised) == (value < promised) and (Fraction(text) == promised) == (value == promised):
            return text
    return scientific_text(exact, 18)


def promise(objective: Objective) -> str:
    """`at least 99.9 %`, `p95 at most 40`."""
    if isinstance(objective.target, Bound):
        assert isinstance(objective.indicator, Aggregate)
        return f"{objective.indicator.aggregate} {_kept(objective.target)}"
    return f"at least {format_share(objective.target)}"


def _kept(bound: Bound) -> str:
    sides = {"<=": "at most", "<": "below", ">=": "at least", ">": "above", "==": "exactly", "!=": "other than"}
    return f"{sides[bound.operator]} {bound.limit}"


def _missed(bound: Bound) -> str:
    sides = {"<=": "above", "<": "at least", ">=": "below", ">": "at most", "==": "other than", "!=": "exactly"}
    return f"{sides[bound.operator]} {bound.limit}"


def share_spent(verdict: Verdict) -> Fraction | None:
    """Spent over budget, 1 and more where it is used up; None where there is no budget."""
    if verdict.budget is None or verdict.spent is None:
        return None
    budget, spent = Fraction(verdict.budget), Fraction(verdict.spent)
    if budget == 0:
        return Fraction(0) if spent == 0 else Fraction(1)
    return spent / budget


def budget_words(verdict: Verdict, objective: Objective) -> str:
    """`33 min of 43 min 12 s` for slots, `12 of 500 events` for events."""
    if verdict.budget is None or verdict.spent is None:
        return "no budget: judged on one figure"
    if counts_events(objective):
        return f"{int(Fraction(verdict.spent)):,} of {int(Fraction(verdict.budget)):,} events"
    slot = objective.indicator.slot
    spent, budget = int(Fraction(verdict.spent) * slot), int(Fraction(verdict.budget) * slot)
    return f"{'none' if spent == 0 else span(spent)} of {span(budget) if budget else 'none'}"


def period_name(agreement: Agreement, period: Period, start: int) -> str:
    """`June 2026`, `week 23 of 2026`, `15 Jun to 14 Jul 2026`, `last 28 days`, in the agreement's zone."""
    if period.rolling is not None:
        return f"last {span(period.rolling)}"
    if period.billing_day != 1:
        return _billing_month(agreement, period.billing_day, start)
    day = to_datetime(start).astimezone(agreement.time_zone).date()
    match period.calendar:
        case "day":
            return f"{day:%-d %b %Y}"
        case "week":
            year, week, _ = day.isocalendar()
            return f"week {week} of {year}"
        case "month":
            return f"{day:%B %Y}"
        case "quarter":
            return f"Q{(day.month + 2) // 3} {day.year}"
    return str(day.year)


def _billing_month(agreement: Agreement, billing_day: int, start: int) -> str:
    zone = agreement.time_zone
    begins, ends = next(calendar_periods("month", zone, start, start + 1, billing_day))
    first, last = (to_datetime(at).astimezone(zone).date() for at in (begins, ends - 1))
    return f"{first:%-d %b}{'' if first.year == last.year else f' {first.year}'} to {last:%-d %b %Y}"


def tally(verdicts: Sequence[Verdict]) -> str:
    """`24 periods: 1 violated, 23 met`, the worst first."""
    counted = Counter[str](verdict.status for verdict in verdicts)
    worst_first = ("violated", "at_risk", "no_data", "met")
    found = ", ".join(f"{counted[status]} {STATUS[status].lower()}" for status in worst_first if counted[status])
    return f"{len(verdicts)} periods: {found}"


def period_words(period: Period) -> str:
    if period.rolling is not None:
        return f"over the trailing {span(period.rolling)}, assessed at the end of each slot"
    if period.billing_day != 1:
        return f"in each month from its day {period.billing_day} on"
    return f"in each calendar {period.calendar}"


# -- an agreement in words ------------------------------------------------------------------------------------


def objective_words(objective: Objective) -> list[str]:
    """What is promised and how it is judged, as short sentences."""
    indicator = objective.indicator
    slot = span(indicator.slot)
    sentences = [_promised(objective)]
    if objective.group is not None:
        sentences.append(group_words(objective.group))
    if isinstance(indicator, Availability):
        sentences.append(f"Each {slot} is a slot; {_bad_when(indicator)}.")
        if indicator.consecutive > 1 or indicator.recovery > 1:
            sentences.append(
                f"An outage counts from its first slot once it is {indicator.consecutive} slots long, and ends after "
                f"{indicator.recovery} good {'slot' if indicator.recovery == 1 else 'slots in a row'}."
            )
    if isinstance(indicator, Commitments):
        sentences.append(_limits(indicator))
    else:
        sentences.append(
            {
                "exclude": "A slot without data does not count.",
                "bad": "A slot without data counts as bad.",
                "good": "A slot without data counts as good.",
            }[indicator.missing]
        )
    if objective.warning is not None:
        sentences.append(f"At risk once {_warned(objective)}.")
    sentences += [chronic_words(chronic) for chronic in objective.chronic]
    return sentences


def group_words(group: Group) -> str:
    """What is promised of several services together."""
    members = _people(list(group.services)) if group.services else "all services of the agreement"
    match group.rule:
        case "redundant":
            return f"Of {members} at least {group.needs} must be good: only with fewer is {group.id} down."
        case "mean":
            weighed = [f"{name} ({weight})" for name, weight in group.services.items()]
            weights = f", by their weights: {_people(weighed)}" if len(set(group.services.values())) > 1 else ""
            return f"Each slot is worth the share of {members} that is good{weights}."
        case "all":
            return f"Each of {members} must keep it: the worst decides."
    return f"One of {members} must keep it: the best decides."


def chronic_words(chronic: Chronic) -> str:
    """When repeated violations give a right."""
    months = f"{chronic.within} month{'' if chronic.within == 1 else 's'}"
    times = "violated period" if chronic.violations == 1 else "violated periods"
    return f"{chronic.violations} {times} within {months} give the right: {chronic.right}."


def right_words(consequence: Consequence) -> str:
    """A right that has arisen, and what it rests on."""
    return f"{sentence(consequence.right)}: {consequence.reason}"


def charge_words(charge: Charge) -> str:
    """`1,200.00 EUR a month`."""
    return f"{money(charge.amount, charge.currency)} a {charge.per or 'period'}"


def credit_terms(agreement: Agreement) -> list[str]:
    """How far credits go, and whether they have to be claimed."""
    terms = []
    unit = next((charge.per for charge in agreement.charge.values() if charge.per), "period")
    caps = agreement.credit_cap
    if caps is not None and caps.service is not None:
        terms.append(f"Credits of one service in one {unit} reach at most {format_share(caps.service)} of its charge.")
    if caps is not None and caps.agreement is not None:
        most = format_share(caps.agreement)
        terms.append(f"All credits of one {unit} together reach at most {most} of the charges of all services.")
    if agreement.claim is not None:
        within = span(agreement.claim.within)
        terms.append(f"A credit is paid where it is claimed within {within} after the period’s end.")
    return terms


def _limits(indicator: Commitments) -> str:
    if indicator.by_due:
        return "Each event is in time where it closes by the instant at which it is due."
    clock = "in service hours" if indicator.hours == "service" else "at all hours"
    if indicator.limit is not None:
        return f"Each event is in time where it closes within {span(indicator.limit)}, counted {clock}."
    limits = ", ".join(f"{priority} {span(limit)}" for priority, limit in indicator.limits.items())
    return f"Each event is in time where it closes within the limit of its priority, counted {clock}: {limits}."


def _promised(objective: Objective) -> str:
    indicator, when = objective.indicator, period_words(objective.sole_period)
    if isinstance(indicator, Availability):
        return f"{sentence(promise(objective))} of the time good, {when}."
    if isinstance(indicator, Ratio):
        what = "of all events" if indicator.weighting == "events" else "as the mean of the slots"
        return f"{sentence(promise(objective))} of {indicator.metric} good, {what}, {when}."
    if isinstance(indicator, Commitments):
        return f"{sentence(promise(objective))} of the events of {indicator.metric} in time, {when}."
    assert isinstance(objective.target, Bound)
    return f"{sentence(indicator.aggregate)} of {indicator.metric} {_kept(objective.target)}, {when}."


def _bad_when(indicator: Availability) -> str:
    if indicator.error_rate_over is not None:
        least = f" and there are at least {indicator.min_total} events" if indicator.min_total else ""
        limit = format_share(indicator.error_rate_over)
        return f"it is bad when the error rate of {indicator.metric} is over {limit}{least}"
    assert indicator.good_when is not None
    rule = {
        "any_bad": "any value of",
        "all_bad": "every value of",
        "mean": "the mean of",
        "last": "the last value of",
    }[indicator.slot_rule]
    return f"it is bad when {rule} {indicator.metric} is {_missed(indicator.good_when)}"


def _warned(objective: Objective) -> str:
    assert objective.warning is not None
    parts = []
    if objective.warning.budget_spent is not None:
        parts.append(f"{format_share(objective.warning.budget_spent)} of the budget is spent")
    target = objective.warning.target
    if target is not None:
        parts.append(f"it is {_missed(target)}" if isinstance(target, Bound) else f"it is below {format_share(target)}")
    for burn in objective.warning.burn_rate:
        parts.append(
            f"the budget burns {float(burn.rate):g} times too fast over {span(burn.long)} and {span(burn.short)}"
        )
    if objective.warning.forecast is not None:
        parts.append(f"it would run out as over the last {span(objective.warning.forecast.over)}")
    if objective.warning.elapsed is not None:
        parts.append(f"{format_share(objective.warning.elapsed)} of the limit has passed for an open event")
    return " or ".join(parts)


def tier_words(tier: AnyTier) -> str:
    """When a tier of credits holds and what it is worth."""
    if isinstance(tier, DayTier):
        beyond = f" beyond {span(tier.over)}" if tier.over else ""
        return (
            f"for each started {span(tier.per)} of bad time{beyond}: {float(tier.days):g} days of the service's charge"
        )
    worth = f"{format_share(tier.share)} of the service's charge"
    if isinstance(tier, AttainedTier):
        floor = f"from {format_share(tier.lowest)} to " if tier.lowest else ""
        return f"{floor}below {format_share(tier.below)} attained: {worth}"
    return f"{'at least' if tier.inclusive else 'more than'} {span(tier.limit)} of bad time: {worth}"


def notice_terms(agreement: Agreement) -> list[str]:
    """What the agreement promises to tell, whom and how soon."""
    notices = agreement.notices
    named = {
        "violation": notices.violation,
        "degradation": notices.degradation,
        "restoration": notices.restoration,
        "no data": notices.no_data,
    }
    terms = [f"{sentence(kind)}: {_told(notice)}." for kind, notice in named.items() if notice is not None]
    work = notices.maintenance
    if work is not None:
        reminder = f", with a reminder {span(work.reminder)} before" if work.reminder else ""
        terms.append(f"Planned work: {_work_terms(work)}{reminder}.")
        if work.emergency is not None:
            terms.append(f"Emergency work: {_work_terms(work.terms_for(True))}.")
    asked = agreement.confirmation
    terms.append(
        f"Once restored: {_people(asked.to)}, with the question whether the problem is solved and a reminder after "
        f"{span(asked.remind_after)}. Without an answer the case is closed after {span(asked.close_after)}. "
        f"For {span(asked.reopen_within)} after it was closed, a no takes it up again."
    )
    return terms


def _work_terms(terms: WorkTerms) -> str:
    days = terms.lead_time // DAY
    lead = span(terms.lead_time) if terms.working_days is None else f"{days} working day{'' if days == 1 else 's'}"
    quota = "" if terms.per_month is None else f", at most {terms.per_month} a month"
    wished = "" if terms.by_agreement else ", also where the customer asked for the window itself"
    return f"{_people(terms.to)} at least {lead} before it starts{quota}{wished}"


def _told(notice: Notice) -> str:
    soon = f" within {span(notice.within)}" if notice.within else ""
    return f"{_people(notice.to)}{soon}"


def _people(roles: Sequence[str]) -> str:
    return " and ".join(roles) if len(roles) < 3 else f"{', '.join(roles[:-1])} and {roles[-1]}"


def hours_words(hours: ServiceHours | None) -> str:
    if hours is None:
        return "always"
    days = [f"{_WEEKDAYS[n]} {_minute(open_[0])}–{_minute(open_[1])}" for n, open_ in enumerate(hours.hours) if open_]
    closed = f", except public holidays ({hours.holidays})" if hours.holidays else ""
    return ", ".join(days) + closed


def _minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def counts_events(objective: Objective) -> bool:
    """Whether its budget is one of events, and not of time."""
    indicator = objective.indicator
    return isinstance(indicator, Commitments) or (isinstance(indicator, Ratio) and indicator.weighting == "events")


def counted(objective: Objective) -> str:
    """What a verdict of this objective counts."""
    if isinstance(objective.indicator, Ratio | Commitments):
        return "Events"
    return f"Slots of {span(objective.indicator.slot)}"


def sentence(text: str) -> str:
    """`text` with a capital first letter; the rest stays as it is, unlike with `capitalize`."""
    return text[:1].upper() + text[1:]


def plain(value: float) -> str:
    """A measured value for people: at most six significant digits, in powers of ten only where there are very many
    places."""
    rounded = Decimal(f"{value:.6g}")
    many = rounded and not -6 <= rounded.adjusted() < 15
    return scientific_text(rounded, 6) if many or not rounded.is_finite() else format(rounded, "f")


def money(amount: Decimal | str, currency: str) -> str:
    return f"{Decimal(amount):,} {currency}"


# -- texts ----------------------------------------------------------------------------------------------------

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]]")


def linked(text: str, escape: Callable[[str], str]) -> str:
    """Plain text as HTML, its web addresses as links that open in a new tab."""
    parts, done = [], 0
    for match in _LINK.finditer(text):
        url = escape(match[0])
        parts.append(escape(text[done : match.start()]))
        parts.append(f'<a href="{url}" target="_blank" rel="noopener noreferrer">{url}</a>')
        done = match.end()
    return "".join([*parts, escape(text[done:])])
