"""The few things that the process needs of the outside. Each adapter passes its contract suite in tests/contracts/.

Every instant is int microseconds UTC. Every call of a `Transaction` sees and touches the rows of its tenant only.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from upheld.actions.model import Action, Ticket
from upheld.analysis.alarms import Alarm
from upheld.analysis.model import Change
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Version
from upheld.cases.model import Case, Event, State
from upheld.cases.performance import Kept as KeptInTime
from upheld.cases.problems import Happened, Problem
from upheld.maintenance.model import Announcement, Maintenance
from upheld.maintenance.received import Key, NoticedWindow, Received, ReceivedState
from upheld.measurements.collection import CollectionJob
from upheld.measurements.dead_letters import DeadLetter, DeadLetterState
from upheld.measurements.events import ServiceEvent
from upheld.measurements.exclusions import Exclusion
from upheld.measurements.senders import Sender
from upheld.notices.model import Notice, NoticeState, Owed, VerdictNews
from upheld.outgoing.billing import Adjustment
from upheld.outgoing.claims import Claim
from upheld.outgoing.model import OutgoingEvent


class Conflict(Exception):
    """Someone else changed the row first: load it again and decide again."""


class NotKept(Exception):
    """Nothing of a batch was kept, and its sender is to send it again, no sooner than after `retry_after` seconds. The
    text says why, and may be shown."""

    retry_after = 10


class Busy(NotKept):
    """More waits to be written than may wait."""

    retry_after = 2


class StoreFailed(NotKept):
    """The store cannot be written: it is away, or there is no room."""


@dataclass(frozen=True, slots=True)
class AgendaEntry:
    """Something to do at `due_at`: a timer, or an effect to perform. The one mechanism for both outbox and timers.

    `id` is its idempotency key: scheduling the same id again changes nothing. `kind` names what to do, `data` (JSON)
    with what. `attempts` counts claims so far."""

    id: str
    kind: str
    due_at: int
    data: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 0
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that a source came upon, told from another content of the same path by its `mark`: since when its
    measurements are known (microseconds UTC), whether it was `begun`, `taken` or `refused`, and how many measurements
    it had."""

    source: str
    path: str
    mark: str
    known_at: int
    state: str
    measurements: int = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is stored: the digest of its secret, never the secret. `role`: `operator`, `ingest` for a source
    that may only deliver measurements, or `metrics` for a monitoring system that may only read the metrics. Once it is
    revoked it opens nothing, and no session that it has opened holds."""

    id: str
    tenant: str
    name: str
    digest: str
    role: str
    created_at: int
    revoked_at: int | None = None


@dataclass(frozen=True, slots=True)
class VerdictFilter:
    """None does not limit. `newest_only` keeps the verdict of the newest period of each (agreement, objective,
    service). `ends_after` and `ends_by` keep those of calendar periods that end after the one, and not after the other
    (microseconds UTC)."""

    agreement: str | None = None
    service: str | None = None
    customer: str | None = None
    newest_only: bool = False
    ends_after: int | None = None
    ends_by: int | None = None


@dataclass(frozen=True, slots=True)
class AlarmFilter:
    """None does not limit. `about` is a service, a resource or a managed object; `raised` asks for those that are not
    cleared, or for those that are."""

    about: str | None = None
    raised: bool | None = None
    limit: int = 500
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Adoption:
    """A portfolio that was put in force: its YAML text, since when (microseconds UTC) and by whom. `agreements` gives
    of each agreement that there ever was its version, and a digest of what it says: [version, digest]."""

    version: int
    source: str
    known_at: int
    applied_by: str | None = None
    agreements: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an assessment was made of, so that it can be made again: at `known_at`, up to `as_of`, from `since`, with
    the installation's `lateness` (all in microseconds), of the log's batches up to `position`, of the exclusions
    granted and revoked up to the place `exclusions` and the events told up to the place `events`, under the version
    `portfolio`. `number` orders them."""

    known_at: int
    as_of: int
    since: int
    lateness: int
    position: int
    exclusions: int
    events: int
    portfolio: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A verdict as it is kept, in its version: since when that is known, and when its figures last went on. Of a
    rolling window `rolling_from` is from when its terms are valid (all in microseconds UTC)."""

    verdict: Verdict
    known_at: int
    written_at: int
    rolling_from: int | None = None


@dataclass(frozen=True, slots=True)
class LogFloor:
    """How much of the log of measurements was removed: what was measured before `kept_from`. Final verdicts of periods
    that began before `settled` stay as they are, and nothing is taken of the time before it. Since `raised_at` both are
    what they are."""

    kept_from: int
    settled: int
    raised_at: int


@dataclass(frozen=True, slots=True)
class Stated:
    """Up to which place what was told of events has been stated as measurements (`stating`), and for the objectives of
    which version of the portfolio."""

    place: int
    portfolio: int


@dataclass(frozen=True, slots=True)
class Told:
    """A verdict to be kept: why it is what it is, and who stands behind that. With `rolling_from` (see `Kept`) it is
    that of a rolling window."""

    verdict: Verdict
    cause: str
    approver: str | None = None
    rolling_from: int | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """How things stand in the whole installation: its tenants; the open cases by (tenant, kind, state); what is to be
    done, by (kind, `waiting`, `due` or `held`) as (entries, when the soonest is due); the dead letters that wait, by
    (tenant, reason), and how many were ever dropped, by tenant. For those who run it."""

    tenants: Sequence[str]
    open_cases: Mapping[tuple[str, str, str], int]
    agenda: Mapping[tuple[str, str], tuple[int, int]]
    dead_letters: Mapping[tuple[str, str], int]
    dead_letters_dropped: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Hub:
    """Someone who wants to be told at an address, `callback`: of events of these `types` (all where there are none), as
    `query` had it. Since `created_at`, in microseconds UTC."""

    id: str
    callback: str
    query: str | None
    types: Sequence[str]
    created_at: int


@dataclass(frozen=True, slots=True)
class Outflow:
    """What is told in the whole installation: the position of each tenant's last event, the position of each
    destination by (tenant, sink), and the hubs, each with its tenant."""

    heads: Mapping[str, int]
    places: Mapping[tuple[str, str], int]
    hubs: Sequence[tuple[str, Hub]]


class NoLongerKnown(Exception):
    """What a report as it was known then is made of was removed: since when it is not known any more."""

    def __init__(self, raised_at: int) -> None:
        super().__init__(raised_at)
        self.raised_at = raised_at


class Transaction(Protocol):
    """One unit of work of one tenant: all of it is committed, or nothing."""

    # agreements: the portfolio as YAML text, newest version last
    def save_portfolio(
        self, source: str, known_at: int, applied_by: str | None = None, agreements: Mapping[str, Sequence[Any]] = ...
    ) -> int: ...
    def portfolio(self) -> tuple[int, str] | None:
        """The newest (version, YAML text), or None before the first."""

    def adoption(self, version: int) -> Adoption | None:
        """That version of the portfolio, with when and by whom it was put in force."""

    # how labelled samples are read, as YAML text, newest version last
    def save_mapping(self, source: str, known_at: int, applied_by: str | None = None) -> int: ...
    def mapping(self) -> tuple[int, str] | None:
        """The newest (version, YAML text), or None before the first."""

    # playbooks, as YAML text, newest version last
    def save_playbooks(self, source: str, known_at: int, applied_by: str | None = None) -> int: ...
    def playbooks(self) -> tuple[int, str] | None:
        """The newest (version, YAML text), or None before the first."""

    # what services run over, as JSON text, newest version last
    def save_topology(self, source: str, known_at: int, applied_by: str | None = None) -> int: ...
    def topology(self) -> tuple[int, str] | None:
        """The newest (version, JSON text), or None before the first."""

    def topology_version(self) -> int | None:
        """The newest version, without its text, which may be long."""

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
        """The open, or the ended cases of these services, newest first, without their `verdict`, `periods` and
        `told`."""

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
        """Open ones first, then newest first, without their documents but `resolution`."""

    def count_cases(self, problem_id: str) -> tuple[int, int]:
        """How many of its cases are open, and how many there are."""

    # what is to be told of the cases of problems
    def owe(self, owed: Sequence[Owed]) -> None: ...
    def take_owed(self, problem_id: str, told: int, parties: int) -> Sequence[Owed]:
        """What is owed to up to so many parties and not told yet, in the order in which it happened; from now on it
        counts as told, at `told`."""

    def owed_as_told(self, problem_id: str, party: str, told: int) -> Sequence[Owed]:
        """What was told to a party at `told`."""

    def is_owed(self, problem_id: str) -> bool:
        """Whether anything of a problem is still to be told."""

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

    def told_of_case(self, case_id: str) -> Sequence[Notice]:
        """The notices of one case alone, oldest first, without their texts."""

    def told_of_problem(self, problem_id: str, party: str) -> Sequence[Notice]:
        """The notices to a party of several cases of a problem, or of one that was merged into it, oldest first,
        without their texts."""

    def summaries_told(self, agreement: str, since: int) -> Sequence[Notice]:
        """The summaries of an agreement that were recorded since then, oldest first, without their texts."""

    # actions and the built-in ticket list
    def save_action(self, action: Action) -> None:
        """Adds it, or replaces the row of the same id."""

    def action(self, action_id: str) -> Action | None: ...
    def actions(self, case_id: str) -> Sequence[Action]:
        """The steps of a case or problem, and of the problems merged into it, oldest first."""

    def actions_brief(self, case_id: str) -> Sequence[Action]:
        """As `actions`, without their `detail`."""

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

    # maintenance, exclusions, changes
    def save_maintenance(self, maintenance: Maintenance) -> None: ...
    def maintenance(self, maintenance_id: str) -> Maintenance | None: ...
    def maintenances(self, ending_after: int | None = None) -> Sequence[Maintenance]:
        """By start, earliest first."""

    def save_announcement(self, announcement: Announcement) -> None: ...
    def announcements_of(self, agreement: str) -> Sequence[Announcement]:
        """What was decided under an agreement, of every work."""

    def works_during(self, agreement: str, start: int, end: int) -> Sequence[tuple[Maintenance, Announcement]]:
        """The works with a window in [start, end) that were announced under an agreement, with what that has earned; by
        start."""

    def announcements(self, maintenance_id: str, agreement: str | None = None) -> Sequence[Announcement]: ...
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

    def save_noticed(self, window: NoticedWindow) -> None:
        """Adds it, or replaces the row of the same id."""

    def noticed(self, window_id: str) -> NoticedWindow | None: ...
    def noticed_in(self, received_id: str) -> Sequence[NoticedWindow]:
        """The windows that a notice tells of, in its order."""

    def noticed_of(self, key: Key) -> Sequence[NoticedWindow]:
        """All that was ever received of a provider's work, in the order in which it came."""

    def noticed_about(self, work: str) -> Sequence[NoticedWindow]:
        """All that was received of a planned work, in the order in which it came."""

    def noticed_windows(self, state: ReceivedState | None = None, limit: int = 500) -> Sequence[NoticedWindow]:
        """Newest first; those that wait, oldest first."""

    def count_waiting_notices(self) -> int:
        """How many windows of notices wait for a person."""

    def change_noticed(self, window: NoticedWindow) -> bool:
        """Replaces the row of one that waits; False, and nothing changes, where it waits no more."""

    def save_circuit(self, provider: str, circuit: str, nodes: Sequence[str], at: int, by: str) -> None:
        """Keeps what a person says that a supplier's circuit is, in place of what was said before."""

    def said_circuits(self, provider: str) -> Mapping[str, Sequence[str]]:
        """What persons have said that the circuits of a supplier are."""

    def add_change(self, change: Change) -> None: ...
    def changes(self, since: int) -> Sequence[Change]: ...

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

    # the agenda
    def schedule(self, entry: AgendaEntry) -> None:
        """Adds it; an id that is already there changes nothing."""

    def finish(self, entry_id: str) -> None: ...
    def retry(self, entry_id: str, due_at: int, error: str) -> None: ...
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


class Store(Protocol):
    """Where all but measurements is kept."""

    def transaction(self, tenant: str, *, writing: bool = True) -> AbstractContextManager[Transaction]:
        """With `writing=False` it waits for no writer, and what it tries to write fails. A thread has one writing
        transaction at a time."""

    def claim(self, now: int, lease: int, limit: int, kinds: Sequence[str] | None = None) -> Sequence[AgendaEntry]:
        """Takes up to `limit` due entries of any tenant for `lease` microseconds, by a conditional update: no two
        workers get the same one, and one whose worker died is free again when the lease is over. `kinds` limits it to
        entries of these kinds."""

    def owing(self, before: int, limit: int) -> Sequence[tuple[str, str]]:
        """(tenant, problem) of up to so many problems of which something that happened before that instant
        (microseconds UTC) is still to be told."""

    def with_news(self, now: int, quiet: int, longest: int) -> Sequence[str]:
        """The tenants of which `Transaction.take_news` would give something."""

    def leads(self, tenant: str) -> bool:
        """Whether this process is the one that assesses the tenant: of several on one database, one at a time."""

    def add_tenant(self, tenant: str, name: str) -> None: ...
    def tenants(self) -> Sequence[str]: ...
    def add_key(self, key: ApiKey) -> None: ...
    def key_by_digest(self, digest: str) -> ApiKey | None: ...
    def key(self, tenant: str, key_id: str) -> ApiKey | None: ...
    def keys(self, tenant: str | None = None) -> Sequence[ApiKey]:
        """The keys of a tenant, or of all, the revoked ones too, by tenant and age."""

    def revoke_key(self, tenant: str, key_id: str, at: int) -> ApiKey | None:
        """Revokes a key, once: whoever asks first says since when. None where the tenant has no such key."""

    def setting(self, name: str, default: str) -> str:
        """A value of the installation that is kept from its first start on: the stored one, else `default`, now
        stored."""

    def kept_setting(self, name: str) -> str | None:
        """The stored value of the installation as it is now."""

    def change_setting(self, name: str, value: str) -> None:
        """Stores a value of the installation in place of the one before."""

    def ping(self) -> None:
        """Raises where the store cannot be used: it does not answer, or it is of another version."""

    def free(self) -> int | None:
        """The free bytes where it is kept; None where that cannot be known from here."""

    def outflow(self) -> Outflow:
        """How far what is told has come."""

    def census(self, now: int) -> Census:
        """How things stand at `now`."""


class MeasurementLog(Protocol):
    """The append-only log of what was delivered."""

    def append(self, tenant: str, batch: pa.Table, source: str | None = None) -> int:
        """Keeps a batch (columns: `measurements.model.COLUMNS`) that `source` delivered, and returns its position,
        once it is durable. Raises ValueError where it has other columns, and NotKept."""

    def read(self, tenant: str, after: int = 0) -> Iterator[tuple[int, pa.Table, str | None]]:
        """Every batch behind position `after`, in order, as (position, batch, who delivered it)."""

    def backlog(self, tenant: str, after: int) -> tuple[int, int]:
        """The position of the tenant's last batch, 0 before the first, and the rows behind position `after`."""

    def rows(
        self,
        tenant: str,
        series: Collection[tuple[str, str]],
        *,
        start: int | None = None,
        end: int | None = None,
        upto: int | None = None,
    ) -> pa.Table:
        """All measurements of these (service, metric), and of others of the same services and metrics, with start <=
        time < end, in the batches up to position `upto` (None does not limit), whether they hold or were corrected, in
        any order."""

    def delivered(self, tenant: str, series: Collection[tuple[str, str]], start: int, end: int) -> pa.Table:
        """As `rows`, with a column `source` of who delivered each, null where that is not known."""

    def removable(self, tenant: str, before: int) -> bool:
        """Whether `remove` would remove anything."""

    def remove(self, tenant: str, before: int) -> int:
        """Removes whole files and batches, never the last, in which all was measured before that instant (microseconds
        UTC); returns how many rows they had. What lies in files is removed by one process at a time."""

    def sources(
        self, tenant: str, series: Collection[tuple[str, str]], start: int, end: int, *, after: int, upto: int
    ) -> Sequence[str]:
        """Who delivered measurements of one of these (service, metric) with start <= time < end in the batches behind
        position `after` up to `upto`, by name."""

    def series(
        self, tenant: str, service: str, metric: str, start: int, end: int, *, upto: int | None = None
    ) -> pa.Table:
        """The measurements that hold of one series with start <= time < end, by time; of the batches up to position
        `upto` where that is given."""


class Clock(Protocol):
    def now(self) -> int: ...


class DeliveryError(Exception):
    """A sending failed. `permanent` means that another try cannot help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Gone(DeliveryError):
    """Whoever is sent to wants nothing more, ever."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)


class Mailer(Protocol):
    def send(self, tenant: str, notice: Notice) -> str:
        """Hands a tenant's notice to the relay, under a Message-ID made of both, and returns the part of that before
        the @, by which delivery reports name it. Raises DeliveryError."""


class Webhooks(Protocol):
    def post(
        self,
        url: str,
        secret: str,
        message_id: str,
        at: int,
        payload: Mapping[str, Any],
        media_type: str = "application/json",
    ) -> str:
        """Posts the payload signed as Standard Webhooks has it, and returns the answer's body (at most 64 KiB).
        Raises DeliveryError; a private address is refused permanently."""

    def check(self, url: str) -> None:
        """Raises DeliveryError, permanent, where an address may not be posted to; one that does not resolve now may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of 2xx: its status, and its body (at most 64 KiB)."""

    status: int
    body: str


class Tickets(Protocol):
    """A ticket system. A ticket's content is that of TMF621 TroubleTicket: name, description, severity, ticketType,
    externalId, relatedEntity. Every method raises DeliveryError, and can be called again under the same key: whatever
    was cut off before, there is one ticket, or one note, for a key."""

    def open(self, tenant: str, key: str, ticket: Mapping[str, Any]) -> str:
        """Opens a ticket, and returns what people call it by there."""

    def update(self, tenant: str, key: str, reference: str, note: str, state: str | None) -> None:
        """Writes a note to the ticket of that reference, and moves it to `state` (in_progress, resolved, closed)."""


class Pager(Protocol):
    """A destination that wakes people. It may be told twice where it was cut off: it has no keys."""

    def page(self, title: str, body: str) -> None:
        """Raises DeliveryError."""


class Hook(Protocol):
    """An automation that is called with a signed payload."""

    def call(self, key: str, at: int, payload: Mapping[str, Any]) -> Answer:
        """Posts the payload under its key. An answer of 202 says that the outcome comes later. Raises DeliveryError."""


@dataclass(frozen=True, slots=True)
class Channels:
    """Where steps reach outside, by the names that playbooks call them by."""

    tickets: Mapping[str, Tickets] = field(default_factory=dict)
    pagers: Mapping[str, Pager] = field(default_factory=dict)
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    tenants: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Of a channel that only some tenants may use, which; of others nothing."""

    def of(self, tenant: str) -> Sequence[str]:
        """The names of those that a tenant may use, sorted."""
        return sorted(name for name in (*self.tickets, *self.pagers, *self.hooks) if self.may(tenant, name))

    def may(self, tenant: str, channel: str) -> bool:
        """Whether there is such a channel for a tenant."""
        known = channel in self.tickets or channel in self.pagers or channel in self.hooks
        return known and tenant in self.tenants.get(channel, (tenant,))
