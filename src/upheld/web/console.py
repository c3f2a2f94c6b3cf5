"""The operator's console: overview, agreements, cases, maintenance, tickets, and a demonstration's mailbox."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.actions.runs import TICKETS
from upheld.agreements.model import Portfolio
from upheld.assessment.verdict import Verdict
from upheld.cases.decide import Command, Update
from upheld.channels.listed_tickets import ListedTickets
from upheld.channels.mail import message_id
from upheld.ports import Transaction, VerdictFilter
from upheld.process.casework import answering, resolving
from upheld.web import casework, mails, problems, resolutions, standing
from upheld.web.expected import expected
from upheld.web.markdown import rendered
from upheld.web.planned_pages import add_works
from upheld.web.said import LONGEST_COMMENT, score_of
from upheld.web.site import Site, Visitor, form_of, signed_in

MOST_PAGES = 1_000_000
PERIODS_SHOWN, PERIODS_UNFOLDED = 24, 7
MAILS_KNOWN = 5_000
_SHOWN = {"at_risk": ("at_risk",), "violated": ("violated",), "no_data": ("no_data",)}
_FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def add_pages(routes: APIRouter, site: Site) -> None:
    """Every page of the console; each needs a session, and each form the session's token."""
    _add_overview(routes, site)
    _add_cases(routes, site)
    add_works(routes, site)
    _add_mailbox(routes, site)


def _add_overview(routes: APIRouter, site: Site) -> None:
    visit = signed_in(site)

    @routes.get("/")
    def overview(request: Request, visitor: Annotated[Visitor, Depends(visit)], show: str = "all") -> Response:
        portfolio = _portfolio(site, visitor)
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found = standing.standings(t, portfolio, site.now()) if portfolio is not None else []
            counted = standing.counts(t, found, site.now())
        wanted = _SHOWN.get(show)
        shown = found if wanted is None else [one for one in found if one.status in wanted]
        customers = standing.by_customer(portfolio, shown) if portfolio is not None else []
        return site.page(
            request,
            "overview.html",
            visitor,
            counts=counted,
            customers=customers,
            show=show if wanted is not None else "all",
            public_url=site.application.settings.public_url,
        )

    @routes.get("/agreements/{agreement_id:path}")
    def agreement(request: Request, agreement_id: str, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        portfolio = _portfolio(site, visitor)
        found = portfolio.agreement(agreement_id, site.now()) if portfolio else None
        if found is None:
            raise HTTPException(404, "There is no such agreement in force.")
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            verdicts = t.verdicts(VerdictFilter(agreement=agreement_id))
            claims = {claim.key: claim for claim in t.claims(agreement=agreement_id)}
        periods: dict[tuple[str, str], list[Verdict]] = {}
        for verdict in sorted(verdicts, key=lambda v: -v.period_start):
            periods.setdefault((verdict.objective, verdict.service), []).append(verdict)
        return site.page(
            request,
            "agreement.html",
            visitor,
            agreement=found,
            customer=casework.customer_name(portfolio, found.customer),
            periods={key: listed[:PERIODS_SHOWN] for key, listed in periods.items()},
            newest=PERIODS_UNFOLDED,
            claims=claims,
            bar=standing.bar,
            amendments=[a for a in portfolio.agreements if a.id == agreement_id] if portfolio else [],
        )


def _add_cases(routes: APIRouter, site: Site) -> None:
    visit, submit = signed_in(site), form_of(site)

    @routes.get("/cases")
    def cases(
        request: Request,
        visitor: Annotated[Visitor, Depends(visit)],
        page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    ) -> Response:
        portfolio = _portfolio(site, visitor)
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            listed = problems.cases_page(t, portfolio, page)
        return site.page(request, "cases.html", visitor, listed=listed)

    @routes.get("/problems/{problem_id}")
    def problem(
        request: Request,
        problem_id: str,
        visitor: Annotated[Visitor, Depends(visit)],
        page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
    ) -> Response:
        portfolio = _portfolio(site, visitor)
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found = problems.problem_page(t, portfolio, problem_id, page)
        if found is None:
            raise HTTPException(404, "There is no such problem.")
        return site.page(request, "problem.html", visitor, page=found, problem=found.problem)

    @routes.post("/problems/{problem_id}/update")
    def update_problem(
        problem_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        text: Annotated[str, Form(min_length=1, max_length=2_000)],
    ) -> Response:
        process, by = site.application.process, visitor.caller.key_id
        if process.update_problem(visitor.tenant, problem_id, text.strip(), by) is None:
            raise HTTPException(404, "There is no such problem.")
        return RedirectResponse(f"/problems/{quote(problem_id)}", 303)

    @routes.get("/cases/{case_id}")
    def case(request: Request, case_id: str, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        portfolio = _portfolio(site, visitor)
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found = t.case(case_id)
            if found is None:
                raise HTTPException(404, "There is no such case.")
            page = casework.page(t, site.application.log, visitor.tenant, found, portfolio, site.now())
            owed = resolving.owed_of(t, found)
        current = site.application.process.in_force(visitor.tenant)
        outlook = site.application.process.cases.outlook(visitor.tenant, found)
        objective = page.objective
        expectation = expected(outlook, page.verdict, objective, site.now()) if outlook and objective else None
        beside = site.application.process.cases.related_to(visitor.tenant, found)
        return site.page(
            request,
            "case.html",
            visitor,
            page=page,
            case=found,
            bar=standing.bar,
            expected=expectation,
            related=beside,
            owed=owed,
            causes=resolutions.causes(page.findings),
            who=casework.who,
            reopens_until=answering.reopens_until(current, found, site.now()),
        )

    @routes.post("/cases/{case_id}/update")
    def update(
        case_id: str, visitor: Annotated[Visitor, Depends(submit)], text: Annotated[str, Form(max_length=2_000)] = ""
    ) -> Response:
        return _command(site, visitor, case_id, Update(text.strip(), visitor.caller.key_id))

    @routes.post("/cases/{case_id}/answer")
    def answer(
        case_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        contact: Annotated[str, Form(min_length=1, max_length=200)],
        solved: Annotated[Literal["yes", "no"], Form()],
        comment: Annotated[str, Form(max_length=LONGEST_COMMENT)] = "",
        score: Annotated[str, Form()] = "",
    ) -> Response:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found = t.case(case_id)
        if found is None:
            raise HTTPException(404, "There is no such case.")
        words = contact.strip(), solved == "yes", comment.strip(), score_of(score)
        by = visitor.caller.name
        came = site.application.process.cases.answer(
            visitor.tenant, case_id, found.asked, *words, via="console", taken_by=by
        )
        if came == "too_late":
            raise HTTPException(409, "Nothing is asked of this case, or it was asked again in the meantime.")
        return RedirectResponse(f"/cases/{quote(case_id)}#answers", 303)

    @routes.post("/cases/{case_id}/examine")
    def examine(case_id: str, visitor: Annotated[Visitor, Depends(submit)]) -> Response:
        if site.application.process.cases.examine_again(visitor.tenant, case_id) == "unknown":
            raise HTTPException(404, "There is no such case.")
        return RedirectResponse(f"/cases/{quote(case_id)}", 303)

    @routes.get("/cases/{case_id}/report")
    def report(
        request: Request, case_id: str, visitor: Annotated[Visitor, Depends(visit)], download: bool = False
    ) -> Response:
        text = site.application.process.cases.incident_report(visitor.tenant, case_id)
        if text is None:
            raise HTTPException(404, "There is no such case.")
        if download:
            named = {"Content-Disposition": f'attachment; filename="post-incident-{case_id}.md"'}
            return Response(text, media_type="text/markdown; charset=utf-8", headers=named)
        return site.page(request, "report.html", visitor, case_id=case_id, report=rendered(text))

    @routes.post("/cases/{case_id}/ask")
    def ask_again(case_id: str, visitor: Annotated[Visitor, Depends(submit)]) -> Response:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found = t.case(case_id)
        if found is None:
            raise HTTPException(404, "There is no such case.")
        if casework.may_ask(found):
            site.application.process.cases.ask_again(visitor.tenant, case_id, visitor.caller.key_id)
        return RedirectResponse(f"/cases/{case_id}", status_code=303)

    @routes.get("/tickets")
    def tickets(request: Request, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            listed = t.tickets()
        outside = not isinstance(site.application.channels.tickets[TICKETS], ListedTickets)
        return site.page(request, "tickets.html", visitor, tickets=listed, outside=outside)


def _command(site: Site, visitor: Visitor, case_id: str, command: Command) -> Response:
    """Gives a case a command and shows its page again; one that comes too late changes nothing."""
    if site.application.process.cases.command(visitor.tenant, case_id, command) == "unknown":
        raise HTTPException(404, "There is no such case.")
    return RedirectResponse(f"/cases/{case_id}", status_code=303)


def _add_mailbox(routes: APIRouter, site: Site) -> None:
    visit = signed_in(site)

    def catcher() -> Path:
        found = site.application.settings.mail_catcher
        if found is None:
            raise HTTPException(404)
        return found

    def one(visitor: Visitor, key: str) -> mails.Mail:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            found = mails.mail(catcher(), key, _mine(visitor.tenant, t))
        if found is None:
            raise HTTPException(404, "There is no such mail.")
        return found

    @routes.get("/mailbox")
    def mailbox(request: Request, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        with site.application.store.transaction(visitor.tenant, writing=False) as t:
            listed = mails.mails(catcher(), _mine(visitor.tenant, t))
        return site.page(request, "mailbox.html", visitor, mails=listed)

    @routes.get("/mailbox/{key}")
    def mail(request: Request, key: str, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        return site.page(request, "mail.html", visitor, mail=one(visitor, key))

    @routes.get("/mailbox/{key}/html")
    def mail_html(key: str, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        found = one(visitor, key)
        if found.html is None:
            raise HTTPException(404, "This mail has no HTML part.")
        headers = {
            "Content-Security-Policy": _FRAME_POLICY,
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return HTMLResponse(mails.framed(found.html), headers=headers)

    @routes.get("/mailbox/{key}/attachments/{number}")
    def attachment(key: str, number: int, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        attachments = one(visitor, key).attachments
        if not 0 <= number < len(attachments):
            raise HTTPException(404, "There is no such attachment.")
        found = attachments[number]
        headers = {
            "Content-Disposition": f'attachment; filename="{found.file_name}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "no-store",
        }
        return Response(found.content, media_type=found.media_type, headers=headers)


def _mine(tenant: str, t: Transaction) -> Callable[[mails.Mail], bool]:
    """Whether a mail carries one of the tenant's notices: the catcher takes those of every tenant."""
    own = {message_id(tenant, notice, "").strip("<@>") for notice in t.notices(limit=MAILS_KNOWN)}
    return lambda mail: mail.message_id.partition("@")[0] in own


def _portfolio(site: Site, visitor: Visitor) -> Portfolio | None:
    return site.application.process.portfolio(visitor.tenant)
