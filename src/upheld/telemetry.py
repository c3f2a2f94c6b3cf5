"""The metrics of one application, as Prometheus reads them. docs/operating.md says what each means.

What happens is counted as it is told (`recorder.Recorder`); how things stand is looked up when the page is read.
Labels have few values: a route's template, a class of status, a kind; a tenant only where an operator needs to know
whose it is. One application has one registry: nothing here is global.
"""

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from upheld.ports import Census
from upheld.recorder import Recorder

log = structlog.get_logger()

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
"""Seconds: what takes a disk's time."""
LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
"""Seconds: what takes a network's time, or a computation's."""
DELAYS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600)
"""Seconds: what a customer's promise of minutes depends on."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How a destination of events stands: how many events it does not have yet; and of one that this process sends to,
    whether it takes what comes, when the event happened that it is to have next (microseconds UTC; None where it has
    all), and how many it had, how often a sending failed, and how many were removed before it had them."""

    lag: int
    up: bool | None = None
    oldest: int | None = None
    delivered: int = 0
    failed: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand at one instant, `at` (microseconds UTC): what the store tells, and of each tenant the place of
    the log's last batch and the rows behind what is assessed, as (last position, rows); for how many seconds each
    background thread has given no sign of life; the free bytes of the store's disk, None where nobody knows; and of
    each source that is fetched from, by tenant, id and kind, whether it takes what comes and how often it was lost; and
    of each destination of events the same way how it stands."""

    at: int
    census: Census
    log: Mapping[str, tuple[int, int]]
    silences: Mapping[str, float]
    free: int | None
    sources: Mapping[tuple[str, str, str], tuple[bool, int]] = field(default_factory=dict)
    sinks: Mapping[tuple[str, str, str], Sent] = field(default_factory=dict)


class Telemetry(Recorder):
    """Keeps what it is told, and gives it out as a page. Spans are left to `traces`."""

    def __init__(self, traces: Recorder = Recorder()) -> None:
        self.span, self.carried = traces.span, traces.carried  # type: ignore[method-assign]
        self.trace_id, self.close = traces.trace_id, traces.close  # type: ignore[method-assign]
        self.registry = registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        self.assessed: dict[str, int] = {}
        """The position up to which each tenant's log has been assessed since the start."""

        build = Gauge("upheld_build_info", "The version that runs; always 1.", ["version", "python"], registry=registry)
        build.labels(version("upheld"), platform.python_version()).set(1)
        self._requests = Counter(
            "upheld_http_requests",
            "HTTP requests answered; status is its class, 0 where no answer was sent.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "upheld_http_request_duration_seconds",
            "Time until an HTTP request was answered.",
            ["method", "route"],
            buckets=LONG,
            registry=registry,
        )
        self._taken = Counter(
            "upheld_measurements_taken", "Measurements made durable.", ["tenant", "protocol"], registry=registry
        )
        self._left_out = Counter(
            "upheld_measurements_left_out",
            "Samples left out or rows refused, by their reason.",
            ["tenant", "protocol", "reason"],
            registry=registry,
        )
        self._forgotten = Counter(
            "upheld_series_forgotten",
            "Times that all series of a tenant were forgotten, for there were more than are remembered.",
            ["tenant", "protocol"],
            registry=registry,
        )
        self._appended = Counter("upheld_log_appended_rows", "Rows appended to the log.", registry=registry)
        self._append_seconds = Histogram(
            "upheld_log_append_duration_seconds",
            "Time until an appended batch was durable, with waiting for its turn.",
            buckets=SHORT,
            registry=registry,
        )
        self._synced = Counter("upheld_log_synced_bytes", "Bytes of the log made durable.", registry=registry)
        self._sync_seconds = Histogram(
            "upheld_log_sync_duration_seconds",
            "Time in which bytes of the log were made durable, for one or several batches.",
            buckets=SHORT,
            registry=registry,
        )
        self._pulse_seconds = Histogram(
            "upheld_pulse_duration_seconds", "Time that assessing one tenant took.", buckets=LONG, registry=registry
        )
        self._refused = Counter(
            "upheld_requests_refused",
            "Requests that were not let in: a tenant's own rates, its backlog, or no place or memory.",
            ["tenant", "cause"],
            registry=registry,
        )
        self._pulse_failures = Counter(
            "upheld_pulse_failures", "Times that a tenant could not be assessed.", ["tenant"], registry=registry
        )
        self._assessed_until = Gauge(
            "upheld_assessed_until_timestamp_seconds",
            "Up to when a tenant is assessed.",
            ["tenant"],
            registry=registry,
        )
        self._verdicts = Counter(
            "upheld_verdicts_changed", "Changed verdicts that were kept.", ["status"], registry=registry
        )
        self._to_verdict = Histogram(
            "upheld_arrival_to_verdict_seconds",
            "From the arrival of what changed a verdict, or its slot's end and delay where later, until it was kept.",
            buckets=DELAYS,
            registry=registry,
        )
        self._to_notice = Histogram(
            "upheld_arrival_to_notice_seconds",
            "From the same instant until a notice of the change was handed over to its channel.",
            ["channel"],
            buckets=DELAYS,
            registry=registry,
        )
        self._verdict_failures = Counter(
            "upheld_verdict_failures", "Times that a changed verdict could not be kept.", registry=registry
        )
        self._cases_opened = Counter("upheld_cases_opened", "Cases opened.", ["tenant", "kind"], registry=registry)
        self._performed = Counter(
            "upheld_agenda_performed",
            "Entries of the agenda that were done, put off to be tried again, or given up.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._notices = Counter(
            "upheld_notices",
            "Notices that were sent, stopped or failed.",
            ["kind", "channel", "state"],
            registry=registry,
        )
        self._own_texts_failed = Counter(
            "upheld_own_texts_failed",
            "Notices that went out with the text that is shipped, for the provider's own failed.",
            ["template"],
            registry=registry,
        )
        self._attempts = Counter(
            "upheld_notice_attempts", "Attempts to hand a notice over.", ["channel", "outcome"], registry=registry
        )
        self._attempt_seconds = Histogram(
            "upheld_notice_attempt_duration_seconds",
            "Time that an attempt to hand a notice over took.",
            ["channel"],
            buckets=LONG,
            registry=registry,
        )

    # -- what happens -------------------------------------------------------------------------------------------

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, f"{status // 100}xx" if status else "0").inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def measurements_taken(self, tenant: str, protocol: str, rows: int) -> None:
        self._taken.labels(tenant, _word(protocol)).inc(rows)

    def measurements_left_out(self, tenant: str, protocol: str, reasons: Mapping[str, int]) -> None:
        for reason, count in reasons.items():
            self._left_out.labels(tenant, _word(protocol), reason).inc(count)

    def series_forgotten(self, tenant: str, protocol: str) -> None:
        self._forgotten.labels(tenant, _word(protocol)).inc()

    def batch_appended(self, rows: int, seconds: float) -> None:
        self._appended.inc(rows)
        self._append_seconds.observe(seconds)

    def log_synced(self, size: int, seconds: float) -> None:
        self._synced.inc(size)
        self._sync_seconds.observe(seconds)

    def batch_assessed(self, tenant: str, position: int) -> None:
        self.assessed[tenant] = position

    def pulse_ended(self, tenant: str, seconds: float, as_of: int) -> None:
        self._pulse_seconds.observe(seconds)
        self._pulse_failures.labels(tenant)  # from 0 on, so that the first failure is an increase
        self._assessed_until.labels(tenant).set(as_of / 1e6)

    def request_refused(self, tenant: str, cause: str) -> None:
        self._refused.labels(tenant, cause).inc()

    def pulse_failed(self, tenant: str) -> None:
        self._pulse_failures.labels(tenant).inc()

    def verdicts_kept(self, statuses: Sequence[str], delays: Sequence[int]) -> None:
        for status, count in Tally(statuses).items():
            self._verdicts.labels(status).inc(count)
        for delay in delays:
            self._to_verdict.observe(max(delay, 0) / 1e6)

    def verdict_failed(self) -> None:
        self._verdict_failures.inc()

    def case_opened(self, tenant: str, kind: str) -> None:
        self._cases_opened.labels(tenant, kind).inc()

    def entry_performed(self, kind: str, outcome: str) -> None:
        for other in ("done", "put_off", "given_up"):
            self._performed.labels(kind, other)
        self._performed.labels(kind, outcome).inc()

    def notice_ended(self, kind: str, channel: str, state: str) -> None:
        for other in ("sent", "stopped", "failed"):
            self._notices.labels(kind, channel, other)
        self._notices.labels(kind, channel, state).inc()

    def notice_attempted(self, channel: str, outcome: str, seconds: float) -> None:
        self._attempts.labels(channel, outcome).inc()
        self._attempt_seconds.labels(channel).observe(seconds)

    def own_text_failed(self, template: str) -> None:
        self._own_texts_failed.labels(template).inc()

    def notice_arrived(self, channel: str, delay: int) -> None:
        self._to_notice.labels(channel).observe(max(delay, 0) / 1e6)

    # -- how things stand ---------------------------------------------------------------------------------------

    def watch(self, look: Callable[[], Standing]) -> None:
        """Has the page tell how things stand, by looking whenever it is read."""
        self.registry.register(_Looking(look))

    # -- the page -----------------------------------------------------------------------------------------------

    def page(self, accept: str, tenant: str | None = None) -> tuple[bytes, str]:
        """(body, Content-Type) in a form that `accept` (an Accept header) takes. With `tenant` what other tenants have
        is left out; totals are the installation's."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry if tenant is None else _Seen(self.registry, tenant)), content_type


class _Seen(Collector):
    """What one tenant may see of a registry."""

    def __init__(self, registry: CollectorRegistry, tenant: str) -> None:
        self._registry, self._tenant = registry, tenant

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if s.labels.get("tenant", self._tenant) == self._tenant]
            yield family


class _Looking(Collector):
    """Gauges of how things stand. Where the store does not answer, the page says so and has the rest all the same."""

    def __init__(self, look: Callable[[], Standing]) -> None:
        self._look = look

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        try:
            standing = self._look()
        except Exception as error:  # whatever it is: the page must tell of it
            log.error("the store does not answer", error=type(error).__name__)
            yield GaugeMetricFamily("upheld_store_up", "Whether the store answers.", value=0)
            return
        yield GaugeMetricFamily("upheld_store_up", "Whether the store answers.", value=1)
        yield from _families(standing)


def _families(standing: Standing) -> Iterable[Metric]:
    census = standing.census
    yield GaugeMetricFamily("upheld_tenants", "Tenants of the installation.", value=len(census.tenants))
    yield _gauge(
        "upheld_open_cases", "Cases that are not closed.", ("tenant", "kind", "state"), census.open_cases.items()
    )
    yield _gauge(
        "upheld_agenda_entries",
        "What is to be done: not due yet (waiting), due, or held by a worker.",
        ("kind", "state"),
        [(key, count) for key, (count, _) in census.agenda.items()],
    )
    yield _gauge(
        "upheld_agenda_overdue_seconds",
        "For how long the oldest entry has been due that no worker holds.",
        ("kind",),
        [([kind], (standing.at - due) / 1e6) for (kind, state), (_, due) in census.agenda.items() if state == "due"],
    )
    yield _gauge(
        "upheld_log_position",
        "The place of the last batch in the log.",
        ("tenant",),
        [([tenant], position) for tenant, (position, _) in standing.log.items()],
    )
    yield _gauge(
        "upheld_log_backlog_rows",
        "Rows in the log that are not assessed yet.",
        ("tenant",),
        [([tenant], rows) for tenant, (_, rows) in standing.log.items()],
    )
    yield _gauge(
        "upheld_dead_letters_waiting",
        "What could not be taken, and waits to be looked at.",
        ("tenant", "reason"),
        census.dead_letters.items(),
    )
    dropped = CounterMetricFamily(
        "upheld_dead_letters_dropped", "Dead letters dropped because there were too many.", labels=("tenant",)
    )
    for tenant in census.tenants:
        dropped.add_metric([tenant], census.dead_letters_dropped.get(tenant, 0))
    yield dropped
    yield _gauge(
        "upheld_background_silence_seconds",
        "For how long a background thread has given no sign of life.",
        ("part",),
        [([part], seconds) for part, seconds in standing.silences.items()],
    )
    labels = ("tenant", "source", "kind")
    yield _gauge(
        "upheld_source_up",
        "Whether a source that is fetched from takes what comes: 0 where it is lost, or waits.",
        labels,
        [(key, up) for key, (up, _) in standing.sources.items()],
    )
    lost = CounterMetricFamily("upheld_source_losses", "Times that a source was lost, or not reached.", labels=labels)
    for key, (_, times) in standing.sources.items():
        lost.add_metric(key, times)
    yield lost
    yield from _of_sinks(standing)
    if standing.free is not None:
        yield GaugeMetricFamily("upheld_store_free_bytes", "Free room where the store is kept.", value=standing.free)


def _of_sinks(standing: Standing) -> Iterable[Metric]:
    labels, here = ("tenant", "sink", "kind"), [(key, one) for key, one in standing.sinks.items() if one.up is not None]
    yield _gauge(
        "upheld_sink_lag_events",
        "Events that a destination does not have yet.",
        labels,
        [(key, one.lag) for key, one in standing.sinks.items()],
    )
    yield _gauge(
        "upheld_sink_up",
        "Whether a destination of events takes what comes: 0 where it is away, or refuses.",
        labels,
        [(key, bool(one.up)) for key, one in here],
    )
    yield _gauge(
        "upheld_sink_lag_seconds",
        "How long ago the event happened that a destination is to have next; 0 where it has all.",
        labels,
        [(key, 0 if one.oldest is None else max(standing.at - one.oldest, 0) / 1e6) for key, one in here],
    )
    for name, meaning, count in (
        ("upheld_sink_events", "Events that a destination has taken.", "delivered"),
        ("upheld_sink_failures", "Times that an event could not be sent.", "failed"),
        ("upheld_sink_missed", "Events that were removed before they were sent.", "missed"),
    ):
        family = CounterMetricFamily(name, meaning, labels=labels)
        for key, one in here:
            family.add_metric(key, getattr(one, count))
        yield family


def _word(name: str) -> str:
    return name.lower().replace(" ", "_")


def _gauge(
    name: str, meaning: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family
