"""Promises of handling: those that run, the one that is missed first first; and how they were kept, month by month."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from upheld.agreements.calendars import calendar_periods
from upheld.agreements.model import Portfolio
from upheld.agreements.units import DAY, to_datetime
from upheld.cases.clocks import fixing_since, informed_at
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import Case
from upheld.cases.performance import Kept, Performance
from upheld.ports import AgendaEntry, Transaction
from upheld.process.telling.reactions import CLOCK, UPDATE
from upheld.web import words
from upheld.web.casework import customer_names
from upheld.web.resolutions import owed_rows
from upheld.web.site import Site, Visitor, signed_in

A_PAGE = 50
MONTHS = 6
Which = Literal["all", "told", "fixed", "update", "resolution"]
_KINDS: dict[str, tuple[str, ...]] = {"all": (CLOCK, UPDATE), "fixed": (CLOCK,), "update": (UPDATE,)}
_TONES = {"told": "accent", "fixed": "met", "updates": "at-risk", "asked": "violated", "put down what it was": "muted"}
_ENDING = {"all": (), "fixed": ("/missed",), "update": ()}


@dataclass(frozen=True, slots=True)
class Running:
    """A promise that runs: what is promised, until when, for which case or problem, and of whom."""

    what: str
    due: int
    name: str
    address: str
    service: str
    customer: str


@dataclass(frozen=True, slots=True)
class Month:
    """How the promises of a month were kept, by what was promised."""

    name: str
    cases: int
    kept: Mapping[str, Kept]
    satisfaction: str


def running(
    t: Transaction, portfolio: Portfolio | None, which: Which, after: tuple[int, str] | None
) -> tuple[list[Running], tuple[int, str] | None]:
    """A page of the promises that run behind the place `after`, and the place behind it; None where it is the last.
    Clocks that a case has overtaken are passed over."""
    names = customer_names(portfolio)
    if which == "told":
        return _to_be_told(t, names, after)
    if which == "resolution":
        return _to_be_put_down(t, portfolio, after)
    found = t.agenda_from(_KINDS[which], _ENDING[which], after, A_PAGE)
    behind = (found[-1].due_at, found[-1].id) if len(found) == A_PAGE else None
    shown = []
    for entry in found:
        case = t.case(entry.data["case"])
        if case is not None and _still_runs(case, entry):
            what = "Next update to the customer" if entry.kind == UPDATE else "Good again"
            shown.append(_of(case, what, entry.data["due"], names))
    return shown, behind


def _still_runs(case: Case, entry: AgendaEntry) -> bool:
    if case.state not in UNSOLVED or (entry.kind == CLOCK and not entry.data["missed"]):
        return False
    return bool(entry.data["since"] == (informed_at(case) if entry.kind == UPDATE else fixing_since(case)))


def _of(case: Case, what: str, due: int, names: dict[str, str]) -> Running:
    service = f"{case.service}: {case.objective}"
    return Running(what, due, case.id, f"/cases/{case.id}", service, names.get(case.customer, case.customer))


def _to_be_told(
    t: Transaction, names: dict[str, str], after: tuple[int, str] | None
) -> tuple[list[Running], tuple[int, str] | None]:
    found = t.notices_promised(after, A_PAGE)
    behind = (found[-1].due_by or 0, found[-1].id) if len(found) == A_PAGE else None
    shown = []
    for notice in found:
        name = notice.case_id or notice.problem_id or notice.maintenance_id or ""
        place = "cases" if notice.case_id else "problems" if notice.problem_id else "maintenance"
        address = "/maintenance" if place == "maintenance" else f"/{place}/{name}"
        what = f"Told: {words.NOTICE_KIND[notice.kind].lower()}"
        customer = names.get(notice.customer or "", notice.customer or "")
        shown.append(Running(what, notice.due_by or 0, name, address, notice.role, customer))
    return shown, behind


def _to_be_put_down(
    t: Transaction, portfolio: Portfolio | None, after: tuple[int, str] | None
) -> tuple[list[Running], tuple[int, str] | None]:
    rows = owed_rows(t, portfolio, after, A_PAGE)
    behind = (rows[-1].owed.due, rows[-1].owed.subject) if len(rows) == A_PAGE else None
    what = "What it was put down"
    return [Running(what, r.owed.due, r.owed.subject, r.address, r.about, r.customer) for r in rows], behind


def months(now: int, count: int = MONTHS) -> Iterator[tuple[str, int, int]]:
    """The last calendar months in UTC, this one last: name, start, end in microseconds."""
    spans = list(calendar_periods("month", UTC, now - count * 31 * DAY, now + 1))  # type: ignore[arg-type]
    for start, end in spans[-count:]:
        moment: datetime = to_datetime(start)
        yield f"{moment:%Y-%m}", start, end


def month_of(name: str, found: Performance) -> Month:
    """What a month came to."""
    told = list(found.told.values())
    whole = Kept(sum(k.kept for k in told), sum(k.missed for k in told), sum(k.runs for k in told))
    answers = sum(found.scores.values())
    mean = sum(score * n for score, n in found.scores.items()) / answers if answers else None
    satisfied = "–" if mean is None else f"{mean:.1f} of 5, {answers} answer{'' if answers == 1 else 's'}"
    kept = {
        "told": whole,
        "fixed": found.fixed,
        "updates": found.updates,
        "asked": found.asked,
        "put down what it was": found.resolved,
    }
    return Month(name, found.cases, kept, satisfied)


def drawn(found: Sequence[Month]) -> dict[str, Any]:
    """The months as the chart takes them: of what is decided, how much was kept in time, in percent, None where
    nothing is."""

    def percent(kept: Kept) -> float | None:
        return None if kept.share is None else round(float(kept.share) * 100, 1)

    return {
        "months": [month.name for month in found],
        "series": [
            {"name": name, "tone": tone, "values": [percent(month.kept[name]) for month in found]}
            for name, tone in _TONES.items()
        ],
    }


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/promises` and `/performance`."""
    visit = signed_in(site)

    @routes.get("/promises")
    def promises(
        request: Request, visitor: Annotated[Visitor, Depends(visit)], show: str = "all", after: str = ""
    ) -> Response:
        which: Which = show if show in get_args(Which) else "all"  # type: ignore[assignment]
        portfolio = site.application.process.portfolio(visitor.tenant)
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found, behind = running(t, portfolio, which, _place(after))
        further = None if behind is None else f"{behind[0]}~{behind[1]}"
        return site.page(request, "promises.html", visitor, running=found, show=which, after=after, further=further)

    @routes.get("/performance")
    def performance(request: Request, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        process = site.application.process
        found = [
            month_of(name, process.cases.performance(visitor.tenant, start, end))
            for name, start, end in months(site.now())
        ]
        return site.page(request, "performance.html", visitor, months=found, drawn=drawn(found))


def _place(after: str) -> tuple[int, str] | None:
    if not after:
        return None
    due, _, name = after.partition("~")
    if not due.isdecimal() or len(due) > 18 or not name:
        raise HTTPException(404, "There is no such page of the list.")
    return int(due), name
