"""What is owed to those whom a problem hits, told: gathered party by party, recorded, and put on the agenda."""

from collections.abc import Callable, Sequence
from itertools import groupby

from upheld.agreements.units import MINUTE
from upheld.cases.model import Case
from upheld.notices.gathering import gathered_notices, nobody_told
from upheld.notices.model import Notice, Owed
from upheld.ports import Transaction
from upheld.process.assessing.in_force import InForce
from upheld.process.telling.reactions import ARRIVED, TOGETHER, QuestionLink, case_notices, outbox_entry

PARTIES = 50
"""Parties that are told in one transaction."""

ProblemLink = Callable[[Owed, int, str], str]
"""(one of the rows, when it was told, contact) -> the signed link on which that contact answers for all of them."""


def tell(
    t: Transaction, problem_id: str, current: InForce | None, now: int, case_link: QuestionLink, link: ProblemLink
) -> bool:
    """Tells some of those to whom something of a problem is owed, at `now` (microseconds UTC); whether more are left.
    What is owed under an agreement that is in force no more is told to nobody."""
    problem = t.problem(problem_id)
    assert problem is not None, "something is owed of a problem that there is not"
    rows = t.take_owed(problem_id, now, PARTIES)
    if current is None:
        return False
    customers = current.customers
    for place, theirs in enumerate(_in_order(rows)):
        gathered: Sequence[Notice] = ()
        if len(theirs) > 1:
            provider = current.portfolio.provider
            gathered = gathered_notices(
                problem, theirs, customers, provider, now, lambda row, contact: link(row, now, contact), place
            )
        alone = [n for row in nobody_told(theirs, gathered) for n in _alone(t, row, current, now, case_link)]
        for notice in [*gathered, *alone]:
            t.save_notice(notice)
        arrived = min((row.arrived for row in theirs if row.arrived is not None), default=None)
        for notice in [*gathered, *alone]:
            if notice.state == "recorded":
                t.schedule(outbox_entry(notice, {} if arrived is None else {ARRIVED: arrived}))
    return t.is_owed(problem_id)


def waits(t: Transaction, case: Case, kind: str, since: int, due: int) -> bool:
    """Whether what happened to a case, or to those of its problem, at `since` and was to be told by `due` is not handed
    over, or was so too late."""
    found = [*t.told_of_case(case.id)]
    if case.problem is not None:
        found += t.notices(problem_id=case.problem)

    def is_meant(notice: Notice) -> bool:
        if notice.kind != kind or notice.due_by is None:
            return False
        recorded_late = notice.due_by == notice.recorded_at and since <= notice.recorded_at < since + MINUTE
        return recorded_late or due <= notice.due_by < due + TOGETHER

    return any(notice.state == "recorded" or _is_late(notice) for notice in found if is_meant(notice))


def _is_late(notice: Notice) -> bool:
    return notice.sent_at is not None and notice.due_by is not None and notice.sent_at > notice.due_by


def _in_order(rows: Sequence[Owed]) -> list[list[Owed]]:
    """The rows of each notice, in the order in which what they tell began to happen: a case is asked about after it is
    told to be good."""
    together = [list(some) for _, some in groupby(sorted(rows, key=_notice_of), key=_notice_of)]
    return sorted(together, key=lambda some: min((row.at, row.seq) for row in some))


def _notice_of(row: Owed) -> tuple[str, str, str]:
    return row.party, row.kind, row.words


def _alone(t: Transaction, row: Owed, current: InForce, now: int, case_link: QuestionLink) -> list[Notice]:
    """The notices of a case that nobody else is told together with: the same as of one without a problem."""
    case, parties = t.case(row.case_id), current.parties(row.agreement, now)
    if case is None or parties is None:
        return []
    return case_notices(row.kind, case, row.seq, row.at, parties, case_link, row.roles)
