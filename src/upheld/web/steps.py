"""What people say of a step: by the console's buttons, or by a signed link that its channel was sent.

Mail scanners and chat previews follow links, so opening the page decides nothing; only its buttons do.
"""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from upheld.actions.model import Action
from upheld.actions.runs import Verb
from upheld.notices.links import StepQuestion
from upheld.web import words
from upheld.web.addressed import OUR_PEOPLE
from upheld.web.site import Site, Visitor, behind, form_of

LONGEST_REASON = 2000
_NEEDS_REASON = ("skip", "reject", "fail")
_BY_LINK: dict[str, tuple[Verb, ...]] = {"approve": ("approve", "reject"), "webhook": ("done", "fail")}
"""What can be said by a link, by the kind of step."""


def add_pages(routes: APIRouter, site: Site) -> None:
    """`POST /actions/{id}` of the console, and `/decide/{token}` for those who have a link."""
    submit = form_of(site)

    @routes.post("/actions/{action_id:path}")
    def say(
        action_id: str,
        visitor: Annotated[Visitor, Depends(submit)],
        verb: Annotated[str, Form()] = "",
        reason: Annotated[str, Form()] = "",
        reference: Annotated[str, Form()] = "",
    ) -> Response:
        action = _action(site, StepQuestion(visitor.tenant, action_id))
        if action is None:
            raise HTTPException(404, "There is no such step.")
        said = _verb(verb, get_args(Verb))
        fault = None if said is None else _fault(said, reason)
        if said is None or fault is not None:
            raise HTTPException(400, fault or "Please choose one of the buttons.")
        given = said, visitor.caller.name, reason.strip(), reference.strip()[:200] or None
        if site.application.process.steps.change(visitor.tenant, action_id, *given) != "taken":
            raise HTTPException(409, "The step has moved on since the page was loaded: look at it again.")
        kind = "problems" if action.case_id.startswith("P-") else "cases"
        return RedirectResponse(f"/{kind}/{action.case_id}", status_code=303)

    @routes.get("/decide/{token}")
    def ask(request: Request, token: str) -> Response:
        return show(request, _find(site, token))

    @routes.post("/decide/{token}")
    def decide(
        request: Request,
        token: str,
        verb: Annotated[str, Form()] = "",
        reason: Annotated[str, Form()] = "",
        by: Annotated[str, Form()] = "",
    ) -> Response:
        found = _find(site, token)
        if found is None:
            return show(request, None)
        question, action = found
        said = _verb(verb, _BY_LINK.get(action.kind, ()))
        fault = "Please choose one of the two." if said is None else _fault(said, reason)
        if not by.strip():
            fault = "Please say who you are: it is recorded with the decision."
        if said is None or fault is not None:
            return show(request, found, 400, fault=fault, reason=reason, by=by)
        who = f"{by.strip()[:100]}, by the link sent to {action.channel}"
        site.application.process.steps.change(question.tenant, question.action, said, who, reason.strip())
        return show(request, _find(site, token))

    def show(
        request: Request, found: tuple[StepQuestion, Action] | None, status: int = 200, **more: Any
    ) -> HTMLResponse:
        action = None if found is None else found[1]
        known: dict[str, Any] = {"fault": None, "reason": "", "by": "", "action": action, "verbs": ()}
        if action is not None and action.state in ("waiting", "requested"):
            known["verbs"] = _BY_LINK.get(action.kind, ())
        return site.signed_page(
            request, "decide.html", 404 if action is None else status, OUR_PEOPLE, **{**known, **more}
        )


def _find(site: Site, token: str) -> tuple[StepQuestion, Action] | None:
    return behind(site.application.links.read_step, token, lambda question: _action(site, question))


def _action(site: Site, question: StepQuestion) -> Action | None:
    with site.application.store.transaction(question.tenant, writing=False) as t:
        return t.action(question.action)


def _verb(text: str, allowed: tuple[Verb, ...]) -> Verb | None:
    return next((verb for verb in allowed if verb == text), None)


def _fault(verb: Verb, reason: str) -> str | None:
    if verb in _NEEDS_REASON and not reason.strip():
        return f"{words.VERB[verb]}: please say why."
    if len(reason) > LONGEST_REASON:
        return f"Please keep the reason to {LONGEST_REASON} characters; it has {len(reason)}."
    return None
