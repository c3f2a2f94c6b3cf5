"""The words of a person to all whom a problem hits: case by case, a part at a time, and to nobody twice."""

from collections.abc import Sequence

from upheld.cases.clocks import informed_at
from upheld.cases.lifecycle import UNSOLVED
from upheld.cases.model import Case
from upheld.ports import Transaction

AT_ONCE = 500
"""Cases that are told of in one turn: other timers wait for it."""
_MOST = 1_000_000


def to_update(t: Transaction, problem_id: str, before: int) -> Sequence[Case]:
    """The cases of a problem, or of the one that it was merged into, whose services are not good again, and of which
    nothing was told since `before` (microseconds UTC); customer by customer. They come without most documents."""
    problem = t.problem(problem_id)
    while problem is not None and problem.merged_into is not None:
        problem = t.problem(problem.merged_into)
    if problem is None:
        return ()
    cases = t.cases_of_problem(problem.id, _MOST)
    waiting = (c for c in cases if c.state in UNSOLVED and c.kind != "no_data" and informed_at(c) < before)
    return sorted(waiting, key=lambda c: (c.customer, c.id))
