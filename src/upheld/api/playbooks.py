"""Playbooks put as YAML, and what is said of the steps that they ask for."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from upheld.actions.playbook import DEFAULT_TEXT, Playbooks
from upheld.actions.runs import Verb
from upheld.api.agreements import YAML, yaml_text
from upheld.api.inputs import Asking, Input, RawBody, json_body
from upheld.api.problems import Problem, field_problem, input_problem
from upheld.app import Application
from upheld.readers.faults import InputError
from upheld.readers.playbooks import parse_playbooks
from upheld.readers.yaml_source import parse_yaml
from upheld.reports.records import as_written, record_document

_WORDS: dict[Verb, str] = {
    "approve": "an approval that is awaited can be approved",
    "reject": "an approval that is awaited can be rejected",
    "skip": "a step that is done or skipped already cannot be skipped",
    "done": "a step that has ended well cannot be done by hand, and an approval is approved",
    "fail": "a step that has ended, or an approval, cannot be said to have failed",
    "again": "a step can be taken again once it is done, has failed or was skipped",
}


class Said(Input):
    """Why, and what the outside names the step by, where it was done by hand."""

    reason: Annotated[str, Field(max_length=2000)] = ""
    reference: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class ActionQuery(Input):
    """How many, oldest first."""

    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


def router(application: Application) -> APIRouter:
    """`/v1/playbooks` and `/v1/actions`."""
    routes = APIRouter(prefix="/v1", tags=["playbooks"])

    @routes.put("/playbooks", openapi_extra={"requestBody": {"required": True, "content": {YAML[0]: {}}}})
    def put(caller: Asking, body: RawBody) -> dict[str, Any]:
        """Puts playbooks in force, in place of those before; the same text again changes nothing. What has begun goes
        on as it was."""
        text = yaml_text(*body)
        try:
            playbooks = parse_playbooks(text, "body")
        except InputError as error:
            raise input_problem(error) from None
        _check_channels(application, caller.tenant, playbooks)
        version = application.process.steps.adopt_playbooks(caller.tenant, text, caller.name)
        return {"version": version, "playbooks": [playbook.id for playbook in playbooks.playbooks]}

    @routes.get("/playbooks")
    def get(caller: Asking) -> dict[str, Any]:
        """The playbooks in force as they were written; `version` is null where they are the built-in ones."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            newest = t.playbooks()
        version, text = (None, DEFAULT_TEXT) if newest is None else newest
        return {"version": version, **as_written(parse_yaml(text, "playbooks").value)}

    @routes.get("/actions")
    def actions(caller: Asking, query: Annotated[ActionQuery, Query()]) -> dict[str, Any]:
        """The steps of all cases that are to be taken, or wait for an answer."""
        with application.store.transaction(caller.tenant, writing=False) as t:
            return {"actions": [record_document(action) for action in t.actions_to_do(query.limit)]}

    @routes.post("/actions/{action_id:path}/{verb}", dependencies=[Depends(json_body)])
    def say(
        caller: Asking,
        action_id: str,
        verb: Verb,
        said: Said,
    ) -> dict[str, Any]:
        """Approves, rejects, skips a step, says that it was done by hand or has failed, or has it taken again; returns
        it as it is then."""
        reason = said.reason.strip()
        if verb in ("skip", "reject", "fail") and not reason:
            raise field_problem("reason", "is missing: say why")
        answer(application, caller.tenant, action_id, verb, caller.name, reason, said.reference)
        with application.store.transaction(caller.tenant, writing=False) as t:
            action = t.action(action_id)
            assert action is not None, "a step that was there is gone"
            return record_document(action)

    return routes


def answer(
    application: Application, tenant: str, action_id: str, verb: Verb, by: str, reason: str, reference: str | None
) -> None:
    """Says it of a step. Raises Problem where there is no such step, or it cannot be said of it as it is."""
    match application.process.steps.change(tenant, action_id, verb, by, reason, reference):
        case "unknown":
            raise Problem(404, "there is no step of that id")
        case "too_late":
            raise Problem(409, _WORDS[verb])


def _check_channels(application: Application, tenant: str, playbooks: Playbooks) -> None:
    """A step towards a channel that is not there would fail unseen until its day comes."""
    for number, playbook in enumerate(playbooks.playbooks):
        for place, step in enumerate(playbook.steps):
            if step.to is not None and not application.channels.may(tenant, step.to):
                known = application.channels.of(tenant)
                has = f"the installation has {', '.join(known)}" if known else "the installation has none"
                raise field_problem(f"playbooks[{number}].steps[{place}].to", f"{step.to!r} is no channel; {has}")
