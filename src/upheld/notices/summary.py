"""The summary of what a calendar period came to under an agreement, once all of its verdicts are final. Pure; instants
in microseconds UTC."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from upheld.agreements.calendars import calendar_periods
from upheld.agreements.indicators import Availability, Commitments, Ratio
from upheld.agreements.intervals import Interval
from upheld.agreements.model import Agreement
from upheld.agreements.objectives import Objective
from upheld.agreements.parties import CUSTOMER, Party
from upheld.agreements.units import Bound, format_instant
from upheld.assessment.verdict import Verdict, to_document
from upheld.cases.model import Case
from upheld.maintenance.model import Announcement, Maintenance
from upheld.notices.facts import branded, role_words, verdict_facts, work_title
from upheld.notices.formats import Reader, days, one_line
from upheld.notices.model import Notice
from upheld.notices.planning import contacts_at, nobody, once_each, recorded
from upheld.notices.texts import render

LISTED = 50
"""Promises, cases and works that the text lists at most, of each; the webhook's body has all."""


@dataclass(frozen=True, slots=True)
class Line:
    """One promise of one service: its verdicts of the periods that ended in the summary's, and in the one before."""

    objective: Objective
    service: str
    verdicts: Sequence[Verdict]
    before: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class Summary:
    """[start, end) under an agreement: what was promised, the cases that were open at any time of it, and the works
    that were announced for it, with what the announcement has earned."""

    agreement: Agreement
    start: int
    end: int
    lines: Sequence[Line]
    cases: Sequence[Case]
    works: Sequence[tuple[Maintenance, Announcement]]


def summed_up(agreement: Agreement, instant: int, validity: tuple[int, int | None]) -> Interval | None:
    """The period of the agreement's summaries that an instant lies in, cut to the validity of the agreement with its
    amendments; None where it promises none, or is not valid then."""
    terms, (since, until) = agreement.notices.summary, validity
    if terms is None or instant < since or (until is not None and instant >= until):
        return None
    monthly = {p.sole_period.billing_day for p in agreement.promises if p.sole_period.calendar == "month"}
    billing_day = monthly.pop() if len(monthly) == 1 else 1
    start, end = next(calendar_periods(terms.every, agreement.time_zone, instant, instant + 1, billing_day))
    return max(start, since), end if until is None else min(end, until)


def plan_summary(summary: Summary, customer: Party | None, provider: Party | None, at: int) -> list[Notice]:
    """One notice for each contact of each role that the agreement names. The id is
    `summary/<agreement>/<start>/<role>/<n>`. Where nothing was assessed there is nothing to tell, and they say so."""
    agreement = summary.agreement
    assert agreement.notices.summary is not None, "a summary that nobody was promised"
    document, notices = to_summary_document(summary), list[Notice]()
    for role, number, contact, wanted in contacts_at(agreement.notices.summary.to, customer, provider, at):
        key = f"summary/{agreement.id}/{format_instant(summary.start)}/{role}/{number}"
        common = {"customer": agreement.customer, "agreement": agreement.id}
        if contact is None:
            notices.append(nobody(key, "summary", role, at, None, common))
            continue
        party = customer if role.startswith(CUSTOMER) else provider
        zone = contact.time_zone or (party.time_zone if party is not None else agreement.time_zone)
        reader = Reader(contact.language, zone)
        text = render("summary", _context(summary, customer, provider, role, reader))
        data = {"summary": document}
        notices.append(recorded(key, "summary", role, contact, wanted, zone, text, at, None, common, common, data))
    if not summary.lines:
        reason = "nothing to tell: nothing was assessed in the period"
        return [replace(n, state="stopped", reason=n.reason or reason) for n in notices]
    return once_each(notices)


# -- figures ----------------------------------------------------------------------------------------------------------


def worst(objective: Objective, verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict that is the furthest from what was promised."""

    def distance(verdict: Verdict) -> tuple[bool, bool, Decimal]:
        if verdict.attained is None:
            return verdict.status == "violated", False, Decimal(0)
        attained, target = Decimal(verdict.attained), objective.target
        lower = isinstance(target, Bound) and target.operator in ("<", "<=")
        return verdict.status == "violated", True, attained if lower else -attained

    return max(verdicts, key=distance)


def _counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    found = {"periods": len(verdicts)}
    for name, status in (("met", "met"), ("missed", "violated"), ("unmeasured", "no_data")):
        found[name] = sum(v.status == status for v in verdicts)
    return found


def _credits(verdicts: Iterable[Verdict]) -> list[tuple[Decimal, str]]:
    sums: dict[str, Decimal] = {}
    for verdict in verdicts:
        if verdict.credit is not None:
            currency = verdict.credit.currency
            sums[currency] = sums.get(currency, Decimal(0)) + verdict.credit.amount
    return [(amount, currency) for currency, amount in sorted(sums.items())]


def _bad(objective: Objective, verdicts: Sequence[Verdict]) -> dict[str, int]:
    """What counted against the promise, and what was left out of it: time, or of events their number."""
    indicator = objective.indicator
    bad = sum(v.bad for v in verdicts)
    if isinstance(indicator, Availability):
        return {"bad_time": bad * indicator.slot, "excluded_time": sum(v.excluded for v in verdicts) * indicator.slot}
    if isinstance(indicator, Commitments) or (isinstance(indicator, Ratio) and indicator.weighting == "events"):
        return {"bad_events": bad}
    return {}


def _earned(work: Maintenance, announcement: Announcement) -> str:
    """Whether a work counted as excluded: `all` of it, `part` of it, or `none`."""
    if work.state == "cancelled":
        return "cancelled"
    if announcement.earned:
        return "all"
    return "part" if announcement.services else "none"


def _told_cases(summary: Summary) -> list[Case]:
    """What was withdrawn was none, and a silence is about the measuring."""
    return [case for case in summary.cases if case.state != "withdrawn" and case.kind != "no_data"]


def _is_rolling(line: Line) -> bool:
    return line.objective.sole_period.rolling is not None


# -- words ------------------------------------------------------------------------------------------------------------


def _context(
    summary: Summary, customer: Party | None, provider: Party | None, role: str, reader: Reader
) -> dict[str, Any]:
    agreement = summary.agreement
    rows = [_row(line, agreement, reader) for line in summary.lines]
    rows.sort(key=lambda row: (not row["missed"], row["service"], row["objective"]))
    final = [v for line in summary.lines if not _is_rolling(line) for v in line.verdicts]
    earlier = [v for line in summary.lines if not _is_rolling(line) for v in line.before]
    cases = [_case(case) for case in _told_cases(summary)]
    works = [
        {"reference": one_line(work.id), "title": work_title(work.title, reader), "span": (work.start, work.end)}
        | {"earned": _earned(work, announcement)}
        for work, announcement in summary.works
    ]
    return {
        "reader": reader,
        "brand": branded(provider, reader),
        "role": role_words(role),
        "agreement": one_line(agreement.id),
        "customer": one_line(customer.name if customer else agreement.customer),
        "provider": one_line(provider.name) if provider else None,
        "to_customer": role.startswith(CUSTOMER),
        "period": days(summary.start, summary.end, reader, agreement.time_zone),
        "counts": _counts(final),
        "counts_before": _counts(earlier) if earlier else None,
        "credits": _credits(final),
        "credits_before": _credits(earlier),
        "to_claim": any(v.claim_by is not None for v in final),
        "rows": rows[:LISTED],
        "more_rows": max(len(rows) - LISTED, 0),
        "cases": cases[:LISTED],
        "more_cases": max(len(cases) - LISTED, 0),
        "works": works[:LISTED],
        "more_works": max(len(works) - LISTED, 0),
        "reference": agreement.id,
    }


def _row(line: Line, agreement: Agreement, reader: Reader) -> dict[str, Any]:
    shown = to_document(worst(line.objective, line.verdicts))
    before = worst(line.objective, line.before) if line.before else None
    facts = verdict_facts(shown, agreement, reader)
    then = None if before is None else verdict_facts(to_document(before), agreement, reader)
    return {
        **facts,
        **_counts(line.verdicts),
        "bad_time": None,
        "excluded_time": 0,
        "bad_events": None,
        **_bad(line.objective, line.verdicts),
        "credits": _credits(line.verdicts),
        "before": then,
        "rolling": _is_rolling(line),
    }


def _case(case: Case) -> dict[str, Any]:
    cause = case.resolution.get("cause")
    return {
        "reference": case.id,
        "service": one_line(case.service),
        "objective": one_line(case.objective),
        "kind": case.kind,
        "opened_at": case.opened_at,
        "lasted": None if case.restored_at is None else max(case.restored_at - case.opened_at, 0),
        "cause": one_line(cause) if cause else None,
    }


# -- documents --------------------------------------------------------------------------------------------------------


def to_summary_document(summary: Summary) -> dict[str, Any]:
    """The summary as JSON: instants as RFC 3339, lengths in seconds, money as decimals in text."""
    agreement = summary.agreement
    return {
        "agreement": agreement.id,
        "customer": agreement.customer,
        "period_start": format_instant(summary.start),
        "period_end": format_instant(summary.end),
        "objectives": [_line_document(line) for line in summary.lines],
        "cases": [_case_document(case) for case in _told_cases(summary)],
        "maintenance": [
            {
                "id": work.id,
                "title": work.title,
                "start": format_instant(work.start),
                "end": format_instant(work.end),
                "excluded": _earned(work, announcement),
                "services": list(announcement.services),
                "reason": announcement.reason,
            }
            for work, announcement in summary.works
        ],
    }


def version_told(summary: Mapping[str, Any], key: tuple[str, str, str, int], ended: int) -> int | None:
    """Which version of a verdict, whose period has ended at an instant, such a document sums up; None where it is of
    another period, or has nothing of the promise."""
    if not summary["period_start"] < format_instant(ended) <= summary["period_end"]:
        return None
    _, objective, service, start = key
    line = next((o for o in summary["objectives"] if (o["objective"], o["service"]) == (objective, service)), None)
    return None if line is None or line["rolling"] else line["restated"].get(format_instant(start), 1)


def _line_document(line: Line) -> dict[str, Any]:
    figures = {
        name: value // 1_000_000 if name.endswith("_time") else value
        for name, value in _bad(line.objective, line.verdicts).items()
    }
    return {
        "objective": line.objective.id,
        "service": line.service,
        "rolling": _is_rolling(line),
        **_came_to(line.objective, line.verdicts),
        **figures,
        "restated": {format_instant(v.period_start): v.version for v in line.verdicts if v.version > 1},
        "before": _came_to(line.objective, line.before) if line.before else None,
    }


def _came_to(objective: Objective, verdicts: Sequence[Verdict]) -> Mapping[str, Any]:
    shown = worst(objective, verdicts)
    return {
        **_counts(verdicts),
        "status": shown.status,
        "attained": shown.attained,
        "credits": [{"amount": str(amount), "currency": currency} for amount, currency in _credits(verdicts)],
    }


def _case_document(case: Case) -> dict[str, Any]:
    shown = _case(case)
    lasted = shown.pop("lasted")
    opened_at = format_instant(shown.pop("opened_at"))
    return {**shown, "opened_at": opened_at, "lasted": None if lasted is None else lasted // 1_000_000}
