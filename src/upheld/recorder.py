"""What the process tells of its own work, as plain numbers: what is counted and timed where it happens.

`Recorder` itself keeps nothing, and is what a part works with that nobody watches; `telemetry.Telemetry` makes metrics
of what it is told, `tracing.Traces` spans. Durations are seconds on the machine's monotonic clock, but for the delays
from a measurement's arrival, which are differences of the server's own clock (`ports.Clock`), in microseconds. Nothing
is called for a single sample: one call tells of a request, a batch or a pulse.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

Attribute = str | int | float | bool


class Span:
    """A piece of work that is traced; this one is not."""

    def named(self, name: str) -> None:
        """Calls it otherwise than at its beginning."""

    def tell(self, **attributes: Attribute) -> None:
        """What else is known of it: ids, kinds and numbers; never an address, a text or a secret."""

    def failed(self, why: str) -> None:
        """It came to nothing; `why` is a type or a reason that holds no data."""


NOT_TRACED = Span()


class Recorder:
    """Keeps nothing. Names of tenants, kinds, channels and protocols are few; addresses and texts are never told."""

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """An HTTP request was answered; `route` is its template."""

    def measurements_taken(self, tenant: str, protocol: str, rows: int) -> None:
        """Measurements of a request were kept: they are durable."""

    def measurements_left_out(self, tenant: str, protocol: str, reasons: Mapping[str, int]) -> None:
        """Samples of a request were left out, or rows refused, by their reason."""

    def series_forgotten(self, tenant: str, protocol: str) -> None:
        """A request had more series than are remembered with those before it: these were forgotten."""

    def batch_appended(self, rows: int, seconds: float) -> None:
        """A batch was appended to the log; `seconds` until it was durable, with waiting for its turn."""

    def log_synced(self, size: int, seconds: float) -> None:
        """Bytes of the log were made durable at once."""

    def batch_assessed(self, tenant: str, position: int) -> None:
        """The log was read and taken into the assessment up to a position."""

    def request_refused(self, tenant: str, cause: str) -> None:
        """A request was not let in, for a rate (`samples`, `bytes`, `requests`), `backlog`, `places` or `memory`."""

    def pulse_ended(self, tenant: str, seconds: float, as_of: int) -> None:
        """A tenant was assessed up to the instant `as_of` (microseconds UTC)."""

    def pulse_failed(self, tenant: str) -> None:
        """A tenant could not be assessed."""

    def verdicts_kept(self, statuses: Sequence[str], delays: Sequence[int]) -> None:
        """Verdicts that had changed were kept, with these statuses; `delays` since they could have been (see
        `arrivals`), of those that measurements and time have changed."""

    def verdict_failed(self) -> None:
        """A verdict could not be kept: it is tried again with the next pulse."""

    def case_opened(self, tenant: str, kind: str) -> None:
        """A case was opened."""

    def entry_performed(self, kind: str, outcome: str) -> None:
        """An entry of the agenda ended as `done`, was `put_off` to be tried again, or was `given_up`."""

    def notice_ended(self, kind: str, channel: str, state: str) -> None:
        """A notice came to be `sent`, `stopped` or `failed`, and stays that."""

    def notice_attempted(self, channel: str, outcome: str, seconds: float) -> None:
        """A notice was `handed_over` to its channel, or that `failed`."""

    def own_text_failed(self, template: str) -> None:
        """A notice went out with the text that is shipped, for the provider's own, `de/violation`, failed."""

    def notice_arrived(self, channel: str, delay: int) -> None:
        """A notice that measurements gave reason for was handed over, `delay` after it could have been known (see
        `arrivals`)."""

    # -- traces -------------------------------------------------------------------------------------------------

    def span(
        self,
        name: str,
        *,
        carried: Mapping[str, str] | None = None,
        lasting: float = 0,
        kind: str = "internal",
        **attributes: Attribute,
    ) -> AbstractContextManager[Span]:
        """Traces what is done within, as a part of what is being traced around it, or of the trace that `carried` names
        (W3C trace context). It has been lasting for some seconds already. kind: `internal`, `server`, `client`,
        `producer` or `consumer`."""
        return nullcontext(NOT_TRACED)

    def carried(self) -> Mapping[str, str]:
        """What names the trace that this is done within, to carry it elsewhere (W3C trace context); nothing outside of
        one."""
        return {}

    def trace_id(self) -> str | None:
        """The id of the trace that this is done within."""
        return None

    def close(self) -> None:
        """Hands out what is still here."""
