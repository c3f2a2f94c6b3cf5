"""An interval that does not count, with its reason and its approval. DESIGN rules 4, 12 and 13."""

from dataclasses import dataclass

EVERY_SERVICE = "*"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """[start, end) of a service (or `*`) does not count, because of `reason`, once someone approved it.

    `agreement` limits it to one agreement, as an exclusion earned by announcing planned maintenance is; None means
    every agreement that admits the reason. `known_at` is when we learnt of it; `revoked_at` when it was taken back
    (None: it stands), by `revoked_by`. All instants in microseconds UTC."""

    service: str
    start: int
    end: int
    reason: str
    approved_by: str | None
    agreement: str | None = None
    known_at: int = 0
    revoked_at: int | None = None
    revoked_by: str | None = None


def stands(exclusion: Exclusion, known_at: int | None = None) -> bool:
    """Whether it was known and not yet revoked at `known_at` (microseconds UTC); None: whether it was never revoked."""
    if known_at is None:
        return exclusion.revoked_at is None
    return exclusion.known_at <= known_at and (exclusion.revoked_at is None or known_at < exclusion.revoked_at)
