"""Problems and the list of cases as the pages show them: what has one cause stands together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from upheld.actions.model import Action
from upheld.agreements.model import Portfolio
from upheld.cases.model import ENDED_STATES
from upheld.cases.problems import Problem
from upheld.cases.resolutions import OwedResolution
from upheld.ports import Transaction
from upheld.reports.problem_story import Told, story
from upheld.web import casework, words
from upheld.web.casework import RECENTLY_ENDED, Row
from upheld.web.resolutions import OwedRow, causes_of_problem, owed_rows

CASES_A_PAGE = 50
PROBLEMS_LISTED = 50
OWED_LISTED = 10


@dataclass(frozen=True, slots=True)
class Paged:
    """A page of a list of `count` rows, and how many pages there are."""

    rows: Sequence[Row]
    count: int
    page: int
    pages: int


@dataclass(frozen=True, slots=True)
class Group:
    """An open problem with how many of its cases are open, and of how many customers."""

    problem: Problem
    cases: int
    customers: int


@dataclass(frozen=True, slots=True)
class CasesPage:
    """`open_cases` counts all that are open; `alone` are those of no problem; `owed` are closed ones, and problems, of
    which nobody has said what they were, soonest due first."""

    open_cases: int
    groups: Sequence[Group]
    alone: Paged
    owed: Sequence[OwedRow]
    ended: Sequence[Row]


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """`told`: how many notices of each kind are in which state, in words; `story`: what happened, newest first;
    `causes`: what it may have been; `owed` is None where it is not owed what it was."""

    problem: Problem
    open_cases: int
    all_cases: int
    cases: Paged
    steps: Sequence[Action]
    told: Mapping[str, Sequence[str]]
    story: Sequence[Told]
    may_update: bool
    causes: Sequence[str]
    owed: OwedResolution | None


def cases_page(t: Transaction, portfolio: Portfolio | None, page: int) -> CasesPage:
    counted = t.count_open()
    problems = t.problems(only_open=True, limit=PROBLEMS_LISTED)
    customers = t.count_customers([problem.id for problem in problems])
    groups = [Group(p, counted.get(p.id, 0), customers.get(p.id, 0)) for p in problems]
    alone = t.open_cases(alone=True, limit=CASES_A_PAGE, offset=(page - 1) * CASES_A_PAGE)
    ended = t.cases(ENDED_STATES, limit=RECENTLY_ENDED)
    return CasesPage(
        sum(counted.values()),
        groups,
        _paged(casework.rows(t, portfolio, alone), counted.get(None, 0), page),
        owed_rows(t, portfolio, None, OWED_LISTED),
        casework.rows(t, portfolio, ended),
    )


def problem_page(t: Transaction, portfolio: Portfolio | None, problem_id: str, page: int) -> ProblemPage | None:
    """None where there is no such problem."""
    problem = t.problem(problem_id)
    if problem is None:
        return None
    still, every = t.count_cases(problem_id)
    cases = t.cases_of_problem(problem_id, CASES_A_PAGE, (page - 1) * CASES_A_PAGE)
    notices, steps = t.notices_counted(problem_id), t.actions(problem_id)
    counted: Counter[str] = Counter()
    for one in notices:
        counted[one.type] += one.count
    told: dict[str, list[str]] = {}
    for (kind, state), count in sorted((tuple(name.split(" ")), count) for name, count in counted.items()):
        told.setdefault(words.NOTICE_KIND[kind], []).append(f"{count:,} {words.NOTICE_STATE[state].lower()}")
    rows = casework.rows(t, portfolio, cases)
    happened = story(problem, t.parts_of(problem_id), t.problem_story(problem_id), notices, steps)
    may_update = problem.state == "open" and problem.kind != "silence" and still > 0
    owed = t.owed_resolution(problem_id)
    return ProblemPage(
        problem,
        still,
        every,
        _paged(rows, every, page),
        steps,
        told,
        happened[::-1],
        may_update,
        causes_of_problem(t, problem),
        owed if owed is not None and owed.given_at is None else None,
    )


def _paged(rows: Sequence[Row], count: int, page: int) -> Paged:
    return Paged(rows, count, page, max(1, -(-count // CASES_A_PAGE)))
