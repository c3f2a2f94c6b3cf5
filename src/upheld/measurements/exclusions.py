"""An interval that does not count, with its reason and its approval. DESIGN rules 4 and 13."""

from dataclasses import dataclass

EVERY_SERVICE = "*"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """[start, end) of a service (or `*`) does not count, because of `reason`, once someone approved it.

    `agreement` limits it to one agreement, as an exclusion earned by announcing planned maintenance is; None means
    every agreement that admits the reason. `known_at` is when we learnt of it. All instants in microseconds UTC."""

    service: str
    start: int
    end: int
    reason: str
    approved_by: str | None
    agreement: str | None = None
    known_at: int = 0
