"""Dead letters: what could not be taken, looked at, replayed and discarded."""

import base64
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from upheld.agreements.units import format_instant
from upheld.api.inputs import Asking, Input, Name
from upheld.api.problems import Problem
from upheld.app import Application
from upheld.measurements.dead_letters import DeadLetter, DeadLetterState
from upheld.taking_in.replaying import DealtWith, Unknown


class DeadLetterQuery(Input):
    """Those in this state, and of this reason."""

    state: DeadLetterState | None = None
    reason: Name | None = None
    limit: Annotated[int, Field(ge=1, le=5_000)] = 500


def router(application: Application) -> APIRouter:
    """`/v1/dead-letters`."""
    routes = APIRouter(prefix="/v1/dead-letters", tags=["measurements"])
    replays, store = application.replays, application.store

    @routes.get("")
    def many(caller: Asking, query: Annotated[DeadLetterQuery, Query()]) -> dict[str, Any]:
        """Dead letters, newest first, without their bodies; `dropped` counts those for which there was no room and
        which nobody had dealt with."""
        with store.transaction(caller.tenant, writing=False) as t:
            found = t.dead_letters(state=query.state, reason=query.reason, limit=query.limit)
            return {"dead_letters": [_document(letter) for letter in found], "dropped": t.dead_letters_dropped()}

    @routes.get("/{letter_id}")
    def one(caller: Asking, letter_id: Name) -> dict[str, Any]:
        """One dead letter with its body: `text` where it is text, and `base64` otherwise."""
        with store.transaction(caller.tenant, writing=False) as t:
            letter = t.dead_letter(letter_id)
        if letter is None:
            raise Problem(404, f"there is no dead letter {letter_id}")
        return {**_document(letter), **_body(letter.body)}

    @routes.post("/{letter_id}/replay")
    def replay(caller: Asking, letter_id: Name) -> dict[str, Any]:
        """Takes in what can be taken now, by the path that it came by. `state` is `replayed` where all of it was;
        otherwise it waits on, and `reason` and `detail` say what is wrong now."""
        try:
            came = replays.replay(caller.tenant, letter_id, caller.name)
        except Unknown as error:
            raise Problem(404, str(error)) from None
        except DealtWith as error:
            raise Problem(409, str(error)) from None
        return {**_document(came.letter), "taken": came.taken, "left_out": came.left_out or {}}

    @routes.post("/{letter_id}/discard")
    def discard(caller: Asking, letter_id: Name) -> dict[str, Any]:
        """Gives a dead letter up."""
        try:
            return _document(replays.discard(caller.tenant, letter_id, caller.name))
        except Unknown as error:
            raise Problem(404, str(error)) from None
        except DealtWith as error:
            raise Problem(409, str(error)) from None

    return routes


def _document(letter: DeadLetter) -> dict[str, Any]:
    document = {field.name: getattr(letter, field.name) for field in fields(letter) if field.name != "body"}
    instants = {"received_at": format_instant(letter.received_at), "ended_at": None}
    if letter.ended_at is not None:
        instants["ended_at"] = format_instant(letter.ended_at)
    return {**document, **instants, "detail": list(letter.detail), "cut": letter.cut}


def _body(body: bytes) -> dict[str, str]:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    return {"text": text} if "\0" not in text else {"base64": base64.b64encode(body).decode()}
