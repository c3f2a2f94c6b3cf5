"""A part of `Transaction`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from upheld.actions.model import Action, Ticket
from upheld.cases.model import Case, Event, State
from upheld.cases.performance import Kept as KeptInTime
from upheld.cases.problems import Happened, Problem
from upheld.cases.resolutions import OwedResolution
from upheld.notices.model import Owed


class Casework(Protocol):
    """Cases, the problems that they are of, and the steps that are taken for them."""

    # cases
    def save_case(self, case: Case, events: Sequence[Event]) -> None:
        """Appends the events (case.seq is the last one's) and the case as they leave it. Raises Conflict where the
        stored case is not at the sequence number before the first event."""

    def case(self, case_id: str) -> Case | None: ...
    def open_case(self, agreement: str, objective: str, service: str, *, silence: bool = False) -> Case | None:
        """The one about the promise itself, or with `silence` the one of kind `no_data`."""

    def cases(self, states: Sequence[State] | None = None, limit: int = 500) -> Sequence[Case]:
        """Newest first."""

    def cases_of(self, agreement: str, objective: str, service: str) -> Sequence[Case]:
        """Every case, open or ended, of an objective of a service, newest first; none of kind `no_data`."""

    def open_cases(
        self, *, alone: bool = False, silent: bool = False, limit: int | None = None, offset: int = 0
    ) -> Sequence[Case]:
        """The open cases, newest first, without their documents (`verdict`, `periods`, `findings`): there may be very
        many. With `alone` only those of no problem, with `silent` only those of kind `no_data`."""

    def count_open(self) -> Mapping[str | None, int]:
        """How many cases are open, by their problem (None: of none)."""

    def count_customers(self, problem_ids: Sequence[str]) -> Mapping[str, int]:
        """Of how many customers the open cases of these problems are."""

    def cases_of_services(self, services: Collection[str], *, is_open: bool, limit: int) -> Sequence[Case]:
        """The open, or the ended cases of these services, newest first, without their `verdict`, `periods`,
        `told` and `answers`."""

    def cases_during(self, agreement: str, start: int, end: int) -> Sequence[Case]:
        """The cases of an agreement that were open at any time of [start, end), oldest first, without their documents
        but `resolution`."""

    def cases_suspecting(self, cause: str, limit: int) -> Sequence[Case]:
        """The ended cases that belong to no problem and whose findings hold this for the likeliest cause, as
        `cases_of_services` gives them."""

    def events(self, case_id: str) -> Sequence[Event]: ...

    def cases_opened(self, start: int, end: int) -> Sequence[Case]:
        """Every case that was opened with start <= opened_at < end, newest first, without its documents."""

    def notices_kept(self, start: int, end: int, now: int) -> Mapping[str, KeptInTime]:
        """Of the notices that were promised by an instant, and recorded with start <= recorded_at < end, how many were
        sent in time, by their kind, as things stand at `now`."""

    # problems: the cases of one cause
    def save_problem(self, problem: Problem) -> None:
        """Adds it, or replaces the row of the same id. Raises Conflict where another one of its cause is open."""

    def problem(self, problem_id: str, *, changing: bool = False) -> Problem | None:
        """With `changing`, nobody else changes it before the transaction ends."""

    def problems(self, *, only_open: bool = False, limit: int = 500) -> Sequence[Problem]:
        """Newest first."""

    def problems_of(self, causes: Collection[str], *, is_open: bool, limit: int) -> Sequence[Problem]:
        """The open, or the closed problems of these causes, newest first."""

    def merge_problem(self, problem_id: str, into: Problem, at: int) -> None:
        """Ends a problem at `at` as a part of another one. What is still owed under it is owed under that one, and its
        steps and notices are given with those of that one from now on."""

    def parts_of(self, problem_id: str) -> Sequence[Problem]:
        """The problems merged into one, directly or by way of others, oldest first."""

    def problem_story(self, problem_id: str) -> Sequence[Happened]:
        """What happened to the cases of a problem, each kind of event (`cases.lifecycle`) counted minute by minute,
        oldest first. Of what happened before it was opened, nothing."""

    def notices_counted(self, problem_id: str) -> Sequence[Happened]:
        """The notices that tell of several cases of a problem, each kind and state (`violation sent`) counted by the
        minute in which it was recorded, oldest first."""

    def cases_of_problem(self, problem_id: str, limit: int = 500, offset: int = 0) -> Sequence[Case]:
        """Open ones first, then newest first, without their documents but `told` and `resolution`."""

    def count_cases(self, problem_id: str) -> tuple[int, int]:
        """How many of its cases are open, and how many there are."""

    # what closed cases and problems were, as far as that is still to be put down
    def save_owed_resolution(self, owed: OwedResolution) -> None:
        """Adds it, or replaces the row of the same subject."""

    def forget_owed_resolution(self, subject: str) -> None:
        """Removes it; none changes nothing."""

    def owed_resolution(self, subject: str) -> OwedResolution | None:
        """The one of a case or problem, also where it was given since."""

    def owed_resolutions(self, after: tuple[int, str] | None = None, limit: int = 500) -> Sequence[OwedResolution]:
        """Those that were not given yet, soonest due first, behind (due, subject) `after` where one is given."""

    def resolutions_kept(self, start: int, end: int, now: int) -> KeptInTime:
        """Of those owed since an instant in [start, end), how many were given in time, as things stand at `now`."""

    def cases_unresolved(self, limit: int = 500) -> Sequence[Case]:
        """The closed cases of which nobody has said what they were, newest first."""

    # what is to be told of the cases of problems
    def owe(self, owed: Sequence[Owed]) -> None: ...
    def take_owed(self, problem_id: str, told: int, parties: int) -> Sequence[Owed]:
        """What is owed to up to so many parties and not told yet, in the order in which it happened; from now on it
        counts as told, at `told`."""

    def owed_as_told(self, problem_id: str, party: str, told: int) -> Sequence[Owed]:
        """What was told to a party at `told`."""

    def is_owed(self, problem_id: str) -> bool:
        """Whether anything of a problem is still to be told."""

    # actions and the built-in ticket list
    def save_action(self, action: Action) -> None:
        """Adds it, or replaces the row of the same id."""

    def action(self, action_id: str) -> Action | None: ...
    def actions(self, case_id: str) -> Sequence[Action]:
        """The steps of a case or problem, and of the problems merged into it, oldest first."""

    def actions_brief(self, case_id: str) -> Sequence[Action]:
        """As `actions`, without their `detail`."""

    def tickets_of_cases(self, problem_id: str) -> Sequence[Action]:
        """The steps that were to open tickets for cases of a problem, or of those merged into it, by themselves: from
        before they were of it. Oldest first, without their `detail`."""

    def actions_to_do(self, limit: int = 500) -> Sequence[Action]:
        """The steps of every case that are to be taken, or wait for an answer, oldest first."""

    def first_held(self, channel: str, before: tuple[int, str] | None = None) -> Action | None:
        """The oldest step that is to reach the ticket system of a channel, and has failed or waited behind one that
        has; of those before (requested_at, id) where that is given."""

    def open_ticket(self, ticket: Ticket) -> None:
        """Adds it; the same id again changes nothing."""

    def note_on_ticket(self, ticket_id: str, note: Mapping[str, Any], state: str | None) -> bool:
        """Writes a note {id, text, state} to a ticket, and changes its state where one is given; the id of a note that
        is there changes nothing. False where there is no such ticket."""

    def tickets(self, limit: int = 500) -> Sequence[Ticket]: ...
