"""Dead letters: what could not be taken in, with its reasons, and what an operator does with it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from upheld.measurements.dead_letters import held
from upheld.ports import NotKept
from upheld.taking_in.replaying import DealtWith, Unknown
from upheld.web.site import Site, Visitor, form_of, signed_in

ENDED_SHOWN = 20
BODY_SHOWN = 2_000
"""Bytes of a body that its page shows; all of it comes by the API."""


def add_pages(routes: APIRouter, site: Site) -> None:
    """The list, and one with the beginning of its body."""
    visit, submit = signed_in(site), form_of(site)
    replays, store = site.application.replays, site.application.store

    @routes.get("/dead-letters")
    def dead_letters(
        request: Request, visitor: Annotated[Visitor, Depends(visit)], done: str = "", failed: str = ""
    ) -> Response:
        with store.transaction(visitor.tenant, writing=False) as t:
            waiting = t.dead_letters(state="waiting")
            ended = [*t.dead_letters(state="replayed", limit=ENDED_SHOWN)]
            ended += t.dead_letters(state="discarded", limit=ENDED_SHOWN)
            dropped = t.dead_letters_dropped()
        ended.sort(key=lambda letter: -(letter.ended_at or 0))
        return site.page(
            request,
            "dead_letters.html",
            visitor,
            waiting=waiting,
            ended=ended[:ENDED_SHOWN],
            dropped=dropped,
            done=done[:200],
            failed=failed[:200],
        )

    @routes.get("/dead-letters/{letter_id}")
    def dead_letter(request: Request, letter_id: str, visitor: Annotated[Visitor, Depends(visit)]) -> Response:
        with store.transaction(visitor.tenant, writing=False) as t:
            found = t.dead_letter(letter_id)
        if found is None:
            raise HTTPException(404, "There is no such dead letter.")
        return site.page(request, "dead_letter.html", visitor, letter=found, body=_shown(found.body))

    @routes.post("/dead-letters/{letter_id}")
    def deal_with(
        letter_id: str, visitor: Annotated[Visitor, Depends(submit)], step: Annotated[str, Form()]
    ) -> Response:
        if step not in ("replay", "discard"):
            raise HTTPException(400)
        try:
            if step == "discard":
                replays.discard(visitor.tenant, letter_id, visitor.caller.name)
                return _back(done=f"{letter_id} is discarded.")
            came = replays.replay(visitor.tenant, letter_id, visitor.caller.name)
        except Unknown:
            raise HTTPException(404, "There is no such dead letter.") from None
        except (DealtWith, NotKept) as error:
            return _back(failed=f"{str(error)[:1].upper()}{str(error)[1:]}.")
        what = held(came.letter.protocol)
        taken = f"{came.taken:,} {what if came.taken == 1 else f'{what}s'} taken"
        if came.letter.state == "replayed":
            return _back(done=f"{letter_id} is replayed: {taken}.")
        return _back(failed=f"{letter_id} waits on ({taken}): {came.letter.detail[0]['message']}.")


def _back(**said: str) -> Response:
    return RedirectResponse(f"/dead-letters?{urlencode(said)}", status_code=303)


def _shown(body: bytes) -> str:
    """The beginning of a body as text, or what its bytes are."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if text and (text.isprintable() or all(c.isprintable() or c in "\n\r\t" for c in text)):
        return text[:BODY_SHOWN]
    return body[: BODY_SHOWN // 4].hex(" ", 2)
