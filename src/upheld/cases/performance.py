"""How well the provider keeps its own promises of handling: told in time, fixed in time, and what customers say. Pure.

Instants in microseconds UTC.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from upheld.agreements.model import Agreement
from upheld.cases.clocks import clocks
from upheld.cases.model import Case


@dataclass(frozen=True, slots=True)
class Kept:
    """How many promises were kept, missed, or still run."""

    kept: int = 0
    missed: int = 0
    runs: int = 0

    @property
    def share(self) -> Fraction | None:
        """Kept of those that are decided; None where none is."""
        decided = self.kept + self.missed
        return Fraction(self.kept, decided) if decided else None


@dataclass(frozen=True, slots=True)
class Performance:
    """`told` by the kind of notice; `updates` that the customer was told how far it is, and `asked` whether it is
    solved; `fixed` over the cases whose agreement promises it; `scores` counts the customers'
    satisfaction, from 1 to 5; `cases` is how many were opened; `resolved` over what closed cases, and problems, were,
    where that was still to be put down."""

    cases: int
    told: Mapping[str, Kept]
    updates: Kept
    asked: Kept
    fixed: Kept
    scores: Mapping[int, int]
    resolved: Kept


def performance(
    cases: Iterable[Case],
    told: Mapping[str, Kept],
    resolved: Kept,
    agreement_of: Callable[[Case], Agreement | None],
    now: int,
) -> Performance:
    """Of `cases`, of what was `told`, by the kind of notice, and of what was `resolved`, as things stand at `now`."""
    count, standings, scores = 0, {"kept": 0, "missed": 0, "runs": 0}, dict.fromkeys(range(1, 6), 0)
    for case in cases:
        count += 1
        if case.score is not None:
            scores[case.score] += 1
        agreement = agreement_of(case)
        if agreement is None or case.outcome == "withdrawn":
            continue  # what was taken back was never owed
        for clock in clocks(case, agreement):
            if clock.name == "fixed":
                standings[clock.standing(now)] += 1
    others = {kind: kept for kind, kept in told.items() if kind not in ("update", "question")}
    updates, asked = told.get("update", Kept()), told.get("question", Kept())
    return Performance(count, others, updates, asked, Kept(**standings), scores, resolved)
