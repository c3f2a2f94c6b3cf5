"""Customers' answers taken through the store: what an answer may still bring about is looked up, and the problem of a
case that is taken up again is open again. In the transaction of the decision."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from upheld.cases import answers
from upheld.cases.decide import Answer, Command, PassedOn
from upheld.cases.model import Case
from upheld.ports import Transaction
from upheld.process.assessing.in_force import InForce
from upheld.process.casework.grouping import open_again, problem_to_join

Taken = Literal["taken", "given", "too_late"]
"""`given`: it is on record already; `too_late`: it is not about the newest round of the question, or nothing was asked.
"""


def reopen_within(current: InForce | None, case: Case, now: int) -> int | None:
    """For how long after it was closed a no takes a case up again; None where its promise is not in force any more."""
    parties = None if current is None else current.parties(case.agreement, now)
    return None if parties is None else parties.agreement.confirmation.reopen_within


def reopens_until(current: InForce | None, case: Case, now: int) -> int | None:
    """Until when a no takes a closed case up again by the agreement in force (see `cases.answers`)."""
    return answers.reopens_until(case, reopen_within(current, case, now))


def take(
    t: Transaction, case: Case, said: Answer, current: InForce | None, now: int, give: Callable[[Case, Command], bool]
) -> Taken:
    """Takes an answer to the question of a case. `give` gives a case a command, and says whether anything happened."""
    if answers.is_given(case, said.asked, said.contact, said.solved, said.via, said.after_all):
        return "given"
    ended = case.closed_at is not None and not said.solved
    beside = t.open_case(case.agreement, case.objective, case.service) if ended else None
    home = problem_to_join(t, case.problem) if ended and case.problem is not None else None
    answer = replace(
        said,
        reopens_within=reopen_within(current, case, now),
        beside=None if beside is None else beside.id,
        problem=None if home is None else home.id,
    )
    if not give(case, answer):
        return "too_late"
    after = t.case(case.id)
    assert after is not None, "a case that an answer was given of"
    effect = after.answers[-1]["effect"]
    if home is not None and effect == "reopened":
        open_again(t, home, now)
    if beside is not None and effect == "passed_on":
        give(beside, PassedOn(answer))
    return "taken"
