"""Alarms taken in, as other systems report them: read, kept by the mapping in force of each tenant, and counted. What
cannot be taken is set aside, for who reports it does not do so again."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from upheld.analysis.alarms import Alarm, Report
from upheld.measurements.dead_letters import dead_letter
from upheld.ports import Clock, Store
from upheld.process.casework.alarming import Taken
from upheld.process.process import Process
from upheld.readers.alertmanager import read_webhook, webhook_of
from upheld.readers.body_faults import MalformedBody, RowFault
from upheld.readers.tmf642 import EVENT_KINDS, read_change, read_created, read_event
from upheld.readers.tmf_bodies import Unfit
from upheld.recorder import Recorder
from upheld.taking_in.ingesting import JSON, Ingestion

ALERTMANAGER, CREATED, CHANGED = "Alertmanager", "TMF642 alarm", "TMF642 change"
"""What the ways are called by which alarms come; those of notifications begin with `NOTIFIED`."""
NOTIFIED = "TMF642 "


def _one(read: Callable[[bytes, int], Report], body: bytes, latest: int) -> tuple[list[Report], list[RowFault]]:
    try:
        return [read(body, latest)], []
    except Unfit as error:
        return [], error.faults


WAYS: Mapping[str, Callable[[bytes, int], tuple[list[Report], list[RowFault]]]] = {
    ALERTMANAGER: read_webhook,
    CREATED: partial(_one, read_created),
    **{NOTIFIED + kind: partial(_one, partial(read_event, kind)) for kind in EVENT_KINDS},
}


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a body: the alarms that were taken, the faults of those that were not (each with its `row`, counted
    from 1, its `field` and `message`), and why something that was taken opens no event. `conflicts` says that what is
    wrong is not in the body but does not go with what is known."""

    alarms: Sequence[Alarm]
    faults: Sequence[Mapping[str, Any]]
    reasons: Sequence[str]
    conflicts: bool = False


class Reports:
    """The alarms of every tenant."""

    def __init__(
        self, store: Store, ingestion: Ingestion, process: Process, clock: Clock, recorder: Recorder = Recorder()
    ) -> None:
        self._store, self._ingestion, self._process = store, ingestion, process
        self._clock, self._recorder = clock, recorder

    def take(self, tenant: str, way: str, body: bytes, sender: str | None) -> Came:
        """Takes in a body: its alarms, and the events that they open and close, are on disk when this returns, and what
        could not be taken of it is set aside. Raises MalformedBody where nothing of it can be read, and NoMapping."""
        now = self._clock.now()
        try:
            came = self.take_again(tenant, way, body)
        except MalformedBody as error:
            self._set_aside(tenant, way, body, sender, now, "malformed", [{"message": str(error)}])
            raise
        if came.faults:
            left = body if way != ALERTMANAGER else webhook_of(body, {fault["row"] for fault in came.faults})
            self._set_aside(tenant, way, left, sender, now, "refused", came.faults)
        return came

    def take_again(self, tenant: str, way: str, body: bytes) -> Came:
        """As `take`, of what has been set aside already."""
        mapping = self._ingestion.mapping(tenant)
        reports, faults = WAYS[way](body, self._latest())
        bad = {fault.row for fault in faults}
        rows = [row for row in range(1, len(reports) + len(bad) + 1) if row not in bad]
        taken = self._process.take_alarms(tenant, reports, mapping)
        found = [{"row": f.row, "field": f.field, "message": f.message} for f in faults]
        found += [
            {"row": row, "number": report.number, "field": "", "message": one.rejected}
            for row, report, one in zip(rows, reports, taken, strict=True)
            if one.rejected
        ]
        return self._came(tenant, way, taken, found)

    def change(self, tenant: str, alarm_id: int, body: bytes) -> Came | None:
        """Takes in a change of an alarm, a JSON merge patch of TMF642's resource; None where there is no such alarm.
        Who asks for it is told what is wrong, and nothing is set aside. Raises MalformedBody and NoMapping."""
        mapping = self._ingestion.mapping(tenant)
        with self._store.transaction(tenant, writing=False) as t:
            known = t.alarm(alarm_id)
        if known is None:
            return None
        read = partial(read_change, known, self._clock.now())
        reports, faults = _one(read, body, self._latest())
        taken = self._process.take_alarms(tenant, reports, mapping)
        found = [{"row": f.row, "field": f.field, "message": f.message} for f in faults]
        found += [{"row": 1, "field": "", "message": one.rejected} for one in taken if one.rejected]
        return self._came(tenant, CHANGED, taken, found)

    def _came(self, tenant: str, way: str, taken: Sequence[Taken], faults: Sequence[Mapping[str, Any]]) -> Came:
        accepted = [one for one in taken if one.alarm is not None and not one.rejected]
        reasons = [reason for one in accepted for reason in one.reasons]
        counts = Counter(refused=len({fault["row"] for fault in faults}), without_event=len(reasons))
        self._recorder.measurements_left_out(tenant, way, +counts)
        alarms = [one.alarm for one in accepted if one.alarm is not None]
        return Came(alarms, faults, reasons, conflicts=any(one.rejected for one in taken))

    def _latest(self) -> int:
        return self._clock.now() + self._ingestion.ahead

    def _set_aside(
        self,
        tenant: str,
        way: str,
        body: bytes,
        sender: str | None,
        at: int,
        reason: str,
        detail: Sequence[Mapping[str, Any]],
    ) -> None:
        letter = dead_letter(at, caller=sender, protocol=way, format=JSON, reason=reason, detail=detail, body=body)
        self._ingestion.set_aside(tenant, [letter])
