"""What customers answer to whether a problem is solved, and what an answer brings about. Pure; instants in microseconds
UTC.

Every contact who was asked may answer, once for each round of asking, and say no after all to what it had said yes to.
The first yes closes the case; a no takes it up
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


def given(case: Case, asked: int, contact: str) -> list[Mapping[str, Any]]:
    """What a contact has answered in round `asked`, oldest first."""
    return [one for one in case.answers if (one["round"], one["contact"]) == (asked, contact)]


def is_given(case: Case, asked: int, contact: str, solved: bool, via: Via, after_all: bool = False) -> bool:
    """Whether an answer is on record already: by a link each contact has one, and one no to what it had said yes to,
    where it says so (`after_all`); a form that is sent again changes nothing. Whom our people have on the telephone may
    say otherwise later."""
    theirs = given(case, asked, contact)
    if not theirs or via != "link":
        return bool(theirs) and theirs[-1]["solved"] == solved
    has_said_no = not theirs[-1]["solved"] or any(not one["solved"] and one["via"] == "link" for one in theirs)
    return solved or not after_all or has_said_no


def may_say_no(case: Case, asked: int, contact: str, until: int | None, now: int) -> bool:
    """Whether a contact who has said yes may say no after all by the link: as long as that takes the case up again."""
    in_time = until is not None and now <= until and case.asked == asked
    return in_time and bool(given(case, asked, contact)) and not is_given(case, asked, contact, False, "link", True)


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
