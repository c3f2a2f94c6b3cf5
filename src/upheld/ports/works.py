"""A part of `Transaction`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from upheld.analysis.model import Change
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.objection import Objection, Objections, ObjectionState
from upheld.maintenance.received import Key, NoticedWork, Received, ReceivedState
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.ports.records import (
    Stated,
)


class Works(Protocol):
    """Planned works, the time that does not count, and what was received of them."""

    # maintenance
    def save_maintenance(self, maintenance: Maintenance) -> None: ...
    def maintenance(self, maintenance_id: str) -> Maintenance | None: ...
    def maintenances(self, ending_after: int | None = None) -> Sequence[Maintenance]:
        """By start, earliest first."""

    def save_announcements(self, announcements: Sequence[Announcement]) -> None:
        """Adds them, or replaces what was decided of the same works under the same agreements."""

    def announcements_of(self, agreement: str) -> Sequence[Announcement]:
        """What was decided under an agreement, of every work."""

    def works_during(self, agreement: str, start: int, end: int) -> Sequence[tuple[Maintenance, Announcement]]:
        """The works with a window in [start, end) that were announced under an agreement, with what that has earned; by
        start."""

    def announcements(self, maintenance_id: str, agreement: str | None = None) -> Sequence[Announcement]: ...
    # what customers say against planned works
    def save_objection(self, objection: Objection) -> None:
        """Adds it, or replaces the one of the same id."""

    def objection(self, objection_id: str, *, changing: bool = False) -> Objection | None:
        """`changing`: nobody else changes it until the transaction has ended."""

    def objections(
        self, maintenance_id: str, state: ObjectionState | None = None, limit: int = 500, offset: int = 0
    ) -> Sequence[Objection]:
        """What is said against a work, the earliest first."""

    def objections_to_tell(self, maintenance_id: str, limit: int) -> Sequence[Objection]:
        """Those that are open and of which the provider was not told yet, the earliest first."""

    def lapse_objections(self, maintenance_id: str) -> None:
        """Those that are open lapse."""

    def count_objections(self, now: int, maintenance_id: str | None = None) -> Mapping[str, Objections]:
        """By work, or of one, how many there are; works without any are left out."""

    # exclusions, and what was told of time
    def add_exclusion(self, exclusion_id: str, exclusion: Exclusion, maintenance_id: str | None = None) -> None:
        """Grants it, earned by a maintenance where one is named. While it stands, the same id again changes nothing;
        once it was revoked, the same id is granted anew, and the earlier grant and its revocation are kept."""

    def revoke_exclusion(self, exclusion_id: str, at: int, by: str | None = None) -> None:
        """Takes back the grant that stands; none changes nothing."""

    def exclusion(self, exclusion_id: str) -> Exclusion | None:
        """The one of that id, if it stands."""

    def exclusions(self) -> Sequence[Exclusion]:
        """Those that stand."""

    def exclusions_place(self) -> int:
        """The place of the newest grant or revocation, 0 before the first."""

    def exclusions_standing(self, place: int) -> Sequence[Exclusion]:
        """Those that stood once everything up to that place had been granted and revoked, as `exclusions` gave them
        then."""

    def every_exclusion(self) -> Sequence[Exclusion]:
        """Every grant there ever was, also those revoked since."""

    def add_service_events(self, events: Sequence[ServiceEvent]) -> None:
        """Adds what is told of events behind all that was told before."""

    def service_events(self, place: int | None = None) -> Sequence[ServiceEvent]:
        """What was ever told of events, in its order; up to that place where one is given."""

    def service_events_place(self) -> int:
        """The place of what was told last of events, 0 before the first."""

    def save_stated(self, stated: Stated) -> None:
        """Keeps up to where events have been stated."""

    def stated(self) -> Stated | None: ...
    def exclusions_earned(self, maintenance_id: str, agreement: str | None = None) -> Mapping[str, Exclusion]:
        """Those that stand and were earned by a maintenance, under one agreement or all, by their ids."""

    # notices of planned work, as providers sent them
    def add_received(self, received: Received) -> int | None:
        """Keeps what came, and returns its place in the order in which they came; None where it is there. Until the
        transaction has ended, nobody else of the tenant takes in another."""

    def received(self, received_id: str) -> Received | None: ...
    def received_brief(self, ids: Collection[str]) -> Mapping[str, Received]:
        """Those of these ids, without their bodies."""

    def save_noticed(self, noticed: NoticedWork) -> None:
        """Adds it, or replaces the row of the same id."""

    def noticed(self, noticed_id: str) -> NoticedWork | None: ...
    def noticed_in(self, received_id: str) -> Sequence[NoticedWork]:
        """The works that a notice tells of, in its order."""

    def noticed_of(self, key: Key) -> Sequence[NoticedWork]:
        """All that was ever received of a provider's work, in the order in which it came."""

    def noticed_about(self, work: str) -> Sequence[NoticedWork]:
        """All that was received of a planned work, in the order in which it came."""

    def noticed_works(self, state: ReceivedState | None = None, limit: int = 500) -> Sequence[NoticedWork]:
        """Newest first; those that wait, oldest first."""

    def count_waiting_notices(self) -> int:
        """How many works that notices tell of wait for a person."""

    def change_noticed(self, noticed: NoticedWork) -> bool:
        """Replaces the row of one that waits; False, and nothing changes, where it waits no more."""

    def save_circuit(self, provider: str, circuit: str, nodes: Sequence[str], at: int, by: str) -> None:
        """Keeps what a person says that a supplier's circuit is, in place of what was said before."""

    def said_circuits(self, provider: str) -> Mapping[str, Sequence[str]]:
        """What persons have said that the circuits of a supplier are."""

    def add_change(self, change: Change) -> bool:
        """False, and nothing changes, where there is one of its id."""

    def change(self, change_id: str) -> Change | None: ...
    def changes(self, since: int, limit: int | None = None) -> Sequence[Change]:
        """Those made at `since` or later, newest first."""
