"""Measurements taken in: what a body comes to, by the mapping in force of each tenant where it has labels. What cannot
be taken, and what its sender will not send again, is set aside."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from threading import Lock
from typing import Literal

import pyarrow as pa
import structlog

from upheld.agreements.units import HOUR
from upheld.measurements.counters import SUFFIX, Count
from upheld.measurements.dead_letters import MAX_BODY, DeadLetter, dead_letter
from upheld.measurements.mapping import Mapping as SampleMapping
from upheld.measurements.mapping import Place, Unmapped
from upheld.measurements.model import AHEAD, Measurement, to_table
from upheld.measurements.parts import PARTS, faults, named
from upheld.ports import Clock, MeasurementLog, Store
from upheld.process.process import Process
from upheld.readers.bodies import JSON_LINES, Batch, read_body, rejected_part
from upheld.readers.body_faults import TOO_EARLY, MalformedBody, RowFault
from upheld.readers.labelled import Decoding, Received, Receiver, SeriesKey
from upheld.readers.mapping import parse_mapping
from upheld.readers.otlp import OtlpDecoder, from_json
from upheld.readers.remote_write import Decoder, Labels
from upheld.readers.remote_write_2 import Decoder2
from upheld.readers.sample_lines import SampleLines, to_lines
from upheld.readers.tables import Form, forms_read
from upheld.recorder import Recorder
from upheld.taking_in.counting import Counting
from upheld.taking_in.pairing import Pairing
from upheld.taking_in.senders import Senders

Protocol = Literal["remote write", "remote write 2.0", "OTLP", "labelled samples"]
"""How labelled samples come; the last are those that were set aside."""
MEASUREMENTS = "measurements"
"""What a dead letter's path is called whose body has services and metrics, and no labels."""
PROTOBUF, JSON = "application/x-protobuf", "application/json"
MAX_SERIES = 1_000_000
"""Series of one tenant that are known at once, of each version of remote write."""
DECODERS: Mapping[Protocol, Callable[[], Decoding]] = {
    "remote write": partial(Decoder, max_series=MAX_SERIES),
    "remote write 2.0": partial(Decoder2, max_series=MAX_SERIES),
    "OTLP": OtlpDecoder,
    "labelled samples": SampleLines,
}
SHOWN = 1000

log = structlog.get_logger()


class NoMapping(Exception):
    """The tenant has not said what labelled samples become."""


@dataclass(frozen=True, slots=True)
class _InForce:
    """A mapping in force and the series whose values are read, under these versions of mapping and portfolio."""

    versions: tuple[int, int]
    mapping: SampleMapping
    read: Set[SeriesKey]


class Ingestion:
    """What is known of each tenant's senders is kept in memory: after a restart they are learnt again. Measurements of
    more than `ahead` (microseconds) after they were received are not taken."""

    def __init__(
        self,
        store: Store,
        log: MeasurementLog,
        process: Process,
        clock: Clock,
        recorder: Recorder = Recorder(),
        ahead: int = AHEAD,
        senders: Senders | None = None,
    ) -> None:
        self._store, self._process, self._clock, self._recorder = store, process, clock, recorder
        self.ahead, self._counting, self._pairing = ahead, Counting(log), Pairing(log, clock)
        self.senders = Senders(store) if senders is None else senders
        self._lock = Lock()
        self._in_force: dict[str, _InForce] = {}
        self._receivers: dict[tuple[str, Protocol], Receiver] = {}
        self._told_anew: dict[tuple[str, Protocol], int] = {}

    def adopt_mapping(self, tenant: str, source: str, applied_by: str | None) -> int:
        """Puts a mapping (its YAML text) in force and returns its version; the same text again is the same version.
        Raises InputError."""
        parse_mapping(source, "mapping")
        with self._store.transaction(tenant) as t:
            newest = t.mapping()
            if newest is not None and newest[1] == source:
                return newest[0]
            return t.save_mapping(source, self._clock.now(), applied_by)

    def mapping(self, tenant: str) -> SampleMapping:
        """The mapping in force. Raises NoMapping."""
        return self._current(tenant).mapping

    # -- bodies of labelled samples

    def take(self, tenant: str, protocol: Protocol, body: bytes, sender: str | None, form: str = PROTOBUF) -> Received:
        """Takes in a request's body, of the media type `form`: what an objective reads is on disk when this returns.
        Raises MalformedBody where it cannot be read, and NoMapping. A body that cannot be read is set aside, for
        senders give up what is refused; so are samples too far ahead."""
        now = self._clock.now()
        try:
            received = self.read(tenant, protocol, body, now, form)
        except MalformedBody as error:
            self.set_aside(tenant, [_unreadable(now, sender, protocol, form, str(error), body)])
            raise
        self.set_aside(tenant, too_early(now, sender, received))
        if received.future:
            why = f"{received.future:,} samples of a request: {TOO_EARLY}"
            self.senders.failed(tenant, sender, now, why, future=received.future)
        if rows := self.keep(tenant, received.table, received.counts, sender):
            self._recorder.measurements_taken(tenant, protocol, rows)
        self._recorder.measurements_left_out(tenant, protocol, received.left_out)
        return received

    def read(self, tenant: str, protocol: Protocol, body: bytes, received_at: int, form: str = PROTOBUF) -> Received:
        """What a body received at that instant (microseconds UTC) comes to; nothing is kept of it yet. Raises
        MalformedBody and NoMapping."""
        current = self._current(tenant)
        plain = from_json(body) if protocol == "OTLP" and form == JSON else body
        receiver = self._receiver(tenant, protocol)
        received = receiver.read(plain, current.mapping, current.read, received_at, self.ahead)
        if received.anew:
            self._tell_anew(tenant, protocol, received_at)
        return received

    def _tell_anew(self, tenant: str, protocol: Protocol, now: int) -> None:
        self._recorder.series_forgotten(tenant, protocol)
        if now - self._told_anew.get((tenant, protocol), now - HOUR) >= HOUR:
            self._told_anew[tenant, protocol] = now
            log.warning("more series than are remembered: they are learnt anew", tenant=tenant, protocol=protocol)

    def keep(self, tenant: str, table: pa.Table, counts: Sequence[Count], sender: str | None) -> int:
        """Makes measurements durable, what counters rose by, and what parts of ratios count together; returns how many
        samples that were. Raises NotKept."""

        now, kept = self._clock.now(), table

        def keep(rows: pa.Table) -> None:
            self._process.take_measurements(tenant, rows, sender)

        def keep_all(rises: pa.Table) -> None:
            nonlocal kept
            kept = pa.concat_tables([table, rises]).unify_dictionaries()
            keep(kept)

        if counts:
            self._counting.take(tenant, counts, now, keep_all)
        elif table.num_rows:
            keep(table)
        self._pairing.pair(tenant, kept, keep)
        self.senders.delivered(tenant, sender, table if not counts else _with_counts(table, counts, now))
        return int(table.num_rows) + len(counts)

    def keep_rows(self, tenant: str, table: pa.Table, sender: str) -> int:
        """Makes at least one measurement durable, and returns the position of the batch. Raises NotKept."""
        position = self._process.take_measurements(tenant, table, sender)
        self.senders.delivered(tenant, sender, table)
        return position

    # -- bodies of measurements

    def read_measurements(self, tenant: str, form: str, body: bytes, received_at: int) -> Batch:
        """What a body of the media type `form`, received at that instant, comes to; nothing is kept of it yet. Raises
        MalformedBody and WrongContentType."""
        known = self._process.known_series(tenant)
        return read_body(form, body, known=known, received_at=received_at, ahead=self.ahead)

    def note_faults(self, tenant: str, sender: str, faults: Sequence[RowFault], received_at: int) -> None:
        """Counts the rows of a sender that cannot be taken."""
        if faults:
            future, refused = counted(faults)
            error = f"row {faults[0].row}: {faults[0].field}: {faults[0].message}"
            self.senders.failed(tenant, sender, received_at, error, future=future, refused=refused)

    def set_rows_aside(
        self, tenant: str, form: str, body: bytes, batch: Batch, received_at: int, sender: str | None
    ) -> None:
        """Sets aside the faulty rows of a body whose good rows are taken."""
        detail = [{"row": f.row, "field": f.field, "message": f.message} for f in batch.faults]
        letter = dead_letter(
            received_at,
            caller=sender,
            protocol=MEASUREMENTS,
            format=form,
            reason="refused",
            detail=detail,
            body=rejected_part(form, body, batch.faults),
        )
        self.set_aside(tenant, [letter])

    def set_aside(self, tenant: str, letters: Sequence[DeadLetter]) -> None:
        """Keeps what could not be taken."""
        if letters:
            with self._store.transaction(tenant) as t:
                for letter in letters:
                    t.set_aside(letter)

    # -- what came

    def series(self, tenant: str) -> list[tuple[Labels, Place | Unmapped, str]]:
        """The first series that are known, what each becomes, and why no objective reads that; nothing where one does.
        Raises NoMapping."""
        current = self._current(tenant)
        known = [self._receiver(tenant, protocol).series(current.mapping, SHOWN) for protocol in DECODERS]
        came = list(islice(dict(chain.from_iterable(known)).items(), SHOWN))
        reasons = {} if len(came) == SHOWN else faults((p.service, p.metric) for _, p in came if isinstance(p, Place))

        def reason(found: Place | Unmapped) -> str:
            if isinstance(found, Unmapped):
                return found.reason
            key = found.service, found.metric
            return reasons.get(key, "") if key in current.read else "no objective reads it"

        return [(labels, found, reason(found)) for labels, found in came]

    def _receiver(self, tenant: str, protocol: Protocol) -> Receiver:
        with self._lock:
            if (tenant, protocol) not in self._receivers:
                self._receivers[tenant, protocol] = Receiver(DECODERS[protocol])
            return self._receivers[tenant, protocol]

    def _current(self, tenant: str) -> _InForce:
        with self._store.transaction(tenant, writing=False) as t:
            newest = t.mapping()
        if newest is None:
            raise NoMapping
        portfolio = self._process.in_force(tenant)
        versions = newest[0], 0 if portfolio is None else portfolio.version
        known = self._in_force.get(tenant)
        if known is None or known.versions != versions:
            forms = {} if portfolio is None else forms_read(portfolio.every_term)
            read = values_read(forms)
            known = self._in_force[tenant] = _InForce(versions, parse_mapping(newest[1], "mapping"), read)
        return known


def _with_counts(table: pa.Table, counts: Sequence[Count], known_at: int) -> pa.Table:
    """What was delivered: the samples of counters, and not what they rose by."""
    rows = [Measurement(c.service, c.metric + SUFFIX, c.time, c.value, known_at=known_at) for c in counts]
    return pa.concat_tables([table, to_table(rows)])


def counted(faults: Sequence[RowFault]) -> tuple[int, int]:
    """How many rows lie too far ahead, and how many have another fault alone."""
    early = {fault.row for fault in faults if fault.message == TOO_EARLY}
    return len(early), len({fault.row for fault in faults} - early)


def values_read(forms: Mapping[SeriesKey, Set[Form]]) -> frozenset[SeriesKey]:
    """The series whose values are read, of those that objectives read (`forms_read`): also the parts of counts."""
    values = {series for series, wanted in forms.items() if "values" in wanted}
    counts = {series for series, wanted in forms.items() if "counts" in wanted}
    return frozenset(values | {(service, named(metric, part)) for service, metric in counts for part in PARTS})


def _unreadable(
    received_at: int, sender: str | None, protocol: str, form: str, message: str, body: bytes
) -> DeadLetter:
    return dead_letter(
        received_at,
        caller=sender,
        protocol=protocol,
        format=form,
        reason="malformed",
        detail=[{"message": message}],
        body=body,
    )


def too_early(received_at: int, sender: str | None, received: Received) -> list[DeadLetter]:
    """The samples that lie too far ahead, to be set aside: in as many letters as hold them whole."""
    bodies = [b""]
    for line in to_lines(received.too_early):
        if len(bodies[-1]) + len(line) > MAX_BODY:
            bodies.append(b"")
        bodies[-1] += line
    return [
        dead_letter(
            received_at,
            caller=sender,
            protocol="labelled samples",
            format=JSON_LINES[0],
            reason="future",
            detail=[{"message": "lies too far in the future"}],
            body=body,
        )
        for body in bodies
        if body
    ]
