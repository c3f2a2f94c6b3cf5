"""What customers answer to whether a problem is solved, and what an answer brings about. Pure; instants in microseconds
UTC.

Every contact who was asked may answer, once for each round of asking. The first yes closes the case; a no takes it up
again, also after it was closed, for as long as the agreement says (`confirmation.reopen_within`). Whatever an answer
brings about, it is kept with its case.
"""

from collections.abc import Mapping
from typing import Any, Literal

from upheld.cases.model import ENDED_STATES, Case

Via = Literal["link", "console", "api"]
Effect = Literal["closed", "reopened", "passed_on", "late", "kept"]
"""`closed` and `reopened`: the case was; `passed_on`: another case of the same promise, open by then, is escalated in
place of the ended one; `late`: a no to a case that ended too long ago, of which the provider's people are told; `kept`:
nothing but that it is on record."""


def reopens_until(case: Case, within: int | None) -> int | None:
    """Until when a no takes a closed case up again; None where it is not closed, and where it is about a promise that
    is not in force any more (`within` is None)."""
    if case.state != "closed" or not case.asked or case.closed_at is None or within is None:
        return None
    return case.closed_at + within


def given(case: Case, asked: int, contact: str) -> Mapping[str, Any] | None:
    """What a contact has answered last in round `asked`; None where that is nothing yet."""
    theirs = (one for one in reversed(case.answers) if (one["round"], one["contact"]) == (asked, contact))
    return next(theirs, None)


def is_given(case: Case, asked: int, contact: str, solved: bool, via: Via) -> bool:
    """Whether an answer is on record already: by a link each contact has one; whom our people have on the telephone may
    say otherwise later."""
    earlier = given(case, asked, contact)
    return earlier is not None and (via == "link" or earlier["solved"] == solved)


def effect_of(case: Case, solved: bool, now: int, within: int | None, beside: str | None) -> Effect:
    """What an answer to the newest round of the question brings about. `beside`: another case of the same promise, open
    by now."""
    if case.state == "confirming":
        return "closed" if solved else "reopened"
    if solved or case.state not in ENDED_STATES:
        return "kept"
    until = reopens_until(case, within)
    if until is None or now > until:
        return "late"
    if beside is None:
        return "reopened"
    told = any((one["round"], one["case"]) == (case.asked, beside) for one in case.answers)
    return "kept" if told else "passed_on"
