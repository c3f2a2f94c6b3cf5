"""What a store keeps and gives that is no record of the field itself. Every instant is int microseconds UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from upheld.assessment.verdict import Verdict


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
