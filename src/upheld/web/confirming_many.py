"""The customer's page of a whole problem: are all of its services good again? For whom we sent the signed link to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from upheld.cases.model import Case
from upheld.notices.formats import Reader, moment
from upheld.notices.links import ProblemQuestion
from upheld.web.site import Site

LONGEST_COMMENT = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that the link asks about, in round `asked`, and how its question stands."""

    case: Case
    asked: int
    standing: Literal["open", "solved", "unsolved", "ended"]


def facts(site: Site, question: ProblemQuestion) -> dict[str, Any]:
    """What the page shows: each case that the link asks about, and how it stands."""
    asked = _asked(site, question)
    return {
        "standing": "open" if any(one.standing == "open" for one in asked) else "answered" if asked else "invalid",
        "asked": asked,
        "problem": question.problem,
        **reads(site, question.tenant, question.party),
        "unsolved": frozenset(),
    }


def reads(site: Site, tenant: str, customer: str) -> dict[str, Any]:
    """Who asks, and how a customer reads instants: what every page of a signed link shows."""
    portfolio = site.application.process.portfolio(tenant)
    provider = portfolio.provider.name if portfolio is not None and portfolio.provider is not None else None
    parties = portfolio.customers if portfolio is not None else ()
    zone = next((party.time_zone for party in parties if party.id == customer), ZoneInfo("UTC"))
    return {"provider": provider, "moment": lambda at: moment(at, Reader("en", zone))}


def answer(
    site: Site, question: ProblemQuestion, solved: str, comment: str, unsolved: Sequence[str], score: int | None
) -> dict[str, Any]:
    """Takes an answer: with yes all that are open are solved, with no those named in `unsolved` (ids of cases) are not,
    and the others stay to be answered. Returns what the page shows then; with `fault` nothing was taken."""
    fault = _fault(solved, comment, unsolved)
    if fault is None:
        meant = [
            (one.case, one.asked)
            for one in _asked(site, question)
            if one.standing == "open" and (solved == "yes" or one.case.id in unsolved)
        ]
        site.application.process.answer_together(
            question.tenant, meant, question.contact, solved == "yes", comment, score
        )
    shown = facts(site, question)
    if fault is not None:
        return shown | {"fault": fault, "comment": comment, "unsolved": frozenset(unsolved)}
    return shown | {"thanks": solved}


def score_of(text: str) -> int | None:
    """How satisfied the customer is, 1 to 5; None where nothing, or nothing of that, was chosen."""
    return int(text) if text in ("1", "2", "3", "4", "5") else None


def _fault(solved: str, comment: str, unsolved: Sequence[str]) -> str | None:
    if solved not in ("yes", "no"):
        return "Please choose one of the two answers."
    if solved == "no" and not unsolved:
        return "Please tick the services that are not good, or choose yes."
    if len(comment) > LONGEST_COMMENT:
        return f"Please keep your comment to {LONGEST_COMMENT} characters; it has {len(comment)}."
    return None


def _asked(site: Site, question: ProblemQuestion) -> list[Asked]:
    with site.application.store.transaction(question.tenant, writing=False) as t:
        rows = t.owed_as_told(question.problem, question.party, question.told)
        rounds = {row.case_id: int(row.facts["asked"]) for row in rows if row.kind in ("question", "reminder")}
        cases = [(case, asked) for name, asked in rounds.items() if (case := t.case(name)) is not None]
    return [Asked(case, asked, _standing(case, asked)) for case, asked in cases]


def _standing(case: Case, asked: int) -> Literal["open", "solved", "unsolved", "ended"]:
    if case.state == "confirming" and case.asked == asked:
        return "open"
    if case.outcome == "confirmed":
        return "solved"
    return "unsolved" if case.outcome is None else "ended"
