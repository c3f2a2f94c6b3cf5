"""A part of `Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from upheld.outgoing.billing import Adjustment
from upheld.outgoing.claims import Claim
from upheld.outgoing.model import OutgoingEvent
from upheld.ports.records import (
    Hub,
)


class HandingOn(Protocol):
    """What other systems are told, and billing."""

    # events for other systems
    def add_outgoing(self, events: Sequence[OutgoingEvent]) -> None:
        """Adds them behind all others when the transaction is committed: their positions have no gaps, and who has seen
        one never later finds a lower one."""

    def outgoing_events(self, after: int, limit: int) -> Sequence[OutgoingEvent]:
        """The next events behind position `after`, in order."""

    def outgoing_event(self, position: int) -> OutgoingEvent | None: ...
    def outgoing_span(self) -> tuple[int, int]:
        """Up to which position events were removed, 0 where none was, and the last position, 0 before the first."""

    def forget_outgoing(self, before: int) -> int:
        """Removes the oldest events up to the first that did not happen before that (microseconds UTC); how many."""

    def add_adjustments(self, found: Sequence[Adjustment]) -> None:
        """Raises Conflict where one is there."""

    def adjustments(self, since: int | None = None, until: int | None = None) -> Sequence[Adjustment]:
        """Those that were told in [since, until), None does not limit; oldest first."""

    # claims of credits: one of each verdict
    def add_claim(self, claim: Claim) -> bool:
        """False, and nothing changes, where what that verdict earns has been claimed before."""

    def claim_of(self, key: tuple[str, str, str, int]) -> Claim | None:
        """The claim of what a verdict earns."""

    def claims(self, agreement: str | None = None, service: str | None = None) -> Sequence[Claim]:
        """None does not limit; oldest first."""

    def new_claims(self) -> Sequence[Claim]:
        """Those that billing was not told of yet, oldest first."""

    def change_claim(self, claim: Claim, at: int) -> None:
        """Puts down since when billing is told of a claim."""

    def add_hub(self, hub: Hub) -> None: ...
    def hub(self, hub_id: str) -> Hub | None: ...
    def hubs(self) -> Sequence[Hub]:
        """Oldest first."""

    def forget_hub(self, hub_id: str) -> None:
        """Removes it, and its place."""

    def add_sink(self, sink: str, position: int) -> None:
        """Says up to which position a new destination has what it is told; that of one that is there stays."""

    def sink_position(self, sink: str) -> int | None: ...
    def change_sink(self, sink: str, was: int, now: int) -> bool:
        """Changes the position of a destination. False, and nothing changes, where it is not any more what it was."""
