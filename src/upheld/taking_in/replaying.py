"""Dead letters replayed: what was set aside is taken in by the path that it came by, once the mapping, the agreement or
whatever was at fault has been mended.

What is taken then counts as known since it was received: a correction that came since holds, and a replay that is cut
off and begun again gives the same measurements, which changes nothing. What an alarm says is ordered by its own times.
A replay is recorded before it begins; what fails again waits on, with what is wrong now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol, cast

import pyarrow as pa

from upheld.measurements.counters import Count
from upheld.measurements.dead_letters import DeadLetter
from upheld.ports import Clock, Conflict, Store
from upheld.readers.body_faults import MalformedBody, WrongContentType
from upheld.recorder import Recorder
from upheld.taking_in.ingesting import DECODERS, MEASUREMENTS, Ingestion, NoMapping
from upheld.taking_in.ingesting import Protocol as Labelled
from upheld.taking_in.reported import WAYS, Reports


class Unknown(Exception):
    """There is no dead letter of that id."""


class DealtWith(Exception):
    """It was replayed or discarded already, or someone else is at it."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay: the letter as it is now, without its body, how many measurements or alarms were `taken`,
    and how many samples nothing reads, by their reason."""

    letter: DeadLetter
    taken: int = 0
    left_out: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class _Reading:
    table: pa.Table | None
    counts: Sequence[Count] = ()
    faults: Sequence[dict[str, Any]] = ()
    reason: str = ""
    left_out: dict[str, int] | None = None
    taken: int = 0


class OwnWay(Protocol):
    """A path whose letters are not replayed by their body alone."""

    def take_again(self, tenant: str, letter: DeadLetter) -> tuple[int, Sequence[Mapping[str, Any]], str]:
        """Takes in what can be taken now: how many measurements, and of what cannot be the faults and the reason.
        Raises NotKept."""

    def discarded(self, tenant: str, letter: DeadLetter) -> None:
        """A letter was given up."""


class Replays:
    """Replays and discards the dead letters of every tenant; those of some paths in `own_ways`."""

    def __init__(
        self,
        store: Store,
        ingestion: Ingestion,
        reports: Reports,
        clock: Clock,
        recorder: Recorder = Recorder(),
        own_ways: Mapping[str, OwnWay] = MappingProxyType({}),
    ) -> None:
        self._store, self._ingestion, self._reports, self._clock = store, ingestion, reports, clock
        self._recorder, self._own_ways = recorder, own_ways

    def replay(self, tenant: str, letter_id: str, by: str | None) -> Replay:
        """Takes in what can be taken now. Raises Unknown, DealtWith and NotKept."""
        letter = self._change(tenant, letter_id)
        read = self._read(tenant, letter)
        taken = read.taken
        if read.table is not None:
            table = _known_since(read.table, letter.received_at)
            taken = self._ingestion.keep(tenant, table, read.counts, letter.caller)
            if taken:
                self._recorder.measurements_taken(tenant, "replay", taken)
        if read.faults:
            after = replace(letter, reason=read.reason, detail=tuple(read.faults))
        else:
            after = replace(letter, state="replayed", ended_at=self._clock.now(), ended_by=by)
        try:
            with self._store.transaction(tenant) as t:
                t.change_dead_letter(after, letter.attempts)
        except Conflict as error:
            raise DealtWith(str(error)) from None
        return Replay(replace(after, body=b""), taken, read.left_out)

    def discard(self, tenant: str, letter_id: str, by: str | None) -> DeadLetter:
        """Gives it up: nobody is told of it any more. Raises Unknown and DealtWith."""
        letter = self._change(tenant, letter_id, discarded_by=by, discard=True)
        if letter.protocol in self._own_ways:
            self._own_ways[letter.protocol].discarded(tenant, letter)
        return replace(letter, body=b"")

    def _change(
        self, tenant: str, letter_id: str, *, discard: bool = False, discarded_by: str | None = None
    ) -> DeadLetter:
        """Records that a replay begins, or that it is discarded."""
        try:
            with self._store.transaction(tenant) as t:
                letter = t.dead_letter(letter_id)
                if letter is None:
                    raise Unknown(f"there is no dead letter {letter_id}")
                if letter.state != "waiting":
                    raise DealtWith(f"the dead letter {letter_id} was {letter.state} already")
                if discard:
                    after = replace(letter, state="discarded", ended_at=self._clock.now(), ended_by=discarded_by)
                else:
                    after = replace(letter, attempts=letter.attempts + 1)
                t.change_dead_letter(after, letter.attempts)
                return after
        except Conflict as error:
            raise DealtWith(str(error)) from None

    def _read(self, tenant: str, letter: DeadLetter) -> _Reading:
        """What its body comes to now."""
        if not letter.body:  # it was never read, and its detail says what and where it is
            return _Reading(None, faults=[dict(fault) for fault in letter.detail], reason=letter.reason)
        if letter.cut:
            why = f"the body had {letter.size:,} bytes, and only the first {len(letter.body):,} were kept"
            return _failed(letter.reason, why)
        try:
            if letter.protocol == MEASUREMENTS:
                return self._measurements(tenant, letter)
            if letter.protocol in DECODERS:
                return self._samples(tenant, letter)
            if letter.protocol in WAYS:
                return self._alarms(tenant, letter)
            if letter.protocol in self._own_ways:
                taken, faults, reason = self._own_ways[letter.protocol].take_again(tenant, letter)
                return _Reading(None, faults=[dict(fault) for fault in faults], reason=reason, taken=taken)
        except (MalformedBody, WrongContentType) as error:
            return _failed("malformed", str(error))
        except NoMapping:
            return _failed(letter.reason, "there is no mapping yet: PUT /v1/mapping, or upheld ingest apply")
        return _failed(letter.reason, f"what came by {letter.protocol} cannot be replayed")

    def _measurements(self, tenant: str, letter: DeadLetter) -> _Reading:
        batch = self._ingestion.read_measurements(tenant, letter.format, letter.body, self._clock.now())
        faults = [{"row": f.row, "field": f.field, "message": f.message} for f in batch.faults]
        return _Reading(batch.table, faults=faults, reason="refused")

    def _samples(self, tenant: str, letter: DeadLetter) -> _Reading:
        protocol = cast(Labelled, letter.protocol)
        received = self._ingestion.read(tenant, protocol, letter.body, self._clock.now(), letter.format)
        message = f"{received.future} of its samples lie too far in the future"
        faults = [{"message": message}] if received.future else []
        return _Reading(received.table, received.counts, faults, "future", received.left_out)

    def _alarms(self, tenant: str, letter: DeadLetter) -> _Reading:
        came = self._reports.take_again(tenant, letter.protocol, letter.body)
        left_out = {"without_event": len(came.reasons)} if came.reasons else None
        faults = [dict(fault) for fault in came.faults]
        return _Reading(None, faults=faults, reason="refused", left_out=left_out, taken=len(came.alarms))


def _failed(reason: str, message: str) -> _Reading:
    return _Reading(None, faults=[{"message": message}], reason=reason)


def _known_since(table: pa.Table, at: int) -> pa.Table:
    place = table.schema.get_field_index("known_at")
    return table.set_column(place, table.schema.field(place), pa.repeat(pa.scalar(at, pa.int64()), table.num_rows))
