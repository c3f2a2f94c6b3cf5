"""One claim of speed as a row: what was claimed, what ours and the peer took, their ratio and the limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One claim, measured against its peer in one run.

    `bar` is the bar's name ("B1"); `claim` says in words what must hold; `ours` and `peer` are the two measured
    figures with their units, CPU and peak memory among them; `ratio` is what is compared with `limit`, as a ceiling
    where `at_most` is true and as a floor where it is not. `note` says what a reader must know to judge the row.
    """

    bar: str
    claim: str
    ours: str
    peer: str
    ratio: float
    limit: float
    at_most: bool
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether the ratio keeps its limit; a ratio that is not a number keeps none."""
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit
