"""A sending as a chain of small stages: each that stops a notice says which it was and why. Then retry and record.

Functions over plain data; what they decide is kept and done by the process. Instants in microseconds UTC.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from upheld.agreements.units import HOUR, SECOND, format_instant, parse_instant
from upheld.assessment.verdict import Verdict
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import ENDED_STATES, Case
from upheld.maintenance.model import Maintenance
from upheld.maintenance.wording import instant_words
from upheld.notices.conclusions import Key, holds, of_verdict, said
from upheld.notices.model import Notice

FIRST_DELAY = 30 * SECOND
LONGEST_DELAY = HOUR
MAX_ATTEMPTS = 20
"""Twenty attempts spread over half a day: a relay that is away over a night does not cost a notice."""

Stage = Callable[[Notice, Case | None, Maintenance | None, int], str | None]


def stop_reason(
    notice: Notice,
    case: Case | None,
    maintenance: Maintenance | None,
    now: int,
    verdicts: Mapping[Key, Verdict] = MappingProxyType({}),
) -> str | None:
    """Why the notice must not be sent now, as `stage: reason`; None where it may. `case` and `maintenance` are those
    that the notice names, and `verdicts` those that it tells of (`verdicts_told`), as they are now."""
    for name, stage in STAGES:
        if (reason := stage(notice, case, maintenance, now)) is not None:
            return f"{name}: {reason}"
    restated = _restated(notice, verdicts, now)
    return None if restated is None else f"past its point: {restated}"


def verdicts_told(notice: Notice) -> list[Key]:
    """The verdicts that a notice of credits, or a correction, tells of."""
    return [*said(notice)] if notice.kind in ("credit", "restatement") else []


def unsubscribed(since: int | None) -> str | None:
    """The same of one who has stopped such notices, `since`; None where nobody has."""
    return None if since is None else f"unsubscribed: the contact stopped these at {instant_words(since)}"


def next_attempt(attempts: int, now: int) -> int | None:
    """When to try again after `attempts` failed ones: twice as long after each, at most an hour; None to give up."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return now + min(FIRST_DELAY << max(attempts - 1, 0), LONGEST_DELAY)


def _duplicate(notice: Notice, case: Case | None, maintenance: Maintenance | None, now: int) -> str | None:
    if notice.state == "sent":
        return f"sent already at {'an unknown time' if notice.sent_at is None else instant_words(notice.sent_at)}"
    return f"{notice.state} already" if notice.state != "recorded" else None


def _no_contact(notice: Notice, case: Case | None, maintenance: Maintenance | None, now: int) -> str | None:
    return f"{notice.role} has no contact" if notice.channel == "none" or not notice.address else None


def _case_moved_on(notice: Notice, case: Case | None, maintenance: Maintenance | None, now: int) -> str | None:
    if notice.case_id is None:
        return None
    if case is None:
        return "its case is not known"
    ended = case.state in ENDED_STATES
    match notice.kind:
        case "question" | "reminder":
            return _question_moved_on(notice, case)
        case "degradation" if case.kind == "violation":
            return "the case has become a violation, which is told instead"
        case "degradation" | "violation" if case.state == "withdrawn":
            return "the case was withdrawn"
        case "degradation" if case.state == "closed":
            return "the case is closed"
        case "no_data" if ended:
            return "it is measured again" if case.state == "closed" else "the case was withdrawn"
        case "restoration" if case.state == "withdrawn":
            return "the case was withdrawn"
        case "restoration" if case.restored_at is None:
            return "the service is not good any more, or not by the customer's word"
        case "restoration" if _data(notice, "case").get("restored_at") != format_instant(case.restored_at or 0):
            return "the service has been bad again since, and that it is good again is told anew"
        case "update" if case.state not in UNSOLVED:
            return f"the case is {case.state}, which is told instead"
        case "reopened" if ended:
            return f"the case is {case.state}"
        case ("closed" | "withdrawn") as told if case.state != told:
            return f"the case is not {told} any more"
    return None


def _question_moved_on(notice: Notice, case: Case) -> str | None:
    if case.state in ENDED_STATES:
        return f"the case is {case.state}"
    if case.state != "confirming":
        return f"nothing is asked of a case that is {case.state}"
    asked = _data(notice, "case").get("asked")
    return "a later round of the question was asked" if asked is not None and asked != case.asked else None


def _work_moved_on(notice: Notice, case: Case | None, maintenance: Maintenance | None, now: int) -> str | None:
    if notice.maintenance_id is None:
        return None
    if maintenance is None:
        return "its work is not known"
    if notice.kind in ("maintenance_over", "maintenance_overrun"):
        return "the work was cancelled" if maintenance.state == "cancelled" else None
    if now >= maintenance.end and not _calls_off(notice, now):
        return "the window is over"
    sequence = _data(notice, "maintenance").get("sequence")
    if maintenance.state == "cancelled":
        return None if notice.kind == "maintenance_cancelled" else "the work was cancelled"
    if notice.kind == "maintenance_reminder":
        start = _data(notice, "window").get("start")
        if now >= (maintenance.start if start is None else parse_instant(start)):
            return "the work has begun" if len(maintenance.spans) == 1 else "the window has begun"
        if maintenance.ended_at is not None:
            return "the work is over"
    if sequence is not None and sequence < maintenance.sequence:
        return "the work was planned anew, which is announced instead"
    return None


def _calls_off(notice: Notice, now: int) -> bool:
    """Whether a notice tells of a change by which windows to come are none any more."""
    last = _data(notice, "was").get("end")
    return notice.kind == "maintenance_changed" and last is not None and now < parse_instant(last)


def _restated(notice: Notice, verdicts: Mapping[Key, Verdict], now: int) -> str | None:
    """Of a notice of several verdicts what still holds is worth telling, and the rest is corrected afterwards."""
    told = {key: one for key, one in said(notice).items() if key in verdicts} if verdicts else {}
    if not told:
        return None
    if not any(holds(one, of_verdict(verdicts[key])) for key, one in told.items()):
        return "the verdict was restated since, which is told instead"
    to_claim = notice.kind == "credit" and all(one["what"] == "claim" for one in _credits(notice))
    deadlines = [verdicts[key].claim_by or 0 for key in told]
    return "the credit can no longer be claimed" if to_claim and max(deadlines) < now else None


def _credits(notice: Notice) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = (notice.payload or {}).get("data", {}).get("credits", ())
    return found


def _data(notice: Notice, name: str) -> Mapping[str, Any]:
    found = (notice.payload or {}).get("data", {}).get(name, {})
    return found if isinstance(found, Mapping) else {}


STAGES: tuple[tuple[str, Stage], ...] = (
    ("duplicate", _duplicate),
    ("no contact", _no_contact),
    ("past its point", _case_moved_on),
    ("past its point", _work_moved_on),
)
