"""A part of `Transaction`."""

from collections.abc import Sequence
from typing import Protocol

from upheld.cases.model import Case
from upheld.notices.model import Notice, NoticeState


class Telling(Protocol):
    """What parties are told."""

    # notices
    def save_notice(self, notice: Notice) -> None:
        """Adds it, or replaces the row of the same id."""

    def save_notices(self, notices: Sequence[Notice]) -> None:
        """The same of many at once."""

    def notice(self, notice_id: str) -> Notice | None: ...
    def notice_known_as(self, outside_id: str) -> Notice | None:
        """The notice that the receiving side knows by a name, such as a Message-ID."""

    def notices(
        self,
        *,
        case_id: str | None = None,
        maintenance_id: str | None = None,
        problem_id: str | None = None,
        state: NoticeState | None = None,
        customer: str | None = None,
        agreement: str | None = None,
        limit: int = 500,
    ) -> Sequence[Notice]:
        """Newest first. Those of a problem tell of several cases, and those of problems merged into it are among
        them: see `notices_of`."""

    def notices_together(self, digest: str) -> Sequence[Notice]:
        """Those that wait, or have waited, for a digest, oldest first."""

    def unsent_before(self, notice: Notice, since: int, now: int) -> Notice | None:
        """The first notice about the same case or problem, to the same address, that was recorded `since` then and
        before this one, and is still to be sent; what waits for its hour or for a digest at `now` is passed over. Of
        one instant, their `seq` says which is before."""

    def unsent_after(self, notice: Notice, now: int) -> Notice | None:
        """The first one that was recorded after it, in the same way."""

    def count_sent(self, channel: str, address: str, since: int) -> int:
        """How many notices an address was sent since an instant."""

    def told_customer(self, customer: str, since: int, limit: int) -> Sequence[Notice]:
        """What a customer's contacts were sent since an instant, newest first."""

    def feed_number(self, customer: str) -> int:
        """Which links to a customer's feeds hold: 0 at first."""

    def change_feed_number(self, customer: str, number: int) -> None: ...

    def add_unsubscription(self, channel: str, address: str, kind: str, at: int) -> None:
        """Keeps that an address wants no more of a kind; again, it stays as it was."""

    def forget_unsubscription(self, channel: str, address: str, kind: str) -> None:
        """Takes that back."""

    def unsubscribed_at(self, channel: str, address: str, kind: str) -> int | None:
        """Since when an address wants no more of a kind; None where it does."""

    def notices_promised(self, after: tuple[int, str] | None, limit: int) -> Sequence[Notice]:
        """Those that are promised by an instant and still to be sent, soonest first, behind (due_by, id) `after` where
        one is given."""

    def notices_of(self, case: Case) -> Sequence[Notice]:
        """Every notice that tells of a case, newest first: its own, and those of its problem."""

    def told_of_case(self, case_id: str) -> Sequence[Notice]:
        """The notices of one case alone, oldest first, without their texts."""

    def told_of_problem(self, problem_id: str, party: str) -> Sequence[Notice]:
        """The notices to a party of several cases of a problem, or of one that was merged into it, oldest first,
        without their texts."""

    def summaries_told(self, agreement: str, since: int) -> Sequence[Notice]:
        """The summaries of an agreement that were recorded since then, oldest first, without their texts."""
