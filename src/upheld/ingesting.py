"""Labelled samples taken in: the mapping in force of each tenant, and the requests of its senders."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from threading import Lock
from typing import Literal

from upheld.measurements.mapping import Mapping as SampleMapping
from upheld.measurements.mapping import Place, Unmapped
from upheld.ports import Clock, Store
from upheld.process import Process
from upheld.readers.labelled import Decoding, Received, Receiver, SeriesKey
from upheld.readers.mapping import parse_mapping
from upheld.readers.otlp import OtlpDecoder
from upheld.readers.remote_write import Decoder, Labels
from upheld.readers.tables import forms_read
from upheld.recorder import Recorder

Protocol = Literal["remote write", "OTLP"]
MAX_SERIES = 1_000_000
"""Series that one tenant may send by remote write."""
DECODERS: Mapping[Protocol, Callable[[], Decoding]] = {
    "remote write": partial(Decoder, max_series=MAX_SERIES),
    "OTLP": OtlpDecoder,
}
SHOWN = 1000


class NoMapping(Exception):
    """The tenant has not said what labelled samples become."""


@dataclass(frozen=True, slots=True)
class _InForce:
    """A mapping in force and the series whose values are read, under these versions of mapping and portfolio."""

    versions: tuple[int, int]
    mapping: SampleMapping
    read: Set[SeriesKey]


class Ingestion:
    """What is known of each tenant's senders is kept in memory: after a restart they are learnt again."""

    def __init__(self, store: Store, process: Process, clock: Clock, recorder: Recorder = Recorder()) -> None:
        self._store, self._process, self._clock, self._recorder = store, process, clock, recorder
        self._lock = Lock()
        self._in_force: dict[str, _InForce] = {}
        self._receivers: dict[tuple[str, Protocol], Receiver] = {}

    def adopt_mapping(self, tenant: str, source: str, applied_by: str | None) -> int:
        """Puts a mapping (its YAML text) in force and returns its version; the same text again is the same version.
        Raises InputError."""
        parse_mapping(source, "mapping")
        with self._store.transaction(tenant) as t:
            newest = t.mapping()
            if newest is not None and newest[1] == source:
                return newest[0]
            return t.save_mapping(source, self._clock.now(), applied_by)

    def take(self, tenant: str, protocol: Protocol, body: bytes, sender: str | None) -> Received:
        """Takes in a request's body: what an objective reads is on disk when this returns. Raises MalformedBody where
        it cannot be read, and NoMapping."""
        current = self._current(tenant)
        received = self._receiver(tenant, protocol).read(body, current.mapping, current.read, self._clock.now())
        if received.table.num_rows:
            self._process.take_measurements(tenant, received.table, sender)
            self._recorder.measurements_taken(tenant, protocol, received.table.num_rows)
        self._recorder.measurements_left_out(tenant, protocol, received.left_out)
        return received

    def series(self, tenant: str) -> list[tuple[Labels, Place | Unmapped, bool]]:
        """The first series that have come since the start, what each becomes, and whether an objective reads that.
        Raises NoMapping."""
        current = self._current(tenant)
        came = [self._receiver(tenant, protocol).series(current.mapping, SHOWN) for protocol in DECODERS]
        return [
            (labels, found, isinstance(found, Place) and (found.service, found.metric) in current.read)
            for labels, found in islice(chain.from_iterable(came), SHOWN)
        ]

    def _receiver(self, tenant: str, protocol: Protocol) -> Receiver:
        with self._lock:
            if (tenant, protocol) not in self._receivers:
                self._receivers[tenant, protocol] = Receiver(DECODERS[protocol]())
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
            read = frozenset(series for series, wanted in forms.items() if "values" in wanted)
            known = self._in_force[tenant] = _InForce(versions, parse_mapping(newest[1], "mapping"), read)
        return known
