"""A part of `Transaction`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version
from upheld.notices.model import VerdictNews
from upheld.ports.records import (
    Assessment,
    Kept,
    LogFloor,
    Told,
    VerdictFilter,
)


class Assessing(Protocol):
    """What was assessed, what it came to, and who is to hear of that."""

    # verdicts: append-only versions; `verdicts` gives the newest version of each
    def put_verdicts(self, told: Sequence[Told], known_at: int) -> None:
        """Adds the row of each new version, or replaces the row of the same one: since when that is known, its cause
        and its approver stay as they were first given, its figures go on. Of a rolling window the row of the same
        version is replaced wherever its window began."""

    def newest(self, keys: Sequence[tuple[str, str, str, int]]) -> Mapping[tuple[str, str, str, int], Verdict]:
        """The newest version of each of these verdicts that is there."""

    def newest_windows(self, keys: Sequence[tuple[str, str, str, int]]) -> Mapping[tuple[str, str, str, int], Verdict]:
        """The newest version of each of these rolling verdicts that is there, with the window that it was last assessed
        over, by (agreement, objective, service, rolling_from)."""

    def verdict(self, key: tuple[str, str, str, int]) -> Verdict | None: ...
    def verdicts(self, where: VerdictFilter = VerdictFilter()) -> Sequence[Verdict]: ...
    def verdict_versions(self, key: tuple[str, str, str, int]) -> Sequence[Version]:
        """Every version, oldest first; of a rolling verdict also those over earlier windows."""

    def verdicts_known(self, where: VerdictFilter, known_at: int) -> Sequence[Kept]:
        """The newest version of each verdict that was known at `known_at`, with the figures that are kept of it now.
        Of `where` only the agreement and the service limit."""

    # what was assessed, and of what
    def add_assessment(self, assessment: Assessment) -> None:
        """Adds it behind all others, whatever its number."""

    def assessment(self, known_at: int | None = None, before_portfolio: int | None = None) -> Assessment | None:
        """The last one that was made by `known_at` (None: of all), of a portfolio before that version where one is
        given."""

    # what may be removed of the log of measurements
    def log_floor(self) -> LogFloor | None:
        """The floor of the log; None where nothing was ever removed."""

    def raise_log_floor(self, floor: LogFloor) -> bool:
        """Raises it, and forgets the assessments known before that but the newest of each portfolio: of the rest
        nothing can be made again. False, and nothing changes, where it does not rise."""

    # what verdicts have come to, to be told to those whom that concerns
    def add_news(self, news: Sequence[VerdictNews]) -> None:
        """Adds them; what is there already stays as it is."""

    def take_news(self, now: int, quiet: int, longest: int, limit: int) -> Sequence[VerdictNews]:
        """What is to be looked at now, of parties of which nothing was added for `quiet`, or something waits for
        `longest` (microseconds), party by party; of about so many rows. From now on it counts as told, at `now`."""

    def save_news(self, news: VerdictNews) -> None:
        """Replaces the row."""

    def news_of(self, key: tuple[str, str, str, int], party: str) -> Sequence[VerdictNews]:
        """What a party was, or is to be told of a verdict, oldest first."""
