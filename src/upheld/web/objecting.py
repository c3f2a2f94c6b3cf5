"""The customer's page of a planned work: that it was read, or that its window is bad, and when else it would be good.

Public, but only for whom we sent the signed link to. Mail scanners follow links, so opening the page says nothing; only
its buttons do. A program that asks for JSON under the same link is answered with it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse

from upheld.agreements.units import format_instant, parse_instant
from upheld.maintenance.model import Window
from upheld.notices.formats import duration, span
from upheld.notices.links import WorkQuestion
from upheld.notices.word_of_works import as_told, windows_document
from upheld.process.works.objecting import Asked, Refused
from upheld.reports.records import objection_document
from upheld.web.addressed import Addressee, receiver
from upheld.web.phrases import Phrases
from upheld.web.planned import instant_of
from upheld.web.said import LONGEST_COMMENT, wants_json
from upheld.web.site import Site, behind
from upheld.web.words import sentence

OWN = "own"
"""What stands in place of an offered window where the contact writes one."""
_SHOWN = ("id", "at", "wish", "reason", "state", "answer_by", "overdue", "answered_at", "answer", "agreed")
"""What the contact is told of its own objection: not which of our people has answered it."""
Found = tuple[WorkQuestion, Asked]


def add_pages(routes: APIRouter, site: Site) -> None:
    """`/planned/{token}`: GET shows, POST takes `wish`: `read`, with a `comment`, or `object`, with a `reason`, and
    another `window`: `START/END`, or `own` with `start` and `end`."""

    @routes.get("/planned/{token}")
    def look(request: Request, token: str) -> Response:
        found = _find(site, token)
        return show(request, 404 if found is None else 200, found)

    @routes.post("/planned/{token}")
    def take(
        request: Request,
        token: str,
        wish: Annotated[str, Form()] = "",
        comment: Annotated[str, Form()] = "",
        reason: Annotated[str, Form()] = "",
        window: Annotated[str, Form()] = "",
        start: Annotated[str, Form()] = "",
        end: Annotated[str, Form()] = "",
    ) -> Response:
        found = _find(site, token)
        if found is None:
            return show(request, 404, None)
        question, asked = found
        said = {"reason": reason.strip(), "window": window, "start": start.strip(), "end": end.strip()}
        if wish == "read" and len(comment) > LONGEST_COMMENT:
            too_long = f"the comment has at most {LONGEST_COMMENT:,} characters, and not {len(comment):,}"
            return show(request, 400, found, {"comment": comment}, {"comment": too_long})
        if wish == "read":
            site.application.notices.acknowledge(question.tenant, asked.notice.id, comment.strip())
            return show(request, 200, _find(site, token), done="read")
        if wish != "object":
            return show(request, 400, found, said, {"wish": "choose one of what is offered"})
        try:
            other = _window(said, _addressee(site, found).reader.zone)
            objection = site.application.process.works.object_to(
                question.tenant, question.notice, other, said["reason"]
            )
        except Refused as fault:
            return show(request, 409 if fault.field is None else 400, found, said, {fault.field or "": fault.message})
        is_new = asked.objection != objection and wants_json(request)
        return show(request, 201 if is_new else 200, _find(site, token), done="object")

    def show(
        request: Request,
        status: int,
        found: Found | None,
        said: Mapping[str, str] = MappingProxyType({}),
        faults: Mapping[str, str] = MappingProxyType({}),
        done: str = "",
    ) -> Response:
        if wants_json(request):
            return JSONResponse(_document(site, found, faults), status)
        to = None if found is None else _addressee(site, found)
        facts = {"standing": "invalid"} if found is None or to is None else _facts(site, found, to)
        shown = {name: _fault(name, text, to) for name, text in faults.items()}
        return site.signed_page(request, "planned.html", status, to, **facts, said=said, faults=shown, done=done)


def _find(site: Site, token: str) -> Found | None:
    def asked_by(question: WorkQuestion) -> Asked | None:
        return site.application.process.works.asked(question.tenant, question.notice)

    return behind(site.application.links.read_work, token, asked_by)


def _window(said: Mapping[str, str], zone: ZoneInfo) -> Window | None:
    """The window that is asked for; None where none is. Raises Refused."""
    if not any(said[name] for name in ("window", "start", "end")):
        return None
    if said["window"] in (OWN, ""):  # whoever writes a time asks for it
        faults: dict[str, str] = {}
        start, end = (_instant(said, name, zone, faults) for name in ("start", "end"))
        if start is None or end is None:
            name, message = next(iter(faults.items()))
            raise Refused(name, message.rstrip("."))
        return start, end
    try:
        start, end = (parse_instant(text) for text in said["window"].split("/"))
    except ValueError:
        raise Refused("window", "is START/END, each as RFC 3339 has it") from None
    return start, end


def _instant(said: Mapping[str, str], name: str, zone: ZoneInfo, faults: dict[str, str]) -> int | None:
    """What a field says: RFC 3339 with a zone, or the contact's local time."""
    try:
        return parse_instant(said[name])
    except ValueError:
        return instant_of({**said, "zone": zone.key}, name, faults)


def _addressee(site: Site, found: Found) -> Addressee:
    question, asked = found
    return receiver(site.application.process.portfolio(question.tenant), asked.notice)


def _fault(name: str, text: str, to: Addressee | None) -> str:
    """What is wrong with a field: in English whatever there is to say, in other languages what can be done."""
    if to is None or to.reader.language == "en":
        return f"{sentence(text)}."
    return Phrases(to.reader.language)(f"planned.fault.{name or 'other'}")


def _facts(site: Site, found: Found, to: Addressee) -> dict[str, Any]:
    """What the page shows."""
    _, asked = found
    return {
        "asked": asked,
        "standing": asked.standing,
        "called": "emergency" if asked.work.emergency and asked.work.kind == "maintenance" else asked.work.kind,
        "told": as_told(asked.notice),
        "zone": to.reader.zone.key,
        "own_word": _counts_own_word(asked),
        "offered": [(f"{format_instant(a)}/{format_instant(b)}", (a, b)) for a, b in _offered(site, found)],
        "in_words": lambda window: span(window, to.reader),
        "length": lambda length: duration(length, to.reader),
        "OWN": OWN,
    }


def _counts_own_word(asked: Asked) -> bool:
    """Whether a window that the contact asks for, and that is agreed to, needs no lead time."""
    promise = None if asked.agreement is None else asked.agreement.notices.maintenance
    return promise is not None and asked.work.interrupts and promise.terms_for(asked.work.emergency).by_agreement


def _offered(site: Site, found: Found) -> list[Window]:
    question, asked = found
    if asked.standing not in ("open", "objected"):
        return []
    return list(site.application.process.works.other_windows(question.tenant, asked))


def _document(site: Site, found: Found | None, faults: Mapping[str, str]) -> dict[str, Any]:
    if found is None:
        return {"error": "the link is not one of ours, or not whole"}
    if faults:
        name, text = next(iter(faults.items()))
        return {"error": text, **({"field": name} if name else {}), "standing": found[1].standing}
    asked = found[1]
    said = None if asked.objection is None else objection_document(asked.objection, site.now())
    at = asked.notice.acknowledged_at
    return {
        "standing": asked.standing,
        "id": asked.work.id,
        "title": asked.work.title,
        "description": asked.work.description,
        "windows": windows_document(asked.work.spans),
        "announced": windows_document(as_told(asked.notice).windows),
        "services": list(asked.services),
        "agreement": asked.notice.agreement,
        "read_at": None if at is None else format_instant(at),
        "comment": asked.notice.acknowledgement,
        "objection": None if said is None else {name: said[name] for name in _SHOWN},
        "offered": windows_document(_offered(site, found)),
    }
