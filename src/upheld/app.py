"""Wiring only: settings, and the parts put together to one application."""

import logging
import re
import secrets
import sys
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

import structlog
from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from structlog.tracebacks import ExceptionDictTransformer

from upheld.access import new_key
from upheld.agreements.units import DAY, MINUTE, SECOND
from upheld.background import Background
from upheld.cases.model import Case
from upheld.channels.listed_tickets import ListedTickets
from upheld.channels.mail import SmtpMailer
from upheld.channels.webhook import SignedWebhooks
from upheld.channels.webhook_tickets import WebhookTickets
from upheld.clock import AcceleratedClock, SystemClock
from upheld.declared_channels import opened, read_channels
from upheld.measurements.model import AHEAD
from upheld.notices.links import (
    SIGNED_PATHS,
    ClaimQuestion,
    Links,
    ProblemQuestion,
    Question,
    Receipt,
    StepQuestion,
    WorkQuestion,
)
from upheld.notices.model import Notice, Owed
from upheld.notices.templating import AS_SHIPPED, put_in_use
from upheld.notices.texts import Letter, letter
from upheld.ports import Channels, Clock, MeasurementLog, Store, StoreFailed, Tickets, Webhooks
from upheld.process.acting.step_taking import StepTaker
from upheld.process.assessing.round import Rules
from upheld.process.performing import Performer
from upheld.process.process import Process
from upheld.process.retaining import Forgetting, Retention
from upheld.process.telling.sending import NoticeSender
from upheld.process.turns import Turns
from upheld.process.works.intake import Approval
from upheld.readers.delivery_reports import DeliveryReport
from upheld.readers.playbooks import parse_playbooks
from upheld.readers.portfolio import parse_portfolio
from upheld.readers.templates import read_templates
from upheld.readers.topology import parse_topology
from upheld.recorder import Recorder
from upheld.sinks.declared import read_sinks
from upheld.sinks.running import Sinks
from upheld.sources.collecting import Collecting
from upheld.sources.declared import read_declaration
from upheld.sources.job_files import PATH as JOB_FILES
from upheld.sources.job_files import FilesOfJobs
from upheld.sources.notice_sources import read_notice_sources
from upheld.sources.noticing import Noticers
from upheld.sources.running import Sources
from upheld.sources.taking import Taking
from upheld.sources.web_files import WebFiles
from upheld.store import open_store
from upheld.store.compacting import When
from upheld.taking_in.admission import NAMES, Admission, Limits, own_limits
from upheld.taking_in.ingesting import Ingestion
from upheld.taking_in.noticeboard import Noticeboard
from upheld.taking_in.replaying import Replays
from upheld.taking_in.reported import Reports
from upheld.taking_in.senders import Senders
from upheld.telemetry import Standing, Telemetry

log = structlog.get_logger()

_SECRETS = (
    re.compile(r"(whsec_)[\w+/=-]+"),
    re.compile(r"\b(uph_)[\w-]+"),
    re.compile(rf"(/(?:{'|'.join(SIGNED_PATHS)})/)[\w.~%-]+"),
    re.compile(r"(://[^\s/:@]*:)[^\s/@]+(?=@)"),
)
"""What may stand in a log as little as anywhere: signing secrets, API keys, signed links, passwords in URLs."""

DEFAULT_TENANT = "default"
MEBIBYTE = 1024 * 1024
TALLY_PAUSE = 5.0
"""Seconds between two times that what was counted of the senders is kept."""
SENDERS = 4
"""Threads that send notices and take steps, so that a slow receiver does not hold up the others."""
FETCHERS = 2
"""Threads that fetch the files of measurement collection jobs."""
COMPACTION_PAUSE = 30.0
"""Seconds between two looks at what is to be compacted."""
RETENTION_PAUSE = 900.0
"""Seconds between two looks at what is not needed any more."""


class Settings(BaseSettings):
    """Everything that can be set, each from the environment variable `UPHELD_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="UPHELD_", extra="forbid")

    database_url: str = "sqlite:///upheld.db"
    """SQLAlchemy URL of the store: a SQLite file, or PostgreSQL as postgresql+psycopg://..."""
    log_files: str | None = None
    """The folder, a path or an fsspec URL, of the measurements that are compacted to Parquet: beside a SQLite file
    unless told otherwise. On PostgreSQL nothing is compacted without it."""
    compact_after: float = Field(default=21_600, ge=0)
    """Seconds after which measurements are compacted."""
    retention: float | None = Field(default=None, gt=0)
    """Days for which measurements are kept at least; then they go, once no verdict needs them. All are kept without."""
    events: Path | None = None
    """A file that says where events for other systems are sent."""
    events_kept: float = Field(default=90, gt=0)
    """Days for which events for other systems are kept, whether they were fetched or not."""
    host: str = "127.0.0.1"
    """The address to listen on; loopback unless told otherwise."""
    port: int = Field(default=8470, ge=0, le=65535)
    public_url: str = "http://127.0.0.1:8470"
    """How the outside reaches this server: the beginning of every signed link."""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_starttls: bool = False
    mail_from: str = "Upheld <upheld@localhost>"
    ticket_webhook: str | None = None
    """Where tickets are opened; without it they go to the built-in list."""
    ticket_secret: SecretStr | None = None
    """The secret that signs what goes to the ticket webhook (Standard Webhooks, whsec_...)."""
    templates: Path | None = None
    """A folder of the provider's own texts of notices, in place of those that are shipped."""
    channels: Path | None = None
    """A file that says where playbooks reach outside."""
    allowed_callbacks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Private networks that webhooks may go to, and files be fetched from, all the same, as a JSON list; none by
    default."""
    assessment_delay: float = Field(default=30, ge=0)
    """Seconds that a slot waits for its data before it is assessed."""
    ahead: float = Field(default=AHEAD / SECOND, ge=0)
    """Seconds by which a measurement may lie ahead of the server's clock; one further ahead is not taken."""
    lateness: float = Field(default=3600, ge=0)
    """Seconds after its period after which a verdict is final, where the agreement does not say."""
    restored_after: float = Field(default=300, ge=0)
    """Seconds that a service must be good to count as restored."""
    clock_speed: int = Field(default=1, ge=1, le=86_400)
    """How many times as fast as the machine's the clock runs; for demonstrations and rehearsals."""
    mail_catcher: Path | None = None
    """A Maildir whose mails the console shows under /mailbox; for demonstrations."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto`: readable in a terminal, one JSON object a line elsewhere."""
    traces_endpoint: HttpUrl | None = None
    """Where spans are sent (OTLP over HTTP), such as http://collector:4318/v1/traces; none are recorded without it."""
    traces_sample: float = Field(default=0.1, ge=0, le=1)
    """The share of the traces beginning here that are recorded; of a sender's trace, the sender decides."""
    stuck_after: float = Field(default=900, gt=0)
    """Seconds without a sign of life after which a background thread counts as stuck."""
    min_free: int = Field(default=256 * 1024 * 1024, ge=0)
    """Free bytes where the store is kept (SQLite) below which the server is not ready."""
    drain: float = Field(default=5, ge=0)
    """Seconds between SIGTERM, from which on the server is not ready, and its end."""
    sources: Path | None = None
    """A file that says where measurements are fetched from."""
    tenant_samples_per_second: float = Field(default=1_000_000, ge=0)
    """Samples or rows that a tenant may send, where it has no limit of its own; 0 does not limit. So are the next."""
    tenant_bytes_per_second: float = Field(default=128 * MEBIBYTE, ge=0)
    tenant_requests_per_second: float = Field(default=2_000, ge=0)
    tenant_requests_at_once: int = Field(default=16, ge=0)
    """Requests of a tenant that are worked on at the same time; more of them wait."""
    tenant_backlog_rows: int = Field(default=20_000_000, ge=0)
    """Measurements of a tenant that may wait for their assessment; then its senders are to wait."""
    requests_at_once: int = Field(default=24, ge=1)
    """Deliveries of all tenants that are worked on at the same time."""
    memory_for_bodies: int = Field(default=256 * MEBIBYTE, ge=1024)
    """Bytes of bodies that are held in memory at the same time."""
    max_body: int = Field(default=32 * 1024 * 1024, ge=1024)
    """The largest request body taken, in bytes."""
    notice_sources: Path | None = None
    """A file that says which mailboxes and calendars providers' notices of planned work are taken from."""
    supplier_notices: Approval = "always"
    """When a provider's notice of work waits for a person: `always`, or only where there are `doubts`."""
    max_file: int = Field(default=32 * 1024 * 1024, ge=1024, le=1024 * 1024 * 1024)
    """The largest file that is fetched for a measurement collection job, packed or not, in bytes."""

    @property
    def tenant_limits(self) -> Limits:
        """What a tenant may do that has no limits of its own."""
        return Limits(**{name: getattr(self, f"tenant_{name}") for name in NAMES})


class Application:
    """The parts of one installation, and the threads that keep the process going. `clock` takes the place of the one
    that the settings ask for."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        put_in_use(AS_SHIPPED if settings.templates is None else read_templates(settings.templates))
        self.telemetry = Telemetry(_traces(settings))
        database = open_store(settings.database_url, self.telemetry, settings.log_files)
        self._compactor, self._compacts_at = database.compactor, 0.0
        self.settings = settings
        self.store: Store = database
        self.log: MeasurementLog = database
        self.clock: Clock = clock or _clock(settings, self.store)
        self.secret = self.store.setting("signing_secret", secrets.token_urlsafe(48))
        self.links = Links(self.secret, settings.public_url)
        rules = Rules(
            delay=_microseconds(settings.assessment_delay),
            lateness=_microseconds(settings.lateness),
            stable=_microseconds(settings.restored_after),
            lease=5 * MINUTE * settings.clock_speed,
        )
        self.process = Process(
            self.store,
            self.log,
            self.clock,
            parse=lambda source: parse_portfolio(source, "portfolio"),
            parse_playbooks=lambda source: parse_playbooks(source, "playbooks"),
            parse_topology=lambda source: parse_topology(source, "json", "topology"),
            question_link=self._question_link,
            problem_link=self._problem_link,
            claim_link=self._claim_link,
            work_link=self._work_link,
            rules=rules,
            recorder=self.telemetry,
        )
        keep = None if settings.retention is None else round(settings.retention * DAY)
        self.retention, self._removes_at = Retention(self.process, self.store, self.log, self.clock, keep), 0.0
        self.forgetting = Forgetting(self.store, self.clock, round(settings.events_kept * DAY))
        self.turns = Turns(self.process, self.store, self.telemetry)
        ahead = _microseconds(settings.ahead)
        self.senders, self._tallies_at = Senders(self.store), 0.0
        self.ingestion = Ingestion(self.store, self.log, self.process, self.clock, self.telemetry, ahead, self.senders)
        self.admission = Admission(
            settings.tenant_limits,
            settings.requests_at_once,
            settings.memory_for_bodies,
            own_limits=lambda tenant: own_limits(self.store, tenant),
            behind=self.process.behind,
            recorder=self.telemetry,
        )
        self.reports = Reports(self.store, self.ingestion, self.process, self.clock, self.telemetry)
        self.noticeboard = Noticeboard(self.process, self.store, self.clock, settings.supplier_notices)
        taking = Taking(self.process, self.ingestion, self.clock, self.telemetry, self.admission)
        web_files = WebFiles(settings.max_file, settings.allowed_callbacks)
        job_files = FilesOfJobs(self.store, taking, web_files, self.clock, settings.max_file, self.telemetry)
        self.collecting = Collecting(self.store, self.clock, self.telemetry)
        own_ways = {JOB_FILES: job_files}
        self.replays = Replays(self.store, self.ingestion, self.reports, self.clock, self.telemetry, own_ways)
        webhooks = SignedWebhooks(settings.allowed_callbacks)
        self.channels = _channels(settings, webhooks, self.store, self.clock)
        mailer = SmtpMailer(
            settings.smtp_host,
            settings.smtp_port,
            settings.mail_from,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            starttls=settings.smtp_starttls,
            to_letter=self._letter,
        )
        self.notices = NoticeSender(
            self.process,
            self.store,
            self.clock,
            mailer,
            webhooks,
            self.channels,
            settings.public_url,
            self.telemetry,
        )
        self.performer = Performer(
            self.process,
            self.store,
            self.clock,
            self.notices,
            StepTaker(self.process, self.store, self.clock, self.channels, self._step_link, self.telemetry),
            rules.lease,
            self.telemetry,
            job_files.fetch,
        )
        self.sources = _sources(settings, taking, self.store)
        noticed = () if settings.notice_sources is None else read_notice_sources(settings.notice_sources)
        self.noticers = Noticers(noticed, self.noticeboard, settings.allowed_callbacks, self._heard)
        declared = () if settings.events is None else read_sinks(settings.events)
        self.webhooks: Webhooks = webhooks
        self.sinks = Sinks(declared, self.store, webhooks, settings.public_url, self.secret, now=SystemClock().now)
        self.telemetry.watch(self._standing)
        senders = {f"sender {n}": self.performer.send for n in range(1, SENDERS + 1)}
        fetchers = {f"fetcher {n}": self.performer.fetch for n in range(1, FETCHERS + 1)}
        steps = {
            "assessment": self.turns.go_round,
            "timers": self.performer.keep_time,
            "compaction": lambda: self.compact() or self.remove(),
            "tally": self.tally,
            "events": self.sinks.look,
            **senders,
            **fetchers,
        }
        self.background = Background(steps, settings.stuck_after)
        self.draining = threading.Event()
        """Set once the server is about to end: nothing new is to be sent to it."""

    def _heard(self, tenant: str, report: DeliveryReport) -> str | None:
        return self.notices.heard_of(tenant, report.outside_id, report.receipt, report.detail)

    def first_key(self) -> str | None:
        """On the first start: makes the default tenant and returns the secret of its first operator key, the only
        time that it can be seen. None ever after."""
        if self.store.tenants():
            return None
        secret, key = new_key(DEFAULT_TENANT, "first key", "operator", self.clock.now())
        self.store.add_tenant(DEFAULT_TENANT, "Default")
        self.store.add_key(key)
        return secret

    def start(self) -> None:
        """Starts assessing and performing in the background."""
        self.background.start()
        if self.sources is not None:
            self.sources.start()
        self.noticers.start()

    def stop(self) -> None:
        """Lets the background threads end what they are at."""
        if self.sources is not None:
            self.sources.stop()
        self.noticers.stop()
        self.background.stop()
        self.sinks.stop()
        self.senders.flush()
        self.noticeboard.close()
        self.telemetry.close()

    def compact(self) -> int:
        """Compacts what is old enough of the log of measurements: the rows of one round, and then it rests a while."""
        if self._compactor is None or time.monotonic() < self._compacts_at:
            return 0
        count = self._compactor.run(self.clock.now(), When(age=_microseconds(self.settings.compact_after)))
        if not count:
            self._compacts_at = time.monotonic() + COMPACTION_PAUSE
        return count

    def tally(self) -> int:
        """Keeps what was counted of the senders, and then rests a while."""
        if time.monotonic() >= self._tallies_at:
            self._tallies_at = time.monotonic() + TALLY_PAUSE
            self.senders.flush()
        return 0

    def failing(self) -> dict[str, str]:
        """The threads that do not keep going, and why."""
        sources = {} if self.sources is None else self.sources.failing()
        return self.background.failing() | sources | self.noticers.failing() | self.sinks.failing()

    def remove(self) -> int:
        """Removes what is old of the log of measurements and of the events for other systems, and then rests a while:
        how many rows and events."""
        if time.monotonic() < self._removes_at:
            return 0
        self._removes_at = time.monotonic() + RETENTION_PAUSE
        return self.retention.run() + self.forgetting.run()

    def unready(self) -> dict[str, str]:
        """What keeps the server from working, by the part: nothing where it can."""
        found = {}
        try:
            self.process.ready()
            free = self.store.free()
            if free is not None and free < self.settings.min_free:
                found["disk"] = f"{free // MEBIBYTE:,} MiB are free; UPHELD_MIN_FREE asks for more"
        except StoreFailed as error:
            found["store"] = str(error)
        except Exception as error:  # whatever it is, an orchestrator must be told, and only the log why
            log.error("the store cannot be used", error=type(error).__name__)
            found["store"] = "does not answer"
        if self.background.has_started and not self.turns.has_caught_up:
            found["assessment"] = "catches up with the log"
        if self.draining.is_set():
            found["server"] = "is about to end"
        return found

    def _standing(self) -> Standing:
        now = self.clock.now()
        census = self.store.census(now)
        behind = {
            t: self.log.backlog(t, self.telemetry.assessed.get(t, 0))
            for t in census.tenants
            if t not in self.turns.elsewhere
        }
        sources = {**self.noticers.standing(), **({} if self.sources is None else self.sources.standing())}
        silences, sinks = self.background.silences(), self.sinks.standing()
        return Standing(now, census, behind, silences, self.store.free(), sources, sinks)

    def _letter(self, tenant: str, notice: Notice) -> Letter:
        current = self.process.in_force(tenant)
        provider = None if current is None or current.portfolio.provider is None else current.portfolio.provider.id
        found = letter(notice, self.links.receipt_url(Receipt(tenant, notice.id)), provider)
        if found.own_failed is not None:
            template = f"{notice.language}/foot"
            self.telemetry.own_text_failed(template)
            log.warning("own text failed", template=template, reason=found.own_failed)
        return found

    def _question_link(self, tenant: str) -> Callable[[Case, str], str]:
        return lambda case, contact: self.links.question_url(
            Question(tenant=tenant, case_id=case.id, asked=case.asked, contact=contact)
        )

    def _step_link(self, tenant: str, action: str) -> str:
        return self.links.step_url(StepQuestion(tenant, action))

    def _problem_link(self, tenant: str) -> Callable[[Owed, int, str], str]:
        return lambda owed, told, contact: self.links.question_url(
            ProblemQuestion(tenant=tenant, problem=owed.problem, party=owed.party, told=told, contact=contact)
        )

    def _claim_link(self, tenant: str) -> Callable[[tuple[str, str, str, int], str], str]:
        return lambda key, contact: self.links.claim_url(ClaimQuestion(tenant, *key, contact))

    def _work_link(self, tenant: str) -> Callable[[str], str]:
        return lambda notice: self.links.work_url(WorkQuestion(tenant, notice))


def configure_logging(level: str, form: str = "auto") -> None:
    """Structured logs on standard error: readable (`console`) or one JSON object a line (`json`); `auto` is the first
    in a terminal and the second elsewhere. Tracebacks come without the values of variables, and whatever looks like a
    secret is blotted out: they may be anywhere."""
    terminal = sys.stderr.isatty() if form == "auto" else form == "console"
    tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *([] if terminal else [tracebacks]),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if terminal
            else structlog.processors.JSONRenderer(),
            _blotted,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _blotted(_: object, __: str, line: Any) -> str:
    text = str(line)  # the renderer before has made it one
    for secret in _SECRETS:
        text = secret.sub(r"\1...", text)
    return text


def _clock(settings: Settings, store: Store) -> Clock:
    if settings.clock_speed == 1:
        return SystemClock()
    anchor = store.setting(f"clock_anchor/{settings.clock_speed}", str(SystemClock().now()))
    return AcceleratedClock(settings.clock_speed, int(anchor))


def _traces(settings: Settings) -> Recorder:
    if settings.traces_endpoint is None:
        return Recorder()
    try:
        from upheld.tracing import Traces
    except ModuleNotFoundError as error:
        raise ValueError(f"UPHELD_TRACES_ENDPOINT needs {error.name}: pip install 'upheld[tracing]'") from None
    return Traces(str(settings.traces_endpoint), settings.traces_sample)


def _sources(settings: Settings, taking: Taking, store: Store) -> Sources | None:
    return None if settings.sources is None else Sources(read_declaration(settings.sources), taking, store)


def _channels(settings: Settings, webhooks: SignedWebhooks, store: Store, clock: Clock) -> Channels:
    """Where playbooks reach outside. Tickets go to the built-in list, unless a ticket system is set."""
    tickets: Tickets = ListedTickets(store, clock)
    if settings.ticket_webhook is not None:
        if settings.ticket_secret is None:
            raise ValueError("UPHELD_TICKET_SECRET is missing: what goes to UPHELD_TICKET_WEBHOOK is signed with it")
        tickets = WebhookTickets(webhooks, settings.ticket_webhook, settings.ticket_secret.get_secret_value, clock)
    declared = () if settings.channels is None else read_channels(settings.channels)
    return opened(declared, settings.allowed_callbacks, webhooks, tickets, clock)


def _microseconds(seconds: float) -> int:
    return round(seconds * SECOND)
