"""One unit of work of one tenant."""

from collections.abc import Collection, Sequence
from typing import Protocol

from upheld.ports.arriving import Arriving
from upheld.ports.assessing import Assessing
from upheld.ports.casework import Casework
from upheld.ports.documents import Documents
from upheld.ports.handing_on import HandingOn
from upheld.ports.records import (
    AgendaEntry,
)
from upheld.ports.telling import Telling
from upheld.ports.works import Works


class Transaction(Documents, Arriving, Assessing, Casework, Telling, Works, HandingOn, Protocol):
    """One unit of work of one tenant: all of it is committed, or nothing. It sees and touches the rows of its tenant
    only."""

    # the agenda
    def schedule(self, entry: AgendaEntry) -> None:
        """Adds it; an id that is already there changes nothing."""

    def finish(self, entry_id: str) -> None: ...
    def retry(self, entry_id: str, due_at: int, error: str) -> None: ...
    def put_back(self, entry_id: str, due_at: int, reason: str) -> None:
        """It was claimed and not tried, which counts for no attempt: it is due again then."""

    def hasten(self, entry_id: str, due_at: int) -> None:
        """It is due then already, where it would be later; what is claimed stays as it is."""

    def give_up(self, entry_id: str, error: str) -> None: ...
    def agenda(self, limit: int = 500) -> Sequence[AgendaEntry]:
        """What is still to do, soonest first."""

    def agenda_from(
        self, kinds: Collection[str], ending: Collection[str], after: tuple[int, str] | None, limit: int
    ) -> Sequence[AgendaEntry]:
        """What is still to do of these kinds, soonest first, behind (due_at, id) `after` where one is given; of
        entries whose id ends like one of `ending`, where there are any."""

    def agenda_of(self, kinds: Collection[str], subjects: Collection[str]) -> Sequence[AgendaEntry]:
        """What is still to do of these kinds for these cases, problems or works: entries whose id begins with
        `<kind>/<subject>/`."""
