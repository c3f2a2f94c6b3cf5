"""What comes under a customer's signed link: an answer, as a form of the page or as JSON, and which is wanted back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from upheld.agreements.units import format_instant
from upheld.readers.kept import nul_at
from upheld.web.addressed import Fault

LONGEST_COMMENT = 2_000
_OF_CASES = "unsolved", "after_all"
"""Fields that list cases by their ids."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came: `solved` is `yes` or `no`, or whatever else was sent; `unsolved` the ids of the cases that
    a no of several is about, and `after_all` those of cases to which it is a no although there was a yes. `fault` says
    why it could not be read."""

    solved: str = ""
    comment: str = ""
    score: int | None = None
    unsolved: tuple[str, ...] = ()
    after_all: tuple[str, ...] = ()
    fault: Fault | None = None


def wants_json(request: Request) -> bool:
    """Whether a program asks, and no browser."""
    return "application/json" in request.headers.get("accept", "")


async def said_in(request: Request) -> Said:
    """A dependency: the answer in a body. Of JSON, `solved` is true or false, and `score` a number."""
    if "application/json" not in request.headers.get("content-type", ""):
        form = await request.form()
        texts = {name: str(form.get(name, "")) for name in ("solved", "comment", "score")}
        return _said(texts, *([str(one) for one in form.getlist(name)] for name in _OF_CASES))
    try:
        sent = json.loads(await request.body())
        json.dumps(sent, ensure_ascii=False).encode()  # half of a surrogate pair is no text that can be kept
    except (ValueError, RecursionError):
        return Said(fault=Fault("confirm.not_json"))
    if not isinstance(sent, dict) or not all(isinstance(sent.get(name, []), list) for name in _OF_CASES):
        return Said(fault=Fault("confirm.not_object"))
    if nul_at(sent) is not None:
        return Said(fault=Fault("confirm.nul"))
    solved = {True: "yes", False: "no"}.get(sent["solved"], "") if isinstance(sent.get("solved"), bool) else ""
    texts = {"solved": solved, "comment": str(sent.get("comment") or ""), "score": str(sent.get("score") or "")}
    return _said(texts, *([str(one) for one in sent.get(name, [])] for name in _OF_CASES))


def _said(texts: Mapping[str, str], unsolved: list[str], after_all: list[str]) -> Said:
    comment = texts["comment"].strip()
    fault = None
    if texts["solved"] not in ("yes", "no"):
        fault = Fault("confirm.choose")
    elif len(comment) > LONGEST_COMMENT:
        fault = Fault("page.too_long", {"most": LONGEST_COMMENT, "has": len(comment)})
    return Said(texts["solved"], comment, score_of(texts["score"]), tuple(unsolved), tuple(after_all), fault)


def score_of(text: str) -> int | None:
    """How satisfied the customer is, 1 to 5; None where nothing, or nothing of that, was chosen."""
    return int(text) if text in ("1", "2", "3", "4", "5") else None


def answer_document(answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """An answer as its contact may see it; None where there is none."""
    if answer is None:
        return None
    names = ("round", "solved", "comment", "score", "effect")
    return {"at": format_instant(answer["at"]), **{name: answer[name] for name in names}}
