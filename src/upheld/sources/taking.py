"""Messages and files -> measurements in the log, and what cannot be read set aside.

When a measurement became known decides which of two holds. Of a message that may come again out of its order it is when
the broker took it in, so that it comes again as the same; of others when they were received, each later than the one
before it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import structlog

from upheld.measurements.counters import Count
from upheld.measurements.dead_letters import DeadLetter, dead_letter
from upheld.measurements.model import COLUMNS
from upheld.ports import Clock
from upheld.process.process import Process
from upheld.readers.bodies import ARROW_FILE, ARROW_STREAM, CSV, JSON_LINES, PARQUET, Batch, read_body, rejected_part
from upheld.readers.body_faults import MalformedBody, WrongContentType
from upheld.recorder import Recorder
from upheld.sources.declared import Format, Source
from upheld.sources.feeds import Message
from upheld.taking_in.admission import Admission, Refused
from upheld.taking_in.ingesting import JSON, MEASUREMENTS, PROTOBUF, Ingestion, NoMapping, counted, too_early
from upheld.taking_in.ingesting import Protocol as Labelled

log = structlog.get_logger("upheld.sources")

_TYPES: Mapping[Format, str] = {"jsonl": JSON_LINES[0], "csv": CSV, "parquet": PARQUET, "remote_write": PROTOBUF}
_LABELLED: Mapping[Format, Labelled] = {"remote_write": "remote write", "otlp": "OTLP"}


class NotYet(Exception):
    """Nothing can be taken in yet; `str()` says what is missing."""


@dataclass(slots=True)
class Readings:
    """What messages came to: measurements, samples of counters, what is set aside, and how many rows were left out, by
    their reason; `future` and `refused` count those too far ahead, and those of another fault. `size` is the bytes that
    they had, `kept` how many measurements were made durable, once they are."""

    tables: list[pa.Table] = field(default_factory=list)
    counts: list[Count] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    future: int = 0
    refused: int = 0
    size: int = 0
    kept: int | None = None

    @property
    def table(self) -> pa.Table:
        return pa.concat_tables(self.tables).unify_dictionaries() if self.tables else COLUMNS.empty_table()

    @property
    def none_taken(self) -> bool:
        """Whether all that there was is set aside."""
        return bool(self.letters) and not self.counts and not any(table.num_rows for table in self.tables)


class Taking:
    """Takes messages and files in, whatever they came by, as far as `admission` lets their tenants."""

    def __init__(
        self,
        process: Process,
        ingestion: Ingestion,
        clock: Clock,
        recorder: Recorder = Recorder(),
        admission: Admission | None = None,
    ) -> None:
        self._process, self._ingestion, self._clock, self._recorder = process, ingestion, clock, recorder
        self._admission = admission
        self._lock, self._last = Lock(), 0

    def now(self) -> int:
        """An instant that was not given before, in microseconds UTC."""
        with self._lock:
            self._last = max(self._last + 1, self._clock.now())
            return self._last

    def read(self, source: Source, kind: Format, messages: Sequence[Message]) -> Readings:
        """What messages of that format come to; nothing is kept of it yet. Raises NotYet."""
        known = self._process.known_series(source.tenant)
        if not known:
            raise NotYet(f"tenant {source.tenant} has no agreement in force whose objectives read measurements")
        if self._admission is not None:
            try:
                self._admission.check(source.tenant)
            except Refused as refused:
                raise NotYet(f"tenant {source.tenant}: {refused}") from None
        found = Readings(size=sum(len(message.body) for message in messages))
        for message in messages:
            now = self.now()
            at = now if message.at is None else min(message.at, now)
            before = len(found.letters)
            try:
                self._read(source, kind, message.body, at, known, found)
            except (MalformedBody, WrongContentType) as error:
                found.letters.append(letter(source, kind, message.body, at, "malformed", str(error)))
            except NoMapping:
                raise NotYet(f"tenant {source.tenant} has no mapping: upheld ingest apply") from None
            except (ArithmeticError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
                # A fault of ours; whatever comes behind it must not wait for it.
                log.exception("a message broke its reader", source=source.id, message=message.name)
                why = f"its reader failed: {type(error).__name__}"
                found.letters.append(letter(source, kind, message.body, at, "failed", why))
            found.letters[before:] = [_named(one, message.name) for one in found.letters[before:]]
        return found

    def _read(
        self, source: Source, kind: Format, body: bytes, at: int, known: Set[tuple[str, str]], found: Readings
    ) -> None:
        if len(body) > source.max_bytes:
            raise MalformedBody(f"it has {len(body):,} bytes, and at most {source.max_bytes:,} are taken")
        if kind in _LABELLED:
            received = self._ingestion.read(source.tenant, _LABELLED[kind], body, at, media_type(kind, body))
            found.letters += too_early(at, source.id, received)
            found.tables.append(received.table)
            found.counts += received.counts
            found.left_out.update(received.left_out)
            found.future += received.future
            return
        leaving = source.unread == "leave_out"
        wanted = None if leaving else known
        batch = read_body(media_type(kind, body), body, known=wanted, received_at=at, ahead=self._ingestion.ahead)
        if batch.faults:
            found.left_out["refused"] += len({fault.row for fault in batch.faults})
            future, refused = counted(batch.faults)
            found.future, found.refused = found.future + future, found.refused + refused
            found.letters.append(_refused(source, kind, body, at, batch))
        if batch.faults and source.bad_rows == "whole":
            return
        table = _read_ones(batch.table, known) if leaving else batch.table
        found.left_out["unread"] += batch.table.num_rows - table.num_rows
        found.tables.append(table)

    def keep(self, source: Source, found: Readings) -> int:
        """Makes it durable, and returns how many measurements there were. Raises NotKept: tried again, it goes on with
        what is not durable yet. What is set aside comes last, so that it counts once however often the log refuses."""
        if found.kept is None:
            found.kept = self._ingestion.keep(source.tenant, found.table, found.counts, source.id)
            if found.kept:
                self._recorder.measurements_taken(source.tenant, source.kind, found.kept)
            self._recorder.measurements_left_out(source.tenant, source.kind, +found.left_out)
            if found.future or found.refused:
                error = f"{found.future + found.refused:,} measurements could not be taken"
                counts = {"future": found.future, "refused": found.refused}
                self._ingestion.senders.failed(source.tenant, source.id, self._clock.now(), error, **counts)
            if self._admission is not None:
                samples = found.kept + found.left_out.total()
                self._admission.charge(source.tenant, samples=samples, size=found.size)
        self.set_aside(source, found.letters)
        return found.kept

    def failed(self, source: Source, why: str) -> None:
        """Takes note of why nothing can be fetched or taken."""
        self._ingestion.senders.failed(source.tenant, source.id, self._clock.now(), why)

    def set_aside(self, source: Source, letters: Sequence[DeadLetter]) -> None:
        """Keeps what could not be taken."""
        self._ingestion.set_aside(source.tenant, letters)
        for one in letters:
            error = f"{one.reason}: {one.detail[0]['message']}" if one.detail else one.reason
            self.failed(source, error)
            log.warning("set aside", source=source.id, tenant=source.tenant, letter=one.id, reason=one.reason)


def letter(
    source: Source,
    kind: Format,
    body: bytes,
    at: int,
    reason: str,
    message: str,
    unread: tuple[str, int] | None = None,
) -> DeadLetter:
    """What of a source could not be taken at all; `unread` as `dead_letter` has it."""
    return _letter(source, kind, body, at, reason, [{"message": message}], unread)


def _letter(
    source: Source,
    kind: Format,
    body: bytes,
    at: int,
    reason: str,
    detail: Sequence[Mapping[str, Any]],
    unread: tuple[str, int] | None = None,
) -> DeadLetter:
    return dead_letter(
        at,
        caller=source.id,
        protocol=_LABELLED.get(kind, MEASUREMENTS),
        format=media_type(kind, body),
        reason=reason,
        detail=detail,
        body=body,
        unread=unread,
    )


def _named(one: DeadLetter, name: str) -> DeadLetter:
    """With the message or file that it came in."""
    return replace(one, detail=tuple({**fault, "message": f"{name}: {fault['message']}"} for fault in one.detail))


def _refused(source: Source, kind: Format, body: bytes, at: int, batch: Batch) -> DeadLetter:
    """The rows of a body that could not be taken; the whole body where none is taken, or rows cannot be cut out."""
    detail = [{"row": fault.row, "field": fault.field, "message": fault.message} for fault in batch.faults]
    if source.bad_rows == "apart" and batch.table.num_rows:
        body = rejected_part(media_type(kind, body), body, batch.faults)
    return _letter(source, kind, body, at, "refused", detail)


def media_type(kind: Format, body: bytes) -> str:
    """The media type of a body of that format."""
    if kind == "arrow":
        return ARROW_FILE if body.startswith(b"ARROW1") else ARROW_STREAM
    if kind == "otlp":
        return JSON if body.lstrip()[:1] == b"{" else PROTOBUF
    return _TYPES[kind]


def _read_ones(table: pa.Table, known: Set[tuple[str, str]]) -> pa.Table:
    """The rows that objectives read."""
    services = table.column("service").cast(pa.string())
    metrics = table.column("metric").cast(pa.string())
    pairs = pc.binary_join_element_wise(services, metrics, "\x1f")
    return table.filter(pc.is_in(pairs, pa.array([f"{service}\x1f{metric}" for service, metric in known], pa.string())))
