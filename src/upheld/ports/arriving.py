"""A part of `Transaction`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from upheld.analysis.alarms import Alarm
from upheld.measurements.collection import CollectionJob
from upheld.measurements.dead_letters import DeadLetter, DeadLetterState
from upheld.measurements.senders import Sender
from upheld.ports.records import (
    AlarmFilter,
    SourceFile,
)


class Arriving(Protocol):
    """What comes in besides measurements, from whom, and what could not be taken."""

    # dead letters: what was sent and could not be taken
    def set_aside(self, letter: DeadLetter) -> None:
        """Keeps it; the same id again is counted once more, and waits again. Where a tenant has more of them, or larger
        ones, than it may, the oldest are dropped: first those that were dealt with, then those of the reason that
        has most."""

    def dead_letter(self, letter_id: str) -> DeadLetter | None: ...
    def dead_letters(
        self, *, state: DeadLetterState | None = None, reason: str | None = None, limit: int = 500
    ) -> Sequence[DeadLetter]:
        """Newest first, without their bodies."""

    def dead_letters_dropped(self) -> int:
        """How many were dropped that nobody had dealt with."""

    def change_dead_letter(self, letter: DeadLetter, attempts: int) -> None:
        """Replaces the row of one that waits, but not its body. Raises Conflict where it is not waiting with so many
        attempts."""

    # who delivers
    def add_to_senders(self, more: Sequence[Sender]) -> None:
        """Adds to what is known of each sender. Where a tenant has more of them than are kept, those heard of longest
        ago are dropped."""

    def senders(self) -> Sequence[Sender]:
        """Heard of last first."""

    # files that sources came upon
    def save_source_file(self, file: SourceFile) -> None:
        """Adds it, or replaces the row of the same source, path and mark."""

    def source_file(self, source: str, path: str, mark: str) -> SourceFile | None: ...
    def forget_source_files(self, source: str, before: int, still: Collection[tuple[str, str]]) -> int:
        """Forgets those of a source that were come upon before an instant and are not among those that are `still`
        there, each by path and mark; returns how many."""

    def source_file_states(self, source: str) -> Mapping[str, int]:
        """How many files of a source are in each state that any is in."""

    # measurement collection jobs
    def save_collection_job(self, job: CollectionJob) -> CollectionJob:
        """Adds it under an id of its own where its id is 0, or replaces the row of that id; returns it with its id."""

    def collection_job(self, job_id: int, *, changing: bool = False) -> CollectionJob | None:
        """With `changing`, nobody else changes it before the transaction ends."""

    def collection_jobs(self, limit: int = 100, offset: int = 0) -> Sequence[CollectionJob]:
        """Created last first."""

    def count_collection_jobs(self) -> int: ...
    def forget_collection_job(self, job: CollectionJob) -> None:
        """Removes it, with what is known of its files."""

    # alarms
    def save_alarm(self, alarm: Alarm) -> Alarm:
        """Adds it under an id of its own where its id is 0, or replaces the row of that id; returns it with its id.
        Raises Conflict where its source has one of its number already."""

    def alarms_numbered(self, number: str, source: str | None = None, *, changing: bool = False) -> Sequence[Alarm]:
        """Those that their source calls so; of every source where none is given. With `changing`, nobody else changes
        them before the transaction ends."""

    def alarm(self, alarm_id: int) -> Alarm | None: ...
    def alarms(self, where: AlarmFilter = AlarmFilter()) -> Sequence[Alarm]:
        """Reported last first."""

    def forget_alarms(self, before: int, limit: int = 5000) -> int:
        """Forgets up to so many alarms that were cleared before an instant, and of which nothing was heard since;
        returns how many."""

    def count_alarms(self, where: AlarmFilter = AlarmFilter()) -> int:
        """How many there are, whatever the limit and the offset."""

    def alarms_about(self, names: Collection[str], since: int, limit: int) -> Sequence[Alarm]:
        """The alarms of these services, resources or objects that were still raised at `since` or later,
        raised last first."""
